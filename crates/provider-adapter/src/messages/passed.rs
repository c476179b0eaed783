//! Events that go through to the client as they are.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use super::events::STOP_FRAME;
use crate::anthropic::marked;
use crate::json::Text;
use crate::sse::Frame;

/// What a frame holds that a decoder has no event for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Look {
    /// A block of any kind begins.
    pub(crate) content: bool,
    /// It is one that a client would see as an answer.
    pub(crate) answer: bool,
}

/// Passes events through, marks their proofs of thoughts, and keeps the end back.
#[derive(Debug)]
pub(crate) struct Passed {
    /// The mark of this model's signatures.
    mark: String,
    /// The last `message_delta`: as received, and its data.
    delta: Option<(Bytes, String)>,
    /// `message_stop`, as received.
    stop: Option<Bytes>,
    /// A ping has gone through.
    pinged: bool,
}

impl Passed {
    pub(crate) fn new(mark: String) -> Self {
        Self {
            mark,
            delta: None,
            stop: None,
            pinged: false,
        }
    }

    /// What the client is sent of this frame, and what is in it. `content` says whether an answer
    /// has begun: before it, pings reach nobody, and but for the first would only be piled up.
    pub(crate) fn frame(&mut self, frame: &Frame<'_>, content: bool) -> (Option<Bytes>, Look) {
        let mut look = Look::default();
        let raw = || Some(frame.raw.clone());
        let sent = match kind(frame).as_ref() {
            "message_delta" => {
                let later = (frame.raw.clone(), frame.data.to_owned());
                self.delta.replace(later).map(|(earlier, _)| earlier)
            }
            "message_stop" => {
                self.stop = raw();
                None
            }
            "ping" if !content && std::mem::replace(&mut self.pinged, true) => None,
            "" if !content => None,
            "content_block_start" => {
                look = look_at(frame.data);
                Some(self.marked(frame))
            }
            "content_block_delta" => Some(self.marked(frame)),
            _ => raw(),
        };
        (sent, look)
    }

    /// The frame with a mark, where it proves thoughts.
    fn marked(&self, frame: &Frame<'_>) -> Bytes {
        // Most deltas bring words and prove nothing.
        let proves = ["\"signature", "\"redacted_thinking\""];
        if !proves.iter().any(|word| frame.data.contains(word)) {
            return frame.raw.clone();
        }
        let Some(data) = marked::event(frame.data, &self.mark) else {
            return frame.raw.clone();
        };
        let place = memchr::memmem::find(frame.raw, frame.data.as_bytes());
        Bytes::from(match place {
            Some(start) => {
                let (head, rest) = frame.raw.split_at(start);
                let tail = rest.get(frame.data.len()..).unwrap_or_default();
                [head, data.as_bytes(), tail].concat()
            }
            // Data of several lines is JSON on one as well.
            None => {
                let head = "event: ";
                let data = data.replace('\n', " ");
                [head, kind(frame).as_ref(), "\ndata: ", &data, "\n\n"]
                    .concat()
                    .into_bytes()
            }
        })
    }

    /// The end of a complete answer. `extension`, a JSON object, is put into `message_delta` under
    /// the key `steelyard`.
    pub(crate) fn close(&mut self, extension: Option<&str>, out: &mut Vec<Bytes>) {
        if let Some((raw, data)) = self.delta.take() {
            let open = data.trim_end().strip_suffix('}');
            out.push(match (extension, open) {
                (Some(extension), Some(open)) => {
                    let head = "event: message_delta\ndata: ";
                    let parts = [head, open, ",\"steelyard\":", extension, "}\n\n"];
                    Bytes::from(parts.concat())
                }
                _ => raw,
            });
        }
        out.push(
            self.stop
                .take()
                .unwrap_or_else(|| Bytes::from_static(STOP_FRAME)),
        );
    }
}

/// The event's name, which its data repeats; some proxies leave one of the two out.
fn kind<'f>(frame: &Frame<'f>) -> Cow<'f, str> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
    }
    if !frame.event.is_empty() {
        return Cow::Borrowed(frame.event);
    }
    let named: Result<Named<'_>, _> = serde_json::from_str(frame.data);
    named.map(|named| named.kind.0).unwrap_or_default()
}

fn look_at(data: &str) -> Look {
    #[derive(Deserialize)]
    struct Start<'a> {
        #[serde(borrow)]
        content_block: Block<'a>,
    }
    #[derive(Deserialize)]
    struct Block<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
    }
    let start: Result<Start<'_>, _> = serde_json::from_str(data);
    let kind = start.map(|start| start.content_block.kind);
    match kind.as_ref().map(Text::as_str) {
        // What is in these says itself whether it is empty.
        Ok("text" | "thinking" | "tool_use") | Err(_) => Look::default(),
        Ok("redacted_thinking") => Look {
            content: true,
            answer: false,
        },
        Ok(_) => Look {
            content: true,
            answer: true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ping_before_an_answer_goes_through_and_every_one_in_it() {
        let raw = Bytes::from_static(b"event: ping\ndata: {\"type\": \"ping\"}\n\n");
        let ping = Frame {
            event: "ping",
            data: r#"{"type": "ping"}"#,
            comment: "",
            raw: &raw,
        };
        let mut passed = Passed::new(String::new());
        let mut sent = |content| passed.frame(&ping, content).0.is_some();
        assert_eq!(
            [false, false, true, true].map(&mut sent),
            [true, false, true, true]
        );
    }
}
