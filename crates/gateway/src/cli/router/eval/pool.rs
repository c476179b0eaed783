//! Pools: the cost-quality curve of all models of a source.

use steelyard_router::estimate_tokens;
use steelyard_router::eval::{
    Choice, CurvePoint, Interval, PoolGrade, PoolRow, bootstrap, grade_pool,
};
use steelyard_router::train::Example;

use super::super::super::say;
use super::super::plot::{Curve, Diagram};
use super::prices::usual_price;
use super::{Forecast, Options};

/// Answer tokens where the data has none.
const USUAL_TOKENS: f64 = 200.0;

pub(super) fn report_pool(
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
    say_saved(&grade, ratio);
    let curve = |name: &str, colour, points: &[CurvePoint]| Curve {
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

/// Prints what is saved of the best single model's cost.
fn say_saved(grade: &PoolGrade, of_98: Interval) {
    if grade.best.1.cost <= 0.0 {
        say("  the best single model costs nothing, so there is nothing to save");
        return;
    }
    for (name, (ours, mixing), interval) in [
        ("98", grade.saved_98, Some(of_98)),
        ("95", grade.saved_95, None),
    ] {
        if !ours.is_finite() {
            say(&format!("  {name} % of its quality is not reached"));
            continue;
        }
        let interval = interval.filter(|interval| interval.low.is_finite());
        let interval = interval.map_or(String::new(), |interval| {
            format!(
                " (95 %: {:.1} .. {:.1})",
                100.0 * interval.low,
                100.0 * interval.high
            )
        });
        // What mixing does not save either has no multiple.
        let times = if mixing > 1e-3 {
            format!(", {:.2} times", ours / mixing)
        } else {
            String::new()
        };
        say(&format!(
            "  saved at {name} % of its quality: {:.1} %{interval}, random mixing {:.1} %{times}",
            100.0 * ours,
            100.0 * mixing,
        ));
    }
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
