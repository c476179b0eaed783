use serde::Deserialize;
use serde_json::value::RawValue;
use steelyard_types::{ErrorKind, ProviderError};

use crate::ResponseHead;
use crate::classify::{self, kind_of_status, kind_of_words};
use crate::json::{Lenient, Text};
use crate::masked::provider_error;
use crate::unreadable::unreadable;

/// `{"error":{code,message,status,details[]}}`.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    error: Detail<'a>,
}

#[derive(Deserialize)]
pub(super) struct Detail<'a> {
    #[serde(default)]
    code: Lenient<u16>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    details: Option<Vec<&'a RawValue>>,
}

/// The members of google.rpc's details that are read: `ErrorInfo.reason`, `RetryInfo.retryDelay`.
#[derive(Deserialize)]
struct Facts<'a> {
    #[serde(borrow)]
    reason: Option<Text<'a>>,
    #[serde(borrow, rename = "retryDelay")]
    retry_delay: Option<Text<'a>>,
}

/// Reads the body of an answer whose status is not 2xx. The streaming endpoint wraps it in an
/// array.
pub(super) fn decode(head: &ResponseHead<'_>, body: &[u8]) -> ProviderError {
    let read_body = |body: Body<'_>| read(&body.error, Some(head.status));
    let error = match body.trim_ascii_start().first() {
        Some(b'[') => serde_json::from_slice::<Vec<Body<'_>>>(body)
            .ok()
            .and_then(|bodies| bodies.into_iter().next())
            .map(read_body),
        _ => serde_json::from_slice::<Body<'_>>(body).ok().map(read_body),
    };
    let error = error.unwrap_or_else(|| unreadable(head.status, body));
    classify::with_head(error, head)
}

/// What an error object means.
pub(super) fn read(detail: &Detail<'_>, status: Option<u16>) -> ProviderError {
    let message = detail.message.as_ref().map_or("", Text::as_str);
    let word = detail.status.as_ref().map_or("", Text::as_str);
    let mut key_is_wrong = message.starts_with("API key not valid");
    let mut retry_after_ms = None;
    for detail in detail.details.iter().flatten() {
        // Details of other shapes say nothing that decides.
        let Ok(facts) = serde_json::from_str::<Facts<'_>>(detail.get()) else {
            continue;
        };
        key_is_wrong |= facts
            .reason
            .is_some_and(|reason| reason.as_str().starts_with("API_KEY_"));
        retry_after_ms = retry_after_ms.or_else(|| {
            let delay = facts.retry_delay?;
            // protobuf's JSON form of a duration is seconds with an `s`, a Go duration too.
            classify::parse_go_duration(delay.as_str())
        });
    }
    let kind = match word {
        _ if key_is_wrong => ErrorKind::UpstreamAuth,
        _ if classify::says_context_length(message) => ErrorKind::ContextLength,
        // Google's word for everything that is wrong with a request, its size included.
        "INVALID_ARGUMENT" | "OUT_OF_RANGE" => status
            .filter(|status| (400..500).contains(status))
            .map_or(ErrorKind::BadRequest, kind_of_status),
        // Said where the account may not use the API before billing is set up.
        "FAILED_PRECONDITION" => ErrorKind::UpstreamQuota,
        "UNAUTHENTICATED" | "PERMISSION_DENIED" => ErrorKind::UpstreamAuth,
        "NOT_FOUND" => kind_of_words(404, message),
        "RESOURCE_EXHAUSTED" => ErrorKind::RateLimited,
        "UNAVAILABLE" => ErrorKind::Overloaded,
        "DEADLINE_EXCEEDED" => ErrorKind::UpstreamTimeout,
        "INTERNAL" | "UNKNOWN" | "ABORTED" | "DATA_LOSS" => ErrorKind::UpstreamServer,
        _ => detail
            .code
            .0
            .or(status)
            .filter(|status| *status >= 400)
            .map_or(ErrorKind::StreamError, |status| {
                kind_of_words(status, message)
            }),
    };
    let mut error = provider_error(kind, message);
    error.status = status;
    error.code = (!word.is_empty()).then(|| word.to_owned());
    error.retry_after_ms = retry_after_ms.map(|wait| wait.min(classify::MAX_RETRY_AFTER_MS));
    error
}
