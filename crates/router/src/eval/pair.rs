/// Thresholds of RouteLLM's evaluation: the quantiles 0, 0.1, ... 1.
const STEPS: usize = 10;

/// Shares of strong calls that are looked at: 0, 0.1, ... 1.
pub const SHARES: usize = STEPS + 1;

/// A smaller mean difference is none: sums of scores differ so much by rounding.
const LEAST_GAP: f64 = 1e-9;

/// One prompt of a pair of models.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairPoint {
    /// What the router orders by: the larger, the rather the strong model.
    pub order: f64,
    /// Score of the weak model, in [0, 1].
    pub weak: f64,
    /// Score of the strong model, in [0, 1].
    pub strong: f64,
}

/// The measures of one ordering of a pair's prompts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairGrade {
    /// Area between weak and strong that is gained: 0.5 at random. Not a number where the strong
    /// model is not stronger.
    pub apgr: f64,
    /// Share of strong calls that gains half of the difference; without one not a number.
    pub cpt50: f64,
    /// Share of strong calls that gains four fifths of the difference; without one not a number.
    pub cpt80: f64,
    /// Chance that a prompt on which only the strong model succeeds ranks above one on which it
    /// does not do better. Not a number where all prompts are of one kind.
    pub auc: f64,
    /// Mean score above random order with the share 0, 0.1, ... 1 of strong calls.
    pub above_random: [f64; SHARES],
}

/// Grades an ordering. Prompts of the same order count as if mixed at random.
#[must_use]
pub fn grade_pair(points: &[PairPoint]) -> PairGrade {
    let captured = captured(points);
    let total = captured.last().copied().unwrap_or_default();
    let of_gap = |value: f64| if total > LEAST_GAP { value } else { f64::NAN };
    let area: f64 = captured
        .windows(2)
        .map(|pair| f64::midpoint(pair[0], pair[1]) / STEPS as f64)
        .sum();
    let better = points
        .iter()
        .map(|point| (point.order, point.strong > point.weak + 0.5));
    PairGrade {
        apgr: of_gap(area / total),
        cpt50: of_gap(calls_for(&captured, 0.5)),
        cpt80: of_gap(calls_for(&captured, 0.8)),
        auc: auc(better),
        above_random: std::array::from_fn(|step| {
            captured[step] - total * step as f64 / STEPS as f64
        }),
    }
}

/// What is gained with the share 0, 0.1, ... 1 of strong calls, per prompt.
fn captured(points: &[PairPoint]) -> [f64; SHARES] {
    let mut sorted: Vec<&PairPoint> = points.iter().collect();
    sorted.sort_by(|a, b| b.order.total_cmp(&a.order));
    let mut gained = Vec::with_capacity(points.len() + 1);
    gained.push(0.0);
    let mut sum = 0.0;
    for tied in sorted.chunk_by(|a, b| a.order.total_cmp(&b.order).is_eq()) {
        let gain: f64 = tied.iter().map(|point| point.strong - point.weak).sum();
        let each = gain / tied.len() as f64;
        for _ in tied {
            sum += each;
            gained.push(sum);
        }
    }
    let count = points.len().max(1) as f64;
    std::array::from_fn(|step| gained[(step * points.len() + STEPS / 2) / STEPS] / count)
}

/// Share of strong calls at which the share `wanted` of the difference is gained, interpolated.
fn calls_for(captured: &[f64], wanted: f64) -> f64 {
    let target = wanted * captured.last().copied().unwrap_or_default();
    for (step, pair) in captured.windows(2).enumerate() {
        if pair[0] <= target && pair[1] >= target && pair[1] > pair[0] {
            let within = (target - pair[0]) / (pair[1] - pair[0]);
            return (step as f64 + within) / STEPS as f64;
        }
    }
    1.0
}

/// Chance that a positive has the larger value; ties count half; not a number where one
/// side is empty.
#[must_use]
pub fn auc(points: impl Iterator<Item = (f64, bool)>) -> f64 {
    let mut points: Vec<(f64, bool)> = points.collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = points.iter().filter(|(_, positive)| *positive).count() as f64;
    let negatives = points.len() as f64 - positives;
    if positives < 1.0 || negatives < 1.0 {
        return f64::NAN;
    }
    let (mut won, mut below) = (0.0, 0.0);
    for tied in points.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let up = tied.iter().filter(|(_, positive)| *positive).count() as f64;
        let down = tied.len() as f64 - up;
        won += up * (below + down / 2.0);
        below += down;
    }
    won / (positives * negatives)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(order: f64, gain: f64) -> PairPoint {
        PairPoint {
            order,
            weak: (-gain).max(0.0),
            strong: gain.max(0.0),
        }
    }

    /// Half of 100 prompts gain; the best order sends them first.
    fn points(order: impl Fn(usize) -> f64) -> Vec<PairPoint> {
        (0..100)
            .map(|index| point(order(index), f64::from(u8::from(index < 50))))
            .collect()
    }

    #[test]
    fn the_best_order_gains_three_quarters_and_the_worst_one() {
        let best = grade_pair(&points(|index| -(index as f64)));
        assert!((best.apgr - 0.75).abs() < 1e-9, "{best:?}");
        assert!((best.cpt50 - 0.25).abs() < 1e-9 && (best.cpt80 - 0.4).abs() < 1e-9);
        assert!((best.auc - 1.0).abs() < 1e-9);
        // At half of the calls all of the 0.5 is gained, at random 0.25.
        assert!((best.above_random[5] - 0.25).abs() < 1e-9, "{best:?}");
        assert!(best.above_random[0].abs() < 1e-9 && best.above_random[10].abs() < 1e-9);
        let worst = grade_pair(&points(|index| index as f64));
        assert!((worst.apgr - 0.25).abs() < 1e-9, "{worst:?}");
        assert!((worst.cpt50 - 0.75).abs() < 1e-9);
    }

    #[test]
    fn ties_are_random_mixing() {
        let tied = grade_pair(&points(|_| 1.0));
        assert!((tied.apgr - 0.5).abs() < 1e-9, "{tied:?}");
        assert!((tied.cpt80 - 0.8).abs() < 1e-9);
        assert!((tied.auc - 0.5).abs() < 1e-9);
    }

    #[test]
    fn without_a_gap_nothing_is_gained() {
        let gains = [[0.0, 0.0], [1.0, -1.0], [0.2, -0.7]];
        for gains in gains {
            let points: Vec<PairPoint> = gains.iter().map(|gain| point(*gain, *gain)).collect();
            let grade = grade_pair(&points);
            assert!(grade.apgr.is_nan(), "{gains:?}: {grade:?}");
            assert!(grade.cpt50.is_nan() && grade.cpt80.is_nan(), "{grade:?}");
        }
        assert!(grade_pair(&[]).apgr.is_nan());
        let all = [(0.1, true), (0.2, true)];
        assert!(auc(all.into_iter()).is_nan(), "nothing to tell apart");
    }
}
