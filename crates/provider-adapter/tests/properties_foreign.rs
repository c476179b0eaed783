//! What holds for the foreign formats whatever comes in.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod foreign_support;

use std::sync::Arc;

use foreign_support as support;
use proptest::prelude::*;
use serde_json::{Value, json};
use steelyard_provider_adapter::adapter;
use steelyard_provider_adapter::openai::parse_chat_request;
use steelyard_types::{FeatureSet, Target, WireFormat, WireProfile};

const FOREIGN: [WireFormat; 4] = [
    WireFormat::AnthropicMessages,
    WireFormat::GeminiGenerateContent,
    WireFormat::DashScopeGeneration,
    WireFormat::CohereChat,
];

/// Words that mean something to one of the decoders, so that arbitrary values get past the first
/// look.
const NAMES: [&str; 44] = [
    "type",
    "message",
    "content_block",
    "delta",
    "index",
    "usage",
    "error",
    "content",
    "text",
    "thinking",
    "partial_json",
    "id",
    "name",
    "input",
    "stop_reason",
    "candidates",
    "parts",
    "functionCall",
    "args",
    "partialArgs",
    "jsonPath",
    "stringValue",
    "willContinue",
    "thoughtSignature",
    "thought",
    "finishReason",
    "promptFeedback",
    "blockReason",
    "usageMetadata",
    "promptTokenCount",
    "cachedContentTokenCount",
    "responseId",
    "output",
    "choices",
    "finish_reason",
    "tool_calls",
    "function",
    "arguments",
    "request_id",
    "code",
    "input_tokens",
    "output_tokens",
    "prompt_tokens_details",
    "cached_tokens",
];

const WORDS: [&str; 24] = [
    "",
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
    "error",
    "text",
    "thinking",
    "tool_use",
    "end_turn",
    "overloaded_error",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "OTHER",
    "$.a[0].b",
    "null",
    "stop",
    "tool_calls",
    "Throttling",
    "{\"a\":1}",
    "好🌊\u{0}\"\\",
];

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0_u64..4).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(WORDS.as_slice()).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        let name = prop::sample::select(NAMES.as_slice()).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Events of the project's own streams, to be shuffled and repeated.
fn known_events(wire: WireFormat) -> Vec<String> {
    let folder = match wire {
        WireFormat::AnthropicMessages => "anthropic",
        WireFormat::GeminiGenerateContent => "gemini",
        WireFormat::CohereChat => "cohere",
        _ => "dashscope",
    };
    let folder = format!(
        "{}/../../tests/fixtures/{folder}",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut events = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sse") {
            let text = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
            events.extend(text.split_inclusive("\n\n").map(str::to_owned));
        }
    }
    events.sort();
    events
}

fn target(wire: WireFormat) -> Target {
    Target {
        upstream: Arc::from("gemini-3"),
        wire,
        profile: WireProfile::OPENAI,
        features: FeatureSet::EMPTY,
        facts: steelyard_types::ModelFacts::default(),
        max_output_tokens: 8_192,
    }
}

