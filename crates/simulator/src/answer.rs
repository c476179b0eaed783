//! The answer to a request, made up from the prompt and always the same for it.

use serde_json::{Map, Value, json};

use crate::ask::{Ask, Choice, Offer};
use crate::draw::Draw;
use crate::markers::{self, Markers};
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

/// A function call of the model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FunctionCall {
    pub(crate) name: String,
    pub(crate) arguments: Value,
}

/// Tokens in all classes. `prompt` includes `cached` and `cache_write`,
/// `output` includes `reasoning`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) prompt: u64,
    pub(crate) cached: u64,
    pub(crate) cache_write: u64,
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
    let reasoning = if markers.think {
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
    let usage = Usage {
        prompt: ask.prompt_tokens,
        cached: markers.cached.unwrap_or(0).min(ask.prompt_tokens),
        cache_write: if markers.cached.is_some() {
            0
        } else {
            ask.cache_write_tokens
        },
        output: (tokens::count(&text) + called) * ask.answers.max(1) + reasoning_tokens,
        reasoning: reasoning_tokens,
    };
    Answer {
        pieces,
        reasoning,
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
        arguments: arguments.unwrap_or_else(|| instance(&offer.parameters, topic, 0)),
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
            .filter(|_| wants && markers.say.is_none());
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
    if let Some(events) = markers.events {
        return (1..=events).map(|n| format!("word{n} ")).collect();
    }
    if let Some(schema) = &ask.json {
        let schema = if schema.is_object() {
            schema.clone()
        } else {
            json!({"type": "object"})
        };
        return match instance(&schema, topic, 0) {
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
    for _ in 0..length(ask, topic, draw) {
        if let Some(sentence) = draw.pick(sentences) {
            text.push_str(if chinese { "" } else { " " });
            text.push_str(sentence);
        }
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
fn subject(topic: &str) -> String {
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

/// A small value that fits a JSON Schema; strings speak of the prompt.
fn instance(schema: &Value, topic: &str, depth: u8) -> Value {
    const DEEPEST: u8 = 8;
    if depth >= DEEPEST {
        return Value::Null;
    }
    if let Some(fixed) = schema.get("const") {
        return fixed.clone();
    }
    if let Some(first) = schema
        .get("enum")
        .and_then(Value::as_array)
        .and_then(|all| all.first())
    {
        return first.clone();
    }
    for word in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema
            .get(word)
            .and_then(Value::as_array)
            .and_then(|all| all.first())
        {
            return instance(first, topic, depth + 1);
        }
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        Some(kind) => kind.as_str(),
        None => schema.get("properties").map(|_| "object"),
    };
    match kind.map(str::to_lowercase).as_deref() {
        Some("string") => Value::from(subject(topic)),
        Some("integer") => Value::from(1),
        Some("number") => Value::from(1.5),
        Some("boolean") => Value::from(true),
        Some("null") => Value::Null,
        Some("array") => match schema.get("items") {
            Some(items) => Value::Array(vec![instance(items, topic, depth + 1)]),
            None => Value::Array(Vec::new()),
        },
        _ => Value::Object(properties(schema, topic, depth)),
    }
}

fn properties(schema: &Value, topic: &str, depth: u8) -> Map<String, Value> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Map::new();
    };
    let required = schema.get("required").and_then(Value::as_array);
    properties
        .iter()
        .filter(|(name, _)| {
            required.is_none_or(|names| names.iter().any(|each| each.as_str() == Some(name)))
        })
        .map(|(name, inner)| (name.clone(), instance(inner, topic, depth + 1)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Ask, Choice, Draw, Finish, Offer, compose};
    use serde_json::json;

    fn ask(text: &str) -> Ask {
        Ask {
            last_user: text.to_owned(),
            prompt_tokens: 50,
            ..Ask::default()
        }
    }

    fn offer(name: &str) -> Offer {
        let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
        Offer {
            name: name.to_owned(),
            parameters,
        }
    }

    fn draw() -> Draw {
        Draw::new(1, &[b"request"])
    }

    #[test]
    fn markers_decide() {
        assert_eq!(compose(&ask("[[say:Ja.]]"), &mut draw()).text(), "Ja.");
        let answer = compose(&ask("x [[events:5]] [[cached:20]]"), &mut draw());
        assert_eq!((answer.pieces.len(), answer.usage.cached), (5, 20));
        let answer = compose(&ask("[[think]] why"), &mut draw());
        assert!(!answer.reasoning.is_empty() && answer.usage.reasoning > 0);
        assert!(answer.usage.output > answer.usage.reasoning);
        assert_eq!(
            compose(&ask("[[length]]"), &mut draw()).finish,
            Some(Finish::Length)
        );
        assert_eq!(
            compose(&ask("[[filter]]"), &mut draw()).finish,
            Some(Finish::Filter)
        );
    }

    #[test]
    fn tools_are_called_once_and_their_results_used() {
        let mut ask = ask("[[tool:a {\"city\":\"Oslo\"}]] [[tool:b]] [[tool:unknown]]");
        ask.offers = vec![offer("a"), offer("b")];
        let answer = compose(&ask, &mut draw());
        let names: Vec<&str> = answer.calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(
            (names.as_slice(), answer.finish),
            (&["a", "b"][..], Some(Finish::Calls))
        );
        assert_eq!(answer.calls[0].arguments, json!({"city": "Oslo"}));
        ask.one_call_only = true;
        assert_eq!(compose(&ask, &mut draw()).calls.len(), 1);
        ask.results = vec!["18 degrees".to_owned()];
        let answer = compose(&ask, &mut draw());
        assert!(answer.calls.is_empty() && answer.text().contains("18 degrees"));
    }

    #[test]
    fn weather_and_force_call_without_markers() {
        let mut ask = ask("What is the weather in Oslo?");
        ask.offers = vec![offer("search"), offer("get_weather")];
        assert_eq!(compose(&ask, &mut draw()).calls[0].name, "get_weather");
        ask.choice = Choice::None;
        assert!(compose(&ask, &mut draw()).calls.is_empty());
        ask.choice = Choice::Named("search".to_owned());
        assert_eq!(compose(&ask, &mut draw()).calls[0].name, "search");
    }

    #[test]
    fn limits_and_stops_cut() {
        let mut limited = ask("Write an essay about balance");
        limited.max_tokens = Some(5);
        let answer = compose(&limited, &mut draw());
        assert_eq!(
            (answer.usage.output, answer.finish),
            (5, Some(Finish::Length))
        );
        let mut stopped = ask("[[say:one, two, three]]");
        stopped.stops = vec!["three".to_owned(), ", two".to_owned()];
        let answer = compose(&stopped, &mut draw());
        assert_eq!(
            (answer.text().as_str(), answer.stopped_by.as_deref()),
            ("one", Some(", two"))
        );
    }

    #[test]
    fn languages_and_schemas() {
        assert!(
            compose(&ask("请介绍杭州的天气"), &mut draw())
                .text()
                .contains("杭州")
        );
        let mut structured = ask("A city");
        structured.json = Some(json!({"type": "object", "required": ["n"],
            "properties": {"n": {"type": ["integer", "null"]}, "optional": {}}}));
        assert_eq!(compose(&structured, &mut draw()).text(), r#"{"n":1}"#);
    }
}
