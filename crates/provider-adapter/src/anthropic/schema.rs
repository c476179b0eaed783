//! JSON Schemas in the part of the language that Anthropic decodes under.
//!
//! Objects must be closed (`additionalProperties: false`), and bounds on numbers, texts and lists
//! are refused: what cannot be enforced is told in the `description` instead, and so are hints that
//! have no place of their own (`examples`), of which nothing is lost. References within the schema stay
//! unless they recur. See
//! <https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations>.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::value::RawValue;

use crate::json::{Object, push_text};
use crate::openai::request::{Fields, RawFields, string};
use crate::schema;

/// A schema that Anthropic accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rewritten {
    /// As JSON text.
    pub(super) schema: String,
    /// Whether some of what it demanded is only told and no longer enforced.
    pub(super) loosened: bool,
}

/// What the schema says cannot be said in Anthropic's part of the language: an object of any
/// members, recursion, a reference elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inexpressible;

/// Formats of strings that Anthropic enforces.
const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// Words that say something to who writes the value and nothing about what is valid.
const HINTS: [&str; 7] = [
    "examples",
    "example",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentEncoding",
    "contentMediaType",
];

/// Rewrites a schema. `purpose` is told in front of its own description.
pub(super) fn rewrite(
    schema: &RawValue,
    purpose: Option<&str>,
) -> Result<Rewritten, Inexpressible> {
    let root = read(schema)?;
    let mut writer = Writer {
        definitions: HashMap::new(),
        loosened: false,
    };
    for word in DEFINITIONS {
        for (name, definition) in find(&root, word).map_or(Ok(Vec::new()), read)? {
            let pointer = format!("#/{word}/{name}");
            let definition = Definition {
                schema: definition,
                followed: Followed::Never,
            };
            writer.definitions.insert(pointer, definition);
        }
    }
    writer.check_references(&root, 0)?;
    let schema = writer.node(&root, purpose)?;
    Ok(Rewritten {
        schema,
        loosened: writer.loosened,
    })
}

const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];

struct Writer<'a> {
    /// Definitions by the pointer that refers to them.
    definitions: HashMap<String, Definition<'a>>,
    loosened: bool,
}

struct Definition<'a> {
    schema: &'a RawValue,
    followed: Followed,
}

/// Whether the references in a definition were followed. Each is followed once: a few definitions
/// that refer to each other several times have more ways through them than could ever be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Followed {
    Never,
    /// They are just being followed: whoever comes back here recurs.
    Now,
    Once,
}

