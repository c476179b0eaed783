//! Turns of the assistant in which nothing is said.

use serde_json::{Value, json};

use super::*;

fn written(answer: &Value, target: &Target) -> (Value, Vec<&'static str>) {
    let body = json!({"model": "a", "messages": [
        {"role": "user", "content": "x"}, answer, {"role": "user", "content": "y"}]});
    let text = body.to_string();
    let request = parse_chat_request(text.as_bytes()).unwrap();
    let encoded = encode(&request, target).unwrap();
    assert_eq!(carries(&request, target).as_ref(), Ok(&encoded.lossy));
    let sent: Value = serde_json::from_slice(&encoded.body).unwrap();
    (sent["messages"].clone(), encoded.lossy.fields().to_vec())
}

#[test]
fn an_answer_that_says_nothing_is_an_empty_text() {
    for answer in [
        json!({"role": "assistant", "content": null, "refusal": null}),
        json!({"role": "assistant"}),
        json!({"role": "assistant", "content": [], "tool_calls": []}),
        json!({"role": "assistant", "content": ""}),
    ] {
        for profile in [
            WireProfile::OPENAI,
            WireProfile::COMPATIBLE,
            WireProfile::DEEPSEEK,
            WireProfile::DASHSCOPE,
        ] {
            let (messages, lossy) = written(&answer, &target(profile));
            assert_eq!(messages[1], json!({"role": "assistant", "content": ""}));
            assert_eq!(messages.as_array().unwrap().len(), 3);
            assert!(lossy.is_empty());
        }
        let (messages, lossy) = written(&answer, &target(WireProfile::MISTRAL));
        assert_eq!(
            messages,
            json!([{"role": "user", "content": "x"}, {"role": "user", "content": "y"}])
        );
        assert_eq!(lossy, ["messages.content"]);
    }
}

#[test]
fn an_answer_that_only_thought_is_an_empty_text_beside_its_thoughts() {
    let answer = json!({"role": "assistant", "content": null, "reasoning_content": "hm"});
    let (messages, lossy) = written(&answer, &target(WireProfile::OPENAI));
    assert_eq!(messages[1], json!({"role": "assistant", "content": ""}));
    assert_eq!(lossy, ["messages.reasoning"]);
    for profile in [WireProfile::COMPATIBLE, WireProfile::DEEPSEEK] {
        let (messages, lossy) = written(&answer, &target(profile));
        let expected = json!({"role": "assistant", "reasoning_content": "hm", "content": ""});
        assert_eq!(messages[1], expected);
        assert!(lossy.is_empty());
    }
    let (messages, mut lossy) = written(&answer, &target(WireProfile::MISTRAL));
    assert_eq!(messages.as_array().unwrap().len(), 2);
    lossy.sort_unstable();
    assert_eq!(lossy, ["messages.content", "messages.reasoning"]);
}

#[test]
fn what_says_something_without_text_is_left_alone() {
    for answer in [
        json!({"role": "assistant", "content": null, "refusal": "No."}),
        json!({"role": "assistant", "content": null, "audio": {"id": "audio_1"}}),
        json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function",
            "function": {"name": "f", "arguments": "{}"}}]}),
    ] {
        let body = json!({"model": "a", "messages": [{"role": "user", "content": "x"}, answer]});
        let sent: Value =
            serde_json::from_str(&sent(&body.to_string(), WireProfile::OPENAI)).unwrap();
        assert_eq!(sent["messages"][1], answer);
    }
}

#[test]
fn what_copies_of_openai_do_not_know_is_said_otherwise() {
    let call = json!({"name": "f", "arguments": "{}"});
    let body = json!({"model": "a", "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": null, "refusal": "No."},
        {"role": "assistant", "refusal": "No."},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "Never."}]},
        {"role": "assistant", "content": null, "function_call": call},
        {"role": "function", "name": "f", "content": "1"},
        {"role": "user", "content": "y"}]});
    let says = json!({"role": "assistant", "content": "No."});
    let expected = json!([
        {"role": "user", "content": "x"},
        says,
        says,
        {"role": "assistant", "content": [{"type": "text", "text": "Never."}]},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "function_call_1", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "function_call_1", "name": "f", "content": "1"},
        {"role": "user", "content": "y"}]);
    let compatible = sent(&body.to_string(), WireProfile::COMPATIBLE);
    let compatible: Value = serde_json::from_str(&compatible).unwrap();
    assert_eq!(compatible["messages"], expected);
    let openai: Value =
        serde_json::from_str(&sent(&body.to_string(), WireProfile::OPENAI)).unwrap();
    assert_eq!(openai["messages"], body["messages"]);
}

#[test]
fn mistral_goes_on_where_it_is_told_to() {
    let body = |more: &str| {
        format!(
            r#"{{"model":"a","messages":[{{"role":"user","content":"x"}},{{"role":"assistant","content":"y"{more}}}]}}"#
        )
    };
    let mistral = target(WireProfile::MISTRAL);
    assert!(refused(&body(""), &mistral).starts_with("messages[1].role is assistant"));
    assert!(lost(&body(r#","prefix":true"#), &mistral).is_empty());
    assert!(lost(&body(""), &target(WireProfile::COMPATIBLE)).is_empty());
}
