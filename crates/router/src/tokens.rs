/// Estimates how many tokens a text is, without a tokenizer.
///
/// Four bytes of ASCII and one character of three or more UTF-8 bytes (CJK) are about one token
/// each with the tokenizers of the current vendors; two-byte characters (Cyrillic, Greek, accented
/// Latin) are about half a token. An estimate is enough to choose among models and context tiers:
/// what is billed is always the provider's own count. Counting exactly costs 20 to 600 µs a prompt.
///
/// One pass over the bytes, vectorised by the compiler, no allocation.
#[must_use]
pub fn estimate_tokens(text: &str) -> u64 {
    let mut leads_of_two = 0_u64;
    let mut leads_of_more = 0_u64;
    let mut ascii = 0_u64;
    for chunk in text.as_bytes().chunks(255) {
        // Byte-sized counters within a chunk let the compiler count many bytes at once.
        let (mut one, mut two, mut more) = (0_u8, 0_u8, 0_u8);
        for byte in chunk {
            one += u8::from(*byte < 0x80);
            two += u8::from((0xC0..0xE0).contains(byte));
            more += u8::from(*byte >= 0xE0);
        }
        ascii += u64::from(one);
        leads_of_two += u64::from(two);
        leads_of_more += u64::from(more);
    }
    ascii.div_ceil(4) + leads_of_two.div_ceil(2) + leads_of_more
}

/// Counts the bytes of a text other than white space, as the scorer takes it: Unicode's, ASCII's control
/// characters, U+200B and U+FEFF. Padding changes no such count.
///
/// Linear passes over the bytes, vectorised by the compiler, no allocation.
#[must_use]
pub fn visible_bytes(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut blank = 0_usize;
    for chunk in bytes.chunks(255) {
        // Byte-sized counters, as above.
        let blank_ascii = |byte: &u8| u8::from(*byte <= b' ') | u8::from(*byte == 0x7f);
        blank += usize::from(chunk.iter().map(blank_ascii).sum::<u8>());
    }
    if !text.is_ascii() {
        blank += wide_blank_bytes(bytes);
    }
    bytes.len() - blank
}

/// Bytes of the white space past ASCII in UTF-8, which has characters of two and three bytes. No other
/// character has such bytes in it.
fn wide_blank_bytes(text: &[u8]) -> usize {
    let second = text.get(1..).unwrap_or_default();
    let third = text.get(2..).unwrap_or_default();
    let (mut of_two, mut of_three) = (0_usize, 0_usize);
    for (first, second) in text.chunks(255).zip(second.chunks(255)) {
        let pairs = first.iter().zip(second);
        // U+0085 and U+00A0.
        let blank = pairs.map(|(a, b)| u8::from((*a == 0xc2) & ((*b == 0x85) | (*b == 0xa0))));
        of_two += usize::from(blank.sum::<u8>());
    }
    let chunks = text.chunks(255).zip(second.chunks(255));
    for ((first, second), third) in chunks.zip(third.chunks(255)) {
        let threes = first.iter().zip(second).zip(third);
        let blank = threes.map(|((a, b), c)| u8::from(is_wide_blank(*a, *b, *c)));
        of_three += usize::from(blank.sum::<u8>());
    }
    2 * of_two + 3 * of_three
}

/// Without branches, so that many are looked at together.
#[inline]
fn is_wide_blank(first: u8, second: u8, third: u8) -> bool {
    // U+2000 to U+200B, U+2028, U+2029, U+202F and U+205F.
    let general = (second == 0x80)
        & ((0x80..=0x8b).contains(&third) | (third == 0xa8) | (third == 0xa9) | (third == 0xaf))
        | ((second == 0x81) & (third == 0x9f));
    ((first == 0xe2) & general)
        | ((first == 0xe3) & (second == 0x80) & (third == 0x80)) // U+3000
        | ((first == 0xe1) & (second == 0x9a) & (third == 0x80)) // U+1680
        | ((first == 0xef) & (second == 0xbb) & (third == 0xbf)) // U+FEFF
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scorer::is_space;

    #[test]
    fn counts_by_script() {
        assert_eq!(estimate_tokens(""), 0);
        assert_eq!(estimate_tokens("a"), 1);
        assert_eq!(
            estimate_tokens("The quick brown fox jumps over the lazy dog."),
            11
        );
        assert_eq!(estimate_tokens("你好，世界"), 5);
        assert_eq!(estimate_tokens("привет"), 3);
        assert_eq!(estimate_tokens(&"word ".repeat(1_000)), 1_250);
    }
    fn visible_one_by_one(text: &str) -> usize {
        let visible = text.chars().filter(|character| !is_space(*character));
        visible.map(char::len_utf8).sum()
    }

    #[test]
    fn every_character_is_visible_or_not_as_for_the_scorer() {
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            assert_eq!(
                visible_bytes(&text),
                visible_one_by_one(&text),
                "{character:?}"
            );
        }
        for blank in [" ", "\t\n", "\u{3000}", "\u{a0}", "\u{200b} \u{feff}\0"] {
            for count in [0, 1, 50, 84, 85, 86, 127, 128, 255, 256, 1_000] {
                let blank = blank.repeat(count);
                assert_eq!(visible_bytes(&blank), 0);
                let padded = format!("字{blank}é.{blank}");
                assert_eq!(visible_bytes(&padded), "字é.".len(), "{padded:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn visible_bytes_are_those_of_the_visible_characters(
            text in "([a-z ]{0,300}|[\\x00-\\x20\u{7f}]{1,9}|[\u{80}-\u{a1}\u{1680}\u{2000}-\u{2060}\u{3000}-\u{3002}\u{feff}]{1,99}|\\PC){0,9}",
        ) {
            prop_assert_eq!(visible_bytes(&text), visible_one_by_one(&text));
        }
    }
}
