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
        return if has("max_tokens") && is_anthropics(&fields, messages) {
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

/// Whether fields, tools or blocks are there that only Anthropic's dialect has.
fn is_anthropics(fields: &Value, messages: &Value) -> bool {
    const FIELDS: [&str; 6] = [
        "system",
        "thinking",
        "output_config",
        "stop_sequences",
        "top_k",
        "anthropic_version",
    ];
    const BLOCKS: [&str; 6] = [
        "image",
        "document",
        "tool_use",
        "tool_result",
        "thinking",
        "redacted_thinking",
    ];
    let each = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let is_block = |part: &Value| {
        let kind = part.get("type").and_then(Value::as_str);
        kind.is_some_and(|kind| BLOCKS.contains(&kind))
    };
    let has_blocks = |message: &Value| {
        let content = message.get("content");
        content.is_some_and(|content| each(content).iter().any(is_block))
    };
    let tools = fields.get("tools").map(each).unwrap_or_default();
    FIELDS.iter().any(|name| fields.get(name).is_some())
        || tools.iter().any(|tool| tool.get("input_schema").is_some())
        || each(messages).iter().any(has_blocks)
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
