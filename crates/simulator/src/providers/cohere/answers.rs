//! Cohere's answers, whole or in events.

use crate::answer::{Answer, Finish, Usage};
use crate::ask::Ask;
use crate::delivery::{Frame, Part};
use crate::draw::Draw;
use crate::json::{Node, object};
use crate::tokens;

/// What Cohere adds to a prompt itself: counted, but not billed.
const PREAMBLE_TOKENS: u64 = 66;

/// An answer with what Cohere adds to it.
pub(super) struct Written<'a> {
    answer: &'a Answer,
    id: String,
    /// What a model that does not think says before its calls.
    plan: String,
    call_ids: Vec<String>,
}

impl<'a> Written<'a> {
    pub(super) fn new(answer: &'a Answer, ask: &Ask, draw: &mut Draw) -> Self {
        let plans = !answer.calls.is_empty() && !ask.reasons && answer.reasoning.is_empty();
        let names = answer.calls.iter().map(|call| call.name.as_str());
        let names = names.collect::<Vec<_>>().join(" and ");
        Self {
            answer,
            id: draw.uuid(),
            plan: if plans {
                format!("I will use {names} to answer.")
            } else {
                String::new()
            },
            call_ids: answer
                .calls
                .iter()
                .map(|call| format!("{}_{}", call.name, draw.alnum(12).to_lowercase()))
                .collect(),
        }
    }

    fn finish(&self) -> Option<&'static str> {
        self.answer.finish.map(|finish| match finish {
            Finish::Calls => "TOOL_CALL",
            Finish::Length => "MAX_TOKENS",
            Finish::StopText => "STOP_SEQUENCE",
            Finish::Stop | Finish::Filter => "COMPLETE",
        })
    }

    pub(super) fn unary(&self) -> Node {
        let mut content = Vec::new();
        if !self.answer.reasoning.is_empty() {
            let thought = self.answer.reasoning.as_str();
            content.push(object! { "type" => "thinking", "thinking" => thought });
        }
        let text = self.answer.text();
        if !text.is_empty() {
            content.push(object! { "type" => "text", "text" => text });
        }
        let calls = self.answer.calls.iter().zip(&self.call_ids);
        let calls: Vec<Node> = calls
            .map(|(call, id)| {
                let function = object! { "name" => &call.name,
                "arguments" => call.arguments.to_string() };
                object! { "id" => id, "type" => "function", "function" => function }
            })
            .collect();
        let plan = Some(self.plan.as_str()).filter(|plan| !plan.is_empty());
        let message = object! { "role" => "assistant" }
            .with_some("tool_plan", plan)
            .with_some("tool_calls", (!calls.is_empty()).then_some(calls))
            .with_some("content", (!content.is_empty()).then_some(content));
        object! { "id" => &self.id, "message" => message }
            .with_some("finish_reason", self.finish())
            .with("usage", usage(&self.answer.usage))
    }

    pub(super) fn stream(&self) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut push = |part, kind: &str, body: Node| {
            frames.push(Frame::new(part, event(kind, &body)));
        };
        let empty = object! { "role" => "assistant", "content" => Vec::new(), "tool_plan" => "",
        "tool_calls" => Vec::new(), "citations" => Vec::new() };
        let opening = object! { "id" => &self.id, "type" => "message-start",
        "delta" => object! { "message" => empty } };
        push(Part::Opening, "message-start", opening);

        let thoughts = tokens::pieces(&self.answer.reasoning);
        let mut index = 0usize;
        for (word, pieces) in [("thinking", &thoughts), ("text", &self.answer.pieces)] {
            if word == "text" {
                for piece in tokens::pieces(&self.plan) {
                    let body = object! { "type" => "tool-plan-delta",
                    "delta" => message(object! { "tool_plan" => piece }) };
                    push(Part::Content, "tool-plan-delta", body);
                }
            }
            if pieces.is_empty() {
                continue;
            }
            let said = |content: Node| message(object! { "content" => content });
            let begun = said(object! { "type" => word, word => "" });
            push(
                Part::Opening,
                "content-start",
                at("content-start", index, Some(begun)),
            );
            for piece in pieces {
                let delta = said(object! { word => piece });
                push(
                    Part::Content,
                    "content-delta",
                    at("content-delta", index, Some(delta)),
                );
            }
            push(Part::Content, "content-end", at("content-end", index, None));
            index += 1;
        }
        for (index, (call, id)) in self.answer.calls.iter().zip(&self.call_ids).enumerate() {
            let called = |call: Node| message(object! { "tool_calls" => call });
            let function = object! { "name" => &call.name, "arguments" => "" };
            let begun = called(object! { "id" => id, "type" => "function",
            "function" => function });
            push(
                Part::Content,
                "tool-call-start",
                at("tool-call-start", index, Some(begun)),
            );
            for fragment in tokens::fragments(&call.arguments.to_string(), 3) {
                let function = object! { "arguments" => fragment };
                let delta = called(object! { "function" => function });
                push(
                    Part::Content,
                    "tool-call-delta",
                    at("tool-call-delta", index, Some(delta)),
                );
            }
            push(
                Part::Content,
                "tool-call-end",
                at("tool-call-end", index, None),
            );
        }
        let delta = object! { "finish_reason" => self.finish(),
        "usage" => usage(&self.answer.usage) };
        let ended = object! { "type" => "message-end", "delta" => delta };
        push(Part::Closing, "message-end", ended);
        frames.push(Frame::new(Part::Closing, "data: [DONE]\n\n".to_owned()));
        frames
    }
}

/// One event with its framing.
pub(super) fn event(kind: &str, body: &Node) -> String {
    format!("event: {kind}\ndata: {}\n\n", body.to_text())
}

fn message(said: Node) -> Node {
    object! { "message" => said }
}

fn at(kind: &str, index: usize, delta: Option<Node>) -> Node {
    object! { "type" => kind, "index" => index }.with_some("delta", delta)
}

/// Cohere bills what the client sent, and does not tell thoughts from the rest.
fn usage(usage: &Usage) -> Node {
    let billed = object! { "input_tokens" => usage.prompt, "output_tokens" => usage.output };
    let counted = object! { "input_tokens" => usage.prompt + PREAMBLE_TOKENS,
    "output_tokens" => usage.output };
    object! { "billed_units" => billed, "tokens" => counted, "cached_tokens" => usage.cached }
}
