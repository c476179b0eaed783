use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use steelyard_router::eval::{
    Choice, PairGrade, PairPoint, PoolRow, auc, bootstrap, calibration_error, grade_pair,
    grade_pool,
};
use steelyard_router::train::Example;
use steelyard_router::{ScoreInput, Scratch, Shape, estimate_tokens};

use super::super::say;
use super::data::{Weights, examples};
use super::plot::{Curve, Diagram, svg};

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
    let recorded = examples(&args.data)?;
    let weights = Weights::load(args.weights.as_deref())?;
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
    say(&format!("{}, {} prompts", scorer.version(), recorded.len()));
    say("Prompts that the weights were fitted on grade too well: see docs/scorer.md.");
    report(&recorded, &forecasts, &options)?;
    Ok(ExitCode::SUCCESS)
}

fn pair_of(text: &str) -> anyhow::Result<(String, String)> {
    let (weak, strong) = text.split_once(',').context("a pair is WEAK,STRONG")?;
    Ok((weak.to_owned(), strong.to_owned()))
}

fn price_of(text: &str) -> anyhow::Result<(String, (f64, f64))> {
    let read = || {
        let (model, price) = text.rsplit_once('=')?;
        let (input, output) = price.split_once('/')?;
        let price: (f64, f64) = (input.parse().ok()?, output.parse().ok()?);
        Some((model.to_owned(), price))
    };
    let (model, price) =
        read().with_context(|| format!("{text}: a price is MODEL=INPUT/OUTPUT"))?;
    ensure!(
        price.0 >= 0.0 && price.1 >= 0.0,
        "{text}: a price is not negative"
    );
    Ok((model, price))
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
    if let Some(path) = &options.plot {
        std::fs::write(path, svg(&diagrams))
            .with_context(|| format!("cannot write {}", path.display()))?;
        say(&format!("\nwrote {}", path.display()));
    }
    Ok(())
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

fn score_of(example: &Example, model: &str) -> Option<f64> {
    let mut outcomes = example.outcomes.iter();
    outcomes
        .find(|outcome| outcome.model == model)
        .map(|outcome| f64::from(outcome.score))
}

/// How a pair's prompts can be ordered.
type Order<'a> = (
    &'a str,
    Box<dyn Fn(&Example, &Forecast) -> Option<f64> + 'a>,
);

fn report_pair(
    source: &str,
    rows: &[(&Example, &Forecast)],
    (weak, strong): (&str, &str),
    samples: u32,
    diagrams: &mut Vec<Diagram>,
) {
    let known = |forecast: &Forecast, model: &str| forecast.success.get(model).copied();
    let orders: [Order<'_>; 4] = [
        (
            "own heads",
            Box::new(|_, forecast| {
                Some(f64::from(known(forecast, strong)? - known(forecast, weak)?))
            }),
        ),
        (
            "gain",
            Box::new(|_, forecast| Some(f64::from(forecast.gain))),
        ),
        (
            "complexity",
            Box::new(|_, forecast| Some(f64::from(forecast.complexity))),
        ),
        (
            "length alone",
            Box::new(|example, _| Some(example.text.len() as f64)),
        ),
    ];
    let mut curves = Vec::new();
    let mut printed = false;
    for ((name, order), colour) in orders.iter().zip(["#06c", "#c60", "#390", "#999"]) {
        let points: Vec<PairPoint> = rows
            .iter()
            .filter_map(|(example, forecast)| {
                Some(PairPoint {
                    order: order(example, forecast)?,
                    weak: score_of(example, weak)?,
                    strong: score_of(example, strong)?,
                })
            })
            .collect();
        if points.is_empty() {
            continue;
        }
        if !printed {
            let count = points.len();
            say(&format!("\n{source}: {weak} -> {strong}, {count} prompts"));
            say(&format!(
                "  {:<14} {:>6} {:>6} {:>16} {:>8} {:>8}",
                "order", "AUC", "APGR", "95 %", "CPT(50)", "CPT(80)"
            ));
            printed = true;
        }
        let PairGrade {
            apgr,
            cpt50,
            cpt80,
            auc,
        } = grade_pair(&points);
        let interval = bootstrap(&points, samples, 1, |points| grade_pair(points).apgr);
        say(&format!(
            "  {name:<14} {auc:>6.3} {apgr:>6.3} {:>7.3} .. {:>5.3} {:>7.1}% {:>7.1}%",
            interval.low,
            interval.high,
            100.0 * cpt50,
            100.0 * cpt80
        ));
        curves.push(pair_curve(name, colour, &points));
    }
    if printed {
        say(&format!(
            "  {:<14} {:>6.3} {:>6.3} {:>16} {:>7.1}% {:>7.1}%",
            "random", 0.5, 0.5, "", 50.0, 80.0
        ));
        diagrams.push(Diagram {
            title: format!("{source}: {weak} -> {strong}"),
            across: "share of strong calls",
            up: "mean score",
            curves,
        });
    }
}

