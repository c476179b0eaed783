//! Server-sent events: bytes in whatever pieces the network cuts them, frames out.
//!
//! Follows the [HTML standard](https://html.spec.whatwg.org/multipage/server-sent-events.html) with
//! two deliberate differences: blocks that hold only comments are frames as well, because a
//! pass-through wants to forward keep-alives, and what stands at the end of the stream without its
//! blank line is given to the caller, because some servers forget that line after `[DONE]`.

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// One event of a stream, borrowed from the decoder until it is asked for the next one.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The `event` field, empty where the frame has none.
    pub event: &'a str,
    /// The `data` field; several lines are joined with `\n`. Empty where the frame has none.
    pub data: &'a str,
    /// The last comment line without its colon, empty where there is none. DashScope puts the HTTP
    /// status that it means there (`:HTTP_STATUS/400`).
    pub comment: &'a str,
    /// The frame as received, blank line included: a slice of the input where the frame lay within
    /// one chunk.
    pub raw: &'a Bytes,
}

impl<'a> Frame<'a> {
    /// The bytes of `part` without copying, if `part` is a piece of this frame as received. `None`
    /// where it is not, such as data that was joined from several lines.
    #[must_use]
    pub fn slice(&self, part: &'a str) -> Option<Bytes> {
        let start = (part.as_ptr() as usize).checked_sub(self.raw.as_ptr() as usize)?;
        let end = start.checked_add(part.len())?;
        (end <= self.raw.len()).then(|| self.raw.slice(start..end))
    }
}

/// Why a stream cannot be read as server-sent events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// A frame is longer than the decoder's limit.
    #[error("an event of the stream is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A frame is not UTF-8.
    #[error("an event of the stream is not UTF-8")]
    NotUtf8,
}

/// Cuts a stream into frames.
///
/// Where the network cuts the bytes makes no difference to the frames. Between frames it owns only
/// the bytes of a frame that has begun.
#[derive(Debug)]
pub struct SseDecoder {
    limit: usize,
    boundary: Boundary,
    /// The beginning of a frame whose end has not come yet.
    partial: BytesMut,
    /// The frame that was given out last.
    raw: Bytes,
    /// Its data, where that had to be joined from several lines.
    joined: String,
    at_start: bool,
}

impl SseDecoder {
    /// The default limit of one frame: 16 MiB. Frames of megabytes occur (images, signatures).
    pub const DEFAULT_LIMIT: usize = 16 * 1024 * 1024;

    /// A decoder that refuses frames longer than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            boundary: Boundary::new(),
            partial: BytesMut::new(),
            raw: Bytes::new(),
            joined: String::new(),
            at_start: true,
        }
    }

    /// Takes bytes off the front of `chunk` up to the end of the next frame. `None` means that
    /// `chunk` is used up and the next frame is not complete.
    ///
    /// # Errors
    /// A frame that is too long or not UTF-8. The stream cannot be read further then.
    pub fn next(&mut self, chunk: &mut Bytes) -> Result<Option<Frame<'_>>, SseError> {
        self.raw = Bytes::new();
        let end = self.boundary.find(chunk);
        let taken = end.unwrap_or(chunk.len());
        if self.partial.len().saturating_add(taken) > self.limit {
            chunk.clear();
            return Err(SseError::TooLong { limit: self.limit });
        }
        if end.is_none() {
            self.partial.extend_from_slice(chunk);
            chunk.clear();
            return Ok(None);
        }
        self.raw = if self.partial.is_empty() {
            chunk.split_to(taken)
        } else {
            self.partial.extend_from_slice(&chunk.split_to(taken));
            self.partial.split().freeze()
        };
        self.parse().map(Some)
    }

    /// What is left when the stream is closed: a frame without its blank line, possibly cut short.
    ///
    /// # Errors
    /// Bytes that are not UTF-8, such as a character that was cut.
    pub fn end(&mut self) -> Result<Option<Frame<'_>>, SseError> {
        self.boundary = Boundary::new();
        self.raw = self.partial.split().freeze();
        if self.raw.is_empty() {
            return Ok(None);
        }
        self.parse().map(Some)
    }

    /// Reads the fields of the frame in `self.raw`.
    fn parse(&mut self) -> Result<Frame<'_>, SseError> {
        let mut text = std::str::from_utf8(&self.raw).map_err(|_| SseError::NotUtf8)?;
        if self.at_start {
            self.at_start = false;
            text = text.strip_prefix('\u{feff}').unwrap_or(text);
        }
        let (mut event, mut comment) = ("", "");
        let mut data: Option<&str> = None;
        let mut several = false;
        self.joined.clear();
        while let Some((line, rest)) = split_line(text) {
            text = rest;
            let (name, value) = split_field(line);
            match name {
                "data" => {
                    if let Some(first) = data {
                        if !several {
                            several = true;
                            self.joined.push_str(first);
                        }
                        self.joined.push('\n');
                        self.joined.push_str(value);
                    } else {
                        data = Some(value);
                    }
                }
                "event" => event = value,
                "" if !line.is_empty() => comment = value,
                _ => {}
            }
        }
        let data = if several {
            self.joined.as_str()
        } else {
            data.unwrap_or("")
        };
        Ok(Frame {
            event,
            data,
            comment,
            raw: &self.raw,
        })
    }
}

