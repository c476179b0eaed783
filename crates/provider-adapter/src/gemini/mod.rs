//! Google Gemini (`POST /v1beta/models/{model}:generateContent`, `:streamGenerateContent?alt=sse`).
//!
//! # Thought signatures
//! Gemini signs its function calls, and Gemini 3 refuses a history in which the signature of a call
//! is missing. Clients of the OpenAI dialect keep a call's id and little else, so the signature
//! travels in it: `<id>~ts~<signature>`, unpacked again when the call comes back ([`call_id`]).
//! Signatures longer than 16 KiB are not carried. A call of Gemini 3's current turn that has none,
//! because another model made it, gets the placeholder that Google documents.
//!
//! It signs parts of text too, and those signatures return on their part (`signed.rs`). The text of
//! thoughts is not sent back: it is a summary for people. Signatures on the traces of Gemini's own
//! tools are left out with them.
//!
//! # What is sent
//! Instructions are hoisted into `systemInstruction`. Pictures, documents and sound are described in
//! `request/media.rs`, reasoning and the form of the answer in `request/config.rs`. Pictures of a
//! tool's result stand in the `functionResponse` from Gemini 3 on, before that behind the responses
//! of the same turn. Several answers (`n`) are asked for without streaming only.
//!
//! # What is read
//! Answers without a `finishReason` that a client has a word for (`MALFORMED_FUNCTION_CALL`,
//! `OTHER`...) are errors, so that another model can be tried; so are pictures and sound, for which
//! no client's dialect has a place in an answer. The traces of Gemini's own tools
//! (`executableCode`, `codeExecutionResult`, `toolCall`, `toolResponse`) are left out: what came of
//! them is in the text. Of a stream only the first candidate is read.

pub mod call_id;

mod error;
mod logprobs;
mod partial_arguments;
mod request;
mod response;
pub(crate) mod signed;
mod stream;
mod usage;

use smallvec::{SmallVec, smallvec};
use steelyard_types::{ChatAnswer, ChatRequest, ProviderError, Target, WireFormat};

use crate::sources::{Extra, Sign};
use crate::{Adapter, EncodedRequest, FrameDecoder, Losses, Refusal, ResponseHead};

/// The adapter of Gemini's `generateContent`.
#[derive(Debug, Clone, Copy, Default)]
pub struct GeminiGenerateContent;

impl Adapter for GeminiGenerateContent {
    fn wire(&self) -> WireFormat {
        WireFormat::GeminiGenerateContent
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
        // The key could go into the URL as well, but URLs are logged.
        key.map(|key| smallvec![("x-goog-api-key", key.to_owned())])
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
            Sign::key(Extra::Citations, "\"groundingChunks\""),
            Sign::key(Extra::Citations, "\"citationMetadata\""),
            Sign::key(Extra::Code, "\"executableCode\""),
            Sign::key(Extra::Code, "\"codeExecutionResult\""),
            Sign::media(Extra::Images, "\"inlineData\""),
            Sign::media(Extra::Images, "\"fileData\""),
            Sign::media(Extra::Audio, "\"inlineData\""),
            Sign::media(Extra::Audio, "\"fileData\""),
            Sign::media(Extra::Documents, "\"inlineData\""),
            Sign::media(Extra::Documents, "\"fileData\""),
        ];
        SIGNS
    }
}
