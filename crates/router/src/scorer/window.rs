//! Which part of a text is read.
//!
//! White space costs nothing: only other bytes count. A text of at most [`HEAD_BYTES`] +
//! [`TAIL_BYTES`] of them is read whole. Of a longer one, the head and the tail: instructions
//! stand before or after what they speak of. White space is skipped in chunks, however long.

use super::blank::{self, CHUNK};
use super::classes::is_space;
use super::scan::{Scan, Sink};

/// Bytes other than white space read from the start of a long text.
pub(super) const HEAD_BYTES: usize = 2048;
/// Bytes other than white space read from the end of a long text.
pub(super) const TAIL_BYTES: usize = 2048;

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
    let tail_start = if head_end < total {
        tail_start(segments, total)
    } else {
        total
    };
    if tail_start <= head_end {
        feed_range(segments, 0, total, scan);
    } else {
        feed_range(segments, 0, head_end, scan);
        scan.cut();
        feed_range(segments, tail_start, total, scan);
    }
}

/// Offset in the joined text where the head ends: before the first visible character for which
/// there is no room.
fn head_end(segments: &[&str]) -> usize {
    let (mut offset, mut room) = (0, HEAD_BYTES);
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
fn tail_start(segments: &[&str], total: usize) -> usize {
    let (mut offset, mut room) = (total, TAIL_BYTES);
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
