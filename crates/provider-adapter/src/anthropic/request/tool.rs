//! Tools and how the model may choose among them.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use steelyard_types::{ChatRequest, StructuredOutput, Target, Tool, ToolChoice};

use super::block::WireMark;
use super::is_false;
use super::output::{ANSWER_TOOL, Output, forces, is_object};
use crate::anthropic::schema;
use crate::carry::{refuse, tools_word};
use crate::json::Object;
use crate::openai::request::Fields;
use crate::{Losses, Refusal};

#[derive(Serialize)]
pub(super) struct WireTool<'r> {
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'r, str>>,
    input_schema: Cow<'r, RawValue>,
    #[serde(skip_serializing_if = "is_false")]
    strict: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<WireMark>,
}

#[derive(Serialize)]
pub(super) struct WireChoice<'r> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
    #[serde(skip_serializing_if = "is_false")]
    disable_parallel_tool_use: bool,
}

/// The tools, those that a history without tools called, and the one that is the answer.
///
/// Anthropic wants every request defined that holds calls or results of tools: "Requests which
/// include `tool_use` or `tool_result` blocks must define tools". A client that takes its tools back
/// for the last answer is given what its history needs, and [`choice`] forbids to call it.
pub(super) fn tools<'r>(
    request: &'r ChatRequest<'_>,
    target: &Target,
    output: &Output<'r>,
) -> Result<Vec<WireTool<'r>>, Refusal> {
    let mut tools = Vec::with_capacity(request.tools.len() + 1);
    for (index, tool) in request.tools.iter().enumerate() {
        let strict = strict_schema(tool, target);
        let mut description = tool.description.as_deref().map(Cow::Borrowed);
        let (strict, input_schema) = match (strict, combined(tool)) {
            (Some((schema, _)), _) => (true, Cow::Owned(schema)),
            (None, Some(Combined { rest, told })) => {
                let words = description.as_deref().unwrap_or_default();
                let space = if words.is_empty() { "" } else { "\n" };
                description = Some(Cow::Owned(format!("{words}{space}{told}")));
                let path = || format!("tools[{index}].function.parameters");
                (false, completed(rest, path)?)
            }
            (None, None) => (false, input_schema(index, tool)?),
        };
        tools.push(WireTool {
            name: &tool.name,
            description,
            input_schema,
            strict,
            cache_control: tool.cache.map(WireMark::from),
        });
    }
    if request.tools.is_empty() {
        for name in called(request) {
            tools.push(WireTool {
                name,
                description: None,
                input_schema: completed(EMPTY_SCHEMA.to_owned(), || "tools".to_owned())?,
                strict: false,
                cache_control: None,
            });
        }
    }
    if let Output::Tool {
        description,
        schema,
    } = output
    {
        tools.push(WireTool {
            name: ANSWER_TOOL,
            description: Some(Cow::Borrowed(description)),
            input_schema: Cow::Borrowed(schema),
            strict: false,
            cache_control: None,
        });
    }
    Ok(tools)
}

/// Names of the functions that the history calls, each once.
fn called<'r>(request: &'r ChatRequest<'_>) -> Vec<&'r str> {
    /// As many tools as clients may define; more functions than that are not called by anybody.
    const MOST: usize = 128;
    let mut names: Vec<&str> = Vec::new();
    let messages = request.messages.iter();
    for call in messages.flat_map(|message| &message.tool_calls) {
        if names.len() < MOST && !names.contains(&call.name.as_ref()) {
            names.push(&call.name);
        }
    }
    names
}

/// The schema of a tool whose calls must follow it, and whether some of it is only told; `None`
/// where that is not asked for or cannot be had.
fn strict_schema(tool: &Tool<'_>, target: &Target) -> Option<(Box<RawValue>, bool)> {
    let can = target.facts.structured_output == StructuredOutput::Schema;
    if !can || tool.strict != Some(true) {
        return None;
    }
    let Some(schema) = tool.parameters else {
        let schema = RawValue::from_string(CLOSED_SCHEMA.to_owned()).ok()?;
        return Some((schema, false));
    };
    let done = schema::rewrite(schema, None).ok()?;
    // Arguments are an object in any case: its schema has to say so.
    let schema = RawValue::from_string(done.schema).ok()?;
    let can_be = is_object(&schema) && !combines(&schema);
    can_be.then_some((schema, done.loosened))
}

/// A schema of arguments without what combines several at its top, where Anthropic answers 400:
/// "input_schema does not support oneOf, allOf, or anyOf at the top level".
struct Combined {
    rest: String,
    /// What is left out of it, in words.
    told: String,
}

fn combined(tool: &Tool<'_>) -> Option<Combined> {
    let schema = tool.parameters?;
    let combinations = combinations(schema)?;
    if combinations.is_empty() {
        return None;
    }
    let Fields(fields) = serde_json::from_str(schema.get()).ok()?;
    let mut rest = Object::with_capacity(schema.get().len());
    let mut told = Object::with_capacity(schema.get().len());
    rest.text("type", "object");
    for (name, value) in fields {
        match name.as_ref() {
            "type" => {}
            word if COMBINING.contains(&word) => told.raw(word, value.get()),
            name => rest.raw(name, value.get()),
        }
    }
    Some(Combined {
        rest: rest.close(),
        told: format!(
            "The input must also be valid against this JSON Schema: {}",
            told.close()
        ),
    })
}

