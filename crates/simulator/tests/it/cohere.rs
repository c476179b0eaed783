//! What Cohere takes, and what it refuses in its own words.

use serde_json::{Value, json};

use crate::rig::{Got, Kind, Rig};

async fn with(rig: &Rig, model: &str, more: Value) -> Got {
    let mut body = Kind::Cohere.body("[[say:fine]]", false, false);
    body["model"] = json!(model);
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    rig.send(Kind::Cohere, &body, false).await
}

const PLAIN: &str = "command-a-03-2025";

#[tokio::test]
async fn unknown_fields_are_refused_wherever_they_stand() {
    let rig = Rig::start().await;
    let tool = |function: Value| json!({"tools": [{"type": "function", "function": function}]});
    for (more, name) in [
        (json!({"top_p": 0.5}), "top_p"),
        (json!({"n": 2}), "n"),
        (tool(json!({"name": "f", "strict": true})), "strict"),
        (
            json!({"messages": [{"role": "user", "content": "a", "name": "b"}]}),
            "name",
        ),
        (
            json!({"thinking": {"type": "disabled", "effort": "low"}}),
            "effort",
        ),
    ] {
        let got = with(&rig, PLAIN, more).await;
        assert_eq!(got.status, 422, "{name}: {}", got.text);
        let said = format!("unknown field: parameter '{name}' is not a valid field.");
        let message = got.json()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&said), "{message}");
    }
}

#[tokio::test]
async fn numbers_have_limits() {
    let rig = Rig::start().await;
    for (name, good, bad) in [
        ("p", json!(0.99), json!(1)),
        ("p", json!(0.01), json!(0)),
        ("k", json!(500), json!(501)),
        ("temperature", json!(0), json!(-0.1)),
        ("presence_penalty", json!(1), json!(-0.5)),
        ("frequency_penalty", json!(0), json!(1.5)),
        ("max_tokens", json!(1), json!(0)),
        (
            "stop_sequences",
            json!(["1", "2", "3", "4", "5"]),
            json!(["1", "2", "3", "4", "5", "6"]),
        ),
    ] {
        let taken = with(&rig, PLAIN, json!({ name: good })).await;
        assert_eq!(taken.status, 200, "{name}: {}", taken.text);
        let refused = with(&rig, PLAIN, json!({ name: bad })).await;
        assert_eq!(refused.status, 400, "{name}: {}", refused.text);
        assert!(refused.text.contains("invalid request: "));
    }
}

#[tokio::test]
async fn what_excludes_another_is_refused() {
    let rig = Rig::start().await;
    let tools = Kind::Cohere.body("x", false, true)["tools"].clone();
    let json_object = json!({"type": "json_object"});
    let list = json!({"type": "json_object", "json_schema": {"type": "array"}});
    for (model, more, status) in [
        (
            PLAIN,
            json!({"tools": tools, "tool_choice": "REQUIRED"}),
            200,
        ),
        (PLAIN, json!({"tools": tools, "tool_choice": "NONE"}), 200),
        (PLAIN, json!({"tools": tools, "tool_choice": "auto"}), 400),
        (PLAIN, json!({"tool_choice": "REQUIRED"}), 400),
        (
            "command-r-08-2024",
            json!({"tools": tools, "tool_choice": "REQUIRED"}),
            400,
        ),
        (PLAIN, json!({"response_format": json_object}), 200),
        (PLAIN, json!({"response_format": list}), 400),
        (
            PLAIN,
            json!({"response_format": json_object, "tools": tools}),
            400,
        ),
        (PLAIN, json!({"thinking": {"type": "enabled"}}), 400),
        (PLAIN, json!({"thinking": {"type": "disabled"}}), 200),
        (
            "command-a-reasoning-08-2025",
            json!({"thinking": {"type": "enabled", "token_budget": 100}}),
            200,
        ),
        (
            "command-a-reasoning-08-2025",
            json!({"thinking": {"type": "enabled", "token_budget": 0}}),
            400,
        ),
    ] {
        let got = with(&rig, model, more.clone()).await;
        assert_eq!(got.status, status, "{model} {more}: {}", got.text);
    }
}

#[tokio::test]
async fn results_belong_to_calls() {
    let rig = Rig::start().await;
    let call = json!({"role": "assistant", "tool_plan": "I look.", "tool_calls": [{"id": "c1",
        "type": "function", "function": {"name": "f", "arguments": "{}"}}]});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "ten"});
    let user = json!({"role": "user", "content": "When?"});
    for (messages, status) in [
        (json!([user, call, result("c1")]), 200),
        (json!([user, call, result("c2")]), 400),
        (json!([user, call]), 400),
        (json!([user, result("c1")]), 400),
    ] {
        let got = with(&rig, PLAIN, json!({ "messages": messages })).await;
        assert_eq!(got.status, status, "{messages}: {}", got.text);
    }
}

#[tokio::test]
async fn models_that_think_show_it() {
    let rig = Rig::start().await;
    let thoughts = async |model: &str, more: Value| {
        let body = with(&rig, model, more).await.json();
        body["message"]["content"][0]["type"] == "thinking"
    };
    let model = "command-a-reasoning-08-2025";
    assert!(thoughts(model, json!({})).await);
    assert!(!thoughts(model, json!({"thinking": {"type": "disabled"}})).await);
    assert!(!thoughts(PLAIN, json!({})).await);
}

#[tokio::test]
async fn a_model_that_does_not_think_tells_its_plan() {
    let rig = Rig::start().await;
    let text = "[[tool:get_weather {\"city\": \"Oslo\"}]]";
    let got = rig.ask(Kind::Cohere, text, false, true).await.json();
    let plan = got["message"]["tool_plan"].as_str().unwrap();
    assert!(plan.contains("get_weather"), "{plan}");
    let streamed = rig.ask(Kind::Cohere, text, true, true).await;
    let pieces = streamed.events();
    let pieces = pieces
        .iter()
        .filter_map(|event| event["delta"]["message"]["tool_plan"].as_str());
    assert_eq!(pieces.collect::<String>(), plan);
}
