//! Streamed answers in this dialect, written from the neutral form.
//!
//! Clients of this dialect build a message out of its events and are strict about their order: one
//! block is open at a time, and a block that was closed stays closed. Providers that write several
//! calls side by side are put in order here: a block waits until the call before it is whole.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use steelyard_types::{ErrorKind, ProviderError, StreamEvent, Usage};

use super::write::{
    Ending, call_block, envelope, redacted_block, text_block, thinking_block, usage_json,
};
use crate::ReplyContext;
use crate::json::{Object, push_text};

/// Most bytes that wait behind a call that is not whole.
const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// The end of every stream of this dialect.
pub(super) const STOP_FRAME: &[u8] = b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

/// Writes the events of one answer.
#[derive(Debug)]
pub(crate) struct EventWriter {
    context: ReplyContext,
    /// The model's name as its provider told it.
    model: String,
    /// Tokens used, as far as was said before the first block.
    usage: Usage,
    began: bool,
    /// The index of the next block.
    next: u32,
    open: Option<Open>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    end: Ending,
    buffer: BytesMut,
    scratch: String,
}

/// The block that is open.
#[derive(Debug)]
struct Open {
    index: u32,
    kind: Kind,
    json: JsonEnd,
    /// Thoughts whose signature has been written: there is no more to come.
    signed: bool,
}

/// A block that cannot be opened yet, with what it will hold.
#[derive(Debug)]
struct Waiting {
    kind: Kind,
    /// Id and name of a call.
    call: Option<(String, String)>,
    content: String,
    /// The signature of thoughts.
    signature: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    /// Thoughts that only their provider can read: whole, never gone on with.
    Redacted,
    /// The call of that number.
    Call(u32),
}

impl EventWriter {
    pub(crate) fn new(context: ReplyContext) -> Self {
        Self {
            context,
            model: String::new(),
            usage: Usage::default(),
            began: false,
            next: 0,
            open: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            end: Ending::default(),
            buffer: BytesMut::new(),
            scratch: String::new(),
        }
    }

    /// Writes one event. The end is written by [`Self::close`].
    ///
    /// # Errors
    /// A piece of a call that was whole already, and more waiting pieces than the bound.
    pub(crate) fn event(&mut self, event: &StreamEvent<'_>) -> Result<(), ProviderError> {
        match event {
            StreamEvent::Start { model, .. } => model.as_ref().clone_into(&mut self.model),
            StreamEvent::Usage(usage) => self.usage = *usage,
            StreamEvent::Text(text) => self.say(Kind::Text, None, text)?,
            StreamEvent::Refusal(text) => {
                self.end.refused = true;
                self.say(Kind::Text, None, text)?;
            }
            StreamEvent::Reasoning(text) => self.say(Kind::Thinking, None, text)?,
            StreamEvent::ToolCallStart {
                index, id, name, ..
            } => {
                self.end.calls = true;
                self.say(Kind::Call(*index), Some((id, name)), "")?;
            }
            StreamEvent::ToolCallArguments { index, fragment } => {
                self.say(Kind::Call(*index), None, fragment)?;
            }
            StreamEvent::Finish(reason) => self.end.finish = Some(*reason),
            StreamEvent::ReasoningSignature(signature) => self.sign(signature)?,
            StreamEvent::RedactedReasoning(data) => self.say(Kind::Redacted, None, data)?,
            // Asking for them is refused where this dialect's clients ask at all.
            StreamEvent::Logprobs(_)
            | StreamEvent::Further { .. }
            | StreamEvent::Error(_)
            | StreamEvent::Done => {}
        }
        Ok(())
    }

