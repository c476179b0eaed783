//! Reloading: when a file of the configuration changes, and on SIGHUP.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::gateway::Gateway;
use crate::load::{load_policy, reload};
use crate::snapshot::KeySource;

/// How long the files must have been quiet before they are read: editors and `git pull` write in
/// several steps.
const QUIET: Duration = Duration::from_millis(100);
/// Most pauses that are waited for, so that files that never rest are read all the same.
const MOST_PAUSES: usize = 20;

/// Watches the policy and its price book until the process ends.
///
/// # Errors
/// If signals cannot be listened to, or a reload panics.
pub async fn watch(
    gateway: Arc<Gateway>,
    path: PathBuf,
    files: Vec<PathBuf>,
    keys: Arc<dyn KeySource>,
) -> anyhow::Result<()> {
    // First of all: without a handler SIGHUP ends the process.
    let mut hangups = signal(SignalKind::hangup())?;
    let mut watched = Watched::new();
    watched.follow(&files);
    if watched.watcher.is_some() && has_changed(&gateway, &path).await? {
        // It was edited between being read and being watched.
        watched.changes.changed.notify_one();
    }
    loop {
        tokio::select! {
            _ = hangups.recv() => tracing::info!("SIGHUP: reloading the policy"),
            () = watched.changes.changed.notified() => watched.changes.quiet().await,
        }
        let (gateway, path, keys) = (Arc::clone(&gateway), path.clone(), Arc::clone(&keys));
        let reloaded =
            tokio::task::spawn_blocking(move || reload(&gateway, &path, keys.as_ref())).await?;
        if let Some(files) = reloaded {
            watched.follow(&files);
        }
    }
}

/// Whether the files say something else than the policy in force.
async fn has_changed(gateway: &Arc<Gateway>, path: &Path) -> anyhow::Result<bool> {
    let path = path.to_owned();
    let found = tokio::task::spawn_blocking(move || load_policy(&path)).await?;
    let in_force = Arc::clone(&gateway.snapshot.load().version);
    Ok(found.is_ok_and(|found| found.policy.version != *in_force))
}

/// What the watcher's thread tells the task that reloads.
#[derive(Default)]
struct Changes {
    /// Names of files whose changes matter.
    names: Mutex<HashSet<OsString>>,
    /// However many changes there were, one reload follows.
    changed: Notify,
}

impl Changes {
    fn note(&self, event: &Event) {
        if event.kind.is_access() {
            return;
        }
        let concerns = |path: &PathBuf| path.file_name().is_some_and(|name| self.concerns(name));
        // A rescan means that events were lost.
        if event.need_rescan() || event.paths.iter().any(concerns) {
            self.changed.notify_one();
        }
    }

    /// Kubernetes swaps a link beside the file (`..data`), so a change of that name counts.
    fn concerns(&self, name: &OsStr) -> bool {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        name == "..data" || names.contains(name)
    }

    /// Waits until nothing has changed for a moment.
    async fn quiet(&self) {
        for _ in 0..MOST_PAUSES {
            if tokio::time::timeout(QUIET, self.changed.notified())
                .await
                .is_err()
            {
                return;
            }
        }
    }
}

/// The files whose changes matter. Their folders are watched, because editors and Kubernetes
/// replace files instead of writing into them.
struct Watched {
    changes: Arc<Changes>,
    /// `None` where the system gives no watcher.
    watcher: Option<RecommendedWatcher>,
    folders: HashSet<PathBuf>,
}

impl Watched {
    fn new() -> Self {
        let changes = Arc::new(Changes::default());
        let noted = Arc::clone(&changes);
        let watcher =
            notify::recommended_watcher(move |event: notify::Result<Event>| match event {
                Ok(event) => noted.note(&event),
                Err(error) => tracing::warn!(%error, "watching for changes failed; use SIGHUP"),
            });
        let watcher = watcher
            .inspect_err(|error| tracing::warn!(%error, "cannot watch for changes; use SIGHUP"))
            .ok();
        Self {
            changes,
            watcher,
            folders: HashSet::new(),
        }
    }

    /// Watches these files, and where they are links what they lead to.
    fn follow(&mut self, files: &[PathBuf]) {
        for file in files {
            self.follow_one(file);
            if let Some(target) = file.canonicalize().ok().filter(|target| target != file) {
                self.follow_one(&target);
            }
        }
    }

    fn follow_one(&mut self, file: &Path) {
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        if let Some(name) = file.file_name() {
            let mut names = self
                .changes
                .names
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            names.insert(name.to_owned());
        }
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        if !self.folders.contains(folder) {
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.folders.insert(folder.to_owned());
                }
                Err(error) => {
                    let folder = folder.display();
                    tracing::warn!(%folder, %error, "cannot watch for changes; use SIGHUP");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use notify::EventKind;
    use notify::event::{AccessKind, CreateKind, Flag};

    use std::future::Future as _;

    use super::*;

    fn note(changes: &Changes, kind: EventKind, path: &str) -> bool {
        changes.note(&Event::new(kind).add_path(path.into()));
        is_noted(changes)
    }

    /// Whether a change waits to be acted on; takes it.
    fn is_noted(changes: &Changes) -> bool {
        let noted = std::pin::pin!(changes.changed.notified());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        noted.poll(&mut context).is_ready()
    }

    #[test]
    fn only_changes_of_the_files_count() {
        let changes = Changes::default();
        changes
            .names
            .lock()
            .expect("no other test holds it")
            .insert("steelyard.yaml".into());
        let created = EventKind::Create(CreateKind::File);
        assert!(note(&changes, created, "config/steelyard.yaml"));
        assert!(note(&changes, created, "/etc/steelyard/..data"));
        assert!(!note(&changes, created, "config/requests.log"));
        let read = EventKind::Access(AccessKind::Read);
        assert!(!note(&changes, read, "config/steelyard.yaml"));
        changes.note(&Event::new(EventKind::Other).set_flag(Flag::Rescan));
        assert!(is_noted(&changes), "lost events may have been ours");
    }
}
