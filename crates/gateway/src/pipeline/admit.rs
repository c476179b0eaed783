//! What must be so before a request is looked at: a caller that may send it, and a whole body.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;

use super::exchange::Exchange;
use super::refusal;
use super::respond::Refused;
use crate::gateway::Gateway;

/// Lets a caller in: there is room, its key is known, its bucket is not empty. Gives the key's name.
pub(crate) fn admit(
    exchange: &mut Exchange,
    headers: &HeaderMap,
) -> Result<Option<Arc<str>>, Refused> {
    let_in(exchange, headers, true)
}

/// As [`admit`], for questions that no model is called for: the key's limit does not count them.
pub(crate) fn admit_unlimited(
    exchange: &mut Exchange,
    headers: &HeaderMap,
) -> Result<Option<Arc<str>>, Refused> {
    let_in(exchange, headers, false)
}

fn let_in(
    exchange: &mut Exchange,
    headers: &HeaderMap,
    counts: bool,
) -> Result<Option<Arc<str>>, Refused> {
    let snapshot = Arc::clone(&exchange.snapshot);
    let mut limited = None;
    let mut name = None;
    if snapshot.needs_key() {
        let text = key_in(headers).ok_or_else(refusal::no_key)?;
        let (key, compiled) = snapshot.key(text).ok_or_else(refusal::unknown_key)?;
        name = Some(Arc::clone(&key.name));
        exchange.record.key.clone_from(&name);
        let limiter = compiled.limiter.as_ref().filter(|_| counts);
        exchange.limit = limiter.map(|limiter| limiter.check());
        if let Some(limit) = exchange.limit.filter(|limit| !limit.allowed) {
            compiled.meter.limited();
            limited = Some(refusal::limit_reached(&key.name, limit));
        }
    }
    if let Some(refused) = limited {
        return Err(refused);
    }
    if !snapshot.needs_key() && comes_from_a_web_page(headers) {
        return Err(refusal::web_page());
    }
    if !exchange.is_admitted() {
        return Err(refusal::no_room());
    }
    Ok(name)
}

/// Whether a browser sent this for a page of another machine. Without keys any page that somebody
/// on this machine opens could spend their money: browsers send such requests without asking first.
fn comes_from_a_web_page(headers: &HeaderMap) -> bool {
    let host = |value: &http::HeaderValue| {
        let text = value.to_str().ok()?;
        let authority = text
            .rsplit("://")
            .next()?
            .parse::<http::uri::Authority>()
            .ok()?;
        Some(authority.host().trim_matches(['[', ']']).to_owned())
    };
    let is_local = |host: &str| {
        let address = host.parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    };
    let origin = headers.get(http::header::ORIGIN);
    origin.is_some_and(|origin| !host(origin).is_some_and(|host| is_local(&host)))
}

/// The key in `Authorization: Bearer ...`, or else in `x-api-key`, where Anthropic's SDKs put it.
fn key_in(headers: &HeaderMap) -> Option<&str> {
    let bearer = || {
        let value = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key)
    };
    let plain = || headers.get("x-api-key")?.to_str().ok();
    let sent = |key: &str| !key.trim().is_empty();
    let key = bearer().filter(|key| sent(key)).or_else(plain)?;
    Some(key.trim()).filter(|key| sent(key))
}

/// Reads the body into one buffer, within its bounds of size and time.
pub(super) async fn read_body(
    gateway: &Gateway,
    exchange: &mut Exchange,
    request: Request,
) -> Result<Bytes, Refused> {
    let encoding = request.headers().get(http::header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding.as_bytes() != b"identity") {
        return Err(refusal::encoded_body());
    }
    let server = &gateway.settings.server;
    let started = exchange.runtime.clock.monotonic();
    let read = collect(request.into_body(), server.max_body_bytes);
    let limit = Duration::from_millis(server.body_timeout_ms);
    let body = tokio::time::timeout(limit, read).await;
    exchange.waited_since(started);
    match body {
        Ok(Ok(Some(body))) => Ok(body),
        Ok(Ok(None)) => Err(refusal::large_body(server.max_body_bytes)),
        Ok(Err(error)) => Err(refusal::unreadable_body(&error)),
        Err(_) => Err(refusal::slow_body(server.body_timeout_ms)),
    }
}

/// How many times the limit is read of a body that is too large before the connection is given up.
/// A client that is still sending when the connection closes sees a reset instead of the answer.
const TOO_LARGE_IS_READ: usize = 4;

/// Collects a body; one that came in one piece is not copied. `None` is one that is too large: it
/// is read on, within a bound, but not kept.
async fn collect(mut body: Body, limit: usize) -> Result<Option<Bytes>, axum::Error> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        length = length.saturating_add(data.len());
        if length > limit.saturating_mul(TOO_LARGE_IS_READ) {
            return Ok(None);
        }
        if length > limit {
            (first, rest) = (Bytes::new(), BytesMut::new());
        } else if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    let body = if rest.is_empty() {
        first
    } else {
        rest.freeze()
    };
    Ok((length <= limit).then_some(body))
}
