use std::sync::Arc;

use serde_json::{Value, json};
use steelyard_types::{
    AnswerToolCall, Dialect, FeatureSet, FinishReason, ModelFacts, Thought, WireProfile,
};

use super::*;
use crate::{StreamReply, openai};

fn context(dialect: Dialect) -> ReplyContext {
    ReplyContext {
        dialect,
        id: "id-1".to_owned(),
        created: 7,
        upstream_model: Arc::from("m-1"),
        include_usage: true,
        function_call: false,
        echo: None,
    }
}

fn target(delivery: Delivery) -> Target {
    Target {
        upstream: Arc::from("m-1"),
        wire: WireFormat::OpenAiChat,
        profile: WireProfile::OPENAI,
        features: FeatureSet::EMPTY,
        facts: ModelFacts {
            delivery,
            ..ModelFacts::default()
        },
        max_output_tokens: 100,
    }
}

fn answer() -> ChatAnswer {
    ChatAnswer {
        id: "own-1".to_owned(),
        model: "m-1-dated".to_owned(),
        text: Some("It is \"so\".".to_owned()),
        reasoning: vec![
            Thought {
                text: "Hm.".to_owned(),
                signature: Some("sig".to_owned()),
                redacted: None,
            },
            Thought {
                redacted: Some("secret".to_owned()),
                ..Thought::default()
            },
        ],
        logprobs: Some("[{\"token\":\"It\"}]".to_owned()),
        refusal: Some("But no.".to_owned()),
        tool_calls: vec![
            AnswerToolCall {
                id: "call_1".to_owned(),
                kind: steelyard_types::ToolKind::Function,
                name: "now".to_owned(),
                arguments: "{\"a\":1}".to_owned(),
            },
            AnswerToolCall {
                id: "call_2".to_owned(),
                kind: steelyard_types::ToolKind::Function,
                name: "then".to_owned(),
                arguments: String::new(),
            },
        ],
        finish: Some(FinishReason::ToolCalls),
        usage: Some(Usage {
            input_fresh: 3,
            output: 4,
            ..Usage::default()
        }),
        further: Vec::new(),
    }
}

#[test]
fn events_of_an_answer_collect_to_the_answer() {
    let mut collected = Collected::default();
    events(answer(), &mut |event| collected.push(event));
    assert_eq!(collected.answer, answer());
}

/// Two answers to one request.
fn answers() -> ChatAnswer {
    let further = ChatAnswer {
        id: String::new(),
        model: String::new(),
        text: Some("Or so.".to_owned()),
        usage: None,
        finish: Some(FinishReason::Length),
        ..answer()
    };
    ChatAnswer {
        further: vec![further],
        ..answer()
    }
}

#[test]
fn events_of_several_answers_collect_to_all_of_them() {
    let mut collected = Collected::default();
    events(answers(), &mut |event| collected.push(event));
    assert_eq!(collected.answer, answers());
}

#[test]
fn several_whole_answers_become_one_stream() {
    for (dialect, place) in [
        (Dialect::OpenAiChat, "/delta/content"),
        (Dialect::OpenAiCompletions, "/text"),
    ] {
        let mut out = Vec::new();
        let wire = WireFormat::GeminiGenerateContent;
        let mut reply = StreamReply::of_answer(answers(), wire, context(dialect), &mut out);
        assert_eq!(reply.progress(), Progress::Complete, "{dialect:?}");
        reply.close(None, &mut out);
        let text = String::from_utf8(out.concat()).expect("text");
        let chunks = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let choices: Vec<Value> = chunks
            .filter_map(|chunk| serde_json::from_str::<Value>(chunk).ok())
            .flat_map(|chunk| chunk["choices"].as_array().cloned().unwrap_or_default())
            .collect();
        let of = |index: u64| choices.iter().filter(move |one| one["index"] == index);
        let said = |index| -> String {
            of(index)
                .filter_map(|one| one.pointer(place)?.as_str())
                .collect()
        };
        assert!(said(0).starts_with("It is \"so\"."), "{text}");
        assert!(said(1).starts_with("Or so."), "{text}");
        let ends = |index| -> Vec<&str> {
            of(index)
                .filter_map(|one| one["finish_reason"].as_str())
                .collect()
        };
        assert_eq!(ends(1), ["length"], "{text}");
        assert_eq!(ends(0).len(), 1, "{text}");
        if dialect == Dialect::OpenAiChat {
            let roles = of(1).filter(|one| one["delta"]["role"] == "assistant");
            assert_eq!(roles.count(), 1, "{text}");
            let proofs = of(1).filter(|one| !one["delta"]["reasoning_details"].is_null());
            assert_ne!(proofs.count(), 0, "{text}");
        }
    }
}

