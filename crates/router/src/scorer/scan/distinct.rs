//! Which buckets a text has had.

use super::hash::{BUCKETS, bucket_of, pair_hash};
use super::masks::BLOCK;
use crate::scorer::cues::CueFilter;

/// Words of the set of seen buckets: one bit per bucket.
const SEEN_WORDS: usize = BUCKETS / 64;
/// Buckets that wait for the sink: the reader is not held up by the sink's table.
pub(super) const PENDING: usize = 1024;
/// The buckets that a text has had, and those that the sink has not.
#[derive(Debug, Clone)]
pub(in crate::scorer) struct Distinct {
    seen: [u64; SEEN_WORDS],
    pending: [u16; PENDING],
}

impl Distinct {
    pub(in crate::scorer) const fn new() -> Self {
        Self {
            seen: [0; SEEN_WORDS],
            pending: [0; PENDING],
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

    /// Notes the words of a block and their pairs, the first with `previous`. Puts the positions
    /// of those that may be cues into `candidates`; returns how many buckets wait then, and the
    /// number of candidates.
    #[inline]
    pub(super) fn note_words(
        &mut self,
        hashes: &[u64],
        mut previous: u64,
        cues: &CueFilter,
        candidates: &mut [u8; BLOCK],
        mut waiting: usize,
    ) -> (usize, usize) {
        let mut found = 0;
        for (at, hash) in (0..).zip(hashes) {
            let bucket = bucket_of(*hash);
            candidates[found % BLOCK] = at;
            found += usize::from(cues.may_have(bucket));
            waiting = self.note_bucket(bucket, waiting);
            waiting = self.note(pair_hash(previous, *hash), waiting);
            previous = *hash;
        }
        (waiting, found)
    }
}
