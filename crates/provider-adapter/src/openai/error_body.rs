//! Errors as clients of this dialect expect them.

use bytes::Bytes;
use serde::Serialize;
use steelyard_types::ErrorKind;

use crate::dialect::ClientError;

/// The status that a client is answered with.
///
/// A provider's 401 or 403 is never the client's: its key is fine, so it sees 502.
#[must_use]
pub fn status(kind: ErrorKind) -> u16 {
    use ErrorKind as Kind;
    match kind {
        Kind::BadRequest | Kind::ContextLength | Kind::ContentFilter | Kind::Unsupported => 400,
        Kind::Unauthenticated => 401,
        Kind::Forbidden => 403,
        // A model that its provider does not know is a caller's error too: it asked for that one.
        Kind::ModelNotFound | Kind::NotFound | Kind::UpstreamModelNotFound => 404,
        Kind::MethodNotAllowed => 405,
        Kind::PayloadTooLarge => 413,
        Kind::Unprocessable => 422,
        Kind::RateLimited | Kind::ClientRateLimited | Kind::UpstreamQuota => 429,
        // nginx's word for a client that closed its connection; nobody is left to read it.
        Kind::ClientGone => 499,
        Kind::Internal => 500,
        Kind::UpstreamAuth
        | Kind::UpstreamServer
        | Kind::Connect
        | Kind::StreamError
        | Kind::BrokenStream
        | Kind::InvalidAnswer
        | Kind::EmptyAnswer => 502,
        Kind::Overloaded | Kind::Unavailable => 503,
        Kind::UpstreamTimeout | Kind::FirstTokenTimeout | Kind::TotalTimeout => 504,
    }
}

/// The `type` that official SDKs and their users look at.
fn error_type(kind: ErrorKind) -> &'static str {
    match (kind, status(kind)) {
        (ErrorKind::UpstreamQuota, _) => "insufficient_quota",
        (_, 401) => "authentication_error",
        (_, 403) => "permission_error",
        (_, 429) => "rate_limit_error",
        (_, 400..=499) => "invalid_request_error",
        _ => "server_error",
    }
}

/// The `code` where the caller has no better one.
fn default_code(kind: ErrorKind) -> Option<&'static str> {
    use ErrorKind as Kind;
    match kind {
        Kind::BadRequest | Kind::Unprocessable => None,
        Kind::Unauthenticated => Some("invalid_api_key"),
        Kind::RateLimited | Kind::ClientRateLimited => Some("rate_limit_exceeded"),
        Kind::UpstreamQuota => Some("insufficient_quota"),
        Kind::ContextLength => Some("context_length_exceeded"),
        Kind::ModelNotFound | Kind::UpstreamModelNotFound => Some("model_not_found"),
        other => Some(other.as_str()),
    }
}

/// The body of an error response.
#[must_use]
pub fn error_body(error: &ClientError<'_>) -> Bytes {
    Bytes::from(json(error))
}

/// The last event of a stream that failed after it began.
#[must_use]
pub fn stream_error_frame(error: &ClientError<'_>) -> Bytes {
    let mut frame = b"data: ".to_vec();
    frame.extend_from_slice(&json(error));
    frame.extend_from_slice(b"\n\n");
    Bytes::from(frame)
}

fn json(error: &ClientError<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Outer<'a> {
        error: Inner<'a>,
    }
    #[derive(Serialize)]
    struct Inner<'a> {
        message: &'a str,
        r#type: &'a str,
        param: Option<&'a str>,
        code: Option<&'a str>,
    }
    let inner = Inner {
        message: error.message,
        r#type: error_type(error.kind),
        param: error.param,
        code: error.code.or(default_code(error.kind)),
    };
    // Strings alone always serialise.
    serde_json::to_vec(&Outer { error: inner }).unwrap_or_default()
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
                param: None,
                code: None,
                request_id: "req-1",
            };
            let body: serde_json::Value = serde_json::from_slice(&error_body(&error)).unwrap();
            assert_eq!(body["error"]["message"], "line\n\"quoted\"");
            assert!(body["error"]["type"].is_string());
            assert_eq!(body["error"].as_object().unwrap().len(), 4);
        }
    }

    #[test]
    fn providers_key_trouble_is_never_the_clients() {
        assert_eq!(status(ErrorKind::UpstreamAuth), 502);
        assert_eq!(status(ErrorKind::UpstreamQuota), 429);
    }

    #[test]
    fn a_model_that_nobody_knows_is_not_found_wherever_that_showed() {
        for kind in [ErrorKind::ModelNotFound, ErrorKind::UpstreamModelNotFound] {
            assert_eq!(status(kind), 404);
            assert_eq!(default_code(kind), Some("model_not_found"));
            assert_eq!(error_type(kind), "invalid_request_error");
        }
    }

    #[test]
    fn frames_end_with_a_blank_line_and_own_codes_win() {
        let error = ClientError {
            kind: ErrorKind::BadRequest,
            message: "no",
            param: Some("messages[0]"),
            code: Some("invalid_json"),
            request_id: "req-1",
        };
        assert_eq!(
            stream_error_frame(&error),
            "data: {\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\",\
             \"param\":\"messages[0]\",\"code\":\"invalid_json\"}}\n\n"
        );
    }
}
