//! The table and the curves of a route.

use anyhow::Context;
use steelyard_router::eval::{
    Chances, CurvePoint, Interval, RouteGrade, RouteRow, bootstrap_all, grade_route, mixing,
    oracle, score_of,
};

use super::super::super::super::say;
use super::super::super::plot::{Axis, Curve, Diagram, Drawn};
use super::super::cells::{bracketed, signed};
use super::super::forecasts::say_chances;
use super::{Candidate, Decided};

/// A route with all that is told of it.
pub(super) struct Graded<'a> {
    pub(super) route: &'a str,
    pub(super) candidates: &'a [Candidate<'a>],
    /// Prompts without outcomes of every candidate.
    pub(super) skipped: usize,
    pub(super) samples: u32,
    pub(super) decided: Decided,
    pub(super) sweep: Option<Sweep>,
}

/// The route at other settings of one of its numbers.
pub(super) struct Sweep {
    pub(super) name: &'static str,
    pub(super) rows: Vec<(f32, Vec<RouteRow>)>,
}

/// Requests that costs are told for.
const REQUESTS: f64 = 1_000.0;

impl Graded<'_> {
    /// Prints the table; gives the curves.
    pub(super) fn print(&self) -> anyhow::Result<Diagram> {
        let rows: Vec<&RouteRow> = self.decided.rows.iter().collect();
        let grade = grade_route(&rows).context("there is nothing to grade")?;
        let oracle = oracle(&rows);
        say(&format!(
            "\nroute {}: {} prompts{}",
            self.route,
            rows.len(),
            match self.skipped {
                0 => String::new(),
                skipped => format!(" ({skipped} left out, which lack outcomes of a candidate)"),
            }
        ));
        self.say_candidates(&grade);
        self.say_route(&rows, &grade, &oracle);
        let answers = self.decided.forecasts.clone();
        say_chances(Chances::new(answers, rows.len()), self.samples);
        let curve = self.say_sweep();
        Ok(Diagram {
            title: format!("route {}", self.route),
            across: ("dollars per 1,000 requests", Axis::Number),
            up: ("mean score", Axis::Number),
            curves: self.curves(&grade, &oracle, curve.as_deref()),
        })
    }

    fn curves(
        &self,
        grade: &RouteGrade,
        oracle: &[CurvePoint],
        swept: Option<&[CurvePoint]>,
    ) -> Vec<Curve> {
        let curve = |name: &str, colour, drawn, points: &[CurvePoint]| {
            Curve::of_costs((name, colour, drawn), points, REQUESTS)
        };
        let mixing = mixing(&grade.singles);
        let mut curves = vec![
            curve("oracle", "#390", Drawn::Line, oracle),
            curve("random mixing", "#666", Drawn::Dashed, &mixing),
        ];
        if let (Some(sweep), Some(swept)) = (&self.sweep, swept) {
            let name = format!("{} 0 to 1", sweep.name);
            curves.push(curve(&name, "#06c", Drawn::Line, swept));
        }
        curves.push(curve("the route", "#c00", Drawn::Dot, &[grade.route]));
        let by_length = [grade.by_length];
        curves.push(curve("length alone", "#909", Drawn::Dot, &by_length));
        curves
    }

    fn say_candidates(&self, grade: &RouteGrade) {
        say(&format!(
            "  {:<26} {:<30} {:>7} {:>7} {:>14}",
            "candidate", "outcomes of", "calls", "score", "$ / 1,000"
        ));
        for (index, candidate) in self.candidates.iter().enumerate() {
            let single = grade.singles[index];
            say(&format!(
                "  {:<26} {:<30} {:>5.1} % {:>7.3} {:>14.4}{}",
                candidate.model.name,
                candidate.recorded,
                100.0 * grade.shares[index],
                single.score,
                REQUESTS * single.cost,
                if index == grade.best {
                    "  best single"
                } else {
                    ""
                }
            ));
        }
        if grade.refused > 0.0 {
            let refused = 100.0 * grade.refused;
            say(&format!("  {:<57} {refused:>5.1} %", "refused, score 0"));
        }
    }

    fn say_route(&self, rows: &[&RouteRow], grade: &RouteGrade, oracle: &[CurvePoint]) {
        let [score, cost, saved, quality, above, above_by_length] =
            bootstrap_all(rows, self.samples, 1, |drawn| {
                grade_route(drawn).map_or([f64::NAN; 6], |grade| measures(&grade))
            });
        say(&format!(
            "  the route: score {:.3}{}, $ {:.4} per 1,000{}",
            grade.route.score,
            bracketed(score, 1.0, 3),
            REQUESTS * grade.route.cost,
            bracketed(cost, REQUESTS, 4),
        ));
        say(&format!(
            "  {}, {}",
            kept(grade, quality),
            spared(grade, saved)
        ));
        say(&format!(
            "  above random mixing at the same cost ({:.3}): {}{}",
            grade.mixing,
            signed(grade.route.score - grade.mixing, 3),
            bracketed(above, 1.0, 3),
        ));
        say(&format!(
            "  length alone, same shares: score {:.3}, $ {:.4}; above random mixing {}{}",
            grade.by_length.score,
            REQUESTS * grade.by_length.cost,
            signed(grade.by_length.score - grade.mixing_by_length, 3),
            bracketed(above_by_length, 1.0, 3),
        ));
        say(&format!(
            "  the oracle at the same cost: score {:.3}",
            score_of(oracle, grade.route.cost)
        ));
    }

    /// Prints what other settings give; their points.
    fn say_sweep(&self) -> Option<Vec<CurvePoint>> {
        let sweep = self.sweep.as_ref()?;
        let graded: Vec<(f32, RouteGrade)> = sweep
            .rows
            .iter()
            .filter_map(|(value, rows)| {
                let rows: Vec<&RouteRow> = rows.iter().collect();
                Some((*value, grade_route(&rows)?))
            })
            .collect();
        say(&format!(
            "  {:>9} {:>7} {:>14} {:>12} {:>9} {:>14}",
            sweep.name, "score", "$ / 1,000", "of the best", "saved", "above mixing"
        ));
        for (value, grade) in graded.iter().step_by(2) {
            let [quality, saved] = [grade.quality(), grade.saved()].map(|share| {
                if share.is_nan() {
                    "-".to_owned()
                } else {
                    format!("{:.1} %", 100.0 * share)
                }
            });
            say(&format!(
                "  {value:>9.2} {:>7.3} {:>14.4} {quality:>12} {saved:>9} {:>14}",
                grade.route.score,
                REQUESTS * grade.route.cost,
                signed(grade.route.score - grade.mixing, 3),
            ));
        }
        Some(graded.into_iter().map(|(_, grade)| grade.route).collect())
    }
}

/// How much of the best single candidate's score the route keeps, in words.
fn kept(grade: &RouteGrade, interval: Interval) -> String {
    let quality = grade.quality();
    if quality.is_nan() {
        return "no candidate scores above 0".to_owned();
    }
    format!(
        "{:.1} % of the best single's score{}",
        100.0 * quality,
        bracketed(interval, 100.0, 1)
    )
}

/// How much of its cost the route saves, in words.
fn spared(grade: &RouteGrade, interval: Interval) -> String {
    let saved = grade.saved();
    if saved.is_nan() {
        return "the best single costs nothing".to_owned();
    }
    format!(
        "{:.1} % of the best single's cost saved{}",
        100.0 * saved,
        bracketed(interval, 100.0, 1)
    )
}

/// What has an interval: score, cost, saving, quality, and the scores above mixing.
fn measures(grade: &RouteGrade) -> [f64; 6] {
    [
        grade.route.score,
        grade.route.cost,
        grade.saved(),
        grade.quality(),
        grade.route.score - grade.mixing,
        grade.by_length.score - grade.mixing_by_length,
    ]
}
