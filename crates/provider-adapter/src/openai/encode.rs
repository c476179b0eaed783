//! Requests to servers of the same dialect: the client's fields as received, with only what must
//! change replaced.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use steelyard_types::{
    ChatRequest, Dialect, MaxTokensField, Message, NumberText, Role, Target, ToolCallIds,
    UnknownFields, WireProfile,
};

use super::request::{Fields, RawFields, message_field_says_nothing, says_nothing};
use crate::gemini::call_id;
use crate::json::Object;
use crate::{EncodedRequest, Losses, Refusal};

/// The endpoint behind the base URL, which ends in the API's version where there is one
/// (`https://api.openai.com/v1`).
pub(super) const PATH: &str = "/chat/completions";

/// The top-level fields that servers which refuse unknown ones know, after Mistral's reference.
const STRICT_FIELDS: [&str; 22] = [
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

/// The message fields that such servers know.
const STRICT_MESSAGE_FIELDS: [&str; 6] = [
    "role",
    "content",
    "tool_calls",
    "tool_call_id",
    "name",
    "prefix",
];

pub(super) fn carries(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    if request.dialect != Dialect::OpenAiChat {
        return Err(refusal(
            "messages",
            "are not carried to OpenAI's format yet",
        ));
    }
    if target.facts.refuses_sampling {
        refuse_sampling("temperature", request.temperature)?;
        refuse_sampling("top_p", request.top_p)?;
    }
    if target.profile.unknown_fields == UnknownFields::Refuse {
        refuse_unknown(request)?;
    }
    Ok(Losses::none())
}

/// A model that takes no sampling parameters takes their default.
fn refuse_sampling(field: &str, value: Option<NumberText<'_>>) -> Result<(), Refusal> {
    let is_default = |NumberText(text): NumberText<'_>| matches!(text, "1" | "1.0");
    if value.is_none_or(is_default) {
        return Ok(());
    }
    Err(refusal(field, "other than 1 is not accepted by this model"))
}

fn refuse_unknown(request: &ChatRequest<'_>) -> Result<(), Refusal> {
    const WHY: &str = "is not known to this provider, which refuses unknown fields";
    for name in &request.untranslated {
        let top = name.split(['.', '[']).next().unwrap_or_default();
        if !STRICT_FIELDS.contains(&top) || top == "stream_options" {
            return Err(refusal(name.as_ref(), WHY));
        }
    }
    refuse_unknown_in_messages(request, WHY)
}

/// A message names only the first of its fields that the neutral form has no word for, and that one
/// may be known to the server: here every field is looked at.
fn refuse_unknown_in_messages(request: &ChatRequest<'_>, why: &str) -> Result<(), Refusal> {
    let is_plain = |message: &Message<'_>| message.untranslated.is_none();
    if request.messages.iter().all(is_plain) {
        return Ok(());
    }
    let Some(all) = request.fields.iter().find(|field| field.name == "messages") else {
        return Ok(());
    };
    for (index, (message, raw)) in request
        .messages
        .iter()
        .zip(elements(all.value)?)
        .enumerate()
    {
        if is_plain(message) {
            continue;
        }
        let path = format!("messages[{index}]");
        for (name, value) in fields(raw, &path)? {
            let known = STRICT_MESSAGE_FIELDS.contains(&name.as_ref());
            if !known && !message_field_says_nothing(&name, value) {
                return Err(refusal(format!("{path}.{name}"), why));
            }
        }
    }
    Ok(())
}

fn elements(messages: &RawValue) -> Result<Vec<&RawValue>, Refusal> {
    serde_json::from_str(messages.get()).map_err(|_| refusal("messages", "cannot be read"))
}

fn refusal(field: impl Into<String>, reason: impl Into<String>) -> Refusal {
    Refusal {
        field: field.into(),
        reason: reason.into(),
    }
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<EncodedRequest, Refusal> {
    let lossy = carries(request, target)?;
    let profile = &target.profile;
    let strict = profile.unknown_fields == UnknownFields::Refuse;
    let size: usize = request
        .fields
        .iter()
        .map(|field| field.value.get().len() + 24)
        .sum();
    let mut body = Object::with_capacity(size + 64);
    let mut stream_options = None;
    for field in &request.fields {
        let value = field.value.get();
        match field.name.as_ref() {
            "model" => body.text("model", &target.upstream),
            "messages" => match rewritten_messages(request, field.value, profile)? {
                Some(messages) => body.raw("messages", &messages),
                None => body.raw("messages", value),
            },
            "stream_options" => stream_options = Some(field.value),
            "max_tokens" | "max_completion_tokens" if value == "null" => {}
            "max_tokens" | "max_completion_tokens" => body.raw(limit_name(profile), value),
            // What says nothing is not worth a refusal: it is left out.
            name if strict && !STRICT_FIELDS.contains(&name) => {}
            name => body.raw(name, value),
        }
    }
    if request.stream && profile.stream_usage_option {
        body.raw("stream_options", &usage_option(stream_options)?);
    }
    Ok(EncodedRequest {
        path: PATH.to_owned(),
        headers: SmallVec::new(),
        body: Bytes::from(body.close()),
        lossy,
    })
}

pub(super) fn limit_name(profile: &WireProfile) -> &'static str {
    match profile.max_tokens_field {
        MaxTokensField::MaxTokens => "max_tokens",
        MaxTokensField::MaxCompletionTokens => "max_completion_tokens",
    }
}

/// The client's stream options, with usage switched on: the gateway meters every stream.
fn usage_option(given: Option<&RawValue>) -> Result<String, Refusal> {
    let mut options = Object::with_capacity(32);
    options.raw("include_usage", "true");
    if let Some(given) = given.filter(|given| !says_nothing(given)) {
        for (name, value) in fields(given, "stream_options")? {
            if name != "include_usage" {
                options.raw(&name, value.get());
            }
        }
    }
    Ok(options.close())
}

/// The messages as this server wants them; `None` where it takes them as they are.
fn rewritten_messages(
    request: &ChatRequest<'_>,
    raw: &RawValue,
    profile: &WireProfile,
) -> Result<Option<String>, Refusal> {
    let echoes = ECHOED.iter().any(|name| mentions(raw, name));
    let must = |message: &Message<'_>| echoes || needs_rewriting(message, profile);
    if !request.messages.iter().any(must) {
        return Ok(None);
    }
    let mut out = String::with_capacity(raw.get().len() + 64);
    let mut changed = false;
    for (index, (message, raw)) in request.messages.iter().zip(elements(raw)?).enumerate() {
        out.push(if index == 0 { '[' } else { ',' });
        let path = format!("messages[{index}]");
        let needed = needs_rewriting(message, profile);
        let may_echo = echoes && message.role == Role::Assistant;
        let found = if needed || may_echo {
            Some(fields(raw, &path)?)
        } else {
            None
        };
        match found.filter(|fields| needed || fields.iter().any(is_echo_of_nothing)) {
            Some(fields) => {
                changed = true;
                out.push_str(&rewritten(message, &fields, profile, &path)?);
            }
            None => out.push_str(raw.get()),
        }
    }
    out.push(']');
    Ok(changed.then_some(out))
}

/// What official SDKs write into an assistant message when a client sends an answer back as it got
/// it, said or not. OpenAI answers 400 to a `tool_calls` that is `null` or empty, and servers differ
/// on the others. Empty reasoning is not among them: DeepSeek wants it back beside tool calls.
const ECHOED: [&str; 5] = [
    "refusal",
    "annotations",
    "audio",
    "function_call",
    "tool_calls",
];

/// Whether the name stands between quotes somewhere in the JSON. A name that is spelt with escapes
/// is not found, and then goes on as it is.
fn mentions(raw: &RawValue, name: &str) -> bool {
    memchr::memmem::find_iter(raw.get().as_bytes(), name).any(|at| {
        let byte = |at: usize| raw.get().as_bytes().get(at).copied();
        byte(at.wrapping_sub(1)) == Some(b'"') && byte(at + name.len()) == Some(b'"')
    })
}

fn is_echo_of_nothing((name, value): &(Cow<'_, str>, &RawValue)) -> bool {
    ECHOED.contains(&name.as_ref()) && says_nothing(value)
}

fn needs_rewriting(message: &Message<'_>, profile: &WireProfile) -> bool {
    let developer = message.role == Role::Developer && !profile.developer_role;
    let mut ids = message
        .tool_calls
        .iter()
        .map(|call| call.id.as_ref())
        .chain(message.tool_call_id.as_deref());
    let foreign_ids = ids.any(|id| mapped_id(id, profile) != id);
    // Only the bytes show what a strict server would stumble over (`"refusal": null`).
    developer || foreign_ids || profile.unknown_fields == UnknownFields::Refuse
}

fn rewritten(
    message: &Message<'_>,
    fields: &RawFields<'_>,
    profile: &WireProfile,
    path: &str,
) -> Result<String, Refusal> {
    let strict = profile.unknown_fields == UnknownFields::Refuse;
    let mut out = Object::with_capacity(256);
    for field in fields {
        let (name, value) = field;
        match name.as_ref() {
            _ if is_echo_of_nothing(field) => {}
            "role" if message.role == Role::Developer && !profile.developer_role => {
                out.text("role", "system");
            }
            "tool_calls" if !message.tool_calls.is_empty() => {
                out.raw(
                    "tool_calls",
                    &rewritten_calls(message, value, profile, path)?,
                );
            }
            "tool_call_id" => match message.tool_call_id.as_deref() {
                Some(id) => out.text("tool_call_id", &mapped_id(id, profile)),
                None => out.raw("tool_call_id", value.get()),
            },
            // `carries` has refused those that say something.
            name if strict && !STRICT_MESSAGE_FIELDS.contains(&name) => {}
            name => out.raw(name, value.get()),
        }
    }
    Ok(out.close())
}

/// Tool calls with their ids mapped, and otherwise as received.
fn rewritten_calls(
    message: &Message<'_>,
    raw: &RawValue,
    profile: &WireProfile,
    path: &str,
) -> Result<String, Refusal> {
    let path = format!("{path}.tool_calls");
    let raws: Vec<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|_| refusal(&path, "cannot be read"))?;
    let known: Vec<&str> = message
        .tool_calls
        .iter()
        .map(|call| call.id.as_ref())
        .collect();
    let mut out = String::from("[");
    for (index, raw) in raws.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let mut call = Object::with_capacity(raw.get().len() + 16);
        for (name, value) in fields(raw, &path)? {
            let id = || serde_json::from_str::<Cow<'_, str>>(value.get()).ok();
            match name.as_ref() {
                "id" => match id().filter(|id| known.contains(&id.as_ref())) {
                    Some(id) => call.text("id", &mapped_id(&id, profile)),
                    None => call.raw("id", value.get()),
                },
                name => call.raw(name, value.get()),
            }
        }
        out.push_str(&call.close());
    }
    out.push(']');
    Ok(out)
}

fn fields<'a>(raw: &'a RawValue, path: &str) -> Result<RawFields<'a>, Refusal> {
    match serde_json::from_str(raw.get()) {
        Ok(Fields(fields)) => Ok(fields),
        Err(error) => Err(refusal(path, format!("cannot be rewritten: {error}"))),
    }
}

fn is_nine_alphanumerics(id: &str) -> bool {
    id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The id as this server accepts it: the same for a call and its result, in every turn.
pub(super) fn mapped_id<'i>(id: &'i str, profile: &WireProfile) -> Cow<'i, str> {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // OpenAI takes ids of 40 characters; a signature that Gemini put into one is longer and is of
    // use to Gemini alone.
    let id = call_id::unpack(id).id;
    if profile.tool_call_ids == ToolCallIds::Any || is_nine_alphanumerics(id) {
        return Cow::Borrowed(id);
    }
    let mut hash = crate::json::fnv1a(&[id.as_bytes()]);
    let letter = |_| {
        let letter = LETTERS[usize::try_from(hash % 62).unwrap_or(0)];
        hash /= 62;
        char::from(letter)
    };
    Cow::Owned((0..9).map(letter).collect())
}

#[cfg(test)]
mod tests;
