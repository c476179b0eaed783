//! The exact-match response cache: one per route that asks for it, bounded in bytes and in time.
//!
//! A key is the hash of the caller, the route and the request's bytes, so that nobody is ever given
//! an answer that was made for somebody else. Streams are kept as the frames that the client saw and
//! are replayed as such.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use steelyard_provider_adapter::Losses;
use steelyard_types::{Dialect, UnixMillis};

use crate::clock::Clock;

/// Bytes that an entry costs besides its body.
const ENTRY_OVERHEAD: usize = 256;
/// The largest share of a cache that one answer may take: one sixteenth.
const LARGEST_SHARE: u64 = 16;
/// The largest answer that any cache keeps. Every open stream of the route may be recorded up to it.
const LARGEST_ANSWER: u64 = 1 << 20;

/// Identifies a request within a route's cache.
pub type CacheKey = [u8; 32];

/// An answer that can be given again.
#[derive(Debug, Clone)]
pub struct CachedAnswer {
    /// The body, or the frames of the stream, as the client saw them.
    pub body: Bytes,
    /// Where in the frames the gateway's own words stand, which speak of one request only.
    pub extension: Option<Range<usize>>,
    /// Whether it is a stream.
    pub stream: bool,
    /// Name of the model that gave it.
    pub model: Arc<str>,
    /// Complexity of the request, where it was weighed.
    pub complexity: Option<f32>,
    /// What was lost of the request on the way to that model.
    pub lossy: Losses,
    /// Set when it is put into a cache.
    expires: UnixMillis,
}

impl CachedAnswer {
    /// A whole answer.
    #[must_use]
    pub fn whole(body: Bytes, model: &Arc<str>, complexity: Option<f32>) -> Self {
        let model = Arc::clone(model);
        Self {
            body,
            extension: None,
            stream: false,
            model,
            complexity,
            lossy: Losses::none(),
            expires: UnixMillis(0),
        }
    }

    /// The frames of a stream. `extension` is what the gateway itself wrote into them.
    #[must_use]
    pub fn frames(body: Bytes, extension: &str, model: &Arc<str>, complexity: Option<f32>) -> Self {
        let written = memchr::memmem::rfind(&body, extension.as_bytes());
        let extension = written.map(|start| start..start + extension.len());
        Self {
            extension,
            stream: true,
            ..Self::whole(body, model, complexity)
        }
    }

    /// The frames for another request: with its own words in place of those that were kept.
    #[must_use]
    pub fn replayed(&self, extension: &str) -> Bytes {
        let Some(kept) = &self.extension else {
            return self.body.clone();
        };
        let (before, behind) = (&self.body[..kept.start], &self.body[kept.end..]);
        Bytes::from([before, extension.as_bytes(), behind].concat())
    }
}

/// The cache of one route.
pub struct RouteCache {
    ttl_ms: u64,
    max_bytes: u64,
    clock: Arc<dyn Clock>,
    entries: Cache<CacheKey, Arc<CachedAnswer>>,
}

impl RouteCache {
    fn new(ttl_ms: u64, max_bytes: u64, clock: Arc<dyn Clock>) -> Self {
        let weight = |_: &CacheKey, answer: &Arc<CachedAnswer>| {
            u32::try_from(answer.body.len() + ENTRY_OVERHEAD).unwrap_or(u32::MAX)
        };
        let entries = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(weight)
            .build();
        Self {
            ttl_ms,
            max_bytes,
            clock,
            entries,
        }
    }

    /// The largest answer that it keeps, in bytes.
    #[must_use]
    pub fn largest_answer(&self) -> usize {
        usize::try_from((self.max_bytes / LARGEST_SHARE).min(LARGEST_ANSWER))
            .unwrap_or(usize::MAX)
            .saturating_sub(ENTRY_OVERHEAD)
    }

    /// The answer to that request, unless it has expired.
    #[must_use]
    pub fn get(&self, key: &CacheKey) -> Option<Arc<CachedAnswer>> {
        let answer = self.entries.get(key)?;
        if self.clock.now() < answer.expires {
            return Some(answer);
        }
        self.entries.invalidate(key);
        None
    }

    /// Keeps an answer, unless it is too large.
    pub fn put(&self, key: CacheKey, mut answer: CachedAnswer) {
        if answer.body.len() > self.largest_answer() {
            return;
        }
        let lifetime = i64::try_from(self.ttl_ms).unwrap_or(i64::MAX);
        answer.expires = UnixMillis(self.clock.now().0.saturating_add(lifetime));
        self.entries.insert(key, Arc::new(answer));
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.entries.run_pending_tasks();
        self.entries.weighted_size()
    }
}

