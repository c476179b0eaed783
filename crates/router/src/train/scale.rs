//! From difficulty logits to the scale: quantiles, slope and capabilities.

use std::collections::BTreeMap;

use super::Capability;
use super::dataset::{Dataset, Sample, Target};
use crate::weights::{KNOTS, Quantiles};

/// Least distance of two knots, so that the map is strictly ascending.
const LEAST_GAP: f32 = 1e-3;
/// The outermost knots lie this share of the range further out, so that a prompt easier or harder
/// than all calibration prompts still ranks.
const MARGIN: f32 = 0.25;
/// Share of the hand-made anchors among the calibration prompts; the benchmarks have the rest.
const ANCHOR_SHARE: f64 = 0.5;
/// Steps of the descent for slope and capabilities.
const STEPS: u32 = 400;

/// Slope and capabilities of the success probability.
#[derive(Debug)]
pub(super) struct Success {
    pub(super) slope: f32,
    pub(super) capabilities: Vec<Capability>,
}

/// The quantile map: the calibration prompts are the anchors (half of the weight, every level
/// alike) and the benchmarks (half of the weight, every source alike).
pub(super) fn quantiles(data: &Dataset, outside: &[Option<f32>]) -> Option<Quantiles> {
    let mut groups: BTreeMap<Group<'_>, Vec<f32>> = BTreeMap::new();
    for (sample, outside) in data.samples.iter().zip(outside) {
        if let (Some(group), Some(difficulty)) = (Group::of(sample), outside) {
            groups.entry(group).or_default().push(*difficulty);
        }
    }
    let levels = groups.keys().filter(|group| group.is_level()).count();
    let sources = groups.len() - levels;
    let mut weighted: Vec<(f32, f64)> = Vec::with_capacity(outside.len());
    for (group, difficulties) in groups {
        let share = if group.is_level() {
            ANCHOR_SHARE / levels as f64
        } else {
            (1.0 - ANCHOR_SHARE) / sources as f64
        };
        let each = share / difficulties.len() as f64;
        weighted.extend(difficulties.iter().map(|difficulty| (*difficulty, each)));
    }
    place_knots(weighted)
}

/// Calibration prompts that count together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group<'a> {
    Source(&'a str),
    /// Anchors of one level: the bits of its difficulty.
    Level(u32),
}

impl<'a> Group<'a> {
    /// The group of a prompt; none of an instruction about prompts of the data.
    fn of(sample: &'a Sample) -> Option<Self> {
        match sample.target {
            Target::Outcomes(_) => Some(Self::Source(&sample.source)),
            Target::Judged(difficulty, _) => Some(Self::Level(difficulty.to_bits())),
            Target::Instructed(..) => None,
        }
    }

    fn is_level(self) -> bool {
        matches!(self, Self::Level(_))
    }
}

fn place_knots(mut weighted: Vec<(f32, f64)>) -> Option<Quantiles> {
    if weighted.len() < KNOTS {
        return None;
    }
    weighted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
    let (first, last) = (weighted.first()?.0, weighted.last()?.0);
    let margin = MARGIN * (last - first).max(LEAST_GAP);
    let mut knots = [0.0_f32; KNOTS];
    let mut passed = 0.0;
    let mut at = weighted.iter();
    let mut current = first;
    for (index, knot) in knots.iter_mut().enumerate() {
        let wanted = total * index as f64 / (KNOTS - 1) as f64;
        while passed < wanted {
            let Some((value, weight)) = at.next() else {
                break;
            };
            current = *value;
            passed += weight;
        }
        *knot = current;
    }
    knots[0] = first - margin;
    knots[KNOTS - 1] = last + margin;
    for index in 1..KNOTS {
        knots[index] = knots[index].max(knots[index - 1] + LEAST_GAP);
    }
    Quantiles::new(knots)
}

/// Fits `sigmoid(slope * (capability[model] - complexity))` to the outcomes of the benchmarks, as
/// `sigmoid(intercept[model] - slope * complexity)`. Sources weigh as they are; within a prompt
/// all models weigh alike.
pub(super) fn success(
    data: &Dataset,
    outside: &[Option<f32>],
    quantiles: &Quantiles,
) -> Option<Success> {
    let mut points: Vec<Vec<(f64, f64)>> = vec![Vec::new(); data.models.len()];
    for (sample, outside) in data.samples.iter().zip(outside) {
        if let (Target::Outcomes(outcomes), Some(difficulty)) = (&sample.target, outside) {
            let complexity = f64::from(quantiles.rank(*difficulty));
            for (model, score, _) in outcomes {
                points
                    .get_mut(*model)?
                    .push((complexity, f64::from(*score)));
            }
        }
    }
    let total: usize = points.iter().map(Vec::len).sum();
    if total == 0 {
        return None;
    }
    let mut intercepts = vec![0.0_f64; points.len()];
    let mut slope = 2.0_f64;
    for _ in 0..STEPS {
        // Newton's method per parameter, one after the other: the loss is convex.
        let (mut first, mut second) = (0.0, 1.0);
        for (points, intercept) in points.iter().zip(&mut intercepts) {
            let (mut own_first, mut own_second) = (0.0, 1e-3);
            for (complexity, score) in points {
                let chance = 1.0 / (1.0 + (slope * complexity - *intercept).exp());
                let spread = chance * (1.0 - chance);
                own_first += chance - score;
                own_second += spread;
                first -= complexity * (chance - score);
                second += complexity * complexity * spread;
            }
            *intercept -= (own_first / own_second).clamp(-1.0, 1.0);
        }
        slope -= (first / second).clamp(-0.5, 0.5);
    }
    if !slope.is_finite() || slope <= 0.05 {
        return None;
    }
    let mut capabilities: Vec<Capability> = data
        .models
        .iter()
        .zip(points.iter().zip(&intercepts))
        .filter(|(_, (points, _))| !points.is_empty())
        .map(|(model, (points, intercept))| Capability {
            model: model.clone(),
            capability: to_f32(intercept / slope),
            outcomes: u32::try_from(points.len()).unwrap_or(u32::MAX),
        })
        .collect();
    capabilities.sort_by(|a, b| a.capability.total_cmp(&b.capability));
    Some(Success {
        slope: to_f32(slope),
        capabilities,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "precision past f32 is not wanted"
)]
fn to_f32(value: f64) -> f32 {
    value as f32
}
