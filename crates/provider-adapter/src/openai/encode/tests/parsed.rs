//! What OpenAI's SDKs add to the answers that they parse.

use serde_json::json;

use super::*;

#[test]
fn what_an_sdk_has_parsed_goes_to_openai_alone() {
    let plain = json!({"model": "a", "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": "{\"x\":1}"},
        {"role": "user", "content": "y"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "abcdefgh1", "type": "function",
            "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "abcdefgh1", "content": "parsed"}]});
    let mut body = plain.clone();
    body["messages"][1]["parsed"] = json!({"x": 1});
    body["messages"][3]["parsed"] = json!(null);
    body["messages"][3]["tool_calls"][0]["function"]["parsed_arguments"] = json!({});
    let body = body.to_string();
    for profile in [
        WireProfile::COMPATIBLE,
        WireProfile::DASHSCOPE,
        WireProfile::DEEPSEEK,
        WireProfile::MISTRAL,
    ] {
        assert_eq!(lost(&body, &target(profile)), [""; 0]);
        let told: serde_json::Value = serde_json::from_str(&sent(&body, profile)).unwrap();
        let expected: serde_json::Value =
            serde_json::from_str(&sent(&plain.to_string(), profile)).unwrap();
        assert_eq!(told, expected);
    }
    let kept = sent(&body, WireProfile::OPENAI);
    let own = body.replace("\"model\":\"a\"", "\"model\":\"up/\\\"stream\\\"\"");
    assert_eq!(kept, own);
    // In other messages nobody knows it.
    let odd = r#"{"model":"a","messages":[{"role":"user","content":"x","parsed":1}]}"#;
    assert_eq!(
        refused(odd, &target(WireProfile::MISTRAL)),
        "messages[0].parsed is not known to this provider, which refuses unknown fields"
    );
}
