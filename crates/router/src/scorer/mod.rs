//! Complexity of a request: linear weights over hashed words plus counters, in one pass.
//!
//! ```text
//! logit      = bias + sum(counter weight * counter) + sum(word weight) / sqrt(distinct words)
//! complexity = quantile of the logit among the calibration prompts, in [0, 1]
//! ```
//!
//! Every head (difficulty, logarithm of the output tokens) has its own weights; they lie side by
//! side, so that one look-up serves all heads. Nothing is allocated per request.

mod classes;
mod counters;
mod cues;
mod scan;
mod shape;
mod window;

#[cfg(test)]
mod tests;

use std::sync::OnceLock;

pub use shape::Shape;

pub(crate) use counters::{COUNTERS, counter_names};
pub(crate) use scan::BUCKETS;
use scan::{Scan, Sink};

use crate::weights::{Weights, WeightsError};

/// Heads that share one look-up: [`Head::Difficulty`] and [`Head::OutputTokens`].
pub(crate) const HEADS: usize = 2;

/// Version of the feature definitions: raised whenever the same text gives other features, so
/// that a weights file never meets features that it was not fitted on.
pub(crate) const FEATURES_VERSION: u32 = 1;

/// Position of a head in the interleaved weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Head {
    /// Logit of difficulty: success has the logit `ability - difficulty`.
    Difficulty = 0,
    /// Natural logarithm of the expected output tokens.
    OutputTokens = 1,
}

/// Upper bound of [`Score::expected_output_tokens`].
const MAX_EXPECTED_OUTPUT_TOKENS: f32 = 32_768.0;

/// What the scorer reads: text segments in order and the shape of the request. Borrowed, nothing
/// is copied.
#[derive(Debug, Clone, Copy)]
pub struct ScoreInput<'a> {
    /// Text segments of the last user turn: what the model must do now. They are read as one
    /// text, joined without a separator, so the score does not depend on where a client cuts.
    pub segments: &'a [&'a str],
    /// Counts about the whole request.
    pub shape: Shape,
}

/// How hard a request is and how long its answer will be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Share of the calibration prompts that are easier, in [0, 1]; always finite.
    pub complexity: f32,
    /// Expected output tokens, at least 1, at most the request's own limit.
    pub expected_output_tokens: u32,
}

/// Working memory of [`Scorer::score`], reused from request to request.
///
/// A bit per bucket (2 KiB): it stays in the first-level cache and is cheaper to clear than a
/// table of generation stamps is to read.
#[derive(Debug, Clone)]
pub struct Scratch {
    seen: Box<scan::Seen>,
}

impl Scratch {
    /// Allocates the working memory once.
    #[must_use]
    pub fn new() -> Self {
        Self {
            seen: Box::new([0; scan::SEEN_WORDS]),
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// A set of weights ready to score requests.
#[derive(Debug)]
pub struct Scorer {
    weights: Weights,
    cues: &'static cues::CueTable,
}

impl Scorer {
    /// The scorer with the weights that ship with this version.
    ///
    /// # Panics
    /// When the embedded file is damaged, which a test of this crate excludes.
    #[must_use]
    pub fn shipped() -> &'static Self {
        static SHIPPED: OnceLock<Scorer> = OnceLock::new();
        SHIPPED.get_or_init(|| match Self::from_bytes(crate::weights::SHIPPED) {
            Ok(scorer) => scorer,
            Err(error) => panic!("the embedded scorer weights are damaged: {error}"),
        })
    }

    /// Reads a weights file and runs the self-tests that it carries.
    ///
    /// # Errors
    /// When the bytes are no weights file of this version, are damaged, or give other scores than
    /// the self-tests in the file expect.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsError> {
        let scorer = Self::from_weights(Weights::decode(bytes)?);
        let mut scratch = Scratch::new();
        for (index, test) in scorer.weights.self_tests.iter().enumerate() {
            let segments = [test.text.as_str()];
            let input = ScoreInput {
                segments: &segments,
                shape: Shape::default(),
            };
            let score = scorer.score(&input, &mut scratch);
            let tokens_apart = score
                .expected_output_tokens
                .abs_diff(test.expected_output_tokens);
            if (score.complexity - test.complexity).abs() > 1e-3
                || tokens_apart > 1 + test.expected_output_tokens / 100
            {
                return Err(WeightsError::SelfTest { index });
            }
        }
        Ok(scorer)
    }

    pub(crate) fn from_weights(weights: Weights) -> Self {
        Self {
            weights,
            cues: cues::table(),
        }
    }

    /// Scores a request. The text that is read is bounded (see `docs/scorer.md`): of a long prompt
    /// the head and the tail.
    #[must_use]
    pub fn score(&self, input: &ScoreInput<'_>, scratch: &mut Scratch) -> Score {
        let heads = self.heads(input.segments, scratch);
        let difficulty = heads[Head::Difficulty as usize] + input.shape.difficulty_prior();
        let log_tokens = heads[Head::OutputTokens as usize] + input.shape.output_prior();
        Score {
            complexity: self.weights.quantiles.rank(difficulty),
            expected_output_tokens: output_tokens(log_tokens, input.shape.max_output_tokens),
        }
    }

    /// The raw value of every head for a text without a shape.
    pub(crate) fn heads(&self, segments: &[&str], scratch: &mut Scratch) -> [f32; HEADS] {
        let sink = Accumulate {
            words: &self.weights.words,
            sums: [0; HEADS],
        };
        let scanned = scan_text(segments, scratch, self.cues, sink);
        let counters = scanned.counts.features(scanned.distinct);
        let norm = word_norm(scanned.distinct);
        let mut heads = [0.0; HEADS];
        for (feature, weights) in counters.iter().zip(&self.weights.counters) {
            for (head, weight) in heads.iter_mut().zip(weights) {
                *head += feature * weight;
            }
        }
        for ((head, sum), scale) in heads
            .iter_mut()
            .zip(scanned.sink.sums)
            .zip(self.weights.word_scales)
        {
            *head += norm * scale * sum as f32;
        }
        heads
    }

    /// Name of the weights, for logs and reports.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.weights.version
    }

