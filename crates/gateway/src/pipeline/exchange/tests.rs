use std::io;

use steelyard_policy::{KeyReference, Provider, Sources};
use steelyard_provider_adapter::{limit_field, openai};
use steelyard_router::Scorer;
use steelyard_types::ProviderError;

use super::*;
use crate::clock::Clock;
use crate::meter::Meter;
use crate::pipeline::refusal::{of_attempts, of_plan};
use crate::pipeline::stream::ClientStream;
use crate::pipeline::{decide, weigh};
use crate::request_log::RequestLog;
use crate::snapshot::KeySource;
use crate::testing::ManualClock;
use crate::transport::install_tls;

const POLICY: &str = "\
providers:
  acme: { kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1' }
models:
  small: { provider: acme, capability: 0.4, context_window: 1000, max_output_tokens: 100, price: small }
  large: { provider: acme, capability: 0.9, context_window: 1000, max_output_tokens: 100, price: large }
routes:
  auto: { candidates: [small, large] }
";

/// A nano-dollar is a thousandth of a dollar for a million tokens.
const PRICES: &str = "\
prices:
  small: { rates: [{ input: 0.001, output: 0.002 }] }
  large: { rates: [{ input: 0.01, output: 0.02 }] }
";

const SMALL: ModelId = ModelId(0);
const LARGE: ModelId = ModelId(1);
const USAGE: Usage = Usage {
    input_fresh: 10,
    input_cached: 0,
    cache_write: 0,
    cache_write_1h: 0,
    output: 5,
    reasoning: 0,
    disagrees: false,
};

struct NoKeys;

impl KeySource for NoKeys {
    fn read(&self, _: &Provider, _: &KeyReference) -> Result<String, String> {
        Err("there are none".to_owned())
    }
}

struct AnyKey;

impl KeySource for AnyKey {
    fn read(&self, _: &Provider, _: &KeyReference) -> Result<String, String> {
        Ok("key".to_owned())
    }
}

/// A request to the route `auto` whose strongest candidate is `large`.
fn exchange() -> Exchange {
    exchange_under(POLICY, PRICES, &NoKeys)
}

fn exchange_under(policy_text: &str, prices_text: &str, keys: &dyn KeySource) -> Exchange {
    install_tls();
    let policy = steelyard_policy::load(&Sources {
        policy_name: "policy.yaml",
        policy_text,
        prices_name: "prices.yaml",
        prices_text,
        scorer: None,
    })
    .expect("the policy is valid");
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let meter = Meter::new().expect("the metrics are valid");
    let lost = meter.lost_lines().clone();
    let (log, _writer) = RequestLog::start(io::sink(), lost).expect("a thread starts");
    let runtime = Runtime::new(clock, meter, log, 1);
    let snapshot = Snapshot::compile(policy, keys, &runtime).expect("it can be in force");
    let mut exchange = Exchange::begin(
        Arc::new(runtime),
        Arc::new(snapshot),
        Dialect::OpenAiChat,
        "test",
        None,
    );
    exchange.routed(RouteOf::Route(0));
    exchange.strongest = Some(LARGE);
    exchange
}

fn metrics(runtime: &Runtime) -> String {
    let text = runtime.meter.text().expect("metrics can be written");
    String::from_utf8(text).expect("metrics are text")
}

fn assert_has(runtime: &Runtime, line: &str) {
    let text = metrics(runtime);
    assert!(text.lines().any(|one| one == line), "{line}\n{text}");
}

#[test]
fn an_attempt_that_nobody_waited_for_is_counted_and_unmetered() {
    let mut exchange = exchange();
    let runtime = Arc::clone(&exchange.runtime);
    exchange.attempting(SMALL);
    drop(exchange);
    assert_has(
        &runtime,
        "steelyard_attempts_total{model=\"small\",outcome=\"client_gone\",provider=\"acme\"} 1",
    );
    assert_has(
        &runtime,
        "steelyard_unmetered_attempts_total{model=\"small\"} 1",
    );
    assert_has(
        &runtime,
        "steelyard_requests_total{outcome=\"client_gone\",route=\"auto\",stream=\"false\"} 1",
    );
    assert_has(&runtime, "steelyard_in_flight_requests 0");
}

#[test]
fn an_attempt_and_a_request_end_once() {
    let mut exchange = exchange();
    let runtime = Arc::clone(&exchange.runtime);
    exchange.attempting(SMALL);
    exchange.attempt_ended(None, Bill::Used(Some(USAGE)));
    exchange.attempt_ended(Some(ErrorKind::ClientGone), Bill::Used(None));
    assert_eq!(exchange.cost(), Some(NanoUsd(20)));
    assert!(exchange.record.metered);
    exchange.settle(200, Ok(()));
    exchange.settle(502, Err((ErrorKind::Connect, String::new())));
    drop(exchange);
    let text = metrics(&runtime);
    let requests = text
        .lines()
        .filter(|line| line.starts_with("steelyard_requests_total{"));
    assert_eq!(requests.count(), 1, "{text}");
    assert_has(
        &runtime,
        "steelyard_cost_nanodollars_total{model=\"small\",route=\"auto\"} 20",
    );
    assert_has(
        &runtime,
        "steelyard_counterfactual_cost_nanodollars_total{route=\"auto\"} 200",
    );
}

#[test]
fn a_failed_attempt_costs_but_is_not_what_the_strongest_would_have_answered() {
    let mut exchange = exchange();
    exchange.attempting(SMALL);
    exchange.attempt_ended(Some(ErrorKind::EmptyAnswer), Bill::Used(Some(USAGE)));
    assert_eq!(exchange.cost(), Some(NanoUsd(20)));
    assert!(exchange.record.metered, "an empty answer is still whole");
    assert_eq!(exchange.strongest_cost(), None);
    exchange.attempting(LARGE);
    exchange.attempt_ended(None, Bill::Used(None));
    assert_eq!(exchange.strongest_cost(), None, "its usage is not known");
    assert!(!exchange.record.metered);
    exchange.attempting(LARGE);
    exchange.attempt_ended(None, Bill::Used(Some(USAGE)));
    assert_eq!(exchange.cost(), Some(NanoUsd(220)));
    assert_eq!(exchange.strongest_cost(), Some(NanoUsd(200)));
}

#[test]
fn an_empty_answer_that_is_given_after_all_is_compared_and_booked_once() {
    let mut exchange = exchange();
    exchange.attempting(SMALL);
    exchange.attempt_ended(Some(ErrorKind::EmptyAnswer), Bill::Used(Some(USAGE)));
    exchange.attempting(LARGE);
    exchange.attempt_ended(Some(ErrorKind::Overloaded), Bill::Nothing);
    assert_eq!(exchange.record.model.as_deref(), Some("large"));
    exchange.answered_empty(SMALL, Some(USAGE), Losses::none());
    assert_eq!(exchange.record.model.as_deref(), Some("small"));
    assert_eq!(exchange.cost(), Some(NanoUsd(20)), "booked once");
    assert_eq!(exchange.strongest_cost(), Some(NanoUsd(200)));
    assert_eq!(exchange.record.attempts, 2);
}

#[test]
fn a_part_of_a_usage_is_booked_but_not_taken_for_the_whole() {
    let mut exchange = exchange();
    exchange.attempting(SMALL);
    exchange.attempt_ended(Some(ErrorKind::BrokenStream), Bill::Used(Some(USAGE)));
    assert_eq!(exchange.cost(), Some(NanoUsd(20)));
    assert!(!exchange.record.metered);
}

#[test]
fn only_a_candidate_of_the_route_answers_from_its_cache() {
    let exchange = exchange();
    assert_eq!(exchange.candidate_of_name("large"), Some(LARGE));
    assert_eq!(exchange.candidate_of_name("auto"), None);
    assert_eq!(exchange.candidate_of_name("gone"), None);
}

#[test]
fn unrouted_requests_have_no_series_but_their_count() {
    let mut exchange = exchange();
    let runtime = Arc::clone(&exchange.runtime);
    exchange.route = RouteOf::Nothing;
    drop(exchange);
    let text = metrics(&runtime);
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.contains("route=\"none\""))
        .collect();
    let expected =
        ["steelyard_requests_total{outcome=\"client_gone\",route=\"none\",stream=\"false\"} 1"];
    assert_eq!(lines, expected);
}

