//! Wire formats of clients and providers, without I/O: bytes in, bytes and events out.
//!
//! A request comes in one client *dialect* ([`openai`], [`responses`], [`messages`],
//! [`completions`], [`embeddings`]), is parsed into the neutral
//! [`ChatRequest`], and leaves through the [`Adapter`] of the provider's wire format. The answer
//! comes back through the same adapter as a [`ChatAnswer`] or as [`StreamEvent`]s, and is written
//! in the client's dialect by a [`UnaryReply`] or a [`StreamReply`]. Where the dialect and the wire
//! format are the same, both forward the provider's bytes and only look for what must be metered.

mod adapter;
mod arguments;
mod assemble;
mod base64;
mod carry;
mod collect;
mod dialect;
mod json;
mod masked;
mod origin;
mod reply;
mod schema;
mod shared;
mod sound;
mod sources;
mod stream_reply;
mod turns;
mod unreadable;

pub mod anthropic;
pub mod classify;
pub mod cohere;
pub mod completions;
pub mod dashscope;
pub mod embeddings;
pub mod gemini;
pub mod messages;
pub mod openai;
pub mod responses;
pub mod sse;

pub use adapter::{
    Adapter, EncodedRequest, FrameDecoder, HeaderLookup, Losses, Refusal, ResponseHead, adapter,
};
pub use assemble::{Assembler, asks_for, delivered_as};
pub use carry::limit_field;
pub use dialect::{ClientDialect, ClientError, ModelEntry, client_dialect};
pub use reply::{ReplyContext, UnaryReply};
pub use responses::placed;
pub use sources::{Extra, Sign};
pub use stream_reply::{Progress, StreamReply};

pub use steelyard_types::{ChatAnswer, ChatRequest, StreamEvent};
