//! One pass over the text: words, pairs of words, characters and counters.
//!
//! Alphabets: a word is a run of letters and digits that starts with a letter, in lower case
//! (ASCII); a token is a word or a pair of neighbouring words. A number is one of four tokens by
//! its digits. Chinese, Japanese and Korean have no spaces: tokens are the character and the pair
//! of adjacent characters. White space and punctuation end tokens and are otherwise only counted.

use super::classes::{CLASSES, DIGIT, LOWER, PUNCTUATION, SPACE, UPPER, is_cjk, is_space};
use super::counters::{Count, Counts};
use super::cues::CueTable;

/// Buckets of the hashed words.
pub(crate) const BUCKETS: usize = 1 << BUCKET_BITS;
const BUCKET_BITS: u32 = 14;
/// Words of the set of seen buckets.
pub(super) const SEEN_WORDS: usize = BUCKETS / 64;
/// One bit per bucket.
pub(super) type Seen = [u64; SEEN_WORDS];

const SEED: u64 = 0xcbf2_9ce4_8422_2325;
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
const NUMBER: u64 = 0x6e75_6d62_6572_2300;

/// Receives each distinct bucket once.
pub(super) trait Sink {
    fn bucket(&mut self, bucket: u16);
}

/// What the reader is inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    Word,
    Number,
}

/// The state of the pass. [`Scan::feed`] may be called with any cut between characters.
#[derive(Debug)]
pub(super) struct Scan<'a, S> {
    seen: &'a mut Seen,
    cues: &'static CueTable,
    pub(super) sink: S,
    pub(super) counts: Counts,
    /// Distinct buckets so far.
    pub(super) distinct: u32,
    inside: Inside,
    hash: u64,
    length: u32,
    capital: bool,
    /// The word before, for the pair; `None` at the start and after a cut.
    previous: Option<u64>,
    /// The character before, if it was one of a script without spaces.
    previous_cjk: Option<u64>,
    /// Line breaks since the last character that was not white space.
    breaks: u32,
    line_start: bool,
}

impl<'a, S: Sink> Scan<'a, S> {
    pub(super) fn new(seen: &'a mut Seen, cues: &'static CueTable, sink: S) -> Self {
        Self {
            seen,
            cues,
            sink,
            counts: Counts::new(),
            distinct: 0,
            inside: Inside::Nothing,
            hash: SEED,
            length: 0,
            capital: false,
            previous: None,
            previous_cjk: None,
            breaks: 0,
            line_start: true,
        }
    }

