//! ASCII in blocks: the same features as byte by byte, without a guess at every byte.

use super::hash::{pair_hash, word_hash};
use super::masks::{BLOCK, Masks, WINDOW};
use super::{Scan, Sink};
use crate::scorer::classes::{CLASSES, PUNCTUATION};
use crate::scorer::counters::Count;

/// Fewer bytes are read faster one by one.
const WORTH: usize = 16;

impl<S: Sink> Scan<'_, S> {
    /// Reads words, numbers, punctuation and white space from the start of `text`; no word or
    /// number may be open. Returns the bytes read: 0 when a block is no gain here, or the text
    /// starts with a word or number that may go on where this cannot see it.
    pub(super) fn block(&mut self, text: &[u8]) -> usize {
        let length = ascii_ahead(text);
        if length < WORTH {
            return 0;
        }
        let mut padded = [b' '; WINDOW];
        let window = text.first_chunk().unwrap_or_else(|| {
            for (place, byte) in padded.iter_mut().zip(text) {
                *place = *byte;
            }
            &padded
        });
        let masks = Masks::of(window, length);
        if masks.limit == 0 {
            return 0;
        }
        self.previous_cjk = None;
        let visible = masks.words | masks.numbers | masks.punctuation;
        if visible == 0 {
            return self.blanks(text);
        }
        let pending = self.line_start || self.line_ended;
        let (mut items, mut firsts) = (0, 0);
        if pending || masks.line_breaks != 0 {
            firsts = masks.line_firsts(pending);
            items = self.lines(window, &masks, firsts);
        }
        let words = masks.words & !items;
        self.counts.add(Count::Bytes, visible.count_ones());
        self.counts.letters += words.count_ones();
        let word_starts = masks.word_starts & !items;
        self.counts.add(Count::Words, word_starts.count_ones());
        let capitals = masks.capitals & !firsts;
        self.counts.add(Count::Capitals, capitals.count_ones());
        self.counts.add(Count::Digits, masks.digits.count_ones());
        self.punctuation_of(window, masks.punctuation);
        self.tokens_of(window, &masks, masks.starts() & !items);
        masks.limit
    }

    /// Settles the lines that start in the block; returns the starts of words and numbers that
    /// are the letter or number of a list's line.
    fn lines(&mut self, window: &[u8; WINDOW], masks: &Masks, firsts: u64) -> u64 {
        let (mut items, mut left) = (0, firsts);
        while left != 0 {
            let at = left.trailing_zeros();
            let bit = left & left.wrapping_neg();
            left ^= bit;
            let before = masks.starts() & (bit - 1) & !items;
            if self.line_ended || masks.line_breaks & (bit - 1) != 0 {
                self.line_break(before != 0);
            }
            self.line_start = false;
            let byte = |at: u32| window.get(at as usize).copied().unwrap_or_default();
            let (run, longest) = if masks.numbers & bit != 0 {
                (masks.numbers, 2)
            } else {
                (masks.words, 1)
            };
            let length = (run >> at).trailing_ones();
            if length == 0 {
                self.counts
                    .add(Count::Items, u32::from(matches!(byte(at), b'-' | b'*')));
            } else if length <= longest && matches!(byte(at + length), b'.' | b')') {
                self.counts.add(Count::Items, 1);
                items |= bit;
            }
        }
        // A line break above the last of them has no character after it yet.
        self.line_ended |= masks.line_breaks > firsts;
        items
    }

    #[inline]
    fn punctuation_of(&mut self, window: &[u8; WINDOW], mut marks: u64) {
        while marks != 0 {
            let at = marks.trailing_zeros() as usize;
            marks &= marks - 1;
            let class = CLASSES[usize::from(window[at % BLOCK])];
            if let Some(&count) = PUNCTUATION.get(usize::from(class)) {
                self.counts.add(count, 1);
            }
        }
    }

    /// Words, numbers and pairs. What the loop changes at every word is kept in local variables,
    /// and nothing in it depends on the text but the length of long words and the numbers.
    #[inline]
    fn tokens_of(&mut self, window: &[u8; WINDOW], masks: &Masks, mut starts: u64) {
        self.make_room();
        let (mut waiting, mut long_words, mut candidates) = (self.waiting, 0, 0);
        self.counts.tokens += 2 * starts.count_ones();
        while starts != 0 {
            let at = starts.trailing_zeros();
            starts &= starts - 1;
            let digits = (masks.numbers >> at).trailing_ones();
            let token = if digits > 0 {
                self.number(digits)
            } else {
                let length = (masks.words >> at).trailing_ones();
                long_words += u32::from(length >= 9);
                let hash = word_hash(window, at as usize % BLOCK, length);
                self.candidates[candidates % BLOCK] = hash;
                candidates += usize::from(self.cues.may_have(hash));
                hash
            };
            waiting = self.tokens.note(token, waiting);
            match self.previous {
                Some(previous) => {
                    waiting = self.tokens.note(pair_hash(previous, token), waiting);
                }
                None => self.counts.tokens -= 1,
            }
            self.previous = Some(token);
        }
        self.waiting = waiting;
        self.counts.add(Count::LongWords, long_words);
        for index in 0..candidates {
            self.cue(self.candidates[index % BLOCK]);
        }
    }
}

/// Bytes at the start of the text that are ASCII, as far as a few looks tell.
#[inline]
fn ascii_ahead(text: &[u8]) -> usize {
    let ahead = text.get(..BLOCK).unwrap_or(text);
    if ahead.is_ascii() {
        return ahead.len();
    }
    let half = text.get(..BLOCK / 2).unwrap_or_default();
    if half.is_ascii() { half.len() } else { 0 }
}
