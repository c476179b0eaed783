//! A model's place on the complexity scale and its own head, from outcomes of its own.

mod head;
mod logistic;
mod noise;
mod trial;

#[cfg(test)]
mod tests;

pub use head::Calibrated;
pub use trial::{HeldOut, Losses, Trial};

use std::collections::HashMap;

use crate::{Score, Scorer};

/// Where most models lie, for a model of which little is known: mean and deviation of the
/// capabilities of the models in the data.
const PRIOR: (f64, f64) = (0.8, 0.5);
const STEPS: u32 = 50;

/// A prompt as the scorer saw it, with what one model made of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// The prompt's score.
    pub score: Score,
    /// Bytes of the prompt: the baseline.
    pub bytes: usize,
    /// Tells prompts apart: the same prompt is never fitted and graded at once.
    pub prompt: u64,
    /// How good the answer was, in [0, 1].
    pub outcome: f32,
}

impl Judged {
    /// One outcome of every prompt, in the order in which they come first: the mean, where a model
    /// was judged on a prompt more than once. Answers to one prompt say little more than one of
    /// them does, so that taken for outcomes of their own they would make everything surer than it
    /// is. All that is made of outcomes here expects them so.
    #[must_use]
    pub fn distinct(outcomes: &[Self]) -> Vec<Self> {
        let mut places: HashMap<u64, usize> = HashMap::with_capacity(outcomes.len());
        let mut distinct: Vec<(Self, f64, f64)> = Vec::with_capacity(outcomes.len());
        for judged in outcomes {
            let place = *places.entry(judged.prompt).or_insert(distinct.len());
            if place == distinct.len() {
                distinct.push((*judged, 0.0, 0.0));
            }
            if let Some((_, sum, count)) = distinct.get_mut(place) {
                *sum += f64::from(judged.outcome);
                *count += 1.0;
            }
        }
        let mean = |(judged, sum, count)| Self {
            outcome: head::to_f32(sum / count),
            ..judged
        };
        distinct.into_iter().map(mean).collect()
    }
}

/// A place with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// The capability that explains the outcomes best.
    pub capability: f64,
    /// Its standard error; the interval of 95 % is about twice as wide on either side.
    pub error: f64,
    /// Area under the curve of complexity against failure in these outcomes: 0.5 says that the
    /// complexity does not tell this model's failures from its successes.
    pub auc: f64,
}

impl Scorer {
    /// Places a model by pairs of complexity and score, both in [0, 1]: the maximum of the
    /// posterior under a wide prior, by Newton's method.
    #[must_use]
    pub fn place(&self, outcomes: &[(f32, f32)]) -> Placement {
        let slope = f64::from(self.slope());
        let (mean, deviation) = PRIOR;
        let mut capability = mean;
        let mut curvature = deviation.powi(-2);
        for _ in 0..STEPS {
            let mut first = (capability - mean) / deviation.powi(2);
            curvature = deviation.powi(-2);
            for (complexity, score) in outcomes {
                let logit = slope * (capability - f64::from(*complexity));
                let chance = 1.0 / (1.0 + (-logit).exp());
                first += slope * (chance - f64::from(*score));
                curvature += slope * slope * chance * (1.0 - chance);
            }
            capability -= (first / curvature).clamp(-0.5, 0.5);
        }
        let failures = outcomes
            .iter()
            .map(|(complexity, score)| (f64::from(*complexity), *score < 0.5));
        Placement {
            capability,
            error: curvature.powf(-0.5),
            auc: crate::eval::auc(failures),
        }
    }
}
