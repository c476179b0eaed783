//! The counters: what a text contains, apart from its words.

use std::sync::LazyLock;

use super::cues::CUES;

/// What is counted while reading. A cue's counter follows at `Count::SIMPLE + cue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Count {
    /// Bytes other than white space.
    Bytes,
    Words,
    /// Words of nine letters and more.
    LongWords,
    /// Words that start with a capital, not at the start of a line.
    Capitals,
    Digits,
    Numbers,
    /// Numbers of four digits and more.
    LongNumbers,
    /// Lines after the first: runs of white space with a line break, however many it has.
    Lines,
    /// Lines that start with `A.`, `2)`, `-` or `*`.
    Items,
    Sentences,
    Questions,
    Commas,
    Colons,
    Parentheses,
    Brackets,
    Semicolons,
    Quotes,
    Backticks,
    Dollars,
    Backslashes,
    Underscores,
    /// `=`, `<`, `>`, `+`, `*`, `/`, `^`, `|`, `&`, `%` and mathematical signs past ASCII.
    Operators,
    /// Letters past ASCII that are neither Chinese, Japanese nor Korean.
    OtherLetters,
    /// Chinese, Japanese and Korean characters.
    Cjk,
}

impl Count {
    pub(super) const SIMPLE: usize = Self::Cjk as usize + 1;
}

const RAW: usize = Count::SIMPLE + CUES;
/// Places of a list of counts: a power of two, so that a place is a mask and no division.
const PLACES: usize = RAW.next_power_of_two();
/// Features that are computed from several counts.
const DERIVED: [&str; 6] = [
    "bias",
    "bytes_past_100",
    "bytes_past_400",
    "bytes_past_1200",
    "word_length",
    "distinct_share",
];
/// Features beside the words.
pub(crate) const COUNTERS: usize = RAW + DERIVED.len();

/// Counts of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counts {
    raw: [u32; RAW],
    /// Letters of words in alphabets, for the mean length of a word.
    pub(super) letters: u32,
    /// Words, pairs and characters, repeated ones too.
    pub(super) tokens: u32,
}

impl Counts {
    pub(super) const fn new() -> Self {
        Self {
            raw: [0; RAW],
            letters: 0,
            tokens: 0,
        }
    }

    #[inline]
    pub(super) fn add(&mut self, count: Count, amount: u32) {
        self.raw[count as usize] += amount;
    }

    #[inline]
    pub(super) fn add_cue(&mut self, cue: u8) {
        let index = Count::SIMPLE + usize::from(cue);
        if let Some(count) = self.raw.get_mut(index) {
            *count += 1;
        }
    }

    pub(super) fn get(&self, count: Count) -> u32 {
        self.raw[count as usize]
    }

    pub(super) fn cue(&self, cue: super::cues::Cue) -> u32 {
        self.raw[Count::SIMPLE + cue as usize]
    }

    /// The features: logarithms, so that ten commas are not ten times one comma.
    pub(super) fn features(&self, distinct: u32) -> [f32; COUNTERS] {
        let mut features = [0.0; COUNTERS];
        self.each(|counted| features[counted.index] = counted.feature);
        features[RAW..].copy_from_slice(&self.derived(distinct));
        features
    }

    /// The features that are computed from several counts: those past the counts.
    pub(super) fn derived(&self, distinct: u32) -> [f32; DERIVED.len()] {
        let bytes = log1p(logarithms(), self.raw[Count::Bytes as usize]);
        let words = self.raw[Count::Words as usize];
        [
            1.0,
            (bytes - 4.6).max(0.0),
            (bytes - 6.0).max(0.0),
            (bytes - 7.1).max(0.0),
            // Without a word of an alphabet: the usual length, so that Chinese is not an outlier.
            if words == 0 {
                4.5
            } else {
                (self.letters as f32 / words as f32).min(12.0)
            },
            if self.tokens == 0 {
                1.0
            } else {
                distinct as f32 / self.tokens as f32
            },
        ]
    }
}

