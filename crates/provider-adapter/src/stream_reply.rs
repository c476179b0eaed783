//! Streamed answers on their way back to the client.

use bytes::Bytes;
use steelyard_types::{
    ChatAnswer, Dialect, ErrorKind, FinishReason, ProviderError, StreamEvent, Usage, WireFormat,
};

use crate::openai::DONE_FRAME;
use crate::sources::LeftBehind;
use crate::sse::{Frame, SseDecoder};
use crate::{ClientError, Losses, ReplyContext, adapter, assemble, client_dialect, origin};

mod mode;

use mode::{Mode, Writer};

/// How far a streamed answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing that a client would see as an answer yet: a role, a ping, usage.
    Waiting,
    /// Text, reasoning, a refusal or a tool call is in: the commit point may be passed.
    Content,
    /// The answer is complete, finish reason and end: [`StreamReply::close`] writes what is left.
    Complete,
    /// There is no more to come: see [`StreamReply::error`].
    Failed,
}

/// Turns a provider's stream into the client's.
///
/// Where both speak the same dialect, frames go through as slices of the input, and a decoder only
/// looks at them; otherwise every event is written anew. Usage and the end are held back until
/// [`StreamReply::close`], because the gateway adds the cost to them.
pub struct StreamReply {
    dialect: Dialect,
    sse: SseDecoder,
    mode: Mode,
    include_usage: bool,
    seen: Seen,
}

/// What has come so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    content: bool,
    answer: bool,
    done: bool,
    /// What of the answer its conversion leaves behind.
    pub(crate) left: LeftBehind,
    pub(crate) usage: Option<Usage>,
    finish: Option<FinishReason>,
    pub(crate) error: Option<ProviderError>,
}

impl Seen {
    pub(crate) fn event(&mut self, event: &StreamEvent<'_>) {
        match event {
            StreamEvent::Start { .. } | StreamEvent::Logprobs(_) => {}
            StreamEvent::Reasoning(_)
            | StreamEvent::ReasoningSignature(_)
            | StreamEvent::RedactedReasoning(_) => self.content = true,
            StreamEvent::Text(_)
            | StreamEvent::Refusal(_)
            | StreamEvent::ToolCallStart { .. }
            | StreamEvent::ToolCallArguments { .. } => {
                self.content = true;
                self.answer = true;
            }
            // Why a further answer ended is not why the stream does.
            StreamEvent::Further { event, .. } if matches!(**event, StreamEvent::Finish(_)) => {}
            StreamEvent::Further { event, .. } => self.event(event),
            StreamEvent::Finish(reason) => self.finish = Some(*reason),
            StreamEvent::Usage(usage) => self.usage = Some(*usage),
            StreamEvent::Error(error) => self.fail(error.clone()),
            StreamEvent::Done if self.finish.is_none() => {
                let message = "the stream ended without a finish reason";
                self.fail(ProviderError::new(ErrorKind::BrokenStream, message));
            }
            StreamEvent::Done => self.done = true,
        }
    }

    /// Looks for what stays behind in a frame of an answer that is converted.
    pub(crate) fn look(&mut self, wire: WireFormat, frame: &Frame<'_>) {
        self.left.look(wire, frame.data);
    }

    /// The first error stays: what comes after it is its consequence.
    pub(crate) fn fail(&mut self, error: ProviderError) {
        self.error.get_or_insert(error);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.done || self.error.is_some()
    }

    pub(crate) fn progress(&self) -> Progress {
        if self.error.is_some() {
            Progress::Failed
        } else if self.done {
            Progress::Complete
        } else if self.content {
            Progress::Content
        } else {
            Progress::Waiting
        }
    }
}

impl StreamReply {
    /// A reply to one streamed request.
    #[must_use]
    pub fn new(wire: WireFormat, context: ReplyContext) -> Self {
        let include_usage = context.include_usage;
        let dialect = context.dialect;
        let mode = Mode::new(wire, context);
        Self {
            dialect,
            sse: SseDecoder::default(),
            mode,
            include_usage,
            seen: Seen::default(),
        }
    }

    /// The stream of an answer that came whole; appends what may be sent to the client. It is
    /// complete or has failed.
    #[must_use]
    pub fn of_answer(
        answer: ChatAnswer,
        wire: WireFormat,
        context: ReplyContext,
        out: &mut Vec<Bytes>,
    ) -> Self {
        let include_usage = context.include_usage;
        let dialect = context.dialect;
        let mark = origin::mark(wire, &context.upstream_model);
        let mut writer = Writer::new(context);
        let mut seen = Seen::default();
        assemble::events(answer, &mut |event| {
            mode::write(&mut writer, &mark, &mut seen, event);
        });
        out.extend(writer.take());
        Self {
            dialect,
            sse: SseDecoder::default(),
            mode: Mode::Convert {
                wire,
                decoder: adapter(wire).stream_decoder(),
                writer,
                mark,
            },
            include_usage,
            seen,
        }
    }

    /// The same reply, having looked for what stays behind in the body from which its answer was
    /// read.
    #[must_use]
    pub fn read_from(mut self, wire: WireFormat, body: &[u8]) -> Self {
        let json = std::str::from_utf8(body).unwrap_or_default();
        self.seen.left.look(wire, json);
        self
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.seen.progress()
    }

