use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use serde_json::Value;
use steelyard_policy::{Policy, Price, Sources};
use steelyard_types::{PriceQuery, PriceTable, ServiceTier, UnixMillis};

use super::generate;

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
/// Monday 2026-11-23, the day on which the facts were gathered.
const RETRIEVED: i64 = 20_780;

/// The gathered facts, where they are at hand.
struct Facts {
    catalogue: String,
    mainland: String,
}

fn facts() -> Option<Facts> {
    let root = env::var_os("STEELYARD_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let read = |name: &str| fs::read_to_string(root.join("data/prices").join(name)).ok();
    let facts = read("catalogue.json").zip(read("alibaba_cn.csv"));
    if facts.is_none() {
        println!("skipped: the gathered price facts are not here");
    }
    facts.map(|(catalogue, mainland)| Facts {
        catalogue,
        mainland,
    })
}

fn shipped() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../config/prices.yaml");
    fs::read_to_string(path).unwrap()
}

/// The tables of a book, read as a gateway reads them.
fn tables(book: &str, names: &[String]) -> Policy {
    let mut policy = String::from(
        "providers: { p: { kind: openai_compatible, base_url: \"http://127.0.0.1\" } }\nmodels:\n",
    );
    for name in names {
        let facts = "provider: p, capability: 0, context_window: 1, max_output_tokens: 1";
        writeln!(policy, "  {name}: {{ {facts}, price: {name} }}").unwrap();
    }
    writeln!(policy, "routes: {{ r: {{ candidates: [{}] }} }}", names[0]).unwrap();
    steelyard_policy::load(&Sources {
        policy_name: "policy",
        policy_text: &policy,
        prices_name: "prices.yaml",
        prices_text: book,
        scorer: None,
    })
    .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn table<'p>(policy: &'p Policy, name: &str) -> &'p PriceTable {
    let model = policy.models.iter().find(|model| &*model.name == name);
    match &model.unwrap_or_else(|| panic!("no {name}")).price {
        Price::Table(table) => table,
        Price::Free => panic!("{name} is free"),
    }
}

fn price_name(model: &Value) -> String {
    let field = |key: &str| model[key].as_str().unwrap();
    match field("region") {
        "global" => format!("{}/{}", field("provider"), field("model")),
        region => format!("{}-{region}/{}", field("provider"), field("model")),
    }
}

fn chat_models(catalogue: &Value) -> impl Iterator<Item = &Value> {
    catalogue["models"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|model| model["mode"] != "embedding")
}

/// Lists of rates of a model with what the book must say of their validity.
fn lists(model: &Value) -> Vec<(&Value, Option<i64>, bool)> {
    let entries = |key: &str| model[key].as_array().cloned().unwrap_or_default();
    let mut lists = vec![(&model["rates"], None, false)];
    for (index, entry) in entries("dated_rates").iter().enumerate() {
        let rates = &model["dated_rates"][index]["rates"];
        // Peak hours are in `rates` and `time_of_use` already.
        if entry.get("daily_window_utc").is_none() {
            lists.push((rates, entry["from"].as_str().map(days), false));
        }
    }
    for index in 0..entries("time_of_use").len() {
        lists.push((&model["time_of_use"][index]["rates"], None, true));
    }
    lists
}

fn days(date: &str) -> i64 {
    match date {
        "2025-06-10" => 20_249,
        "2026-01-05" => 20_458,
        "2026-03-13" => 20_525,
        "2026-03-16" => 20_528,
        "2026-06-16" => 20_620,
        "2026-07-30" => 20_664,
        "2026-08-17" => 20_682,
        "2026-08-21" => 20_686,
        "2026-09-10" => 20_706,
        "2026-10-20" => 20_746,
        "2026-10-29" => 20_755,
        "2026-12-01" => 20_788,
        "2027-01-01" => 20_819,
        other => panic!("a new date: {other}"),
    }
}

#[test]
fn the_shipped_book_is_up_to_date() {
    let Some(facts) = facts() else { return };
    let generated = generate(&facts.catalogue, &facts.mainland).unwrap();
    assert!(
        generated == shipped(),
        "run `cargo xtask import-prices --from ../shared/data/prices`"
    );
    assert_eq!(
        generated,
        generate(&facts.catalogue, &facts.mainland).unwrap()
    );
}

#[test]
fn every_rate_survives() {
    let Some(facts) = facts() else { return };
    let catalogue: Value = serde_json::from_str(&facts.catalogue).unwrap();
    let names: Vec<_> = chat_models(&catalogue).map(price_name).collect();
    let policy = tables(&shipped(), &names);
    let mut checked = 0;
    for model in chat_models(&catalogue) {
        let name = price_name(model);
        let differs = model["differences"].is_array();
        let table = table(&policy, &name);
        for (rates, from, windowed) in lists(model) {
            for fact in rates.as_array().unwrap() {
                let found = table.rows().iter().any(|row| {
                    row.service.as_str() == fact["service"]
                        && fact["input_tokens_above"] == row.input_tokens_above
                        && from.is_none_or(|day| row.from == Some(UnixMillis(day * DAY_MS)))
                        && (!windowed || !row.windows.is_empty())
                        && same_rates(&row.rates, fact)
                });
                // Where the sources contradict each other one of them is only a comment.
                assert!(found || (differs && in_comment(&name)), "{name}: {fact}");
                checked += usize::from(found);
            }
        }
    }
    assert!(checked > 350, "{checked} rows");
}

