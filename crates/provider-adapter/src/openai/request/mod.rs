//! Chat requests in OpenAI's dialect: bytes in, [`ChatRequest`] out.
//!
//! The body is read twice at memory speed: once into its top-level fields, which providers of the
//! same dialect are sent as they are, and once more, typed and borrowing, for what the gateway must
//! understand. Nothing is built in between.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;
use steelyard_types::{ChatRequest, ErrorKind, Field, NumberText};

use crate::json::Text;
use crate::shared;
use trail::{Step, Trail};

pub(super) use beside::{LEFT_OUT, is_beside, is_deprecated, renamed};
pub(crate) use call::{PARSED, PARSED_ARGUMENTS};
pub(crate) use message::FUNCTION_CALL_ID;
pub(crate) use part::BREAKPOINT;
pub(crate) use rare::REASONING_FIELDS;
pub(super) use rare::is_default;
pub(crate) use tool::{list, object, string};
pub(super) use trail::message_field_says_nothing;
pub(crate) use trail::says_nothing;

mod beside;
mod call;
pub(crate) mod custom;
mod message;
mod part;
mod rare;
mod thoughts;
mod tool;
pub(crate) mod trail;

#[cfg(test)]
mod tests;

/// How deep lists and objects may nest.
pub const MAX_DEPTH: usize = 64;
/// Most fields of one object that is read by name.
const MAX_FIELDS: usize = 256;
/// Most stop sequences. OpenAI takes 4, others more.
pub(crate) const MAX_STOP: usize = 64;

/// The field whose mere presence, as an empty object too, switches OpenAI's search on.
pub(super) const SEARCH: &str = "web_search_options";

/// Why a body is not a chat request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RequestError {
    /// What clients are told with it: `BadRequest`.
    pub kind: ErrorKind,
    /// What is wrong, beginning with the field's path where there is one.
    pub message: String,
    /// Path of the field: `messages[1].content`.
    pub param: Option<String>,
    /// A code that programs can tell errors apart by.
    pub code: Option<&'static str>,
}

impl RequestError {
    pub(crate) fn bad(message: impl Into<String>, code: Option<&'static str>) -> Self {
        Self {
            kind: ErrorKind::BadRequest,
            message: message.into(),
            param: None,
            code,
        }
    }

    pub(crate) fn field(path: impl Into<String>, what: impl fmt::Display) -> Self {
        let path = path.into();
        Self {
            kind: ErrorKind::BadRequest,
            message: format!("{path}: {what}"),
            param: Some(path),
            code: None,
        }
    }
}

/// The fields of an object as received.
pub(crate) type RawFields<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// An object's fields as received, without repeated names.
pub(crate) struct Fields<'a>(pub(crate) RawFields<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields: RawFields<'de> = Vec::with_capacity(8);
                while let Some((Text(name), value)) = map.next_entry::<Text<'de>, &RawValue>()? {
                    if fields.iter().any(|(earlier, _)| *earlier == name) {
                        let what = format_args!("the field `{name}` is there twice");
                        return Err(A::Error::custom(what));
                    }
                    if fields.len() == MAX_FIELDS {
                        let what = format_args!("more than {MAX_FIELDS} fields in one object");
                        return Err(A::Error::custom(what));
                    }
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// Reads a chat request.
///
/// # Errors
/// Bodies that are not JSON, not an object, nested too deeply, or hold a field that is not what the
/// dialect says. Fields that the dialect does not know are never an error.
pub fn parse_chat_request(body: &[u8]) -> Result<ChatRequest<'_>, RequestError> {
    let fields = top_level(body)?;
    let trail = Trail::default();
    let mut reader = Reader {
        trail: &trail,
        request: ChatRequest::default(),
        limits: [None; 2],
        rare: rare::Rare::default(),
    };
    for (name, value) in &fields {
        reader
            .field(name, value)
            .map_err(|error| located(&trail, &error))?;
    }
    let mut request = reader.finish(&fields)?;
    let raw = fields
        .into_iter()
        .map(|(name, value)| Field { name, value });
    request.fields = raw.collect();
    Ok(request)
}

