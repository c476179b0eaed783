//! OpenAI's Responses API: answers and their events.

mod items;
mod read;

use serde_json::Value;

use crate::answer::{Answer, Finish};
use crate::ask::Ask;
use crate::check::{At, Checked};
use crate::delivery::{Frame, Part, Payload, Reply};
use crate::draw::Draw;
use crate::json::{Node, object};
use crate::{seal, tokens};

use super::super::Call;
use super::dated;

/// Where it is.
pub(super) const PATH: &str = "/v1/responses";

pub(super) fn read(body: &At<'_>) -> Checked<Ask> {
    read::read(body)
}

/// How many letters a proof has besides those that it is known by.
const PROOF: usize = 120;
/// In how many pieces arguments and thoughts are streamed.
const PIECES: usize = 3;

/// An item of the output, and how it is told.
struct Item {
    /// As it begins.
    begun: Node,
    /// As it is whole.
    whole: Node,
    told: Told,
}

enum Told {
    Nothing,
    /// The summary of thoughts.
    Summary(String),
    /// The text of a message in pieces.
    Text(Vec<String>),
    /// The name and the arguments of a call.
    Arguments(String, String),
    /// The input of a call of a custom tool.
    Input(String),
}

/// The answer, whole or as a stream.
pub(super) fn render(call: &Call<'_>, ask: &Ask, answer: &Answer, draw: &mut Draw) -> Reply {
    let response = Response {
        id: format!("resp_{}", draw.hex(48)),
        created: draw.created(),
        model: dated(&ask.model),
        request: call.body.unwrap_or(&Value::Null),
    };
    let items = items(call, ask, answer, draw);
    if ask.stream {
        let payload = Payload::Stream(stream(&response, &items, answer));
        let reply = Reply {
            status: 200,
            headers: Vec::new(),
            payload,
        };
        return reply.header("content-type", "text/event-stream; charset=utf-8");
    }
    let output = items.iter().map(|item| item.whole.clone()).collect();
    Reply::json(200, response.ended(answer, output).to_pretty())
}

/// What interrupts a stream: the error, and the failed response. As recorded, the error stands in a
/// member of its own.
pub(super) fn interruption(error: &Node, message: &str, draw: &mut Draw) -> String {
    let Node::Object(entries) = error else {
        return String::new();
    };
    let inner = entries
        .first()
        .map_or(Node::NULL, |(_, inner)| inner.clone());
    let error = object! { "type" => "error", "sequence_number" => 2u64, "error" => inner };
    let failed = object! { "id" => format!("resp_{}", draw.hex(48)), "object" => "response",
    "created_at" => draw.created(), "status" => "failed",
    "error" => object! { "code" => "server_error", "message" => message },
    "output" => Vec::new() };
    let end = object! { "type" => "response.failed", "sequence_number" => 3u64,
    "response" => failed };
    format!(
        "event: error\ndata: {}\n\nevent: response.failed\ndata: {}\n\n",
        error.to_text(),
        end.to_text()
    )
}

/// What is the same in every response object of an answer.
struct Response<'a> {
    id: String,
    created: u64,
    model: String,
    request: &'a Value,
}

impl Response<'_> {
    fn with(&self, status: &str, details: Node, output: Vec<Node>, usage: Node) -> Node {
        let asked = |name: &str, otherwise: Value| {
            let given = self.request.get(name).filter(|given| !given.is_null());
            Node::from(given.cloned().unwrap_or(otherwise))
        };
        let reasoning = &self.request["reasoning"];
        object! {
            "id" => &self.id,
            "object" => "response",
            "created_at" => self.created,
            "status" => status,
            "background" => false,
            "error" => Node::NULL,
            "incomplete_details" => details,
            "instructions" => asked("instructions", Value::Null),
            "max_output_tokens" => asked("max_output_tokens", Value::Null),
            "max_tool_calls" => Node::NULL,
            "model" => &self.model,
            "output" => output,
            "parallel_tool_calls" => asked("parallel_tool_calls", Value::Bool(true)),
            "previous_response_id" => Node::NULL,
            "prompt_cache_key" => asked("prompt_cache_key", Value::Null),
            "reasoning" => object! { "effort" => Node::from(reasoning["effort"].clone()),
                "summary" => Node::from(reasoning["summary"].clone()) },
            "safety_identifier" => asked("safety_identifier", Value::Null),
            "service_tier" => "default",
            "store" => asked("store", Value::Bool(true)),
            "temperature" => asked("temperature", Value::from(1.0)),
            "text" => asked("text", serde_json::json!({"format": {"type": "text"}})),
            "tool_choice" => asked("tool_choice", Value::from("auto")),
            "tools" => asked("tools", Value::Array(Vec::new())),
            "top_logprobs" => asked("top_logprobs", Value::from(0)),
            "top_p" => asked("top_p", Value::from(1.0)),
            "truncation" => asked("truncation", Value::from("disabled")),
            "usage" => usage,
            "user" => asked("user", Value::Null),
            "metadata" => asked("metadata", serde_json::json!({})),
        }
    }

    fn ended(&self, answer: &Answer, output: Vec<Node>) -> Node {
        let details = match answer.finish {
            Some(Finish::Length) => object! { "reason" => "max_output_tokens" },
            Some(Finish::Filter) => object! { "reason" => "content_filter" },
            _ => Node::NULL,
        };
        let usage = &answer.usage;
        let usage = object! {
            "input_tokens" => usage.prompt,
            "input_tokens_details" => object! { "cached_tokens" => usage.cached },
            "output_tokens" => usage.output,
            "output_tokens_details" => object! { "reasoning_tokens" => usage.reasoning },
            "total_tokens" => usage.prompt + usage.output,
        };
        self.with(status(answer), details, output, usage)
    }
}

