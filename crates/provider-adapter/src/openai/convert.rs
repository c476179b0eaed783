//! Requests of clients that speak another dialect, written from the neutral form.
//!
//! Choices where the formats differ: pieces of text are joined with a line break where a message
//! holds nothing else; a failed tool's words begin with `Error: `; what a tool shows (a picture, a
//! document) stands in the user message behind the results, because results are text alone; thoughts
//! go back to their own model where their server has a place for them, and DeepSeek is told those of
//! nobody known beside calls.

use bytes::Bytes;
use smallvec::SmallVec;
use steelyard_types::{
    ChatRequest, Grammar, OutputFormat, Part, ReasoningField, Role, Source, Target, Tool,
    ToolChoice, ToolKind, UnknownFields, WireProfile,
};

use super::encode::{
    PATH, check_choices, check_last, declare_left_out, limit_name, strict, temperature,
};
use super::reasoning::{Wish, takes_extensions};
use super::{format, strict_schema};
use crate::carry::custom::{self, Withheld};
use crate::carry::{self, Names, Sampling, Words, refuse};
use crate::json::{Object, push_text};
use crate::responses::asks_for_thoughts;
use crate::{EncodedRequest, Losses, Refusal, shared};

mod messages;

/// What OpenAI has words for.
const OPENAI: Words = Words {
    provider: "a provider of OpenAI's format",
    seed: true,
    presence_penalty: true,
    frequency_penalty: true,
    n: true,
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
    // Judged by profile.
    cache_marks: true,
    reasoning: true,
    part: |part, role| match part {
        Part::Image(_) => matches!(role, Role::User | Role::Tool),
        Part::Document(document) => {
            matches!(role, Role::User | Role::Tool)
                && matches!(document.source, Source::Base64 { .. })
        }
        part => role == Role::User && shared::stored_file(part).is_some(),
    },
    ..Words::NONE
};

/// What its copies have words for: they differ in classes of service and books that they keep.
const COMPATIBLE: Words = Words {
    metadata: false,
    service_tier: false,
    shared: false,
    custom_tools: false,
    part: |part, role| !matches!(part, Part::Other { .. }) && (OPENAI.part)(part, role),
    ..OPENAI
};

/// What Mistral has words for.
const STRICT: Words = Words {
    logprobs: false,
    end_user: false,
    service_tier: false,
    shared: false,
    custom_tools: false,
    part: |part, role| match part {
        Part::Image(_) => matches!(role, Role::User | Role::Tool),
        Part::Document(document) => {
            matches!(role, Role::User | Role::Tool) && strict::takes(document)
        }
        _ => false,
    },
    ..OPENAI
};

fn words(profile: &WireProfile) -> &'static Words {
    if profile.unknown_fields == UnknownFields::Refuse {
        &STRICT
    } else if takes_extensions(profile) {
        &COMPATIBLE
    } else {
        &OPENAI
    }
}

/// Refuses what this format has no place for, and says what is lost.
pub(super) fn carries(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    let profile = &target.profile;
    let words = words(profile);
    let mut lossy = carry::check(request, target, words)?;
    carry::names::check(request, target, Names::of(profile), words.shared)?;
    let withheld = if words.shared {
        Withheld::Sent
    } else {
        Withheld::LeftOut
    };
    custom::check_profile(request, target, withheld)?;
    check_choices(request, target)?;
    check_last(request, profile, &target.upstream)?;
    let sampling = carry::sampling(request, target, &mut lossy);
    temperature(sampling, profile, &mut lossy);
    if let Some(control) = request.reasoning {
        Wish::of(control, request, target).declare(request, &mut lossy);
    }
    // OpenAI's chat completions show nothing of what was thought.
    let is_silent = words.shared;
    lossy.add_if("reasoning.summary", is_silent && asks_for_thoughts(request));
    format::declare(request, target, &mut lossy);
    if format::told(request, target).is_none()
        && let OutputFormat::JsonSchema(wanted) = &request.format
    {
        let field = carry::named(request, "response_format", "output_config.format");
        lossy.add_if(field, strict_schema::is_loosened(wanted));
    }
    let loosened = |tool: &Tool<'_>| strict_schema::is_loosened_tool(request, tool);
    lossy.add_if("tools.strict", request.tools.iter().any(loosened));
    messages::declare(request, target, &mut lossy);
    let mark = messages::Mark::new(request, profile);
    shared::declare_marks(request, &mut lossy, |message, position| {
        mark.is_some() && shared::is_markable(message, position)
    });
    declare_left_out(request, profile, &mut lossy);
    let stops = request.stop.as_ref().map_or(0, |stop| stop.len());
    if stops > MAX_STOP
        && !takes_extensions(profile)
        && profile.unknown_fields != UnknownFields::Refuse
    {
        let field = carry::named(request, "stop", "stop_sequences");
        let reason = format!("holds more than {MAX_STOP} entries");
        return Err(refuse(field, reason));
    }
    Ok(lossy)
}

