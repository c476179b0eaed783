//! OpenAI's legacy completions as clients speak them: a prompt in, its continuation out.
//!
//! Every model behind the gateway is a chat model, so the prompt travels as one user message, and
//! the answer's text comes back as `text`. What only a model of bare text can do (`suffix`, `echo`,
//! `best_of`, log probabilities in this dialect's form, several prompts or answers at once, prompts
//! as tokens) is refused by name. Thoughts have no place in this dialect and are not shown; their
//! tokens are counted in `usage`.

use bytes::Bytes;
use steelyard_types::{ChatRequest, Dialect, ErrorKind};

use crate::dialect::{ClientDialect, ClientError, ModelEntry};
use crate::openai::{self, RequestError};

mod as_chat;
mod request;
mod write;

pub use request::parse_completion_request;

pub(crate) use as_chat::as_chat;
pub(crate) use write::{TextWriter, answer_body};

/// The dialect of OpenAI's legacy completions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Completions;

impl ClientDialect for Completions {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiCompletions
    }

    fn parse<'a>(&self, body: &'a [u8]) -> Result<ChatRequest<'a>, RequestError> {
        parse_completion_request(body)
    }

    fn status(&self, kind: ErrorKind) -> u16 {
        openai::status(kind)
    }

    fn error_body(&self, error: &ClientError<'_>) -> Bytes {
        openai::error_body(error)
    }

    fn stream_error_frame(&self, error: &ClientError<'_>) -> Bytes {
        openai::stream_error_frame(error)
    }

    fn answer_id(&self, request_id: &str) -> String {
        format!("cmpl-{request_id}")
    }

    fn models_body(&self, models: &mut dyn Iterator<Item = ModelEntry<'_>>, created: i64) -> Bytes {
        openai::models_body(models.map(|model| (model.id, model.owner)), created)
    }

    fn model_body(&self, model: ModelEntry<'_>, created: i64) -> Bytes {
        openai::model_body(model.id, model.owner, created)
    }
}
