//! Time of the whole decision for a 1 KB prompt, one thread: parse the body, gather facts, score,
//! ask every candidate's adapter whether it can carry the request, plan the ladder.
//!
//! Run it with `cargo xtask bench-decision`.

use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use steelyard_gateway::bench::Decider;
use steelyard_gateway::load::load_policy;
use steelyard_provider_adapter::openai;

/// Measures the decision.
#[derive(Debug, Parser)]
#[command(name = "bench-decision")]
struct Args {
    /// Decisions per prompt.
    #[arg(long, default_value_t = 100_000)]
    rounds: usize,
    /// Given by `cargo bench` to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// About 1 KB of user text each, of kinds that cost the scorer differently.
const PROMPTS: [(&str, &str); 3] = [
    ("English", include_str!("english.txt")),
    ("Chinese", include_str!("chinese.txt")),
    ("code", include_str!("code.txt")),
];

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.rounds > 0, "rounds must not be 0");
    let policy = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/benches/decision/policy.yaml"
    ));
    let loaded = load_policy(policy).context("the benchmark's policy is wrong")?;
    let decider = Decider::new(loaded.policy)?;
    let out = &mut std::io::stdout().lock();
    writeln!(
        out,
        "{} decisions per prompt among 8 candidates of four wire formats, one thread:\n",
        args.rounds
    )?;
    writeln!(
        out,
        "| prompt | bytes | parse p50 | weigh p50 | decision p50 | p99 | µs |"
    )?;
    writeln!(out, "| --- | ---: | ---: | ---: | ---: | ---: | --- |")?;
    for (name, prompt) in PROMPTS {
        let body = body(prompt);
        let request = openai::parse_chat_request(&body)
            .map_err(|error| anyhow::anyhow!("the prompt is refused: {}", error.message))?;
        let decided = decider.decide(&body).context("no decision")?;
        ensure!(decided.ladder > 1, "a ladder of {}", decided.ladder);

        let parse = times(args.rounds, || openai::parse_chat_request(&body).is_ok());
        let weigh = times(args.rounds, || decider.weigh(&request));
        let whole = times(args.rounds, || decider.decide(&body));
        writeln!(
            out,
            "| {name} | {} | {:.1} | {:.1} | {:.1} | {:.1} | complexity {:.2}, {} in the ladder |",
            prompt.len(),
            micros(&parse, 0.50),
            micros(&weigh, 0.50),
            micros(&whole, 0.50),
            micros(&whole, 0.99),
            decided.complexity,
            decided.ladder
        )?;
    }
    Ok(())
}

fn body(prompt: &str) -> Vec<u8> {
    let request = serde_json::json!({
        "model": "auto",
        "messages": [
            {"role": "system", "content": "Answer briefly."},
            {"role": "user", "content": prompt},
        ],
        "temperature": 0.2,
        "max_tokens": 400,
    });
    request.to_string().into_bytes()
}

/// Sorted times of so many calls, after a tenth as many to warm up.
fn times<T>(rounds: usize, mut call: impl FnMut() -> T) -> Vec<Duration> {
    for _ in 0..rounds / 10 {
        black_box(call());
    }
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let started = now();
            black_box(call());
            now() - started
        })
        .collect();
    times.sort_unstable();
    times
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position within the list"
)]
fn micros(sorted: &[Duration], share: f64) -> f64 {
    let position = ((sorted.len() - 1) as f64 * share).round() as usize;
    sorted[position].as_secs_f64() * 1e6
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the real clock"
)]
fn now() -> Instant {
    Instant::now()
}
