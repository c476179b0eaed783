//! The `tool_calls` of a message.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use steelyard_types::{ToolCall, ToolKind};

use super::trail::{Once, Step, Trail, says_nothing};
use crate::json::Text;

/// Most tool calls of one message.
const MAX_TOOL_CALLS: usize = 1_024;

/// What stands in `tool_calls`.
#[derive(Default)]
pub(super) struct Calls<'a> {
    pub(super) calls: Vec<ToolCall<'a>>,
    /// Path of the first field without a word in the neutral form.
    pub(super) untranslated: Option<String>,
}

pub(super) struct CallsSeed<'t>(pub(super) &'t Trail);

impl<'de> DeserializeSeed<'de> for CallsSeed<'_> {
    type Value = Calls<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CallsSeed<'_> {
    type Value = Calls<'de>;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of tool calls")
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Calls::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        let mut calls = Calls::default();
        self.0.list(
            list,
            MAX_TOOL_CALLS,
            |_| CallSeed(self.0),
            |(call, untranslated)| {
                calls.calls.extend(call);
                calls.untranslated = calls.untranslated.take().or(untranslated);
            },
        )?;
        Ok(calls)
    }
}

/// Reads one call; `None` where it is of a kind that has no word in the neutral form.
struct CallSeed<'t>(&'t Trail);

impl<'de> DeserializeSeed<'de> for CallSeed<'_> {
    type Value = (Option<ToolCall<'de>>, Option<String>);
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for CallSeed<'_> {
    type Value = (Option<ToolCall<'de>>, Option<String>);
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a tool call object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let trail = self.0;
        let mut seen = Once::default();
        let (mut id, mut kind, mut function, mut untranslated) = (None, None, None, None);
        let mut custom: Option<&'de RawValue> = None;
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "id" => id = trail.once::<_, Text<'_>>("id", &mut map, &mut seen)?,
                "type" => kind = trail.once::<_, Text<'_>>("type", &mut map, &mut seen)?,
                "function" => {
                    seen.mark("function")?;
                    let seed = CalledSeed(trail, ARGUMENTS);
                    function = Some(trail.value("function", &mut map, seed)?);
                }
                "custom" => {
                    seen.mark("custom")?;
                    custom = Some(map.next_value()?);
                }
                // Clients repeat what streams number their calls with; the order says the same.
                "index" => drop(map.next_value::<serde::de::IgnoredAny>()?),
                _ => {
                    let value: &RawValue = map.next_value()?;
                    if untranslated.is_none() && !says_nothing(value) {
                        untranslated = Some(trail.path_to(&key));
                    }
                }
            }
        }
        // Some servers leave the type out; function calls were the first and are the usual kind.
        let kind = match (kind.as_ref().map(Text::as_str), custom) {
            (Some("custom"), Some(raw)) => {
                let read = || called(raw, trail, INPUT).map_err(A::Error::custom);
                function = Some(trail.within(Step::Field("custom"), read)?);
                ToolKind::Custom
            }
            (None | Some("function"), None) => ToolKind::Function,
            (None | Some("function"), Some(raw)) => {
                if untranslated.is_none() && !says_nothing(raw) {
                    untranslated = Some(trail.path_to("custom"));
                }
                ToolKind::Function
            }
            _ => return Ok((None, Some(trail.path_to("type")))),
        };
        let Some(Text(id)) = id.filter(|Text(id)| !id.is_empty()) else {
            return trail.wrong("id", "is required");
        };
        let Some(called) = function else {
            return trail.wrong("function", "is required");
        };
        let call = ToolCall {
            id,
            kind,
            name: called.name,
            arguments: called.arguments,
        };
        Ok((Some(call), untranslated.or(called.untranslated)))
    }
}

/// What is called.
pub(super) struct Called<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) arguments: Cow<'a, str>,
    /// Path of the first field without a word in the neutral form.
    pub(super) untranslated: Option<String>,
}

/// The member of a function's call that holds what it is called with.
pub(super) const ARGUMENTS: &str = "arguments";
/// The same of a custom tool's.
const INPUT: &str = "input";

/// What OpenAI's SDKs put into an answer that they parse: its content once more, as the client's own
/// type. It comes back with the answer.
pub(crate) const PARSED: &str = "parsed";
/// The same of a call's arguments.
pub(crate) const PARSED_ARGUMENTS: &str = "parsed_arguments";

/// Reads what is called, with what stands in that member.
pub(super) fn called<'a>(
    raw: &'a RawValue,
    trail: &Trail,
    member: &'static str,
) -> Result<Called<'a>, serde_json::Error> {
    CalledSeed(trail, member).deserialize(&mut serde_json::Deserializer::from_str(raw.get()))
}

struct CalledSeed<'t>(&'t Trail, &'static str);

impl<'de> DeserializeSeed<'de> for CalledSeed<'_> {
    type Value = Called<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for CalledSeed<'_> {
    type Value = Called<'de>;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object with name and {}", self.1)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self(trail, member) = self;
        let mut seen = Once::default();
        let (mut name, mut arguments, mut untranslated) = (None, None, None);
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "name" => name = trail.once::<_, Text<'_>>("name", &mut map, &mut seen)?,
                key if key == member => {
                    arguments = trail.once::<_, Text<'_>>(member, &mut map, &mut seen)?;
                }
                PARSED_ARGUMENTS => drop(map.next_value::<serde::de::IgnoredAny>()?),
                _ => {
                    let value: &RawValue = map.next_value()?;
                    if untranslated.is_none() && !says_nothing(value) {
                        untranslated = Some(trail.path_to(&key));
                    }
                }
            }
        }
        let Some(Text(name)) = name.filter(|Text(name)| !name.is_empty()) else {
            return trail.wrong("name", "is required");
        };
        let arguments = arguments.map_or(Cow::Borrowed(""), |Text(text)| text);
        Ok(Called {
            name,
            arguments,
            untranslated,
        })
    }
}
