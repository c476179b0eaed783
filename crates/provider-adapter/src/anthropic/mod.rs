//! Anthropic Messages (`POST /v1/messages`, `anthropic-version: 2023-06-01`).
//!
//! Choices where the formats differ: instructions are hoisted into `system` wherever they stood;
//! a request without a limit asks for as much as the model writes, between 4,096 and 21,000 tokens,
//! and room for the thoughts that it asks for; white space at the end of words to go on from is left
//! out, because Anthropic refuses it; thoughts give way to a forced call, to words to go on from, and
//! to a limit that is too small for both; an answer that must follow a schema which Anthropic does
//! not decode under is the input of a call of `steelyard_answer`, which reads as text; `pause_turn`
//! reads as `stop`. Blocks that the neutral form has no words for are left out of an answer: tools
//! that run at Anthropic's side and their results, and citations. Only a request in this format can
//! ask for them, and it gets its answer as it came.

mod count;
mod error;
pub(crate) mod marked;
mod own;
mod request;
mod response;
mod schema;
mod stream;
mod thinking;

pub use count::{decode_count, encode_count};

pub(crate) use response::look;

use smallvec::{SmallVec, smallvec};
use steelyard_types::{ChatAnswer, ChatRequest, Dialect, ProviderError, Target, WireFormat};

use crate::sources::{Extra, Sign};
use crate::{Adapter, EncodedRequest, FrameDecoder, Losses, Refusal, ResponseHead};

/// The adapter of Anthropic Messages.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnthropicMessages;

impl Adapter for AnthropicMessages {
    fn wire(&self) -> WireFormat {
        WireFormat::AnthropicMessages
    }

    fn carries(&self, request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
        match request.dialect {
            Dialect::AnthropicMessages => own::check(request, target),
            Dialect::OpenAiChat
            | Dialect::OpenAiResponses
            | Dialect::OpenAiCompletions
            | Dialect::OpenAiEmbeddings => request::check(request, target),
        }
    }

    fn encode(
        &self,
        request: &ChatRequest<'_>,
        target: &Target,
    ) -> Result<EncodedRequest, Refusal> {
        match request.dialect {
            Dialect::AnthropicMessages => own::encode(request, target),
            Dialect::OpenAiChat
            | Dialect::OpenAiResponses
            | Dialect::OpenAiCompletions
            | Dialect::OpenAiEmbeddings => request::encode(request, target),
        }
    }

    fn headers(&self, key: Option<&str>) -> SmallVec<[(&'static str, String); 3]> {
        let mut headers = smallvec![("anthropic-version", "2023-06-01".to_owned())];
        if let Some(key) = key {
            headers.push(("x-api-key", key.to_owned()));
        }
        headers
    }

    fn decode(&self, head: &ResponseHead<'_>, body: &[u8]) -> Result<ChatAnswer, ProviderError> {
        response::decode(head, body)
    }

    fn decode_error(&self, head: &ResponseHead<'_>, body: &[u8]) -> ProviderError {
        error::decode(head, body)
    }

    fn stream_decoder(&self) -> Box<dyn FrameDecoder> {
        Box::<stream::Decoder>::default()
    }

    fn signs_of_extras(&self) -> &'static [Sign] {
        const SIGNS: &[Sign] = &[Sign::key(Extra::Citations, "\"cited_text\"")];
        SIGNS
    }
}
