//! `POST /v1/messages/count_tokens`: exact where Anthropic answers, an estimate where it does not.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use smallvec::smallvec;
use steelyard_policy::ModelId;
use steelyard_provider_adapter::{anthropic, limit_field, messages};
use steelyard_types::{Dialect, ErrorKind, WireFormat};

use super::attempt::{Call, Failure};
use super::decide::{Decision, decide};
use super::exchange::{Bill, Exchange};
use super::respond::Refused;
use super::weigh::weigh;
use super::{admit, beta_for, context, fail, read_body, refusal, select};
use crate::gateway::Gateway;

/// Says that a count is an estimate.
const ESTIMATED: HeaderName = HeaderName::from_static("x-steelyard-estimated");

/// How many tokens a prompt has.
struct Counted {
    tokens: u64,
    estimated: bool,
}

/// Answers how many tokens a request would have with the model that it would go to first.
pub(crate) async fn count_tokens(gateway: Arc<Gateway>, request: Request) -> Response {
    let endpoint = "POST /v1/messages/count_tokens";
    let mut exchange = gateway.begin(Dialect::AnthropicMessages, endpoint, request.headers());
    match count(&gateway, &mut exchange, request).await {
        Ok(counted) => {
            let mut response = exchange.inform(messages::count_body(counted.tokens));
            if counted.estimated {
                let yes = HeaderValue::from_static("true");
                response.headers_mut().insert(ESTIMATED, yes);
            }
            response
        }
        Err(refused) => exchange.refuse(refused),
    }
}

async fn count(
    gateway: &Gateway,
    exchange: &mut Exchange,
    http_request: Request,
) -> Result<Counted, Refused> {
    let caller = admit(exchange, http_request.headers())?;
    let body = read_body(gateway, exchange, http_request).await?;
    let request = messages::parse_count_request(&body).map_err(refusal::of_request)?;
    let selection = select(exchange, caller.as_deref(), &request.model)?;
    let mut demand = weigh(&request, exchange.record.at, exchange.snapshot.scorer);
    let snapshot = Arc::clone(&exchange.snapshot);
    // Nothing is decided for good here, so no metric hears of it.
    let Decision { plan, refusals, .. } = decide(&snapshot, selection, &request, &mut demand);
    let Some(first) = plan.ladder.first() else {
        let field = limit_field(&request);
        return Err(refusal::of_plan(exchange, &plan, &refusals, field));
    };
    let model = ModelId(*first);
    let deployment = snapshot.deployment(model);
    let target = &snapshot.policy.model(model).target;
    if target.wire != WireFormat::AnthropicMessages {
        exchange.served_by(model);
        return Ok(Counted {
            tokens: demand.prompt_tokens,
            estimated: true,
        });
    }
    let encoded = anthropic::encode_count(&request, target).map_err(|refused| {
        Refused::new(ErrorKind::Unsupported, refused.to_string()).with_param(refused.field)
    })?;
    exchange.attempting(model);
    let call = Call {
        deployment,
        client: deployment.client.clone(),
        wire: target.wire,
        timeouts: deployment.timeouts,
        encoded,
        stream: false,
        vectors: None,
        beta: beta_for(exchange, target.wire),
        context: context(exchange, &request, target),
        max_answer_bytes: gateway.settings.server.max_answer_bytes,
        at: exchange.runtime.clock.now(),
    };
    let started = exchange.runtime.clock.monotonic();
    let result = call.count().await;
    exchange.waited_since(started);
    // Counting is free, whatever becomes of it.
    match result {
        Ok(tokens) => {
            exchange.attempt_ended(None, Bill::Nothing);
            Ok(Counted {
                tokens,
                estimated: false,
            })
        }
        Err(failure) => {
            let failure = Failure::from(failure.error);
            fail(exchange, model, &failure);
            let tried = smallvec![(model, failure.error)];
            Err(refusal::of_attempts(exchange, tried))
        }
    }
}
