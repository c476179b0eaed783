//! A prompt or a whole chat request in a line of JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use steelyard_provider_adapter::openai;
use steelyard_types::ChatRequest;

/// The fields of a line, their values as they are written: a number stays the same number.
pub(super) type Fields = BTreeMap<String, Box<RawValue>>;

/// Reads the fields of a line.
pub(super) fn fields(line: &str) -> anyhow::Result<Fields> {
    serde_json::from_str(line).context("not a JSON object")
}

/// The body of a chat request out of `prompt` or `messages` and the fields beside them.
pub(super) fn body(mut fields: Fields) -> anyhow::Result<String> {
    if let Some(prompt) = fields.remove("prompt") {
        let prompt: String = serde_json::from_str(prompt.get())
            .ok()
            .context("`prompt` is not a text")?;
        let messages = json!([{ "role": "user", "content": prompt }]);
        fields.insert("messages".to_owned(), to_raw_value(&messages)?);
    } else if !fields.contains_key("messages") {
        bail!("neither `prompt` nor `messages`");
    }
    if !fields.contains_key("model") {
        fields.insert("model".to_owned(), to_raw_value("auto")?);
    }
    Ok(serde_json::to_string(&fields)?)
}

/// The request that a body is.
pub(super) fn request(body: &str) -> anyhow::Result<ChatRequest<'_>> {
    openai::parse_chat_request(body.as_bytes())
        .map_err(|error| anyhow::anyhow!("{}", Cow::from(error.message)))
}
