//! Pools: the cost-quality curve of all models of a source.

use steelyard_router::estimate_tokens;
use steelyard_router::eval::{
    Choice, CurvePoint, Earned, Interval, Line, Pool, PoolGrade, PoolRow, bootstrap_counts,
    times_mixing,
};
use steelyard_router::train::Example;

use super::super::super::say;
use super::super::plot::{Axis, Curve, Diagram, Drawn};
use super::prices::usual_price;
use super::{Forecast, Options, cells};

/// Answer tokens where the data has none.
const USUAL_TOKENS: f64 = 200.0;

/// Colours of the scorer, of length and of mixing.
const COLOURS: [&str; 3] = ["#06c", "#909", "#666"];

pub(super) fn report_pool(
    source: &str,
    rows: &[(&Example, &Forecast)],
    models: &[(String, f64)],
    options: &Options,
    diagrams: &mut Vec<Diagram>,
) {
    let models: Vec<Priced<'_>> = models
        .iter()
        .map(|(model, _)| {
            let price = options.prices.get(model).copied();
            Priced {
                model,
                price: price.unwrap_or_else(|| usual_price(model)),
                tokens: mean_tokens(rows, model),
                by_length: by_length(rows, model),
            }
        })
        .collect();
    let pool: Vec<PoolRow> = rows
        .iter()
        .filter_map(|row| pool_row(row, &models))
        .collect();
    let Some(choices) = Pool::new(&pool) else {
        return;
    };
    let Some(grade) = choices.grade(&vec![1; pool.len()]) else {
        return;
    };
    let intervals = bootstrap_counts(pool.len(), options.samples, 1, |times| {
        let drawn = choices.grade(times);
        drawn.map_or([f64::NAN; MEASURES], |grade| measures(&grade))
    });
    say(&format!(
        "  pool of {} models, {} prompts; best single {}",
        models.len(),
        pool.len(),
        models[grade.best.0].model
    ));
    say_table(&grade, &intervals);
    diagrams.push(Diagram {
        title: format!("{source}: pool of {} models", models.len()),
        across: ("dollars per million prompts", Axis::Number),
        up: ("mean score", Axis::Number),
        curves: curves(&grade, &intervals),
    });
}

/// What is told of a pool: in each of five lines that of the scorer, of length and of mixing.
const MEASURES: usize = 15;

fn measures(grade: &PoolGrade) -> [f64; MEASURES] {
    let each = [&grade.forecast, &grade.by_length, &grade.mixing];
    let of = |line: usize, earned: &Earned| match line {
        0 => earned.area,
        1 => earned.saved_98,
        2 => times_mixing(earned.saved_98, grade.mixing.saved_98),
        3 => earned.saved_95,
        _ => times_mixing(earned.saved_95, grade.mixing.saved_95),
    };
    std::array::from_fn(|index| of(index / 3, each[index % 3]))
}

/// Prints what is earned beside the best single model.
fn say_table(grade: &PoolGrade, intervals: &[Interval; MEASURES]) {
    let line = |name: &str, cells: [&str; 3]| {
        let [scorer, length, mixing] = cells;
        let line = format!("  {name:<17} {scorer:<19} {length:<19} {mixing}");
        say(line.trim_end());
    };
    line("", ["scorer     95 %", "length alone", "random mixing"]);
    let values = measures(grade);
    let is_free = grade.best.1.cost <= 0.0;
    for (index, name) in [
        "area",
        "saved at 98 %",
        "  times mixing",
        "saved at 95 %",
        "  times mixing",
    ]
    .into_iter()
    .enumerate()
    {
        if index > 0 && is_free {
            say("  the best single model costs nothing, so there is nothing to save");
            return;
        }
        let cell = |column: usize| {
            let (value, interval) = (values[3 * index + column], intervals[3 * index + column]);
            match (index, column) {
                (0, 2) => "0".to_owned(),
                (2 | 4, 2) => "1".to_owned(),
                (0, _) => cells::number(value, interval, 3),
                (1 | 3, _) => cells::share(value, interval, 1),
                (_, _) => cells::number(value, interval, 2),
            }
        };
        line(name, [&cell(0), &cell(1), &cell(2)]);
    }
}

/// The curves, with what they cost at 98 % of the best single model's score.
fn curves(grade: &PoolGrade, intervals: &[Interval; MEASURES]) -> Vec<Curve> {
    // Prices are per million tokens, so these are costs of a million prompts.
    let curve = |name, colour, drawn, points: &[CurvePoint]| {
        Curve::of_costs((name, colour, drawn), points, 1.0)
    };
    let [scorer, length, mixing] = COLOURS;
    let mut curves = vec![
        curve("oracle", "#390", Drawn::Line, &grade.oracle),
        curve("scorer", scorer, Drawn::Line, &grade.curve),
        curve("length alone", length, Drawn::Line, &grade.by_length_curve),
        curve("random mixing", mixing, Drawn::Dashed, &grade.mixing_curve),
    ];
    let (_, best) = grade.best;
    let mut name = "cost at 98 %";
    for (column, colour) in COLOURS.into_iter().enumerate() {
        let interval = intervals[3 + column];
        if interval.low.is_finite() && interval.high.is_finite() {
            let at = |saved: f64| (best.cost * (1.0 - saved), 0.98 * best.score);
            curves.push(Curve {
                // The legend needs only one of them.
                name: std::mem::take(&mut name).to_owned(),
                colour,
                drawn: Drawn::Whisker,
                points: vec![at(interval.high), at(interval.low)],
            });
        }
    }
    curves
}

/// A model of a pool, with what is expected of it.
struct Priced<'a> {
    model: &'a str,
    /// Dollars per million tokens of input and output.
    price: (f64, f64),
    /// Mean length of its answers.
    tokens: f64,
    /// Its score by the logarithm of the prompt's bytes.
    by_length: Line,
}

/// Logarithm of one more than the bytes of a prompt.
fn log_length(example: &Example) -> f64 {
    (example.text.len() as f64).ln_1p()
}

/// A model's score by the length of the prompt, fitted on these very prompts.
fn by_length(rows: &[(&Example, &Forecast)], model: &str) -> Line {
    let points: Vec<(f64, f64)> = rows
        .iter()
        .flat_map(|(example, _)| {
            let outcomes = example.outcomes.iter();
            let of_model = outcomes.filter(|outcome| outcome.model == model);
            of_model.map(|outcome| (log_length(example), f64::from(outcome.score)))
        })
        .collect();
    Line::fit(&points)
}

fn mean_tokens(rows: &[(&Example, &Forecast)], model: &str) -> f64 {
    let known = rows.iter().flat_map(|(example, _)| &example.outcomes);
    let known = known.filter(|outcome| outcome.model == model);
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
}

fn pool_row((example, forecast): &(&Example, &Forecast), models: &[Priced<'_>]) -> Option<PoolRow> {
    let input = estimate_tokens(&example.text) as f64;
    models
        .iter()
        .map(|priced| {
            let outcome = example
                .outcomes
                .iter()
                .find(|outcome| outcome.model == priced.model)?;
            let output = outcome.output_tokens.map_or(priced.tokens, f64::from);
            let (input_price, output_price) = priced.price;
            Some(Choice {
                forecast: f64::from(*forecast.success.get(priced.model)?),
                by_length: priced.by_length.at(log_length(example)),
                expected_cost: input * input_price + priced.tokens * output_price,
                cost: input * input_price + output * output_price,
                score: f64::from(outcome.score),
            })
        })
        .collect()
}
