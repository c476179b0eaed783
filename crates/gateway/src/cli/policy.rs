use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::ValueEnum;
use serde_json::{Value, json};
use steelyard_policy::{Diagnostics, KeyReference, ModelId, Policy, Provider, Selection};
use steelyard_provider_adapter::client_dialect;
use steelyard_router::{Considered, Exclusion, Plan, Scorer, Verdict};
use steelyard_types::{Dialect, Feature};

use super::{EXIT_CONFIG, say};
use crate::clock::{Clock, SystemClock};
use crate::load::load_policy;
use crate::meter::Meter;
use crate::pipeline::{Decision, decide, weigh};
use crate::request_log::RequestLog;
use crate::runtime::Runtime;
use crate::settings::{Flags, Settings};
use crate::snapshot::{KeySource, Snapshot, SystemKeys};

pub(super) fn check(path: &Path, deny_warnings: bool) -> anyhow::Result<ExitCode> {
    let policy = load_policy(path)?.policy;
    // What `serve` would refuse besides: addresses, and variables that name no setting.
    Settings::layer(&policy.server, &Flags::default())?;
    let Policy {
        version,
        providers,
        models,
        routes,
        keys,
        warnings,
        ..
    } = policy;
    if !warnings.is_empty() {
        say(&Diagnostics {
            items: warnings.clone(),
        }
        .to_string());
    }
    say(&format!(
        "{}: valid; {} providers, {} models, {} routes, {} keys; version {version}",
        path.display(),
        providers.len(),
        models.len(),
        routes.len(),
        keys.len(),
    ));
    let denied = deny_warnings && !warnings.is_empty();
    Ok(if denied {
        ExitCode::from(EXIT_CONFIG)
    } else {
        ExitCode::SUCCESS
    })
}

/// The request to explain.
pub(super) struct Asked<'a> {
    pub(super) model: &'a str,
    pub(super) prompt: Option<&'a str>,
    pub(super) request: Option<&'a Path>,
    pub(super) dialect: Option<DialectName>,
}

/// A dialect by the last word of its path.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum DialectName {
    Chat,
    Messages,
    Responses,
    Completions,
    Embeddings,
}

impl From<DialectName> for Dialect {
    fn from(name: DialectName) -> Self {
        match name {
            DialectName::Chat => Self::OpenAiChat,
            DialectName::Messages => Self::AnthropicMessages,
            DialectName::Responses => Self::OpenAiResponses,
            DialectName::Completions => Self::OpenAiCompletions,
            DialectName::Embeddings => Self::OpenAiEmbeddings,
        }
    }
}

/// Keys of which it is assumed that they are there: a policy is explained where it is written, not
/// where its secrets are.
struct AssumedKeys;

impl KeySource for AssumedKeys {
    fn read(&self, _: &Provider, _: &KeyReference) -> Result<String, String> {
        Ok("assumed".to_owned())
    }
}

pub(super) fn explain(path: &Path, asked: &Asked<'_>, with_keys: bool) -> anyhow::Result<ExitCode> {
    let body = match asked.request {
        Some(file) => {
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?
        }
        None => json!({
            "model": asked.model,
            "messages": [{ "role": "user", "content": asked.prompt.unwrap_or_default() }],
        })
        .to_string()
        .into_bytes(),
    };
    let policy = load_policy(path)?.policy;
    let vectors = |name: &str| makes_vectors(&policy, name);
    let dialect = match asked.dialect {
        Some(name) => Dialect::from(name),
        None => dialect_of(&body, vectors),
    };
    let request = client_dialect(dialect)
        .parse(&body)
        .map_err(|error| not_valid(asked, dialect, &error.message))?;
    crate::transport::install_tls();
    let meter = Meter::new()?;
    let (log, _writer) = RequestLog::start(std::io::sink(), meter.lost_lines().clone())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let runtime = Runtime::new(clock, meter, log, 1);
    let keys: &dyn KeySource = if with_keys { &SystemKeys } else { &AssumedKeys };
    let snapshot = Snapshot::compile(policy, keys, &runtime)?;
    let selection = snapshot.resolve(&request.model).with_context(|| {
        format!(
            "{} has no route or model named {:?}",
            path.display(),
            request.model
        )
    })?;
    let mut demand = weigh(&request, runtime.clock.now(), Scorer::shipped());
    let decision = decide(&snapshot, selection, &request, &mut demand);
    if asked.request.is_some() && asked.dialect.is_none() {
        let dialect = dialect.as_str();
        say(&format!(
            "read as {dialect}, by its fields (--dialect says otherwise)"
        ));
    }
    say(&format!(
        "complexity {:.4}, about {} prompt tokens, {} answer tokens expected",
        demand.complexity, demand.prompt_tokens, demand.expected_output_tokens
    ));
    let most = match selection {
        Selection::Route(id) => snapshot.policy.route(id).fallback.max_attempts,
        Selection::Model(_) => 1,
    };
    for line in table(&snapshot, &decision.plan, usize::from(most)) {
        say(&line);
    }
    for (model, losses) in &decision.losses {
        let name = &snapshot.deployment(*model).name;
        say(&format!(
            "not carried to {name}: {}",
            losses.fields().join(", ")
        ));
    }
    for refusal in &decision.refusals {
        say(&format!("cannot carry: {refusal}"));
    }
    say(&conclusion(&snapshot, &decision));
    Ok(ExitCode::SUCCESS)
}

