/// A place in a text, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Span {
    /// From 1.
    pub(crate) line: u32,
    /// From 1.
    pub(crate) column: u32,
    /// Length on that line, at least 1.
    pub(crate) len: u32,
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Text as written. Numbers stay text, so that amounts never become floats.
    Scalar {
        text: String,
        /// Whether it was written without quotes, so that it may be a number or a boolean.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the text, without duplicate keys.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    /// What it is, for messages.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar { plain: false, .. } => "a quoted text",
            Value::Scalar { text, .. } if text == "true" || text == "false" => "a boolean",
            Value::Scalar { text, .. } if is_number(text) => "a number",
            Value::Scalar { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// Nodes and levels of it, itself included.
    pub(crate) fn measure(&self) -> (usize, usize) {
        let children: Box<dyn Iterator<Item = &Self>> = match &self.value {
            Value::Null | Value::Scalar { .. } => return (1, 1),
            Value::List(items) => Box::new(items.iter()),
            Value::Map(entries) => Box::new(entries.iter().map(|entry| &entry.value)),
        };
        let (nodes, depth) = children
            .map(Self::measure)
            .fold((0, 0), |sum: (usize, usize), one| {
                (sum.0.saturating_add(one.0), sum.1.max(one.1))
            });
        (nodes + 1, depth + 1)
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|first: char| first.is_ascii_digit())
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'_')
}
