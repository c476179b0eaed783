//! The `messages` list.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;
use steelyard_types::{CachedPart, Message, Part, ReasoningPart, Role, ToolCall, ToolKind};

use super::beside;
use super::call::{ARGUMENTS, Calls, CallsSeed, PARSED, called};
use super::part::{PartRead, PartSeed, cache_mark};
use super::thoughts::{Thoughts, thoughts};
use super::tool::string;
use super::trail::{Once, Step, Trail, message_field_says_nothing};
use crate::json::Text;

/// Most messages of a conversation, and most parts of one.
const MAX_MESSAGES: usize = 20_000;

/// The beginning of the ids that are given to calls in the deprecated form, which has none.
pub(crate) const FUNCTION_CALL_ID: &str = "function_call_";

/// What is noted over all messages.
#[derive(Default)]
pub(super) struct Notes {
    /// Whether a speaker has a name.
    pub(super) named: Cell<bool>,
    /// Calls in the deprecated form.
    function_calls: beside::Calls,
    /// Which of [`beside::LEFT_OUT`] there are.
    pub(super) left_out: Cell<[bool; 2]>,
}

/// Reads the list of messages.
#[derive(Clone, Copy)]
pub(super) struct Messages<'t> {
    pub(super) trail: &'t Trail,
    pub(super) notes: &'t Notes,
}

impl<'de> DeserializeSeed<'de> for Messages<'_> {
    type Value = Vec<Message<'de>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Messages<'_> {
    type Value = Vec<Message<'de>>;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of messages")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        let mut messages = Vec::new();
        let one = |_| OneMessage(self);
        self.trail
            .list(list, MAX_MESSAGES, one, |message| messages.push(message))?;
        let left_out = self.notes.function_calls.settle(&mut messages);
        self.notes.left_out.set(left_out);
        Ok(messages)
    }
}

struct OneMessage<'t>(Messages<'t>);

impl<'de> DeserializeSeed<'de> for OneMessage<'_> {
    type Value = Message<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneMessage<'_> {
    type Value = Message<'de>;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a message object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Messages { trail, notes } = self.0;
        let mut seen = Once::default();
        let mut role = None;
        let mut content = Content::default();
        let mut tool_calls = Calls::default();
        let mut tool_call_id = None;
        let mut others = Vec::new();
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "role" => role = trail.once::<_, Text<'_>>("role", &mut map, &mut seen)?,
                "content" => {
                    seen.mark("content")?;
                    content = trail.value("content", &mut map, ContentSeed(trail))?;
                }
                "tool_calls" => {
                    seen.mark("tool_calls")?;
                    tool_calls = trail.value("tool_calls", &mut map, CallsSeed(trail))?;
                }
                "tool_call_id" => {
                    tool_call_id = trail
                        .once::<_, Text<'_>>("tool_call_id", &mut map, &mut seen)?
                        .map(|Text(id)| id);
                }
                _ => {
                    let value: &'de RawValue = map.next_value()?;
                    if !message_field_says_nothing(&key, value) {
                        others.push((key, value));
                    }
                }
            }
        }
        let name = match role.as_ref() {
            None => return trail.wrong("role", "is required"),
            Some(Text(name)) => name.as_ref(),
        };
        let (role, odd_role) = known_role(name, trail)?;
        let message = Message {
            role,
            content: content.parts,
            tool_calls: tool_calls.calls,
            tool_call_id,
            is_error: false,
            cache: content.cache,
            untranslated: content.untranslated.or(tool_calls.untranslated),
        };
        let has_content = content.given;
        let message = Others { trail, notes }.added(message, others, odd_role)?;
        let has_content = has_content || !message.content.is_empty();
        complete(message, has_content, trail)
    }
}

/// Pairs a result in the deprecated form, which has no id, with the call before it. Says whether
/// there is one.
fn answers_function_call(message: &mut Message<'_>, name: Option<&str>, notes: &Notes) -> bool {
    if message.role != Role::Tool || message.tool_call_id.is_some() {
        return false;
    }
    message.tool_call_id = notes.function_calls.answered(name).map(Cow::Owned);
    message.tool_call_id.is_some()
}

