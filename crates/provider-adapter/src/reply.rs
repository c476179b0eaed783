//! Whole answers on their way back to the client.

use std::sync::Arc;

use bytes::Bytes;
use steelyard_types::{ChatAnswer, Dialect, FinishReason, ProviderError, Usage, WireFormat};

use crate::gemini::call_id;
use crate::sources::LeftBehind;
use crate::{
    Losses, ResponseHead, adapter, anthropic, completions, messages, openai, origin, responses,
};

/// What a reply must know of its request.
#[derive(Debug, Clone)]
pub struct ReplyContext {
    /// The dialect that the client speaks.
    pub dialect: Dialect,
    /// Id made by the gateway ([`crate::ClientDialect::answer_id`]), used where the provider gives
    /// none or another dialect's.
    pub id: String,
    /// When the answer began, in seconds since 1970.
    pub created: i64,
    /// The model's name at its provider, used where the answer names none.
    pub upstream_model: Arc<str>,
    /// Whether the client asked for usage in its stream.
    pub include_usage: bool,
    /// Whether the client knows calls in their deprecated form alone
    /// ([`ChatRequest::has_functions`](steelyard_types::ChatRequest::has_functions)).
    pub function_call: bool,
    /// What the answer repeats of its request ([`crate::ClientDialect::echo`]): members of a JSON
    /// object as text, without its braces.
    pub echo: Option<Arc<str>>,
}

/// A whole answer, ready for the client.
#[derive(Debug, Clone)]
pub struct UnaryReply {
    /// The body in the client's dialect: the provider's own bytes where it speaks the same.
    pub body: Bytes,
    /// What the answer used, where the provider says so.
    pub usage: Option<Usage>,
    /// Why it ended.
    pub finish: Option<FinishReason>,
    /// Whether the client would see nothing, as [`steelyard_types::ChatAnswer::is_empty`].
    pub empty: bool,
    /// What of the answer stayed behind in the conversion, by the client's words.
    pub lost: Losses,
}

impl UnaryReply {
    /// Reads a provider's answer with a 2xx status.
    ///
    /// # Errors
    /// An error object inside the 200, a blocked prompt, or a body that is not an answer.
    pub fn read(
        wire: WireFormat,
        head: &ResponseHead<'_>,
        body: Bytes,
        context: &ReplyContext,
    ) -> Result<Self, ProviderError> {
        let through = |usage, finish, empty| Self {
            body: body.clone(),
            usage,
            finish,
            empty,
            lost: Losses::none(),
        };
        match (context.dialect, wire) {
            (Dialect::OpenAiChat, WireFormat::OpenAiChat) => {
                let seen = openai::look(&body)?;
                let mut reply = through(seen.usage, seen.finish, seen.empty);
                let text = std::str::from_utf8(&body).ok().filter(|_| seen.listed);
                let plain = |text| openai::Plain::new(&context.upstream_model).written(text);
                if let Some((text, plain)) = text.and_then(|text| Some((text, plain(text)?))) {
                    let mut left = LeftBehind::default();
                    left.look_rewritten(wire, text, &plain);
                    reply.lost = left.losses(context.dialect);
                    reply.body = Bytes::from(plain);
                }
                let calls = context.function_call && seen.calls;
                let text = std::str::from_utf8(&reply.body).ok().filter(|_| calls);
                if let Some(told) = text.and_then(openai::with_function_call) {
                    reply.body = Bytes::from(told);
                }
                return Ok(reply);
            }
            (Dialect::AnthropicMessages, WireFormat::AnthropicMessages) => {
                let seen = anthropic::look(head, &body)?;
                let mark = origin::mark(wire, &context.upstream_model);
                return Ok(Self {
                    body: anthropic::marked::answer(&body, &mark),
                    ..through(seen.usage, seen.finish, seen.empty)
                });
            }
            (Dialect::OpenAiResponses, WireFormat::OpenAiResponses) => {
                let seen = responses::look(&body)?;
                let mark = origin::mark(wire, &context.upstream_model);
                return Ok(Self {
                    body: responses::marked::answer(&body, &mark),
                    ..through(seen.usage, seen.finish, seen.empty)
                });
            }
            _ => {}
        }
        let answer = adapter(wire).decode(head, &body)?;
        let mut left = LeftBehind::default();
        left.look(wire, std::str::from_utf8(&body).unwrap_or_default());
        Ok(Self {
            lost: left.losses(context.dialect),
            ..Self::write(answer, wire, context)
        })
    }

    /// Writes an answer of a provider of that format in the client's dialect.
    pub(crate) fn write(mut answer: ChatAnswer, wire: WireFormat, context: &ReplyContext) -> Self {
        let all = std::iter::once(&mut answer.reasoning)
            .chain(answer.further.iter_mut().map(|one| &mut one.reasoning));
        for thought in all.flatten() {
            let proofs = [&mut thought.signature, &mut thought.redacted];
            for proof in proofs.into_iter().flatten() {
                *proof = origin::seal(wire, &context.upstream_model, proof);
            }
        }
        let mark = origin::mark(wire, &context.upstream_model);
        let calls = std::iter::once(&mut answer.tool_calls)
            .chain(answer.further.iter_mut().map(|one| &mut one.tool_calls));
        for call in calls.flatten() {
            if let Some(sealed) = call_id::sealed(&call.id, &mark) {
                call.id = sealed;
            }
        }
        let write = match context.dialect {
            // Vectors are no chat and never get here.
            Dialect::OpenAiChat | Dialect::OpenAiEmbeddings => openai::answer_body,
            Dialect::AnthropicMessages => messages::answer_body,
            Dialect::OpenAiCompletions => completions::answer_body,
            Dialect::OpenAiResponses => responses::answer_body,
        };
        Self {
            body: write(&answer, context),
            usage: answer.usage,
            finish: answer.finish,
            empty: answer.is_empty(),
            lost: Losses::none(),
        }
    }
}
