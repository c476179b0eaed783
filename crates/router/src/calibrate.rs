//! A model's place on the complexity scale, from outcomes of its own.

use crate::Scorer;

/// Where most models lie, for a model of which little is known: mean and deviation of the
/// capabilities of the models in the data.
const PRIOR: (f64, f64) = (0.8, 0.5);
const STEPS: u32 = 50;

/// A place with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// The capability that explains the outcomes best.
    pub capability: f64,
    /// Its standard error; the interval of 95 % is about twice as wide on either side.
    pub error: f64,
    /// Area under the curve of complexity against failure in these outcomes: 0.5 says that the
    /// complexity does not tell this model's failures from its successes.
    pub auc: f64,
}

impl Scorer {
    /// Places a model by pairs of complexity and score, both in [0, 1]: the maximum of the
    /// posterior under a wide prior, by Newton's method.
    #[must_use]
    pub fn place(&self, outcomes: &[(f32, f32)]) -> Placement {
        let slope = f64::from(self.slope());
        let (mean, deviation) = PRIOR;
        let mut capability = mean;
        let mut curvature = deviation.powi(-2);
        for _ in 0..STEPS {
            let mut first = (capability - mean) / deviation.powi(2);
            curvature = deviation.powi(-2);
            for (complexity, score) in outcomes {
                let logit = slope * (capability - f64::from(*complexity));
                let chance = 1.0 / (1.0 + (-logit).exp());
                first += slope * (chance - f64::from(*score));
                curvature += slope * slope * chance * (1.0 - chance);
            }
            capability -= (first / curvature).clamp(-0.5, 0.5);
        }
        let failures = outcomes
            .iter()
            .map(|(complexity, score)| (f64::from(*complexity), *score < 0.5));
        Placement {
            capability,
            error: curvature.powf(-0.5),
            auc: crate::eval::auc(failures),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outcomes of a model of a known capability, every share of them exact.
    fn outcomes(capability: f32, count: u16) -> Vec<(f32, f32)> {
        (0..count)
            .map(|index| {
                let complexity = f32::from(index) / f32::from(count);
                let chance = Scorer::shipped().success_probability(capability, complexity);
                (complexity, chance)
            })
            .collect()
    }

    #[test]
    fn a_model_is_found_where_it_is() {
        for capability in [0.2, 0.9, 1.4] {
            let placed = Scorer::shipped().place(&outcomes(capability, 400));
            let apart = (placed.capability - f64::from(capability)).abs();
            assert!(apart < 0.05, "{capability}: {placed:?}");
        }
    }

    #[test]
    fn more_outcomes_are_surer_and_none_say_nothing() {
        let few = Scorer::shipped().place(&outcomes(1.0, 50));
        let many = Scorer::shipped().place(&outcomes(1.0, 800));
        assert!(many.error < few.error / 2.0, "{few:?} {many:?}");
        let none = Scorer::shipped().place(&[]);
        assert!((none.capability - PRIOR.0).abs() < 1e-9 && none.error > few.error);
        let perfect = Scorer::shipped().place(&[(0.5, 1.0); 60]);
        assert!(perfect.capability.is_finite() && perfect.capability > 1.0);
    }
}
