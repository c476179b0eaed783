//! Tools that not every server has: OpenAI's deprecated functions before servers that know the newer
//! form alone, and its custom tools from one of its APIs to the other.

use serde_json::{Value, json};
use steelyard_e2e::{Answer, Kind, Stage, Streamed};

/// The servers of OpenAI's chats that are sent tools for functions.
const COPIES: [&str; 4] = ["dashscope-compatible", "mistral", "deepseek", "compatible"];

/// The body of the last request that a provider got.
async fn last_body(stage: &Stage) -> Value {
    let requests = stage.sim.requests().await;
    requests.last().expect("a request")["body"].clone()
}

fn with_functions(model: &str, messages: &Value) -> Value {
    let look = json!({ "name": "look", "description": "Looks it up.", "parameters":
        { "type": "object", "properties": { "place": { "type": "string" } } } });
    let wait = json!({ "name": "wait", "parameters": { "type": "object", "properties": {} } });
    json!({ "model": model, "functions": [look, wait], "function_call": "auto",
        "messages": messages })
}

const LOOK: &str = r#"[[tool:look {"place":"Oslo"}]]"#;

/// A history with a call and its result, and what the user says next.
fn history(text: &str) -> Value {
    json!([
        { "role": "user", "content": "Where?" },
        { "role": "assistant", "content": null,
            "function_call": { "name": "look", "arguments": "{\"place\": \"Rome\"}" } },
        { "role": "function", "name": "look", "content": "sunny" },
        { "role": "assistant", "content": "Sunny." },
        { "role": "user", "content": text },
    ])
}

#[tokio::test]
async fn functions_reach_servers_that_know_tools_alone() {
    let mut stage = Stage::start().await;
    for kind in COPIES {
        let model = format!("{kind}-full");
        let body = with_functions(&model, &history(LOOK));
        let answer = stage.gateway.client.chat(&body).await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text);
        assert!(!answer.headers.contains_key("x-steelyard-lossy"), "{kind}");
        let choice = &answer.body["choices"][0];
        let call = json!({ "name": "look", "arguments": "{\"place\":\"Oslo\"}" });
        assert_eq!(choice["message"]["function_call"], call, "{}", answer.text);
        assert!(choice["message"].get("tool_calls").is_none(), "{kind}");
        assert_eq!(choice["finish_reason"], "function_call", "{kind}");

        let sent = last_body(&stage).await;
        assert!(sent.get("functions").is_none() && sent.get("function_call").is_none());
        assert_eq!(sent["tools"][0]["function"], body["functions"][0], "{kind}");
        assert_eq!(sent["tools"][1]["type"], "function", "{kind}");
        assert_eq!(sent["tool_choice"], "auto", "{kind}");
        let (call, result) = (&sent["messages"][1], &sent["messages"][2]);
        assert_eq!(result["role"], "tool", "{kind}");
        assert_eq!(result["tool_call_id"], call["tool_calls"][0]["id"]);
        assert_eq!(
            call["tool_calls"][0]["function"],
            body["messages"][1]["function_call"]
        );

        // The result of the call goes back as it is said in that form.
        let mut messages = history("Again");
        let answered = messages.as_array_mut().expect("a list");
        answered.push(choice["message"].clone());
        answered.push(json!({ "role": "function", "name": "look", "content": "18 degrees" }));
        let answer = stage
            .gateway
            .client
            .chat(&with_functions(&model, &messages))
            .await;
        assert!(
            answer.content().contains("18 degrees"),
            "{kind}: {}",
            answer.text
        );
    }
    stage.gateway.sound();
}

