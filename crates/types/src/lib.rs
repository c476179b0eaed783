//! The words that every part of Steelyard speaks.
//!
//! Plain data without I/O, clocks or async: identifiers, tokens and usage, money and prices, the
//! neutral form of a chat request, the events of an answer, and the closed set of error kinds.
//! Everything else in the workspace depends on this crate; it depends on none of them.

mod answer;
mod chat;
mod embedding;
mod error;
mod event;
mod feature;
mod finish;
mod model;
mod output_factor;
mod time;
mod usage;
mod wire;

pub mod money;
pub mod price;

pub use answer::{AnswerToolCall, ChatAnswer, Thought};
pub use chat::{
    CacheMark, CachedPart, ChatRequest, Dialect, Document, Effort, Field, Grammar, Image,
    JsonSchema, Message, NumberText, OutputFormat, Part, ReasoningControl, ReasoningPart, Role,
    Source, Tool, ToolCall, ToolChoice, ToolKind,
};
pub use embedding::{Embedding, EmbeddingInputs};
pub use error::{ErrorKind, ProviderError};
pub use event::StreamEvent;
pub use feature::{Feature, FeatureSet};
pub use finish::FinishReason;
pub use model::{
    Delivery, MaxTokensField, ModelFacts, ReasoningField, ReasoningStyle, StructuredOutput, Target,
    ToolCallIds, UnknownFields, WireProfile,
};
pub use money::{AmountError, NanoUsd, PricePerMtok};
pub use output_factor::OutputFactor;
pub use price::{
    Cost, DailyWindow, PriceQuery, PriceRow, PriceTable, PriceTableError, Rates, ReasoningBilling,
    ReasoningRate, ServiceTier, Weekdays,
};
pub use time::UnixMillis;
pub use usage::Usage;
pub use wire::WireFormat;
