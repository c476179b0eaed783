//! Requests of clients that speak another dialect, written from the neutral form.
//!
//! Choices where the formats differ: instructions at the very beginning are `instructions`, later
//! ones are items; nothing is stored, and thoughts are asked for in `encrypted_content`, so that
//! they can come back; who asks in Anthropic's dialect for thinking is shown summaries of it, which
//! OpenAI writes for verified organisations only; a failed tool's words begin with `Error: `; a
//! budget of reasoning becomes the effort whose usual length it is.

use std::borrow::Cow;

use bytes::Bytes;
use smallvec::SmallVec;
use steelyard_types::{
    ChatRequest, Dialect, Effort, Feature, Image, Message, OutputFormat, Part, ReasoningPart, Role,
    Source, Target, Tool, ToolChoice,
};

use super::PATH;
use super::stream::unsealed;
use super::write::{message_item, refusal_part, summary_part, text_part};
use crate::carry::{self, Words, refuse};
use crate::gemini::call_id as gemini_id;
use crate::json::{self, Object, push_text};
use crate::openai::{effort_of, is_loosened, is_loosened_tool};
use crate::origin::{self, Origin};
use crate::turns::told;
use crate::{EncodedRequest, Losses, Refusal};

/// What the Responses API has words for: no seed, no penalties, no second answer.
const WORDS: Words = Words {
    provider: "OpenAI's Responses API",
    logprobs: true,
    end_user: true,
    metadata: true,
    service_tier: true,
    strict_tools: true,
    parallel_tool_calls: true,
    image_detail: true,
    json: true,
    reasoning: true,
    part: |part, role| {
        matches!(part, Part::Image(_) | Part::Document(_))
            && matches!(role, Role::User | Role::Tool)
    },
    ..Words::NONE
};

/// The shortest answer that OpenAI takes as a limit.
const MIN_OUTPUT_TOKENS: u64 = 16;

/// Longest id of a call that OpenAI takes.
const MAX_CALL_ID: usize = 64;

