//! Prompts with outcomes, as features.

use std::collections::BTreeMap;

use crate::scorer::{COUNTERS, Scratch, extract};

/// A prompt with what models made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Where it comes from, for example `mmlu-pro`.
    pub source: String,
    /// Source and kind of task, for example `mmlupro/physics`.
    pub task: String,
    /// The prompt.
    pub text: String,
    /// What each model made of it.
    pub outcomes: Vec<Outcome>,
}

/// What one model made of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The model's name.
    pub model: String,
    /// 0 (wrong) to 1 (full marks).
    pub score: f32,
    /// Length of the answer in tokens, where known.
    pub output_tokens: Option<f32>,
}

/// A prompt whose difficulty and answer length were judged by hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Anchor {
    /// The prompt, or the instruction about others.
    pub text: String,
    /// 1 (any model) to 5 (only the strongest, if at all).
    pub level: u8,
    /// Length of a good answer in tokens; `None` for as many as what it speaks of has.
    pub output_tokens: Option<u32>,
    /// What the text speaks of.
    pub about: About,
}

/// What an anchor speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The prompt is whole.
    Itself,
    /// Any text will do, and it says the less about the task the longer it is: the instruction is
    /// set before prompts of the data, or after them.
    Anything {
        /// Whether it stands after them.
        after: bool,
    },
}

/// Distance of two levels of anchors on the difficulty scale; level 3 is 0.
const LEVEL_STEP: f32 = 1.4;
/// The source that its own description calls noisy: options are missing, marks are partial.
const NOISY_SOURCE: (&str, f32) = ("llmrouter", 0.5);

/// What the fit explains.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// Model, score, logarithm of the output tokens.
    Outcomes(Vec<(usize, f32, Option<f32>)>),
    /// Difficulty and logarithm of the output tokens.
    Judged(f32, f32),
    /// The same of an instruction about a prompt of the data, which says nothing of a usual prompt
    /// nor of single models.
    Instructed(f32, f32),
}

/// Features of one text.
#[derive(Debug, Clone)]
pub(super) struct Features {
    pub(super) words: Vec<(u16, f32)>,
    pub(super) counters: [f32; COUNTERS],
    /// First row and level of every count that is not 0.
    pub(super) levels: Vec<(u16, u16, f32)>,
}

/// A prompt, ready to be fitted.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// What is fitted: the text without the benchmark's suffix; with options, if it has any, and
    /// without.
    pub(super) variants: Vec<Features>,
    /// What is graded: the text as it came.
    pub(super) original: Features,
    pub(super) target: Target,
    pub(super) weight: f32,
    pub(super) length: f32,
    pub(super) source: String,
    pub(super) task: String,
    /// The same question in two sources has the same group.
    pub(super) group: u64,
}

/// All prompts as features, in the order given: examples first, then anchors, then what
/// instructions were set about.
#[derive(Debug, Clone)]
pub struct Dataset {
    pub(super) samples: Vec<Sample>,
    pub(super) models: Vec<String>,
}

impl Dataset {
    /// Extracts the features of every prompt.
    #[must_use]
    pub fn new(examples: &[Example], anchors: &[Anchor]) -> Self {
        let mut models: BTreeMap<&str, usize> = examples
            .iter()
            .flat_map(|example| &example.outcomes)
            .map(|outcome| (outcome.model.as_str(), 0))
            .collect();
        for (index, (_, id)) in models.iter_mut().enumerate() {
            *id = index;
        }
        let mut scratch = Scratch::new();
        let mut samples = Vec::with_capacity(examples.len() + anchors.len());
        samples.extend(
            examples
                .iter()
                .map(|example| sample(example, &models, &mut scratch)),
        );
        let whole = anchors.iter().filter(|one| one.about == About::Itself);
        samples.extend(whole.map(|anchor| judged(anchor, &mut scratch)));
        samples.extend(instructed(examples, anchors, &mut scratch));
        Self {
            samples,
            models: models.keys().map(ToString::to_string).collect(),
        }
    }

