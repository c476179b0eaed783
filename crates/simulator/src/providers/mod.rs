//! One file a provider: its paths, keys, refusals, answers and errors.

pub(crate) mod anthropic;
pub(crate) mod chat;
pub(crate) mod chat_answer;
pub(crate) mod cohere;
pub(crate) mod compatible;
pub(crate) mod dashscope;
pub(crate) mod dashscope_compatible;
pub(crate) mod deepseek;
mod embeddings;
pub(crate) mod gemini;
pub(crate) mod mistral;
pub(crate) mod openai;

use http::{HeaderMap, Method};
use serde_json::Value;

use crate::answer::Answer;
use crate::ask::Ask;
use crate::delivery::Reply;
use crate::draw::Draw;
use crate::fault::StatusFault;

/// A request to a provider, as it came over the wire.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    /// The first segment of the path, such as `dashscope-cn`.
    pub(crate) prefix: &'a str,
    /// The rest of the path, with its leading slash.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    /// The body, or why it is no JSON.
    pub(crate) body: Result<&'a Value, &'a str>,
    /// Models that exist although the provider's own list does not hold them.
    pub(crate) extra_models: &'a [String],
    /// Whether proofs of thoughts are taken that were not given here.
    pub(crate) foreign_proofs: bool,
}

impl Call<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The key of an `Authorization: Bearer` header.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let value = self.header("authorization")?;
        value
            .strip_prefix("Bearer ")
            .map(str::trim)
            .filter(|key| !key.is_empty())
    }

    /// The value of a parameter of the query, as written.
    pub(crate) fn query_value(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// A member of the body.
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.body.ok()?.get(name)
    }

    /// Whether a model is in a list of names, with or without a date at its end.
    pub(crate) fn knows(&self, model: &str, names: &[&str]) -> bool {
        let known = |name: &str| {
            model
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || is_date_suffix(rest))
        };
        names.iter().any(|name| known(name)) || self.extra_models.iter().any(|name| known(name))
    }
}

/// `-20250929`, `-2025-08-07`, `-001`, `-0613` and the like.
fn is_date_suffix(rest: &str) -> bool {
    let digits = rest.chars().filter(char::is_ascii_digit).count();
    rest.starts_with('-')
        && rest
            .chars()
            .all(|each| each.is_ascii_digit() || each == '-')
        && matches!(digits, 3 | 4 | 6 | 8)
}

/// Whether a key looks like one that a provider has issued: it has one of the prefixes or
/// is one of the simulator's own (`sk-sim...`), and does not say that it is wrong.
pub(crate) fn key_is_good(key: &str, prefixes: &[&str]) -> bool {
    let known = prefixes
        .iter()
        .chain(&["sk-sim"])
        .any(|prefix| key.starts_with(prefix));
    let bad = ["wrong", "invalid", "revoked"]
        .iter()
        .any(|word| key.contains(word));
    known && !bad
}

/// A simulated provider.
pub(crate) trait Provider: Send + Sync {
    /// The name under which it is counted and faults find it.
    fn name(&self) -> &'static str;

    /// Reads a request, or refuses it as the provider does.
    fn read(&self, call: &Call<'_>, draw: &mut Draw) -> Result<Ask, Reply>;

    /// Puts an answer into the provider's form, unary or as a stream.
    fn render(&self, call: &Call<'_>, ask: &Ask, answer: &Answer, draw: &mut Draw) -> Reply;

    /// An error of the given status in the provider's form.
    fn failure(&self, call: &Call<'_>, ask: &Ask, fault: &StatusFault, draw: &mut Draw) -> Reply;

    /// The error event that interrupts a stream, and the same error as a unary body.
    fn interruption(&self, call: &Call<'_>, draw: &mut Draw) -> (String, String);
}

/// The provider that serves a path: its prefix, and for DashScope also the mode.
pub(crate) fn find(prefix: &str, path: &str) -> Option<&'static dyn Provider> {
    if let Some(provider) = embeddings::find(prefix, path) {
        return Some(provider);
    }
    Some(match prefix {
        "openai" => &openai::OpenAi,
        "anthropic" => &anthropic::Anthropic,
        "gemini" => &gemini::Gemini,
        "cohere" => &cohere::Cohere,
        "compatible" => &compatible::Compatible,
        "mistral" => &mistral::Mistral,
        "deepseek" => &deepseek::DeepSeek,
        _ if dashscope::region(prefix).is_some() => {
            if path.starts_with("/compatible-mode/") {
                &dashscope_compatible::DashScopeCompatible
            } else {
                &dashscope::DashScope
            }
        }
        _ => return None,
    })
}

/// A body of `GET .../models` in OpenAI's form.
pub(crate) fn model_list(names: &[&str], extra: &[String], owner: &str) -> Reply {
    use crate::json::{Node, object};
    let names = names
        .iter()
        .copied()
        .chain(extra.iter().map(String::as_str));
    let models: Vec<Node> = names
        .map(|id| {
            object! { "id" => id, "object" => "model", "created" => 1_760_000_000u64,
            "owned_by" => owner }
        })
        .collect();
    Reply::json(
        200,
        object! { "object" => "list", "data" => models }.to_text(),
    )
}
