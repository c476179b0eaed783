//! DashScope's answers, against recordings and the project's own fixtures.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod foreign_support;

use foreign_support as support;
use serde_json::{Value, json};
use steelyard_provider_adapter::dashscope::DashScopeGeneration;

/// What a client must see of the pieces of a recorded answer, read off the recording by itself.
fn expected(pieces: &[Value]) -> Value {
    let messages = || {
        pieces
            .iter()
            .map(|piece| &piece["output"]["choices"][0]["message"])
    };
    let mut text: String = messages()
        .map(|message| words(&message["content"]))
        .collect();
    text.extend(
        pieces
            .iter()
            .filter_map(|piece| piece["output"]["text"].as_str()),
    );
    let reasoning: String = messages()
        .filter_map(|message| message["reasoning_content"].as_str())
        .collect();
    let finish = pieces.iter().find_map(|piece| {
        let output = &piece["output"];
        let reason = output["choices"][0]["finish_reason"].as_str();
        let reason = reason.or(output["finish_reason"].as_str());
        reason.filter(|reason| *reason != "null")
    });
    let usage = pieces
        .iter()
        .map(|piece| &piece["usage"])
        .rfind(|usage| usage["input_tokens"].is_u64());
    let mut expected = json!({
        "id": pieces[0]["request_id"],
        "model": pieces[0]["output"]["model_name"].as_str().unwrap_or_default(),
        "text": text,
        "reasoning": reasoning,
        "calls": calls(messages()),
        "finish": finish,
        "usage": usage.map(usage_classes),
    });
    let choices = pieces[0]["output"]["choices"].as_array();
    if let Some([_, further @ ..]) = choices.map(Vec::as_slice)
        && !further.is_empty()
    {
        let words = |choice: &Value| words(&choice["message"]["content"]);
        expected["further"] = further.iter().map(words).collect();
    }
    expected
}

fn words(content: &Value) -> String {
    match content {
        Value::Array(pieces) => {
            let texts = pieces.iter().filter_map(|piece| piece["text"].as_str());
            texts.collect()
        }
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

fn calls<'v>(messages: impl Iterator<Item = &'v Value>) -> Vec<Value> {
    let mut calls: Vec<(String, String)> = Vec::new();
    for message in messages {
        for fragment in message["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(fragment["index"].as_u64().unwrap()).unwrap();
            calls.resize(calls.len().max(index + 1), Default::default());
            let function = &fragment["function"];
            let (name, arguments) = &mut calls[index];
            name.push_str(function["name"].as_str().unwrap_or_default());
            arguments.push_str(function["arguments"].as_str().unwrap_or_default());
        }
    }
    let call = |(name, arguments): (String, String)| {
        let arguments: Value = serde_json::from_str(&arguments).unwrap();
        json!({"name": name, "arguments": arguments})
    };
    calls.into_iter().map(call).collect()
}

fn usage_classes(usage: &Value) -> Value {
    let details = &usage["prompt_tokens_details"]["cached_tokens"];
    let cached = details.as_u64().or(usage["cached_tokens"].as_u64());
    let cached = cached.unwrap_or(0);
    let reasoning = usage["output_tokens_details"]["reasoning_tokens"].as_u64();
    let reasoning = reasoning.unwrap_or(0);
    json!({
        "input_fresh": usage["input_tokens"].as_u64().unwrap() - cached,
        "input_cached": cached,
        "cache_write": 0,
        "cache_write_1h": 0,
        "output": usage["output_tokens"].as_u64().unwrap() - reasoning,
        "reasoning": reasoning,
    })
}

fn error(body: &Value) -> Value {
    let error = body.get("error").unwrap_or(body);
    json!({
        "error": match error["code"].as_str().unwrap() {
            "InvalidParameter" => "bad_request",
            "DataInspectionFailed" | "data_inspection_failed" => "content_filter",
            other => panic!("no such error: {other}"),
        },
        "message": error["message"],
        "code": error["code"],
        "retry_after_ms": null,
    })
}

#[test]
fn recordings_are_read_as_they_were_meant() {
    let adapter = DashScopeGeneration;
    let mut tally = support::Tally::default();
    for recording in support::known_recordings("dashscope", 34) {
        if recording.endpoint == "compat_chat" {
            tally.skip("OpenAI-compatible mode, another adapter's");
            continue;
        }
        if recording.file.starts_with("text-embedding") || recording.file.starts_with("tokeniz") {
            tally.skip("no chat: embedding, tokenizer");
            continue;
        }
        let (found, wanted) = if recording.is_stream() {
            let events = recording.events();
            let wanted = match events[0].get("code") {
                Some(_) => error(&events[0]),
                None => expected(&events),
            };
            support::check_splits(&adapter, &recording.body);
            (support::stream_outcome(&adapter, &recording.body), wanted)
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
    tally.print("dashscope");
}

#[test]
fn recorded_totals_are_the_sums_of_their_classes() {
    let mut agreeing = 0;
    for recording in support::known_recordings("dashscope", 34) {
        if let Some(usage) = support::usage(&DashScopeGeneration, &recording) {
            assert!(!usage.disagrees, "{}: {usage:?}", recording.file);
            agreeing += 1;
        }
    }
    println!("dashscope: {agreeing} totals agree");
}

#[test]
fn fixtures_are_read_as_they_were_meant() {
    assert!(support::check_fixtures(&DashScopeGeneration, "dashscope") >= 8);
}
