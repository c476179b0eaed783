//! Streamed answers in this dialect, written from the neutral form.
//!
//! Clients build a response out of its events by the place of its items. Words and thoughts are open
//! one at a time; calls stay open side by side until they are whole, as providers write them.

use bytes::{Bytes, BytesMut};
use steelyard_types::{
    AnswerToolCall, ErrorKind, FinishReason, ProviderError, StreamEvent, ToolKind, Usage,
};

use super::REDACTED;
use super::error_body::{response_error, stream_error_frame};
use super::write::{self, Ids, Response, refusal_part, text_part};
use crate::ReplyContext;
use crate::dialect::ClientError;
use crate::json::{self, Object};

/// Most bytes of an answer: the last event repeats all of it.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Most items of an answer.
const MAX_ITEMS: usize = 4_096;

mod calls;
mod words;

/// Writes the events of one answer.
#[derive(Debug)]
pub(crate) struct ItemWriter {
    context: ReplyContext,
    ids: Ids,
    /// The model's name as its provider told it.
    model: String,
    /// The number of the next event.
    sequence: u64,
    began: bool,
    /// The items in their places, those that are done as JSON.
    items: Vec<Option<String>>,
    open: Option<Open>,
    calls: Vec<Call>,
    /// Words that may still be told how likely they were.
    pending: String,
    finish: Option<FinishReason>,
    bytes: usize,
    buffer: BytesMut,
}

/// The words or thoughts that are open.
#[derive(Debug)]
enum Open {
    Reasoning {
        at: usize,
        text: String,
    },
    Message {
        at: usize,
        /// The parts that are done, as JSON with commas between them.
        done: String,
        /// How many these are.
        parts: usize,
        part: Part,
    },
}

/// The part of a message that is open.
#[derive(Debug)]
struct Part {
    refusal: bool,
    text: String,
    /// How likely its tokens were: entries of a JSON list, with commas between them.
    logprobs: String,
}

/// A call that has begun.
#[derive(Debug)]
struct Call {
    number: u32,
    at: usize,
    call: AnswerToolCall,
    done: bool,
}

impl ItemWriter {
    pub(crate) fn new(context: ReplyContext) -> Self {
        Self {
            ids: Ids::new(&context),
            context,
            model: String::new(),
            sequence: 0,
            began: false,
            items: Vec::new(),
            open: None,
            calls: Vec::new(),
            pending: String::new(),
            finish: None,
            bytes: 0,
            buffer: BytesMut::new(),
        }
    }

    /// Writes one event. The end is written by [`Self::close`].
    ///
    /// # Errors
    /// A piece of a call that was whole already, and more than the bounds.
    pub(crate) fn event(&mut self, event: &StreamEvent<'_>) -> Result<(), ProviderError> {
        if !matches!(event, StreamEvent::Logprobs(_)) {
            self.flush();
        }
        match event {
            StreamEvent::Start { model, .. } => {
                model.as_ref().clone_into(&mut self.model);
                self.begin();
            }
            StreamEvent::Text(text) => {
                self.count(text)?;
                self.part(false)?;
                self.pending.push_str(text);
            }
            StreamEvent::Logprobs(list) => {
                self.count(list)?;
                self.likely(list)?;
            }
            StreamEvent::Refusal(text) => {
                self.count(text)?;
                self.part(true)?;
                self.say(text, "");
            }
            StreamEvent::Reasoning(text) => {
                self.count(text)?;
                self.think(text)?;
            }
            StreamEvent::ReasoningSignature(signature) => {
                self.count(signature)?;
                self.sign(signature)?;
            }
            StreamEvent::RedactedReasoning(data) => {
                self.count(data)?;
                self.settle();
                self.sign(&[REDACTED, data].concat())?;
            }
            StreamEvent::ToolCallStart {
                index,
                id,
                kind,
                name,
            } => self.call(
                *index,
                AnswerToolCall {
                    id: id.as_ref().to_owned(),
                    kind: *kind,
                    name: name.as_ref().to_owned(),
                    arguments: String::new(),
                },
            )?,
            StreamEvent::ToolCallArguments { index, fragment } => {
                self.count(fragment)?;
                self.arguments(*index, fragment)?;
            }
            StreamEvent::Finish(reason) => self.finish = Some(*reason),
            StreamEvent::Further { .. }
            | StreamEvent::Usage(_)
            | StreamEvent::Error(_)
            | StreamEvent::Done => {}
        }
        Ok(())
    }

