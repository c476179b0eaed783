//! DashScope's answers: messages or texts, whole or in events.

use crate::answer::{Answer, Finish, Usage};
use crate::ask::{Ask, Choice};
use crate::delivery::{Frame, Part};
use crate::json::{Node, object};
use crate::likely;
use crate::tokens;

pub(super) fn finish_word(answer: &Answer, ask: &Ask) -> Option<&'static str> {
    answer.finish.map(|finish| match finish {
        Finish::Calls if matches!(ask.choice, Choice::Named(_)) => "stop",
        Finish::Calls => "tool_calls",
        Finish::Length => "length",
        _ => "stop",
    })
}

pub(super) fn usage_node(usage: &Usage, output: u64) -> Node {
    let reasoning = usage.reasoning.min(output);
    let details = (usage.reasoning > 0).then(|| object! { "reasoning_tokens" => reasoning });
    object! { "total_tokens" => usage.prompt + output, "output_tokens" => output,
    "input_tokens" => usage.prompt }
    .with_some("output_tokens_details", details)
    .with(
        "prompt_tokens_details",
        object! { "cached_tokens" => usage.cached },
    )
}

/// How the output of one call is written: a message or a text, parts or a string.
pub(super) struct Form {
    pub(super) as_message: bool,
    pub(super) as_parts: bool,
    pub(super) shows_reasoning: bool,
    /// How many of the likeliest tokens are told at each place, where that is asked for.
    pub(super) logprobs: Option<usize>,
    /// How many answers there are; one alone has no index.
    pub(super) answers: u64,
}

impl Form {
    /// `output` with what is given, said by the answers at these places; the finish reason is the
    /// string "null" while unfinished.
    pub(super) fn output(
        &self,
        places: std::ops::Range<u64>,
        text: &str,
        reasoning: &str,
        calls: Vec<Node>,
        finish: Option<&str>,
    ) -> Node {
        if !self.as_message {
            return object! { "text" => text, "finish_reason" => finish };
        }
        let content = match (self.as_parts, text.is_empty()) {
            (true, true) => Node::from(Vec::new()),
            (true, false) => Node::from(vec![object! { "text" => text }]),
            (false, _) => Node::from(text),
        };
        let mut message = object! { "role" => "assistant", "content" => content };
        if self.shows_reasoning {
            message = message.with("reasoning_content", reasoning);
        }
        if !calls.is_empty() {
            message = message.with("tool_calls", calls);
        }
        let likely = self.logprobs.filter(|_| !text.is_empty());
        let likely = likely.map(|top| object! { "content" => likely::content(text, top) });
        let choice = object! { "message" => message, "finish_reason" => finish }
            .with_some("logprobs", likely);
        let several = self.answers > 1;
        let choices = places.map(|at| choice.clone().with_some("index", several.then_some(at)));
        object! { "choices" => choices.collect::<Vec<_>>() }
    }
}

/// What one of several answers used: the events of each count it alone.
fn usage_of(answer: &Answer, answers: u64, place: u64) -> Usage {
    let usage = &answer.usage;
    if answers < 2 {
        return *usage;
    }
    let reasoning = if place == 0 { usage.reasoning } else { 0 };
    Usage {
        output: (usage.output - usage.reasoning) / answers + reasoning,
        reasoning,
        ..*usage
    }
}

pub(super) fn call_node(index: usize, id: &str, name: Option<&str>, arguments: &str) -> Node {
    let function = match name {
        Some(name) => object! { "name" => name, "arguments" => arguments },
        None => object! { "arguments" => arguments },
    };
    object! { "index" => index, "id" => id, "type" => "function", "function" => function }
}

/// One step of a stream: what is new in it.
struct Delta {
    text: String,
    reasoning: String,
    call: Option<Node>,
    last: bool,
}

fn deltas(answer: &Answer, ids: &[String]) -> Vec<Delta> {
    let plain = |text: String, reasoning: String| Delta {
        text,
        reasoning,
        call: None,
        last: false,
    };
    let mut deltas: Vec<Delta> = Vec::new();
    deltas.extend(
        tokens::pieces(&answer.reasoning)
            .into_iter()
            .map(|r| plain(String::new(), r)),
    );
    deltas.extend(
        answer
            .pieces
            .iter()
            .map(|text| plain(text.clone(), String::new())),
    );
    for (index, call) in answer.calls.iter().enumerate() {
        let fragments = tokens::fragments(&call.arguments.to_string(), 3);
        for (part, fragment) in fragments.iter().enumerate() {
            let first = part == 0;
            let id = if first { ids[index].as_str() } else { "" };
            let node = call_node(index, id, first.then_some(call.name.as_str()), fragment);
            deltas.push(Delta {
                call: Some(node),
                ..plain(String::new(), String::new())
            });
        }
    }
    deltas.push(Delta {
        last: true,
        ..plain(String::new(), String::new())
    });
    deltas
}

pub(super) fn stream(
    answer: &Answer,
    ask: &Ask,
    form: &Form,
    incremental: bool,
    id: &str,
    ids: &[String],
) -> Vec<Frame> {
    let (mut text, mut reasoning, mut output) = (String::new(), String::new(), 0u64);
    let whole: Vec<Node> = answer
        .calls
        .iter()
        .enumerate()
        .map(|(at, call)| call_node(at, &ids[at], Some(&call.name), &call.arguments.to_string()))
        .collect();
    let mut frames = Vec::new();
    let shares: Vec<Usage> = (0..form.answers)
        .map(|place| usage_of(answer, form.answers, place))
        .collect();
    for delta in deltas(answer, ids) {
        output += tokens::count(&delta.text) + tokens::count(&delta.reasoning);
        let finish = if delta.last {
            finish_word(answer, ask)
        } else {
            Some("null")
        };
        let called = delta.call.is_some() || (delta.last && !whole.is_empty());
        let calls: Vec<Node> = match (incremental, called) {
            (true, _) => delta.call.into_iter().collect(),
            (false, true) => whole.clone(),
            (false, false) => Vec::new(),
        };
        if incremental {
            text.clear();
            reasoning.clear();
        }
        text.push_str(&delta.text);
        reasoning.push_str(&delta.reasoning);
        for (place, share) in (0..).zip(&shares) {
            let node = form.output(place..place + 1, &text, &reasoning, calls.clone(), finish);
            let so_far = if delta.last {
                share.output
            } else {
                output.min(share.output)
            };
            let body = object! { "output" => node, "usage" => usage_node(share, so_far),
            "request_id" => id };
            let part = if delta.last {
                Part::Closing
            } else {
                Part::Content
            };
            let number = frames.len() + 1;
            let event = format!(
                "id:{number}\nevent:result\n:HTTP_STATUS/200\ndata:{}\n\n",
                body.to_text()
            );
            frames.push(Frame::new(part, event));
        }
    }
    frames
}
