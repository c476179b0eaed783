use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use steelyard_types::{ErrorKind, Feature, NanoUsd, PriceQuery, ServiceTier, UnixMillis, Usage};

use crate::*;

/// The smallest price book that the policies below need.
const PRICES: &str = "\
prices:
  acme/small:
    rates: [{ input: 1, output: 2 }]
  acme/large:
    ends: 2027-01-01
    rates:
      - { input: 10, output: 20 }
      - { service: batch, input: 5, output: 10 }
  dashscope-cn/qwen:
    region: cn
    rates: [{ input: 1, output: 2 }]
";

/// A sound policy that uses nearly every key.
const POLICY: &str = "\
server:
  listen: 127.0.0.1:8080
  max_in_flight: 10
  log_format: json
providers:
  acme:
    kind: openai_compatible
    base_url: http://127.0.0.1:9/v1/
    key: { env: ACME_KEY }
    timeouts: { total_ms: 5000 }
    profile: { developer_role: true }
  qwen:
    kind: dashscope
    region: intl
    key: { file: /run/secrets/qwen }
models:
  small:
    provider: acme
    upstream: acme-small-1
    capability: 0.4
    context_window: 100_000
    max_output_tokens: 1000
    features: [tools, streaming]
    price: acme/small
  large:
    provider: acme
    capability: 0.9
    capability_basis: calibrated
    context_window: 200000
    max_output_tokens: 1000
    features: [tools, vision]
    price: acme/large
  local:
    provider: qwen
    capability: 0.1
    context_window: 1000
    max_output_tokens: 1000
    price: free
routes:
  auto:
    candidates: [small, large]
    threshold: 0.8
    otherwise: refuse
    fallback: { on: [rate_limited, connect], max_attempts: 2 }
    require: { features: [tools], providers: [acme], max_cost_usd: 0.05 }
    timeouts: { idle_ms: 7 }
    cache: { ttl_ms: 1000, max_bytes: 4096 }
    expected_output_tokens: 9
  plain:
    candidates: [large, local]
keys:
  team:
    sha256: 00000000000000000000000000000000000000000000000000000000000000ff
    routes: [auto]
    models: false
    requests_per_minute: 3
";

