//! Arguments of a function call that come in pieces (`functionCall.partialArgs`, Vertex).
//!
//! Each piece names a place by JSONPath and a value, or the next characters of a string. They are
//! put together here and given out whole: pieces can jump between places, so no prefix of the JSON
//! text is certain before the end.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::json::Text;

/// Deepest place that is written to.
const MAX_DEPTH: usize = 64;

/// One piece.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Piece<'a> {
    #[serde(borrow)]
    json_path: Option<Text<'a>>,
    #[serde(borrow)]
    string_value: Option<Text<'a>>,
    #[serde(borrow)]
    number_value: Option<&'a RawValue>,
    bool_value: Option<bool>,
}

impl Piece<'_> {
    /// About how many bytes it adds, its place among them.
    pub(super) fn size(&self) -> usize {
        let text = |text: &Option<Text<'_>>| text.as_ref().map_or(0, |text| text.as_str().len());
        let number = self.number_value.map_or(0, |number| number.get().len());
        let parts = [text(&self.json_path), text(&self.string_value), number, 8];
        parts.into_iter().fold(0, usize::saturating_add)
    }
}

/// A step of a path.
enum Step<'p> {
    Member(&'p str),
    Element(usize),
}

/// Writes a piece into the arguments. `None` if it names no place that can be written to.
pub(super) fn apply(arguments: &mut Value, piece: &Piece<'_>) -> Option<()> {
    let mut path = piece.json_path.as_ref()?.as_str().strip_prefix('$')?;
    let mut place = arguments;
    let mut depth = 0;
    while !path.is_empty() {
        depth += 1;
        let (step, rest) = next_step(path)?;
        path = rest;
        place = enter(place, &step).filter(|_| depth <= MAX_DEPTH)?;
    }
    match (&piece.string_value, place) {
        (Some(more), Value::String(text)) => text.push_str(more.as_str()),
        (Some(text), place) => *place = Value::String(text.as_str().to_owned()),
        (None, place) => {
            *place = match (piece.number_value, piece.bool_value) {
                (Some(number), _) => serde_json::from_str(number.get()).ok()?,
                (None, Some(flag)) => Value::Bool(flag),
                (None, None) => Value::Null,
            }
        }
    }
    Some(())
}

fn next_step(path: &str) -> Option<(Step<'_>, &str)> {
    if let Some(rest) = path.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        return (!name.is_empty()).then_some((Step::Member(name), rest));
    }
    let rest = path.strip_prefix('[')?;
    for quote in ['\'', '"'] {
        if let Some(rest) = rest.strip_prefix(quote) {
            let (name, rest) = rest.split_once(quote)?;
            return Some((Step::Member(name), rest.strip_prefix(']')?));
        }
    }
    let (number, rest) = rest.split_once(']')?;
    Some((Step::Element(number.parse().ok()?), rest))
}

/// The value one step further in, made if it is not there yet. Lists grow by one element at a time,
/// so that an index cannot make them large.
fn enter<'v>(value: &'v mut Value, step: &Step<'_>) -> Option<&'v mut Value> {
    match step {
        Step::Member(name) => {
            if value.is_null() {
                *value = Value::Object(Map::new());
            }
            Some(
                value
                    .as_object_mut()?
                    .entry((*name).to_owned())
                    .or_insert(Value::Null),
            )
        }
        Step::Element(index) => {
            if value.is_null() {
                *value = Value::Array(Vec::new());
            }
            let list = value.as_array_mut()?;
            if *index == list.len() {
                list.push(Value::Null);
            }
            list.get_mut(*index)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(pieces: &str) -> Option<Value> {
        let pieces: Vec<Piece<'_>> = serde_json::from_str(pieces).unwrap();
        let mut arguments = Value::Object(Map::new());
        for piece in &pieces {
            apply(&mut arguments, piece)?;
        }
        Some(arguments)
    }

    #[test]
    fn pieces_become_one_object() {
        let arguments = collect(
            r#"[{"jsonPath":"$.list[0].name","stringValue":"Sal","willContinue":true},
                {"jsonPath":"$.list[0].name","stringValue":"t"},
                {"jsonPath":"$.list[0].price","numberValue":0.50},
                {"jsonPath":"$.list[1]['it.em']","boolValue":true},
                {"jsonPath":"$.none","nullValue":"NULL_VALUE"}]"#,
        );
        let expected = serde_json::json!({
            "list": [{"name": "Salt", "price": 0.5}, {"it.em": true}],
            "none": null,
        });
        assert_eq!(arguments, Some(expected));
    }

    #[test]
    fn places_that_cannot_be_are_refused() {
        let deep = format!(r#"[{{"jsonPath":"${}"}}]"#, ".a".repeat(MAX_DEPTH + 1));
        for pieces in [
            r#"[{"stringValue":"a"}]"#,
            r#"[{"jsonPath":"a"}]"#,
            r#"[{"jsonPath":"$.a[7]"}]"#,
            r#"[{"jsonPath":"$[x]"}]"#,
            r#"[{"jsonPath":"$.a","stringValue":"s"},{"jsonPath":"$.a.b","stringValue":"s"}]"#,
            r#"[{"jsonPath":"$.."}]"#,
            &deep,
        ] {
            assert_eq!(collect(pieces), None, "{pieces}");
        }
    }
}
