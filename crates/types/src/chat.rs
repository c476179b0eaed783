//! The neutral form of a chat request: what every client dialect parses into and every provider
//! format is written from.
//!
//! It borrows from the request's bytes. Numbers and schemas stay the JSON text they came as, so
//! that nothing is rounded, reordered or lost on the way.

use std::borrow::Cow;

use serde_json::value::RawValue;
use smallvec::SmallVec;

use crate::Embedding;

/// A chat request, borrowed from the body it was parsed from.
#[derive(Debug, Clone, Default)]
pub struct ChatRequest<'a> {
    /// The dialect that the client speaks, and so the one that `fields` are in.
    pub dialect: Dialect,
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
    /// Sampling from this many of the likeliest tokens, as the client wrote it.
    pub top_k: Option<NumberText<'a>>,
    /// Seed of the sampling, as the client wrote it.
    pub seed: Option<NumberText<'a>>,
    /// Penalty for tokens that were there already, as the client wrote it.
    pub presence_penalty: Option<NumberText<'a>>,
    /// Penalty for tokens by how often they were there, as the client wrote it.
    pub frequency_penalty: Option<NumberText<'a>>,
    /// How many answers are wanted.
    pub n: Option<u64>,
    /// Whether the answer is to tell how likely its tokens were.
    pub logprobs: Option<bool>,
    /// How many of the likeliest tokens it is to tell at each position.
    pub top_logprobs: Option<u64>,
    /// What the answer must be.
    pub format: OutputFormat<'a>,
    /// How much the model is to reason; `None` leaves it to the provider.
    pub reasoning: Option<ReasoningControl>,
    /// Whom the client asks for, in its own words: an opaque id that providers use against abuse
    /// (OpenAI's `user`, Anthropic's `metadata.user_id`).
    pub end_user: Option<Cow<'a, str>>,
    /// What the client wants kept beside the request; it changes nothing in the answer.
    pub metadata: Option<&'a RawValue>,
    /// The class of service, in the client's dialect.
    pub service_tier: Option<Cow<'a, str>>,
    /// Stop sequences; `None` where the field was absent, which is not the same as an empty list.
    pub stop: Option<SmallVec<[Cow<'a, str>; 4]>>,
    /// Functions and custom tools that the model may call.
    pub tools: Vec<Tool<'a>>,
    /// Functions that are declared with those and may not be called this time, each with its place
    /// among all of them. Most formats are not told of them; those that have a word for it (OpenAI's
    /// `allowed_tools`) can be, so that the prompt stays the one that is cached.
    pub withheld_tools: Vec<(usize, Tool<'a>)>,
    /// How the model may choose among them.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether several calls in one answer are allowed; `None` leaves it to the provider.
    pub parallel_tool_calls: Option<bool>,
    /// Where the provider is to mark the end of what it caches, if not in a message or a tool: at
    /// the end of the prompt.
    pub cache: Option<CacheMark>,
    /// What is to be turned into vectors, where that is asked instead of a chat.
    pub embedding: Option<Box<Embedding<'a>>>,
    /// Every top-level field of the body, in order and as received: providers that speak the
    /// client's dialect are sent these.
    pub fields: Vec<Field<'a>>,
    /// Names of top-level fields that carry meaning which this form has no word for (`logit_bias`,
    /// `audio`, unknown ones). Only a provider of the same dialect can carry them. Fields that are
    /// `null` are not listed: they say nothing.
    pub untranslated: Vec<Cow<'a, str>>,
}

/// The API that a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// OpenAI chat completions.
    #[default]
    OpenAiChat,
    /// Anthropic Messages.
    AnthropicMessages,
    /// OpenAI's legacy completions: a prompt instead of messages.
    OpenAiCompletions,
    /// OpenAI embeddings: vectors instead of an answer.
    OpenAiEmbeddings,
    /// OpenAI Responses.
    OpenAiResponses,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::OpenAiChat,
        Self::AnthropicMessages,
        Self::OpenAiCompletions,
        Self::OpenAiEmbeddings,
        Self::OpenAiResponses,
    ];

    /// A short name for logs, labels and keys of caches.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai_chat",
            Self::AnthropicMessages => "anthropic_messages",
            Self::OpenAiResponses => "openai_responses",
            Self::OpenAiCompletions => "openai_completions",
            Self::OpenAiEmbeddings => "openai_embeddings",
        }
    }
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

