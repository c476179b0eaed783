//! What each byte of a block of ASCII is, as bit masks: bit 3 of a mask speaks of byte 3.
//!
//! Eight bytes are classified at a time by plain arithmetic, so a word's end is found by counting
//! zeros and not by looking at one byte after the other: a processor guesses the end of such a
//! loop wrong at nearly every word.

/// Bytes that are classified together.
pub(super) const BLOCK: usize = 64;
/// A block, and what a read of eight bytes from within it can reach.
pub(super) const WINDOW: usize = BLOCK + 16;

const HIGH: u64 = all(0x80);
/// The bit by which an ASCII letter in lower case differs; digits have it too.
pub(super) const LOWER_CASE: u64 = all(0x20);

/// A block, cut before a word or number that touches its end.
#[derive(Debug, Default)]
pub(super) struct Masks {
    /// Bytes that the masks speak of.
    pub(super) limit: usize,
    /// Letters, and digits after a letter.
    pub(super) words: u64,
    pub(super) word_starts: u64,
    /// Digits that no letter stands before.
    pub(super) numbers: u64,
    pub(super) number_starts: u64,
    pub(super) digits: u64,
    pub(super) capitals: u64,
    /// Visible bytes that are neither letter nor digit.
    pub(super) punctuation: u64,
    pub(super) spaces: u64,
    pub(super) line_breaks: u64,
}

impl Masks {
    /// Classifies the first `length` bytes of the window, at most [`BLOCK`]: they are ASCII and do
    /// not start within a word.
    #[inline]
    pub(super) fn of(window: &[u8; WINDOW], length: usize) -> Self {
        let [
            mut letters,
            mut digits,
            mut capitals,
            mut visible,
            mut line_breaks,
        ] = [0_u64; 5];
        let (chunks, _) = window.as_chunks::<8>();
        for chunk in chunks.iter().take(BLOCK / 8) {
            // Bytes past ASCII lie after `length`; without their high bit they disturb no other.
            let ascii = u64::from_le_bytes(*chunk) & !HIGH;
            let lower = ascii | LOWER_CASE;
            let letter = from(lower, b'a') & !from(lower, b'z' + 1);
            letters = append(letters, letter);
            // Bit 5 is clear in a capital; two places up it is the byte's high bit.
            capitals = append(capitals, letter & !(ascii << 2));
            digits = append(digits, from(ascii, b'0') & !from(ascii, b'9' + 1));
            visible = append(visible, from(ascii, b' ' + 1) & !from(ascii, 0x7f));
            line_breaks = append(line_breaks, HIGH & !from(ascii ^ all(b'\n'), 1));
        }
        let alphanumeric = letters | digits;
        let limit = limit(alphanumeric, length);
        if limit == 0 {
            return Self::default();
        }
        let within = u64::MAX >> (BLOCK - limit);
        let alphanumeric = alphanumeric & within;
        let digits = digits & within;
        let number_starts = digits & !(alphanumeric << 1);
        // The carry runs through the digits that follow the start, and clears them.
        let numbers = digits & !digits.wrapping_add(number_starts);
        let words = alphanumeric & !numbers;
        let word_starts = words & !(words << 1);
        Self {
            limit,
            words,
            word_starts,
            numbers,
            number_starts,
            digits,
            capitals: capitals & word_starts,
            punctuation: visible & !alphanumeric & within,
            spaces: !visible & within,
            line_breaks: line_breaks & within,
        }
    }

    /// Where words and numbers start.
    pub(super) fn starts(&self) -> u64 {
        self.word_starts | self.number_starts
    }

    /// Visible bytes before which a line starts. `pending` says that one has already started
    /// before the block.
    pub(super) fn line_firsts(&self, pending: bool) -> u64 {
        // The carry of a line break runs through the white space after it.
        let carried = self.spaces.wrapping_add(self.line_breaks);
        carried.wrapping_add(u64::from(pending)) & (self.words | self.numbers | self.punctuation)
    }
}

/// The bytes that can be read: without a word or number that may go on after them.
#[inline]
fn limit(alphanumeric: u64, length: usize) -> usize {
    match BLOCK.checked_sub(length) {
        Some(BLOCK) | None => 0,
        Some(beyond) => length - ((alphanumeric << beyond).leading_ones() as usize).min(length),
    }
}

/// The byte in all eight places.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The high bit of every byte that is at least `least`; `bytes` are ASCII.
#[inline]
const fn from(bytes: u64, least: u8) -> u64 {
    // No byte carries into the next: 0x7f + 0x80 fits.
    (bytes + all(0x80 - least)) & HIGH
}

/// The mask with the eight high bits as its new upper end: the product brings them side by side.
#[inline]
const fn append(mask: u64, high: u64) -> u64 {
    mask >> 8 | high.wrapping_mul(0x0002_0408_1020_4081) & 0xff00_0000_0000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_where_a_letter_comes_and_words_do_not() {
        let mut window = [b' '; WINDOW];
        window[..14].copy_from_slice(b"12ab3 X9-77\n\nx");
        let masks = Masks::of(&window, 64);
        assert_eq!(masks.numbers, 0b00_0110_0000_0011);
        assert_eq!(masks.words, 0b10_0000_1101_1100);
        assert_eq!(masks.word_starts, 0b10_0000_0100_0100);
        assert_eq!(masks.number_starts, 0b00_0010_0000_0001);
        assert_eq!(masks.capitals, 0b00_0000_0100_0000);
        assert_eq!(masks.punctuation, 0b00_0001_0000_0000);
        assert_eq!(masks.line_breaks, 0b01_1000_0000_0000);
        assert_eq!(masks.line_firsts(false), 0b10_0000_0000_0000);
        assert_eq!(masks.line_firsts(true), 0b10_0000_0000_0001);
    }

    #[test]
    fn a_block_ends_before_what_may_go_on() {
        let mut window = [b'a'; WINDOW];
        assert_eq!(Masks::of(&window, 64).limit, 0);
        window[10] = b' ';
        assert_eq!(Masks::of(&window, 64).limit, 11);
        assert_eq!(Masks::of(&window, 11).limit, 11);
        assert_eq!(Masks::of(&window, 10).limit, 0);
        window[63] = b'.';
        assert_eq!(Masks::of(&window, 64).limit, 64);
        assert_eq!(Masks::of(&window, 0).limit, 0);
    }

    #[test]
    fn every_byte_has_the_class_of_the_table() {
        use crate::scorer::classes::{CLASSES, DIGIT, LOWER, SPACE, UPPER};
        for byte in 0..128_u8 {
            let mut window = [b' '; WINDOW];
            window[5] = byte;
            let masks = Masks::of(&window, 64);
            let class = CLASSES[usize::from(byte)];
            let letter = matches!(class, LOWER | UPPER);
            assert_eq!(masks.words == 32, letter, "{byte}");
            assert_eq!(masks.capitals == 32, class == UPPER, "{byte}");
            assert_eq!(masks.numbers == 32, class == DIGIT, "{byte}");
            assert_eq!(masks.spaces & 32 == 32, class == SPACE, "{byte}");
            assert_eq!(masks.line_breaks == 32, byte == b'\n', "{byte}");
            let other = !letter && !matches!(class, DIGIT | SPACE);
            assert_eq!(masks.punctuation == 32, other, "{byte}");
        }
    }
}
