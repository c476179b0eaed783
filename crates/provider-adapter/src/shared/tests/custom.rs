//! Custom tools, which both of OpenAI's APIs have and nobody else.

use steelyard_types::{Dialect, ToolKind};

use super::*;
use crate::responses::placed;

const LARK: &str = "start: \"a\"\n%import common.INT";

/// The same request in both APIs.
fn both() -> (Value, Value) {
    let parameters = json!({"type": "object", "properties": {}});
    let chat = json!({
        "model": "up",
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "custom", "custom": {"name": "sql", "input": " not JSON\n"}},
                {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c3", "type": "custom", "custom": {"name": "any", "input": ""}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "1 row"},
            {"role": "tool", "tool_call_id": "c2", "content": "done"},
            {"role": "tool", "tool_call_id": "c3", "content": "nothing"}],
        "tools": [
            {"type": "custom", "custom": {"name": "sql", "description": "Asks.", "format":
                {"type": "grammar", "grammar": {"syntax": "lark", "definition": LARK}}}},
            {"type": "function", "function": {"name": "f", "parameters": parameters, "strict": false}},
            {"type": "custom", "custom": {"name": "any"}}],
        "tool_choice": {"type": "custom", "custom": {"name": "sql"}},
        "parallel_tool_calls": false,
    });
    let responses = json!({
        "model": "up",
        "input": [
            {"type": "message", "role": "user", "content": "x"},
            {"type": "custom_tool_call", "call_id": "c1", "name": "sql", "input": " not JSON\n"},
            {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
            {"type": "custom_tool_call", "call_id": "c3", "name": "any", "input": ""},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "1 row"},
            {"type": "function_call_output", "call_id": "c2", "output": "done"},
            {"type": "custom_tool_call_output", "call_id": "c3", "output": "nothing"}],
        "tools": [
            {"type": "custom", "name": "sql", "description": "Asks.", "format":
                {"type": "grammar", "syntax": "lark", "definition": LARK}},
            {"type": "function", "name": "f", "parameters": parameters, "strict": false},
            {"type": "custom", "name": "any"}],
        "tool_choice": {"type": "custom", "name": "sql"},
        "parallel_tool_calls": false,
        "store": false,
    });
    (chat, responses)
}

#[test]
fn each_of_openais_apis_is_told_of_the_others() {
    let (chat, responses) = both();
    let (of_chat, of_responses) = (chat.to_string(), responses.to_string());
    let request = parse_chat_request(of_chat.as_bytes()).expect("a request");
    let to_responses = target(WireFormat::OpenAiResponses, WireProfile::OPENAI);
    assert_eq!(sent(&request, &to_responses), (responses.clone(), vec![]));
    let request = parse_responses_request(of_responses.as_bytes()).expect("a request");
    assert_eq!(request.tools[0].kind, ToolKind::Custom);
    let to_chat = target(WireFormat::OpenAiChat, WireProfile::OPENAI);
    assert_eq!(sent(&request, &to_chat), (chat.clone(), vec![]));
    // Each is its own API's bytes.
    assert_eq!(sent(&request, &to_responses).0, responses);
    let request = parse_chat_request(of_chat.as_bytes()).expect("a request");
    assert_eq!(sent(&request, &to_chat).0, chat);
}

#[test]
fn any_text_is_the_default_of_both() {
    let chat = r#"{"model":"m","messages":[{"role":"user","content":"x"}],
        "tools":[{"type":"custom","custom":{"name":"t","format":{"type":"text"}}}]}"#;
    let chat = parse_chat_request(chat.as_bytes()).expect("a request");
    let responses = r#"{"model":"m","input":"x",
        "tools":[{"type":"custom","name":"t","format":{"type":"text"},"defer_loading":false}]}"#;
    let responses = parse_responses_request(responses.as_bytes()).expect("a request");
    for request in [&chat, &responses] {
        assert!(request.untranslated.is_empty());
        let (wire, expected) = match request.dialect {
            Dialect::OpenAiChat => (
                WireFormat::OpenAiResponses,
                json!([{"type": "custom", "name": "t"}]),
            ),
            _ => (
                WireFormat::OpenAiChat,
                json!([{"type": "custom", "custom": {"name": "t"}}]),
            ),
        };
        let (body, lossy) = sent(request, &target(wire, WireProfile::OPENAI));
        assert_eq!((&body["tools"], lossy), (&expected, vec![]));
    }
}

