//! What a strong model gains over a weak one.

use std::collections::BTreeMap;

use super::dataset::{Dataset, Sample, Target};
use super::grade::fold_of;
use super::pack::Packed;
use super::solve::{LANES, Loss, Row, solve};
use super::{Base, Settings};
use crate::scorer::{BINS, BUCKETS, Head};

/// The fitted gain.
pub(super) struct Gain {
    /// Constant of the packed head, in units of score.
    pub(super) constant: f32,
    /// Part of the shared difficulty in the packed head.
    pub(super) difficulty: f32,
    /// Weights of the words without the difficulty: they give the gain in its standard deviations.
    pub(super) words: Vec<f32>,
    /// The same of reaching each level.
    pub(super) levels: Vec<f32>,
    /// Mean of what words and levels give.
    pub(super) middle: f32,
    /// Gain of every sample in standard deviations, by fits that had not seen its question.
    pub(super) outside: Vec<f32>,
}

/// A source that records one weak and one strong model: what one scores more than the other.
fn gain_of(sample: &Sample, pair: (usize, usize)) -> Option<f32> {
    let Target::Outcomes(outcomes) = &sample.target else {
        return None;
    };
    let score = |model| {
        outcomes
            .iter()
            .find(|(one, ..)| *one == model)
            .map(|(_, score, _)| *score)
    };
    Some(score(pair.1)? - score(pair.0)?)
}

/// Targets of the fit: what the prompts of every pair gain, in deviations of their source.
struct Targets<'a> {
    rows: Vec<Row<'a>>,
    /// Of all sources together, in units of score.
    mean: f32,
    spread: f32,
}

/// Every question is left out of one of these lanes; the lane after them is fitted on everything.
const FOLDS: u32 = 7;
const EVERYTHING: usize = FOLDS as usize;
const _: () = assert!(EVERYTHING + 1 == LANES);

/// The lane that has not seen the question of a sample.
fn lane_outside(sample: &Sample) -> usize {
    fold_of(sample.group, FOLDS) as usize
}

/// The weight of a sample in every lane.
fn weights(sample: &Sample, weight: f32) -> [f32; LANES] {
    let mut weights = [weight; LANES];
    weights[lane_outside(sample)] = 0.0;
    weights
}

/// Fits what a strong tier gains over a weak one.
pub(super) fn gain_head(
    data: &Dataset,
    settings: &Settings,
    base: &Base<'_>,
    used: &[usize],
    packed: &mut Packed,
) -> Gain {
    let Targets {
        mut rows,
        mean,
        spread,
    } = targets(data, base, used);
    if rows.is_empty() {
        packed.set(Head::Gain as usize, &[0.0; BUCKETS], &[]);
        return Gain {
            constant: 0.0,
            difficulty: 0.0,
            words: vec![0.0; BUCKETS],
            levels: vec![0.0; BINS],
            middle: 0.0,
            outside: vec![0.0; data.samples.len()],
        };
    }
    let graded = rows.len();
    rows.extend(anchors(data, settings, used));
    let [shrinkage, word] = [settings.gain_shrinkage, settings.gain_words];
    let linear = solve(&rows, Loss::Squared, shrinkage, word);
    let of_graded = |value: &dyn Fn(&Row<'_>) -> f32| -> (f32, f32) {
        moments(&rows[..graded].iter().map(value).collect::<Vec<_>>())
    };
    let (middle, deviation) = of_graded(&|row| linear.predict(row.features)[EVERYTHING]);
    let (hard_middle, hard_deviation) = of_graded(&|row| base.fitted.predict(row.features));
    let deviation = deviation.max(1e-3);
    let part = settings.gain_difficulty * deviation / hard_deviation.max(1e-3);
    let outside = data.samples.iter().map(|sample| {
        (linear.predict(&sample.original)[lane_outside(sample)] - middle) / deviation
    });
    let outside = outside.collect();
    let linear = linear.unscaled();
    let alone = |row: &[f32; LANES]| row[EVERYTHING] / deviation;
    let gain = Gain {
        constant: mean - spread * (middle + part * hard_middle),
        difficulty: spread * part,
        words: linear.words.iter().map(alone).collect(),
        levels: linear.levels.iter().map(alone).collect(),
        middle: middle / deviation,
        outside,
    };
    let words = gain
        .words
        .iter()
        .zip(base.fitted.words())
        .map(|(own, hard)| spread * (deviation * own + part * hard));
    let levels = gain.levels.iter().map(|own| spread * deviation * own);
    packed.set(
        Head::Gain as usize,
        &words.collect::<Vec<_>>(),
        &levels.collect::<Vec<_>>(),
    );
    gain
}

