use std::sync::Arc;

use steelyard_types::ErrorKind;

use super::models::features;
use super::{Names, checks, providers};
use crate::decode::suggest;
use crate::decode::{Fields, Report, amount, choice, duration_ms, fraction, integer, list, text};
use crate::prices::REGIONS;
use crate::yaml::{Entry, Node, Span, Value};
use crate::{
    CacheSettings, Constraints, Conversion, ErrorKindSet, Fallback, Model, ModelId, Otherwise,
    Provider, ProviderId, Route, Threshold,
};

/// What routes refer to.
pub(super) struct Context<'a> {
    pub(super) models: &'a [Model],
    pub(super) model_names: &'a Names<'a>,
    pub(super) provider_names: &'a Names<'a>,
    pub(super) providers: &'a [Provider],
}

const OTHERWISE: [(&str, Otherwise); 3] = [
    ("best_value", Otherwise::BestValue),
    ("strongest", Otherwise::Strongest),
    ("refuse", Otherwise::Refuse),
];

const CONVERSIONS: [(&str, Conversion); 2] = [
    ("declared", Conversion::Declared),
    ("strict", Conversion::Strict),
];

/// Most candidates of one route: every request weighs all of them.
const MAX_CANDIDATES: usize = 64;

pub(super) fn decode(
    names: &Names<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Vec<Route> {
    names
        .entries()
        .map(|entry| decode_route(entry, context, report))
        .collect()
}

fn decode_route(entry: &Entry, context: &Context<'_>, report: &mut Report<'_>) -> Route {
    let mut fields = Fields::of(&entry.value, entry.key_span, "route", report);
    let candidates = fields
        .required("candidates", report)
        .map(|node| decode_candidates(node, context, report))
        .unwrap_or_default();
    let threshold = fields
        .optional("threshold")
        .and_then(|node| decode_threshold(node, &candidates, context, report));
    let delta = fields
        .optional("delta")
        .and_then(|node| fraction(node, 1.0, report));
    let otherwise = fields
        .optional("otherwise")
        .and_then(|node| choice(node, &OTHERWISE, report));
    let fallback = fields
        .optional("fallback")
        .map(|node| decode_fallback(node, report));
    let require = fields
        .optional("require")
        .map(|node| decode_constraints(node, context, report))
        .unwrap_or_default();
    let conversion = fields
        .optional("conversion")
        .and_then(|node| choice(node, &CONVERSIONS, report));
    let timeouts = fields
        .optional("timeouts")
        .map(|node| providers::timeouts(node, report));
    let cache = fields
        .optional("cache")
        .and_then(|node| decode_cache(node, report));
    let expected_output_tokens = fields
        .optional("expected_output_tokens")
        .and_then(|node| integer(node, 1..=1_000_000, report));
    fields.finish(report);
    // A route that only says `delta` compares its candidates with each other.
    let threshold = threshold.unwrap_or(Threshold::Success(match delta {
        Some(_) => 0.0,
        None => Route::DEFAULT_THRESHOLD,
    }));
    // What was misread elsewhere would only cause false findings here.
    if !report.has_errors() {
        checks::candidates(&candidates, &require, &threshold, context, report);
        if otherwise.is_none() {
            checks::bounds(&candidates, &threshold, report);
        }
    }
    Route {
        name: Arc::from(entry.key.as_str()),
        candidates: candidates.into_iter().map(|(id, _)| id).collect(),
        threshold,
        delta,
        otherwise: otherwise.unwrap_or(Otherwise::BestValue),
        fallback: fallback.unwrap_or_default(),
        require,
        conversion: conversion.unwrap_or_default(),
        timeouts,
        cache,
        expected_output_tokens,
    }
}

fn decode_candidates(
    node: &Node,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Vec<(ModelId, Span)> {
    let mut candidates: Vec<(ModelId, Span)> = Vec::new();
    list(node, report, |item, report| {
        let id = ModelId(context.model_names.refer(item, report)?);
        if candidates.iter().any(|(other, _)| *other == id) {
            report.error(item.span, "the same candidate twice");
        } else {
            candidates.push((id, item.span));
        }
        Some(())
    });
    match &node.value {
        Value::List(items) if items.is_empty() => {
            report.error(node.span, "a route needs at least one candidate");
        }
        Value::List(items) if items.len() > MAX_CANDIDATES => {
            report.error(node.span, format!("more than {MAX_CANDIDATES} candidates"));
        }
        _ => {}
    }
    candidates
}

/// A success probability, or for candidates the complexity up to which they are adequate.
fn decode_threshold(
    node: &Node,
    candidates: &[(ModelId, Span)],
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<Threshold> {
    if !matches!(node.value, Value::Map(_)) {
        return fraction(node, 1.0, report).map(Threshold::Success);
    }
    let mut fields = Fields::of(node, node.span, "threshold", report);
    let bounds = fields.required("max_complexity", report);
    fields.finish(report);
    let bounds = bounds?;
    let Value::Map(entries) = &bounds.value else {
        let found = bounds.describe();
        report.error_with_help(
            bounds.span,
            format!("expected a mapping from candidates to numbers, found {found}"),
            "for example `max_complexity: { small: 0.4 }`: up to there that candidate is adequate",
        );
        return None;
    };
    if entries.is_empty() {
        report.error_with_help(
            bounds.span,
            "`max_complexity` bounds no candidate, so that all of them are always adequate",
            "for example `max_complexity: { small: 0.4 }`; or `threshold: 0`, where that is meant",
        );
    }
    let mut read = Vec::new();
    for entry in entries {
        let most = fraction(&entry.value, 1.0, report);
        let id = context
            .model_names
            .refer_to(&entry.key, entry.key_span, report);
        let (Some(most), Some(id)) = (most, id.map(ModelId)) else {
            continue;
        };
        if !candidates.iter().any(|(candidate, _)| *candidate == id) {
            report.error_with_help(
                entry.key_span,
                format!("`{}` is no candidate of this route", entry.key),
                "add it to `candidates`, or remove its bound",
            );
        }
        read.push((id, most));
    }
    Some(Threshold::MaxComplexity(read))
}

fn decode_fallback(node: &Node, report: &mut Report<'_>) -> Fallback {
    let standard = Fallback::default();
    let mut fields = Fields::of(node, node.span, "fallback", report);
    let on: Option<ErrorKindSet> = fields
        .optional("on")
        .map(|node| list(node, report, decode_trigger).into_iter().collect());
    let max_attempts = fields
        .optional("max_attempts")
        .and_then(|node| integer(node, 1..=16, report))
        .and_then(|number| u8::try_from(number).ok());
    fields.finish(report);
    Fallback {
        on: on.unwrap_or(standard.on),
        max_attempts: max_attempts.unwrap_or(standard.max_attempts),
    }
}

/// An error kind that another model may do better on.
fn decode_trigger(node: &Node, report: &mut Report<'_>) -> Option<ErrorKind> {
    let word = text(node, report)?;
    let possible = || {
        ErrorKind::ALL
            .into_iter()
            .filter(|kind| kind.can_fall_back())
            .map(ErrorKind::as_str)
    };
    let list = || possible().collect::<Vec<_>>().join(", ");
    match ErrorKind::parse(word) {
        Some(kind) if kind.can_fall_back() => return Some(kind),
        Some(_) => report.error_with_help(
            node.span,
            format!("`{word}` cannot be a reason to fall back"),
            format!(
                "it is about the request or the client, so another model would be paid to say the \
                 same; possible are: {}",
                list()
            ),
        ),
        None => {
            let help = match suggest(word, possible()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("possible are: {}", list()),
            };
            report.error_with_help(node.span, format!("unknown error kind `{word}`"), help);
        }
    }
    None
}

fn decode_constraints(node: &Node, context: &Context<'_>, report: &mut Report<'_>) -> Constraints {
    let mut fields = Fields::of(node, node.span, "requirements", report);
    let constraints = Constraints {
        features: fields
            .optional("features")
            .map(|node| features(node, report))
            .unwrap_or_default(),
        providers: fields.optional("providers").map(|node| {
            list(node, report, |name, report| {
                context.provider_names.refer(name, report).map(ProviderId)
            })
        }),
        regions: fields
            .optional("regions")
            .map(|node| list(node, report, |node, report| choice(node, &REGIONS, report))),
        max_cost: fields
            .optional("max_cost_usd")
            .and_then(|node| amount(node, report)),
    };
    fields.finish(report);
    constraints
}

fn decode_cache(node: &Node, report: &mut Report<'_>) -> Option<CacheSettings> {
    let mut fields = Fields::of(node, node.span, "cache", report);
    let ttl_ms = fields
        .required("ttl_ms", report)
        .and_then(|node| duration_ms(node, report));
    let max_bytes = fields
        .required("max_bytes", report)
        .and_then(|node| integer(node, 1_024..=1 << 40, report));
    fields.finish(report);
    Some(CacheSettings {
        ttl_ms: ttl_ms?,
        max_bytes: max_bytes?,
    })
}
