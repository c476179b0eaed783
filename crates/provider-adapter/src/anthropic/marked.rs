//! Answers that go through to clients of this format, with the gateway's mark in front of every
//! proof of thoughts. Nothing else of the bytes changes.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use crate::json::Text;
use crate::origin::{self, spliced};

/// A block of thoughts: what its signature or its unreadable content is, as received.
#[derive(Deserialize)]
struct Proof<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    signature: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// The whole answer with marks.
pub(crate) fn answer(body: &Bytes, mark: &str) -> Bytes {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        content: Vec<&'a RawValue>,
    }
    let Ok(text) = std::str::from_utf8(body) else {
        return body.clone();
    };
    let Ok(answer) = serde_json::from_str::<Answer<'_>>(text) else {
        return body.clone();
    };
    let blocks = answer.content.into_iter();
    let places: SmallVec<[usize; 4]> = blocks.filter_map(|block| place(block, text)).collect();
    if places.is_empty() {
        return body.clone();
    }
    Bytes::from(spliced(text, &places, mark))
}

/// The data of an event with a mark; `None` where there is nothing to mark.
pub(crate) fn event(data: &str, mark: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        content_block: Option<&'a RawValue>,
        #[serde(borrow)]
        delta: Option<&'a RawValue>,
    }
    let event: Event<'_> = serde_json::from_str(data).ok()?;
    let part = event.content_block.or(event.delta)?;
    Some(spliced(data, &[place(part, data)?], mark))
}

/// Where in the whole text the proof in this piece of it begins, inside its quotes.
fn place(part: &RawValue, whole: &str) -> Option<usize> {
    let proof: Proof<'_> = serde_json::from_str(part.get()).ok()?;
    let value = match proof.kind.as_str() {
        "thinking" | "signature_delta" => proof.signature,
        "redacted_thinking" => proof.data,
        _ => None,
    };
    origin::place(value?, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_proofs_of_thoughts_are_marked() {
        let body = r#"{ "content":[{"type":"thinking","thinking":"a","signature":"S1\/"},
            {"signature":"not this","type":"tool_use","id":"a","name":"b","input":{"signature":"nor this"}},
            {"type":"thinking","thinking":"","signature":""},{"data":"D1","type":"redacted_thinking"}] , "x":1.50}"#;
        let marked = answer(&Bytes::from_static(body.as_bytes()), "M.");
        let expected = body.replace("S1", "M.S1").replace("D1", "M.D1");
        assert_eq!(marked, expected);
    }

    #[test]
    fn nothing_to_mark_is_the_same_bytes() {
        for body in [
            r#"{"content":[{"type":"text","text":"\"signature\":\"S\""}]}"#,
            r#"{"content":null}"#,
            "<html>",
        ] {
            let body = Bytes::copy_from_slice(body.as_bytes());
            let marked = answer(&body, "M.");
            assert_eq!(marked.as_ptr(), body.as_ptr());
        }
    }

    #[test]
    fn events_are_marked_where_they_prove() {
        let delta = r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"S"} }"#;
        assert_eq!(
            event(delta, "M.").as_deref(),
            Some(delta.replace("\"S\"", "\"M.S\"").as_str())
        );
        let start = r#"{"content_block":{"data":"D","type":"redacted_thinking"}}"#;
        assert!(event(start, "M.").is_some_and(|data| data.contains("M.D")));
        for other in [
            r#"{"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"delta":{"type":"text_delta","text":"S"}}"#,
            "{}",
            "",
        ] {
            assert_eq!(event(other, "M."), None, "{other}");
        }
    }
}
