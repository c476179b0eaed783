//! OpenAI's custom tools, whose input is free text: nobody else has such.

use steelyard_types::{ChatRequest, ToolChoice, ToolKind};

use super::{Words, choice_field, refuse};
use crate::{Refusal, shared};

/// Refuses custom tools that may be called, and calls of some in the history, by their type. Tools
/// that may not be called this time are left out, as functions are.
pub(super) fn check(request: &ChatRequest<'_>, words: &Words) -> Result<(), Refusal> {
    if words.custom_tools {
        return Ok(());
    }
    let refused = |field: String| {
        let reason = format!("is custom, which is not carried to {}", words.provider);
        Err(refuse(field, reason))
    };
    let is_withheld = |place: usize| request.withheld_tools.iter().any(|(at, _)| *at == place);
    for (place, tool) in shared::all_tools(request).into_iter().enumerate() {
        if tool.kind == ToolKind::Custom && !is_withheld(place) {
            return refused(format!("tools[{place}].type"));
        }
    }
    if matches!(request.tool_choice, Some(ToolChoice::Custom(_))) {
        return refused(choice_field(request).to_owned());
    }
    for (index, message) in request.messages.iter().enumerate() {
        // Refused by the path of what it is, before or instead.
        if message.untranslated.is_some() {
            break;
        }
        let mut calls = message.tool_calls.iter();
        if let Some(call) = calls.position(|call| call.kind == ToolKind::Custom) {
            return refused(format!("messages[{index}].tool_calls[{call}].type"));
        }
    }
    Ok(())
}
