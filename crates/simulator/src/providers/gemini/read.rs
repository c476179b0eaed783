//! What Gemini accepts. Names may be written in camel or snake case, as protobuf JSON has it.

use serde_json::Value;

use crate::ask::Ask;
use crate::check::{At, Checked, Expected, Path, Problem, Step, Violation};
use crate::json::{Node, object};
use crate::pictures::{self, Flaw};
use crate::tokens;

use super::settings::{read_config, read_tool, read_tool_config};

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
pub(super) fn get<'a>(at: &At<'a>, name: &str) -> Option<At<'a>> {
    at.get_any(&[name, &snake(name)])
}

/// Refuses members that are in no spelling known.
pub(super) fn only(at: &At<'_>, known: &[&str]) -> Checked<()> {
    let spelled: Vec<String> = known.iter().map(|name| snake(name)).collect();
    let mut all: Vec<&str> = known.to_vec();
    all.extend(spelled.iter().map(String::as_str));
    at.only(&all)
}

pub(super) fn snake_path(path: &Path) -> String {
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

/// Pictures, inline or at an address. Other data is taken as it is.
fn read_pictures(part: &At<'_>, ask: &mut Ask) -> Checked<()> {
    if let Some(inline) = get(part, "inlineData") {
        only(&inline, &["mimeType", "data", "displayName"])?;
        let kind = get(&inline, "mimeType").map_or(Ok(""), |kind| kind.text())?;
        let data = inline.need("data")?;
        if kind.is_empty() {
            return Err(inline.breaks("Unable to process input image: no mime type."));
        }
        if kind.starts_with("image/") {
            let seen = pictures::inline(kind, data.text()?);
            ask.pictures.push(seen.map_err(|flaw| match flaw {
                Flaw::Format(kind) => data.breaks(format!("Unsupported MIME type: {kind}")),
                _ => data.breaks(format!(
                    "Invalid value at '{}' (TYPE_BYTES), Base64 decoding failed",
                    snake_path(&data.path)
                )),
            })?);
        }
    }
    if let Some(file) = get(part, "fileData") {
        only(&file, &["mimeType", "fileUri", "displayName"])?;
        let address = get(&file, "fileUri");
        let address = address.map_or(Ok(""), |address| address.text())?;
        let seen = pictures::at(address)
            .ok()
            .filter(|_| !address.starts_with("data:"));
        let seen = seen.ok_or_else(|| file.breaks("Invalid or unsupported file uri"))?;
        ask.pictures.push(seen);
    }
    Ok(())
}

fn read_part(part: &At<'_>, ask: &mut Ask) -> Checked<()> {
    ask.prompt_tokens += 1 + tokens::count_json(part.value);
    if let Some(text) = part.get("text") {
        text.text()?;
    }
    read_pictures(part, ask)?;
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
        for part in response
            .get("parts")
            .map_or(Ok(Vec::new()), |parts| parts.items())?
        {
            read_pictures(&part, ask)?;
        }
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

/// Whether the proofs of thoughts in the history were given here.
pub(super) fn check_proofs(value: &Value, foreign: bool) -> Result<(), Refusal> {
    let contents = value["contents"].as_array().into_iter().flatten();
    let parts = contents.flat_map(|content| content["parts"].as_array().into_iter().flatten());
    for part in parts {
        let proof = part
            .get("thoughtSignature")
            .or(part.get("thought_signature"));
        let Some(proof) = proof
            .and_then(Value::as_str)
            .filter(|proof| !proof.is_empty())
        else {
            continue;
        };
        let own = crate::seal::is_sealed(&[super::SEAL], proof.trim_end_matches('='));
        if !own && !foreign && proof != NO_SIGNATURE {
            return Err(("Corrupted thought signature.".to_owned(), Vec::new()));
        }
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
