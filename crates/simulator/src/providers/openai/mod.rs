//! OpenAI chat completions.

mod format;
mod responses;
mod rules;

use crate::answer::{Answer, Finish};
use crate::ask::{Ask, Choice};
use crate::check::At;
use crate::delivery::{Payload, Reply};
use crate::draw::Draw;
use crate::fault::StatusFault;
use crate::json::{Node, object};

use super::chat::{self, Dialect};
use super::chat_answer::{Reasoning, Style, UsagePlace, plain_usage};
use super::{Call, Provider, key_is_good, model_list};

use rules::check_rules;
pub(crate) use rules::describe;

pub(crate) struct OpenAi;

const DIALECT: Dialect = Dialect {
    roles: &[
        "system",
        "assistant",
        "user",
        "function",
        "tool",
        "developer",
    ],
    parts: &["text", "image_url", "input_audio", "file", "refusal"],
    parts_elsewhere: Some(&["text", "refusal"]),
    fields: Some(FIELDS),
    message_fields: None,
    most_temperature: 2.0,
    length_names: &["max_completion_tokens", "max_tokens"],
    choices: &["none", "auto", "required"],
    most_stops: 4,
    custom_tools: true,
    names_are_checked: true,
    tool_types: None,
    strict_functions: false,
    strict_order: true,
};

