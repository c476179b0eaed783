//! Instructions inside a prompt: `[[say:...]]`, `[[tool:...]]` and so on.

use serde_json::Value;

/// What the markers of the last user text ask for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Markers {
    pub(crate) say: Option<String>,
    pub(crate) events: Option<usize>,
    pub(crate) look: bool,
    pub(crate) think: bool,
    pub(crate) redact: bool,
    pub(crate) cached: Option<u64>,
    pub(crate) length: bool,
    pub(crate) filter: bool,
    /// Name of a tool and what it is called with, an object or text, in order.
    pub(crate) tools: Vec<(String, Option<Value>)>,
}

/// The most text deltas that `[[events:N]]` gives.
const MOST_EVENTS: usize = 100_000;

impl Markers {
    /// Reads the markers of a text; what cannot be read is no marker.
    pub(crate) fn read(text: &str) -> Self {
        let mut markers = Self::default();
        for body in all(text) {
            let (name, rest) = body.split_once(':').unwrap_or((body, ""));
            match name {
                "say" => markers.say = Some(rest.to_owned()),
                "events" => {
                    markers.events = rest.trim().parse().ok().map(|n: usize| n.min(MOST_EVENTS));
                }
                "look" => markers.look = true,
                "redact" => markers.redact = true,
                "think" => markers.think = true,
                "cached" => markers.cached = rest.trim().parse().ok(),
                "length" => markers.length = true,
                "filter" => markers.filter = true,
                "tool" => markers.tools.extend(tool(rest)),
                _ => {}
            }
        }
        markers
    }
}

fn tool(rest: &str) -> Option<(String, Option<Value>)> {
    let rest = rest.trim();
    let (name, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let arguments = match arguments.trim() {
        "" => None,
        text if text.starts_with('{') => Some(serde_json::from_str::<Value>(text).ok()?),
        text => Some(Value::from(text)),
    };
    (!name.is_empty()).then(|| (name.to_owned(), arguments))
}

/// The insides of all markers of a text, in order. A marker ends at the first `]]`
/// that is followed by no further `]`, so that JSON lists can end one.
pub(crate) fn all(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let inside = &rest[rest.find("[[")? + 2..];
        let mut end = inside.find("]]")?;
        while inside[end + 2..].starts_with(']') {
            end += 1;
        }
        rest = &inside[end + 2..];
        Some(&inside[..end])
    })
}

/// What follows the prefix in all markers that have it.
pub(crate) fn bodies<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    all(text).filter_map(move |body| body.strip_prefix(prefix))
}

/// The text without its markers, spaces trimmed.
pub(crate) fn without(text: &str) -> String {
    let mut kept = text.to_owned();
    for body in all(text) {
        kept = kept.replacen(&format!("[[{body}]]"), "", 1);
    }
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Markers, without};
    use serde_json::json;

    #[test]
    fn all_markers_are_read() {
        let text = "Hi [[tool:get {\"ids\": [[1]]}]] [[tool:other]] [[say:a: b]] [[events:7]] \
                    [[think]] [[redact]] [[look]] [[cached:12]] [[length]] [[filter]] there";
        let markers = Markers::read(text);
        assert_eq!(markers.say.as_deref(), Some("a: b"));
        assert_eq!(markers.events, Some(7));
        assert_eq!(markers.cached, Some(12));
        let flags = [markers.think, markers.redact, markers.look, markers.length];
        assert!(flags.iter().all(|flag| *flag) && markers.filter);
        assert_eq!(markers.tools.last(), Some(&("other".to_owned(), None)));
    }

    #[test]
    fn a_tool_marker_carries_json() {
        let markers = Markers::read("[[tool:get {\"city\": \"Oslo\", \"days\": [1]}]]");
        assert_eq!(
            markers.tools,
            [("get".to_owned(), Some(json!({"city": "Oslo", "days": [1]})))]
        );
        assert_eq!(
            Markers::read("[[tool:get {broken]] [[tool:]] [[say"),
            Markers::default()
        );
    }

    #[test]
    fn a_tool_marker_carries_text() {
        let markers = Markers::read("[[tool:sql SELECT  1]]");
        assert_eq!(
            markers.tools,
            [("sql".to_owned(), Some(json!("SELECT  1")))]
        );
    }

    #[test]
    fn text_without_markers() {
        assert_eq!(without("a [[say:x]] b [[think]]"), "a b");
        assert_eq!(without("[[open"), "[[open");
    }
}
