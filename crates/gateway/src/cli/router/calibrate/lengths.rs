//! How long the answers of models are, in the words of the command.

use std::collections::BTreeSet;

use steelyard_policy::{Model, Policy};
use steelyard_router::LengthRatio;
use steelyard_types::{Feature, OutputFactor};

use super::super::super::say;
use super::outcomes::Of;

/// Tells that lines without a factor are a finding, too.
pub(super) fn say_replaced(lengths: &[Option<LengthRatio>]) {
    if lengths.iter().flatten().any(LengthRatio::is_enough) {
        say(&format!(
            "# Where the output tokens of {} prompts or more are known, its own `output_factor` goes too.",
            LengthRatio::LEAST_PROMPTS
        ));
    }
}

/// What was measured, and the factor for the policy where it says more than chance.
pub(super) fn lines(length: &LengthRatio, before: OutputFactor) -> String {
    let (prompts, ratio) = (length.prompts, length.ratio);
    let measured =
        format!("    # output tokens of {prompts} prompts: {ratio:.2} times as many as expected");
    if !length.is_enough() {
        return format!("{measured}; too few for an `output_factor`");
    }
    let (low, high) = (length.interval.low, length.interval.high);
    let measured = format!("{measured} (95 %: {low:.2} to {high:.2}); was {before}");
    if let Some(factor) = length.factor() {
        let bounds = f64::from(OutputFactor::LEAST)..=f64::from(OutputFactor::MOST);
        let doubt = match bounds.contains(&ratio) {
            true => "",
            false => {
                "\n    # more or less than a policy takes: are these tokens of single answers?"
            }
        };
        return format!("{measured}{doubt}\n    output_factor: {factor}");
    }
    let why = match before {
        OutputFactor::ONE => "not told from 1, so no `output_factor`",
        _ => "not told from 1: without the `output_factor` that it has now",
    };
    format!("{measured}\n    # {why}")
}

/// Tells which candidates stand beside models with a measured factor as if they wrote as much as
/// expected, because nobody said how much they do.
pub(super) fn say_unmeasured(
    policy: &Policy,
    models: &[(&Model, &Of)],
    lengths: &[Option<LengthRatio>],
) {
    let measured = |is: fn(&LengthRatio) -> bool| {
        let of = models.iter().zip(lengths);
        let of = of.filter(move |(_, length)| length.as_ref().is_some_and(is));
        let names = of.map(|((model, _), _)| &*model.name);
        names.collect::<BTreeSet<&str>>()
    };
    let known = measured(LengthRatio::is_enough);
    let others = unmeasured(
        policy,
        &known,
        &measured(|length| length.factor().is_some()),
    );
    if !others.is_empty() {
        let others: Vec<&str> = others.into_iter().collect();
        say(&format!(
            "# Candidates beside these that were not measured, so are taken to write as much as the scorer\n\
             # expects: {}. Record their `output_tokens` too.",
            others.join(", ")
        ));
    }
}

/// Candidates beside those with a factor that have none and were not measured.
fn unmeasured<'p>(
    policy: &'p Policy,
    known: &BTreeSet<&str>,
    factored: &BTreeSet<&str>,
) -> BTreeSet<&'p str> {
    let candidates = policy.routes.iter().map(|route| {
        let candidates = route.candidates.iter();
        candidates.map(|id| policy.model(*id)).collect::<Vec<_>>()
    });
    let beside =
        candidates.filter(|models| models.iter().any(|model| factored.contains(&*model.name)));
    beside
        .flatten()
        .filter(|model| {
            let has_tokens = !model.target.features.contains(Feature::Embeddings);
            let unknown = !known.contains(&*model.name);
            has_tokens && unknown && model.output_factor == OutputFactor::ONE
        })
        .map(|model| &*model.name)
        .collect()
}

#[cfg(test)]
mod tests {
    use steelyard_router::eval::Interval;

    use super::*;

    fn length(prompts: usize, ratio: f64, low: f64, high: f64) -> LengthRatio {
        LengthRatio {
            prompts,
            ratio,
            interval: Interval { low, high },
        }
    }

    #[test]
    fn a_factor_is_printed_only_where_it_says_something() {
        let two = OutputFactor::new(2.0).expect("within bounds");
        for (measured, before, printed) in [
            (
                length(60, 1.832, 1.6, 2.1),
                OutputFactor::ONE,
                "    # output tokens of 60 prompts: 1.83 times as many as expected (95 %: 1.60 to 2.10); was 1\n    \
                 output_factor: 1.83",
            ),
            (
                length(20, 0.5, 0.4, 0.999),
                two,
                "    # output tokens of 20 prompts: 0.50 times as many as expected (95 %: 0.40 to 1.00); was 2\n    \
                 output_factor: 0.5",
            ),
            (
                length(60, 1.1, 0.9, 1.3),
                OutputFactor::ONE,
                "    # output tokens of 60 prompts: 1.10 times as many as expected (95 %: 0.90 to 1.30); was 1\n    \
                 # not told from 1, so no `output_factor`",
            ),
            (
                length(60, 1.1, 0.9, 1.3),
                two,
                "    # output tokens of 60 prompts: 1.10 times as many as expected (95 %: 0.90 to 1.30); was 2\n    \
                 # not told from 1: without the `output_factor` that it has now",
            ),
            (
                length(19, 3.0, 2.5, 3.5),
                OutputFactor::ONE,
                "    # output tokens of 19 prompts: 3.00 times as many as expected; too few for an `output_factor`",
            ),
            (
                length(60, 33.0, 30.0, 36.0),
                OutputFactor::ONE,
                "    # output tokens of 60 prompts: 33.00 times as many as expected (95 %: 30.00 to 36.00); was 1\n    \
                 # more or less than a policy takes: are these tokens of single answers?\n    \
                 output_factor: 20",
            ),
        ] {
            assert_eq!(lines(&measured, before), printed);
        }
    }
}
