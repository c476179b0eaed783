//! Writes the shipped price book from gathered facts.
//!
//! Two lists are combined: one with every rate in force, one with the history of the standard
//! rates. Where a rate of the first is one step of the second, it takes that step's dates.

mod book;
mod dates;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, bail};

pub(crate) use book::generate;

/// Options of the task.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder with `catalogue.json` and `alibaba_cn.csv`.
    #[arg(long)]
    from: PathBuf,
    /// The file to write.
    #[arg(long, default_value = "config/prices.yaml")]
    out: PathBuf,
    /// Write nothing; fail if the file is not what would be written.
    #[arg(long)]
    check: bool,
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let read = |name: &str| {
        let path = args.from.join(name);
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    };
    let book = generate(&read("catalogue.json")?, &read("alibaba_cn.csv")?)?;
    if !args.check {
        return fs::write(&args.out, book)
            .with_context(|| format!("writing {}", args.out.display()));
    }
    let present =
        fs::read_to_string(&args.out).with_context(|| format!("reading {}", args.out.display()))?;
    if present != book {
        bail!(
            "{} is not up to date: run this without --check",
            args.out.display()
        );
    }
    Ok(())
}
