//! The parts of a message's content.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use steelyard_types::{CacheMark, Document, Image, Part, ReasoningPart, Source};

use super::tool::{list, object, string};
use super::trail::{Once, Step, Trail, says_nothing};
use crate::json::Text;

/// A part, and what stands beside it.
pub(super) struct PartRead<'a> {
    pub(super) part: Part<'a>,
    /// The path of the first field without a word in the neutral form.
    pub(super) untranslated: Option<String>,
    pub(super) mark: Option<CacheMark>,
}

/// Reads one part.
pub(super) struct PartSeed<'t>(pub(super) &'t Trail);

impl<'de> DeserializeSeed<'de> for PartSeed<'_> {
    type Value = PartRead<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        // Kept whole first: what has no word in the neutral form is handed on as received.
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
    type Value = PartRead<'de>;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a part object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let trail = self.trail;
        let mut seen = Once::default();
        let (mut kind, mut text) = (None, None);
        let mut beside = Beside::default();
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "type" => kind = trail.once::<_, Text<'_>>("type", &mut map, &mut seen)?,
                "text" => {
                    seen.mark("text")?;
                    let raw: &'de RawValue = map.next_value()?;
                    text = Some(raw);
                }
                _ => {
                    let value: &'de RawValue = map.next_value()?;
                    beside.field(key, value, trail).map_err(A::Error::custom)?;
                }
            }
        }
        let Some(Text(kind)) = kind else {
            return trail.wrong("type", "is required");
        };
        if kind != "text" {
            return Ok(beside.part(kind, self.raw, trail));
        }
        let Some(text) = text else {
            return trail.wrong("text", "is required");
        };
        let read = || serde_json::from_str::<Text<'de>>(text.get()).map_err(A::Error::custom);
        let Text(text) = trail.within(Step::Field("text"), read)?;
        let odd = beside.payload.map(|(name, _)| trail.path_to(&name));
        Ok(PartRead {
            part: Part::Text(text),
            untranslated: beside.untranslated.or(odd),
            mark: beside.mark,
        })
    }
}

/// What stands in a part beside its type and its text.
#[derive(Default)]
struct Beside<'a> {
    untranslated: Option<String>,
    mark: Option<CacheMark>,
    /// The first field that is named like a type of parts.
    payload: Option<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Beside<'a> {
    fn field(
        &mut self,
        name: Cow<'a, str>,
        value: &'a RawValue,
        trail: &Trail,
    ) -> Result<(), serde_json::Error> {
        match name.as_ref() {
            _ if says_nothing(value) => return Ok(()),
            "cache_control" => {
                self.mark = cache_mark(value)?;
                if self.mark.is_some() {
                    return Ok(());
                }
            }
            BREAKPOINT if is_breakpoint(value) => {
                self.mark = self.mark.or(Some(CacheMark { one_hour: false }));
                return Ok(());
            }
            "image_url" | "file" | "refusal" | "thinking" if self.payload.is_none() => {
                self.payload = Some((name, value));
                return Ok(());
            }
            _ => {}
        }
        self.untranslated
            .get_or_insert_with(|| trail.path_to(&name));
        Ok(())
    }

    /// The part of that type, which is not text.
    fn part(self, kind: Cow<'a, str>, raw: &'a RawValue, trail: &Trail) -> PartRead<'a> {
        let payload = self.payload.filter(|(name, _)| *name == kind);
        match payload.and_then(|(name, value)| with_payload(&name, value, trail)) {
            Some((part, inner)) => PartRead {
                part,
                untranslated: self.untranslated.or(inner),
                mark: self.mark,
            },
            None if kind == "input_audio" => PartRead {
                untranslated: odd_of_sound(raw, self.mark.is_some(), trail),
                part: Part::Other { kind, raw },
                mark: self.mark,
            },
            // What has no form here has no fields of its own to be named either.
            None => PartRead {
                part: Part::Other { kind, raw },
                untranslated: None,
                mark: self.mark,
            },
        }
    }
}

