//! Outcomes of models as the scorer sees their prompts.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use steelyard_router::{Judged, ScoreInput, Scorer, Scratch, Shape};

use super::super::data::{lines, open};

/// A line: one model's outcome, or those of several as in the data of `router eval`.
#[derive(Deserialize)]
struct Line {
    prompt: String,
    model: Option<String>,
    score: Option<f32>,
    #[serde(default)]
    outcomes: BTreeMap<String, Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    score: f32,
}

/// Outcomes by model.
pub(super) type Outcomes = BTreeMap<String, Vec<Judged>>;

/// Reads outcomes and scores their prompts.
pub(super) fn read(path: &Path, scorer: &Scorer) -> anyhow::Result<Outcomes> {
    let mut by_model = Outcomes::new();
    let mut scratch = Scratch::new();
    lines(open(path)?, |number, line| {
        let read = line
            .map_err(anyhow::Error::msg)
            .and_then(|line| judged(line, scorer, &mut scratch));
        let judged = read.with_context(|| format!("line {number} of the outcomes"))?;
        for (model, judged) in judged {
            by_model.entry(model).or_default().push(judged);
        }
        Ok(())
    })?;
    ensure!(!by_model.is_empty(), "there is no outcome in the file");
    Ok(by_model)
}

fn judged(
    line: &str,
    scorer: &Scorer,
    scratch: &mut Scratch,
) -> anyhow::Result<Vec<(String, Judged)>> {
    let line: Line = serde_json::from_str(line)?;
    let outcomes: Vec<(String, f32)> = match (line.model, line.score) {
        (Some(model), Some(score)) => vec![(model, score)],
        (None, None) if !line.outcomes.is_empty() => line
            .outcomes
            .into_iter()
            .map(|(model, outcome)| (model, outcome.score))
            .collect(),
        _ => bail!("neither `model` and `score` nor `outcomes`"),
    };
    let input = ScoreInput {
        segments: &[line.prompt.as_str()],
        shape: Shape::default(),
    };
    let score = scorer.score(&input, scratch);
    let prompt = hash(&line.prompt);
    outcomes
        .into_iter()
        .map(|(model, outcome)| {
            ensure!(
                (0.0..=1.0).contains(&outcome),
                "`score` is not between 0 and 1"
            );
            let judged = Judged {
                score,
                bytes: line.prompt.len(),
                prompt,
                outcome,
            };
            Ok((model, judged))
        })
        .collect()
}

/// Tells prompts apart, the same on every machine.
fn hash(prompt: &str) -> u64 {
    let hash = Sha256::digest(prompt.as_bytes());
    hash.first_chunk::<8>()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_lines_are_read() {
        let scorer = Scorer::shipped();
        let mut scratch = Scratch::new();
        let mut read = |line: &str| judged(line, scorer, &mut scratch);
        let one = read(r#"{"prompt":"Hi","model":"a","score":1}"#).expect("an outcome");
        let two = read(r#"{"prompt":"Hi","outcomes":{"a":{"score":1},"b":{"score":0.5}}}"#);
        let two = two.expect("two outcomes");
        assert_eq!(one[0], two[0]);
        assert_eq!((two[1].0.as_str(), two[1].1.outcome), ("b", 0.5));
        for (line, why) in [
            (r#"{"prompt":"Hi","model":"a"}"#, "neither"),
            (r#"{"prompt":"Hi"}"#, "neither"),
            (
                r#"{"prompt":"Hi","model":"a","score":2}"#,
                "between 0 and 1",
            ),
            ("{", "EOF"),
        ] {
            let error = format!("{:#}", read(line).expect_err(line));
            assert!(error.contains(why), "{error}");
        }
    }
}
