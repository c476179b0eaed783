//! What models are judged by, and the bounds of complexity of routes.

use super::*;

/// The policy with lines put into the model `small`.
fn with(lines: &str) -> String {
    POLICY.replace(
        "    upstream: acme-small-1\n",
        &format!("    upstream: acme-small-1\n{lines}"),
    )
}

fn small(policy: &Policy) -> &Model {
    policy.model(ModelId(0))
}

/// The one error, with its place.
fn error(policy: &str) -> Diagnostic {
    let found = load_texts(policy, PRICES)
        .expect_err("must be refused")
        .items;
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().expect("one finding")
}

const HEAD: &str = "    head: { weights: scorer-9/00000000000000ab, constant: -0.5, slope: 1.25, topics: [0.5, -2] }\n";

#[test]
fn a_fitted_head_is_read() {
    let policy = load_texts(&with(HEAD), PRICES).expect("it is sound");
    let expected = FittedHead {
        constant: -0.5,
        slope: 1.25,
        topics: vec![0.5, -2.0],
    };
    assert_eq!(small(&policy).head, Some(Head::Fitted(expected)));
    assert_eq!(policy.model(ModelId(1)).head, None);
}

#[test]
fn a_head_of_other_weights_is_refused_with_what_to_do() {
    let found = error(&with(&HEAD.replace("ab,", "ac,")));
    assert_eq!((found.line, found.column), (20, 22), "{found}");
    for words in ["scorer-9/00000000000000ac", "scorer-9/00000000000000ab"] {
        assert!(found.message.contains(words), "{found}");
    }
    let help = found.help.expect("what to do");
    assert!(help.contains("steelyard router calibrate"), "{help}");

    let found = error(&with(&HEAD.replace("[0.5, -2]", "[0.5, -2, 1]")));
    assert!(found.message.contains("2 topics, found 3"), "{found}");
    let found = error(&with(&HEAD.replace("[0.5, -2]", "[0.5, 1_0]")));
    assert!(found.message.contains("expected a number"), "{found}");
    let found = error(&with(&HEAD.replace("slope: 1.25, ", "")));
    assert!(found.message.contains("the head has no `slope`"), "{found}");
}

#[test]
fn without_a_scorer_heads_of_any_weights_are_taken() {
    let policy = load(&Sources {
        policy_name: "policy.yaml",
        policy_text: &with(&HEAD.replace("ab,", "ac,").replace("-2]", "-2, 3]")),
        prices_name: "prices.yaml",
        prices_text: PRICES,
        scorer: None,
    })
    .expect("nothing to compare with");
    assert!(small(&policy).head.is_some());
}

#[test]
fn a_model_is_judged_by_anothers_outcomes() {
    let policy = with("    outcomes_of: qwen9-7b\n").replace("    capability: 0.4\n", "");
    let policy = load_texts(&policy, PRICES).expect("it is sound");
    assert_eq!(
        small(&policy).head,
        Some(Head::OutcomesOf("qwen9-7b".into()))
    );
    assert!((small(&policy).capability - 0.4).abs() < 1e-6);
    assert_eq!(small(&policy).capability_basis, CapabilityBasis::Recorded);
    // A capability of its own stays.
    let policy = with("    outcomes_of: gpt-9-1106-preview\n");
    let policy = load_texts(&policy, PRICES).expect("it is sound");
    assert!((small(&policy).capability - 0.4).abs() < 1e-6);
    assert_eq!(small(&policy).capability_basis, CapabilityBasis::Declared);
}

#[test]
fn a_name_that_the_weights_do_not_know_has_a_suggestion() {
    let found = error(&with("    outcomes_of: gpt-9-1106\n"));
    assert_eq!((found.line, found.column), (20, 18), "{found}");
    assert!(
        found.message.contains("know no model `gpt-9-1106`"),
        "{found}"
    );
    assert_eq!(
        found.help.as_deref(),
        Some("did you mean `gpt-9-1106-preview`?")
    );
    let found = error(&with("    outcomes_of: zzz\n"));
    assert!(found.help.expect("names").contains("qwen9-7b"));
}

#[test]
fn a_model_has_one_head_and_embeddings_none() {
    let found = error(&with(&format!("    outcomes_of: qwen9-7b\n{HEAD}")));
    assert!(
        found.message.contains("either `head` or `outcomes_of`"),
        "{found}"
    );
    let vectors = with(HEAD).replace("[tools, streaming]", "[embeddings]");
    let vectors = vectors.replace(
        "[small, large]\n    threshold: 0.8",
        "[large]\n    threshold: 0.8",
    );
    let found = error(&vectors);
    assert!(
        found.message.contains("makes embeddings is not judged"),
        "{found}"
    );
}

#[test]
fn a_band_bounds_the_complexity_of_candidates() {
    let band = |band: &str| POLICY.replace("threshold: 0.8", &format!("threshold: {band}"));
    let policy = load_texts(&band("{ max_complexity: { small: 0.35 } }"), PRICES).expect("sound");
    let route = policy.route(RouteId(0));
    assert_eq!(
        route.threshold,
        Threshold::MaxComplexity(vec![(ModelId(0), 0.35)])
    );
    assert_eq!(route.threshold.max_complexity(ModelId(0)), Some(0.35));
    assert_eq!(route.threshold.max_complexity(ModelId(1)), None);
    assert_eq!(policy.warnings, []);

    for (wrong, place, message, help) in [
        (
            "{ max_complexity: { smal: 0.3 } }",
            (42, 36),
            "unknown model `smal`",
            "`small`",
        ),
        (
            "{ max_complexity: { local: 0.3 } }",
            (42, 36),
            "`local` is no candidate",
            "candidates",
        ),
        (
            "{ max_complexity: { small: 3 } }",
            (42, 43),
            "from 0 to 1",
            "",
        ),
        (
            "{ max_complexity: {} }",
            (42, 34),
            "bounds no candidate",
            "small: 0.4",
        ),
        (
            "{ max_complexity: 0.3 }",
            (42, 34),
            "expected a mapping from candidates",
            "small: 0.4",
        ),
        (
            "{ max_complexty: { small: 0.3 } }",
            (42, 18),
            "unknown key `max_complexty`",
            "`max_complexity`",
        ),
    ] {
        let found = load_texts(&band(wrong), PRICES).expect_err(wrong).items;
        let found = found
            .iter()
            .find(|found| found.message.contains(message))
            .unwrap_or_else(|| panic!("{wrong}: {found:?}"));
        assert_eq!((found.line, found.column), place, "{found}");
        assert!(
            found.help.as_deref().unwrap_or("").contains(help),
            "{found}"
        );
    }
}

#[test]
fn a_band_that_leaves_the_hardest_to_nobody_is_pointed_out() {
    let band = |otherwise: &str| {
        let bounds = "threshold: { max_complexity: { small: 0.3, large: 0.9 } }";
        let policy = POLICY.replace("threshold: 0.8", bounds);
        let policy = policy.replace("    otherwise: refuse\n", otherwise);
        load_texts(&policy, PRICES).expect("sound").warnings
    };
    let found = band("");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].message.contains("beyond complexity 0.9"),
        "{}",
        found[0]
    );
    assert_eq!(band("    otherwise: strongest\n"), []);
}
