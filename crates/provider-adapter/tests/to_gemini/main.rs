//! What Gemini is sent of requests in any client's dialect, and what is said to be lost.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

#[path = "../converted_support/mod.rs"]
mod converted_support;

mod choices;
mod fields;
mod from_chat;
mod media;

use converted_support as support;
use proptest::prelude::*;
use steelyard_types::{Feature, Target, WireFormat};

fn target(upstream: &str) -> Target {
    let wire = WireFormat::GeminiGenerateContent;
    support::target(wire, upstream, &[Feature::Reasoning])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_part_arrives_or_is_named(marked in support::marked()) {
        for model in ["gemini-3-flash", "gemini-2.5-flash"] {
            let (body, lossy) = support::of_messages(&target(model), &marked.body).unwrap();
            let strings = support::strings(&body);
            for word in &marked.words {
                let times = strings.iter().filter(|text| text.contains(word.as_str())).count();
                prop_assert!(times >= 1, "{word} is lost in {body}");
            }
            prop_assert_eq!(lossy.contains(&"messages.thinking"), marked.thinks);
            prop_assert!(lossy.len() <= 1, "{:?}", lossy);
        }
    }
}
