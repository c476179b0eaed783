use crate::yaml::Span;
use crate::{Diagnostic, Severity};

/// Most findings kept of one file.
const MAX_FINDINGS: usize = 100;
/// Most characters shown of a line.
const MAX_LINE_CHARS: usize = 200;
/// Beginnings of keys of the vendors; whatever follows is never shown.
const SECRET_PREFIXES: [&str; 5] = ["sk-", "AIza", "AQ.", "Bearer ", "ghp_"];

/// Collects findings in one file.
pub(crate) struct Report<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    items: Vec<Diagnostic>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        Self {
            file,
            lines: text.lines().collect(),
            items: Vec::new(),
        }
    }

    pub(crate) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.push(Severity::Error, span, message.into(), None);
    }

    pub(crate) fn error_with_help(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Severity::Error, span, message.into(), Some(help.into()));
    }

    /// An error whose value must not be shown.
    pub(crate) fn secret(&mut self, span: Span, message: &str, help: impl Into<String>) {
        self.push(Severity::Error, span, message.to_owned(), Some(help.into()));
        if let Some(item) = self.items.last_mut() {
            let start = span.column.saturating_sub(1) as usize;
            item.source_line = item
                .source_line
                .chars()
                .take(start)
                .chain("***".chars())
                .collect();
            item.span_len = 3;
        }
    }

    pub(crate) fn warning(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Severity::Warning, span, message.into(), Some(help.into()));
    }

    /// Whether nothing more will be kept: looking for suggestions is then a waste.
    pub(crate) fn is_full(&self) -> bool {
        self.items.len() >= MAX_FINDINGS
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.items
            .iter()
            .any(|item| item.severity == Severity::Error)
    }

    /// The findings in the order of the file.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.items.sort_by_key(|item| (item.line, item.column));
        self.items
    }

    fn push(&mut self, severity: Severity, span: Span, message: String, help: Option<String>) {
        if self.is_full() {
            // Errors are never crowded out by warnings: a policy with one must not load.
            let replaceable = self
                .items
                .iter()
                .rposition(|item| item.severity == Severity::Warning);
            match (severity, replaceable) {
                (Severity::Error, Some(index)) => drop(self.items.remove(index)),
                _ => return,
            }
        }
        let line = self
            .lines
            .get((span.line as usize).saturating_sub(1))
            .copied()
            .unwrap_or("");
        let source_line: String = line.chars().take(MAX_LINE_CHARS).map(printable).collect();
        self.items.push(Diagnostic {
            severity,
            file: self.file.to_owned(),
            line: span.line.max(1),
            column: span.column.max(1),
            message: message.chars().take(1_000).map(printable).collect(),
            source_line: mask_secrets(source_line),
            span_len: span.len.max(1),
            help,
        });
    }
}

/// A terminal must not be steered by a file that is shown in it.
fn printable(character: char) -> char {
    if character.is_control() && character != '\t' {
        '\u{fffd}'
    } else {
        character
    }
}

/// Replaces what looks like a vendor's key, whatever the line was reported for.
fn mask_secrets(line: String) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut rest = line.as_str();
    while let Some((start, end)) = first_secret(rest) {
        masked.push_str(&rest[..start]);
        masked.push_str("***");
        rest = &rest[end..];
    }
    masked + rest
}

/// The bytes behind the first prefix that so much follows that it must be a key.
fn first_secret(text: &str) -> Option<(usize, usize)> {
    let of_prefix = |prefix: &&str| {
        text.match_indices(*prefix).find_map(|(at, _)| {
            let start = at + prefix.len();
            let tail = &text[start..];
            let end = tail.find(|c: char| c.is_whitespace() || "\"',}]#".contains(c));
            let length = end.unwrap_or(tail.len());
            (length >= 12).then_some((start, start + length))
        })
    };
    SECRET_PREFIXES.iter().filter_map(of_prefix).min()
}

/// The nearest of the known names, if any is near enough to be a slip of the pen.
pub(crate) fn suggest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // Distances cost length times length; nobody mistypes a name this long.
    if name.len() > 128 {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}
