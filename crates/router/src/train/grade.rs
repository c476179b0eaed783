//! Measuring the recipe on prompts that the fit has not seen.

use super::Settings;
use super::dataset::{Dataset, Sample, Target};
use super::fit::Fitted;

/// How the data is parted into folds. The same question in two sources is always in one fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// By question.
    Random {
        /// Number of folds.
        folds: u32,
    },
    /// By whole tasks: a kind of prompt that the fit has not met.
    Task {
        /// Number of folds.
        folds: u32,
    },
    /// By whole sources: a benchmark that the fit has not met, nor its format.
    Source,
}

/// How well difficulty predicts failure in one source.
#[derive(Debug, Clone, PartialEq)]
pub struct Grade {
    /// The source.
    pub source: String,
    /// Models graded: of the source, those whose mean score is nearest to one half.
    pub models: Vec<String>,
    /// Prompts.
    pub prompts: u32,
    /// Area under the curve of difficulty against failure, mean over the models: 0.5 is chance.
    pub auc: f32,
    /// The same for the length of the prompt.
    pub length_auc: f32,
    /// Standard error of `auc` for one model, after Hanley and McNeil (1982).
    pub error: f32,
}

/// Models per source that are graded.
const GRADED_MODELS: usize = 3;

/// Grades every source on held-out folds. Anchors are always fitted, never graded; sources that
/// are for validation only are graded by a fit on everything else.
#[must_use]
pub fn grade(
    data: &Dataset,
    settings: &Settings,
    split: Split,
    progress: &mut dyn FnMut(&str),
) -> Vec<Grade> {
    let outside = held_out(data, settings, split, progress);
    let whole = Fitted::fit(data, settings, |_| true);
    let difficulty: Vec<f32> = data
        .samples
        .iter()
        .zip(&outside)
        .map(|(sample, known)| known.unwrap_or_else(|| whole.predict(&sample.original)))
        .collect();
    let mut sources: Vec<&str> = data
        .samples
        .iter()
        .map(|sample| sample.source.as_str())
        .filter(|s| !s.is_empty())
        .collect();
    sources.sort_unstable();
    sources.dedup();
    sources
        .iter()
        .filter_map(|source| grade_source(data, source, &difficulty))
        .collect()
}

/// Difficulty of every prompt by a fit that has not seen it; `None` for those that are never fitted.
pub(super) fn held_out(
    data: &Dataset,
    settings: &Settings,
    split: Split,
    progress: &mut dyn FnMut(&str),
) -> Vec<Option<f32>> {
    held_out_of(data, settings, split, &|_| true, progress)
}

/// The same among the samples that `include` lets through.
pub(super) fn held_out_of(
    data: &Dataset,
    settings: &Settings,
    split: Split,
    include: &dyn Fn(usize) -> bool,
    progress: &mut dyn FnMut(&str),
) -> Vec<Option<f32>> {
    let mut folds = assign(data, settings, split);
    for (index, fold) in folds.iter_mut().enumerate() {
        *fold = fold.filter(|_| include(index));
    }
    let count = folds.iter().flatten().max().map_or(0, |last| last + 1);
    let mut outside = vec![None; data.samples.len()];
    for fold in 0..count {
        progress(&format!("fold {} of {count}", fold + 1));
        let fitted = Fitted::fit(data, settings, |index| {
            include(index) && folds.get(index) != Some(&Some(fold))
        });
        for ((sample, own), outside) in data.samples.iter().zip(&folds).zip(&mut outside) {
            if *own == Some(fold) {
                *outside = Some(fitted.predict(&sample.original));
            }
        }
    }
    outside
}

pub(super) fn assign(data: &Dataset, settings: &Settings, split: Split) -> Vec<Option<u32>> {
    let fitted = |sample: &Sample| super::fit::may_fit(sample, settings);
    match split {
        Split::Random { folds } => data
            .samples
            .iter()
            .map(|sample| fitted(sample).then(|| fold_of(sample.group, folds)))
            .collect(),
        Split::Task { folds } => by_key(data, folds, |sample| {
            (fitted(sample) && !sample.task.is_empty()).then_some(sample.task.as_str())
        }),
        Split::Source => by_key(data, u32::MAX, |sample| {
            (fitted(sample) && !sample.source.is_empty()).then(|| family(&sample.source))
        }),
    }
}

/// Sources that share their questions.
fn family(source: &str) -> &str {
    if source.contains("gsm8k") {
        "gsm8k"
    } else {
        source
    }
}

