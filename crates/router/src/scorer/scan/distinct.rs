//! Which buckets a text has had.

use super::hash::{BUCKETS, bucket_of};

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
        let bucket = bucket_of(hash);
        let index = usize::from(bucket);
        let word = &mut self.seen[index / 64 % SEEN_WORDS];
        let new = !(*word >> (index % 64)) & 1;
        *word |= 1 << (index % 64);
        self.pending[waiting % PENDING] = bucket;
        waiting + new as usize
    }
}
