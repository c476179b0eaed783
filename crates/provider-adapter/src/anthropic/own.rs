//! Requests of clients that speak this format themselves: their fields as received, with only what
//! must change replaced.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use steelyard_types::{ChatRequest, Message, Part, ReasoningPart, Role, Target};

use super::request::{MANNERS, ends_without_thoughts, is_id, mapped_id};
use super::thinking;
use crate::carry::{self, refuse};
use crate::json::Object;
use crate::openai::request::RawFields;
use crate::openai::request::{Fields, string};
use crate::origin::{self, Origin};
use crate::{EncodedRequest, Losses, Refusal, turns};

/// Where answers come from.
const PATH: &str = "/v1/messages";

/// Only what the model's facts forbid is refused, and only thoughts of other models and answers without
/// a word stay behind: everything else is the provider's to judge.
pub(super) fn check(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    carry::check_limit(request, target)?;
    carry::check_addresses(request, MANNERS.provider)?;
    carry::check_forced_choice(request, target)?;
    carry::check_prefill(request, target, true)?;
    let mut lossy = Losses::none();
    carry::sampling(request, target, &mut lossy);
    lossy.add_if(
        carry::thoughts_field(request),
        loses_thoughts(request, target),
    );
    turns::declare_silent(request, MANNERS.blank, &mut lossy);
    let fate = thinking(request, target, &mut lossy);
    if matches!(fate, thinking::Fate::Kept | thinking::Fate::WithoutEffort) {
        lossy.add_if("thinking", cannot_think(request, target));
    }
    Ok(lossy)
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<EncodedRequest, Refusal> {
    let lossy = check(request, target)?;
    write(request, target, PATH, lossy)
}

/// What becomes of the client's words about thinking.
fn thinking(request: &ChatRequest<'_>, target: &Target, lossy: &mut Losses) -> thinking::Fate {
    let stays = |part: &ReasoningPart<'_>| !matches!(fate_of(part, target), Fate::Stripped);
    thinking::fate(request, target, &stays, lossy)
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
    let wish = thinking(request, target, &mut Losses::none());
    let effort = match wish {
        thinking::Fate::Told(reasoning) => reasoning.effort,
        _ => None,
    };
    for field in &request.fields {
        let value = field.value.get();
        match field.name.as_ref() {
            "model" => body.text("model", &target.upstream),
            "messages" if needs_rewriting(request, target) => {
                body.raw("messages", &rewritten(field.value, target)?);
            }
            // A model that takes none does what these say anyway, or `check` declared them.
            "temperature" | "top_p" | "top_k" if target.facts.refuses_sampling => {}
            "thinking" => {
                if let Some(told) = told(field.value, request, target, wish) {
                    body.raw("thinking", &told);
                }
            }
            "output_config" if wish != thinking::Fate::Kept => {
                if let Some(config) = thinking::with_effort(Some(field.value), effort) {
                    body.raw("output_config", &config);
                }
            }
            // Others than null are refused before; null says nothing, and Anthropic wants an object.
            "thread" if value == "null" => {}
            name => body.raw(name, value),
        }
    }
    let has_config = || {
        request
            .fields
            .iter()
            .any(|field| field.name == "output_config")
    };
    if let Some(config) = effort.and_then(|effort| thinking::with_effort(None, Some(effort)))
        && !has_config()
    {
        body.raw("output_config", &config);
    }
    Ok(EncodedRequest {
        path: path.to_owned(),
        headers: SmallVec::new(),
        body: Bytes::from(body.close()),
        lossy,
    })
}

/// The field `thinking` as it is sent, if it is.
fn told<'r>(
    value: &'r RawValue,
    request: &ChatRequest<'_>,
    target: &Target,
    wish: thinking::Fate,
) -> Option<Cow<'r, str>> {
    match wish {
        thinking::Fate::Kept | thinking::Fate::WithoutEffort => {
            (!cannot_think(request, target)).then(|| Cow::Borrowed(value.get()))
        }
        thinking::Fate::Told(reasoning) => thinking::retold(value, reasoning).map(Cow::Owned),
        thinking::Fate::Dropped => None,
    }
}

