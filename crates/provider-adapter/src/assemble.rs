//! Whole answers out of streams, and streams out of whole answers: for models that hand over their
//! answers in one way only.
//!
//! A stream that is assembled, or written from a whole answer, is converted even where the client
//! speaks the provider's format: what has a word in the neutral form is kept (text, reasoning, its
//! signatures, refusals, tool calls, log probabilities, the finish reason, usage), further fields of
//! the provider's are not.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;
use steelyard_types::{
    ChatAnswer, ChatRequest, Delivery, ErrorKind, ProviderError, StreamEvent, Target, Thought,
    Usage, WireFormat,
};

use crate::carry::refuse;
use crate::collect::{Collected, of_choice};
use crate::gemini::signed;
use crate::sse::{Frame, SseDecoder};
use crate::stream_reply::{Seen, is_whole};
use crate::{FrameDecoder, Progress, Refusal, ReplyContext, UnaryReply, adapter};

/// Whether this model is asked for a stream by a request for a whole answer, or the reverse; `None`
/// where it is asked for what the client wants.
///
/// # Errors
/// What an answer would lose on that way: sound.
pub fn asks_for(request: &ChatRequest<'_>, target: &Target) -> Result<Option<bool>, Refusal> {
    let stream = match target.facts.delivery {
        Delivery::StreamOnly if !request.stream => true,
        Delivery::WholeOnly if request.stream => false,
        _ => return Ok(None),
    };
    let way = if stream { "as streams" } else { "whole" };
    let upstream = &target.upstream;
    let media = |field: &&Cow<'_, str>| matches!(field.as_ref(), "modalities" | "audio");
    if let Some(field) = request.untranslated.iter().find(media) {
        let reason = format!("is not carried: {upstream} hands over its answers {way} only");
        return Err(refuse(field.as_ref(), reason));
    }
    Ok(Some(stream))
}

/// The request with the other way of delivery, in its fields too.
#[must_use]
pub fn delivered_as<'a>(request: &ChatRequest<'a>, stream: bool) -> ChatRequest<'a> {
    let mut other = request.clone();
    other.stream = stream;
    other
        .fields
        .retain(|field| !matches!(field.name.as_ref(), "stream" | "stream_options"));
    // Formats that are written from these fields know streams by this one.
    if let (true, Ok(value)) = (stream, serde_json::from_str::<&'static RawValue>("true")) {
        other.fields.push(steelyard_types::Field {
            name: Cow::Borrowed("stream"),
            value,
        });
    }
    if !stream {
        other
            .untranslated
            .retain(|field| !field.starts_with("stream_options"));
    }
    other
}

/// Puts a whole answer together from a provider's stream.
pub struct Assembler {
    wire: WireFormat,
    sse: SseDecoder,
    decoder: Box<dyn FrameDecoder>,
    collected: Collected,
    seen: Seen,
}

impl Assembler {
    /// An answer of a provider of that format, of which nothing is there yet.
    #[must_use]
    pub fn new(wire: WireFormat) -> Self {
        Self {
            wire,
            sse: SseDecoder::default(),
            decoder: adapter(wire).stream_decoder(),
            collected: Collected::default(),
            seen: Seen::default(),
        }
    }

    /// Feeds bytes of the provider's body.
    pub fn push(&mut self, chunk: &Bytes) -> Progress {
        let mut rest = chunk.clone();
        while !self.seen.is_over() {
            match self.sse.next(&mut rest) {
                Ok(Some(frame)) => {
                    self.seen.look(self.wire, &frame);
                    read(
                        &mut *self.decoder,
                        &mut self.collected,
                        &mut self.seen,
                        &frame,
                    );
                }
                Ok(None) => break,
                Err(error) => self.seen.fail(ProviderError::new(
                    ErrorKind::InvalidAnswer,
                    error.to_string(),
                )),
            }
        }
        self.seen.progress()
    }

