//! Answers for clients that know calls in their deprecated form alone, from servers that were told of
//! their functions as tools: the first call is the `function_call`, others stay where they are, as in
//! answers that are written anew. Nothing else of them changes.

use serde_json::value::RawValue;

use super::request::{Fields, RawFields, says_nothing};
use super::shape::Call;
use super::usage::Count;
use crate::json::Object;

/// Places of calls among those of their answer, in the order of the pieces of a choice.
type Places<'p> = dyn Fn(u64) -> Option<&'p [u32]> + 'p;

/// The whole answer. `None` where nothing is to be done, or it cannot be taken apart.
pub(crate) fn answer(json: &str) -> Option<String> {
    told(json, &|_| None)
}

/// A chunk. `places` tells, of the choice of that index, which call each piece is of.
pub(super) fn chunk<'p>(
    json: &str,
    places: impl Fn(u64) -> Option<&'p [u32]> + 'p,
) -> Option<String> {
    told(json, &places)
}

fn told(json: &str, places: &Places<'_>) -> Option<String> {
    let Fields(fields) = serde_json::from_str(json).ok()?;
    let mut changed = false;
    let mut out = Object::with_capacity(json.len() + 64);
    for (name, value) in &fields {
        match name.as_ref() {
            "choices" => {
                let mut all = Vec::new();
                for raw in serde_json::from_str::<Vec<&RawValue>>(value.get()).ok()? {
                    all.push(choice(raw, places, &mut changed)?);
                }
                out.raw("choices", &format!("[{}]", all.join(",")));
            }
            name => out.raw(name, value.get()),
        }
    }
    changed.then(|| out.close())
}

fn choice(raw: &RawValue, places: &Places<'_>, changed: &mut bool) -> Option<String> {
    let Fields(fields) = serde_json::from_str(raw.get()).ok()?;
    let index = fields.iter().find(|(name, _)| name == "index");
    let index = index.and_then(|(_, index)| serde_json::from_str::<Count>(index.get()).ok());
    let places = places(index.unwrap_or_default().get());
    let mut out = Object::with_capacity(256);
    for (name, value) in &fields {
        match name.as_ref() {
            "message" | "delta" if value.get().starts_with('{') => {
                let Fields(fields) = serde_json::from_str(value.get()).ok()?;
                let said = said(&fields, places)?;
                *changed |= said.is_some();
                out.raw(name, said.as_deref().unwrap_or(value.get()));
            }
            "finish_reason" if value.get() == "\"tool_calls\"" => {
                *changed = true;
                out.text(name, "function_call");
            }
            name => out.raw(name, value.get()),
        }
    }
    Some(out.close())
}

/// What a message, or a piece of one, says. `Some(None)` where it calls nothing, or in the deprecated
/// form already.
#[expect(
    clippy::option_option,
    reason = "nothing to do is something else than not to be read"
)]
fn said(fields: &RawFields<'_>, places: Option<&[u32]>) -> Option<Option<String>> {
    let find = |name: &str| {
        let found = fields.iter().find(|(field, _)| field == name);
        found.filter(|(_, value)| !says_nothing(value))
    };
    let Some((_, calls)) = find("tool_calls").filter(|_| find("function_call").is_none()) else {
        return Some(None);
    };
    let mut others = Vec::new();
    let mut first: Option<(String, String)> = None;
    let raws = serde_json::from_str::<Vec<&RawValue>>(calls.get()).ok()?;
    for (at, raw) in (0..).zip(raws) {
        let known = |places: &[u32]| places.get(usize::try_from(at).ok()?).copied();
        match places.map_or(Some(at), known)?.checked_sub(1) {
            None => {
                let call: Call<'_> = serde_json::from_str(raw.get()).ok()?;
                let (name, arguments) = first.get_or_insert_default();
                name.push_str(call.name());
                arguments.push_str(call.arguments());
            }
            Some(place) => others.push(placed(raw, place)?),
        }
    }
    let mut out = Object::with_capacity(256);
    for (name, value) in fields {
        match name.as_ref() {
            "function_call" if first.is_some() => {}
            "tool_calls" => {
                if let Some((name, arguments)) = &first {
                    let mut function = Object::with_capacity(arguments.len() + 64);
                    // What goes on is not named again.
                    if places.is_none() || !name.is_empty() {
                        function.text("name", name);
                    }
                    function.text("arguments", arguments);
                    out.raw("function_call", &function.close());
                }
                if !others.is_empty() {
                    out.raw("tool_calls", &format!("[{}]", others.join(",")));
                }
            }
            name => out.raw(name, value.get()),
        }
    }
    Some(Some(out.close()))
}

/// The call, or a piece of it, with its place among those that are left.
fn placed(raw: &RawValue, place: u32) -> Option<String> {
    let Fields(fields) = serde_json::from_str(raw.get()).ok()?;
    let mut out = Object::with_capacity(raw.get().len());
    for (name, value) in &fields {
        match name.as_ref() {
            "index" => out.raw("index", &place.to_string()),
            name => out.raw(name, value.get()),
        }
    }
    Some(out.close())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_call_of_each_choice_is_told_in_the_deprecated_form() {
        let body = r#"{"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":null,"function_call":null,"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":"{}"},"own":1.50}],"own":[ ]},"finish_reason":"tool_calls"},{"index":1,"message":{"content":"no","tool_calls":[]},"finish_reason":"stop"}],"usage":{ }}"#;
        let expected = r#"{"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{\"x\":1}"},"tool_calls":[{"index":0,"id":"b","type":"function","function":{"name":"g","arguments":"{}"},"own":1.50}],"own":[ ]},"finish_reason":"function_call"},{"index":1,"message":{"content":"no","tool_calls":[]},"finish_reason":"stop"}],"usage":{ }}"#;
        assert_eq!(answer(body).as_deref(), Some(expected));
        let own = r#"{"choices":[{"message":{"function_call":{"name":"f","arguments":"{}"}},"finish_reason":"function_call"}]}"#;
        assert_eq!(answer(own), None, "as it is");
        assert_eq!(answer("[1]"), None);
    }

    #[test]
    fn pieces_go_to_the_call_that_they_are_of() {
        let told = |delta: &str, places: &'static [u32]| {
            let body = format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#);
            let told = chunk(&body, move |_| Some(places)).unwrap_or(body);
            let end = told.len() - "}]}".len();
            told[r#"{"choices":[{"index":0,"delta":"#.len()..end].to_owned()
        };
        let start = r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}"#;
        let started = r#"{"function_call":{"name":"f","arguments":""}}"#;
        assert_eq!(told(start, &[0]), started);
        let more = r#"{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}"#;
        assert_eq!(told(more, &[0]), r#"{"function_call":{"arguments":"{"}}"#);
        // A server that numbers every call 0.
        let second =
            r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}]}"#;
        assert_eq!(told(second, &[1]), second);
        let both = r#"{"tool_calls":[{"index":0,"function":{"arguments":"}"}},{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]}"#;
        let parted = r#"{"function_call":{"arguments":"}"},"tool_calls":[{"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}]}"#;
        assert_eq!(told(both, &[0, 1]), parted);
        let words = r#"{"content":"x","tool_calls":null}"#;
        assert_eq!(told(words, &[]), words);
    }
}
