//! Requests of clients that speak another dialect, written from the neutral form.
//!
//! Choices where the formats differ: instructions at the very beginning are `instructions`, later
//! ones are items; nothing is stored, and thoughts are asked for in `encrypted_content`, so that
//! they can come back; who asks in Anthropic's dialect for thinking is shown summaries of it, which
//! OpenAI writes for verified organisations only; a failed tool's words begin with `Error: `; a
//! budget of reasoning becomes the effort whose usual length it is.

use bytes::Bytes;
use smallvec::SmallVec;
use steelyard_types::{
    ChatRequest, Dialect, Effort, Feature, Grammar, Message, OutputFormat, Part, Role, Target,
    Tool, ToolChoice, ToolKind,
};

use super::PATH;
use crate::carry::{self, Names, Words, refuse};
use crate::json::Object;
use crate::openai::{is_loosened, is_loosened_tool, least, member};
use crate::{EncodedRequest, Losses, Refusal, schema, shared};
use items::{input, list, own};

mod items;

pub(super) use items::{NOTHING_SAID, call_id};

/// What the Responses API has words for: no seed, no penalties, no second answer.
const WORDS: Words = Words {
    provider: "OpenAI's Responses API",
    names: Some(Names::LONG),
    logprobs: true,
    end_user: true,
    metadata: true,
    service_tier: true,
    shared: true,
    strict_tools: true,
    parallel_tool_calls: true,
    custom_tools: true,
    image_detail: true,
    json: true,
    // Judged by the client's word and the place.
    cache_marks: true,
    reasoning: true,
    part: |part, role| match part {
        Part::Image(_) | Part::Document(_) => matches!(role, Role::User | Role::Tool),
        part => role == Role::User && shared::stored_file(part).is_some(),
    },
    ..Words::NONE
};

/// The shortest answer that OpenAI takes as a limit.
const MIN_OUTPUT_TOKENS: u64 = 16;

