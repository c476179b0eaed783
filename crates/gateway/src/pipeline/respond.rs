//! Answers to the client: bodies, and the headers that every answer carries.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use steelyard_provider_adapter::{ClientError, Losses};
use steelyard_types::{Dialect, ErrorKind, NanoUsd};

use super::exchange::Exchange;
use crate::limits::LimitState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Where Anthropic's SDKs look for the same id.
const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const ROUTE: HeaderName = HeaderName::from_static("x-steelyard-route");
const MODEL: HeaderName = HeaderName::from_static("x-steelyard-model");
const PROVIDER: HeaderName = HeaderName::from_static("x-steelyard-provider");
const COMPLEXITY: HeaderName = HeaderName::from_static("x-steelyard-complexity");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-steelyard-attempts");
const POLICY: HeaderName = HeaderName::from_static("x-steelyard-policy");
const COST: HeaderName = HeaderName::from_static("x-steelyard-cost-usd");
const ERROR: HeaderName = HeaderName::from_static("x-steelyard-error");
const LOSSY: HeaderName = HeaderName::from_static("x-steelyard-lossy");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const CACHE: HeaderName = HeaderName::from_static("x-steelyard-cache");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");

/// What stands in a header when there is nothing to say: no route, no model.
const NONE: HeaderValue = HeaderValue::from_static("none");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// Why a request gets an error instead of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) kind: ErrorKind,
    /// For the client.
    pub(crate) message: String,
    /// For the log, where it may say more than the client should see.
    pub(crate) detail: Option<String>,
    pub(crate) param: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) retry_after_ms: Option<u64>,
}

impl Refused {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            detail: None,
            param: None,
            code: None,
            retry_after_ms: None,
        }
    }

    pub(crate) fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(crate) fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// In the form that the client's dialect is written from.
    pub(crate) fn client_error<'a>(&'a self, request_id: &'a str) -> ClientError<'a> {
        ClientError {
            kind: self.kind,
            message: &self.message,
            param: self.param.as_deref(),
            code: self.code.as_deref(),
            request_id,
        }
    }
}

