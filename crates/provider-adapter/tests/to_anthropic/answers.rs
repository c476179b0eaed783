//! Answers as they are read: proofs of thoughts, and the call that is an answer.

use std::fmt::Write;

use steelyard_provider_adapter::{Progress, StreamReply};
use steelyard_types::{ChatAnswer, FinishReason, StreamEvent, Thought};

use super::*;

fn stream(events: &[Value]) -> String {
    let mut body = String::new();
    for event in events {
        let kind = event["type"].as_str().unwrap();
        write!(body, "event: {kind}\ndata: {event}\n\n").unwrap();
    }
    body
}

/// A stream of these blocks: what their start holds, and their deltas.
fn streamed(blocks: &[(Value, Vec<Value>)], stop_reason: &str) -> String {
    let usage = json!({"input_tokens": 3, "output_tokens": 1});
    let mut events = vec![json!({"type": "message_start", "message": {"id": "msg_1",
        "model": "m", "role": "assistant", "content": [], "stop_reason": null, "usage": usage}})];
    for (index, (block, deltas)) in blocks.iter().enumerate() {
        events.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        for delta in deltas {
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(
        json!({"type": "message_delta", "delta": {"stop_reason": stop_reason},
        "usage": {"output_tokens": 9}}),
    );
    events.push(json!({"type": "message_stop"}));
    stream(&events)
}

/// What the decoder says of a stream.
fn events(body: &str) -> Vec<StreamEvent<'static>> {
    let mut decoder = adapter(WIRE).stream_decoder();
    let mut sse = steelyard_provider_adapter::sse::SseDecoder::default();
    let mut rest = Bytes::copy_from_slice(body.as_bytes());
    let mut all = Vec::new();
    while let Some(frame) = sse.next(&mut rest).unwrap() {
        decoder.frame(&frame, &mut |event| all.push(owned(event)));
    }
    decoder.end(&mut |event| all.push(owned(event)));
    all
}

fn owned(event: StreamEvent<'_>) -> StreamEvent<'static> {
    let text = |text: std::borrow::Cow<'_, str>| text.into_owned().into();
    match event {
        StreamEvent::Text(words) => StreamEvent::Text(text(words)),
        StreamEvent::Reasoning(words) => StreamEvent::Reasoning(text(words)),
        StreamEvent::ReasoningSignature(proof) => StreamEvent::ReasoningSignature(text(proof)),
        StreamEvent::RedactedReasoning(data) => StreamEvent::RedactedReasoning(text(data)),
        StreamEvent::ToolCallStart {
            index,
            id,
            kind,
            name,
        } => StreamEvent::ToolCallStart {
            index,
            id: text(id),
            kind,
            name: text(name),
        },
        StreamEvent::ToolCallArguments { index, fragment } => StreamEvent::ToolCallArguments {
            index,
            fragment: text(fragment),
        },
        StreamEvent::Finish(reason) => StreamEvent::Finish(reason),
        StreamEvent::Error(error) => StreamEvent::Error(error),
        // Who answers and what it used is looked at elsewhere.
        _ => StreamEvent::Done,
    }
}

fn said(body: &str) -> Vec<StreamEvent<'static>> {
    let mut all = events(body);
    all.retain(|event| *event != StreamEvent::Done);
    all
}

fn decoded(answer: &Value) -> ChatAnswer {
    let headers: &[(&str, &str)] = &[];
    let head = ResponseHead {
        status: 200,
        headers: &headers,
        at: UnixMillis(0),
    };
    let body = answer.to_string();
    adapter(WIRE).decode(&head, body.as_bytes()).unwrap()
}

#[test]
fn proofs_of_thoughts_are_read() {
    let answer = decoded(&json!({"stop_reason": "end_turn", "content": [
        {"type": "thinking", "thinking": "one", "signature": "s1"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "thinking", "thinking": "", "signature": "s2"},
        {"type": "text", "text": "Hi"},
    ]}));
    let signed = |text: &str, signature: &str| Thought {
        text: text.to_owned(),
        signature: Some(signature.to_owned()),
        redacted: None,
    };
    let redacted = Thought {
        redacted: Some("d".to_owned()),
        ..Thought::default()
    };
    assert_eq!(
        answer.reasoning,
        [signed("one", "s1"), redacted, signed("", "s2")]
    );
    let body = streamed(
        &[
            (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                vec![
                    json!({"type": "thinking_delta", "thinking": "one"}),
                    json!({"type": "signature_delta", "signature": "s1"}),
                ],
            ),
            (json!({"type": "redacted_thinking", "data": "d"}), vec![]),
            (
                json!({"type": "thinking", "thinking": "", "signature": "s2"}),
                vec![],
            ),
            (json!({"type": "text", "text": "Hi"}), vec![]),
        ],
        "end_turn",
    );
    assert_eq!(
        said(&body),
        [
            StreamEvent::Reasoning("one".into()),
            StreamEvent::ReasoningSignature("s1".into()),
            StreamEvent::RedactedReasoning("d".into()),
            StreamEvent::ReasoningSignature("s2".into()),
            StreamEvent::Text("Hi".into()),
            StreamEvent::Finish(FinishReason::Stop),
        ]
    );
}

fn answer_call(input: Value) -> Value {
    json!({"type": "tool_use", "id": "t", "name": "steelyard_answer", "input": input})
}

#[test]
fn the_call_that_is_the_answer_reads_as_text() {
    for (reason, finish) in [
        ("tool_use", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
    ] {
        let answer = decoded(&json!({"stop_reason": reason,
            "content": [answer_call(json!({"age": 7}))]}));
        assert_eq!(answer.text.as_deref(), Some(r#"{"age":7}"#));
        assert_eq!((answer.finish, answer.tool_calls.len()), (Some(finish), 0));
        let pieces = ["", "{\"age\":", " 7}"]
            .map(|json| json!({"type": "input_json_delta", "partial_json": json}));
        let body = streamed(&[(answer_call(json!({})), pieces.to_vec())], reason);
        assert_eq!(
            said(&body),
            [
                StreamEvent::Text("{\"age\":".into()),
                StreamEvent::Text(" 7}".into()),
                StreamEvent::Finish(finish),
            ]
        );
    }
    let body = streamed(&[(answer_call(json!({})), vec![])], "tool_use");
    assert_eq!(said(&body)[0], StreamEvent::Text("{}".into()));
}

#[test]
fn the_clients_calls_beside_it_want_to_be_answered() {
    let call = json!({"type": "tool_use", "id": "c", "name": "look", "input": {}});
    let content = [answer_call(json!({"a": 1})), call];
    let answer = decoded(&json!({"stop_reason": "tool_use", "content": content}));
    assert_eq!(answer.finish, Some(FinishReason::ToolCalls));
    assert_eq!(answer.tool_calls.len(), 1);
    let blocks = content.map(|block| (block, vec![]));
    let body = streamed(&blocks, "tool_use");
    let found = said(&body);
    let start = StreamEvent::ToolCallStart {
        index: 0,
        id: "c".into(),
        kind: steelyard_types::ToolKind::Function,
        name: "look".into(),
    };
    assert!(found.contains(&start), "{found:?}");
    assert_eq!(
        found.last(),
        Some(&StreamEvent::Finish(FinishReason::ToolCalls))
    );
}

#[test]
fn a_client_of_another_dialect_gets_the_answer_and_no_call() {
    let pieces = vec![json!({"type": "input_json_delta", "partial_json": "{\"age\":7}"})];
    let body = streamed(&[(answer_call(json!({})), pieces)], "tool_use");
    let mut reply = StreamReply::new(WIRE, context(Dialect::OpenAiChat));
    let mut out = Vec::new();
    reply.push(&Bytes::from(body), &mut out);
    assert_eq!(reply.end(&mut out), Progress::Complete);
    reply.close(None, &mut out);
    let text = String::from_utf8(out.concat()).unwrap();
    assert!(text.contains(r#""content":"{\"age\":7}""#), "{text}");
    assert!(text.contains(r#""finish_reason":"stop""#) && !text.contains("steelyard_answer"));
}

#[test]
fn frames_are_marked_wherever_they_are_cut() {
    let body = streamed(
        &[(
            json!({"type": "thinking", "thinking": "", "signature": ""}),
            vec![
                json!({"type": "thinking_delta", "thinking": "a \"signature\" of"}),
                json!({"type": "signature_delta", "signature": "c2ln"}),
            ],
        )],
        "end_turn",
    );
    let seen = |size: usize| {
        let mut reply = StreamReply::new(WIRE, context(Dialect::AnthropicMessages));
        let mut out = Vec::new();
        for piece in body.as_bytes().chunks(size) {
            reply.push(&Bytes::copy_from_slice(piece), &mut out);
        }
        reply.end(&mut out);
        reply.close(None, &mut out);
        String::from_utf8(out.concat()).unwrap()
    };
    let whole = seen(body.len());
    assert_eq!(whole, body.replace("c2ln", &sealed("c2ln")));
    for size in [1, 7, 64] {
        assert_eq!(seen(size), whole);
    }
}

#[test]
fn proofs_come_back_to_their_model_only() {
    let answer = json!({"content": [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "data"},
        {"type": "text", "text": "Hi"},
    ]});
    let reply = read(Dialect::AnthropicMessages, &answer);
    let seen: Value = serde_json::from_slice(&reply.body).unwrap();
    let body = json!({"model": "auto", "max_tokens": 50, "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": seen["content"]},
        {"role": "user", "content": "Well?"},
    ]})
    .to_string();
    let parse = steelyard_provider_adapter::messages::parse_messages_request;
    let asked = parse(body.as_bytes()).unwrap();
    let (sent_back, lossy) = sent(&asked, &target());
    assert_eq!(sent_back["messages"][1]["content"], answer["content"]);
    assert_eq!(lossy, [""; 0]);
    let mut other = target();
    other.upstream = Arc::from("claude-y");
    let (stripped, lossy) = sent(&asked, &other);
    assert_eq!(
        stripped["messages"][1]["content"],
        json!([{"type": "text", "text": "Hi"}])
    );
    assert_eq!(lossy, ["messages.thinking"]);
}
