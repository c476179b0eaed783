//! The configuration in force: a policy with everything that can be resolved beforehand, so that a
//! request looks nothing up that could have been looked up when the policy was loaded.

mod compile;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use steelyard_policy::{
    KeyReference, ModelId, Policy, Price, Provider, Selection, Timeouts, VirtualKey,
};
use steelyard_provider_adapter::Adapter;
use steelyard_router::{Candidate, Exclusion, OwnHead, Scorer, Terms};
use steelyard_types::UnixMillis;

use self::compile::{
    compile_deployments, compile_key, compile_route, header, models_body, pinned_route,
};
use crate::cache::RouteCache;
use crate::limits::KeyLimiter;
use crate::meter::{KeyMeter, ModelMeter, RouteMeter};
use crate::runtime::Runtime;
use crate::transport::{Endpoint, TransportError};

/// The label of requests that pin a model and so have no route.
pub const PINNED: &str = "pinned";

/// A policy in force, with resolved handles.
pub struct Snapshot {
    /// The policy itself.
    pub policy: Policy,
    /// Its version, for records.
    pub version: Arc<str>,
    /// Its version, for headers.
    pub version_header: HeaderValue,
    /// When it came into force.
    pub loaded_at: UnixMillis,
    /// What weighs requests.
    pub scorer: &'static Scorer,
    /// One per model, in the policy's order.
    pub deployments: Vec<Deployment>,
    /// One per route, in the policy's order.
    pub routes: Vec<CompiledRoute>,
    /// What requests that pin a model are counted under.
    pub pinned: Arc<CompiledRoute>,
    /// The answer to `GET /v1/models`.
    pub models_body: Bytes,
    names: HashMap<Box<str>, Selection>,
    keys: HashMap<[u8; 32], CompiledKey>,
}

/// A model at its provider, ready to be called.
pub struct Deployment {
    /// The model's name.
    pub name: Arc<str>,
    /// Its provider's name.
    pub provider: Arc<str>,
    /// The model's name, for headers.
    pub name_header: HeaderValue,
    /// Its provider's name, for headers.
    pub provider_header: HeaderValue,
    /// Writes its requests and reads its answers.
    pub adapter: &'static dyn Adapter,
    /// Where its requests go.
    pub endpoint: Endpoint,
    /// The headers of every request, the key among them.
    pub headers: HeaderMap,
    /// Connections to it.
    pub client: reqwest::Client,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// What it is judged by beside its capability.
    pub head: Option<OwnHead>,
    /// Why it cannot be used at all, if it cannot.
    pub unusable: Option<String>,
    /// Its counters.
    pub meter: ModelMeter,
}

/// A route with its resolved handles.
pub struct CompiledRoute {
    /// Its name.
    pub name: Arc<str>,
    /// Its name, for headers.
    pub name_header: HeaderValue,
    /// The candidates, those ruled out by the route's constraints marked.
    pub candidates: Vec<RouteCandidate>,
    /// What it asks of a model.
    pub terms: Terms,
    /// Its response cache.
    pub cache: Option<Arc<RouteCache>>,
    /// Connections with its own connect timeout, if it sets one.
    pub client: Option<reqwest::Client>,
    /// Its counters.
    pub meter: RouteMeter,
}

/// A candidate of a route.
#[derive(Debug, Clone, Copy)]
pub struct RouteCandidate {
    /// The model.
    pub model: ModelId,
    /// The complexity up to which it is adequate, where the route says so.
    pub max_complexity: Option<f32>,
    /// Why this route never uses it, if so.
    pub ruled_out: Option<Exclusion>,
}

/// A virtual key with its resolved handles.
pub struct CompiledKey {
    /// Its index in the policy.
    index: usize,
    /// Its bucket, if it has a limit.
    pub limiter: Option<Arc<KeyLimiter>>,
    /// Its counters.
    pub meter: KeyMeter,
}

/// Why a policy that is valid cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The HTTP client cannot be made.
    #[error("cannot prepare the connections of {whose}: {source}")]
    Transport {
        /// The provider or route.
        whose: String,
        /// What the client said.
        source: TransportError,
    },
    /// A head that these weights cannot use: the policy was read for others.
    #[error("the head of model {model} is not of the scorer's weights {weights}")]
    Head {
        /// The model.
        model: String,
        /// The weights in force.
        weights: String,
    },
    /// A name or key that HTTP cannot carry.
    #[error("{what} cannot be sent in an HTTP header")]
    Header {
        /// What it is; never a key's text.
        what: String,
    },
}

