//! The ways that a stream takes to the client: through, frame by frame, or written anew.

use std::borrow::Cow;

use bytes::Bytes;
use steelyard_types::{Dialect, ErrorKind, ProviderError, StreamEvent, Usage, WireFormat};

use super::Seen;
use crate::completions::TextWriter;
use crate::gemini::call_id;
use crate::messages::{self, EventWriter};
use crate::openai::{ChunkDecoder, ChunkWriter, KnownShape, Passed, usage_frame, usage_json};
use crate::responses::{self, EventDecoder, ItemWriter};
use crate::sse::Frame;
use crate::{FrameDecoder, ReplyContext, adapter, origin};

pub(super) enum Mode {
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
        wire: WireFormat,
        decoder: Box<dyn FrameDecoder>,
        writer: Writer,
        /// The mark of this model's signatures.
        mark: String,
    },
}

/// Writes a client's dialect.
pub(super) enum Writer {
    Chunks(ChunkWriter),
    Events(EventWriter),
    Texts(TextWriter),
    Items(Box<ItemWriter>),
}

impl Writer {
    pub(super) fn new(context: ReplyContext) -> Self {
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
            // One answer is all that these dialects can ask for.
            Self::Events(_) | Self::Items(_) if matches!(event, StreamEvent::Further { .. }) => {}
            Self::Events(writer) => return writer.event(event),
            Self::Items(writer) => return writer.event(event),
        }
        Ok(())
    }

    pub(super) fn take(&mut self) -> Option<Bytes> {
        match self {
            Self::Chunks(writer) => writer.take(),
            Self::Texts(writer) => writer.take(),
            Self::Events(writer) => writer.take(),
            Self::Items(writer) => writer.take(),
        }
    }
}

impl Mode {
    /// The way of answers of that format to a client.
    pub(super) fn new(wire: WireFormat, context: ReplyContext) -> Self {
        match (context.dialect, wire) {
            (Dialect::OpenAiChat, WireFormat::OpenAiChat) => Self::Chunks {
                decoder: ChunkDecoder::default(),
                passed: Passed::new(context),
                known: KnownShape::default(),
            },
            (Dialect::AnthropicMessages, WireFormat::AnthropicMessages) => Self::Events {
                decoder: adapter(wire).stream_decoder(),
                passed: messages::Passed::new(origin::mark(wire, &context.upstream_model)),
            },
            (Dialect::OpenAiResponses, WireFormat::OpenAiResponses) => Self::Items {
                decoder: EventDecoder::default(),
                passed: responses::Passed::new(origin::mark(wire, &context.upstream_model)),
            },
            _ => Self::Convert {
                wire,
                decoder: adapter(wire).stream_decoder(),
                mark: origin::mark(wire, &context.upstream_model),
                writer: Writer::new(context),
            },
        }
    }

    pub(super) fn frame(
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
                seen.content |= look.media;
                seen.answer |= look.media;
                // What is told in another form is never sent as it is.
                if look.is_plain() && !(look.calls && passed.tells_function_calls()) {
                    known.remember(frame.data);
                }
                if !seen.is_over() {
                    let sent = passed.frame(frame, look, decoder, include_usage, seen.content);
                    if let Some(sent) = sent.as_ref().filter(|_| look.listed) {
                        let behind = std::str::from_utf8(sent).unwrap_or_default();
                        let wire = WireFormat::OpenAiChat;
                        seen.left.look_rewritten(wire, frame.data, behind);
                    }
                    out.extend(sent);
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
                wire,
                decoder,
                writer,
                mark,
            } => {
                seen.look(*wire, frame);
                decoder.frame(frame, &mut |event| write(writer, mark, seen, event));
            }
        }
    }

    pub(super) fn end(&mut self, seen: &mut Seen) {
        match self {
            Self::Chunks { decoder, .. } => decoder.end(&mut |event| seen.event(&event)),
            Self::Events { decoder, .. } => decoder.end(&mut |event| seen.event(&event)),
            Self::Items { decoder, .. } => decoder.end(&mut |event| seen.event(&event)),
            Self::Convert {
                decoder,
                writer,
                mark,
                ..
            } => {
                decoder.end(&mut |event| write(writer, mark, seen, event));
            }
        }
        if !seen.is_over() {
            let message = "the stream ended before the answer was complete";
            seen.fail(ProviderError::new(ErrorKind::BrokenStream, message));
        }
    }

    pub(super) fn flush(&mut self, out: &mut Vec<Bytes>) {
        if let Self::Convert { writer, .. } = self {
            out.extend(writer.take());
        }
    }

    pub(super) fn usage_frame(
        &mut self,
        usage: Option<&Usage>,
        extension: Option<&str>,
    ) -> Option<Bytes> {
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
pub(super) fn write(writer: &mut Writer, mark: &str, seen: &mut Seen, event: StreamEvent<'_>) {
    if seen.is_over() {
        return;
    }
    let event = sealed(event, mark);
    seen.event(&event);
    if let Err(error) = writer.event(&event) {
        seen.fail(error);
    }
}

/// The event with the model's mark on its proofs.
fn sealed<'a>(event: StreamEvent<'a>, mark: &str) -> StreamEvent<'a> {
    match event {
        StreamEvent::ReasoningSignature(signature) => {
            StreamEvent::ReasoningSignature(Cow::Owned([mark, &signature].concat()))
        }
        StreamEvent::RedactedReasoning(data) => {
            StreamEvent::RedactedReasoning(Cow::Owned([mark, &data].concat()))
        }
        StreamEvent::ToolCallStart {
            index,
            id,
            kind,
            name,
        } => StreamEvent::ToolCallStart {
            index,
            id: match call_id::sealed(&id, mark) {
                Some(sealed) => Cow::Owned(sealed),
                None => id,
            },
            kind,
            name,
        },
        StreamEvent::Further { choice, event } => StreamEvent::Further {
            choice,
            event: Box::new(sealed(*event, mark)),
        },
        other => other,
    }
}
