//! Which part of a text is read.
//!
//! White space costs nothing: the budget counts other bytes. A text of at most [`HEAD_BYTES`] +
//! [`TAIL_BYTES`] of them is read whole. Of a longer one, the head and the tail: instructions
//! stand before or after what they speak of. White space itself is bounded by [`RAW_BYTES`] for
//! each end, so that a megabyte of blanks costs no more than microseconds.

use super::classes::is_space;
use super::scan::{Scan, Sink};

/// Bytes other than white space read from the start of a long text.
pub(super) const HEAD_BYTES: usize = 2048;
/// Bytes other than white space read from the end of a long text.
pub(super) const TAIL_BYTES: usize = 2048;
/// Bytes of any kind looked at from each end.
pub(super) const RAW_BYTES: usize = 32 * 1024;

/// Feeds the bounded part of the joined `segments` to `scan`.
pub(super) fn read<S: Sink>(segments: &[&str], scan: &mut Scan<'_, S>) {
    let total: usize = segments.iter().map(|segment| segment.len()).sum();
    if total <= HEAD_BYTES + TAIL_BYTES {
        for segment in segments {
            scan.feed(segment);
        }
        return;
    }
    let head_end = head_end(segments);
    let tail_start = tail_start(segments, total);
    if tail_start <= head_end {
        feed_range(segments, 0, total, scan);
    } else {
        feed_range(segments, 0, head_end, scan);
        scan.cut();
        feed_range(segments, tail_start, total, scan);
    }
}

/// Offset in the joined text where the head ends.
fn head_end(segments: &[&str]) -> usize {
    let mut offset = 0;
    let mut dense = 0;
    for character in segments.iter().flat_map(|segment| segment.chars()) {
        if dense >= HEAD_BYTES || offset >= RAW_BYTES {
            break;
        }
        offset += character.len_utf8();
        if !is_space(character) {
            dense += character.len_utf8();
        }
    }
    offset
}

/// Offset in the joined text where the tail starts.
fn tail_start(segments: &[&str], total: usize) -> usize {
    let mut offset = total;
    let mut dense = 0;
    for character in segments
        .iter()
        .rev()
        .flat_map(|segment| segment.chars().rev())
    {
        if dense >= TAIL_BYTES || total - offset >= RAW_BYTES {
            break;
        }
        offset -= character.len_utf8();
        if !is_space(character) {
            dense += character.len_utf8();
        }
    }
    offset
}

/// Feeds the bytes `from..to` of the joined text. Both are character boundaries.
fn feed_range<S: Sink>(segments: &[&str], from: usize, to: usize, scan: &mut Scan<'_, S>) {
    let mut start = 0;
    for segment in segments {
        let end = start + segment.len();
        if end > from && start < to {
            let part = from.saturating_sub(start)..(to - start).min(segment.len());
            scan.feed(segment.get(part).unwrap_or_default());
        }
        start = end;
    }
}
