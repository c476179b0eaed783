//! Mistral's API: refuses unknown fields, wants tool call ids of nine characters.

use crate::answer::Answer;
use crate::ask::Ask;
use crate::check::{At, Checked, Expected, Problem, Step, Violation};
use crate::delivery::{Payload, Reply};
use crate::draw::Draw;
use crate::fault::StatusFault;
use crate::json::{Node, object};

use super::chat::{self, Dialect};
use super::chat_answer::{Reasoning, Style, UsagePlace, plain_usage};
use super::{Call, Provider, key_is_good, model_list};

pub(crate) struct Mistral;

const DIALECT: Dialect = Dialect {
    roles: &["system", "user", "assistant", "tool"],
    parts: &[
        "text",
        "image_url",
        "thinking",
        "document_url",
        "reference",
        "file",
        "input_audio",
    ],
    parts_elsewhere: None,
    fields: Some(FIELDS),
    message_fields: Some(MESSAGE_FIELDS),
    most_temperature: 1.5,
    length_names: &["max_tokens"],
    choices: &["auto", "none", "any", "required"],
    most_stops: 16,
    custom_tools: false,
    names_are_checked: true,
    tool_types: Some(&["function"]),
    strict_functions: true,
    strict_order: false,
};

/// Members of Mistral's chat completion request.
const FIELDS: &[&str] = &[
    "model",
    "messages",
    "temperature",
    "top_p",
    "max_tokens",
    "stream",
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
    "guardrails",
    "prompt_cache_key",
];

/// Members of a message of any role.
const MESSAGE_FIELDS: &[&str] = &[
    "role",
    "content",
    "name",
    "prefix",
    "tool_calls",
    "tool_call_id",
];

const MODELS: &[&str] = &[
    "mistral-tiny",
    "mistral-small",
    "mistral-small-latest",
    "mistral-medium-latest",
    "mistral-medium-3-5",
    "mistral-large-latest",
    "mistral-large-3",
    "mistral-large-4",
    "mistral-small-2603",
    "ministral-3b-2512",
    "ministral-8b-2512",
    "ministral-14b-2512",
    "ministral-8b-latest",
    "codestral-2508",
    "codestral-latest",
    "devstral-latest",
    "devstral-medium-latest",
    "magistral-medium-latest",
    "magistral-small-latest",
    "open-mistral-nemo",
    "pixtral-12b",
    "pixtral-large-latest",
];

/// A 422 in the words of Mistral's validation: a list of what is wrong and where.
fn describe(violation: &Violation) -> Reply {
    let steps = violation.path.0.iter().map(|step| match step {
        Step::Key(key) => Node::from(key),
        Step::Index(index) => Node::from(*index),
    });
    let place: Vec<Node> = std::iter::once(Node::from("body")).chain(steps).collect();
    let (kind, message) = match &violation.problem {
        Problem::Missing => ("missing", "Field required".to_owned()),
        Problem::Unknown => (
            "extra_forbidden",
            "Extra inputs are not permitted".to_owned(),
        ),
        Problem::WrongType { expected, .. } => {
            let (kind, word) = match expected {
                Expected::Text | Expected::TextOrList => ("string_type", "string"),
                Expected::Integer => ("int_type", "integer"),
                Expected::Number => ("float_type", "number"),
                Expected::Boolean => ("bool_type", "boolean"),
                Expected::List => ("list_type", "list"),
                Expected::Object => ("model_attributes_type", "dictionary"),
            };
            (kind, format!("Input should be a valid {word}"))
        }
        Problem::NotOneOf { allowed, .. } => (
            "enum",
            format!("Input should be '{}'", allowed.join("', '")),
        ),
        Problem::BelowMinimum { minimum, .. } => (
            "greater_than_equal",
            format!("Input should be greater than or equal to {minimum}"),
        ),
        Problem::AboveMaximum { maximum, .. } => (
            "less_than_equal",
            format!("Input should be less than or equal to {maximum}"),
        ),
        Problem::Rule { message, .. } => return plain_error(400, message, "3200"),
        _ => ("value_error", "Value error".to_owned()),
    };
    let detail = object! { "type" => kind, "loc" => place, "msg" => message };
    Reply::json(422, object! { "detail" => vec![detail] }.to_text())
}

