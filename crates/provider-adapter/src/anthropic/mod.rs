//! Anthropic Messages (`POST /v1/messages`, `anthropic-version: 2023-06-01`).
//!
//! Choices where the formats differ: instructions are hoisted into `system` wherever they stood;
//! a request without a limit asks for as much as the model writes, between 4,096 and 21,000 tokens;
//! `pause_turn` reads as `stop`; blocks that the neutral form has no words for (server tools and
//! their results, redacted thinking, citations) are left out of the answer.

mod count;
mod error;
mod own;
mod request;
mod response;
mod stream;

pub use count::{decode_count, encode_count};

pub(crate) use response::look;

use smallvec::{SmallVec, smallvec};
use steelyard_types::{ChatAnswer, ChatRequest, Dialect, ProviderError, Target, WireFormat};

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
            Dialect::OpenAiChat => request::check(request, target),
        }
    }

    fn encode(
        &self,
        request: &ChatRequest<'_>,
        target: &Target,
    ) -> Result<EncodedRequest, Refusal> {
        match request.dialect {
            Dialect::AnthropicMessages => own::encode(request, target),
            Dialect::OpenAiChat => request::encode(request, target),
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
}
