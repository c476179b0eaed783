//! Requests in the formats that are not the client's: exact bodies, what is refused, and whether
//! the providers' published schemas agree.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod schema;

use std::sync::Arc;

use serde_json::{Value, json};
use steelyard_provider_adapter::openai::parse_chat_request;
use steelyard_provider_adapter::{EncodedRequest, Refusal, adapter};
use steelyard_types::{Feature, FeatureSet, Target, WireFormat, WireProfile};

const FOREIGN: [WireFormat; 3] = [
    WireFormat::AnthropicMessages,
    WireFormat::GeminiGenerateContent,
    WireFormat::DashScopeGeneration,
];

fn target(wire: WireFormat) -> Target {
    let upstream = match wire {
        WireFormat::OpenAiChat => "gpt",
        WireFormat::AnthropicMessages => "claude-haiku-4-5",
        WireFormat::GeminiGenerateContent => "gemini-3-flash",
        WireFormat::DashScopeGeneration => "qwen-plus",
    };
    Target {
        upstream: Arc::from(upstream),
        wire,
        profile: WireProfile::OPENAI,
        features: FeatureSet::EMPTY,
        refuses_sampling: false,
        max_output_tokens: 64_000,
    }
}

/// What the adapter writes for a request of the client's, after the cheap check said the same.
fn try_encode(target: &Target, request: &Value) -> Result<(EncodedRequest, Value), Refusal> {
    let body = request.to_string();
    let request = parse_chat_request(body.as_bytes()).unwrap();
    let adapter = adapter(target.wire);
    let carries = adapter.carries(&request, target);
    let encoded = adapter.encode(&request, target);
    if let Err(refusal) = carries {
        assert_eq!(encoded.as_ref(), Err(&refusal));
    }
    let encoded = encoded?;
    let text = std::str::from_utf8(&encoded.body).unwrap();
    let value: Value = serde_json::from_str(text).unwrap();
    schema::check(target.wire, &value);
    Ok((encoded, value))
}

fn encode(wire: WireFormat, request: &Value) -> Value {
    try_encode(&target(wire), request).unwrap().1
}

/// A request that uses everything which is carried.
fn everything() -> Value {
    json!({
        "model": "auto",
        "stream": true,
        "stream_options": {"include_usage": true},
        "max_completion_tokens": 300,
        "temperature": 0.70,
        "top_p": 0.9,
        "stop": ["END", "---"],
        "tools": [
            {"type": "function", "function": {
                "name": "tide",
                "description": "When the tide turns",
                "parameters": {"type": "object", "$defs": {"H": {"const": 1}},
                    "properties": {"harbour": {"type": "string"}}, "required": ["harbour"]},
            }},
            {"type": "function", "function": {"name": "now"}},
        ],
        "tool_choice": "auto",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hello."},
                {"type": "text", "text": "When is high water in Emden and Husum?"}]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_1", "type": "function",
                    "function": {"name": "tide", "arguments": "{\"harbour\": \"Emden\"}"}},
                {"id": "call_2", "type": "function",
                    "function": {"name": "tide", "arguments": "{\"harbour\": \"Husum\"}"}},
            ]},
            {"role": "tool", "tool_call_id": "call_2", "content": "ten"},
            {"role": "tool", "tool_call_id": "call_1", "content": "{\"hour\": 9}"},
            {"role": "assistant", "content": "Nine and ten."},
            {"role": "developer", "content": "Answer in German."},
            {"role": "user", "content": "And what time is it?"},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [
                {"id": "call_3", "type": "function", "function": {"name": "now", "arguments": ""}},
            ]},
            {"role": "tool", "tool_call_id": "call_3", "content": ""},
            {"role": "user", "content": "Well?"},
        ],
    })
}

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
                {"functionCall": {"id": "call_3", "name": "now", "args": {}}},
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
    assert_eq!(contents[2], &json!([]), "a call without words");
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

fn without(field: &str) -> Value {
    let mut request = everything();
    request.as_object_mut().unwrap().remove(field);
    request
}

