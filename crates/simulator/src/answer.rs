//! The answer to a request, made up from the prompt and always the same for it.

use serde_json::{Value, json};

use crate::ask::{Ask, Choice, Offer};
use crate::draw::Draw;
use crate::markers::{self, Markers};
use crate::schema::instance;
use crate::tokens;

/// Why the answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    Stop,
    /// Ended by one of the caller's stop texts.
    StopText,
    Length,
    Calls,
    Filter,
}

/// A call of a tool by the model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FunctionCall {
    pub(crate) name: String,
    /// An object; text where the tool takes free text.
    pub(crate) arguments: Value,
}

impl FunctionCall {
    /// What a custom tool is called with; none where it is a function.
    pub(crate) fn input(&self) -> Option<&str> {
        self.arguments.as_str()
    }
}

/// Tokens in all classes. `prompt` includes `cached` and `cache_write`,
/// `output` includes `reasoning`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) prompt: u64,
    pub(crate) cached: u64,
    pub(crate) cache_write: u64,
    /// What is kept for an hour of `cache_write`.
    pub(crate) cache_write_1h: u64,
    pub(crate) output: u64,
    pub(crate) reasoning: u64,
}

/// A whole answer, before a provider puts it into its form.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The text as it is streamed; joined it is the whole text.
    pub(crate) pieces: Vec<String>,
    /// Visible reasoning; empty where there is none.
    pub(crate) reasoning: String,
    /// Whether only the provider is to be able to read the reasoning.
    pub(crate) redacted: bool,
    pub(crate) calls: Vec<FunctionCall>,
    /// None where a fault has taken it away.
    pub(crate) finish: Option<Finish>,
    /// Which of the caller's stop texts ended the answer.
    pub(crate) stopped_by: Option<String>,
    pub(crate) usage: Usage,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        self.pieces.concat()
    }

    /// The answer without content that the fault "empty answer" gives.
    pub(crate) fn emptied(self) -> Self {
        let usage = Usage {
            output: 0,
            reasoning: 0,
            ..self.usage
        };
        Self {
            pieces: Vec::new(),
            reasoning: String::new(),
            redacted: false,
            calls: Vec::new(),
            finish: Some(Finish::Stop),
            stopped_by: None,
            usage,
        }
    }
}

/// Composes the answer to a request.
pub(crate) fn compose(ask: &Ask, draw: &mut Draw) -> Answer {
    let markers = Markers::read(&ask.last_user);
    let topic = markers::without(&ask.last_user);
    let calls = calls(ask, &markers, &topic);
    let (mut text, mut finish) = (String::new(), Finish::Calls);
    if calls.is_empty() {
        text = words(ask, &markers, &topic, draw);
        finish = Finish::Stop;
    }
    let stopped_by = cut_at_stop(&mut text, &ask.stops);
    if stopped_by.is_some() {
        finish = Finish::StopText;
    }
    let reasoning = if markers.think || markers.redact {
        reasoning(&topic)
    } else {
        String::new()
    };
    let mut reasoning_tokens = tokens::count(&reasoning);
    if ask.reasons && reasoning.is_empty() {
        reasoning_tokens = 16 + draw.below(8) * 16;
    }
    if let Some(limit) = ask.max_tokens {
        // Reasoning comes out of the same budget and may not eat the whole of it here.
        reasoning_tokens = reasoning_tokens.min(limit / 2);
        let room = limit - reasoning_tokens;
        if tokens::count(&text) > room {
            text.truncate(tokens::truncate(&text, room).len());
            finish = Finish::Length;
        }
    }
    if markers.length {
        finish = Finish::Length;
    }
    if markers.filter {
        finish = Finish::Filter;
        text.clear();
    }
    let called: u64 = calls
        .iter()
        .map(|call| 8 + tokens::count_json(&call.arguments))
        .sum();
    let pieces = match markers.events {
        Some(events) => tokens::fragments(&text, events),
        None => tokens::pieces(&text),
    };
    // What was read from the cache is in it already.
    let written = |tokens: u64| if markers.cached.is_some() { 0 } else { tokens };
    let usage = Usage {
        prompt: ask.prompt_tokens,
        cached: markers.cached.unwrap_or(0).min(ask.prompt_tokens),
        cache_write: written(ask.cache_write_tokens),
        cache_write_1h: written(ask.cache_write_1h_tokens),
        output: (tokens::count(&text) + called) * ask.answers.max(1) + reasoning_tokens,
        reasoning: reasoning_tokens,
    };
    Answer {
        pieces,
        reasoning,
        redacted: markers.redact,
        calls,
        finish: Some(finish),
        stopped_by,
        usage,
    }
}