impl<'a> Writer<'a> {
    /// Refuses references that lead nowhere, or back to where they stand. `depth` counts the
    /// definitions that are being followed.
    fn check_references(
        &mut self,
        fields: &RawFields<'a>,
        depth: usize,
    ) -> Result<(), Inexpressible> {
        for (name, value) in fields {
            match value.get().as_bytes().first() {
                // Data, not schemas.
                _ if matches!(name.as_ref(), "enum" | "const" | "default" | "examples") => {}
                _ if DEFINITIONS.contains(&name.as_ref()) => {}
                Some(b'"') if name == "$ref" => self.follow(value, depth)?,
                Some(b'{') => self.check_references(&read(value)?, depth)?,
                Some(b'[') => {
                    for item in list(value)? {
                        if item.get().starts_with('{') {
                            self.check_references(&read(item)?, depth)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn follow(&mut self, reference: &RawValue, depth: usize) -> Result<(), Inexpressible> {
        /// Most definitions within each other, which bounds the stack.
        const MOST: usize = 16;
        let pointer = text(reference)?;
        let definition = self.definitions.get_mut(&pointer).ok_or(Inexpressible)?;
        match definition.followed {
            Followed::Once => return Ok(()),
            Followed::Now => return Err(Inexpressible),
            Followed::Never if depth == MOST => return Err(Inexpressible),
            Followed::Never => definition.followed = Followed::Now,
        }
        let fields = read(definition.schema)?;
        self.check_references(&fields, depth + 1)?;
        if let Some(definition) = self.definitions.get_mut(&pointer) {
            definition.followed = Followed::Once;
        }
        Ok(())
    }

    fn is_followed(&self, pointer: &str) -> bool {
        let definition = self.definitions.get(pointer);
        definition.is_some_and(|one| one.followed == Followed::Once)
    }

    /// One schema.
    fn node(
        &mut self,
        fields: &RawFields<'_>,
        purpose: Option<&str>,
    ) -> Result<String, Inexpressible> {
        let mut out = Object::with_capacity(256);
        let mut told = Told::default();
        told.say(purpose.unwrap_or_default());
        for (name, value) in fields {
            self.word(name, value, &mut out, &mut told)?;
        }
        let is = |kind: &str| find(fields, "type").is_some_and(|raw| names_type(raw, kind));
        if is("object") || find(fields, "properties").is_some() {
            self.close_object(fields, &mut out)?;
        }
        let has = |name: &str| find(fields, name).is_some();
        let judged = [
            "type",
            "properties",
            "$ref",
            "anyOf",
            "oneOf",
            "allOf",
            "enum",
            "const",
        ];
        if !judged.into_iter().any(has) {
            // Anything at all.
            return Err(Inexpressible);
        }
        self.loosened |= !told.bounds.is_empty();
        if let Some(words) = told.close() {
            out.text("description", &words);
        }
        Ok(out.close())
    }

    fn word(
        &mut self,
        name: &str,
        value: &RawValue,
        out: &mut Object,
        told: &mut Told,
    ) -> Result<(), Inexpressible> {
        match name {
            "description" => told.say(&text(value)?),
            // Anthropic takes nothing beside a reference, but a choice of one may have a
            // description.
            "$ref" => {
                let mut only = Object::with_capacity(64);
                only.raw("$ref", value.get());
                out.raw("anyOf", &format!("[{}]", only.close()));
            }
            "properties" => {
                let mut members = Object::with_capacity(256);
                for (name, schema) in read(value)? {
                    members.raw(&name, &self.node(&read(schema)?, None)?);
                }
                out.raw(name, &members.close());
            }
            word if DEFINITIONS.contains(&word) => {
                let mut members = Object::with_capacity(256);
                for (name, schema) in read(value)? {
                    // Nobody has looked whether those recur that nothing refers to.
                    if self.is_followed(&format!("#/{word}/{name}")) {
                        members.raw(&name, &self.node(&read(schema)?, None)?);
                    }
                }
                let members = members.close();
                if members != "{}" {
                    out.raw(word, &members);
                }
            }
            "items" => out.raw(name, &self.node(&read(value)?, None)?),
            "anyOf" => out.raw(name, &self.choices(value)?),
            // That only one may fit cannot be said.
            "oneOf" => {
                self.loosened = true;
                out.raw("anyOf", &self.choices(value)?);
            }
            "allOf" => {
                let choices = self.choices(value)?;
                let single = list(value)?.len() == 1;
                if !single && choices.contains("\"$ref\"") {
                    return Err(Inexpressible);
                }
                out.raw(if single { "anyOf" } else { "allOf" }, &choices);
            }
            "enum" if list(value)?.iter().all(|item| is_plain(item)) => out.raw(name, value.get()),
            "const" if is_plain(value) => out.raw(name, value.get()),
            "enum" | "const" | "prefixItems" | "patternProperties" => return Err(Inexpressible),
            "type" | "required" | "default" => out.raw(name, value.get()),
            // Written where the object is closed.
            "additionalProperties" => {}
            "minItems" if matches!(value.get(), "0" | "1") => out.raw(name, value.get()),
            "format" if text(value).is_ok_and(|format| FORMATS.contains(&format.as_str())) => {
                out.raw(name, value.get());
            }
            // Anthropic's own libraries leave it where it is.
            "title" if value.get().starts_with('"') => out.raw(name, value.get()),
            "title" => {}
            name if schema::is_silent(name) => {}
            name if HINTS.contains(&name) => told.hint(name, value.get()),
            name => told.bound(name, value.get()),
        }
        Ok(())
    }

    fn choices(&mut self, value: &RawValue) -> Result<String, Inexpressible> {
        let mut all = String::from("[");
        for choice in list(value)? {
            if all.len() > 1 {
                all.push(',');
            }
            all.push_str(&self.node(&read(choice)?, None)?);
        }
        all.push(']');
        Ok(all)
    }

    /// Closes an object. One that names no members, or takes others of a kind of their own, would
    /// be an empty one.
    fn close_object(
        &mut self,
        fields: &RawFields<'_>,
        out: &mut Object,
    ) -> Result<(), Inexpressible> {
        let more = find(fields, "additionalProperties").map(RawValue::get);
        let empty = match find(fields, "properties") {
            Some(properties) => read(properties)?.is_empty(),
            None => true,
        };
        match more {
            Some("false") => {}
            None if !empty => {}
            Some("true") if !empty => self.loosened = true,
            _ => return Err(Inexpressible),
        }
        out.raw("additionalProperties", "false");
        Ok(())
    }
}

/// What a description says: words, and behind them hints and what cannot be enforced.
#[derive(Default)]
struct Told {
    words: String,
    hints: String,
    bounds: String,
}

impl Told {
    fn say(&mut self, words: &str) {
        if !self.words.is_empty() && !words.is_empty() {
            self.words.push('\n');
        }
        self.words.push_str(words);
    }

    fn bound(&mut self, name: &str, value: &str) {
        append(&mut self.bounds, name, value);
    }

    fn hint(&mut self, name: &str, value: &str) {
        append(&mut self.hints, name, value);
    }

    fn close(mut self) -> Option<String> {
        let hints = std::mem::take(&mut self.hints);
        self.say(&hints);
        let bounds = std::mem::take(&mut self.bounds);
        self.say(&bounds);
        (!self.words.is_empty()).then_some(self.words)
    }
}

fn append(list: &mut String, name: &str, value: &str) {
    let separator = if list.is_empty() { "" } else { ", " };
    // Writing to a string cannot fail.
    let _ = write!(list, "{separator}{name}: {value}");
}

fn read(schema: &RawValue) -> Result<RawFields<'_>, Inexpressible> {
    serde_json::from_str(schema.get())
        .map(|Fields(fields)| fields)
        .map_err(|_| Inexpressible)
}

fn list(value: &RawValue) -> Result<Vec<&RawValue>, Inexpressible> {
    serde_json::from_str(value.get()).map_err(|_| Inexpressible)
}

fn text(value: &RawValue) -> Result<String, Inexpressible> {
    match string(value) {
        Ok(Some(text)) => Ok(text.into_owned()),
        _ => Err(Inexpressible),
    }
}

fn find<'a>(fields: &RawFields<'a>, name: &str) -> Option<&'a RawValue> {
    let found = fields.iter().find(|(field, _)| field == name);
    found.map(|(_, value)| *value)
}

/// Whether a `type`, one word or several, names this one.
fn names_type(kind: &RawValue, wanted: &str) -> bool {
    let mut quoted = String::new();
    push_text(&mut quoted, wanted);
    match list(kind) {
        Ok(kinds) => kinds.iter().any(|kind| kind.get() == quoted),
        Err(Inexpressible) => kind.get() == quoted,
    }
}

fn is_plain(value: &RawValue) -> bool {
    !value.get().starts_with(['{', '['])
}

#[cfg(test)]
mod tests;
