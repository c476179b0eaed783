//! The fit: difficulty and abilities from outcomes, output tokens and verbosities from lengths.
//!
//! Difficulty minimises the logistic loss of `score ~ sigmoid(ability[model] - difficulty(text))`,
//! output tokens the squared error of `ln tokens ~ verbosity[model] + length(text)`. `AdaGrad`
//! visits the examples in an order that depends on the seed alone.

use super::dataset::{Dataset, Features, Sample, Target};
use super::{FITTED, Heads, Settings};
use crate::scorer::{BUCKETS, COUNTERS, Head, sigmoid};

/// Abilities at which a judged difficulty is compared: a weak, a middling and a strong model.
const JUDGES: [f32; 3] = [-1.5, 0.5, 2.5];
/// Counters that hardly vary are not blown up: least standard deviation.
const LEAST_DEVIATION: f32 = 0.15;
/// The largest step that one example may ask of the output tokens, in natural logarithms.
const LARGEST_ERROR: f32 = 2.0;

/// One head's parameters, with `AdaGrad`'s sums of squares.
#[derive(Debug, Clone)]
struct HeadFit {
    words: Vec<Param>,
    counters: Vec<Param>,
    /// Ability or verbosity of every model.
    models: Vec<Param>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Param {
    value: f32,
    squares: f32,
}

impl Param {
    fn step(&mut self, gradient: f32, rate: f32) {
        self.squares += gradient * gradient;
        if self.squares > 0.0 {
            self.value -= rate * gradient / self.squares.sqrt();
        }
    }
}

/// Fitted heads, on standardised counters.
#[derive(Debug, Clone)]
pub(super) struct Fitted {
    heads: [HeadFit; FITTED],
    mean: [f32; COUNTERS],
    deviation: [f32; COUNTERS],
}

impl Fitted {
    /// Fits on the samples whose position `include` lets through and that may be fitted at all.
    pub(super) fn fit(
        data: &Dataset,
        settings: &Settings,
        include: impl Fn(usize) -> bool,
    ) -> Self {
        let samples: Vec<&Sample> = data
            .samples
            .iter()
            .enumerate()
            .filter(|(index, sample)| may_fit(sample, settings) && include(*index))
            .map(|(_, sample)| sample)
            .collect();
        let (mean, deviation) = moments(&samples);
        let blank = HeadFit {
            words: vec![
                Param {
                    value: 0.0,
                    squares: settings.word_caution
                };
                BUCKETS
            ],
            counters: vec![Param::default(); COUNTERS],
            models: vec![Param::default(); data.models.len()],
        };
        let mut fitted = Self {
            heads: [blank.clone(), blank],
            mean,
            deviation,
        };
        let fixed = data
            .models
            .iter()
            .position(|model| *model == settings.reference.0);
        let quiet = data
            .models
            .iter()
            .position(|model| *model == settings.reference_verbosity);
        let pins = [(fixed, settings.reference.1), (quiet, 0.0)];
        let mut order: Vec<(usize, usize)> = samples
            .iter()
            .enumerate()
            .flat_map(|(index, sample)| (0..sample.variants.len()).map(move |v| (index, v)))
            .collect();
        let mut random = Random(settings.seed);
        for _ in 0..settings.epochs {
            random.shuffle(&mut order);
            for &(index, variant) in &order {
                if let Some(sample) = samples.get(index) {
                    fitted.learn(sample, variant, settings, pins);
                }
            }
        }
        fitted
    }

    /// One step on one variant of one prompt.
    fn learn(
        &mut self,
        sample: &Sample,
        variant: usize,
        settings: &Settings,
        pins: [(Option<usize>, f32); FITTED],
    ) {
        let Some(features) = sample.variants.get(variant) else {
            return;
        };
        for (head, (pinned, at)) in self.heads.iter_mut().zip(pins) {
            if let Some(param) = pinned.and_then(|model| head.models.get_mut(model)) {
                param.value = at;
            }
        }
        let predicted = self.predict(features);
        let share = sample.weight / sample.variants.len() as f32;
        let gradients = match &sample.target {
            Target::Outcomes(outcomes) => {
                self.explain_outcomes(outcomes, predicted, share, settings)
            }
            Target::Judged(difficulty, tokens) => {
                let [hard, long] = [settings.anchor_weight, settings.anchor_output_weight];
                [
                    hard * share * judged_error(*difficulty, predicted[Head::Difficulty as usize]),
                    long * share * bounded(predicted[Head::OutputTokens as usize] - tokens),
                ]
            }
        };
        for (head, gradient) in self.heads.iter_mut().zip(gradients) {
            if gradient.abs() > 0.0 {
                head.descend(features, gradient, &self.mean, &self.deviation, settings);
            }
        }
    }

    /// Gradients of the heads from outcomes; steps the models on the way.
    fn explain_outcomes(
        &mut self,
        outcomes: &[(usize, f32, Option<f32>)],
        predicted: Heads,
        share: f32,
        settings: &Settings,
    ) -> Heads {
        let [difficulty, tokens] = &mut self.heads;
        let mut gradients = [0.0; FITTED];
        let each = share / outcomes.len().max(1) as f32;
        let timed = outcomes
            .iter()
            .filter(|(_, _, tokens)| tokens.is_some())
            .count();
        let each_timed = share / timed.max(1) as f32;
        for &(model, score, length) in outcomes {
            if let Some(ability) = difficulty.models.get_mut(model) {
                let error = sigmoid(ability.value - predicted[0]) - score;
                gradients[0] -= each * error;
                ability.step(each * error, settings.learning_rate);
            }
            if let (Some(verbosity), Some(length)) = (tokens.models.get_mut(model), length) {
                let error = bounded(verbosity.value + predicted[1] - length);
                gradients[1] += each_timed * error;
                verbosity.step(each_timed * error, settings.learning_rate);
            }
        }
        gradients
    }

