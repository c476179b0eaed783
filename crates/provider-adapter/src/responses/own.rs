//! Requests of clients that speak this format themselves: their fields as received, with only what
//! must change replaced.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use steelyard_types::{ChatRequest, Effort, Feature, Part, ReasoningPart, Target};

use super::convert::{NOTHING_SAID, call_id};
use super::stream::unsealed;
use super::write::OWN_REASONING;
use super::{PATH, REDACTED, asks_for_thoughts};
use crate::carry::{self, refuse};
use crate::json::Object;
use crate::openai::request::{RawFields, list, object, string};
use crate::origin::{self, Origin};
use crate::{EncodedRequest, Losses, Refusal};

/// Whether the model is known not to reason: OpenAI answers 400 to the word, and to asking for
/// thoughts that can come back.
fn is_silent(target: &Target) -> bool {
    carry::is_described(target) && !target.features.contains(Feature::Reasoning)
}

/// `include` without thoughts that can come back.
fn without_thoughts(include: &RawValue) -> Option<String> {
    let wanted: Vec<&str> = list(include, "a list of strings")
        .ok()?
        .into_iter()
        .map(RawValue::get)
        .filter(|word| *word != "\"reasoning.encrypted_content\"")
        .collect();
    (!wanted.is_empty()).then(|| format!("[{}]", wanted.join(",")))
}

/// Only what the model's facts forbid is refused: everything else is the provider's to judge.
/// Thoughts of other models are lost.
pub(super) fn check(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    carry::check_limit(request, target)?;
    carry::check_forced_choice(request, target)?;
    carry::check_logprobs(request, target)?;
    let mut lossy = Losses::none();
    carry::sampling(request, target, &mut lossy);
    let asks = request
        .reasoning
        .is_some_and(|control| control.effort != Some(Effort::None));
    let asks = asks || asks_for_thoughts(request);
    lossy.add_if("reasoning", asks && is_silent(target));
    let foreign =
        thoughts(request).any(|part| whose(part, target) == Whose::Other) || has_unsigned(request);
    lossy.add_if(carry::thoughts_field(request), foreign);
    Ok(lossy)
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<EncodedRequest, Refusal> {
    let lossy = check(request, target)?;
    let size: usize = request
        .fields
        .iter()
        .map(|field| field.name.len() + field.value.get().len() + 4)
        .sum();
    let mut body = Object::with_capacity(size + 64);
    for field in &request.fields {
        match field.name.as_ref() {
            "model" => body.text("model", &target.upstream),
            "input" if must_change(request, target) => {
                body.raw("input", &rewritten(field.value, target)?);
            }
            // A model that takes none does what these say anyway, or they are declared lost.
            name if target.facts.refuses_sampling && carry::SAMPLING.contains(&name) => {}
            "reasoning" if is_silent(target) => {}
            "include" if is_silent(target) && field.value.get() != "null" => {
                if let Some(include) = without_thoughts(field.value) {
                    body.raw("include", &include);
                }
            }
            name => body.raw(name, field.value.get()),
        }
    }
    Ok(EncodedRequest {
        path: PATH.to_owned(),
        headers: SmallVec::new(),
        body: Bytes::from(body.close()),
        lossy,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// This model's, as its provider wrote them.
    Plain,
    /// This model's, with our mark.
    Marked,
    /// Another model's.
    Other,
}

fn whose(part: &ReasoningPart<'_>, target: &Target) -> Whose {
    if part.redacted.is_some() {
        return Whose::Other;
    }
    match part.signature.as_deref().map(|it| origin::open(it, target)) {
        Some(Origin::Own(_)) => Whose::Marked,
        Some(Origin::Foreign) => Whose::Other,
        Some(Origin::Unmarked(_)) | None => Whose::Plain,
    }
}

fn thoughts<'r, 'a>(request: &'r ChatRequest<'a>) -> impl Iterator<Item = &'r ReasoningPart<'a>> {
    let parts = request.messages.iter().flat_map(|one| one.content.iter());
    parts.filter_map(|part| match part {
        Part::Reasoning(part) => Some(part),
        _ => None,
    })
}

/// Whether there are thoughts without a proof that were written here: OpenAI would look for their
/// id among what it stored. Its own may be there.
fn has_unsigned(request: &ChatRequest<'_>) -> bool {
    let unsigned = |part: &ReasoningPart<'_>| part.signature.is_none() && part.redacted.is_none();
    thoughts(request).any(unsigned)
        && request.fields.iter().any(|field| {
            field.name == "input"
                && memchr::memmem::find(field.value.get().as_bytes(), OWN_REASONING.as_bytes())
                    .is_some()
        })
}

/// Whether the history holds what OpenAI would refuse: another model's thoughts, ids that are too
/// long.
fn must_change(request: &ChatRequest<'_>, target: &Target) -> bool {
    let foreign = thoughts(request).any(|part| whose(part, target) != Whose::Plain);
    let ids = |one: &steelyard_types::Message<'_>| {
        let of_calls = one.tool_calls.iter().map(|call| call.id.as_ref());
        let mut ids = of_calls.chain(one.tool_call_id.as_deref());
        ids.any(|id| call_id(id) != id)
    };
    foreign
        || has_lone_thoughts(request)
        || has_unsigned(request)
        || request.messages.iter().any(ids)
}

/// Whether there are thoughts with nothing said behind them, from an answer that was cut off: OpenAI
/// answers 400, "reasoning was provided without its required following item".
fn has_lone_thoughts(request: &ChatRequest<'_>) -> bool {
    let is_thought = |part: &Part<'_>| matches!(part, Part::Reasoning(_));
    let messages = request.messages.iter();
    messages
        .filter(|one| one.is_empty_turn())
        .any(|one| one.content.iter().any(is_thought) && one.content.iter().all(is_thought))
}

fn rewritten(input: &RawValue, target: &Target) -> Result<String, Refusal> {
    let cannot = |error| refuse("input", format!("cannot be rewritten: {error}"));
    let mut out = String::with_capacity(input.get().len());
    out.push('[');
    // Whether the last item was thoughts, which need something behind them.
    let mut open = false;
    for raw in list(input, "a list of items").map_err(cannot)? {
        let fields = object(raw).map_err(cannot)?;
        let Some(item) = item(raw, &fields, target) else {
            continue;
        };
        if open && !is_of_answer(&fields) {
            out.push(',');
            out.push_str(NOTHING_SAID);
        }
        open = kind(&fields).as_deref() == Some("reasoning");
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&item);
    }
    if open {
        out.push(',');
        out.push_str(NOTHING_SAID);
    }
    out.push(']');
    Ok(out)
}

fn kind<'a>(fields: &RawFields<'a>) -> Option<Cow<'a, str>> {
    text(fields, "type")
}