/// Everything that all formats take, with one field changed.
fn with(field: &str, value: Value) -> Value {
    let mut request = without("top_p");
    request[field] = value;
    request
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

fn refused(wire: WireFormat, request: &Value) -> String {
    try_encode(&target(wire), request).unwrap_err().field
}

#[test]
fn what_no_format_carries_is_refused_by_name() {
    for wire in FOREIGN {
        for (field, value) in [
            ("response_format", json!({"type": "json_object"})),
            ("seed", json!(7)),
            ("n", json!(2)),
            ("logit_bias", json!({"1": 2})),
            ("something_new", json!(true)),
        ] {
            assert_eq!(refused(wire, &with(field, value)), field);
        }
        let image = json!({"type": "image_url", "image_url": {"url": "https://example.org/a"}});
        let mut request = everything();
        request["messages"][1]["content"][1] = image;
        assert_eq!(refused(wire, &request), "messages[1].content[1]");
        assert_eq!(
            refused(wire, &with("max_completion_tokens", json!(64_001))),
            "max_completion_tokens"
        );
        let no_tools = json!({"model": "a", "tool_choice": "required",
            "messages": [{"role": "user", "content": "Hi"}]});
        assert_eq!(refused(wire, &no_tools), "tool_choice");
    }
}

#[test]
fn limits_of_one_provider_are_refused_there() {
    let [anthropic, gemini, dashscope] = FOREIGN;
    assert_eq!(
        refused(anthropic, &with("temperature", json!(1.01))),
        "temperature"
    );
    assert_eq!(
        refused(anthropic, &with("stop", json!(["a", " \n"]))),
        "stop[1]"
    );
    assert_eq!(refused(anthropic, &everything()), "top_p");
    let six = json!(["1", "2", "3", "4", "5", "6"]);
    assert_eq!(refused(gemini, &with("stop", six)), "stop");
    assert_eq!(
        refused(gemini, &with("parallel_tool_calls", json!(false))),
        "parallel_tool_calls"
    );
    assert_eq!(
        refused(dashscope, &with("temperature", json!(2))),
        "temperature"
    );
    assert_eq!(refused(dashscope, &with("top_p", json!(0))), "top_p");
    assert_eq!(
        refused(dashscope, &with("tool_choice", json!("required"))),
        "tool_choice"
    );
    let mut strict = without("top_p");
    strict["tools"][1]["function"]["strict"] = json!(true);
    assert_eq!(refused(gemini, &strict), "tools[1].function.strict");
    assert_eq!(refused(dashscope, &strict), "tools[1].function.strict");
    assert_eq!(encode(anthropic, &strict)["tools"][1]["strict"], true);
}

#[test]
fn anthropic_takes_one_of_two_sampling_parameters() {
    let sent = |temperature: Value, top_p: Value| {
        let mut request = with("temperature", temperature);
        request["top_p"] = top_p;
        let body = encode(WireFormat::AnthropicMessages, &request);
        [body["temperature"].clone(), body["top_p"].clone()]
    };
    assert_eq!(sent(json!(0.2), json!(1)), [json!(0.2), json!(null)]);
    assert_eq!(sent(json!(1.0), json!(0.5)), [json!(null), json!(0.5)]);
    assert_eq!(sent(json!(1), json!(1)), [json!(1), json!(null)]);
    assert_eq!(sent(json!(null), json!(0.5)), [json!(null), json!(0.5)]);
}

#[test]
fn models_without_sampling_take_only_its_default() {
    for wire in FOREIGN {
        let mut target = target(wire);
        target.refuses_sampling = true;
        let refused = try_encode(&target, &everything()).unwrap_err();
        assert_eq!(refused.field, "temperature");
        let mut request = with("temperature", json!(1.0));
        request["top_p"] = json!(0.9);
        assert_eq!(try_encode(&target, &request).unwrap_err().field, "top_p");
        request["top_p"] = json!(1);
        let body = try_encode(&target, &request).unwrap().1.to_string();
        assert!(
            !body.contains("\"temperature") && !body.contains("\"top"),
            "{body}"
        );
    }
}

#[test]
fn conversations_that_cannot_be_arranged_are_refused() {
    let call = |id: &str, arguments: &str| {
        json!({"id": id, "type": "function",
            "function": {"name": "now", "arguments": arguments}})
    };
    let user = json!({"role": "user", "content": "Hi"});
    let asks = |calls: Value| json!({"role": "assistant", "tool_calls": calls});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "1"});
    let one = || asks(json!([call("a", "{}")]));
    for (messages, field) in [
        (
            json!([{"role": "system", "content": "Be brief."}]),
            "messages",
        ),
        (
            json!([user, {"role": "user", "content": ""}]),
            "messages[1].content",
        ),
        (json!([user, one()]), "messages[1].tool_calls[0]"),
        (json!([user, one(), user]), "messages[1].tool_calls[0]"),
        (
            json!([user, one(), one(), result("a")]),
            "messages[1].tool_calls[0]",
        ),
        (
            json!([user, one(), user, result("a")]),
            "messages[3].tool_call_id",
        ),
        (
            json!([user, one(), result("a"), result("a")]),
            "messages[3].tool_call_id",
        ),
        (
            json!([user, one(), result("b")]),
            "messages[2].tool_call_id",
        ),
        (json!([user, result("a")]), "messages[1].tool_call_id"),
        (
            json!([
                user,
                asks(json!([call("a", "{}"), call("a", "{}")])),
                result("a")
            ]),
            "messages[1].tool_calls[1].id",
        ),
        (
            json!([user, asks(json!([call("a", "{\"cut")])), result("a")]),
            "messages[1].tool_calls[0].function.arguments",
        ),
        (
            json!([user, asks(json!([call("a", "[1]")])), result("a")]),
            "messages[1].tool_calls[0].function.arguments",
        ),
    ] {
        let request = json!({"model": "a", "messages": messages});
        for wire in [
            WireFormat::AnthropicMessages,
            WireFormat::GeminiGenerateContent,
        ] {
            assert_eq!(refused(wire, &request), field, "{request}");
        }
    }
    let greeting =
        json!({"model": "a", "messages": [{"role": "assistant", "content": "Hi"}, user]});
    let refused = refused(WireFormat::AnthropicMessages, &greeting);
    assert_eq!(refused, "messages[0].role");
    let gemini = encode(WireFormat::GeminiGenerateContent, &greeting);
    assert_eq!(gemini["contents"][0]["role"], "model");
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
fn ids_of_other_providers_fit_anthropic() {
    let id = "fix~ts~QUJD+/==";
    let request = |id: &str| {
        json!({"model": "a", "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "tool_calls": [{"id": id, "type": "function",
                "function": {"name": "now", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": id, "content": "9"},
        ]})
    };
    let ids = |id: &str| {
        let body = encode(WireFormat::AnthropicMessages, &request(id));
        let call = body["messages"][1]["content"][0]["id"].clone();
        assert_eq!(call, body["messages"][2]["content"][0]["tool_use_id"]);
        call.as_str().unwrap().to_owned()
    };
    assert_eq!(ids(id), "fix", "the signature is Gemini's business");
    let mapped = ids("no:such.alphabet");
    assert!(
        mapped.starts_with("call_") && mapped.len() == 21,
        "{mapped}"
    );
    assert_ne!(mapped, ids("no:such alphabet"));
    let dashscope = encode(WireFormat::DashScopeGeneration, &request(id));
    let messages = &dashscope["input"]["messages"];
    assert_eq!(messages[1]["tool_calls"][0]["id"], "fix");
    assert_eq!(messages[2]["tool_call_id"], "fix");
}

