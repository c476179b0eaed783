//! Penalised regression of many targets at once on words and levels of counts.
//!
//! Accelerated gradient steps (Nesterov 1983) on the whole data: no random order, so the same data
//! gives the same weights. A step costs one pass over the prompts for [`LANES`] targets.

use super::dataset::Features;
use crate::scorer::{BINS, BUCKETS, sigmoid};

/// Targets that share a pass.
pub(super) const LANES: usize = 8;
/// Value of a reached level beside the words, whose vector has length 1.
const LEVEL: f32 = 0.1;
const STEPS: u32 = 140;
const POWER_STEPS: u32 = 12;

/// What the linear predictor is fitted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// Of a share in [0, 1], by the logistic function.
    Logistic,
    /// Of a number.
    Squared,
}

/// A prompt with its targets.
pub(super) struct Row<'a> {
    pub(super) features: &'a Features,
    pub(super) targets: [f32; LANES],
    /// 0 where the target is unknown.
    pub(super) weights: [f32; LANES],
    /// What the prediction starts from.
    pub(super) offset: f32,
    /// A feature beside words and levels.
    pub(super) extra: f32,
}

/// Linear weights of every target.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    pub(super) words: Vec<[f32; LANES]>,
    /// Of reaching a level.
    pub(super) levels: Vec<[f32; LANES]>,
    /// Of [`Row::extra`].
    pub(super) extra: [f32; LANES],
    pub(super) constant: [f32; LANES],
    /// Factor of the words.
    word: f32,
}

impl Linear {
    fn zero(word: f32) -> Self {
        Self {
            words: vec![[0.0; LANES]; BUCKETS],
            levels: vec![[0.0; LANES]; BINS],
            extra: [0.0; LANES],
            constant: [0.0; LANES],
            word,
        }
    }

    /// Predictions of a row without constants and offset.
    fn predict_row(&self, row: &Row<'_>) -> [f32; LANES] {
        let mut predicted = self.predict(row.features);
        add_times(&mut predicted, row.extra, &self.extra);
        predicted
    }

    /// What words and levels add to the predictions.
    pub(super) fn predict(&self, features: &Features) -> [f32; LANES] {
        let (mut words, mut levels) = ([0.0; LANES], [0.0; LANES]);
        for (word, value) in &features.words {
            add_times(&mut words, *value, &self.words[usize::from(*word)]);
        }
        for (first, level, value) in &features.levels {
            for row in usize::from(*first) + 1..=usize::from(*first + *level) {
                add_times(&mut levels, *value, &self.levels[row]);
            }
        }
        std::array::from_fn(|lane| self.word * words[lane] + LEVEL * levels[lane])
    }

    /// Adds `errors` times the features.
    fn accumulate(&mut self, row: &Row<'_>, errors: [f32; LANES]) {
        let features = row.features;
        for (word, value) in &features.words {
            add_times(
                &mut self.words[usize::from(*word)],
                self.word * value,
                &errors,
            );
        }
        for (first, level, value) in &features.levels {
            for row in usize::from(*first) + 1..=usize::from(*first + *level) {
                add_times(&mut self.levels[row], LEVEL * value, &errors);
            }
        }
        add_times(&mut self.extra, row.extra, &errors);
        add_times(&mut self.constant, 1.0, &errors);
    }

    /// All weights with a value of 1 for every word and level: ready to be packed.
    pub(super) fn unscaled(mut self) -> Self {
        for row in &mut self.words {
            *row = row.map(|weight| weight * self.word);
        }
        for row in &mut self.levels {
            *row = row.map(|weight| weight * LEVEL);
        }
        self.word = 1.0;
        self
    }

    fn rows(&mut self) -> impl Iterator<Item = &mut [f32; LANES]> {
        let extra = std::iter::once(&mut self.extra);
        self.words.iter_mut().chain(&mut self.levels).chain(extra)
    }
}

#[inline]
fn add_times(sums: &mut [f32; LANES], times: f32, more: &[f32; LANES]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += times * more;
    }
}

