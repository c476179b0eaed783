//! Hashes of words, characters and pairs.

use super::masks::{LOWER_CASE, WINDOW};
use crate::scorer::classes::is_cjk;

/// Buckets of the hashed words.
pub(crate) const BUCKETS: usize = 1 << BUCKET_BITS;
const BUCKET_BITS: u32 = 14;

/// No letter has the lowest byte of either, so neither factor of [`mix`] is 0 for a word.
pub(in crate::scorer) const SEED: u64 = 0xcbf2_9ce4_8422_2325;
pub(in crate::scorer) const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// Keeps a character of a script without spaces apart from the word with the same bytes.
pub(in crate::scorer) const CHARACTER: u64 = 0x243f_6a88_85a3_08d3;
/// The hash of a number without digits; those with digits follow it.
pub(in crate::scorer) const NUMBER: u64 = 0x6e75_6d62_6572_2300;

/// Bytes of a word that are mixed in together; after its end there are zeros, which no word has.
const GROUP: usize = 16;

/// The hash after one more group. Both halves of the product depend on every byte, so words that
/// differ in a pattern still have hashes that do not.
#[inline]
fn mix(hash: u64, low: u64, high: u64) -> u64 {
    let (low, high) = (hash ^ low ^ SEED, high ^ SPREAD);
    let upper = (u128::from(low) * u128::from(high)) >> 64;
    low.wrapping_mul(high) ^ upper as u64
}

/// The hash of a word whose bytes, in lower case, come one by one.
#[derive(Debug, Clone, Copy)]
pub(super) struct WordHasher {
    hash: u64,
    group: [u8; GROUP],
    /// Bytes in the group; fewer than [`GROUP`].
    filled: usize,
}

impl WordHasher {
    pub(super) const fn new() -> Self {
        Self {
            hash: 0,
            group: [0; GROUP],
            filled: 0,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        self.group[self.filled % GROUP] = byte;
        self.filled += 1;
        if self.filled == GROUP {
            self.mix_in();
        }
    }

    /// The hash of the bytes since the last call, of which there must be one.
    #[inline]
    pub(super) fn finish(&mut self) -> u64 {
        if self.filled > 0 {
            self.mix_in();
        }
        std::mem::take(&mut self.hash)
    }

    fn mix_in(&mut self) {
        let halves = self.group.as_chunks::<8>().0;
        if let [low, high] = halves {
            self.hash = mix(
                self.hash,
                u64::from_le_bytes(*low),
                u64::from_le_bytes(*high),
            );
        }
        self.group = [0; GROUP];
        self.filled = 0;
    }
}

/// The hash of the word of `length` letters and digits at `at` of the window: what [`WordHasher`]
/// makes of it, without looking at its bytes one by one.
#[inline]
pub(super) fn word_hash(window: &[u8; WINDOW], at: usize, length: u32) -> u64 {
    let hash = mix_group(0, window, at, length);
    if length > 16 {
        return rest_of_long_word(hash, window, at + GROUP, length - 16);
    }
    hash
}

#[cold]
fn rest_of_long_word(mut hash: u64, window: &[u8; WINDOW], mut at: usize, mut length: u32) -> u64 {
    loop {
        hash = mix_group(hash, window, at, length);
        if length <= 16 {
            return hash;
        }
        at += GROUP;
        length -= 16;
    }
}

/// Mixes in the first [`GROUP`] of the `length` bytes at `at`.
#[inline]
fn mix_group(hash: u64, window: &[u8; WINDOW], at: usize, length: u32) -> u64 {
    let eight = |at: usize| {
        let bytes = window.get(at..).and_then(<[u8]>::first_chunk::<8>);
        u64::from_le_bytes(bytes.copied().unwrap_or_default()) | LOWER_CASE
    };
    let [low, high] = KEPT[(length as usize).min(GROUP)];
    mix(hash, eight(at) & low, eight(at + 8) & high)
}

/// Masks that keep the first bytes of a group, by their number.
const KEPT: [[u64; 2]; GROUP + 1] = {
    let mut masks = [[0; 2]; GROUP + 1];
    let mut bytes = 1;
    while bytes <= GROUP {
        masks[bytes] = masks[bytes - 1];
        masks[bytes][(bytes - 1) / 8] |= 0xff << ((bytes - 1) % 8 * 8);
        bytes += 1;
    }
    masks
};

/// The hash of a cue: of a word in lower case, or of two characters of a script without spaces.
pub(in crate::scorer) fn cue_hash(cue: &str) -> u64 {
    let mut characters = cue.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(second)) if is_cjk(first) => {
            pair_hash(cjk_hash(first), cjk_hash(second))
        }
        _ => {
            let mut word = WordHasher::new();
            cue.bytes().for_each(|byte| word.push(byte));
            word.finish()
        }
    }
}

