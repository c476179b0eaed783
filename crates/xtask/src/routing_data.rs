//! Reads recorded outcomes: gzipped JSON lines, one prompt each.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use serde_json::Value;
use steelyard_router::train::{Example, Outcome};

/// Reference material beside the workspace. A user's clone has none.
pub(crate) fn shared() -> PathBuf {
    let folder = std::env::var_os("STEELYARD_SHARED").map(PathBuf::from);
    folder.unwrap_or_else(|| crate::workspace::root().join("../shared"))
}

/// Where the recorded outcomes are.
pub(crate) fn folder() -> PathBuf {
    shared().join("data/routing")
}

/// Reads every `*.jsonl.gz` of a folder, in the order of their names.
pub(crate) fn examples(folder: &Path) -> Result<Vec<Example>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|path| path.to_string_lossy().ends_with(".jsonl.gz"));
    files.sort();
    ensure!(!files.is_empty(), "no *.jsonl.gz in {}", folder.display());
    let mut examples = Vec::new();
    for path in files {
        let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        let source = source_name(&path);
        for (index, line) in BufReader::new(GzDecoder::new(file)).lines().enumerate() {
            let line = line.with_context(|| format!("cannot read {}", path.display()))?;
            let example = example(&line, &source)
                .with_context(|| format!("{}, line {}", path.display(), index + 1))?;
            examples.push(example);
        }
    }
    Ok(examples)
}

/// `mmlu-pro.dev.jsonl.gz` is the source `mmlu-pro`.
fn source_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

fn example(line: &str, source: &str) -> Result<Example> {
    let value: Value = serde_json::from_str(line)?;
    let text = |key: &str| -> Result<String> {
        Ok(value
            .get(key)
            .and_then(Value::as_str)
            .with_context(|| format!("no {key}"))?
            .to_owned())
    };
    let outcomes = value
        .get("outcomes")
        .and_then(Value::as_object)
        .context("no outcomes")?;
    let outcomes = outcomes
        .iter()
        .map(|(model, outcome)| {
            Ok(Outcome {
                model: model.clone(),
                score: number(outcome, "score").with_context(|| format!("no score of {model}"))?,
                output_tokens: number(outcome, "output_tokens"),
            })
        })
        .collect::<Result<_>>()?;
    Ok(Example {
        source: source.to_owned(),
        task: text("task")?,
        text: text("prompt")?,
        outcomes,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "scores and lengths need no more digits"
)]
fn number(value: &Value, key: &str) -> Option<f32> {
    value
        .get(key)
        .and_then(Value::as_f64)
        .map(|number| number as f32)
}
