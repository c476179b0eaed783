//! Whether an own head helps: the whole recipe, graded on outcomes that it had not seen.

use super::Judged;
use super::head::{Folds, Models, chance, fit};
use super::logistic::{self, Row, log_loss};
use crate::Scorer;
use crate::eval::{Interval, bootstrap};

/// Mean losses of the forecasts of one way to judge; smaller is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Losses {
    /// Mean log loss.
    pub log_loss: f64,
    /// Mean squared error.
    pub brier: f64,
}

/// One outcome with the forecasts of fits that had not seen it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeldOut {
    /// What came, in [0, 1].
    pub outcome: f64,
    /// By the capability alone.
    pub capability: f64,
    /// By the capability and its correction.
    pub head: f64,
    /// By the length of the prompt.
    pub length: f64,
}

/// The recipe of [`Scorer::calibrate`] on parts held out, for one model.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Every outcome, in the order given.
    pub held_out: Vec<HeldOut>,
    /// By the capability alone.
    pub capability: Losses,
    /// By the capability and its correction.
    pub head: Losses,
    /// By the length of the prompt.
    pub length: Losses,
    /// Log loss of the capability less that of the head: what the head is better by.
    pub better_by: f64,
    /// Its bootstrap interval of 95 %.
    pub interval: Interval,
}

/// Parts of the outcomes, each forecast by a fit on the others.
const FOLDS: usize = 10;
const SAMPLES: u32 = 1_000;

impl Scorer {
    /// Grades the recipe of [`Scorer::calibrate`]: every outcome is forecast by fits, strength
    /// included, that had not seen its prompt.
    #[must_use]
    pub fn try_heads(&self, models: &[Vec<Judged>]) -> Vec<Trial> {
        let borrowed: Models<'_> = models.iter().map(|own| own.iter().collect()).collect();
        let folds = Folds::new(&borrowed, FOLDS);
        let forecasts: Vec<Vec<Vec<HeldOut>>> = folds
            .parts(&borrowed)
            .map(|part| {
                let (fitted, others): (Models<'_>, Models<'_>) = part.into_iter().unzip();
                self.forecast(&fitted, &others)
            })
            .collect();
        let in_order = |(model, outcomes): (usize, &Vec<&Judged>)| {
            let mut taken = [0; FOLDS];
            let next = |judged: &&Judged| {
                let part = folds.of(judged);
                let row = forecasts.get(part)?.get(model)?.get(taken[part]).copied();
                taken[part] += 1;
                row
            };
            Trial::of(outcomes.iter().filter_map(next).collect())
        };
        borrowed.iter().enumerate().map(in_order).collect()
    }

    /// Forecasts of outcomes of models by fits on others of the same models.
    #[must_use]
    pub fn forecast(&self, fitted: &[Vec<&Judged>], others: &[Vec<&Judged>]) -> Vec<Vec<HeldOut>> {
        let calibrated = fit(self, &fitted.to_vec());
        let models = calibrated.models.iter().zip(fitted).zip(others);
        models
            .map(|(((place, head), fitted), others)| {
                let rows: Vec<Row> = fitted.iter().map(|judged| length_row(judged)).collect();
                let by_length = logistic::fit(&rows.iter().collect::<Vec<_>>(), &[1e-3, 1e-3]);
                let forecast = |judged: &&Judged| HeldOut {
                    outcome: f64::from(judged.outcome),
                    capability: chance(self, place.capability, None, judged),
                    head: chance(self, place.capability, head.as_ref(), judged),
                    length: logistic::chance(&length_row(judged), &by_length),
                };
                others.iter().map(forecast).collect()
            })
            .collect()
    }
}

impl Trial {
    /// Sums up forecasts.
    #[must_use]
    pub fn of(held_out: Vec<HeldOut>) -> Self {
        let better = |rows: &[HeldOut]| {
            let differences = rows
                .iter()
                .map(|row| log_loss(row.capability, row.outcome) - log_loss(row.head, row.outcome));
            differences.sum::<f64>() / rows.len().max(1) as f64
        };
        Self {
            capability: losses(&held_out, |row| row.capability),
            head: losses(&held_out, |row| row.head),
            length: losses(&held_out, |row| row.length),
            better_by: better(&held_out),
            interval: bootstrap(&held_out, SAMPLES, 1, better),
            held_out,
        }
    }
}

fn losses(rows: &[HeldOut], forecast: impl Fn(&HeldOut) -> f64) -> Losses {
    let count = rows.len().max(1) as f64;
    let log_losses = rows.iter().map(|row| log_loss(forecast(row), row.outcome));
    let squares = rows.iter().map(|row| (forecast(row) - row.outcome).powi(2));
    Losses {
        log_loss: log_losses.sum::<f64>() / count,
        brier: squares.sum::<f64>() / count,
    }
}

fn length_row(judged: &Judged) -> Row {
    Row {
        features: vec![1.0, (1.0 + judged.bytes as f64).ln() - 5.0],
        offset: 0.0,
        target: f64::from(judged.outcome),
    }
}
