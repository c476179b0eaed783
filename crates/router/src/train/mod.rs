//! Fitting the weights: pure and reproducible, the same data and settings give the same bytes.
//!
//! 1. [`Dataset::new`] turns prompts into features ([`Example`], [`Anchor`] in; nothing is read
//!    from disk here).
//! 2. The fit explains outcomes by `ability of the model - difficulty of the prompt`, jointly, so
//!    that a source with weak models does not read as hard.
//! 3. Scores of prompts outside the fit give the quantile map and the slope of the success
//!    probability ([`train`]).
//! 4. [`grade`] measures the same recipe on folds that were held out.

mod dataset;
mod fit;
mod gain;
mod grade;
mod own;
mod pack;
mod scale;
mod solve;
mod tokens;
mod topics;
mod validate;

#[cfg(test)]
mod tests;

use crate::scorer::{Scorer, Scratch, counter_names};
use crate::weights::{SelfTest, Weights};

pub use dataset::{About, Anchor, Dataset, Example, Outcome};
pub use grade::{Grade, Split, grade};
pub use validate::{Validated, validate};

use fit::Fitted;

/// Prompts whose difficulty and answer length were judged by hand, as JSON lines.
pub const ANCHORS: &str = include_str!("../../data/anchors.jsonl");

/// What the fit may be told. [`Settings::default`] is what the shipped weights are fitted with.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Passes over the data.
    pub epochs: u32,
    /// First step of each weight.
    pub learning_rate: f32,
    /// Sum of squares that every word starts with: a word seen once or twice moves little.
    pub word_caution: f32,
    /// Shrinkage of the word weights per example.
    pub l2_words: f32,
    /// Shrinkage of the counter weights per example.
    pub l2_counters: f32,
    /// Weight of one anchor beside one benchmark prompt, for difficulty.
    pub anchor_weight: f32,
    /// The same for the output tokens.
    pub anchor_output_weight: f32,
    /// The same of an instruction about a prompt of the data.
    pub instructed_output_weight: f32,
    /// Shrinkage of the output tokens, in prompts.
    pub output_shrinkage: f32,
    /// A prompt weighs less for the output tokens by the size of its source to the power of this.
    pub output_sharing: f32,
    /// Shrinkage of a model's own head, in prompts.
    pub own_shrinkage: f32,
    /// Weight of one anchor beside one benchmark prompt, for a model's own head.
    pub own_anchor_weight: f32,
    /// Shrinkage of the gain, in prompts.
    pub gain_shrinkage: f32,
    /// Weight of the words for the gain beside the levels of counts.
    pub gain_words: f32,
    /// Part of the difficulty in the gain, in standard deviations.
    pub gain_difficulty: f32,
    /// Weight of one anchor beside one benchmark prompt, for the gain.
    pub gain_anchor_weight: f32,
    /// Part of the shared difficulty that a model's own head starts from.
    pub own_prior: f32,
    /// Value of one standard deviation of the gain as a feature of a model's own head, beside the
    /// words, whose vector has length 1.
    pub own_gain: f32,
    /// Of many models measured on the same prompts each counts for the topics as their number to
    /// the power of minus this.
    pub sharing: f64,
    /// Outcomes at which a model counts half for the topics.
    pub topic_outcomes: f64,
    /// Seed of the order in which examples are visited.
    pub seed: u64,
    /// Sources that are graded but never fitted, by prefix of their name.
    pub validation_only: Vec<String>,
    /// The model that fixes the zero of the difficulty scale, and its ability.
    pub reference: (String, f32),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            epochs: 8,
            learning_rate: 0.15,
            word_caution: 1.0,
            l2_words: 3e-4,
            l2_counters: 1e-2,
            anchor_weight: 5.0,
            anchor_output_weight: 1.5,
            instructed_output_weight: 0.3,
            output_shrinkage: 2.0,
            output_sharing: 0.25,
            own_shrinkage: 5.0,
            own_anchor_weight: 0.4,
            gain_shrinkage: 80.0,
            gain_words: 0.5,
            gain_difficulty: 0.1,
            gain_anchor_weight: 0.75,
            own_prior: 0.5,
            own_gain: 0.5,
            sharing: 0.25,
            topic_outcomes: 1000.0,
            seed: 1,
            // Its licence is non-commercial.
            validation_only: vec!["alpacaeval".to_owned()],
            // Present in most sources. 0.8: it answers 69 % of prompts of difficulty 0, which is
            // close to its share on MMLU and GSM8K, so such a question is the middle of the scale.
            reference: ("mixtral-8x7b-instruct-v0.1".to_owned(), 0.8),
        }
    }
}

