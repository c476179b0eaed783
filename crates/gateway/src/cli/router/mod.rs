//! `steelyard router`: the scorer on the command line.

mod anchors;
mod calibrate;
mod data;
mod eval;
mod output;
mod plot;
mod prompt;
mod recorded;
mod repeats;
mod score;
mod train;

use std::process::ExitCode;

use clap::Subcommand;

/// What can be done with the scorer.
#[derive(Debug, Subcommand)]
pub(super) enum RouterCommand {
    /// Fit the weights from recorded outcomes; the same data and seed give the same bytes
    Train(train::Args),
    /// Score prompts: complexity, gain of a strong model, chance of success of named models
    #[command(after_help = "\
A line is {\"id\", \"prompt\"}, or {\"id\"} with a request: \"messages\" of chat completions or of
Anthropic's Messages, or \"input\" of Responses, with the fields beside it that belong to its shape
(\"tools\", \"system\", ...). Its fields tell the dialect; Anthropic's needs no \"max_tokens\" here. A
line that cannot be read, or has a part of a kind that its dialect does not have, is reported with
its number and skipped. A file of scores is put in its place when it is whole.

Example:
  steelyard router score --input prompts.jsonl --output scores.jsonl \\
    --models gpt-4-1106-preview,mine=0.9

Exit codes: 0 scored, even if lines were skipped; 1 a failure, or lines of which none could be
scored, and then no file is written.")]
    Score(score::Args),
    /// Grade a scorer, or a whole route, against recorded outcomes, with baselines and intervals
    #[command(after_help = "\
A line of the data is {\"prompt\", \"outcomes\": {MODEL: {\"score\", \"output_tokens\"}}} with scores from
0 (bad) to 1 (good), or {\"prompt\", \"model\", \"score\", \"output_tokens\"} with that of one model. The
tokens may be left out. A file is a source, by the start of its name up to the first dot. Lines of
one prompt in one source count as one prompt, with the mean of every model's outcomes.

Examples:
  steelyard router eval --data outcomes.jsonl.gz --plot curves.svg
  steelyard router eval --data ../shared/data/routing/llmrouter.dev.jsonl.gz \\
    --config config/steelyard.yaml --route best --map gpt-6.1-sol=llama-3.1-8b-instruct \\
    --map gemini-4-argon=gemma-2-9b-it --map claude-opus-5-5=llama-3.3-nemotron-super-49b-v1 \\
    --map gpt-6-astra=llama-3.1-nemotron-51b-instruct

The second grades a route of which each candidate is given the outcomes of a model in the data; only
prompts that all of them answered count.")]
    Eval(eval::Args),
    /// Place your own models on the scale from their outcomes, and print the YAML to review
    #[command(after_help = "\
A line of the outcomes is {\"prompt\", \"model\", \"score\"} with a score from 0 (bad) to 1 (good), or
{\"prompt\", \"outcomes\": {MODEL: {\"score\"}}} with those of several models; a request may stand
for the prompt, as in `router score`. 50 prompts for each model give a first number, 300 a good
one. They must be prompts that the scorer tells apart: several outcomes of one prompt, or of
prompts that differ only in numbers, count as their mean. A model's own head is printed where
it forecasts outcomes that it has not seen better than the capability alone.")]
    Calibrate(calibrate::Args),
}

impl RouterCommand {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Train(args) => train::run(args),
            Self::Score(args) => score::run(args),
            Self::Eval(args) => eval::run(args),
            Self::Calibrate(args) => calibrate::run(args),
        }
    }
}
