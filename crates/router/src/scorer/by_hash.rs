//! Values by the hash of a word, found with one look in most cases.

/// Far more slots than any table has words, so that a free one comes soon.
pub(super) const SLOTS: usize = 4096;

/// Hashes at their slot or after it, with a value each.
#[derive(Debug)]
pub(super) struct ByHash<V> {
    /// 0 is a free slot.
    hashes: [u64; SLOTS],
    values: [V; SLOTS],
}

impl<V: Copy + Default> ByHash<V> {
    pub(super) fn new() -> Self {
        Self {
            hashes: [0; SLOTS],
            values: [V::default(); SLOTS],
        }
    }

    /// A hash that has a value keeps it.
    pub(super) fn insert(&mut self, hash: u64, value: V) {
        for slot in slots(hash) {
            if self.hashes[slot] == hash {
                return;
            }
            if self.hashes[slot] == 0 {
                self.hashes[slot] = hash;
                self.values[slot] = value;
                return;
            }
        }
    }

    #[inline]
    pub(super) fn find(&self, hash: u64) -> Option<V> {
        let slot = slots(hash).find(|slot| [hash, 0].contains(&self.hashes[*slot]))?;
        (self.hashes[slot] == hash && hash != 0).then_some(self.values[slot])
    }
}

/// Every slot, from the hash's own.
#[inline]
fn slots(hash: u64) -> impl Iterator<Item = usize> {
    let own = (hash >> 32) as usize;
    (0..SLOTS).map(move |step| own.wrapping_add(step) % SLOTS)
}
