//! Which models are tried for a request, in which order.

use std::cell::OnceCell;

use smallvec::SmallVec;
use steelyard_policy::{Conversion, ModelId, Selection};
use steelyard_provider_adapter::{Losses, Refusal, asks_for, delivered_as, placed};
use steelyard_router::{Candidate, Demand, Exclusion, Plan, Reason, plan};
use steelyard_types::{ChatRequest, Feature, ServiceTier, Target};

use crate::snapshot::{Deployment, Snapshot};

/// The ladder of a request, and what was found on the way to it.
pub(crate) struct Decision {
    pub(crate) plan: Plan,
    pub(crate) reason: Reason,
    /// Candidates that are ruled out because of a field that they cannot carry.
    pub(crate) refusals: SmallVec<[(ModelId, Refusal); 2]>,
    /// What is lost on the way to candidates that can be tried all the same.
    pub(crate) losses: SmallVec<[(ModelId, Losses); 2]>,
}

impl Decision {
    /// The models whose providers are not told at which tier to serve.
    pub(crate) fn untold_of_tier(&self) -> Box<[ModelId]> {
        let untold = self.losses.iter().filter(|(_, lost)| loses_tier(lost));
        untold.map(|(model, _)| *model).collect()
    }
}

fn loses_tier(losses: &Losses) -> bool {
    losses.fields().contains(&"service_tier")
}

/// Judges every candidate of a route, or the one model that is pinned.
///
/// A route may know better than the scorer how long its answers are; `demand` is corrected then.
pub(crate) fn decide(
    snapshot: &Snapshot,
    selection: Selection,
    request: &ChatRequest<'_>,
    demand: &mut Demand,
) -> Decision {
    let mut refusals = SmallVec::new();
    let mut losses = SmallVec::new();
    let strict = match selection {
        Selection::Route(id) => snapshot.policy.route(id).conversion == Conversion::Strict,
        Selection::Model(_) => false,
    };
    // Of long conversations this is a long copy: one does for all candidates.
    let other_way = OnceCell::new();
    let mut admissible = |model: ModelId, ruled_out: Option<Exclusion>| {
        let target = &snapshot.policy.model(model).target;
        let mut service = None;
        let ruled_out = ruled_out.or_else(|| {
            if request.embedding.is_some() && !target.features.contains(Feature::Embeddings) {
                return Some(Exclusion::Feature(Feature::Embeddings));
            }
            let refusal = match carries(snapshot.deployment(model), request, &other_way, target) {
                Ok(lost) if lost.is_empty() => return None,
                Ok(lost) if strict => strictly(&lost)?,
                Ok(lost) => {
                    // A provider that is not told of a tier bills its ordinary one.
                    service = loses_tier(&lost).then_some(ServiceTier::Standard);
                    losses.push((model, lost));
                    return None;
                }
                Err(refusal) => refusal,
            };
            refusals.push((model, placed(request, refusal)));
            Some(Exclusion::CannotCarry)
        });
        Candidate {
            service,
            ..snapshot.candidate(model, ruled_out)
        }
    };
    let (plan, reason) = match selection {
        Selection::Route(id) => {
            let route = &snapshot.routes[id.index()];
            if let Some(expected) = snapshot.policy.route(id).expected_output_tokens {
                demand.expected_output_tokens = expected;
            }
            let candidates = route.candidates.iter();
            let candidates = candidates.map(|one| Candidate {
                max_complexity: one.max_complexity,
                ..admissible(one.model, one.ruled_out)
            });
            let plan = plan(candidates, demand, &route.terms, snapshot.scorer);
            let reason = plan.reason;
            (plan, reason)
        }
        Selection::Model(id) => {
            let no_key = snapshot
                .deployment(id)
                .unusable
                .as_ref()
                .map(|_| Exclusion::NoKey);
            let candidate = admissible(id, no_key);
            let terms = snapshot.pinned.terms;
            (
                plan([candidate], demand, &terms, snapshot.scorer),
                Reason::Pinned,
            )
        }
    };
    Decision {
        plan,
        reason,
        refusals,
        losses,
    }
}

/// Asks the adapter, in the way in which the model would be asked for its answer. `other_way` is the
/// request with the other way of delivery, once some model has needed it: there is only one other.
fn carries<'a>(
    deployment: &Deployment,
    request: &ChatRequest<'a>,
    other_way: &OnceCell<ChatRequest<'a>>,
    target: &Target,
) -> Result<Losses, Refusal> {
    match asks_for(request, target)? {
        None => deployment.adapter.carries(request, target),
        Some(stream) => {
            let other = other_way.get_or_init(|| delivered_as(request, stream));
            deployment.adapter.carries(other, target)
        }
    }
}

/// The refusal of what is lost where nothing may be.
fn strictly(losses: &Losses) -> Option<Refusal> {
    losses.fields().first().map(|field| Refusal {
        field: (*field).to_owned(),
        reason: "would not be carried whole, and the route's conversion is strict".to_owned(),
    })
}
