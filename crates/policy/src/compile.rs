use crate::{Diagnostics, Policy};

/// The texts that a policy is compiled from, with the names to show for them.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// Name of the policy file.
    pub policy_name: &'a str,
    /// Its content.
    pub policy_text: &'a str,
    /// Name of the price book.
    pub prices_name: &'a str,
    /// Its content.
    pub prices_text: &'a str,
}

/// Compiles a policy, whole or not at all.
///
/// # Errors
/// Everything that is wrong with either text.
pub fn load(_sources: &Sources<'_>) -> Result<Policy, Diagnostics> {
    Err(Diagnostics::default())
}

/// The price book that a policy names (`prices:`), relative to the policy file.
#[must_use]
pub fn prices_path(_policy_text: &str) -> Option<String> {
    None
}
