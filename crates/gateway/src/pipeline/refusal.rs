//! What clients are told when they get no answer.

mod attempted;
mod planned;

use steelyard_provider_adapter::openai::RequestError;
use steelyard_types::ErrorKind;

use super::respond::Refused;
use crate::limits::LimitState;
use crate::snapshot::Snapshot;

pub(crate) use self::attempted::of_attempts;
pub(crate) use self::planned::of_plan;

/// Least similarity of a suggested name.
const SUGGESTION_SIMILARITY: f64 = 0.75;

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
