use std::fmt;

/// Everything that can go wrong with a request, as a closed set: it decides fallback, the status
/// and code that the client sees, and the metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// The request is wrong wherever it is sent (provider's 400).
    BadRequest,
    /// The request is understood but cannot be processed (provider's 422).
    Unprocessable,
    /// The body is too large (413).
    PayloadTooLarge,
    /// The conversation does not fit the model's context window.
    ContextLength,
    /// The provider's filter stopped the prompt.
    ContentFilter,
    /// The provider does not accept the gateway's key (401, 403). Never the client's fault.
    UpstreamAuth,
    /// The gateway's account at the provider has no money or quota left.
    UpstreamQuota,
    /// The provider does not know the configured model.
    UpstreamModelNotFound,
    /// The provider asks to slow down (429).
    RateLimited,
    /// The provider is overloaded (503, 529).
    Overloaded,
    /// The provider failed (500, 502 and the rest of 5xx).
    UpstreamServer,
    /// The provider, or a proxy before it, gave up waiting (408, 504).
    UpstreamTimeout,
    /// No connection in time, or no connection at all.
    Connect,
    /// No first token in time.
    FirstTokenTimeout,
    /// No whole answer in time.
    TotalTimeout,
    /// An error event inside a stream that began well.
    StreamError,
    /// The answer ended before it was complete.
    BrokenStream,
    /// The answer is not what the provider's format allows.
    InvalidAnswer,
    /// A complete answer with nothing in it.
    EmptyAnswer,
    /// The client's key is missing or unknown.
    Unauthenticated,
    /// The client's key may not use this route.
    Forbidden,
    /// The client's key has used up its limit.
    ClientRateLimited,
    /// No route or model of that name.
    ModelNotFound,
    /// No such path.
    NotFound,
    /// The path is there, but not for this method.
    MethodNotAllowed,
    /// No candidate can carry this request.
    Unsupported,
    /// No candidate is available right now.
    Unavailable,
    /// The gateway itself failed.
    Internal,
    /// The client went away before the answer was complete.
    ClientGone,
}

impl ErrorKind {
    /// All kinds.
    pub const ALL: [Self; 29] = [
        Self::BadRequest,
        Self::Unprocessable,
        Self::PayloadTooLarge,
        Self::ContextLength,
        Self::ContentFilter,
        Self::UpstreamAuth,
        Self::UpstreamQuota,
        Self::UpstreamModelNotFound,
        Self::RateLimited,
        Self::Overloaded,
        Self::UpstreamServer,
        Self::UpstreamTimeout,
        Self::Connect,
        Self::FirstTokenTimeout,
        Self::TotalTimeout,
        Self::StreamError,
        Self::BrokenStream,
        Self::InvalidAnswer,
        Self::EmptyAnswer,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::ClientRateLimited,
        Self::ModelNotFound,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Unsupported,
        Self::Unavailable,
        Self::Internal,
        Self::ClientGone,
    ];

    /// The word used in policies (`fallback.on`), metrics, logs and `x-steelyard-error`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unprocessable => "unprocessable",
            Self::PayloadTooLarge => "payload_too_large",
            Self::ContextLength => "context_length",
            Self::ContentFilter => "content_filter",
            Self::UpstreamAuth => "upstream_auth",
            Self::UpstreamQuota => "upstream_quota",
            Self::UpstreamModelNotFound => "upstream_model_not_found",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::UpstreamServer => "upstream_server",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::Connect => "connect",
            Self::FirstTokenTimeout => "first_token_timeout",
            Self::TotalTimeout => "total_timeout",
            Self::StreamError => "stream_error",
            Self::BrokenStream => "broken_stream",
            Self::InvalidAnswer => "invalid_answer",
            Self::EmptyAnswer => "empty_answer",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::ClientRateLimited => "client_rate_limited",
            Self::ModelNotFound => "model_not_found",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Unsupported => "unsupported",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
            Self::ClientGone => "client_gone",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether another model may do better, so that a policy can name it in `fallback.on`.
    ///
    /// A caller's own errors (400, 413, 422) never are: another model would be paid to say the
    /// same.
    #[must_use]
    pub fn can_fall_back(self) -> bool {
        matches!(
            self,
            Self::ContextLength
                | Self::ContentFilter
                | Self::UpstreamAuth
                | Self::UpstreamQuota
                | Self::UpstreamModelNotFound
                | Self::RateLimited
                | Self::Overloaded
                | Self::UpstreamServer
                | Self::UpstreamTimeout
                | Self::Connect
                | Self::FirstTokenTimeout
                | Self::TotalTimeout
                | Self::StreamError
                | Self::BrokenStream
                | Self::InvalidAnswer
                | Self::EmptyAnswer
        )
    }

    /// Whether a route falls back on it where its policy does not say: everything that can, except
    /// a content filter, which is a decision and not a failure, and a model that its provider does
    /// not know (404), which is a mistake that somebody should notice.
    #[must_use]
    pub fn falls_back_by_default(self) -> bool {
        self.can_fall_back() && !matches!(self, Self::ContentFilter | Self::UpstreamModelNotFound)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a provider answered instead of an answer, or what became of the attempt to get one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct ProviderError {
    /// What it means.
    pub kind: ErrorKind,
    /// The provider's HTTP status, where there was one.
    pub status: Option<u16>,
    /// The provider's own words, cut to a bound. Shown to clients only for their own errors.
    pub message: String,
    /// The provider's own code (`context_length_exceeded`, `DataInspectionFailed`), where it has
    /// one.
    pub code: Option<String>,
    /// The request field that the provider names, where it does.
    pub param: Option<String>,
    /// How long the provider asks to wait, in milliseconds, already capped.
    pub retry_after_ms: Option<u64>,
}

impl ProviderError {
    /// Most characters kept of a provider's message.
    pub const MAX_MESSAGE_CHARS: usize = 2_000;

    /// An error of that kind with a message cut to [`Self::MAX_MESSAGE_CHARS`].
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Some((end, _)) = message.char_indices().nth(Self::MAX_MESSAGE_CHARS) {
            message.truncate(end);
        }
        Self {
            kind,
            status: None,
            message,
            code: None,
            param: None,
            retry_after_ms: None,
        }
    }

    /// Whether the provider has nothing at the path that it was asked at: the operator's mistake.
    #[must_use]
    pub fn is_wrong_path(&self) -> bool {
        self.kind == ErrorKind::UpstreamServer && matches!(self.status, Some(404 | 405))
    }
}