/// Where the text of providers' keys comes from.
pub trait KeySource: Send + Sync {
    /// The key, trimmed.
    ///
    /// # Errors
    /// Why it cannot be had, for people; never the key's text.
    fn read(&self, provider: &Provider, reference: &KeyReference) -> Result<String, String>;
}

/// Keys from the environment and from files.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemKeys;

impl KeySource for SystemKeys {
    fn read(&self, _: &Provider, reference: &KeyReference) -> Result<String, String> {
        let key = match reference {
            KeyReference::Env(name) => std::env::var(name)
                .map_err(|_| format!("environment variable {name} is not set"))?,
            KeyReference::File(path) => {
                crate::load::read(path, "").map_err(|error| error.to_string())?
            }
        };
        let key = key.trim();
        if key.is_empty() {
            return Err(format!("{} is empty", describe(reference)));
        }
        Ok(key.to_owned())
    }
}

fn describe(reference: &KeyReference) -> String {
    match reference {
        KeyReference::Env(name) => format!("environment variable {name}"),
        KeyReference::File(path) => path.display().to_string(),
    }
}

impl Snapshot {
    /// Resolves a policy.
    ///
    /// A provider whose key cannot be read makes its models unusable, not the policy: who has keys
    /// for two of four providers can use those two.
    ///
    /// # Errors
    /// What cannot be resolved at all.
    pub fn compile(
        policy: Policy,
        keys: &dyn KeySource,
        runtime: &Runtime,
    ) -> Result<Self, SnapshotError> {
        let now = runtime.clock.now();
        let deployments = compile_deployments(&policy, keys, runtime)?;
        let routes = policy
            .routes
            .iter()
            .map(|route| compile_route(&policy, route, &deployments, runtime))
            .collect::<Result<Vec<_>, _>>()?;
        let models = policy.models.iter();
        let names = policy
            .routes
            .iter()
            .map(|route| &*route.name)
            .chain(models.map(|m| &*m.name));
        let names: HashMap<Box<str>, Selection> = names
            .filter_map(|name| Some((name.into(), policy.resolve(name)?)))
            .collect();
        let version_header = header(&policy.version, "the policy's version")?;
        // From here on nothing fails: what outlives the snapshot changes only with it.
        let virtual_keys = policy.keys.iter().enumerate();
        let compiled_keys = virtual_keys
            .map(|(index, key)| (key.sha256, compile_key(index, key, runtime)))
            .collect();
        runtime
            .limiters
            .retain(|name| policy.keys.iter().any(|key| &*key.name == name));
        runtime.caches.retain(|name| {
            policy
                .routes
                .iter()
                .any(|route| &*route.name == name && route.cache.is_some())
        });
        Ok(Self {
            version: policy.version.as_str().into(),
            version_header,
            scorer: runtime.scorer,
            loaded_at: now,
            models_body: models_body(&policy, now),
            pinned: Arc::new(pinned_route(&policy, runtime)),
            deployments,
            routes,
            names,
            keys: compiled_keys,
            policy,
        })
    }

    /// What a client's `model` names.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<Selection> {
        self.names.get(name).copied()
    }

    /// The deployment of a model.
    #[must_use]
    pub fn deployment(&self, model: ModelId) -> &Deployment {
        &self.deployments[model.index()]
    }

    /// The virtual key of that text.
    #[must_use]
    pub fn key(&self, text: &str) -> Option<(&VirtualKey, &CompiledKey)> {
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let compiled = self.keys.get(&hash)?;
        Some((&self.policy.keys[compiled.index], compiled))
    }

    /// Whether clients need a key.
    #[must_use]
    pub fn needs_key(&self) -> bool {
        !self.policy.keys.is_empty()
    }

    /// A model as the planner sees it.
    #[must_use]
    pub fn candidate(&self, model: ModelId, ruled_out: Option<Exclusion>) -> Candidate<'_> {
        let facts = self.policy.model(model);
        Candidate {
            id: model.0,
            capability: facts.capability,
            head: self.deployment(model).head.as_ref(),
            output_factor: facts.output_factor,
            max_complexity: None,
            context_window: facts.context_window,
            max_output_tokens: facts.target.max_output_tokens,
            features: facts.target.features,
            price: match &facts.price {
                Price::Free => None,
                Price::Table(table) => Some(table),
            },
            service: None,
            ruled_out,
        }
    }

    /// Models that cannot be used, each with the reason.
    pub fn unusable(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.deployments.iter().filter_map(|deployment| {
            let reason = deployment.unusable.as_deref()?;
            Some((&*deployment.name, &*deployment.provider, reason))
        })
    }
}
