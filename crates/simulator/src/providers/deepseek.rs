//! DeepSeek's API: OpenAI's dialect, usage in the last chunk, cache hits and misses.

use crate::answer::Answer;
use crate::ask::Ask;
use crate::check::{At, Expected, Problem, Violation};
use crate::delivery::{Payload, Reply};
use crate::draw::Draw;
use crate::fault::StatusFault;
use crate::json::{Node, object};

use super::chat::{self, Dialect};
use super::chat_answer::{Reasoning, Style, UsagePlace, plain_usage};
use super::{Call, Provider, key_is_good, model_list, openai};

pub(crate) struct DeepSeek;

const DIALECT: Dialect = Dialect {
    roles: &["system", "user", "assistant", "tool"],
    parts: &["text"],
    parts_elsewhere: None,
    fields: None,
    message_fields: None,
    most_temperature: 2.0,
    length_names: &["max_tokens"],
    choices: &["none", "auto", "required"],
    most_stops: 16,
    custom_tools: false,
    names_are_checked: true,
    tool_types: Some(&["function"]),
    strict_functions: false,
    strict_order: true,
};

const MODELS: &[&str] = &[
    "deepseek-chat",
    "deepseek-reasoner",
    "deepseek-flash",
    "deepseek-v4-flash",
    "deepseek-v4-pro",
];

fn refuse(status: u16, message: &str, kind: &str) -> Reply {
    let code = Some("invalid_request_error");
    Reply::json(status, openai::error(message, kind, None, code).to_text())
}

/// DeepSeek's deserializer names what it found and what it wanted.
fn describe(violation: &Violation) -> String {
    let place = violation.path.bracketed();
    match &violation.problem {
        Problem::Missing => format!(
            "Failed to deserialize the JSON body into the target type: {place}: missing field \
             `{}`",
            violation.path.last_key()
        ),
        Problem::WrongType { expected, got } => {
            let expected = match expected {
                Expected::Text => "a string",
                Expected::Integer => "u32",
                Expected::Number => "f32",
                Expected::Boolean => "a boolean",
                Expected::List => "a sequence",
                Expected::Object => "a map",
                Expected::TextOrList => "a string or a sequence",
            };
            format!(
                "Failed to deserialize the JSON body into the target type: {place}: invalid type: \
                 {got}, expected {expected}"
            )
        }
        Problem::NotOneOf { got, allowed } => format!(
            "Failed to deserialize the JSON body into the target type: {place}: unknown variant \
             `{got}`, expected one of `{}`",
            allowed.join("`, `")
        ),
        Problem::BelowMinimum { minimum, .. } => {
            format!("Invalid {place} value, the valid range is at least {minimum}")
        }
        Problem::AboveMaximum { maximum, .. } => {
            format!("Invalid {place} value, the valid range is up to {maximum}")
        }
        Problem::EmptyList => format!("Empty input {place}"),
        Problem::Rule { message, .. } => message.clone(),
        _ => format!("Invalid {place}"),
    }
}

