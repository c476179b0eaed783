//! Answers that go through to clients of this format, with the gateway's mark in front of every
//! proof of thoughts. Nothing else of the bytes changes.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use crate::json::Text;
use crate::origin::{self, spliced};

/// Places in a text, in order.
type Places = SmallVec<[usize; 4]>;

/// What holds items: a response.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    output: Option<Vec<&'a RawValue>>,
}

/// The whole answer with marks.
pub(crate) fn answer(body: &Bytes, mark: &str) -> Bytes {
    let Ok(text) = std::str::from_utf8(body) else {
        return body.clone();
    };
    let Ok(response) = serde_json::from_str::<Response<'_>>(text) else {
        return body.clone();
    };
    let places = in_items(response.output, text);
    if places.is_empty() {
        return body.clone();
    }
    Bytes::from(spliced(text, &places, mark))
}

/// The data of an event with marks; `None` where there is nothing to mark.
pub(super) fn event(data: &str, mark: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        item: Option<&'a RawValue>,
        #[serde(borrow)]
        response: Option<Response<'a>>,
    }
    // Most events are words, which hold none.
    memchr::memmem::find(data.as_bytes(), b"\"encrypted_content\"")?;
    let event: Event<'_> = serde_json::from_str(data).ok()?;
    let whole = event.response.and_then(|response| response.output);
    let mut places = in_items(event.item.map(|item| vec![item]), data);
    places.extend(in_items(whole, data));
    places.sort_unstable();
    (!places.is_empty()).then(|| spliced(data, &places, mark))
}

fn in_items(items: Option<Vec<&RawValue>>, text: &str) -> Places {
    let items = items.into_iter().flatten();
    items.filter_map(|item| place(item, text)).collect()
}

/// Where in the whole text the proof of this item begins, inside its quotes.
fn place(item: &RawValue, whole: &str) -> Option<usize> {
    #[derive(Deserialize)]
    struct Proof<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
        #[serde(borrow)]
        encrypted_content: Option<&'a RawValue>,
    }
    let proof: Proof<'_> = serde_json::from_str(item.get()).ok()?;
    let value = proof
        .encrypted_content
        .filter(|_| proof.kind.as_str() == "reasoning")?;
    origin::place(value, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEMS: &str = r#"[{ "encrypted_content":"P1\/","type":"reasoning","summary":[]},
        {"type":"compaction","encrypted_content":"not this"},
        {"type":"reasoning","encrypted_content":null},{"type":"reasoning","encrypted_content":""},
        {"type":"reasoning","encrypted_content":"P2","summary":[]}]"#;

    fn marked(text: &str) -> String {
        text.replace("P1", "M.P1").replace("P2", "M.P2")
    }

    #[test]
    fn only_proofs_of_thoughts_are_marked() {
        let body = format!(r#"{{"output":{ITEMS} , "x":1.50}}"#);
        let out = answer(&Bytes::from(body.clone()), "M.");
        assert_eq!(out, marked(&body));
        let end = format!(r#"{{"type":"response.completed","response":{body}}}"#);
        assert_eq!(event(&end, "M."), Some(marked(&end)));
        let item = r#"{"item":{"type":"reasoning","encrypted_content":"P1"},"output_index":0}"#;
        assert_eq!(event(item, "M."), Some(marked(item)));
    }

    #[test]
    fn nothing_to_mark_is_the_same_bytes() {
        for body in [
            r#"{"output":[{"type":"message","content":"\"encrypted_content\":\"P\""}]}"#,
            r#"{"output":null}"#,
            "<html>",
        ] {
            let body = Bytes::copy_from_slice(body.as_bytes());
            assert_eq!(answer(&body, "M.").as_ptr(), body.as_ptr());
            assert_eq!(event(std::str::from_utf8(&body).unwrap(), "M."), None);
        }
    }
}
