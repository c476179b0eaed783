use crate::{NanoUsd, PricePerMtok, Usage};

/// Tokens that a price is quoted for.
const QUOTED_TOKENS: u128 = 1_000_000;

/// The rates that one request is billed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Prompt tokens that touch no cache.
    pub input: PricePerMtok,
    /// Answer tokens.
    pub output: PricePerMtok,
    /// Prompt tokens read from the provider's cache (at Alibaba the implicit one).
    pub cache_read: Option<PricePerMtok>,
    /// Prompt tokens read from a cache that was asked for (Alibaba). Kept for the record: usage
    /// does not yet tell the two kinds of reading apart.
    pub cache_read_explicit: Option<PricePerMtok>,
    /// Prompt tokens written to the cache at its default lifetime.
    pub cache_write: Option<PricePerMtok>,
    /// Prompt tokens written to the cache for one hour (Anthropic).
    pub cache_write_1h: Option<PricePerMtok>,
    /// Prompt tokens written to the cache for twelve hours (OpenAI). Kept for the record: usage
    /// does not yet tell this lifetime apart.
    pub cache_write_12h: Option<PricePerMtok>,
    /// Reasoning, where it is billed apart from the answer.
    pub output_reasoning: Option<ReasoningRate>,
}

/// A price of reasoning that differs from the price of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasoningRate {
    /// The price.
    pub price: PricePerMtok,
    /// The tokens that it applies to.
    pub billing: ReasoningBilling,
}

/// Which tokens a [`ReasoningRate`] applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReasoningBilling {
    /// Reasoning tokens only.
    #[default]
    ReasoningTokens,
    /// The whole answer as soon as the model reasons at all: Alibaba prices the thinking mode.
    WholeAnswer,
}

/// What an attempt costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// The amount.
    pub amount: NanoUsd,
    /// Whether tokens of a class without a price of its own were billed as ordinary input.
    pub assumed: bool,
}

impl Rates {
    /// The cost of these tokens.
    ///
    /// Every class is multiplied exactly; the sum is rounded once, half up, to a whole nano-dollar,
    /// and stops at the largest amount. Cached classes without a rate are billed as fresh input and
    /// the cost is marked `assumed`; reasoning without a rate is billed as output, which is what
    /// the vendors' lists mean by not naming it.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Cost {
        let mut assumed = false;
        let mut input_class = |tokens: u64, rate: Option<PricePerMtok>| {
            assumed |= tokens > 0 && rate.is_none();
            product(tokens, rate.unwrap_or(self.input))
        };
        let (output, reasoning) = self.output_rates(usage);
        let classes = [
            product(usage.input_fresh, self.input),
            input_class(usage.input_cached, self.cache_read),
            input_class(usage.cache_write, self.cache_write),
            input_class(usage.cache_write_1h, self.cache_write_1h),
            product(usage.output, output),
            product(usage.reasoning, reasoning),
        ];
        // A sum past u128 is past u64 after the division too, so saturating here loses nothing.
        let exact = classes
            .into_iter()
            .fold(QUOTED_TOKENS / 2, u128::saturating_add);
        let amount = u64::try_from(exact / QUOTED_TOKENS).unwrap_or(u64::MAX);
        Cost {
            amount: NanoUsd(amount),
            assumed,
        }
    }

    /// The rates of answer and reasoning tokens for this answer.
    fn output_rates(&self, usage: &Usage) -> (PricePerMtok, PricePerMtok) {
        match self.output_reasoning {
            None => (self.output, self.output),
            Some(ReasoningRate {
                price,
                billing: ReasoningBilling::WholeAnswer,
            }) if usage.reasoning > 0 => (price, price),
            Some(ReasoningRate { price, .. }) => (self.output, price),
        }
    }
}

/// Tokens times price, in nano-dollars per 1,000,000 tokens; fits for all values.
fn product(tokens: u64, price: PricePerMtok) -> u128 {
    u128::from(tokens) * u128::from(price.0)
}
