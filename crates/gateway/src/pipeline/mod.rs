//! The one path of a request: authenticate, parse, reserve, look into the cache, weigh, plan,
//! attempt, reply, settle.

mod admit;
mod attempt;
mod count;
mod decide;
mod exchange;
mod refusal;
mod respond;
mod stream;
mod weigh;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use smallvec::{SmallVec, smallvec};
use steelyard_policy::{ModelId, Selection, Timeouts};
use steelyard_provider_adapter::{
    EncodedRequest, Losses, Refusal, ReplyContext, asks_for, delivered_as, embeddings, limit_field,
    placed,
};
use steelyard_router::{Plan, Reason};
use steelyard_types::{
    ChatRequest, Dialect, ErrorKind, FinishReason, ProviderError, Target, WireFormat,
};

use self::admit::read_body;
use self::attempt::{Call, Failure, Kept};
use self::exchange::{Bill, RouteOf};
use self::stream::{ClientStream, Recording};
use crate::cache::{CacheKey, CachedAnswer, cache_key};
use crate::gateway::Gateway;
use crate::request_log::FailedAttempt;
use crate::snapshot::Deployment;

pub(crate) use self::admit::{admit, admit_unlimited};
pub(crate) use self::count::count_tokens;
pub(crate) use self::decide::{Decision, decide};
pub(crate) use self::exchange::Exchange;
pub(crate) use self::refusal::unknown_model;
pub(crate) use self::respond::{Refused, response};
pub(crate) use self::weigh::{score_request, weigh, what_is_scored};

/// Answers a request for a chat completion in that dialect. `endpoint` is what the log calls it.
pub(crate) async fn complete(
    gateway: Arc<Gateway>,
    dialect: Dialect,
    endpoint: &'static str,
    request: Request,
) -> Response {
    let mut exchange = gateway.begin(dialect, endpoint, request.headers());
    match chat(&gateway, &mut exchange, request).await {
        Ok(Reply::Whole(body)) => exchange.answer(body),
        Ok(Reply::Replay(body)) => {
            let headers = exchange.stream_headers();
            exchange.settle(200, Ok(()));
            response(200, headers, Body::from(body))
        }
        Ok(Reply::Stream(opened)) => {
            let headers = exchange.stream_headers();
            let Opened {
                open,
                model,
                timeouts,
                started,
                recording,
            } = *opened;
            let keep_alive = Duration::from_millis(gateway.settings.server.keep_alive_ms);
            let stream = ClientStream::new(
                open, model, exchange, timeouts, keep_alive, started, recording,
            );
            response(200, headers, Body::new(stream))
        }
        Err(refused) => exchange.refuse(refused),
    }
}

/// What the client is answered with.
enum Reply {
    Whole(Bytes),
    /// A stream from the cache.
    Replay(Bytes),
    Stream(Box<Opened>),
}

/// A stream whose first content is there, with what its body needs.
struct Opened {
    open: attempt::OpenStream,
    model: ModelId,
    timeouts: Timeouts,
    started: Instant,
    recording: Option<Recording>,
}

async fn chat(
    gateway: &Gateway,
    exchange: &mut Exchange,
    http_request: Request,
) -> Result<Reply, Refused> {
    let caller = admit(exchange, http_request.headers())?;
    let body = read_body(gateway, exchange, http_request).await?;
    let request = exchange
        .client()
        .parse(&body)
        .map_err(refusal::of_request)?;
    exchange.record.stream = request.stream;
    let selection = select(exchange, caller.as_deref(), &request.model)?;

    let key = cache_key_of(exchange, caller.as_deref(), &body);
    if let Some(reply) = key.and_then(|key| cached(exchange, &key, request.stream)) {
        return Ok(reply);
    }
    let mut demand = weigh(&request, exchange.record.at, exchange.snapshot.scorer);
    if request.embedding.is_none() {
        exchange.weighed(demand.complexity);
    }
    exchange.service = demand.service;
    let decision = decide(&exchange.snapshot, selection, &request, &mut demand);
    exchange.untold_of_tier = decision.untold_of_tier();
    let Decision {
        plan,
        reason,
        refusals,
        ..
    } = decision;
    exchange.decided(&plan, reason);
    if plan.ladder.is_empty() {
        let field = limit_field(&request);
        let mut refused = refusal::of_plan(exchange, &plan, &refusals, field);
        if refused.param.as_deref() == Some("tools") && request.has_functions() {
            refused.param = Some("functions".to_owned());
        }
        return Err(refused);
    }
    attempts(gateway, exchange, selection, &request, &plan, key).await
}

