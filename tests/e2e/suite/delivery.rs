//! Models that only stream, and models that only answer whole, serve both kinds of requests.

use serde_json::{Value, json};
use steelyard_e2e::{Answer, PolicyFile, Stage, user};

const TERMS: &str = "capability: 0.9, context_window: 100000, max_output_tokens: 16000, \
                     features: [tools, parallel_tools, reasoning]";

const HURRIED: &str = "threshold: 0, timeouts: { first_token_ms: 200, idle_ms: 200 }";

/// Every kind's cheap model once more, as one that only streams and as one that only answers whole.
fn with_odd_models(policy: PolicyFile, _: &str) -> PolicyFile {
    let fact = |delivery: &str| format!("{TERMS}, delivery: {delivery}");
    let (stream, whole) = (fact("stream_only"), fact("whole_only"));
    let mut policy = policy;
    for kind in steelyard_e2e::Kind::ALL {
        let name = kind.name;
        policy = policy
            .model_of(&format!("{name}-streams"), name, kind.cheap, &stream)
            .model_of(&format!("{name}-whole"), name, kind.cheap, &whole);
    }
    policy
        .model_of("qwq", "dashscope", "qwq-plus", &stream)
        .model_of("qwq-unknown", "dashscope", "qwq-plus", TERMS)
        .route("falls", "openai-streams, gemini-whole", "threshold: 0")
        .route("hurried", "openai-streams", HURRIED)
        // The first chunk of this one has content.
        .route("stuck", "gemini-streams", HURRIED)
        .route(
            "short",
            "openai-streams, openai-whole",
            "threshold: 0, timeouts: { total_ms: 300 }",
        )
}

async fn messages(stage: &Stage, body: &Value) -> Answer {
    let request = stage.gateway.client.request("POST", "/v1/messages");
    stage
        .gateway
        .client
        .answer(request.body(body.to_string()))
        .await
}

/// Whether the provider was asked for a stream by the last request.
async fn was_streamed(stage: &Stage) -> bool {
    let requests = stage.sim.requests().await;
    let last = requests.last().expect("a request");
    let path = last["path"].as_str().unwrap_or_default();
    last["body"]["stream"] == true
        || last["headers"]["x-dashscope-sse"] == "enable"
        || path.ends_with(":streamGenerateContent")
}

#[tokio::test]
async fn whole_answers_are_put_together_from_streams() {
    let mut stage = Stage::with(with_odd_models).await;
    for kind in steelyard_e2e::Kind::ALL {
        let model = format!("{}-streams", kind.name);
        let plain = stage
            .gateway
            .client
            .chat(&user(
                &format!("{}-cheap", kind.name),
                "[[say:one two three]]",
            ))
            .await;
        let answer = stage
            .gateway
            .client
            .chat(&user(&model, "[[say:one two three]]"))
            .await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text);
        assert_eq!(answer.content(), "one two three", "{model}");
        assert_eq!(answer.body["object"], "chat.completion", "{model}");
        assert_eq!(answer.body["choices"][0]["finish_reason"], "stop");
        assert!(was_streamed(&stage).await, "{model}");
        if kind.name != "compatible" {
            for field in ["prompt_tokens", "completion_tokens", "total_tokens"] {
                assert_eq!(
                    answer.body["usage"][field], plain.body["usage"][field],
                    "{model} {field}"
                );
            }
            let cost = |answer: &Answer| answer.header("x-steelyard-cost-usd").to_owned();
            assert_eq!(cost(&answer), cost(&plain), "{model}");
        }
        let body = json!({ "model": model, "max_tokens": 200,
            "messages": [{ "role": "user", "content": "[[say:four]]" }] });
        let answer = messages(&stage, &body).await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text);
        assert_eq!(answer.body["content"][0]["text"], "four", "{model}");
        assert_eq!(answer.body["stop_reason"], "end_turn", "{model}");
        assert!(was_streamed(&stage).await, "{model}");
        // A stream goes through as ever.
        let stream = stage
            .gateway
            .client
            .stream(&user(&model, "[[say:five]]"))
            .await;
        stream.whole("five");
    }
    stage.gateway.sound();
}

