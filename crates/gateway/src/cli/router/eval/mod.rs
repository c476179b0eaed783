//! `steelyard router eval`: grades a scorer against recorded outcomes.

mod cells;
mod forecasts;
mod pair;
mod pool;
mod prices;
mod route;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use steelyard_router::train::Example;
use steelyard_router::{ScoreInput, Scorer, Scratch};

use self::forecasts::report_calibration;
use self::pair::{in_common, report_pair};
use self::pool::report_pool;
use self::prices::price_of;
use super::super::say;
use super::data::{Weights, counted, files, nearest};
use super::output;
use super::plot::{Diagram, svg};
use super::recorded::examples;

/// Of fewer prompts nothing is told: their intervals mean nothing. The measures of pairs take ten
/// steps of the share of strong calls.
const LEAST_PROMPTS: usize = 10;

/// Options of `router eval`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Recorded outcomes: JSON lines, gzipped or not, or folders of them
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    data: Vec<PathBuf>,
    /// The weights, instead of those that ship
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// A pair to grade, WEAK,STRONG; may be repeated. Default: of every source its weakest third's
    /// best and its best model
    #[arg(long, value_name = "WEAK,STRONG")]
    pair: Vec<String>,
    /// Price of a model in dollars per million tokens, MODEL=INPUT/OUTPUT; may be repeated
    #[arg(long, value_name = "PRICE")]
    price: Vec<String>,
    /// Samples of the bootstrap
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(20..=10_000))]
    samples: u32,
    /// A picture of all curves
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Grade a whole route of this policy instead, by its own decisions and prices
    #[arg(long, short, value_name = "FILE", requires = "route")]
    config: Option<PathBuf>,
    /// The route to grade
    #[arg(long, value_name = "NAME", requires = "config")]
    route: Option<String>,
    /// Whose outcomes stand for a model of the policy, POLICY=DATA; may be repeated. Without it the
    /// model of the same name, or that of its `outcomes_of`
    #[arg(long, value_name = "NAMES", requires = "route")]
    map: Vec<String>,
}

/// What is graded: the forecast for one prompt.
pub(super) struct Forecast {
    pub(super) gain: f32,
    pub(super) complexity: f32,
    pub(super) expected_output_tokens: u32,
    pub(super) success: HashMap<String, f32>,
}

/// How it is graded.
pub(super) struct Options {
    pairs: Vec<(String, String)>,
    prices: HashMap<String, (f64, f64)>,
    samples: u32,
    plot: Option<PathBuf>,
}