impl Provider for DeepSeek {
    fn name(&self) -> &'static str {
        "deepseek"
    }

    fn read(&self, call: &Call<'_>, _: &mut Draw) -> Result<Ask, Reply> {
        let key = call.bearer().unwrap_or_default();
        if !key_is_good(key, &["sk-"]) {
            let end: String = key
                .chars()
                .rev()
                .take(4)
                .collect::<Vec<_>>()
                .iter()
                .rev()
                .collect();
            let message = format!("Authentication Fails, Your api key: ****{end} is invalid");
            return Err(refuse(401, &message, "authentication_error"));
        }
        match (
            call.method.as_str(),
            call.path.strip_prefix("/v1").unwrap_or(call.path),
        ) {
            ("GET", "/models") => return Err(model_list(MODELS, call.extra_models, "deepseek")),
            ("POST", "/chat/completions") => {}
            _ => return Err(Reply::json(404, String::new())),
        }
        let invalid = "invalid_request_error";
        let value = call.body.map_err(|problem| {
            refuse(
                400,
                &format!("Failed to parse the request body as JSON: {problem}"),
                invalid,
            )
        })?;
        let body = At::root(value);
        let mut ask = chat::read(&body, &DIALECT).map_err(|violation| {
            let type_error = matches!(
                violation.problem,
                Problem::WrongType { .. } | Problem::NotOneOf { .. } | Problem::Missing
            );
            refuse(
                if type_error { 422 } else { 400 },
                &describe(&violation),
                invalid,
            )
        })?;
        if !call.knows(&ask.model, MODELS) {
            // Recorded nowhere; DeepSeek's documentation says 400 for a wrong model.
            return Err(refuse(400, "Model Not Exist", invalid));
        }
        if body.get("stream_options").is_some() && !ask.stream {
            let message = "stream_options should be set along with stream = true";
            return Err(refuse(400, message, invalid));
        }
        if body.value["response_format"]["type"] == "json_schema" {
            let message = "This response_format type is unavailable now";
            return Err(refuse(400, message, invalid));
        }
        let says_json = value["messages"]
            .to_string()
            .to_lowercase()
            .contains("json");
        if body.value["response_format"]["type"] == "json_object" && !says_json {
            let message = "Prompt must contain the word 'json' in some form to use \
                'response_format' of type 'json_object'.";
            return Err(refuse(400, message, invalid));
        }
        ask.reasons = ask.model == "deepseek-reasoner" || value["thinking"]["type"] == "enabled";
        Ok(ask)
    }

    fn render(&self, _: &Call<'_>, ask: &Ask, answer: &Answer, draw: &mut Draw) -> Reply {
        let usage = &answer.usage;
        let cached = object! { "cached_tokens" => usage.cached };
        let reasoning =
            (usage.reasoning > 0).then(|| object! { "reasoning_tokens" => usage.reasoning });
        // The reasoner shows its reasoning without being asked.
        let mut answer = answer.clone();
        if answer.reasoning.is_empty() && ask.reasons && !answer.text().is_empty() {
            answer.reasoning = "The user wants a direct answer, so I give one.".to_owned();
        }
        let style = Style {
            id: draw.uuid(),
            created: draw.created(),
            model: ask.model.clone(),
            extra: vec![(
                "system_fingerprint",
                Node::from(format!("fp_{}_prod0820_fp8_kvcache", draw.hex(10))),
            )],
            message_extra: Vec::new(),
            opening_extra: Vec::new(),
            choice_extra: vec![("logprobs", Node::NULL)],
            call_ids: (0..answer.calls.len())
                .map(|index| format!("call_{index:02}_{}", draw.alnum(24)))
                .collect(),
            reasoning: Reasoning::Member("reasoning_content"),
            usage: plain_usage(usage)
                .with("prompt_tokens_details", cached)
                .with_some("completion_tokens_details", reasoning)
                .with("prompt_cache_hit_tokens", usage.cached)
                .with("prompt_cache_miss_tokens", usage.prompt - usage.cached),
            usage_place: UsagePlace::WithFinish,
            null_usage: true,
            padding: false,
            last_delta: object! { "content" => "" },
            silent_content: Node::from(""),
            fragments: 4,
            forced: false,
            answers: 1,
        };
        if ask.stream {
            let payload = Payload::Stream(style.stream(&answer));
            return Reply {
                status: 200,
                headers: Vec::new(),
                payload,
            }
            .header("content-type", "text/event-stream; charset=utf-8")
            .header("cache-control", "no-cache");
        }
        Reply::json(200, style.unary(&answer).to_text())
    }

    fn failure(&self, _: &Call<'_>, _: &Ask, fault: &StatusFault, _: &mut Draw) -> Reply {
        let (kind, message) = match fault.status {
            401 => (
                "authentication_error",
                "Authentication Fails (no such user)",
            ),
            402 => ("unknown_error", "Insufficient Balance"),
            429 => ("rate_limit_error", "Rate limit reached"),
            503 => (
                "service_unavailable_error",
                "Service is too busy. Please try again later.",
            ),
            status if status >= 500 => ("internal_error", "Internal Server Error"),
            _ => ("invalid_request_error", "Invalid request"),
        };
        let message = fault.message.as_deref().unwrap_or(message);
        let code = fault.code.as_deref().or(Some("invalid_request_error"));
        let body = openai::error(message, kind, None, code);
        let reply = Reply::json(fault.status, body.to_text());
        match fault.retry_after_seconds {
            Some(seconds) => reply.header("retry-after", seconds.to_string()),
            None => reply,
        }
    }

    fn interruption(&self, _: &Call<'_>, _: &mut Draw) -> (String, String) {
        let body = openai::error("Internal Server Error", "internal_error", None, None).to_text();
        (format!("data: {body}\n\n"), body)
    }
}
