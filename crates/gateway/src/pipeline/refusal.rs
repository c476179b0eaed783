//! What clients are told when they get no answer.

use smallvec::SmallVec;
use steelyard_policy::ModelId;
use steelyard_provider_adapter::Refusal;
use steelyard_provider_adapter::openai::RequestError;
use steelyard_router::{Exclusion, Plan, Verdict};
use steelyard_types::{ErrorKind, ProviderError, ServiceTier};

use super::exchange::Exchange;
use super::respond::Refused;
use crate::limits::LimitState;
use crate::snapshot::Snapshot;

/// Least similarity of a suggested name.
const SUGGESTION_SIMILARITY: f64 = 0.6;

/// OpenAI's code for a field that a model does not take.
pub(crate) const UNSUPPORTED_PARAMETER: &str = "unsupported_parameter";

pub(crate) fn of_request(error: RequestError) -> Refused {
    let mut refused = Refused::new(error.kind, error.message);
    refused.param = error.param;
    refused.code = error.code.map(str::to_owned);
    refused
}

pub(crate) fn no_key() -> Refused {
    Refused::new(
        ErrorKind::Unauthenticated,
        "no API key was sent: this gateway needs one of its virtual keys in the header \
         `Authorization: Bearer KEY` or `x-api-key: KEY`",
    )
}

pub(crate) fn unknown_key() -> Refused {
    Refused::new(
        ErrorKind::Unauthenticated,
        "the API key is not one of this gateway's keys",
    )
}

pub(crate) fn web_page() -> Refused {
    Refused::new(
        ErrorKind::Forbidden,
        "the request comes from a web page, and this gateway asks for no key: add `keys:` to the \
         policy before pages may use it",
    )
}

pub(crate) fn limit_reached(name: &str, limit: LimitState) -> Refused {
    let wait_ms = u64::try_from(limit.reset.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let mut refused = Refused::new(
        ErrorKind::ClientRateLimited,
        format!(
            "the key `{name}` has used up its {} requests per minute; try again in {} s",
            limit.limit,
            wait_ms.div_ceil(1_000)
        ),
    );
    refused.retry_after_ms = Some(wait_ms);
    refused
}

pub(crate) fn no_room() -> Refused {
    let mut refused = Refused::new(
        ErrorKind::Unavailable,
        "the gateway answers as many requests as it may",
    );
    refused.retry_after_ms = Some(1_000);
    refused
}

pub(crate) fn encoded_body() -> Refused {
    Refused::new(
        ErrorKind::BadRequest,
        "the body is compressed: send it without content-encoding",
    )
}

pub(crate) fn large_body(limit: usize) -> Refused {
    let message = format!("the body is larger than {limit} bytes");
    Refused::new(ErrorKind::PayloadTooLarge, message)
}

pub(crate) fn unreadable_body(error: &axum::Error) -> Refused {
    let message = format!("the body cannot be read: {error}");
    Refused::new(ErrorKind::BadRequest, message)
}

pub(crate) fn slow_body(limit_ms: u64) -> Refused {
    Refused::new(
        ErrorKind::BadRequest,
        format!("the body did not arrive within {limit_ms} ms"),
    )
}

pub(crate) fn unknown_model(snapshot: &Snapshot, name: &str) -> Refused {
    let known = snapshot.policy.routes.iter().map(|route| &*route.name);
    let known = known.chain(snapshot.policy.models.iter().map(|model| &*model.name));
    let nearest = known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(similarity, _)| *similarity >= SUGGESTION_SIMILARITY)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let suggestion = match nearest {
        Some((_, known)) => format!("; did you mean `{known}`?"),
        None => "; GET /v1/models lists what there is".to_owned(),
    };
    let shown: String = name.chars().take(100).collect();
    let message = format!("the model `{shown}` does not exist{suggestion}");
    Refused::new(ErrorKind::ModelNotFound, message)
        .with_param("model")
        .with_code("model_not_found")
}

pub(crate) fn forbidden(name: &str) -> Refused {
    Refused::new(
        ErrorKind::Forbidden,
        format!("this key may not use `{name}`"),
    )
    .with_param("model")
}

