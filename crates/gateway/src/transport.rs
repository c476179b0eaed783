//! Connections to providers: the only module that knows which HTTP client is used.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::{Client, Url};

/// Idle connections kept per provider host.
const IDLE_PER_HOST: usize = 256;
/// How long an idle connection is kept. Shorter than the idle limits of common load balancers, so
/// that a request rarely meets a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TransportError(#[from] reqwest::Error);

/// One client per connect timeout, kept across reloads so that their connections stay open.
#[derive(Debug, Default)]
pub struct Clients(Mutex<HashMap<u64, Client>>);

impl Clients {
    /// The client with that connect timeout.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn of(&self, connect_ms: u64) -> Result<Client, TransportError> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&connect_ms) {
            return Ok(client.clone());
        }
        let client = Client::builder()
            .user_agent(concat!("steelyard/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_millis(connect_ms))
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true)
            // A provider that answers with a redirect is misconfigured; following it would send
            // the key and the prompt somewhere else.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        clients.insert(connect_ms, client.clone());
        Ok(client)
    }
}

/// Chooses the TLS implementation of the process. Safe to call more than once.
pub fn install_tls() {
    // An error means that it was chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Where the requests to a model go.
///
/// A model's paths hardly ever differ (Gemini has one for streams and one for whole answers), so the
/// first of each kind is kept parsed: parsing anew would be a fourteenth of a request's instructions.
#[derive(Debug)]
pub struct Endpoint {
    base_url: String,
    parsed: [OnceLock<(String, Url)>; 2],
}

/// A provider's address that no request can be sent to.
#[derive(Debug, thiserror::Error)]
#[error("{address} is not a URL: {reason}")]
pub struct BadUrl {
    address: String,
    reason: String,
}

impl Endpoint {
    /// The endpoint behind a base URL without a slash at its end.
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            parsed: Default::default(),
        }
    }

    /// The URL of a path of this endpoint.
    ///
    /// # Errors
    /// If base URL and path together are none.
    pub fn url(&self, path: &str, stream: bool) -> Result<Url, BadUrl> {
        let kept = &self.parsed[usize::from(stream)];
        if let Some((known, url)) = kept.get()
            && known == path
        {
            return Ok(url.clone());
        }
        let address = format!("{}{path}", self.base_url);
        let url = Url::parse(&address).map_err(|error| BadUrl {
            address,
            reason: error.to_string(),
        })?;
        // If another request was faster, its URL is kept.
        let _ = kept.set((path.to_owned(), url.clone()));
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    #[test]
    fn urls_are_of_their_own_path() {
        let endpoint = Endpoint::new("http://127.0.0.1:1/v1");
        for path in ["/a", "/b?c=d", "/a", "/b?c=d"] {
            let url = endpoint.url(path, true).expect("a URL");
            assert_eq!(url.as_str(), format!("http://127.0.0.1:1/v1{path}"));
        }
        assert!(Endpoint::new("nowhere").url("/a", false).is_err());
    }
}
