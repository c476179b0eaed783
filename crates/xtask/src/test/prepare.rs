use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::debian::{self, runs};
use crate::workspace::root;

/// Where an environment notes which packages it holds.
const INSTALLED: &str = "installed.sha256";

/// Lists of Python packages and the environments that hold them, below `tests`. What is built on an
/// SDK follows its releases late, so that the official SDKs have an environment of their own.
const PYTHON: [(&str, &str); 2] = [
    ("python/requirements.txt", ".venv"),
    ("python/frameworks.txt", ".venv-frameworks"),
];

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

/// The official client SDKs for Python and what is built on them, in environments of their own.
pub(super) fn python() -> Result<()> {
    for (list, environment) in PYTHON {
        let tests = root().join("tests");
        python_environment(&tests.join(list), &tests.join(environment))?;
    }
    Ok(())
}

fn python_environment(requirements: &Path, environment: &Path) -> Result<()> {
    let hash = hash_of(&[requirements])?;
    let note = environment.join(INSTALLED);
    let python = environment.join("bin/python");
    // The interpreter that it was made from may have been removed since.
    if holds(&note, &hash) && can_run(&python) {
        return Ok(());
    }
    if !can_run(&python) {
        make_environment(environment)?;
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
    run(command.args(pip).arg(requirements))?;
    std::fs::write(&note, hash).with_context(|| format!("cannot write {}", note.display()))
}

/// The official client SDKs for Node and what is built on them, in `tests/node/node_modules`.
pub(super) fn node() -> Result<()> {
    let folder = root().join("tests/node");
    let lists = [
        folder.join("package.json"),
        folder.join("package-lock.json"),
    ];
    let hash = hash_of(&lists.each_ref().map(PathBuf::as_path))?;
    let note = folder.join("node_modules").join(INSTALLED);
    if !runs("node", &["--version"]) || !runs("npm", &["--version"]) {
        debian::install(&["nodejs", "npm"])?;
    } else if holds(&note, &hash) {
        return Ok(());
    }
    // The packages are tried as they come: none of them needs a script to be installed.
    let clean = ["ci", "--ignore-scripts", "--loglevel=error"];
    run(Command::new("npm").args(clean).current_dir(&folder))?;
    std::fs::write(&note, hash).with_context(|| format!("cannot write {}", note.display()))
}

/// One hash over all of these files.
fn hash_of(files: &[&Path]) -> Result<String> {
    let mut hash = Sha256::new();
    for file in files {
        let text =
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        hash.update(&text);
    }
    let bytes = hash.finalize();
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether an environment's note says that it was made from these lists.
fn holds(note: &Path, hash: &str) -> bool {
    std::fs::read_to_string(note).is_ok_and(|known| known == hash)
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