/// Members of `CreateChatCompletionRequest`.
const FIELDS: &[&str] = &[
    "messages",
    "model",
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "modalities",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

const MODELS: &[&str] = &[
    "gpt-3.5-turbo",
    "gpt-4",
    "gpt-4-turbo",
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano",
    "gpt-5-pro",
    "gpt-5.1",
    "gpt-5.2",
    "gpt-5.2-pro",
    "gpt-5.3-codex",
    "gpt-5.4",
    "gpt-5.4-mini",
    "gpt-5.4-nano",
    "gpt-5.4-pro",
    "gpt-5.5",
    "gpt-5.5-pro",
    "gpt-5.6",
    "gpt-5.6-luna",
    "gpt-5.6-sol",
    "gpt-5.6-terra",
    "gpt-6-astra",
    "gpt-6-luna",
    "gpt-6-sol",
    "gpt-6.1-sol",
    "gpt-6.1-terra",
    "o1",
    "o1-mini",
    "o3",
    "o3-mini",
    "o4-mini",
];

/// Models that reason before they answer.
fn reasons(model: &str) -> bool {
    ["o1", "o3", "o4", "gpt-5", "gpt-6"]
        .iter()
        .any(|family| model.starts_with(family))
}

/// Models that take pictures: all but the oldest and the small reasoning ones.
fn sees(model: &str) -> bool {
    let families = ["gpt-3.5", "gpt-4-0", "o1-mini", "o3-mini"];
    model != "gpt-4" && !families.iter().any(|family| model.starts_with(family))
}

/// An error in OpenAI's form.
pub(crate) fn error(message: &str, kind: &str, param: Option<&str>, code: Option<&str>) -> Node {
    object! { "error" => object! { "message" => message, "type" => kind, "param" => param,
    "code" => code } }
}

fn refuse(status: u16, body: &Node, draw: &mut Draw) -> Reply {
    Reply::json(status, body.to_pretty()).headers(identity(draw))
}

/// The headers that every answer carries.
fn identity(draw: &mut Draw) -> Vec<(&'static str, String)> {
    vec![
        ("openai-processing-ms", (20 + draw.below(900)).to_string()),
        ("openai-version", "2020-10-01".to_owned()),
        ("x-request-id", format!("req_{}", draw.hex(32))),
    ]
}

fn rate_limits(ask: &Ask, draw: &mut Draw) -> Vec<(&'static str, String)> {
    let used = ask.prompt_tokens.min(29_999_999);
    vec![
        ("x-ratelimit-limit-requests", "10000".to_owned()),
        ("x-ratelimit-limit-tokens", "30000000".to_owned()),
        (
            "x-ratelimit-remaining-requests",
            (9_000 + draw.below(999)).to_string(),
        ),
        (
            "x-ratelimit-remaining-tokens",
            (30_000_000 - used).to_string(),
        ),
        ("x-ratelimit-reset-requests", "6ms".to_owned()),
        ("x-ratelimit-reset-tokens", format!("{}ms", 1 + used / 500)),
    ]
}

impl Provider for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn read(&self, call: &Call<'_>, draw: &mut Draw) -> Result<Ask, Reply> {
        let invalid = "invalid_request_error";
        let Some(key) = call.bearer() else {
            let message = "You didn't provide an API key. You need to provide your API key in an \
                Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or \
                as the password field (with blank username) if you're accessing the API from your \
                browser and are prompted for a username and password. You can obtain an API key \
                from https://platform.openai.com/account/api-keys.";
            return Err(refuse(401, &error(message, invalid, None, None), draw));
        };
        if !key_is_good(key, &["sk-"]) {
            let message = format!(
                "Incorrect API key provided: {}. You can find your API key at \
                 https://platform.openai.com/account/api-keys.",
                masked(key)
            );
            let body = error(&message, invalid, None, Some("invalid_api_key"));
            return Err(refuse(401, &body, draw));
        }
        match (call.method.as_str(), call.path) {
            ("GET", "/v1/models") => return Err(model_list(MODELS, call.extra_models, "openai")),
            ("POST", "/v1/chat/completions" | responses::PATH) => {}
            (method, path) => {
                let message = format!("Invalid URL ({method} {path})");
                return Err(refuse(404, &error(&message, invalid, None, None), draw));
            }
        }
        let Ok(value) = call.body else {
            let message = "We could not parse the JSON body of your request. (HINT: This likely \
                means you aren't using your HTTP library correctly. The OpenAI API expects a JSON \
                payload, but what was sent was not valid JSON.)";
            return Err(refuse(400, &error(message, invalid, None, None), draw));
        };
        let body = At::root(value);
        if let Some(model) = value["model"].as_str()
            && !call.knows(model, MODELS)
        {
            if call.path == responses::PATH {
                let message = format!("The requested model '{model}' does not exist.");
                let body = error(&message, invalid, Some("model"), Some("model_not_found"));
                return Err(refuse(400, &body, draw));
            }
            let message =
                format!("The model `{model}` does not exist or you do not have access to it.");
            let body = error(&message, invalid, None, Some("model_not_found"));
            return Err(refuse(404, &body, draw));
        }
        if call.path == responses::PATH {
            let read = responses::read(&body);
            return read.map_err(|violation| refuse(400, &describe(&violation), draw));
        }
        let read = chat::read(&body, &DIALECT);
        let checked = read.and_then(|ask| check_rules(&body, &ask).map(|()| ask));
        let mut ask = checked.map_err(|violation| refuse(400, &describe(&violation), draw))?;
        ask.reasons = reasons(&ask.model)
            && !matches!(value["reasoning_effort"].as_str(), Some("none" | "minimal"));
        Ok(ask)
    }

    fn render(&self, call: &Call<'_>, ask: &Ask, answer: &Answer, draw: &mut Draw) -> Reply {
        if call.path == responses::PATH {
            return responses::render(call, ask, answer, draw)
                .headers(identity(draw))
                .headers(rate_limits(ask, draw));
        }
        let usage = &answer.usage;
        let details = object! { "cached_tokens" => usage.cached, "audio_tokens" => 0u64 };
        let output = object! { "reasoning_tokens" => usage.reasoning, "audio_tokens" => 0u64,
        "accepted_prediction_tokens" => 0u64, "rejected_prediction_tokens" => 0u64 };
        let wants_usage = call
            .field("stream_options")
            .is_some_and(|o| o["include_usage"] == true);
        let fingerprint = format!("fp_{}", draw.hex(10));
        let refusal = (answer.finish == Some(Finish::Filter))
            .then_some("I'm sorry, but I can't help with that.");
        let style = Style {
            id: format!("chatcmpl-{}", draw.alnum(29)),
            created: draw.created(),
            model: dated(&ask.model),
            extra: vec![
                ("service_tier", Node::from("default")),
                ("system_fingerprint", Node::from(fingerprint)),
            ],
            message_extra: vec![
                ("refusal", Node::from(refusal)),
                ("annotations", Node::from(Vec::new())),
            ],
            opening_extra: vec![("refusal", Node::NULL)],
            choice_extra: vec![("logprobs", Node::NULL)],
            call_ids: answer
                .calls
                .iter()
                .map(|_| format!("call_{}", draw.alnum(24)))
                .collect(),
            reasoning: Reasoning::Hidden,
            usage: plain_usage(usage)
                .with("prompt_tokens_details", details)
                .with("completion_tokens_details", output),
            usage_place: if wants_usage {
                UsagePlace::Apart
            } else {
                UsagePlace::Nowhere
            },
            null_usage: wants_usage,
            padding: false,
            last_delta: object! {},
            silent_content: Node::NULL,
            fragments: 3,
            forced: matches!(ask.choice, Choice::Named(_)),
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
            Reply::json(200, style.unary(answer).to_pretty())
        };
        reply
            .headers(identity(draw))
            .headers(rate_limits(ask, draw))
    }

    fn failure(&self, _: &Call<'_>, ask: &Ask, fault: &StatusFault, draw: &mut Draw) -> Reply {
        let (kind, code, message) = usual(fault, &ask.model, ask.prompt_tokens);
        let message = fault.message.as_deref().unwrap_or(&message);
        let body = error(message, kind, None, fault.code.as_deref().or(code));
        let mut reply = refuse(fault.status, &body, draw);
        if let Some(seconds) = fault.retry_after_seconds {
            reply = reply
                .header("retry-after", seconds.to_string())
                .header("retry-after-ms", seconds.saturating_mul(1_000).to_string());
        }
        if fault.status == 429 {
            let wait = format!("{}s", fault.retry_after_seconds.unwrap_or(1));
            reply = reply
                .header("x-ratelimit-limit-requests", "500")
                .header("x-ratelimit-limit-tokens", "30000")
                .header("x-ratelimit-remaining-requests", "499")
                .header("x-ratelimit-remaining-tokens", "0")
                .header("x-ratelimit-reset-requests", "120ms")
                .header("x-ratelimit-reset-tokens", wait);
        }
        reply
    }

    fn interruption(&self, call: &Call<'_>, draw: &mut Draw) -> (String, String) {
        let error = error(SERVER_ERROR, "server_error", None, None);
        let body = error.to_text();
        if call.path == responses::PATH {
            return (responses::interruption(&error, SERVER_ERROR, draw), body);
        }
        (format!("data: {body}\n\n"), body)
    }
}

