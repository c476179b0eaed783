//! Errors inside a stream.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use steelyard_types::ErrorKind;

use crate::dialect::ClientError;
use crate::json::{Object, push_text};
use crate::openai;

/// The `error` event of that number.
///
/// The reference has its members beside `type`; OpenAI has been recorded sending them in a member
/// `error`, where official SDKs look for them to raise an exception. Both are here.
pub(super) fn stream_error_frame(error: &ClientError<'_>, sequence: u64) -> Bytes {
    #[derive(Deserialize)]
    struct Outer<'a> {
        #[serde(borrow)]
        error: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Inner<'a> {
        #[serde(borrow)]
        code: Option<&'a RawValue>,
    }
    let body = openai::error_body(error);
    let nested: Option<Outer<'_>> = serde_json::from_slice(&body).ok();
    let nested = nested.map_or("null", |outer| outer.error.get());
    let inner: Option<Inner<'_>> = serde_json::from_str(nested).ok();
    let code = inner.and_then(|inner| inner.code);
    let mut event = Object::with_capacity(nested.len() + error.message.len() + 128);
    event.text("type", "error");
    event.raw("sequence_number", &sequence.to_string());
    event.raw("code", code.map_or("null", RawValue::get));
    event.text("message", error.message);
    match error.param {
        Some(param) => event.text("param", param),
        None => event.raw("param", "null"),
    }
    event.raw("error", nested);
    Bytes::from(format!("event: error\ndata: {}\n\n", event.close()))
}

/// The `error` of a response that failed. Its codes are a closed set.
pub(super) fn response_error(error: &ClientError<'_>) -> String {
    let code = match error.kind {
        ErrorKind::RateLimited | ErrorKind::ClientRateLimited | ErrorKind::UpstreamQuota => {
            "rate_limit_exceeded"
        }
        ErrorKind::ContentFilter => "invalid_prompt",
        _ => "server_error",
    };
    let mut out = format!("{{\"code\":\"{code}\",\"message\":");
    push_text(&mut out, error.message);
    out.push('}');
    out
}
