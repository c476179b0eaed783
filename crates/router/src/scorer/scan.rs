//! One pass over the text: words, pairs of words, characters and counters.
//!
//! Alphabets: a word is a run of letters and digits that starts with a letter, in lower case
//! (ASCII); a token is a word or a pair of neighbouring words. A number is one of four tokens by
//! its digits. Chinese, Japanese and Korean have no spaces: tokens are the character and the pair
//! of adjacent characters. White space and punctuation end tokens and are otherwise only counted.

mod block;
mod distinct;
mod hash;
mod masks;

use super::blank;
use super::classes::{CLASSES, DIGIT, LOWER, PUNCTUATION, SPACE, UPPER, is_cjk, is_space};
use super::counters::{Count, Counts};
use super::cues::CueTable;
pub(super) use distinct::Distinct;
use distinct::{LIST, PENDING};
pub(crate) use hash::BUCKETS;
pub(super) use hash::NUMBER;
#[cfg(test)]
pub(super) use hash::{CHARACTER, SEED, SPREAD};
use hash::{WordHasher, cjk_hash, pair_hash};
pub(super) use hash::{bucket_of, cjk_pairs, cue_hash, lower_hash};

/// Receives each distinct bucket once.
pub(super) trait Sink {
    fn buckets(&mut self, buckets: &[u16]);
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
    tokens: &'a mut Distinct,
    /// Buckets in `tokens` that the sink has not had.
    waiting: usize,
    cues: &'static CueTable,
    /// Words and numbers in the list of `tokens` that are not yet noted.
    listed: usize,
    pub(super) sink: S,
    pub(super) counts: Counts,
    /// Distinct buckets that the sink has had: after the end all.
    pub(super) distinct: u32,
    inside: Inside,
    word: WordHasher,
    length: u32,
    capital: bool,
    /// The word before, for the pair; `None` at the start and after a cut.
    previous: Option<u64>,
    /// The character before, if it was one of a script without spaces.
    previous_cjk: Option<u64>,
    /// Whether a line ended since the last character that was not white space.
    line_ended: bool,
    line_start: bool,
}

impl<'a, S: Sink> Scan<'a, S> {
    pub(super) fn new(tokens: &'a mut Distinct, cues: &'static CueTable, sink: S) -> Self {
        tokens.clear();
        Self {
            tokens,
            waiting: 0,
            cues,
            listed: 0,
            sink,
            counts: Counts::new(),
            distinct: 0,
            inside: Inside::Nothing,
            word: WordHasher::new(),
            length: 0,
            capital: false,
            previous: None,
            previous_cjk: None,
            line_ended: false,
            line_start: true,
        }
    }

