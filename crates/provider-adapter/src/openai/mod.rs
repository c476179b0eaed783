//! OpenAI chat completions: the clients' dialect, and the wire format of OpenAI and of every server
//! that copies it (DeepSeek, Mistral, DashScope's compatible mode, vLLM, Ollama, llama.cpp, Groq,
//! OpenRouter), whose departures from it are data in [`steelyard_types::WireProfile`].

use smallvec::SmallVec;
use steelyard_types::{ChatAnswer, ChatRequest, ProviderError, Target, WireFormat};

use crate::{Adapter, EncodedRequest, FrameDecoder, Refusal, ResponseHead};

mod answer;
mod encode;
mod error_body;
mod failure;
mod known_shape;
mod models;
mod passed;
mod request;
mod shape;
mod stream;
mod usage;
mod write;

pub use error_body::{ClientError, error_body, status, stream_error_frame};
pub use models::{model_body, models_body};
pub use request::{MAX_DEPTH, RequestError, parse_chat_request};

pub(crate) use answer::look;
pub(crate) use known_shape::KnownShape;
pub(crate) use passed::Passed;
pub(crate) use stream::{ChunkDecoder, Look};
pub(crate) use write::{ChunkWriter, DONE_FRAME, answer_body, usage_frame, usage_json};

/// The adapter for providers of this format.
#[derive(Debug, Clone, Copy)]
pub struct OpenAiChat;

impl Adapter for OpenAiChat {
    fn wire(&self) -> WireFormat {
        WireFormat::OpenAiChat
    }

    fn carries(&self, request: &ChatRequest<'_>, target: &Target) -> Result<(), Refusal> {
        encode::carries(request, target)
    }

    fn encode(
        &self,
        request: &ChatRequest<'_>,
        target: &Target,
    ) -> Result<EncodedRequest, Refusal> {
        encode::encode(request, target)
    }

    fn headers(&self, key: Option<&str>) -> SmallVec<[(&'static str, String); 3]> {
        let bearer = |key| ("authorization", format!("Bearer {key}"));
        key.map(bearer).into_iter().collect()
    }

    fn decode(&self, _head: &ResponseHead<'_>, body: &[u8]) -> Result<ChatAnswer, ProviderError> {
        answer::decode(body)
    }

    fn decode_error(&self, head: &ResponseHead<'_>, body: &[u8]) -> ProviderError {
        failure::decode_error(head, body)
    }

    fn stream_decoder(&self) -> Box<dyn FrameDecoder> {
        Box::new(ChunkDecoder::default())
    }
}
