//! Whole answers in this dialect, and the pieces that its events are made of.

use bytes::Bytes;
use steelyard_types::{
    AnswerToolCall, ChatAnswer, ChatRequest, FinishReason, Thought, ToolKind, Usage,
};

use super::REDACTED;
use super::echo::echo;
use crate::ReplyContext;
use crate::gemini::signed;
use crate::json::{self, Object};

/// Writes a whole answer.
pub(crate) fn answer_body(answer: &ChatAnswer, context: &ReplyContext) -> Bytes {
    let mut output = Output::default();
    let ids = Ids::new(context);
    let think = |output: &mut Output, thought: &Thought| {
        let id = ids.item(Kind::Reasoning, output.count);
        let proof = proof(thought);
        output.push(&reasoning_item(&id, &thought.text, proof.as_deref()));
    };
    let (before, behind) = signed::around(&answer.reasoning);
    before
        .into_iter()
        .for_each(|thought| think(&mut output, thought));
    // What was cut off is the last thing that was written.
    let cut = is_cut(answer.finish);
    let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let text = said(&answer.text);
    let refusal = said(&answer.refusal);
    if text.is_some() || refusal.is_some() {
        let logprobs = answer.logprobs.as_deref().unwrap_or("[]");
        let parts: Vec<String> = [
            text.map(|text| text_part(&text, logprobs)),
            refusal.map(|refusal| refusal_part(&refusal)),
        ]
        .into_iter()
        .flatten()
        .collect();
        let id = ids.item(Kind::Message, output.count);
        let whole = !cut || !answer.tool_calls.is_empty();
        output.push(&message_item(&id, status(whole), &parts.join(",")));
    }
    behind
        .into_iter()
        .for_each(|thought| think(&mut output, thought));
    for (position, call) in answer.tool_calls.iter().enumerate() {
        let id = ids.item(Kind::of(call.kind), output.count);
        let whole = !cut || position + 1 < answer.tool_calls.len();
        let text = match call.kind {
            ToolKind::Function => arguments(&call.arguments),
            ToolKind::Custom => &call.arguments,
        };
        output.push(&call_item(&id, status(whole), call, text));
    }
    let usage = answer.usage.as_ref().map(usage_json);
    let response = Response {
        status: response_status(answer.finish),
        details: details(answer.finish),
        error: "null",
        output: &output.close(),
        usage: usage.as_deref(),
        extension: None,
    };
    Bytes::from(response.write(&answer.model, context))
}

/// A list of items.
#[derive(Default)]
struct Output {
    text: String,
    count: usize,
}

impl Output {
    fn push(&mut self, item: &str) {
        if self.count > 0 {
            self.text.push(',');
        }
        self.text.push_str(item);
        self.count += 1;
    }

    fn close(self) -> String {
        format!("[{}]", self.text)
    }
}

/// What a response object says besides what it repeats of its request.
pub(super) struct Response<'a> {
    pub(super) status: &'a str,
    /// `incomplete_details`, as JSON.
    pub(super) details: &'a str,
    /// `error`, as JSON.
    pub(super) error: &'a str,
    /// The items, as a JSON list.
    pub(super) output: &'a str,
    pub(super) usage: Option<&'a str>,
    /// What the gateway has to say, as a JSON object.
    pub(super) extension: Option<&'a str>,
}

impl Response<'_> {
    pub(super) fn write(&self, model: &str, context: &ReplyContext) -> String {
        let mut body = Object::with_capacity(self.output.len() + 1_024);
        body.text("id", &context.id);
        body.text("object", "response");
        body.raw("created_at", &context.created.to_string());
        body.text("status", self.status);
        body.raw("error", self.error);
        body.raw("incomplete_details", self.details);
        let named = Some(model).filter(|model| !model.is_empty());
        body.text("model", named.unwrap_or(&context.upstream_model));
        body.raw("output", self.output);
        body.raw("usage", self.usage.unwrap_or("null"));
        if let Some(extension) = self.extension {
            body.raw("steelyard", extension);
        }
        let mut body = body.close();
        body.pop();
        body.push(',');
        match &context.echo {
            Some(echo) => body.push_str(echo),
            None => body.push_str(&echo(&ChatRequest::default())),
        }
        body.push('}');
        body
    }
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Reasoning,
    Message,
    Call,
    CustomCall,
}

impl Kind {
    /// That of calls of such a tool.
    pub(super) fn of(tool: ToolKind) -> Self {
        match tool {
            ToolKind::Function => Self::Call,
            ToolKind::Custom => Self::CustomCall,
        }
    }
}

/// The ids of an answer's items.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids(u64);

