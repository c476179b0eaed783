//! DashScope's OpenAI-compatible mode: OpenAI's forms, DashScope's models, keys and
//! `request_id`.

use crate::answer::{Answer, Finish};
use crate::ask::{Ask, Choice};
use crate::check::At;
use crate::delivery::{Payload, Reply};
use crate::draw::Draw;
use crate::fault::StatusFault;
use crate::json::{Node, object};

use super::chat::{self, Dialect};
use super::chat_answer::{Reasoning, Style, UsagePlace, plain_usage};
use super::{Call, Provider, dashscope, openai};

pub(crate) struct DashScopeCompatible;

const DIALECT: Dialect = Dialect {
    roles: &["system", "user", "assistant", "tool", "function"],
    parts: &["text", "image_url", "input_audio", "video", "video_url"],
    parts_elsewhere: None,
    fields: None,
    message_fields: None,
    most_temperature: 2.0,
    length_names: &["max_completion_tokens", "max_tokens"],
    choices: &["none", "auto", "required"],
    most_stops: 16,
    custom_tools: false,
    names_are_checked: true,
    tool_types: Some(&["function"]),
    strict_functions: false,
    strict_order: true,
};

fn refuse(status: u16, message: &str, kind: &str, code: &str, draw: &mut Draw) -> Reply {
    let id = draw.uuid();
    let error = object! { "message" => message, "type" => kind, "param" => Node::NULL,
    "code" => code };
    let body = object! { "error" => error, "id" => format!("chatcmpl-{id}"), "request_id" => &id };
    Reply::json(status, body.to_text()).headers(dashscope::identity(&id, draw))
}

