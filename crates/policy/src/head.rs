use std::sync::Arc;

/// What a model's chance of success is judged by beside its capability.
#[derive(Debug, Clone, PartialEq)]
pub enum Head {
    /// The recorded outcomes of a model of the scorer's weights, by its name there.
    OutcomesOf(Arc<str>),
    /// A correction of the capability, fitted to outcomes of its own.
    Fitted(FittedHead),
}

/// A correction of a capability, as `router calibrate` prints it: added to the logit of the chance
/// that the capability gives.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedHead {
    /// Added for every request.
    pub constant: f32,
    /// Times the complexity.
    pub slope: f32,
    /// Times the scorer's topics, as many as its weights have.
    pub topics: Vec<f32>,
}

/// What a policy may say of heads: facts of the scorer's weights in force.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScorerFacts {
    /// Name and checksum of the weights. A head that was fitted on others means nothing here.
    pub weights: String,
    /// Number of topics that heads stand on.
    pub topics: usize,
    /// The models that the weights know, with their capabilities.
    pub models: Vec<(String, f32)>,
}
