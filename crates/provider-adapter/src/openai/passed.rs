//! Chunks that go through to the client as they are.

use std::borrow::Cow;

use bytes::Bytes;

use super::function_call;
use super::plain::Plain;
use super::request::Fields;
use super::write::chunk_head;
use super::{ChunkDecoder, Look};
use crate::ReplyContext;
use crate::json::Object;
use crate::sse::Frame;

/// The fields of a chunk that its usage chunk repeats.
const HEAD_FIELDS: [&str; 7] = [
    "id",
    "object",
    "created",
    "model",
    "provider",
    "service_tier",
    "system_fingerprint",
];

/// Passes chunks through, and keeps the usage back.
#[derive(Debug)]
pub(crate) struct Passed {
    context: ReplyContext,
    /// Beginning of the usage chunk: the fields that all chunks of this stream have in common.
    head: Option<String>,
    /// The last `usage` object, as received.
    usage: Option<String>,
    plain: Plain,
}

impl Passed {
    pub(crate) fn new(context: ReplyContext) -> Self {
        Self {
            plain: Plain::new(&context.upstream_model),
            context,
            head: None,
            usage: None,
        }
    }

    /// What the client is sent of this frame, which the decoder has read. `content` says whether an
    /// answer has begun: before it, keep-alives reach nobody and would only be piled up.
    pub(crate) fn frame(
        &mut self,
        frame: &Frame<'_>,
        look: Look,
        decoder: &ChunkDecoder,
        include_usage: bool,
        content: bool,
    ) -> Option<Bytes> {
        if frame.data.is_empty() {
            return content.then(|| frame.raw.clone());
        }
        if self.head.is_none() && look.choices {
            self.head = serde_json::from_str(frame.data)
                .ok()
                .map(|fields| head_of(&fields));
        }
        let plain = if look.listed || self.plain.is_waiting() {
            self.plain.written(frame.data)
        } else {
            None
        };
        let is_call = look.calls || look.ending;
        let told = if self.context.function_call && is_call {
            let data = plain.as_deref().unwrap_or(frame.data);
            function_call::chunk(data, |choice| decoder.places(choice))
        } else {
            None
        };
        let plain = told.or(plain);
        if !look.usage {
            return Some(match plain {
                Some(plain) => Bytes::from(format!("data: {plain}\n\n")),
                None => frame.raw.clone(),
            });
        }
        let data = plain.as_deref().unwrap_or(frame.data);
        let fields: Fields<'_> = match serde_json::from_str(data) {
            Ok(fields) => fields,
            // Repeated names, say: then it cannot be taken apart, and is better whole than lost.
            Err(_) => return Some(frame.raw.clone()),
        };
        let usage = fields.0.iter().find(|(name, _)| name == "usage");
        self.usage = usage.map(|(_, usage)| usage.get().to_owned());
        if !look.choices {
            self.head = Some(head_of(&fields));
            return None;
        }
        Some(without_usage(&fields, include_usage))
    }

    /// Whether calls are told in their deprecated form.
    pub(crate) fn tells_function_calls(&self) -> bool {
        self.context.function_call
    }

    /// The beginning of the usage chunk.
    pub(crate) fn head(&self) -> Cow<'_, str> {
        match &self.head {
            Some(head) => Cow::Borrowed(head),
            None => Cow::Owned(chunk_head("", &self.context)),
        }
    }

    /// The provider's own `usage` object.
    pub(crate) fn usage(&self) -> Option<&str> {
        self.usage.as_deref()
    }
}

fn head_of(Fields(fields): &Fields<'_>) -> String {
    let mut head = Object::with_capacity(192);
    for (name, value) in fields {
        if HEAD_FIELDS.contains(&name.as_ref()) {
            head.raw(name, value.get());
        }
    }
    // Every chunk says what it is, also where the first one did not.
    if !fields.iter().any(|(name, _)| name == "object") {
        head.text("object", "chat.completion.chunk");
    }
    let mut head = head.close();
    head.pop();
    head
}

/// The chunk as a frame, its usage replaced by what chunks before the last one carry: `null` for
/// clients that asked for usage, nothing for others.
fn without_usage(Fields(fields): &Fields<'_>, include_usage: bool) -> Bytes {
    let mut chunk = Object::with_capacity(256);
    for (name, value) in fields {
        if name != "usage" {
            chunk.raw(name, value.get());
        } else if include_usage {
            chunk.raw(name, "null");
        }
    }
    let mut frame = String::from("data: ");
    frame.push_str(&chunk.close());
    frame.push_str("\n\n");
    Bytes::from(frame)
}
