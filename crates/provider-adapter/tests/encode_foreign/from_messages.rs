//! Conversations of Anthropic's clients on their way to providers of other formats.

use std::sync::Arc;

use serde_json::{Value, json};
use steelyard_provider_adapter::adapter;
use steelyard_provider_adapter::messages::parse_messages_request;
use steelyard_types::{FeatureSet, Target, WireFormat, WireProfile};

fn target(wire: WireFormat) -> Target {
    Target {
        upstream: Arc::from("x"),
        wire,
        profile: WireProfile::OPENAI,
        features: FeatureSet::EMPTY,
        facts: steelyard_types::ModelFacts::default(),
        max_output_tokens: 0,
    }
}

fn sent(wire: WireFormat, body: &Value) -> Value {
    let target = target(wire);
    let body = body.to_string();
    let request = parse_messages_request(body.as_bytes()).unwrap();
    let encoded = adapter(wire).encode(&request, &target).unwrap();
    let body = serde_json::from_slice(&encoded.body).unwrap();
    crate::schema::check(wire, &body);
    body
}

#[test]
fn thoughts_stay_behind_and_failures_are_told() {
    let body = json!({
        "model": "auto",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "look", "input_schema": {"type": "object", "properties": {}}}],
        "messages": [
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "secret", "signature": "sig"},
                {"type": "redacted_thinking", "data": "secret"},
                {"type": "tool_use", "id": "t1", "name": "look", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "is_error": true,
                 "content": "{\"reason\":\"rain\"}"},
            ]},
        ],
    });
    let gemini = sent(WireFormat::GeminiGenerateContent, &body);
    let response = &gemini["contents"][2]["parts"][0]["functionResponse"]["response"];
    assert_eq!(*response, json!({"error": "{\"reason\":\"rain\"}"}));
    let dashscope = sent(WireFormat::DashScopeGeneration, &body);
    let told = &dashscope["input"]["messages"][3]["content"];
    assert_eq!(*told, "Error: {\"reason\":\"rain\"}");
    for sent in [gemini, dashscope, sent(WireFormat::OpenAiChat, &body)] {
        assert!(!sent.to_string().contains("secret"), "{sent}");
        assert!(sent.to_string().contains("Be brief."), "{sent}");
    }
}

#[test]
fn the_clients_words_name_what_is_lost_or_refused() {
    let judged = |more: Value| {
        let mut body = json!({"model": "auto", "max_tokens": 5,
            "messages": [{"role": "user", "content": "hi"}]});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let body = body.to_string();
        let request = parse_messages_request(body.as_bytes()).unwrap();
        let wire = WireFormat::GeminiGenerateContent;
        adapter(wire).carries(&request, &target(wire))
    };
    let user = judged(json!({"metadata": {"user_id": "u"}})).unwrap();
    assert_eq!(user.fields(), ["metadata.user_id"]);
    let refusal = judged(json!({"container": "c"})).unwrap_err();
    assert_eq!(refusal.field, "container");
    let prefill = judged(json!({"messages": [{"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"}]}));
    assert_eq!(prefill.unwrap_err().field, "messages[1].role");
}