/// Mean score over the share of strong calls.
fn pair_curve(name: &str, colour: &'static str, points: &[PairPoint]) -> Curve {
    let mut sorted: Vec<&PairPoint> = points.iter().collect();
    sorted.sort_by(|a, b| b.order.total_cmp(&a.order));
    let count = points.len() as f64;
    let mut sum: f64 = points.iter().map(|point| point.weak).sum();
    let mut drawn = vec![(0.0, sum / count)];
    let step = (points.len() / 50).max(1);
    for (index, point) in sorted.iter().enumerate() {
        sum += point.strong - point.weak;
        if (index + 1) % step == 0 || index + 1 == points.len() {
            drawn.push(((index + 1) as f64 / count, sum / count));
        }
    }
    Curve {
        name: name.to_owned(),
        colour,
        points: drawn,
    }
}

/// Answer tokens where the data has none.
const USUAL_TOKENS: f64 = 200.0;

fn report_pool(
    source: &str,
    rows: &[(&Example, &Forecast)],
    models: &[(String, f64)],
    options: &Options,
    diagrams: &mut Vec<Diagram>,
) {
    let models: Vec<&str> = models.iter().map(|(model, _)| model.as_str()).collect();
    let prices: Vec<(f64, f64)> = models
        .iter()
        .map(|model| {
            options
                .prices
                .get(*model)
                .copied()
                .unwrap_or_else(|| usual_price(model))
        })
        .collect();
    let lengths = mean_tokens(rows, &models);
    let pool: Vec<PoolRow> = rows
        .iter()
        .filter_map(|row| pool_row(row, &models, &prices, &lengths))
        .collect();
    let Some(grade) = grade_pool(&pool) else {
        return;
    };
    let borrowed: Vec<&PoolRow> = pool.iter().collect();
    let ratio = bootstrap(&borrowed, (options.samples / 10).max(20), 1, |drawn| {
        let drawn: Vec<PoolRow> = drawn.iter().map(|row| (*row).clone()).collect();
        grade_pool(&drawn).map_or(f64::NAN, |grade| grade.saved_98.0)
    });
    let best = models[grade.best.0];
    say(&format!(
        "  pool of {} models, {} prompts; best single {best}",
        models.len(),
        pool.len()
    ));
    say(&format!(
        "  area between random mixing (0) and the oracle (1): {:.3}",
        grade.area
    ));
    for (name, (ours, mixing), interval) in [
        ("98", grade.saved_98, Some(ratio)),
        ("95", grade.saved_95, None),
    ] {
        let interval = interval.map_or(String::new(), |interval| {
            format!(
                " (95 %: {:.1} .. {:.1})",
                100.0 * interval.low,
                100.0 * interval.high
            )
        });
        if !ours.is_finite() {
            say(&format!("  {name} % of its quality is not reached"));
            continue;
        }
        say(&format!(
            "  saved at {name} % of its quality: {:.1} %{interval}, random mixing {:.1} %, {:.2} times",
            100.0 * ours,
            100.0 * mixing,
            ours / mixing.max(1e-9)
        ));
    }
    let curve = |name: &str, colour, points: &[steelyard_router::eval::CurvePoint]| Curve {
        name: name.to_owned(),
        colour,
        points: points
            .iter()
            .map(|point| (point.cost, point.score))
            .collect(),
    };
    diagrams.push(Diagram {
        title: format!("{source}: pool of {} models", models.len()),
        across: "dollars per million prompts",
        up: "mean score",
        curves: vec![
            curve("scorer", "#06c", &grade.curve),
            curve("oracle", "#390", &grade.oracle),
            curve("random mixing", "#999", &grade.mixing),
        ],
    });
}

fn mean_tokens(rows: &[(&Example, &Forecast)], models: &[&str]) -> Vec<f64> {
    let mean = |model: &&str| {
        let known = rows.iter().flat_map(|(example, _)| &example.outcomes);
        let known = known.filter(|outcome| outcome.model == **model);
        let (sum, count) = known
            .filter_map(|outcome| outcome.output_tokens)
            .fold((0.0, 0.0), |(sum, count), tokens| {
                (sum + f64::from(tokens), count + 1.0)
            });
        if count > 0.0 {
            sum / count
        } else {
            USUAL_TOKENS
        }
    };
    models.iter().map(mean).collect()
}

