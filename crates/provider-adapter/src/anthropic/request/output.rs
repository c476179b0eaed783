//! What an answer must be.

use serde::Serialize;
use serde_json::value::RawValue;
use steelyard_types::{
    ChatRequest, JsonSchema, OutputFormat, StructuredOutput, Target, ToolChoice,
};

use super::tool;
use crate::anthropic::schema;
use crate::carry::refuse;
use crate::openai::request::Fields;
use crate::{Losses, Refusal, carry, json};

/// The tool whose input is the answer, where a model is held to a schema by a call. Its call reads
/// as text.
pub(in crate::anthropic) const ANSWER_TOOL: &str = "steelyard_answer";

/// How the model is held to it.
#[derive(Debug)]
pub(super) enum Output<'r> {
    /// Not at all: it is text, or the call that the client forces.
    Free,
    /// By a schema that Anthropic decodes under.
    Schema(Box<RawValue>),
    /// By a call of [`ANSWER_TOOL`] with this schema of its input.
    Tool {
        description: &'r str,
        schema: &'r RawValue,
    },
    /// By instructions.
    Told(String),
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "json_schema")]
pub(super) struct WireFormat {
    schema: Box<RawValue>,
}

impl Output<'_> {
    pub(super) fn into_format(self) -> Option<WireFormat> {
        match self {
            Self::Schema(schema) => Some(WireFormat { schema }),
            _ => None,
        }
    }

    pub(super) fn is_tool(&self) -> bool {
        matches!(self, Self::Tool { .. })
    }
}

/// Decides it. What the provider does not vouch for is declared.
pub(super) fn plan<'r>(
    request: &'r ChatRequest<'_>,
    target: &Target,
    lossy: &mut Losses,
) -> Result<Output<'r>, Refusal> {
    if request.tools.iter().any(|tool| tool.name == ANSWER_TOOL) {
        return Err(refuse("tools", format!("must not hold {ANSWER_TOOL}")));
    }
    let field = carry::named(request, "response_format", "output_config.format");
    let wanted = match &request.format {
        OutputFormat::Text => return Ok(Output::Free),
        OutputFormat::JsonObject => None,
        OutputFormat::JsonSchema(wanted) => wanted.schema.map(|schema| (wanted, schema)),
    };
    let Some((wanted, schema)) = wanted else {
        lossy.add(field);
        return Ok(Output::Told(OBJECT.to_owned()));
    };
    let style = target.facts.structured_output;
    // Anthropic does not decode under a schema from words that are there already.
    if style == StructuredOutput::Schema
        && !request.has_prefill()
        && let Ok(done) = schema::rewrite(schema, wanted.description.as_deref())
        && let Ok(raw) = RawValue::from_string(done.schema)
    {
        lossy.add_if(field, done.loosened);
        // The schema's name is a label, and nothing is lost with it where there is no place for one.
        return Ok(Output::Schema(raw));
    }
    if forces(request) {
        // The answer is that call.
        return Ok(Output::Free);
    }
    if is_open(schema) {
        // A call that may hold anything holds nothing as a rule.
        if wanted.strict == Some(true) {
            let reason = "is strict, which an object of any members cannot be for Anthropic: name \
                          its members, or leave strict out";
            return Err(refuse(field, reason));
        }
        lossy.add(field);
        return Ok(Output::Told(told(wanted, schema)));
    }
    let callable = !target.facts.refuses_forced_tool_choice && !request.has_prefill();
    let can_be_input = is_object(schema) && !tool::combines(schema);
    if style != StructuredOutput::Object && callable && can_be_input {
        // The input follows the schema as closely as any call does.
        let strict = wanted.strict == Some(true) || style == StructuredOutput::Schema;
        lossy.add_if(field, strict);
        return Ok(Output::Tool {
            description: wanted.description.as_deref().unwrap_or(ANSWER),
            schema,
        });
    }
    lossy.add(field);
    Ok(Output::Told(told(wanted, schema)))
}

/// Whether the client forces a call.
pub(super) fn forces(request: &ChatRequest<'_>) -> bool {
    let forced = matches!(
        request.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Function(_) | ToolChoice::Custom(_))
    );
    forced && !request.tools.is_empty()
}

const ANSWER: &str = "Gives the answer. Its input is the whole answer.";
const OBJECT: &str = "Answer with one JSON object and nothing else: no words around it, no code \
                      fence.";

fn told(wanted: &JsonSchema<'_>, schema: &RawValue) -> String {
    let purpose = wanted.description.as_deref().unwrap_or_default();
    let break_line = if purpose.is_empty() { "" } else { "\n" };
    format!(
        "{purpose}{break_line}Answer with one JSON value that is valid against this JSON Schema \
         and nothing else: no words around it, no code fence.\n{}",
        schema.get()
    )
}

/// Whether a schema says no more than that the answer is an object.
fn is_open(schema: &RawValue) -> bool {
    const ANYTHING: [&str; 3] = ["true", "{}", "null"];
    let Ok(Fields(fields)) = serde_json::from_str(schema.get()) else {
        return false;
    };
    let is_empty = |value: &RawValue| {
        let mut text = value.get().bytes();
        text.all(|byte| byte.is_ascii_whitespace() || matches!(byte, b'{' | b'}' | b'[' | b']'))
    };
    is_object(schema)
        && fields.iter().all(|(name, value)| match name.as_ref() {
            "properties" | "required" | "patternProperties" | "$defs" | "definitions" => {
                is_empty(value)
            }
            "additionalProperties" => ANYTHING.contains(&value.get()) || is_empty(value),
            "anyOf" | "oneOf" | "allOf" | "$ref" | "enum" | "const" => false,
            _ => true,
        })
}

/// Whether a schema may be that of a tool's input.
pub(super) fn is_object(schema: &RawValue) -> bool {
    #[derive(serde::Deserialize)]
    struct Peek<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<&'a RawValue>,
    }
    let peek: Option<Peek<'_>> =
        json::object(schema.get()).and_then(|raw| serde_json::from_str(raw.get()).ok());
    let kind = peek.and_then(|peek| peek.kind);
    kind.is_some_and(|kind| kind.get() == "\"object\"")
}
