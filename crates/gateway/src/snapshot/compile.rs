//! From the parts of a policy to resolved handles.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use steelyard_policy::{Head, Model, ModelId, Policy, Provider, Route, VirtualKey};
use steelyard_provider_adapter::{adapter, embeddings, openai};
use steelyard_router::{Exclusion, OwnHead, Scorer, Terms, WhenNoneAdequate};
use steelyard_types::{Feature, FeatureSet, UnixMillis};

use super::{
    CompiledKey, CompiledRoute, Deployment, KeySource, PINNED, RouteCandidate, SnapshotError,
};
use crate::runtime::Runtime;
use crate::transport::Endpoint;

pub(super) fn compile_deployments(
    policy: &Policy,
    keys: &dyn KeySource,
    runtime: &Runtime,
) -> Result<Vec<Deployment>, SnapshotError> {
    let providers = policy
        .providers
        .iter()
        .map(|provider| resolve_provider(provider, keys, runtime))
        .collect::<Result<Vec<_>, _>>()?;
    let deploy = |model: &Model| {
        let provider = policy.provider(model.provider);
        let resolved = &providers[model.provider.index()];
        Ok(Deployment {
            name: Arc::clone(&model.name),
            provider: Arc::clone(&provider.name),
            name_header: header(&model.name, "a model's name")?,
            provider_header: header(&provider.name, "a provider's name")?,
            adapter: if model.target.features.contains(Feature::Embeddings) {
                embeddings::adapter(provider.wire)
            } else {
                adapter(provider.wire)
            },
            endpoint: Endpoint::new(&provider.base_url),
            headers: resolved.headers.clone(),
            client: resolved.client.clone(),
            timeouts: provider.timeouts,
            head: head_of(model, runtime.scorer)?,
            unusable: resolved.unusable.clone(),
            meter: runtime.meter.model(&model.name, &provider.name),
        })
    };
    policy.models.iter().map(deploy).collect()
}

/// The head of a model in the scorer's own numbers.
fn head_of(model: &Model, scorer: &Scorer) -> Result<Option<OwnHead>, SnapshotError> {
    let head = match &model.head {
        None => return Ok(None),
        Some(Head::OutcomesOf(name)) => scorer.model(name).map(OwnHead::from),
        Some(Head::Fitted(head)) => OwnHead::residual(head.constant, head.slope, &head.topics),
    };
    head.map(Some).ok_or_else(|| SnapshotError::Head {
        model: model.name.to_string(),
        weights: scorer.identity(),
    })
}

struct ResolvedProvider {
    headers: HeaderMap,
    client: reqwest::Client,
    unusable: Option<String>,
}

