//! From the two texts to a policy.

mod checks;
mod heads;
mod keys;
mod models;
mod names;
mod providers;
mod routes;
mod server;

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::decode::{Fields, Report, text};
use crate::prices::PriceBook;
use crate::yaml::{self, Node};
use crate::{Diagnostics, Policy, ScorerFacts};

use names::Names;

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
    /// The weights that heads must have been fitted on; `None` takes heads of any.
    pub scorer: Option<&'a ScorerFacts>,
}

/// The price book of a policy that names none.
const DEFAULT_PRICES: &str = "prices.yaml";

/// Compiles a policy, whole or not at all.
///
/// # Errors
/// Everything that is wrong with either text, errors and warnings.
pub fn load(sources: &Sources<'_>) -> Result<Policy, Diagnostics> {
    let mut report = Report::new(sources.policy_name, sources.policy_text);
    let mut prices_report = Report::new(sources.prices_name, sources.prices_text);
    let book = read(sources.prices_text, &mut prices_report)
        .map(|root| PriceBook::decode(&root, &mut prices_report));
    let policy = read(sources.policy_text, &mut report)
        .map(|root| decode(&root, book.as_ref(), sources, &mut report));

    let failed = report.has_errors() || prices_report.has_errors();
    let mut items = report.finish();
    items.extend(prices_report.finish());
    match policy {
        Some(policy) if !failed => Ok(Policy {
            warnings: items,
            ..policy
        }),
        _ => Err(Diagnostics { items }),
    }
}

/// The price book that a policy names (`prices:`), relative to the policy file; `prices.yaml` if
/// it names none, nothing if the text is not YAML or the entry is not a text (then [`load`] says
/// what is wrong with it, whatever the book).
#[must_use]
pub fn prices_path(policy_text: &str) -> Option<String> {
    let (root, _) = yaml::parse(policy_text);
    let yaml::Value::Map(entries) = root?.value else {
        return None;
    };
    match entries
        .into_iter()
        .find(|entry| entry.key == "prices")
        .map(|entry| entry.value.value)
    {
        None | Some(yaml::Value::Null) => Some(DEFAULT_PRICES.to_owned()),
        Some(yaml::Value::Scalar { text, .. }) => Some(text),
        Some(_) => None,
    }
}

/// A text as a tree, its errors reported.
fn read(source: &str, report: &mut Report<'_>) -> Option<Node> {
    let (root, errors) = yaml::parse(source);
    let intact = root.is_some() || !errors.is_empty();
    for error in errors {
        match error.help {
            Some(help) => report.error_with_help(error.span, error.message, help),
            None => report.error(error.span, error.message),
        }
    }
    if !intact {
        report.error(yaml::Span::default(), "the file is empty");
    }
    root
}

fn decode(
    root: &Node,
    book: Option<&PriceBook>,
    sources: &Sources<'_>,
    report: &mut Report<'_>,
) -> Policy {
    let mut fields = Fields::of(root, root.span, "policy", report);
    fields
        .optional("prices")
        .and_then(|node| text(node, report));
    let server = fields
        .optional("server")
        .map(|node| server::decode(node, report));
    let provider_names = Names::of(fields.required("providers", report), "provider", report);
    let model_names = Names::of(fields.required("models", report), "model", report);
    let route_names = Names::of(fields.required("routes", report), "route", report);
    let key_names = Names::of(fields.optional("keys"), "key", report);
    fields.finish(report);
    checks::names_shared(&route_names, &model_names, report);
    for (names, what) in [
        (&provider_names, "provider"),
        (&model_names, "model"),
        (&route_names, "route"),
    ] {
        checks::names_reserved(names, what, report);
    }

    let providers = providers::decode(&provider_names, report);
    let context = models::Context {
        names: &provider_names,
        providers: &providers,
        book,
        scorer: sources.scorer,
    };
    let models = models::decode(&model_names, &context, report);
    let context = routes::Context {
        models: &models,
        model_names: &model_names,
        provider_names: &provider_names,
        providers: &providers,
    };
    let routes = routes::decode(&route_names, &context, report);
    let keys = keys::decode(&key_names, &route_names, report);
    Policy {
        version: version(sources),
        providers,
        models,
        routes,
        keys,
        server: server.unwrap_or_default(),
        warnings: Vec::new(),
    }
}

/// First 12 hexadecimal digits of the SHA-256 over both texts, the length of the first between
/// them so that moving text from one file to the other is a change.
fn version(sources: &Sources<'_>) -> String {
    let mut hash = Sha256::new();
    hash.update((sources.policy_text.len() as u64).to_le_bytes());
    hash.update(sources.policy_text.as_bytes());
    hash.update(sources.prices_text.as_bytes());
    hash.finalize()
        .iter()
        .take(6)
        .fold(String::with_capacity(12), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
