//! What the tests of requests to one provider share: conversations in, bodies out.

#![allow(dead_code, reason = "every test binary uses a part")]

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use steelyard_provider_adapter::messages::parse_messages_request;
use steelyard_provider_adapter::openai::parse_chat_request;
use steelyard_provider_adapter::{ChatRequest, EncodedRequest, Refusal, adapter};
use steelyard_types::{Feature, FeatureSet, ModelFacts, Target, WireFormat, WireProfile};

#[path = "../encode_foreign/schema.rs"]
pub(crate) mod schema;

pub(crate) fn target(wire: WireFormat, upstream: &str, features: &[Feature]) -> Target {
    Target {
        upstream: Arc::from(upstream),
        wire,
        profile: WireProfile::OPENAI,
        features: features.iter().copied().collect::<FeatureSet>(),
        facts: ModelFacts::default(),
        max_output_tokens: 64_000,
    }
}

/// What the adapter writes, after the cheap check said the same and the schema agreed.
pub(crate) fn encode(
    target: &Target,
    request: &ChatRequest<'_>,
) -> Result<(EncodedRequest, Value), Refusal> {
    let adapter = adapter(target.wire);
    let carries = adapter.carries(request, target);
    let encoded = adapter.encode(request, target);
    let lossy = match carries {
        Ok(lossy) => lossy,
        Err(refusal) => {
            assert_eq!(encoded.as_ref(), Err(&refusal));
            return Err(refusal);
        }
    };
    let encoded = encoded?;
    assert_eq!(encoded.lossy, lossy, "what is lost is known beforehand");
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let mut checked = body.clone();
    // Known to the Gemini API, not to the SDK's types of `GenerateContentRequest`.
    checked.as_object_mut().unwrap().remove("serviceTier");
    schema::check(target.wire, &checked);
    Ok((encoded, body))
}

/// The body and the losses of a request in Anthropic's dialect.
pub(crate) fn of_messages(
    target: &Target,
    body: &Value,
) -> Result<(Value, Vec<&'static str>), Refusal> {
    let text = body.to_string();
    let request = parse_messages_request(text.as_bytes()).unwrap();
    let (encoded, body) = encode(target, &request)?;
    Ok((body, encoded.lossy.fields().to_vec()))
}

/// The same of a request in OpenAI's dialect, with fields set that the test is about.
pub(crate) fn of_chat(
    target: &Target,
    body: &Value,
    set: impl FnOnce(&mut ChatRequest<'_>),
) -> Result<(Value, Vec<&'static str>), Refusal> {
    let text = body.to_string();
    let mut request = parse_chat_request(text.as_bytes()).unwrap();
    set(&mut request);
    let (encoded, body) = encode(target, &request)?;
    Ok((body, encoded.lossy.fields().to_vec()))
}

/// The least request of OpenAI's dialect.
pub(crate) fn hi() -> Value {
    json!({"model": "auto", "messages": [{"role": "user", "content": "Hi"}]})
}

/// A conversation of Anthropic's dialect in which every part holds a word of its own, the words
/// that must arrive, and whether it holds thoughts.
#[derive(Debug, Clone)]
pub(crate) struct Marked {
    pub(crate) body: Value,
    pub(crate) words: Vec<String>,
    pub(crate) thinks: bool,
}

/// Conversations of one to four rounds: parts of the user's, thoughts, words and calls of the
/// model's, and results with pictures.
pub(crate) fn marked() -> impl Strategy<Value = Marked> {
    let user = prop::collection::vec(0_u8..3, 1..4);
    let model = (any::<bool>(), any::<bool>(), 0_usize..3);
    let results = prop::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 3);
    let rounds = prop::collection::vec((user, model, results), 1..4);
    rounds.prop_map(|rounds| {
        let mut marked = Marked {
            body: json!({"model": "auto", "max_tokens": 9}),
            words: Vec::new(),
            thinks: false,
        };
        let mut messages = Vec::new();
        for (user, (thinks, speaks, calls), results) in rounds {
            let parts: Vec<Value> = user.iter().map(|kind| marked.part(*kind)).collect();
            messages.push(json!({"role": "user", "content": parts}));
            let mut parts = Vec::new();
            if thinks {
                marked.thinks = true;
                // Signed by some other gateway's model, or by none.
                let signature = if speaks { "c2ln" } else { "" };
                parts.push(json!({"type": "thinking", "thinking": "hm", "signature": signature}));
            }
            if speaks || calls == 0 {
                parts.push(marked.part(0));
            }
            let ids: Vec<String> = (0..calls).map(|_| marked.word()).collect();
            for id in &ids {
                let argument = marked.word();
                parts.push(
                    json!({"type": "tool_use", "id": id, "name": "f", "input": {"a": argument}}),
                );
            }
            messages.push(json!({"role": "assistant", "content": parts}));
            let results: Vec<Value> = ids
                .iter()
                .zip(results)
                .map(|(id, (speaks, shows, failed))| {
                    let mut parts = Vec::new();
                    if speaks {
                        parts.push(marked.part(0));
                    }
                    if shows {
                        parts.push(marked.part(1));
                    }
                    json!({"type": "tool_result", "tool_use_id": id, "content": parts,
                        "is_error": failed})
                })
                .collect();
            if !results.is_empty() {
                messages.push(json!({"role": "user", "content": results}));
            }
        }
        let last = marked.part(0);
        messages.push(json!({"role": "user", "content": [last]}));
        marked.body["messages"] = messages.into();
        marked
    })
}

impl Marked {
    fn word(&mut self) -> String {
        let word = format!("w{:04}", self.words.len());
        self.words.push(word.clone());
        word
    }

    /// Text, a picture here, or a picture elsewhere.
    fn part(&mut self, kind: u8) -> Value {
        let word = self.word();
        match kind {
            0 => json!({"type": "text", "text": word}),
            1 => json!({"type": "image", "source":
                {"type": "base64", "media_type": "image/png", "data": word}}),
            _ => json!({"type": "image", "source":
                {"type": "url", "url": format!("https://example.com/{word}.png")}}),
        }
    }
}

/// All strings in a body, in the order that they stand in.
pub(crate) fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().flat_map(strings).collect(),
        Value::Object(members) => members.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}
