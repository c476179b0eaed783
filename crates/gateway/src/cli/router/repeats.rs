//! Prompts that stand in the data more than once.

use std::collections::{BTreeMap, HashMap};

use steelyard_router::train::{Example, Outcome};

use super::data::counted;

/// What was found on the way.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Repeats {
    /// Prompts whose source has several outcomes of a model, or them again without any. Models on
    /// lines of their own are no repetition.
    repeated: usize,
    /// Those of them of which a model has outcomes that differ.
    differing: usize,
    /// Prompts that stand in more than one source with the same outcomes.
    copied: usize,
}

impl Repeats {
    /// One line for each finding.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.repeated > 0 {
            let differing = match self.differing {
                0 => String::new(),
                some => format!("; for {some} a model's outcomes differ"),
            };
            lines.push(format!(
                "counted once: {} repeated within a source, with the mean of every model's \
                 outcomes{differing}",
                counted(self.repeated, "prompt")
            ));
        }
        if self.copied > 0 {
            lines.push(format!(
                "counted in each: {} with the same outcomes in several sources; is a file given \
                 under two names?",
                counted(self.copied, "prompt")
            ));
        }
        lines
    }
}

/// Makes one of all examples with the same prompt and source, in the place of the first. A model
/// counts once, with the mean of its scores and of its known lengths. The same prompt in several
/// sources stays: sources have measured different models on it.
pub(super) fn merge(examples: Vec<Example>) -> (Vec<Example>, Repeats) {
    let mut firsts: HashMap<(&str, &str), usize> = HashMap::with_capacity(examples.len());
    let firsts: Vec<usize> = examples
        .iter()
        .enumerate()
        .map(|(index, one)| *firsts.entry((&one.source, &one.text)).or_insert(index))
        .collect();
    let mut kept: Vec<Example> = Vec::with_capacity(examples.len());
    let mut places: HashMap<usize, usize> = HashMap::with_capacity(examples.len());
    let mut more: BTreeMap<usize, Vec<Vec<Outcome>>> = BTreeMap::new();
    for (index, (example, first)) in examples.into_iter().zip(firsts).enumerate() {
        match places.get(&first) {
            Some(place) => more.entry(*place).or_default().push(example.outcomes),
            None => {
                places.insert(index, kept.len());
                kept.push(example);
            }
        }
    }
    let mut repeats = Repeats::default();
    for (place, more) in more {
        if let Some(first) = kept.get_mut(place) {
            let own = std::mem::take(&mut first.outcomes);
            let is_bare = own.is_empty() || more.iter().any(Vec::is_empty);
            let merged = means(own.into_iter().chain(more.into_iter().flatten()));
            first.outcomes = merged.outcomes;
            repeats.repeated += usize::from(merged.repeat || is_bare);
            repeats.differing += usize::from(merged.differ);
        }
    }
    repeats.copied = copied(&kept);
    (kept, repeats)
}

/// Outcomes of one prompt, one of every model.
struct Merged {
    outcomes: Vec<Outcome>,
    /// Whether a model had several.
    repeat: bool,
    /// Whether a model's differ.
    differ: bool,
}

fn means(all: impl Iterator<Item = Outcome>) -> Merged {
    let mut by_model: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
    for outcome in all {
        let of_model = by_model.entry(outcome.model.clone()).or_default();
        of_model.push(outcome);
    }
    let (mut repeat, mut differ) = (false, false);
    let outcomes = by_model.into_iter().map(|(model, of_model)| {
        repeat |= of_model.len() > 1;
        differ |= of_model.windows(2).any(|two| two[0] != two[1]);
        let lengths = of_model.iter().filter_map(|one| one.output_tokens);
        Outcome {
            model,
            score: mean(of_model.iter().map(|one| one.score)).unwrap_or_default(),
            output_tokens: mean(lengths),
        }
    });
    Merged {
        outcomes: outcomes.collect(),
        repeat,
        differ,
    }
}

/// Exact where all values are alike.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a mean needs no more digits than its values"
)]
fn mean(values: impl Iterator<Item = f32>) -> Option<f32> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| {
        (sum + f64::from(value), count + 1.0)
    });
    (count > 0.0).then(|| (sum / count) as f32)
}

