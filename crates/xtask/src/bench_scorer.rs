//! `cargo xtask bench-scorer`: time per prompt, one thread, over the prompts of the data.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use steelyard_router::train::Example;
use steelyard_router::{ScoreInput, Scorer, Scratch};

use crate::routing_data;

/// Options of `bench-scorer`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder with recorded outcomes (`*.jsonl.gz`); only the prompts are used.
    #[arg(long)]
    data: PathBuf,
    /// The weights to measure.
    #[arg(long, default_value = "config/scorer.bin")]
    weights: PathBuf,
    /// Passes over all prompts; of each prompt the median pass counts.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let out = &mut std::io::stdout().lock();
    if cfg!(debug_assertions) {
        writeln!(
            out,
            "warning: this is a debug build; use `cargo run --release -p xtask`"
        )?;
    }
    let bytes = std::fs::read(&args.weights)
        .with_context(|| format!("cannot read {}", args.weights.display()))?;
    let started = now();
    let scorer = Scorer::from_bytes(&bytes)?;
    let load = now() - started;

    let examples = routing_data::examples(&args.data)?;
    let rounds = args.rounds.max(1);
    writeln!(
        out,
        "{} prompts, {rounds} rounds, {}",
        examples.len(),
        scorer.version()
    )?;
    writeln!(
        out,
        "load and self-test: {:.2} ms",
        load.as_secs_f64() * 1e3
    )?;
    let alone = measure(&scorer, &examples, &[], rounds);
    let instructed = measure(&scorer, &examples, &[INSTRUCTIONS], rounds);
    for (name, times) in [
        ("median of each prompt", &alone.medians),
        ("every single call", &alone.all),
        ("with instructions", &instructed.all),
    ] {
        writeln!(
            out,
            "{name:<22} p50 {:.2} µs, p90 {:.2} µs, p99 {:.2} µs, largest {:.1} µs",
            micros(times, 0.50),
            micros(times, 0.90),
            micros(times, 0.99),
            micros(times, 1.0)
        )?;
    }
    writeln!(
        out,
        "mean complexity {:.3}, with {} bytes of instructions {:.3}",
        alone.complexity,
        INSTRUCTIONS.len(),
        instructed.complexity
    )?;
    Ok(())
}

/// A system message as applications have it: who the model is, its task, the form of its answers. The
/// task stands behind the middle, so that most of it is searched.
const INSTRUCTIONS: &str = "\
    You are Iris, the support assistant of a shop for bicycles and spare parts. You are friendly, \
    patient and brief. Our workshop is open from nine to six, Monday to Saturday; orders leave the \
    warehouse within two days, and returns are free for thirty days after delivery.\n\n\
    Never promise refunds, discounts or dates. Do not speak about other shops.\n\n\
    Classify the customer's message as one of: delivery, return, repair, invoice, other. Reply with \
    one JSON object that has the fields label and reason, and nothing else.";

/// Times of calls, ascending, and the mean score.
struct Measured {
    /// Of each prompt the median.
    medians: Vec<Duration>,
    all: Vec<Duration>,
    complexity: f64,
}

fn measure(
    scorer: &Scorer,
    examples: &[Example],
    instructions: &[&str],
    rounds: usize,
) -> Measured {
    let mut scratch = Scratch::new();
    let mut times = vec![Vec::with_capacity(rounds); examples.len()];
    let mut sum = 0.0_f64;
    for _ in 0..rounds {
        for (example, times) in examples.iter().zip(&mut times) {
            let segments = [example.text.as_str()];
            let input = ScoreInput {
                segments: &segments,
                instructions,
                ..ScoreInput::default()
            };
            let started = now();
            let score = scorer.score(&input, &mut scratch);
            times.push(now() - started);
            sum += f64::from(score.complexity);
        }
    }
    let mut medians: Vec<Duration> = times.iter_mut().filter_map(|times| median(times)).collect();
    medians.sort_unstable();
    let mut all: Vec<Duration> = times.into_iter().flatten().collect();
    all.sort_unstable();
    Measured {
        medians,
        complexity: sum / all.len().max(1) as f64,
        all,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the real clock"
)]
fn now() -> Instant {
    Instant::now()
}

fn median(times: &mut [Duration]) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position within the list"
)]
fn micros(sorted: &[Duration], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let position = (last as f64 * share).round() as usize;
    sorted
        .get(position)
        .map_or(0.0, |time| time.as_secs_f64() * 1e6)
}
