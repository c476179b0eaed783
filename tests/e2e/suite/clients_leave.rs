//! Many clients at once, clients that leave, and a gateway that is told to leave.

use std::collections::HashSet;

use serde_json::json;
use steelyard_e2e::{Stage, Streamed, signal, soon, user};

/// Streams that are open at the same time.
const STREAMS: usize = 200;

#[tokio::test]
async fn streams_do_not_mix() {
    let mut stage = Stage::start().await;
    let streams: Vec<_> = (0..STREAMS)
        .map(|number| {
            let client = stage.gateway.client.clone();
            let kind = steelyard_e2e::Kind::ALL[number % steelyard_e2e::Kind::ALL.len()].name;
            let text = (0..25)
                .map(|word| format!("stream{number}-word{word} "))
                .collect::<String>();
            tokio::spawn(async move {
                let prompt = format!("[[events:50]] [[say:{text}]]");
                let mut body = user(&format!("{kind}-ladder"), &prompt);
                body["stream_options"] = json!({ "include_usage": true });
                let streamed = client.stream(&body).await;
                streamed.whole(&text);
                assert!(streamed.frames.len() >= 50, "{}", streamed.frames.len());
                let usage = streamed.usage_chunk().expect("usage");
                let id = streamed.header("x-request-id").to_owned();
                assert_eq!(usage["steelyard"]["request_id"], id.as_str());
                id
            })
        })
        .collect();
    let mut ids = HashSet::new();
    for stream in streams {
        let id = soon("a stream", stream).await.expect("a whole stream");
        assert!(ids.insert(id), "two requests with the same id");
    }
    let metrics = stage.gateway.metrics().await;
    assert_eq!(metrics.sum("steelyard_in_flight_requests", &[]), 0);
    let ok = [("stream", "true"), ("outcome", "ok")];
    let expected = u64::try_from(STREAMS).expect("a small number");
    assert_eq!(metrics.sum("steelyard_requests_total", &ok), expected);
    stage.gateway.sound();
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    let mut stage = Stage::start().await;
    for kind in steelyard_e2e::Kind::ALL {
        let route = format!("{}-ladder", kind.name);
        let body = user(&route, "[[events:9000]] [[fault:*:delay_between=50]]");
        let mut response = stage.gateway.client.open(&body).await;
        let id = response.headers()["x-request-id"]
            .to_str()
            .expect("an id")
            .to_owned();
        let first = soon("the first bytes", response.chunk()).await;
        assert!(first.expect("bytes").is_some());
        drop(response);
        let record = stage.gateway.record(&id).await;
        assert_eq!(record["outcome"], "client_gone", "{record}");
        assert_eq!(record["attempts"], 1, "{record}");
        stage.sim.idle().await;
    }
    let metrics = stage.gateway.metrics().await;
    let gone = [("outcome", "client_gone")];
    let kinds = u64::try_from(steelyard_e2e::Kind::ALL.len()).expect("a small number");
    assert_eq!(metrics.sum("steelyard_requests_total", &gone), kinds);
    assert_eq!(metrics.sum("steelyard_attempts_total", &gone), kinds);
    assert_eq!(metrics.sum("steelyard_in_flight_requests", &[]), 0);
    stage.gateway.sound();
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_is_noticed() {
    let stage = Stage::start().await;
    let client = stage.gateway.client.clone();
    let body = user("auto", "[[fault:*:never]]").to_string();
    let request = client.request("POST", "/v1/chat/completions");
    let request = request.header("x-request-id", "left-early").body(body);
    let asking = tokio::spawn(request.send());
    // The provider has the request: the gateway waits for it.
    let asked = async {
        while stage.sim.count().await == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon("the provider to be asked", asked).await;
    asking.abort();
    let record = stage.gateway.record("left-early").await;
    assert_eq!(record["outcome"], "client_gone", "{record}");
    assert_eq!(record["status"], 499, "{record}");
    stage.sim.idle().await;
}

#[tokio::test]
async fn a_stop_lets_open_streams_finish() {
    let mut stage = Stage::start().await;
    let body = user("auto", "[[events:40]] [[fault:*:delay_between=25]]");
    let response = stage.gateway.client.open(&body).await;
    let id = response.headers()["x-request-id"]
        .to_str()
        .expect("an id")
        .to_owned();
    signal(stage.gateway.process.id(), "TERM").await;
    let stopping = |line: &str| line.contains("stopping").then_some(());
    stage
        .gateway
        .process
        .stderr
        .find("the stop", stopping)
        .await;
    let streamed = Streamed::read(response).await;
    let text: String = (1..=40).map(|word| format!("word{word} ")).collect();
    streamed.whole(&text);
    let status = stage.gateway.process.end().await;
    assert_eq!(status.code(), Some(0), "{}", stage.gateway.output());
    let record = stage.gateway.record(&id).await;
    assert_eq!(record["outcome"], "ok", "{record}");
}

#[tokio::test]
async fn who_finds_no_room_is_told_when_to_come_back() {
    let stage = Stage::with(|policy, _| policy.setting("max_in_flight: 2")).await;
    let client = &stage.gateway.client;
    let endless = user("auto", "[[events:9000]] [[fault:*:delay_between=50]]");
    let (one, two) = (client.open(&endless).await, client.open(&endless).await);
    let ids = [&one, &two].map(|response| {
        let id = response.headers()["x-request-id"].to_str();
        id.expect("an id").to_owned()
    });
    let refused = client.chat(&user("auto", "hello")).await;
    refused.error(503, "unavailable");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(stage.sim.count().await, 2);
    // The admin plane answers all the same.
    assert_eq!(stage.gateway.admin.get("/healthz").await.status, 200);
    let metrics = stage.gateway.metrics().await;
    assert_eq!(metrics.sum("steelyard_in_flight_requests", &[]), 2);
    drop((one, two));
    for id in &ids {
        stage.gateway.record(id).await;
    }
    let answer = client.chat(&user("auto", "[[say:room again]]")).await;
    assert_eq!(answer.content(), "room again", "{}", answer.text);
}
