//! Ids of calls, and the signatures inside those of Gemini.

use super::*;

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
    messages.push(json!({"role": "assistant", "content": "Nine."}));
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
fn a_signature_of_gemini_returns_to_its_own_model_only() {
    use steelyard_provider_adapter::{ReplyContext, ResponseHead, UnaryReply};
    let answer = json!({"candidates": [{"finishReason": "STOP", "content": {"role": "model",
        "parts": [{"functionCall": {"name": "now", "args": {}}, "thoughtSignature": "QUJD"}]}}]});
    let context = ReplyContext {
        dialect: steelyard_types::Dialect::OpenAiChat,
        id: "own".to_owned(),
        created: 17,
        upstream_model: Arc::from("gemini-3-flash"),
        include_usage: false,
        function_call: false,
        echo: None,
    };
    let head = ResponseHead {
        status: 200,
        headers: &[],
        at: steelyard_types::UnixMillis(0),
    };
    let wire = WireFormat::GeminiGenerateContent;
    let body = bytes::Bytes::from(answer.to_string());
    let reply = UnaryReply::read(wire, &head, body, &context).unwrap();
    let reply: Value = serde_json::from_slice(&reply.body).unwrap();
    let message = &reply["choices"][0]["message"];
    let result = json!({"role": "tool", "content": "9",
        "tool_call_id": message["tool_calls"][0]["id"]});
    let messages = json!([{"role": "user", "content": "Hi"}, message, result]);
    let sent = |model: &str| signatures(model, &messages)[0].clone().unwrap();
    assert_eq!(sent("gemini-3-flash"), "QUJD");
    assert_eq!(sent("gemini-3-pro"), "skip_thought_signature_validator");
}