#[test]
fn a_stream_of_several_answers_becomes_all_of_them() {
    let frame = |index: u32, delta: Value, finish: Option<&str>| {
        json!({"id": "c", "model": "m",
        "choices": [{"index": index, "delta": delta, "finish_reason": finish}]})
    };
    let call = json!({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]});
    let frames = [
        frame(0, json!({"content": "a"}), None),
        frame(1, json!({"content": "b"}), None),
        frame(1, call.clone(), None),
        frame(0, call, None),
        frame(1, json!({}), Some("tool_calls")),
        frame(0, json!({"content": "c"}), Some("stop")),
    ];
    let (assembler, progress) = assembled(&frames, 7, true);
    assert_eq!(progress, Progress::Complete);
    let reply = assembler.finish(&context(Dialect::OpenAiChat));
    let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
    let [first, second] = body["choices"].as_array().expect("choices").as_slice() else {
        panic!("two choices: {body}");
    };
    assert_eq!(first["message"]["content"], "ac");
    assert_eq!(first["finish_reason"], "stop");
    assert_eq!(second["message"]["content"], "b");
    assert_eq!(second["finish_reason"], "tool_calls");
    assert_ne!(
        first["message"]["tool_calls"][0]["id"],
        second["message"]["tool_calls"][0]["id"]
    );
    // One that never ended makes the answer incomplete.
    let (_, progress) = assembled(&[&frames[..4], &frames[5..]].concat(), 7, false);
    assert_eq!(progress, Progress::Failed);
}

#[test]
fn a_whole_answer_becomes_a_whole_stream() {
    for dialect in [
        Dialect::OpenAiChat,
        Dialect::AnthropicMessages,
        Dialect::OpenAiCompletions,
    ] {
        let mut out = Vec::new();
        let wire = WireFormat::GeminiGenerateContent;
        let mut reply = StreamReply::of_answer(answer(), wire, context(dialect), &mut out);
        assert_eq!(reply.progress(), Progress::Complete, "{dialect:?}");
        assert_eq!(reply.usage(), answer().usage);
        assert!(!reply.is_empty());
        reply.close(Some("{}"), &mut out);
        let text = String::from_utf8(out.concat()).expect("text");
        assert!(text.contains("It is \\\"so\\\"."), "{text}");
        let end = match dialect {
            Dialect::AnthropicMessages => "event: message_stop",
            _ => "data: [DONE]",
        };
        assert!(text.trim_end().lines().any(|line| line == end), "{text}");
    }
}

#[test]
fn an_answer_without_a_finish_reason_is_never_a_whole_stream() {
    let cut = ChatAnswer {
        finish: None,
        ..answer()
    };
    let mut out = Vec::new();
    let wire = WireFormat::OpenAiChat;
    let mut reply = StreamReply::of_answer(cut, wire, context(Dialect::OpenAiChat), &mut out);
    assert_eq!(reply.progress(), Progress::Failed);
    let before = out.len();
    reply.close(None, &mut out);
    assert_eq!(out.len(), before, "no end is made up");
}

#[test]
fn signatures_carry_their_models_mark() {
    for wire in [
        WireFormat::AnthropicMessages,
        WireFormat::GeminiGenerateContent,
    ] {
        let context = context(Dialect::AnthropicMessages);
        let sealed = crate::origin::seal(wire, &context.upstream_model, "sig");
        let whole = UnaryReply::write(answer(), wire, &context);
        let mut out = Vec::new();
        let _ = StreamReply::of_answer(answer(), wire, context, &mut out);
        for written in [whole.body.to_vec(), out.concat()] {
            let text = String::from_utf8(written).expect("text");
            assert!(
                text.contains(&format!("\"signature\":\"{sealed}\"")),
                "{text}"
            );
        }
    }
}

/// A stream in OpenAI's format, cut into pieces of so many bytes.
fn assembled(frames: &[Value], piece: usize, done: bool) -> (Assembler, Progress) {
    let mut text: String = frames
        .iter()
        .map(|frame| format!("data: {frame}\n\n"))
        .collect();
    if done {
        text.push_str("data: [DONE]\n\n");
    }
    let mut assembler = Assembler::new(WireFormat::OpenAiChat);
    for piece in text.as_bytes().chunks(piece) {
        assembler.push(&Bytes::copy_from_slice(piece));
    }
    let progress = assembler.end();
    (assembler, progress)
}

fn chunk(delta: &Value, finish: Option<&str>) -> Value {
    json!({
        "id": "own-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1-dated",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
    })
}

