//! Reading the policy and its price book from files, and putting them in force.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use steelyard_policy::{Diagnostics, Policy, ScorerFacts, Sources};
use steelyard_router::{OwnHead, Scorer};

use crate::clock::rfc3339;
use crate::gateway::{Gateway, ReloadStatus};
use crate::server::{OpenToAll, check_exposure};
use crate::snapshot::{KeySource, Snapshot, SnapshotError};

/// The largest policy or price book that is read.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Most warnings of a policy that are repeated in the log.
const MAX_WARNINGS: usize = 5;

/// Why no policy could be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("cannot read {path}: {reason}{hint}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
        /// What the file is for and where that is said, as a further line; may be empty.
        hint: &'static str,
    },
    /// The policy is wrong.
    #[error(transparent)]
    Policy(#[from] Diagnostics),
    /// The policy is right but cannot be put in force.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The policy has no keys and the data plane can be reached from other machines.
    #[error(transparent)]
    Exposure(#[from] OpenToAll),
}

/// A policy with the files that it came from.
#[derive(Debug)]
pub struct LoadedPolicy {
    /// The policy.
    pub policy: Policy,
    /// The policy file and its price book, as they were opened.
    pub files: Vec<PathBuf>,
}

/// Reads a policy and the price book that it names.
///
/// # Errors
/// A file that cannot be read, or everything that is wrong with the two.
pub fn load_policy(path: &Path) -> Result<LoadedPolicy, LoadError> {
    load_policy_for(path, Some(Scorer::shipped()))
}

/// The same for other weights; without any, heads that were fitted on whatever weights are taken.
///
/// # Errors
/// As [`load_policy`].
pub fn load_policy_for(path: &Path, scorer: Option<&Scorer>) -> Result<LoadedPolicy, LoadError> {
    let facts = scorer.map(scorer_facts);
    let policy_text = read(path, "\nhelp: this should be the policy")?;
    let prices = steelyard_policy::prices_path(&policy_text).unwrap_or("prices.yaml".to_owned());
    let prices_path = path.parent().unwrap_or(Path::new("")).join(prices);
    let prices_text = read(
        &prices_path,
        "\nhelp: this should be the price book; `prices` in the policy says where it is, relative to it",
    )?;
    let policy = steelyard_policy::load(&Sources {
        policy_name: &path.display().to_string(),
        policy_text: &policy_text,
        prices_name: &prices_path.display().to_string(),
        prices_text: &prices_text,
        scorer: facts.as_ref(),
    })?;
    Ok(LoadedPolicy {
        policy,
        files: vec![path.to_owned(), prices_path],
    })
}

/// What policies may say of heads with these weights.
#[must_use]
pub fn scorer_facts(scorer: &Scorer) -> ScorerFacts {
    let models = scorer.models();
    ScorerFacts {
        weights: scorer.identity(),
        topics: OwnHead::TOPICS,
        models: models
            .map(|model| (model.name.clone(), model.capability))
            .collect(),
    }
}

/// The text of a file of bounded size, and what to say besides where it cannot be read.
pub(crate) fn read(path: &Path, hint: &'static str) -> Result<String, LoadError> {
    let fail = |reason: String| LoadError::Read {
        path: path.to_owned(),
        reason,
        hint,
    };
    let kind = std::fs::metadata(path).map_err(|error| fail(error.to_string()))?;
    // A device or pipe could give bytes without end, or none for ever.
    if !kind.is_file() {
        return Err(fail("it is not a file".to_owned()));
    }
    let file = File::open(path).map_err(|error| fail(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| fail(error.to_string()))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(fail(format!("it is larger than {MAX_FILE_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| fail(format!("not UTF-8 text: {error}")))
}

/// Loads the policy again and swaps it in, whole or not at all. What happened is in the log, in the
/// metrics and in the admin status. Gives the files to watch.
pub fn reload(gateway: &Gateway, path: &Path, keys: &dyn KeySource) -> Option<Vec<PathBuf>> {
    let now = gateway.runtime.clock.now();
    let loaded = load_policy(path).and_then(|loaded| {
        check_exposure(&loaded.policy, gateway.settings.server.listen)?;
        let snapshot = Snapshot::compile(loaded.policy, keys, &gateway.runtime)?;
        Ok((snapshot, loaded.files))
    });
    let loaded = loaded.map(|(snapshot, files)| {
        warn(&snapshot);
        gateway.snapshot.store(Arc::new(snapshot));
        files
    });
    let error = loaded.as_ref().err().map(ToString::to_string);
    gateway.runtime.meter.reloaded(error.is_none(), now);
    gateway.reload.store(Arc::new(ReloadStatus {
        successful: error.is_none(),
        at: rfc3339(now),
        error: error.clone(),
    }));
    // Said last: whoever reads the line finds policy, metrics and status in agreement with it.
    let policy = gateway.snapshot.load().version.to_string();
    match error {
        None => tracing::info!(policy, "policy reloaded"),
        Some(error) => {
            tracing::error!(policy, "policy not reloaded, the old one stays:\n{error}");
        }
    }
    loaded.ok()
}

/// Says what is allowed but probably not meant.
pub fn warn(snapshot: &Snapshot) {
    let warnings = &snapshot.policy.warnings;
    for warning in warnings.iter().take(MAX_WARNINGS) {
        let place = format!("{}:{}:{}", warning.file, warning.line, warning.column);
        tracing::warn!(place, "{}", warning.message);
    }
    if !warnings.is_empty() {
        let (warnings, shown) = (warnings.len(), warnings.len().min(MAX_WARNINGS));
        tracing::warn!(
            warnings,
            shown,
            "`steelyard policy check` says what each means"
        );
    }
    for (model, provider, reason) in snapshot.unusable() {
        tracing::warn!(model, provider, reason, "this model cannot be used");
    }
    for model in &snapshot.policy.models {
        if let Some(ends) = model.ends {
            let ends_at = rfc3339(ends);
            if ends <= snapshot.loaded_at {
                tracing::warn!(
                    model = &*model.name,
                    ends_at,
                    "its provider no longer serves it"
                );
            }
        }
    }
}