/// Finds what the client's `model` names, and whether its key may use it.
fn select(exchange: &mut Exchange, caller: Option<&str>, name: &str) -> Result<Selection, Refused> {
    let snapshot = Arc::clone(&exchange.snapshot);
    let selection = snapshot
        .resolve(name)
        .ok_or_else(|| unknown_model(&snapshot, name))?;
    let key =
        caller.and_then(|caller| snapshot.policy.keys.iter().find(|key| &*key.name == caller));
    let allowed = key.is_none_or(|key| match selection {
        Selection::Route(route) => key.allows_route(route),
        Selection::Model(_) => key.models,
    });
    exchange.routed(match selection {
        Selection::Route(route) => RouteOf::Route(route.index()),
        Selection::Model(_) => RouteOf::Pinned,
    });
    if allowed {
        Ok(selection)
    } else {
        Err(refusal::forbidden(name))
    }
}

/// The cache's key of this request, if its route has a cache.
fn cache_key_of(exchange: &Exchange, caller: Option<&str>, body: &[u8]) -> Option<CacheKey> {
    let route = exchange.compiled_route()?;
    route.cache.as_ref()?;
    let caller = caller.unwrap_or_default();
    Some(cache_key(caller, exchange.dialect, &route.name, body))
}

/// The answer to this very request, if it was given before.
fn cached(exchange: &mut Exchange, key: &CacheKey, stream: bool) -> Option<Reply> {
    let cache = exchange.compiled_route()?.cache.clone()?;
    let answer = cache.get(key).filter(|answer| answer.stream == stream);
    // Caches outlive reloads: a model that the route no longer uses must not go on answering.
    let hit = answer.and_then(|answer| Some((exchange.candidate_of_name(&answer.model)?, answer)));
    exchange.compiled_route()?.meter.cache(hit.is_some());
    exchange.record.cache = Some(if hit.is_some() { "hit" } else { "miss" });
    let (model, answer) = hit?;
    exchange.served_by(model);
    if let Some(complexity) = answer.complexity {
        exchange.weighed(complexity);
    }
    exchange.record.lossy = answer.lossy.clone();
    exchange.chose(model, Reason::Cached);
    exchange.committed();
    Some(if stream {
        Reply::Replay(answer.replayed(&exchange.stream_extension()))
    } else {
        Reply::Whole(answer.body.clone())
    })
}

