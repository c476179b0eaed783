//! Starting and stopping a gateway: runtime, snapshot, the two listeners.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use axum::Router;
use prometheus::IntCounter;
use steelyard_policy::Policy;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::{Clock, SystemClock, rfc3339};
use crate::gateway::{Gateway, ReloadStatus};
use crate::load::warn;
use crate::meter::Meter;
use crate::request_log::{RequestLog, RequestLogWriter};
use crate::runtime::Runtime;
use crate::settings::{Settings, is_loopback};
use crate::snapshot::{KeySource, Snapshot};
use crate::{admin, data_plane, listener};

/// How long the admin plane's last answers may take.
const ADMIN_DRAIN: Duration = Duration::from_secs(1);

/// How long the last lines of the request log may take to be written.
const LOG_STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A gateway with its listeners.
pub struct Server {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Where the data plane listens.
    pub data_address: SocketAddr,
    /// Where the admin plane listens.
    pub admin_address: SocketAddr,
    data_plane: Plane,
    admin_plane: Plane,
    log: RequestLogWriter,
}

/// A listener that can be told to stop.
struct Plane {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Plane {
    fn start(
        listener: TcpListener,
        router: Router,
        drain: Duration,
        unreadable: IntCounter,
    ) -> Self {
        let (stop, stopping) = watch::channel(false);
        let serving = listener::serve(listener, router, stopped(stopping), drain, unreadable);
        Self {
            stop,
            task: tokio::spawn(serving),
        }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "a listener ended badly");
        }
    }
}

/// The data plane may be reached from other machines only when clients need a key.
#[derive(Debug, thiserror::Error)]
#[error(
    "the data plane would listen on {0}, which other machines can reach, and the policy has no \
     keys: anybody could spend your money. Add `keys:` to the policy (`steelyard keys create` \
     makes one) or listen on 127.0.0.1"
)]
pub struct OpenToAll(pub SocketAddr);

/// Whether a policy may be served at this address.
///
/// # Errors
/// If other machines can reach it and no client needs a key.
pub fn check_exposure(policy: &Policy, listen: SocketAddr) -> Result<(), OpenToAll> {
    if policy.keys.is_empty() && !is_loopback(listen) {
        Err(OpenToAll(listen))
    } else {
        Ok(())
    }
}

impl Server {
    /// Puts a policy in force and opens both listeners.
    ///
    /// # Errors
    /// An address that cannot be bound, a policy that cannot be put in force, or one that may not be
    /// served at that address.
    pub async fn start(
        policy: Policy,
        settings: Settings,
        keys: &dyn KeySource,
        request_log: impl Write + Send + 'static,
    ) -> anyhow::Result<Self> {
        check_exposure(&policy, settings.server.listen)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let meter = Meter::new()?;
        let (log, log_writer) = RequestLog::start(request_log, meter.lost_lines().clone())?;
        let runtime = Runtime::new(clock, meter, log, settings.server.max_in_flight);
        let snapshot = Snapshot::compile(policy, keys, &runtime)?;
        warn(&snapshot);
        runtime.meter.reloaded(true, snapshot.loaded_at);
        let reload = ReloadStatus {
            successful: true,
            at: rfc3339(snapshot.loaded_at),
            error: None,
        };
        let data = bind(settings.server.listen, "data plane", "--listen").await?;
        let admin = bind(
            settings.server.admin_listen,
            "admin plane",
            "--admin-listen",
        )
        .await?;
        let (data_address, admin_address) = (data.local_addr()?, admin.local_addr()?);
        announce(&snapshot, data_address, admin_address);
        let drain = Duration::from_millis(settings.server.drain_ms);
        let gateway = Arc::new(Gateway {
            settings,
            runtime: Arc::new(runtime),
            snapshot: ArcSwap::from_pointee(snapshot),
            reload: ArcSwap::from_pointee(reload),
        });
        let unreadable = || gateway.runtime.meter.unreadable().clone();
        Ok(Self {
            data_plane: Plane::start(
                data,
                data_plane::router(Arc::clone(&gateway)),
                drain,
                unreadable(),
            ),
            admin_plane: Plane::start(
                admin,
                admin::router(Arc::clone(&gateway)),
                ADMIN_DRAIN,
                unreadable(),
            ),
            gateway,
            data_address,
            admin_address,
            log: log_writer,
        })
    }

    /// Stops accepting, lets open requests finish within `drain_ms`, writes the last log lines. The
    /// admin plane stays until then, so that the last counts can be scraped.
    pub async fn stop(self) {
        self.data_plane.stop().await;
        self.admin_plane.stop().await;
        self.log.stop(LOG_STOP_TIMEOUT);
    }
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that the server is gone, which is a reason to stop as well.
    let _ = stopping.wait_for(|stop| *stop).await;
}

async fn bind(address: SocketAddr, what: &str, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("the {what} cannot listen on {address}; choose another address with {flag}")
    })
}

fn announce(snapshot: &Snapshot, data: SocketAddr, admin: SocketAddr) {
    let policy = &*snapshot.version;
    let usable = snapshot.deployments.len() - snapshot.unusable().count();
    let models = format!("{usable} of {}", snapshot.deployments.len());
    tracing::info!(address = %data, policy, models, "data plane listening");
    tracing::info!(address = %admin, "admin plane listening");
    if !snapshot.needs_key() {
        tracing::warn!(
            "the policy has no keys: the data plane takes requests from this machine only, without \
             authentication"
        );
    }
    if !is_loopback(admin) {
        tracing::warn!(
            address = %admin,
            "other machines can reach the admin plane, which needs no key: keep it inside your \
             network"
        );
    }
}
