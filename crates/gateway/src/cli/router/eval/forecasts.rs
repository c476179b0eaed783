//! Whether what is forecast comes: chances of success and output tokens.

use steelyard_router::eval::{auc, calibration_error};
use steelyard_router::train::Example;

use super::super::super::say;
use super::Forecast;

/// Prints how far the forecasts of all answers are from what came.
pub(super) fn report_calibration(rows: &[(&Example, &Forecast)]) {
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
