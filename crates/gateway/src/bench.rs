//! The decision alone, for the benchmark of it: the same functions that the pipeline calls, without
//! sockets. No part of the gateway's interface.

use std::io;
use std::sync::Arc;

use steelyard_policy::{KeyReference, Policy, Provider};
use steelyard_provider_adapter::openai;
use steelyard_router::{Demand, Scorer};
use steelyard_types::{ChatRequest, UnixMillis};

use crate::clock::{Clock, SystemClock};
use crate::meter::Meter;
use crate::pipeline::{decide, weigh};
use crate::request_log::{RequestLog, RequestLogWriter};
use crate::runtime::Runtime;
use crate::snapshot::{KeySource, Snapshot};
use crate::transport::install_tls;

/// A policy in force that decides without calling anybody.
pub struct Decider {
    snapshot: Snapshot,
    at: UnixMillis,
    _log: RequestLogWriter,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decided {
    /// Complexity in [0, 1].
    pub complexity: f32,
    /// Models that would be tried.
    pub ladder: usize,
}

/// Gives every provider a key, so that no candidate is left out for want of one.
struct AnyKey;

impl KeySource for AnyKey {
    fn read(&self, _: &Provider, _: &KeyReference) -> Result<String, String> {
        Ok("benchmark".to_owned())
    }
}

impl Decider {
    /// Puts a policy in force.
    ///
    /// # Errors
    /// A policy that cannot be put in force.
    pub fn new(policy: Policy) -> anyhow::Result<Self> {
        install_tls();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let meter = Meter::new()?;
        let (log, writer) = RequestLog::start(io::sink(), meter.lost_lines().clone())?;
        let runtime = Runtime::new(clock, meter, log, 1);
        Ok(Self {
            snapshot: Snapshot::compile(policy, &AnyKey, &runtime)?,
            at: runtime.clock.now(),
            _log: writer,
        })
    }

    /// Scores a parsed request and gathers its facts.
    #[must_use]
    pub fn weigh(&self, request: &ChatRequest<'_>) -> Demand {
        weigh(request, self.at, Scorer::shipped())
    }

    /// The whole way from a body to a ladder. `None` if the request is refused before a decision.
    #[must_use]
    pub fn decide(&self, body: &[u8]) -> Option<Decided> {
        let request = openai::parse_chat_request(body).ok()?;
        let selection = self.snapshot.resolve(&request.model)?;
        let mut demand = self.weigh(&request);
        let decision = decide(&self.snapshot, selection, &request, &mut demand);
        Some(Decided {
            complexity: demand.complexity,
            ladder: decision.plan.ladder.len(),
        })
    }
}
