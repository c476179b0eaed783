//! Errors as clients of this dialect expect them.

use bytes::Bytes;
use steelyard_types::ErrorKind;

use super::request::THREAD;
use crate::dialect::ClientError;
use crate::json::Object;

/// The status that a client is answered with. 529 is Anthropic's word for an overload.
pub(crate) fn status(kind: ErrorKind) -> u16 {
    use ErrorKind as Kind;
    match kind {
        Kind::BadRequest
        | Kind::Unprocessable
        | Kind::ContextLength
        | Kind::ContentFilter
        | Kind::Unsupported => 400,
        Kind::Unauthenticated => 401,
        Kind::Forbidden => 403,
        Kind::ModelNotFound | Kind::NotFound | Kind::UpstreamModelNotFound => 404,
        Kind::MethodNotAllowed => 405,
        Kind::PayloadTooLarge => 413,
        Kind::RateLimited | Kind::ClientRateLimited | Kind::UpstreamQuota => 429,
        // nginx's word for a client that closed its connection; nobody is left to read it.
        Kind::ClientGone => 499,
        // A provider's 401 or 403 is never the client's: its key is fine.
        Kind::UpstreamAuth
        | Kind::UpstreamServer
        | Kind::Connect
        | Kind::StreamError
        | Kind::BrokenStream
        | Kind::InvalidAnswer
        | Kind::EmptyAnswer
        | Kind::Internal => 500,
        Kind::UpstreamTimeout | Kind::FirstTokenTimeout | Kind::TotalTimeout => 504,
        Kind::Overloaded | Kind::Unavailable => 529,
    }
}

/// The `error.type` that official SDKs and their users look at.
fn error_type(kind: ErrorKind) -> &'static str {
    match status(kind) {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// The body of an error response.
pub(crate) fn error_body(error: &ClientError<'_>) -> Bytes {
    Bytes::from(json(error))
}

/// The last event of a stream that failed after it began.
pub(crate) fn stream_error_frame(error: &ClientError<'_>) -> Bytes {
    Bytes::from(format!("event: error\ndata: {}\n\n", json(error)))
}

/// What makes Anthropic's SDKs send the whole history and no `thread` from then on
/// (`lib/threads/_thread_state.py` of the one for Python, 2.12.0).
const NO_THREADS: &str = r#"{"error_code":"thread_unsupported_request","unsupported":["thread"]}"#;

fn json(error: &ClientError<'_>) -> String {
    let mut inner = Object::with_capacity(128);
    inner.text("type", error_type(error.kind));
    inner.text("message", error.message);
    if error.kind == ErrorKind::Unsupported && error.param == Some(THREAD) {
        inner.raw("details", NO_THREADS);
    }
    let mut outer = Object::with_capacity(256);
    outer.text("type", "error");
    outer.raw("error", &inner.close());
    outer.text("request_id", error.request_id);
    outer.close()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_an_error_status_and_a_sound_body() {
        for kind in ErrorKind::ALL {
            assert!((400..600).contains(&status(kind)), "{kind}");
            let error = ClientError {
                kind,
                message: "line\n\"quoted\"",
                param: Some("messages"),
                code: None,
                request_id: "req-1",
            };
            let body: serde_json::Value = serde_json::from_slice(&error_body(&error)).unwrap();
            assert_eq!(body["type"], "error");
            assert_eq!(body["error"]["message"], "line\n\"quoted\"");
            assert!(body["error"]["type"].is_string());
            assert_eq!(body["request_id"], "req-1");
            let frame = stream_error_frame(&error);
            assert!(frame.starts_with(b"event: error\ndata: {") && frame.ends_with(b"}\n\n"));
        }
    }

    #[test]
    fn clients_are_told_that_there_are_no_threads() {
        let body = |kind, param| {
            let error = ClientError {
                kind,
                message: "m",
                param,
                code: None,
                request_id: "req-1",
            };
            let body = error_body(&error);
            serde_json::from_slice::<serde_json::Value>(&body).unwrap()
        };
        let told = body(ErrorKind::Unsupported, Some("thread"));
        let details = serde_json::json!({
            "error_code": "thread_unsupported_request", "unsupported": ["thread"]});
        assert_eq!(told["error"]["details"], details);
        for (kind, param) in [
            (ErrorKind::Unsupported, Some("container")),
            (ErrorKind::Unsupported, None),
            (ErrorKind::RateLimited, Some("thread")),
        ] {
            assert!(body(kind, param)["error"].get("details").is_none());
        }
    }

    #[test]
    fn kinds_are_what_the_sdks_raise_for() {
        let expected = [
            (ErrorKind::Unsupported, 400, "invalid_request_error"),
            (ErrorKind::Unprocessable, 400, "invalid_request_error"),
            (ErrorKind::Unauthenticated, 401, "authentication_error"),
            (ErrorKind::UpstreamAuth, 500, "api_error"),
            (ErrorKind::UpstreamQuota, 429, "rate_limit_error"),
            (ErrorKind::ModelNotFound, 404, "not_found_error"),
            (ErrorKind::PayloadTooLarge, 413, "request_too_large"),
            (ErrorKind::Overloaded, 529, "overloaded_error"),
            (ErrorKind::TotalTimeout, 504, "timeout_error"),
            (ErrorKind::ContextLength, 400, "invalid_request_error"),
            (ErrorKind::Forbidden, 403, "permission_error"),
            (ErrorKind::MethodNotAllowed, 405, "invalid_request_error"),
            (ErrorKind::ClientRateLimited, 429, "rate_limit_error"),
            (ErrorKind::BrokenStream, 500, "api_error"),
        ];
        for (kind, code, word) in expected {
            assert_eq!((status(kind), error_type(kind)), (code, word), "{kind}");
        }
    }
}
