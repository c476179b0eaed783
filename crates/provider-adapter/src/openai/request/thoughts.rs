//! What a model thought, as lists in assistant messages: OpenRouter's `reasoning_details`, in which
//! this gateway hands out signatures too, and LiteLLM's `thinking_blocks`.

use std::borrow::Cow;

use serde_json::value::RawValue;
use smallvec::SmallVec;
use steelyard_types::ReasoningPart;

use super::tool::{list, object, string};
use super::trail::says_nothing;

/// Most entries of one list.
const MAX_ENTRIES: usize = 4_096;

/// The blocks of thoughts of one message.
pub(super) type Thoughts<'a> = SmallVec<[ReasoningPart<'a>; 1]>;

/// Reads such a list. `None` where an entry is of a kind that the neutral form has no word for, or
/// cannot be read: then it is its provider's to understand.
pub(super) fn thoughts(raw: &RawValue) -> Option<Thoughts<'_>> {
    let entries = list(raw, "a list").ok()?;
    if entries.len() > MAX_ENTRIES {
        return None;
    }
    let mut thoughts = Thoughts::new();
    let mut open: Option<&str> = None;
    for raw in entries {
        let Entry { part, index } = entry(raw)?;
        // Clients that join deltas by appending leave one block in pieces.
        let continues = index.is_some()
            && index == open
            && part.redacted.is_none()
            && thoughts
                .last()
                .is_some_and(|last| last.signature.is_none() && last.redacted.is_none());
        open = index;
        match thoughts.last_mut().filter(|_| continues) {
            Some(last) => {
                last.text.to_mut().push_str(&part.text);
                last.signature = part.signature;
            }
            None => thoughts.push(part),
        }
    }
    Some(thoughts)
}

struct Entry<'a> {
    part: ReasoningPart<'a>,
    /// The number of the block, as received.
    index: Option<&'a str>,
}

fn entry(raw: &RawValue) -> Option<Entry<'_>> {
    let (mut kind, mut text, mut signature, mut data) = (None, None, None, None);
    let mut index = None;
    for (name, value) in object(raw).ok()? {
        match name.as_ref() {
            _ if says_nothing(value) => {}
            "type" => kind = string(value).ok()?,
            "text" | "thinking" | "summary" => text = string(value).ok()?,
            "signature" => signature = string(value).ok()?,
            "data" => data = string(value).ok()?,
            "index" => index = Some(value.get()),
            // `format` and `id` say whose they are, which the signature does too.
            _ => {}
        }
    }
    let text = text.unwrap_or_default();
    let given = |text: &Cow<'_, str>| !text.is_empty();
    let part = match kind.as_deref()? {
        "reasoning.text" | "thinking" => ReasoningPart {
            text,
            signature: signature.filter(given),
            redacted: None,
        },
        "reasoning.summary" => ReasoningPart {
            text,
            ..ReasoningPart::default()
        },
        "reasoning.encrypted" | "redacted_thinking" => ReasoningPart {
            redacted: Some(data.filter(given)?),
            ..ReasoningPart::default()
        },
        _ => return None,
    };
    Some(Entry { part, index })
}
