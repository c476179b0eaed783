//! What unit tests of this crate share.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use steelyard_types::UnixMillis;

use crate::clock::{Clock, SystemClock};

/// A clock that stands still until it is told to go on.
pub(crate) struct ManualClock {
    origin: Instant,
    elapsed: Mutex<Duration>,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self {
            origin: SystemClock.monotonic(),
            elapsed: Mutex::default(),
        }
    }
}

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        *self
            .elapsed
            .lock()
            .expect("no test panics while it holds this") += by;
    }

    fn elapsed(&self) -> Duration {
        *self
            .elapsed
            .lock()
            .expect("no test panics while it holds this")
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        let elapsed = i64::try_from(self.elapsed().as_millis()).expect("tests are short");
        UnixMillis(1_795_420_800_000 + elapsed)
    }

    fn monotonic(&self) -> Instant {
        self.origin + self.elapsed()
    }
}