    /// Reads the next part of the text.
    pub(super) fn feed(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if byte.is_ascii() {
                let class = CLASSES[usize::from(byte)];
                if matches!(class, LOWER | UPPER) {
                    at = self.word(bytes, at, class == UPPER);
                } else {
                    self.ascii(byte, class);
                    at += 1;
                }
            } else {
                let Some(character) = text.get(at..).and_then(|rest| rest.chars().next()) else {
                    return;
                };
                self.wide(character);
                at += character.len_utf8();
            }
        }
    }

    /// The text goes on elsewhere: nothing before is a neighbour of what comes.
    pub(super) fn cut(&mut self) {
        self.finish(0);
        self.previous = None;
        self.previous_cjk = None;
        self.breaks = 0;
        self.line_start = false;
    }

    /// The text is over.
    pub(super) fn end(&mut self) {
        self.finish(0);
    }

    #[inline]
    fn ascii(&mut self, byte: u8, class: u8) {
        match class {
            DIGIT => self.digit(byte),
            SPACE => {
                self.finish(byte);
                self.breaks += u32::from(byte == b'\n');
                self.previous_cjk = None;
            }
            _ => self.punctuation(byte, class),
        }
    }

    /// Reads the letters and digits from `at`, which is a letter, to their end; returns the end.
    #[inline]
    fn word(&mut self, bytes: &[u8], at: usize, capital: bool) -> usize {
        if self.inside != Inside::Word {
            self.finish(bytes.get(at).copied().unwrap_or_default());
            self.visible();
            self.inside = Inside::Word;
            self.capital = capital;
        }
        let (mut hash, mut end, mut digits) = (self.hash, at, 0);
        for &byte in bytes.get(at..).unwrap_or_default() {
            let class = CLASSES[usize::from(byte)];
            if class == LOWER || class == UPPER {
                hash = step(hash, byte | 0x20);
            } else if class == DIGIT {
                hash = step(hash, byte);
                digits += 1;
            } else {
                break;
            }
            end += 1;
        }
        self.hash = hash;
        self.length += u32::try_from(end - at).unwrap_or(u32::MAX);
        if digits > 0 {
            self.counts.add(Count::Digits, digits);
        }
        end
    }

    #[inline]
    fn digit(&mut self, byte: u8) {
        if self.inside == Inside::Nothing {
            self.visible();
            self.inside = Inside::Number;
        }
        if self.inside == Inside::Word {
            self.hash = step(self.hash, byte);
        }
        self.length += 1;
        self.counts.add(Count::Digits, 1);
    }

    fn punctuation(&mut self, byte: u8, class: u8) {
        self.finish(byte);
        self.visible();
        self.previous_cjk = None;
        self.counts.add(Count::Bytes, 1);
        if let Some(&count) = PUNCTUATION.get(usize::from(class)) {
            self.counts.add(count, 1);
        }
        if self.line_start && matches!(byte, b'-' | b'*') {
            self.counts.add(Count::Items, 1);
        }
        self.line_start = false;
    }

    fn wide(&mut self, character: char) {
        if is_space(character) {
            self.finish(b' ');
            self.previous_cjk = None;
            return;
        }
        if !is_cjk(character) && character.is_alphanumeric() {
            self.foreign_letter(character);
            return;
        }
        self.finish(b' ');
        self.visible();
        self.line_start = false;
        self.counts.add(Count::Bytes, 3);
        if is_cjk(character) {
            self.cjk(character);
            return;
        }
        self.previous_cjk = None;
        match character {
            '。' | '！' => self.counts.add(Count::Sentences, 1),
            '？' => self.counts.add(Count::Questions, 1),
            '，' | '、' => self.counts.add(Count::Commas, 1),
            '：' => self.counts.add(Count::Colons, 1),
            '；' => self.counts.add(Count::Semicolons, 1),
            '（' | '）' => self.counts.add(Count::Parentheses, 1),
            '“' | '”' | '‘' | '’' | '「' | '」' | '《' | '》' => {
                self.counts.add(Count::Quotes, 1);
            }
            // Arrows, mathematical operators and their supplements; superscripts; × and ÷.
            '\u{2190}'..='\u{22ff}' | '\u{2a00}'..='\u{2aff}' | '²' | '³' | '×' | '÷' | '±' => {
                self.counts.add(Count::Operators, 1);
            }
            _ => {}
        }
    }

    fn foreign_letter(&mut self, character: char) {
        if self.inside != Inside::Word {
            self.finish(b' ');
            self.visible();
            self.inside = Inside::Word;
            self.capital = character.is_uppercase();
        }
        let mut buffer = [0; 4];
        for &byte in character.encode_utf8(&mut buffer).as_bytes() {
            self.hash = step(self.hash, byte);
        }
        self.length += 1;
        self.counts.add(Count::OtherLetters, 1);
    }

    fn cjk(&mut self, character: char) {
        let hash = cjk_hash(character);
        self.counts.add(Count::Cjk, 1);
        self.token(hash);
        if let Some(previous) = self.previous_cjk {
            let pair = pair_hash(previous, hash);
            self.cue(pair);
            self.token(pair);
        }
        self.previous_cjk = Some(hash);
        self.previous = None;
    }

    /// The first character of something that is not white space: settles the line breaks before.
    #[inline]
    fn visible(&mut self) {
        if self.breaks > 0 {
            self.line_break();
        }
    }

    fn line_break(&mut self) {
        // Line breaks before the first character are padding.
        if self.counts.tokens > 0 {
            self.counts.add(Count::Lines, 1);
            self.counts
                .add(Count::Paragraphs, u32::from(self.breaks > 1));
        }
        self.breaks = 0;
        self.line_start = true;
    }

    /// Ends the word or number before `next`, if there is one.
    #[inline]
    fn finish(&mut self, next: u8) {
        if self.inside != Inside::Nothing {
            self.finish_token(next);
        }
    }

    fn finish_token(&mut self, next: u8) {
        let (inside, length) = (self.inside, self.length);
        let hash = self.hash.wrapping_mul(SPREAD);
        self.counts.add(Count::Bytes, length);
        self.inside = Inside::Nothing;
        self.hash = SEED;
        self.length = 0;
        self.previous_cjk = None;
        let line_start = std::mem::take(&mut self.line_start);
        let item_length = if inside == Inside::Word { 1 } else { 2 };
        if line_start && length <= item_length && matches!(next, b'.' | b')') {
            // The letter or number of a list's line says nothing about the task.
            self.counts.add(Count::Items, 1);
            return;
        }
        let token = if inside == Inside::Word {
            self.counts.letters += length;
            self.counts.add(Count::Words, 1);
            self.counts.add(Count::LongWords, u32::from(length >= 9));
            self.counts
                .add(Count::Capitals, u32::from(self.capital && !line_start));
            self.cue(hash);
            hash
        } else {
            self.counts.add(Count::Numbers, 1);
            self.counts.add(Count::LongNumbers, u32::from(length >= 4));
            NUMBER.wrapping_add(u64::from(length.min(4)))
        };
        self.token(token);
        if let Some(previous) = self.previous {
            self.token(pair_hash(previous, token));
        }
        self.previous = Some(token);
    }

    #[inline]
    fn cue(&mut self, hash: u64) {
        if let Some(cue) = self.cues.find(hash) {
            self.counts.add_cue(cue);
        }
    }

    #[inline(always)]
    fn token(&mut self, hash: u64) {
        self.counts.tokens += 1;
        let bucket = bucket_of(hash);
        let index = usize::from(bucket);
        let (word, bit) = (
            &mut self.seen[index / 64 % SEEN_WORDS],
            1_u64 << (index % 64),
        );
        if *word & bit == 0 {
            *word |= bit;
            self.distinct += 1;
            self.sink.bucket(bucket);
        }
    }
}

/// Two instructions a byte; what follows multiplies once a word.
#[inline]
fn step(hash: u64, byte: u8) -> u64 {
    hash.rotate_left(5) ^ u64::from(byte)
}

/// The hash of a cue: of a word in lower case, or of two characters of a script without spaces.
pub(super) fn cue_hash(cue: &str) -> u64 {
    let mut characters = cue.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(second)) if is_cjk(first) => {
            pair_hash(cjk_hash(first), cjk_hash(second))
        }
        _ => cue.bytes().fold(SEED, step).wrapping_mul(SPREAD),
    }
}

#[inline]
fn cjk_hash(character: char) -> u64 {
    (SEED ^ u64::from(u32::from(character))).wrapping_mul(SPREAD)
}

#[inline]
fn pair_hash(first: u64, second: u64) -> u64 {
    (first.rotate_left(23) ^ second).wrapping_mul(SPREAD)
}

#[inline]
fn bucket_of(hash: u64) -> u16 {
    let folded = hash ^ (hash >> 32);
    (folded.wrapping_mul(SPREAD) >> (64 - BUCKET_BITS)) as u16
}
