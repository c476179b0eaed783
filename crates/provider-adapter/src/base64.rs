//! Bytes that clients send as base64 (RFC 4648).

/// The text that is in it; `None` where it is no base64, or no UTF-8 inside.
pub(crate) fn text(data: &str) -> Option<String> {
    String::from_utf8(decoded(data)?).ok()
}

/// The bytes in it. The padding may be missing; nothing else of another alphabet may stand in it.
fn decoded(data: &str) -> Option<Vec<u8>> {
    let unpadded = data.trim_end_matches('=');
    // Up to two of them fill the last four characters.
    let padding = data.len() - unpadded.len();
    if unpadded.len() % 4 == 1 || padding > 2 || padding > 0 && !data.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::with_capacity(unpadded.len() / 4 * 3 + 2);
    for group in unpadded.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for byte in group {
            bits = bits << 6 | u32::from(value(*byte)?);
        }
        // Two characters are one byte, three are two.
        bits <<= 6 * (4 - group.len());
        let [_, all @ ..] = bits.to_be_bytes();
        bytes.extend(all.iter().take(group.len() - 1));
    }
    Some(bytes)
}

fn value(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_are_read() {
        for (encoded, plain) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
            ("Zm9vYg", "foob"),
            ("w6k/", "\u{e9}?"),
        ] {
            assert_eq!(text(encoded).as_deref(), Some(plain), "{encoded}");
        }
        for wrong in [
            "Z", "Zm9v=", "Zg=", "Z===", "Zm 9", "Zm9-", "/w==", "=", "Zg==Zg==",
        ] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }
}
