//! OpenAI's Responses API: what it answers, and what it refuses.

use serde_json::{Value, json};

use crate::rig::{Got, Kind, Rig};

async fn send(rig: &Rig, body: &Value) -> Got {
    Rig::receive(rig.request(Kind::OpenAi, "/openai/v1/responses", body.to_string())).await
}

/// A request to a model that reasons.
fn asking(input: Value, more: Value) -> Value {
    let mut body = json!({"model": "gpt-5-mini", "store": false, "input": input,
        "include": ["reasoning.encrypted_content"],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}]});
    let more = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    body
}

#[tokio::test]
async fn a_stream_tells_what_the_whole_answer_says() {
    let rig = Rig::start().await;
    for text in [
        "[[say:hello there]]",
        "[[think]] [[tool:f {\"a\": 1}]]",
        "[[length]] [[say:cut off]]",
    ] {
        let more = json!({"reasoning": {"summary": "auto"}});
        let whole = send(&rig, &asking(text.into(), more.clone())).await.json();
        let mut body = asking(text.into(), more);
        body["stream"] = true.into();
        let events = send(&rig, &body).await.events();
        for (number, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], number);
        }
        let last = events.last().unwrap();
        let status = whole["status"].as_str().unwrap();
        assert_eq!(last["type"], format!("response.{status}"));
        let kinds = |response: &Value| -> Vec<(Value, Value)> {
            let items = response["output"].as_array().unwrap().iter();
            items
                .map(|item| (item["type"].clone(), item["content"][0]["text"].clone()))
                .collect()
        };
        assert_eq!(kinds(&last["response"]), kinds(&whole));
        let usage = |response: &Value| response["usage"]["input_tokens"].clone();
        assert_eq!(usage(&last["response"]), usage(&whole));
        let of = |kind: &'static str| events.iter().filter(move |event| event["type"] == kind);
        let done: Vec<_> = of("response.output_item.done")
            .map(|event| event["item"].clone())
            .collect();
        assert_eq!(json!(done), last["response"]["output"]);
        let arguments: String = of("response.function_call_arguments.delta")
            .map(|event| event["delta"].as_str().unwrap())
            .collect();
        let told = of("response.function_call_arguments.done").next();
        assert_eq!(
            told.map_or("", |told| told["arguments"].as_str().unwrap()),
            arguments
        );
    }
}

#[tokio::test]
async fn thoughts_return_with_what_they_led_to_and_to_their_model() {
    let rig = Rig::start().await;
    let first = send(&rig, &asking("[[tool:f {}]]".into(), json!({})))
        .await
        .json();
    let output = first["output"].as_array().unwrap();
    let [thoughts, call] = output.as_slice() else {
        panic!("{first}");
    };
    let result = json!({"type": "function_call_output", "call_id": call["call_id"],
        "output": "17"});
    let good = json!([{"role": "user", "content": "hi"}, thoughts, call, result]);
    let second = send(&rig, &asking(good.clone(), json!({}))).await;
    assert!(second.text.contains("17"), "{}", second.text);
    let refused = async |input: Value, more: Value, words: &str| {
        let got = send(&rig, &asking(input, more)).await;
        assert_eq!(got.status, 400, "{}", got.text);
        let message = got.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(words), "{message}");
    };
    refused(
        good.clone(),
        json!({"model": "gpt-5-nano"}),
        "could not be verified",
    )
    .await;
    let mut bare = good.clone();
    bare[1].as_object_mut().unwrap().remove("encrypted_content");
    refused(bare.clone(), json!({}), "not found").await;
    // What was stored needs no proof.
    let stored = send(&rig, &asking(bare, json!({"store": true}))).await;
    assert_eq!(stored.status, 200, "{}", stored.text);
    let alone = json!([thoughts, {"role": "user", "content": "hi"}]);
    refused(alone, json!({}), "without its required following item").await;
    let open = json!([{"role": "user", "content": "hi"}, thoughts, call]);
    refused(open, json!({}), "No tool output found").await;
    refused(json!([result]), json!({}), "No tool call found").await;
}

#[tokio::test]
async fn wrong_requests_are_refused_in_openais_words() {
    let rig = Rig::start().await;
    for (more, param, code) in [
        (
            json!({"model": "gpt-nonsense"}),
            json!("model"),
            json!("model_not_found"),
        ),
        (
            json!({"messages": []}),
            json!("messages"),
            json!("unknown_parameter"),
        ),
        (json!({"input": 7}), json!("input"), json!("invalid_type")),
        (
            json!({"input": [{"role": "tool", "content": "x"}]}),
            json!("input[0].role"),
            json!("invalid_value"),
        ),
        (
            json!({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}),
            json!("input[0].content[0].type"),
            json!("invalid_value"),
        ),
        (
            json!({"max_output_tokens": 3}),
            json!("max_output_tokens"),
            json!("integer_below_min_value"),
        ),
        (
            json!({"temperature": 0.5}),
            json!("temperature"),
            json!("unsupported_parameter"),
        ),
        (
            json!({"previous_response_id": "resp_1"}),
            json!("previous_response_id"),
            json!("previous_response_not_found"),
        ),
        (json!({"model": "gpt-4o"}), json!("include"), Value::Null),
    ] {
        let got = send(&rig, &asking("hi".into(), more.clone())).await;
        assert_eq!(got.status, 400, "{more}: {}", got.text);
        let error = &got.json()["error"];
        assert_eq!((&error["param"], &error["code"]), (&param, &code), "{more}");
    }
}

#[tokio::test]
async fn what_an_sdk_has_parsed_is_not_known() {
    let rig = Rig::start().await;
    let history = |parsed: Value, arguments: Value| {
        json!([{"role": "user", "content": "hi"},
            {"role": "assistant", "content": [
                {"type": "output_text", "text": "{}", "parsed": parsed}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}",
                "parsed_arguments": arguments},
            {"type": "function_call_output", "call_id": "c", "output": "r"}])
    };
    for (input, param) in [
        (
            history(json!({"x": 1}), Value::Null),
            "input[1].content[0].parsed",
        ),
        (
            history(Value::Null, json!({"x": 1})),
            "input[2].parsed_arguments",
        ),
    ] {
        let got = send(&rig, &asking(input, json!({}))).await;
        assert_eq!(got.status, 400, "{}", got.text);
        let error = got.json()["error"].clone();
        assert_eq!(error["param"], param);
        assert_eq!(error["message"], format!("Unknown parameter: '{param}'."));
    }
    let got = send(&rig, &asking(history(Value::Null, Value::Null), json!({}))).await;
    assert_eq!(got.status, 200, "{}", got.text);
}
