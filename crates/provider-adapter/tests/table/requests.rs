//! Every recorded request of a client's dialect, written for every provider.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value;
use steelyard_provider_adapter::{adapter, client_dialect, placed};
use steelyard_types::{FeatureSet, ModelFacts, Target, WireFormat, WireProfile};

use crate::{PROVIDERS, Table, dialect, documented, golden, schema, support, without_positions};

fn target(wire: WireFormat) -> Target {
    Target {
        upstream: Arc::from("model"),
        wire,
        profile: WireProfile::OPENAI,
        features: FeatureSet::EMPTY,
        facts: ModelFacts::default(),
        max_output_tokens: 64_000,
    }
}

/// What becomes of a request, and what the provider's schema says against it.
fn outcome(
    body: &[u8],
    from: steelyard_types::Dialect,
    wire: WireFormat,
) -> (String, Option<String>) {
    let request = match client_dialect(from).parse(body) {
        Ok(request) => request,
        Err(error) => return (format!("wrong: {error}"), None),
    };
    match adapter(wire).encode(&request, &target(wire)) {
        Err(refusal) => {
            let field = without_positions(&placed(&request, refusal).field);
            (format!("refused: {field}"), None)
        }
        Ok(encoded) => {
            let value: Value = serde_json::from_slice(&encoded.body).unwrap();
            // What the client wrote in the provider's own dialect goes there as it is.
            let own = from.as_str() == wire.as_str();
            let check = AssertUnwindSafe(|| {
                if !own {
                    schema::check(wire, &value);
                }
            });
            let broken = catch_unwind(check).err();
            let broken = broken.map(|panic| {
                let words = panic
                    .downcast::<String>()
                    .map_or_else(|_| String::new(), |it| *it);
                words.chars().take(300).collect()
            });
            let line = match encoded.lossy.fields() {
                [] => "carried".to_owned(),
                fields => format!("lossy: {}", fields.join(", ")),
            };
            (line, broken)
        }
    }
}

#[test]
fn every_recorded_request_to_every_provider() {
    let (mut requests, mut checked, mut broken) = (0, 0, Vec::new());
    for provider in PROVIDERS {
        let mut table = Table::default();
        let recordings = support::recordings(provider);
        if recordings.is_empty() {
            return;
        }
        for recording in &recordings {
            let Some(from) = dialect(recording).filter(|_| recording.request.is_object()) else {
                continue;
            };
            requests += 1;
            let body = recording.request.to_string();
            for wire in WireFormat::ALL {
                let (line, flaw) = outcome(body.as_bytes(), from, *wire);
                checked += usize::from(line == "carried" || line.starts_with("lossy"));
                broken.extend(flaw.map(|flaw| format!("{} to {wire:?}: {flaw}", recording.file)));
                table.add(format!("{} to {}", from.as_str(), wire.as_str()), line);
            }
        }
        if !table.0.is_empty() {
            golden(&format!("requests_{provider}"), &table);
        }
    }
    println!(
        "{requests} requests to {} formats, {checked} carried",
        WireFormat::ALL.len()
    );
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    documented(&format!(
        "{requests} recorded requests are written in {} wire formats",
        WireFormat::ALL.len()
    ));
}
