//! What reaches providers, and what is refused because it cannot reach them.

use serde_json::{Value, json};
use steelyard_e2e::{Kind, Stage, user};

/// The body of the last request that a provider got.
async fn last_body(stage: &Stage) -> Value {
    let requests = stage.sim.requests().await;
    requests.last().expect("a request")["body"].clone()
}

#[tokio::test]
async fn unknown_fields_survive_to_the_same_dialect() {
    let stage = Stage::start().await;
    let exact = r#"{"nested":[1,2.50,{"a":null}],"text":"naïve 🦊"}"#;
    for kind in ["dashscope-compatible", "deepseek", "compatible"] {
        let model = format!("{kind}-cheap");
        let body = format!(
            r#"{{"model":"{model}","x_own_field":{exact},"seed":7,
                "messages":[{{"role":"user","content":"[[say:hello]]","x_in_message":true}}]}}"#
        );
        let answer = stage.gateway.client.post(body).await;
        assert_eq!(answer.content(), "hello", "{kind}: {}", answer.text);
        let sent = last_body(&stage).await;
        let expected: Value = serde_json::from_str(exact).expect("JSON");
        assert_eq!(sent["x_own_field"], expected, "{kind}: {sent}");
        assert_eq!(sent["seed"], 7, "{kind}: {sent}");
        assert_eq!(sent["messages"][0]["x_in_message"], true, "{kind}: {sent}");
        assert_eq!(sent["model"], Kind::of(kind).cheap, "{kind}: {sent}");
    }
}

#[tokio::test]
async fn known_fields_of_the_dialect_survive_to_openai() {
    let stage = Stage::start().await;
    let mut body = user("openai-cheap", "[[say:hello]]");
    let more = json!({ "seed": 7, "logit_bias": { "50256": -100 }, "presence_penalty": 0.25,
        "metadata": { "team": "billing" }, "user": "u-1" });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let answer = stage.gateway.client.chat(&body).await;
    assert_eq!(answer.content(), "hello", "{}", answer.text);
    let sent = last_body(&stage).await;
    for (name, value) in more.as_object().expect("an object") {
        assert_eq!(sent[name], *value, "{name}: {sent}");
    }
}

#[tokio::test]
async fn what_cannot_be_carried_is_named() {
    let stage = Stage::start().await;
    for kind in ["anthropic", "gemini", "dashscope", "cohere", "mistral"] {
        let mut body = user(&format!("{kind}-cheap"), "hello");
        body["x_own_field"] = json!(1);
        let before = stage.sim.count().await;
        let answer = stage.gateway.client.chat(&body).await;
        let message = answer.error(400, "unsupported").to_owned();
        assert!(message.contains("x_own_field"), "{kind}: {message}");
        assert_eq!(answer.body["error"]["param"], "x_own_field", "{kind}");
        assert_eq!(stage.sim.count().await, before, "{kind}");
    }
    // A route passes by the models that cannot carry it.
    let mut body = user("auto", "[[say:hello]]");
    body["seed"] = json!(7);
    let answer = stage.gateway.client.chat(&body).await;
    assert_eq!(
        answer.header("x-steelyard-model"),
        "openai-cheap",
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn every_provider_gets_its_own_form() {
    let stage = Stage::start().await;
    let paths = [
        ("openai", "/openai/v1/chat/completions"),
        ("anthropic", "/anthropic/v1/messages"),
        (
            "gemini",
            "/gemini/v1beta/models/gemini-2.0-flash-lite:generateContent",
        ),
        (
            "dashscope",
            "/dashscope-intl/api/v1/services/aigc/text-generation/generation",
        ),
        (
            "dashscope-compatible",
            "/dashscope-intl/compatible-mode/v1/chat/completions",
        ),
        ("mistral", "/mistral/v1/chat/completions"),
        ("deepseek", "/deepseek/chat/completions"),
        ("cohere", "/cohere/v2/chat"),
        ("compatible", "/compatible/v1/chat/completions"),
    ];
    for (kind, path) in paths {
        let answer = stage
            .gateway
            .client
            .chat(&user(&format!("{kind}-cheap"), "[[say:hello]]"))
            .await;
        assert_eq!(answer.content(), "hello", "{kind}: {}", answer.text);
        assert_eq!(answer.header("x-steelyard-route"), "pinned");
        assert_eq!(answer.header("x-steelyard-provider"), kind);
        let requests = stage.sim.requests().await;
        assert_eq!(requests.last().expect("a request")["path"], path);
    }
    let listed = stage.gateway.client.get("/v1/models").await;
    let names: Vec<&str> = listed.body["data"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|model| model["id"].as_str())
        .collect();
    for kind in &Kind::ALL {
        for name in ["cheap", "dear", "ladder"] {
            let name = format!("{}-{name}", kind.name);
            assert!(names.contains(&name.as_str()), "{name}: {names:?}");
        }
    }
}

/// What every answer of the data plane carries.
const HEADERS: [&str; 7] = [
    "x-request-id",
    "x-steelyard-route",
    "x-steelyard-model",
    "x-steelyard-provider",
    "x-steelyard-complexity",
    "x-steelyard-attempts",
    "x-steelyard-policy",
];

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let stage = Stage::start().await;
    let client = &stage.gateway.client;
    let answers = [
        client.chat(&user("auto", "hello")).await,
        client.chat(&user("openai-cheap", "hello")).await,
        client.chat(&user("nobody", "hello")).await,
        client.chat(&user("auto", "[[fault:*:500]]")).await,
        client.chat(&user("auto", "[[fault:*:400]]")).await,
        client.post("no JSON").await,
        client.get("/v1/models").await,
        client.get("/v1/models/auto").await,
        client.get("/nowhere").await,
    ];
    for answer in &answers {
        for name in HEADERS {
            assert_ne!(answer.header(name), "", "{name}: {:?}", answer.headers);
        }
        let is_error = answer.status >= 400;
        let says_so = answer.headers.contains_key("x-steelyard-error");
        assert_eq!(says_so, is_error, "{}: {:?}", answer.status, answer.headers);
    }
    let cost = |answer: &steelyard_e2e::Answer| answer.header("x-steelyard-cost-usd").to_owned();
    assert!(!cost(&answers[0]).is_empty());
    for text in ["[[say:hello]]", "[[fault:*:500]]"] {
        let streamed = client.stream(&user("auto", text)).await;
        for name in HEADERS {
            assert_ne!(streamed.header(name), "", "{name}: {:?}", streamed.headers);
        }
    }
    let streamed = client.stream(&user("auto", "[[say:hello]]")).await;
    assert_eq!(streamed.header("content-type"), "text/event-stream");
    assert_eq!(streamed.header("x-accel-buffering"), "no");
}
