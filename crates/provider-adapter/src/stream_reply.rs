//! Streamed answers on their way back to the client.

use std::borrow::Cow;

use bytes::Bytes;
use steelyard_types::{
    ChatAnswer, Dialect, ErrorKind, FinishReason, ProviderError, StreamEvent, Usage, WireFormat,
};

use crate::completions::TextWriter;
use crate::messages::{self, EventWriter};
use crate::openai::{
    ChunkDecoder, ChunkWriter, DONE_FRAME, KnownShape, Passed, usage_frame, usage_json,
};
use crate::responses::{self, EventDecoder, ItemWriter};
use crate::sse::{Frame, SseDecoder};
use crate::{ClientError, FrameDecoder, ReplyContext, adapter, assemble, client_dialect, origin};

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

enum Mode {
    /// OpenAI's chunks go through.
    Chunks {
        decoder: ChunkDecoder,
        passed: Passed,
        known: KnownShape,
    },
    /// Anthropic's events go through.
    Events {
        decoder: Box<dyn FrameDecoder>,
        passed: messages::Passed,
    },
    /// The events of OpenAI's Responses go through.
    Items {
        decoder: EventDecoder,
        passed: responses::Passed,
    },
    /// Every event is written anew.
    Convert {
        decoder: Box<dyn FrameDecoder>,
        writer: Writer,
        /// The mark of this model's signatures.
        mark: String,
    },
}

/// Writes a client's dialect.
enum Writer {
    Chunks(ChunkWriter),
    Events(EventWriter),
    Texts(TextWriter),
    Items(Box<ItemWriter>),
}

impl Writer {
    fn new(context: ReplyContext) -> Self {
        match context.dialect {
            // Embeddings are never streamed.
            Dialect::OpenAiChat | Dialect::OpenAiEmbeddings => {
                Self::Chunks(ChunkWriter::new(context))
            }
            Dialect::AnthropicMessages => Self::Events(EventWriter::new(context)),
            Dialect::OpenAiCompletions => Self::Texts(TextWriter::new(context)),
            Dialect::OpenAiResponses => Self::Items(Box::new(ItemWriter::new(context))),
        }
    }

    fn event(&mut self, event: &StreamEvent<'_>) -> Result<(), ProviderError> {
        match self {
            Self::Chunks(writer) => writer.event(event),
            Self::Texts(writer) => writer.event(event),
            Self::Events(writer) => return writer.event(event),
            Self::Items(writer) => return writer.event(event),
        }
        Ok(())
    }

    fn take(&mut self) -> Option<Bytes> {
        match self {
            Self::Chunks(writer) => writer.take(),
            Self::Texts(writer) => writer.take(),
            Self::Events(writer) => writer.take(),
            Self::Items(writer) => writer.take(),
        }
    }
}

/// What has come so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    content: bool,
    answer: bool,
    done: bool,
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
        let mode = match (context.dialect, wire) {
            (Dialect::OpenAiChat, WireFormat::OpenAiChat) => Mode::Chunks {
                decoder: ChunkDecoder::default(),
                passed: Passed::new(context),
                known: KnownShape::default(),
            },
            (Dialect::AnthropicMessages, WireFormat::AnthropicMessages) => Mode::Events {
                decoder: adapter(wire).stream_decoder(),
                passed: messages::Passed::new(origin::mark(wire, &context.upstream_model)),
            },
            (Dialect::OpenAiResponses, WireFormat::OpenAiResponses) => Mode::Items {
                decoder: EventDecoder::default(),
                passed: responses::Passed::new(origin::mark(wire, &context.upstream_model)),
            },
            _ => Mode::Convert {
                decoder: adapter(wire).stream_decoder(),
                mark: origin::mark(wire, &context.upstream_model),
                writer: Writer::new(context),
            },
        };
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
            write(&mut writer, &mark, &mut seen, event);
        });
        out.extend(writer.take());
        Self {
            dialect,
            sse: SseDecoder::default(),
            mode: Mode::Convert {
                decoder: adapter(wire).stream_decoder(),
                writer,
                mark,
            },
            include_usage,
            seen,
        }
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

