//! Connections to providers: the only module that knows which HTTP client is used.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;

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
