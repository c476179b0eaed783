//! What each provider is sent.

use steelyard_types::Feature;

use super::*;

#[test]
fn anthropic_is_sent_everything() {
    let request = without("top_p");
    let (encoded, body) = try_encode(&target(WireFormat::AnthropicMessages), &request).unwrap();
    assert_eq!(encoded.path, "/v1/messages");
    assert!(encoded.headers.is_empty());
    let expected = json!({
        "model": "claude-haiku-4-5",
        "max_tokens": 300,
        "stream": true,
        "temperature": 0.7,
        "stop_sequences": ["END", "---"],
        "system": [
            {"type": "text", "text": "Be brief."},
            {"type": "text", "text": "Answer in German."},
        ],
        "tools": [
            {"name": "tide", "description": "When the tide turns", "input_schema":
                {"type": "object", "$defs": {"H": {"const": 1}},
                    "properties": {"harbour": {"type": "string"}}, "required": ["harbour"]}},
            {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        ],
        "tool_choice": {"type": "auto"},
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "Hello."},
                {"type": "text", "text": "When is high water in Emden and Husum?"},
            ]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "call_1", "name": "tide", "input": {"harbour": "Emden"}},
                {"type": "tool_use", "id": "call_2", "name": "tide", "input": {"harbour": "Husum"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "{\"hour\": 9}"},
                {"type": "tool_result", "tool_use_id": "call_2", "content": "ten"},
            ]},
            {"role": "assistant", "content": "Nine and ten."},
            {"role": "user", "content": "And what time is it?"},
            {"role": "assistant", "content": [
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "call_3", "name": "now", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "call_3"},
                {"type": "text", "text": "Well?"},
            ]},
        ],
    });
    assert_eq!(body, expected);
}

#[test]
fn gemini_is_sent_everything() {
    let wire = WireFormat::GeminiGenerateContent;
    let (encoded, body) = try_encode(&target(wire), &everything()).unwrap();
    assert_eq!(
        encoded.path,
        "/v1beta/models/gemini-3-flash:streamGenerateContent?alt=sse"
    );
    let call = |id: &str, harbour: &str| json!({"functionCall": {"id": id, "name": "tide", "args": {"harbour": harbour}}});
    let response = |id: &str, name: &str, response: Value| json!({"functionResponse": {"id": id, "name": name, "response": response}});
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Answer in German."}]},
        "generationConfig": {
            "maxOutputTokens": 300,
            "temperature": 0.7,
            "topP": 0.9,
            "stopSequences": ["END", "---"],
        },
        "tools": [{"functionDeclarations": [
            {"name": "tide", "description": "When the tide turns", "parametersJsonSchema":
                {"type": "object", "$defs": {"H": {"const": 1}},
                    "properties": {"harbour": {"type": "string"}}, "required": ["harbour"]}},
            {"name": "now"},
        ]}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "contents": [
            {"role": "user", "parts": [
                {"text": "Hello."},
                {"text": "When is high water in Emden and Husum?"},
            ]},
            {"role": "model", "parts": [call("call_1", "Emden"), call("call_2", "Husum")]},
            {"role": "user", "parts": [
                response("call_1", "tide", json!({"hour": 9})),
                response("call_2", "tide", json!({"output": "ten"})),
            ]},
            {"role": "model", "parts": [{"text": "Nine and ten."}]},
            {"role": "user", "parts": [{"text": "And what time is it?"}]},
            {"role": "model", "parts": [
                {"text": "Let me see."},
                {"functionCall": {"id": "call_3", "name": "now", "args": {}},
                    "thoughtSignature": "skip_thought_signature_validator"},
            ]},
            {"role": "user", "parts": [
                response("call_3", "now", json!({"output": ""})),
                {"text": "Well?"},
            ]},
        ],
    });
    assert_eq!(body, expected);
}