/// Says which file could not be read as what.
fn not_valid(asked: &Asked<'_>, dialect: Dialect, reason: &str) -> anyhow::Error {
    let Some(file) = asked.request else {
        return anyhow::anyhow!("the request is not valid: {reason}");
    };
    let (file, dialect) = (file.display(), dialect.as_str());
    if asked.dialect.is_some() {
        return anyhow::anyhow!("{file} is no valid request of {dialect}: {reason}");
    }
    anyhow::anyhow!(
        "{file} is no valid request: {reason} (read as {dialect}, by its fields; --dialect says \
         otherwise)"
    )
}

/// Whether a model of that name, or one that a route of that name may use, makes embeddings.
fn makes_vectors(policy: &Policy, name: &str) -> bool {
    let makes = |id: ModelId| {
        let features = policy.model(id).target.features;
        features.contains(Feature::Embeddings)
    };
    let route = policy.routes.iter().find(|route| &*route.name == name);
    match route {
        Some(route) => route.candidates.iter().any(|id| makes(*id)),
        None => policy
            .models
            .iter()
            .find(|model| &*model.name == name)
            .is_some_and(|model| model.target.features.contains(Feature::Embeddings)),
    }
}

/// The dialect of a request in a file, by its fields. Two doors take `input`: the model that it names
/// says which (`makes_vectors`), unless fields of one door alone do. Two take `messages`, and what only
/// Anthropic's has tells them apart.
fn dialect_of(body: &[u8], makes_vectors: impl FnOnce(&str) -> bool) -> Dialect {
    let fields: Value = serde_json::from_slice(body).unwrap_or_default();
    let has = |name: &str| fields.get(name).is_some();
    if let Some(messages) = fields.get("messages") {
        return if has("max_tokens") && is_anthropics(&fields, messages) {
            Dialect::AnthropicMessages
        } else {
            Dialect::OpenAiChat
        };
    }
    if has("input") {
        let model = fields.get("model").and_then(Value::as_str);
        let vectors =
            has("encoding_format") || has("dimensions") || model.is_some_and(makes_vectors);
        return if vectors {
            Dialect::OpenAiEmbeddings
        } else {
            Dialect::OpenAiResponses
        };
    }
    // A stored prompt of the Responses API is an object.
    match fields.get("prompt") {
        Some(Value::Object(_)) => Dialect::OpenAiResponses,
        Some(_) => Dialect::OpenAiCompletions,
        None => Dialect::OpenAiChat,
    }
}

/// Whether fields, tools or blocks are there that only Anthropic's dialect has.
fn is_anthropics(fields: &Value, messages: &Value) -> bool {
    const FIELDS: [&str; 6] = [
        "system",
        "thinking",
        "output_config",
        "stop_sequences",
        "top_k",
        "anthropic_version",
    ];
    const BLOCKS: [&str; 6] = [
        "image",
        "document",
        "tool_use",
        "tool_result",
        "thinking",
        "redacted_thinking",
    ];
    let each = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let is_block = |part: &Value| {
        let kind = part.get("type").and_then(Value::as_str);
        kind.is_some_and(|kind| BLOCKS.contains(&kind))
    };
    let has_blocks = |message: &Value| {
        let content = message.get("content");
        content.is_some_and(|content| each(content).iter().any(is_block))
    };
    let tools = fields.get("tools").map(each).unwrap_or_default();
    FIELDS.iter().any(|name| fields.get(name).is_some())
        || tools.iter().any(|tool| tool.get("input_schema").is_some())
        || each(messages).iter().any(has_blocks)
}

