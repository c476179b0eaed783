//! JSON Schemas as providers take them: references inlined, and keywords that a provider does not
//! know told to its model in words.
//!
//! A schema comes as the text that the client wrote and leaves as text: numbers and the order of
//! properties, which models write their answers in, stay as they were.
//!
//! What a provider does not know is treated by what it means. Constraints (`minLength`, `not`, ...)
//! are moved into the `description`, where a model reads them, and the caller is told, so that the
//! loss can be declared. Hints (`examples`, `default`, `readOnly`) are moved there too, and nothing of
//! them is lost: they were never more than words to a model. What says nothing to a model or of a
//! value (`$schema`, `$comment`, `x-...`, definitions that nothing refers to) is left out, which is no
//! loss. Recursion cannot be inlined and is refused by the reference's name.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use steelyard_types::JsonSchema;

use crate::{Refusal, carry::refuse, json};

mod references;
mod write;

/// Longest schema that is rewritten, and longest that comes of it, in bytes.
const MAX_BYTES: usize = 512 * 1_024;

/// Most levels of a schema as received, and of what comes of it.
const MAX_DEPTH: usize = 100;

/// Most members and places looked at. References can ask for far more work than they are long.
const MAX_STEPS: usize = 1_000_000;

/// The keywords that a provider knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subset {
    /// Every keyword that it knows; `None` where it knows all of JSON Schema but references.
    pub(crate) keywords: Option<&'static [&'static str]>,
}

impl Subset {
    /// All of JSON Schema but references.
    pub(crate) const ALL: Self = Self { keywords: None };

    fn knows(self, keyword: &str) -> bool {
        self.keywords.is_none_or(|known| known.contains(&keyword))
    }
}

/// A schema as a provider takes it.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) json: Box<RawValue>,
    /// Whether a constraint is only told in words that the provider does not enforce.
    pub(crate) loosened: bool,
}

/// Why a schema cannot be rewritten, as the rest of a sentence that begins with the field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It holds itself, so that references cannot be put in their places.
    Recursion(String),
    /// Anything else.
    Other(String),
}

impl Fault {
    pub(crate) fn refusal(self, field: impl Into<String>) -> Refusal {
        let (Self::Recursion(reason) | Self::Other(reason)) = self;
        refuse(field, reason)
    }

    fn too_large() -> Self {
        Self::Other("is too large with its references resolved".to_owned())
    }

    fn too_deep() -> Self {
        Self::Other(format!("is nested deeper than {MAX_DEPTH} levels"))
    }
}

/// Writes the schema with references inlined and with what the provider does not know in words.
///
/// # Errors
/// Recursion, references to nowhere or to other documents, and schemas that are too large or deep.
pub(crate) fn rewrite(schema: &RawValue, subset: Subset) -> Result<Rewritten, Fault> {
    if schema.get().len() > MAX_BYTES {
        return Err(Fault::too_large());
    }
    let root = Node::read(schema, 0)?;
    if !matches!(root, Node::Object(_)) {
        return Err(Fault::Other("is not a JSON Schema object".to_owned()));
    }
    let (text, loosened) = write::schema(&root, subset)?;
    let json = RawValue::from_string(text)
        .map_err(|error| Fault::Other(format!("cannot be written: {error}")))?;
    Ok(Rewritten { json, loosened })
}

/// The schema with its root in sight: OpenAI wants to see there that the answer is an object, and
/// answers 400 to one that only refers to a definition, as schemas of recursive types do. The
/// definition's members stand beside the root's then; references to it stay as they are.
pub(crate) fn rooted(schema: &RawValue) -> Cow<'_, str> {
    let text = schema.get();
    let rooted = text.contains("\"$ref\"").then(|| root_of(schema));
    rooted.flatten().map_or(Cow::Borrowed(text), Cow::Owned)
}

fn root_of(schema: &RawValue) -> Option<String> {
    const ABOUT: [&str; 4] = ["title", "description", "$comment", "examples"];
    let Fields(root) = serde_json::from_str(schema.get()).ok()?;
    let find = |wanted: &str| root.iter().find(|(name, _)| name == wanted);
    let (_, reference) = find("$ref")?;
    let json::Text(reference) = serde_json::from_str(reference.get()).ok()?;
    let (place, name) = reference.strip_prefix("#/")?.split_once('/')?;
    let (_, named) = find(place).filter(|_| matches!(place, "$defs" | "definitions"))?;
    let Fields(named) = serde_json::from_str(named.get()).ok()?;
    let name = write::unescaped(name);
    let (_, definition) = named.into_iter().find(|(one, _)| *one == name)?;
    let Fields(definition) = serde_json::from_str(definition.get()).ok()?;
    let mut out = json::Object::with_capacity(schema.get().len() * 2);
    for (name, value) in root.iter().filter(|(name, _)| name != "$ref") {
        out.raw(name, value.get());
    }
    for (name, value) in definition {
        match (find(&name), name.as_ref()) {
            // What stands at the root says more of the answer.
            (Some(_), about) if ABOUT.contains(&about) => {}
            // Both would count, and only one can stand there.
            (Some(_), _) | (None, "$id" | "$anchor" | "$ref") => return None,
            (None, name) => out.raw(name, value.get()),
        }
    }
    Some(out.close())
}

