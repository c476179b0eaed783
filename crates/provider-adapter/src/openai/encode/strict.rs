//! Servers that refuse fields which they do not know: Mistral.

use serde_json::value::RawValue;
use steelyard_types::{ChatRequest, Document, Message, Part, Role, Source, Target};

use super::messages::THOUGHTS;
use super::{elements, fields, functions, mapped, without};
use crate::carry::{self, refuse};
use crate::json::Object;
use crate::openai::reasoning;
use crate::openai::request::{
    BREAKPOINT, FUNCTION_CALL_ID, PARSED, PARSED_ARGUMENTS, SEARCH, is_default,
    message_field_says_nothing, says_nothing,
};
use crate::openai::unsigned;
use crate::{Losses, Refusal, shared};

/// The top-level fields that they know, after Mistral's reference.
const FIELDS: [&str; 22] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "random_seed",
    "metadata",
    "response_format",
    "tools",
    "tool_choice",
    "presence_penalty",
    "frequency_penalty",
    "n",
    "prediction",
    "parallel_tool_calls",
    "prompt_mode",
    "reasoning_effort",
    "safe_prompt",
];

/// The message fields that they know.
pub(super) const MESSAGE_FIELDS: [&str; 6] = [
    "role",
    "content",
    "tool_calls",
    "tool_call_id",
    "name",
    "prefix",
];

/// Their name for the seed.
const SEED: &str = "random_seed";

const WHY: &str = "is not known to this provider, which refuses unknown fields";

/// Refuses unknown fields that matter, and declares the others.
pub(super) fn check(
    request: &ChatRequest<'_>,
    target: &Target,
    lossy: &mut Losses,
) -> Result<(), Refusal> {
    let has_own_seed = request.fields.iter().any(|field| field.name == SEED);
    for field in &request.fields {
        let name = field.name.as_ref();
        let is_silent = says_nothing(field.value) || is_default(name, field.value);
        let switches = name == SEARCH && field.value.get() != "null";
        if FIELDS.contains(&name) || is_silent && !switches {
            continue;
        }
        match name {
            "seed" => lossy.add_if("seed", has_own_seed),
            "user" => lossy.add_if("user", request.end_user.is_some()),
            "top_k" => lossy.add("top_k"),
            name if functions::replaces(request, &target.profile, name, field.value) => {}
            // Declared with the rest of the marks.
            "cache_control" if request.cache.is_some() => {}
            "logprobs" | "top_logprobs" if request.logprobs == Some(false) => {}
            name if reasoning::is_word(name) && request.reasoning.is_some() => {}
            name => match carry::hint(name) {
                Some(hint) => lossy.add(hint),
                None => return Err(refuse(name, WHY)),
            },
        }
    }
    for path in &request.untranslated {
        if path.starts_with("tools[") || path.starts_with("functions[") {
            return Err(refuse(path.as_ref(), WHY));
        }
        if path.starts_with("stream_options.") || path == "messages.annotations" {
            match carry::hint(path) {
                Some(hint) => lossy.add(hint),
                None => return Err(refuse(path.as_ref(), WHY)),
            }
        }
    }
    let marked = request.cache.is_some()
        || request.tools.iter().any(|tool| tool.cache.is_some())
        || request.messages.iter().any(|one| !one.cache.is_empty());
    if marked {
        lossy.add(carry::cache_word(request));
    }
    check_messages(request, target, lossy)
}

/// Whether only the bytes of a message can show what they would stumble over.
fn is_odd(message: &Message<'_>) -> bool {
    let is_plain = |part: &Part<'_>| matches!(part, Part::Text(_) | Part::Image(_));
    let deprecated = |id: &str| id.starts_with(FUNCTION_CALL_ID);
    message.untranslated.is_some()
        || !message.content.iter().all(is_plain)
        || message.tool_calls.iter().any(|call| deprecated(&call.id))
        || message.tool_call_id.as_deref().is_some_and(deprecated)
}

