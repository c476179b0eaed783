//! One structured line a request, written by a thread of its own.
//!
//! Requests hand over a [`RequestRecord`] through a bounded queue. When the queue is full the caller
//! waits. Lines that cannot be written (a full disk, a reader that is gone) are kept and tried again,
//! within a bound; those beyond it are counted as lost. A record holds no keys and no text of prompts
//! or answers.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use prometheus::IntCounter;
use serde::Serialize;
use steelyard_provider_adapter::Losses;
use steelyard_types::{UnixMillis, Usage};

use crate::clock::rfc3339;

/// Lines that may wait to be written.
const QUEUE: usize = 8_192;
/// How long the thread gathers lines after it was woken. A request that hands its record to a waiting
/// thread pays a system call to wake it, about as dear as all of its decision; while the thread
/// gathers, handing over costs next to nothing.
const GATHER: Duration = Duration::from_millis(2);

/// Bytes that are gathered before they are written in the middle of a burst.
const WRITE_AT: usize = 64 << 10;
/// Most bytes of lines that wait for an output that takes none.
const MOST_WAITING: usize = 16 << 20;

/// What is written of one request.
#[derive(Debug, Clone, Serialize)]
pub struct RequestRecord {
    /// When it began.
    #[serde(serialize_with = "as_rfc3339")]
    pub at: UnixMillis,
    /// Its id, as in `x-request-id`.
    pub request_id: String,
    /// Method and path.
    pub endpoint: &'static str,
    /// The virtual key's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    /// The route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Arc<str>>,
    /// The model that served it, or was tried last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Arc<str>>,
    /// That model's provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Arc<str>>,
    /// Why the first model was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Complexity in [0, 1].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complexity: Option<f32>,
    /// Calls of providers.
    pub attempts: u8,
    /// Attempts that gave nothing to the client, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedAttempt>,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// `hit` or `miss` where the route has a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<&'static str>,
    /// Fields of the request that the model that answered was not told, or told less exactly.
    #[serde(
        skip_serializing_if = "Losses::is_empty",
        serialize_with = "as_field_names"
    )]
    pub lossy: Losses,
    /// The HTTP status that the client saw.
    pub status: u16,
    /// `ok`, or the kind of error.
    pub outcome: &'static str,
    /// The error's message, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Prompt tokens, cached ones included.
    pub input_tokens: u64,
    /// Prompt tokens read from the provider's cache.
    pub cached_tokens: u64,
    /// Prompt tokens written to the provider's cache at its default lifetime.
    pub cache_write_tokens: u64,
    /// Prompt tokens written to the provider's cache for an hour.
    pub cache_write_1h_tokens: u64,
    /// Answer tokens, reasoning included.
    pub output_tokens: u64,
    /// Reasoning tokens.
    pub reasoning_tokens: u64,
    /// Whether every attempt that was answered reported its usage.
    pub metered: bool,
    /// Whether a provider's own total was another number than the sum of its classes.
    #[serde(skip_serializing_if = "is_false")]
    pub usage_disagrees: bool,
    /// Cost of all attempts, in nano-dollars.
    pub cost_nano_usd: u64,
    /// What the strongest candidate would have cost, in nano-dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strongest_cost_nano_usd: Option<u64>,
    /// From the first byte of the request to the end of the answer, in microseconds.
    pub duration_us: u64,
    /// Time not spent waiting for providers or for the client's body, up to the first byte of the
    /// answer, in microseconds.
    pub overhead_us: u64,
    /// From the request to the first content of a stream, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_us: Option<u64>,
    /// Version of the policy that decided.
    pub policy: Arc<str>,
}

/// An attempt that gave nothing to the client.
#[derive(Debug, Clone, Serialize)]
pub struct FailedAttempt {
    /// The model.
    pub model: Arc<str>,
    /// The kind of error.
    pub kind: &'static str,
}

impl RequestRecord {
    /// Takes over what an attempt used.
    pub fn add_usage(&mut self, usage: &Usage) {
        let add = |sum: &mut u64, tokens: u64| *sum = sum.saturating_add(tokens);
        add(&mut self.input_tokens, usage.prompt_tokens());
        add(&mut self.cached_tokens, usage.input_cached);
        add(&mut self.cache_write_tokens, usage.cache_write);
        add(&mut self.cache_write_1h_tokens, usage.cache_write_1h);
        add(&mut self.output_tokens, usage.completion_tokens());
        add(&mut self.reasoning_tokens, usage.reasoning);
    }
}

fn as_rfc3339<S: serde::Serializer>(at: &UnixMillis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*at))
}

fn as_field_names<S: serde::Serializer>(losses: &Losses, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(losses.fields())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !*value
}

enum Message {
    Record(Box<RequestRecord>),
    Stop,
}

/// The way to the thread that writes.
#[derive(Debug, Clone)]
pub struct RequestLog(SyncSender<Message>);

