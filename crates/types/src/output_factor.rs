use std::fmt;

/// Parts of a whole: factors are kept in thousandths.
const WHOLE: u16 = 1_000;

/// How many times as long a model's answers are as expected of a request, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputFactor(u16);

impl OutputFactor {
    /// As long as expected.
    pub const ONE: Self = Self(WHOLE);
    /// The smallest factor.
    pub const LEAST: f32 = 0.05;
    /// The largest factor.
    pub const MOST: f32 = 20.0;

    /// The factor to the nearest thousandth; `None` outside of [`Self::LEAST`] to [`Self::MOST`].
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded before the cast"
    )]
    pub fn new(factor: f64) -> Option<Self> {
        let parts = (factor * f64::from(WHOLE)).round();
        let part_of = |bound: f32| (f64::from(bound) * f64::from(WHOLE)).round();
        let bounds = part_of(Self::LEAST)..=part_of(Self::MOST);
        bounds.contains(&parts).then_some(Self(parts as u16))
    }

    /// What is expected of this model where so many tokens are expected of a request: to the nearest
    /// token, half up, and one at least where any is expected.
    #[must_use]
    pub fn of(self, tokens: u64) -> u64 {
        // Of 80 bits at most: a larger number of tokens than 64 bits hold is the largest there is.
        let parts = u128::from(tokens) * u128::from(self.0);
        let whole = (parts + u128::from(WHOLE / 2)) / u128::from(WHOLE);
        u64::try_from(whole).unwrap_or(u64::MAX).max(tokens.min(1))
    }

    /// The factor as a number.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }
}

impl Default for OutputFactor {
    fn default() -> Self {
        Self::ONE
    }
}

impl fmt::Display for OutputFactor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_f64().fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(number: f64) -> OutputFactor {
        OutputFactor::new(number).expect("within bounds")
    }

    #[test]
    fn a_factor_is_kept_to_the_thousandth_within_its_bounds() {
        for (number, text) in [
            (0.05, "0.05"),
            (1.0, "1"),
            (1.85, "1.85"),
            (2.0004, "2"),
            (2.0006, "2.001"),
            (20.0, "20"),
        ] {
            assert_eq!(factor(number).to_string(), text);
        }
        assert_eq!(factor(1.0), OutputFactor::default());
        // As a policy's numbers come.
        assert_eq!(factor(f64::from(0.05_f32)).to_string(), "0.05");
        assert_eq!(factor(f64::from(1.85_f32)).to_string(), "1.85");
        for outside in [0.0, 0.049, 20.001, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(OutputFactor::new(outside), None, "{outside}");
        }
    }

    #[test]
    fn tokens_are_whole_never_none_and_never_overflow() {
        for (number, tokens, times) in [
            (2.5, 100, 250),
            (2.5, 1, 3),
            (0.5, 1, 1),
            (0.05, 1, 1),
            (0.05, 9, 1),
            (0.05, 29, 1),
            (0.05, 30, 2),
            (1.001, 499, 499),
            (1.001, 500, 501),
            (20.0, 0, 0),
            (20.0, u64::MAX, u64::MAX),
            (1.001, u64::MAX, u64::MAX),
            (0.5, u64::MAX, 1 << 63),
        ] {
            assert_eq!(factor(number).of(tokens), times, "{number} of {tokens}");
        }
        for tokens in [0, 1, 2, 999, 123_456_789, u64::MAX - 1, u64::MAX] {
            assert_eq!(OutputFactor::ONE.of(tokens), tokens);
        }
    }
}
