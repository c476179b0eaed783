//! The router: how hard a request is, and which models are tried for it, in which order.
//!
//! Pure: no I/O, no clock, no async. [`Scorer`] turns a request's text and [`Shape`] into a
//! [`Score`]; the shipped weights are embedded in the binary. [`train`] fits such weights.

mod calibrate;
pub mod eval;
mod head;
mod plan;
mod scorer;
mod tokens;
pub mod train;
mod weights;

pub use calibrate::{Calibrated, HeldOut, Judged, Length, LengthRatio, Losses, Placement, Trial};
pub use head::OwnHead;
pub use plan::{
    Candidate, Considered, Demand, Exclusion, Plan, Reason, Terms, Verdict, WhenNoneAdequate, plan,
};
pub use scorer::{Place, Reading, Score, ScoreInput, Scorer, Scratch, Shape};
pub use tokens::{estimate_tokens, visible_bytes};
pub use weights::{MAX_WEIGHTS_BYTES, ModelHead, WeightsError};
