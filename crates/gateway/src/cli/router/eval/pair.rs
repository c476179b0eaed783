//! Pairs: of a weak and a strong model, which prompts go to the strong one.

use steelyard_router::eval::{PairGrade, PairPoint, bootstrap, grade_pair};
use steelyard_router::train::Example;

use super::super::super::say;
use super::super::plot::{Curve, Diagram};
use super::Forecast;

/// The measures take ten steps of the share of strong calls.
const LEAST_PROMPTS: usize = 10;

fn score_of(example: &Example, model: &str) -> Option<f64> {
    let mut outcomes = example.outcomes.iter();
    outcomes
        .find(|outcome| outcome.model == model)
        .map(|outcome| f64::from(outcome.score))
}

/// How a pair's prompts can be ordered.
type Order<'a> = (
    &'a str,
    Box<dyn Fn(&Example, &Forecast) -> Option<f64> + 'a>,
);

/// Prints the table of a pair; false where no prompt has outcomes of both, and nothing is printed.
pub(super) fn report_pair(
    source: &str,
    rows: &[(&Example, &Forecast)],
    (weak, strong): (&str, &str),
    samples: u32,
    diagrams: &mut Vec<Diagram>,
) -> bool {
    let known = |forecast: &Forecast, model: &str| forecast.success.get(model).copied();
    let orders: [Order<'_>; 4] = [
        (
            "own heads",
            Box::new(|_, forecast| {
                Some(f64::from(known(forecast, strong)? - known(forecast, weak)?))
            }),
        ),
        (
            "gain",
            Box::new(|_, forecast| Some(f64::from(forecast.gain))),
        ),
        (
            "complexity",
            Box::new(|_, forecast| Some(f64::from(forecast.complexity))),
        ),
        (
            "length alone",
            Box::new(|example, _| Some(example.text.len() as f64)),
        ),
    ];
    let both: Vec<(f64, f64)> = rows
        .iter()
        .filter_map(|(example, _)| Some((score_of(example, weak)?, score_of(example, strong)?)))
        .collect();
    if both.is_empty() {
        return false;
    }
    say(&format!(
        "\n{source}: {weak} -> {strong}, {} prompts",
        both.len()
    ));
    if let Some(why) = ungradable(&both) {
        say(&format!("  {why}"));
        return true;
    }
    say(&format!(
        "  {:<14} {:>6} {:>6} {:>16} {:>8} {:>8}",
        "order", "AUC", "APGR", "95 %", "CPT(50)", "CPT(80)"
    ));
    let mut curves = Vec::new();
    for ((name, order), colour) in orders.iter().zip(["#06c", "#c60", "#390", "#999"]) {
        let points: Vec<PairPoint> = rows
            .iter()
            .filter_map(|(example, forecast)| {
                Some(PairPoint {
                    order: order(example, forecast)?,
                    weak: score_of(example, weak)?,
                    strong: score_of(example, strong)?,
                })
            })
            .collect();
        if points.is_empty() {
            continue;
        }
        let PairGrade {
            apgr,
            cpt50,
            cpt80,
            auc,
        } = grade_pair(&points);
        let interval = bootstrap(&points, samples, 1, |points| grade_pair(points).apgr);
        say(&format!(
            "  {name:<14} {auc:>6.3} {apgr:>6.3} {:>7.3} .. {:>5.3} {:>7.1}% {:>7.1}%",
            interval.low,
            interval.high,
            100.0 * cpt50,
            100.0 * cpt80
        ));
        curves.push(pair_curve(name, colour, &points));
    }
    say(&format!(
        "  {:<14} {:>6.3} {:>6.3} {:>16} {:>7.1}% {:>7.1}%",
        "random", 0.5, 0.5, "", 50.0, 80.0
    ));
    diagrams.push(Diagram {
        title: format!("{source}: {weak} -> {strong}"),
        across: "share of strong calls",
        up: "mean score",
        curves,
    });
    true
}

/// Why nothing can be said of the pair by these scores of its models.
fn ungradable(both: &[(f64, f64)]) -> Option<String> {
    if both.len() < LEAST_PROMPTS {
        return Some(format!(
            "too few prompts in common, {LEAST_PROMPTS} are needed"
        ));
    }
    let gap = both.iter().map(|(weak, strong)| strong - weak).sum::<f64>() / both.len() as f64;
    (gap <= 1e-9).then(|| {
        format!("no gap between the models: the second is better by {gap:.3}, so there is no share of it")
    })
}

/// Mean score over the share of strong calls.
fn pair_curve(name: &str, colour: &'static str, points: &[PairPoint]) -> Curve {
    let mut sorted: Vec<&PairPoint> = points.iter().collect();
    sorted.sort_by(|a, b| b.order.total_cmp(&a.order));
    let count = points.len() as f64;
    let mut sum: f64 = points.iter().map(|point| point.weak).sum();
    let mut drawn = vec![(0.0, sum / count)];
    let step = (points.len() / 50).max(1);
    for (index, point) in sorted.iter().enumerate() {
        sum += point.strong - point.weak;
        if (index + 1) % step == 0 || index + 1 == points.len() {
            drawn.push(((index + 1) as f64 / count, sum / count));
        }
    }
    Curve {
        name: name.to_owned(),
        colour,
        points: drawn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_without_a_gap_or_prompts_is_not_graded() {
        let pairs = |weak: f64, strong: f64, count: usize| vec![(weak, strong); count];
        assert_eq!(ungradable(&pairs(0.0, 1.0, 10)), None);
        for (both, why) in [
            (pairs(0.0, 1.0, 9), "too few prompts"),
            (pairs(0.0, 1.0, 0), "too few prompts"),
            (pairs(1.0, 1.0, 10), "no gap"),
            (pairs(1.0, 0.0, 10), "no gap"),
        ] {
            let told = ungradable(&both).expect(why);
            assert!(told.contains(why), "{told}");
        }
    }
}
