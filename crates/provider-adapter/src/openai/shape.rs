//! What answers look like on the wire, whole or in chunks, read leniently: servers that copy the
//! format differ in what they leave out, set to `null` or give another type.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use steelyard_types::ToolKind;

use super::usage::{Count, UsageShape};
use crate::json::{Lenient, Text};

/// A whole answer or a chunk of one.
#[derive(Debug, Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow, default)]
    pub(super) id: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) model: Loose<'a>,
    #[serde(borrow)]
    pub(super) choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    pub(super) usage: Lenient<UsageShape>,
    #[serde(borrow, default)]
    object: Loose<'a>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(default)]
    x_groq: Lenient<XGroq>,
}

impl Body<'_> {
    /// The choice that clients look at. Further ones (`n` above 1) have no events in a stream.
    pub(super) fn first_choice(&self) -> Option<&Choice<'_>> {
        let choices = self.choices.as_deref().unwrap_or_default();
        choices.iter().find(|choice| choice.index.get() == 0)
    }

    /// The usage, wherever the server put it: in its place, in Groq's extension, or inside the
    /// choice (Moonshot).
    pub(super) fn usage(&self) -> Option<steelyard_types::Usage> {
        let extension = self
            .x_groq
            .as_ref()
            .and_then(|x_groq| x_groq.usage.as_ref());
        let in_choice = self.first_choice().and_then(|choice| choice.usage.as_ref());
        let found = self.usage.as_ref().and_then(UsageShape::classes);
        found
            .or_else(|| extension.and_then(UsageShape::classes))
            .or_else(|| in_choice.and_then(UsageShape::classes))
    }

    /// Whether the body as a whole is an error object, as Mistral and vLLM send it.
    pub(super) fn is_error(&self) -> bool {
        self.object.as_str() == "error" && self.choices.is_none()
    }

    /// The error object, if there is one that says something.
    pub(super) fn error(&self) -> Option<&RawValue> {
        self.error
            .filter(|raw| !matches!(raw.get(), "null" | "\"\"" | "{}" | "false"))
    }
}

/// Groq's extension of chunks.
#[derive(Debug, Deserialize)]
struct XGroq {
    #[serde(default)]
    usage: Lenient<UsageShape>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default)]
    pub(super) index: Count,
    #[serde(borrow)]
    pub(super) message: Option<Said<'a>>,
    #[serde(borrow)]
    pub(super) delta: Option<Said<'a>>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Loose<'a>,
    #[serde(default)]
    usage: Lenient<UsageShape>,
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
}

impl Choice<'_> {
    /// How likely the tokens of the text were, as a JSON list that holds something.
    pub(super) fn logprobs(&self) -> Option<&str> {
        #[derive(Deserialize)]
        struct Logprobs<'a> {
            #[serde(borrow)]
            content: Option<&'a RawValue>,
        }
        let raw = self.logprobs?.get();
        if !raw.starts_with('{') {
            return None;
        }
        let Logprobs { content } = serde_json::from_str(raw).ok()?;
        let list = content?.get();
        let inner = list.strip_prefix('[')?.strip_suffix(']')?;
        (!inner.trim().is_empty()).then_some(list)
    }
}

/// A message or the next piece of one.
#[derive(Debug, Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow, default)]
    pub(super) content: Content<'a>,
    #[serde(borrow, default)]
    reasoning_content: Loose<'a>,
    #[serde(borrow, default)]
    reasoning: Loose<'a>,
    /// OpenRouter's list of thoughts with their proofs.
    #[serde(borrow)]
    pub(super) reasoning_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) refusal: Loose<'a>,
    #[serde(borrow)]
    pub(super) tool_calls: Option<Vec<Call<'a>>>,
    #[serde(borrow)]
    pub(super) function_call: Option<Function<'a>>,
    audio: Option<IgnoredAny>,
    images: Option<Vec<IgnoredAny>>,
}