/// Most stop sequences that OpenAI takes.
const MAX_STOP: usize = 4;

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<EncodedRequest, Refusal> {
    let mut lossy = carries(request, target)?;
    let profile = &target.profile;
    let words = words(profile);
    let mut body = Object::with_capacity(1_024);
    body.text("model", &target.upstream);
    let instruction = format::instruction(request, target);
    body.raw(
        "messages",
        &messages::written(request, target, instruction.as_deref()),
    );
    if let Some(limit) = request.max_output_tokens {
        body.raw(limit_name(profile), &limit.to_string());
    }
    let mut sampling = carry::sampling(request, target, &mut lossy);
    sampling.temperature = temperature(sampling, profile, &mut lossy);
    numbers(request, sampling, profile, &mut body)?;
    if let Some(stop) = request.stop.as_ref().filter(|stop| !stop.is_empty()) {
        body.raw("stop", &list(stop.iter(), |out, text| push_text(out, text)));
    }
    if let Some(control) = request.reasoning {
        Wish::of(control, request, target).write(profile, &mut body);
    }
    if instruction.is_some() {
        body.raw("response_format", format::ANY_OBJECT);
    } else if let Some(format) = response_format(&request.format) {
        body.raw("response_format", &format);
    }
    tools(request, profile, words.shared, &mut body);
    if words.shared {
        shared::write_end_user(request, &mut body);
        shared::write_fields(request, &mut body);
        if let Some(verbosity) = shared::verbosity(request) {
            body.raw("verbosity", verbosity.get());
        }
    } else if let Some(user) = request.end_user.as_ref().filter(|_| words.end_user) {
        body.text("user", user);
    }
    if let Some(metadata) = request.metadata.filter(|_| words.metadata) {
        body.raw("metadata", metadata.get());
    }
    if let Some(tier) = request.service_tier.as_ref().filter(|_| words.service_tier) {
        body.text("service_tier", tier);
    }
    if request.stream {
        body.raw("stream", "true");
        if profile.stream_usage_option {
            body.raw("stream_options", "{\"include_usage\":true}");
        }
    }
    Ok(EncodedRequest {
        path: PATH.to_owned(),
        headers: SmallVec::new(),
        body: Bytes::from(body.close()),
        lossy,
    })
}

fn numbers(
    request: &ChatRequest<'_>,
    sampling: Sampling<'_>,
    profile: &WireProfile,
    body: &mut Object,
) -> Result<(), Refusal> {
    let seed = match profile.unknown_fields {
        UnknownFields::Refuse => "random_seed",
        UnknownFields::Forward => "seed",
    };
    for (name, value) in [
        ("temperature", sampling.temperature),
        ("top_p", sampling.top_p),
        (seed, request.seed),
        ("presence_penalty", sampling.presence_penalty),
        ("frequency_penalty", sampling.frequency_penalty),
    ] {
        if let Some(value) = carry::number(name, value)? {
            body.raw(name, value.get());
        }
    }
    if let Some(n) = request.n.filter(|n| *n != 1) {
        body.raw("n", &n.to_string());
    }
    if request.logprobs == Some(true) {
        body.raw("logprobs", "true");
        if let Some(top) = request.top_logprobs {
            body.raw("top_logprobs", &top.to_string());
        }
    }
    Ok(())
}

fn list<T>(items: impl Iterator<Item = T>, mut write: impl FnMut(&mut String, T)) -> String {
    let mut out = String::from("[");
    for item in items {
        if out.len() > 1 {
            out.push(',');
        }
        write(&mut out, item);
    }
    out.push(']');
    out
}

