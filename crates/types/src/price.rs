//! Prices and cost.

use crate::{NanoUsd, PricePerMtok, UnixMillis, Usage};

/// Placeholder replaced by the price book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ServiceTier {
    /// The ordinary tier.
    #[default]
    Standard,
    /// Cheaper and slower.
    Flex,
    /// Dearer and faster.
    Priority,
    /// Asynchronous.
    Batch,
    /// The dearest and fastest (OpenAI).
    Ultrafast,
}
/// What a price depends on besides the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceQuery {
    /// When the request is made.
    pub at: UnixMillis,
    /// The tier it is billed at.
    pub service: ServiceTier,
    /// Tokens of the whole prompt, cached ones included: selects the context tier.
    pub prompt_tokens: u64,
}
/// Rates in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Fresh input.
    pub input: PricePerMtok,
    /// Output.
    pub output: PricePerMtok,
}
/// A price table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceTable;
/// A cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// The amount.
    pub amount: NanoUsd,
    /// Whether a class had no price of its own.
    pub assumed: bool,
}
impl PriceTable {
    /// The rates in force.
    #[must_use]
    pub fn rates(&self, _query: &PriceQuery) -> Option<Rates> {
        None
    }
    /// Cost.
    #[must_use]
    pub fn cost(&self, _usage: &Usage, _query: &PriceQuery) -> Option<Cost> {
        None
    }
}
