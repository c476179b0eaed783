use serde::Deserialize;
use serde_json::value::RawValue;
use steelyard_types::{
    AnswerToolCall, ChatAnswer, ErrorKind, FinishReason, ProviderError, Thought, ToolKind, Usage,
};

use super::error;
use super::request::ANSWER_TOOL;
use crate::ResponseHead;
use crate::json::{Lenient, Text};

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    error: Option<error::Detail<'a>>,
    #[serde(default)]
    usage: Lenient<WireUsage>,
}

/// A content block's type. The fields of blocks that are not read may hold anything.
#[derive(Deserialize)]
pub(super) struct BlockKind<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
}

/// A block of text or reasoning.
#[derive(Deserialize)]
pub(super) struct Words<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) thinking: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) signature: Option<Text<'a>>,
}

/// A block of thoughts that only Anthropic can read.
#[derive(Deserialize)]
pub(super) struct Redacted<'a> {
    #[serde(borrow)]
    pub(super) data: Text<'a>,
}

#[derive(Deserialize)]
pub(super) struct ToolUse<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
}

/// Counts as Anthropic sends them: `input_tokens` excludes what was read from or written to the
/// cache, `output_tokens` includes thinking.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct WireUsage {
    input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation: Lenient<CacheCreation>,
    output_tokens: Option<u64>,
    #[serde(default)]
    output_tokens_details: Lenient<OutputDetails>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct CacheCreation {
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

impl WireUsage {
    /// A later count of the same stream: what it says replaces, what it leaves out stays.
    pub(super) fn update(&mut self, later: Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.cache_read_input_tokens = later
            .cache_read_input_tokens
            .or(self.cache_read_input_tokens);
        self.cache_creation_input_tokens = later
            .cache_creation_input_tokens
            .or(self.cache_creation_input_tokens);
        self.cache_creation = Lenient(later.cache_creation.0.or(self.cache_creation.0));
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        let details = later.output_tokens_details.0;
        self.output_tokens_details = Lenient(details.or(self.output_tokens_details.0));
    }

    pub(super) fn classes(&self) -> Usage {
        let hour = self
            .cache_creation
            .0
            .and_then(|creation| creation.ephemeral_1h_input_tokens)
            .unwrap_or(0);
        let written = self.cache_creation_input_tokens.unwrap_or(hour);
        let hour = hour.min(written);
        let output = self.output_tokens.unwrap_or(0);
        let thinking = self
            .output_tokens_details
            .0
            .and_then(|details| details.thinking_tokens)
            .unwrap_or(0)
            .min(output);
        Usage {
            input_fresh: self.input_tokens.unwrap_or(0),
            input_cached: self.cache_read_input_tokens.unwrap_or(0),
            cache_write: written - hour,
            cache_write_1h: hour,
            output: output - thinking,
            reasoning: thinking,
            disagrees: false,
        }
    }
}

/// The neutral word for a `stop_reason`. A reason that is new to us ends the answer like any other.
pub(super) fn finish(stop_reason: &str) -> FinishReason {
    match stop_reason {
        "tool_use" => FinishReason::ToolCalls,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "refusal" => FinishReason::ContentFilter,
        _ => FinishReason::Stop,
    }
}

/// How an answer ended whose schema was that of a call: the call that is the answer is none to the
/// client.
pub(super) fn settled(finish: FinishReason, answered: bool, called: bool) -> FinishReason {
    match finish {
        FinishReason::ToolCalls if answered && !called => FinishReason::Stop,
        finish => finish,
    }
}

pub(super) fn decode(head: &ResponseHead<'_>, body: &[u8]) -> Result<ChatAnswer, ProviderError> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|error| invalid(&error))?;
    if let Some(detail) = &answer.error {
        return Err(error::read(detail, Some(head.status)));
    }
    let Some(blocks) = answer.content else {
        return Err(ProviderError::new(
            ErrorKind::InvalidAnswer,
            "the answer has no content",
        ));
    };
    let mut decoded = ChatAnswer {
        id: answer.id.map(|id| id.0.into_owned()).unwrap_or_default(),
        model: answer
            .model
            .map(|model| model.0.into_owned())
            .unwrap_or_default(),
        finish: answer.stop_reason.map(|reason| finish(reason.as_str())),
        usage: answer.usage.0.map(|usage| usage.classes()),
        ..ChatAnswer::default()
    };
    let mut answered = false;
    for block in blocks {
        answered |= read_block(block.get(), &mut decoded).map_err(|error| invalid(&error))?;
    }
    let called = !decoded.tool_calls.is_empty();
    decoded.finish = decoded
        .finish
        .map(|finish| settled(finish, answered, called));
    Ok(decoded)
}

/// What must be known of an answer that goes through as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) usage: Option<Usage>,
    pub(crate) finish: Option<FinishReason>,
    /// Whether a client would see nothing, as [`ChatAnswer::is_empty`].
    pub(crate) empty: bool,
}

