//! Cells of tables: a value with its interval.

use steelyard_router::eval::Interval;

/// What stands for a value that does not exist.
const NONE: &str = "none";

fn fixed(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let text = format!("{value:.digits$}");
    // Nobody wants to read of a negative nothing.
    let nothing = text.trim_start_matches('-');
    if nothing.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        nothing.to_owned()
    } else {
        text
    }
}

fn range(interval: Interval, unit: f64, digits: usize) -> String {
    let end = |value: f64| fixed(unit * value, digits);
    let (low, high) = (end(interval.low), end(interval.high));
    // A dash before a minus would be hard to read.
    let between = if low.starts_with('-') { ".." } else { "-" };
    format!("{low}{between}{high}")
}

/// `0.792 0.770-0.811`; the interval is left out where no sample gave a number, and where the value
/// is none itself: then it would be that of few odd samples.
pub(super) fn number(value: f64, interval: Interval, digits: usize) -> String {
    if value.is_nan() {
        return NONE.to_owned();
    }
    let value = fixed(value, digits);
    if interval.high.is_finite() {
        format!("{value} {}", range(interval, 1.0, digits))
    } else {
        value
    }
}

/// `22.3% 19-25%`, the interval with as many digits as asked for.
pub(super) fn share(value: f64, interval: Interval, digits: usize) -> String {
    if value.is_nan() {
        return format!("{NONE:>5}");
    }
    let value = percent(value);
    if interval.high.is_finite() {
        format!("{value:>5} {}%", range(interval, 100.0, digits))
    } else {
        format!("{value:>5}")
    }
}

/// `+0.012`: a distance, of which no sign of nothing is shown either.
pub(super) fn signed(value: f64, digits: usize) -> String {
    match fixed(value, digits) {
        number if number == NONE || number.starts_with('-') => number,
        number => format!("+{number}"),
    }
}

/// `(95 %: 0.770 .. 0.811)`, in a sentence; nothing where no sample gave a number.
pub(super) fn bracketed(interval: Interval, unit: f64, digits: usize) -> String {
    if !interval.low.is_finite() || !interval.high.is_finite() {
        return String::new();
    }
    let end = |value: f64| fixed(unit * value, digits);
    let (low, high) = (end(interval.low), end(interval.high));
    format!(" (95 %: {low} .. {high})")
}

/// `22.3%`; a hundred has no decimals.
pub(super) fn percent(value: f64) -> String {
    let value = 100.0 * value;
    match fixed(value, if value < 99.95 { 1 } else { 0 }) {
        none if none == NONE => none,
        number => format!("{number}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(low: f64, high: f64) -> Interval {
        Interval { low, high }
    }

    #[test]
    fn a_value_stands_with_its_interval() {
        assert_eq!(
            number(0.7921, interval(0.7698, 0.8114), 3),
            "0.792 0.770-0.811"
        );
        assert_eq!(
            number(-0.000_01, interval(-0.1, 0.1), 2),
            "0.00 -0.10..0.10"
        );
        assert_eq!(share(0.2234, interval(0.19, 0.251), 0), "22.3% 19-25%");
        assert_eq!(share(0.078, interval(0.06, 0.1), 0), " 7.8% 6-10%");
        assert_eq!(share(1.0, interval(0.995, 1.0), 1), " 100% 99.5-100.0%");
        assert_eq!(
            bracketed(interval(-0.001, 0.251), 100.0, 1),
            " (95 %: -0.1 .. 25.1)"
        );
        assert_eq!(
            [0.0124, -0.0126, -0.0001].map(|value| signed(value, 3)),
            ["+0.012", "-0.013", "+0.000"]
        );
    }

    #[test]
    fn what_does_not_exist_is_none() {
        let never = interval(f64::NAN, f64::NAN);
        assert_eq!(number(f64::NAN, never, 3), "none");
        assert_eq!(number(f64::NAN, interval(0.1, 0.2), 3), "none");
        assert_eq!(share(f64::NAN, interval(0.1, 0.2), 0), " none");
        assert_eq!(number(1.0, never, 2), "1.00");
        assert_eq!(bracketed(never, 1.0, 2), "");
        assert_eq!(signed(f64::NAN, 2), "none");
        let lost = f64::NEG_INFINITY;
        assert_eq!(share(lost, interval(lost, 0.2), 0), " none none-20%");
    }
}
