//! Vectors: lists of numbers, and as OpenAI writes them in base64, little-endian 32-bit floats
//! (RFC 4648, padded).

use serde::Deserialize;
use steelyard_types::{ErrorKind, ProviderError};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The list of numbers in base64.
///
/// # Errors
/// A list that holds anything but numbers, or one that 32 bits have no room for.
pub(super) fn base64(json: &str) -> Result<String, ProviderError> {
    let numbers: Vec<f32> = numbers(json)?;
    if numbers.iter().any(|number| !number.is_finite()) {
        let message = "a vector of the answer holds a number that 32 bits have no room for";
        return Err(ProviderError::new(ErrorKind::InvalidAnswer, message));
    }
    let bytes: Vec<u8> = numbers.iter().flat_map(|one| one.to_le_bytes()).collect();
    Ok(encode(&bytes))
}

/// Whether it is a list of numbers that a client can read.
///
/// # Errors
/// A list that holds anything but numbers, or one that 64 bits have no room for.
pub(super) fn check(json: &str) -> Result<(), ProviderError> {
    numbers::<f64>(json).map(|_| ())
}

fn numbers<'a, T: Deserialize<'a>>(json: &'a str) -> Result<Vec<T>, ProviderError> {
    serde_json::from_str(json).map_err(|error| {
        let message = format!("a vector of the answer is not a list of numbers: {error}");
        ProviderError::new(ErrorKind::InvalidAnswer, message)
    })
}

fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4_u32 {
            let sextet = group >> (18 - 6 * position) & 0x3f;
            let letter = usize::try_from(sextet).ok().and_then(|at| ALPHABET.get(at));
            // One byte fills two letters, two bytes fill three.
            let is_filled = usize::try_from(position).is_ok_and(|at| at <= chunk.len());
            out.push(if is_filled {
                letter.map_or('=', |letter| char::from(*letter))
            } else {
                '='
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_come_out() {
        for (bytes, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), expected);
        }
    }

    #[test]
    fn floats_are_little_endian() {
        assert_eq!(base64("[1.0, -2]").expect("numbers"), "AACAPwAAAMA=");
        for wrong in ["[\"1\"]", "{}", "[null]", "[1e39]"] {
            let error = base64(wrong).expect_err(wrong);
            assert_eq!(error.kind, ErrorKind::InvalidAnswer);
        }
        check("[1.0, -2, 1e39]").expect("numbers");
        for wrong in ["[\"1\"]", "{}", "[null]", "[1e999]", "[[1]]"] {
            assert_eq!(
                check(wrong).expect_err(wrong).kind,
                ErrorKind::InvalidAnswer
            );
        }
    }
}
