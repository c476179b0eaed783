//! The weights file: layout, checks, and the file that ships.
//!
//! All numbers are little-endian.
//!
//! | field | type |
//! | --- | --- |
//! | magic `STLYSCOR` | 8 bytes |
//! | format, features version, heads, buckets, counters, bins, knots, self-tests, models | 9 × u32 |
//! | slope of the success probability | f32 |
//! | version name | u16 length, UTF-8 |
//! | constants of the heads, scales of the words, scales of the bins | f32 × heads, each |
//! | word weights, heads interleaved | i8 × buckets × heads |
//! | weights of the levels of counts, heads interleaved | i16 × bins × heads |
//! | counter weights of the named heads, interleaved | f32 × counters × 3 |
//! | knots of the quantile map | f32 × knots |
//! | self-tests | (u16 length, UTF-8, f32 complexity, f32 gain, u32 tokens) each |
//! | models | (u16 length, UTF-8, u32 outcomes, f32 capability, constant and prior, f32 × topics) each |
//! | FNV-1a of everything before | u64 |

use thiserror::Error;

use crate::scorer::{
    BINS, BUCKETS, COUNTERS, FEATURES_VERSION, HEADS, LANES, NAMED_HEADS, Score, TOPICS, sigmoid,
};

/// Upper bound of a weights file.
pub const MAX_WEIGHTS_BYTES: usize = 512 * 1024;

/// The file that ships.
pub(crate) static SHIPPED: &[u8] = include_bytes!("../../../config/scorer.bin");

const MAGIC: &[u8; 8] = b"STLYSCOR";
const FORMAT: u32 = 2;
/// Knots of the quantile map: the quantiles 0, 1/64, ... 1.
pub(crate) const KNOTS: usize = 65;
const MAX_SELF_TESTS: u32 = 64;
const MAX_MODELS: u32 = 512;

/// Why bytes are not usable as weights.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file is larger than [`MAX_WEIGHTS_BYTES`].
    #[error("weights file has {bytes} bytes, more than the limit of {MAX_WEIGHTS_BYTES}")]
    TooLarge {
        /// Size of the file.
        bytes: usize,
    },
    /// The file does not start with the magic bytes.
    #[error("not a scorer weights file")]
    Magic,
    /// The file ends within a field.
    #[error("weights file ends early")]
    Truncated,
    /// The file has bytes after its last field.
    #[error("weights file has {bytes} bytes too many")]
    Trailing {
        /// Surplus bytes.
        bytes: usize,
    },
    /// The checksum does not match.
    #[error("weights file is damaged: wrong checksum")]
    Checksum,
    /// A dimension differs from what this version computes.
    #[error("weights file has {field} {found}, this version needs {expected}")]
    Dimension {
        /// Name of the dimension.
        field: &'static str,
        /// Value in the file.
        found: u32,
        /// Value of this version.
        expected: u32,
    },
    /// A number that must be finite, positive or ascending is not.
    #[error("weights file has an impossible {field}")]
    Value {
        /// Name of the field.
        field: &'static str,
    },
    /// A text is not UTF-8.
    #[error("weights file has text that is not UTF-8")]
    Text,
    /// A self-test gives another score than the file expects.
    #[error("self-test {index} of the weights file gives another score than expected")]
    SelfTest {
        /// Position of the test in the file.
        index: usize,
    },
}

/// A decoded weights file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weights {
    pub(crate) version: String,
    /// Slope of the success probability over capability minus complexity.
    pub(crate) slope: f32,
    /// Constant of every head.
    pub(crate) biases: [f32; HEADS],
    /// One unit of a word weight, per head.
    pub(crate) word_scales: [f32; HEADS],
    /// One unit of a bin's weight, per head.
    pub(crate) bin_scales: [f32; HEADS],
    /// One row per bucket.
    pub(crate) words: Vec<WordRow>,
    /// One row per level of every count: what all levels up to it add.
    pub(crate) bins: Vec<BinRow>,
    pub(crate) counters: [[f32; NAMED_HEADS]; COUNTERS],
    pub(crate) quantiles: Quantiles,
    pub(crate) self_tests: Vec<SelfTest>,
    pub(crate) models: Vec<ModelHead>,
}

/// Weights of a bucket for all heads.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(32))]
pub(crate) struct WordRow(pub(crate) [i8; LANES]);

/// Weights of a level of a count for all heads.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub(crate) struct BinRow(pub(crate) [i16; LANES]);

/// The head of one model whose outcomes the weights were fitted on:
/// `P(success) = sigmoid(constant - prior * difficulty + topics · directions)`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelHead {
    /// The model, as the data names it.
    pub name: String,
    /// Outcomes that it was fitted on.
    pub outcomes: u32,
    /// Its place on the complexity scale, were that all that is known of it.
    pub capability: f32,
    pub(crate) constant: f32,
    /// Part of the shared difficulty.
    pub(crate) prior: f32,
    pub(crate) directions: [f32; TOPICS],
}