/// What becomes of a proof of thoughts: a signature, or thoughts that only their provider can read.
enum Fate<'p> {
    /// It leaves as it came.
    Kept,
    /// It leaves without the gateway's mark.
    Opened(&'p str),
    /// Its block stays behind: the thoughts are another model's.
    Stripped,
}

/// Clients that talked to Anthropic themselves have proofs without a mark; thoughts of other
/// providers have an empty one or none.
fn fate<'p>(proof: Option<&'p str>, target: &Target) -> Fate<'p> {
    match proof.filter(|proof| !proof.is_empty()) {
        None => Fate::Stripped,
        Some(proof) => match origin::open(proof, target) {
            Origin::Own(own) => Fate::Opened(own),
            Origin::Foreign => Fate::Stripped,
            Origin::Unmarked(_) => Fate::Kept,
        },
    }
}

fn fate_of<'p>(thoughts: &'p ReasoningPart<'_>, target: &Target) -> Fate<'p> {
    let proof = thoughts.redacted.as_ref().or(thoughts.signature.as_ref());
    fate(proof.map(AsRef::as_ref), target)
}

fn thoughts<'r, 'a>(request: &'r ChatRequest<'a>) -> impl Iterator<Item = &'r ReasoningPart<'a>> {
    let parts = request.messages.iter().flat_map(|message| &message.content);
    parts.filter_map(|part| match part {
        Part::Reasoning(thoughts) => Some(thoughts),
        _ => None,
    })
}

fn loses_thoughts(request: &ChatRequest<'_>, target: &Target) -> bool {
    let mut messages = request.messages.iter();
    messages.next_back();
    let mut silent = messages.filter(|message| turns::is_silent(message, MANNERS.blank));
    thoughts(request).any(|part| matches!(fate_of(part, target), Fate::Stripped))
        || silent.any(|message| message.content.iter().any(turns::is_thought))
}

/// Whether the model cannot think as asked because results follow calls that another model made, with
/// thoughts of its own or none: with a budget, Anthropic insists on thoughts in front of those calls.
fn cannot_think(request: &ChatRequest<'_>, target: &Target) -> bool {
    let budget = request.reasoning.and_then(|control| control.budget_tokens);
    let stays = |part: &ReasoningPart<'_>| !matches!(fate_of(part, target), Fate::Stripped);
    budget.is_some()
        && ends_without_thoughts(request, stays)
        // What a history without any is worth to a model of which nothing is known, Anthropic judges.
        && (carry::is_described(target) || !ends_without_thoughts(request, |_| true))
}

/// Whether the history holds what Anthropic would refuse: proofs that are marked or another's, ids
/// that are not of its alphabet.
fn needs_rewriting(request: &ChatRequest<'_>, target: &Target) -> bool {
    let kept = |part: &ReasoningPart<'_>| matches!(fate_of(part, target), Fate::Kept);
    !thoughts(request).all(kept)
        || request.messages.iter().any(|message| {
            let ids = message.tool_calls.iter().map(|call| call.id.as_ref());
            let mut ids = ids.chain(message.tool_call_id.as_deref());
            ids.any(|id| !is_id(id)) || has_blanks(message)
        })
}

/// Whether the message is an answer with a text in it that says nothing, or without anything.
fn has_blanks(message: &Message<'_>) -> bool {
    message.role == Role::Assistant
        && (turns::is_silent(message, MANNERS.blank) || message.texts().any(MANNERS.blank))
}

