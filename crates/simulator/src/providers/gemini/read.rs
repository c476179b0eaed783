//! What Gemini accepts. Names may be written in camel or snake case, as protobuf JSON has it.

use serde_json::Value;

use crate::ask::{Ask, Choice, Offer};
use crate::check::{At, Checked, Expected, Path, Problem, Step, Violation, tokens_of};
use crate::json::{Node, object};
use crate::tokens;

const REQUEST: &[&str] = &[
    "model",
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "safetySettings",
    "generationConfig",
    "cachedContent",
    "serviceTier",
    "store",
    "labels",
];

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
    "mediaResolution",
];

const PART: &[&str] = &[
    "text",
    "inlineData",
    "functionCall",
    "functionResponse",
    "fileData",
    "executableCode",
    "codeExecutionResult",
    "videoMetadata",
    "thought",
    "thoughtSignature",
    "partMetadata",
    "toolCall",
    "toolResponse",
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

/// The placeholder that Google documents for histories of other models.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

type Refusal = (String, Vec<Node>);

/// `systemInstruction` is `system_instruction`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for each in name.chars() {
        if each.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(each.to_ascii_lowercase());
    }
    snake
}

/// The member of an object in either spelling.
fn get<'a>(at: &At<'a>, name: &str) -> Option<At<'a>> {
    at.get_any(&[name, &snake(name)])
}

/// Refuses members that are in no spelling known.
fn only(at: &At<'_>, known: &[&str]) -> Checked<()> {
    let spelled: Vec<String> = known.iter().map(|name| snake(name)).collect();
    let mut all: Vec<&str> = known.to_vec();
    all.extend(spelled.iter().map(String::as_str));
    at.only(&all)
}

fn snake_path(path: &Path) -> String {
    let steps = path.0.iter().map(|step| match step {
        Step::Key(key) => Step::Key(snake(key)),
        Step::Index(index) => Step::Index(*index),
    });
    Path(steps.collect()).bracketed()
}

/// A refusal in the words of Google's JSON reader or of the service behind it.
fn describe(violation: &Violation) -> Refusal {
    let place = snake_path(&violation.path);
    let message = match &violation.problem {
        Problem::Unknown => {
            let name = violation.path.last_key();
            let parent = Path(violation.path.0[..violation.path.0.len() - 1].to_vec());
            let parent = snake_path(&parent);
            let at = if parent.is_empty() {
                String::new()
            } else {
                format!(" at '{parent}'")
            };
            format!(
                "Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field."
            )
        }
        Problem::WrongType { expected, got } => {
            let kind = match expected {
                Expected::Text | Expected::TextOrList => "TYPE_STRING",
                Expected::Integer => "TYPE_INT32",
                Expected::Number => "TYPE_FLOAT",
                Expected::Boolean => "TYPE_BOOL",
                Expected::List | Expected::Object => "TYPE_MESSAGE",
            };
            format!("Invalid value at '{place}' ({kind}), {got}")
        }
        Problem::NotOneOf { got, .. } => {
            format!("Invalid value at '{place}' (type.googleapis.com/enum), \"{got}\"")
        }
        Problem::Missing | Problem::EmptyList => {
            let last = violation.path.last_key();
            format!(
                "* GenerateContentRequest.{place}: {} is not specified\n",
                snake(last)
            )
        }
        Problem::BelowMinimum { .. } | Problem::AboveMaximum { .. } => {
            format!("* GenerateContentRequest.{place}: value is out of range\n")
        }
        Problem::Rule { message, .. } => return (message.clone(), Vec::new()),
        _ => format!("* GenerateContentRequest.{place}: invalid value\n"),
    };
    let field = object! { "field" => place, "description" => &message };
    let details = object! { "@type" => "type.googleapis.com/google.rpc.BadRequest",
    "fieldViolations" => vec![field] };
    (message, vec![details])
}

/// Reads the body. `signed` says whether function calls must carry their thought signature.
pub(super) fn read(value: &Value, signed: bool) -> Result<Ask, Refusal> {
    read_body(&At::root(value), signed).map_err(|violation| describe(&violation))
}

fn read_body(body: &At<'_>, signed: bool) -> Checked<Ask> {
    only(body, REQUEST)?;
    let mut ask = Ask {
        answers: 1,
        reasons: true,
        ..Ask::default()
    };
    let contents = body.need("contents")?.full_items()?;
    for content in &contents {
        read_content(content, &mut ask)?;
    }
    check_turns(&contents, signed)?;
    if let Some(system) = get(body, "systemInstruction") {
        only(&system, &["parts", "role"])?;
        for part in system.need("parts")?.full_items()? {
            only(&part, PART)?;
            part.need("text")?.text()?;
        }
        ask.prompt_tokens += tokens::count_json(system.value);
    }
    for tool in get(body, "tools").map_or(Ok(Vec::new()), |tools| tools.items_or_one())? {
        read_tool(&tool, &mut ask)?;
    }
    if let Some(config) = get(body, "toolConfig") {
        read_tool_config(&config, &mut ask)?;
    }
    if let Some(config) = get(body, "generationConfig") {
        read_config(&config, &mut ask)?;
    }
    Ok(ask)
}

