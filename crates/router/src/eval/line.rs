/// A straight line, fitted by least squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Its value at 0.
    pub constant: f64,
    /// What one unit adds.
    pub slope: f64,
}

impl Line {
    /// Fits a line; flat at the mean where all points lie at the same place, at 0 without any.
    #[must_use]
    pub fn fit(points: &[(f64, f64)]) -> Self {
        let count = points.len().max(1) as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (across, up) = (mean(|point| point.0), mean(|point| point.1));
        let (mut square, mut product) = (0.0, 0.0);
        for (x, y) in points {
            square += (x - across) * (x - across);
            product += (x - across) * (y - up);
        }
        let slope = if square > 1e-9 { product / square } else { 0.0 };
        Self {
            constant: up - slope * across,
            slope,
        }
    }

    /// The value at a place.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        self.constant + self.slope * x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_one_of_least_squares() {
        let exact = Line::fit(&[(1.0, 5.0), (2.0, 7.0), (4.0, 11.0)]);
        assert!((exact.slope - 2.0).abs() < 1e-9 && (exact.at(10.0) - 23.0).abs() < 1e-9);
        let noisy = Line::fit(&[(0.0, 0.0), (0.0, 2.0), (3.0, 4.0), (3.0, 4.0)]);
        assert!((noisy.constant - 1.0).abs() < 1e-9 && (noisy.slope - 1.0).abs() < 1e-9);
        let flat = Line::fit(&[(2.0, 0.0), (2.0, 1.0)]);
        assert!((flat.at(7.0) - 0.5).abs() < 1e-9);
        assert!(Line::fit(&[]).at(3.0).abs() < 1e-9);
    }
}
