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
    /// Where values of schemas that hold themselves begin to come to an end.
    const DEEP: u8 = 8;
    const DEEPEST: u8 = 16;
    let is_deep = depth >= DEEP;
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
        let all = schema.get(word).and_then(Value::as_array);
        let is_null = |one: &&Value| is_deep && one["type"] == "null";
        if let Some(first) = all.and_then(|all| all.iter().find(is_null).or(all.first())) {
            return instance_within(root, first, topic, depth + 1);
        }
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) if is_deep && kinds.iter().any(|kind| kind == "null") => {
            Some("null")
        }
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
            Some(_) if is_deep && schema.get("minItems").is_none() => Value::Array(Vec::new()),
            Some(items) => Value::Array(vec![instance_within(root, items, topic, depth + 1)]),
            None => Value::Array(Vec::new()),
        },
        _ => Value::Object(properties(root, schema, topic, (depth, is_deep))),
    }
}

fn properties(
    root: &Value,
    schema: &Value,
    topic: &str,
    (depth, is_deep): (u8, bool),
) -> Map<String, Value> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Map::new();
    };
    let required = schema.get("required").and_then(Value::as_array);
    properties
        .iter()
        .filter(|(name, _)| {
            let mut names = required.into_iter().flatten();
            required.is_none() && !is_deep || names.any(|each| each.as_str() == Some(name))
        })
        .map(|(name, inner)| (name.clone(), instance_within(root, inner, topic, depth + 1)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Whether the value fits a schema of the words that are used here.
    fn fits(root: &Value, schema: &Value, value: &Value) -> bool {
        if let Some(at) = schema["$ref"].as_str() {
            return fits(root, root.pointer(&at[1..]).unwrap(), value);
        }
        if let Some(all) = schema["anyOf"].as_array() {
            return all.iter().any(|one| fits(root, one, value));
        }
        match schema["type"].as_str().unwrap() {
            "string" => value.is_string(),
            "null" => value.is_null(),
            "array" => {
                let mut items = value.as_array().unwrap().iter();
                items.all(|item| fits(root, &schema["items"], item))
            }
            _ => {
                let Some(members) = value.as_object() else {
                    return false;
                };
                let mut required = schema["required"].as_array().into_iter().flatten();
                required.all(|name| members.contains_key(name.as_str().unwrap()))
                    && members
                        .iter()
                        .all(|(name, value)| fits(root, &schema["properties"][name], value))
            }
        }
    }

    #[test]
    fn schemas_that_hold_themselves_come_to_an_end() {
        let text = json!({"type": "string"});
        let node = json!({"$ref": "#/$defs/node"});
        for (member, required) in [
            (
                json!({"type": "array", "items": node}),
                json!(["v", "kids"]),
            ),
            (
                json!({"anyOf": [node, {"type": "null"}]}),
                json!(["v", "kids"]),
            ),
            (node.clone(), json!(["v"])),
            (json!({"type": "array", "items": node}), Value::Null),
            (node, Value::Null),
        ] {
            let mut one = json!({"type": "object", "properties": {"v": text, "kids": member}});
            if !required.is_null() {
                one["required"] = required;
            }
            let schema = json!({"$ref": "#/$defs/node", "$defs": {"node": one}});
            let value = instance(&schema, "the topic");
            assert!(value["v"].is_string(), "{value}");
            assert!(fits(&schema, &schema, &value), "{value} for {schema}");
        }
    }
}
