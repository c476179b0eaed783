use serde::Deserialize;
use steelyard_types::{ChatRequest, ErrorKind, ProviderError, Target};

use super::own;
use crate::{EncodedRequest, Refusal};

/// Where tokens are counted.
const PATH: &str = "/v1/messages/count_tokens";

/// Writes a request to count the prompt's tokens of a request in Anthropic's own dialect.
///
/// # Errors
/// Messages that have to be rewritten and cannot be.
pub fn encode_count(request: &ChatRequest<'_>, target: &Target) -> Result<EncodedRequest, Refusal> {
    own::write(request, target, PATH, crate::Losses::none())
}

/// Reads the answer to it.
///
/// # Errors
/// A body without a count.
pub fn decode_count(body: &[u8]) -> Result<u64, ProviderError> {
    #[derive(Deserialize)]
    struct Count {
        input_tokens: u64,
    }
    let count: Count = serde_json::from_slice(body).map_err(|error| {
        let message = format!("the answer is not a count of tokens: {error}");
        ProviderError::new(ErrorKind::InvalidAnswer, message)
    })?;
    Ok(count.input_tokens)
}
