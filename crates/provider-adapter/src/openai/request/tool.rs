//! `tools` and `tool_choice`. They are read once per request and small beside the messages, so
//! they go through borrowed structs.

use std::borrow::Cow;

use serde::de::Error as _;
use serde_json::value::RawValue;
use steelyard_types::{CacheMark, Tool, ToolChoice, ToolKind};

use super::custom::{self, Shape};
use super::part::cache_mark;
use super::trail::{Step, Trail, says_nothing};
use crate::json::Text;

/// Most tools of one request. OpenAI takes 128.
const MAX_TOOLS: usize = 1_024;

/// Reads `tools`; pushes the paths of what has no word in the neutral form.
pub(super) fn tools<'a>(
    raw: &'a RawValue,
    trail: &Trail,
    untranslated: &mut Vec<Cow<'a, str>>,
) -> Result<Vec<Tool<'a>>, serde_json::Error> {
    let raws: Vec<&'a RawValue> = list(raw, "a list of tools")?;
    if raws.len() > MAX_TOOLS {
        let what = format_args!("holds more than {MAX_TOOLS} entries");
        return Err(serde_json::Error::custom(what));
    }
    let mut tools = Vec::with_capacity(raws.len());
    for (index, raw) in raws.into_iter().enumerate() {
        let one = || tool(raw, trail, untranslated);
        tools.extend(trail.within(Step::Index(index), one)?);
    }
    Ok(tools)
}

fn tool<'a>(
    raw: &'a RawValue,
    trail: &Trail,
    untranslated: &mut Vec<Cow<'a, str>>,
) -> Result<Option<Tool<'a>>, serde_json::Error> {
    let fields = object(raw)?;
    let find = |name: &str| fields.iter().find(|(field, _)| field == name);
    let kind = trail.within(Step::Field("type"), || {
        find("type").map_or(Ok(None), |(_, kind)| string(kind))
    })?;
    // What the tool is stands in a member that its type names.
    let kind = match kind.as_deref() {
        None if find("function").is_none() => return trail.wrong("type", "is required"),
        None | Some("function") => ToolKind::Function,
        Some("custom") if find("custom").is_some() => ToolKind::Custom,
        Some(_) => {
            // The type says it all: its own fields need not be listed as well.
            untranslated.push(trail.path_to("type").into());
            return Ok(None);
        }
    };
    let (mut tool, mut mark) = (None, None);
    for (name, value) in &fields {
        match (name.as_ref(), kind) {
            ("type", _) => {}
            ("function", ToolKind::Function) => {
                let read = || declared(value, trail, untranslated);
                tool = Some(trail.within(Step::Field("function"), read)?);
            }
            ("custom", ToolKind::Custom) => {
                let read = || declared_custom(value, trail, untranslated);
                tool = Some(trail.within(Step::Field("custom"), read)?);
            }
            _ => mark = other(name, value, trail, untranslated)?.or(mark),
        }
    }
    let Some(mut tool) = tool else {
        return trail.wrong("function", "is required");
    };
    tool.cache = mark.or(tool.cache);
    Ok(Some(tool))
}

/// Reads what a custom tool is.
fn declared_custom<'a>(
    raw: &'a RawValue,
    trail: &Trail,
    untranslated: &mut Vec<Cow<'a, str>>,
) -> Result<Tool<'a>, serde_json::Error> {
    let at = Step::Field;
    let mut tool = Tool {
        kind: ToolKind::Custom,
        ..Tool::default()
    };
    for (name, value) in object(raw)? {
        match name.as_ref() {
            "name" => {
                let name = trail.within(at("name"), || string(value))?;
                tool.name = name.unwrap_or_default();
            }
            "description" => {
                tool.description = trail.within(at("description"), || string(value))?;
            }
            "format" if value.get() != "null" => {
                let read = || custom::format(value, Shape::Nested, trail, untranslated);
                tool.grammar = trail.within(at("format"), read)?;
            }
            _ => tool.cache = other(&name, value, trail, untranslated)?.or(tool.cache),
        }
    }
    if tool.name.is_empty() {
        return trail.wrong("name", "is required");
    }
    Ok(tool)
}

/// A field that has no word of its own: a mark for the cache, or one to be named.
fn other(
    name: &str,
    value: &RawValue,
    trail: &Trail,
    untranslated: &mut Vec<Cow<'_, str>>,
) -> Result<Option<CacheMark>, serde_json::Error> {
    if says_nothing(value) {
        return Ok(None);
    }
    let mark = match name {
        "cache_control" => trail.within(Step::Field("cache_control"), || cache_mark(value))?,
        _ => None,
    };
    if mark.is_none() {
        untranslated.push(trail.path_to(name).into());
    }
    Ok(mark)
}

/// Reads the deprecated `functions`, which are tools without their wrapping.
pub(super) fn functions<'a>(
    raw: &'a RawValue,
    trail: &Trail,
    untranslated: &mut Vec<Cow<'a, str>>,
) -> Result<Vec<Tool<'a>>, serde_json::Error> {
    let raws: Vec<&'a RawValue> = list(raw, "a list of functions")?;
    if raws.len() > MAX_TOOLS {
        let what = format_args!("holds more than {MAX_TOOLS} entries");
        return Err(serde_json::Error::custom(what));
    }
    let mut tools = Vec::with_capacity(raws.len());
    for (index, raw) in raws.into_iter().enumerate() {
        let one = || declared(raw, trail, untranslated);
        tools.push(trail.within(Step::Index(index), one)?);
    }
    Ok(tools)
}