const SERVER_ERROR: &str = "The server had an error while processing your request. Sorry about \
    that!";

/// Type, code and message of an error by its status.
fn usual(
    fault: &StatusFault,
    model: &str,
    tokens: u64,
) -> (&'static str, Option<&'static str>, String) {
    let invalid = "invalid_request_error";
    match fault.status {
        401 => (
            invalid,
            Some("invalid_api_key"),
            "Incorrect API key provided.".to_owned(),
        ),
        403 => (
            invalid,
            Some("unsupported_country_region_territory"),
            "Country, region, or territory not supported".to_owned(),
        ),
        404 => (
            invalid,
            Some("model_not_found"),
            format!("The model `{model}` does not exist or you do not have access to it."),
        ),
        429 if fault.code.as_deref() == Some("insufficient_quota") => (
            "insufficient_quota",
            None,
            "You exceeded your current quota, please check your plan and billing details. For \
             more information on this error, read the docs: \
             https://platform.openai.com/docs/guides/error-codes/api-errors."
                .to_owned(),
        ),
        429 => (
            "tokens",
            Some("rate_limit_exceeded"),
            format!(
                "Rate limit reached for {model} in organization org-sim on tokens per min (TPM): \
             Limit 30000, Used 30000, Requested {tokens}. Please try again in {}s. Visit \
             https://platform.openai.com/account/rate-limits to learn more.",
                fault.retry_after_seconds.unwrap_or(1)
            ),
        ),
        503 => (
            "server_error",
            None,
            "The engine is currently overloaded, please try again later".to_owned(),
        ),
        status if status >= 500 => ("server_error", None, SERVER_ERROR.to_owned()),
        _ if fault.code.as_deref() == Some("context_length_exceeded") => (
            invalid,
            None,
            format!(
                "This model's maximum context length is 128000 tokens. However, your messages \
             resulted in {tokens} tokens. Please reduce the length of the messages."
            ),
        ),
        _ => (invalid, None, "Invalid request.".to_owned()),
    }
}

/// OpenAI answers with the dated name of a model.
fn dated(model: &str) -> String {
    match model {
        "gpt-4o" => "gpt-4o-2024-08-06".to_owned(),
        "gpt-4o-mini" => "gpt-4o-mini-2024-07-18".to_owned(),
        "gpt-5" | "gpt-5-mini" | "gpt-5-nano" => format!("{model}-2025-08-07"),
        other => other.to_owned(),
    }
}

/// A key as OpenAI repeats it: its ends only.
fn masked(key: &str) -> String {
    let characters: Vec<char> = key.chars().collect();
    if characters.len() < 12 {
        return "*".repeat(characters.len());
    }
    let (start, end) = (&characters[..8], &characters[characters.len() - 4..]);
    let stars = "*".repeat(characters.len() - 12);
    start.iter().collect::<String>() + &stars + &end.iter().collect::<String>()
}
