//! Whether outcomes show more than noise would.

use super::Judged;
use super::head::{chance, features, mixed};
use crate::Scorer;
use crate::scorer::TOPICS;

/// Draws of the test.
const FLIPS: u64 = 999;

/// How often the residuals of the capabilities would line up with complexity and topics as they
/// do, had each come out above or below by chance: a score test of the variance of the corrections
/// (Goeman et al. 2004), its distribution by flipping the signs of the residuals, of all models on
/// a prompt at once because their errors go together. No fit is in it, so few outcomes say as much
/// as they can.
///
/// A model is its outcomes and its capability. Without any, the chance is 1.
pub(super) fn noise(scorer: &Scorer, models: &[(&[&Judged], f64)], variances: &[f64]) -> f64 {
    let pulls: Vec<Vec<(u64, Vec<f64>)>> = models
        .iter()
        .map(|(outcomes, capability)| pulls(scorer, outcomes, *capability, variances))
        .collect();
    let statistic = |flip: u64| -> f64 {
        let of_model = |pulls: &Vec<(u64, Vec<f64>)>| {
            let mut sums = [0.0; 1 + TOPICS];
            for (prompt, pull) in pulls {
                // The first draw is what came.
                let flipped = flip > 0 && mixed(prompt ^ mixed(flip)) >> 63 == 1;
                let sign = if flipped { -1.0 } else { 1.0 };
                for (sum, value) in sums.iter_mut().zip(pull) {
                    *sum += sign * value;
                }
            }
            sums.iter().map(|sum| sum * sum).sum::<f64>()
        };
        pulls.iter().map(of_model).sum()
    };
    let own = statistic(0);
    let reached = (1..=FLIPS).filter(|flip| statistic(*flip) >= own).count();
    (reached + 1) as f64 / (FLIPS + 1) as f64
}

/// Of every outcome, how far and where to its residual pulls the correction.
fn pulls(
    scorer: &Scorer,
    outcomes: &[&Judged],
    capability: f64,
    variances: &[f64],
) -> Vec<(u64, Vec<f64>)> {
    let chances: Vec<f64> = outcomes
        .iter()
        .map(|judged| chance(scorer, capability, None, judged))
        .collect();
    let weights: Vec<f64> = chances
        .iter()
        .map(|chance| chance * (1.0 - chance))
        .collect();
    let total = weights.iter().sum::<f64>().max(1e-9);
    // Around their means under the capability, so that its own error does not count.
    let mut means = vec![0.0; 1 + TOPICS];
    for (judged, weight) in outcomes.iter().zip(&weights) {
        for (mean, feature) in means.iter_mut().zip(features(judged)) {
            *mean += feature * weight / total;
        }
    }
    let of_features = variances.get(1..).unwrap_or_default();
    outcomes
        .iter()
        .zip(&chances)
        .map(|(judged, chance)| {
            let residual = f64::from(judged.outcome) - chance;
            let around = features(judged).zip(&means).zip(of_features);
            let scaled = around.map(|((value, mean), variance)| (value - mean) * variance.sqrt());
            (
                judged.prompt,
                scaled.map(|value| value * residual).collect(),
            )
        })
        .collect()
}
