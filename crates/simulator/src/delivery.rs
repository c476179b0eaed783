//! From a finished answer to what happens on the wire, as data: waits, bytes, ends.
//!
//! Building the [`Script`] is pure; [`Script::into_response`] plays it. Every wait ends
//! when the client goes away, because hyper then drops the body.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Response, StatusCode, header};
use http_body::Frame as BodyFrame;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};

use crate::fault::Fault;

/// Which part of a stream an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Before any content, such as Anthropic's `message_start`.
    Opening,
    /// Carries content, or stands between pieces of content.
    Content,
    /// Says why the answer ended, or what it cost, or that nothing follows.
    Closing,
}

/// One event of a stream with its framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    pub(crate) part: Part,
}

impl Frame {
    pub(crate) fn new(part: Part, text: String) -> Self {
        Self {
            bytes: Bytes::from(text),
            part,
        }
    }
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    Unary(String),
    Stream(Vec<Frame>),
}

/// An answer in a provider's form, before faults and pacing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) payload: Payload,
}

impl Reply {
    /// A JSON body with its content type.
    pub(crate) fn json(status: u16, body: String) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self {
            status,
            headers,
            payload: Payload::Unary(body),
        }
    }

    /// The page that a proxy in front of a provider sends.
    pub(crate) fn proxy_page(status: u16) -> Self {
        let reason = StatusCode::from_u16(status)
            .ok()
            .and_then(|code| code.canonical_reason());
        let title = format!("{status} {}", reason.unwrap_or("Error"));
        let page = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n\
             <center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        );
        let headers = vec![("content-type", "text/html".to_owned())];
        Self {
            status,
            headers,
            payload: Payload::Unary(page),
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn headers(mut self, more: Vec<(&'static str, String)>) -> Self {
        self.headers.extend(more);
        self
    }

    /// Replaces everything after so many content events by an error event; a unary body
    /// becomes the error's JSON.
    pub(crate) fn with_error_event(mut self, after: usize, event: String, body: String) -> Self {
        self.payload = match self.payload {
            Payload::Unary(_) => Payload::Unary(body),
            Payload::Stream(frames) => {
                let mut kept: Vec<Frame> = until(frames, after).0;
                kept.push(Frame::new(Part::Closing, event));
                Payload::Stream(kept)
            }
        };
        self
    }

    /// Takes the end of a stream away.
    pub(crate) fn without_end(mut self) -> Self {
        if let Payload::Stream(frames) = &mut self.payload {
            frames.retain(|frame| frame.part != Part::Closing);
        }
        self
    }
}

/// The frames up to and including the given number of content events, and the rest.
fn until(mut frames: Vec<Frame>, content_events: usize) -> (Vec<Frame>, Vec<Frame>) {
    if content_events == 0 {
        return (Vec::new(), frames);
    }
    let content = frames
        .iter()
        .enumerate()
        .filter(|(_, frame)| frame.part == Part::Content);
    let last = content.map(|(index, _)| index).nth(content_events - 1);
    let rest = frames.split_off(last.map_or(frames.len(), |index| index + 1));
    (frames, rest)
}

/// How long the simulated model takes. All zero by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LatencyModel {
    /// Microseconds before the answer begins.
    pub first_token_us: u64,
    /// Microseconds for every output token.
    pub per_token_us: u64,
    /// Up to so many percent more, drawn from the request.
    pub jitter_percent: u64,
}

impl LatencyModel {
    /// A small latency with the proportions of real models, for a demo that a person watches:
    /// 40 ms before the first token, 0.4 ms a token.
    pub const fn demo() -> Self {
        Self {
            first_token_us: 40_000,
            per_token_us: 400,
            jitter_percent: 40,
        }
    }

    /// The latency of one model: small ones are faster, reasoning ones slower.
    pub(crate) fn for_model(self, model: &str, jitter: u64) -> Self {
        let small = [
            "mini", "nano", "flash", "lite", "haiku", "turbo", "small", "luna", "tiny",
        ];
        let large = [
            "opus", "pro", "max", "sol", "large", "reasoner", "fable", "mythos",
        ];
        let contains = |words: &[&str]| words.iter().any(|word| model.contains(word));
        let percent = if contains(&small) {
            60
        } else if contains(&large) {
            180
        } else {
            100
        };
        let jittered = percent * (100 + jitter) / 100;
        let scale = |micros: u64| micros.saturating_mul(jittered) / 100;
        Self {
            first_token_us: scale(self.first_token_us),
            per_token_us: scale(self.per_token_us),
            jitter_percent: 0,
        }
    }
}

/// One thing that happens on the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    Wait(Duration),
    Send(Bytes),
    /// Closes the connection without ending the message.
    Abort,
    /// Nothing more, until the client goes away.
    Hang,
}

/// Everything that happens after a request has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) before_head: Vec<Act>,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content_length: Option<usize>,
    pub(crate) body: Vec<Act>,
}

