//! The data plane: the paths that clients use, in OpenAI's dialect and in Anthropic's.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::{get, post};
use steelyard_policy::{RouteId, VirtualKey};
use steelyard_provider_adapter::ModelEntry;
use steelyard_types::{Dialect, ErrorKind};

use crate::gateway::Gateway;
use crate::pipeline::{Refused, admit_unlimited, complete, count_tokens, unknown_model};
use crate::snapshot::Snapshot;

/// What clients that ask for something else are told.
const ENDPOINTS: &str = "POST /v1/chat/completions, POST /v1/responses, POST /v1/completions, \
    POST /v1/embeddings, POST /v1/messages, POST /v1/messages/count_tokens, GET /v1/models and \
    GET /v1/models/{name}";

/// The paths of the data plane.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat).fallback(wrong_method))
        .route("/v1/completions", post(text).fallback(wrong_method))
        .route("/v1/embeddings", post(vectors).fallback(wrong_method))
        .route("/v1/responses", post(responses).fallback(wrong_method))
        .route("/v1/messages", post(messages).fallback(wrong_method))
        .route(
            "/v1/messages/count_tokens",
            post(count).fallback(wrong_method),
        )
        .route("/v1/models", get(models).fallback(wrong_method))
        .route("/v1/models/{*name}", get(model).fallback(wrong_method))
        .fallback(unknown_path)
        .with_state(gateway)
}

async fn chat(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let endpoint = "POST /v1/chat/completions";
    complete(gateway, Dialect::OpenAiChat, endpoint, request).await
}

async fn text(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let endpoint = "POST /v1/completions";
    complete(gateway, Dialect::OpenAiCompletions, endpoint, request).await
}

async fn vectors(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let endpoint = "POST /v1/embeddings";
    complete(gateway, Dialect::OpenAiEmbeddings, endpoint, request).await
}

async fn responses(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let endpoint = "POST /v1/responses";
    complete(gateway, Dialect::OpenAiResponses, endpoint, request).await
}

async fn messages(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let endpoint = "POST /v1/messages";
    complete(gateway, Dialect::AnthropicMessages, endpoint, request).await
}

async fn count(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    count_tokens(gateway, request).await
}

/// The dialect of a path that both have, or that nobody has: Anthropic's SDKs say which version of
/// their API they speak.
fn dialect_of(path: &str, headers: &HeaderMap) -> Dialect {
    if path.starts_with("/v1/messages") || headers.contains_key("anthropic-version") {
        Dialect::AnthropicMessages
    } else if path.starts_with("/v1/responses") {
        Dialect::OpenAiResponses
    } else {
        Dialect::OpenAiChat
    }
}

