use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use steelyard_types::{ChatAnswer, ErrorKind, FinishReason, ProviderError, StreamEvent, ToolKind};

use super::partial_arguments::{self, Piece};
use super::usage::WireUsage;
use super::{call_id, error, logprobs, signed};
use crate::ResponseHead;
use crate::collect::{Collected, of_choice};
use crate::json::{self, Lenient, Text};

/// A `GenerateContentResponse`: a whole answer, or one piece of a streamed one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow)]
    prompt_feedback: Option<PromptFeedback<'a>>,
    #[serde(default)]
    usage_metadata: Lenient<WireUsage>,
    #[serde(borrow)]
    model_version: Option<Text<'a>>,
    #[serde(borrow)]
    response_id: Option<Text<'a>>,
    #[serde(borrow)]
    error: Option<error::Detail<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback<'a> {
    #[serde(borrow)]
    block_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    /// Its place among the answers that were asked for, the first where it is not said.
    #[serde(default)]
    index: Lenient<usize>,
    #[serde(borrow)]
    logprobs_result: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    finish_message: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    thought: Option<bool>,
    #[serde(borrow)]
    thought_signature: Option<Text<'a>>,
    #[serde(borrow)]
    function_call: Option<FunctionCall<'a>>,
    /// Pictures and sound that the model made.
    #[serde(borrow)]
    inline_data: Option<&'a RawValue>,
    #[serde(borrow)]
    file_data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionCall<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
    #[serde(borrow)]
    partial_args: Option<Vec<Piece<'a>>>,
    will_continue: Option<bool>,
}

/// What a `finishReason` means.
enum Ending {
    Finish(FinishReason),
    /// The model could not answer, though it may at another try.
    Failure,
}

fn ending(reason: &str, has_calls: bool) -> Ending {
    Ending::Finish(match reason {
        "STOP" if has_calls => FinishReason::ToolCalls,
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "MODEL_ARMOR" => {
            FinishReason::ContentFilter
        }
        _ if reason.starts_with("IMAGE_") => FinishReason::ContentFilter,
        _ => return Ending::Failure,
    })
}

/// Reads an answer, whole or piece by piece.
#[derive(Default)]
pub(super) struct Reader {
    /// What tells this answer from others, known from its first piece.
    answer: Option<String>,
    /// The answers that have begun, by their place.
    choices: Vec<Choice>,
}

/// Most answers to one request. Gemini gives eight.
const MAX_CHOICES: usize = 16;

/// Most bytes of arguments in pieces of one answer, which are kept until they are whole: as much as
/// is kept of the longest thoughts.
const MAX_PARTIAL: usize = 8 * 1_024 * 1_024;

/// One answer of those to a request.
#[derive(Default)]
struct Choice {
    calls: u32,
    /// A call whose arguments come in pieces.
    partial: Option<(u32, Value)>,
    /// Bytes of those pieces.
    partial_bytes: usize,
    /// Whether thoughts were told that nothing has ended yet.
    thinks: bool,
    /// Bytes of its text.
    text: usize,
    /// The hash of its text, as [`json::fnv1a_on`] goes on from it.
    hash: Option<u64>,
    /// Whether it holds pictures, sound or files.
    media: bool,
    /// Words for the signatures on parts of the text, which go out behind it.
    signed: Vec<String>,
    /// The last `finishReason`. Old models repeat it in every piece, so it ends nothing by itself.
    finish_reason: Option<String>,
}

type Emit<'e> = dyn FnMut(StreamEvent<'_>) + 'e;

impl Reader {
    /// Reads one piece. An array around it is looked through.
    pub(super) fn read(&mut self, data: &str, emit: &mut Emit<'_>) -> Result<(), ProviderError> {
        let invalid = |error: serde_json::Error| {
            invalid(&format!("is not what Gemini's format allows: {error}"))
        };
        if data.trim_ascii_start().starts_with('[') {
            let chunks: Vec<Chunk<'_>> = serde_json::from_str(data).map_err(invalid)?;
            for chunk in chunks {
                self.chunk(chunk, data, emit)?;
            }
            return Ok(());
        }
        let chunk = serde_json::from_str(data).map_err(invalid)?;
        self.chunk(chunk, data, emit)
    }

