//! Hashes of words, characters and pairs.

use super::masks::{LOWER_CASE, WINDOW};
use crate::scorer::classes::is_cjk;

/// Buckets of the hashed words.
pub(crate) const BUCKETS: usize = 1 << BUCKET_BITS;
const BUCKET_BITS: u32 = 14;

/// The hash of an empty word.
pub(in crate::scorer) const SEED: u64 = 0xcbf2_9ce4_8422_2325;
pub(in crate::scorer) const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// The hash of a number without digits; those with digits follow it.
pub(in crate::scorer) const NUMBER: u64 = 0x6e75_6d62_6572_2300;

/// Two instructions a byte; what follows multiplies once a word.
#[inline]
pub(super) fn step(hash: u64, byte: u8) -> u64 {
    hash.rotate_left(5) ^ u64::from(byte)
}

/// The hash of a cue: of a word in lower case, or of two characters of a script without spaces.
pub(in crate::scorer) fn cue_hash(cue: &str) -> u64 {
    let mut characters = cue.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(second)) if is_cjk(first) => {
            pair_hash(cjk_hash(first), cjk_hash(second))
        }
        _ => cue.bytes().fold(SEED, step).wrapping_mul(SPREAD),
    }
}

#[inline]
pub(super) fn cjk_hash(character: char) -> u64 {
    (SEED ^ u64::from(u32::from(character))).wrapping_mul(SPREAD)
}

#[inline]
pub(super) fn pair_hash(first: u64, second: u64) -> u64 {
    (first.rotate_left(23) ^ second).wrapping_mul(SPREAD)
}

#[inline]
pub(in crate::scorer) fn bucket_of(hash: u64) -> u16 {
    let folded = hash ^ (hash >> 32);
    (folded.wrapping_mul(SPREAD) >> (64 - BUCKET_BITS)) as u16
}

/// The hash of the word of `length` letters and digits at `at`: every byte in lower case stepped
/// in, but eight at a time.
#[inline]
pub(super) fn word_hash(window: &[u8; WINDOW], mut at: usize, mut length: u32) -> u64 {
    let eight = |at: usize| {
        let bytes = window.get(at..).and_then(<[u8]>::first_chunk::<8>);
        u64::from_be_bytes(bytes.copied().unwrap_or_default()) | LOWER_CASE
    };
    let mut hash = SEED;
    while length > 8 {
        hash = hash.rotate_left(40) ^ steps(eight(at));
        at += 8;
        length -= 8;
    }
    let rest = eight(at) >> ((64 - 8 * length) % 64);
    (hash.rotate_left(5 * length) ^ steps(rest)).wrapping_mul(SPREAD)
}

/// What up to eight bytes, the last one lowest, add to a hash: [`step`] rotates and
/// adds without carry, so the bytes can be brought to their places five bits apart in pairs, then
/// in fours.
#[inline]
fn steps(bytes: u64) -> u64 {
    let twos = (bytes & 0x00ff_00ff_00ff_00ff) ^ ((bytes & 0xff00_ff00_ff00_ff00) >> 3);
    let fours = (twos & 0x0000_ffff_0000_ffff) ^ ((twos & 0xffff_0000_ffff_0000) >> 6);
    (fours & 0xffff_ffff) ^ (fours >> 32 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scorer::scan::masks::BLOCK;

    #[test]
    fn eight_bytes_at_a_time_hash_as_one_by_one() {
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
}
