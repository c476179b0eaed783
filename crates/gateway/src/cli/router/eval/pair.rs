//! Pairs: of a weak and a strong model, which prompts go to the strong one.

use steelyard_router::eval::{Interval, PairGrade, PairPoint, SHARES, bootstrap_all, grade_pair};
use steelyard_router::train::Example;

use super::super::super::say;
use super::super::plot::{Axis, Curve, Diagram, Drawn};
use super::{Forecast, LEAST_PROMPTS, cells};

fn score_of(example: &Example, model: &str) -> Option<f64> {
    let mut outcomes = example.outcomes.iter();
    outcomes
        .find(|outcome| outcome.model == model)
        .map(|outcome| f64::from(outcome.score))
}

/// How a pair's prompts can be ordered.
struct Order<'a> {
    name: &'static str,
    colour: &'static str,
    /// The larger, the rather the strong model.
    of: Rank<'a>,
}

type Rank<'a> = Box<dyn Fn(&Example, &Forecast) -> Option<f64> + 'a>;

fn orders<'a>(weak: &'a str, strong: &'a str) -> [Order<'a>; 4] {
    let known = |forecast: &Forecast, model: &str| forecast.success.get(model).copied();
    [
        Order {
            name: "own heads",
            colour: "#06c",
            of: Box::new(move |_, forecast| {
                Some(f64::from(known(forecast, strong)? - known(forecast, weak)?))
            }),
        },
        Order {
            name: "gain",
            colour: "#c60",
            of: Box::new(|_, forecast| Some(f64::from(forecast.gain))),
        },
        Order {
            name: "complexity",
            colour: "#390",
            of: Box::new(|_, forecast| Some(f64::from(forecast.complexity))),
        },
        Order {
            name: "length alone",
            colour: "#909",
            of: Box::new(|example, _| Some(example.text.len() as f64)),
        },
    ]
}

/// The scores of both models wherever both have one.
pub(super) fn in_common(
    rows: &[(&Example, &Forecast)],
    (weak, strong): (&str, &str),
) -> Vec<(f64, f64)> {
    rows.iter()
        .filter_map(|(example, _)| Some((score_of(example, weak)?, score_of(example, strong)?)))
        .collect()
}

/// Prints the table of a pair; false where no prompt has outcomes of both, and nothing is printed.
pub(super) fn report_pair(
    source: &str,
    rows: &[(&Example, &Forecast)],
    (weak, strong): (&str, &str),
    samples: u32,
    diagrams: &mut Vec<Diagram>,
) -> bool {
    let both = in_common(rows, (weak, strong));
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
    line(
        "order",
        ["AUC   95 %", "APGR  95 %", "CPT(50) 95 %", "CPT(80) 95 %"],
    );
    let mut curves = Vec::new();
    for order in orders(weak, strong) {
        let points: Vec<PairPoint> = rows
            .iter()
            .filter_map(|(example, forecast)| {
                Some(PairPoint {
                    order: (order.of)(example, forecast)?,
                    weak: score_of(example, weak)?,
                    strong: score_of(example, strong)?,
                })
            })
            .collect();
        if !points.is_empty() {
            report_order(&order, &points, samples, &mut curves);
        }
    }
    line("random", ["0.500", "0.500", "50.0%", "80.0%"]);
    curves.push(random(&both));
    diagrams.push(Diagram {
        title: format!("{source}: {weak} -> {strong}"),
        across: ("share of strong calls", Axis::Share),
        up: ("mean score", Axis::Number),
        curves,
    });
    true
}

/// Prints a line of a pair's table: AUC, APGR, CPT(50), CPT(80).
fn line(name: &str, [auc, apgr, cpt50, cpt80]: [&str; 4]) {
    let line = format!("  {name:<12} {auc:<17}  {apgr:<17}  {cpt50:<13} {cpt80}");
    say(line.trim_end());
}

/// Prints the line of an order and draws its curve, that of the first order with a band.
fn report_order(order: &Order<'_>, points: &[PairPoint], samples: u32, curves: &mut Vec<Curve>) {
    let grade = grade_pair(points);
    let intervals = intervals(points, samples);
    line(
        order.name,
        [
            &cells::number(grade.auc, intervals.auc, 3),
            &cells::number(grade.apgr, intervals.apgr, 3),
            &cells::share(grade.cpt50, intervals.cpt50, 0),
            &cells::share(grade.cpt80, intervals.cpt80, 0),
        ],
    );
    let curve = pair_curve(order.name, order.colour, points);
    let band = curves
        .is_empty()
        .then(|| band(&curve, &grade, &intervals.above_random));
    curves.push(curve);
    curves.extend(band);
}

