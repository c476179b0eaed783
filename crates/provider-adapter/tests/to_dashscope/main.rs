//! What DashScope is sent of requests in any client's dialect, what is said to be lost, and what
//! comes back.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

#[path = "../converted_support/mod.rs"]
mod converted_support;

mod choices;
mod conversation;
mod fields;
mod from_chat;

use converted_support as support;
use proptest::prelude::*;
use serde_json::Value;
use steelyard_types::{Feature, Target, WireFormat};

fn target(features: &[Feature]) -> Target {
    support::target(WireFormat::DashScopeGeneration, "qwen3.7-plus", features)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_part_arrives_or_is_named(marked in support::marked()) {
        let target = target(&[Feature::Vision]);
        let (body, lossy) = support::of_messages(&target, &marked.body).unwrap();
        let strings = support::strings(&body);
        for word in &marked.words {
            let found = strings.iter().any(|text| text.contains(word.as_str()));
            prop_assert!(found, "{word} is lost in {body}");
        }
        prop_assert_eq!(lossy.contains(&"messages.thinking"), marked.thinks);
        prop_assert!(lossy.len() <= 1, "{:?}", lossy);
        // Nothing stands between calls and their results.
        let messages = body["input"]["messages"].as_array().unwrap();
        for pair in messages.windows(2) {
            let asks = pair[0].get("tool_calls").is_some();
            let answers = |message: &Value| message["role"] == "tool";
            prop_assert!(!asks || answers(&pair[1]), "{body}");
            prop_assert!(!answers(&pair[1]) || asks || answers(&pair[0]), "{body}");
        }
    }
}
