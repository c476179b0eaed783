//! `cargo xtask bench` and its parts: prepares what a benchmark needs and runs it in release.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::{cargo, root};
use crate::{debian, routing_data};

/// Options of `bench-gateway` and `bench-decision`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Options of the benchmark itself; `-- --help` lists them.
    #[arg(last = true)]
    options: Vec<OsString>,
}

/// `cargo xtask bench`: all benchmarks, as tables.
pub(crate) fn all() -> Result<()> {
    write_machine()?;
    write_heading("Gateway beside nginx")?;
    gateway(&Args { options: vec![] })?;
    write_heading("Decision")?;
    decision(&Args { options: vec![] })?;
    write_heading("Scorer")?;
    scorer()
}

/// `cargo xtask bench-gateway`.
pub(crate) fn gateway(args: &Args) -> Result<()> {
    let nginx = nginx()?;
    run(cargo().args(["build", "--release", "--quiet", "-p", "steelyard-gateway"]))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let steelyard = target.join("release").join("steelyard");
    // A thousand held streams are more than the usual limit of open files.
    let mut limited = Command::new("sh");
    limited
        .current_dir(root())
        .args(["-c", "ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" \"$@\""])
        .arg(cargo().get_program())
        .args([
            "bench", "--quiet", "-p", "xtask", "--bench", "gateway", "--",
        ])
        .arg("--steelyard")
        .arg(steelyard)
        .arg("--nginx")
        .arg(nginx)
        .args(&args.options);
    run(&mut limited)
}

/// `cargo xtask bench-decision`.
pub(crate) fn decision(args: &Args) -> Result<()> {
    let bench = [
        "bench", "--quiet", "-p", "xtask", "--bench", "decision", "--",
    ];
    run(cargo().args(bench).args(&args.options))
}

/// The scorer's benchmark over the recorded prompts, where they are.
fn scorer() -> Result<()> {
    let data = routing_data::folder();
    if !data.is_dir() {
        writeln!(
            std::io::stdout(),
            "skipped: the recorded prompts ({}) are not there",
            data.display()
        )?;
        return Ok(());
    }
    let command = [
        "run",
        "--release",
        "--quiet",
        "-p",
        "xtask",
        "--",
        "bench-scorer",
        "--data",
    ];
    run(cargo().args(command).arg(data))
}

/// nginx, installed from Debian's packages if it is not there.
fn nginx() -> Result<&'static str> {
    // Debian keeps it where only root's PATH looks.
    let found = || {
        ["nginx", "/usr/sbin/nginx"]
            .into_iter()
            .find(|path| debian::runs(path, &["-v"]))
    };
    if let Some(path) = found() {
        return Ok(path);
    }
    debian::install(&["nginx-light"])?;
    found().context("nginx is installed but does not run")
}

fn write_heading(title: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "\n## {title}\n")?;
    Ok(out.flush()?)
}

/// What the figures were measured on.
fn write_machine() -> Result<()> {
    let info = std::fs::read_to_string("/proc/cpuinfo").context("this needs Linux's /proc")?;
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism()?;
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mut out = std::io::stdout();
    writeln!(out, "{model}, {cores} cores, Linux {}", kernel.trim())?;
    Ok(out.flush()?)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {command:?}"))?;
    ensure!(status.success(), "the benchmark failed");
    Ok(())
}
