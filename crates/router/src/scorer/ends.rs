//! The two ends of a long text, where its instruction stands.
//!
//! "Summarise in one sentence:" before a page of a contract is a hundred words of law and four that
//! say what is to be done. So the ends of a text count once more by themselves: its first line and
//! its last sentence, in a bounded number of bytes. Like all reading it is blind to the length of
//! white space and to where segments are cut. Nothing is allocated.

use super::blank;
use super::classes::{is_cjk, is_space};

/// Bytes other than white space from which on a text has ends: a shorter one is all instruction.
pub(super) const LEAST_BYTES: u32 = 400;
/// Bytes other than white space of one end, at most.
pub(super) const END_BYTES: usize = 160;
/// Bytes other than white space before a colon that ends an instruction, at least: "Question:" is none.
pub(super) const BEFORE_COLON: usize = 12;
/// A byte of white space may stand before each of the others.
const ROOM: usize = 2 * END_BYTES;

/// First line and last sentence of a text.
#[derive(Debug)]
pub(super) struct Ends {
    first: End,
    last: End,
}

impl Ends {
    /// The ends of the joined segments.
    pub(super) fn of(segments: &[&str]) -> Self {
        Self {
            first: first_line(segments),
            last: last_sentence(segments),
        }
    }

    /// Segments of the text that both ends make: a line each.
    pub(super) fn segments(&self) -> [&str; 3] {
        [self.first.text(), "\n", self.last.text()]
    }
}

/// A bounded text that grows at one side, its runs of white space one space each.
#[derive(Debug)]
struct End {
    bytes: [u8; ROOM],
    from: usize,
    to: usize,
    /// Bytes other than white space.
    visible: usize,
    /// Where a whole word ended last.
    whole: Option<usize>,
}

impl End {
    fn at(place: usize) -> Self {
        Self {
            bytes: [0; ROOM],
            from: place,
            to: place,
            visible: 0,
            whole: None,
        }
    }