    /// What was written since the last call.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        self.flush();
        (!self.buffer.is_empty()).then(|| self.buffer.split().freeze())
    }

    /// Writes the end of a complete answer. `extension`, a JSON object, stands in the response under
    /// the key `steelyard`.
    pub(crate) fn close(&mut self, usage: Option<&Usage>, extension: Option<&str>) {
        self.begin();
        let cut = write::is_cut(self.finish);
        self.close_open(!cut);
        for index in 0..self.calls.len() {
            self.close_call(index, !cut);
        }
        let usage = usage.map(write::usage_json);
        let output = self.output();
        let response = Response {
            status: write::response_status(self.finish),
            details: write::details(self.finish),
            error: "null",
            output: &output,
            usage: usage.as_deref(),
            extension,
        };
        let response = response.write(&self.model, &self.context);
        let kind = if cut {
            "response.incomplete"
        } else {
            "response.completed"
        };
        self.frame(kind, |event| event.raw("response", &response));
    }

    /// The end of an answer that broke off: `error`, and the response as far as it came.
    pub(crate) fn failure(&mut self, error: &ClientError<'_>) -> Bytes {
        self.begin();
        self.flush();
        let frame = stream_error_frame(error, self.sequence);
        self.sequence += 1;
        self.buffer.extend_from_slice(&frame);
        let output = self.output();
        let response = Response {
            status: "failed",
            details: "null",
            error: &response_error(error),
            output: &output,
            usage: None,
            extension: None,
        };
        let response = response.write(&self.model, &self.context);
        self.frame("response.failed", |event| event.raw("response", &response));
        self.buffer.split().freeze()
    }

    fn count(&mut self, text: &str) -> Result<(), ProviderError> {
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > MAX_BYTES {
            return Err(invalid("the answer is too long to be repeated at its end"));
        }
        Ok(())
    }

    /// The items that are done, as a list.
    fn output(&self) -> String {
        let done: Vec<&str> = self.items.iter().flatten().map(String::as_str).collect();
        format!("[{}]", done.join(","))
    }

    fn begin(&mut self) {
        if std::mem::replace(&mut self.began, true) {
            return;
        }
        let response = Response {
            status: "in_progress",
            details: "null",
            error: "null",
            output: "[]",
            usage: None,
            extension: None,
        };
        let response = response.write(&self.model, &self.context);
        self.frame("response.created", |event| event.raw("response", &response));
        self.frame("response.in_progress", |event| {
            event.raw("response", &response);
        });
    }

    /// A place for another item.
    fn place(&mut self) -> Result<usize, ProviderError> {
        self.begin();
        if self.items.len() == MAX_ITEMS {
            return Err(invalid("the answer has too many items"));
        }
        self.items.push(None);
        Ok(self.items.len() - 1)
    }

    /// Opens an item of that JSON.
    fn added(&mut self, at: usize, item: &str) {
        self.frame("response.output_item.added", |event| {
            event.raw("output_index", &at.to_string());
            event.raw("item", item);
        });
    }

    fn done(&mut self, at: usize, item: String) {
        self.frame("response.output_item.done", |event| {
            event.raw("output_index", &at.to_string());
            event.raw("item", &item);
        });
        if let Some(place) = self.items.get_mut(at) {
            *place = Some(item);
        }
    }

    /// Closes what another item may follow: words, thoughts, and calls that are whole.
    fn settle(&mut self) {
        self.close_open(true);
        for index in 0..self.calls.len() {
            let whole = self.calls.get(index).is_some_and(|one| {
                // Of free text nobody knows.
                one.call.kind == ToolKind::Function && json::object(&one.call.arguments).is_some()
            });
            if whole {
                self.close_call(index, true);
            }
        }
    }

    fn frame(&mut self, kind: &str, fill: impl FnOnce(&mut Object)) {
        let mut event = Object::with_capacity(256);
        event.text("type", kind);
        event.raw("sequence_number", &self.sequence.to_string());
        fill(&mut event);
        self.sequence += 1;
        let out = &mut self.buffer;
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        out.extend_from_slice(event.close().as_bytes());
        out.extend_from_slice(b"\n\n");
    }
}

impl Part {
    fn new(refusal: bool) -> Self {
        Self {
            refusal,
            text: String::new(),
            logprobs: String::new(),
        }
    }

    fn json(&self) -> String {
        if self.refusal {
            refusal_part(&self.text)
        } else {
            text_part(&self.text, &format!("[{}]", self.logprobs))
        }
    }
}

fn invalid(message: &str) -> ProviderError {
    ProviderError::new(ErrorKind::InvalidAnswer, message)
}
