//! Pools: the cost-quality curve of all models of a source.

use steelyard_router::estimate_tokens;
use steelyard_router::eval::{
    Choice, CurvePoint, Earned, Interval, Line, Pool, PoolGrade, PoolRow, bootstrap_counts,
    times_mixing,
};
use steelyard_router::train::Example;

use super::super::super::say;
use super::super::data::counted;
use super::super::plot::{Axis, Curve, Diagram, Drawn};
use super::prices::usual_price;
use super::{Forecast, LEAST_PROMPTS, Options, cells};

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
    let models = priced(rows, models, options);
    let pool: Vec<PoolRow> = rows
        .iter()
        .filter_map(|row| pool_row(row, &models))
        .collect();
    if let Some(why) = ungradable(rows, &models, &pool) {
        say(&format!("  no pool of {} models: {why}", models.len()));
        return;
    }
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

fn priced<'a>(
    rows: &[(&Example, &Forecast)],
    models: &'a [(String, f64)],
    options: &Options,
) -> Vec<Priced<'a>> {
    let models = models.iter().map(|(model, _)| {
        let price = options.prices.get(model).copied();
        Priced {
            model,
            price: price.unwrap_or_else(|| usual_price(model)),
            tokens: mean_tokens(rows, model),
            by_length: by_length(rows, model),
        }
    });
    models.collect()
}

/// Why nothing can be said of the pool.
fn ungradable(
    rows: &[(&Example, &Forecast)],
    models: &[Priced<'_>],
    pool: &[PoolRow],
) -> Option<String> {
    let is_unknown = |priced: &&Priced<'_>| {
        let mut forecasts = rows.iter().map(|(_, forecast)| forecast);
        !forecasts.any(|forecast| forecast.success.contains_key(priced.model))
    };
    let mut unknown = models.iter().filter(is_unknown);
    if let Some(first) = unknown.next() {
        let more = match unknown.count() {
            0 => String::new(),
            more => format!(" and {}", counted(more, "other")),
        };
        return Some(format!("the weights do not know {}{more}", first.model));
    }
    if pool.len() < LEAST_PROMPTS {
        let prompts = counted(pool.len(), "prompt");
        return Some(format!(
            "{prompts} with outcomes of all, {LEAST_PROMPTS} are needed"
        ));
    }
    let is_alike = |row: &PoolRow| {
        let mut pairs = row.windows(2);
        pairs.all(|pair| (pair[0].score - pair[1].score).abs() < 1e-9)
    };
    pool.iter()
        .all(is_alike)
        .then(|| "all score the same on every prompt, so there is nothing to choose".to_owned())
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
                (2 | 4, 2) if value.is_finite() => "1".to_owned(),
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

#[cfg(test)]
mod tests {
    use steelyard_router::train::Outcome;

    use super::*;

    fn prompts(count: usize, score: impl Fn(usize, &str) -> f32) -> Vec<Example> {
        let outcome = |index: usize, model: &str| Outcome {
            model: model.to_owned(),
            score: score(index, model),
            output_tokens: None,
        };
        let example = |index: usize| Example {
            source: "source".to_owned(),
            task: "task".to_owned(),
            text: "x".repeat(index),
            outcomes: ["a", "b", "c"].map(|model| outcome(index, model)).to_vec(),
        };
        (0..count).map(example).collect()
    }

    /// Why a pool of three models is not graded, where the weights know these.
    fn why(examples: &[Example], known: &[&str]) -> Option<String> {
        let forecast = Forecast {
            gain: 0.0,
            complexity: 0.5,
            expected_output_tokens: 10,
            success: known.iter().map(|name| ((*name).to_owned(), 0.5)).collect(),
        };
        let rows: Vec<(&Example, &Forecast)> =
            examples.iter().map(|one| (one, &forecast)).collect();
        let models = ["a", "b", "c"].map(|name| (name.to_owned(), 0.5));
        let models = priced(&rows, &models, &Options::default());
        let pool: Vec<PoolRow> = rows
            .iter()
            .filter_map(|row| pool_row(row, &models))
            .collect();
        ungradable(&rows, &models, &pool)
    }

    #[test]
    fn a_pool_that_is_not_graded_says_why() {
        let mixed = |index: usize, model: &str| f32::from(u8::from(model == "a" || index == 0));
        let all = ["a", "b", "c"];
        assert_eq!(why(&prompts(10, mixed), &all), None);
        let told = |examples: &[Example], known: &[&str]| why(examples, known).expect("a reason");
        assert_eq!(
            told(&prompts(9, mixed), &all),
            "9 prompts with outcomes of all, 10 are needed"
        );
        let mut lacking = prompts(11, mixed);
        for (index, lacks) in [(3, 0), (4, 1), (5, 2)] {
            lacking[index].outcomes.remove(lacks);
        }
        assert!(told(&lacking, &all).starts_with("8 prompts with outcomes of all"));
        assert_eq!(
            told(&prompts(10, mixed), &["b"]),
            "the weights do not know a and 1 other"
        );
        assert_eq!(
            told(&prompts(10, mixed), &["a", "c"]),
            "the weights do not know b"
        );
        for score in [0.0, 1.0] {
            let alike = told(&prompts(10, |_, _| score), &all);
            assert!(alike.starts_with("all score the same"), "{alike}");
        }
        // Hard and easy prompts, on which nobody is better than others.
        let hard = told(
            &prompts(10, |index, _| f32::from(u8::from(index > 4))),
            &all,
        );
        assert!(hard.starts_with("all score the same"), "{hard}");
    }
}