/// The path of the first field of a sound that is neither its bytes nor their format. What is not of
/// that form at all is refused where it is read.
fn odd_of_sound(raw: &RawValue, is_marked: bool, trail: &Trail) -> Option<String> {
    for (name, value) in object(raw).ok()? {
        match name.as_ref() {
            "type" => {}
            "cache_control" | BREAKPOINT if is_marked => {}
            _ if says_nothing(value) => {}
            "input_audio" if value.get().starts_with('{') => {
                let known = |name: &str| matches!(name, "data" | "format");
                let inner = object(value).ok()?.into_iter();
                let mut odd =
                    inner.filter(|(name, value)| !known(name.as_ref()) && !says_nothing(value));
                if let Some((name, _)) = odd.next() {
                    return Some(trail.path_to(&format!("input_audio.{name}")));
                }
            }
            _ => return Some(trail.path_to(&name)),
        }
    }
    None
}

/// A part and the path of its first field without a word here.
type Known<'a> = Option<(Part<'a>, Option<String>)>;

/// The part that is in the field named like its type. `None` where its form is none of OpenAI's.
fn with_payload<'a>(kind: &str, value: &'a RawValue, trail: &Trail) -> Known<'a> {
    match kind {
        "image_url" => image(value, trail),
        "file" => file(value, trail),
        "refusal" => Some((Part::Refusal(text(value)?), None)),
        _ => thinking(value),
    }
}

fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    string(value).ok().flatten()
}

/// An image: an object with its address, or (Mistral) the address itself.
fn image<'a>(value: &'a RawValue, trail: &Trail) -> Known<'a> {
    let (mut url, mut detail, mut untranslated) = (None, None, None);
    if value.get().starts_with('{') {
        for (name, value) in object(value).ok()? {
            match name.as_ref() {
                "url" => url = text(value),
                "detail" => detail = text(value),
                _ if says_nothing(value) => {}
                _ => {
                    untranslated.get_or_insert_with(|| trail.path_to(&format!("image_url.{name}")));
                }
            }
        }
    } else {
        url = text(value);
    }
    let source = source(url?)?;
    Some((Part::Image(Image { source, detail }), untranslated))
}

/// A file whose bytes or address are in the request. One that lies at OpenAI has no form here.
fn file<'a>(value: &'a RawValue, trail: &Trail) -> Known<'a> {
    let (mut data, mut name, mut untranslated) = (None, None, None);
    for (key, value) in object(value).ok()? {
        match key.as_ref() {
            "file_data" => data = text(value),
            "filename" => name = text(value),
            _ if says_nothing(value) => {}
            _ => {
                untranslated.get_or_insert_with(|| trail.path_to(&format!("file.{key}")));
            }
        }
    }
    let source = source(data?)?;
    Some((Part::Document(Document { source, name }), untranslated))
}

/// Mistral's thoughts in a content: a list of texts.
fn thinking(value: &RawValue) -> Known<'_> {
    let mut all = String::new();
    for raw in list(value, "a list").ok()? {
        for (name, value) in object(raw).ok()? {
            match name.as_ref() {
                "text" => all.push_str(&text(value)?),
                "type" if value.get() == "\"text\"" => {}
                _ => return None,
            }
        }
    }
    let part = ReasoningPart {
        text: all.into(),
        ..ReasoningPart::default()
    };
    Some((Part::Reasoning(part), None))
}

