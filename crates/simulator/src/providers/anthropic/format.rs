//! The schemas that Anthropic can hold an answer to.

use crate::check::{At, Checked};

/// Keywords that limit a value and that are not decoded under, by the type that they belong to.
const LIMITS: &[(&str, &[&str])] = &[
    (
        "integer",
        &[
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
        ],
    ),
    (
        "number",
        &[
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
        ],
    ),
    ("string", &["minLength", "maxLength"]),
    ("array", &["maxItems", "uniqueItems"]),
];

/// Refuses what the API's structured outputs do not know: objects that are open, and limits.
pub(super) fn check(schema: &At<'_>) -> Checked<()> {
    check_within(schema, 0)
}

fn check_within(schema: &At<'_>, depth: u8) -> Checked<()> {
    const DEEPEST: u8 = 32;
    if depth > DEEPEST {
        return Err(schema.breaks("output_config.format.schema: Schema is too complex."));
    }
    let kind = schema.value["type"].as_str().unwrap_or_default();
    if kind == "object" && schema.value["additionalProperties"] != false {
        return Err(schema.breaks(
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be \
             explicitly set to false",
        ));
    }
    for (limited, words) in LIMITS {
        let found = words.iter().find(|word| schema.get(word).is_some());
        if let Some(word) = found.filter(|_| *limited == kind) {
            return Err(schema.breaks(format!(
                "output_config.format.schema: For '{kind}' type, property '{word}' is not \
                 supported"
            )));
        }
    }
    for name in ["properties", "$defs", "definitions"] {
        let Some(members) = schema.get(name) else {
            continue;
        };
        for key in members.object()?.keys() {
            check_within(&members.need(key)?, depth + 1)?;
        }
    }
    for name in ["anyOf", "allOf"] {
        for option in schema.get(name).map_or(Ok(Vec::new()), |all| all.items())? {
            check_within(&option, depth + 1)?;
        }
    }
    match schema.get("items") {
        Some(items) => check_within(&items, depth + 1),
        None => Ok(()),
    }
}
