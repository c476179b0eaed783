use std::collections::HashMap;

use crate::decode::{Report, name, suggest, text};
use crate::yaml::{Entry, Node, Span, Value};

/// Most entries of one section.
const MAX_ENTRIES: usize = 1_000;

/// The named entries of one section, in the order of the file. Their places are the ids.
pub(super) struct Names<'n> {
    /// What they are: `model`.
    what: &'static str,
    entries: Vec<&'n Entry>,
    places: HashMap<&'n str, u16>,
}

impl<'n> Names<'n> {
    pub(super) fn of(node: Option<&'n Node>, what: &'static str, report: &mut Report<'_>) -> Self {
        let mut names = Self {
            what,
            entries: Vec::new(),
            places: HashMap::new(),
        };
        let Some(node) = node else {
            return names;
        };
        let Value::Map(entries) = &node.value else {
            let found = node.describe();
            let message = format!("expected a mapping from {what} names, found {found}");
            report.error(node.span, message);
            return names;
        };
        if entries.len() > MAX_ENTRIES {
            report.error(node.span, format!("more than {MAX_ENTRIES} {what}s"));
        }
        for entry in entries.iter().take(MAX_ENTRIES) {
            if let Err(reason) = name(&entry.key) {
                report.error(entry.key_span, format!("not a {what} name: {reason}"));
            }
            let place = u16::try_from(names.entries.len()).unwrap_or(u16::MAX);
            names.places.insert(&entry.key, place);
            names.entries.push(entry);
        }
        names
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &'n Entry> {
        self.entries.iter().copied()
    }

    pub(super) fn place(&self, name: &str) -> Option<u16> {
        self.places.get(name).copied()
    }

    /// The place of the entry that a node names; an unknown name is reported with the nearest.
    pub(super) fn refer(&self, node: &Node, report: &mut Report<'_>) -> Option<u16> {
        self.refer_to(text(node, report)?, node.span, report)
    }

    /// The same by a name that is read already.
    pub(super) fn refer_to(&self, name: &str, at: Span, report: &mut Report<'_>) -> Option<u16> {
        let place = self.place(name);
        if place.is_none() {
            let known = || self.entries.iter().map(|entry| entry.key.as_str());
            let near = if report.is_full() {
                None
            } else {
                suggest(name, known())
            };
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None if self.entries.is_empty() => format!("there are no {}s", self.what),
                None => {
                    let some: Vec<_> = known().take(12).collect();
                    let more = if self.entries.len() > some.len() {
                        ", ..."
                    } else {
                        ""
                    };
                    format!("known {}s: {}{more}", self.what, some.join(", "))
                }
            };
            report.error_with_help(at, format!("unknown {} `{name}`", self.what), help);
        }
        place
    }
}