/// The body's fields, once it is known to be sound JSON of bounded depth.
pub(crate) fn top_level(body: &[u8]) -> Result<RawFields<'_>, RequestError> {
    let invalid = Some("invalid_json");
    let text = std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        RequestError::bad(format!("the body is not UTF-8 (at byte {at})"), invalid)
    })?;
    if text.trim().is_empty() {
        return Err(RequestError::bad("the body is empty", invalid));
    }
    if too_deep(body) {
        let message = format!("the body is nested more than {MAX_DEPTH} levels deep");
        return Err(RequestError::bad(message, invalid));
    }
    match serde_json::from_str(text) {
        Ok(Fields(fields)) => Ok(fields),
        Err(error) if error.is_data() => {
            let reason = reason(&error);
            let message = if reason.starts_with("expected ") {
                format!("the body must be a JSON object: {reason}")
            } else {
                reason
            };
            Err(RequestError::bad(message, None))
        }
        Err(error) => Err(RequestError::bad(
            format!("the body is not valid JSON: {error}"),
            invalid,
        )),
    }
}

/// Whether lists and objects nest deeper than [`MAX_DEPTH`]. Raw values are skipped without
/// recursion, so that nothing else looks at this.
fn too_deep(body: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        at += 1;
        match byte {
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => loop {
                match memchr::memchr2(b'"', b'\\', body.get(at..).unwrap_or_default()) {
                    Some(end) if body[at + end] == b'\\' => at += end + 2,
                    Some(end) => {
                        at += end + 1;
                        break;
                    }
                    None => return false,
                }
            },
            _ => {}
        }
    }
    false
}

/// Reads the fields that have a word in the neutral form.
struct Reader<'t, 'a> {
    trail: &'t Trail,
    request: ChatRequest<'a>,
    /// `max_tokens` and `max_completion_tokens`.
    limits: [Option<u64>; 2],
    /// What can only be judged with all fields seen.
    rare: rare::Rare<'a>,
}

impl<'a> Reader<'_, 'a> {
    #[expect(
        clippy::ptr_arg,
        reason = "a name that borrows from the body is to stay borrowed"
    )]
    fn field(&mut self, name: &Cow<'a, str>, value: &'a RawValue) -> Result<(), serde_json::Error> {
        if value.get() == "null" && !matches!(name.as_ref(), "model" | "messages") {
            return Ok(());
        }
        let trail = self.trail;
        let request = &mut self.request;
        let place = |known: &'static str| Step::Field(known);
        match name.as_ref() {
            "model" => {
                let read = || serde_json::from_str::<Text<'a>>(value.get());
                request.model = trail.within(place("model"), read)?.0;
            }
            "messages" => {
                let mut json = serde_json::Deserializer::from_str(value.get());
                let notes = message::Notes::default();
                let seed = message::Messages {
                    trail,
                    notes: &notes,
                };
                request.messages =
                    trail.within(place("messages"), || seed.deserialize(&mut json))?;
                if notes.named.get() {
                    request.untranslated.push(Cow::Borrowed("messages.name"));
                }
                for (field, is_left_out) in LEFT_OUT.into_iter().zip(notes.left_out.get()) {
                    if is_left_out {
                        request.untranslated.push(Cow::Borrowed(field));
                    }
                }
                if trail.has_citations() {
                    let field = Cow::Borrowed("messages.annotations");
                    request.untranslated.push(field);
                }
            }
            "stream" => {
                request.stream = trail.within(place("stream"), || typed(value))?;
            }
            "stream_options" => {
                trail.within(place("stream_options"), || {
                    stream_options(value, trail, request)
                })?;
            }
            "max_tokens" => {
                self.limits[0] = Some(trail.within(place("max_tokens"), || typed(value))?);
            }
            "max_completion_tokens" => {
                let limit = trail.within(place("max_completion_tokens"), || typed(value))?;
                self.limits[1] = Some(limit);
            }
            "temperature" => {
                let read = || number(value);
                request.temperature = Some(trail.within(place("temperature"), read)?);
            }
            "top_p" => request.top_p = Some(trail.within(place("top_p"), || number(value))?),
            "stop" => request.stop = Some(trail.within(place("stop"), || stop(value))?),
            "tools" => {
                let read = || tool::tools(value, trail, &mut request.untranslated);
                request.tools = trail.within(place("tools"), read)?;
            }
            "tool_choice" => {
                let read = || tool::tool_choice(value, trail);
                request.tool_choice = trail.within(place("tool_choice"), read)?;
                if request.tool_choice.is_none() {
                    request.untranslated.push(Cow::Borrowed("tool_choice"));
                }
            }
            "parallel_tool_calls" => {
                let read = || typed(value);
                let parallel = trail.within(place("parallel_tool_calls"), read)?;
                request.parallel_tool_calls = Some(parallel);
            }
            // To say nothing about it is to switch it on.
            SEARCH => request.untranslated.push(Cow::Borrowed(SEARCH)),
            _ if says_nothing(value) || is_default(name, value) => {}
            _ => self.rare.field(name, value, trail, request)?,
        }
        Ok(())
    }

    /// What can only be judged with all fields seen.
    fn finish(mut self, fields: &RawFields<'a>) -> Result<ChatRequest<'a>, RequestError> {
        let has = |name: &str| fields.iter().any(|(field, _)| field == name);
        if self.request.model.is_empty() {
            return Err(RequestError::field("model", "is required"));
        }
        if !has("messages") {
            return Err(RequestError::field("messages", "is required"));
        }
        if self.request.messages.is_empty() {
            return Err(RequestError::field(
                "messages",
                "must hold at least one message",
            ));
        }
        let choice = fields.iter().find(|(name, _)| name == "tool_choice");
        shared::allow(&mut self.request, choice.map(|(_, value)| *value));
        self.request.max_output_tokens = match self.limits {
            [Some(_), Some(_)] => {
                let what = "cannot be combined with max_completion_tokens";
                return Err(RequestError::field("max_tokens", what));
            }
            [old, new] => old.or(new),
        };
        let options = fields.iter().find(|(name, _)| name == "stream_options");
        if !self.request.stream && options.is_some_and(|(_, value)| !says_nothing(value)) {
            let what = "is allowed only where stream is true";
            return Err(RequestError::field("stream_options", what));
        }
        self.rare
            .finish(self.trail, &mut self.request)
            .map_err(|error| located(self.trail, &error))?;
        Ok(self.request)
    }
}

