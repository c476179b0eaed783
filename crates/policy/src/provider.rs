use std::path::PathBuf;
use std::sync::Arc;

use steelyard_types::{WireFormat, WireProfile};

/// Somewhere that models run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name in the policy.
    pub name: Arc<str>,
    /// What it is.
    pub kind: ProviderKind,
    /// Where it is, without a slash at the end. Adapters append their paths.
    pub base_url: String,
    /// The region that it and its key belong to.
    pub region: Option<Region>,
    /// Where its key is found; `None` sends none.
    pub key: Option<KeyReference>,
    /// The wire format that it speaks.
    pub wire: WireFormat,
    /// How it departs from that format.
    pub profile: WireProfile,
    /// How long it may take.
    pub timeouts: Timeouts,
}

macro_rules! kinds {
    ($($format:ident $name:literal, $module:ident::$adapter:ident, $kind:ident $word:literal $address:expr;)*) => {
        /// The providers that need no more than a name: one for every wire format, and those that
        /// speak OpenAI's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProviderKind {
            $(
                #[doc = concat!("`", $word, "`: the provider whose format is `", $name, "`.")]
                $kind,
            )*
            /// Alibaba DashScope in its OpenAI-compatible mode.
            DashScopeCompatible,
            /// Mistral.
            Mistral,
            /// DeepSeek.
            DeepSeek,
            /// Any other server that speaks OpenAI's dialect: vLLM, Ollama, llama.cpp.
            OpenAiCompatible,
        }

        impl ProviderKind {
            /// All kinds.
            pub const ALL: &[Self] = &[
                $(Self::$kind,)*
                Self::DashScopeCompatible,
                Self::Mistral,
                Self::DeepSeek,
                Self::OpenAiCompatible,
            ];

            /// The word used in policies, metrics and logs.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                    Self::DashScopeCompatible => "dashscope_compatible",
                    Self::Mistral => "mistral",
                    Self::DeepSeek => "deepseek",
                    Self::OpenAiCompatible => "openai_compatible",
                }
            }

            /// The wire format that it speaks.
            #[must_use]
            pub fn wire(self) -> WireFormat {
                match self {
                    $(Self::$kind => WireFormat::$format,)*
                    Self::DashScopeCompatible
                    | Self::Mistral
                    | Self::DeepSeek
                    | Self::OpenAiCompatible => WireFormat::OpenAiChat,
                }
            }

            /// Where it is, if there is one place alone.
            fn address(self) -> Option<&'static str> {
                match self {
                    $(Self::$kind => $address,)*
                    Self::Mistral => Some("https://api.mistral.ai/v1"),
                    Self::DeepSeek => Some("https://api.deepseek.com"),
                    Self::DashScopeCompatible | Self::OpenAiCompatible => None,
                }
            }
        }
    };
}

steelyard_types::wire_formats!(kinds);

/// Where a provider keeps data and bills; DashScope keys work in their own region only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Region {
    /// Mainland China (Beijing).
    Cn,
    /// International (Singapore).
    Intl,
    /// United States (Virginia).
    Us,
}

/// Where a provider's key is found. Policies never hold the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyReference {
    /// An environment variable.
    Env(String),
    /// A file, its content trimmed. Relative to the working directory of the gateway.
    File(PathBuf),
}

/// How long the stages of an attempt may take, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect_ms: u64,
    /// Until the first token of a stream. Whole answers have [`Timeouts::total_ms`] alone: their head
    /// comes when they are finished.
    pub first_token_ms: u64,
    /// Between two pieces of a stream.
    pub idle_ms: u64,
    /// For the whole attempt.
    pub total_ms: u64,
}

/// What a route changes in its providers' timeouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TimeoutsOverride {
    /// See [`Timeouts::connect_ms`].
    pub connect_ms: Option<u64>,
    /// See [`Timeouts::first_token_ms`].
    pub first_token_ms: Option<u64>,
    /// See [`Timeouts::idle_ms`].
    pub idle_ms: Option<u64>,
    /// See [`Timeouts::total_ms`].
    pub total_ms: Option<u64>,
}

impl ProviderKind {
    /// How it departs from OpenAI's format, unless the policy says otherwise.
    #[must_use]
    pub fn profile(self) -> WireProfile {
        match self {
            Self::Mistral => WireProfile::MISTRAL,
            Self::DashScopeCompatible => WireProfile::DASHSCOPE,
            Self::DeepSeek => WireProfile::DEEPSEEK,
            Self::OpenAiCompatible => WireProfile::COMPATIBLE,
            _ => WireProfile::OPENAI,
        }
    }

    /// Whether it has regions, which then must be named.
    #[must_use]
    pub fn has_regions(self) -> bool {
        matches!(self, Self::DashScope | Self::DashScopeCompatible)
    }

    /// Where it is; `None` where only the operator can know.
    #[must_use]
    pub fn default_base_url(self, region: Option<Region>) -> Option<String> {
        match self {
            Self::DashScope => Some(region?.dashscope_host().to_owned()),
            Self::DashScopeCompatible => {
                Some(format!("{}/compatible-mode/v1", region?.dashscope_host()))
            }
            _ => self.address().map(str::to_owned),
        }
    }
}

impl Region {
    /// All regions.
    pub const ALL: [Self; 3] = [Self::Cn, Self::Intl, Self::Us];

    /// The word used in policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cn => "cn",
            Self::Intl => "intl",
            Self::Us => "us",
        }
    }

    /// DashScope's address in this region.
    #[must_use]
    pub fn dashscope_host(self) -> &'static str {
        match self {
            Self::Cn => "https://dashscope.aliyuncs.com",
            Self::Intl => "https://dashscope-intl.aliyuncs.com",
            Self::Us => "https://dashscope-us.aliyuncs.com",
        }
    }
}

impl Default for Timeouts {
    /// Generous enough for reasoning models, short enough to notice a dead provider.
    fn default() -> Self {
        Self {
            connect_ms: 3_000,
            first_token_ms: 60_000,
            idle_ms: 60_000,
            total_ms: 600_000,
        }
    }
}

impl TimeoutsOverride {
    /// These timeouts where the override is silent, the override where it speaks.
    #[must_use]
    pub fn apply(&self, base: Timeouts) -> Timeouts {
        Timeouts {
            connect_ms: self.connect_ms.unwrap_or(base.connect_ms),
            first_token_ms: self.first_token_ms.unwrap_or(base.first_token_ms),
            idle_ms: self.idle_ms.unwrap_or(base.idle_ms),
            total_ms: self.total_ms.unwrap_or(base.total_ms),
        }
    }
}
