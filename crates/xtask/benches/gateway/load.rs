//! The load: keep-alive connections with one request at a time each, a fixed number of requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::upstream::{END_OF_STREAM, HOLD_MARK};

/// The virtual key of the load.
pub(crate) const KEY: &str = "sk-steelyard-benchmark";
/// Longest that one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that are opened together before the streams are held.
const OPENED_TOGETHER: usize = 50;

/// A prompt of 1 KB, such as an application sends: an instruction and the text that it is about.
const PROMPT: &str = "Summarise the following support ticket in three sentences for the engineer \
on call, then list the steps that the customer has already tried.\n\nTicket 48213: Since the \
update on Tuesday evening our nightly export stops after about forty minutes with the message \
'connection reset while reading response'. We run it from two offices; the one in Lyon is not \
affected, the one in Porto is. We restarted the export service twice, moved it to another host, \
and lowered the page size from 5,000 to 500 rows, which makes it last longer but not finish. The \
firewall team says that nothing changed on their side. The log of the proxy in Porto shows idle \
connections being closed after 2,400 seconds, which was also so before Tuesday. Our contract says \
that exports must be there by six in the morning, and finance could not close the books today. \
Please tell us whether the retry that you introduced in version 7.3 could keep a request open \
without sending anything, and how we can switch it off until this is resolved. Many thanks, \
the platform team.";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole answer.
    Unary,
    /// A stream of a hundred pieces.
    Stream,
    /// A stream that stays open after its first piece.
    Held,
}

/// Requests of one kind to one address.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    address: SocketAddr,
    path: &'static str,
    kind: Kind,
    body: Bytes,
}

type Sender = SendRequest<Full<Bytes>>;

impl Load {
    pub(crate) fn new(address: SocketAddr, path: &'static str, kind: Kind) -> Self {
        let mark = if kind == Kind::Held { HOLD_MARK } else { "" };
        let mut body = serde_json::json!({
            "model": "auto",
            "messages": [
                {"role": "system", "content": "You are a careful assistant of a support team."},
                {"role": "user", "content": format!("{mark}{PROMPT}")},
            ],
            "temperature": 0.2,
            "max_tokens": 400,
        });
        if kind != Kind::Unary {
            body["stream"] = true.into();
        }
        Self {
            address,
            path,
            kind,
            body: body.to_string().into(),
        }
    }

    /// Sends so many requests over so many connections; gives the time of each.
    pub(crate) async fn run(&self, connections: usize, requests: usize) -> Result<Vec<Duration>> {
        let left = Arc::new(AtomicUsize::new(requests));
        let mut workers = JoinSet::new();
        for _ in 0..connections {
            workers.spawn(self.clone().work(Arc::clone(&left)));
        }
        let mut times = Vec::with_capacity(requests);
        while let Some(worker) = workers.join_next().await {
            times.extend(worker??);
        }
        Ok(times)
    }

    async fn work(self, left: Arc<AtomicUsize>) -> Result<Vec<Duration>> {
        let mut sender = self.connect().await?;
        let mut times = Vec::new();
        let take = |left: usize| left.checked_sub(1);
        while left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
        {
            let started = now();
            tokio::time::timeout(ANSWER_TIMEOUT, self.ask(&mut sender))
                .await
                .context("an answer took too long")??;
            times.push(now() - started);
        }
        Ok(times)
    }

    /// Opens so many streams, waits for the first piece of each, and keeps them open.
    pub(crate) async fn hold(&self, streams: usize) -> Result<Vec<Held>> {
        let mut held = Vec::with_capacity(streams);
        while held.len() < streams {
            let mut opening = JoinSet::new();
            for _ in 0..OPENED_TOGETHER.min(streams - held.len()) {
                opening.spawn(self.clone().open());
            }
            while let Some(opened) = opening.join_next().await {
                held.push(opened??);
            }
        }
        Ok(held)
    }

    async fn open(self) -> Result<Held> {
        let mut sender = self.connect().await?;
        let mut response = self.send(&mut sender).await?;
        let mut seen = Vec::new();
        while !contains(&seen, b"\"content\":\"piece") {
            let frame = tokio::time::timeout(ANSWER_TIMEOUT, response.frame())
                .await
                .context("the first piece took too long")?;
            let frame = frame.context("the stream ended at once")??;
            seen.extend_from_slice(&frame.into_data().unwrap_or_default());
        }
        Ok(Held {
            _sender: sender,
            _response: response,
        })
    }

    async fn connect(&self) -> Result<Sender> {
        let stream = TcpStream::connect(self.address)
            .await
            .with_context(|| format!("cannot connect to {}", self.address))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn ask(&self, sender: &mut Sender) -> Result<()> {
        let mut response = self.send(sender).await?;
        let (mut bytes, mut tail) = (0, Vec::new());
        while let Some(frame) = response.frame().await {
            let data = frame?.into_data().unwrap_or_default();
            bytes += data.len();
            tail.extend_from_slice(&data);
            tail.drain(..tail.len().saturating_sub(END_OF_STREAM.len()));
        }
        ensure!(
            bytes > 200,
            "an answer of {bytes} bytes is not the provider's"
        );
        ensure!(
            self.kind == Kind::Unary || tail == END_OF_STREAM,
            "a stream ended without [DONE]"
        );
        Ok(())
    }

    async fn send(&self, sender: &mut Sender) -> Result<Response<Incoming>> {
        sender.ready().await?;
        let request = Request::post(self.path)
            .header("host", "localhost")
            .header("authorization", format!("Bearer {KEY}"))
            .header("content-type", "application/json")
            .body(Full::new(self.body.clone()))?;
        let response = sender.send_request(request).await?;
        if response.status() == 200 {
            return Ok(response);
        }
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        anyhow::bail!("{status}: {}", String::from_utf8_lossy(&body))
    }
}

/// A stream that stays open as long as this lives.
#[derive(Debug)]
pub(crate) struct Held {
    _sender: Sender,
    _response: Response<Incoming>,
}

/// The median of some times.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the real clock"
)]
fn now() -> Instant {
    Instant::now()
}
