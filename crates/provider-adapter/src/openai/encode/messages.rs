//! The messages of a request to a server of the same dialect.

use std::borrow::Cow;

use serde_json::value::RawValue;
use steelyard_types::{ChatRequest, Message, Part, ReasoningPart, Role, Target, WireProfile};

use super::functions::{is_in_both_forms, is_told_anew};
use super::{elements, fields, is_strict, leaves_out, mapped, mapped_id, strict, without};
use crate::carry::refuse;
use crate::json::Object;
use crate::openai::format;
use crate::openai::proofs;
use crate::openai::reasoning::{has_thoughts, takes_extensions, wants_thoughts};
use crate::openai::request::{
    PARSED, PARSED_ARGUMENTS, RawFields, is_deprecated, message_field_says_nothing, renamed,
    says_nothing,
};
use crate::openai::unsigned;
use crate::origin::{self, Origin};
use crate::{Losses, Refusal};

/// The fields in which a message tells thoughts.
pub(super) const THOUGHTS: [&str; 4] = [
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "thinking_blocks",
];

/// The type of the parts in which Mistral alone tells them.
const THINKING: &str = "thinking";

/// Those of them that hold signatures.
const SIGNED: [&str; 2] = ["reasoning_details", "thinking_blocks"];

/// What official SDKs write into an assistant message when a client sends an answer back as it got
/// it, said or not. OpenAI answers 400 to a `tool_calls` that is `null` or empty, and servers differ
/// on the others. Empty reasoning is not among them: DeepSeek wants it back beside tool calls.
const ECHOED: [&str; 5] = [
    "refusal",
    "annotations",
    "audio",
    "function_call",
    "tool_calls",
];

/// Which thoughts of a message stay behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    All,
    /// All, and the proofs without the mark of this gateway: the model's own answer was written anew
    /// on its way to the client.
    Unmarked,
    /// The model's own, as the parts of the content that they were before their answer was written
    /// anew: Mistral's.
    Parts,
    /// None: the server takes no such field, or another model had them.
    Nothing,
}

impl Kept {
    /// OpenAI and the strict know no such fields. Other servers take them as they gave them. Where
    /// this gateway has marked a thought as another model's, none of the message is sent: the plain
    /// words beside it are the same. Words without any mark may be the model's own.
    fn of(message: &Message<'_>, target: &Target) -> Self {
        if !has_thoughts(message) {
            return Self::All;
        }
        if is_strict(&target.profile) && unsigned::has_parts(message, target) {
            return Self::Parts;
        }
        if !takes_extensions(&target.profile) {
            return Self::Nothing;
        }
        let proofs = message.content.iter().flat_map(|part| match part {
            Part::Reasoning(ReasoningPart {
                signature,
                redacted,
                ..
            }) => [signature.as_deref(), redacted.as_deref()],
            _ => [None, None],
        });
        let mut kept = Self::All;
        for proof in proofs.flatten() {
            match origin::open(proof, target) {
                Origin::Foreign => return Self::Nothing,
                Origin::Own(_) => kept = Self::Unmarked,
                Origin::Unmarked(_) => {}
            }
        }
        kept
    }

    fn drops(self, name: &str) -> bool {
        match self {
            Self::All => false,
            Self::Unmarked => SIGNED.contains(&name),
            Self::Parts | Self::Nothing => THOUGHTS.contains(&name),
        }
    }
}

/// Declares thoughts that stay behind. What strict servers know of them shows in the bytes alone,
/// which their own check reads.
pub(super) fn declare(request: &ChatRequest<'_>, target: &Target, lossy: &mut Losses) {
    if is_strict(&target.profile) || !request.messages.iter().any(has_thoughts) {
        return;
    }
    let stays = |message: &Message<'_>| Kept::of(message, target) == Kept::Nothing;
    let all = request.fields.iter().find(|field| field.name == "messages");
    let mentioned = all.filter(|all| mentions(all.value, THINKING));
    let in_content = mentioned.is_some_and(|all| tells_in_content(request, all.value));
    let lost = in_content || request.messages.iter().any(stays);
    lossy.add_if("messages.reasoning", lost);
}

/// Whether the content of some message has parts in which Mistral tells thoughts. LiteLLM's
/// `thinking_blocks` beside it have the same words in them.
fn tells_in_content(request: &ChatRequest<'_>, raw: &RawValue) -> bool {
    let raws = elements(raw, "messages").unwrap_or_default();
    let mut all = request.messages.iter().zip(raws);
    all.any(|(message, raw)| {
        has_thoughts(message)
            && fields(raw, "messages").is_ok_and(|fields| {
                let mut contents = fields.iter().filter(|(name, _)| name == "content");
                contents.any(|(_, value)| value.get().starts_with('[') && mentions(value, THINKING))
            })
    })
}

