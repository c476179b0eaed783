//! What is the matter with a part or a field that a format has no place for.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use steelyard_types::{ChatRequest, Dialect, Document, Image, Part, Source};

use crate::Refusal;
use crate::json::Text;
use crate::openai::request::{BREAKPOINT, Fields};

/// Longest media type and longest word of a client that is named, in characters.
const MAX_NAME: usize = 60;

/// The refusal of a field that the neutral form has no word for. Where the field is the type of
/// something, which type it is says more than that it is there.
pub(super) fn unknown(request: &ChatRequest<'_>, field: &str, provider: &str) -> Refusal {
    let kind = field.ends_with(".type").then(|| kind_at(request, field));
    let reason = match (kind.flatten(), own_word(request.dialect, field)) {
        (Some(kind), _) => format!("is {kind}, which is not carried to {provider}"),
        (None, Some(own)) => format!("is not a field of this API, which calls it {own}"),
        (None, None) => format!("is not carried to {provider}"),
    };
    super::refuse(field, reason)
}

/// The field in which the client limits the answer's length, as it wrote it, or as it would write it
/// where it wrote none.
#[must_use]
pub fn limit_field(request: &ChatRequest<'_>) -> &'static str {
    let is_given = |name: &&str| {
        let mut fields = request.fields.iter();
        fields.any(|field| field.name == *name && field.value.get() != "null")
    };
    let names = ["max_completion_tokens", "max_output_tokens", "max_tokens"];
    let otherwise = match request.dialect {
        Dialect::OpenAiChat => "max_completion_tokens",
        Dialect::OpenAiResponses => "max_output_tokens",
        _ => "max_tokens",
    };
    names.into_iter().find(is_given).unwrap_or(otherwise)
}

/// The client's word for marks that what stands before them is to be cached. In chat completions there
/// are two, OpenAI's own and the one that servers took over from Anthropic.
pub(crate) fn cache_word(request: &ChatRequest<'_>) -> &'static str {
    let breakpoints = || {
        let mut fields = request.fields.iter();
        fields.any(|field| field.name == "messages" && field.value.get().contains(BREAKPOINT))
    };
    match request.dialect {
        Dialect::OpenAiResponses => BREAKPOINT,
        Dialect::OpenAiChat if breakpoints() => BREAKPOINT,
        _ => "cache_control",
    }
}

/// The dialect's own word for a field that others of the dialects have.
fn own_word(dialect: Dialect, field: &str) -> Option<&'static str> {
    Some(match (dialect, field) {
        (Dialect::OpenAiResponses, "max_tokens" | "max_completion_tokens") => "max_output_tokens",
        (Dialect::OpenAiResponses, "messages") => "input",
        (Dialect::OpenAiResponses, "response_format") => "text.format",
        (Dialect::OpenAiResponses, "reasoning_effort") => "reasoning.effort",
        (Dialect::OpenAiChat, "max_output_tokens") => "max_completion_tokens",
        (Dialect::OpenAiChat, "input") => "messages",
        (Dialect::OpenAiChat, "stop_sequences") => "stop",
        (Dialect::AnthropicMessages, "max_completion_tokens" | "max_output_tokens") => "max_tokens",
        (Dialect::AnthropicMessages, "stop") => "stop_sequences",
        (Dialect::AnthropicMessages, "response_format") => "output_config.format",
        (Dialect::AnthropicMessages, "reasoning_effort") => "output_config.effort",
        (Dialect::AnthropicMessages, "user") => "metadata.user_id",
        _ => return None,
    })
}

/// The word at a path such as `tools[0].type`, where it is written as types are.
fn kind_at(request: &ChatRequest<'_>, path: &str) -> Option<String> {
    let mut steps = path.split('.');
    let (name, position) = step(steps.next()?);
    let field = request.fields.iter().find(|field| field.name == name)?;
    let mut value = at(field.value, position)?;
    for step_text in steps {
        let (name, position) = step(step_text);
        let Fields(members) = serde_json::from_str(value.get()).ok()?;
        let (_, found) = members.into_iter().find(|(key, _)| *key == name)?;
        value = at(found, position)?;
    }
    let Text(word) = serde_json::from_str(value.get()).ok()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let fits = !word.is_empty() && word.len() <= MAX_NAME && word.chars().all(is_plain);
    fits.then(|| word.into_owned())
}

/// `tools[0]` as its name and position.
fn step(step: &str) -> (&str, Option<usize>) {
    let Some((name, rest)) = step.split_once('[') else {
        return (step, None);
    };
    (name, rest.trim_end_matches(']').parse().ok())
}

/// The value itself, or its entry at that position.
fn at(value: &RawValue, position: Option<usize>) -> Option<&RawValue> {
    let Some(position) = position else {
        return Some(value);
    };
    let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
    items.get(position).copied()
}

/// The part's type as the client's dialect calls it, and what of it a client can change: a
/// picture's format, where it lies.
pub(super) fn described<'p>(part: &'p Part<'_>, dialect: Dialect) -> Cow<'p, str> {
    let (image_type, document_type) = match dialect {
        Dialect::AnthropicMessages => ("image", "document"),
        Dialect::OpenAiResponses => ("input_image", "input_file"),
        Dialect::OpenAiChat | Dialect::OpenAiCompletions | Dialect::OpenAiEmbeddings => {
            ("image_url", "file")
        }
    };
    match part {
        Part::Image(image) => of_source(image_type, &image.source),
        Part::Document(document) => of_source(document_type, &document.source),
        Part::Other { kind, raw } => match (kind.as_ref(), source_type(raw.get()).as_deref()) {
            // One with an address that can be read is an image.
            ("image_url", _) => {
                "image_url whose url is neither http(s) nor a data URL in base64".into()
            }
            (kind, Some("url")) => format!("{kind} whose url is not http(s)").into(),
            (kind, Some("content")) => format!("{kind} as blocks").into(),
            (kind, Some("file")) => format!("{kind} as a file of another provider").into(),
            (kind, _) => kind.into(),
        },
        Part::Text(_) | Part::Refusal(_) => "text".into(),
        Part::Reasoning(_) => "thinking".into(),
    }
}

/// Refuses pictures and documents at addresses that are not https, for providers that answer 400 to
/// those: Anthropic, with "Only HTTPS URLs are supported".
pub(crate) fn check_addresses(request: &ChatRequest<'_>, provider: &str) -> Result<(), Refusal> {
    let scheme = "http://";
    let begins = |url: &str| {
        let start = url.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    for (index, message) in request.messages.iter().enumerate() {
        let is_plain = |part: &Part<'_>| match part {
            Part::Image(Image { source, .. }) | Part::Document(Document { source, .. }) => {
                matches!(source, Source::Url(url) if begins(url))
            }
            _ => false,
        };
        if let Some(position) = message.content.iter().position(is_plain) {
            let field = format!("messages[{index}].content[{position}]");
            let reason =
                format!("is at an address that is not https, which {provider} does not read");
            return Err(super::refuse(field, reason));
        }
    }
    Ok(())
}

/// Whether the part lies in Google's storage, where only Google's models read it.
pub(super) fn is_in_bucket(part: &Part<'_>) -> bool {
    match part {
        Part::Image(image) => of_bucket(&image.source),
        Part::Document(document) => of_bucket(&document.source),
        _ => false,
    }
}

fn of_bucket(source: &Source<'_>) -> bool {
    matches!(source, Source::Url(url) if url.starts_with("gs://"))
}

fn of_source(kind: &'static str, source: &Source<'_>) -> Cow<'static, str> {
    match source {
        source if of_bucket(source) => format!("{kind} in Google's storage").into(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::parse_chat_request;

    #[test]
    fn parts_are_called_as_the_client_calls_them() {
        let part = Part::Document(Document {
            source: Source::Url("https://x.y/z.pdf".into()),
            name: None,
        });
        for (dialect, name) in [
            (Dialect::OpenAiChat, "file with a url"),
            (Dialect::OpenAiResponses, "input_file with a url"),
            (Dialect::AnthropicMessages, "document with a url"),
        ] {
            assert_eq!(described(&part, dialect), name);
        }
    }

    #[test]
    fn a_mark_for_the_cache_is_named_as_it_was_written() {
        for mark in [
            r#""prompt_cache_breakpoint": {"mode": "explicit"}"#,
            r#""cache_control": {"type": "ephemeral"}"#,
        ] {
            let body = format!(
                r#"{{"model": "m", "messages": [{{"role": "user", "content":
                    [{{"type": "text", "text": "x", {mark}}}]}}]}}"#
            );
            let request = parse_chat_request(body.as_bytes()).unwrap();
            assert_eq!(request.messages[0].cache.len(), 1, "{mark}");
            assert_eq!(request.messages[0].untranslated, None, "{mark}");
            let name = cache_word(&request);
            assert!(mark.contains(&format!("\"{name}\"")), "{mark}: {name}");
        }
    }

    #[test]
    fn a_limit_is_named_as_it_was_written() {
        for (limit, name) in [
            (r#""max_tokens": 5"#, "max_tokens"),
            (r#""max_completion_tokens": 5"#, "max_completion_tokens"),
            (
                r#""max_completion_tokens": null, "max_tokens": 5"#,
                "max_tokens",
            ),
            (r#""n": 1"#, "max_completion_tokens"),
        ] {
            let body = format!(
                r#"{{"model": "m", "messages": [{{"role": "user", "content": "x"}}], {limit}}}"#
            );
            let request = parse_chat_request(body.as_bytes()).unwrap();
            assert_eq!(limit_field(&request), name, "{limit}");
        }
    }

    #[test]
    fn types_are_named_and_other_values_are_not() {
        let body = br#"{"model": "m", "messages": [{"role": "user", "content": "x"}],
            "a": [{"type": "one"}, {"b": {"type": "web_search_2"}}], "c": {"type": "a secret"}}"#;
        let request = parse_chat_request(body).unwrap();
        for (field, reason) in [
            ("a[0].type", "is one, which is not carried to P"),
            ("a[1].b.type", "is web_search_2, which is not carried to P"),
            ("a[2].type", "is not carried to P"),
            ("c.type", "is not carried to P"),
            ("model", "is not carried to P"),
            (
                "max_output_tokens",
                "is not a field of this API, which calls it max_completion_tokens",
            ),
        ] {
            assert_eq!(unknown(&request, field, "P").reason, reason, "{field}");
        }
    }
}
