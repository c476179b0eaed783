//! Requests: bytes in, [`ChatRequest`] out.

use std::borrow::Cow;

use serde_json::value::RawValue;
use steelyard_types::{ChatRequest, Dialect, Embedding, EmbeddingInputs, Field};

use crate::json::Text;
use crate::openai::RequestError;
use crate::openai::request::trail::{Step, Trail};
use crate::openai::request::{located, top_level, typed};

/// Most inputs of one request, as at OpenAI.
const MAX_INPUTS: usize = 2_048;

/// Reads the body of `POST /v1/embeddings`.
///
/// # Errors
/// Bodies that are not JSON, not an object, nested too deeply, or hold a field that is not what the
/// dialect says. Fields that the dialect does not know are never an error.
pub fn parse_embedding_request(body: &[u8]) -> Result<ChatRequest<'_>, RequestError> {
    let fields = top_level(body)?;
    let trail = Trail::default();
    let mut request = ChatRequest {
        dialect: Dialect::OpenAiEmbeddings,
        ..ChatRequest::default()
    };
    let (mut inputs, mut dimensions, mut base64) = (None, None, false);
    for (name, value) in &fields {
        let read = |error: serde_json::Error| located(&trail, &error);
        let within = |known: &'static str| Step::Field(known);
        match name.as_ref() {
            "input" => inputs = Some(read_inputs(value)?),
            "model" => {
                let model = trail.within(within("model"), || typed::<Text<'_>>(value));
                request.model = model.map_err(read)?.0;
            }
            _ if value.get() == "null" => {}
            "dimensions" => {
                let wanted = trail.within(within("dimensions"), || typed(value));
                dimensions = Some(wanted.map_err(read)?);
            }
            "encoding_format" => base64 = is_base64(value)?,
            "user" => {
                let user = trail.within(within("user"), || typed::<Text<'_>>(value));
                request.end_user = Some(user.map_err(read)?.0);
            }
            "stream" if value.get() == "false" => {}
            "stream" => return Err(RequestError::field("stream", "embeddings are not streamed")),
            _ => request.untranslated.push(name.clone()),
        }
    }
    if request.model.is_empty() {
        return Err(RequestError::field("model", "is required"));
    }
    if dimensions == Some(0) {
        return Err(RequestError::field("dimensions", "must be at least 1"));
    }
    request.embedding = Some(Box::new(Embedding {
        inputs: inputs.ok_or_else(|| RequestError::field("input", "is required"))?,
        dimensions,
        base64,
    }));
    let raw = fields.into_iter();
    request.fields = raw.map(|(name, value)| Field { name, value }).collect();
    Ok(request)
}

fn is_base64(value: &RawValue) -> Result<bool, RequestError> {
    match value.get() {
        "\"float\"" => Ok(false),
        "\"base64\"" => Ok(true),
        _ => {
            let what = "expected `float` or `base64`";
            Err(RequestError::field("encoding_format", what))
        }
    }
}

/// A text, texts, tokens, or lists of tokens.
fn read_inputs(value: &RawValue) -> Result<EmbeddingInputs<'_>, RequestError> {
    let wrong = |what: &str| RequestError::field("input", what);
    let expected = "expected a string, or a list of strings or of tokens";
    if value.get().starts_with('"') {
        let Text(text) = typed(value).map_err(|_| wrong(expected))?;
        return texts(vec![text]);
    }
    if !value.get().starts_with('[') {
        return Err(wrong(expected));
    }
    let first = value.get()[1..].trim_start().bytes().next();
    match first {
        Some(b']') => Err(wrong("must hold at least one entry")),
        Some(b'"') => {
            let all: Vec<Text<'_>> = typed(value).map_err(|_| wrong(expected))?;
            texts(all.into_iter().map(|Text(text)| text).collect())
        }
        Some(b'[') => {
            let lists: Vec<Vec<u64>> = typed(value).map_err(|_| wrong(expected))?;
            tokens(&lists)
        }
        _ => {
            let list: Vec<u64> = typed(value).map_err(|_| wrong(expected))?;
            tokens(&[list])
        }
    }
}

fn texts(texts: Vec<Cow<'_, str>>) -> Result<EmbeddingInputs<'_>, RequestError> {
    check_count(texts.len())?;
    if let Some(empty) = texts.iter().position(|text| text.is_empty()) {
        let what = "must not be empty";
        return Err(RequestError::field(format!("input[{empty}]"), what));
    }
    Ok(EmbeddingInputs::Texts(texts))
}

fn tokens<'a>(lists: &[Vec<u64>]) -> Result<EmbeddingInputs<'a>, RequestError> {
    check_count(lists.len())?;
    if let Some(empty) = lists.iter().position(Vec::is_empty) {
        let what = "must not be empty";
        return Err(RequestError::field(format!("input[{empty}]"), what));
    }
    let tokens = lists.iter().map(Vec::len).sum::<usize>();
    Ok(EmbeddingInputs::Tokens {
        lists: lists.len(),
        tokens: u64::try_from(tokens).unwrap_or(u64::MAX),
    })
}

fn check_count(count: usize) -> Result<(), RequestError> {
    if count <= MAX_INPUTS {
        return Ok(());
    }
    let what = format!("holds more than {MAX_INPUTS} entries");
    Err(RequestError::field("input", what))
}
