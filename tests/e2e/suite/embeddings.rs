//! The door `POST /v1/embeddings`.

use serde_json::{Value, json};
use steelyard_e2e::{Answer, PolicyFile, Sdk, Stage, user};

const PATH: &str = "/v1/embeddings";

/// Who makes embeddings, and what it calls the model.
const KINDS: [(&str, &str); 6] = [
    ("openai", "text-embedding-3-small"),
    ("compatible", "bge-m3"),
    ("mistral", "mistral-embed"),
    ("gemini", "gemini-embedding-001"),
    ("dashscope", "text-embedding-v4"),
    ("dashscope-compatible", "text-embedding-v4"),
];

const FACTS: &str = "context_window: 8192, features: [embeddings]";

fn with_vectors(policy: PolicyFile, _: &str) -> PolicyFile {
    let mut policy = policy;
    for (kind, upstream) in KINDS {
        policy = policy.model_of(&format!("{kind}-vectors"), kind, upstream, FACTS);
    }
    policy
        .model_of("uncounted", "gemini", "text-embedding-004", FACTS)
        .model_of("elsewhere", "compatible", "text-embedding-3-small", FACTS)
        .route("vectors", "openai-vectors, elsewhere", "threshold: 0")
        .route(
            "kept",
            "gemini-vectors",
            "threshold: 0, cache: { ttl_ms: 600000, max_bytes: 1048576 }",
        )
}

async fn send(stage: &Stage, body: &Value) -> Answer {
    let client = &stage.gateway.client;
    let request = client.request("POST", PATH).body(body.to_string());
    client.answer(request).await
}

/// The numbers of a vector, however it is written.
fn numbers(vector: &Value) -> Vec<f32> {
    match vector {
        Value::String(text) => floats(text),
        list => serde_json::from_value(list.clone()).expect("numbers"),
    }
}

/// Little-endian floats out of base64.
fn floats(text: &str) -> Vec<f32> {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let letters: Vec<u32> = text
        .chars()
        .filter_map(|letter| LETTERS.find(letter))
        .filter_map(|at| u32::try_from(at).ok())
        .collect();
    for four in letters.chunks(4) {
        let bits = four
            .iter()
            .enumerate()
            .map(|(at, six)| six << (18 - 6 * at));
        let [_, group @ ..] = bits.sum::<u32>().to_be_bytes();
        bytes.extend_from_slice(&group[..four.len() - 1]);
    }
    let floats = bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes(four.try_into().expect("4")));
    floats.collect()
}

#[tokio::test]
async fn every_provider_makes_the_vectors_of_a_list() {
    let mut stage = Stage::with(with_vectors).await;
    let dimensions = |kind: &str| if kind == "mistral" { None } else { Some(8) };
    for (kind, upstream) in KINDS {
        let model = format!("{kind}-vectors");
        let mut body = json!({ "model": model, "input": ["the cat", "a dog barks"] });
        if let Some(wanted) = dimensions(kind) {
            body["dimensions"] = json!(wanted);
        }
        let answer = send(&stage, &body).await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text);
        assert_eq!(answer.body["object"], "list", "{model}");
        assert_eq!(answer.body["model"], upstream, "{model}");
        let data = answer.body["data"].as_array().expect("vectors");
        assert_eq!(data.len(), 2, "{model}");
        for (index, one) in data.iter().enumerate() {
            assert_eq!(
                (&one["object"], &one["index"]),
                (&json!("embedding"), &json!(index))
            );
            let length = numbers(&one["embedding"]).len();
            assert_eq!(length, dimensions(kind).unwrap_or(64), "{model}");
        }
        assert_ne!(data[0]["embedding"], data[1]["embedding"], "{model}");
        assert_eq!(
            answer.body["usage"],
            json!({ "prompt_tokens": 5, "total_tokens": 5 })
        );
        assert_eq!(
            answer.header("x-steelyard-cost-usd"),
            "0.000005000",
            "{model}"
        );
        let record = stage.gateway.record(answer.header("x-request-id")).await;
        assert_eq!(record["endpoint"], "POST /v1/embeddings", "{record}");
        assert_eq!(
            (&record["input_tokens"], &record["output_tokens"]),
            (&json!(5), &json!(0))
        );
        assert_eq!(record["metered"], true, "{record}");

        body["encoding_format"] = json!("base64");
        let encoded = send(&stage, &body).await;
        for (index, one) in data.iter().enumerate() {
            let vector = &encoded.body["data"][index]["embedding"];
            assert!(vector.is_string(), "{model}: {}", encoded.text);
            assert_eq!(numbers(vector), numbers(&one["embedding"]), "{model}");
        }
        let metrics = stage.gateway.metrics().await;
        let labels = [("model", model.as_str()), ("class", "input_fresh")];
        assert_eq!(
            metrics.sum("steelyard_tokens_total", &labels),
            10,
            "{model}"
        );
    }
    stage.gateway.sound();
}

