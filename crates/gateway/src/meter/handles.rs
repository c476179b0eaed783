use std::sync::OnceLock;

use prometheus::{Histogram, IntCounter, IntCounterVec};
use steelyard_policy::ModelId;
use steelyard_provider_adapter::Losses;
use steelyard_router::Reason;
use steelyard_types::{ErrorKind, Usage};

use super::{Metrics, NO_ROUTE, outcome_label, series};

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

/// What is counted of requests that reached no route.
#[derive(Debug)]
pub struct UnroutedMeter(RequestCounters);

/// What is counted per route.
#[derive(Debug)]
pub struct RouteMeter {
    requests: RequestCounters,
    /// Sorted by model.
    models: Box<[(ModelId, RouteModelCounters)]>,
    fallbacks: IntCounterVec,
    complexity: Histogram,
    overhead: Histogram,
    counterfactual: IntCounter,
    cache: [IntCounter; 2],
}

/// Requests of one route by outcome.
#[derive(Debug)]
struct RequestCounters {
    route: String,
    /// Whole answers, then streams.
    counters: [[LazyCounter; OUTCOMES]; 2],
}

/// What is counted per candidate of a route.
#[derive(Debug)]
struct RouteModelCounters {
    model: String,
    decisions: [LazyCounter; Reason::ALL.len()],
    cost: LazyCounter,
}

impl RequestCounters {
    fn new(metrics: &Metrics, route: &str) -> Self {
        Self {
            route: route.to_owned(),
            counters: [by_outcome(&metrics.requests), by_outcome(&metrics.requests)],
        }
    }

    fn count(&self, stream: bool, outcome: Option<ErrorKind>) {
        let counter = &self.counters[usize::from(stream)][outcome_index(outcome)];
        let stream = if stream { "true" } else { "false" };
        counter.add(&[&self.route, stream, outcome_label(outcome)], 1);
    }
}

impl UnroutedMeter {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self(RequestCounters::new(metrics, NO_ROUTE))
    }

    /// A request ended; `None` means well.
    pub fn request(&self, stream: bool, outcome: Option<ErrorKind>) {
        self.0.count(stream, outcome);
    }
}

impl RouteMeter {
    pub(super) fn new<'a>(
        metrics: &Metrics,
        name: &str,
        models: impl IntoIterator<Item = (ModelId, &'a str)>,
    ) -> Self {
        let counters = |model: &str| RouteModelCounters {
            model: model.to_owned(),
            decisions: std::array::from_fn(|_| LazyCounter::new(&metrics.decisions)),
            cost: LazyCounter::new(&metrics.cost),
        };
        let mut models: Box<[_]> = models
            .into_iter()
            .map(|(id, model)| (id, counters(model)))
            .collect();
        models.sort_by_key(|(id, _)| *id);
        Self {
            requests: RequestCounters::new(metrics, name),
            models,
            fallbacks: metrics.fallbacks.clone(),
            complexity: series(&metrics.complexity, name),
            overhead: series(&metrics.overhead, name),
            counterfactual: metrics.counterfactual.with_label_values(&[name]),
            cache: ["hit", "miss"].map(|result| metrics.cache.with_label_values(&[name, result])),
        }
    }

    /// A request ended; `None` means well.
    pub fn request(&self, stream: bool, outcome: Option<ErrorKind>) {
        self.requests.count(stream, outcome);
    }

    /// A candidate was chosen to be tried first.
    pub fn decision(&self, model: ModelId, reason: Reason) {
        if let Some(counters) = self.of(model) {
            let labels = [&*self.requests.route, &*counters.model, reason.as_str()];
            counters.decisions[reason as usize].add(&labels, 1);
        }
    }

    /// An attempt was abandoned for another model. Rare enough to look its label up.
    pub fn fallback(&self, model: ModelId, kind: ErrorKind) {
        if let Some(counters) = self.of(model) {
            let labels = [&*self.requests.route, &*counters.model, kind.as_str()];
            self.fallbacks.with_label_values(&labels).inc();
        }
    }

    /// An attempt cost this many nano-dollars.
    pub fn cost(&self, model: ModelId, nano_usd: u64) {
        if let Some(counters) = self.of(model) {
            let labels = [&*self.requests.route, &*counters.model];
            counters.cost.add(&labels, nano_usd);
        }
    }

    fn of(&self, model: ModelId) -> Option<&RouteModelCounters> {
        let place = self.models.binary_search_by_key(&model, |(id, _)| *id);
        Some(&self.models[place.ok()?].1)
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
    disagreements: IntCounter,
    lossy: IntCounterVec,
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
            disagreements: metrics.disagreements.with_label_values(&[name]),
            lossy: metrics.lossy.clone(),
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

    /// An attempt used these tokens.
    pub fn usage(&self, usage: &Usage) {
        for ((class, _), counter) in TokenClass::ALL.iter().zip(&self.tokens) {
            counter.inc_by(class.of(usage));
        }
    }

    /// A provider's own total was another number than the sum of its classes.
    pub fn disagreement(&self) {
        self.disagreements.inc();
    }

    /// These fields of a request that was answered were lost on the way. Rare enough to look their
    /// labels up; the names are those that adapters are written with, never a client's.
    pub fn lossy(&self, losses: &Losses) {
        for field in losses.fields() {
            let labels = [self.name.as_str(), field];
            self.lossy.with_label_values(&labels).inc();
        }
    }

    /// What an attempt cost is not known, or only in part.
    pub fn unmetered(&self) {
        self.unmetered.inc();
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
