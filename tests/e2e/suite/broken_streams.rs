//! A stream that breaks after its first byte is never shown as if it were complete.

use serde_json::json;
use steelyard_e2e::{Kind, Stage, Streamed, user};

const CASES: &[(&str, &[&str])] = &[
    ("cut=3000", &["broken_stream"]),
    ("malformed=3", &["invalid_answer"]),
    (
        "error_event=3",
        &[
            "stream_error",
            "overloaded",
            "upstream_server",
            "rate_limited",
        ],
    ),
    ("end_without_finish", &["broken_stream"]),
];

/// Asserts that a stream began, and that it ended as broken everywhere where that can be seen.
async fn is_broken(stage: &Stage, streamed: &Streamed, kinds: &[&str], context: &str) {
    assert_eq!(streamed.status, 200, "{context}: {:?}", streamed.frames);
    assert!(
        streamed.content().starts_with("word1 "),
        "{context}: {:?}",
        streamed.frames
    );
    let error = streamed.error();
    let error = error.unwrap_or_else(|| panic!("{context}: {:?}", streamed.frames.last()));
    assert!(error["message"].is_string(), "{context}: {error}");
    assert!(error["type"].is_string(), "{context}: {error}");
    assert!(
        !streamed.frames.iter().any(|frame| frame == "[DONE]"),
        "{context}"
    );
    assert_eq!(streamed.finish_reasons(), [""; 0], "{context}");
    let errors = streamed
        .frames
        .iter()
        .filter(|f| f.starts_with("{\"error\""));
    assert_eq!(errors.count(), 1, "{context}");
    assert_eq!(streamed.header("x-steelyard-attempts"), "1", "{context}");

    let id = streamed.header("x-request-id");
    let record = stage.gateway.record(id).await;
    let outcome = record["outcome"].as_str().expect("an outcome").to_owned();
    assert!(kinds.contains(&outcome.as_str()), "{context}: {record}");
    assert_eq!(record["attempts"], 1, "{context}: {record}");
    assert_eq!(error["code"], outcome.as_str(), "{context}: {error}");
}

#[tokio::test]
async fn every_kind_of_break_of_every_provider() {
    let mut stage = Stage::start().await;
    for kind in &Kind::ALL {
        for (fault, kinds) in CASES {
            let route = format!("{}-ladder", kind.name);
            let text = format!("[[events:60]] [[fault:*:{fault}]]");
            let before = stage.gateway.metrics().await;
            let mut body = user(&route, &text);
            body["stream_options"] = serde_json::json!({ "include_usage": true });
            let streamed = stage.gateway.client.stream(&body).await;
            let context = format!("{} {fault}", kind.name);
            is_broken(&stage, &streamed, kinds, &context).await;
            let after = stage.gateway.metrics().await;
            let grown = |name: &str, labels: &[(&str, &str)]| {
                after.sum(name, labels) - before.sum(name, labels)
            };
            let ok = [("outcome", "ok")];
            assert_eq!(grown("steelyard_requests_total", &ok), 0, "{context}");
            assert_eq!(grown("steelyard_attempts_total", &ok), 0, "{context}");
            assert_eq!(grown("steelyard_fallbacks_total", &[]), 0, "{context}");
            let streams = [("route", route.as_str()), ("stream", "true")];
            assert_eq!(grown("steelyard_requests_total", &streams), 1, "{context}");
        }
    }
    let metrics = stage.gateway.metrics().await;
    assert_eq!(metrics.sum("steelyard_in_flight_requests", &[]), 0);
    stage.gateway.sound();
}

