//! The control endpoints and what the simulator remembers.

use serde_json::{Value, json};

use crate::rig::{Kind, Rig};

#[tokio::test]
async fn requests_are_remembered_without_keys() {
    let rig = Rig::start().await;
    rig.ask(Kind::OpenAi, "hello", false, false).await;
    rig.ask(Kind::Anthropic, "hello", false, false).await;
    let got = Rig::receive(rig.client.get(format!("{}/_sim/requests", rig.base))).await;
    let requests = got.json();
    assert_eq!(requests[0]["provider"], "openai");
    assert_eq!(requests[0]["path"], "/openai/v1/chat/completions");
    assert_eq!(requests[0]["body"]["messages"][0]["content"], "hello");
    assert_eq!(requests[1]["headers"]["anthropic-version"], "2023-06-01");
    assert_eq!(requests[1]["number"], 2);
    assert!(!got.text.contains("sk-sim"));
    rig.state.idle().await;
    let counts = Rig::receive(rig.client.get(format!("{}/_sim/counts", rig.base)))
        .await
        .json();
    assert_eq!(
        counts,
        json!({"requests": 2, "by_provider": {"anthropic": 1, "openai": 1},
        "by_status": {"200": 2}, "by_fault": {}, "in_flight": 0})
    );
}

#[tokio::test]
async fn the_fault_script_is_set_counted_down_and_cleared() {
    let rig = Rig::start().await;
    let url = format!("{}/_sim/faults", rig.base);
    let script = json!([{"provider": "openai", "times": 2,
        "fault": {"kind": "status", "status": 503}}]);
    let put = |body: &Value| rig.client.put(&url).body(body.to_string());
    assert_eq!(Rig::receive(put(&script)).await.status, 204);
    let status = async || rig.ask(Kind::OpenAi, "hi", false, false).await.status;
    assert_eq!(
        [status().await, status().await, status().await],
        [503, 503, 200]
    );
    assert_eq!(
        rig.ask(Kind::Anthropic, "hi", false, false).await.status,
        200
    );
    assert_eq!(rig.state.faults()[0].times, Some(0));
    assert_eq!(
        Rig::receive(put(&json!([{"fault": {"kind": "melt"}}])))
            .await
            .status,
        400
    );
    assert_eq!(Rig::receive(put(&json!({}))).await.status, 400);
    assert_eq!(Rig::receive(rig.client.delete(&url)).await.status, 204);
    assert_eq!(Rig::receive(rig.client.get(&url)).await.json(), json!([]));
    assert_eq!(Rig::receive(rig.client.post(&url)).await.status, 405);
}

#[tokio::test]
async fn unknown_prefixes_and_control_paths() {
    let rig = Rig::start().await;
    for path in [
        "/",
        "/nobody/v1/chat/completions",
        "/_sim/nothing",
        "/dashscope-mars/x",
    ] {
        let got = Rig::receive(rig.client.get(format!("{}{path}", rig.base))).await;
        assert_eq!(got.status, 404, "{path}");
    }
    let models = rig.client.get(format!("{}/compatible/v1/models", rig.base));
    assert_eq!(Rig::receive(models).await.json()["object"], "list");
}

#[tokio::test]
async fn nothing_panics_on_bodies_that_are_no_requests() {
    let rig = Rig::start().await;
    let deep = "[".repeat(5_000);
    let bodies = [
        "",
        "null",
        "[]",
        "7",
        "{",
        "\u{0}",
        "{\"model\":7}",
        "{\"messages\":{}}",
        &deep,
    ];
    for kind in crate::rig::ALL {
        for body in bodies {
            let path = kind.path(kind.model(), false);
            let got = Rig::receive(rig.request(kind, &path, body.to_owned())).await;
            assert!(
                (400..500).contains(&got.status),
                "{kind:?} {body:.20} {}",
                got.status
            );
        }
        let path = kind.path(kind.model(), false);
        let request = rig
            .request(kind, &path, String::new())
            .body(vec![0xff, 0xfe, 0x7b]);
        assert!(Rig::receive(request).await.status < 500);
    }
}
