//! What every door says before a model is asked, and when providers refuse.

use serde_json::{Value, json};
use steelyard_e2e::{Answer, Client, Kind, Stage, user};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::keys::VirtualKey;

const OPENAI: [&str; 3] = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"];
const ANTHROPIC: [&str; 2] = ["/v1/messages", "/v1/messages/count_tokens"];

async fn post(client: &Client, path: &str, body: &str) -> Answer {
    client
        .answer(client.request("POST", path).body(body.to_owned()))
        .await
}

/// Asserts an error in the door's own shape.
fn assert_error(path: &str, answer: &Answer, status: u16, kind: &str) {
    assert_eq!(answer.status, status, "{path}: {}", answer.text);
    assert_eq!(answer.header("x-steelyard-error"), kind, "{path}");
    if ANTHROPIC.contains(&path) {
        assert_eq!(answer.body["type"], "error", "{path}: {}", answer.text);
        assert!(answer.body["error"]["message"].is_string(), "{path}");
    } else {
        answer.error(status, kind);
    }
}

#[tokio::test]
async fn every_door_has_its_own_shape_of_errors() {
    let key = VirtualKey::create("team", &[]).await;
    let mut stage = Stage::with(|policy, _| policy.key("team", &key.sha256, "")).await;
    let stranger = &stage.gateway.client;
    let client = stranger.with_key(&key.text);
    for path in OPENAI.into_iter().chain(ANTHROPIC) {
        let answer = post(stranger, path, "{}").await;
        assert_error(path, &answer, 401, "unauthenticated");
        let answer = post(&stranger.with_key("sk-steelyard-wrong"), path, "{}").await;
        assert_error(path, &answer, 401, "unauthenticated");
        for broken in ["", "{", "[]", "{\"model\":7}"] {
            let answer = post(&client, path, broken).await;
            assert_error(path, &answer, 400, "bad_request");
        }
        let unknown = json!({ "model": "nobody", "max_tokens": 9, "input": "a", "prompt": "a",
            "messages": [{ "role": "user", "content": "a" }] });
        let answer = post(&client, path, &unknown.to_string()).await;
        assert_error(path, &answer, 404, "model_not_found");
        let answer = client.get(path).await;
        assert_error(path, &answer, 405, "method_not_allowed");
        assert_eq!(answer.header("allow"), "POST");
    }
    let nowhere = client.get("/v1/nothing").await;
    let message = nowhere.error(404, "not_found");
    for path in OPENAI.into_iter().chain(ANTHROPIC) {
        assert!(message.contains(&format!("POST {path}")), "{message}");
    }
    stage.gateway.sound();
}

