//! The features by their definition, slowly: what the reader must find, whatever it does for speed.
//!
//! The text is parted into pieces, and each piece is counted with its neighbours in view. No
//! state but that, no blocks, no masks. Only the hashes are the reader's own,
//! and so is what they confuse: `c0i` counts as the cue with which it shares its hash.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::classes::{is_cjk, is_space};
use super::counters::{Count, Counts};
use super::scan::{NUMBER, SEED, SPREAD, bucket_of};
use super::{Collect, Scratch, cues, scan_text};

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Word(String),
    Number(String),
    /// A character of a script without spaces.
    Cjk(char),
    Mark(char),
    Space(char),
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for character in text.chars() {
        let letter = !is_cjk(character) && character.is_alphanumeric();
        let digit = character.is_ascii_digit();
        match pieces.last_mut() {
            Some(Piece::Word(word)) if letter => word.push(character),
            Some(Piece::Number(number)) if digit => number.push(character),
            _ if is_space(character) => pieces.push(Piece::Space(character)),
            _ if is_cjk(character) => pieces.push(Piece::Cjk(character)),
            _ if digit => pieces.push(Piece::Number(character.to_string())),
            _ if letter => pieces.push(Piece::Word(character.to_string())),
            _ => pieces.push(Piece::Mark(character)),
        }
    }
    pieces
}

fn hash(word: &str) -> u64 {
    let lower = word.to_ascii_lowercase();
    let steps = |hash: u64, byte| hash.rotate_left(5) ^ u64::from(byte);
    lower.bytes().fold(SEED, steps).wrapping_mul(SPREAD)
}

fn cjk(character: char) -> u64 {
    (SEED ^ u64::from(character)).wrapping_mul(SPREAD)
}

fn pair(first: u64, second: u64) -> u64 {
    (first.rotate_left(23) ^ second).wrapping_mul(SPREAD)
}

#[derive(Debug)]
struct Reference {
    counts: Counts,
    buckets: BTreeSet<u16>,
    cues: HashMap<u64, u8>,
}

impl Reference {
    fn read(text: &str) -> Self {
        let mut cues = HashMap::new();
        for (word, kind) in cues::words() {
            let mut letters = word.chars();
            let hash = match (letters.next(), letters.next()) {
                (Some(first), Some(second)) if is_cjk(first) => pair(cjk(first), cjk(second)),
                _ => hash(word),
            };
            cues.entry(hash).or_insert(kind);
        }
        let mut reference = Self {
            counts: Counts::new(),
            buckets: BTreeSet::new(),
            cues,
        };
        reference.pieces(&pieces(text));
        reference
    }

    fn count(&mut self, count: Count, amount: usize) {
        self.counts.add(count, u32::try_from(amount).unwrap());
    }

    fn token(&mut self, hash: u64) {
        self.counts.tokens += 1;
        self.buckets.insert(bucket_of(hash));
    }

    fn cue(&mut self, hash: u64) {
        if let Some(kind) = self.cues.get(&hash) {
            self.counts.add_cue(*kind);
        }
    }

    fn pieces(&mut self, pieces: &[Piece]) {
        // At the start of the text a line starts, but none ends.
        let (mut first, mut breaks) = (true, 0);
        let mut previous = None;
        for (at, piece) in pieces.iter().enumerate() {
            if let Piece::Space(character) = piece {
                breaks += usize::from(*character == '\n');
                continue;
            }
            if breaks > 0 {
                first = true;
                if self.counts.tokens > 0 {
                    self.count(Count::Lines, 1);
                    self.count(Count::Paragraphs, usize::from(breaks > 1));
                }
                breaks = 0;
            }
            let next = pieces.get(at + 1);
            match piece {
                Piece::Word(text) | Piece::Number(text) => {
                    if let Some(token) = self.word_or_number(piece, text, first, next) {
                        self.token(token);
                        if let Some(previous) = previous {
                            self.token(pair(previous, token));
                        }
                        previous = Some(token);
                    }
                }
                Piece::Cjk(character) => {
                    self.cjk(*character, at.checked_sub(1).and_then(|at| pieces.get(at)));
                    previous = None;
                }
                Piece::Mark(mark) => self.mark(*mark, first),
                Piece::Space(_) => {}
            }
            first = false;
        }
    }

    fn word_or_number(
        &mut self,
        piece: &Piece,
        text: &str,
        first: bool,
        next: Option<&Piece>,
    ) -> Option<u64> {
        let length = text.chars().count();
        let word = matches!(piece, Piece::Word(_));
        self.count(Count::Bytes, length);
        let digits = text.chars().filter(char::is_ascii_digit).count();
        self.count(Count::Digits, digits);
        let others = text.chars().filter(|letter| !letter.is_ascii()).count();
        self.count(Count::OtherLetters, others);
        let marked = matches!(next, Some(Piece::Mark('.' | ')')));
        if first && marked && length <= if word { 1 } else { 2 } {
            self.count(Count::Items, 1);
            return None;
        }
        if !word {
            self.count(Count::Numbers, 1);
            self.count(Count::LongNumbers, usize::from(length >= 4));
            return Some(NUMBER + length.min(4) as u64);
        }
        self.counts.letters += u32::try_from(length).unwrap();
        self.count(Count::Words, 1);
        self.count(Count::LongWords, usize::from(length >= 9));
        let capital = text.chars().next().is_some_and(char::is_uppercase);
        self.count(Count::Capitals, usize::from(capital && !first));
        let hash = hash(text);
        self.cue(hash);
        Some(hash)
    }