#[tokio::test]
async fn servers_of_the_same_format_are_passed_through() {
    let stage = Stage::with(with_vectors).await;
    let body = json!({ "model": "compatible-vectors", "input": [[1, 2], [3]], "acme": { "x": 1 },
        "user": "u" });
    let answer = send(&stage, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["data"].as_array().map(Vec::len), Some(2));
    assert!(
        answer.text.contains("\n"),
        "the provider's own bytes are indented"
    );
    assert!(answer.headers.get("x-steelyard-lossy").is_none());
    let sent = stage.sim.requests().await;
    let mut expected = body;
    expected["model"] = json!("bge-m3");
    assert_eq!(sent[0]["body"], expected);

    for (model, field) in [
        ("gemini-vectors", "input"),
        ("dashscope-vectors", "input"),
        ("mistral-vectors", "dimensions"),
    ] {
        let tokens = json!({ "model": model, "input": [1, 2], "dimensions": 8 });
        let refused = send(&stage, &tokens).await;
        refused.error(400, "unsupported");
        assert_eq!(refused.body["error"]["param"], field, "{}", refused.text);
    }
    let named = json!({ "model": "gemini-vectors", "input": "the cat", "user": "u" });
    let answer = send(&stage, &named).await;
    assert_eq!(
        answer.header("x-steelyard-lossy"),
        "user",
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn another_provider_of_the_same_model_takes_over() {
    let stage = Stage::with(with_vectors).await;
    let body = json!({ "model": "vectors", "input": "[[fault:openai:503]] the cat" });
    let answer = send(&stage, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("x-steelyard-model"), "elsewhere");
    assert_eq!(answer.header("x-steelyard-attempts"), "2");
    let body = json!({ "model": "vectors", "input": "[[fault:*:429,retry_after=7]] the cat" });
    let limited = send(&stage, &body).await;
    limited.error(429, "rate_limited");
    assert_eq!(limited.header("retry-after"), "7");
    assert_eq!(limited.header("retry-after-ms"), "7000");
}

#[tokio::test]
async fn chats_and_embeddings_have_their_own_models() {
    let mut stage = Stage::with(with_vectors).await;
    let chat = stage
        .gateway
        .client
        .chat(&user("openai-vectors", "Hello"))
        .await;
    let message = chat.error(400, "unsupported").to_owned();
    assert!(message.contains("makes only embeddings"), "{message}");
    for model in ["openai-cheap", "anthropic-cheap", "auto"] {
        let answer = send(&stage, &json!({ "model": model, "input": "the cat" })).await;
        let message = answer.error(400, "unsupported").to_owned();
        assert!(message.contains("embeddings"), "{message}");
    }
    assert_eq!(stage.sim.count().await, 0);
    stage.gateway.sound();
}

#[tokio::test]
async fn what_is_not_counted_costs_nobody_knows_what() {
    let stage = Stage::with(with_vectors).await;
    let answer = send(&stage, &json!({ "model": "uncounted", "input": "the cat" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.body.get("usage").is_none(), "{}", answer.text);
    assert_eq!(answer.header("x-steelyard-cost-usd"), "none");
    let record = stage.gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record["metered"], false, "{record}");
}

#[tokio::test]
async fn vectors_are_kept_in_caches() {
    let stage = Stage::with(with_vectors).await;
    let body = json!({ "model": "kept", "input": "the cat" });
    let miss = send(&stage, &body).await;
    assert_eq!(miss.header("x-steelyard-cache"), "miss", "{}", miss.text);
    assert_eq!(miss.header("x-steelyard-complexity"), "none");
    let hit = send(&stage, &body).await;
    assert_eq!(hit.header("x-steelyard-cache"), "hit", "{}", hit.text);
    assert_eq!(hit.text, miss.text);
    assert_eq!(hit.header("x-steelyard-cost-usd"), "0.000000000");
    let metrics = stage.gateway.metrics().await;
    let weighed = metrics.sum("steelyard_complexity_count", &[("route", "kept")]);
    assert_eq!(weighed, 0, "nothing is weighed");
}

#[tokio::test]
async fn inputs_that_are_none_are_named() {
    let mut stage = Stage::with(with_vectors).await;
    for (body, param) in [
        (json!({ "model": "vectors" }), "input"),
        (json!({ "model": "vectors", "input": [] }), "input"),
        (
            json!({ "model": "vectors", "input": ["a", ""] }),
            "input[1]",
        ),
        (
            json!({ "model": "vectors", "input": "a", "dimensions": 0 }),
            "dimensions",
        ),
        (json!({ "input": "a" }), "model"),
    ] {
        let answer = send(&stage, &body).await;
        answer.error(400, "bad_request");
        assert_eq!(answer.body["error"]["param"], param, "{}", answer.text);
    }
    assert_eq!(stage.sim.count().await, 0);
    stage.gateway.sound();
}

#[tokio::test]
async fn the_official_sdk_gets_completions_and_embeddings() {
    let mut stage = Stage::with(with_vectors).await;
    for (kind, _) in KINDS {
        let (chat, vectors) = (format!("{kind}-cheap"), format!("{kind}-vectors"));
        let arguments = [stage.gateway.base.as_str(), &chat, &vectors];
        let ran = Sdk::Python.run("legacy.py", &arguments).await;
        ran.unwrap_or_else(|report| panic!("{report}"));
    }
    stage.gateway.sound();
}