/// Why nothing may be tried.
pub(crate) fn of_plan(exchange: &Exchange, plan: &Plan, refusals: &[Refusal]) -> Refused {
    let route = exchange.route_name();
    let excluded: SmallVec<[Exclusion; 8]> = plan
        .considered
        .iter()
        .filter_map(|one| match one.verdict {
            Verdict::Excluded(exclusion) => Some(exclusion),
            Verdict::Adequate | Verdict::TooWeak => None,
        })
        .collect();
    // What the client can change comes first.
    if let Some(refusal) = refusals.first() {
        let refused = Refused::new(ErrorKind::Unsupported, refusal.to_string());
        return refused
            .with_param(refusal.field.clone())
            .with_code(UNSUPPORTED_PARAMETER);
    }
    if excluded.len() < plan.considered.len() {
        let message = format!("no candidate of `{route}` is strong enough for this request");
        return Refused::new(ErrorKind::Unsupported, message).with_code("no_adequate_model");
    }
    let has = |wanted: Exclusion| excluded.contains(&wanted);
    if has(Exclusion::ContextWindow) {
        let message = format!("the conversation is too long for every candidate of `{route}`");
        return Refused::new(ErrorKind::ContextLength, message).with_param("messages");
    }
    if has(Exclusion::OutputLimit) {
        let message = format!("no candidate of `{route}` gives answers that long");
        return Refused::new(ErrorKind::BadRequest, message).with_param("max_completion_tokens");
    }
    if let Some(Exclusion::Feature(feature)) = excluded
        .iter()
        .find(|exclusion| matches!(exclusion, Exclusion::Feature(_)))
    {
        let message = format!(
            "no candidate of `{route}` has the feature {}",
            feature.as_str()
        );
        return Refused::new(ErrorKind::Unsupported, message).with_code("unsupported_feature");
    }
    if has(Exclusion::MaxCost) {
        let message = format!("this request would cost more than `{route}` allows");
        return Refused::new(ErrorKind::Unsupported, message).with_code("max_cost_exceeded");
    }
    if has(Exclusion::Unpriced) && exchange.service != ServiceTier::Standard {
        let tier = exchange.service.as_str();
        let message = format!("no candidate of `{route}` has a price for the tier `{tier}`");
        return Refused::new(ErrorKind::Unsupported, message)
            .with_param("service_tier")
            .with_code(UNSUPPORTED_PARAMETER);
    }
    let words: SmallVec<[&str; 8]> = excluded
        .iter()
        .map(|exclusion| exclusion.as_str())
        .collect();
    let mut refused = Refused::new(
        ErrorKind::Unavailable,
        format!("no model of `{route}` can be used; the gateway's request log says why"),
    );
    refused.detail = Some(format!(
        "every candidate is ruled out: {}",
        words.join(", ")
    ));
    refused
}

/// Why every attempt failed. The last error decides the kind; a caller's own error is shown in the
/// provider's words.
pub(crate) fn of_attempts(
    exchange: &Exchange,
    tried: SmallVec<[(ModelId, ProviderError); 4]>,
) -> Refused {
    let name = |model: ModelId| &exchange.snapshot.deployment(model).name;
    let history: Vec<String> = tried
        .iter()
        .map(|(model, error)| format!("{}: {}", name(*model), error.kind))
        .collect();
    // That a request could not be written for one model says little once another was asked.
    let asked = tried.iter().rev();
    let mut asked = asked.filter(|(_, error)| error.kind != ErrorKind::Unsupported);
    let Some((_, last)) = asked.next().or(tried.last()) else {
        return Refused::new(ErrorKind::Internal, "nothing was tried");
    };
    let message = if is_callers(last.kind) {
        last.message.clone()
    } else {
        match history.len() {
            1 => format!("the provider gave no answer ({})", history.join("")),
            count => format!(
                "none of {count} models gave an answer ({})",
                history.join(", ")
            ),
        }
    };
    let mut refused = Refused::new(last.kind, message);
    // Providers quote what they were sent; the log holds no text of prompts.
    refused.detail = Some(history.join("; "));
    refused.retry_after_ms = last.retry_after_ms;
    if is_callers(last.kind) {
        refused.param.clone_from(&last.param);
        if !has_own_code(last.kind) {
            refused.code.clone_from(&last.code);
        }
    }
    refused
}

/// Whether clients know the kind by a code that every dialect has for it, which providers of other
/// formats say in other words (`INVALID_ARGUMENT`, `DataInspectionFailed`).
fn has_own_code(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ContextLength | ErrorKind::ContentFilter | ErrorKind::UpstreamModelNotFound
    )
}

/// Whether an error is about the request itself, so that the provider's words help the caller.
fn is_callers(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BadRequest
            | ErrorKind::Unprocessable
            | ErrorKind::PayloadTooLarge
            | ErrorKind::ContextLength
            | ErrorKind::ContentFilter
            | ErrorKind::UpstreamModelNotFound
            | ErrorKind::Unsupported
    )
}
