use std::sync::Arc;

use serde_json::{Value, json};
use steelyard_types::{FeatureSet, ModelFacts, UnixMillis, WireProfile};

use super::*;
use crate::openai::parse_chat_request;
use crate::sse::SseDecoder;

fn target() -> Target {
    Target {
        upstream: Arc::from("command-a-03-2025"),
        wire: WireFormat::CohereChat,
        profile: WireProfile::OPENAI,
        features: FeatureSet::EMPTY,
        facts: ModelFacts::default(),
        max_output_tokens: 8_000,
    }
}

fn sent(request: &Value) -> Result<(Value, Vec<&'static str>), Refusal> {
    let body = request.to_string();
    let request = parse_chat_request(body.as_bytes()).unwrap();
    let encoded = CohereChat.encode(&request, &target())?;
    assert_eq!(encoded.path, "/v2/chat");
    let body = serde_json::from_slice(&encoded.body).unwrap();
    Ok((body, encoded.lossy.fields().to_vec()))
}

fn head(status: u16) -> ResponseHead<'static> {
    ResponseHead {
        status,
        headers: &[("retry-after", "2")],
        at: UnixMillis(0),
    }
}

#[test]
fn a_conversation_is_written_in_its_words() {
    let call = |name: &str| {
        json!({"id": "call_1", "type": "function",
            "function": {"name": name, "arguments": "{\"harbour\":\"Emden\"}"}})
    };
    let (body, lossy) = sent(&json!({
        "model": "auto", "stream": true, "max_completion_tokens": 300, "temperature": 0.3,
        "top_p": 0.9, "stop": ["END"], "parallel_tool_calls": false,
        "tools": [
            {"type": "function", "function": {"name": "tide", "parameters": {"type": "object"}}},
            {"type": "function", "function": {"name": "now", "strict": true}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "now"}},
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "When is high water?"},
            {"role": "assistant", "content": null, "tool_calls": [call("tide")]},
            {"role": "tool", "tool_call_id": "call_1", "content": "ten"},
        ],
    }))
    .unwrap();
    assert_eq!(lossy, ["parallel_tool_calls"]);
    let expected = json!({
        "model": "command-a-03-2025",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "When is high water?"},
            {"role": "assistant", "tool_calls": [call("tide")]},
            {"role": "tool", "tool_call_id": "call_1", "content": "ten"},
        ],
        "max_tokens": 300, "temperature": 0.3, "p": 0.9, "stop_sequences": ["END"],
        "tools": [{"type": "function", "function": {"name": "now",
            "parameters": {"type": "object", "properties": {}}}}],
        "tool_choice": "REQUIRED", "strict_tools": true, "stream": true,
    });
    assert_eq!(body, expected);
}

#[test]
fn what_it_has_no_word_for_is_refused() {
    let sound = json!({"model": "a", "modalities": ["audio"],
        "messages": [{"role": "user", "content": "Hi"}]});
    assert_eq!(sent(&sound).unwrap_err().field, "modalities");
    let unknown = json!({"model": "a", "messages": [{"role": "user", "content": "Hi"}],
        "tools": [{"type": "function", "function": {"name": "now"}}],
        "tool_choice": {"type": "function", "function": {"name": "then"}}});
    assert_eq!(sent(&unknown).unwrap_err().field, "tool_choice");
    let stops = json!({"model": "a", "stop": ["1", "2", "3", "4", "5", "6"],
        "messages": [{"role": "user", "content": "Hi"}]});
    assert_eq!(sent(&stops).unwrap_err().field, "stop");
    let both = json!({"model": "a", "messages": [{"role": "user", "content": "Hi"}],
        "response_format": {"type": "json_object"},
        "tools": [{"type": "function", "function": {"name": "now"}}]});
    assert_eq!(sent(&both).unwrap_err().field, "response_format");
}

#[test]
fn numbers_stay_within_its_limits() {
    let (body, lossy) = sent(
        &json!({"model": "a", "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 1.5, "top_p": 1, "seed": -1, "presence_penalty": -0.5,
        "frequency_penalty": 2}),
    )
    .unwrap();
    let sent_as = |name: &str| body[name].clone();
    assert_eq!(sent_as("temperature"), 1.5);
    assert_eq!(sent_as("p"), 0.99);
    assert_eq!(sent_as("seed"), 0);
    assert_eq!(sent_as("presence_penalty"), 0);
    assert_eq!(sent_as("frequency_penalty"), 1);
    let changed = ["top_p", "seed", "presence_penalty", "frequency_penalty"];
    assert_eq!(lossy, changed);
    let (body, lossy) = sent(
        &json!({"model": "a", "messages": [{"role": "user", "content": "Hi"}],
        "top_p": 0.5, "seed": 7, "presence_penalty": 0.50}),
    )
    .unwrap();
    assert_eq!((&body["p"], &body["seed"]), (&json!(0.5), &json!(7)));
    assert!(lossy.is_empty(), "{lossy:?}");
}

