//! What every format that is not the client's own must ask of a request before it can carry it.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use steelyard_types::{
    ChatRequest, Dialect, ErrorKind, NumberText, OutputFormat, Part, ProviderError, Target,
    ToolChoice,
};

use crate::masked::provider_error;
use crate::turns::Call;
use crate::{Refusal, classify, json};

/// The sampling parameters that are to be written: those that the client set, less those that say
/// what a model which refuses them does anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sampling<'a> {
    pub(crate) temperature: Option<NumberText<'a>>,
    pub(crate) top_p: Option<NumberText<'a>>,
}

pub(crate) fn refuse(field: impl Into<String>, reason: impl Into<String>) -> Refusal {
    Refusal {
        field: field.into(),
        reason: reason.into(),
    }
}

/// Refuses what the neutral form has no words for, and what the model cannot do. `provider` is the
/// name used in the reasons.
pub(crate) fn check(
    request: &ChatRequest<'_>,
    target: &Target,
    provider: &str,
) -> Result<(), Refusal> {
    if let Some(field) = request.untranslated.first() {
        return Err(not_yet(field.as_ref(), provider));
    }
    if let Some(field) = not_carried(request) {
        return Err(not_yet(field, provider));
    }
    for (index, message) in request.messages.iter().enumerate() {
        if let Some(field) = &message.untranslated {
            return Err(not_yet(field.as_str(), provider));
        }
        for (position, part) in message.content.iter().enumerate() {
            let kind = match part {
                // Thoughts are of use to the model alone that had them: they stay behind.
                Part::Text(_) | Part::Refusal(_) | Part::Reasoning(_) => continue,
                Part::Image(_) => "image",
                Part::Document(_) => "document",
                Part::Other { kind, .. } => kind.as_ref(),
            };
            return Err(refuse(
                format!("messages[{index}].content[{position}]"),
                format!("of type {kind} is not carried to {provider} yet"),
            ));
        }
    }
    if request.tools.is_empty()
        && matches!(
            request.tool_choice,
            Some(ToolChoice::Required | ToolChoice::Function(_))
        )
    {
        return Err(refuse(
            "tool_choice",
            "asks for a call, but there are no tools",
        ));
    }
    check_limit(request, target)?;
    sampling(request, target).map(drop)
}

fn not_yet(field: impl Into<String>, provider: &str) -> Refusal {
    refuse(field, format!("is not carried to {provider} yet"))
}

