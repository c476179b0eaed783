//! Ids of Gemini's function calls, and the thought signature inside them.

use std::fmt::Write;

use crate::{json, origin};

/// Stands between the id and the signature. `~` is in neither: it is not of base64's alphabet, and
/// ids are letters, digits, `_` and `-`.
const SEPARATOR: &str = "~ts~";

/// Longest signature carried, in bytes. Recorded ones of function calls reach six thousand.
const MAX_SIGNATURE: usize = 16 * 1_024;

/// An id taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpacked<'a> {
    /// The id that the provider knows the call by.
    pub id: &'a str,
    /// The signature that must return with it: base64, behind the mark of its model.
    pub signature: Option<&'a str>,
}

/// Takes an id apart. An id that no Gemini call had is all id.
#[must_use]
pub fn unpack(id: &str) -> Unpacked<'_> {
    match id.rsplit_once(SEPARATOR) {
        Some((id, signature)) if is_signature(signature) => Unpacked {
            id,
            signature: Some(signature),
        },
        _ => Unpacked {
            id,
            signature: None,
        },
    }
}

/// The id with a model's mark before the signature in it ([`origin::mark`]); `None` where it holds no
/// signature.
pub(crate) fn sealed(id: &str, mark: &str) -> Option<String> {
    let unpacked = unpack(id);
    let signature = unpacked.signature?;
    Some([unpacked.id, SEPARATOR, mark, signature].concat())
}

/// The id of a call in an answer. `answer` is what tells this answer from all others, `index` the
/// call's position in it; both only matter where Gemini gave the call no id of its own.
pub(super) fn pack(own: Option<&str>, signature: Option<&str>, answer: &str, index: u32) -> String {
    let mut id = match own {
        Some(own) if !own.is_empty() => own.to_owned(),
        _ => {
            let hash = json::fnv1a(&[answer.as_bytes(), &index.to_be_bytes()]);
            let mut id = String::with_capacity(24);
            // Writing to a string cannot fail.
            let _ = write!(id, "call_{hash:016x}");
            id
        }
    };
    if let Some(signature) = signature.filter(|signature| is_signature(signature)) {
        id.push_str(SEPARATOR);
        id.push_str(signature);
    }
    id
}

/// Whether this is base64 of a length that is carried, with or without a model's mark before it.
fn is_signature(text: &str) -> bool {
    let text = origin::bare(text);
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte);
    (1..=MAX_SIGNATURE).contains(&text.len()) && text.bytes().all(base64)
}

#[cfg(test)]
mod tests {
    use steelyard_types::WireFormat;

    use super::*;

    #[test]
    fn signatures_travel_in_the_id() {
        let id = pack(Some("x8i00o1q"), Some("CiQB/+8="), "answer", 0);
        assert_eq!(id, "x8i00o1q~ts~CiQB/+8=");
        let unpacked = unpack(&id);
        assert_eq!(unpacked.id, "x8i00o1q");
        assert_eq!(unpacked.signature, Some("CiQB/+8="));
    }

    #[test]
    fn a_signature_keeps_the_mark_of_its_model() {
        let mark = origin::mark(WireFormat::GeminiGenerateContent, "gemini-3-flash");
        let id = pack(Some("x8i0"), Some("CiQB/+8="), "answer", 0);
        let sealed = sealed(&id, &mark).unwrap();
        let unpacked = unpack(&sealed);
        assert_eq!(unpacked.id, "x8i0");
        assert_eq!(unpacked.signature, Some(format!("{mark}CiQB/+8=").as_str()));
        assert_eq!(super::sealed("call_1", &mark), None);
    }

    #[test]
    fn calls_without_ids_get_ones_that_tell_them_apart() {
        let id = |answer, index| pack(None, None, answer, index);
        assert_eq!(id("a", 0), id("a", 0));
        assert_ne!(id("a", 0), id("a", 1));
        assert_ne!(id("a", 0), id("b", 0));
        assert!(id("a", 0).starts_with("call_"));
        assert_eq!(pack(Some(""), None, "a", 0), id("a", 0));
    }

    #[test]
    fn ids_of_others_are_left_alone() {
        for id in ["call_abc", "", "a~ts~", "a~ts~not base64", "~ts"] {
            assert_eq!(
                unpack(id),
                Unpacked {
                    id,
                    signature: None
                }
            );
        }
        let long = "A".repeat(MAX_SIGNATURE + 1);
        assert_eq!(pack(Some("a"), Some(&long), "", 0), "a");
    }
}
