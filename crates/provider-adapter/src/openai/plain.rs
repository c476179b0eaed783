//! Answers whose content is a list (Mistral's models that think), as clients of the dialect expect
//! them: content is text, and thoughts stand beside it. Official SDKs hand the list on where their
//! users were promised a string.
//!
//! So that the thoughts can return to their model as what they were, they stand in
//! `reasoning_details` once more, behind the model's mark.

use serde::Deserialize;
use serde_json::value::RawValue;
use steelyard_types::WireFormat;

use super::answer::says_something;
use super::details::Details;
use super::request::Fields;
use super::shape::{Content, Said};
use super::unsigned::IN_PARTS;
use crate::collect::MAX_CHOICES;
use crate::json::Object;
use crate::origin;

/// Writes one answer, whole or in chunks.
#[derive(Debug)]
pub(crate) struct Plain {
    /// What thoughts are signed with.
    signature: String,
    /// Choices in which there were thoughts, by their index.
    choices: Vec<(u64, Details)>,
}

/// What of a choice says where it stands.
#[derive(Deserialize)]
struct Place<'a> {
    #[serde(default)]
    index: u64,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
}

impl Plain {
    pub(crate) fn new(upstream_model: &str) -> Self {
        Self {
            signature: origin::seal(WireFormat::OpenAiChat, upstream_model, IN_PARTS),
            choices: Vec::new(),
        }
    }

    /// Whether thoughts wait for their end, so that chunks without lists are of interest too.
    pub(crate) fn is_waiting(&self) -> bool {
        self.choices.iter().any(|(_, details)| details.is_open())
    }

    /// The answer, or the chunk of one, with its lists as text; everything else as received. `None`
    /// where nothing is to be done, and where a list holds more than text and thoughts.
    pub(crate) fn written(&mut self, json: &str) -> Option<String> {
        let Fields(fields) = serde_json::from_str(json).ok()?;
        let mut out = Object::with_capacity(json.len() + 64);
        for (name, value) in &fields {
            match name.as_ref() {
                "choices" => out.raw("choices", &self.choices(value)?),
                name => out.raw(name, value.get()),
            }
        }
        Some(out.close())
    }

    fn choices(&mut self, raw: &RawValue) -> Option<String> {
        let mut out = String::from("[");
        for choice in serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok()? {
            let place: Place<'_> = serde_json::from_str(choice.get()).ok()?;
            let is_last = place
                .finish_reason
                .is_some_and(|reason| !matches!(reason.get(), "null" | "\"\"" | "\"null\""));
            let Fields(fields) = serde_json::from_str(choice.get()).ok()?;
            let mut choice = Object::with_capacity(256);
            for (name, value) in &fields {
                match name.as_ref() {
                    "message" | "delta" if value.get().starts_with('{') => {
                        choice.raw(name, &self.said(value, place.index, is_last)?);
                    }
                    name => choice.raw(name, value.get()),
                }
            }
            if out.len() > 1 {
                out.push(',');
            }
            out.push_str(&choice.close());
        }
        out.push(']');
        Some(out)
    }

    fn said(&mut self, raw: &RawValue, index: u64, is_last: bool) -> Option<String> {
        let Fields(fields) = serde_json::from_str(raw.get()).ok()?;
        let mut out = Object::with_capacity(raw.get().len());
        for (name, value) in &fields {
            if name != "content" || !value.get().starts_with('[') {
                out.raw(name, value.get());
                continue;
            }
            let content: Content<'_> = serde_json::from_str(value.get()).ok()?;
            if content.other {
                return None;
            }
            match content.text {
                Some(text) => out.text("content", &text),
                None => out.raw("content", "null"),
            }
            if let Some(thinking) = content.thinking {
                out.text("reasoning_content", &thinking);
                if let Some(details) = self.details(index) {
                    details.tell(&thinking);
                }
            }
        }
        let waits = |(choice, details): &&mut (u64, Details)| *choice == index && details.is_open();
        if let Some((_, details)) = self.choices.iter_mut().find(waits) {
            let said: Said<'_> = serde_json::from_str(raw.get()).ok()?;
            if (is_last || says_something(&said))
                && let Some(list) = details.signed(&self.signature)
            {
                out.raw("reasoning_details", &list);
            }
        }
        Some(out.close())
    }

