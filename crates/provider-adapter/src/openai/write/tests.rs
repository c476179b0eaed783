use std::sync::Arc;

use serde_json::{Value, json};
use steelyard_types::{Dialect, FeatureSet, Part, Target, Thought, WireFormat, WireProfile};

use super::*;
use crate::openai::parse_chat_request;
use crate::origin::{self, Origin};

fn context() -> ReplyContext {
    ReplyContext {
        dialect: Dialect::OpenAiChat,
        id: "chatcmpl-own".to_owned(),
        created: 17,
        upstream_model: Arc::from("claude"),
        include_usage: false,
        function_call: false,
        echo: None,
    }
}

fn body(answer: &ChatAnswer) -> Value {
    serde_json::from_slice(&answer_body(answer, &context())).unwrap()
}

fn signed(text: &str, signature: &str) -> Thought {
    Thought {
        signature: Some(signature.to_owned()),
        ..Thought::of_text(text)
    }
}

fn redacted(data: &str) -> Thought {
    Thought {
        redacted: Some(data.to_owned()),
        ..Thought::default()
    }
}

/// The chunks of these events.
fn chunks(events: Vec<StreamEvent<'_>>) -> Vec<Value> {
    chunks_for(context(), events)
}

fn chunks_for(context: ReplyContext, events: Vec<StreamEvent<'_>>) -> Vec<Value> {
    let mut writer = ChunkWriter::new(context);
    for event in &events {
        writer.event(event);
    }
    let text = String::from_utf8(writer.take().unwrap().to_vec()).unwrap();
    text.split_terminator("\n\n")
        .map(|frame| serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap())
        .collect()
}

/// What official SDKs make of deltas: lists are joined by `index`, texts by appending, but for
/// `type`.
fn accumulated(chunks: &[Value]) -> Value {
    fn add(all: &mut Value, delta: &Value) {
        for (name, value) in delta.as_object().unwrap() {
            match (&mut all[name], value) {
                (known, value) if known.is_null() => *known = value.clone(),
                (Value::String(known), Value::String(more)) if name != "type" => {
                    known.push_str(more);
                }
                (Value::Array(known), Value::Array(more)) => {
                    for entry in more {
                        let index = entry["index"].as_u64().expect("entries have an index");
                        let index = usize::try_from(index).unwrap();
                        match known.get_mut(index) {
                            Some(known) => add(known, entry),
                            None => known.push(entry.clone()),
                        }
                    }
                }
                (known, value) => *known = value.clone(),
            }
        }
    }
    let mut all = json!({});
    for chunk in chunks {
        add(&mut all, &chunk["choices"][0]["delta"]);
    }
    all
}

#[test]
fn proofs_stand_beside_the_thoughts() {
    let answer = ChatAnswer {
        text: Some("yes".to_owned()),
        reasoning: vec![signed("hm", "s1"), redacted("d"), Thought::of_text("so")],
        ..ChatAnswer::default()
    };
    let details = json!([
        {"type": "reasoning.text", "text": "hm", "signature": "s1", "index": 0},
        {"type": "reasoning.encrypted", "data": "d", "index": 1},
        {"type": "reasoning.text", "text": "so", "index": 2},
    ]);
    let message = &body(&answer)["choices"][0]["message"];
    assert_eq!(message["reasoning_content"], "hmso");
    assert_eq!(message["reasoning_details"], details);
    let streamed = accumulated(&chunks(vec![
        StreamEvent::Reasoning("h".into()),
        StreamEvent::Reasoning("m".into()),
        StreamEvent::ReasoningSignature("s1".into()),
        StreamEvent::RedactedReasoning("d".into()),
        StreamEvent::Reasoning("so".into()),
        StreamEvent::Text("yes".into()),
        StreamEvent::Finish(FinishReason::Stop),
    ]));
    for field in ["content", "reasoning_content", "reasoning_details"] {
        assert_eq!(streamed[field], message[field], "{field}");
    }
}

#[test]
fn thoughts_without_proofs_are_words_alone() {
    let answer = ChatAnswer {
        text: Some("yes".to_owned()),
        reasoning: vec![Thought::of_text("hm")],
        ..ChatAnswer::default()
    };
    let message = &body(&answer)["choices"][0]["message"];
    assert!(message.get("reasoning_details").is_none());
    let streamed = accumulated(&chunks(vec![
        StreamEvent::Reasoning("hm".into()),
        StreamEvent::Text("yes".into()),
        StreamEvent::Finish(FinishReason::Stop),
    ]));
    assert!(streamed.get("reasoning_details").is_none());
}

