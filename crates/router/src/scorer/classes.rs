//! Classes of characters.

use super::counters::Count;

/// Characters of scripts that are written without spaces between words.
pub(super) fn is_cjk(character: char) -> bool {
    matches!(character,
        '\u{4e00}'..='\u{9fff}'       // CJK unified ideographs
        | '\u{3400}'..='\u{4dbf}'     // extension A
        | '\u{f900}'..='\u{faff}'     // compatibility ideographs
        | '\u{20000}'..='\u{3134f}'   // extensions B to G
        | '\u{3041}'..='\u{30ff}'     // Hiragana, Katakana
        | '\u{ac00}'..='\u{d7a3}'     // Hangul syllables
    )
}

/// White space, and what looks like it: padding that says nothing.
pub(crate) fn is_space(character: char) -> bool {
    if character.is_ascii() {
        CLASSES[character as usize % 128] == SPACE
    } else {
        character.is_whitespace() || matches!(character, '\u{feff}' | '\u{200b}')
    }
}

const OTHER: u8 = 0xff;
/// Class of an ASCII letter in lower case.
pub(super) const LOWER: u8 = 0xfe;
pub(super) const UPPER: u8 = 0xfd;
pub(super) const DIGIT: u8 = 0xfc;
pub(super) const SPACE: u8 = 0xfb;

/// Counts of punctuation; the class of such a byte is its index here.
pub(super) const PUNCTUATION: [Count; 13] = [
    Count::Sentences,
    Count::Questions,
    Count::Commas,
    Count::Colons,
    Count::Parentheses,
    Count::Brackets,
    Count::Semicolons,
    Count::Quotes,
    Count::Backticks,
    Count::Dollars,
    Count::Backslashes,
    Count::Underscores,
    Count::Operators,
];

/// The class of every byte; past ASCII there is none.
pub(super) const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let members: [&[u8]; 13] = [
        b".!",
        b"?",
        b",",
        b":",
        b"()",
        b"[]{}",
        b";",
        b"\"'",
        b"`",
        b"$",
        b"\\",
        b"_",
        b"=<>+*/^|&%",
    ];
    let mut classes = [OTHER; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' => LOWER,
            b'A'..=b'Z' => UPPER,
            b'0'..=b'9' => DIGIT,
            // Control characters separate and say nothing.
            0..=b' ' | 127 => SPACE,
            _ => OTHER,
        };
        byte += 1;
    }
    let mut class = 0_u8;
    while (class as usize) < members.len() {
        let mut at = 0;
        while at < members[class as usize].len() {
            classes[members[class as usize][at] as usize] = class;
            at += 1;
        }
        class += 1;
    }
    classes
}