/// Cuts the text before the earliest stop text and says which it was.
fn cut_at_stop(text: &mut String, stops: &[String]) -> Option<String> {
    let stops = stops.iter().filter(|stop| !stop.is_empty());
    let found = stops.filter_map(|stop| text.find(stop.as_str()).map(|at| (at, stop)));
    let (at, stop) = found.min_by_key(|(at, _)| *at)?;
    text.truncate(at);
    Some(stop.clone())
}

fn calls(ask: &Ask, markers: &Markers, topic: &str) -> Vec<FunctionCall> {
    let offered = |name: &str| ask.offers.iter().find(|offer| offer.name == name);
    let make = |offer: &Offer, arguments: Option<Value>| FunctionCall {
        name: offer.name.clone(),
        arguments: match arguments {
            Some(text @ Value::String(_)) if offer.custom => text,
            Some(json) if offer.custom => Value::from(json.to_string()),
            None if offer.custom => Value::from(subject(topic)),
            Some(arguments) if arguments.is_object() => arguments,
            _ => instance(&offer.parameters, topic),
        },
    };
    let named = match &ask.choice {
        Choice::None => return Vec::new(),
        Choice::Named(name) => {
            let arguments = markers.tools.iter().find(|(marked, _)| marked == name);
            let arguments = arguments.and_then(|(_, arguments)| arguments.clone());
            return offered(name)
                .map(|offer| make(offer, arguments))
                .into_iter()
                .collect();
        }
        Choice::Auto if !ask.results.is_empty() => return Vec::new(),
        Choice::Auto | Choice::Required => &markers.tools,
    };
    let mut calls: Vec<FunctionCall> = named
        .iter()
        .filter_map(|(name, arguments)| offered(name).map(|offer| make(offer, arguments.clone())))
        .collect();
    if calls.is_empty() && named.is_empty() {
        let lower = topic.to_lowercase();
        let wants = ask.choice == Choice::Required
            || ["weather", "temperature", "天气"]
                .iter()
                .any(|word| lower.contains(word));
        let fitting = ask
            .offers
            .iter()
            .find(|offer| offer.name.to_lowercase().contains("weather"));
        let chosen = fitting
            .or(ask.offers.first())
            .filter(|_| wants && markers.say.is_none() && !markers.look);
        calls.extend(chosen.map(|offer| make(offer, None)));
    }
    if ask.one_call_only {
        calls.truncate(1);
    }
    calls
}

