//! The ladder: which models are tried for a request, in which order, and why.

mod cost;

use std::cmp::Ordering;

use smallvec::SmallVec;
use steelyard_types::{
    Feature, FeatureSet, NanoUsd, OutputFactor, PriceTable, ServiceTier, UnixMillis,
};

use crate::{OwnHead, Place, Scorer};
use cost::{expected_cost, expected_output_tokens};

/// Candidates of one route that are planned without allocating; more go to the heap.
const INLINE_CANDIDATES: usize = 16;

/// A model that a route may use, with what planning must know of it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The caller's name for it, handed back in the plan.
    pub id: u16,
    /// Its place on the complexity scale; strong models lie beyond 1.
    pub capability: f32,
    /// What is known of it besides, which its chance of success is then judged by.
    pub head: Option<&'a OwnHead>,
    /// How many times as long its answers are as expected of a request.
    pub output_factor: OutputFactor,
    /// Most complexity for which it is adequate, where the route says so.
    pub max_complexity: Option<f32>,
    /// Most tokens of prompt and answer together.
    pub context_window: u64,
    /// Most tokens of an answer.
    pub max_output_tokens: u64,
    /// What it can do.
    pub features: FeatureSet,
    /// What it costs; `None` for a model that is free.
    pub price: Option<&'a PriceTable>,
    /// The tier at which it is billed whatever the request asks for, where its provider is not told.
    pub service: Option<ServiceTier>,
    /// What rules it out before anything is weighed, found by the caller.
    pub ruled_out: Option<Exclusion>,
}

/// What a request asks of a model.
#[derive(Debug, Clone, Copy)]
pub struct Demand {
    /// Its complexity, in [0, 1].
    pub complexity: f32,
    /// Where it lies for the heads of single models.
    pub place: Place,
    /// Tokens of the prompt, estimated.
    pub prompt_tokens: u64,
    /// Tokens that an answer of a model with the output factor 1 will probably have.
    pub expected_output_tokens: u64,
    /// Tokens that the client allows an answer, where it says so.
    pub max_output_tokens: Option<u64>,
    /// How many answers are asked for (OpenAI's `n`), at least 1. The prompt is paid once.
    pub answers: u64,
    /// What the model must be able to do.
    pub features: FeatureSet,
    /// When the request is made: prices depend on it.
    pub at: UnixMillis,
    /// The tier at which it is billed.
    pub service: ServiceTier,
}

/// What a route asks of a model.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Least success probability, in [0, 1].
    pub threshold: f32,
    /// Most by which the success probability may lie below the best candidate's, in [0, 1].
    pub delta: Option<f32>,
    /// What happens when no candidate reaches it.
    pub otherwise: WhenNoneAdequate,
    /// Most that a request may be expected to cost.
    pub max_cost: Option<NanoUsd>,
}

/// What happens when no candidate is adequate, or all adequate ones have failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenNoneAdequate {
    /// The best value is tried, then the next best: the success probability less what the
    /// candidate's share of the dearest one's cost is worth.
    BestValue,
    /// The likeliest to succeed that is allowed is tried, then the next.
    Strongest,
    /// The request is refused.
    Refuse,
}

/// Why a candidate was not considered at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusion {
    /// It lacks this feature.
    Feature(Feature),
    /// Prompt and answer do not fit its context window.
    ContextWindow,
    /// The client asks for a longer answer than it gives.
    OutputLimit,
    /// It is expected to cost more than the route allows.
    MaxCost,
    /// Its price table has no price for this moment or tier.
    Unpriced,
    /// No key is configured for its provider, or the key cannot be read.
    NoKey,
    /// The route demands another region or provider.
    NotAllowed,
    /// Its adapter cannot carry a field of this request.
    CannotCarry,
}

impl Exclusion {
    /// A word for logs and explanations.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Feature(_) => "feature",
            Self::ContextWindow => "context_window",
            Self::OutputLimit => "output_limit",
            Self::MaxCost => "max_cost",
            Self::Unpriced => "unpriced",
            Self::NoKey => "no_key",
            Self::NotAllowed => "not_allowed",
            Self::CannotCarry => "cannot_carry",
        }
    }
}