fn status(answer: &Answer) -> &'static str {
    match answer.finish {
        Some(Finish::Length | Finish::Filter) => "incomplete",
        _ => "completed",
    }
}

fn items(call: &Call<'_>, ask: &Ask, answer: &Answer, draw: &mut Draw) -> Vec<Item> {
    let mut items = Vec::new();
    if ask.reasons && answer.usage.reasoning > 0 {
        items.push(thoughts(call, ask, answer, draw));
    }
    if answer.calls.is_empty() && !answer.pieces.is_empty() {
        let pieces = answer.pieces.clone();
        let id = format!("msg_{}", draw.hex(48));
        let part = part(&pieces.concat());
        let message = |status: &str, content: Vec<Node>| {
            object! { "id" => &id, "type" => "message", "status" => status,
            "content" => content, "role" => "assistant" }
        };
        items.push(Item {
            begun: message("in_progress", Vec::new()),
            whole: message(status(answer), vec![part]),
            told: Told::Text(pieces),
        });
    }
    for called in &answer.calls {
        if let Some(input) = called.input() {
            items.push(custom_call(&called.name, input, draw));
            continue;
        }
        let (id, call_id) = (
            format!("fc_{}", draw.hex(48)),
            format!("call_{}", draw.alnum(24)),
        );
        let arguments = called.arguments.to_string();
        let item = |status: &str, arguments: &str| {
            object! { "id" => &id, "type" => "function_call", "status" => status,
            "arguments" => arguments, "call_id" => &call_id, "name" => &called.name }
        };
        items.push(Item {
            begun: item("in_progress", ""),
            whole: item("completed", &arguments),
            told: Told::Arguments(called.name.clone(), arguments),
        });
    }
    items
}

/// A call of a custom tool, as recorded.
fn custom_call(name: &str, input: &str, draw: &mut Draw) -> Item {
    let (id, call_id) = (
        format!("ctc_{}", draw.hex(48)),
        format!("call_{}", draw.alnum(24)),
    );
    let item = |status: &str, input: &str| {
        object! { "id" => &id, "type" => "custom_tool_call", "status" => status,
        "call_id" => &call_id, "input" => input, "name" => name }
    };
    Item {
        begun: item("in_progress", ""),
        whole: item("completed", input),
        told: Told::Input(input.to_owned()),
    }
}

/// What a model that reasons thought: summed up if that was asked for and there is something to tell,
/// with a proof where that was asked for.
fn thoughts(call: &Call<'_>, ask: &Ask, answer: &Answer, draw: &mut Draw) -> Item {
    let id = format!("rs_{}", draw.hex(48));
    let asked = |place: &str| call.body.ok().and_then(|body| body.pointer(place));
    // As recorded: without the word there is none, although the reference says otherwise.
    let included = asked("/include").and_then(Value::as_array);
    let wants_proof =
        included.is_some_and(|list| list.iter().any(|one| one == "reasoning.encrypted_content"));
    let wants_summary = asked("/reasoning/summary").is_some_and(Value::is_string);
    let proof = wants_proof.then(|| seal::sealed(&[&ask.model], PROOF, draw));
    let text = if wants_summary {
        answer.reasoning.as_str()
    } else {
        ""
    };
    let item = |summary: Vec<Node>, proof: Option<&str>| {
        object! { "id" => &id, "type" => "reasoning", "summary" => summary }
            .with_some("encrypted_content", proof)
    };
    if text.is_empty() {
        let whole = item(Vec::new(), proof.as_deref());
        return Item {
            begun: whole.clone(),
            whole,
            told: Told::Nothing,
        };
    }
    let part = object! { "type" => "summary_text", "text" => text };
    Item {
        begun: item(Vec::new(), proof.as_deref()),
        whole: item(vec![part], proof.as_deref()),
        told: Told::Summary(text.to_owned()),
    }
}

