//! What an HTTP status and the headers beside it mean, whatever the wire format.

use steelyard_types::{ErrorKind, ProviderError, UnixMillis};

use crate::ResponseHead;

/// The longest wait that a provider is believed to ask for: one hour.
pub const MAX_RETRY_AFTER_MS: u64 = 60 * 60 * 1_000;

/// The kind that a status alone says. Bodies often know better and are asked first.
#[must_use]
pub fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::UpstreamAuth,
        402 => ErrorKind::UpstreamQuota,
        408 | 504 => ErrorKind::UpstreamTimeout,
        413 => ErrorKind::PayloadTooLarge,
        422 => ErrorKind::Unprocessable,
        429 => ErrorKind::RateLimited,
        // The gateway asks at one path with one method: that there is none is no caller's mistake.
        404 | 405 => ErrorKind::UpstreamServer,
        400..=499 => ErrorKind::BadRequest,
        503 | 529 => ErrorKind::Overloaded,
        500..=599 => ErrorKind::UpstreamServer,
        _ => ErrorKind::InvalidAnswer,
    }
}

/// The kind that a status and the words beside it say, where no code does.
///
/// A 404 is about the model, about something else that the caller named, such as a file, or about
/// the path: "Invalid URL (POST ...)" and "Unknown request URL" (OpenAI), "no Route matched with
/// those values" (Mistral), "Not Found" (FastAPI, Anthropic), "404 page not found" (Go's servers), a
/// proxy's page.
#[must_use]
pub fn kind_of_words(status: u16, message: &str) -> ErrorKind {
    const PATH: [&str; 2] = ["invalid url", "unknown request url"];
    // "No endpoints found for NAME" is OpenRouter's, a deployment is Azure's model.
    const MODEL: [&str; 3] = ["model", "deployment", "no endpoints found for"];
    if status != 404 {
        return kind_of_status(status);
    }
    let message = message.to_ascii_lowercase();
    if PATH.iter().any(|words| message.starts_with(words)) {
        kind_of_status(status)
    } else if MODEL.iter().any(|words| message.contains(words)) {
        ErrorKind::UpstreamModelNotFound
    } else if message.starts_with("no such ") || names_a_file(&message) {
        ErrorKind::BadRequest
    } else {
        kind_of_status(status)
    }
}

/// Whether words hold the id of a file, `file-...` at OpenAI and `file_...` at Anthropic.
fn names_a_file(message: &str) -> bool {
    message.contains("file-") || message.contains("file_")
}

/// The kind where the body says only that the server failed: the status may say how.
#[must_use]
pub fn server_failure(status: Option<u16>) -> ErrorKind {
    let status = status.filter(|status| (500..600).contains(status));
    status.map_or(ErrorKind::UpstreamServer, kind_of_status)
}

/// Whether a provider's words say that the conversation does not fit the model's context window.
///
/// For providers that have no code for it: "maximum context length" (vLLM, DeepSeek, Mistral),
/// "prompt is too long" (Anthropic), "input token count ... exceeds" (Gemini), "exceeds the
/// available context size" (llama.cpp), "range of input length should be" (DashScope).
#[must_use]
pub fn says_context_length(message: &str) -> bool {
    const WORDS: [&str; 9] = [
        "maximum context length",
        "max context length",
        "maximum prompt length",
        "context length exceeded",
        "context window",
        "available context size",
        "prompt is too long",
        "range of input length should be",
        "reduce the length of the messages",
    ];
    let message = message.to_ascii_lowercase();
    WORDS.iter().any(|words| message.contains(words))
        || message.contains("input token count") && message.contains("exceed")
}

/// Fills in what every error response has: status, and how long to wait, capped.
#[must_use]
pub fn with_head(mut error: ProviderError, head: &ResponseHead<'_>) -> ProviderError {
    error.status = Some(head.status);
    if error.is_wrong_path() {
        let told = format!(
            "there is nothing at this path of the provider: check its base_url (it says: {})",
            error.message
        );
        // Cut again: the words may have been as long as they may be.
        error.message = ProviderError::new(error.kind, told).message;
    }
    error.retry_after_ms = error.retry_after_ms.or_else(|| retry_after_ms(head));
    error
}

