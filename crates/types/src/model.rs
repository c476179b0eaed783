use std::sync::Arc;

use crate::FeatureSet;

/// The wire formats that Steelyard speaks to providers, one adapter each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WireFormat {
    /// OpenAI chat completions, and every server that copies it.
    OpenAiChat,
    /// Anthropic Messages.
    AnthropicMessages,
    /// Google Gemini `generateContent`.
    GeminiGenerateContent,
    /// Alibaba DashScope's native text generation.
    DashScopeGeneration,
}

impl WireFormat {
    /// A short name for logs and labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai_chat",
            Self::AnthropicMessages => "anthropic_messages",
            Self::GeminiGenerateContent => "gemini_generate_content",
            Self::DashScopeGeneration => "dashscope_generation",
        }
    }
}

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
}

impl WireProfile {
    /// OpenAI itself.
    pub const OPENAI: Self = Self {
        max_tokens_field: MaxTokensField::MaxCompletionTokens,
        developer_role: true,
        stream_usage_option: true,
        tool_call_ids: ToolCallIds::Any,
        unknown_fields: UnknownFields::Forward,
    };

    /// The usual OpenAI-compatible server: knows `max_tokens` and `system` only.
    pub const COMPATIBLE: Self = Self {
        max_tokens_field: MaxTokensField::MaxTokens,
        developer_role: false,
        ..Self::OPENAI
    };

    /// Mistral: refuses unknown fields, wants ids of nine letters and digits, sends usage unasked.
    pub const MISTRAL: Self = Self {
        stream_usage_option: false,
        tool_call_ids: ToolCallIds::NineAlphanumerics,
        unknown_fields: UnknownFields::Refuse,
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
    /// Whether the model refuses `temperature` and `top_p` (Claude Opus 4.7 and later, OpenAI's
    /// reasoning models).
    pub refuses_sampling: bool,
    /// Most tokens of an answer; also what Anthropic is sent where the client names no limit,
    /// because it requires one.
    pub max_output_tokens: u64,
}
