//! Providers' words without the keys that some of them repeat: OpenAI answers a wrong key with
//! `Incorrect API key provided: sk-proj-****abcd`. What stands in an error ends up in logs.

use std::borrow::Cow;

use steelyard_types::{ErrorKind, ProviderError};

/// What stands in a key's place.
const MASK: &str = "[key]";

/// What the keys of known providers begin with.
const PREFIXES: [&str; 14] = [
    "sk-", "sk_", "pk-", "rk-", "AIza", "ya29.", "xai-", "gsk_", "hf_", "r8_", "nvapi-", "pplx-",
    "fw_", "eyJ",
];

/// Shortest text behind such a beginning that is taken for a key.
const MIN_KEY: usize = 10;

/// Shortest run of letters and digits that is taken for a key where the error is about keys.
const MIN_UNKNOWN_KEY: usize = 20;

/// An error in the provider's words, keys masked.
pub(crate) fn provider_error(kind: ErrorKind, message: &str) -> ProviderError {
    if message.trim().is_empty() {
        return ProviderError::new(kind, "the provider gave no explanation");
    }
    ProviderError::new(kind, masked(message, kind == ErrorKind::UpstreamAuth))
}

/// The message with every word that looks like a key, or like what is left of one, replaced.
/// `about_keys` makes long runs of letters and digits suspicious whatever they begin with.
fn masked(message: &str, about_keys: bool) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut rest = 0;
    while let Some(start) = message[rest..].find(is_of_key).map(|at| rest + at) {
        let end = message[start..]
            .find(|c| !is_of_key(c))
            .map_or(message.len(), |at| start + at);
        if is_key(&message[start..end], about_keys) {
            out.push_str(&message[copied..start]);
            out.push_str(MASK);
            copied = end;
        }
        rest = end;
    }
    if copied == 0 {
        return Cow::Borrowed(message);
    }
    out.push_str(&message[copied..]);
    Cow::Owned(out)
}

/// Whether keys are made of it, masks included.
fn is_of_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*' | '+' | '\u{2022}' | '\u{2026}')
}

fn is_key(word: &str, about_keys: bool) -> bool {
    let known = PREFIXES
        .iter()
        .filter_map(|prefix| word.strip_prefix(prefix))
        .any(|rest| rest.len() >= MIN_KEY);
    let half_masked = word.contains("***") || about_keys && word.contains(['\u{2022}', '\u{2026}']);
    let has = |of: fn(&u8) -> bool| word.as_bytes().iter().any(of);
    let unknown = about_keys
        && word.len() >= MIN_UNKNOWN_KEY
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic);
    known || half_masked || unknown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_and_what_is_left_of_them_are_masked() {
        for (message, shown) in [
            (
                "Incorrect API key provided: sk-proj-********************abcd. You can find yours at https://x.y/account.",
                "Incorrect API key provided: [key] You can find yours at https://x.y/account.",
            ),
            (
                "Authentication Fails, Your api key: ****cdef is invalid",
                "Authentication Fails, Your api key: [key] is invalid",
            ),
            (
                "invalid key 'sk-ant-api03-abcDEF123456_-x'",
                "invalid key '[key]'",
            ),
            ("key=AIzaSyA1234567890abcdefg&alt=sse", "key=[key]&alt=sse"),
            ("no such key: Zk3VxK0pQ2mN8rT6wY1aB4", "no such key: [key]"),
            ("token sk-a\u{2026}wxyz", "token [key]"),
        ] {
            assert_eq!(masked(message, true), shown);
        }
    }

    #[test]
    fn other_words_stay() {
        for message in [
            "",
            "You exceeded your current quota, please check your plan and billing details.",
            "the model `gpt-5.4-mini-2026-03-05` does not exist",
            "tools[0].function.name must match ^[a-zA-Z0-9_-]+$ **now**",
            "request 0123456789abcdef0123456789abcdef",
            "sk-short",
        ] {
            assert_eq!(masked(message, false), message);
        }
        let about = "project `my-team` has no access to claude-opus-4-7-20260401";
        assert_eq!(masked(about, true), about);
    }

    proptest! {
        #[test]
        fn no_key_survives(before in "\\PC{0,20}", key in "[A-Za-z0-9]{20,60}", after in "\\PC{0,20}") {
            let message = format!("{before} sk-{key} {after}");
            prop_assert!(!masked(&message, false).contains(&key));
        }
    }
}
