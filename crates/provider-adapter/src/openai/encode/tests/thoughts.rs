//! Thoughts in a history, and how servers are asked for new ones.

use super::*;

#[test]
fn shown_reasoning_stays_with_servers_that_know_it() {
    let body = r#"{"model":"a","messages":[{"role":"assistant","content":"y","reasoning_content":"hm"},{"role":"user","content":"z"}]}"#;
    assert!(sent(body, WireProfile::COMPATIBLE).contains(r#""reasoning_content":"hm""#));
    assert_eq!(lost(body, &target(WireProfile::COMPATIBLE)), [""; 0]);
    for profile in [WireProfile::OPENAI, WireProfile::MISTRAL] {
        assert!(sent(body, profile).contains(r#"[{"role":"assistant","content":"y"},"#));
        assert_eq!(lost(body, &target(profile)), ["messages.reasoning"]);
    }
}

#[test]
fn proofs_go_to_nobody_but_their_own_server() {
    let body = |proof: &str| {
        format!(
            r#"{{"model":"a","messages":[{{"role":"assistant","content":"y","reasoning_content":"hm","reasoning_details":[{{"type":"reasoning.text","text":"hm","signature":"{proof}","index":0}}]}},{{"role":"user","content":"z"}}]}}"#
        )
    };
    // Another gateway's (OpenRouter's) go back as they came.
    let own = body("EqQB");
    assert!(sent(&own, WireProfile::COMPATIBLE).contains(r#""signature":"EqQB""#));
    assert!(lost(&own, &target(WireProfile::COMPATIBLE)).is_empty());
    // What this one has marked is from a model behind another format, and so are the words beside it.
    let marked = crate::origin::seal(WireFormat::AnthropicMessages, "claude", "EqQB");
    let marked = body(&marked);
    for profile in [WireProfile::OPENAI, WireProfile::MISTRAL] {
        assert!(sent(&own, profile).contains(r#"[{"role":"assistant","content":"y"},"#));
    }
    for profile in [
        WireProfile::COMPATIBLE,
        WireProfile::DASHSCOPE,
        WireProfile::DEEPSEEK,
        WireProfile::OPENAI,
        WireProfile::MISTRAL,
    ] {
        let sent = sent(&marked, profile);
        assert!(
            sent.contains(r#"[{"role":"assistant","content":"y"},"#),
            "{sent}"
        );
        assert_eq!(lost(&marked, &target(profile)), ["messages.reasoning"]);
    }
}

#[test]
fn proofs_that_were_written_anew_go_back_to_their_own_server_as_they_were() {
    let proof = r#"{"type":"reasoning.text","signature":"EqQB","format":"anthropic-v1"}"#;
    let compatible = target(WireProfile::COMPATIBLE);
    let sealed = crate::origin::seal(compatible.wire, &compatible.upstream, proof);
    let message = serde_json::json!({"role": "assistant", "content": "y", "reasoning_content": "hm",
        "reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": sealed, "index": 0}]});
    let body = serde_json::json!({"model": "a",
        "messages": [message, {"role": "user", "content": "z"}]})
    .to_string();
    assert!(lost(&body, &compatible).is_empty());
    let sent: serde_json::Value =
        serde_json::from_str(&sent(&body, WireProfile::COMPATIBLE)).unwrap();
    let expected = serde_json::json!([{"type": "reasoning.text", "text": "hm", "signature": "EqQB",
        "format": "anthropic-v1", "index": 0}]);
    assert_eq!(sent["messages"][0]["reasoning_details"], expected);
    assert_eq!(sent["messages"][0]["reasoning_content"], "hm");
    // To another model they are of no use.
    let mut other = target(WireProfile::COMPATIBLE);
    other.upstream = "other".into();
    assert_eq!(lost(&body, &other), ["messages.reasoning"]);
}

#[test]
fn litellms_blocks_go_on_undeclared() {
    let body = r#"{"model":"a","messages":[{"role":"assistant","content":[{"type":"text","text":"y"}],"thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"EqQB"}]},{"role":"user","content":"z"}]}"#;
    assert!(sent(body, WireProfile::COMPATIBLE).contains(r#""thinking_blocks":[{"#));
    assert!(lost(body, &target(WireProfile::COMPATIBLE)).is_empty());
    assert_eq!(
        lost(body, &target(WireProfile::OPENAI)),
        ["messages.reasoning"]
    );
}

#[test]
fn thinking_parts_stay_with_the_strict() {
    let body = r#"{"model":"a","messages":[{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"y"}]},{"role":"user","content":"z"}]}"#;
    assert!(sent(body, WireProfile::MISTRAL).contains(r#""thinking":[{"#));
    assert!(lost(body, &target(WireProfile::MISTRAL)).is_empty());
    for profile in [WireProfile::OPENAI, WireProfile::DEEPSEEK] {
        let sent = sent(body, profile);
        assert!(
            sent.contains(r#""content":[{"type":"text","text":"y"}]"#),
            "{sent}"
        );
        assert_eq!(lost(body, &target(profile)), ["messages.reasoning"]);
    }
}

#[test]
fn deepseek_gets_thoughts_beside_every_call() {
    let body = |more: &str| {
        format!(
            r#"{{"model":"a","messages":[{{"role":"assistant","content":null,"tool_calls":[{{"id":"c","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}]{more}}},{{"role":"tool","tool_call_id":"c","content":"1"}}]}}"#
        )
    };
    let sent = |more: &str| {
        let text = sent(&body(more), WireProfile::DEEPSEEK);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json["messages"][0].clone()
    };
    let without = sent("");
    assert_eq!(without["reasoning_content"], "");
    assert!(without["content"].is_null());
    let with = sent(r#","reasoning_content":"hm""#);
    assert_eq!(with["reasoning_content"], "hm");
    let marked = crate::origin::seal(WireFormat::AnthropicMessages, "claude", "EqQB");
    let another = format!(
        r#","reasoning_content":"hm","reasoning_details":[{{"type":"reasoning.text","text":"hm","signature":"{marked}","index":0}}]"#
    );
    assert_eq!(sent(&another)["reasoning_content"], "");
    assert!(sent(&another)["reasoning_details"].is_null());
    assert_eq!(
        lost(&body(&another), &target(WireProfile::DEEPSEEK)),
        ["messages.reasoning"]
    );
    assert!(lost(&body(""), &target(WireProfile::DEEPSEEK)).is_empty());
}

#[test]
fn every_server_is_asked_to_reason_in_its_own_words() {
    let body = |extra: &str| format!(r#"{{"model":"a","messages":{HI},{extra}}}"#);
    let cases = [
        (
            r#""reasoning_effort":"low""#,
            WireProfile::OPENAI,
            r#""reasoning_effort":"low""#,
            "",
        ),
        (
            r#""reasoning_effort":"low""#,
            WireProfile::MISTRAL,
            r#""reasoning_effort":"low""#,
            "",
        ),
        (
            r#""reasoning_effort":"low""#,
            WireProfile::DASHSCOPE,
            r#""enable_thinking":true,"thinking_budget":2048"#,
            "reasoning_effort",
        ),
        (
            r#""reasoning_effort":"none""#,
            WireProfile::DASHSCOPE,
            r#""enable_thinking":false"#,
            "",
        ),
        (
            r#""reasoning_effort":"none""#,
            WireProfile::DEEPSEEK,
            r#""thinking":{"type":"disabled"}"#,
            "",
        ),
        (
            r#""reasoning":{"max_tokens":2000}"#,
            WireProfile::COMPATIBLE,
            r#""reasoning":{"max_tokens":2000}"#,
            "",
        ),
        (
            r#""reasoning":{"max_tokens":2000}"#,
            WireProfile::OPENAI,
            r#""reasoning_effort":"low""#,
            "reasoning",
        ),
        (
            r#""reasoning":{"effort":"high"}"#,
            WireProfile::MISTRAL,
            r#""reasoning_effort":"high""#,
            "",
        ),
        (
            r#""enable_thinking":false"#,
            WireProfile::OPENAI,
            r#""reasoning_effort":"none""#,
            "",
        ),
        (
            r#""enable_thinking":true,"thinking_budget":9"#,
            WireProfile::DASHSCOPE,
            r#""enable_thinking":true,"thinking_budget":9"#,
            "",
        ),
        (
            r#""enable_thinking":true,"thinking_budget":9"#,
            WireProfile::DEEPSEEK,
            r#""thinking":{"type":"enabled"}"#,
            "enable_thinking",
        ),
        (
            r#""thinking":{"type":"disabled"}"#,
            WireProfile::DEEPSEEK,
            r#""thinking":{"type":"disabled"}"#,
            "",
        ),
        // A word that only its server understands is left to it.
        (
            r#""reasoning_effort":"auto""#,
            WireProfile::DASHSCOPE,
            r#""reasoning_effort":"auto""#,
            "",
        ),
    ];
    for (asked, profile, expected, inexact) in cases {
        let body = body(asked);
        let start = r#"{"model":"up/\"stream\"","messages":"#;
        // The strict are sent messages without the white space.
        let sent = sent(&body, profile);
        assert!(
            sent.starts_with(start) && sent.ends_with(&format!("],{expected}}}")),
            "{sent}"
        );
        let lost = lost(&body, &target(profile));
        assert_eq!(
            lost.first().copied().unwrap_or_default(),
            inexact,
            "{asked}"
        );
    }
}

#[test]
fn thoughts_of_an_answer_that_was_written_anew_go_back_as_parts() {
    use serde_json::{Value, json};

    let mistral = target(WireProfile::MISTRAL);
    let own = crate::origin::seal(mistral.wire, &mistral.upstream, "parts");
    let foreign = crate::origin::seal(mistral.wire, "other", "parts");
    let entry = |text: &str, signature: &str| json!({"type": "reasoning.text", "text": text, "signature": signature, "index": 0});
    let body = |details: &[Value], more: &Value| {
        let mut message = json!({"role": "assistant", "reasoning_content": "hm",
            "reasoning_details": details});
        for (name, value) in more.as_object().unwrap() {
            message[name] = value.clone();
        }
        json!({"model": "a", "messages": [message, {"role": "user", "content": "z"}]}).to_string()
    };
    let answer = |body: &str| -> Value {
        let sent: Value = serde_json::from_str(&sent(body, WireProfile::MISTRAL)).unwrap();
        sent["messages"][0].clone()
    };
    let thought = json!({"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]});
    let text = json!({"type": "text", "text": "y"});
    let call = json!([{"id": "abcdefghi", "type": "function",
        "function": {"name": "f", "arguments": "{}"}}]);
    let silent = json!({"role": "assistant", "content": [thought], "tool_calls": call});
    let told = json!({"role": "assistant", "content": [thought, text]});
    for (more, expected) in [
        (json!({"content": "y"}), &told),
        (json!({"content": [text]}), &told),
        (json!({"content": null, "refusal": "y"}), &told),
        (json!({"refusal": "y"}), &told),
        (json!({"content": null, "tool_calls": call}), &silent),
        (json!({"tool_calls": call}), &silent),
    ] {
        let body = body(&[entry("hm", &own)], &more);
        assert_eq!(&answer(&body), expected, "{body}");
        assert_eq!(lost(&body, &mistral), [""; 0], "{body}");
    }
    let said = json!({"content": "y"});
    // Those of another model beside them stay behind.
    let both = body(&[entry("hm", &own), entry("so", &foreign)], &said);
    assert_eq!(answer(&both), told);
    assert_eq!(lost(&both, &mistral), ["messages.reasoning"]);
    for signature in [foreign.as_str(), "parts", ""] {
        let body = body(&[entry("hm", signature)], &said);
        assert_eq!(answer(&body), json!({"role": "assistant", "content": "y"}));
        assert_eq!(lost(&body, &mistral), ["messages.reasoning"]);
    }
    // A turn with nothing but thoughts is left out.
    let cut = body(&[entry("hm", &own)], &json!({"content": ""}));
    assert_eq!(answer(&cut)["role"], "user");
    assert!(lost(&cut, &mistral).contains(&"messages.reasoning"));
    // A server that takes extensions has no use for another model's words either.
    let body = body(&[entry("hm", &foreign)], &said);
    let compatible = sent(&body, WireProfile::COMPATIBLE);
    assert!(!compatible.contains("reasoning"));
}