/// The bytes of a `data:` URL (RFC 2397) in base64, or an address on the web. `None` for anything
/// else, which its provider may understand.
fn source(url: Cow<'_, str>) -> Option<Source<'_>> {
    let starts = |scheme: &str| {
        url.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if starts("https://") || starts("http://") {
        return Some(Source::Url(url));
    }
    if !starts("data:") {
        return None;
    }
    let comma = url.find(',')?;
    let head = url.get("data:".len()..comma)?;
    let (kind, last) = head.rsplit_once(';')?;
    if !last.trim().eq_ignore_ascii_case("base64") {
        return None;
    }
    // Parameters (`charset=...`) say nothing about bytes.
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.is_empty() {
        return None;
    }
    let media_type = match &url {
        // Names of types are compared as they are written in lower case.
        _ if kind.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            Cow::Owned(kind.to_ascii_lowercase())
        }
        Cow::Borrowed(url) => {
            let at = "data:".len() + (head.len() - head.trim_start().len());
            Cow::Borrowed(url.get(at..at + kind.len())?)
        }
        Cow::Owned(_) => Cow::Owned(kind.to_owned()),
    };
    let data = match &url {
        Cow::Borrowed(url) => Cow::Borrowed(url.get(comma + 1..)?),
        Cow::Owned(url) => Cow::Owned(url.get(comma + 1..)?.to_owned()),
    };
    Some(Source::Base64 { media_type, data })
}

/// OpenAI's own mark for its cache: what stands before its end is a prefix that comes again.
pub(crate) const BREAKPOINT: &str = "prompt_cache_breakpoint";

/// Whether it is `{"mode": "explicit"}`, the one form that OpenAI's specification has.
fn is_breakpoint(value: &RawValue) -> bool {
    let explicit =
        |(name, value): &(Cow<'_, str>, &RawValue)| name == "mode" && value.get() == "\"explicit\"";
    object(value).is_ok_and(|fields| fields.iter().all(explicit))
}

/// A mark for the provider's cache, as clients of OpenRouter and LiteLLM write Anthropic's. `None`
/// for words that it does not know.
pub(in crate::openai) fn cache_mark(
    value: &RawValue,
) -> Result<Option<CacheMark>, serde_json::Error> {
    let mut mark = CacheMark { one_hour: false };
    for (name, value) in object(value)? {
        match (name.as_ref(), value.get()) {
            ("type", "\"ephemeral\"") | ("ttl", "\"5m\"" | "null") => {}
            ("ttl", "\"1h\"") => mark.one_hour = true,
            _ => return Ok(None),
        }
    }
    Ok(Some(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_known_form_of_a_breakpoint_is_a_mark() {
        let is_mark = |json: &str| is_breakpoint(serde_json::from_str(json).unwrap());
        assert!(is_mark(r#"{"mode": "explicit"}"#));
        for other in [r#"{"mode": "implicit"}"#, r#"{"ttl": "1h"}"#, "true", "[]"] {
            assert!(!is_mark(other), "{other}");
        }
    }

    #[test]
    fn data_urls_lose_their_parameters_only() {
        let base64 = |media_type: &'static str, data: &'static str| {
            Some(Source::Base64 {
                media_type: media_type.into(),
                data: data.into(),
            })
        };
        for (url, expected) in [
            ("data:image/png;base64,aGk=", base64("image/png", "aGk=")),
            (
                "data:image/png;charset=x;base64,aGk=",
                base64("image/png", "aGk="),
            ),
            ("DATA:image/jpeg;a=b;BASE64,", base64("image/jpeg", "")),
            ("DATA:IMAGE/PNG;BASE64,aGk=", base64("image/png", "aGk=")),
            (
                "https://e.com/a,b",
                Some(Source::Url("https://e.com/a,b".into())),
            ),
            ("data:image/svg+xml,%3Csvg", None),
            ("data:;base64,aGk=", None),
            ("data:image/png;base64", None),
            ("gs://bucket/a.png", None),
            ("", None),
            ("dat\u{e9}", None),
        ] {
            assert_eq!(source(Cow::Borrowed(url)), expected, "{url}");
            assert_eq!(source(Cow::Owned(url.to_owned())), expected, "{url}");
        }
    }

    #[test]
    fn bytes_without_escapes_are_borrowed() {
        let Some(Source::Base64 { media_type, data }) =
            source(Cow::Borrowed("data:image/png;base64,aGk="))
        else {
            panic!("is a data URL");
        };
        assert!(matches!(media_type, Cow::Borrowed("image/png")));
        assert!(matches!(data, Cow::Borrowed("aGk=")));
    }
}
