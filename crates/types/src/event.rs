use std::borrow::Cow;

use crate::{FinishReason, ProviderError, ToolKind, Usage};

/// One thing that happened in a streamed answer, whatever wire format it came in.
///
/// Text is borrowed from the frame that carried it wherever that frame held it unescaped.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent<'a> {
    /// The provider began to answer. At most once, before everything else.
    Start {
        /// The provider's id of the answer, empty where it has none.
        id: Cow<'a, str>,
        /// The model that the provider says is answering, empty where it says nothing.
        model: Cow<'a, str>,
    },
    /// A piece of the answer's text. Never empty.
    Text(Cow<'a, str>),
    /// A piece of reasoning text. Never empty.
    Reasoning(Cow<'a, str>),
    /// The provider's proof that the reasoning before it is its model's. It ends that block of
    /// reasoning: what follows is another one. Never empty.
    ReasoningSignature(Cow<'a, str>),
    /// A block of reasoning that only the provider can read, whole. Never empty.
    RedactedReasoning(Cow<'a, str>),
    /// How likely the tokens of the text before it were: entries of OpenAI's `logprobs.content`, as
    /// a JSON list. Never empty.
    Logprobs(Cow<'a, str>),
    /// A piece of the text in which a model declines (OpenAI's `refusal`). Never empty.
    Refusal(Cow<'a, str>),
    /// A tool call opens. Indices count 0, 1, 2 in order of opening.
    ToolCallStart {
        /// Position among the answer's tool calls.
        index: u32,
        /// Id to be repeated by the tool's result. Never empty.
        id: Cow<'a, str>,
        /// What is called.
        kind: ToolKind,
        /// The tool's name.
        name: Cow<'a, str>,
    },
    /// A piece of a tool call's arguments, which together are JSON text, or of the input of a custom
    /// tool.
    ToolCallArguments {
        /// Position among the answer's tool calls.
        index: u32,
        /// The next characters.
        fragment: Cow<'a, str>,
    },
    /// Something of a further answer to the same request, where several were asked for (`n`): a
    /// piece of it, or why it ended. What the first answer says is not wrapped, and the beginning,
    /// usage, errors and the end are the whole stream's.
    Further {
        /// The answer's place among them, from 1.
        choice: u32,
        /// What happened in it.
        event: Box<StreamEvent<'a>>,
    },
    /// Why the answer ended. At most once.
    Finish(FinishReason),
    /// Tokens used so far. Replaces what an earlier event said, never adds to it.
    Usage(Usage),
    /// The provider reported an error inside its stream, or the stream cannot be understood.
    Error(ProviderError),
    /// The provider said that the stream is complete.
    Done,
}
