use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use steelyard_router::train::{Dataset, Example, Settings, Split, train, validate};
use steelyard_router::{MAX_WEIGHTS_BYTES, Scorer};

use super::super::say;
use super::anchors::anchors;
use super::data::{files, tell};
use super::eval::{self, Forecast};
use super::output;
use super::recorded::examples;

/// From fewer prompts with outcomes come no weights worth having.
const LEAST_PROMPTS: usize = 200;

/// A scale places models beside each other.
const LEAST_MODELS: usize = 2;

/// Options of `router train`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Recorded outcomes: JSON lines, gzipped or not, or folders of them
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    data: Vec<PathBuf>,
    /// Where the weights go
    #[arg(long, value_name = "FILE", default_value = "config/scorer.bin")]
    out: PathBuf,
    /// Prompts whose difficulty was judged by hand, instead of those that ship
    #[arg(long, value_name = "FILE")]
    anchors: Option<PathBuf>,
    /// Name of the weights, for logs and reports
    #[arg(long, default_value = "scorer-6", value_parser = name_of)]
    name: String,
    /// Seed of the order in which examples are visited
    #[arg(long, default_value_t = Settings::default().seed)]
    seed: u64,
    /// Sources never to be fitted, by the start of their name, besides those whose licence forbids it
    #[arg(long, value_name = "SOURCE", value_delimiter = ',')]
    without: Vec<String>,
    /// Also grade the recipe on held-out folds: by question, by whole tasks, by whole sources
    #[arg(long, value_enum)]
    grade: Vec<By>,
    /// A pair to grade on them, WEAK,STRONG; may be repeated. Default: as in `router eval`
    #[arg(long, value_name = "WEAK,STRONG", requires = "grade")]
    pair: Vec<String>,
    /// Number of folds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=50))]
    folds: u32,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum By {
    Question,
    Task,
    Source,
}

/// Most characters of a name.
const LONGEST_NAME: usize = 64;

/// A name that stands well in a line of a log.
fn name_of(text: &str) -> Result<String, String> {
    let letters = text.chars().count();
    if text.trim().is_empty() {
        return Err("a name has a letter at least".to_owned());
    }
    if letters > LONGEST_NAME {
        return Err(format!(
            "a name has at most {LONGEST_NAME} characters, this one has {letters}"
        ));
    }
    if text.chars().any(char::is_control) {
        return Err("a name has no line breaks or other control characters".to_owned());
    }
    Ok(text.trim().to_owned())
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let files = files(&args.data)?;
    let read = files.iter().chain(&args.anchors).map(PathBuf::as_path);
    output::distinct(&args.out, read)?;
    output::writable(&args.out)?;
    let recorded = examples(&files)?;
    let settings = settings(args, &recorded)?;
    enough(&recorded, &settings.validation_only)?;
    let anchors = anchors(args.anchors.as_deref())?;
    let graded = eval::Options::of_pairs(&args.pair, &recorded)?;
    tell(&format!(
        "{} prompts, {} anchors",
        recorded.len(),
        anchors.len()
    ));
    let data = Dataset::new(&recorded, &anchors);
    let mut progress = |step: &str| tell(&format!("  {step}"));
    let trained = train(&data, &settings, &args.name, &mut progress)?;
    ensure!(
        trained.bytes.len() <= MAX_WEIGHTS_BYTES,
        "the weights have {} bytes, more than can be loaded",
        trained.bytes.len()
    );
    Scorer::from_bytes(&trained.bytes).context("the new weights do not load")?;
    output::write(&args.out, &trained.bytes)?;
    say(&format!(
        "wrote {}, {} bytes",
        args.out.display(),
        trained.bytes.len()
    ));
    say(&format!(
        "slope of the success probability: {:.2}",
        trained.slope
    ));
    say(&format!(
        "\n{:<36} {:>10} {:>9}",
        "model", "capability", "outcomes"
    ));
    for model in &trained.capabilities {
        let (name, capability, outcomes) = (&model.model, model.capability, model.outcomes);
        say(&format!("{name:<36} {capability:>10.2} {outcomes:>9}"));
    }
    grade(args, &data, &recorded, &settings, &graded)?;
    Ok(ExitCode::SUCCESS)
}

