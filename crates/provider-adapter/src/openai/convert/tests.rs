use std::sync::Arc;

use serde_json::{Value, json};
use steelyard_types::{FeatureSet, WireFormat};

use super::*;
use crate::messages::parse_messages_request;

fn target(profile: WireProfile) -> Target {
    Target {
        upstream: Arc::from("gpt-x"),
        wire: WireFormat::OpenAiChat,
        profile,
        features: FeatureSet::EMPTY,
        facts: steelyard_types::ModelFacts::default(),
        max_output_tokens: 0,
    }
}

fn sent(more: &Value, profile: WireProfile) -> Result<Value, Refusal> {
    let mut body = json!({"model": "auto", "max_tokens": 7,
        "messages": [{"role": "user", "content": "hi"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let body = body.to_string();
    let request = parse_messages_request(body.as_bytes()).unwrap();
    let encoded = encode(&request, &target(profile))?;
    assert_eq!(encoded.path, "/chat/completions");
    Ok(serde_json::from_slice(&encoded.body).unwrap())
}

#[test]
fn the_least_request_stays_small() {
    let expected = json!({"model": "gpt-x", "max_completion_tokens": 7,
        "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(sent(&json!({}), WireProfile::OPENAI).unwrap(), expected);
}

#[test]
fn parameters_are_carried() {
    let more = json!({
        "stream": true, "temperature": 0, "top_p": 0.25, "stop_sequences": ["a\n"],
        "metadata": {"user_id": "u"}, "system": [{"type": "text", "text": "one"},
            {"type": "text", "text": "two", "cache_control": {"type": "ephemeral"}}],
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "thinking": {"type": "enabled", "budget_tokens": 5000},
    });
    let expected = json!({
        "model": "gpt-x", "max_completion_tokens": 7, "stream": true,
        "stream_options": {"include_usage": true}, "temperature": 0, "top_p": 0.25,
        "stop": ["a\n"], "user": "u", "reasoning_effort": "medium",
        "response_format": {"type": "json_schema",
            "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": true}},
        "messages": [{"role": "system", "content": "one\ntwo"}, {"role": "user", "content": "hi"}],
    });
    assert_eq!(sent(&more, WireProfile::OPENAI).unwrap(), expected);
}

#[test]
fn compatible_servers_get_what_they_know() {
    let more = json!({"metadata": {"user_id": "u"}});
    let refusal = sent(&more, WireProfile::MISTRAL).unwrap_err();
    assert_eq!(refusal.field, "metadata.user_id");
    let more = json!({"stream": true});
    let body = sent(&more, WireProfile::MISTRAL).unwrap();
    let expected = json!({"model": "gpt-x", "max_tokens": 7, "stream": true,
        "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(body, expected);
    let more = json!({"thinking": {"type": "enabled", "budget_tokens": 5000}});
    let refusal = sent(&more, WireProfile::COMPATIBLE).unwrap_err();
    assert_eq!(refusal.field, "thinking");
    let adaptive = json!({"thinking": {"type": "adaptive"}});
    assert!(sent(&adaptive, WireProfile::COMPATIBLE).is_ok());
}

#[test]
fn conversations_with_tools_are_carried() {
    let more = json!({
        "tools": [{"name": "look", "description": "d", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "what?"},
                {"type": "image", "source":
                    {"type": "base64", "media_type": "image/png", "data": "aGk="}},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "content": "no"},
                {"type": "text", "text": "again"},
            ]},
        ],
    });
    let body = sent(&more, WireProfile::OPENAI).unwrap();
    let expected = json!([
        {"role": "user", "content": [
            {"type": "text", "text": "what?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        ]},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "toolu_1",
            "type": "function", "function": {"name": "look", "arguments": "{\"a\":1}"}}]},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "Error: no"},
        {"role": "user", "content": "again"},
    ]);
    assert_eq!(body["messages"], expected);
    let tools = json!([{"type": "function", "function":
        {"name": "look", "description": "d", "parameters": {"type": "object"}}}]);
    assert_eq!(body["tools"], tools);
    assert_eq!(body["tool_choice"], "required");
    assert_eq!(body["parallel_tool_calls"], false);
    let mistral = sent(&more, WireProfile::MISTRAL).unwrap();
    let id = mistral["messages"][1]["tool_calls"][0]["id"]
        .as_str()
        .unwrap();
    assert_eq!(id.len(), 9);
    assert_eq!(mistral["messages"][2]["tool_call_id"], id);
}

#[test]
fn what_has_no_place_is_refused_by_name() {
    let image = json!({"type": "image", "source": {"type": "url", "url": "https://e.com/a"}});
    let cases = [
        (json!({"top_k": 5}), "top_k"),
        (json!({"container": "c"}), "container"),
        (
            json!({"messages": [{"role": "user", "content": "a"},
                {"role": "assistant", "content": "b"}]}),
            "messages[1].role",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "x_new"}]}]}),
            "messages[0].content[0]",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "tool_result",
                "tool_use_id": "a", "content": [image]}]}]}),
            "messages[0].content[0]",
        ),
    ];
    for (more, field) in cases {
        let refusal = sent(&more, WireProfile::OPENAI).unwrap_err();
        assert_eq!(refusal.field, field, "{more}");
    }
}
