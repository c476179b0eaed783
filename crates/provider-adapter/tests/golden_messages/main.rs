//! What clients of Anthropic's dialect get: every recorded answer of every provider written in it,
//! and every recorded request of theirs read and passed on.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

#[path = "../foreign_support/mod.rs"]
mod foreign_support;
mod order;
#[allow(dead_code, reason = "only the check itself is used here")]
#[path = "../encode_foreign/schema.rs"]
mod schema;

use std::sync::Arc;

use bytes::Bytes;
use foreign_support as support;
use foreign_support::chunks::{arbitrary_delta, chunk};
use proptest::prelude::*;
use serde_json::{Value, json};
use steelyard_provider_adapter::messages::{parse_count_request, parse_messages_request};
use steelyard_provider_adapter::{
    Progress, ReplyContext, StreamReply, UnaryReply, adapter, anthropic,
};
use steelyard_types::{Dialect, FeatureSet, Target, WireFormat, WireProfile};

/// Recordings by provider, what they are recordings of, and how many there are at least.
const RECORDED: [(&str, &[&str], WireFormat, usize); 8] = [
    (
        "anthropic",
        &["messages"],
        WireFormat::AnthropicMessages,
        80,
    ),
    (
        "gemini",
        &["gen", "gen_stream"],
        WireFormat::GeminiGenerateContent,
        85,
    ),
    (
        "dashscope",
        &["native"],
        WireFormat::DashScopeGeneration,
        30,
    ),
    ("dashscope", &["compat_chat"], WireFormat::OpenAiChat, 2),
    ("openai", &["chat"], WireFormat::OpenAiChat, 60),
    ("mistral", &["chat"], WireFormat::OpenAiChat, 26),
    ("deepseek", &["chat"], WireFormat::OpenAiChat, 22),
    ("openai_compatible", &["chat"], WireFormat::OpenAiChat, 73),
];

fn context() -> ReplyContext {
    ReplyContext {
        dialect: Dialect::AnthropicMessages,
        id: "msg_own".to_owned(),
        created: 1_790_000_000,
        upstream_model: Arc::from("own-model"),
        include_usage: true,
        function_call: false,
        echo: None,
    }
}

/// Panics if the published schema does not allow this value.
fn conforms(name: &str, value: &Value) {
    static SCHEMA: std::sync::OnceLock<Option<Value>> = std::sync::OnceLock::new();
    let schema = SCHEMA.get_or_init(|| schema::load("anthropic.messages.jsonschema.json"));
    if let Some(schema) = schema {
        let schema = &schema[name];
        schema::conforms(schema, schema, value, name).unwrap();
    }
}

/// What a client must see of an answer that was decoded like this.
fn expected(decoded: &Value) -> Value {
    let count = |names: &[&str]| -> u64 {
        let usage = &decoded["usage"];
        names.iter().filter_map(|name| usage[name].as_u64()).sum()
    };
    let mut calls = decoded["calls"].as_array().unwrap().clone();
    for call in &mut calls {
        let arguments = &mut call["arguments"];
        *arguments = match arguments.as_str() {
            Some("") => json!({}),
            Some(text) => json!({"unparsed_arguments": text}),
            None => continue,
        };
    }
    let said = |name: &str| decoded[name].as_str().unwrap_or_default();
    let text = format!("{}{}", said("text"), said("refusal"));
    let stop_reason = match decoded["finish"].as_str() {
        Some("length") => json!("max_tokens"),
        Some("content_filter") => json!("refusal"),
        Some("tool_calls") => json!("tool_use"),
        _ if decoded.get("refusal").is_some() => json!("refusal"),
        _ if !calls.is_empty() => json!("tool_use"),
        Some(_) => json!("end_turn"),
        // The provider gave no reason, so there is none to tell.
        None => Value::Null,
    };
    json!({
        "text": text,
        "reasoning": decoded["reasoning"],
        "calls": calls,
        "stop_reason": stop_reason,
        "usage": [count(&["input_fresh"]), count(&["input_cached"]),
            count(&["cache_write", "cache_write_1h"]), count(&["output", "reasoning"])],
    })
}

/// What a client sees of a message.
fn seen(message: &Value) -> Value {
    let blocks = message["content"].as_array().unwrap();
    let of = |kind: &'static str| blocks.iter().filter(move |block| block["type"] == kind);
    let joined = |kind: &'static str, field: &str| -> String {
        of(kind).filter_map(|block| block[field].as_str()).collect()
    };
    let calls: Vec<_> = of("tool_use")
        .map(|call| json!({"name": call["name"], "arguments": call["input"]}))
        .collect();
    let usage = &message["usage"];
    let names = [
        "input_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "output_tokens",
    ];
    json!({
        "text": joined("text", "text"),
        "reasoning": joined("thinking", "thinking"),
        "calls": calls,
        "stop_reason": message["stop_reason"],
        "usage": names.map(|name| usage[name].clone()),
    })
}

