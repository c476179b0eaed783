//! The heads of single models and the topics on which they stand.

use std::collections::BTreeMap;

use super::dataset::{Dataset, Target};
use super::fit::may_fit;
use super::gain::{Gain, gain_head};
use super::pack::Packed;
use super::solve::{LANES, Linear, Loss, Row, solve};
use super::tokens::output_head;
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
    let mut packed = Packed::new();
    progress("gain");
    let gain = gain_head(data, settings, base, &used, &mut packed);
    progress("heads of the models");
    let groups = own_heads(data, settings, base, &used, &gain);
    progress("topics");
    let models = stand_on_topics(data, settings, base, &used, &groups, &mut packed);
    let mut biases = [0.0; HEADS];
    let mut counters = [[0.0; NAMED_HEADS]; COUNTERS];
    let words: Vec<f32> = base.fitted.words().collect();
    packed.set(Head::Difficulty as usize, &words, &[]);
    for (row, weight) in counters.iter_mut().zip(base.fitted.counters()) {
        row[Head::Difficulty as usize] = weight;
        row[Head::Gain as usize] = gain.difficulty * weight;
    }
    biases[Head::Gain as usize] = gain.constant;
    progress("output tokens");
    biases[Head::OutputTokens as usize] = output_head(data, settings, &used, &mut packed);
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
        Some(Some(difficulty)) => *difficulty,
        _ => base.fitted.predict(&data.samples[index].original),
    }
}

fn own_heads(
    data: &Dataset,
    settings: &Settings,
    base: &Base<'_>,
    used: &[usize],
    gain: &Gain,
) -> Vec<Group> {
    let mut sources: Vec<Vec<&str>> = vec![Vec::new(); data.models.len()];
    let outcomes = outcomes(data, used);
    for index in used {
        let sample = &data.samples[*index];
        if let Target::Outcomes(own) = &sample.target {
            for (model, ..) in own {
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
        .map(|models| own_group(data, settings, base, (used, gain), models))
        .collect()
}

/// Number of outcomes of every model.
fn outcomes(data: &Dataset, used: &[usize]) -> Vec<u32> {
    let mut outcomes = vec![0; data.models.len()];
    for index in used {
        if let Target::Outcomes(own) = &data.samples[*index].target {
            for (model, ..) in own {
                outcomes[*model] += 1;
            }
        }
    }
    outcomes
}

fn own_group(
    data: &Dataset,
    settings: &Settings,
    base: &Base<'_>,
    (used, gain): (&[usize], &Gain),
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
            extra: settings.own_gain * gain.outside[*index],
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
            Target::Instructed(..) => continue,
            // An anchor as if every model had tried it.
            Target::Judged(judged, _) => {
                for (lane, model) in models.iter().enumerate() {
                    row.targets[lane] = sigmoid(base.fitted.ability(*model) - judged);
                    row.weights[lane] = settings.own_anchor_weight;
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
        .zip(&gain.outside)
        .map(|(sample, gain)| {
            let alone = linear.predict(&sample.original);
            std::array::from_fn(|lane| alone[lane] + linear.extra[lane] * settings.own_gain * gain)
        })
        .collect();
    let linear = with_gain(linear.unscaled(), settings.own_gain, gain);
    Group {
        models: models.to_vec(),
        linear,
        own,
    }
}

/// Writes the gain out as the words and levels that it consists of.
fn with_gain(mut linear: Linear, own_gain: f32, gain: &Gain) -> Linear {
    let parts = linear.extra.map(|weight| weight * own_gain);
    let more = |row: &mut [f32; LANES], weight: f32| {
        for (value, part) in row.iter_mut().zip(parts) {
            *value += part * weight;
        }
    };
    for (row, weight) in linear.words.iter_mut().zip(&gain.words) {
        more(row, *weight);
    }
    for (row, weight) in linear.levels.iter_mut().zip(&gain.levels) {
        more(row, *weight);
    }
    more(&mut linear.constant, -gain.middle);
    linear.extra = [0.0; LANES];
    linear
}

/// A head: its group, its lane there, and its weight among the heads.
type Lane<'a> = (&'a Group, usize, f64);

/// Replaces the heads by directions in the space of the topics, which the words and levels span.
fn stand_on_topics(
    data: &Dataset,
    settings: &Settings,
    base: &Base<'_>,
    used: &[usize],
    groups: &[Group],
    packed: &mut Packed,
) -> Vec<ModelHead> {
    let lanes = weighted(data, settings, used, groups);
    let directions = topics::principal(products(data, used, &lanes));
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

/// The heads with what each counts for the topics: of many models measured on the same prompts
/// each says less that is new, and what was fitted on few outcomes is mostly noise.
fn weighted<'a>(
    data: &Dataset,
    settings: &Settings,
    used: &[usize],
    groups: &'a [Group],
) -> Vec<Lane<'a>> {
    let outcomes = outcomes(data, used);
    let mut lanes = Vec::new();
    for group in groups {
        let alike: usize = groups
            .iter()
            .filter(|other| alike(data, used, group, other))
            .map(|other| other.models.len())
            .sum();
        let news = (alike.max(1) as f64).powf(-settings.sharing);
        for (lane, model) in group.models.iter().enumerate() {
            let known = f64::from(outcomes[*model]);
            let trust = known / (known + settings.topic_outcomes);
            lanes.push((group, lane, news * trust));
        }
    }
    lanes
}

/// Mean products of the weighted heads' values over the prompts, every source alike.
fn products(data: &Dataset, used: &[usize], lanes: &[Lane<'_>]) -> Vec<Vec<f64>> {
    let mut sources: BTreeMap<&str, f64> = BTreeMap::new();
    for index in used {
        *sources.entry(&data.samples[*index].source).or_default() += 1.0;
    }
    let mut products = vec![vec![0.0_f64; lanes.len()]; lanes.len()];
    let mut values = vec![0.0_f64; lanes.len()];
    for index in used {
        let source = data.samples[*index].source.as_str();
        let weight = 1.0 / sources.get(source).unwrap_or(&1.0);
        for (value, (group, lane, importance)) in values.iter_mut().zip(lanes) {
            *value = f64::from(group.own[*index][*lane]) * importance;
        }
        for (a, row) in products.iter_mut().enumerate() {
            let left = weight * values[a];
            for (product, right) in row.iter_mut().zip(&values) {
                *product += left * right;
            }
        }
    }
    products
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
        Target::Judged(..) | Target::Instructed(..) => true,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "precision past f32 is not wanted"
)]
pub(super) fn to_f32(value: f64) -> f32 {
    value as f32
}
