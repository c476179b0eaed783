//! What of a request is scored: the turn that says what is to be done, and the shape of everything.

use std::cell::RefCell;

use smallvec::SmallVec;
use steelyard_router::{Score, ScoreInput, Scorer, Scratch, Shape};
use steelyard_types::{ChatRequest, Message, OutputFormat, Part, ReasoningControl, Role};

use super::reference::is_reference;

thread_local! {
    /// The scorer's table, reused by every request of a thread.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

/// Scores what the model must do now, the last user turn, and the shape of everything.
pub(crate) fn score_request(request: &ChatRequest<'_>, scorer: &Scorer) -> Score {
    let last_user = request.messages.iter().rposition(is_user_turn);
    let asked = last_user.or_else(|| request.messages.len().checked_sub(1));
    let segments: SmallVec<[&str; 8]> = asked
        .map(|index| task(&request.messages, index).texts().collect())
        .unwrap_or_default();
    let systems = request.messages.iter().filter(|one| is_instruction(one));
    let instructions: SmallVec<[&str; 8]> = systems.flat_map(Message::texts).collect();
    let shape = shape(request, asked);
    let input = ScoreInput {
        segments: &segments,
        instructions: &instructions,
        shape,
    };
    SCRATCH.with_borrow_mut(|scratch| scorer.score(&input, scratch))
}

/// Whether a user says something. What built-in tools of the Responses API gave is nothing here.
fn is_user_turn(message: &Message<'_>) -> bool {
    message.role == Role::User && !message.content.is_empty()
}

fn is_instruction(message: &Message<'_>) -> bool {
    matches!(message.role, Role::System | Role::Developer)
}

/// The turn that says what is to be done: the one asked last or, where that only refers to what came
/// before ("continue"), the latest user turn that does not.
fn task<'m, 'a>(messages: &'m [Message<'a>], asked: usize) -> &'m Message<'a> {
    let last = &messages[asked];
    if last.role != Role::User || !is_reference(last) {
        return last;
    }
    let mut before = messages[..asked].iter().rev();
    let task = before.find(|message| is_user_turn(message) && !is_reference(message));
    task.unwrap_or(last)
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
        shape.images = shape.images.saturating_add(saturate(images(message)));
    }
    shape
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
