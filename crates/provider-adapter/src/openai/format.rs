//! JSON by a schema, for models that promise any JSON object only.

use steelyard_types::{ChatRequest, JsonSchema, OutputFormat, Role, StructuredOutput, Target};

use crate::json::{Object, push_text};
use crate::{Losses, carry};

/// What such a server is asked for.
pub(super) const ANY_OBJECT: &str = r#"{"type":"json_object"}"#;

/// The instruction that stands in for the schema, if this model needs one.
///
/// DashScope and OpenAI refuse the JSON mode where no message says "JSON", which this one does.
pub(super) fn instruction(request: &ChatRequest<'_>, target: &Target) -> Option<String> {
    let wanted = told(request, target)?;
    let mut text = String::from("Answer with one JSON object and nothing else.");
    if let Some(description) = &wanted.description {
        text.push_str(" It is: ");
        text.push_str(description);
    }
    if let Some(schema) = wanted.schema {
        text.push_str("\nIt must be valid against this JSON Schema:\n");
        text.push_str(schema.get());
    }
    Some(text)
}

/// The schema that must be told in words: the one way left where a server of this format does not
/// decode under it.
pub(super) fn told<'r, 'a>(
    request: &'r ChatRequest<'a>,
    target: &Target,
) -> Option<&'r JsonSchema<'a>> {
    match &request.format {
        OutputFormat::JsonSchema(wanted)
            if target.facts.structured_output != StructuredOutput::Schema =>
        {
            Some(wanted)
        }
        _ => None,
    }
}

/// Declares that the schema is only told.
pub(super) fn declare(request: &ChatRequest<'_>, target: &Target, lossy: &mut Losses) {
    let field = carry::named(request, "response_format", "output_config.format");
    lossy.add_if(field, told(request, target).is_some());
}

/// Whether the instruction can stand at the end of the first message. Templates of many models take
/// one system message only, and that at the beginning.
pub(super) fn joins_first(request: &ChatRequest<'_>) -> bool {
    let first = request.messages.first();
    first.is_some_and(|first| matches!(first.role, Role::System | Role::Developer))
}

/// The instruction as a message of its own.
pub(super) fn message(instruction: &str) -> String {
    let mut message = Object::with_capacity(instruction.len() + 64);
    message.text("role", "system");
    message.text("content", instruction);
    message.close()
}

/// A content as received, with the instruction behind it.
pub(super) fn appended(content: &str, instruction: &str) -> String {
    let mut out = String::with_capacity(content.len() + instruction.len() + 64);
    let parts = content.trim_end().strip_suffix(']');
    if let Some(parts) = parts {
        out.push_str(parts);
        if parts.trim() != "[" {
            out.push(',');
        }
        out.push_str("{\"type\":\"text\",\"text\":");
        push_text(&mut out, instruction);
        out.push_str("}]");
    } else if let Ok(text) = serde_json::from_str::<String>(content) {
        push_text(&mut out, &format!("{text}\n\n{instruction}"));
    } else {
        push_text(&mut out, instruction);
    }
    out
}
