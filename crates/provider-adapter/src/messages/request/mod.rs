//! Requests in Anthropic's dialect: bytes in, [`ChatRequest`] out.
//!
//! A message of this dialect can hold what are several in the neutral form: every `tool_result` is
//! a message of its own there, in front of what else the user said.

use std::borrow::Cow;

use serde::de::Error as _;
use serde_json::value::RawValue;
use steelyard_types::{
    CacheMark, ChatRequest, Dialect, Effort, ErrorKind, Field, JsonSchema, Message, OutputFormat,
    ReasoningControl, Role,
};

use crate::openai::request::trail::{Step, Trail, says_nothing};
use crate::openai::request::{
    MAX_STOP, RawFields, RequestError, list, located, number, object, string, top_level, typed,
};

mod content;
mod source;
mod tool;

#[cfg(test)]
mod tests;

type Read<T> = Result<T, serde_json::Error>;

/// Reads the body of `POST /v1/messages`.
///
/// # Errors
/// Bodies that are not JSON, not an object, nested too deeply, or hold a field that is not what the
/// dialect says, and a `thread`. Fields and blocks that the dialect does not know are never an error.
pub fn parse_messages_request(body: &[u8]) -> Result<ChatRequest<'_>, RequestError> {
    let request = parse(body)?;
    if request.max_output_tokens.is_none() {
        return Err(RequestError::field("max_tokens", "is required"));
    }
    Ok(request)
}

/// Reads the body of `POST /v1/messages/count_tokens`, which needs no `max_tokens`.
///
/// # Errors
/// As [`parse_messages_request`].
pub fn parse_count_request(body: &[u8]) -> Result<ChatRequest<'_>, RequestError> {
    parse(body)
}

fn parse(body: &[u8]) -> Result<ChatRequest<'_>, RequestError> {
    let fields = top_level(body)?;
    refuse_thread(&fields)?;
    let trail = Trail::default();
    let mut request = ChatRequest {
        dialect: Dialect::AnthropicMessages,
        // Usage is part of every stream of this dialect.
        include_usage: true,
        ..ChatRequest::default()
    };
    // Instructions come first, wherever in the body they stand.
    let system = fields.iter().filter(|(name, _)| name == "system");
    let rest = fields.iter().filter(|(name, _)| name != "system");
    for (name, value) in system.chain(rest) {
        field(name, value, &trail, &mut request).map_err(|error| located(&trail, &error))?;
    }
    if trail.has_citations() {
        request.untranslated.push("messages.citations".into());
    }
    complete(&request, &fields)?;
    let raw = fields.into_iter();
    request.fields = raw.map(|(name, value)| Field { name, value }).collect();
    Ok(request)
}

/// The field by which Anthropic is asked to keep the conversation, and to go on with one.
pub(super) const THREAD: &str = "thread";

