//! What an OpenAI client makes of a reply: the reply's bytes read as such a client reads them.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use steelyard_provider_adapter::{Progress, ReplyContext, StreamReply, UnaryReply};
use steelyard_types::WireFormat;

use super::{Headers, failure, head};

fn context() -> ReplyContext {
    ReplyContext {
        dialect: steelyard_types::Dialect::OpenAiChat,
        id: "chatcmpl-1".to_owned(),
        created: 1_790_000_000,
        upstream_model: Arc::from("upstream"),
        include_usage: true,
        function_call: false,
        echo: None,
    }
}

/// What the client sees, of what was decoded.
pub(crate) fn seen_by_client(decoded: &Value) -> Value {
    if decoded.get("error").is_some() {
        return decoded.clone();
    }
    let count = |class: &str| decoded["usage"][class].as_u64().unwrap_or(0);
    let written = count("cache_write") + count("cache_write_1h");
    let prompt = count("input_fresh") + count("input_cached") + written;
    let completion = count("output") + count("reasoning");
    let usage = json!({
        "prompt": prompt,
        "completion": completion,
        "total": prompt + completion,
        "cached": count("input_cached"),
        "reasoning": count("reasoning"),
    });
    let mut seen = json!({
        "text": decoded["text"],
        "reasoning": decoded["reasoning"],
        "calls": decoded["calls"],
        "finish": decoded["finish"],
        "usage": if decoded["usage"].is_null() { Value::Null } else { usage },
    });
    if let Some(further) = decoded.get("further") {
        seen["further"] = further.clone();
    }
    seen
}

fn usage(usage: &Value) -> Value {
    if usage.is_null() {
        return Value::Null;
    }
    json!({
        "prompt": usage["prompt_tokens"],
        "completion": usage["completion_tokens"],
        "total": usage["total_tokens"],
        "cached": usage["prompt_tokens_details"]["cached_tokens"],
        "reasoning": usage["completion_tokens_details"]["reasoning_tokens"],
    })
}

fn call(name: &Value, arguments: &str) -> Value {
    // Models have been recorded that write no JSON.
    let arguments: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!(arguments));
    json!({"name": name, "arguments": arguments})
}

pub(crate) fn unary(wire: WireFormat, headers: &Headers, body: &str) -> Value {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let reply = match UnaryReply::read(wire, &head(200, headers), body, &context()) {
        Ok(reply) => reply,
        Err(error) => return failure(&error),
    };
    answer(&serde_json::from_slice(&reply.body).unwrap())
}

/// What the client sees of a whole answer.
pub(crate) fn answer(body: &Value) -> Value {
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["created"], 1_790_000_000);
    // Several where several were asked for.
    let choices = body["choices"].as_array().unwrap();
    for (index, choice) in choices.iter().enumerate() {
        assert_eq!(choice["index"], index);
    }
    let choice = &body["choices"][0];
    let message = &choice["message"];
    assert_eq!(
        (&choice["index"], &message["role"]),
        (&json!(0), &json!("assistant"))
    );
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let calls: Vec<_> = calls
        .map(|wire| {
            assert!(!wire["id"].as_str().unwrap().is_empty());
            let (kind, member) = match wire.get("custom") {
                Some(_) => ("custom", "input"),
                None => ("function", "arguments"),
            };
            assert_eq!(wire["type"], kind);
            call(&wire[kind]["name"], wire[kind][member].as_str().unwrap())
        })
        .collect();
    let mut seen = json!({
        "text": message["content"].as_str().unwrap_or_default(),
        "reasoning": message["reasoning_content"].as_str().unwrap_or_default(),
        "calls": calls,
        "finish": choice["finish_reason"],
        "usage": usage(&body["usage"]),
    });
    if choices.len() > 1 {
        let words = |choice: &Value| choice["message"]["content"].clone();
        seen["further"] = choices[1..].iter().map(words).collect();
    }
    seen
}

