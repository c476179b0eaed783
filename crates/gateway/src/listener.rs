//! Accepting connections: HTTP/1.1 with small buffers, a bound on slow heads, and a graceful end.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use prometheus::IntCounter;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_io_timeout::TimeoutStream;

/// Longest that a client may take to send a request's head.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of a head, and of what a connection buffers of a body. Small, because a thousand held
/// streams own a thousand of them.
const MAX_BUFFER_BYTES: usize = 64 * 1024;
/// Longest that a client may leave an answer unread before its connection is closed: a stalled
/// reader would hold its request, and its provider's stream, for ever.
const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause after a failure to accept, such as no free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `router` until `stop` resolves, then lets open requests finish for as long as `drain` and
/// cuts off the others. When it returns no connection is left, so every request has been recorded.
/// `unreadable` counts connections that send something which is no HTTP request.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()>,
    drain: Duration,
    unreadable: IntCounter,
) {
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    // Connections end when `cut` is dropped, and each holds a sender of `ended` until then.
    let (cut, cutting) = watch::channel(());
    let (alive, mut ended) = mpsc::channel::<()>(1);
    loop {
        let accepted: Result<_, io::Error> = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Without it the second small packet of an answer waits for the client's acknowledgement,
        // 40 ms on keep-alive connections.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let service = TowerToHyperService::new(router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_READ_TIMEOUT)
            .max_buf_size(MAX_BUFFER_BYTES)
            .serve_connection(TokioIo::new(bounded(stream)), service);
        let connection = graceful.watch(connection);
        let (mut cutting, alive) = (cutting.clone(), alive.clone());
        let unreadable = unreadable.clone();
        tokio::spawn(async move {
            let _alive = alive;
            tokio::select! {
                result = connection => match result {
                    // hyper answers these itself, without a body: 400, 414 or 431.
                    Err(error) if error.is_parse() || error.is_parse_too_large() => {
                        unreadable.inc();
                        tracing::warn!(%peer, %error, "not an HTTP request");
                    }
                    Err(error) => tracing::debug!(%peer, %error, "connection ended early"),
                    Ok(()) => {}
                },
                _ = cutting.changed() => {}
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            "stopped with requests still open after {} s",
            drain.as_secs()
        );
    }
    drop((cut, alive));
    // Nothing is ever sent: this waits for the last sender to go.
    let _ = ended.recv().await;
}

/// The connection with a bound on how long a write may wait for its reader.
fn bounded(stream: TcpStream) -> Pin<Box<TimeoutStream<TcpStream>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_STALL_TIMEOUT));
    Box::pin(stream)
}
