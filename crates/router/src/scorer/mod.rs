//! Complexity of a request: linear weights over hashed words plus counters, in one pass.
//!
//! ```text
//! head       = bias + sum(counter weight * counter) + sum(weight of each count's level)
//!            + sum(word weight) / sqrt(distinct words)
//!              of a long text the mean of this over the whole and over its ends
//! complexity = quantile of the difficulty head among the calibration prompts, in [0, 1]
//! ```
//!
//! Every head (difficulty, logarithm of the output tokens, gain, topics) has its own weights; they
//! lie side by side, so that one look-up serves all heads. Nothing is allocated per request.

mod blank;
mod by_hash;
mod classes;
mod counters;
mod cues;
mod ends;
mod given_back;
mod instructions;
mod rows;
mod scan;
mod shape;
mod window;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

pub use shape::Shape;

#[cfg(test)]
pub(crate) use classes::is_space;
use counters::Count;
pub(crate) use counters::{BINS, COUNTERS, bin_groups, counter_names};
use cues::Cue;
use ends::Ends;
use instructions::{Excerpt, Given};
use rows::{Accumulate, Row};
pub(crate) use scan::BUCKETS;
use scan::{Distinct, Scan, Sink};

use crate::weights::{ModelHead, Weights, WeightsError};

/// Directions of topic on which the heads of single models stand.
pub(crate) const TOPICS: usize = 24;
/// The heads before the topics: those of [`Head`].
pub(crate) const NAMED_HEADS: usize = 3;
/// Heads that share one look-up: those of [`Head`], then the topics.
pub(crate) const HEADS: usize = NAMED_HEADS + TOPICS;
/// A row of the word table in memory: the heads, padded to half a cache line.
pub(crate) const LANES: usize = 32;

/// Version of the feature definitions: raised whenever the same text gives other features, so
/// that a weights file never meets features that it was not fitted on.
pub(crate) const FEATURES_VERSION: u32 = 6;

/// What the ends of a long text count beside the whole of it.
const ENDS_SHARE: f32 = 0.5;

/// What the turn before counts beside one that goes on about it.
const BEFORE_SHARE: f32 = 0.5;

/// What an end that asks for light work counts beside the whole.
const LIGHT_ENDS_SHARE: f32 = 0.8;

/// What a light task in the system instructions counts beside the user's turn: a translation of a proof
/// is a translation.
const LIGHT_TASK_SHARE: f32 = 0.8;

/// What another task in the system instructions counts beside the user's turn.
const TASK_SHARE: f32 = 0.6;

/// Position of a head in the interleaved weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Head {
    /// Logit of difficulty: success has the logit `ability - difficulty`.
    Difficulty = 0,
    /// Natural logarithm of the expected output tokens.
    OutputTokens = 1,
    /// Score of a strong tier less the score of a weak one.
    Gain = 2,
}

/// Upper bound of [`Score::expected_output_tokens`].
const MAX_EXPECTED_OUTPUT_TOKENS: f32 = 32_768.0;

/// What the scorer reads: text segments in order and the shape of the request. Borrowed, nothing
/// is copied.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScoreInput<'a> {
    /// Text segments of the last user turn: what the model must do now. They are read as one
    /// text, joined without a separator, so the score does not depend on where a client cuts.
    pub segments: &'a [&'a str],
    /// Text segments of the turn that the last one goes on about ("that is wrong, fix it"), which
    /// counts as much; empty where the last turn stands for itself.
    pub before: &'a [&'a str],
    /// Text segments of the system instructions, which count where they give a task.
    pub instructions: &'a [&'a str],
    /// Counts about the whole request.
    pub shape: Shape,
}

/// How hard a request is and how long its answer will be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Share of the calibration prompts that are easier, in [0, 1]; always finite.
    pub complexity: f32,
    /// What a strong tier is expected to score more than a weak one, in [-1, 1]; always finite.
    pub gain: f32,
    /// Expected output tokens, at least 1, as if the request set no limit: how long a terse model's
    /// answer is may be told from what a limit would have cut.
    pub expected_output_tokens: u32,
    /// Where the request lies for the heads of single models.
    pub place: Place,
    /// What decided beside the text itself, for explanations.
    pub reading: Reading,
}

/// How a request was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// Whether the system instructions give the task.
    pub instructed: bool,
    /// Whether the work is light whatever the text is about, by the instructions or an end of the text.
    pub light: bool,
    /// Whether the answer is the text in another form.
    pub gives_back: bool,
}

