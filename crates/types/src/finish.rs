/// Why an answer ended, in the four words that every client dialect has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FinishReason {
    /// The model was done, or met a stop sequence.
    Stop,
    /// The answer reached the token limit or the context window.
    Length,
    /// The model wants its tool calls answered.
    ToolCalls,
    /// The provider or the model declined.
    ContentFilter,
}

impl FinishReason {
    /// The word in OpenAI's dialect.
    #[must_use]
    pub fn as_openai(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
        }
    }
}
