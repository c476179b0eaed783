/// The registry of wire formats: a provider with a format of its own is one line here.
///
/// Each line names
/// - the format, a variant of [`WireFormat`], and its name in logs and labels;
/// - its adapter, by module and type of `steelyard-provider-adapter`;
/// - the kind of provider that has it, a variant of `steelyard_policy::ProviderKind`, its word in
///   policies, and where it is, unless that depends on its region.
///
/// Every crate that needs the list calls this with the name of a macro that takes the lines, so that
/// nothing of it is written twice. The fuzz targets choose formats by their place in it: new lines
/// stand last.
#[macro_export]
macro_rules! wire_formats {
    ($take:ident) => {
        $take! {
            OpenAiChat "openai_chat", openai::OpenAiChat, OpenAi "openai" Some("https://api.openai.com/v1");
            AnthropicMessages "anthropic_messages", anthropic::AnthropicMessages, Anthropic "anthropic" Some("https://api.anthropic.com");
            GeminiGenerateContent "gemini_generate_content", gemini::GeminiGenerateContent, Gemini "gemini" Some("https://generativelanguage.googleapis.com");
            DashScopeGeneration "dashscope_generation", dashscope::DashScopeGeneration, DashScope "dashscope" None;
            CohereChat "cohere_chat", cohere::CohereChat, Cohere "cohere" Some("https://api.cohere.com");
            OpenAiResponses "openai_responses", responses::Responses, OpenAiResponses "openai_responses" Some("https://api.openai.com/v1");
        }
    };
}

macro_rules! formats {
    ($($format:ident $name:literal, $module:ident::$adapter:ident, $kind:ident $word:literal $address:expr;)*) => {
        /// The wire formats that Steelyard speaks to providers, one adapter each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum WireFormat {
            $(
                #[doc = concat!("That of providers of kind `", $word, "`: `", stringify!($module), "` of the adapters.")]
                $format,
            )*
        }

        impl WireFormat {
            /// All formats, in the order of the registry.
            pub const ALL: &[Self] = &[$(Self::$format),*];

            /// A short name for logs and labels.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$format => $name,)*
                }
            }
        }
    };
}

wire_formats!(formats);

impl WireFormat {
    /// Whether embeddings are carried to providers that speak it.
    #[must_use]
    pub fn has_embeddings(self) -> bool {
        matches!(
            self,
            Self::OpenAiChat | Self::GeminiGenerateContent | Self::DashScopeGeneration
        )
    }
}
