use serde::Deserialize;
use steelyard_types::Usage;

use crate::json::Lenient;

/// Counts as DashScope sends them: `input_tokens` includes cached tokens, `output_tokens` includes
/// reasoning. Older models say `cached_tokens` beside them.
#[derive(Deserialize)]
pub(super) struct WireUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    total_tokens: Option<u64>,
    cached_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Lenient<PromptDetails>,
    #[serde(default)]
    output_tokens_details: Lenient<OutputDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

impl WireUsage {
    /// The classes, or nothing where there are no counts: the first event can have an empty usage.
    pub(super) fn classes(&self) -> Option<Usage> {
        if self.input_tokens.is_none() && self.output_tokens.is_none() {
            return None;
        }
        let input = self.input_tokens.unwrap_or(0);
        let output = self.output_tokens.unwrap_or(0);
        let details = self.prompt_tokens_details.as_ref();
        let cached = details
            .and_then(|details| details.cached_tokens)
            .or(self.cached_tokens)
            .unwrap_or(0)
            .min(input);
        let written = details
            .and_then(|details| details.cache_creation_input_tokens)
            .unwrap_or(0)
            .min(input - cached);
        let reasoning = self
            .output_tokens_details
            .as_ref()
            .and_then(|details| details.reasoning_tokens)
            .unwrap_or(0)
            .min(output);
        let usage = Usage {
            input_fresh: input - cached - written,
            input_cached: cached,
            cache_write: written,
            output: output - reasoning,
            reasoning,
            ..Usage::default()
        };
        Some(usage.checked(self.total_tokens))
    }
}
