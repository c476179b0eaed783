//! Proofs of thoughts that a server of this format gives (OpenRouter's `reasoning_details`), on
//! their way to clients of other dialects and back.
//!
//! Such a dialect has one text for a proof, and these are objects whose other fields (`format`,
//! `id`) must come back as well. So the proof is the object's JSON, without its text, which the
//! client keeps beside it, and without its number, which it gets anew.

use std::borrow::Cow;

use serde_json::value::RawValue;
use steelyard_types::{Message, Part, ReasoningPart, Target, Thought};

use super::request::{Fields, says_nothing};
use crate::json::{Object, Text};
use crate::origin::{self, Origin};

/// Most entries of one message that are looked at.
const MAX_ENTRIES: usize = 1_024;

/// The thoughts in such a list, in order; what cannot be read is none.
pub(super) fn thoughts(raw: &RawValue) -> Vec<Thought> {
    let entries: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    let entries = entries.into_iter().take(MAX_ENTRIES);
    entries.filter_map(thought).collect()
}

fn thought(raw: &RawValue) -> Option<Thought> {
    let Fields(fields) = serde_json::from_str(raw.get()).ok()?;
    let text = |wanted: &str| -> Cow<'_, str> {
        let field = fields.iter().find(|(name, _)| name == wanted);
        let text = field.and_then(|(_, value)| serde_json::from_str::<Text<'_>>(value.get()).ok());
        text.map(|Text(text)| text).unwrap_or_default()
    };
    let proof = || {
        let mut proof = Object::with_capacity(raw.get().len());
        for (name, value) in &fields {
            if !matches!(name.as_ref(), "text" | "index") && !says_nothing(value) {
                proof.raw(name, value.get());
            }
        }
        Some(proof.close())
    };
    let thought = match text("type").as_ref() {
        "reasoning.text" if text("signature").is_empty() => Thought::of_text(text("text")),
        "reasoning.text" => Thought {
            text: text("text").into_owned(),
            signature: proof(),
            redacted: None,
        },
        "reasoning.summary" => Thought::of_text(text("summary")),
        "reasoning.encrypted" if !text("data").is_empty() => Thought {
            redacted: proof(),
            ..Thought::default()
        },
        _ => return None,
    };
    Some(thought)
}

/// What this very server has proved, of a message that comes from a client of another dialect.
struct Own<'m> {
    text: &'m str,
    proof: &'m str,
}

fn own<'m>(part: &'m Part<'_>, target: &Target) -> Option<Own<'m>> {
    let Part::Reasoning(ReasoningPart {
        text,
        signature,
        redacted,
    }) = part
    else {
        return None;
    };
    let sealed = signature.as_deref().or(redacted.as_deref())?;
    match origin::open(sealed, target) {
        // Words that stand in for a proof are no object.
        Origin::Own(proof) if proof.starts_with('{') => Some(Own { text, proof }),
        Origin::Own(_) | Origin::Foreign | Origin::Unmarked(_) => None,
    }
}

/// Whether a part is a thought that this very server has proved.
pub(super) fn is_own(part: &Part<'_>, target: &Target) -> bool {
    own(part, target).is_some()
}

/// The list to be sent back to this very server; `None` where there is nothing of its own.
pub(super) fn returned(message: &Message<'_>, target: &Target) -> Option<String> {
    let mut list = String::new();
    let own = message.content.iter().filter_map(|part| own(part, target));
    for (index, own) in own.enumerate() {
        let Fields(fields) = serde_json::from_str(own.proof).ok()?;
        let mut entry = Object::with_capacity(own.proof.len() + own.text.len() + 32);
        for (name, value) in &fields {
            entry.raw(name, value.get());
            if name == "type" && value.get() == "\"reasoning.text\"" {
                entry.text("text", own.text);
            }
        }
        entry.raw("index", &index.to_string());
        list.push(if index == 0 { '[' } else { ',' });
        list.push_str(&entry.close());
    }
    if list.is_empty() {
        return None;
    }
    list.push(']');
    Some(list)
}