    /// Reads the next part of the text.
    pub(super) fn feed(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if byte.is_ascii() {
                if self.inside == Inside::Nothing {
                    let read = self.block(bytes.get(at..).unwrap_or_default());
                    at += read;
                    if read > 0 {
                        continue;
                    }
                }
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
                if is_cjk(character) {
                    self.cjk(character);
                } else if is_space(character) {
                    at += self.blanks(bytes.get(at..).unwrap_or_default());
                    continue;
                } else {
                    self.wide(character);
                }
                at += character.len_utf8();
            }
        }
    }

    /// The text goes on elsewhere: nothing before is a neighbour of what comes.
    pub(super) fn cut(&mut self) {
        self.finish(0);
        self.note_list();
        self.previous = None;
        self.previous_cjk = None;
        self.line_ended = false;
        self.line_start = false;
    }

    /// The text is over.
    pub(super) fn end(&mut self) {
        self.finish(0);
        self.note_list();
        self.hand_over();
    }

    /// Makes room for the tokens of a full list.
    #[inline]
    fn make_room(&mut self) {
        if self.waiting > PENDING - 2 * LIST {
            self.hand_over();
        }
    }

    /// Notes the listed words, their pairs and the cues among them.
    #[inline]
    fn note_list(&mut self) {
        if self.listed > 0 {
            self.note_words();
        }
    }

    fn note_words(&mut self) {
        self.make_room();
        // Without a word before it, a word is its own pair: no other bucket.
        let previous = self.previous.unwrap_or_default();
        let (last, waiting, found) =
            self.tokens
                .note_list(self.listed, previous, self.cues.filter(), self.waiting);
        self.waiting = waiting;
        self.previous = Some(last);
        self.listed = 0;
        for hash in self.tokens.candidates(found) {
            if let Some(cue) = self.cues.find(*hash) {
                self.counts.add_cue(cue);
            }
        }
    }

    fn hand_over(&mut self) {
        self.sink.buckets(self.tokens.pending(self.waiting));
        self.distinct += u32::try_from(self.waiting).unwrap_or(u32::MAX);
        self.waiting = 0;
    }

    #[inline]
    fn ascii(&mut self, byte: u8, class: u8) {
        match class {
            DIGIT => self.digit(byte),
            SPACE => {
                self.finish(byte);
                self.line_ended |= byte == b'\n';
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
        let (mut end, mut digits) = (at, 0);
        for &byte in bytes.get(at..).unwrap_or_default() {
            let class = CLASSES[usize::from(byte)];
            if !matches!(class, LOWER | UPPER | DIGIT) {
                break;
            }
            digits += u32::from(class == DIGIT);
            self.word.push(byte.to_ascii_lowercase());
            end += 1;
        }
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
            self.word.push(byte);
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

    /// Skips the white space at the start of the text; returns its bytes.
    fn blanks(&mut self, text: &[u8]) -> usize {
        self.finish(b' ');
        self.previous_cjk = None;
        let blanks = text.get(..blank::leading(text)).unwrap_or_default();
        self.line_ended = self.line_ended || blanks.contains(&b'\n');
        blanks.len()
    }

    /// A character past ASCII that is neither white space nor of a script without spaces.
    fn wide(&mut self, character: char) {
        let count = wide_mark(character);
        // Asked second: the marks above are usual, and to know all letters takes a search.
        if count.is_none() && character.is_alphanumeric() {
            self.foreign_letter(character);
            return;
        }
        self.wide_visible();
        self.previous_cjk = None;
        if let Some(count) = count {
            self.counts.add(count, 1);
        }
    }

    fn foreign_letter(&mut self, character: char) {
        if self.inside != Inside::Word {
            self.finish(b' ');
            self.visible();
            self.inside = Inside::Word;
            self.capital = character.is_uppercase();
        }
        for lower in character.to_lowercase() {
            for &byte in lower.encode_utf8(&mut [0; 4]).as_bytes() {
                self.word.push(byte);
            }
        }
        self.length += 1;
        self.counts.add(Count::OtherLetters, 1);
    }

    /// What all characters past ASCII have in common that are no letters of an alphabet.
    #[inline]
    fn wide_visible(&mut self) {
        self.finish(b' ');
        self.visible();
        self.line_start = false;
        self.counts.add(Count::Bytes, 3);
    }

    fn cjk(&mut self, character: char) {
        self.wide_visible();
        self.note_list();
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

    /// The first character of something that is not white space: settles the end of a line before.
    #[inline]
    fn visible(&mut self) {
        if self.line_ended {
            self.line_break(false);
        }
    }

    /// Counts the line that ended; `before` says that a token stood before it which is not yet
    /// counted.
    fn line_break(&mut self, before: bool) {
        // Line breaks before the first character are padding.
        if before || self.counts.tokens > 0 {
            self.counts.add(Count::Lines, 1);
        }
        self.line_ended = false;
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
        self.counts.add(Count::Bytes, length);
        self.inside = Inside::Nothing;
        self.length = 0;
        self.previous_cjk = None;
        let hash = if inside == Inside::Word {
            self.word.finish()
        } else {
            0
        };
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
            hash
        } else {
            self.number(length)
        };
        self.follow(token);
    }

    /// The token of a number.
    fn number(&mut self, digits: u32) -> u64 {
        self.counts.add(Count::Numbers, 1);
        self.counts.add(Count::LongNumbers, u32::from(digits >= 4));
        NUMBER.wrapping_add(u64::from(digits.min(4)))
    }

    /// Lists a word or number, which has a pair with the one before.
    #[inline]
    fn follow(&mut self, token: u64) {
        if self.listed == LIST {
            self.note_list();
        }
        let alone = self.listed == 0 && self.previous.is_none();
        self.counts.tokens += if alone { 1 } else { 2 };
        self.tokens.list(self.listed, token);
        self.listed += 1;
    }

    #[inline]
    fn cue(&mut self, hash: u64) {
        if self.cues.filter().may_have(bucket_of(hash))
            && let Some(cue) = self.cues.find(hash)
        {
            self.counts.add_cue(cue);
        }
    }

    #[inline]
    fn token(&mut self, hash: u64) {
        self.make_room();
        self.counts.tokens += 1;
        self.waiting = self.tokens.note(hash, self.waiting);
    }
}

/// What a mark past ASCII counts as; none of these is a letter or digit.
fn wide_mark(character: char) -> Option<Count> {
    Some(match character {
        '。' | '！' => Count::Sentences,
        '？' => Count::Questions,
        '，' | '、' => Count::Commas,
        '：' => Count::Colons,
        '；' => Count::Semicolons,
        '（' | '）' => Count::Parentheses,
        '“' | '”' | '‘' | '’' | '「' | '」' | '《' | '》' => Count::Quotes,
        // Arrows, mathematical operators and their supplements.
        '\u{2190}'..='\u{22ff}' | '\u{2a00}'..='\u{2aff}' | '×' | '÷' | '±' => Count::Operators,
        _ => return None,
    })
}