/// The intervals of a pair's measures, all over the same draws.
struct Intervals {
    auc: Interval,
    apgr: Interval,
    cpt50: Interval,
    cpt80: Interval,
    above_random: [Interval; SHARES],
}

fn intervals(points: &[PairPoint], samples: u32) -> Intervals {
    const MEASURES: usize = 4;
    let all: [Interval; MEASURES + SHARES] = bootstrap_all(points, samples, 1, |drawn| {
        let PairGrade {
            apgr,
            cpt50,
            cpt80,
            auc,
            above_random,
        } = grade_pair(drawn);
        let measures = [auc, apgr, cpt50, cpt80];
        std::array::from_fn(|index| match index.checked_sub(MEASURES) {
            None => measures[index],
            Some(share) => above_random[share],
        })
    });
    let [auc, apgr, cpt50, cpt80, above_random @ ..] = all;
    Intervals {
        auc,
        apgr,
        cpt50,
        cpt80,
        above_random,
    }
}

/// What prompts in no order give.
fn random(both: &[(f64, f64)]) -> Curve {
    let count = both.len() as f64;
    let weak = both.iter().map(|(weak, _)| weak).sum::<f64>() / count;
    let strong = both.iter().map(|(_, strong)| strong).sum::<f64>() / count;
    Curve {
        name: "random".to_owned(),
        colour: "#666",
        drawn: Drawn::Dashed,
        points: vec![(0.0, weak), (1.0, strong)],
    }
}

/// Where 95 % of the draws are around a curve, as far above or below random order as they are.
fn band(curve: &Curve, grade: &PairGrade, above: &[Interval; SHARES]) -> Curve {
    let edge = |of: fn(&Interval) -> f64| -> Vec<(f64, f64)> {
        let away: Vec<f64> = grade
            .above_random
            .iter()
            .zip(above)
            .map(|(value, interval)| of(interval) - value)
            .collect();
        let points = curve.points.iter();
        points
            .map(|(share, score)| (*share, score + between(&away, *share)))
            .collect()
    };
    let mut points = edge(|interval| interval.low);
    points.extend(edge(|interval| interval.high).into_iter().rev());
    Curve {
        name: "its 95 %".to_owned(),
        colour: curve.colour,
        drawn: Drawn::Area,
        points,
    }
}

/// The value at a share of values at evenly spaced shares from 0 to 1.
fn between(values: &[f64], share: f64) -> f64 {
    let last = values.len().saturating_sub(1) as f64;
    let weighted = values.iter().enumerate().map(|(index, value)| {
        let distance = (share * last - index as f64).abs();
        value * (1.0 - distance).max(0.0)
    });
    weighted.sum()
}

/// Why nothing can be said of the pair by these scores of its models.
fn ungradable(both: &[(f64, f64)]) -> Option<String> {
    if both.len() < LEAST_PROMPTS {
        return Some(format!(
            "too few prompts in common, {LEAST_PROMPTS} are needed"
        ));
    }
    let count = both.len() as f64;
    let weak = both.iter().map(|(weak, _)| weak).sum::<f64>() / count;
    let strong = both.iter().map(|(_, strong)| strong).sum::<f64>() / count;
    (strong - weak <= 1e-9).then(|| {
        format!(
            "no gap between the models: mean scores are {weak:.3} and {strong:.3}, and the second \
             must be the better one"
        )
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
        drawn: Drawn::Line,
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

    #[test]
    fn the_band_lies_around_the_curve_and_ends_where_it_does() {
        let points: Vec<PairPoint> = (0..100)
            .map(|index| PairPoint {
                order: -f64::from(index),
                weak: 0.0,
                strong: f64::from(u8::from(index % 3 == 0)),
            })
            .collect();
        let intervals = intervals(&points, 50);
        assert!(intervals.apgr.low < intervals.apgr.high);
        let curve = pair_curve("order", "#000", &points);
        let band = band(&curve, &grade_pair(&points), &intervals.above_random).points;
        let (low, high) = band.split_at(curve.points.len());
        for (at, (low, high)) in curve.points.iter().zip(low.iter().zip(high.iter().rev())) {
            assert!((low.0 - at.0).abs() < 1e-9 && (high.0 - at.0).abs() < 1e-9);
            assert!(low.1 <= at.1 + 1e-9 && at.1 <= high.1 + 1e-9, "{at:?}");
        }
        assert!((low[0].1 - high[high.len() - 1].1).abs() < 1e-9);
        assert!(low[25].1 < high[25].1);
        assert!((between(&[0.0, 1.0, 4.0], 0.75) - 2.5).abs() < 1e-9);
        let both: Vec<(f64, f64)> = points.iter().map(|one| (one.weak, one.strong)).collect();
        assert_eq!(random(&both).points, [(0.0, 0.0), (1.0, 0.34)]);
    }
}
