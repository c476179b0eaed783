//! What a provider has no word for is left out and named, or refused where the route is strict.

use serde_json::{Value, json};
use steelyard_e2e::{Kind, Stage, run, user};

/// A request with two hints that only OpenAI's format has words for.
fn hinted(model: &str, text: &str) -> Value {
    let mut body = user(model, text);
    body["prompt_cache_key"] = json!("conversation-7");
    body["logit_bias"] = json!({ "50256": -1 });
    body
}

const LOST: &str = "logit_bias,prompt_cache_key";

#[tokio::test]
async fn what_is_lost_is_named_wherever_an_answer_is_described() {
    let mut stage = Stage::start().await;
    for kind in ["anthropic", "gemini", "dashscope"] {
        let model = format!("{kind}-cheap");
        let whole = stage
            .gateway
            .client
            .chat(&hinted(&model, "[[say:one]]"))
            .await;
        assert_eq!(whole.content(), "one", "{}", whole.text);
        assert_eq!(whole.header("x-steelyard-lossy"), LOST, "{kind}");
        let record = stage.gateway.record(whole.header("x-request-id")).await;
        let names = json!(["logit_bias", "prompt_cache_key"]);
        assert_eq!(record["lossy"], names, "{record}");

        let mut body = hinted(&model, "[[say:two]]");
        body["stream_options"] = json!({ "include_usage": true });
        let stream = stage.gateway.client.stream(&body).await;
        stream.whole("two");
        assert_eq!(stream.header("x-steelyard-lossy"), LOST, "{kind}");
        let extension = &stream.usage_chunk().expect("usage")["steelyard"];
        assert_eq!(extension["lossy"], names, "{extension}");

        let metrics = stage.gateway.metrics().await;
        for field in ["prompt_cache_key", "logit_bias"] {
            let labels = [("model", model.as_str()), ("field", field)];
            let count = metrics.sum("steelyard_lossy_fields_total", &labels);
            assert_eq!(count, 2, "{kind} {field}");
        }
    }
    stage.gateway.sound();
}

#[tokio::test]
async fn nothing_is_said_where_nothing_is_lost() {
    let stage = Stage::start().await;
    let answer = stage
        .gateway
        .client
        .chat(&hinted("openai-cheap", "[[say:one]]"))
        .await;
    assert_eq!(answer.content(), "one", "{}", answer.text);
    assert!(answer.headers.get("x-steelyard-lossy").is_none());
    let record = stage.gateway.record(answer.header("x-request-id")).await;
    assert!(record.get("lossy").is_none(), "{record}");
    let sent = stage.sim.requests().await;
    assert_eq!(sent[0]["body"]["prompt_cache_key"], "conversation-7");
    let plain = stage
        .gateway
        .client
        .chat(&user("gemini-cheap", "[[say:two]]"))
        .await;
    assert!(plain.headers.get("x-steelyard-lossy").is_none());
    let metrics = stage.gateway.metrics().await;
    assert_eq!(metrics.sum("steelyard_lossy_fields_total", &[]), 0);
}

#[tokio::test]
async fn only_the_attempt_that_answered_counts() {
    let stage = Stage::with(|policy, _| {
        policy.route("mixed", "anthropic-cheap, openai-cheap", "threshold: 0")
    })
    .await;
    let body = hinted("mixed", "[[fault:anthropic:503]] [[say:one]]");
    let answer = stage.gateway.client.chat(&body).await;
    assert_eq!(answer.content(), "one", "{}", answer.text);
    assert_eq!(answer.header("x-steelyard-attempts"), "2");
    assert!(answer.headers.get("x-steelyard-lossy").is_none());
    let metrics = stage.gateway.metrics().await;
    assert_eq!(metrics.sum("steelyard_lossy_fields_total", &[]), 0);

    let failed = hinted("anthropic-cheap", "[[fault:anthropic:503]]");
    let failed = stage.gateway.client.chat(&failed).await;
    failed.error(503, "overloaded");
    assert!(failed.headers.get("x-steelyard-lossy").is_none());
}

