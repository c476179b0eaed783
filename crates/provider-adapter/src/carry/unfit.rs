//! What is the matter with a part that a format has no place for.

use std::borrow::Cow;

use serde::Deserialize;
use steelyard_types::{Part, Source};

use crate::json::Text;

/// Longest media type that is named, in characters.
const MAX_NAME: usize = 60;

/// The part's type, and what of it a client can change: a picture's format, where it lies.
pub(super) fn described<'p>(part: &'p Part<'_>) -> Cow<'p, str> {
    match part {
        Part::Image(image) => of_source("image", &image.source),
        Part::Document(document) => of_source("document", &document.source),
        Part::Other { kind, raw } => match (kind.as_ref(), source_type(raw.get()).as_deref()) {
            // One with an address that can be read is an image.
            ("image_url", _) => {
                "image_url whose url is neither http(s) nor a data URL in base64".into()
            }
            (kind, Some("text")) => format!("{kind} as text").into(),
            (kind, Some("content")) => format!("{kind} as blocks").into(),
            (kind, Some("file")) => format!("{kind} as a file of another provider").into(),
            (kind, _) => kind.into(),
        },
        Part::Text(_) | Part::Refusal(_) => "text".into(),
        Part::Reasoning(_) => "thinking".into(),
    }
}

fn of_source(kind: &'static str, source: &Source<'_>) -> Cow<'static, str> {
    match source {
        Source::Url(_) => format!("{kind} with a url").into(),
        Source::Base64 { media_type, .. } => {
            let name: String = media_type.chars().take(MAX_NAME).collect();
            format!("{kind} ({name})").into()
        }
    }
}

/// The `source.type` of a block of Anthropic's.
fn source_type(raw: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Block<'a> {
        #[serde(borrow)]
        source: Inner<'a>,
    }
    #[derive(Deserialize)]
    struct Inner<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
    }
    let block: Block<'_> = serde_json::from_str(raw).ok()?;
    Some(block.source.kind.0.into_owned())
}