/// Fits the targets of `rows` with the ridge penalty `shrinkage / 2 * |weights|²`; constants are
/// free. `word` is the value of the words beside the levels.
pub(super) fn solve(rows: &[Row<'_>], loss: Loss, shrinkage: f32, word: f32) -> Linear {
    let steepest = match loss {
        Loss::Logistic => 0.25,
        Loss::Squared => 1.0,
    };
    let rate = 1.0 / (1.05 * steepest * largest(rows, word) + shrinkage);
    let mut current = Linear::zero(word);
    current.constant = start(rows, loss);
    let mut ahead = current.clone();
    let mut momentum = 1.0_f32;
    for _ in 0..STEPS {
        let mut gradient = Linear::zero(word);
        for row in rows {
            let predicted = ahead.predict_row(row);
            let errors = std::array::from_fn(|lane| {
                let z = predicted[lane] + ahead.constant[lane] + row.offset;
                let expected = match loss {
                    Loss::Logistic => sigmoid(z),
                    Loss::Squared => z,
                };
                row.weights[lane] * (expected - row.targets[lane])
            });
            gradient.accumulate(row, errors);
        }
        let next_momentum = (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt()) / 2.0;
        let carry = (momentum - 1.0) / next_momentum;
        let move_on = |ahead: &mut f32, current: &mut f32, gradient: f32, shrinkage: f32| {
            let next = *ahead - rate * (gradient + shrinkage * *ahead);
            *ahead = next + carry * (next - *current);
            *current = next;
        };
        for ((ahead, current), gradient) in ahead.rows().zip(current.rows()).zip(gradient.rows()) {
            for lane in 0..LANES {
                move_on(
                    &mut ahead[lane],
                    &mut current[lane],
                    gradient[lane],
                    shrinkage,
                );
            }
        }
        for lane in 0..LANES {
            let constant = &mut ahead.constant[lane];
            move_on(
                constant,
                &mut current.constant[lane],
                gradient.constant[lane],
                0.0,
            );
        }
        momentum = next_momentum;
    }
    current
}

/// Constants that explain the means.
fn start(rows: &[Row<'_>], loss: Loss) -> [f32; LANES] {
    std::array::from_fn(|lane| {
        let (mut sum, mut all, mut offset) = (0.0_f64, 1e-9, 0.0);
        for row in rows {
            sum += f64::from(row.weights[lane] * row.targets[lane]);
            offset += f64::from(row.weights[lane] * row.offset);
            all += f64::from(row.weights[lane]);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a starting point")]
        let (mean, offset) = ((sum / all) as f32, (offset / all) as f32);
        match loss {
            Loss::Logistic => {
                let share = mean.clamp(0.01, 0.99);
                (share / (1.0 - share)).ln() - offset
            }
            Loss::Squared => mean - offset,
        }
    })
}

/// The largest curvature of the squared loss, by power iteration on all lanes at once.
fn largest(rows: &[Row<'_>], word: f32) -> f32 {
    let mut direction = Linear::zero(word);
    for row in direction.rows() {
        *row = [1.0; LANES];
    }
    direction.constant = [1.0; LANES];
    let mut largest = 1.0_f32;
    for _ in 0..POWER_STEPS {
        let mut next = Linear::zero(word);
        for row in rows {
            let along = direction.predict_row(row);
            let along = std::array::from_fn(|lane| {
                row.weights[lane] * (along[lane] + direction.constant[lane])
            });
            next.accumulate(row, along);
        }
        let mut norms = [0.0_f32; LANES];
        let constant = next.constant;
        for row in next.rows().map(|row| *row).chain([constant]) {
            for (norm, value) in norms.iter_mut().zip(row) {
                *norm += value * value;
            }
        }
        let norms = norms.map(|norm| norm.sqrt().max(1e-6));
        largest = norms.into_iter().fold(1.0, f32::max);
        for row in next.rows() {
            for (value, norm) in row.iter_mut().zip(norms) {
                *value /= norm;
            }
        }
        for (value, norm) in next.constant.iter_mut().zip(norms) {
            *value /= norm;
        }
        direction = next;
    }
    // The first direction was not of length 1, every later one is.
    largest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scorer::COUNTERS;

    #[test]
    fn a_feature_beside_words_and_levels_is_fitted() {
        let bare = Features {
            words: Vec::new(),
            counters: [0.0; COUNTERS],
            levels: Vec::new(),
        };
        let rows: Vec<Row<'_>> = [-1.0, 1.0]
            .iter()
            .cycle()
            .take(20)
            .map(|extra| Row {
                features: &bare,
                targets: [3.0 + 2.0 * extra; LANES],
                weights: [1.0; LANES],
                offset: 1.0,
                extra: *extra,
            })
            .collect();
        let fitted = solve(&rows, Loss::Squared, 1e-4, 1.0);
        assert!((fitted.extra[0] - 2.0).abs() < 0.01, "{:?}", fitted.extra);
        assert!((fitted.constant[0] - 2.0).abs() < 0.01);
        // Twenty rows with squares of 1 against a penalty of 20: half of it.
        let shrunk = solve(&rows, Loss::Squared, 20.0, 1.0);
        assert!((shrunk.extra[0] - 1.0).abs() < 0.01, "{:?}", shrunk.extra);
    }
}
