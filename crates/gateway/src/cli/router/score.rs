use std::collections::HashSet;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use steelyard_router::{ModelHead, Score, Scorer};

use super::data::{Weights, lines, nearest, open, tell};
use super::output::{self, Draft};
use super::prompt::{self, Prompt};
use crate::pipeline::score_request;

/// Options of `router score`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Prompts as JSON lines: `prompt`, `messages` or `input`; `-` is standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    input: PathBuf,
    /// Where the scores go, another file than the input; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Models whose chance of success is wanted, separated by commas: names that the weights know, or
    /// NAME=CAPABILITY with a capability from 0 to 2
    #[arg(long, value_name = "MODELS")]
    models: Option<String>,
    /// The weights, instead of those that ship
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

/// A model whose chance is asked for.
enum Asked<'a> {
    /// One with a head of its own.
    Known(&'a ModelHead),
    /// One of which only the capability is known.
    Placed(f32),
}

/// Where the scores go.
enum Sink {
    /// Line by line, for whoever waits for them.
    Standard(std::io::Stdout),
    File(Draft),
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let weights = Weights::load(args.weights.as_deref())?;
    let scorer = weights.scorer();
    let models = all_asked(args.models.as_deref(), scorer)?;
    let read = [Some(args.input.as_path()), args.weights.as_deref()];
    let input = open(&args.input)?;
    let mut sink = if is_standard(&args.output) {
        Sink::Standard(std::io::stdout())
    } else {
        output::distinct(&args.output, read.into_iter().flatten())?;
        Sink::File(Draft::create(&args.output)?)
    };
    let (mut scored, mut bad) = (0_u64, 0_u64);
    let done = lines(input, |number, line| {
        let line = line.map_err(anyhow::Error::msg);
        match line.and_then(|line| answer(line, scorer, &models)) {
            Ok(answer) => {
                sink.put(&answer).context("cannot write the scores")?;
                scored += 1;
            }
            Err(error) => {
                tell(&format!("line {number}: {error:#}"));
                bad += 1;
            }
        }
        Ok(())
    });
    match done {
        // A reader that has seen enough, as `head` has.
        Err(error) if sink.is_gone(&error) => return Ok(ExitCode::SUCCESS),
        done => done?,
    }
    if scored == 0 && bad == 0 {
        tell("there was no line to score");
    }
    if bad > 0 {
        tell(&format!("{scored} lines scored, {bad} skipped"));
    }
    if scored == 0 && bad > 0 {
        // A file that stands there is worth more than an empty one.
        return Ok(ExitCode::FAILURE);
    }
    if let Sink::File(draft) = sink {
        draft.finish()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

impl Sink {
    fn put(&mut self, answer: &str) -> std::io::Result<()> {
        match self {
            // Standard output is flushed at the end of every line.
            Self::Standard(out) => writeln!(out, "{answer}"),
            Self::File(draft) => writeln!(draft, "{answer}"),
        }
    }

    /// Whether an error says that nobody reads standard output any more.
    fn is_gone(&self, error: &anyhow::Error) -> bool {
        let kind = error
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind);
        matches!(self, Self::Standard(_)) && kind == Some(ErrorKind::BrokenPipe)
    }
}

/// The models of a list, each once.
fn all_asked<'a>(
    list: Option<&'a str>,
    scorer: &'a Scorer,
) -> anyhow::Result<Vec<(&'a str, Asked<'a>)>> {
    let names = list.into_iter().flat_map(|list| list.split(','));
    let models = names
        .map(|name| asked(name.trim(), scorer))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut seen = HashSet::new();
    for (name, _) in &models {
        ensure!(seen.insert(*name), "--models names {name:?} twice");
    }
    Ok(models)
}

fn asked<'a>(name: &'a str, scorer: &'a Scorer) -> anyhow::Result<(&'a str, Asked<'a>)> {
    ensure!(!name.is_empty(), "--models has an empty name");
    if let Some(head) = scorer.model(name) {
        return Ok((name, Asked::Known(head)));
    }
    if let Some((name, capability)) = name.rsplit_once('=') {
        let (name, capability) = (name.trim(), capability.trim());
        ensure!(!name.is_empty(), "--models has an empty name");
        let capability: f32 = capability
            .parse()
            .with_context(|| format!("the capability of {name} is not a number"))?;
        ensure!(
            (0.0..=2.0).contains(&capability),
            "the capability of {name} must be from 0 to 2"
        );
        return Ok((name, Asked::Placed(capability)));
    }
    match nearest(name, scorer.models().map(|head| &*head.name)) {
        Some(near) => bail!(
            "the weights do not know {name:?} (nearest: {near}); give its place as {name}=CAPABILITY"
        ),
        None => {
            bail!("the weights know no models; give the place of {name:?} as {name}=CAPABILITY")
        }
    }
}

/// A line of the output.
#[derive(Serialize)]
struct Answer<'a> {
    /// As it is written in the input.
    id: Option<&'a RawValue>,
    score: f64,
    gain: f64,
    expected_output_tokens: u64,
    success: Map<String, Value>,
}

