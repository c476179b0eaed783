use std::sync::Arc;

use serde_json::{Value, json};
use steelyard_types::{FeatureSet, WireFormat};

use super::*;
use crate::messages::parse_messages_request;

mod marks;

fn target(profile: WireProfile) -> Target {
    Target {
        upstream: Arc::from("gpt-x"),
        wire: WireFormat::OpenAiChat,
        profile,
        features: FeatureSet::EMPTY.with(steelyard_types::Feature::Reasoning),
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

/// What is lost on the way, which is known beforehand.
fn lost(more: &Value, profile: WireProfile) -> Vec<&'static str> {
    let mut body = json!({"model": "auto", "max_tokens": 7,
        "messages": [{"role": "user", "content": "hi"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let body = body.to_string();
    let request = parse_messages_request(body.as_bytes()).unwrap();
    let encoded = encode(&request, &target(profile)).unwrap();
    assert_eq!(
        carries(&request, &target(profile)).as_ref(),
        Ok(&encoded.lossy)
    );
    encoded.lossy.fields().to_vec()
}

#[test]
fn a_forced_call_of_qwen_comes_without_thinking() {
    let more = |choice: &str| {
        json!({"thinking": {"type": "enabled", "budget_tokens": 2_000}, "tool_choice": {"type": choice},
            "tools": [{"name": "f", "input_schema": {"type": "object"}}]})
    };
    let body = sent(&more("any"), WireProfile::DASHSCOPE).unwrap();
    assert_eq!(body["enable_thinking"], false);
    assert_eq!(body.get("thinking_budget"), None);
    assert_eq!(lost(&more("any"), WireProfile::DASHSCOPE), ["thinking"]);
    let body = sent(&more("auto"), WireProfile::DASHSCOPE).unwrap();
    assert_eq!(body["enable_thinking"], true);
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
            "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": false}},
        "messages": [{"role": "system", "content": "one\ntwo"}, {"role": "user", "content": "hi"}],
    });
    assert_eq!(sent(&more, WireProfile::OPENAI).unwrap(), expected);
}

#[test]
fn compatible_servers_get_what_they_know() {
    let user = json!({"metadata": {"user_id": "u"}});
    assert_eq!(lost(&user, WireProfile::MISTRAL), ["metadata.user_id"]);
    assert_eq!(sent(&user, WireProfile::COMPATIBLE).unwrap()["user"], "u");
    let stream = json!({"stream": true});
    let body = sent(&stream, WireProfile::MISTRAL).unwrap();
    let expected = json!({"model": "gpt-x", "max_tokens": 7, "stream": true,
        "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(body, expected);
    let budget = json!({"thinking": {"type": "enabled", "budget_tokens": 5000}});
    let thinking = |profile| {
        let body = sent(&budget, profile).unwrap();
        let fields = [
            "reasoning_effort",
            "enable_thinking",
            "thinking_budget",
            "thinking",
        ];
        let given = fields.into_iter().filter(|field| body.get(field).is_some());
        given.collect::<Vec<_>>()
    };
    assert_eq!(thinking(WireProfile::COMPATIBLE), ["reasoning_effort"]);
    assert_eq!(lost(&budget, WireProfile::COMPATIBLE), ["thinking"]);
    assert_eq!(
        thinking(WireProfile::DASHSCOPE),
        ["enable_thinking", "thinking_budget"]
    );
    assert_eq!(lost(&budget, WireProfile::DASHSCOPE), [""; 0]);
    assert_eq!(thinking(WireProfile::DEEPSEEK), ["thinking"]);
    assert_eq!(lost(&budget, WireProfile::DEEPSEEK), ["thinking"]);
    let adaptive = json!({"thinking": {"type": "adaptive"}});
    assert_eq!(lost(&adaptive, WireProfile::COMPATIBLE), [""; 0]);
}

#[test]
fn what_only_nudges_is_lost_and_declared() {
    let mark = json!({"type": "ephemeral"});
    for (more, field) in [
        (json!({"top_k": 5}), "top_k"),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 5000}}),
            "thinking",
        ),
        (
            json!({"system": [{"type": "text", "text": "a", "cache_control": mark}]}),
            "cache_control",
        ),
        (
            json!({"messages": [{"role": "user", "content": "a"},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "text", "text": "b"}]},
                {"role": "user", "content": "c"}]}),
            "messages.thinking",
        ),
        (
            json!({"output_config": {"format": {"type": "json_schema",
                "schema": {"type": "object"}}}}),
            "output_config.format",
        ),
    ] {
        assert_eq!(lost(&more, WireProfile::OPENAI), [field]);
    }
}