fn plain_error(status: u16, message: &str, code: &str) -> Reply {
    let body = object! { "object" => "error", "message" => message,
    "type" => "invalid_request_error", "param" => Node::NULL, "code" => code };
    Reply::json(status, body.to_text())
}

/// What a model thought, as it stood in its answers.
fn check_thoughts(part: &At<'_>) -> Checked<()> {
    part.only(&["type", "thinking", "closed"])?;
    for piece in part.need("thinking")?.items()? {
        if piece.need("type")?.one_of(&["text", "reference"])? == "text" {
            piece.need("text")?.text()?;
        }
    }
    let closed = part.get("closed");
    closed.map_or(Ok(()), |closed| closed.boolean().map(|_| ()))
}

/// Order of messages, form of call ids and of thoughts.
fn check_messages(body: &At<'_>) -> Checked<()> {
    let messages = body.need("messages")?.items()?;
    for content in messages.iter().filter_map(|one| one.get("content")) {
        let parts = content.items().unwrap_or_default();
        let mut thoughts = parts.iter().filter(|one| one.value["type"] == "thinking");
        thoughts.try_for_each(check_thoughts)?;
    }
    for message in &messages {
        let calls = message
            .get("tool_calls")
            .map_or(Ok(Vec::new()), |calls| calls.items())?;
        let ids = calls.iter().filter_map(|call| call.get("id"));
        for id in ids.chain(message.get("tool_call_id")) {
            let text = id.text()?;
            if text.len() != 9 || !text.chars().all(|each| each.is_ascii_alphanumeric()) {
                return Err(id.breaks(format!(
                    "Tool call id was {text} but must be a-z, A-Z, 0-9, with a length of 9."
                )));
            }
        }
    }
    let mut open = 0usize;
    for message in &messages {
        let role = message.value["role"].as_str().unwrap_or_default();
        if role == "tool" {
            if open == 0 {
                return Err(message.breaks("Unexpected role 'tool' after role 'user'"));
            }
            open -= 1;
            continue;
        }
        if open > 0 {
            return Err(message.breaks("Not the same number of function calls and responses"));
        }
        open = message.value["tool_calls"].as_array().map_or(0, Vec::len);
    }
    let last = messages.last().map(|last| (last, &last.value["role"]));
    match last {
        Some((last, role)) if open > 0 || (role == "assistant" && last.value["prefix"] != true) => {
            Err(last.breaks(
                "Expected last role User or Tool (or Assistant with prefix True) for serving but \
                 got assistant",
            ))
        }
        Some((last, role)) if role == "system" && messages.len() > 1 => {
            Err(last.breaks("Expected last role User or Tool for serving but got system"))
        }
        _ => Ok(()),
    }
}

/// The headers that every answer carries.
fn identity(ask: &Ask, draw: &mut Draw) -> Vec<(&'static str, String)> {
    let id = draw.uuid();
    vec![
        ("mistral-correlation-id", id.clone()),
        ("x-kong-request-id", id),
        ("x-ratelimit-limit-tokens-minute", "100000".to_owned()),
        (
            "x-ratelimit-remaining-tokens-minute",
            (100_000 - ask.prompt_tokens.min(99_999)).to_string(),
        ),
        (
            "x-ratelimit-tokens-query-cost",
            ask.prompt_tokens.to_string(),
        ),
        ("x-ratelimit-limit-req-minute", "100".to_owned()),
        (
            "x-ratelimit-remaining-req-minute",
            (50 + draw.below(49)).to_string(),
        ),
    ]
}

