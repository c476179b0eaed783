use super::pool::{self, Choice, CurvePoint};

/// What one model made of a prompt, and what the call cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Call {
    /// Cost, in any unit.
    pub cost: f64,
    /// Score of the answer, in [0, 1].
    pub score: f64,
}

/// One prompt with every candidate of a route, always in the same order.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteRow {
    /// The candidates' calls.
    pub calls: Vec<Call>,
    /// The candidate that the route tries first; `None` where it refuses the request, which then
    /// has score and cost 0.
    pub chosen: Option<usize>,
    /// Bytes of the prompt: the baseline.
    pub bytes: usize,
}

/// A route against what else could have been done.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteGrade {
    /// Mean cost and score of what the route chose.
    pub route: CurvePoint,
    /// Share of the calls of every candidate.
    pub shares: Vec<f64>,
    /// Share of the requests that the route refuses.
    pub refused: f64,
    /// Every candidate alone.
    pub singles: Vec<CurvePoint>,
    /// Position of the best single candidate.
    pub best: usize,
    /// What mixing candidates at random scores at the route's cost.
    pub mixing: f64,
    /// The same shares, dealt by length: the longest prompts to the best candidate.
    pub by_length: CurvePoint,
    /// What mixing candidates at random scores at that cost.
    pub mixing_by_length: f64,
}

impl RouteGrade {
    /// Share of the best single candidate's cost that is saved; not a number where it has none.
    #[must_use]
    pub fn saved(&self) -> f64 {
        1.0 - share_of(self.route.cost, self.singles[self.best].cost)
    }

    /// The route's score as a share of the best single candidate's; not a number where that is 0.
    #[must_use]
    pub fn quality(&self) -> f64 {
        share_of(self.route.score, self.singles[self.best].score)
    }
}

fn share_of(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { f64::NAN }
}

/// Grades a route; `None` without prompts or candidates.
#[must_use]
pub fn grade_route(rows: &[&RouteRow]) -> Option<RouteGrade> {
    let candidates = rows.first()?.calls.len();
    let count = rows.len() as f64;
    let mean = |chosen: &dyn Fn(usize, &RouteRow) -> Option<usize>| {
        let calls = rows.iter().enumerate();
        let calls = calls.filter_map(|(index, row)| row.calls.get(chosen(index, row)?));
        let (cost, score) = calls.fold((0.0, 0.0), |(cost, score), call| {
            (cost + call.cost, score + call.score)
        });
        CurvePoint {
            cost: cost / count,
            score: score / count,
        }
    };
    let singles: Vec<CurvePoint> = (0..candidates)
        .map(|candidate| mean(&|_, _| Some(candidate)))
        .collect();
    let better = |a: &usize, b: &usize| {
        let by_score = singles[*a].score.total_cmp(&singles[*b].score);
        by_score.then(singles[*b].cost.total_cmp(&singles[*a].cost))
    };
    let best = (0..candidates).max_by(better)?;
    let calls_of = |candidate: usize| {
        let chosen = rows.iter().filter(|row| row.chosen == Some(candidate));
        chosen.count()
    };
    let dealt = deal_by_length(rows, &calls_of, candidates, better);
    let route = mean(&|_, row| row.chosen);
    let by_length = mean(&|index, _| dealt[index]);
    let hull = pool::hull(singles.clone());
    Some(RouteGrade {
        route,
        shares: (0..candidates)
            .map(|candidate| calls_of(candidate) as f64 / count)
            .collect(),
        refused: rows.iter().filter(|row| row.chosen.is_none()).count() as f64 / count,
        mixing: pool::score_at(&hull, route.cost),
        mixing_by_length: pool::score_at(&hull, by_length.cost),
        by_length,
        singles,
        best,
    })
}

/// As many calls for every candidate as the route makes, the shortest prompts to the weakest; the
/// shortest of all are refused where the route refuses some.
fn deal_by_length(
    rows: &[&RouteRow],
    calls_of: &dyn Fn(usize) -> usize,
    candidates: usize,
    better: impl Fn(&usize, &usize) -> std::cmp::Ordering,
) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|index| rows[*index].bytes);
    let mut weakest_first: Vec<usize> = (0..candidates).collect();
    weakest_first.sort_by(better);
    let calls = weakest_first
        .iter()
        .flat_map(|candidate| std::iter::repeat_n(Some(*candidate), calls_of(*candidate)));
    let calls: Vec<Option<usize>> = calls.collect();
    let refused = rows.len() - calls.len();
    let mut dealt = vec![None; rows.len()];
    for (index, call) in order.into_iter().skip(refused).zip(calls) {
        dealt[index] = call;
    }
    dealt
}

