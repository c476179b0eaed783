//! Servers of OpenAI's format (`POST /embeddings`): fields and answers go through as they are.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use steelyard_types::{
    ChatRequest, ErrorKind, ProviderError, Target, UnknownFields, Usage, WireFormat,
};

use super::unreadable;
use crate::carry::refuse;
use crate::json::{Lenient, Object};
use crate::{Losses, Refusal, ResponseHead};

/// The endpoint behind the base URL.
const PATH: &str = "/embeddings";

/// The fields that servers which refuse unknown ones know, after Mistral's reference.
const STRICT_FIELDS: [&str; 6] = [
    "model",
    "input",
    "encoding_format",
    "metadata",
    "output_dimension",
    "output_dtype",
];

pub(super) fn check(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    let mut lossy = Losses::none();
    if target.profile.unknown_fields == UnknownFields::Forward {
        return Ok(lossy);
    }
    for field in &request.fields {
        let name = field.name.as_ref();
        if STRICT_FIELDS.contains(&name) || field.value.get() == "null" {
            continue;
        }
        match name {
            "user" => lossy.add("user"),
            "stream" => {}
            _ => {
                let reason = "is not known to this provider, which refuses unknown fields";
                return Err(refuse(name, reason));
            }
        }
    }
    Ok(lossy)
}

pub(super) fn write(request: &ChatRequest<'_>, target: &Target) -> (String, Bytes) {
    let strict = target.profile.unknown_fields == UnknownFields::Refuse;
    let fields = request.fields.iter();
    let size: usize = fields.map(|field| field.value.get().len() + 24).sum();
    let mut body = Object::with_capacity(size + 64);
    for field in &request.fields {
        match field.name.as_ref() {
            "model" => body.text("model", &target.upstream),
            // What `check` let pass says nothing, or is lost.
            name if strict && !STRICT_FIELDS.contains(&name) => {}
            name => body.raw(name, field.value.get()),
        }
    }
    (PATH.to_owned(), Bytes::from(body.close()))
}

#[derive(Deserialize)]
struct Body {
    data: Option<Vec<IgnoredAny>>,
    #[serde(default)]
    usage: Lenient<Counts>,
}

#[derive(Deserialize)]
struct Counts {
    prompt_tokens: Option<u64>,
    total_tokens: Option<u64>,
}

/// What an answer that goes through is seen to hold.
pub(super) struct Seen {
    /// How many vectors.
    pub(super) count: usize,
    /// What they took, where the provider says so.
    pub(super) usage: Option<Usage>,
}

/// Looks at an answer that goes through.
///
/// # Errors
/// An error object in its place.
pub(super) fn look(head: &ResponseHead<'_>, bytes: &[u8]) -> Result<Seen, ProviderError> {
    let body: Body = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
    let Some(data) = body.data else {
        let mut error = crate::adapter(WireFormat::OpenAiChat).decode_error(head, bytes);
        if !error.kind.can_fall_back() {
            error.kind = ErrorKind::InvalidAnswer;
        }
        return Err(error);
    };
    let usage = body.usage.0.and_then(|counts| {
        let prompt = counts.prompt_tokens.or(counts.total_tokens)?;
        let usage = Usage {
            input_fresh: prompt,
            ..Usage::default()
        };
        Some(usage.checked(counts.total_tokens))
    });
    Ok(Seen {
        count: data.len(),
        usage,
    })
}
