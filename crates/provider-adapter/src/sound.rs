//! Sound in messages: OpenAI's `{"type":"input_audio","input_audio":{"data","format"}}`, which the
//! neutral form keeps as it came.

use std::borrow::Cow;

use serde::Deserialize;

use crate::json::Text;

/// Sound as base64, and its format (`wav`, `mp3`).
pub(crate) struct Sound<'a> {
    pub(crate) data: Cow<'a, str>,
    pub(crate) format: Cow<'a, str>,
}

/// Reads such a part; `None` where something of it is missing.
pub(crate) fn sound(raw: &str) -> Option<Sound<'_>> {
    #[derive(Deserialize)]
    struct Part<'a> {
        #[serde(borrow)]
        input_audio: Inner<'a>,
    }
    #[derive(Deserialize)]
    struct Inner<'a> {
        #[serde(borrow)]
        data: Text<'a>,
        #[serde(borrow)]
        format: Text<'a>,
    }
    let part: Part<'_> = serde_json::from_str(raw).ok()?;
    let Inner { data, format } = part.input_audio;
    Some(Sound {
        data: data.0,
        format: format.0,
    })
}
