//! Why no model may be tried.

use smallvec::SmallVec;
use steelyard_policy::ModelId;
use steelyard_provider_adapter::Refusal;
use steelyard_router::{Exclusion, Plan, Verdict};
use steelyard_types::{Dialect, ErrorKind, Feature, ServiceTier};

use super::UNSUPPORTED_PARAMETER;
use crate::pipeline::exchange::{Exchange, RouteOf};
use crate::pipeline::respond::Refused;

/// What a refusal is about: the candidates of a route, or the one model that is pinned.
struct Asked<'a> {
    name: &'a str,
    pinned: bool,
}

impl Asked<'_> {
    /// "no candidate of `auto` HAS", or "`large` DOES NOT HAVE".
    fn lacks(&self, candidate: &str, pinned: &str) -> String {
        let name = self.name;
        if self.pinned {
            format!("`{name}` {pinned}")
        } else {
            format!("no candidate of `{name}` {candidate}")
        }
    }
}

/// Why nothing may be tried.
///
/// `limit_field` is where the client limits the length of the answer.
pub(crate) fn of_plan(
    exchange: &Exchange,
    plan: &Plan,
    refusals: &[(ModelId, Refusal)],
    limit_field: &'static str,
) -> Refused {
    let excluded: SmallVec<[Exclusion; 8]> = plan
        .considered
        .iter()
        .filter_map(|one| match one.verdict {
            Verdict::Excluded(exclusion) => Some(exclusion),
            Verdict::Adequate | Verdict::TooWeak => None,
        })
        .collect();
    // What the client can change comes first.
    if let Some((_, refusal)) = refusals.first() {
        let refused = Refused::new(ErrorKind::Unsupported, refusal.to_string());
        return refused
            .with_param(refusal.field.clone())
            .with_code(UNSUPPORTED_PARAMETER);
    }
    let route = exchange.route_name();
    let first = plan.considered.first().map(|one| ModelId(one.id));
    let asked = match (exchange.route, first) {
        (RouteOf::Pinned, Some(model)) => Asked {
            name: &exchange.snapshot.deployment(model).name,
            pinned: true,
        },
        _ => Asked {
            name: route,
            pinned: false,
        },
    };
    if excluded.len() < plan.considered.len() {
        let message = asked.lacks(
            "is strong enough for this request",
            "is not strong enough for this request",
        );
        return Refused::new(ErrorKind::Unsupported, message).with_code("no_adequate_model");
    }
    let policy = &exchange.snapshot.policy;
    let too_short = plan
        .considered
        .iter()
        .filter(|one| matches!(one.verdict, Verdict::Excluded(Exclusion::OutputLimit)));
    let limits = too_short.map(|one| policy.model(ModelId(one.id)).target.max_output_tokens);
    let limit = Limit {
        field: limit_field,
        longest: limits.max().unwrap_or_default(),
    };
    of_exclusions(exchange, &asked, &excluded, &limit)
}

/// What is known of answers that are to be longer than candidates give.
struct Limit {
    /// The client's field for it.
    field: &'static str,
    /// The longest answer, in tokens, of those candidates.
    longest: u64,
}

/// Why nothing may be tried where every candidate is ruled out.
fn of_exclusions(
    exchange: &Exchange,
    asked: &Asked<'_>,
    excluded: &[Exclusion],
    limit: &Limit,
) -> Refused {
    let has = |wanted: Exclusion| excluded.contains(&wanted);
    if has(Exclusion::ContextWindow) {
        let whom = if asked.pinned {
            ""
        } else {
            "every candidate of "
        };
        let message = format!("the conversation is too long for {whom}`{}`", asked.name);
        return Refused::new(ErrorKind::ContextLength, message).with_param("messages");
    }
    if has(Exclusion::OutputLimit) {
        let message = format!(
            "{} answers that long: at most {} tokens",
            asked.lacks("gives", "does not give"),
            limit.longest
        );
        return Refused::new(ErrorKind::BadRequest, message).with_param(limit.field);
    }
    let lacked = excluded.iter().find_map(|exclusion| match exclusion {
        Exclusion::Feature(feature) => Some(*feature),
        _ => None,
    });
    if let Some(feature) = lacked {
        let message = format!(
            "{} the feature {}",
            asked.lacks("has", "does not have"),
            feature.as_str()
        );
        let mut refused = Refused::new(ErrorKind::Unsupported, message);
        refused.param = field_of(feature, exchange.dialect).map(str::to_owned);
        return refused.with_code("unsupported_feature");
    }
    if has(Exclusion::MaxCost) {
        let message = format!("this request would cost more than `{}` allows", asked.name);
        return Refused::new(ErrorKind::Unsupported, message).with_code("max_cost_exceeded");
    }
    if has(Exclusion::Unpriced) && exchange.service != ServiceTier::Standard {
        let message = format!(
            "{} price for the tier `{}`",
            asked.lacks("has a", "has no"),
            exchange.service.as_str()
        );
        return Refused::new(ErrorKind::Unsupported, message)
            .with_param("service_tier")
            .with_code(UNSUPPORTED_PARAMETER);
    }
    let words: SmallVec<[&str; 8]> = excluded
        .iter()
        .map(|exclusion| exclusion.as_str())
        .collect();
    let unusable = if asked.pinned {
        format!("`{}` cannot be used", asked.name)
    } else {
        format!("no model of `{}` can be used", asked.name)
    };
    let mut refused = Refused::new(
        ErrorKind::Unavailable,
        format!("{unusable}; the gateway's request log says why"),
    );
    refused.detail = Some(format!(
        "every candidate is ruled out: {}",
        words.join(", ")
    ));
    refused
}

/// The client's field that asks for a feature, where one does.
fn field_of(feature: Feature, dialect: Dialect) -> Option<&'static str> {
    let responses = dialect == Dialect::OpenAiResponses;
    match feature {
        Feature::Embeddings => Some("model"),
        Feature::Tools => Some("tools"),
        Feature::Streaming => Some("stream"),
        Feature::JsonSchema => Some(match dialect {
            Dialect::AnthropicMessages => "output_config.format",
            _ if responses => "text.format",
            _ => "response_format",
        }),
        Feature::Vision | Feature::Pdf | Feature::Audio if responses => Some("input"),
        Feature::Vision | Feature::Pdf | Feature::Audio => Some("messages"),
        _ => None,
    }
}
