//! Which part of a text is read.
//!
//! White space costs nothing: only other bytes count. A text of at most [`HEAD_BYTES`] +
//! [`TAIL_BYTES`] of them is read whole. Of a longer one, the head and the tail: instructions
//! stand before or after what they speak of. White space is skipped in chunks, however long.

use std::ops::Range;

use super::blank::{self, CHUNK};
use super::classes::is_space;
use super::scan::{Scan, Sink};

/// Bytes other than white space read from the start of a long text.
pub(super) const HEAD_BYTES: usize = 2048;
/// Bytes other than white space read from the end of a long text.
pub(super) const TAIL_BYTES: usize = 2048;

/// Feeds the bounded part of the joined `segments` to `scan`.
pub(super) fn read<S: Sink>(segments: &[&str], scan: &mut Scan<'_, S>) {
    let [head, tail] = parts(segments, HEAD_BYTES, TAIL_BYTES);
    pieces(segments, &head).for_each(|piece| scan.feed(piece));
    if !tail.is_empty() {
        scan.cut();
        pieces(segments, &tail).for_each(|piece| scan.feed(piece));
    }
}

/// What is read of the joined text: a head and a tail of so many bytes other than white space, or the
/// whole and an empty tail.
pub(super) fn parts(segments: &[&str], head: usize, tail: usize) -> [Range<usize>; 2] {
    let total: usize = segments.iter().map(|segment| segment.len()).sum();
    let whole = [0..total, total..total];
    if total <= head + tail {
        return whole;
    }
    let head_end = head_end(segments, head);
    if head_end >= total {
        return whole;
    }
    let tail_start = tail_start(segments, total, tail);
    if tail_start <= head_end {
        return whole;
    }
    [0..head_end, tail_start..total]
}

/// The joined text between two character boundaries, segment by segment.
pub(super) fn pieces<'a>(
    segments: &[&'a str],
    range: &Range<usize>,
) -> impl Iterator<Item = &'a str> {
    let mut start = 0;
    segments.iter().map(move |segment| {
        let end = start + segment.len();
        let from = range.start.clamp(start, end) - start;
        let to = range.end.clamp(start, end) - start;
        start = end;
        segment.get(from..to).unwrap_or_default()
    })
}

/// Offset in the joined text where the head ends: before the first visible character for which
/// there is no room.
fn head_end(segments: &[&str], mut room: usize) -> usize {
    let mut offset = 0;
    for segment in segments {
        let (read, full) = fill_from_start(segment, &mut room);
        offset += read;
        if full {
            break;
        }
    }
    offset
}

/// Offset in the joined text where the tail starts: at the visible character that fills it.
fn tail_start(segments: &[&str], total: usize, mut room: usize) -> usize {
    let mut offset = total;
    for segment in segments.iter().rev() {
        offset -= fill_from_end(segment, &mut room);
        if room == 0 {
            break;
        }
    }
    offset
}

/// Takes characters from the start while there is room for the visible ones; returns the bytes
/// taken and whether one was left.
fn fill_from_start(text: &str, room: &mut usize) -> (usize, bool) {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(chunk) = rest.as_bytes().first_chunk::<CHUNK>()
            && chunk.is_ascii()
            && let Some(left) = room.checked_sub(blank::visible(chunk))
        {
            *room = left;
            at += CHUNK;
            continue;
        }
        // What is not ASCII is not looked at in chunks until ASCII comes.
        let ascii = rest.as_bytes().first().is_some_and(u8::is_ascii);
        for character in rest.chars().take(CHUNK) {
            if is_space(character) || character.is_ascii() != ascii {
                break;
            }
            if *room == 0 {
                return (at, true);
            }
            *room = room.saturating_sub(character.len_utf8());
            at += character.len_utf8();
        }
        at += blank::leading(text.as_bytes().get(at..).unwrap_or_default());
    }
    (at, false)
}

/// Takes characters from the end while there is room; returns the bytes taken.
fn fill_from_end(text: &str, room: &mut usize) -> usize {
    let mut end = text.len();
    while *room > 0
        && let Some(rest) = text.get(..end).filter(|rest| !rest.is_empty())
    {
        if let Some(chunk) = rest.as_bytes().last_chunk::<CHUNK>()
            && chunk.is_ascii()
            && let visible = blank::visible(chunk)
            && visible < *room
        {
            *room -= visible;
            end -= CHUNK;
            continue;
        }
        let ascii = rest.as_bytes().last().is_some_and(u8::is_ascii);
        for character in rest.chars().rev().take(CHUNK) {
            if is_space(character) || character.is_ascii() != ascii || *room == 0 {
                break;
            }
            *room = room.saturating_sub(character.len_utf8());
            end -= character.len_utf8();
        }
        if *room > 0 {
            end -= blank::trailing(text.as_bytes().get(..end).unwrap_or_default());
        }
    }
    text.len() - end
}
