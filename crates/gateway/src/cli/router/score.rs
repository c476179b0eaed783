use std::borrow::Cow;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};
use steelyard_provider_adapter::openai;
use steelyard_router::{ModelHead, Score, Scorer};

use super::data::{Weights, lines, open, tell};
use crate::pipeline::score_request;

/// Options of `router score`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Prompts as JSON lines; `-` is standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    input: PathBuf,
    /// Where the scores go; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Models whose chance of success is wanted: names that the weights know, or NAME=CAPABILITY
    #[arg(long, value_name = "MODELS", value_delimiter = ',')]
    models: Vec<String>,
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

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let weights = Weights::load(args.weights.as_deref())?;
    let scorer = weights.scorer();
    let models = args
        .models
        .iter()
        .map(|name| asked(name, scorer))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut out: Box<dyn Write> = if args.output.as_os_str() == "-" {
        Box::new(BufWriter::new(std::io::stdout()))
    } else {
        let file = std::fs::File::create(&args.output)
            .with_context(|| format!("cannot write {}", args.output.display()))?;
        Box::new(BufWriter::new(file))
    };
    let (mut scored, mut bad) = (0_u64, 0_u64);
    lines(open(&args.input)?, |number, line| {
        let line = line.map_err(anyhow::Error::msg);
        match line.and_then(|line| answer(line, scorer, &models)) {
            Ok(answer) => {
                writeln!(out, "{answer}").context("cannot write the scores")?;
                scored += 1;
            }
            Err(error) => {
                tell(&format!("line {number}: {error:#}"));
                bad += 1;
            }
        }
        Ok(())
    })?;
    out.flush().context("cannot write the scores")?;
    if bad > 0 {
        tell(&format!("{scored} lines scored, {bad} skipped"));
    }
    Ok(ExitCode::SUCCESS)
}

fn asked<'a>(name: &'a str, scorer: &'a Scorer) -> anyhow::Result<(&'a str, Asked<'a>)> {
    if let Some(head) = scorer.model(name) {
        return Ok((name, Asked::Known(head)));
    }
    if let Some((name, capability)) = name.rsplit_once('=') {
        let capability: f32 = capability
            .parse()
            .with_context(|| format!("the capability of {name} is not a number"))?;
        return Ok((name, Asked::Placed(capability)));
    }
    let near = scorer
        .models()
        .map(|head| (strsim::jaro_winkler(name, &head.name), &head.name))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((_, near)) => bail!(
            "the weights do not know {name:?} (nearest: {near}); give its place as {name}=CAPABILITY"
        ),
        None => {
            bail!("the weights know no models; give the place of {name:?} as {name}=CAPABILITY")
        }
    }
}

fn answer(line: &str, scorer: &Scorer, models: &[(&str, Asked<'_>)]) -> anyhow::Result<String> {
    let mut line: Map<String, Value> = serde_json::from_str(line).context("not a JSON object")?;
    let id = line.remove("id").unwrap_or(Value::Null);
    if let Some(prompt) = line.remove("prompt") {
        let Value::String(prompt) = prompt else {
            bail!("`prompt` is not a text");
        };
        line.insert(
            "messages".to_owned(),
            json!([{ "role": "user", "content": prompt }]),
        );
    } else if !line.contains_key("messages") {
        bail!("neither `prompt` nor `messages`");
    }
    line.entry("model").or_insert_with(|| json!("auto"));
    let body = Value::Object(line).to_string();
    let request = openai::parse_chat_request(body.as_bytes())
        .map_err(|error| anyhow::anyhow!("{}", Cow::from(error.message)))?;
    let score = score_request(&request, scorer);
    Ok(json!({
        "id": id,
        "score": score.complexity,
        "gain": score.gain,
        "expected_output_tokens": score.expected_output_tokens,
        "success": chances(&score, scorer, models),
    })
    .to_string())
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
    fn what_cannot_be_read_says_why() {
        for (line, why) in [
            ("nonsense", "not a JSON object"),
            (r#"{"id":1}"#, "neither `prompt` nor `messages`"),
            (r#"{"prompt":7}"#, "`prompt` is not a text"),
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
