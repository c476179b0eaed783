//! The gateway as a whole: the configuration in force, and what outlives it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderValue};
use steelyard_types::Dialect;

use crate::pipeline::Exchange;
use crate::runtime::Runtime;
use crate::settings::Settings;
use crate::snapshot::Snapshot;

/// A running gateway.
pub struct Gateway {
    /// Listeners and bounds; fixed for the life of the process.
    pub settings: Settings,
    /// What outlives a reload.
    pub runtime: Arc<Runtime>,
    /// The configuration in force.
    pub snapshot: ArcSwap<Snapshot>,
    /// What became of the last reload.
    pub reload: ArcSwap<ReloadStatus>,
}

/// What became of the last attempt to load the policy.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct ReloadStatus {
    /// Whether it was put in force.
    pub successful: bool,
    /// When it was tried, RFC 3339.
    pub at: String,
    /// What was wrong with it, as `policy check` prints it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Gateway {
    /// Begins to record a request under the configuration in force. `dialect` is the one that the
    /// client is answered in.
    pub(crate) fn begin(
        &self,
        dialect: Dialect,
        endpoint: &'static str,
        headers: &HeaderMap,
    ) -> Exchange {
        let client_id = headers
            .get("x-request-id")
            .and_then(|value| value.to_str().ok());
        let mut exchange = Exchange::begin(
            Arc::clone(&self.runtime),
            self.snapshot.load_full(),
            dialect,
            endpoint,
            client_id,
        );
        if dialect == Dialect::AnthropicMessages {
            exchange.beta = joined(headers, "anthropic-beta");
        }
        exchange
    }
}

/// The values of a header that is a list, however many times it was sent.
fn joined(headers: &HeaderMap, name: &str) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let mut all = values.next()?.as_bytes().to_vec();
    for value in values {
        all.push(b',');
        all.extend_from_slice(value.as_bytes());
    }
    HeaderValue::from_bytes(&all).ok()
}
