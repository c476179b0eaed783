use std::num::NonZeroU32;
use std::sync::Arc;

use crate::RouteId;

/// A key that clients authenticate with. Only its hash is ever configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualKey {
    /// Its name in logs, metrics and limits.
    pub name: Arc<str>,
    /// SHA-256 of the whole key.
    pub sha256: [u8; 32],
    /// The routes it may use; `None` is all of them.
    pub routes: Option<Vec<RouteId>>,
    /// Whether it may name a model instead of a route.
    pub models: bool,
    /// Most requests in a minute; `None` is no limit.
    pub requests_per_minute: Option<NonZeroU32>,
}

impl VirtualKey {
    /// Whether it may use a route.
    #[must_use]
    pub fn allows_route(&self, route: RouteId) -> bool {
        self.routes
            .as_ref()
            .is_none_or(|routes| routes.contains(&route))
    }
}