#[test]
fn what_tools_show_stands_behind_their_results() {
    let image = |data: &str| {
        json!({"type": "image", "source":
            {"type": "base64", "media_type": "image/png", "data": data}})
    };
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "look", "input": {}});
    let result = |id: &str, content: Value| json!({"type": "tool_result", "tool_use_id": id, "content": content});
    let shows = |data: &str| json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}});
    let text = |text: &str| json!({"type": "text", "text": text});
    let more = json!({"messages": [
        {"role": "user", "content": "look twice"},
        {"role": "assistant", "content": [call("a"), call("b")]},
        {"role": "user", "content": [
            result("a", json!([image("AAAA")])),
            result("b", json!([text("words"), image("BBBB")])),
            text("and now?"),
        ]},
        {"role": "assistant", "content": [call("c")]},
        {"role": "user", "content": [result("c", json!([image("CCCC")]))]},
    ]});
    let body = sent(&more, WireProfile::OPENAI).unwrap();
    assert_eq!(lost(&more, WireProfile::OPENAI), [""; 0]);
    let expected = json!([
        {"role": "tool", "tool_call_id": "a", "content": "The result is in the user message below."},
        {"role": "tool", "tool_call_id": "b", "content": "words"},
        {"role": "user", "content": [
            text("Result of the tool call a:"), shows("AAAA"),
            text("Result of the tool call b:"), shows("BBBB"),
            text("and now?"),
        ]},
    ]);
    assert_eq!(
        body["messages"].as_array().unwrap()[2..5],
        *expected.as_array().unwrap()
    );
    let last = json!([
        {"role": "tool", "tool_call_id": "c", "content": "The result is in the user message below."},
        {"role": "user", "content": [text("Result of the tool call c:"), shows("CCCC")]},
    ]);
    assert_eq!(
        body["messages"].as_array().unwrap()[6..],
        *last.as_array().unwrap()
    );
    let mistral = sent(&more, WireProfile::MISTRAL).unwrap();
    let id = mistral["messages"][2]["tool_call_id"].as_str().unwrap();
    let told = mistral["messages"][4]["content"][0]["text"]
        .as_str()
        .unwrap();
    assert_eq!(told, format!("Result of the tool call {id}:"));
}

#[test]
fn documents_go_where_they_are_known() {
    let document = |source: Value| {
        json!({"messages": [{"role": "user", "content": [
            {"type": "document", "title": "a.pdf", "source": source}]}]})
    };
    let bytes =
        document(json!({"type": "base64", "media_type": "application/pdf", "data": "aGk="}));
    let body = sent(&bytes, WireProfile::OPENAI).unwrap();
    let file = json!({"type": "file", "file":
        {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}});
    assert_eq!(body["messages"][0]["content"][0], file);
    let url = document(json!({"type": "url", "url": "https://e.com/a.pdf"}));
    let word =
        document(json!({"type": "base64", "media_type": "application/msword", "data": "aGk="}));
    for (more, profile) in [(&url, WireProfile::OPENAI), (&word, WireProfile::MISTRAL)] {
        let refusal = sent(more, profile).unwrap_err();
        assert_eq!(refusal.field, "messages[0].content[0]");
    }
    for (more, place) in [
        (&bytes, "data:application/pdf;base64,aGk="),
        (&url, "https://e.com/a.pdf"),
    ] {
        let body = sent(more, WireProfile::MISTRAL).unwrap();
        let chunk =
            json!({"type": "document_url", "document_url": place, "document_name": "a.pdf"});
        assert_eq!(body["messages"][0]["content"][0], chunk);
    }
}