/// Climbs the ladder until a model answers.
async fn attempts(
    gateway: &Gateway,
    exchange: &mut Exchange,
    selection: Selection,
    request: &ChatRequest<'_>,
    plan: &Plan,
    key: Option<CacheKey>,
) -> Result<Reply, Refused> {
    let snapshot = Arc::clone(&exchange.snapshot);
    let route = match selection {
        Selection::Route(id) => Some(snapshot.policy.route(id)),
        Selection::Model(_) => None,
    };
    let most = route.map_or(1, |route| route.fallback.max_attempts);
    let window = |model: ModelId| snapshot.policy.model(model).context_window;
    // The largest window that could not hold the conversation; only a larger one may.
    let mut too_small = 0;
    let mut ladder = plan.ladder.iter().map(|id| ModelId(*id));
    let mut next = ladder.next();
    let mut tried: SmallVec<[(ModelId, ProviderError); 4]> = smallvec![];
    let mut empty = None;
    while let Some(model) = next {
        let failure = match attempt(gateway, exchange, route, request, model, key).await {
            Ok(reply) => return Ok(reply),
            Err(failure) => failure,
        };
        // What an answer lacks that nobody was given is not told; an empty one may be given yet.
        let lossy = std::mem::replace(&mut exchange.record.lossy, Losses::none());
        if let Some(kept) = failure.kept {
            empty = Some((model, kept, lossy));
        }
        let kind = failure.error.kind;
        tried.push((model, failure.error));
        if kind == ErrorKind::ContextLength {
            too_small = window(model).max(too_small);
        }
        // A request that could not even be written has cost nothing and is no attempt.
        let unwritten = kind == ErrorKind::Unsupported;
        let worth_another = route.is_some_and(|route| route.fallback.on.contains(kind));
        next = ladder.find(|model| window(*model) > too_small);
        let goes_on = worth_another && exchange.record.attempts < most;
        if next.is_none() || !(goes_on || unwritten) {
            break;
        }
        if !unwritten {
            exchange.fell_back(model, kind);
        }
    }
    match empty {
        Some((model, kept, lossy)) => Ok(empty_answer(exchange, route, model, *kept, lossy)),
        None => Err(refusal::of_attempts(exchange, tried)),
    }
}

/// Gives the client a complete answer without content: another model might have had more to say,
/// but none had, and at the provider itself the client would have had this one.
fn empty_answer(
    exchange: &mut Exchange,
    route: Option<&steelyard_policy::Route>,
    model: ModelId,
    kept: Kept,
    mut lossy: Losses,
) -> Reply {
    match kept {
        Kept::Whole(reply) => {
            for &field in reply.lost.fields() {
                lossy.add(field);
            }
            exchange.answered_empty(model, reply.usage, lossy);
            Reply::Whole(reply.body)
        }
        Kept::Stream(open) => {
            exchange.answered_empty(model, open.reply.usage(), lossy);
            Reply::Stream(Box::new(Opened {
                open: *open,
                model,
                timeouts: timeouts(exchange, route, model),
                started: exchange.runtime.clock.monotonic(),
                recording: None,
            }))
        }
    }
}

/// The model's timeouts, as far as the route does not change them.
fn timeouts(
    exchange: &Exchange,
    route: Option<&steelyard_policy::Route>,
    model: ModelId,
) -> Timeouts {
    let own = exchange.snapshot.deployment(model).timeouts;
    let overrides = route.and_then(|route| route.timeouts);
    overrides.map_or(own, |some| some.apply(own))
}

/// Calls one model.
async fn attempt(
    gateway: &Gateway,
    exchange: &mut Exchange,
    route: Option<&steelyard_policy::Route>,
    request: &ChatRequest<'_>,
    model: ModelId,
    key: Option<CacheKey>,
) -> Result<Reply, Failure> {
    let snapshot = Arc::clone(&exchange.snapshot);
    let deployment = snapshot.deployment(model);
    let target = &snapshot.policy.model(model).target;
    let (encoded, stream) = encode(deployment, request, target).map_err(|refused| {
        let refused = placed(request, refused);
        let mut error = ProviderError::new(ErrorKind::Unsupported, refused.to_string());
        error.param = Some(refused.field);
        error.code = Some(refusal::UNSUPPORTED_PARAMETER.to_owned());
        Failure::from(error)
    })?;
    exchange.attempting(model);
    exchange.record.lossy = encoded.lossy.clone();
    let timeouts = timeouts(exchange, route, model);
    let route_client = exchange.compiled_route().and_then(|it| it.client.clone());
    let call = Call {
        deployment,
        client: route_client.unwrap_or_else(|| deployment.client.clone()),
        wire: target.wire,
        timeouts,
        encoded,
        stream,
        vectors: embeddings::Wanted::of(request),
        beta: beta_for(exchange, target.wire),
        context: context(exchange, request, target),
        max_answer_bytes: gateway.settings.server.max_answer_bytes,
        at: exchange.runtime.clock.now(),
    };
    let started = exchange.runtime.clock.monotonic();
    if request.stream {
        let result = call.stream().await;
        let elapsed = exchange.waited_since(started).as_secs_f64();
        let open = result.inspect_err(|failure| fail(exchange, model, failure))?;
        deployment.meter.first_token(elapsed);
        exchange.first_content();
        exchange.committed();
        let recording = key.and_then(|key| recording(exchange, key));
        let opened = Opened {
            open,
            model,
            timeouts,
            started,
            recording,
        };
        return Ok(Reply::Stream(Box::new(opened)));
    }
    let result = call.unary().await;
    exchange.waited_since(started);
    let reply = result.inspect_err(|failure| fail(exchange, model, failure))?;
    for &field in reply.lost.fields() {
        exchange.record.lossy.add(field);
    }
    exchange.attempt_ended(None, Bill::Used(reply.usage));
    let route = exchange.compiled_route();
    let cache = route.and_then(|route| route.cache.as_ref());
    if let (Some(key), Some(cache), true) = (key, cache, is_final(reply.finish)) {
        let complexity = exchange.record.complexity;
        let mut answer = CachedAnswer::whole(reply.body.clone(), &deployment.name, complexity);
        answer.lossy = exchange.record.lossy.clone();
        cache.put(key, answer);
    }
    exchange.committed();
    Ok(Reply::Whole(reply.body))
}