fn answer(line: &str, scorer: &Scorer, models: &[(&str, Asked<'_>)]) -> anyhow::Result<String> {
    let mut fields = prompt::fields(line)?;
    let id = fields.remove("id");
    let prompt = Prompt::of(fields)?;
    let request = prompt.request()?;
    let score = score_request(&request, scorer);
    let limit = request.max_output_tokens.unwrap_or(u64::MAX).max(1);
    Ok(serde_json::to_string(&Answer {
        id: id.as_deref(),
        score: f64::from(score.complexity),
        gain: f64::from(score.gain),
        expected_output_tokens: u64::from(score.expected_output_tokens).min(limit),
        success: chances(&score, scorer, models),
    })?)
}

fn chances(score: &Score, scorer: &Scorer, models: &[(&str, Asked<'_>)]) -> Map<String, Value> {
    models
        .iter()
        .map(|(name, asked)| {
            let chance = match asked {
                Asked::Known(head) => head.success(score),
                Asked::Placed(capability) => {
                    scorer.success_probability(*capability, score.complexity)
                }
            };
            ((*name).to_owned(), json!(chance))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(line: &str) -> Value {
        let scorer = Scorer::shipped();
        let models = ["gpt-4-1106-preview", "mine=0.9"].map(|name| asked(name, scorer).unwrap());
        serde_json::from_str(&answer(line, scorer, &models).unwrap()).unwrap()
    }

    #[test]
    fn a_prompt_and_the_same_message_score_alike() {
        let prompt = answered(r#"{"id":"a","prompt":"Prove it."}"#);
        let message = answered(r#"{"id":"a","messages":[{"role":"user","content":"Prove it."}]}"#);
        assert_eq!(prompt, message);
        assert_eq!(prompt["id"], "a");
        for chance in [&prompt["score"], &prompt["success"]["mine"]] {
            assert!((0.0..=1.0).contains(&chance.as_f64().unwrap()), "{prompt}");
        }
        assert!(prompt["success"]["gpt-4-1106-preview"].as_f64().unwrap() > 0.0);
    }

    #[test]
    fn the_shape_counts_and_a_long_history_does_not_replace_the_question() {
        let question = r#"{"role":"user","content":"Thanks!"}"#;
        let alone = answered(&format!(r#"{{"messages":[{question}]}}"#));
        let history = format!(
            r#"{{"role":"user","content":"{}"}},{{"role":"assistant","content":"Done."}}"#,
            "Prove the theorem rigorously. ".repeat(200)
        );
        let after = answered(&format!(r#"{{"messages":[{history},{question}]}}"#));
        let difference = after["score"].as_f64().unwrap() - alone["score"].as_f64().unwrap();
        assert!((0.0..0.15).contains(&difference), "{difference}");
        let tools = r#""tools":[{"type":"function","function":{"name":"now"}}]"#;
        let with_tools = answered(&format!(r#"{{"messages":[{question}],{tools}}}"#));
        assert!(with_tools["score"].as_f64() > alone["score"].as_f64());
    }

    #[test]
    fn a_text_scores_alike_in_every_dialect() {
        const TEXT: &str = "Prove that every finite integral domain is a field.";
        let plain = answered(&json!({ "prompt": TEXT }).to_string());
        let user = |content: Value| json!([{ "role": "user", "content": content }]);
        for line in [
            json!({ "messages": user(json!([{ "type": "text", "text": TEXT }])) }),
            json!({ "input": TEXT }),
            json!({ "input": user(json!(TEXT)) }),
            json!({ "input": user(json!([{ "type": "input_text", "text": TEXT }])) }),
            // Nothing but Anthropic's dialect has `stop_sequences`.
            json!({ "messages": user(json!(TEXT)), "stop_sequences": ["."] }),
            json!({ "prompt": TEXT, "stop_sequences": ["."], "input": null }),
        ] {
            assert_eq!(answered(&line.to_string()), plain, "{line}");
        }
        let instructed = answered(&json!({ "prompt": TEXT, "system": "Be brief." }).to_string());
        let system = json!([{ "role": "system", "content": "Be brief." }, user(json!(TEXT))[0]]);
        assert_eq!(
            instructed,
            answered(&json!({ "messages": system }).to_string())
        );
        let limited =
            answered(&json!({ "prompt": TEXT, "system": "a", "max_tokens": 2 }).to_string());
        assert_eq!(limited["expected_output_tokens"], 2);
    }

    #[test]
    fn a_conversation_of_anthropics_shape_is_read() {
        let line = |question: &str| {
            let result = json!({ "type": "tool_result", "tool_use_id": "t", "content": "14:05" });
            let text = json!({ "type": "text", "text": question });
            json!({
                "system": "Be brief.",
                "tools": [{ "name": "now", "input_schema": { "type": "object" } }],
                "messages": [
                    { "role": "user", "content": "What time is it?" },
                    { "role": "assistant", "content": [
                        { "type": "tool_use", "id": "t", "name": "now", "input": {} },
                    ] },
                    { "role": "user", "content": [result, text] },
                ],
            })
        };
        let score = |question: &str| answered(&line(question).to_string())["score"].as_f64();
        let hard = "Prove rigorously that the Riemann zeta function has no zeros for Re(s) > 1.";
        assert!(score(hard) > score("Thanks!"));
    }

    #[test]
    fn going_on_is_as_hard_as_what_goes_on() {
        let hard = "Prove rigorously that the Riemann zeta function has no zeros for Re(s) > 1.";
        let of = |last: &str| {
            let line = json!({ "messages": [
                { "role": "user", "content": hard },
                { "role": "assistant", "content": "First," },
                { "role": "user", "content": last },
            ] });
            answered(&line.to_string())["score"].as_f64().unwrap()
        };
        let alone = answered(&json!({ "prompt": "continue" }).to_string());
        assert!(of("Continue.") > alone["score"].as_f64().unwrap() + 0.3);
        assert!(of("Continue.") > of("Thanks!") + 0.3);
    }

    #[test]
    fn an_id_is_kept_as_it_is_written() {
        for id in [
            "12345678901234567890123",
            "1.10",
            "1e400",
            r#""\u0061""#,
            "null",
        ] {
            let line = format!(r#"{{"id":{id},"prompt":"Hi"}}"#);
            let answer = answer(&line, Scorer::shipped(), &[]).unwrap();
            assert!(
                answer.starts_with(&format!(r#"{{"id":{id},"score":"#)),
                "{answer}"
            );
        }
        let without = answer(r#"{"prompt":"Hi"}"#, Scorer::shipped(), &[]).unwrap();
        assert!(without.starts_with(r#"{"id":null,"#), "{without}");
    }

    #[test]
    fn a_list_of_models_is_read_or_refused() {
        let scorer = Scorer::shipped();
        let list = " gpt-4-1106-preview , mine = 0.9,other=2";
        let models = all_asked(Some(list), scorer).unwrap();
        let names: Vec<&str> = models.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["gpt-4-1106-preview", "mine", "other"]);
        assert!(all_asked(None, scorer).unwrap().is_empty());
        for (list, why) in [
            ("", "empty name"),
            ("a=1,", "empty name"),
            ("=1", "empty name"),
            ("a=2.1", "from 0 to 2"),
            ("a=-0.1", "from 0 to 2"),
            ("a=inf", "from 0 to 2"),
            ("a=NaN", "from 0 to 2"),
            ("a=high", "not a number"),
            ("a=1, a=0.5", "twice"),
        ] {
            let error = all_asked(Some(list), scorer).err().unwrap();
            assert!(error.to_string().contains(why), "{list}: {error:#}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (line, why) in [
            ("nonsense", "not a JSON object"),
            (r#"{"id":1}"#, "none of `prompt`, `messages` and `input`"),
            (r#"{"messages":null}"#, "none of `prompt`"),
            (
                r#"{"prompt":"a","messages":[]}"#,
                "`prompt` and `messages`: only one",
            ),
            (r#"{"input":"a","dimensions":9}"#, "embeddings"),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"input_text","text":"Hi"}]}]}"#,
                "messages[0].content[0] is of a kind that this dialect does not have: \"input_text\" \
                 (read as openai_chat, by its fields)",
            ),
            (
                r#"{"input":[{"role":"user","content":[{"type":"text","text":"Hi"}]}]}"#,
                "input[0].content[0] is of a kind that this dialect does not have: \"text\" (read as \
                 openai_responses",
            ),
            (
                r#"{"messages":[{"role":"user","parts":[{"text":"Hi"}]}]}"#,
                "messages[0].parts: a field that this dialect does not have",
            ),
            (
                r#"{"system":"b","messages":[{"role":"tool","content":"Hi"}]}"#,
                "messages[0].role: must be one of user, assistant (read as anthropic_messages",
            ),
            (r#"{"prompt":7}"#, "`prompt` is not a text"),
            (
                r#"{"prompt":"\ud800"}"#,
                "`prompt`: an escape from \\ud800 to \\udfff without the other half",
            ),
            (
                r#"{"messages":[{"role":"user","content":"a\udc00"}]}"#,
                "`messages`: an escape from \\ud800",
            ),
            (r#"{"\ud800":1,"prompt":"a"}"#, "no character, column "),
            (
                r#"{"prompt":"a","id":1,"prompt":"b"}"#,
                "\"prompt\" stands twice",
            ),
        ] {
            let error = answer(line, Scorer::shipped(), &[]).unwrap_err();
            assert!(format!("{error:#}").contains(why), "{error:#}");
        }
        let unknown = asked("gpt-4-1106", Scorer::shipped()).err().unwrap();
        assert!(
            unknown.to_string().contains("gpt-4-1106-preview"),
            "{unknown}"
        );
    }
}
