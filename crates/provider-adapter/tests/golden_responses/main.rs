//! OpenAI's Responses API from both sides: every recorded answer of every provider written in it,
//! its own recorded answers read, and requests in it and for it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

#[path = "../foreign_support/mod.rs"]
mod foreign_support;
mod openapi;
mod order;
mod own;
mod requests;
#[allow(dead_code, reason = "only the check itself is used here")]
#[path = "../encode_foreign/schema.rs"]
mod schema;

use std::sync::Arc;

use bytes::Bytes;
use foreign_support as support;
use foreign_support::chunks::{arbitrary_delta, chunk};
use proptest::prelude::*;
use serde_json::{Value, json};
use steelyard_provider_adapter::{
    ClientError, Progress, ReplyContext, StreamReply, UnaryReply, adapter,
};
use steelyard_types::{Dialect, ErrorKind, WireFormat};

/// Recordings by provider, what they are recordings of, and how many there are at least.
const RECORDED: [(&str, &[&str], WireFormat, usize); 9] = [
    ("openai", &["responses"], WireFormat::OpenAiResponses, 50),
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

const OWN: WireFormat = WireFormat::OpenAiResponses;

fn context() -> ReplyContext {
    ReplyContext {
        dialect: Dialect::OpenAiResponses,
        id: "resp_own".to_owned(),
        created: 1_790_000_000,
        upstream_model: Arc::from("own-model"),
        include_usage: true,
        function_call: false,
        echo: None,
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
        if call["arguments"] == "" {
            call["arguments"] = json!({});
        }
    }
    let (status, details) = match decoded["finish"].as_str() {
        Some("length") => ("incomplete", json!({"reason": "max_output_tokens"})),
        Some("content_filter") => ("incomplete", json!({"reason": "content_filter"})),
        Some(_) => ("completed", Value::Null),
        None => ("incomplete", Value::Null),
    };
    let written = count(&["cache_write", "cache_write_1h"]);
    let input = count(&["input_fresh", "input_cached"]) + written;
    let output = count(&["output", "reasoning"]);
    let usage = json!({
        "input_tokens": input,
        "input_tokens_details": {
            "cached_tokens": count(&["input_cached"]),
            "cache_write_tokens": written,
        },
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": count(&["reasoning"])},
        "total_tokens": input + output,
    });
    json!({
        "text": decoded["text"],
        "refusal": decoded.get("refusal").cloned().unwrap_or_else(|| json!("")),
        "reasoning": decoded["reasoning"],
        "calls": calls,
        "status": status,
        "details": details,
        "usage": if decoded["usage"].is_null() { Value::Null } else { usage },
    })
}

/// What a client sees of a response.
fn seen(response: &Value) -> Value {
    let items = response["output"].as_array().unwrap();
    let of = |kind: &'static str| items.iter().filter(move |item| item["type"] == kind);
    let joined = |item: &'static str, list: &str, part: &str, field: &str| -> String {
        let parts = of(item).flat_map(|item| item[list].as_array().unwrap());
        let parts = parts.filter(|one| one["type"] == part);
        parts.map(|part| part[field].as_str().unwrap()).collect()
    };
    let is_call = |item: &&Value| {
        let kind = item["type"].as_str().unwrap();
        matches!(kind, "function_call" | "custom_tool_call")
    };
    let calls: Vec<_> = items
        .iter()
        .filter(is_call)
        .map(|call| {
            let text = call.get("arguments").or(call.get("input"));
            let text = text.unwrap().as_str().unwrap();
            let arguments: Value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
            json!({"name": call["name"], "arguments": arguments})
        })
        .collect();
    json!({
        "text": joined("message", "content", "output_text", "text"),
        "refusal": joined("message", "content", "refusal", "refusal"),
        "reasoning": joined("reasoning", "summary", "summary_text", "text"),
        "calls": calls,
        "status": response["status"],
        "details": response["incomplete_details"],
        "usage": response["usage"],
    })
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

/// The text without the marks of whose thoughts they are.
fn unmarked(text: &str) -> String {
    let mut pieces = text.split("\"steelyard.");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (model, rest) = piece.split_once('.').unwrap();
        assert_eq!(model.len(), 16);
        out.push('"');
        out.push_str(rest);
    }
    out
}