/// Reads the deprecated `function_call`: how to choose among `functions`.
pub(super) fn function_choice<'a>(
    raw: &'a RawValue,
    trail: &Trail,
) -> Result<ToolChoice<'a>, serde_json::Error> {
    match raw.get() {
        "\"auto\"" => Ok(ToolChoice::Auto),
        "\"none\"" => Ok(ToolChoice::None),
        text if text.starts_with('{') => chosen(raw, trail).map(ToolChoice::Function),
        _ => Err(serde_json::Error::custom(
            "expected auto, none or an object that names a function",
        )),
    }
}

fn declared<'a>(
    raw: &'a RawValue,
    trail: &Trail,
    untranslated: &mut Vec<Cow<'a, str>>,
) -> Result<Tool<'a>, serde_json::Error> {
    let (mut name, mut description, mut parameters, mut strict) = (None, None, None, None);
    let mut cache = None;
    for (key, value) in object(raw)? {
        match key.as_ref() {
            "name" => name = trail.within(Step::Field("name"), || string(value))?,
            "description" => {
                description = trail.within(Step::Field("description"), || string(value))?;
            }
            "strict" => {
                let read = || serde_json::from_str::<Option<bool>>(value.get());
                strict = trail.within(Step::Field("strict"), read)?;
            }
            "parameters" if value.get() == "null" => {}
            "parameters" if value.get().starts_with('{') => parameters = Some(value),
            "parameters" => return trail.wrong("parameters", "must be a JSON Schema object"),
            _ => cache = other(&key, value, trail, untranslated)?.or(cache),
        }
    }
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return trail.wrong("name", "is required");
    };
    Ok(Tool {
        name,
        description,
        parameters,
        strict,
        cache,
        ..Tool::default()
    })
}

/// Reads `tool_choice`. `None` where it is of a kind that has no word in the neutral form.
pub(super) fn tool_choice<'a>(
    raw: &'a RawValue,
    trail: &Trail,
) -> Result<Option<ToolChoice<'a>>, serde_json::Error> {
    if raw.get().starts_with('{') {
        let fields = object(raw)?;
        let find = |name: &str| {
            fields
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, raw)| *raw)
        };
        let kind = trail.within(Step::Field("type"), || {
            find("type").map_or(Ok(None), string)
        })?;
        if let (Some("custom"), Some(custom)) = (kind.as_deref(), find("custom")) {
            let name = trail.within(Step::Field("custom"), || chosen(custom, trail))?;
            return Ok((fields.len() == 2).then_some(ToolChoice::Custom(name)));
        }
        return match (kind.as_deref(), find("function")) {
            (None, _) => trail.wrong("type", "is required"),
            (Some("function"), Some(function)) => {
                let read = || chosen(function, trail);
                let name = trail.within(Step::Field("function"), read)?;
                Ok((fields.len() == 2).then_some(ToolChoice::Function(name)))
            }
            (Some("function"), None) => trail.wrong("function", "is required"),
            (Some(_), _) => Ok(None),
        };
    }
    let wrong = "expected auto, none, required or an object that names a function";
    match string(raw) {
        Ok(Some(word)) => match word.as_ref() {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            // `any` is Mistral's word for it.
            "required" | "any" => Ok(Some(ToolChoice::Required)),
            _ => Err(serde_json::Error::custom(wrong)),
        },
        _ => Err(serde_json::Error::custom(wrong)),
    }
}

fn chosen<'a>(raw: &'a RawValue, trail: &Trail) -> Result<Cow<'a, str>, serde_json::Error> {
    let fields = object(raw)?;
    let name = fields
        .into_iter()
        .find(|(key, _)| key == "name")
        .map(|(_, raw)| raw);
    let name = trail.within(Step::Field("name"), || name.map_or(Ok(None), string))?;
    match name.filter(|name| !name.is_empty()) {
        Some(name) => Ok(name),
        None => trail.wrong("name", "is required"),
    }
}

/// A string or `null`.
pub(crate) fn string(raw: &RawValue) -> Result<Option<Cow<'_, str>>, serde_json::Error> {
    let text: Option<Text<'_>> = serde_json::from_str(raw.get())?;
    Ok(text.map(|Text(text)| text))
}

/// The elements of a list, as received.
pub(crate) fn list<'a>(
    raw: &'a RawValue,
    expected: &str,
) -> Result<Vec<&'a RawValue>, serde_json::Error> {
    if !raw.get().starts_with('[') {
        return Err(serde_json::Error::custom(format_args!(
            "must be {expected}"
        )));
    }
    serde_json::from_str(raw.get())
}

/// The fields of an object, as received, refusing repeated names.
pub(crate) fn object(raw: &RawValue) -> Result<super::RawFields<'_>, serde_json::Error> {
    let super::Fields(fields) = serde_json::from_str(raw.get())?;
    Ok(fields)
}