#[test]
fn what_is_not_told_is_declared() {
    let asked = |more: Value| {
        let mut request = json!({"model": "a", "messages": [{"role": "user", "content": "Hi"}]});
        for (name, value) in more.as_object().unwrap() {
            request[name] = value.clone();
        }
        sent(&request).unwrap()
    };
    let (body, lossy) = asked(json!({"reasoning_effort": "high"}));
    assert_eq!(body.get("thinking"), None, "the model does not think");
    assert_eq!(lossy, ["reasoning_effort"]);
    let (_, lossy) = asked(
        json!({"response_format": {"type": "json_schema", "json_schema":
        {"name": "a", "description": "a tide", "schema": {"type": "object"}}}}),
    );
    assert_eq!(lossy, ["response_format"]);
}

#[test]
fn a_whole_answer_is_read() {
    let body = json!({
        "id": "c14c", "finish_reason": "TOOL_CALL",
        "message": {"role": "assistant", "tool_plan": "I will look.", "tool_calls": [
            {"id": "tide_1", "type": "function",
                "function": {"name": "tide", "arguments": "{\"harbour\":\"Emden\"}"}}]},
        "usage": {"billed_units": {"input_tokens": 20.0, "output_tokens": 7.0},
            "tokens": {"input_tokens": 220.0, "output_tokens": 9.0}, "cached_tokens": 4.0},
    });
    let answer = CohereChat
        .decode(&head(200), body.to_string().as_bytes())
        .unwrap();
    assert_eq!(answer.id, "c14c");
    assert_eq!(answer.reasoning_text().as_deref(), Some("I will look."));
    assert_eq!(answer.tool_calls[0].id, "tide_1");
    assert_eq!(answer.tool_calls[0].arguments, "{\"harbour\":\"Emden\"}");
    assert_eq!(answer.finish, Some(FinishReason::ToolCalls));
    let usage = answer.usage.unwrap();
    assert_eq!(
        (usage.input_fresh, usage.input_cached, usage.output),
        (16, 4, 7)
    );
    let failed = body.to_string().replace("TOOL_CALL", "ERROR");
    let error = CohereChat.decode(&head(200), failed.as_bytes());
    assert_eq!(error.unwrap_err().kind, ErrorKind::UpstreamServer);
}

/// The events of a stream as text, fed in two pieces cut at every place.
fn events(stream: &str) -> Vec<String> {
    let mut all: Option<Vec<String>> = None;
    for cut in 0..=stream.len() {
        let mut sse = SseDecoder::default();
        let mut decoder = CohereChat.stream_decoder();
        let mut seen = Vec::new();
        for piece in [&stream.as_bytes()[..cut], &stream.as_bytes()[cut..]] {
            let mut bytes = Bytes::copy_from_slice(piece);
            while let Some(frame) = sse.next(&mut bytes).unwrap() {
                decoder.frame(&frame, &mut |event| seen.push(format!("{event:?}")));
            }
        }
        decoder.end(&mut |event| seen.push(format!("{event:?}")));
        assert_eq!(
            all.get_or_insert_with(|| seen.clone()),
            &seen,
            "cut at {cut}"
        );
    }
    all.unwrap_or_default()
}

#[test]
fn a_stream_is_read_however_it_is_cut() {
    let frames = [
        json!({"type": "message-start", "id": "c14c", "delta": {"message": {"role": "assistant",
            "content": [], "tool_plan": "", "tool_calls": []}}}),
        json!({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "Look."}}}),
        json!({"type": "content-start", "index": 0, "delta": {"message":
            {"content": {"type": "text", "text": ""}}}}),
        json!({"type": "content-delta", "index": 0, "delta": {"message":
            {"content": {"text": "Ten \u{2026}"}}}}),
        json!({"type": "content-end", "index": 0}),
        json!({"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls":
            {"id": "tide_1", "type": "function", "function": {"name": "tide", "arguments": ""}}}}}),
        json!({"type": "tool-call-delta", "index": 0, "delta": {"message": {"tool_calls":
            {"function": {"arguments": "{}"}}}}}),
        json!({"type": "tool-call-end", "index": 0}),
        json!({"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage":
            {"billed_units": {"input_tokens": 3.0, "output_tokens": 2.0}}}}),
    ];
    let frame = |data: &Value| {
        format!(
            "event: {}\ndata: {data}\n\n",
            data["type"].as_str().unwrap()
        )
    };
    let stream: String = frames.iter().map(frame).collect();
    let seen = events(&stream);
    let expected = [
        r#"Start { id: "c14c", model: "" }"#,
        r#"Reasoning("Look.")"#,
        r#"ReasoningSignature("tool_plan")"#,
        r#"Text("Ten …")"#,
        r#"ToolCallStart { index: 0, id: "tide_1", kind: Function, name: "tide" }"#,
        r#"ToolCallArguments { index: 0, fragment: "{}" }"#,
        "Finish(ToolCalls)",
    ];
    assert_eq!(seen[..expected.len()], expected);
    assert!(
        seen[7].starts_with("Usage(") && seen[8] == "Done",
        "{seen:?}"
    );
    let cut: String = frames[..4].iter().map(frame).collect();
    assert!(events(&cut).last().unwrap().contains("BrokenStream"));
}

