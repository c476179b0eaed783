use std::sync::Arc;

use crate::{FeatureSet, WireFormat};

/// How one server departs from the wire format that it speaks: data, so that an OpenAI-compatible
/// provider is configuration and never code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WireProfile {
    /// The field that limits the answer.
    pub max_tokens_field: MaxTokensField,
    /// Whether messages may have the role `developer`; where not, it is sent as `system`.
    pub developer_role: bool,
    /// Whether `stream_options.include_usage` is understood. Where not, usage comes unasked or not
    /// at all.
    pub stream_usage_option: bool,
    /// What the server accepts as ids of tool calls.
    pub tool_call_ids: ToolCallIds,
    /// What the server does with fields that it does not know.
    pub unknown_fields: UnknownFields,
    /// How the server is asked to reason.
    pub reasoning: ReasoningField,
    /// Whether `n` above 1 gives several answers. Where not, the server passes over it in silence, and
    /// the client would get one.
    pub several_choices: bool,
    /// Whether it takes tools and calls in OpenAI's deprecated form, `functions` and `function_call`.
    /// Where not, the server passes over them in silence or refuses them, and is sent `tools` instead.
    pub functions: bool,
    /// Whether it may be sent OpenAI's custom tools, whose input is free text, as they came. Where not,
    /// the server refuses them or passes over them in silence, and they are refused by name.
    pub custom_tools: bool,
}

impl WireProfile {
    /// OpenAI itself.
    pub const OPENAI: Self = Self {
        max_tokens_field: MaxTokensField::MaxCompletionTokens,
        developer_role: true,
        stream_usage_option: true,
        tool_call_ids: ToolCallIds::Any,
        unknown_fields: UnknownFields::Forward,
        reasoning: ReasoningField::Effort,
        several_choices: true,
        functions: true,
        custom_tools: true,
    };

    /// The usual OpenAI-compatible server: knows `max_tokens`, `system` and `tools` only. What it makes
    /// of custom tools is its own to say.
    pub const COMPATIBLE: Self = Self {
        max_tokens_field: MaxTokensField::MaxTokens,
        developer_role: false,
        functions: false,
        ..Self::OPENAI
    };

    /// DashScope's compatible mode: switches thinking with a field of its own.
    pub const DASHSCOPE: Self = Self {
        reasoning: ReasoningField::EnableThinking,
        custom_tools: false,
        ..Self::COMPATIBLE
    };

    /// DeepSeek: switches thinking with Anthropic's word, and its reference has no `n`.
    pub const DEEPSEEK: Self = Self {
        reasoning: ReasoningField::Thinking,
        several_choices: false,
        custom_tools: false,
        ..Self::COMPATIBLE
    };

    /// Mistral: refuses unknown fields, wants ids of nine letters and digits, sends usage unasked.
    pub const MISTRAL: Self = Self {
        stream_usage_option: false,
        tool_call_ids: ToolCallIds::NineAlphanumerics,
        unknown_fields: UnknownFields::Refuse,
        custom_tools: false,
        ..Self::COMPATIBLE
    };
}

/// The field that limits the answer of an OpenAI-compatible server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MaxTokensField {
    /// `max_completion_tokens`: OpenAI.
    MaxCompletionTokens,
    /// `max_tokens`: nearly everybody else.
    MaxTokens,
}

/// What a server accepts as ids of tool calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ToolCallIds {
    /// Anything.
    Any,
    /// `[A-Za-z0-9]{9}`: Mistral.
    NineAlphanumerics,
}

/// What a server does with fields that it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnknownFields {
    /// Ignores or uses them: they are forwarded.
    Forward,
    /// Answers with an error: a request that has them cannot be sent there.
    Refuse,
}

/// How an OpenAI-compatible server is asked to reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasoningField {
    /// `reasoning_effort`: OpenAI, vLLM, Groq, Mistral.
    Effort,
    /// `enable_thinking`, with `thinking_budget`: DashScope's compatible mode.
    EnableThinking,
    /// `thinking: {"type": "enabled" | "disabled"}`: DeepSeek.
    Thinking,
    /// Not at all: a wish for reasoning cannot be carried.
    None,
}

/// What a model accepts, as far as models of one provider differ: facts of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ModelFacts {
    /// Whether it refuses `temperature`, `top_p`, `top_k`, penalties, biases and log probabilities
    /// (Claude Opus 4.7 and later, OpenAI's reasoning models).
    pub refuses_sampling: bool,
    /// Whether it refuses a conversation that ends with the assistant's words (newer Claude).
    pub refuses_prefill: bool,
    /// Whether it refuses to be made to call a tool (Claude while it thinks, Qwen's thinking
    /// models).
    pub refuses_forced_tool_choice: bool,
    /// How it hands over its answers.
    pub delivery: Delivery,
    /// How it is told how much to reason.
    pub reasoning: ReasoningStyle,
    /// How it is held to a schema.
    pub structured_output: StructuredOutput,
}

/// How a model hands over its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Delivery {
    /// Whole or streamed, as asked.
    #[default]
    Both,
    /// Streamed only (several of Qwen's thinking models): whole answers are put together from the
    /// stream.
    StreamOnly,
    /// Whole only: streams are written from the whole answer.
    WholeOnly,
}

/// How a model is told how much to reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ReasoningStyle {
    /// In the way of its provider's current models: OpenAI's effort, Anthropic's adaptive thinking
    /// with an effort, Gemini's thinking level, DashScope's `enable_thinking` with a budget.
    #[default]
    Effort,
    /// By a number of tokens: Anthropic's `budget_tokens` before 4.6, Gemini 2.5's
    /// `thinkingBudget`.
    Budget,
}

/// How a model is held to a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StructuredOutput {
    /// The provider decodes under the schema.
    #[default]
    Schema,
    /// By being made to call one tool whose arguments are the answer (Claude before 4.5).
    Tool,
    /// The provider promises a JSON object; the schema is told as an instruction.
    Object,
}

/// What an adapter must know of the model that it writes a request for.
#[derive(Debug, Clone)]
pub struct Target {
    /// The model's name at its provider.
    pub upstream: Arc<str>,
    /// The wire format that its provider speaks.
    pub wire: WireFormat,
    /// How the provider departs from that format.
    pub profile: WireProfile,
    /// What the model can do.
    pub features: FeatureSet,
    /// What the model accepts.
    pub facts: ModelFacts,
    /// Most tokens of an answer; also what Anthropic is sent where the client names no limit,
    /// because it requires one.
    pub max_output_tokens: u64,
}
