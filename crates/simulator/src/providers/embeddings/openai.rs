//! `POST /v1/embeddings` of OpenAI and of servers of its format.

use serde_json::Value;

use super::{Read, ask, count, dimensions, json, texts, vector};
use crate::answer::Answer;
use crate::ask::Ask;
use crate::delivery::Reply;
use crate::draw::Draw;
use crate::fault::StatusFault;
use crate::json::{Node, object};
use crate::providers::{
    Call, Provider, compatible, dashscope, dashscope_compatible, key_is_good, mistral, openai,
};

/// One server of this format.
pub(super) struct OpenAiEmbeddings {
    /// The provider whose name, keys and errors it has.
    provider: &'static dyn Provider,
    models: &'static [&'static str],
    /// The fields that it knows, where it refuses others.
    fields: Option<&'static [&'static str]>,
    key: fn(&Call<'_>) -> bool,
    /// Whether it takes tokens instead of texts.
    takes_tokens: bool,
    most_inputs: usize,
}

pub(super) static OPENAI: OpenAiEmbeddings = OpenAiEmbeddings {
    provider: &openai::OpenAi,
    models: &[
        "text-embedding-3-small",
        "text-embedding-3-large",
        "text-embedding-ada-002",
    ],
    fields: Some(&["model", "input", "encoding_format", "dimensions", "user"]),
    key: |call| call.bearer().is_some_and(|key| key_is_good(key, &["sk-"])),
    takes_tokens: true,
    most_inputs: 2_048,
};

pub(super) static COMPATIBLE: OpenAiEmbeddings = OpenAiEmbeddings {
    provider: &compatible::Compatible,
    models: &[
        "bge-m3",
        "BAAI/bge-m3",
        "nomic-embed-text",
        "text-embedding-3-small",
    ],
    fields: None,
    key: |_| true,
    takes_tokens: true,
    most_inputs: 2_048,
};

pub(super) static MISTRAL: OpenAiEmbeddings = OpenAiEmbeddings {
    provider: &mistral::Mistral,
    models: &["mistral-embed", "codestral-embed"],
    fields: Some(&[
        "model",
        "input",
        "encoding_format",
        "metadata",
        "output_dimension",
        "output_dtype",
    ]),
    key: |call| call.bearer().is_some_and(|key| key_is_good(key, &[])),
    takes_tokens: false,
    most_inputs: 2_048,
};

pub(super) static DASHSCOPE: OpenAiEmbeddings = OpenAiEmbeddings {
    provider: &dashscope_compatible::DashScopeCompatible,
    models: super::dashscope::MODELS,
    fields: None,
    key: |call| dashscope::check_key(call) == dashscope::Key::Good,
    takes_tokens: false,
    most_inputs: 10,
};

impl OpenAiEmbeddings {
    /// The inputs as texts: a list of tokens is the text of its numbers.
    fn inputs(&self, value: &Value) -> Option<Vec<String>> {
        let words = |list: &Value| {
            let numbers = list.as_array().filter(|list| !list.is_empty())?;
            let numbers = numbers
                .iter()
                .map(|one| one.as_u64().map(|one| one.to_string()));
            Some(numbers.collect::<Option<Vec<_>>>()?.join(" "))
        };
        match value {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(list) => texts(value)
                .or_else(|| {
                    words(value)
                        .filter(|_| self.takes_tokens)
                        .map(|one| vec![one])
                })
                .or_else(|| list.iter().map(words).collect::<Option<_>>())
                .filter(|texts| !texts.is_empty()),
            _ => None,
        }
    }
}

fn refuse(status: u16, message: &str, param: Option<&str>, code: Option<&str>) -> Reply {
    let body = openai::error(message, "invalid_request_error", param, code);
    Reply::json(status, body.to_pretty())
}

impl Provider for OpenAiEmbeddings {
    fn name(&self) -> &'static str {
        self.provider.name()
    }

    fn read(&self, call: &Call<'_>, _: &mut Draw) -> Read {
        if !(self.key)(call) {
            let message = "Incorrect API key provided.";
            return Err(refuse(401, message, None, Some("invalid_api_key")));
        }
        let Some(fields) = call.body.ok().and_then(Value::as_object) else {
            let message = "We could not parse the JSON body of your request.";
            return Err(refuse(400, message, None, None));
        };
        let unknown = fields.keys().find(|name| {
            self.fields
                .is_some_and(|known| !known.contains(&name.as_str()))
        });
        if let Some(name) = unknown {
            let message = format!("Unrecognized request argument supplied: {name}");
            return Err(refuse(400, &message, Some(name), None));
        }
        let value = |name: &str| fields.get(name).unwrap_or(&Value::Null);
        let model = value("model").as_str().unwrap_or_default();
        if !call.knows(model, self.models) {
            let message =
                format!("The model `{model}` does not exist or you do not have access to it.");
            return Err(refuse(404, &message, None, Some("model_not_found")));
        }
        let Some(texts) = self.inputs(value("input")) else {
            let message = "'$.input' is invalid. Please check the API reference.";
            return Err(refuse(400, message, Some("input"), None));
        };
        if texts.len() > self.most_inputs || texts.iter().any(String::is_empty) {
            let message = "'$.input' is invalid: an empty text, or too many of them.";
            return Err(refuse(400, message, Some("input"), None));
        }
        if !matches!(value("encoding_format"), Value::Null | Value::String(_))
            || dimensions(value("dimensions")).is_none()
        {
            let message = "Invalid value for 'dimensions' or 'encoding_format'.";
            return Err(refuse(400, message, Some("dimensions"), None));
        }
        Ok(ask(model, &texts, count(&texts)))
    }

    fn render(&self, call: &Call<'_>, ask: &Ask, _: &Answer, _: &mut Draw) -> Reply {
        let value = |name: &str| call.field(name).unwrap_or(&Value::Null);
        let texts = self.inputs(value("input")).unwrap_or_default();
        let length = dimensions(value("dimensions")).unwrap_or(super::USUAL_DIMENSIONS);
        let as_base64 = value("encoding_format") == "base64";
        let data = texts.iter().enumerate().map(|(index, text)| {
            let vector = vector(text, length);
            let embedding = if as_base64 {
                Value::from(base64(&vector))
            } else {
                json(&vector)
            };
            object! { "object" => "embedding", "index" => index, "embedding" => embedding }
        });
        let tokens = ask.prompt_tokens;
        let usage = object! { "prompt_tokens" => tokens, "total_tokens" => tokens };
        let data: Vec<Node> = data.collect();
        let body = object! { "object" => "list", "data" => data, "model" => &ask.model,
        "usage" => usage };
        Reply::json(200, body.to_pretty())
    }

    fn failure(&self, call: &Call<'_>, ask: &Ask, fault: &StatusFault, draw: &mut Draw) -> Reply {
        self.provider.failure(call, ask, fault, draw)
    }

    fn interruption(&self, call: &Call<'_>, draw: &mut Draw) -> (String, String) {
        self.provider.interruption(call, draw)
    }
}

/// Little-endian floats in base64.
fn base64(vector: &[f32]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = vector.iter().flat_map(|one| one.to_le_bytes()).collect();
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let mut bits = three
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        bits <<= 8 * (3 - three.len());
        for place in 0..4 {
            let letter = (bits >> (18 - 6 * place)) & 63;
            let letter = usize::try_from(letter).map_or(b'=', |at| LETTERS[at]);
            text.push(if place <= three.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}
