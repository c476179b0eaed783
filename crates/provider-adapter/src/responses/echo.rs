//! What a response repeats of its request.

use std::sync::Arc;

use serde_json::value::RawValue;
use steelyard_types::ChatRequest;

use crate::json::Object;
use crate::openai::request::trail::says_nothing;
use crate::openai::request::{list, object};

/// The members of a response object that its request decides, as the client wrote them, with
/// OpenAI's defaults where it wrote nothing. What is not known of other providers is `null`.
pub(super) fn echo(request: &ChatRequest<'_>) -> Arc<str> {
    let given = |name: &str| {
        let found = request.fields.iter().find(|field| field.name == name);
        found
            .map(|field| field.value)
            .filter(|raw| raw.get() != "null")
    };
    let mut out = Object::with_capacity(512);
    let mut repeat = |name: &str, otherwise: &str| {
        out.raw(name, given(name).map_or(otherwise, RawValue::get));
    };
    repeat("background", "false");
    repeat("instructions", "null");
    repeat("max_output_tokens", "null");
    repeat("max_tool_calls", "null");
    repeat("metadata", "{}");
    repeat("parallel_tool_calls", "true");
    repeat("prompt_cache_key", "null");
    repeat("safety_identifier", "null");
    repeat("temperature", "null");
    repeat("tool_choice", "\"auto\"");
    repeat("top_logprobs", "0");
    repeat("top_p", "null");
    repeat("truncation", "\"disabled\"");
    if let Some(user) = given("user") {
        out.raw("user", user.get());
    }
    out.raw("previous_response_id", "null");
    out.raw(
        "reasoning",
        &with_defaults(
            given("reasoning"),
            &[("effort", "null"), ("summary", "null")],
        ),
    );
    // Whatever was asked for: nothing is.
    out.raw("store", "false");
    let text = [("format", "{\"type\":\"text\"}")];
    out.raw("text", &with_defaults(given("text"), &text));
    out.raw("tools", &tools(given("tools")));
    let text = out.close();
    let members = text.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
    Arc::from(members.unwrap_or_default())
}

/// The object as received, and what it lacks of these members.
fn with_defaults(given: Option<&RawValue>, defaults: &[(&str, &str)]) -> String {
    let fields = given.and_then(|raw| object(raw).ok()).unwrap_or_default();
    let mut out = Object::with_capacity(64);
    for (name, value) in &fields {
        out.raw(name, value.get());
    }
    for (name, value) in defaults {
        if !fields.iter().any(|(field, _)| field == name) {
            out.raw(name, value);
        }
    }
    out.close()
}

/// The tools, functions with the members that every function of a response has.
fn tools(given: Option<&RawValue>) -> String {
    const OF_FUNCTIONS: [(&str, &str); 3] = [
        ("description", "null"),
        ("parameters", "null"),
        ("strict", "null"),
    ];
    let given = given.filter(|raw| !says_nothing(raw));
    let raws = given.and_then(|raw| list(raw, "a list of tools").ok());
    let mut out = String::from("[");
    for raw in raws.into_iter().flatten() {
        if out.len() > 1 {
            out.push(',');
        }
        if raw.get().contains("\"function\"") {
            out.push_str(&with_defaults(Some(raw), &OF_FUNCTIONS));
        } else {
            out.push_str(raw.get());
        }
    }
    out.push(']');
    out
}
