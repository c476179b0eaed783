//! What of a request is scored: the turn that says what is to be done, and the shape of everything.

use std::cell::RefCell;

use smallvec::SmallVec;
use steelyard_router::{Score, ScoreInput, Scorer, Scratch, Shape};
use steelyard_types::{ChatRequest, Message, OutputFormat, Part, ReasoningControl, Role};

use super::follow_up::is_follow_up;
use super::reference::{folded, is_reference};

/// Pieces of a text.
type Texts<'m> = SmallVec<[&'m str; 8]>;

thread_local! {
    /// The scorer's table, reused by every request of a thread.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

/// Visible bytes of text beside an image that leave it open what is to be done, a CHOICE: "What does this
/// say?" is as short as "Solve this".
const FEW_BYTES: usize = 40;

/// Scores what the model must do now, and the shape of everything.
pub(crate) fn score_request(request: &ChatRequest<'_>, scorer: &Scorer) -> Score {
    let last_user = request.messages.iter().rposition(is_user_turn);
    let asked = last_user.or_else(|| request.messages.len().checked_sub(1));
    let task = asked.map(|index| Task::of(&request.messages, index));
    let segments = texts(task.as_ref().map(|task| task.turn));
    let before = texts(task.and_then(|task| task.before));
    let mut instructions = Texts::new();
    for message in request.messages.iter().filter(|one| is_instruction(one)) {
        // Messages are texts of their own, unlike the pieces of one.
        instructions.extend(std::iter::once("\n").chain(message.texts()));
    }
    let input = ScoreInput {
        segments: &segments,
        before: &before,
        instructions: &instructions,
        shape: shape(request, asked),
    };
    SCRATCH.with_borrow_mut(|scratch| scorer.score(&input, scratch))
}

fn texts<'m>(message: Option<&'m Message<'_>>) -> Texts<'m> {
    message.into_iter().flat_map(Message::texts).collect()
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
}

impl<'m, 'a> Task<'m, 'a> {
    /// The turn asked last or, where that only refers to what came before ("continue"), the latest one
    /// that does not; where that goes on about a task ("that is wrong"), this task as well.
    fn of(messages: &'m [Message<'a>], asked: usize) -> Self {
        let last = &messages[asked];
        let mut turns = messages[..asked]
            .iter()
            .rev()
            .filter(|one| is_user_turn(one));
        let mut turn = last;
        if last.role == Role::User && is_reference(last) {
            turn = turns.find(|one| !is_reference(one)).unwrap_or(last);
        }
        let stands = |one: &&Message<'_>| !is_reference(one) && !is_follow_up(one);
        // Most requests have no turn before, and this one need not be read for it.
        let before = turns
            .find(stands)
            .filter(|_| turn.role == Role::User && is_follow_up(turn));
        Self { turn, before }
    }
}

pub(super) fn shape(request: &ChatRequest<'_>, asked: Option<usize>) -> Shape {
    let mut shape = Shape {
        turns: saturate(request.messages.len()),
        tools: saturate(request.tools.len()),
        has_schema: matches!(request.format, OutputFormat::JsonSchema(_)),
        reasoning: request.reasoning.map(ReasoningControl::asked_effort),
        ..Shape::default()
    };
    for (index, message) in request.messages.iter().enumerate() {
        let bytes = saturate(message.texts().map(str::len).sum());
        match message.role {
            Role::System | Role::Developer => {
                shape.system_bytes = shape.system_bytes.saturating_add(bytes);
            }
            _ if Some(index) == asked => {}
            _ => shape.history_bytes = shape.history_bytes.saturating_add(bytes),
        }
        if message.role == Role::Tool {
            shape.tool_results = shape.tool_results.saturating_add(1);
        }
        let images = images(message);
        shape.images = shape.images.saturating_add(saturate(images));
        shape.shows |= Some(index) == asked && images > 0 && has_few_words(message);
    }
    shape
}

fn has_few_words(message: &Message<'_>) -> bool {
    folded(message.texts(), FEW_BYTES).is_some()
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
