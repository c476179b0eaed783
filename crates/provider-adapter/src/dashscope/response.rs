use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use steelyard_types::{
    ChatAnswer, ErrorKind, FinishReason, ProviderError, StreamEvent, ToolKind, Usage,
};

use super::error;
use super::thoughts::KIND;
use super::usage::WireUsage;
use crate::ResponseHead;
use crate::collect::{Collected, of_choice};
use crate::json::{self, Lenient, Text};

/// Most calls in one answer. Keeps a broken stream from growing.
const MAX_CALLS: usize = 256;

/// An answer, or one piece of a streamed one.
#[derive(Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    request_id: Option<Text<'a>>,
    #[serde(borrow)]
    output: Option<Output<'a>>,
    #[serde(default)]
    usage: Lenient<WireUsage>,
    #[serde(borrow)]
    code: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
}

/// `choices` with `result_format: "message"`; `text` and `finish_reason` in the older text format.
#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    model_name: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    /// Its place among the answers that were asked for.
    #[serde(default)]
    index: Lenient<usize>,
    #[serde(default, borrow)]
    logprobs: Lenient<Logprobs<'a>>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
}

/// As OpenAI's.
#[derive(Deserialize)]
struct Logprobs<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<Pieces<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Fragment<'a>>>,
}

/// A call, or in a stream a piece of one: the id and the name come first, later pieces have an
/// empty id.
#[derive(Deserialize)]
struct Fragment<'a> {
    index: Option<u64>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
}

/// Content: a string from text generation, a list of `{text}` and others from multimodal models.
enum Pieces<'a> {
    One(Text<'a>),
    List(Vec<Text<'a>>),
}

impl Pieces<'_> {
    fn say_something(&self) -> bool {
        match self {
            Self::One(text) => !text.as_str().is_empty(),
            Self::List(texts) => texts.iter().any(|text| !text.as_str().is_empty()),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pieces<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Piece<'a> {
            #[serde(borrow)]
            text: Option<Text<'a>>,
        }
        struct PiecesVisitor;
        impl<'de> Visitor<'de> for PiecesVisitor {
            type Value = Pieces<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string or a list of pieces")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Pieces::One(Text(text.into())))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Pieces::One(Text(text.to_owned().into())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut pieces = Vec::new();
                while let Some(piece) = list.next_element::<Piece<'de>>()? {
                    pieces.extend(piece.text);
                }
                Ok(Pieces::List(pieces))
            }
        }
        deserializer.deserialize_any(PiecesVisitor)
    }
}

fn finish(reason: &str) -> Option<FinishReason> {
    match reason {
        // The word, not the value, while there is more to come.
        "" | "null" => None,
        "length" => Some(FinishReason::Length),
        "tool_calls" => Some(FinishReason::ToolCalls),
        _ => Some(FinishReason::Stop),
    }
}

/// Most answers to one request. DashScope gives four.
const MAX_CHOICES: usize = 16;

/// Reads an answer, whole or piece by piece.
#[derive(Default)]
pub(super) struct Reader {
    started: bool,
    answer: String,
    /// The answers that have begun, by their place.
    choices: Vec<Answer>,
}

/// One answer of those to a request.
#[derive(Default)]
struct Answer {
    /// Calls in order of opening.
    calls: Vec<OpenCall>,
    /// Whether thoughts have been told that are not signed yet.
    thinks: bool,
    finished: bool,
    /// What it used, where an event speaks of it alone.
    usage: Option<Usage>,
}

struct OpenCall {
    /// Its index on the wire.
    wire_index: u64,
    has_arguments: bool,
}

type Emit<'e> = dyn FnMut(StreamEvent<'_>) + 'e;

impl Reader {
    /// Whether all answers have ended.
    pub(super) fn is_finished(&self) -> bool {
        !self.choices.is_empty() && self.choices.iter().all(|one| one.finished)
    }

    pub(super) fn read(
        &mut self,
        chunk: Chunk<'_>,
        emit: &mut Emit<'_>,
    ) -> Result<(), ProviderError> {
        let Some(output) = chunk.output else {
            let code = chunk.code.unwrap_or_default();
            if code.as_str().is_empty() {
                return Err(invalid("it has no output"));
            }
            let message = chunk.message.unwrap_or_default();
            return Err(error::read(code.as_str(), message.as_str(), None));
        };
        if !std::mem::replace(&mut self.started, true) {
            let id = chunk.request_id.unwrap_or_default().0;
            self.answer = id.clone().into_owned();
            let model = output.model_name.unwrap_or_default().0;
            emit(StreamEvent::Start { id, model });
        }
        let usage = chunk.usage.0.and_then(|usage| usage.classes());
        let Some(choices) = output.choices else {
            say(output.text, StreamEvent::Text, emit);
            self.choice(0)?.finish(output.finish_reason, emit);
            if let Some(usage) = usage {
                emit(StreamEvent::Usage(usage));
            }
            return Ok(());
        };
        let is_alone = choices.len() == 1;
        for (position, choice) in choices.into_iter().enumerate() {
            let index = choice.index.0.unwrap_or(position);
            let id = match index {
                0 => self.answer.clone(),
                further => format!("{}/{further}", self.answer),
            };
            let answer = self.choice(index)?;
            answer.usage = usage.filter(|_| is_alone).or(answer.usage);
            answer.choice(choice, &id, &mut |event| emit(of_choice(index, event)))?;
        }
        if let Some(usage) = usage {
            let all = if is_alone { self.used() } else { None };
            emit(StreamEvent::Usage(all.unwrap_or(usage)));
        }
        Ok(())
    }

