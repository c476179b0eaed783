use std::sync::Arc;

use steelyard_types::{OutputFactor, PriceQuery, PriceTable, Rates, Target, UnixMillis};

use crate::{Head, ProviderId};

/// A model at a provider: what a route can choose and a client can pin.
#[derive(Debug, Clone)]
pub struct Model {
    /// Its name in the policy, unique among routes and models.
    pub name: Arc<str>,
    /// Where it runs.
    pub provider: ProviderId,
    /// What its adapter must know.
    pub target: Target,
    /// Its place on the complexity scale, in [0, 2]: strong models lie beyond the hardest prompt.
    pub capability: f32,
    /// Where that place comes from.
    pub capability_basis: CapabilityBasis,
    /// What its chance of success is judged by besides.
    pub head: Option<Head>,
    /// How many times as long its answers are as expected of a request.
    pub output_factor: OutputFactor,
    /// Most tokens of prompt and answer together.
    pub context_window: u64,
    /// What it costs.
    pub price: Price,
    /// The entry of the price book, unless it is free.
    pub price_name: Option<String>,
    /// First moment at which the provider no longer serves it, where that is announced.
    pub ends: Option<UnixMillis>,
}

/// Where a capability comes from. Shown wherever the capability is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CapabilityBasis {
    /// Set by hand as a starting point; nobody measured it.
    Declared,
    /// Fitted to outcomes on the operator's own traffic.
    Calibrated,
    /// That of the model whose recorded outcomes it is judged by.
    Recorded,
}

/// What a model costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Price {
    /// Nothing, because the policy says so.
    Free,
    /// What the price book says.
    Table(Arc<PriceTable>),
}

impl CapabilityBasis {
    /// The word used in policies and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Calibrated => "calibrated",
            Self::Recorded => "recorded",
        }
    }
}

impl Price {
    /// The rates in force; `None` where the book has no price for this moment and service.
    #[must_use]
    pub fn rates(&self, query: &PriceQuery) -> Option<Rates> {
        match self {
            Self::Free => PriceTable::free().rates(query).copied(),
            Self::Table(table) => table.rates(query).copied(),
        }
    }
}