    fn chunk(
        &mut self,
        chunk: Chunk<'_>,
        data: &str,
        emit: &mut Emit<'_>,
    ) -> Result<(), ProviderError> {
        if let Some(detail) = &chunk.error {
            return Err(error::read(detail, None));
        }
        if self.answer.is_none() {
            let id = chunk.response_id.unwrap_or_default().0;
            // Without an id the first piece itself stands for it.
            let answer = if id.is_empty() { data } else { &id };
            self.answer = Some(answer.to_owned());
            let model = chunk.model_version.unwrap_or_default().0;
            emit(StreamEvent::Start { id, model });
        }
        if let Some(usage) = chunk.usage_metadata.0.and_then(|usage| usage.classes()) {
            emit(StreamEvent::Usage(usage));
        }
        let mut candidates = chunk.candidates.into_iter().flatten().peekable();
        if candidates.peek().is_none() {
            return chunk
                .prompt_feedback
                .and_then(|feedback| feedback.block_reason)
                .map_or(Ok(()), |reason| Err(blocked(reason.as_str())));
        }
        let answer = self.answer.as_deref().unwrap_or_default();
        for (position, candidate) in candidates.enumerate() {
            // Vertex gives the only candidate no index, and a list gives its own.
            let index = candidate.index.0.unwrap_or(position);
            if index >= MAX_CHOICES {
                return Err(invalid("holds more answers than Gemini gives"));
            }
            if self.choices.len() <= index {
                self.choices.resize_with(index + 1, Choice::default);
            }
            let choice = &mut self.choices[index];
            if index == 0 {
                choice.read(candidate, answer, emit)?;
            } else {
                let answer = format!("{answer}/{index}");
                let mut emit = |event: StreamEvent<'_>| emit(of_choice(index, event));
                choice.read(candidate, &answer, &mut emit)?;
            }
        }
        Ok(())
    }

    /// Nothing follows: gives out what was held back, and says why the answers ended. Whether all of
    /// them have.
    ///
    /// # Errors
    /// An answer of nothing that can be passed on.
    pub(super) fn finish(&mut self, emit: &mut Emit<'_>) -> Result<bool, ProviderError> {
        let mut all = !self.choices.is_empty();
        for (index, choice) in self.choices.iter_mut().enumerate() {
            all &= choice.finish(&mut |event| emit(of_choice(index, event)))?;
        }
        Ok(all)
    }
}

impl Choice {
    fn read(
        &mut self,
        candidate: Candidate<'_>,
        answer: &str,
        emit: &mut Emit<'_>,
    ) -> Result<(), ProviderError> {
        let parts = candidate.content.and_then(|content| content.parts);
        for part in parts.into_iter().flatten() {
            self.part(part, answer, emit)?;
        }
        if let Some(list) = candidate.logprobs_result.and_then(logprobs::entries) {
            emit(StreamEvent::Logprobs(list.into()));
        }
        if let Some(reason) = candidate.finish_reason {
            if matches!(ending(reason.as_str(), false), Ending::Failure) {
                let words = candidate.finish_message.unwrap_or_default();
                return Err(failed(reason.as_str(), words.as_str()));
            }
            self.finish_reason = Some(reason.0.into_owned());
        }
        Ok(())
    }

    fn part(
        &mut self,
        part: Part<'_>,
        answer: &str,
        emit: &mut Emit<'_>,
    ) -> Result<(), ProviderError> {
        // No client's dialect has a place for it; beside other things it is declared.
        self.media |= part.inline_data.is_some() || part.file_data.is_some();
        let signature = part.thought_signature.as_ref().map(Text::as_str);
        if let Some(Text(text)) = part.text {
            if part.thought == Some(true) {
                if !text.is_empty() {
                    self.thinks = true;
                    emit(StreamEvent::Reasoning(text));
                }
            } else {
                self.say(text, signature, emit)?;
            }
        }
        match part.function_call {
            Some(call) => self.call(call, part.thought_signature.as_ref(), answer, emit),
            None => Ok(()),
        }
    }

    /// A part of the text, which may be empty where it is signed.
    fn say(
        &mut self,
        text: Cow<'_, str>,
        signature: Option<&str>,
        emit: &mut Emit<'_>,
    ) -> Result<(), ProviderError> {
        let from = self.text;
        self.text = from.saturating_add(text.len());
        let hash = json::fnv1a_on(self.hash.unwrap_or(json::FNV_EMPTY), text.as_bytes());
        self.hash = Some(hash);
        if !text.is_empty() {
            self.close_thoughts(emit);
            emit(StreamEvent::Text(text));
        }
        if let Some(signature) = signature.filter(|signature| !signature.is_empty()) {
            if self.signed.len() == signed::MAX_SIGNED || signature.len() > signed::MAX_SIGNATURE {
                return Err(invalid("holds more signatures of text than can be kept"));
            }
            self.signed
                .push(signed::word(from..self.text, hash, signature));
        }
        Ok(())
    }

