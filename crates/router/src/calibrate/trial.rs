//! Whether an own head helps: the whole recipe, graded on outcomes that it had not seen.

use super::Judged;
use super::head::{chance, fit, folds};
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

/// The recipe of [`Scorer::fit_head`] on parts held out.
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
    /// Grades the recipe of [`Scorer::fit_head`] on outcomes of one model: each is forecast by
    /// fits, strengths included, that had not seen its prompt.
    #[must_use]
    pub fn try_head(&self, outcomes: &[Judged]) -> Trial {
        let chosen: Vec<&Judged> = outcomes.iter().collect();
        let folds = folds(&chosen, FOLDS);
        let mut held_out = vec![None; outcomes.len()];
        for fold in 0..FOLDS {
            let part = |wanted: bool| {
                let members = outcomes.iter().zip(&folds).enumerate();
                let members = members.filter(move |(_, (_, own))| (**own == fold) == wanted);
                members.map(|(index, (judged, _))| (index, judged))
            };
            let rest: Vec<&Judged> = part(false).map(|(_, judged)| judged).collect();
            let out: Vec<(usize, &Judged)> = part(true).collect();
            if out.is_empty() {
                continue;
            }
            let forecasts = self.forecast(&rest, out.iter().map(|(_, judged)| *judged));
            for ((index, _), forecast) in out.iter().zip(forecasts) {
                held_out[*index] = Some(forecast);
            }
        }
        Trial::of(held_out.into_iter().flatten().collect())
    }

    /// Forecasts of outcomes by fits on others.
    #[must_use]
    pub fn forecast<'j>(
        &self,
        fitted: &[&Judged],
        others: impl Iterator<Item = &'j Judged>,
    ) -> Vec<HeldOut> {
        let own = fit(self, fitted);
        let rows: Vec<Row> = fitted.iter().map(|judged| length_row(judged)).collect();
        let by_length = logistic::fit(&rows.iter().collect::<Vec<_>>(), &[1e-3, 1e-3]);
        let capability = own.place.capability;
        others
            .map(|judged| HeldOut {
                outcome: f64::from(judged.outcome),
                capability: chance(self, capability, None, judged),
                head: chance(self, capability, Some(&own.head.head), judged),
                length: logistic::chance(&length_row(judged), &by_length),
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
