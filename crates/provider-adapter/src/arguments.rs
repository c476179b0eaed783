//! Arguments of calls where a format takes nothing but a JSON object.
//!
//! OpenAI's formats carry what the model wrote as text, and models have been recorded that write no
//! JSON. Where only an object will do, such a text is the one member of an object, `UNPARSED`:
//! nothing is dropped, a history goes on, and what comes back so is the text again.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{self, Object, Text};

/// The member that holds a text that is no JSON object.
pub(crate) const UNPARSED: &str = "unparsed_arguments";

/// The arguments as a JSON object; none at all are an empty one.
pub(crate) fn as_object(text: &str) -> Cow<'_, RawValue> {
    let text = if text.trim_ascii().is_empty() {
        "{}"
    } else {
        text
    };
    if let Some(object) = json::object(text) {
        return Cow::Borrowed(object);
    }
    let mut wrapped = Object::with_capacity(text.len() + 32);
    wrapped.text(UNPARSED, text);
    // A written object is always JSON.
    RawValue::from_string(wrapped.close()).map_or(Cow::Borrowed(RawValue::NULL), Cow::Owned)
}

/// The arguments as the model wrote them, from an object that a client sends back.
pub(crate) fn as_written(object: &RawValue) -> Cow<'_, str> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wrapped<'a> {
        #[serde(borrow)]
        unparsed_arguments: Text<'a>,
    }
    let text = object.get();
    if !text.contains(UNPARSED) {
        return Cow::Borrowed(text);
    }
    let wrapped = serde_json::from_str(text);
    wrapped.map_or(Cow::Borrowed(text), |it: Wrapped<'_>| {
        it.unparsed_arguments.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_travels_whole_and_comes_back() {
        for (written, object) in [
            ("{\"a\": 1}", "{\"a\": 1}"),
            ("[1]", "{\"unparsed_arguments\":\"[1]\"}"),
            ("{\"cut", "{\"unparsed_arguments\":\"{\\\"cut\"}"),
        ] {
            let wrapped = as_object(written);
            assert_eq!(wrapped.get(), object);
            assert_eq!(as_written(&wrapped), written);
        }
        assert_eq!(as_object(" \n").get(), "{}");
    }

    #[test]
    fn arguments_of_a_function_with_such_a_parameter_stay() {
        for text in [
            "{\"unparsed_arguments\": \"x\", \"b\": 1}",
            "{\"unparsed_arguments\": 5}",
            "{\"note\": \"unparsed_arguments\"}",
        ] {
            let object = json::object(text).unwrap();
            assert_eq!(as_written(object), text);
        }
    }
}