#[test]
fn signatures_of_gemini_stay_out_of_the_clients_dialect() {
    let call = json!({"id": "fix~ts~QUJD+/==", "type": "function", "custom": 1,
        "function": {"name": "now", "arguments": "{}"}});
    let request = json!({"model": "a", "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "fix~ts~QUJD+/==", "content": "9"},
    ]});
    let messages = &encode(WireFormat::OpenAiChat, &request)["messages"];
    let mut expected = call;
    expected["id"] = json!("fix");
    assert_eq!(messages[1]["tool_calls"], json!([expected]));
    assert_eq!(messages[2]["tool_call_id"], "fix");
}

/// The parts with calls of the second content that Gemini is sent, as signature by position.
fn signatures(model: &str, messages: &Value) -> Vec<Option<String>> {
    let mut target = target(WireFormat::GeminiGenerateContent);
    target.upstream = Arc::from(model);
    let request = json!({"model": "a", "messages": messages});
    let body = try_encode(&target, &request).unwrap().1;
    let contents = body["contents"].as_array().unwrap().iter();
    contents
        .flat_map(|content| content["parts"].as_array().unwrap())
        .filter(|part| part.get("functionCall").is_some())
        .map(|part| part["thoughtSignature"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn signatures_return_to_gemini() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "now", "arguments": "{}"}});
    let turn = |ids: [&str; 2]| {
        let results = ids.map(|id| json!({"role": "tool", "tool_call_id": id, "content": "9"}));
        let [first, second] = results;
        [
            json!({"role": "assistant", "tool_calls": ids.map(call)}),
            first,
            second,
        ]
    };
    let mut messages = vec![json!({"role": "user", "content": "Hi"})];
    messages.extend(turn(["old_1", "old_2"]));
    messages.push(json!({"role": "user", "content": "Again"}));
    messages.extend(turn(["a~ts~QUJD+/==", "b"]));
    messages.extend(turn(["c", "d"]));
    let messages = json!(messages);
    let real = Some("QUJD+/==".to_owned());
    let placeholder = Some("skip_thought_signature_validator".to_owned());
    for model in [
        "gemini-3-flash",
        "models/gemini-3.1-pro-preview",
        "gemini-10",
    ] {
        assert_eq!(
            signatures(model, &messages),
            [None, None, real.clone(), None, placeholder.clone(), None],
            "{model}"
        );
    }
    assert_eq!(
        signatures("gemini-2.5-flash", &messages),
        [None, None, real, None, None, None]
    );
}