/// The message that a client builds out of a stream's events.
fn assembled(events: &[Value]) -> Value {
    let mut message = Value::Null;
    let mut inputs: Vec<String> = Vec::new();
    for event in events {
        let index = usize::try_from(event["index"].as_u64().unwrap_or(0)).unwrap();
        match event["type"].as_str().unwrap() {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                let content = message["content"].as_array_mut().unwrap();
                content.push(event["content_block"].clone());
                inputs.push(String::new());
            }
            "content_block_delta" => {
                for field in ["text", "thinking"] {
                    if let Some(more) = event["delta"][field].as_str() {
                        let block = &mut message["content"][index][field];
                        *block = json!(format!("{}{more}", block.as_str().unwrap()));
                    }
                }
                if let Some(more) = event["delta"]["partial_json"].as_str() {
                    inputs[index].push_str(more);
                }
            }
            "message_delta" => {
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
                for (name, value) in event["usage"].as_object().unwrap() {
                    message["usage"][name] = value.clone();
                }
            }
            _ => {}
        }
    }
    for (index, input) in inputs
        .iter()
        .enumerate()
        .filter(|(_, input)| !input.is_empty())
    {
        let read = serde_json::from_str(input);
        // In a stream the client gets the model's words as they are.
        let input = read.unwrap_or_else(|_| json!({"unparsed_arguments": input}));
        message["content"][index]["input"] = input;
    }
    message
}

/// What a client gets of a stream in pieces of that size.
fn stream(wire: WireFormat, body: &[u8], size: usize) -> (String, Progress, StreamReply) {
    let mut reply = StreamReply::new(wire, context());
    let mut out = Vec::new();
    for piece in body.chunks(size.max(1)) {
        reply.push(&Bytes::copy_from_slice(piece), &mut out);
    }
    let progress = reply.end(&mut out);
    reply.close(Some("{\"cost_usd\":\"0.1\"}"), &mut out);
    (String::from_utf8(out.concat()).unwrap(), progress, reply)
}

/// A text without the gateway's marks (`steelyard.`, 16 hexadecimal digits, a dot), and how many
/// there were.
fn without_marks(text: &str) -> (String, usize) {
    const WORD: &str = "steelyard.";
    let mut pieces = text.split(WORD);
    let mut rest = pieces.next().unwrap().to_owned();
    let mut count = 0;
    for piece in pieces {
        match piece.split_at_checked(17) {
            Some((model, proof))
                if model.ends_with('.') && u64::from_str_radix(&model[..16], 16).is_ok() =>
            {
                rest.push_str(proof);
                count += 1;
            }
            _ => rest.extend([WORD, piece]),
        }
    }
    (rest, count)
}

/// How many proofs of thoughts these blocks and deltas hold.
fn proofs<'v>(parts: impl Iterator<Item = &'v Value>) -> usize {
    let holds = |part: &&Value| {
        let field = match part["type"].as_str() {
            Some("thinking" | "signature_delta") => "signature",
            Some("redacted_thinking") => "data",
            _ => return false,
        };
        part[field].as_str().is_some_and(|proof| !proof.is_empty())
    };
    parts.filter(holds).count()
}

fn check_unary(wire: WireFormat, recording: &support::Recording) -> usize {
    let file = &recording.file;
    let adapter = adapter(wire);
    let decoded = support::unary_outcome(adapter, 200, &recording.headers, &recording.body);
    let head = support::head(200, &recording.headers);
    let body = Bytes::copy_from_slice(recording.body.as_bytes());
    let reply = UnaryReply::read(wire, &head, body.clone(), &context());
    if decoded.get("error").is_some() {
        assert_eq!(reply.unwrap_err().kind.as_str(), decoded["error"], "{file}");
        return 0;
    }
    let reply = reply.unwrap();
    if wire == WireFormat::AnthropicMessages {
        // The bytes are the provider's but for the mark in front of every proof of thoughts, which
        // tells later whose they are.
        let (text, marks) = without_marks(std::str::from_utf8(&reply.body).unwrap());
        assert_eq!(text, recording.body, "{file}");
        let received: Value = serde_json::from_slice(&body).unwrap();
        let blocks = received["content"].as_array().unwrap();
        assert_eq!(marks, proofs(blocks.iter()), "{file}");
        return marks;
    }
    let message: Value = serde_json::from_slice(&reply.body).unwrap();
    conforms("Message", &message);
    assert_eq!(message["id"], "msg_own");
    assert_eq!(seen(&message), expected(&decoded), "{file}");
    0
}

