//! The neutral form of a chat request: what every client dialect parses into and every provider
//! format is written from.
//!
//! It borrows from the request's bytes. Numbers and schemas stay the JSON text they came as, so
//! that nothing is rounded, reordered or lost on the way.

use std::borrow::Cow;

use serde_json::value::RawValue;
use smallvec::SmallVec;

/// A chat request, borrowed from the body it was parsed from.
#[derive(Debug, Clone, Default)]
pub struct ChatRequest<'a> {
    /// What the client asked for: a route's or a model's name.
    pub model: Cow<'a, str>,
    /// The conversation, in order, system messages where the client put them.
    pub messages: Vec<Message<'a>>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether the client wants usage in the stream (`stream_options.include_usage`).
    pub include_usage: bool,
    /// Most tokens of the answer, reasoning included.
    pub max_output_tokens: Option<u64>,
    /// Sampling temperature as the client wrote it.
    pub temperature: Option<NumberText<'a>>,
    /// Nucleus sampling as the client wrote it.
    pub top_p: Option<NumberText<'a>>,
    /// Stop sequences; `None` where the field was absent, which is not the same as an empty list.
    pub stop: Option<SmallVec<[Cow<'a, str>; 4]>>,
    /// Functions that the model may call.
    pub tools: Vec<Tool<'a>>,
    /// How the model may choose among them.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether several calls in one answer are allowed; `None` leaves it to the provider.
    pub parallel_tool_calls: Option<bool>,
    /// Every top-level field of the body, in order and as received: providers that speak the
    /// client's dialect are sent these.
    pub fields: Vec<Field<'a>>,
    /// Names of top-level fields that carry meaning which this form has no word for (`seed`, `n`,
    /// `response_format`, unknown ones). Only a provider of the same dialect can carry them. Fields
    /// that are `null` are not listed: they say nothing.
    pub untranslated: Vec<Cow<'a, str>>,
}

/// A top-level field as received.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    /// The field's name, unescaped.
    pub name: Cow<'a, str>,
    /// Its value as JSON text.
    pub value: &'a RawValue,
}

/// The text of a JSON number. Kept as text so that `0.7` leaves as `0.7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberText<'a>(pub &'a str);

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Instructions.
    System,
    /// Instructions, OpenAI's newer word.
    Developer,
    /// The person, or the program that asks.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

/// One message.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// Who speaks.
    pub role: Role,
    /// What is said. Empty where the content was `null` or absent.
    pub content: SmallVec<[Part<'a>; 1]>,
    /// Calls that an assistant message makes.
    pub tool_calls: Vec<ToolCall<'a>>,
    /// For a tool message: the call that it answers.
    pub tool_call_id: Option<Cow<'a, str>>,
    /// Path of the first field in this message that carries meaning but has no word here
    /// (`messages[2].audio`), if any. Only a provider of the same dialect can carry it.
    pub untranslated: Option<String>,
}

impl<'a> Message<'a> {
    /// The pieces of text in this message.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.content.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_ref()),
            Part::Other { .. } => None,
        })
    }
}

/// A part of a message.
#[derive(Debug, Clone)]
pub enum Part<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// Anything that has no neutral form yet, such as an image.
    Other {
        /// The part's `type`.
        kind: Cow<'a, str>,
        /// The part as received.
        raw: &'a RawValue,
    },
}

/// A call of a tool in the history.
#[derive(Debug, Clone)]
pub struct ToolCall<'a> {
    /// Id that the result repeats.
    pub id: Cow<'a, str>,
    /// The function's name.
    pub name: Cow<'a, str>,
    /// Arguments as JSON text, as the model wrote them: possibly empty, possibly invalid.
    pub arguments: Cow<'a, str>,
}

/// A function that the model may call.
#[derive(Debug, Clone)]
pub struct Tool<'a> {
    /// The function's name.
    pub name: Cow<'a, str>,
    /// What it is for.
    pub description: Option<Cow<'a, str>>,
    /// JSON Schema of its arguments, as received; `None` means that it takes none.
    pub parameters: Option<&'a RawValue>,
    /// Whether the arguments must follow the schema strictly.
    pub strict: Option<bool>,
}

/// How the model may choose among the tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    /// As it sees fit.
    Auto,
    /// Not at all.
    None,
    /// At least one.
    Required,
    /// This one.
    Function(Cow<'a, str>),
}
