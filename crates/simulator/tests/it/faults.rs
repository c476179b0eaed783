//! Every fault with every provider, over real connections.

use serde_json::Value;
use steelyard_simulator::{Fault, FaultRule, LatencyModel, SimulatorConfig, StatusFault};

use crate::rig::{ALL, Got, Kind, Rig};

fn marked(fault: &str) -> String {
    format!("[[say:A text long enough to be cut somewhere.]] [[fault:*:{fault}]]")
}

#[tokio::test]
async fn statuses_come_in_each_providers_form() {
    let rig = Rig::start().await;
    for kind in ALL {
        for status in [
            400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529,
        ] {
            for stream in [false, true] {
                let text = marked(&format!("{status},retry_after=7"));
                let got = rig.ask(kind, &text, stream, false).await;
                assert_eq!(got.status, status, "{kind:?}");
                let said = message_of(kind, &got.json());
                assert!(!said.is_empty(), "{kind:?} {}", got.text);
                if kind == Kind::Gemini {
                    let details = got.json()["error"]["details"].to_string();
                    assert!(details.contains("\"retryDelay\":\"7s\""));
                } else {
                    assert_eq!(got.header("retry-after"), "7", "{kind:?}");
                }
            }
        }
    }
}

/// The error message where that provider's clients look for it.
fn message_of(kind: Kind, body: &Value) -> String {
    let place = match kind {
        Kind::DashScope => &body["message"],
        // An answer that fails says only that it did, a stream also why.
        Kind::Cohere if body["finish_reason"] == "ERROR" => &body["finish_reason"],
        Kind::Cohere => body.get("message").unwrap_or(&body["delta"]["error"]),
        Kind::Mistral => body.get("message").unwrap_or(&body["detail"]),
        _ => &body["error"]["message"],
    };
    place.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_words_of_well_known_errors() {
    let rig = Rig::start().await;
    let body =
        async |kind: Kind, fault: &str| rig.ask(kind, &marked(fault), false, false).await.json();
    let overloaded = body(Kind::Anthropic, "529").await;
    assert_eq!(overloaded["error"]["type"], "overloaded_error");
    assert_eq!(
        body(Kind::Anthropic, "429").await["error"]["type"],
        "rate_limit_error"
    );
    assert_eq!(
        body(Kind::OpenAi, "429").await["error"]["code"],
        "rate_limit_exceeded"
    );
    let quota = body(Kind::OpenAi, "429,code=insufficient_quota").await;
    assert_eq!(quota["error"]["type"], "insufficient_quota");
    assert_eq!(
        body(Kind::Gemini, "429").await["error"]["status"],
        "RESOURCE_EXHAUSTED"
    );
    assert_eq!(
        body(Kind::Gemini, "503").await["error"]["status"],
        "UNAVAILABLE"
    );
    assert_eq!(
        body(Kind::DashScope, "429").await["code"],
        "Throttling.RateQuota"
    );
    let limited = body(Kind::DashScopeCompatible, "429").await;
    assert_eq!(limited["error"]["code"], "limit_requests");
    assert_eq!(
        body(Kind::Cohere, "429").await["message"],
        "Please wait and try again later"
    );
    assert_eq!(
        body(Kind::DeepSeek, "402").await["error"]["message"],
        "Insufficient Balance"
    );
}

#[tokio::test]
async fn a_proxy_answers_with_a_page() {
    let rig = Rig::start().await;
    for kind in ALL {
        let got = rig.ask(kind, &marked("502,html"), true, false).await;
        assert_eq!((got.status, got.header("content-type")), (502, "text/html"));
        assert!(got.text.contains("502 Bad Gateway"));
    }
}

#[tokio::test]
async fn bodies_are_cut_and_connections_closed() {
    let rig = Rig::start().await;
    for kind in ALL {
        for stream in [false, true] {
            let path = kind.path(kind.model(), stream);
            let send = async |fault: &str| {
                let body = kind.body(&marked(fault), stream, false);
                let mut request = rig.request(kind, &path, body.to_string());
                if stream {
                    request = request.header("x-dashscope-sse", "enable");
                }
                request.send().await
            };
            assert!(send("close").await.is_err(), "{kind:?}");
            let mut response = send("cut=90").await.unwrap();
            assert_eq!(response.status(), 200);
            let mut received = 0;
            let ended = loop {
                match response.chunk().await {
                    Ok(Some(bytes)) => received += bytes.len(),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            assert!(ended.is_err(), "{kind:?}: the cut must be visible");
            assert_eq!(received, 90, "{kind:?} {stream}");
        }
    }
    rig.state.idle().await;
    assert_eq!(rig.state.counts().by_fault["cut_after_bytes"], 18);
}

#[tokio::test]
async fn broken_json_errors_and_missing_ends() {
    let rig = Rig::start().await;
    for kind in ALL {
        let whole = rig.ask(kind, &marked("nothing"), true, false).await;
        let broken = rig.ask(kind, &marked("malformed=1"), true, false).await;
        assert_eq!(count(&broken), count(&whole) - 1, "{kind:?}");
        let unary = rig.ask(kind, &marked("malformed"), false, false).await;
        assert_eq!(unary.status, 200);
        assert!(serde_json::from_str::<Value>(&unary.text).is_err());

        let failed = rig.ask(kind, &marked("error_event"), true, false).await;
        assert_eq!((failed.status, failed.events().len()), (200, 1), "{kind:?}");
        assert!(!message_of(kind, &failed.events()[0]).is_empty());
        let late = rig.ask(kind, &marked("error_event=2"), true, false).await;
        let events = late.events();
        assert!(events.len() > 2 && !message_of(kind, events.last().unwrap()).is_empty());
        let unary = rig.ask(kind, &marked("error_event"), false, false).await;
        assert_eq!(unary.status, 200);
        assert!(!message_of(kind, &unary.json()).is_empty());

        let endless = rig
            .ask(kind, &marked("end_without_finish"), true, false)
            .await;
        assert!(endless.events().len() < whole.events().len(), "{kind:?}");
        for end in [
            "[DONE]",
            "message_stop",
            "\"STOP\"",
            ":\"stop\"",
            "COMPLETE",
        ] {
            assert!(!endless.text.contains(end), "{kind:?} {end}");
        }
        let empty = rig.ask(kind, &marked("empty"), true, false).await;
        assert_eq!(empty.status, 200);
        assert!(!empty.text.contains("A text"), "{kind:?}");
        let ends = ["\"stop\"", "\"STOP\"", "\"end_turn\"", "\"COMPLETE\""];
        assert!(
            ends.iter().any(|end| empty.text.contains(end)),
            "{kind:?} {}",
            empty.text
        );
        let empty = rig.ask(kind, &marked("empty"), false, false).await;
        assert!(empty.status == 200 && !empty.text.contains("A text"));
    }
}

/// Events whose data is JSON.
fn count(got: &Got) -> usize {
    got.events().len()
}

#[tokio::test]
async fn delayed_answers_arrive_whole() {
    let rig = Rig::with(SimulatorConfig {
        latency: LatencyModel {
            first_token_us: 50,
            per_token_us: 5,
            jitter_percent: 10,
        },
        ..SimulatorConfig::default()
    })
    .await;
    for kind in ALL {
        for stream in [false, true] {
            let whole = rig.ask(kind, &marked("nothing=00"), stream, false).await;
            for fault in ["delay=1", "delay_first_token=1", "delay_between=1"] {
                let got = rig.ask(kind, &marked(fault), stream, false).await;
                assert_eq!(
                    (got.status, count(&got)),
                    (200, count(&whole)),
                    "{kind:?} {fault}"
                );
            }
        }
    }
}

#[tokio::test]
async fn waits_end_when_the_client_goes_away() {
    let rig = Rig::start().await;
    let faults = [
        "never",
        "delay=600000",
        "delay_first_token=600000",
        "delay_between=600000",
    ];
    for fault in faults {
        let state = rig.state.clone();
        let path = Kind::OpenAi.path("gpt-4o", true);
        let body = Kind::OpenAi.body(&marked(fault), true, false).to_string();
        let request = rig.request(Kind::OpenAi, &path, body);
        let call = tokio::spawn(async move {
            let mut response = request.send().await.unwrap();
            while response.chunk().await.unwrap().is_some() {}
        });
        state.in_flight_is(|count| count == 1).await;
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        state.idle().await;
    }
    // Nor does a client that waits for ever keep the simulator from stopping.
    let state = rig.state.clone();
    let body = Kind::OpenAi.body(&marked("never"), true, false).to_string();
    let path = Kind::OpenAi.path("gpt-4o", true);
    let call = tokio::spawn(rig.request(Kind::OpenAi, &path, body).send());
    state.in_flight_is(|count| count == 1).await;
    rig.stop().await;
    assert!(call.await.unwrap().is_err());
}

#[tokio::test]
async fn markers_go_before_headers_and_rules() {
    let status = |status| {
        Fault::Status(StatusFault {
            status,
            ..StatusFault::default()
        })
    };
    let rule = FaultRule {
        model: Some("gpt-4o".into()),
        ..FaultRule::always(status(503))
    };
    let config = SimulatorConfig {
        faults: vec![rule],
        ..SimulatorConfig::default()
    };
    let rig = Rig::with(config).await;
    assert_eq!(rig.ask(Kind::OpenAi, "hi", false, false).await.status, 503);
    assert_eq!(
        rig.ask(Kind::OpenAi, "[[fault:openai:500]]", false, false)
            .await
            .status,
        500
    );
    assert_eq!(
        rig.ask(Kind::OpenAi, "[[fault:gemini:500]]", false, false)
            .await
            .status,
        503
    );
    assert_eq!(
        rig.ask(Kind::Mistral, "[[fault:openai:500]]", false, false)
            .await
            .status,
        200
    );
    let body = Kind::OpenAi.body("hi", false, false).to_string();
    let request = rig.request(Kind::OpenAi, "/openai/v1/chat/completions", body);
    assert_eq!(
        Rig::receive(request.header("x-sim-fault", "529"))
            .await
            .status,
        529
    );
    let text = "[[fault:dashscope:500]]";
    assert_eq!(
        rig.ask(Kind::DashScopeCompatible, text, false, false)
            .await
            .status,
        500
    );
}

#[tokio::test]
async fn many_streams_at_once_do_not_mix() {
    let rig = Rig::start().await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..64usize {
        let kind = ALL[number % ALL.len()];
        let text = format!("[[say:number <{number}> only]] [[fault:*:delay_between=1]]");
        let path = kind.path(kind.model(), true);
        let request = rig.request(kind, &path, kind.body(&text, true, false).to_string());
        let request = request.header("x-dashscope-sse", "enable");
        calls.spawn(async move { (kind, number, Rig::receive(request).await) });
    }
    while let Some(call) = calls.join_next().await {
        let (kind, number, got) = call.unwrap();
        assert_eq!(got.status, 200, "{kind:?}");
        let own = format!("<{number}>");
        let joined = got.text.replace(['\r', '\n'], "");
        assert!(
            joined.contains(&own) || joined.contains(&format!("{number}>")),
            "{kind:?} {own}"
        );
    }
    rig.state.idle().await;
}
