//! Outcomes of models as the scorer sees their prompts.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use steelyard_router::{Judged, Scorer};

use super::super::data::{BadLines, Pairs, lines, open};
use super::super::prompt::{self, Fields, Prompt};
use super::super::recorded::MOST_TOKENS;
use crate::pipeline::score_request;

#[derive(Deserialize)]
struct Outcome {
    score: f32,
    output_tokens: Option<f32>,
}

/// What a model made of its prompts.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Of {
    /// Number of outcomes as they stand in the file.
    pub(super) count: usize,
    /// One outcome of every prompt that the scorer tells apart.
    pub(super) judged: Vec<Judged>,
}

/// Outcomes by model.
pub(super) type Outcomes = BTreeMap<String, Of>;

/// Reads outcomes and scores their prompts. Lines that cannot be read are all told before that is
/// an error, up to a bound.
pub(super) fn read(path: &Path, scorer: &Scorer) -> anyhow::Result<Outcomes> {
    let mut by_model: BTreeMap<String, Vec<Judged>> = BTreeMap::new();
    let mut bad = BadLines::default();
    lines(open(path)?, |number, line| {
        let read = line
            .map_err(anyhow::Error::msg)
            .and_then(|line| judged(line, scorer));
        match read {
            Ok(read) => {
                for (model, judged) in read {
                    by_model.entry(model).or_default().push(judged);
                }
            }
            Err(error) => bad.tell(path, number, &error),
        }
        Ok(())
    })?;
    bad.end("the outcomes")?;
    ensure!(!by_model.is_empty(), "there is no outcome in the file");
    let of = |judged: Vec<Judged>| Of {
        count: judged.len(),
        judged: Judged::distinct(&judged),
    };
    let by_model = by_model.into_iter();
    Ok(by_model
        .map(|(model, judged)| (model, of(judged)))
        .collect())
}

/// Takes a field out of a line.
fn take<T: DeserializeOwned>(fields: &mut Fields, name: &str) -> anyhow::Result<Option<T>> {
    let value = fields.remove(name);
    let value = value.filter(|value| value.get() != "null");
    value
        .map(|value| serde_json::from_str(value.get()))
        .transpose()
        .with_context(|| format!("`{name}`"))
}

