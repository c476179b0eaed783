//! Conversations of Anthropic's clients on their way to OpenAI and its copies: OpenAI's schema
//! allows what leaves, and a reader of its dialect finds everything again.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use steelyard_provider_adapter::messages::parse_messages_request;
use steelyard_provider_adapter::openai::parse_chat_request;
use steelyard_provider_adapter::{Losses, adapter};
use steelyard_types::{
    ChatRequest, FeatureSet, OutputFormat, Part, Role, Source, Target, WireFormat, WireProfile,
};

use crate::schema;

fn target(profile: WireProfile) -> Target {
    Target {
        upstream: Arc::from("x"),
        wire: WireFormat::OpenAiChat,
        profile,
        features: FeatureSet::EMPTY,
        facts: steelyard_types::ModelFacts::default(),
        max_output_tokens: 0,
    }
}

fn words() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "Hi",
        "a\n\"b\"\\",
        "好🌊",
        "{\"a\":1}",
        " x ",
        "data:",
    ])
}

fn image() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"type": "image", "source":
            {"type": "base64", "media_type": "image/png", "data": "aGk="}})),
        Just(json!({"type": "image", "source": {"type": "url", "url": "https://e.com/a;b,c"}})),
    ]
}

fn text() -> impl Strategy<Value = Value> {
    words().prop_map(|text| json!({"type": "text", "text": text}))
}

