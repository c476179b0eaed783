use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use serde_json::json;
use steelyard_policy::{Diagnostics, Policy};
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
use crate::snapshot::{Snapshot, SystemKeys};

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

pub(super) fn explain(
    path: &Path,
    model: &str,
    prompt: Option<&str>,
    request: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let body = match request {
        Some(file) => {
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?
        }
        None => json!({
            "model": model,
            "messages": [{ "role": "user", "content": prompt.unwrap_or_default() }],
        })
        .to_string()
        .into_bytes(),
    };
    let request = openai::parse_chat_request(&body)
        .map_err(|error| anyhow::anyhow!("the request is not valid: {}", error.message))?;
    let policy = load_policy(path)?.policy;
    crate::transport::install_tls();
    let (log, _writer) = RequestLog::start(std::io::sink())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let runtime = Runtime::new(clock, Meter::new()?, log, 1);
    let snapshot = Snapshot::compile(policy, &SystemKeys, &runtime)?;
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
    for line in table(&snapshot, &decision.plan) {
        say(&line);
    }
    for refusal in &decision.refusals {
        say(&format!("cannot carry: {refusal}"));
    }
    say(&conclusion(&snapshot, &decision));
    Ok(ExitCode::SUCCESS)
}

/// One line per candidate, in the route's order.
fn table(snapshot: &Snapshot, plan: &Plan) -> Vec<String> {
    let head = format!(
        "\n{:<24} {:>10} {:>8} {:>14}  {}",
        "candidate", "capability", "chance", "expected $", "verdict"
    );
    let line = |one: &Considered| {
        let name = &snapshot.deployments[usize::from(one.id)].name;
        let cost = one
            .expected_cost
            .map_or("-".to_owned(), |cost| cost.to_string());
        let place = plan.ladder.iter().position(|id| *id == one.id);
        let place = place.map_or(String::new(), |place| {
            format!(", tried as number {}", place + 1)
        });
        let verdict = match one.verdict {
            Verdict::Adequate => "adequate".to_owned(),
            Verdict::TooWeak => "too weak".to_owned(),
            Verdict::Excluded(exclusion) => format!("excluded: {}", exclusion.as_str()),
        };
        format!(
            "{name:<24} {:>10.3} {:>8.3} {cost:>14}  {verdict}{place}",
            one.capability, one.success
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
