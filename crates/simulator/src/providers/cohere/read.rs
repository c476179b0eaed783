//! What Cohere accepts, and in which words it refuses the rest. The words of unknown fields, models
//! and keys are Cohere's; those of the others follow the examples of its reference.

use serde_json::Value;

use crate::ask::{Ask, Choice};
use crate::check::{At, Checked, Expected, Problem, Violation, tokens_of};
use crate::providers::chat::{self, Dialect};

use super::{can_be_made_to_call, can_think, sees};

const DIALECT: Dialect = Dialect {
    roles: &["system", "user", "assistant", "tool"],
    parts: &["text", "image_url"],
    parts_elsewhere: Some(&["text", "thinking", "document"]),
    fields: Some(FIELDS),
    message_fields: Some(&[
        "role",
        "content",
        "tool_calls",
        "tool_plan",
        "tool_call_id",
        "citations",
    ]),
    most_temperature: f64::MAX,
    length_names: &["max_tokens"],
    choices: &["NONE", "REQUIRED"],
    most_stops: 5,
    custom_tools: false,
    names_are_checked: true,
    tool_types: None,
    strict_functions: false,
    strict_order: true,
};

/// Members of the request.
const FIELDS: &[&str] = &[
    "model",
    "messages",
    "stream",
    "tools",
    "strict_tools",
    "documents",
    "citation_options",
    "response_format",
    "safety_mode",
    "max_tokens",
    "stop_sequences",
    "temperature",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "k",
    "p",
    "logprobs",
    "tool_choice",
    "thinking",
    "priority",
];

/// A refusal in Cohere's words, with its status.
pub(super) fn describe(violation: &Violation) -> (u16, String) {
    let name = violation.path.last_key();
    let place = violation.path.bracketed();
    let said = match &violation.problem {
        Problem::Unknown => {
            let message = format!(
                "unknown field: parameter '{name}' is not a valid field. For proper usage, please \
                 refer to https://docs.cohere.com/reference/chat"
            );
            return (422, message);
        }
        Problem::WrongType { expected, got } => {
            let kind = match expected {
                Expected::Text | Expected::TextOrList => "string",
                Expected::Integer => "int",
                Expected::Number => "float64",
                Expected::Boolean => "bool",
                Expected::List => "slice",
                Expected::Object => "object",
            };
            format!("parameter '{place}' must be of type {kind} but was of type {got}")
        }
        Problem::Missing => format!("parameter '{place}' is required"),
        Problem::NotOneOf { got, allowed } => {
            format!("'{got}' is not a valid value of {place}, must be one of {allowed:?}")
        }
        Problem::BelowMinimum { minimum, got, .. } => {
            format!("{place} must be greater than or equal to {minimum} - received {got}")
        }
        Problem::AboveMaximum { maximum, got, .. } => {
            format!("{place} must be less than or equal to {maximum} - received {got}")
        }
        Problem::EmptyList | Problem::EmptyText => format!("{place} must not be empty"),
        Problem::TooManyItems { most, got } => {
            format!("total number of {place} must be at most {most} - received {got}")
        }
        Problem::Rule { message, .. } => message.clone(),
        _ => format!("{place} is not valid"),
    };
    (400, format!("invalid request: {said}"))
}

pub(super) fn read(body: &At<'_>) -> Checked<Ask> {
    body.only(FIELDS)?;
    let mut ask = Ask {
        model: body.need("model")?.full_text()?.to_owned(),
        answers: 1,
        ..Ask::default()
    };
    chat::read_messages(body, &DIALECT, &mut ask)?;
    if !ask.pictures.is_empty() && !sees(&ask.model) {
        let messages = body.need("messages")?;
        return Err(messages.breaks("image content is not supported for this model"));
    }
    read_tools(body, &mut ask)?;
    read_numbers(body, &mut ask)?;
    if let Some(stream) = body.get("stream") {
        ask.stream = stream.boolean()?;
    }
    if let Some(logprobs) = body.get("logprobs") {
        logprobs.boolean()?;
    }
    if let Some(mode) = body.get("safety_mode") {
        mode.one_of(&["CONTEXTUAL", "STRICT", "OFF"])?;
    }
    if let Some(format) = body.get("response_format") {
        ask.json = read_format(&format)?;
        if ask.json.is_some() && !ask.offers.is_empty() {
            return Err(format.breaks("response_format is not supported with tools."));
        }
    }
    ask.reasons = read_thinking(body, &ask.model)?;
    Ok(ask)
}

fn read_tools(body: &At<'_>, ask: &mut Ask) -> Checked<()> {
    let tools = body.get("tools");
    for tool in tools.map_or(Ok(Vec::new()), |tools| tools.items())? {
        tool.only(&["type", "function"])?;
        tool.need("function")?
            .only(&["name", "description", "parameters"])?;
    }
    chat::read_tools(body, &DIALECT, ask)?;
    if let Some(strict) = body.get("strict_tools") {
        strict.boolean()?;
    }
    let Some(choice) = body.get("tool_choice") else {
        return Ok(());
    };
    choice.text()?;
    if ask.offers.is_empty() && ask.choice == Choice::Required {
        return Err(choice.breaks("tool_choice is REQUIRED but no tools were provided"));
    }
    if !can_be_made_to_call(&ask.model) {
        return Err(choice.breaks("tool_choice is not supported for this model"));
    }
    Ok(())
}

fn read_numbers(body: &At<'_>, ask: &mut Ask) -> Checked<()> {
    for (name, least, most) in [
        ("temperature", 0.0, f64::MAX),
        ("p", 0.01, 0.99),
        ("presence_penalty", 0.0, 1.0),
        ("frequency_penalty", 0.0, 1.0),
    ] {
        if let Some(number) = body.get(name) {
            number.number_in(least, most)?;
        }
    }
    if let Some(likeliest) = body.get("k") {
        likeliest.integer_in(0, 500)?;
    }
    if let Some(seed) = body.get("seed") {
        seed.integer(0)?;
    }
    if let Some(length) = body.get("max_tokens") {
        ask.max_tokens = Some(tokens_of(length.integer(1)?));
    }
    if let Some(stop) = body.get("stop_sequences") {
        stop.items()?;
        ask.stops = chat::read_stops(&stop, DIALECT.most_stops)?;
    }
    Ok(())
}

/// The schema that the answer must have, of an object; null for any JSON object.
fn read_format(format: &At<'_>) -> Checked<Option<Value>> {
    format.only(&["type", "json_schema", "schema"])?;
    if format.need("type")?.one_of(&["text", "json_object"])? == "text" {
        return Ok(None);
    }
    let Some(schema) = format.get_any(&["json_schema", "schema"]) else {
        return Ok(Some(Value::Null));
    };
    schema.object()?;
    if schema.value["type"] != "object" {
        return Err(schema.breaks("the top level of a json_schema must be of type object"));
    }
    Ok(Some(schema.value.clone()))
}

/// Whether the model thinks: those that can do unless they are told not to.
fn read_thinking(body: &At<'_>, model: &str) -> Checked<bool> {
    let Some(thinking) = body.get("thinking") else {
        return Ok(can_think(model));
    };
    thinking.only(&["type", "token_budget"])?;
    let on = thinking.need("type")?.one_of(&["enabled", "disabled"])? == "enabled";
    if let Some(budget) = thinking.get("token_budget") {
        budget.integer(1)?;
    }
    if on && !can_think(model) {
        return Err(thinking.breaks("thinking is not supported for this model"));
    }
    Ok(on)
}