/// Refuses threads whoever would serve the request, Anthropic included: what goes on with one holds its
/// newest messages alone, and may be routed to another model than the one that keeps the others.
fn refuse_thread(fields: &RawFields<'_>) -> Result<(), RequestError> {
    let given = |(name, value): &(Cow<'_, str>, &RawValue)| name == THREAD && value.get() != "null";
    if !fields.iter().any(given) {
        return Ok(());
    }
    let what = "is not supported: nothing is stored here; send the whole history in `messages`";
    Err(RequestError {
        kind: ErrorKind::Unsupported,
        ..RequestError::field(THREAD, what)
    })
}

/// What can only be judged with all fields seen.
fn complete(request: &ChatRequest<'_>, fields: &RawFields<'_>) -> Result<(), RequestError> {
    if request.model.is_empty() {
        return Err(RequestError::field("model", "is required"));
    }
    let messages = fields.iter().find(|(name, _)| name == "messages");
    match messages {
        None => Err(RequestError::field("messages", "is required")),
        Some((_, raw)) if says_nothing(raw) => Err(RequestError::field(
            "messages",
            "must hold at least one message",
        )),
        Some(_) => Ok(()),
    }
}

#[expect(
    clippy::ptr_arg,
    reason = "a name that borrows from the body is to stay borrowed"
)]
fn field<'a>(
    name: &Cow<'a, str>,
    value: &'a RawValue,
    trail: &Trail,
    request: &mut ChatRequest<'a>,
) -> Read<()> {
    if value.get() == "null" && !matches!(name.as_ref(), "model" | "messages" | "max_tokens") {
        return Ok(());
    }
    let at = Step::Field;
    match name.as_ref() {
        "model" => {
            request.model = trail
                .within(at("model"), || string(value))?
                .unwrap_or_default();
        }
        "messages" => trail.within(at("messages"), || messages(value, trail, request))?,
        "system" => trail.within(at("system"), || system(value, trail, request))?,
        "max_tokens" => {
            request.max_output_tokens = Some(trail.within(at("max_tokens"), || typed(value))?);
        }
        "stream" => request.stream = trail.within(at("stream"), || typed(value))?,
        "temperature" => {
            request.temperature = Some(trail.within(at("temperature"), || number(value))?);
        }
        "top_p" => request.top_p = Some(trail.within(at("top_p"), || number(value))?),
        "top_k" => request.top_k = Some(trail.within(at("top_k"), || number(value))?),
        "stop_sequences" => trail.within(at("stop_sequences"), || stops(value, request))?,
        "tools" => trail.within(at("tools"), || tool::tools(value, trail, request))?,
        "tool_choice" => {
            trail.within(at("tool_choice"), || tool::choice(value, trail, request))?;
        }
        "thinking" => trail.within(at("thinking"), || thinking(value, trail, request))?,
        "output_config" => {
            trail.within(at("output_config"), || output(value, trail, request))?;
        }
        // What `output_config.format` was called while it was in beta; SDKs of that time send it.
        "output_format" => {
            trail.within(at("output_format"), || format(name, value, request))?;
        }
        "metadata" => trail.within(at("metadata"), || metadata(value, trail, request))?,
        "cache_control" => match cache_mark(value)? {
            Some(mark) => request.cache = Some(mark),
            None => request.untranslated.push(name.clone()),
        },
        // Both words keep a request in the standard tier where nothing else was bought, which is
        // the only one that other formats are asked for.
        "service_tier" if matches!(value.get(), "\"auto\"" | "\"standard_only\"") => {}
        _ if says_nothing(value) => {}
        _ => request.untranslated.push(name.clone()),
    }
    Ok(())
}

/// Most messages of a conversation.
const MAX_MESSAGES: usize = 20_000;

fn messages<'a>(value: &'a RawValue, trail: &Trail, request: &mut ChatRequest<'a>) -> Read<()> {
    let raws = list(value, "a list of messages")?;
    if raws.len() > MAX_MESSAGES {
        return Err(too_many(MAX_MESSAGES));
    }
    for (index, raw) in raws.into_iter().enumerate() {
        trail.within(Step::Index(index), || {
            content::message(raw, trail, &mut request.messages)
        })?;
    }
    Ok(())
}

fn system<'a>(value: &'a RawValue, trail: &Trail, request: &mut ChatRequest<'a>) -> Read<()> {
    let mut message = Message::new(Role::System);
    content::texts(value, trail, &mut message)?;
    if !message.content.is_empty() || message.untranslated.is_some() {
        request.messages.push(message);
    }
    Ok(())
}

fn stops<'a>(value: &'a RawValue, request: &mut ChatRequest<'a>) -> Read<()> {
    let raws = list(value, "a list of strings")?;
    if raws.len() > MAX_STOP {
        return Err(too_many(MAX_STOP));
    }
    let texts = raws
        .into_iter()
        .map(|raw| string(raw)?.ok_or_else(|| serde_json::Error::custom("must hold strings")));
    request.stop = Some(texts.collect::<Read<_>>()?);
    Ok(())
}

