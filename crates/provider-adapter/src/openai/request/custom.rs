//! What the input of a custom tool is, in both of OpenAI's APIs.

use std::borrow::Cow;

use serde_json::value::RawValue;
use steelyard_types::Grammar;

use super::tool::{object, string};
use super::trail::{Step, Trail, says_nothing};

/// How an API writes a grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// In an object `grammar`: chat completions.
    Nested,
    /// Beside the type: Responses.
    Flat,
}

/// Reads a `format`; `None` where it is any text. Pushes the paths of what has no word in the neutral
/// form.
pub(crate) fn format<'a>(
    raw: &'a RawValue,
    shape: Shape,
    trail: &Trail,
    untranslated: &mut Vec<Cow<'a, str>>,
) -> Result<Option<Grammar<'a>>, serde_json::Error> {
    let fields = object(raw)?;
    let find = |name: &str| fields.iter().find(|(field, _)| field == name);
    let kind = trail.within(Step::Field("type"), || {
        find("type").map_or(Ok(None), |(_, kind)| string(kind))
    })?;
    let is_grammar = match kind.as_deref() {
        None => return trail.wrong("type", "is required"),
        Some("text") => false,
        Some("grammar") => true,
        Some(_) => {
            untranslated.push(trail.path_to("type").into());
            return Ok(None);
        }
    };
    let nested = is_grammar && shape == Shape::Nested;
    let known: &[&str] = match shape {
        _ if !is_grammar => &["type"],
        Shape::Nested => &["type", "grammar"],
        Shape::Flat => &["type", "syntax", "definition"],
    };
    note(&fields, known, trail, untranslated);
    if !is_grammar {
        return Ok(None);
    }
    if !nested {
        return grammar(&fields, trail).map(Some);
    }
    let Some((_, inner)) = find("grammar") else {
        return trail.wrong("grammar", "is required");
    };
    trail.within(Step::Field("grammar"), || {
        let fields = object(inner)?;
        note(&fields, &["syntax", "definition"], trail, untranslated);
        grammar(&fields, trail).map(Some)
    })
}

fn grammar<'a>(
    fields: &[(Cow<'a, str>, &'a RawValue)],
    trail: &Trail,
) -> Result<Grammar<'a>, serde_json::Error> {
    let text = |name: &'static str| {
        let found = fields.iter().find(|(field, _)| field == name);
        let read = || found.map_or(Ok(None), |(_, text)| string(text));
        match trail.within(Step::Field(name), read)? {
            Some(text) => Ok(text),
            None => trail.wrong(name, "is required"),
        }
    };
    Ok(Grammar {
        syntax: text("syntax")?,
        definition: text("definition")?,
    })
}

fn note<'a>(
    fields: &[(Cow<'a, str>, &'a RawValue)],
    known: &[&str],
    trail: &Trail,
    untranslated: &mut Vec<Cow<'a, str>>,
) {
    for (name, value) in fields {
        if !known.contains(&name.as_ref()) && !says_nothing(value) {
            untranslated.push(trail.path_to(name).into());
        }
    }
}
