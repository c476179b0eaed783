//! Request ids: unique, unguessable enough for logs, free of locks.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Most bytes accepted of a client's own `x-request-id`.
const MAX_CLIENT_ID: usize = 128;

/// Makes ids that are unique within the process and differ between processes.
#[derive(Debug)]
pub struct RequestIds {
    seed: u64,
    next: AtomicU64,
}

impl Default for RequestIds {
    fn default() -> Self {
        Self {
            seed: RandomState::new().hash_one("steelyard"),
            next: AtomicU64::new(0),
        }
    }
}

impl RequestIds {
    /// A fresh id of 32 hexadecimal digits.
    pub fn fresh(&self) -> String {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        // Two different bijections of the counter: no two ids of a process are alike.
        let high = mix(self.seed.wrapping_add(count));
        let low = mix(self.seed.rotate_left(32) ^ count);
        format!("{high:016x}{low:016x}")
    }

    /// The client's own id where it sent a sane one, otherwise a fresh one.
    pub fn accept(&self, from_client: Option<&str>) -> String {
        match from_client {
            Some(id) if is_sane(id) => id.to_owned(),
            _ => self.fresh(),
        }
    }
}

fn is_sane(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    !id.is_empty() && id.len() <= MAX_CLIENT_ID && id.bytes().all(allowed)
}

/// The finaliser of SplitMix64: a bijection that spreads every bit.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_clients_may_bring_their_own() {
        let ids = RequestIds::default();
        let first = ids.fresh();
        assert_eq!(first.len(), 32);
        assert_ne!(first, ids.fresh());
        assert_eq!(ids.accept(Some("trace-1.a:b/c")), "trace-1.a:b/c");
        for refused in ["", "a b", "x\u{7f}", &"a".repeat(129)] {
            assert_ne!(ids.accept(Some(refused)), refused);
        }
    }
}