    /// The answer at that place.
    fn choice(&mut self, index: usize) -> Result<&mut Answer, ProviderError> {
        if index >= MAX_CHOICES {
            return Err(invalid("it has too many answers"));
        }
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, Answer::default);
        }
        Ok(&mut self.choices[index])
    }

    /// What all answers used. In a stream of several, every event counts the prompt and the answer
    /// that it is a piece of: the provider's own library adds up the outputs and takes the prompt
    /// once.
    fn used(&self) -> Option<Usage> {
        let mut each = self.choices.iter().filter_map(|one| one.usage);
        let first = each.next()?;
        Some(each.fold(first, |sum, one| Usage {
            output: sum.output.saturating_add(one.output),
            reasoning: sum.reasoning.saturating_add(one.reasoning),
            disagrees: sum.disagrees || one.disagrees,
            ..sum
        }))
    }
}

impl Answer {
    fn choice(
        &mut self,
        choice: Choice<'_>,
        id: &str,
        emit: &mut Emit<'_>,
    ) -> Result<(), ProviderError> {
        if let Some(message) = choice.message {
            let thought = message.reasoning_content;
            if thought
                .as_ref()
                .is_some_and(|text| !text.as_str().is_empty())
            {
                self.thinks = true;
            }
            say(thought, StreamEvent::Reasoning, emit);
            if message.content.as_ref().is_some_and(Pieces::say_something) {
                self.sign(emit);
            }
            match message.content {
                Some(Pieces::One(text)) => say(Some(text), StreamEvent::Text, emit),
                Some(Pieces::List(texts)) => {
                    for text in texts {
                        say(Some(text), StreamEvent::Text, emit);
                    }
                }
                None => {}
            }
            let fragments = message.tool_calls.into_iter().flatten();
            for (position, fragment) in fragments.enumerate() {
                self.fragment(position, fragment, id, emit)?;
            }
        }
        let list = choice.logprobs.0.and_then(|logprobs| logprobs.content);
        let list = list.map(RawValue::get).filter(|list| list.starts_with('['));
        if let Some(list) = list.filter(|list| *list != "[]") {
            emit(StreamEvent::Logprobs(list.into()));
        }
        self.finish(choice.finish_reason, emit);
        Ok(())
    }

    fn fragment(
        &mut self,
        position: usize,
        fragment: Fragment<'_>,
        answer: &str,
        emit: &mut Emit<'_>,
    ) -> Result<(), ProviderError> {
        let wire_index = fragment
            .index
            .or_else(|| u64::try_from(position).ok())
            .unwrap_or(0);
        let (name, arguments) = fragment
            .function
            .map_or((None, None), |function| (function.name, function.arguments));
        let known = self
            .calls
            .iter()
            .position(|call| call.wire_index == wire_index);
        let index = known.unwrap_or(self.calls.len());
        let Ok(event_index) = u32::try_from(index) else {
            return Err(invalid("it has too many calls"));
        };
        if known.is_none() {
            let name = name.unwrap_or_default().0;
            if name.is_empty() {
                return Err(invalid("it has a call without a name"));
            }
            if index >= MAX_CALLS {
                return Err(invalid("it has too many calls"));
            }
            self.calls.push(OpenCall {
                wire_index,
                has_arguments: false,
            });
            self.sign(emit);
            let mut id = fragment.id.unwrap_or_default().0;
            if id.is_empty() {
                let hash = json::fnv1a(&[answer.as_bytes(), &event_index.to_be_bytes()]);
                id = format!("call_{hash:016x}").into();
            }
            emit(StreamEvent::ToolCallStart {
                index: event_index,
                id,
                kind: ToolKind::Function,
                name,
            });
        }
        if let Some(Text(fragment)) = arguments.filter(|text| !text.as_str().is_empty()) {
            self.calls[index].has_arguments = true;
            emit(StreamEvent::ToolCallArguments {
                index: event_index,
                fragment,
            });
        }
        Ok(())
    }

    /// Ends the thoughts that were being told.
    fn sign(&mut self, emit: &mut Emit<'_>) {
        if std::mem::take(&mut self.thinks) {
            emit(StreamEvent::ReasoningSignature(KIND.into()));
        }
    }

    fn finish(&mut self, reason: Option<Text<'_>>, emit: &mut Emit<'_>) {
        let reason = reason.and_then(|reason| finish(reason.as_str()));
        if let Some(reason) = reason
            && !std::mem::replace(&mut self.finished, true)
        {
            self.sign(emit);
            // A function without arguments may get none at all; clients want an object.
            for (index, call) in (0_u32..).zip(&self.calls) {
                if !call.has_arguments {
                    let fragment = "{}".into();
                    emit(StreamEvent::ToolCallArguments { index, fragment });
                }
            }
            emit(StreamEvent::Finish(reason));
        }
    }
}

fn say<'a>(
    text: Option<Text<'a>>,
    event: impl Fn(std::borrow::Cow<'a, str>) -> StreamEvent<'a>,
    emit: &mut Emit<'_>,
) {
    if let Some(Text(words)) = text.filter(|text| !text.as_str().is_empty()) {
        emit(event(words));
    }
}

pub(super) fn decode(head: &ResponseHead<'_>, body: &[u8]) -> Result<ChatAnswer, ProviderError> {
    let chunk = serde_json::from_slice(body).map_err(|error| invalid(&error.to_string()))?;
    let mut collected = Collected::default();
    let mut reader = Reader::default();
    reader
        .read(chunk, &mut |event| collected.push(event))
        .map_err(|mut error| {
            error.status = Some(head.status);
            error
        })?;
    Ok(collected.answer)
}

pub(super) fn invalid(reason: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::InvalidAnswer,
        format!("the answer is not what DashScope's format allows: {reason}"),
    )
}
