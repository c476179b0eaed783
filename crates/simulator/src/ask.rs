//! What a request asks for, whichever provider's form it came in.

use serde_json::Value;

/// A tool that the model may call.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) name: String,
    /// JSON Schema of the arguments, null where none was given.
    pub(crate) parameters: Value,
    /// Whether it takes free text instead: a custom tool of OpenAI's.
    pub(crate) custom: bool,
}

/// Whether the model may, must or must not call functions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    #[default]
    Auto,
    None,
    Required,
    Named(String),
}

/// A request that the provider would accept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// The last text that the user wrote, markers included.
    pub(crate) last_user: String,
    /// Tokens of the whole prompt, tools included.
    pub(crate) prompt_tokens: u64,
    pub(crate) offers: Vec<Offer>,
    pub(crate) choice: Choice,
    pub(crate) one_call_only: bool,
    /// What the functions returned since the user last wrote.
    pub(crate) results: Vec<String>,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) stops: Vec<String>,
    /// What is seen of the pictures in the prompt, in order, those in results of functions too.
    pub(crate) pictures: Vec<String>,
    /// The model reasons before it answers.
    pub(crate) reasons: bool,
    /// The answer must be JSON, of this schema where it is an object.
    pub(crate) json: Option<Value>,
    /// Tokens written to the provider's cache on request (Anthropic's `cache_control`).
    pub(crate) cache_write_tokens: u64,
    /// Those of them that are kept for an hour.
    pub(crate) cache_write_1h_tokens: u64,
    /// Whether it is to be told how likely the tokens were, and how many of the likeliest at each
    /// place.
    pub(crate) logprobs: Option<usize>,
    /// How many answers are asked for at once, at least one.
    pub(crate) answers: u64,
}
