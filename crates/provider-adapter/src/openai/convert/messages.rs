//! The messages of a converted request.

use std::borrow::Cow;

use steelyard_types::{
    ChatRequest, Image, Message, Part, ReasoningField, Role, Source, Target, ToolKind,
    UnknownFields, WireProfile,
};

use super::{list, of_kind};
use crate::json::{Object, push_text};
use crate::openai::encode::{leaves_out, mapped_id, strict};
use crate::openai::format;
use crate::openai::proofs;
use crate::openai::reasoning::{takes_extensions, wants_thoughts};
use crate::openai::request::BREAKPOINT;
use crate::openai::unsigned;
use crate::turns::told;
use crate::{Losses, carry, shared};

/// What a tool is said to have answered if it only shows something.
const SHOWN_BELOW: &str = "The result is in the user message below.";

/// The server's word for a mark that what stands before it is to be cached. Parts have a place for
/// it, calls and a content that is a string have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// DashScope's, after Anthropic's, and kept for five minutes
    /// (<https://www.alibabacloud.com/help/en/model-studio/context-cache>).
    Ephemeral,
    /// OpenAI's, where the client uses the same word.
    Breakpoint,
}

impl Mark {
    /// `None` where there is no word, or nothing to be marked.
    pub(super) fn new(request: &ChatRequest<'_>, profile: &WireProfile) -> Option<Self> {
        if profile.unknown_fields == UnknownFields::Refuse {
            None
        } else if profile.reasoning == ReasoningField::EnableThinking {
            Some(Self::Ephemeral)
        } else {
            let is_openais = !takes_extensions(profile);
            (is_openais && shared::has_breakpoints(request)).then_some(Self::Breakpoint)
        }
    }

    fn write(self, part: &mut Object) {
        match self {
            Self::Ephemeral => part.raw("cache_control", r#"{"type":"ephemeral"}"#),
            Self::Breakpoint => part.raw(BREAKPOINT, r#"{"mode":"explicit"}"#),
        }
    }

    /// The word, if the part there is marked.
    fn at(mark: Option<Self>, message: &Message<'_>, position: usize) -> Option<Self> {
        mark.filter(|_| shared::is_marked(message, position))
    }
}

/// Declares thoughts that stay behind.
pub(super) fn declare(request: &ChatRequest<'_>, target: &Target, lossy: &mut Losses) {
    let profile = &target.profile;
    let returns = |part: &Part<'_>| {
        takes_extensions(profile) && proofs::is_own(part, target) || unsigned::returns(part, target)
    };
    let lost = |message: &Message<'_>| {
        let is_lost = |part: &Part<'_>| {
            let is_done = returns(part) || unsigned::is_spent(part, message, target);
            matches!(part, Part::Reasoning(_)) && !is_done
        };
        let is_told =
            wants_thoughts(message, profile) && unsigned::plain(message, target).is_some();
        !is_told && message.content.iter().any(is_lost)
    };
    let field = carry::thoughts_field(request);
    lossy.add_if(field, request.messages.iter().any(lost));
}

/// The list of messages, with an instruction in front where there is one.
pub(super) fn written(
    request: &ChatRequest<'_>,
    target: &Target,
    instruction: Option<&str>,
) -> String {
    let profile = &target.profile;
    let joins = format::joins_first(request);
    let mark = Mark::new(request, profile);
    let mut all = Vec::with_capacity(request.messages.len() + 1);
    if let Some(instruction) = instruction.filter(|_| !joins) {
        all.push(format::message(instruction));
    }
    // What tools have shown since the last message that is no result.
    let mut shown: Vec<String> = Vec::new();
    for (index, message) in request.messages.iter().enumerate() {
        if message.role != Role::Tool && message.role != Role::User && !shown.is_empty() {
            all.push(showing(&mut shown));
        }
        if message.role == Role::Tool {
            show(message, profile, mark, &mut shown);
        }
        if leaves_out(message, profile) {
            continue;
        }
        let one = One {
            message,
            target,
            instruction: instruction.filter(|_| joins && index == 0),
            mark,
        };
        // A user message that follows holds it too: some servers want the two in alternation.
        let before = match message.role {
            Role::User => std::mem::take(&mut shown),
            _ => Vec::new(),
        };
        all.push(one.written(before));
    }
    if !shown.is_empty() {
        all.push(showing(&mut shown));
    }
    list(all.iter(), |out, one| out.push_str(one))
}

/// The user message that shows what tools have shown.
fn showing(shown: &mut Vec<String>) -> String {
    let mut out = Object::with_capacity(256);
    out.text("role", "user");
    out.raw(
        "content",
        &list(shown.drain(..), |out, part| out.push_str(&part)),
    );
    out.close()
}

/// Collects what a tool shows, behind words that say which call it belongs to.
fn show(result: &Message<'_>, profile: &WireProfile, mark: Option<Mark>, shown: &mut Vec<String>) {
    let parts = result.content.iter().enumerate();
    let mut parts = parts.filter(|(_, part)| !is_words(part)).peekable();
    if parts.peek().is_none() {
        return;
    }
    let id = result.tool_call_id.as_deref().unwrap_or_default();
    let told = format!("Result of the tool call {}:", mapped_id(id, profile));
    shown.push(text_part(&told, None));
    shown.extend(parts.filter_map(|(at, one)| part(one, profile, Mark::at(mark, result, at))));
}

