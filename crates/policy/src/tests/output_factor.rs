//! How long the answers of a model are.

use steelyard_types::OutputFactor;

use super::*;

/// The policy with a line put into the model `small`, at 20:5.
fn with(line: &str) -> String {
    let own = "    upstream: acme-small-1\n";
    POLICY.replace(own, &format!("{own}    {line}\n"))
}

#[test]
fn a_factor_is_read_and_is_1_where_nothing_is_said() {
    for (value, read) in [
        ("1.85", 1.85),
        ("0.05", 0.05),
        ("20", 20.0),
        ("1.23456", 1.235),
    ] {
        let policy = load_texts(&with(&format!("output_factor: {value}")), PRICES);
        let policy = policy.expect("it is sound");
        let factor = policy.model(ModelId(0)).output_factor;
        assert_eq!(factor, OutputFactor::new(read).unwrap(), "{value}");
        assert_eq!(policy.model(ModelId(1)).output_factor, OutputFactor::ONE);
    }
}

#[test]
fn factors_that_are_none_are_refused_where_they_stand() {
    for (line, place, message, help) in [
        ("output_factor: 0", (20, 20), "a number from 0.05 to 20", ""),
        (
            "output_factor: 0.049",
            (20, 20),
            "a number from 0.05 to 20",
            "",
        ),
        (
            "output_factor: 20.1",
            (20, 20),
            "a number from 0.05 to 20",
            "",
        ),
        (
            "output_factor: -1",
            (20, 20),
            "a number from 0.05 to 20",
            "",
        ),
        (
            "output_factor: twice",
            (20, 20),
            "from 0.05 to 20, found a text",
            "",
        ),
        (
            "output_factor: [2]",
            (20, 20),
            "from 0.05 to 20, found a list",
            "",
        ),
        (
            "output_factr: 2",
            (20, 5),
            "unknown key `output_factr`",
            "`output_factor`",
        ),
    ] {
        let found = load_texts(&with(line), PRICES).expect_err(line).items;
        let [found] = found.as_slice() else {
            panic!("{line}: {found:?}")
        };
        assert_eq!((found.line, found.column), place, "{found}");
        assert!(found.message.contains(message), "{found}");
        assert!(
            found.help.as_deref().unwrap_or("").contains(help),
            "{found}"
        );
    }
}

#[test]
fn vectors_have_no_tokens_to_multiply() {
    let policy = with("output_factor: 2")
        .replace("[tools, streaming]", "[embeddings]")
        .replace("[small, large]", "[large]");
    let found = load_texts(&policy, PRICES)
        .expect_err("must be refused")
        .items;
    let found: Vec<_> = found.iter().map(|one| &*one.message).collect();
    assert_eq!(
        found,
        ["a model that makes embeddings has no output tokens, so no `output_factor`"]
    );
}

#[test]
fn a_verbose_model_with_lower_prices_is_not_always_cheaper() {
    let warnings = |factors: [&str; 2]| {
        let policy = POLICY
            .replace(
                "capability: 0.4",
                &format!("capability: 0.9\n    output_factor: {}", factors[0]),
            )
            .replace("context_window: 100_000", "context_window: 200_000")
            .replace("[tools, streaming]", "[tools, vision]")
            .replace(
                "capability_basis: calibrated",
                &format!(
                    "capability_basis: calibrated\n    output_factor: {}",
                    factors[1]
                ),
            );
        load_texts(&policy, PRICES).expect("sound").warnings.len()
    };
    assert_eq!(warnings(["1", "1"]), 1, "one is never the first choice");
    assert_eq!(warnings(["0.8", "1"]), 1);
    assert_eq!(warnings(["3", "3"]), 1);
    assert_eq!(warnings(["1.5", "1"]), 0);
    assert_eq!(warnings(["1", "0.8"]), 0);
}
