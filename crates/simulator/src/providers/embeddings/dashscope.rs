//! DashScope's native text embeddings.

use serde_json::Value;

use super::{Read, ask, count, dimensions, json, texts, vector};
use crate::answer::Answer;
use crate::ask::Ask;
use crate::delivery::Reply;
use crate::draw::Draw;
use crate::fault::StatusFault;
use crate::json::{Node, object};
use crate::providers::{Call, Provider, dashscope};

pub(super) struct DashScopeEmbeddings;

pub(super) const PATH: &str = "/api/v1/services/embeddings/text-embedding/text-embedding";

pub(super) const MODELS: &[&str] = &[
    "text-embedding-v1",
    "text-embedding-v2",
    "text-embedding-v3",
    "text-embedding-v4",
];

/// Most texts of one request.
fn most_texts(model: &str) -> usize {
    match model {
        "text-embedding-v1" | "text-embedding-v2" => 25,
        _ => 10,
    }
}

fn refuse(status: u16, code: &str, message: &str, draw: &mut Draw) -> Reply {
    let body = object! { "code" => code, "message" => message, "request_id" => draw.uuid() };
    Reply::json(status, body.to_text())
}

impl Provider for DashScopeEmbeddings {
    fn name(&self) -> &'static str {
        "dashscope"
    }

    fn read(&self, call: &Call<'_>, draw: &mut Draw) -> Read {
        if dashscope::check_key(call) != dashscope::Key::Good {
            return Err(refuse(
                401,
                "InvalidApiKey",
                "Invalid API-key provided.",
                draw,
            ));
        }
        let invalid = "InvalidParameter";
        let Ok(body) = call.body else {
            let message = "Required body invalid, please check the request body format.";
            return Err(refuse(400, invalid, message, draw));
        };
        let model = body["model"].as_str().unwrap_or_default();
        if !call.knows(model, MODELS) {
            return Err(refuse(404, "ModelNotFound", "Model not exist.", draw));
        }
        let Some(texts) = texts(&body["input"]["texts"]) else {
            let message = "<400> InternalError.Algo.InvalidParameter: Value error, contents is \
                neither str nor list of str.: input.contents";
            return Err(refuse(400, invalid, message, draw));
        };
        let most = most_texts(model);
        if texts.len() > most {
            let message = format!(
                "<400> InternalError.Algo.InvalidParameter: Value error, batch size is invalid, it \
                 should not be larger than {most}.: input.contents"
            );
            return Err(refuse(400, invalid, &message, draw));
        }
        if dimensions(&body["parameters"]["dimension"]).is_none() {
            let message = "<400> InternalError.Algo.InvalidParameter: Value error, the dimension is \
                not supported.";
            return Err(refuse(400, invalid, message, draw));
        }
        Ok(ask(model, &texts, count(&texts)))
    }

    fn render(&self, call: &Call<'_>, ask: &Ask, _: &Answer, draw: &mut Draw) -> Reply {
        let body = call.body.unwrap_or(&Value::Null);
        let texts = texts(&body["input"]["texts"]).unwrap_or_default();
        let length = dimensions(&body["parameters"]["dimension"]);
        let length = length.unwrap_or(super::USUAL_DIMENSIONS);
        let made = texts.iter().enumerate().map(|(index, text)| {
            object! { "embedding" => json(&vector(text, length)), "text_index" => index }
        });
        let made: Vec<Node> = made.collect();
        let usage = object! { "total_tokens" => ask.prompt_tokens };
        let body = object! { "output" => object! { "embeddings" => made }, "usage" => usage,
        "request_id" => draw.uuid() };
        Reply::json(200, body.to_text())
    }

    fn failure(&self, call: &Call<'_>, ask: &Ask, fault: &StatusFault, draw: &mut Draw) -> Reply {
        dashscope::DashScope.failure(call, ask, fault, draw)
    }

    fn interruption(&self, call: &Call<'_>, draw: &mut Draw) -> (String, String) {
        dashscope::DashScope.interruption(call, draw)
    }
}
