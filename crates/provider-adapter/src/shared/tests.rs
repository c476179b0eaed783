use serde_json::{Value, json};
use steelyard_types::{Target, WireFormat, WireProfile};

use super::*;
use crate::adapter;
use crate::openai::parse_chat_request;
use crate::responses::parse_responses_request;

mod custom;

const TOOLS: &str = r#"[{"type":"function","function":{"name":"a"}},
    {"type":"function","function":{"name":"b"}},{"type":"function","function":{"name":"c"}}]"#;

fn chat(choice: &str) -> String {
    // The choice stands before the tools that it speaks of.
    format!(
        r#"{{"model":"m","tool_choice":{choice},"tools":{TOOLS},
        "messages":[{{"role":"user","content":"x"}}]}}"#
    )
}

fn target(wire: WireFormat, profile: WireProfile) -> Target {
    Target {
        upstream: "up".into(),
        wire,
        profile,
        features: steelyard_types::FeatureSet::EMPTY,
        facts: steelyard_types::ModelFacts::default(),
        max_output_tokens: 0,
    }
}

fn sent(request: &ChatRequest<'_>, target: &Target) -> (Value, Vec<&'static str>) {
    let encoded = adapter(target.wire).encode(request, target);
    let encoded = encoded.expect("it can be carried");
    let lossy = encoded.lossy.fields().to_vec();
    (serde_json::from_slice(&encoded.body).expect("JSON"), lossy)
}

const COMMON: &str = r#""prompt_cache_key":"k","prompt_cache_retention":"24h",
    "prompt_cache_options":{"ttl":"1h"},"safety_identifier":"s","user":"u","service_tier":"flex",
    "metadata":{"a":"b"},"top_logprobs":2"#;

#[test]
fn each_of_openais_apis_is_told_what_the_other_has_words_for() {
    let chat = format!(
        r#"{{"model":"m","verbosity":"low","logprobs":true,{COMMON},
        "messages":[{{"role":"user","content":"x"}}]}}"#
    );
    let responses = format!(
        r#"{{"model":"m","input":"x","text":{{"verbosity":"low"}},
        "include":["message.output_text.logprobs"],{COMMON}}}"#
    );
    let chat = parse_chat_request(chat.as_bytes()).expect("a request");
    let responses = parse_responses_request(responses.as_bytes()).expect("a request");
    let to_responses = target(WireFormat::OpenAiResponses, WireProfile::OPENAI);
    let to_chat = target(WireFormat::OpenAiChat, WireProfile::OPENAI);
    let common: Value = serde_json::from_str(&format!("{{{COMMON}}}")).expect("JSON");
    for (request, target, verbosity) in [
        (&chat, &to_responses, "/text/verbosity"),
        (&responses, &to_chat, "/verbosity"),
    ] {
        let (body, lossy) = sent(request, target);
        assert_eq!(lossy, [""; 0], "{body}");
        assert_eq!(body.pointer(verbosity), Some(&Value::from("low")), "{body}");
        for (name, value) in common.as_object().expect("an object") {
            assert_eq!(body[name], *value, "{name}: {body}");
        }
    }
    // Other servers have a word for the asker at most.
    let compatible = target(WireFormat::OpenAiChat, WireProfile::COMPATIBLE);
    let (body, lossy) = sent(&responses, &compatible);
    assert_eq!(body["user"], "u");
    assert!(body.get("prompt_cache_key").is_none() && body.get("verbosity").is_none());
    for name in ["text.verbosity", "prompt_cache_key", "safety_identifier"] {
        assert!(lossy.contains(&name), "{lossy:?}");
    }
}