pub(super) fn check(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    let mut lossy = carry::check(request, target, &WORDS)?;
    if request.stop.as_ref().is_some_and(|stop| !stop.is_empty()) {
        let field = carry::named(request, "stop", "stop_sequences");
        return Err(refuse(
            field,
            format!("is not carried to {}", WORDS.provider),
        ));
    }
    if let Some(limit) = request.max_output_tokens
        && limit < MIN_OUTPUT_TOKENS
    {
        let reason = format!(
            "is {limit}, but {} takes {MIN_OUTPUT_TOKENS} at least",
            WORDS.provider
        );
        return Err(refuse("max_tokens", reason));
    }
    if request.dialect == Dialect::AnthropicMessages
        && let OutputFormat::JsonSchema(wanted) = &request.format
    {
        lossy.add_if("output_config.format", is_loosened(wanted));
    }
    let loosened = |tool: &Tool<'_>| is_loosened_tool(request, tool);
    lossy.add_if("tools.strict", request.tools.iter().any(loosened));
    lossy.add_if(
        carry::named(request, "reasoning_effort", "thinking"),
        is_inexact(request, target),
    );
    let thoughts = request.messages.iter().flat_map(|one| one.content.iter());
    let lost =
        |part: &Part<'_>| matches!(part, Part::Reasoning(part) if own(part, target).is_none());
    lossy.add_if(
        carry::thoughts_field(request),
        thoughts.into_iter().any(lost),
    );
    Ok(lossy)
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<EncodedRequest, Refusal> {
    let mut lossy = check(request, target)?;
    let mut body = Object::with_capacity(1_024);
    body.text("model", &target.upstream);
    let (instructions, rest) = instructions(&request.messages);
    if let Some(instructions) = instructions {
        body.text("instructions", instructions);
    }
    body.raw("input", &input(rest, target));
    if let Some(limit) = request.max_output_tokens {
        body.raw("max_output_tokens", &limit.to_string());
    }
    let sampling = carry::sampling(request, target, &mut lossy);
    for (name, value) in [
        ("temperature", sampling.temperature),
        ("top_p", sampling.top_p),
    ] {
        if let Some(value) = carry::number(name, value)? {
            body.raw(name, value.get());
        }
    }
    if let Some(reasoning) = reasoning(request, target) {
        body.raw("reasoning", &reasoning);
    }
    if let Some(format) = format(request) {
        body.raw("text", &format!("{{\"format\":{format}}}"));
    }
    tools(request, &mut body);
    include(request, target, &mut body);
    if let Some(user) = &request.end_user {
        body.text("user", user);
    }
    if let Some(metadata) = request.metadata {
        body.raw("metadata", metadata.get());
    }
    if let Some(tier) = &request.service_tier {
        body.text("service_tier", tier);
    }
    body.raw("store", "false");
    if request.stream {
        body.raw("stream", "true");
    }
    Ok(EncodedRequest {
        path: PATH.to_owned(),
        headers: SmallVec::new(),
        body: Bytes::from(body.close()),
        lossy,
    })
}

/// What the answer is to hold besides: thoughts that can come back, which only models that reason
/// take as a word, and log probabilities.
fn include(request: &ChatRequest<'_>, target: &Target, body: &mut Object) {
    let mut include: SmallVec<[&str; 2]> = SmallVec::new();
    // Who did not ask for thoughts in Anthropic's dialect looks for the answer in the first block.
    let shown = request.dialect != Dialect::AnthropicMessages || request.reasoning.is_some();
    if shown && target.features.contains(Feature::Reasoning) {
        include.push("\"reasoning.encrypted_content\"");
    }
    if request.logprobs == Some(true) {
        include.push("\"message.output_text.logprobs\"");
        if let Some(top) = request.top_logprobs {
            body.raw("top_logprobs", &top.to_string());
        }
    }
    if !include.is_empty() {
        body.raw("include", &format!("[{}]", include.join(",")));
    }
}

/// A text at the very beginning that instructs, and what comes behind it.
fn instructions<'r, 'a>(messages: &'r [Message<'a>]) -> (Option<&'r str>, &'r [Message<'a>]) {
    match messages.split_first() {
        Some((first, rest))
            if matches!(first.role, Role::System | Role::Developer) && !rest.is_empty() =>
        {
            match first.content.as_slice() {
                [Part::Text(text)] => (Some(text), rest),
                _ => (None, messages),
            }
        }
        _ => (None, messages),
    }
}

fn input(messages: &[Message<'_>], target: &Target) -> String {
    let mut items = Items(String::from("["));
    for message in messages {
        match message.role {
            Role::System => items.push(&said("system", message)),
            Role::Developer => items.push(&said("developer", message)),
            Role::User => items.push(&said("user", message)),
            Role::Tool => items.push(&output(message)),
            Role::Assistant => answer(message, target, &mut items),
        }
    }
    items.0.push(']');
    items.0
}

/// A JSON list that grows.
struct Items(String);

impl Items {
    fn push(&mut self, item: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(item);
    }
}

/// Instructions, or what the user said.
fn said(role: &str, message: &Message<'_>) -> String {
    let mut out = Object::with_capacity(256);
    out.text("type", "message");
    out.text("role", role);
    match message.content.as_slice() {
        [Part::Text(text)] => out.text("content", text),
        parts => out.raw("content", &list(parts.iter().filter_map(part))),
    }
    out.close()
}

/// What an answer said: thoughts of this model, words, calls.
fn answer(message: &Message<'_>, target: &Target, items: &mut Items) {
    let thoughts = message.content.iter().filter_map(|part| match part {
        Part::Reasoning(part) => own(part, target),
        _ => None,
    });
    for (part, proof) in thoughts.map(|(part, proof)| (part, unsealed(proof))) {
        let mut out = Object::with_capacity(256);
        out.text("type", "reasoning");
        let id = |id: &str| Cow::Owned(format!("rs_{:016x}", json::fnv1a(&[id.as_bytes()])));
        out.text("id", &proof.0.map_or_else(|| id(proof.1), Cow::Borrowed));
        let summary = if part.text.is_empty() {
            String::new()
        } else {
            summary_part(&part.text)
        };
        out.raw("summary", &format!("[{summary}]"));
        out.text("encrypted_content", proof.1);
        items.push(&out.close());
    }
    let words: Vec<&Part<'_>> = message
        .content
        .iter()
        .filter(|part| matches!(part, Part::Text(_) | Part::Refusal(_)))
        .collect();
    match words.as_slice() {
        [] => {}
        [Part::Text(text)] => {
            let mut out = Object::with_capacity(text.len() + 64);
            out.text("type", "message");
            out.text("role", "assistant");
            out.text("content", text);
            items.push(&out.close());
        }
        words => {
            let parts: Vec<String> = words
                .iter()
                .filter_map(|part| match part {
                    Part::Text(text) => Some(text_part(text, "[]")),
                    Part::Refusal(text) => Some(refusal_part(text)),
                    _ => None,
                })
                .collect();
            let parts = parts.join(",");
            let id = format!("msg_{:016x}", json::fnv1a(&[parts.as_bytes()]));
            items.push(&message_item(&id, "completed", &parts));
        }
    }
    for call in &message.tool_calls {
        let mut out = Object::with_capacity(call.arguments.len() + 128);
        out.text("type", "function_call");
        out.text("call_id", &call_id(&call.id));
        out.text("name", &call.name);
        out.text("arguments", super::write::arguments(&call.arguments));
        items.push(&out.close());
    }
}

/// Thoughts that are this model's, and their proof.
fn own<'p, 'a>(
    part: &'p ReasoningPart<'a>,
    target: &Target,
) -> Option<(&'p ReasoningPart<'a>, &'p str)> {
    match origin::open(part.signature.as_deref()?, target) {
        Origin::Own(proof) => Some((part, proof)),
        Origin::Foreign | Origin::Unmarked(_) => None,
    }
}

/// The result of a call.
fn output(message: &Message<'_>) -> String {
    let mut out = Object::with_capacity(256);
    out.text("type", "function_call_output");
    let id = message.tool_call_id.as_deref().unwrap_or_default();
    out.text("call_id", &call_id(id));
    let is_words = |part: &Part<'_>| !matches!(part, Part::Image(_) | Part::Document(_));
    let one_text = message.content.len() < 2 || message.is_error;
    if !one_text || !message.content.iter().all(is_words) {
        let failed = message
            .is_error
            .then(|| input_text("Error: the tool failed"));
        let parts = message.content.iter().filter_map(part);
        out.raw("output", &list(failed.into_iter().chain(parts)));
    } else {
        out.text("output", &told(message));
    }
    out.close()
}

/// The id of a call as OpenAI takes it.
pub(super) fn call_id(id: &str) -> Cow<'_, str> {
    // A signature that Gemini put into it is of use to Gemini alone.
    let id = gemini_id::unpack(id).id;
    if id.len() <= MAX_CALL_ID {
        Cow::Borrowed(id)
    } else {
        Cow::Owned(format!("call_{:016x}", json::fnv1a(&[id.as_bytes()])))
    }
}

fn part(part: &Part<'_>) -> Option<String> {
    let mut out = Object::with_capacity(128);
    match part {
        Part::Text(text) | Part::Refusal(text) => return Some(input_text(text)),
        Part::Image(image) => return Some(input_image(image)),
        Part::Document(document) => {
            out.text("type", "input_file");
            // The name is required beside bytes, and other dialects may have none.
            match (&document.source, &document.name) {
                (Source::Base64 { .. }, name) => {
                    out.text("filename", name.as_deref().unwrap_or("document.pdf"));
                    out.text("file_data", &url(&document.source));
                }
                (Source::Url(address), name) => {
                    out.text("file_url", address);
                    if let Some(name) = name {
                        out.text("filename", name);
                    }
                }
            }
        }
        Part::Reasoning(_) | Part::Other { .. } => return None,
    }
    Some(out.close())
}

fn input_text(text: &str) -> String {
    let mut out = Object::with_capacity(text.len() + 40);
    out.text("type", "input_text");
    out.text("text", text);
    out.close()
}

fn input_image(image: &Image<'_>) -> String {
    let mut out = Object::with_capacity(128);
    out.text("type", "input_image");
    out.text("image_url", &url(&image.source));
    out.text("detail", image.detail.as_deref().unwrap_or("auto"));
    out.close()
}

fn url<'s>(source: &'s Source<'_>) -> Cow<'s, str> {
    match source {
        Source::Url(url) => Cow::Borrowed(url),
        Source::Base64 { media_type, data } => {
            Cow::Owned(format!("data:{media_type};base64,{data}"))
        }
    }
}

/// Whether less is said of reasoning than was asked for: a budget has no word, and a model that does
/// not reason is told nothing.
fn is_inexact(request: &ChatRequest<'_>, target: &Target) -> bool {
    let reasons = target.features.contains(Feature::Reasoning);
    request.reasoning.is_some_and(|control| {
        control.budget_tokens.is_some() || !reasons && control.effort != Some(Effort::None)
    })
}

fn reasoning(request: &ChatRequest<'_>, target: &Target) -> Option<String> {
    let reasons = target.features.contains(Feature::Reasoning);
    let control = request.reasoning.filter(|_| reasons)?;
    let effort = control.effort.or(control.budget_tokens.map(effort_of));
    let mut out = Object::with_capacity(48);
    if let Some(effort) = effort {
        out.text("effort", effort.as_str());
    }
    if request.dialect == Dialect::AnthropicMessages && effort != Some(Effort::None) {
        out.text("summary", "auto");
    }
    let out = out.close();
    (out != "{}").then_some(out)
}

fn format(request: &ChatRequest<'_>) -> Option<String> {
    let dialect = request.dialect;
    let mut out = Object::with_capacity(256);
    match &request.format {
        OutputFormat::Text => return None,
        OutputFormat::JsonObject => out.text("type", "json_object"),
        OutputFormat::JsonSchema(wanted) => {
            out.text("type", "json_schema");
            // The name is required here, and other dialects have none.
            out.text("name", wanted.name.as_deref().unwrap_or("answer"));
            if let Some(description) = &wanted.description {
                out.text("description", description);
            }
            let any = "{\"type\":\"object\"}";
            out.raw("schema", wanted.schema.map_or(any, |raw| raw.get()));
            if let Some(strict) = wanted.strict {
                let loosened = dialect == Dialect::AnthropicMessages && is_loosened(wanted);
                let strict = strict && !loosened;
                out.raw("strict", if strict { "true" } else { "false" });
            }
        }
    }
    Some(out.close())
}

fn tools(request: &ChatRequest<'_>, body: &mut Object) {
    if request.tools.is_empty() {
        return;
    }
    body.raw(
        "tools",
        &list(request.tools.iter().map(|one| tool(request, one))),
    );
    match &request.tool_choice {
        None => {}
        Some(ToolChoice::Auto) => body.text("tool_choice", "auto"),
        Some(ToolChoice::None) => body.text("tool_choice", "none"),
        Some(ToolChoice::Required) => body.text("tool_choice", "required"),
        Some(ToolChoice::Function(name)) => {
            let mut choice = String::from("{\"type\":\"function\",\"name\":");
            push_text(&mut choice, name);
            choice.push('}');
            body.raw("tool_choice", &choice);
        }
    }
    if request.parallel_tool_calls == Some(false) {
        body.raw("parallel_tool_calls", "false");
    }
}

fn tool(request: &ChatRequest<'_>, tool: &Tool<'_>) -> String {
    let mut out = Object::with_capacity(320);
    out.text("type", "function");
    out.text("name", &tool.name);
    if let Some(description) = &tool.description {
        out.text("description", description);
    }
    let none = "{\"type\":\"object\",\"properties\":{}}";
    out.raw("parameters", tool.parameters.map_or(none, |raw| raw.get()));
    // Without the word this API tries to be strict, which others do not.
    let strict = tool.strict == Some(true) && !is_loosened_tool(request, tool);
    out.raw("strict", if strict { "true" } else { "false" });
    out.close()
}

fn list(elements: impl Iterator<Item = String>) -> String {
    let mut out = Items(String::from("["));
    for element in elements {
        out.push(&element);
    }
    out.0.push(']');
    out.0
}
