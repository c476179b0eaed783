//! The items that a conversation is.

use std::borrow::Cow;

use steelyard_types::{Image, Message, Part, ReasoningPart, Role, Source, Target, ToolKind};

use super::super::stream::unsealed;
use super::super::write::{arguments, message_item, refusal_part, summary_part, text_part};
use crate::gemini::call_id as gemini_id;
use crate::json::{self, Object};
use crate::openai::request::BREAKPOINT;
use crate::origin::{self, Origin};
use crate::shared;
use crate::turns::told;

/// Longest id of a call that OpenAI takes.
const MAX_CALL_ID: usize = 64;

/// An answer that says nothing.
pub(in crate::responses) const NOTHING_SAID: &str =
    r#"{"type":"message","role":"assistant","content":""}"#;

/// `marks` says whether what is to be cached is marked.
pub(super) fn input(messages: &[Message<'_>], target: &Target, marks: bool) -> String {
    let mut items = Items(String::from("["));
    // Outputs say of what kind their calls are. Of two calls with one id the later is meant.
    let mut called: Vec<(&str, ToolKind)> = Vec::new();
    for message in messages {
        let calls = message.tool_calls.iter();
        called.extend(calls.map(|call| (call.id.as_ref(), call.kind)));
        match message.role {
            Role::System => items.push(&said("system", message, marks)),
            Role::Developer => items.push(&said("developer", message, marks)),
            Role::User => items.push(&said("user", message, marks)),
            Role::Tool => {
                let id = message.tool_call_id.as_deref().unwrap_or_default();
                let mut calls = called.iter().rev();
                let kind = match calls.find(|(known, _)| *known == id) {
                    Some((_, ToolKind::Custom)) => "custom_tool_call_output",
                    Some((_, ToolKind::Function)) | None => "function_call_output",
                };
                items.push(&output(kind, message, marks));
            }
            Role::Assistant => answer(message, target, &mut items),
        }
    }
    items.0.push(']');
    items.0
}

/// A JSON list that grows.
struct Items(String);

impl Items {
    fn push(&mut self, item: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(item);
    }
}

/// Instructions, or what the user said.
fn said(role: &str, message: &Message<'_>, marks: bool) -> String {
    let mut out = Object::with_capacity(256);
    out.text("type", "message");
    out.text("role", role);
    match message.content.as_slice() {
        [Part::Text(text)] if !(marks && shared::is_marked(message, 0)) => {
            out.text("content", text);
        }
        _ => out.raw("content", &list(parts(message, marks))),
    }
    out.close()
}

/// What an answer said: thoughts of this model, words, calls.
fn answer(message: &Message<'_>, target: &Target, items: &mut Items) {
    let thoughts = message.content.iter().filter_map(|part| match part {
        Part::Reasoning(part) => own(part, target),
        _ => None,
    });
    for (part, proof) in thoughts.map(|(part, proof)| (part, unsealed(proof))) {
        let mut out = Object::with_capacity(256);
        out.text("type", "reasoning");
        let id = |id: &str| Cow::Owned(format!("rs_{:016x}", json::fnv1a(&[id.as_bytes()])));
        out.text("id", &proof.0.map_or_else(|| id(proof.1), Cow::Borrowed));
        let summary = if part.text.is_empty() {
            String::new()
        } else {
            summary_part(&part.text)
        };
        out.raw("summary", &format!("[{summary}]"));
        out.text("encrypted_content", proof.1);
        items.push(&out.close());
    }
    let words: Vec<&Part<'_>> = message
        .content
        .iter()
        .filter(|part| matches!(part, Part::Text(_) | Part::Refusal(_)))
        .collect();
    match words.as_slice() {
        // Thoughts need something behind them, and a turn that is missing changes who spoke.
        [] if message.is_empty_turn() => items.push(NOTHING_SAID),
        [] => {}
        [Part::Text(text)] => {
            let mut out = Object::with_capacity(text.len() + 64);
            out.text("type", "message");
            out.text("role", "assistant");
            out.text("content", text);
            items.push(&out.close());
        }
        words => {
            let parts: Vec<String> = words
                .iter()
                .filter_map(|part| match part {
                    Part::Text(text) => Some(text_part(text, "[]")),
                    Part::Refusal(text) => Some(refusal_part(text)),
                    _ => None,
                })
                .collect();
            let parts = parts.join(",");
            let id = format!("msg_{:016x}", json::fnv1a(&[parts.as_bytes()]));
            items.push(&message_item(&id, "completed", &parts));
        }
    }
    for call in &message.tool_calls {
        let mut out = Object::with_capacity(call.arguments.len() + 128);
        let (kind, member, text) = match call.kind {
            ToolKind::Function => ("function_call", "arguments", arguments(&call.arguments)),
            ToolKind::Custom => ("custom_tool_call", "input", call.arguments.as_ref()),
        };
        out.text("type", kind);
        out.text("call_id", &call_id(&call.id));
        out.text("name", &call.name);
        out.text(member, text);
        items.push(&out.close());
    }
}

/// Thoughts that are this model's, and their proof.
pub(super) fn own<'p, 'a>(
    part: &'p ReasoningPart<'a>,
    target: &Target,
) -> Option<(&'p ReasoningPart<'a>, &'p str)> {
    match origin::open(part.signature.as_deref()?, target) {
        Origin::Own(proof) => Some((part, proof)),
        Origin::Foreign | Origin::Unmarked(_) => None,
    }
}

/// The result of a call, an item of that kind.
fn output(kind: &str, message: &Message<'_>, marks: bool) -> String {
    let mut out = Object::with_capacity(256);
    out.text("type", kind);
    let id = message.tool_call_id.as_deref().unwrap_or_default();
    out.text("call_id", &call_id(id));
    let is_words = |part: &Part<'_>| !matches!(part, Part::Image(_) | Part::Document(_));
    let one_text = message.content.len() < 2 || message.is_error;
    let is_marked = marks && (0..message.content.len()).any(|at| shared::is_marked(message, at));
    if is_marked || !one_text || !message.content.iter().all(is_words) {
        let failed = message
            .is_error
            .then(|| input_text("Error: the tool failed"));
        let parts = parts(message, marks);
        out.raw("output", &list(failed.into_iter().chain(parts)));
    } else {
        out.text("output", &told(message));
    }
    out.close()
}

/// The id of a call as OpenAI takes it.
pub(in crate::responses) fn call_id(id: &str) -> Cow<'_, str> {
    // A signature that Gemini put into it is of use to Gemini alone.
    let id = gemini_id::unpack(id).id;
    if id.len() <= MAX_CALL_ID {
        Cow::Borrowed(id)
    } else {
        Cow::Owned(format!("call_{:016x}", json::fnv1a(&[id.as_bytes()])))
    }
}

