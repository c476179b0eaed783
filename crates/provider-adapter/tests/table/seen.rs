//! What a client sees of an answer, as one line without its words: `PARTS | END | COUNTS`.
//!
//! Parts stand in the order in which they came (in a whole answer of OpenAI's chats that of the
//! fields in the table below, which have no order), `x2` is two of a kind one after the other, and
//! `text+citations` a part with something attached. Counts are named, not told: what they are is
//! held by the golden tests.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use steelyard_types::Dialect;

/// Parts in order, how it ends, and what is counted.
#[derive(Default)]
struct Seen {
    parts: Vec<String>,
    end: String,
    usage: Value,
}

impl Seen {
    fn part(&mut self, name: impl Into<String>) {
        self.parts.push(name.into());
    }

    fn part_if(&mut self, name: &str, value: &Value) {
        if is_something(value) {
            self.part(name);
        }
    }

    fn line(&self) -> String {
        let mut parts = Vec::new();
        for run in self.parts.chunk_by(|one, next| one == next) {
            parts.push(match run {
                [one] => one.clone(),
                run => format!("{} x{}", run[0], run.len()),
            });
        }
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

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
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
                seen.part(block_name(block));
            }
            seen.end = word(&body["stop_reason"]);
        }
        Dialect::OpenAiResponses => response(body, &mut seen),
        Dialect::OpenAiChat | Dialect::OpenAiCompletions | Dialect::OpenAiEmbeddings => {
            for choice in body["choices"].as_array().into_iter().flatten() {
                choice_parts(choice, &choice["message"], &mut seen);
                let calls = &choice["message"]["tool_calls"];
                for _ in calls.as_array().into_iter().flatten() {
                    seen.part("call");
                }
                seen.end = word(&choice["finish_reason"]);
            }
        }
    }
    seen.line()
}

/// The fields of a message that are parts of the answer, but for calls.
fn choice_parts(choice: &Value, message: &Value, seen: &mut Seen) {
    for name in [
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "content",
        "refusal",
        "annotations",
        "images",
        "audio",
        "function_call",
    ] {
        seen.part_if(name, &message[name]);
    }
    seen.part_if("text", &choice["text"]);
    seen.part_if("logprobs", &choice["logprobs"]["content"]);
}

/// A block of Anthropic's, and what is attached to it.
fn block_name(block: &Value) -> String {
    let mut name = word(&block["type"]);
    for (attached, field) in [("citations", "citations"), ("signed", "signature")] {
        if is_something(&block[field]) {
            name.push('+');
            name.push_str(attached);
        }
    }
    name
}

/// The items of a response and its end.
fn response(response: &Value, seen: &mut Seen) {
    for item in response["output"].as_array().into_iter().flatten() {
        seen.part(item_name(item));
    }
    seen.end = match response["incomplete_details"]["reason"].as_str() {
        Some(reason) => format!("{} by {reason}", word(&response["status"])),
        None => word(&response["status"]),
    };
    seen.usage = response["usage"].clone();
}

/// An item of a response, and what is in it.
fn item_name(item: &Value) -> String {
    let mut name = word(&item["type"]);
    for part in item["content"].as_array().into_iter().flatten() {
        match part["type"].as_str() {
            Some("output_text") => {}
            kind => {
                name.push('+');
                name.push_str(kind.unwrap_or("nothing"));
            }
        }
        for attached in ["annotations", "logprobs"] {
            if is_something(&part[attached]) {
                name.push('+');
                name.push_str(attached);
            }
        }
    }
    for attached in ["summary", "encrypted_content"] {
        if is_something(&item[attached]) {
            name.push('+');
            name.push_str(attached);
        }
    }
    name
}

/// A streamed answer.
pub(crate) fn stream(dialect: Dialect, text: &str) -> String {
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let events: Vec<Value> = data
        .filter_map(|data| serde_json::from_str(data.trim()).ok())
        .collect();
    let mut seen = Seen::default();
    let mut once = BTreeSet::new();
    let mut blocks = BTreeMap::new();
    for event in &events {
        match dialect {
            Dialect::AnthropicMessages => message_event(event, &mut blocks, &mut seen),
            Dialect::OpenAiResponses => {
                // The last event repeats all items, which the order of events is checked against
                // elsewhere.
                if event["response"]["output"].is_array() {
                    seen.parts.clear();
                    response(&event["response"], &mut seen);
                }
            }
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
    seen.parts.extend(blocks.values().map(block_name));
    seen.line()
}

fn chunk(choice: &Value, seen: &mut Seen, once: &mut BTreeSet<String>) {
    let index = &choice["index"];
    let mut of_chunk = Seen::default();
    choice_parts(choice, &choice["delta"], &mut of_chunk);
    for part in of_chunk.parts {
        if once.insert(format!("{index} {part}")) {
            seen.part(part);
        }
    }
    let calls = choice["delta"]["tool_calls"].as_array();
    for call in calls.into_iter().flatten() {
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

fn message_event(event: &Value, blocks: &mut BTreeMap<u64, Value>, seen: &mut Seen) {
    let index = event["index"].as_u64().unwrap_or_default();
    match event["type"].as_str() {
        Some("message_start") => seen.usage = event["message"]["usage"].clone(),
        Some("content_block_start") => {
            blocks.insert(index, event["content_block"].clone());
        }
        Some("content_block_delta") => {
            let delta = &event["delta"];
            for (field, told) in [("signature", "signature"), ("citations", "citation")] {
                if is_something(&delta[told]) {
                    blocks.get_mut(&index).unwrap()[field] = Value::from("told");
                }
            }
        }
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