/// Whether a provider gives several answers to one request: Anthropic, DeepSeek and Cohere have no
/// word for it.
fn gives_several(kind: &str) -> bool {
    !matches!(kind, "anthropic" | "deepseek" | "cohere")
}

#[tokio::test]
async fn several_answers_come_either_way_from_either() {
    let mut stage = Stage::with(with_odd_models).await;
    for kind in steelyard_e2e::Kind::ALL {
        for way in ["streams", "whole", "cheap"] {
            let model = format!("{}-{way}", kind.name);
            let mut body = user(&model, "[[say:one two]]");
            body["n"] = json!(2);
            let whole = stage.gateway.client.chat(&body).await;
            if !gives_several(kind.name) {
                assert_eq!(whole.status, 400, "{model}: {}", whole.text);
                assert_eq!(whole.body["error"]["param"], "n", "{model}: {}", whole.text);
                continue;
            }
            assert_eq!(whole.status, 200, "{model}: {}", whole.text);
            let choices = whole.body["choices"].as_array().expect("choices");
            let said: Vec<_> = choices
                .iter()
                .map(|one| &one["message"]["content"])
                .collect();
            assert_eq!(said, ["one two", "one two"], "{model}");
            body["stream_options"] = json!({ "include_usage": true });
            let stream = stage.gateway.client.stream(&body).await;
            let chunks = stream.chunks();
            let choices = || {
                chunks
                    .iter()
                    .flat_map(|chunk| chunk["choices"].as_array())
                    .flatten()
            };
            for index in 0..2 {
                let of = || choices().filter(|one| one["index"] == index);
                let said: String = of()
                    .filter_map(|one| one["delta"]["content"].as_str())
                    .collect();
                assert_eq!(said, "one two", "{model}: {chunks:?}");
                let ends: Vec<_> = of()
                    .filter_map(|one| one["finish_reason"].as_str())
                    .collect();
                assert_eq!(ends, ["stop"], "{model}");
            }
            if kind.name != "compatible" {
                let usage = stream.usage_chunk().expect("usage");
                assert_eq!(
                    usage["usage"]["completion_tokens"], whole.body["usage"]["completion_tokens"],
                    "{model}"
                );
            }
        }
    }
    stage.gateway.sound();
}

#[tokio::test]
async fn streams_are_written_from_whole_answers() {
    let mut stage = Stage::with(with_odd_models).await;
    for kind in steelyard_e2e::Kind::ALL {
        let model = format!("{}-whole", kind.name);
        let mut body = user(&model, "[[say:one two three]]");
        body["stream_options"] = json!({ "include_usage": true });
        let stream = stage.gateway.client.stream(&body).await;
        stream.whole("one two three");
        assert!(!was_streamed(&stage).await, "{model}");
        let usage = stream.usage_chunk().expect("usage");
        assert!(usage["usage"]["total_tokens"].as_u64() > Some(0), "{usage}");
        let cost = usage["steelyard"]["cost_usd"].as_str().expect("a cost");
        assert!(
            cost.contains(|digit| ('1'..='9').contains(&digit)),
            "{cost}"
        );

        let body = json!({ "model": model, "max_tokens": 200, "stream": true,
            "messages": [{ "role": "user", "content": "[[say:four]]" }] });
        let answer = messages(&stage, &body).await;
        assert!(
            answer.text.starts_with("event: message_start\n"),
            "{}",
            answer.text
        );
        assert!(answer.text.contains("\"text\":\"four\""), "{}", answer.text);
        assert!(
            answer.text.contains("event: message_stop\n"),
            "{}",
            answer.text
        );
        assert!(!was_streamed(&stage).await, "{model}");
        // A whole answer goes through as ever.
        let whole = stage
            .gateway
            .client
            .chat(&user(&model, "[[say:five]]"))
            .await;
        assert_eq!(whole.content(), "five", "{}", whole.text);
    }
    stage.gateway.sound();
}

