//! The body of a streamed answer after the commit point: the provider's stream goes through the
//! adapter to the client, and what happened is settled at its end, however it ends.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use steelyard_policy::{ModelId, Timeouts};
use steelyard_provider_adapter::{Progress, StreamReply};
use steelyard_types::{ErrorKind, ProviderError};
use tokio::time::Sleep;

use super::attempt::{OpenStream, root_cause};
use super::exchange::{Bill, Exchange};
use super::is_final;
use super::respond::Refused;
use crate::cache::{CacheKey, CachedAnswer};

/// How long a finished stream may take to be closed by the provider, so that the connection can be
/// used again.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A stream to the client.
pub(crate) struct ClientStream {
    upstream: Option<reqwest::Body>,
    reply: StreamReply,
    /// What is ready to be sent.
    ready: VecDeque<Bytes>,
    scratch: Vec<Bytes>,
    model: ModelId,
    exchange: Box<Exchange>,
    timer: Pin<Box<Sleep>>,
    last_chunk: Instant,
    idle: Duration,
    last_sent: Instant,
    keep_alive: Duration,
    deadline: Instant,
    recording: Option<Recording>,
    over: bool,
}

/// A copy of the stream for the response cache.
pub(crate) struct Recording {
    pub(crate) key: CacheKey,
    pub(crate) bytes: BytesMut,
    pub(crate) limit: usize,
}

impl ClientStream {
    pub(crate) fn new(
        open: OpenStream,
        model: ModelId,
        exchange: Exchange,
        timeouts: Timeouts,
        keep_alive: Duration,
        attempt_started: Instant,
        recording: Option<Recording>,
    ) -> Self {
        let now = exchange.runtime.clock.monotonic();
        let idle = Duration::from_millis(timeouts.idle_ms);
        let deadline = attempt_started + Duration::from_millis(timeouts.total_ms);
        let first = (now + idle.min(keep_alive)).min(deadline);
        let timer = tokio::time::sleep_until(first.into());
        let mut stream = Self {
            upstream: open.upstream,
            reply: open.reply,
            ready: VecDeque::new(),
            scratch: open.pending,
            model,
            exchange: Box::new(exchange),
            timer: Box::pin(timer),
            last_chunk: now,
            idle,
            last_sent: now,
            keep_alive,
            deadline,
            recording,
            over: false,
        };
        stream.advance(open.progress);
        stream
    }

    /// Takes over what the adapter wrote and acts on how far it came.
    fn advance(&mut self, progress: Progress) {
        self.take_scratch();
        match progress {
            Progress::Waiting | Progress::Content => {}
            Progress::Complete => self.complete(),
            Progress::Failed => {
                let error = self.reply.error().cloned();
                self.fail(error.unwrap_or_else(|| {
                    ProviderError::new(ErrorKind::StreamError, "the stream failed")
                }));
            }
        }
    }

    fn take_scratch(&mut self) {
        for bytes in self.scratch.drain(..) {
            if let Some(recording) = &mut self.recording {
                recording.bytes.extend_from_slice(&bytes);
            }
            self.ready.push_back(bytes);
        }
        let too_large = |recording: &Recording| recording.bytes.len() > recording.limit;
        if self.recording.as_ref().is_some_and(too_large) {
            self.recording = None;
        }
    }

    /// The answer is whole: books it, writes the last frames and settles.
    fn complete(&mut self) {
        for &field in self.reply.lost().fields() {
            self.exchange.record.lossy.add(field);
        }
        self.book(None);
        let extension = self.exchange.stream_extension();
        self.reply.close(Some(&extension), &mut self.scratch);
        if let Some(recording) = self.recording.take()
            && is_final(self.reply.finish())
        {
            self.remember(recording, &extension);
        }
        self.take_scratch();
        self.exchange.settle(200, Ok(()));
        self.finish();
    }

    /// The answer broke off: says so in the client's dialect, and never that it is complete.
    fn fail(&mut self, error: ProviderError) {
        self.book(Some(error.kind));
        let provider = self.exchange.record.provider.as_deref().unwrap_or_default();
        let refused = Refused::new(
            error.kind,
            format!(
                "the answer of {provider} broke off ({}); it is not complete",
                error.kind
            ),
        );
        let shown = refused.client_error(&self.exchange.record.request_id);
        let frame = self.reply.failure(&shown);
        self.ready.push_back(frame);
        self.exchange
            .settle(200, Err((error.kind, refused.message)));
        self.recording = None;
        // Whatever the provider still sends is of no use: close the connection.
        self.upstream = None;
        self.over = true;
    }

