//! The meter: every count that the gateway keeps, in Prometheus's terms.
//!
//! Labels come from closed sets only: names in the policy and the variants of enums. No client can
//! create a series. Handles are resolved when a policy is compiled ([`RouteMeter`], [`ModelMeter`]),
//! so that a request adds to atomics and never hashes a label.

mod handles;

use std::sync::Arc;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};
use steelyard_policy::ModelId;
use steelyard_types::{ErrorKind, UnixMillis};

pub use handles::{KeyMeter, ModelMeter, RouteMeter, TokenClass, UnroutedMeter};

/// The label of what concerns no route: an unknown path, a request refused before it was routed.
pub const NO_ROUTE: &str = "none";

/// The label of an attempt or request that went well.
const OK: &str = "ok";

/// All metrics of one gateway, with their registry.
#[derive(Debug, Clone)]
pub struct Meter(Arc<Metrics>);

#[derive(Debug)]
struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    decisions: IntCounterVec,
    complexity: HistogramVec,
    overhead: HistogramVec,
    counterfactual: IntCounterVec,
    cache: IntCounterVec,
    attempts: IntCounterVec,
    fallbacks: IntCounterVec,
    tokens: IntCounterVec,
    cost: IntCounterVec,
    unmetered: IntCounterVec,
    disagreements: IntCounterVec,
    lossy: IntCounterVec,
    provider_time: HistogramVec,
    first_token: HistogramVec,
    limited: IntCounterVec,
    in_flight: IntGauge,
    reloads: IntCounterVec,
    reload_ok: IntGauge,
    reload_at: IntGauge,
    cache_bytes: IntGauge,
    lost_lines: IntCounter,
    unreadable: IntCounter,
}

