//! What clients are told when they get no answer.

use smallvec::SmallVec;
use steelyard_policy::ModelId;
use steelyard_provider_adapter::Refusal;
use steelyard_provider_adapter::openai::RequestError;
use steelyard_router::{Exclusion, Plan, Verdict};
use steelyard_types::{Dialect, ErrorKind, Feature, ProviderError, ServiceTier, WireFormat};

use super::exchange::{Exchange, RouteOf};
use super::respond::Refused;
use crate::limits::LimitState;
use crate::snapshot::Snapshot;

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
pub(crate) fn of_plan(exchange: &Exchange, plan: &Plan, refusals: &[Refusal]) -> Refused {
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
    of_exclusions(exchange, &asked, &excluded, limits.max())
}

/// Why nothing may be tried where every candidate is ruled out.
///
/// `longest` is the longest answer, in tokens, of those that are ruled out for giving none as long as
/// the client wants.
fn of_exclusions(
    exchange: &Exchange,
    asked: &Asked<'_>,
    excluded: &[Exclusion],
    longest: Option<u64>,
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
            longest.unwrap_or_default()
        );
        let field = match exchange.dialect {
            Dialect::OpenAiResponses => "max_output_tokens",
            Dialect::OpenAiChat => "max_completion_tokens",
            _ => "max_tokens",
        };
        return Refused::new(ErrorKind::BadRequest, message).with_param(field);
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
    let Some((model, last)) = asked.next().or(tried.last()) else {
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
        let own = last.kind == ErrorKind::Unsupported;
        let wire = exchange.snapshot.policy.model(*model).target.wire;
        let param = last.param.clone();
        refused.param = param.filter(|param| own || is_clients(param, exchange.dialect, wire));
        if own || !has_own_code(last.kind) && speaks_openai(&exchange.snapshot, *model) {
            refused.code = last.code.clone().filter(|code| is_word(code));
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

/// Whether the codes of a model's provider can be words of the vocabulary that OpenAI's clients know.
fn speaks_openai(snapshot: &Snapshot, model: ModelId) -> bool {
    matches!(
        snapshot.policy.model(model).target.wire,
        WireFormat::OpenAiChat | WireFormat::OpenAiResponses
    )
}

/// Whether a field that a provider names is one that the client wrote. Where the two speak different
/// formats, places are those in what the gateway wrote.
fn is_clients(param: &str, dialect: Dialect, wire: WireFormat) -> bool {
    const COMMON: [&str; 13] = [
        "model",
        "temperature",
        "top_p",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "stream",
        "metadata",
        "user",
        "service_tier",
        "seed",
        "presence_penalty",
        "frequency_penalty",
    ];
    match (dialect, wire) {
        // Both are sent to OpenAI's servers nearly as they came.
        (Dialect::OpenAiEmbeddings, WireFormat::OpenAiChat) => true,
        (Dialect::OpenAiCompletions, WireFormat::OpenAiChat) => {
            !param.starts_with("messages") && param != "max_completion_tokens"
        }
        _ => dialect.as_str() == wire.as_str() || COMMON.contains(&param),
    }
}

/// Whether a code is written as OpenAI writes its own (`invalid_value`). Servers of its format also
/// send numbers, statuses and names of other APIs (`1500`, `InvalidParameter`), and where they have no
/// code (OpenAI too) it is the error's type that stands in its place, which the client gets as `type`.
fn is_word(code: &str) -> bool {
    const TYPES: [&str; 4] = [
        "invalid_request_error",
        "not_found_error",
        "api_error",
        "request_too_large",
    ];
    if TYPES.contains(&code) {
        return false;
    }
    code.starts_with(|first: char| first.is_ascii_lowercase())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_of_openais_kind_are_passed_on() {
        for code in ["invalid_value", "unsupported_file", "tool_use_failed"] {
            assert!(is_word(code), "{code}");
        }
        for code in [
            "invalid_request_error",
            "1500",
            "InvalidParameter",
            "INVALID_ARGUMENT",
            "",
        ] {
            assert!(!is_word(code), "{code}");
        }
    }

    #[test]
    fn places_in_what_the_gateway_wrote_are_not_the_clients() {
        let chat = WireFormat::OpenAiChat;
        for (param, dialect, told) in [
            ("messages[0].role", Dialect::OpenAiChat, true),
            ("messages[0].role", Dialect::OpenAiResponses, false),
            ("max_completion_tokens", Dialect::OpenAiCompletions, false),
            ("frobnicate", Dialect::OpenAiCompletions, true),
            ("dimensions", Dialect::OpenAiEmbeddings, true),
            ("response_format", Dialect::OpenAiResponses, false),
            ("temperature", Dialect::OpenAiResponses, true),
        ] {
            assert_eq!(
                is_clients(param, dialect, chat),
                told,
                "{param}, {dialect:?}"
            );
        }
    }
}
