//! Marks of what is to be cached.

use super::{lost, sent};
use serde_json::{Value, json};
use steelyard_types::WireProfile;

/// A conversation with a mark at every kind of place that messages have.
fn marked() -> Value {
    let mark = json!({"type": "ephemeral"});
    json!({
        "system": [{"type": "text", "text": "one"},
            {"type": "text", "text": "two", "cache_control": mark}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": [{"type": "image", "cache_control": mark,
                "source": {"type": "url", "url": "https://e.com/a"}}]},
            {"role": "assistant", "content": [{"type": "text", "text": "b", "cache_control": mark},
                {"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c",
                "content": "no", "is_error": true, "cache_control": mark}]},
            {"role": "user", "content": "d"}],
    })
}

#[test]
fn dashscope_is_told_what_to_cache_up_to_in_the_parts() {
    let body = sent(&marked(), WireProfile::DASHSCOPE).unwrap();
    let mark = json!({"type": "ephemeral"});
    let text = |text: &str| json!({"type": "text", "text": text});
    let marked_text = |text: &str| json!({"type": "text", "text": text, "cache_control": mark});
    let messages = &body["messages"];
    assert_eq!(
        messages[0],
        json!({"role": "system", "content": [text("one"), marked_text("two")]})
    );
    assert_eq!(
        messages[1]["content"],
        json!([{"type": "image_url", "image_url": {"url": "https://e.com/a"},
            "cache_control": mark}])
    );
    assert_eq!(messages[2]["content"], json!([marked_text("b")]));
    assert_eq!(messages[2]["tool_calls"][0]["id"], "c");
    assert_eq!(messages[3]["content"], json!([marked_text("Error: no")]));
    assert_eq!(messages[4]["content"], "d");
    assert_eq!(lost(&marked(), WireProfile::DASHSCOPE), [""; 0]);
}

#[test]
fn marks_for_which_dashscope_has_no_place_are_declared() {
    let hour = json!({"type": "ephemeral", "ttl": "1h"});
    let mark = json!({"type": "ephemeral"});
    for more in [
        json!({"cache_control": mark}),
        json!({"tools": [{"name": "f", "input_schema": {"type": "object"},
            "cache_control": mark}]}),
        json!({"system": [{"type": "text", "text": "a", "cache_control": hour}]}),
        json!({"tools": [{"name": "f", "input_schema": {"type": "object"}}], "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f",
                "input": {}, "cache_control": mark}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c"}]}]}),
    ] {
        assert_eq!(
            lost(&more, WireProfile::DASHSCOPE),
            ["cache_control"],
            "{more}"
        );
    }
    // Five minutes are better than none.
    let hour = json!({"system": [{"type": "text", "text": "a", "cache_control": hour}]});
    let body = sent(&hour, WireProfile::DASHSCOPE).unwrap();
    assert_eq!(body["messages"][0]["content"][0]["cache_control"], mark);
}

#[test]
fn no_other_server_is_told_anthropics_word() {
    for profile in [
        WireProfile::OPENAI,
        WireProfile::COMPATIBLE,
        WireProfile::DEEPSEEK,
    ] {
        assert_eq!(lost(&marked(), profile), ["cache_control"]);
        let body = sent(&marked(), profile).unwrap().to_string();
        assert!(!body.contains("cache_"), "{body}");
    }
}

#[test]
fn an_instruction_stands_behind_a_marked_part() {
    let more = json!({
        "system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}});
    let mut target = super::target(WireProfile::DASHSCOPE);
    target.facts.structured_output = steelyard_types::StructuredOutput::Object;
    let body = json!({"model": "auto", "max_tokens": 7, "system": more["system"],
        "output_config": more["output_config"],
        "messages": [{"role": "user", "content": "hi"}]});
    let body = body.to_string();
    let request = super::parse_messages_request(body.as_bytes()).unwrap();
    let encoded = super::encode(&request, &target).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let content = &body["messages"][0]["content"];
    assert_eq!(content[0]["cache_control"]["type"], "ephemeral", "{body}");
    let told = content[1]["text"].as_str().unwrap();
    assert!(told.contains("JSON Schema"), "{told}");
}