#[test]
fn proofs_come_back_as_the_models_own() {
    let wire = WireFormat::AnthropicMessages;
    let seal = |proof: &str| origin::seal(wire, "claude", proof);
    let answer = ChatAnswer {
        text: Some("yes".to_owned()),
        reasoning: vec![signed("hm", &seal("s1")), redacted(&seal("d"))],
        ..ChatAnswer::default()
    };
    let message = &body(&answer)["choices"][0]["message"];
    let again = json!({"model": "a", "messages": [message]}).to_string();
    let request = parse_chat_request(again.as_bytes()).unwrap();
    let target = Target {
        upstream: Arc::from("claude"),
        wire,
        profile: WireProfile::OPENAI,
        features: FeatureSet::EMPTY,
        facts: steelyard_types::ModelFacts::default(),
        max_output_tokens: 0,
    };
    let [
        Part::Reasoning(first),
        Part::Reasoning(second),
        Part::Text(text),
    ] = request.messages[0].content.as_slice()
    else {
        panic!("{:?}", request.messages[0]);
    };
    assert_eq!((first.text.as_ref(), text.as_ref()), ("hm", "yes"));
    let open = |proof: &Option<std::borrow::Cow<'_, str>>| match origin::open(
        proof.as_deref().unwrap(),
        &target,
    ) {
        Origin::Own(own) => own.to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(open(&first.signature), "s1");
    assert_eq!(open(&second.redacted), "d");
}

#[test]
fn every_choice_and_its_likelihoods_are_written() {
    let list = r#"[{"token":"a","logprob":-0.10,"bytes":[97],"top_logprobs":[]}]"#;
    let answer = ChatAnswer {
        text: Some("a".to_owned()),
        logprobs: Some(list.to_owned()),
        finish: Some(FinishReason::Stop),
        further: vec![ChatAnswer {
            text: Some("b".to_owned()),
            finish: Some(FinishReason::Length),
            ..ChatAnswer::default()
        }],
        ..ChatAnswer::default()
    };
    let bytes = answer_body(&answer, &context());
    assert!(
        std::str::from_utf8(&bytes).unwrap().contains(list),
        "numbers as they came"
    );
    let body = body(&answer);
    let choices = body["choices"].as_array().unwrap();
    assert_eq!(
        (&choices[0]["index"], &choices[1]["index"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(choices[0]["logprobs"]["content"][0]["token"], "a");
    assert_eq!(choices[1]["logprobs"], Value::Null);
    assert_eq!(choices[1]["message"]["content"], "b");
    assert_eq!(choices[1]["finish_reason"], "length");
    // A reader of the dialect sees the same.
    let read = crate::Adapter::decode(
        &crate::openai::OpenAiChat,
        &crate::ResponseHead {
            status: 200,
            headers: &[("", ""); 0],
            at: steelyard_types::UnixMillis(0),
        },
        &bytes,
    )
    .unwrap();
    assert_eq!(read.logprobs, answer.logprobs);
    assert_eq!(read.further, answer.further);
    let written = chunks(vec![
        StreamEvent::Text("a".into()),
        StreamEvent::Logprobs(list.into()),
        StreamEvent::Finish(FinishReason::Stop),
    ]);
    assert_eq!(written[2]["choices"][0]["delta"], json!({}));
    assert_eq!(
        written[2]["choices"][0]["logprobs"]["content"][0]["token"],
        "a"
    );
    assert_eq!(written[3]["choices"][0]["logprobs"], Value::Null);
}

#[test]
fn users_of_functions_find_their_call() {
    let context = ReplyContext {
        function_call: true,
        ..context()
    };
    let call = |id: &str, name: &str| AnswerToolCall {
        id: id.to_owned(),
        kind: ToolKind::Function,
        name: name.to_owned(),
        arguments: "{}".to_owned(),
    };
    let answer = ChatAnswer {
        tool_calls: vec![call("a", "f"), call("b", "g")],
        finish: Some(FinishReason::ToolCalls),
        ..ChatAnswer::default()
    };
    let body: Value = serde_json::from_slice(&answer_body(&answer, &context)).unwrap();
    let choice = &body["choices"][0];
    assert_eq!(choice["finish_reason"], "function_call");
    let first = json!({"name": "f", "arguments": "{}"});
    assert_eq!(choice["message"]["function_call"], first);
    assert_eq!(choice["message"]["tool_calls"].as_array().unwrap().len(), 1);
    let start = |index, id: &'static str, name: &'static str| StreamEvent::ToolCallStart {
        index,
        id: id.into(),
        kind: ToolKind::Function,
        name: name.into(),
    };
    let arguments = |index| StreamEvent::ToolCallArguments {
        index,
        fragment: "{}".into(),
    };
    let events = vec![
        start(0, "a", "f"),
        arguments(0),
        start(1, "b", "g"),
        arguments(1),
        StreamEvent::Finish(FinishReason::ToolCalls),
    ];
    let chunks = chunks_for(context, events);
    assert_eq!(
        chunks.last().unwrap()["choices"][0]["finish_reason"],
        "function_call"
    );
    let streamed = accumulated(&chunks);
    assert_eq!(streamed["tool_calls"][0]["id"], "b");
    assert_eq!(streamed["tool_calls"][0]["function"]["arguments"], "{}");
    let pieces: Vec<_> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["delta"]["function_call"])
        .filter(|piece| piece.is_object())
        .collect();
    assert_eq!(
        pieces,
        [
            &json!({"name": "f", "arguments": ""}),
            &json!({"arguments": "{}"})
        ]
    );
}
