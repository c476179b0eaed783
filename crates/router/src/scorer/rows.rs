//! The weights of words, laid out so that adding them up is cheap.

use super::LANES;
use super::scan::Sink;
use crate::weights::WordRow;

/// Rows that are added in 16 bits before they are widened: 255 * 255 still fits.
const NARROW: usize = 255;

/// Adds up the weights of every distinct word, all heads at once. Integer sums: the order of the
/// words cannot change the result.
pub(super) struct Accumulate<'a> {
    rows: &'a [Row],
    sums: Sums,
}

impl<'a> Accumulate<'a> {
    pub(super) fn new(rows: &'a [Row]) -> Self {
        Self {
            rows,
            sums: Sums::default(),
        }
    }

    /// The sum of the weights for one head.
    #[inline]
    pub(super) fn sum(&self, head: usize) -> i32 {
        let Sums { even, odd } = &self.sums;
        let sums = if head.is_multiple_of(2) { even } else { odd };
        sums.get(head / 2).copied().unwrap_or_default()
    }
}

impl Sink for Accumulate<'_> {
    fn buckets(&mut self, buckets: &[u16]) {
        for buckets in buckets.chunks(NARROW) {
            let (mut both, mut odd) = ([0_u16; LANES / 2], [0_u16; LANES / 2]);
            for bucket in buckets {
                if let Some(row) = self.rows.get(usize::from(*bucket)) {
                    for (sum, pair) in both.iter_mut().zip(&row.0) {
                        *sum = sum.wrapping_add(*pair);
                    }
                    for (sum, pair) in odd.iter_mut().zip(&row.0) {
                        *sum += *pair >> 8;
                    }
                }
            }
            let offset = LEAST * i32::try_from(buckets.len()).unwrap_or_default();
            for (sum, (both, odd)) in self.sums.even.iter_mut().zip(both.iter().zip(&odd)) {
                // What the odd ones have carried into the sum modulo 2^16 goes again.
                *sum += i32::from(both.wrapping_sub(odd << 8)) + offset;
            }
            for (sum, odd) in self.sums.odd.iter_mut().zip(&odd) {
                *sum += i32::from(*odd) + offset;
            }
        }
    }
}

/// What the weights of a [`Row`] are counted from.
const LEAST: i32 = -128;

/// The weights of a bucket in pairs, the first of two in the lower byte: one addition sums both,
/// another the upper ones alone, which is cheaper than widening each to 16 bits.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
pub(super) struct Row([u16; LANES / 2]);

impl Row {
    pub(super) fn of(weights: &WordRow) -> Self {
        let mut row = Self([0; LANES / 2]);
        let (pairs, _) = weights.0.as_chunks::<2>();
        for (place, pair) in row.0.iter_mut().zip(pairs) {
            // Flipping the sign bit adds 128.
            *place = u16::from_le_bytes(pair.map(|weight| weight.cast_unsigned() ^ 0x80));
        }
        row
    }
}

/// Sums of word weights: of every second head from the first, and of those between.
#[derive(Debug, Default)]
struct Sums {
    even: [i32; LANES / 2],
    odd: [i32; LANES / 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_weights() {
        // Extreme weights in every place, and more rows than fit in 16 bits.
        for (even, odd) in [
            (-128, -128),
            (-128, 127),
            (127, -128),
            (127, 127),
            (-1, 0),
            (3, -5),
        ] {
            let mut weights = [0_i8; LANES];
            for pair in weights.as_chunks_mut::<2>().0 {
                *pair = [even, odd];
            }
            let rows = [Row::of(&WordRow(weights)), Row::of(&WordRow([0; LANES]))];
            let mut sums = Accumulate::new(&rows);
            sums.buckets(&[0; 700]);
            sums.buckets(&[1; 3]);
            for head in 0..LANES {
                let weight = if head % 2 == 0 { even } else { odd };
                assert_eq!(sums.sum(head), 700 * i32::from(weight), "{head}");
            }
        }
    }
}