    /// Values of all heads.
    pub(super) fn predict(&self, features: &Features) -> Heads {
        let mut heads = [0.0; FITTED];
        for (value, head) in heads.iter_mut().zip(&self.heads) {
            let words: f32 = features
                .words
                .iter()
                .map(|word| head.words[usize::from(*word)].value)
                .sum();
            let counters: f32 = head
                .counters
                .iter()
                .zip(self.standardised(features))
                .map(|(param, feature)| param.value * feature)
                .sum();
            *value = features.norm * words + counters;
        }
        heads
    }

    fn standardised<'a>(&'a self, features: &'a Features) -> impl Iterator<Item = f32> + 'a {
        standardised(features, &self.mean, &self.deviation)
    }

    /// Effect of one standard deviation of every counter.
    pub(super) fn counter_effects(&self, head: Head) -> Vec<f32> {
        self.heads[head as usize]
            .counters
            .iter()
            .map(|param| param.value)
            .collect()
    }

    /// The weight of every word for a head.
    pub(super) fn words(&self, head: Head) -> impl Iterator<Item = f32> + '_ {
        self.heads[head as usize]
            .words
            .iter()
            .map(|word| word.value)
    }

    /// The weight of every counter for a head, without standardisation.
    pub(super) fn counters(&self, head: Head) -> [f32; COUNTERS] {
        let mut counters = [0.0; COUNTERS];
        let mut offset = 0.0;
        for (counter, param) in self.heads[head as usize].counters.iter().enumerate() {
            let weight = param.value / self.deviation[counter];
            counters[counter] = weight;
            offset -= weight * self.mean[counter];
        }
        counters[BIAS] += offset;
        counters
    }

    /// Ability of a model on the scale of difficulty.
    pub(super) fn ability(&self, model: usize) -> f32 {
        self.heads[Head::Difficulty as usize]
            .models
            .get(model)
            .map_or(0.0, |param| param.value)
    }
}

/// The counter that is always 1: the first of the derived ones.
const BIAS: usize = COUNTERS - 6;

impl HeadFit {
    fn descend(
        &mut self,
        features: &Features,
        gradient: f32,
        mean: &[f32; COUNTERS],
        deviation: &[f32; COUNTERS],
        settings: &Settings,
    ) {
        let rate = settings.learning_rate;
        for word in &features.words {
            let param = &mut self.words[usize::from(*word)];
            param.step(
                gradient * features.norm + settings.l2_words * param.value,
                rate,
            );
        }
        for (param, feature) in self
            .counters
            .iter_mut()
            .zip(standardised(features, mean, deviation))
        {
            param.step(
                gradient * feature + settings.l2_counters * param.value,
                rate,
            );
        }
    }
}

fn standardised<'a>(
    features: &'a Features,
    mean: &'a [f32; COUNTERS],
    deviation: &'a [f32; COUNTERS],
) -> impl Iterator<Item = f32> + 'a {
    features
        .counters
        .iter()
        .zip(mean.iter().zip(deviation))
        .map(|(feature, (mean, deviation))| (feature - mean) / deviation)
}

pub(super) fn may_fit(sample: &Sample, settings: &Settings) -> bool {
    !settings
        .validation_only
        .iter()
        .any(|prefix| sample.source.starts_with(prefix.as_str()))
}

/// Mean and standard deviation of the counters; the bias keeps 0 and 1.
fn moments(samples: &[&Sample]) -> ([f32; COUNTERS], [f32; COUNTERS]) {
    let count = samples
        .iter()
        .map(|sample| sample.variants.len())
        .sum::<usize>()
        .max(1) as f32;
    let all = || samples.iter().flat_map(|sample| &sample.variants);
    let mut mean = [0.0_f32; COUNTERS];
    for features in all() {
        for (mean, value) in mean.iter_mut().zip(&features.counters) {
            *mean += value / count;
        }
    }
    let mut deviation = [0.0_f32; COUNTERS];
    for features in all() {
        for ((deviation, value), mean) in deviation.iter_mut().zip(&features.counters).zip(&mean) {
            *deviation += (value - mean).powi(2) / count;
        }
    }
    for deviation in &mut deviation {
        *deviation = deviation.sqrt().max(LEAST_DEVIATION);
    }
    mean[BIAS] = 0.0;
    deviation[BIAS] = 1.0;
    (mean, deviation)
}

/// A judged difficulty as if the judges had answered: mean of what they lose.
fn judged_error(judged: f32, predicted: f32) -> f32 {
    let errors = JUDGES.map(|ability| sigmoid(ability - judged) - sigmoid(ability - predicted));
    errors.iter().sum::<f32>() / JUDGES.len() as f32
}

fn bounded(error: f32) -> f32 {
    error.clamp(-LARGEST_ERROR, LARGEST_ERROR)
}

/// `SplitMix64`: the order must not depend on a library's version.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the remainder is a position"
    )]
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = (self.next() % (last as u64 + 1)) as usize;
            items.swap(last, other);
        }
    }
}
