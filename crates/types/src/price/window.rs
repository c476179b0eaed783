use crate::UnixMillis;

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 24 * 60;

/// Days of the week, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Weekdays(u8);

/// A stretch of some days, in UTC, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DailyWindow {
    days: Weekdays,
    from_minute: u16,
    until_minute: u16,
}

impl Weekdays {
    /// All seven.
    pub const ALL: Self = Self(0b111_1111);
    /// None.
    pub const NONE: Self = Self(0);

    /// This set and one more ISO weekday (1 is Monday, 7 is Sunday); `None` for any other number.
    #[must_use]
    pub fn with(self, iso_weekday: u8) -> Option<Self> {
        (1..=7)
            .contains(&iso_weekday)
            .then(|| Self(self.0 | 1 << (iso_weekday - 1)))
    }

    /// Whether it holds this ISO weekday.
    #[must_use]
    pub fn contains(self, iso_weekday: u8) -> bool {
        (1..=7).contains(&iso_weekday) && self.0 & (1 << (iso_weekday - 1)) != 0
    }
}

impl DailyWindow {
    /// From one minute of the day up to, not including, another (at most 1440, midnight). `None`
    /// unless the first is before the second: a stretch over midnight is two windows, because the
    /// weekdays of its halves differ.
    #[must_use]
    pub fn new(days: Weekdays, from_minute: u16, until_minute: u16) -> Option<Self> {
        let proper = from_minute < until_minute && i64::from(until_minute) <= DAY_MINUTES;
        proper.then_some(Self {
            days,
            from_minute,
            until_minute,
        })
    }

    /// Whether a moment lies in it.
    #[must_use]
    pub fn contains(&self, at: UnixMillis) -> bool {
        let minutes = at.0.div_euclid(MINUTE_MS);
        let minute = minutes.rem_euclid(DAY_MINUTES);
        // 1970-01-01 was a Thursday, ISO weekday 4.
        let weekday = (minutes.div_euclid(DAY_MINUTES) + 3).rem_euclid(7);
        self.days.0 & (1 << weekday) != 0
            && (i64::from(self.from_minute)..i64::from(self.until_minute)).contains(&minute)
    }

    /// Whether two windows share a moment.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.days.0 & other.days.0 != 0
            && self.from_minute < other.until_minute
            && other.from_minute < self.until_minute
    }
}
