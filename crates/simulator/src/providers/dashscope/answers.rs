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
    /// How many answers there are, all alike.
    pub(super) answers: u64,
}

impl Form {
    /// `output` with what is given; the finish reason is the string "null" while unfinished.
    pub(super) fn output(
        &self,
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
        let choices: Vec<Node> = (0..self.answers.max(1))
            .map(|index| {
                let numbered = (self.answers > 1).then_some(index);
                object! { "message" => message.clone(), "finish_reason" => finish }
                    .with_some("index", numbered)
                    .with_some("logprobs", likely.clone())
            })
            .collect();
        object! { "choices" => choices }
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
    for (number, delta) in deltas(answer, ids).into_iter().enumerate() {
        output = (output + tokens::count(&delta.text) + tokens::count(&delta.reasoning))
            .min(answer.usage.output);
        if delta.last {
            output = answer.usage.output;
        }
        let finish = if delta.last {
            finish_word(answer, ask)
        } else {
            Some("null")
        };
        let node = if incremental {
            form.output(
                &delta.text,
                &delta.reasoning,
                delta.call.into_iter().collect(),
                finish,
            )
        } else {
            text.push_str(&delta.text);
            reasoning.push_str(&delta.reasoning);
            let called = delta.call.is_some() || (delta.last && !whole.is_empty());
            form.output(
                &text,
                &reasoning,
                if called { whole.clone() } else { Vec::new() },
                finish,
            )
        };
        let body = object! { "output" => node, "usage" => usage_node(&answer.usage, output),
        "request_id" => id };
        let part = if delta.last {
            Part::Closing
        } else {
            Part::Content
        };
        let number = number + 1;
        let event = format!(
            "id:{number}\nevent:result\n:HTTP_STATUS/200\ndata:{}\n\n",
            body.to_text()
        );
        frames.push(Frame::new(part, event));
    }
    frames
}