#[test]
fn breakpoints_are_carried_between_openais_apis() {
    let mark = r#""prompt_cache_breakpoint":{"mode":"explicit"}"#;
    let chat = format!(
        r#"{{"model":"m","messages":[
        {{"role":"system","content":[{{"type":"text","text":"s",{mark}}}]}},
        {{"role":"user","content":[{{"type":"text","text":"a"}},{{"type":"text","text":"b",{mark}}}]}},
        {{"role":"assistant","content":"c","tool_calls":[{{"id":"i","type":"function",
            "function":{{"name":"f","arguments":"{{}}"}}}}]}},
        {{"role":"tool","tool_call_id":"i","content":[{{"type":"text","text":"d",{mark}}}]}}]}}"#
    );
    let request = parse_chat_request(chat.as_bytes()).expect("a request");
    let to_responses = target(WireFormat::OpenAiResponses, WireProfile::OPENAI);
    let to_chat = target(WireFormat::OpenAiChat, WireProfile::OPENAI);
    let (body, lossy) = sent(&request, &to_responses);
    assert_eq!(lossy, [""; 0], "{body}");
    let explicit = json!({"mode": "explicit"});
    let marked = |text: &str| json!({"type": "input_text", "text": text, "prompt_cache_breakpoint": explicit});
    let input = &body["input"];
    assert!(body.get("instructions").is_none(), "{body}");
    assert_eq!(input[0]["content"], json!([marked("s")]));
    assert_eq!(
        input[1]["content"],
        json!([{"type": "input_text", "text": "a"}, marked("b")])
    );
    assert_eq!(input[4]["output"], json!([marked("d")]));

    // And back.
    let back = body.to_string();
    let back = parse_responses_request(back.as_bytes()).expect("a request");
    let (body, lossy) = sent(&back, &to_chat);
    assert_eq!(lossy, [""; 0], "{body}");
    let text =
        |text: &str| json!({"type": "text", "text": text, "prompt_cache_breakpoint": explicit});
    let messages = &body["messages"];
    assert_eq!(messages[0]["content"], json!([text("s")]));
    assert_eq!(messages[1]["content"][1], text("b"));
    assert_eq!(messages[3]["content"], json!([text("d")]));

    // Servers that copy OpenAI are not asked for what they may not know; DashScope has its own word.
    let compatible = target(WireFormat::OpenAiChat, WireProfile::COMPATIBLE);
    let (body, lossy) = sent(&back, &compatible);
    assert_eq!(lossy, ["prompt_cache_breakpoint"]);
    assert!(!body.to_string().contains("cache_"), "{body}");
    let dashscope = target(WireFormat::OpenAiChat, WireProfile::DASHSCOPE);
    let (body, lossy) = sent(&back, &dashscope);
    assert_eq!(lossy, [""; 0]);
    let mark = &body["messages"][3]["content"][0]["cache_control"];
    assert_eq!(*mark, json!({"type": "ephemeral"}));
}

#[test]
fn a_breakpoint_without_a_place_is_declared() {
    let responses = target(WireFormat::OpenAiResponses, WireProfile::OPENAI);
    // An answer's text has no place for it among the items.
    let body = r#"{"model":"m","messages":[{"role":"user","content":"a"},
        {"role":"assistant","content":[{"type":"text","text":"b",
            "prompt_cache_breakpoint":{"mode":"explicit"}}]},{"role":"user","content":"c"}]}"#;
    let request = parse_chat_request(body.as_bytes()).expect("a request");
    let (body, lossy) = sent(&request, &responses);
    assert_eq!(lossy, ["prompt_cache_breakpoint"]);
    assert!(!body.to_string().contains("breakpoint"), "{body}");
    // Anthropic's word, which OpenAI does not have.
    let body = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a",
        "cache_control":{"type":"ephemeral"}}]}]}"#;
    let request = parse_chat_request(body.as_bytes()).expect("a request");
    let (body, lossy) = sent(&request, &responses);
    assert_eq!(lossy, ["cache_control"]);
    assert!(!body.to_string().contains("breakpoint"), "{body}");
}

#[test]
fn an_asker_by_the_newer_name_alone_is_told_under_it_or_as_the_one_there_is() {
    let body =
        r#"{"model":"m","safety_identifier":"s","messages":[{"role":"user","content":"x"}]}"#;
    let request = parse_chat_request(body.as_bytes()).expect("a request");
    let to_responses = target(WireFormat::OpenAiResponses, WireProfile::OPENAI);
    let (body, lossy) = sent(&request, &to_responses);
    assert_eq!(
        (&body["safety_identifier"], body.get("user")),
        (&"s".into(), None)
    );
    assert!(lossy.is_empty());
    let to_anthropic = target(WireFormat::AnthropicMessages, WireProfile::COMPATIBLE);
    let (body, lossy) = sent(&request, &to_anthropic);
    assert_eq!(body["metadata"]["user_id"], "s");
    assert!(lossy.is_empty());
    let to_gemini = target(WireFormat::GeminiGenerateContent, WireProfile::COMPATIBLE);
    assert_eq!(sent(&request, &to_gemini).1, ["safety_identifier"]);
}