/// Refuses references to places that are not in the schema, for ways on which references stay.
///
/// What cannot be looked through, being too long or deep, and anchors are left to the provider.
///
/// # Errors
/// A reference to nowhere.
pub(crate) fn check_references(schema: &RawValue) -> Result<(), Fault> {
    if schema.get().len() > MAX_BYTES || !schema.get().contains("\"$ref\"") {
        return Ok(());
    }
    match Node::read(schema, 0) {
        Ok(root) => references::check(&root),
        Err(_) => Ok(()),
    }
}

/// Tells a model the schema of its answer in words, for providers that promise no more than JSON.
pub(crate) fn instruction(format: &JsonSchema<'_>, schema: &RawValue) -> String {
    let mut words = String::from("Answer with one JSON value and nothing else.");
    if let Some(purpose) = &format.description {
        words.push_str(" What it is: ");
        words.push_str(purpose);
    }
    words.push_str("\nIt must follow this JSON Schema:\n");
    words.push_str(schema.get());
    words
}

/// JSON with numbers and strings as they were written.
#[derive(Debug)]
enum Node<'a> {
    Leaf(&'a str),
    List(Vec<Node<'a>>),
    Object(Vec<Member<'a>>),
}

type Member<'a> = (Cow<'a, str>, Node<'a>);

impl<'a> Node<'a> {
    fn read(raw: &'a RawValue, depth: usize) -> Result<Self, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::too_deep());
        }
        let invalid = |error: serde_json::Error| Fault::Other(format!("cannot be read: {error}"));
        match raw.get().as_bytes().first() {
            Some(b'{') => {
                let mut members: Vec<Member<'a>> = Vec::new();
                let Fields(fields) = serde_json::from_str(raw.get()).map_err(invalid)?;
                for (name, value) in fields {
                    members.push((name, Self::read(value, depth + 1)?));
                }
                Ok(Self::Object(members))
            }
            Some(b'[') => {
                let values: Vec<&'a RawValue> = serde_json::from_str(raw.get()).map_err(invalid)?;
                let read = |value| Self::read(value, depth + 1);
                values
                    .into_iter()
                    .map(read)
                    .collect::<Result<_, _>>()
                    .map(Self::List)
            }
            _ => Ok(Self::Leaf(raw.get())),
        }
    }

    fn string(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Leaf(text) => serde_json::from_str::<json::Text<'a>>(text)
                .ok()
                .map(|text| text.0),
            _ => None,
        }
    }
}

/// The fields of an object in their order. One that is there twice would mean what its reader
/// likes.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                let mut seen = HashSet::new();
                while let Some((name, value)) =
                    map.next_entry::<json::Text<'de>, &'de RawValue>()?
                {
                    if !seen.insert(name.0.clone()) {
                        return Err(A::Error::custom("a field is there twice"));
                    }
                    fields.push((name.0, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// What stands at a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// A schema, or a list of them.
    Schema,
    /// Schemas by name.
    Named,
    /// Values, which are no schemas even where they look like ones.
    Data,
}

fn holds(keyword: &str) -> Holds {
    match keyword {
        "items"
        | "additionalItems"
        | "prefixItems"
        | "additionalProperties"
        | "propertyNames"
        | "unevaluatedItems"
        | "unevaluatedProperties"
        | "contains"
        | "not"
        | "if"
        | "then"
        | "else"
        | "anyOf"
        | "oneOf"
        | "allOf"
        | "contentSchema" => Holds::Schema,
        "properties" | "patternProperties" | "dependentSchemas" => Holds::Named,
        _ => Holds::Data,
    }
}

/// Whether the keyword of draft 4 to 2020-12 constrains what it is said of. All others only say
/// something about it; unknown ones are annotations by JSON Schema's own rule.
fn constrains(keyword: &str) -> bool {
    const VALUES: [&str; 22] = [
        "type",
        "enum",
        "const",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minContains",
        "maxContains",
        "minProperties",
        "maxProperties",
        "required",
        "dependentRequired",
        "dependencies",
        "format",
    ];
    holds(keyword) != Holds::Data || VALUES.contains(&keyword)
}

/// Whether the keyword says nothing to a model or of a value: what the schema is called and where it
/// lies, notes of those who keep it, and words of other tools.
pub(crate) fn is_silent(keyword: &str) -> bool {
    const SILENT: [&str; 8] = [
        "$schema",
        "$id",
        "id",
        "$anchor",
        "$dynamicAnchor",
        "$vocabulary",
        "$comment",
        // OpenAPI's, for who reads the answer: which of the choices it is stands in them too.
        "discriminator",
    ];
    SILENT.contains(&keyword) || keyword.starts_with("x-")
}

#[cfg(test)]
mod tests;
