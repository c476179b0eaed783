//! Pieces of JSON that borrow from the bytes they were read from.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

/// A JSON string, borrowed wherever it holds no escapes.
///
/// serde borrows a `Cow<str>` only where it is a field's whole type; inside an `Option` or a `Vec`
/// it would always copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// A value that may be of another type than it should be, and is then as good as absent: an answer
/// is not lost for what stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lenient<T>(pub(crate) Option<T>);

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Lenient<T> {
    pub(crate) fn as_ref(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: &'de RawValue = Deserialize::deserialize(deserializer)?;
        // serde reads a list as a structure too, which would give counts a meaning that nobody gave
        // them.
        let value = Some(raw.get()).filter(|text| !text.starts_with('['));
        Ok(Self(value.and_then(|text| serde_json::from_str(text).ok())))
    }
}

/// The text as a JSON object, if it is one.
pub(crate) fn object(text: &str) -> Option<&RawValue> {
    serde_json::from_str::<&RawValue>(text)
        .ok()
        .filter(|raw| raw.get().starts_with('{'))
}

/// The text as a JSON number, if it is one.
pub(crate) fn number(text: &str) -> Option<&RawValue> {
    serde_json::from_str::<&RawValue>(text).ok().filter(|raw| {
        raw.get()
            .starts_with(|c: char| c == '-' || c.is_ascii_digit())
    })
}

/// FNV-1a over 64 bits, for identifiers that must come out the same for the same input. Not for
/// anything that an attacker must not be able to collide.
/// Constants: <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>.
pub(crate) fn fnv1a(parts: &[&[u8]]) -> u64 {
    parts.iter().fold(FNV_EMPTY, |hash, part| {
        // Keeps ["ab", "c"] and ["a", "bc"] apart: no UTF-8 text holds this byte.
        fnv1a_on(fnv1a_on(hash, part), &[0xff])
    })
}

/// The hash of nothing, for [`fnv1a_on`] to go on from.
pub(crate) const FNV_EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

/// The same hash of one text that comes in pieces, wherever it was cut.
pub(crate) fn fnv1a_on(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Writes a JSON object field by field.
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let mut text = String::with_capacity(capacity);
        text.push('{');
        Self(text)
    }

    /// A field whose value is JSON already.
    pub(crate) fn raw(&mut self, name: &str, json: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        push_text(&mut self.0, name);
        self.0.push(':');
        self.0.push_str(json);
    }

    /// A field whose value is text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.raw(name, "");
        push_text(&mut self.0, text);
    }

    pub(crate) fn close(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Appends text as a JSON string. Runs without escapes are copied whole.
pub(crate) fn push_text(out: &mut String, text: &str) {
    out.push('"');
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.push_str(&text[copied..at]);
                out.push_str("\\u00");
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
                copied = at + 1;
                continue;
            }
            _ => continue,
        };
        out.push_str(&text[copied..at]);
        out.push_str(escape);
        copied = at + 1;
    }
    out.push_str(&text[copied..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_without_escapes_are_borrowed() {
        let plain: Vec<Option<Text<'_>>> = serde_json::from_str(r#"["a", "b\n", null]"#).unwrap();
        assert!(matches!(&plain[0], Some(Text(Cow::Borrowed("a")))));
        assert!(matches!(&plain[1], Some(Text(Cow::Owned(text))) if text == "b\n"));
        assert!(plain[2].is_none());
    }

    #[test]
    fn what_is_of_another_type_is_as_good_as_absent() {
        #[derive(serde::Deserialize)]
        struct Counts {
            one: u64,
        }
        let read = |json: &str| {
            let read: Lenient<Counts> = serde_json::from_str(json).unwrap();
            read.0.map(|counts| counts.one)
        };
        assert_eq!(read(r#"{"one": 7}"#), Some(7));
        for wrong in ["null", "7", "[7]", "\"7\"", r#"{"one": -7}"#, "{}"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_objects_and_numbers_pass() {
        assert_eq!(
            object(" {\"a\": 1} ").map(RawValue::get),
            Some("{\"a\": 1}")
        );
        for wrong in ["", "[]", "{", "1", "{} {}", "null", "\"{}\""] {
            assert!(object(wrong).is_none(), "{wrong}");
        }
        assert_eq!(number("0.70").map(RawValue::get), Some("0.70"));
        assert_eq!(number("-1e3").map(RawValue::get), Some("-1e3"));
        for wrong in ["", "NaN", "null", "\"1\"", "01", "1 2"] {
            assert!(number(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn hashes_keep_parts_apart() {
        assert_ne!(fnv1a(&[b"ab", b"c"]), fnv1a(&[b"a", b"bc"]));
        assert_eq!(fnv1a(&[b"ab", b"c"]), fnv1a(&[b"ab", b"c"]));
    }
}