    /// Says whose the thoughts were that end here.
    fn close_thoughts(&mut self, emit: &mut Emit<'_>) {
        if std::mem::take(&mut self.thinks) {
            emit(StreamEvent::ReasoningSignature(signed::SUMMARY.into()));
        }
    }

    /// Gives out the signatures on parts of the text.
    fn close_text(&mut self, emit: &mut Emit<'_>) {
        self.close_thoughts(emit);
        for word in std::mem::take(&mut self.signed) {
            emit(StreamEvent::RedactedReasoning(word.into()));
        }
    }

    fn call(
        &mut self,
        call: FunctionCall<'_>,
        signature: Option<&Text<'_>>,
        answer: &str,
        emit: &mut Emit<'_>,
    ) -> Result<(), ProviderError> {
        let continues = call.will_continue == Some(true);
        if let Some(Text(name)) = call.name {
            self.close_call(emit);
            let index = self.calls;
            self.calls = index.saturating_add(1);
            self.close_text(emit);
            let id = call_id::pack(
                call.id.as_ref().map(Text::as_str),
                signature.map(Text::as_str),
                answer,
                index,
            );
            emit(StreamEvent::ToolCallStart {
                index,
                id: Cow::Owned(id),
                kind: ToolKind::Function,
                name,
            });
            if !continues && call.partial_args.is_none() {
                let fragment = Cow::Borrowed(call.args.map_or("{}", RawValue::get));
                emit(StreamEvent::ToolCallArguments { index, fragment });
                return Ok(());
            }
            self.partial = Some((index, Value::Object(serde_json::Map::new())));
        }
        if let Some((_, arguments)) = &mut self.partial {
            for piece in call.partial_args.iter().flatten() {
                self.partial_bytes = self.partial_bytes.saturating_add(piece.size());
                if self.partial_bytes > MAX_PARTIAL {
                    return Err(invalid("holds more arguments in pieces than can be kept"));
                }
                partial_arguments::apply(arguments, piece)
                    .ok_or_else(|| invalid("holds pieces of arguments that fit nowhere"))?;
            }
        }
        if !continues {
            self.close_call(emit);
        }
        Ok(())
    }

    /// Gives out the arguments of a call that came in pieces.
    fn close_call(&mut self, emit: &mut Emit<'_>) {
        if let Some((index, arguments)) = self.partial.take() {
            emit(StreamEvent::ToolCallArguments {
                index,
                fragment: arguments.to_string().into(),
            });
        }
    }

    fn finish(&mut self, emit: &mut Emit<'_>) -> Result<bool, ProviderError> {
        if self.media && self.text == 0 && self.calls == 0 {
            return Err(invalid(
                "holds nothing but a picture, sound or a file, which cannot be passed on",
            ));
        }
        self.close_call(emit);
        self.close_text(emit);
        Ok(match self.finish_reason.take() {
            Some(reason) => {
                if let Ending::Finish(finish) = ending(&reason, self.calls > 0) {
                    emit(StreamEvent::Finish(finish));
                }
                true
            }
            None => false,
        })
    }
}

pub(super) fn decode(head: &ResponseHead<'_>, body: &[u8]) -> Result<ChatAnswer, ProviderError> {
    let body = std::str::from_utf8(body)
        .map_err(|_| ProviderError::new(ErrorKind::InvalidAnswer, "the answer is not UTF-8"))?;
    let mut reader = Reader::default();
    let mut collected = Collected::default();
    let mut emit = |event: StreamEvent<'_>| collected.push(event);
    let read = reader.read(body, &mut emit);
    let read = read.and_then(|()| reader.finish(&mut emit));
    read.map_err(|mut error| {
        error.status = Some(head.status);
        error
    })?;
    if reader.choices.is_empty() {
        return Err(invalid("has no candidates"));
    }
    Ok(collected.answer)
}

fn invalid(what: &str) -> ProviderError {
    ProviderError::new(ErrorKind::InvalidAnswer, format!("the answer {what}"))
}

fn blocked(reason: &str) -> ProviderError {
    let mut error = ProviderError::new(
        ErrorKind::ContentFilter,
        format!("Gemini blocked the prompt: {reason}"),
    );
    error.code = Some(reason.to_owned());
    error
}

fn failed(reason: &str, words: &str) -> ProviderError {
    let mut error = ProviderError::new(
        ErrorKind::UpstreamServer,
        format!("Gemini gave up with {reason}: {words}"),
    );
    error.code = Some(reason.to_owned());
    error
}
