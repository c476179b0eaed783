//! Answers whose content is a list (Mistral's models that think), as clients of the dialect expect
//! them: content is text, and thoughts stand beside it. Official SDKs hand the list on where their
//! users were promised a string.

use serde_json::value::RawValue;

use super::request::Fields;
use super::shape::Content;
use crate::json::Object;

/// The answer, or the chunk of one, with its lists as text; everything else as received. `None`
/// where nothing is to be done, and where a list holds more than text and thoughts.
pub(crate) fn plain(json: &str) -> Option<String> {
    let Fields(fields) = serde_json::from_str(json).ok()?;
    let mut out = Object::with_capacity(json.len() + 64);
    for (name, value) in &fields {
        match name.as_ref() {
            "choices" => out.raw("choices", &choices(value)?),
            name => out.raw(name, value.get()),
        }
    }
    Some(out.close())
}

fn choices(raw: &RawValue) -> Option<String> {
    let mut out = String::from("[");
    for choice in serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok()? {
        let Fields(fields) = serde_json::from_str(choice.get()).ok()?;
        let mut choice = Object::with_capacity(256);
        for (name, value) in &fields {
            match name.as_ref() {
                "message" | "delta" if value.get().starts_with('{') => {
                    choice.raw(name, &said(value)?);
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

fn said(raw: &RawValue) -> Option<String> {
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
        }
    }
    Some(out.close())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_text_and_thoughts() {
        let list = r#"[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"yes"}]"#;
        let body = format!(
            r#"{{"id":"1","choices":[{{"index":0,"message":{{"role":"assistant","content":{list}}},"x":1.50}}],"y":[ ]}}"#
        );
        let expected = r#"{"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":"yes","reasoning_content":"hm"},"x":1.50}],"y":[ ]}"#;
        assert_eq!(plain(&body).as_deref(), Some(expected));
        let image = body.replace("\"type\":\"text\",\"text\":\"yes\"", "\"type\":\"image\"");
        assert_eq!(plain(&image), None);
        assert_eq!(plain("[1]"), None);
    }
}
