use std::sync::Arc;

use steelyard_types::{FeatureSet, WireFormat};

use super::*;
use crate::json::push_text;
use crate::openai::parse_chat_request;

fn target(profile: WireProfile) -> Target {
    Target {
        upstream: Arc::from("up/\"stream\""),
        wire: WireFormat::OpenAiChat,
        profile,
        features: FeatureSet::EMPTY,
        facts: steelyard_types::ModelFacts::default(),
        max_output_tokens: 4_096,
    }
}

fn sent(body: &str, profile: WireProfile) -> String {
    let request = parse_chat_request(body.as_bytes()).unwrap();
    let encoded = encode(&request, &target(profile)).unwrap();
    String::from_utf8(encoded.body.to_vec()).unwrap()
}

fn refused(body: &str, target: &Target) -> String {
    let request = parse_chat_request(body.as_bytes()).unwrap();
    let refusal = encode(&request, target).unwrap_err();
    assert_eq!(carries(&request, target), Err(refusal.clone()));
    refusal.to_string()
}

const HI: &str = r#"[ {"role":"user","content":"h\u0069"} ]"#;

#[test]
fn everything_but_the_model_leaves_as_received() {
    let body = format!(
        r#"{{"odd":{{"a": [1.50, 2e3]}},"model":"auto","messages":{HI},"stop":null,"n":2}}"#
    );
    assert_eq!(
        sent(&body, WireProfile::OPENAI),
        format!(
            r#"{{"odd":{{"a": [1.50, 2e3]}},"model":"up/\"stream\"","messages":{HI},"stop":null,"n":2}}"#
        )
    );
}