#[test]
fn calls_of_gemini_round_trip_through_a_client() {
    let wire = WireFormat::GeminiGenerateContent;
    let body = r#"{"responseId":"r1","candidates":[{"finishReason":"STOP","content":{"parts":[
        {"functionCall":{"name":"now","args":{}},"thoughtSignature":"QUJD"},
        {"functionCall":{"name":"now","args":{}}}]}}]}"#;
    let headers: [(&str, &str); 0] = [];
    let head = steelyard_provider_adapter::ResponseHead {
        status: 200,
        headers: &headers,
        at: steelyard_types::UnixMillis(0),
    };
    let answer = adapter(wire).decode(&head, body.as_bytes()).unwrap();
    let calls: Vec<_> = answer
        .tool_calls
        .iter()
        .map(|call| {
            json!({"id": call.id, "type": "function",
                "function": {"name": call.name, "arguments": call.arguments}})
        })
        .collect();
    let results = answer
        .tool_calls
        .iter()
        .map(|call| json!({"role": "tool", "tool_call_id": call.id, "content": "9"}));
    let mut messages = vec![
        json!({"role": "user", "content": "Hi"}),
        json!({"role": "assistant", "content": null, "tool_calls": calls}),
    ];
    messages.extend(results);
    let sent = encode(wire, &json!({"model": "a", "messages": messages}));
    let parts = &sent["contents"][1]["parts"];
    assert_eq!(parts[0]["thoughtSignature"], "QUJD");
    assert!(parts[1].get("thoughtSignature").is_none());
    for position in [0, 1] {
        let id = &parts[position]["functionCall"]["id"];
        assert!(!id.as_str().unwrap().contains('~'));
        let response = &sent["contents"][2]["parts"][position]["functionResponse"];
        assert_eq!((&response["id"], &response["name"]), (id, &json!("now")));
    }
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