impl Provider for DashScopeCompatible {
    fn name(&self) -> &'static str {
        "dashscope-compatible"
    }

    fn read(&self, call: &Call<'_>, draw: &mut Draw) -> Result<Ask, Reply> {
        let invalid = "invalid_request_error";
        match dashscope::check_key(call) {
            dashscope::Key::Good => {}
            dashscope::Key::Absent => {
                let message = "You didn't provide an API key. You need to provide your API key in \
                    an Authorization header using Bearer auth (i.e. Authorization: Bearer \
                    YOUR_KEY).";
                return Err(refuse(401, message, invalid, "invalid_api_key", draw));
            }
            dashscope::Key::Wrong => {
                let message = "Incorrect API key provided. For details, see: \
                    https://help.aliyun.com/zh/model-studio/error-code#apikey-error";
                return Err(refuse(401, message, invalid, "invalid_api_key", draw));
            }
        }
        if (call.method.as_str(), call.path) != ("POST", "/compatible-mode/v1/chat/completions") {
            return Err(refuse(404, "Not Found", invalid, "not_found", draw));
        }
        let Ok(value) = call.body else {
            let message = "Required body invalid, please check the request body format.";
            return Err(refuse(
                400,
                message,
                invalid,
                "invalid_parameter_error",
                draw,
            ));
        };
        let body = At::root(value);
        let mut ask = chat::read(&body, &DIALECT).map_err(|violation| {
            let described = openai::describe(&violation);
            let text = serde_json::from_str::<serde_json::Value>(&described.to_text());
            let message = text.ok().and_then(|error| {
                Some(format!(
                    "<400> InternalError.Algo.InvalidParameter: {}",
                    error["error"]["message"].as_str()?
                ))
            });
            let message = message.unwrap_or_default();
            refuse(400, &message, invalid, "invalid_parameter_error", draw)
        })?;
        if !dashscope::knows(call, &ask.model) {
            let message = format!(
                "The model `{}` does not exist or you do not have access to it.",
                ask.model
            );
            return Err(refuse(404, &message, invalid, "model_not_found", draw));
        }
        if body.get("stream_options").is_some() && !ask.stream {
            let message = "<400> InternalError.Algo.InvalidParameter: The parameters \
                `stream_options` is only allowed when `stream` is enabled.";
            return Err(refuse(
                400,
                message,
                invalid,
                "invalid_parameter_error",
                draw,
            ));
        }
        let thinks = dashscope::thinking(&ask.model, value);
        if thinks && !ask.stream && dashscope::streams_only(&ask.model, thinks) {
            let message = dashscope::STREAM_ONLY;
            return Err(refuse(
                400,
                message,
                invalid,
                "invalid_parameter_error",
                draw,
            ));
        }
        let object = ask.json.as_ref().is_some_and(|schema| !schema.is_object());
        let says_json = || {
            value["messages"]
                .to_string()
                .to_lowercase()
                .contains("json")
        };
        let forced = matches!(ask.choice, Choice::Required | Choice::Named(_));
        let flaw = if !ask.pictures.is_empty() && !dashscope::sees(&ask.model) {
            Some("Unexpected item type in content.")
        } else if thinks && forced {
            Some(dashscope::FORCED_WHILE_THINKING)
        } else if object && !says_json() {
            Some(dashscope::NO_JSON)
        } else {
            None
        };
        if let Some(flaw) = flaw {
            let message = format!("<400> InternalError.Algo.InvalidParameter: {flaw}");
            return Err(refuse(
                400,
                &message,
                invalid,
                "invalid_parameter_error",
                draw,
            ));
        }
        ask.reasons = thinks;
        Ok(ask)
    }

    fn render(&self, call: &Call<'_>, ask: &Ask, answer: &Answer, draw: &mut Draw) -> Reply {
        if answer.finish == Some(Finish::Filter) {
            let (message, code) = (dashscope::FILTERED, "data_inspection_failed");
            return refuse(400, message, code, code, draw);
        }
        let wants_usage = call
            .field("stream_options")
            .is_some_and(|o| o["include_usage"] == true);
        let usage = &answer.usage;
        let cached = object! { "cached_tokens" => usage.cached };
        let reasoning =
            (usage.reasoning > 0).then(|| object! { "reasoning_tokens" => usage.reasoning });
        let id = draw.uuid();
        let answer = &dashscope::with_visible_reasoning(answer, ask);
        let style = Style {
            id: format!("chatcmpl-{id}"),
            created: draw.created(),
            model: ask.model.clone(),
            extra: vec![("system_fingerprint", Node::NULL)],
            message_extra: Vec::new(),
            opening_extra: Vec::new(),
            choice_extra: vec![("logprobs", Node::NULL)],
            call_ids: answer
                .calls
                .iter()
                .map(|_| format!("call_{}", draw.hex(22)))
                .collect(),
            reasoning: Reasoning::Member("reasoning_content"),
            usage: plain_usage(usage)
                .with("prompt_tokens_details", cached)
                .with_some("completion_tokens_details", reasoning),
            usage_place: if wants_usage {
                UsagePlace::Apart
            } else {
                UsagePlace::Nowhere
            },
            null_usage: true,
            padding: false,
            last_delta: object! { "content" => "" },
            silent_content: Node::from(""),
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
            .header("content-type", "text/event-stream;charset=UTF-8")
        } else {
            Reply::json(200, style.unary(answer).to_text())
        };
        reply.headers(dashscope::identity(&id, draw))
    }

    fn failure(&self, _: &Call<'_>, _: &Ask, fault: &StatusFault, draw: &mut Draw) -> Reply {
        let invalid = "invalid_request_error";
        let (kind, code, message) = match fault.status {
            401 => (invalid, "invalid_api_key", "Incorrect API key provided."),
            403 => ("access_denied", "access_denied", "Access denied."),
            429 => (
                "limit_requests",
                "limit_requests",
                "You exceeded your current requests list. For details, see: \
                 https://help.aliyun.com/zh/model-studio/error-code#rate-limit",
            ),
            503 => (
                "service_unavailable",
                "service_unavailable",
                "The service is temporarily unavailable, please try again later.",
            ),
            status if status >= 500 => (
                "internal_error",
                "internal_error",
                "An internal error has occured, please try again later or contact service \
                 support.",
            ),
            _ => (invalid, "invalid_parameter_error", "Invalid request."),
        };
        let message = fault.message.as_deref().unwrap_or(message);
        let code = fault.code.as_deref().unwrap_or(code);
        let reply = refuse(fault.status, message, kind, code, draw);
        match fault.retry_after_seconds {
            Some(seconds) => reply.header("retry-after", seconds.to_string()),
            None => reply,
        }
    }

    fn interruption(&self, _: &Call<'_>, draw: &mut Draw) -> (String, String) {
        let id = draw.uuid();
        let error = object! { "message" => dashscope::INTERNAL, "type" => "internal_error",
        "param" => Node::NULL, "code" => "internal_error" };
        let body = object! { "error" => error, "request_id" => id }.to_text();
        (format!("data: {body}\n\n"), body)
    }
}
