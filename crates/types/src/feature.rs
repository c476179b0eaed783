use std::fmt;

/// What a model can do beyond text in, text out: facts of the catalogue, demands of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Feature {
    /// Function tools.
    Tools,
    /// Several tool calls in one answer.
    ParallelTools,
    /// Answers that follow a JSON schema.
    JsonSchema,
    /// Images in messages.
    Vision,
    /// PDF documents in messages.
    Pdf,
    /// Audio in messages.
    Audio,
    /// Reasoning before the answer.
    Reasoning,
    /// Prompt caching by the provider.
    PromptCache,
    /// Streamed answers.
    Streaming,
    /// Vectors, and nothing else: a model that has it answers no chat.
    Embeddings,
}

impl Feature {
    /// All of them, in the order of their names in documentation.
    pub const ALL: [Self; 10] = [
        Self::Tools,
        Self::ParallelTools,
        Self::JsonSchema,
        Self::Vision,
        Self::Pdf,
        Self::Audio,
        Self::Reasoning,
        Self::PromptCache,
        Self::Streaming,
        Self::Embeddings,
    ];

    /// The word used in policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::ParallelTools => "parallel_tools",
            Self::JsonSchema => "json_schema",
            Self::Vision => "vision",
            Self::Pdf => "pdf",
            Self::Audio => "audio",
            Self::Reasoning => "reasoning",
            Self::PromptCache => "prompt_cache",
            Self::Streaming => "streaming",
            Self::Embeddings => "embeddings",
        }
    }

    /// The feature of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|feature| feature.as_str() == name)
    }
}

/// A set of features, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FeatureSet(u16);

impl FeatureSet {
    /// The set without members.
    pub const EMPTY: Self = Self(0);

    /// Adds one.
    pub fn insert(&mut self, feature: Feature) {
        self.0 |= 1 << feature as u8;
    }

    /// This set and one more.
    #[must_use]
    pub fn with(mut self, feature: Feature) -> Self {
        self.insert(feature);
        self
    }

    /// Whether it holds this one.
    #[must_use]
    pub fn contains(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u8) != 0
    }

    /// What `self` holds and `other` does not.
    #[must_use]
    pub fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// All that either holds.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its members.
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL
            .into_iter()
            .filter(move |feature| self.contains(*feature))
    }
}

impl fmt::Debug for FeatureSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_set()
            .entries(self.iter().map(Feature::as_str))
            .finish()
    }
}

impl FromIterator<Feature> for FeatureSet {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        features.into_iter().fold(Self::EMPTY, Self::with)
    }
}