/// Why the first model of a ladder is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The cheapest of the adequate models.
    CheapestAdequate,
    /// No model is adequate, so the one with the best value is used.
    BestValue,
    /// No model is adequate, so the strongest is used.
    StrongestAvailable,
    /// The client named the model.
    Pinned,
    /// Nothing was decided: the answer came from the cache.
    Cached,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::CheapestAdequate,
        Self::BestValue,
        Self::StrongestAvailable,
        Self::Pinned,
        Self::Cached,
    ];

    /// The word in metrics, logs and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CheapestAdequate => "cheapest_adequate",
            Self::BestValue => "best_value",
            Self::StrongestAvailable => "strongest_available",
            Self::Pinned => "pinned",
            Self::Cached => "cached",
        }
    }
}

/// How a candidate was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Meets the threshold, its own bound of complexity and every hard requirement.
    Adequate,
    /// Meets every hard requirement but not the threshold.
    TooWeak,
    /// Fails a hard requirement.
    Excluded(Exclusion),
}

/// A candidate with its judgement.
#[derive(Debug, Clone, Copy)]
pub struct Considered {
    /// The candidate.
    pub id: u16,
    /// Its capability.
    pub capability: f32,
    /// Probability that its answer is good enough.
    pub success: f32,
    /// Output tokens expected of each of its answers, within the client's and its own limit.
    pub expected_output_tokens: u64,
    /// Expected cost of this request with it, where it could be priced.
    pub expected_cost: Option<NanoUsd>,
    /// The judgement.
    pub verdict: Verdict,
}

/// The decision for one request.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Candidates to try, in order. Empty when nothing may be tried.
    pub ladder: SmallVec<[u16; INLINE_CANDIDATES]>,
    /// Why the first of them is the first.
    pub reason: Reason,
    /// Every candidate with its judgement, in the route's order.
    pub considered: SmallVec<[Considered; INLINE_CANDIDATES]>,
    /// The most capable candidate that could have served: what the cost is compared with.
    pub strongest: Option<u16>,
}

impl Plan {
    /// The judgement of one candidate.
    #[must_use]
    pub fn judgement(&self, id: u16) -> Option<&Considered> {
        self.considered
            .iter()
            .find(|considered| considered.id == id)
    }
}

/// Orders the candidates for a request.
///
/// The adequate ones come first, by expected cost (of two that cost the same the stronger one for
/// this request, then the one that the route names first). When none is left, the others follow, in
/// the order that [`Terms::otherwise`] says, or not at all. A candidate that fails a hard requirement
/// is never in the ladder.
#[must_use]
pub fn plan<'a>(
    candidates: impl IntoIterator<Item = Candidate<'a>>,
    demand: &Demand,
    terms: &Terms,
    scorer: &Scorer,
) -> Plan {
    let mut considered: SmallVec<[Considered; INLINE_CANDIDATES]> = candidates
        .into_iter()
        .map(|candidate| consider(&candidate, demand, terms, scorer))
        .collect();
    if let Some(delta) = terms.delta {
        keep_near_the_best(&mut considered, delta);
    }
    let (ladder, reason) = ladder(&considered, terms.otherwise);
    let strongest = considered
        .iter()
        .filter(|one| !matches!(one.verdict, Verdict::Excluded(_)))
        .max_by(|a, b| {
            let by_strength = a.capability.total_cmp(&b.capability);
            by_strength.then(b.expected_cost.cmp(&a.expected_cost))
        })
        .map(|one| one.id);
    Plan {
        ladder,
        reason,
        considered,
        strongest,
    }
}