impl ChatRequest<'_> {
    /// Whether the conversation ends with words of the model that it is to go on from.
    #[must_use]
    pub fn has_prefill(&self) -> bool {
        self.messages
            .last()
            .is_some_and(|last| last.role == Role::Assistant && last.tool_calls.is_empty())
    }

    /// Whether the tools came as OpenAI's deprecated `functions`, whose users look for one
    /// `function_call` in the answer and know no `tool_calls`.
    #[must_use]
    pub fn has_functions(&self) -> bool {
        self.dialect == Dialect::OpenAiChat
            && !self.tools.is_empty()
            && self.fields.iter().any(|field| {
                let inside = field
                    .value
                    .get()
                    .trim_matches(['[', ']', ' ', '\n', '\r', '\t']);
                field.name == FUNCTIONS && !matches!(inside, "" | "null")
            })
            && !self.untranslated.iter().any(|field| field == FUNCTIONS)
    }
}

/// The deprecated field for tools, which is untranslated where it stands beside the newer one.
const FUNCTIONS: &str = "functions";

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
    /// For a tool message: whether the tool failed.
    pub is_error: bool,
    /// Parts of the content after which the provider is to mark the end of what it caches.
    pub cache: SmallVec<[CachedPart; 1]>,
    /// Path of the first field in this message that carries meaning but has no word here
    /// (`messages[2].audio`), if any. Only a provider of the same dialect can carry it.
    pub untranslated: Option<String>,
}

impl Message<'_> {
    /// A message of this role that says nothing yet.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Self {
            role,
            content: SmallVec::new(),
            tool_calls: Vec::new(),
            tool_call_id: None,
            is_error: false,
            cache: SmallVec::new(),
            untranslated: None,
        }
    }

    /// Whether this is a turn of the assistant in which nothing is said and nothing called, whatever
    /// was thought: an answer that was filtered, or cut off while the model thought.
    #[must_use]
    pub fn is_empty_turn(&self) -> bool {
        let says_nothing = |part: &Part<'_>| match part {
            Part::Text(text) | Part::Refusal(text) => text.is_empty(),
            Part::Reasoning(_) => true,
            Part::Image(_) | Part::Document(_) | Part::Other { .. } => false,
        };
        self.role == Role::Assistant
            && self.untranslated.is_none()
            && self.tool_calls.is_empty()
            && self.content.iter().all(says_nothing)
    }

    /// The pieces of text in this message. A refusal is what its model said.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.content.iter().filter_map(|part| match part {
            Part::Text(text) | Part::Refusal(text) => Some(text.as_ref()),
            _ => None,
        })
    }
}

/// A part of a message.
#[derive(Debug, Clone)]
pub enum Part<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// A picture.
    Image(Image<'a>),
    /// A document, such as a PDF.
    Document(Document<'a>),
    /// What the model thought before it answered.
    Reasoning(ReasoningPart<'a>),
    /// The text in which the model declined.
    Refusal(Cow<'a, str>),
    /// Anything that has no neutral form, such as sound.
    Other {
        /// The part's `type`.
        kind: Cow<'a, str>,
        /// The part as received.
        raw: &'a RawValue,
    },
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image<'a> {
    /// Where its bytes are.
    pub source: Source<'a>,
    /// How closely it is to be looked at, in OpenAI's words (`low`, `high`); `None` and `auto`
    /// leave it to the provider.
    pub detail: Option<Cow<'a, str>>,
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<'a> {
    /// Where its bytes are.
    pub source: Source<'a>,
    /// Its name, where the client gave one.
    pub name: Option<Cow<'a, str>>,
}

/// Where the bytes of a part are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<'a> {
    /// At this address, from where the provider fetches them. The gateway never does.
    Url(Cow<'a, str>),
    /// Here.
    Base64 {
        /// Their kind without parameters: `image/png`.
        media_type: Cow<'a, str>,
        /// The bytes in base64.
        data: Cow<'a, str>,
    },
}

/// What the model thought, as its provider told it. Only the model that wrote it can use the
/// signature.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReasoningPart<'a> {
    /// The thoughts; empty where the provider keeps them.
    pub text: Cow<'a, str>,
    /// The provider's proof that the thoughts are its model's.
    pub signature: Option<Cow<'a, str>>,
    /// Thoughts that only the provider can read (Anthropic's `redacted_thinking.data`).
    pub redacted: Option<Cow<'a, str>>,
}

/// A mark that what stands before it is to be cached by the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheMark {
    /// Whether it is to be kept for an hour instead of the provider's default.
    pub one_hour: bool,
}

/// A mark after a part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CachedPart {
    /// Position of the part in the content; behind the last part, the position among the calls
    /// plus the number of parts.
    pub position: usize,
    /// The mark.
    pub mark: CacheMark,
}