impl Meter {
    /// A meter with an empty registry.
    ///
    /// # Errors
    /// Never with the names below, which the tests prove; the library checks them at run time.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(format!("steelyard_{name}"), help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let single = |name: &str, help: &str| {
            let counter = IntCounter::new(format!("steelyard_{name}"), help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(format!("steelyard_{name}"), help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let histogram = |name: &str, help: &str, labels: &[&str], buckets: &[f64]| {
            let options = HistogramOpts::new(format!("steelyard_{name}"), help);
            let histogram = HistogramVec::new(options.buckets(buckets.to_vec()), labels)?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let metrics = Metrics {
            requests: counter(
                "requests_total",
                "Requests by outcome: ok, or the kind of error that the client saw.",
                &["route", "stream", "outcome"],
            )?,
            decisions: counter(
                "decisions_total",
                "Requests by the model that was tried first and the reason for it.",
                &["route", "model", "reason"],
            )?,
            complexity: histogram(
                "complexity",
                "Complexity that the scorer gave to requests, in [0, 1].",
                &["route"],
                &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
            )?,
            overhead: histogram(
                "gateway_overhead_seconds",
                "Time from the first byte of a request to its answer, without the time spent \
                 waiting for providers and for the client's body.",
                &["route"],
                OVERHEAD_BUCKETS,
            )?,
            counterfactual: counter(
                "counterfactual_cost_nanodollars_total",
                "What the answered requests would have cost with the strongest candidate, in \
                 nano-dollars (1e-9 USD).",
                &["route"],
            )?,
            cache: counter(
                "cache_lookups_total",
                "Look-ups in the response cache by result: hit or miss.",
                &["route", "result"],
            )?,
            attempts: counter(
                "attempts_total",
                "Calls to providers by outcome: ok, or the kind of error.",
                &["model", "provider", "outcome"],
            )?,
            fallbacks: counter(
                "fallbacks_total",
                "Attempts that were abandoned for another model, by the model that failed and why.",
                &["route", "model", "kind"],
            )?,
            tokens: counter(
                "tokens_total",
                "Tokens by class, as the providers counted them. The classes do not overlap.",
                &["model", "class"],
            )?,
            cost: counter(
                "cost_nanodollars_total",
                "Cost of all attempts, failed ones included, in nano-dollars (1e-9 USD).",
                &["route", "model"],
            )?,
            unmetered: counter(
                "unmetered_attempts_total",
                "Attempts that were answered in part or in whole without a usage report, so that \
                 their cost is not known.",
                &["model"],
            )?,
            disagreements: counter(
                "usage_disagreements_total",
                "Answers whose provider gave a total of tokens that is not the sum of its classes.",
                &["model"],
            )?,
            lossy: counter(
                "lossy_fields_total",
                "Fields of answered requests that the model was not told, or told less exactly.",
                &["model", "field"],
            )?,
            provider_time: histogram(
                "provider_seconds",
                "Time from sending a request to a provider to the end of its answer.",
                &["model"],
                PROVIDER_BUCKETS,
            )?,
            first_token: histogram(
                "time_to_first_token_seconds",
                "Time from sending a request to a provider to the first content of its stream.",
                &["model"],
                PROVIDER_BUCKETS,
            )?,
            limited: counter(
                "rate_limited_total",
                "Requests refused because their virtual key had used up its limit.",
                &["key"],
            )?,
            in_flight: gauge("in_flight_requests", "Requests that are being answered.")?,
            reloads: counter(
                "config_reloads_total",
                "Attempts to load the policy again, by result: ok or error.",
                &["result"],
            )?,
            reload_ok: gauge(
                "config_last_reload_successful",
                "1 if the last attempt to load the policy was successful, else 0.",
            )?,
            reload_at: gauge(
                "config_last_reload_success_timestamp_seconds",
                "When the policy in force was loaded.",
            )?,
            cache_bytes: gauge("cache_bytes", "Bytes held by the response caches.")?,
            lost_lines: single(
                "request_log_lines_lost_total",
                "Lines of the request log that could not be written in time.",
            )?,
            unreadable: single(
                "unreadable_requests_total",
                "Connections that sent something which is not an HTTP request; they have no line in \
                 the request log.",
            )?,
            registry: registry.clone(),
        };
        let build = IntGaugeVec::new(
            Opts::new("steelyard_build_info", "1, with the version of this build."),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(build))?;
        for result in [OK, "error"] {
            metrics.reloads.with_label_values(&[result]);
        }
        Ok(Self(Arc::new(metrics)))
    }

    /// All metrics in Prometheus's text format.
    ///
    /// # Errors
    /// If the library cannot write them.
    pub fn text(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::with_capacity(16 * 1024);
        TextEncoder::new().encode(&self.0.registry.gather(), &mut text)?;
        Ok(text)
    }

    /// The handles of a route with these candidates.
    #[must_use]
    pub fn route<'a>(
        &self,
        name: &str,
        candidates: impl IntoIterator<Item = (ModelId, &'a str)>,
    ) -> RouteMeter {
        RouteMeter::new(self.0.as_ref(), name, candidates)
    }

    /// The handles of requests that reach no route.
    #[must_use]
    pub fn unrouted(&self) -> UnroutedMeter {
        UnroutedMeter::new(self.0.as_ref())
    }

    /// The handles of a model.
    #[must_use]
    pub fn model(&self, name: &str, provider: &str) -> ModelMeter {
        ModelMeter::new(self.0.as_ref(), name, provider)
    }

    /// The handles of a virtual key.
    #[must_use]
    pub fn key(&self, name: &str) -> KeyMeter {
        KeyMeter {
            limited: self.0.limited.with_label_values(&[name]),
        }
    }

    /// Requests that are being answered.
    #[must_use]
    pub fn in_flight(&self) -> &IntGauge {
        &self.0.in_flight
    }

    /// Lines of the request log that could not be written in time.
    #[must_use]
    pub fn lost_lines(&self) -> &IntCounter {
        &self.0.lost_lines
    }

    /// Connections that sent something which is not an HTTP request.
    #[must_use]
    pub fn unreadable(&self) -> &IntCounter {
        &self.0.unreadable
    }

    /// Bytes held by the response caches.
    #[must_use]
    pub fn cache_bytes(&self) -> &IntGauge {
        &self.0.cache_bytes
    }

    /// Records the first load or a reload of the policy.
    pub fn reloaded(&self, success: bool, at: UnixMillis) {
        let result = if success { OK } else { "error" };
        self.0.reloads.with_label_values(&[result]).inc();
        self.0.reload_ok.set(i64::from(success));
        if success {
            self.0.reload_at.set(at.seconds());
        }
    }

    /// Sums over all series for the status page: requests, cost and counterfactual cost in
    /// nano-dollars.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for family in self.0.registry.gather() {
            let sum: f64 = family
                .get_metric()
                .iter()
                .map(|one| one.get_counter().get_value())
                .sum();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the library gives whole counts as floats; display only"
            )]
            let sum = sum as u64;
            match family.name() {
                "steelyard_requests_total" => totals.requests = sum,
                "steelyard_fallbacks_total" => totals.fallbacks = sum,
                "steelyard_cost_nanodollars_total" => totals.cost_nano_usd = sum,
                "steelyard_counterfactual_cost_nanodollars_total" => {
                    totals.counterfactual_nano_usd = sum;
                }
                _ => {}
            }
        }
        totals
    }
}

/// Sums for people to read; `/metrics` has the figures to calculate with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Requests answered, errors included.
    pub requests: u64,
    /// Attempts abandoned for another model.
    pub fallbacks: u64,
    /// Cost of all attempts.
    pub cost_nano_usd: u64,
    /// What the answered requests would have cost with the strongest candidate.
    pub counterfactual_nano_usd: u64,
}

/// From 10 µs, what a request should cost, to a second, what none should.
const OVERHEAD_BUCKETS: &[f64] = &[
    1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 5e-2, 0.25, 1.0,
];

/// From 10 ms to ten minutes.
const PROVIDER_BUCKETS: &[f64] = &[
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
];

/// The word for an outcome.
fn outcome_label(outcome: Option<ErrorKind>) -> &'static str {
    outcome.map_or(OK, ErrorKind::as_str)
}

/// A histogram of one label value.
fn series(histogram: &HistogramVec, label: &str) -> Histogram {
    histogram.with_label_values(&[label])
}
