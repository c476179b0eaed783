//! One request from its first byte to its log line: what is recorded of it, and the guarantee that
//! it is recorded exactly once, whatever happens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use steelyard_policy::{ModelId, Selection};
use steelyard_provider_adapter::{ClientDialect, Losses, client_dialect};
use steelyard_router::{Plan, Reason};
use steelyard_types::{Dialect, ErrorKind, NanoUsd, PriceQuery, ServiceTier, Usage};
use tokio::sync::OwnedSemaphorePermit;

use crate::limits::LimitState;
use crate::meter::{NO_ROUTE, RouteMeter};
use crate::request_log::RequestRecord;
use crate::runtime::Runtime;
use crate::snapshot::{CompiledRoute, Snapshot};

/// Most tokens that one answer is believed to have used: a thousand times the largest context window
/// there is.
const MOST_TOKENS: u64 = 1_000_000_000;

/// Which route a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteOf {
    /// None: it was refused before it was routed.
    Nothing,
    /// None: the client named a model.
    Pinned,
    /// The route at this index of the snapshot.
    Route(usize),
}

/// What a provider may charge for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bill {
    /// Nothing: it was refused, or never reached.
    Nothing,
    /// What it used, as far as the provider said.
    Used(Option<Usage>),
}

/// A call of a provider that has not ended.
struct OpenAttempt {
    model: ModelId,
    started: Instant,
}

