//! Requests of clients that speak another dialect, written from the neutral form.
//!
//! Choices where the formats differ: pieces of text are joined with a line break where a message
//! holds nothing else; thoughts in the history are another provider's and stay behind, as there is
//! no place for them; a failed tool's words begin with `Error: `; a budget of reasoning becomes the
//! effort whose usual length it is.

use std::borrow::Cow;

use bytes::Bytes;
use smallvec::SmallVec;
use steelyard_types::{
    ChatRequest, Effort, Image, MaxTokensField, Message, OutputFormat, Part, Role, Source, Target,
    Tool, ToolChoice, UnknownFields, WireProfile,
};

use super::encode::{PATH, limit_name, mapped_id};
use crate::carry::{self, refuse};
use crate::json::{Object, push_text};
use crate::turns::told;
use crate::{EncodedRequest, Losses, Refusal};

const PROVIDER: &str = "a provider of OpenAI's format";

/// Refuses what this format has no place for.
pub(super) fn carries(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    let not_carried = |field: &str| refuse(field, format!("is not carried to {PROVIDER}"));
    if let Some(field) = request.untranslated.first() {
        return Err(not_carried(field));
    }
    if request.top_k.is_some() {
        return Err(not_carried("top_k"));
    }
    for (index, message) in request.messages.iter().enumerate() {
        if let Some(field) = &message.untranslated {
            return Err(not_carried(field));
        }
        for (position, part) in message.content.iter().enumerate() {
            if let Some(kind) = homeless(part, message.role) {
                return Err(refuse(
                    format!("messages[{index}].content[{position}]"),
                    format!("of type {kind} is not carried to {PROVIDER}"),
                ));
            }
        }
    }
    if request.end_user.is_some() && target.profile.unknown_fields == UnknownFields::Refuse {
        return Err(not_carried("metadata.user_id"));
    }
    effort(request, &target.profile)?;
    carry::check_limit(request, target)?;
    carry::check_forced_choice(request, target)?;
    carry::check_prefill(request, target, false)?;
    let mut lossy = Losses::none();
    carry::sampling(request, target, &mut lossy);
    Ok(lossy)
}

/// The name of a part that a message of that role has no place for.
fn homeless<'p>(part: &'p Part<'_>, role: Role) -> Option<&'p str> {
    match part {
        Part::Text(_) | Part::Refusal(_) | Part::Reasoning(_) => None,
        Part::Image(_) if role == Role::User => None,
        Part::Document(document) if role == Role::User => match document.source {
            Source::Base64 { .. } => None,
            Source::Url(_) => Some("document with a url"),
        },
        Part::Image(_) => Some("image"),
        Part::Document(_) => Some("document"),
        Part::Other { kind, .. } => Some(kind),
    }
}

