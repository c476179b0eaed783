//! Alibaba DashScope, native: text and multimodal generation, keys bound to regions.

mod answers;
mod read;

use serde_json::Value;

use crate::answer::{Answer, Finish};
use crate::ask::Ask;
use crate::check::At;
use crate::delivery::{Frame, Part, Payload, Reply};
use crate::draw::Draw;
use crate::fault::StatusFault;
use crate::json::object;

use super::{Call, Provider, key_is_good};
use answers::{Form, call_node, finish_word, stream, usage_node};
use read::{describe, read};

pub(crate) struct DashScope;

pub(crate) const FILTERED: &str = "Input data may contain inappropriate content.";
pub(crate) const INTERNAL: &str =
    "An internal error has occured, please try again later or contact service support.";
pub(crate) const STREAM_ONLY: &str = "This model only support stream mode, please enable the \
    stream parameter to access the model. ";

pub(crate) const FORCED_WHILE_THINKING: &str = "The tool_choice parameter does not support being \
    set to required or object in thinking mode";
pub(crate) const NO_JSON: &str = "'messages' must contain the word 'json' in some form, to use \
    'response_format' of type 'json_object'.";

const TEXT_PATH: &str = "/api/v1/services/aigc/text-generation/generation";
const MULTIMODAL_PATH: &str = "/api/v1/services/aigc/multimodal-generation/generation";

const MODELS: &[&str] = &[
    "qwen-max",
    "qwen-plus",
    "qwen-turbo",
    "qwen-flash",
    "qwen-long",
    "qwen-coder",
    "qwen-plus-character",
    "qwen-mt-plus",
    "qwen-mt-turbo",
    "qwen-doc-turbo",
    "qwq-plus",
    "qwen-vl-plus",
    "qwen-vl-max",
    "qwen-vl-ocr",
    "qwen-audio-turbo",
    "qwen3-max",
    "qwen3-coder-plus",
    "qwen3-coder-flash",
    "qwen3-vl-plus",
    "qwen3-vl-flash",
    "qwen3-8b",
    "qwen3-32b",
    "qwen3-235b-a22b",
    "qwen3-vl-235b-a22b-instruct",
    "qwen3-vl-235b-a22b-thinking",
    "qwen3-next-80b-a3b-instruct",
    "qwen3-next-80b-a3b-thinking",
    "qwen3.5-plus",
    "qwen3.5-flash",
    "qwen3.6-plus",
    "qwen3.6-flash",
    "qwen3.7-plus",
    "qwen3.7-max",
    "qwen3.8-max",
    "qwen3.8-flash",
    "qwen3.8-omni-flash",
    "qwen3-omni-30b-a3b-captioner",
    "deepseek-v4-pro",
    "deepseek-v4-flash",
    "deepseek-v3",
    "deepseek-r1",
];

/// Whether DashScope has a model, aliases like `-latest` and `-preview` included.
pub(crate) fn knows(call: &Call<'_>, model: &str) -> bool {
    let base = ["-latest", "-preview"]
        .iter()
        .find_map(|end| model.strip_suffix(end));
    call.knows(base.unwrap_or(model), MODELS) || call.knows(model, MODELS)
}

/// The region of a prefix: empty for the one that takes any key.
pub(crate) fn region(prefix: &str) -> Option<&str> {
    match prefix.strip_prefix("dashscope")? {
        "" => Some(""),
        "-cn" => Some("cn"),
        "-intl" => Some("intl"),
        "-us" => Some("us"),
        _ => None,
    }
}

/// What a key is worth at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Good,
    Absent,
    Wrong,
}

/// A key is good for its own region only.
pub(crate) fn check_key(call: &Call<'_>) -> Key {
    let Some(key) = call.bearer() else {
        return Key::Absent;
    };
    let bound = match region(call.prefix) {
        Some("") | None => true,
        Some(region) => key.starts_with(&format!("sk-sim-{region}-")),
    };
    if bound && key_is_good(key, &["sk-"]) {
        Key::Good
    } else {
        Key::Wrong
    }
}

/// Headers that every answer carries.
pub(crate) fn identity(id: &str, draw: &mut Draw) -> Vec<(&'static str, String)> {
    let took = 100 + draw.below(900);
    vec![
        ("x-request-id", id.to_owned()),
        ("x-dashscope-call-gateway", "true".to_owned()),
        ("req-cost-time", took.to_string()),
        (
            "resp-start-time",
            (draw.created() * 1_000 + took).to_string(),
        ),
        ("x-envoy-upstream-service-time", (took - 5).to_string()),
    ]
}

