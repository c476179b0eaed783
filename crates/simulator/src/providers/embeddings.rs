//! Embeddings of all providers that make them.
//!
//! A vector is drawn from the words of its text, so that the same text has the same vector
//! wherever and whenever it is asked for, and texts that share words lie closer to each other.
//! Vectors have length 1, as OpenAI's do.

use serde_json::Value;

use crate::ask::Ask;
use crate::delivery::Reply;
use crate::draw::Draw;
use crate::tokens;

use super::Provider;

mod dashscope;
mod gemini;
mod openai;

/// Numbers of a vector where the request does not say.
const USUAL_DIMENSIONS: u64 = 64;
/// The longest vector.
const MOST_DIMENSIONS: u64 = 4_096;

/// Who makes the embeddings of a path.
pub(super) fn find(prefix: &str, path: &str) -> Option<&'static dyn Provider> {
    Some(match (prefix, path) {
        ("openai", "/v1/embeddings") => &openai::OPENAI,
        ("compatible", "/v1/embeddings") => &openai::COMPATIBLE,
        ("mistral", "/v1/embeddings") => &openai::MISTRAL,
        ("gemini", path) if gemini::model_of(path).is_some() => &gemini::GeminiEmbeddings,
        (_, "/compatible-mode/v1/embeddings") if super::dashscope::region(prefix).is_some() => {
            &openai::DASHSCOPE
        }
        (_, dashscope::PATH) if super::dashscope::region(prefix).is_some() => {
            &dashscope::DashScopeEmbeddings
        }
        _ => return None,
    })
}

/// What is asked for, as the rest of the simulator sees it: the last text may hold markers.
fn ask(model: &str, texts: &[String], prompt_tokens: u64) -> Ask {
    Ask {
        model: model.to_owned(),
        last_user: texts.last().cloned().unwrap_or_default(),
        prompt_tokens,
        answers: 1,
        ..Ask::default()
    }
}

/// Tokens of all texts.
fn count(texts: &[String]) -> u64 {
    texts.iter().map(|text| tokens::count(text).max(1)).sum()
}

/// The numbers of a text's vector.
fn vector(text: &str, dimensions: u64) -> Vec<f32> {
    let mut sums = vec![0.0_f64; usize::try_from(dimensions).unwrap_or(0)];
    for word in text.to_lowercase().split_whitespace() {
        let mut draw = Draw::new(0, &[word.as_bytes()]);
        for sum in &mut sums {
            // From -1 to 1 in steps of a thousandth.
            let step = u16::try_from(draw.below(2_001)).unwrap_or(0);
            *sum += f64::from(step) / 1_000.0 - 1.0;
        }
    }
    let length = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    let rounded = sums.iter().map(|sum| format!("{:.7}", sum * scale));
    rounded.map(|text| text.parse().unwrap_or(0.0)).collect()
}

/// The vector as JSON.
fn json(vector: &[f32]) -> Value {
    let numbers = vector.iter().map(|one| Value::from(f64::from(*one)));
    Value::Array(numbers.collect())
}

/// Texts of a list, if it holds nothing else.
fn texts(value: &Value) -> Option<Vec<String>> {
    let list = value.as_array().filter(|list| !list.is_empty())?;
    let texts = list.iter().map(|text| text.as_str().map(str::to_owned));
    texts.collect()
}

/// How long the vectors are to be; `None` is no length.
fn dimensions(value: &Value) -> Option<u64> {
    match value {
        Value::Null => Some(USUAL_DIMENSIONS),
        value => value
            .as_u64()
            .filter(|wanted| (1..=MOST_DIMENSIONS).contains(wanted)),
    }
}

/// The request, or what it is refused with.
type Read = Result<Ask, Reply>;

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(one: &str, other: &str) -> f32 {
        let (one, other) = (vector(one, 64), vector(other, 64));
        one.iter().zip(&other).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn vectors_have_length_one_and_shared_words_bring_them_closer() {
        assert_eq!(vector("the cat", 8), vector("The  cat", 8));
        assert_eq!(vector("a", 3).len(), 3);
        assert!((likeness("the cat sat", "the cat sat") - 1.0).abs() < 1e-4);
        assert!(likeness("the cat sat", "the cat ran") > likeness("the cat sat", "a dog barks"));
    }
}