#[test]
fn dashscope_is_sent_everything() {
    let wire = WireFormat::DashScopeGeneration;
    let mut request = everything();
    request["parallel_tool_calls"] = json!(true);
    let (encoded, body) = try_encode(&target(wire), &request).unwrap();
    assert_eq!(
        encoded.path,
        "/api/v1/services/aigc/text-generation/generation"
    );
    assert_eq!(
        encoded.headers.as_slice(),
        [("x-dashscope-sse", "enable")].as_slice()
    );
    let call = |index: u32, id: &str, name: &str, arguments: &str| {
        json!({"index": index, "id": id, "type": "function",
            "function": {"name": name, "arguments": arguments}})
    };
    let expected = json!({
        "model": "qwen-plus",
        "parameters": {
            "result_format": "message",
            "incremental_output": true,
            "max_tokens": 300,
            "temperature": 0.7,
            "top_p": 0.9,
            "stop": ["END", "---"],
            "tools": everything()["tools"],
            "tool_choice": "auto",
            "parallel_tool_calls": true,
        },
        "input": {"messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello.\nWhen is high water in Emden and Husum?"},
            {"role": "assistant", "content": "", "tool_calls": [
                call(0, "call_1", "tide", "{\"harbour\": \"Emden\"}"),
                call(1, "call_2", "tide", "{\"harbour\": \"Husum\"}"),
            ]},
            {"role": "tool", "content": "ten", "tool_call_id": "call_2"},
            {"role": "tool", "content": "{\"hour\": 9}", "tool_call_id": "call_1"},
            {"role": "assistant", "content": "Nine and ten."},
            {"role": "system", "content": "Answer in German."},
            {"role": "user", "content": "And what time is it?"},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [
                call(0, "call_3", "now", ""),
            ]},
            {"role": "tool", "content": "", "tool_call_id": "call_3"},
            {"role": "user", "content": "Well?"},
        ]},
    });
    assert_eq!(body, expected);
}

#[test]
fn models_of_dashscope_that_see_have_a_path_of_their_own() {
    let mut target = target(WireFormat::DashScopeGeneration);
    target.features.insert(Feature::Vision);
    let (encoded, body) = try_encode(&target, &everything()).unwrap();
    assert_eq!(
        encoded.path,
        "/api/v1/services/aigc/multimodal-generation/generation"
    );
    let messages = body["input"]["messages"].as_array().unwrap();
    let contents: Vec<_> = messages.iter().map(|message| &message["content"]).collect();
    assert_eq!(contents[0], &json!([{"text": "Be brief."}]));
    let question = "When is high water in Emden and Husum?";
    assert_eq!(
        contents[1],
        &json!([{"text": "Hello."}, {"text": question}])
    );
    assert_eq!(contents[2], &json!([{"text": ""}]), "a call without words");
    assert_eq!(contents[3], &json!([{"text": "ten"}]));
}

#[test]
fn the_least_request_stays_small() {
    let request = json!({"model": "auto", "messages": [{"role": "user", "content": "Hi"}]});
    let user = json!({"role": "user", "content": "Hi"});
    assert_eq!(
        encode(WireFormat::AnthropicMessages, &request),
        json!({"model": "claude-haiku-4-5", "max_tokens": 21_000, "messages": [user]})
    );
    assert_eq!(
        encode(WireFormat::GeminiGenerateContent, &request),
        json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]})
    );
    assert_eq!(
        encode(WireFormat::DashScopeGeneration, &request),
        json!({"model": "qwen-plus", "input": {"messages": [user]},
            "parameters": {"result_format": "message"}})
    );
}

#[test]
fn numbers_leave_as_they_came() {
    let body = br#"{"model":"a","temperature":0.70,
        "messages":[{"role":"user","content":"Hi"}]}"#;
    for wire in FOREIGN {
        let request = parse_chat_request(body).unwrap();
        let encoded = adapter(wire).encode(&request, &target(wire)).unwrap();
        let text = String::from_utf8(encoded.body.to_vec()).unwrap();
        assert!(text.contains("\"temperature\":0.70"), "{text}");
    }
}

#[test]
fn zero_is_not_absent() {
    let mut request = with("temperature", json!(0));
    request["max_completion_tokens"] = json!(0);
    request["stop"] = json!([]);
    let anthropic = encode(WireFormat::AnthropicMessages, &request);
    assert_eq!(anthropic["temperature"], 0);
    assert_eq!(anthropic["max_tokens"], 0);
    assert_eq!(anthropic["stop_sequences"], json!([]));
    let gemini = encode(WireFormat::GeminiGenerateContent, &request);
    assert_eq!(gemini["generationConfig"]["temperature"], 0);
    assert_eq!(gemini["generationConfig"]["maxOutputTokens"], 0);
}

#[test]
fn dashscope_allows_several_calls_unless_told_otherwise() {
    let sent = |parallel: Value| {
        let mut request = everything();
        request["parallel_tool_calls"] = parallel;
        encode(WireFormat::DashScopeGeneration, &request)["parameters"]["parallel_tool_calls"]
            .clone()
    };
    assert_eq!(sent(json!(null)), json!(true), "OpenAI's default is yes");
    assert_eq!(sent(json!(false)), json!(false));
    let without_tools = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    let body = encode(WireFormat::DashScopeGeneration, &without_tools);
    assert_eq!(body["parameters"]["parallel_tool_calls"], json!(null));
}