    /// Chance that a model's answer is good enough: a Rasch model on the quantile scale, with the
    /// slope fitted on recorded outcomes. 0.5 where capability equals complexity; in [0, 1] and
    /// finite whatever the arguments are (not-a-number counts as 0).
    #[must_use]
    pub fn success_probability(&self, capability: f32, complexity: f32) -> f32 {
        let clean = |value: f32| {
            if value.is_nan() {
                0.0
            } else {
                value.clamp(-10.0, 10.0)
            }
        };
        sigmoid(self.weights.slope * (clean(capability) - clean(complexity)))
    }
}

/// What a text consists of, for training: the same pass as scoring, with the words written down.
pub(crate) fn extract(text: &str, scratch: &mut Scratch) -> (Vec<u16>, [f32; COUNTERS]) {
    let scanned = scan_text(
        &[text],
        scratch,
        cues::table(),
        Collect {
            buckets: Vec::new(),
        },
    );
    let features = scanned.counts.features(scanned.distinct);
    let mut buckets = scanned.sink.buckets;
    buckets.sort_unstable();
    (buckets, features)
}

fn scan_text<'a, S: Sink>(
    segments: &[&str],
    scratch: &'a mut Scratch,
    cues: &'static cues::CueTable,
    sink: S,
) -> Scan<'a, S> {
    scratch.seen.fill(0);
    let mut scan = Scan::new(&mut scratch.seen, cues, sink);
    window::read(segments, &mut scan);
    scan.end();
    scan
}

/// Factor of the word sum: one over the length of the vector of distinct words.
pub(crate) fn word_norm(distinct: u32) -> f32 {
    1.0 / (distinct.max(1) as f32).sqrt()
}

pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to [1, 32768] before the cast"
)]
fn output_tokens(log_tokens: f32, limit: Option<u32>) -> u32 {
    let tokens = log_tokens
        .exp()
        .clamp(1.0, MAX_EXPECTED_OUTPUT_TOKENS)
        .round() as u32;
    tokens.min(limit.unwrap_or(u32::MAX).max(1))
}

/// Adds up the weights of every distinct word, all heads at once. Integer sums: the order of the
/// words cannot change the result.
struct Accumulate<'a> {
    words: &'a [[i16; HEADS]; BUCKETS],
    sums: [i32; HEADS],
}

impl Sink for Accumulate<'_> {
    #[inline]
    fn bucket(&mut self, bucket: usize) {
        let weights = &self.words[bucket % BUCKETS];
        for (sum, weight) in self.sums.iter_mut().zip(weights) {
            *sum += i32::from(*weight);
        }
    }
}

/// Writes the buckets down.
struct Collect {
    buckets: Vec<u16>,
}

impl Sink for Collect {
    fn bucket(&mut self, bucket: usize) {
        self.buckets.push(u16::try_from(bucket).unwrap_or(u16::MAX));
    }
}