/// What the head of a single model looks at: difficulty and topics. All zeros by default, where
/// no text was read.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Place {
    pub(crate) difficulty: f32,
    pub(crate) topics: [f32; TOPICS],
}

/// Working memory of [`Scorer::score`], reused from request to request.
///
/// A bit per bucket (2 KiB): it stays in the first-level cache and is cheaper to clear than a
/// table of generation stamps is to read. 2 KiB of buckets that wait to be added up, and 4 KiB
/// of words that wait for a bucket. 3 KiB of what is read of system instructions.
#[derive(Debug, Clone)]
pub struct Scratch(Box<Working>);

#[derive(Debug, Clone)]
struct Working {
    distinct: Distinct,
    /// Of the system instructions.
    excerpt: Excerpt,
}

impl Scratch {
    /// Allocates the working memory once.
    #[must_use]
    pub fn new() -> Self {
        Self(Box::new(Working {
            distinct: Distinct::new(),
            excerpt: Excerpt::new(),
        }))
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
    /// Without the weights of the words, which are in `rows`.
    weights: Weights,
    rows: Vec<Row>,
    cues: &'static cues::CueTable,
    instructions: &'static instructions::Words,
    /// Checksum of the file; 0 for weights that were never written.
    checksum: u64,
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
        let scorer = Self {
            checksum: crate::weights::checksum(bytes),
            ..Self::from_weights(Weights::decode(bytes)?)
        };
        let mut scratch = Scratch::new();
        for (index, test) in scorer.weights.self_tests.iter().enumerate() {
            let segments = [test.text.as_str()];
            let input = ScoreInput {
                segments: &segments,
                ..ScoreInput::default()
            };
            let score = scorer.score(&input, &mut scratch);
            let tokens_apart = score
                .expected_output_tokens
                .abs_diff(test.expected_output_tokens);
            if (score.complexity - test.complexity).abs() > 1e-3
                || (score.gain - test.gain).abs() > 1e-3
                || tokens_apart > 1 + test.expected_output_tokens / 100
            {
                return Err(WeightsError::SelfTest { index });
            }
        }
        Ok(scorer)
    }

    pub(crate) fn from_weights(mut weights: Weights) -> Self {
        // Half a megabyte that is not needed twice.
        let words = std::mem::take(&mut weights.words);
        Self {
            rows: words.iter().map(Row::of).collect(),
            weights,
            cues: cues::table(),
            instructions: instructions::table(),
            checksum: 0,
        }
    }

    /// Scores a request. The text that is read is bounded (see `docs/scorer.md`): of a long prompt
    /// the head and the tail.
    #[must_use]
    pub fn score(&self, input: &ScoreInput<'_>, scratch: &mut Scratch) -> Score {
        let (mut heads, asked) = self.read(input.segments, scratch);
        let mut reading = Reading {
            instructed: false,
            light: asked.is_some_and(|given| given.light),
            gives_back: asked.is_some_and(|given| given.gives_back),
        };
        if !input.before.is_empty() {
            let (before, _) = self.read(input.before, scratch);
            blend(&mut heads, &before, BEFORE_SHARE);
        }
        if !input.instructions.is_empty() {
            let given = self.blend_task(&mut heads, input.instructions, scratch);
            reading.instructed = given.is_some();
            reading.light |= given.is_some_and(|given| given.light);
            reading.gives_back |= given.is_some_and(|given| given.gives_back);
        }
        let prior = input.shape.difficulty_prior();
        let difficulty = input.shape.seen(heads[Head::Difficulty as usize]) + prior;
        let mut log_tokens = heads[Head::OutputTokens as usize];
        if reading.gives_back {
            log_tokens = given_back::tokens(input.segments)
                .max(LEAST_GIVEN_BACK)
                .ln();
        }
        log_tokens += input.shape.output_prior();
        let gain = heads[Head::Gain as usize] + GAIN_PER_PRIOR * prior;
        let mut topics = [0.0; TOPICS];
        topics.copy_from_slice(&heads[NAMED_HEADS..]);
        Score {
            complexity: self.weights.quantiles.rank(difficulty),
            gain: if gain.is_finite() {
                gain.clamp(-1.0, 1.0)
            } else {
                0.0
            },
            expected_output_tokens: output_tokens(log_tokens),
            place: Place { difficulty, topics },
            reading,
        }
    }

