//! `steelyard router calibrate`: places models by their outcomes, and corrects the places.

mod curve;
mod lengths;
mod outcomes;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use steelyard_policy::{CapabilityBasis, Head, Model, Policy};
use steelyard_router::eval::{Interval, PairPoint, bootstrap, grade_pair};
use steelyard_router::{
    Calibrated, HeldOut, Judged, LengthRatio, Losses, OwnHead, Placement, Scorer, Trial,
};

use super::super::say;
use super::data::{Weights, tell};
use crate::load::load_policy_for;
use outcomes::{Of, Outcomes};

/// Outcomes of fewer prompts place no model.
const LEAST_PROMPTS: usize = 50;

/// Why there may be fewer prompts than one thinks.
const ALIKE: [&str; 2] = [
    "Outcomes of one prompt count once, as their mean, and so do those of prompts that the",
    "scorer cannot tell apart, such as prompts that differ only in numbers.",
];

/// From fewer prompts a head may be worse than none (`docs/scorer.md`).
const ENOUGH_FOR_HEADS: usize = 100;

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
        curve::print(scorer, &outcomes, &args.learning_curve, args.draws)?;
        return Ok(ExitCode::SUCCESS);
    }
    // Heads of other weights are no error here: this is where new ones come from.
    let policy = load_policy_for(&args.config, None)?.policy;
    let outcomes = outcomes::read(&args.outcomes, scorer)?;
    let models = usable(&policy, &outcomes, &args.config.display().to_string());
    let is_fewer = |of: &Of| of.judged.len() < of.count;
    if outcomes
        .values()
        .any(|of| of.judged.len() < LEAST_PROMPTS && is_fewer(of))
    {
        ALIKE.iter().for_each(|line| tell(line));
    }
    ensure!(!models.is_empty(), "no model could be placed");
    let judged: Vec<Vec<Judged>> = models.iter().map(|(_, of)| of.judged.clone()).collect();
    let calibrated = scorer.calibrate(&judged);
    let trials = scorer.try_heads(&judged);
    let lengths: Vec<Option<LengthRatio>> = judged.iter().map(|own| LengthRatio::of(own)).collect();
    say(&format!(
        "# Placed by {}. Review, then put the lines of every model in place of its own `capability`,\n\
         # `capability_basis` and `head` under `models` in {}; all else in it stays.",
        scorer.version(),
        args.config.display()
    ));
    lengths::say_replaced(&lengths);
    if models.iter().any(|(_, of)| is_fewer(of)) {
        ALIKE.iter().for_each(|line| say(&format!("# {line}")));
    }
    if scorer.identity() != Scorer::shipped().identity() {
        say(
            "# `serve` routes with the weights that are built in: to use these numbers, put these weights in\n\
             # place of config/scorer.bin and build again.",
        );
    }
    say(&verdict(&calibrated));
    let prompts: BTreeSet<u64> = judged.iter().flatten().map(|one| one.prompt).collect();
    if calibrated.helps() && prompts.len() < ENOUGH_FOR_HEADS {
        say(
            "# From so few prompts noise may pass for a finding, and does most harm: judge some more.",
        );
    }
    lengths::say_unmeasured(&policy, &models, &lengths);
    say("models:");
    for (index, (known, of)) in models.iter().enumerate() {
        let (place, own_head) = &calibrated.models[index];
        let own_head = own_head.as_ref();
        let found = Found {
            place,
            head: own_head.filter(|_| calibrated.helps()),
            is_tested: own_head.is_some(),
            trial: &trials[index],
            length: lengths[index].as_ref(),
        };
        say_model(scorer, known, of, &found);
    }
    say_pair(&models, &trials);
    Ok(ExitCode::SUCCESS)
}