#[tokio::test]
async fn a_strict_route_goes_where_nothing_is_lost() {
    let strict = "threshold: 0, conversion: strict";
    let stage = Stage::with(|policy, _| {
        policy
            .route("strict", "anthropic-cheap, openai-dear", strict)
            .route("stuck", "anthropic-cheap, gemini-cheap", strict)
    })
    .await;
    let client = &stage.gateway.client;
    let plain = client.chat(&user("strict", "[[say:one]]")).await;
    assert_eq!(plain.header("x-steelyard-model"), "anthropic-cheap");
    let answer = client.chat(&hinted("strict", "[[say:one]]")).await;
    assert_eq!(
        answer.header("x-steelyard-model"),
        "openai-dear",
        "{}",
        answer.text
    );
    assert!(answer.headers.get("x-steelyard-lossy").is_none());

    let refused = client.chat(&hinted("stuck", "[[say:one]]")).await;
    let message = refused.error(400, "unsupported").to_owned();
    assert!(message.contains("conversion is strict"), "{message}");
    assert_eq!(refused.body["error"]["param"], "logit_bias");
    assert_eq!(refused.body["error"]["code"], "unsupported_parameter");

    let pinned = client.chat(&hinted("gemini-cheap", "[[say:one]]")).await;
    assert_eq!(
        pinned.header("x-steelyard-lossy"),
        LOST,
        "a pinned model is never strict"
    );
}

#[tokio::test]
async fn an_answer_from_the_cache_says_what_it_lacked() {
    let cached = "threshold: 0, cache: { ttl_ms: 600000, max_bytes: 1048576 }";
    let stage = Stage::with(|policy, _| policy.route("kept", "gemini-cheap", cached)).await;
    let mut body = hinted("kept", "[[say:one]]");
    for stream in [false, true] {
        body["stream"] = json!(stream);
        for expected in ["miss", "hit"] {
            let request = stage.gateway.client.request("POST", "/v1/chat/completions");
            let answer = stage
                .gateway
                .client
                .answer(request.body(body.to_string()))
                .await;
            assert_eq!(
                answer.header("x-steelyard-cache"),
                expected,
                "{}",
                answer.text
            );
            assert_eq!(answer.header("x-steelyard-lossy"), LOST);
        }
    }
    let metrics = stage.gateway.metrics().await;
    let field = [("field", "logit_bias")];
    assert_eq!(
        metrics.sum("steelyard_lossy_fields_total", &field),
        2,
        "a hit carries nothing"
    );
}

#[tokio::test]
async fn an_explanation_names_what_would_be_lost() {
    let stage = Stage::start().await;
    let config = stage.folder.path("steelyard.yaml").display().to_string();
    let request = stage
        .folder
        .write("request.json", &hinted("auto", "Hello").to_string());
    let request = request.display().to_string();
    let arguments = ["policy", "explain", "-c", &config, "--request", &request];
    let keys = Kind::ALL.map(|kind| (kind.variable(), kind.key));
    let keys = keys.each_ref().map(|(name, key)| (name.as_str(), *key));
    let explained = run(&arguments, &keys).await;
    let expected = "not carried to anthropic-cheap: logit_bias, prompt_cache_key";
    assert!(explained.stdout.contains(expected), "{}", explained.stdout);
    assert!(!explained.stdout.contains("not carried to openai-cheap"));
    let refused = with_long_name("dashscope-cheap").to_string();
    stage.folder.write("request.json", &refused);
    let explained = run(&arguments, &keys).await;
    let expected = "cannot be carried to dashscope-cheap: tools[0].name";
    assert!(explained.stdout.contains(expected), "{}", explained.stdout);
}

/// A request in Anthropic's dialect with a tool of a name that only some take.
fn with_long_name(model: &str) -> Value {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    json!({"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": "[[say:one]]"}],
        "tools": [{"name": format!("mcp__{}", "n".repeat(70)), "input_schema": schema}]})
}

#[tokio::test]
async fn a_limit_that_is_known_leaves_the_request_to_another() {
    let mut stage = Stage::with(|policy, _| {
        policy
            .route("mixed", "dashscope-cheap, anthropic-dear", "threshold: 0")
            .route("stuck", "dashscope-cheap, gemini-cheap", "threshold: 0")
    })
    .await;
    let send = async |model: &str| {
        let client = &stage.gateway.client;
        let request = client.request("POST", "/v1/messages");
        let request = request.header("anthropic-version", "2023-06-01");
        client
            .answer(request.body(with_long_name(model).to_string()))
            .await
    };
    let answer = send("mixed").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("x-steelyard-model"), "anthropic-dear");
    assert_eq!(answer.header("x-steelyard-attempts"), "1");

    let refused = send("stuck").await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(
        refused.text.contains("tools[0].name is 75 characters long"),
        "{}",
        refused.text
    );
    let asked = stage.sim.requests().await;
    assert_eq!(asked.len(), 1, "who would refuse it is not asked");
    stage.gateway.sound();
}
