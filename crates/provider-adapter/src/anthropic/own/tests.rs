use std::sync::Arc;

use serde_json::{Value, json};
use steelyard_types::{Feature, FeatureSet, ReasoningStyle, WireFormat, WireProfile};

use super::*;
use crate::messages::parse_messages_request;

fn target() -> Target {
    Target {
        upstream: Arc::from("claude-x"),
        wire: WireFormat::AnthropicMessages,
        profile: WireProfile::OPENAI,
        features: FeatureSet::EMPTY,
        facts: steelyard_types::ModelFacts::default(),
        max_output_tokens: 1_000,
    }
}

fn sent(body: &str, target: &Target) -> Result<String, Refusal> {
    let request = parse_messages_request(body.as_bytes()).unwrap();
    let encoded = encode(&request, target)?;
    assert_eq!(encoded.path, "/v1/messages");
    Ok(String::from_utf8(encoded.body.to_vec()).unwrap())
}

#[test]
fn only_the_model_is_replaced() {
    let rest = r#""max_tokens":7,"x_new":{"a":[1.50,null]},"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}},{"type":"x_new","b":1}]}]"#;
    let found = sent(&format!("{{\"model\":\"auto\",{rest}}}"), &target()).unwrap();
    assert_eq!(found, format!("{{\"model\":\"claude-x\",{rest}}}"));
}

#[test]
fn what_others_answered_is_made_fit() {
    let body = json!({"model": "auto", "max_tokens": 7, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "foreign", "signature": ""},
            {"type": "thinking", "thinking": "own", "signature": "sig"},
            {"type": "tool_use", "id": "call~ts~c2ln", "name": "a", "input": {"x": 1.50}},
            {"type": "tool_use", "id": "fine_1", "name": "a", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "call~ts~c2ln", "content": "call~ts~c2ln"},
            {"type": "tool_result", "tool_use_id": "fine_1", "content": "b"},
        ]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": ""}]},
        {"role": "user", "content": "go on"},
    ]});
    let found: Value = serde_json::from_str(&sent(&body.to_string(), &target()).unwrap()).unwrap();
    let messages = found["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 4, "nothing is left of the fourth");
    let said = messages[1]["content"].as_array().unwrap();
    assert_eq!(said.len(), 3);
    assert_eq!(said[0]["thinking"], "own");
    assert_eq!(said[1]["id"], "call");
    assert_eq!(said[1]["input"], json!({"x": 1.5}));
    assert_eq!(said[2]["id"], "fine_1");
    let results = messages[2]["content"].as_array().unwrap();
    assert_eq!(results[0]["tool_use_id"], "call");
    assert_eq!(results[0]["content"], "call~ts~c2ln");
}

#[test]
fn answers_without_a_word_stay_behind() {
    let filtered = json!({"role": "assistant", "content": []});
    let user = |words: &str| json!({"role": "user", "content": words});
    for silent in [
        filtered.clone(),
        json!({"role": "assistant", "content": ""}),
        json!({"role": "assistant", "content": [{"type": "text", "text": " "}]}),
        json!({"role": "assistant", "content": [
            {"type": "thinking", "thinking": "t", "signature": "s"}]}),
    ] {
        let body = json!({"model": "auto", "max_tokens": 7,
            "messages": [user("one"), silent, user("two")]});
        let (body, lossy) = judged(&body.to_string());
        assert_eq!(body["messages"], json!([user("one"), user("two")]));
        let thought = silent.to_string().contains("signature");
        let lost = if thought {
            "messages.thinking"
        } else {
            "messages.content"
        };
        assert_eq!(lossy, [lost], "{silent}");
    }
    // At the end it is nothing to go on from, which Anthropic takes.
    let body = json!({"model": "auto", "max_tokens": 7, "messages": [user("one"), filtered]});
    let (sent, lossy) = judged(&body.to_string());
    assert_eq!(sent["messages"], body["messages"]);
    assert!(lossy.is_empty());
    // Beside others, texts that say nothing are no loss, and what a user says is not touched.
    let call = json!({"type": "tool_use", "id": "t1", "name": "a", "input": {}});
    let nothing = json!({"type": "text", "text": ""});
    let result = json!({"type": "tool_result", "tool_use_id": "t1", "content": "b"});
    let body = json!({"model": "auto", "max_tokens": 7, "messages": [
        {"role": "user", "content": ""},
        {"role": "assistant", "content": [nothing, call]},
        {"role": "user", "content": [result, nothing]},
    ]});
    let (sent, lossy) = judged(&body.to_string());
    assert_eq!(sent["messages"][0], body["messages"][0]);
    assert_eq!(sent["messages"][1]["content"], json!([call]));
    assert_eq!(sent["messages"][2], body["messages"][2]);
    assert!(lossy.is_empty());
}

