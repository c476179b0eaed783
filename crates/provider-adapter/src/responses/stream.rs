//! Streamed answers of a provider.

use std::borrow::Cow;

use serde_json::value::RawValue;
use steelyard_types::{ErrorKind, ProviderError, StreamEvent, ToolKind};

use super::shape::{Event, Item, Response};
use crate::FrameDecoder;
use crate::json::Lenient;
use crate::masked::provider_error;
use crate::openai::error_inside;
use crate::openai::request::trail::says_nothing;
use crate::sse::Frame;

/// Most items of one answer.
const MAX_ITEMS: usize = 4_096;

/// What stands between the parts of a summary.
const PARAGRAPH: &str = "\n\n";

/// What a frame holds beside its events, for those who pass it on as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Look {
    pub(crate) kind: FrameKind,
    /// An item begins that has no event, such as a call of a built-in tool. It is an answer.
    pub(crate) other: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FrameKind {
    /// `response.created`.
    Created,
    /// The last one, with the whole response.
    End,
    #[default]
    Other,
}

/// Where the events of a frame go.
type Emit<'e> = dyn FnMut(StreamEvent<'_>) + 'e;

/// Reads the events of one answer.
#[derive(Debug, Default)]
pub(crate) struct EventDecoder {
    started: bool,
    closed: bool,
    items: Vec<Known>,
    calls: u32,
    /// The number of the last event, where the provider counts them.
    sequence: Option<u64>,
}

/// An item that has begun.
#[derive(Debug)]
struct Known {
    /// Its place in the output.
    at: u64,
    /// The number of the call that it is.
    call: Option<u32>,
    /// Whether any of it was told.
    told: bool,
    /// The part of a summary that was told last.
    part: u64,
}

impl FrameDecoder for EventDecoder {
    fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        self.read(frame, emit);
    }

    fn end(&mut self, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        let message = "the stream ended before the answer was complete";
        self.fail(ProviderError::new(ErrorKind::BrokenStream, message), emit);
    }
}