#[test]
fn a_stream_becomes_a_whole_answer_however_it_is_cut() {
    let mut with_logprobs = chunk(&json!({ "content": "" }), None);
    let likely = json!([{ "token": "It", "logprob": -0.5, "bytes": null, "top_logprobs": [] }]);
    with_logprobs["choices"][0]["logprobs"] = json!({ "content": likely, "refusal": null });
    let frames = [
        chunk(&json!({ "role": "assistant", "content": "" }), None),
        chunk(&json!({ "reasoning_content": "Hm." }), None),
        chunk(&json!({ "content": "It \u{e9}" }), None),
        chunk(&json!({ "content": "s so." }), None),
        chunk(
            &json!({ "tool_calls": [{ "index": 0, "id": "call_1", "type": "function",
            "function": { "name": "now", "arguments": "" } }] }),
            None,
        ),
        chunk(
            &json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "{\"a\":1}" } }] }),
            None,
        ),
        chunk(&json!({ "refusal": "But no." }), None),
        with_logprobs,
        chunk(&json!({}), Some("tool_calls")),
        json!({ "id": "own-1", "choices": [], "usage": { "prompt_tokens": 3,
            "completion_tokens": 4, "total_tokens": 7 } }),
    ];
    for piece in [1, 7, 10_000] {
        let (assembler, progress) = assembled(&frames, piece, true);
        assert_eq!(progress, Progress::Complete);
        let reply = assembler.finish(&context(Dialect::OpenAiChat));
        assert_eq!(reply.finish, Some(FinishReason::ToolCalls));
        assert_eq!(reply.usage.map(|usage| usage.total_tokens()), Some(7));
        let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
        assert_eq!(body["object"], "chat.completion");
        assert_eq!(body["model"], "m-1-dated");
        let message = &body["choices"][0]["message"];
        assert_eq!(message["content"], "It \u{e9}s so.");
        assert_eq!(message["reasoning_content"], "Hm.");
        assert_eq!(message["refusal"], "But no.");
        assert_eq!(body["choices"][0]["logprobs"]["content"], likely);
        let call = &message["tool_calls"][0];
        assert_eq!(call["id"], "call_1");
        assert_eq!(call["function"]["arguments"], "{\"a\":1}");
        assert_eq!(body["usage"]["total_tokens"], 7);
    }
}

#[test]
fn a_stream_that_breaks_is_no_answer() {
    let frames = [chunk(&json!({ "content": "It is" }), None)];
    let (assembler, progress) = assembled(&frames, 10_000, false);
    assert_eq!(progress, Progress::Failed);
    let kind = assembler.error().map(|error| error.kind);
    assert_eq!(kind, Some(ErrorKind::BrokenStream));
}

fn parse(body: &str) -> ChatRequest<'_> {
    openai::parse_chat_request(body.as_bytes()).expect("a request")
}

#[test]
fn only_what_a_model_cannot_deliver_is_asked_for_the_other_way() {
    for (stream, delivery, expected) in [
        (false, Delivery::Both, None),
        (true, Delivery::Both, None),
        (false, Delivery::StreamOnly, Some(true)),
        (true, Delivery::StreamOnly, None),
        (false, Delivery::WholeOnly, None),
        (true, Delivery::WholeOnly, Some(false)),
    ] {
        let body = format!(
            r#"{{"model":"a","stream":{stream},"messages":[{{"role":"user","content":"b"}}]}}"#
        );
        let request = parse(&body);
        let found = asks_for(&request, &target(delivery));
        assert_eq!(found, Ok(expected), "{stream} {delivery:?}");
    }
    let sound = r#"{"model":"a","modalities":["text","audio"],"audio":{"voice":"x"},
        "messages":[{"role":"user","content":"b"}]}"#;
    let refused = asks_for(&parse(sound), &target(Delivery::StreamOnly));
    assert_eq!(refused.expect_err("refused").field, "modalities");
    assert_eq!(asks_for(&parse(sound), &target(Delivery::Both)), Ok(None));
}

#[test]
fn the_fields_say_the_same_as_the_request() {
    let body = r#"{"model":"a","stream":false,"x":1,"messages":[{"role":"user","content":"b"}]}"#;
    let target = target(Delivery::StreamOnly);
    let streamed = delivered_as(&parse(body), true);
    let encoded = adapter(WireFormat::OpenAiChat)
        .encode(&streamed, &target)
        .expect("it can be carried");
    let sent: Value = serde_json::from_slice(&encoded.body).expect("JSON");
    assert_eq!(sent["stream"], true);
    assert_eq!(sent["stream_options"]["include_usage"], true);
    assert_eq!(sent["x"], 1);

    let body = r#"{"model":"a","stream":true,"stream_options":{"include_usage":true,"y":1},
        "messages":[{"role":"user","content":"b"}]}"#;
    let whole = delivered_as(&parse(body), false);
    assert!(whole.untranslated.is_empty());
    let encoded = adapter(WireFormat::OpenAiChat)
        .encode(&whole, &target)
        .expect("it can be carried");
    let sent: Value = serde_json::from_slice(&encoded.body).expect("JSON");
    assert!(sent.get("stream").is_none() && sent.get("stream_options").is_none());
}
