//! The same request as a chat completion, for providers of OpenAI's format.

use std::borrow::Cow;

use steelyard_types::{ChatRequest, Part};

use super::request::DEFAULT_MAX_TOKENS;
use crate::json::{Object, push_text};
use crate::{Refusal, openai};

/// Fields that chat completions do not have, all of which say nothing once they got here.
const LEGACY: [&str; 5] = ["suffix", "echo", "best_of", "logprobs", "prompt"];

/// Writes the request as a chat completion and hands it over: fields go as received, so that those
/// that the neutral form has no word for reach the provider too.
///
/// # Errors
/// What `carry` refuses, and a request that cannot be read as a chat completion.
pub(crate) fn as_chat<T>(
    request: &ChatRequest<'_>,
    carry: impl FnOnce(&ChatRequest<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let texts = request.messages.iter().flat_map(|message| &message.content);
    let prompt = texts.filter_map(|part| match part {
        Part::Text(text) => Some(text.as_ref()),
        _ => None,
    });
    with_prompt(request, &prompt.collect::<Cow<'_, str>>(), carry)
}

/// The same without the prompt, for what can be judged without it: every candidate is asked, and
/// prompts are long.
///
/// # Errors
/// As [`as_chat`].
pub(crate) fn as_chat_of_any_prompt<T>(
    request: &ChatRequest<'_>,
    carry: impl FnOnce(&ChatRequest<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    with_prompt(request, "", carry)
}

fn with_prompt<T>(
    request: &ChatRequest<'_>,
    prompt: &str,
    carry: impl FnOnce(&ChatRequest<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let body = chat_body(request, prompt);
    let chat = openai::parse_chat_request(body.as_bytes()).map_err(|error| {
        let field = error.param.unwrap_or_else(|| "prompt".to_owned());
        let named = error.message.strip_prefix(field.as_str());
        let what = named.map_or(error.message.as_str(), |rest| rest.trim_start_matches(": "));
        Refusal {
            reason: format!("cannot be carried as a chat completion: {what}"),
            field,
        }
    })?;
    carry(&chat)
}

fn chat_body(request: &ChatRequest<'_>, prompt: &str) -> String {
    let mut body = Object::with_capacity(1_024);
    let mut limit = Cow::Owned(DEFAULT_MAX_TOKENS.to_string());
    for field in &request.fields {
        let value = field.value.get();
        match field.name.as_ref() {
            name if LEGACY.contains(&name) => {}
            "max_tokens" if value == "null" => {}
            "max_tokens" => limit = Cow::Borrowed(value),
            name => body.raw(name, value),
        }
    }
    body.raw("max_tokens", &limit);
    let mut messages = String::from("[{\"role\":\"user\",\"content\":");
    push_text(&mut messages, prompt);
    messages.push_str("}]");
    body.raw("messages", &messages);
    body.close()
}
