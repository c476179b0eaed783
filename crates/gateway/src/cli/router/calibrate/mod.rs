//! `steelyard router calibrate`: places models by their outcomes, and corrects the places.

mod curve;
mod outcomes;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use steelyard_policy::{CapabilityBasis, Head, Model};
use steelyard_router::eval::{PairPoint, bootstrap, grade_pair};
use steelyard_router::{FittedHead, HeldOut, Judged, OwnHead, Placement, Scorer, Trial};

use super::super::say;
use super::data::{Weights, tell};
use crate::load::load_policy_for;
use outcomes::Outcomes;

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
    /// Instead of calibrating, show what so many prompts would give: fits on prompts drawn at
    /// random, graded on all others, for every model of the file
    #[arg(long, value_name = "PROMPTS", value_delimiter = ',')]
    learning_curve: Vec<usize>,
    /// Draws of prompts for each number
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    draws: u64,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let weights = Weights::load(args.weights.as_deref())?;
    let scorer = weights.scorer();
    if !args.learning_curve.is_empty() {
        let outcomes = outcomes::read(&args.outcomes, scorer)?;
        curve::print(scorer, &outcomes, &args.learning_curve, args.draws);
        return Ok(ExitCode::SUCCESS);
    }
    // Heads of other weights are no error here: this is where new ones come from.
    let policy = load_policy_for(&args.config, None)?.policy;
    let outcomes = outcomes::read(&args.outcomes, scorer)?;
    say(&format!(
        "# Placed by {}, for review.\nmodels:",
        scorer.version()
    ));
    let mut placed = Vec::new();
    for (model, judged) in &outcomes {
        let Some(known) = policy.models.iter().find(|known| *known.name == **model) else {
            tell(&format!(
                "{model}: no such model in {}",
                args.config.display()
            ));
            continue;
        };
        if judged.len() < LEAST_OUTCOMES {
            let count = judged.len();
            tell(&format!(
                "{model}: {count} outcomes, at least {LEAST_OUTCOMES} are needed"
            ));
            continue;
        }
        placed.push((model.as_str(), calibrate(scorer, known, judged)));
    }
    ensure!(!placed.is_empty(), "no model could be placed");
    say_pair(&outcomes, &placed);
    Ok(ExitCode::SUCCESS)
}

/// Prints the lines of one model.
fn calibrate(scorer: &Scorer, known: &Model, judged: &[Judged]) -> Trial {
    let pairs: Vec<(f32, f32)> = judged
        .iter()
        .map(|one| (one.score.complexity, one.outcome))
        .collect();
    let place = scorer.place(&pairs);
    let trial = scorer.try_head(judged);
    // Without a capability of its own, that of the model whose outcomes it has.
    let before = match (&known.head, known.capability_basis) {
        (Some(Head::OutcomesOf(name)), CapabilityBasis::Recorded) => scorer
            .model(name)
            .map_or(known.capability, |head| head.capability),
        _ => known.capability,
    };
    let (count, width) = (judged.len(), 1.96 * place.error);
    let mean: f32 = judged.iter().map(|one| one.outcome).sum::<f32>() / count as f32;
    say(&format!(
        "  {}:\n    # {count} outcomes, mean score {mean:.2}; 95 % between {:.2} and {:.2}; was {:.2}{}",
        known.name,
        place.capability - width,
        place.capability + width,
        before,
        doubts(width, &place, mean),
    ));
    let fitted = scorer.fit_head(judged);
    say(&verdict(&trial, &fitted));
    say(&format!(
        "    capability: {:.2}\n    capability_basis: calibrated",
        place.capability.clamp(0.0, 2.0)
    ));
    if fitted.helps() {
        if matches!(known.head, Some(Head::OutcomesOf(_))) {
            say("    # in place of `outcomes_of`, which must go");
        }
        say(&yaml(scorer, &fitted.head));
    } else if matches!(known.head, Some(Head::Fitted(_))) {
        say("    # without the `head` that it has now");
    }
    trial
}

/// Whether an own head says more than noise, and what it gives on outcomes held out.
fn verdict(trial: &Trial, fitted: &FittedHead) -> String {
    let Trial {
        capability,
        head,
        length,
        better_by,
        interval,
        ..
    } = trial;
    let conclusion = if fitted.helps() {
        "it is printed"
    } else {
        "it is left out"
    };
    format!(
        "    # held out, log loss (Brier): capability {:.3} ({:.3}), own head {:.3} ({:.3}), \
         length {:.3} ({:.3})\n    # the own head is better by {better_by:+.3} (95 %: {:+.3} to \
         {:+.3}); noise alone would show as much with\n    # a chance of {:.1} %, so {conclusion}",
        capability.log_loss,
        capability.brier,
        head.log_loss,
        head.brier,
        length.log_loss,
        length.brier,
        interval.low,
        interval.high,
        100.0 * fitted.noise,
    )
}