fn in_comment(name: &str) -> bool {
    let book = shipped();
    let (before, _) = book.split_once(&format!("  {name}:\n")).unwrap();
    before
        .lines()
        .last()
        .unwrap()
        .starts_with("  # sources differ")
}

fn same_rates(rates: &steelyard_types::Rates, fact: &Value) -> bool {
    [
        ("input", Some(rates.input)),
        ("output", Some(rates.output)),
        ("cache_read", rates.cache_read),
        ("cache_read_explicit", rates.cache_read_explicit),
        ("cache_write", rates.cache_write),
        ("cache_write_1h", rates.cache_write_1h),
        ("cache_write_12h", rates.cache_write_12h),
        (
            "output_reasoning",
            rates.output_reasoning.map(|rate| rate.price),
        ),
    ]
    .into_iter()
    .all(|(key, rate)| {
        let listed = fact.get(key).and_then(Value::as_str);
        listed.is_none_or(|amount| rate == Some(amount.parse().unwrap()))
    })
}

/// Numbers that no table holds yet are compared as text.
#[test]
fn every_number_is_in_the_text() {
    let Some(facts) = facts() else { return };
    let catalogue: Value = serde_json::from_str(&facts.catalogue).unwrap();
    let book = shipped();
    for model in chat_models(&catalogue) {
        let name = price_name(model);
        let (_, entry) = book.split_once(&format!("  {name}:\n")).unwrap();
        let entry = entry.split("\n\n").next().unwrap();
        for fact in model["rates"].as_array().unwrap() {
            for (key, value) in fact.as_object().unwrap() {
                // The upper end of a tier is the lower end of the next, or the context window.
                let Some(amount) = value.as_str().filter(|_| key != "service") else {
                    continue;
                };
                let there = [format!("{key}: {amount},"), format!("{key}: {amount} }}")];
                assert!(
                    there.iter().any(|text| entry.contains(text.as_str())) || in_comment(&name),
                    "{name}: {key} {amount}"
                );
            }
        }
    }
}

#[test]
fn announced_changes_happen_on_their_day() {
    let names = [
        "google/gemini-3.8-flash",
        "google/gemini-4-argon",
        "mistral/mistral-large-4",
    ]
    .map(str::to_owned);
    let policy = tables(&shipped(), &names);
    let input = |name: &str, day: i64, offset_ms: i64| {
        let query = PriceQuery {
            at: UnixMillis(day * DAY_MS + offset_ms),
            service: ServiceTier::Standard,
            prompt_tokens: 1,
        };
        table(&policy, name)
            .rates(&query)
            .unwrap()
            .input
            .to_string()
    };
    assert_eq!(input(&names[0], days("2027-01-01"), -1), "0.75");
    assert_eq!(input(&names[0], days("2027-01-01"), 0), "1.5");
    assert_eq!(input(&names[1], days("2026-12-01"), -1), "2");
    assert_eq!(input(&names[1], days("2026-12-01"), 0), "4");
    assert_eq!(input(&names[2], days("2026-10-20"), 0), "1.36");
    assert_eq!(input(&names[2], RETRIEVED, 0), "0.7");
}

#[test]
fn peak_hours_are_dearer() {
    let name = "deepseek/deepseek-v4-pro".to_owned();
    let policy = tables(&shipped(), std::slice::from_ref(&name));
    let input = |day: i64, hour: i64| {
        let query = PriceQuery {
            at: UnixMillis(day * DAY_MS + hour * HOUR_MS),
            service: ServiceTier::Standard,
            prompt_tokens: 1,
        };
        table(&policy, &name)
            .rates(&query)
            .map(|rates| rates.input.to_string())
    };
    let on_monday: BTreeSet<_> = (0..24)
        .filter(|hour| input(RETRIEVED, *hour).as_deref() == Some("1.32"))
        .collect();
    assert_eq!(on_monday, BTreeSet::from([1, 2, 3, 6, 7, 8, 9]));
    for hour in 0..24 {
        assert_eq!(
            input(RETRIEVED - 1, hour).as_deref(),
            Some("0.66"),
            "Sunday {hour}"
        );
        assert_eq!(
            input(days("2026-08-17") - 1, hour).as_deref(),
            Some("0.435"),
            "{hour}"
        );
    }
}

#[test]
fn doubtful_mainland_prices_are_left_out() {
    let book = shipped();
    assert!(book.contains("dashscope-cn/qwen3.8-max:"));
    assert!(!book.contains("dashscope-cn/qwen3.7-max:"));
    let (_, mainland) = book.split_once("dashscope-cn/").unwrap();
    let entries = mainland.matches("region: cn").count();
    assert_eq!(mainland.matches("confidence: low").count(), entries);
    assert!(entries >= 10);
}