/// Pushes the stream in pieces of that size.
pub(crate) fn stream(wire: WireFormat, body: &str, size: usize) -> Value {
    let mut reply = StreamReply::new(wire, context());
    let mut out = Vec::new();
    for piece in body.as_bytes().chunks(size) {
        reply.push(&Bytes::copy_from_slice(piece), &mut out);
    }
    match reply.end(&mut out) {
        Progress::Complete => reply.close(None, &mut out),
        _ => return failure(reply.error().unwrap()),
    }
    let text: Vec<u8> = out.iter().flat_map(|bytes| bytes.to_vec()).collect();
    frames(&String::from_utf8(text).unwrap())
}

/// What the client sees of a stream that is complete.
pub(crate) fn frames(text: &str) -> Value {
    let mut frames: Vec<&str> = text
        .split_terminator("\n\n")
        .map(|frame| frame.strip_prefix("data: ").unwrap())
        .collect();
    assert_eq!(frames.pop(), Some("[DONE]"));
    read_chunks(&frames)
}

/// What chunks say of one answer.
#[derive(Default)]
struct Choice {
    started: bool,
    text: String,
    reasoning: String,
    calls: Vec<(Value, String)>,
    finish: Value,
}

impl Choice {
    fn read(&mut self, choice: &Value) {
        let delta = &choice["delta"];
        assert_eq!(
            delta.get("role").is_some(),
            !self.started,
            "role comes first, once"
        );
        self.started = true;
        let said = |field: &str| delta[field].as_str().unwrap_or_default();
        self.text.push_str(said("content"));
        self.reasoning.push_str(said("reasoning_content"));
        for fragment in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(fragment["index"].as_u64().unwrap()).unwrap();
            let is_custom = fragment.get("custom").is_some();
            let function = &fragment[if is_custom { "custom" } else { "function" }];
            if index == self.calls.len() {
                assert!(!fragment["id"].as_str().unwrap().is_empty());
                let kind = if is_custom { "custom" } else { "function" };
                assert_eq!(fragment["type"], kind);
                self.calls.push((function["name"].clone(), String::new()));
            } else {
                assert!(fragment.get("id").is_none() && function.get("name").is_none());
            }
            let member = if is_custom { "input" } else { "arguments" };
            let arguments = function[member].as_str().unwrap_or_default();
            self.calls[index].1.push_str(arguments);
        }
        if !choice["finish_reason"].is_null() {
            assert!(self.finish.is_null(), "one finish reason");
            self.finish = choice["finish_reason"].clone();
        }
    }
}

fn read_chunks(frames: &[&str]) -> Value {
    let mut choices: Vec<Choice> = Vec::new();
    let mut usage_chunk = Value::Null;
    for (position, frame) in frames.iter().enumerate() {
        let chunk: Value = serde_json::from_str(frame).unwrap();
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["created"], 1_790_000_000);
        let said = chunk["choices"].as_array().unwrap();
        if said.is_empty() {
            assert_eq!(position + 1, frames.len(), "usage comes last");
            usage_chunk = chunk["usage"].clone();
        }
        for choice in said {
            let index = usize::try_from(choice["index"].as_u64().unwrap()).unwrap();
            if choices.len() <= index {
                choices.resize_with(index + 1, Choice::default);
            }
            choices[index].read(choice);
        }
    }
    let mut choices = choices.into_iter();
    let first = choices.next().unwrap_or_default();
    let calls: Vec<_> = first
        .calls
        .iter()
        .map(|(name, arguments)| call(name, arguments))
        .collect();
    let mut seen = json!({
        "text": first.text,
        "reasoning": first.reasoning,
        "calls": calls,
        "finish": first.finish,
        "usage": usage(&usage_chunk),
    });
    let further: Vec<_> = choices.map(|one| one.text).collect();
    if !further.is_empty() {
        seen["further"] = further.into();
    }
    seen
}
