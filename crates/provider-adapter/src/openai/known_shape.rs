//! Chunks that differ from an earlier one only in the text that they carry.

use memchr::{memchr2, memmem};

/// What stands before the texts that change from chunk to chunk: the answer itself and the padding
/// that OpenAI (`obfuscation`) and Mistral (`p`) add, with and without a space.
const NAMES: [&str; 12] = [
    "\"content\":\"",
    "\"content\": \"",
    "\"reasoning_content\":\"",
    "\"reasoning_content\": \"",
    "\"reasoning\":\"",
    "\"reasoning\": \"",
    "\"arguments\":\"",
    "\"arguments\": \"",
    "\"obfuscation\":\"",
    "\"obfuscation\": \"",
    "\"p\":\"",
    "\"p\": \"",
];

/// Most texts of one chunk.
const MAX_TEXTS: usize = 4;
/// Longest chunk that is remembered, in bytes.
const MAX_BYTES: usize = 4 * 1_024;
/// After so many chunks that were like none before, shapes are remembered no more.
const MAX_MISSES: u32 = 16;

/// The last chunk that was read in full and in which there was nothing but a piece of an answer.
///
/// A chunk that is the same byte for byte, but for what stands inside of some of its strings, has
/// the same fields: it is JSON, and holds no usage, error or finish reason either. That costs a
/// comparison where reading costs a parse, and needs no guess at how a server spells its JSON.
#[derive(Debug, Default)]
pub(crate) struct KnownShape {
    /// The bytes between the texts; one more than there are texts.
    pieces: Vec<Box<[u8]>>,
    misses: u32,
}

impl KnownShape {
    /// Whether `data` is of the remembered shape.
    pub(crate) fn matches(&mut self, data: &str) -> bool {
        let found = self.fits(data.as_bytes());
        if found {
            self.misses = 0;
        }
        found
    }

    fn fits(&self, data: &[u8]) -> bool {
        let Some((first, others)) = self.pieces.split_first() else {
            return false;
        };
        let Some(mut rest) = data.strip_prefix(&**first) else {
            return false;
        };
        for piece in others {
            let Some(end) = text_end(rest) else {
                return false;
            };
            match rest[end..].strip_prefix(&**piece) {
                Some(behind) => rest = behind,
                None => return false,
            }
        }
        rest.is_empty()
    }

    /// Remembers the shape of a chunk that was read in full, in which nothing was to be seen.
    pub(crate) fn remember(&mut self, data: &str) {
        if self.misses >= MAX_MISSES || data.len() > MAX_BYTES {
            return;
        }
        self.misses += 1;
        self.pieces.clear();
        let data = data.as_bytes();
        let mut copied = 0;
        for start in texts(data) {
            let (Some(piece), Some(length)) = (data.get(copied..start), text_end(&data[start..]))
            else {
                self.pieces.clear();
                return;
            };
            self.pieces.push(piece.into());
            copied = start + length;
        }
        self.pieces.push(data[copied..].into());
    }
}

/// Where the texts begin, in order. Between a name with its colon and a quote nothing can stand but
/// the beginning of a string: in sound JSON an escaped quote has a backslash before it, so that the
/// quote behind the name closes the name, and the one behind the colon opens a value.
fn texts(data: &[u8]) -> smallvec::SmallVec<[usize; MAX_TEXTS]> {
    let mut starts: smallvec::SmallVec<[usize; MAX_TEXTS]> = NAMES
        .iter()
        .filter_map(|name| memmem::find(data, name.as_bytes()).map(|at| at + name.len()))
        .collect();
    starts.sort_unstable();
    starts.truncate(MAX_TEXTS);
    starts
}

/// Where the string ends whose inside `data` begins with: at its closing quote. `None` where it
/// holds what JSON does not allow, or an escape that is worth a closer look.
fn text_end(data: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let special = at + memchr2(b'"', b'\\', &data[at..])?;
        if data[at..special].iter().any(|byte| *byte < 0x20) {
            return None;
        }
        if data[special] == b'"' {
            return Some(special);
        }
        if !matches!(
            data.get(special + 1)?,
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'
        ) {
            return None;
        }
        at = special + 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHUNK: &str = r#"{"id":"c","choices":[{"index":0,"delta":{"content":"TEXT"},"finish_reason":null}],"usage":null,"obfuscation":"PAD"}"#;

    fn chunk(text: &str, pad: &str) -> String {
        CHUNK.replace("TEXT", text).replace("PAD", pad)
    }

    #[test]
    fn only_texts_may_differ() {
        let mut shape = KnownShape::default();
        assert!(!shape.matches(&chunk("a", "")));
        shape.remember(&chunk("a", "x"));
        for (text, pad) in [("", ""), ("b \\\"usage\\\" \\n é", "yz"), ("\\\\", "q")] {
            assert!(shape.matches(&chunk(text, pad)), "{text}");
        }
        let longer = format!("{} ", chunk("a", "x"));
        for other in [
            "",
            "[DONE]",
            &chunk("a", "x").replace("null}", "\"stop\"}"),
            &chunk("a", "x").replace("\"usage\":null", "\"usage\":{}"),
            &chunk("a\",\"x\":\"", "x"),
            &chunk("a\n", "x"),
            &chunk("\\x", "x"),
            &chunk("a", "x")[..60],
            &longer,
        ] {
            assert!(!shape.matches(other), "{other}");
        }
    }

    #[test]
    fn streams_that_are_never_alike_cost_no_more() {
        let mut shape = KnownShape::default();
        for number in 0..MAX_MISSES {
            shape.remember(&format!("{{\"number\":{number}}}"));
        }
        shape.remember("{}");
        assert!(!shape.matches("{}"));
    }

    /// Chunks with what matters in any of its spellings, or without.
    fn any_chunk() -> impl Strategy<Value = String> {
        let text = r#"([a-z"\\{},:\n]|\\n|\\"|\\u0041|usage|error|"content":"){0,6}"#;
        let finish = prop_oneof![Just("null"), Just("\"stop\""), Just("\"\"")];
        let tail = prop_oneof![
            Just(""),
            Just(",\"usage\":null"),
            Just(",\"us\\u0061ge\":{\"prompt_tokens\":1}"),
            Just(",\"usage\":{\"prompt_tokens\":1}"),
            Just(", \"error\" : {\"message\":\"no\"}"),
            Just(",\"error\":null"),
        ];
        (text, finish, tail, 0..3_u32).prop_map(|(text, finish, tail, index)| {
            format!(
                r#"{{"choices":[{{"index":{index},"delta":{{"content":"{text}"}},"finish_reason":{finish}}}]{tail}}}"#
            )
        })
    }

    proptest! {
        #[test]
        fn nothing_to_see_means_the_same_as_a_parse(first in any_chunk(), second in any_chunk()) {
            let read = |data: &str| {
                let raw = bytes::Bytes::new();
                let frame = crate::sse::Frame { event: "", data, comment: "", raw: &raw };
                let mut decoder = crate::openai::ChunkDecoder::default();
                let mut ends = 0;
                let look = decoder.read(&frame, &mut |event| {
                    use steelyard_types::StreamEvent::{Done, Error, Finish, Usage};
                    ends += u32::from(matches!(event, Done | Error(_) | Finish(_) | Usage(_)));
                });
                (look.is_plain(), look.usage, ends)
            };
            let seen = read(&first);
            let mut shape = KnownShape::default();
            if seen.0 {
                shape.remember(&first);
            }
            if shape.matches(&second) {
                prop_assert_eq!(read(&second), seen, "{} {}", first, second);
            }
        }
    }
}
