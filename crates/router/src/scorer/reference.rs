//! The features by their definition, slowly: what the reader must find, whatever it does for speed.
//!
//! The text is parted into pieces, and each piece is counted with its neighbours in view. No
//! state but that, no blocks, no masks, and cues are words, not hashes.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::classes::{is_cjk, is_space};
use super::counters::{Count, Counts};
use super::scan::{BUCKETS, CHARACTER, NUMBER, SEED, SPREAD};
use super::window::{HEAD_BYTES, TAIL_BYTES};
use super::{Collect, Scratch, cues, extract, scan_text};

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

/// Both halves of the product of two numbers, one flipped over the other.
fn mix(first: u64, second: u64) -> u64 {
    let product = u128::from(first) * u128::from(second);
    let [low, high] = [product % (1 << 64), product >> 64];
    u64::try_from(low ^ high).unwrap()
}

fn lower(word: &str) -> String {
    word.chars().flat_map(char::to_lowercase).collect()
}

/// Sixteen bytes after sixteen of the word in lower case, zeros after its end.
fn hash(word: &str) -> u64 {
    lower(word).as_bytes().chunks(16).fold(0, |hash, group| {
        let number = |bytes: &[u8]| {
            let digits = bytes.iter().rev();
            digits.fold(0, |number, byte| number * 256 + u64::from(*byte))
        };
        let (low, high) = group.split_at(group.len().min(8));
        mix(hash ^ SEED ^ number(low), SPREAD ^ number(high))
    })
}

fn cjk(character: char) -> u64 {
    mix(CHARACTER ^ SEED ^ u64::from(character), SPREAD)
}

fn pair(first: u64, second: u64) -> u64 {
    first.rotate_left(23) ^ second
}

fn bucket(hash: u64) -> u16 {
    let part = hash.wrapping_mul(SPREAD) / (u64::MAX / BUCKETS as u64 + 1);
    u16::try_from(part).unwrap()
}

/// What is read of a text: all of it, or its head and its tail.
fn parts(text: &str) -> Vec<&str> {
    // Where each visible character stands, and the visible bytes before it.
    let mut visible = 0;
    let mut characters = Vec::new();
    for (at, character) in text.char_indices() {
        if !is_space(character) {
            characters.push((at, visible));
            visible += character.len_utf8();
        }
    }
    let after_head = characters.iter().find(|(_, before)| *before >= HEAD_BYTES);
    let tail = characters
        .iter()
        .rfind(|(_, before)| visible - before >= TAIL_BYTES);
    match (after_head, tail) {
        (Some((head, _)), Some((tail, _))) if head < tail => vec![&text[..*head], &text[*tail..]],
        _ => vec![text],
    }
}

#[derive(Debug)]
struct Reference {
    counts: Counts,
    buckets: BTreeSet<u16>,
    cues: HashMap<&'static str, u8>,
}

impl Reference {
    fn read(text: &str) -> Self {
        let mut cues = HashMap::new();
        for (word, kind) in cues::words() {
            cues.entry(word).or_insert(kind);
        }
        let mut reference = Self {
            counts: Counts::new(),
            buckets: BTreeSet::new(),
            cues,
        };
        for (index, part) in parts(text).into_iter().enumerate() {
            reference.pieces(&pieces(part), index == 0);
        }
        reference
    }

    fn count(&mut self, count: Count, amount: usize) {
        self.counts.add(count, u32::try_from(amount).unwrap());
    }

    fn token(&mut self, hash: u64) {
        self.counts.tokens += 1;
        self.buckets.insert(bucket(hash));
    }

    fn cue(&mut self, word: &str) {
        if let Some(kind) = self.cues.get(word) {
            self.counts.add_cue(*kind);
        }
    }

    /// `start` says that the text starts here: a line starts with it, but none ends.
    fn pieces(&mut self, pieces: &[Piece], start: bool) {
        let (mut first, mut ended) = (start, false);
        let mut previous = None;
        for (at, piece) in pieces.iter().enumerate() {
            if let Piece::Space(character) = piece {
                ended |= *character == '\n';
                continue;
            }
            if std::mem::take(&mut ended) {
                first = true;
                self.count(Count::Lines, usize::from(self.counts.tokens > 0));
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
        self.cue(&lower(text));
        Some(hash(text))
    }

    fn cjk(&mut self, character: char, before: Option<&Piece>) {
        self.count(Count::Bytes, 3);
        self.count(Count::Cjk, 1);
        self.token(cjk(character));
        if let Some(Piece::Cjk(before)) = before {
            self.token(pair(cjk(*before), cjk(character)));
            self.cue(&String::from_iter([*before, character]));
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
    let scan = scan_text(&segments, &mut scratch.0.distinct, cues::table(), sink);
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

/// White space of up to 200 bytes, rarely of up to 40,000.
fn blank() -> impl Strategy<Value = String> {
    let few = prop::collection::vec(
        prop::sample::select(vec![
            " ", "\t", "\r", "\0", "\u{a0}", "\u{3000}", "\u{200b}",
        ]),
        0..40,
    );
    let times = prop_oneof![4 => 1..4_usize, 1 => 1..300_usize];
    (few, times).prop_map(|(few, times)| few.concat().repeat(times))
}

/// The text with more of the blanks in every run of white space: with line breaks among them where
/// the run has one.
fn padded(text: &str, blanks: &[String]) -> String {
    let mut padded = String::new();
    let mut blanks = blanks.iter().cycle();
    let runs = pieces(text);
    for run in runs.chunk_by(|one, next| matches!((one, next), (Piece::Space(_), Piece::Space(_))))
    {
        for piece in run {
            match piece {
                Piece::Word(text) | Piece::Number(text) => padded.push_str(text),
                Piece::Cjk(character) | Piece::Mark(character) | Piece::Space(character) => {
                    padded.push(*character);
                }
            }
        }
        if matches!(run, [Piece::Space(_), ..]) {
            let more = blanks.next().map_or(" ", String::as_str);
            padded.push_str(more);
            if run.contains(&Piece::Space('\n')) {
                padded.push('\n');
                padded.push_str(more);
                padded.push('\n');
            }
        }
    }
    padded
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
        compare(&parts.concat(), &cuts);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn long_texts_have_the_features_of_the_definition(
        parts in prop::collection::vec(prop::sample::select(PARTS.to_vec()), 900..1_500),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        compare(&parts.concat(), &cuts);
    }

    #[test]
    fn longer_white_space_has_the_same_features(
        parts in prop::collection::vec(prop::sample::select(PARTS.to_vec()), 0..1_500),
        blanks in prop::collection::vec(blank(), 1..8),
    ) {
        let text = parts.concat();
        let padded = padded(&text, &blanks);
        let mut scratch = Scratch::new();
        let (plain, padded) = (extract(&text, &mut scratch), extract(&padded, &mut scratch));
        prop_assert_eq!(plain, padded);
    }
}
