//! Functions and generation settings as Gemini accepts them.

use serde_json::Value;

use crate::ask::{Ask, Choice, Offer};
use crate::check::{At, Checked, Problem, tokens_of};
use crate::tokens;

use super::read::{get, only, snake_path};

const CONFIG: &[&str] = &[
    "candidateCount",
    "stopSequences",
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "seed",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "enableEnhancedCivicAnswers",
    "responseModalities",
    "speechConfig",
    "thinkingConfig",
    "imageConfig",
    "responseFormat",
    "translationConfig",
    "enableAffectiveDialog",
    "mediaResolution",
];

const TOOL: &[&str] = &[
    "functionDeclarations",
    "googleSearchRetrieval",
    "codeExecution",
    "googleSearch",
    "urlContext",
    "fileSearch",
    "googleMaps",
    "computerUse",
    "mcpServers",
    "retrieval",
    "enterpriseWebSearch",
];

const DECLARATION: &[&str] = &[
    "name",
    "description",
    "parameters",
    "parametersJsonSchema",
    "response",
    "responseJsonSchema",
    "behavior",
];

/// The subset of OpenAPI that `parameters` and `responseSchema` take.
const SCHEMA: &[&str] = &[
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "items",
    "maxItems",
    "minItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
    "propertyOrdering",
    "default",
    "additionalProperties",
];

pub(super) fn read_tool(tool: &At<'_>, ask: &mut Ask) -> Checked<()> {
    only(tool, TOOL)?;
    let Some(declarations) = get(tool, "functionDeclarations") else {
        return Ok(());
    };
    for declaration in declarations.items_or_one()? {
        only(&declaration, DECLARATION)?;
        ask.prompt_tokens += tokens::count_json(declaration.value);
        let name = declaration.need("name")?;
        let text = name.text()?;
        let starts = text.starts_with(|each: char| each.is_ascii_alphabetic() || each == '_');
        let legal = |each: char| each.is_ascii_alphanumeric() || "_.:-".contains(each);
        if !starts || text.len() > 64 || !text.chars().all(legal) {
            return Err(name.breaks(format!(
                "* GenerateContentRequest.{}: Invalid function name. Must start with a letter or \
                 an underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), \
                 colons (:), or dashes (-), with a maximum length of 64.\n",
                snake_path(&name.path)
            )));
        }
        let open_api = declaration.get("parameters");
        let json_schema = get(&declaration, "parametersJsonSchema");
        if let Some(schema) = &open_api {
            check_schema(schema, 0)?;
            if json_schema.is_some() {
                return Err(
                    schema.breaks("Only one of parameters and parameters_json_schema can be set.")
                );
            }
        }
        let parameters = open_api.or(json_schema);
        let parameters = parameters.map_or(Value::Null, |schema| schema.value.clone());
        ask.offers.push(Offer {
            name: text.to_owned(),
            parameters,
            custom: false,
        });
    }
    Ok(())
}

fn check_schema(schema: &At<'_>, depth: u8) -> Checked<()> {
    const DEEPEST: u8 = 32;
    if depth > DEEPEST {
        return Err(schema.breaks("The schema is nested too deeply."));
    }
    only(schema, SCHEMA)?;
    if let Some(kind) = schema.get("type") {
        kind.text()?;
    }
    if let Some(items) = schema.get("items") {
        check_schema(&items, depth + 1)?;
    }
    for option in get(schema, "anyOf").map_or(Ok(Vec::new()), |options| options.items())? {
        check_schema(&option, depth + 1)?;
    }
    if let Some(properties) = schema.get("properties") {
        for name in properties.object()?.keys() {
            check_schema(&properties.need(name)?, depth + 1)?;
        }
    }
    Ok(())
}

pub(super) fn read_tool_config(config: &At<'_>, ask: &mut Ask) -> Checked<()> {
    only(
        config,
        &[
            "functionCallingConfig",
            "retrievalConfig",
            "includeServerSideToolInvocations",
        ],
    )?;
    let Some(calling) = get(config, "functionCallingConfig") else {
        return Ok(());
    };
    only(
        &calling,
        &[
            "mode",
            "allowedFunctionNames",
            "streamFunctionCallArguments",
        ],
    )?;
    let modes = ["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"];
    // Names of enums are read without regard to case.
    let mode = calling.get("mode").map_or(Ok("AUTO"), |mode| {
        let text = mode.text()?;
        let known = modes
            .iter()
            .copied()
            .find(|known| known.eq_ignore_ascii_case(text));
        known.ok_or_else(|| {
            mode.violates(Problem::NotOneOf {
                got: text.to_owned(),
                allowed: modes.to_vec(),
            })
        })
    })?;
    let allowed = get(&calling, "allowedFunctionNames");
    let allowed = allowed.map_or(Ok(Vec::new()), |names| names.items())?;
    if !allowed.is_empty() && mode != "ANY" && mode != "VALIDATED" {
        return Err(calling.breaks(
            "Function calling config: allowed_function_names should be set only when the mode is \
             ANY.",
        ));
    }
    for name in &allowed {
        let text = name.text()?;
        if !ask.offers.iter().any(|offer| offer.name == text) {
            return Err(name.breaks(format!(
                "Function calling config: allowed_function_names contains unknown function {text}."
            )));
        }
    }
    ask.choice = match (mode, allowed.as_slice()) {
        ("NONE", _) => Choice::None,
        ("ANY", [only]) => Choice::Named(only.text()?.to_owned()),
        ("ANY", _) => Choice::Required,
        _ => Choice::Auto,
    };
    Ok(())
}

