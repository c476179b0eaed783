//! The listener, one request after another, and the control endpoints.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::answer;
use crate::delivery::{LatencyModel, Played, Reply, Script};
use crate::draw::Draw;
use crate::fault::{self, Fault, FaultRule, Subject};
use crate::providers::{self, Call, Provider};
use crate::schema;
use crate::state::{InFlight, MOST_RECORDED_BODY_BYTES, RecordedRequest, SimState};

/// Connections that are served at once; further ones wait in the listener's queue.
const MOST_CONNECTIONS: usize = 8_192;

/// The largest request body, in bytes.
const MOST_BODY_BYTES: usize = 64 * 1024 * 1024;

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// A pause after `accept` has failed, for instance because all file descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What every connection shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) seed: u64,
    pub(crate) latency: LatencyModel,
    pub(crate) extra_models: Vec<String>,
    pub(crate) foreign_proofs: bool,
    pub(crate) state: SimState,
}

/// Serves until the shutdown, then closes all connections at once.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let room = connections.len() < MOST_CONNECTIONS;
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if room => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(Arc::clone(&shared), stream));
                }
                Err(error) => {
                    tracing::warn!(%error, "simulator cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    connections.shutdown().await;
    Ok(())
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "simulator cannot set TCP_NODELAY");
    }
    let service = service_fn(|request| respond(Arc::clone(&shared), request));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        // Scripted faults end here as well as clients that go away.
        tracing::debug!(%error, "simulator connection ended");
    }
}