/// The first field that has a word in the neutral form but none in any foreign format yet.
fn not_carried(request: &ChatRequest<'_>) -> Option<&'static str> {
    let named = |openai, anthropic| match request.dialect {
        Dialect::OpenAiChat => openai,
        Dialect::AnthropicMessages => anthropic,
    };
    let given = [
        ("top_k", request.top_k.is_some()),
        ("seed", request.seed.is_some()),
        ("presence_penalty", request.presence_penalty.is_some()),
        ("frequency_penalty", request.frequency_penalty.is_some()),
        ("n", request.n.is_some_and(|n| n != 1)),
        ("logprobs", request.logprobs == Some(true)),
        (
            named("response_format", "output_config.format"),
            !matches!(request.format, OutputFormat::Text),
        ),
        (
            named("reasoning_effort", "thinking"),
            request.reasoning.is_some(),
        ),
        (
            named("user", "metadata.user_id"),
            request.end_user.is_some(),
        ),
        ("metadata", request.metadata.is_some()),
        ("service_tier", request.service_tier.is_some()),
    ];
    given
        .into_iter()
        .find_map(|(field, given)| given.then_some(field))
}

/// Refuses a limit that the provider would answer with 400, so that a larger model can be tried.
pub(crate) fn check_limit(request: &ChatRequest<'_>, target: &Target) -> Result<(), Refusal> {
    let most = target.max_output_tokens;
    match request.max_output_tokens {
        Some(asked) if most > 0 && asked > most => {
            let newer = "max_completion_tokens";
            let has_newer = request.fields.iter().any(|field| field.name == newer);
            let field = if has_newer { newer } else { "max_tokens" };
            Err(refuse(
                field,
                format!(
                    "is {asked}, but {} writes at most {most} tokens",
                    target.upstream
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// The sampling parameters to write.
///
/// # Errors
/// The model takes none, and the client wants another value than the default of 1.
pub(crate) fn sampling<'a>(
    request: &ChatRequest<'a>,
    target: &Target,
) -> Result<Sampling<'a>, Refusal> {
    let keep = |field: &str, value: Option<NumberText<'a>>| match value {
        Some(number) if target.refuses_sampling => {
            if is_one(number) {
                Ok(None)
            } else {
                Err(refuse(
                    field,
                    format!("is not 1, and {} takes no other value", target.upstream),
                ))
            }
        }
        other => Ok(other),
    };
    Ok(Sampling {
        temperature: keep("temperature", request.temperature)?,
        top_p: keep("top_p", request.top_p)?,
    })
}

/// The number as a float, to compare it with a limit. What is sent is always the text.
pub(crate) fn value(number: NumberText<'_>) -> f64 {
    number.0.parse().unwrap_or(f64::NAN)
}

pub(crate) fn is_one(number: NumberText<'_>) -> bool {
    (value(number) - 1.0).abs() < f64::EPSILON
}

/// Refuses functions whose arguments must follow their schema strictly.
pub(crate) fn refuse_strict_tools(
    request: &ChatRequest<'_>,
    provider: &str,
) -> Result<(), Refusal> {
    match request
        .tools
        .iter()
        .position(|tool| tool.strict == Some(true))
    {
        Some(index) => Err(refuse(
            format!("tools[{index}].function.strict"),
            format!("is not carried to {provider} yet"),
        )),
        None => Ok(()),
    }
}

/// The sampling parameter as JSON.
pub(crate) fn number<'a>(
    field: &str,
    value: Option<NumberText<'a>>,
) -> Result<Option<&'a RawValue>, Refusal> {
    value
        .map(|number| json::number(number.0).ok_or_else(|| refuse(field, "is not a number")))
        .transpose()
}

/// The arguments of a call in the history as a JSON object; none at all are an empty one.
pub(crate) fn arguments<'r>(call: &Call<'r, '_>, provider: &str) -> Result<&'r RawValue, Refusal> {
    let text: &'r str = &call.call.arguments;
    let text = if text.trim_ascii().is_empty() {
        "{}"
    } else {
        text
    };
    json::object(text).ok_or_else(|| {
        refuse(
            format!("{}.function.arguments", call.path()),
            format!("is not a JSON object, which {provider} needs"),
        )
    })
}

/// The body's bytes.
pub(crate) fn write(body: &impl Serialize) -> Result<Bytes, Refusal> {
    // Most requests are about a kilobyte; larger ones double from here.
    let mut bytes = Vec::with_capacity(1_024);
    serde_json::to_writer(&mut bytes, body)
        .map_err(|error| refuse("messages", format!("cannot be written: {error}")))?;
    Ok(Bytes::from(bytes))
}

/// What a body means that is not the provider's error object, such as a proxy's HTML: what its
/// status says. A status that is none of an error leaves a body that cannot be read.
pub(crate) fn unreadable(status: u16, body: &[u8]) -> ProviderError {
    let kind = classify::kind_of_status(status);
    let start = body.get(..MAX_WORDS).unwrap_or(body);
    let words = match std::str::from_utf8(start) {
        Ok(words) => words,
        // Cut within a character; anything else that is not UTF-8, such as a compressed body, is not
        // words.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => "",
    };
    let words = words.trim_start_matches('\u{feff}').trim();
    let is_page = words.starts_with('<') || words.contains('\0');
    let mut error = if words.is_empty() || kind == ErrorKind::InvalidAnswer || is_page {
        ProviderError::new(
            kind,
            format!("the provider answered {status} without an explanation"),
        )
    } else {
        provider_error(kind, words)
    };
    error.status = Some(status);
    error
}

/// Most bytes looked at of a body that is not understood.
const MAX_WORDS: usize = 8 * 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_are_repeated() {
        let words = |body: &[u8]| unreadable(400, body).message;
        assert_eq!(words(b" slow down\n"), "slow down");
        let silent = "the provider answered 400 without an explanation";
        for body in [
            b"".as_slice(),
            b"\xef\xbb\xbf<html>no</html>",
            b"\x1f\x8b\x08\0\0gzip",
            b"a\0b",
        ] {
            assert_eq!(words(body), silent, "{body:?}");
        }
        let long = "\u{e9}".repeat(MAX_WORDS);
        assert_eq!(
            words(&long.as_bytes()[..=MAX_WORDS]).chars().count(),
            ProviderError::MAX_MESSAGE_CHARS
        );
        assert!(words(b"wrong key sk-abcdefghijklmnop").ends_with("[key]"));
    }
}