/// The text of the answer before limits and stop texts.
fn words(ask: &Ask, markers: &Markers, topic: &str, draw: &mut Draw) -> String {
    if let Some(text) = &markers.say {
        return text.clone();
    }
    if markers.look {
        return match ask.pictures.as_slice() {
            [] => "I see no picture.".to_owned(),
            pictures => format!("I see {}.", pictures.join("; ")),
        };
    }
    if let Some(events) = markers.events {
        return (1..=events).map(|n| format!("word{n} ")).collect();
    }
    if let Some(schema) = &ask.json {
        let schema = if schema.is_object() {
            schema.clone()
        } else {
            json!({"type": "object"})
        };
        return match instance(&schema, topic) {
            Value::Object(entries) if entries.is_empty() => json!({"answer": subject(topic)}),
            value => value,
        }
        .to_string();
    }
    let chinese = topic.chars().filter(|c| tokens::is_cjk(*c)).count() * 3 > topic.chars().count();
    let subject = subject(topic);
    if !ask.results.is_empty() {
        let results = ask.results.join("; ");
        let results = results.chars().take(400).collect::<String>();
        return if chinese {
            format!("根据工具返回的结果：{results}。以上就是关于“{subject}”的回答。")
        } else {
            format!("According to the tool, the result is: {results}. That answers {subject:?}.")
        };
    }
    let sentences = if chinese { CHINESE } else { ENGLISH };
    let opening = if chinese {
        format!("关于“{subject}”，简要回答如下。")
    } else {
        format!("Here is a short answer about {subject:?}.")
    };
    let mut text = opening;
    // Both lists have a length that three does not divide, so no sentence comes twice in a row
    // of as many as there are.
    let first = draw.below(sentences.len() as u64);
    for number in 0..length(ask, topic, draw) {
        let index = usize::try_from(first + number * 3).unwrap_or(0);
        text.push_str(if chinese { "" } else { " " });
        text.push_str(sentences[index % sentences.len()]);
    }
    text
}

/// How many sentences follow the first: more where much is asked or much room is given.
fn length(ask: &Ask, topic: &str, draw: &mut Draw) -> u64 {
    let lower = topic.to_lowercase();
    let long = [
        "write",
        "explain",
        "essay",
        "design",
        "prove",
        "implement",
        "analyse",
        "analyze",
    ]
    .iter()
    .chain(&["写", "解释", "设计", "证明", "实现", "分析"])
    .filter(|word| lower.contains(*word))
    .count() as u64;
    let room = ask.max_tokens.map_or(1, |limit| (limit / 512).min(3));
    1 + long.min(3) * 3 + tokens::count(topic).min(600) / 100 + room + draw.below(2)
}

const ENGLISH: &[&str] = &[
    "The main point is to start from what is already known and check each step.",
    "In most cases the simple solution is enough, and it is easier to maintain.",
    "Compare the options by cost, time and the effort that each of them needs.",
    "A small example makes the difference clear before the details matter.",
    "Keep the exceptions in mind, because they decide whether it works in practice.",
    "If the numbers change, the conclusion can change as well, so measure first.",
    "The usual order is to define the goal, list the constraints and then decide.",
    "Finally, write the result down so that others can verify it.",
];

const CHINESE: &[&str] = &[
    "首先要明确目标，再逐步检查每一个条件。",
    "多数情况下，简单的方案已经足够，也更容易维护。",
    "可以从成本、时间和工作量三个方面进行比较。",
    "先看一个小例子，再讨论细节会更清楚。",
    "需要注意例外情况，它们往往决定方案是否可行。",
    "如果数据发生变化，结论也可能随之改变。",
    "最后把结果记录下来，方便他人核对。",
];

fn reasoning(topic: &str) -> String {
    let subject = subject(topic);
    format!(
        "The question is about {subject:?}. First I recall what is known, then I check whether a \
         short answer is enough. It is, so I answer directly."
    )
}

/// The last words of the prompt, as the thing that it is about.
pub(crate) fn subject(topic: &str) -> String {
    const MOST_WIDE: usize = 16;
    const MOST_WORDS: usize = 8;
    let topic = topic.trim_end_matches(['?', '!', '.', '？', '！', '。', ' ']);
    if topic.is_empty() {
        return "your request".to_owned();
    }
    if topic.chars().any(tokens::is_cjk) {
        let count = topic.chars().count();
        return topic
            .chars()
            .skip(count.saturating_sub(MOST_WIDE))
            .collect();
    }
    let words: Vec<&str> = topic.split_whitespace().collect();
    let subject = words[words.len().saturating_sub(MOST_WORDS)..].join(" ");
    subject.chars().take(120).collect()
}

#[cfg(test)]
mod tests;
