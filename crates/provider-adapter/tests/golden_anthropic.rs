//! Anthropic's answers, against recordings and the project's own fixtures.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod foreign_support;

use foreign_support as support;
use serde_json::{Value, json};
use steelyard_provider_adapter::anthropic::AnthropicMessages;

/// What a client must see of a recorded answer, read off the recording by itself.
fn expected(answer: &Value) -> Value {
    let blocks = answer["content"].as_array().unwrap();
    let of = |kind: &'static str| blocks.iter().filter(move |block| block["type"] == kind);
    let joined = |kind: &'static str, field: &str| -> String {
        of(kind).filter_map(|block| block[field].as_str()).collect()
    };
    let calls: Vec<_> = of("tool_use")
        .map(|call| json!({"name": call["name"], "arguments": call["input"]}))
        .collect();
    json!({
        "id": answer["id"],
        "model": answer["model"],
        "text": joined("text", "text"),
        "reasoning": joined("thinking", "thinking"),
        "calls": calls,
        "finish": finish(&answer["stop_reason"]),
        "usage": usage(&answer["usage"]),
    })
}

fn finish(reason: &Value) -> Value {
    let Some(reason) = reason.as_str() else {
        return Value::Null;
    };
    json!(match reason {
        "end_turn" | "stop_sequence" | "pause_turn" => "stop",
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        other => panic!("no such reason: {other}"),
    })
}

fn usage(usage: &Value) -> Value {
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let hour = count(&usage["cache_creation"]["ephemeral_1h_input_tokens"]);
    let thinking = count(&usage["output_tokens_details"]["thinking_tokens"]);
    json!({
        "input_fresh": count(&usage["input_tokens"]),
        "input_cached": count(&usage["cache_read_input_tokens"]),
        "cache_write": count(&usage["cache_creation_input_tokens"]) - hour,
        "cache_write_1h": hour,
        "output": count(&usage["output_tokens"]) - thinking,
        "reasoning": thinking,
    })
}

/// The whole answer that a stream's events say.
fn assemble(events: &[Value]) -> Value {
    let mut answer = Value::Null;
    let mut inputs: Vec<(usize, String)> = Vec::new();
    for event in events {
        let index = usize::try_from(event["index"].as_u64().unwrap_or(0)).unwrap();
        match event["type"].as_str().unwrap() {
            "message_start" => answer = event["message"].clone(),
            "content_block_start" => {
                let blocks = answer["content"].as_array_mut().unwrap();
                blocks.push(event["content_block"].clone());
                inputs.push((index, String::new()));
            }
            "content_block_delta" => {
                let delta = &event["delta"];
                for field in ["text", "thinking"] {
                    if let Some(more) = delta[field].as_str() {
                        let block = &mut answer["content"][index][field];
                        *block = json!(format!("{}{more}", block.as_str().unwrap_or("")));
                    }
                }
                if let Some(more) = delta["partial_json"].as_str() {
                    let input = inputs.iter_mut().find(|(at, _)| *at == index).unwrap();
                    input.1.push_str(more);
                }
            }
            "message_delta" => {
                answer["stop_reason"] = event["delta"]["stop_reason"].clone();
                for (field, value) in event["usage"].as_object().unwrap() {
                    if !value.is_null() {
                        answer["usage"][field] = value.clone();
                    }
                }
            }
            _ => {}
        }
    }
    for (index, input) in inputs.iter().filter(|(_, input)| !input.is_empty()) {
        let block = &mut answer["content"][*index];
        if block["type"] == "tool_use" {
            block["input"] = serde_json::from_str(input).unwrap();
        }
    }
    answer
}

fn error(body: &Value, status: u16) -> Value {
    let error = &body["error"];
    let message = error["message"].as_str().unwrap();
    let kind = match error["type"].as_str().unwrap() {
        "authentication_error" => "upstream_auth",
        "not_found_error" => "upstream_model_not_found",
        "rate_limit_error" if message.contains("Extra usage") => "upstream_quota",
        "rate_limit_error" => "rate_limited",
        "overloaded_error" => "overloaded",
        other => panic!("no such error: {other} with {status}"),
    };
    json!({"error": kind, "message": message, "code": error["type"]})
}

#[test]
fn recordings_are_read_as_they_were_meant() {
    let adapter = AnthropicMessages;
    let mut tally = support::Tally::default();
    for recording in support::known_recordings("anthropic", 95) {
        if !matches!(recording.endpoint.as_str(), "messages" | "error") {
            tally.skip("another endpoint (token counting)");
            continue;
        }
        let (found, mut wanted) = if recording.is_stream() {
            let events = recording.events();
            let starts = events
                .iter()
                .filter(|event| event["type"] == "message_start");
            let wanted = match events.iter().find(|event| event["type"] == "error") {
                Some(event) => error(event, 200),
                None if starts.count() > 1 => json!({
                    "error": "invalid_answer",
                    "message": "the stream holds a second message_start that Anthropic's format \
                                does not allow",
                    "code": null,
                }),
                None => expected(&assemble(&events)),
            };
            support::check_splits(&adapter, &recording.body);
            (support::stream_outcome(&adapter, &recording.body), wanted)
        } else {
            let body: Value = serde_json::from_str(&recording.body).unwrap();
            let (status, headers) = (recording.status, &recording.headers);
            let wanted = match status {
                200 => expected(&body),
                status => error(&body, status),
            };
            let found = support::unary_outcome(&adapter, status, headers, &recording.body);
            (found, wanted)
        };
        if wanted.get("error").is_some() {
            let hint = recording.headers.0.get("retry-after");
            let seconds = hint.and_then(|seconds| seconds.parse::<u64>().ok());
            wanted["retry_after_ms"] = json!(seconds.map(|seconds| seconds * 1_000));
        }
        tally.check(&recording.file, &found, &wanted);
        if recording.is_stream() {
            support::check_rendered_stream(&adapter, &recording.file, &recording.body, &found);
        } else if recording.status == 200 {
            let (headers, body) = (&recording.headers, &recording.body);
            support::check_rendered_answer(&adapter, &recording.file, headers, body, &found);
        }
    }
    tally.print("anthropic");
}

#[test]
fn fixtures_are_read_as_they_were_meant() {
    assert!(support::check_fixtures(&AnthropicMessages, "anthropic") >= 8);
}