#[test]
fn deepseek_is_told_its_thoughts_beside_calls() {
    let more = |thinking: Value| {
        json!({"messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [thinking,
                {"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]},
        ]})
    };
    let own = more(json!({"type": "thinking", "thinking": "hm", "signature": ""}));
    let body = sent(&own, WireProfile::DEEPSEEK).unwrap();
    assert_eq!(body["messages"][1]["reasoning_content"], "hm");
    assert_eq!(lost(&own, WireProfile::DEEPSEEK), [""; 0]);
    let foreign = more(json!({"type": "thinking", "thinking": "hm", "signature": "s"}));
    let body = sent(&foreign, WireProfile::DEEPSEEK).unwrap();
    assert_eq!(body["messages"][1]["reasoning_content"], "");
    assert_eq!(lost(&foreign, WireProfile::DEEPSEEK), ["messages.thinking"]);
}

#[test]
fn a_schema_is_told_where_it_is_not_enforced() {
    let mut teller = target(WireProfile::COMPATIBLE);
    teller.facts.structured_output = steelyard_types::StructuredOutput::Object;
    let body = json!({"model": "auto", "max_tokens": 7, "system": "Be brief.",
        "messages": [{"role": "user", "content": "hi"}],
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}})
    .to_string();
    let request = parse_messages_request(body.as_bytes()).unwrap();
    let encoded = encode(&request, &teller).unwrap();
    assert_eq!(encoded.lossy.fields(), ["output_config.format"]);
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["response_format"], json!({"type": "json_object"}));
    let told = body["messages"][0]["content"].as_str().unwrap();
    assert!(
        told.starts_with("Be brief.\n\n") && told.ends_with("{\"type\":\"object\"}"),
        "{told}"
    );
}

#[test]
fn tools_are_strict_only_as_openai_can_be() {
    let tool = |required: Value| {
        json!({"tools": [{"name": "f", "strict": true, "input_schema": {"type": "object",
            "properties": {"a": {"type": "string"}}, "required": required,
            "additionalProperties": false}}]})
    };
    for (required, strict, fields) in [
        (json!(["a"]), true, &[][..]),
        (json!([]), false, &["tools.strict"]),
    ] {
        let tool = tool(required);
        let body = sent(&tool, WireProfile::OPENAI).unwrap();
        assert_eq!(body["tools"][0]["function"]["strict"], strict);
        assert_eq!(lost(&tool, WireProfile::OPENAI), fields);
    }
}

#[test]
fn a_model_that_does_not_reason_is_not_asked_to() {
    let mut plain = target(WireProfile::OPENAI);
    plain.features = FeatureSet::EMPTY;
    let body = json!({"model": "auto", "max_tokens": 9_000,
        "thinking": {"type": "enabled", "budget_tokens": 5_000},
        "messages": [{"role": "user", "content": "hi"}]})
    .to_string();
    let request = parse_messages_request(body.as_bytes()).unwrap();
    let encoded = encode(&request, &plain).unwrap();
    assert_eq!(encoded.lossy.fields(), ["thinking"]);
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body.get("reasoning_effort"), None);
}

#[test]
fn dashscope_is_told_that_several_calls_are_allowed() {
    let tools = json!({"tools": [{"name": "f", "input_schema": {"type": "object"}}]});
    let told = |profile| {
        let body = sent(&tools, profile).unwrap();
        body.get("parallel_tool_calls").cloned()
    };
    assert_eq!(told(WireProfile::DASHSCOPE), Some(json!(true)));
    assert_eq!(told(WireProfile::OPENAI), None);
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
            json!({"messages": [{"role": "user", "content": "a"},
                {"role": "assistant", "content": [image]}, {"role": "user", "content": "b"}]}),
            "messages[1].content[0]",
        ),
    ];
    for (more, field) in cases {
        let refusal = sent(&more, WireProfile::OPENAI).unwrap_err();
        assert_eq!(refusal.field, field, "{more}");
    }
}

