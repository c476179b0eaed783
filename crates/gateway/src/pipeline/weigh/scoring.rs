//! What of a request is scored: the turn that says what is to be done, and the shape of everything.
//!
//! Text parts of one message are paragraphs: a document and a question about it, or two blocks of system
//! instructions. Between them stands a line break, as between messages of instructions.

use std::cell::RefCell;

use smallvec::SmallVec;
use steelyard_router::{Score, ScoreInput, Scorer, Scratch, Shape, visible_bytes};
use steelyard_types::{ChatRequest, Message, OutputFormat, Part, ReasoningControl, Role};

use super::says::Says;

/// Pieces of a text, with what stands between them.
type Texts<'m> = SmallVec<[&'m str; 16]>;

thread_local! {
    /// The scorer's table, reused by every request of a thread.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

/// Visible bytes of text beside an image that leave it open what is to be done, a CHOICE: "What does this
/// say?" is as short as "Solve this".
const FEW_BYTES: usize = 40;

/// Scores what the model must do now, and the shape of everything.
pub(crate) fn score_request(request: &ChatRequest<'_>, scorer: &Scorer) -> Score {
    let asked = asked(request);
    let task = asked.map(|index| Task::of(&request.messages, index));
    let segments = paragraphs(task.iter().map(|task| task.turn));
    let before = paragraphs(task.iter().filter_map(|task| task.before));
    // Thanks are no material for the task that instructions give.
    let instructs = task.as_ref().is_none_or(|task| !task.is_courtesy);
    let instructions = request.messages.iter();
    let instructions = paragraphs(instructions.filter(|one| instructs && is_instruction(one)));
    let mut shape = shape(request, asked);
    shape.shows = task.is_some_and(|task| task.shows);
    let input = ScoreInput {
        segments: &segments,
        before: &before,
        instructions: &instructions,
        shape,
    };
    SCRATCH.with_borrow_mut(|scratch| scorer.score(&input, scratch))
}

/// Tells in a clause what of a request is scored, for explanations.
pub(crate) fn what_is_scored(request: &ChatRequest<'_>, scorer: &Scorer) -> String {
    let reading = score_request(request, scorer).reading;
    let Some(asked) = asked(request) else {
        return "nothing, since there is no message".to_owned();
    };
    let task = Task::of(&request.messages, asked);
    let last = &request.messages[asked];
    let mut told = match (last.role, std::ptr::eq(task.turn, last)) {
        (Role::User, true) => "the last user turn".to_owned(),
        (Role::User, false) => {
            "an earlier user turn, which the last one only refers to or thanks for".to_owned()
        }
        _ => "the last message, since no user turn has text".to_owned(),
    };
    for (holds, clause) in [
        (
            task.before.is_some(),
            ", half, and the turn that it goes on about, half",
        ),
        (
            task.is_courtesy,
            ", which only greets, thanks or takes note",
        ),
        (task.shows, ", of which a picture may show anything"),
        (
            reading.instructed,
            ", under the task that the system message gives",
        ),
        (reading.light, ", as light work"),
        (reading.gives_back, ", its text expected back"),
    ] {
        if holds {
            told.push_str(clause);
        }
    }
    told
}

/// The message that is asked last: a user's, where there is one.
fn asked(request: &ChatRequest<'_>) -> Option<usize> {
    let last_user = request.messages.iter().rposition(is_user_turn);
    last_user.or_else(|| request.messages.len().checked_sub(1))
}

/// The texts of messages, a line break between two.
fn paragraphs<'m, 'a: 'm>(messages: impl Iterator<Item = &'m Message<'a>>) -> Texts<'m> {
    let mut pieces = Texts::new();
    let texts = messages.flat_map(Message::texts);
    for text in texts.filter(|text| !text.is_empty()) {
        if !pieces.is_empty() {
            pieces.push("\n");
        }
        pieces.push(text);
    }
    pieces
}

/// Whether a user says something. What built-in tools of the Responses API gave is nothing here.
fn is_user_turn(message: &Message<'_>) -> bool {
    message.role == Role::User && !message.content.is_empty()
}

fn is_instruction(message: &Message<'_>) -> bool {
    matches!(message.role, Role::System | Role::Developer)
}

/// The turns that say what is to be done.
struct Task<'m, 'a> {
    turn: &'m Message<'a>,
    /// What the turn goes on about.
    before: Option<&'m Message<'a>>,
    /// Whether one of them, or of those between, is an image with few words.
    shows: bool,
    /// Whether there is only thanks, a greeting or assent.
    is_courtesy: bool,
}

impl<'m, 'a> Task<'m, 'a> {
    /// The turn asked last or, where that only refers to what came before ("continue"), the latest one
    /// that does not; where that goes on about a task ("that is wrong"), this task as well. The first of
    /// all turns that go on goes on about nothing: it is the task.
    fn of(messages: &'m [Message<'a>], asked: usize) -> Self {
        let last = &messages[asked];
        let mut task = Self {
            turn: last,
            before: None,
            shows: shows(last),
            is_courtesy: false,
        };
        // Nothing before it, no instructions: most requests.
        if last.role != Role::User || messages.len() == 1 {
            return task;
        }
        let (at, mut says) = last_said(messages, asked);
        let mut earlier = messages[..at]
            .iter()
            .rev()
            .filter(|one| is_user_turn(one))
            .map(|one| (one, Says::of(one)))
            .filter(|(_, says)| matches!(says, Says::Task | Says::GoesOn));
        task.turn = &messages[at];
        task.is_courtesy = says == Says::Courtesy;
        if says == Says::Refers {
            (task.turn, says) = earlier.next().unwrap_or((task.turn, says));
        }
        task.shows = shows(task.turn);
        if says == Says::GoesOn {
            for (turn, says) in earlier {
                task.before = Some(turn);
                task.shows |= shows(turn);
                if says == Says::Task {
                    break;
                }
            }
        }
        task
    }
}

