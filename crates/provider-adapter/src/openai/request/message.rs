//! The `messages` list.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;
use steelyard_types::{Message, Part, Role};

use super::call::{Calls, CallsSeed};
use super::trail::{Once, Step, Trail, message_field_says_nothing, says_nothing};
use crate::json::Text;

/// Most messages of a conversation, and most parts of one.
const MAX_MESSAGES: usize = 20_000;

/// Reads the list of messages.
pub(super) struct Messages<'t>(pub(super) &'t Trail);

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
        let one = |_| OneMessage(self.0);
        self.0
            .list(list, MAX_MESSAGES, one, |message| messages.push(message))?;
        Ok(messages)
    }
}

struct OneMessage<'t>(&'t Trail);

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
        let trail = self.0;
        let mut seen = Once::default();
        let mut role = None;
        let mut content = Content::default();
        let mut tool_calls = Calls::default();
        let mut tool_call_id = None;
        let mut untranslated = None;
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
                    let value: &RawValue = map.next_value()?;
                    if untranslated.is_none() && !message_field_says_nothing(&key, value) {
                        untranslated = Some(trail.path_to(&key));
                    }
                }
            }
        }
        let (role, odd_role) = match role.as_ref().map(|Text(role)| role.as_ref()) {
            None => return trail.wrong("role", "is required"),
            Some(name) => known_role(name, trail)?,
        };
        let message = Message {
            role,
            content: content.parts,
            tool_calls: tool_calls.calls,
            tool_call_id,
            is_error: false,
            cache: SmallVec::new(),
            untranslated: odd_role
                .or(untranslated)
                .or(content.untranslated)
                .or(tool_calls.untranslated),
        };
        complete(message, content.given, trail)
    }
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
    if !has_content && only_words && message.tool_calls.is_empty() {
        let what = if message.role == Role::Assistant {
            "is required where there are no tool_calls"
        } else {
            "is required"
        };
        return trail.wrong("content", what);
    }
    Ok(message)
}

/// What stands in `content`.
#[derive(Default)]
struct Content<'a> {
    given: bool,
    parts: SmallVec<[Part<'a>; 1]>,
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
            .list(list, MAX_MESSAGES, one, |(part, untranslated)| {
                content.parts.push(part);
                content.untranslated = content.untranslated.take().or(untranslated);
            })?;
        Ok(content)
    }
}

fn one_text(text: Cow<'_, str>) -> Content<'_> {
    let parts = SmallVec::from_iter([Part::Text(text)]);
    Content {
        given: true,
        parts,
        untranslated: None,
    }
}

/// Reads one part, and the path of its first field without a word here.
struct PartSeed<'t>(&'t Trail);

impl<'de> DeserializeSeed<'de> for PartSeed<'_> {
    type Value = (Part<'de>, Option<String>);
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        // Kept whole first: what is not text is handed on as received.
        let raw: &'de RawValue = serde::Deserialize::deserialize(deserializer)?;
        if !raw.get().starts_with('{') {
            return Err(D::Error::custom("must be an object with a type"));
        }
        let mut fields = serde_json::Deserializer::from_str(raw.get());
        let read = fields.deserialize_map(PartFields { trail: self.0, raw });
        read.map_err(D::Error::custom)
    }
}

struct PartFields<'t, 'de> {
    trail: &'t Trail,
    raw: &'de RawValue,
}

impl<'de> Visitor<'de> for PartFields<'_, 'de> {
    type Value = (Part<'de>, Option<String>);
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a part object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let trail = self.trail;
        let mut seen = Once::default();
        let (mut kind, mut text, mut untranslated) = (None, None, None);
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "type" => kind = trail.once::<_, Text<'_>>("type", &mut map, &mut seen)?,
                "text" => {
                    seen.mark("text")?;
                    let raw: &'de RawValue = map.next_value()?;
                    text = Some(raw);
                }
                _ => {
                    let value: &RawValue = map.next_value()?;
                    if untranslated.is_none() && !says_nothing(value) {
                        untranslated = Some(trail.path_to(&key));
                    }
                }
            }
        }
        let Some(Text(kind)) = kind else {
            return trail.wrong("type", "is required");
        };
        if kind != "text" {
            return Ok((
                Part::Other {
                    kind,
                    raw: self.raw,
                },
                None,
            ));
        }
        let Some(text) = text else {
            return trail.wrong("text", "is required");
        };
        let read = || serde_json::from_str::<Text<'de>>(text.get()).map_err(A::Error::custom);
        let Text(text) = trail.within(Step::Field("text"), read)?;
        Ok((Part::Text(text), untranslated))
    }
}