/// The models of the policy that have outcomes of enough prompts; tells which have not.
fn usable<'a>(
    policy: &'a Policy,
    outcomes: &'a Outcomes,
    config: &str,
) -> Vec<(&'a Model, &'a Of)> {
    let mut models = Vec::new();
    for (model, of) in outcomes {
        let known = policy.models.iter().find(|known| *known.name == **model);
        match known {
            None => tell(&format!("{model}: no such model in {config}")),
            Some(_) if of.judged.len() < LEAST_PROMPTS => tell(&format!(
                "{model}: {}, of which at least {LEAST_PROMPTS} are needed",
                counted(of)
            )),
            Some(known) => models.push((known, of)),
        }
    }
    models
}

/// How much there is of a model.
fn counted(of: &Of) -> String {
    let (outcomes, prompts) = (of.count, of.judged.len());
    format!("{outcomes} outcomes of {prompts} prompts that the scorer tells apart")
}

/// What was found of one model.
struct Found<'a> {
    place: &'a Placement,
    /// Its own head, where heads are printed.
    head: Option<&'a OwnHead>,
    /// Whether its outcomes differ enough to have a part in the test for heads.
    is_tested: bool,
    trial: &'a Trial,
    length: Option<&'a LengthRatio>,
}

/// Prints the lines of one model.
fn say_model(scorer: &Scorer, known: &Model, of: &Of, found: &Found<'_>) {
    let (place, trial) = (found.place, found.trial);
    // Without a capability of its own, that of the model whose outcomes it has.
    let before = match (&known.head, known.capability_basis) {
        (Some(Head::OutcomesOf(name)), CapabilityBasis::Recorded) => scorer
            .model(name)
            .map_or(known.capability, |head| head.capability),
        _ => known.capability,
    };
    let sum: f32 = of.judged.iter().map(|one| one.outcome).sum();
    let mean = sum / of.judged.len() as f32;
    say(&format!(
        "  {}:\n    # {}, mean score {mean:.2}\n    # {}; was {before:.2}{}",
        known.name,
        counted(of),
        interval(place),
        doubts(place, mean),
    ));
    say(&held_out(trial, found.is_tested));
    if !found.is_tested {
        UNTESTED.iter().for_each(|line| say(line));
    } else if trial.interval.low > 0.0 && found.head.is_none() {
        say("    # but not so clearly that all models together show more than noise: see above");
    }
    say(&format!(
        "    capability: {:.2}\n    capability_basis: calibrated",
        place.capability
    ));
    if let Some(length) = found.length {
        say(&lengths::lines(length, known.output_factor));
    }
    match (&known.head, found.head.is_some()) {
        (Some(Head::OutcomesOf(_)), true) => say("    # in place of `outcomes_of`, which must go"),
        (Some(Head::Fitted(_)), false) => say("    # without the `head` that it has now"),
        _ => {}
    }
    if let Some(head) = found.head {
        say(&yaml(scorer, head));
    }
}

/// Whether own heads say more than noise would.
fn verdict(calibrated: &Calibrated) -> String {
    if !calibrated.is_tested() {
        return "# No own heads: every model's outcomes are nearly all alike, which shows a level and no more."
            .to_owned();
    }
    let noise = 100.0 * calibrated.noise;
    match (calibrated.shrinkage.is_finite(), calibrated.helps()) {
        (_, true) => format!(
            "# Own heads are printed: noise alone would show as much with a chance of {noise:.1} %."
        ),
        (true, false) => format!(
            "# No own heads: noise alone would show as much with a chance of {noise:.1} %; at most \
             {:.0} % is asked for.",
            100.0 * Calibrated::MOST_NOISE
        ),
        (false, false) => {
            "# No own heads: the capabilities alone forecast outcomes held out best.".to_owned()
        }
    }
}

/// Why a model has no part in the test for heads.
const UNTESTED: [&str; 2] = [
    "    # no own head, and no part in the test for heads: its outcomes are nearly all alike, and a head",
    "    # would correct their level alone",
];

/// Whether a mean score is nearly that of outcomes which are all the same.
fn is_one_sided(mean: f32) -> bool {
    !(0.02..=0.98).contains(&mean)
}

