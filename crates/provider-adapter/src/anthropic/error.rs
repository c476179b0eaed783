use serde::Deserialize;
use steelyard_types::{ErrorKind, ProviderError, UnixMillis};

use crate::ResponseHead;
use crate::classify::{self, bounded, kind_of_words};
use crate::json::Text;
use crate::masked::provider_error;
use crate::unreadable::unreadable;

/// `{"type":"error","error":{"type","message"},"request_id"}`, also as an event of a stream.
#[derive(Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow)]
    pub(super) error: Detail<'a>,
}

#[derive(Deserialize)]
pub(super) struct Detail<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
}

/// Reads the body of an answer whose status is not 2xx.
pub(super) fn decode(head: &ResponseHead<'_>, body: &[u8]) -> ProviderError {
    let error = match serde_json::from_slice::<Body<'_>>(body) {
        Ok(body) => read(&body.error, Some(head.status)),
        Err(_) => unreadable(head.status, body),
    };
    let mut error = classify::with_head(error, head);
    if error.retry_after_ms.is_none() && error.kind == ErrorKind::RateLimited {
        error.retry_after_ms = reset_ms(head);
    }
    error
}

/// What an error object means. Its type says more than the status, and in a stream there is none.
pub(super) fn read(detail: &Detail<'_>, status: Option<u16>) -> ProviderError {
    let code = detail.kind.as_ref().map_or("", Text::as_str);
    let message = detail.message.as_ref().map_or("", Text::as_str);
    let kind = match code {
        "invalid_request_error" => invalid_request(message, status),
        "authentication_error" | "permission_error" => ErrorKind::UpstreamAuth,
        "billing_error" => ErrorKind::UpstreamQuota,
        "not_found_error" => kind_of_words(404, message),
        "request_too_large" => ErrorKind::PayloadTooLarge,
        // Long prompts that the account has not paid for: no waiting helps.
        "rate_limit_error" if message.starts_with("Extra usage is required") => {
            ErrorKind::UpstreamQuota
        }
        "rate_limit_error" => ErrorKind::RateLimited,
        "timeout_error" => ErrorKind::UpstreamTimeout,
        "overloaded_error" => ErrorKind::Overloaded,
        "api_error" => classify::server_failure(status),
        _ => status
            .filter(|status| *status >= 400)
            .map_or(ErrorKind::StreamError, |status| {
                kind_of_words(status, message)
            }),
    };
    let mut error = provider_error(kind, message);
    error.status = status;
    error.code = (!code.is_empty()).then(|| code.to_owned());
    error
}

fn invalid_request(message: &str, status: Option<u16>) -> ErrorKind {
    if classify::says_context_length(message) || message.contains("exceed context limit") {
        ErrorKind::ContextLength
    } else if message.contains("credit balance is too low") {
        ErrorKind::UpstreamQuota
    } else if message.contains("blocked by content filtering policy") {
        ErrorKind::ContentFilter
    } else {
        match status {
            Some(status) if (400..500).contains(&status) => kind_of_words(status, message),
            _ => ErrorKind::BadRequest,
        }
    }
}

/// How long until the exhausted bucket fills again: `anthropic-ratelimit-*-reset`, RFC 3339, of
/// those whose `-remaining` is 0. Only asked where `retry-after` is missing.
fn reset_ms(head: &ResponseHead<'_>) -> Option<u64> {
    const BUCKETS: [[&str; 2]; 4] = [
        [
            "anthropic-ratelimit-requests-remaining",
            "anthropic-ratelimit-requests-reset",
        ],
        [
            "anthropic-ratelimit-tokens-remaining",
            "anthropic-ratelimit-tokens-reset",
        ],
        [
            "anthropic-ratelimit-input-tokens-remaining",
            "anthropic-ratelimit-input-tokens-reset",
        ],
        [
            "anthropic-ratelimit-output-tokens-remaining",
            "anthropic-ratelimit-output-tokens-reset",
        ],
    ];
    BUCKETS
        .into_iter()
        .filter(|[remaining, _]| head.headers.get(remaining).map(str::trim) == Some("0"))
        .filter_map(|[_, reset]| head.headers.get(reset))
        .filter_map(parse_rfc3339)
        .map(|at| u64::try_from(at.0.saturating_sub(head.at.0)).unwrap_or(0))
        .max()
        .map(|wait| wait.min(classify::MAX_RETRY_AFTER_MS))
}

