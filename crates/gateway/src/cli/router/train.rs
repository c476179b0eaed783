use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use steelyard_router::train::{Dataset, Example, Settings, Split, train, validate};
use steelyard_router::{MAX_WEIGHTS_BYTES, Scorer};

use super::super::say;
use super::data::{anchors, examples, files, tell};
use super::eval::{self, Forecast};
use super::output;

/// Options of `router train`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Recorded outcomes: JSON lines, gzipped or not, or folders of them
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    data: Vec<PathBuf>,
    /// Where the weights go
    #[arg(long, value_name = "FILE", default_value = "config/scorer.bin")]
    out: PathBuf,
    /// Prompts whose difficulty was judged by hand, instead of those that ship
    #[arg(long, value_name = "FILE")]
    anchors: Option<PathBuf>,
    /// Name of the weights, for logs and reports
    #[arg(long, default_value = "scorer-4")]
    name: String,
    /// Seed of the order in which examples are visited
    #[arg(long, default_value_t = Settings::default().seed)]
    seed: u64,
    /// Sources never to be fitted, by the start of their name, besides those whose licence forbids it
    #[arg(long, value_name = "SOURCE")]
    without: Vec<String>,
    /// Also grade the recipe on held-out folds: by question, by whole tasks, by whole sources
    #[arg(long, value_enum)]
    grade: Vec<By>,
    /// Number of folds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=50))]
    folds: u32,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum By {
    Question,
    Task,
    Source,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let files = files(&args.data)?;
    let read = files.iter().chain(&args.anchors).map(PathBuf::as_path);
    output::distinct(&args.out, read)?;
    let recorded = examples(&files)?;
    let anchors = anchors(args.anchors.as_deref())?;
    tell(&format!(
        "{} prompts, {} anchors",
        recorded.len(),
        anchors.len()
    ));
    let data = Dataset::new(&recorded, &anchors);
    let mut settings = Settings {
        seed: args.seed,
        ..Settings::default()
    };
    settings
        .validation_only
        .extend(args.without.iter().cloned());
    let mut progress = |step: &str| tell(&format!("  {step}"));
    let trained = train(&data, &settings, &args.name, &mut progress)?;
    ensure!(
        trained.bytes.len() <= MAX_WEIGHTS_BYTES,
        "the weights have {} bytes, more than can be loaded",
        trained.bytes.len()
    );
    Scorer::from_bytes(&trained.bytes).context("the new weights do not load")?;
    output::write(&args.out, &trained.bytes)?;
    say(&format!(
        "wrote {}, {} bytes",
        args.out.display(),
        trained.bytes.len()
    ));
    say(&format!(
        "slope of the success probability: {:.2}",
        trained.slope
    ));
    say(&format!(
        "\n{:<36} {:>10} {:>9}",
        "model", "capability", "outcomes"
    ));
    for model in &trained.capabilities {
        let (name, capability, outcomes) = (&model.model, model.capability, model.outcomes);
        say(&format!("{name:<36} {capability:>10.2} {outcomes:>9}"));
    }
    for by in &args.grade {
        let (name, split) = match by {
            By::Question => ("questions held out", Split::Random { folds: args.folds }),
            By::Task => ("whole tasks held out", Split::Task { folds: args.folds }),
            By::Source => ("whole sources held out", Split::Source),
        };
        say(&format!("\n{name}"));
        let forecasts = held_out(&data, &recorded, &settings, split)?;
        eval::report(&recorded, &forecasts, &eval::Options::default())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn held_out(
    data: &Dataset,
    recorded: &[Example],
    settings: &Settings,
    split: Split,
) -> anyhow::Result<Vec<Option<Forecast>>> {
    let texts: Vec<&str> = recorded
        .iter()
        .map(|example| example.text.as_str())
        .collect();
    let mut progress = |step: &str| tell(&format!("  {step}"));
    let validated = validate(data, &texts, settings, split, &mut progress)?;
    let forecasts = validated.into_iter().map(|validated| {
        validated.map(|validated| Forecast {
            gain: validated.score.gain,
            complexity: validated.score.complexity,
            expected_output_tokens: validated.score.expected_output_tokens,
            success: validated.success.into_iter().collect(),
        })
    });
    Ok(forecasts.collect())
}
