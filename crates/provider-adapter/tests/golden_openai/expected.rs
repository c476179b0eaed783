//! What clients must see of a recording, read off the recording by itself.

use serde_json::{Value, json};

use crate::support::Recording;

/// The pieces as clients get them: content that is a list is text with the thoughts beside it.
pub(crate) fn plain(mut pieces: Vec<Value>) -> Vec<Value> {
    for choice in pieces
        .iter_mut()
        .filter_map(|piece| piece["choices"].as_array_mut())
        .flatten()
    {
        let place = if choice["delta"].is_object() {
            "delta"
        } else {
            "message"
        };
        let said = &mut choice[place];
        if said["content"].is_array() {
            let text = words(&said["content"], "text");
            let thinking = words(&said["content"], "thinking");
            let has = |kind: &str| {
                let mut parts = said["content"].as_array().into_iter().flatten();
                parts.any(|part| part["type"] == kind)
            };
            let (has_text, has_thinking) = (has("text"), has("thinking"));
            said["content"] = if has_text { json!(text) } else { Value::Null };
            if has_thinking {
                said["reasoning_content"] = json!(thinking);
            }
        }
    }
    pieces
}

/// All text of a content: a string, or the parts of that type.
pub(crate) fn words(content: &Value, kind: &str) -> String {
    match content {
        Value::String(text) if kind == "text" => text.clone(),
        Value::Array(parts) => {
            let parts = parts.iter().filter(|part| part["type"] == kind);
            let texts = parts.flat_map(|part| match &part[kind] {
                Value::Array(inner) => inner
                    .iter()
                    .filter_map(|text| text["text"].as_str())
                    .collect(),
                text => text.as_str().into_iter().collect::<Vec<_>>(),
            });
            texts.collect()
        }
        _ => String::new(),
    }
}

/// What a client must see of the pieces of a recorded answer (one, if it did not stream), read off
/// the recording by itself.
pub(crate) fn expected(pieces: &[Value], said_in: &str) -> Value {
    let choices = || pieces.iter().filter_map(|piece| piece["choices"].get(0));
    let said = || choices().map(|choice| &choice[said_in]);
    let mut text = String::new();
    let mut reasoning = String::new();
    for said in said() {
        text += &words(&said["content"], "text");
        let plain = said["reasoning_content"]
            .as_str()
            .or(said["reasoning"].as_str());
        // One recorded answer tells its thoughts in the list alone.
        let details = said["reasoning_details"].as_array().into_iter().flatten();
        let details = details.filter_map(|one| one["text"].as_str().or(one["summary"].as_str()));
        let listed: String = details.collect();
        reasoning += plain.unwrap_or(&listed);
        reasoning += &words(&said["content"], "thinking");
    }
    let reason = choices().find_map(|choice| choice["finish_reason"].as_str());
    let mut places = pieces
        .iter()
        .flat_map(|piece| [&piece["x_groq"]["usage"], &piece["usage"]]);
    let usage = places.rfind(|usage| usage.is_object());
    let with_choices = pieces
        .iter()
        .find(|piece| piece["choices"].get(0).is_some())
        .unwrap();
    let mut seen = json!({
        "id": with_choices["id"],
        "model": with_choices["model"],
        "text": text,
        "reasoning": reasoning,
        "calls": calls(said()),
        "finish": reason.map(|reason| if reason == "function_call" { "tool_calls" } else { reason }),
        "usage": usage.map(usage_classes),
    });
    let refusals = said().filter_map(|said| said["refusal"].as_str());
    let refusal: String = refusals.collect();
    if !refusal.is_empty() {
        seen["refusal"] = json!(refusal);
    }
    let all = pieces[0]["choices"].as_array().map(Vec::as_slice);
    if let ("message", Some([_, further @ ..])) = (said_in, all)
        && !further.is_empty()
    {
        let words = |choice: &Value| words(&choice["message"]["content"], "text");
        seen["further"] = further.iter().map(words).collect();
    }
    seen
}

pub(crate) fn calls<'v>(said: impl Iterator<Item = &'v Value>) -> Vec<Value> {
    let mut calls: Vec<(Value, String, String)> = Vec::new();
    for said in said {
        for call in said["tool_calls"].as_array().into_iter().flatten() {
            let (number, function) = (&call["index"], &call["function"]);
            let arguments = function["arguments"].as_str().unwrap_or_default();
            match function["name"].as_str().filter(|name| !name.is_empty()) {
                Some(name) => calls.push((number.clone(), name.to_owned(), arguments.to_owned())),
                None => {
                    let open = calls.iter_mut().rfind(|call| call.0 == *number).unwrap();
                    open.2 += arguments;
                }
            }
        }
        if let Some(name) = said["function_call"]["name"].as_str() {
            let arguments = said["function_call"]["arguments"].as_str().unwrap();
            calls.push((Value::Null, name.to_owned(), arguments.to_owned()));
        }
    }
    let parsed = calls.into_iter().map(|(_, name, arguments)| {
        json!({"name": name, "arguments": serde_json::from_str::<Value>(&arguments).unwrap()})
    });
    parsed.collect()
}

pub(crate) fn usage_classes(usage: &Value) -> Value {
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let (prompt, completion) = (
        count(&usage["prompt_tokens"]),
        count(&usage["completion_tokens"]),
    );
    let cached = [
        &usage["prompt_tokens_details"]["cached_tokens"],
        &usage["prompt_cache_hit_tokens"],
        &usage["num_cached_tokens"],
        &usage["cached_tokens"],
    ];
    let cached = cached.into_iter().map(count).max().unwrap();
    let written = count(&usage["prompt_tokens_details"]["cache_write_tokens"]);
    let reasoning = count(&usage["completion_tokens_details"]["reasoning_tokens"]);
    json!({
        "input_fresh": prompt - cached - written,
        "input_cached": cached,
        "cache_write": written,
        "cache_write_1h": 0,
        "output": completion - reasoning,
        "reasoning": reasoning,
    })
}

/// The kind that a recorded error must be given, by what people would say of it.
pub(crate) fn expected_kind(recording: &Recording) -> &'static str {
    let body = &recording.body;
    let says = |words: &str| body.contains(words);
    match recording.status {
        _ if says("maximum context length") || says("max context length") => "context_length",
        _ if says("content_filter") || says("data_inspection_failed") => "content_filter",
        429 if says("\"insufficient_quota\"") => "upstream_quota",
        429 => "rate_limited",
        404 if says("model_not_found") => "upstream_model_not_found",
        400 => "bad_request",
        other => panic!("{}: no expectation for {other}", recording.file),
    }
}
