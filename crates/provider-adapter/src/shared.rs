//! What OpenAI's two APIs both have a word for and no other format does: carried from one to the
//! other as received.

use std::borrow::Cow;

use serde_json::value::RawValue;
use steelyard_types::{ChatRequest, Dialect, Message, Part, Tool, ToolChoice, ToolKind};

use crate::json::Object;
use crate::openai::request::{BREAKPOINT, object, string};
use crate::{Losses, carry};

/// Names in chat completions and in Responses.
const FIELDS: [(&str, &str); 4] = [
    ("prompt_cache_key", "prompt_cache_key"),
    ("prompt_cache_retention", "prompt_cache_retention"),
    ("prompt_cache_options", "prompt_cache_options"),
    ("verbosity", "text.verbosity"),
];

/// The newer of two words for whose request it is; the older is `user`.
const SAFETY_IDENTIFIER: &str = "safety_identifier";

/// Whether the client speaks one of the two.
fn is_openais(request: &ChatRequest<'_>) -> bool {
    matches!(
        request.dialect,
        Dialect::OpenAiChat | Dialect::OpenAiResponses
    )
}

/// Whether a field of the client's that has no neutral form is one of these.
pub(crate) fn is_shared(request: &ChatRequest<'_>, field: &str) -> bool {
    let mut names = FIELDS.iter();
    match request.dialect {
        Dialect::OpenAiChat => names.any(|(chat, _)| *chat == field),
        Dialect::OpenAiResponses => names.any(|(_, responses)| *responses == field),
        _ => false,
    }
}

fn given<'r>(request: &ChatRequest<'r>, name: &str) -> Option<&'r RawValue> {
    let mut fields = request.fields.iter();
    let field = fields.find(|field| field.name == name)?;
    Some(field.value).filter(|value| value.get() != "null")
}

/// Whose request it is, by the names that the client used: the newer one, and whether the older one
/// is there too.
pub(crate) fn names_of_end_user<'r>(request: &ChatRequest<'r>) -> (Option<&'r RawValue>, bool) {
    if !is_openais(request) {
        return (None, request.end_user.is_some());
    }
    let newer = given(request, SAFETY_IDENTIFIER);
    (newer, newer.is_none() || given(request, "user").is_some())
}

/// Writes whose request it is, under the client's names.
pub(crate) fn write_end_user(request: &ChatRequest<'_>, body: &mut Object) {
    let (newer, older) = names_of_end_user(request);
    if let Some(id) = newer {
        body.raw(SAFETY_IDENTIFIER, id.get());
    }
    if let Some(user) = request.end_user.as_ref().filter(|_| older) {
        body.text("user", user);
    }
}

/// Writes what stands at the top level in both.
pub(crate) fn write_fields(request: &ChatRequest<'_>, body: &mut Object) {
    if is_openais(request) {
        for (name, _) in FIELDS.iter().filter(|(chat, responses)| chat == responses) {
            if let Some(value) = given(request, name) {
                body.raw(name, value.get());
            }
        }
    }
}

/// How much the model is to say, in either dialect's place.
pub(crate) fn verbosity<'r>(request: &ChatRequest<'r>) -> Option<&'r RawValue> {
    match request.dialect {
        Dialect::OpenAiChat => given(request, "verbosity"),
        Dialect::OpenAiResponses => {
            let text = object(given(request, "text")?).ok()?;
            let mut fields = text.into_iter();
            let (_, value) = fields.find(|(name, _)| name == "verbosity")?;
            Some(value).filter(|value| value.get() != "null")
        }
        _ => None,
    }
}

/// Whether the client marks in OpenAI's own word what is to be cached, which models from GPT-5.6 on
/// know in both APIs.
pub(crate) fn has_breakpoints(request: &ChatRequest<'_>) -> bool {
    let mut messages = request.messages.iter();
    is_openais(request)
        && messages.any(|one| !one.cache.is_empty())
        && carry::cache_word(request) == BREAKPOINT
}

/// Declares marks of what is to be cached that are not written as they are: those that stand where
/// the format has no place for one, and those that ask for an hour. `is_written` says it of the part
/// at a position.
pub(crate) fn declare_marks(
    request: &ChatRequest<'_>,
    lossy: &mut Losses,
    is_written: impl Fn(&Message<'_>, usize) -> bool,
) {
    let lost = |message: &Message<'_>| {
        let mut marks = message.cache.iter();
        marks.any(|one| one.mark.one_hour || !is_written(message, one.position))
    };
    let is_lost = request.cache.is_some()
        || request.tools.iter().any(|tool| tool.cache.is_some())
        || request.messages.iter().any(lost);
    if is_lost {
        lossy.add(carry::cache_word(request));
    }
}

/// Whether a part of a message that is no thought stands at that position and is marked.
pub(crate) fn is_marked(message: &Message<'_>, position: usize) -> bool {
    let is_here = message.cache.iter().any(|one| one.position == position);
    is_here && is_markable(message, position)
}

