//! `tools` and `tool_choice`.

use serde::de::Error as _;
use serde_json::value::RawValue;
use steelyard_types::{ChatRequest, Tool, ToolChoice, ToolKind};

use super::{Read, required, too_many};
use crate::openai::request::custom::{self, Shape};
use crate::openai::request::trail::{Step, Trail, says_nothing};
use crate::openai::request::{list, object, string, typed};

/// Most tools of one request.
const MAX_TOOLS: usize = 1_024;

/// Reads `tools`. OpenAI's built-in tools, which run at its side, have no word in the neutral form.
pub(super) fn tools<'a>(
    value: &'a RawValue,
    trail: &Trail,
    request: &mut ChatRequest<'a>,
) -> Read<()> {
    let raws = list(value, "a list of tools")?;
    if raws.len() > MAX_TOOLS {
        return Err(too_many(MAX_TOOLS));
    }
    for (index, raw) in raws.into_iter().enumerate() {
        trail.within(Step::Index(index), || tool(raw, trail, request))?;
    }
    // So it is in this dialect where nothing is said, and not everywhere else.
    if !request.tools.is_empty() {
        request.parallel_tool_calls.get_or_insert(true);
    }
    Ok(())
}

fn tool<'a>(raw: &'a RawValue, trail: &Trail, request: &mut ChatRequest<'a>) -> Read<()> {
    let fields = object(raw)?;
    let kind = fields.iter().find(|(name, _)| name == "type");
    let kind = trail.within(Step::Field("type"), || {
        kind.map_or(Ok(None), |(_, kind)| string(kind))
    })?;
    let mut tool = Tool::default();
    match kind.as_deref() {
        None => return trail.wrong("type", "is required"),
        Some("function") => {}
        Some("custom") => tool.kind = ToolKind::Custom,
        Some(_) => {
            // The type says it all: its own fields need not be listed as well.
            request.untranslated.push(trail.path_to("type").into());
            return Ok(());
        }
    }
    let mut name = None;
    let is_function = tool.kind == ToolKind::Function;
    for (key, value) in fields {
        let at = Step::Field;
        match key.as_ref() {
            "type" => {}
            "name" => name = trail.within(at("name"), || string(value))?,
            "description" => {
                tool.description = trail.within(at("description"), || string(value))?;
            }
            "format" if !is_function && value.get() != "null" => {
                let untranslated = &mut request.untranslated;
                let read = || custom::format(value, Shape::Flat, trail, untranslated);
                tool.grammar = trail.within(at("format"), read)?;
            }
            "parameters" if value.get() == "null" => {}
            "parameters" if is_function && value.get().starts_with('{') => {
                tool.parameters = Some(value);
            }
            "parameters" if is_function => {
                return trail.wrong("parameters", "must be a JSON Schema object");
            }
            "strict" if is_function => tool.strict = trail.within(at("strict"), || typed(value))?,
            // Tools that only code may call, say; the words for what is so anyway say nothing.
            "allowed_callers" if value.get() == "[\"direct\"]" => {}
            _ if says_nothing(value) || value.get() == "false" => {}
            _ => request.untranslated.push(trail.path_to(&key).into()),
        }
    }
    tool.name = required(name, "name", trail)?;
    request.tools.push(tool);
    Ok(())
}

/// Reads `tool_choice`. What has no word in the neutral form (a built-in tool, a list of allowed
/// ones) is noted.
pub(super) fn choice<'a>(
    value: &'a RawValue,
    trail: &Trail,
    request: &mut ChatRequest<'a>,
) -> Read<()> {
    request.tool_choice = if value.get().starts_with('{') {
        let (mut kind, mut function, mut more) = (None, None, false);
        for (name, value) in object(value)? {
            let at = Step::Field;
            match name.as_ref() {
                "type" => kind = trail.within(at("type"), || string(value))?,
                "name" => function = trail.within(at("name"), || string(value))?,
                _ => more |= !says_nothing(value),
            }
        }
        match kind.as_deref() {
            None => return trail.wrong("type", "is required"),
            Some("function") => {
                let name = required(function, "name", trail)?;
                (!more).then_some(ToolChoice::Function(name))
            }
            Some("custom") => {
                let name = required(function, "name", trail)?;
                (!more).then_some(ToolChoice::Custom(name))
            }
            Some(_) => None,
        }
    } else {
        let word = string(value).ok().flatten();
        match word.as_deref() {
            Some("auto") => Some(ToolChoice::Auto),
            Some("none") => Some(ToolChoice::None),
            Some("required") => Some(ToolChoice::Required),
            _ => {
                let what = "expected auto, none, required or an object that names a tool";
                return Err(serde_json::Error::custom(what));
            }
        }
    };
    if request.tool_choice.is_none() {
        request.untranslated.push("tool_choice".into());
    }
    Ok(())
}