pub(super) fn fold_of(group: u64, folds: u32) -> u32 {
    let mixed = (group ^ (group >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    u32::try_from(mixed % u64::from(folds.max(1))).unwrap_or(0)
}

/// Gives every key a fold, the largest first, each to the smallest fold.
fn by_key<'a>(
    data: &'a Dataset,
    folds: u32,
    key: impl Fn(&'a Sample) -> Option<&'a str>,
) -> Vec<Option<u32>> {
    let mut sizes = std::collections::BTreeMap::<&str, usize>::new();
    for name in data.samples.iter().filter_map(&key) {
        *sizes.entry(name).or_default() += 1;
    }
    let mut ordered: Vec<(&str, usize)> = sizes.into_iter().collect();
    ordered.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let count = ordered.len().min(folds as usize);
    let mut loads = vec![0; count];
    let mut fold_by_key = std::collections::BTreeMap::new();
    for (name, size) in ordered {
        let lightest = (0..count).min_by_key(|fold| loads[*fold]).unwrap_or(0);
        if let Some(load) = loads.get_mut(lightest) {
            *load += size;
        }
        fold_by_key.insert(name, u32::try_from(lightest).unwrap_or(u32::MAX));
    }
    data.samples
        .iter()
        .map(|sample| fold_by_key.get(key(sample)?).copied())
        .collect()
}

fn grade_source(data: &Dataset, source: &str, difficulty: &[f32]) -> Option<Grade> {
    let mut scores: Vec<Vec<(f32, f32, f32)>> = vec![Vec::new(); data.models.len()];
    let mut prompts = 0;
    for (sample, difficulty) in data.samples.iter().zip(difficulty) {
        if let (true, Target::Outcomes(outcomes)) = (sample.source == source, &sample.target) {
            prompts += 1;
            for (model, score, _) in outcomes {
                scores
                    .get_mut(*model)?
                    .push((*difficulty, sample.length, *score));
            }
        }
    }
    let mut ranked: Vec<(f32, usize)> = scores
        .iter()
        .enumerate()
        .filter(|(_, points)| points.len() * 2 > prompts as usize)
        // A model that never fails, or always, cannot be ranked: a reference of preference data.
        .filter(|(_, points)| {
            let failures = points.iter().filter(|(_, _, score)| failed(*score)).count();
            (1..points.len()).contains(&failures)
        })
        .map(|(model, points)| {
            let mean = points.iter().map(|(_, _, score)| score).sum::<f32>() / points.len() as f32;
            ((mean - 0.5).abs(), model)
        })
        .collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    // A pair of models is graded by the one that is nearer to one half.
    let graded = if ranked.len() > GRADED_MODELS {
        GRADED_MODELS
    } else {
        1
    };
    ranked.truncate(graded);
    let (mut auc, mut length_auc, mut error) = (0.0, 0.0, 0.0);
    for (_, model) in &ranked {
        let points = &scores[*model];
        let own = area(
            points
                .iter()
                .map(|(difficulty, _, score)| (*difficulty, failed(*score))),
        );
        let length = area(
            points
                .iter()
                .map(|(_, length, score)| (*length, failed(*score))),
        );
        let failures = points.iter().filter(|(_, _, score)| failed(*score)).count();
        auc += own / ranked.len() as f32;
        length_auc += length / ranked.len() as f32;
        error += standard_error(own, failures, points.len() - failures) / ranked.len() as f32;
    }
    (!ranked.is_empty()).then(|| Grade {
        source: source.to_owned(),
        models: ranked
            .iter()
            .map(|(_, model)| data.models[*model].clone())
            .collect(),
        prompts,
        auc,
        length_auc,
        error,
    })
}

fn failed(score: f32) -> bool {
    score < 0.5
}

/// Chance that a failure has the larger value; ties count half.
pub(super) fn area(points: impl Iterator<Item = (f32, bool)>) -> f32 {
    let mut points: Vec<(f32, bool)> = points.collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = points.iter().filter(|(_, positive)| *positive).count() as f64;
    let negatives = points.len() as f64 - positives;
    if positives < 1.0 || negatives < 1.0 {
        return 0.5;
    }
    let (mut won, mut below) = (0.0, 0.0);
    for tied in points.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let up = tied.iter().filter(|(_, positive)| *positive).count() as f64;
        let down = tied.len() as f64 - up;
        won += up * (below + down / 2.0);
        below += down;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a share")]
    let area = (won / (positives * negatives)) as f32;
    area
}

fn standard_error(area: f32, positives: usize, negatives: usize) -> f32 {
    let (up, down) = (positives.max(1) as f32, negatives.max(1) as f32);
    let (q1, q2) = (area / (2.0 - area), 2.0 * area * area / (1.0 + area));
    let squared = area * area;
    let variance =
        area * (1.0 - area) + (up - 1.0) * (q1 - squared) + (down - 1.0) * (q2 - squared);
    (variance / (up * down)).max(0.0).sqrt()
}
