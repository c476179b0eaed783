//! Where the binary under test is, and whether it is the one that the sources would give.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Names another binary to test, which is then not compared with the sources.
const OVERRIDE: &str = "STEELYARD_E2E_BINARY";

/// The `steelyard` binary of the profile that these tests were built with.
///
/// # Panics
/// When it is missing or older than a file that it is made of.
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
    let Some(built) = changed(&binary) else {
        panic!(
            "there is no {}: cargo build -p steelyard-gateway first",
            binary.display()
        );
    };
    for source in sources(&profile.join("steelyard.d")) {
        // A file that is gone counts as changed.
        assert!(
            changed(&source).is_some_and(|changed| changed <= built),
            "{} is newer than the binary: cargo build -p steelyard-gateway first",
            source.display()
        );
    }
    binary
}

/// The root of the repository.
#[must_use]
pub(crate) fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

/// What Cargo wrote down of the files that the binary is made of: `binary: file file`, spaces
/// escaped by a backslash.
fn sources(dependencies: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(dependencies).unwrap_or_default();
    let Some((_, files)) = text.split_once(": ") else {
        return Vec::new();
    };
    let files = files.trim_end().replace("\\ ", "\0");
    let files = files.split(' ').filter(|file| !file.is_empty());
    files.map(|file| file.replace('\0', " ").into()).collect()
}