/// The `reasoning_effort` to ask for.
fn effort(
    request: &ChatRequest<'_>,
    profile: &WireProfile,
) -> Result<Option<&'static str>, Refusal> {
    let Some(control) = request.reasoning else {
        return Ok(None);
    };
    // A CHOICE: providers publish no lengths of their efforts.
    let of_budget = |tokens| match tokens {
        0..4_096 => Effort::Low,
        4_096..16_384 => Effort::Medium,
        _ => Effort::High,
    };
    let effort = control.effort.or(control.budget_tokens.map(of_budget));
    match (effort, profile.max_tokens_field) {
        (None, _) => Ok(None),
        (Some(effort), MaxTokensField::MaxCompletionTokens) => Ok(Some(effort.as_str())),
        (Some(_), MaxTokensField::MaxTokens) => Err(refuse(
            "thinking",
            "is not carried to an OpenAI-compatible server, each of which has its own word for it",
        )),
    }
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<EncodedRequest, Refusal> {
    let mut lossy = carries(request, target)?;
    let profile = &target.profile;
    let mut body = Object::with_capacity(1_024);
    body.text("model", &target.upstream);
    body.raw("messages", &messages(request, profile));
    if let Some(limit) = request.max_output_tokens {
        body.raw(limit_name(profile), &limit.to_string());
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
    if let Some(stop) = request.stop.as_ref().filter(|stop| !stop.is_empty()) {
        body.raw("stop", &list(stop.iter(), |out, text| push_text(out, text)));
    }
    if let Some(effort) = effort(request, profile)? {
        body.text("reasoning_effort", effort);
    }
    if let Some(format) = response_format(&request.format) {
        body.raw("response_format", &format);
    }
    tools(request, &mut body);
    if let Some(user) = &request.end_user {
        body.text("user", user);
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

fn messages(request: &ChatRequest<'_>, profile: &WireProfile) -> String {
    list(request.messages.iter(), |out, one| {
        out.push_str(&message(one, profile));
    })
}

fn message(message: &Message<'_>, profile: &WireProfile) -> String {
    let mut out = Object::with_capacity(256);
    let role = match message.role {
        Role::Developer if profile.developer_role => "developer",
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    out.text("role", role);
    if let Some(id) = &message.tool_call_id {
        out.text("tool_call_id", &mapped_id(id, profile));
    }
    let only_text = |part: &Part<'_>| !matches!(part, Part::Image(_) | Part::Document(_));
    if !message.content.iter().all(only_text) {
        let parts = message.content.iter().filter_map(part);
        out.raw("content", &list(parts, |out, part| out.push_str(&part)));
    } else if message.texts().next().is_none() && !message.tool_calls.is_empty() {
        out.raw("content", "null");
    } else {
        out.text("content", &told(message));
    }
    if !message.tool_calls.is_empty() {
        let calls = list(message.tool_calls.iter(), |out, call| {
            let mut function = Object::with_capacity(call.arguments.len() + 64);
            function.text("name", &call.name);
            let empty = call.arguments.trim().is_empty();
            function.text("arguments", if empty { "{}" } else { &call.arguments });
            let mut written = Object::with_capacity(call.arguments.len() + 128);
            written.text("id", &mapped_id(&call.id, profile));
            written.text("type", "function");
            written.raw("function", &function.close());
            out.push_str(&written.close());
        });
        out.raw("tool_calls", &calls);
    }
    out.close()
}

fn part(part: &Part<'_>) -> Option<String> {
    let mut out = Object::with_capacity(128);
    match part {
        Part::Text(text) | Part::Refusal(text) => {
            out.text("type", "text");
            out.text("text", text);
        }
        Part::Image(image) => {
            out.text("type", "image_url");
            out.raw("image_url", &image_url(image));
        }
        Part::Document(document) => {
            let mut file = Object::with_capacity(128);
            file.text("filename", document.name.as_deref().unwrap_or("document"));
            file.text("file_data", &url(&document.source));
            out.text("type", "file");
            out.raw("file", &file.close());
        }
        Part::Reasoning(_) | Part::Other { .. } => return None,
    }
    Some(out.close())
}

fn image_url(image: &Image<'_>) -> String {
    let mut out = Object::with_capacity(128);
    out.text("url", &url(&image.source));
    if let Some(detail) = &image.detail {
        out.text("detail", detail);
    }
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

fn response_format(format: &OutputFormat<'_>) -> Option<String> {
    let mut out = Object::with_capacity(256);
    match format {
        OutputFormat::Text => return None,
        OutputFormat::JsonObject => out.text("type", "json_object"),
        OutputFormat::JsonSchema(wanted) => {
            let mut schema = Object::with_capacity(256);
            // The name is required here, and other dialects have none.
            schema.text("name", wanted.name.as_deref().unwrap_or("answer"));
            if let Some(description) = &wanted.description {
                schema.text("description", description);
            }
            if let Some(raw) = wanted.schema {
                schema.raw("schema", raw.get());
            }
            if let Some(strict) = wanted.strict {
                schema.raw("strict", if strict { "true" } else { "false" });
            }
            out.text("type", "json_schema");
            out.raw("json_schema", &schema.close());
        }
    }
    Some(out.close())
}

fn tools(request: &ChatRequest<'_>, body: &mut Object) {
    if request.tools.is_empty() {
        return;
    }
    let tools = list(request.tools.iter(), |out, one| out.push_str(&tool(one)));
    body.raw("tools", &tools);
    match &request.tool_choice {
        None => {}
        Some(ToolChoice::Auto) => body.text("tool_choice", "auto"),
        Some(ToolChoice::None) => body.text("tool_choice", "none"),
        Some(ToolChoice::Required) => body.text("tool_choice", "required"),
        Some(ToolChoice::Function(name)) => {
            let mut function = Object::with_capacity(64);
            function.text("name", name);
            let mut choice = Object::with_capacity(96);
            choice.text("type", "function");
            choice.raw("function", &function.close());
            body.raw("tool_choice", &choice.close());
        }
    }
    // What is so anyway is not said: some servers do not know the word.
    if request.parallel_tool_calls == Some(false) {
        body.raw("parallel_tool_calls", "false");
    }
}

fn tool(tool: &Tool<'_>) -> String {
    let mut function = Object::with_capacity(256);
    function.text("name", &tool.name);
    if let Some(description) = &tool.description {
        function.text("description", description);
    }
    if let Some(parameters) = tool.parameters {
        function.raw("parameters", parameters.get());
    }
    if let Some(strict) = tool.strict {
        function.raw("strict", if strict { "true" } else { "false" });
    }
    let mut out = Object::with_capacity(320);
    out.text("type", "function");
    out.raw("function", &function.close());
    out.close()
}

#[cfg(test)]
mod tests;
