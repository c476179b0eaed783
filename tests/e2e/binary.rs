//! Where the binary under test is, and whether it is the one that the sources would give.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Names another binary to test, which is then not compared with the sources.
const OVERRIDE: &str = "STEELYARD_E2E_BINARY";

/// Crates whose sources end up in the binary.
const CRATES: [&str; 6] = [
    "gateway",
    "policy",
    "provider-adapter",
    "router",
    "simulator",
    "types",
];

/// The `steelyard` binary of the profile that these tests were built with.
///
/// # Panics
/// When it is missing or older than a source file of it.
#[must_use]
pub fn steelyard() -> PathBuf {
    if let Some(path) = std::env::var_os(OVERRIDE) {
        return PathBuf::from(path);
    }
    let own = std::env::current_exe().expect("a test knows its own path");
    // target/debug/deps/e2e-0123 stands two levels below target/debug/steelyard.
    let profile = own
        .ancestors()
        .nth(2)
        .expect("tests lie in a target folder");
    let binary = profile.join("steelyard");
    let Ok(built) = binary.metadata().and_then(|data| data.modified()) else {
        panic!(
            "there is no {}: cargo build -p steelyard-gateway first",
            binary.display()
        );
    };
    let crates = workspace().join("crates");
    for name in CRATES {
        if let Some(newer) = newer_source(&crates.join(name).join("src"), built) {
            panic!(
                "{} is newer than the binary: cargo build -p steelyard-gateway first",
                newer.display()
            );
        }
    }
    binary
}

/// The root of the repository.
#[must_use]
pub(crate) fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// A source file below a folder that was changed after that moment. Test modules are no part of the
/// binary.
fn newer_source(folder: &Path, moment: SystemTime) -> Option<PathBuf> {
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(newer) = newer_source(&path, moment) {
                return Some(newer);
            }
            continue;
        }
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
        let changed = entry.metadata().and_then(|data| data.modified());
        if !is_test && changed.is_ok_and(|changed| changed > moment) {
            return Some(path);
        }
    }
    None
}
