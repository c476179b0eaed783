use serde::Deserialize;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use steelyard_types::{ErrorKind, ProviderError, StreamEvent, ToolKind};

use super::error;
use super::request::ANSWER_TOOL;
use super::response::{BlockKind, Redacted, ToolUse, WireUsage, Words, finish, invalid, settled};
use crate::FrameDecoder;
use crate::json::{Lenient, Text};
use crate::sse::Frame;

/// Most blocks open at a time. Anthropic opens one; this only keeps a broken stream from growing.
const MAX_OPEN_BLOCKS: usize = 64;

/// Decoder of one streamed answer.
#[derive(Default)]
pub(super) struct Decoder {
    started: bool,
    finished: bool,
    ended: bool,
    usage: WireUsage,
    tool_calls: u32,
    /// The call that is the answer has come.
    answered: bool,
    open: SmallVec<[OpenBlock; 2]>,
}

/// A content block between its start and its stop.
struct OpenBlock {
    /// Its index on the wire.
    index: u64,
    content: OpenContent,
}

enum OpenContent {
    /// Text.
    Words,
    /// Thinking, with its signature once that has come. A later one replaces it, as in Anthropic's
    /// SDKs.
    Thinking { signature: String },
    /// The call whose input is the answer, and what its start held of it, sent on if no fragments
    /// follow.
    Answer { input: Option<String> },
    /// A call. `input` is what its start held, sent on if no fragments follow: the whole input, or
    /// `{}` for a function without arguments.
    Tool { index: u32, input: Option<String> },
    /// Anything that the neutral form has no words for: its deltas are skipped as well.
    Other,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    index: Option<u64>,
    #[serde(borrow)]
    message: Option<Start<'a>>,
    #[serde(borrow)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(default)]
    usage: Lenient<WireUsage>,
    #[serde(borrow)]
    error: Option<error::Detail<'a>>,
}

#[derive(Deserialize)]
struct Start<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(default)]
    usage: Lenient<WireUsage>,
}

/// The fields of those deltas that are read.
#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    partial_json: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct MessageDelta<'a> {
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
}

type Emit<'e> = dyn FnMut(StreamEvent<'_>) + 'e;

impl FrameDecoder for Decoder {
    fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        if self.ended || frame.data.is_empty() {
            return;
        }
        if let Err(error) = self.read(frame.data, emit) {
            self.ended = true;
            emit(StreamEvent::Error(error));
        }
    }

    fn end(&mut self, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        if self.ended {
            return;
        }
        self.ended = true;
        // The stop reason comes behind the last content: without `message_stop` nothing is missing.
        if self.finished {
            emit(StreamEvent::Done);
        } else {
            emit(StreamEvent::Error(ProviderError::new(
                ErrorKind::BrokenStream,
                "the stream ended before the answer did",
            )));
        }
    }
}

impl Decoder {
    fn read(&mut self, data: &str, emit: &mut Emit<'_>) -> Result<(), ProviderError> {
        let event: Event<'_> = serde_json::from_str(data).map_err(|error| invalid(&error))?;
        let kind = event.kind.as_str();
        if !self.started && (kind.starts_with("content_block") || kind == "message_delta") {
            return Err(broken_event("piece before its message_start"));
        }
        match kind {
            "message_start" => self.start(event.message, emit)?,
            "content_block_start" => self.open_block(event.index, event.content_block, emit)?,
            "content_block_delta" => self.delta(event.index, event.delta, emit)?,
            "content_block_stop" => self.close_block(event.index, emit),
            "message_delta" => self.message_delta(event.delta, event.usage.0, emit)?,
            "message_stop" => {
                self.ended = true;
                emit(StreamEvent::Done);
            }
            "error" => {
                return Err(event.error.map_or_else(
                    || ProviderError::new(ErrorKind::StreamError, "an error without words"),
                    |detail| error::read(&detail, None),
                ));
            }
            _ => {}
        }
        Ok(())
    }

    /// A second start has been recorded where a proxy began again in the middle. What was said of
    /// the first answer cannot be taken back, so nothing true can follow it.
    fn start(
        &mut self,
        message: Option<Start<'_>>,
        emit: &mut Emit<'_>,
    ) -> Result<(), ProviderError> {
        if std::mem::replace(&mut self.started, true) {
            return Err(broken_event("second message_start"));
        }
        let message = message.ok_or_else(|| broken_event("message_start"))?;
        emit(StreamEvent::Start {
            id: message.id.unwrap_or_default().0,
            model: message.model.unwrap_or_default().0,
        });
        self.count(message.usage.0, emit);
        Ok(())
    }

    fn count(&mut self, usage: Option<WireUsage>, emit: &mut Emit<'_>) {
        if let Some(usage) = usage {
            self.usage.update(usage);
            emit(StreamEvent::Usage(self.usage.classes()));
        }
    }