fn response_format(format: &OutputFormat<'_>) -> Option<String> {
    let wanted = match format {
        OutputFormat::Text => return None,
        OutputFormat::JsonObject => return Some(format::ANY_OBJECT.to_owned()),
        OutputFormat::JsonSchema(wanted) => wanted,
    };
    let mut schema = Object::with_capacity(256);
    // The name is required here, and other dialects have none.
    schema.text("name", wanted.name.as_deref().unwrap_or("answer"));
    if let Some(description) = &wanted.description {
        schema.text("description", description);
    }
    if let Some(raw) = wanted.schema {
        schema.raw("schema", &crate::schema::rooted(raw));
    }
    if let Some(strict) = wanted.strict {
        let strict = strict && !strict_schema::is_loosened(wanted);
        schema.raw("strict", if strict { "true" } else { "false" });
    }
    let mut out = Object::with_capacity(256);
    out.text("type", "json_schema");
    out.raw("json_schema", &schema.close());
    Some(out.close())
}

fn tools(request: &ChatRequest<'_>, profile: &WireProfile, knows_allowed: bool, body: &mut Object) {
    if request.tools.is_empty() {
        return;
    }
    let mode = shared::allowed_mode(request).filter(|_| knows_allowed);
    let offered = match mode {
        Some(_) => shared::all_tools(request),
        None => request.tools.iter().collect(),
    };
    let tools = list(offered.into_iter(), |out, one| {
        out.push_str(&tool(request, one));
    });
    body.raw("tools", &tools);
    match &request.tool_choice {
        _ if let Some(mode) = mode => body.raw("tool_choice", &allowed(request, mode)),
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
    // What is so anyway is not said: some servers do not know the word. At DashScope it is one call
    // at a time unless it is said.
    let is_so = profile.reasoning != ReasoningField::EnableThinking;
    match request.parallel_tool_calls {
        Some(true) if is_so => {}
        Some(several) => body.raw(
            "parallel_tool_calls",
            if several { "true" } else { "false" },
        ),
        None => {}
    }
}

/// The choice among some of the tools.
fn allowed(request: &ChatRequest<'_>, mode: &str) -> String {
    let names = list(request.tools.iter(), |out, one| {
        out.push_str(&named(one.kind, &one.name));
    });
    let mut inner = Object::with_capacity(128);
    inner.text("mode", mode);
    inner.raw("tools", &names);
    let mut choice = Object::with_capacity(192);
    choice.text("type", "allowed_tools");
    choice.raw("allowed_tools", &inner.close());
    choice.close()
}

/// The member of tools and calls that says what they are, which is their type too.
pub(crate) fn member(kind: ToolKind) -> &'static str {
    match kind {
        ToolKind::Function => "function",
        ToolKind::Custom => "custom",
    }
}

/// An object of that type.
pub(super) fn of_kind(kind: ToolKind, mut out: Object, inner: &str) -> String {
    out.text("type", member(kind));
    out.raw(member(kind), inner);
    out.close()
}

/// A tool by its name.
pub(super) fn named(kind: ToolKind, name: &str) -> String {
    let mut inner = Object::with_capacity(64);
    inner.text("name", name);
    of_kind(kind, Object::with_capacity(96), &inner.close())
}

fn custom(tool: &Tool<'_>) -> String {
    let mut out = Object::with_capacity(256);
    out.text("name", &tool.name);
    if let Some(description) = &tool.description {
        out.text("description", description);
    }
    if let Some(Grammar { syntax, definition }) = &tool.grammar {
        let mut grammar = Object::with_capacity(definition.len() + 64);
        grammar.text("syntax", syntax);
        grammar.text("definition", definition);
        let mut format = Object::with_capacity(definition.len() + 96);
        format.text("type", "grammar");
        format.raw("grammar", &grammar.close());
        out.raw("format", &format.close());
    }
    out.close()
}

fn tool(request: &ChatRequest<'_>, tool: &Tool<'_>) -> String {
    if tool.kind == ToolKind::Custom {
        return of_kind(tool.kind, Object::with_capacity(320), &custom(tool));
    }
    let mut function = Object::with_capacity(256);
    function.text("name", &tool.name);
    if let Some(description) = &tool.description {
        function.text("description", description);
    }
    if let Some(parameters) = tool.parameters {
        function.raw("parameters", parameters.get());
    }
    if let Some(strict) = tool.strict {
        let strict = strict && !strict_schema::is_loosened_tool(request, tool);
        function.raw("strict", if strict { "true" } else { "false" });
    }
    of_kind(tool.kind, Object::with_capacity(320), &function.close())
}

#[cfg(test)]
mod tests;