    /// The raw value of every head for a text without a shape, and the work that one of its ends asks
    /// for.
    fn read(&self, segments: &[&str], scratch: &mut Scratch) -> ([f32; HEADS], Option<Given>) {
        let mut work = None;
        let distinct = &mut scratch.0.distinct;
        let (mut heads, seen) = self.heads_of(segments, distinct);
        let long = seen.bytes >= ends::LEAST_BYTES;
        if long || seen.may_be_light {
            let ends = Ends::of(segments);
            let ends = ends.segments();
            let [first, _, last] = ends;
            let asked =
                |end| instructions::asked_in(end, self.instructions).map(|given| (end, given));
            // An instruction alone ("Rewrite Hamlet as a film.") has no text that could come back.
            let with_a_text = |end: &str, given: Given| Given {
                gives_back: given.gives_back && seen.bytes as usize >= 2 * end.len(),
                ..given
            };
            let is_light = |asked: &(&str, Given)| asked.1.light;
            let head = asked(first);
            let either = || {
                let tail = asked(last);
                tail.filter(is_light).or(head).or(tail)
            };
            match head.filter(is_light).or_else(either) {
                // What the text is about matters little: only the end that asks is read once more.
                Some((end, given)) if given.light => {
                    work = Some(with_a_text(end, given));
                    let (end, _) = self.heads_of(&[end], distinct);
                    blend(&mut heads, &end, LIGHT_ENDS_SHARE);
                }
                asked => {
                    work = asked.map(|(end, given)| with_a_text(end, given));
                    if long {
                        let (ends, _) = self.heads_of(&ends, distinct);
                        blend(&mut heads, &ends, ENDS_SHARE);
                    }
                }
            }
        }
        (heads, work)
    }

    /// Lets system instructions count beside the text where they give the task, and tells it.
    fn blend_task(
        &self,
        heads: &mut [f32; HEADS],
        instructions: &[&str],
        scratch: &mut Scratch,
    ) -> Option<Given> {
        let Working { distinct, excerpt } = &mut *scratch.0;
        excerpt.read(instructions);
        let given = instructions::task_in(excerpt.text(), self.instructions)?;
        let (task, _) = self.heads_of(&[excerpt.text()], distinct);
        let share = if given.light {
            LIGHT_TASK_SHARE
        } else {
            TASK_SHARE
        };
        blend(heads, &task, share);
        Some(given)
    }

    /// The raw value of every head for one reading, and what was seen in it.
    fn heads_of(&self, segments: &[&str], distinct: &mut Distinct) -> ([f32; HEADS], Seen) {
        let sink = Accumulate::new(&self.rows);
        let scanned = scan_text(segments, distinct, self.cues, sink);
        let mut levels = [0_i32; LANES];
        let mut named = [0.0_f32; NAMED_HEADS];
        let mut weigh = |index: usize, feature: f32| {
            if let Some(weights) = self.weights.counters.get(index) {
                for (head, weight) in named.iter_mut().zip(weights) {
                    *head += feature * weight;
                }
            }
        };
        scanned.counts.each(|counted| {
            if let Some(row) = self.weights.bins.get(counted.first_level + counted.level) {
                for (sum, weight) in levels.iter_mut().zip(row.0) {
                    *sum += i32::from(weight);
                }
            }
            weigh(counted.index, counted.feature);
        });
        let derived = scanned.counts.derived(scanned.distinct);
        for (index, feature) in (COUNTERS - derived.len()..).zip(derived) {
            weigh(index, feature);
        }
        let norm = word_norm(scanned.distinct);
        let mut heads = self.weights.biases;
        for (index, head) in heads.iter_mut().enumerate() {
            *head += norm * self.weights.word_scales[index] * scanned.sink.sum(index) as f32
                + self.weights.bin_scales[index] * levels[index] as f32;
        }
        for (head, named) in heads.iter_mut().zip(named) {
            *head += named;
        }
        let cues = [Cue::Translation, Cue::Rewriting];
        let cues = cues.iter().map(|cue| scanned.counts.cue(*cue));
        let seen = Seen {
            bytes: scanned.counts.get(Count::Bytes),
            may_be_light: cues.sum::<u32>() > 0,
        };
        (heads, seen)
    }

    /// The heads of the models whose outcomes the weights were fitted on, by name.
    pub fn models(&self) -> impl Iterator<Item = &ModelHead> {
        self.weights.models.iter()
    }