/// Ends the writing thread when it is told to.
#[derive(Debug)]
pub struct RequestLogWriter {
    sender: SyncSender<Message>,
    thread: JoinHandle<()>,
}

impl RequestLog {
    /// Starts a thread that writes JSON lines to `output`, and counts those that are lost.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(
        output: impl Write + Send + 'static,
        lost: IntCounter,
    ) -> io::Result<(Self, RequestLogWriter)> {
        let (sender, receiver) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("request-log".to_owned())
            .spawn(move || write_all(&receiver, output, &lost))?;
        Ok((Self(sender.clone()), RequestLogWriter { sender, thread }))
    }

    /// Hands a record over; waits only while the queue is full.
    pub fn write(&self, record: RequestRecord) {
        if self.0.send(Message::Record(Box::new(record))).is_err() {
            tracing::error!("the request log has stopped; a record is lost");
        }
    }
}

impl RequestLogWriter {
    /// Writes what is queued and ends the thread, if that takes no longer than `limit`: an output
    /// that nobody reads must not hold up the end of the process.
    pub fn stop(self, limit: Duration) {
        let Self { sender, thread } = self;
        let (done, finished) = sync_channel(1);
        let waiter = std::thread::Builder::new().spawn(move || {
            let stopped = sender.send(Message::Stop).is_ok() && thread.join().is_ok();
            let _ = done.send(stopped);
        });
        match waiter.map(|_| finished.recv_timeout(limit)) {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => tracing::error!("the request log ended badly"),
            Ok(Err(_)) => tracing::error!("nobody reads the request log; its last lines are lost"),
            Err(error) => tracing::error!(%error, "cannot wait for the request log"),
        }
    }
}

fn write_all(receiver: &Receiver<Message>, output: impl Write, lost: &IntCounter) {
    let mut lines = Lines::new(output, lost);
    loop {
        // Write before waiting, so that the last line is always visible and a burst is one write.
        let message = match receiver.try_recv() {
            Ok(message) => message,
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {
                lines.write();
                let Ok(message) = receiver.recv() else {
                    break;
                };
                std::thread::sleep(GATHER);
                message
            }
        };
        let Message::Record(record) = message else {
            break;
        };
        lines.add(&record);
    }
    lines.write();
}

/// Lines that are still to be written.
struct Lines<'a, W> {
    output: W,
    waiting: VecDeque<Vec<u8>>,
    /// Bytes of the first line that are written already.
    written: usize,
    bytes: usize,
    /// Bytes added since the output was last tried.
    untried: usize,
    failing: bool,
    lost: &'a IntCounter,
}

impl<'a, W: Write> Lines<'a, W> {
    fn new(output: W, lost: &'a IntCounter) -> Self {
        Self {
            output,
            waiting: VecDeque::new(),
            written: 0,
            bytes: 0,
            untried: 0,
            failing: false,
            lost,
        }
    }

    fn add(&mut self, record: &RequestRecord) {
        let mut line = Vec::with_capacity(640);
        if let Err(error) = serde_json::to_writer(&mut line, record) {
            tracing::error!(%error, "a record cannot be written down");
            self.lost.inc();
            return;
        }
        line.push(b'\n');
        self.bytes += line.len();
        self.untried += line.len();
        self.waiting.push_back(line);
        if self.untried > WRITE_AT {
            self.write();
        }
        // The first line may be half written: the second is the oldest that can go.
        while self.bytes > MOST_WAITING
            && let Some(line) = self.waiting.remove(1)
        {
            self.bytes -= line.len();
            self.lost.inc();
        }
    }

    /// Writes what is waiting, as far as the output takes it. What it does not take waits on.
    fn write(&mut self) {
        self.untried = 0;
        while !self.waiting.is_empty() {
            match self.write_some() {
                Ok(()) if self.failing => {
                    self.failing = false;
                    tracing::info!("the request log can be written again");
                }
                Ok(()) => {}
                Err(error) => {
                    if !std::mem::replace(&mut self.failing, true) {
                        tracing::error!(%error, "cannot write the request log; its lines wait");
                    }
                    return;
                }
            }
        }
    }

    /// Writes the oldest lines, some hundred of them at once.
    fn write_some(&mut self) -> io::Result<()> {
        let mut batch = Vec::with_capacity(WRITE_AT);
        for line in &self.waiting {
            batch.extend_from_slice(line);
            if batch.len() > WRITE_AT {
                break;
            }
        }
        let mut rest = &batch[self.written..];
        while !rest.is_empty() {
            match self.output.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    rest = &rest[count..];
                    self.forget(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.flush()
    }

    /// So many more bytes are written.
    fn forget(&mut self, count: usize) {
        self.written += count;
        while let Some(line) = self.waiting.front()
            && line.len() <= self.written
        {
            self.written -= line.len();
            self.bytes -= line.len();
            self.waiting.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
