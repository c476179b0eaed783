//! The response cache of a route, seen from outside.

use serde_json::{Value, json};
use steelyard_e2e::{Stage, user};

use crate::keys::VirtualKey;

const CACHED: &str = "threshold: 0, cache: { ttl_ms: 600000, max_bytes: 1048576 }";

async fn stage(keys: &[(&str, &VirtualKey)]) -> Stage {
    Stage::with(|policy, _| {
        let policy = policy.route("remembered", "openai-cheap, anthropic-cheap", CACHED);
        let add = |policy: steelyard_e2e::PolicyFile, (name, key): &(&str, &VirtualKey)| {
            policy.key(name, &key.sha256, "")
        };
        keys.iter().fold(policy, add)
    })
    .await
}

#[tokio::test]
async fn the_same_request_costs_once() {
    let stage = stage(&[]).await;
    let client = &stage.gateway.client;
    let body = user("remembered", "What is the capital of Norway?");
    let miss = client.chat(&body).await;
    assert_eq!(miss.header("x-steelyard-cache"), "miss", "{}", miss.text);
    assert_ne!(miss.header("x-steelyard-cost-usd"), "0.000000000");
    let hit = client.chat(&body).await;
    assert_eq!(hit.header("x-steelyard-cache"), "hit");
    assert_eq!(hit.header("x-steelyard-cost-usd"), "0.000000000");
    assert_eq!(hit.header("x-steelyard-attempts"), "0");
    assert_eq!(hit.text, miss.text);
    for name in [
        "x-steelyard-model",
        "x-steelyard-provider",
        "x-steelyard-complexity",
    ] {
        assert_eq!(hit.header(name), miss.header(name), "{name}");
    }
    assert_ne!(hit.header("x-request-id"), miss.header("x-request-id"));
    assert_eq!(stage.sim.count().await, 1);

    // Another byte is another request; a route without a cache has none.
    let mut warmer = body.clone();
    warmer["temperature"] = json!(0.5);
    assert_eq!(
        client.chat(&warmer).await.header("x-steelyard-cache"),
        "miss"
    );
    let plain = client.chat(&user("auto", "hello")).await;
    assert_eq!(plain.header("x-steelyard-cache"), "");

    let record = stage.gateway.record(hit.header("x-request-id")).await;
    assert_eq!(record["cache"], "hit", "{record}");
    assert_eq!(record["reason"], "cached", "{record}");
    assert_eq!(record["cost_nano_usd"], 0, "{record}");
    let metrics = stage.gateway.metrics().await;
    let lookups = |result| {
        metrics.sum(
            "steelyard_cache_lookups_total",
            &[("route", "remembered"), ("result", result)],
        )
    };
    assert_eq!((lookups("hit"), lookups("miss")), (1, 2));
    assert!(metrics.sum("steelyard_cache_bytes", &[]) > 0);
    let cached = [("reason", "cached")];
    assert_eq!(metrics.sum("steelyard_decisions_total", &cached), 1);
}

#[tokio::test]
async fn a_stream_is_replayed_free_of_charge() {
    let stage = stage(&[]).await;
    let client = &stage.gateway.client;
    let mut body = user("remembered", "[[say:the same words again]]");
    body["stream_options"] = json!({ "include_usage": true });
    let miss = client.stream(&body).await;
    miss.whole("the same words again");
    assert_eq!(miss.header("x-steelyard-cache"), "miss");
    let hit = client.stream(&body).await;
    hit.whole("the same words again");
    assert_eq!(hit.header("x-steelyard-cache"), "hit");
    let cost = |usage: Option<Value>| {
        let usage = usage.expect("a chunk with usage");
        usage["steelyard"]["cost_usd"]
            .as_str()
            .expect("a cost")
            .to_owned()
    };
    assert_ne!(cost(miss.usage_chunk()), "0.000000000");
    assert_eq!(cost(hit.usage_chunk()), "0.000000000");
    assert_eq!(
        hit.usage_chunk().expect("usage")["usage"],
        miss.usage_chunk().expect("usage")["usage"]
    );
    // A whole answer is not made of a stream.
    let unary = client
        .chat(&user("remembered", "[[say:the same words again]]"))
        .await;
    assert_eq!(unary.header("x-steelyard-cache"), "miss");
    assert_eq!(unary.content(), "the same words again");
    assert_eq!(stage.sim.count().await, 2);
}

#[tokio::test]
async fn failures_and_broken_streams_are_not_remembered() {
    let stage = stage(&[]).await;
    let client = &stage.gateway.client;
    let broken = user("remembered", "[[events:60]] [[fault:*:error_event=3]]");
    for _ in 0..2 {
        let streamed = client.stream(&broken).await;
        assert_eq!(streamed.header("x-steelyard-cache"), "miss");
        assert!(streamed.error().is_some());
    }
    let refused = user("remembered", "[[fault:*:400]]");
    for _ in 0..2 {
        let answer = client.chat(&refused).await;
        answer.error(400, "bad_request");
        assert_eq!(answer.header("x-steelyard-cache"), "miss");
    }
}

#[tokio::test]
async fn callers_do_not_share_answers() {
    let (one, two) = (
        VirtualKey::create("one", &[]).await,
        VirtualKey::create("two", &[]).await,
    );
    let stage = stage(&[("one", &one), ("two", &two)]).await;
    let body = user("remembered", "What is our salary budget?");
    for (key, expected) in [(&one, "miss"), (&two, "miss"), (&one, "hit"), (&two, "hit")] {
        let answer = stage.gateway.client.with_key(&key.text).chat(&body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("x-steelyard-cache"), expected);
    }
    assert_eq!(stage.sim.count().await, 2);
}
