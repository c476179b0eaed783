//! Whole answers on their way back to the client.

use std::sync::Arc;

use bytes::Bytes;
use steelyard_types::{FinishReason, ProviderError, Usage, WireFormat};

use crate::{ResponseHead, adapter, openai};

/// What a reply must know of its request.
#[derive(Debug, Clone)]
pub struct ReplyContext {
    /// Id made by the gateway (`chatcmpl-...`), used where the provider gives none or another
    /// dialect's.
    pub id: String,
    /// When the answer began, in seconds since 1970.
    pub created: i64,
    /// The model's name at its provider, used where the answer names none.
    pub upstream_model: Arc<str>,
    /// Whether the client asked for usage in its stream.
    pub include_usage: bool,
}

/// A whole answer, ready for the client.
#[derive(Debug, Clone)]
pub struct UnaryReply {
    /// The body in the client's dialect: the provider's own bytes where it speaks the same.
    pub body: Bytes,
    /// What the answer used, where the provider says so.
    pub usage: Option<Usage>,
    /// Why it ended.
    pub finish: Option<FinishReason>,
    /// Whether the client would see nothing, as [`steelyard_types::ChatAnswer::is_empty`].
    pub empty: bool,
}

impl UnaryReply {
    /// Reads a provider's answer with a 2xx status.
    ///
    /// # Errors
    /// An error object inside the 200, a blocked prompt, or a body that is not an answer.
    pub fn read(
        wire: WireFormat,
        head: &ResponseHead<'_>,
        body: Bytes,
        context: &ReplyContext,
    ) -> Result<Self, ProviderError> {
        if wire == WireFormat::OpenAiChat {
            let seen = openai::look(&body)?;
            let (usage, finish, empty) = (seen.usage, seen.finish, seen.empty);
            return Ok(Self {
                body,
                usage,
                finish,
                empty,
            });
        }
        let answer = adapter(wire).decode(head, &body)?;
        Ok(Self {
            body: openai::answer_body(&answer, context),
            usage: answer.usage,
            finish: answer.finish,
            empty: answer.is_empty(),
        })
    }
}