/// Checks one stream; says how many marks the gateway put into it.
fn check_stream(wire: WireFormat, recording: &support::Recording) -> usize {
    let file = &recording.file;
    let body = recording.body.as_bytes();
    let decoded = support::stream_outcome(adapter(wire), &recording.body);
    let (text, progress, reply) = stream(wire, body, body.len());
    for size in [1, 97] {
        assert_eq!(stream(wire, body, size).0, text, "{file} by {size}");
    }
    if decoded.get("error").is_some() {
        assert_eq!(progress, Progress::Failed, "{file}");
        assert_eq!(reply.error().unwrap().kind.as_str(), decoded["error"]);
        let events = order::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        order::check_beginning(&events).unwrap_or_else(|error| panic!("{file}: {error}"));
        return 0;
    }
    assert_eq!(progress, Progress::Complete, "{file}");
    let (unmarked, marks) = without_marks(&text);
    let text = match wire {
        // As in whole answers, only the marks are the gateway's.
        WireFormat::AnthropicMessages => unmarked,
        _ => text,
    };
    let mut events = order::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    order::check(&events).unwrap_or_else(|error| panic!("{file}: {error}"));
    for event in &mut events {
        if event["type"] == "message_delta" {
            let extension = event.as_object_mut().unwrap().remove("steelyard");
            assert_eq!(extension, Some(json!({"cost_usd": "0.1"})), "{file}");
        }
    }
    if wire == WireFormat::AnthropicMessages {
        let received = recording.events();
        let late = |event: &&Value| event["type"] != "ping";
        let without_pings = |events: &[Value]| events.iter().filter(late).cloned().collect();
        let (got, sent): (Vec<_>, Vec<_>) = (without_pings(&events), without_pings(&received));
        assert_eq!(got, sent, "{file}");
        let parts =
            ["content_block", "delta"].map(|part| received.iter().map(move |one| &one[part]));
        assert_eq!(marks, proofs(parts.into_iter().flatten()), "{file}");
        return marks;
    }
    for event in &events {
        conforms("RawMessageStreamEvent", event);
    }
    assert_eq!(seen(&assembled(&events)), expected(&decoded), "{file}");
    0
}

#[test]
fn recorded_answers_are_written_as_messages() {
    for (provider, endpoints, wire, least) in RECORDED {
        let (mut unary, mut streams, mut marks) = (0, 0, 0);
        let all = support::recordings(provider);
        let known = all.is_empty();
        for recording in all {
            if recording.status != 200 || !endpoints.contains(&recording.endpoint.as_str()) {
                continue;
            }
            if recording.is_stream() {
                marks += check_stream(wire, &recording);
                streams += 1;
            } else {
                marks += check_unary(wire, &recording);
                unary += 1;
            }
        }
        assert!(known || unary + streams >= least, "{provider}");
        assert!(
            known || wire != WireFormat::AnthropicMessages || marks >= 15,
            "{marks}"
        );
        println!("{provider}: {unary} answers and {streams} streams written as messages");
        println!("{provider}: {marks} proofs of thoughts marked");
    }
}

#[test]
fn recorded_requests_are_read_and_passed_on() {
    let target = Target {
        upstream: Arc::from("claude-x"),
        wire: WireFormat::AnthropicMessages,
        profile: WireProfile::OPENAI,
        features: FeatureSet::EMPTY,
        facts: steelyard_types::ModelFacts::default(),
        max_output_tokens: 0,
    };
    let (mut messages, mut counts) = (0, 0);
    for recording in support::recordings("anthropic") {
        let counting = recording.endpoint == "count";
        let Some(fields) = recording.request.as_object() else {
            continue;
        };
        let body = recording.request.to_string();
        let encoded = if counting {
            counts += 1;
            let request = parse_count_request(body.as_bytes()).unwrap();
            anthropic::encode_count(&request, &target).unwrap()
        } else {
            messages += 1;
            let request = parse_messages_request(body.as_bytes());
            let request = request.unwrap_or_else(|error| panic!("{}: {error}", recording.file));
            let adapter = adapter(WireFormat::AnthropicMessages);
            adapter.encode(&request, &target).unwrap()
        };
        let mut expected = fields.clone();
        expected.insert("model".to_owned(), json!("claude-x"));
        let sent: Value = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(sent, Value::Object(expected), "{}", recording.file);
    }
    assert!((messages, counts) == (0, 0) || (messages >= 80 && counts >= 5));
    println!("anthropic: {messages} requests and {counts} counts passed on");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever a provider says in whatever order, and wherever the network cuts it, a client gets
    /// the same bytes: a message in order, or the beginning of one and an error.
    #[test]
    fn arbitrary_answers_come_in_order(
        deltas in prop::collection::vec(arbitrary_delta(), 0..24),
        size in 1_usize..200,
    ) {
        let mut body: String = deltas.iter().map(|delta| chunk(delta, None)).collect();
        body.push_str(&chunk(&json!({}), Some("stop")));
        body.push_str("data: [DONE]\n\n");
        let wire = WireFormat::OpenAiChat;
        let (text, progress, _) = stream(wire, body.as_bytes(), body.len());
        prop_assert_eq!(&stream(wire, body.as_bytes(), size).0, &text);
        let events = order::parse(&text).unwrap();
        match progress {
            Progress::Complete => prop_assert_eq!(order::check(&events), Ok(())),
            Progress::Failed => prop_assert_eq!(order::check_beginning(&events), Ok(())),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
