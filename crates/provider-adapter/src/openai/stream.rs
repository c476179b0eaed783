//! Streamed answers.

use std::borrow::Cow;

use serde_json::value::RawValue;
use steelyard_types::{ErrorKind, ProviderError, StreamEvent, ToolKind};

use super::answer::{finish_reason, is_failure, made_up_id, reasoning, says_something};
use super::failure;
use super::proofs;
use super::shape::{Body, Choice, Said};
use super::unsigned;
use super::usage::Count;
use crate::FrameDecoder;
use crate::collect::{MAX_CHOICES, of_choice};
use crate::masked::provider_error;
use crate::sse::Frame;

/// Most tool calls of one answer.
const MAX_TOOL_CALLS: usize = 1_024;

/// What a frame holds beside its events, for those who pass it on as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// There is a `usage` that counts something at the top level.
    pub(crate) usage: bool,
    /// There is at least one choice.
    pub(crate) choices: bool,
    /// There is an answer that has no event: audio, an image.
    pub(crate) media: bool,
    /// Some content is a list, which clients do not expect.
    pub(crate) listed: bool,
    /// There is a piece of a call, in the form that is not deprecated.
    pub(crate) calls: bool,
    /// There is an error, a choice ended, or usage is somewhere else than at the top level.
    pub(crate) ending: bool,
}

impl Look {
    /// Whether there is nothing in the frame but a piece of an answer.
    pub(crate) fn is_plain(self) -> bool {
        self.choices && !self.usage && !self.ending && !self.listed
    }
}

/// Reads the chunks of one answer.
#[derive(Debug, Default)]
pub(crate) struct ChunkDecoder {
    started: bool,
    closed: bool,
    answer_id: String,
    first: OpenChoice,
    /// Choices behind the first (`n` above 1) with their places.
    further: Vec<(usize, OpenChoice)>,
}

/// A choice that has begun.
#[derive(Debug, Default)]
struct OpenChoice {
    finished: bool,
    /// What stands in for the signature of the thoughts that are being told.
    thinks: Option<&'static str>,
    /// Whether the server tells thoughts one by one, with proofs where it has some.
    proves: bool,
    calls: Vec<OpenCall>,
    /// Which calls the pieces in its last chunk are of, in order.
    places: Vec<u32>,
}

/// A tool call that has begun.
#[derive(Debug)]
struct OpenCall {
    /// The server's number for it, where it has one.
    number: Option<Count>,
    /// The server's id for it, where it has one.
    id: String,
}

/// Where the events of a frame go.
type Emit<'e> = dyn FnMut(StreamEvent<'_>) + 'e;

impl FrameDecoder for ChunkDecoder {
    fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        self.read(frame, emit);
    }

    fn end(&mut self, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        if self.closed {
            return;
        }
        self.closed = true;
        // Some servers forget `[DONE]`; with a finish reason the answer is complete all the same.
        let all = self.further.iter().all(|(_, choice)| choice.finished);
        if self.first.finished && all {
            emit(StreamEvent::Done);
        } else {
            let message = "the stream ended before the answer was complete";
            emit(StreamEvent::Error(ProviderError::new(
                ErrorKind::BrokenStream,
                message,
            )));
        }
    }
}

