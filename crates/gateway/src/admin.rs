//! The admin plane: metrics, health, status, and a page for people.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use steelyard_policy::{Head, Model, Policy, Threshold};

use crate::clock::rfc3339;
use crate::gateway::Gateway;

/// Prometheus's text format.
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The paths of the admin plane.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/", get(dashboard))
        .route("/metrics", get(metrics))
        .route(
            "/healthz",
            get(async || text(StatusCode::OK, "ok\n".to_owned())),
        )
        .route("/readyz", get(ready))
        .route("/admin/v1/status", get(status))
        .fallback(async || {
            let paths = "/, /metrics, /healthz, /readyz, /admin/v1/status";
            text(
                StatusCode::NOT_FOUND,
                format!("the admin plane has {paths}\n"),
            )
        })
        .with_state(gateway)
}

async fn dashboard() -> Response {
    ([(CONTENT_TYPE, HTML)], include_str!("dashboard.html")).into_response()
}

async fn metrics(State(gateway): State<Arc<Gateway>>) -> Response {
    let runtime = &gateway.runtime;
    runtime
        .meter
        .cache_bytes()
        .set(i64::try_from(runtime.caches.bytes()).unwrap_or(i64::MAX));
    match runtime.meter.text() {
        Ok(body) => ([(CONTENT_TYPE, METRICS)], body).into_response(),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// Ready when at least one model can be used.
async fn ready(State(gateway): State<Arc<Gateway>>) -> Response {
    let snapshot = gateway.snapshot.load();
    let unusable: Vec<String> = snapshot
        .unusable()
        .map(|(model, provider, reason)| format!("{model} at {provider}: {reason}\n"))
        .collect();
    let usable = snapshot.deployments.len() - unusable.len();
    let body = format!(
        "{usable} of {} models can be used\n",
        snapshot.deployments.len()
    );
    let status = if usable > 0 {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    text(status, body + &unusable.concat())
}

async fn status(State(gateway): State<Arc<Gateway>>) -> Response {
    let snapshot = gateway.snapshot.load();
    let policy = &snapshot.policy;
    let models: Vec<_> = policy
        .models
        .iter()
        .zip(&snapshot.deployments)
        .map(|(model, deployment)| {
            json!({
                "name": &*model.name,
                "provider": &*deployment.provider,
                "upstream": &*model.target.upstream,
                "capability": (f64::from(model.capability) * 1e4).round() / 1e4,
                "capability_basis": model.capability_basis.as_str(),
                "judged_by": judged_by(model),
                "output_factor": model.output_factor.as_f64(),
                "price": model.price_name,
                "unusable": deployment.unusable,
            })
        })
        .collect();
    let routes: Vec<_> = policy
        .routes
        .iter()
        .map(|route| {
            let names = route
                .candidates
                .iter()
                .map(|id| policy.model(*id).name.to_string());
            json!({
                "name": &*route.name,
                "threshold": threshold(policy, &route.threshold),
                "candidates": names.collect::<Vec<_>>(),
                "cache": route.cache.is_some(),
            })
        })
        .collect();
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "policy": { "version": &*snapshot.version, "loaded_at": rfc3339(snapshot.loaded_at) },
        "last_reload": &**gateway.reload.load(),
        "totals": gateway.runtime.meter.totals(),
        "in_flight": gateway.runtime.meter.in_flight().get(),
        "routes": routes,
        "models": models,
        "warnings": policy.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    ([(CONTENT_TYPE, JSON)], body.to_string()).into_response()
}

/// A success probability, or candidates with the complexity up to which they are adequate.
fn threshold(policy: &Policy, threshold: &Threshold) -> Value {
    let rounded = |number: f32| (f64::from(number) * 1e4).round() / 1e4;
    match threshold {
        Threshold::Success(least) => json!(rounded(*least)),
        Threshold::MaxComplexity(bounds) => {
            let bounds = bounds.iter();
            let bounds = bounds.map(|(id, most)| {
                let name = policy.model(*id).name.to_string();
                (name, json!(rounded(*most)))
            });
            json!({ "max_complexity": bounds.collect::<Map<_, _>>() })
        }
    }
}

/// What a model's chance of success comes from, in words.
pub(crate) fn judged_by(model: &Model) -> String {
    match &model.head {
        None => "capability".to_owned(),
        Some(Head::Fitted(_)) => "own head".to_owned(),
        Some(Head::OutcomesOf(name)) => format!("outcomes of {name}"),
    }
}

fn text(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, TEXT)], body).into_response()
}
