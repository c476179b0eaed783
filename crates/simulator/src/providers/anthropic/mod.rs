//! Anthropic Messages.

mod format;
mod history;
mod picture;
mod read;
mod settings;

use http::Method;

use crate::answer::{Answer, Finish, Usage};
use crate::ask::Ask;
use crate::delivery::{Frame, Part, Payload, Reply};
use crate::draw::{self, Draw};
use crate::fault::StatusFault;
use crate::json::{Node, object};
use crate::{seal, tokens};

use super::{Call, Provider, key_is_good};

pub(crate) struct Anthropic;

const MODELS: &[&str] = &[
    "claude-3-opus",
    "claude-3-haiku",
    "claude-3-5-sonnet",
    "claude-3-5-haiku",
    "claude-3-7-sonnet",
    "claude-sonnet-4",
    "claude-sonnet-4-0",
    "claude-opus-4",
    "claude-opus-4-0",
    "claude-opus-4-1",
    "claude-sonnet-4-5",
    "claude-sonnet-4-6",
    "claude-haiku-4-5",
    "claude-opus-4-5",
    "claude-opus-4-6",
    "claude-opus-4-7",
    "claude-opus-4-8",
    "claude-opus-5",
    "claude-opus-5-5",
    "claude-sonnet-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",
    "claude-fable-5",
    "claude-fable-5-1",
    "claude-mythos-5",
    "claude-mythos-5-1",
];

/// Where prompts are answered.
const MESSAGES: &str = "/v1/messages";
/// Where their tokens are counted.
const COUNT: &str = "/v1/messages/count_tokens";

/// An error in Anthropic's form, with the request id in body and header.
fn refuse(status: u16, kind: &str, message: &str, draw: &mut Draw) -> Reply {
    let id = request_id(draw);
    let error = object! { "type" => kind, "message" => message };
    let body = object! { "type" => "error", "error" => error, "request_id" => &id };
    Reply::json(status, body.to_text()).header("request-id", id)
}

fn request_id(draw: &mut Draw) -> String {
    format!("req_011C{}", draw.alnum(20))
}

fn rate_limits(ask: &Ask, draw: &mut Draw) -> Vec<(&'static str, String)> {
    let reset = draw::rfc3339(draw.created());
    let used = ask.prompt_tokens.min(1_999_999) / 1_000 * 1_000;
    let left = |limit: u64| (limit - used.min(limit)).to_string();
    vec![
        ("anthropic-ratelimit-requests-limit", "10000".to_owned()),
        ("anthropic-ratelimit-requests-remaining", "9999".to_owned()),
        ("anthropic-ratelimit-requests-reset", reset.clone()),
        (
            "anthropic-ratelimit-input-tokens-limit",
            "10000000".to_owned(),
        ),
        (
            "anthropic-ratelimit-input-tokens-remaining",
            left(10_000_000),
        ),
        ("anthropic-ratelimit-input-tokens-reset", reset.clone()),
        (
            "anthropic-ratelimit-output-tokens-limit",
            "2000000".to_owned(),
        ),
        (
            "anthropic-ratelimit-output-tokens-remaining",
            "2000000".to_owned(),
        ),
        ("anthropic-ratelimit-output-tokens-reset", reset.clone()),
        ("anthropic-ratelimit-tokens-limit", "12000000".to_owned()),
        ("anthropic-ratelimit-tokens-remaining", left(12_000_000)),
        ("anthropic-ratelimit-tokens-reset", reset),
    ]
}

/// Input without what was read from or written to the cache, as Anthropic counts it.
fn fresh(usage: &Usage) -> u64 {
    usage
        .prompt
        .saturating_sub(usage.cached + usage.cache_write)
}

/// The full usage of unary answers and of `message_start`.
fn usage_node(usage: &Usage, output: u64) -> Node {
    let hour = usage.cache_write_1h.min(usage.cache_write);
    let writes = object! { "ephemeral_5m_input_tokens" => usage.cache_write - hour,
    "ephemeral_1h_input_tokens" => hour };
    object! { "input_tokens" => fresh(usage), "cache_creation_input_tokens" => usage.cache_write,
    "cache_read_input_tokens" => usage.cached, "cache_creation" => writes,
    "output_tokens" => output }
    .with_some("output_tokens_details", thinking_tokens(usage))
    .with("service_tier", "standard")
    .with("inference_geo", "global")
}

fn thinking_tokens(usage: &Usage) -> Option<Node> {
    (usage.reasoning > 0).then(|| object! { "thinking_tokens" => usage.reasoning })
}

fn stop_reason(answer: &Answer) -> Node {
    Node::from(answer.finish.map(|finish| match finish {
        Finish::Stop => "end_turn",
        Finish::StopText => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::Calls => "tool_use",
        Finish::Filter => "refusal",
    }))
}

/// A block of the answer together with the deltas that build it in a stream.
struct Block {
    whole: Node,
    empty: Node,
    deltas: Vec<Node>,
}

