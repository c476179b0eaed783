//! A model's own head: what outcomes say of it beyond its capability, shrunk towards nothing.

use super::logistic::{self, Row, log_loss};
use super::{Judged, Placement};
use crate::scorer::TOPICS;
use crate::{OwnHead, Scorer};

/// A correction of a capability with how it was fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FittedHead {
    /// The correction.
    pub head: OwnHead,
    /// How strongly it was shrunk towards the capability alone, chosen on outcomes that the fits
    /// had not seen: 1 is as far as the models of the weights differ from each other. Infinite
    /// where the capability alone did best; the correction is then nothing.
    pub shrinkage: f64,
    /// Chance that outcomes which the capability alone decides would show as much, in [0, 1].
    pub noise: f64,
}

impl FittedHead {
    /// Most of [`Self::noise`] with which a head is worth having, a CHOICE: in the data
    /// (`docs/scorer.md`) a tenth keeps most of what heads gain, and loses nothing where there is
    /// nothing to gain, since shrinking keeps the harm small.
    pub const MOST_NOISE: f64 = 0.1;

    /// Whether the head says more than noise would.
    #[must_use]
    pub fn helps(&self) -> bool {
        self.noise <= Self::MOST_NOISE && self.shrinkage.is_finite()
    }
}

/// What is tried as [`FittedHead::shrinkage`].
const STRENGTHS: [f64; 8] = [0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, f64::INFINITY];
/// Parts of the outcomes on which a strength is chosen.
const FOLDS: usize = 5;
/// Variances, before they are shrunk, of the constant and of the slope over the complexity.
const CONSTANT_VARIANCE: f64 = 1.0;
const SLOPE_VARIANCE: f64 = 2.0;

/// A model placed on the scale, and the correction of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit {
    pub(super) place: Placement,
    pub(super) head: FittedHead,
}

impl Scorer {
    /// Fits a correction of the capability to outcomes of one model. [`Scorer::try_head`] says what
    /// the recipe gives on outcomes that it has not seen.
    #[must_use]
    pub fn fit_head(&self, outcomes: &[Judged]) -> FittedHead {
        let chosen: Vec<&Judged> = outcomes.iter().collect();
        fit(self, &chosen).head
    }
}

/// Capability and correction, with the strength of the shrinkage that does best on parts held out.
pub(super) fn fit(scorer: &Scorer, outcomes: &[&Judged]) -> Fit {
    let variances = variances(scorer);
    let folds = folds(outcomes, FOLDS);
    let mut losses = [0.0; STRENGTHS.len()];
    for fold in 0..FOLDS {
        let (mut rest, mut out) = (Vec::new(), Vec::new());
        for (judged, own) in outcomes.iter().zip(&folds) {
            if *own == fold {
                out.push(*judged);
            } else {
                rest.push(*judged);
            }
        }
        let place = placed(scorer, &rest);
        for (loss, strength) in losses.iter_mut().zip(STRENGTHS) {
            let head = correction(scorer, &rest, place.capability, &variances, strength);
            let held_out = out.iter().map(|judged| {
                let chance = chance(scorer, place.capability, head.as_ref(), judged);
                log_loss(chance, f64::from(judged.outcome))
            });
            *loss += held_out.sum::<f64>();
        }
    }
    let best = losses
        .iter()
        .zip(STRENGTHS)
        .min_by(|a, b| a.0.total_cmp(b.0).then(b.1.total_cmp(&a.1)));
    let shrinkage = best.map_or(f64::INFINITY, |(_, strength)| strength);
    let place = placed(scorer, outcomes);
    let head = correction(scorer, outcomes, place.capability, &variances, shrinkage);
    Fit {
        place,
        head: FittedHead {
            head: head.unwrap_or_else(OwnHead::nothing),
            shrinkage,
            noise: noise(scorer, outcomes, place.capability, &variances),
        },
    }
}

/// Draws of the test for noise.
const FLIPS: u32 = 999;

