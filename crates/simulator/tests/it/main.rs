//! The simulated providers as a client sees them, over HTTP on loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod choices;
mod cohere;
mod control;
mod embeddings;
mod faults;
mod formats;
mod models;
mod recordings;
mod refusals;
mod responses;
mod rig;