impl Script {
    /// Puts an answer on the wire with its latency and fault.
    pub(crate) fn new(
        reply: Reply,
        latency: LatencyModel,
        tokens: u64,
        fault: Option<&Fault>,
    ) -> Self {
        let micros = Duration::from_micros;
        let first = latency.first_token_us;
        let (head, content_length, mut body) = match reply.payload {
            Payload::Unary(text) => {
                let text = match fault {
                    Some(Fault::MalformedEvent { .. }) => broken(&text),
                    _ => text,
                };
                let wait = first.saturating_add(latency.per_token_us.saturating_mul(tokens));
                (wait, Some(text.len()), vec![Act::Send(Bytes::from(text))])
            }
            Payload::Stream(frames) => {
                let content = frames
                    .iter()
                    .filter(|frame| frame.part == Part::Content)
                    .count();
                let all = latency.per_token_us.saturating_mul(tokens);
                let each = all.checked_div(content as u64).unwrap_or(0);
                let frames = match fault {
                    Some(Fault::MalformedEvent { after }) => break_one(frames, *after),
                    _ => frames,
                };
                (first, None, paced(frames, micros(each)))
            }
        };
        let mut before_head = vec![Act::Wait(micros(head))];
        match fault {
            Some(Fault::Delay { ms }) => {
                before_head.push(Act::Wait(Duration::from_millis(*ms)));
            }
            Some(Fault::DelayFirstToken { ms }) => {
                body.insert(0, Act::Wait(Duration::from_millis(*ms)));
            }
            Some(Fault::DelayBetween { ms }) => body = spread(body, Duration::from_millis(*ms)),
            Some(Fault::CutAfterBytes { n }) => body = cut(body, *n),
            Some(Fault::NeverAnswers) => before_head.push(Act::Hang),
            Some(Fault::CloseBeforeHead) => before_head.push(Act::Abort),
            _ => {}
        }
        before_head.retain(|act| *act != Act::Wait(Duration::ZERO));
        Self {
            before_head,
            status: reply.status,
            headers: reply.headers,
            content_length,
            body,
        }
    }

    /// Plays the script. An error means: close the connection without a word.
    pub(crate) async fn into_response<G: Send + 'static>(self, guard: G) -> io::Result<Played> {
        for act in self.before_head {
            match act {
                Act::Wait(time) => tokio::time::sleep(time).await,
                Act::Abort => return Err(aborted()),
                Act::Hang => std::future::pending::<()>().await,
                Act::Send(_) => {}
            }
        }
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        if let Some(length) = self.content_length {
            response = response.header(header::CONTENT_LENGTH, length);
        }
        response
            .body(body(self.body, guard))
            .map_err(io::Error::other)
    }
}

/// The answer as hyper sends it.
pub(crate) type Played = Response<UnsyncBoxBody<Bytes, io::Error>>;

fn aborted() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "the fault script closes this connection",
    )
}

/// A body that plays acts; the guard lives as long as it does.
fn body<G: Send + 'static>(acts: Vec<Act>, guard: G) -> UnsyncBoxBody<Bytes, io::Error> {
    let state = (acts.into_iter(), guard);
    let frames = stream::try_unfold(state, |(mut acts, guard)| async move {
        loop {
            match acts.next() {
                None => return Ok(None),
                Some(Act::Wait(time)) => tokio::time::sleep(time).await,
                Some(Act::Send(bytes)) => {
                    return Ok(Some((BodyFrame::data(bytes), (acts, guard))));
                }
                Some(Act::Abort) => {
                    // Once more through the connection, so that what was sent is flushed.
                    tokio::task::yield_now().await;
                    return Err(aborted());
                }
                Some(Act::Hang) => std::future::pending::<()>().await,
            }
        }
    });
    StreamBody::new(frames).boxed_unsync()
}

fn paced(frames: Vec<Frame>, each: Duration) -> Vec<Act> {
    let mut acts = Vec::with_capacity(frames.len());
    for frame in frames {
        if !each.is_zero() && frame.part == Part::Content {
            acts.push(Act::Wait(each));
        }
        acts.push(Act::Send(frame.bytes));
    }
    acts
}

/// A wait before every piece but the first.
fn spread(acts: Vec<Act>, time: Duration) -> Vec<Act> {
    let mut spread = Vec::with_capacity(acts.len() * 2);
    let mut sent = false;
    for act in acts {
        if matches!(act, Act::Send(_)) {
            if sent {
                spread.push(Act::Wait(time));
            }
            sent = true;
        }
        spread.push(act);
    }
    spread
}

/// The first bytes of the body, then the end of the connection.
fn cut(acts: Vec<Act>, bytes: usize) -> Vec<Act> {
    let (mut kept, mut room) = (Vec::new(), bytes);
    for act in acts {
        match act {
            Act::Send(piece) if piece.len() < room => {
                room -= piece.len();
                kept.push(Act::Send(piece));
            }
            Act::Send(piece) => {
                kept.push(Act::Send(piece.slice(..room)));
                break;
            }
            other => kept.push(other),
        }
    }
    kept.push(Act::Abort);
    kept
}

/// Breaks the event that follows so many content events, or the last one.
fn break_one(frames: Vec<Frame>, after: usize) -> Vec<Frame> {
    let (mut before, mut rest) = until(frames, after);
    let place = if rest.is_empty() {
        before.last_mut()
    } else {
        rest.first_mut()
    };
    if let Some(frame) = place {
        frame.bytes = Bytes::from(broken(&String::from_utf8_lossy(&frame.bytes)));
    }
    before.append(&mut rest);
    before
}

/// The text with the middle of its JSON replaced, so that no parser accepts it.
/// The ends of lines stay, so an event stays an event.
fn broken(text: &str) -> String {
    let (Some(from), Some(to)) = (text.find('{'), text.rfind('}')) else {
        return format!("{{{text}");
    };
    format!("{}{{\"broken\": tru,,{}", &text[..from], &text[to + 1..])
}

#[cfg(test)]
mod tests;