#[test]
fn a_choice_among_some_tools_is_told_or_only_they_are() {
    let choice = r#"{"type":"allowed_tools","allowed_tools":{"mode":"required",
        "tools":[{"type":"function","function":{"name":"c"}}]}}"#;
    let body = chat(choice);
    let request = parse_chat_request(body.as_bytes()).expect("a request");
    let to_responses = target(WireFormat::OpenAiResponses, WireProfile::OPENAI);
    let (body, lossy) = sent(&request, &to_responses);
    assert!(lossy.is_empty());
    assert_eq!(
        body["tool_choice"],
        json!({"type": "allowed_tools", "mode": "required",
            "tools": [{"type": "function", "name": "c"}]})
    );
    let names = |list: &Value, name: &str| -> Vec<String> {
        let list = list.as_array().expect("a list").iter();
        list.map(|one| one.pointer(name).expect("a name").to_string())
            .collect()
    };
    assert_eq!(names(&body["tools"], "/name").len(), 3);
    let to_anthropic = target(WireFormat::AnthropicMessages, WireProfile::COMPATIBLE);
    let (body, _) = sent(&request, &to_anthropic);
    assert_eq!(names(&body["tools"], "/name"), ["\"c\""]);
    assert_eq!(body["tool_choice"]["type"], "any");
    let to_mistral = target(WireFormat::OpenAiChat, WireProfile::MISTRAL);
    let (body, _) = sent(&request, &to_mistral);
    assert_eq!(names(&body["tools"], "/function/name"), ["\"c\""]);
    assert_eq!(body["tool_choice"], "required");
    // OpenAI itself is sent what came.
    let (body, _) = sent(
        &request,
        &target(WireFormat::OpenAiChat, WireProfile::OPENAI),
    );
    assert_eq!(body["tool_choice"]["type"], "allowed_tools");

    let body = r#"{"model":"m","input":"x","tools":[{"type":"function","name":"a"},
        {"type":"function","name":"b"}],"tool_choice":{"type":"allowed_tools","mode":"auto",
        "tools":[{"type":"function","name":"b"}]}}"#;
    let request = parse_responses_request(body.as_bytes()).expect("a request");
    let (body, _) = sent(
        &request,
        &target(WireFormat::OpenAiChat, WireProfile::OPENAI),
    );
    assert_eq!(
        body["tool_choice"],
        json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto",
            "tools": [{"type": "function", "function": {"name": "b"}}]}})
    );
    assert_eq!(names(&body["tools"], "/function/name").len(), 2);
    let compatible = target(WireFormat::OpenAiChat, WireProfile::COMPATIBLE);
    let (body, _) = sent(&request, &compatible);
    assert_eq!(names(&body["tools"], "/function/name"), ["\"b\""]);
    assert_eq!(body["tool_choice"], "auto");
}

#[test]
fn tools_that_are_not_allowed_are_withheld_in_their_places() {
    let choice = r#"{"type":"allowed_tools","allowed_tools":{"mode":"required",
        "tools":[{"type":"function","function":{"name":"b"}}]}}"#;
    let body = chat(choice);
    let request = parse_chat_request(body.as_bytes()).expect("a request");
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    assert!(request.untranslated.is_empty());
    let names =
        |tools: &[&Tool<'_>]| -> String { tools.iter().map(|one| one.name.as_ref()).collect() };
    assert_eq!(names(&request.tools.iter().collect::<Vec<_>>()), "b");
    assert_eq!(names(&all_tools(&request)), "abc");
    assert_eq!(allowed_mode(&request), Some("required"));

    let body = r#"{"model":"m","input":"x","tools":[{"type":"function","name":"a"},
        {"type":"function","name":"b"}],"tool_choice":{"type":"allowed_tools","mode":"auto",
        "tools":[{"type":"function","name":"a"}]}}"#;
    let request = parse_responses_request(body.as_bytes()).expect("a request");
    assert_eq!(request.tool_choice, Some(ToolChoice::Auto));
    assert!(request.untranslated.is_empty());
    assert_eq!(names(&all_tools(&request)), "ab");
}

#[test]
fn what_is_no_function_of_the_requests_stays_untranslated() {
    for inner in [
        r#"{"mode":"auto","tools":[]}"#,
        r#"{"mode":"auto","tools":[{"type":"function","function":{"name":"z"}}]}"#,
        r#"{"mode":"auto","tools":[{"type":"mcp","server_label":"s"}]}"#,
        r#"{"mode":"must","tools":[{"type":"function","function":{"name":"a"}}]}"#,
    ] {
        let body = chat(&format!(
            r#"{{"type":"allowed_tools","allowed_tools":{inner}}}"#
        ));
        let request = parse_chat_request(body.as_bytes()).expect("a request");
        assert_eq!(request.untranslated, ["tool_choice"], "{inner}");
        assert_eq!(request.tools.len(), 3);
    }
}
