//! Anthropic Messages as clients speak it: requests, errors, answers and their events.
//!
//! The wire format of the provider is in [`crate::anthropic`]. Where both are in play, answers go
//! through as they are.
//!
//! Choices where the dialects differ: thoughts of other providers are `thinking` blocks with an
//! empty signature; a refusal in words is a text block and the `stop_reason` `refusal`; the stop
//! sequence that was met is only known where Anthropic answers; arguments of a call that are no
//! JSON object are the only member of its `input`, `unparsed_arguments`; `message_start` counts no
//! tokens where the provider counts at the end, and `message_delta` then has all of them. What an
//! answer cost stands in `message_delta` beside `usage`, under `steelyard`.

use bytes::Bytes;
use steelyard_types::{ChatRequest, Dialect, ErrorKind};

use crate::dialect::{ClientDialect, ClientError, ModelEntry};
use crate::openai::RequestError;

mod error_body;
mod events;
mod models;
mod passed;
mod request;
mod write;

pub use request::{parse_count_request, parse_messages_request};

pub(crate) use events::EventWriter;
pub(crate) use passed::Passed;
pub(crate) use write::answer_body;

/// The answer to `POST /v1/messages/count_tokens`.
#[must_use]
pub fn count_body(input_tokens: u64) -> Bytes {
    Bytes::from(format!("{{\"input_tokens\":{input_tokens}}}"))
}

/// The dialect of Anthropic's SDKs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Messages;

impl ClientDialect for Messages {
    fn dialect(&self) -> Dialect {
        Dialect::AnthropicMessages
    }

    fn parse<'a>(&self, body: &'a [u8]) -> Result<ChatRequest<'a>, RequestError> {
        parse_messages_request(body)
    }

    fn status(&self, kind: ErrorKind) -> u16 {
        error_body::status(kind)
    }

    fn error_body(&self, error: &ClientError<'_>) -> Bytes {
        error_body::error_body(error)
    }

    fn stream_error_frame(&self, error: &ClientError<'_>) -> Bytes {
        error_body::stream_error_frame(error)
    }

    /// What Anthropic sends itself.
    fn keep_alive(&self) -> Bytes {
        Bytes::from_static(b"event: ping\ndata: {\"type\": \"ping\"}\n\n")
    }

    fn answer_id(&self, request_id: &str) -> String {
        format!("msg_{request_id}")
    }

    fn models_body(&self, models: &mut dyn Iterator<Item = ModelEntry<'_>>, created: i64) -> Bytes {
        models::models_body(models.map(|model| model.id), created)
    }

    fn model_body(&self, model: ModelEntry<'_>, created: i64) -> Bytes {
        models::model_body(model.id, created)
    }
}
