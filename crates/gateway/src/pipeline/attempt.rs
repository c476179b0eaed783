//! One call of one provider: send, read, classify. Up to the commit point it can fail without the
//! client noticing.

mod delivery;
mod empty;

use std::error::Error;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use steelyard_policy::Timeouts;
use steelyard_provider_adapter::{
    EncodedRequest, HeaderLookup, Progress, ReplyContext, ResponseHead, StreamReply, UnaryReply,
    anthropic, embeddings,
};
use steelyard_types::{ErrorKind, ProviderError, UnixMillis, Usage, WireFormat};

use self::empty::{empty_stream, empty_whole};
use crate::snapshot::Deployment;

pub(crate) use self::empty::Kept;

/// What an attempt needs besides the request.
pub(crate) struct Call<'a> {
    pub(crate) deployment: &'a Deployment,
    pub(crate) client: reqwest::Client,
    pub(crate) wire: WireFormat,
    pub(crate) timeouts: Timeouts,
    pub(crate) encoded: EncodedRequest,
    /// Features that the client asks Anthropic for, where this is Anthropic.
    pub(crate) beta: Option<HeaderValue>,
    /// Whether the provider is asked for a stream, whatever the client wants.
    pub(crate) stream: bool,
    /// The vectors that are asked for, where it is no chat.
    pub(crate) vectors: Option<embeddings::Wanted>,
    pub(crate) context: ReplyContext,
    pub(crate) max_answer_bytes: usize,
    pub(crate) at: UnixMillis,
}

/// A stream whose first content is there.
pub(crate) struct OpenStream {
    /// What is still to come from the provider; nothing where the answer came whole.
    pub(crate) upstream: Option<reqwest::Body>,
    pub(crate) reply: StreamReply,
    /// What the client may be sent already.
    pub(crate) pending: Vec<Bytes>,
    /// How far it has come: `Content` or `Complete`.
    pub(crate) progress: Progress,
}

/// An attempt without an answer for the client.
pub(crate) struct Failure {
    pub(crate) error: ProviderError,
    /// What it cost all the same, where the provider said.
    pub(crate) usage: Option<Usage>,
    /// Whether the provider began an answer, and so may charge for it.
    pub(crate) answered: bool,
    /// The complete but empty answer that it is, for a client that gets no better one.
    pub(crate) kept: Option<Box<Kept>>,
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self {
            // An answer that cannot be read was given all the same, and may be charged for.
            answered: error.kind == ErrorKind::InvalidAnswer,
            error,
            usage: None,
            kept: None,
        }
    }
}