impl Said<'_> {
    /// Whether there is content that is no text: a part of another kind, audio, images.
    pub(super) fn has_media(&self) -> bool {
        self.content.other
            || self.audio.is_some()
            || self
                .images
                .as_ref()
                .is_some_and(|images| !images.is_empty())
    }

    pub(super) fn has_calls(&self) -> bool {
        let calls = self.tool_calls.as_ref();
        calls.is_some_and(|calls| !calls.is_empty())
    }

    /// Reasoning text, under either of its names. Servers that send both send the same twice.
    pub(super) fn reasoning(&self) -> &str {
        let text = self.reasoning_content.as_str();
        if text.is_empty() {
            self.reasoning.as_str()
        } else {
            text
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Call<'a> {
    pub(super) index: Option<Count>,
    #[serde(borrow, default)]
    pub(super) id: Loose<'a>,
    #[serde(borrow)]
    pub(super) function: Option<Function<'a>>,
    /// OpenAI's custom tools: a name and free text.
    #[serde(borrow)]
    pub(super) custom: Option<Custom<'a>>,
}

impl Call<'_> {
    pub(super) fn kind(&self) -> ToolKind {
        match (&self.function, &self.custom) {
            (None, Some(_)) => ToolKind::Custom,
            _ => ToolKind::Function,
        }
    }

    pub(super) fn name(&self) -> &str {
        match (&self.function, &self.custom) {
            (Some(function), _) => function.name.as_str(),
            (None, Some(custom)) => custom.name.as_str(),
            (None, None) => "",
        }
    }

    pub(super) fn arguments(&self) -> &str {
        match (&self.function, &self.custom) {
            (Some(function), _) => function.arguments.as_str(),
            (None, Some(custom)) => custom.input.as_str(),
            (None, None) => "",
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow, default)]
    pub(super) name: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) arguments: Arguments<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Custom<'a> {
    #[serde(borrow, default)]
    name: Loose<'a>,
    #[serde(borrow, default)]
    input: Loose<'a>,
}

/// A string where there is one; anything else is as good as nothing.
#[derive(Debug, Default)]
pub(crate) struct Loose<'a>(Cow<'a, str>);

impl Loose<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Arguments as JSON text. A few servers send the object itself; its text says the same.
#[derive(Debug, Default)]
pub(super) struct Arguments<'a>(Cow<'a, str>);

impl Arguments<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Arguments<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: &'de RawValue = Deserialize::deserialize(deserializer)?;
        Ok(Self(match raw.get().as_bytes().first() {
            Some(b'"') => {
                serde_json::from_str::<Text<'de>>(raw.get())
                    .map_err(D::Error::custom)?
                    .0
            }
            Some(b'{' | b'[') => Cow::Borrowed(raw.get()),
            _ => Cow::Borrowed(""),
        }))
    }
}

/// Content: text, or a list of parts (Mistral's magistral, DashScope's multimodal models).
#[derive(Debug, Default)]
pub(super) struct Content<'a> {
    pub(super) text: Option<Cow<'a, str>>,
    /// Mistral's `thinking` parts.
    pub(super) thinking: Option<Cow<'a, str>>,
    /// A part that is neither text nor thinking.
    pub(super) other: bool,
    /// Whether it came as a list.
    pub(super) listed: bool,
}

impl<'a> Content<'a> {
    fn add(&mut self, part: ContentPart<'a>) {
        match part.kind.as_str() {
            "thinking" => {
                for piece in part.thinking.unwrap_or_default() {
                    join(&mut self.thinking, piece.text.0);
                }
            }
            "text" | "" => join(&mut self.text, part.text.0),
            // References into documents (Mistral's web search) say nothing on their own.
            "reference" => {}
            _ => self.other = true,
        }
    }
}

fn join<'a>(all: &mut Option<Cow<'a, str>>, piece: Cow<'a, str>) {
    match all {
        Some(all) => all.to_mut().push_str(&piece),
        None => *all = Some(piece),
    }
}

#[derive(Deserialize)]
struct ContentPart<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Loose<'a>,
    #[serde(borrow, default)]
    text: Loose<'a>,
    #[serde(borrow)]
    thinking: Option<Vec<Thought<'a>>>,
}

#[derive(Deserialize)]
struct Thought<'a> {
    #[serde(borrow, default)]
    text: Loose<'a>,
}

/// Skips a list or an object.
macro_rules! skip_rest {
    () => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
        skip_rest!(scalars);
    };
    (scalars) => {
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LooseVisitor;
        impl<'de> Visitor<'de> for LooseVisitor {
            type Value = Loose<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("anything")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Loose(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Loose(Cow::Owned(text.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Loose::default())
            }
            skip_rest!();
        }
        deserializer.deserialize_any(LooseVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ContentVisitor;
        impl<'de> Visitor<'de> for ContentVisitor {
            type Value = Content<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("anything")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Content {
                    text: Some(Cow::Borrowed(text)),
                    ..Content::default()
                })
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Content {
                    text: Some(Cow::Owned(text.to_owned())),
                    ..Content::default()
                })
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut content = Content {
                    listed: true,
                    ..Content::default()
                };
                while let Some(raw) = list.next_element::<&'de RawValue>()? {
                    match serde_json::from_str::<ContentPart<'de>>(raw.get()) {
                        Ok(part) => content.add(part),
                        Err(_) => content.other = true,
                    }
                }
                Ok(content)
            }
            skip_rest!();
        }
        deserializer.deserialize_any(ContentVisitor)
    }
}
