//! Thoughts come back to the model that had them, whichever door they went out through, and to no
//! other; what a provider does not want back of its own is not missed.

use serde_json::{Value, json};
use steelyard_e2e::{Answer, Stage};

const ASKED: &str = "[[think]] [[say:yes]]";

/// The doors that have a place for thoughts: their paths, and their words for lost ones.
const DOORS: [(&str, &str); 3] = [
    ("/v1/chat/completions", "messages.reasoning"),
    ("/v1/messages", "messages.thinking"),
    ("/v1/responses", "input.reasoning"),
];

async fn ask(stage: &Stage, path: &str, model: &str, history: &[Value]) -> Answer {
    let body = match path {
        "/v1/responses" => json!({ "model": model, "store": false, "input": history }),
        _ => json!({ "model": model, "max_tokens": 500, "messages": history }),
    };
    answer_to(stage, path, &body).await
}

/// The same of a model that is asked to think.
async fn ask_to_think(stage: &Stage, path: &str, model: &str, history: &[Value]) -> Answer {
    let body = match path {
        "/v1/responses" => json!({ "model": model, "store": false, "input": history,
            "reasoning": { "effort": "low" }, "max_output_tokens": 9_000 }),
        "/v1/messages" => json!({ "model": model, "max_tokens": 9_000, "messages": history,
            "thinking": { "type": "enabled", "budget_tokens": 2_048 } }),
        _ => json!({ "model": model, "max_tokens": 9_000, "messages": history,
            "reasoning_effort": "low" }),
    };
    answer_to(stage, path, &body).await
}

async fn answer_to(stage: &Stage, path: &str, body: &Value) -> Answer {
    let client = &stage.gateway.client;
    let request = client.request("POST", path).body(body.to_string());
    let answer = client.answer(request).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer
}

/// What a client of that door keeps of an answer.
fn kept(path: &str, answer: &Answer) -> Vec<Value> {
    match path {
        "/v1/responses" => answer.body["output"].as_array().expect("items").clone(),
        "/v1/messages" => {
            vec![json!({ "role": "assistant", "content": answer.body["content"] })]
        }
        _ => vec![answer.body["choices"][0]["message"].clone()],
    }
}

/// The assistant's messages that the provider was sent last.
async fn sent(stage: &Stage) -> Vec<Value> {
    let requests = stage.sim.requests().await;
    let last = &requests.last().expect("a request")["body"]["messages"];
    let messages = last.as_array().expect("messages").iter();
    let answers = messages.filter(|one| one["role"] == "assistant");
    answers.cloned().collect()
}

/// The words of thoughts in such a message.
fn thoughts(message: &Value) -> String {
    let parts = message["content"].as_array().into_iter().flatten();
    let told: String = parts
        .filter_map(|part| part["thinking"][0]["text"].as_str())
        .collect();
    format!(
        "{told}{}",
        message["reasoning_content"].as_str().unwrap_or_default()
    )
}

/// Whether the words of each earlier answer's thoughts reach the model, and what is declared lost.
async fn goes_on(stage: &Stage, path: &str, model: &str, history: &[Value]) -> (Vec<bool>, String) {
    let answer = ask(stage, path, model, history).await;
    let told = sent(stage).await;
    let told = told.iter().map(|one| !thoughts(one).is_empty()).collect();
    let lossy = answer.header("x-steelyard-lossy");
    (told, lossy.to_owned())
}

