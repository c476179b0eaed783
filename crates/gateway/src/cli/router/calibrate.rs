use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use serde::Deserialize;
use steelyard_router::{ScoreInput, Scratch, Shape};

use super::super::say;
use super::data::{Weights, lines, open, tell};
use crate::load::load_policy;

/// Fewer outcomes of a model place nothing.
const LEAST_OUTCOMES: usize = 50;

/// Options of `router calibrate`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Outcomes of your models as JSON lines; `-` is standard input
    #[arg(long, value_name = "FILE")]
    outcomes: PathBuf,
    /// The policy whose models they are
    #[arg(
        long,
        short,
        value_name = "FILE",
        default_value = "config/steelyard.yaml"
    )]
    config: PathBuf,
    /// The weights, instead of those that ship
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Line {
    prompt: String,
    model: String,
    score: f32,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let policy = load_policy(&args.config)?.policy;
    let weights = Weights::load(args.weights.as_deref())?;
    let scorer = weights.scorer();
    let mut scratch = Scratch::new();
    let mut by_model: BTreeMap<String, Vec<(f32, f32)>> = BTreeMap::new();
    lines(open(&args.outcomes)?, |number, line| {
        let read = line.map_err(anyhow::Error::msg).and_then(|line| {
            let line: Line = serde_json::from_str(line)?;
            ensure!(
                (0.0..=1.0).contains(&line.score),
                "`score` is not between 0 and 1"
            );
            Ok(line)
        });
        let line = read.with_context(|| format!("line {number} of the outcomes"))?;
        let input = ScoreInput {
            segments: &[line.prompt.as_str()],
            shape: Shape::default(),
        };
        let complexity = scorer.score(&input, &mut scratch).complexity;
        by_model
            .entry(line.model)
            .or_default()
            .push((complexity, line.score));
        Ok(())
    })?;
    say(&format!(
        "# Placed by {}, for review.\nmodels:",
        scorer.version()
    ));
    let mut placed = 0_usize;
    for (model, outcomes) in &by_model {
        let Some(known) = policy.models.iter().find(|known| *known.name == **model) else {
            tell(&format!(
                "{model}: no such model in {}",
                args.config.display()
            ));
            continue;
        };
        if outcomes.len() < LEAST_OUTCOMES {
            let count = outcomes.len();
            tell(&format!(
                "{model}: {count} outcomes, at least {LEAST_OUTCOMES} are needed"
            ));
            continue;
        }
        let place = scorer.place(outcomes);
        let (count, width) = (outcomes.len(), 1.96 * place.error);
        let mean: f32 = outcomes.iter().map(|(_, score)| score).sum::<f32>() / count as f32;
        say(&format!(
            "  {model}:\n    # {count} outcomes, mean score {mean:.2}; 95 % between {:.2} and {:.2}; was {:.2}{}",
            place.capability - width,
            place.capability + width,
            known.capability,
            doubts(width, place.auc, mean),
        ));
        say(&format!(
            "    capability: {:.2}\n    capability_basis: calibrated",
            place.capability
        ));
        placed += 1;
    }
    ensure!(placed > 0, "no model could be placed");
    Ok(ExitCode::SUCCESS)
}

/// What a reader should know before trusting the number.
fn doubts(width: f64, auc: f64, mean: f32) -> String {
    let mut doubts = String::new();
    if width > 0.2 {
        doubts.push_str("\n    # unsure: more outcomes would narrow this");
    }
    if !(0.02..=0.98).contains(&mean) {
        doubts.push_str("\n    # it nearly always succeeds or fails: only a bound can be seen");
    }
    if auc < 0.55 {
        doubts.push_str(&format!(
            "\n    # on these prompts the complexity hardly tells its failures (area {auc:.2}): prefer `delta`"
        ));
    }
    doubts
}
