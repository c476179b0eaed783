mod damage;
mod heads;
mod mistakes;
mod output_factor;
mod shipped;
mod vectors;

use steelyard_types::{ErrorKind, Feature, NanoUsd, UnixMillis};

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
    profile: { developer_role: true, functions: true, custom_tools: false }
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

/// A scorer of two topics that knows two models.
fn scorer_facts() -> ScorerFacts {
    ScorerFacts {
        weights: "scorer-9/00000000000000ab".to_owned(),
        topics: 2,
        models: vec![
            ("gpt-9-1106-preview".to_owned(), 1.3),
            ("qwen9-7b".to_owned(), 0.4),
        ],
    }
}

fn load_texts(policy: &str, prices: &str) -> Result<Policy, Diagnostics> {
    load(&Sources {
        policy_name: "policy.yaml",
        policy_text: policy,
        prices_name: "prices.yaml",
        prices_text: prices,
        scorer: Some(&scorer_facts()),
    })
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
    assert!(model.target.profile.functions);
    assert!(!model.target.profile.custom_tools);
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
fn a_route_says_what_happens_when_none_is_adequate() {
    let route = |words: &str| {
        let text = POLICY.replace("    otherwise: refuse\n", words);
        let policy = load_texts(&text, PRICES).unwrap();
        let Some(Selection::Route(auto)) = policy.resolve("auto") else {
            panic!("no route")
        };
        policy.route(auto).clone()
    };
    assert_eq!(route("").otherwise, Otherwise::BestValue);
    assert_eq!(route("").delta, None);
    let strongest = route("    otherwise: strongest\n    delta: 0.05\n");
    assert_eq!(strongest.otherwise, Otherwise::Strongest);
    assert_eq!(strongest.delta, Some(0.05));
}