    fn cjk(&mut self, character: char, before: Option<&Piece>) {
        self.count(Count::Bytes, 3);
        self.count(Count::Cjk, 1);
        self.token(cjk(character));
        if let Some(Piece::Cjk(before)) = before {
            let pair = pair(cjk(*before), cjk(character));
            self.token(pair);
            self.cue(pair);
        }
    }

    fn mark(&mut self, mark: char, first: bool) {
        self.count(Count::Bytes, if mark.is_ascii() { 1 } else { 3 });
        self.count(
            Count::Items,
            usize::from(first && matches!(mark, '-' | '*')),
        );
        let kinds = [
            (Count::Sentences, ".!。！"),
            (Count::Questions, "?？"),
            (Count::Commas, ",，、"),
            (Count::Colons, ":："),
            (Count::Parentheses, "()（）"),
            (Count::Brackets, "[]{}"),
            (Count::Semicolons, ";；"),
            (Count::Quotes, "\"'“”‘’「」《》"),
            (Count::Backticks, "`"),
            (Count::Dollars, "$"),
            (Count::Backslashes, "\\"),
            (Count::Underscores, "_"),
            (Count::Operators, "=<>+*/^|&%×÷±"),
        ];
        let sign = matches!(mark, '\u{2190}'..='\u{22ff}' | '\u{2a00}'..='\u{2aff}');
        for (count, marks) in kinds {
            let other = sign && count == Count::Operators;
            self.count(count, usize::from(marks.contains(mark) || other));
        }
    }
}

/// Reads the text in segments, cut near the given places, and compares with the definition.
fn compare(text: &str, cuts: &[usize]) {
    let mut segments = Vec::new();
    let mut rest = text;
    for cut in cuts {
        let cut = (0..=cut % (rest.len() + 1))
            .rev()
            .find(|at| rest.is_char_boundary(*at));
        let (segment, after) = rest.split_at(cut.unwrap_or(0));
        segments.push(segment);
        rest = after;
    }
    segments.push(rest);
    let mut scratch = Scratch::new();
    let sink = Collect {
        buckets: Vec::new(),
    };
    let scan = scan_text(&segments, &mut scratch.0, cues::table(), sink);
    let reference = Reference::read(text);
    let mut buckets = scan.sink.buckets;
    buckets.sort_unstable();
    assert_eq!(scan.counts, reference.counts, "{segments:?}");
    assert!(buckets.iter().eq(&reference.buckets), "{segments:?}");
    assert_eq!(scan.distinct as usize, buckets.len(), "{segments:?}");
}

/// What texts are made of, and what lies near an edge: of a word of eight letters, of a block of
/// 64 bytes, of a line, of a script.
const PARTS: [&str; 47] = [
    " ",
    " ",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\n \n",
    "\r\n",
    "\t",
    "\u{3000}",
    "\u{200b}",
    "\0",
    "\u{7f}",
    ".",
    ".",
    ",",
    ")",
    "-",
    "*",
    "(",
    "_",
    "#",
    "=",
    "a",
    "B",
    "B.",
    "2)",
    "12",
    "123",
    "4567",
    "3rd",
    "the",
    "Prove",
    "ALGORITHM",
    "exactly8",
    "ninewords",
    "counterexample",
    "pneumonoultramicroscopicsilicovolcanoconiosis",
    "é",
    "Été",
    "ß",
    "²",
    "证明",
    "字",
    "。",
    "×",
    "                                                            ",
];

#[test]
fn long_words_and_runs_are_read_as_short_ones() {
    for length in [1, 7, 8, 9, 16, 17, 31, 32, 63, 64, 65, 80, 130] {
        for unit in ["a", "Z", "7", " ", "\n", ".", "é", "字", "a1", "1a", "1 "] {
            let run = unit.repeat(length);
            for text in [
                run.clone(),
                format!("{run} "),
                format!("x {run}. The end"),
                format!("\n{run}\n- b"),
            ] {
                compare(&text, &[]);
                compare(&text, &[length / 2]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn bytes_have_the_features_of_the_definition(
        bytes in prop::collection::vec(any::<u8>(), 0..1_200),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        compare(&String::from_utf8_lossy(&bytes), &cuts);
    }

    #[test]
    fn ascii_has_the_features_of_the_definition(
        bytes in prop::collection::vec(0..128_u8, 0..1_200),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        compare(&String::from_utf8_lossy(&bytes), &cuts);
    }

    #[test]
    fn texts_have_the_features_of_the_definition(
        parts in prop::collection::vec(prop::sample::select(PARTS.to_vec()), 0..120),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        let mut text = parts.concat();
        // Longer texts are read at both ends only.
        let end = (0..=text.len().min(4_096)).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        compare(&text, &cuts);
    }
}