    /// The provider closed its stream.
    pub fn end(&mut self) -> Progress {
        let (decoder, collected) = (&mut *self.decoder, &mut self.collected);
        let seen = &mut self.seen;
        if !seen.is_over()
            && let Ok(Some(frame)) = self.sse.end()
            && is_whole(frame.data)
        {
            seen.look(self.wire, &frame);
            read(decoder, collected, seen, &frame);
        }
        if !seen.is_over() {
            decoder.end(&mut |event| take(collected, seen, event));
        }
        if !seen.is_over() {
            let message = "the stream ended before the answer was complete";
            seen.fail(ProviderError::new(ErrorKind::BrokenStream, message));
        }
        seen.progress()
    }

    /// What the answer used, as far as the provider has said.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.seen.usage
    }

    /// What went wrong.
    #[must_use]
    pub fn error(&self) -> Option<&ProviderError> {
        self.seen.error.as_ref()
    }

    /// Writes what was collected in the client's dialect.
    #[must_use]
    pub fn finish(self, context: &ReplyContext) -> UnaryReply {
        let left = self.seen.left;
        UnaryReply {
            lost: left.losses(context.dialect),
            ..UnaryReply::write(self.collected.answer, self.wire, context)
        }
    }
}

fn read(
    decoder: &mut dyn FrameDecoder,
    collected: &mut Collected,
    seen: &mut Seen,
    frame: &Frame<'_>,
) {
    // Comments alone say nothing in any format.
    if !frame.data.is_empty() {
        decoder.frame(frame, &mut |event| take(collected, seen, event));
    }
}

fn take(collected: &mut Collected, seen: &mut Seen, event: StreamEvent<'_>) {
    if !seen.is_over() {
        seen.event(&event);
        collected.push(event);
    }
}

/// The events of a stream that would have given this answer, each part in one piece, one answer
/// after the other.
pub(crate) fn events(mut answer: ChatAnswer, emit: &mut dyn FnMut(StreamEvent<'_>)) {
    emit(StreamEvent::Start {
        id: std::mem::take(&mut answer.id).into(),
        model: std::mem::take(&mut answer.model).into(),
    });
    let usage = answer.usage;
    let further = std::mem::take(&mut answer.further);
    for (choice, one) in std::iter::once(answer).chain(further).enumerate() {
        said(one, &mut |event| emit(of_choice(choice, event)));
    }
    if let Some(usage) = usage {
        emit(StreamEvent::Usage(usage));
    }
    emit(StreamEvent::Done);
}

/// What one answer of those says, and why it ended.
fn said(answer: ChatAnswer, emit: &mut dyn FnMut(StreamEvent<'_>)) {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Cow::Owned);
    let (before, behind) = signed::around(&answer.reasoning);
    for thought in before {
        thinks(thought, emit);
    }
    if let Some(text) = given(answer.text) {
        emit(StreamEvent::Text(text));
    }
    if let Some(list) = given(answer.logprobs) {
        emit(StreamEvent::Logprobs(list));
    }
    if let Some(refusal) = given(answer.refusal) {
        emit(StreamEvent::Refusal(refusal));
    }
    for thought in behind {
        thinks(thought, emit);
    }
    for (index, call) in (0..).zip(answer.tool_calls) {
        emit(StreamEvent::ToolCallStart {
            index,
            id: call.id.into(),
            kind: call.kind,
            name: call.name.into(),
        });
        if let Some(fragment) = given(Some(call.arguments)) {
            emit(StreamEvent::ToolCallArguments { index, fragment });
        }
    }
    if let Some(finish) = answer.finish {
        emit(StreamEvent::Finish(finish));
    }
}

fn thinks(thought: &Thought, emit: &mut dyn FnMut(StreamEvent<'_>)) {
    let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    if let Some(data) = given(thought.redacted.as_deref()) {
        emit(StreamEvent::RedactedReasoning(data.into()));
        return;
    }
    if let Some(words) = given(Some(&thought.text)) {
        emit(StreamEvent::Reasoning(words.into()));
    }
    if let Some(signature) = given(thought.signature.as_deref()) {
        emit(StreamEvent::ReasoningSignature(signature.into()));
    }
}

#[cfg(test)]
mod tests;
