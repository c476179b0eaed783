//! Recorded outcomes: prompts with what models made of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use steelyard_router::train::{Example, Outcome};

use super::data::{BadLines, Pairs, lines, not_json, open, reason, tell};
use super::repeats::merge;

/// How a line of the data looks.
const LINE: &str = "{\"prompt\", \"outcomes\": {MODEL: {\"score\": 0 to 1}}} or \
                    {\"prompt\", \"model\", \"score\"}";

/// Tokens of one answer that can be meant.
pub(super) const MOST_TOKENS: std::ops::RangeInclusive<f32> = 0.0..=1e7;

/// Most bytes of a model's name: weights keep it, and tables show it.
const LONGEST_NAME: usize = 256;

/// Recorded outcomes of several files, every prompt of a source once. Lines that cannot be read are
/// all told before that is an error, up to a bound.
pub(super) fn examples(files: &[PathBuf]) -> anyhow::Result<Vec<Example>> {
    let mut examples = Vec::new();
    let mut bad = BadLines::default();
    for path in files {
        let source = source_name(path);
        lines(open(path)?, |number, line| {
            let read = line
                .map_err(anyhow::Error::msg)
                .and_then(|line| example(line, &source));
            match read {
                Ok(read) => examples.push(read),
                Err(error) => bad.tell(path, number, &error),
            }
            Ok(())
        })?;
    }
    bad.end("the data")
        .map_err(|error| anyhow!("{error}; a line is {LINE}"))?;
    ensure!(
        !examples.is_empty(),
        "there is no prompt in the data; a line is {LINE}"
    );
    let (examples, repeats) = merge(examples);
    repeats.lines().iter().for_each(|line| tell(line));
    Ok(examples)
}

/// `mmlu-pro.dev.jsonl.gz` is the source `mmlu-pro`.
fn source_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

fn example(line: &str, source: &str) -> anyhow::Result<Example> {
    let fields: Pairs<&RawValue> = serde_json::from_str(line).map_err(|error| not_json(&error))?;
    let mut fields: BTreeMap<String, &RawValue> = fields.distinct()?;
    let by_model = fields.remove("outcomes");
    let read = |(name, value): (String, &RawValue)| {
        let value: Value = serde_json::from_str(value.get())
            .map_err(|error| anyhow::anyhow!("`{name}`: {}", reason(&error)))?;
        Ok((name, value))
    };
    let fields: Map<String, Value> = fields
        .into_iter()
        .map(read)
        .collect::<anyhow::Result<_>>()?;
    let text = fields.get("prompt").context("no `prompt`")?;
    let text = text.as_str().context("`prompt` is not a text")?;
    let task = fields.get("task").and_then(Value::as_str);
    let outcomes = match (by_model, fields.get("model")) {
        (Some(by_model), _) => outcomes(by_model)?,
        (None, Some(model)) => {
            vec![outcome(
                model.as_str().context("`model` is not a text")?,
                &fields,
            )?]
        }
        (None, None) => bail!("neither `outcomes` nor `model` and `score`"),
    };
    Ok(Example {
        source: source.to_owned(),
        task: task.unwrap_or(source).to_owned(),
        text: text.to_owned(),
        outcomes,
    })
}

/// The outcomes of a line, by model.
fn outcomes(by_model: &RawValue) -> anyhow::Result<Vec<Outcome>> {
    let by_model: Pairs<Value> =
        serde_json::from_str(by_model.get()).map_err(|error| match error.is_data() {
            true => anyhow::anyhow!("`outcomes` is not an object, {{MODEL: {{\"score\"}}}}"),
            false => anyhow::anyhow!("`outcomes`: {}", reason(&error)),
        })?;
    let by_model: BTreeMap<String, Value> = by_model.distinct().context("`outcomes`")?;
    let one = |(model, outcome): (&String, &Value)| {
        let fields = outcome.as_object();
        let fields = fields.with_context(|| format!("the outcome of {model:?} is no object"))?;
        self::outcome(model, fields)
    };
    by_model.iter().map(one).collect()
}