/// Grades the recipe in the ways that are asked for.
///
/// # Errors
/// A fold has fewer outcomes than the whole, so that it may fail where the whole did not: the error says
/// that the weights are written.
fn grade(
    args: &Args,
    data: &Dataset,
    recorded: &[Example],
    settings: &Settings,
    graded: &eval::Options,
) -> anyhow::Result<()> {
    for by in &args.grade {
        let (name, split) = match by {
            By::Question => ("questions held out", Split::Random { folds: args.folds }),
            By::Task => ("whole tasks held out", Split::Task { folds: args.folds }),
            By::Source => ("whole sources held out", Split::Source),
        };
        say(&format!("\n{name}"));
        let report = held_out(data, recorded, settings, split)
            .and_then(|forecasts| eval::report(recorded, &forecasts, graded));
        report.with_context(|| {
            let out = args.out.display();
            format!("the weights are written to {out}, whole; grading them failed, {name}")
        })?;
    }
    Ok(())
}

/// The settings, with the sources that are asked for left out.
fn settings(args: &Args, recorded: &[Example]) -> anyhow::Result<Settings> {
    let sources: BTreeSet<&str> = recorded.iter().map(|one| one.source.as_str()).collect();
    let mut settings = Settings {
        seed: args.seed,
        ..Settings::default()
    };
    for prefix in &args.without {
        let prefix = prefix.trim();
        let known = sources.iter().any(|source| source.starts_with(prefix));
        ensure!(
            known && !prefix.is_empty(),
            "--without {prefix:?}: no source of the data starts so; it has {}",
            sources.into_iter().collect::<Vec<_>>().join(", ")
        );
        settings.validation_only.push(prefix.to_owned());
    }
    Ok(settings)
}

/// Refuses data from which no scale comes: models are placed beside each other, by their prompts.
fn enough(recorded: &[Example], left_out: &[String]) -> anyhow::Result<()> {
    let fitted = recorded.iter().filter(|example| {
        let mut prefixes = left_out.iter();
        let left_out = prefixes.any(|prefix| example.source.starts_with(prefix.as_str()));
        !left_out && !example.outcomes.is_empty()
    });
    let (mut prompts, mut models) = (0_usize, BTreeSet::new());
    let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
    for example in fitted {
        prompts += 1;
        for outcome in &example.outcomes {
            models.insert(outcome.model.as_str());
            least = least.min(outcome.score);
            most = most.max(outcome.score);
        }
    }
    ensure!(
        prompts >= LEAST_PROMPTS && models.len() >= LEAST_MODELS,
        "there are {prompts} prompts with outcomes of {} models to fit; at least {LEAST_PROMPTS} \
         prompts and {LEAST_MODELS} models are needed (sources never fitted: {})",
        models.len(),
        left_out.join(", ")
    );
    ensure!(
        least < most,
        "all outcomes to fit have the score {least}: from these nothing can be learned"
    );
    Ok(())
}

fn held_out(
    data: &Dataset,
    recorded: &[Example],
    settings: &Settings,
    split: Split,
) -> anyhow::Result<Vec<Option<Forecast>>> {
    let texts: Vec<&str> = recorded
        .iter()
        .map(|example| example.text.as_str())
        .collect();
    let mut progress = |step: &str| tell(&format!("  {step}"));
    let validated = validate(data, &texts, settings, split, &mut progress)?;
    let forecasts = validated.into_iter().map(|validated| {
        validated.map(|validated| Forecast {
            gain: validated.score.gain,
            complexity: validated.score.complexity,
            expected_output_tokens: validated.score.expected_output_tokens,
            success: validated.success.into_iter().collect(),
        })
    });
    Ok(forecasts.collect())
}

#[cfg(test)]
mod tests {
    use steelyard_router::train::Outcome;