#[tokio::test]
async fn tool_calls_and_thoughts_survive_either_way() {
    let stage = Stage::with(with_odd_models).await;
    let tool = |name: &str| {
        json!({ "type": "function", "function": { "name": name,
        "parameters": { "type": "object", "properties": { "a": { "type": "integer" } } } } })
    };
    for kind in ["openai", "anthropic", "gemini", "dashscope", "deepseek"] {
        let text = "[[tool:first {\"a\": 1}]] [[tool:second {\"a\": 2}]]";
        let mut body = user(&format!("{kind}-streams"), text);
        body["tools"] = json!([tool("first"), tool("second")]);
        let answer = stage.gateway.client.chat(&body).await;
        assert_eq!(
            answer.body["choices"][0]["finish_reason"], "tool_calls",
            "{}",
            answer.text
        );
        let calls = &answer.body["choices"][0]["message"]["tool_calls"];
        for (index, name) in ["first", "second"].into_iter().enumerate() {
            let function = &calls[index]["function"];
            assert_eq!(function["name"], name, "{kind}: {}", answer.text);
            let arguments = function["arguments"].as_str().expect("arguments");
            let arguments: Value = serde_json::from_str(arguments).expect("JSON");
            assert_eq!(arguments, json!({ "a": index + 1 }), "{kind}");
            assert_ne!(calls[index]["id"], "", "{kind}");
        }
        body["model"] = json!(format!("{kind}-whole"));
        let stream = stage.gateway.client.stream(&body).await;
        assert_eq!(stream.finish_reasons(), ["tool_calls"], "{kind}");
        let names: Vec<Value> = stream
            .chunks()
            .iter()
            .map(|chunk| chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["name"].clone())
            .filter(|name| !name.is_null())
            .collect();
        assert_eq!(names, ["first", "second"], "{kind}");
    }
    let thoughtful = user("deepseek-streams", "[[think]] [[say:yes]]");
    let thoughtful = stage.gateway.client.chat(&thoughtful).await;
    let message = &thoughtful.body["choices"][0]["message"];
    assert_eq!(message["content"], "yes", "{}", thoughtful.text);
    let thoughts = message["reasoning_content"].as_str().unwrap_or_default();
    assert!(!thoughts.is_empty(), "{}", thoughtful.text);
}

#[tokio::test]
async fn a_model_that_refuses_whole_answers_gives_them() {
    let stage = Stage::with(with_odd_models).await;
    let answer = stage.gateway.client.chat(&user("qwq", "[[say:yes]]")).await;
    assert_eq!(answer.content(), "yes", "{}", answer.text);
    let reasoning = answer.body["usage"]["completion_tokens_details"]["reasoning_tokens"].as_u64();
    assert!(reasoning > Some(0), "{}", answer.text);
    // Which is the model's fact: without it the provider refuses.
    let refused = stage
        .gateway
        .client
        .chat(&user("qwq-unknown", "[[say:yes]]"))
        .await;
    assert_eq!(refused.status, 400, "{}", refused.text);
}

#[tokio::test]
async fn what_goes_wrong_leads_to_the_next_model() {
    let stage = Stage::with(with_odd_models).await;
    for fault in [
        "429",
        "503",
        "error_event=1",
        "cut=200",
        "empty",
        "malformed=1",
        "close",
    ] {
        let text = format!("[[fault:openai:{fault}]] [[say:one two three four]]");
        let answer = stage.gateway.client.chat(&user("falls", &text)).await;
        assert_eq!(answer.status, 200, "{fault}: {}", answer.text);
        assert_eq!(answer.content(), "one two three four", "{fault}");
        assert_eq!(
            answer.header("x-steelyard-model"),
            "gemini-whole",
            "{fault}"
        );
        let record = stage.gateway.record(answer.header("x-request-id")).await;
        assert_eq!(record["attempts"], 2, "{fault}: {record}");
    }
}

#[tokio::test]
async fn streams_behind_whole_answers_have_their_timeouts() {
    let mut stage = Stage::with(with_odd_models).await;
    let client = &stage.gateway.client;
    let silent = client
        .chat(&user("hurried", "[[fault:openai:never]]"))
        .await;
    silent.error(504, "first_token_timeout");
    let stuck = "[[fault:gemini:delay_between=60000]] [[say:one two three four]]";
    let stuck = client.chat(&user("stuck", stuck)).await;
    stuck.error(502, "broken_stream");
    for model in ["openai-streams", "openai-whole"] {
        let body = user(
            "short",
            &format!("[[fault:{model}:never]] [[fault:openai:never]]"),
        );
        let late = client.chat(&body).await;
        late.error(504, "total_timeout");
    }
    stage.gateway.sound();
}
