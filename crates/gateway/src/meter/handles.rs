use std::sync::OnceLock;

use prometheus::{Histogram, IntCounter, IntCounterVec};
use steelyard_router::Reason;
use steelyard_types::{ErrorKind, Usage};

use super::{Metrics, outcome_label, reason_label, series};

/// Outcomes of a request or attempt: well, or one of the error kinds.
const OUTCOMES: usize = ErrorKind::ALL.len() + 1;

/// A counter whose series appears with its first count.
///
/// Resolving a label costs about 20 ns and a line in every scrape; most combinations of route and
/// error never happen.
#[derive(Debug)]
struct LazyCounter {
    family: IntCounterVec,
    counter: OnceLock<IntCounter>,
}

impl LazyCounter {
    fn new(family: &IntCounterVec) -> Self {
        Self {
            family: family.clone(),
            counter: OnceLock::new(),
        }
    }

    fn add(&self, labels: &[&str], amount: u64) {
        self.counter
            .get_or_init(|| self.family.with_label_values(labels))
            .inc_by(amount);
    }
}

/// One lazy counter for every outcome.
fn by_outcome(family: &IntCounterVec) -> [LazyCounter; OUTCOMES] {
    std::array::from_fn(|_| LazyCounter::new(family))
}

fn outcome_index(outcome: Option<ErrorKind>) -> usize {
    outcome.map_or(0, |kind| kind as usize + 1)
}

/// What is counted per route.
#[derive(Debug)]
pub struct RouteMeter {
    name: String,
    requests: [[LazyCounter; OUTCOMES]; 2],
    decisions: IntCounterVec,
    fallbacks: IntCounterVec,
    cost: IntCounterVec,
    complexity: Histogram,
    overhead: Histogram,
    counterfactual: IntCounter,
    cache: [IntCounter; 2],
}

impl RouteMeter {
    pub(super) fn new(metrics: &Metrics, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            requests: [by_outcome(&metrics.requests), by_outcome(&metrics.requests)],
            decisions: metrics.decisions.clone(),
            fallbacks: metrics.fallbacks.clone(),
            cost: metrics.cost.clone(),
            complexity: series(&metrics.complexity, name),
            overhead: series(&metrics.overhead, name),
            counterfactual: metrics.counterfactual.with_label_values(&[name]),
            cache: ["hit", "miss"].map(|result| metrics.cache.with_label_values(&[name, result])),
        }
    }

    /// A request ended; `None` means well.
    pub fn request(&self, stream: bool, outcome: Option<ErrorKind>) {
        let counter = &self.requests[usize::from(stream)][outcome_index(outcome)];
        let stream = if stream { "true" } else { "false" };
        counter.add(&[&self.name, stream, outcome_label(outcome)], 1);
    }

    /// A model was chosen to be tried first.
    pub fn decision(&self, model: &str, reason: Reason) {
        self.decisions
            .with_label_values(&[&self.name, model, reason_label(reason)])
            .inc();
    }

    /// An attempt was abandoned for another model.
    pub fn fallback(&self, model: &str, kind: ErrorKind) {
        self.fallbacks
            .with_label_values(&[&self.name, model, kind.as_str()])
            .inc();
    }

    /// An attempt cost this many nano-dollars.
    pub fn cost(&self, model: &str, nano_usd: u64) {
        self.cost
            .with_label_values(&[&self.name, model])
            .inc_by(nano_usd);
    }

    /// The scorer weighed a request.
    pub fn complexity(&self, complexity: f32) {
        self.complexity.observe(f64::from(complexity));
    }

    /// Time that the gateway itself took for a request, in seconds.
    pub fn overhead(&self, seconds: f64) {
        self.overhead.observe(seconds);
    }

    /// What a request would have cost with the strongest candidate, in nano-dollars.
    pub fn counterfactual(&self, nano_usd: u64) {
        self.counterfactual.inc_by(nano_usd);
    }

    /// The response cache was asked.
    pub fn cache(&self, hit: bool) {
        self.cache[usize::from(!hit)].inc();
    }
}

/// The classes in which tokens are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenClass {
    /// Prompt tokens at the full price.
    InputFresh,
    /// Prompt tokens read from the provider's cache.
    InputCached,
    /// Prompt tokens written to the provider's cache.
    CacheWrite,
    /// Prompt tokens written to the provider's cache for an hour.
    CacheWrite1h,
    /// Answer tokens without reasoning.
    Output,
    /// Reasoning tokens.
    Reasoning,
}

impl TokenClass {
    const ALL: [(Self, &'static str); 6] = [
        (Self::InputFresh, "input_fresh"),
        (Self::InputCached, "input_cached"),
        (Self::CacheWrite, "cache_write"),
        (Self::CacheWrite1h, "cache_write_1h"),
        (Self::Output, "output"),
        (Self::Reasoning, "reasoning"),
    ];

    fn of(self, usage: &Usage) -> u64 {
        match self {
            Self::InputFresh => usage.input_fresh,
            Self::InputCached => usage.input_cached,
            Self::CacheWrite => usage.cache_write,
            Self::CacheWrite1h => usage.cache_write_1h,
            Self::Output => usage.output,
            Self::Reasoning => usage.reasoning,
        }
    }
}

/// What is counted per model.
#[derive(Debug)]
pub struct ModelMeter {
    name: String,
    provider: String,
    attempts: [LazyCounter; OUTCOMES],
    tokens: [IntCounter; TokenClass::ALL.len()],
    unmetered: IntCounter,
    provider_time: Histogram,
    first_token: Histogram,
}

impl ModelMeter {
    pub(super) fn new(metrics: &Metrics, name: &str, provider: &str) -> Self {
        Self {
            name: name.to_owned(),
            provider: provider.to_owned(),
            attempts: by_outcome(&metrics.attempts),
            tokens: TokenClass::ALL
                .map(|(_, class)| metrics.tokens.with_label_values(&[name, class])),
            unmetered: metrics.unmetered.with_label_values(&[name]),
            provider_time: series(&metrics.provider_time, name),
            first_token: series(&metrics.first_token, name),
        }
    }

    /// An attempt ended after so many seconds; `None` means well.
    pub fn attempt(&self, outcome: Option<ErrorKind>, seconds: f64) {
        let labels = [self.name.as_str(), &self.provider, outcome_label(outcome)];
        self.attempts[outcome_index(outcome)].add(&labels, 1);
        self.provider_time.observe(seconds);
    }

    /// The first content of a stream arrived after so many seconds.
    pub fn first_token(&self, seconds: f64) {
        self.first_token.observe(seconds);
    }

    /// An attempt used these tokens; `None` when it was answered without saying.
    pub fn usage(&self, usage: Option<&Usage>) {
        let Some(usage) = usage else {
            self.unmetered.inc();
            return;
        };
        for ((class, _), counter) in TokenClass::ALL.iter().zip(&self.tokens) {
            counter.inc_by(class.of(usage));
        }
    }
}

/// What is counted per virtual key.
#[derive(Debug)]
pub struct KeyMeter {
    pub(super) limited: IntCounter,
}

impl KeyMeter {
    /// A request was refused because the key had used up its limit.
    pub fn limited(&self) {
        self.limited.inc();
    }
}
