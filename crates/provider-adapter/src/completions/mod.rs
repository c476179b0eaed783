//! OpenAI's legacy completions as clients speak them: a prompt in, its continuation out.
//!
//! Every model behind the gateway is a chat model, so the prompt travels as one user message, and
//! the answer's text comes back as `text`. What only a model of bare text can do (`suffix`, `echo`,
//! `best_of`, log probabilities in this dialect's form, several prompts at once, prompts as tokens)
//! is refused by name. Thoughts have no place in this dialect and are not shown; their tokens are
//! counted in `usage`.

use steelyard_types::{ChatRequest, Dialect};

use crate::dialect::ClientDialect;
use crate::openai::RequestError;

mod as_chat;
mod request;
mod write;

pub use request::parse_completion_request;

pub(crate) use as_chat::{as_chat, as_chat_of_any_prompt};
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

    fn answer_id(&self, request_id: &str) -> String {
        format!("cmpl-{request_id}")
    }
}
