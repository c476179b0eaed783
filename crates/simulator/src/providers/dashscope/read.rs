//! What DashScope accepts, and in which words it refuses the rest.

use crate::ask::{Ask, Choice};
use crate::check::{At, Checked, Expected, Problem, Violation, tokens_of};
use crate::pictures::{self, Flaw};
use crate::providers::Call;
use crate::providers::chat::{self, Dialect};
use crate::tokens;

use super::{STREAM_ONLY, TEXT_PATH, answers_with_message, is_streamed, streams_only, thinking};

const DIALECT: Dialect = Dialect {
    roles: &["system", "user", "assistant", "tool"],
    parts: &[],
    parts_elsewhere: None,
    fields: None,
    message_fields: None,
    most_temperature: 2.0,
    length_names: &["max_completion_tokens", "max_tokens"],
    choices: &["auto", "none"],
    most_stops: 64,
    custom_tools: false,
    names_are_checked: true,
    tool_types: None,
    strict_functions: false,
    strict_order: true,
};

/// A refusal in DashScope's words.
pub(super) fn describe(violation: &Violation) -> String {
    let name = violation.path.last_key();
    match &violation.problem {
        Problem::Missing if name == "model" => "Model can not be None.".to_owned(),
        Problem::Missing => format!(
            "Required parameter({name}) missing or invalid, please check \
            the request parameters."
        ),
        Problem::WrongType { expected, .. } => {
            let kind = match expected {
                Expected::Text | Expected::TextOrList => "str",
                Expected::Integer => "Integer",
                Expected::Number => "Float",
                Expected::Boolean => "Boolean",
                Expected::List => "List",
                Expected::Object => "Dict",
            };
            format!("'{name}' must be {kind}")
        }
        Problem::NotOneOf { got, allowed } if name == "role" => {
            format!("{got} is not one of {allowed:?} - 'messages.role'")
        }
        Problem::NotOneOf { allowed, .. } => format!("'{name}' must be in {allowed:?}"),
        Problem::BelowMinimum { minimum, .. } => {
            format!("Range of {name} should start at {minimum}")
        }
        Problem::AboveMaximum { maximum, .. } => format!("Range of {name} should end at {maximum}"),
        Problem::Unknown => format!("Unknown parameter: {name}"),
        Problem::EmptyList | Problem::EmptyText => EMPTY.to_owned(),
        Problem::Rule { message, .. } => message.clone(),
        _ => format!("Invalid {name}"),
    }
}

const EMPTY: &str = "Role must be user or assistant and Content length must be greater than 0";

pub(super) fn read(call: &Call<'_>, body: &At<'_>) -> Checked<Ask> {
    body.only(&["model", "input", "parameters", "resources"])?;
    let mut ask = Ask {
        model: body.need("model")?.full_text()?.to_owned(),
        ..Ask::default()
    };
    ask.stream = is_streamed(call);
    ask.answers = 1;
    let input = body.need("input")?;
    input.object()?;
    match (input.get("messages"), input.get("prompt")) {
        (Some(messages), _) => read_messages(call, &messages, &mut ask)?,
        (None, Some(prompt)) => {
            ask.last_user = prompt.full_text()?.to_owned();
            ask.prompt_tokens = 4 + tokens::count(&ask.last_user);
        }
        (None, None) => {
            return Err(input.breaks(
                "Either \"prompt\" or \"messages\" must exist and \
            cannot both be none",
            ));
        }
    }
    if let Some(parameters) = body.get("parameters") {
        read_parameters(call, &parameters, &mut ask)?;
    }
    Ok(ask)
}

fn read_messages(call: &Call<'_>, messages: &At<'_>, ask: &mut Ask) -> Checked<()> {
    let messages = messages.full_items()?;
    for message in &messages {
        let role = message.need("role")?.one_of(DIALECT.roles)?;
        let content = message.get("content");
        let calls = message.get("tool_calls");
        match &content {
            Some(content) if call.path == TEXT_PATH && content.value.is_string() => {
                if content.value == "" && calls.is_none() && role != "tool" {
                    return Err(content.breaks(EMPTY));
                }
            }
            Some(content) if content.value.is_string() && role == "tool" => {}
            Some(content) => {
                let items = content.items()?;
                if items.is_empty() && calls.is_none() {
                    return Err(content.breaks(EMPTY));
                }
                for item in items {
                    item.object()?;
                    read_picture(call, &item, ask)?;
                }
            }
            None if role == "assistant" && calls.is_some() => {}
            None => {
                message.need("content")?;
            }
        }
        if role == "tool" {
            message.need("tool_call_id")?.text()?;
        }
        for call in calls.map_or(Ok(Vec::new()), |calls| calls.items())? {
            let function = call.need("function")?;
            function.need("name")?.full_text()?;
            if let Some(arguments) = function.get("arguments") {
                arguments.text()?;
            }
        }
    }
    chat::read_history(&messages, ask);
    Ok(())
}