/// How often the residuals of the capability line up with complexity and topics as they do, if
/// each had come out above or below by chance: a score test of the variance of the correction
/// (Goeman et al. 2004), its distribution by flipping the signs of the residuals. No fit is in it,
/// so few outcomes say as much as they can.
fn noise(scorer: &Scorer, outcomes: &[&Judged], capability: f64, variances: &[f64]) -> f64 {
    let chances: Vec<f64> = outcomes
        .iter()
        .map(|judged| chance(scorer, capability, None, judged))
        .collect();
    let weights: Vec<f64> = chances
        .iter()
        .map(|chance| chance * (1.0 - chance))
        .collect();
    let total = weights.iter().sum::<f64>().max(1e-9);
    // Around their means under the capability, so that its own error does not count.
    let mut means = vec![0.0; 1 + TOPICS];
    for (judged, weight) in outcomes.iter().zip(&weights) {
        for (mean, feature) in means.iter_mut().zip(features(judged)) {
            *mean += feature * weight / total;
        }
    }
    let pulls: Vec<Vec<f64>> = outcomes
        .iter()
        .zip(&chances)
        .map(|(judged, chance)| {
            let residual = f64::from(judged.outcome) - chance;
            let around = features(judged).zip(&means).zip(&variances[1..]);
            let scaled = around.map(|((value, mean), variance)| (value - mean) * variance.sqrt());
            scaled.map(|value| value * residual).collect()
        })
        .collect();
    let mut random = crate::eval::Random(1);
    let mut statistic = |flip: bool| {
        let mut sums = vec![0.0; 1 + TOPICS];
        for pull in &pulls {
            let sign = if flip && random.next() >> 63 == 1 {
                -1.0
            } else {
                1.0
            };
            for (sum, value) in sums.iter_mut().zip(pull) {
                *sum += sign * value;
            }
        }
        sums.iter().map(|sum| sum * sum).sum::<f64>()
    };
    let own = statistic(false);
    let reached = (0..FLIPS).filter(|_| statistic(true) >= own).count();
    (reached + 1) as f64 / f64::from(FLIPS + 1)
}

pub(super) fn placed(scorer: &Scorer, outcomes: &[&Judged]) -> Placement {
    let pairs: Vec<(f32, f32)> = outcomes
        .iter()
        .map(|judged| (judged.score.complexity, judged.outcome))
        .collect();
    scorer.place(&pairs)
}

/// Chance by the numbers that routing would use.
pub(super) fn chance(
    scorer: &Scorer,
    capability: f64,
    head: Option<&OwnHead>,
    judged: &Judged,
) -> f64 {
    f64::from(scorer.chance_of(to_f32(capability), head, &judged.score))
}

/// `None` with an infinite strength: nothing is corrected.
fn correction(
    scorer: &Scorer,
    outcomes: &[&Judged],
    capability: f64,
    variances: &[f64],
    strength: f64,
) -> Option<OwnHead> {
    if !strength.is_finite() || outcomes.is_empty() {
        return None;
    }
    let slope = f64::from(scorer.slope());
    // Around their means, so that shrinking the directions does not move the level.
    let count = outcomes.len() as f64;
    let mut means = vec![0.0; 1 + TOPICS];
    for judged in outcomes {
        for (mean, feature) in means.iter_mut().zip(features(judged)) {
            *mean += feature / count;
        }
    }
    let rows: Vec<Row> = outcomes
        .iter()
        .map(|judged| {
            let around = features(judged)
                .zip(&means)
                .map(|(value, mean)| value - mean);
            Row {
                features: std::iter::once(1.0).chain(around).collect(),
                offset: slope * (capability - f64::from(judged.score.complexity)),
                target: f64::from(judged.outcome),
            }
        })
        .collect();
    let rows: Vec<&Row> = rows.iter().collect();
    let penalties: Vec<f64> = variances
        .iter()
        .map(|variance| strength / variance)
        .collect();
    let weights = logistic::fit(&rows, &penalties);
    let (constant, own) = weights.split_first()?;
    let moved: f64 = own
        .iter()
        .zip(&means)
        .map(|(weight, mean)| weight * mean)
        .sum();
    let (per_complexity, directions) = own.split_first()?;
    let directions: Vec<f32> = directions.iter().copied().map(to_f32).collect();
    OwnHead::residual(
        to_f32(constant - moved),
        to_f32(*per_complexity),
        &directions,
    )
}

/// Complexity and topics.
fn features(judged: &Judged) -> impl Iterator<Item = f64> {
    let topics = judged.score.place.topics.iter().copied();
    std::iter::once(judged.score.complexity)
        .chain(topics)
        .map(f64::from)
}

/// How far the numbers of models differ: of the topics as they do among the models of the weights.
fn variances(scorer: &Scorer) -> Vec<f64> {
    let count = scorer.models().count() as f64;
    let topic = |index: usize| {
        if count < 2.0 {
            return 1.0;
        }
        let along = || {
            scorer
                .models()
                .map(move |head| f64::from(head.directions[index]))
        };
        let mean = along().sum::<f64>() / count;
        let variance = along().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        variance.max(1e-6)
    };
    [CONSTANT_VARIANCE, SLOPE_VARIANCE]
        .into_iter()
        .chain((0..TOPICS).map(topic))
        .collect()
}

/// The part that every outcome belongs to. The same prompt is always in the same part.
pub(super) fn folds(outcomes: &[&Judged], parts: usize) -> Vec<usize> {
    let mut order: Vec<u64> = outcomes.iter().map(|judged| mixed(judged.prompt)).collect();
    order.sort_unstable();
    order.dedup();
    outcomes
        .iter()
        .map(|judged| order.partition_point(|other| *other < mixed(judged.prompt)) % parts.max(1))
        .collect()
}

fn mixed(hash: u64) -> u64 {
    crate::eval::Random(hash).next()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "precision past f32 is not wanted"
)]
pub(super) fn to_f32(value: f64) -> f32 {
    value as f32
}
