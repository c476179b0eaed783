//! The parts of a message's content, of a function's output, and of thoughts.

use std::borrow::Cow;

use serde::de::Error as _;
use serde_json::value::RawValue;
use steelyard_types::{CacheMark, CachedPart, Document, Image, Message, Part, Source};

use super::{Read, too_many};
use crate::openai::request::trail::{Step, Trail, says_nothing};
use crate::openai::request::{PARSED, RawFields, list, object, string};

/// Most parts of one item.
const MAX_PARTS: usize = 20_000;

/// Reads text or a list of parts into the message.
pub(super) fn content<'a>(
    value: &'a RawValue,
    trail: &Trail,
    message: &mut Message<'a>,
) -> Read<()> {
    if value.get().starts_with('"') {
        message.content.extend(string(value)?.map(Part::Text));
        return Ok(());
    }
    let raws = list(value, "a string or a list of parts")?;
    if raws.len() > MAX_PARTS {
        return Err(too_many(MAX_PARTS));
    }
    for (index, raw) in raws.into_iter().enumerate() {
        trail.within(Step::Index(index), || part(raw, trail, message))?;
    }
    Ok(())
}

/// Reads a list of `summary_text` or `reasoning_text`; `None` where there are no words.
pub(super) fn thoughts<'a>(value: &'a RawValue, trail: &Trail) -> Read<Option<Cow<'a, str>>> {
    let raws = list(value, "a list of parts")?;
    if raws.len() > MAX_PARTS {
        return Err(too_many(MAX_PARTS));
    }
    let mut all: Option<Cow<'a, str>> = None;
    for (index, raw) in raws.into_iter().enumerate() {
        let text = trail.within(Step::Index(index), || {
            let fields = object(raw)?;
            let text = fields.iter().find(|(name, _)| name == "text");
            text.map_or(Ok(None), |(_, text)| string(text))
        })?;
        all = match (all, text) {
            (None, text) => text,
            (some, None) => some,
            (Some(before), Some(text)) => Some(Cow::Owned(format!("{before}\n\n{text}"))),
        };
    }
    Ok(all.filter(|text| !text.is_empty()))
}

fn part<'a>(raw: &'a RawValue, trail: &Trail, message: &mut Message<'a>) -> Read<()> {
    if !raw.get().starts_with('{') {
        return Err(serde_json::Error::custom("must be an object with a type"));
    }
    let mut given = Given::read(object(raw)?, trail, message)?;
    let Some(kind) = given.kind.take() else {
        return trail.wrong("type", "is required");
    };
    let chooses = given.detail.as_deref().is_some_and(|it| it != "auto");
    let read = match kind.as_ref() {
        "input_text" | "output_text" => match given.text {
            Some(text) => Part::Text(text),
            None => return trail.wrong("text", "is required"),
        },
        "refusal" => match given.refusal {
            Some(text) => Part::Refusal(text),
            None => return trail.wrong("refusal", "is required"),
        },
        "input_image" if given.file_id.is_none() => match given.image_url {
            None => return trail.wrong("image_url", "is required"),
            Some(url) => Part::Image(Image {
                source: trail.within(Step::Field("image_url"), || source(url))?,
                detail: given.detail,
            }),
        },
        "input_file" if given.file_id.is_none() => {
            if chooses {
                trail.hint("input_file.detail");
            }
            let source = match (given.file_data, given.file_url) {
                (None, None) => return trail.wrong("file_data", "is required"),
                (None, Some(url)) => Source::Url(url),
                (Some(data), _) => trail.within(Step::Field("file_data"), || source(data))?,
            };
            Part::Document(Document {
                source,
                name: given.filename,
            })
        }
        // A file that lies at OpenAI, sound, or a kind that is newer than this.
        _ => Part::Other { kind, raw },
    };
    if given.marked {
        let position = message.content.len();
        let mark = CacheMark { one_hour: false };
        message.cache.push(CachedPart { position, mark });
    }
    message.content.push(read);
    Ok(())
}

