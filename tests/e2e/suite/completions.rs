//! The legacy door `POST /v1/completions`.

use serde_json::{Value, json};
use steelyard_e2e::{Answer, Kind, Stage, Streamed};

const PATH: &str = "/v1/completions";

async fn send(stage: &Stage, body: impl Into<reqwest::Body>) -> Answer {
    let client = &stage.gateway.client;
    client.answer(client.request("POST", PATH).body(body)).await
}

async fn stream(stage: &Stage, body: &Value) -> Streamed {
    let request = stage.gateway.client.request("POST", PATH);
    let response = request.body(body.to_string()).send().await;
    Streamed::read(response.expect("an answer")).await
}

#[tokio::test]
async fn every_provider_continues_a_prompt() {
    let mut stage = Stage::start().await;
    for kind in Kind::ALL {
        let model = format!("{}-cheap", kind.name);
        let body = json!({ "model": model, "prompt": "[[say:one two three]]", "max_tokens": 50 });
        let answer = send(&stage, body.to_string()).await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text);
        assert_eq!(answer.body["object"], "text_completion", "{model}");
        assert!(
            answer.body["id"]
                .as_str()
                .is_some_and(|id| id.starts_with("cmpl-"))
        );
        let expected = json!([{ "text": "one two three", "index": 0, "logprobs": null,
            "finish_reason": "stop" }]);
        assert_eq!(answer.body["choices"], expected, "{model}");
        assert!(
            answer.body["usage"]["total_tokens"].as_u64() > Some(0),
            "{}",
            answer.text
        );
        let record = stage.gateway.record(answer.header("x-request-id")).await;
        assert_eq!(record["endpoint"], "POST /v1/completions", "{record}");
        assert!(record["cost_nano_usd"].as_u64() > Some(0), "{record}");
    }
    stage.gateway.sound();
}

#[tokio::test]
async fn every_provider_streams_a_continuation() {
    let mut stage = Stage::start().await;
    for kind in Kind::ALL {
        let model = format!("{}-cheap", kind.name);
        let mut body = json!({ "model": model, "prompt": ["[[say:one two three]]"],
            "max_tokens": 50, "stream": true });
        let plain = stream(&stage, &body).await;
        assert!(plain.is_done(), "{model}: {:?}", plain.frames);
        let text = |chunks: &[Value]| -> String {
            let texts = chunks
                .iter()
                .filter_map(|chunk| chunk["choices"][0]["text"].as_str());
            texts.collect()
        };
        let chunks = plain.chunks();
        assert_eq!(text(&chunks), "one two three", "{model}");
        assert_eq!(plain.finish_reasons(), ["stop"], "{model}");
        let is_chunk =
            |chunk: &Value| chunk["object"] == "text_completion" && chunk.get("usage").is_none();
        assert!(chunks.iter().all(is_chunk), "{model}: {chunks:?}");

        body["stream_options"] = json!({ "include_usage": true });
        let counted = stream(&stage, &body).await;
        assert!(counted.is_done(), "{model}: {:?}", counted.frames);
        let usage = counted.usage_chunk().unwrap_or_default();
        assert_eq!(usage["choices"], json!([]), "{model}: {usage}");
        assert!(
            usage["usage"]["total_tokens"].as_u64() > Some(0),
            "{model}: {usage}"
        );
        assert_eq!(usage["steelyard"]["model"], model.as_str(), "{usage}");
    }
    stage.gateway.sound();
}

#[tokio::test]
async fn the_prompt_is_the_only_message_and_the_limit_is_the_dialects() {
    let stage = Stage::start().await;
    let body = json!({ "model": "openai-cheap", "prompt": "Say\n\"hi\"", "temperature": 0,
        "stop": ["\n\n"], "seed": 7, "user": "u", "logit_bias": { "50256": -1 }, "echo": false });
    let answer = send(&stage, body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        answer.body["choices"][0]["finish_reason"], "length",
        "16 tokens"
    );
    let sent = stage.sim.requests().await;
    let expected = json!({ "model": "gpt-4o-mini", "temperature": 0, "stop": ["\n\n"], "seed": 7,
        "user": "u", "logit_bias": { "50256": -1 }, "max_completion_tokens": 16,
        "messages": [{ "role": "user", "content": "Say\n\"hi\"" }] });
    assert_eq!(sent[0]["body"], expected);
    assert_eq!(sent[0]["path"], "/openai/v1/chat/completions");
}