fn stream_options<'a>(
    value: &'a RawValue,
    trail: &Trail,
    request: &mut ChatRequest<'a>,
) -> Result<(), serde_json::Error> {
    for (name, value) in object(value)? {
        match name.as_ref() {
            "include_usage" => {
                let read = || typed::<Option<bool>>(value);
                let include = trail.within(Step::Field("include_usage"), read)?;
                request.include_usage = include.unwrap_or(false);
            }
            _ if says_nothing(value) || value.get() == "false" => {}
            _ => request.untranslated.push(trail.path_to(&name).into()),
        }
    }
    Ok(())
}

/// Reads a whole value.
pub(crate) fn typed<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Result<T, serde_json::Error> {
    serde_json::from_str(value.get())
}

pub(crate) fn number(value: &RawValue) -> Result<NumberText<'_>, serde_json::Error> {
    let text = value.get();
    if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Ok(NumberText(text));
    }
    Err(serde_json::Error::custom("expected a number"))
}

pub(crate) fn stop(value: &RawValue) -> Result<SmallVec<[Cow<'_, str>; 4]>, serde_json::Error> {
    if value.get().starts_with('"') {
        let Text(one) = typed(value)?;
        return Ok(SmallVec::from_iter([one]));
    }
    if !value.get().starts_with('[') {
        return Err(serde_json::Error::custom(
            "expected a string or a list of strings",
        ));
    }
    let several: Vec<Text<'_>> = typed(value)?;
    if several.len() > MAX_STOP {
        let what = format_args!("holds more than {MAX_STOP} entries");
        return Err(serde_json::Error::custom(what));
    }
    Ok(several.into_iter().map(|Text(text)| text).collect())
}

/// The error with the place where the parser stood.
pub(crate) fn located(trail: &Trail, error: &serde_json::Error) -> RequestError {
    RequestError::field(trail.path(), reason(error))
}

/// An error in people's words: without positions, which count within a piece of the body, and with
/// JSON's names of types.
fn reason(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    while let Some(at) = text.rfind(" at line ") {
        text.truncate(at);
    }
    let Some((found, expected)) = text
        .strip_prefix("invalid type: ")
        .or_else(|| text.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    else {
        return text;
    };
    // Of values only numbers are repeated, between backticks there, and only where one is expected.
    let number = found.split('`').nth(1).filter(|_| expected == "u64");
    let number = number.map(|text| format!("the number {text}"));
    let found = match found.split([' ', ',']).next().unwrap_or_default() {
        "integer" | "floating" | "number" => number.as_deref().unwrap_or("a number"),
        "string" => "a string",
        "boolean" => "a boolean",
        "sequence" => "a list",
        "map" => "an object",
        "null" => "null",
        _ => found,
    };
    let expected = match expected {
        "u64" => "a whole number, neither negative nor with a decimal point nor in quotes",
        "bool" => "a boolean",
        "a sequence" => "a list",
        "a map" => "an object",
        other => other,
    };
    format!("expected {expected}, found {found}")
}