/// What a router of models (OpenRouter) proves goes through an Anthropic client and back as it was.
#[test]
fn proofs_return_to_the_server_that_gave_them() {
    let given = json!([
        {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1",
            "index": 0},
        {"type": "reasoning.encrypted", "data": "d", "id": "rs_1", "index": 1},
    ]);
    let answer = json!({"id": "gen-1", "model": "m", "choices": [{"index": 0,
        "finish_reason": "stop", "message": {"role": "assistant", "content": "yes",
            "reasoning": "hm", "reasoning_details": given}}]});
    let target = target(WireProfile::COMPATIBLE);
    let context = crate::ReplyContext {
        dialect: steelyard_types::Dialect::AnthropicMessages,
        id: "msg_1".to_owned(),
        created: 0,
        upstream_model: Arc::clone(&target.upstream),
        include_usage: false,
        function_call: false,
        echo: None,
    };
    let head = crate::ResponseHead {
        status: 200,
        headers: &[("", ""); 0],
        at: steelyard_types::UnixMillis(0),
    };
    let bytes = Bytes::from(answer.to_string());
    let reply = crate::UnaryReply::read(WireFormat::OpenAiChat, &head, bytes, &context).unwrap();
    let reply: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(reply["content"][0]["thinking"], "hm");
    let body = json!({"model": "auto", "max_tokens": 7, "messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": reply["content"]},
        {"role": "user", "content": "b"}]})
    .to_string();
    let request = parse_messages_request(body.as_bytes()).unwrap();
    let encoded = encode(&request, &target).unwrap();
    assert!(encoded.lossy.is_empty(), "{:?}", encoded.lossy);
    let sent: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(sent["messages"][1]["reasoning_details"], given);
    // Another model is not sent them.
    let other = Target {
        upstream: Arc::from("other"),
        ..target
    };
    let encoded = encode(&request, &other).unwrap();
    assert_eq!(encoded.lossy.fields(), ["messages.thinking"]);
    let sent: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert!(sent["messages"][1].get("reasoning_details").is_none());
}

#[test]
fn documents_that_cannot_be_carried_are_told_why() {
    let target = Target {
        upstream: Arc::from("m"),
        wire: WireFormat::OpenAiChat,
        profile: WireProfile::OPENAI,
        features: FeatureSet::EMPTY,
        facts: steelyard_types::ModelFacts::default(),
        max_output_tokens: 0,
    };
    for (source, what) in [
        (
            r#"{"type":"content","content":[{"type":"image"}]}"#,
            "document as blocks",
        ),
        (
            r#"{"type":"url","url":"https://e.com/a.pdf"}"#,
            "document with a url",
        ),
        (
            r#"{"type":"file","file_id":"f"}"#,
            "document as a file of another provider",
        ),
    ] {
        let body = format!(
            r#"{{"model":"a","max_tokens":7,"messages":[{{"role":"user","content":[{{"type":"document","source":{source}}}]}}]}}"#
        );
        let request = parse_messages_request(body.as_bytes()).unwrap();
        let refusal = carries(&request, &target).unwrap_err();
        assert_eq!(refusal.field, "messages[0].content[0]");
        assert_eq!(
            refusal.reason,
            format!("of type {what} is not carried to a provider of OpenAI's format")
        );
    }
}

#[test]
fn an_answer_that_says_nothing_is_an_empty_text() {
    for content in [
        json!(""),
        json!([{"type": "thinking", "thinking": "hm", "signature": ""}]),
    ] {
        let more = json!({"messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "content": content}, {"role": "user", "content": "y"}]});
        let messages = sent(&more, WireProfile::OPENAI).unwrap()["messages"].clone();
        assert_eq!(messages[1], json!({"role": "assistant", "content": ""}));
        assert!(!lost(&more, WireProfile::OPENAI).contains(&"messages.content"));
        let messages = sent(&more, WireProfile::MISTRAL).unwrap()["messages"].clone();
        assert_eq!(
            messages,
            json!([{"role": "user", "content": "x"}, {"role": "user", "content": "y"}])
        );
        assert!(lost(&more, WireProfile::MISTRAL).contains(&"messages.content"));
    }
}

#[test]
fn a_temperature_beyond_what_a_server_takes_is_its_most() {
    let hot = json!({"temperature": 2});
    for (profile, told, lossy) in [
        (WireProfile::MISTRAL, json!(1.5), true),
        (WireProfile::DASHSCOPE, json!(1.99), true),
        (WireProfile::OPENAI, json!(2), false),
    ] {
        assert_eq!(sent(&hot, profile).unwrap()["temperature"], told);
        assert_eq!(lost(&hot, profile).contains(&"temperature"), lossy);
    }
}
