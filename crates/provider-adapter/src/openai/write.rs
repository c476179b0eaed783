//! Answers in this dialect, written from the neutral form.

use bytes::{Bytes, BytesMut};
use steelyard_types::{AnswerToolCall, ChatAnswer, FinishReason, StreamEvent, ToolKind, Usage};

use super::convert::of_kind;
use super::details::Details;
use crate::ReplyContext;
use crate::collect::MAX_CHOICES;
use crate::json::{Object, push_text};

/// The end of every stream of this dialect.
pub(crate) const DONE_FRAME: &[u8] = b"data: [DONE]\n\n";

/// Writes a whole answer.
pub(crate) fn answer_body(answer: &ChatAnswer, context: &ReplyContext) -> Bytes {
    let mut choices = String::from("[");
    for (index, one) in std::iter::once(answer).chain(&answer.further).enumerate() {
        if index > 0 {
            choices.push(',');
        }
        choices.push_str(&choice(index, one, context));
    }
    choices.push(']');
    let mut body = envelope("chat.completion", &answer.model, context);
    body.raw("choices", &choices);
    if let Some(usage) = &answer.usage {
        body.raw("usage", &usage_json(usage));
    }
    Bytes::from(body.close())
}

fn choice(index: usize, answer: &ChatAnswer, context: &ReplyContext) -> String {
    let mut choice = Object::with_capacity(512);
    choice.raw("index", &index.to_string());
    choice.raw("message", &message(answer, context));
    match &answer.logprobs {
        Some(list) => choice.raw("logprobs", &logprobs(list)),
        None => choice.raw("logprobs", "null"),
    }
    match answer.finish {
        Some(finish) => choice.text("finish_reason", finish_word(finish, context)),
        // Whether the answer is whole is not known, and nothing is made up.
        None => choice.raw("finish_reason", "null"),
    }
    choice.close()
}

/// The reason in the client's words.
fn finish_word(finish: FinishReason, context: &ReplyContext) -> &'static str {
    match finish {
        FinishReason::ToolCalls if context.function_call => "function_call",
        finish => finish.as_openai(),
    }
}

fn message(answer: &ChatAnswer, context: &ReplyContext) -> String {
    let mut message = Object::with_capacity(256);
    message.text("role", "assistant");
    match &answer.text {
        Some(text) => message.text("content", text),
        None => message.raw("content", "null"),
    }
    if let Some(reasoning) = answer.reasoning_text() {
        message.text("reasoning_content", &reasoning);
    }
    if let Some(details) = Details::of(&answer.reasoning) {
        message.raw("reasoning_details", &details);
    }
    match &answer.refusal {
        Some(refusal) => message.text("refusal", refusal),
        None => message.raw("refusal", "null"),
    }
    let mut calls_left = answer.tool_calls.as_slice();
    if context.function_call
        && let Some((first, others)) = calls_left.split_first()
    {
        message.raw("function_call", &function(&first.name, &first.arguments));
        // The deprecated form has one place. What does not fit stands where it is looked for now.
        calls_left = others;
    }
    if !calls_left.is_empty() {
        let mut calls = String::from("[");
        for call in calls_left {
            if calls.len() > 1 {
                calls.push(',');
            }
            calls.push_str(&tool_call(None, call));
        }
        calls.push(']');
        message.raw("tool_calls", &calls);
    }
    message.close()
}

fn logprobs(list: &str) -> String {
    let mut logprobs = Object::with_capacity(list.len() + 32);
    logprobs.raw("content", list);
    logprobs.raw("refusal", "null");
    logprobs.close()
}

/// The fields that every object of this dialect begins with.
fn envelope(object: &str, model: &str, context: &ReplyContext) -> Object {
    let mut body = Object::with_capacity(512);
    body.text("id", &context.id);
    body.text("object", object);
    body.raw("created", &context.created.to_string());
    body.text(
        "model",
        if model.is_empty() {
            &context.upstream_model
        } else {
            model
        },
    );
    body
}

/// Id, object, created and model of a stream's chunks, as the beginning of an object.
pub(super) fn chunk_head(model: &str, context: &ReplyContext) -> String {
    let mut head = envelope("chat.completion.chunk", model, context).close();
    head.pop();
    head
}

fn function(name: &str, arguments: &str) -> String {
    let mut function = Object::with_capacity(64);
    function.text("name", name);
    function.text("arguments", arguments);
    function.close()
}

