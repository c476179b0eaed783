//! What a running simulator remembers, shared with whoever drives it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use crate::fault::{self, Fault, FaultRule, Subject};

/// The most requests that are remembered; older ones are dropped.
pub const MOST_RECORDED_REQUESTS: usize = 1_000;

/// The largest request body that is remembered, in bytes.
pub const MOST_RECORDED_BODY_BYTES: usize = 64 * 1024;

/// The most rules that a fault script may hold.
pub const MOST_FAULT_RULES: usize = 1_000;

/// A request as it arrived, without its keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedRequest {
    /// Counts up from 1 over all requests.
    pub number: u64,
    /// The provider's name.
    pub provider: String,
    /// The path with its prefix and without its query.
    pub path: String,
    /// Header names in lower case; keys and cookies are left out.
    pub headers: BTreeMap<String, String>,
    /// The body as JSON, as text where it is none, null where it is too large.
    pub body: Value,
    /// The status that was answered; 0 where the connection was closed or never answered.
    pub status: u16,
    /// The kind of the fault that struck, if any.
    pub fault: Option<String>,
}

/// How often what happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All requests to providers.
    pub requests: u64,
    /// By provider.
    pub by_provider: BTreeMap<String, u64>,
    /// By the status that was answered.
    pub by_status: BTreeMap<u16, u64>,
    /// By the kind of the fault that struck.
    pub by_fault: BTreeMap<String, u64>,
    /// Requests whose answer has not ended yet.
    pub in_flight: u64,
}

/// A handle on the simulator's state; clones share it.
#[derive(Debug, Clone)]
pub struct SimState {
    memory: Arc<Mutex<Memory>>,
    in_flight: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct Memory {
    rules: Vec<FaultRule>,
    requests: VecDeque<RecordedRequest>,
    counts: Counts,
}

/// Too many rules in one script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fault script holds at most {MOST_FAULT_RULES} rules")]
pub struct TooManyRules;

impl SimState {
    pub(crate) fn new(rules: Vec<FaultRule>) -> Self {
        let memory = Memory {
            rules,
            ..Memory::default()
        };
        Self {
            memory: Arc::new(Mutex::new(memory)),
            in_flight: Arc::new(watch::Sender::new(0)),
        }
    }

    /// The fault script as it stands, counters counted down.
    pub fn faults(&self) -> Vec<FaultRule> {
        self.lock().rules.clone()
    }

    /// Replaces the fault script.
    ///
    /// # Errors
    /// Refuses scripts of more than [`MOST_FAULT_RULES`] rules.
    pub fn set_faults(&self, rules: Vec<FaultRule>) -> Result<(), TooManyRules> {
        if rules.len() > MOST_FAULT_RULES {
            return Err(TooManyRules);
        }
        self.lock().rules = rules;
        Ok(())
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.lock().rules.clear();
    }

    /// The last [`MOST_RECORDED_REQUESTS`] requests, oldest first.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.lock().requests.iter().cloned().collect()
    }

    /// What has happened so far.
    pub fn counts(&self) -> Counts {
        let mut counts = self.lock().counts.clone();
        counts.in_flight = self.in_flight();
        counts
    }

    /// Requests whose answer has not ended yet.
    pub fn in_flight(&self) -> u64 {
        *self.in_flight.borrow()
    }

    /// Returns when no request is in flight.
    pub async fn idle(&self) {
        self.in_flight_is(|count| count == 0).await;
    }

    /// Returns when the number of requests in flight is as wished.
    pub async fn in_flight_is(&self, wished: impl Fn(u64) -> bool) {
        let mut counts = self.in_flight.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ended = counts.wait_for(|count| wished(*count)).await;
    }

    pub(crate) fn take_fault(&self, subject: &Subject<'_>) -> Option<Fault> {
        fault::take(&mut self.lock().rules, subject)
    }

    pub(crate) fn record(&self, mut request: RecordedRequest) {
        let mut memory = self.lock();
        let counts = &mut memory.counts;
        counts.requests += 1;
        *counts
            .by_provider
            .entry(request.provider.clone())
            .or_default() += 1;
        *counts.by_status.entry(request.status).or_default() += 1;
        if let Some(kind) = &request.fault {
            *counts.by_fault.entry(kind.clone()).or_default() += 1;
        }
        request.number = counts.requests;
        if memory.requests.len() == MOST_RECORDED_REQUESTS {
            memory.requests.pop_front();
        }
        memory.requests.push_back(request);
    }

    /// Counts a request as in flight until the guard is dropped.
    pub(crate) fn enter(&self) -> InFlight {
        self.in_flight.send_modify(|count| *count += 1);
        InFlight(Arc::clone(&self.in_flight))
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request whose answer has not ended yet.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<watch::Sender<u64>>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
