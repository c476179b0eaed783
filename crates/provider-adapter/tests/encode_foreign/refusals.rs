//! What is refused, and by which name.

use super::*;

#[test]
fn what_no_format_carries_is_refused_by_name() {
    for wire in FOREIGN {
        for (field, value) in [
            ("modalities", json!(["text", "audio"])),
            ("web_search_options", json!({"search_context_size": "low"})),
            ("web_search_options", json!({})),
            ("something_new", json!(true)),
        ] {
            assert_eq!(refused(wire, &with(field, value)), field);
        }
        let sound = json!({"type": "something_new", "something_new": {}});
        let mut request = everything();
        request["messages"][1]["content"][1] = sound;
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
fn hints_are_lost_and_declared() {
    for wire in FOREIGN {
        for (field, value) in [
            ("logit_bias", json!({"1": 2})),
            ("store", json!(true)),
            ("prompt_cache_key", json!("k")),
        ] {
            assert_eq!(lost(wire, &with(field, value)), [field]);
        }
        let cited = json!({"model": "a", "max_tokens": 9, "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Ho", "annotations": [{"type": "url_citation"}]},
            {"role": "user", "content": "Hi"}]});
        assert_eq!(lost(wire, &cited), ["messages.annotations"]);
    }
}

#[test]
fn limits_of_one_provider_are_refused_or_declared_there() {
    let [anthropic, gemini, dashscope] = FOREIGN;
    assert_eq!(
        lost(anthropic, &with("temperature", json!(1.01))),
        ["temperature"]
    );
    assert_eq!(
        refused(anthropic, &with("stop", json!(["a", " \n"]))),
        "stop[1]"
    );
    assert_eq!(lost(anthropic, &everything()), ["top_p"]);
    let six = json!(["1", "2", "3", "4", "5", "6"]);
    assert_eq!(refused(gemini, &with("stop", six)), "stop");
    assert_eq!(
        lost(gemini, &with("parallel_tool_calls", json!(false))),
        ["parallel_tool_calls"]
    );
    assert_eq!(
        lost(dashscope, &with("temperature", json!(2))),
        ["temperature"]
    );
    let hot = encode(dashscope, &with("temperature", json!(2)));
    assert_eq!(hot["parameters"]["temperature"], 1.99);
    assert_eq!(refused(dashscope, &with("top_p", json!(0))), "top_p");
    assert_eq!(
        refused(dashscope, &with("tool_choice", json!("required"))),
        "tool_choice"
    );
    let mut strict = without("top_p");
    strict["tools"][1]["function"]["strict"] = json!(true);
    assert_eq!(lost(gemini, &strict), ["tools.strict"]);
    assert_eq!(lost(dashscope, &strict), ["tools.strict"]);
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
        target.facts.refuses_sampling = true;
        let sent = |temperature: Value, top_p: Value| {
            let mut request = with("temperature", temperature);
            request["top_p"] = top_p;
            let (encoded, body) = try_encode(&target, &request).unwrap();
            let body = body.to_string();
            assert!(
                !body.contains("\"temperature") && !body.contains("\"top"),
                "{body}"
            );
            encoded.lossy.fields().to_vec()
        };
        assert_eq!(sent(json!(0.7), json!(0.9)), ["temperature", "top_p"]);
        assert_eq!(sent(json!(1.0), json!(0.9)), ["top_p"]);
        assert!(sent(json!(1), json!(1)).is_empty());
        let mut request = with("presence_penalty", json!(0.5));
        request["temperature"] = json!(null);
        request["top_p"] = json!(null);
        request["frequency_penalty"] = json!(0.5);
        let (encoded, body) = try_encode(&target, &request).unwrap();
        assert!(!body.to_string().to_lowercase().contains("penalty"));
        let mut lost = encoded.lossy.fields().to_vec();
        lost.sort_unstable();
        assert_eq!(lost, ["frequency_penalty", "presence_penalty"]);
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

fn reason(wire: WireFormat, request: &Value) -> String {
    let refusal = try_encode(&target(wire), request).unwrap_err();
    format!("{} {}", refusal.field, refusal.reason)
}

#[test]
fn an_unknown_effort_is_told_the_known_ones() {
    for wire in FOREIGN {
        assert_eq!(
            reason(wire, &with("reasoning_effort", json!("bogus"))),
            "reasoning_effort is not one of none, minimal, low, medium, high, xhigh, max"
        );
    }
}

#[test]
fn a_schema_that_refers_to_nowhere_is_refused_by_name() {
    let mut request = without("top_p");
    request.as_object_mut().unwrap().remove("tools");
    request.as_object_mut().unwrap().remove("tool_choice");
    request["messages"] = json!([{"role": "user", "content": "Hi"}]);
    request["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "a",
        "schema": {"type": "object", "properties": {"a": {"$ref": "#/$defs/Missing"}},
            "required": ["a"], "additionalProperties": false}}});
    let expected =
        "response_format.json_schema.schema refers to #/$defs/Missing, which is not in it";
    for wire in FOREIGN {
        assert_eq!(reason(wire, &request), expected);
    }
    // DeepSeek is told the schema in words, also of clients that speak its own format.
    let mut deepseek = target(WireFormat::OpenAiChat);
    assert!(try_encode(&deepseek, &request).is_ok());
    deepseek.facts.structured_output = steelyard_types::StructuredOutput::Object;
    let refusal = try_encode(&deepseek, &request).unwrap_err();
    assert_eq!(format!("{} {}", refusal.field, refusal.reason), expected);
}

#[test]
fn pictures_that_cannot_be_read_are_told_why() {
    let [anthropic, ..] = FOREIGN;
    let shown = |url: &str| {
        let mut request = everything();
        request["messages"][1]["content"][1] =
            json!({"type": "image_url", "image_url": {"url": url}});
        request
    };
    for url in [
        "file:///a.png",
        "data:image/svg+xml,%3Csvg",
        "data:image/png,x",
    ] {
        assert_eq!(
            reason(anthropic, &shown(url)),
            "messages[1].content[1] of type image_url whose url is neither http(s) nor a data URL \
             in base64 is not carried to Anthropic"
        );
    }
    assert_eq!(
        reason(anthropic, &shown("data:image/svg+xml;base64,PHN2Zz4=")),
        "messages[1].content[1] of type image_url (image/svg+xml) is not carried to Anthropic"
    );
    let mut seeing = target(anthropic);
    seeing.features = [steelyard_types::Feature::Vision].into_iter().collect();
    assert!(try_encode(&seeing, &shown("DATA:IMAGE/PNG;BASE64,iVBORw0KGgo=")).is_ok());
}

#[test]
fn arguments_that_are_no_object_travel_in_one() {
    let call = json!({"id": "a", "type": "function",
        "function": {"name": "now", "arguments": "{\"cut"}});
    let request = json!({"model": "a", "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "not JSON"}]});
    let wrapped = r#"{"unparsed_arguments":"{\"cut"}"#;
    for (wire, expected) in [
        (WireFormat::AnthropicMessages, wrapped),
        (WireFormat::GeminiGenerateContent, wrapped),
        (WireFormat::DashScopeGeneration, r#""arguments":"{\"cut""#),
    ] {
        let (encoded, _) = try_encode(&target(wire), &request).unwrap();
        let body = std::str::from_utf8(&encoded.body).unwrap();
        assert!(body.contains(expected), "{body}");
    }
}