fn ladder(
    considered: &[Considered],
    otherwise: WhenNoneAdequate,
) -> (SmallVec<[u16; INLINE_CANDIDATES]>, Reason) {
    type Rungs<'a> = SmallVec<[&'a Considered; INLINE_CANDIDATES]>;
    let of = |verdict: Verdict| considered.iter().filter(move |one| one.verdict == verdict);

    let mut adequate: Rungs<'_> = of(Verdict::Adequate).collect();
    adequate.sort_by(|a, b| {
        let by_cost = a.expected_cost.cmp(&b.expected_cost);
        by_cost.then_with(|| by_strength(a, b))
    });
    let reason = match (adequate.is_empty(), otherwise) {
        (false, _) => Reason::CheapestAdequate,
        (true, WhenNoneAdequate::BestValue) => Reason::BestValue,
        (true, _) => Reason::StrongestAvailable,
    };
    let mut weaker: Rungs<'_> = match otherwise {
        WhenNoneAdequate::BestValue | WhenNoneAdequate::Strongest => of(Verdict::TooWeak).collect(),
        WhenNoneAdequate::Refuse => Rungs::new(),
    };
    let dearest = weaker.iter().filter_map(|one| one.expected_cost).max();
    weaker.sort_by(|a, b| {
        let by_strength = || by_strength(a, b).then(a.expected_cost.cmp(&b.expected_cost));
        match otherwise {
            WhenNoneAdequate::BestValue => value(b, dearest)
                .total_cmp(&value(a, dearest))
                .then_with(by_strength),
            _ => by_strength(),
        }
    });
    (
        adequate.iter().chain(&weaker).map(|one| one.id).collect(),
        reason,
    )
}

/// The stronger for this request first; of two with the same chance the more capable one.
fn by_strength(a: &Considered, b: &Considered) -> Ordering {
    let by_chance = b.success.total_cmp(&a.success);
    by_chance.then(b.capability.total_cmp(&a.capability))
}

/// What the cost of the dearest candidate that is left, adequate ones aside, is worth in success
/// probability. Without it the hopeless requests, which no model is likely to answer, would all go
/// to the dearest one.
const COST_OF_DEAREST: f64 = 0.2;

/// Success probability less the worth of the cost.
fn value(one: &Considered, dearest: Option<NanoUsd>) -> f64 {
    let share = match (one.expected_cost, dearest) {
        (Some(NanoUsd(cost)), Some(NanoUsd(most))) if most > 0 => cost as f64 / most as f64,
        _ => 0.0,
    };
    f64::from(one.success) - COST_OF_DEAREST * share
}

/// Of the adequate, those stay whose chance is within `delta` of the best candidate's.
fn keep_near_the_best(considered: &mut [Considered], delta: f32) {
    let best = considered
        .iter()
        .filter(|one| !matches!(one.verdict, Verdict::Excluded(_)))
        .map(|one| one.success)
        .fold(0.0, f32::max);
    for one in considered {
        if one.verdict == Verdict::Adequate && one.success < best - delta {
            one.verdict = Verdict::TooWeak;
        }
    }
}

fn consider(
    candidate: &Candidate<'_>,
    demand: &Demand,
    terms: &Terms,
    scorer: &Scorer,
) -> Considered {
    let (complexity, place) = (demand.complexity, &demand.place);
    let success = scorer.chance(candidate.capability, candidate.head, complexity, place);
    let within = candidate
        .max_complexity
        .is_none_or(|most| complexity <= most);
    let expected_output_tokens = expected_output_tokens(candidate, demand);
    let expected_cost = expected_cost(candidate, demand, expected_output_tokens);
    let verdict = match exclusion(candidate, demand, terms, expected_cost) {
        Some(exclusion) => Verdict::Excluded(exclusion),
        None if within && success >= terms.threshold => Verdict::Adequate,
        None => Verdict::TooWeak,
    };
    Considered {
        id: candidate.id,
        capability: candidate.capability,
        success,
        expected_output_tokens,
        expected_cost,
        verdict,
    }
}

fn exclusion(
    candidate: &Candidate<'_>,
    demand: &Demand,
    terms: &Terms,
    expected_cost: Option<NanoUsd>,
) -> Option<Exclusion> {
    if candidate.ruled_out.is_some() {
        return candidate.ruled_out;
    }
    if let Some(missing) = demand.features.difference(candidate.features).iter().next() {
        return Some(Exclusion::Feature(missing));
    }
    if demand
        .max_output_tokens
        .is_some_and(|asked| asked > candidate.max_output_tokens)
    {
        return Some(Exclusion::OutputLimit);
    }
    let answer = demand.max_output_tokens.unwrap_or(0);
    if demand.prompt_tokens.saturating_add(answer) > candidate.context_window {
        return Some(Exclusion::ContextWindow);
    }
    match (expected_cost, terms.max_cost) {
        (None, _) => Some(Exclusion::Unpriced),
        (Some(cost), Some(limit)) if cost > limit => Some(Exclusion::MaxCost),
        _ => None,
    }
}