    /// Feeds bytes of the provider's body and appends what may be sent to the client. Nothing is
    /// appended any more once the reply is complete or has failed.
    pub fn push(&mut self, chunk: &Bytes, out: &mut Vec<Bytes>) -> Progress {
        let mut rest = chunk.clone();
        while !self.seen.is_over() {
            match self.sse.next(&mut rest) {
                Ok(Some(frame)) => self
                    .mode
                    .frame(&frame, self.include_usage, &mut self.seen, out),
                Ok(None) => break,
                Err(error) => {
                    self.seen.fail(ProviderError::new(
                        ErrorKind::InvalidAnswer,
                        error.to_string(),
                    ));
                }
            }
        }
        self.mode.flush(out);
        self.seen.progress()
    }

    /// The provider closed its stream.
    pub fn end(&mut self, out: &mut Vec<Bytes>) -> Progress {
        if !self.seen.is_over() {
            // A last frame without its blank line counts if it is whole; if it is not, the stream
            // was cut, which the decoder's end says better than an unreadable frame.
            if let Ok(Some(frame)) = self.sse.end()
                && is_whole(frame.data)
            {
                let frame = Frame {
                    raw: &with_blank_line(&frame),
                    ..frame
                };
                self.mode
                    .frame(&frame, self.include_usage, &mut self.seen, out);
            }
        }
        if !self.seen.is_over() {
            self.mode.end(&mut self.seen);
        }
        self.mode.flush(out);
        self.seen.progress()
    }

    /// Writes the end of a complete stream. `extension` is a JSON object that stands in it under the
    /// key `steelyard`.
    ///
    /// In OpenAI's dialect the end is the usage chunk, if the client asked for it, and `[DONE]`; the
    /// chunk is written for the extension's sake even where the provider said nothing about usage.
    /// In Anthropic's dialect it is `message_delta`, which holds the extension, and `message_stop`.
    /// In that of OpenAI's Responses it is the last event, whose response holds the extension.
    ///
    /// Writes nothing unless the reply is complete.
    pub fn close(&mut self, extension: Option<&str>, out: &mut Vec<Bytes>) {
        if self.seen.progress() != Progress::Complete {
            return;
        }
        let usage = self.seen.usage.as_ref();
        match &mut self.mode {
            Mode::Events { passed, .. } => return passed.close(extension, out),
            Mode::Items { passed, .. } => return passed.close(extension, out),
            Mode::Convert {
                writer: Writer::Items(writer),
                ..
            } => {
                writer.close(usage, extension);
                out.extend(writer.take());
                return;
            }
            Mode::Convert {
                writer: Writer::Events(writer),
                ..
            } => {
                writer.close(usage, extension);
                out.extend(writer.take());
                return;
            }
            Mode::Chunks { .. } | Mode::Convert { .. } => {}
        }
        if self.include_usage {
            out.extend(self.mode.usage_frame(usage, extension));
        }
        out.push(Bytes::from_static(DONE_FRAME));
    }

    /// The last events of a stream that failed after it began, in the client's dialect. Nothing is
    /// written behind them.
    #[must_use]
    pub fn failure(&mut self, error: &ClientError<'_>) -> Bytes {
        match &mut self.mode {
            Mode::Items { decoder, passed } => passed.failure(error, decoder.next_sequence()),
            Mode::Convert {
                writer: Writer::Items(writer),
                ..
            } => writer.failure(error),
            _ => client_dialect(self.dialect).stream_error_frame(error),
        }
    }

    /// What the answer used, as far as the provider has said.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.seen.usage
    }

    /// What of the answer stayed behind in the conversion, by the client's words, as far as it has come.
    #[must_use]
    pub fn lost(&self) -> Losses {
        self.seen.left.losses(self.dialect)
    }

    /// Why the answer ended, once it has.
    #[must_use]
    pub fn finish(&self) -> Option<FinishReason> {
        self.seen.finish
    }

    /// What went wrong.
    #[must_use]
    pub fn error(&self) -> Option<&ProviderError> {
        self.seen.error.as_ref()
    }

    /// Whether the answer is complete and a client would see nothing of it, as
    /// [`steelyard_types::ChatAnswer::is_empty`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let explained = matches!(
            self.seen.finish,
            Some(FinishReason::Length | FinishReason::ContentFilter)
        );
        self.seen.done && !self.seen.answer && !explained
    }
}

/// Whether the data of a frame that lacks its blank line is all there. It holds several values where
/// a server (DashScope has been recorded so) leaves out every blank line.
pub(crate) fn is_whole(data: &str) -> bool {
    let mut values = serde_json::Deserializer::from_str(data).into_iter::<serde::de::IgnoredAny>();
    data.trim() == "[DONE]" || values.all(|value| value.is_ok())
}

/// The frame with the blank line that its server left out.
fn with_blank_line(frame: &Frame<'_>) -> Bytes {
    let mut raw = frame.raw.to_vec();
    raw.extend_from_slice(b"\n\n");
    Bytes::from(raw)
}

#[cfg(test)]
mod tests;