#[tokio::test]
async fn silence_and_slowness_end_a_stream() {
    let kind = Kind::of("anthropic");
    let stage = Stage::with(|policy, simulator| {
        let timed = |policy: steelyard_e2e::PolicyFile, name: &str, timeouts: &str| {
            let provider = format!("{name}-provider");
            let model = format!("{name}-model");
            policy
                .provider(&provider, &kind, simulator, timeouts)
                .model(&model, &provider, kind.cheap, "test/penny")
                .route(name, &model, "threshold: 0")
        };
        let policy = timed(policy, "silent", "timeouts: { idle_ms: 2000 }");
        timed(policy, "endless", "timeouts: { total_ms: 2500 }")
    })
    .await;
    // Longer than idle_ms as a whole, and never silent for nearly as long.
    let silent = "[[events:9]] [[fault:*:delay_between=200]]";
    let slow = user("silent", silent);
    let streamed = stage.gateway.client.stream(&slow).await;
    assert!(streamed.is_done(), "slow is not silent: {streamed:?}");

    let text = "[[events:3000]] [[fault:*:delay_between=20]]";
    let streamed = stage.gateway.client.stream(&user("endless", text)).await;
    is_broken(&stage, &streamed, &["total_timeout"], "total_ms").await;
    stage.sim.idle().await;
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive_in_the_clients_dialect() {
    let stage = Stage::with(|policy, _| policy.setting("keep_alive_ms: 20")).await;
    for model in ["openai-cheap", "anthropic-cheap"] {
        let slow = user(model, "[[events:3]] [[fault:*:delay_between=400]]");
        let streamed = stage.gateway.client.stream(&slow).await;
        assert!(streamed.is_done(), "{streamed:?}");
        // Frames without data are comments.
        let silent = streamed.frames.iter().filter(|frame| frame.is_empty());
        assert!(silent.count() >= 2, "{model}: {streamed:?}");
        assert!(streamed.content().starts_with("word1 "), "{streamed:?}");
    }
    let slow = "[[events:3]] [[fault:*:delay_between=400]]";
    let message = json!({"model": "openai-cheap", "max_tokens": 100, "stream": true,
        "messages": [{"role": "user", "content": slow}]});
    let request = stage.gateway.client.request("POST", "/v1/messages");
    let answer = request.body(message.to_string()).send();
    let answer = steelyard_e2e::soon("the head of a stream", answer).await;
    let streamed = Streamed::read(answer.expect("an answer")).await;
    let pings = streamed.chunks().into_iter();
    let pings = pings.filter(|event| event["type"] == "ping").count();
    assert!(pings >= 2, "{streamed:?}");
}

#[tokio::test]
async fn a_provider_that_falls_silent_is_noticed() {
    use tokio::net::TcpListener;
    // The simulator's delays lie between all events, so this one provider is a script of its own:
    // a head, one chunk, and silence.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let provider = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        // An answer before its question would be refused.
        let mut buffer = [0; 4096];
        loop {
            stream.readable().await.expect("a request");
            if let Ok(read) = stream.try_read(&mut buffer) {
                assert!(read > 0, "a request");
                break;
            }
        }
        let chunk = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\
                     \"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\
                     \"content\":\"word1 \"},\"finish_reason\":null}]}\n\n";
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let all = format!("{head}{chunk}");
        let mut rest = all.as_bytes();
        while !rest.is_empty() {
            stream.writable().await.expect("writable");
            if let Ok(written) = stream.try_write(rest) {
                rest = &rest[written..];
            }
        }
        // Until the gateway closes the connection.
        loop {
            stream.readable().await.expect("readable");
            if let Ok(0) = stream.try_read(&mut buffer) {
                return;
            }
        }
    });
    let stage = Stage::with(|policy, _| {
        let kind = Kind {
            base_path: "",
            ..Kind::of("compatible")
        };
        policy
            .provider(
                "quiet-provider",
                &kind,
                &format!("http://{address}"),
                "timeouts: { idle_ms: 300 }",
            )
            .model("quiet-model", "quiet-provider", "m", "test/penny")
            .route("quiet", "quiet-model", "threshold: 0")
    })
    .await;
    let streamed = stage.gateway.client.stream(&user("quiet", "hello")).await;
    is_broken(&stage, &streamed, &["broken_stream"], "idle_ms").await;
    steelyard_e2e::soon("the gateway to hang up", provider)
        .await
        .expect("the script runs to its end");
}