/// The interval of a place, and where it is cut off.
fn interval(place: &Placement) -> String {
    let Interval { low, high } = place.interval();
    let ends = match (low <= 0.0, high >= Placement::MOST_CAPABILITY) {
        (false, false) => "",
        (true, false) => " (0 is the scale's end)",
        (false, true) => " (2 is the scale's end)",
        (true, true) => " (both the scale's ends)",
    };
    format!("95 % between {low:.2} and {high:.2}{ends}")
}

/// What the recipe gives on outcomes that it has not seen; of heads only where they were tested.
fn held_out(trial: &Trial, is_tested: bool) -> String {
    let row = |name: &str, losses: &Losses| {
        format!("{name} {:.3} ({:.3})", losses.log_loss, losses.brier)
    };
    let capability = row("capability", &trial.capability);
    let length = row("length", &trial.length);
    if !is_tested {
        return format!("    # held out, log loss (Brier): {capability}, {length}");
    }
    format!(
        "    # held out, log loss (Brier): {capability}, {}, {length}\n    # the own head is better by {:+.3} (95 %: \
         {:+.3} to {:+.3})",
        row("own head", &trial.head),
        trial.better_by,
        trial.interval.low,
        trial.interval.high,
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
fn doubts(place: &Placement, mean: f32) -> String {
    let mut doubts = String::new();
    if place.half_width() > 0.2 {
        doubts.push_str("\n    # unsure: more outcomes would narrow this");
    }
    if is_one_sided(mean) {
        doubts.push_str("\n    # it nearly always succeeds or fails: only a bound can be seen");
    }
    if place.capability <= 0.0 || place.capability >= Placement::MOST_CAPABILITY {
        doubts.push_str("\n    # at the end of the scale");
    }
    if let Some(area) = place.auc.filter(|area| *area < 0.55) {
        doubts.push_str(&format!(
            "\n    # on these prompts the complexity hardly tells its failures (area {area:.2}): prefer `delta`"
        ));
    }
    doubts
}

/// How well the forecasts tell which prompts the strongest model gains on over the weakest.
fn say_pair(models: &[(&Model, &Of)], trials: &[Trial]) {
    let mean = |index: &usize| {
        let rows = &trials[*index].held_out;
        rows.iter().map(|row| row.outcome).sum::<f64>() / rows.len().max(1) as f64
    };
    let by_mean = |a: &usize, b: &usize| mean(a).total_cmp(&mean(b));
    let all = || 0..models.len();
    let (Some(weak), Some(strong)) = (all().min_by(by_mean), all().max_by(by_mean)) else {
        return;
    };
    let rows_of = |index: usize| models[index].1.judged.iter().zip(&trials[index].held_out);
    let mut others: Vec<(u64, &HeldOut)> = rows_of(strong)
        .map(|(one, row)| (one.prompt, row))
        .collect();
    others.sort_by_key(|(prompt, _)| *prompt);
    let both: Vec<Both<'_>> = rows_of(weak)
        .filter_map(|(one, row)| {
            let found = others.binary_search_by_key(&one.prompt, |(prompt, _)| *prompt);
            Some((row, others.get(found.ok()?)?.1, one.bytes))
        })
        .collect();
    if weak == strong {
        return;
    }
    let pair = format!(
        "# {} -> {}, {} common prompts",
        models[weak].0.name,
        models[strong].0.name,
        both.len()
    );
    if both.len() < LEAST_PROMPTS {
        say(&format!(
            "{pair}: too few in common, {LEAST_PROMPTS} are needed"
        ));
        return;
    }
    let gap: f64 = both
        .iter()
        .map(|(weak, strong, _)| strong.outcome - weak.outcome)
        .sum();
    if gap / both.len() as f64 <= 1e-9 {
        say(&format!("{pair}: no gap between the models"));
        return;
    }
    say(&format!(
        "{pair}, held out: share of the difference gained\n# (APGR; random order has 0.5)"
    ));
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

/// Forecasts for both models of a pair, and the bytes of the prompt.
type Both<'a> = (&'a HeldOut, &'a HeldOut, usize);

/// What such prompts are ordered by.
type Order = for<'a, 'b> fn(&'a Both<'b>) -> f64;
