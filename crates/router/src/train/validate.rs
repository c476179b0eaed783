//! Scores of prompts by weights that had not seen them.

use super::dataset::Dataset;
use super::fit::Fitted;
use super::{Base, Settings, Split, TrainError, grade, own, scale};
use crate::scorer::{Scorer, Scratch};
use crate::{Score, ScoreInput};

/// Folds inside a fold, for the difficulty that the heads stand on.
const INNER_FOLDS: u32 = 3;

/// One prompt as weights saw it that had not been fitted on it.
#[derive(Debug, Clone)]
pub struct Validated {
    /// The score of the prompt.
    pub score: Score,
    /// Chance of success of every model that the weights have a head of.
    pub success: Vec<(String, f32)>,
}

/// Fits the recipe once per fold and scores the fold left out. `texts` are the prompts of the data
/// in its order; `None` stands where a prompt is in no fold.
///
/// # Errors
/// When a fold's rest holds too little to fit anything.
pub fn validate(
    data: &Dataset,
    texts: &[&str],
    settings: &Settings,
    split: Split,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Option<Validated>>, TrainError> {
    let folds = grade::assign(data, settings, split);
    let count = folds.iter().flatten().max().map_or(0, |last| last + 1);
    let mut found = vec![None; data.samples.len()];
    let mut scratch = Scratch::new();
    for fold in 0..count {
        progress(&format!("fold {} of {count}", fold + 1));
        let include = |index: usize| folds.get(index) != Some(&Some(fold));
        let scorer = scorer(data, settings, &include)?;
        for (index, text) in texts.iter().enumerate() {
            // What is never fitted may be scored by any of the fits.
            let never = fold == 0 && folds.get(index) == Some(&None);
            if folds.get(index) != Some(&Some(fold)) && !never {
                continue;
            }
            let input = ScoreInput {
                segments: &[text],
                ..ScoreInput::default()
            };
            let score = scorer.score(&input, &mut scratch);
            let success = scorer.models();
            found[index] = Some(Validated {
                score,
                success: success
                    .map(|head| (head.name.clone(), head.success(&score)))
                    .collect(),
            });
        }
    }
    Ok(found)
}

fn scorer(
    data: &Dataset,
    settings: &Settings,
    include: &dyn Fn(usize) -> bool,
) -> Result<Scorer, TrainError> {
    let inner = Split::Random { folds: INNER_FOLDS };
    let outside = grade::held_out_of(data, settings, inner, include, &mut |_| {});
    let quantiles = scale::quantiles(data, &outside).ok_or(TrainError::TooFewPrompts)?;
    let success = scale::success(data, &outside, &quantiles).ok_or(TrainError::TooFewOutcomes)?;
    let fitted = Fitted::fit(data, settings, include);
    let base = Base {
        version: "validation",
        fitted: &fitted,
        outside: &outside,
        quantiles,
        success: &success,
    };
    let weights = own::weights(data, settings, &base, include, &mut |_| {});
    Ok(Scorer::from_weights(weights))
}
