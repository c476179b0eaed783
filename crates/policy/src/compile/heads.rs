//! What a model is judged by beside its capability.

use std::sync::Arc;

use crate::decode::{Fields, Report, list, number, suggest, text};
use crate::yaml::Node;
use crate::{FittedHead, Head, ScorerFacts};

/// Largest number of a head: the logit of a chance that differs from 0 or 1 by less than nothing.
const MOST: f32 = 1_000.0;

/// Decodes `outcomes_of` and `head`, of which a model has at most one. Without facts of a scorer
/// nothing is compared with its weights.
pub(super) fn decode(
    fields: &mut Fields<'_>,
    scorer: Option<&ScorerFacts>,
    report: &mut Report<'_>,
) -> Option<Head> {
    let of = fields.entry("outcomes_of");
    let own = fields.entry("head");
    if let (Some(of), Some(_)) = (of, own) {
        report.error_with_help(
            of.key_span,
            "a model has either `head` or `outcomes_of`",
            "`head` is fitted to the model's own outcomes, so it knows more: remove `outcomes_of`",
        );
        return None;
    }
    match (of, own) {
        (Some(of), _) => named(&of.value, scorer, report).map(Head::OutcomesOf),
        (_, Some(own)) => fitted(&own.value, scorer, report).map(Head::Fitted),
        _ => None,
    }
}

/// Capability of the model whose outcomes are used, as the weights have it.
pub(super) fn capability(head: Option<&Head>, scorer: Option<&ScorerFacts>) -> Option<f32> {
    let Some(Head::OutcomesOf(name)) = head else {
        return None;
    };
    let mut known = scorer?.models.iter();
    known
        .find(|(model, _)| **model == **name)
        .map(|(_, capability)| *capability)
}

fn named(node: &Node, scorer: Option<&ScorerFacts>, report: &mut Report<'_>) -> Option<Arc<str>> {
    let name = text(node, report)?;
    if let Some(scorer) = scorer {
        let known = || scorer.models.iter().map(|(model, _)| model.as_str());
        if !known().any(|model| model == name) {
            let near = if report.is_full() {
                None
            } else {
                suggest(name, known())
            };
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let some: Vec<_> = known().take(12).collect();
                    format!("known models: {}, ...", some.join(", "))
                }
            };
            let message = format!("the scorer's weights know no model `{name}`");
            report.error_with_help(node.span, message, help);
            return None;
        }
    }
    Some(Arc::from(name))
}

fn fitted(
    node: &Node,
    scorer: Option<&ScorerFacts>,
    report: &mut Report<'_>,
) -> Option<FittedHead> {
    let mut fields = Fields::of(node, node.span, "head", report);
    let weights = fields.required("weights", report);
    let constant = fields
        .required("constant", report)
        .and_then(|node| number(node, -MOST..=MOST, report));
    let slope = fields
        .required("slope", report)
        .and_then(|node| number(node, -MOST..=MOST, report));
    let directions = fields.required("topics", report);
    fields.finish(report);
    let fitted_on = weights.and_then(|node| text(node, report));
    if let (Some(node), Some(fitted_on), Some(scorer)) = (weights, fitted_on, scorer)
        && fitted_on != scorer.weights
    {
        report.error_with_help(
            node.span,
            format!(
                "this head was fitted on the scorer's weights `{fitted_on}`, and those in force \
                 are `{}`",
                scorer.weights
            ),
            "its topics mean something else there: run `steelyard router calibrate` again and \
             paste what it prints, or remove the head",
        );
        return None;
    }
    let directions = directions?;
    let topics = list(directions, report, |node, report| {
        number(node, -MOST..=MOST, report)
    });
    if let Some(scorer) = scorer
        && !report.has_errors()
        && topics.len() != scorer.topics
    {
        let (found, expected) = (topics.len(), scorer.topics);
        report.error_with_help(
            directions.span,
            format!("the scorer has {expected} topics, found {found} numbers"),
            "run `steelyard router calibrate` again and paste what it prints",
        );
        return None;
    }
    Some(FittedHead {
        constant: constant?,
        slope: slope?,
        topics,
    })
}
