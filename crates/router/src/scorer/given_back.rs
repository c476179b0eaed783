//! How long a text is that the answer gives back.
//!
//! What outcomes teach about the length of an answer is how long it is in the middle of all requests. A
//! translation is as long as what is translated, which no weight of a word can say.

use super::blank::{self, CHUNK};
use super::classes::is_space;

/// Tokens of the joined segments, about: like `estimate_tokens`, but blind to the length of white space.
/// A space for five other bytes, the usual length of a word, goes with them.
pub(super) fn tokens(segments: &[&str]) -> f32 {
    const PER_BYTE: f32 = 6.0 / 5.0 / 4.0;
    let (mut ascii, mut of_two, mut of_more) = (0_usize, 0_usize, 0_usize);
    for segment in segments {
        let mut rest = *segment;
        while !rest.is_empty() {
            if let Some(chunk) = rest.as_bytes().first_chunk::<CHUNK>()
                && chunk.is_ascii()
            {
                ascii += blank::visible(chunk);
                rest = rest.get(CHUNK..).unwrap_or_default();
                continue;
            }
            let some = rest.char_indices().nth(CHUNK);
            let (few, after) = rest.split_at(some.map_or(rest.len(), |(at, _)| at));
            for character in few.chars().filter(|character| !is_space(*character)) {
                match character.len_utf8() {
                    1 => ascii += 1,
                    2 => of_two += 1,
                    _ => of_more += 1,
                }
            }
            rest = after;
        }
    }
    PER_BYTE * ascii as f32 + 0.5 * of_two as f32 + of_more as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate_tokens;

    #[test]
    fn tokens_are_about_those_of_the_estimate_and_blanks_are_none() {
        for text in [
            "The quick brown fox jumps over the lazy dog, and then once more over the other one. ",
            "你好，世界。今天天气很好，我们去公园走走吧。",
            "привет мир и все остальные ",
            "fn main() { println!(\"{}\", 1 + 1); } ",
        ] {
            let text = text.repeat(20);
            let (own, estimate) = (tokens(&[&text]), estimate_tokens(&text) as f32);
            assert!(
                (own / estimate - 1.0).abs() < 0.2,
                "{text}: {own} {estimate}"
            );
            let padded = text.replace(' ', "   \u{3000}\t ");
            assert!((tokens(&[&padded]) - own).abs() < 0.5);
            let (head, tail) = text.split_at(text.find(' ').unwrap_or(0));
            assert!((tokens(&[head, tail]) - own).abs() < 0.5);
        }
        assert!(tokens(&[&" ".repeat(100_000)]) < 0.5);
    }
}
