//! Money: integer nano-dollars, never floats.

use std::fmt;
use std::str::FromStr;

/// Nano-dollars in a dollar.
const NANOS: u64 = 1_000_000_000;

/// An amount in nano-dollars (10⁻⁹ USD).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NanoUsd(pub u64);

/// A price in nano-dollars per 1,000,000 tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PricePerMtok(pub u64);

/// Why a text is not an amount of dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not of the form `12` or `12.5`. No sign, exponent, separator or bare point.
    #[error("expected a decimal amount such as 0.15")]
    NotDecimal,
    /// Finer than a nano-dollar: it could not be kept exactly.
    #[error("more than nine decimals cannot be kept exactly")]
    TooFine,
    /// More than 2⁶⁴ nano-dollars (about 18 billion dollars).
    #[error("the amount is too large")]
    TooLarge,
}

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The sum, or the largest amount.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or nothing.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl FromStr for NanoUsd {
    type Err = AmountError;

    /// Reads dollars, exactly: `0.016` is 16,000,000 nano-dollars.
    fn from_str(text: &str) -> Result<Self, AmountError> {
        parse_nanos(text).map(Self)
    }
}

impl FromStr for PricePerMtok {
    type Err = AmountError;

    /// Reads dollars per 1,000,000 tokens, exactly: `0.016` is 16,000,000.
    fn from_str(text: &str) -> Result<Self, AmountError> {
        parse_nanos(text).map(Self)
    }
}

impl fmt::Display for NanoUsd {
    /// Dollars with nine decimals, exact: `0.000012500`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:09}", self.0 / NANOS, self.0 % NANOS)
    }
}

impl fmt::Display for PricePerMtok {
    /// Dollars per 1,000,000 tokens, exact, without trailing zeros: `0.016`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, mut rest) = (self.0 / NANOS, self.0 % NANOS);
        if rest == 0 {
            return write!(formatter, "{dollars}");
        }
        let mut width = 9;
        while rest.is_multiple_of(10) {
            rest /= 10;
            width -= 1;
        }
        write!(formatter, "{dollars}.{rest:0width$}")
    }
}

/// Nano-dollars of a decimal number of dollars.
fn parse_nanos(text: &str) -> Result<u64, AmountError> {
    let (whole, decimals) = match text.split_once('.') {
        Some((_, "")) => return Err(AmountError::NotDecimal),
        Some(parts) => parts,
        None => (text, ""),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) {
        return Err(AmountError::NotDecimal);
    }
    if decimals.len() > 9 {
        return Err(AmountError::TooFine);
    }
    let mut nanos: u64 = 0;
    let padding = std::iter::repeat_n(b'0', 9 - decimals.len());
    for digit in whole.bytes().chain(decimals.bytes()).chain(padding) {
        nanos = nanos
            .checked_mul(10)
            .and_then(|shifted| shifted.checked_add(u64::from(digit - b'0')))
            .ok_or(AmountError::TooLarge)?;
    }
    Ok(nanos)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        for (text, nanos) in [
            ("0.016", 16_000_000),
            ("0", 0),
            ("000.5", 500_000_000),
            ("0.000000001", 1),
            ("18446744073.709551615", u64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(PricePerMtok(nanos)), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_exact_is_refused() {
        for text in [
            "", ".", ".5", "5.", "-1", "+1", "1e3", "1_000", "1,5", " 1", "1.2.3", "０",
        ] {
            assert_eq!(
                text.parse::<NanoUsd>(),
                Err(AmountError::NotDecimal),
                "{text}"
            );
        }
        assert_eq!("0.0000000001".parse::<NanoUsd>(), Err(AmountError::TooFine));
        assert_eq!(
            "18446744073.709551616".parse::<NanoUsd>(),
            Err(AmountError::TooLarge)
        );
        let long = "9".repeat(10_000);
        assert_eq!(long.parse::<NanoUsd>(), Err(AmountError::TooLarge));
    }

    proptest! {
        #[test]
        fn display_and_parse_are_inverse(nanos: u64) {
            prop_assert_eq!(PricePerMtok(nanos).to_string().parse(), Ok(PricePerMtok(nanos)));
            prop_assert_eq!(NanoUsd(nanos).to_string().parse(), Ok(NanoUsd(nanos)));
        }

        #[test]
        fn any_text_is_judged_without_panic(text: String) {
            let _ = text.parse::<NanoUsd>();
        }
    }
}