/// A message names only the first of its fields that the neutral form has no word for, and that one
/// may be known to the server: here every field is looked at.
fn check_messages(
    request: &ChatRequest<'_>,
    target: &Target,
    lossy: &mut Losses,
) -> Result<(), Refusal> {
    if !request.messages.iter().any(is_odd) {
        return Ok(());
    }
    let Some(all) = request.fields.iter().find(|field| field.name == "messages") else {
        return Ok(());
    };
    let raws = elements(all.value, "messages")?;
    for (index, (message, raw)) in request.messages.iter().zip(raws).enumerate() {
        if !is_odd(message) {
            continue;
        }
        let path = format!("messages[{index}]");
        let found = fields(raw, &path)?;
        let says = |wanted: &str| {
            let field = found.iter().find(|(name, _)| name == wanted);
            field.is_some_and(|(name, value)| {
                !message_field_says_nothing(name, value) && value.get() != "\"\""
            })
        };
        let stays = |part: &Part<'_>| {
            matches!(part, Part::Reasoning(_)) && !unsigned::returns(part, target)
        };
        let all_return = unsigned::has_parts(message, target) && !message.content.iter().any(stays);
        for (name, value) in &found {
            if message_field_says_nothing(name, value) {
                continue;
            }
            let is_thought = THOUGHTS.contains(&name.as_ref());
            lossy.add_if("messages.reasoning", is_thought && !all_return);
            let known = is_thought
                || MESSAGE_FIELDS.contains(&name.as_ref())
                || name == "cache_control" && !message.cache.is_empty()
                || name == "function_call" && functions::is_told_anew(message, &target.profile)
                || matches!(name.as_ref(), "annotations" | PARSED)
                    && message.role == Role::Assistant
                // It is said in the content instead.
                || name == "refusal" && !says("content");
            if !known {
                return Err(refuse(format!("{path}.{name}"), WHY));
            }
            match name.as_ref() {
                "tool_calls" => check_calls(value, &format!("{path}.{name}"))?,
                "function_call" => check_called(value, &format!("{path}.{name}"))?,
                _ => {}
            }
        }
        let unknown = |part: &Part<'_>| match part {
            Part::Document(document) => !takes(document),
            _ => false,
        };
        if let Some(position) = message.content.iter().position(unknown) {
            return Err(refuse(
                format!("{path}.content[{position}]"),
                "of type file is not known to this provider",
            ));
        }
    }
    Ok(())
}

/// Refuses what they do not know of the functions that are called.
fn check_calls(calls: &RawValue, path: &str) -> Result<(), Refusal> {
    for (index, raw) in elements(calls, path)?.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        for (name, value) in fields(raw, &path)? {
            if name == "function" {
                check_called(value, &format!("{path}.function"))?;
            }
        }
    }
    Ok(())
}

fn check_called(called: &RawValue, path: &str) -> Result<(), Refusal> {
    for (name, value) in fields(called, path)? {
        let known = matches!(name.as_ref(), "name" | "arguments" | PARSED_ARGUMENTS);
        if !known && !says_nothing(value) {
            return Err(refuse(format!("{path}.{name}"), WHY));
        }
    }
    Ok(())
}

/// Whether they take such a document: a PDF, or whatever they find at an address.
pub(in crate::openai) fn takes(document: &Document<'_>) -> bool {
    match &document.source {
        Source::Url(_) => true,
        Source::Base64 { media_type, .. } => media_type == "application/pdf",
    }
}

/// A document in their words, which they take from their own reference's `DocumentURLChunk`.
pub(in crate::openai) fn document(document: &Document<'_>) -> String {
    let mut out = Object::with_capacity(128);
    out.text("type", "document_url");
    match &document.source {
        Source::Url(url) => out.text("document_url", url),
        Source::Base64 { media_type, data } => {
            out.text("document_url", &format!("data:{media_type};base64,{data}"));
        }
    }
    if let Some(name) = &document.name {
        out.text("document_name", name);
    }
    out.close()
}