impl Call<'_> {
    /// Asks for a whole answer.
    pub(crate) async fn unary(self) -> Result<UnaryReply, Failure> {
        let total = Duration::from_millis(self.timeouts.total_ms);
        if self.stream {
            return delivery::assembled(self, total).await;
        }
        match tokio::time::timeout(total, self.unary_without_deadline()).await {
            Ok(result) => result,
            Err(_) => Err(timed_out(ErrorKind::TotalTimeout, "no whole answer", total)),
        }
    }

    async fn unary_without_deadline(mut self) -> Result<UnaryReply, Failure> {
        let (status, headers, body) = self.whole().await?;
        let head = ResponseHead {
            status,
            headers: &Headers(&headers),
            at: self.at,
        };
        let reply = match self.vectors {
            Some(wanted) => embeddings::read(self.wire, &head, body, &self.context, wanted)?,
            None => UnaryReply::read(self.wire, &head, body, &self.context)?,
        };
        if reply.empty {
            return Err(empty_whole(reply));
        }
        Ok(reply)
    }

    /// Asks for nothing but the number of tokens.
    pub(crate) async fn count(mut self) -> Result<u64, Failure> {
        let total = Duration::from_millis(self.timeouts.total_ms);
        match tokio::time::timeout(total, self.whole()).await {
            Ok(answer) => {
                let (_, _, body) = answer?;
                Ok(anthropic::decode_count(&body)?)
            }
            Err(_) => Err(timed_out(ErrorKind::TotalTimeout, "no count", total)),
        }
    }

    /// Status, headers and body of a whole answer with a 2xx status.
    async fn whole(&mut self) -> Result<(u16, HeaderMap, Bytes), Failure> {
        let (parts, body) = http::Response::from(self.send().await?).into_parts();
        let status = parts.status.as_u16();
        let body = read_body(body, self.max_answer_bytes).await?;
        if (200..300).contains(&status) {
            return Ok((status, parts.headers, body));
        }
        let head = ResponseHead {
            status,
            headers: &Headers(&parts.headers),
            at: self.at,
        };
        Err(self.deployment.adapter.decode_error(&head, &body).into())
    }

    /// Asks for a stream and waits for its first content.
    pub(crate) async fn stream(self) -> Result<OpenStream, Failure> {
        if !self.stream {
            return delivery::written(self).await;
        }
        let Timeouts {
            first_token_ms,
            total_ms,
            ..
        } = self.timeouts;
        let (kind, what, limit_ms) = if total_ms < first_token_ms {
            (ErrorKind::TotalTimeout, "no whole answer", total_ms)
        } else {
            (
                ErrorKind::FirstTokenTimeout,
                "no first token",
                first_token_ms,
            )
        };
        let limit = Duration::from_millis(limit_ms);
        match tokio::time::timeout(limit, self.stream_without_deadline()).await {
            Ok(result) => result,
            Err(_) => Err(timed_out(kind, what, limit)),
        }
    }

    async fn stream_without_deadline(mut self) -> Result<OpenStream, Failure> {
        let mut response = self.send().await?;
        let status = response.status().as_u16();
        if !(200..300).contains(&status) || is_json(response.headers()) {
            return Err(self.not_a_stream(response).await);
        }
        let mut reply = StreamReply::new(self.wire, self.context);
        let mut pending = Vec::new();
        let mut held = 0_usize;
        loop {
            let chunk = response
                .chunk()
                .await
                .map_err(|error| broken(&error, reply.usage()))?;
            let progress = match &chunk {
                Some(chunk) => reply.push(chunk, &mut pending),
                None => reply.end(&mut pending),
            };
            match progress {
                Progress::Content => {}
                Progress::Complete if !reply.is_empty() => {}
                Progress::Complete => return Err(empty_stream(reply, pending)),
                Progress::Failed => return Err(stream_failure(reply.error(), reply.usage())),
                Progress::Waiting => {
                    held += chunk.as_ref().map_or(0, Bytes::len);
                    if chunk.is_none() || held > self.max_answer_bytes {
                        return Err(invalid("the stream has no content", reply.usage()));
                    }
                    continue;
                }
            }
            return Ok(OpenStream {
                upstream: Some(response.into()),
                reply,
                pending,
                progress,
            });
        }
    }

    /// A request for a stream was answered with something else: an error, or a server that ignores
    /// `stream`.
    async fn not_a_stream(&self, response: reqwest::Response) -> Failure {
        let (parts, body) = http::Response::from(response).into_parts();
        let status = parts.status.as_u16();
        let body = match read_body(body, self.max_answer_bytes).await {
            Ok(body) => body,
            Err(failure) => return failure,
        };
        let head = ResponseHead {
            status,
            headers: &Headers(&parts.headers),
            at: self.at,
        };
        if !(200..300).contains(&status) {
            return self.deployment.adapter.decode_error(&head, &body).into();
        }
        match UnaryReply::read(self.wire, &head, body, &self.context) {
            Err(error) => error.into(),
            Ok(reply) => invalid(
                "a stream was asked for and a whole answer came",
                reply.usage,
            ),
        }
    }

    async fn send(&mut self) -> Result<reqwest::Response, Failure> {
        let deployment = self.deployment;
        let url = deployment.endpoint.url(&self.encoded.path, self.stream);
        let url = url.map_err(|error| {
            let error = ProviderError::new(ErrorKind::Internal, error.to_string());
            Failure::from(error)
        })?;
        let mut request = self.client.post(url).headers(deployment.headers.clone());
        for (name, value) in &self.encoded.headers {
            request = request.header(*name, *value);
        }
        if let Some(beta) = &self.beta {
            request = request.header("anthropic-beta", beta);
        }
        let body = std::mem::take(&mut self.encoded.body);
        request.body(body).send().await.map_err(|error| {
            let message = format!(
                "no answer from {}: {}",
                deployment.provider,
                root_cause(&error)
            );
            Failure {
                error: ProviderError::new(ErrorKind::Connect, message),
                usage: None,
                // Once the connection stood, the provider may have the request and charge for it.
                answered: !error.is_connect(),
                kept: None,
            }
        })
    }
}

/// Reads a body whole, within a bound. One that comes in one piece is not copied.
async fn read_body(mut body: reqwest::Body, limit: usize) -> Result<Bytes, Failure> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error, None))?;
        let Ok(chunk) = frame.into_data() else {
            continue;
        };
        if first.len().max(rest.len()) + chunk.len() > limit {
            return Err(invalid("the answer is larger than max_answer_bytes", None));
        }
        if first.is_empty() {
            first = chunk;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&chunk);
        }
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}

/// A stream that failed on its own account.
fn stream_failure(error: Option<&ProviderError>, usage: Option<Usage>) -> Failure {
    let error = error.cloned().unwrap_or_else(|| {
        ProviderError::new(ErrorKind::StreamError, "the stream failed without a reason")
    });
    Failure {
        error,
        usage,
        answered: true,
        kept: None,
    }
}

fn timed_out(kind: ErrorKind, what: &str, limit: Duration) -> Failure {
    // The provider has the request and may charge for it, whether or not anyone waits.
    let message = format!("{what} within {} ms", limit.as_millis());
    answered(kind, message, None)
}

fn invalid(message: &str, usage: Option<Usage>) -> Failure {
    answered(ErrorKind::InvalidAnswer, message, usage)
}

fn broken(error: &reqwest::Error, usage: Option<Usage>) -> Failure {
    let message = format!("the answer broke off: {}", root_cause(error));
    answered(ErrorKind::BrokenStream, message, usage)
}

/// The failure of a provider that has the request and may charge for it.
fn answered(kind: ErrorKind, message: impl Into<String>, usage: Option<Usage>) -> Failure {
    Failure {
        error: ProviderError::new(kind, message),
        usage,
        answered: true,
        kept: None,
    }
}

/// The innermost reason. The outer ones name the URL and say "error sending request".
pub(crate) fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(http::header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}

/// Response headers as the adapters look them up.
struct Headers<'a>(&'a HeaderMap);

impl HeaderLookup for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }
}
