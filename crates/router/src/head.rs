//! The head of one model: its chance of success by topic, where more is known than its capability.

use crate::scorer::{Place, TOPICS, sigmoid};
use crate::weights::ModelHead;
use crate::{Score, Scorer};

/// How a model's chance of success follows from a score.
///
/// ```text
/// recorded: logit = constant - part * difficulty + directions · topics
/// residual: logit = slope of the scorer * (capability - complexity)
///                 + constant + slope * complexity + directions · topics
/// ```
///
/// The first is a model of the weights file. The second corrects a capability and was fitted to
/// outcomes of the operator's own ([`Scorer::calibrate`]); with nothing but zeros it is the
/// capability alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OwnHead {
    base: Base,
    constant: f32,
    directions: [f32; TOPICS],
}

/// What the directions are added to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Base {
    /// A part of the shared difficulty.
    Difficulty(f32),
    /// The capability, and this times the complexity.
    Capability(f32),
}

impl OwnHead {
    /// Topics that a head of these weights stands on.
    pub const TOPICS: usize = TOPICS;

    /// A correction of the capability. `None` where there are not [`Self::TOPICS`] directions or
    /// a number is not finite.
    #[must_use]
    pub fn residual(constant: f32, slope: f32, directions: &[f32]) -> Option<Self> {
        let directions: [f32; TOPICS] = directions.try_into().ok()?;
        let mut numbers = directions.iter().chain([&constant, &slope]);
        numbers.all(|number| number.is_finite()).then_some(Self {
            base: Base::Capability(slope),
            constant,
            directions,
        })
    }

    /// The correction that corrects nothing.
    #[must_use]
    pub(crate) fn nothing() -> Self {
        Self {
            base: Base::Capability(0.0),
            constant: 0.0,
            directions: [0.0; TOPICS],
        }
    }

    /// The constant, of a residual head also the slope over the complexity, and the directions.
    #[must_use]
    pub fn numbers(&self) -> (f32, Option<f32>, &[f32]) {
        let slope = match self.base {
            Base::Difficulty(_) => None,
            Base::Capability(slope) => Some(slope),
        };
        (self.constant, slope, &self.directions)
    }
}

impl From<&ModelHead> for OwnHead {
    fn from(head: &ModelHead) -> Self {
        Self {
            base: Base::Difficulty(head.prior),
            constant: head.constant,
            directions: head.directions,
        }
    }
}

impl Scorer {
    /// Chance that a model's answer is good enough: by its head where it has one, otherwise by its
    /// capability alone. In [0, 1] and finite whatever the arguments are.
    #[must_use]
    pub fn chance(
        &self,
        capability: f32,
        head: Option<&OwnHead>,
        complexity: f32,
        place: &Place,
    ) -> f32 {
        let Some(head) = head else {
            return self.success_probability(capability, complexity);
        };
        let base = match head.base {
            Base::Difficulty(part) => -part * place.difficulty,
            Base::Capability(slope) => {
                self.slope() * (capability - complexity) + slope * complexity
            }
        };
        let topics = head.directions.iter().zip(&place.topics);
        let own: f32 = topics.map(|(direction, topic)| direction * topic).sum();
        let chance = sigmoid(base + head.constant + own);
        if chance.is_finite() {
            chance
        } else {
            self.success_probability(capability, complexity)
        }
    }

    /// The same for a score.
    #[must_use]
    pub fn chance_of(&self, capability: f32, head: Option<&OwnHead>, score: &Score) -> f32 {
        self.chance(capability, head, score.complexity, &score.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ScoreInput, Scratch};

    fn score(text: &str) -> Score {
        let input = ScoreInput {
            segments: &[text],
            ..ScoreInput::default()
        };
        Scorer::shipped().score(&input, &mut Scratch::new())
    }

    #[test]
    fn without_a_correction_it_is_the_capability() {
        let scorer = Scorer::shipped();
        let score = score("Prove that the square root of 2 is irrational.");
        let none = OwnHead::residual(0.0, 0.0, &[0.0; TOPICS]).expect("a head");
        for capability in [0.0, 0.7, 2.0] {
            let plain = scorer.success_probability(capability, score.complexity);
            assert!((scorer.chance_of(capability, Some(&none), &score) - plain).abs() < 1e-6);
            assert!((scorer.chance_of(capability, None, &score) - plain).abs() < 1e-9);
        }
        let up = OwnHead::residual(1.0, 0.0, &[0.0; TOPICS]).expect("a head");
        assert!(
            scorer.chance_of(0.7, Some(&up), &score) > scorer.chance_of(0.7, Some(&none), &score)
        );
    }

    #[test]
    fn a_recorded_head_gives_what_the_weights_say() {
        let scorer = Scorer::shipped();
        let score = score("What is the capital of France?");
        for head in scorer.models() {
            let own = OwnHead::from(head);
            assert!(
                (scorer.chance_of(0.0, Some(&own), &score) - head.success(&score)).abs() < 1e-6
            );
            assert_eq!(own.numbers().1, None);
        }
    }

    #[test]
    fn a_head_of_other_weights_is_none() {
        assert!(OwnHead::residual(0.0, 0.0, &[0.0; TOPICS + 1]).is_none());
        assert!(OwnHead::residual(0.0, f32::NAN, &[0.0; TOPICS]).is_none());
        let huge = OwnHead::residual(f32::MAX, f32::MAX, &[f32::MAX; TOPICS]).expect("finite");
        let chance = Scorer::shipped().chance_of(0.5, Some(&huge), &score("Hello"));
        assert!((0.0..=1.0).contains(&chance), "{chance}");
    }
}
