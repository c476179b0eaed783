//! What only shows when the parts of a policy are seen together.

use steelyard_types::{Feature, PricePerMtok, PriceRow, Rates, ServiceTier};

use super::Names;
use super::routes::Context;
use crate::decode::Report;
use crate::yaml::Span;
use crate::{Constraints, Model, ModelId, Price, Threshold};

/// A client's `model` must mean one thing.
pub(super) fn names_shared(routes: &Names<'_>, models: &Names<'_>, report: &mut Report<'_>) {
    for entry in routes.entries() {
        if models.place(&entry.key).is_some() {
            report.error_with_help(
                entry.key_span,
                format!("`{}` is the name of a route and of a model", entry.key),
                "clients send either as `model`: rename one, and give the model its provider's \
                 name as `upstream`",
            );
        }
    }
}

/// Words that headers and metrics use where there is no name.
const RESERVED: [(&str, &str); 2] = [
    (
        "none",
        "requests that reached no route or model are shown as `none`",
    ),
    (
        "pinned",
        "requests that name a model are counted as route `pinned`",
    ),
];

/// A name must not be taken for the word that says that there is none.
pub(super) fn names_reserved(names: &Names<'_>, what: &str, report: &mut Report<'_>) {
    for entry in names.entries() {
        if let Some((word, reason)) = RESERVED.iter().find(|(word, _)| *word == entry.key) {
            let message = format!("`{word}` cannot be the name of a {what}");
            report.error_with_help(entry.key_span, message, format!("{reason}: choose another"));
        }
    }
}

/// Candidates that their own route excludes, and those that are never worth choosing.
pub(super) fn candidates(
    candidates: &[(ModelId, Span)],
    require: &Constraints,
    threshold: &Threshold,
    context: &Context<'_>,
    report: &mut Report<'_>,
) {
    vectors(candidates, context, report);
    let mut allowed = Vec::new();
    for (id, span) in candidates {
        let Some(model) = context.models.get(id.index()) else {
            continue;
        };
        match exclusion(model, require, context) {
            Some(reason) => report.warning(
                *span,
                format!("the candidate `{}` is never used", model.name),
                reason,
            ),
            None => allowed.push((*id, model, *span)),
        }
    }
    if let (true, Some((_, span))) = (allowed.is_empty(), candidates.first()) {
        report.error(*span, "the route's requirements exclude every candidate");
    }
    for (_, model, span) in &allowed {
        // One of several providers of the same vectors is always the dearer one, and is there for
        // when the other fails.
        if makes_vectors(model) {
            continue;
        }
        let better = allowed
            .iter()
            // Beyond its bound another is the first choice.
            .filter(|(id, ..)| threshold.max_complexity(*id).is_none())
            .map(|(_, other, _)| *other)
            .find(|other| dominates(other, model));
        if let Some(better) = better {
            report.warning(
                *span,
                format!("the candidate `{}` is never the first choice", model.name),
                format!(
                    "`{}` is cheaper at every rate, writes no more, is as strong, and can do all that \
                     it can; it serves only when that fails",
                    better.name
                ),
            );
        }
    }
}

/// Bounds that leave no candidate for the hardest requests, where nobody said what then happens.
pub(super) fn bounds(
    candidates: &[(ModelId, Span)],
    threshold: &Threshold,
    report: &mut Report<'_>,
) {
    let bounds = candidates
        .iter()
        .map(|(id, _)| threshold.max_complexity(*id));
    let highest = bounds.reduce(|a, b| Some(a?.max(b?))).flatten();
    if let (Some(highest), Some((_, span))) =
        (highest.filter(|most| *most < 1.0), candidates.last())
    {
        report.warning(
            *span,
            format!("beyond complexity {highest} no candidate is adequate"),
            "leave one without a bound, or say what then happens with `otherwise`",
        );
    }
}