    fn open_block(
        &mut self,
        index: Option<u64>,
        block: Option<&RawValue>,
        emit: &mut Emit<'_>,
    ) -> Result<(), ProviderError> {
        let (Some(index), Some(block)) = (index, block) else {
            return Err(broken_event("content_block_start"));
        };
        if self.open.len() >= MAX_OPEN_BLOCKS {
            return Err(broken_event("content_block_start"));
        }
        let block = block.get();
        let kind: BlockKind<'_> = serde_json::from_str(block).map_err(|error| invalid(&error))?;
        let content = match kind.kind.as_str() {
            "text" => {
                let words: Words<'_> = piece(block)?;
                speak(words.text, None, emit);
                OpenContent::Words
            }
            "thinking" => {
                let words: Words<'_> = piece(block)?;
                speak(None, words.thinking, emit);
                OpenContent::Thinking {
                    signature: words.signature.unwrap_or_default().0.into_owned(),
                }
            }
            "redacted_thinking" => {
                let Redacted { data } = piece(block)?;
                if !data.as_str().is_empty() {
                    emit(StreamEvent::RedactedReasoning(data.0));
                }
                OpenContent::Other
            }
            "tool_use" => {
                let call: ToolUse<'_> = piece(block)?;
                let input = Some(call.input.map_or("{}", RawValue::get).to_owned());
                if call.name.as_str() == ANSWER_TOOL {
                    self.answered = true;
                    OpenContent::Answer { input }
                } else {
                    let index = self.tool_calls;
                    self.tool_calls = index.saturating_add(1);
                    emit(StreamEvent::ToolCallStart {
                        index,
                        id: call.id.0,
                        kind: ToolKind::Function,
                        name: call.name.0,
                    });
                    OpenContent::Tool { index, input }
                }
            }
            _ => OpenContent::Other,
        };
        self.open.push(OpenBlock { index, content });
        Ok(())
    }

    fn delta(
        &mut self,
        index: Option<u64>,
        delta: Option<&RawValue>,
        emit: &mut Emit<'_>,
    ) -> Result<(), ProviderError> {
        let block = self
            .open
            .iter_mut()
            .find(|block| Some(block.index) == index);
        let (Some(block), Some(delta)) = (block, delta) else {
            return Err(broken_event("content_block_delta"));
        };
        if matches!(block.content, OpenContent::Other) {
            return Ok(());
        }
        let delta: Delta<'_> = piece(delta.get())?;
        let fragment = delta.partial_json.filter(|text| !text.as_str().is_empty());
        match &mut block.content {
            OpenContent::Tool { index, input } => {
                if let Some(fragment) = fragment {
                    *input = None;
                    emit(StreamEvent::ToolCallArguments {
                        index: *index,
                        fragment: fragment.0,
                    });
                }
            }
            OpenContent::Answer { input } => {
                if let Some(fragment) = fragment {
                    *input = None;
                    emit(StreamEvent::Text(fragment.0));
                }
            }
            OpenContent::Words => speak(delta.text, None, emit),
            OpenContent::Thinking { signature } => {
                speak(None, delta.thinking, emit);
                if let Some(Text(later)) = delta.signature {
                    *signature = later.into_owned();
                }
            }
            OpenContent::Other => {}
        }
        Ok(())
    }

    fn close_block(&mut self, index: Option<u64>, emit: &mut Emit<'_>) {
        let position = self
            .open
            .iter()
            .position(|block| Some(block.index) == index);
        let Some(position) = position else {
            return;
        };
        match self.open.swap_remove(position).content {
            OpenContent::Tool {
                index,
                input: Some(input),
            } => emit(StreamEvent::ToolCallArguments {
                index,
                fragment: input.into(),
            }),
            OpenContent::Answer { input: Some(input) } => emit(StreamEvent::Text(input.into())),
            OpenContent::Thinking { signature } if !signature.is_empty() => {
                emit(StreamEvent::ReasoningSignature(signature.into()));
            }
            _ => {}
        }
    }

    fn message_delta(
        &mut self,
        delta: Option<&RawValue>,
        usage: Option<WireUsage>,
        emit: &mut Emit<'_>,
    ) -> Result<(), ProviderError> {
        if let Some(delta) = delta {
            let delta: MessageDelta<'_> = piece(delta.get())?;
            if let Some(reason) = delta.stop_reason
                && !std::mem::replace(&mut self.finished, true)
            {
                let called = self.tool_calls > 0;
                let finish = settled(finish(reason.as_str()), self.answered, called);
                emit(StreamEvent::Finish(finish));
            }
        }
        self.count(usage, emit);
        Ok(())
    }
}

/// Reads a piece of an event.
fn piece<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, ProviderError> {
    serde_json::from_str(json).map_err(|error| invalid(&error))
}

fn speak<'a>(text: Option<Text<'a>>, thinking: Option<Text<'a>>, emit: &mut Emit<'_>) {
    if let Some(Text(words)) = text.filter(|text| !text.as_str().is_empty()) {
        emit(StreamEvent::Text(words));
    }
    if let Some(Text(words)) = thinking.filter(|text| !text.as_str().is_empty()) {
        emit(StreamEvent::Reasoning(words));
    }
}

fn broken_event(what: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::InvalidAnswer,
        format!("the stream holds a {what} that Anthropic's format does not allow"),
    )
}