fn rewritten(messages: &RawValue, target: &Target) -> Result<String, Refusal> {
    let raws: Vec<&RawValue> = read(messages, "messages")?;
    let mut out = String::with_capacity(messages.get().len());
    out.push('[');
    let last = raws.len().saturating_sub(1);
    for (index, raw) in raws.into_iter().enumerate() {
        let path = format!("messages[{index}]");
        let Some(message) = message(raw, target, &path, index == last)? else {
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

/// One message; `None` where nothing is left of it, and where it is an answer without a word: "all
/// messages must have non-empty content except for the optional final assistant message".
fn message<'a>(
    raw: &'a RawValue,
    target: &Target,
    path: &str,
    last: bool,
) -> Result<Option<Cow<'a, str>>, Refusal> {
    let fields = fields(raw, path)?;
    let answers = text(&fields, "role").as_deref() == Some("assistant");
    let must_say = answers && !last;
    let Some(blocks) = find(&fields, "content").filter(|value| value.get().starts_with('[')) else {
        let says = text(&fields, "content").is_none_or(|text| !(MANNERS.blank)(&text));
        return Ok((says || !must_say).then(|| Cow::Borrowed(raw.get())));
    };
    let blocks: Vec<&RawValue> = read(blocks, path)?;
    let had_blocks = !blocks.is_empty();
    let (mut changed, mut says) = (false, false);
    let mut content = String::from("[");
    for raw in blocks {
        let fields = self::fields(raw, path)?;
        let kind = text(&fields, "type");
        let blank = || text(&fields, "text").is_some_and(|text| (MANNERS.blank)(&text));
        let block = match kind.as_deref() {
            Some("text") if answers && blank() => None,
            kind => block(raw, &fields, kind, target),
        };
        changed |= !matches!(block, Some(Cow::Borrowed(_)));
        let Some(block) = block else {
            continue;
        };
        says |= !matches!(kind.as_deref(), Some("thinking" | "redacted_thinking"));
        if content.len() > 1 {
            content.push(',');
        }
        content.push_str(&block);
    }
    if had_blocks && content.len() == 1 || must_say && !says {
        return Ok(None);
    }
    if !changed {
        return Ok(Some(Cow::Borrowed(raw.get())));
    }
    content.push(']');
    let mut out = Object::with_capacity(raw.get().len());
    for (name, value) in &fields {
        match name.as_ref() {
            "content" => out.raw(name, &content),
            _ => out.raw(name, value.get()),
        }
    }
    Ok(Some(Cow::Owned(out.close())))
}

/// One block, borrowed where it leaves as it came; `None` where it is another model's thoughts.
fn block<'a>(
    raw: &'a RawValue,
    fields: &RawFields<'a>,
    kind: Option<&str>,
    target: &Target,
) -> Option<Cow<'a, str>> {
    let field = match kind {
        Some("thinking") => "signature",
        Some("redacted_thinking") => "data",
        Some("tool_use") => "id",
        Some("tool_result") => "tool_use_id",
        _ => return Some(Cow::Borrowed(raw.get())),
    };
    let found = text(fields, field);
    let replacement = match (field, found.as_deref()) {
        ("signature" | "data", proof) => match fate(proof, target) {
            Fate::Kept => None,
            Fate::Opened(own) => Some(Cow::Borrowed(own)),
            Fate::Stripped => return None,
        },
        (_, Some(id)) if !is_id(id) => Some(mapped_id(id)),
        _ => None,
    };
    let Some(replacement) = replacement else {
        return Some(Cow::Borrowed(raw.get()));
    };
    let mut out = Object::with_capacity(raw.get().len() + 16);
    for (name, value) in fields {
        match name.as_ref() {
            name if name == field => out.text(name, &replacement),
            name => out.raw(name, value.get()),
        }
    }
    Some(Cow::Owned(out.close()))
}

/// The string in that field.
fn text<'a>(fields: &RawFields<'a>, name: &str) -> Option<Cow<'a, str>> {
    find(fields, name).and_then(|value| string(value).ok().flatten())
}

fn find<'a>(fields: &RawFields<'a>, name: &str) -> Option<&'a RawValue> {
    let found = fields.iter().find(|(field, _)| field == name);
    found.map(|(_, value)| *value)
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
