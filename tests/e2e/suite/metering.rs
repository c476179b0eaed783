//! Every number true: tokens, costs, and series that no client can add to.

use serde_json::{Value, json};
use steelyard_e2e::{Stage, user};

/// The families of the meter, with their type.
const FAMILIES: &[(&str, &str)] = &[
    ("steelyard_requests_total", "counter"),
    ("steelyard_attempts_total", "counter"),
    ("steelyard_tokens_total", "counter"),
    ("steelyard_cost_nanodollars_total", "counter"),
    ("steelyard_counterfactual_cost_nanodollars_total", "counter"),
    ("steelyard_complexity", "histogram"),
    ("steelyard_decisions_total", "counter"),
    ("steelyard_gateway_overhead_seconds", "histogram"),
    ("steelyard_provider_seconds", "histogram"),
    ("steelyard_time_to_first_token_seconds", "histogram"),
    ("steelyard_fallbacks_total", "counter"),
    ("steelyard_cache_lookups_total", "counter"),
    ("steelyard_cache_bytes", "gauge"),
    ("steelyard_rate_limited_total", "counter"),
    ("steelyard_in_flight_requests", "gauge"),
    ("steelyard_config_reloads_total", "counter"),
    ("steelyard_config_last_reload_successful", "gauge"),
    ("steelyard_build_info", "gauge"),
];

/// Nano-dollars for a million tokens at one dollar: 1e9 / 1e6.
const NANOS_PER_TOKEN_AT_A_DOLLAR: u64 = 1_000;

/// Prices in thousandths of a dollar per million tokens, as config/prices.yaml has them:
/// fresh input, cache reads, output.
struct Rates {
    model: &'static str,
    fresh: u64,
    cached: u64,
    output: u64,
}

const LUNA: Rates = Rates {
    model: "luna",
    fresh: 100,
    cached: 10,
    output: 500,
};
const SOL: Rates = Rates {
    model: "sol",
    fresh: 2_000,
    cached: 100,
    output: 10_000,
};

impl Rates {
    /// The cost in nano-dollars; all rates give whole ones.
    fn cost(&self, usage: &Value) -> u64 {
        let count = |value: &Value| value.as_u64().unwrap_or_default();
        let cached = count(&usage["prompt_tokens_details"]["cached_tokens"]);
        let fresh = count(&usage["prompt_tokens"]) - cached;
        let output = count(&usage["completion_tokens"]);
        let thousandths = fresh * self.fresh + cached * self.cached + output * self.output;
        thousandths * NANOS_PER_TOKEN_AT_A_DOLLAR / 1_000
    }
}

/// Dollars with nine decimals as nano-dollars.
fn nanos(dollars: &str) -> u64 {
    let (whole, decimals) = dollars.split_once('.').expect("a decimal point");
    assert_eq!(decimals.len(), 9, "{dollars}");
    let number = |digits: &str| digits.parse::<u64>().expect("digits");
    number(whole) * 1_000_000_000 + number(decimals)
}

async fn priced_stage() -> Stage {
    Stage::with(|policy, _| {
        policy
            .model("luna", "openai", "gpt-4o-mini", "openai/gpt-6-luna")
            .model("sol", "openai", "gpt-4o", "openai/gpt-6.1-sol")
            .route("priced", "luna, sol", "threshold: 0")
    })
    .await
}

#[tokio::test]
async fn sums_are_those_of_the_answers() {
    let stage = priced_stage().await;
    let client = &stage.gateway.client;
    let prompts = [
        "Hello",
        "Explain in detail how a suspension bridge carries its load.",
        "用一句话说明什么是事务。",
        "[[cached:5]] What did I just ask you to remember about the harbour?",
        "[[events:30]]",
    ];
    for rates in [&LUNA, &SOL] {
        let (mut cost, mut prompt_tokens, mut cached, mut answer_tokens) = (0, 0, 0, 0);
        for text in prompts {
            for stream in [false, true] {
                let mut body = user(rates.model, text);
                let (usage, shown) = if stream {
                    body["stream_options"] = json!({ "include_usage": true });
                    let chunk = client.stream(&body).await.usage_chunk().expect("usage");
                    let shown = chunk["steelyard"]["cost_usd"].as_str().expect("a cost");
                    (chunk["usage"].clone(), nanos(shown))
                } else {
                    let answer = client.chat(&body).await;
                    let shown = nanos(answer.header("x-steelyard-cost-usd"));
                    (answer.body["usage"].clone(), shown)
                };
                assert_eq!(shown, rates.cost(&usage), "{text}: {usage}");
                let count = |value: &Value| value.as_u64().unwrap_or_default();
                cost += shown;
                prompt_tokens += count(&usage["prompt_tokens"]);
                cached += count(&usage["prompt_tokens_details"]["cached_tokens"]);
                answer_tokens += count(&usage["completion_tokens"]);
            }
        }
        assert!(cached >= 10, "{cached}");
        let metrics = stage.gateway.metrics().await;
        let model = ("model", rates.model);
        let tokens = |class| metrics.sum("steelyard_tokens_total", &[model, ("class", class)]);
        assert_eq!(
            metrics.sum("steelyard_cost_nanodollars_total", &[model]),
            cost
        );
        assert_eq!(
            tokens("input_fresh") + tokens("input_cached"),
            prompt_tokens
        );
        assert_eq!(tokens("input_cached"), cached);
        assert_eq!(tokens("output") + tokens("reasoning"), answer_tokens);
        let requests = metrics.sum("steelyard_provider_seconds_count", &[model]);
        assert_eq!(requests, 10);
        let streams = metrics.sum("steelyard_time_to_first_token_seconds_count", &[model]);
        assert_eq!(streams, 5);
    }
}

