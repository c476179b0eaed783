//! What the real providers refuse is refused, with their status and in their words.

use serde_json::{Value, json};

use crate::rig::{ALL, Got, Kind, Rig};

/// Sets the value at a JSON pointer, or removes it where the value is null.
fn changed(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap();
    match (value, key.parse::<usize>()) {
        (Value::Null, _) => {
            parent.as_object_mut().unwrap().remove(key);
        }
        (value, Ok(index)) => parent[index] = value,
        (value, Err(_)) => parent[key] = value,
    }
    body
}

async fn refused(rig: &Rig, kind: Kind, pointer: &str, value: Value) -> Got {
    let body = changed(kind.body("hi", false, true), pointer, value.clone());
    let got = rig.send(kind, &body, false).await;
    assert!(
        got.status >= 400,
        "{kind:?} accepts {value} at {pointer}: {}",
        got.text
    );
    got
}

#[tokio::test]
async fn wrong_and_missing_keys() {
    let rig = Rig::start().await;
    for kind in ALL {
        let path = kind.path(kind.model(), false);
        let body = kind.body("hi", false, false).to_string();
        let bare = rig.client.post(format!("{}{path}", rig.base)).body(body);
        let wrong = bare
            .try_clone()
            .unwrap()
            .header("authorization", "Bearer sk-wrong")
            .header("x-api-key", "sk-wrong")
            .header("x-goog-api-key", "sk-wrong");
        let (bare, wrong) = (Rig::receive(bare).await, Rig::receive(wrong).await);
        let expected = match kind {
            Kind::Compatible => (200, 200),
            Kind::Gemini => (403, 400),
            _ => (401, 401),
        };
        assert_eq!((bare.status, wrong.status), expected, "{kind:?}");
        if kind == Kind::Gemini {
            assert!(wrong.text.contains("API_KEY_INVALID"));
        }
    }
}

#[tokio::test]
async fn a_dashscope_key_is_bound_to_its_region() {
    let rig = Rig::start().await;
    let body = Kind::DashScope.body("hi", false, false).to_string();
    for (region, key, status) in [
        ("-cn", "sk-sim-cn-1", 200),
        ("-cn", "sk-sim-intl-1", 401),
        ("-intl", "sk-sim-intl-1", 200),
        ("-us", "sk-sim-us-1", 200),
        ("-us", "sk-sim-cn-1", 401),
        ("", "sk-sim-us-1", 200),
    ] {
        let path = "api/v1/services/aigc/text-generation/generation";
        let url = format!("{}/dashscope{region}/{path}", rig.base);
        let request = rig.client.post(url).body(body.clone());
        let got = Rig::receive(request.header("authorization", format!("Bearer {key}"))).await;
        assert_eq!(got.status, status, "{region} {key}");
    }
}

#[tokio::test]
async fn unknown_models() {
    let rig = Rig::start().await;
    for kind in ALL {
        let mut body = kind.body("hi", false, false);
        if kind != Kind::Gemini {
            body["model"] = json!("no-such-model");
        }
        let path = kind.path("no-such-model", false);
        let got = Rig::receive(rig.request(kind, &path, body.to_string())).await;
        // Mistral and DeepSeek answer 400 to a model that they do not have.
        let expected = if matches!(kind, Kind::Mistral | Kind::DeepSeek) {
            400
        } else {
            404
        };
        assert_eq!(got.status, expected, "{kind:?} {}", got.text);
    }
}

#[tokio::test]
async fn wrong_types_and_missing_members() {
    let rig = Rig::start().await;
    for kind in ALL {
        let (list, temperature) = match kind {
            Kind::Gemini => ("/contents", "/generationConfig"),
            Kind::DashScope => ("/input/messages", "/parameters/temperature"),
            _ => ("/messages", "/temperature"),
        };
        let bad = if kind == Kind::Gemini {
            json!({"temperature": "x"})
        } else {
            json!("x")
        };
        refused(&rig, kind, list, Value::Null).await;
        refused(&rig, kind, list, json!([])).await;
        refused(&rig, kind, list, json!("text")).await;
        refused(&rig, kind, &format!("{list}/0/role"), json!("boss")).await;
        refused(&rig, kind, temperature, bad).await;
        let content = if kind == Kind::Gemini {
            "parts"
        } else {
            "content"
        };
        refused(&rig, kind, &format!("{list}/0/{content}"), json!(5)).await;
        refused(&rig, kind, &format!("{list}/0/{content}"), Value::Null).await;
    }
}

