//! Requests: bytes in, [`ChatRequest`] out.

use std::borrow::Cow;

use serde_json::value::RawValue;
use steelyard_types::{ChatRequest, Dialect, Field, Message, Part, Role};

use crate::json::Text;
use crate::openai::RequestError;
use crate::openai::request::trail::{Step, Trail};
use crate::openai::request::{RawFields, located, number, stop, top_level, typed};

/// The most tokens of an answer where the client names no limit: the dialect's own default.
pub(super) const DEFAULT_MAX_TOKENS: u64 = 16;

/// Reads the body of `POST /v1/completions`.
///
/// # Errors
/// Bodies that are not JSON, not an object, nested too deeply, hold a field that is not what the
/// dialect says, or ask for what no chat model can do. Fields that the dialect does not know are
/// never an error.
pub fn parse_completion_request(body: &[u8]) -> Result<ChatRequest<'_>, RequestError> {
    let fields = top_level(body)?;
    refuse_bare_text(&fields)?;
    let trail = Trail::default();
    let mut request = ChatRequest {
        dialect: Dialect::OpenAiCompletions,
        max_output_tokens: Some(DEFAULT_MAX_TOKENS),
        ..ChatRequest::default()
    };
    for (name, value) in &fields {
        field(name, value, &trail, &mut request).map_err(|error| located(&trail, &error))?;
    }
    if request.model.is_empty() {
        return Err(RequestError::field("model", "is required"));
    }
    if !request.stream && has(&fields, "stream_options") {
        let what = "is allowed only where stream is true";
        return Err(RequestError::field("stream_options", what));
    }
    let prompt = fields.iter().find(|(name, _)| name == "prompt");
    let (_, prompt) = prompt.ok_or_else(|| RequestError::field("prompt", "is required"))?;
    let mut message = Message::new(Role::User);
    message.content.push(Part::Text(only_text(prompt)?));
    request.messages.push(message);
    let raw = fields.into_iter();
    request.fields = raw.map(|(name, value)| Field { name, value }).collect();
    Ok(request)
}

/// Refuses what only a model of bare text can do.
fn refuse_bare_text(fields: &RawFields<'_>) -> Result<(), RequestError> {
    const REFUSED: [(&str, &[&str]); 4] = [
        ("suffix", &["null", "\"\""]),
        ("echo", &["null", "false"]),
        ("best_of", &["null", "1"]),
        ("logprobs", &["null"]),
    ];
    for (name, value) in fields {
        let known = REFUSED.iter().find(|(refused, _)| refused == name);
        if known.is_some_and(|(_, nothing)| !nothing.contains(&value.get())) {
            let what = "is not carried: completions are answered by chat models";
            let mut error = RequestError::field(name.as_ref(), what);
            error.code = Some("unsupported_parameter");
            return Err(error);
        }
    }
    Ok(())
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
) -> Result<(), serde_json::Error> {
    if value.get() == "null" && name != "model" {
        return Ok(());
    }
    let place = |known: &'static str| Step::Field(known);
    match name.as_ref() {
        "model" => {
            let read = || typed::<Text<'a>>(value);
            request.model = trail.within(place("model"), read)?.0;
        }
        "prompt" | "suffix" | "echo" | "best_of" | "logprobs" => {}
        "n" => request.n = Some(trail.within(place("n"), || typed(value))?),
        "stream" => request.stream = trail.within(place("stream"), || typed(value))?,
        "stream_options" => {
            let read = || typed::<StreamOptions>(value);
            let options = trail.within(place("stream_options"), read)?;
            request.include_usage = options.include_usage.unwrap_or(false);
        }
        "max_tokens" => {
            request.max_output_tokens = Some(trail.within(place("max_tokens"), || typed(value))?);
        }
        "temperature" => {
            request.temperature = Some(trail.within(place("temperature"), || number(value))?);
        }
        "top_p" => request.top_p = Some(trail.within(place("top_p"), || number(value))?),
        "seed" => request.seed = Some(trail.within(place("seed"), || number(value))?),
        "presence_penalty" => {
            let read = || number(value);
            request.presence_penalty = Some(trail.within(place("presence_penalty"), read)?);
        }
        "frequency_penalty" => {
            let read = || number(value);
            request.frequency_penalty = Some(trail.within(place("frequency_penalty"), read)?);
        }
        "stop" => request.stop = Some(trail.within(place("stop"), || stop(value))?),
        "user" => {
            let read = || typed::<Text<'a>>(value);
            request.end_user = Some(trail.within(place("user"), read)?.0);
        }
        _ => request.untranslated.push(name.clone()),
    }
    Ok(())
}

#[derive(serde::Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

fn has(fields: &RawFields<'_>, wanted: &str) -> bool {
    let mut found = fields.iter().filter(|(name, _)| name == wanted);
    found.any(|(_, value)| value.get() != "null")
}

/// The prompt, which may be a text or a list of one.
fn only_text(prompt: &RawValue) -> Result<Cow<'_, str>, RequestError> {
    let wrong = |what: &str| {
        let mut error = RequestError::field("prompt", what);
        error.code = Some("unsupported_parameter");
        error
    };
    let is_text = |raw: &RawValue| raw.get().starts_with('"');
    let text = if prompt.get().starts_with('[') {
        let all: Vec<&RawValue> = typed(prompt).map_err(|_| wrong("cannot be read"))?;
        match all.as_slice() {
            [one] if is_text(one) => typed::<Text<'_>>(one),
            several if several.iter().all(|one| is_text(one)) && !several.is_empty() => {
                return Err(wrong(
                    "holds several prompts, which are not carried in one request: send one each",
                ));
            }
            [] => return Err(RequestError::field("prompt", "must hold a text")),
            _ => return Err(wrong("holds tokens, which are not carried: send text")),
        }
    } else if is_text(prompt) {
        typed::<Text<'_>>(prompt)
    } else {
        let what = "expected a string or a list of one string";
        return Err(RequestError::field("prompt", what));
    };
    let Text(text) = text.map_err(|_| RequestError::field("prompt", "cannot be read"))?;
    if text.is_empty() {
        return Err(RequestError::field("prompt", "must not be empty"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