impl Exchange {
    /// Settles the request with an error and writes it in the client's dialect.
    pub(crate) fn refuse(mut self, refused: Refused) -> Response {
        let status = self.client().status(refused.kind);
        let mut headers = self.headers();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(ERROR, HeaderValue::from_static(refused.kind.as_str()));
        if refused.kind == ErrorKind::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(retry_after_ms) = refused.retry_after_ms {
            headers.insert(
                RETRY_AFTER,
                HeaderValue::from(retry_after_ms.div_ceil(1_000).max(1)),
            );
            // OpenAI's and Anthropic's SDKs read this one first.
            headers.insert(RETRY_AFTER_MS, HeaderValue::from(retry_after_ms.max(1)));
        }
        if !is_worth_retrying(refused.kind) {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        if self.record.attempts > 0 {
            headers.insert(COST, money(self.cost()));
        }
        let error = refused.client_error(&self.record.request_id);
        let body = self.client().error_body(&error);
        let message = refused.detail.unwrap_or(refused.message);
        self.settle(status, Err((refused.kind, message)));
        response(status, headers, Body::from(body))
    }

    /// Settles the request with a whole answer.
    pub(crate) fn answer(mut self, body: Bytes) -> Response {
        let mut headers = self.headers();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(COST, money(self.cost()));
        self.settle(200, Ok(()));
        response(200, headers, Body::from(body))
    }

    /// Settles the request with an answer that needed no model.
    pub(crate) fn inform(mut self, body: Bytes) -> Response {
        let mut headers = self.headers();
        headers.insert(CONTENT_TYPE, JSON);
        self.settle(200, Ok(()));
        response(200, headers, Body::from(body))
    }

    /// The head of a streamed answer; its body settles the request.
    pub(crate) fn stream_headers(&self) -> HeaderMap {
        let mut headers = self.headers();
        headers.insert(CONTENT_TYPE, EVENT_STREAM);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        // nginx buffers proxied answers unless it is told not to.
        let buffering = HeaderName::from_static("x-accel-buffering");
        headers.insert(buffering, HeaderValue::from_static("no"));
        headers
    }

    /// What the usage frame of a stream says besides the usage, as a JSON object.
    pub(crate) fn stream_extension(&self) -> String {
        let record = &self.record;
        let text = |name: Option<&str>| {
            serde_json::to_string(name.unwrap_or_default()).unwrap_or_default()
        };
        let lossy = if record.lossy.is_empty() {
            String::new()
        } else {
            let fields = serde_json::to_string(record.lossy.fields()).unwrap_or_default();
            format!(",\"lossy\":{fields}")
        };
        let disagrees = if record.usage_disagrees {
            ",\"usage_disagrees\":true"
        } else {
            ""
        };
        format!(
            "{{\"request_id\":{},\"route\":{},\"model\":{},\"provider\":{},\"complexity\":{:.4},\
             \"attempts\":{},\"cost_usd\":{}{lossy}{disagrees}}}",
            text(Some(&record.request_id)),
            text(Some(self.route_name())),
            text(record.model.as_deref()),
            text(record.provider.as_deref()),
            record.complexity.unwrap_or_default(),
            record.attempts,
            self.cost()
                .map_or("null".to_owned(), |cost| format!("\"{cost}\"")),
        )
    }

    /// The headers that every answer carries.
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(16);
        let id = HeaderValue::from_str(&self.record.request_id).unwrap_or(NONE);
        if self.dialect == Dialect::AnthropicMessages {
            headers.insert(ANTHROPIC_REQUEST_ID, id.clone());
        }
        headers.insert(REQUEST_ID, id);
        let route = self
            .compiled_route()
            .map_or(NONE, |route| route.name_header.clone());
        headers.insert(ROUTE, route);
        let (model, provider) = self.served_by_headers();
        headers.insert(MODEL, model);
        headers.insert(PROVIDER, provider);
        let complexity = self.record.complexity.map_or(NONE, |complexity| {
            HeaderValue::from_str(&format!("{complexity:.4}")).unwrap_or(NONE)
        });
        headers.insert(COMPLEXITY, complexity);
        headers.insert(ATTEMPTS, HeaderValue::from(u16::from(self.record.attempts)));
        headers.insert(POLICY, self.snapshot.version_header.clone());
        if !self.record.lossy.is_empty() {
            headers.insert(LOSSY, lossy(&self.record.lossy));
        }
        if let Some(cache) = self.record.cache {
            headers.insert(CACHE, HeaderValue::from_static(cache));
        }
        if let Some(limit) = self.limit {
            insert_limit(&mut headers, limit);
        }
        headers
    }

    /// Who answered. An answer from the cache names who gave it then.
    fn served_by_headers(&self) -> (HeaderValue, HeaderValue) {
        if let Some(model) = self.served_by {
            let deployment = self.snapshot.deployment(model);
            return (
                deployment.name_header.clone(),
                deployment.provider_header.clone(),
            );
        }
        let name = |name: &Option<std::sync::Arc<str>>| {
            name.as_deref()
                .and_then(|name| HeaderValue::from_str(name).ok())
                .unwrap_or(NONE)
        };
        (name(&self.record.model), name(&self.record.provider))
    }
}

/// The names of lost fields.
fn lossy(losses: &Losses) -> HeaderValue {
    HeaderValue::from_str(&losses.fields().join(",")).unwrap_or(NONE)
}

/// Whether the same request may go well a moment later. SDKs send a 429 and a 5xx again by
/// themselves unless they are told not to; these wait for the operator.
fn is_worth_retrying(kind: ErrorKind) -> bool {
    !matches!(kind, ErrorKind::UpstreamAuth | ErrorKind::UpstreamQuota)
}

/// The headers of a key's limit, in OpenAI's words.
fn insert_limit(headers: &mut HeaderMap, limit: LimitState) {
    headers.insert(LIMIT, HeaderValue::from(limit.limit));
    headers.insert(REMAINING, HeaderValue::from(limit.remaining));
    let reset = format!("{}ms", limit.reset.as_millis());
    headers.insert(RESET, HeaderValue::from_str(&reset).unwrap_or(NONE));
}

/// Exact dollars with nine decimals; what is not known is `none`, never zero.
fn money(amount: Option<NanoUsd>) -> HeaderValue {
    let text = amount.map(|amount| amount.to_string());
    text.and_then(|text| HeaderValue::from_str(&text).ok())
        .unwrap_or(NONE)
}

pub(crate) fn response(status: u16, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}
