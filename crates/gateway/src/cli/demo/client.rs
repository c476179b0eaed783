//! Asking the gateway as any client would: over HTTP, in OpenAI's dialect.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::prompts::Prompt;
use crate::clock::{Clock, SystemClock};

/// What a client saw.
pub(super) struct Answer {
    pub(super) request_id: String,
    pub(super) status: u16,
    pub(super) latency: Duration,
    /// Whether it can be used: text, or a tool call.
    pub(super) usable: bool,
}

pub(super) async fn ask(
    client: &reqwest::Client,
    base: &str,
    prompt: &Prompt,
) -> anyhow::Result<Answer> {
    let clock = SystemClock;
    let started = clock.monotonic();
    let response = client
        .post(format!("{base}/v1/chat/completions"))
        .header("content-type", "application/json")
        .body(body(prompt).to_string())
        .send()
        .await?;
    let status = response.status().as_u16();
    let request_id = response.headers().get("x-request-id");
    let request_id = request_id
        .context("the answer has no x-request-id")?
        .to_str()?
        .to_owned();
    let text = response.text().await?;
    let latency = clock.since(started);
    let usable = status == 200 && is_usable(&text, prompt.stream);
    Ok(Answer {
        request_id,
        status,
        latency,
        usable,
    })
}

fn body(prompt: &Prompt) -> Value {
    let mut messages = Vec::new();
    if let Some(system) = prompt.system {
        messages.push(json!({ "role": "system", "content": system }));
    }
    messages.push(json!({ "role": "user", "content": prompt.text }));
    let mut body = json!({ "model": "auto", "messages": messages });
    if let Some(tool) = prompt.tool {
        body["tools"] = json!([{ "type": "function", "function": {
            "name": tool,
            "description": "Looks up the weather forecast of a city.",
            "parameters": {
                "type": "object",
                "properties": { "city": { "type": "string" } },
                "required": ["city"],
            },
        } }]);
    }
    if prompt.stream {
        body["stream"] = json!(true);
        body["stream_options"] = json!({ "include_usage": true });
    }
    body
}

fn is_usable(text: &str, stream: bool) -> bool {
    if stream {
        return text.trim_end().ends_with("data: [DONE]") && text.contains("\"steelyard\"");
    }
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let message = &answer["choices"][0]["message"];
    let says = message["content"]
        .as_str()
        .is_some_and(|content| !content.is_empty());
    says || message["tool_calls"]
        .as_array()
        .is_some_and(|calls| !calls.is_empty())
}
