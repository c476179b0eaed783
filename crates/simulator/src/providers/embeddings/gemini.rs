//! Gemini's `embedContent` and `batchEmbedContents`.

use serde_json::Value;

use super::{Read, ask, count, dimensions, json, vector};
use crate::answer::Answer;
use crate::ask::Ask;
use crate::delivery::Reply;
use crate::draw::Draw;
use crate::fault::StatusFault;
use crate::json::{Node, object};
use crate::providers::{Call, Provider, gemini, key_is_good};

pub(super) struct GeminiEmbeddings;

const MODELS: &[&str] = &[
    "gemini-embedding-001",
    "gemini-embedding-2",
    "text-embedding-004",
];

/// The first model does not count its tokens.
const UNCOUNTED: &str = "text-embedding-004";

/// Most texts of a batch.
const MOST_TEXTS: usize = 100;

/// Model and whether it is a batch, of a path such as
/// `/v1beta/models/gemini-embedding-001:embedContent`.
pub(super) fn model_of(path: &str) -> Option<(&str, bool)> {
    let path = path.strip_prefix("/v1beta/models/")?;
    let (model, method) = path.rsplit_once(':')?;
    match method {
        "embedContent" => Some((model, false)),
        "batchEmbedContents" => Some((model, true)),
        _ => None,
    }
}

fn refuse(status: u16, word: &str, message: &str) -> Reply {
    let error = object! { "code" => status, "message" => message, "status" => word };
    Reply::json(status, object! { "error" => error }.to_pretty())
}

/// The requests of a body, one or many.
fn requests(body: &Value, batch: bool) -> Vec<&Value> {
    if batch {
        body["requests"].as_array().map(|all| all.iter().collect())
    } else {
        Some(vec![body])
    }
    .unwrap_or_default()
}

fn text(request: &Value) -> Option<String> {
    let parts = request["content"]["parts"].as_array()?;
    let texts: Option<Vec<&str>> = parts.iter().map(|part| part["text"].as_str()).collect();
    Some(texts?.concat()).filter(|text| !text.is_empty())
}

impl Provider for GeminiEmbeddings {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn read(&self, call: &Call<'_>, _: &mut Draw) -> Read {
        let invalid = |message: &str| refuse(400, "INVALID_ARGUMENT", message);
        let key = call.header("x-goog-api-key").or(call.query_value("key"));
        if !key.is_some_and(|key| key_is_good(key, &["AIza", "AQ."])) {
            return Err(invalid("API key not valid. Please pass a valid API key."));
        }
        let (model, batch) = model_of(call.path).unwrap_or_default();
        if !call.knows(model, MODELS) {
            let message = format!("models/{model} is not found for API version v1beta.");
            return Err(refuse(404, "NOT_FOUND", &message));
        }
        let body = call
            .body
            .map_err(|problem| invalid(&format!("Invalid JSON payload received. {problem}")))?;
        let requests = requests(body, batch);
        if requests.is_empty() || requests.len() > MOST_TEXTS {
            let message =
                "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch";
            return Err(invalid(message));
        }
        let named = format!("models/{model}");
        let mut texts = Vec::new();
        for request in requests {
            // Within a batch every request names the model of the path.
            if batch && request["model"] != named.as_str() {
                return Err(invalid(
                    "* EmbedContentRequest.model: unexpected model name",
                ));
            }
            if dimensions(&request["outputDimensionality"]).is_none() {
                return Err(invalid("* EmbedContentRequest.output_dimensionality"));
            }
            let text = text(request);
            texts.push(text.ok_or_else(|| invalid("* EmbedContentRequest.content: is empty"))?);
        }
        Ok(ask(model, &texts, count(&texts)))
    }

    fn render(&self, call: &Call<'_>, ask: &Ask, _: &Answer, _: &mut Draw) -> Reply {
        let (_, batch) = model_of(call.path).unwrap_or_default();
        let requests = call
            .body
            .map(|body| requests(body, batch))
            .unwrap_or_default();
        let made = requests.into_iter().map(|request| {
            let length = dimensions(&request["outputDimensionality"]);
            let length = length.unwrap_or(super::USUAL_DIMENSIONS);
            let values = json(&vector(&text(request).unwrap_or_default(), length));
            object! { "values" => values }
        });
        let mut made: Vec<Node> = made.collect();
        let counted =
            (ask.model != UNCOUNTED).then(|| object! { "promptTokenCount" => ask.prompt_tokens });
        let body = if batch {
            object! { "embeddings" => made }
        } else {
            object! { "embedding" => made.pop() }
        };
        Reply::json(200, body.with_some("usageMetadata", counted).to_pretty())
    }

    fn failure(&self, call: &Call<'_>, ask: &Ask, fault: &StatusFault, draw: &mut Draw) -> Reply {
        gemini::Gemini.failure(call, ask, fault, draw)
    }

    fn interruption(&self, call: &Call<'_>, draw: &mut Draw) -> (String, String) {
        gemini::Gemini.interruption(call, draw)
    }
}
