/// What one model made of a prompt of a pool, and what was forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Forecast of the score.
    pub forecast: f64,
    /// Forecast of the cost.
    pub expected_cost: f64,
    /// Cost of the call, in any unit.
    pub cost: f64,
    /// Score of the answer, in [0, 1].
    pub score: f64,
}

/// One prompt with every model of the pool, always in the same order.
pub type PoolRow = Vec<Choice>;

/// Mean cost and score per prompt at one exchange rate of cost for score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Mean cost.
    pub cost: f64,
    /// Mean score.
    pub score: f64,
}

/// A pool's cost-quality curve.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolGrade {
    /// The curve of the forecasts, cheapest first.
    pub curve: Vec<CurvePoint>,
    /// The same with perfect forecasts.
    pub oracle: Vec<CurvePoint>,
    /// What mixing of models at random reaches: the hull of the single models.
    pub mixing: Vec<CurvePoint>,
    /// Position and point of the best single model.
    pub best: (usize, CurvePoint),
    /// Area between curve and mixing as a share of that between oracle and mixing.
    pub area: f64,
    /// Share of the best model's cost saved at 98 % of its score, and by mixing.
    pub saved_98: (f64, f64),
    /// The same at 95 %.
    pub saved_95: (f64, f64),
}

/// Exchange rates that are tried, over six decades around the cost of the best model.
const RATES: u32 = 121;

/// Grades a pool; `None` without prompts or models.
#[must_use]
pub fn grade_pool(rows: &[PoolRow]) -> Option<PoolGrade> {
    let models = rows.first()?.len();
    let count = rows.len() as f64;
    let singles: Vec<CurvePoint> = (0..models)
        .map(|model| CurvePoint {
            cost: rows.iter().map(|row| row[model].cost).sum::<f64>() / count,
            score: rows.iter().map(|row| row[model].score).sum::<f64>() / count,
        })
        .collect();
    let best = (0..models).max_by(|a, b| {
        let by_score = singles[*a].score.total_cmp(&singles[*b].score);
        by_score.then(singles[*b].cost.total_cmp(&singles[*a].cost))
    })?;
    let unit = 1.0 / singles[best].cost.max(1e-12);
    let curve = sweep(rows, unit, |choice| (choice.forecast, choice.expected_cost));
    let oracle = sweep(rows, unit, |choice| (choice.score, choice.cost));
    let mixing = hull(singles.clone());
    let (low, high) = (mixing.first()?.cost, singles[best].cost);
    let over = |points: &[CurvePoint]| area(points, low, high);
    let (ours, theirs, most) = (over(&curve), over(&mixing), over(&oracle));
    let saved = |share: f64| {
        let wanted = share * singles[best].score;
        let of = |points: &[CurvePoint]| 1.0 - cost_of(points, wanted) / singles[best].cost;
        (of(&curve), of(&mixing))
    };
    Some(PoolGrade {
        area: (ours - theirs) / (most - theirs).max(1e-12),
        saved_98: saved(0.98),
        saved_95: saved(0.95),
        best: (best, singles[best]),
        curve,
        oracle,
        mixing,
    })
}

/// The curve of "largest forecast less rate times cost", over all rates.
pub(super) fn sweep(
    rows: &[PoolRow],
    unit: f64,
    forecast: impl Fn(&Choice) -> (f64, f64),
) -> Vec<CurvePoint> {
    let mut points: Vec<CurvePoint> = (0..RATES)
        .map(|step| {
            let rate = match step {
                0 => 0.0,
                _ => unit * 10_f64.powf(f64::from(step) / f64::from(RATES) * 6.0 - 4.0),
            };
            let (mut cost, mut score) = (0.0, 0.0);
            for row in rows {
                let chosen = row.iter().max_by(|a, b| {
                    let worth = |choice: &Choice| {
                        let (score, cost) = forecast(choice);
                        score - rate * cost
                    };
                    worth(a)
                        .total_cmp(&worth(b))
                        .then(b.cost.total_cmp(&a.cost))
                });
                if let Some(chosen) = chosen {
                    cost += chosen.cost;
                    score += chosen.score;
                }
            }
            CurvePoint {
                cost: cost / rows.len() as f64,
                score: score / rows.len() as f64,
            }
        })
        .collect();
    points.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(a.score.total_cmp(&b.score)));
    points.dedup();
    points
}