/// `thinking`: whether the model reasons, and with how many tokens.
fn thinking<'a>(value: &'a RawValue, trail: &Trail, request: &mut ChatRequest<'a>) -> Read<()> {
    let mut kind = None;
    let mut budget = None;
    for (name, value) in object(value)? {
        match name.as_ref() {
            "type" => kind = trail.within(Step::Field("type"), || string(value))?,
            "budget_tokens" => {
                budget = trail.within(Step::Field("budget_tokens"), || typed(value))?;
            }
            // So it is where nothing is said; the other word leaves thoughts untold.
            "display" if value.get() == "\"summarized\"" => {}
            _ if says_nothing(value) => {}
            _ => request.untranslated.push(trail.path_to(&name).into()),
        }
    }
    let control = request.reasoning.get_or_insert_default();
    match kind.as_deref() {
        // An effort counts without thinking too, and elsewhere there is one word for both.
        Some("disabled") => control.effort = control.effort.or(Some(Effort::None)),
        Some("enabled" | "adaptive") => control.budget_tokens = budget,
        None => return trail.wrong("type", "is required"),
        Some(_) => {
            let path = trail.path_to("type");
            request.untranslated.push(path.into());
        }
    }
    Ok(())
}

/// `output_config`: how hard the model tries, and the schema that its answer follows.
fn output<'a>(value: &'a RawValue, trail: &Trail, request: &mut ChatRequest<'a>) -> Read<()> {
    for (name, value) in object(value)? {
        if says_nothing(value) {
            continue;
        }
        match name.as_ref() {
            "effort" => {
                let word = trail.within(Step::Field("effort"), || string(value))?;
                match word.as_deref().and_then(Effort::parse) {
                    Some(effort) => {
                        let control: &mut ReasoningControl =
                            request.reasoning.get_or_insert_default();
                        control.effort = Some(effort);
                    }
                    None => request.untranslated.push(trail.path_to(&name).into()),
                }
            }
            "format" => {
                let path = Cow::Owned(trail.path_to(&name));
                trail.within(Step::Field("format"), || format(&path, value, request))?;
            }
            _ => request.untranslated.push(trail.path_to(&name).into()),
        }
    }
    Ok(())
}

#[expect(
    clippy::ptr_arg,
    reason = "a name that borrows from the body is to stay borrowed"
)]
fn format<'a>(path: &Cow<'a, str>, value: &'a RawValue, request: &mut ChatRequest<'a>) -> Read<()> {
    match schema(value)? {
        Some(schema) => request.format = OutputFormat::JsonSchema(schema),
        None => request.untranslated.push(path.clone()),
    }
    Ok(())
}

/// `{"type":"json_schema","schema":{...}}`; `None` where it is anything else.
fn schema(value: &RawValue) -> Read<Option<JsonSchema<'_>>> {
    let (mut kind, mut schema, mut more) = (None, None, false);
    for (name, value) in object(value)? {
        match name.as_ref() {
            "type" => kind = string(value)?,
            "schema" => schema = Some(value),
            _ => more |= !says_nothing(value),
        }
    }
    let known = kind.as_deref() == Some("json_schema") && schema.is_some() && !more;
    Ok(known.then_some(JsonSchema {
        name: None,
        description: None,
        schema,
        // Anthropic decodes under the schema's constraint: that is what others call strict.
        strict: Some(true),
    }))
}

fn metadata<'a>(value: &'a RawValue, trail: &Trail, request: &mut ChatRequest<'a>) -> Read<()> {
    for (name, value) in object(value)? {
        match name.as_ref() {
            "user_id" => {
                request.end_user = trail.within(Step::Field("user_id"), || string(value))?;
            }
            _ if says_nothing(value) => {}
            _ => request.untranslated.push(trail.path_to(&name).into()),
        }
    }
    Ok(())
}

/// What a `cache_control` says; `None` where the neutral form has no word for it.
fn cache_mark(value: &RawValue) -> Read<Option<CacheMark>> {
    let mut mark = Some(CacheMark { one_hour: false });
    for (name, value) in object(value)? {
        match (name.as_ref(), value.get()) {
            ("type", "\"ephemeral\"") | ("ttl", "\"5m\"" | "null") => {}
            ("ttl", "\"1h\"") => mark = mark.map(|_| CacheMark { one_hour: true }),
            _ => mark = None,
        }
    }
    Ok(mark)
}

fn too_many(most: usize) -> serde_json::Error {
    serde_json::Error::custom(format_args!("holds more than {most} entries"))
}