#[tokio::test]
async fn openai_says_what_and_where() {
    let rig = Rig::start().await;
    for (pointer, value, param, code) in [
        (
            "/messages",
            Value::Null,
            "messages",
            "missing_required_parameter",
        ),
        (
            "/temperature",
            json!(-1),
            "temperature",
            "decimal_below_min_value",
        ),
        ("/temperature", json!("hot"), "temperature", "invalid_type"),
        (
            "/max_tokens",
            json!(0),
            "max_tokens",
            "integer_below_min_value",
        ),
        (
            "/messages/0/role",
            json!("boss"),
            "messages[0].role",
            "invalid_value",
        ),
        ("/colour", json!("red"), "colour", "unknown_parameter"),
        (
            "/stop",
            json!(["a", "b", "c", "d", "e"]),
            "stop",
            "array_above_max_length",
        ),
        ("/tools", json!([]), "tools", "empty_array"),
    ] {
        let got = refused(&rig, Kind::OpenAi, pointer, value).await;
        let error = &got.json()["error"];
        assert_eq!(
            (got.status, &error["param"], &error["code"]),
            (400, &json!(param), &json!(code))
        );
    }
    for (pointer, value) in [
        ("/stream_options", json!({"include_usage": true})),
        (
            "/tool_choice",
            json!({"type": "function", "function": {"name": "absent"}}),
        ),
        ("/response_format", json!({"type": "json_object"})),
        (
            "/messages",
            json!([{"role": "tool", "tool_call_id": "a", "content": "b"}]),
        ),
        (
            "/messages",
            json!([{"role": "user", "content": "a"}, {"role": "assistant",
            "tool_calls": [{"id": "c", "type": "function",
                "function": {"name": "get_weather", "arguments": "{}"}}]}]),
        ),
    ] {
        assert_eq!(
            refused(&rig, Kind::OpenAi, pointer, value).await.status,
            400
        );
    }
    for (name, value) in [("max_tokens", json!(9)), ("temperature", json!(0.2))] {
        let mut body = Kind::OpenAi.body("hi", false, false);
        body["model"] = json!("gpt-5-mini");
        body[name] = value;
        let got = rig.send(Kind::OpenAi, &body, false).await;
        assert_eq!(
            (got.status, &got.json()["error"]["param"]),
            (400, &json!(name))
        );
    }
}