/// A moment as RFC 3339 in UTC, whole seconds: `2026-06-26T03:21:37Z`.
fn parse_rfc3339(text: &str) -> Option<UnixMillis> {
    let (date, time) = text.trim().strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-');
    let mut time = time.splitn(3, ':');
    let days = classify::days_from_civil(
        bounded(date.next()?, 1970, 9_999)?,
        bounded(date.next()?, 1, 12)?,
        bounded(date.next()?, 1, 31)?,
    );
    let hours = days * 24 + bounded(time.next()?, 0, 23)?;
    let minutes = hours * 60 + bounded(time.next()?, 0, 59)?;
    let seconds = minutes * 60 + bounded(time.next()?, 0, 60)?;
    Some(UnixMillis(seconds * 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        let read = |text| parse_rfc3339(text).map(|at| at.0);
        assert_eq!(read("1970-01-01T00:00:01Z"), Some(1_000));
        assert_eq!(read("2026-06-26T03:21:37Z"), Some(1_782_444_097_000));
        for wrong in [
            "",
            "Z",
            "2026-06-26",
            "2026-13-26T03:21:37Z",
            "2026-06-26T03:21Z",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    fn decoded(status: u16, headers: &[(&str, &str)], body: &str) -> ProviderError {
        let head = ResponseHead {
            status,
            headers: &headers,
            at: UnixMillis(1_782_444_090_000),
        };
        decode(&head, body.as_bytes())
    }

    #[test]
    fn every_type_of_error_has_its_kind() {
        use ErrorKind as Kind;
        for (status, word, message, kind) in [
            (
                400,
                "invalid_request_error",
                "no such field",
                Kind::BadRequest,
            ),
            (
                400,
                "invalid_request_error",
                "prompt is too long: 9 tokens > 8 maximum",
                Kind::ContextLength,
            ),
            (
                400,
                "invalid_request_error",
                "Your credit balance is too low to access the API",
                Kind::UpstreamQuota,
            ),
            (
                400,
                "invalid_request_error",
                "Output blocked by content filtering policy",
                Kind::ContentFilter,
            ),
            (
                401,
                "authentication_error",
                "invalid x-api-key",
                Kind::UpstreamAuth,
            ),
            (402, "billing_error", "pay", Kind::UpstreamQuota),
            (403, "permission_error", "no", Kind::UpstreamAuth),
            (
                404,
                "not_found_error",
                "model: x",
                Kind::UpstreamModelNotFound,
            ),
            (413, "request_too_large", "too large", Kind::PayloadTooLarge),
            (429, "rate_limit_error", "slow down", Kind::RateLimited),
            (500, "api_error", "oops", Kind::UpstreamServer),
            (504, "timeout_error", "late", Kind::UpstreamTimeout),
            (529, "overloaded_error", "busy", Kind::Overloaded),
            // A type that is new to us: what the status says.
            (402, "new_error", "pay", Kind::UpstreamQuota),
            (413, "new_error", "too large", Kind::PayloadTooLarge),
            (529, "new_error", "busy", Kind::Overloaded),
        ] {
            let body = format!(
                r#"{{"type":"error","error":{{"type":"{word}","message":"{message}"}},"request_id":"r"}}"#
            );
            let error = decoded(status, &[], &body);
            assert_eq!((error.kind, error.status), (kind, Some(status)), "{word}");
            assert_eq!(error.message, message);
            assert_eq!(error.code.as_deref(), Some(word));
        }
        let path = r#"{"type":"error","error":{"type":"not_found_error","message":"Not Found"}}"#;
        assert!(decoded(404, &[], path).is_wrong_path());
        let page = decoded(413, &[], "<html>");
        assert_eq!(page.kind, ErrorKind::PayloadTooLarge);
    }

    #[test]
    fn the_wait_is_that_of_the_exhausted_bucket() {
        let body = r#"{"error":{"type":"rate_limit_error","message":"slow down"}}"#;
        let reset = [
            ("anthropic-ratelimit-requests-remaining", "7"),
            ("anthropic-ratelimit-requests-reset", "2026-06-26T04:00:00Z"),
            ("anthropic-ratelimit-output-tokens-remaining", "0"),
            (
                "anthropic-ratelimit-output-tokens-reset",
                "2026-06-26T03:21:37Z",
            ),
        ];
        assert_eq!(decoded(429, &reset, body).retry_after_ms, Some(7_000));
        let mut told = reset.to_vec();
        told.push(("retry-after", "3"));
        assert_eq!(decoded(429, &told, body).retry_after_ms, Some(3_000));
        assert_eq!(decoded(429, &reset[..2], body).retry_after_ms, None);
        let busy = r#"{"error":{"type":"overloaded_error","message":"busy"}}"#;
        assert_eq!(decoded(529, &reset, busy).retry_after_ms, None);
    }
}