/// Reads the fields that few messages have.
struct Others<'t> {
    trail: &'t Trail,
    notes: &'t Notes,
}

impl Others<'_> {
    /// The message with what these fields say, and with the first path that has no word here.
    fn added<'a, E: Error>(
        &self,
        mut message: Message<'a>,
        fields: Vec<(Cow<'a, str>, &'a RawValue)>,
        odd_role: Option<String>,
    ) -> Result<Message<'a>, E> {
        let name = fields.iter().find(|(name, _)| name == "name");
        let name = name.and_then(|(_, value)| string(value).ok().flatten());
        let untranslated = if fields.is_empty() {
            None
        } else {
            self.read(fields, &mut message)?
        };
        let name = name.as_deref();
        let odd_role = odd_role.filter(|_| !answers_function_call(&mut message, name, self.notes));
        let inner = message.untranslated.take();
        message.untranslated = odd_role.or(untranslated).or(inner);
        // Only a model has thoughts to be handed on.
        let is_thought = |part: &Part<'_>| matches!(part, Part::Reasoning(_));
        if message.role != Role::Assistant && message.content.iter().any(is_thought) {
            note(&mut message.untranslated, self.trail, "content");
        }
        Ok(message)
    }

    /// Puts what they say into the message; returns the path of the first one that has no word in
    /// the neutral form.
    fn read<'a, E: Error>(
        &self,
        fields: Vec<(Cow<'a, str>, &'a RawValue)>,
        message: &mut Message<'a>,
    ) -> Result<Option<String>, E> {
        let (mut words, mut blocks, mut refusal) = (None, None, None);
        let mut untranslated = None;
        let by_model = message.role == Role::Assistant;
        for (position, (name, value)) in fields.iter().enumerate() {
            if fields
                .iter()
                .take(position)
                .any(|(earlier, _)| earlier == name)
            {
                let what = format_args!("the field `{name}` is there twice");
                return Err(E::custom(what));
            }
            let is_text = value.get().starts_with('"');
            let read = || string(value).map_err(E::custom);
            match name.as_ref() {
                // Servers that send both send the same twice.
                "reasoning_content" if by_model && is_text => {
                    words = self.trail.within(Step::Field("reasoning_content"), read)?;
                }
                "reasoning" if by_model && is_text => {
                    let given = self.trail.within(Step::Field("reasoning"), read)?;
                    words = words.or(given);
                }
                "reasoning_details" | "thinking_blocks" if by_model => match thoughts(value) {
                    Some(read) if blocks.is_none() => blocks = Some(read),
                    Some(_) => {}
                    None => note(&mut untranslated, self.trail, name),
                },
                "refusal" if by_model && is_text => {
                    refusal = self.trail.within(Step::Field("refusal"), read)?;
                }
                "annotations" if by_model => self.trail.cite(),
                // What it says anew, OpenAI's SDKs made of the content.
                PARSED if by_model => {}
                "function_call" if by_model => {
                    self.function_call(value, message, &mut untranslated)?;
                }
                // A result's name is that of its call.
                "name" if is_text => self
                    .notes
                    .named
                    .set(self.notes.named.get() || message.role != Role::Tool),
                "cache_control" if !message.content.is_empty() => {
                    match cache_mark(value).map_err(E::custom)? {
                        Some(mark) => message.cache.push(CachedPart {
                            position: message.content.len() - 1,
                            mark,
                        }),
                        None => note(&mut untranslated, self.trail, name),
                    }
                }
                _ => note(&mut untranslated, self.trail, name),
            }
        }
        put_thoughts(message, words, blocks.unwrap_or_default());
        message.content.extend(refusal.map(Part::Refusal));
        Ok(untranslated)
    }

    fn function_call<'a, E: Error>(
        &self,
        value: &'a RawValue,
        message: &mut Message<'a>,
        untranslated: &mut Option<String>,
    ) -> Result<(), E> {
        let read = || called(value, self.trail, ARGUMENTS).map_err(E::custom);
        let called = self.trail.within(Step::Field("function_call"), read)?;
        *untranslated = untranslated.take().or(called.untranslated);
        let call = ToolCall {
            id: self.notes.function_calls.made(&called.name, message).into(),
            kind: ToolKind::Function,
            name: called.name,
            arguments: called.arguments,
        };
        message.tool_calls.insert(0, call);
        Ok(())
    }
}