#[test]
fn a_held_stream_owns_little() {
    assert!(size_of::<Exchange>() <= 768, "{}", size_of::<Exchange>());
    let stream = size_of::<ClientStream>();
    assert!(stream <= 1_536, "{stream}");
}

#[test]
fn a_tier_without_a_price_is_refused_by_name() {
    let mut exchange = exchange();
    let body =
        br#"{"model":"auto","service_tier":"flex","messages":[{"role":"user","content":"Hi"}]}"#;
    let request = openai::parse_chat_request(body).expect("the request is valid");
    let mut demand = weigh(&request, exchange.record.at, Scorer::shipped());
    exchange.service = demand.service;
    let selection = exchange.snapshot.resolve("auto").expect("it is a route");
    let decision = decide(&exchange.snapshot, selection, &request, &mut demand);
    assert!(decision.plan.ladder.is_empty());
    let refused = of_plan(&exchange, &decision.plan, &decision.refusals, "max_tokens");
    assert_eq!(refused.kind, ErrorKind::Unsupported, "{refused:?}");
    assert_eq!(
        refused.param.as_deref(),
        Some("service_tier"),
        "{refused:?}"
    );
}

const TIERS: &str = "\
providers:
  acme: { kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1' }
  deaf: { kind: cohere, base_url: 'http://127.0.0.1:9', key: { env: DEAF_KEY } }
models:
  small: { provider: deaf, capability: 0.4, context_window: 1000, max_output_tokens: 100, price: small }
  large: { provider: acme, capability: 0.9, context_window: 1000, max_output_tokens: 100, price: large }
routes:
  auto: { candidates: [small, large] }
";

const TIERED_PRICES: &str = "\
prices:
  small: { rates: [{ input: 0.001, output: 0.002 }] }
  large:
    rates:
      - { input: 0.01, output: 0.02 }
      - { service: flex, input: 0.005, output: 0.01 }
";

#[test]
fn a_provider_that_is_not_told_of_a_tier_is_priced_at_its_ordinary_one() {
    let mut exchange = exchange_under(TIERS, TIERED_PRICES, &AnyKey);
    let body =
        br#"{"model":"auto","service_tier":"flex","messages":[{"role":"user","content":"Hi"}]}"#;
    let request = openai::parse_chat_request(body).expect("the request is valid");
    let mut demand = weigh(&request, exchange.record.at, Scorer::shipped());
    exchange.service = demand.service;
    let selection = exchange.snapshot.resolve("auto").expect("it is a route");
    let decision = decide(&exchange.snapshot, selection, &request, &mut demand);
    assert_eq!(decision.plan.ladder.len(), 2, "{:?}", decision.plan);
    exchange.untold_of_tier = decision.untold_of_tier();
    assert_eq!(*exchange.untold_of_tier, [SMALL]);
    exchange.attempting(SMALL);
    exchange.attempt_ended(None, Bill::Used(Some(USAGE)));
    assert_eq!(exchange.cost(), Some(NanoUsd(20)), "the ordinary price");
    assert_eq!(
        exchange.strongest_cost(),
        Some(NanoUsd(100)),
        "half of the ordinary price"
    );
}

#[test]
fn an_answer_that_is_too_long_is_refused_by_the_field_that_says_so() {
    let exchange = exchange();
    for field in ["max_tokens", "max_completion_tokens"] {
        let body = format!(
            r#"{{"model":"auto","{field}":200,"messages":[{{"role":"user","content":"Hi"}}]}}"#
        );
        let request = openai::parse_chat_request(body.as_bytes()).expect("the request is valid");
        let mut demand = weigh(&request, exchange.record.at, Scorer::shipped());
        let selection = exchange.snapshot.resolve("auto").expect("it is a route");
        let decision = decide(&exchange.snapshot, selection, &request, &mut demand);
        let limit = limit_field(&request);
        let refused = of_plan(&exchange, &decision.plan, &decision.refusals, limit);
        assert_eq!(refused.param.as_deref(), Some(field), "{refused:?}");
    }
}

#[test]
fn a_pinned_model_is_named_where_it_lacks_something() {
    let mut exchange = exchange();
    exchange.routed(RouteOf::Pinned);
    let body = br#"{"model":"large","messages":[{"role":"user","content":[
        {"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}"#;
    let request = openai::parse_chat_request(body).expect("the request is valid");
    let mut demand = weigh(&request, exchange.record.at, Scorer::shipped());
    let selection = exchange.snapshot.resolve("large").expect("it is a model");
    let decision = decide(&exchange.snapshot, selection, &request, &mut demand);
    let refused = of_plan(&exchange, &decision.plan, &decision.refusals, "max_tokens");
    assert_eq!(
        refused.message, "`large` does not have the feature vision",
        "{refused:?}"
    );
    assert_eq!(refused.param.as_deref(), Some("messages"), "{refused:?}");
}

#[test]
fn only_codes_of_openais_vocabulary_are_passed_on() {
    let exchange = exchange_under(TIERS, TIERED_PRICES, &AnyKey);
    let code = |model, code: &str| {
        let mut error = ProviderError::new(ErrorKind::BadRequest, "no");
        error.code = Some(code.to_owned());
        of_attempts(&exchange, smallvec::smallvec![(model, error)]).code
    };
    assert_eq!(
        code(LARGE, "invalid_value").as_deref(),
        Some("invalid_value")
    );
    for foreign in ["1500", "400", "INVALID_ARGUMENT", "InvalidParameter"] {
        assert_eq!(code(LARGE, foreign), None, "{foreign}");
    }
    assert_eq!(code(SMALL, "invalid_value"), None, "another format's word");
}
