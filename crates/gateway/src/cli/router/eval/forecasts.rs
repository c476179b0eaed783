//! Whether what is forecast comes: chances of success and output tokens.

use std::collections::HashMap;

use steelyard_router::eval::{Answer, Chances, Medians};
use steelyard_router::train::Example;

use super::super::super::say;
use super::super::data::counted;
use super::{Forecast, LEAST_PROMPTS, cells};

/// Prints how far the forecasts of all answers are from what came.
pub(super) fn report_calibration(rows: &[(&Example, &Forecast)], samples: u32) {
    let answers = answers(rows);
    if answers.is_empty() {
        say("  no chances to grade: the weights know none of these models");
    } else if let Some(few) = too_few(answers.iter().map(|answer| answer.prompt)) {
        say(&format!("  chances: {few}"));
    } else {
        say_chances(Chances::new(answers, rows.len()), samples);
    }
    say_tokens(rows, samples);
}

/// Says so where these positions, ascending, are of too few prompts.
fn too_few(prompts: impl Iterator<Item = usize>) -> Option<String> {
    let mut prompts: Vec<usize> = prompts.collect();
    prompts.dedup();
    (prompts.len() < LEAST_PROMPTS).then(|| {
        let prompts = counted(prompts.len(), "prompt");
        format!("known of {prompts}, {LEAST_PROMPTS} are needed")
    })
}

/// The answers of all models that have a forecast.
fn answers(rows: &[(&Example, &Forecast)]) -> Vec<Answer> {
    let mut models = HashMap::new();
    let mut answers = Vec::new();
    for (prompt, (example, forecast)) in rows.iter().enumerate() {
        for outcome in &example.outcomes {
            if let Some(chance) = forecast.success.get(&outcome.model) {
                let next = models.len();
                answers.push(Answer {
                    prompt,
                    model: *models.entry(outcome.model.as_str()).or_insert(next),
                    chance: f64::from(*chance),
                    score: f64::from(outcome.score),
                });
            }
        }
    }
    answers
}

fn line(name: &str, scorer: &str, baseline: &str) {
    say(format!("  {name:<19} {scorer:<19} {baseline}").trim_end());
}

const ERROR: &str = "calibration error";

/// Prints how far chances are from what came, beside the mean score of each model.
pub(super) fn say_chances(chances: Chances, samples: u32) {
    if chances.is_empty() {
        return;
    }
    let heading = format!("{} answers", chances.len());
    line(&heading, "chances     95 %", "each model's mean score");
    let baseline = chances.by_mean_score();
    let (ours, theirs) = (chances.grade(), baseline.grade());
    let (of_ours, of_theirs) = (chances.intervals(samples), baseline.intervals(samples));
    for (name, ours, theirs) in [
        (
            ERROR,
            (ours.calibration_error, of_ours.calibration_error),
            (theirs.calibration_error, of_theirs.calibration_error),
        ),
        ("AUC", (ours.auc, of_ours.auc), (theirs.auc, of_theirs.auc)),
        (
            "Brier",
            (ours.brier, of_ours.brier),
            (theirs.brier, of_theirs.brier),
        ),
    ] {
        let cell = |(value, interval)| cells::number(value, interval, 3);
        // The means are those of these very answers: nothing is apart.
        let theirs = if name == ERROR {
            "0".to_owned()
        } else {
            cell(theirs)
        };
        line(name, &cell(ours), &theirs);
    }
}

/// Prints the median relative error of the expected output tokens, beside always guessing the
/// median of all answers.
fn say_tokens(rows: &[(&Example, &Forecast)], samples: u32) {
    let known: Vec<(usize, f64, f64)> = rows
        .iter()
        .enumerate()
        .flat_map(|(prompt, (example, forecast))| {
            let expected = f64::from(forecast.expected_output_tokens);
            let tokens = example.outcomes.iter().filter_map(|one| one.output_tokens);
            let tokens = tokens.filter(|tokens| *tokens >= 1.0);
            tokens.map(move |tokens| (prompt, expected, f64::from(tokens)))
        })
        .collect();
    if known.is_empty() {
        return;
    }
    if let Some(few) = too_few(known.iter().map(|(prompt, ..)| *prompt)) {
        say(&format!("  output tokens: {few}"));
        return;
    }
    let lengths = known.iter().map(|(prompt, _, tokens)| (*prompt, *tokens));
    let median = Medians::new(lengths.collect(), rows.len()).median();
    let errors = |guess: &dyn Fn(f64) -> f64| {
        let errors = known.iter().map(|(prompt, expected, tokens)| {
            (*prompt, (guess(*expected) - tokens).abs() / tokens)
        });
        let errors = Medians::new(errors.collect(), rows.len());
        cells::share(errors.median(), errors.interval(samples), 1)
    };
    line("output tokens", "expected    95 %", "always their median");
    line(
        "median rel. error",
        &errors(&|expected| expected),
        &errors(&|_| median),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_few_prompts_are_not_graded() {
        // Many models answered each.
        let answers = |prompts: usize| (0..prompts).flat_map(|prompt| [prompt; 5]);
        assert_eq!(too_few(answers(10)), None);
        let told = too_few(answers(9)).expect("too few");
        assert_eq!(told, "known of 9 prompts, 10 are needed");
        assert!(too_few(answers(1)).is_some_and(|told| told.contains("1 prompt,")));
    }
}