/// Writes the request in the provider's format, and says whether that asks for a stream: some models
/// deliver in one way only, whatever the client wants.
fn encode(
    deployment: &Deployment,
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<(EncodedRequest, bool), Refusal> {
    match asks_for(request, target)? {
        None => Ok((deployment.adapter.encode(request, target)?, request.stream)),
        Some(stream) => {
            let other = delivered_as(request, stream);
            Ok((deployment.adapter.encode(&other, target)?, stream))
        }
    }
}

/// What the reply must know of its request.
fn context(exchange: &Exchange, request: &ChatRequest<'_>, target: &Target) -> ReplyContext {
    ReplyContext {
        dialect: request.dialect,
        id: exchange.client().answer_id(&exchange.record.request_id),
        created: exchange.record.at.seconds(),
        upstream_model: Arc::clone(&target.upstream),
        include_usage: request.include_usage,
        function_call: request.has_functions(),
        echo: exchange.client().echo(request),
    }
}

/// The features that the client asks for, if the provider is the one that has them.
fn beta_for(exchange: &Exchange, wire: WireFormat) -> Option<HeaderValue> {
    let own = wire == WireFormat::AnthropicMessages;
    exchange.beta.clone().filter(|_| own)
}

/// Whether asking again would give no better answer, so that this one may be kept: one that was cut
/// off or filtered might have been whole the next time.
fn is_final(finish: Option<FinishReason>) -> bool {
    matches!(finish, Some(FinishReason::Stop | FinishReason::ToolCalls))
}

/// Books an attempt that gave nothing to the client.
fn fail(exchange: &mut Exchange, model: ModelId, failure: &Failure) {
    let kind = failure.error.kind;
    let deployment = exchange.snapshot.deployment(model);
    exchange.record.failed.push(FailedAttempt {
        model: Arc::clone(&deployment.name),
        kind: kind.as_str(),
    });
    let refuses = matches!(
        kind,
        ErrorKind::UpstreamAuth | ErrorKind::UpstreamQuota | ErrorKind::UpstreamModelNotFound
    );
    if refuses || failure.error.is_wrong_path() {
        // Nobody but the operator can mend these, and every further request pays for them.
        let (model, provider) = (&*deployment.name, &*deployment.provider);
        tracing::error!(model, provider, %kind, reason = failure.error.message, "a provider refuses this gateway");
    }
    let bill = if failure.answered {
        Bill::Used(failure.usage)
    } else {
        Bill::Nothing
    };
    exchange.attempt_ended(Some(kind), bill);
}

fn recording(exchange: &Exchange, key: CacheKey) -> Option<Recording> {
    let cache = exchange.compiled_route()?.cache.as_ref()?;
    Some(Recording {
        key,
        bytes: BytesMut::new(),
        limit: cache.largest_answer(),
    })
}