impl EventDecoder {
    /// The number that the next event would have.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.sequence.map_or(0, |last| last.saturating_add(1))
    }

    /// Reads one frame, and says what is in it that has no event.
    pub(crate) fn read(&mut self, frame: &Frame<'_>, emit: &mut Emit<'_>) -> Look {
        // There is no `[DONE]` in this format; servers that copy it send one all the same.
        if self.closed || frame.data.is_empty() || frame.data.trim() == "[DONE]" {
            return Look::default();
        }
        match serde_json::from_str::<Event<'_>>(frame.data) {
            Ok(event) => self.event(&event, frame, emit),
            // Some servers report errors as plain text.
            Err(_) if frame.event == "error" => {
                self.fail(provider_error(ErrorKind::StreamError, frame.data), emit);
                Look::default()
            }
            Err(error) => {
                let message = format!("an event of the stream cannot be read: {error}");
                self.fail(ProviderError::new(ErrorKind::InvalidAnswer, message), emit);
                Look::default()
            }
        }
    }

    fn event(&mut self, event: &Event<'_>, frame: &Frame<'_>, emit: &mut Emit<'_>) -> Look {
        let at = event.output_index.get();
        let delta = event.delta.as_str();
        let mut look = Look::default();
        let kind = match event.kind.as_str() {
            "" => frame.event,
            kind => kind,
        };
        if kind.starts_with("response.") {
            self.begin(event.response, emit);
        }
        // Failures are told anew, with the numbers that these have.
        let fails = matches!(kind, "error" | "response.failed" | "response.cancelled");
        if let Some(Lenient(Some(number))) = event.sequence_number.filter(|_| !fails) {
            self.sequence = Some(number);
        }
        match kind {
            "response.created" => look.kind = FrameKind::Created,
            "response.output_item.added" => {
                if let Some(item) = &event.item {
                    look.other = self.added(at, item, emit).is_none() && is_answer(item);
                }
            }
            "response.output_text.delta" => self.text(at, delta, event.logprobs, emit),
            "response.refusal.delta" if !delta.is_empty() => {
                self.told(at);
                emit(StreamEvent::Refusal(Cow::Borrowed(delta)));
            }
            "response.reasoning_summary_text.delta" => {
                self.thought(at, event.summary_index.get(), delta, emit);
            }
            "response.reasoning_text.delta" => {
                self.thought(at, event.content_index.get(), delta, emit);
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.arguments(at, delta, emit);
            }
            "response.output_item.done" => {
                if let Some(item) = &event.item {
                    look.other = self.item(at, item, emit);
                }
            }
            "response.completed" | "response.incomplete" => {
                look.kind = FrameKind::End;
                self.complete(event.response, emit);
            }
            "response.failed" | "response.cancelled" => {
                let response = response(event.response);
                self.fail(failed(response.error, ErrorKind::StreamError), emit);
            }
            "error" => {
                let whole = serde_json::from_str(frame.data).ok();
                self.fail(failed(event.error.or(whole), ErrorKind::StreamError), emit);
            }
            _ => {}
        }
        look
    }

    fn begin(&mut self, raw: Option<&RawValue>, emit: &mut Emit<'_>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let response = response(raw);
        emit(StreamEvent::Start {
            id: Cow::Borrowed(response.id.as_str()),
            model: Cow::Borrowed(response.model.as_str()),
        });
    }

    fn known(&mut self, at: u64) -> Option<&mut Known> {
        self.items.iter_mut().find(|item| item.at == at)
    }

    /// Notes that something of an item was told. Returns whether it is the first.
    fn told(&mut self, at: u64) -> bool {
        if self.known(at).is_none() && self.items.len() < MAX_ITEMS {
            self.items.push(Known {
                at,
                call: None,
                told: false,
                part: 0,
            });
        }
        self.known(at)
            .is_some_and(|item| !std::mem::replace(&mut item.told, true))
    }

    /// An item begins. `None` where it is of a kind without events.
    fn added(&mut self, at: u64, item: &Item<'_>, emit: &mut Emit<'_>) -> Option<()> {
        let kind = match item.kind.as_str() {
            "function_call" => Some(ToolKind::Function),
            "custom_tool_call" => Some(ToolKind::Custom),
            "message" | "reasoning" => None,
            _ => return None,
        };
        if self.known(at).is_some() {
            return Some(());
        }
        if self.items.len() == MAX_ITEMS {
            let message = format!("the answer has more than {MAX_ITEMS} items");
            self.fail(ProviderError::new(ErrorKind::InvalidAnswer, message), emit);
            return Some(());
        }
        let call = kind.map(|_| self.calls);
        self.items.push(Known {
            at,
            call,
            told: false,
            part: 0,
        });
        if let (Some(index), Some(kind)) = (call, kind) {
            self.calls += 1;
            let (id, own) = (item.call_id.as_str(), item.id.as_str());
            emit(StreamEvent::ToolCallStart {
                index,
                id: match (id, own) {
                    ("", "") => Cow::Owned(format!("call_{index}")),
                    ("", own) => Cow::Borrowed(own),
                    (id, _) => Cow::Borrowed(id),
                },
                kind,
                name: Cow::Borrowed(item.name.as_str()),
            });
        }
        Some(())
    }

    fn text(&mut self, at: u64, text: &str, likely: Option<&RawValue>, emit: &mut Emit<'_>) {
        if !text.is_empty() {
            self.told(at);
            emit(StreamEvent::Text(Cow::Borrowed(text)));
        }
        let likely = likely.filter(|raw| raw.get().starts_with('[') && !says_nothing(raw));
        if let Some(list) = likely {
            emit(StreamEvent::Logprobs(Cow::Borrowed(list.get())));
        }
    }

    fn thought(&mut self, at: u64, part: u64, text: &str, emit: &mut Emit<'_>) {
        if text.is_empty() {
            return;
        }
        let first = self.told(at);
        if let Some(item) = self.known(at) {
            let another = std::mem::replace(&mut item.part, part) != part;
            if another && !first {
                emit(StreamEvent::Reasoning(Cow::Borrowed(PARAGRAPH)));
            }
        }
        emit(StreamEvent::Reasoning(Cow::Borrowed(text)));
    }

    fn arguments(&mut self, at: u64, fragment: &str, emit: &mut Emit<'_>) {
        let Some(index) = self.known(at).and_then(|item| item.call) else {
            return;
        };
        if !fragment.is_empty() {
            self.told(at);
            emit(StreamEvent::ToolCallArguments {
                index,
                fragment: Cow::Borrowed(fragment),
            });
        }
    }

    /// A whole item: tells what of it was not told yet. Returns whether it is one without events.
    pub(super) fn item(&mut self, at: u64, item: &Item<'_>, emit: &mut Emit<'_>) -> bool {
        if self.added(at, item, emit).is_none() {
            return is_answer(item);
        }
        let told = self.known(at).is_some_and(|item| item.told);
        match item.kind.as_str() {
            "function_call" if !told => self.arguments(at, item.arguments.as_str(), emit),
            "custom_tool_call" if !told => self.arguments(at, item.input.as_str(), emit),
            "message" if !told => {
                for piece in item.content() {
                    match piece.kind.as_str() {
                        "refusal" if !piece.refusal.as_str().is_empty() => {
                            self.told(at);
                            emit(StreamEvent::Refusal(piece.refusal.as_str().into()));
                        }
                        _ => self.text(at, piece.text.as_str(), piece.logprobs, emit),
                    }
                }
            }
            "reasoning" => {
                if !told {
                    let mut pieces = item.summary();
                    if pieces.is_empty() {
                        pieces = item.content();
                    }
                    for (part, piece) in (0..).zip(&pieces) {
                        self.thought(at, part, piece.text.as_str(), emit);
                    }
                }
                let proof = item.encrypted_content.as_str();
                if !proof.is_empty() {
                    emit(StreamEvent::ReasoningSignature(sealed(
                        item.id.as_str(),
                        proof,
                    )));
                }
            }
            _ => {}
        }
        false
    }

    fn complete(&mut self, raw: Option<&RawValue>, emit: &mut Emit<'_>) {
        let response = response(raw);
        // A server that streams nothing but the end has told everything there.
        if self.items.is_empty() {
            for (at, item) in (0..).zip(response.output.iter().flatten()) {
                self.item(at, item, emit);
            }
        }
        if self.closed {
            return;
        }
        if let Some(usage) = response.usage() {
            emit(StreamEvent::Usage(usage));
        }
        match response.finish(self.calls > 0) {
            Some(finish) => {
                self.closed = true;
                emit(StreamEvent::Finish(finish));
                emit(StreamEvent::Done);
            }
            None => {
                let message = "the stream ended with a response that is not complete";
                self.fail(ProviderError::new(ErrorKind::InvalidAnswer, message), emit);
            }
        }
    }

    fn fail(&mut self, error: ProviderError, emit: &mut Emit<'_>) {
        if !std::mem::replace(&mut self.closed, true) {
            emit(StreamEvent::Error(error));
        }
    }
}

