//! Bodies that are not understood, such as a proxy's HTML.

use steelyard_types::{ErrorKind, ProviderError};

use crate::classify;
use crate::masked::provider_error;

/// What a body means that is not the provider's error object, such as a proxy's HTML: what its
/// status says. A status that is none of an error leaves a body that cannot be read.
pub(crate) fn unreadable(status: u16, body: &[u8]) -> ProviderError {
    let start = body.get(..MAX_WORDS).unwrap_or(body);
    let words = match std::str::from_utf8(start) {
        Ok(words) => words,
        // Cut within a character; anything else that is not UTF-8, such as a compressed body, is not
        // words.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => "",
    };
    let words = words.trim_start_matches('\u{feff}').trim();
    let is_page = words.starts_with('<') || words.contains('\0');
    let kind = classify::kind_of_words(status, if is_page { "" } else { words });
    let mut error = if words.is_empty() || kind == ErrorKind::InvalidAnswer || is_page {
        ProviderError::new(
            kind,
            format!("the provider answered {status} without an explanation"),
        )
    } else {
        provider_error(kind, words)
    };
    error.status = Some(status);
    error
}

/// Most bytes looked at of a body that is not understood.
const MAX_WORDS: usize = 8 * 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_are_repeated() {
        let words = |body: &[u8]| unreadable(400, body).message;
        assert_eq!(words(b" slow down\n"), "slow down");
        let silent = "the provider answered 400 without an explanation";
        for body in [
            b"".as_slice(),
            b"\xef\xbb\xbf<html>no</html>",
            b"\x1f\x8b\x08\0\0gzip",
            b"a\0b",
        ] {
            assert_eq!(words(body), silent, "{body:?}");
        }
        let long = "\u{e9}".repeat(MAX_WORDS);
        assert_eq!(
            words(&long.as_bytes()[..=MAX_WORDS]).chars().count(),
            ProviderError::MAX_MESSAGE_CHARS
        );
        assert!(words(b"wrong key sk-abcdefghijklmnop").ends_with("[key]"));
    }
}