const COMBINING: [&str; 3] = ["anyOf", "oneOf", "allOf"];

/// Whether a schema combines several at its top, or cannot be read.
pub(super) fn combines(schema: &RawValue) -> bool {
    combinations(schema).is_none_or(|words| !words.is_empty())
}

/// The words at the top of a schema that combine several; `None` where it cannot be read.
fn combinations(schema: &RawValue) -> Option<Vec<&'static str>> {
    let text = schema.get();
    let finds = |word: &&&str| text.contains(**word);
    if COMBINING.iter().find(finds).is_none() {
        return Some(Vec::new());
    }
    let Fields(fields) = serde_json::from_str(text).ok()?;
    let given = |word: &&str| fields.iter().any(|(name, _)| name == word);
    Some(COMBINING.into_iter().filter(given).collect())
}

/// Declares where calls are not held to their schema as strictly as was asked.
pub(super) fn check(request: &ChatRequest<'_>, target: &Target, lossy: &mut Losses) {
    let loose = |tool: &Tool<'_>| {
        tool.strict == Some(true)
            && strict_schema(tool, target).is_none_or(|(_, loosened)| loosened)
    };
    let strict = tools_word(request, "tools.strict", "functions.strict");
    lossy.add_if(strict, request.tools.iter().any(loose));
    let told = |tool: &Tool<'_>| strict_schema(tool, target).is_none() && combined(tool).is_some();
    let parameters = tools_word(request, "tools.parameters", "functions.parameters");
    lossy.add_if(parameters, request.tools.iter().any(told));
}

/// The schema as received. Anthropic wants `"type": "object"` in it, which says nothing about
/// arguments that are always an object: it is put in front where it is missing.
fn input_schema<'r>(index: usize, tool: &'r Tool<'_>) -> Result<Cow<'r, RawValue>, Refusal> {
    #[derive(serde::Deserialize)]
    struct Peek<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<&'a RawValue>,
    }
    let field = || format!("tools[{index}].function.parameters");
    let Some(schema) = tool.parameters else {
        return completed(EMPTY_SCHEMA.to_owned(), field);
    };
    let Some(members) = schema.get().strip_prefix('{') else {
        return Err(refuse(field(), "is not a JSON Schema object"));
    };
    let peek: Peek<'_> = serde_json::from_str(schema.get())
        .map_err(|error| refuse(field(), format!("cannot be read: {error}")))?;
    match peek.kind.map(RawValue::get) {
        Some("\"object\"") => Ok(Cow::Borrowed(schema)),
        None if members.trim_ascii_start() == "}" => completed(EMPTY_SCHEMA.to_owned(), field),
        None => completed(format!("{{\"type\":\"object\",{members}"), field),
        Some(_) => Err(refuse(
            field(),
            "has another type than object, which Anthropic does not accept",
        )),
    }
}

/// No arguments at all, and nothing else.
const EMPTY_SCHEMA: &str = r#"{"type":"object","properties":{}}"#;
const CLOSED_SCHEMA: &str = r#"{"type":"object","properties":{},"additionalProperties":false}"#;

fn completed<'r>(schema: String, field: impl Fn() -> String) -> Result<Cow<'r, RawValue>, Refusal> {
    RawValue::from_string(schema)
        .map(Cow::Owned)
        .map_err(|error| refuse(field(), error.to_string()))
}

/// How the model may choose. Where an answer is a call, it has to call that tool or another.
pub(super) fn choice<'r>(
    request: &'r ChatRequest<'_>,
    output: &Output<'_>,
) -> Option<WireChoice<'r>> {
    let has_tools = !request.tools.is_empty();
    let single = has_tools && request.parallel_tool_calls == Some(false);
    let free = has_tools && request.tool_choice != Some(ToolChoice::None);
    let (kind, name) = match &request.tool_choice {
        _ if output.is_tool() && free => ("any", None),
        _ if output.is_tool() => ("tool", Some(ANSWER_TOOL)),
        // Tools that only the history needs.
        _ if !has_tools && !called(request).is_empty() => ("none", None),
        _ if !has_tools => return None,
        None if single => ("auto", None),
        None => return None,
        Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Required) => ("any", None),
        Some(ToolChoice::Function(name) | ToolChoice::Custom(name)) => {
            ("tool", Some(name.as_ref()))
        }
    };
    Some(WireChoice {
        kind,
        name,
        // Not known on `none`, where there are no calls anyway.
        disable_parallel_tool_use: single && kind != "none",
    })
}

/// Whether the request that is written forces a call.
pub(super) fn is_forced(request: &ChatRequest<'_>, output: &Output<'_>) -> bool {
    output.is_tool() || forces(request)
}
