//! Anthropic's dialect at the data plane, byte for byte.

use serde_json::{Value, json};
use steelyard_e2e::{Answer, Stage};

const PATH: &str = "/v1/messages";

fn body(model: &str, text: &str) -> Value {
    json!({ "model": model, "max_tokens": 200, "messages": [{ "role": "user", "content": text }] })
}

async fn send(stage: &Stage, path: &str, body: impl Into<reqwest::Body>) -> Answer {
    let client = &stage.gateway.client;
    let request = client.request("POST", path).body(body);
    client.answer(request).await
}

#[tokio::test]
async fn what_anthropic_serves_goes_through_untouched() {
    let stage = Stage::start().await;
    let content =
        r#"[{"type":"text","text":"[[say:hello]]","cache_control":{"type":"ephemeral"}}]"#;
    let sent = format!(
        r#"{{"model":"anthropic-cheap","max_tokens":200,"thinking":{{"type":"disabled"}},"messages":[{{"role":"user","content":{content}}}]}}"#
    );
    let client = &stage.gateway.client;
    let request = client.request("POST", PATH).header("anthropic-beta", "a-1");
    let request = request.header("anthropic-beta", "b-2").body(sent.clone());
    let answer = client.answer(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["content"][0]["text"], "hello");
    assert!(
        answer.body["id"]
            .as_str()
            .expect("an id")
            .starts_with("msg_01")
    );
    assert_eq!(answer.header("request-id"), answer.header("x-request-id"));
    let requests = stage.sim.requests().await;
    let got = requests.last().expect("a request");
    let mut expected: Value = serde_json::from_str(&sent).expect("JSON");
    expected["model"] = json!("claude-haiku-4-5");
    assert_eq!(got["body"], expected);
    assert_eq!(got["headers"]["anthropic-beta"], "a-1,b-2");
    let record = stage.gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record["endpoint"], "POST /v1/messages", "{record}");
    assert_eq!(record["outcome"], "ok", "{record}");
    assert!(
        record["cost_nano_usd"].as_u64().expect("a cost") > 0,
        "{record}"
    );
}

#[tokio::test]
async fn both_doors_cost_the_same() {
    let stage = Stage::start().await;
    for kind in ["openai", "anthropic", "gemini", "dashscope"] {
        let model = format!("{kind}-cheap");
        let sent = body(&model, "[[say:one two three]]");
        let mut costs = Vec::new();
        for path in [PATH, "/v1/chat/completions"] {
            let answer = send(&stage, path, sent.to_string()).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            costs.push(answer.header("x-steelyard-cost-usd").to_owned());
        }
        assert_eq!(costs[0], costs[1], "{kind}");
        assert!(
            costs[0].contains(|digit| ('1'..='9').contains(&digit)),
            "{kind}: {costs:?}"
        );
    }
}

#[tokio::test]
async fn the_cache_keeps_the_dialects_apart() {
    let cached = "threshold: 0, cache: { ttl_ms: 600000, max_bytes: 1048576 }";
    let stage = Stage::with(|policy, _| policy.route("kept", "openai-cheap", cached)).await;
    let mut sent = body("kept", "[[say:hello]]");
    for stream in [false, true] {
        sent["stream"] = json!(stream);
        // The same bytes are a request of both dialects.
        let chat = send(&stage, "/v1/chat/completions", sent.to_string()).await;
        assert_eq!(chat.header("x-steelyard-cache"), "miss", "{}", chat.text);
        let miss = send(&stage, PATH, sent.to_string()).await;
        assert_eq!(miss.header("x-steelyard-cache"), "miss", "{}", miss.text);
        let hit = send(&stage, PATH, sent.to_string()).await;
        assert_eq!(hit.header("x-steelyard-cache"), "hit", "{}", hit.text);
        if stream {
            assert!(
                hit.text.starts_with("event: message_start\n"),
                "{}",
                hit.text
            );
            assert!(
                hit.text.contains("\"cost_usd\":\"0.000000000\""),
                "{}",
                hit.text
            );
            assert!(miss.text.contains("\"cost_usd\":\"0."), "{}", miss.text);
        } else {
            assert_eq!(hit.text, miss.text);
            assert_eq!(hit.body["type"], "message");
        }
    }
}

#[tokio::test]
async fn errors_before_parsing_have_the_doors_own_shape() {
    let mut stage = Stage::start().await;
    for broken in ["", "{", "[]", "\u{feff}", r#"{"model":"auto"}"#] {
        for path in [PATH, "/v1/messages/count_tokens"] {
            let answer = send(&stage, path, broken).await;
            assert_eq!(answer.status, 400, "{broken}: {}", answer.text);
            assert_eq!(answer.body["type"], "error", "{}", answer.text);
            assert_eq!(answer.body["error"]["type"], "invalid_request_error");
            assert_eq!(answer.body["request_id"], answer.header("x-request-id"));
        }
    }
    let client = &stage.gateway.client;
    let answer = client.get(PATH).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
    assert_eq!(answer.body["type"], "error", "{}", answer.text);
    // The other door keeps its own shape.
    let answer = send(&stage, "/v1/chat/completions", "{").await;
    assert_eq!(
        answer.body["error"]["code"], "invalid_json",
        "{}",
        answer.text
    );
    stage.gateway.sound();
}

#[tokio::test]
async fn fallback_is_the_same_behind_this_door() {
    let stage = Stage::start().await;
    for stream in [false, true] {
        let fault = "[[say:hello]] [[fault:claude-haiku-4-5:529]]";
        let mut sent = body("anthropic-ladder", fault);
        sent["stream"] = json!(stream);
        let answer = send(&stage, PATH, sent.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("x-steelyard-attempts"), "2");
        assert_eq!(answer.header("x-steelyard-model"), "anthropic-dear");
        assert!(answer.text.contains("hello"), "{}", answer.text);
    }
}
