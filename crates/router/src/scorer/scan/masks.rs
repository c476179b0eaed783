//! What each byte of a block of ASCII is, as bit masks: bit 3 of a mask speaks of byte 3.
//!
//! Sixteen bytes are classified at a time by plain arithmetic, so a word's end is found by counting
//! zeros and not by looking at one byte after the other: a processor guesses the end of such a
//! loop wrong at nearly every word.

/// Bytes that are classified together.
pub(super) const BLOCK: usize = 64;
/// A block, and what a read of eight bytes from within it can reach.
pub(super) const WINDOW: usize = BLOCK + 16;

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
        let mut classes = Classes::default();
        let (rows, _) = window.as_chunks::<ROW>();
        for (row, bits) in rows.iter().zip(&BITS) {
            classes.add(row, bits);
        }
        let (letters, digits) = (gather(&classes.letters), gather(&classes.digits));
        let (capitals, visible) = (gather(&classes.capitals), gather(&classes.visible));
        let line_breaks = gather(&classes.line_breaks);
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

    /// Where words and numbers have their last byte, in the order of [`Masks::starts`].
    pub(super) fn lasts(&self) -> u64 {
        let alphanumeric = self.words | self.numbers;
        let before_word = self.numbers & (self.word_starts >> 1);
        alphanumeric & !(alphanumeric >> 1) | before_word
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

/// Bytes that are classified by the same instructions.
const ROW: usize = 16;
/// The bit of every byte of a row in the masks, by row: byte `8 r + c` of the block has the bit `r`
/// of the mask's byte `c`.
const BITS: [[u8; ROW]; BLOCK / ROW] = {
    let mut bits = [[0; ROW]; BLOCK / ROW];
    let mut at = 0;
    while at < BLOCK {
        bits[at / ROW][at % ROW] = 1 << (at / 8);
        at += 1;
    }
    bits
};

/// Masks whose bits stand in columns: a byte of each half for every place in a group of eight.
#[derive(Default)]
struct Classes {
    letters: [u8; ROW],
    digits: [u8; ROW],
    capitals: [u8; ROW],
    visible: [u8; ROW],
    line_breaks: [u8; ROW],
}

impl Classes {
    /// Plain loops over arrays: the compiler makes vectors of them.
    #[inline]
    fn add(&mut self, row: &[u8; ROW], bits: &[u8; ROW]) {
        for (at, (&byte, &bit)) in row.iter().zip(bits).enumerate() {
            let within = |first: u8, last: u8| {
                let inside = byte.wrapping_sub(first) <= last - first;
                if inside { bit } else { 0 }
            };
            let capital = within(b'A', b'Z');
            self.capitals[at] |= capital;
            self.letters[at] |= capital | within(b'a', b'z');
            self.digits[at] |= within(b'0', b'9');
            self.visible[at] |= within(b'!', b'~');
            self.line_breaks[at] |= within(b'\n', b'\n');
        }
    }
}

/// Brings the bits of a mask into the order of the bytes that they speak of.
#[inline]
fn gather(columns: &[u8; ROW]) -> u64 {
    let (halves, _) = columns.as_chunks::<8>();
    let mask = halves
        .iter()
        .fold(0, |mask, half| mask | u64::from_le_bytes(*half));
    transpose(mask)
}

/// Swaps rows and columns of eight times eight bits: blocks of one, two and four bits in turn.
#[inline]
const fn transpose(mut bits: u64) -> u64 {
    let ones = (bits ^ (bits >> 7)) & 0x00aa_00aa_00aa_00aa;
    bits ^= ones ^ (ones << 7);
    let twos = (bits ^ (bits >> 14)) & 0x0000_cccc_0000_cccc;
    bits ^= twos ^ (twos << 14);
    let fours = (bits ^ (bits >> 28)) & 0x0000_0000_f0f0_f0f0;
    bits ^ fours ^ (fours << 28)
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
