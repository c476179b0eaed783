//! Which buckets a text has had.

use super::hash::{BUCKETS, bucket_of, pair_hash};
use crate::scorer::cues::CueFilter;

/// Words of the set of seen buckets: one bit per bucket.
const SEEN_WORDS: usize = BUCKETS / 64;
/// Buckets that wait for the sink: the reader is not held up by the sink's table.
pub(super) const PENDING: usize = 1024;
/// Words that wait to be noted, so that many are noted in one loop.
pub(super) const LIST: usize = 256;

/// The buckets that a text has had, and those that the sink has not.
#[derive(Debug, Clone)]
pub(in crate::scorer) struct Distinct {
    seen: [u64; SEEN_WORDS],
    pending: [u16; PENDING],
    /// Hashes of words and numbers that follow one another.
    list: [u64; LIST],
    /// Those that passed the filter of the cues.
    candidates: [u64; LIST],
}

impl Distinct {
    pub(in crate::scorer) const fn new() -> Self {
        Self {
            seen: [0; SEEN_WORDS],
            pending: [0; PENDING],
            list: [0; LIST],
            candidates: [0; LIST],
        }
    }

    /// Forgets what was seen.
    pub(super) fn clear(&mut self) {
        self.seen.fill(0);
    }

    /// The first `waiting` buckets.
    pub(super) fn pending(&self, waiting: usize) -> &[u16] {
        self.pending.get(..waiting).unwrap_or_default()
    }

    /// Puts the hash's bucket at the end of the `waiting` ones, where it stays if it is new;
    /// returns how many wait then. No branch: whether a word is new cannot be guessed.
    #[inline(always)]
    pub(super) fn note(&mut self, hash: u64, waiting: usize) -> usize {
        self.note_bucket(bucket_of(hash), waiting)
    }

    #[inline(always)]
    fn note_bucket(&mut self, bucket: u16, waiting: usize) -> usize {
        let index = usize::from(bucket);
        let word = &mut self.seen[index / 64 % SEEN_WORDS];
        let bit = 1 << (index % 64);
        let new = *word & bit == 0;
        *word |= bit;
        self.pending[waiting % PENDING] = bucket;
        waiting + usize::from(new)
    }

    /// Puts a word's hash into the list, at a place below [`LIST`].
    #[inline(always)]
    pub(super) fn list(&mut self, place: usize, hash: u64) {
        self.list[place % LIST] = hash;
    }

    /// Notes the first `count` words of the list and their pairs, the first with `previous`.
    /// Returns the last word, how many buckets wait then, and how many words may be cues.
    pub(super) fn note_list(
        &mut self,
        count: usize,
        mut previous: u64,
        cues: &CueFilter,
        mut waiting: usize,
    ) -> (u64, usize, usize) {
        let mut found = 0;
        for place in 0..count {
            let hash = self.list[place % LIST];
            let bucket = bucket_of(hash);
            self.candidates[found % LIST] = hash;
            found += usize::from(cues.may_have(bucket));
            waiting = self.note_bucket(bucket, waiting);
            waiting = self.note(pair_hash(previous, hash), waiting);
            previous = hash;
        }
        (previous, waiting, found)
    }

    /// The first `found` words that may be cues.
    pub(super) fn candidates(&self, found: usize) -> &[u64] {
        self.candidates.get(..found).unwrap_or_default()
    }
}
