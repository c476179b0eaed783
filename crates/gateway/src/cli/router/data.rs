//! Reads JSON lines, gzipped or not, and the scorer's weights.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use flate2::read::GzDecoder;
use serde_json::Value;
use steelyard_router::Scorer;
use steelyard_router::train::{Example, Outcome};

/// Most bytes of one line.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// Tokens of one answer that can be meant.
pub(super) const MOST_TOKENS: std::ops::RangeInclusive<f32> = 0.0..=1e7;

/// Opens a file; `-` is standard input, a name that ends in `.gz` is unpacked.
pub(super) fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        Ok(Box::new(BufReader::new(GzDecoder::new(file))))
    } else {
        Ok(Box::new(BufReader::new(file)))
    }
}

/// Lines with their numbers, without the empty ones. A line past the bound is an error of its own.
pub(super) fn lines(
    mut input: Box<dyn BufRead>,
    mut each: impl FnMut(u64, Result<&str, &'static str>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = input
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        if read as u64 == MAX_LINE_BYTES && line.last() != Some(&b'\n') {
            skip_line(&mut input)?;
            each(number, Err("the line is longer than 16 MiB"))?;
            continue;
        }
        // A mark of the order of bytes says nothing in UTF-8, but some editors write it.
        let line = match line.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if number == 1 => rest,
            _ => line.as_slice(),
        };
        match std::str::from_utf8(line) {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => each(number, Ok(text.trim()))?,
            Err(_) => each(number, Err("the line is not UTF-8"))?,
        }
    }
    Ok(())
}

fn skip_line(input: &mut dyn BufRead) -> std::io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        match memchr::memchr(b'\n', buffer) {
            Some(end) => {
                input.consume(end + 1);
                return Ok(());
            }
            None => {
                let all = buffer.len();
                input.consume(all);
            }
        }
    }
}

/// The files of recorded outcomes, in their order; a folder stands for its `*.jsonl.gz` and
/// `*.jsonl` in the order of their names.
pub(super) fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path)
            .with_context(|| format!("cannot read the folder {}", path.display()))?;
        let mut inside: Vec<PathBuf> = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<anyhow::Result<_>>()?;
        inside.retain(|path| {
            let name = path.to_string_lossy();
            name.ends_with(".jsonl.gz") || name.ends_with(".jsonl")
        });
        inside.sort();
        ensure!(
            !inside.is_empty(),
            "no *.jsonl.gz or *.jsonl in {}",
            path.display()
        );
        files.extend(inside);
    }
    Ok(files)
}

/// Recorded outcomes of several files. Lines that cannot be read are all told before that is an
/// error, up to a bound.
pub(super) fn examples(files: &[PathBuf]) -> anyhow::Result<Vec<Example>> {
    const MOST_TOLD: u64 = 20;
    let mut examples = Vec::new();
    let mut bad = 0_u64;
    for path in files {
        let source = source_name(path);
        lines(open(path)?, |number, line| {
            let read = line
                .map_err(anyhow::Error::msg)
                .and_then(|line| example(line, &source));
            match read {
                Ok(read) => examples.push(read),
                Err(error) => {
                    bad += 1;
                    if bad <= MOST_TOLD {
                        tell(&format!("{}, line {number}: {error:#}", path.display()));
                    }
                }
            }
            Ok(())
        })
        .with_context(|| format!("cannot read {}", path.display()))?;
    }
    if bad > 0 {
        let more = match bad.saturating_sub(MOST_TOLD) {
            0 => String::new(),
            more => format!(", {more} of them not shown"),
        };
        bail!("{bad} lines of the data cannot be read{more}");
    }
    ensure!(!examples.is_empty(), "there is no prompt in the data");
    Ok(examples)
}

/// `mmlu-pro.dev.jsonl.gz` is the source `mmlu-pro`.
fn source_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

