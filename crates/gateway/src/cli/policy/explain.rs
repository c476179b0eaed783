use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use serde_json::json;
use steelyard_policy::{CapabilityBasis, ModelId, Policy, Selection, Threshold};
use steelyard_provider_adapter::{Refusal, client_dialect};
use steelyard_router::{Considered, Exclusion, Plan, Scorer, Verdict};
use steelyard_types::{Dialect, Feature, OutputFactor};

use super::super::dialect::{DialectName, dialect_of};
use super::super::say;
use crate::admin::judged_by;
use crate::load::load_policy;
use crate::offline::{AssumedKeys, Offline};
use crate::pipeline::{Decision, decide, weigh, what_is_scored};
use crate::settings::{Flags, Settings};
use crate::snapshot::{KeySource, Snapshot, SystemKeys};

/// The request to explain.
pub(in crate::cli) struct Asked<'a> {
    pub(in crate::cli) model: &'a str,
    pub(in crate::cli) prompt: Option<&'a str>,
    pub(in crate::cli) request: Option<&'a Path>,
    pub(in crate::cli) dialect: Option<DialectName>,
}

pub(in crate::cli) fn explain(
    path: &Path,
    asked: &Asked<'_>,
    with_keys: bool,
) -> anyhow::Result<ExitCode> {
    let policy = load_policy(path)?.policy;
    let body = match asked.request {
        Some(file) => whole(file, &policy)?,
        None => json!({
            "model": asked.model,
            "messages": [{ "role": "user", "content": asked.prompt.unwrap_or_default() }],
        })
        .to_string()
        .into_bytes(),
    };
    let vectors = |name: &str| makes_vectors(&policy, name);
    let dialect = match asked.dialect {
        Some(name) => Dialect::from(name),
        None => dialect_of(&body, vectors),
    };
    let request = client_dialect(dialect)
        .parse(&body)
        .map_err(|error| not_valid(asked, dialect, &error.message))?;
    let keys: &dyn KeySource = if with_keys { &SystemKeys } else { &AssumedKeys };
    let Offline { snapshot, at, .. } = &Offline::new(policy, keys, Scorer::shipped())?;
    let selection = snapshot.resolve(&request.model).with_context(|| {
        format!(
            "{} has no route or model named {:?}",
            path.display(),
            request.model
        )
    })?;
    let mut demand = weigh(&request, *at, snapshot.scorer);
    let decision = decide(snapshot, selection, &request, &mut demand);
    if asked.request.is_some() && asked.dialect.is_none() {
        let dialect = dialect.as_str();
        say(&format!(
            "read as {dialect}, by its fields (--dialect says otherwise)"
        ));
    }
    say(&format!(
        "complexity {:.4}, about {} prompt tokens, {} answer tokens expected{}",
        demand.complexity,
        demand.prompt_tokens,
        demand
            .expected_output_tokens
            .min(demand.max_output_tokens.unwrap_or(u64::MAX).max(1)),
        match demand.answers {
            1 => String::new(),
            answers => format!(" in each of {answers} answers"),
        }
    ));
    if request.embedding.is_none() {
        say(&format!(
            "scored: {}",
            what_is_scored(&request, snapshot.scorer)
        ));
    }
    let most = match selection {
        Selection::Route(id) => snapshot.policy.route(id).fallback.max_attempts,
        Selection::Model(_) => 1,
    };
    say(&terms(snapshot, selection));
    for line in table(snapshot, &decision.plan, usize::from(most)) {
        say(&line);
    }
    for (model, losses) in &decision.losses {
        let name = &snapshot.deployment(*model).name;
        say(&format!(
            "not carried to {name}: {}",
            losses.fields().join(", ")
        ));
    }
    let name_of = |model| &*snapshot.deployment(model).name;
    for line in cannot_carry(&decision.refusals, name_of) {
        say(&line);
    }
    say(&conclusion(snapshot, &decision));
    Ok(ExitCode::SUCCESS)
}

/// Reads a request as far as `serve` would; `-` is standard input.
fn whole(file: &Path, policy: &Policy) -> anyhow::Result<Vec<u8>> {
    let most = Settings::layer(&policy.server, &Flags::default())?
        .server
        .max_body_bytes;
    let name = name_of(file);
    let cannot = || format!("cannot read {name}");
    let source: Box<dyn Read> = if is_standard(file) {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(file).with_context(cannot)?)
    };
    let mut body = Vec::new();
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    source
        .take(bound)
        .read_to_end(&mut body)
        .with_context(cannot)?;
    ensure!(
        body.len() <= most,
        "{name} has more than {most} bytes, the most that `serve` reads (server.max_body_bytes)"
    );
    Ok(body)
}

