//! Debian packages that a task needs, installed only when they are missing.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Installs packages with apt-get, through sudo where this is not root.
///
/// # Errors
/// If that is not possible; the message says which packages to install by hand.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    let by_hand = format!("install by hand what is missing: {names}");
    let Some(prefix) = prefix() else {
        bail!("this needs root or sudo without a password; {by_hand}");
    };
    // The list of packages may be old or, in a fresh container, not there at all.
    let update = apt_get(prefix, &["update", "-qq"]);
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(packages);
    let installed = update.and_then(|()| apt_get(prefix, &arguments));
    installed.with_context(|| by_hand)
}

/// What goes before `apt-get`.
fn prefix() -> Option<&'static [&'static str]> {
    if is_root() {
        return Some(&[]);
    }
    let sudo = Command::new("sudo")
        .args(["-n", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    sudo.is_ok_and(|status| status.success())
        .then_some(&["sudo", "-n"])
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn apt_get(prefix: &[&str], arguments: &[&str]) -> Result<()> {
    let words: Vec<&str> = prefix
        .iter()
        .chain(&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .chain(arguments)
        .copied()
        .collect();
    let status = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        // Standard output is a benchmark's table or the tests' counts.
        .stdout(Stdio::null())
        .status()
        .context("cannot run apt-get; this works on Debian and its kin")?;
    if !status.success() {
        bail!("`{}` failed", words.join(" "));
    }
    Ok(())
}

/// Whether a program can be run with these arguments.
pub(crate) fn runs(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
