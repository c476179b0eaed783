//! Whole answers.

use std::borrow::Cow;

use steelyard_types::{
    AnswerToolCall, ChatAnswer, ErrorKind, FinishReason, ProviderError, Thought, ToolKind, Usage,
};

use super::failure;
use super::proofs;
use super::shape::{Body, Call, Choice, Said};
use super::unsigned;

/// What the gateway must know of an answer that it passes through.
pub(crate) struct Seen {
    pub(crate) usage: Option<Usage>,
    pub(crate) finish: Option<FinishReason>,
    pub(crate) empty: bool,
    /// Whether some content is a list, which clients do not expect.
    pub(crate) listed: bool,
    /// Whether there are calls in the form that is not deprecated.
    pub(crate) calls: bool,
}

/// Looks at an answer without keeping its text.
///
/// # Errors
/// An error object in its place, or a body that is not an answer.
pub(crate) fn look(body: &[u8]) -> Result<Seen, ProviderError> {
    let body = parse(body)?;
    let finish = body
        .first_choice()
        .and_then(|choice| finish_reason(choice.finish_reason.as_str()));
    let choices = body.choices.as_deref().unwrap_or_default();
    let explained = choices.iter().any(|choice| {
        matches!(
            finish_reason(choice.finish_reason.as_str()),
            Some(FinishReason::Length | FinishReason::ContentFilter)
        )
    });
    let said = choices
        .iter()
        .filter_map(|choice| choice.message.as_ref())
        .any(says_something);
    Ok(Seen {
        usage: body.usage(),
        finish,
        empty: !said && !explained,
        listed: choices
            .iter()
            .filter_map(|choice| choice.message.as_ref())
            .any(|said| said.content.listed),
        calls: choices
            .iter()
            .filter_map(|choice| choice.message.as_ref())
            .any(Said::has_calls),
    })
}

/// Reads an answer.
///
/// # Errors
/// As [`look`].
pub(super) fn decode(body: &[u8]) -> Result<ChatAnswer, ProviderError> {
    let body = parse(body)?;
    let id = body.id.as_str();
    let mut answer = body
        .first_choice()
        .map(|choice| said_in(choice, id))
        .unwrap_or_default();
    let mut further: Vec<_> = body
        .choices
        .iter()
        .flatten()
        .filter(|choice| choice.index.get() != 0)
        .collect();
    further.sort_by_key(|choice| choice.index.get());
    answer.further = further
        .into_iter()
        .map(|choice| said_in(choice, &format!("{id}/{}", choice.index.get())))
        .collect();
    answer.id = id.to_owned();
    answer.model = body.model.as_str().to_owned();
    answer.usage = body.usage();
    Ok(answer)
}

/// One choice as an answer. `answer_id` is what ids of calls that came without one are made from.
fn said_in(choice: &Choice<'_>, answer_id: &str) -> ChatAnswer {
    let mut answer = ChatAnswer {
        finish: finish_reason(choice.finish_reason.as_str()),
        logprobs: choice.logprobs().map(str::to_owned),
        ..ChatAnswer::default()
    };
    let Some(said) = choice.message.as_ref() else {
        return answer;
    };
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    answer.text = said.content.text.as_deref().map(str::to_owned);
    answer.reasoning = thoughts(said);
    answer.refusal = given(said.refusal.as_str());
    for call in said.tool_calls.iter().flatten() {
        answer
            .tool_calls
            .push(tool_call(call, answer_id, answer.tool_calls.len()));
    }
    if let Some(function) = &said.function_call {
        answer.tool_calls.push(AnswerToolCall {
            id: made_up_id(answer_id, answer.tool_calls.len()),
            kind: ToolKind::Function,
            name: function.name.as_str().to_owned(),
            arguments: function.arguments.as_str().to_owned(),
        });
    }
    answer
}

/// The blocks of thoughts of a message. They are told one by one only where something proves them;
/// elsewhere all are one, signed by nobody.
fn thoughts(said: &Said<'_>) -> Vec<Thought> {
    let words = reasoning(said);
    let blocks = said
        .reasoning_details
        .map(proofs::thoughts)
        .unwrap_or_default();
    let is_proved = |thought: &Thought| thought.signature.is_some() || thought.redacted.is_some();
    if !blocks.iter().any(is_proved) && !words.is_empty() {
        let is_bare = said.reasoning_details.is_none();
        return vec![Thought {
            signature: is_bare.then(|| unsigned::word(said).to_owned()),
            ..Thought::of_text(words)
        }];
    }
    let has_words = |thought: &Thought| !thought.text.is_empty();
    let plain = (!words.is_empty() && !blocks.iter().any(has_words)).then_some(words);
    let told = blocks
        .into_iter()
        .filter(|thought| has_words(thought) || is_proved(thought));
    plain
        .map(Thought::of_text)
        .into_iter()
        .chain(told)
        .collect()
}

fn parse(bytes: &[u8]) -> Result<Body<'_>, ProviderError> {
    let body: Body<'_> = serde_json::from_slice(bytes).map_err(|error| {
        ProviderError::new(
            ErrorKind::InvalidAnswer,
            format!("the answer cannot be read: {error}"),
        )
    })?;
    if let Some(error) = body.error() {
        return Err(failure::error_inside(
            error.get(),
            ErrorKind::UpstreamServer,
        ));
    }
    if body.choices.is_none() {
        let message = "the answer has no `choices`";
        return Err(ProviderError::new(ErrorKind::InvalidAnswer, message));
    }
    let reason = body
        .first_choice()
        .map_or("", |choice| choice.finish_reason.as_str());
    if is_failure(reason) {
        let message = format!("the provider ended the answer with `{reason}`");
        return Err(ProviderError::new(ErrorKind::UpstreamServer, message));
    }
    Ok(body)
}

