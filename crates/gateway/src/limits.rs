//! Requests per minute of virtual keys.
//!
//! Buckets are keyed by the key's name and live as long as the process, so that a reload of the
//! policy does not hand everybody a fresh minute.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::Clock as GovernorClock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::clock::Clock;

/// The gateway's clock in the form that governor asks for.
#[derive(Clone)]
struct LimiterClock {
    clock: Arc<dyn Clock>,
    origin: Instant,
}

impl GovernorClock for LimiterClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.clock.since(self.origin))
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, LimiterClock, StateInformationMiddleware>;

/// The bucket of one key.
pub struct KeyLimiter {
    per_minute: NonZeroU32,
    clock: LimiterClock,
    bucket: Bucket,
}

/// What a key's bucket said of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitState {
    /// Requests per minute.
    pub limit: u32,
    /// Requests that could follow at once.
    pub remaining: u32,
    /// Until the bucket is full again, or, for a refused request, until the next one is allowed.
    pub reset: Duration,
    /// Whether this request may go on.
    pub allowed: bool,
}

impl KeyLimiter {
    fn new(per_minute: NonZeroU32, clock: LimiterClock) -> Self {
        let bucket = RateLimiter::direct_with_clock(Quota::per_minute(per_minute), clock.clone())
            .with_middleware::<StateInformationMiddleware>();
        Self {
            per_minute,
            clock,
            bucket,
        }
    }

    /// Takes one request from the bucket.
    pub fn check(&self) -> LimitState {
        let limit = self.per_minute.get();
        match self.bucket.check() {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let used = limit.saturating_sub(remaining);
                let reset = Duration::from_secs(60).saturating_mul(used) / limit;
                LimitState {
                    limit,
                    remaining,
                    reset,
                    allowed: true,
                }
            }
            Err(not_until) => {
                let reset = not_until.wait_time_from(self.clock.now());
                LimitState {
                    limit,
                    remaining: 0,
                    reset,
                    allowed: false,
                }
            }
        }
    }
}

/// The buckets of all keys that ever had a limit.
pub struct KeyLimiters {
    clock: LimiterClock,
    by_name: Mutex<HashMap<Arc<str>, Arc<KeyLimiter>>>,
}

impl KeyLimiters {
    /// No buckets yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let origin = clock.monotonic();
        Self {
            clock: LimiterClock { clock, origin },
            by_name: Mutex::default(),
        }
    }

    /// The bucket of a key; a new one where its limit changed.
    pub fn of(&self, name: &Arc<str>, per_minute: NonZeroU32) -> Arc<KeyLimiter> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        match by_name.get(name) {
            Some(limiter) if limiter.per_minute == per_minute => Arc::clone(limiter),
            _ => {
                let limiter = Arc::new(KeyLimiter::new(per_minute, self.clock.clone()));
                by_name.insert(Arc::clone(name), Arc::clone(&limiter));
                limiter
            }
        }
    }

    /// Forgets the buckets of keys that are no longer configured.
    pub fn retain(&self, configured: impl Fn(&str) -> bool) {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name.retain(|name, _| configured(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;

    #[test]
    fn a_bucket_empties_refills_and_survives_a_reload() {
        let clock = Arc::new(ManualClock::default());
        let limiters = KeyLimiters::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let name: Arc<str> = "team".into();
        let two = NonZeroU32::new(2).expect("not zero");
        let limiter = limiters.of(&name, two);
        assert_eq!(limiter.check().remaining, 1);
        assert_eq!(limiter.check().remaining, 0);
        let refused = limiter.check();
        assert!(!refused.allowed);
        assert_eq!(refused.reset, Duration::from_secs(30));

        let same = limiters.of(&name, two);
        assert!(!same.check().allowed, "a reload must not refill the bucket");
        clock.advance(Duration::from_secs(30));
        assert!(same.check().allowed);
        assert!(!same.check().allowed);

        let wider = limiters.of(&name, NonZeroU32::new(10).expect("not zero"));
        assert!(wider.check().allowed, "a new limit is a new bucket");
    }
}
