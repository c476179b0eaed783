//! Alibaba DashScope's native generation API
//! (`POST /api/v1/services/aigc/{text,multimodal}-generation/generation`).
//!
//! Which of the two paths answers depends on the model: one that takes images or sound, as its
//! features say, only knows the multimodal one. Streaming is switched on by a header;
//! `incremental_output` asks for pieces instead of the whole text so far. The region and its key
//! belong to the provider's base URL.
//!
//! Pictures of a tool's result follow in a message of the user's. Where a JSON object is asked for,
//! an instruction says so if nobody else does, because DashScope insists on the word; a schema that
//! the model does not take is told in an instruction too. Words that the answer is to go on from are
//! marked `partial`, without thinking. Several answers (`n`) stream one event
//! for one of them each. Of an answer's content the text is read; what special models put beside it (`ocr_result`) and
//! reports of DashScope's own searches and tools (`search_info`, `tool_info`) are left out.

mod error;
mod request;
mod response;
mod stream;
mod thoughts;
mod usage;

use smallvec::{SmallVec, smallvec};
use steelyard_types::{ChatAnswer, ChatRequest, ProviderError, Target, WireFormat};

use crate::sources::{Extra, Sign};
use crate::{Adapter, EncodedRequest, FrameDecoder, Losses, Refusal, ResponseHead};

/// The adapter of DashScope's native generation API.
#[derive(Debug, Clone, Copy, Default)]
pub struct DashScopeGeneration;

impl Adapter for DashScopeGeneration {
    fn wire(&self) -> WireFormat {
        WireFormat::DashScopeGeneration
    }

    fn carries(&self, request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
        request::check(request, target)
    }

    fn encode(
        &self,
        request: &ChatRequest<'_>,
        target: &Target,
    ) -> Result<EncodedRequest, Refusal> {
        request::encode(request, target)
    }

    fn headers(&self, key: Option<&str>) -> SmallVec<[(&'static str, String); 3]> {
        key.map(|key| smallvec![("authorization", format!("Bearer {key}"))])
            .unwrap_or_default()
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
        const SIGNS: &[Sign] = &[
            Sign::key(Extra::Citations, "\"search_results\""),
            Sign::key(Extra::Images, "\"image\""),
            Sign::key(Extra::Audio, "\"audio\""),
        ];
        SIGNS
    }
}