/// A picture, which only the multimodal address takes.
fn read_picture(call: &Call<'_>, item: &At<'_>, ask: &mut Ask) -> Checked<()> {
    let Some(image) = item.get("image") else {
        return Ok(());
    };
    if call.path == TEXT_PATH {
        return Err(item.breaks("url error, please check url！"));
    }
    let seen = pictures::at(image.text()?).map_err(|flaw| {
        image.breaks(match flaw {
            Flaw::Format(_) => "The image format is illegal and cannot be opened",
            _ => "The provided URL does not appear to be valid. Ensure it is correctly formatted.",
        })
    })?;
    ask.pictures.push(seen);
    Ok(())
}

fn read_parameters(call: &Call<'_>, parameters: &At<'_>, ask: &mut Ask) -> Checked<()> {
    parameters.object()?;
    if let Some(format) = parameters.get("result_format") {
        format.one_of(&["message", "text"])?;
    }
    for name in [
        "incremental_output",
        "enable_thinking",
        "enable_search",
        "logprobs",
    ] {
        if let Some(flag) = parameters.get(name) {
            flag.boolean()?;
        }
    }
    if let Some(temperature) = parameters.get("temperature") {
        let number = temperature.number_in(f64::MIN, f64::MAX)?;
        if !(0.0..2.0).contains(&number) {
            return Err(temperature.breaks("Temperature should be in [0.0, 2.0)"));
        }
    }
    if let Some(share) = parameters.get("top_p") {
        let number = share.number_in(f64::MIN, f64::MAX)?;
        if number <= 0.0 || number > 1.0 {
            return Err(share.breaks("Range of top_p should be (0.0, 1.0]"));
        }
    }
    if let Some(penalty) = parameters.get("presence_penalty") {
        penalty.number_in(-2.0, 2.0)?;
    }
    if let Some(number) = parameters.get("n") {
        let answers = number.integer(i64::MIN)?;
        if !(1..=4).contains(&answers) {
            return Err(number.breaks("Range of n should be [1, 4]"));
        }
        ask.answers = tokens_of(answers);
    }
    let top = parameters.get("top_logprobs");
    let top = top.map_or(Ok(0), |top| top.integer_in(0, 5))?;
    if parameters.value["logprobs"] == true {
        ask.logprobs = Some(usize::try_from(top).unwrap_or(0));
    }
    for name in ["max_tokens", "max_completion_tokens"] {
        if let Some(length) = parameters.get(name) {
            let number = length.integer(i64::MIN)?;
            if number < 1 {
                return Err(length.breaks(format!("Range of {name} should be [1, 65536]")));
            }
            ask.max_tokens = Some(tokens_of(number));
        }
    }
    if let Some(stop) = parameters.get("stop")
        && (stop.value.is_string() || stop.items()?.iter().all(|item| item.value.is_string()))
    {
        ask.stops = chat::read_stops(&stop, DIALECT.most_stops)?;
    }
    if let Some(format) = parameters.get("response_format") {
        ask.json = chat::read_format(&format)?;
    }
    chat::read_tools(parameters, &DIALECT, ask)?;
    // Without the parameter the model calls one function at a time.
    ask.one_call_only = parameters.value["parallel_tool_calls"] != true;
    if !ask.offers.is_empty() && !answers_with_message(call, &ask.model) {
        return Err(parameters.breaks("When tools are given, result_format must be \"message\"."));
    }
    ask.reasons = thinking(&ask.model, parameters.value);
    if streams_only(&ask.model, ask.reasons) && !ask.stream {
        return Err(parameters.breaks(STREAM_ONLY));
    }
    if ask.reasons && matches!(ask.choice, Choice::Required | Choice::Named(_)) {
        return Err(parameters.breaks(super::FORCED_WHILE_THINKING));
    }
    let object = ask.json.as_ref().is_some_and(|schema| !schema.is_object());
    let input = call
        .field("input")
        .map(|input| input.to_string().to_lowercase());
    if object && !input.is_some_and(|input| input.contains("json")) {
        return Err(parameters.breaks(super::NO_JSON));
    }
    if ask.reasons && ask.stream && parameters.value["incremental_output"] != true {
        return Err(parameters.breaks("This model only support incremental_output set to True."));
    }
    Ok(())
}
