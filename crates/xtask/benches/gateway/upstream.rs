//! The other side of the proxies: answers every request alike, as fast as it can. A process of its
//! own, so that its CPU time is nobody's.

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::process::Process;

/// A prompt with this gets a stream that stays open after its first piece.
pub(crate) const HOLD_MARK: &str = "[[hold]]";
/// The last event of every stream.
pub(crate) const END_OF_STREAM: &[u8] = b"data: [DONE]\n\n";
/// Pieces of content in a stream; with the role and the end it has two events more.
const PIECES: usize = 100;
/// Between the events of a stream, so that each travels alone as a model's tokens do.
const PAUSE: Duration = Duration::from_millis(2);

/// Starts it and gives its address.
pub(crate) fn start() -> Result<(Process, SocketAddr)> {
    let itself = std::env::current_exe()?;
    let mut process = Process::start_readable(&itself, |command| {
        command.arg("--upstream");
    })?;
    let address = process.read_until(|line| line.parse().ok())?;
    Ok((process, address))
}

/// Serves until the process is ended.
pub(crate) async fn serve() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
        tokio::spawn(connection);
    }
}

async fn answer(
    request: Request<Incoming>,
) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let is = |part: &str| {
        body.windows(part.len())
            .any(|window| window == part.as_bytes())
    };
    let (kind, body) = if !is("\"stream\":true") {
        let whole = Full::new(Bytes::from_static(WHOLE.as_bytes()));
        ("application/json", whole.boxed_unsync())
    } else if is(HOLD_MARK) {
        let beginning = stream::iter(events()[..2].iter().cloned()).chain(stream::pending());
        ("text/event-stream", body_of(beginning))
    } else {
        let paced = stream::iter(events().iter().cloned()).then(|event| async {
            tokio::time::sleep(PAUSE).await;
            event
        });
        ("text/event-stream", body_of(paced))
    };
    let mut response = Response::new(body);
    let kind = hyper::header::HeaderValue::from_static(kind);
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, kind);
    Ok(response)
}

fn body_of(events: impl Stream<Item = Bytes> + Send + 'static) -> UnsyncBoxBody<Bytes, Infallible> {
    StreamBody::new(events.map(|event| Ok(Frame::data(event)))).boxed_unsync()
}

const WHOLE: &str = r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1790000000,"model":"bench-model","choices":[{"index":0,"message":{"role":"assistant","content":"The export from Porto breaks off after forty minutes since Tuesday's update. The customer restarted the service, moved it to another host and lowered the page size.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":236,"completion_tokens":38,"total_tokens":274,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}"#;

/// The events of a stream: the role, the pieces, the end with the usage, `[DONE]`.
fn events() -> &'static [Bytes] {
    static EVENTS: OnceLock<Vec<Bytes>> = OnceLock::new();
    EVENTS.get_or_init(|| {
        let chunk = |choice: &str| {
            format!(
                "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\
                 \"created\":1790000000,\"model\":\"bench-model\",\"choices\":[{choice}]"
            )
        };
        let role = r#"{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}"#;
        let mut events = vec![Bytes::from(format!("{}}}\n\n", chunk(role)))];
        for number in 0..PIECES {
            let piece = format!(
                r#"{{"index":0,"delta":{{"content":"piece {number:02} "}},"finish_reason":null}}"#
            );
            events.push(Bytes::from(format!("{}}}\n\n", chunk(&piece))));
        }
        let end = chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#);
        let usage = chunk("");
        let done = String::from_utf8_lossy(END_OF_STREAM);
        events.push(Bytes::from(format!(
            "{end}}}\n\n{usage},\"usage\":{{\"prompt_tokens\":236,\"completion_tokens\":100,\
             \"total_tokens\":336}}}}\n\n{done}"
        )));
        events
    })
}
