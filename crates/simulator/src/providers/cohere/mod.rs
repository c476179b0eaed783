//! Cohere's chat API, version 2. It was not recorded: what is here stands on Cohere's reference and
//! SDK, and on error messages that its users have reported.

mod answers;
mod read;

use crate::answer::{Answer, Finish};
use crate::ask::Ask;
use crate::check::At;
use crate::delivery::{Payload, Reply};
use crate::draw::Draw;
use crate::fault::StatusFault;
use crate::json::{Node, object};

use super::{Call, Provider, key_is_good};

pub(crate) struct Cohere;

const MODELS: &[&str] = &[
    "command-a-plus-05-2026",
    "command-a-03-2025",
    "command-a-reasoning-08-2025",
    "command-a-vision-07-2025",
    "command-a-translate-08-2025",
    "command-r7b-12-2024",
    "command-r-plus-08-2024",
    "command-r-08-2024",
    "c4ai-aya-expanse-32b",
    "c4ai-aya-vision-32b",
];

/// Models that take pictures.
fn sees(model: &str) -> bool {
    model.contains("-vision-") || model.starts_with("command-a-plus")
}

/// Models that think unless they are told not to.
fn can_think(model: &str) -> bool {
    model.contains("-reasoning-") || model.starts_with("command-a-plus")
}

/// Models that can be made to call a function: "Command R7B and newer".
fn can_be_made_to_call(model: &str) -> bool {
    model.starts_with("command-a") || model.starts_with("command-r7b")
}

/// An error in Cohere's form: the message is all that it says.
fn refuse(status: u16, message: &str, draw: &mut Draw) -> Reply {
    let body = object! { "id" => draw.uuid(), "message" => message };
    Reply::json(status, body.to_text()).headers(identity(draw))
}

/// The headers that every answer carries.
fn identity(draw: &mut Draw) -> Vec<(&'static str, String)> {
    vec![
        ("x-debug-trace-id", draw.hex(32)),
        (
            "x-envoy-upstream-service-time",
            (20 + draw.below(900)).to_string(),
        ),
    ]
}

fn model_list(extra: &[String]) -> Reply {
    let names = MODELS
        .iter()
        .copied()
        .chain(extra.iter().map(String::as_str));
    let models: Vec<Node> = names
        .map(|name| {
            object! { "name" => name, "endpoints" => vec![Node::from("chat")],
            "finetuned" => false, "context_length" => 128_000u64 }
        })
        .collect();
    Reply::json(200, object! { "models" => models }.to_text())
}

impl Provider for Cohere {
    fn name(&self) -> &'static str {
        "cohere"
    }

    fn read(&self, call: &Call<'_>, draw: &mut Draw) -> Result<Ask, Reply> {
        // Cohere's keys have no prefix; 40 letters and digits are what they look like.
        let key = match call.bearer() {
            Some(key) => key,
            None => return Err(refuse(401, "no api key supplied", draw)),
        };
        let plausible = key.len() == 40 && key.chars().all(|each| each.is_ascii_alphanumeric());
        if !plausible && !key_is_good(key, &[]) {
            return Err(refuse(401, "invalid api token", draw));
        }
        match (call.method.as_str(), call.path) {
            ("GET", "/v1/models") => return Err(model_list(call.extra_models)),
            ("POST", "/v2/chat") => {}
            _ => return Err(refuse(404, "page not found", draw)),
        }
        let value = call.body.map_err(|problem| {
            let message = format!("invalid json syntax: {problem}");
            refuse(400, &message, draw)
        })?;
        let ask = read::read(&At::root(value)).map_err(|violation| {
            let (status, message) = read::describe(&violation);
            refuse(status, &message, draw)
        })?;
        if !call.knows(&ask.model, MODELS) {
            let message = format!(
                "model '{}' not found, make sure the correct model ID was used and that you have \
                 access to the model.",
                ask.model
            );
            return Err(refuse(404, &message, draw));
        }
        Ok(ask)
    }

    fn render(&self, _: &Call<'_>, ask: &Ask, answer: &Answer, draw: &mut Draw) -> Reply {
        let mut answer = answer.clone();
        if answer.finish == Some(Finish::Filter) {
            // There is no such end: the model declines in words.
            answer.finish = Some(Finish::Stop);
            answer.pieces = vec!["I'm sorry, ".to_owned(), "but I can't help.".to_owned()];
            answer.calls.clear();
        } else if ask.reasons && answer.reasoning.is_empty() && !answer.pieces.is_empty() {
            answer.reasoning = "This can be answered in a few words.".to_owned();
        }
        let written = answers::Written::new(&answer, ask, draw);
        let reply = if ask.stream {
            let payload = Payload::Stream(written.stream());
            Reply {
                status: 200,
                headers: Vec::new(),
                payload,
            }
            .header("content-type", "text/event-stream")
        } else {
            Reply::json(200, written.unary().to_text())
        };
        reply.headers(identity(draw))
    }

    fn failure(&self, _: &Call<'_>, _: &Ask, fault: &StatusFault, draw: &mut Draw) -> Reply {
        let usual = match fault.status {
            401 => "invalid api token",
            402 => {
                "Please add or update your payment method at \
                 https://dashboard.cohere.com/billing?tab=payment to continue"
            }
            404 => {
                "model not found, make sure the correct model ID was used and that you have access \
                 to the model."
            }
            429 => "Please wait and try again later",
            503 => "service unavailable",
            504 => "gateway timeout",
            status if status >= 500 => {
                "internal server error, this has been reported to our developers."
            }
            _ => "invalid request",
        };
        let message = fault.message.as_deref().unwrap_or(usual);
        let reply = refuse(fault.status, message, draw);
        match fault.retry_after_seconds {
            Some(seconds) => reply.header("retry-after", seconds.to_string()),
            None => reply,
        }
    }

    fn interruption(&self, _: &Call<'_>, draw: &mut Draw) -> (String, String) {
        let message = "the model failed to generate a response";
        let delta = object! { "error" => message, "finish_reason" => "ERROR" };
        let event = object! { "type" => "message-end", "delta" => delta };
        let said = object! { "role" => "assistant", "content" => Vec::new() };
        let body = object! { "id" => draw.uuid(), "finish_reason" => "ERROR", "message" => said };
        (answers::event("message-end", &event), body.to_text())
    }
}
