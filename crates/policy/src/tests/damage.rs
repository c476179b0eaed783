//! No text makes the loader panic, or take long.

use proptest::prelude::*;

use super::*;

#[test]
fn aliases_merge_but_do_not_explode() {
    let shared = POLICY
        .replace("  small:\n", "  small: &base\n")
        .replace("  plain:", "  plain: ")
        .replace(
            "  local:\n    provider: qwen\n",
            "  local:\n    <<: *base\n    provider: qwen\n",
        );
    let policy = load_texts(&shared, PRICES).unwrap();
    assert_eq!(policy.model(ModelId(2)).context_window, 1_000);
    assert!(
        policy
            .model(ModelId(2))
            .target
            .features
            .contains(Feature::Tools)
    );

    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let inner = format!("*a{}, ", level - 1).repeat(10);
        laughs += &format!("a{level}: &a{level} [{inner}]\n");
    }
    let diagnostics = load_texts(&laughs, PRICES).unwrap_err();
    assert!(
        diagnostics.to_string().contains("more than"),
        "{diagnostics}"
    );
}

#[test]
fn size_depth_and_documents_are_bounded() {
    let deep = format!("a: {}{}", "[".repeat(5_000), "]".repeat(5_000));
    let big = format!("a: {}", "x".repeat(1 << 20));
    let wide: String = (0..120_000).map(|index| format!("k{index}:\n")).collect();
    for text in [
        deep,
        big,
        wide,
        "a: 1\n---\nb: 2\n".to_owned(),
        "&a [*a]".to_owned(),
    ] {
        assert!(load_texts(&text, PRICES).is_err());
        assert!(load_texts(POLICY, &text).is_err());
    }
}

proptest! {
    #[test]
    fn any_text_is_judged_without_panic(policy: String, prices: String) {
        prop_assert!(load_texts(&policy, &prices).is_err());
    }

    #[test]
    fn any_yaml_like_text_is_judged_without_panic(
        policy in "([a-z]{1,3}|[ \n:\\-{}\\[\\]&*!|>'\"#?,%@]|<<){0,80}",
    ) {
        let _ = prices_path(&policy);
        let diagnostics = load_texts(&policy, PRICES).unwrap_err();
        prop_assert!(diagnostics.errors() > 0);
        let _ = diagnostics.to_string();
    }

    #[test]
    fn a_damaged_policy_loads_whole_or_explains(policy in mutated(POLICY.to_owned())) {
        match load_texts(&policy, PRICES) {
            Ok(policy) => for route in &policy.routes {
                prop_assert!(!route.candidates.is_empty());
                for id in &route.candidates {
                    let _ = policy.provider(policy.model(*id).provider);
                }
            },
            Err(diagnostics) => prop_assert!(diagnostics.errors() > 0),
        }
    }

    #[test]
    fn a_damaged_price_book_loads_whole_or_explains(prices in mutated(PRICES.to_owned())) {
        if let Err(diagnostics) = load_texts(POLICY, &prices) {
            prop_assert!(diagnostics.errors() > 0);
        }
    }
}

proptest! {
    // The shipped files are long; the texts above get the number of cases.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_damaged_shipped_files_load_whole_or_explain(
        policy in mutated(shipped::read("steelyard.yaml")),
        prices in mutated(shipped::read("prices.yaml")),
    ) {
        for (policy, prices) in
            [(policy.as_str(), shipped::read("prices.yaml")), (POLICY, prices), (&policy, PRICES.into())]
        {
            if let Err(diagnostics) = load_texts(policy, &prices) {
                prop_assert!(diagnostics.errors() > 0);
                let _ = diagnostics.to_string();
            }
        }
    }
}

/// A text with some of its characters cut, doubled or exchanged.
fn mutated(text: String) -> impl Strategy<Value = String> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..5u8, any::<char>()), 1..6);
    edits.prop_map(move |edits| {
        let mut characters: Vec<char> = text.chars().collect();
        for (index, edit, character) in edits {
            if characters.is_empty() {
                break;
            }
            let at = index.index(characters.len());
            match edit {
                0 => drop(characters.remove(at)),
                1 => characters.insert(at, character),
                2 => characters[at] = character,
                3 => characters.truncate(at.max(1)),
                _ => characters.insert(at, [':', '\n', '*', '{', '-', '&', '"'][at % 7]),
            }
        }
        characters.into_iter().collect()
    })
}