    /// The head of one model.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&ModelHead> {
        self.weights.models.iter().find(|head| head.name == name)
    }

    /// Name of the weights, for logs and reports.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.weights.version
    }

    /// Name and checksum of the weights: what a head must have been fitted on to be used with
    /// them.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{}/{:016x}", self.weights.version, self.checksum)
    }

    /// Slope of the success probability over capability less complexity.
    pub(crate) fn slope(&self) -> f32 {
        self.weights.slope
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

/// What the shape's prior on the difficulty adds to the gain, per unit: a prior like it.
const GAIN_PER_PRIOR: f32 = 0.03;

/// Moves every head towards that of another reading, which counts `share`.
fn blend(heads: &mut [f32; HEADS], other: &[f32; HEADS], share: f32) {
    for (head, other) in heads.iter_mut().zip(other) {
        *head += share * (other - *head);
    }
}

/// Tokens of the shortest text that comes back.
const LEAST_GIVEN_BACK: f32 = 8.0;

/// What was seen of a text beside its heads.
struct Seen {
    /// Bytes other than white space.
    bytes: u32,
    /// Whether it has a word of light work.
    may_be_light: bool,
}

/// What a text consists of, for training: the same passes as scoring, written down.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Extracted {
    /// Distinct buckets, ascending, each with its value: what a weight of 1 would add to a head.
    pub(crate) words: Vec<(u16, f32)>,
    pub(crate) counters: [f32; COUNTERS],
    /// First row and level of every count that is not 0, with the value of each level.
    pub(crate) levels: Vec<(u16, u16, f32)>,
}

pub(crate) fn extract(text: &str, scratch: &mut Scratch) -> Extracted {
    let mut extracted = Extracted {
        words: Vec::new(),
        counters: [0.0; COUNTERS],
        levels: Vec::new(),
    };
    if extracted.add(&[text], 1.0, scratch) < ends::LEAST_BYTES {
        return extracted;
    }
    extracted.scale(1.0 - ENDS_SHARE);
    extracted.add(&Ends::of(&[text]).segments(), ENDS_SHARE, scratch);
    extracted
}

impl Extracted {
    /// Adds what a text consists of, which has the share `share`; returns its bytes.
    fn add(&mut self, segments: &[&str], share: f32, scratch: &mut Scratch) -> u32 {
        let sink = Collect {
            buckets: Vec::new(),
        };
        let scanned = scan_text(segments, &mut scratch.0.distinct, cues::table(), sink);
        let counters = scanned.counts.features(scanned.distinct);
        for (counter, more) in self.counters.iter_mut().zip(counters) {
            *counter += share * more;
        }
        scanned.counts.each(|counted| {
            let narrow = |value: usize| u16::try_from(value).unwrap_or(u16::MAX);
            let (first, level) = (narrow(counted.first_level), narrow(counted.level));
            self.levels.push((first, level, share));
        });
        let value = share * word_norm(scanned.distinct);
        for bucket in scanned.sink.buckets {
            self.words.push((bucket, value));
        }
        self.words.sort_by_key(|(bucket, _)| *bucket);
        self.words.dedup_by(|one, kept| {
            let same = one.0 == kept.0;
            kept.1 += if same { one.1 } else { 0.0 };
            same
        });
        scanned.counts.get(Count::Bytes)
    }

    fn scale(&mut self, share: f32) {
        let words = self.words.iter_mut().map(|(_, value)| value);
        let levels = self.levels.iter_mut().map(|(_, _, value)| value);
        for value in words.chain(levels).chain(&mut self.counters) {
            *value *= share;
        }
    }
}

fn scan_text<'a, S: Sink>(
    segments: &[&str],
    distinct: &'a mut Distinct,
    cues: &'static cues::CueTable,
    sink: S,
) -> Scan<'a, S> {
    let mut scan = Scan::new(distinct, cues, sink);
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
fn output_tokens(log_tokens: f32) -> u32 {
    log_tokens
        .exp()
        .clamp(1.0, MAX_EXPECTED_OUTPUT_TOKENS)
        .round() as u32
}

/// Writes the buckets down.
struct Collect {
    buckets: Vec<u16>,
}

impl Sink for Collect {
    fn buckets(&mut self, buckets: &[u16]) {
        self.buckets.extend_from_slice(buckets);
    }
}
