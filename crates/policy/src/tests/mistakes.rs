//! Mistakes are found where they are, all at once, and explained.

use super::*;

type Mistake = (
    &'static str,
    &'static str,
    (u32, u32),
    &'static str,
    &'static str,
);

/// What is replaced by what, where that is found, and parts of the message and of the help.
#[rustfmt::skip]
const MISTAKES: [Mistake; 24] = [
    ("threshold:", "treshold:", (42, 5), "unknown key `treshold`", "`threshold`"),
    ("kind: dashscope\n", "kind: dashscpe\n", (13, 11), "unknown value", "`dashscope`"),
    ("[small, large]", "[smal, large]", (41, 18), "unknown model `smal`", "`small`"),
    ("providers: [acme]", "providers: [acm]", (45, 47), "unknown provider", "`acme`"),
    ("routes: [auto]", "routes: [uato]", (54, 14), "unknown route `uato`", "`auto`"),
    ("threshold: 0.8", "threshold: 1.1", (42, 16), "from 0 to 1", ""),
    ("capability: 0.4", "capability: high", (20, 17), "found a text", ""),
    ("max_in_flight: 10", "max_in_flight: \"10\"", (3, 18), "found a quoted text", ""),
    ("models: false", "models: no", (55, 13), "expected true or false", ""),
    ("[large, local]", "[]", (50, 17), "at least one candidate", ""),
    ("[large, local]", "large", (50, 17), "expected a list", ""),
    ("[large, local]", "[large, large]", (50, 25), "twice", ""),
    ("    candidates: [large, local]\n", "    threshold: 1\n", (49, 3), "no `candidates`", ""),
    ("  plain:\n", "  large:\n", (49, 3), "name of a route and of a model", "rename"),
    ("    region: intl\n", "", (12, 3), "needs a `region`", "cn, intl, us"),
    ("    base_url: http://127.0.0.1:9/v1/\n", "", (6, 3), "needs a `base_url`", ""),
    ("listen: 127.0.0.1:8080", "listen: 8080", (2, 11), "127.0.0.1:8080", ""),
    ("cache: { ttl_ms: 1000, max_bytes: 4096 }", "timeouts: { idle_ms: 8 }", (47, 5), "duplicate key `timeouts`", "line 46"),
    ("key: { env: ACME_KEY }", "key:", (9, 5), "`key` has no value in the provider", "leave the line out"),
    ("[large, local]", "", (50, 5), "`candidates` has no value", ""),
    ("upstream: acme-small-1", "upstream: ''", (19, 15), "found an empty one", ""),
    ("  plain:", "  pinned:", (49, 3), "cannot be the name of a route", "choose another"),
    ("  plain:", "  none:", (49, 3), "cannot be the name of a route", "choose another"),
    ("  plain:", "  \"pl ain\":", (49, 3), "letters, digits", ""),
];

#[test]
fn mistakes_are_found_where_they_are() {
    for (from, to, place, message, help) in MISTAKES {
        one_finding(from, to, place, message, help);
    }
}

#[test]
fn prices_are_never_guessed() {
    one_finding(
        "price: acme/small",
        "price: acme/smal",
        (24, 12),
        "no price `acme/smal`",
        "`acme/small`",
    );
    one_finding(
        "    price: acme/small\n",
        "",
        (17, 3),
        "`small` has no price",
        "acme/small",
    );
    one_finding(
        "price: free",
        "price: dashscope-cn/qwen",
        (38, 12),
        "in region cn",
        "its own",
    );
}

#[test]
fn a_callers_error_is_no_reason_to_fall_back() {
    one_finding(
        "[rate_limited, connect]",
        "[bad_request]",
        (44, 22),
        "cannot be a reason",
        "rate_limited",
    );
    one_finding(
        "[rate_limited, connect]",
        "[rate_limit]",
        (44, 22),
        "unknown error kind",
        "`rate_limited`",
    );
}

#[test]
fn secrets_are_refused_and_not_shown() {
    let secret = "sk-abcdefghijklmnop0123456789";
    let hash = "00000000000000000000000000000000000000000000000000000000000000ff";
    for (from, to) in [
        ("key: { env: ACME_KEY }", format!("key: {secret}")),
        (
            "key: { env: ACME_KEY }",
            format!("key: {{ env: {secret} }}"),
        ),
        (
            "key: { file: /run/secrets/qwen }",
            format!("key: {{ file: {secret} }}"),
        ),
        (hash, secret.to_owned()),
        ("requests_per_minute: 3", format!("key: {secret}")),
        ("requests_per_minute: 3", format!("token: {secret}")),
        (
            "requests_per_minute: 3",
            format!("secret: [{secret}, {secret}]"),
        ),
    ] {
        let found = findings(from, &to);
        assert!(
            found.iter().any(|item| item.severity == Severity::Error),
            "{to}"
        );
        let shown = Diagnostics { items: found }.to_string();
        assert!(!shown.contains("abcdefghijklmnop"), "{shown}");
    }
}

#[test]
fn candidates_that_cannot_win_are_pointed_out() {
    let warnings = |capability: &str| {
        let policy = POLICY
            .replace("capability: 0.4", capability)
            .replace("context_window: 100_000", "context_window: 200_000")
            .replace("[tools, streaming]", "[tools, vision]");
        load_texts(&policy, PRICES).unwrap().warnings
    };
    let found = warnings("capability: 0.9");
    assert_eq!((found[0].line, found[0].column), (41, 25), "{}", found[0]);
    assert!(
        found[0]
            .message
            .contains("`large` is never the first choice"),
        "{}",
        found[0]
    );
    assert!(
        found[0].help.as_deref().unwrap().contains("`small`"),
        "{}",
        found[0]
    );
    assert_eq!(warnings("capability: 0.89"), []);
}