impl Default for SseDecoder {
    fn default() -> Self {
        Self::new(Self::DEFAULT_LIMIT)
    }
}

/// The next line without its terminator, and what follows it. `None` at the end of the text.
fn split_line(text: &str) -> Option<(&str, &str)> {
    if text.is_empty() {
        return None;
    }
    let Some(end) = memchr2(b'\n', b'\r', text.as_bytes()) else {
        return Some((text, ""));
    };
    let (line, rest) = text.split_at(end);
    let rest = rest
        .strip_prefix("\r\n")
        .or_else(|| rest.get(1..))
        .unwrap_or("");
    Some((line, rest))
}

/// Splits a line at its colon; one space behind it belongs to neither side. A comment has the empty
/// name, a line without a colon is all name.
fn split_field(line: &str) -> (&str, &str) {
    match line.split_once(':') {
        Some((name, value)) => (name, value.strip_prefix(' ').unwrap_or(value)),
        None => (line, ""),
    }
}

/// Looks for the blank line that ends a frame, across chunks.
#[derive(Debug)]
struct Boundary {
    /// Nothing stands on the current line yet.
    line_empty: bool,
    /// The frame has a line that is not blank: blank lines before the first one end nothing.
    started: bool,
    /// The last byte was a `\r`: a `\n` right behind it is part of the same line end.
    after_cr: bool,
    /// The line that this `\r` ended was the blank one.
    blank_ended: bool,
    /// The last line end was a `\r` alone. Such a stream has no `\n` to wait for, so its blank line
    /// ends the frame at once.
    lone_cr: bool,
}

impl Boundary {
    const fn new() -> Self {
        Self {
            line_empty: true,
            started: false,
            after_cr: false,
            blank_ended: false,
            lone_cr: false,
        }
    }

    /// Where the frame ends in `bytes` (exclusive), if it does.
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.after_cr {
                self.after_cr = false;
                self.lone_cr = bytes[at] != b'\n';
                at += usize::from(!self.lone_cr);
                if self.blank_ended {
                    *self = Self::new();
                    return Some(at);
                }
                continue;
            }
            let Some(offset) = memchr2(b'\n', b'\r', &bytes[at..]) else {
                self.line_empty = false;
                return None;
            };
            self.line_empty &= offset == 0;
            let blank = self.line_empty && self.started;
            self.started |= !self.line_empty;
            self.line_empty = true;
            at += offset;
            let is_cr = bytes[at] == b'\r';
            at += 1;
            if blank && (!is_cr || self.lone_cr) {
                *self = Self::new();
                return Some(at);
            }
            self.after_cr = is_cr;
            self.blank_ended = blank;
            self.lone_cr &= is_cr;
        }
        None
    }
}

#[cfg(test)]
mod tests;
