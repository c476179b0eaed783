//! The fit of difficulty and abilities to outcomes.
//!
//! It minimises the logistic loss of `score ~ sigmoid(ability[model] - difficulty(text))`.
//! `AdaGrad` visits the examples in an order that depends on the seed alone.

use super::Settings;
use super::dataset::{Dataset, Features, Sample, Target};
use crate::scorer::{BUCKETS, COUNTERS, sigmoid};

/// Abilities at which a judged difficulty is compared: a weak, a middling and a strong model.
const JUDGES: [f32; 3] = [-1.5, 0.5, 2.5];
/// Counters that hardly vary are not blown up: least standard deviation.
const LEAST_DEVIATION: f32 = 0.15;

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

/// The fitted difficulty, on standardised counters, with `AdaGrad`'s sums of squares.
#[derive(Debug, Clone)]
pub(super) struct Fitted {
    words: Vec<Param>,
    counters: Vec<Param>,
    /// Ability of every model.
    models: Vec<Param>,
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
        let cautious = Param {
            value: 0.0,
            squares: settings.word_caution,
        };
        let mut fitted = Self {
            words: vec![cautious; BUCKETS],
            counters: vec![Param::default(); COUNTERS],
            models: vec![Param::default(); data.models.len()],
            mean,
            deviation,
        };
        let fixed = data
            .models
            .iter()
            .position(|model| *model == settings.reference.0);
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
                    fitted.learn(sample, variant, settings, fixed);
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
        fixed: Option<usize>,
    ) {
        let Some(features) = sample.variants.get(variant) else {
            return;
        };
        if let Some(param) = fixed.and_then(|model| self.models.get_mut(model)) {
            param.value = settings.reference.1;
        }
        let predicted = self.predict(features);
        let share = sample.weight / sample.variants.len() as f32;
        let gradient = match &sample.target {
            Target::Outcomes(outcomes) => {
                self.explain_outcomes(outcomes, predicted, share, settings)
            }
            Target::Judged(difficulty, _) | Target::Instructed(difficulty, _) => {
                settings.anchor_weight * share * judged_error(*difficulty, predicted)
            }
        };
        if gradient.abs() > 0.0 {
            self.descend(features, gradient, settings);
        }
    }

    /// Gradient of the difficulty from outcomes; steps the models on the way.
    fn explain_outcomes(
        &mut self,
        outcomes: &[(usize, f32, Option<f32>)],
        predicted: f32,
        share: f32,
        settings: &Settings,
    ) -> f32 {
        let mut gradient = 0.0;
        let each = share / outcomes.len().max(1) as f32;
        for &(model, score, _) in outcomes {
            if let Some(ability) = self.models.get_mut(model) {
                let error = sigmoid(ability.value - predicted) - score;
                gradient -= each * error;
                ability.step(each * error, settings.learning_rate);
            }
        }
        gradient
    }

    /// The difficulty of a text.
    pub(super) fn predict(&self, features: &Features) -> f32 {
        let words: f32 = features
            .words
            .iter()
            .map(|(word, value)| value * self.words[usize::from(*word)].value)
            .sum();
        let counters: f32 = self
            .counters
            .iter()
            .zip(self.standardised(features))
            .map(|(param, feature)| param.value * feature)
            .sum();
        words + counters
    }

    fn standardised<'a>(&'a self, features: &'a Features) -> impl Iterator<Item = f32> + 'a {
        standardised(features, &self.mean, &self.deviation)
    }

    /// Effect of one standard deviation of every counter.
    pub(super) fn counter_effects(&self) -> Vec<f32> {
        self.counters.iter().map(|param| param.value).collect()
    }

    /// The weight of every word.
    pub(super) fn words(&self) -> impl Iterator<Item = f32> + '_ {
        self.words.iter().map(|word| word.value)
    }

    /// The weight of every counter, without standardisation.
    pub(super) fn counters(&self) -> [f32; COUNTERS] {
        let mut counters = [0.0; COUNTERS];
        let mut offset = 0.0;
        for (counter, param) in self.counters.iter().enumerate() {
            let weight = param.value / self.deviation[counter];
            counters[counter] = weight;
            offset -= weight * self.mean[counter];
        }
        counters[BIAS] += offset;
        counters
    }

    /// Ability of a model on the scale of difficulty.
    pub(super) fn ability(&self, model: usize) -> f32 {
        self.models.get(model).map_or(0.0, |param| param.value)
    }

    fn descend(&mut self, features: &Features, gradient: f32, settings: &Settings) {
        let rate = settings.learning_rate;
        for (word, value) in &features.words {
            let param = &mut self.words[usize::from(*word)];
            param.step(gradient * value + settings.l2_words * param.value, rate);
        }
        let standardised = standardised(features, &self.mean, &self.deviation);
        for (param, feature) in self.counters.iter_mut().zip(standardised) {
            param.step(
                gradient * feature + settings.l2_counters * param.value,
                rate,
            );
        }
    }
}

/// The counter that is always 1: the first of the derived ones.
const BIAS: usize = COUNTERS - 6;

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