#[test]
fn tool_choices_are_translated() {
    let named = json!({"type": "function", "function": {"name": "now"}});
    let anthropic = |choice: Value, parallel: Value| {
        let mut request = with("tool_choice", choice);
        request["parallel_tool_calls"] = parallel;
        encode(WireFormat::AnthropicMessages, &request)["tool_choice"].clone()
    };
    let single = json!({"type": "auto", "disable_parallel_tool_use": true});
    assert_eq!(anthropic(json!(null), json!(true)), json!(null));
    assert_eq!(anthropic(json!(null), json!(false)), single);
    assert_eq!(
        anthropic(json!("none"), json!(false)),
        json!({"type": "none"})
    );
    assert_eq!(
        anthropic(json!("required"), json!(null)),
        json!({"type": "any"})
    );
    assert_eq!(
        anthropic(named.clone(), json!(false)),
        json!({"type": "tool", "name": "now", "disable_parallel_tool_use": true})
    );
    let gemini = |choice: Value| {
        let request = with("tool_choice", choice);
        encode(WireFormat::GeminiGenerateContent, &request)["toolConfig"]["functionCallingConfig"]
            .clone()
    };
    assert_eq!(gemini(json!("none")), json!({"mode": "NONE"}));
    assert_eq!(gemini(json!("required")), json!({"mode": "ANY"}));
    assert_eq!(
        gemini(named.clone()),
        json!({"mode": "ANY", "allowedFunctionNames": ["now"]})
    );
    let dashscope = |choice: Value| {
        let request = with("tool_choice", choice);
        encode(WireFormat::DashScopeGeneration, &request)["parameters"]["tool_choice"].clone()
    };
    assert_eq!(dashscope(json!("none")), "none");
    assert_eq!(dashscope(named.clone()), named);
}

#[test]
fn schemas_are_completed_for_anthropic_only_where_they_say_nothing() {
    let schema = |parameters: Value| {
        let tool = json!({"type": "function", "function": {"name": "f", "parameters": parameters}});
        let request = json!({"model": "a", "tools": [tool],
            "messages": [{"role": "user", "content": "Hi"}]});
        try_encode(&target(WireFormat::AnthropicMessages), &request)
            .map(|(_, body)| body["tools"][0]["input_schema"].clone())
            .map_err(|refusal| refusal.field)
    };
    let empty = json!({"type": "object", "properties": {}});
    assert_eq!(schema(json!({})), Ok(empty));
    let untyped = json!({"properties": {"a": {"$ref": "#/$defs/A"}}});
    let typed = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}});
    assert_eq!(schema(untyped), Ok(typed));
    let array = json!({"type": "array"});
    assert_eq!(
        schema(array),
        Err("tools[0].function.parameters".to_owned())
    );
}

#[test]
fn neighbours_of_one_side_become_one_turn() {
    let request = json!({"model": "a", "messages": [
        {"role": "user", "content": "One."},
        {"role": "user", "content": "Two."},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "Three."},
        {"role": "assistant", "content": "Four"},
        {"role": "assistant", "content": "Five"},
    ]});
    let text = |text: &str| json!({"type": "text", "text": text});
    assert_eq!(
        encode(WireFormat::AnthropicMessages, &request)["messages"],
        json!([
            {"role": "user", "content": [text("One."), text("Two."), text("Three.")]},
            {"role": "assistant", "content": [text("Four"), text("Five")]},
        ])
    );
}

#[test]
fn paths_and_headers_are_the_providers_own() {
    let request = json!({"model": "a", "messages": [{"role": "user", "content": "Hi"}]});
    let mut gemini = target(WireFormat::GeminiGenerateContent);
    gemini.upstream = Arc::from("models/tuned/é?");
    let path = try_encode(&gemini, &request).unwrap().0.path;
    assert_eq!(path, "/v1beta/models/tuned%2F%C3%A9%3F:generateContent");
    let headers = |wire: WireFormat| adapter(wire).headers(Some("key-1")).into_vec();
    assert_eq!(
        headers(WireFormat::AnthropicMessages),
        [
            ("anthropic-version", "2023-06-01".to_owned()),
            ("x-api-key", "key-1".to_owned()),
        ]
    );
    assert_eq!(
        headers(WireFormat::GeminiGenerateContent),
        [("x-goog-api-key", "key-1".to_owned())]
    );
    assert_eq!(
        headers(WireFormat::DashScopeGeneration),
        [("authorization", "Bearer key-1".to_owned())]
    );
    assert!(
        adapter(WireFormat::DashScopeGeneration)
            .headers(None)
            .is_empty()
    );
}

#[test]
fn the_default_limit_of_anthropic_is_bounded() {
    let request = json!({"model": "a", "messages": [{"role": "user", "content": "Hi"}]});
    for (most, sent) in [
        (0, 4_096),
        (1_000, 4_096),
        (8_192, 8_192),
        (128_000, 21_000),
    ] {
        let mut target = target(WireFormat::AnthropicMessages);
        target.max_output_tokens = most;
        assert_eq!(try_encode(&target, &request).unwrap().1["max_tokens"], sent);
    }
}