#[test]
fn errors_keep_their_words_and_waits() {
    let error = CohereChat.decode_error(&head(429), br#"{"message": "slow down"}"#);
    assert_eq!(error.kind, ErrorKind::RateLimited);
    assert_eq!(error.message, "slow down");
    assert_eq!(error.retry_after_ms, Some(2_000));
    for (message, kind) in [
        (
            "too many tokens: size limit exceeded by 11326 tokens.",
            ErrorKind::ContextLength,
        ),
        (
            "too many tokens: max tokens must be less than or equal to 4096",
            ErrorKind::BadRequest,
        ),
    ] {
        let body = json!({ "message": message }).to_string();
        assert_eq!(
            CohereChat.decode_error(&head(400), body.as_bytes()).kind,
            kind
        );
    }
    let page = CohereChat.decode_error(&head(502), b"<html>");
    assert_eq!(page.kind, ErrorKind::UpstreamServer);
}

#[test]
fn answers_without_a_word_stay_behind() {
    let (body, lossy) = sent(&json!({"model": "auto", "messages": [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "two"},
    ]}))
    .unwrap();
    let user = |words: &str| json!({"role": "user", "content": words});
    assert_eq!(body["messages"], json!([user("one"), user("two")]));
    assert_eq!(lossy, ["messages.content"]);
}

/// The signature of thoughts of that kind, as a client has it of that model.
fn signed(model: &str, kind: &str) -> String {
    origin::seal(WireFormat::CohereChat, model, kind)
}

#[test]
fn thoughts_return_to_the_model_that_had_them() {
    let thought = |text: &str, signature: &str| json!({"type": "reasoning.text", "text": text, "signature": signature});
    let call = json!({"id": "c1", "type": "function",
        "function": {"name": "tide", "arguments": "{}"}});
    let conversation = |details: &[Value], answer: &Value| {
        let mut answer = answer.clone();
        answer["role"] = "assistant".into();
        answer["reasoning_details"] = details.into();
        let mut messages = vec![json!({"role": "user", "content": "one"}), answer];
        if messages[1].get("tool_calls").is_some() {
            messages.push(json!({"role": "tool", "tool_call_id": "c1", "content": "ten"}));
        }
        messages.push(json!({"role": "user", "content": "two"}));
        json!({"model": "auto", "messages": messages})
    };
    let own = |kind: &str| thought("hm", &signed("command-a-03-2025", kind));
    let thinking = json!({"type": "thinking", "thinking": "hm"});

    let said = json!({"content": "Yes."});
    let (body, lossy) = sent(&conversation(&[own(THINKING)], &said)).unwrap();
    let text = json!({"type": "text", "text": "Yes."});
    assert_eq!(body["messages"][1]["content"], json!([thinking, text]));
    assert!(lossy.is_empty());

    let called = json!({"content": null, "tool_calls": [call]});
    let (body, lossy) = sent(&conversation(&[own(PLAN), own(THINKING)], &called)).unwrap();
    assert_eq!(body["messages"][1]["tool_plan"], "hm");
    assert_eq!(body["messages"][1]["content"], json!([thinking]));
    assert!(lossy.is_empty());

    for (details, answer) in [
        // Of another model, or of nobody knows whom.
        (thought("hm", &signed("command-r", THINKING)), &said),
        (thought("hm", THINKING), &said),
        (thought("hm", ""), &said),
        (own("else"), &said),
        // Without what there was to plan, and without an answer.
        (own(PLAN), &said),
        (own(THINKING), &json!({"content": ""})),
    ] {
        let (body, lossy) = sent(&conversation(&[details], answer)).unwrap();
        assert!(!body.to_string().contains("hm"), "{body}");
        assert_eq!(lossy, ["messages.reasoning"], "{body}");
    }
}

#[test]
fn thoughts_are_signed_with_what_they_are() {
    let body = br#"{"id": "x", "finish_reason": "TOOL_CALL", "message": {"role": "assistant",
        "tool_plan": "Look.", "content": [{"type": "thinking", "thinking": "hm"}],
        "tool_calls": [{"id": "c1", "type": "function",
            "function": {"name": "tide", "arguments": "{}"}}]}}"#;
    let answer = CohereChat.decode(&head(200), body).unwrap();
    let told = answer.reasoning.iter();
    let told: Vec<_> = told
        .map(|one| (one.text.as_str(), one.signature.as_deref()))
        .collect();
    assert_eq!(told, [("Look.", Some(PLAN)), ("hm", Some(THINKING))]);
}

#[test]
fn a_schema_shows_at_its_root_that_it_is_an_object() {
    let schema = json!({"$ref": "#/$defs/Tide", "$defs": {"Tide": {"type": "object"}}});
    let (body, _) = sent(&json!({"model": "auto",
        "messages": [{"role": "user", "content": "When?"}],
        "response_format": {"type": "json_schema",
            "json_schema": {"name": "tide", "schema": schema}}}))
    .unwrap();
    let expected = json!({"type": "object", "$defs": {"Tide": {"type": "object"}}});
    assert_eq!(body["response_format"]["json_schema"], expected);
}
