//! Events that go through to the client as they are.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error_body::{response_error, stream_error_frame};
use super::marked;
use super::stream::{FrameKind, Look};
use crate::dialect::ClientError;
use crate::json::Object;
use crate::openai::request::{Fields, object};
use crate::sse::Frame;

/// Passes events through, marks their proofs of thoughts, and keeps the last one back.
#[derive(Debug)]
pub(crate) struct Passed {
    /// The mark of this model's signatures.
    mark: String,
    /// The last event: as received, its name, and its data.
    end: Option<(Bytes, String, String)>,
    /// The response as it began, to be told should it fail.
    response: Option<String>,
}

impl Passed {
    pub(crate) fn new(mark: String) -> Self {
        Self {
            mark,
            end: None,
            response: None,
        }
    }

    /// What the client is sent of this frame. `content` says whether an answer has begun: before it,
    /// keep-alives reach nobody and would only be piled up.
    pub(crate) fn frame(&mut self, frame: &Frame<'_>, look: Look, content: bool) -> Option<Bytes> {
        match look.kind {
            FrameKind::End => {
                let data = marked::event(frame.data, &self.mark);
                let raw = match &data {
                    Some(data) => written(frame.event, data),
                    None => frame.raw.clone(),
                };
                let data = data.unwrap_or_else(|| frame.data.to_owned());
                self.end = Some((raw, frame.event.to_owned(), data));
                return None;
            }
            FrameKind::Created => self.response = response(frame.data),
            FrameKind::Other if frame.data.is_empty() && !content => return None,
            FrameKind::Other => {
                if let Some(data) = marked::event(frame.data, &self.mark) {
                    return Some(written(frame.event, &data));
                }
            }
        }
        Some(frame.raw.clone())
    }

    /// The end of a complete answer. `extension`, a JSON object, is put into the response under the
    /// key `steelyard`.
    pub(crate) fn close(&mut self, extension: Option<&str>, out: &mut Vec<Bytes>) {
        let Some((raw, event, data)) = self.end.take() else {
            return;
        };
        let told = extension.and_then(|extension| with_extension(&event, &data, extension));
        out.push(told.unwrap_or(raw));
    }

    /// The end of an answer that broke off, whose next event has that number.
    pub(crate) fn failure(&self, error: &ClientError<'_>, sequence: u64) -> Bytes {
        let mut frames = stream_error_frame(error, sequence).to_vec();
        let fields = self.response.as_deref().map(serde_json::from_str);
        if let Some(Ok(Fields(fields))) = fields {
            let mut response = Object::with_capacity(512);
            for (name, value) in &fields {
                match name.as_ref() {
                    "status" => response.text("status", "failed"),
                    "error" => response.raw("error", &response_error(error)),
                    name => response.raw(name, value.get()),
                }
            }
            let mut event = Object::with_capacity(640);
            event.text("type", "response.failed");
            event.raw("sequence_number", &sequence.saturating_add(1).to_string());
            event.raw("response", &response.close());
            let data = event.close();
            frames.extend_from_slice(b"event: response.failed\ndata: ");
            frames.extend_from_slice(data.as_bytes());
            frames.extend_from_slice(b"\n\n");
        }
        Bytes::from(frames)
    }
}

/// The response object in an event.
fn response(data: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        response: &'a RawValue,
    }
    let event: Event<'_> = serde_json::from_str(data).ok()?;
    Some(event.response.get().to_owned())
}

/// The event with the gateway's words in its response; `None` where it cannot be taken apart.
fn with_extension(event: &str, data: &str, extension: &str) -> Option<Bytes> {
    let Fields(fields) = serde_json::from_str(data).ok()?;
    let mut out = Object::with_capacity(data.len() + extension.len() + 32);
    for (name, value) in &fields {
        if name == "response" {
            let mut response = Object::with_capacity(data.len() + extension.len());
            for (name, value) in object(value).ok()? {
                response.raw(&name, value.get());
            }
            response.raw("steelyard", extension);
            out.raw("response", &response.close());
        } else {
            out.raw(name, value.get());
        }
    }
    Some(written(event, &out.close()))
}

fn written(event: &str, data: &str) -> Bytes {
    Bytes::from(if event.is_empty() {
        format!("data: {data}\n\n")
    } else {
        format!("event: {event}\ndata: {data}\n\n")
    })
}
