//! The data plane: the paths that clients use, in OpenAI's dialect.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::{get, post};
use steelyard_policy::{RouteId, VirtualKey};
use steelyard_provider_adapter::openai;
use steelyard_types::ErrorKind;

use crate::gateway::Gateway;
use crate::pipeline::{Exchange, Refused, admit, chat_completions, unknown_model};
use crate::snapshot::Snapshot;

/// The paths of the data plane.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat).fallback(wrong_method))
        .route("/v1/models", get(models).fallback(wrong_method))
        .route("/v1/models/{*name}", get(model).fallback(wrong_method))
        .fallback(unknown_path)
        .with_state(gateway)
}

async fn chat(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    chat_completions(gateway, request).await
}

/// Everything that the caller's key may use, routes first.
async fn models(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    let mut exchange = gateway.begin("GET /v1/models", &headers);
    match admit(&mut exchange, &headers) {
        Err(refused) => exchange.refuse(refused),
        Ok(caller) => {
            let snapshot = Arc::clone(&exchange.snapshot);
            let body = match key_of(&snapshot, caller.as_deref()) {
                Some(key) if key.routes.is_some() || !key.models => {
                    let created = snapshot.loaded_at.seconds();
                    openai::models_body(visible(&snapshot, Some(key)), created)
                }
                _ => snapshot.models_body.clone(),
            };
            exchange.inform(body)
        }
    }
}

/// One of them.
async fn model(
    State(gateway): State<Arc<Gateway>>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let mut exchange = gateway.begin("GET /v1/models/{name}", &headers);
    // A name that is not UTF-8 is the name of nothing.
    let name = name.map(|Path(name)| name).unwrap_or_default();
    match admit(&mut exchange, &headers) {
        Err(refused) => exchange.refuse(refused),
        Ok(caller) => {
            let snapshot = Arc::clone(&exchange.snapshot);
            let key = key_of(&snapshot, caller.as_deref());
            let found = visible(&snapshot, key).find(|(id, _)| *id == name);
            match found {
                Some((id, owner)) => {
                    let body = openai::model_body(id, owner, snapshot.loaded_at.seconds());
                    exchange.inform(body)
                }
                None => exchange.refuse(unknown_model(&snapshot, &name)),
            }
        }
    }
}

fn key_of<'a>(snapshot: &'a Snapshot, name: Option<&str>) -> Option<&'a VirtualKey> {
    let name = name?;
    snapshot.policy.keys.iter().find(|key| &*key.name == name)
}

/// Names and owners of what a key may use.
fn visible<'a>(
    snapshot: &'a Snapshot,
    key: Option<&'a VirtualKey>,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let policy = &snapshot.policy;
    let may_use = move |index: usize| {
        let id = u16::try_from(index).map(RouteId);
        key.is_none_or(|key| id.is_ok_and(|id| key.allows_route(id)))
    };
    let routes = policy.routes.iter().enumerate();
    let routes = routes
        .filter(move |(index, _)| may_use(*index))
        .map(|(_, route)| (&*route.name, "steelyard"));
    let pins = key.is_none_or(|key| key.models);
    let models = policy.models.iter().filter(move |_| pins);
    routes.chain(models.map(|model| (&*model.name, &*policy.provider(model.provider).name)))
}

async fn wrong_method(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let exchange = gateway.begin("other", request.headers());
    let (method, path) = (request.method(), shown_path(&request));
    let allowed = if path.starts_with("/v1/models") {
        "GET"
    } else {
        "POST"
    };
    let message = format!("{method} is not allowed on {path}: use {allowed}");
    let mut response = exchange.refuse(Refused::new(ErrorKind::MethodNotAllowed, message));
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

async fn unknown_path(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let exchange: Exchange = gateway.begin("other", request.headers());
    let message = format!(
        "there is no {} {}: the data plane has POST /v1/chat/completions and GET /v1/models",
        request.method(),
        shown_path(&request)
    );
    exchange.refuse(Refused::new(ErrorKind::NotFound, message).with_code("unknown_url"))
}

/// The path as far as it is fit to be shown.
fn shown_path(request: &Request) -> String {
    request.uri().path().chars().take(200).collect()
}