/// A line: one model's outcome, or those of several as in the data of `router eval`.
fn judged(line: &str, scorer: &Scorer) -> anyhow::Result<Vec<(String, Judged)>> {
    let mut fields = prompt::fields(line)?;
    let model: Option<String> = take(&mut fields, "model")?;
    let score: Option<f32> = take(&mut fields, "score")?;
    let outcomes: Option<Pairs<Outcome>> = take(&mut fields, "outcomes")?;
    let output_tokens: Option<f32> = take(&mut fields, "output_tokens")?;
    let outcomes: BTreeMap<String, Outcome> = match outcomes {
        Some(outcomes) => outcomes.distinct().context("`outcomes`")?,
        None => BTreeMap::new(),
    };
    let outcomes: Vec<(String, Outcome)> = match (model, score) {
        (Some(model), Some(score)) => {
            let outcome = Outcome {
                score,
                output_tokens,
            };
            vec![(model, outcome)]
        }
        (None, None) if !outcomes.is_empty() => {
            ensure!(
                output_tokens.is_none(),
                "`output_tokens` beside `outcomes`: each of them has its own"
            );
            outcomes.into_iter().collect()
        }
        _ => bail!("neither `model` and `score` nor `outcomes`"),
    };
    fields.remove("id");
    let prompt = Prompt::of(fields)?;
    let request = prompt.request()?;
    let score = score_request(&request, scorer);
    let texts = request.messages.iter().flat_map(|message| message.texts());
    let bytes = texts.map(str::len).sum();
    // How long an answer would have been without the limit is not known where either reaches it.
    let limit = request.max_output_tokens.map(|most| most as f64);
    let expected = f64::from(score.expected_output_tokens);
    let is_cut = |tokens: f32| limit.is_some_and(|most| expected.max(f64::from(tokens)) >= most);
    outcomes
        .into_iter()
        .map(|(model, outcome)| {
            ensure!(
                (0.0..=1.0).contains(&outcome.score),
                "`score` is not between 0 and 1"
            );
            let judged = Judged::new(score, bytes, outcome.score);
            let Some(tokens) = outcome.output_tokens else {
                return Ok((model, judged));
            };
            ensure!(
                MOST_TOKENS.contains(&tokens),
                "`output_tokens` is not a number from 0 to 10,000,000"
            );
            let judged = match is_cut(tokens) {
                true => judged,
                false => judged.with_output_tokens(tokens),
            };
            Ok((model, judged))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> anyhow::Result<Vec<(String, Judged)>> {
        judged(line, Scorer::shipped())
    }

    #[test]
    fn both_forms_of_lines_are_read() {
        let one = read(r#"{"prompt":"Hi","model":"a","score":1}"#).expect("an outcome");
        let two = read(r#"{"prompt":"Hi","outcomes":{"a":{"score":1},"b":{"score":0.5}}}"#);
        let two = two.expect("two outcomes");
        assert_eq!(one[0], two[0]);
        assert_eq!((two[1].0.as_str(), two[1].1.outcome), ("b", 0.5));
        for (line, why) in [
            (r#"{"prompt":"Hi","model":"a"}"#, "neither"),
            (r#"{"prompt":"Hi"}"#, "neither"),
            (r#"{"model":"a","score":1}"#, "none of `prompt`"),
            (r#"{"prompt":7,"model":"a","score":1}"#, "not a text"),
            (r#"{"prompt":"Hi","model":"a","score":"1"}"#, "`score`"),
            (
                r#"{"prompt":"Hi","model":"a","score":2}"#,
                "between 0 and 1",
            ),
            (
                r#"{"prompt":"Hi","model":"a","score":1,"output_tokens":-1}"#,
                "`output_tokens` is not a number from 0",
            ),
            (
                r#"{"prompt":"Hi","model":"a","score":1,"output_tokens":"9"}"#,
                "`output_tokens`",
            ),
            (
                r#"{"prompt":"Hi","outcomes":{"a":{"score":1,"output_tokens":1e9}}}"#,
                "`output_tokens` is not a number from 0",
            ),
            (
                r#"{"prompt":"Hi","output_tokens":9,"outcomes":{"a":{"score":1}}}"#,
                "each of them has its own",
            ),
            ("{", "EOF"),
            (
                r#"{"prompt":"Hi","model":"a","score":1,"score":0}"#,
                "\"score\" stands twice",
            ),
            (
                r#"{"prompt":"Hi","outcomes":{"a":{"score":1},"a":{"score":0}}}"#,
                "`outcomes`: \"a\" stands twice",
            ),
        ] {
            let error = format!("{:#}", read(line).expect_err(line));
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn lengths_of_answers_are_read_where_no_limit_cuts_what_is_expected() {
        let recorded = |fields: &str| {
            let line = format!(r#"{{"model":"a","score":1,"output_tokens":90,{fields}}}"#);
            let length = read(&line).expect(fields)[0].1.length;
            length.map(|length| length.recorded)
        };
        assert_eq!(recorded(r#""prompt":"Hi""#), Some(90.0));
        let limited = |most: u32| {
            recorded(&format!(
                r#""messages":[{{"role":"user","content":"Hi"}}],"max_tokens":{most}"#
            ))
        };
        assert_eq!(limited(100_000), Some(90.0));
        assert_eq!(limited(1), None);
        let both = r#"{"prompt":"Hi","outcomes":{"a":{"score":1,"output_tokens":7.5},
            "b":{"score":1,"output_tokens":null},"c":{"score":1}}}"#;
        let lengths = read(both).expect("three outcomes").into_iter();
        let lengths = lengths.map(|(_, judged)| judged.length.map(|length| length.recorded));
        assert_eq!(lengths.collect::<Vec<_>>(), [Some(7.5), None, None]);
    }

    #[test]
    fn messages_are_a_prompt_too() {
        let outcome = r#""model":"a","score":1"#;
        let of = |fields: &str| {
            let read = read(&format!("{{{outcome},{fields}}}")).expect(fields);
            read[0].1
        };
        let user = r#"{"role":"user","content":"Prove it."}"#;
        let prompt = of(r#""prompt":"Prove it.""#);
        assert_eq!(prompt, of(&format!(r#""id":7,"messages":[{user}]"#)));
        let system = r#"{"role":"system","content":"Be brief."}"#;
        let longer = of(&format!(r#""messages":[{system},{user}]"#));
        assert_ne!(prompt.prompt, longer.prompt);
        assert_eq!(longer.bytes, "Be brief.Prove it.".len());
        let turned = r#"{"content":"Be brief.","role":"system"}"#;
        assert_eq!(longer, of(&format!(r#""messages":[{turned},{user}]"#)));
        assert_eq!(
            longer,
            of(&format!(r#""system":"Be brief.","messages":[{user}]"#))
        );
        let input = of(r#""input":"Prove it.","instructions":"Be brief.""#);
        assert_eq!(longer, input);
    }

    #[test]
    fn prompts_that_look_alike_to_the_scorer_are_one() {
        let of = |prompt: &str| {
            let line = format!(r#"{{"prompt":"{prompt}","model":"a","score":1}}"#);
            read(&line).expect("an outcome")[0].1.prompt
        };
        assert_eq!(of("What is 12 + 34?"), of("What is 56 + 78?"));
        assert_ne!(of("What is 12 + 34?"), of("What is the sum?"));
    }

    #[test]
    fn every_line_that_cannot_be_read_counts_and_repeats_do_not() {
        let name = format!("steelyard-outcomes-{}.jsonl", std::process::id());
        let path = std::env::temp_dir().join(name);
        let line = |score: &str| format!(r#"{{"prompt":"Hi","model":"a","score":{score}}}"#);
        let write = |lines: &[String]| std::fs::write(&path, lines.join("\n")).expect("writable");
        write(&vec![line("3"); 23]);
        let error = read_file(&path).expect_err("no line is sound").to_string();
        assert!(
            error.contains("23 lines") && error.contains("3 of them not shown"),
            "{error}"
        );
        write(&[line("1"), line("0"), line("0.5"), line("0.5")]);
        let of = read_file(&path).expect("outcomes");
        std::fs::remove_file(&path).expect("it was written");
        assert_eq!((of["a"].count, of["a"].judged.len()), (4, 1));
        assert!((of["a"].judged[0].outcome - 0.5).abs() < 1e-6);
    }

    fn read_file(path: &Path) -> anyhow::Result<Outcomes> {
        super::read(path, Scorer::shipped())
    }
}
