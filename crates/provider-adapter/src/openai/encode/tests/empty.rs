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
