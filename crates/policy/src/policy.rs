use crate::{
    Diagnostic, Model, ModelId, Provider, ProviderId, Route, RouteId, ServerSection, VirtualKey,
};

/// A whole, checked policy. Every id in it is valid for it.
#[derive(Debug, Clone)]
pub struct Policy {
    /// First 12 hexadecimal digits of the SHA-256 over both texts.
    pub version: String,
    /// The providers, in the order of the file.
    pub providers: Vec<Provider>,
    /// The models, in the order of the file.
    pub models: Vec<Model>,
    /// The routes, in the order of the file.
    pub routes: Vec<Route>,
    /// The clients' keys; without any the data plane needs none.
    pub keys: Vec<VirtualKey>,
    /// The gateway's own settings.
    pub server: ServerSection,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Diagnostic>,
}

/// What a client's `model` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Selection {
    /// A route: the router chooses.
    Route(RouteId),
    /// A model, pinned.
    Model(ModelId),
}

impl Policy {
    /// The route or model of that name.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<Selection> {
        let position = |found: Option<usize>| found.and_then(|index| u16::try_from(index).ok());
        let route = self.routes.iter().position(|route| &*route.name == name);
        let model = || self.models.iter().position(|model| &*model.name == name);
        position(route)
            .map(|index| Selection::Route(RouteId(index)))
            .or_else(|| position(model()).map(|index| Selection::Model(ModelId(index))))
    }

    /// The provider of that id.
    ///
    /// # Panics
    /// If the id is of another policy.
    #[must_use]
    pub fn provider(&self, id: ProviderId) -> &Provider {
        &self.providers[id.index()]
    }

    /// The model of that id.
    ///
    /// # Panics
    /// If the id is of another policy.
    #[must_use]
    pub fn model(&self, id: ModelId) -> &Model {
        &self.models[id.index()]
    }

    /// The route of that id.
    ///
    /// # Panics
    /// If the id is of another policy.
    #[must_use]
    pub fn route(&self, id: RouteId) -> &Route {
        &self.routes[id.index()]
    }
}
