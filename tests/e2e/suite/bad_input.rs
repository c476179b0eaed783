//! Bad input of any kind gets a clear 4xx in OpenAI's shape, one log line and one metric.

use std::net::SocketAddr;

use steelyard_e2e::{Stage, user};
use tokio::net::TcpStream;

/// The largest body that the gateway of these tests takes.
const LARGEST_BODY: usize = 3_000_000;

/// Bytes that are no good request, with what they are answered.
fn cases() -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let message = r#"{"role":"user","content":"hi"}"#;
    let with = |rest: &str| format!(r#"{{"model":"auto","messages":[{message}],{rest}}}"#);
    let messages = |list: &str| format!(r#"{{"model":"auto","messages":{list}}}"#);
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let million = format!("[{}1]", "1,".repeat(999_999));
    let text = |text: &str| text.as_bytes().to_vec();
    let bad = |name, body: String| (name, body.into_bytes(), 400, "bad_request");
    vec![
        ("empty", Vec::new(), 400, "bad_request"),
        ("blank", text("  \n "), 400, "bad_request"),
        ("not JSON", text("model=auto"), 400, "bad_request"),
        (
            "cut off",
            text(r#"{"model":"auto","mess"#),
            400,
            "bad_request",
        ),
        ("a list", text("[]"), 400, "bad_request"),
        ("a text", text(r#""auto""#), 400, "bad_request"),
        ("two values", text("{} {}"), 400, "bad_request"),
        ("NUL", text("{\"model\":\"auto\"\0}"), 400, "bad_request"),
        (
            "not UTF-8",
            b"{\"model\":\"\xff\xfe\"}".to_vec(),
            400,
            "bad_request",
        ),
        bad(
            "lone surrogate",
            messages(r#"[{"role":"user","content":"\ud800"}]"#),
        ),
        bad("no model", format!(r#"{{"messages":[{message}]}}"#)),
        bad("no messages", r#"{"model":"auto"}"#.to_owned()),
        bad(
            "model is a number",
            format!(r#"{{"model":7,"messages":[{message}]}}"#),
        ),
        bad("messages is a text", messages(r#""hi""#)),
        bad("no message", messages("[]")),
        bad("message is a number", messages("[7]")),
        bad(
            "unknown role",
            messages(r#"[{"role":"wizard","content":"x"}]"#),
        ),
        bad("no role", messages(r#"[{"content":"x"}]"#)),
        bad(
            "content is a number",
            messages(r#"[{"role":"user","content":7}]"#),
        ),
        bad(
            "content part without type",
            messages(r#"[{"role":"user","content":[{}]}]"#),
        ),
        bad("stream is a text", with(r#""stream":"yes""#)),
        bad("temperature is a text", with(r#""temperature":"hot""#)),
        bad("max_tokens is negative", with(r#""max_tokens":-5"#)),
        bad("tools is a number", with(r#""tools":5"#)),
        bad("duplicate keys", with(r#""model":"openai-cheap""#)),
        bad("too deep", with(&format!(r#""metadata":{deep}"#))),
        bad(
            "too deep in a message",
            messages(&format!(r#"[{{"role":"user","content":{deep}}}]"#)),
        ),
        bad("a million messages", messages(&million)),
        bad(
            "a million parts",
            messages(&format!(r#"[{{"role":"user","content":{million}}}]"#)),
        ),
        (
            "too large",
            with(&format!(r#""user":"{}""#, "x".repeat(LARGEST_BODY))).into_bytes(),
            413,
            "payload_too_large",
        ),
        (
            "three times too large",
            "x".repeat(3 * LARGEST_BODY).into_bytes(),
            413,
            "payload_too_large",
        ),
        (
            "unknown model",
            text(r#"{"model":"auto\u0000","messages":[{"role":"user","content":"x"}]}"#),
            404,
            "model_not_found",
        ),
    ]
}

async fn stage() -> Stage {
    Stage::with(|policy, _| policy.setting(&format!("max_body_bytes: {LARGEST_BODY}"))).await
}

#[tokio::test]
async fn bad_bodies_are_refused_clearly() {
    let mut stage = stage().await;
    for (name, body, status, kind) in cases() {
        let before = stage.gateway.metrics().await;
        let answer = stage.gateway.client.post(body).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        answer.error(status, kind);
        assert!(
            answer.text.len() < 4_000,
            "{name}: {} bytes",
            answer.text.len()
        );
        let record = stage.gateway.record(answer.header("x-request-id")).await;
        assert_eq!(record["outcome"], kind, "{name}: {record}");
        assert_eq!(record["status"], status, "{name}: {record}");
        let after = stage.gateway.metrics().await;
        let grown = |labels: &[(&str, &str)]| {
            let name = "steelyard_requests_total";
            after.sum(name, labels) - before.sum(name, labels)
        };
        assert_eq!((grown(&[]), grown(&[("outcome", kind)])), (1, 1), "{name}");
        stage.gateway.sound();
    }
    assert_eq!(stage.sim.count().await, 0, "no provider was asked");
    let answer = stage
        .gateway
        .client
        .chat(&user("auto", "[[say:fine]]"))
        .await;
    assert_eq!(answer.content(), "fine");
}

#[tokio::test]
async fn messages_say_where() {
    let stage = stage().await;
    let cases = [
        (
            r#"{"model":"auto","messages":[{"role":"user","content":7}]}"#,
            "messages[0].content",
        ),
        (
            r#"{"model":"auto","messages":[{"role":"wizard","content":"x"}]}"#,
            "messages[0].role",
        ),
        (r#"{"model":"auto"}"#, "messages"),
        (
            r#"{"model":"auto","messages":[{"role":"user","content":"x"}],"temperature":"hot"}"#,
            "temperature",
        ),
    ];
    for (body, param) in cases {
        let answer = stage.gateway.client.post(body).await;
        let message = answer.error(400, "bad_request").to_owned();
        assert_eq!(answer.body["error"]["param"], param, "{}", answer.text);
        assert!(message.contains(param), "{message}");
    }
    let answer = stage.gateway.client.post("{\n  \"model\": nope }").await;
    let message = answer.error(400, "bad_request");
    assert!(message.contains("line 2"), "{message}");
}

#[tokio::test]
async fn other_requests_than_there_are() {
    let mut stage = stage().await;
    let client = &stage.gateway.client;
    let body = user("auto", "hi").to_string();
    let post = || client.request("POST", "/v1/chat/completions");
    let zipped = post()
        .header("content-encoding", "gzip")
        .body(vec![31, 139, 8, 0]);
    client.answer(zipped).await.error(400, "bad_request");
    for (method, path) in [
        ("POST", "/v1/images/generations"),
        ("GET", "/"),
        ("GET", "/metrics"),
        ("GET", "/v1/chat/completions/../../../etc/passwd"),
        ("POST", "//v1//chat//completions"),
    ] {
        let request = client.request(method, path).body(body.clone());
        let answer = client.answer(request).await;
        answer.error(404, "not_found");
        stage.gateway.record(answer.header("x-request-id")).await;
    }
    for (method, path, allowed) in [
        ("GET", "/v1/chat/completions", "POST"),
        ("OPTIONS", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/models", "GET"),
    ] {
        let request = client.request(method, path).body(body.clone());
        let answer = client.answer(request).await;
        answer.error(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allowed);
        stage.gateway.record(answer.header("x-request-id")).await;
    }
    // Ids of clients are kept when they are sane, and replaced when they are not.
    let sane = post().header("x-request-id", "trace-17").body(body.clone());
    assert_eq!(client.answer(sane).await.header("x-request-id"), "trace-17");
    let long = "x".repeat(4_000);
    for id in ["two words", long.as_str(), "quote\"", ""] {
        let request = post().header("x-request-id", id).body(body.clone());
        let answer = client.answer(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_ne!(answer.header("x-request-id"), id);
        assert_eq!(answer.header("x-request-id").len(), 32);
    }
    stage.gateway.sound();
}

async fn write(stream: &TcpStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        stream.writable().await.expect("writable");
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
    }
}

async fn connect(stage: &Stage) -> TcpStream {
    let address = stage.gateway.base.strip_prefix("http://").expect("http");
    let address: SocketAddr = address.parse().expect("an address");
    TcpStream::connect(address).await.expect("a connection")
}

#[tokio::test]
async fn a_half_sent_body_leaves_a_line() {
    let mut stage = stage().await;
    for (number, rest) in ["", "{\"model\":", "{\"model\":\"auto\",\"messages\":["]
        .iter()
        .enumerate()
    {
        let id = format!("half-sent-{number}");
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-request-id: {id}\r\n\
             content-length: 1000\r\n\r\n{rest}"
        );
        let stream = connect(&stage).await;
        write(&stream, head.as_bytes()).await;
        drop(stream);
        let record = stage.gateway.record(&id).await;
        let outcome = record["outcome"].as_str().unwrap_or_default();
        assert!(
            ["client_gone", "bad_request"].contains(&outcome),
            "{record}"
        );
    }
    let metrics = stage.gateway.metrics().await;
    assert_eq!(metrics.sum("steelyard_requests_total", &[]), 3);
    assert_eq!(metrics.sum("steelyard_in_flight_requests", &[]), 0);
    stage.gateway.sound();
}

/// What the gateway answers to these bytes, up to the end of the connection.
async fn exchange(stage: &Stage, bytes: &[u8]) -> String {
    let stream = connect(stage).await;
    write(&stream, bytes).await;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    let whole = async {
        loop {
            stream.readable().await.expect("readable");
            match stream.try_read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => answer.extend_from_slice(&buffer[..length]),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
            }
        }
    };
    steelyard_e2e::soon("an answer", whole).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn bodies_may_come_in_pieces() {
    let mut stage = stage().await;
    let body = user("auto", "[[say:in pieces]]").to_string();
    let pieces: String = body
        .as_bytes()
        .chunks(7)
        .map(|piece| {
            format!(
                "{:x}\r\n{}\r\n",
                piece.len(),
                String::from_utf8_lossy(piece)
            )
        })
        .collect();
    let post = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    let chunked = format!("{post}transfer-encoding: chunked\r\n\r\n{pieces}0\r\n\r\n");
    let answer = exchange(&stage, chunked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("in pieces"), "{answer}");
    // curl asks before it sends a long body.
    let length = body.len();
    let asking = format!("{post}expect: 100-continue\r\ncontent-length: {length}\r\n\r\n{body}");
    let answer = exchange(&stage, asking.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n"), "{answer}");
    assert!(answer.contains("in pieces"), "{answer}");
    // Too large by one byte, without saying so beforehand. By more, and the rest that nobody reads
    // could make the connection end in a reset before the answer is read.
    let piece = |length: usize| format!("{length:x}\r\n{}\r\n", " ".repeat(length));
    let pieces = piece(60_000).repeat(LARGEST_BODY / 60_000) + &piece(1);
    let large = format!("{post}transfer-encoding: chunked\r\n\r\n{pieces}0\r\n\r\n");
    let answer = exchange(&stage, large.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(
        answer.contains("x-steelyard-error: payload_too_large"),
        "{answer}"
    );
    stage.gateway.sound();
}

#[tokio::test]
async fn what_is_not_http_harms_nobody() {
    let mut stage = stage().await;
    let huge = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(300_000));
    let cases: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: nine\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        huge.as_bytes(),
    ];
    for bytes in cases {
        let stream = connect(&stage).await;
        // The gateway may hang up before all is written.
        let _ = stream.try_write(bytes);
        drop(stream);
    }
    let answer = stage
        .gateway
        .client
        .chat(&user("auto", "[[say:fine]]"))
        .await;
    assert_eq!(answer.content(), "fine");
    stage.gateway.sound();
}

#[tokio::test]
async fn pages_of_others_spend_nothing() {
    let stage = Stage::start().await;
    let client = &stage.gateway.client;
    let body = user("auto", "hi").to_string();
    let from = |origin: &str| {
        let request = client.request("POST", "/v1/chat/completions");
        request
            .header("origin", origin.to_owned())
            .body(body.clone())
    };
    for page in [
        "https://evil.example",
        "null",
        "http://127.0.0.1.evil.example",
    ] {
        client.answer(from(page)).await.error(403, "forbidden");
    }
    for own in [
        "http://localhost:3000",
        "http://127.0.0.1:5173",
        "http://[::1]:80",
    ] {
        assert_eq!(client.answer(from(own)).await.status, 200, "{own}");
    }
}