fn tool_call(index: Option<u32>, call: &AnswerToolCall) -> String {
    let mut out = Object::with_capacity(128);
    if let Some(index) = index {
        out.raw("index", &index.to_string());
    }
    out.text("id", &call.id);
    let inner = match call.kind {
        ToolKind::Function => function(&call.name, &call.arguments),
        ToolKind::Custom => {
            let mut custom = Object::with_capacity(64);
            custom.text("name", &call.name);
            custom.text("input", &call.arguments);
            custom.close()
        }
    };
    of_kind(call.kind, out, &inner)
}

/// The `usage` object: totals include their parts, as everywhere in this dialect.
pub(crate) fn usage_json(usage: &Usage) -> String {
    let mut prompt = Object::with_capacity(64);
    prompt.raw("cached_tokens", &usage.input_cached.to_string());
    let written = usage.cache_write.saturating_add(usage.cache_write_1h);
    if written > 0 {
        prompt.raw("cache_write_tokens", &written.to_string());
    }
    let mut completion = Object::with_capacity(32);
    completion.raw("reasoning_tokens", &usage.reasoning.to_string());
    let mut all = Object::with_capacity(192);
    all.raw("prompt_tokens", &usage.prompt_tokens().to_string());
    all.raw("completion_tokens", &usage.completion_tokens().to_string());
    all.raw("total_tokens", &usage.total_tokens().to_string());
    all.raw("prompt_tokens_details", &prompt.close());
    all.raw("completion_tokens_details", &completion.close());
    all.close()
}

/// A chunk without choices that says what was used: the last one before the end.
///
/// `head` is the beginning of an object: id, object, created and model.
pub(crate) fn usage_frame(head: &str, usage: &str, extension: Option<&str>) -> Bytes {
    let mut frame = String::with_capacity(head.len() + usage.len() + 64);
    frame.push_str("data: ");
    frame.push_str(head);
    frame.push_str(",\"choices\":[],\"usage\":");
    frame.push_str(usage);
    if let Some(extension) = extension {
        frame.push_str(",\"steelyard\":");
        frame.push_str(extension);
    }
    frame.push_str("}\n\n");
    Bytes::from(frame)
}

/// Writes the events of a stream as chunks.
#[derive(Debug)]
pub(crate) struct ChunkWriter {
    context: ReplyContext,
    /// The beginning of every chunk, once the model's name is known.
    head: String,
    buffer: BytesMut,
    scratch: String,
    choices: Vec<Written>,
}

/// What was written of one of the answers.
#[derive(Debug, Default)]
struct Written {
    details: Details,
    /// The calls of custom tools among its calls.
    custom: Vec<u32>,
    began: bool,
    finished: bool,
}

impl Written {
    /// What is called by the call that the event is of.
    fn kind(&mut self, event: &StreamEvent<'_>) -> ToolKind {
        let index = match event {
            StreamEvent::ToolCallStart { index, kind, .. } => {
                if *kind == ToolKind::Custom {
                    self.custom.push(*index);
                }
                index
            }
            StreamEvent::ToolCallArguments { index, .. } => index,
            _ => return ToolKind::Function,
        };
        if self.custom.contains(index) {
            ToolKind::Custom
        } else {
            ToolKind::Function
        }
    }
}

impl ChunkWriter {
    pub(crate) fn new(context: ReplyContext) -> Self {
        Self {
            context,
            head: String::new(),
            buffer: BytesMut::new(),
            scratch: String::new(),
            choices: Vec::new(),
        }
    }

    /// Writes one event. Usage, errors and the end are the stream's, not a chunk's.
    pub(crate) fn event(&mut self, event: &StreamEvent<'_>) {
        match event {
            StreamEvent::Start { model, .. } => {
                self.name_model(model);
                self.begin(0);
            }
            StreamEvent::Usage(_) | StreamEvent::Error(_) | StreamEvent::Done => {}
            StreamEvent::Further { choice, event } => {
                let choice = usize::try_from(*choice).unwrap_or(usize::MAX);
                if choice < MAX_CHOICES {
                    self.piece(choice, event);
                }
            }
            event => self.piece(0, event),
        }
    }

    /// Writes a piece of the answer at that place.
    fn piece(&mut self, choice: usize, event: &StreamEvent<'_>) {
        let written = self.begin(choice);
        if let StreamEvent::Logprobs(list) = event {
            self.chunk(choice, "{}", Some(&logprobs(list)), None);
            return;
        }
        let details = written.details.event(event);
        let kind = written.kind(event);
        let finish = match event {
            StreamEvent::Finish(reason) => Some(*reason),
            _ => None,
        };
        // One finish reason to an answer, whatever a decoder says.
        let is_over = finish.is_some() && std::mem::replace(&mut written.finished, true);
        if !details.is_empty() {
            self.chunk(choice, &details, None, None);
        }
        let is_proof = matches!(
            event,
            StreamEvent::ReasoningSignature(_) | StreamEvent::RedactedReasoning(_)
        );
        if is_proof || is_over {
            return;
        }
        let mut delta = std::mem::take(&mut self.scratch);
        delta.clear();
        delta.push('{');
        self.said(event, kind, &mut delta);
        delta.push('}');
        self.chunk(choice, &delta, None, finish);
        self.scratch = delta;
    }