/// A head as the policy has it.
fn yaml(scorer: &Scorer, head: &OwnHead) -> String {
    let (constant, slope, topics) = head.numbers();
    let mut lines = format!(
        "    head:\n      weights: {}\n      constant: {constant:.4}\n      slope: {:.4}\n      topics:",
        scorer.identity(),
        slope.unwrap_or_default()
    );
    let rows: Vec<String> = topics
        .chunks(8)
        .map(|row| {
            let numbers: Vec<String> = row.iter().map(|topic| format!("{topic:.4}")).collect();
            numbers.join(", ")
        })
        .collect();
    lines.push_str(&format!("\n        [{}]", rows.join(",\n         ")));
    lines
}

/// What a reader should know before trusting the number.
fn doubts(width: f64, place: &Placement, mean: f32) -> String {
    let mut doubts = String::new();
    if width > 0.2 {
        doubts.push_str("\n    # unsure: more outcomes would narrow this");
    }
    if !(0.02..=0.98).contains(&mean) {
        doubts.push_str("\n    # it nearly always succeeds or fails: only a bound can be seen");
    }
    if !(0.0..=2.0).contains(&place.capability) {
        doubts.push_str(&format!(
            "\n    # beyond the scale: {:.2}",
            place.capability
        ));
    }
    if place.auc < 0.55 {
        doubts.push_str(&format!(
            "\n    # on these prompts the complexity hardly tells its failures (area {:.2}): prefer `delta`",
            place.auc
        ));
    }
    doubts
}

/// How well the forecasts tell which prompts the strongest model gains on over the weakest.
fn say_pair(outcomes: &Outcomes, placed: &[(&str, Trial)]) {
    let mean = |trial: &Trial| {
        let sum: f64 = trial.held_out.iter().map(|row| row.outcome).sum();
        sum / trial.held_out.len().max(1) as f64
    };
    let by_mean = |a: &&(&str, Trial), b: &&(&str, Trial)| mean(&a.1).total_cmp(&mean(&b.1));
    let (Some((weak, low)), Some((strong, high))) =
        (placed.iter().min_by(by_mean), placed.iter().max_by(by_mean))
    else {
        return;
    };
    let (Some(weak_judged), Some(strong_judged)) = (outcomes.get(*weak), outcomes.get(*strong))
    else {
        return;
    };
    let mut others: Vec<(u64, &HeldOut)> = strong_judged
        .iter()
        .map(|one| one.prompt)
        .zip(&high.held_out)
        .collect();
    others.sort_by_key(|(prompt, _)| *prompt);
    let both: Vec<(&HeldOut, &HeldOut, usize)> = weak_judged
        .iter()
        .zip(&low.held_out)
        .filter_map(|(one, row)| {
            let found = others.binary_search_by_key(&one.prompt, |(prompt, _)| *prompt);
            Some((row, others.get(found.ok()?)?.1, one.bytes))
        })
        .collect();
    if weak == strong || both.len() < LEAST_OUTCOMES {
        return;
    }
    say(&format!(
        "# {weak} -> {strong}, {} common prompts, held out: share of the difference gained (APGR; random 0.5)",
        both.len()
    ));
    type Order = fn(&(&HeldOut, &HeldOut, usize)) -> f64;
    let orders: [(&str, Order); 3] = [
        ("own heads", |(weak, strong, _)| strong.head - weak.head),
        ("capability", |(weak, strong, _)| {
            strong.capability - weak.capability
        }),
        ("length", |(_, _, bytes)| *bytes as f64),
    ];
    for (name, order) in orders {
        let points: Vec<PairPoint> = both
            .iter()
            .map(|row| PairPoint {
                order: order(row),
                weak: row.0.outcome,
                strong: row.1.outcome,
            })
            .collect();
        let interval = bootstrap(&points, 400, 1, |points| grade_pair(points).apgr);
        say(&format!(
            "#   {name:<10} {:.3} (95 %: {:.3} to {:.3})",
            grade_pair(&points).apgr,
            interval.low,
            interval.high
        ));
    }
}
