//! What OpenAI refuses, and in which words.

use crate::ask::Ask;
use crate::check::{At, Checked, Expected, Problem, Violation};
use crate::json::Node;

use super::{error, reasons};

/// A refusal in OpenAI's words: message, parameter and code.
pub(crate) fn describe(violation: &Violation) -> Node {
    let place = violation.path.bracketed();
    let invalid = "invalid_request_error";
    let say = |message: String, code: Option<&str>| error(&message, invalid, Some(&place), code);
    match &violation.problem {
        Problem::Missing => say(
            format!("Missing required parameter: '{place}'."),
            Some("missing_required_parameter"),
        ),
        Problem::WrongType { expected, got } => {
            let article = if got.starts_with(['a', 'i', 'o']) {
                "an"
            } else {
                "a"
            };
            let got = if *got == "null" {
                "null".to_owned()
            } else {
                format!("{article} {got}")
            };
            let expected = expected_words(*expected);
            say(
                format!("Invalid type for '{place}': expected {expected}, but got {got} instead."),
                Some("invalid_type"),
            )
        }
        Problem::NotOneOf { got, allowed } => say(
            format!(
                "Invalid value: '{got}'. Supported values are: {}.",
                listed(allowed)
            ),
            Some("invalid_value"),
        ),
        Problem::BelowMinimum {
            minimum,
            got,
            integer,
        } => {
            let kind = if *integer { "integer" } else { "decimal" };
            let message = format!(
                "Invalid '{place}': {kind} below minimum value. Expected a value >= {minimum}, \
                 but got {got} instead."
            );
            say(message, Some(&format!("{kind}_below_min_value")))
        }
        Problem::AboveMaximum {
            maximum,
            got,
            integer,
        } => {
            let kind = if *integer { "integer" } else { "decimal" };
            let message = format!(
                "Invalid '{place}': {kind} above maximum value. Expected a value <= {maximum}, \
                 but got {got} instead."
            );
            say(message, Some(&format!("{kind}_above_max_value")))
        }
        Problem::Unknown => say(
            format!("Unknown parameter: '{place}'."),
            Some("unknown_parameter"),
        ),
        Problem::EmptyList => say(
            format!(
                "Invalid '{place}': empty array. Expected an array with minimum length 1, but got \
                 an empty array instead."
            ),
            Some("empty_array"),
        ),
        Problem::EmptyText => say(
            format!(
                "Invalid '{place}': empty string. Expected a string with minimum length 1, but \
                 got an empty string instead."
            ),
            Some("empty_string"),
        ),
        Problem::TooManyItems { most, got } => say(
            format!(
                "Invalid '{place}': array too long. Expected an array with maximum length {most}, \
                 but got an array with length {got} instead."
            ),
            Some("array_above_max_length"),
        ),
        Problem::Unsupported { instead } => {
            let advice = instead.map_or(String::new(), |name| format!(" Use '{name}' instead."));
            say(
                format!(
                    "Unsupported parameter: '{place}' is not supported with this model.{advice}"
                ),
                Some("unsupported_parameter"),
            )
        }
        Problem::UnsupportedValue { got, advice } => say(
            format!("Unsupported value: '{place}' does not support {got} with this model.{advice}"),
            Some("unsupported_value"),
        ),
        Problem::Rule { message, code } => say(message.clone(), *code),
    }
}

fn expected_words(expected: Expected) -> &'static str {
    match expected {
        Expected::Text => "a string",
        Expected::Integer => "an integer",
        Expected::Number => "a decimal",
        Expected::Boolean => "a boolean",
        Expected::List => "an array",
        Expected::Object => "an object",
        Expected::TextOrList => "one of a string or array of objects",
    }
}

