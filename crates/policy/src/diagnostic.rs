use std::fmt;

/// Everything that was found wrong, errors and warnings, in the order of the files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnostics {
    /// The findings.
    pub items: Vec<Diagnostic>,
}

/// One finding, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it prevents loading.
    pub severity: Severity,
    /// The file, as named to the loader.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong, in lower case, without a full stop.
    pub message: String,
    /// The line itself, cut to a bound.
    pub source_line: String,
    /// How many characters from `column` on are meant; at least 1.
    pub span_len: u32,
    /// What to do about it.
    pub help: Option<String>,
}

/// Whether a finding prevents loading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not.
    Warning,
}

impl Diagnostics {
    /// How many errors there are.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// How many warnings there are.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    fn count(&self, severity: Severity) -> usize {
        self.items
            .iter()
            .filter(|item| item.severity == severity)
            .count()
    }
}

impl fmt::Display for Diagnostics {
    /// All of them with a blank line between, then a count.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for item in &self.items {
            writeln!(formatter, "{item}\n")?;
        }
        let counted = |count: usize, noun: &str| match count {
            1 => format!("1 {noun}"),
            _ => format!("{count} {noun}s"),
        };
        let (errors, warnings) = (self.errors(), self.warnings());
        match (errors, warnings) {
            (_, 0) => formatter.write_str(&counted(errors, "error")),
            (0, _) => formatter.write_str(&counted(warnings, "warning")),
            _ => {
                write!(
                    formatter,
                    "{}, {}",
                    counted(errors, "error"),
                    counted(warnings, "warning")
                )
            }
        }
    }
}

impl fmt::Display for Diagnostic {
    /// ```text
    /// error: config/steelyard.yaml:12:5: unknown key `modles`
    ///    |
    /// 12 |     modles: []
    ///    |     ^^^^^^
    ///    = help: did you mean `models`?
    /// ```
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let Self {
            file,
            line,
            column,
            message,
            ..
        } = self;
        writeln!(formatter, "{severity}: {file}:{line}:{column}: {message}")?;
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let before: String = self
            .source_line
            .chars()
            .take(column.saturating_sub(1) as usize)
            .map(blank)
            .collect();
        let meant = self
            .source_line
            .chars()
            .skip(column.saturating_sub(1) as usize);
        let columns: usize = meant
            .take(self.span_len.min(120) as usize)
            .map(|character| blank(character).len())
            .sum();
        let carets = "^".repeat(columns.max(1));
        writeln!(formatter, "{margin} |")?;
        writeln!(formatter, "{number} | {}", self.source_line)?;
        write!(formatter, "{margin} | {before}{carets}")?;
        if let Some(help) = &self.help {
            write!(formatter, "\n{margin} = help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// As much blank space as a terminal gives a character, so that carets stand under what they mean:
/// a tab stays one, East Asian wide characters and emoji take two columns.
fn blank(character: char) -> &'static str {
    match character {
        '\t' => "\t",
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => "  ",
        _ => " ",
    }
}