/// What a client of that form makes of a stream: the call, and further ones by their names.
fn called(stream: &Streamed) -> (Value, Vec<String>) {
    let (mut name, mut arguments, mut others) = (String::new(), String::new(), Vec::new());
    for chunk in stream.chunks() {
        let delta = &chunk["choices"][0]["delta"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        name.push_str(&text(&delta["function_call"]["name"]));
        arguments.push_str(&text(&delta["function_call"]["arguments"]));
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let other = text(&call["function"]["name"]);
            others.extend(Some(other).filter(|name| !name.is_empty()));
        }
    }
    (json!({ "name": name, "arguments": arguments }), others)
}

#[tokio::test]
async fn streamed_calls_come_back_in_the_form_that_was_asked_in() {
    let mut stage = Stage::start().await;
    let call = json!({ "name": "look", "arguments": "{\"place\":\"Oslo\"}" });
    // What is converted is told alike.
    for kind in COPIES.iter().chain(&["anthropic"]) {
        let model = format!("{kind}-full");
        let one = json!([{ "role": "user", "content": LOOK }]);
        let body = with_functions(&model, &one);
        let stream = stage.gateway.client.stream(&body).await;
        assert!(stream.is_done(), "{kind}: {:?}", stream.frames);
        assert_eq!(
            called(&stream),
            (call.clone(), vec![]),
            "{kind}: {stream:?}"
        );
        assert_eq!(stream.finish_reasons(), ["function_call"], "{kind}");

        let two = json!([{ "role": "user", "content": format!("{LOOK} [[tool:wait {{}}]]") }]);
        let mut body = with_functions(&model, &two);
        // At DashScope it is one call at a time unless it is said.
        body["parallel_tool_calls"] = json!(true);
        let stream = stage.gateway.client.stream(&body).await;
        let others = vec!["wait".to_owned()];
        assert_eq!(
            called(&stream),
            (call.clone(), others),
            "{kind}: {stream:?}"
        );
        let whole = stage.gateway.client.chat(&body).await;
        let message = &whole.body["choices"][0]["message"];
        assert_eq!(message["function_call"], call, "{kind}: {}", whole.text);
        assert_eq!(
            message["tool_calls"][0]["function"]["name"], "wait",
            "{kind}"
        );
    }
    stage.gateway.sound();
}

#[tokio::test]
async fn calls_in_both_forms_come_back_answered_or_not() {
    let mut stage = Stage::start().await;
    for kind in Kind::ALL.map(|kind| kind.name) {
        let model = format!("{kind}-full");
        let asked = json!([{ "role": "user", "content": format!("{LOOK} [[tool:wait {{}}]]") }]);
        let mut body = with_functions(&model, &asked);
        let one = stage.gateway.client.chat(&body).await;
        // Gemini and Cohere have no word for one call at a time, DeepSeek passes over it, and OpenAI's
        // own functions are the provider's affair.
        if !["openai", "gemini", "cohere", "deepseek"].contains(&kind) {
            let message = &one.body["choices"][0]["message"];
            assert_eq!(message["function_call"]["name"], "look", "{}", one.text);
            assert!(message.get("tool_calls").is_none(), "{kind}: {}", one.text);
        }
        assert!(!one.headers.contains_key("x-steelyard-lossy"), "{kind}");
        let message = if kind == "openai" {
            let call = json!({ "name": "wait", "arguments": "{}" });
            json!({ "role": "assistant", "content": null,
                "function_call": { "name": "look", "arguments": "{}" },
                "tool_calls": [{ "id": "call_1", "type": "function", "function": call }] })
        } else {
            body["parallel_tool_calls"] = json!(true);
            let two = stage.gateway.client.chat(&body).await;
            two.body["choices"][0]["message"].clone()
        };
        let id = &message["tool_calls"][0]["id"];
        assert!(id.is_string(), "{kind}: {message}");
        let look = json!({ "role": "function", "name": "look", "content": "18 degrees" });
        let wait = json!({ "role": "tool", "tool_call_id": id, "content": "waited" });
        let named = json!({ "role": "function", "name": "wait", "content": "waited" });
        for (results, lossy) in [
            (vec![&look], Some("messages.tool_calls")),
            (vec![&look, &wait], None),
            (vec![&look, &named], None),
        ] {
            let mut messages = asked.clone();
            let list = messages.as_array_mut().expect("a list");
            list.push(message.clone());
            list.extend(results.iter().map(|one| (*one).clone()));
            let body = with_functions(&model, &messages);
            let answer = stage.gateway.client.chat(&body).await;
            assert_eq!(answer.status, 200, "{kind}: {}", answer.text);
            for result in results {
                let words = result["content"].as_str().expect("words");
                assert!(answer.content().contains(words), "{kind}: {}", answer.text);
            }
            let declared = answer.headers.get("x-steelyard-lossy");
            assert_eq!(
                declared.and_then(|value| value.to_str().ok()),
                lossy,
                "{kind}"
            );
        }
    }
    stage.gateway.sound();
}

