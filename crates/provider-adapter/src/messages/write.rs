//! Whole answers in this dialect, written from the neutral form.

use bytes::Bytes;
use steelyard_types::{ChatAnswer, FinishReason, Thought, Usage};

use crate::gemini::signed;
use crate::json::Object;
use crate::{ReplyContext, arguments};

/// Writes a whole answer.
pub(crate) fn answer_body(answer: &ChatAnswer, context: &ReplyContext) -> Bytes {
    let mut content = String::from("[");
    let mut push = |block: String| {
        if content.len() > 1 {
            content.push(',');
        }
        content.push_str(&block);
    };
    let block = |thought: &Thought| match &thought.redacted {
        Some(data) => redacted_block(data),
        None => {
            let signature = thought.signature.as_deref().unwrap_or_default();
            thinking_block(&thought.text, signature)
        }
    };
    let (before, behind) = signed::around(&answer.reasoning);
    before.into_iter().for_each(|thought| push(block(thought)));
    // A refusal is text that `stop_reason` tells from an answer.
    for text in [&answer.text, &answer.refusal] {
        if let Some(text) = said(text.as_deref()) {
            push(text_block(text));
        }
    }
    behind.into_iter().for_each(|thought| push(block(thought)));
    for call in &answer.tool_calls {
        let input = arguments::as_object(&call.arguments);
        push(call_block(&call.id, &call.name, input.get()));
    }
    content.push(']');
    let end = Ending {
        finish: answer.finish,
        calls: !answer.tool_calls.is_empty(),
        refused: said(answer.refusal.as_deref()).is_some(),
    };
    let mut body = envelope(&answer.model, context, &content);
    if answer.finish.is_none() && !end.calls && !end.refused {
        // Whether the answer is whole is not known, and nothing is made up.
        body.raw("stop_reason", "null");
    } else {
        body.text("stop_reason", end.stop_reason());
    }
    body.raw("stop_sequence", "null");
    body.raw("usage", &usage_json(&answer.usage.unwrap_or_default()));
    Bytes::from(body.close())
}

fn said(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// The fields that every message of this dialect begins with.
pub(super) fn envelope(model: &str, context: &ReplyContext, content: &str) -> Object {
    let mut body = Object::with_capacity(content.len() + 384);
    body.text("id", &context.id);
    body.text("type", "message");
    body.text("role", "assistant");
    let model = said(Some(model)).unwrap_or(&context.upstream_model);
    body.text("model", model);
    body.raw("content", content);
    body
}

pub(super) fn text_block(text: &str) -> String {
    let mut block = Object::with_capacity(text.len() + 32);
    block.text("type", "text");
    block.text("text", text);
    block.close()
}

/// Thoughts of a model that has no signature for them: an empty one tells them from Anthropic's
/// own when they come back.
pub(super) fn thinking_block(thoughts: &str, signature: &str) -> String {
    let mut block = Object::with_capacity(thoughts.len() + signature.len() + 48);
    block.text("type", "thinking");
    block.text("thinking", thoughts);
    block.text("signature", signature);
    block.close()
}

/// Thoughts that only their provider can read.
pub(super) fn redacted_block(data: &str) -> String {
    let mut block = Object::with_capacity(data.len() + 48);
    block.text("type", "redacted_thinking");
    block.text("data", data);
    block.close()
}

pub(super) fn call_block(id: &str, name: &str, input: &str) -> String {
    let mut block = Object::with_capacity(input.len() + 96);
    block.text("type", "tool_use");
    block.text("id", id);
    block.text("name", name);
    block.raw("input", input);
    block.close()
}

/// What decides the `stop_reason`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ending {
    pub(super) finish: Option<FinishReason>,
    /// There are calls of tools.
    pub(super) calls: bool,
    /// The model declined in words.
    pub(super) refused: bool,
}

impl Ending {
    pub(super) fn stop_reason(self) -> &'static str {
        match self.finish {
            Some(FinishReason::Length) => "max_tokens",
            Some(FinishReason::ContentFilter) => "refusal",
            _ if self.refused => "refusal",
            // A forced call ends in `stop` at others; clients of this dialect look for this word.
            _ if self.calls => "tool_use",
            Some(FinishReason::ToolCalls) => "tool_use",
            _ => "end_turn",
        }
    }
}

/// The `usage` object: input without what was read from or written to a cache, as in this dialect.
pub(super) fn usage_json(usage: &Usage) -> String {
    let written = usage.cache_write.saturating_add(usage.cache_write_1h);
    let mut all = Object::with_capacity(192);
    all.raw("input_tokens", &usage.input_fresh.to_string());
    all.raw("cache_creation_input_tokens", &written.to_string());
    all.raw("cache_read_input_tokens", &usage.input_cached.to_string());
    if written > 0 {
        let mut kinds = Object::with_capacity(80);
        let (short, hour) = (usage.cache_write, usage.cache_write_1h);
        kinds.raw("ephemeral_5m_input_tokens", &short.to_string());
        kinds.raw("ephemeral_1h_input_tokens", &hour.to_string());
        all.raw("cache_creation", &kinds.close());
    }
    all.raw("output_tokens", &usage.completion_tokens().to_string());
    if usage.reasoning > 0 {
        let mut details = Object::with_capacity(32);
        details.raw("thinking_tokens", &usage.reasoning.to_string());
        all.raw("output_tokens_details", &details.close());
    }
    all.close()
}