impl Ids {
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self(json::fnv1a(&[context.id.as_bytes()]))
    }

    /// The id of the item at that place. OpenAI wants these beginnings when items come back, and at
    /// most 64 characters; `sy` tells them from its own, which go on in hexadecimal digits.
    pub(super) fn item(self, kind: Kind, at: usize) -> String {
        let kind = match kind {
            Kind::Reasoning => "rs",
            Kind::Message => "msg",
            Kind::Call => "fc",
            Kind::CustomCall => "ctc",
        };
        format!("{kind}_sy{:016x}{at:04x}", self.0)
    }
}

/// How ids of reasoning begin that were made here.
pub(super) const OWN_REASONING: &str = "rs_sy";

pub(super) fn status(whole: bool) -> &'static str {
    if whole { "completed" } else { "incomplete" }
}

pub(super) fn is_cut(finish: Option<FinishReason>) -> bool {
    matches!(
        finish,
        Some(FinishReason::Length | FinishReason::ContentFilter)
    )
}

pub(super) fn response_status(finish: Option<FinishReason>) -> &'static str {
    // Without a reason it is not known whether the answer is whole, and nothing is made up.
    status(finish.is_some() && !is_cut(finish))
}

/// `incomplete_details`.
pub(super) fn details(finish: Option<FinishReason>) -> &'static str {
    match finish {
        Some(FinishReason::Length) => "{\"reason\":\"max_output_tokens\"}",
        Some(FinishReason::ContentFilter) => "{\"reason\":\"content_filter\"}",
        _ => "null",
    }
}

/// What must come back with thoughts, for `encrypted_content`.
fn proof(thought: &Thought) -> Option<String> {
    match &thought.redacted {
        Some(data) => Some(format!("{REDACTED}{data}")),
        None => thought.signature.clone(),
    }
}

pub(super) fn reasoning_item(id: &str, text: &str, proof: Option<&str>) -> String {
    let mut item = Object::with_capacity(text.len() + 128);
    item.text("id", id);
    item.text("type", "reasoning");
    let summary = if text.is_empty() {
        "[]".to_owned()
    } else {
        format!("[{}]", summary_part(text))
    };
    item.raw("summary", &summary);
    match proof {
        Some(proof) => item.text("encrypted_content", proof),
        None => item.raw("encrypted_content", "null"),
    }
    item.close()
}

pub(super) fn summary_part(text: &str) -> String {
    let mut part = Object::with_capacity(text.len() + 48);
    part.text("type", "summary_text");
    part.text("text", text);
    part.close()
}

/// A message with these parts, which are JSON with commas between them.
pub(super) fn message_item(id: &str, status: &str, parts: &str) -> String {
    let mut item = Object::with_capacity(parts.len() + 128);
    item.text("id", id);
    item.text("type", "message");
    item.text("status", status);
    item.text("role", "assistant");
    item.raw("content", &format!("[{parts}]"));
    item.close()
}

pub(super) fn text_part(text: &str, logprobs: &str) -> String {
    let mut part = Object::with_capacity(text.len() + logprobs.len() + 80);
    part.text("type", "output_text");
    part.text("text", text);
    part.raw("annotations", "[]");
    part.raw("logprobs", logprobs);
    part.close()
}

pub(super) fn refusal_part(text: &str) -> String {
    let mut part = Object::with_capacity(text.len() + 40);
    part.text("type", "refusal");
    part.text("refusal", text);
    part.close()
}

/// A call, with this text for its arguments.
pub(super) fn call_item(id: &str, status: &str, call: &AnswerToolCall, text: &str) -> String {
    let (kind, member) = match call.kind {
        ToolKind::Function => ("function_call", "arguments"),
        ToolKind::Custom => ("custom_tool_call", "input"),
    };
    let mut item = Object::with_capacity(text.len() + 160);
    item.text("id", id);
    item.text("type", kind);
    item.text("status", status);
    item.text("call_id", &call.id);
    item.text("name", &call.name);
    item.text(member, text);
    item.close()
}

/// A function without arguments is called with none: clients parse what stands there.
pub(super) fn arguments(text: &str) -> &str {
    if text.trim().is_empty() { "{}" } else { text }
}

/// The `usage` object: totals include their parts.
pub(super) fn usage_json(usage: &Usage) -> String {
    let written = usage.cache_write.saturating_add(usage.cache_write_1h);
    let mut input = Object::with_capacity(64);
    input.raw("cached_tokens", &usage.input_cached.to_string());
    input.raw("cache_write_tokens", &written.to_string());
    let mut output = Object::with_capacity(32);
    output.raw("reasoning_tokens", &usage.reasoning.to_string());
    let mut all = Object::with_capacity(192);
    all.raw("input_tokens", &usage.prompt_tokens().to_string());
    all.raw("input_tokens_details", &input.close());
    all.raw("output_tokens", &usage.completion_tokens().to_string());
    all.raw("output_tokens_details", &output.close());
    all.raw("total_tokens", &usage.total_tokens().to_string());
    all.close()
}