/// Writes a field that is neither the model's name nor the messages.
pub(super) fn write(
    request: &ChatRequest<'_>,
    name: &str,
    value: &RawValue,
    body: &mut Object,
) -> Result<(), Refusal> {
    match name {
        "seed" if says_nothing(value) => {}
        "seed" if !request.fields.iter().any(|field| field.name == SEED) => {
            body.raw(SEED, value.get());
        }
        "tools"
            if !request.withheld_tools.is_empty()
                || request.tools.iter().any(|tool| tool.cache.is_some()) =>
        {
            body.raw("tools", &unmarked_tools(request, value)?);
        }
        "tool_choice" if let Some(mode) = shared::allowed_mode(request) => {
            body.text("tool_choice", mode);
        }
        name if FIELDS.contains(&name) => body.raw(name, value.get()),
        _ => {}
    }
    Ok(())
}

/// The tools that may be called, without marks for a cache on themselves or on their functions.
fn unmarked_tools(request: &ChatRequest<'_>, value: &RawValue) -> Result<String, Refusal> {
    let withheld = |place: usize| request.withheld_tools.iter().any(|(at, _)| *at == place);
    let all = elements(value, "tools")?.into_iter().enumerate();
    let offered = all.filter(|(place, _)| !withheld(*place));
    mapped(offered.map(|(_, raw)| raw), |index, raw| {
        let path = format!("tools[{index}]");
        let mut tool = Object::with_capacity(raw.get().len());
        for (name, value) in fields(raw, &path)? {
            match name.as_ref() {
                "cache_control" => {}
                "function" if value.get().starts_with('{') => {
                    tool.raw("function", &without(value, "cache_control", &path)?);
                }
                name => tool.raw(name, value.get()),
            }
        }
        Ok(tool.close())
    })
}

/// The parts of a content without marks for a cache, refusals as the text that they are, documents in
/// their own words.
pub(super) fn parts(
    message: &Message<'_>,
    value: &RawValue,
    path: &str,
) -> Result<String, Refusal> {
    let odd = |part: &Part<'_>| matches!(part, Part::Refusal(_) | Part::Document(_));
    if message.cache.is_empty() && !message.content.iter().any(odd) {
        return Ok(value.get().to_owned());
    }
    written(message, value, path, true)
}

/// The parts of a content as received, but refusals as the text that they are.
pub(super) fn refusals_as_text(
    message: &Message<'_>,
    value: &RawValue,
    path: &str,
) -> Result<String, Refusal> {
    let refused = |part: &Part<'_>| matches!(part, Part::Refusal(_));
    if !message.content.iter().any(refused) {
        return Ok(value.get().to_owned());
    }
    written(message, value, path, false)
}

/// The parts, for the strict without marks and with documents in Mistral's words.
fn written(
    message: &Message<'_>,
    value: &RawValue,
    path: &str,
    strictly: bool,
) -> Result<String, Refusal> {
    if !value.get().starts_with('[') {
        return Ok(value.get().to_owned());
    }
    mapped(elements(value, path)?, |index, raw| {
        if let Some(Part::Document(given)) = message.content.get(index).filter(|_| strictly) {
            return Ok(document(given));
        }
        let mut part = Object::with_capacity(raw.get().len());
        let found = fields(raw, path)?;
        let is_refusal = found
            .iter()
            .any(|(name, value)| name == "type" && value.get() == "\"refusal\"");
        for (name, value) in found {
            match name.as_ref() {
                "cache_control" | BREAKPOINT if strictly => {}
                "type" if is_refusal => part.text("type", "text"),
                "refusal" if is_refusal => part.raw("text", value.get()),
                name => part.raw(name, value.get()),
            }
        }
        Ok(part.close())
    })
}