    /// Number of prompts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is no prompt.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}

fn sample(example: &Example, models: &BTreeMap<&str, usize>, scratch: &mut Scratch) -> Sample {
    let outcomes: Vec<_> = example
        .outcomes
        .iter()
        .filter(|outcome| outcome.score.is_finite())
        .filter_map(|outcome| {
            let tokens = outcome
                .output_tokens
                .filter(|tokens| *tokens >= 1.0)
                .map(f32::ln);
            let model = models.get(outcome.model.as_str())?;
            Some((*model, outcome.score.clamp(0.0, 1.0), tokens))
        })
        .collect();
    let (question, options) = split_format(&example.text);
    let mut variants = vec![features(question, scratch)];
    if !options.is_empty() {
        variants.push(features(&format!("{question}\n{options}"), scratch));
    }
    // More models say more about a prompt, but not in proportion: their errors go together.
    let many = outcomes.len() as f32;
    let noise = if example.source.starts_with(NOISY_SOURCE.0) {
        NOISY_SOURCE.1
    } else {
        1.0
    };
    Sample {
        variants,
        original: features(&example.text, scratch),
        target: Target::Outcomes(outcomes),
        weight: noise * many / (many + 2.0),
        length: example.text.chars().count() as f32,
        source: example.source.clone(),
        task: canonical_task(&example.task).to_owned(),
        group: group_of(question),
    }
}

fn judged(anchor: &Anchor, scratch: &mut Scratch) -> Sample {
    let (difficulty, tokens) = judgement(anchor, &anchor.text);
    Sample {
        target: Target::Judged(difficulty, tokens),
        ..unjudged(&anchor.text, scratch)
    }
}

/// Prompts of the data that an instruction is set about.
const PROMPTS: usize = 8;
/// Bytes of such a prompt: less is no text to be worked on, more is read in part.
const WORKED_ON: std::ops::RangeInclusive<usize> = 250..=2_500;

/// Every instruction about anything, before or after some prompts of the data. They belong to the
/// source and question of the prompt, so that who leaves out that leaves out this.
fn instructed(examples: &[Example], anchors: &[Anchor], scratch: &mut Scratch) -> Vec<Sample> {
    let questions = examples
        .iter()
        .map(|example| (split_format(&example.text).0, example));
    let mut prompts: Vec<(u64, &str, &Example)> = questions
        .filter(|(question, _)| WORKED_ON.contains(&question.len()))
        .map(|(question, example)| (group_of(question), question, example))
        .collect();
    // By their hash: as good as random, and the same whenever the data is the same.
    prompts.sort_by(|a, b| a.0.cmp(&b.0).then(a.2.source.cmp(&b.2.source)));
    let mut prompts = prompts.iter().cycle();
    let mut samples = Vec::new();
    for anchor in anchors {
        let About::Anything { after } = anchor.about else {
            continue;
        };
        for (group, question, example) in prompts.by_ref().take(PROMPTS) {
            let (difficulty, tokens) = judgement(anchor, question);
            let text = match after {
                true => format!("{question}\n\n{}", anchor.text),
                false => format!("{}\n\n{question}", anchor.text),
            };
            samples.push(Sample {
                target: Target::Instructed(difficulty, tokens),
                source: example.source.clone(),
                task: canonical_task(&example.task).to_owned(),
                group: *group,
                ..unjudged(&text, scratch)
            });
        }
    }
    samples
}

/// Difficulty and logarithm of the output tokens of an anchor about `text`.
fn judgement(anchor: &Anchor, text: &str) -> (f32, f32) {
    let level = f32::from(anchor.level.clamp(1, 5));
    let tokens = match anchor.output_tokens {
        Some(tokens) => f64::from(tokens),
        None => crate::estimate_tokens(text) as f64,
    };
    #[expect(clippy::cast_possible_truncation, reason = "a logarithm of a length")]
    let tokens = tokens.max(1.0).ln() as f32;
    ((level - 3.0) * LEVEL_STEP, tokens)
}

/// A sample of a text that is in no source.
fn unjudged(text: &str, scratch: &mut Scratch) -> Sample {
    let features = features(text, scratch);
    Sample {
        variants: vec![features.clone()],
        original: features,
        target: Target::Judged(0.0, 0.0),
        weight: 1.0,
        length: text.chars().count() as f32,
        source: String::new(),
        task: String::new(),
        group: group_of(text),
    }
}

fn features(text: &str, scratch: &mut Scratch) -> Features {
    let extracted = extract(text, scratch);
    Features {
        words: extracted.words,
        counters: extracted.counters,
        levels: extracted.levels,
    }
}

/// The same kind of task in several sources is one task.
fn canonical_task(task: &str) -> &str {
    match task {
        "llmrouter/gsm8k" | "llmrouter/agentverse-mgsm" => "gsm8k",
        "llmrouter/math" | "math-l5" => "math",
        other => other,
    }
}

/// Parts a benchmark prompt: the question, and the block of options (`A. ...`) without what only
/// benchmarks write around it. Real requests look like the question.
pub(super) fn split_format(text: &str) -> (&str, &str) {
    let text = text.trim();
    let text = text.strip_suffix("Answer:").unwrap_or(text).trim_end();
    let text = text
        .split("\nAfter careful thought, put you")
        .next()
        .unwrap_or(text)
        .trim_end();
    // Options may have line breaks inside: the block starts at the last line with "A. " that is
    // followed by one with "B. ".
    let Some(start) = text.rfind("\nA. ") else {
        return (text, "");
    };
    match text.get(start..) {
        Some(options) if options.contains("\nB. ") => {
            (text.get(..start).unwrap_or(text), options.trim_start())
        }
        _ => (text, ""),
    }
}

/// Hash of the letters and digits of a question.
fn group_of(question: &str) -> u64 {
    question
        .chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .fold(0xcbf2_9ce4_8422_2325, |hash, character| {
            (hash ^ u64::from(u32::from(character))).wrapping_mul(0x0000_0100_0000_01b3)
        })
}