fn example(line: &str, source: &str) -> anyhow::Result<Example> {
    let value: Value = serde_json::from_str(line)?;
    let text = value
        .get("prompt")
        .and_then(Value::as_str)
        .context("no prompt")?;
    let task = value.get("task").and_then(Value::as_str).unwrap_or(source);
    let outcomes = value
        .get("outcomes")
        .and_then(Value::as_object)
        .context("no outcomes")?;
    let outcomes = outcomes
        .iter()
        .map(|(model, outcome)| {
            let score = number(outcome, "score").with_context(|| format!("no score of {model}"))?;
            ensure!(
                (0.0..=1.0).contains(&score),
                "the score of {model} is not between 0 and 1"
            );
            let output_tokens = number(outcome, "output_tokens");
            let given = outcome
                .get("output_tokens")
                .is_some_and(|given| !given.is_null());
            ensure!(
                output_tokens.map_or(!given, |tokens| MOST_TOKENS.contains(&tokens)),
                "the output tokens of {model} are not a number from 0 to 10,000,000"
            );
            Ok(Outcome {
                model: model.clone(),
                score,
                output_tokens,
            })
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(Example {
        source: source.to_owned(),
        task: task.to_owned(),
        text: text.to_owned(),
        outcomes,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "scores and lengths need no more digits"
)]
fn number(value: &Value, key: &str) -> Option<f32> {
    let number = value.get(key).and_then(Value::as_f64)? as f32;
    number.is_finite().then_some(number)
}

/// The weights of a file, or those that ship.
pub(super) enum Weights {
    Shipped,
    Own(Box<Scorer>),
}

impl Weights {
    pub(super) fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Shipped);
        };
        let mut bytes = Vec::new();
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let most = steelyard_router::MAX_WEIGHTS_BYTES as u64 + 1;
        file.take(most).read_to_end(&mut bytes)?;
        match Scorer::from_bytes(&bytes) {
            Ok(scorer) => Ok(Self::Own(Box::new(scorer))),
            Err(error) => bail!("{} cannot be used: {error}", path.display()),
        }
    }

    /// For as long as the process runs, as a gateway holds its scorer.
    pub(super) fn forever(self) -> &'static Scorer {
        match self {
            Self::Shipped => Scorer::shipped(),
            Self::Own(scorer) => Box::leak(scorer),
        }
    }

    pub(super) fn scorer(&self) -> &Scorer {
        match self {
            Self::Shipped => Scorer::shipped(),
            Self::Own(scorer) => scorer,
        }
    }
}

/// The name most like one that is not known.
pub(super) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|other| (strsim::jaro_winkler(name, other), other))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, near)| near)
}

/// Tells how it goes on standard error, so that the tables on standard output stay clean.
#[expect(clippy::print_stderr, reason = "this is the command line's own voice")]
pub(super) fn tell(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_bounded() {
        let long = "x".repeat(usize::try_from(MAX_LINE_BYTES).unwrap() + 10);
        let text = format!("\u{feff}one\n\n{long}\nfour");
        let mut seen = Vec::new();
        lines(
            Box::new(std::io::Cursor::new(text.into_bytes())),
            |number, line| {
                seen.push((number, line.map(str::to_owned)));
                Ok(())
            },
        )
        .unwrap();
        let too_long = Err("the line is longer than 16 MiB");
        assert_eq!(
            seen,
            [
                (1, Ok("one".to_owned())),
                (3, too_long),
                (4, Ok("four".to_owned()))
            ]
        );
    }

    #[test]
    fn a_recorded_outcome_is_read() {
        let line = r#"{"prompt":"Hi","task":"t","outcomes":{"m":{"score":0.5,"output_tokens":7}}}"#;
        let read = example(line, "source").unwrap();
        assert_eq!((read.text.as_str(), read.outcomes.len()), ("Hi", 1));
        assert_eq!(read.outcomes[0].output_tokens, Some(7.0));
        for (outcome, why) in [
            ("{}", "no score of m"),
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
}