/// The hash of a word in any case.
pub(in crate::scorer) fn lower_hash(word: &str) -> u64 {
    let mut hasher = WordHasher::new();
    if word.is_ascii() {
        word.bytes()
            .for_each(|byte| hasher.push(byte.to_ascii_lowercase()));
        return hasher.finish();
    }
    for letter in word.chars().flat_map(char::to_lowercase) {
        let mut bytes = [0; 4];
        let bytes = letter.encode_utf8(&mut bytes).bytes();
        bytes.for_each(|byte| hasher.push(byte));
    }
    hasher.finish()
}

/// Hashes of the pairs of adjacent characters of scripts without spaces.
pub(in crate::scorer) fn cjk_pairs(text: &str) -> impl Iterator<Item = u64> {
    let mut before = None;
    text.chars().filter_map(move |character| {
        let this = is_cjk(character).then(|| cjk_hash(character));
        let first = std::mem::replace(&mut before, this)?;
        Some(pair_hash(first, this?))
    })
}

#[inline]
pub(super) fn cjk_hash(character: char) -> u64 {
    mix(CHARACTER, u64::from(u32::from(character)), 0)
}

#[inline]
pub(super) fn pair_hash(first: u64, second: u64) -> u64 {
    first.rotate_left(23) ^ second
}

#[inline]
pub(in crate::scorer) fn bucket_of(hash: u64) -> u16 {
    (hash.wrapping_mul(SPREAD) >> (64 - BUCKET_BITS)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scorer::scan::masks::BLOCK;

    #[test]
    fn sixteen_bytes_at_a_time_hash_as_one_by_one() {
        let text = b"Pneumonoultramicroscopicsilicovolcanoconiosis0123456789isaLongWord";
        let mut window = [b'.'; WINDOW];
        window[..text.len()].copy_from_slice(text);
        for start in 0..BLOCK {
            for end in start + 1..=BLOCK {
                let word = std::str::from_utf8(&window[start..end])
                    .unwrap()
                    .to_lowercase();
                let length = u32::try_from(end - start).unwrap();
                assert_eq!(word_hash(&window, start, length), cue_hash(&word), "{word}");
            }
        }
    }

    #[test]
    fn words_of_letters_and_digits_share_no_hash() {
        let mut hashes = std::collections::HashSet::new();
        let letters = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let mut words = 0;
        for first in letters {
            for second in letters {
                for third in letters {
                    let word = [*first, *second, *third];
                    let long = [b"internationalization".as_slice(), &word].concat();
                    for word in [&word[..], &long] {
                        hashes.insert(cue_hash(std::str::from_utf8(word).unwrap()));
                        words += 1;
                    }
                }
            }
        }
        assert_eq!(hashes.len(), words);
    }

    #[test]
    fn buckets_are_filled_evenly() {
        // As many words as buckets: of an even spread 1 - 1/e of the buckets have one.
        let mut seen = vec![false; BUCKETS];
        for number in 0..BUCKETS {
            let bucket = bucket_of(cue_hash(&format!("word{number}")));
            seen[usize::from(bucket)] = true;
        }
        let filled = seen.iter().filter(|seen| **seen).count();
        assert!(filled.abs_diff(BUCKETS * 632 / 1_000) < 200, "{filled}");
    }
}
