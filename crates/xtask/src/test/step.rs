use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};

use super::counts::Counts;

/// The steps so far, with what became of them.
#[derive(Debug, Default)]
pub(super) struct Steps {
    failed: Vec<&'static str>,
    counts: Counts,
}

impl Steps {
    /// Names of the steps that failed.
    pub(super) fn failed(&self) -> &[&'static str] {
        &self.failed
    }

    /// Tests that were run.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Prepares something that all later steps need.
    pub(super) fn prepare(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let started = begin(name)?;
        let result = work().with_context(|| format!("{name} could not be prepared"));
        self.end(name, started, result.is_ok())?;
        result
    }

    /// Runs a command that is right or wrong; gives which.
    pub(super) fn check(&mut self, name: &'static str, command: &mut Command) -> Result<bool> {
        let started = begin(name)?;
        let status = command
            .stdin(Stdio::null())
            .status()
            .with_context(|| format!("cannot start {command:?}"))?;
        self.end(name, started, status.success())?;
        Ok(status.success())
    }

    /// Runs tests and counts them.
    pub(super) fn tests(&mut self, name: &'static str, command: &mut Command) -> Result<()> {
        let started = begin(name)?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let counts = Arc::new(Mutex::new(Counts::default()));
        // Two pipes are read by two threads: a child that fills one must not wait for the other.
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|pipe| Box::new(pipe) as _),
            child.stderr.take().map(|pipe| Box::new(pipe) as _),
        ];
        let readers: Vec<_> = outputs
            .into_iter()
            .flatten()
            .map(|output| {
                let counts = Arc::clone(&counts);
                std::thread::spawn(move || show_and_count(output, &counts))
            })
            .collect();
        for reader in readers {
            // A reader only fails when nobody reads our own output any more.
            let _ = reader.join();
        }
        let status = child.wait()?;
        self.counts += *counts.lock().unwrap_or_else(PoisonError::into_inner);
        self.end(name, started, status.success())
    }

    fn end(&mut self, name: &'static str, started: Instant, success: bool) -> Result<()> {
        let seconds = (now() - started).as_secs_f64();
        let word = if success { "done" } else { "FAILED" };
        let mut out = std::io::stdout();
        writeln!(out, "== {name}: {word} in {seconds:.1} s")?;
        out.flush()?;
        if !success {
            self.failed.push(name);
        }
        Ok(())
    }
}

fn begin(name: &str) -> Result<Instant> {
    let mut out = std::io::stdout();
    writeln!(out, "\n== {name}")?;
    out.flush()?;
    Ok(now())
}

/// Passes lines on and counts the tests that they tell of.
fn show_and_count(output: impl Read, counts: &Mutex<Counts>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output
        .read_until(b'\n', &mut line)
        .is_ok_and(|read| read > 0)
    {
        // Shown as it is, even where it is not text.
        let _ = std::io::stdout().write_all(&line);
        if let Some(more) = Counts::of_line(&String::from_utf8_lossy(&line)) {
            *counts.lock().unwrap_or_else(PoisonError::into_inner) += more;
        }
        line.clear();
    }
}

#[expect(clippy::disallowed_methods, reason = "durations shown to people")]
fn now() -> Instant {
    Instant::now()
}