pub(super) fn check(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    let mut lossy = carry::check(request, target, &WORDS)?;
    if request.stop.as_ref().is_some_and(|stop| !stop.is_empty()) {
        let field = carry::named(request, "stop", "stop_sequences");
        return Err(refuse(
            field,
            format!("is not carried to {}", WORDS.provider),
        ));
    }
    // Such limits are those of checks of health, and the answer may be a little longer.
    let limit = request.max_output_tokens;
    lossy.add_if(
        carry::limit_field(request),
        limit.is_some_and(|limit| limit < MIN_OUTPUT_TOKENS),
    );
    if request.dialect == Dialect::AnthropicMessages
        && let OutputFormat::JsonSchema(wanted) = &request.format
    {
        lossy.add_if("output_config.format", is_loosened(wanted));
    }
    let loosened = |tool: &Tool<'_>| is_loosened_tool(request, tool);
    let strict = carry::tools_word(request, "tools.strict", "functions.strict");
    lossy.add_if(strict, request.tools.iter().any(loosened));
    lossy.add_if(carry::reasoning_field(request), is_inexact(request, target));
    let thoughts = request.messages.iter().flat_map(|one| one.content.iter());
    let lost =
        |part: &Part<'_>| matches!(part, Part::Reasoning(part) if own(part, target).is_none());
    lossy.add_if(
        carry::thoughts_field(request),
        thoughts.into_iter().any(lost),
    );
    let breakpoints = shared::has_breakpoints(request);
    shared::declare_marks(request, &mut lossy, |message, position| {
        let is_input = message.role != Role::Assistant;
        breakpoints && is_input && shared::is_markable(message, position)
    });
    Ok(lossy)
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<EncodedRequest, Refusal> {
    let mut lossy = check(request, target)?;
    let mut body = Object::with_capacity(1_024);
    body.text("model", &target.upstream);
    let marks = shared::has_breakpoints(request);
    let (instructions, rest) = instructions(&request.messages, marks);
    if let Some(instructions) = instructions {
        body.text("instructions", instructions);
    }
    body.raw("input", &input(rest, target, marks));
    if let Some(limit) = request.max_output_tokens {
        let limit = limit.max(MIN_OUTPUT_TOKENS);
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
    if let Some(text) = text(request) {
        body.raw("text", &text);
    }
    tools(request, &mut body);
    include(request, target, &mut body);
    shared::write_end_user(request, &mut body);
    shared::write_fields(request, &mut body);
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

/// A text at the very beginning that instructs, and what comes behind it. A mark has no place there.
fn instructions<'r, 'a>(
    messages: &'r [Message<'a>],
    marks: bool,
) -> (Option<&'r str>, &'r [Message<'a>]) {
    match messages.split_first() {
        Some((first, rest))
            if matches!(first.role, Role::System | Role::Developer) && !rest.is_empty() =>
        {
            match first.content.as_slice() {
                [Part::Text(text)] if !marks || first.cache.is_empty() => (Some(text), rest),
                _ => (None, messages),
            }
        }
        _ => (None, messages),
    }
}

/// Whether less is said of reasoning than was asked for: a budget has no word, and a model that does
/// not reason is told nothing.
fn is_inexact(request: &ChatRequest<'_>, target: &Target) -> bool {
    let reasons = target.features.contains(Feature::Reasoning);
    request
        .reasoning
        .is_some_and(|control| match control.effort {
            Some(Effort::None) => reasons && !least(target).1,
            _ => control.budget_tokens.is_some() || !reasons,
        })
}

fn reasoning(request: &ChatRequest<'_>, target: &Target) -> Option<String> {
    let reasons = target.features.contains(Feature::Reasoning);
    let control = request.reasoning.filter(|_| reasons)?;
    let effort = match control
        .effort
        .or(control.budget_tokens.map(Effort::of_budget))
    {
        Some(Effort::None) => least(target).0,
        effort => effort,
    };
    let mut out = Object::with_capacity(48);
    if let Some(effort) = effort {
        out.text("effort", effort.as_str());
    }
    let is_off = control.effort == Some(Effort::None);
    if request.dialect == Dialect::AnthropicMessages && !is_off {
        out.text("summary", "auto");
    }
    let out = out.close();
    (out != "{}").then_some(out)
}

/// What the answer must be, and how much it is to say.
fn text(request: &ChatRequest<'_>) -> Option<String> {
    let mut out = Object::with_capacity(64);
    if let Some(format) = format(request) {
        out.raw("format", &format);
    }
    if let Some(verbosity) = shared::verbosity(request) {
        out.raw("verbosity", verbosity.get());
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
            let schema = wanted.schema.map(schema::rooted);
            out.raw("schema", schema.as_deref().unwrap_or(any));
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
    let all = shared::all_tools(request);
    body.raw(
        "tools",
        &list(all.into_iter().map(|one| tool(request, one))),
    );
    match &request.tool_choice {
        _ if let Some(mode) = shared::allowed_mode(request) => {
            body.raw("tool_choice", &allowed(request, mode));
        }
        None => {}
        Some(ToolChoice::Auto) => body.text("tool_choice", "auto"),
        Some(ToolChoice::None) => body.text("tool_choice", "none"),
        Some(ToolChoice::Required) => body.text("tool_choice", "required"),
        Some(ToolChoice::Function(name)) => {
            body.raw("tool_choice", &named(ToolKind::Function, name));
        }
        Some(ToolChoice::Custom(name)) => {
            body.raw("tool_choice", &named(ToolKind::Custom, name));
        }
    }
    if request.parallel_tool_calls == Some(false) {
        body.raw("parallel_tool_calls", "false");
    }
}

/// The choice among some of the tools.
fn allowed(request: &ChatRequest<'_>, mode: &str) -> String {
    let names = request.tools.iter().map(|one| named(one.kind, &one.name));
    let mut choice = Object::with_capacity(128);
    choice.text("type", "allowed_tools");
    choice.text("mode", mode);
    choice.raw("tools", &list(names));
    choice.close()
}

/// A tool by its name.
fn named(kind: ToolKind, name: &str) -> String {
    let mut out = Object::with_capacity(64);
    out.text("type", member(kind));
    out.text("name", name);
    out.close()
}

fn custom(tool: &Tool<'_>) -> String {
    let mut out = Object::with_capacity(320);
    out.text("type", member(tool.kind));
    out.text("name", &tool.name);
    if let Some(description) = &tool.description {
        out.text("description", description);
    }
    if let Some(Grammar { syntax, definition }) = &tool.grammar {
        let mut format = Object::with_capacity(definition.len() + 64);
        format.text("type", "grammar");
        format.text("syntax", syntax);
        format.text("definition", definition);
        out.raw("format", &format.close());
    }
    out.close()
}

fn tool(request: &ChatRequest<'_>, tool: &Tool<'_>) -> String {
    if tool.kind == ToolKind::Custom {
        return custom(tool);
    }
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