/// The same question for the doors that chat.
fn bodies(model: &str, text: &str) -> [(&'static str, Value); 3] {
    [
        ("/v1/chat/completions", user(model, text)),
        ("/v1/completions", json!({ "model": model, "prompt": text })),
        (
            "/v1/messages",
            json!({ "model": model, "max_tokens": 9,
                "messages": [{ "role": "user", "content": text }] }),
        ),
    ]
}

#[tokio::test]
async fn how_long_to_wait_reaches_the_client() {
    let stage = Stage::start().await;
    for kind in ["openai", "anthropic", "gemini", "dashscope"] {
        let model = format!("{kind}-cheap");
        for (path, body) in bodies(&model, "[[fault:*:429,retry_after=7]]") {
            let answer = post(&stage.gateway.client, path, &body.to_string()).await;
            assert_error(path, &answer, 429, "rate_limited");
            assert_eq!(answer.header("retry-after"), "7", "{kind} {path}");
            assert_eq!(answer.header("retry-after-ms"), "7000", "{kind} {path}");
            assert!(
                answer.headers.get("x-should-retry").is_none(),
                "{kind} {path}"
            );
        }
    }
}

#[tokio::test]
async fn what_only_the_operator_can_mend_is_not_worth_a_retry() {
    let stage = Stage::start().await;
    let cases = [
        ("401", "upstream_auth", [502, 502, 500]),
        (
            "429,code=insufficient_quota",
            "upstream_quota",
            [429, 429, 429],
        ),
    ];
    for (fault, kind, statuses) in cases {
        let text = format!("[[fault:*:{fault}]]");
        for ((path, body), status) in bodies("openai-cheap", &text).into_iter().zip(statuses) {
            let answer = post(&stage.gateway.client, path, &body.to_string()).await;
            assert_error(path, &answer, status, kind);
            assert_eq!(answer.header("x-should-retry"), "false", "{path}");
            if kind == "upstream_quota" && path != "/v1/messages" {
                assert_eq!(answer.body["error"]["code"], "insufficient_quota", "{path}");
            }
        }
    }
}

#[tokio::test]
async fn codes_are_the_dialects_whoever_refuses() {
    let stage = Stage::start().await;
    let too_long = "message=prompt is too long for 200000 tokens";
    for kind in [
        "openai",
        "anthropic",
        "gemini",
        "dashscope",
        "cohere",
        "mistral",
    ] {
        let text = format!("[[fault:*:400,{too_long}]]");
        let answer = stage
            .gateway
            .client
            .chat(&user(&format!("{kind}-cheap"), &text))
            .await;
        answer.error(400, "context_length");
        assert_eq!(
            answer.body["error"]["code"], "context_length_exceeded",
            "{kind}"
        );
    }
    let filtered = stage
        .gateway
        .client
        .chat(&user("dashscope-cheap", "[[filter]]"))
        .await;
    filtered.error(400, "content_filter");
    assert_eq!(filtered.body["error"]["code"], "content_filter");
}

/// A server of OpenAI's format that answers everything with this usage, on its address.
async fn counting(usage: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let streamed = is_stream(&mut socket).await;
            let choice = |name: &str| json!([{ "index": 0, "finish_reason": "stop", name: { "content": "one" } }]);
            let (kind, body) = if streamed {
                let chunk = json!({ "id": "1", "choices": choice("delta") });
                let last = json!({ "id": "1", "choices": [], "usage": usage });
                let body = format!("data: {chunk}\n\ndata: {last}\n\ndata: [DONE]\n\n");
                ("text/event-stream", body)
            } else {
                let body = json!({ "id": "1", "choices": choice("message"), "usage": usage });
                ("application/json", body.to_string())
            };
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n{body}",
                body.len()
            );
            // A client that is gone needs no answer.
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    address
}

/// Reads a request and says whether it asks for a stream.
async fn is_stream(socket: &mut TcpStream) -> bool {
    let mut text = String::new();
    let mut buffer = [0; 4_096];
    loop {
        let Ok(read @ 1..) = socket.read(&mut buffer).await else {
            return false;
        };
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        // Every body of these tests is one object, and no header holds a brace.
        if text.trim_end().ends_with('}') {
            return text.contains("\"stream\":true");
        }
    }
}

#[tokio::test]
async fn a_total_that_does_not_add_up_is_shown() {
    let odd = counting(json!({ "prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 11 }));
    let even = counting(json!({ "prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8 }));
    let (odd, even) = (odd.await, even.await);
    let kind = Kind::of("compatible");
    let stage = Stage::with(|policy, _| {
        policy
            .provider("odd", &kind, &odd, "")
            .provider("even", &kind, &even, "")
            .model("odd-model", "odd", "m", "test/penny")
            .model("even-model", "even", "m", "test/penny")
    })
    .await;
    for (model, disagrees) in [("odd-model", true), ("even-model", false)] {
        let shown = |value: &Value| value.get("usage_disagrees") == Some(&json!(true));
        let whole = stage.gateway.client.chat(&user(model, "Hello")).await;
        assert_eq!(whole.content(), "one", "{}", whole.text);
        let record = stage.gateway.record(whole.header("x-request-id")).await;
        assert_eq!(shown(&record), disagrees, "{record}");
        let mut body = user(model, "Hello");
        body["stream_options"] = json!({ "include_usage": true });
        let stream = stage.gateway.client.stream(&body).await;
        stream.whole("one");
        let extension = &stream.usage_chunk().expect("usage")["steelyard"];
        assert_eq!(shown(extension), disagrees, "{extension}");
        let metrics = stage.gateway.metrics().await;
        let labels = [("model", model)];
        let count = metrics.sum("steelyard_usage_disagreements_total", &labels);
        assert_eq!(count, if disagrees { 2 } else { 0 }, "{model}");
    }
}
