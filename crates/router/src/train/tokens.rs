//! The expected output tokens.
//!
//! What is fitted is the logarithm of the tokens that the middle model of the data wrote: a policy
//! names its own models, and how much each of those writes is not known here. The benchmarks teach
//! how long the work of a kind is, the anchors how long an answer in a chat is.

use std::collections::BTreeMap;

use super::Settings;
use super::dataset::{Dataset, Sample, Target};
use super::pack::Packed;
use super::solve::{LANES, Loss, Row, solve};
use crate::scorer::Head;

/// Prompts of a source that weigh 1 each.
const USUAL_SIZE: f32 = 500.0;

/// Fits the output tokens on the samples `used` and packs them; returns the head's constant.
pub(super) fn output_head(
    data: &Dataset,
    settings: &Settings,
    used: &[usize],
    packed: &mut Packed,
) -> f32 {
    let timed: Vec<(&Sample, f32)> = used
        .iter()
        .filter_map(|index| {
            let sample = &data.samples[*index];
            Some((sample, middle(&sample.target)?))
        })
        .collect();
    let mut sizes = BTreeMap::<&str, f32>::new();
    for (sample, _) in &timed {
        if let Target::Outcomes(_) = sample.target {
            *sizes.entry(&sample.source).or_default() += 1.0;
        }
    }
    let rows = timed.iter().filter_map(|(sample, tokens)| {
        let weight = match sample.target {
            Target::Outcomes(_) => {
                let size = sizes.get(sample.source.as_str())?;
                (USUAL_SIZE / size).powf(settings.output_sharing)
            }
            Target::Judged(..) => settings.anchor_output_weight,
            Target::Instructed(..) => settings.instructed_output_weight,
        };
        Some(Row {
            // With the options: a choice among them asks for a short answer, the bare question
            // does not.
            features: sample.variants.last()?,
            targets: [*tokens; LANES],
            weights: [weight; LANES],
            offset: 0.0,
            extra: 0.0,
        })
    });
    let rows: Vec<Row<'_>> = rows.collect();
    let linear = solve(&rows, Loss::Squared, settings.output_shrinkage, 1.0).unscaled();
    let first = |rows: &[[f32; LANES]]| -> Vec<f32> { rows.iter().map(|row| row[0]).collect() };
    packed.set(
        Head::OutputTokens as usize,
        &first(&linear.words),
        &first(&linear.levels),
    );
    linear.constant[0]
}

/// Logarithm of the tokens of the middle model, where lengths are known.
fn middle(target: &Target) -> Option<f32> {
    match target {
        Target::Judged(_, tokens) | Target::Instructed(_, tokens) => Some(*tokens),
        Target::Outcomes(outcomes) => {
            let lengths = outcomes.iter().filter_map(|(.., tokens)| *tokens);
            let mut lengths: Vec<f32> = lengths.collect();
            lengths.sort_by(f32::total_cmp);
            lengths.get(lengths.len() / 2).copied()
        }
    }
}
