/// What one model made of a prompt of a pool, and what was forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Forecast of the score.
    pub forecast: f64,
    /// Forecast of the score by the length of the prompt alone: the baseline.
    pub by_length: f64,
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

/// What choices earn beside the best single model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Earned {
    /// Area between curve and mixing as a share of that between oracle and mixing; not a number
    /// where the best model is the cheapest too, or the oracle no better than mixing.
    pub area: f64,
    /// Share of the best model's cost saved at 98 % of its score; minus infinity where the curve
    /// does not reach that.
    pub saved_98: f64,
    /// The same at 95 %.
    pub saved_95: f64,
}

/// A pool's cost-quality curves.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolGrade {
    /// The curve of the forecasts, cheapest first.
    pub curve: Vec<CurvePoint>,
    /// The curve of the forecasts by length.
    pub by_length_curve: Vec<CurvePoint>,
    /// The same with perfect forecasts.
    pub oracle: Vec<CurvePoint>,
    /// What mixing of models at random reaches: the hull of the single models.
    pub mixing_curve: Vec<CurvePoint>,
    /// Position and point of the best single model.
    pub best: (usize, CurvePoint),
    /// What the forecasts earn.
    pub forecast: Earned,
    /// What length alone earns.
    pub by_length: Earned,
    /// What mixing earns.
    pub mixing: Earned,
}

/// How many times the saving of mixing another is. What mixing does not save either has no
/// multiple: not a number.
#[must_use]
pub fn times_mixing(saved: f64, mixing: f64) -> f64 {
    if mixing > 1e-3 {
        saved / mixing
    } else {
        f64::NAN
    }
}

/// A smaller area, of the score 1 at the best model's cost, is none: sums differ so by rounding.
const LEAST_ROOM: f64 = 1e-9;

/// Exchange rates that are tried, over six decades around the cost of the best model.
const RATES: u32 = 121;

/// A pool with all choices made, at every exchange rate of cost for score, so that any draw of its
/// prompts is graded by sums. The rates are those of all prompts.
#[derive(Debug, Clone)]
pub struct Pool<'r> {
    rows: &'r [PoolRow],
    forecast: Vec<usize>,
    by_length: Vec<usize>,
    oracle: Vec<usize>,
}

impl<'r> Pool<'r> {
    /// Makes the choices; `None` without prompts or models.
    #[must_use]
    pub fn new(rows: &'r [PoolRow]) -> Option<Self> {
        let singles = singles(rows, &vec![1; rows.len()])?;
        let unit = unit(&singles[best_of(&singles)?]);
        let of = |forecast: fn(&Choice) -> (f64, f64)| choose(rows, unit, forecast);
        Some(Self {
            rows,
            forecast: of(|choice| (choice.forecast, choice.expected_cost)),
            by_length: of(|choice| (choice.by_length, choice.expected_cost)),
            oracle: of(|choice| (choice.score, choice.cost)),
        })
    }

    /// Grades prompts of which each was drawn so many times; `None` if none was.
    #[must_use]
    pub fn grade(&self, times: &[u32]) -> Option<PoolGrade> {
        let singles = singles(self.rows, times)?;
        let best = best_of(&singles)?;
        let single = singles[best];
        let curve = |chosen: &[usize]| curve(self.rows, chosen, times);
        let forecast = curve(&self.forecast);
        let by_length = curve(&self.by_length);
        let oracle = curve(&self.oracle);
        let mixing = hull(singles);
        let over =
            |points: &[CurvePoint]| area(points, mixing.first().map(|one| one.cost), single.cost);
        let (least, most) = (over(&mixing), over(&oracle));
        // Both are sums of scores times costs.
        let has_room = most - least > LEAST_ROOM * single.cost;
        let earned = |points: &[CurvePoint]| {
            let saved = |share: f64| 1.0 - cost_of(points, share * single.score) / single.cost;
            Earned {
                area: if has_room {
                    (over(points) - least) / (most - least)
                } else {
                    f64::NAN
                },
                saved_98: saved(0.98),
                saved_95: saved(0.95),
            }
        };
        Some(PoolGrade {
            forecast: earned(&forecast),
            by_length: earned(&by_length),
            mixing: earned(&mixing),
            best: (best, single),
            curve: forecast,
            by_length_curve: by_length,
            oracle,
            mixing_curve: mixing,
        })
    }
}

