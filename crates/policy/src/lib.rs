//! Policies and the price book: YAML with positions, checked and compiled to plain data.
//!
//! [`load`] reads the two texts and gives either a whole [`Policy`] or every [`Diagnostic`] it
//! found, each with file, line, column, the line itself and where possible a suggestion. Nothing
//! here opens files, reads clocks or knows of HTTP: the gateway executes what is decided here.

mod compile;
mod decode;
mod diagnostic;
mod head;
mod ids;
mod key;
mod model;
mod policy;
mod prices;
mod provider;
mod route;
mod server;
mod yaml;

#[cfg(test)]
mod tests;

pub use compile::{Sources, load, prices_path};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use head::{FittedHead, Head, ScorerFacts};
pub use ids::{ModelId, ProviderId, RouteId};
pub use key::VirtualKey;
pub use model::{CapabilityBasis, Model, Price};
pub use policy::{Policy, Selection};
pub use provider::{KeyReference, Provider, ProviderKind, Region, Timeouts, TimeoutsOverride};
pub use route::{
    CacheSettings, Constraints, Conversion, ErrorKindSet, Fallback, Otherwise, Route, Threshold,
};
pub use server::{LogFormat, ServerSection};
