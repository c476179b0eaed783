//! A policy in force without sockets: what commands and benchmarks ask for decisions.

use std::io;
use std::sync::Arc;

use steelyard_policy::{KeyReference, Policy, Provider};
use steelyard_router::Scorer;
use steelyard_types::UnixMillis;

use crate::clock::{Clock, SystemClock};
use crate::meter::Meter;
use crate::request_log::{RequestLog, RequestLogWriter};
use crate::runtime::Runtime;
use crate::snapshot::{KeySource, Snapshot};
use crate::transport::install_tls;

/// A policy in force that calls nobody.
pub(crate) struct Offline {
    pub(crate) snapshot: Snapshot,
    /// When it came into force: what requests are priced at.
    pub(crate) at: UnixMillis,
    _log: RequestLogWriter,
}

/// Keys of which it is assumed that they are there: a policy is explained where it is written, not
/// where its secrets are.
pub(crate) struct AssumedKeys;

impl KeySource for AssumedKeys {
    fn read(&self, _: &Provider, _: &KeyReference) -> Result<String, String> {
        Ok("assumed".to_owned())
    }
}

impl Offline {
    /// Puts a policy in force that was read for these weights.
    pub(crate) fn new(
        policy: Policy,
        keys: &dyn KeySource,
        scorer: &'static Scorer,
    ) -> anyhow::Result<Self> {
        install_tls();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let meter = Meter::new()?;
        let (log, writer) = RequestLog::start(io::sink(), meter.lost_lines().clone())?;
        let runtime = Runtime {
            scorer,
            ..Runtime::new(clock, meter, log, 1)
        };
        Ok(Self {
            snapshot: Snapshot::compile(policy, keys, &runtime)?,
            at: runtime.clock.now(),
            _log: writer,
        })
    }
}
