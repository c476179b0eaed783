//! Google Gemini (`POST /v1beta/models/{model}:batchEmbedContents`), for one text and for several.
//!
//! Not every model counts the tokens in `usageMetadata`; where it does not, what the request cost is
//! not known.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use steelyard_types::{
    ChatRequest, Embedding, EmbeddingInputs, ErrorKind, ProviderError, Target, Usage,
};

use super::{Made, unreadable};
use crate::carry::{self, refuse};
use crate::json::Lenient;
use crate::{Losses, Refusal};

/// Most texts of one request: "at most 100 requests can be in one batch".
const MAX_TEXTS: usize = 100;

#[derive(Serialize)]
struct Body<'r> {
    requests: Vec<One<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One<'r> {
    model: &'r str,
    content: Content<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u64>,
}

#[derive(Serialize)]
struct Content<'r> {
    parts: [Part<'r>; 1],
}

#[derive(Serialize)]
struct Part<'r> {
    text: &'r str,
}

pub(super) fn check(
    request: &ChatRequest<'_>,
    embedding: &Embedding<'_>,
) -> Result<Losses, Refusal> {
    check_foreign(request, embedding, "Gemini", MAX_TEXTS)
}

/// What every provider of another format asks: nothing unknown, texts, not too many of them.
pub(super) fn check_foreign(
    request: &ChatRequest<'_>,
    embedding: &Embedding<'_>,
    provider: &str,
    most: usize,
) -> Result<Losses, Refusal> {
    if let Some(field) = request.untranslated.first() {
        return Err(refuse(
            field.as_ref(),
            format!("is not carried to {provider}"),
        ));
    }
    if matches!(embedding.inputs, EmbeddingInputs::Tokens { .. }) {
        let reason = format!("holds tokens, which are not carried to {provider}: send text");
        return Err(refuse("input", reason));
    }
    let count = embedding.inputs.count();
    if count > most {
        let reason = format!("holds {count} texts, and {provider} takes at most {most}");
        return Err(refuse("input", reason));
    }
    let mut lossy = Losses::none();
    lossy.add_if("user", request.end_user.is_some());
    Ok(lossy)
}

/// The texts; `check_foreign` has refused tokens.
pub(super) fn texts<'r>(embedding: &'r Embedding<'_>) -> impl Iterator<Item = &'r str> {
    let texts: &[Cow<'_, str>] = match &embedding.inputs {
        EmbeddingInputs::Texts(texts) => texts,
        EmbeddingInputs::Tokens { .. } => &[],
    };
    texts.iter().map(AsRef::as_ref)
}

pub(super) fn write(
    embedding: &Embedding<'_>,
    target: &Target,
) -> Result<(String, Bytes), Refusal> {
    let upstream = &target.upstream;
    let bare = upstream.strip_prefix("models/").unwrap_or(upstream);
    let model = format!("models/{bare}");
    let requests = texts(embedding).map(|text| One {
        model: &model,
        content: Content {
            parts: [Part { text }],
        },
        output_dimensionality: embedding.dimensions,
    });
    let body = carry::write(&Body {
        requests: requests.collect(),
    })?;
    Ok((path(bare), body))
}

/// The model stands in the path percent-encoded.
fn path(model: &str) -> String {
    let mut path = String::from("/v1beta/models/");
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path.push_str(":batchEmbedContents");
    path
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    embeddings: Option<Vec<Vector<'a>>>,
    #[serde(default)]
    usage_metadata: Lenient<Counts>,
}

#[derive(Deserialize)]
struct Vector<'a> {
    #[serde(borrow)]
    values: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    prompt_token_count: Option<u64>,
}

pub(super) fn read(body: &[u8]) -> Result<Made<'_>, ProviderError> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let embeddings = answer.embeddings.ok_or_else(|| {
        let message = "the answer has no `embeddings`";
        ProviderError::new(ErrorKind::InvalidAnswer, message)
    })?;
    let counted = answer.usage_metadata.0;
    let prompt = counted.and_then(|counts| counts.prompt_token_count);
    Ok(Made {
        model: String::new(),
        vectors: embeddings.iter().map(|one| one.values.get()).collect(),
        usage: prompt.map(|prompt| Usage {
            input_fresh: prompt,
            ..Usage::default()
        }),
    })
}