fn part(text: &str) -> Node {
    object! { "type" => "output_text", "annotations" => Vec::new(), "logprobs" => Vec::new(),
    "text" => text }
}

/// The events so far.
#[derive(Default)]
struct Events(Vec<Frame>);

impl Events {
    /// Adds an event; its members follow its number.
    fn push(&mut self, part: Part, kind: &str, members: Node) {
        let mut event = object! { "type" => kind, "sequence_number" => self.0.len() };
        if let Node::Object(entries) = members {
            for (name, value) in entries {
                event = event.with(&name, value);
            }
        }
        let text = format!("event: {kind}\ndata: {}\n\n", event.to_text());
        self.0.push(Frame::new(part, text));
    }
}

fn stream(response: &Response<'_>, items: &[Item], answer: &Answer) -> Vec<Frame> {
    let mut events = Events::default();
    let begun = response.with("in_progress", Node::NULL, Vec::new(), Node::NULL);
    for kind in ["response.created", "response.in_progress"] {
        let members = object! { "response" => begun.clone() };
        events.push(Part::Opening, kind, members);
    }
    for (index, item) in items.iter().enumerate() {
        let of_item = |node: &Node| object! { "output_index" => index, "item" => node.clone() };
        let added = of_item(&item.begun);
        events.push(Part::Opening, "response.output_item.added", added);
        tell(&mut events, index, item);
        let done = of_item(&item.whole);
        events.push(Part::Opening, "response.output_item.done", done);
    }
    let output = items.iter().map(|item| item.whole.clone()).collect();
    let members = object! { "response" => response.ended(answer, output) };
    let kind = format!("response.{}", status(answer));
    events.push(Part::Closing, &kind, members);
    events.0
}

fn tell(events: &mut Events, index: usize, item: &Item) {
    let id = match &item.begun {
        Node::Object(entries) => entries.first().map_or(Node::NULL, |(_, id)| id.clone()),
        _ => Node::NULL,
    };
    let of = |place: Option<&str>| {
        let at = object! { "item_id" => id.clone(), "output_index" => index };
        at.with_some(place.unwrap_or_default(), place.map(|_| 0u64))
    };
    match &item.told {
        Told::Nothing => {}
        Told::Summary(text) => {
            let of = || of(Some("summary_index"));
            let part = |text: &str| object! { "type" => "summary_text", "text" => text };
            let begin = "response.reasoning_summary_part.added";
            events.push(Part::Opening, begin, of().with("part", part("")));
            for piece in tokens::fragments(text, PIECES) {
                let delta = of().with("delta", piece);
                events.push(
                    Part::Content,
                    "response.reasoning_summary_text.delta",
                    delta,
                );
            }
            let done = of().with("text", text);
            events.push(Part::Opening, "response.reasoning_summary_text.done", done);
            let end = "response.reasoning_summary_part.done";
            events.push(Part::Opening, end, of().with("part", part(text)));
        }
        Told::Text(pieces) => {
            let of = || of(Some("content_index"));
            let text = pieces.concat();
            let added = of().with("part", part(""));
            events.push(Part::Opening, "response.content_part.added", added);
            for piece in pieces {
                let delta = of().with("delta", piece).with("logprobs", Vec::new());
                events.push(Part::Content, "response.output_text.delta", delta);
            }
            let done = of().with("text", &text).with("logprobs", Vec::new());
            events.push(Part::Opening, "response.output_text.done", done);
            let done = of().with("part", part(&text));
            events.push(Part::Opening, "response.content_part.done", done);
        }
        Told::Input(input) => {
            for piece in tokens::fragments(input, PIECES) {
                let delta = of(None).with("delta", piece);
                let kind = "response.custom_tool_call_input.delta";
                events.push(Part::Content, kind, delta);
            }
            let done = of(None).with("input", input);
            events.push(Part::Opening, "response.custom_tool_call_input.done", done);
        }
        Told::Arguments(name, arguments) => {
            for piece in tokens::fragments(arguments, PIECES) {
                let delta = of(None).with("delta", piece);
                let kind = "response.function_call_arguments.delta";
                events.push(Part::Content, kind, delta);
            }
            let done = of(None).with("name", name).with("arguments", arguments);
            events.push(Part::Opening, "response.function_call_arguments.done", done);
        }
    }
}
