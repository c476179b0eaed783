//! Reloading: when a file of the configuration changes, and on SIGHUP.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{Event, RecursiveMode, Watcher};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::gateway::Gateway;
use crate::load::reload;
use crate::snapshot::KeySource;

/// How long the files must have been quiet before they are read: editors and `git pull` write in
/// several steps.
const QUIET: Duration = Duration::from_millis(100);

/// Watches the policy and its price book until the process ends.
pub async fn watch(
    gateway: Arc<Gateway>,
    path: PathBuf,
    files: Vec<PathBuf>,
    keys: Arc<dyn KeySource>,
) -> anyhow::Result<()> {
    let (sender, mut changes) = mpsc::channel::<PathBuf>(1_024);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let Ok(event) = event else { return };
        if event.kind.is_access() {
            return;
        }
        for changed in event.paths {
            // A full queue already holds more than enough reasons to reload.
            let _ = sender.try_send(changed);
        }
    })?;
    let mut watched = Watched::default();
    watched.follow(&mut watcher, &files);
    let mut hangups = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = hangups.recv() => tracing::info!("SIGHUP: reloading the policy"),
            changed = changes.recv() => {
                let Some(changed) = changed else { return Ok(()) };
                if !watched.concerns(&changed) {
                    continue;
                }
                // Wait until nothing has changed for a moment.
                while let Ok(Some(_)) = tokio::time::timeout(QUIET, changes.recv()).await {}
            }
        }
        let (gateway, path, keys) = (Arc::clone(&gateway), path.clone(), Arc::clone(&keys));
        let reloaded =
            tokio::task::spawn_blocking(move || reload(&gateway, &path, keys.as_ref())).await?;
        if let Some(files) = reloaded {
            watched.follow(&mut watcher, &files);
        }
    }
}

/// The files whose changes matter. Their folders are watched, because editors and Kubernetes
/// replace files instead of writing into them.
#[derive(Default)]
struct Watched {
    files: HashSet<PathBuf>,
    folders: HashSet<PathBuf>,
}

impl Watched {
    fn follow(&mut self, watcher: &mut dyn Watcher, files: &[PathBuf]) {
        for file in files {
            let folder = match file.parent() {
                Some(folder) if folder != Path::new("") => folder,
                _ => Path::new("."),
            };
            if self.folders.insert(folder.to_owned()) {
                if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                    let folder = folder.display();
                    tracing::warn!(%folder, %error, "cannot watch for changes; use SIGHUP");
                }
            }
            self.files.insert(file.clone());
        }
    }

    /// Kubernetes swaps a link beside the file (`..data`), so a change of a link-like name counts.
    fn concerns(&self, changed: &Path) -> bool {
        let name = changed.file_name();
        name.is_some_and(|name| name == "..data")
            || self.files.iter().any(|file| file.file_name() == name)
    }
}