fn blocks(ask: &Ask, answer: &Answer, draw: &mut Draw) -> Vec<Block> {
    let mut blocks = Vec::new();
    if answer.redacted && !answer.reasoning.is_empty() {
        let data = seal::sealed(&[&ask.model], 96, draw);
        let block = object! { "type" => "redacted_thinking", "data" => &data };
        blocks.push(Block {
            whole: block.clone(),
            empty: block,
            deltas: Vec::new(),
        });
    } else if !answer.reasoning.is_empty() {
        let signature = seal::sealed(&[&ask.model, &answer.reasoning], 104, draw);
        let mut deltas: Vec<Node> = tokens::pieces(&answer.reasoning)
            .into_iter()
            .map(|piece| object! { "type" => "thinking_delta", "thinking" => piece })
            .collect();
        deltas.push(object! { "type" => "signature_delta", "signature" => &signature });
        let block = |thinking: &str, signature: &str| {
            object! { "type" => "thinking", "thinking" => thinking, "signature" => signature }
        };
        blocks.push(Block {
            whole: block(&answer.reasoning, &signature),
            empty: block("", ""),
            deltas,
        });
    }
    if !answer.text().is_empty() {
        let text_delta = |text: &String| object! { "type" => "text_delta", "text" => text };
        blocks.push(Block {
            whole: object! { "type" => "text", "text" => answer.text() },
            empty: object! { "type" => "text", "text" => "" },
            deltas: answer.pieces.iter().map(text_delta).collect(),
        });
    }
    for call in &answer.calls {
        let id = format!("toolu_01{}", draw.alnum(22));
        let block = |input: Node| {
            object! { "type" => "tool_use", "id" => &id, "name" => &call.name, "input" => input }
        };
        let no_arguments = call.arguments.as_object().is_some_and(|all| all.is_empty());
        let mut fragments = vec![String::new()];
        if !no_arguments {
            fragments.extend(tokens::fragments(&call.arguments.to_string(), 3));
        }
        let delta = |json: String| object! { "type" => "input_json_delta", "partial_json" => json };
        blocks.push(Block {
            whole: block(Node::from(call.arguments.clone())),
            empty: block(object! {}),
            deltas: fragments.into_iter().map(delta).collect(),
        });
    }
    blocks
}

fn message(ask: &Ask, id: &str, content: Vec<Node>, reason: Node, stop: Option<&str>) -> Node {
    object! { "model" => &ask.model, "id" => id, "type" => "message", "role" => "assistant",
    "content" => content, "stop_reason" => reason, "stop_sequence" => stop }
}

/// One event: its name is its data's type. Padding after the JSON is as in the real thing.
fn event(part: Part, kind: &str, data: Node, draw: &mut Draw) -> Frame {
    let padding = " ".repeat(usize::try_from(draw.below(12)).unwrap_or(0));
    let data = match data {
        Node::Object(mut members) => {
            members.insert(0, ("type".to_owned(), Node::from(kind)));
            Node::Object(members)
        }
        other => other,
    };
    Frame::new(
        part,
        format!("event: {kind}\ndata: {}{padding}\n\n", data.to_text()),
    )
}

fn stream(ask: &Ask, answer: &Answer, draw: &mut Draw) -> Vec<Frame> {
    let id = format!("msg_01{}", draw.alnum(22));
    let usage = &answer.usage;
    let start = message(ask, &id, Vec::new(), Node::NULL, None).with("usage", usage_node(usage, 1));
    let mut frames = vec![event(
        Part::Opening,
        "message_start",
        object! { "message" => start },
        draw,
    )];
    let ping = || {
        Frame::new(
            Part::Content,
            "event: ping\ndata: {\"type\": \"ping\"}\n\n".into(),
        )
    };
    for (index, block) in blocks(ask, answer, draw).into_iter().enumerate() {
        let start = object! { "index" => index, "content_block" => block.empty };
        frames.push(event(Part::Opening, "content_block_start", start, draw));
        if index == 0 {
            frames.push(Frame {
                part: Part::Opening,
                ..ping()
            });
        }
        for delta in block.deltas {
            let delta = object! { "index" => index, "delta" => delta };
            frames.push(event(Part::Content, "content_block_delta", delta, draw));
        }
        let stop = object! { "index" => index };
        frames.push(event(Part::Opening, "content_block_stop", stop, draw));
    }
    let delta = object! { "stop_reason" => stop_reason(answer),
    "stop_sequence" => answer.stopped_by.as_deref() };
    let total = object! { "input_tokens" => fresh(usage),
    "cache_creation_input_tokens" => usage.cache_write,
    "cache_read_input_tokens" => usage.cached, "output_tokens" => usage.output }
    .with_some("output_tokens_details", thinking_tokens(usage));
    let last = object! { "delta" => delta, "usage" => total };
    frames.push(event(Part::Closing, "message_delta", last, draw));
    frames.push(event(Part::Closing, "message_stop", object! {}, draw));
    frames
}

