use crate::{FinishReason, ToolKind, Usage};

/// A whole answer, whatever wire format it came in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatAnswer {
    /// The provider's id of the answer, empty where it has none.
    pub id: String,
    /// The model that the provider says answered, empty where it says nothing.
    pub model: String,
    /// Text of the answer; `None` where there was none at all.
    pub text: Option<String>,
    /// What the model thought, block by block, where the provider shows it.
    pub reasoning: Vec<Thought>,
    /// How likely the tokens of the text were: OpenAI's `logprobs.content` as JSON text.
    pub logprobs: Option<String>,
    /// The text in which the model declined (OpenAI's `refusal`).
    pub refusal: Option<String>,
    /// Calls of tools, in order.
    pub tool_calls: Vec<AnswerToolCall>,
    /// Why it ended; `None` where the provider gave no reason.
    pub finish: Option<FinishReason>,
    /// What it used; `None` where the provider does not say.
    pub usage: Option<Usage>,
    /// Further answers to the same request, in order, where several were asked for (`n`). They have
    /// no id, model or usage of their own.
    pub further: Vec<ChatAnswer>,
}

/// A block of reasoning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Thought {
    /// The thoughts; empty where the provider keeps them.
    pub text: String,
    /// The provider's proof that the thoughts are its model's.
    pub signature: Option<String>,
    /// Thoughts that only the provider can read, instead of `text` (Anthropic's
    /// `redacted_thinking.data`).
    pub redacted: Option<String>,
}

impl Thought {
    /// Thoughts in words, unsigned.
    #[must_use]
    pub fn of_text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

impl ChatAnswer {
    /// All words of the reasoning as one text; `None` where there are none.
    #[must_use]
    pub fn reasoning_text(&self) -> Option<String> {
        let words: String = self
            .reasoning
            .iter()
            .map(|thought| thought.text.as_str())
            .collect();
        (!words.is_empty()).then_some(words)
    }

    /// Adds words to the block of reasoning that is open, opening one if the last is signed or
    /// redacted.
    pub fn push_reasoning(&mut self, words: &str) {
        let open = self
            .reasoning
            .last_mut()
            .filter(|thought| thought.signature.is_none() && thought.redacted.is_none());
        match open {
            Some(thought) => thought.text.push_str(words),
            None => self.reasoning.push(Thought::of_text(words)),
        }
    }

    /// Signs the block of reasoning that is open; thoughts that the provider keeps are an empty one.
    pub fn sign_reasoning(&mut self, signature: &str) {
        let open = self
            .reasoning
            .last_mut()
            .filter(|thought| thought.signature.is_none() && thought.redacted.is_none());
        match open {
            Some(thought) => thought.signature = Some(signature.to_owned()),
            None => self.reasoning.push(Thought {
                signature: Some(signature.to_owned()),
                ..Thought::default()
            }),
        }
    }

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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerToolCall {
    /// Id to be repeated by the tool's result. Never empty.
    pub id: String,
    /// What is called.
    pub kind: ToolKind,
    /// The tool's name.
    pub name: String,
    /// Arguments as JSON text; the input of a custom tool.
    pub arguments: String,
}