#[test]
fn requirements_that_exclude_are_pointed_out() {
    let found = findings("features: [tools, vision]", "features: [vision]");
    assert!(
        found[0].message.contains("`large` is never used"),
        "{}",
        found[0]
    );
    let found = findings("providers: [acme]", "providers: [qwen]");
    let errors = found.iter().filter(|item| item.severity == Severity::Error);
    assert_eq!(
        errors.map(|item| item.message.as_str()).collect::<Vec<_>>(),
        ["the route's requirements exclude every candidate"]
    );
}

#[test]
fn all_mistakes_of_both_files_are_reported_at_once() {
    let policy = POLICY
        .replace("threshold:", "treshold:")
        .replace("kind: dashscope", "kind: x");
    let prices = PRICES
        .replace("input: 10", "input: 1e1")
        .replace("ends:", "end:");
    let diagnostics = load_texts(&policy, &prices).unwrap_err();
    let places: Vec<_> = diagnostics
        .items
        .iter()
        .map(|item| (item.file.as_str(), item.line, item.column))
        .collect();
    assert_eq!(
        places,
        [
            ("policy.yaml", 13, 11),
            ("policy.yaml", 42, 5),
            ("prices.yaml", 5, 5),
            ("prices.yaml", 7, 18),
        ]
    );
    assert!(diagnostics.to_string().ends_with("\n\n4 errors"));
}

#[test]
fn a_finding_reads_well_in_a_terminal() {
    let found = findings("treshold".replace("tres", "thres").as_str(), "treshold");
    assert_eq!(
        found[0].to_string(),
        "error: policy.yaml:42:5: unknown key `treshold` in the route\n   \
         |\n\
         42 |     treshold: 0.8\n   \
         |     ^^^^^^^^\n   \
         = help: did you mean `threshold`?"
    );
}

#[test]
fn an_empty_mapping_lacks_everything() {
    for policy in [
        "{}",
        "models: {}",
        "providers: { a: {} }\nmodels: { b: {} }\nroutes: { c: {} }",
    ] {
        assert!(
            load_texts(policy, PRICES).unwrap_err().errors() >= 2,
            "{policy}"
        );
    }
    for policy in [
        "",
        "# nothing",
        "[]",
        "text",
        "~",
        "providers:\nmodels:\nroutes:\n",
    ] {
        assert!(
            load_texts(policy, PRICES).unwrap_err().errors() >= 1,
            "{policy}"
        );
    }
}

#[test]
fn broken_yaml_has_a_place_too() {
    let diagnostics = load_texts("providers:\n  a: [1, 2\nmodels: {", PRICES).unwrap_err();
    assert_eq!(diagnostics.items.len(), 1, "{diagnostics}");
    assert!(
        diagnostics.items[0].message.starts_with("not valid YAML"),
        "{diagnostics}"
    );
    assert!(diagnostics.items[0].line >= 2, "{diagnostics}");
}

#[test]
fn price_rows_must_not_contradict_each_other() {
    let two = |first: &str, second: &str| {
        let rows = format!(
            "prices: {{ acme/small: {{ rates: [{first}, {second}] }}, \
                            acme/large: {{ rates: [{{ input: 1, output: 1 }}] }} }}"
        );
        load_texts(POLICY, &rows)
    };
    let row = "{ input: 1, output: 1 }";
    assert!(two(row, row).is_err());
    assert!(two(row, "{ input: 1, output: 1, from: 2026-01-01 }").is_err());
    assert!(
        two(
            row,
            "{ input: 1, output: 1, from: 2026-01-02, until: 2026-01-01 }"
        )
        .is_err()
    );
    assert!(two(row, "{ input: 1, output: 1, service: flex }").is_ok());
    assert!(two(row, "{ input: 1, output: 1, input_tokens_above: 5 }").is_ok());
    assert!(two(row, "{ input: 1, output: 1, hours_utc: [\"10:00-24:00\"] }").is_ok());
    assert!(two(row, "{ input: 1, output: 1, hours_utc: [\"22:00-02:00\"] }").is_err());
    assert!(
        two(
            "{ input: 1, output: 1, until: 2026-01-01 }",
            "{ input: 1, output: 1, from: 2026-01-01 }"
        )
        .is_ok()
    );
}

/// The findings for the sound policy with one text replaced, which must be in it once.
fn findings(from: &str, to: &str) -> Vec<Diagnostic> {
    assert_eq!(POLICY.matches(from).count(), 1, "{from}");
    match load_texts(&POLICY.replace(from, to), PRICES) {
        Ok(policy) => policy.warnings,
        Err(diagnostics) => diagnostics.items,
    }
}

/// Asserts one finding: its place in the replaced policy and parts of its words.
#[track_caller]
fn one_finding(from: &str, to: &str, place: (u32, u32), message: &str, help: &str) {
    let found = findings(from, to);
    let [item] = found.as_slice() else {
        panic!("expected one finding: {}", Diagnostics { items: found });
    };
    assert_eq!((item.line, item.column), place, "{item}");
    assert!(item.message.contains(message), "{item}");
    assert!(item.help.as_deref().unwrap_or("").contains(help), "{item}");
}

#[test]
fn the_caret_stands_under_wide_characters() {
    let found = findings("[small, large]", "[模型, smal]");
    let first = found[0].to_string();
    assert!(first.contains("\n   |                  ^^^^\n"), "{first}");
    let shown = found[1].to_string();
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines[2], "41 |     candidates: [模型, smal]");
    assert_eq!(lines[3], "   |                        ^^^^");
}
