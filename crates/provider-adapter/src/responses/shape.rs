//! What answers look like on the wire, read leniently: what stands beside the answer may be of any
//! type.

use serde::Deserialize;
use serde_json::value::RawValue;
use steelyard_types::{FinishReason, Usage};

use crate::json::Lenient;
use crate::openai::{Count, Loose};

/// A response object.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Response<'a> {
    #[serde(borrow, default)]
    pub(super) id: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) model: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) status: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    incomplete_details: Option<Details<'a>>,
    #[serde(borrow, default)]
    pub(super) output: Option<Vec<Item<'a>>>,
    #[serde(default)]
    usage: Lenient<UsageShape>,
}

#[derive(Debug, Default, Deserialize)]
struct Details<'a> {
    #[serde(borrow, default)]
    reason: Loose<'a>,
}

/// An item of the output.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) id: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) call_id: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) name: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) arguments: Loose<'a>,
    /// What a custom tool is called with.
    #[serde(borrow, default)]
    pub(super) input: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) encrypted_content: Loose<'a>,
    #[serde(borrow, default)]
    summary: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

impl<'a> Item<'a> {
    /// The parts of the content; none where it is something else, as items of built-in tools have.
    pub(super) fn content(&self) -> Vec<Piece<'a>> {
        pieces(self.content)
    }

    /// The parts of the summary.
    pub(super) fn summary(&self) -> Vec<Piece<'a>> {
        pieces(self.summary)
    }
}

fn pieces(raw: Option<&RawValue>) -> Vec<Piece<'_>> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default()
}

/// A part of an item's content or summary.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Piece<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) text: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) refusal: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) logprobs: Option<&'a RawValue>,
}

/// An event of a stream.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Loose<'a>,
    pub(super) sequence_number: Option<Lenient<u64>>,
    #[serde(default)]
    pub(super) output_index: Count,
    #[serde(default)]
    pub(super) content_index: Count,
    #[serde(default)]
    pub(super) summary_index: Count,
    #[serde(borrow, default)]
    pub(super) delta: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) logprobs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) item: Option<Item<'a>>,
    #[serde(borrow, default)]
    pub(super) response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

impl Response<'_> {
    /// Why the answer ended; `None` while it goes on. `calls` says whether there are any.
    pub(super) fn finish(&self, calls: bool) -> Option<FinishReason> {
        let reason = self.incomplete_details.as_ref();
        let reason = reason.map_or("", |details| details.reason.as_str());
        match self.status.as_str() {
            "completed" if calls => Some(FinishReason::ToolCalls),
            "completed" => Some(FinishReason::Stop),
            "incomplete" if reason == "content_filter" => Some(FinishReason::ContentFilter),
            "incomplete" => Some(FinishReason::Length),
            _ => None,
        }
    }

    /// What it used, in disjoint classes: here `input_tokens` includes what was read from and
    /// written to a cache, `output_tokens` includes reasoning.
    pub(super) fn usage(&self) -> Option<Usage> {
        let usage = self.usage.as_ref()?;
        if usage.input_tokens.is_none() && usage.output_tokens.is_none() {
            return None;
        }
        let main = |count: Option<Lenient<u64>>| count.map_or(Some(0), |Lenient(count)| count);
        let (input, output) = (main(usage.input_tokens)?, main(usage.output_tokens)?);
        let details = usage.input_tokens_details.as_ref();
        let cached = details.map_or(0, |details| details.cached_tokens.get());
        let cached = cached.min(input);
        let written = details.map_or(0, |details| details.cache_write_tokens.get());
        let written = written.min(input - cached);
        let reasoning = usage.output_tokens_details.as_ref();
        let reasoning = reasoning.map_or(0, |details| details.reasoning_tokens.get());
        let reasoning = reasoning.min(output);
        let classes = Usage {
            input_fresh: input - cached - written,
            input_cached: cached,
            cache_write: written,
            output: output - reasoning,
            reasoning,
            ..Usage::default()
        };
        Some(classes.checked(Some(usage.total_tokens.get())))
    }
}

#[derive(Debug, Default, Deserialize)]
struct UsageShape {
    input_tokens: Option<Lenient<u64>>,
    output_tokens: Option<Lenient<u64>>,
    #[serde(default)]
    total_tokens: Count,
    #[serde(default)]
    input_tokens_details: Lenient<InputDetails>,
    #[serde(default)]
    output_tokens_details: Lenient<OutputDetails>,
}

#[derive(Debug, Default, Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: Count,
    #[serde(default)]
    cache_write_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
struct OutputDetails {
    #[serde(default)]
    reasoning_tokens: Count,
}