#[tokio::test]
async fn anthropic_keeps_turns_in_order() {
    let rig = Rig::start().await;
    let kind = Kind::Anthropic;
    let use_block = json!({"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}});
    let result = json!({"type": "tool_result", "tool_use_id": "t1", "content": "18"});
    let text = json!({"type": "text", "text": "well"});
    let turn = |role: &str, content: Value| json!({"role": role, "content": content});
    let start = turn("user", json!("hi"));
    let call = turn("assistant", json!([use_block]));
    for (messages, words) in [
        (
            json!([turn("assistant", json!("hi"))]),
            "first message must use",
        ),
        (json!([turn("user", json!(""))]), "non-empty content"),
        (
            json!([turn("user", json!([{"type": "text", "text": ""}]))]),
            "must be non-empty",
        ),
        (json!([start, call]), "`tool_use` ids were found"),
        (
            json!([start, call, turn("user", json!("no"))]),
            "`tool_use` ids were found",
        ),
        (
            json!([start, call, turn("user", json!([text, result]))]),
            "`tool_use` ids were found",
        ),
        (
            json!([turn("user", json!([result]))]),
            "unexpected `tool_use_id`",
        ),
        (
            json!([turn("system", json!("be kind")), start]),
            "Unexpected role",
        ),
    ] {
        let got = refused(&rig, kind, "/messages", messages).await;
        assert!(got.text.contains(words), "{words}: {}", got.text);
    }
    let good = json!([start, call, turn("user", json!([result, text]))]);
    let body = changed(kind.body("hi", false, true), "/messages", good);
    assert_eq!(rig.send(kind, &body, false).await.status, 200);
    for (pointer, value, words) in [
        ("/max_tokens", Value::Null, "max_tokens: Field required"),
        ("/temperature", json!(1.5), "less than or equal to 1"),
        (
            "/colour",
            json!(1),
            "colour: Extra inputs are not permitted",
        ),
        (
            "/thinking",
            json!({"type": "enabled", "budget_tokens": 1024}),
            "greater than `thinking",
        ),
        (
            "/thinking",
            json!({"type": "enabled", "budget_tokens": 10}),
            "equal to 1024",
        ),
        (
            "/tools/0/input_schema",
            json!({}),
            "tools.0.input_schema.type: Field required",
        ),
        ("/stop_sequences", json!(["\n"]), "non-whitespace"),
        ("/tool_choice", json!({"type": "auto!"}), "tool_choice.type"),
    ] {
        let got = refused(&rig, kind, pointer, value).await;
        assert!(got.text.contains(words), "{words}: {}", got.text);
    }
    let mut body = kind.body("hi", false, false);
    body["model"] = json!("claude-opus-4-7");
    body["temperature"] = json!(0.5);
    assert!(
        rig.send(kind, &body, false)
            .await
            .text
            .contains("deprecated for this model")
    );
}

#[tokio::test]
async fn gemini_counts_responses_and_wants_signatures() {
    let rig = Rig::start().await;
    let kind = Kind::Gemini;
    let turn = |role: &str, parts: Value| json!({"role": role, "parts": parts});
    let call = json!({"functionCall": {"name": "get_weather", "args": {}}});
    let signed = json!({"functionCall": {"name": "get_weather", "args": {}},
        "thoughtSignature": "skip_thought_signature_validator"});
    let response = json!({"functionResponse": {"name": "get_weather", "response": {"output": 1}}});
    let start = turn("user", json!([{"text": "hi"}]));
    let two = json!([
        start,
        turn("model", json!([signed, call])),
        turn("user", json!([response]))
    ]);
    let got = refused(&rig, kind, "/contents", two).await;
    assert!(
        got.text.contains("number of function response parts"),
        "{}",
        got.text
    );
    for (contents, status) in [(call, 400), (signed, 200)] {
        let contents = json!([
            start,
            turn("model", json!([contents])),
            turn("user", json!([response]))
        ]);
        let body = changed(kind.body("hi", false, true), "/contents", contents);
        let path = kind.path("gemini-3.5-flash", false);
        let got = Rig::receive(rig.request(kind, &path, body.to_string())).await;
        assert_eq!(got.status, status, "{}", got.text);
    }
    let text = json!({"functionResponse": {"name": "get_weather", "response": "text"}});
    for (pointer, value) in [
        ("/contents", json!([turn("user", json!([text]))])),
        (
            "/contents",
            json!([turn("system", json!([{"text": "hi"}]))]),
        ),
        ("/contents/0/parts", json!([])),
        ("/colour", json!("red")),
        (
            "/generationConfig",
            json!({"stopSequences": ["1", "2", "3", "4", "5", "6"]}),
        ),
        ("/generationConfig", json!({"max_tokens": 5})),
        (
            "/generationConfig",
            json!({"responseSchema": {"type": "object"}}),
        ),
        (
            "/generationConfig",
            json!({"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "low"}}),
        ),
        (
            "/tools/0/functionDeclarations/0/parameters",
            json!({"$schema": "x"}),
        ),
        ("/tools/0/functionDeclarations/0/name", json!("9 lives")),
    ] {
        let got = refused(&rig, kind, pointer, value).await;
        assert_eq!(got.json()["error"]["status"], "INVALID_ARGUMENT");
    }
}

#[tokio::test]
async fn dashscope_streams_its_refusals() {
    let rig = Rig::start().await;
    let kind = Kind::DashScope;
    for (pointer, value) in [
        ("/parameters/temperature", json!(2.0)),
        ("/parameters/top_p", json!(0)),
        ("/parameters/n", json!(5)),
        ("/parameters/max_tokens", json!(0)),
        ("/parameters/result_format", json!("text")),
        ("/parameters/tool_choice", json!("required")),
        ("/input/messages/0/content", json!("")),
        ("/colour", json!("red")),
    ] {
        let got = refused(&rig, kind, pointer, value).await;
        assert_eq!(
            (got.status, &got.json()["code"]),
            (400, &json!("InvalidParameter"))
        );
    }
    let body = changed(
        kind.body("hi", true, false),
        "/parameters/temperature",
        json!(2),
    );
    let got = rig.send(kind, &body, true).await;
    assert_eq!(got.status, 200);
    assert!(
        got.text
            .starts_with("id:1\nevent:error\n:HTTP_STATUS/400\ndata:{\"code\":")
    );
    let mut body = kind.body("hi", false, false);
    body["model"] = json!("qwen3.7-plus");
    assert!(
        rig.send(kind, &body, false)
            .await
            .text
            .contains("url error")
    );
    body["model"] = json!("qwq-plus");
    assert!(
        rig.send(kind, &body, false)
            .await
            .text
            .contains("only support stream mode")
    );
}

#[tokio::test]
async fn mistral_forbids_what_it_does_not_know() {
    let rig = Rig::start().await;
    let kind = Kind::Mistral;
    for (pointer, value, place) in [
        (
            "/max_completion_tokens",
            json!(5),
            json!(["body", "max_completion_tokens"]),
        ),
        (
            "/stream_options",
            json!({}),
            json!(["body", "stream_options"]),
        ),
        (
            "/messages/0/reasoning_content",
            json!("x"),
            json!(["body", "messages", 0, "reasoning_content"]),
        ),
    ] {
        let got = refused(&rig, kind, pointer, value).await;
        let detail = &got.json()["detail"][0];
        assert_eq!(
            (got.status, &detail["type"]),
            (422, &json!("extra_forbidden"))
        );
        assert_eq!(detail["loc"], place);
    }
    let messages = |id: &str| {
        json!([{"role": "user", "content": "hi"},
            {"role": "assistant", "content": "", "tool_calls": [{"id": id, "function":
                {"name": "get_weather", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": id, "content": "18"}])
    };
    let got = refused(&rig, kind, "/messages", messages("call_12345")).await;
    assert!(got.text.contains("with a length of 9"));
    let body = changed(
        kind.body("hi", false, true),
        "/messages",
        messages("a1B2c3D4e"),
    );
    assert_eq!(rig.send(kind, &body, false).await.status, 200);
}

#[tokio::test]
async fn tools_of_other_types_than_functions() {
    let rig = Rig::start().await;
    let custom = json!({"type": "custom", "custom": {"name": "sql"}});
    for (kind, status) in [
        (Kind::Mistral, 422),
        (Kind::DeepSeek, 422),
        (Kind::DashScopeCompatible, 400),
    ] {
        let got = refused(&rig, kind, "/tools/0", custom.clone()).await;
        assert_eq!(got.status, status, "{kind:?}: {}", got.text);
    }
    let taken = changed(Kind::OpenAi.body("hi", false, true), "/tools/0", custom);
    let got = rig.send(Kind::OpenAi, &taken, false).await;
    assert_eq!(got.status, 200, "{}", got.text);
}

#[tokio::test]
async fn mistral_forbids_further_members_of_functions() {
    let rig = Rig::start().await;
    let got = refused(&rig, Kind::Mistral, "/tools/0/function/own", json!(1)).await;
    assert_eq!(got.status, 422, "{}", got.text);
    let call = json!({"name": "get_weather", "arguments": "{}", "parsed_arguments": {}});
    let messages = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"id": "abcdefgh1", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "abcdefgh1", "content": "1"}]);
    let got = refused(&rig, Kind::Mistral, "/messages", messages.clone()).await;
    assert_eq!(got.status, 422, "{}", got.text);
    assert!(got.text.contains("parsed_arguments"), "{}", got.text);
    let mut plain = messages;
    let call = plain.pointer_mut("/1/tool_calls/0/function").unwrap();
    call.as_object_mut().unwrap().remove("parsed_arguments");
    let body = changed(Kind::Mistral.body("hi", false, true), "/messages", plain);
    let got = rig.send(Kind::Mistral, &body, false).await;
    assert_eq!(got.status, 200, "{}", got.text);
}

#[tokio::test]
async fn mistral_takes_its_thoughts_back_as_they_were() {
    let rig = Rig::start().await;
    let kind = Kind::Mistral;
    let answer = rig.ask(kind, "[[think]] [[say:yes]]", false, false).await;
    let message = answer.json()["choices"][0]["message"].clone();
    assert_eq!(message["content"][0]["type"], "thinking");
    let question = json!({"role": "user", "content": "hi"});
    let history = json!([question, message, question]);
    let body = changed(kind.body("hi", false, false), "/messages", history);
    assert_eq!(rig.send(kind, &body, false).await.status, 200);
    let closed = changed(body.clone(), "/messages/1/content/0/closed", json!(true));
    assert_eq!(rig.send(kind, &closed, false).await.status, 200);
    for (pointer, value) in [
        ("thinking", Value::Null),
        ("thinking", json!("hm")),
        ("thinking/0/type", json!("thinking")),
        ("thinking/0/text", Value::Null),
        ("closed", json!("yes")),
        ("signature", json!("x")),
    ] {
        let pointer = format!("/messages/1/content/0/{pointer}");
        let altered = changed(body.clone(), &pointer, value);
        let got = rig.send(kind, &altered, false).await;
        assert_eq!(got.status, 422, "{pointer}: {}", got.text);
    }
}