fn check_unary(wire: WireFormat, recording: &support::Recording) {
    let file = &recording.file;
    let decoded = support::unary_outcome(adapter(wire), 200, &recording.headers, &recording.body);
    let head = support::head(200, &recording.headers);
    let body = Bytes::copy_from_slice(recording.body.as_bytes());
    let reply = UnaryReply::read(wire, &head, body, &context());
    if decoded.get("error").is_some() {
        assert_eq!(reply.unwrap_err().kind.as_str(), decoded["error"], "{file}");
        return;
    }
    let reply = reply.unwrap();
    if wire == OWN {
        let told = std::str::from_utf8(&reply.body).unwrap();
        assert_eq!(unmarked(told), recording.body, "{file}");
        let finish = reply.finish.map(|finish| finish.as_openai());
        assert_eq!(json!(finish), decoded["finish"], "{file}");
        assert!(!reply.empty, "{file}");
        return;
    }
    let response: Value = serde_json::from_slice(&reply.body).unwrap();
    let whole = without_null_usage(&json!({"response": response}));
    let checked = openapi::check("Response", &whole["response"]);
    checked.unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!(response["id"], "resp_own");
    assert_eq!(seen(&response), expected(&decoded), "{file}");
}

/// The schema of an event, by its type.
fn schema_of(event: &Value) -> Option<&'static str> {
    Some(match event["type"].as_str().unwrap() {
        "response.created" => "ResponseCreatedEvent",
        "response.in_progress" => "ResponseInProgressEvent",
        "response.output_item.added" => "ResponseOutputItemAddedEvent",
        "response.content_part.added" => "ResponseContentPartAddedEvent",
        "response.output_text.delta" => "ResponseTextDeltaEvent",
        "response.output_text.done" => "ResponseTextDoneEvent",
        "response.refusal.delta" => "ResponseRefusalDeltaEvent",
        "response.refusal.done" => "ResponseRefusalDoneEvent",
        "response.content_part.done" => "ResponseContentPartDoneEvent",
        "response.output_item.done" => "ResponseOutputItemDoneEvent",
        "response.function_call_arguments.delta" => "ResponseFunctionCallArgumentsDeltaEvent",
        "response.function_call_arguments.done" => "ResponseFunctionCallArgumentsDoneEvent",
        "response.custom_tool_call_input.delta" => "ResponseCustomToolCallInputDeltaEvent",
        "response.custom_tool_call_input.done" => "ResponseCustomToolCallInputDoneEvent",
        "response.reasoning_summary_part.added" => "ResponseReasoningSummaryPartAddedEvent",
        "response.reasoning_summary_part.done" => "ResponseReasoningSummaryPartDoneEvent",
        "response.reasoning_summary_text.delta" => "ResponseReasoningSummaryTextDeltaEvent",
        "response.reasoning_summary_text.done" => "ResponseReasoningSummaryTextDoneEvent",
        "response.completed" => "ResponseCompletedEvent",
        "response.incomplete" => "ResponseIncompleteEvent",
        "response.failed" => "ResponseFailedEvent",
        "error" => "ResponseErrorEvent",
        _ => return None,
    })
}

/// OpenAI has been recorded saying `null` where its description wants no member.
fn without_null_usage(event: &Value) -> Value {
    let mut event = event.clone();
    let response = event.get_mut("response").and_then(Value::as_object_mut);
    if let Some(response) = response.filter(|response| response["usage"].is_null()) {
        response.remove("usage");
    }
    event
}

