use std::borrow::Cow;

/// What is to be turned into vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedding<'a> {
    /// What each vector is of.
    pub inputs: EmbeddingInputs<'a>,
    /// How many numbers a vector is to have; `None` leaves it to the model.
    pub dimensions: Option<u64>,
    /// Whether vectors are wanted as base64 of little-endian 32-bit floats instead of lists.
    pub base64: bool,
}

/// The inputs of an embedding request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmbeddingInputs<'a> {
    /// Texts, one vector each.
    Texts(Vec<Cow<'a, str>>),
    /// Numbers of a tokenizer that only the client and the model know.
    Tokens {
        /// How many lists of them there are, one vector each.
        lists: usize,
        /// How many tokens they have together.
        tokens: u64,
    },
}

impl EmbeddingInputs<'_> {
    /// How many vectors there are to be.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Tokens { lists, .. } => *lists,
        }
    }
}