fn is_words(part: &Part<'_>) -> bool {
    !matches!(
        part,
        Part::Image(_) | Part::Document(_) | Part::Other { .. }
    )
}

/// A message to be written.
struct One<'r, 'a> {
    message: &'r Message<'a>,
    target: &'r Target,
    /// What is to stand at its end.
    instruction: Option<&'r str>,
    mark: Option<Mark>,
}

impl One<'_, '_> {
    /// `before` are parts that are to stand at its beginning.
    fn written(&self, before: Vec<String>) -> String {
        let Self {
            message, target, ..
        } = self;
        let profile = &target.profile;
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
        if let Some(thoughts) = unsigned::field(message, target) {
            out.text("reasoning_content", &thoughts);
        }
        if takes_extensions(profile)
            && let Some(details) = proofs::returned(message, target)
        {
            out.raw("reasoning_details", &details);
        }
        out.raw("content", &self.content(before));
        if !message.tool_calls.is_empty() {
            out.raw("tool_calls", &self.calls());
        }
        out.close()
    }

    fn content(&self, before: Vec<String>) -> String {
        let message = self.message;
        let all_words = message.content.iter().all(is_words);
        let mark = |at: usize| Mark::at(self.mark, message, at);
        let is_marked = (0..message.content.len()).any(|at| mark(at).is_some());
        let thinks = unsigned::has_parts(message, self.target);
        if message.role != Role::Tool && (!all_words || !before.is_empty() || is_marked || thinks) {
            let profile = &self.target.profile;
            // A turn that only thinks and calls says nothing, which needs no part of its own.
            let is_empty = |one: &Part<'_>| matches!(one, Part::Text(text) if text.is_empty());
            let own = message.content.iter().enumerate();
            let own = own.filter(|(_, one)| !thinks || !is_empty(one));
            let own = own.filter_map(|(at, one)| {
                unsigned::part(one, self.target).or_else(|| part(one, profile, mark(at)))
            });
            let instruction = self.instruction.map(|text| text_part(text, None));
            let parts = before.into_iter().chain(own).chain(instruction);
            return list(parts, |out, part| out.push_str(&part));
        }
        let mut content = String::new();
        if let Some(instruction) = self.instruction {
            push_text(&mut content, &format!("{}\n\n{instruction}", told(message)));
            return content;
        }
        let says_nothing = message.texts().next().is_none();
        if says_nothing && !message.tool_calls.is_empty() {
            return "null".to_owned();
        }
        // A result is text, and its pieces one: what is cached up to one of them is so up to its end.
        let words = message.content.iter().enumerate();
        let mut words = words.filter(|(_, part)| is_words(part));
        if let Some(mark) = words.find_map(|(at, _)| mark(at)) {
            return format!("[{}]", text_part(&told(message), Some(mark)));
        }
        if says_nothing && !all_words && !message.is_error {
            push_text(&mut content, SHOWN_BELOW);
        } else {
            push_text(&mut content, &told(message));
        }
        content
    }

    fn calls(&self) -> String {
        list(self.message.tool_calls.iter(), |out, call| {
            let mut inner = Object::with_capacity(call.arguments.len() + 64);
            inner.text("name", &call.name);
            let empty = call.arguments.trim().is_empty();
            match call.kind {
                ToolKind::Function if empty => inner.text("arguments", "{}"),
                ToolKind::Function => inner.text("arguments", &call.arguments),
                ToolKind::Custom => inner.text("input", &call.arguments),
            }
            let mut written = Object::with_capacity(call.arguments.len() + 128);
            written.text("id", &mapped_id(&call.id, &self.target.profile));
            out.push_str(&of_kind(call.kind, written, &inner.close()));
        })
    }
}

fn text_part(text: &str, mark: Option<Mark>) -> String {
    let mut out = Object::with_capacity(text.len() + 32);
    out.text("type", "text");
    out.text("text", text);
    if let Some(mark) = mark {
        mark.write(&mut out);
    }
    out.close()
}

fn part(part: &Part<'_>, profile: &WireProfile, mark: Option<Mark>) -> Option<String> {
    let mut out = Object::with_capacity(128);
    match part {
        Part::Text(text) | Part::Refusal(text) => return Some(text_part(text, mark)),
        Part::Image(image) => {
            out.text("type", "image_url");
            out.raw("image_url", &image_url(image));
        }
        Part::Document(document) if profile.unknown_fields == UnknownFields::Refuse => {
            return Some(strict::document(document));
        }
        Part::Document(document) => {
            let mut file = Object::with_capacity(128);
            file.text("filename", document.name.as_deref().unwrap_or("document"));
            file.text("file_data", &url(&document.source));
            out.text("type", "file");
            out.raw("file", &file.close());
        }
        Part::Other { .. } => {
            let mut file = Object::with_capacity(64);
            file.text("file_id", &shared::stored_file(part)?);
            out.text("type", "file");
            out.raw("file", &file.close());
        }
        Part::Reasoning(_) => return None,
    }
    if let Some(mark) = mark {
        mark.write(&mut out);
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