#[test]
fn facts_of_the_model_are_respected() {
    let body = |more: Value| {
        let mut body = json!({"model": "a", "max_tokens": 7,
            "messages": [{"role": "user", "content": "hi"}]});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body.to_string()
    };
    let no_sampling = Target {
        facts: steelyard_types::ModelFacts {
            refuses_sampling: true,
            ..steelyard_types::ModelFacts::default()
        },
        ..target()
    };
    for temperature in [0.5, 1.0] {
        let sent = sent(&body(json!({"temperature": temperature})), &no_sampling).unwrap();
        assert!(!sent.contains("temperature"), "{sent}");
    }
    let refusal = sent(&body(json!({"max_tokens": 1_001})), &target()).unwrap_err();
    assert_eq!(refusal.field, "max_tokens");
}

#[test]
fn counting_goes_to_its_own_path() {
    let body = br#"{"model":"a","messages":[{"role":"user","content":"x"}]}"#;
    let request = crate::messages::parse_count_request(body).unwrap();
    let encoded = crate::anthropic::encode_count(&request, &target()).unwrap();
    assert_eq!(encoded.path, "/v1/messages/count_tokens");
    let expected = r#"{"model":"claude-x","messages":[{"role":"user","content":"x"}]}"#;
    assert_eq!(encoded.body, expected);
    let count = crate::anthropic::decode_count;
    assert_eq!(count(br#"{"input_tokens":17}"#).ok(), Some(17));
    assert!(count(b"{}").is_err() && count(b"<html>").is_err());
}

/// The sent `thinking` and `output_config`, and what is lost.
fn thinks_as(more: &Value, features: &[Feature], style: ReasoningStyle) -> (Value, Value, bool) {
    let mut body = json!({"model": "a", "max_tokens": 9_000,
        "messages": [{"role": "user", "content": "hi"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let target = Target {
        features: features.iter().copied().collect(),
        facts: steelyard_types::ModelFacts {
            reasoning: style,
            ..steelyard_types::ModelFacts::default()
        },
        max_output_tokens: 64_000,
        ..target()
    };
    let body = body.to_string();
    let request = parse_messages_request(body.as_bytes()).unwrap();
    let lossy = check(&request, &target).unwrap();
    let encoded = encode(&request, &target).unwrap();
    assert_eq!(encoded.lossy, lossy);
    let sent: Value = serde_json::from_slice(&encoded.body).unwrap();
    let declared = matches!(lossy.fields(), ["thinking" | "output_config.effort"]);
    assert!(declared || lossy.is_empty(), "{lossy:?}");
    let field = |name: &str| sent.get(name).cloned().unwrap_or_default();
    (field("thinking"), field("output_config"), declared)
}

#[test]
fn thinking_is_told_in_the_models_way() {
    let enabled = json!({"type": "enabled", "budget_tokens": 5_000});
    let adaptive = json!({"type": "adaptive"});
    let reasons = [Feature::Reasoning];
    let newer = ReasoningStyle::Effort;
    let older = ReasoningStyle::Budget;
    let medium = json!({"effort": "medium"});

    let budget = json!({"thinking": enabled});
    let expected = (adaptive.clone(), medium, true);
    assert_eq!(thinks_as(&budget, &reasons, newer), expected);
    let expected = (enabled, Value::Null, false);
    assert_eq!(thinks_as(&budget, &reasons, older), expected);

    let wish = json!({"thinking": adaptive, "output_config": {"effort": "low"}});
    let expected = (adaptive, json!({"effort": "low"}), false);
    assert_eq!(thinks_as(&wish, &reasons, newer), expected);
    let low = json!({"type": "enabled", "budget_tokens": 2_048});
    assert_eq!(thinks_as(&wish, &reasons, older), (low, Value::Null, true));

    // The older ones have no word for an effort beside a budget, or without any thoughts.
    let enabled = json!({"type": "enabled", "budget_tokens": 5_000});
    let off = json!({"type": "disabled"});
    for thinking in [&enabled, &off] {
        let wish = json!({"thinking": thinking, "output_config": {"effort": "low", "x_new": 1}});
        let expected = (thinking.clone(), json!({"x_new": 1}), true);
        assert_eq!(thinks_as(&wish, &reasons, older), expected);
    }
    let wish = json!({"output_config": {"effort": "low"}});
    let nothing = (Value::Null, Value::Null, true);
    assert_eq!(thinks_as(&wish, &reasons, older), nothing);
    let kept = (Value::Null, json!({"effort": "low"}), false);
    assert_eq!(thinks_as(&wish, &reasons, newer), kept);

    // What else is said stays.
    let more = json!({"thinking": {"type": "enabled", "budget_tokens": 5_000,
        "display": "summarized"}, "output_config": {"x_new": 1}});
    let (thinking, config, _) = thinks_as(&more, &reasons, newer);
    assert_eq!(
        thinking,
        json!({"type": "adaptive", "display": "summarized"})
    );
    assert_eq!(config, json!({"effort": "medium", "x_new": 1}));
}

#[test]
fn a_model_that_does_not_think_is_told_nothing() {
    let style = ReasoningStyle::Effort;
    let enabled = json!({"type": "enabled", "budget_tokens": 5_000});
    let wish = json!({"thinking": enabled, "output_config": {"effort": "low"}});
    let nothing = (Value::Null, Value::Null, true);
    assert_eq!(thinks_as(&wish, &[Feature::Tools], style), nothing);
    let off = json!({"thinking": {"type": "disabled"}});
    let kept = (json!({"type": "disabled"}), Value::Null, false);
    assert_eq!(thinks_as(&off, &[Feature::Tools], style), kept);
    // A policy that does not describe the model leaves it to Anthropic.
    for features in [&[][..], &[Feature::Streaming]] {
        let kept = (enabled.clone(), json!({"effort": "low"}), false);
        assert_eq!(thinks_as(&wish, features, style), kept);
    }
}

fn sealed(proof: &str, model: &str) -> String {
    origin::seal(WireFormat::AnthropicMessages, model, proof)
}

/// A conversation in which a tool was called behind these blocks and answered, thinking on.
fn thinks(blocks: &[Value]) -> String {
    let mut said = blocks.to_vec();
    said.push(json!({"type": "tool_use", "id": "t1", "name": "a", "input": {}, "x_new": 1}));
    json!({"model": "auto", "max_tokens": 700,
    "thinking": {"type": "enabled", "budget_tokens": 500},
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": said, "x_new": 2},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": "b"}]},
    ]})
    .to_string()
}

fn judged(body: &str) -> (Value, Vec<&'static str>) {
    let request = parse_messages_request(body.as_bytes()).unwrap();
    let lossy = check(&request, &target()).unwrap();
    let encoded = encode(&request, &target()).unwrap();
    assert_eq!(encoded.lossy, lossy);
    let body = serde_json::from_slice(&encoded.body).unwrap();
    (body, lossy.fields().to_vec())
}

#[test]
fn marked_proofs_are_opened_and_others_stripped() {
    let thinking = |signature: &str| json!({"type": "thinking", "thinking": "t", "signature": signature, "x": 1});
    let redacted = |data: &str| json!({"type": "redacted_thinking", "data": data});
    let own = [
        thinking(&sealed("s", "claude-x")),
        redacted(&sealed("d", "claude-x")),
    ];
    let (body, lossy) = judged(&thinks(&own));
    let said = &body["messages"][1]["content"];
    assert_eq!([&said[0], &said[1]], [&thinking("s"), &redacted("d")]);
    assert_eq!(said[2]["x_new"], 1);
    assert_eq!(body["messages"][1]["x_new"], 2);
    assert!(lossy.is_empty() && body["thinking"].is_object());

    // A client that talked to Anthropic itself.
    let (body, lossy) = judged(&thinks(&[thinking("s"), redacted("d")]));
    assert_eq!(body["messages"][1]["content"][0], thinking("s"));
    assert!(lossy.is_empty() && body["thinking"].is_object());

    let foreign = [
        thinking(&sealed("s", "claude-y")),
        redacted(&sealed("d", "claude-y")),
        thinking(""),
    ];
    let (body, lossy) = judged(&thinks(&foreign));
    assert_eq!(body["messages"][1]["content"].as_array().unwrap().len(), 1);
    // With a budget Anthropic insists on thoughts in front of the call.
    assert_eq!(lossy, ["messages.thinking", "thinking"]);
    assert_eq!(body.get("thinking"), None);
}

#[test]
fn a_history_without_thoughts_is_anthropics_to_judge() {
    let body = thinks(&[]);
    let found = sent(&body, &target()).unwrap();
    assert_eq!(found, body.replace("\"auto\"", "\"claude-x\""));
    // Of a model that thinks by a budget it is known that it would refuse it.
    let older = Target {
        features: FeatureSet::EMPTY.with(Feature::Reasoning),
        facts: steelyard_types::ModelFacts {
            reasoning: ReasoningStyle::Budget,
            ..steelyard_types::ModelFacts::default()
        },
        ..target()
    };
    let found = sent(&body, &older).unwrap();
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found.get("thinking"), None);
    let request = parse_messages_request(body.as_bytes()).unwrap();
    assert_eq!(check(&request, &older).unwrap().fields(), ["thinking"]);
}

#[test]
fn only_what_changes_is_written_anew() {
    let proof = sealed("s", "claude-x");
    let block = |signature: &str| {
        format!("{{ \"type\":\"thinking\",\"thinking\":\"\\u0041\",\"signature\":\"{signature}\"}}")
    };
    let body = |signature: &str| {
        format!(
            "{{\"model\":\"claude-x\",\"max_tokens\":7,\"messages\":[{{\"role\": \"user\", \"content\": [ {{\"type\":\"text\",\"text\":\"hi\",\"cache_control\":{{\"type\":\"ephemeral\"}}}}]}},{{\"role\":\"assistant\",\"content\":[{}]}}]}}",
            block(signature)
        )
    };
    let found = sent(&body(&proof), &target()).unwrap();
    assert_eq!(
        found,
        body("s").replace("{ \"type\":\"thinking\"", "{\"type\":\"thinking\"")
    );
}

#[test]
fn a_model_without_prefill_is_not_gone_on_from() {
    let body = json!({"model": "a", "max_tokens": 7, "messages": [
        {"role": "user", "content": "hi"}, {"role": "assistant", "content": "Well"}]})
    .to_string();
    assert!(sent(&body, &target()).is_ok());
    let newer = Target {
        facts: steelyard_types::ModelFacts {
            refuses_prefill: true,
            refuses_forced_tool_choice: true,
            ..steelyard_types::ModelFacts::default()
        },
        ..target()
    };
    assert_eq!(sent(&body, &newer).unwrap_err().field, "messages[1].role");
    let forced = json!({"model": "a", "max_tokens": 7, "tool_choice": {"type": "any"},
        "tools": [{"name": "a", "input_schema": {"type": "object"}}],
        "messages": [{"role": "user", "content": "hi"}]})
    .to_string();
    assert!(sent(&forced, &target()).is_ok());
    assert_eq!(sent(&forced, &newer).unwrap_err().field, "tool_choice");
}

#[test]
fn a_thread_that_is_null_stays_behind() {
    let with = |thread: &str| {
        format!(
            r#"{{"model":"claude-x","max_tokens":7{thread},"messages":[{{"role":"user","content":"hi"}}]}}"#
        )
    };
    let found = sent(&with(r#","thread":null"#), &target()).unwrap();
    assert_eq!(found, with(""));
}