    /// Counts the attempt and what it used.
    fn book(&mut self, outcome: Option<ErrorKind>) {
        let bill = Bill::Used(self.reply.usage());
        self.exchange.attempt_ended(outcome, bill);
    }

    /// Nothing more is sent; the provider may close its side.
    fn finish(&mut self) {
        self.over = true;
        if let Some(upstream) = self.upstream.take() {
            // Dropping an unfinished body closes the connection. Most providers end theirs at once.
            tokio::spawn(async move {
                let mut upstream = upstream;
                let rest = async { while let Some(Ok(_)) = upstream.frame().await {} };
                let _ = tokio::time::timeout(CLOSE_TIMEOUT, rest).await;
            });
        }
    }

    /// Keeps the stream for the cache.
    fn remember(&self, mut recording: Recording, extension: &str) {
        for bytes in &self.scratch {
            recording.bytes.extend_from_slice(bytes);
        }
        let exchange = &self.exchange;
        let Some(cache) = exchange
            .compiled_route()
            .and_then(|route| route.cache.as_ref())
        else {
            return;
        };
        let model = &exchange.snapshot.deployment(self.model).name;
        let complexity = exchange.record.complexity;
        let frames = recording.bytes.freeze();
        let mut answer = CachedAnswer::frames(frames, extension, model, complexity);
        answer.lossy = exchange.record.lossy.clone();
        cache.put(recording.key, answer);
    }

    /// Acts on the timer: the provider is silent, the stream takes too long, the client has heard
    /// nothing for a while, or nothing of that is so yet.
    fn on_timer(&mut self) {
        let now = self.exchange.runtime.clock.monotonic();
        if now >= self.deadline {
            let message = "the stream took longer than total_ms";
            self.fail(ProviderError::new(ErrorKind::TotalTimeout, message));
        } else if now.saturating_duration_since(self.last_chunk) >= self.idle {
            let message = "the stream was silent for idle_ms";
            self.fail(ProviderError::new(ErrorKind::BrokenStream, message));
        } else {
            if now.saturating_duration_since(self.last_sent) >= self.keep_alive {
                // All that was sent so far ends with a whole frame.
                self.ready.push_back(self.exchange.client().keep_alive());
                self.last_sent = now;
            }
            let next = (self.last_chunk + self.idle).min(self.last_sent + self.keep_alive);
            self.timer.as_mut().reset(next.min(self.deadline).into());
        }
    }

    /// Reads on from the provider.
    fn poll_upstream(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(upstream) = &mut self.upstream else {
            return Poll::Ready(());
        };
        let progress = match Pin::new(upstream).poll_frame(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                self.last_chunk = self.exchange.runtime.clock.monotonic();
                match frame.into_data() {
                    Ok(chunk) => self.reply.push(&chunk, &mut self.scratch),
                    Err(_trailers) => Progress::Waiting,
                }
            }
            Poll::Ready(None) => {
                self.upstream = None;
                self.reply.end(&mut self.scratch)
            }
            Poll::Ready(Some(Err(error))) => {
                self.upstream = None;
                let message = format!("the stream broke off: {}", root_cause(&error));
                self.fail(ProviderError::new(ErrorKind::BrokenStream, message));
                return Poll::Ready(());
            }
        };
        self.advance(progress);
        if self.upstream.is_none() && !self.over {
            let message = "the stream ended without an end";
            self.fail(ProviderError::new(ErrorKind::BrokenStream, message));
        }
        Poll::Ready(())
    }
}

impl Body for ClientStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        loop {
            if let Some(bytes) = this.ready.pop_front() {
                this.last_sent = this.exchange.runtime.clock.monotonic();
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if this.over {
                return Poll::Ready(None);
            }
            if this.poll_upstream(context).is_ready() {
                continue;
            }
            if this.timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            this.on_timer();
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over && self.ready.is_empty()
    }
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        if !self.over {
            // The client went away: what the provider said of usage so far is booked, and dropping
            // the exchange settles it.
            self.book(Some(ErrorKind::ClientGone));
        }
    }
}