impl ChunkDecoder {
    /// Reads one frame, and says what is in it that has no event.
    pub(crate) fn read(&mut self, frame: &Frame<'_>, emit: &mut Emit<'_>) -> Look {
        if self.closed || frame.data.is_empty() {
            return Look::default();
        }
        if frame.data.trim() == "[DONE]" {
            // The server's word that nothing is missing, of the further choices either.
            self.further.clear();
            self.end(emit);
            return Look::default();
        }
        match serde_json::from_str::<Body<'_>>(frame.data) {
            Ok(body) if body.is_error() => {
                let error = failure::error_inside(frame.data, ErrorKind::StreamError);
                self.fail(in_stream(error), emit);
                Look::default()
            }
            Ok(body) => self.chunk(&body, frame.event, emit),
            // Some servers report errors as plain text.
            Err(_) if frame.event == "error" => {
                self.fail(provider_error(ErrorKind::StreamError, frame.data), emit);
                Look::default()
            }
            Err(error) => {
                let message = format!("a chunk of the stream cannot be read: {error}");
                self.fail(ProviderError::new(ErrorKind::InvalidAnswer, message), emit);
                Look::default()
            }
        }
    }

    /// Which calls the pieces in the last chunk of that choice are of, in order.
    pub(super) fn places(&self, choice: u64) -> Option<&[u32]> {
        let place = usize::try_from(choice).ok()?;
        let further = || self.further.iter().find(|(known, _)| *known == place);
        let choice = match place {
            0 => &self.first,
            _ => &further()?.1,
        };
        Some(&choice.places)
    }

    fn chunk(&mut self, body: &Body<'_>, event: &str, emit: &mut Emit<'_>) -> Look {
        if let Some(error) = body.error() {
            self.fail(
                in_stream(failure::error_inside(error.get(), ErrorKind::StreamError)),
                emit,
            );
            return Look::default();
        }
        if event == "error" {
            let message = "the provider reported an error inside its stream";
            self.fail(ProviderError::new(ErrorKind::StreamError, message), emit);
            return Look::default();
        }
        let choices = body.choices.as_deref().unwrap_or_default();
        if !self.started && !choices.is_empty() {
            self.started = true;
            body.id.as_str().clone_into(&mut self.answer_id);
            emit(StreamEvent::Start {
                id: Cow::Borrowed(body.id.as_str()),
                model: Cow::Borrowed(body.model.as_str()),
            });
        }
        if let Err(error) = self.choices(body, emit) {
            self.fail(error, emit);
        }
        if let Some(usage) = body.usage().filter(|_| !self.closed) {
            emit(StreamEvent::Usage(usage));
        }
        Look {
            usage: body
                .usage
                .as_ref()
                .is_some_and(|usage| usage.classes().is_some()),
            choices: !choices.is_empty(),
            listed: choices
                .iter()
                .filter_map(said)
                .any(|said| said.content.listed),
            calls: choices.iter().filter_map(said).any(Said::has_calls),
            ending: self.closed || body.usage().is_some() || choices.iter().any(has_ended),
            media: choices.iter().filter_map(said).any(Said::has_media),
        }
    }

    fn choices(&mut self, body: &Body<'_>, emit: &mut Emit<'_>) -> Result<(), ProviderError> {
        if let Some(choice) = body.first_choice() {
            self.first.read(choice, &self.answer_id, emit)?;
        }
        let choices = body.choices.as_deref().unwrap_or_default();
        for choice in choices.iter().filter(|choice| choice.index.get() != 0) {
            let place = usize::try_from(choice.index.get()).unwrap_or(usize::MAX);
            if place >= MAX_CHOICES {
                let message = format!("the answer has more than {MAX_CHOICES} choices");
                return Err(ProviderError::new(ErrorKind::InvalidAnswer, message));
            }
            let known = self.further.iter().position(|(known, _)| *known == place);
            let position = known.unwrap_or_else(|| {
                self.further.push((place, OpenChoice::default()));
                self.further.len() - 1
            });
            let answer_id = format!("{}/{place}", self.answer_id);
            let mut emit = |event: StreamEvent<'_>| emit(of_choice(place, event));
            let (_, open) = &mut self.further[position];
            open.read(choice, &answer_id, &mut emit)?;
        }
        Ok(())
    }

    fn fail(&mut self, error: ProviderError, emit: &mut Emit<'_>) {
        self.closed = true;
        emit(StreamEvent::Error(error));
    }
}

impl OpenChoice {
    /// Reads a piece of it.
    fn read(
        &mut self,
        choice: &Choice<'_>,
        answer_id: &str,
        emit: &mut Emit<'_>,
    ) -> Result<(), ProviderError> {
        self.places.clear();
        // Servers that do not stream some answers send the whole message in one chunk.
        if let Some(said) = said(choice) {
            self.said(said, answer_id, emit)?;
        }
        if let Some(list) = choice.logprobs() {
            emit(StreamEvent::Logprobs(Cow::Borrowed(list)));
        }
        let word = choice.finish_reason.as_str();
        if word.is_empty() || self.finished {
            return Ok(());
        }
        if is_failure(word) {
            let message = format!("the provider ended the answer with `{word}`");
            return Err(ProviderError::new(ErrorKind::StreamError, message));
        }
        if word != "null" {
            self.finished = true;
            self.sign(emit);
            // A word that nobody documents still ends the answer.
            emit(StreamEvent::Finish(
                finish_reason(word).unwrap_or(steelyard_types::FinishReason::Stop),
            ));
        }
        Ok(())
    }

