use std::ops::Add;

/// Tokens of one answer, in classes that never overlap.
///
/// Providers disagree on what their totals include (OpenAI's `prompt_tokens` counts cached tokens,
/// Anthropic's `input_tokens` does not); adapters translate into these disjoint classes once, and
/// everything behind them only ever adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Usage {
    /// Prompt tokens that were neither read from nor written to a cache.
    pub input_fresh: u64,
    /// Prompt tokens read from the provider's prompt cache.
    pub input_cached: u64,
    /// Prompt tokens written to the provider's prompt cache at its default lifetime.
    pub cache_write: u64,
    /// Prompt tokens written to the cache with a lifetime of one hour (Anthropic).
    pub cache_write_1h: u64,
    /// Answer tokens without reasoning.
    pub output: u64,
    /// Tokens of hidden or shown reasoning.
    pub reasoning: u64,
    /// Whether the provider's own total is another number than the sum of these classes. It is
    /// shown to operators, never mended.
    pub disagrees: bool,
}

impl Usage {
    /// These classes, marked if the provider's own total is another number. `None` and 0 are no
    /// total.
    #[must_use]
    pub fn checked(mut self, provider_total: Option<u64>) -> Self {
        let sum = self.total_tokens();
        self.disagrees |= provider_total.is_some_and(|total| total != 0 && total != sum);
        self
    }

    /// All tokens of the prompt, cached ones included: OpenAI's `prompt_tokens`.
    #[must_use]
    pub fn prompt_tokens(&self) -> u64 {
        self.input_fresh
            .saturating_add(self.input_cached)
            .saturating_add(self.cache_write)
            .saturating_add(self.cache_write_1h)
    }

    /// All tokens of the answer, reasoning included: OpenAI's `completion_tokens`.
    #[must_use]
    pub fn completion_tokens(&self) -> u64 {
        self.output.saturating_add(self.reasoning)
    }

    /// Prompt and answer together: OpenAI's `total_tokens`.
    #[must_use]
    pub fn total_tokens(&self) -> u64 {
        self.prompt_tokens()
            .saturating_add(self.completion_tokens())
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            input_fresh: self.input_fresh.saturating_add(other.input_fresh),
            input_cached: self.input_cached.saturating_add(other.input_cached),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            cache_write_1h: self.cache_write_1h.saturating_add(other.cache_write_1h),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
            disagrees: self.disagrees || other.disagrees,
        }
    }
}
