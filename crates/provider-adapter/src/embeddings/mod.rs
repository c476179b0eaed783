//! OpenAI embeddings as clients speak them, and the providers' ways to make vectors.
//!
//! A model that makes embeddings does nothing else, so it has an adapter of its own for its
//! provider's wire format: [`adapter`]. Providers of OpenAI's format are sent the client's fields as
//! received and their bytes come back as they are; for Gemini and DashScope both are converted.
//! Vectors are passed on digit by digit; those that are converted are looked at, so that a client gets
//! lists of numbers or an error.

use bytes::Bytes;
use smallvec::SmallVec;
use steelyard_types::{
    ChatAnswer, ChatRequest, Dialect, Embedding, ErrorKind, FinishReason, ProviderError, Target,
    Usage, WireFormat,
};

use crate::carry::refuse;
use crate::dialect::ClientDialect;
use crate::openai::RequestError;
use crate::{
    Adapter, EncodedRequest, FrameDecoder, Losses, Refusal, ReplyContext, ResponseHead, UnaryReply,
};

mod dashscope;
mod gemini;
mod openai_format;
mod request;
mod vector;
mod write;

pub use request::parse_embedding_request;

macro_rules! registry {
    ($($format:ident $name:literal, $module:ident::$adapter:ident, $kind:ident $word:literal $address:expr;)*) => {
        /// The adapter of models that make embeddings, for a wire format. Where there are none
        /// ([`WireFormat::has_embeddings`]) it refuses every request.
        #[must_use]
        pub fn adapter(wire: WireFormat) -> &'static dyn Adapter {
            match wire {
                $(WireFormat::$format => &Vectors(WireFormat::$format),)*
            }
        }
    };
}

steelyard_types::wire_formats!(registry);

/// What a provider answered, before the client's form is written.
struct Made<'a> {
    /// The model that the provider says made them, empty where it says nothing.
    model: String,
    /// The vectors in the order of the inputs, each the JSON text of a list.
    vectors: Vec<&'a str>,
    /// What they took, where the provider says so.
    usage: Option<Usage>,
}

/// What the client is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// How many vectors.
    pub count: usize,
    /// Whether as base64.
    pub base64: bool,
}

impl Wanted {
    /// What a request for embeddings wants; `None` for a chat.
    #[must_use]
    pub fn of(request: &ChatRequest<'_>) -> Option<Self> {
        let embedding = request.embedding.as_ref()?;
        Some(Self {
            count: embedding.inputs.count(),
            base64: embedding.base64,
        })
    }
}

/// Reads a provider's answer with a 2xx status and writes the client's.
///
/// # Errors
/// A body that is not an answer, or has another number of vectors than there were inputs.
pub fn read(
    wire: WireFormat,
    head: &ResponseHead<'_>,
    body: Bytes,
    context: &ReplyContext,
    wanted: Wanted,
) -> Result<UnaryReply, ProviderError> {
    let (body, usage) = match wire {
        WireFormat::OpenAiChat => {
            let seen = openai_format::look(head, &body)?;
            check_count(seen.count, wanted.count)?;
            (body, seen.usage)
        }
        _ => {
            let made = made(wire, head, &body)?;
            check_count(made.vectors.len(), wanted.count)?;
            let written = write::answer_body(&made, context, wanted.base64)?;
            (written, made.usage)
        }
    };
    Ok(UnaryReply {
        body,
        usage,
        // Asking again would give the same.
        finish: Some(FinishReason::Stop),
        empty: false,
        lost: Losses::none(),
    })
}

fn made<'a>(
    wire: WireFormat,
    head: &ResponseHead<'_>,
    body: &'a [u8],
) -> Result<Made<'a>, ProviderError> {
    match wire {
        WireFormat::GeminiGenerateContent => gemini::read(body),
        WireFormat::DashScopeGeneration => dashscope::read(body),
        _ => Err(crate::adapter(wire).decode_error(head, body)),
    }
}