/// Prompts that stand in another source with the same outcomes.
fn copied(examples: &[Example]) -> usize {
    let mut by_text: HashMap<&str, Vec<&Example>> = HashMap::with_capacity(examples.len());
    for example in examples {
        by_text.entry(&example.text).or_default().push(example);
    }
    let is_copied = |of_text: &&Vec<&Example>| {
        of_text.iter().enumerate().any(|(index, one)| {
            let mut before = of_text.iter().take(index);
            !one.outcomes.is_empty() && before.any(|other| other.outcomes == one.outcomes)
        })
    };
    by_text.values().filter(is_copied).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(source: &str, text: &str, outcomes: &[(&str, f32, Option<f32>)]) -> Example {
        let outcomes = outcomes
            .iter()
            .map(|(model, score, output_tokens)| Outcome {
                model: (*model).to_owned(),
                score: *score,
                output_tokens: *output_tokens,
            });
        Example {
            source: source.to_owned(),
            task: source.to_owned(),
            text: text.to_owned(),
            outcomes: outcomes.collect(),
        }
    }

    #[test]
    fn data_without_repeats_stays_as_it_is() {
        let data = vec![
            example("a", "one", &[("y", 0.3, None), ("x", 0.1, Some(3.0))]),
            example("a", "two", &[("y", 0.3, None)]),
            // Another source may have measured other models, or the same differently.
            example("b", "one", &[("y", 0.4, None)]),
        ];
        let (merged, repeats) = merge(data.clone());
        assert_eq!((merged, &repeats), (data, &Repeats::default()));
        assert!(repeats.lines().is_empty());
    }

    #[test]
    fn a_file_given_again_changes_nothing() {
        let data = [
            example("a", "one", &[("x", 0.1, Some(3.0)), ("y", 0.7, None)]),
            example("a", "two", &[("x", 1.0, Some(0.1))]),
        ];
        let (merged, repeats) = merge([&data[..], &data, &data].concat());
        assert_eq!(merged, data);
        let told = repeats.lines();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("counted once: 2 prompts") && !told[0].contains("differ"),
            "{told:?}"
        );
    }

    #[test]
    fn models_on_lines_of_their_own_come_together_and_repeats_are_their_mean() {
        let (merged, repeats) = merge(vec![
            example("a", "one", &[("y", 1.0, Some(10.0))]),
            example("a", "two", &[("x", 1.0, None)]),
            example("a", "one", &[("x", 0.0, None)]),
            example("a", "one", &[("y", 0.0, Some(30.0))]),
            example("a", "one", &[("y", 0.5, None)]),
        ]);
        let one = example("a", "one", &[("x", 0.0, None), ("y", 0.5, Some(20.0))]);
        assert_eq!(merged, [one, example("a", "two", &[("x", 1.0, None)])]);
        assert_eq!((repeats.repeated, repeats.differing), (1, 1));
        assert!(repeats.lines()[0].ends_with("; for 1 a model's outcomes differ"));
    }

    #[test]
    fn models_on_lines_of_their_own_are_no_repetition() {
        let (merged, repeats) = merge(vec![
            example("a", "one", &[("y", 1.0, None)]),
            example("a", "one", &[("x", 0.0, None)]),
            example("a", "two", &[("x", 0.0, None), ("z", 1.0, None)]),
            example("a", "two", &[("y", 0.0, None)]),
        ]);
        assert_eq!(merged.len(), 2);
        assert_eq!(repeats, Repeats::default());
        // A prompt that comes again with nothing is a repetition.
        let bare = example("a", "one", &[]);
        for data in [[bare.clone(), bare.clone()], [bare, merged[0].clone()]] {
            let (_, repeats) = merge(data.to_vec());
            assert_eq!((repeats.repeated, repeats.differing), (1, 0));
        }
    }

    #[test]
    fn a_copy_under_another_name_is_told() {
        let outcomes = [("x", 1.0, None)];
        let data = vec![
            example("a", "one", &outcomes),
            example("copy", "one", &outcomes),
            example("b", "unasked", &[]),
            example("c", "unasked", &[]),
        ];
        let (merged, repeats) = merge(data.clone());
        assert_eq!((merged, repeats.copied), (data, 1));
        assert!(repeats.lines()[0].contains("under two names"));
    }
}
