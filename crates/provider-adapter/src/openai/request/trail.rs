//! Where in the document the parser is, so that an error can name the place.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;

use serde::de::{Deserialize, DeserializeSeed, Error as _, MapAccess, SeqAccess};
use serde_json::value::RawValue;
use smallvec::SmallVec;

/// One step down into a document.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Field(&'static str),
    Index(usize),
}

/// The way from the top to the value that is being read. It is shortened again only when a value
/// was read well, so that after an error it still leads to the place.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    steps: RefCell<Vec<Step>>,
    cited: Cell<bool>,
    hints: RefCell<SmallVec<[&'static str; 2]>>,
}

impl Trail {
    /// Notes that an answer in the history names its sources, which no other format has a word for.
    pub(crate) fn cite(&self) {
        self.cited.set(true);
    }

    /// Whether an answer on the way names its sources.
    pub(crate) fn has_citations(&self) -> bool {
        self.cited.get()
    }

    /// Notes a field that no other format has a word for and that only nudges, by the name under which
    /// it is lost.
    pub(crate) fn hint(&self, name: &'static str) {
        let mut hints = self.hints.borrow_mut();
        if !hints.contains(&name) {
            hints.push(name);
        }
    }

    /// The names of such fields on the way.
    pub(crate) fn hints(&self) -> SmallVec<[&'static str; 2]> {
        self.hints.borrow().clone()
    }

    /// Reads a value one step down.
    pub(crate) fn within<T, E>(
        &self,
        step: Step,
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.steps.borrow_mut().push(step);
        let value = read()?;
        self.steps.borrow_mut().pop();
        Ok(value)
    }

    /// The value of the map entry whose key was just read.
    pub(crate) fn value<'de, A: MapAccess<'de>, S: DeserializeSeed<'de>>(
        &self,
        name: &'static str,
        map: &mut A,
        seed: S,
    ) -> Result<S::Value, A::Error> {
        self.within(Step::Field(name), || map.next_value_seed(seed))
    }

    /// The value of an entry that may stand there once; `null` is `None`.
    pub(crate) fn once<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
        &self,
        name: &'static str,
        map: &mut A,
        seen: &mut Once,
    ) -> Result<Option<T>, A::Error> {
        self.within(Step::Field(name), || {
            seen.mark(name)?;
            map.next_value()
        })
    }

    /// All elements of a list, at most `limit` of them.
    pub(crate) fn list<'de, A, S, T>(
        &self,
        mut list: A,
        limit: usize,
        seed: impl Fn(usize) -> S,
        mut take: impl FnMut(T),
    ) -> Result<(), A::Error>
    where
        A: SeqAccess<'de>,
        S: DeserializeSeed<'de, Value = T>,
    {
        for index in 0.. {
            if index == limit {
                if list.next_element::<serde::de::IgnoredAny>()?.is_some() {
                    return Err(A::Error::custom(format_args!(
                        "holds more than {limit} entries"
                    )));
                }
                break;
            }
            match self.within(Step::Index(index), || list.next_element_seed(seed(index)))? {
                Some(value) => take(value),
                None => break,
            }
        }
        Ok(())
    }

    /// An error about a field of the current value.
    pub(crate) fn wrong<T, E: serde::de::Error>(
        &self,
        name: &'static str,
        what: &str,
    ) -> Result<T, E> {
        self.within(Step::Field(name), || Err(E::custom(what)))
    }

    /// The current place with one more name behind it: `messages[2].audio`.
    pub(crate) fn path_to(&self, name: &str) -> String {
        let mut path = self.path();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        path
    }

    /// The current place: `messages[2].content[0]`.
    pub(crate) fn path(&self) -> String {
        let mut path = String::new();
        for step in self.steps.borrow().iter() {
            match step {
                Step::Field(name) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                }
                // Writing to a string cannot fail.
                Step::Index(index) => drop(write!(path, "[{index}]")),
            }
        }
        path
    }
}

/// The names that an object had already: JSON leaves open what a repeated name means, and two
/// parsers that disagree about it are a way to smuggle something past one of them.
#[derive(Debug, Default)]
pub(crate) struct Once(SmallVec<[&'static str; 8]>);

impl Once {
    pub(crate) fn mark<E: serde::de::Error>(&mut self, name: &'static str) -> Result<(), E> {
        if self.0.contains(&name) {
            return Err(E::custom("is there twice"));
        }
        self.0.push(name);
        Ok(())
    }
}

/// Whether a value of a field that has no word in the neutral form says nothing: `null`, and lists
/// and objects without entries.
pub(crate) fn says_nothing(value: &RawValue) -> bool {
    let text = value.get();
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .or_else(|| {
            text.strip_prefix('{')
                .and_then(|text| text.strip_suffix('}'))
        });
    text == "null" || inner.is_some_and(|inner| inner.trim().is_empty())
}

/// As [`says_nothing`] for a field of a message. Clients that send an answer back as they got it
/// repeat its texts too, empty ones included; Mistral's SDK says of every message that it is no
/// prefix.
pub(in crate::openai) fn message_field_says_nothing(name: &str, value: &RawValue) -> bool {
    let is_text = matches!(name, "refusal" | "reasoning_content" | "reasoning");
    says_nothing(value)
        || is_text && value.get() == "\"\""
        || name == "prefix" && value.get() == "false"
}
