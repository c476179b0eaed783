//! What a request will probably cost with a candidate.

use steelyard_types::{NanoUsd, PriceQuery, Usage};

use super::{Candidate, Demand};

/// Output tokens of an answer of this candidate: what is expected of the request times the candidate's
/// factor, within the client's and the candidate's limit.
pub(super) fn expected_output_tokens(candidate: &Candidate<'_>, demand: &Demand) -> u64 {
    let own = candidate.output_factor.of(demand.expected_output_tokens);
    let limit = demand.max_output_tokens.unwrap_or(u64::MAX);
    own.min(limit).min(candidate.max_output_tokens)
}

/// What this request will probably cost with this candidate: all prompt tokens fresh and once, and
/// for every answer the output tokens expected of it, which the limits bound each by itself.
pub(super) fn expected_cost(
    candidate: &Candidate<'_>,
    demand: &Demand,
    output_tokens: u64,
) -> Option<NanoUsd> {
    let Some(price) = candidate.price else {
        return Some(NanoUsd(0));
    };
    let usage = Usage {
        input_fresh: demand.prompt_tokens,
        output: output_tokens.saturating_mul(demand.answers),
        ..Usage::default()
    };
    let query = PriceQuery {
        at: demand.at,
        service: candidate.service.unwrap_or(demand.service),
        prompt_tokens: demand.prompt_tokens,
    };
    Some(price.rates(&query)?.cost(&usage).amount)
}