/// One request, with everything that is recorded of it.
///
/// When it is dropped without having been settled, the client went away.
pub(crate) struct Exchange {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) snapshot: Arc<Snapshot>,
    /// The dialect that the client is answered in.
    pub(crate) dialect: Dialect,
    pub(crate) route: RouteOf,
    pub(crate) record: RequestRecord,
    /// Features that the client asks Anthropic for (`anthropic-beta`).
    pub(crate) beta: Option<HeaderValue>,
    /// What the caller's bucket said.
    pub(crate) limit: Option<LimitState>,
    /// The strongest candidate, which the cost is compared with.
    pub(crate) strongest: Option<ModelId>,
    /// The tier that the request asks for.
    pub(crate) service: ServiceTier,
    /// The models whose providers are not told of it, and bill the ordinary one.
    pub(crate) untold_of_tier: Box<[ModelId]>,
    /// The model that was tried last.
    pub(crate) served_by: Option<ModelId>,
    /// The call that is under way.
    attempt: Option<OpenAttempt>,
    started: Instant,
    /// Time spent waiting for providers and for the client's body.
    waited: Duration,
    /// Usage of the attempt that was answered to the client.
    usage: Option<Usage>,
    settled: bool,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Exchange {
    /// Begins to record a request.
    pub(crate) fn begin(
        runtime: Arc<Runtime>,
        snapshot: Arc<Snapshot>,
        dialect: Dialect,
        endpoint: &'static str,
        client_id: Option<&str>,
    ) -> Self {
        let permit = Arc::clone(&runtime.in_flight).try_acquire_owned().ok();
        runtime.meter.in_flight().inc();
        let record = RequestRecord {
            at: runtime.clock.now(),
            request_id: runtime.ids.accept(client_id),
            endpoint,
            key: None,
            route: None,
            model: None,
            provider: None,
            reason: None,
            complexity: None,
            attempts: 0,
            failed: Vec::new(),
            stream: false,
            cache: None,
            lossy: Losses::none(),
            status: 0,
            outcome: "",
            error: None,
            input_tokens: 0,
            cached_tokens: 0,
            cache_write_tokens: 0,
            cache_write_1h_tokens: 0,
            reasoning_tokens: 0,
            output_tokens: 0,
            metered: true,
            usage_disagrees: false,
            cost_nano_usd: 0,
            strongest_cost_nano_usd: None,
            duration_us: 0,
            overhead_us: 0,
            first_token_us: None,
            policy: Arc::clone(&snapshot.version),
        };
        Self {
            started: runtime.clock.monotonic(),
            runtime,
            snapshot,
            dialect,
            route: RouteOf::Nothing,
            record,
            beta: None,
            limit: None,
            strongest: None,
            service: ServiceTier::Standard,
            untold_of_tier: Box::default(),
            served_by: None,
            attempt: None,
            waited: Duration::ZERO,
            usage: None,
            settled: false,
            _permit: permit,
        }
    }

    /// What is particular to the client's dialect.
    pub(crate) fn client(&self) -> &'static dyn ClientDialect {
        client_dialect(self.dialect)
    }

    /// Whether the gateway has room for it.
    pub(crate) fn is_admitted(&self) -> bool {
        self._permit.is_some()
    }

    /// Its route's handles; `None` before it was routed.
    pub(crate) fn compiled_route(&self) -> Option<&CompiledRoute> {
        match self.route {
            RouteOf::Nothing => None,
            RouteOf::Pinned => Some(&self.snapshot.pinned),
            RouteOf::Route(index) => Some(&self.snapshot.routes[index]),
        }
    }

    /// The candidate of its route that has this name.
    pub(crate) fn candidate_of_name(&self, name: &str) -> Option<ModelId> {
        let Some(Selection::Model(model)) = self.snapshot.resolve(name) else {
            return None;
        };
        let mut candidates = self.compiled_route()?.candidates.iter();
        candidates
            .any(|one| one.model == model && one.ruled_out.is_none())
            .then_some(model)
    }

    fn meter(&self) -> Option<&RouteMeter> {
        self.compiled_route().map(|route| &route.meter)
    }

    /// It belongs to this route from now on.
    pub(crate) fn routed(&mut self, route: RouteOf) {
        self.route = route;
        self.record.route = self.compiled_route().map(|route| Arc::clone(&route.name));
    }

    /// The router weighed it.
    pub(crate) fn weighed(&mut self, complexity: f32) {
        self.record.complexity = Some(complexity);
        if let Some(meter) = self.meter() {
            meter.complexity(complexity);
        }
    }

    /// The router decided.
    pub(crate) fn decided(&mut self, plan: &Plan, reason: Reason) {
        self.strongest = plan.strongest.map(ModelId);
        if let Some(first) = plan.ladder.first() {
            self.chose(ModelId(*first), reason);
        }
    }

    /// This model is the first choice, for this reason.
    pub(crate) fn chose(&mut self, model: ModelId, reason: Reason) {
        self.record.reason = Some(reason.as_str());
        if let Some(meter) = self.meter() {
            meter.decision(model, reason);
        }
    }

    /// This model answers, now or at an earlier time.
    pub(crate) fn served_by(&mut self, model: ModelId) {
        let deployment = self.snapshot.deployment(model);
        self.record.model = Some(Arc::clone(&deployment.name));
        self.record.provider = Some(Arc::clone(&deployment.provider));
        self.served_by = Some(model);
    }

    /// An attempt begins.
    pub(crate) fn attempting(&mut self, model: ModelId) {
        self.served_by(model);
        self.record.attempts = self.record.attempts.saturating_add(1);
        let started = self.runtime.clock.monotonic();
        self.attempt = Some(OpenAttempt { model, started });
    }

    /// The attempt that is under way ended; `None` means well. Counts it and books what it used,
    /// once: without an attempt under way nothing happens.
    pub(crate) fn attempt_ended(&mut self, outcome: Option<ErrorKind>, bill: Bill) {
        let Some(OpenAttempt { model, started }) = self.attempt.take() else {
            return;
        };
        let seconds = self.runtime.clock.since(started).as_secs_f64();
        let meter = &self.snapshot.deployment(model).meter;
        meter.attempt(outcome, seconds);
        if outcome.is_none() {
            meter.lossy(&self.record.lossy);
        }
        let Bill::Used(usage) = bill else {
            return;
        };
        // A count that cannot be true would spoil every sum that it goes into.
        let usage = usage.filter(is_believable);
        // Of an answer that broke off the provider has said at most a part.
        let whole = matches!(
            outcome,
            None | Some(ErrorKind::EmptyAnswer | ErrorKind::InvalidAnswer)
        );
        if usage.is_none() || !whole {
            meter.unmetered();
            self.record.metered = false;
        }
        if let Some(usage) = usage {
            meter.usage(&usage);
            if usage.disagrees {
                meter.disagreement();
                self.record.usage_disagrees = true;
            }
            self.charge(model, &usage);
        }
        if outcome.is_none() {
            self.usage = usage;
        }
    }

    /// The empty answer of an attempt that was abandoned is the client's after all. The attempt stays
    /// what it was; its usage is booked already.
    pub(crate) fn answered_empty(&mut self, model: ModelId, usage: Option<Usage>, lossy: Losses) {
        self.served_by(model);
        self.snapshot.deployment(model).meter.lossy(&lossy);
        self.record.lossy = lossy;
        self.usage = usage.filter(is_believable);
        self.committed();
    }

    /// The gateway waited since then, for a provider or for the client.
    pub(crate) fn waited_since(&mut self, since: Instant) -> Duration {
        let elapsed = self.runtime.clock.since(since);
        self.waited += elapsed;
        elapsed
    }

    /// The first byte of the answer leaves now: what the gateway took of the time until here is its
    /// overhead.
    pub(crate) fn committed(&mut self) {
        let overhead = self
            .runtime
            .clock
            .since(self.started)
            .saturating_sub(self.waited);
        self.record.overhead_us = micros(overhead);
        if let Some(meter) = self.meter() {
            meter.overhead(overhead.as_secs_f64());
        }
    }

    /// The first content of a stream arrived.
    pub(crate) fn first_content(&mut self) {
        self.record.first_token_us = Some(micros(self.runtime.clock.since(self.started)));
    }

    /// An attempt was abandoned for another model.
    pub(crate) fn fell_back(&self, model: ModelId, kind: ErrorKind) {
        if let Some(meter) = self.meter() {
            meter.fallback(model, kind);
        }
    }

    /// Adds what an attempt used to the request's record.
    fn charge(&mut self, model: ModelId, usage: &Usage) {
        self.record.add_usage(usage);
        let Some(cost) = self.cost_of(model, usage) else {
            let model = &*self.snapshot.deployment(model).name;
            tracing::error!(model, "no price for an answer that was given");
            self.record.metered = false;
            return;
        };
        if let Some(meter) = self.meter() {
            meter.cost(model, cost.0);
        }
        self.record.cost_nano_usd = self.record.cost_nano_usd.saturating_add(cost.0);
    }

    /// Cost of all attempts so far, as far as it is known; `None` where nothing of it is.
    pub(crate) fn cost(&self) -> Option<NanoUsd> {
        let cost = self.record.cost_nano_usd;
        (self.record.metered || cost > 0).then_some(NanoUsd(cost))
    }

    /// What the answer's usage would have cost with the strongest candidate.
    pub(crate) fn strongest_cost(&self) -> Option<NanoUsd> {
        self.cost_of(self.strongest?, &self.usage?)
    }

    /// Cost of this usage with this model at the request's moment, and at the tier that its provider
    /// is told.
    fn cost_of(&self, model: ModelId, usage: &Usage) -> Option<NanoUsd> {
        let told = !self.untold_of_tier.contains(&model);
        let query = PriceQuery {
            at: self.record.at,
            service: if told {
                self.service
            } else {
                ServiceTier::Standard
            },
            prompt_tokens: usage.prompt_tokens(),
        };
        let price = &self.snapshot.policy.model(model).price;
        Some(price.rates(&query)?.cost(usage).amount)
    }

    /// The request is over: counts it and writes its line. Only the first call counts.
    pub(crate) fn settle(&mut self, status: u16, outcome: Result<(), (ErrorKind, String)>) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        self.runtime.meter.in_flight().dec();
        let kind = outcome.as_ref().err().map(|(kind, _)| *kind);
        match self.meter() {
            Some(meter) => meter.request(self.record.stream, kind),
            None => self.runtime.unrouted.request(self.record.stream, kind),
        }
        let strongest_cost = self.strongest_cost();
        if let (None, Some(meter), Some(cost)) = (kind, self.meter(), strongest_cost) {
            meter.counterfactual(cost.0);
        }
        self.record.strongest_cost_nano_usd = strongest_cost.map(|cost| cost.0);
        self.record.status = status;
        self.record.outcome = kind.map_or("ok", ErrorKind::as_str);
        self.record.error = outcome.err().map(|(_, message)| message);
        self.record.duration_us = micros(self.runtime.clock.since(self.started));
        // What the copy would have to allocate is moved instead: nobody reads it any more.
        let (request_id, failed) = (
            std::mem::take(&mut self.record.request_id),
            std::mem::take(&mut self.record.failed),
        );
        self.runtime.log.write(RequestRecord {
            request_id,
            failed,
            ..self.record.clone()
        });
    }

    /// The route's name for headers and records.
    pub(crate) fn route_name(&self) -> &str {
        self.compiled_route().map_or(NO_ROUTE, |route| &route.name)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.attempt_ended(Some(ErrorKind::ClientGone), Bill::Used(None));
        // 499 is nginx's word for it; nobody is left to read the status.
        self.settle(
            499,
            Err((ErrorKind::ClientGone, "the client went away".to_owned())),
        );
    }
}

/// Whether a count of tokens can be true.
fn is_believable(usage: &Usage) -> bool {
    usage.total_tokens() <= MOST_TOKENS
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