    fn text(&self) -> &str {
        let bytes = self.bytes.get(self.from..self.to).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    fn has_room(&self, more: &str) -> bool {
        self.visible + more.len() <= END_BYTES
    }

    fn append(&mut self, more: &str, visible: bool) {
        let end = self.to + more.len();
        if let Some(room) = self.bytes.get_mut(self.to..end) {
            room.copy_from_slice(more.as_bytes());
            self.to = end;
            self.visible += if visible { more.len() } else { 0 };
        }
    }

    fn prepend(&mut self, more: &str, visible: bool) {
        if let Some(start) = self.from.checked_sub(more.len())
            && let Some(room) = self.bytes.get_mut(start..self.from)
        {
            room.copy_from_slice(more.as_bytes());
            self.from = start;
            self.visible += if visible { more.len() } else { 0 };
        }
    }
}

/// Bytes of ASCII at the start before white space, as far as an end may need them.
fn ascii_ahead(text: &str) -> usize {
    let bytes = text.as_bytes().iter().take(END_BYTES + 1);
    bytes.take_while(|byte| is_visible_ascii(**byte)).count()
}

/// Bytes of ASCII at the end behind white space, as far as an end may need them.
fn ascii_behind(text: &str) -> usize {
    let bytes = text.as_bytes().iter().rev().take(END_BYTES + 1);
    bytes.take_while(|byte| is_visible_ascii(**byte)).count()
}

fn is_visible_ascii(byte: u8) -> bool {
    (b'!'..=b'~').contains(&byte)
}

/// The first line, to a colon that ends an instruction, in whole words.
fn first_line(segments: &[&str]) -> End {
    let mut end = End::at(0);
    // A run of white space, and whether a line ends in it.
    let mut blanks = None;
    for segment in segments {
        let mut rest = *segment;
        while let Some(character) = rest.chars().next() {
            if is_space(character) {
                let (run, after) = rest.split_at(blank::leading(rest.as_bytes()));
                blanks = Some(blanks == Some(true) || run.contains('\n'));
                rest = after;
                continue;
            }
            let before = blanks.take().filter(|_| end.visible > 0);
            if let Some(line_ended) = before {
                let colon = end.text().ends_with(':') && end.visible >= BEFORE_COLON;
                if line_ended || colon {
                    return end;
                }
            }
            if before.is_some() || is_cjk(character) {
                end.whole = Some(end.to);
            }
            let (run, after) = rest.split_at(ascii_ahead(rest).max(character.len_utf8()));
            if !end.has_room(run) {
                end.to = end.whole.unwrap_or(end.to);
                if end.whole.is_none() {
                    let room = END_BYTES - end.visible;
                    end.append(run.get(..room).unwrap_or_default(), true);
                }
                return end;
            }
            if before.is_some() {
                end.append(" ", false);
            }
            end.append(run, true);
            rest = after;
        }
    }
    end
}

/// The last sentence of the last line, in whole words.
fn last_sentence(segments: &[&str]) -> End {
    let mut end = End::at(ROOM);
    let mut blanks = None;
    for segment in segments.iter().rev() {
        let mut rest = *segment;
        while let Some(character) = rest.chars().next_back() {
            if is_space(character) {
                let length = rest.len() - blank::trailing(rest.as_bytes());
                let (before, run) = rest.split_at(length);
                blanks = Some(blanks == Some(true) || run.contains('\n'));
                rest = before;
                continue;
            }
            let after = blanks.take().filter(|_| end.visible > 0);
            let sentence_ends = match character {
                '。' | '？' | '！' => end.visible > 0,
                '.' | '?' | '!' => after.is_some(),
                _ => false,
            };
            if after == Some(true) || sentence_ends {
                return end;
            }
            if after.is_some() || is_cjk(character) {
                end.whole = Some(end.from);
            }
            let length = ascii_behind(rest).max(character.len_utf8());
            let (before, run) = rest.split_at(rest.len() - length);
            if !end.has_room(run) {
                end.from = end.whole.unwrap_or(end.from);
                if end.whole.is_none() {
                    let cut = run.len() - (END_BYTES - end.visible);
                    end.prepend(run.get(cut..).unwrap_or_default(), true);
                }
                return end;
            }
            if after.is_some() {
                end.prepend(" ", false);
            }
            end.prepend(run, true);
            rest = before;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ends(text: &str) -> (String, String) {
        let ends = Ends::of(&[text]);
        (ends.first.text().to_owned(), ends.last.text().to_owned())
    }

    #[test]
    fn an_instruction_is_parted_from_what_it_speaks_of() {
        let passage = "The lender may call the loan. Interest accrues daily";
        for (text, first, last) in [
            (
                format!("Summarise in one line:\n\n{passage}"),
                "Summarise in one line:",
                "Interest accrues daily",
            ),
            (
                format!("Summarise in one line: {passage}"),
                "Summarise in one line:",
                "Interest accrues daily",
            ),
            (
                format!("  {passage}.\n Who may  call it?\n"),
                "The lender may call the loan. Interest accrues daily.",
                "Who may call it?",
            ),
            (
                "概括下面的内容：\n贷款人可以要求还款。利息按日计算。".to_owned(),
                "概括下面的内容：",
                "利息按日计算。",
            ),
            (
                "Question: why?".to_owned(),
                "Question: why?",
                "Question: why?",
            ),
            (" \n".to_owned(), "", ""),
        ] {
            assert_eq!(ends(&text), (first.to_owned(), last.to_owned()), "{text}");
        }
    }

    #[test]
    fn an_end_is_bounded_and_made_of_whole_words() {
        let words = "seven letters ".repeat(40);
        let (first, last) = ends(&words);
        assert!(
            first.ends_with(" letters") || first.ends_with(" seven"),
            "{first}"
        );
        assert!(
            last.starts_with("letters ") || last.starts_with("seven "),
            "{last}"
        );
        let visible = |text: &str| text.bytes().filter(|byte| *byte != b' ').count();
        for end in [&first, &last] {
            assert!((END_BYTES - 7..=END_BYTES).contains(&visible(end)), "{end}");
        }
        for unit in ["字", "x", "é", "🎉", "a ", "。"] {
            let (first, last) = ends(&unit.repeat(1_000));
            assert!(
                visible(&first) <= END_BYTES && visible(&last) <= END_BYTES,
                "{unit}"
            );
            assert!(!first.is_empty() && !last.is_empty(), "{unit}");
        }
    }

    proptest! {
        #[test]
        fn ends_do_not_depend_on_cuts_nor_on_the_length_of_white_space(
            words in prop::collection::vec("[a-zé字.:?。]{1,9}|\\PC{1,3}", 0..120),
            blanks in prop::collection::vec("[ \t]{1,3}|\n|[ \u{3000}]\n", 1..6),
            more in prop::collection::vec("[ \r\t]{0,90}", 1..6),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        ) {
            let (mut plain, mut padded) = (String::new(), String::new());
            for (at, word) in words.iter().enumerate() {
                let (blank, more) = (&blanks[at % blanks.len()], &more[at % more.len()]);
                plain.extend([word, blank.as_str()]);
                padded.extend([word, more, blank.as_str(), more]);
            }
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(padded.len() + 1)).collect();
            at.retain(|cut| padded.is_char_boundary(*cut));
            at.extend([0, padded.len()]);
            at.sort_unstable();
            let segments: Vec<&str> =
                at.iter().zip(&at[1..]).filter_map(|(from, to)| padded.get(*from..*to)).collect();
            let cut = Ends::of(&segments);
            prop_assert_eq!(ends(&plain), (cut.first.text().to_owned(), cut.last.text().to_owned()));
            let visible = |text: &str| text.chars().filter(|c| *c != ' ').map(char::len_utf8).sum::<usize>();
            for end in [cut.first.text(), cut.last.text()] {
                prop_assert!(visible(end) <= END_BYTES, "{}", end);
                let words: Vec<&str> = plain.split(is_space).filter(|word| !word.is_empty()).collect();
                let spaced = words.join(" ");
                prop_assert!(spaced.contains(end), "{}", end);
            }
        }
    }
}