/// Every model alone.
fn singles(rows: &[PoolRow], times: &[u32]) -> Option<Vec<CurvePoint>> {
    let models = rows.first()?.len();
    let drawn: f64 = times.iter().copied().map(f64::from).sum();
    if drawn < 1.0 {
        return None;
    }
    let mut points = vec![NOTHING; models];
    for (row, times) in rows.iter().zip(times) {
        for (point, choice) in points.iter_mut().zip(row) {
            point.add(choice, f64::from(*times));
        }
    }
    for point in &mut points {
        point.divide(drawn);
    }
    Some(points)
}

/// The model of the best score, the cheaper of two alike.
fn best_of(singles: &[CurvePoint]) -> Option<usize> {
    (0..singles.len()).max_by(|a, b| {
        let by_score = singles[*a].score.total_cmp(&singles[*b].score);
        by_score.then(singles[*b].cost.total_cmp(&singles[*a].cost))
    })
}

/// The exchange rate around which all are tried.
fn unit(best: &CurvePoint) -> f64 {
    1.0 / best.cost.max(1e-12)
}

const NOTHING: CurvePoint = CurvePoint {
    cost: 0.0,
    score: 0.0,
};

impl CurvePoint {
    fn add(&mut self, choice: &Choice, times: f64) {
        self.cost += times * choice.cost;
        self.score += times * choice.score;
    }

    fn divide(&mut self, count: f64) {
        self.cost /= count;
        self.score /= count;
    }
}

/// The curve of "largest forecast less rate times cost", over all rates.
pub(super) fn sweep(
    rows: &[PoolRow],
    unit: f64,
    forecast: impl Fn(&Choice) -> (f64, f64),
) -> Vec<CurvePoint> {
    curve(rows, &choose(rows, unit, forecast), &vec![1; rows.len()])
}

/// The model with the largest forecast less rate times cost, of every prompt at every rate.
fn choose(rows: &[PoolRow], unit: f64, forecast: impl Fn(&Choice) -> (f64, f64)) -> Vec<usize> {
    let rates: Vec<f64> = (0..RATES)
        .map(|step| match step {
            0 => 0.0,
            _ => unit * 10_f64.powf(f64::from(step) / f64::from(RATES) * 6.0 - 4.0),
        })
        .collect();
    let of = |row: &PoolRow, rate: f64| {
        let worth = |index: usize| {
            let (score, cost) = forecast(&row[index]);
            score - rate * cost
        };
        let chosen = (0..row.len()).max_by(|a, b| {
            let by_worth = worth(*a).total_cmp(&worth(*b));
            by_worth.then(row[*b].cost.total_cmp(&row[*a].cost))
        });
        chosen.unwrap_or_default()
    };
    rows.iter()
        .flat_map(|row| rates.iter().map(move |rate| of(row, *rate)))
        .collect()
}

/// Mean cost and score of the choices at every rate, cheapest first.
fn curve(rows: &[PoolRow], chosen: &[usize], times: &[u32]) -> Vec<CurvePoint> {
    let drawn: f64 = times.iter().copied().map(f64::from).sum();
    let mut points = vec![NOTHING; RATES as usize];
    let by_row = chosen.chunks_exact(RATES as usize);
    for ((row, chosen), times) in rows.iter().zip(by_row).zip(times) {
        if *times == 0 {
            continue;
        }
        for (point, chosen) in points.iter_mut().zip(chosen) {
            if let Some(choice) = row.get(*chosen) {
                point.add(choice, f64::from(*times));
            }
        }
    }
    for point in &mut points {
        point.divide(drawn);
    }
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

/// Area under the hull of a curve, from the cheapest single model's cost to the best one's.
fn area(points: &[CurvePoint], low: Option<f64>, high: f64) -> f64 {
    const SLICES: u32 = 400;
    let low = low.unwrap_or(high);
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
mod tests;
