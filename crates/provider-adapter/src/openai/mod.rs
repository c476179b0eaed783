//! OpenAI chat completions: the clients' dialect, and the wire format of OpenAI and of every server
//! that copies it (DeepSeek, Mistral, DashScope's compatible mode, vLLM, Ollama, llama.cpp, Groq,
//! OpenRouter), whose departures from it are data in [`steelyard_types::WireProfile`].

use smallvec::SmallVec;
use steelyard_types::{ChatAnswer, ChatRequest, Dialect, ProviderError, Target, WireFormat};

use crate::dialect::ClientDialect;
use crate::sources::{Extra, Sign};
use crate::{Adapter, EncodedRequest, FrameDecoder, Losses, Refusal, ResponseHead};
use crate::{carry, completions};

mod answer;
mod convert;
mod details;
mod encode;
mod error_body;
mod failure;
mod format;
mod function_call;
mod known_shape;
mod models;
mod passed;
mod plain;
mod proofs;
mod reasoning;
pub(crate) mod request;
mod shape;
mod stream;
mod strict_schema;
mod unsigned;
mod usage;
mod write;

pub use error_body::{error_body, status, stream_error_frame};
pub use models::{model_body, models_body};
pub use request::{MAX_DEPTH, RequestError, parse_chat_request};

pub(crate) use answer::look;
pub(crate) use convert::member;
pub(crate) use failure::{decode_error, error_inside};
pub(crate) use function_call::answer as with_function_call;
pub(crate) use known_shape::KnownShape;
pub(crate) use passed::Passed;
pub(crate) use plain::Plain;
pub(crate) use reasoning::{budget_of, least, takes_extensions};
pub(crate) use shape::Loose;
pub(crate) use stream::{ChunkDecoder, Look};
pub(crate) use strict_schema::{is_loosened, is_loosened_tool};
pub(crate) use usage::Count;
pub(crate) use write::{ChunkWriter, DONE_FRAME, answer_body, usage_frame, usage_json};

/// The dialect of clients and the adapter for providers of this format.
#[derive(Debug, Clone, Copy)]
pub struct OpenAiChat;

impl Adapter for OpenAiChat {
    fn wire(&self) -> WireFormat {
        WireFormat::OpenAiChat
    }

    fn carries(&self, request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
        match request.dialect {
            Dialect::OpenAiChat => encode::carries(request, target),
            Dialect::AnthropicMessages | Dialect::OpenAiResponses => {
                convert::carries(request, target)
            }
            Dialect::OpenAiCompletions => {
                completions::as_chat_of_any_prompt(request, |chat| encode::carries(chat, target))
            }
            Dialect::OpenAiEmbeddings => {
                carry::check_is_chat(request, target).map(|()| Losses::none())
            }
        }
    }

    fn encode(
        &self,
        request: &ChatRequest<'_>,
        target: &Target,
    ) -> Result<EncodedRequest, Refusal> {
        match request.dialect {
            Dialect::OpenAiChat => encode::encode(request, target),
            Dialect::AnthropicMessages | Dialect::OpenAiResponses => {
                convert::encode(request, target)
            }
            Dialect::OpenAiCompletions => {
                completions::as_chat(request, |chat| encode::encode(chat, target))
            }
            Dialect::OpenAiEmbeddings => {
                carry::check_is_chat(request, target)?;
                convert::encode(request, target)
            }
        }
    }

    fn headers(&self, key: Option<&str>) -> SmallVec<[(&'static str, String); 3]> {
        let bearer = |key| ("authorization", format!("Bearer {key}"));
        key.map(bearer).into_iter().collect()
    }

    fn decode(&self, _head: &ResponseHead<'_>, body: &[u8]) -> Result<ChatAnswer, ProviderError> {
        answer::decode(body)
    }

    fn decode_error(&self, head: &ResponseHead<'_>, body: &[u8]) -> ProviderError {
        decode_error(head, body)
    }

    fn stream_decoder(&self) -> Box<dyn FrameDecoder> {
        Box::new(ChunkDecoder::default())
    }

    fn signs_of_extras(&self) -> &'static [Sign] {
        const SIGNS: &[Sign] = &[
            Sign::word(Extra::Citations, "\"url_citation\""),
            Sign::word(Extra::Citations, "\"file_citation\""),
            // Mistral's parts of a text.
            Sign::key(Extra::Citations, "\"reference_ids\""),
            Sign::word(Extra::Citations, "\"tool_reference\""),
            Sign::word(Extra::Documents, "\"tool_file\""),
            // What else servers tell.
            Sign::key(Extra::Images, "\"images\""),
            Sign::key(Extra::Images, "\"image_url\""),
            Sign::key(Extra::Audio, "\"audio\""),
        ];
        SIGNS
    }
}

impl ClientDialect for OpenAiChat {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiChat
    }

    fn parse<'a>(&self, body: &'a [u8]) -> Result<ChatRequest<'a>, RequestError> {
        parse_chat_request(body)
    }

    fn answer_id(&self, request_id: &str) -> String {
        format!("chatcmpl-{request_id}")
    }
}
