//! Heads of models: what outcomes say of them beyond their capabilities, shrunk towards nothing.

use super::logistic::{self, Row, log_loss};
use super::{Judged, Placement, noise};
use crate::scorer::TOPICS;
use crate::{OwnHead, Scorer};

/// Models placed on the scale and corrected, all from one set of outcomes.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibrated {
    /// Of every model, in the order given: its place, and the correction of it. No correction
    /// where the outcomes are nearly all alike: those show a level, and nothing that a head tells
    /// apart, so that they have no part in the strength and in the test either.
    pub models: Vec<(Placement, Option<OwnHead>)>,
    /// How strongly the corrections were shrunk towards the capabilities alone, chosen on outcomes
    /// that the fits had not seen: 1 is as far as the models of the weights differ from each
    /// other. Infinite where the capabilities alone did best; the corrections are then nothing.
    pub shrinkage: f64,
    /// Chance that outcomes which the capabilities alone decide would show as much, in [0, 1].
    pub noise: f64,
}

impl Calibrated {
    /// Most of [`Self::noise`] with which heads are worth having, a CHOICE: shrinking keeps the
    /// harm of a wrong yes small, and `docs/scorer.md` shows what it earns.
    pub const MOST_NOISE: f64 = 0.1;

    /// Whether the heads say more than noise would.
    #[must_use]
    pub fn helps(&self) -> bool {
        self.noise <= Self::MOST_NOISE && self.shrinkage.is_finite()
    }

    /// Whether there was anything to test: a model whose outcomes are not nearly all alike.
    #[must_use]
    pub fn is_tested(&self) -> bool {
        self.models.iter().any(|(_, head)| head.is_some())
    }
}

/// What is tried as [`Calibrated::shrinkage`].
const STRENGTHS: [f64; 8] = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, f64::INFINITY];
/// Parts of the outcomes on which a strength is chosen.
const FOLDS: usize = 5;
/// Outcomes that lie nearer to their median than this, in the mean, are nearly all alike: of failures
/// and successes, less than 2 % are the other.
const LEAST_SPREAD: f64 = 0.02;
/// Variances, before they are shrunk, of the constant and of the slope over the complexity.
const CONSTANT_VARIANCE: f64 = 1.0;
const SLOPE_VARIANCE: f64 = 2.0;

/// Outcomes of several models.
pub(super) type Models<'j> = Vec<Vec<&'j Judged>>;

impl Scorer {
    /// Places models by their outcomes, and fits a correction of every capability. Models are
    /// given together because they are compared: one strength of shrinkage serves all, and what
    /// they have in common says more than one alone. [`Scorer::try_heads`] says what the recipe
    /// gives on outcomes that it has not seen.
    #[must_use]
    pub fn calibrate(&self, models: &[Vec<Judged>]) -> Calibrated {
        let borrowed: Models<'_> = models.iter().map(|own| own.iter().collect()).collect();
        let mut calibrated = fit(self, &borrowed);
        let places = calibrated.models.iter().map(|(place, _)| place.capability);
        let tested: Vec<(&[&Judged], f64)> = borrowed
            .iter()
            .map(Vec::as_slice)
            .zip(places)
            .filter(|(outcomes, _)| !are_alike(outcomes))
            .collect();
        calibrated.noise = noise::noise(self, &tested, &variances(self));
        calibrated
    }
}

/// Whether outcomes are nearly all alike, or there is none. What differs from the capability's forecasts
/// is then their level, which the ends of the scale or the slope over the complexity do not let it
/// reach; it moves with the complexity all the same, and would pass for a finding.
pub(super) fn are_alike(outcomes: &[&Judged]) -> bool {
    let mut values: Vec<f64> = outcomes.iter().map(|one| f64::from(one.outcome)).collect();
    values.sort_by(f64::total_cmp);
    let Some(median) = values.get(values.len() / 2) else {
        return true;
    };
    let distances = values.iter().map(|value| (value - median).abs());
    distances.sum::<f64>() / (values.len() as f64) < LEAST_SPREAD
}

/// Places and corrections, with the strength of the shrinkage that does best on parts held out.
pub(super) fn fit(scorer: &Scorer, models: &Models<'_>) -> Calibrated {
    let variances = variances(scorer);
    let mut losses = [0.0; STRENGTHS.len()];
    let tested = models.iter().filter(|outcomes| !are_alike(outcomes));
    let tested: Models<'_> = tested.cloned().collect();
    for fold in Folds::new(&tested, FOLDS).parts(&tested) {
        for (rest, out) in fold {
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
    }
    let best = losses
        .iter()
        .zip(STRENGTHS)
        .min_by(|a, b| a.0.total_cmp(b.0).then(b.1.total_cmp(&a.1)));
    let shrinkage = best.map_or(f64::INFINITY, |(_, strength)| strength);
    let models = models.iter().map(|outcomes| {
        let place = placed(scorer, outcomes);
        let head = || {
            let head = correction(scorer, outcomes, place.capability, &variances, shrinkage);
            head.unwrap_or_else(OwnHead::nothing)
        };
        (place, (!are_alike(outcomes)).then(head))
    });
    Calibrated {
        models: models.collect(),
        shrinkage,
        noise: 1.0,
    }
}

pub(super) fn placed(scorer: &Scorer, outcomes: &[&Judged]) -> Placement {
    let pairs: Vec<(f32, f32)> = outcomes
        .iter()
        .map(|judged| (judged.score.complexity, judged.outcome))
        .collect();
    let mut place = scorer.place(&pairs);
    place.capability = place.capability.clamp(0.0, Placement::MOST_CAPABILITY);
    place
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
pub(super) fn features(judged: &Judged) -> impl Iterator<Item = f64> {
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

/// Prompts in parts: the same prompt is in one part, whichever model answered it.
pub(super) struct Folds {
    order: Vec<u64>,
    parts: usize,
}

/// Of every model the outcomes outside and inside one part.
pub(super) type Part<'j> = Vec<(Vec<&'j Judged>, Vec<&'j Judged>)>;

impl Folds {
    pub(super) fn new(models: &Models<'_>, parts: usize) -> Self {
        let prompts = models.iter().flatten();
        let mut order: Vec<u64> = prompts.map(|judged| mixed(judged.prompt)).collect();
        order.sort_unstable();
        order.dedup();
        Self {
            order,
            parts: parts.max(1),
        }
    }

    /// The part that a prompt belongs to.
    pub(super) fn of(&self, judged: &Judged) -> usize {
        let hash = mixed(judged.prompt);
        self.order.partition_point(|other| *other < hash) % self.parts
    }

    /// Every part in turn, held out.
    pub(super) fn parts<'j>(&self, models: &Models<'j>) -> impl Iterator<Item = Part<'j>> {
        (0..self.parts).map(move |part| {
            let split = |own: &Vec<&'j Judged>| {
                let inside = |judged: &&'j Judged| self.of(judged) == part;
                let (inside, outside) = own.iter().copied().partition(inside);
                (outside, inside)
            };
            models.iter().map(split).collect()
        })
    }
}

pub(super) fn mixed(hash: u64) -> u64 {
    crate::eval::Random(hash).next()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "precision past f32 is not wanted"
)]
pub(super) fn to_f32(value: f64) -> f32 {
    value as f32
}
