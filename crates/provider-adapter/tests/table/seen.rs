//! What a client sees of an answer, as one line without its words.

use std::collections::BTreeMap;

use serde_json::Value;
use steelyard_types::Dialect;

/// Parts with how often each is there, how it ends, and what is counted.
#[derive(Default)]
struct Seen {
    parts: BTreeMap<String, usize>,
    end: String,
    usage: Value,
}

impl Seen {
    fn part(&mut self, name: &str) {
        *self.parts.entry(name.to_owned()).or_default() += 1;
    }

    fn part_if(&mut self, name: &str, value: &Value) {
        let is_there = match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => true,
        };
        if is_there {
            self.part(name);
        }
    }

    fn line(&self) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(name, count)| match count {
                1 => name.clone(),
                count => format!("{name} x{count}"),
            })
            .collect();
        let mut counted = Vec::new();
        count("", &self.usage, &mut counted);
        format!(
            "{} | {} | {}",
            parts.join(", "),
            self.end,
            counted.join(" ")
        )
    }
}

/// The names of all counts that are not zero.
fn count(name: &str, value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Number(number) if number.as_f64() != Some(0.0) => into.push(name.to_owned()),
        Value::Object(members) => {
            for (name, value) in members {
                count(name, value, into);
            }
        }
        _ => {}
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or("nothing").to_owned()
}

/// A whole answer.
pub(crate) fn whole(dialect: Dialect, body: &Value) -> String {
    let mut seen = Seen {
        usage: body["usage"].clone(),
        ..Seen::default()
    };
    match dialect {
        Dialect::AnthropicMessages => {
            for block in body["content"].as_array().unwrap() {
                seen.part(&word(&block["type"]));
            }
            seen.end = word(&body["stop_reason"]);
        }
        Dialect::OpenAiResponses => {
            for item in body["output"].as_array().unwrap() {
                seen.part(&word(&item["type"]));
            }
            seen.end = response_end(body);
        }
        Dialect::OpenAiChat | Dialect::OpenAiCompletions | Dialect::OpenAiEmbeddings => {
            for choice in body["choices"].as_array().into_iter().flatten() {
                choice_parts(choice, &choice["message"], &mut seen);
                seen.end = word(&choice["finish_reason"]);
            }
        }
    }
    seen.line()
}

fn choice_parts(choice: &Value, message: &Value, seen: &mut Seen) {
    seen.part_if("text", &choice["text"]);
    seen.part_if("logprobs", &choice["logprobs"]["content"]);
    for name in [
        "content",
        "reasoning_content",
        "reasoning",
        "refusal",
        "audio",
    ] {
        seen.part_if(name, &message[name]);
    }
    for _ in message["tool_calls"].as_array().into_iter().flatten() {
        seen.part("call");
    }
}

fn response_end(response: &Value) -> String {
    match response["incomplete_details"]["reason"].as_str() {
        Some(reason) => format!("{} by {reason}", word(&response["status"])),
        None => word(&response["status"]),
    }
}

/// A streamed answer.
pub(crate) fn stream(dialect: Dialect, text: &str) -> String {
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let events: Vec<Value> = data
        .filter_map(|data| serde_json::from_str(data.trim()).ok())
        .collect();
    let mut seen = Seen::default();
    let mut once = std::collections::BTreeSet::new();
    for event in &events {
        match dialect {
            Dialect::AnthropicMessages => message_event(event, &mut seen),
            Dialect::OpenAiResponses => response_event(event, &mut seen),
            _ => {
                for choice in event["choices"].as_array().into_iter().flatten() {
                    chunk(choice, &mut seen, &mut once);
                }
                if event["usage"].is_object() {
                    seen.usage = event["usage"].clone();
                }
            }
        }
    }
    seen.line()
}

fn chunk(choice: &Value, seen: &mut Seen, once: &mut std::collections::BTreeSet<String>) {
    let index = &choice["index"];
    let mut of_chunk = Seen::default();
    let mut delta = choice["delta"].clone();
    let calls = delta
        .as_object_mut()
        .and_then(|all| all.remove("tool_calls"));
    choice_parts(choice, &delta, &mut of_chunk);
    for (part, _) in of_chunk.parts {
        if once.insert(format!("{index} {part}")) {
            seen.part(&part);
        }
    }
    for call in calls
        .as_ref()
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        // Servers that number all calls zero tell them apart by their ids.
        let id = call["id"].as_str().unwrap_or_default();
        if !id.is_empty() && once.insert(format!("{index} call {} {id}", call["index"])) {
            seen.part("call");
        }
    }
    if let Some(reason) = choice["finish_reason"].as_str() {
        reason.clone_into(&mut seen.end);
    }
}

fn message_event(event: &Value, seen: &mut Seen) {
    match event["type"].as_str() {
        Some("message_start") => seen.usage = event["message"]["usage"].clone(),
        Some("content_block_start") => seen.part(&word(&event["content_block"]["type"])),
        Some("message_delta") => {
            seen.end = word(&event["delta"]["stop_reason"]);
            for (name, value) in event["usage"].as_object().into_iter().flatten() {
                if !value.is_null() {
                    seen.usage[name] = value.clone();
                }
            }
        }
        _ => {}
    }
}

fn response_event(event: &Value, seen: &mut Seen) {
    match event["type"].as_str() {
        Some("response.output_item.added") => seen.part(&word(&event["item"]["type"])),
        Some("response.completed" | "response.incomplete" | "response.failed") => {
            seen.end = response_end(&event["response"]);
            seen.usage = event["response"]["usage"].clone();
        }
        _ => {}
    }
}