#[tokio::test]
async fn openai_is_sent_functions_as_they_are() {
    let stage = Stage::start().await;
    let body = with_functions("openai-full", &history("[[say:hello]]"));
    let answer = stage.gateway.client.chat(&body).await;
    assert_eq!(answer.content(), "hello", "{}", answer.text);
    let sent = last_body(&stage).await;
    for name in ["functions", "function_call", "messages"] {
        assert_eq!(sent[name], body[name], "{name}");
    }
    assert!(sent.get("tools").is_none());
}

/// A stage with a model behind the Responses API, beside all others.
async fn stage() -> Stage {
    Stage::with(|policy, simulator| {
        let kind = Kind {
            kind: "openai_responses",
            ..Kind::of("openai")
        };
        let more =
            "features: [streaming, tools, parallel_tools, reasoning], refuses_sampling: true";
        policy
            .provider("responses", &kind, simulator, "")
            .model_with("responses-full", "responses", kind.full, "test/penny", more)
    })
    .await
}

const GRAMMAR: &str = "start: \"SELECT\" /.+/";

#[tokio::test]
async fn custom_tools_of_chats_reach_the_responses_api() {
    let mut stage = stage().await;
    let grammar = json!({ "syntax": "lark", "definition": GRAMMAR });
    let mut body = json!({ "model": "responses-full",
        "messages": [{ "role": "user", "content": "[[tool:sql SELECT 1]]" }],
        "tools": [{ "type": "custom", "custom": { "name": "sql",
            "format": { "type": "grammar", "grammar": grammar } } }],
        "tool_choice": { "type": "custom", "custom": { "name": "sql" } } });
    let answer = stage.gateway.client.chat(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let message = &answer.body["choices"][0]["message"];
    let call = &message["tool_calls"][0];
    let expected = json!({ "name": "sql", "input": "SELECT 1" });
    assert_eq!(
        (&call["type"], &call["custom"]),
        (&json!("custom"), &expected),
        "{}",
        answer.text
    );
    assert_eq!(answer.body["choices"][0]["finish_reason"], "tool_calls");
    let sent = last_body(&stage).await;
    let tool = json!({ "type": "custom", "name": "sql",
        "format": { "type": "grammar", "syntax": "lark", "definition": GRAMMAR } });
    assert_eq!(sent["tools"], json!([tool]));
    assert_eq!(
        sent["tool_choice"],
        json!({ "type": "custom", "name": "sql" })
    );

    let stream = stage.gateway.client.stream(&body).await;
    assert!(stream.is_done(), "{:?}", stream.frames);
    let pieces = stream.chunks();
    let piece = |name: &str| -> String {
        let calls = pieces
            .iter()
            .map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0]["custom"][name]);
        calls.filter_map(Value::as_str).collect()
    };
    assert_eq!(
        (piece("name"), piece("input")),
        ("sql".into(), "SELECT 1".into())
    );
    assert_eq!(stream.finish_reasons(), ["tool_calls"]);

    let messages = body["messages"].as_array_mut().expect("a list");
    messages.push(message.clone());
    messages.push(json!({ "role": "tool", "tool_call_id": call["id"], "content": "1 row" }));
    body["tool_choice"] = json!("auto");
    let answer = stage.gateway.client.chat(&body).await;
    assert!(answer.content().contains("1 row"), "{}", answer.text);
    let sent = last_body(&stage).await;
    let items = sent["input"].as_array().expect("items");
    let kinds: Vec<_> = items
        .iter()
        .filter_map(|item| item["type"].as_str())
        .collect();
    let known = ["custom_tool_call", "custom_tool_call_output"];
    assert!(kinds.ends_with(&known), "{sent}");
    stage.gateway.sound();
}

