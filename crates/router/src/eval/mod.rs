//! Grading a scorer against recorded outcomes. Pure: numbers in, numbers out.
//!
//! The measures of pairs are those of RouteLLM's evaluation: prompts are ordered by the router's
//! score, the share of strong calls runs over eleven quantiles (0, 10, ... 100 %), the area is the
//! trapezoid's, and APGR is the share of the area between weak and strong that is gained. Random
//! order has 0.5.

mod bootstrap;
mod chances;
mod line;
mod pair;
mod pool;
mod route;

pub use bootstrap::{Interval, bootstrap, bootstrap_all, bootstrap_counts};
pub use chances::{Answer, ChanceGrade, Chances, Medians};
pub use line::Line;
pub use pair::{PairGrade, PairPoint, SHARES, auc, grade_pair};
pub use pool::{Choice, CurvePoint, Earned, Pool, PoolGrade, PoolRow, times_mixing};
pub use route::{Call, RouteGrade, RouteRow, grade_route, mixing, oracle, score_of};

/// Seeded numbers that do not depend on a library's version (`SplitMix64`).
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A position below `count`.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the remainder is a position"
    )]
    pub(crate) fn below(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }
}