    use super::*;

    fn data(source: &str, prompts: usize, models: &[&str]) -> Vec<Example> {
        // The first fails, the others do not.
        let outcome = |(score, model): (usize, &&str)| Outcome {
            model: (*model).to_owned(),
            score: f32::from(u8::from(score > 0)),
            output_tokens: None,
        };
        let one = Example {
            source: source.to_owned(),
            task: source.to_owned(),
            text: "Hi".to_owned(),
            outcomes: models.iter().enumerate().map(outcome).collect(),
        };
        vec![one; prompts]
    }

    #[test]
    fn too_little_data_is_refused() {
        let left_out = ["kept".to_owned()];
        enough(&data("a", 200, &["x", "y"]), &left_out).expect("enough");
        for (wrong, why) in [
            (data("a", 199, &["x", "y"]), "199 prompts"),
            (data("a", 200, &["x"]), "outcomes of 1 models"),
            (data("kept-back", 200, &["x", "y"]), "0 prompts"),
            (data("a", 200, &[]), "0 prompts"),
        ] {
            let error = enough(&wrong, &left_out).expect_err(why).to_string();
            assert!(
                error.contains(why) && error.contains("at least 200 prompts and 2 models"),
                "{error}"
            );
        }
        let mut alike = data("a", 200, &["x", "y"]);
        alike
            .iter_mut()
            .for_each(|example| example.outcomes[0].score = 1.0);
        let error = enough(&alike, &left_out)
            .expect_err("all alike")
            .to_string();
        assert!(
            error.starts_with("all outcomes to fit have the score 1"),
            "{error}"
        );
    }

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_grade_that_fails_says_that_the_weights_are_written() {
        let line = "train --data x --out new.bin --grade task --folds 2";
        let line = <Line as clap::Parser>::try_parse_from(line.split(' ')).expect("options");
        let recorded = data("a", 4, &["x", "y"]);
        let graded = eval::Options::of_pairs(&[], &recorded).expect("options");
        let outcomes = Dataset::new(&recorded, &[]);
        let error = grade(
            &line.args,
            &outcomes,
            &recorded,
            &Settings::default(),
            &graded,
        );
        let error = format!("{:#}", error.expect_err("too little"));
        let told = "the weights are written to new.bin, whole; grading them failed, whole tasks held out: \
                    too few";
        assert!(error.starts_with(told), "{error}");
    }

    #[test]
    fn a_name_is_one_short_line() {
        assert_eq!(name_of(" mine, 2. Lauf ").expect("a name"), "mine, 2. Lauf");
        assert!(name_of(&"ü".repeat(64)).is_ok());
        for (wrong, why) in [
            ("", "a letter"),
            (" ", "a letter"),
            (&*"x".repeat(65), "at most 64 characters, this one has 65"),
            ("a\nb", "line breaks"),
            ("a\u{1b}[31m", "control characters"),
        ] {
            let error = name_of(wrong).expect_err(why);
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn sources_are_left_out_by_name() {
        let recorded = [data("mmlu-pro", 1, &["x"]), data("llmrouter", 1, &["x"])].concat();
        let of = |without: &[&str]| {
            let line = ["train", "--data", "x", "--without"].iter().chain(without);
            let line = <Line as clap::Parser>::try_parse_from(line).expect("options");
            settings(&line.args, &recorded).map(|settings| settings.validation_only)
        };
        let shipped = Settings::default().validation_only;
        let both = [shipped, vec!["mmlu".to_owned(), "llmrouter".to_owned()]].concat();
        assert_eq!(of(&["mmlu,llmrouter"]).expect("known"), both);
        assert_eq!(
            of(&["mmlu", "--without", "llmrouter"]).expect("known"),
            both
        );
        for wrong in ["bogus", "mmlu-pro,bogus", "mmlu-pro,"] {
            let error = of(&[wrong]).expect_err(wrong).to_string();
            assert!(error.contains("it has llmrouter, mmlu-pro"), "{error}");
        }
    }
}
