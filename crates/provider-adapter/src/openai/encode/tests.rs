use std::sync::Arc;

use steelyard_types::{FeatureSet, WireFormat};

use super::ids::is_nine_alphanumerics;
use super::*;
use crate::json::push_text;
use crate::openai::parse_chat_request;

mod custom;
mod empty;
mod functions;
mod parsed;
mod thoughts;

fn target(profile: WireProfile) -> Target {
    Target {
        upstream: Arc::from("up/\"stream\""),
        wire: WireFormat::OpenAiChat,
        profile,
        features: FeatureSet::EMPTY.with(steelyard_types::Feature::Reasoning),
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

/// What is lost on the way, which is known beforehand.
fn lost(body: &str, target: &Target) -> Vec<&'static str> {
    let request = parse_chat_request(body.as_bytes()).unwrap();
    let encoded = encode(&request, target).unwrap();
    assert_eq!(carries(&request, target).as_ref(), Ok(&encoded.lossy));
    encoded.lossy.fields().to_vec()
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
fn a_forced_call_of_qwen_comes_without_thinking() {
    let body = |choice: &str| {
        format!(
            r#"{{"model":"a","messages":{HI},"reasoning_effort":"low","tool_choice":"{choice}",
            "tools":[{{"type":"function","function":{{"name":"f"}}}}]}}"#
        )
    };
    let qwen = WireProfile::DASHSCOPE;
    let forced = sent(&body("required"), qwen);
    assert!(forced.contains(r#""enable_thinking":false"#), "{forced}");
    assert!(!forced.contains("thinking_budget"), "{forced}");
    assert_eq!(lost(&body("required"), &target(qwen)), ["reasoning_effort"]);
    assert!(sent(&body("auto"), qwen).contains(r#""enable_thinking":true"#));
}

#[test]
fn several_answers_are_asked_for_where_they_are_given() {
    let body = |n: u32| format!(r#"{{"model":"a","messages":{HI},"n":{n}}}"#);
    let one = target(WireProfile::DEEPSEEK);
    assert_eq!(
        refused(&body(2), &one),
        "n is 2, and up/\"stream\" gives one answer"
    );
    assert!(lost(&body(1), &one).is_empty());
    assert!(sent(&body(2), WireProfile::COMPATIBLE).ends_with(r#""n":2}"#));
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
    assert!(sent(&body, WireProfile::MISTRAL).ends_with(r#","stream":true}"#));
    assert_eq!(
        lost(&body, &target(WireProfile::MISTRAL)),
        ["stream_options.include_obfuscation"]
    );
}

#[test]
fn documents_are_told_in_mistrals_words() {
    let body = |kind: &str| {
        format!(
            r#"{{"model":"a","messages":[{{"role":"user","content":[{{"type":"text","text":"x"}},{{"type":"file","file":{{"filename":"a","file_data":"data:{kind};base64,aGk="}}}}]}}]}}"#
        )
    };
    let chunk = r#"[{"type":"text","text":"x"},{"type":"document_url","document_url":"data:application/pdf;base64,aGk=","document_name":"a"}]"#;
    assert!(sent(&body("application/pdf"), WireProfile::MISTRAL).contains(chunk));
    let body = body("application/zip");
    let request = parse_chat_request(body.as_bytes()).unwrap();
    let refusal = carries(&request, &target(WireProfile::MISTRAL)).unwrap_err();
    assert_eq!(refusal.field, "messages[0].content[1]");
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
    // What vLLM makes up is longer than OpenAI takes.
    let long = format!("chatcmpl-tool-{}", "0a".repeat(16));
    let short = mapped_id(&long, &WireProfile::OPENAI);
    assert!(short.len() <= 40 && short.starts_with("call_"), "{short}");
    assert_eq!(mapped_id(&short, &WireProfile::OPENAI), short);
    assert_eq!(mapped_id(&long, &WireProfile::COMPATIBLE), long);
}

#[test]
fn strict_servers_are_sent_nothing_unknown() {
    let body = |extra: &str| format!(r#"{{"model":"a","messages":{HI},{extra}}}"#);
    let mistral = target(WireProfile::MISTRAL);
    let why = "is not known to this provider, which refuses unknown fields";
    for (extra, name) in [
        (r#""logprobs":true"#, "logprobs"),
        (r#""web_search_options":{"a":1}"#, "web_search_options"),
        (r#""web_search_options":{}"#, "web_search_options"),
        (r#""something_new":0"#, "something_new"),
    ] {
        assert_eq!(refused(&body(extra), &mistral), format!("{name} {why}"));
    }
    for (extra, name) in [
        (r#""user":"u""#, "user"),
        (r#""logit_bias":{"1":2}"#, "logit_bias"),
        (r#""store":true"#, "store"),
        (r#""service_tier":"flex""#, "service_tier"),
        (r#""top_k":4"#, "top_k"),
        (r#""seed":1,"random_seed":2"#, "seed"),
    ] {
        assert_eq!(lost(&body(extra), &mistral), [name]);
        assert!(!sent(&body(extra), WireProfile::MISTRAL).contains(&format!("\"{name}\":")));
    }
    let cited = r#"{"model":"a","messages":[{"role":"assistant","content":"x","refusal":"","annotations":[{"type":"url_citation"}]},{"role":"user","content":"y"}]}"#;
    assert_eq!(lost(cited, &mistral), ["messages.annotations"]);
    assert!(!sent(cited, WireProfile::MISTRAL).contains("annotations"));
    assert!(sent(cited, WireProfile::OPENAI).contains("url_citation"));
    let silent = sent(&body(r#""seed":null,"store":false"#), WireProfile::MISTRAL);
    assert!(!silent.contains("seed") && !silent.contains("store"));
    for seed in [r#""random_seed":0"#, r#""seed":0"#] {
        assert!(sent(&body(seed), WireProfile::MISTRAL).ends_with(r#","random_seed":0}"#));
        assert!(lost(&body(seed), &mistral).is_empty());
    }
    let prefix = r#"{"model":"a","messages":[{"role":"assistant","content":"x","prefix":true}]}"#;
    assert!(sent(prefix, WireProfile::MISTRAL).contains(r#""prefix":true"#));
}

#[test]
fn strict_servers_are_sent_no_marks_and_no_refusals() {
    let mark = r#""cache_control":{"type":"ephemeral"}"#;
    let body = format!(
        r#"{{"model":"a","tools":[{{"type":"function",{mark},"function":{{"name":"f",{mark}}}}}],"messages":[
            {{"role":"user","content":[{{"type":"text","text":"x",{mark}}}]}},
            {{"role":"assistant","content":null,"refusal":"no"}},
            {{"role":"assistant","content":[{{"type":"refusal","refusal":"never"}}]}},
            {{"role":"user","content":"y",{mark}}}]}}"#
    );
    let mistral = target(WireProfile::MISTRAL);
    assert_eq!(lost(&body, &mistral), ["cache_control"]);
    let json: serde_json::Value = serde_json::from_str(&sent(&body, WireProfile::MISTRAL)).unwrap();
    let expected = serde_json::json!({
        "model": "up/\"stream\"",
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "x"}]},
            {"role": "assistant", "content": "no"},
            {"role": "assistant", "content": [{"type": "text", "text": "never"}]},
            {"role": "user", "content": "y"},
        ],
    });
    assert_eq!(json, expected);
    // Others get them as they came.
    assert_eq!(lost(&body, &target(WireProfile::COMPATIBLE)), [""; 0]);
    assert!(sent(&body, WireProfile::COMPATIBLE).contains(mark));
}

#[test]
fn no_unknown_field_hides_behind_a_known_one() {
    let body = |fields: &str| {
        format!(
            r#"{{"model":"a","messages":[{{"role":"user","content":"x"}},{{"role":"assistant","content":"y",{fields}}}]}}"#
        )
    };
    let mistral = target(WireProfile::MISTRAL);
    let thinks = body(r#""prefix":true,"reasoning_content":"hm""#);
    assert_eq!(lost(&thinks, &mistral), ["messages.reasoning"]);
    assert!(
        sent(&thinks, WireProfile::MISTRAL)
            .ends_with(r#"{"role":"assistant","content":"y","prefix":true}]}"#)
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
    let said = r#"[{"role":"assistant","content": "no","odd":1,"reasoning_content":"hm"},{"role":"user","content":"the \"audio\" of"}]"#;
    let body = format!(r#"{{"model":"a","messages":{said}}}"#);
    assert!(sent(&body, WireProfile::COMPATIBLE).contains(said));
}

#[test]
fn a_schema_is_told_where_it_is_not_enforced() {
    let asked = r#""response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type": "object"}}}"#;
    let teller = Target {
        facts: steelyard_types::ModelFacts {
            structured_output: steelyard_types::StructuredOutput::Object,
            ..steelyard_types::ModelFacts::default()
        },
        ..target(WireProfile::COMPATIBLE)
    };
    let sent = |messages: &str| -> serde_json::Value {
        let body = format!(r#"{{"model":"a","messages":{messages},{asked}}}"#);
        assert_eq!(lost(&body, &teller), ["response_format"]);
        let request = parse_chat_request(body.as_bytes()).unwrap();
        serde_json::from_slice(&encode(&request, &teller).unwrap().body).unwrap()
    };
    let plain = sent(r#"[{"role":"user","content":"hi"}]"#);
    assert_eq!(
        plain["response_format"],
        serde_json::json!({"type": "json_object"})
    );
    assert_eq!(plain["messages"][0]["role"], "system");
    let told = plain["messages"][0]["content"].as_str().unwrap();
    assert!(
        told.contains("JSON") && told.ends_with("{\"type\": \"object\"}"),
        "{told}"
    );
    assert_eq!(plain["messages"][1]["content"], "hi");
    let joined =
        sent(r#"[{"role":"developer","content":"Be brief."},{"role":"user","content":"hi"}]"#);
    assert_eq!(joined["messages"].as_array().unwrap().len(), 2);
    assert_eq!(joined["messages"][0]["role"], "system");
    assert_eq!(
        joined["messages"][0]["content"],
        format!("Be brief.\n\n{told}")
    );
    let parts = sent(
        r#"[{"role":"system","content":[{"type":"text","text":"Be brief."}]},{"role":"user","content":"hi"}]"#,
    );
    assert_eq!(parts["messages"][0]["content"][0]["text"], "Be brief.");
    assert_eq!(parts["messages"][0]["content"][1]["text"], told);
    let schema = format!(r#"{{"model":"a","messages":{HI},{asked}}}"#);
    assert!(lost(&schema, &target(WireProfile::COMPATIBLE)).is_empty());
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
    let warm = body(r#""temperature":0.5,"top_p":0,"top_k":3"#);
    assert_eq!(lost(&warm, &reasoner), ["temperature", "top_p", "top_k"]);
    let default = body(r#""temperature":1.0,"top_p":1"#);
    assert!(lost(&default, &reasoner).is_empty());
    for body in [warm, default] {
        let request = parse_chat_request(body.as_bytes()).unwrap();
        let sent = encode(&request, &reasoner).unwrap().body;
        let sent = std::str::from_utf8(&sent).unwrap();
        assert!(
            !sent.contains("temperature") && !sent.contains("top_"),
            "{sent}"
        );
    }
    let nudged = body(
        r#""presence_penalty":0.2,"frequency_penalty":-1,"logit_bias":{"1":2},"top_logprobs":2"#,
    );
    let lost_here = [
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "top_logprobs",
    ];
    assert_eq!(lost(&nudged, &reasoner), lost_here);
    assert!(lost(&nudged, &target(WireProfile::OPENAI)).is_empty());
    let silent = body(
        r#""presence_penalty":0,"frequency_penalty":0.0,"logit_bias":{},"logprobs":false,"top_logprobs":0"#,
    );
    assert!(lost(&silent, &reasoner).is_empty());
    for body in [nudged, silent] {
        let request = parse_chat_request(body.as_bytes()).unwrap();
        let sent = encode(&request, &reasoner).unwrap().body;
        let sent: serde_json::Value = serde_json::from_slice(&sent).unwrap();
        let names: Vec<&String> = sent.as_object().unwrap().keys().collect();
        assert_eq!(names, ["messages", "model"]);
    }
    let told = body(r#""logprobs":true"#);
    assert!(refused(&told, &reasoner).starts_with("logprobs are not told by"));
    assert!(lost(&told, &target(WireProfile::OPENAI)).is_empty());
}

#[test]
fn what_a_model_refuses_is_refused_beforehand() {
    let stubborn = Target {
        facts: steelyard_types::ModelFacts {
            refuses_prefill: true,
            refuses_forced_tool_choice: true,
            ..steelyard_types::ModelFacts::default()
        },
        ..target(WireProfile::OPENAI)
    };
    let prefill = r#"{"model":"a","messages":[{"role":"assistant","content":"I"}]}"#;
    assert!(refused(prefill, &stubborn).starts_with("messages[0].role is assistant"));
    assert!(lost(prefill, &target(WireProfile::OPENAI)).is_empty());
    let forced = format!(
        r#"{{"model":"a","messages":{HI},"tools":[{{"type":"function","function":{{"name":"f"}}}}],"tool_choice":"required"}}"#
    );
    assert!(refused(&forced, &stubborn).starts_with("tool_choice forces a call"));
    assert!(lost(&forced, &target(WireProfile::OPENAI)).is_empty());
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

#[test]
fn a_model_that_does_not_reason_is_not_asked_to() {
    let model = |features: &[steelyard_types::Feature], profile| Target {
        features: features.iter().copied().collect(),
        ..target(profile)
    };
    let tools = [steelyard_types::Feature::Tools];
    for (effort, losses) in [("low", &["reasoning_effort"][..]), ("none", &[])] {
        let body = format!(r#"{{"model":"a","messages":{HI},"reasoning_effort":"{effort}"}}"#);
        let request = parse_chat_request(body.as_bytes()).unwrap();
        let says = |target: &Target| {
            let encoded = encode(&request, target).unwrap();
            String::from_utf8_lossy(&encoded.body).contains("reasoning_effort")
        };
        let openai = model(&tools, WireProfile::OPENAI);
        assert!(!says(&openai), "{effort}");
        assert_eq!(lost(&body, &openai), losses);
        // Nothing is known of this one, and compatible servers have words of their own.
        assert!(says(&model(&[], WireProfile::OPENAI)));
        assert!(says(&model(&tools, WireProfile::COMPATIBLE)));
        assert!(says(&target(WireProfile::OPENAI)));
    }
}

#[test]
fn a_temperature_beyond_what_a_server_takes_is_its_most() {
    for (profile, given, told, losses) in [
        (WireProfile::MISTRAL, "2", "1.5", &["temperature"][..]),
        (WireProfile::MISTRAL, "1.50", "1.50", &[]),
        (WireProfile::DASHSCOPE, "2.0", "1.99", &["temperature"]),
        (WireProfile::DASHSCOPE, "1.9", "1.9", &[]),
        (WireProfile::OPENAI, "2", "2", &[]),
    ] {
        let body = format!(r#"{{"model":"a","messages":{HI},"temperature":{given}}}"#);
        assert_eq!(lost(&body, &target(profile)), losses);
        let sent = sent(&body, profile);
        assert!(sent.contains(&format!(r#""temperature":{told}"#)), "{sent}");
    }
}