/// A count that is not 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    /// Position among the features.
    pub(super) index: usize,
    pub(super) feature: f32,
    /// Row of the count's first level in the table of bins.
    pub(super) first_level: usize,
    /// The level that it has reached.
    pub(super) level: usize,
}

/// Levels of a count that has fine bins: four to an octave, up to 2^13.
const FINE_LEVELS: usize = 53;
/// Levels of any other count: 0, 1, 2-3, 4-7, ... 256 and more.
const COARSE_LEVELS: usize = 10;
/// The first counts, bytes and words, have fine bins.
const FINE: usize = 2;
/// Levels of all counts: the rows of the table of bins.
pub(crate) const BINS: usize = FINE * FINE_LEVELS + (RAW - FINE) * COARSE_LEVELS;

impl Counts {
    /// Visits every count that is not 0, in order. They are listed first: which ones they are
    /// cannot be guessed, how many of them there are, but once.
    #[inline]
    pub(super) fn each(&self, mut visit: impl FnMut(Counted)) {
        let (mut list, mut length) = ([0_u8; PLACES], 0);
        for (index, &count) in (0_u8..).zip(&self.raw) {
            list[length % PLACES] = index;
            length += usize::from(count > 0);
        }
        let logarithms = logarithms();
        for &index in list.get(..length).unwrap_or_default() {
            let index = usize::from(index);
            let Some(&count) = self.raw.get(index) else {
                continue;
            };
            let (first_level, level) = if index < FINE {
                (index * FINE_LEVELS, fine_level(count))
            } else {
                let level = (u32::BITS - count.leading_zeros()) as usize;
                let first = FINE * FINE_LEVELS + (index - FINE) * COARSE_LEVELS;
                (first, level.min(COARSE_LEVELS - 1))
            };
            visit(Counted {
                index,
                feature: log1p(logarithms, count),
                first_level,
                level,
            });
        }
    }
}

/// The rows of a count, by the row of its first level.
pub(crate) fn bin_groups() -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..RAW).map(|index| {
        if index < FINE {
            index * FINE_LEVELS..(index + 1) * FINE_LEVELS
        } else {
            let first = FINE * FINE_LEVELS + (index - FINE) * COARSE_LEVELS;
            first..first + COARSE_LEVELS
        }
    })
}

#[inline]
fn fine_level(count: u32) -> usize {
    let octave = u32::BITS - 1 - count.leading_zeros();
    let quarter = ((u64::from(count) << 2) >> octave) & 3;
    (1 + 4 * octave as usize + quarter as usize).min(FINE_LEVELS - 1)
}

/// Names of the features, for reports.
pub(crate) fn counter_names() -> impl Iterator<Item = String> {
    const NAMES: [&str; Count::SIMPLE] = [
        "bytes",
        "words",
        "long_words",
        "capitals",
        "digits",
        "numbers",
        "long_numbers",
        "lines",
        "items",
        "sentences",
        "questions",
        "commas",
        "colons",
        "parentheses",
        "brackets",
        "semicolons",
        "quotes",
        "backticks",
        "dollars",
        "backslashes",
        "underscores",
        "operators",
        "other_letters",
        "cjk",
    ];
    let cues = super::cues::names().map(|name| format!("cue_{name}"));
    NAMES
        .iter()
        .map(ToString::to_string)
        .chain(cues)
        .chain(DERIVED.iter().map(ToString::to_string))
}

/// ln(1 + n) of the usual counts.
#[inline]
fn logarithms() -> &'static [f32] {
    static LOGARITHMS: LazyLock<Vec<f32>> =
        LazyLock::new(|| (0..TABLE).map(|count| (1.0 + count as f32).ln()).collect());
    const TABLE: u32 = 4096;
    &LOGARITHMS
}

/// ln(1 + n), from the table if it is there.
#[inline]
fn log1p(logarithms: &[f32], count: u32) -> f32 {
    match logarithms.get(count as usize) {
        Some(log) => *log,
        None => (1.0 + count as f32).ln(),
    }
}