impl ModelHead {
    /// Chance that this model's answer to the scored request is good enough, in [0, 1].
    #[must_use]
    pub fn success(&self, score: &Score) -> f32 {
        let topics = self.directions.iter().zip(score.place.topics);
        let own: f32 = topics.map(|(direction, topic)| direction * topic).sum();
        let chance = sigmoid(self.constant - self.prior * score.place.difficulty + own);
        if chance.is_finite() { chance } else { 0.5 }
    }
}

/// A text and the score that the weights must give it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SelfTest {
    pub(crate) text: String,
    pub(crate) complexity: f32,
    pub(crate) gain: f32,
    pub(crate) expected_output_tokens: u32,
}

/// Maps a difficulty logit to its quantile: piecewise linear, strictly ascending between the
/// first and the last knot, clamped outside.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quantiles([f32; KNOTS]);

impl Quantiles {
    /// Checks that the knots are finite and strictly ascending.
    pub(crate) fn new(knots: [f32; KNOTS]) -> Option<Self> {
        let finite = knots
            .iter()
            .all(|knot| knot.is_finite() && knot.abs() < 1e6);
        let ascending = knots.iter().zip(&knots[1..]).all(|(low, high)| low < high);
        (finite && ascending).then_some(Self(knots))
    }

    /// The quantile of a logit; 0.5 for not-a-number.
    pub(crate) fn rank(&self, logit: f32) -> f32 {
        if logit.is_nan() {
            return 0.5;
        }
        let above = self.0.partition_point(|knot| *knot <= logit);
        let (Some(low), Some(high)) = (
            above.checked_sub(1).and_then(|index| self.0.get(index)),
            self.0.get(above),
        ) else {
            return if above == 0 { 0.0 } else { 1.0 };
        };
        let share = (logit - low) / (high - low);
        (((above - 1) as f32 + share) / (KNOTS - 1) as f32).clamp(0.0, 1.0)
    }
}

impl Weights {
    /// Reads a file. Self-tests are decoded, not run.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WeightsError> {
        if bytes.len() > MAX_WEIGHTS_BYTES {
            return Err(WeightsError::TooLarge { bytes: bytes.len() });
        }
        if !bytes.starts_with(MAGIC) {
            return Err(WeightsError::Magic);
        }
        let (body, sum) = bytes
            .split_last_chunk::<8>()
            .ok_or(WeightsError::Truncated)?;
        let mut reader = Reader {
            rest: body.get(MAGIC.len()..).ok_or(WeightsError::Truncated)?,
        };
        // The format first: another format may keep its checksum elsewhere.
        reader.dimension("format", FORMAT)?;
        if fnv1a(body) != u64::from_le_bytes(*sum) {
            return Err(WeightsError::Checksum);
        }
        reader.dimension("features version", FEATURES_VERSION)?;
        reader.dimension("heads", size(HEADS))?;
        reader.dimension("buckets", size(BUCKETS))?;
        reader.dimension("counters", size(COUNTERS))?;
        reader.dimension("bins", size(BINS))?;
        reader.dimension("knots", size(KNOTS))?;
        let self_tests = reader.u32()?;
        let models = reader.u32()?;
        if models > MAX_MODELS {
            return Err(WeightsError::Value {
                field: "number of models",
            });
        }
        if self_tests > MAX_SELF_TESTS {
            return Err(WeightsError::Value {
                field: "number of self-tests",
            });
        }
        let slope = reader.finite("slope")?;
        if slope <= 0.0 {
            return Err(WeightsError::Value { field: "slope" });
        }
        let version = reader.text()?;
        let biases = reader.floats("constant")?;
        let word_scales = reader.floats("word scale")?;
        let bin_scales = reader.floats("bin scale")?;
        let words = (0..BUCKETS)
            .map(|_| {
                let mut row = [0; LANES];
                for (weight, byte) in row.iter_mut().zip(reader.take::<HEADS>()?) {
                    *weight = i8::from_le_bytes([byte]);
                }
                Ok(WordRow(row))
            })
            .collect::<Result<_, WeightsError>>()?;
        let bins = (0..BINS)
            .map(|_| {
                let mut row = [0; LANES];
                for weight in row.iter_mut().take(HEADS) {
                    *weight = i16::from_le_bytes(reader.take()?);
                }
                Ok(BinRow(row))
            })
            .collect::<Result<_, WeightsError>>()?;
        let mut counters = [[0.0; NAMED_HEADS]; COUNTERS];
        for weights in &mut counters {
            *weights = reader.floats("counter weight")?;
        }
        let mut knots = [0.0; KNOTS];
        for knot in &mut knots {
            *knot = reader.finite("knot")?;
        }
        let quantiles = Quantiles::new(knots).ok_or(WeightsError::Value { field: "knot" })?;
        let self_tests = (0..self_tests)
            .map(|_| reader.self_test())
            .collect::<Result<_, WeightsError>>()?;
        let models = (0..models)
            .map(|_| reader.model())
            .collect::<Result<_, WeightsError>>()?;
        match reader.rest.len() {
            0 => Ok(Self {
                version,
                slope,
                biases,
                word_scales,
                bin_scales,
                words,
                bins,
                counters,
                quantiles,
                self_tests,
                models,
            }),
            bytes => Err(WeightsError::Trailing { bytes }),
        }
    }

    /// Writes a file that [`Weights::decode`] reads. Texts past 65,535 bytes are cut.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let dimensions = [
            HEADS,
            BUCKETS,
            COUNTERS,
            BINS,
            KNOTS,
            self.self_tests.len(),
            self.models.len(),
        ];
        for number in [FORMAT, FEATURES_VERSION]
            .into_iter()
            .chain(dimensions.map(size))
        {
            out.extend(number.to_le_bytes());
        }
        put_floats(&mut out, &[self.slope]);
        put_text(&mut out, &self.version);
        for floats in [&self.biases, &self.word_scales, &self.bin_scales] {
            put_floats(&mut out, floats);
        }
        for row in &self.words {
            let weights = row.0.iter().take(HEADS);
            out.extend(weights.flat_map(|weight| weight.to_le_bytes()));
        }
        for row in &self.bins {
            let weights = row.0.iter().take(HEADS);
            out.extend(weights.flat_map(|weight| weight.to_le_bytes()));
        }
        put_floats(&mut out, self.counters.as_flattened());
        put_floats(&mut out, &self.quantiles.0);
        for test in &self.self_tests {
            put_text(&mut out, &test.text);
            put_floats(&mut out, &[test.complexity, test.gain]);
            out.extend(test.expected_output_tokens.to_le_bytes());
        }
        for model in &self.models {
            put_text(&mut out, &model.name);
            out.extend(model.outcomes.to_le_bytes());
            put_floats(&mut out, &[model.capability, model.constant, model.prior]);
            put_floats(&mut out, &model.directions);
        }
        out.extend(fnv1a(&out).to_le_bytes());
        out
    }
}

