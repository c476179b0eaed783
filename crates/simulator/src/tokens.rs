//! Rough token counts and the cutting of a text into deltas.

use serde_json::Value;

/// Whether a character is Chinese, Japanese or Korean, where one character is about one token.
pub(crate) fn is_cjk(character: char) -> bool {
    matches!(character,
        '\u{3000}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}')
}

/// Tokens of a text: a token for every CJK character, one for every four other bytes.
pub(crate) fn count(text: &str) -> u64 {
    let (mut wide, mut bytes) = (0u64, 0u64);
    for character in text.chars() {
        if is_cjk(character) {
            wide += 1;
        } else {
            bytes += character.len_utf8() as u64;
        }
    }
    wide + bytes.div_ceil(4)
}

/// Tokens of everything textual in a JSON value, keys included.
pub(crate) fn count_json(value: &Value) -> u64 {
    match value {
        Value::Null => 0,
        Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => count(text),
        Value::Array(items) => items.iter().map(count_json).sum(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| count(key) + count_json(value))
            .sum(),
    }
}

/// The longest start of the text with at most that many tokens.
pub(crate) fn truncate(text: &str, limit: u64) -> &str {
    if count(text) <= limit {
        return text;
    }
    let (mut wide, mut bytes) = (0u64, 0u64);
    for (at, character) in text.char_indices() {
        if is_cjk(character) {
            wide += 1;
        } else {
            bytes += character.len_utf8() as u64;
        }
        if wide + bytes.div_ceil(4) > limit {
            return &text[..at];
        }
    }
    text
}

/// Cuts a text into deltas of a few tokens, at words where there are words.
/// Joined they are the text again.
pub(crate) fn pieces(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut piece = String::new();
    for character in text.chars() {
        let boundary = character == ' ' || is_cjk(character);
        if boundary && count(&piece) >= 3 {
            found.push(std::mem::take(&mut piece));
        }
        piece.push(character);
    }
    if !piece.is_empty() {
        found.push(piece);
    }
    found
}

/// Cuts a text into exactly `parts` pieces of about the same number of characters,
/// some of them empty when there are more parts than characters.
pub(crate) fn fragments(text: &str, parts: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let parts = parts.max(1);
    (0..parts)
        .map(|part| {
            let from = characters.len() * part / parts;
            let to = characters.len() * (part + 1) / parts;
            characters[from..to].iter().collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{count, fragments, pieces, truncate};

    #[test]
    fn counts_by_script() {
        assert_eq!(count(""), 0);
        assert_eq!(count("eight by"), 2);
        assert_eq!(count("杭州天气"), 4);
    }

    #[test]
    fn pieces_join_to_the_text() {
        for text in [
            "",
            "one",
            "A longer sentence, with 标点 and 中文字符在里面。",
            "  ",
        ] {
            assert_eq!(pieces(text).concat(), text);
            assert_eq!(fragments(text, 3).concat(), text);
            assert_eq!(fragments(text, 3).len(), 3);
        }
        assert!(pieces("A sentence that is cut into several deltas.").len() > 2);
    }

    #[test]
    fn truncation_respects_the_limit_and_characters() {
        assert_eq!(truncate("杭州天气", 2), "杭州");
        assert_eq!(truncate("abcdefgh", 1), "abcd");
        assert_eq!(truncate("short", 100), "short");
        assert_eq!(truncate("short", 0), "");
    }
}
