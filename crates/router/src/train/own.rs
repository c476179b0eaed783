//! The heads of single models, the topics on which they stand, and the gain.

use std::collections::BTreeMap;

use super::dataset::{Dataset, Sample, Target};
use super::fit::may_fit;
use super::pack::Packed;
use super::solve::{LANES, Linear, Loss, Row, solve};
use super::{Base, Settings, topics};
use crate::scorer::{BINS, BUCKETS, COUNTERS, HEADS, Head, NAMED_HEADS, TOPICS, sigmoid};
use crate::weights::{ModelHead, Weights};

/// A model with fewer outcomes has no head of its own.
const LEAST_OUTCOMES: u32 = 50;

/// Models whose outcomes come from the same sources, at most [`LANES`].
struct Group {
    models: Vec<usize>,
    linear: Linear,
    /// Its own part of the logit, of every sample.
    own: Vec<[f32; LANES]>,
}

/// Fits everything that stands on the difficulty and packs it, on the samples that `include` lets
/// through.
pub(super) fn weights(
    data: &Dataset,
    settings: &Settings,
    base: &Base<'_>,
    include: &dyn Fn(usize) -> bool,
    progress: &mut dyn FnMut(&str),
) -> Weights {
    let used: Vec<usize> = (0..data.samples.len())
        .filter(|index| may_fit(&data.samples[*index], settings) && include(*index))
        .collect();
    progress("heads of the models");
    let groups = own_heads(data, settings, base, &used);
    progress("topics");
    let mut packed = Packed::new();
    let models = stand_on_topics(data, settings, base, &used, &groups, &mut packed);
    progress("gain");
    let gain = gain_head(data, settings, base, &used, &mut packed);
    let mut biases = [0.0; HEADS];
    let mut counters = [[0.0; NAMED_HEADS]; COUNTERS];
    for head in [Head::Difficulty, Head::OutputTokens] {
        let words: Vec<f32> = base.fitted.words(head).collect();
        packed.set(head as usize, &words, &[]);
        let own = base.fitted.counters(head);
        for (row, weight) in counters.iter_mut().zip(own) {
            row[head as usize] = weight;
        }
    }
    for row in &mut counters {
        row[Head::Gain as usize] = gain.difficulty * row[Head::Difficulty as usize];
    }
    biases[Head::Gain as usize] = gain.constant;
    Weights {
        version: base.version.to_owned(),
        slope: base.success.slope,
        biases,
        word_scales: packed.word_scales,
        bin_scales: packed.bin_scales,
        words: packed.words,
        bins: packed.bins,
        counters,
        quantiles: base.quantiles.clone(),
        self_tests: Vec::new(),
        models,
    }
}

/// Difficulty of a sample by a fit that had not seen it, where there is one.
fn difficulty(base: &Base<'_>, data: &Dataset, index: usize) -> f32 {
    match base.outside.get(index) {
        Some(Some(heads)) => heads[Head::Difficulty as usize],
        _ => base.fitted.predict(&data.samples[index].original)[Head::Difficulty as usize],
    }
}

fn own_heads(data: &Dataset, settings: &Settings, base: &Base<'_>, used: &[usize]) -> Vec<Group> {
    let mut sources: Vec<Vec<&str>> = vec![Vec::new(); data.models.len()];
    let mut outcomes = vec![0_u32; data.models.len()];
    for index in used {
        let sample = &data.samples[*index];
        if let Target::Outcomes(own) = &sample.target {
            for (model, ..) in own {
                outcomes[*model] += 1;
                if !sources[*model].contains(&sample.source.as_str()) {
                    sources[*model].push(&sample.source);
                }
            }
        }
    }
    let mut by_sources: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
    for (model, mut sources) in sources.into_iter().enumerate() {
        if outcomes[model] >= LEAST_OUTCOMES {
            sources.sort_unstable();
            by_sources.entry(sources).or_default().push(model);
        }
    }
    by_sources
        .values()
        .flat_map(|models| models.chunks(LANES))
        .map(|models| own_group(data, settings, base, used, models))
        .collect()
}

