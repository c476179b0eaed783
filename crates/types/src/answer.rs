use crate::{FinishReason, Usage};

/// A whole answer, whatever wire format it came in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatAnswer {
    /// The provider's id of the answer, empty where it has none.
    pub id: String,
    /// The model that the provider says answered, empty where it says nothing.
    pub model: String,
    /// Text of the answer; `None` where there was none at all.
    pub text: Option<String>,
    /// Reasoning text, where the provider shows it.
    pub reasoning: Option<String>,
    /// The text in which the model declined (OpenAI's `refusal`).
    pub refusal: Option<String>,
    /// Calls of tools, in order.
    pub tool_calls: Vec<AnswerToolCall>,
    /// Why it ended; `None` where the provider gave no reason.
    pub finish: Option<FinishReason>,
    /// What it used; `None` where the provider does not say.
    pub usage: Option<Usage>,
}

impl ChatAnswer {
    /// Whether a client would see nothing: no text, no refusal, no tool call, and no reason such as
    /// a reached limit or a content filter that explains it. Reasoning alone is not an answer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let said = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
        !said(&self.text)
            && !said(&self.refusal)
            && self.tool_calls.is_empty()
            && !matches!(
                self.finish,
                Some(FinishReason::Length | FinishReason::ContentFilter)
            )
    }
}

/// A tool call in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerToolCall {
    /// Id to be repeated by the tool's result. Never empty.
    pub id: String,
    /// The function's name.
    pub name: String,
    /// Arguments as JSON text.
    pub arguments: String,
}