/// Takes fields from the front.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], WeightsError> {
        let (field, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(WeightsError::Truncated)?;
        self.rest = rest;
        Ok(*field)
    }

    fn u32(&mut self) -> Result<u32, WeightsError> {
        self.take().map(u32::from_le_bytes)
    }

    fn dimension(&mut self, field: &'static str, expected: u32) -> Result<(), WeightsError> {
        match self.u32()? {
            found if found == expected => Ok(()),
            found => Err(WeightsError::Dimension {
                field,
                found,
                expected,
            }),
        }
    }

    fn finite(&mut self, field: &'static str) -> Result<f32, WeightsError> {
        let value = self.take().map(f32::from_le_bytes)?;
        // The bound keeps every sum of products finite.
        if value.is_finite() && value.abs() <= 1e6 {
            Ok(value)
        } else {
            Err(WeightsError::Value { field })
        }
    }

    fn floats<const N: usize>(&mut self, field: &'static str) -> Result<[f32; N], WeightsError> {
        let mut floats = [0.0; N];
        for float in &mut floats {
            *float = self.finite(field)?;
        }
        Ok(floats)
    }

    fn model(&mut self) -> Result<ModelHead, WeightsError> {
        Ok(ModelHead {
            name: self.text()?,
            outcomes: self.u32()?,
            capability: self.finite("capability")?,
            constant: self.finite("constant of a model")?,
            prior: self.finite("prior of a model")?,
            directions: self.floats("direction of a model")?,
        })
    }

    fn text(&mut self) -> Result<String, WeightsError> {
        let length = usize::from(u16::from_le_bytes(self.take()?));
        let (text, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(WeightsError::Truncated)?;
        self.rest = rest;
        std::str::from_utf8(text)
            .map(str::to_owned)
            .map_err(|_| WeightsError::Text)
    }

    fn self_test(&mut self) -> Result<SelfTest, WeightsError> {
        Ok(SelfTest {
            text: self.text()?,
            complexity: self.finite("self-test")?,
            gain: self.finite("self-test")?,
            expected_output_tokens: self.u32()?,
        })
    }
}

/// The checksum that a file ends with; 0 for what is too short to be one.
pub(crate) fn checksum(file: &[u8]) -> u64 {
    file.last_chunk::<8>()
        .map_or(0, |sum| u64::from_le_bytes(*sum))
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    out.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend(text.as_bytes());
}

fn put_floats(out: &mut Vec<u8>, floats: &[f32]) {
    out.extend(floats.iter().flat_map(|float| float.to_le_bytes()));
}

fn size(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Against accidents, not against an attacker: whoever can write the file can choose the weights.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