/// Vectors of different models cannot be compared, and no chat can be answered with one: a route is
/// for one or the other.
fn vectors(candidates: &[(ModelId, Span)], context: &Context<'_>, report: &mut Report<'_>) {
    let models = candidates.iter();
    let mut models = models.filter_map(|(id, span)| Some((context.models.get(id.index())?, *span)));
    let Some((first, _)) = models.next() else {
        return;
    };
    for (model, span) in models {
        if makes_vectors(model) != makes_vectors(first) {
            let message = format!(
                "`{}` and `{}` cannot be candidates of one route",
                first.name, model.name
            );
            let help = "one makes embeddings and the other answers chats: make a route for each";
            report.error_with_help(span, message, help);
        } else if makes_vectors(model)
            && bare(&model.target.upstream) != bare(&first.target.upstream)
        {
            let message = format!(
                "vectors of `{}` cannot be compared with those of `{}`",
                model.name, first.name
            );
            let help = "an index filled by this route would mix them: let all candidates be the \
                        same model, at several providers";
            report.warning(span, message, help);
        }
    }
}

fn makes_vectors(model: &Model) -> bool {
    model.target.features.contains(Feature::Embeddings)
}

/// A model's name at its provider without the vendor that some put before it.
fn bare(upstream: &str) -> &str {
    upstream.rsplit('/').next().unwrap_or(upstream)
}

/// Why a route's own requirements exclude a model.
fn exclusion(model: &Model, require: &Constraints, context: &Context<'_>) -> Option<String> {
    let missing = require.features.difference(model.target.features);
    if let Some(feature) = missing.iter().next() {
        return Some(format!(
            "the route requires `{}`, which it lacks",
            feature.as_str()
        ));
    }
    if require
        .providers
        .as_ref()
        .is_some_and(|allowed| !allowed.contains(&model.provider))
    {
        return Some("the route does not allow its provider".to_owned());
    }
    let region = context.providers.get(model.provider.index())?.region;
    let outside = |allowed: &Vec<_>| region.is_none_or(|region| !allowed.contains(&region));
    if require.regions.as_ref().is_some_and(outside) {
        return Some("its provider is not in a region that the route allows".to_owned());
    }
    None
}

/// Whether `better` is at least as able in everything and cheaper whatever the request.
fn dominates(better: &Model, model: &Model) -> bool {
    // What heads make of a request is known when it comes.
    let able = better.head.is_none()
        && model.head.is_none()
        && better.capability >= model.capability
        && better.output_factor <= model.output_factor
        && better.context_window >= model.context_window
        && better.target.max_output_tokens >= model.target.max_output_tokens
        && model
            .target
            .features
            .difference(better.target.features)
            .is_empty()
        && (model.target.facts.refuses_sampling || !better.target.facts.refuses_sampling);
    able && always_cheaper(&better.price, &model.price)
}

/// Whether one price is below another at all its rates, dates, hours and lengths: its dearest row
/// against the other's cheapest. Says no where the answer depends on the request.
fn always_cheaper(cheap: &Price, dear: &Price) -> bool {
    let (Price::Table(cheap), Price::Table(dear)) = (cheap, dear) else {
        return false;
    };
    let standard = |row: &&PriceRow| row.service == ServiceTier::Standard;
    let reaches = |read: fn(&Rates) -> PricePerMtok| {
        let most = cheap
            .rows()
            .iter()
            .filter(standard)
            .map(|row| read(&row.rates))
            .max();
        let least = dear
            .rows()
            .iter()
            .filter(standard)
            .map(|row| read(&row.rates))
            .min();
        matches!((most, least), (Some(most), Some(least)) if most < least)
    };
    reaches(|rates| rates.input)
        && reaches(|rates| rates.output)
        && reaches(|rates| rates.cache_read.unwrap_or(rates.input))
        && reaches(|rates| {
            rates
                .output_reasoning
                .map_or(rates.output, |rate| rate.price)
        })
}