fn anchors<'a>(data: &'a Dataset, settings: &Settings, used: &[usize]) -> Vec<Row<'a>> {
    let rows = used.iter().filter_map(|index| {
        let sample = &data.samples[*index];
        let Target::Judged(judged, _) = sample.target else {
            return None;
        };
        Some(Row {
            features: &sample.original,
            targets: [GAIN_PER_LOGIT * judged; LANES],
            weights: weights(sample, settings.gain_anchor_weight),
            offset: 0.0,
            extra: 0.0,
        })
    });
    rows.collect()
}

fn targets<'a>(data: &'a Dataset, base: &Base<'_>, used: &[usize]) -> Targets<'a> {
    let mut rows = Vec::new();
    let (mut mean, mut spread, mut all) = (0.0, 0.0, 1e-6);
    for (members, pair) in pairs(data, base, used).values() {
        let gains: Vec<(usize, f32)> = members
            .iter()
            .filter_map(|index| Some((*index, gain_of(&data.samples[*index], *pair)?)))
            .collect();
        let count = gains.len().max(1) as f32;
        let average = gains.iter().map(|(_, gain)| gain).sum::<f32>() / count;
        let squares: f32 = gains.iter().map(|(_, gain)| (gain - average).powi(2)).sum();
        let deviation = (squares / count).sqrt().max(1e-3);
        mean += average * count;
        spread += deviation * count;
        all += count;
        rows.extend(gains.iter().map(|(index, gain)| {
            let sample = &data.samples[*index];
            Row {
                features: &sample.original,
                targets: [(gain - average) / deviation; LANES],
                weights: weights(sample, 1.0),
                offset: 0.0,
                extra: 0.0,
            }
        }));
    }
    Targets {
        rows,
        mean: mean / all,
        spread: spread / all,
    }
}

/// Standard deviations of gain per unit of judged difficulty: among everyday requests a strong
/// model gains on the hard ones.
const GAIN_PER_LOGIT: f32 = 0.25;

/// The samples of every source of two models with its weaker and its stronger one; where there is
/// none, of every source with the tiers' middle models.
fn pairs<'a>(
    data: &'a Dataset,
    base: &Base<'_>,
    used: &[usize],
) -> BTreeMap<&'a str, (Vec<usize>, (usize, usize))> {
    let mut sources: BTreeMap<&str, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for index in used {
        let sample = &data.samples[*index];
        if let Target::Outcomes(outcomes) = &sample.target {
            let (members, models) = sources.entry(&sample.source).or_default();
            members.push(*index);
            for (model, ..) in outcomes {
                if !models.contains(model) {
                    models.push(*model);
                }
            }
        }
    }
    let direct = sources.values().any(|(_, models)| models.len() == 2);
    sources
        .into_iter()
        .filter(|(_, (_, models))| models.len() == 2 || (!direct && models.len() > 2))
        .map(|(source, (members, mut models))| {
            models.sort_by(|a, b| base.fitted.ability(*a).total_cmp(&base.fitted.ability(*b)));
            let weak = models[models.len() / 3];
            let strong = models[models.len() - 1];
            let weak = if models.len() == 2 { models[0] } else { weak };
            (source, (members, (weak, strong)))
        })
        .collect()
}

fn moments(values: &[f32]) -> (f32, f32) {
    let count = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / count;
    let squares: f32 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / count).sqrt())
}
