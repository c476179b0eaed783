//! What the project ships is sound, and does what its comments say.

use std::fs;
use std::path::PathBuf;

use steelyard_types::{PriceQuery, ServiceTier, Usage};

use super::*;

#[test]
fn the_shipped_files_load_without_a_word() {
    let policy = load_texts(&read("steelyard.yaml"), &read("prices.yaml"))
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    assert_eq!(
        policy.warnings,
        [],
        "{}",
        Diagnostics {
            items: policy.warnings.clone()
        }
    );
    for model in &policy.models {
        assert_eq!(
            model.capability_basis,
            CapabilityBasis::Declared,
            "{}",
            model.name
        );
        let query = PriceQuery {
            at: UnixMillis(20_780 * 86_400_000),
            service: ServiceTier::Standard,
            prompt_tokens: 1_000,
        };
        assert!(model.price.rates(&query).is_some(), "{}", model.name);
    }
}

/// The scorer fits its slope to outcomes; the shipped route must mean the same for any likely one.
#[test]
fn the_shipped_route_sends_the_simple_to_qwen_and_the_hard_elsewhere() {
    let policy = load_texts(&read("steelyard.yaml"), &read("prices.yaml")).unwrap();
    let Some(Selection::Route(auto)) = policy.resolve("auto") else {
        panic!("no route")
    };
    let route = policy.route(auto);
    let usage = Usage {
        input_fresh: 1_000,
        output: 500,
        ..Usage::default()
    };
    let query = PriceQuery {
        at: UnixMillis(20_780 * 86_400_000),
        service: ServiceTier::Standard,
        prompt_tokens: 1_000,
    };
    let chosen = |slope: f32, complexity: f32| {
        let adequate = |model: &&Model| {
            let odds = (-slope * (model.capability - complexity)).exp();
            1.0 / (1.0 + odds) >= route.threshold.success()
        };
        let models = || route.candidates.iter().map(|id| policy.model(*id));
        models()
            .filter(adequate)
            .min_by_key(|model| model.price.rates(&query).unwrap().cost(&usage).amount)
            .or_else(|| models().max_by(|a, b| a.capability.total_cmp(&b.capability)))
            .map(|model| &*policy.provider(model.provider).name)
            .unwrap()
    };
    for slope in [2.0, 2.5, 3.0] {
        for simple in [0.0, 0.1, 0.2, 0.3, 0.4] {
            assert_eq!(
                chosen(slope, simple),
                "qwen",
                "slope {slope}, complexity {simple}"
            );
        }
        for hard in [0.6, 0.7, 0.8, 0.9, 1.0] {
            assert_ne!(
                chosen(slope, hard),
                "qwen",
                "slope {slope}, complexity {hard}"
            );
        }
    }
}

#[test]
fn every_example_in_the_shipped_policy_is_a_real_key() {
    let text = read("steelyard.yaml");
    let uncommented: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("# key: { file"))
        .map(|line| match line.trim_start().strip_prefix("# ") {
            // An example is a key and a colon; prose is not.
            Some(rest) if looks_like_yaml(rest) => format!("{}{rest}\n", leading(line)),
            _ => format!("{line}\n"),
        })
        .collect();
    assert!(uncommented.matches("requests_per_minute: 600").count() == 1);
    let result = load_texts(&uncommented, &read("prices.yaml"));
    let messages = match result {
        Ok(policy) => policy.warnings,
        Err(diagnostics) => diagnostics.items,
    };
    let wrong: Vec<_> = messages
        .iter()
        .filter(|item| item.message.contains("unknown"))
        .collect();
    assert!(wrong.is_empty(), "{}", Diagnostics { items: messages });
}

pub(super) fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../config")
        .join(name);
    fs::read_to_string(&path).unwrap()
}

fn leading(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

fn looks_like_yaml(text: &str) -> bool {
    let text = text.trim_start();
    text.split_once(':').is_some_and(|(key, rest)| {
        key.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
            && (rest.is_empty() || rest.starts_with(' '))
    })
}