    /// What was written since the last call.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        (!self.buffer.is_empty()).then(|| self.buffer.split().freeze())
    }

    /// Writes the end of a complete answer. `extension`, a JSON object, stands in `message_delta`
    /// under the key `steelyard`.
    pub(crate) fn close(&mut self, usage: Option<&Usage>, extension: Option<&str>) {
        self.begin();
        while let Some(block) = self.waiting.pop_front() {
            self.release(block);
        }
        self.close_block();
        let mut delta = Object::with_capacity(64);
        delta.text("stop_reason", self.end.stop_reason());
        delta.raw("stop_sequence", "null");
        let mut event = Object::with_capacity(384);
        event.text("type", "message_delta");
        event.raw("delta", &delta.close());
        let usage = usage.copied().unwrap_or(self.usage);
        event.raw("usage", &usage_json(&usage));
        if let Some(extension) = extension {
            event.raw("steelyard", extension);
        }
        self.frame("message_delta", &event.close());
        self.buffer.extend_from_slice(STOP_FRAME);
    }

    /// Puts a piece where it belongs: into the open block, a new one, or one that waits.
    fn say(
        &mut self,
        kind: Kind,
        call: Option<(&str, &str)>,
        text: &str,
    ) -> Result<(), ProviderError> {
        self.begin();
        let starts = call.is_some();
        let goes_on = |open: &Open| open.kind == kind && !open.signed && kind != Kind::Redacted;
        if !starts && self.open.as_ref().is_some_and(goes_on) {
            self.delta(text);
            if self.waiting.is_empty() || !self.is_whole() {
                return Ok(());
            }
            return self.release_waiting();
        }
        // Words go behind whatever waits, the pieces of a call to their call.
        let same = |block: &&mut Waiting| block.kind == kind;
        let place = match kind {
            Kind::Call(_) if !starts => self.waiting.iter_mut().find(same),
            Kind::Call(_) => None,
            Kind::Text | Kind::Thinking => self
                .waiting
                .back_mut()
                .filter(|block| same(block) && block.signature.is_none()),
            Kind::Redacted => None,
        };
        if let Some(block) = place {
            self.waiting_bytes += text.len();
            block.content.push_str(text);
            return self.check_waiting();
        }
        if matches!(kind, Kind::Call(_)) && !starts {
            // White space behind a whole object says nothing.
            return if text.trim().is_empty() {
                Ok(())
            } else {
                Err(invalid("a call of a tool goes on after it was whole"))
            };
        }
        let owned = |(id, name): (&str, &str)| (id.to_owned(), name.to_owned());
        self.waiting_bytes += text.len();
        self.waiting.push_back(Waiting {
            kind,
            call: call.map(owned),
            content: text.to_owned(),
            signature: None,
        });
        if self.is_whole() {
            self.release_waiting()
        } else {
            self.check_waiting()
        }
    }

    /// Signs the thoughts before it; where the provider kept those, an empty block of them.
    fn sign(&mut self, signature: &str) -> Result<(), ProviderError> {
        let is_thinking = |kind: Kind, signed: bool| kind == Kind::Thinking && !signed;
        let waiting = self.waiting.back_mut();
        match waiting {
            Some(block) if is_thinking(block.kind, block.signature.is_some()) => {
                self.waiting_bytes += signature.len();
                block.signature = Some(signature.to_owned());
                return self.check_waiting();
            }
            None if let Some(open) = &mut self.open
                && is_thinking(open.kind, open.signed) =>
            {
                open.signed = true;
                let index = open.index;
                self.write_delta(index, "signature_delta", "signature", signature);
                return Ok(());
            }
            _ => {}
        }
        self.say(Kind::Thinking, None, "")?;
        self.sign(signature)
    }

    fn check_waiting(&self) -> Result<(), ProviderError> {
        if self.waiting_bytes > MAX_WAITING_BYTES {
            return Err(invalid("too much waits behind a call of a tool"));
        }
        Ok(())
    }

    /// Opens the blocks that wait, up to one that is not whole.
    fn release_waiting(&mut self) -> Result<(), ProviderError> {
        while self.is_whole()
            && let Some(block) = self.waiting.pop_front()
        {
            let signature = block.signature.as_ref().map_or(0, String::len);
            let size = block.content.len() + signature;
            self.waiting_bytes = self.waiting_bytes.saturating_sub(size);
            self.release(block);
        }
        self.check_waiting()
    }

    /// Whether another block may follow the one that is open: words are whole at any time, the
    /// arguments of a call when their object is closed.
    fn is_whole(&self) -> bool {
        self.open.as_ref().is_none_or(|open| match open.kind {
            Kind::Text | Kind::Thinking | Kind::Redacted => true,
            Kind::Call(_) => open.json.is_whole(),
        })
    }

    fn release(&mut self, block: Waiting) {
        self.close_block();
        let index = self.next;
        self.next += 1;
        let empty = match (block.kind, &block.call) {
            (Kind::Text, _) => text_block(""),
            (Kind::Thinking, _) => thinking_block("", ""),
            (Kind::Redacted, _) => redacted_block(&block.content),
            (Kind::Call(_), call) => {
                let (id, name) = call.as_ref().map_or(("", ""), |(id, name)| (id, name));
                call_block(id, name, "{}")
            }
        };
        let mut event = Object::with_capacity(empty.len() + 64);
        event.text("type", "content_block_start");
        event.raw("index", &index.to_string());
        event.raw("content_block", &empty);
        self.frame("content_block_start", &event.close());
        self.open = Some(Open {
            index,
            kind: block.kind,
            json: JsonEnd::default(),
            signed: block.signature.is_some(),
        });
        if !block.content.is_empty() && block.kind != Kind::Redacted {
            self.delta(&block.content);
        }
        if let Some(signature) = &block.signature {
            self.write_delta(index, "signature_delta", "signature", signature);
        }
    }

    fn delta(&mut self, text: &str) {
        let Some(open) = &mut self.open else {
            return;
        };
        let (kind, field) = match open.kind {
            Kind::Text => ("text_delta", "text"),
            Kind::Thinking => ("thinking_delta", "thinking"),
            Kind::Redacted => return,
            Kind::Call(_) => {
                open.json.read(text);
                ("input_json_delta", "partial_json")
            }
        };
        let index = open.index;
        self.write_delta(index, kind, field, text);
    }

    fn write_delta(&mut self, index: u32, kind: &str, field: &str, text: &str) {
        let mut data = std::mem::take(&mut self.scratch);
        data.clear();
        data.push_str("{\"type\":\"content_block_delta\",\"index\":");
        data.push_str(&index.to_string());
        data.push_str(",\"delta\":{\"type\":\"");
        data.push_str(kind);
        data.push_str("\",\"");
        data.push_str(field);
        data.push_str("\":");
        push_text(&mut data, text);
        data.push_str("}}");
        self.frame("content_block_delta", &data);
        self.scratch = data;
    }

    fn close_block(&mut self) {
        if let Some(open) = self.open.take() {
            let data = format!(
                "{{\"type\":\"content_block_stop\",\"index\":{}}}",
                open.index
            );
            self.frame("content_block_stop", &data);
        }
    }

    /// Writes `message_start`, before the first block: by then providers that say early what they
    /// read have said so.
    fn begin(&mut self) {
        if std::mem::replace(&mut self.began, true) {
            return;
        }
        let mut message = envelope(&self.model, &self.context, "[]");
        message.raw("stop_reason", "null");
        message.raw("stop_sequence", "null");
        message.raw("usage", &usage_json(&self.usage));
        let mut event = Object::with_capacity(512);
        event.text("type", "message_start");
        event.raw("message", &message.close());
        self.frame("message_start", &event.close());
    }

    fn frame(&mut self, event: &str, data: &str) {
        let out = &mut self.buffer;
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(event.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        out.extend_from_slice(data.as_bytes());
        out.extend_from_slice(b"\n\n");
    }
}

fn invalid(message: &str) -> ProviderError {
    ProviderError::new(ErrorKind::InvalidAnswer, message)
}

/// Finds the end of a JSON object that comes in pieces.
#[derive(Debug, Clone, Copy, Default)]
struct JsonEnd {
    depth: u32,
    in_text: bool,
    escaped: bool,
    ended: bool,
}

impl JsonEnd {
    fn is_whole(self) -> bool {
        self.ended
    }

    fn read(&mut self, piece: &str) {
        for byte in piece.bytes() {
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.ended |= self.depth == 0;
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