/// Result of [`train`].
#[derive(Debug)]
pub struct Trained {
    /// The weights file.
    pub bytes: Vec<u8>,
    /// Slope of the success probability.
    pub slope: f32,
    /// Capability of every model in the data, ascending; not clamped to [0, 1].
    pub capabilities: Vec<Capability>,
    /// Weight of every counter on the difficulty, in units of its standard deviation.
    pub counters: Vec<(String, f32)>,
}

/// A model's fitted place on the scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Capability {
    /// Model, as the data names it.
    pub model: String,
    /// Place on the scale of complexity.
    pub capability: f32,
    /// Number of outcomes it was fitted on.
    pub outcomes: u32,
}

/// Texts whose scores are kept in the weights file and checked at every load.
const SELF_TESTS: [&str; 4] = [
    "Translate 'good morning' to Spanish.",
    "Prove that the square root of 2 is irrational, then generalise to every non-square integer.",
    "def f(xs):\n    return [x * 2 for x in xs if x > 0]  # why does this fail on None?",
    "请证明：对于任意正整数 n，n³ - n 能被 6 整除。",
];

/// Folds for the scores outside the fit.
const FOLDS: u32 = 5;

/// Fits the weights on all prompts that may be fitted. `version` names them; `progress` is told
/// what is being done.
///
/// # Errors
/// When the data holds too little to fit anything.
pub fn train(
    data: &Dataset,
    settings: &Settings,
    version: &str,
    progress: &mut dyn FnMut(&str),
) -> Result<Trained, TrainError> {
    let outside = grade::held_out(data, settings, Split::Random { folds: FOLDS }, progress);
    let quantiles = scale::quantiles(data, &outside).ok_or(TrainError::TooFewPrompts)?;
    progress("capabilities");
    let success = scale::success(data, &outside, &quantiles).ok_or(TrainError::TooFewOutcomes)?;
    progress("difficulty on everything");
    let everything = Fitted::fit(data, settings, |_| true);
    let mut weights = own::weights(
        data,
        settings,
        &Base {
            version,
            fitted: &everything,
            outside: &outside,
            quantiles,
            success: &success,
        },
        &|_| true,
        progress,
    );
    weights.self_tests = self_tests(&weights);
    Ok(Trained {
        bytes: weights.encode(),
        slope: success.slope,
        capabilities: success.capabilities,
        counters: counter_names().zip(everything.counter_effects()).collect(),
    })
}

/// What the heads of single models stand on.
struct Base<'a> {
    version: &'a str,
    /// The difficulty.
    fitted: &'a Fitted,
    /// The same of every prompt, by fits that had not seen it.
    outside: &'a [Option<f32>],
    quantiles: crate::weights::Quantiles,
    success: &'a scale::Success,
}

/// Why nothing could be fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Fewer prompts than the quantile map has knots.
    #[error("too few prompts to place quantiles on")]
    TooFewPrompts,
    /// No outcomes, or outcomes that do not depend on the difficulty.
    #[error("too few outcomes, or none that depend on the difficulty")]
    TooFewOutcomes,
}

fn self_tests(weights: &Weights) -> Vec<SelfTest> {
    let scorer = Scorer::from_weights(weights.clone());
    let mut scratch = Scratch::new();
    SELF_TESTS
        .iter()
        .map(|text| {
            let segments = [*text];
            let input = crate::ScoreInput {
                segments: &segments,
                ..crate::ScoreInput::default()
            };
            let score = scorer.score(&input, &mut scratch);
            SelfTest {
                text: (*text).to_owned(),
                complexity: score.complexity,
                gain: score.gain,
                expected_output_tokens: score.expected_output_tokens,
            }
        })
        .collect()
}