/// Why a candidate is ruled out, in the table's words.
fn excluded(exclusion: Exclusion) -> String {
    match exclusion {
        Exclusion::Feature(feature) => format!("excluded: feature {}", feature.as_str()),
        other => format!("excluded: {}", other.as_str()),
    }
}

/// One line per candidate, in the route's order; of the ladder, the `most` that can be tried.
fn table(snapshot: &Snapshot, plan: &Plan, most: usize) -> Vec<String> {
    let head = format!(
        "\n{:<24} {:>10} {:>8} {:>8} {:>14}  {}",
        "candidate", "capability", "chance", "gain", "expected $", "verdict"
    );
    // What a candidate's chance is above that of the cheapest which could serve.
    let usable = plan.considered.iter();
    let usable = usable.filter(|one| !matches!(one.verdict, Verdict::Excluded(_)));
    let cheapest = usable
        .min_by_key(|one| one.expected_cost)
        .map(|one| one.success);
    let line = |one: &Considered| {
        let name = &snapshot.deployments[usize::from(one.id)].name;
        let cost = one
            .expected_cost
            .map_or("-".to_owned(), |cost| cost.to_string());
        let mut tried = plan.ladder.iter().take(most);
        let place = tried.position(|id| *id == one.id);
        let place = place.map_or(String::new(), |place| {
            format!(", tried as number {}", place + 1)
        });
        let verdict = match one.verdict {
            Verdict::Adequate => "adequate".to_owned(),
            Verdict::TooWeak => "too weak".to_owned(),
            Verdict::Excluded(exclusion) => excluded(exclusion),
        };
        format!(
            "{name:<24} {:>10.3} {:>8.3} {:>+8.3} {cost:>14}  {verdict}{place}",
            one.capability,
            one.success,
            cheapest.map_or(0.0, |cheapest| one.success - cheapest)
        )
    };
    std::iter::once(head)
        .chain(plan.considered.iter().map(line))
        .collect()
}

fn conclusion(snapshot: &Snapshot, decision: &Decision) -> String {
    match decision.plan.ladder.first() {
        Some(first) => {
            let name = &snapshot.deployments[usize::from(*first)].name;
            format!("\n{name} is tried first: {}", decision.reason.as_str())
        }
        None => "\nnothing can be tried: the request would be refused".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_is_told_by_the_fields() {
        for (body, dialect) in [
            (
                r#"{"messages":[{"role":"user","content":"a"}]}"#,
                Dialect::OpenAiChat,
            ),
            (
                r#"{"max_tokens":9,"messages":[{"role":"user","content":"a"}]}"#,
                Dialect::OpenAiChat,
            ),
            (
                r#"{"max_tokens":9,"system":"b","messages":[{"role":"user","content":"a"}]}"#,
                Dialect::AnthropicMessages,
            ),
            (
                r#"{"max_tokens":9,"messages":[{"role":"user","content":[{"type":"image"}]}]}"#,
                Dialect::AnthropicMessages,
            ),
            (
                r#"{"max_tokens":9,"messages":[],"tools":[{"name":"f","input_schema":{}}]}"#,
                Dialect::AnthropicMessages,
            ),
            (r#"{"model":"chat","input":"a"}"#, Dialect::OpenAiResponses),
            (
                r#"{"model":"vectors","input":"a"}"#,
                Dialect::OpenAiEmbeddings,
            ),
            (
                r#"{"model":"chat","input":"a","dimensions":3}"#,
                Dialect::OpenAiEmbeddings,
            ),
            (r#"{"prompt":"a"}"#, Dialect::OpenAiCompletions),
            (r#"{"prompt":{"id":"p"}}"#, Dialect::OpenAiResponses),
            ("not JSON", Dialect::OpenAiChat),
        ] {
            let found = dialect_of(body.as_bytes(), |model| model == "vectors");
            assert_eq!(found, dialect, "{body}");
        }
    }

    #[test]
    fn a_feature_that_is_lacked_is_named() {
        let vision = Exclusion::Feature(Feature::Vision);
        assert_eq!(excluded(vision), "excluded: feature vision");
        assert_eq!(excluded(Exclusion::NoKey), "excluded: no_key");
    }
}
