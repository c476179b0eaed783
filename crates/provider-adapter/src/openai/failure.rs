//! Errors in this format and in the variations of it that servers and proxies send.

use serde::Deserialize;
use serde_json::value::RawValue;
use steelyard_types::{ErrorKind, ProviderError};

use crate::ResponseHead;
use crate::classify::{kind_of_words, says_context_length, with_head};
use crate::json::Text;
use crate::masked::provider_error;

/// An error as a server describes it, whatever the shape.
#[derive(Debug, Default)]
struct Described {
    message: String,
    code: Option<String>,
    kind: Option<String>,
    param: Option<String>,
    /// The HTTP status that the body names, where it names one.
    status: Option<u16>,
}

/// The fields of an error object, and of bodies that are one themselves.
#[derive(Deserialize)]
struct ErrorShape<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    param: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    status_code: Option<&'a RawValue>,
}

/// How far error objects are followed into each other.
const MAX_NESTING: usize = 3;

/// Reads the body of a response whose status is not 2xx.
pub(crate) fn decode_error(head: &ResponseHead<'_>, body: &[u8]) -> ProviderError {
    let described = std::str::from_utf8(body)
        .ok()
        .and_then(|text| describe(text, MAX_NESTING));
    let described = described.unwrap_or_default();
    let kind =
        kind_of(&described).unwrap_or_else(|| kind_of_words(head.status, &described.message));
    with_head(build(kind, described, head.status), head)
}

/// Reads an error object that came inside an answer with a 2xx status. `otherwise` is its kind
/// where it names none.
pub(crate) fn error_inside(json: &str, otherwise: ErrorKind) -> ProviderError {
    let described = describe(json, MAX_NESTING).unwrap_or_default();
    let named = described.status.filter(|status| *status >= 400);
    let kind = kind_of(&described)
        .or(named.map(|status| kind_of_words(status, &described.message)))
        .unwrap_or(otherwise);
    build(kind, described, 200)
}

fn build(kind: ErrorKind, described: Described, status: u16) -> ProviderError {
    let message = if described.message.is_empty() {
        format!("the provider answered with status {status} and no readable error")
    } else {
        described.message
    };
    let mut error = provider_error(kind, &message);
    error.status = Some(status);
    // A type that is no code (`invalid_request_error`) is none for clients either.
    let kind = described.kind.filter(|kind| kind_of_code(kind).is_some());
    error.code = described.code.or(kind).map(|code| cut(code, 200));
    error.param = described.param.map(|param| cut(param, 200));
    error
}

fn cut(mut text: String, most_chars: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most_chars) {
        text.truncate(end);
    }
    text
}

/// Finds the error in `{"error": {...}}`, `{"error": "text"}`, `{"message": ...}`, `{"detail":
/// ...}`, any of them inside a list, and plain strings.
fn describe(json: &str, nesting: usize) -> Option<Described> {
    let json = json.trim_start();
    match json.as_bytes().first()? {
        b'"' => {
            let Text(message) = serde_json::from_str(json).ok()?;
            Some(Described {
                message: message.into_owned(),
                ..Described::default()
            })
        }
        b'[' if nesting > 0 => {
            let list: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            describe(list.first()?.get(), nesting - 1)
        }
        b'{' => {
            let shape: ErrorShape<'_> = serde_json::from_str(json).ok()?;
            let inner = shape
                .error
                .or(shape.message.filter(|raw| raw.get().starts_with('{')));
            let mut described = inner
                .filter(|_| nesting > 0)
                .and_then(|raw| describe(raw.get(), nesting - 1))
                .unwrap_or_default();
            if described.message.is_empty() {
                let detail = shape.detail.and_then(|raw| detail(raw, nesting));
                described.message = text(shape.message).or(detail).unwrap_or_default();
            }
            described.code = described.code.or(text(shape.code));
            described.kind = described.kind.or(text(shape.kind));
            described.param = described.param.or(text(shape.param));
            let statuses = [shape.status_code, shape.status, shape.code];
            described.status = described
                .status
                .or_else(|| statuses.into_iter().find_map(status));
            Some(described)
        }
        _ => None,
    }
}