#[tokio::test]
async fn thoughts_return_to_their_model_and_to_no_other() {
    let mut stage = Stage::start().await;
    for (path, lost) in DOORS {
        for kind in ["mistral", "dashscope-compatible"] {
            let [a, b] = ["cheap", "dear"].map(|which| format!("{kind}-{which}"));
            let question = json!({ "role": "user", "content": ASKED });
            let mut history = vec![question.clone()];
            let first = ask(&stage, path, &a, &history).await;
            history.extend(kept(path, &first));
            history.push(question.clone());
            let told = goes_on(&stage, path, &a, &history).await;
            assert_eq!(told, (vec![true], String::new()), "{path} {kind}");
            if (path, kind) == ("/v1/chat/completions", "dashscope-compatible") {
                // A client of the provider's own dialect has `reasoning_content` go on in it.
                continue;
            }
            let told = goes_on(&stage, path, &b, &history).await;
            assert_eq!(told, (vec![false], lost.to_owned()), "{path} {kind}");
            let second = ask(&stage, path, &b, &history).await;
            history.extend(kept(path, &second));
            history.push(question);
            let told = goes_on(&stage, path, &a, &history).await;
            assert_eq!(told, (vec![true, false], lost.to_owned()), "{path} {kind}");
            let told = goes_on(&stage, path, &b, &history).await;
            assert_eq!(told, (vec![false, true], lost.to_owned()), "{path} {kind}");
        }
    }
    stage.gateway.sound();
}

#[tokio::test]
async fn thoughts_of_a_streamed_answer_return_to_mistral() {
    let stage = Stage::start().await;
    let question = json!({ "role": "user", "content": ASKED });
    let body = json!({ "model": "mistral-cheap", "messages": [question] });
    let stream = stage.gateway.client.stream(&body).await;
    stream.whole("yes");
    let chunks = stream.chunks();
    let deltas = chunks.iter().map(|one| &one["choices"][0]["delta"]);
    let words: String = deltas
        .clone()
        .filter_map(|delta| delta["reasoning_content"].as_str())
        .collect();
    let mut lists = deltas.map(|delta| &delta["reasoning_details"]);
    let details = lists.find(|list| list.is_array()).expect("a list");
    let answer = json!({ "role": "assistant", "content": "yes", "reasoning_content": words,
        "reasoning_details": details });
    let history = [question.clone(), answer, question];
    ask(&stage, "/v1/chat/completions", "mistral-cheap", &history).await;
    let told = &sent(&stage).await[0];
    assert_eq!(thoughts(told), words);
    assert!(told.get("reasoning_details").is_none(), "{told}");
}

#[tokio::test]
async fn what_a_provider_does_not_want_back_of_its_own_is_not_missed() {
    let stage = Stage::start().await;
    for (path, lost) in DOORS {
        for kind in ["gemini", "dashscope", "deepseek"] {
            let model = format!("{kind}-full");
            let question = json!({ "role": "user", "content": ASKED });
            let mut history = vec![question.clone()];
            let first = ask_to_think(&stage, path, &model, &history).await;
            history.extend(kept(path, &first));
            history.push(question);
            let told = json!(history).to_string();
            // DeepSeek's own dialect goes through as it is.
            let unmarked = (path, kind) == ("/v1/chat/completions", "deepseek");
            assert_eq!(
                told.contains("\"steelyard."),
                !unmarked,
                "{path} {kind}: {told}"
            );
            let again = ask(&stage, path, &model, &history).await;
            assert_eq!(again.header("x-steelyard-lossy"), "", "{path} {kind}");
            if !unmarked {
                let other = ask(&stage, path, &format!("{kind}-cheap"), &history).await;
                assert_eq!(other.header("x-steelyard-lossy"), lost, "{path} {kind}");
            }
        }
    }
}

#[tokio::test]
async fn another_models_words_stay_behind_with_its_mark() {
    let stage = Stage::start().await;
    for (path, lost) in DOORS {
        for kind in ["anthropic", "gemini", "dashscope"] {
            let question = json!({ "role": "user", "content": ASKED });
            let mut history = vec![question.clone()];
            let model = format!("{kind}-full");
            let first = ask_to_think(&stage, path, &model, &history).await;
            history.extend(kept(path, &first));
            history.push(question);
            for to in ["compatible", "deepseek", "dashscope-compatible"] {
                let told = goes_on(&stage, path, &format!("{to}-cheap"), &history).await;
                let expected = (vec![false], lost.to_owned());
                assert_eq!(told, expected, "{path} {kind} to {to}");
            }
        }
    }
}
