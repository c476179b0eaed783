use std::process::ExitCode;
use std::sync::Arc;

use super::{ServeArgs, interrupted, start_log, tokio_runtime};
use crate::load::load_policy;
use crate::server::Server;
use crate::settings::Settings;
use crate::snapshot::SystemKeys;
use crate::transport::install_tls;
use crate::watch::watch;

pub(super) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let loaded = load_policy(&args.config)?;
    let settings = Settings::layer(&loaded.policy.server, &args.server.flags())?;
    start_log(&settings.server.log_level, settings.server.log_format)?;
    install_tls();
    raise_open_files();
    tokio_runtime()?.block_on(async {
        let server = Server::start(loaded.policy, settings, &SystemKeys, std::io::stdout()).await?;
        let gateway = Arc::clone(&server.gateway);
        let (path, files) = (args.config.clone(), loaded.files);
        tokio::spawn(async move {
            if let Err(error) = watch(gateway, path, files, Arc::new(SystemKeys)).await {
                tracing::error!(%error, "the policy is no longer reloaded");
            }
        });
        interrupted().await?;
        tracing::info!("stopping; open requests may finish");
        server.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Raises the limit of open files to what the system allows: a held stream is two connections, and
/// the usual soft limit of 1,024 would be reached by five hundred of them.
fn raise_open_files() {
    match rlimit::increase_nofile_limit(rlimit::INFINITY) {
        Ok(limit) => tracing::debug!(limit, "open files"),
        Err(error) => tracing::warn!(%error, "cannot raise the limit of open files"),
    }
}
