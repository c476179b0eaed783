//! OpenAI's subset of JSON Schema for answers that follow a schema strictly.

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use steelyard_types::{ChatRequest, Dialect, JsonSchema, Tool};

/// Most levels of a schema that are looked at; requests nest no deeper.
const MAX_DEPTH: usize = 64;

/// Whether the client's dialect promises that the schema is followed, and OpenAI could promise it
/// only for another schema: it answers 400 to a strict one in which an object leaves a property
/// optional or takes others (<https://platform.openai.com/docs/guides/structured-outputs>). Such a
/// schema is followed as well as the model can.
pub(crate) fn is_loosened(wanted: &JsonSchema<'_>) -> bool {
    wanted.strict == Some(true) && !can_be_strict(wanted.schema)
}

/// As [`is_loosened`], for the arguments of a tool. Clients of OpenAI's own dialects mean its subset
/// and are told by OpenAI where they leave it; Anthropic's takes optional properties as well.
pub(crate) fn is_loosened_tool(request: &ChatRequest<'_>, tool: &Tool<'_>) -> bool {
    request.dialect == Dialect::AnthropicMessages
        && tool.strict == Some(true)
        && !can_be_strict(tool.parameters)
}

fn can_be_strict(schema: Option<&RawValue>) -> bool {
    schema
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .is_some_and(|schema| is_strict(&schema, 0))
}

fn is_strict(schema: &Value, depth: usize) -> bool {
    let Value::Object(schema) = schema else {
        return true;
    };
    if depth > MAX_DEPTH || !closes(schema) {
        return false;
    }
    let inside = |value: &Value| is_strict(value, depth + 1);
    schema
        .iter()
        .all(|(word, value)| match (word.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(named)) => {
                named.values().all(inside)
            }
            ("anyOf", Value::Array(choices)) => choices.iter().all(inside),
            ("items", value) => inside(value),
            ("allOf" | "oneOf" | "not" | "if" | "patternProperties" | "prefixItems", _) => false,
            _ => true,
        })
}

/// Whether an object names all that it may hold, and all of it must be there.
fn closes(schema: &Map<String, Value>) -> bool {
    let is_object = schema.get("type").is_some_and(|kind| match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "object"),
        kind => kind == "object",
    });
    if !is_object && !schema.contains_key("properties") {
        return true;
    }
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &String| {
        required.is_some_and(|required| required.iter().any(|one| one == name.as_str()))
    };
    let mut names = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::keys);
    schema.get("additionalProperties") == Some(&Value::Bool(false)) && names.all(is_required)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_closed_objects_are_strict() {
        let closed = json!({"type": "object", "additionalProperties": false,
            "properties": {"a": {"type": "string"}}, "required": ["a"]});
        assert!(is_strict(&closed, 0));
        assert!(is_strict(&json!({"type": "array", "items": closed}), 0));
        assert!(is_strict(&json!({"anyOf": [closed, {"type": "null"}]}), 0));
        let mut optional = closed.clone();
        optional["required"] = json!([]);
        let mut open = closed.clone();
        open.as_object_mut().unwrap().remove("additionalProperties");
        for loose in [
            json!({"type": "object"}),
            optional.clone(),
            open,
            json!({"$defs": {"x": optional}, "$ref": "#/$defs/x"}),
            json!({"oneOf": [closed]}),
        ] {
            assert!(!is_strict(&loose, 0), "{loose}");
        }
    }
}