fn own_group(
    data: &Dataset,
    settings: &Settings,
    base: &Base<'_>,
    used: &[usize],
    models: &[usize],
) -> Group {
    let mut rows = Vec::new();
    for index in used {
        let sample = &data.samples[*index];
        let mut row = Row {
            features: &sample.original,
            targets: [0.0; LANES],
            weights: [0.0; LANES],
            offset: -settings.own_prior * difficulty(base, data, *index),
        };
        match &sample.target {
            Target::Outcomes(outcomes) => {
                for (model, score, _) in outcomes {
                    if let Some(lane) = models.iter().position(|one| one == model) {
                        row.targets[lane] = *score;
                        row.weights[lane] = 1.0;
                    }
                }
            }
            // An anchor as if every model had tried it.
            Target::Judged(judged, _) => {
                for (lane, model) in models.iter().enumerate() {
                    row.targets[lane] = sigmoid(base.fitted.ability(*model) - judged);
                    row.weights[lane] = 1.0;
                }
            }
        }
        if row.weights.iter().any(|weight| *weight > 0.0) {
            rows.push(row);
        }
    }
    let linear = solve(&rows, Loss::Logistic, settings.own_shrinkage, 1.0);
    let own = data
        .samples
        .iter()
        .map(|sample| linear.predict(&sample.original))
        .collect();
    Group {
        models: models.to_vec(),
        linear: linear.unscaled(),
        own,
    }
}

/// Replaces the heads by directions in the space of the topics, which the words and levels span.
fn stand_on_topics(
    data: &Dataset,
    settings: &Settings,
    base: &Base<'_>,
    used: &[usize],
    groups: &[Group],
    packed: &mut Packed,
) -> Vec<ModelHead> {
    // Of many models measured on the same prompts each says less that is new.
    let lanes: Vec<(&Group, usize, f64)> = groups
        .iter()
        .flat_map(|group| {
            let alike: usize = groups
                .iter()
                .filter(|other| alike(data, used, group, other))
                .map(|other| other.models.len())
                .sum();
            let importance = (alike.max(1) as f64).powf(-settings.sharing);
            (0..group.models.len()).map(move |lane| (group, lane, importance))
        })
        .collect();
    let mut sources: BTreeMap<&str, f64> = BTreeMap::new();
    for index in used {
        *sources.entry(&data.samples[*index].source).or_default() += 1.0;
    }
    let mut products = vec![vec![0.0_f64; lanes.len()]; lanes.len()];
    let mut values = vec![0.0_f64; lanes.len()];
    for index in used {
        let weight = 1.0
            / sources
                .get(data.samples[*index].source.as_str())
                .unwrap_or(&1.0);
        for (value, (group, lane, importance)) in values.iter_mut().zip(&lanes) {
            *value = f64::from(group.own[*index][*lane]) * importance;
        }
        for (a, row) in products.iter_mut().enumerate() {
            let left = weight * values[a];
            for (product, right) in row.iter_mut().zip(&values) {
                *product += left * right;
            }
        }
    }
    let directions = topics::principal(products);
    for (topic, direction) in directions.iter().enumerate() {
        let (mut words, mut levels) = (vec![0.0_f32; BUCKETS], vec![0.0_f32; BINS]);
        for ((group, lane, importance), share) in lanes.iter().zip(direction) {
            let factor = to_f32(share * importance);
            for (sum, row) in words.iter_mut().zip(&group.linear.words) {
                *sum += factor * row[*lane];
            }
            for (sum, row) in levels.iter_mut().zip(&group.linear.levels) {
                *sum += factor * row[*lane];
            }
        }
        packed.set(NAMED_HEADS + topic, &words, &levels);
    }
    let mut heads: Vec<ModelHead> = lanes
        .iter()
        .enumerate()
        .map(|(position, (group, lane, importance))| {
            let name = &data.models[group.models[*lane]];
            let known = base
                .success
                .capabilities
                .iter()
                .find(|one| one.model == *name);
            let mut along = [0.0_f32; TOPICS];
            for (along, direction) in along.iter_mut().zip(&directions) {
                *along = to_f32(direction[position] / importance);
            }
            ModelHead {
                name: name.clone(),
                outcomes: known.map_or(0, |known| known.outcomes),
                capability: known.map_or(0.0, |known| known.capability),
                constant: group.linear.constant[*lane],
                prior: settings.own_prior,
                directions: along,
            }
        })
        .collect();
    heads.sort_by(|a, b| a.name.cmp(&b.name));
    heads
}