fn read_content(content: &At<'_>, ask: &mut Ask) -> Checked<()> {
    only(content, &["role", "parts"])?;
    let role = content.get("role").map_or(Ok("user"), |role| role.text())?;
    if !["user", "model", "function"].contains(&role) {
        return Err(content.breaks("Please use a valid role: user, model."));
    }
    let parts = content
        .get("parts")
        .map_or(Ok(Vec::new()), |parts| parts.items())?;
    if parts.is_empty() {
        let place = content.path.bracketed();
        return Err(content.breaks(format!(
            "* GenerateContentRequest.{place}.parts: contents.parts must not be empty.\n"
        )));
    }
    let mut texts = Vec::new();
    for part in &parts {
        only(part, PART)?;
        read_part(part, ask)?;
        texts.extend(part.get("text").and_then(|text| text.value.as_str()));
    }
    if role == "user" && !texts.is_empty() {
        ask.last_user = texts.join("\n");
        if parts
            .iter()
            .all(|part| get(part, "functionResponse").is_none())
        {
            ask.results.clear();
        }
    }
    Ok(())
}

fn read_part(part: &At<'_>, ask: &mut Ask) -> Checked<()> {
    ask.prompt_tokens += 1 + tokens::count_json(part.value);
    if let Some(text) = part.get("text") {
        text.text()?;
    }
    if let Some(call) = get(part, "functionCall") {
        only(
            &call,
            &["id", "name", "args", "partialArgs", "willContinue"],
        )?;
        call.need("name")?.full_text()?;
        if let Some(arguments) = call.get("args") {
            arguments.object()?;
        }
    }
    if let Some(response) = get(part, "functionResponse") {
        only(
            &response,
            &[
                "id",
                "name",
                "response",
                "parts",
                "willContinue",
                "scheduling",
            ],
        )?;
        response.need("name")?.full_text()?;
        let content = response.need("response")?;
        content.object()?;
        let said = ["output", "result", "content"]
            .iter()
            .find_map(|key| content.get(key));
        let said = said.map_or(content.value, |said| said.value);
        ask.results.push(
            said.as_str()
                .map_or_else(|| said.to_string(), str::to_owned),
        );
    }
    let data = PART
        .iter()
        .take(7)
        .chain(&["toolCall", "toolResponse", "thoughtSignature"]);
    if data.clone().all(|name| get(part, name).is_none()) {
        return Err(part.breaks(format!(
            "* GenerateContentRequest.{}.data: required oneof field 'data' must have one \
             initialized field\n",
            part.path.bracketed()
        )));
    }
    Ok(())
}

fn parts_with<'a>(content: &At<'a>, name: &str) -> Vec<At<'a>> {
    let parts = content
        .get("parts")
        .and_then(|parts| parts.items().ok())
        .unwrap_or_default();
    parts
        .into_iter()
        .filter(|part| get(part, name).is_some())
        .collect()
}

/// Calls are answered in the next turn, all of them, and signed where that is wanted.
fn check_turns(contents: &[At<'_>], signed: bool) -> Checked<()> {
    let says_something = |content: &At<'_>| {
        content.value["role"] != "model" && parts_with(content, "functionResponse").is_empty()
    };
    let current_turn = contents.iter().rposition(says_something).unwrap_or(0);
    let mut open = 0usize;
    for (index, content) in contents.iter().enumerate() {
        let responses = parts_with(content, "functionResponse").len();
        if responses != open {
            return Err(content.breaks(
                "Please ensure that the number of function response parts is equal to the number \
                 of function call parts of the function call turn.",
            ));
        }
        let calls = parts_with(content, "functionCall");
        open = calls.len();
        if open > 0 && index == 0 {
            return Err(content.breaks(
                "Please ensure that function call turn comes immediately after a user turn or \
                 after a function response turn.",
            ));
        }
        let Some(first) = calls.first().filter(|_| signed && index > current_turn) else {
            continue;
        };
        let signature = get(first, "thoughtSignature");
        let signature = signature
            .as_ref()
            .and_then(|at| at.value.as_str())
            .unwrap_or_default();
        if signature.is_empty() {
            return Err(first.breaks(format!(
                "Function call is missing a thought_signature in functionCall parts. This is \
                 required for tools to work correctly, and missing thought_signature may lead to \
                 degraded model performance. Additional data, function call `default_api:{}` , \
                 position {}. Please refer to \
                 https://ai.google.dev/gemini-api/docs/thought-signatures for more details.",
                get(first, "functionCall").map_or("", |c| c.value["name"].as_str().unwrap_or("")),
                index + 1
            )));
        }
        let base64 = |each: char| each.is_ascii_alphanumeric() || "+/=-_".contains(each);
        if signature != NO_SIGNATURE && !signature.chars().all(base64) {
            return Err(first.breaks("Base64 decoding failed for thought_signature."));
        }
    }
    Ok(())
}

fn read_tool(tool: &At<'_>, ask: &mut Ask) -> Checked<()> {
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

fn read_tool_config(config: &At<'_>, ask: &mut Ask) -> Checked<()> {
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

fn read_config(config: &At<'_>, ask: &mut Ask) -> Checked<()> {
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
        count.integer_in(1, 8)?;
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