/// Cost and score of perfect choices, at every exchange rate of cost for score.
#[must_use]
pub fn oracle(rows: &[&RouteRow]) -> Vec<CurvePoint> {
    let Some(grade) = grade_route(rows) else {
        return Vec::new();
    };
    let unit = 1.0 / grade.singles[grade.best].cost.max(1e-12);
    let choices: Vec<Vec<Choice>> = rows
        .iter()
        .map(|row| {
            let calls = row.calls.iter();
            let calls = calls.map(|call| Choice {
                forecast: call.score,
                by_length: call.score,
                expected_cost: call.cost,
                cost: call.cost,
                score: call.score,
            });
            calls.collect()
        })
        .collect();
    pool::sweep(&choices, unit, |choice| (choice.score, choice.cost))
}

/// The best score of a curve for at most a cost, its points mixed at will.
#[must_use]
pub fn score_of(curve: &[CurvePoint], cost: f64) -> f64 {
    pool::score_at(&pool::hull(curve.to_vec()), cost)
}

/// The hull of single candidates: what mixing them at random reaches.
#[must_use]
pub fn mixing(singles: &[CurvePoint]) -> Vec<CurvePoint> {
    pool::hull(singles.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cheap candidate knows every second prompt, the dear one all; long prompts are those
    /// that the cheap one knows.
    fn rows(chosen: impl Fn(usize) -> Option<usize>) -> Vec<RouteRow> {
        (0..100)
            .map(|index| RouteRow {
                calls: vec![
                    Call {
                        cost: 1.0,
                        score: f64::from(u8::from(index % 2 == 0)),
                    },
                    Call {
                        cost: 10.0,
                        score: 1.0,
                    },
                ],
                chosen: chosen(index),
                bytes: 1_000 * usize::from(index % 2 == 0) + index,
            })
            .collect()
    }

    fn grade(rows: &[RouteRow]) -> RouteGrade {
        grade_route(&rows.iter().collect::<Vec<_>>()).expect("rows")
    }

    #[test]
    fn a_route_that_knows_beats_mixing_and_length() {
        let rows = rows(|index| Some(index % 2));
        let grade = grade(&rows);
        assert_eq!((grade.best, grade.shares.as_slice()), (1, &[0.5, 0.5][..]));
        assert!((grade.route.score - 1.0).abs() < 1e-9 && (grade.route.cost - 5.5).abs() < 1e-9);
        assert!((grade.saved() - 0.45).abs() < 1e-9 && (grade.quality() - 1.0).abs() < 1e-9);
        assert!((grade.mixing - 0.75).abs() < 1e-9, "{grade:?}");
        // The longest go to the dear one, which are those that the cheap one knows.
        assert!((grade.by_length.score - 0.5).abs() < 1e-9, "{grade:?}");
        assert!((grade.by_length.cost - 5.5).abs() < 1e-9);
        let oracle = oracle(&rows.iter().collect::<Vec<_>>());
        assert!((score_of(&oracle, 5.5) - 1.0).abs() < 1e-9, "{oracle:?}");
        assert_eq!(mixing(&grade.singles).len(), 2);
    }

    #[test]
    fn there_is_no_share_of_nothing() {
        let mut rows = rows(|_| Some(0));
        for row in &mut rows {
            row.calls[0].score = 0.0;
            row.calls[1] = Call {
                cost: 0.0,
                score: 0.0,
            };
        }
        let grade = grade(&rows);
        assert_eq!(grade.best, 1, "the cheaper of two alike");
        assert!(grade.saved().is_nan() && grade.quality().is_nan());
        assert!(grade.mixing.abs() < 1e-9, "{grade:?}");
    }

    #[test]
    fn refusals_cost_nothing_and_score_nothing() {
        let grade = grade(&rows(|index| (index >= 50).then_some(1)));
        assert!((grade.refused - 0.5).abs() < 1e-9);
        assert!((grade.route.score - 0.5).abs() < 1e-9 && (grade.route.cost - 5.0).abs() < 1e-9);
        assert!(
            (grade.by_length.cost - 5.0).abs() < 1e-9,
            "as many are refused"
        );
        assert_eq!(grade_route(&[]), None);
    }
}
