//! Runs of white space, skipped many bytes at a time: a text may hold megabytes of it.

/// Bytes of ASCII that are looked at together.
pub(super) const CHUNK: usize = 64;
/// Bytes of wide white space that are compared together: whole characters of two or three bytes.
const WIDE: usize = 48;

/// Bytes other than white space; all must be ASCII.
#[inline]
pub(super) fn visible(chunk: &[u8; CHUNK]) -> usize {
    // One byte holds the count of a chunk.
    let visible = |byte: &u8| u8::from(*byte > b' ' && *byte != 0x7f);
    usize::from(chunk.iter().map(visible).sum::<u8>())
}

/// Whether every byte is ASCII white space; at two of them first, since many runs are short.
#[inline]
fn all_blank(chunk: &[u8; CHUNK]) -> bool {
    let few = first(&chunk[1..]) == 1 && first(&chunk[CHUNK - 1..]) == 1;
    few && visible(chunk) == 0 && chunk.is_ascii()
}

/// Bytes of the white space at the start.
pub(super) fn leading(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let length = first(rest);
        match (length, rest.first_chunk()) {
            (0, _) => return at,
            (1, Some(chunk)) if all_blank(chunk) => at += CHUNK,
            (1, _) => at += 1,
            _ => at += length + repeats(rest, length),
        }
    }
}

/// Bytes of the white space at the end.
pub(super) fn trailing(text: &[u8]) -> usize {
    let mut end = text.len();
    loop {
        let rest = text.get(..end).unwrap_or_default();
        let length = last(rest);
        match (length, rest.last_chunk()) {
            (0, _) => return text.len() - end,
            (1, Some(chunk)) if all_blank(chunk) => end -= CHUNK,
            (1, _) => end -= 1,
            _ => end -= length + repeats_back(rest, length),
        }
    }
}

/// Length of the character at the start if it is white space, otherwise 0.
#[inline]
fn first(text: &[u8]) -> usize {
    match text {
        [0..=b' ' | 0x7f, ..] => 1,
        [0xc2, 0x85 | 0xa0, ..] => 2,
        [first, second, third, ..] if is_wide([*first, *second, *third]) => 3,
        _ => 0,
    }
}

/// Length of the character at the end if it is white space, otherwise 0.
#[inline]
fn last(text: &[u8]) -> usize {
    match text {
        [.., 0..=b' ' | 0x7f] => 1,
        [.., 0xc2, 0x85 | 0xa0] => 2,
        [.., first, second, third] if is_wide([*first, *second, *third]) => 3,
        _ => 0,
    }
}

/// White space of three bytes, as [`super::classes::is_space`] has it.
#[inline]
fn is_wide(bytes: [u8; 3]) -> bool {
    matches!(
        bytes,
        [0xe3, 0x80, 0x80] // U+3000
            | [0xe2, 0x80, 0x80..=0x8b | 0xa8 | 0xa9 | 0xaf] // U+2000 to U+200B, and others
            | [0xe2, 0x81, 0x9f] // U+205F
            | [0xe1, 0x9a, 0x80] // U+1680
            | [0xef, 0xbb, 0xbf] // U+FEFF
    )
}

/// Bytes that can be skipped at the start of the text because the character there, of `length`
/// bytes, comes again after them.
fn repeats(text: &[u8], length: usize) -> usize {
    // One byte first: most runs have no such character twice.
    if text.get(length - 1) != text.get(2 * length - 1) {
        return 0;
    }
    let mut at = 0;
    while let Some(here) = text.get(at..at + WIDE)
        && text.get(at + length..at + length + WIDE) == Some(here)
    {
        at += WIDE;
    }
    at
}

/// The same at the end.
fn repeats_back(text: &[u8], length: usize) -> usize {
    let mut end = text.len();
    let byte = |back: usize| end.checked_sub(back).and_then(|at| text.get(at));
    if byte(1) != byte(length + 1) {
        return 0;
    }
    while let Some(start) = end.checked_sub(length + WIDE)
        && text.get(start..start + WIDE) == text.get(start + length..end)
    {
        end -= WIDE;
    }
    text.len() - end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scorer::classes::is_space;

    #[test]
    fn every_character_is_white_space_or_not_as_its_class_says() {
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            let expected = if is_space(character) { text.len() } else { 0 };
            assert_eq!(first(text.as_bytes()), expected, "{character:?}");
            assert_eq!(last(text.as_bytes()), expected, "{character:?}");
        }
    }

    #[test]
    fn runs_end_at_what_is_visible() {
        for unit in [
            " ",
            "\n \t",
            "\0\x7f",
            "\u{3000}",
            "\u{a0}",
            "\u{3000} ",
            "\u{a0}\u{200b}\r",
        ] {
            for count in [0, 1, 2, 15, 16, 17, 24, 25, 63, 64, 65, 130, 400] {
                let run = unit.repeat(count);
                for end in ["", "x", "é", "字", "\u{3001}", "\u{ff0c}"] {
                    let (before, after) = (format!("{end}{run}"), format!("{run}{end}"));
                    assert_eq!(leading(after.as_bytes()), run.len(), "{after:?}");
                    assert_eq!(trailing(before.as_bytes()), run.len(), "{before:?}");
                }
            }
        }
    }
}