/// The messages as this server wants them; `None` where it takes them as they are.
pub(super) fn rewritten(
    request: &ChatRequest<'_>,
    raw: &RawValue,
    target: &Target,
    instruction: Option<&str>,
) -> Result<Option<String>, Refusal> {
    let echoes = ECHOED.iter().any(|name| mentions(raw, name));
    let parsed = !takes_parsed(&target.profile) && tells_parsed(raw);
    let must = |message: &Message<'_>| {
        echoes || parsed || needs_rewriting(message, target) || has_thoughts(message)
    };
    if instruction.is_none() && !request.messages.iter().any(must) {
        return Ok(None);
    }
    let joins = format::joins_first(request);
    let mut changed = instruction.is_some();
    let mut out = String::with_capacity(raw.get().len() + 64);
    out.push('[');
    if let Some(instruction) = instruction.filter(|_| !joins) {
        out.push_str(&format::message(instruction));
    }
    let raws = elements(raw, "messages")?;
    for (index, (message, raw)) in request.messages.iter().zip(raws).enumerate() {
        if leaves_out(message, &target.profile) {
            changed = true;
            continue;
        }
        if !out.ends_with('[') {
            out.push(',');
        }
        let one = One {
            message,
            target,
            path: format!("messages[{index}]"),
            instruction: instruction.filter(|_| joins && index == 0),
        };
        let needed = one.instruction.is_some()
            || needs_rewriting(message, target)
            || has_thoughts(message) && mentions(raw, THINKING)
            || parsed && message.role == Role::Assistant && tells_parsed(raw);
        let may_echo = echoes && message.role == Role::Assistant;
        let found = if needed || may_echo {
            Some(fields(raw, &one.path)?)
        } else {
            None
        };
        match found.filter(|fields| needed || fields.iter().any(is_echo_of_nothing)) {
            Some(fields) => {
                changed = true;
                out.push_str(&one.rewritten(&fields)?);
            }
            None => out.push_str(raw.get()),
        }
    }
    out.push(']');
    Ok(changed.then_some(out))
}

/// Whether the name stands between quotes somewhere in the JSON. A name that is spelt with escapes
/// is not found, and then goes on as it is.
pub(super) fn mentions(raw: &RawValue, name: &str) -> bool {
    memchr::memmem::find_iter(raw.get().as_bytes(), name).any(|at| {
        let byte = |at: usize| raw.get().as_bytes().get(at).copied();
        byte(at.wrapping_sub(1)) == Some(b'"') && byte(at + name.len()) == Some(b'"')
    })
}

/// Whether the message, or a call in it, is told a second time as an SDK has parsed it.
fn tells_parsed(raw: &RawValue) -> bool {
    mentions(raw, PARSED) || mentions(raw, PARSED_ARGUMENTS)
}

/// Whether the server judges that for itself: OpenAI, whose SDKs send it. Others need not know it.
fn takes_parsed(profile: &WireProfile) -> bool {
    !is_copy(profile) && !is_strict(profile)
}

