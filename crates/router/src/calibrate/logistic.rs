//! Logistic regression with a penalty for every weight, by Newton's method.

/// One outcome: what is known, what it starts from, and what came, in [0, 1].
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) features: Vec<f64>,
    pub(super) offset: f64,
    pub(super) target: f64,
}

const STEPS: u32 = 30;
const HALVINGS: u32 = 12;

/// The weights that make the sum of the log losses and of `penalty / 2 * weight²` smallest. Every
/// penalty must be positive, so that there is one answer.
pub(super) fn fit(rows: &[&Row], penalties: &[f64]) -> Vec<f64> {
    let size = penalties.len();
    let mut weights = vec![0.0; size];
    let mut least = objective(rows, penalties, &weights);
    for _ in 0..STEPS {
        let mut gradient: Vec<f64> = penalties.iter().zip(&weights).map(|(p, w)| p * w).collect();
        let mut curvature = vec![vec![0.0; size]; size];
        for row in rows {
            let chance = chance(row, &weights);
            let spread = chance * (1.0 - chance);
            for (a, feature) in row.features.iter().enumerate() {
                gradient[a] += (chance - row.target) * feature;
                let scaled = spread * feature;
                for (b, other) in row.features.iter().enumerate().take(a + 1) {
                    curvature[a][b] += scaled * other;
                }
            }
        }
        for (index, penalty) in penalties.iter().enumerate() {
            curvature[index][index] += penalty;
        }
        let step = solve(curvature, gradient);
        let mut share = 1.0;
        let before = least;
        for _ in 0..HALVINGS {
            let tried: Vec<f64> = weights
                .iter()
                .zip(&step)
                .map(|(weight, step)| weight - share * step)
                .collect();
            let reached = objective(rows, penalties, &tried);
            if reached < least {
                (weights, least) = (tried, reached);
                break;
            }
            share /= 2.0;
        }
        if before - least <= 1e-9 * (1.0 + before.abs()) {
            break;
        }
    }
    weights
}

/// Chance of success of a row.
pub(super) fn chance(row: &Row, weights: &[f64]) -> f64 {
    1.0 / (1.0 + (-logit(row, weights)).exp())
}

fn logit(row: &Row, weights: &[f64]) -> f64 {
    let own = row.features.iter().zip(weights);
    row.offset + own.map(|(feature, weight)| feature * weight).sum::<f64>()
}

/// Log loss of a forecast; outcomes between 0 and 1 count in proportion.
pub(super) fn log_loss(chance: f64, outcome: f64) -> f64 {
    let chance = chance.clamp(1e-9, 1.0 - 1e-9);
    -(outcome * chance.ln() + (1.0 - outcome) * (1.0 - chance).ln())
}

fn objective(rows: &[&Row], penalties: &[f64], weights: &[f64]) -> f64 {
    let penalty = penalties.iter().zip(weights);
    let penalty: f64 = penalty
        .map(|(penalty, weight)| penalty * weight * weight)
        .sum();
    let losses = rows
        .iter()
        .map(|row| log_loss(chance(row, weights), row.target));
    losses.sum::<f64>() + penalty / 2.0
}

/// Solves a symmetric positive definite system of which the lower half is given (Cholesky).
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let size = right.len();
    for column in 0..size {
        let Some((own, rest)) = matrix[column..].split_first_mut() else {
            break;
        };
        let squares: f64 = own[..column].iter().map(|value| value * value).sum();
        let pivot = (own[column] - squares).max(1e-12).sqrt();
        own[column] = pivot;
        for row in rest {
            let product: f64 = (0..column).map(|index| row[index] * own[index]).sum();
            row[column] = (row[column] - product) / pivot;
        }
    }
    for row in 0..size {
        let known: f64 = (0..row)
            .map(|index| matrix[row][index] * right[index])
            .sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size)
            .map(|index| matrix[index][row] * right[index])
            .sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        let matrix = vec![vec![4.0, 0.0], vec![2.0, 5.0]];
        let found = solve(matrix, vec![8.0, 9.0]);
        // 4x + 2y = 8, 2x + 5y = 9.
        assert!((found[0] - 1.375).abs() < 1e-9 && (found[1] - 1.25).abs() < 1e-9);
    }

    #[test]
    fn the_weights_are_found_and_shrunk() {
        let rows: Vec<Row> = (0..400)
            .map(|index| {
                let feature = f64::from(index % 21 - 10) / 5.0;
                let target = 1.0 / (1.0 + (-(0.5 + 1.5 * feature)).exp());
                Row {
                    features: vec![1.0, feature],
                    offset: 0.0,
                    target,
                }
            })
            .collect();
        let rows: Vec<&Row> = rows.iter().collect();
        let free = fit(&rows, &[1e-6, 1e-6]);
        assert!(
            (free[0] - 0.5).abs() < 1e-3 && (free[1] - 1.5).abs() < 1e-3,
            "{free:?}"
        );
        let shrunk = fit(&rows, &[1e6, 1e6]);
        assert!(
            shrunk.iter().all(|weight| weight.abs() < 1e-3),
            "{shrunk:?}"
        );
    }

    #[test]
    fn outcomes_that_a_line_parts_stay_finite() {
        let row = |feature: f64, target| Row {
            features: vec![feature],
            offset: 3.0 * feature,
            target,
        };
        let rows = [row(-1.0, 0.0), row(1.0, 1.0), row(2.0, 1.0)];
        let rows: Vec<&Row> = rows.iter().collect();
        let found = fit(&rows, &[1e-3]);
        assert!(found[0].is_finite() && found[0] > 0.0, "{found:?}");
    }
}
