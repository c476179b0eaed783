use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::debian::{self, runs};
use crate::workspace::root;

/// Where the environment notes which packages it holds.
const INSTALLED: &str = "requirements.sha256";

/// rustfmt and clippy, which a minimal installation of Rust lacks.
pub(super) fn components() -> Result<()> {
    if runs("cargo", &["fmt", "--version"]) && runs("cargo", &["clippy", "--version"]) {
        return Ok(());
    }
    let added = runs("rustup", &["component", "add", "rustfmt", "clippy"]);
    ensure!(
        added,
        "rustfmt and clippy are missing and `rustup component add rustfmt clippy` failed"
    );
    Ok(())
}

/// The official client SDKs, in an environment of their own at `tests/.venv`.
pub(super) fn python() -> Result<()> {
    let requirements = root().join("tests/python/requirements.txt");
    let text = std::fs::read(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let hash: String = Sha256::digest(&text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let environment = root().join("tests/.venv");
    let note = environment.join(INSTALLED);
    let python = environment.join("bin/python");
    let is_current = std::fs::read_to_string(&note).is_ok_and(|known| known == hash);
    // The interpreter that it was made from may have been removed since.
    if is_current && can_run(&python) {
        return Ok(());
    }
    if !can_run(&python) {
        make_environment(&environment)?;
    }
    let pip = [
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--quiet",
        "-r",
    ];
    let mut command = Command::new(&python);
    run(command.args(pip).arg(&requirements))?;
    std::fs::write(&note, hash).with_context(|| format!("cannot write {}", note.display()))
}

fn make_environment(folder: &Path) -> Result<()> {
    // Debian has both modules' entry in its python3, but what they need in a package of its own.
    if !runs("python3", &["-c", "import ensurepip, venv"]) {
        debian::install(&["python3", "python3-venv"])?;
    }
    let venv = ["-m", "venv", "--clear"];
    run(Command::new("python3").args(venv).arg(folder))
}

fn can_run(python: &PathBuf) -> bool {
    let status = Command::new(python)
        .args(["-c", "import pip"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed");
    }
    Ok(())
}
