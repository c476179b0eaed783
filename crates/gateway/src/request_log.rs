//! One structured line a request, written by a thread of its own.
//!
//! Requests hand over a [`RequestRecord`] through a bounded queue. When the queue is full the caller
//! waits: a line is never dropped. A record holds no keys and no text of prompts or answers.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use steelyard_types::{UnixMillis, Usage};

use crate::clock::rfc3339;

/// Lines that may wait to be written.
const QUEUE: usize = 8_192;
/// How long the thread gathers lines after it was woken. A request that hands its record to a waiting
/// thread pays a system call to wake it, about as dear as all of its decision; while the thread
/// gathers, handing over costs next to nothing.
const GATHER: Duration = Duration::from_millis(2);

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
    /// Answer tokens, reasoning included.
    pub output_tokens: u64,
    /// Whether every attempt that was answered reported its usage.
    pub metered: bool,
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
        self.input_tokens = self.input_tokens.saturating_add(usage.prompt_tokens());
        self.cached_tokens = self.cached_tokens.saturating_add(usage.input_cached);
        self.output_tokens = self.output_tokens.saturating_add(usage.completion_tokens());
    }
}

fn as_rfc3339<S: serde::Serializer>(at: &UnixMillis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*at))
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
    /// Starts a thread that writes JSON lines to `output`.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(output: impl Write + Send + 'static) -> io::Result<(Self, RequestLogWriter)> {
        let (sender, receiver) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("request-log".to_owned())
            .spawn(move || write_all(&receiver, output))?;
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
    /// Writes what is queued and ends the thread.
    pub fn stop(self) {
        if self.sender.send(Message::Stop).is_ok() && self.thread.join().is_err() {
            tracing::error!("the request log's thread panicked");
        }
    }
}

fn write_all(receiver: &Receiver<Message>, output: impl Write) {
    let mut output = io::BufWriter::new(output);
    let mut failing = false;
    loop {
        // Flush before waiting, so that the last line is always visible and a burst is one write.
        let message = match receiver.try_recv() {
            Ok(message) => message,
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {
                report(output.flush(), &mut failing);
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
        let written = serde_json::to_writer(&mut output, &record).map_err(io::Error::from);
        report(written.and_then(|()| output.write_all(b"\n")), &mut failing);
    }
    report(output.flush(), &mut failing);
}

/// Says once that the log cannot be written, and once that it can again.
fn report(result: io::Result<()>, failing: &mut bool) {
    match result {
        Err(error) if !*failing => {
            *failing = true;
            tracing::error!(%error, "cannot write the request log");
        }
        Ok(()) if *failing => {
            *failing = false;
            tracing::info!("the request log can be written again");
        }
        _ => {}
    }
}