/// The upper hull: what choosing among the points at random, in any shares, can reach.
pub(super) fn hull(mut points: Vec<CurvePoint>) -> Vec<CurvePoint> {
    points.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(b.score.total_cmp(&a.score)));
    let mut hull: Vec<CurvePoint> = Vec::new();
    for point in points {
        if hull.last().is_some_and(|last| point.score <= last.score) {
            continue;
        }
        while let [.., a, b] = hull[..] {
            let rise = (b.score - a.score) * (point.cost - a.cost);
            if rise > (point.score - a.score) * (b.cost - a.cost) {
                break;
            }
            hull.pop();
        }
        hull.push(point);
    }
    hull
}

/// The best score for at most a cost: a curve may be mixed too, so its hull counts.
pub(super) fn score_at(hull: &[CurvePoint], cost: f64) -> f64 {
    let after = hull.partition_point(|point| point.cost <= cost);
    match (
        after.checked_sub(1).and_then(|index| hull.get(index)),
        hull.get(after),
    ) {
        (Some(low), Some(high)) => {
            low.score + (high.score - low.score) * (cost - low.cost) / (high.cost - low.cost)
        }
        (Some(low), None) => low.score,
        (None, _) => 0.0,
    }
}

fn area(points: &[CurvePoint], low: f64, high: f64) -> f64 {
    const SLICES: u32 = 400;
    let hull = hull(points.to_vec());
    let width = (high - low) / f64::from(SLICES);
    (0..SLICES)
        .map(|slice| score_at(&hull, low + (f64::from(slice) + 0.5) * width) * width)
        .sum()
}

/// The least cost of a score; infinite where the curve does not reach it.
fn cost_of(points: &[CurvePoint], wanted: f64) -> f64 {
    let hull = hull(points.to_vec());
    let Some(first) = hull.first() else {
        return f64::INFINITY;
    };
    if first.score >= wanted {
        return first.cost;
    }
    for pair in hull.windows(2) {
        if pair[1].score >= wanted {
            let within = (wanted - pair[0].score) / (pair[1].score - pair[0].score);
            return pair[0].cost + within * (pair[1].cost - pair[0].cost);
        }
    }
    f64::INFINITY
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cheap model knows every second prompt, the dear one all.
    fn rows(known: impl Fn(usize) -> f64) -> Vec<PoolRow> {
        (0..100)
            .map(|index| {
                let cheap = Choice {
                    forecast: known(index),
                    expected_cost: 1.0,
                    cost: 1.0,
                    score: f64::from(u8::from(index % 2 == 0)),
                };
                let dear = Choice {
                    forecast: 1.0,
                    expected_cost: 10.0,
                    cost: 10.0,
                    score: 1.0,
                };
                vec![cheap, dear]
            })
            .collect()
    }

    #[test]
    fn perfect_forecasts_reach_the_oracle() {
        let grade = grade_pool(&rows(|index| f64::from(u8::from(index % 2 == 0)))).expect("rows");
        assert!((grade.area - 1.0).abs() < 1e-9, "{grade:?}");
        assert_eq!(grade.best.0, 1);
        // All the score for half cheap and half dear calls: 5.5 of 10; at 98 % a little less.
        assert!(grade.saved_98.0 > 0.45, "{:?}", grade.saved_98);
        // Mixing pays 9 for half the score, so 2 % less score is 0.36 cheaper.
        assert!(
            (grade.saved_98.1 - 0.036).abs() < 1e-9,
            "{:?}",
            grade.saved_98
        );
    }

    #[test]
    fn forecasts_that_know_nothing_earn_nothing() {
        let grade = grade_pool(&rows(|_| 0.5)).expect("rows");
        assert!(grade.area.abs() < 1e-9, "{grade:?}");
        assert!((grade.saved_95.0 - grade.saved_95.1).abs() < 1e-9);
        assert!(grade_pool(&[]).is_none());
    }
}