fn pool_row(
    (example, forecast): &(&Example, &Forecast),
    models: &[&str],
    prices: &[(f64, f64)],
    lengths: &[f64],
) -> Option<PoolRow> {
    let input = estimate_tokens(&example.text) as f64;
    models
        .iter()
        .zip(prices.iter().zip(lengths))
        .map(|(model, ((input_price, output_price), length))| {
            let outcome = example
                .outcomes
                .iter()
                .find(|outcome| outcome.model == **model)?;
            let output = outcome.output_tokens.map_or(*length, f64::from);
            Some(Choice {
                forecast: f64::from(*forecast.success.get(*model)?),
                expected_cost: input * input_price + length * output_price,
                cost: input * input_price + output * output_price,
                score: f64::from(outcome.score),
            })
        })
        .collect()
}

/// Dollars per million tokens of input and output, where none are given: list prices of the two
/// families that do not say their size, otherwise two cents per billion parameters for both.
fn usual_price(model: &str) -> (f64, f64) {
    if model.contains("gemini") {
        return if model.contains("flash") {
            (0.075, 0.3)
        } else {
            (1.25, 5.0)
        };
    }
    let size = billions(model).unwrap_or(50.0);
    (0.02 * size, 0.02 * size)
}

/// `llama-3-70b` has 70; of `8x7b` about a quarter works at a time.
fn billions(model: &str) -> Option<f64> {
    model.split(['-', '_']).find_map(|part| {
        let number = part.strip_suffix('b')?;
        match number.split_once('x') {
            Some((experts, size)) => {
                Some(experts.parse::<f64>().ok()? * size.parse::<f64>().ok()? / 4.0)
            }
            None => number.parse().ok(),
        }
    })
}

fn report_calibration(rows: &[(&Example, &Forecast)]) {
    let mut forecasts = Vec::new();
    let mut lengths = Vec::new();
    for (example, forecast) in rows {
        for outcome in &example.outcomes {
            if let Some(chance) = forecast.success.get(&outcome.model) {
                forecasts.push((f64::from(*chance), f64::from(outcome.score)));
            }
            if let Some(tokens) = outcome.output_tokens.filter(|tokens| *tokens >= 1.0) {
                lengths.push((
                    f64::from(forecast.expected_output_tokens),
                    f64::from(tokens),
                ));
            }
        }
    }
    if !forecasts.is_empty() {
        let area = auc(forecasts
            .iter()
            .map(|(chance, score)| (*chance, *score >= 0.5)));
        let brier: f64 = forecasts
            .iter()
            .map(|(chance, score)| (chance - score).powi(2))
            .sum();
        say(&format!(
            "  chances of {} answers: calibration error {:.3}, AUC {area:.3}, Brier {:.3}",
            forecasts.len(),
            calibration_error(&forecasts),
            brier / forecasts.len() as f64
        ));
    }
    if let Some((own, median)) = token_errors(&mut lengths) {
        say(&format!(
            "  output tokens: median relative error {:.0} %, always guessing the median {:.0} %",
            100.0 * own,
            100.0 * median
        ));
    }
}

/// Median relative error of the forecasts, and of the median of all answers.
fn token_errors(lengths: &mut [(f64, f64)]) -> Option<(f64, f64)> {
    let middle = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let median = middle(&mut lengths.iter().map(|(_, actual)| *actual).collect())?;
    let error = |forecast: f64, actual: f64| (forecast - actual).abs() / actual;
    let own = middle(
        &mut lengths
            .iter()
            .map(|(own, actual)| error(*own, *actual))
            .collect(),
    )?;
    let flat = middle(
        &mut lengths
            .iter()
            .map(|(_, actual)| error(median, *actual))
            .collect(),
    )?;
    Some((own, flat))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_names() {
        assert_eq!(billions("llama-3.1-70b-instruct"), Some(70.0));
        assert_eq!(billions("mixtral-8x7b-v0.1"), Some(14.0));
        assert_eq!(billions("gpt-4-1106-preview"), None);
    }

    #[test]
    fn options_are_read_or_refused() {
        assert_eq!(
            price_of("a=b=0.1/2").expect("a price"),
            ("a=b".to_owned(), (0.1, 2.0))
        );
        assert!(price_of("a=1").is_err() && price_of("a=-1/2").is_err());
        assert!(pair_of("weak").is_err());
    }
}