/// Models that take pictures.
pub(crate) fn sees(model: &str) -> bool {
    is_multimodal(model) || is_either(model)
}

/// Models that take images or sound and live at the multimodal address only.
fn is_multimodal(model: &str) -> bool {
    let plus = ["qwen3.5-plus", "qwen3.6-plus", "qwen3.7-plus"];
    ["-vl", "-omni", "-audio", "-ocr"]
        .iter()
        .any(|word| model.contains(word))
        || plus.iter().any(|name| model.starts_with(name))
}

/// Models of the 3.5 series and later, of which the addresses are not all known: both serve.
fn is_either(model: &str) -> bool {
    ["qwen3.5-flash", "qwen3.6-flash", "qwen3.8"]
        .iter()
        .any(|name| model.starts_with(name))
        && !is_multimodal(model)
}

/// Whether the model thinks in this request; `parameters` holds `enable_thinking`.
pub(crate) fn thinking(model: &str, parameters: &Value) -> bool {
    let always = model.contains("thinking") || model.starts_with("qwq") || model == "deepseek-r1";
    always || parameters["enable_thinking"] == true
}

/// Models that answer only as a stream while they think.
pub(crate) fn streams_only(model: &str, thinks: bool) -> bool {
    let open = ["qwen3-8b", "qwen3-32b", "qwen3-235b-a22b", "qwen3-next"];
    model.starts_with("qwq") || (thinks && open.iter().any(|name| model.starts_with(name)))
}

/// Thinking models show their thoughts.
pub(crate) fn with_visible_reasoning(answer: &Answer, ask: &Ask) -> Answer {
    let mut answer = answer.clone();
    if ask.reasons && answer.reasoning.is_empty() && !answer.text().is_empty() {
        answer.reasoning = "用户需要直接的回答，我简要说明即可。".to_owned();
    }
    answer
}

fn is_streamed(call: &Call<'_>) -> bool {
    call.header("x-dashscope-sse")
        .is_some_and(|value| value.eq_ignore_ascii_case("enable"))
}

/// Old models answer with a bare text unless they are told otherwise.
fn answers_with_message(call: &Call<'_>, model: &str) -> bool {
    let old = [
        "qwen-max",
        "qwen-plus",
        "qwen-turbo",
        "qwen-flash",
        "qwen-long",
        "qwen-coder",
    ];
    match call
        .field("parameters")
        .and_then(|all| all["result_format"].as_str())
    {
        _ if call.path == MULTIMODAL_PATH => true,
        Some(format) => format == "message",
        None => !old.iter().any(|name| model.starts_with(name)),
    }
}

/// An error, as a body or as the only event of a stream that has begun with status 200.
fn refuse(call: &Call<'_>, status: u16, code: &str, message: &str, draw: &mut Draw) -> Reply {
    let id = draw.uuid();
    let body = object! { "code" => code, "message" => message, "request_id" => &id }.to_text();
    let identity = identity(&id, draw);
    if is_streamed(call) && status == 400 {
        let event = format!("id:1\nevent:error\n:HTTP_STATUS/{status}\ndata:{body}\n\n");
        let payload = Payload::Stream(vec![Frame::new(Part::Content, event)]);
        return Reply {
            status: 200,
            headers: identity,
            payload,
        }
        .header("content-type", "text/event-stream;charset=UTF-8");
    }
    Reply::json(status, body).headers(identity)
}

