//! Short turns in one form: in lower case, without punctuation, words one space apart.

use smallvec::SmallVec;
use steelyard_router::visible_bytes;

/// Most bytes of a text that is folded, a run of white space between two characters one byte, a CHOICE: a
/// sentence.
pub(super) const MAX_BYTES: usize = 80;

/// Bytes of a piece in which enough that is visible is looked for first.
const AHEAD: usize = 192;

/// A folded text. Lower case is at most half as long again, and a space stands for at least a byte, so
/// that nothing goes to the heap.
#[derive(Debug, Default)]
pub(super) struct Folded {
    text: SmallVec<[u8; 128]>,
    /// Bytes of the text as it was written, a run of white space one byte, none around it.
    pub(super) bytes: usize,
    /// Whether it has a second line or a colon, behind which something of its own may stand.
    pub(super) opens: bool,
    /// Whether it has a question mark.
    pub(super) asks: bool,
}

impl Folded {
    /// Folds the pieces of a text, each a line of its own. `None` for one that is longer than
    /// [`MAX_BYTES`], which is found out with those read, white space aside.
    pub(super) fn of<'a>(pieces: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut folded = Self::default();
        // A run of white space, and whether a line ends in it.
        let mut blanks = None;
        let mut apart = false;
        for piece in pieces.filter(|piece| !piece.is_empty()) {
            // Most texts are long, and this is told without reading them letter by letter.
            let ahead = (AHEAD..AHEAD + 4).find_map(|end| piece.get(..end));
            if ahead.is_some_and(|ahead| visible_bytes(ahead) > MAX_BYTES) {
                return None;
            }
            for character in piece.chars() {
                if is_blank(character) {
                    blanks = Some(blanks == Some(true) || character == '\n');
                    apart = true;
                    continue;
                }
                let blanks = blanks.take().filter(|_| folded.bytes > 0);
                folded.opens |= blanks == Some(true) || matches!(character, ':' | '：');
                folded.asks |= matches!(character, '?' | '？' | '¿');
                folded.bytes += usize::from(blanks.is_some()) + character.len_utf8();
                if folded.bytes > MAX_BYTES {
                    return None;
                }
                if is_punctuation(character) {
                    apart = true;
                    continue;
                }
                folded.push(character, apart);
                apart = false;
            }
            blanks = Some(true);
            apart = true;
        }
        Some(folded)
    }

    fn push(&mut self, character: char, apart: bool) {
        if apart && !self.text.is_empty() {
            self.text.push(b' ');
        }
        // Phones write the other apostrophe.
        let character = match character {
            '\u{2019}' => '\'',
            other => other,
        };
        let mut buffer = [0; 4];
        for lower in character.to_lowercase() {
            let lower = lower.encode_utf8(&mut buffer);
            self.text.extend_from_slice(lower.as_bytes());
        }
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}

/// Marks that say how something is said, not what.
fn is_punctuation(character: char) -> bool {
    let ascii = character.is_ascii_punctuation() && character != '\'';
    ascii || "…—–。，！？、；：～¡¿،।“”„«»「」（）".contains(character)
}

/// White space as the scorer takes it, so that padding changes nothing here either.
fn is_blank(character: char) -> bool {
    matches!(character, '\0'..=' ' | '\u{7f}' | '\u{200b}' | '\u{feff}')
        || character.is_whitespace()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fold(text: &str) -> Option<Folded> {
        Folded::of(std::iter::once(text))
    }

    #[test]
    fn marks_are_told_and_left_out() {
        for (text, folded, opens, asks) in [
            ("Why\tNOT?!", "why not", false, true),
            ("\u{feff}\nIt’s  so.\n\u{200b}", "it's so", false, false),
            ("one\n two", "one two", true, false),
            ("这：那？", "这 那", true, true),
            (" ...? ", "", false, true),
            (" \n ", "", false, false),
        ] {
            let found = fold(text).expect("it is short");
            let found = (found.text(), found.opens, found.asks);
            assert_eq!(found, (folded, opens, asks), "{text:?}");
        }
        let pieces = Folded::of(["", "two", "", "\n", "words"].into_iter());
        let pieces = pieces.expect("it is short");
        assert_eq!(
            (pieces.text(), pieces.opens, pieces.bytes),
            ("two words", true, 9)
        );
    }

    #[test]
    fn a_long_text_is_not_read_to_its_end() {
        let read = std::cell::Cell::new(0);
        let pieces = std::iter::repeat_n("word", 1_000_000).inspect(|_| read.set(read.get() + 1));
        assert!(Folded::of(pieces).is_none());
        assert_eq!(read.get(), MAX_BYTES / "word\n".len() + 1);
    }

    proptest! {
        #[test]
        fn folding_stays_off_the_heap(text in "(\\PC|[\\p{Lu}\n ]){0,90}") {
            if let Some(folded) = fold(&text) {
                prop_assert!(!folded.text.spilled(), "{}", text);
            }
        }

        #[test]
        fn the_length_of_white_space_is_nothing(
            words in prop::collection::vec("[a-zÉ字.:?]{1,7}", 1..16),
            blanks in prop::collection::vec("[ \t]{1,99}|\n[ \u{3000}]{0,9}|[\u{feff}\r]", 16),
            around in "[ \n\t]{0,300}",
        ) {
            let (mut plain, mut padded) = (String::new(), around.clone());
            for (at, word) in words.iter().enumerate() {
                if at > 0 {
                    plain.push(if blanks[at].contains('\n') { '\n' } else { ' ' });
                    padded.push_str(&blanks[at]);
                }
                plain.push_str(word);
                padded.push_str(word);
            }
            padded.push_str(&around);
            let (one, other) = (fold(&plain), fold(&padded));
            prop_assert_eq!(one.is_some(), plain.len() <= MAX_BYTES);
            let all = |folded: &Folded| {
                (folded.text().to_owned(), folded.bytes, folded.opens, folded.asks)
            };
            prop_assert_eq!(one.as_ref().map(all), other.as_ref().map(all));
        }
    }
}
