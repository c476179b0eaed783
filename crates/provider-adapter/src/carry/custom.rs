//! OpenAI's custom tools, whose input is free text: nobody else has such.

use steelyard_types::{ChatRequest, Message, Target, ToolChoice, ToolKind};

use super::{Words, choice_field, refuse};
use crate::{Refusal, shared};

/// Refuses custom tools that may be called, and calls of some in the history, by their type. Tools
/// that may not be called this time are left out, as functions are.
pub(super) fn check(request: &ChatRequest<'_>, words: &Words) -> Result<(), Refusal> {
    if words.custom_tools {
        return Ok(());
    }
    // What has no word at all is refused by the path of what it is, before or instead.
    let odd = request
        .messages
        .iter()
        .position(|one| one.untranslated.is_some());
    let messages = request
        .messages
        .get(..odd.unwrap_or(request.messages.len()));
    let withheld = Withheld::LeftOut;
    refuse_all(
        request,
        messages.unwrap_or_default(),
        words.provider,
        withheld,
    )
}

/// The same for a server of OpenAI's format that does not know them (`custom_tools` of its profile).
/// `withheld` says what becomes of tools that may not be called this time.
pub(crate) fn check_profile(
    request: &ChatRequest<'_>,
    target: &Target,
    withheld: Withheld,
) -> Result<(), Refusal> {
    if target.profile.custom_tools {
        return Ok(());
    }
    refuse_all(request, &request.messages, &target.upstream, withheld)
}

/// What becomes of tools that may not be called this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Withheld {
    /// They are left out.
    LeftOut,
    /// They are sent with the others.
    Sent,
}

fn refuse_all(
    request: &ChatRequest<'_>,
    messages: &[Message<'_>],
    provider: &str,
    withheld: Withheld,
) -> Result<(), Refusal> {
    let refused = |field: String| {
        let reason = format!("is custom, which is not carried to {provider}");
        Err(refuse(field, reason))
    };
    let is_withheld = |place: usize| {
        withheld == Withheld::LeftOut && request.withheld_tools.iter().any(|(at, _)| *at == place)
    };
    for (place, tool) in shared::all_tools(request).into_iter().enumerate() {
        if tool.kind == ToolKind::Custom && !is_withheld(place) {
            return refused(format!("tools[{place}].type"));
        }
    }
    if matches!(request.tool_choice, Some(ToolChoice::Custom(_))) {
        return refused(choice_field(request).to_owned());
    }
    for (index, message) in messages.iter().enumerate() {
        let mut calls = message.tool_calls.iter();
        if let Some(call) = calls.position(|call| call.kind == ToolKind::Custom) {
            return refused(format!("messages[{index}].tool_calls[{call}].type"));
        }
    }
    Ok(())
}