fn marked_text() -> impl Strategy<Value = Value> {
    words().prop_map(
        |text| json!({"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}),
    )
}

fn user_block() -> impl Strategy<Value = Value> {
    let document = json!({"type": "document", "title": "a.pdf", "source":
        {"type": "base64", "media_type": "application/pdf", "data": "aGk="}});
    prop_oneof![text(), marked_text(), image(), Just(document)]
}

fn thought() -> impl Strategy<Value = Value> {
    prop_oneof![
        words().prop_map(|text| json!({"type": "thinking", "thinking": text, "signature": "s"})),
        Just(json!({"type": "redacted_thinking", "data": "d"})),
    ]
}

/// A turn of the user, the model's calls, and what the tools say.
fn turn() -> impl Strategy<Value = Vec<Value>> {
    let content = prop::collection::vec(user_block(), 1..4);
    let thoughts = prop::collection::vec(thought(), 0..2);
    let said = prop::collection::vec(text(), 0..3);
    let result = (
        prop::collection::vec(prop_oneof![text(), image()], 0..3),
        any::<bool>(),
    );
    let results = prop::collection::vec(result, 1..4);
    (content, thoughts, said, results, any::<u16>()).prop_map(
        |(content, thoughts, said, results, number)| {
            let id = |index: usize| format!("toolu_{number}_{index}");
            let mut answer = thoughts;
            answer.extend(said);
            let mut told = Vec::new();
            for (index, (content, failed)) in results.into_iter().enumerate() {
                answer.push(json!({"type": "tool_use", "id": id(index), "name": "look",
                    "input": {"n": index}}));
                told.push(json!({"type": "tool_result", "tool_use_id": id(index),
                    "content": content, "is_error": failed}));
            }
            vec![
                json!({"role": "user", "content": content}),
                json!({"role": "assistant", "content": answer}),
                json!({"role": "user", "content": told}),
            ]
        },
    )
}

fn options() -> impl Strategy<Value = Value> {
    let choice = prop::sample::select(vec![
        json!({"type": "auto"}),
        json!({"type": "any", "disable_parallel_tool_use": true}),
        json!({"type": "tool", "name": "look"}),
        json!({"type": "none"}),
    ]);
    let thinking = prop::sample::select(vec![
        Value::Null,
        json!({"type": "enabled", "budget_tokens": 5_000}),
        json!({"type": "disabled"}),
    ]);
    let open = json!({"type": "object"});
    let closed = json!({"type": "object", "properties": {}, "additionalProperties": false});
    let schema = prop::sample::select(vec![Value::Null, open, closed]);
    (choice, thinking, schema, any::<bool>(), any::<bool>()).prop_map(
        |(choice, thinking, schema, stream, many)| {
            let mut body = json!({"model": "auto", "max_tokens": 100, "stream": stream,
                "tool_choice": choice,
                "tools": [{"name": "look", "input_schema": {"type": "object"}}]});
            if !thinking.is_null() {
                body["thinking"] = thinking;
            }
            if !schema.is_null() {
                body["output_config"] =
                    json!({"format": {"type": "json_schema", "schema": schema}});
            }
            if many {
                body["temperature"] = json!(0);
                body["top_p"] = json!(0.5);
                body["top_k"] = json!(3);
                body["stop_sequences"] = json!(["a", "b"]);
                body["metadata"] = json!({"user_id": "u"});
                body["system"] = json!([{"type": "text", "text": "Be brief."}]);
            }
            body
        },
    )
}

/// Everything that a conversation holds, in words that are the same before and after.
/// How many marks of what is to be cached there are.
fn marks(request: &ChatRequest<'_>) -> usize {
    request.messages.iter().map(|one| one.cache.len()).sum()
}

fn held(request: &ChatRequest<'_>) -> Vec<String> {
    let mut held = Vec::new();
    for message in &request.messages {
        // What tools show is shown by the user.
        let shows = match message.role {
            Role::Tool => Role::User,
            role => role,
        };
        for part in &message.content {
            match part {
                Part::Text(text) | Part::Refusal(text) => {
                    held.push(format!("{:?} says {text}", message.role));
                }
                Part::Image(image) => held.push(format!("{shows:?} shows {:?}", image.source)),
                Part::Document(document) => {
                    let Source::Base64 { data, .. } = &document.source else {
                        panic!("has bytes");
                    };
                    held.push(format!("{shows:?} hands {data} {:?}", document.name));
                }
                Part::Reasoning(thought) => held.push(format!("thinks {}", thought.text)),
                Part::Other { kind, .. } => panic!("{kind}"),
            }
        }
        for call in &message.tool_calls {
            held.push(format!("calls {} {}", call.name, call.arguments));
        }
    }
    held
}

/// Whether something is found again, possibly among other words.
fn is_found(one: &str, after: &[String]) -> bool {
    match one.split_once(" says ") {
        None => after.iter().any(|other| other == one),
        Some((role, text)) => after
            .iter()
            .filter_map(|other| other.split_once(" says "))
            .any(|(other, said)| other == role && said.contains(text)),
    }
}

fn pairs(request: &ChatRequest<'_>) -> Vec<usize> {
    let ids: Vec<_> = request
        .messages
        .iter()
        .flat_map(|message| &message.tool_calls)
        .map(|call| call.id.as_ref())
        .collect();
    let results = request
        .messages
        .iter()
        .filter_map(|one| one.tool_call_id.as_deref());
    results
        .map(|id| ids.iter().position(|other| *other == id).unwrap())
        .collect()
}

fn check_options(before: &ChatRequest<'_>, after: &ChatRequest<'_>, lossy: &Losses) {
    let lost = |field: &str| lossy.fields().contains(&field);
    assert_eq!(before.max_output_tokens, after.max_output_tokens);
    assert_eq!(before.temperature, after.temperature);
    assert_eq!(before.top_p, after.top_p);
    assert_eq!(before.top_k.is_some(), lost("top_k"));
    let stops = |request: &ChatRequest<'_>| {
        let stop = request.stop.iter().flatten();
        stop.map(|text| text.as_ref().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(stops(before), stops(after));
    assert_eq!(before.tool_choice, after.tool_choice);
    assert_eq!(before.stream, after.stream);
    assert_eq!(before.tools.len(), after.tools.len());
    assert!(before.end_user == after.end_user || lost("metadata.user_id"));
    // A model that cannot think need not be told to leave it.
    let off = |request: &ChatRequest<'_>| {
        let control = request.reasoning;
        control.is_none_or(|control| control.effort == Some(steelyard_types::Effort::None))
    };
    let same = before.reasoning == after.reasoning || off(before) && off(after);
    assert!(same || lost("thinking"));
    match (&before.format, &after.format) {
        (OutputFormat::Text, OutputFormat::Text) => {}
        (OutputFormat::JsonSchema(before), OutputFormat::JsonSchema(after)) => {
            assert_eq!(before.schema.unwrap().get(), after.schema.unwrap().get());
            assert!(before.strict == after.strict || lost("output_config.format"));
        }
        other => panic!("{other:?}"),
    }
    let one_call = after.parallel_tool_calls == Some(false);
    assert_eq!(before.parallel_tool_calls == Some(false), one_call);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn conversations_come_back_whole_or_their_losses_are_named(
        body in options(),
        turns in prop::collection::vec(turn(), 1..4),
    ) {
        let mut body = body;
        body["messages"] = turns.concat().into();
        let text = body.to_string();
        let before = parse_messages_request(text.as_bytes()).unwrap();
        for profile in [
            WireProfile::OPENAI,
            WireProfile::COMPATIBLE,
            WireProfile::DASHSCOPE,
            WireProfile::DEEPSEEK,
        ] {
            let adapter = adapter(WireFormat::OpenAiChat);
            let encoded = adapter.encode(&before, &target(profile)).unwrap();
            let carried = adapter.carries(&before, &target(profile));
            prop_assert_eq!(carried, Ok(encoded.lossy.clone()));
            if profile == WireProfile::OPENAI {
                schema::check(WireFormat::OpenAiChat, &serde_json::from_slice(&encoded.body).unwrap());
            }
            let after = parse_chat_request(&encoded.body).unwrap();
            prop_assert!(after.untranslated.is_empty(), "{:?}", after.untranslated);
            let found = held(&after);
            for one in held(&before) {
                let is_thought = one.starts_with("thinks");
                let named = is_thought && encoded.lossy.fields().contains(&"messages.thinking");
                prop_assert!(named || is_found(&one, &found), "{one:?} is lost in {found:?}");
            }
            prop_assert_eq!(pairs(&before), pairs(&after));
            let is_lost = encoded.lossy.fields().contains(&"cache_control");
            if profile == WireProfile::DASHSCOPE {
                prop_assert_eq!(marks(&before), marks(&after), "{}", text);
                prop_assert!(!is_lost);
            } else {
                prop_assert_eq!(marks(&before) > 0, is_lost);
                prop_assert_eq!(marks(&after), 0);
            }
            check_options(&before, &after, &encoded.lossy);
        }
    }
}

#[test]
fn more_stop_sequences_than_openai_takes_are_refused() {
    let body =
        json!({"model": "auto", "max_tokens": 5, "stop_sequences": ["1", "2", "3", "4", "5"],
        "messages": [{"role": "user", "content": "hi"}]})
        .to_string();
    let request = parse_messages_request(body.as_bytes()).unwrap();
    let adapter = adapter(WireFormat::OpenAiChat);
    let refusal = adapter
        .carries(&request, &target(WireProfile::OPENAI))
        .unwrap_err();
    assert_eq!(refusal.field, "stop_sequences");
    assert!(
        adapter
            .carries(&request, &target(WireProfile::COMPATIBLE))
            .is_ok()
    );
}
