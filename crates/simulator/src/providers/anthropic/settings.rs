//! Tools, thinking and what depends on the model, as Anthropic accepts them.

use serde_json::Value;

use crate::ask::{Ask, Choice, Offer};
use crate::check::{At, Checked, Problem, Violation, tokens_of};
use crate::tokens;

pub(super) fn read_tools(body: &At<'_>, ask: &mut Ask) -> Checked<()> {
    for tool in body
        .get("tools")
        .map_or(Ok(Vec::new()), |tools| tools.items())?
    {
        ask.prompt_tokens += tokens::count_json(tool.value);
        // Tools of Anthropic's own have a dated type and no schema.
        if tool.value["type"]
            .as_str()
            .is_some_and(|kind| kind != "custom")
        {
            continue;
        }
        tool.only(&[
            "name",
            "description",
            "input_schema",
            "strict",
            "type",
            "cache_control",
            "defer_loading",
            "allowed_callers",
            "input_examples",
            "eager_input_streaming",
        ])?;
        let name = tool.need("name")?;
        let text = name.full_text()?;
        let legal = |each: char| each.is_ascii_alphanumeric() || each == '_' || each == '-';
        if text.len() > 128 || !text.chars().all(legal) {
            return Err(name.breaks(format!(
                "{}: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'",
                name.path.dotted().replace(".name", ".custom.name")
            )));
        }
        if ask.offers.iter().any(|offer| offer.name == text) {
            return Err(tool.breaks("tools: Tool names must be unique."));
        }
        let schema = tool.need("input_schema")?;
        schema.need("type")?.one_of(&["object"])?;
        ask.offers.push(Offer {
            name: text.to_owned(),
            parameters: schema.value.clone(),
            custom: false,
        });
    }
    let Some(choice) = body.get("tool_choice") else {
        return Ok(());
    };
    if body.get("tools").is_none() {
        return Err(choice.breaks("tool_choice may only be specified while providing tools"));
    }
    let kind = choice
        .need("type")?
        .one_of(&["auto", "any", "tool", "none"])?;
    ask.choice = match kind {
        "any" => Choice::Required,
        "none" => Choice::None,
        "tool" => {
            let name = choice.need("name")?.full_text()?.to_owned();
            let known = body.value["tools"].as_array();
            if !known.is_some_and(|tools| tools.iter().any(|tool| tool["name"] == name.as_str())) {
                return Err(choice.breaks(format!(
                    "tool_choice.tool.name: Tool '{name}' not found in provided tools"
                )));
            }
            Choice::Named(name)
        }
        _ => Choice::Auto,
    };
    if let Some(single) = choice.get("disable_parallel_tool_use") {
        ask.one_call_only = single.boolean()?;
        if kind == "none" {
            return Err(Violation {
                path: single.path,
                problem: Problem::Unknown,
            });
        }
    }
    Ok(())
}

pub(super) fn read_thinking(body: &At<'_>, ask: &mut Ask) -> Checked<()> {
    let Some(thinking) = body.get("thinking") else {
        return Ok(());
    };
    let kind = thinking
        .need("type")?
        .one_of(&["enabled", "disabled", "adaptive"])?;
    if kind == "disabled" {
        return Ok(());
    }
    ask.reasons = true;
    if kind == "enabled" {
        let budget = tokens_of(thinking.need("budget_tokens")?.integer(1_024)?);
        if ask.max_tokens.is_some_and(|limit| limit <= budget) {
            return Err(thinking.breaks(
                "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our \
                 documentation at \
                 https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size",
            ));
        }
    }
    if body.value["temperature"]
        .as_f64()
        .is_some_and(|number| number < 1.0)
    {
        return Err(thinking.breaks(
            "`temperature` may only be set to 1 when thinking is enabled. Please consult our \
             documentation at \
             https://docs.claude.com/en/docs/build-with-claude/extended-thinking#important-considerations-when-using-extended-thinking'",
        ));
    }
    if matches!(ask.choice, Choice::Required | Choice::Named(_)) {
        return Err(
            thinking.breaks("Thinking may not be enabled when tool_choice forces tool use.")
        );
    }
    Ok(())
}

/// Version of a model as major and minor: `claude-opus-4-7` is (4, 7).
fn version(model: &str) -> (u32, u32) {
    let mut numbers = model.split('-').filter_map(|word| word.parse::<u32>().ok());
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    // A date is no version.
    (major, if minor > 99 { 0 } else { minor })
}

/// How a model is told to reason, and whether it can be held to a schema.
fn check_reasoning(value: &Value, model: &str, version: (u32, u32)) -> Result<(), String> {
    let config = &value["output_config"];
    // Of version 4.5 only Opus takes an effort.
    let takes_effort = version >= (4, 6) || version == (4, 5) && model.contains("opus");
    let refused = match value["thinking"]["type"].as_str() {
        // Version 3.7 was the first to think.
        Some("enabled") if version < (3, 7) => "thinking is not supported by this model.",
        Some("enabled") if version >= (4, 7) => {
            "\"thinking.type.enabled\" is not supported for this model. Use \
             \"thinking.type.adaptive\" and \"output_config.effort\" to control thinking behavior."
        }
        Some("adaptive") if version < (4, 6) => "adaptive thinking is not supported on this model.",
        _ if !config["effort"].is_null() && !takes_effort => {
            "This model does not support the effort parameter."
        }
        _ if !config["format"].is_null() && version < (4, 5) => {
            "This model does not support output_config.format."
        }
        _ => return Ok(()),
    };
    Err(refused.to_owned())
}

/// What depends on the model: sampling parameters, prefill, roles.
pub(super) fn check_model(value: &Value, ask: &Ask) -> Result<(), String> {
    let version = version(&ask.model);
    if version >= (4, 7) {
        for name in ["temperature", "top_p", "top_k"] {
            if !value[name].is_null() {
                return Err(format!("`{name}` is deprecated for this model."));
            }
        }
    } else if version >= (4, 5) && !value["temperature"].is_null() && !value["top_p"].is_null() {
        return Err(
            "`temperature` and `top_p` cannot both be specified for this model. Please \
                    use only one."
                .to_owned(),
        );
    }
    check_reasoning(value, &ask.model, version)?;
    let messages = value["messages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if version < (4, 8) && messages.iter().any(|message| message["role"] == "system") {
        return Err(
            "messages: Unexpected role \"system\". The Messages API accepts a top-level \
                    `system` parameter, not \"system\" as an input message role."
                .to_owned(),
        );
    }
    let prefilled = messages.last().filter(|last| last["role"] == "assistant");
    if let Some(last) = prefilled {
        if version >= (4, 6) {
            return Err(
                "This model does not support assistant message prefill. The conversation \
                        must end with a user message."
                    .to_owned(),
            );
        }
        let text = crate::providers::chat::text_of(&last["content"]);
        if text.ends_with(char::is_whitespace) {
            return Err(
                "messages: final assistant content cannot end with trailing whitespace".to_owned(),
            );
        }
    }
    Ok(())
}
