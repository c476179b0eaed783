//! A local server that speaks OpenAI's dialect (vLLM, Ollama, llama.cpp): needs no key,
//! knows only `max_tokens`, ignores what it does not know.

use crate::answer::Answer;
use crate::ask::Ask;
use crate::check::At;
use crate::delivery::{Payload, Reply};
use crate::draw::Draw;
use crate::fault::StatusFault;
use crate::json::{Node, object};

use super::chat::{self, Dialect};
use super::chat_answer::{Reasoning, Style, UsagePlace, plain_usage};
use super::{Call, Provider, model_list, openai};

pub(crate) struct Compatible;

const DIALECT: Dialect = Dialect {
    roles: &["system", "developer", "user", "assistant", "tool"],
    parts: &["text", "image_url", "input_audio", "video_url", "file"],
    parts_elsewhere: None,
    fields: None,
    message_fields: None,
    most_temperature: 2.0,
    length_names: &["max_tokens"],
    choices: &["none", "auto", "required"],
    most_stops: 64,
    custom_tools: false,
    names_are_checked: false,
    tool_types: None,
    strict_functions: false,
    strict_order: false,
};

const MODELS: &[&str] = &[
    "gpt-oss:20b",
    "gpt-oss:120b",
    "qwen3:0.6b",
    "qwen3:8b",
    "qwen3:32b",
    "llama3.2",
    "llama3.3",
    "gemma3:27b",
    "Qwen/Qwen3-8B",
    "Qwen/Qwen3-32B",
    "meta-llama/Llama-3.1-8B-Instruct",
    "meta-llama/Llama-3.3-70B-Instruct",
    "local-model",
];

/// vLLM's form of an error.
fn error(status: u16, message: &str, kind: &str) -> Reply {
    let error = object! { "message" => message, "type" => kind, "param" => Node::NULL,
    "code" => status };
    Reply::json(status, object! { "error" => error }.to_text())
}

impl Provider for Compatible {
    fn name(&self) -> &'static str {
        "compatible"
    }

    fn read(&self, call: &Call<'_>, _: &mut Draw) -> Result<Ask, Reply> {
        match (call.method.as_str(), call.path) {
            ("GET", "/v1/models") => return Err(model_list(MODELS, call.extra_models, "local")),
            ("POST", "/v1/chat/completions") => {}
            _ => {
                return Err(Reply::json(
                    404,
                    object! { "detail" => "Not Found" }.to_text(),
                ));
            }
        }
        let bad = "BadRequestError";
        let value = call.body.map_err(|problem| {
            error(
                400,
                &format!("[{{'type': 'json_invalid', 'msg': 'JSON decode error: {problem}'}}]"),
                bad,
            )
        })?;
        let body = At::root(value);
        let ask = chat::read(&body, &DIALECT).map_err(|violation| {
            let described = openai::describe(&violation);
            let message = match &described {
                Node::Object(members) => members.first().map(|(_, error)| error.to_text()),
                _ => None,
            };
            let place = violation.path.bracketed();
            error(
                400,
                &format!("{place}: {}", message.unwrap_or_default()),
                bad,
            )
        })?;
        if !call.knows(&ask.model, MODELS) {
            let message = format!("The model `{}` does not exist.", ask.model);
            return Err(error(404, &message, "NotFoundError"));
        }
        Ok(ask)
    }

    fn render(&self, call: &Call<'_>, ask: &Ask, answer: &Answer, draw: &mut Draw) -> Reply {
        let wants_usage = call
            .field("stream_options")
            .is_some_and(|o| o["include_usage"] == true);
        let style = Style {
            id: format!("chatcmpl-{}", draw.digits(3)),
            created: draw.created(),
            model: ask.model.clone(),
            extra: vec![("system_fingerprint", Node::from("fp_ollama"))],
            message_extra: Vec::new(),
            opening_extra: Vec::new(),
            choice_extra: Vec::new(),
            call_ids: answer
                .calls
                .iter()
                .map(|_| format!("call_{}", draw.alnum(8)))
                .collect(),
            reasoning: Reasoning::Member("reasoning"),
            usage: plain_usage(&answer.usage),
            usage_place: if wants_usage {
                UsagePlace::Apart
            } else {
                UsagePlace::Nowhere
            },
            null_usage: false,
            padding: false,
            last_delta: object! {},
            silent_content: Node::from(""),
            fragments: 0,
            forced: false,
            answers: ask.answers,
        };
        if ask.stream {
            let payload = Payload::Stream(style.stream(answer));
            return Reply {
                status: 200,
                headers: Vec::new(),
                payload,
            }
            .header("content-type", "text/event-stream");
        }
        Reply::json(200, style.unary(answer).to_text())
    }

    fn failure(&self, _: &Call<'_>, _: &Ask, fault: &StatusFault, _: &mut Draw) -> Reply {
        let message = fault.message.as_deref().unwrap_or(match fault.status {
            429 => "too many requests, the queue is full",
            503 => "the model is loading",
            _ => "internal error",
        });
        let kind = fault.code.as_deref().unwrap_or(match fault.status {
            429 => "TooManyRequestsError",
            status if status >= 500 => "InternalServerError",
            _ => "BadRequestError",
        });
        let reply = error(fault.status, message, kind);
        match fault.retry_after_seconds {
            Some(seconds) => reply.header("retry-after", seconds.to_string()),
            None => reply,
        }
    }

    fn interruption(&self, _: &Call<'_>, _: &mut Draw) -> (String, String) {
        let error = object! { "message" => "EngineCore encountered an issue.",
        "type" => "InternalServerError", "param" => Node::NULL, "code" => 500u64 };
        let body = object! { "error" => error }.to_text();
        (format!("data: {body}\n\n"), body)
    }
}