/// Whether a part of a message that is no thought stands at that position: behind the parts come the
/// calls, which have no place for a mark.
pub(crate) fn is_markable(message: &Message<'_>, position: usize) -> bool {
    let part = message.content.get(position);
    part.is_some_and(|part| !matches!(part, Part::Reasoning(_)))
}

/// The id of a file that lies at OpenAI, by which both name it and nobody else.
pub(crate) fn stored_file<'p>(part: &'p Part<'_>) -> Option<Cow<'p, str>> {
    let Part::Other { kind, raw } = part else {
        return None;
    };
    let mut members = object(raw).ok()?;
    members.retain(|(name, value)| name != "type" && value.get() != "null");
    if kind == "file" {
        let [(_, file)] = members.as_slice() else {
            return None;
        };
        members = object(file).ok()?;
        members.retain(|(_, value)| value.get() != "null");
    } else if kind != "input_file" {
        return None;
    }
    match members.as_slice() {
        [(name, id)] if name == "file_id" => string(id).ok().flatten(),
        _ => None,
    }
}

/// All tools in their places, those too that the model may not call this time: the provider's cache
/// is asked for the same words then.
pub(crate) fn all_tools<'r, 'a>(request: &'r ChatRequest<'a>) -> Vec<&'r Tool<'a>> {
    let mut all: Vec<&Tool<'_>> = request.tools.iter().collect();
    for (place, tool) in &request.withheld_tools {
        all.insert((*place).min(all.len()), tool);
    }
    all
}

/// `auto` or `required` where the model may call some of the tools only.
pub(crate) fn allowed_mode(request: &ChatRequest<'_>) -> Option<&'static str> {
    if request.withheld_tools.is_empty() {
        return None;
    }
    match &request.tool_choice {
        Some(ToolChoice::Auto) => Some("auto"),
        Some(ToolChoice::Required) => Some("required"),
        _ => None,
    }
}

/// Reads OpenAI's `allowed_tools` once all tools are known. What it leaves out is withheld; it stays
/// untranslated where it names what is no tool of the request's.
pub(crate) fn allow<'a>(request: &mut ChatRequest<'a>, choice: Option<&'a RawValue>) {
    let untranslated = request.untranslated.iter();
    let Some(at) = untranslated
        .enumerate()
        .find_map(|(at, name)| (name == "tool_choice").then_some(at))
    else {
        return;
    };
    let Some((mode, names)) = choice.and_then(allowed) else {
        return;
    };
    let is = |tool: &Tool<'_>, (kind, name): &(ToolKind, String)| {
        tool.kind == *kind && tool.name == *name
    };
    let known = |named: &_| request.tools.iter().any(|tool| is(tool, named));
    if names.is_empty() || !names.iter().all(known) {
        return;
    }
    request.untranslated.remove(at);
    request.tool_choice = Some(mode);
    for (place, tool) in std::mem::take(&mut request.tools).into_iter().enumerate() {
        if names.iter().any(|named| is(&tool, named)) {
            request.tools.push(tool);
        } else {
            request.withheld_tools.push((place, tool));
        }
    }
}

/// The mode and the tools of an `allowed_tools`: in chat completions they stand in an object of that
/// name, and each tool's name in another one.
fn allowed(choice: &RawValue) -> Option<(ToolChoice<'static>, Vec<(ToolKind, String)>)> {
    #[derive(serde::Deserialize)]
    struct Choice {
        #[serde(rename = "type")]
        kind: String,
        allowed_tools: Option<Allowed>,
        #[serde(flatten)]
        flat: Option<Allowed>,
    }
    #[derive(serde::Deserialize)]
    struct Allowed {
        mode: String,
        tools: Vec<One>,
    }
    #[derive(serde::Deserialize)]
    struct One {
        #[serde(rename = "type")]
        kind: String,
        name: Option<String>,
        function: Option<Named>,
        custom: Option<Named>,
    }
    #[derive(serde::Deserialize)]
    struct Named {
        name: String,
    }
    let choice: Choice = serde_json::from_str(choice.get()).ok()?;
    let allowed = choice.allowed_tools.or(choice.flat)?;
    if choice.kind != "allowed_tools" {
        return None;
    }
    let mode = match allowed.mode.as_str() {
        "auto" => ToolChoice::Auto,
        "required" => ToolChoice::Required,
        _ => return None,
    };
    let name = |one: One| {
        let (kind, inner) = match one.kind.as_str() {
            "function" => (ToolKind::Function, one.function),
            "custom" => (ToolKind::Custom, one.custom),
            _ => return None,
        };
        Some((kind, one.name.or(inner.map(|named| named.name))?))
    };
    let names: Option<Vec<_>> = allowed.tools.into_iter().map(name).collect();
    Some((mode, names?))
}

#[cfg(test)]
mod tests;