async fn respond(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Played> {
    let (head, body) = request.into_parts();
    let guard = shared.state.enter();
    let Ok(body) = Limited::new(body, MOST_BODY_BYTES).collect().await else {
        return Ok(plain(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the request body cannot be read",
        ));
    };
    let body = body.to_bytes();
    let path = head.uri.path();
    if let Some(rest) = path.strip_prefix("/_sim/") {
        drop(guard);
        return Ok(control(&shared.state, &head.method, rest, &body));
    }
    let (prefix, rest) = split_prefix(path);
    match providers::find(prefix, rest) {
        Some(provider) => exchange(&shared, provider, &head, &body, guard).await,
        None => Ok(plain(
            StatusCode::NOT_FOUND,
            "no simulated provider has this prefix",
        )),
    }
}

/// `/openai/v1/models` is `openai` and `/v1/models`.
fn split_prefix(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.find('/').map_or((path, ""), |at| path.split_at(at))
}

/// One request to a provider: read, look for a fault, answer, record, send.
async fn exchange(
    shared: &Shared,
    provider: &'static dyn Provider,
    head: &Parts,
    body: &Bytes,
    guard: InFlight,
) -> io::Result<Played> {
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or_default();
    let json = serde_json::from_slice::<Value>(body).map_err(|error| error.to_string());
    let (prefix, rest) = split_prefix(path);
    let call = Call {
        method: &head.method,
        prefix,
        path: rest,
        query,
        headers: &head.headers,
        body: json.as_ref().map_err(String::as_str),
        extra_models: &shared.extra_models,
        foreign_proofs: shared.foreign_proofs,
    };
    let mut draw = Draw::new(shared.seed, &[path.as_bytes(), body]);
    let (script, fault) = plan(shared, provider, &call, &mut draw);
    let status = match &fault {
        Some(Fault::NeverAnswers | Fault::CloseBeforeHead) => 0,
        _ => script.status,
    };
    shared.state.record(RecordedRequest {
        number: 0,
        provider: provider.name().to_owned(),
        path: path.to_owned(),
        headers: harmless(&head.headers),
        body: remembered(body, json),
        status,
        fault: fault.map(|fault| fault.kind().to_owned()),
    });
    script.into_response(guard).await
}

/// Decides everything that will happen, without doing any of it.
fn plan(
    shared: &Shared,
    provider: &dyn Provider,
    call: &Call<'_>,
    draw: &mut Draw,
) -> (Script, Option<Fault>) {
    let ask = match provider.read(call, draw) {
        Ok(mut ask) => {
            // A schema that is only told in words is followed too.
            if ask.json == Some(Value::Null) {
                ask.json = call.body.ok().and_then(schema::told).or(ask.json);
            }
            ask
        }
        Err(reply) => return (Script::new(reply, LatencyModel::default(), 0, None), None),
    };
    let family = provider.name().split('-').next().unwrap_or_default();
    let names = [provider.name(), call.prefix, family];
    let subject = Subject {
        providers: &names,
        model: &ask.model,
        last_user: &ask.last_user,
    };
    let fault = fault::marked(&ask.last_user, &subject)
        .or_else(|| call.header("x-sim-fault").and_then(fault::parse))
        .or_else(|| shared.state.take_fault(&subject));
    let mut answer = answer::compose(&ask, draw);
    let stream = ask.stream;
    match &fault {
        Some(Fault::EmptyAnswer) => answer = answer.emptied(),
        Some(Fault::EndWithoutFinish) if !stream => answer.finish = None,
        _ => {}
    }
    let reply = match &fault {
        Some(Fault::Status(status)) if status.html => Reply::proxy_page(status.status),
        Some(Fault::Status(status)) => provider.failure(call, &ask, status, draw),
        other => {
            let reply = provider.render(call, &ask, &answer, draw);
            match other {
                Some(Fault::ErrorEvent { after }) => {
                    let (event, body) = provider.interruption(call, draw);
                    reply.with_error_event(*after, event, body)
                }
                Some(Fault::EndWithoutFinish) => reply.without_end(),
                _ => reply,
            }
        }
    };
    let jitter = draw.below(shared.latency.jitter_percent + 1);
    let latency = shared.latency.for_model(&ask.model, jitter);
    let tokens = if reply.status == 200 {
        answer.usage.output
    } else {
        0
    };
    (Script::new(reply, latency, tokens, fault.as_ref()), fault)
}

/// All headers but those that hold keys.
fn harmless(headers: &HeaderMap) -> BTreeMap<String, String> {
    const SECRET: &[&str] = &[
        "authorization",
        "x-api-key",
        "x-goog-api-key",
        "api-key",
        "cookie",
        "proxy-authorization",
    ];
    let open = headers
        .iter()
        .filter(|(name, _)| !SECRET.contains(&name.as_str()));
    open.map(|(name, value)| {
        (
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    })
    .collect()
}

fn remembered(body: &Bytes, json: Result<Value, String>) -> Value {
    if body.len() > MOST_RECORDED_BODY_BYTES {
        return Value::Null;
    }
    json.unwrap_or_else(|_| Value::from(String::from_utf8_lossy(body)))
}

/// The control endpoints under `/_sim/`.
fn control(state: &SimState, method: &Method, path: &str, body: &Bytes) -> Played {
    match (method.as_str(), path) {
        ("GET", "requests") => json(&state.requests()),
        ("GET", "counts") => json(&state.counts()),
        ("GET", "faults") => json(&state.faults()),
        ("PUT", "faults") => {
            let rules = serde_json::from_slice::<Vec<FaultRule>>(body);
            match rules.map(|rules| state.set_faults(rules)) {
                Ok(Ok(())) => plain(StatusCode::NO_CONTENT, ""),
                Ok(Err(error)) => plain(StatusCode::BAD_REQUEST, &error.to_string()),
                Err(error) => plain(StatusCode::BAD_REQUEST, &format!("fault script: {error}")),
            }
        }
        ("DELETE", "faults") => {
            state.clear_faults();
            plain(StatusCode::NO_CONTENT, "")
        }
        (_, "requests" | "counts" | "faults") => plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "this control endpoint has no such method",
        ),
        _ => plain(StatusCode::NOT_FOUND, "no such control endpoint"),
    }
}

fn json(value: &impl serde::Serialize) -> Played {
    match serde_json::to_string(value) {
        Ok(text) => message(StatusCode::OK, "application/json", text),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn plain(status: StatusCode, text: &str) -> Played {
    message(status, "text/plain; charset=utf-8", text.to_owned())
}

fn message(status: StatusCode, kind: &'static str, text: String) -> Played {
    let body = Full::new(Bytes::from(text)).map_err(|never: Infallible| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static(kind);
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    response
}
