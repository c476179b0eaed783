//! Complete answers without content: worth another attempt, and the client's where none is better.

use serde_json::{Value, json};
use steelyard_e2e::{Kind, Stage, user};

/// Asks in OpenAI's dialect, and gives the answer's headers, its text and its finish reasons.
async fn asked(stage: &Stage, body: &Value) -> (Vec<String>, String, Vec<String>) {
    let names = [
        "x-steelyard-model",
        "x-steelyard-attempts",
        "x-request-id",
        "x-steelyard-error",
    ];
    if body["stream"] == true {
        let answer = stage.gateway.client.stream(body).await;
        assert_eq!(answer.status, 200, "{:?}", answer.frames);
        assert!(answer.is_done(), "{:?}", answer.frames);
        let headers = names.map(|name| answer.header(name).to_owned());
        return (headers.into(), answer.content(), answer.finish_reasons());
    }
    let answer = stage.gateway.client.chat(body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let headers = names.map(|name| answer.header(name).to_owned());
    let finish = answer.body["choices"][0]["finish_reason"].as_str();
    let finish = finish.unwrap_or_default().to_owned();
    (headers.into(), answer.content().to_owned(), vec![finish])
}

#[tokio::test]
async fn an_empty_answer_is_given_where_there_is_no_other() {
    let stage = Stage::start().await;
    for kind in &Kind::ALL {
        let name = kind.name;
        let (ladder, cheap, dear) = (
            format!("{name}-ladder"),
            format!("{name}-cheap"),
            format!("{name}-dear"),
        );
        let empty_then = |second: &str| {
            format!(
                "[[fault:{}:empty]] [[fault:{}:{second}]]",
                kind.cheap, kind.dear
            )
        };
        let cases = [
            (&ladder, empty_then("empty"), &dear, 2),
            // An answer without content is still better than none.
            (&ladder, empty_then("500"), &cheap, 2),
            (&cheap, empty_then("empty"), &cheap, 1),
        ];
        for (asked_for, text, model, attempts) in cases {
            for stream in [false, true] {
                let context = format!("{asked_for} {text} stream={stream}");
                let before = stage.gateway.metrics().await;
                let mut body = user(asked_for, &text);
                body["stream"] = json!(stream);
                let (headers, content, finish) = asked(&stage, &body).await;
                assert_eq!(headers[0], *model, "{context}");
                assert_eq!(headers[1], attempts.to_string(), "{context}");
                assert_eq!(headers[3], "", "{context}");
                assert_eq!(content, "", "{context}");
                assert_eq!(finish, ["stop"], "{context}");
                let record = stage.gateway.record(&headers[2]).await;
                assert_eq!(record["outcome"], "ok", "{record}");
                assert_eq!(record["model"], *model, "{record}");
                let failed = record["failed"].as_array().expect("failed attempts");
                assert_eq!(failed.len(), attempts, "{record}");
                assert_eq!(failed[0]["kind"], "empty_answer", "{record}");
                assert!(record["input_tokens"].as_u64() > Some(0), "{record}");
                assert!(record["cost_nano_usd"].as_u64() > Some(0), "{record}");
                assert_eq!(record["metered"], true, "{record}");
                let after = stage.gateway.metrics().await;
                let empty = [("model", model.as_str()), ("outcome", "empty_answer")];
                let name = "steelyard_attempts_total";
                let grown = after.sum(name, &empty) - before.sum(name, &empty);
                assert_eq!(grown, 1, "{context}");
            }
        }
    }
}

#[tokio::test]
async fn an_empty_answer_of_the_same_dialect_goes_through_as_it_came() {
    let stage = Stage::start().await;
    let client = &stage.gateway.client;
    let text = "[[fault:*:empty]]";
    let answer = client.chat(&user("openai-cheap", text)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let id = answer.body["id"].as_str().expect("an id");
    assert!(
        !id.contains(answer.header("x-request-id")),
        "the provider's own id: {id}"
    );
    let message = |stream: bool| {
        let messages = json!([{ "role": "user", "content": text }]);
        let body = json!({ "model": "anthropic-cheap", "max_tokens": 9, "stream": stream,
            "messages": messages });
        client
            .request("POST", "/v1/messages")
            .body(body.to_string())
    };
    let answer = client.answer(message(false)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["content"], json!([]), "{}", answer.text);
    assert_eq!(answer.body["stop_reason"], "end_turn", "{}", answer.text);
    let id = answer.body["id"].as_str().expect("an id");
    assert!(id.starts_with("msg_01"), "the provider's own id: {id}");
    let answer = client.answer(message(true)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for event in ["message_start", "message_delta", "message_stop"] {
        let line = format!("event: {event}\n");
        assert_eq!(answer.text.matches(&line).count(), 1, "{}", answer.text);
    }
    assert!(answer.text.contains("end_turn"), "{}", answer.text);
}