/// The last turn and what it says; where that is nothing or thanks in advance, the turn that it was sent
/// with: one before it without an answer between.
fn last_said(messages: &[Message<'_>], asked: usize) -> (usize, Says) {
    let says = Says::of(&messages[asked]);
    if !says.is_idle() {
        return (asked, says);
    }
    let earlier = messages[..asked].iter().enumerate().rev();
    let unanswered = earlier
        .filter(|(_, one)| !is_instruction(one))
        .take_while(|(_, one)| is_user_turn(one))
        .map(|(at, one)| (at, Says::of(one)));
    let mut with_it = unanswered.filter(|(_, says)| !says.is_idle());
    with_it.next().unwrap_or((asked, says))
}

/// The shape of everything but what the task shows.
pub(super) fn shape(request: &ChatRequest<'_>, asked: Option<usize>) -> Shape {
    let mut shape = Shape {
        turns: saturate(request.messages.len()),
        tools: saturate(request.tools.len()),
        has_schema: matches!(request.format, OutputFormat::JsonSchema(_)),
        reasoning: request.reasoning.map(ReasoningControl::asked_effort),
        ..Shape::default()
    };
    for (index, message) in request.messages.iter().enumerate() {
        let bytes = || saturate(message.texts().map(visible_bytes).sum());
        match message.role {
            Role::System | Role::Developer => {
                shape.system_bytes = shape.system_bytes.saturating_add(bytes());
            }
            _ if Some(index) == asked => {}
            _ => shape.history_bytes = shape.history_bytes.saturating_add(bytes()),
        }
        if message.role == Role::Tool {
            shape.tool_results = shape.tool_results.saturating_add(1);
        }
        shape.images = shape.images.saturating_add(saturate(images(message)));
    }
    shape
}

/// Whether an image with few words or none says what is to be done.
fn shows(message: &Message<'_>) -> bool {
    images(message) > 0 && message.texts().map(visible_bytes).sum::<usize>() <= FEW_BYTES
}

pub(super) fn images(message: &Message<'_>) -> usize {
    let is_image = |part: &&Part<'_>| match part {
        Part::Image(_) => true,
        Part::Other { kind, .. } => matches!(kind.as_ref(), "image_url" | "image"),
        _ => false,
    };
    message.content.iter().filter(is_image).count()
}

fn saturate(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
