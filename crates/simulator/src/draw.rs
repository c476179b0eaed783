//! Deterministic choices: the same seed and request draw the same ids and numbers.

/// A stream of pseudo-random draws that starts from a hash of the request.
///
/// SplitMix64 (Steele, Lea, Flood 2014): tiny, and good enough for ids that only
/// have to look right and be distinct.
#[derive(Debug, Clone)]
pub(crate) struct Draw {
    state: u64,
}

const ALNUM: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// 2025-10-09, an arbitrary epoch: `created` lies within the 200 days after it.
const FIRST_CREATED: u64 = 1_760_000_000;
const CREATED_SPAN: u64 = 200 * 86_400;

impl Draw {
    /// Starts from the seed and the parts that make a request what it is.
    pub(crate) fn new(seed: u64, parts: &[&[u8]]) -> Self {
        // FNV-1a over the parts, each ended so that ("ab", "c") differs from ("a", "bc").
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
        for part in parts {
            for byte in part.iter().chain(&[0xff]) {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        Self { state: hash }
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; zero for a bound of zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// One of the items, none of an empty list.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let index = self.below(items.len() as u64);
        items.get(usize::try_from(index).ok()?)
    }

    /// Letters and digits, as in `chatcmpl-...`.
    pub(crate) fn alnum(&mut self, length: usize) -> String {
        self.characters(ALNUM, length)
    }

    /// Lower-case hexadecimal digits.
    pub(crate) fn hex(&mut self, length: usize) -> String {
        self.characters(HEX, length)
    }

    /// Decimal digits, as in Ollama's `chatcmpl-512`.
    pub(crate) fn digits(&mut self, length: usize) -> String {
        self.characters(b"123456789", length)
    }

    /// A UUID in its usual writing.
    pub(crate) fn uuid(&mut self) -> String {
        let lengths = [8, 4, 4, 4, 12];
        lengths.map(|length| self.hex(length)).join("-")
    }

    /// Seconds since 1970 for `created`: fixed by the request, not by a clock.
    pub(crate) fn created(&mut self) -> u64 {
        FIRST_CREATED + self.below(CREATED_SPAN)
    }

    fn characters(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length)
            .filter_map(|_| self.pick(alphabet).map(|byte| char::from(*byte)))
            .collect()
    }
}

/// RFC 3339 in UTC for Anthropic's `anthropic-ratelimit-*-reset`.
///
/// The civil date comes from the day count (Howard Hinnant, "chrono-compatible
/// low-level date algorithms", `civil_from_days`).
pub(crate) fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest % 3_600 / 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::{Draw, rfc3339};

    #[test]
    fn the_same_request_draws_the_same() {
        let draws = |seed, parts: &[&[u8]]| {
            let mut draw = Draw::new(seed, parts);
            (draw.alnum(29), draw.uuid(), draw.created())
        };
        assert_eq!(draws(7, &[b"a", b"b"]), draws(7, &[b"a", b"b"]));
        assert_ne!(draws(7, &[b"a", b"b"]), draws(8, &[b"a", b"b"]));
        assert_ne!(draws(7, &[b"ab", b"c"]), draws(7, &[b"a", b"bc"]));
    }

    #[test]
    fn dates_are_civil() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(rfc3339(1_798_761_599), "2026-12-31T23:59:59Z");
    }
}
