//! Values that fit a JSON Schema, for function arguments and structured answers.

use serde_json::{Map, Value};

use crate::answer::subject;

/// A JSON Schema of an object that stands in one of the texts of a request.
pub(crate) fn told(body: &Value) -> Option<Value> {
    match body {
        Value::String(text) => schema_in(text),
        Value::Array(items) => items.iter().find_map(told),
        Value::Object(members) => members.values().find_map(told),
        _ => None,
    }
}

fn schema_in(text: &str) -> Option<Value> {
    /// Texts may be long and hold many braces that begin nothing.
    const MOST_TRIED: usize = 64;
    let starts = text.match_indices('{').map(|(at, _)| at).take(MOST_TRIED);
    let mut values = starts.filter_map(|at| {
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        values.next()?.ok()
    });
    values.find(|value| value["properties"].is_object())
}

/// A small value that fits a JSON Schema; strings speak of the prompt.
pub(crate) fn instance(schema: &Value, topic: &str) -> Value {
    instance_within(schema, schema, topic, 0)
}

/// The same of a part of the schema `root`.
fn instance_within(root: &Value, schema: &Value, topic: &str, depth: u8) -> Value {
    const DEEPEST: u8 = 16;
    if depth >= DEEPEST {
        return Value::Null;
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = reference.strip_prefix('#').and_then(|at| root.pointer(at));
        return target.map_or(Value::Null, |target| {
            instance_within(root, target, topic, depth + 1)
        });
    }
    if let Some(fixed) = schema.get("const") {
        return fixed.clone();
    }
    if let Some(first) = schema
        .get("enum")
        .and_then(Value::as_array)
        .and_then(|all| all.first())
    {
        return first.clone();
    }
    for word in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema
            .get(word)
            .and_then(Value::as_array)
            .and_then(|all| all.first())
        {
            return instance_within(root, first, topic, depth + 1);
        }
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        Some(kind) => kind.as_str(),
        None => schema.get("properties").map(|_| "object"),
    };
    match kind.map(str::to_lowercase).as_deref() {
        Some("string") => Value::from(subject(topic)),
        Some("integer") => Value::from(1),
        Some("number") => Value::from(1.5),
        Some("boolean") => Value::from(true),
        Some("null") => Value::Null,
        Some("array") => match schema.get("items") {
            Some(items) => Value::Array(vec![instance_within(root, items, topic, depth + 1)]),
            None => Value::Array(Vec::new()),
        },
        _ => Value::Object(properties(root, schema, topic, depth)),
    }
}

fn properties(root: &Value, schema: &Value, topic: &str, depth: u8) -> Map<String, Value> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Map::new();
    };
    let required = schema.get("required").and_then(Value::as_array);
    properties
        .iter()
        .filter(|(name, _)| {
            required.is_none_or(|names| names.iter().any(|each| each.as_str() == Some(name)))
        })
        .map(|(name, inner)| (name.clone(), instance_within(root, inner, topic, depth + 1)))
        .collect()
}
