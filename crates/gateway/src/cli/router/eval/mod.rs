//! `steelyard router eval`: grades a scorer against recorded outcomes.

mod forecasts;
mod pair;
mod pool;
mod prices;
mod route;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use steelyard_router::train::Example;
use steelyard_router::{ScoreInput, Scorer, Scratch, Shape};

use self::forecasts::report_calibration;
use self::pair::report_pair;
use self::pool::report_pool;
use self::prices::price_of;
use super::super::say;
use super::data::{Weights, examples, files};
use super::output;
use super::plot::{Diagram, svg};

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
    }
    let recorded = examples(&files)?;
    let weights = Weights::load(args.weights.as_deref())?;
    if let (Some(config), Some(route)) = (&args.config, &args.route) {
        return grade_route(args, config, route, &recorded, weights);
    }
    let scorer = weights.scorer();
    let mut scratch = Scratch::new();
    let forecasts: Vec<Option<Forecast>> = recorded
        .iter()
        .map(|example| {
            let input = ScoreInput {
                segments: &[example.text.as_str()],
                shape: Shape::default(),
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
    let options = Options {
        pairs: args
            .pair
            .iter()
            .map(|pair| pair_of(pair))
            .collect::<anyhow::Result<_>>()?,
        prices: args
            .price
            .iter()
            .map(|price| price_of(price))
            .collect::<anyhow::Result<_>>()?,
        samples: args.samples,
        plot: args.plot.clone(),
    };
    say_weights(scorer, &recorded);
    report(&recorded, &forecasts, &options)?;
    Ok(ExitCode::SUCCESS)
}

fn say_weights(scorer: &Scorer, recorded: &[Example]) {
    say(&format!("{}, {} prompts", scorer.version(), recorded.len()));
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
    if let Some(path) = path {
        output::write(path, svg(diagrams).as_bytes())?;
        say(&format!("\nwrote {}", path.display()));
    }
    Ok(())
}

fn pair_of(text: &str) -> anyhow::Result<(String, String)> {
    let (weak, strong) = text.split_once(',').context("a pair is WEAK,STRONG")?;
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
    for (source, rows) in &sources {
        let models = models_of(rows);
        let Some(best) = models.last() else { continue };
        let pairs: Vec<(String, String)> = if options.pairs.is_empty() {
            let weak = &models[(models.len() / 3).min(models.len().saturating_sub(2))];
            vec![(weak.0.clone(), best.0.clone())]
        } else {
            options.pairs.clone()
        };
        for (weak, strong) in &pairs {
            report_pair(source, rows, (weak, strong), options.samples, &mut diagrams);
        }
        if models.len() > 2 {
            report_pool(source, rows, &models, options, &mut diagrams);
        }
        report_calibration(rows);
    }
    draw(options.plot.as_deref(), &diagrams)
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
        let pair = pair_of("weak,strong").expect("a pair");
        assert_eq!(pair, ("weak".to_owned(), "strong".to_owned()));
        assert!(pair_of("weak").is_err());
    }
}
