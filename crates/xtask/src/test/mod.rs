//! `cargo xtask test`: installs what the tests need and runs every check, one step after another.

mod counts;
mod prepare;
mod step;

use std::io::Write;
use std::process::Command;

use anyhow::{Result, bail};

use self::counts::Counts;
use self::step::Steps;
use crate::debian::runs;
use crate::routing_data;
use crate::workspace::cargo;

/// Set to leave out what needs Python or Node.
const SKIP_SDK: &str = "STEELYARD_SKIP_SDK";

/// Options of `test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the crates' own tests: no lints, no documents, nothing end to end.
    #[arg(long)]
    quick: bool,
}

/// Runs everything; the last line is `N passed, N failed, N skipped`.
///
/// A step that fails does not keep the later ones from running, so that one run shows all that is
/// wrong. Only what prevents the tests from being run at all ends it at once.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut steps = Steps::default();
    let result = all(args, &mut steps);
    let failed = steps.failed();
    let mut out = std::io::stdout();
    if !failed.is_empty() {
        writeln!(out, "\nfailed: {}", failed.join(", "))?;
    }
    if let Err(error) = &result {
        writeln!(out, "\nstopped: {error:#}")?;
    }
    let counts = steps.counts();
    writeln!(out, "{counts}")?;
    out.flush()?;
    if result.is_err() || !failed.is_empty() || counts.failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}

fn all(args: &Args, steps: &mut Steps) -> Result<()> {
    if !routing_data::shared().is_dir() {
        writeln!(
            std::io::stdout(),
            "note: {} is not there; tests over recorded traffic will skip those cases",
            routing_data::shared().display()
        )?;
    }
    if args.quick {
        let crates = ["--workspace", "--exclude", "steelyard-e2e"];
        steps.tests("tests of the crates", &mut tests(&crates))?;
        return Ok(());
    }
    steps.prepare("rustfmt and clippy", prepare::components)?;
    if std::env::var_os(SKIP_SDK).is_some_and(|value| value == "1") {
        let note = "note: the tests with client SDKs are left out, because";
        writeln!(std::io::stdout(), "{note} {SKIP_SDK}=1")?;
    } else {
        steps.prepare("Python packages", prepare::python)?;
        steps.prepare("Node packages", prepare::node)?;
    }
    steps.check("format", cargo().args(["fmt", "--all", "--check"]))?;
    // A workspace of its own, of which the rest is compiled with the tests.
    let fuzz = ["fmt", "--manifest-path", "tests/fuzz/Cargo.toml", "--check"];
    steps.check("format of the fuzz targets", cargo().args(fuzz))?;
    let clippy = ["clippy", "--quiet", "--workspace", "--all-targets"];
    steps.check("lints", cargo().args(clippy).args(["--", "-D", "warnings"]))?;
    let build = ["build", "--quiet", "-p", "steelyard-gateway"];
    if !steps.check("build of the gateway", cargo().args(build))? {
        bail!("the gateway does not build");
    }
    steps.tests("tests", &mut tests(&["--workspace"]))?;
    let doc_tests = ["test", "--quiet", "--workspace", "--doc", "--no-fail-fast"];
    steps.tests("doc tests", cargo().args(doc_tests))?;
    let doc = ["doc", "--quiet", "--workspace", "--no-deps"];
    steps.check(
        "documents",
        cargo().args(doc).env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    audit(steps)
}

/// The command that runs the tests of some packages.
fn tests(packages: &[&str]) -> Command {
    let mut command = cargo();
    if runs("cargo-nextest", &["nextest", "--version"]) {
        command.args(["nextest", "run", "--no-fail-fast"]);
        if std::env::var_os("CI").is_some() {
            command.args(["--profile", "ci"]);
        }
        command.args(packages);
    } else {
        command.args(["test", "--no-fail-fast"]).args(packages);
        command.args(["--lib", "--bins", "--tests"]);
    }
    command
}

/// The audit of dependencies. Its tool takes minutes to build, so it is not installed here.
fn audit(steps: &mut Steps) -> Result<()> {
    if !runs("cargo-deny", &["--version"]) {
        writeln!(
            std::io::stdout(),
            "\n== audit of dependencies: left out, cargo-deny is not installed \
             (cargo install --locked cargo-deny)"
        )?;
        return Ok(());
    }
    let rules = ["deny", "check", "bans", "licenses", "sources"];
    steps.check("audit of dependencies", cargo().args(rules))?;
    // The list of advisories is fetched; tests must pass without a network too.
    let output = cargo().args(["deny", "fetch", "db"]).output()?;
    if !output.status.success() {
        let mut out = std::io::stdout();
        writeln!(
            out,
            "\n== advisories: left out, the list of them cannot be fetched"
        )?;
        return Ok(());
    }
    let advisories = ["deny", "check", "--disable-fetch", "advisories"];
    steps.check("advisories", cargo().args(advisories))?;
    Ok(())
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}