#[tokio::test]
async fn the_counterfactual_is_the_strongest_candidate() {
    let stage = priced_stage().await;
    let answer = stage
        .gateway
        .client
        .chat(&user("priced", "Hello there"))
        .await;
    assert_eq!(
        answer.header("x-steelyard-model"),
        "luna",
        "{}",
        answer.text
    );
    let usage = &answer.body["usage"];
    let record = stage.gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record["cost_nano_usd"], LUNA.cost(usage));
    // Both models are equally capable; of these the cheaper one counts as the strongest.
    let strongest = record["strongest_cost_nano_usd"].as_u64().expect("a cost");
    let metrics = stage.gateway.metrics().await;
    let name = "steelyard_counterfactual_cost_nanodollars_total";
    assert_eq!(metrics.sum(name, &[("route", "priced")]), strongest);
    assert_eq!(strongest, LUNA.cost(usage));
    assert_eq!(record["input_tokens"], usage["prompt_tokens"]);
    assert_eq!(record["output_tokens"], usage["completion_tokens"]);
    let decision = [
        ("route", "priced"),
        ("reason", "cheapest_adequate"),
        ("model", "luna"),
    ];
    assert_eq!(metrics.sum("steelyard_decisions_total", &decision), 1);
}

#[tokio::test]
async fn every_family_is_there() {
    let key = crate::keys::VirtualKey::create("team", &[]).await;
    let stage = Stage::with(|policy, _| {
        let cache = "threshold: 0, cache: { ttl_ms: 1000, max_bytes: 100000 }";
        policy
            .key("team", &key.sha256, "requests_per_minute: 100")
            .route("remembered", "openai-cheap", cache)
    })
    .await;
    let client = stage.gateway.client.with_key(&key.text);
    let fault = "[[say:hi]] [[fault:gpt-4o-mini:503]]";
    assert_eq!(client.chat(&user("openai-ladder", fault)).await.status, 200);
    client
        .stream(&user("remembered", "[[say:hi]]"))
        .await
        .whole("hi");
    let metrics = stage.gateway.metrics().await;
    for (name, kind) in FAMILIES {
        let found = metrics.families.get(*name).map(String::as_str);
        assert_eq!(found, Some(*kind), "{name}");
    }
    let ours = metrics
        .families
        .keys()
        .all(|name| name.starts_with("steelyard_"));
    assert!(ours, "{:?}", metrics.families);
    let answer = stage.gateway.admin.get("/metrics").await;
    assert!(
        answer
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
}

#[tokio::test]
async fn clients_create_no_series() {
    let stage = Stage::start().await;
    let client = &stage.gateway.client;
    let send = async |word: String| {
        let request = client.request("POST", "/v1/chat/completions");
        let body = user(&format!("model-{word}"), "hello").to_string();
        let answer = client.answer(request.body(body)).await;
        answer.error(404, "model_not_found");
        client
            .get(&format!("/{word}/{word}"))
            .await
            .error(404, "not_found");
        client
            .get(&format!("/v1/models/{word}"))
            .await
            .error(404, "model_not_found");
        let request = client
            .request("POST", "/v1/chat/completions")
            .header("x-request-id", format!("id-{word}"))
            .header("x-steelyard-route", &word)
            .header("user-agent", &word)
            .header("authorization", format!("Bearer {word}"));
        let mut body = user("auto", &format!("[[say:{word}]]"));
        body["user"] = json!(word);
        body["service_tier"] = json!("default");
        let answer = client.answer(request.body(body.to_string())).await;
        assert_eq!(answer.content(), word, "{}", answer.text);
    };
    send("first".to_owned()).await;
    let before = stage.gateway.metrics().await.series();
    for number in 0..50_u64 {
        // Different words without a source of chance.
        send(format!("w{:x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))).await;
    }
    let after = stage.gateway.metrics().await.series();
    let new: Vec<&String> = after.difference(&before).collect();
    assert!(new.is_empty(), "{new:?}");
}

#[tokio::test]
async fn what_is_not_known_is_not_made_up() {
    let stage = Stage::start().await;
    let client = stage.gateway.client.clone();
    // The provider says nothing of how its answer ended: neither does the gateway.
    let open_end = "[[say:abc]] [[fault:*:end_without_finish]]";
    for model in ["anthropic-cheap", "gemini-cheap", "dashscope-cheap"] {
        let answer = client.chat(&user(model, open_end)).await;
        assert_eq!(answer.content(), "abc", "{model}");
        let body: Value = serde_json::from_str(&answer.text).expect("JSON");
        assert_eq!(body["choices"][0]["finish_reason"], Value::Null, "{model}");
    }
    // The provider may charge for a request that it never answered; nobody knows how much.
    let answer = client
        .chat(&user("anthropic-cheap", "[[fault:*:close]]"))
        .await;
    answer.error(502, "connect");
    assert_eq!(answer.header("x-steelyard-cost-usd"), "none");
    let record = stage.gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record["metered"], false);
}
