//! The price book.

use std::collections::HashMap;
use std::sync::Arc;

use steelyard_types::{
    DailyWindow, PricePerMtok, PriceRow, PriceTable, PriceTableError, Rates, ReasoningBilling,
    ReasoningRate, ServiceTier, UnixMillis, Weekdays,
};

use crate::Region;
use crate::decode::{Fields, Report, amount, choice, date, integer, list, name, text};
use crate::yaml::{Entry, Node, Span, Value};

/// Most entries of a price book.
const MAX_ENTRIES: usize = 5_000;
/// Most stretches of hours of one row.
const MAX_HOURS: usize = 24;

/// All prices that models can refer to, by name.
pub(crate) struct PriceBook {
    entries: HashMap<String, PriceEntry>,
}

/// What one model costs.
pub(crate) struct PriceEntry {
    pub(crate) table: Arc<PriceTable>,
    /// The region it holds in; `None` is everywhere.
    pub(crate) region: Option<Region>,
    /// First moment at which the model is no longer served.
    pub(crate) ends: Option<UnixMillis>,
}

impl PriceBook {
    pub(crate) fn decode(root: &Node, report: &mut Report<'_>) -> Self {
        let mut fields = Fields::of(root, root.span, "price book", report);
        fields
            .optional("retrieved")
            .and_then(|node| date(node, report));
        let mut entries = HashMap::new();
        if let Some(node) = fields.required("prices", report) {
            match &node.value {
                Value::Map(prices) => {
                    if prices.len() > MAX_ENTRIES {
                        report.error(node.span, format!("more than {MAX_ENTRIES} prices"));
                    }
                    for entry in prices.iter().take(MAX_ENTRIES) {
                        if let Err(reason) = name(&entry.key) {
                            report.error(entry.key_span, reason);
                        }
                        entries.insert(entry.key.clone(), PriceEntry::decode(entry, report));
                    }
                }
                _ => {
                    let found = node.describe();
                    report.error(
                        node.span,
                        format!("expected a mapping of prices, found {found}"),
                    );
                }
            }
        }
        fields.finish(report);
        Self { entries }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&PriceEntry> {
        self.entries.get(name)
    }

    /// Names in alphabetical order, so that messages do not depend on hashing.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.entries.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }
}

impl PriceEntry {
    fn decode(entry: &Entry, report: &mut Report<'_>) -> Self {
        let mut fields = Fields::of(&entry.value, entry.key_span, "price", report);
        fields
            .optional("source")
            .and_then(|node| text(node, report));
        fields
            .optional("confidence")
            .and_then(|node| choice(node, &[("normal", ()), ("low", ())], report));
        let region = fields
            .optional("region")
            .and_then(|node| choice(node, &REGIONS, report));
        let ends = fields.optional("ends").and_then(|node| date(node, report));
        let billing = fields
            .optional("reasoning_billing")
            .and_then(|node| choice(node, &BILLINGS, report))
            .unwrap_or_default();
        let mut spans = Vec::new();
        let mut rows = Vec::new();
        if let Some(node) = fields.required("rates", report) {
            rows = list(node, report, |row, report| {
                spans.push(row.span);
                Some(decode_row(row, billing, report))
            });
            if rows.len() > PriceTable::MAX_ROWS {
                report.error(
                    node.span,
                    format!("more than {} rows", PriceTable::MAX_ROWS),
                );
            } else if rows.is_empty() && matches!(node.value, Value::List(_)) {
                report.error(node.span, "a price needs at least one row of rates");
            }
        }
        fields.finish(report);
        let table = PriceTable::new(rows).unwrap_or_else(|error| {
            let (row, help) = match error {
                PriceTableError::NeverValid { row } => (row, String::from("swap the dates")),
                PriceTableError::Overlap { first, second } => {
                    let line = spans.get(first).map_or(0, |span| span.line);
                    (
                        second,
                        format!("the other is on line {line}: their dates or hours overlap"),
                    )
                }
            };
            let span = spans.get(row).copied().unwrap_or(entry.key_span);
            report.error_with_help(span, error.to_string(), help);
            PriceTable::default()
        });
        Self {
            table: Arc::new(table),
            region,
            ends,
        }
    }
}

/// The regions by name.
pub(crate) const REGIONS: [(&str, Region); 3] = [
    ("cn", Region::Cn),
    ("intl", Region::Intl),
    ("us", Region::Us),
];

const BILLINGS: [(&str, ReasoningBilling); 2] = [
    ("reasoning_tokens", ReasoningBilling::ReasoningTokens),
    ("whole_answer", ReasoningBilling::WholeAnswer),
];

const SERVICES: [(&str, ServiceTier); 5] = [
    ("standard", ServiceTier::Standard),
    ("batch", ServiceTier::Batch),
    ("flex", ServiceTier::Flex),
    ("priority", ServiceTier::Priority),
    ("ultrafast", ServiceTier::Ultrafast),
];

fn decode_row(node: &Node, billing: ReasoningBilling, report: &mut Report<'_>) -> PriceRow {
    let mut fields = Fields::of(node, node.span, "row of rates", report);
    let service = fields
        .optional("service")
        .and_then(|node| choice(node, &SERVICES, report));
    let above = fields
        .optional("input_tokens_above")
        .and_then(|node| integer(node, 0..=1_000_000_000, report));
    let from = fields.optional("from").and_then(|node| date(node, report));
    let until = fields.optional("until").and_then(|node| date(node, report));
    let windows = decode_windows(&mut fields, node.span, report);
    let rates = decode_rates(&mut fields, billing, report);
    fields.finish(report);
    PriceRow {
        service: service.unwrap_or_default(),
        input_tokens_above: above.unwrap_or_default(),
        from,
        until,
        windows,
        rates,
    }
}

fn decode_rates(
    fields: &mut Fields<'_>,
    billing: ReasoningBilling,
    report: &mut Report<'_>,
) -> Rates {
    let input = fields
        .required("input", report)
        .and_then(|node| amount(node, report));
    let output = fields
        .required("output", report)
        .and_then(|node| amount(node, report));
    let mut rate = |key| -> Option<PricePerMtok> {
        fields.optional(key).and_then(|node| amount(node, report))
    };
    let rates = Rates {
        input: input.unwrap_or_default(),
        output: output.unwrap_or_default(),
        cache_read: rate("cache_read"),
        cache_read_explicit: rate("cache_read_explicit"),
        cache_write: rate("cache_write"),
        cache_write_1h: rate("cache_write_1h"),
        cache_write_12h: rate("cache_write_12h"),
        output_reasoning: rate("output_reasoning").map(|price| ReasoningRate { price, billing }),
    };
    // Facts of the vendors' lists that nothing meters yet: checked, so that they are right the day
    // something does.
    for key in ["input_audio", "cache_read_audio", "output_audio"] {
        rate(key);
    }
    rates
}

/// `hours_utc` and `weekdays`; either alone means every day, or the whole of these days.
fn decode_windows(
    fields: &mut Fields<'_>,
    owner: Span,
    report: &mut Report<'_>,
) -> Vec<DailyWindow> {
    let days = fields.optional("weekdays").map(|node| {
        let days = list(node, report, |day, report| integer(day, 1..=7, report));
        days.into_iter()
            .filter_map(|day| u8::try_from(day).ok())
            .fold(Weekdays::NONE, |set, day| set.with(day).unwrap_or(set))
    });
    let hours = fields.optional("hours_utc").map(|node| {
        list(node, report, |range, report| {
            let parsed = text(range, report).and_then(parse_hours);
            if parsed.is_none() {
                report.error_with_help(
                    range.span,
                    "expected hours such as \"01:00-04:00\"",
                    "the first is before the second; midnight at the end is 24:00, and a stretch \
                     over midnight is written as two",
                );
            }
            parsed
        })
    });
    if hours.as_ref().is_some_and(|hours| hours.len() > MAX_HOURS) {
        report.error(owner, format!("more than {MAX_HOURS} stretches of hours"));
        return Vec::new();
    }
    if days.is_none() && hours.is_none() {
        return Vec::new();
    }
    let days = days.unwrap_or(Weekdays::ALL);
    hours
        .unwrap_or_else(|| vec![(0, 24 * 60)])
        .into_iter()
        .filter_map(|(from, until)| DailyWindow::new(days, from, until))
        .collect()
}

fn parse_hours(text: &str) -> Option<(u16, u16)> {
    let (from, until) = text.split_once('-')?;
    let (from, until) = (parse_minute(from)?, parse_minute(until)?);
    (from < until).then_some((from, until))
}

fn parse_minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= 24 * 60).then_some(total)
}
