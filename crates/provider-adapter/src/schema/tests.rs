use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const SOME: Subset = Subset {
    keywords: Some(&[
        "type",
        "properties",
        "required",
        "items",
        "enum",
        "description",
        "anyOf",
        "additionalProperties",
    ]),
};

fn rewritten(schema: &str, subset: Subset) -> Result<(String, bool), String> {
    let raw: &RawValue = serde_json::from_str(schema).unwrap();
    match rewrite(raw, subset) {
        Ok(rewritten) => Ok((rewritten.json.get().to_owned(), rewritten.loosened)),
        Err(Fault::Recursion(reason) | Fault::Other(reason)) => Err(reason),
    }
}

fn all(schema: &str) -> String {
    rewritten(schema, Subset::ALL).unwrap().0
}

fn fault(schema: &str) -> String {
    rewritten(schema, Subset::ALL).unwrap_err()
}

#[test]
fn order_and_numbers_stay_as_they_were() {
    let schema = r#"{"type":"object","properties":{"z":{"minimum":1.50},"a":{"maximum":1e400}},"required":["z","a"]}"#;
    assert_eq!(all(schema), schema);
}

#[test]
fn references_are_inlined() {
    let schema = r##"{"$defs":{"A/b":{"type":"string","description":"an a"}},
        "properties":{"x":{"$ref":"#/$defs/A~1b","description":"the x","default":"q"},
            "y":{"items":{"allOf":[{"$ref":"#/%24defs/A%7E1b"}]}}}}"##;
    assert_eq!(
        all(schema),
        r#"{"properties":{"x":{"type":"string","description":"the x","default":"q"},"y":{"items":{"type":"string","description":"an a"}}}}"#
    );
}

#[test]
fn names_of_properties_and_values_are_no_keywords() {
    let schema = r##"{"properties":{"$ref":{"type":"string"},"$defs":{"type":"string"},
        "const":{"enum":[{"$ref":"#/x"}]}},"required":["$ref"]}"##;
    let same: Value = serde_json::from_str(schema).unwrap();
    for subset in [Subset::ALL, SOME] {
        let (text, loosened) = rewritten(schema, subset).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), same);
        assert!(!loosened);
    }
}

#[test]
fn what_is_not_known_is_left_out_or_told() {
    let schema = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",
        "properties":{
            "name":{"type":"string","minLength":2,"description":"A name","examples":["Ann"]},
            "kind":{"const":"k"},
            "size":{"type":"integer","multipleOf":5,"not":{"const":10,"x-note":1}}},
        "additionalProperties":false}"#;
    let (text, loosened) = rewritten(schema, SOME).unwrap();
    assert!(loosened);
    let expected = json!({"type": "object", "properties": {
        "name": {"type": "string",
            "description": "A name\n\n{\"minLength\":2,\"examples\":[\"Ann\"]}"},
        "kind": {"enum": ["k"]},
        "size": {"type": "integer", "description": "{\"multipleOf\":5,\"not\":{\"enum\":[10]}}"},
    }, "additionalProperties": false});
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
}

#[test]
fn hints_are_told_and_what_says_nothing_is_left_out() {
    let schema = r##"{"$schema":"s","$id":"i","$comment":"c","x-order":1,"type":"object","title":"T",
        "default":{"a":1},"readOnly":true,"y":2,"$defs":{"Unused":{"type":"null"}}}"##;
    let (text, loosened) = rewritten(schema, SOME).unwrap();
    let told = r#"{"title":"T","default":{"a":1},"readOnly":true,"y":2}"#;
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!({"type": "object", "description": told})
    );
    assert!(!loosened, "nothing is lost");
}

#[test]
fn recursion_is_refused_by_name() {
    let tree = r##"{"$defs":{"Tree":{"properties":{"children":{"items":{"$ref":"#/$defs/Tree"}}}}},
        "$ref":"#/$defs/Tree"}"##;
    assert_eq!(fault(tree), "is recursive: #/$defs/Tree holds itself");
    let whole = r##"{"properties":{"next":{"$ref":"#"}}}"##;
    assert_eq!(fault(whole), "is recursive: # holds itself");
    let place = r##"{"properties":{"next":{"items":{"$ref":"#/properties/next"}}}}"##;
    assert_eq!(fault(place), "is recursive: #/properties/next holds itself");
}

#[test]
fn a_definition_can_be_used_twice() {
    let schema = r##"{"$defs":{"A":{"type":"string"}},
        "properties":{"x":{"$ref":"#/$defs/A"},"y":{"$ref":"#/$defs/A"}}}"##;
    assert_eq!(
        all(schema),
        r#"{"properties":{"x":{"type":"string"},"y":{"type":"string"}}}"#
    );
}

