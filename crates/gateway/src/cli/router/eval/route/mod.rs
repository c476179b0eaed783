//! A whole route of a policy, graded: what the gateway would have decided for every recorded prompt.

mod report;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde_json::json;
use steelyard_policy::{Head, Model, ModelId, Policy, Selection};
use steelyard_provider_adapter::openai;
use steelyard_router::Scorer;
use steelyard_router::eval::{Answer, Call, RouteRow};
use steelyard_router::train::{Example, Outcome};
use steelyard_types::{ChatRequest, NanoUsd, PriceQuery, Usage};

use super::super::data::nearest;
use super::LEAST_PROMPTS;
use crate::load::load_policy_for;
use crate::offline::{AssumedKeys, Offline};
use crate::pipeline::{decide, weigh};

/// The route to grade.
pub(super) struct Asked<'a> {
    pub(super) config: &'a Path,
    pub(super) route: &'a str,
    /// Names of the policy's models in the data.
    pub(super) names: &'a [(String, String)],
    pub(super) samples: u32,
}

/// A candidate with its name in the data.
struct Candidate<'a> {
    id: ModelId,
    model: &'a Model,
    recorded: String,
}

/// A prompt that has outcomes of every candidate, ready to be decided on.
struct Prompt<'a> {
    example: &'a Example,
    request: ChatRequest<'a>,
}

/// What was decided for all prompts under one setting of the route.
struct Decided {
    rows: Vec<RouteRow>,
    /// Chance and score of every answer.
    forecasts: Vec<Answer>,
}

/// Grades a route and prints what comes of it. Gives its diagram.
pub(super) fn run(
    asked: &Asked<'_>,
    recorded: &[Example],
    scorer: &'static Scorer,
) -> anyhow::Result<super::Diagram> {
    let policy = load_policy_for(asked.config, Some(scorer))?.policy;
    let offline = Offline::new(policy.clone(), &AssumedKeys, scorer)?;
    let Some(Selection::Route(route)) = policy.resolve(asked.route) else {
        let known: Vec<&str> = policy.routes.iter().map(|route| &*route.name).collect();
        bail!(
            "{} has no route {:?}; it has {}",
            asked.config.display(),
            asked.route,
            known.join(", ")
        );
    };
    let candidates = candidates(
        &policy,
        &policy.route(route).candidates,
        asked.names,
        recorded,
    )?;
    let bodies: Vec<Option<String>> = recorded
        .iter()
        .map(|example| body(example, asked.route, &candidates))
        .collect();
    let prompts: Vec<Prompt<'_>> = recorded
        .iter()
        .zip(&bodies)
        .filter_map(|(example, body)| Some((example, body.as_ref()?)))
        .map(|(example, body)| {
            let request = openai::parse_chat_request(body.as_bytes());
            let request = request.map_err(|error| anyhow::anyhow!("{}", error.message))?;
            Ok(Prompt { example, request })
        })
        .collect::<anyhow::Result<_>>()?;
    ensure!(
        prompts.len() >= LEAST_PROMPTS,
        "prompts with outcomes of every candidate of {}: {} of {}, {LEAST_PROMPTS} are needed",
        asked.route,
        prompts.len(),
        recorded.len()
    );
    let graded = report::Graded {
        route: asked.route,
        candidates: &candidates,
        skipped: recorded.len() - prompts.len(),
        samples: asked.samples,
        decided: decided(&offline, route.index(), &candidates, &prompts)?,
        sweep: sweep(offline, route.index(), &candidates, &prompts)?,
    };
    graded.print()
}

/// The candidates with the names under which the data has them.
fn candidates<'a>(
    policy: &'a Policy,
    ids: &[ModelId],
    names: &[(String, String)],
    recorded: &[Example],
) -> anyhow::Result<Vec<Candidate<'a>>> {
    let known: BTreeSet<&str> = recorded
        .iter()
        .flat_map(|example| &example.outcomes)
        .map(|outcome| outcome.model.as_str())
        .collect();
    for (model, _) in names {
        ensure!(
            policy.models.iter().any(|one| *one.name == **model),
            "--map names {model:?}, which is no model of the policy"
        );
    }
    ids.iter()
        .map(|id| {
            let model = policy.model(*id);
            let mapped = names.iter().find(|(name, _)| **name == *model.name);
            let recorded = match (mapped, &model.head) {
                (Some((_, recorded)), _) => recorded,
                (None, _) if known.contains(&*model.name) => &*model.name,
                (None, Some(Head::OutcomesOf(name))) => name,
                (None, _) => &*model.name,
            };
            if known.contains(recorded) {
                return Ok(Candidate {
                    id: *id,
                    model,
                    recorded: recorded.to_owned(),
                });
            }
            let near = nearest(recorded, known.iter().copied());
            let near = near.map_or(String::new(), |near| format!(" (nearest: {near})"));
            bail!(
                "the data has no outcomes of {recorded:?}{near}; say whose stand for the \
                 candidate with --map {}=MODEL",
                model.name
            )
        })
        .collect()
}

