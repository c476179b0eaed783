use serde::Deserialize;
use steelyard_types::{ErrorKind, ProviderError};

use crate::ResponseHead;
use crate::classify::{self, kind_of_words};
use crate::json::Text;
use crate::masked::provider_error;
use crate::unreadable::unreadable;

/// `{"code","message","request_id"}`; behind some gateways of Alibaba's in OpenAI's shape.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    code: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    error: Option<Inner<'a>>,
}

#[derive(Deserialize)]
struct Inner<'a> {
    #[serde(borrow)]
    code: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
}

/// Reads the body of an answer whose status is not 2xx.
pub(super) fn decode(head: &ResponseHead<'_>, body: &[u8]) -> ProviderError {
    let parsed = serde_json::from_slice::<Body<'_>>(body).ok();
    let (code, message) = match parsed {
        Some(Body {
            error: Some(inner), ..
        }) => (inner.code, inner.message),
        Some(body) => (body.code, body.message),
        None => (None, None),
    };
    let error = if code.is_none() && message.is_none() {
        unreadable(head.status, body)
    } else {
        read(
            &code.unwrap_or_default().0,
            &message.unwrap_or_default().0,
            Some(head.status),
        )
    };
    classify::with_head(error, head)
}

/// Reads the data of an `error` event. `comment` is the event's comment line, which holds the
/// status (`HTTP_STATUS/400`) that an answer without streaming would have had.
pub(super) fn read_event(data: &str, comment: &str) -> ProviderError {
    let status = comment
        .trim()
        .strip_prefix("HTTP_STATUS/")
        .and_then(|status| status.parse().ok());
    match serde_json::from_str::<Body<'_>>(data) {
        Ok(body) => read(
            &body.code.unwrap_or_default().0,
            &body.message.unwrap_or_default().0,
            status,
        ),
        Err(_) => provider_error(ErrorKind::StreamError, data),
    }
}

/// What a code means. DashScope's are words with a dot (`Throttling.RateQuota`).
pub(super) fn read(code: &str, message: &str, status: Option<u16>) -> ProviderError {
    let family = code.split('.').next().unwrap_or(code);
    let kind = match family {
        _ if classify::says_context_length(message) => ErrorKind::ContextLength,
        "InvalidApiKey" | "invalid_api_key" | "AccessDenied" | "Unauthorized" | "NoApiKey" => {
            ErrorKind::UpstreamAuth
        }
        "Model" | "Workspace" | "App" if code.ends_with(".AccessDenied") => ErrorKind::UpstreamAuth,
        "Arrearage" | "PrepaidBillOverdue" | "PostpaidBillOverdue" | "insufficient_quota" => {
            ErrorKind::UpstreamQuota
        }
        "AllocationQuota" | "CommodityNotPurchased" => ErrorKind::UpstreamQuota,
        "DataInspectionFailed" | "data_inspection_failed" => ErrorKind::ContentFilter,
        "ModelNotFound" | "model_not_found" | "Model" => ErrorKind::UpstreamModelNotFound,
        "RequestTimeOut" | "ResponseTimeout" => ErrorKind::UpstreamTimeout,
        "ServiceUnavailable" | "ModelUnavailable" | "ModelServingError" => ErrorKind::Overloaded,
        "InternalError" | "SystemError" | "ModelServiceFailed" => classify::server_failure(status),
        "limit_requests" | "limit_tokens" => ErrorKind::RateLimited,
        _ if family.starts_with("Throttling") => ErrorKind::RateLimited,
        _ => match status.filter(|status| *status >= 400) {
            Some(status) => kind_of_words(status, message),
            None if family.starts_with("Invalid") || family.starts_with("BadRequest") => {
                ErrorKind::BadRequest
            }
            None => ErrorKind::StreamError,
        },
    };
    let mut error = if kind == ErrorKind::BadRequest && message.starts_with(WRONG_PATH) {
        provider_error(kind, &format!("{message} ({PATHS})"))
    } else {
        provider_error(kind, message)
    };
    error.status = status;
    error.code = (!code.is_empty()).then(|| code.to_owned());
    error
}

/// How DashScope says that a path does not serve the model, and that a picture's address is none.
const WRONG_PATH: &str = "url error";

/// What its words leave out.
const PATHS: &str = "DashScope says this of a picture whose address it cannot read, and of a model \
    at the other's path: `vision` must stand among the features of its multimodal models in the \
    policy, and of no others";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_about_the_path_says_what_may_be_wrong() {
        let error = read(
            "InvalidParameter",
            "url error, please check url!",
            Some(400),
        );
        assert_eq!(error.kind, ErrorKind::BadRequest);
        assert!(error.message.starts_with("url error, please check url! ("));
        assert!(error.message.contains("`vision`"), "{}", error.message);
        let other = read("InvalidParameter", "Range of top_p should be", Some(400));
        assert_eq!(other.message, "Range of top_p should be");
    }
}
