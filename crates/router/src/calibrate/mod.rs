//! A model's place on the complexity scale and its own head, from outcomes of its own.

mod head;
mod length;
mod logistic;
mod noise;
mod trial;

#[cfg(test)]
mod tests;

pub use head::Calibrated;
pub use length::{Length, LengthRatio};
pub use trial::{HeldOut, Losses, Trial};

use std::collections::HashMap;

use crate::eval::Interval;
use crate::scorer::Place;
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
    /// Tells prompts apart as far as the scorer does: the same prompt is never fitted and graded at
    /// once.
    pub prompt: u64,
    /// How good the answer was, in [0, 1].
    pub outcome: f32,
    /// How long the answer was, where that is known.
    pub length: Option<Length>,
}

impl Judged {
    /// An outcome of a prompt of this score and so many bytes.
    ///
    /// The prompt is told apart by what heads are fitted on, complexity and topics, bit for bit: of
    /// two texts that are alike in all of it (such as those that differ only in digits) no fit can
    /// tell which is which, so that one would grade the other with an outcome that it had seen.
    #[must_use]
    pub fn new(score: Score, bytes: usize, outcome: f32) -> Self {
        Self {
            prompt: identity(score.complexity, &score.place),
            score,
            bytes,
            outcome,
            length: None,
        }
    }

    /// The same outcome of an answer of so many output tokens, all that is billed as output: thoughts
    /// too.
    #[must_use]
    pub fn with_output_tokens(self, tokens: f32) -> Self {
        let length = Length {
            expected: f64::from(self.score.expected_output_tokens),
            recorded: f64::from(tokens),
        };
        Self {
            length: Some(length),
            ..self
        }
    }

    /// One outcome of every prompt, in the order in which they come first: the mean, where a model
    /// was judged on a prompt more than once. Answers to one prompt say little more than one of
    /// them does, so that taken for outcomes of their own they would make everything surer than it
    /// is. All that is made of outcomes here expects them so.
    #[must_use]
    pub fn distinct(outcomes: &[Self]) -> Vec<Self> {
        let mut places: HashMap<u64, usize> = HashMap::with_capacity(outcomes.len());
        let mut distinct: Vec<Alike> = Vec::with_capacity(outcomes.len());
        for judged in outcomes {
            let place = *places.entry(judged.prompt).or_insert(distinct.len());
            match distinct.get_mut(place) {
                Some(alike) => alike.add(judged),
                None => distinct.push(Alike::new(*judged)),
            }
        }
        distinct.into_iter().map(Alike::mean).collect()
    }
}

/// A hash of what heads see of a prompt, the same on every machine.
fn identity(complexity: f32, place: &Place) -> u64 {
    let numbers = std::iter::once(complexity).chain(place.topics);
    numbers.fold(0, |hash, number| {
        head::mixed(hash ^ u64::from(number.to_bits()))
    })
}

/// Outcomes of one prompt.
struct Alike {
    first: Judged,
    outcomes: f64,
    bytes: u64,
    count: u32,
    lengths: Vec<Length>,
}

impl Alike {
    fn new(first: Judged) -> Self {
        let mut alike = Self {
            first,
            outcomes: 0.0,
            bytes: 0,
            count: 0,
            lengths: Vec::new(),
        };
        alike.add(&first);
        alike
    }

    fn add(&mut self, judged: &Judged) {
        self.outcomes += f64::from(judged.outcome);
        self.bytes = self.bytes.saturating_add(judged.bytes as u64);
        self.count = self.count.saturating_add(1);
        self.lengths.extend(judged.length);
    }

    /// Their mean; of the bytes and of the answers' lengths too, since texts that are alike may differ
    /// in length.
    fn mean(self) -> Judged {
        let bytes = self.bytes / u64::from(self.count.max(1));
        Judged {
            outcome: head::to_f32(self.outcomes / f64::from(self.count.max(1))),
            bytes: usize::try_from(bytes).unwrap_or(self.first.bytes),
            length: Length::mean(&self.lengths),
            ..self.first
        }
    }
}

/// A place with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// The capability that explains the outcomes best.
    pub capability: f64,
    /// Its standard error; [`Self::interval`] is about twice as wide on either side.
    pub error: f64,
    /// Area under the curve of complexity against failure in these outcomes: 0.5 says that the
    /// complexity does not tell this model's failures from its successes. `None` where there are
    /// only failures or only successes, which leaves nothing to tell apart.
    pub auc: Option<f64>,
}

impl Placement {
    /// The end of the scale in policies: what a correction is added to must be what stands there.
    pub const MOST_CAPABILITY: f64 = 2.0;

    /// The interval of 95 %, as far as it lies on the scale of policies, from 0 to
    /// [`Self::MOST_CAPABILITY`].
    #[must_use]
    pub fn interval(&self) -> Interval {
        let on_scale = |capability: f64| capability.clamp(0.0, Self::MOST_CAPABILITY);
        Interval {
            low: on_scale(self.capability - self.half_width()),
            high: on_scale(self.capability + self.half_width()),
        }
    }

    /// How far the interval of 95 % would reach on either side if the scale had no ends.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        1.96 * self.error
    }
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
        let failed = failures.clone().filter(|(_, failed)| *failed).count();
        let is_mixed = failed > 0 && failed < outcomes.len();
        Placement {
            capability,
            error: curvature.powf(-0.5),
            auc: is_mixed.then(|| crate::eval::auc(failures)),
        }
    }
}
