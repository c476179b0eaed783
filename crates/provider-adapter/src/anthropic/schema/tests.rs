use serde_json::{Value, json};

use super::*;

fn rewritten(schema: &Value) -> Result<(Value, bool), Inexpressible> {
    let raw = RawValue::from_string(schema.to_string()).unwrap();
    let done = rewrite(&raw, None)?;
    Ok((serde_json::from_str(&done.schema).unwrap(), done.loosened))
}

#[test]
fn what_is_accepted_stays() {
    let schema = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "Its name", "default": "x"},
            "kind": {"enum": ["a", 1, null]},
            "mail": {"type": ["string", "null"], "format": "email"},
            "tags": {"type": "array", "minItems": 1, "items": {"const": "t"}},
        },
        "required": ["name"],
        "additionalProperties": false,
    });
    assert_eq!(rewritten(&schema), Ok((schema, false)));
}

#[test]
fn the_order_of_members_stays() {
    let raw = r#"{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"null"}}}"#;
    let raw = RawValue::from_string(raw.to_owned()).unwrap();
    let done = rewrite(&raw, Some("Say it")).unwrap();
    let expected = r#"{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"null"}},"additionalProperties":false,"description":"Say it"}"#;
    assert_eq!(done.schema, expected);
}

#[test]
fn bounds_are_told() {
    let (schema, loosened) = rewritten(&json!({
        "type": "object",
        "properties": {"age": {"type": "integer", "minimum": 0, "description": "Years"}},
    }))
    .unwrap();
    assert!(loosened);
    assert_eq!(
        schema["properties"]["age"],
        json!({"type": "integer", "description": "Years\nminimum: 0"})
    );
    for bound in [
        json!({"type": "string", "pattern": "^a$"}),
        json!({"type": "string", "format": "phone"}),
        json!({"type": "string", "maxLength": 3}),
        json!({"type": "array", "minItems": 2, "items": {"type": "null"}}),
        json!({"type": "integer", "multipleOf": 2}),
        json!({"oneOf": [{"type": "null"}, {"type": "string"}]}),
        json!({"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": true}),
    ] {
        assert!(rewritten(&bound).unwrap().1, "{bound}");
    }
}

#[test]
fn hints_are_told_and_are_no_loss() {
    let (schema, loosened) = rewritten(&json!({
        "$schema": "s", "$comment": "c", "x-order": 1,
        "type": "object",
        "title": "T",
        "properties": {"age": {"type": "integer", "title": "Age", "description": "Years",
            "examples": [7], "readOnly": true}},
    }))
    .unwrap();
    assert!(!loosened);
    let expected = json!({
        "type": "object",
        "title": "T",
        "properties": {"age": {"type": "integer", "title": "Age",
            "description": "Years\nexamples: [7], readOnly: true"}},
        "additionalProperties": false,
    });
    assert_eq!(schema, expected);
}

#[test]
fn definitions_are_followed_once_each() {
    // With 8 references from each definition to the next, there are 8 to the 15th ways.
    let mut definitions = serde_json::Map::new();
    for level in 0..15 {
        let next = json!({"$ref": format!("#/$defs/D{}", level + 1)});
        let choices = vec![next; 8];
        definitions.insert(format!("D{level}"), json!({"anyOf": choices}));
    }
    definitions.insert("D15".to_owned(), json!({"type": "null"}));
    let schema = json!({"anyOf": [{"$ref": "#/$defs/D0"}], "$defs": definitions});
    assert!(rewritten(&schema).is_ok());
    let mut recurs = schema;
    recurs["$defs"]["D15"] = json!({"anyOf": [{"$ref": "#/$defs/D3"}]});
    assert_eq!(rewritten(&recurs), Err(Inexpressible));
}

#[test]
fn definitions_that_nothing_refers_to_stay_behind() {
    let recurs = json!({"type": "object", "properties": {"next": {"$ref": "#/$defs/Unused"}}});
    let schema = json!({
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/Used"}},
        "$defs": {"Used": {"type": "string"}, "Unused": recurs},
    });
    let (found, _) = rewritten(&schema).unwrap();
    assert_eq!(found["$defs"], json!({"Used": {"type": "string"}}));
    let mut none = schema;
    none["properties"]["a"] = json!({"type": "null"});
    assert!(rewritten(&none).unwrap().0.get("$defs").is_none());
}

#[test]
fn references_stay_unless_they_recur() {
    let schema = json!({
        "type": "object",
        "properties": {
            "one": {"$ref": "#/$defs/One"},
            "two": {"allOf": [{"$ref": "#/$defs/One"}], "description": "again"},
        },
        "$defs": {"One": {"type": "object", "properties": {"a": {"type": "null"}}}},
    });
    let (found, loosened) = rewritten(&schema).unwrap();
    assert!(!loosened);
    let reference = json!({"anyOf": [{"$ref": "#/$defs/One"}]});
    assert_eq!(found["properties"]["one"], reference);
    assert_eq!(found["properties"]["two"]["description"], "again");
    assert_eq!(found["$defs"]["One"]["additionalProperties"], false);
    for wrong in [
        json!({"$ref": "#/$defs/A", "$defs": {"A": {"type": "array", "items": {"$ref": "#/$defs/A"}}}}),
        json!({"$ref": "#"}),
        json!({"$ref": "https://example.com/a.json"}),
        json!({"$ref": "#/$defs/Missing"}),
    ] {
        assert_eq!(rewritten(&wrong), Err(Inexpressible), "{wrong}");
    }
}

#[test]
fn what_would_be_another_answer_is_not_said() {
    for wrong in [
        json!(true),
        json!({}),
        json!({"type": "object"}),
        json!({"type": "object", "additionalProperties": {"type": "string"}}),
        json!({"type": "object", "properties": {"a": {}}}),
        json!({"enum": [{"a": 1}]}),
        json!({"type": "array", "prefixItems": [{"type": "null"}]}),
    ] {
        assert_eq!(rewritten(&wrong), Err(Inexpressible), "{wrong}");
    }
}
