//! How much longer a model's answers are than the scorer expects.

use steelyard_types::OutputFactor;

use crate::eval::{Interval, bootstrap};

use super::Judged;

/// Draws of the prompts, and their seed.
const DRAWS: (u32, u64) = (400, 1);

/// Output tokens of an answer: those that came beside those that the scorer expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Length {
    /// Expected of the prompt.
    pub expected: f64,
    /// Recorded.
    pub recorded: f64,
}

impl Length {
    /// The mean of several, of both numbers.
    pub(super) fn mean(lengths: &[Self]) -> Option<Self> {
        let count = lengths.len() as f64;
        (!lengths.is_empty()).then(|| Self {
            expected: lengths.iter().map(|one| one.expected).sum::<f64>() / count,
            recorded: lengths.iter().map(|one| one.recorded).sum::<f64>() / count,
        })
    }
}

/// Recorded output tokens as a multiple of those expected.
///
/// All that came over all that was expected, not the mean of each prompt's ratio: cost is linear in
/// tokens, so with this factor the expected cost of these very prompts is what they did cost. A long
/// answer weighs as much as it costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LengthRatio {
    /// Prompts whose answers have a length.
    pub prompts: usize,
    /// The multiple.
    pub ratio: f64,
    /// Its interval of 95 %, by drawing prompts.
    pub interval: Interval,
}

impl LengthRatio {
    /// Fewer prompts say nothing that is worth a factor.
    pub const LEAST_PROMPTS: usize = 20;

    /// Measures it; `None` where no answer has a length or nothing was expected.
    #[must_use]
    pub fn of(outcomes: &[Judged]) -> Option<Self> {
        let lengths: Vec<Length> = outcomes.iter().filter_map(|one| one.length).collect();
        let value = ratio(&lengths);
        let (draws, seed) = DRAWS;
        value.is_finite().then(|| Self {
            prompts: lengths.len(),
            ratio: value,
            interval: bootstrap(&lengths, draws, seed, ratio),
        })
    }

    /// Whether there are prompts enough to tell anything.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.prompts >= Self::LEAST_PROMPTS
    }

    /// Whether the answers are certainly longer or shorter than expected.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.is_enough() && (self.interval.low > 1.0 || self.interval.high < 1.0)
    }

    /// The factor for a policy, to the hundredth, where the model differs: within what a policy takes,
    /// whose end is nearer to the truth than no factor.
    #[must_use]
    pub fn factor(&self) -> Option<OutputFactor> {
        let bounds = (
            f64::from(OutputFactor::LEAST),
            f64::from(OutputFactor::MOST),
        );
        let within = self.ratio.clamp(bounds.0, bounds.1);
        OutputFactor::new((100.0 * within).round() / 100.0).filter(|_| self.differs())
    }
}

/// All that came over all that was expected; no number where nothing was.
fn ratio(lengths: &[Length]) -> f64 {
    let expected: f64 = lengths.iter().map(|one| one.expected).sum();
    let recorded: f64 = lengths.iter().map(|one| one.recorded).sum();
    if expected > 0.0 {
        recorded / expected
    } else {
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scorer::Place;
    use crate::{ScoreInput, Scorer, Scratch};

    /// Answers to so many prompts: expected tokens and what came of them.
    fn answers(lengths: impl Iterator<Item = (u32, f32)>) -> Vec<Judged> {
        let input = ScoreInput {
            segments: &["Hello"],
            ..ScoreInput::default()
        };
        let mut score = Scorer::shipped().score(&input, &mut Scratch::new());
        let mut answers = Vec::new();
        for (index, (expected, came)) in lengths.enumerate() {
            score.complexity = index as f32 / 1_000.0;
            score.place = Place::default();
            score.expected_output_tokens = expected;
            answers.push(Judged::new(score, 5, 1.0).with_output_tokens(came));
        }
        answers
    }

    #[test]
    fn the_factor_is_what_makes_the_expected_cost_true() {
        // Short answers as expected, long ones three times as long.
        let lengths = (0..40).map(|index| match index % 2 {
            0 => (10, 10.0),
            _ => (1_000, 3_000.0),
        });
        let measured = LengthRatio::of(&answers(lengths)).expect("lengths");
        assert_eq!(measured.prompts, 40);
        assert!(
            (measured.ratio - 3_010.0 / 1_010.0).abs() < 1e-9,
            "{measured:?}"
        );
        let Interval { low, high } = measured.interval;
        assert!(
            low > 1.0 && low <= measured.ratio && measured.ratio <= high,
            "{measured:?}"
        );
        assert_eq!(measured.factor(), OutputFactor::new(2.98));
    }

    #[test]
    fn few_prompts_and_noise_give_no_factor() {
        let twice = |count: u32| answers((0..count).map(|_| (100, 200.0)));
        assert_eq!(LengthRatio::of(&twice(0)), None);
        let few = LengthRatio::of(&twice(19)).expect("lengths");
        assert!(!few.is_enough() && few.factor().is_none(), "{few:?}");
        let enough = LengthRatio::of(&twice(20)).expect("lengths");
        assert_eq!(enough.factor(), OutputFactor::new(2.0));

        let noise = (0..60).map(|index| (100, if index % 2 == 0 { 40.0 } else { 170.0 }));
        let noise = LengthRatio::of(&answers(noise)).expect("lengths");
        assert!(
            noise.is_enough() && !noise.differs() && noise.factor().is_none(),
            "{noise:?}"
        );
        // Shorter than expected differs too; what is out of bounds ends at them.
        let half = LengthRatio::of(&answers((0..30).map(|_| (100, 50.0)))).expect("lengths");
        assert_eq!(half.factor(), OutputFactor::new(0.5));
        let silent = LengthRatio::of(&answers((0..30).map(|_| (100, 0.0)))).expect("lengths");
        assert_eq!(silent.factor(), OutputFactor::new(0.05), "{silent:?}");
        let endless = answers((0..30).map(|_| (100, 9_000.0)));
        let endless = LengthRatio::of(&endless).expect("lengths");
        assert_eq!(endless.factor(), OutputFactor::new(20.0), "{endless:?}");
    }

    #[test]
    fn outcomes_without_a_length_do_not_count() {
        let mut some = answers((0..30).map(|_| (100, 200.0)));
        for one in some.iter_mut().take(5) {
            one.length = None;
        }
        assert_eq!(LengthRatio::of(&some).expect("lengths").prompts, 25);
        for one in &mut some {
            one.length = None;
        }
        assert_eq!(LengthRatio::of(&some), None);
    }

    #[test]
    fn answers_to_one_prompt_are_one_length() {
        let one = answers(std::iter::once((100, 200.0)))[0];
        let longer = one.with_output_tokens(400.0);
        let unknown = Judged {
            length: None,
            ..one
        };
        let alike = Judged::distinct(&[unknown, one, longer]);
        let mean = Length {
            expected: 100.0,
            recorded: 300.0,
        };
        assert_eq!(alike.len(), 1);
        assert_eq!(alike[0].length, Some(mean));
    }
}
