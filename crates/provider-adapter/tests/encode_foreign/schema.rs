//! Checks requests against the schemas that providers publish, where they are at hand.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;
use steelyard_types::WireFormat;

/// Panics if the provider's schema does not allow this body. Without the schemas it checks nothing.
pub(crate) fn check(wire: WireFormat, body: &Value) {
    let checked = match wire {
        WireFormat::OpenAiChat => openai(body),
        WireFormat::AnthropicMessages => anthropic(body),
        WireFormat::GeminiGenerateContent => gemini(body),
        WireFormat::DashScopeGeneration => dashscope(body),
        // There is none at hand.
        _ => Ok(()),
    };
    if let Err(reason) = checked {
        panic!("{reason} in {body}");
    }
}

pub(crate) fn load(file: &str) -> Option<Value> {
    let shared = std::env::var_os("STEELYARD_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        Into::into,
    );
    let Ok(text) = std::fs::read(shared.join("specs").join(file)) else {
        println!("skipped: no {file} beside this checkout");
        return None;
    };
    Some(serde_json::from_slice(&text).unwrap())
}

fn openai(body: &Value) -> Result<(), String> {
    static SCHEMA: OnceLock<Option<Value>> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| {
        let mut root = load("openai.openapi.trimmed.json")?;
        // The fields of a request are spread over three schemas.
        let schemas = &root["components"]["schemas"];
        let mut all = serde_json::json!({"type": "object", "properties": {}});
        let spread = [
            &schemas["CreateChatCompletionRequest"]["allOf"][1],
            &schemas["CreateModelResponseProperties"]["allOf"][1],
            &schemas["ModelResponseProperties"],
        ];
        for part in spread {
            for (name, schema) in part["properties"].as_object().unwrap() {
                all["properties"][name] = schema.clone();
            }
        }
        all["required"] = serde_json::json!(["model", "messages"]);
        root["request"] = all;
        Some(root)
    });
    match schema {
        Some(root) => conforms(root, &root["request"], body, "body"),
        None => Ok(()),
    }
}

fn anthropic(body: &Value) -> Result<(), String> {
    static SCHEMA: OnceLock<Option<Value>> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| load("anthropic.messages.jsonschema.json"));
    let Some(schema) = schema else {
        return Ok(());
    };
    // The newest types lack what the API still takes for older models.
    let mut body = body.clone();
    for field in ["temperature", "top_p"] {
        body.as_object_mut().unwrap().remove(field);
    }
    let schema = &schema["MessageCreateParamsStreaming"];
    // It describes streaming requests; the other kind leaves the field out.
    body["stream"] = true.into();
    conforms(schema, schema, &body, "body")
}

fn gemini(body: &Value) -> Result<(), String> {
    static SCHEMA: OnceLock<Option<Value>> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| load("gemini.genai-sdk.jsonschema.json"));
    let Some(schema) = schema else {
        return Ok(());
    };
    for (field, value) in body.as_object().unwrap() {
        let (name, list) = match field.as_str() {
            "contents" => ("Content", true),
            "systemInstruction" => ("Content", false),
            "tools" => ("Tool", true),
            "toolConfig" => ("ToolConfig", false),
            "generationConfig" => ("GenerationConfig", false),
            // The API takes it beside these; the SDK it is described by does not type it.
            "serviceTier" => continue,
            other => return Err(format!("no such field: {other}")),
        };
        let schema = &schema[name];
        let values = match list {
            true => value.as_array().unwrap().as_slice(),
            false => std::slice::from_ref(value),
        };
        for value in values {
            conforms(schema, schema, value, field)?;
        }
    }
    Ok(())
}

fn dashscope(body: &Value) -> Result<(), String> {
    static SCHEMA: OnceLock<Option<Value>> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| load("dashscope.generation.schema.json"));
    match schema {
        Some(schema) => conforms(&schema["request"], &schema["request"], body, "body"),
        None => Ok(()),
    }
}

/// The part of JSON Schema that these files use. Stricter than it in one way: a property that an
/// object's schema does not name is an error unless the schema says otherwise.
pub(crate) fn conforms(
    root: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        return conforms(root, target, value, at);
    }
    for word in ["anyOf", "oneOf"] {
        let Some(choices) = schema[word].as_array() else {
            continue;
        };
        let tried = choices.iter().map(|choice| {
            // A choice that only says which properties it needs adds to the rest.
            match choice.get("type").is_none() && choice.get("required").is_some() {
                true => required(choice, value, at),
                false => conforms(root, choice, value, at),
            }
        });
        let failures: Vec<_> = tried.filter_map(Result::err).collect();
        if failures.len() == choices.len() {
            return Err(format!("{at}: none of {}", failures.join("; ")));
        }
    }
    if let Some(constant) = schema.get("const")
        && constant != value
    {
        return Err(format!("{at}: {value} is not {constant}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{at}: {value} is none of {words:?}"));
    }
    kind(&schema["type"], value, at)?;
    required(schema, value, at)?;
    members(root, schema, value, at)
}

fn required(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.is_object() && value.get(name.as_str().unwrap()).is_none() {
            return Err(format!("{at}: {name} is missing"));
        }
    }
    Ok(())
}

fn kind(kind: &Value, value: &Value, at: &str) -> Result<(), String> {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("no such type: {other}"),
    };
    let allowed = match kind {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
        _ => true,
    };
    match allowed {
        true => Ok(()),
        false => Err(format!("{at}: {value} is not {kind}")),
    }
}

fn members(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(list) = value.as_array() {
        let bound = |word: &str| {
            schema[word]
                .as_u64()
                .and_then(|bound| usize::try_from(bound).ok())
        };
        let too_few = bound("minItems").is_some_and(|least| list.len() < least);
        if too_few || bound("maxItems").is_some_and(|most| list.len() > most) {
            return Err(format!("{at}: {} entries", list.len()));
        }
    }
    if let (Some(items), Some(list)) = (schema.get("items"), value.as_array()) {
        for (index, value) in list.iter().enumerate() {
            conforms(root, items, value, &format!("{at}[{index}]"))?;
        }
    }
    let (Some(properties), Some(object)) = (schema["properties"].as_object(), value.as_object())
    else {
        return Ok(());
    };
    for (name, value) in object {
        let at = format!("{at}.{name}");
        match (properties.get(name), schema.get("additionalProperties")) {
            (Some(schema), _) => conforms(root, schema, value, &at)?,
            (None, None | Some(Value::Bool(false))) => return Err(format!("{at}: unknown")),
            (None, Some(_)) => {}
        }
    }
    Ok(())
}