    /// The thoughts of that choice; none where there are more choices than anybody asks for.
    fn details(&mut self, index: u64) -> Option<&mut Details> {
        let known = self.choices.iter().position(|(choice, _)| *choice == index);
        let position = known.unwrap_or(self.choices.len());
        if position == self.choices.len() {
            if position >= MAX_CHOICES {
                return None;
            }
            self.choices.push((index, Details::default()));
        }
        self.choices.get_mut(position).map(|(_, details)| details)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(body: &str) -> Option<String> {
        Plain::new("m").written(body)
    }

    #[test]
    fn lists_become_text_and_thoughts() {
        let list = r#"[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"yes"}]"#;
        let body = format!(
            r#"{{"id":"1","choices":[{{"index":0,"message":{{"role":"assistant","content":{list}}},"finish_reason":"stop","x":1.50}}],"y":[ ]}}"#
        );
        let signature = origin::seal(WireFormat::OpenAiChat, "m", IN_PARTS);
        let expected = format!(
            r#"{{"id":"1","choices":[{{"index":0,"message":{{"role":"assistant","content":"yes","reasoning_content":"hm","reasoning_details":[{{"type":"reasoning.text","text":"hm","signature":"{signature}","index":0}}]}},"finish_reason":"stop","x":1.50}}],"y":[ ]}}"#
        );
        assert_eq!(written(&body), Some(expected));
        let image = body.replace("\"type\":\"text\",\"text\":\"yes\"", "\"type\":\"image\"");
        assert_eq!(written(&image), None);
        assert_eq!(written("[1]"), None);
        let text = r#"{"choices":[{"index":0,"message":{"content":[{"type":"text","text":"yes"}]},"finish_reason":"stop"}]}"#;
        let expected =
            r#"{"choices":[{"index":0,"message":{"content":"yes"},"finish_reason":"stop"}]}"#;
        assert_eq!(written(text).as_deref(), Some(expected));
    }

    /// What the deltas of a choice say of its thoughts, piece by piece.
    fn told(plain: &mut Plain, index: u64, delta: &Value, finish: &Value) -> [Value; 2] {
        let chunk = json!({"choices": [{"index": index, "delta": delta, "finish_reason": finish}]});
        let written = plain.written(&chunk.to_string()).expect("a chunk");
        let mut written: Value = serde_json::from_str(&written).expect("JSON");
        let delta = &mut written["choices"][0]["delta"];
        [
            delta["reasoning_content"].take(),
            delta["reasoning_details"].take(),
        ]
    }

    #[test]
    fn streamed_thoughts_are_signed_where_they_end() {
        let thought = |text: &str| json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]});
        let nothing = Value::Null;
        let entry = |text: &str, index: usize| {
            json!([{"type": "reasoning.text", "text": text, "index": index,
                "signature": origin::seal(WireFormat::OpenAiChat, "m", IN_PARTS)}])
        };
        let plain = &mut Plain::new("m");
        let ends = [
            json!({"content": "yes"}),
            json!({"content": [{"type": "text", "text": "yes"}]}),
            json!({"tool_calls": [{"id": "abcdefghi", "function": {"name": "f", "arguments": "{}"}}]}),
        ];
        for (block, end) in ends.iter().enumerate() {
            assert_eq!(
                told(plain, 0, &thought("h"), &nothing),
                [json!("h"), Value::Null]
            );
            // Another choice has thoughts of its own.
            let other = json!({"content": "no"});
            assert_eq!(told(plain, 1, &other, &nothing), [Value::Null, Value::Null]);
            assert_eq!(
                told(plain, 0, &thought("m"), &nothing),
                [json!("m"), Value::Null]
            );
            let silent = json!({"content": ""});
            assert_eq!(
                told(plain, 0, &silent, &nothing),
                [Value::Null, Value::Null]
            );
            assert!(plain.is_waiting());
            assert_eq!(
                told(plain, 0, end, &nothing),
                [Value::Null, entry("hm", block)]
            );
            assert!(!plain.is_waiting());
        }
        // Thoughts that were cut off.
        assert_eq!(
            told(plain, 0, &thought("so"), &nothing),
            [json!("so"), Value::Null]
        );
        let end = json!({"content": ""});
        assert_eq!(
            told(plain, 0, &end, &json!("length")),
            [Value::Null, entry("so", 3)]
        );
    }
}