#[tokio::test]
async fn routes_fall_back_and_caches_keep_the_doors_apart() {
    let cached = "threshold: 0, cache: { ttl_ms: 600000, max_bytes: 1048576 }";
    let stage = Stage::with(|policy, _| policy.route("kept", "openai-cheap", cached)).await;
    let body = json!({ "model": "openai-ladder", "max_tokens": 50,
        "prompt": "[[fault:gpt-4o-mini:503]] [[say:one]]" });
    let answer = send(&stage, body.to_string()).await;
    assert_eq!(answer.body["choices"][0]["text"], "one", "{}", answer.text);
    assert_eq!(answer.header("x-steelyard-model"), "openai-dear");
    // The same bytes are a request of both dialects.
    let both = json!({ "model": "kept", "prompt": "[[say:one]]",
        "messages": [{ "role": "user", "content": "[[say:two]]" }] });
    for (path, expected) in [(PATH, 400), ("/v1/chat/completions", 400)] {
        let client = &stage.gateway.client;
        let request = client.request("POST", path).body(both.to_string());
        let answer = client.answer(request).await;
        assert_ne!(
            answer.header("x-steelyard-cache"),
            "hit",
            "{expected} {}",
            answer.text
        );
    }
    let kept = json!({ "model": "kept", "prompt": "[[say:one]]" }).to_string();
    for expected in ["miss", "hit"] {
        let answer = send(&stage, kept.clone()).await;
        assert_eq!(
            answer.header("x-steelyard-cache"),
            expected,
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn several_continuations_are_several_choices() {
    let mut stage = Stage::start().await;
    for model in ["openai-cheap", "gemini-cheap", "dashscope-cheap"] {
        let mut body =
            json!({ "model": model, "prompt": "[[say:one two]]", "max_tokens": 50, "n": 2 });
        let answer = send(&stage, body.to_string()).await;
        let choice = |index: u64| {
            json!({ "text": "one two", "index": index, "logprobs": null,
            "finish_reason": "stop" })
        };
        assert_eq!(
            answer.body["choices"],
            json!([choice(0), choice(1)]),
            "{model}"
        );
        body["stream"] = json!(true);
        let streamed = stream(&stage, &body).await;
        let chunks = streamed.chunks();
        let choices = || {
            chunks
                .iter()
                .flat_map(|chunk| chunk["choices"].as_array())
                .flatten()
        };
        for index in 0..2 {
            let of = choices().filter(|one| one["index"] == index);
            let said: String = of.filter_map(|one| one["text"].as_str()).collect();
            assert_eq!(said, "one two", "{model}: {chunks:?}");
        }
    }
    stage.gateway.sound();
}

#[tokio::test]
async fn what_no_chat_model_can_do_is_refused_by_name() {
    let mut stage = Stage::start().await;
    for (field, value) in [
        ("suffix", json!("end")),
        ("echo", json!(true)),
        ("best_of", json!(3)),
        ("logprobs", json!(2)),
        ("prompt", json!([1, 2, 3])),
        ("prompt", json!(["one", "two"])),
    ] {
        let mut body = json!({ "model": "auto", "prompt": "Say hi" });
        body[field] = value;
        let answer = send(&stage, body.to_string()).await;
        let message = answer.error(400, "bad_request").to_owned();
        assert_eq!(answer.body["error"]["param"], field, "{message}");
        assert_eq!(answer.body["error"]["code"], "unsupported_parameter");
    }
    assert_eq!(stage.sim.count().await, 0);
    stage.gateway.sound();
}

#[tokio::test]
async fn a_stream_that_breaks_is_never_complete() {
    let stage = Stage::start().await;
    let body = json!({ "model": "gemini-cheap", "stream": true, "max_tokens": 50,
        "prompt": "[[fault:gemini:error_event=2]] [[say:one two three four five six]]" });
    let broken = stream(&stage, &body).await;
    assert!(!broken.is_done(), "{:?}", broken.frames);
    assert!(broken.error().is_some(), "{:?}", broken.frames);
}