/// Whether the first models of two groups were measured on the same prompts.
fn alike(data: &Dataset, used: &[usize], a: &Group, b: &Group) -> bool {
    let (Some(a), Some(b)) = (a.models.first(), b.models.first()) else {
        return false;
    };
    used.iter().all(|index| match &data.samples[*index].target {
        Target::Outcomes(outcomes) => {
            let has = |model: &usize| outcomes.iter().any(|(one, ..)| one == model);
            has(a) == has(b)
        }
        Target::Judged(..) => true,
    })
}

/// Constant of the gain, and its part of the difficulty.
struct Gain {
    constant: f32,
    difficulty: f32,
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

/// Fits what a strong tier gains over a weak one.
fn gain_head(
    data: &Dataset,
    settings: &Settings,
    base: &Base<'_>,
    used: &[usize],
    packed: &mut Packed,
) -> Gain {
    let pairs = pairs(data, base, used);
    let mut rows = Vec::new();
    let (mut mean, mut spread, mut all) = (0.0, 0.0, 0.0);
    for (members, pair) in pairs.values() {
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
        rows.extend(gains.iter().map(|(index, gain)| Row {
            features: &data.samples[*index].original,
            targets: lane_0((gain - average) / deviation),
            weights: lane_0(1.0),
            offset: 0.0,
        }));
    }
    if rows.is_empty() {
        packed.set(Head::Gain as usize, &[0.0; BUCKETS], &[]);
        return Gain {
            constant: 0.0,
            difficulty: 0.0,
        };
    }
    let (mean, spread) = (mean / all, spread / all);
    let graded = rows.len();
    for index in used {
        let sample = &data.samples[*index];
        if let Target::Judged(judged, _) = sample.target {
            rows.push(Row {
                features: &sample.original,
                targets: lane_0(GAIN_PER_LOGIT * judged),
                weights: lane_0(settings.gain_anchor_weight),
                offset: 0.0,
            });
        }
    }
    let linear = solve(
        &rows,
        Loss::Squared,
        settings.gain_shrinkage,
        settings.gain_words,
    );
    let predicted: Vec<f32> = rows[..graded]
        .iter()
        .map(|row| linear.predict(row.features)[0])
        .collect();
    let hard: Vec<f32> = rows[..graded]
        .iter()
        .map(|row| base.fitted.predict(row.features)[Head::Difficulty as usize])
        .collect();
    let (middle, own_spread) = moments(&predicted);
    let (hard_middle, hard_spread) = moments(&hard);
    let part = settings.gain_difficulty * own_spread / hard_spread.max(1e-3);
    let linear = linear.unscaled();
    let words: Vec<f32> = linear
        .words
        .iter()
        .zip(base.fitted.words(Head::Difficulty))
        .map(|(own, hard)| spread * (own[0] + part * hard))
        .collect();
    let levels: Vec<f32> = linear.levels.iter().map(|row| spread * row[0]).collect();
    packed.set(Head::Gain as usize, &words, &levels);
    Gain {
        constant: mean - spread * (middle + part * hard_middle),
        difficulty: spread * part,
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

fn lane_0(value: f32) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    lanes[0] = value;
    lanes
}

fn moments(values: &[f32]) -> (f32, f32) {
    let count = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / count;
    let squares: f32 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / count).sqrt())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "precision past f32 is not wanted"
)]
fn to_f32(value: f64) -> f32 {
    value as f32
}
