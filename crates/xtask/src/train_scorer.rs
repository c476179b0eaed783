//! `cargo xtask train-scorer`: fits `config/scorer.bin` and prints how good the fit is.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use steelyard_router::train::{Dataset, Settings, Split, Trained, grade, train};
use steelyard_router::{MAX_WEIGHTS_BYTES, ScoreInput, Scorer, Scratch, Shape};

use crate::routing_data;

/// Name of the weights; raised by hand when they change.
const VERSION: &str = "scorer-1";

/// Options of `train-scorer`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder with recorded outcomes (`*.jsonl.gz`).
    #[arg(long)]
    data: PathBuf,
    /// Prompts whose difficulty was judged by hand.
    #[arg(long, default_value = "crates/router/data/anchors.jsonl")]
    anchors: PathBuf,
    /// Where the weights go.
    #[arg(long, default_value = "config/scorer.bin")]
    out: PathBuf,
    /// Also measure the recipe on held-out folds (some minutes).
    #[arg(long)]
    grade: bool,
    /// Seed of the order in which examples are visited.
    #[arg(long, default_value_t = Settings::default().seed)]
    seed: u64,
    /// Score the lines of this file with the new weights, easiest first.
    #[arg(long)]
    show: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let out = &mut std::io::stdout().lock();
    let examples = routing_data::examples(&args.data)?;
    let anchors = routing_data::anchors(&args.anchors)?;
    writeln!(out, "{} prompts, {} anchors", examples.len(), anchors.len())?;
    let data = Dataset::new(&examples, &anchors);
    let settings = Settings {
        seed: args.seed,
        ..Settings::default()
    };

    let trained = train(&data, &settings, VERSION, &mut progress)?;
    ensure!(
        trained.bytes.len() <= MAX_WEIGHTS_BYTES,
        "the weights are too large to load"
    );
    let scorer = Scorer::from_bytes(&trained.bytes).context("the new weights do not load")?;
    std::fs::write(&args.out, &trained.bytes)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    writeln!(
        out,
        "wrote {}, {} bytes",
        args.out.display(),
        trained.bytes.len()
    )?;
    report(out, &trained)?;
    if args.grade {
        for (name, split) in [
            ("questions held out (10 folds)", Split::Random { folds: 10 }),
            ("whole tasks held out (14 folds)", Split::Task { folds: 14 }),
            ("whole sources held out", Split::Source),
        ] {
            writeln!(
                out,
                "\n{name}\n{:<16} {:>7} {:>15} {:>7}",
                "source", "prompts", "AUC", "length"
            )?;
            for grade in grade(&data, &settings, split, &mut progress) {
                writeln!(
                    out,
                    "{:<16} {:>7} {:>7.3} ± {:.3} {:>7.3}  {}",
                    grade.source,
                    grade.prompts,
                    grade.auc,
                    grade.error,
                    grade.length_auc,
                    grade.models.join(", ")
                )?;
            }
        }
    }
    if let Some(path) = &args.show {
        show(out, &scorer, &std::fs::read_to_string(path)?)?;
    }
    Ok(())
}

fn progress(step: &str) {
    // On stderr, so that the tables can be kept without it.
    let _ = writeln!(std::io::stderr(), "  {step}");
}

fn report(out: &mut impl Write, trained: &Trained) -> Result<()> {
    writeln!(
        out,
        "slope of the success probability: {:.2}",
        trained.slope
    )?;
    let [recorded, judged] = trained.tokens_explained;
    writeln!(
        out,
        "variance of log output tokens explained: recorded {recorded:.2}, anchors {judged:.2}"
    )?;
    writeln!(
        out,
        "\n{:<34} {:>10} {:>9}",
        "model", "capability", "outcomes"
    )?;
    for model in &trained.capabilities {
        writeln!(
            out,
            "{:<34} {:>10.2} {:>9}",
            model.model, model.capability, model.outcomes
        )?;
    }
    writeln!(out, "\n{:<20} {:>7}", "counter", "weight")?;
    let mut counters = trained.counters.clone();
    counters.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (name, weight) in counters {
        writeln!(out, "{name:<20} {weight:>7.3}")?;
    }
    Ok(())
}

fn show(out: &mut impl Write, scorer: &Scorer, text: &str) -> Result<()> {
    let mut scratch = Scratch::new();
    let mut scored: Vec<_> = text
        .lines()
        .map(|line| {
            let input = ScoreInput {
                segments: &[line],
                shape: Shape::default(),
            };
            (scorer.score(&input, &mut scratch), line)
        })
        .collect();
    scored.sort_by(|a, b| a.0.complexity.total_cmp(&b.0.complexity));
    for (score, line) in scored {
        let tokens = score.expected_output_tokens;
        writeln!(out, "{:.3} {tokens:>6}  {line}", score.complexity)?;
    }
    Ok(())
}