impl Options {
    /// The usual ones with these pairs, their names all known.
    pub(super) fn of_pairs(pairs: &[String], recorded: &[Example]) -> anyhow::Result<Self> {
        let known = names(recorded);
        let pairs = pairs.iter().map(|pair| pair_of(pair, &known));
        Ok(Self {
            pairs: pairs.collect::<anyhow::Result<_>>()?,
            ..Self::default()
        })
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pairs: Vec::new(),
            prices: HashMap::new(),
            samples: 200,
            plot: None,
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let files = files(&args.data)?;
    if let Some(plot) = &args.plot {
        let read = files.iter().chain(&args.weights).chain(&args.config);
        output::distinct(plot, read.map(PathBuf::as_path))?;
        output::writable(plot)?;
    }
    let recorded = examples(&files)?;
    let weights = Weights::load(args.weights.as_deref())?;
    if let (Some(config), Some(route)) = (&args.config, &args.route) {
        return grade_route(args, config, route, &recorded, weights);
    }
    let options = options(args, &recorded)?;
    let scorer = weights.scorer();
    let mut scratch = Scratch::new();
    let forecasts: Vec<Option<Forecast>> = recorded
        .iter()
        .map(|example| {
            let input = ScoreInput {
                segments: &[example.text.as_str()],
                ..ScoreInput::default()
            };
            let score = scorer.score(&input, &mut scratch);
            let known = example.outcomes.iter().filter_map(|outcome| {
                let head = scorer.model(&outcome.model)?;
                Some((outcome.model.clone(), head.success(&score)))
            });
            Some(Forecast {
                gain: score.gain,
                complexity: score.complexity,
                expected_output_tokens: score.expected_output_tokens,
                success: known.collect(),
            })
        })
        .collect();
    say_weights(scorer, &recorded);
    report(&recorded, &forecasts, &options)?;
    Ok(ExitCode::SUCCESS)
}

/// What is asked for, its names all known.
fn options(args: &Args, recorded: &[Example]) -> anyhow::Result<Options> {
    let known = names(recorded);
    Ok(Options {
        pairs: args
            .pair
            .iter()
            .map(|pair| pair_of(pair, &known))
            .collect::<anyhow::Result<_>>()?,
        prices: args
            .price
            .iter()
            .map(|price| {
                let (model, price) = price_of(price)?;
                recorded_name("--price", &model, &known)?;
                Ok((model, price))
            })
            .collect::<anyhow::Result<_>>()?,
        samples: args.samples,
        plot: args.plot.clone(),
    })
}

/// The models that have outcomes.
fn names(recorded: &[Example]) -> BTreeSet<&str> {
    let outcomes = recorded.iter().flat_map(|example| &example.outcomes);
    outcomes.map(|outcome| outcome.model.as_str()).collect()
}

/// Refuses a name that no outcome has.
fn recorded_name(option: &str, name: &str, known: &BTreeSet<&str>) -> anyhow::Result<()> {
    if known.contains(name) {
        return Ok(());
    }
    match nearest(name, known.iter().copied()) {
        Some(near) => {
            bail!("{option} names {name:?}, of which the data has no outcomes (nearest: {near})")
        }
        None => bail!("{option} names {name:?}, but the data has no outcomes"),
    }
}

fn say_weights(scorer: &Scorer, recorded: &[Example]) {
    let prompts = counted(recorded.len(), "prompt");
    say(&format!("{}, {prompts}", scorer.version()));
    say("Prompts that the weights were fitted on grade too well: see docs/scorer.md.");
}

/// Grades a route of a policy.
fn grade_route(
    args: &Args,
    config: &Path,
    route: &str,
    recorded: &[Example],
    weights: Weights,
) -> anyhow::Result<ExitCode> {
    ensure!(
        args.pair.is_empty() && args.price.is_empty(),
        "a route has the candidates and prices of its policy: no --pair, no --price"
    );
    let names: Vec<(String, String)> = args
        .map
        .iter()
        .map(|map| {
            let (model, data) = map.split_once('=').context("a map is POLICY=DATA")?;
            Ok((model.to_owned(), data.to_owned()))
        })
        .collect::<anyhow::Result<_>>()?;
    let scorer = weights.forever();
    say_weights(scorer, recorded);
    let asked = route::Asked {
        config,
        route,
        names: &names,
        samples: args.samples,
    };
    let diagram = route::run(&asked, recorded, scorer)?;
    draw(args.plot.as_deref(), &[diagram])?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the picture, if one is wanted.
fn draw(path: Option<&Path>, diagrams: &[Diagram]) -> anyhow::Result<()> {
    if let (Some(path), []) = (path, diagrams) {
        say(&format!(
            "\nthere is no curve to draw: {} is not written",
            path.display()
        ));
    } else if let Some(path) = path {
        output::write(path, svg(diagrams).as_bytes())?;
        say(&format!("\nwrote {}", path.display()));
    }
    Ok(())
}

fn pair_of(text: &str, known: &BTreeSet<&str>) -> anyhow::Result<(String, String)> {
    let (weak, strong) = text.split_once(',').context("a pair is WEAK,STRONG")?;
    let (weak, strong) = (weak.trim(), strong.trim());
    for name in [weak, strong] {
        recorded_name("--pair", name, known)?;
    }
    ensure!(weak != strong, "--pair {text}: a pair is of two models");
    Ok((weak.to_owned(), strong.to_owned()))
}

/// Prints the tables of every source and draws the curves.
pub(super) fn report(
    recorded: &[Example],
    forecasts: &[Option<Forecast>],
    options: &Options,
) -> anyhow::Result<()> {
    let mut sources: BTreeMap<&str, Vec<(&Example, &Forecast)>> = BTreeMap::new();
    for (example, forecast) in recorded.iter().zip(forecasts) {
        if let Some(forecast) = forecast {
            sources
                .entry(&example.source)
                .or_default()
                .push((example, forecast));
        }
    }
    let mut diagrams = Vec::new();
    let mut reported = HashSet::new();
    for (source, rows) in &sources {
        if rows.len() < LEAST_PROMPTS {
            let prompts = counted(rows.len(), "prompt");
            say(&format!(
                "\n{source}: {prompts}, too few to grade: {LEAST_PROMPTS} are needed"
            ));
            let of = |pair: &&(String, String)| !in_common(rows, (&pair.0, &pair.1)).is_empty();
            reported.extend(options.pairs.iter().filter(of).cloned());
            continue;
        }
        let models = models_of(rows);
        for pair in pairs_of(source, &models, &options.pairs) {
            let names = (pair.0.as_str(), pair.1.as_str());
            if report_pair(source, rows, names, options.samples, &mut diagrams) {
                reported.insert(pair);
            }
        }
        if models.len() > 2 {
            report_pool(source, rows, &models, options, &mut diagrams);
        }
        report_calibration(rows, options.samples);
    }
    for pair in options.pairs.iter().filter(|pair| !reported.contains(pair)) {
        let (weak, strong) = pair;
        say(&format!("\n{weak} -> {strong}: no prompts in common"));
    }
    say(&notes(options.samples));
    draw(options.plot.as_deref(), &diagrams)
}

/// What the numbers of the tables are.
fn notes(samples: u32) -> String {
    format!(
        "\n\
Intervals: 95 % of {samples} bootstrap draws of the prompts. AUC is \"none\" where all
outcomes are of one kind (of chances: a score of at least 0.5, or less; of
pairs: the second better by more than 0.5, or not). Pools: area is 0 for random
mixing and 1 for the oracle, \"none\" where the best single model is the
cheapest too; saved is the share of the best single model's cost at 98 or 95 %
of its score, \"none\" where that score is not reached; nothing saved by mixing
has no multiple. Length alone is in pools, for every model, a least squares
line on ln(1 + bytes) that was fitted on these very prompts, as are the models'
mean scores and the median of the tokens: that favours these baselines."
    )
}

/// The pairs to grade in a source: those asked for, or one of its own.
fn pairs_of(
    source: &str,
    models: &[(String, f64)],
    asked: &[(String, String)],
) -> Vec<(String, String)> {
    if !asked.is_empty() {
        return asked.to_vec();
    }
    match models {
        [] => say(&format!(
            "\n{source}: no model has outcomes of nearly every prompt"
        )),
        [(only, _)] => say(&format!(
            "\n{source}: {only} is the only model with outcomes of nearly every prompt, no pair to grade"
        )),
        [.., (best, _)] => {
            let (weak, _) = &models[(models.len() / 3).min(models.len() - 2)];
            return vec![(weak.clone(), best.clone())];
        }
    }
    Vec::new()
}

/// Models that nearly every prompt of a source has, weakest first, with their mean score.
fn models_of(rows: &[(&Example, &Forecast)]) -> Vec<(String, f64)> {
    let mut sums: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    for outcome in rows.iter().flat_map(|(example, _)| &example.outcomes) {
        let (sum, count) = sums.entry(&outcome.model).or_default();
        *sum += f64::from(outcome.score);
        *count += 1;
    }
    let mut models: Vec<(String, f64)> = sums
        .into_iter()
        .filter(|(_, (_, count))| count * 20 >= rows.len() * 19)
        .map(|(model, (sum, count))| (model.to_owned(), sum / count as f64))
        .collect();
    models.sort_by(|a, b| a.1.total_cmp(&b.1));
    models
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_read_or_refused() {
        let known = BTreeSet::from(["weak", "strong"]);
        let pair = pair_of("weak, strong", &known).expect("a pair");
        assert_eq!(pair, ("weak".to_owned(), "strong".to_owned()));
        for (wrong, why) in [
            ("weak", "WEAK,STRONG"),
            ("weak,weak", "two models"),
            ("weak,strang", "nearest: strong"),
            ("weak,", "no outcomes"),
        ] {
            let error = pair_of(wrong, &known).expect_err(wrong).to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_source_has_a_pair_where_it_has_two_models() {
        let models: Vec<(String, f64)> = ["a", "b", "c", "d"]
            .map(|model| (model.to_owned(), 0.5))
            .to_vec();
        let own = |count: usize| pairs_of("source", &models[..count], &[]);
        let pair = |weak: &str, strong: &str| vec![(weak.to_owned(), strong.to_owned())];
        assert!(own(0).is_empty() && own(1).is_empty());
        assert_eq!(own(2), pair("a", "b"));
        assert_eq!(own(4), pair("b", "d"));
        assert_eq!(pairs_of("source", &[], &pair("x", "y")), pair("x", "y"));
    }
}
