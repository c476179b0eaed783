//! Requests of clients that speak this format themselves: their fields as received, with only what
//! must change replaced.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use steelyard_types::{ChatRequest, Part, Target};

use super::request::{is_id, mapped_id};
use crate::carry::{self, refuse};
use crate::json::Object;
use crate::openai::request::RawFields;
use crate::openai::request::{Fields, string};
use crate::{EncodedRequest, Losses, Refusal};

/// Where answers come from.
const PATH: &str = "/v1/messages";

/// Only what the model's facts forbid is refused: everything else is the provider's to judge.
pub(super) fn check(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    carry::check_limit(request, target)?;
    carry::check_forced_choice(request, target)?;
    let mut lossy = Losses::none();
    carry::sampling(request, target, &mut lossy);
    Ok(lossy)
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<EncodedRequest, Refusal> {
    let lossy = check(request, target)?;
    write(request, target, PATH, lossy)
}

/// Writes the fields to that path.
pub(super) fn write(
    request: &ChatRequest<'_>,
    target: &Target,
    path: &str,
    lossy: Losses,
) -> Result<EncodedRequest, Refusal> {
    let fields = request.fields.iter();
    let size: usize = fields
        .map(|field| field.name.len() + field.value.get().len() + 4)
        .sum();
    let mut body = Object::with_capacity(size + 64);
    for field in &request.fields {
        let value = field.value.get();
        match field.name.as_ref() {
            "model" => body.text("model", &target.upstream),
            "messages" if is_foreign(request) => {
                body.raw("messages", &rewritten(field.value)?);
            }
            // A model that takes none does what these say anyway, or `check` refused them.
            "temperature" | "top_p" | "top_k" if target.facts.refuses_sampling => {}
            name => body.raw(name, value),
        }
    }
    Ok(EncodedRequest {
        path: path.to_owned(),
        headers: SmallVec::new(),
        body: Bytes::from(body.close()),
        lossy,
    })
}

/// Whether the history holds what another provider answered and Anthropic would refuse: thoughts
/// without a signature, ids that are not of its alphabet.
fn is_foreign(request: &ChatRequest<'_>) -> bool {
    request.messages.iter().any(|message| {
        let unsigned = |part: &Part<'_>| {
            matches!(part, Part::Reasoning(thoughts)
                if thoughts.signature.is_none() && thoughts.redacted.is_none())
        };
        let ids = message.tool_calls.iter().map(|call| call.id.as_ref());
        let mut ids = ids.chain(message.tool_call_id.as_deref());
        message.content.iter().any(unsigned) || ids.any(|id| !is_id(id))
    })
}

fn rewritten(messages: &RawValue) -> Result<String, Refusal> {
    let raws: Vec<&RawValue> = read(messages, "messages")?;
    let mut out = String::with_capacity(messages.get().len());
    out.push('[');
    for (index, raw) in raws.into_iter().enumerate() {
        let path = format!("messages[{index}]");
        let Some(message) = message(raw, &path)? else {
            continue;
        };
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&message);
    }
    out.push(']');
    Ok(out)
}

/// One message; `None` where nothing is left of it.
fn message(raw: &RawValue, path: &str) -> Result<Option<String>, Refusal> {
    let mut out = Object::with_capacity(raw.get().len());
    for (name, value) in fields(raw, path)? {
        if name != "content" || !value.get().starts_with('[') {
            out.raw(&name, value.get());
            continue;
        }
        let blocks: Vec<&RawValue> = read(value, path)?;
        let had_blocks = !blocks.is_empty();
        let mut content = String::from("[");
        for raw in blocks {
            let Some(block) = block(raw, path)? else {
                continue;
            };
            if content.len() > 1 {
                content.push(',');
            }
            content.push_str(&block);
        }
        if had_blocks && content.len() == 1 {
            return Ok(None);
        }
        content.push(']');
        out.raw("content", &content);
    }
    Ok(Some(out.close()))
}

/// One block; `None` where it is another provider's thoughts.
fn block<'a>(raw: &'a RawValue, path: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
    let fields = fields(raw, path)?;
    let text = |wanted: &str| {
        let found = fields.iter().find(|(name, _)| name == wanted);
        found.and_then(|(_, value)| string(value).ok().flatten())
    };
    let field = match text("type").as_deref() {
        Some("thinking") if text("signature").is_none_or(|signature| signature.is_empty()) => {
            return Ok(None);
        }
        Some("tool_use") => "id",
        Some("tool_result") => "tool_use_id",
        _ => return Ok(Some(Cow::Borrowed(raw.get()))),
    };
    let mut out = Object::with_capacity(raw.get().len() + 16);
    for (name, value) in &fields {
        match string(value) {
            Ok(Some(id)) if name == field => out.text(name, &mapped_id(&id)),
            _ => out.raw(name, value.get()),
        }
    }
    Ok(Some(Cow::Owned(out.close())))
}

fn read<'a, T: serde::Deserialize<'a>>(raw: &'a RawValue, path: &str) -> Result<T, Refusal> {
    serde_json::from_str(raw.get())
        .map_err(|error| refuse(path, format!("cannot be rewritten: {error}")))
}

fn fields<'a>(raw: &'a RawValue, path: &str) -> Result<RawFields<'a>, Refusal> {
    read(raw, path).map(|Fields(fields)| fields)
}

#[cfg(test)]
mod tests;