fn text<'a>(fields: &RawFields<'a>, wanted: &str) -> Option<Cow<'a, str>> {
    let found = fields.iter().find(|(name, _)| name == wanted);
    found.and_then(|(_, value)| string(value).ok().flatten())
}

/// Whether the item is a part of an answer: what the model said, thought or called.
fn is_of_answer(fields: &RawFields<'_>) -> bool {
    match kind(fields).as_deref() {
        None | Some("message") => text(fields, "role").as_deref() == Some("assistant"),
        Some(kind) => !kind.ends_with("_output"),
    }
}

/// One item; `None` where it is another model's thoughts.
fn item<'a>(raw: &'a RawValue, fields: &RawFields<'a>, target: &Target) -> Option<Cow<'a, str>> {
    let replaced = |changes: &[(&str, &str)]| {
        let mut out = Object::with_capacity(raw.get().len() + 16);
        for (name, value) in fields {
            match changes.iter().find(|(field, _)| field == name) {
                Some((_, new)) => out.text(name, new),
                None => out.raw(name, value.get()),
            }
        }
        Some(Cow::Owned(out.close()))
    };
    let same = Some(Cow::Borrowed(raw.get()));
    match kind(fields).as_deref() {
        Some("reasoning") => match text(fields, "encrypted_content").filter(|it| !it.is_empty()) {
            None if text(fields, "id").is_some_and(|id| id.starts_with(OWN_REASONING)) => None,
            None => same,
            Some(proof) if proof.starts_with(REDACTED) => None,
            Some(proof) => match origin::open(&proof, target) {
                Origin::Foreign => None,
                Origin::Unmarked(_) => same,
                Origin::Own(own) => match unsealed(own) {
                    (Some(id), proof) => replaced(&[("id", id), ("encrypted_content", proof)]),
                    (None, proof) => replaced(&[("encrypted_content", proof)]),
                },
            },
        },
        Some(
            "function_call"
            | "function_call_output"
            | "custom_tool_call"
            | "custom_tool_call_output",
        ) => match text(fields, "call_id") {
            Some(id) if call_id(&id) != id => replaced(&[("call_id", &call_id(&id))]),
            _ => same,
        },
        _ => same,
    }
}