fn check_count(found: usize, wanted: usize) -> Result<(), ProviderError> {
    if found == wanted {
        return Ok(());
    }
    let message = format!("the answer holds {found} vectors for {wanted} inputs");
    Err(ProviderError::new(ErrorKind::InvalidAnswer, message))
}

fn unreadable(error: &serde_json::Error) -> ProviderError {
    let message = format!("the answer cannot be read: {error}");
    ProviderError::new(ErrorKind::InvalidAnswer, message)
}

/// What a request asks of an embedding model.
fn asked<'r, 'a>(
    request: &'r ChatRequest<'a>,
    target: &Target,
) -> Result<&'r Embedding<'a>, Refusal> {
    request.embedding.as_deref().ok_or_else(|| {
        let reason = format!(
            "asks for a chat, and {} makes only embeddings",
            target.upstream
        );
        refuse("model", reason)
    })
}

/// The adapter of embedding models of that wire format.
#[derive(Debug, Clone, Copy)]
struct Vectors(WireFormat);

impl Adapter for Vectors {
    fn wire(&self) -> WireFormat {
        self.0
    }

    fn carries(&self, request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
        let embedding = asked(request, target)?;
        match self.0 {
            WireFormat::OpenAiChat => openai_format::check(request, target),
            WireFormat::GeminiGenerateContent => gemini::check(request, embedding),
            WireFormat::DashScopeGeneration => dashscope::check(request, embedding),
            _ => {
                let reason = "asks for embeddings, which are not carried to this provider";
                Err(refuse("input", reason))
            }
        }
    }

    fn encode(
        &self,
        request: &ChatRequest<'_>,
        target: &Target,
    ) -> Result<EncodedRequest, Refusal> {
        let lossy = self.carries(request, target)?;
        let embedding = asked(request, target)?;
        let (path, body) = match self.0 {
            WireFormat::GeminiGenerateContent => gemini::write(embedding, target)?,
            WireFormat::DashScopeGeneration => dashscope::write(embedding, target)?,
            // `carries` has refused the formats that have none.
            _ => openai_format::write(request, target),
        };
        Ok(EncodedRequest {
            path,
            headers: SmallVec::new(),
            body,
            lossy,
        })
    }

    fn headers(&self, key: Option<&str>) -> SmallVec<[(&'static str, String); 3]> {
        crate::adapter(self.0).headers(key)
    }

    /// What the answer used and who gave it: vectors have no place in a chat's answer, [`read`]
    /// gives them.
    fn decode(&self, head: &ResponseHead<'_>, body: &[u8]) -> Result<ChatAnswer, ProviderError> {
        let (model, usage) = match self.0 {
            WireFormat::OpenAiChat => (String::new(), openai_format::look(head, body)?.usage),
            wire => {
                let made = made(wire, head, body)?;
                (made.model, made.usage)
            }
        };
        Ok(ChatAnswer {
            model,
            usage,
            finish: Some(FinishReason::Stop),
            ..ChatAnswer::default()
        })
    }

    fn decode_error(&self, head: &ResponseHead<'_>, body: &[u8]) -> ProviderError {
        crate::adapter(self.0).decode_error(head, body)
    }

    /// Embeddings are never streamed; an error that comes as a stream is read as a chat's.
    fn stream_decoder(&self) -> Box<dyn FrameDecoder> {
        crate::adapter(self.0).stream_decoder()
    }
}

/// The dialect of OpenAI's embeddings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Embeddings;

impl ClientDialect for Embeddings {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiEmbeddings
    }

    fn parse<'a>(&self, body: &'a [u8]) -> Result<ChatRequest<'a>, RequestError> {
        parse_embedding_request(body)
    }

    fn answer_id(&self, request_id: &str) -> String {
        format!("embd-{request_id}")
    }
}

#[cfg(test)]
mod tests;
