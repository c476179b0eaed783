//! Pictures, documents and sound.
//!
//! Bytes in the request are sent as `inlineData`. An address is sent as `fileData`: Gemini reads
//! public and signed `https` addresses, those of its File API and YouTube's, and `gs://` where it
//! may; what it cannot read it answers with 400. Other schemes are refused here. The type is told
//! where the path's ending says it.

use std::borrow::Cow;

use steelyard_types::{Part, Source};

use super::wire::Media;
use crate::sound::Sound;

/// Types of pictures that Gemini takes (<https://ai.google.dev/gemini-api/docs/image-understanding>).
const IMAGES: [&str; 5] = [
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/heic",
    "image/heif",
];

/// Types by the ending of a path.
const ENDINGS: [(&str, &str); 24] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("gif", "image/gif"),
    ("pdf", "application/pdf"),
    ("json", "application/json"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("html", "text/html"),
    ("csv", "text/csv"),
    ("xml", "text/xml"),
    ("wav", "audio/wav"),
    ("mp3", "audio/mp3"),
    ("aiff", "audio/aiff"),
    ("aac", "audio/aac"),
    ("ogg", "audio/ogg"),
    ("flac", "audio/flac"),
    ("mp4", "video/mp4"),
    ("mpeg", "video/mpeg"),
    ("mov", "video/mov"),
    ("webm", "video/webm"),
];

/// Types that a function's response can hold (Gemini 3).
const IN_RESPONSES: [&str; 5] = [
    "image/png",
    "image/jpeg",
    "image/webp",
    "application/pdf",
    "text/plain",
];

/// The part as Gemini is sent it; `None` if it is not media.
///
/// # Errors
/// Why Gemini does not take it, as the rest of a sentence that begins with the part.
pub(super) fn media<'r>(part: &'r Part<'_>) -> Result<Option<Media<'r>>, String> {
    match part {
        Part::Image(image) => of_source(&image.source).map(Some),
        Part::Document(document) => of_source(&document.source).map(Some),
        Part::Other { kind, raw } if kind == "input_audio" => sound(raw.get()).map(Some),
        _ => Ok(None),
    }
}

/// Whether it can stand in a function's response instead of beside it.
pub(super) fn fits_response(media: &Media<'_>) -> bool {
    match media {
        Media::InlineData { mime_type, .. } => IN_RESPONSES.contains(&mime_type.as_ref()),
        Media::FileData { .. } => false,
    }
}

fn of_source<'r>(source: &'r Source<'_>) -> Result<Media<'r>, String> {
    match source {
        Source::Base64 { media_type, data } => Ok(Media::InlineData {
            mime_type: taken(media_type)?,
            data: Cow::Borrowed(data),
        }),
        Source::Url(url) => {
            let known = ["https://", "gs://"];
            if !known.iter().any(|scheme| url.starts_with(scheme)) {
                return Err(
                    "is at an address that is not https, which Gemini does not read".into(),
                );
            }
            let mime_type = type_of(url);
            if let Some(name) = mime_type {
                taken(name)?;
            }
            Ok(Media::FileData {
                mime_type,
                file_uri: url,
            })
        }
    }
}

/// The type in Gemini's words.
fn taken(media_type: &str) -> Result<Cow<'_, str>, String> {
    let name = if media_type == "image/jpg" {
        "image/jpeg"
    } else {
        media_type
    };
    let family = name.split('/').next().unwrap_or_default();
    let takes = match family {
        "image" => IMAGES.contains(&name),
        "audio" | "video" | "text" => true,
        _ => matches!(name, "application/pdf" | "application/json"),
    };
    if takes {
        Ok(Cow::Borrowed(name))
    } else {
        let name: String = name.chars().take(60).collect();
        Err(format!("is {name}, which Gemini does not take"))
    }
}

fn type_of(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    let (_, rest) = path.split_once("://")?;
    let (_, file) = rest.rsplit_once('/')?;
    let (_, ending) = file.rsplit_once('.')?;
    let known = |(name, _): &&(&str, &'static str)| ending.eq_ignore_ascii_case(name);
    ENDINGS.iter().find(known).map(|(_, name)| *name)
}

/// OpenAI's `{"type":"input_audio","input_audio":{"data","format"}}`.
fn sound(raw: &str) -> Result<Media<'_>, String> {
    let Sound { data, format } =
        crate::sound::sound(raw).ok_or_else(|| "needs input_audio.data and .format".to_owned())?;
    let known = ENDINGS
        .iter()
        .find(|(ending, name)| *ending == format && name.starts_with("audio/"));
    match known {
        Some((_, name)) => Ok(Media::InlineData {
            mime_type: Cow::Borrowed(*name),
            data,
        }),
        None => Err("is sound in a format that Gemini does not take".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_off_addresses() {
        for (url, name) in [
            ("https://example.com/a/b.PNG?x=1.pdf#y", Some("image/png")),
            ("https://example.com/b.tar.pdf", Some("application/pdf")),
            ("https://example.com", None),
            ("https://example.com/watch?v=a.png", None),
            ("https://example.com/a.b/c", None),
        ] {
            assert_eq!(type_of(url), name, "{url}");
        }
    }

    #[test]
    fn what_gemini_does_not_take_is_named() {
        assert_eq!(taken("image/jpg").as_deref(), Ok("image/jpeg"));
        for name in ["image/gif", "application/zip", "image", "", "font/otf"] {
            assert!(taken(name).is_err(), "{name}");
        }
        let at = |url: &str| of_source(&Source::Url(url.to_owned().into())).is_ok();
        assert!(at("https://www.youtube.com/watch?v=x"));
        assert!(at("gs://bucket/a.pdf"));
        for url in [
            "http://example.com/a.png",
            "file:///a.png",
            "https://example.com/a.gif",
        ] {
            assert!(!at(url), "{url}");
        }
    }
}
