//! The schemas that OpenAI can hold an answer to.

use crate::check::{At, Checked, Problem};

/// Models from before structured outputs.
const WITHOUT: &[&str] = &["gpt-3.5", "gpt-4-", "o1-mini"];

/// Refuses `json_schema` where the model does not know it, and strict schemas that leave something
/// open.
pub(super) fn check(body: &At<'_>, model: &str) -> Checked<()> {
    let Some(format) = body.get("response_format") else {
        return Ok(());
    };
    if format.value["type"] != "json_schema" {
        return Ok(());
    }
    if model == "gpt-4" || WITHOUT.iter().any(|family| model.starts_with(family)) {
        return Err(format.breaks(
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with \
             this model. Learn more about supported models at the Structured Outputs guide: \
             https://platform.openai.com/docs/guides/structured-outputs",
        ));
    }
    let wrapper = format.need("json_schema")?;
    let name = wrapper.need("name")?;
    let legal = |each: char| each.is_ascii_alphanumeric() || each == '_' || each == '-';
    let text = name.text()?;
    if text.len() > 64 || !text.chars().all(legal) {
        return Err(name.breaks(
            "Invalid 'response_format.json_schema.name': string does not match pattern. Expected \
             a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
        ));
    }
    if wrapper.value["strict"] != true {
        return Ok(());
    }
    check_strict(&wrapper.need("schema")?, text)
}

/// Refuses schemas that leave something open.
pub(super) fn check_strict(schema: &At<'_>, name: &str) -> Checked<()> {
    if schema.value["type"] != "object" {
        return Err(open(
            schema,
            name,
            "schema must be a JSON Schema of 'type: \"object\"'",
        ));
    }
    check_within(schema, name, 0)
}

fn open(schema: &At<'_>, name: &str, flaw: &str) -> crate::check::Violation {
    let message = format!("Invalid schema for response_format '{name}': {flaw}.");
    schema.violates(Problem::Rule {
        message,
        code: None,
    })
}

fn check_within(schema: &At<'_>, name: &str, depth: u8) -> Checked<()> {
    const DEEPEST: u8 = 10;
    if depth > DEEPEST {
        return Err(open(schema, name, "it is nested too deeply"));
    }
    if let Some(properties) = schema.get("properties") {
        if schema.value["additionalProperties"] != false {
            let flaw = "'additionalProperties' is required to be supplied and to be false";
            return Err(open(schema, name, flaw));
        }
        let required = schema.value["required"].as_array();
        for key in properties.object()?.keys() {
            let named = required.is_some_and(|all| all.iter().any(|each| each == key.as_str()));
            if !named {
                let flaw = format!(
                    "'required' is required to be supplied and to be an array including every key \
                     in properties. Missing '{key}'"
                );
                return Err(open(schema, name, &flaw));
            }
            check_within(&properties.need(key)?, name, depth + 1)?;
        }
    }
    for word in ["$defs", "definitions"] {
        let Some(members) = schema.get(word) else {
            continue;
        };
        for key in members.object()?.keys() {
            check_within(&members.need(key)?, name, depth + 1)?;
        }
    }
    for word in ["oneOf", "allOf", "not", "patternProperties"] {
        if schema.get(word).is_some() {
            return Err(open(schema, name, &format!("'{word}' is not permitted")));
        }
    }
    for option in schema
        .get("anyOf")
        .map_or(Ok(Vec::new()), |all| all.items())?
    {
        check_within(&option, name, depth + 1)?;
    }
    match schema.get("items") {
        Some(items) => check_within(&items, name, depth + 1),
        None => Ok(()),
    }
}