/// `'a', 'b', and 'c'`.
fn listed(allowed: &[&str]) -> String {
    match allowed {
        [first, second] => format!("'{first}' and '{second}'"),
        [rest @ .., last] if !rest.is_empty() => {
            let rest: Vec<String> = rest.iter().map(|each| format!("'{each}'")).collect();
            format!("{}, and '{last}'", rest.join(", "))
        }
        _ => allowed.iter().map(|each| format!("'{each}'")).collect(),
    }
}

/// What OpenAI refuses beyond the shape of the body.
pub(super) fn check_rules(body: &At<'_>, ask: &Ask) -> Checked<()> {
    if let Some(options) = body.get("stream_options")
        && !ask.stream
    {
        return Err(options
            .breaks("The 'stream_options' parameter is only allowed when 'stream' is enabled."));
    }
    for name in ["tool_choice", "parallel_tool_calls"] {
        if let Some(value) = body.get(name)
            && body.get("tools").is_none()
        {
            let message = format!(
                "Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified."
            );
            return Err(value.breaks(message));
        }
    }
    if let Some(tools) = body.get("tools") {
        tools.full_items()?;
    }
    if let Some(top) = body.get("top_logprobs") {
        top.integer_in(0, 20)?;
        if body.value["logprobs"] != true {
            return Err(top.breaks("'logprobs' must be true when 'top_logprobs' is specified."));
        }
    }
    if let (Some(new), Some(_)) = (body.get("max_completion_tokens"), body.get("max_tokens")) {
        return Err(new.breaks(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        ));
    }
    if body.value["response_format"]["type"] == "json_object"
        && !body.value["messages"]
            .to_string()
            .to_lowercase()
            .contains("json")
    {
        return Err(body.need("messages")?.breaks(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of \
             type 'json_object'.",
        ));
    }
    if !ask.pictures.is_empty() && !super::sees(&ask.model) {
        return Err(body
            .need("messages")?
            .breaks("Invalid content type. image_url is only supported by certain models."));
    }
    super::format::check(body, &ask.model)?;
    if let Some(effort) = body.get("reasoning_effort") {
        effort.one_of(&["none", "minimal", "low", "medium", "high", "xhigh", "max"])?;
        if !reasons(&ask.model) {
            let message = "Unrecognized request argument supplied: reasoning_effort";
            return Err(effort.breaks(message));
        }
    }
    if reasons(&ask.model) {
        check_reasoning_model(body, ask)
    } else {
        Ok(())
    }
}

fn check_reasoning_model(body: &At<'_>, ask: &Ask) -> Checked<()> {
    if let Some(length) = body.get("max_tokens") {
        let instead = Some("max_completion_tokens");
        return Err(length.violates(Problem::Unsupported { instead }));
    }
    let effortless = body.value["reasoning_effort"] == "none";
    for name in ["temperature", "top_p"] {
        if let Some(value) = body.get(name)
            && !effortless
            && value
                .value
                .as_f64()
                .is_some_and(|number| (number - 1.0).abs() > f64::EPSILON)
        {
            let got = value.value.to_string();
            let advice = " Only the default (1) value is supported.";
            return Err(value.violates(Problem::UnsupportedValue { got, advice }));
        }
    }
    for name in [
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "logit_bias",
    ] {
        if let Some(value) = body.get(name)
            && !effortless
            && value.value.as_f64() != Some(0.0)
            && value.value != false
        {
            return Err(value.violates(Problem::Unsupported { instead: None }));
        }
    }
    if let Some(stop) = body.get("stop")
        && (ask.model.starts_with("o3") || ask.model.starts_with("o4"))
    {
        return Err(stop.violates(Problem::Unsupported { instead: None }));
    }
    if ask.model.starts_with("o1-mini") {
        for message in body.need("messages")?.items()? {
            let role = message.need("role")?;
            if role.value == "system" || role.value == "developer" {
                let got = format!("'{}'", role.text()?);
                return Err(role.violates(Problem::UnsupportedValue { got, advice: "" }));
            }
        }
    }
    Ok(())
}
