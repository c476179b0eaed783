//! Which dialect a request in a file is in.

use clap::ValueEnum;
use serde_json::Value;
use steelyard_types::Dialect;

/// A dialect by the last word of its path.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum DialectName {
    Chat,
    Messages,
    Responses,
    Completions,
    Embeddings,
}

impl From<DialectName> for Dialect {
    fn from(name: DialectName) -> Self {
        match name {
            DialectName::Chat => Self::OpenAiChat,
            DialectName::Messages => Self::AnthropicMessages,
            DialectName::Responses => Self::OpenAiResponses,
            DialectName::Completions => Self::OpenAiCompletions,
            DialectName::Embeddings => Self::OpenAiEmbeddings,
        }
    }
}

/// The dialect of a request in a file, by its fields. Two doors take `input`: the model that it names
/// says which (`makes_vectors`), unless fields of one door alone do. Two take `messages`, and what only
/// Anthropic's has tells them apart.
pub(super) fn dialect_of(body: &[u8], makes_vectors: impl FnOnce(&str) -> bool) -> Dialect {
    let fields: Value = serde_json::from_slice(body).unwrap_or_default();
    let has = |name: &str| fields.get(name).is_some();
    if let Some(messages) = fields.get("messages") {
        let is_anthropics = |signs: &Signs| is_any_there(&fields, messages, signs);
        return if is_anthropics(&SURE) || has("max_tokens") && is_anthropics(&LIKELY) {
            Dialect::AnthropicMessages
        } else {
            Dialect::OpenAiChat
        };
    }
    if has("input") {
        let model = fields.get("model").and_then(Value::as_str);
        let vectors =
            has("encoding_format") || has("dimensions") || model.is_some_and(makes_vectors);
        return if vectors {
            Dialect::OpenAiEmbeddings
        } else {
            Dialect::OpenAiResponses
        };
    }
    // A stored prompt of the Responses API is an object.
    match fields.get("prompt") {
        Some(Value::Object(_)) => Dialect::OpenAiResponses,
        Some(_) => Dialect::OpenAiCompletions,
        None => Dialect::OpenAiChat,
    }
}

/// What tells Anthropic's dialect from chat completions.
struct Signs {
    fields: &'static [&'static str],
    /// Kinds of blocks in messages.
    blocks: &'static [&'static str],
}

/// What only Anthropic's dialect has.
const SURE: Signs = Signs {
    fields: &[
        "system",
        "output_config",
        "stop_sequences",
        "anthropic_version",
    ],
    blocks: &["tool_use", "tool_result", "redacted_thinking"],
};

/// What some servers of OpenAI's format take too. It counts beside the limit, which Anthropic's
/// requires.
const LIKELY: Signs = Signs {
    fields: &["thinking", "top_k"],
    blocks: &["image", "document", "thinking"],
};

/// Whether such fields or blocks are there, or what is as sure as any: tools with an `input_schema`, and
/// blocks with a `source`.
fn is_any_there(fields: &Value, messages: &Value, signs: &Signs) -> bool {
    let is_block = |part: &Value| {
        let kind = part.get("type").and_then(Value::as_str);
        let is_named = kind.is_some_and(|kind| signs.blocks.contains(&kind));
        let has_source = matches!(kind, Some("image" | "document")) && part.get("source").is_some();
        is_named || has_source
    };
    let has_blocks = |message: &Value| {
        let parts = message.get("content").and_then(Value::as_array);
        parts.is_some_and(|parts| parts.iter().any(is_block))
    };
    let has_schema = |tool: &Value| tool.get("input_schema").is_some();
    let tools = fields.get("tools").and_then(Value::as_array);
    let is_given = |name: &&str| fields.get(name).is_some_and(|value| !value.is_null());
    signs.fields.iter().any(is_given)
        || tools.is_some_and(|tools| tools.iter().any(has_schema))
        || messages
            .as_array()
            .is_some_and(|messages| messages.iter().any(has_blocks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_is_told_by_the_fields() {
        for (body, dialect) in [
            (
                r#"{"messages":[{"role":"user","content":"a"}]}"#,
                Dialect::OpenAiChat,
            ),
            (
                r#"{"max_tokens":9,"messages":[{"role":"user","content":"a"}]}"#,
                Dialect::OpenAiChat,
            ),
            (
                r#"{"max_tokens":9,"system":"b","messages":[{"role":"user","content":"a"}]}"#,
                Dialect::AnthropicMessages,
            ),
            (
                r#"{"max_tokens":9,"messages":[{"role":"user","content":[{"type":"image"}]}]}"#,
                Dialect::AnthropicMessages,
            ),
            (
                r#"{"max_tokens":9,"messages":[],"tools":[{"name":"f","input_schema":{}}]}"#,
                Dialect::AnthropicMessages,
            ),
            // Prompts in a file need no limit.
            (
                r#"{"system":"b","messages":[{"role":"user","content":"a"}]}"#,
                Dialect::AnthropicMessages,
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"tool_result"}]}]}"#,
                Dialect::AnthropicMessages,
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"image","source":{}}]}]}"#,
                Dialect::AnthropicMessages,
            ),
            (
                r#"{"messages":[],"tools":[{"name":"f","input_schema":{}}]}"#,
                Dialect::AnthropicMessages,
            ),
            (
                r#"{"system":null,"messages":[{"role":"user","content":"a"}]}"#,
                Dialect::OpenAiChat,
            ),
            // Servers of OpenAI's format take these.
            (
                r#"{"messages":[],"top_k":5,"thinking":{"type":"enabled"}}"#,
                Dialect::OpenAiChat,
            ),
            (
                r#"{"messages":[{"role":"assistant","content":[{"type":"thinking"}]}]}"#,
                Dialect::OpenAiChat,
            ),
            (r#"{"model":"chat","input":"a"}"#, Dialect::OpenAiResponses),
            (
                r#"{"model":"vectors","input":"a"}"#,
                Dialect::OpenAiEmbeddings,
            ),
            (
                r#"{"model":"chat","input":"a","dimensions":3}"#,
                Dialect::OpenAiEmbeddings,
            ),
            (r#"{"prompt":"a"}"#, Dialect::OpenAiCompletions),
            (r#"{"prompt":{"id":"p"}}"#, Dialect::OpenAiResponses),
            ("not JSON", Dialect::OpenAiChat),
        ] {
            let found = dialect_of(body.as_bytes(), |model| model == "vectors");
            assert_eq!(found, dialect, "{body}");
        }
    }
}
