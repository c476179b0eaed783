//! The conversation. Models of text alone take strings, the others lists of pieces.
//!
//! Results of tools are text: a picture among them follows in a message of the user's, behind all
//! results of the turn, because nothing may stand between those.

use std::borrow::Cow;

use steelyard_types::{ChatRequest, Message, Part, Role, Source, Target, ToolCall};

use super::wire::{CalledFunction, Content, Piece, WireCall, WireMessage};
use crate::dashscope::thoughts;
use crate::gemini::call_id;
use crate::sound::Sound;
use crate::turns::{self, told};

/// Words before pictures that are moved out of a tool's result.
const FROM_TOOL: &str = "From the result of the tool:";

/// Says where the pictures of a result are that holds nothing else.
const SEE_BELOW: &str = "See the picture below.";

/// How a conversation is written.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    /// Whether content is a list of pieces.
    pub(super) pieces: bool,
    /// Instructions of the gateway's own, behind those of the client.
    pub(super) instruction: Option<String>,
    /// Whether the answer goes on from the last message.
    pub(super) goes_on: bool,
}

pub(super) fn messages<'r>(
    request: &'r ChatRequest<'_>,
    target: &Target,
    manner: Manner,
) -> Vec<WireMessage<'r>> {
    let current = thoughts::turn(request);
    let mut written: Vec<WireMessage<'r>> = Vec::with_capacity(request.messages.len() + 1);
    let mut moved: Vec<Piece<'r>> = Vec::new();
    for (at, message) in request.messages.iter().enumerate() {
        if message.role != Role::Tool && !moved.is_empty() {
            let mut pieces = std::mem::take(&mut moved);
            if message.role == Role::User {
                pieces.extend(pieces_of(message));
                written.push(said("user", Content::Pieces(pieces)));
                continue;
            }
            written.push(said("user", Content::Pieces(pieces)));
        }
        // Both are answered with 400: "Content length must be greater than 0".
        if !is_empty_instruction(message) && !turns::is_silent(message, str::is_empty) {
            let thoughts = thoughts::returned(message, target).filter(|_| at >= current);
            written.push(WireMessage {
                reasoning_content: thoughts,
                ..wire_message(message, manner.pieces, &mut moved)
            });
        }
    }
    if !moved.is_empty() {
        written.push(said("user", Content::Pieces(moved)));
    }
    if manner.goes_on
        && let Some(last) = written.last_mut()
    {
        last.partial = Some(true);
    }
    if let Some(words) = manner.instruction {
        instruct(&mut written, words, manner.pieces);
    }
    written
}

/// Adds words to the instructions at the front.
fn instruct(written: &mut Vec<WireMessage<'_>>, words: String, pieces: bool) {
    match written.first_mut().filter(|first| first.role == "system") {
        Some(first) => match &mut first.content {
            Content::Text(text) => *text = Cow::Owned(format!("{text}\n\n{words}")),
            Content::Pieces(pieces) => pieces.push(Piece::Text(words.into())),
        },
        None => {
            let content = if pieces {
                Content::Pieces(vec![Piece::Text(words.into())])
            } else {
                Content::Text(words.into())
            };
            written.insert(0, said("system", content));
        }
    }
}

fn said<'r>(role: &'static str, content: Content<'r>) -> WireMessage<'r> {
    WireMessage {
        role,
        reasoning_content: None,
        content,
        tool_calls: Vec::new(),
        tool_call_id: None,
        partial: None,
    }
}

fn wire_message<'r>(
    message: &'r Message<'_>,
    pieces: bool,
    moved: &mut Vec<Piece<'r>>,
) -> WireMessage<'r> {
    let role = match message.role {
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let content = if !pieces {
        Content::Text(told(message))
    } else if message.role == Role::Tool {
        Content::Pieces(not_empty(result(message, moved)))
    } else {
        Content::Pieces(not_empty(pieces_of(message).collect()))
    };
    WireMessage {
        tool_calls: message.tool_calls.iter().enumerate().map(call).collect(),
        tool_call_id: message
            .tool_call_id
            .as_deref()
            .map(|id| call_id::unpack(id).id),
        ..said(role, content)
    }
}

/// Whether the message instructs without words, which says nothing.
fn is_empty_instruction(message: &Message<'_>) -> bool {
    let instructs = matches!(message.role, Role::System | Role::Developer);
    instructs && message.texts().all(str::is_empty)
}

/// An empty text for no pieces at all: an empty list is answered with 400.
fn not_empty(mut pieces: Vec<Piece<'_>>) -> Vec<Piece<'_>> {
    if pieces.is_empty() {
        pieces.push(Piece::Text("".into()));
    }
    pieces
}

/// The text of a tool's result; what else it holds is moved.
fn result<'r>(message: &'r Message<'_>, moved: &mut Vec<Piece<'r>>) -> Vec<Piece<'r>> {
    // Before the words of a tool that failed, so that the model knows.
    let failed = message.is_error.then_some(Piece::Text("Error:".into()));
    let mut texts: Vec<Piece<'r>> = failed.into_iter().collect();
    let mut others = Vec::new();
    for piece in pieces_of(message) {
        match piece {
            Piece::Text(_) => texts.push(piece),
            Piece::Image(_) | Piece::Audio(_) => others.push(piece),
        }
    }
    if !others.is_empty() {
        if texts.is_empty() {
            texts.push(Piece::Text(SEE_BELOW.into()));
        }
        moved.push(Piece::Text(FROM_TOOL.into()));
        moved.append(&mut others);
    }
    texts
}

/// The parts of a message that the format has words for; the others were refused, and thoughts stay
/// behind.
fn pieces_of<'r>(message: &'r Message<'_>) -> impl Iterator<Item = Piece<'r>> {
    message.content.iter().filter_map(|part| match part {
        Part::Text(text) | Part::Refusal(text) => Some(Piece::Text(Cow::Borrowed(text))),
        Part::Image(image) => Some(Piece::Image(match &image.source {
            Source::Url(url) => Cow::Borrowed(url),
            Source::Base64 { media_type, data } => {
                Cow::Owned(format!("data:{media_type};base64,{data}"))
            }
        })),
        Part::Other { raw, .. } => sound(raw.get()).map(|data| Piece::Audio(data.into())),
        Part::Document(_) | Part::Reasoning(_) => None,
    })
}

/// OpenAI's `{"type":"input_audio","input_audio":{"data","format"}}` as a `data:` URL.
pub(super) fn sound(raw: &str) -> Option<String> {
    let Sound { data, format } = crate::sound::sound(raw)?;
    let plain = !format.is_empty() && format.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| format!("data:audio/{format};base64,{data}"))
}

fn call<'r>((index, call): (usize, &'r ToolCall<'_>)) -> WireCall<'r> {
    WireCall {
        index,
        id: call_id::unpack(&call.id).id,
        kind: "function",
        function: CalledFunction {
            name: &call.name,
            arguments: &call.arguments,
        },
    }
}