impl Provider for DashScope {
    fn name(&self) -> &'static str {
        "dashscope"
    }

    fn read(&self, call: &Call<'_>, draw: &mut Draw) -> Result<Ask, Reply> {
        match check_key(call) {
            Key::Good => {}
            Key::Absent => {
                return Err(refuse(
                    call,
                    401,
                    "InvalidApiKey",
                    "No API-key provided.",
                    draw,
                ));
            }
            Key::Wrong => {
                return Err(refuse(
                    call,
                    401,
                    "InvalidApiKey",
                    "Invalid API-key provided.",
                    draw,
                ));
            }
        }
        let invalid = "InvalidParameter";
        let known_path = [TEXT_PATH, MULTIMODAL_PATH].contains(&call.path);
        if call.method != http::Method::POST || !known_path {
            let message = "url error, please check url！";
            return Err(refuse(call, 400, invalid, message, draw));
        }
        let Ok(value) = call.body else {
            let message = "Required body invalid, please check the request body format.";
            return Err(refuse(call, 400, invalid, message, draw));
        };
        let ask = read(call, &At::root(value))
            .map_err(|violation| refuse(call, 400, invalid, &describe(&violation), draw))?;
        if !knows(call, &ask.model) {
            return Err(refuse(call, 404, "ModelNotFound", "Model not exist.", draw));
        }
        let multimodal = call.path == MULTIMODAL_PATH;
        let extra = call.extra_models.contains(&ask.model);
        if multimodal != is_multimodal(&ask.model) && !is_either(&ask.model) && !extra {
            let message = "url error, please check url！";
            return Err(refuse(call, 400, invalid, message, draw));
        }
        Ok(ask)
    }

    fn render(&self, call: &Call<'_>, ask: &Ask, answer: &Answer, draw: &mut Draw) -> Reply {
        if answer.finish == Some(Finish::Filter) {
            return refuse(call, 400, "DataInspectionFailed", FILTERED, draw);
        }
        let answer = &with_visible_reasoning(answer, ask);
        let form = Form {
            as_message: answers_with_message(call, &ask.model),
            as_parts: call.path == MULTIMODAL_PATH,
            shows_reasoning: !answer.reasoning.is_empty(),
            logprobs: ask.logprobs,
            answers: ask.answers.max(1),
        };
        let id = draw.uuid();
        let ids: Vec<String> = answer
            .calls
            .iter()
            .map(|_| format!("call_{}", draw.hex(22)))
            .collect();
        if ask.stream {
            let incremental = call
                .field("parameters")
                .is_some_and(|all| all["incremental_output"] == true);
            let payload = Payload::Stream(stream(answer, ask, &form, incremental, &id, &ids));
            return Reply {
                status: 200,
                headers: identity(&id, draw),
                payload,
            }
            .header("content-type", "text/event-stream;charset=UTF-8");
        }
        let calls = answer.calls.iter().enumerate().map(|(index, function)| {
            call_node(
                index,
                &ids[index],
                Some(&function.name),
                &function.arguments.to_string(),
            )
        });
        let output = form.output(
            0..form.answers,
            &answer.text(),
            &answer.reasoning,
            calls.collect(),
            finish_word(answer, ask),
        );
        let usage = usage_node(&answer.usage, answer.usage.output);
        let body = object! { "output" => output, "usage" => usage, "request_id" => &id };
        Reply::json(200, body.to_text()).headers(identity(&id, draw))
    }

    fn failure(&self, _: &Call<'_>, _: &Ask, fault: &StatusFault, draw: &mut Draw) -> Reply {
        let (code, message) = match fault.status {
            401 => ("InvalidApiKey", "Invalid API-key provided."),
            403 => ("AccessDenied", "Access denied."),
            404 => ("ModelNotFound", "Model not exist."),
            408 => (
                "RequestTimeOut",
                "Request timed out, please try again later.",
            ),
            429 => (
                "Throttling.RateQuota",
                "Requests rate limit exceeded, please try again later.",
            ),
            503 => (
                "ModelServingError",
                "Too many requests. Your requests are being throttled due to system capacity \
                 limits. Please try again later.",
            ),
            status if status >= 500 => ("InternalError", INTERNAL),
            _ => ("InvalidParameter", "Invalid request."),
        };
        let id = draw.uuid();
        let body = object! { "code" => fault.code.as_deref().unwrap_or(code),
        "message" => fault.message.as_deref().unwrap_or(message), "request_id" => &id };
        let reply = Reply::json(fault.status, body.to_text()).headers(identity(&id, draw));
        match fault.retry_after_seconds {
            Some(seconds) => reply.header("retry-after", seconds.to_string()),
            None => reply,
        }
    }

    fn interruption(&self, _: &Call<'_>, draw: &mut Draw) -> (String, String) {
        let body = object! { "code" => "InternalError", "message" => INTERNAL,
        "request_id" => draw.uuid() };
        let body = body.to_text();
        (
            format!("id:1\nevent:error\n:HTTP_STATUS/500\ndata:{body}\n\n"),
            body,
        )
    }
}
