//! What outlives a reload: clocks, counters, buckets, caches, connections.

use std::sync::Arc;

use steelyard_router::Scorer;
use tokio::sync::Semaphore;

use crate::cache::RouteCaches;
use crate::clock::Clock;
use crate::limits::KeyLimiters;
use crate::meter::{Meter, UnroutedMeter};
use crate::request_id::RequestIds;
use crate::request_log::RequestLog;
use crate::transport::Clients;

/// The state of a gateway that is keyed by stable names and survives a reload.
pub struct Runtime {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// What weighs requests, and what the heads of models stand on.
    pub scorer: &'static Scorer,
    /// Every count.
    pub meter: Meter,
    /// Counters of requests that were refused before they had a route.
    pub unrouted: UnroutedMeter,
    /// Request ids.
    pub ids: RequestIds,
    /// One line a request.
    pub log: RequestLog,
    /// Buckets of virtual keys.
    pub limiters: KeyLimiters,
    /// Response caches.
    pub caches: RouteCaches,
    /// Connections to providers.
    pub clients: Clients,
    /// A permit for every request that may be open at the same time.
    pub in_flight: Arc<Semaphore>,
}

impl Runtime {
    /// A fresh runtime that admits `max_in_flight` requests at a time.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, meter: Meter, log: RequestLog, max_in_flight: usize) -> Self {
        Self {
            limiters: KeyLimiters::new(Arc::clone(&clock)),
            caches: RouteCaches::new(Arc::clone(&clock)),
            in_flight: Arc::new(Semaphore::new(max_in_flight.min(Semaphore::MAX_PERMITS))),
            unrouted: meter.unrouted(),
            ids: RequestIds::default(),
            clients: Clients::default(),
            scorer: Scorer::shipped(),
            clock,
            meter,
            log,
        }
    }
}