fn note(untranslated: &mut Option<String>, trail: &Trail, name: &str) {
    untranslated.get_or_insert_with(|| trail.path_to(name));
}

/// Puts thoughts in front of what was said. Blocks repeat the plain words, unless they hold none.
fn put_thoughts<'a>(message: &mut Message<'a>, words: Option<Cow<'a, str>>, blocks: Thoughts<'a>) {
    let repeated = blocks.iter().any(|block| !block.text.is_empty());
    let plain = words.filter(|_| !repeated).map(|text| ReasoningPart {
        text,
        ..ReasoningPart::default()
    });
    let thoughts: Thoughts<'a> = plain.into_iter().chain(blocks).collect();
    for cached in &mut message.cache {
        cached.position += thoughts.len();
    }
    let parts = thoughts.into_iter().map(Part::Reasoning);
    message.content.insert_many(0, parts);
}

/// The role of that name, and the path of the field if the neutral form has no word for it.
fn known_role<E: Error>(name: &str, trail: &Trail) -> Result<(Role, Option<String>), E> {
    Ok(match name {
        "system" => (Role::System, None),
        "developer" => (Role::Developer, None),
        "user" => (Role::User, None),
        "assistant" => (Role::Assistant, None),
        "tool" => (Role::Tool, None),
        // The deprecated way to return a result, by name and without an id.
        "function" => (Role::Tool, Some(trail.path_to("role"))),
        _ => {
            let what = "must be one of system, developer, user, assistant, tool";
            return trail.wrong("role", what);
        }
    })
}

/// Checks what a role needs. A message with fields that have no word here is its provider's to
/// judge.
fn complete<'a, E: Error>(
    message: Message<'a>,
    has_content: bool,
    trail: &Trail,
) -> Result<Message<'a>, E> {
    let only_words = message.untranslated.is_none();
    if message.role == Role::Tool && only_words && message.tool_call_id.is_none() {
        return trail.wrong("tool_call_id", "is required in a tool message");
    }
    if message.role != Role::Tool && message.tool_call_id.is_some() {
        return trail.wrong("tool_call_id", "belongs to tool messages only");
    }
    if message.role != Role::Assistant && !message.tool_calls.is_empty() {
        return trail.wrong("tool_calls", "belong to assistant messages only");
    }
    // An answer that was filtered, or cut off while the model thought, says nothing and comes back so.
    if !has_content && only_words && message.role != Role::Assistant {
        return trail.wrong("content", "is required");
    }
    Ok(message)
}

/// What stands in `content`.
#[derive(Default)]
struct Content<'a> {
    given: bool,
    parts: SmallVec<[Part<'a>; 1]>,
    cache: SmallVec<[CachedPart; 1]>,
    untranslated: Option<String>,
}

struct ContentSeed<'t>(&'t Trail);

impl<'de> DeserializeSeed<'de> for ContentSeed<'_> {
    type Value = Content<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ContentSeed<'_> {
    type Value = Content<'de>;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string or a list of parts")
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Content::default())
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(one_text(Cow::Borrowed(text)))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(one_text(Cow::Owned(text.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        let mut content = Content {
            given: true,
            ..Content::default()
        };
        let one = |_| PartSeed(self.0);
        self.0
            .list(list, MAX_MESSAGES, one, |read: PartRead<'de>| {
                let position = content.parts.len();
                let mark = read.mark.map(|mark| CachedPart { position, mark });
                content.cache.extend(mark);
                content.parts.push(read.part);
                content.untranslated = content.untranslated.take().or(read.untranslated);
            })?;
        Ok(content)
    }
}

fn one_text(text: Cow<'_, str>) -> Content<'_> {
    let parts = SmallVec::from_iter([Part::Text(text)]);
    Content {
        given: true,
        parts,
        ..Content::default()
    }
}
