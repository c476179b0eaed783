//! OpenAI's own recorded answers, read for clients of every dialect.

use bytes::Bytes;
use serde_json::{Value, json};
use steelyard_provider_adapter::responses::Responses;
use steelyard_provider_adapter::{Adapter, StreamEvent};

use super::support;

fn recordings() -> Vec<support::Recording> {
    let all = support::known_recordings("openai", 120);
    let ours = all.into_iter().filter(|one| one.endpoint == "responses");
    ours.collect()
}

/// What a whole response says, read apart from the decoder.
fn told(response: &Value) -> Value {
    let items = response["output"].as_array().unwrap();
    let of = |kind: &'static str| items.iter().filter(move |item| item["type"] == kind);
    let texts = |kind: &'static str, list: &str| -> Vec<String> {
        let parts = of(kind).flat_map(|item| item[list].as_array().cloned().unwrap_or_default());
        parts
            .filter_map(|part| part["text"].as_str().map(str::to_owned))
            .collect()
    };
    let thoughts = |item: &Value| {
        let parts = item["summary"].as_array().unwrap().iter();
        let texts: Vec<_> = parts.map(|part| part["text"].as_str().unwrap()).collect();
        texts.join("\n\n")
    };
    let is_call = |item: &&Value| {
        let kind = item["type"].as_str().unwrap();
        matches!(kind, "function_call" | "custom_tool_call")
    };
    let calls: Vec<_> = items
        .iter()
        .filter(is_call)
        .map(|call| {
            let arguments = match call["input"].as_str() {
                Some(input) => json!(input),
                None => serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap(),
            };
            json!({"name": call["name"], "arguments": arguments})
        })
        .collect();
    let usage = &response["usage"];
    let count = |place: &str| usage.pointer(place).and_then(Value::as_u64).unwrap_or(0);
    let cached = count("/input_tokens_details/cached_tokens");
    let written = count("/input_tokens_details/cache_write_tokens");
    let reasoning = count("/output_tokens_details/reasoning_tokens");
    json!({
        "id": response["id"],
        "model": response["model"],
        "text": texts("message", "content").concat(),
        "reasoning": of("reasoning").map(thoughts).collect::<String>(),
        "finish": if calls.is_empty() { "stop" } else { "tool_calls" },
        "calls": calls,
        "usage": {
            "input_fresh": count("/input_tokens") - cached - written,
            "input_cached": cached,
            "cache_write": written,
            "cache_write_1h": 0,
            "output": count("/output_tokens") - reasoning,
            "reasoning": reasoning,
        },
    })
}

#[test]
fn recorded_answers_are_read() {
    let mut tally = support::Tally::default();
    for recording in recordings() {
        let file = &recording.file;
        if recording.status != 200 {
            let found = support::unary_outcome(
                &Responses,
                recording.status,
                &recording.headers,
                &recording.body,
            );
            let error: Value = serde_json::from_str(&recording.body).unwrap();
            let error = &error["error"];
            let kind = match error["code"].as_str() {
                Some("context_length_exceeded") => "context_length",
                Some("model_not_found") => "upstream_model_not_found",
                _ => "bad_request",
            };
            let expected = json!({"error": kind, "message": error["message"],
                "code": error["code"], "retry_after_ms": null});
            tally.check(file, &found, &expected);
        } else if recording.body.contains("\"insufficient_quota\"") {
            // Recorded with 200: the quota was found to be used up after the head was sent.
            let found = if recording.is_stream() {
                support::stream_outcome(&Responses, &recording.body)
            } else {
                support::unary_outcome(&Responses, 200, &recording.headers, &recording.body)
            };
            assert!(
                found["message"]
                    .as_str()
                    .unwrap()
                    .starts_with("You exceeded")
            );
            tally.check(file, &found["error"], &json!("upstream_quota"));
        } else if recording.is_stream() {
            let last = recording.events().pop().unwrap();
            let found = support::stream_outcome(&Responses, &recording.body);
            tally.check(file, &found, &told(&last["response"]));
            support::check_splits(&Responses, &recording.body);
            support::check_rendered_stream(&Responses, file, &recording.body, &found);
        } else {
            let body: Value = serde_json::from_str(&recording.body).unwrap();
            let (headers, body_text) = (&recording.headers, &recording.body);
            let found = support::unary_outcome(&Responses, 200, headers, body_text);
            tally.check(file, &found, &told(&body));
            support::check_rendered_answer(&Responses, file, headers, body_text, &found);
        }
    }
    tally.print("openai responses");
}

/// Events of a stream made of these.
fn events(frames: &[Value]) -> Vec<StreamEvent<'static>> {
    let body: String = frames
        .iter()
        .map(|data| {
            format!(
                "event: {}\ndata: {data}\n\n",
                data["type"].as_str().unwrap()
            )
        })
        .collect();
    support::events(&Responses, &[body.as_bytes()])
}

