use std::sync::Arc;

use bytes::Bytes;
use steelyard_types::{ChatRequest, Dialect, ErrorKind};

use crate::openai::{self, RequestError};

/// One API that clients speak, as far as it differs from the others. What lies between its requests
/// and its answers is the same for all.
///
/// Errors and lists of models are OpenAI's unless a dialect says otherwise: its APIs share them.
pub trait ClientDialect: Send + Sync {
    /// The dialect that it is.
    fn dialect(&self) -> Dialect;

    /// Reads a request.
    ///
    /// # Errors
    /// Bodies that are not JSON, not an object, nested too deeply, or hold a field that is not what
    /// the dialect says. Fields that the dialect does not know are never an error.
    fn parse<'a>(&self, body: &'a [u8]) -> Result<ChatRequest<'a>, RequestError>;

    /// The status that a client is answered with. A provider's 401 or 403 is never the client's.
    fn status(&self, kind: ErrorKind) -> u16 {
        openai::status(kind)
    }

    /// The body of an error response.
    fn error_body(&self, error: &ClientError<'_>) -> Bytes {
        openai::error_body(error)
    }

    /// The last event of a stream that failed after it began.
    fn stream_error_frame(&self, error: &ClientError<'_>) -> Bytes {
        openai::stream_error_frame(error)
    }

    /// What says, in a stream that is otherwise silent, that it is still alive: proxies close
    /// connections on which nothing is sent for a minute or so.
    fn keep_alive(&self) -> Bytes {
        Bytes::from_static(b": keep-alive\n\n")
    }

    /// The id of an answer to the request of that id, where the provider's own is of another
    /// dialect.
    fn answer_id(&self, request_id: &str) -> String;

    /// What answers in this dialect repeat of their request, for [`crate::ReplyContext::echo`].
    fn echo(&self, _request: &ChatRequest<'_>) -> Option<Arc<str>> {
        None
    }

    /// The list of models, `created` in seconds since 1970.
    fn models_body(&self, models: &mut dyn Iterator<Item = ModelEntry<'_>>, created: i64) -> Bytes {
        openai::models_body(models.map(|model| (model.id, model.owner)), created)
    }

    /// One of them.
    fn model_body(&self, model: ModelEntry<'_>, created: i64) -> Bytes {
        openai::model_body(model.id, model.owner, created)
    }
}

/// A model or route that clients may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelEntry<'a> {
    /// The name.
    pub id: &'a str,
    /// Whose it is: the provider's name.
    pub owner: &'a str,
}

/// An error to be shown to a client.
#[derive(Debug, Clone, Copy)]
pub struct ClientError<'a> {
    /// What happened.
    pub kind: ErrorKind,
    /// What people are told.
    pub message: &'a str,
    /// The request field that is wrong, where one is.
    pub param: Option<&'a str>,
    /// A code that is more exact than the kind's own.
    pub code: Option<&'a str>,
    /// The id of the request, which some dialects repeat in the body.
    pub request_id: &'a str,
}

/// What is particular to a dialect. A new one is a module and one line here.
#[must_use]
pub fn client_dialect(dialect: Dialect) -> &'static dyn ClientDialect {
    match dialect {
        Dialect::OpenAiChat => &openai::OpenAiChat,
        Dialect::AnthropicMessages => &crate::messages::Messages,
        Dialect::OpenAiCompletions => &crate::completions::Completions,
        Dialect::OpenAiEmbeddings => &crate::embeddings::Embeddings,
        Dialect::OpenAiResponses => &crate::responses::Responses,
    }
}