/// The fields of a part.
#[derive(Default)]
struct Given<'a> {
    kind: Option<Cow<'a, str>>,
    text: Option<Cow<'a, str>>,
    refusal: Option<Cow<'a, str>>,
    image_url: Option<Cow<'a, str>>,
    detail: Option<Cow<'a, str>>,
    file_id: Option<Cow<'a, str>>,
    file_data: Option<Cow<'a, str>>,
    file_url: Option<Cow<'a, str>>,
    filename: Option<Cow<'a, str>>,
    /// Whether what stands before is to be cached.
    marked: bool,
}

impl<'a> Given<'a> {
    fn read(fields: RawFields<'a>, trail: &Trail, message: &mut Message<'a>) -> Read<Self> {
        let mut given = Self::default();
        let is_said = |(name, value): &(Cow<'_, str>, &RawValue)| {
            name == "type" && value.get() == "\"output_text\""
        };
        let is_said = fields.iter().any(is_said);
        for (name, value) in fields {
            let place = match name.as_ref() {
                "type" => ("type", &mut given.kind),
                "text" => ("text", &mut given.text),
                "refusal" => ("refusal", &mut given.refusal),
                // Chat's shape is a common mistake, and the path says where it is.
                "image_url" => ("image_url", &mut given.image_url),
                "detail" => ("detail", &mut given.detail),
                "file_id" => ("file_id", &mut given.file_id),
                "file_data" => ("file_data", &mut given.file_data),
                "file_url" => ("file_url", &mut given.file_url),
                "filename" => ("filename", &mut given.filename),
                "annotations" if !says_nothing(value) => {
                    trail.cite();
                    continue;
                }
                // What an answer had besides its words says nothing to a model.
                "annotations" | "logprobs" => continue,
                // The text once more, as an SDK has parsed it.
                PARSED if is_said => continue,
                "prompt_cache_breakpoint" => {
                    given.marked = !matches!(value.get(), "null" | "false");
                    continue;
                }
                _ if says_nothing(value) => continue,
                _ => {
                    let path = || trail.path_to(&name);
                    message.untranslated.get_or_insert_with(path);
                    continue;
                }
            };
            let (field, slot) = place;
            *slot = trail.within(Step::Field(field), || string(value))?;
        }
        Ok(given)
    }
}

/// An address, or bytes in a data URL. OpenAI refuses bare base64 too.
fn source(url: Cow<'_, str>) -> Read<Source<'_>> {
    let begins = |scheme: &str| {
        let start = url.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if !begins("data:") {
        return if begins("http://") || begins("https://") {
            Ok(Source::Url(url))
        } else {
            Err(not_a_place())
        };
    }
    let (media_type, data) = match url {
        Cow::Borrowed(url) => {
            let (media_type, data) = split_data_url(url).ok_or_else(not_a_place)?;
            (lower_case(media_type), Cow::Borrowed(data))
        }
        Cow::Owned(url) => {
            let (media_type, data) = split_data_url(&url).ok_or_else(not_a_place)?;
            let media_type = lower_case(media_type).into_owned();
            (media_type.into(), data.to_owned().into())
        }
    };
    Ok(Source::Base64 { media_type, data })
}

/// Names of types are compared as they are written in lower case.
fn lower_case(media_type: &str) -> Cow<'_, str> {
    if media_type.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(media_type.to_ascii_lowercase())
    } else {
        Cow::Borrowed(media_type)
    }
}

/// Media type without parameters, and data, of `data:image/png;charset=x;base64,...`.
fn split_data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.get("data:".len()..)?.split_once(',')?;
    let (kind, last) = head.rsplit_once(';')?;
    if !last.eq_ignore_ascii_case("base64") {
        return None;
    }
    let media_type = kind.split(';').next().unwrap_or_default();
    (!media_type.is_empty()).then_some((media_type, data))
}

fn not_a_place() -> serde_json::Error {
    serde_json::Error::custom("must be an http(s) address or a data URL in base64")
}