fn load_texts(policy: &str, prices: &str) -> Result<Policy, Diagnostics> {
    load(&Sources {
        policy_name: "policy.yaml",
        policy_text: policy,
        prices_name: "prices.yaml",
        prices_text: prices,
    })
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

fn shipped(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../config")
        .join(name);
    fs::read_to_string(&path).unwrap()
}

#[test]
fn a_sound_policy_becomes_what_it_says() {
    let policy = load_texts(POLICY, PRICES).unwrap();
    assert_eq!(policy.warnings, []);
    let Some(Selection::Route(auto)) = policy.resolve("auto") else {
        panic!("no route")
    };
    let Some(Selection::Model(small)) = policy.resolve("small") else {
        panic!("no model")
    };
    assert_eq!(policy.resolve("Auto"), None);

    let route = policy.route(auto);
    assert_eq!(route.candidates, [small, ModelId(1)]);
    assert_eq!(route.otherwise, Otherwise::Refuse);
    assert_eq!(
        route.fallback.on.iter().collect::<Vec<_>>(),
        [ErrorKind::RateLimited, ErrorKind::Connect]
    );
    assert_eq!(route.fallback.max_attempts, 2);
    assert_eq!(route.require.max_cost, Some(NanoUsd(50_000_000)));
    assert_eq!(route.require.providers, Some(vec![ProviderId(0)]));
    assert_eq!(
        route.cache,
        Some(CacheSettings {
            ttl_ms: 1_000,
            max_bytes: 4_096
        })
    );
    assert_eq!(route.expected_output_tokens, Some(9));

    let model = policy.model(small);
    assert_eq!(&*model.target.upstream, "acme-small-1");
    assert_eq!(model.context_window, 100_000);
    assert!(model.target.features.contains(Feature::Tools));
    assert!(model.target.profile.developer_role);
    assert_eq!(model.capability_basis, CapabilityBasis::Declared);
    assert_eq!(
        policy.model(ModelId(1)).capability_basis,
        CapabilityBasis::Calibrated
    );
    assert_eq!(
        policy.model(ModelId(1)).ends,
        Some(UnixMillis(20_819 * 86_400_000))
    );
    assert_eq!(policy.model(ModelId(2)).price, Price::Free);

    let acme = policy.provider(model.provider);
    assert_eq!(acme.base_url, "http://127.0.0.1:9/v1");
    assert_eq!(acme.key, Some(KeyReference::Env("ACME_KEY".into())));
    let timeouts = route.timeouts.unwrap().apply(acme.timeouts);
    assert_eq!(
        (timeouts.idle_ms, timeouts.total_ms, timeouts.connect_ms),
        (7, 5_000, 3_000)
    );
    assert_eq!(
        policy.provider(ProviderId(1)).base_url,
        "https://dashscope-intl.aliyuncs.com"
    );

    assert_eq!(policy.keys[0].sha256[31], 0xff);
    assert!(policy.keys[0].allows_route(auto) && !policy.keys[0].allows_route(RouteId(1)));
    assert_eq!(policy.server.log_format, Some(LogFormat::Json));
}

#[test]
fn the_version_follows_both_texts() {
    let version = |policy: &str, prices: &str| load_texts(policy, prices).unwrap().version;
    let first = version(POLICY, PRICES);
    assert_eq!(first.len(), 12);
    assert_eq!(first, version(POLICY, PRICES));
    assert_ne!(first, version(&format!("{POLICY}#"), PRICES));
    assert_ne!(first, version(POLICY, &format!("{PRICES}#")));
}

#[test]
fn mistakes_are_found_where_they_are() {
    one_finding(
        "threshold:",
        "treshold:",
        (42, 5),
        "unknown key `treshold`",
        "`threshold`",
    );
    one_finding(
        "kind: dashscope\n",
        "kind: dashscpe\n",
        (13, 11),
        "unknown value",
        "`dashscope`",
    );
    one_finding(
        "[small, large]",
        "[smal, large]",
        (41, 18),
        "unknown model `smal`",
        "`small`",
    );
    one_finding(
        "providers: [acme]",
        "providers: [acm]",
        (45, 47),
        "unknown provider",
        "`acme`",
    );
    one_finding(
        "routes: [auto]",
        "routes: [uato]",
        (54, 14),
        "unknown route `uato`",
        "`auto`",
    );
    one_finding(
        "threshold: 0.8",
        "threshold: 1.1",
        (42, 16),
        "from 0 to 1",
        "",
    );
    one_finding(
        "capability: 0.4",
        "capability: high",
        (20, 17),
        "found a text",
        "",
    );
    one_finding(
        "max_in_flight: 10",
        "max_in_flight: \"10\"",
        (3, 18),
        "found a quoted text",
        "",
    );
    one_finding(
        "models: false",
        "models: no",
        (55, 13),
        "expected true or false",
        "",
    );
    one_finding(
        "[large, local]",
        "[]",
        (50, 17),
        "at least one candidate",
        "",
    );
    one_finding("[large, local]", "large", (50, 17), "expected a list", "");
    one_finding("[large, local]", "[large, large]", (50, 25), "twice", "");
    one_finding(
        "    candidates: [large, local]\n",
        "    threshold: 1\n",
        (49, 3),
        "no `candidates`",
        "",
    );
    one_finding(
        "  plain:\n",
        "  large:\n",
        (49, 3),
        "name of a route and of a model",
        "rename",
    );
    one_finding(
        "    region: intl\n",
        "",
        (12, 3),
        "needs a `region`",
        "cn, intl, us",
    );
    one_finding(
        "    base_url: http://127.0.0.1:9/v1/\n",
        "",
        (6, 3),
        "needs a `base_url`",
        "",
    );
    one_finding(
        "listen: 127.0.0.1:8080",
        "listen: 8080",
        (2, 11),
        "127.0.0.1:8080",
        "",
    );
    one_finding(
        "cache: { ttl_ms: 1000, max_bytes: 4096 }",
        "timeouts: { idle_ms: 8 }",
        (47, 5),
        "duplicate key `timeouts`",
        "line 46",
    );
    one_finding("  plain:", "  \"pl ain\":", (49, 3), "letters, digits", "");
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

#[test]
fn the_price_book_is_named_by_the_policy() {
    assert_eq!(prices_path("routes: {}").as_deref(), Some("prices.yaml"));
    assert_eq!(
        prices_path("prices: ../p.yaml").as_deref(),
        Some("../p.yaml")
    );
    assert_eq!(prices_path("prices: [1]"), None);
    assert_eq!(prices_path("a: ["), None);
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

#[test]
fn the_shipped_files_load_without_a_word() {
    let policy = load_texts(&shipped("steelyard.yaml"), &shipped("prices.yaml"))
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
    let policy = load_texts(&shipped("steelyard.yaml"), &shipped("prices.yaml")).unwrap();
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
            1.0 / (1.0 + odds) >= route.threshold
        };
        let models = || route.candidates.iter().map(|id| policy.model(*id));
        models()
            .filter(adequate)
            .min_by_key(|model| model.price.rates(&query).unwrap().cost(&usage).amount)
            .or_else(|| models().max_by(|a, b| a.capability.total_cmp(&b.capability)))
            .map(|model| &*policy.provider(model.provider).name)
            .unwrap()
    };
    for slope in [4.0, 5.0, 6.0, 7.0, 8.0] {
        for simple in [0.0, 0.1, 0.2, 0.3, 0.4, 0.5] {
            assert_eq!(
                chosen(slope, simple),
                "qwen",
                "slope {slope}, complexity {simple}"
            );
        }
        for hard in [0.65, 0.7, 0.8, 0.9, 1.0] {
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
    let text = shipped("steelyard.yaml");
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
    let result = load_texts(&uncommented, &shipped("prices.yaml"));
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

/// A text with some of its characters cut, doubled or exchanged.
fn mutated(text: &'static str) -> impl Strategy<Value = String> {
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
    fn a_damaged_policy_loads_whole_or_explains(policy in mutated(POLICY)) {
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
    fn a_damaged_price_book_loads_whole_or_explains(prices in mutated(PRICES)) {
        if let Err(diagnostics) = load_texts(POLICY, &prices) {
            prop_assert!(diagnostics.errors() > 0);
        }
    }
}