fn check_events(file: &str, events: &[Value]) {
    for event in events {
        let name = schema_of(event).unwrap_or_else(|| panic!("{file}: {event}"));
        let event = &without_null_usage(event);
        openapi::check(name, event).unwrap_or_else(|error| panic!("{file}: {error} in {event}"));
    }
}

fn check_stream(wire: WireFormat, recording: &support::Recording) {
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
        assert!(!text.contains("response.completed"), "{file}");
        check_failure(file, &text, reply, wire);
        return;
    }
    assert_eq!(progress, Progress::Complete, "{file}");
    let parse = if recording.body.contains("\"sequence_number\"") || wire != OWN {
        order::parse
    } else {
        order::parse_unnumbered
    };
    let mut events = parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    order::check(&events).unwrap_or_else(|error| panic!("{file}: {error}"));
    let last = events.last_mut().unwrap();
    let response = last["response"].as_object_mut().unwrap();
    let extension = response.remove("steelyard");
    assert_eq!(extension, Some(json!({"cost_usd": "0.1"})), "{file}");
    if wire == OWN {
        let events = unmarked(&json!(events).to_string());
        assert_eq!(events, json!(recording.events()).to_string(), "{file}");
        return;
    }
    check_events(file, &events);
    let response = &events.last().unwrap()["response"];
    assert_eq!(seen(response), expected(&decoded), "{file}");
}

/// What a stream that broke off ends in, numbered on from what was told.
fn check_failure(file: &str, told: &str, mut reply: StreamReply, wire: WireFormat) {
    let end = reply.failure(&ClientError {
        kind: ErrorKind::BrokenStream,
        message: "it broke off",
        param: None,
        code: None,
        request_id: "req",
    });
    let all = format!("{told}{}", std::str::from_utf8(&end).unwrap());
    let events = order::parse(&all).unwrap_or_else(|error| panic!("{file}: {error}"));
    if wire != OWN {
        check_events(file, &events);
    }
    let [.., error, failed] = events.as_slice() else {
        panic!("{file}: {all}");
    };
    assert_eq!(error["message"], "it broke off");
    assert_eq!(error["error"]["message"], "it broke off");
    assert_eq!(failed["response"]["status"], "failed");
    assert_eq!(failed["response"]["error"]["message"], "it broke off");
}

#[test]
fn recorded_answers_are_written_as_responses() {
    for (provider, endpoints, wire, least) in RECORDED {
        let (mut unary, mut streams) = (0, 0);
        let all = support::recordings(provider);
        let absent = all.is_empty();
        for recording in all {
            if recording.status != 200 || !endpoints.contains(&recording.endpoint.as_str()) {
                continue;
            }
            if recording.is_stream() {
                check_stream(wire, &recording);
                streams += 1;
            } else {
                check_unary(wire, &recording);
                unary += 1;
            }
        }
        assert!(absent || unary + streams >= least, "{provider}");
        println!("{provider}: {unary} answers and {streams} streams written as responses");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever a provider says in whatever order, and wherever the network cuts it, a client gets
    /// the same bytes: a response in order, or the beginning of one and an error.
    #[test]
    fn arbitrary_answers_come_in_order(
        deltas in prop::collection::vec(arbitrary_delta(), 0..24),
        finish in prop::sample::select(vec!["stop", "length", "content_filter", "tool_calls"]),
        size in 1_usize..200,
    ) {
        let mut body: String = deltas.iter().map(|delta| chunk(delta, None)).collect();
        body.push_str(&chunk(&json!({}), Some(finish)));
        body.push_str("data: [DONE]\n\n");
        let wire = WireFormat::OpenAiChat;
        let (text, progress, reply) = stream(wire, body.as_bytes(), body.len());
        prop_assert_eq!(&stream(wire, body.as_bytes(), size).0, &text);
        match progress {
            Progress::Complete => {
                let events = order::parse(&text).unwrap();
                check_events("arbitrary", &events);
                prop_assert_eq!(order::check(&events), Ok(()));
            }
            Progress::Failed => check_failure("arbitrary", &text, reply, wire),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
