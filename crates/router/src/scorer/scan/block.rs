//! ASCII in blocks: the same features as byte by byte, without a guess at every byte.

use super::distinct::LIST;
use super::hash::{NUMBER, word_hash};
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
        let (mut items, mut firsts) = (Items::default(), 0);
        if pending || masks.line_breaks != 0 {
            firsts = masks.line_firsts(pending);
            items = self.lines(window, &masks, firsts);
        }
        let words = masks.words & !items.starts;
        self.counts.add(Count::Bytes, visible.count_ones());
        self.counts.letters += words.count_ones();
        let word_starts = masks.word_starts & !items.starts;
        self.counts.add(Count::Words, word_starts.count_ones());
        let capitals = masks.capitals & !firsts;
        self.counts.add(Count::Capitals, capitals.count_ones());
        if masks.digits != 0 {
            self.counts.add(Count::Digits, masks.digits.count_ones());
            let numbers = masks.number_starts & !items.starts;
            self.counts.add(Count::Numbers, numbers.count_ones());
        }
        self.punctuation_of(window, masks.punctuation);
        self.tokens_of(window, &masks, &items);
        masks.limit
    }

    /// Settles the lines that start in the block; returns the words and numbers that are the
    /// letter or number of a list's line.
    fn lines(&mut self, window: &[u8; WINDOW], masks: &Masks, firsts: u64) -> Items {
        let (mut items, mut left) = (Items::default(), firsts);
        while left != 0 {
            let at = left.trailing_zeros();
            let bit = left & left.wrapping_neg();
            left ^= bit;
            let before = masks.starts() & (bit - 1) & !items.starts;
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
                items.starts |= bit;
                items.lasts |= bit << (length - 1);
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

    /// Lists the words and numbers: in loops of their own, which fit the processor's registers.
    /// Nothing in them depends on the text but the length of long words.
    #[inline]
    fn tokens_of(&mut self, window: &[u8; WINDOW], masks: &Masks, items: &Items) {
        if self.listed > LIST - BLOCK {
            self.note_list();
        }
        let starts = masks.starts() & !items.starts;
        let lasts = masks.lasts() & !items.lasts;
        let tokens = 2 * starts.count_ones();
        // The first word has no pair.
        let alone = starts != 0 && self.listed == 0 && self.previous.is_none();
        self.counts.tokens += tokens - u32::from(alone);
        if masks.numbers == 0 {
            self.list_all::<false>(window, masks, starts, lasts);
        } else {
            let long = long_runs(masks.numbers, 4) & starts;
            self.counts.add(Count::LongNumbers, long.count_ones());
            self.list_all::<true>(window, masks, starts, lasts);
        }
        let long = long_runs(masks.words, 9) & starts;
        if long != 0 {
            self.counts.add(Count::LongWords, long.count_ones());
        }
    }

    /// Lists the hashes of the words that start and end there; there is room for a block.
    #[inline]
    fn list_all<const NUMBERS: bool>(
        &mut self,
        window: &[u8; WINDOW],
        masks: &Masks,
        mut starts: u64,
        mut lasts: u64,
    ) {
        let mut listed = self.listed;
        while starts != 0 {
            let at = starts.trailing_zeros();
            let length = lasts.trailing_zeros().wrapping_sub(at).wrapping_add(1);
            starts &= starts - 1;
            lasts &= lasts.wrapping_sub(1);
            let word = word_hash(window, at as usize % BLOCK, length);
            let hash = if NUMBERS {
                let is_number = (masks.numbers >> at & 1).wrapping_neg();
                let number = NUMBER + u64::from(length.min(4));
                word ^ ((word ^ number) & is_number)
            } else {
                word
            };
            self.tokens.list(listed, hash);
            listed += 1;
        }
        self.listed = listed;
    }
}

/// Where runs of at least `least` bytes start or go on; `least` is at most 16.
#[inline]
fn long_runs(mask: u64, least: u32) -> u64 {
    let twos = mask & (mask >> 1);
    let fours = twos & (twos >> 2);
    if least <= 4 {
        return fours;
    }
    let eights = fours & (fours >> 4);
    eights & (eights >> (least - 8))
}

/// Words and numbers that say nothing about the task.
#[derive(Debug, Default)]
struct Items {
    /// Their first bytes.
    starts: u64,
    /// Their last bytes.
    lasts: u64,
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