impl Provider for Mistral {
    fn name(&self) -> &'static str {
        "mistral"
    }

    fn read(&self, call: &Call<'_>, draw: &mut Draw) -> Result<Ask, Reply> {
        // Mistral's keys have no prefix; 32 letters and digits are what they look like.
        let key = call.bearer().unwrap_or_default();
        let plausible = key.len() == 32 && key.chars().all(|each| each.is_ascii_alphanumeric());
        if !plausible && !key_is_good(key, &[]) {
            let body = object! { "detail" => "Unauthorized" };
            return Err(Reply::json(401, body.to_text()));
        }
        match (call.method.as_str(), call.path) {
            ("GET", "/v1/models") => {
                return Err(model_list(MODELS, call.extra_models, "mistralai"));
            }
            ("POST", "/v1/chat/completions") => {}
            _ => {
                let body = object! { "message" => "no Route matched with those values",
                "request_id" => draw.hex(32) };
                return Err(Reply::json(404, body.to_text()));
            }
        }
        let value = call.body.map_err(|problem| {
            let detail = object! { "type" => "json_invalid", "loc" => vec![Node::from("body")],
            "msg" => format!("JSON decode error: {problem}") };
            Reply::json(422, object! { "detail" => vec![detail] }.to_text())
        })?;
        let body = At::root(value);
        let read = chat::read(&body, &DIALECT);
        let checked = read.and_then(|ask| check_messages(&body).map(|()| ask));
        let mut ask = checked.map_err(|violation| describe(&violation))?;
        if !call.knows(&ask.model, MODELS) {
            let message = format!("Invalid model: {}", ask.model);
            let body = object! { "object" => "error", "message" => message,
            "type" => "invalid_model", "param" => Node::NULL, "code" => "1500" };
            return Err(Reply::json(400, body.to_text()));
        }
        ask.reasons = ask.model.starts_with("magistral");
        Ok(ask)
    }

    fn render(&self, _: &Call<'_>, ask: &Ask, answer: &Answer, draw: &mut Draw) -> Reply {
        let cached = object! { "cached_tokens" => answer.usage.cached };
        let style = Style {
            id: draw.hex(32),
            created: draw.created(),
            model: ask.model.clone(),
            extra: Vec::new(),
            message_extra: if answer.calls.is_empty() {
                vec![("tool_calls", Node::NULL)]
            } else {
                Vec::new()
            },
            opening_extra: Vec::new(),
            choice_extra: Vec::new(),
            call_ids: answer.calls.iter().map(|_| draw.alnum(9)).collect(),
            reasoning: Reasoning::Part,
            usage: plain_usage(&answer.usage)
                .with("prompt_tokens_details", cached)
                .with("service_tier", "standard"),
            usage_place: UsagePlace::WithFinish,
            null_usage: false,
            padding: true,
            last_delta: object! { "content" => "" },
            silent_content: Node::from(""),
            fragments: 0,
            forced: false,
            answers: ask.answers,
        };
        let reply = if ask.stream {
            let payload = Payload::Stream(style.stream(answer));
            Reply {
                status: 200,
                headers: Vec::new(),
                payload,
            }
            .header("content-type", "text/event-stream; charset=utf-8")
        } else {
            Reply::json(200, style.unary(answer).to_text())
        };
        reply.headers(identity(ask, draw))
    }

    fn failure(&self, _: &Call<'_>, _: &Ask, fault: &StatusFault, _: &mut Draw) -> Reply {
        let said = |usual: &'static str| fault.message.clone().unwrap_or_else(|| usual.to_owned());
        let coded = |usual: &'static str| fault.code.clone().unwrap_or_else(|| usual.to_owned());
        let reply = match fault.status {
            401 => Reply::json(401, object! { "detail" => said("Unauthorized") }.to_text()),
            429 => {
                let body = object! { "object" => "error", "message" => said("Rate limit exceeded"),
                "type" => "rate_limited", "param" => Node::NULL, "code" => coded("1300"),
                "raw_status_code" => 429u64 };
                Reply::json(429, body.to_text())
            }
            status if status >= 500 => {
                let body = object! { "object" => "error",
                "message" => said("Service unavailable."), "type" => "internal_server_error",
                "param" => Node::NULL, "code" => coded("1000") };
                Reply::json(status, body.to_text())
            }
            status => plain_error(status, &said("Invalid request"), &coded("1500")),
        };
        match fault.retry_after_seconds {
            Some(seconds) => reply.header("retry-after", seconds.to_string()),
            None => reply,
        }
    }

    fn interruption(&self, _: &Call<'_>, _: &mut Draw) -> (String, String) {
        let body = object! { "object" => "error", "message" => "Service unavailable.",
        "type" => "internal_server_error", "param" => Node::NULL, "code" => "1000" };
        let body = body.to_text();
        (format!("data: {body}\n\n"), body)
    }
}