/// The hash that identifies a request: who asks, in which dialect, of which route, and every byte of
/// what is asked. The same bytes can be a request of two dialects.
#[must_use]
pub fn cache_key(caller: &str, dialect: Dialect, route: &str, body: &[u8]) -> CacheKey {
    let dialect = dialect.as_str().as_bytes();
    let mut hash = Sha256::new();
    for part in [caller.as_bytes(), dialect, route.as_bytes(), body] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The caches of all routes; they survive a reload unless their settings change.
pub struct RouteCaches {
    clock: Arc<dyn Clock>,
    by_route: Mutex<HashMap<Arc<str>, Arc<RouteCache>>>,
}

impl RouteCaches {
    /// No caches yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            by_route: Mutex::default(),
        }
    }

    /// The cache of a route; a new and empty one where its settings changed.
    pub fn of(&self, route: &Arc<str>, ttl_ms: u64, max_bytes: u64) -> Arc<RouteCache> {
        let mut by_route = self.by_route.lock().unwrap_or_else(PoisonError::into_inner);
        match by_route.get(route) {
            Some(cache) if (cache.ttl_ms, cache.max_bytes) == (ttl_ms, max_bytes) => {
                Arc::clone(cache)
            }
            _ => {
                let cache = RouteCache::new(ttl_ms, max_bytes, Arc::clone(&self.clock));
                let cache = Arc::new(cache);
                by_route.insert(Arc::clone(route), Arc::clone(&cache));
                cache
            }
        }
    }

    /// Forgets the caches of routes that no longer have one.
    pub fn retain(&self, configured: impl Fn(&str) -> bool) {
        let mut by_route = self.by_route.lock().unwrap_or_else(PoisonError::into_inner);
        by_route.retain(|name, _| configured(name));
    }

    /// Bytes that all of them hold.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let by_route = self.by_route.lock().unwrap_or_else(PoisonError::into_inner);
        by_route.values().map(|cache| cache.bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::ManualClock;

    fn cache(max_bytes: u64) -> (Arc<ManualClock>, Arc<RouteCache>) {
        let clock = Arc::new(ManualClock::default());
        let caches = RouteCaches::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let cache = caches.of(&"auto".into(), 1_000, max_bytes);
        (clock, cache)
    }

    fn put(cache: &RouteCache, key: CacheKey, size: usize) {
        let body = Bytes::from(vec![0; size]);
        cache.put(key, CachedAnswer::whole(body, &"m".into(), Some(0.5)));
    }

    #[test]
    fn a_replayed_stream_speaks_of_its_own_request() {
        let frames = Bytes::from_static(b"data: {\"a\":1}\n\ndata: {\"steelyard\":{\"id\":1}}\n\n");
        let kept = CachedAnswer::frames(frames.clone(), "{\"id\":1}", &"m".into(), Some(0.5));
        let expected = "data: {\"a\":1}\n\ndata: {\"steelyard\":{\"id\":22}}\n\n";
        assert_eq!(kept.replayed("{\"id\":22}"), expected);
        let silent = CachedAnswer::frames(frames.clone(), "{\"id\":7}", &"m".into(), Some(0.5));
        assert_eq!(
            silent.replayed("{\"id\":22}"),
            frames,
            "usage was not asked for"
        );
    }

    #[test]
    fn answers_expire() {
        let (clock, cache) = cache(1 << 20);
        let key = cache_key("team", Dialect::OpenAiChat, "auto", b"{}");
        put(&cache, key, 10);
        clock.advance(Duration::from_millis(999));
        assert!(cache.get(&key).is_some());
        clock.advance(Duration::from_millis(1));
        assert!(cache.get(&key).is_none());
    }

    #[test]
    fn bytes_are_bounded() {
        let (_, cache) = cache(64 * 1024);
        for number in 0..200_u32 {
            put(
                &cache,
                cache_key("team", Dialect::OpenAiChat, "auto", &number.to_le_bytes()),
                3_000,
            );
        }
        assert!(cache.bytes() <= 64 * 1024, "{} bytes", cache.bytes());
        let too_large = cache_key("team", Dialect::OpenAiChat, "auto", b"large");
        put(&cache, too_large, cache.largest_answer() + 1);
        assert!(cache.get(&too_large).is_none());
    }

    #[test]
    fn dialects_do_not_share() {
        let keys = [Dialect::OpenAiChat, Dialect::AnthropicMessages]
            .map(|dialect| cache_key("team", dialect, "auto", b"{}"));
        assert_ne!(keys[0], keys[1]);
    }

    #[test]
    fn callers_do_not_share() {
        assert_ne!(
            cache_key("a", Dialect::OpenAiChat, "auto", b"{}"),
            cache_key("b", Dialect::OpenAiChat, "auto", b"{}")
        );
        assert_ne!(
            cache_key("a", Dialect::OpenAiChat, "bauto", b"{}"),
            cache_key("ab", Dialect::OpenAiChat, "auto", b"{}")
        );
    }
}