fn outcome(model: &str, fields: &Map<String, Value>) -> anyhow::Result<Outcome> {
    ensure!(
        !model.trim().is_empty() && !model.chars().any(char::is_control),
        "{model:?} is no name of a model"
    );
    ensure!(
        model.len() <= LONGEST_NAME,
        "the name of a model has {} bytes, more than {LONGEST_NAME}",
        model.len()
    );
    let given = |key: &str| fields.get(key).filter(|value| !value.is_null());
    let score = given("score").with_context(|| format!("no score of {model}"))?;
    let score = number(score).with_context(|| format!("the score of {model} is not a number"))?;
    ensure!(
        (0.0..=1.0).contains(&score),
        "the score of {model} is not between 0 and 1"
    );
    let tokens = given("output_tokens");
    let output_tokens = tokens.and_then(number);
    ensure!(
        output_tokens.map_or(tokens.is_none(), |tokens| MOST_TOKENS.contains(&tokens)),
        "the output tokens of {model} are not a number from 0 to 10,000,000"
    );
    Ok(Outcome {
        model: model.to_owned(),
        score,
        output_tokens,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "scores and lengths need no more digits"
)]
fn number(value: &Value) -> Option<f32> {
    let number = value.as_f64()? as f32;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_outcome_is_read() {
        let line = r#"{"prompt":"Hi","task":"t","outcomes":{"m":{"score":0.5,"output_tokens":7}}}"#;
        let read = example(line, "source").unwrap();
        assert_eq!((read.text.as_str(), read.outcomes.len()), ("Hi", 1));
        assert_eq!(read.outcomes[0].output_tokens, Some(7.0));
        for (outcome, why) in [
            ("{}", "no score of m"),
            (r#"{"score":null}"#, "no score of m"),
            (r#"{"score":"1"}"#, "score of m is not a number"),
            (r#"{"score":true}"#, "score of m is not a number"),
            ("1", "outcome of \"m\" is no object"),
            (r#"{"score":1.5}"#, "score of m is not between 0 and 1"),
            (r#"{"score":-1}"#, "score of m is not between 0 and 1"),
            (r#"{"score":1,"output_tokens":-5}"#, "output tokens of m"),
            (r#"{"score":1,"output_tokens":"x"}"#, "output tokens of m"),
            (r#"{"score":1,"output_tokens":1e30}"#, "output tokens of m"),
        ] {
            let line = format!(r#"{{"prompt":"Hi","outcomes":{{"m":{outcome}}}}}"#);
            let error = example(&line, "source").unwrap_err();
            assert!(format!("{error:#}").contains(why), "{error:#}");
        }
    }

    #[test]
    fn a_line_may_be_of_one_model() {
        let line = r#"{"prompt":"Hi","model":"m","score":0.5,"output_tokens":7}"#;
        let read = example(line, "source").unwrap();
        let other = r#"{"prompt":"Hi","outcomes":{"m":{"score":0.5,"output_tokens":7}}}"#;
        assert_eq!(read, example(other, "source").unwrap());
        let long = "m".repeat(257);
        let long = format!(r#"{{"prompt":"Hi","model":"{long}","score":1}}"#);
        for (line, why) in [
            ("a,b", "not a JSON object: expected value, column 1"),
            ("[]", "not a JSON object: "),
            (r#"{"outcomes":{}}"#, "no `prompt`"),
            (r#"{"prompt":1,"outcomes":{}}"#, "`prompt` is not a text"),
            (r#"{"prompt":"Hi"}"#, "neither `outcomes` nor `model`"),
            (r#"{"prompt":"Hi","model":"m"}"#, "no score of m"),
            (
                r#"{"prompt":"Hi","model":1,"score":1}"#,
                "`model` is not a text",
            ),
            (
                r#"{"prompt":"Hi","outcomes":[]}"#,
                "`outcomes` is not an object",
            ),
            (
                r#"{"prompt":"Hi","model":" ","score":1}"#,
                "no name of a model",
            ),
            (
                r#"{"prompt":"Hi","model":"a\nb","score":1}"#,
                "no name of a model",
            ),
            (&*long, "has 257 bytes, more than 256"),
            (
                r#"{"prompt":"a","prompt":"b","outcomes":{}}"#,
                "\"prompt\" stands twice",
            ),
            (
                r#"{"prompt":"a","outcomes":{"m":{"score":1},"m":{"score":0}}}"#,
                "`outcomes`: \"m\" stands twice",
            ),
            (
                r#"{"prompt":"\ud800","outcomes":{}}"#,
                "`prompt`: an escape from \\ud800 to \\udfff",
            ),
        ] {
            let error = format!("{:#}", example(line, "source").unwrap_err());
            assert!(error.contains(why), "{line}: {error}");
        }
    }
}
