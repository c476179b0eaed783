//! A prompt or a whole request in a line of JSON.

mod parts;

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};
use steelyard_provider_adapter::{client_dialect, messages};
use steelyard_types::{ChatRequest, Dialect, Message, Role};

use super::super::dialect::dialect_of;
use super::data::{Pairs, not_json, reason};

/// The fields of a line, their values as they are written: a number stays the same number.
pub(super) type Fields = BTreeMap<String, Box<RawValue>>;

/// What can be scored: one of these is in a line.
const ASKED: [&str; 3] = ["prompt", "messages", "input"];

/// Reads the fields of a line.
///
/// # Errors
/// What is no JSON object, and fields that stand twice.
pub(super) fn fields(line: &str) -> anyhow::Result<Fields> {
    let pairs: Pairs<Box<RawValue>> =
        serde_json::from_str(line).map_err(|error| not_json(&error))?;
    pairs.distinct()
}

/// The text of a field.
fn text_of(name: &str, value: &RawValue) -> anyhow::Result<String> {
    serde_json::from_str(value.get()).map_err(|error| match error.is_data() {
        true => anyhow::anyhow!("`{name}` is not a text"),
        false => anyhow::anyhow!("`{name}`: {}", reason(&error)),
    })
}

/// All fields read to their depth.
fn whole(fields: &Fields) -> anyhow::Result<Value> {
    let mut whole = Map::new();
    for (name, value) in fields {
        let value: Value = serde_json::from_str(value.get())
            .map_err(|error| anyhow::anyhow!("`{name}`: {}", reason(&error)))?;
        whole.insert(name.clone(), value);
    }
    Ok(Value::Object(whole))
}

/// A request out of the fields of a line.
pub(super) struct Prompt {
    body: String,
    dialect: Dialect,
}

impl Prompt {
    /// Makes a request of `prompt`, `messages` or `input` and the fields beside it, in the dialect that
    /// its fields tell. A prompt is a user's only message.
    ///
    /// # Errors
    /// Lines with none of these fields or several, requests for embeddings, and parts of kinds that the
    /// dialect does not have: their text would be taken for nothing.
    pub(super) fn of(mut fields: Fields) -> anyhow::Result<Self> {
        fields.retain(|name, value| value.get() != "null" || !ASKED.contains(&name.as_str()));
        let mut asked = ASKED.iter().filter(|name| fields.contains_key(**name));
        match (asked.next(), asked.next()) {
            (None, _) => bail!("none of `prompt`, `messages` and `input`"),
            (Some(one), Some(other)) => bail!("`{one}` and `{other}`: only one can be scored"),
            (Some(_), None) => {}
        }
        if let Some(prompt) = fields.remove("prompt") {
            let prompt = text_of("prompt", &prompt)?;
            let messages = json!([{ "role": "user", "content": prompt }]);
            fields.insert("messages".to_owned(), to_raw_value(&messages)?);
        }
        if !fields.contains_key("model") {
            fields.insert("model".to_owned(), to_raw_value("auto")?);
        }
        let body = serde_json::to_string(&fields)?;
        // No policy says which models make vectors.
        let dialect = dialect_of(body.as_bytes(), |_| false);
        if dialect == Dialect::OpenAiEmbeddings {
            bail!("a request for embeddings, which has no complexity");
        }
        if let Some(odd) = parts::odd(dialect, &whole(&fields)?) {
            return Err(read_as(dialect, &odd));
        }
        Ok(Self { body, dialect })
    }

    /// The request as the gateway reads it. A limit of the answer, which Anthropic's dialect requires,
    /// may be absent: a prompt in a file is not sent anywhere.
    pub(super) fn request(&self) -> anyhow::Result<ChatRequest<'_>> {
        let body = self.body.as_bytes();
        let request = match self.dialect {
            Dialect::AnthropicMessages => messages::parse_count_request(body),
            dialect => client_dialect(dialect).parse(body),
        };
        let request = request.map_err(|error| read_as(self.dialect, &Cow::from(error.message)))?;
        if let Some(path) = unread(&request) {
            let wrong =
                format!("{path}: a field that this dialect does not have, in place of `content`");
            return Err(read_as(self.dialect, &wrong));
        }
        Ok(request)
    }
}

/// The first unknown field of a user's message that says nothing else: what it says is in there. Items of
/// Responses that are no messages have no words.
fn unread<'r>(request: &'r ChatRequest<'_>) -> Option<&'r str> {
    let mut messages = request.messages.iter();
    let is_odd = |message: &&Message<'_>| message.role == Role::User && message.content.is_empty();
    match request.dialect {
        Dialect::OpenAiResponses => None,
        _ => messages.find(is_odd)?.untranslated.as_deref(),
    }
}

/// Says what a line was taken for, beside what is wrong with it.
fn read_as(dialect: Dialect, wrong: &str) -> anyhow::Error {
    let dialect = dialect.as_str();
    anyhow::anyhow!("{wrong} (read as {dialect}, by its fields)")
}
