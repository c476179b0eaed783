use super::{Report, suggest};
use crate::yaml::{Entry, Node, Span, Value};

/// The entries of a mapping, taken one by one by key; what is left is unknown.
pub(crate) struct Fields<'n> {
    entries: &'n [Entry],
    /// Where a missing key is reported: at the name of the thing that lacks it.
    owner: Span,
    /// What the mapping describes, for messages: `provider`.
    what: &'static str,
    /// Whether the node is a mapping at all; if not, that was reported and is enough.
    mapping: bool,
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The fields of a node, which must be a mapping.
    pub(crate) fn of(
        node: &'n Node,
        owner: Span,
        what: &'static str,
        report: &mut Report<'_>,
    ) -> Self {
        let entries = match &node.value {
            Value::Map(entries) => entries.as_slice(),
            _ => {
                let found = node.describe();
                report.error(
                    node.span,
                    format!("expected a mapping for the {what}, found {found}"),
                );
                &[]
            }
        };
        let mapping = matches!(node.value, Value::Map(_));
        Self {
            entries,
            owner,
            what,
            mapping,
            known: Vec::new(),
        }
    }

    /// The value of a key, unless it is absent or empty.
    pub(crate) fn optional(&mut self, key: &'static str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of a key, unless it is absent or empty. [`Fields::finish`] reports an empty one.
    pub(crate) fn entry(&mut self, key: &'static str) -> Option<&'n Entry> {
        self.known.push(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (!matches!(entry.value.value, Value::Null)).then_some(entry)
    }

    /// The value of a key that must be there.
    pub(crate) fn required(
        &mut self,
        key: &'static str,
        report: &mut Report<'_>,
    ) -> Option<&'n Node> {
        let found = self.optional(key);
        let written = self.entries.iter().any(|entry| entry.key == key);
        if !written && self.mapping {
            report.error(self.owner, format!("the {} has no `{key}`", self.what));
        }
        found
    }

    /// Reports every key that nobody asked for, and every key without a value: read as if it were
    /// absent, `key:` would send no key and `keys:` would let everybody in.
    pub(crate) fn finish(self, report: &mut Report<'_>) {
        for entry in self.entries {
            if self.known.contains(&entry.key.as_str()) {
                if matches!(entry.value.value, Value::Null) {
                    report.error_with_help(
                        entry.key_span,
                        format!("`{}` has no value in the {}", entry.key, self.what),
                        "give it one, or leave the line out",
                    );
                }
                continue;
            }
            let message = format!("unknown key `{}` in the {}", entry.key, self.what);
            let help = match suggest(&entry.key, self.known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys: {}", self.known.join(", ")),
            };
            report.error_with_help(entry.key_span, message, help);
        }
    }
}