async fn respond(stage: &Stage, body: &Value) -> Answer {
    let client = &stage.gateway.client;
    let request = client.request("POST", "/v1/responses");
    client.answer(request.body(body.to_string())).await
}

#[tokio::test]
async fn custom_tools_of_responses_reach_chat_completions() {
    let mut stage = Stage::start().await;
    let tool = json!({ "type": "custom", "name": "sql", "description": "Asks." });
    let body = json!({ "model": "openai-full", "input": "[[tool:sql SELECT 1]]", "tools": [tool] });
    let answer = respond(&stage, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let items = answer.body["output"].as_array().expect("items");
    let call = items.last().expect("a call").clone();
    assert_eq!(call["type"], "custom_tool_call", "{}", answer.text);
    assert_eq!(
        (&call["name"], &call["input"]),
        (&json!("sql"), &json!("SELECT 1"))
    );
    let sent = last_body(&stage).await;
    let custom = json!({ "name": "sql", "description": "Asks." });
    assert_eq!(
        sent["tools"],
        json!([{ "type": "custom", "custom": custom }])
    );

    let mut streamed = body.clone();
    streamed["stream"] = json!(true);
    let request = stage.gateway.client.request("POST", "/v1/responses");
    let response = request.body(streamed.to_string()).send().await;
    let events = Streamed::read(response.expect("an answer")).await.chunks();
    let inputs: String = events
        .iter()
        .filter(|event| event["type"] == "response.custom_tool_call_input.delta")
        .filter_map(|event| event["delta"].as_str())
        .collect();
    assert_eq!(inputs, "SELECT 1", "{events:?}");

    let output = json!({ "type": "custom_tool_call_output", "call_id": call["call_id"],
        "output": "1 row" });
    let asked = json!({ "role": "user", "content": "How many?" });
    let body = json!({ "model": "openai-full", "input": [asked, call, output], "tools": [tool] });
    let answer = respond(&stage, &body).await;
    assert!(answer.text.contains("1 row"), "{}", answer.text);
    stage.gateway.sound();
}

#[tokio::test]
async fn custom_tools_are_refused_by_name_elsewhere() {
    let stage = Stage::start().await;
    for kind in Kind::ALL {
        let is_copy = COPIES.contains(&kind.name);
        if kind.name == "openai" {
            continue;
        }
        let before = stage.sim.count().await;
        let model = format!("{}-full", kind.name);
        let messages = json!([{ "role": "user", "content": "hello" }]);
        let chat = json!({ "model": model, "messages": messages,
            "tools": [{ "type": "custom", "custom": { "name": "sql" } }] });
        let responses = json!({ "model": model, "input": "hello",
            "tools": [{ "type": "custom", "name": "sql" }] });
        let mut answers = vec![respond(&stage, &responses).await];
        // Servers that speak the client's own dialect are sent what came.
        if !is_copy {
            answers.push(stage.gateway.client.chat(&chat).await);
        }
        for answer in &answers {
            let message = answer.error(400, "unsupported");
            assert!(message.contains("tools[0].type is custom"), "{message}");
            assert_eq!(answer.body["error"]["param"], "tools[0].type", "{message}");
        }
        assert_eq!(stage.sim.count().await, before, "{}", kind.name);
    }
}