/// The request for a prompt, if the data has outcomes of every candidate.
fn body(example: &Example, route: &str, candidates: &[Candidate<'_>]) -> Option<String> {
    let complete = candidates
        .iter()
        .all(|candidate| outcome(example, &candidate.recorded).is_some());
    complete.then(|| {
        json!({
            "model": route,
            "messages": [{ "role": "user", "content": example.text }],
        })
        .to_string()
    })
}

fn outcome<'e>(example: &'e Example, model: &str) -> Option<&'e Outcome> {
    example
        .outcomes
        .iter()
        .find(|outcome| outcome.model == model)
}

/// Asks the gateway's own decision for every prompt.
fn decided(
    offline: &Offline,
    route: usize,
    candidates: &[Candidate<'_>],
    prompts: &[Prompt<'_>],
) -> anyhow::Result<Decided> {
    let lengths = mean_lengths(candidates, prompts);
    let selection = offline
        .snapshot
        .resolve(&offline.snapshot.routes[route].name)
        .context("the route is gone")?;
    let mut rows = Vec::with_capacity(prompts.len());
    let mut forecasts = Vec::new();
    for Prompt { example, request } in prompts {
        let mut demand = weigh(request, offline.at, offline.snapshot.scorer);
        let plan = decide(&offline.snapshot, selection, request, &mut demand).plan;
        let first = plan.ladder.first();
        let mut calls = Vec::with_capacity(candidates.len());
        for (model, candidate) in candidates.iter().enumerate() {
            let outcome = outcome(example, &candidate.recorded).context("an outcome is gone")?;
            let judged = plan.judgement(candidate.id.0);
            let expected = judged.map_or(demand.expected_output_tokens, |judged| {
                judged.expected_output_tokens
            });
            let length = outcome.output_tokens.map(f64::from);
            let length = length.or_else(|| lengths.get(&candidate.id).copied());
            let output = length.map_or(expected, whole);
            let cost = cost(candidate.model, offline, demand.prompt_tokens, output)?;
            calls.push(Call {
                cost,
                score: f64::from(outcome.score),
            });
            if let Some(judged) = judged {
                forecasts.push(Answer {
                    prompt: rows.len(),
                    model,
                    chance: f64::from(judged.success),
                    score: f64::from(outcome.score),
                });
            }
        }
        rows.push(RouteRow {
            calls,
            chosen: candidates
                .iter()
                .position(|candidate| Some(&candidate.id.0) == first),
            bytes: example.text.len(),
        });
    }
    Ok(Decided { rows, forecasts })
}

/// Mean recorded length of every candidate's answers, where the data has any.
fn mean_lengths(candidates: &[Candidate<'_>], prompts: &[Prompt<'_>]) -> HashMap<ModelId, f64> {
    let mean = |candidate: &Candidate<'_>| {
        let outcomes = prompts.iter();
        let outcomes = outcomes.filter_map(|prompt| outcome(prompt.example, &candidate.recorded));
        let (sum, count) = outcomes
            .filter_map(|outcome| outcome.output_tokens)
            .fold((0.0, 0.0), |(sum, count), tokens| {
                (sum + f64::from(tokens), count + 1.0)
            });
        (count > 0.0).then(|| (candidate.id, sum / count))
    };
    candidates.iter().filter_map(mean).collect()
}

/// Cost of one call in dollars, by the policy's price now.
fn cost(model: &Model, offline: &Offline, prompt_tokens: u64, output: u64) -> anyhow::Result<f64> {
    let query = PriceQuery {
        at: offline.at,
        service: steelyard_types::ServiceTier::Standard,
        prompt_tokens,
    };
    let rates = model
        .price
        .rates(&query)
        .with_context(|| format!("the price book has no price of {} now", model.name))?;
    let usage = Usage {
        input_fresh: prompt_tokens,
        output,
        ..Usage::default()
    };
    let NanoUsd(nano_dollars) = rates.cost(&usage).amount;
    Ok(nano_dollars as f64 / 1e9)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded before the cast"
)]
fn whole(tokens: f64) -> u64 {
    tokens.round().clamp(0.0, 1e9) as u64
}

/// The route at other settings of its one number: threshold, or delta where it has one.
fn sweep(
    mut offline: Offline,
    route: usize,
    candidates: &[Candidate<'_>],
    prompts: &[Prompt<'_>],
) -> anyhow::Result<Option<report::Sweep>> {
    const STEPS: u8 = 20;
    let by_delta = offline.snapshot.routes[route].terms.delta.is_some();
    let banded = offline.snapshot.routes[route].candidates.iter();
    if banded.clone().any(|one| one.max_complexity.is_some()) {
        return Ok(None);
    }
    let mut rows = Vec::new();
    for step in 0..=STEPS {
        let value = f32::from(step) / f32::from(STEPS);
        let terms = &mut offline.snapshot.routes[route].terms;
        if by_delta {
            terms.delta = Some(value);
        } else {
            terms.threshold = value;
        }
        rows.push((value, decided(&offline, route, candidates, prompts)?.rows));
    }
    let name = if by_delta { "delta" } else { "threshold" };
    Ok(Some(report::Sweep { name, rows }))
}

#[cfg(test)]
mod tests;