fn is_standard(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// What a file is called in errors.
fn name_of(file: &Path) -> String {
    match is_standard(file) {
        true => "standard input".to_owned(),
        false => file.display().to_string(),
    }
}

/// Says which file could not be read as what.
fn not_valid(asked: &Asked<'_>, dialect: Dialect, reason: &str) -> anyhow::Error {
    let Some(file) = asked.request else {
        return anyhow::anyhow!("the request is not valid: {reason}");
    };
    let (file, dialect) = (name_of(file), dialect.as_str());
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

/// Which candidates cannot carry what, one line for each reason.
fn cannot_carry<'s>(
    refusals: &[(ModelId, Refusal)],
    name_of: impl Fn(ModelId) -> &'s str,
) -> Vec<String> {
    let mut reasons: Vec<(&Refusal, Vec<&str>)> = Vec::new();
    for (model, refusal) in refusals {
        let name = name_of(*model);
        match reasons.iter_mut().find(|(known, _)| *known == refusal) {
            Some((_, names)) => names.push(name),
            None => reasons.push((refusal, vec![name])),
        }
    }
    let line = |(refusal, names): (&Refusal, Vec<&str>)| {
        format!("cannot be carried to {}: {refusal}", names.join(", "))
    };
    reasons.into_iter().map(line).collect()
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
    let name_of = |one: &Considered| &snapshot.deployments[usize::from(one.id)].name;
    let judged = |one: &Considered| {
        let model = snapshot.policy.model(ModelId(one.id));
        match (&model.head, model.capability_basis) {
            (None, CapabilityBasis::Calibrated) => "calibrated capability".to_owned(),
            _ => judged_by(model),
        }
    };
    let width =
        |texts: &mut dyn Iterator<Item = usize>, least: usize| texts.fold(least, usize::max);
    let considered = || plan.considered.iter();
    let names = width(&mut considered().map(|one| name_of(one).len()), 24);
    let bases = width(&mut considered().map(|one| judged(one).len()), 10);
    // What a candidate is expected to write, where that is not the same for all.
    let factor = |one: &Considered| snapshot.policy.model(ModelId(one.id)).output_factor;
    let differ = considered().any(|one| factor(one) != OutputFactor::ONE);
    let tokens = |text: String| match differ {
        true => format!(" {text:>8}"),
        false => String::new(),
    };
    let head = format!(
        "\n{:<names$} {:>10} {:>8} {:>8}{} {:>14}  {:<bases$}  {}",
        "candidate",
        "capability",
        "chance",
        "gain",
        tokens("tokens".to_owned()),
        "expected $",
        "judged by",
        "verdict"
    );
    // What a candidate's chance is above that of the cheapest which could serve.
    let usable = considered().filter(|one| !matches!(one.verdict, Verdict::Excluded(_)));
    let cheapest = usable
        .min_by_key(|one| one.expected_cost)
        .map(|one| one.success);
    let line = |one: &Considered| {
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
            "{:<names$} {:>10.3} {:>8.3} {:>+8.3}{} {cost:>14}  {:<bases$}  {verdict}{place}",
            name_of(one),
            one.capability,
            one.success,
            cheapest.map_or(0.0, |cheapest| one.success - cheapest),
            tokens(one.expected_output_tokens.to_string()),
            judged(one),
        )
    };
    std::iter::once(head)
        .chain(considered().map(line))
        .collect()
}

/// What the route asks of a candidate, in words.
fn terms(snapshot: &Snapshot, selection: Selection) -> String {
    let Selection::Route(id) = selection else {
        return "the model is pinned: nothing is compared".to_owned();
    };
    let route = snapshot.policy.route(id);
    let mut words = match &route.threshold {
        Threshold::Success(least) => format!("adequate: chance at least {least}"),
        Threshold::MaxComplexity(bounds) => {
            let bound = |(id, most): &(ModelId, f32)| {
                format!("{} up to {most}", snapshot.policy.model(*id).name)
            };
            let bounds: Vec<String> = bounds.iter().map(bound).collect();
            format!("adequate: by complexity, {}", bounds.join(", "))
        }
    };
    if let Some(delta) = route.delta {
        words.push_str(&format!(", chance at most {delta} below the best"));
    }
    words
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
    fn a_feature_that_is_lacked_is_named() {
        let vision = Exclusion::Feature(Feature::Vision);
        assert_eq!(excluded(vision), "excluded: feature vision");
        assert_eq!(excluded(Exclusion::NoKey), "excluded: no_key");
    }

    #[test]
    fn candidates_are_named_with_what_they_cannot_carry() {
        let refusal = |field: &str| Refusal {
            field: field.to_owned(),
            reason: "has no words there".to_owned(),
        };
        let refusals = [(0, "n"), (2, "seed"), (1, "n")];
        let refusals = refusals.map(|(model, field)| (ModelId(model), refusal(field)));
        let names = ["small", "large", "other"];
        assert_eq!(
            cannot_carry(&refusals, |model| names[model.index()]),
            [
                "cannot be carried to small, large: n has no words there",
                "cannot be carried to other: seed has no words there"
            ]
        );
        assert!(cannot_carry(&[], |_| "none").is_empty());
    }
}