/// Looks at an answer for a client that reads this format itself. Blocks that have no neutral form
/// count as an answer.
///
/// # Errors
/// As [`decode`].
pub(crate) fn look(head: &ResponseHead<'_>, body: &[u8]) -> Result<Seen, ProviderError> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|error| invalid(&error))?;
    let foreign = answer.content.iter().flatten().any(|block| {
        let kind: Result<BlockKind<'_>, _> = serde_json::from_str(block.get());
        let known = ["text", "thinking", "redacted_thinking", "tool_use"];
        kind.is_ok_and(|block| !known.contains(&block.kind.as_str()))
    });
    let decoded = decode(head, body)?;
    Ok(Seen {
        usage: decoded.usage,
        finish: decoded.finish,
        empty: !foreign && decoded.is_empty(),
    })
}

/// Reads one block; says whether it is the call that is the answer.
fn read_block(block: &str, answer: &mut ChatAnswer) -> Result<bool, serde_json::Error> {
    let kind: BlockKind<'_> = serde_json::from_str(block)?;
    match kind.kind.as_str() {
        "text" => {
            let words: Words<'_> = serde_json::from_str(block)?;
            append(&mut answer.text, words.text);
        }
        "thinking" => {
            let words: Words<'_> = serde_json::from_str(block)?;
            if let Some(thinking) = words.thinking {
                answer.push_reasoning(thinking.as_str());
            }
            let signature = words.signature.filter(|text| !text.as_str().is_empty());
            if let Some(signature) = signature {
                answer.sign_reasoning(signature.as_str());
            }
        }
        "redacted_thinking" => {
            let redacted: Redacted<'_> = serde_json::from_str(block)?;
            answer.reasoning.push(Thought {
                redacted: Some(redacted.data.0.into_owned()),
                ..Thought::default()
            });
        }
        "tool_use" => {
            let call: ToolUse<'_> = serde_json::from_str(block)?;
            if call.name.as_str() == ANSWER_TOOL {
                let input = call.input.map_or("{}", RawValue::get);
                answer.text.get_or_insert_default().push_str(input);
                return Ok(true);
            }
            answer.tool_calls.push(AnswerToolCall {
                id: call.id.0.into_owned(),
                kind: ToolKind::Function,
                name: call.name.0.into_owned(),
                arguments: call.input.map_or("{}", RawValue::get).to_owned(),
            });
        }
        _ => {}
    }
    Ok(false)
}

fn append(words: &mut Option<String>, more: Option<Text<'_>>) {
    if let Some(more) = more {
        words.get_or_insert_default().push_str(more.as_str());
    }
}

pub(super) fn invalid(error: &serde_json::Error) -> ProviderError {
    ProviderError::new(
        ErrorKind::InvalidAnswer,
        format!("the answer is not what Anthropic's format allows: {error}"),
    )
}
