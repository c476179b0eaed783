//! DashScope's native embeddings
//! (`POST /api/v1/services/embeddings/text-embedding/text-embedding`).

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use steelyard_types::{ChatRequest, Embedding, ErrorKind, ProviderError, Target, Usage};

use super::gemini::{check_foreign, texts};
use super::{Made, unreadable};
use crate::carry;
use crate::json::Lenient;
use crate::{Losses, Refusal};

const PATH: &str = "/api/v1/services/embeddings/text-embedding/text-embedding";

/// Most texts of one request: of `text-embedding-v1` and `-v2`. Later models take 10, and say so
/// themselves.
const MAX_TEXTS: usize = 25;

#[derive(Serialize)]
struct Body<'r> {
    model: &'r str,
    input: Input<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Parameters>,
}

#[derive(Serialize)]
struct Input<'r> {
    texts: Vec<&'r str>,
}

#[derive(Serialize)]
struct Parameters {
    dimension: u64,
}

pub(super) fn check(
    request: &ChatRequest<'_>,
    embedding: &Embedding<'_>,
) -> Result<Losses, Refusal> {
    check_foreign(request, embedding, "DashScope", MAX_TEXTS)
}

pub(super) fn write(
    embedding: &Embedding<'_>,
    target: &Target,
) -> Result<(String, Bytes), Refusal> {
    let dimensions = embedding.dimensions;
    let body = carry::write(&Body {
        model: &target.upstream,
        input: Input {
            texts: texts(embedding).collect(),
        },
        parameters: dimensions.map(|dimension| Parameters { dimension }),
    })?;
    Ok((PATH.to_owned(), body))
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    output: Option<Output<'a>>,
    #[serde(default)]
    usage: Lenient<Counts>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    embeddings: Vec<Vector<'a>>,
}

#[derive(Deserialize)]
struct Vector<'a> {
    #[serde(borrow)]
    embedding: &'a RawValue,
    text_index: usize,
}

#[derive(Deserialize)]
struct Counts {
    total_tokens: Option<u64>,
}

pub(super) fn read(body: &[u8]) -> Result<Made<'_>, ProviderError> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let mut found = answer
        .output
        .map(|output| output.embeddings)
        .ok_or_else(|| {
            let message = "the answer has no `output`";
            ProviderError::new(ErrorKind::InvalidAnswer, message)
        })?;
    found.sort_by_key(|one| one.text_index);
    if found
        .iter()
        .enumerate()
        .any(|(index, one)| one.text_index != index)
    {
        let message = "a vector of the answer is missing, or there twice";
        return Err(ProviderError::new(ErrorKind::InvalidAnswer, message));
    }
    let total = answer.usage.0.and_then(|counts| counts.total_tokens);
    Ok(Made {
        model: String::new(),
        vectors: found.iter().map(|one| one.embedding.get()).collect(),
        usage: total.map(|total| Usage {
            input_fresh: total,
            ..Usage::default()
        }),
    })
}
