use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use serde_json::json;
use steelyard_policy::{Diagnostics, KeyReference, Policy, Provider, Selection};
use steelyard_provider_adapter::openai;
use steelyard_router::{Considered, Plan, Scorer, Verdict};

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
    let request = openai::parse_chat_request(&body)
        .map_err(|error| anyhow::anyhow!("the request is not valid: {}", error.message))?;
    let policy = load_policy(path)?.policy;
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
    for refusal in &decision.refusals {
        say(&format!("cannot carry: {refusal}"));
    }
    say(&conclusion(&snapshot, &decision));
    Ok(ExitCode::SUCCESS)
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
            Verdict::Excluded(exclusion) => format!("excluded: {}", exclusion.as_str()),
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