pub(super) fn read_config(config: &At<'_>, ask: &mut Ask) -> Checked<()> {
    only(config, CONFIG)?;
    if let Some(temperature) = config.get("temperature") {
        temperature.number_in(0.0, 2.0)?;
    }
    if let Some(share) = get(config, "topP") {
        share.number_in(0.0, 1.0)?;
    }
    for name in ["topK", "seed"] {
        if let Some(number) = get(config, name) {
            number.number_in(f64::MIN, f64::MAX)?;
        }
    }
    for name in ["presencePenalty", "frequencyPenalty"] {
        if let Some(penalty) = get(config, name) {
            penalty.number_in(-2.0, 2.0)?;
        }
    }
    if let Some(count) = get(config, "candidateCount") {
        ask.answers = tokens_of(count.integer_in(1, 8)?);
    }
    let top = get(config, "logprobs");
    let top = top.map_or(Ok(0), |top| top.integer_in(0, 20))?;
    if let Some(wanted) = get(config, "responseLogprobs")
        && wanted.boolean()?
    {
        ask.logprobs = Some(usize::try_from(top).unwrap_or(0));
    }
    if let Some(length) = get(config, "maxOutputTokens") {
        ask.max_tokens = Some(tokens_of(length.integer(1)?));
    }
    if let Some(stops) = get(config, "stopSequences") {
        let items = stops.items()?;
        if items.len() > 5 {
            return Err(stops.breaks(
                "* GenerateContentRequest.generation_config.stop_sequences: the number of stop \
                 sequences must not exceed 5\n",
            ));
        }
        for item in items {
            ask.stops.push(item.text()?.to_owned());
        }
    }
    read_schema(config, ask)?;
    read_thinking(config, ask)
}

fn read_schema(config: &At<'_>, ask: &mut Ask) -> Checked<()> {
    let mime = get(config, "responseMimeType");
    let mime = mime.map_or(Ok("text/plain"), |mime| {
        mime.one_of(&["text/plain", "application/json", "text/x.enum"])
    })?;
    let open_api = get(config, "responseSchema");
    let json_schema = get(config, "responseJsonSchema");
    if let Some(schema) = &open_api {
        check_schema(schema, 0)?;
        if json_schema.is_some() {
            return Err(schema.breaks(
                "Only one of response_schema and response_json_schema can be \
                set.",
            ));
        }
    }
    let schema = open_api.or(json_schema);
    if let Some(schema) = &schema
        && mime == "text/plain"
    {
        return Err(schema.breaks(
            "* GenerateContentRequest.generation_config.response_mime_type: response_schema is \
             only supported with response_mime_type application/json\n",
        ));
    }
    if mime == "application/json" {
        ask.json = Some(schema.map_or(Value::Null, |schema| schema.value.clone()));
    }
    Ok(())
}

fn read_thinking(config: &At<'_>, ask: &mut Ask) -> Checked<()> {
    let Some(thinking) = get(config, "thinkingConfig") else {
        return Ok(());
    };
    only(
        &thinking,
        &["includeThoughts", "thinkingBudget", "thinkingLevel"],
    )?;
    if let Some(include) = get(&thinking, "includeThoughts") {
        include.boolean()?;
    }
    let budget = get(&thinking, "thinkingBudget");
    if let Some(budget) = &budget {
        ask.reasons = budget.integer(-1)? != 0;
    }
    if let Some(level) = get(&thinking, "thinkingLevel") {
        let text = level.text()?.to_uppercase();
        let levels = [
            "MINIMAL",
            "LOW",
            "MEDIUM",
            "HIGH",
            "THINKING_LEVEL_UNSPECIFIED",
        ];
        if !levels.contains(&text.as_str()) {
            let got = text;
            return Err(level.violates(Problem::NotOneOf {
                got,
                allowed: levels.to_vec(),
            }));
        }
        if budget.is_some() {
            return Err(
                level.breaks("You can only set only one of thinking budget and thinking level.")
            );
        }
    }
    Ok(())
}

/// What a model takes of `thinkingConfig`.
pub(super) fn check_thinking(value: &Value, model: &str) -> Result<(), String> {
    let member = |value: &Value, camel: &str, snake: &str| {
        value.get(camel).or_else(|| value.get(snake)).cloned()
    };
    let config = member(value, "generationConfig", "generation_config");
    let config = config.and_then(|config| member(&config, "thinkingConfig", "thinking_config"));
    let Some(config) = config.filter(Value::is_object) else {
        return Ok(());
    };
    let budget = member(&config, "thinkingBudget", "thinking_budget");
    let has_level = member(&config, "thinkingLevel", "thinking_level").is_some();
    if model.starts_with("gemini-1") || model.starts_with("gemini-2.0") {
        return Err("Thinking is not supported by this model.".to_owned());
    }
    if has_level && model.starts_with("gemini-2") {
        return Err("Thinking level is not supported for this model.".to_owned());
    }
    let least = if model.starts_with("gemini-2.5-pro") {
        128
    } else {
        0
    };
    match budget.as_ref().and_then(Value::as_i64) {
        Some(0) if least > 0 => {
            Err("Budget 0 is invalid. This model only works in thinking mode.".to_owned())
        }
        Some(budget) if budget != -1 && !(least..=32_768).contains(&budget) => Err(format!(
            "The thinking budget {budget} is invalid. Please choose a value between {least} and \
             32768."
        )),
        _ => Ok(()),
    }
}