#[test]
fn the_limit_has_the_servers_name() {
    let body = |limits: &str| format!(r#"{{"model":"a","messages":{HI},{limits}}}"#);
    let new = body(r#""max_tokens":null,"max_completion_tokens":5"#);
    assert!(sent(&new, WireProfile::COMPATIBLE).ends_with(r#","max_tokens":5}"#));
    let old = body(r#""max_tokens":5"#);
    assert!(sent(&old, WireProfile::OPENAI).ends_with(r#","max_completion_tokens":5}"#));
    let none = body(r#""max_tokens":null"#);
    assert!(!sent(&none, WireProfile::OPENAI).contains("max_"));
}

#[test]
fn streams_ask_for_usage_where_that_is_understood() {
    let body = format!(r#"{{"model":"a","messages":{HI},"stream":true}}"#);
    let asks = r#","stream":true,"stream_options":{"include_usage":true}}"#;
    assert!(sent(&body, WireProfile::OPENAI).ends_with(asks));
    assert!(sent(&body, WireProfile::MISTRAL).ends_with(r#","stream":true}"#));
    let options = r#""stream_options":{"include_usage":false,"include_obfuscation":true}"#;
    let body = format!(r#"{{"model":"a","messages":{HI},{options},"stream":true}}"#);
    let asks = r#","stream_options":{"include_usage":true,"include_obfuscation":true}}"#;
    assert!(sent(&body, WireProfile::OPENAI).ends_with(asks));
    assert_eq!(
        refused(&body, &target(WireProfile::MISTRAL)),
        "stream_options.include_obfuscation is not known to this provider, which refuses unknown fields"
    );
}

#[test]
fn developers_are_systems_where_nobody_knows_them() {
    let body = r#"{"model":"a","messages":[{"content":"x","role":"developer","name":"n"},{"role":"user","content": "y"}]}"#;
    let rewritten = r#"{"model":"up/\"stream\"","messages":[{"content":"x","role":"system","name":"n"},{"role":"user","content": "y"}]}"#;
    assert_eq!(sent(body, WireProfile::COMPATIBLE), rewritten);
    assert!(sent(body, WireProfile::OPENAI).contains("developer"));
}

#[test]
fn ids_are_mapped_alike_in_call_and_result() {
    let body = r#"{"model":"a","messages":[
        {"role":"assistant","content":null,"refusal":null,"tool_calls":[
            {"id":"call_one","type":"function","function":{"name":"f","arguments":""}},
            {"id":"abcDEF123","type":"function","function":{"name":"g","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"call_one","content":"1"},
        {"role":"tool","tool_call_id":"abcDEF123","content":"2"}]}"#;
    let json: serde_json::Value = serde_json::from_str(&sent(body, WireProfile::MISTRAL)).unwrap();
    let messages = &json["messages"];
    let id = messages[0]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(is_nine_alphanumerics(id), "{id}");
    assert_eq!(messages[1]["tool_call_id"], id);
    assert_eq!(messages[0]["tool_calls"][1]["id"], "abcDEF123");
    assert_eq!(messages[2]["tool_call_id"], "abcDEF123");
    assert!(
        messages[0].get("refusal").is_none(),
        "a strict server would refuse it"
    );
    assert_ne!(
        mapped_id("call_one", &WireProfile::MISTRAL),
        mapped_id("call_two", &WireProfile::MISTRAL)
    );
    assert_eq!(mapped_id("call_one", &WireProfile::OPENAI), "call_one");
}

#[test]
fn strict_servers_are_sent_nothing_unknown() {
    let body = |extra: &str| format!(r#"{{"model":"a","messages":{HI},{extra}}}"#);
    let mistral = target(WireProfile::MISTRAL);
    let why = "is not known to this provider, which refuses unknown fields";
    assert_eq!(
        refused(&body(r#""seed":1"#), &mistral),
        format!("seed {why}")
    );
    let silent = sent(&body(r#""seed":null,"store":false"#), WireProfile::MISTRAL);
    assert!(!silent.contains("seed") && !silent.contains("store"));
    assert!(
        sent(&body(r#""random_seed":1"#), WireProfile::MISTRAL).ends_with(r#""random_seed":1}"#)
    );
    let thinking =
        r#"{"model":"a","messages":[{"role":"assistant","content":"x","reasoning_content":"y"}]}"#;
    assert_eq!(
        refused(thinking, &mistral),
        format!("messages[0].reasoning_content {why}")
    );
    let prefix = r#"{"model":"a","messages":[{"role":"assistant","content":"x","prefix":true}]}"#;
    assert!(sent(prefix, WireProfile::MISTRAL).contains(r#""prefix":true"#));
}

#[test]
fn no_unknown_field_hides_behind_a_known_one() {
    let body = |fields: &str| {
        format!(
            r#"{{"model":"a","messages":[{{"role":"user","content":"x"}},{{"role":"assistant","content":"y",{fields}}}]}}"#
        )
    };
    let mistral = target(WireProfile::MISTRAL);
    assert!(
        refused(&body(r#""prefix":true,"reasoning_content":"hm""#), &mistral)
            .starts_with("messages[1].reasoning_content is not known")
    );
    assert!(
        refused(
            &body(r#""name":"n","prefix":true,"audio":{"id":"a"}"#),
            &mistral
        )
        .starts_with("messages[1].audio is not known")
    );
    assert!(
        sent(
            &body(r#""prefix":true,"odd":null,"refusal":"""#),
            WireProfile::MISTRAL
        )
        .ends_with(r#"{"role":"assistant","content":"y","prefix":true}]}"#)
    );
}

#[test]
fn answers_sent_back_lose_only_what_says_nothing() {
    let echo =
        r#""refusal":null,"annotations":[],"audio":null,"function_call":null,"tool_calls":null"#;
    let body = format!(
        r#"{{"model":"a","messages":[{{"role":"user","content":"x"}},{{"role":"assistant","content":"y",{echo},"odd":null,"reasoning_content":""}},{{"role":"user","content": "z"}}]}}"#
    );
    let kept = r#"[{"role":"user","content":"x"},{"role":"assistant","content":"y","odd":null,"reasoning_content":""},{"role":"user","content": "z"}]"#;
    for profile in [WireProfile::OPENAI, WireProfile::COMPATIBLE] {
        assert!(
            sent(&body, profile).contains(kept),
            "{}",
            sent(&body, profile)
        );
    }
    assert!(!sent(&body, WireProfile::MISTRAL).contains("odd"));
    let request = parse_chat_request(body.as_bytes()).unwrap();
    for wire in [
        WireFormat::AnthropicMessages,
        WireFormat::GeminiGenerateContent,
        WireFormat::DashScopeGeneration,
    ] {
        let encoded = crate::adapter(wire).encode(&request, &target(WireProfile::OPENAI));
        encoded.unwrap_or_else(|refusal| panic!("{wire:?}: {refusal}"));
    }
    // What says something stays, to the byte.
    let said = r#"[{"role":"assistant","content": null,"refusal":"no","reasoning_content":"hm"},{"role":"user","content":"the \"audio\" of"}]"#;
    let body = format!(r#"{{"model":"a","messages":{said}}}"#);
    assert!(sent(&body, WireProfile::OPENAI).contains(said));
}

#[test]
fn shown_reasoning_stays_with_servers_of_the_dialect() {
    let body = r#"{"model":"a","messages":[{"role":"assistant","content":"y","reasoning_content":"hm"},{"role":"user","content":"z"}]}"#;
    assert!(sent(body, WireProfile::COMPATIBLE).contains(r#""reasoning_content":"hm""#));
    let request = parse_chat_request(body.as_bytes()).unwrap();
    let refusal = crate::adapter(WireFormat::AnthropicMessages)
        .carries(&request, &target(WireProfile::OPENAI))
        .unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "messages[0].reasoning_content is not carried to Anthropic"
    );
}

#[test]
fn models_without_sampling_take_the_default_only() {
    let body = |extra: &str| format!(r#"{{"model":"a","messages":{HI},{extra}}}"#);
    let reasoner = Target {
        facts: steelyard_types::ModelFacts {
            refuses_sampling: true,
            ..steelyard_types::ModelFacts::default()
        },
        ..target(WireProfile::OPENAI)
    };
    assert_eq!(
        refused(&body(r#""temperature":0.5"#), &reasoner),
        "temperature other than 1 is not accepted by this model"
    );
    assert_eq!(
        refused(&body(r#""top_p":0"#), &reasoner),
        "top_p other than 1 is not accepted by this model"
    );
    let default = body(r#""temperature":1.0,"top_p":1"#);
    let request = parse_chat_request(default.as_bytes()).unwrap();
    assert_eq!(carries(&request, &reasoner), Ok(Losses::none()));
}

proptest::proptest! {
    #[test]
    fn text_is_written_as_json(text in proptest::prelude::any::<String>()) {
        let mut json = String::new();
        push_text(&mut json, &text);
        let read: String = serde_json::from_str(&json).unwrap();
        proptest::prop_assert_eq!(read, text);
    }

    #[test]
    fn mapped_ids_are_always_acceptable(id in proptest::prelude::any::<String>()) {
        let mapped = mapped_id(&id, &WireProfile::MISTRAL);
        proptest::prop_assert!(is_nine_alphanumerics(&mapped));
    }
}
