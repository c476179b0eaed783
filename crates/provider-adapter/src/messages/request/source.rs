//! Where the bytes of pictures and documents are.

use std::borrow::Cow;

use serde::de::Error as _;
use serde_json::value::RawValue;
use steelyard_types::Source;

use super::content::{MAX_BLOCKS, find};
use super::{Read, too_many};
use crate::openai::request::trail::{Step, Trail, says_nothing};
use crate::openai::request::{list, object, string};

/// The words of a document whose source holds nothing else: plain text, or blocks of text. What else
/// such blocks hold is told to `other`.
pub(super) fn plain_text<'a>(
    value: &'a RawValue,
    trail: &Trail,
    other: &mut dyn FnMut(&str, &RawValue) -> Read<()>,
) -> Read<Option<Cow<'a, str>>> {
    let (mut kind, mut data, mut content) = (None, None, None);
    for (name, value) in object(value)? {
        match name.as_ref() {
            "type" => kind = string(value)?,
            "data" if value.get().starts_with('"') => data = string(value)?,
            "content" => content = Some(value),
            _ => {}
        }
    }
    let Some(content) = content.filter(|_| kind.as_deref() == Some("content")) else {
        return Ok(data.filter(|_| kind.as_deref() == Some("text")));
    };
    if content.get().starts_with('"') {
        return string(content);
    }
    trail.within(Step::Field("content"), || joined(content, trail, other))
}

/// The words of blocks of text, one to a line; `None` where there are other blocks.
fn joined<'a>(
    content: &'a RawValue,
    trail: &Trail,
    other: &mut dyn FnMut(&str, &RawValue) -> Read<()>,
) -> Read<Option<Cow<'a, str>>> {
    let blocks = list(content, "a string or a list of blocks")?;
    if blocks.len() > MAX_BLOCKS {
        return Err(too_many(MAX_BLOCKS));
    }
    let mut words = String::new();
    for (index, raw) in blocks.into_iter().enumerate() {
        let text = trail.within(Step::Index(index), || {
            let fields = object(raw)?;
            let is_text = find(&fields, "type").is_some_and(|kind| kind.get() == "\"text\"");
            let text = find(&fields, "text").filter(|_| is_text);
            let text = text.map_or(Ok(None), string)?;
            let odd = |name: &str| !matches!(name, "type" | "text") && text.is_some();
            for (name, value) in fields.iter().filter(|(name, _)| odd(name)) {
                other(name, value)?;
            }
            Ok(text)
        })?;
        let Some(text) = text else {
            return Ok(None);
        };
        if index > 0 {
            words.push('\n');
        }
        words.push_str(&text);
    }
    Ok(Some(Cow::Owned(words)))
}

fn can_be_fetched(url: &str) -> bool {
    let begins = |scheme: &str| {
        let start = url.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    begins("https://") || begins("http://") || begins("gs://")
}

/// Where the bytes are; `None` where the neutral form has no word for the place. What else is said of
/// them has none either, and is noted by its path.
pub(super) fn source<'a>(
    value: &'a RawValue,
    trail: &Trail,
    untranslated: &mut Option<String>,
) -> Read<Option<Source<'a>>> {
    let (mut kind, mut media_type, mut data, mut url) = (None, None, None, None);
    for (name, value) in object(value)? {
        match name.as_ref() {
            "type" => kind = string(value)?,
            "media_type" => media_type = string(value)?,
            "data" if value.get().starts_with('"') => data = string(value)?,
            "url" => url = string(value)?,
            // Of sources that are read elsewhere, or refused by their type.
            "data" | "content" | "file_id" => {}
            _ if says_nothing(value) => {}
            _ => {
                untranslated.get_or_insert_with(|| trail.path_to(&name));
            }
        }
    }
    Ok(match (kind.as_deref(), media_type, data, url) {
        (Some("base64"), Some(media_type), Some(data), _) => {
            Some(Source::Base64 { media_type, data })
        }
        // Providers fetch from the web, Google's from its storage too. What else an address could
        // lead to is nobody's to read.
        (Some("url"), _, _, Some(url)) => can_be_fetched(&url).then_some(Source::Url(url)),
        (Some("base64" | "url"), ..) => {
            let what = "needs media_type and data, or a url";
            return Err(serde_json::Error::custom(what));
        }
        _ => None,
    })
}
