//! The simulated providers as a client sees them, over HTTP on loopback.

mod control;
mod faults;
mod formats;
mod recordings;
mod refusals;
mod rig;