/// `detail` of FastAPI servers: text, or a list of what is wrong with each field.
fn detail(raw: &RawValue, nesting: usize) -> Option<String> {
    #[derive(Deserialize)]
    struct Problem<'a> {
        #[serde(borrow)]
        loc: Option<Vec<&'a RawValue>>,
        #[serde(borrow)]
        msg: Option<Text<'a>>,
    }
    if !raw.get().starts_with('[') {
        return (nesting > 0)
            .then(|| describe(raw.get(), nesting - 1))?
            .map(|inner| inner.message);
    }
    let problems: Vec<Problem<'_>> = serde_json::from_str(raw.get()).ok()?;
    let lines = problems.into_iter().take(8).filter_map(|problem| {
        let Text(said) = problem.msg?;
        let place: Vec<&str> = problem
            .loc
            .iter()
            .flatten()
            .map(|step| step.get().trim_matches('"'))
            .collect();
        Some(if place.is_empty() {
            said.into_owned()
        } else {
            format!("{}: {said}", place.join("."))
        })
    });
    Some(lines.collect::<Vec<_>>().join("; "))
}

/// A string, or a number as text.
fn text(raw: Option<&RawValue>) -> Option<String> {
    let raw = raw?.get();
    match raw.as_bytes().first()? {
        b'"' => {
            let Text(text) = serde_json::from_str(raw).ok()?;
            (!text.is_empty()).then(|| text.into_owned())
        }
        b'0'..=b'9' => Some(raw.to_owned()),
        _ => None,
    }
}

/// A number that is an HTTP status.
fn status(raw: Option<&RawValue>) -> Option<u16> {
    let number: u16 = raw?.get().trim_matches('"').parse().ok()?;
    (100..=599).contains(&number).then_some(number)
}

/// What the error's own code, type or words say. They know better than the status: DashScope says
/// `Arrearage` with 400, OpenAI `insufficient_quota` with 429.
fn kind_of(described: &Described) -> Option<ErrorKind> {
    let code = described.code.as_deref().and_then(kind_of_code);
    let named = code.or_else(|| described.kind.as_deref().and_then(kind_of_code));
    // Only then the words: they are the weakest sign.
    named
        .or_else(|| says_context_length(&described.message).then_some(ErrorKind::ContextLength))
        .or_else(|| {
            says_unknown_model(&described.message).then_some(ErrorKind::UpstreamModelNotFound)
        })
}

/// Whether a server's words say that it has no such model, where it has no code for it: "Invalid
/// model: NAME" with 400 and the code 1500 (Mistral), "Model Not Exist" with 400 and
/// `invalid_request_error` (DeepSeek).
fn says_unknown_model(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.starts_with("invalid model: ") || message.starts_with("model not exist")
}

/// The kind of an error code or type. `None` where the status says it better.
fn kind_of_code(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "context_length_exceeded" => ErrorKind::ContextLength,
        "content_filter"
        | "content_policy_violation"
        | "data_inspection_failed"
        | "DataInspectionFailed" => ErrorKind::ContentFilter,
        "insufficient_quota"
        | "billing_hard_limit_reached"
        | "billing_not_active"
        | "insufficient_balance"
        | "exceeded_current_quota_error"
        | "Arrearage" => ErrorKind::UpstreamQuota,
        "invalid_api_key"
        | "InvalidApiKey"
        | "authentication_error"
        | "permission_error"
        | "invalid_authentication_error" => ErrorKind::UpstreamAuth,
        "model_not_found" | "ModelNotFound" | "invalid_model" => ErrorKind::UpstreamModelNotFound,
        "rate_limit_exceeded"
        | "rate_limit_error"
        | "limit_requests"
        | "rate_limit_reached_error" => ErrorKind::RateLimited,
        "overloaded_error" | "engine_overloaded_error" | "service_unavailable" => {
            ErrorKind::Overloaded
        }
        throttled if throttled.starts_with("Throttling") => ErrorKind::RateLimited,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