    fn said(
        &mut self,
        said: &Said<'_>,
        answer_id: &str,
        emit: &mut Emit<'_>,
    ) -> Result<(), ProviderError> {
        let thought = reasoning(said);
        let is_told = !thought.is_empty();
        if is_told {
            self.thinks = Some(unsigned::word(said));
            emit(StreamEvent::Reasoning(thought));
        }
        if let Some(details) = said.reasoning_details {
            self.proves = true;
            prove(details, is_told, emit);
        }
        if says_something(said) {
            self.sign(emit);
        }
        if let Some(text) = said.content.text.as_deref().filter(|text| !text.is_empty()) {
            emit(StreamEvent::Text(Cow::Borrowed(text)));
        }
        if !said.refusal.as_str().is_empty() {
            emit(StreamEvent::Refusal(Cow::Borrowed(said.refusal.as_str())));
        }
        for call in said.tool_calls.iter().flatten() {
            let piece = Piece {
                number: call.index,
                id: call.id.as_str(),
                kind: call.kind(),
                name: call.name(),
                arguments: call.arguments(),
            };
            self.call(&piece, answer_id, emit);
        }
        if let Some(function) = &said.function_call {
            // The deprecated form has one call and no numbers; it never meets the newer one.
            let piece = Piece {
                number: None,
                id: "",
                kind: ToolKind::Function,
                name: function.name.as_str(),
                arguments: function.arguments.as_str(),
            };
            self.call(&piece, answer_id, emit);
        }
        if self.calls.len() > MAX_TOOL_CALLS {
            let message = format!("the answer has more than {MAX_TOOL_CALLS} tool calls");
            return Err(ProviderError::new(ErrorKind::InvalidAnswer, message));
        }
        Ok(())
    }

    /// Ends thoughts that were being told.
    fn sign(&mut self, emit: &mut Emit<'_>) {
        if let Some(word) = self.thinks.take().filter(|_| !self.proves) {
            emit(StreamEvent::ReasoningSignature(word.into()));
        }
    }

    /// A call's beginning or its continuation.
    fn call(&mut self, piece: &Piece<'_>, answer_id: &str, emit: &mut Emit<'_>) {
        let Piece { number, id, .. } = *piece;
        let position = self.open_call(number, id, piece.name).unwrap_or_else(|| {
            let position = self.calls.len();
            self.calls.push(OpenCall {
                number,
                id: id.to_owned(),
            });
            let id = if id.is_empty() {
                Cow::Owned(made_up_id(answer_id, position))
            } else {
                Cow::Borrowed(id)
            };
            emit(StreamEvent::ToolCallStart {
                index: index(position),
                id,
                kind: piece.kind,
                name: piece.name.into(),
            });
            position
        });
        self.places.push(index(position));
        if !piece.arguments.is_empty() {
            emit(StreamEvent::ToolCallArguments {
                index: index(position),
                fragment: Cow::Borrowed(piece.arguments),
            });
        }
    }

    /// The call that this piece continues.
    ///
    /// Servers disagree: the number may be missing or always 0, the id may be missing, empty or
    /// repeated. A new id always opens a call; a piece without an id continues the last call of its
    /// number unless it brings a name and that call has come without an id as well.
    fn open_call(&self, number: Option<Count>, id: &str, name: &str) -> Option<usize> {
        if !id.is_empty() {
            let same = |call: &OpenCall| call.id == id && call.number == number;
            return self.calls.iter().rposition(same);
        }
        let position = self
            .calls
            .iter()
            .rposition(|call| number.is_none() || call.number == number)?;
        let opens_another = !name.is_empty() && number.is_none();
        (!opens_another).then_some(position)
    }
}

/// A piece of a tool call.
struct Piece<'a> {
    number: Option<Count>,
    id: &'a str,
    kind: ToolKind,
    name: &'a str,
    arguments: &'a str,
}

/// Emits what proves the thoughts before it, and the thoughts too if they were not told in words.
fn prove(details: &RawValue, is_told: bool, emit: &mut Emit<'_>) {
    for thought in proofs::thoughts(details) {
        if !is_told && !thought.text.is_empty() {
            emit(StreamEvent::Reasoning(thought.text.into()));
        }
        if let Some(signature) = thought.signature {
            emit(StreamEvent::ReasoningSignature(signature.into()));
        }
        if let Some(data) = thought.redacted {
            emit(StreamEvent::RedactedReasoning(data.into()));
        }
    }
}

/// An error that came inside a stream which began well. A request that was accepted is not the
/// caller's mistake any more, so that kinds that blame the caller become `StreamError`.
fn in_stream(mut error: ProviderError) -> ProviderError {
    if !error.kind.can_fall_back() {
        error.kind = ErrorKind::StreamError;
    }
    error
}

/// What a choice says, in a piece or whole.
fn said<'c>(choice: &'c Choice<'c>) -> Option<&'c Said<'c>> {
    choice.delta.as_ref().or(choice.message.as_ref())
}

fn has_ended(choice: &Choice<'_>) -> bool {
    !matches!(choice.finish_reason.as_str(), "" | "null")
}

/// Bounded by [`MAX_TOOL_CALLS`] long before it could not fit.
fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