#[test]
fn references_to_nowhere_are_refused() {
    for (reference, reason) in [
        (
            "https://example.com/s",
            "refers to https://example.com/s, which is outside of it",
        ),
        ("#anchor", "refers to #anchor, which is not in it"),
        ("#/$defs/B", "refers to #/$defs/B, which is not in it"),
        ("#/type", "refers to something that is no schema"),
    ] {
        let schema = json!({"type": "object", "properties": {"a": {"$ref": reference}}});
        assert_eq!(fault(&schema.to_string()), reason);
    }
    let twice = r##"{"$defs":{"A":{"type":"string"}},"properties":{"a":{"$ref":"#/$defs/A","type":"number"}}}"##;
    assert!(fault(twice).starts_with("says type twice"));
    assert_eq!(fault("[]"), "is not a JSON Schema object");
}

#[test]
fn what_grows_beyond_bounds_is_refused() {
    let mut definitions = serde_json::Map::new();
    for level in 0..40 {
        let next = json!({"$ref": format!("#/$defs/L{}", level + 1)});
        definitions.insert(format!("L{level}"), json!({"anyOf": [next, next]}));
    }
    definitions.insert("L40".to_owned(), json!({"type": "string"}));
    let schema = json!({"$defs": definitions, "$ref": "#/$defs/L0"});
    assert_eq!(
        fault(&schema.to_string()),
        "is too large with its references resolved"
    );
    let mut chain = serde_json::Map::new();
    for level in 0..1_000 {
        chain.insert(
            format!("L{level}"),
            json!({"$ref": format!("#/$defs/L{}", level + 1)}),
        );
    }
    let schema = json!({"$defs": chain, "$ref": "#/$defs/L0"});
    assert_eq!(
        fault(&schema.to_string()),
        "is nested deeper than 100 levels"
    );
    let deep = format!("{}1{}", "{\"not\":".repeat(110), "}".repeat(110));
    assert!(fault(&deep).starts_with("is nested deeper"));
    let long = format!("{{\"title\":\"{}\"}}", "a".repeat(MAX_BYTES));
    assert!(fault(&long).starts_with("is too large"));
}

fn arbitrary() -> impl Strategy<Value = Value> {
    const NAMES: [&str; 18] = [
        "type",
        "properties",
        "items",
        "$ref",
        "$defs",
        "A",
        "B",
        "anyOf",
        "allOf",
        "const",
        "enum",
        "description",
        "not",
        "minLength",
        "title",
        "required",
        "additionalProperties",
        "definitions",
    ];
    const WORDS: [&str; 8] = [
        "object",
        "#",
        "#/$defs/A",
        "#/$defs/B",
        "#/properties/A",
        "https://x",
        "é\u{1}\"",
        "",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0_u64..9).prop_map(Value::from),
        prop::sample::select(WORDS.as_slice()).prop_map(Value::from),
    ];
    let nested = leaf.prop_recursive(6, 64, 5, |inner| {
        let name = prop::sample::select(NAMES.as_slice()).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    let name = prop::sample::select(NAMES.as_slice()).prop_map(str::to_owned);
    prop::collection::vec((name, nested), 0..6)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_needs_no_second_writing(schema in arbitrary()) {
        let text = schema.to_string();
        for subset in [Subset::ALL, SOME] {
            let Ok((once, _)) = rewritten(&text, subset) else { continue };
            let value: Value = serde_json::from_str(&once).unwrap();
            prop_assert!(value.is_object());
            let (twice, loosened) = rewritten(&once, subset).unwrap();
            prop_assert_eq!(&twice, &once);
            prop_assert!(!loosened, "{}", once);
        }
    }
}

#[test]
fn a_root_that_only_refers_is_put_in_its_place() {
    let resolved = |schema: &str| {
        let raw: &RawValue = serde_json::from_str(schema).unwrap();
        rooted(raw).into_owned()
    };
    let tree = r##"{"type":"object","title":"T","properties":{"n":{"$ref":"#/$defs/a~1b"}}}"##;
    let defs = format!(r##""$defs":{{"a/b":{tree}}}"##);
    assert_eq!(
        resolved(&format!(
            r##"{{{defs},"$ref":"#/$defs/a~1b","title":"Root"}}"##
        )),
        format!(
            r##"{{{defs},"title":"Root","type":"object","properties":{{"n":{{"$ref":"#/$defs/a~1b"}}}}}}"##
        )
    );
    for kept in [
        r##"{"type":"object","properties":{"n":{"$ref":"#"}}}"##,
        r##"{"$ref":"#/$defs/A","$defs":{}}"##,
        r##"{"$ref":"#/$defs/A/items","$defs":{"A":{"items":{"type":"object"}}}}"##,
        r##"{"$ref":"#/$defs/A","$defs":{"A":{"$ref":"#/$defs/B"}}}"##,
        r##"{"$ref":"#/$defs/A","required":["a"],"$defs":{"A":{"required":["b"]}}}"##,
        r##"{"$ref":7}"##,
    ] {
        assert_eq!(resolved(kept), kept);
    }
}
