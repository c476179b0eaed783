//! Pictures in prompts: whether they are ones, and what is seen of them.

/// The formats that every provider with eyes takes.
pub(crate) const FORMATS: &[&str] = &["image/jpeg", "image/png", "image/gif", "image/webp"];

/// What is wrong with a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Neither an address nor a `data:` URL.
    NoAddress,
    /// The data is not base64, or there is none.
    NotBase64,
    /// The kind is none of [`FORMATS`].
    Format(String),
}

/// What is seen of a picture at an address or in a `data:` URL: its address, or its kind and how
/// many bytes it has.
pub(crate) fn at(url: &str) -> Result<String, Flaw> {
    if let Some(rest) = url.strip_prefix("data:") {
        let (head, data) = rest.split_once(',').ok_or(Flaw::NotBase64)?;
        let kind = head.split(';').next().unwrap_or_default();
        if !head.ends_with(";base64") {
            return Err(Flaw::NotBase64);
        }
        return inline(kind, data);
    }
    let is_address = ["https://", "http://", "gs://", "oss://"]
        .iter()
        .any(|scheme| {
            url.strip_prefix(scheme)
                .is_some_and(|rest| !rest.is_empty())
        });
    if is_address {
        Ok(url.to_owned())
    } else {
        Err(Flaw::NoAddress)
    }
}

/// What is seen of a picture in base64.
pub(crate) fn inline(kind: &str, data: &str) -> Result<String, Flaw> {
    let bytes = base64_bytes(data).filter(|bytes| *bytes > 0);
    let bytes = bytes.ok_or(Flaw::NotBase64)?;
    if !FORMATS.contains(&kind) {
        return Err(Flaw::Format(kind.to_owned()));
    }
    Ok(format!("{kind} of {bytes} bytes"))
}

/// How many bytes a text in base64 stands for.
fn base64_bytes(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches('=');
    let legal = |each: u8| each.is_ascii_alphanumeric() || b"+/-_".contains(&each);
    let padding = text.len() - digits.len();
    let fits = digits.len() % 4 != 1 && padding <= 2;
    (fits && digits.bytes().all(legal)).then_some(digits.len() * 3 / 4)
}

#[cfg(test)]
mod tests {
    use super::{Flaw, at, inline};

    #[test]
    fn pictures_are_seen() {
        assert_eq!(
            at("data:image/png;base64,AAECAw==").unwrap(),
            "image/png of 4 bytes"
        );
        assert_eq!(
            at("data:image/png;name=a.png;base64,AAEC").unwrap(),
            "image/png of 3 bytes"
        );
        let address = "https://pictures.test/a.png";
        assert_eq!(at(address).unwrap(), address);
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        for (url, flaw) in [
            ("a.png", Flaw::NoAddress),
            ("https://", Flaw::NoAddress),
            ("data:image/png;base64", Flaw::NotBase64),
            ("data:image/png,AAEC", Flaw::NotBase64),
            ("data:image/png;base64,", Flaw::NotBase64),
            ("data:image/png;base64,A*EC", Flaw::NotBase64),
            ("data:image/png;base64,AAECA", Flaw::NotBase64),
            (
                "data:text/plain;base64,AAEC",
                Flaw::Format("text/plain".to_owned()),
            ),
        ] {
            assert_eq!(at(url), Err(flaw), "{url}");
        }
        assert_eq!(inline("image/png", ""), Err(Flaw::NotBase64));
    }
}