    /// The fields of the delta for a piece of an answer.
    fn said(&self, event: &StreamEvent<'_>, kind: ToolKind, delta: &mut String) {
        let field = |delta: &mut String, name: &str, text: &str| {
            delta.push_str(name);
            push_text(delta, text);
        };
        match event {
            StreamEvent::Text(text) => field(delta, "\"content\":", text),
            StreamEvent::Reasoning(text) => field(delta, "\"reasoning_content\":", text),
            StreamEvent::Refusal(text) => field(delta, "\"refusal\":", text),
            StreamEvent::ToolCallStart { index: 0, name, .. } if self.context.function_call => {
                delta.push_str("\"function_call\":");
                delta.push_str(&function(name, ""));
            }
            StreamEvent::ToolCallArguments { index: 0, fragment } if self.context.function_call => {
                field(delta, "\"function_call\":{\"arguments\":", fragment);
                delta.push('}');
            }
            StreamEvent::ToolCallStart {
                index, id, name, ..
            } => {
                let call = AnswerToolCall {
                    id: id.as_ref().to_owned(),
                    kind,
                    name: name.as_ref().to_owned(),
                    arguments: String::new(),
                };
                delta.push_str("\"tool_calls\":[");
                delta.push_str(&tool_call(Some(self.place(*index)), &call));
                delta.push(']');
            }
            StreamEvent::ToolCallArguments { index, fragment } => {
                delta.push_str("\"tool_calls\":[{\"index\":");
                delta.push_str(&self.place(*index).to_string());
                let member = match kind {
                    ToolKind::Function => ",\"function\":{\"arguments\":",
                    ToolKind::Custom => ",\"custom\":{\"input\":",
                };
                field(delta, member, fragment);
                delta.push_str("}}]");
            }
            StreamEvent::Start { .. }
            | StreamEvent::ReasoningSignature(_)
            | StreamEvent::RedactedReasoning(_)
            | StreamEvent::Logprobs(_)
            | StreamEvent::Further { .. }
            | StreamEvent::Finish(_)
            | StreamEvent::Usage(_)
            | StreamEvent::Error(_)
            | StreamEvent::Done => {}
        }
    }

    /// The index of a call among the `tool_calls`: the first may be a `function_call` instead.
    fn place(&self, index: u32) -> u32 {
        index.saturating_sub(u32::from(self.context.function_call))
    }

    /// What was written since the last call.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        (!self.buffer.is_empty()).then(|| self.buffer.split().freeze())
    }

    /// Id, object, created and model of this stream's chunks, as the beginning of an object.
    pub(crate) fn head(&mut self) -> &str {
        self.name_model("");
        &self.head
    }

    fn name_model(&mut self, model: &str) {
        if self.head.is_empty() {
            self.head = chunk_head(model, &self.context);
        }
    }

    /// Writes whose answer it is before its first piece.
    fn begin(&mut self, choice: usize) -> &mut Written {
        self.name_model("");
        if self.choices.len() <= choice {
            self.choices.resize_with(choice + 1, Written::default);
        }
        if !std::mem::replace(&mut self.choices[choice].began, true) {
            let opening = "{\"role\":\"assistant\",\"content\":\"\"}";
            self.chunk(choice, opening, None, None);
        }
        &mut self.choices[choice]
    }

    fn chunk(
        &mut self,
        choice: usize,
        delta: &str,
        logprobs: Option<&str>,
        finish: Option<FinishReason>,
    ) {
        let out = &mut self.buffer;
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(b",\"choices\":[{\"index\":");
        match choice {
            0 => out.extend_from_slice(b"0"),
            further => out.extend_from_slice(further.to_string().as_bytes()),
        }
        out.extend_from_slice(b",\"delta\":");
        out.extend_from_slice(delta.as_bytes());
        out.extend_from_slice(b",\"logprobs\":");
        out.extend_from_slice(logprobs.unwrap_or("null").as_bytes());
        out.extend_from_slice(b",\"finish_reason\":");
        match finish {
            Some(reason) => {
                out.extend_from_slice(b"\"");
                out.extend_from_slice(finish_word(reason, &self.context).as_bytes());
                out.extend_from_slice(b"\"");
            }
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"}]");
        if self.context.include_usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
    }
}

#[cfg(test)]
mod tests;
