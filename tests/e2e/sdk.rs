//! Scripts that drive the gateway with official SDKs and with what is built on them.

use std::path::{Path, PathBuf};

use crate::process::run_program;

/// Set to skip what needs Python or Node.
const SKIP: &str = "STEELYARD_SKIP_SDK";

/// What a script runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sdk {
    /// The official SDKs for Python: scripts of `tests/python`.
    Python,
    /// What is built on them, with packages of its own: also scripts of `tests/python`.
    PythonFrameworks,
    /// The official SDKs for Node and what is built on them: scripts of `tests/node`.
    Node,
}

impl Sdk {
    /// The interpreter, and what must be there for its scripts to run.
    fn interpreter(self, tests: &Path) -> (PathBuf, PathBuf) {
        let python = |environment: &str| {
            let python = tests.join(environment).join("bin/python");
            (python.clone(), python)
        };
        match self {
            Self::Python => python(".venv"),
            Self::PythonFrameworks => python(".venv-frameworks"),
            Self::Node => (PathBuf::from("node"), tests.join("node/node_modules")),
        }
    }

    /// Runs a script; it ends with 0 if all its checks passed.
    ///
    /// # Errors
    /// What it wrote, when they did not.
    ///
    /// # Panics
    /// When its packages are not installed.
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    pub async fn run(self, script: &str, arguments: &[&str]) -> Result<(), String> {
        if std::env::var_os(SKIP).is_some_and(|value| value == "1") {
            eprintln!("skipped: {script}, because {SKIP}=1");
            return Ok(());
        }
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (program, needed) = self.interpreter(tests);
        assert!(
            needed.exists(),
            "there is no {}: `cargo xtask test` makes it ({SKIP}=1 skips these tests)",
            needed.display()
        );
        let folder = match self {
            Self::Python | Self::PythonFrameworks => "python",
            Self::Node => "node",
        };
        let script = tests.join(folder).join(script).display().to_string();
        let mut all = match self {
            Self::Python | Self::PythonFrameworks => vec!["-B", &script],
            Self::Node => vec![script.as_str()],
        };
        all.extend_from_slice(arguments);
        let ran = run_program(&program, &all, &[]).await;
        if ran.code == Some(0) {
            return Ok(());
        }
        let (stdout, stderr) = (ran.stdout, ran.stderr);
        Err(format!("{script} failed:\n{stdout}{stderr}"))
    }
}
