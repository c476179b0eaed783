//! `tools` and `tool_choice`.

use serde_json::value::RawValue;
use steelyard_types::{ChatRequest, Tool, ToolChoice};

use super::{Read, cache_mark, too_many};
use crate::openai::request::trail::{Step, Trail, says_nothing};
use crate::openai::request::{list, object, string, typed};

/// Most tools of one request.
const MAX_TOOLS: usize = 1_024;

/// Reads `tools`. Anthropic's own tools, which run at its side, have no word in the neutral form.
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

/// The wish for arguments as they are written.
const EAGER: &str = "tools.eager_input_streaming";

fn tool<'a>(raw: &'a RawValue, trail: &Trail, request: &mut ChatRequest<'a>) -> Read<()> {
    let fields = object(raw)?;
    let kind = fields.iter().find(|(name, _)| name == "type");
    if let Some((_, kind)) = kind
        && !matches!(kind.get(), "\"custom\"" | "null")
    {
        // The type says it all: its own fields need not be listed as well.
        request.untranslated.push(trail.path_to("type").into());
        return Ok(());
    }
    let (mut name, mut schema) = (None, None);
    let mut tool = Tool::default();
    for (key, value) in fields {
        let at = Step::Field;
        match key.as_ref() {
            "type" => {}
            "name" => name = trail.within(at("name"), || string(value))?,
            "description" => {
                tool.description = trail.within(at("description"), || string(value))?;
            }
            "input_schema" => schema = Some(value),
            "strict" => tool.strict = trail.within(at("strict"), || typed(value))?,
            "cache_control" if value.get() != "null" => {
                tool.cache = trail.within(at("cache_control"), || cache_mark(value))?;
                if tool.cache.is_none() {
                    request.untranslated.push(trail.path_to(&key).into());
                }
            }
            // Tools that only code may call, say; the words for what is so anyway say nothing.
            "allowed_callers" if value.get() == "[\"direct\"]" => {}
            _ if says_nothing(value) || value.get() == "false" => {}
            // Only how soon the arguments come; one name for all tools, so that it is a loss.
            "eager_input_streaming" => request.untranslated.push(EAGER.into()),
            _ => request.untranslated.push(trail.path_to(&key).into()),
        }
    }
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return trail.wrong("name", "is required");
    };
    tool.name = name;
    tool.parameters = match schema {
        None => return trail.wrong("input_schema", "is required"),
        Some(schema) if !schema.get().starts_with('{') => {
            return trail.wrong("input_schema", "must be a JSON Schema object");
        }
        schema => schema,
    };
    request.tools.push(tool);
    Ok(())
}

/// Reads `tool_choice`, which also says whether several calls in one answer are allowed.
pub(super) fn choice<'a>(
    value: &'a RawValue,
    trail: &Trail,
    request: &mut ChatRequest<'a>,
) -> Read<()> {
    let (mut kind, mut tool, mut single) = (None, None, None);
    for (name, value) in object(value)? {
        let at = Step::Field;
        match name.as_ref() {
            "type" => kind = trail.within(at("type"), || string(value))?,
            "name" => tool = trail.within(at("name"), || string(value))?,
            "disable_parallel_tool_use" => {
                let read = || typed::<Option<bool>>(value);
                single = trail.within(at("disable_parallel_tool_use"), read)?;
            }
            _ if says_nothing(value) => {}
            _ => request.untranslated.push(trail.path_to(&name).into()),
        }
    }
    let choice = match kind.as_deref() {
        Some("auto") => ToolChoice::Auto,
        Some("any") => ToolChoice::Required,
        Some("none") => ToolChoice::None,
        Some("tool") => match tool.filter(|tool| !tool.is_empty()) {
            Some(tool) => ToolChoice::Function(tool),
            None => return trail.wrong("name", "is required"),
        },
        None => return trail.wrong("type", "is required"),
        Some(_) => return trail.wrong("type", "must be one of auto, any, tool, none"),
    };
    request.tool_choice = Some(choice);
    request.parallel_tool_calls = Some(single != Some(true));
    Ok(())
}