impl Provider for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn read(&self, call: &Call<'_>, draw: &mut Draw) -> Result<Ask, Reply> {
        let Some(key) = call.header("x-api-key") else {
            let message = "x-api-key header is required";
            return Err(refuse(401, "authentication_error", message, draw));
        };
        if !key_is_good(key, &["sk-ant-"]) {
            return Err(
                refuse(401, "authentication_error", "invalid x-api-key", draw)
                    .header("x-should-retry", "false"),
            );
        }
        if call.method != Method::POST || ![MESSAGES, COUNT].contains(&call.path) {
            return Err(refuse(404, "not_found_error", "Not Found", draw));
        }
        let invalid = "invalid_request_error";
        match call.header("anthropic-version") {
            Some("2023-06-01" | "2023-01-01") => {}
            Some(other) => {
                let message = format!("anthropic-version: \"{other}\" is not a valid version");
                return Err(refuse(400, invalid, &message, draw));
            }
            None => {
                return Err(refuse(
                    400,
                    invalid,
                    "anthropic-version: header is required",
                    draw,
                ));
            }
        }
        let value = call.body.map_err(|problem| {
            let message = format!("The request body is not valid JSON: {problem}");
            refuse(400, invalid, &message, draw)
        })?;
        let ask = read::read(value, call.path == COUNT)
            .map_err(|text| refuse(400, invalid, &text, draw))?;
        if !call.knows(&ask.model, MODELS) {
            let message = format!("model: {}", ask.model);
            return Err(refuse(404, "not_found_error", &message, draw));
        }
        settings::check_model(value, &ask)
            .and_then(|()| history::check(value, &ask, call.foreign_proofs))
            .map_err(|text| refuse(400, invalid, &text, draw))?;
        Ok(ask)
    }

    fn render(&self, call: &Call<'_>, ask: &Ask, answer: &Answer, draw: &mut Draw) -> Reply {
        let id = request_id(draw);
        let reply = if call.path == COUNT {
            let count = object! { "input_tokens" => ask.prompt_tokens };
            Reply::json(200, count.to_text())
        } else if ask.stream {
            let payload = Payload::Stream(stream(ask, answer, draw));
            Reply {
                status: 200,
                headers: Vec::new(),
                payload,
            }
            .header("content-type", "text/event-stream; charset=utf-8")
            .header("cache-control", "no-cache")
        } else {
            let content = blocks(ask, answer, draw)
                .into_iter()
                .map(|block| block.whole)
                .collect();
            let message_id = format!("msg_01{}", draw.alnum(22));
            let stop = answer.stopped_by.as_deref();
            let body = message(ask, &message_id, content, stop_reason(answer), stop)
                .with("usage", usage_node(&answer.usage, answer.usage.output));
            Reply::json(200, body.to_text())
        };
        reply
            .header("request-id", id)
            .headers(rate_limits(ask, draw))
    }

    fn failure(&self, _: &Call<'_>, ask: &Ask, fault: &StatusFault, draw: &mut Draw) -> Reply {
        let (kind, message) = match fault.status {
            401 => ("authentication_error", "invalid x-api-key"),
            402 => (
                "billing_error",
                "Your credit balance is too low to access the Anthropic API.",
            ),
            403 => (
                "permission_error",
                "Your API key does not have permission to use the specified resource.",
            ),
            404 => ("not_found_error", "model: not found"),
            413 => ("request_too_large", "Request exceeds the maximum size"),
            429 => (
                "rate_limit_error",
                "This request would exceed your organization's rate limit.",
            ),
            504 => ("timeout_error", "Request timed out."),
            529 => ("overloaded_error", "Overloaded"),
            status if status >= 500 => ("api_error", "Internal server error"),
            _ => ("invalid_request_error", "Invalid request"),
        };
        let kind = fault.code.as_deref().unwrap_or(kind);
        let message = fault.message.as_deref().unwrap_or(message);
        let retries = matches!(fault.status, 408 | 409 | 429 | 500..);
        let mut reply =
            refuse(fault.status, kind, message, draw).header("x-should-retry", retries.to_string());
        if let Some(seconds) = fault.retry_after_seconds {
            reply = reply.header("retry-after", seconds.to_string());
        }
        if fault.status == 429 {
            let limits = rate_limits(ask, draw).into_iter().map(|(name, value)| {
                let exhausted = name == "anthropic-ratelimit-input-tokens-remaining";
                (name, if exhausted { "0".to_owned() } else { value })
            });
            reply = reply.headers(limits.collect());
        }
        reply
    }

    fn interruption(&self, _: &Call<'_>, draw: &mut Draw) -> (String, String) {
        let error = object! { "details" => Node::NULL, "type" => "overloaded_error",
        "message" => "Overloaded" };
        let body =
            object! { "type" => "error", "error" => error, "request_id" => request_id(draw) };
        let body = body.to_text();
        (format!("event: error\ndata: {body}\n\n"), body)
    }
}
