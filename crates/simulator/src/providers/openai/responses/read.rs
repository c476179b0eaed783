//! Requests of the Responses API, and what is refused of them.

use serde_json::Value;

use crate::ask::{Ask, Choice, Offer};
use crate::check::{At, Checked, Expected, Problem, kind, tokens_of};
use crate::tokens;

use super::super::format::check_strict;
use super::super::reasons;
use super::items::Items;

/// Members of `CreateResponse`.
const FIELDS: &[&str] = &[
    "background",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// The least that an answer can be limited to.
const MIN_OUTPUT_TOKENS: i64 = 16;

/// Reads a whole body.
pub(super) fn read(body: &At<'_>) -> Checked<Ask> {
    body.object()?;
    body.only(FIELDS)?;
    let mut ask = Ask {
        model: body.need("model")?.text()?.to_owned(),
        answers: 1,
        ..Ask::default()
    };
    if let Some(text) = body.get("instructions") {
        ask.prompt_tokens += tokens::count(text.text()?);
    }
    if let Some(id) = body.get("previous_response_id") {
        let message = format!("Previous response with id '{}' not found.", id.text()?);
        let code = Some("previous_response_not_found");
        return Err(id.violates(Problem::Rule { message, code }));
    }
    let input = body.need("input")?;
    if let Some(text) = input.value.as_str() {
        text.clone_into(&mut ask.last_user);
        ask.prompt_tokens += 4 + tokens::count(text);
    } else if input.value.is_array() {
        Items::new(body.value["store"] == false).read(&input.full_items()?, &mut ask)?;
    } else {
        return Err(input.violates(Problem::WrongType {
            expected: Expected::TextOrList,
            got: kind(input.value),
        }));
    }
    tools(body, &mut ask)?;
    parameters(body, &mut ask)?;
    effort(body, &mut ask)?;
    Ok(ask)
}

fn tools(body: &At<'_>, ask: &mut Ask) -> Checked<()> {
    let listed = body.get("tools");
    for tool in listed.map_or(Ok(Vec::new()), |tools| tools.items())? {
        ask.prompt_tokens += tokens::count_json(tool.value);
        let kind = tool.need("type")?.text()?;
        if !matches!(kind, "function" | "custom") {
            continue;
        }
        let custom = kind == "custom";
        if let Some(format) = tool.get("format").filter(|_| custom)
            && format.need("type")?.one_of(&["text", "grammar"])? == "grammar"
        {
            format.need("syntax")?.one_of(&["lark", "regex"])?;
            format.need("definition")?.full_text()?;
        }
        let name = tool.need("name")?;
        let text = name.full_text()?;
        let legal = |each: char| each.is_ascii_alphanumeric() || each == '_' || each == '-';
        if text.len() > 128 || !text.chars().all(legal) {
            return Err(name.breaks(format!(
                "Invalid '{}': string does not match pattern. Expected a string that matches the \
                 pattern '^[a-zA-Z0-9_-]+$'.",
                name.path.bracketed()
            )));
        }
        let parameters = tool.get("parameters");
        if let Some(parameters) = &parameters {
            parameters.object()?;
        }
        ask.offers.push(Offer {
            name: text.to_owned(),
            parameters: parameters.map_or(Value::Null, |one| one.value.clone()),
            custom,
        });
    }
    if let Some(choice) = body.get("tool_choice") {
        ask.choice = tool_choice(&choice, &ask.offers)?;
    }
    if let Some(parallel) = body.get("parallel_tool_calls") {
        ask.one_call_only = !parallel.boolean()?;
    }
    Ok(())
}

fn tool_choice(choice: &At<'_>, offers: &[Offer]) -> Checked<Choice> {
    if choice.value.is_string() {
        return Ok(match choice.one_of(&["none", "auto", "required"])? {
            "none" => Choice::None,
            "required" => Choice::Required,
            _ => Choice::Auto,
        });
    }
    choice.object()?;
    let kind = choice.need("type")?.text()?;
    if !matches!(kind, "function" | "custom") {
        return Ok(Choice::Auto);
    }
    let custom = kind == "custom";
    let name = choice.need("name")?.text()?;
    if !offers
        .iter()
        .any(|offer| offer.name == name && offer.custom == custom)
    {
        return Err(choice.breaks(format!(
            "Tool choice '{name}' not found in 'tools' parameter."
        )));
    }
    Ok(Choice::Named(name.to_owned()))
}

fn parameters(body: &At<'_>, ask: &mut Ask) -> Checked<()> {
    if let Some(stream) = body.get("stream") {
        ask.stream = stream.boolean()?;
    }
    if let Some(length) = body.get("max_output_tokens") {
        ask.max_tokens = Some(tokens_of(length.integer(MIN_OUTPUT_TOKENS)?));
    }
    for (name, most) in [("temperature", 2.0), ("top_p", 1.0)] {
        let Some(value) = body.get(name) else {
            continue;
        };
        value.number_in(0.0, most)?;
        let is_default = value
            .value
            .as_f64()
            .is_some_and(|it| (it - 1.0).abs() < 1e-9);
        let effortless = body.value["reasoning"]["effort"] == "none";
        if reasons(&ask.model) && !effortless && !is_default {
            return Err(value.violates(Problem::Unsupported { instead: None }));
        }
    }
    if let Some(include) = body.get("include") {
        for wanted in include.items()? {
            if wanted.text()? == "reasoning.encrypted_content" && !reasons(&ask.model) {
                return Err(include.breaks("Encrypted content is not supported with this model."));
            }
        }
    }
    let format = body.get("text").and_then(|text| text.get("format"));
    let Some(format) = format else {
        return Ok(());
    };
    match format
        .need("type")?
        .one_of(&["text", "json_object", "json_schema"])?
    {
        "json_object" => {
            if !body.value["input"]
                .to_string()
                .to_lowercase()
                .contains("json")
            {
                return Err(body.need("input")?.breaks(
                    "Response input messages must contain the word 'json' in some form to use \
                     'text.format' of type 'json_object'.",
                ));
            }
            ask.json = Some(Value::Null);
        }
        "json_schema" => {
            format.need("name")?.full_text()?;
            let schema = format.need("schema")?;
            schema.object()?;
            if format.value["strict"] == true {
                check_strict(&schema, format.value["name"].as_str().unwrap_or_default())?;
            }
            ask.json = Some(schema.value.clone());
        }
        _ => {}
    }
    Ok(())
}

fn effort(body: &At<'_>, ask: &mut Ask) -> Checked<()> {
    ask.reasons = reasons(&ask.model);
    let Some(reasoning) = body.get("reasoning") else {
        return Ok(());
    };
    reasoning.object()?;
    if let Some(effort) = reasoning.get("effort") {
        if !ask.reasons {
            return Err(effort.violates(Problem::Unsupported { instead: None }));
        }
        let word = effort.one_of(&["none", "minimal", "low", "medium", "high", "xhigh", "max"])?;
        ask.reasons = !matches!(word, "none" | "minimal");
    }
    if let Some(summary) = reasoning.get("summary") {
        summary.one_of(&["auto", "concise", "detailed"])?;
    }
    Ok(())
}
