//! `cargo xtask train-scorer`: fits `config/scorer.bin` and prints how good the fit is.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use steelyard_router::train::{Dataset, Settings, Split, Trained, train, validate};
use steelyard_router::eval::{PairPoint, grade_pair};
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
    #[arg(long, default_value_t = 5)]
    folds: u32,
    #[arg(long, default_value = "")]
    split: String,
    #[arg(long, default_value_t = Settings::default().own_shrinkage)]
    own: f32,
    #[arg(long, default_value_t = Settings::default().own_prior)]
    prior: f32,
    #[arg(long, default_value_t = Settings::default().sharing)]
    sharing: f64,
    #[arg(long, default_value_t = Settings::default().gain_anchor_weight)]
    anchor: f32,
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
        own_shrinkage: args.own,
        own_prior: args.prior,
        sharing: args.sharing,
        gain_anchor_weight: args.anchor,
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
        let texts: Vec<&str> = examples.iter().map(|e| e.text.as_str()).collect();
        for (name, split) in [
            ("questions", Split::Random { folds: args.folds }),
            ("sources", Split::Source),
            ("tasks", Split::Task { folds: args.folds }),
        ] {
            if !args.split.is_empty() && args.split != name {
                continue;
            }
            let found = validate(&data, &texts, &settings, split, &mut progress)?;
            for (source, weak, strong) in PAIRS {
                let mut lines = vec![Vec::new(); 3];
                for (example, found) in examples.iter().zip(&found) {
                    let Some(found) = found else { continue };
                    let score = |name: &str| {
                        let mut own = example.outcomes.iter();
                        own.find(|o| o.model == name).map(|o| f64::from(o.score))
                    };
                    let chance = |name: &str| {
                        let mut own = found.success.iter();
                        own.find(|o| o.0 == name).map(|o| f64::from(o.1))
                    };
                    if let (true, Some(w), Some(s)) = (example.source == source, score(weak), score(strong)) {
                        let orders = [
                            f64::from(found.score.gain),
                            chance(strong).unwrap_or(0.5) - chance(weak).unwrap_or(0.5),
                            example.text.len() as f64,
                        ];
                        for (line, order) in lines.iter_mut().zip(orders) {
                            line.push(PairPoint { order, weak: w, strong: s });
                        }
                    }
                }
                let apgr: Vec<f64> = lines.iter().map(|points| grade_pair(points).apgr).collect();
                writeln!(out, "{name} {source} {} gain {:.3} own {:.3} length {:.3}", lines[0].len(), apgr[0], apgr[1], apgr[2])?;
            }
        }
    }
    if let Some(path) = &args.show {
        show(out, &scorer, &std::fs::read_to_string(path)?)?;
    }
    Ok(())
}

const PAIRS: [(&str, &str, &str); 8] = [
    ("routellm-mmlu", "mixtral-8x7b-instruct-v0.1", "gpt-4-1106-preview"),
    ("routellm-gsm8k", "mixtral-8x7b-instruct-v0.1", "gpt-4-1106-preview"),
    ("mmlu-pro", "gemini-1.5-flash-002", "gemini-1.5-pro-002"),
    ("llmrouter", "qwen2.5-7b-instruct", "llama-3.1-nemotron-51b-instruct"),
    ("zeroeval-gsm8k", "mixtral-8x7b-instruct-v0.1", "gpt-4o-2024-05-13"),
    ("zeroeval-math-l5", "claude-3-haiku-20240307", "gpt-4o-2024-05-13"),
    ("alpacaeval2", "mixtral-8x7b-instruct-v0.1", "gpt4_1106_preview"),
    ("alpacaeval1", "vicuna-13b", "gpt4_1106_preview"),
];

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
