//! Requests in the neutral form on their way to Anthropic, and its answers on their way back:
//! what is written, what is lost or refused by name, and whether the published schema agrees.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod answers;
mod output;
mod parts;
mod reasoning;
mod round_trip;
#[allow(dead_code, reason = "only the check itself is used here")]
#[path = "../encode_foreign/schema.rs"]
mod schema;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use smallvec::smallvec;
use steelyard_provider_adapter::{ReplyContext, ResponseHead, UnaryReply, adapter};
use steelyard_types::{
    ChatRequest, Dialect, Feature, FeatureSet, Message, Part, ReasoningPart, Role, Target,
    ToolCall, UnixMillis, WireFormat, WireProfile,
};

const WIRE: WireFormat = WireFormat::AnthropicMessages;

/// A model that thinks.
fn target() -> Target {
    Target {
        upstream: Arc::from("claude-x"),
        wire: WIRE,
        profile: WireProfile::OPENAI,
        features: FeatureSet::EMPTY.with(Feature::Reasoning),
        facts: steelyard_types::ModelFacts::default(),
        max_output_tokens: 64_000,
    }
}

fn message<'a>(role: Role, parts: impl IntoIterator<Item = Part<'a>>) -> Message<'a> {
    Message {
        content: parts.into_iter().collect(),
        ..Message::new(role)
    }
}

fn text(text: &str) -> Part<'_> {
    Part::Text(text.into())
}

fn user(words: &str) -> Message<'_> {
    message(Role::User, [text(words)])
}

fn call<'a>(id: &'a str, name: &'a str) -> ToolCall<'a> {
    ToolCall {
        id: id.into(),
        kind: steelyard_types::ToolKind::Function,
        name: name.into(),
        arguments: "{\"x\": 1.50}".into(),
    }
}

fn result<'a>(id: &'a str, parts: impl IntoIterator<Item = Part<'a>>) -> Message<'a> {
    Message {
        tool_call_id: Some(id.into()),
        ..message(Role::Tool, parts)
    }
}

fn thoughts<'a>(words: &'a str, signature: &'a str) -> Part<'a> {
    Part::Reasoning(ReasoningPart {
        text: words.into(),
        signature: (!signature.is_empty()).then(|| signature.into()),
        redacted: None,
    })
}

/// A conversation in which a tool was called and answered.
fn called<'a>(first: Option<Part<'a>>) -> Vec<Message<'a>> {
    let mut asks = message(Role::Assistant, first.into_iter().chain([text("I look.")]));
    asks.tool_calls = vec![call("c1", "look")];
    vec![user("Weather?"), asks, result("c1", [text("rain")])]
}

fn request(messages: Vec<Message<'_>>) -> ChatRequest<'_> {
    ChatRequest {
        dialect: Dialect::OpenAiChat,
        model: "auto".into(),
        messages,
        ..ChatRequest::default()
    }
}

/// The body for a request, which the schema allows, and what is lost of it.
fn sent(request: &ChatRequest<'_>, target: &Target) -> (Value, Vec<&'static str>) {
    let adapter = adapter(WIRE);
    let lossy = adapter.carries(request, target).unwrap();
    let encoded = adapter.encode(request, target).unwrap();
    assert_eq!(encoded.lossy, lossy, "what is lost is known beforehand");
    assert_eq!(encoded.path, "/v1/messages");
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    // The newest types lack what the API still takes for older models.
    let mut checked = body.clone();
    checked.as_object_mut().unwrap().remove("top_k");
    schema::check(WIRE, &checked);
    (body, lossy.fields().to_vec())
}

fn refused(request: &ChatRequest<'_>, target: &Target) -> String {
    let adapter = adapter(WIRE);
    let refusal = adapter.encode(request, target).unwrap_err();
    if let Err(early) = adapter.carries(request, target) {
        assert_eq!(early, refusal);
    }
    refusal.field
}

fn context(dialect: Dialect) -> ReplyContext {
    ReplyContext {
        dialect,
        id: "own".to_owned(),
        created: 17,
        upstream_model: Arc::from("claude-x"),
        include_usage: true,
        function_call: false,
        echo: None,
    }
}

fn read(dialect: Dialect, answer: &Value) -> UnaryReply {
    let headers: &[(&str, &str)] = &[];
    let head = ResponseHead {
        status: 200,
        headers: &headers,
        at: UnixMillis(0),
    };
    let body = Bytes::from(answer.to_string());
    UnaryReply::read(WIRE, &head, body, &context(dialect)).unwrap()
}

/// A signature as clients get it from that model.
fn sealed(signature: &str) -> String {
    let answer =
        json!({"content": [{"type": "thinking", "thinking": "x", "signature": signature}]});
    let reply = read(Dialect::AnthropicMessages, &answer);
    let seen: Value = serde_json::from_slice(&reply.body).unwrap();
    let sealed = seen["content"][0]["signature"].as_str().unwrap().to_owned();
    assert_ne!(sealed, signature);
    sealed
}
