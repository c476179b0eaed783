//! Answers in the client's dialect.

use bytes::Bytes;
use steelyard_types::ProviderError;

use super::{Made, vector};
use crate::ReplyContext;
use crate::json::Object;

/// Writes an answer. `usage` is left out where the provider does not count: what is not known must
/// not look like zero.
///
/// # Errors
/// A vector that is not a list of numbers.
pub(super) fn answer_body(
    made: &Made<'_>,
    context: &ReplyContext,
    as_base64: bool,
) -> Result<Bytes, ProviderError> {
    let size: usize = made.vectors.iter().map(|vector| vector.len() + 64).sum();
    let mut data = String::with_capacity(size);
    data.push('[');
    for (index, numbers) in made.vectors.iter().enumerate() {
        if index > 0 {
            data.push(',');
        }
        let mut one = Object::with_capacity(numbers.len() + 64);
        one.text("object", "embedding");
        one.raw("index", &index.to_string());
        if as_base64 {
            one.text("embedding", &vector::base64(numbers)?);
        } else {
            vector::check(numbers)?;
            one.raw("embedding", numbers);
        }
        data.push_str(&one.close());
    }
    data.push(']');
    let mut body = Object::with_capacity(data.len() + 192);
    body.text("object", "list");
    body.raw("data", &data);
    let named = Some(made.model.as_str()).filter(|model| !model.is_empty());
    body.text("model", named.unwrap_or(&context.upstream_model));
    if let Some(usage) = &made.usage {
        let mut counts = Object::with_capacity(64);
        counts.raw("prompt_tokens", &usage.prompt_tokens().to_string());
        counts.raw("total_tokens", &usage.total_tokens().to_string());
        body.raw("usage", &counts.close());
    }
    Ok(Bytes::from(body.close()))
}