fn resolve_provider(
    provider: &Provider,
    keys: &dyn KeySource,
    runtime: &Runtime,
) -> Result<ResolvedProvider, SnapshotError> {
    let key = provider
        .key
        .as_ref()
        .map(|reference| keys.read(provider, reference))
        .transpose();
    let (key, unusable) = match key {
        Ok(key) => (key, None),
        Err(reason) => (None, Some(reason)),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in adapter(provider.wire).headers(key.as_deref()) {
        let what = || format!("the key of provider {}", provider.name);
        let mut value =
            HeaderValue::from_str(&value).map_err(|_| SnapshotError::Header { what: what() })?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
    }
    headers.insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    let client = runtime
        .clients
        .of(provider.timeouts.connect_ms)
        .map_err(|source| SnapshotError::Transport {
            whose: format!("provider {}", provider.name),
            source,
        })?;
    Ok(ResolvedProvider {
        headers,
        client,
        unusable,
    })
}

pub(super) fn compile_route(
    policy: &Policy,
    route: &Route,
    deployments: &[Deployment],
    runtime: &Runtime,
) -> Result<CompiledRoute, SnapshotError> {
    let candidates = route
        .candidates
        .iter()
        .map(|id| RouteCandidate {
            model: *id,
            max_complexity: route.threshold.max_complexity(*id),
            ruled_out: ruled_out(policy, route, *id, deployments),
        })
        .collect();
    let cache = route.cache.map(|settings| {
        runtime
            .caches
            .of(&route.name, settings.ttl_ms, settings.max_bytes)
    });
    let connect_ms = route.timeouts.and_then(|timeouts| timeouts.connect_ms);
    let client = connect_ms.map(|connect_ms| runtime.clients.of(connect_ms));
    let client = client
        .transpose()
        .map_err(|source| SnapshotError::Transport {
            whose: format!("route {}", route.name),
            source,
        })?;
    let names = route.candidates.iter();
    let names = names.map(|id| (*id, &*policy.model(*id).name));
    Ok(CompiledRoute {
        name: Arc::clone(&route.name),
        name_header: header(&route.name, "a route's name")?,
        candidates,
        terms: Terms {
            threshold: route.threshold.success(),
            delta: route.delta,
            otherwise: match route.otherwise {
                steelyard_policy::Otherwise::BestValue => WhenNoneAdequate::BestValue,
                steelyard_policy::Otherwise::Strongest => WhenNoneAdequate::Strongest,
                steelyard_policy::Otherwise::Refuse => WhenNoneAdequate::Refuse,
            },
            max_cost: route.require.max_cost,
        },
        cache,
        client,
        meter: runtime.meter.route(&route.name, names),
    })
}

/// What can be said of a candidate before any request is seen.
fn ruled_out(
    policy: &Policy,
    route: &Route,
    id: ModelId,
    deployments: &[Deployment],
) -> Option<Exclusion> {
    let model = policy.model(id);
    let provider = policy.provider(model.provider);
    let allowed = |list: &Option<Vec<_>>| list.as_ref().is_none_or(|l| l.contains(&model.provider));
    let in_region = match (&route.require.regions, provider.region) {
        (None, _) => true,
        (Some(regions), Some(region)) => regions.contains(&region),
        (Some(_), None) => false,
    };
    if !allowed(&route.require.providers) || !in_region {
        return Some(Exclusion::NotAllowed);
    }
    let missing: FeatureSet = route.require.features.difference(model.target.features);
    if let Some(feature) = missing.iter().next() {
        return Some(Exclusion::Feature(feature));
    }
    deployments[id.index()]
        .unusable
        .as_ref()
        .map(|_| Exclusion::NoKey)
}

pub(super) fn pinned_route(policy: &Policy, runtime: &Runtime) -> CompiledRoute {
    let ids = (0..=u16::MAX).map(ModelId);
    let names = ids.zip(policy.models.iter().map(|model| &*model.name));
    CompiledRoute {
        name: PINNED.into(),
        name_header: HeaderValue::from_static(PINNED),
        candidates: Vec::new(),
        terms: Terms {
            threshold: 0.0,
            delta: None,
            otherwise: WhenNoneAdequate::Strongest,
            max_cost: None,
        },
        cache: None,
        client: None,
        meter: runtime.meter.route(PINNED, names),
    }
}

pub(super) fn compile_key(index: usize, key: &VirtualKey, runtime: &Runtime) -> CompiledKey {
    CompiledKey {
        index,
        limiter: key
            .requests_per_minute
            .map(|limit| runtime.limiters.of(&key.name, limit)),
        meter: runtime.meter.key(&key.name),
    }
}

pub(super) fn models_body(policy: &Policy, now: UnixMillis) -> Bytes {
    let routes = policy
        .routes
        .iter()
        .map(|route| (&*route.name, "steelyard"));
    let models = policy
        .models
        .iter()
        .map(|model| (&*model.name, &*policy.provider(model.provider).name));
    openai::models_body(routes.chain(models), now.seconds())
}

pub(super) fn header(text: &str, what: &str) -> Result<HeaderValue, SnapshotError> {
    HeaderValue::from_str(text).map_err(|_| SnapshotError::Header {
        what: what.to_owned(),
    })
}