fn arbitrary_message() -> impl Strategy<Value = Value> {
    let id = || prop::sample::select(vec!["a", "b", "x~ts~QUJD", "~ts~", "é"]);
    let arguments = prop::sample::select(vec!["", "{}", "{\"a\": 1.50}", "[", "null", " {} "]);
    let call = (id(), arguments).prop_map(|(id, arguments)| {
        json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}})
    });
    let text = || prop::sample::select(vec!["", " ", "Hi", "{\"a\":1}", "好🌊", "\u{1}\"\\"]);
    prop_oneof![
        text().prop_map(|text| json!({"role": "system", "content": text})),
        text().prop_map(|text| json!({"role": "user", "content": text})),
        (text(), text()).prop_map(|(one, two)| json!({"role": "user", "content":
            [{"type": "text", "text": one}, {"type": "text", "text": two}]})),
        text().prop_map(|text| json!({"role": "assistant", "content": text})),
        (text(), prop::collection::vec(call, 1..4)).prop_map(
            |(text, calls)| json!({"role": "assistant", "content": text, "tool_calls": calls})
        ),
        (id(), text())
            .prop_map(|(id, text)| json!({"role": "tool", "tool_call_id": id, "content": text})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_json_never_panics(value in arbitrary_json(), status in 200_u16..600) {
        let body = value.to_string();
        let headers = support::Headers(Default::default());
        for wire in FOREIGN {
            let adapter = adapter(wire);
            let head = support::head(status, &headers);
            let _ = adapter.decode(&head, body.as_bytes());
            let error = adapter.decode_error(&head, body.as_bytes());
            prop_assert_eq!(error.status, Some(status));
        }
    }

    #[test]
    fn arbitrary_events_keep_their_order(values in prop::collection::vec(arbitrary_json(), 0..6)) {
        let stream: String = values.iter().map(|value| format!("data: {value}\n\n")).collect();
        for wire in FOREIGN {
            support::check_order(&support::events(adapter(wire), &[stream.as_bytes()]));
        }
    }

    #[test]
    fn shuffled_events_split_the_same(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        lost in 0_usize..20,
    ) {
        for wire in FOREIGN {
            let known = known_events(wire);
            let mut stream: Vec<u8> = Vec::new();
            for pick in &picks {
                stream.extend(pick.get(&known).as_bytes());
            }
            stream.truncate(stream.len().saturating_sub(lost));
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            places.extend([0, stream.len()]);
            places.sort_unstable();
            let pieces: Vec<&[u8]> = places.windows(2).map(|two| &stream[two[0]..two[1]]).collect();
            let whole = support::events(adapter(wire), &[&stream]);
            support::check_order(&whole);
            prop_assert_eq!(support::events(adapter(wire), &pieces), whole);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let headers = support::Headers(Default::default());
        for wire in FOREIGN {
            let adapter = adapter(wire);
            let _ = adapter.decode(&support::head(200, &headers), &bytes);
            let _ = adapter.decode_error(&support::head(500, &headers), &bytes);
            support::check_order(&support::events(adapter, &[&bytes]));
        }
    }

    #[test]
    fn arbitrary_conversations_are_written_or_refused(
        messages in prop::collection::vec(arbitrary_message(), 1..10),
    ) {
        let texts: Vec<String> = texts(&messages);
        let body = json!({"model": "a", "messages": messages}).to_string();
        let request = parse_chat_request(body.as_bytes()).unwrap();
        for wire in FOREIGN {
            match adapter(wire).encode(&request, &target(wire)) {
                Err(refusal) => prop_assert!(refusal.field.starts_with("messages")),
                Ok(encoded) => {
                    let value: Value = serde_json::from_slice(&encoded.body).unwrap();
                    let mut strings = Vec::new();
                    collect_strings(&value, &mut strings);
                    for text in &texts {
                        prop_assert!(
                            strings.iter().any(|string| string.contains(text.as_str())),
                            "{text:?} is lost in {value}"
                        );
                    }
                }
            }
        }
    }
}

/// The words that nothing may lose: all that are not blank, of every message but tool results,
/// which can leave as objects.
fn texts(messages: &[Value]) -> Vec<String> {
    let mut texts = Vec::new();
    for message in messages.iter().filter(|message| message["role"] != "tool") {
        match &message["content"] {
            Value::Array(parts) => {
                texts.extend(parts.iter().filter_map(|part| part["text"].as_str()));
            }
            content => texts.extend(content.as_str()),
        }
    }
    let texts = texts.into_iter().filter(|text| !text.trim().is_empty());
    texts.map(str::to_owned).collect()
}

fn collect_strings(value: &Value, strings: &mut Vec<String>) {
    match value {
        Value::String(text) => strings.push(text.clone()),
        Value::Array(list) => list
            .iter()
            .for_each(|value| collect_strings(value, strings)),
        Value::Object(members) => {
            members
                .values()
                .for_each(|value| collect_strings(value, strings));
        }
        _ => {}
    }
}