impl Mode {
    fn frame(
        &mut self,
        frame: &Frame<'_>,
        include_usage: bool,
        seen: &mut Seen,
        out: &mut Vec<Bytes>,
    ) {
        match self {
            Self::Chunks {
                decoder,
                passed,
                known,
            } => {
                // Behind the first words of an answer, most chunks bring nothing but more of them.
                if seen.answer && frame.event.is_empty() && known.matches(frame.data) {
                    out.push(frame.raw.clone());
                    return;
                }
                let look = decoder.read(frame, &mut |event| seen.event(&event));
                seen.content |= look.other_answer || look.other_reasoning;
                seen.answer |= look.other_answer;
                if look.is_plain() {
                    known.remember(frame.data);
                }
                if !seen.is_over() {
                    out.extend(passed.frame(frame, look, include_usage, seen.content));
                }
            }
            Self::Events { decoder, passed } => {
                decoder.frame(frame, &mut |event| seen.event(&event));
                if seen.error.is_none() {
                    let (sent, look) = passed.frame(frame, seen.content);
                    seen.content |= look.content;
                    seen.answer |= look.answer;
                    out.extend(sent);
                }
            }
            Self::Items { decoder, passed } => {
                let look = decoder.read(frame, &mut |event| seen.event(&event));
                seen.content |= look.other;
                seen.answer |= look.other;
                if seen.error.is_none() {
                    out.extend(passed.frame(frame, look, seen.content));
                }
            }
            // Comments alone say nothing in any format.
            Self::Convert { .. } if frame.data.is_empty() => {}
            Self::Convert {
                decoder,
                writer,
                mark,
            } => {
                decoder.frame(frame, &mut |event| write(writer, mark, seen, event));
            }
        }
    }

    fn end(&mut self, seen: &mut Seen) {
        match self {
            Self::Chunks { decoder, .. } => decoder.end(&mut |event| seen.event(&event)),
            Self::Events { decoder, .. } => decoder.end(&mut |event| seen.event(&event)),
            Self::Items { decoder, .. } => decoder.end(&mut |event| seen.event(&event)),
            Self::Convert {
                decoder,
                writer,
                mark,
            } => {
                decoder.end(&mut |event| write(writer, mark, seen, event));
            }
        }
        if !seen.is_over() {
            let message = "the stream ended before the answer was complete";
            seen.fail(ProviderError::new(ErrorKind::BrokenStream, message));
        }
    }

    fn flush(&mut self, out: &mut Vec<Bytes>) {
        if let Self::Convert { writer, .. } = self {
            out.extend(writer.take());
        }
    }

    fn usage_frame(&mut self, usage: Option<&Usage>, extension: Option<&str>) -> Option<Bytes> {
        let written = || usage.map(|usage| Cow::Owned(usage_json(usage)));
        let (head, usage) = match self {
            Self::Chunks { passed, .. } => {
                let received = passed.usage().map(Cow::Borrowed);
                (passed.head(), received.or_else(written))
            }
            Self::Convert {
                writer: Writer::Chunks(writer),
                ..
            } => (Cow::Borrowed(writer.head()), written()),
            Self::Convert {
                writer: Writer::Texts(writer),
                ..
            } => (Cow::Borrowed(writer.head()), written()),
            // The end of this dialect has usage in it.
            Self::Events { .. } | Self::Items { .. } | Self::Convert { .. } => return None,
        };
        if usage.is_none() && extension.is_none() {
            return None;
        }
        Some(usage_frame(
            &head,
            usage.as_deref().unwrap_or("null"),
            extension,
        ))
    }
}

/// Notes one event and writes it, unless the answer is over.
fn write(writer: &mut Writer, mark: &str, seen: &mut Seen, event: StreamEvent<'_>) {
    if seen.is_over() {
        return;
    }
    let event = match event {
        StreamEvent::ReasoningSignature(signature) => {
            StreamEvent::ReasoningSignature(Cow::Owned([mark, &signature].concat()))
        }
        StreamEvent::RedactedReasoning(data) => {
            StreamEvent::RedactedReasoning(Cow::Owned([mark, &data].concat()))
        }
        other => other,
    };
    seen.event(&event);
    if let Err(error) = writer.event(&event) {
        seen.fail(error);
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
