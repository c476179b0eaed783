//! Whole answers.

use steelyard_types::{ChatAnswer, ErrorKind, FinishReason, ProviderError, StreamEvent, Usage};

use super::shape::Response;
use super::stream::{EventDecoder, failed};
use crate::collect::Collected;

/// What the gateway must know of an answer that it passes through.
pub(crate) struct Seen {
    pub(crate) usage: Option<Usage>,
    pub(crate) finish: Option<FinishReason>,
    pub(crate) empty: bool,
}

/// Looks at an answer without keeping its text.
///
/// # Errors
/// An answer that failed, or a body that is not an answer.
pub(crate) fn look(body: &[u8]) -> Result<Seen, ProviderError> {
    let response = parse(body)?;
    let (mut said, mut calls) = (false, false);
    let other = items(&response, &mut |event| match event {
        StreamEvent::Text(_) | StreamEvent::Refusal(_) => said = true,
        StreamEvent::ToolCallStart { .. } => calls = true,
        _ => {}
    });
    let finish = response.finish(calls);
    let explained = matches!(
        finish,
        Some(FinishReason::Length | FinishReason::ContentFilter)
    );
    Ok(Seen {
        usage: response.usage(),
        finish,
        empty: !said && !calls && !other && !explained,
    })
}

/// Reads an answer.
///
/// # Errors
/// As [`look`].
pub(super) fn decode(body: &[u8]) -> Result<ChatAnswer, ProviderError> {
    let response = parse(body)?;
    let mut collected = Collected::default();
    items(&response, &mut |event| collected.push(event));
    let mut answer = collected.answer;
    answer.id = response.id.as_str().to_owned();
    answer.model = response.model.as_str().to_owned();
    answer.usage = response.usage();
    answer.finish = response.finish(!answer.tool_calls.is_empty());
    Ok(answer)
}

/// Reads the items as a stream would tell them. Returns whether there is one that has no event.
fn items(response: &Response<'_>, emit: &mut dyn FnMut(StreamEvent<'_>)) -> bool {
    let mut decoder = EventDecoder::default();
    let mut other = false;
    for (index, item) in (0..).zip(response.output.iter().flatten()) {
        other |= decoder.item(index, item, emit);
    }
    other
}

fn parse(body: &[u8]) -> Result<Response<'_>, ProviderError> {
    let response: Response<'_> = serde_json::from_slice(body).map_err(|error| {
        let message = format!("the answer cannot be read: {error}");
        ProviderError::new(ErrorKind::InvalidAnswer, message)
    })?;
    let error = response.error;
    if error.is_some() || matches!(response.status.as_str(), "failed" | "cancelled") {
        return Err(failed(error, ErrorKind::UpstreamServer));
    }
    if response.output.is_none() {
        let message = "the answer has no `output`";
        return Err(ProviderError::new(ErrorKind::InvalidAnswer, message));
    }
    Ok(response)
}
