//! The directions of topic: the few along which the heads of the models differ most.

use crate::scorer::TOPICS;

const SWEEPS: u32 = 60;

/// The eigenvectors of the [`TOPICS`] largest eigenvalues of a symmetric matrix, by cyclic Jacobi
/// rotations. One row per eigenvector; rows of zeros where the matrix is smaller.
pub(super) fn principal(mut matrix: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let size = matrix.len();
    let mut vectors: Vec<Vec<f64>> = (0..size)
        .map(|row| {
            (0..size)
                .map(|column| f64::from(u8::from(row == column)))
                .collect()
        })
        .collect();
    for _ in 0..SWEEPS {
        let mut turned = false;
        for p in 0..size {
            for q in p + 1..size {
                turned |= rotate(&mut matrix, &mut vectors, p, q);
            }
        }
        if !turned {
            break;
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|a, b| matrix[*b][*b].total_cmp(&matrix[*a][*a]).then(a.cmp(b)));
    (0..TOPICS)
        .map(|topic| match order.get(topic) {
            Some(column) => vectors.iter().map(|row| row[*column]).collect(),
            None => vec![0.0; size],
        })
        .collect()
}

/// Turns the plane of `p` and `q` so that their common entry becomes 0.
fn rotate(matrix: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) -> bool {
    let common = matrix[p][q];
    if common.abs() <= 1e-12 * (matrix[p][p].abs() + matrix[q][q].abs()) + 1e-300 {
        return false;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * common);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    for row in matrix.iter_mut() {
        (row[p], row[q]) = (
            cosine * row[p] - sine * row[q],
            sine * row[p] + cosine * row[q],
        );
    }
    // `p` comes before `q`.
    let (above, below) = matrix.split_at_mut(q);
    if let (Some(upper), Some(lower)) = (above.get_mut(p), below.first_mut()) {
        for (a, b) in upper.iter_mut().zip(lower) {
            (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
        }
    }
    for row in vectors.iter_mut() {
        (row[p], row[q]) = (
            cosine * row[p] - sine * row[q],
            sine * row[p] + cosine * row[q],
        );
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_direction_comes_first() {
        // Eigenvalues 3 along (1, 1) and 1 along (1, -1).
        let found = principal(vec![vec![2.0, 1.0], vec![1.0, 2.0]]);
        assert_eq!(found.len(), TOPICS);
        let half = std::f64::consts::FRAC_1_SQRT_2;
        assert!((found[0][0].abs() - half).abs() < 1e-9, "{:?}", found[0]);
        assert!((found[0][0] - found[0][1]).abs() < 1e-9);
        assert!((found[1][0] + found[1][1]).abs() < 1e-9);
        assert!(found[2].iter().all(|value| value.abs() < 1e-12));
    }
}