#[test]
fn thoughts_are_told_with_what_must_come_back() {
    let delta = |part: u64, text: &str| {
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0,
            "summary_index": part, "delta": text})
    };
    let item = json!({"id": "rs_1", "type": "reasoning", "encrypted_content": "gAAA",
        "summary": [{"type": "summary_text", "text": "one two"},
            {"type": "summary_text", "text": "three"}]});
    let whole = json!({"id": "resp_1", "model": "gpt-5", "status": "completed", "output": [item]});
    let streamed = events(&[
        json!({"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5"}}),
        json!({"type": "response.output_item.added", "output_index": 0,
            "item": {"id": "rs_1", "type": "reasoning", "encrypted_content": "half"}}),
        delta(0, "one "),
        delta(0, "two"),
        delta(1, "three"),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": whole}),
    ]);
    let mut words = String::new();
    let mut proofs = Vec::new();
    for event in &streamed {
        match event {
            StreamEvent::Reasoning(text) => words.push_str(text),
            StreamEvent::ReasoningSignature(proof) => proofs.push(proof.to_string()),
            _ => {}
        }
    }
    assert_eq!(words, "one two\n\nthree");
    assert_eq!(proofs, ["rs_1:gAAA"]);
    let headers = support::Headers(std::collections::BTreeMap::new());
    let answer = Responses
        .decode(&support::head(200, &headers), whole.to_string().as_bytes())
        .unwrap();
    assert_eq!(answer.reasoning[0].text, words);
    assert_eq!(answer.reasoning[0].signature.as_deref(), Some("rs_1:gAAA"));
}

#[test]
fn a_server_that_streams_only_items_or_only_the_end_is_read_all_the_same() {
    let message = json!({"id": "msg_1", "type": "message", "content": [
        {"type": "output_text", "text": "hi", "annotations": []}]});
    let call = json!({"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "f",
        "arguments": "{\"a\":1}"});
    let end = json!({"type": "response.completed", "response": {"id": "resp_1", "model": "m",
        "status": "completed", "output": [message, call],
        "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}}});
    let done = |at: u64, item: &Value| json!({"type": "response.output_item.done", "output_index": at, "item": item});
    let items = [done(0, &message), done(1, &call), end.clone()];
    let frames = |frames: &[Value]| -> String {
        frames
            .iter()
            .map(|data| format!("data: {data}\n\n"))
            .collect()
    };
    let from_items = support::stream_outcome(&Responses, &frames(&items));
    let from_end = support::stream_outcome(&Responses, &frames(&[end]));
    assert_eq!(from_items["text"], "hi");
    assert_eq!(
        from_items["calls"],
        json!([{"name": "f", "arguments": {"a": 1}}])
    );
    assert_eq!(from_items["finish"], "tool_calls");
    for field in ["text", "calls", "finish", "usage"] {
        assert_eq!(from_items[field], from_end[field]);
    }
}

#[test]
fn endings_say_why() {
    let end = |kind: &str, response: Value| {
        let body = format!("data: {}\n\n", json!({"type": kind, "response": response}));
        support::stream_outcome(&Responses, &body)
    };
    for (reason, finish) in [
        ("max_output_tokens", "length"),
        ("content_filter", "content_filter"),
    ] {
        let response = json!({"status": "incomplete", "incomplete_details": {"reason": reason},
            "output": []});
        assert_eq!(
            end("response.incomplete", response.clone())["finish"],
            finish
        );
        let body = Bytes::from(response.to_string());
        let headers = support::Headers(std::collections::BTreeMap::new());
        let answer = Responses
            .decode(&support::head(200, &headers), &body)
            .unwrap();
        assert_eq!(answer.finish.unwrap().as_openai(), finish);
    }
    for (code, kind) in [
        ("server_error", "stream_error"),
        ("rate_limit_exceeded", "rate_limited"),
        ("invalid_prompt", "content_filter"),
    ] {
        let failed = json!({"status": "failed", "error": {"code": code, "message": "no"}});
        let found = end("response.failed", failed);
        assert_eq!(
            (&found["error"], &found["message"]),
            (&json!(kind), &json!("no"))
        );
    }
    for event in [
        json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": null}),
        json!({"type": "error", "error": {"code": "rate_limit_exceeded", "message": "slow"}}),
    ] {
        let found =
            support::stream_outcome(&Responses, &format!("event: error\ndata: {event}\n\n"));
        assert_eq!(
            (&found["error"], &found["message"]),
            (&json!("rate_limited"), &json!("slow"))
        );
    }
    let cut = "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n";
    assert_eq!(
        support::stream_outcome(&Responses, cut)["error"],
        "broken_stream"
    );
    let empty = support::stream_outcome(&Responses, "data: nonsense\n\n");
    assert_eq!(empty["error"], "invalid_answer");
}