/// Whether a client would see something: reasoning alone is not an answer.
pub(super) fn says_something(said: &Said<'_>) -> bool {
    said.content
        .text
        .as_deref()
        .is_some_and(|text| !text.is_empty())
        || said.has_media()
        || !said.refusal.as_str().is_empty()
        || said.has_calls()
        || said.function_call.is_some()
}

fn tool_call(call: &Call<'_>, answer_id: &str, index: usize) -> AnswerToolCall {
    let id = call.id.as_str();
    AnswerToolCall {
        id: if id.is_empty() {
            made_up_id(answer_id, index)
        } else {
            id.to_owned()
        },
        kind: call.kind(),
        name: call.name().to_owned(),
        arguments: call.arguments().to_owned(),
    }
}

/// All reasoning of a message, from its own field or from `thinking` parts.
pub(super) fn reasoning<'s>(said: &'s Said<'_>) -> Cow<'s, str> {
    match (said.reasoning(), said.content.thinking.as_deref()) {
        (text, None | Some("")) => Cow::Borrowed(text),
        ("", Some(parts)) => Cow::Borrowed(parts),
        (text, Some(parts)) => Cow::Owned(format!("{text}{parts}")),
    }
}

/// An id for a call that came without one: unique in a conversation, because answers' ids are, and
/// the same each time the answer is read.
pub(super) fn made_up_id(answer_id: &str, index: usize) -> String {
    format!(
        "call_{:016x}_{index}",
        crate::json::fnv1a(&[answer_id.as_bytes()])
    )
}

/// The reason in the neutral words. `None` while the answer goes on, and for words that nobody
/// documents.
pub(super) fn finish_reason(word: &str) -> Option<FinishReason> {
    Some(match word {
        "stop" | "eos" | "end_turn" | "stop_sequence" => FinishReason::Stop,
        // Mistral's `model_length`: the context window is full.
        "length" | "model_length" | "max_tokens" => FinishReason::Length,
        "tool_calls" | "function_call" | "tool_use" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        _ => return None,
    })
}

/// Whether the reason says that the server failed (Mistral, OpenRouter: `error`; DeepSeek: out of
/// resources).
pub(super) fn is_failure(word: &str) -> bool {
    matches!(word, "error" | "insufficient_system_resource")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(body: &str) -> ErrorKind {
        let error = decode(body.as_bytes()).unwrap_err();
        assert_eq!(look(body.as_bytes()).map(|_| ()).unwrap_err(), error);
        error.kind
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        assert_eq!(kind(""), ErrorKind::InvalidAnswer);
        assert_eq!(kind("<html>"), ErrorKind::InvalidAnswer);
        assert_eq!(kind("[]"), ErrorKind::InvalidAnswer);
        assert_eq!(kind("{\"choices\":null}"), ErrorKind::InvalidAnswer);
        assert_eq!(kind("{\"error\":\"no\"}"), ErrorKind::UpstreamServer);
        assert_eq!(
            kind("{\"error\":{\"code\":429,\"message\":\"slow\"}}"),
            ErrorKind::RateLimited
        );
        assert_eq!(
            kind("{\"choices\":[{\"finish_reason\":\"error\",\"message\":{}}]}"),
            ErrorKind::UpstreamServer
        );
    }

    #[test]
    fn emptiness_is_the_same_whole_and_looked_at() {
        for (message, finish, empty) in [
            ("{}", "stop", true),
            ("{\"content\":\"\"}", "stop", true),
            ("{\"content\":\"\"}", "length", false),
            ("{\"content\":null}", "content_filter", false),
            ("{\"reasoning_content\":\"hm\"}", "stop", true),
            ("{\"content\":\"x\"}", "stop", false),
            ("{\"refusal\":\"no\"}", "stop", false),
            ("{\"tool_calls\":[]}", "stop", true),
            (
                "{\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]}",
                "tool_calls",
                false,
            ),
        ] {
            let body = format!(
                "{{\"choices\":[{{\"message\":{message},\"finish_reason\":\"{finish}\"}}]}}"
            );
            assert_eq!(look(body.as_bytes()).unwrap().empty, empty, "{body}");
            assert_eq!(decode(body.as_bytes()).unwrap().is_empty(), empty, "{body}");
        }
        let second = r#"{"choices":[{"index":0,"message":{},"finish_reason":"stop"},
            {"index":1,"message":{"content":"x"},"finish_reason":"length"}]}"#;
        let seen = look(second.as_bytes()).unwrap();
        assert!(!seen.empty, "any choice is an answer");
        assert_eq!(seen.finish, Some(FinishReason::Stop), "the first one's");
        let audio =
            "{\"choices\":[{\"message\":{\"audio\":{\"id\":\"a\"}},\"finish_reason\":\"stop\"}]}";
        assert!(
            !look(audio.as_bytes()).unwrap().empty,
            "passed through, it is an answer"
        );
    }
}
