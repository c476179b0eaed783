//! Python scripts that drive the gateway with official SDKs.

use std::path::Path;

use crate::process::run_program;

/// Set to skip what needs Python.
const SKIP: &str = "STEELYARD_SKIP_SDK";

/// Runs a script of `tests/python` in the tests' virtual environment.
///
/// # Panics
/// When it fails, with what it wrote; when there is no virtual environment.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub async fn run_python(script: &str, arguments: &[&str]) {
    if std::env::var_os(SKIP).is_some_and(|value| value == "1") {
        eprintln!("skipped: {script}, because {SKIP}=1");
        return;
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = tests.join(".venv/bin/python");
    assert!(
        python.exists(),
        "there is no {}: `cargo xtask test` makes it ({SKIP}=1 skips these tests)",
        python.display()
    );
    let script = tests.join("python").join(script).display().to_string();
    let mut all = vec!["-B", &script];
    all.extend_from_slice(arguments);
    let ran = run_program(&python, &all, &[]).await;
    assert!(
        ran.code == Some(0),
        "{script} failed:\n{}{}",
        ran.stdout,
        ran.stderr
    );
}
