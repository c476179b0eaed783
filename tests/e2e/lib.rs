//! The harness of the end-to-end tests: the real `steelyard` binary as processes on free loopback
//! ports, with simulated providers behind it.
//!
//! A test makes a [`Stage`] and asks its gateway through [`Client`]. Nothing sleeps: readiness is
//! read from the processes' own lines, and every wait has a bound. What a test has started is killed
//! when its handle is dropped, also when the test panics.

mod binary;
mod client;
mod metrics;
mod not_yet;
mod policy;
mod process;
mod scratch;
mod sdk;
mod stage;

pub use binary::steelyard;
pub use client::{Answer, Client, Streamed, chat, user};
pub use metrics::{Metrics, Sample};
pub use not_yet::refused;
pub use policy::{FULL, Kind, PolicyFile};
pub use process::{Lines, Process, Ran, run, signal};
pub use scratch::Scratch;
pub use sdk::Sdk;
pub use stage::{Gateway, Sim, Stage, prices};

use std::time::Duration;

/// The longest that anything here waits for anything. Long, because it only ever ends a failure.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for a future within [`PATIENCE`].
///
/// # Panics
/// With `what` when it takes longer.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {} s for {what}", PATIENCE.as_secs()),
    }
}
