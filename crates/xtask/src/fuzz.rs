//! `cargo xtask fuzz`: runs the fuzz targets of `tests/fuzz` on a corpus of recordings and fixtures.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};
use steelyard_types::WireFormat;

use crate::debian::runs;
use crate::routing_data;
use crate::workspace::{cargo, root};

/// The targets, in the order in which they are run.
const TARGETS: [&str; 6] = ["sse", "answer", "embeddings", "error", "stream", "request"];

/// Recorded providers with the wire format that each speaks.
const WIRES: [(&str, WireFormat); 8] = [
    ("openai", WireFormat::OpenAiChat),
    ("openai_compatible", WireFormat::OpenAiChat),
    ("mistral", WireFormat::OpenAiChat),
    ("deepseek", WireFormat::OpenAiChat),
    ("anthropic", WireFormat::AnthropicMessages),
    ("gemini", WireFormat::GeminiGenerateContent),
    ("dashscope", WireFormat::DashScopeGeneration),
    ("cohere", WireFormat::CohereChat),
];

/// How many dialects an input is tried in; there may be fewer.
const DIALECTS: u8 = 6;

/// Larger inputs are slow and reach nothing that smaller ones do not.
const MOST_BYTES: usize = 64 * 1024;

/// Options of `fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long each target runs.
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// The targets to run; all where none is named.
    targets: Vec<String>,
}

/// One body that came or went over the wire.
struct Recorded {
    wire: WireFormat,
    status: u64,
    what: What,
    body: Vec<u8>,
}

/// What a body is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// What a client or a gateway asked.
    Request,
    /// What a provider answered.
    Answer,
    /// The same, holding vectors for this many inputs.
    Vectors(u8),
}

impl Recorded {
    /// How the first byte of an input chooses its wire format.
    fn choice(&self) -> u8 {
        let place = WireFormat::ALL.iter().position(|wire| *wire == self.wire);
        place
            .and_then(|place| u8::try_from(place).ok())
            .unwrap_or(0)
    }
}

impl What {
    /// What a recorded response is: requests for embeddings say how many they are for.
    fn of_response(request: &Value) -> Self {
        let path = request["path"].as_str().unwrap_or_default();
        if !path.ends_with("embeddings") && !path.ends_with("text-embedding") {
            return Self::Answer;
        }
        let body = &request["body"];
        let inputs = [&body["input"], &body["input"]["texts"]];
        let lists = inputs.iter().filter_map(|one| one.as_array());
        let count = lists.map(Vec::len).next().unwrap_or(1);
        Self::Vectors(u8::try_from(count).unwrap_or(u8::MAX))
    }
}

/// Makes the corpus and runs the targets, one after another.
///
/// # Errors
/// When there is no such target, `cargo-fuzz` cannot be had, or a target has a finding: the input
/// that shows it lies in `target/fuzz/findings`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let known = |name: &String| TARGETS.contains(&name.as_str());
    if let Some(strange) = args.targets.iter().find(|name| !known(name)) {
        bail!("no target `{strange}`: there are {}", TARGETS.join(", "));
    }
    let chosen =
        |name: &&str| args.targets.is_empty() || args.targets.iter().any(|one| one == name);
    let targets: Vec<&str> = TARGETS.into_iter().filter(chosen).collect();
    install()?;
    let inputs = gather()?;
    let mut failed = Vec::new();
    for target in targets {
        let corpus = write_corpus(target, &inputs)?;
        if !fuzz(target, &corpus, args.minutes)? {
            failed.push(target);
        }
    }
    ensure!(failed.is_empty(), "findings: {}", failed.join(", "));
    Ok(())
}

fn install() -> Result<()> {
    if runs("cargo", &["fuzz", "--version"]) {
        return Ok(());
    }
    let status = cargo()
        .args(["install", "--locked", "cargo-fuzz"])
        .status()?;
    ensure!(status.success(), "cargo-fuzz cannot be installed");
    Ok(())
}