/// How long the headers ask to wait, in milliseconds, at most [`MAX_RETRY_AFTER_MS`].
///
/// In this order: `retry-after-ms` (OpenAI, Azure), `retry-after` in seconds or as a date, and, on
/// a 429 without either, the reset of the exhausted one of OpenAI's two buckets
/// (`x-ratelimit-remaining-*: 0` with `x-ratelimit-reset-*` as a Go duration), or the later reset
/// where neither says that it is exhausted.
#[must_use]
pub fn retry_after_ms(head: &ResponseHead<'_>) -> Option<u64> {
    let header = |name| head.headers.get(name);
    header("retry-after-ms")
        .and_then(decimal_millis)
        .or_else(|| header("retry-after").and_then(|value| parse_retry_after(value, head.at)))
        .or_else(|| (head.status == 429).then(|| bucket_reset(head)).flatten())
        .map(|wait| wait.min(MAX_RETRY_AFTER_MS))
}

/// The wait that OpenAI's buckets ask for.
fn bucket_reset(head: &ResponseHead<'_>) -> Option<u64> {
    let bucket = |remaining, reset| {
        let wait = head.headers.get(reset).and_then(parse_go_duration)?;
        Some((
            head.headers.get(remaining).map(str::trim) == Some("0"),
            wait,
        ))
    };
    // Tuples compare the exhausted flag first: an exhausted bucket wins over any other.
    let requests = bucket(
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
    );
    let tokens = bucket("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens");
    requests.max(tokens).map(|(_, wait)| wait)
}

/// `Retry-After` of RFC 9110: seconds (fractions are taken too) or a date, counted from `at`. In
/// milliseconds, not capped.
#[must_use]
pub fn parse_retry_after(value: &str, at: UnixMillis) -> Option<u64> {
    let value = value.trim();
    if let Some(millis) = decimal_millis_of(value, 3) {
        return Some(millis);
    }
    let until = parse_http_date(value)?;
    Some(u64::try_from(until.0.saturating_sub(at.0)).unwrap_or(0))
}

/// A count of milliseconds; fractions are cut off.
fn decimal_millis(value: &str) -> Option<u64> {
    decimal_millis_of(value.trim(), 0)
}

/// A Go duration (`6m0s`, `120ms`, `1h2m3.5s`) in milliseconds, rounded up.
#[must_use]
pub fn parse_go_duration(value: &str) -> Option<u64> {
    let mut rest = value.trim();
    if rest == "0" {
        return Some(0);
    }
    let mut total_nanos: u64 = 0;
    let mut any = false;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let unit_nanos = match unit {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" | "µs" | "μs" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        let (whole, fraction) = split_decimal(number, 9)?;
        // The fraction is in billionths; dividing the unit first would lose those of `ms`.
        let part = u128::from(fraction) * u128::from(unit_nanos) / 1_000_000_000;
        total_nanos = total_nanos
            .checked_add(whole.checked_mul(unit_nanos)?)?
            .checked_add(u64::try_from(part).ok()?)?;
        rest = tail;
        any = true;
    }
    any.then(|| total_nanos.div_ceil(1_000_000))
}

/// A plain decimal times `10^digits`, fractions behind that cut off.
fn decimal_millis_of(value: &str, digits: u32) -> Option<u64> {
    let (whole, fraction) = split_decimal(value, digits)?;
    whole.checked_mul(10_u64.pow(digits))?.checked_add(fraction)
}

/// The whole part of a plain decimal, and its fraction in units of `10^-digits`.
fn split_decimal(value: &str, digits: u32) -> Option<(u64, u64)> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let mut scaled: u64 = 0;
    let mut places = fraction.bytes();
    for _ in 0..digits {
        scaled = scaled * 10 + u64::from(places.next().unwrap_or(b'0') - b'0');
    }
    Some((whole.parse().ok()?, scaled))
}

/// An HTTP date in its one current form (IMF-fixdate, RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37
/// GMT`. The two obsolete forms are not read.
#[must_use]
pub fn parse_http_date(value: &str) -> Option<UnixMillis> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = value.split_once(", ")?.1.split(' ');
    let day = bounded(words.next()?, 1, 31)?;
    let month_name = words.next()?;
    let month = i64::try_from(MONTHS.iter().position(|name| *name == month_name)?).ok()? + 1;
    let year = bounded(words.next()?, 1_601, 9_999)?;
    let mut clock = words.next()?.split(':');
    let hour = bounded(clock.next()?, 0, 23)?;
    let minute = bounded(clock.next()?, 0, 59)?;
    let second = bounded(clock.next()?, 0, 60)?;
    if clock.next().is_some() || words.next() != Some("GMT") || words.next().is_some() {
        return None;
    }
    let days = days_from_civil(year, month, day);
    Some(UnixMillis(
        (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000,
    ))
}

pub(crate) fn bounded(text: &str, least: i64, most: i64) -> Option<i64> {
    let number: i64 = text
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())??;
    (least..=most).contains(&number).then_some(number)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, by counting years from March so that
/// the leap day is the last of its year.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests;
