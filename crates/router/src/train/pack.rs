//! Linear weights as the integers of the weights file.

use crate::scorer::{BINS, BUCKETS, HEADS, LANES, bin_groups};
use crate::weights::{BinRow, WordRow};

/// Words further out than this many times the root of the mean square are cut to it: one rare
/// word must not cost all others their precision.
const WIDEST: f32 = 8.0;

/// Weights of all heads.
pub(super) struct Packed {
    pub(super) words: Vec<WordRow>,
    pub(super) word_scales: [f32; HEADS],
    pub(super) bins: Vec<BinRow>,
    pub(super) bin_scales: [f32; HEADS],
}

impl Packed {
    pub(super) fn new() -> Self {
        Self {
            words: vec![WordRow([0; LANES]); BUCKETS],
            word_scales: [0.0; HEADS],
            bins: vec![BinRow([0; LANES]); BINS],
            bin_scales: [0.0; HEADS],
        }
    }

    /// Sets the weights of one head. `levels` are the weights of reaching each level; the file has
    /// what all levels up to one add.
    #[expect(clippy::cast_possible_truncation, reason = "clamped before the cast")]
    pub(super) fn set(&mut self, head: usize, words: &[f32], levels: &[f32]) {
        let squares: f32 = words.iter().map(|weight| weight * weight).sum();
        let used = words.iter().filter(|weight| weight.abs() > 0.0).count();
        let spread = (squares / used.max(1) as f32).sqrt();
        let largest = words
            .iter()
            .fold(0.0_f32, |most, weight| most.max(weight.abs()));
        let scale = largest.min(WIDEST * spread).max(1e-9) / 127.0;
        self.word_scales[head] = scale;
        for (row, weight) in self.words.iter_mut().zip(words) {
            row.0[head] = (weight / scale).round().clamp(-127.0, 127.0) as i8;
        }
        let mut sums = vec![0.0_f32; BINS];
        for group in bin_groups() {
            let mut sum = 0.0;
            // Nothing is reached with the first level, which stands for 0.
            for row in group.skip(1) {
                sum += levels.get(row).copied().unwrap_or_default();
                sums[row] = sum;
            }
        }
        let largest = sums.iter().fold(1e-9_f32, |most, sum| most.max(sum.abs()));
        let scale = largest / 32_000.0;
        self.bin_scales[head] = scale;
        for (row, sum) in self.bins.iter_mut().zip(sums) {
            row.0[head] = (sum / scale).round().clamp(-32_000.0, 32_000.0) as i16;
        }
    }
}