/// Recordings, where they are at hand, and the project's own fixtures.
fn gather() -> Result<Vec<Recorded>> {
    let mut all = Vec::new();
    let recordings = routing_data::shared().join("fixtures/providers");
    let own = root().join("tests/fixtures");
    for (provider, wire) in WIRES {
        for file in files(&recordings.join(provider))? {
            let value: Value = serde_json::from_slice(&read(&file)?)?;
            let response = &value["response"];
            let wire = match value["endpoint"].as_str() {
                Some("responses") => WireFormat::OpenAiResponses,
                Some("compat_chat") => WireFormat::OpenAiChat,
                _ => wire,
            };
            let status = response["status"].as_u64().unwrap_or(200);
            let mut add = |what: What, body: Vec<u8>| {
                all.push(Recorded {
                    wire,
                    status,
                    what,
                    body,
                });
            };
            let request = &value["request"];
            let answered = response["body"].as_str().unwrap_or_default();
            add(What::of_response(request), answered.as_bytes().to_vec());
            if request["body"].is_object() {
                add(What::Request, request["body"].to_string().into_bytes());
            }
        }
        for file in files(&own.join(provider))? {
            let name = file.to_string_lossy();
            if name.ends_with(".expected.json") || name.ends_with(".md") {
                continue;
            }
            all.push(Recorded {
                wire,
                status: if name.contains("/error_") { 400 } else { 200 },
                what: What::Answer,
                body: read(&file)?,
            });
        }
    }
    for (provider, wire) in WIRES {
        let file = own.join("embeddings").join(format!("{provider}.json"));
        if file.is_file() {
            all.push(Recorded {
                wire,
                status: 200,
                what: What::Vectors(2),
                body: read(&file)?,
            });
        }
    }
    all.retain(|one| !one.body.is_empty() && one.body.len() <= MOST_BYTES);
    Ok(all)
}

/// The files of a folder, none where there is no such folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let paths = entries.map(|entry| Ok(entry?.path()));
    let paths: Result<Vec<PathBuf>> = paths.collect();
    Ok(paths?.into_iter().filter(|path| path.is_file()).collect())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

/// What a target is given for a body: what it chooses by, then the body.
fn inputs_of(target: &str, one: &Recorded) -> Vec<Vec<u8>> {
    let is_error = one.status >= 300;
    let with = |choice: &[u8]| [choice, one.body.as_slice()].concat();
    match target {
        "request" if one.what == What::Request => {
            (0..DIALECTS).map(|dialect| with(&[dialect])).collect()
        }
        "request" => Vec::new(),
        _ if one.what == What::Request => Vec::new(),
        "sse" => vec![with(&[17])],
        "embeddings" => match one.what {
            What::Vectors(count) => vec![
                with(&[one.choice(), count, 0]),
                with(&[one.choice(), count, 1]),
            ],
            _ => Vec::new(),
        },
        "error" if is_error => vec![with(&[one.choice(), 0])],
        "answer" if !is_error => vec![with(&[one.choice()])],
        "stream" if !is_error => (0..DIALECTS)
            .map(|dialect| with(&[one.choice(), dialect, 17]))
            .collect(),
        _ => Vec::new(),
    }
}

/// Adds to the target's corpus in `target/fuzz`, which also keeps what earlier runs have found to be
/// new.
fn write_corpus(target: &str, inputs: &[Recorded]) -> Result<PathBuf> {
    let folder = root().join("target/fuzz/corpus").join(target);
    std::fs::create_dir_all(&folder)?;
    let mut named = BTreeMap::new();
    for input in inputs.iter().flat_map(|one| inputs_of(target, one)) {
        let hash = Sha256::digest(&input);
        let name: String = hash
            .iter()
            .take(10)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        named.insert(name, input);
    }
    for (name, input) in &named {
        std::fs::write(folder.join(name), input)?;
    }
    let mut out = std::io::stdout();
    writeln!(out, "\n== {target}: {} inputs to begin with", named.len())?;
    out.flush()?;
    Ok(folder)
}

/// Runs one target; gives whether it had no finding.
fn fuzz(target: &str, corpus: &Path, minutes: u32) -> Result<bool> {
    let built = root().join("target/fuzz/build");
    let findings = root().join("target/fuzz/findings").join(target);
    std::fs::create_dir_all(&findings)?;
    let mut command = cargo();
    command.args(["fuzz", "run", "--fuzz-dir", "tests/fuzz"]);
    // Without a sanitizer, of which safe Rust needs none, the stable compiler will do.
    command
        .args(["--sanitizer", "none", "--target-dir"])
        .arg(built);
    command.arg(target).arg(corpus).arg("--");
    command.args([
        format!("-max_total_time={}", minutes * 60),
        format!("-max_len={MOST_BYTES}"),
        format!("-artifact_prefix={}/", findings.display()),
        "-timeout=30".to_owned(),
        "-rss_limit_mb=4096".to_owned(),
        "-print_final_stats=1".to_owned(),
        "-verbosity=0".to_owned(),
        "-print_funcs=0".to_owned(),
    ]);
    let status = command.status().context("cannot run cargo fuzz")?;
    Ok(status.success())
}
