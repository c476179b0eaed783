//! Requests in the formats that are not the client's: exact bodies, what is refused, and whether
//! the providers' published schemas agree.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod bodies;
mod from_messages;
mod ids;
mod limits;
mod refusals;
mod schema;
mod signed_text;
mod thoughts;
mod to_openai;

use std::sync::Arc;

use serde_json::{Value, json};
use steelyard_provider_adapter::openai::parse_chat_request;
use steelyard_provider_adapter::{EncodedRequest, Refusal, adapter};
use steelyard_types::{FeatureSet, Target, WireFormat, WireProfile};

const FOREIGN: [WireFormat; 3] = [
    WireFormat::AnthropicMessages,
    WireFormat::GeminiGenerateContent,
    WireFormat::DashScopeGeneration,
];

fn target(wire: WireFormat) -> Target {
    let upstream = match wire {
        WireFormat::OpenAiChat | WireFormat::OpenAiResponses => "gpt",
        WireFormat::AnthropicMessages => "claude-haiku-4-5",
        WireFormat::GeminiGenerateContent => "gemini-3-flash",
        WireFormat::DashScopeGeneration => "qwen-plus",
        _ => "model",
    };
    Target {
        upstream: Arc::from(upstream),
        wire,
        profile: WireProfile::OPENAI,
        features: FeatureSet::EMPTY,
        facts: steelyard_types::ModelFacts::default(),
        max_output_tokens: 64_000,
    }
}

/// What the adapter writes for a request of the client's, after the cheap check said the same.
fn try_encode(target: &Target, request: &Value) -> Result<(EncodedRequest, Value), Refusal> {
    let body = request.to_string();
    let request = parse_chat_request(body.as_bytes()).unwrap();
    let adapter = adapter(target.wire);
    let carries = adapter.carries(&request, target);
    let encoded = adapter.encode(&request, target);
    let encoded = match carries {
        Err(refusal) => {
            assert_eq!(encoded.as_ref(), Err(&refusal));
            return Err(refusal);
        }
        Ok(lossy) => {
            let encoded = encoded?;
            assert_eq!(encoded.lossy, lossy, "what is lost is known beforehand");
            encoded
        }
    };
    let text = std::str::from_utf8(&encoded.body).unwrap();
    let value: Value = serde_json::from_str(text).unwrap();
    // The client's own dialect goes through as it came, words that no schema knows included.
    if target.wire != WireFormat::OpenAiChat {
        schema::check(target.wire, &value);
    }
    Ok((encoded, value))
}

fn encode(wire: WireFormat, request: &Value) -> Value {
    try_encode(&target(wire), request).unwrap().1
}

/// A request that uses everything which is carried.
fn everything() -> Value {
    json!({
        "model": "auto",
        "stream": true,
        "stream_options": {"include_usage": true},
        "max_completion_tokens": 300,
        "temperature": 0.70,
        "top_p": 0.9,
        "stop": ["END", "---"],
        "tools": [
            {"type": "function", "function": {
                "name": "tide",
                "description": "When the tide turns",
                "parameters": {"type": "object", "$defs": {"H": {"const": 1}},
                    "properties": {"harbour": {"type": "string"}}, "required": ["harbour"]},
            }},
            {"type": "function", "function": {"name": "now"}},
        ],
        "tool_choice": "auto",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hello."},
                {"type": "text", "text": "When is high water in Emden and Husum?"}]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_1", "type": "function",
                    "function": {"name": "tide", "arguments": "{\"harbour\": \"Emden\"}"}},
                {"id": "call_2", "type": "function",
                    "function": {"name": "tide", "arguments": "{\"harbour\": \"Husum\"}"}},
            ]},
            {"role": "tool", "tool_call_id": "call_2", "content": "ten"},
            {"role": "tool", "tool_call_id": "call_1", "content": "{\"hour\": 9}"},
            {"role": "assistant", "content": "Nine and ten."},
            {"role": "developer", "content": "Answer in German."},
            {"role": "user", "content": "And what time is it?"},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [
                {"id": "call_3", "type": "function", "function": {"name": "now", "arguments": ""}},
            ]},
            {"role": "tool", "tool_call_id": "call_3", "content": ""},
            {"role": "user", "content": "Well?"},
        ],
    })
}

fn without(field: &str) -> Value {
    let mut request = everything();
    request.as_object_mut().unwrap().remove(field);
    request
}

/// Everything that all formats take, with one field changed.
fn with(field: &str, value: Value) -> Value {
    let mut request = without("top_p");
    request[field] = value;
    request
}

/// What is lost of a request on the way to that format.
fn lost(wire: WireFormat, request: &Value) -> Vec<&'static str> {
    let (encoded, _) = try_encode(&target(wire), request).unwrap();
    encoded.lossy.fields().to_vec()
}

fn refused(wire: WireFormat, request: &Value) -> String {
    try_encode(&target(wire), request).unwrap_err().field
}