#[test]
fn a_choice_among_them_is_told_or_they_are_left_out() {
    let tools = r#""tools":[{"type":"custom","custom":{"name":"t"}},
        {"type":"function","function":{"name":"f"}},{"type":"custom","custom":{"name":"u"}}]"#;
    let body = |allowed: &str| {
        format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}],{tools},"tool_choice":
            {{"type":"allowed_tools","allowed_tools":{{"mode":"auto","tools":[{allowed}]}}}}}}"#
        )
    };
    let one = body(r#"{"type":"custom","custom":{"name":"u"}}"#);
    let request = parse_chat_request(one.as_bytes()).expect("a request");
    let to_responses = target(WireFormat::OpenAiResponses, WireProfile::OPENAI);
    let told = sent(&request, &to_responses).0;
    let choice = json!({"type": "allowed_tools", "mode": "auto",
        "tools": [{"type": "custom", "name": "u"}]});
    assert_eq!(told["tool_choice"], choice);
    assert_eq!(told["tools"][2], json!({"type": "custom", "name": "u"}));
    let refusal = |request: &ChatRequest<'_>| {
        let to_anthropic = target(WireFormat::AnthropicMessages, WireProfile::COMPATIBLE);
        let refused = adapter(to_anthropic.wire).carries(request, &to_anthropic);
        refused.expect_err("a custom tool").field
    };
    assert_eq!(refusal(&request), "tools[2].type");
    // Not a tool of that kind.
    let other = body(r#"{"type":"custom","custom":{"name":"f"}}"#);
    let request = parse_chat_request(other.as_bytes()).expect("a request");
    assert_eq!(request.untranslated, ["tool_choice"]);
    // Those that may not be called this time stand in nobody's way.
    let function = body(r#"{"type":"function","function":{"name":"f"}}"#);
    let request = parse_chat_request(function.as_bytes()).expect("a request");
    let to_anthropic = target(WireFormat::AnthropicMessages, WireProfile::COMPATIBLE);
    let told = sent(&request, &to_anthropic).0;
    assert_eq!(told["tools"].as_array().map(Vec::len), Some(1));
    assert_eq!(told["tools"][0]["name"], "f");
}

#[test]
fn nobody_else_has_them_and_where_they_stand_is_named() {
    let (chat, responses) = both();
    let without = |body: &Value, names: &[&str]| {
        let mut body = body.clone();
        for name in names {
            body.as_object_mut().expect("an object").remove(*name);
        }
        body.to_string()
    };
    let rest = ["tools", "tool_choice", "parallel_tool_calls", "store"];
    let mut chosen = chat.clone();
    chosen["tools"] = json!([{"type": "function", "function": {"name": "sql"}}]);
    chosen["messages"] = json!([{"role": "user", "content": "x"}]);
    let cases = [
        (chat.to_string(), "tools[0].type"),
        (chosen.to_string(), "tool_choice"),
        (without(&chat, &rest), "messages[1].tool_calls[0].type"),
        (responses.to_string(), "tools[0].type"),
        (without(&responses, &rest), "input[1].type"),
    ];
    for wire in WireFormat::ALL {
        for profile in [
            WireProfile::COMPATIBLE,
            WireProfile::MISTRAL,
            WireProfile::DASHSCOPE,
        ] {
            for (body, field) in &cases {
                let is_chat = body.contains("\"messages\"");
                let request = if is_chat {
                    parse_chat_request(body.as_bytes())
                } else {
                    parse_responses_request(body.as_bytes())
                };
                let request = request.expect("a request");
                let own = *wire == WireFormat::OpenAiResponses
                    || is_chat && *wire == WireFormat::OpenAiChat;
                if own {
                    continue;
                }
                let target = target(*wire, profile);
                let refusal = adapter(*wire).carries(&request, &target);
                let refusal = placed(&request, refusal.expect_err("a custom tool"));
                assert_eq!(refusal.field, *field, "{wire:?}");
                assert!(
                    refusal
                        .reason
                        .starts_with("is custom, which is not carried to "),
                    "{refusal}"
                );
            }
        }
    }
}

#[test]
fn ids_that_are_too_long_are_made_shorter_everywhere() {
    let long = "c".repeat(80);
    let body = json!({"model": "m", "input": [
        {"role": "user", "content": "x"},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": long, "name": "t", "input": "y"},
        {"type": "custom_tool_call_output", "call_id": long, "output": "z"}]})
    .to_string();
    let request = parse_responses_request(body.as_bytes()).expect("a request");
    for (wire, places) in [
        (
            WireFormat::OpenAiResponses,
            ["/input/1/call_id", "/input/2/call_id"],
        ),
        (
            WireFormat::OpenAiChat,
            ["/messages/1/tool_calls/0/id", "/messages/2/tool_call_id"],
        ),
    ] {
        let (told, _) = sent(&request, &target(wire, WireProfile::OPENAI));
        let [call, output] = places.map(|place| told.pointer(place).expect("an id").clone());
        assert_eq!(call, output);
        assert!(call.as_str().is_some_and(|id| id.len() <= 40), "{call}");
    }
}