/// Everything that the caller's key may use, routes first.
async fn models(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    let dialect = dialect_of("/v1/models", &headers);
    let mut exchange = gateway.begin(dialect, "GET /v1/models", &headers);
    match admit_unlimited(&mut exchange, &headers) {
        Err(refused) => exchange.refuse(refused),
        Ok(caller) => {
            let snapshot = Arc::clone(&exchange.snapshot);
            let key = key_of(&snapshot, caller.as_deref());
            let narrow = key.is_some_and(|key| key.routes.is_some() || !key.models);
            let body = if dialect == Dialect::OpenAiChat && !narrow {
                snapshot.models_body.clone()
            } else {
                let created = snapshot.loaded_at.seconds();
                let client = exchange.client();
                client.models_body(&mut visible(&snapshot, key), created)
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
    let dialect = dialect_of("/v1/models", &headers);
    let mut exchange = gateway.begin(dialect, "GET /v1/models/{name}", &headers);
    // A name that is not UTF-8 is the name of nothing.
    let name = name.map(|Path(name)| name).unwrap_or_default();
    match admit_unlimited(&mut exchange, &headers) {
        Err(refused) => exchange.refuse(refused),
        Ok(caller) => {
            let snapshot = Arc::clone(&exchange.snapshot);
            let key = key_of(&snapshot, caller.as_deref());
            let found = visible(&snapshot, key).find(|model| model.id == name);
            match found {
                Some(model) => {
                    let created = snapshot.loaded_at.seconds();
                    let body = exchange.client().model_body(model, created);
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

/// What a key may use.
fn visible<'a>(
    snapshot: &'a Snapshot,
    key: Option<&'a VirtualKey>,
) -> impl Iterator<Item = ModelEntry<'a>> {
    let policy = &snapshot.policy;
    let may_use = move |index: usize| {
        let id = u16::try_from(index).map(RouteId);
        key.is_none_or(|key| id.is_ok_and(|id| key.allows_route(id)))
    };
    let routes = policy.routes.iter().enumerate();
    let routes = routes
        .filter(move |(index, _)| may_use(*index))
        .map(|(_, route)| ModelEntry {
            id: &route.name,
            owner: "steelyard",
        });
    let pins = key.is_none_or(|key| key.models);
    let models = policy.models.iter().filter(move |_| pins);
    routes.chain(models.map(|model| ModelEntry {
        id: &model.name,
        owner: &policy.provider(model.provider).name,
    }))
}

async fn wrong_method(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let (method, path) = (request.method(), shown_path(&request));
    let dialect = dialect_of(&path, request.headers());
    let exchange = gateway.begin(dialect, "other", request.headers());
    let allowed = if path.starts_with("/v1/models") {
        "GET"
    } else {
        "POST"
    };
    let message =
        format!("{method} is not allowed on {path}: use {allowed}; the data plane has {ENDPOINTS}");
    let mut response = exchange.refuse(Refused::new(ErrorKind::MethodNotAllowed, message));
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

async fn unknown_path(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let dialect = dialect_of(request.uri().path(), request.headers());
    let exchange = gateway.begin(dialect, "other", request.headers());
    let message = format!(
        "there is no {} {}{}: the data plane has {ENDPOINTS}",
        request.method(),
        shown_path(&request),
        hint(request.uri().path()),
    );
    exchange.refuse(Refused::new(ErrorKind::NotFound, message).with_code("unknown_url"))
}

/// What was probably meant: base URLs have too much before the path, or too little, as often as not.
fn hint(path: &str) -> String {
    const DOORS: [&str; 6] = [
        "/messages/count_tokens",
        "/chat/completions",
        "/completions",
        "/embeddings",
        "/responses",
        "/messages",
    ];
    if ["/metrics", "/healthz", "/readyz"].contains(&path) {
        return " here (it is on the admin plane)".to_owned();
    }
    let path = path.trim_end_matches('/');
    let meant = DOORS.into_iter().find(|door| path.ends_with(door));
    meant.map_or_else(String::new, |door| {
        format!(" (did you mean /v1{door}? then the client's base URL is wrong)")
    })
}

/// The path as far as it is fit to be shown.
fn shown_path(request: &Request) -> String {
    request.uri().path().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_base_url_is_recognised() {
        for (path, meant) in [
            ("/chat/completions", "/v1/chat/completions"),
            ("/v1/v1/messages", "/v1/messages"),
            ("/v1//responses/", "/v1/responses"),
            ("/openai/v1/embeddings", "/v1/embeddings"),
            ("/metrics", "admin plane"),
        ] {
            assert!(hint(path).contains(meant), "{path}: {}", hint(path));
        }
        assert_eq!(hint("/v1/files"), "");
    }

    #[test]
    fn every_path_is_named_where_there_is_none_and_in_the_documentation() {
        let source = include_str!("data_plane.rs");
        let routes = source.split(".fallback(unknown_path)").next();
        let paths = routes.unwrap_or_default().split("\"/v1/").skip(1);
        let paths: Vec<&str> = paths.filter_map(|rest| rest.split('"').next()).collect();
        assert!(paths.contains(&"responses"), "{paths:?}");
        let operation = include_str!("../../../docs/operation.md");
        let row = operation.lines().find(|line| line.starts_with("| data |"));
        let row = row.expect("the data plane has a row");
        for path in paths {
            let path = path.replace("{*name}", "{name}");
            assert!(ENDPOINTS.contains(&format!("/v1/{path}")), "{path}");
            assert!(row.contains(&format!("/v1/{path}`")), "{path}");
        }
    }
}
