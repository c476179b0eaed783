//! `steelyard policy`: what a policy says, and what it would do.

mod explain;

use std::path::Path;
use std::process::ExitCode;

use steelyard_policy::{Diagnostics, Policy};

pub(super) use self::explain::{Asked, explain};
use super::{EXIT_CONFIG, say};
use crate::load::load_policy;
use crate::settings::{Flags, Settings};

pub(super) fn check(path: &Path, deny_warnings: bool) -> anyhow::Result<ExitCode> {
    let policy = load_policy(path)?.policy;
    // What `serve` would refuse besides: addresses, and variables that name no setting.
    Settings::layer(&policy.server, &Flags::default())?;
    let Policy {
        version,
        providers,
        models,
        routes,
        keys,
        warnings,
        ..
    } = policy;
    if !warnings.is_empty() {
        say(&Diagnostics {
            items: warnings.clone(),
        }
        .to_string());
    }
    say(&format!(
        "{}: valid; {}, {}, {}, {}; version {version}",
        path.display(),
        counted(providers.len(), "provider"),
        counted(models.len(), "model"),
        counted(routes.len(), "route"),
        counted(keys.len(), "key"),
    ));
    let denied = deny_warnings && !warnings.is_empty();
    Ok(if denied {
        ExitCode::from(EXIT_CONFIG)
    } else {
        ExitCode::SUCCESS
    })
}

/// `1 model`, `2 models`.
fn counted(number: usize, what: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {what}{ending}")
}
