//! The deprecated form of tools and calls, for servers that know the newer one alone: `functions`
//! become `tools`, a `function_call` in the history becomes `tool_calls`.

use serde_json::value::RawValue;
use steelyard_types::{
    ChatRequest, Message, ReasoningField, Role, Target, ToolChoice, ToolKind, WireProfile,
};

use super::messages::mentions;
use super::{elements, fields, is_strict, mapped, without};
use crate::Refusal;
use crate::carry::{self, refuse};
use crate::json::Object;
use crate::openai::convert::{named, of_kind};
use crate::openai::request::{FUNCTION_CALL_ID, is_beside, says_nothing};

const FUNCTIONS: &str = "functions";
const FUNCTION_CALL: &str = "function_call";
const PARALLEL: &str = "parallel_tool_calls";

fn given<'r>(request: &ChatRequest<'r>, name: &str) -> Option<&'r RawValue> {
    let mut fields = request.fields.iter();
    let field = fields.find(|field| field.name == name)?;
    Some(field.value).filter(|value| !says_nothing(value))
}

/// Whether this message calls, or answers a call, in the deprecated form, and the server is to be told
/// so in the newer one.
pub(super) fn is_told_anew(message: &Message<'_>, profile: &WireProfile) -> bool {
    let calls = message.tool_calls.iter().map(|call| call.id.as_ref());
    let mut ids = calls.chain(message.tool_call_id.as_deref());
    // No server knows calls in both forms in one message.
    ids.any(|id| is_beside(id) || !profile.functions && id.starts_with(FUNCTION_CALL_ID))
}

/// Whether this message calls in both forms, or answers a call of one that does.
pub(super) fn is_in_both_forms(message: &Message<'_>) -> bool {
    message.tool_calls.iter().any(|call| is_beside(&call.id))
}

/// Refuses what has no place in the newer form, which these servers would pass over.
pub(super) fn check(request: &ChatRequest<'_>, target: &Target) -> Result<(), Refusal> {
    if target.profile.functions {
        return Ok(());
    }
    for (name, newer) in [(FUNCTIONS, "tools"), (FUNCTION_CALL, "tool_choice")] {
        if request.untranslated.iter().any(|field| field == name) {
            let reason = format!(
                "stands beside {newer}, and {} takes one of them",
                target.upstream
            );
            return Err(refuse(name, reason));
        }
    }
    let is_forced = carry::asks_for_a_call(request) && request.tools.is_empty();
    if is_forced && given(request, FUNCTION_CALL).is_some() {
        let reason = "asks for a call, but there are no functions";
        return Err(refuse(FUNCTION_CALL, reason));
    }
    carry::check_chosen(request)?;
    check_messages(request, target)
}

fn check_messages(request: &ChatRequest<'_>, target: &Target) -> Result<(), Refusal> {
    for (index, message) in request.messages.iter().enumerate() {
        let path = format!("messages[{index}].role");
        if message.role == Role::Tool && message.untranslated.as_deref() == Some(&path) {
            let reason = "is function, and no function_call stands before it";
            return Err(refuse(path, reason));
        }
    }
    // What was not understood is noted, but only the first of it in each message.
    let is_odd = |message: &Message<'_>| message.untranslated.is_some();
    if !request.messages.iter().any(is_odd) {
        return Ok(());
    }
    let Some(all) = given(request, "messages").filter(|all| mentions(all, FUNCTION_CALL)) else {
        return Ok(());
    };
    let raws = elements(all, "messages")?;
    for (index, (message, raw)) in request.messages.iter().zip(raws).enumerate() {
        if !is_odd(message)
            || is_told_anew(message, &target.profile)
            || !mentions(raw, FUNCTION_CALL)
        {
            continue;
        }
        let path = format!("messages[{index}]");
        let says = |(name, value): &(_, &RawValue)| name == FUNCTION_CALL && !says_nothing(value);
        if fields(raw, &path)?.iter().any(says) {
            let reason = format!("has no place beside what {} is told", target.upstream);
            return Err(refuse(format!("{path}.{FUNCTION_CALL}"), reason));
        }
    }
    Ok(())
}

/// Whether the field is not written as it came: it is deprecated, or empty where what takes its place
/// is written.
pub(super) fn replaces(
    request: &ChatRequest<'_>,
    profile: &WireProfile,
    name: &str,
    value: &RawValue,
) -> bool {
    let instead = |deprecated: &str| says_nothing(value) && given(request, deprecated).is_some();
    !profile.functions
        && match name {
            FUNCTIONS | FUNCTION_CALL => true,
            "tools" => instead(FUNCTIONS),
            "tool_choice" => instead(FUNCTION_CALL),
            _ => false,
        }
}

/// Writes the functions, otherwise as received, and the choice among them.
pub(super) fn write(
    request: &ChatRequest<'_>,
    profile: &WireProfile,
    body: &mut Object,
) -> Result<(), Refusal> {
    if profile.functions {
        return Ok(());
    }
    if let Some(functions) = given(request, FUNCTIONS) {
        let marked = request.tools.iter().any(|tool| tool.cache.is_some());
        let tools = mapped(elements(functions, FUNCTIONS)?, |index, raw| {
            let out = Object::with_capacity(raw.get().len() + 48);
            if is_strict(profile) && marked {
                let path = format!("{FUNCTIONS}[{index}]");
                let plain = without(raw, "cache_control", &path)?;
                return Ok(of_kind(ToolKind::Function, out, &plain));
            }
            Ok(of_kind(ToolKind::Function, out, raw.get()))
        })?;
        body.raw("tools", &tools);
    }
    // DeepSeek has no word for it.
    if profile.reasoning != ReasoningField::Thinking
        && request.has_functions()
        && request.parallel_tool_calls == Some(false)
        && request.tool_choice != Some(ToolChoice::None)
        && given(request, PARALLEL).is_none()
    {
        body.raw(PARALLEL, "false");
    }
    // Where nothing can be called, there is nothing to choose from.
    if given(request, FUNCTION_CALL).is_some() && !request.tools.is_empty() {
        match &request.tool_choice {
            Some(ToolChoice::None) => body.text("tool_choice", "none"),
            Some(ToolChoice::Function(name)) => {
                body.raw("tool_choice", &named(ToolKind::Function, name));
            }
            _ => body.text("tool_choice", "auto"),
        }
    }
    Ok(())
}