/// The parts of what is no answer, with the marks behind them.
fn parts(message: &Message<'_>, marks: bool) -> impl Iterator<Item = String> {
    let parts = message.content.iter().enumerate();
    parts.filter_map(move |(at, one)| {
        let mut written = part(one)?;
        if marks && shared::is_marked(message, at) && written.pop().is_some() {
            let mark = format!(",\"{BREAKPOINT}\":{{\"mode\":\"explicit\"}}}}");
            written.push_str(&mark);
        }
        Some(written)
    })
}

fn part(part: &Part<'_>) -> Option<String> {
    let mut out = Object::with_capacity(128);
    match part {
        Part::Text(text) | Part::Refusal(text) => return Some(input_text(text)),
        Part::Image(image) => return Some(input_image(image)),
        Part::Document(document) => {
            out.text("type", "input_file");
            // The name is required beside bytes, and other dialects may have none.
            match (&document.source, &document.name) {
                (Source::Base64 { .. }, name) => {
                    out.text("filename", name.as_deref().unwrap_or("document.pdf"));
                    out.text("file_data", &url(&document.source));
                }
                (Source::Url(address), name) => {
                    out.text("file_url", address);
                    if let Some(name) = name {
                        out.text("filename", name);
                    }
                }
            }
        }
        Part::Other { .. } => {
            out.text("type", "input_file");
            out.text("file_id", &shared::stored_file(part)?);
        }
        Part::Reasoning(_) => return None,
    }
    Some(out.close())
}

fn input_text(text: &str) -> String {
    let mut out = Object::with_capacity(text.len() + 40);
    out.text("type", "input_text");
    out.text("text", text);
    out.close()
}

fn input_image(image: &Image<'_>) -> String {
    let mut out = Object::with_capacity(128);
    out.text("type", "input_image");
    out.text("image_url", &url(&image.source));
    out.text("detail", image.detail.as_deref().unwrap_or("auto"));
    out.close()
}

fn url<'s>(source: &'s Source<'_>) -> Cow<'s, str> {
    match source {
        Source::Url(url) => Cow::Borrowed(url),
        Source::Base64 { media_type, data } => {
            Cow::Owned(format!("data:{media_type};base64,{data}"))
        }
    }
}

pub(super) fn list(elements: impl Iterator<Item = String>) -> String {
    let mut out = Items(String::from("["));
    for element in elements {
        out.push(&element);
    }
    out.0.push(']');
    out.0
}