/// Whether a client would see an item without events as an answer. Lists of a server's tools come
/// before it.
fn is_answer(item: &Item<'_>) -> bool {
    !matches!(item.kind.as_str(), "" | "mcp_list_tools")
}

fn response(raw: Option<&RawValue>) -> Response<'_> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default()
}

/// The error of a response that failed. `otherwise` is its kind where it names none.
pub(super) fn failed(error: Option<&RawValue>, otherwise: ErrorKind) -> ProviderError {
    let mut error = error_inside(error.map_or("{}", RawValue::get), otherwise);
    match error.code.as_deref() {
        Some("invalid_prompt" | "bio_policy" | "image_content_policy_violation") => {
            error.kind = ErrorKind::ContentFilter;
        }
        // Words that other formats have no such meaning for.
        _ if otherwise == ErrorKind::StreamError && !error.kind.can_fall_back() => {
            error.kind = otherwise;
        }
        _ => {}
    }
    error
}

/// Id and encrypted content as one signature: both must return together.
fn sealed<'s>(id: &str, proof: &'s str) -> Cow<'s, str> {
    if id.is_empty() {
        Cow::Borrowed(proof)
    } else {
        Cow::Owned(format!("{id}:{proof}"))
    }
}

/// The id and the encrypted content in a signature. Neither holds a colon: ids are letters, digits,
/// `_` and `-`, the content is base64.
pub(super) fn unsealed(signature: &str) -> (Option<&str>, &str) {
    match signature.split_once(':') {
        Some((id, proof)) if !id.is_empty() => (Some(id), proof),
        _ => (None, signature),
    }
}
