//! Checks values against OpenAI's published description of its API, where that is at hand.

use std::sync::OnceLock;

use serde_json::Value;

use crate::schema::load;

/// The description; `None` where it is not beside this checkout.
fn description() -> Option<&'static Value> {
    static LOADED: OnceLock<Option<Value>> = OnceLock::new();
    let loaded = LOADED.get_or_init(|| load("openai.openapi.trimmed.json"));
    loaded.as_ref()
}

/// Whether the value is what the schema of that name says.
pub(crate) fn check(name: &str, value: &Value) -> Result<(), String> {
    match description() {
        Some(root) => conforms(root, &root["components"]["schemas"][name], value, name),
        None => Ok(()),
    }
}

/// Members that the schema of that name does not know.
pub(crate) fn unknown(name: &str, value: &Value) -> Vec<String> {
    let Some(root) = description() else {
        return Vec::new();
    };
    let schema = &root["components"]["schemas"][name];
    let members = value.as_object().into_iter().flatten();
    let names = members.map(|(name, _)| name.clone());
    names.filter(|name| !knows(root, schema, name)).collect()
}

fn knows(root: &Value, schema: &Value, name: &str) -> bool {
    let schema = resolved(root, schema);
    let within = schema["allOf"].as_array().into_iter().flatten();
    schema["properties"].get(name).is_some()
        || within.into_iter().any(|part| knows(root, part, name))
}

fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => root.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => schema,
    }
}

/// The part of JSON Schema that the description uses. Members that it does not name are allowed.
fn conforms(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let schema = resolved(root, schema);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        conforms(root, part, value, at)?;
    }
    for word in ["anyOf", "oneOf"] {
        let Some(choices) = schema[word].as_array() else {
            continue;
        };
        let tried = choices.iter().map(|one| conforms(root, one, value, at));
        let failures: Vec<_> = tried.filter_map(Result::err).collect();
        if failures.len() == choices.len() {
            return Err(format!("{at}: none of {}", failures.join("; ")));
        }
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{at}: {value} is none of {words:?}"));
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        Some("null") => value.is_null(),
        _ => true,
    };
    if !fits {
        return Err(format!("{at}: {value} is not of type {}", schema["type"]));
    }
    if let Some(text) = value.as_str()
        && let Some(most) = schema["maxLength"].as_u64()
        && text.chars().count() > usize::try_from(most).unwrap()
    {
        return Err(format!("{at}: longer than {most}"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.is_object() && value.get(name.as_str().unwrap()).is_none() {
            return Err(format!("{at}: {name} is missing"));
        }
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        if let Some(schema) = schema["properties"].get(name) {
            conforms(root, schema, value, &format!("{at}.{name}"))?;
        }
    }
    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(schema) = schema.get("items") {
            conforms(root, schema, value, &format!("{at}[{index}]"))?;
        }
    }
    Ok(())
}