/// What an answer must be.
#[derive(Debug, Clone, Default)]
pub enum OutputFormat<'a> {
    /// Text.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema(JsonSchema<'a>),
}

/// The schema that an answer must follow.
#[derive(Debug, Clone)]
pub struct JsonSchema<'a> {
    /// Its name, where the dialect has one.
    pub name: Option<Cow<'a, str>>,
    /// What it is for.
    pub description: Option<Cow<'a, str>>,
    /// The JSON Schema as received; `None` means any object.
    pub schema: Option<&'a RawValue>,
    /// Whether it must be followed strictly.
    pub strict: Option<bool>,
}

/// How much the model is to reason. Without effort and budget it reasons as it sees fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ReasoningControl {
    /// How hard it is to think.
    pub effort: Option<Effort>,
    /// Most tokens of reasoning.
    pub budget_tokens: Option<u64>,
}

impl ReasoningControl {
    /// How hard it is to think in one word: as said, else as the budget allows; a model that
    /// reasons as it sees fit thinks some.
    #[must_use]
    pub fn asked_effort(self) -> Effort {
        self.effort
            .or_else(|| self.budget_tokens.map(Effort::of_budget))
            .unwrap_or(Effort::Medium)
    }
}

/// How hard a model is to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as it can.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// Very much.
    XHigh,
    /// As much as it can.
    Max,
}

impl Effort {
    /// All of them, from none to most.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Minimal,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::XHigh,
        Self::Max,
    ];

    /// The word in OpenAI's and Anthropic's dialects.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.as_str() == word)
    }

    /// The effort whose usual length a budget of tokens is. A CHOICE: providers publish no lengths.
    #[must_use]
    pub fn of_budget(tokens: u64) -> Self {
        match tokens {
            0 => Self::None,
            1..4_096 => Self::Low,
            4_096..16_384 => Self::Medium,
            _ => Self::High,
        }
    }
}

/// A call of a tool in the history.
#[derive(Debug, Clone)]
pub struct ToolCall<'a> {
    /// Id that the result repeats.
    pub id: Cow<'a, str>,
    /// What is called.
    pub kind: ToolKind,
    /// The tool's name.
    pub name: Cow<'a, str>,
    /// Arguments as JSON text, as the model wrote them: possibly empty, possibly invalid. Those of a
    /// custom tool are its input, which is any text.
    pub arguments: Cow<'a, str>,
}

/// What a tool takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ToolKind {
    /// Arguments by a JSON schema: a function.
    #[default]
    Function,
    /// Free text, any or of a grammar: OpenAI's custom tools, which nobody else has.
    Custom,
}

/// The language that the input of a custom tool is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grammar<'a> {
    /// How it is written: `lark` or `regex`.
    pub syntax: Cow<'a, str>,
    /// What it allows.
    pub definition: Cow<'a, str>,
}

/// A function, or another tool of the client's, that the model may call.
#[derive(Debug, Clone, Default)]
pub struct Tool<'a> {
    /// What it takes.
    pub kind: ToolKind,
    /// The tool's name.
    pub name: Cow<'a, str>,
    /// What it is for.
    pub description: Option<Cow<'a, str>>,
    /// JSON Schema of its arguments, as received; `None` means that it takes none.
    pub parameters: Option<&'a RawValue>,
    /// Whether the arguments must follow the schema strictly.
    pub strict: Option<bool>,
    /// For a custom tool: what its input is; `None` means any text.
    pub grammar: Option<Grammar<'a>>,
    /// Whether the provider is to mark the end of what it caches after this tool.
    pub cache: Option<CacheMark>,
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
    /// This function.
    Function(Cow<'a, str>),
    /// This custom tool.
    Custom(Cow<'a, str>),
}
