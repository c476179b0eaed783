//! Gemini's answers, against recordings and the project's own fixtures.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod foreign_support;

use foreign_support as support;
use serde_json::{Value, json};
use steelyard_provider_adapter::gemini::GeminiGenerateContent;

/// What a client must see of the pieces of a recorded answer, read off the recording by itself.
fn expected(pieces: &[Value]) -> Value {
    let parts: Vec<&Value> = pieces
        .iter()
        .filter_map(|piece| piece["candidates"][0]["content"]["parts"].as_array())
        .flatten()
        .collect();
    let words = |thought: bool| -> String {
        let of = parts
            .iter()
            .filter(|part| (part["thought"] == true) == thought);
        of.filter_map(|part| part["text"].as_str()).collect()
    };
    let calls = calls(&parts);
    let reason = pieces
        .iter()
        .filter_map(|piece| piece["candidates"][0]["finishReason"].as_str())
        .next_back();
    let finish = reason.map(|reason| match reason {
        "STOP" if !calls.is_empty() => "tool_calls",
        "STOP" => "stop",
        "MAX_TOKENS" => "length",
        other => panic!("no such reason: {other}"),
    });
    let usage = pieces
        .iter()
        .map(|piece| &piece["usageMetadata"])
        .rfind(|usage| usage["promptTokenCount"].is_u64());
    json!({
        "id": pieces[0]["responseId"].as_str().unwrap_or_default(),
        "model": pieces[0]["modelVersion"],
        "text": words(false),
        "reasoning": words(true),
        "calls": calls,
        "finish": finish,
        "usage": usage.map(usage_classes),
    })
}

fn usage_classes(usage: &Value) -> Value {
    let count = |field: &str| usage[field].as_u64().unwrap_or(0);
    let prompt = count("promptTokenCount") + count("toolUsePromptTokenCount");
    let cached = count("cachedContentTokenCount");
    let (answer, thoughts) = (count("candidatesTokenCount"), count("thoughtsTokenCount"));
    let total = count("totalTokenCount");
    assert_eq!(
        total,
        prompt + answer + thoughts,
        "classes add up to the total"
    );
    json!({
        "input_fresh": prompt - cached,
        "input_cached": cached,
        "cache_write": 0,
        "cache_write_1h": 0,
        "output": answer,
        "reasoning": thoughts,
    })
}

fn calls(parts: &[&Value]) -> Vec<Value> {
    let mut calls: Vec<Value> = Vec::new();
    for call in parts.iter().filter_map(|part| part.get("functionCall")) {
        if let Some(name) = call.get("name") {
            let arguments = call.get("args").cloned().unwrap_or(json!({}));
            calls.push(json!({"name": name, "arguments": arguments}));
        }
        for piece in call["partialArgs"].as_array().into_iter().flatten() {
            let path = piece["jsonPath"].as_str().unwrap().replace(['[', '.'], "/");
            let pointer = format!("/arguments{}", path.replace(['$', ']'], ""));
            write(calls.last_mut().unwrap(), &pointer, piece);
        }
    }
    calls
}

/// Writes one piece of arguments, by JSON pointer.
fn write(call: &mut Value, pointer: &str, piece: &Value) {
    let mut place = call;
    for step in pointer.split('/').skip(1) {
        place = match step.parse::<usize>() {
            Ok(index) => {
                if place.is_null() {
                    *place = json!([]);
                }
                let list = place.as_array_mut().unwrap();
                list.resize(list.len().max(index + 1), Value::Null);
                &mut list[index]
            }
            Err(_) => &mut place[step],
        };
    }
    *place = match piece["stringValue"].as_str() {
        Some(more) => json!(format!("{}{more}", place.as_str().unwrap_or(""))),
        None => piece["numberValue"].clone(),
    };
}

fn seconds(delay: &str) -> f64 {
    delay.strip_suffix('s').unwrap().parse().unwrap()
}

fn error(body: &Value) -> Value {
    let error = &body["error"];
    assert_eq!(error["status"], "RESOURCE_EXHAUSTED");
    let delay = error["details"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|detail| detail["retryDelay"].as_str())
        .map(|delay| std::time::Duration::from_secs_f64(seconds(delay)));
    json!({
        "error": "rate_limited",
        "message": error["message"],
        "code": error["status"],
        "retry_after_ms": delay.map(|delay| delay.as_micros().div_ceil(1_000)),
    })
}

#[test]
fn recordings_are_read_as_they_were_meant() {
    let adapter = GeminiGenerateContent;
    let mut tally = support::Tally::default();
    for recording in support::known_recordings("gemini", 93) {
        let (found, wanted) = if recording.is_stream() {
            support::check_splits(&adapter, &recording.body);
            let found = support::stream_outcome(&adapter, &recording.body);
            (found, expected(&recording.events()))
        } else {
            let body: Value = serde_json::from_str(&recording.body).unwrap();
            let (status, headers) = (recording.status, &recording.headers);
            let found = support::unary_outcome(&adapter, status, headers, &recording.body);
            match status {
                200 => (found, expected(&[body])),
                _ => (found, error(&body)),
            }
        };
        tally.check(&recording.file, &found, &wanted);
        if recording.is_stream() {
            support::check_rendered_stream(&adapter, &recording.file, &recording.body, &found);
        } else if recording.status == 200 {
            let (headers, body) = (&recording.headers, &recording.body);
            support::check_rendered_answer(&adapter, &recording.file, headers, body, &found);
        }
    }
    tally.print("gemini");
}

#[test]
fn recorded_totals_are_the_sums_of_their_classes() {
    let mut agreeing = 0;
    for recording in support::known_recordings("gemini", 93) {
        if let Some(usage) = support::usage(&GeminiGenerateContent, &recording) {
            assert!(!usage.disagrees, "{}: {usage:?}", recording.file);
            agreeing += 1;
        }
    }
    println!("gemini: {agreeing} totals agree");
}

#[test]
fn fixtures_are_read_as_they_were_meant() {
    assert!(support::check_fixtures(&GeminiGenerateContent, "gemini") >= 8);
}