fn is_echo_of_nothing((name, value): &(Cow<'_, str>, &RawValue)) -> bool {
    ECHOED.contains(&name.as_ref()) && says_nothing(value)
}

fn needs_rewriting(message: &Message<'_>, target: &Target) -> bool {
    let profile = &target.profile;
    let developer = message.role == Role::Developer && !profile.developer_role;
    let mut ids = message
        .tool_calls
        .iter()
        .map(|call| call.id.as_ref())
        .chain(message.tool_call_id.as_deref());
    let foreign_ids = ids.any(|id| mapped_id(id, profile) != id);
    // Only the bytes show what a strict server would stumble over (`"refusal": null`), and whether
    // there are empty thoughts already.
    developer
        || foreign_ids
        || is_strict(profile)
        || lacks_content(message)
        || is_copy(profile) && has_refusal(message)
        || is_told_anew(message, profile)
        || Kept::of(message, target) != Kept::All
        || wants_thoughts(message, profile) && !has_thoughts(message)
}

/// Whether the server copies OpenAI's format: few copies know refusals.
fn is_copy(profile: &WireProfile) -> bool {
    takes_extensions(profile)
}

fn has_refusal(message: &Message<'_>) -> bool {
    let is_refusal = |part: &Part<'_>| matches!(part, Part::Refusal(_));
    message.content.iter().any(is_refusal)
}

/// Whether a refusal in a field of its own stands beside other words.
fn says_more(message: &Message<'_>) -> bool {
    let says = |part: &Part<'_>| !matches!(part, Part::Refusal(_) | Part::Reasoning(_));
    message.content.iter().any(says) || message.texts().count() > 1
}

/// Whether the message has neither content nor calls, which servers refuse: they want an empty text.
fn lacks_content(message: &Message<'_>) -> bool {
    message.is_empty_turn() && message.texts().next().is_none()
}

/// A message to be rewritten.
struct One<'r, 'a> {
    message: &'r Message<'a>,
    target: &'r Target,
    path: String,
    /// What is to stand at its end.
    instruction: Option<&'r str>,
}

impl One<'_, '_> {
    fn rewritten(&self, fields: &RawFields<'_>) -> Result<String, Refusal> {
        let Self {
            message, target, ..
        } = self;
        let profile = &target.profile;
        let kept = Kept::of(message, target);
        let told_anew = is_told_anew(message, profile);
        let in_both_forms = is_in_both_forms(message);
        let find = |wanted: &str| fields.iter().find(|(name, _)| name == wanted);
        let mut out = Object::with_capacity(256);
        for field in fields {
            let (name, value) = field;
            match name.as_ref() {
                _ if is_echo_of_nothing(field) => {}
                PARSED if message.role == Role::Assistant && !takes_parsed(profile) => {}
                "role" if message.role == Role::Developer && !profile.developer_role => {
                    out.text("role", "system");
                }
                "content" if lacks_content(message) => {}
                "content" if kept == Kept::Parts => {
                    let content = self.content(value, find("refusal"))?;
                    let content = unsigned::in_front(message, target, Some(&content));
                    out.raw("content", &content);
                }
                "content" => out.raw("content", &self.content(value, find("refusal"))?),
                // It is said in the content instead.
                "refusal" if is_copy(profile) && !says_more(message) => {}
                "role"
                    if told_anew
                        && message.role == Role::Tool
                        && find("tool_call_id").is_none() =>
                {
                    out.text("role", "tool");
                    let id = message.tool_call_id.as_deref().unwrap_or_default();
                    out.text("tool_call_id", &mapped_id(id, profile));
                }
                "function_call" if in_both_forms => {
                    out.raw("tool_calls", &self.all_calls(value, find("tool_calls"))?);
                }
                "tool_calls" if in_both_forms => {}
                "function_call" if told_anew => {
                    out.raw("tool_calls", &self.deprecated_calls(value));
                }
                "tool_calls" if !message.tool_calls.is_empty() => {
                    out.raw("tool_calls", &self.calls(value)?);
                }
                "tool_call_id" => match message.tool_call_id.as_deref() {
                    Some(id) => out.text("tool_call_id", &mapped_id(id, profile)),
                    None => out.raw("tool_call_id", value.get()),
                },
                name if kept.drops(name) => {}
                // `carries` has refused those that say something.
                name if is_strict(profile) && !strict::MESSAGE_FIELDS.contains(&name) => {}
                name => out.raw(name, value.get()),
            }
        }
        if (is_strict(profile) || is_copy(profile) && !says_more(message))
            && find("content").is_none()
            && !lacks_content(message)
            && let Some((_, refusal)) = find("refusal")
        {
            match kept {
                Kept::Parts => {
                    let refusal = Some(refusal.get());
                    out.raw("content", &unsigned::in_front(message, target, refusal));
                }
                _ => out.raw("content", refusal.get()),
            }
        } else if kept == Kept::Parts && find("content").is_none() {
            out.raw("content", &unsigned::in_front(message, target, None));
        }
        if lacks_content(message) {
            out.text("content", "");
        }
        if kept == Kept::Unmarked
            && let Some(details) = proofs::returned(message, target)
        {
            out.raw("reasoning_details", &details);
        }
        let told = find("reasoning_content").is_some() && !kept.drops("reasoning_content");
        if wants_thoughts(message, profile) && !told {
            out.text("reasoning_content", "");
        }
        Ok(out.close())
    }

    fn content(
        &self,
        value: &RawValue,
        refusal: Option<&(Cow<'_, str>, &RawValue)>,
    ) -> Result<String, Refusal> {
        if let Some(instruction) = self.instruction {
            return Ok(format::appended(value.get(), instruction));
        }
        let profile = &self.target.profile;
        let is_empty = matches!(value.get(), "null" | "\"\"");
        let refusal = refusal.filter(|(name, value)| !message_field_says_nothing(name, value));
        let is_other = is_strict(profile) || is_copy(profile);
        if let Some((_, refusal)) = refusal.filter(|_| is_empty && is_other) {
            return Ok(refusal.get().to_owned());
        }
        if is_strict(profile) {
            return strict::parts(self.message, value, &self.path);
        }
        if value.get().starts_with('[') && has_thoughts(self.message) {
            return without_thinking(value, &self.path);
        }
        if is_copy(profile) {
            return strict::refusals_as_text(self.message, value, &self.path);
        }
        Ok(value.get().to_owned())
    }

    /// The call of the deprecated form as the only one of its message.
    fn deprecated_calls(&self, function: &RawValue) -> String {
        let calls = self.message.tool_calls.iter().map(|call| {
            let mut out = Object::with_capacity(function.get().len() + 64);
            out.text("id", &mapped_id(&call.id, &self.target.profile));
            out.text("type", "function");
            out.raw("function", function.get());
            out.close()
        });
        format!("[{}]", calls.collect::<Vec<_>>().join(","))
    }

    /// The calls of both forms that are answered, that of the deprecated one first.
    fn all_calls(
        &self,
        function: &RawValue,
        others: Option<&(Cow<'_, str>, &RawValue)>,
    ) -> Result<String, Refusal> {
        let profile = &self.target.profile;
        let path = format!("{}.tool_calls", self.path);
        let others = others.map_or(Ok(Vec::new()), |(_, raw)| elements(raw, &path))?;
        let mut all = Vec::with_capacity(others.len() + 1);
        let renamed_or_own = |id: &str| {
            let new = renamed(id);
            let mut calls = self.message.tool_calls.iter();
            calls.find(|call| call.id == id || call.id == new)
        };
        let deprecated = self.message.tool_calls.first();
        if let Some(call) = deprecated.filter(|call| is_deprecated(&call.id)) {
            let mut out = Object::with_capacity(function.get().len() + 64);
            out.text("id", &mapped_id(&call.id, profile));
            out.text("type", "function");
            out.raw("function", function.get());
            all.push(out.close());
        }
        for raw in others {
            let found = fields(raw, &path)?;
            let id = found.iter().find(|(name, _)| name == "id");
            let id = id.and_then(|(_, id)| serde_json::from_str::<Cow<'_, str>>(id.get()).ok());
            let Some(call) = id.and_then(|id| renamed_or_own(&id)) else {
                continue;
            };
            let mut out = Object::with_capacity(raw.get().len() + 16);
            for (name, value) in found {
                match name.as_ref() {
                    "id" => out.text("id", &mapped_id(&call.id, profile)),
                    // It counts the calls of a stream without the first.
                    "index" => {}
                    "function" => out.raw(&name, &self.function(value)?),
                    name => out.raw(name, value.get()),
                }
            }
            all.push(out.close());
        }
        Ok(format!("[{}]", all.join(",")))
    }

    /// Tool calls with their ids mapped, and otherwise as received.
    fn calls(&self, raw: &RawValue) -> Result<String, Refusal> {
        let path = format!("{}.tool_calls", self.path);
        let raws: Vec<&RawValue> =
            serde_json::from_str(raw.get()).map_err(|_| refuse(&path, "cannot be read"))?;
        let known = |id: &str| self.message.tool_calls.iter().any(|call| call.id == id);
        mapped(raws, |_, raw| {
            let mut call = Object::with_capacity(raw.get().len() + 16);
            for (name, value) in fields(raw, &path)? {
                let id = || serde_json::from_str::<Cow<'_, str>>(value.get()).ok();
                match name.as_ref() {
                    "id" => match id().filter(|id| known(id)) {
                        Some(id) => call.text("id", &mapped_id(&id, &self.target.profile)),
                        None => call.raw("id", value.get()),
                    },
                    "function" => call.raw(&name, &self.function(value)?),
                    name => call.raw(name, value.get()),
                }
            }
            Ok(call.close())
        })
    }

    /// What is called, without what an SDK has parsed of it.
    fn function<'v>(&self, value: &'v RawValue) -> Result<Cow<'v, str>, Refusal> {
        let takes = takes_parsed(&self.target.profile);
        if takes || !value.get().starts_with('{') || !mentions(value, PARSED_ARGUMENTS) {
            return Ok(Cow::Borrowed(value.get()));
        }
        without(value, PARSED_ARGUMENTS, &self.path).map(Cow::Owned)
    }
}

/// The parts of a content but those in which Mistral tells thoughts.
fn without_thinking(value: &RawValue, path: &str) -> Result<String, Refusal> {
    let mut kept = Vec::new();
    for raw in elements(value, path)? {
        let kind = fields(raw, path)?
            .into_iter()
            .find(|(name, _)| name == "type");
        if kind.is_none_or(|(_, kind)| kind.get() != "\"thinking\"") {
            kept.push(raw);
        }
    }
    mapped(kept, |_, raw| Ok(raw.get().to_owned()))
}
