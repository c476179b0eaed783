//! OpenAI's Responses API: a dialect of clients and a wire format of providers.
//!
//! A conversation is a list of *items* here: messages, calls of functions, their outputs, and
//! reasoning. In the neutral form the items of one answer are one message of the assistant.
//!
//! Nothing is stored: requests that name what was stored before (`previous_response_id`,
//! `conversation`, `item_reference`) are refused, and what was written for a client says
//! `"store": false`. Thoughts therefore travel in `encrypted_content`: signatures of the model as
//! they are, thoughts that only their provider can read behind a word of our own
//! (`REDACTED`). What an answer cost stands in the last response object of a stream, under
//! `steelyard`.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use steelyard_types::{ChatAnswer, ChatRequest, Dialect, ProviderError, Target, WireFormat};

use crate::carry;
use crate::dialect::{ClientDialect, ClientError};
use crate::openai::request::{object, says_nothing};
use crate::openai::{self, OpenAiChat, RequestError};
use crate::sources::{Extra, Sign};
use crate::{Adapter, EncodedRequest, FrameDecoder, Losses, Refusal, ResponseHead};

mod answer;
mod convert;
mod echo;
mod error_body;
mod events;
pub(crate) mod marked;
mod own;
mod passed;
mod place;
mod request;
mod shape;
mod stream;
mod write;

pub use place::placed;
pub use request::parse_responses_request;

pub(crate) use answer::look;
pub(crate) use events::ItemWriter;
pub(crate) use passed::Passed;

pub(crate) use stream::EventDecoder;
pub(crate) use write::answer_body;

/// The endpoint behind the base URL, which ends in the API's version.
const PATH: &str = "/responses";

/// What stands in front of thoughts in `encrypted_content` that only their provider can read
/// (Anthropic's `redacted_thinking`), to tell them from a signature.
const REDACTED: &str = "redacted:";

/// As [`crate::carry`]'s hints: fields of this dialect alone that change nothing in what is asked.
///
/// `max_tool_calls` limits the calls of built-in tools, which are refused by themselves;
/// `top_logprobs` stands here where `include` asks for none.
pub(crate) const HINTS: [&str; 9] = [
    "text.verbosity",
    "truncation",
    "reasoning.context",
    "reasoning.summary",
    "max_tool_calls",
    "input.annotations",
    "input.phase",
    "input_file.detail",
    "top_logprobs",
];

/// Whether the client asks in this dialect to be shown what the model thinks.
pub(crate) fn asks_for_thoughts(request: &ChatRequest<'_>) -> bool {
    let mut fields = request.fields.iter();
    let reasoning = fields.find(|field| field.name == "reasoning");
    let members = reasoning.and_then(|field| object(field.value).ok());
    let is_asked = |(name, value): &(Cow<'_, str>, &RawValue)| {
        matches!(name.as_ref(), "summary" | "generate_summary") && !says_nothing(value)
    };
    request.dialect == Dialect::OpenAiResponses
        && members.is_some_and(|members| members.iter().any(is_asked))
}

/// The word of this dialect for a field of OpenAI's chat completions.
pub(crate) fn named(chat: &'static str) -> &'static str {
    match chat {
        "response_format" => "text.format",
        "reasoning_effort" => "reasoning",
        "messages.reasoning" => "input.reasoning",
        "messages.content" => "input.content",
        "response_format.json_schema.schema" => "text.format.schema",
        "function.name" => "name",
        "file.filename" => "input_file.filename",
        "messages" => "input",
        "max_tokens" | "max_completion_tokens" => "max_output_tokens",
        "image_url.detail" => "input_image.detail",
        "cache_control" => "prompt_cache_breakpoint",
        other => other,
    }
}

/// As [`named`], for fields whose names are not all known.
fn named_or_same(field: &str) -> &str {
    match field {
        "response_format" => "text.format",
        "reasoning_effort" => "reasoning",
        "max_tokens" | "max_completion_tokens" => "max_output_tokens",
        field if field.starts_with("messages") => "input",
        field => field,
    }
}

/// The dialect of clients and the adapter for providers of this format.
#[derive(Debug, Clone, Copy, Default)]
pub struct Responses;

impl Adapter for Responses {
    fn wire(&self) -> WireFormat {
        WireFormat::OpenAiResponses
    }

    fn carries(&self, request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
        match request.dialect {
            Dialect::OpenAiResponses => own::check(request, target),
            Dialect::OpenAiEmbeddings => {
                carry::check_is_chat(request, target).map(|()| Losses::none())
            }
            Dialect::OpenAiChat | Dialect::AnthropicMessages | Dialect::OpenAiCompletions => {
                convert::check(request, target)
            }
        }
    }

    fn encode(
        &self,
        request: &ChatRequest<'_>,
        target: &Target,
    ) -> Result<EncodedRequest, Refusal> {
        match request.dialect {
            Dialect::OpenAiResponses => own::encode(request, target),
            _ => convert::encode(request, target),
        }
    }

    fn headers(&self, key: Option<&str>) -> SmallVec<[(&'static str, String); 3]> {
        OpenAiChat.headers(key)
    }

    fn decode(&self, _head: &ResponseHead<'_>, body: &[u8]) -> Result<ChatAnswer, ProviderError> {
        answer::decode(body)
    }

    fn decode_error(&self, head: &ResponseHead<'_>, body: &[u8]) -> ProviderError {
        openai::decode_error(head, body)
    }

    fn stream_decoder(&self) -> Box<dyn FrameDecoder> {
        Box::new(EventDecoder::default())
    }

    fn signs_of_extras(&self) -> &'static [Sign] {
        const SIGNS: &[Sign] = &[
            Sign::word(Extra::Citations, "\"url_citation\""),
            Sign::word(Extra::Citations, "\"file_citation\""),
        ];
        SIGNS
    }
}

impl ClientDialect for Responses {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiResponses
    }

    fn parse<'a>(&self, body: &'a [u8]) -> Result<ChatRequest<'a>, RequestError> {
        parse_responses_request(body)
    }

    fn stream_error_frame(&self, error: &ClientError<'_>) -> Bytes {
        error_body::stream_error_frame(error, 0)
    }

    fn answer_id(&self, request_id: &str) -> String {
        format!("resp_{request_id}")
    }

    fn echo(&self, request: &ChatRequest<'_>) -> Option<Arc<str>> {
        Some(echo::echo(request))
    }
}
