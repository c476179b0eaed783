//! The decision alone, for the benchmark of it: the same functions that the pipeline calls, without
//! sockets. No part of the gateway's interface.

use steelyard_policy::Policy;
use steelyard_provider_adapter::openai;
use steelyard_router::{Demand, Scorer};
use steelyard_types::ChatRequest;

use crate::offline::{AssumedKeys, Offline};
use crate::pipeline::{decide, weigh};

/// A policy in force that decides without calling anybody.
pub struct Decider(Offline);

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decided {
    /// Complexity in [0, 1].
    pub complexity: f32,
    /// Models that would be tried.
    pub ladder: usize,
}

impl Decider {
    /// Puts a policy in force. Every provider is taken to have a key, so that no candidate is left
    /// out for want of one.
    ///
    /// # Errors
    /// A policy that cannot be put in force.
    pub fn new(policy: Policy) -> anyhow::Result<Self> {
        Offline::new(policy, &AssumedKeys, Scorer::shipped()).map(Self)
    }

    /// Scores a parsed request and gathers its facts.
    #[must_use]
    pub fn weigh(&self, request: &ChatRequest<'_>) -> Demand {
        weigh(request, self.0.at, self.0.snapshot.scorer)
    }

    /// The whole way from a body to a ladder. `None` if the request is refused before a decision.
    #[must_use]
    pub fn decide(&self, body: &[u8]) -> Option<Decided> {
        let request = openai::parse_chat_request(body).ok()?;
        let snapshot = &self.0.snapshot;
        let selection = snapshot.resolve(&request.model)?;
        let mut demand = self.weigh(&request);
        let decision = decide(snapshot, selection, &request, &mut demand);
        Some(Decided {
            complexity: demand.complexity,
            ladder: decision.plan.ladder.len(),
        })
    }
}
