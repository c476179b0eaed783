use std::ops::RangeInclusive;
use std::str::FromStr;

use steelyard_types::{AmountError, UnixMillis};

use super::{Report, suggest};
use crate::yaml::{Node, Value};

/// Most characters of a name.
const MAX_NAME_CHARS: usize = 128;
/// One day; no duration of a policy is longer.
const MAX_DURATION_MS: u64 = 86_400_000;

/// Text, quoted or not, with something in it.
pub(crate) fn text<'n>(node: &'n Node, report: &mut Report<'_>) -> Option<&'n str> {
    match &node.value {
        Value::Scalar { text, .. } if text.is_empty() => {
            report.error(node.span, "expected a text, found an empty one");
            None
        }
        Value::Scalar { text, .. } => Some(text),
        _ => {
            report.error(
                node.span,
                format!("expected a text, found {}", node.describe()),
            );
            None
        }
    }
}

/// `true` or `false`, unquoted.
pub(crate) fn boolean(node: &Node, report: &mut Report<'_>) -> Option<bool> {
    match &node.value {
        Value::Scalar { text, plain: true } if text == "true" => Some(true),
        Value::Scalar { text, plain: true } if text == "false" => Some(false),
        _ => {
            let message = format!("expected true or false, found {}", node.describe());
            report.error(node.span, message);
            None
        }
    }
}

/// A whole number within bounds; `_` may group digits.
pub(crate) fn integer(
    node: &Node,
    bounds: RangeInclusive<u64>,
    report: &mut Report<'_>,
) -> Option<u64> {
    let digits = match &node.value {
        Value::Scalar { text, plain: true } if is_grouped(text) => text.replace('_', ""),
        _ => {
            report.error(
                node.span,
                format!("expected a whole number, found {}", node.describe()),
            );
            return None;
        }
    };
    let number = digits.parse().ok().filter(|number| bounds.contains(number));
    if number.is_none() {
        let (least, most) = (bounds.start(), bounds.end());
        report.error(
            node.span,
            format!("expected a whole number from {least} to {most}"),
        );
    }
    number
}

fn is_grouped(text: &str) -> bool {
    text.split('_')
        .all(|group| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit()))
}

/// Milliseconds, from one to a day.
pub(crate) fn duration_ms(node: &Node, report: &mut Report<'_>) -> Option<u64> {
    integer(node, 1..=MAX_DURATION_MS, report)
}

/// A number from 0 to `most`.
pub(crate) fn fraction(node: &Node, most: f32, report: &mut Report<'_>) -> Option<f32> {
    number(node, 0.0..=most, report)
}

/// A number within bounds.
pub(crate) fn number(
    node: &Node,
    bounds: RangeInclusive<f32>,
    report: &mut Report<'_>,
) -> Option<f32> {
    let (least, most) = (bounds.start(), bounds.end());
    let number = match &node.value {
        Value::Scalar { text, plain: true }
            if text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b".-+".contains(&byte)) =>
        {
            text.parse::<f32>().ok()
        }
        _ => None,
    };
    match number {
        Some(number) if bounds.contains(&number) => return Some(number),
        Some(_) => report.error(
            node.span,
            format!("expected a number from {least} to {most}"),
        ),
        None => {
            let message = format!(
                "expected a number from {least} to {most}, found {}",
                node.describe()
            );
            report.error(node.span, message);
        }
    }
    None
}

/// An exact decimal amount of dollars.
pub(crate) fn amount<T: FromStr<Err = AmountError>>(
    node: &Node,
    report: &mut Report<'_>,
) -> Option<T> {
    let parsed = match &node.value {
        Value::Scalar { text, .. } => text.parse().map_err(|error: AmountError| error.to_string()),
        _ => Err(format!(
            "expected a decimal amount such as 0.15, found {}",
            node.describe()
        )),
    };
    parsed
        .map_err(|message| report.error(node.span, message))
        .ok()
}

/// One of a closed set of words.
pub(crate) fn choice<T: Copy>(
    node: &Node,
    choices: &[(&'static str, T)],
    report: &mut Report<'_>,
) -> Option<T> {
    let word = text(node, report)?;
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == word) {
        return Some(*value);
    }
    let names = || choices.iter().map(|(name, _)| *name);
    let all = names().collect::<Vec<_>>().join(", ");
    let help = match suggest(word, names()) {
        Some(near) => format!("did you mean `{near}`? possible are: {all}"),
        None => format!("possible are: {all}"),
    };
    report.error_with_help(node.span, format!("unknown value `{word}`"), help);
    None
}

/// A list; every item is decoded, those that fail are left out.
pub(crate) fn list<'n, T>(
    node: &'n Node,
    report: &mut Report<'_>,
    mut item: impl FnMut(&'n Node, &mut Report<'_>) -> Option<T>,
) -> Vec<T> {
    match &node.value {
        Value::List(items) => items.iter().filter_map(|node| item(node, report)).collect(),
        _ => {
            let found = node.describe();
            report.error(node.span, format!("expected a list `[...]`, found {found}"));
            Vec::new()
        }
    }
}

/// Whether a text can be a name: it goes into headers, metrics and logs as it is.
pub(crate) fn name(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > MAX_NAME_CHARS {
        return Err("a name has 1 to 128 characters");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/@+".contains(&byte);
    if !text.bytes().all(allowed) {
        return Err("a name has only letters, digits and - _ . : / @ +");
    }
    Ok(())
}

/// A date, as its first moment in UTC.
pub(crate) fn date(node: &Node, report: &mut Report<'_>) -> Option<UnixMillis> {
    let date = match &node.value {
        Value::Scalar { text, .. } => parse_date(text),
        _ => None,
    };
    if date.is_none() {
        report.error(node.span, "expected a date such as 2026-12-01");
    }
    date
}

fn parse_date(text: &str) -> Option<UnixMillis> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 10
        && bytes.iter().enumerate().all(|(index, byte)| match index {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shaped {
        return None;
    }
    let year: i64 = text[..4].parse().ok()?;
    let month: i64 = text[5..7].parse().ok()?;
    let day: i64 = text[8..].parse().ok()?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=days_in_month).contains(&day).then(|| {
        // Days from the civil calendar, counting years from March so that a leap day ends one.
        let (year, month) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        let day_of_year = (153 * month + 2) / 5 + day - 1;
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let days = year * 365 + leap_days + day_of_year - 719_468;
        UnixMillis(days * 86_400_000)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_since_the_epoch() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2000-03-01", 11_017),
            ("2026-12-01", 20_788),
            ("2027-01-01", 20_819),
        ] {
            assert_eq!(
                parse_date(text),
                Some(UnixMillis(days * 86_400_000)),
                "{text}"
            );
        }
        for text in [
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-1-1",
            "2026-06-31",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }
}
