use std::fmt;
use std::sync::Arc;

use steelyard_types::{ErrorKind, FeatureSet, NanoUsd};

use crate::{ModelId, ProviderId, Region, TimeoutsOverride};

/// A name that clients send as `model`, and how a model is chosen for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Its name, unique among routes and models.
    pub name: Arc<str>,
    /// The models to choose from, in the order of the policy; at least one, none twice.
    pub candidates: Vec<ModelId>,
    /// What makes a model adequate.
    pub threshold: Threshold,
    /// Most by which its success probability may lie below the best candidate's, in [0, 1].
    pub delta: Option<f32>,
    /// What happens when no candidate is adequate.
    pub otherwise: Otherwise,
    /// When the next of the ladder is tried.
    pub fallback: Fallback,
    /// What every candidate must satisfy.
    pub require: Constraints,
    /// Whether what a provider has no word for may be left out, declared.
    pub conversion: Conversion,
    /// What it changes in its providers' timeouts.
    pub timeouts: Option<TimeoutsOverride>,
    /// Its response cache; `None` is off.
    pub cache: Option<CacheSettings>,
    /// Answer tokens to expect, for the expected cost; `None` leaves it to the scorer.
    pub expected_output_tokens: Option<u64>,
}

/// What makes a candidate adequate for a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Threshold {
    /// A success probability of at least this, in [0, 1].
    Success(f32),
    /// A complexity of at most this, in [0, 1]. A candidate without a bound is always adequate.
    MaxComplexity(Vec<(ModelId, f32)>),
}

/// What happens when no candidate is adequate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Otherwise {
    /// The candidate with the best value is used: chance of success less what its cost is worth.
    BestValue,
    /// The strongest allowed candidate is used.
    Strongest,
    /// The request is refused.
    Refuse,
}

/// What happens when a provider has no word for a field that changes nothing in what is asked, such
/// as a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Conversion {
    /// It is left out, and the client is told which.
    #[default]
    Declared,
    /// The provider is ruled out.
    Strict,
}

/// When the next of the ladder is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fallback {
    /// The errors that are worth another attempt.
    pub on: ErrorKindSet,
    /// Most attempts of one request, the first included.
    pub max_attempts: u8,
}

/// A set of error kinds, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ErrorKindSet(u32);

/// What every candidate of a route must satisfy, whatever it costs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Constraints {
    /// Features that a model must have even for requests that do not use them.
    pub features: FeatureSet,
    /// The providers allowed; `None` is all of them.
    pub providers: Option<Vec<ProviderId>>,
    /// The regions allowed; a provider without a region is then not. `None` is anywhere.
    pub regions: Option<Vec<Region>>,
    /// Most that one request may be expected to cost.
    pub max_cost: Option<NanoUsd>,
}

/// The bounds of a route's response cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheSettings {
    /// How long an answer is kept, in milliseconds.
    pub ttl_ms: u64,
    /// Most bytes of all answers kept.
    pub max_bytes: u64,
}

impl Threshold {
    /// The complexity up to which this candidate is adequate, where it has a bound.
    #[must_use]
    pub fn max_complexity(&self, model: ModelId) -> Option<f32> {
        let Self::MaxComplexity(bounds) = self else {
            return None;
        };
        let mut bounds = bounds.iter();
        bounds.find(|(id, _)| *id == model).map(|(_, most)| *most)
    }

    /// The success probability from which a candidate is adequate; 0 where complexity decides.
    #[must_use]
    pub fn success(&self) -> f32 {
        match self {
            Self::Success(least) => *least,
            Self::MaxComplexity(_) => 0.0,
        }
    }
}

impl Route {
    /// `threshold` where the policy does not say.
    pub const DEFAULT_THRESHOLD: f32 = 0.7;
}

impl Default for Fallback {
    fn default() -> Self {
        Self {
            on: ErrorKind::ALL
                .into_iter()
                .filter(|kind| kind.falls_back_by_default())
                .collect(),
            max_attempts: 3,
        }
    }
}

impl ErrorKindSet {
    /// Adds one.
    pub fn insert(&mut self, kind: ErrorKind) {
        self.0 |= 1 << kind as u32;
    }

    /// Whether it holds this one.
    #[must_use]
    pub fn contains(self, kind: ErrorKind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its members.
    pub fn iter(self) -> impl Iterator<Item = ErrorKind> {
        ErrorKind::ALL
            .into_iter()
            .filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<ErrorKind> for ErrorKindSet {
    fn from_iter<I: IntoIterator<Item = ErrorKind>>(kinds: I) -> Self {
        let mut set = Self::default();
        kinds.into_iter().for_each(|kind| set.insert(kind));
        set
    }
}

impl fmt::Debug for ErrorKindSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_set()
            .entries(self.iter().map(ErrorKind::as_str))
            .finish()
    }
}
