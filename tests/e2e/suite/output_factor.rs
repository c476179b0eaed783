//! How long the answers of models are: measured, pasted into a policy, and decided by.

use std::fmt::Write as _;

use serde_json::{Value, json};
use steelyard_e2e::{Gateway, Kind, Scratch, Sim, prices, run, user};

use crate::own_heads::lines_of;

/// Half the price of the other, at every rate.
const PRICES: &str = "
  test/cheap:
    rates: [{ input: 1, output: 2 }]
  test/dear:
    rates: [{ input: 2, output: 4 }]
";

const PROMPT: &str = "Explain the tides to a child.";

/// Prompts that the scorer tells apart.
fn prompts() -> Vec<String> {
    let things = [
        "moon", "rainbow", "volcano", "compass", "bridge", "engine", "glacier", "desert",
        "harbour", "lantern",
    ];
    let listeners = ["child", "farmer", "sailor", "judge", "baker", "nurse"];
    let mut prompts = Vec::new();
    for thing in things {
        for listener in listeners {
            prompts.push(format!("Explain the {thing} to a {listener}."));
        }
    }
    prompts
}

/// A policy of two models that can both do everything, with lines put into each.
fn policy(simulator: &str, of_cheap: &str, of_dear: &str) -> String {
    let kind = Kind::of("openai");
    format!(
        "\
prices: prices.yaml
providers:
  openai: {{ kind: openai, base_url: \"{simulator}{}\", key: {{ env: {} }} }}
models:
  verbose:
    provider: openai
    upstream: {}
    context_window: 100000
    max_output_tokens: 16000
    price: test/cheap
{of_cheap}
  terse:
    provider: openai
    upstream: {}
    context_window: 100000
    max_output_tokens: 16000
    price: test/dear
{of_dear}
routes:
  auto: {{ candidates: [verbose, terse], threshold: 0.1 }}
",
        kind.base_path,
        kind.variable(),
        kind.cheap,
        kind.dear
    )
}

/// The row of a candidate in what `policy explain` prints: its words.
fn row(printed: &str, candidate: &str) -> Vec<String> {
    let start = format!("{candidate} ");
    let row = printed.lines().find(|line| line.starts_with(&start));
    let words = row.unwrap_or_else(|| panic!("{printed}"));
    words.split_whitespace().map(str::to_owned).collect()
}

/// The tokens that are expected of the prompts, as `router score` has them.
async fn expected(folder: &Scratch) -> Vec<(String, u64)> {
    let mut lines = String::new();
    for (id, prompt) in prompts().into_iter().enumerate() {
        let _ = writeln!(lines, "{}", json!({ "id": id, "prompt": prompt }));
    }
    let file = folder.write("prompts.jsonl", &lines).display().to_string();
    let scored = run(&["router", "score", "--input", &file], &[]).await;
    assert_eq!(scored.code, Some(0), "{}", scored.stderr);
    let scores = scored.stdout.lines().map(|line| {
        let score: Value = serde_json::from_str(line).expect("a score");
        score["expected_output_tokens"].as_u64().expect("tokens")
    });
    prompts().into_iter().zip(scores).collect()
}

#[tokio::test]
async fn measured_lengths_change_the_decision() {
    let sim = Sim::start().await;
    let folder = Scratch::new();
    folder.write("prices.yaml", &(prices() + PRICES));
    let strong = "    capability: 1.5";
    let declared = policy(&sim.base, strong, strong);
    let config = folder.write("steelyard.yaml", &declared);
    let config = config.display().to_string();
    let explain = ["policy", "explain", "-c", &config, "--prompt", PROMPT];
    let before = run(&explain, &[]).await.stdout;
    assert!(before.contains("verbose is tried first"), "{before}");
    assert!(!before.contains(" tokens     expected $"), "{before}");

    // One writes three times what is expected, the other half of it. Of the first alone a warning
    // says that the other one was not measured.
    let mut of_verbose = String::new();
    let mut of_terse = String::new();
    for (prompt, expected) in expected(&folder).await {
        let long = json!({ "prompt": prompt, "model": "verbose", "score": 1, "output_tokens": 3 * expected });
        let _ = writeln!(of_verbose, "{long}");
        let short = json!({ "score": 1, "output_tokens": 0.5 * expected as f64 });
        let short = json!({ "prompt": prompt, "outcomes": { "terse": short } });
        let _ = writeln!(of_terse, "{short}");
    }
    let calibrated = async |lines: &str| {
        let file = folder.write("outcomes.jsonl", lines).display().to_string();
        let arguments = ["router", "calibrate", "-c", &config, "--outcomes", &file];
        let calibrated = run(&arguments, &[]).await;
        assert_eq!(calibrated.code, Some(0), "{}", calibrated.stderr);
        calibrated.stdout
    };
    let unmeasured = "expects: terse. Record their `output_tokens` too.";
    let alone = calibrated(&of_verbose).await;
    assert!(alone.contains(unmeasured), "{alone}");
    let both = calibrated(&(of_verbose + &of_terse)).await;
    assert!(!both.contains("Record their"), "{both}");
    assert!(both.contains("`output_factor` goes too"), "{both}");
    let pasted = ["verbose", "terse"].map(|model| lines_of(&both, model));
    for (pasted, words, factor) in [
        (
            &pasted[0],
            "60 prompts: 3.00 times",
            "    output_factor: 3\n",
        ),
        (
            &pasted[1],
            "60 prompts: 0.50 times",
            "    output_factor: 0.5\n",
        ),
    ] {
        assert!(pasted.contains(words), "{pasted}");
        assert!(format!("{pasted}\n").contains(factor), "{pasted}");
    }

    // The chances are not what this is about.
    let factors = ["    output_factor: 3", "    output_factor: 0.5"];
    let factored = policy(
        &sim.base,
        &format!("{strong}\n{}", factors[0]),
        &format!("{strong}\n{}", factors[1]),
    );
    folder.write("steelyard.yaml", &policy(&sim.base, &pasted[0], &pasted[1]));
    let check = ["policy", "check", "--deny-warnings", &config];
    let checked = run(&check, &[]).await;
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    folder.write("steelyard.yaml", &factored);
    let after = run(&explain, &[]).await.stdout;
    assert!(after.contains("terse is tried first"), "{after}");
    let first = after.lines().next().expect("a line");
    let words: Vec<&str> = first.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "answer");
    let expected: u64 = words[at.expect("tokens") - 1].parse().expect("a number");
    let tokens = |model: &str| row(&after, model)[4].parse::<u64>().expect("tokens");
    assert_eq!(tokens("verbose"), 3 * expected, "{after}");
    assert_eq!(tokens("terse"), expected.div_ceil(2), "{after}");
    // What is shown is what it costs.
    let cost = |printed: &str, model: &str, column: usize| -> f64 {
        row(printed, model)[column].parse().expect("a cost")
    };
    let more = cost(&after, "verbose", 5) - cost(&before, "verbose", 4);
    let twice = 2.0 * expected as f64 * 2e-6;
    assert!((more - twice).abs() < 1e-9, "{more} {twice}");

    let gateway = Gateway::start(&folder).await;
    let answer = gateway.client.chat(&user("auto", PROMPT)).await;
    assert_eq!(answer.header("x-steelyard-model"), "terse");
    let status = gateway.admin.get("/admin/v1/status").await.body;
    let models = status["models"].as_array().expect("models");
    let shown: Vec<_> = models.iter().map(|one| &one["output_factor"]).collect();
    assert_eq!(shown, [&json!(3.0), &json!(0.5)]);

    // A route's own length is that of a model with the factor 1.
    let known = factored.replace(
        "threshold: 0.1",
        "threshold: 0.1, expected_output_tokens: 1000",
    );
    folder.write("steelyard.yaml", &known);
    let known = run(&explain, &[]).await.stdout;
    assert_eq!(row(&known, "verbose")[4], "3000");
    assert_eq!(row(&known, "terse")[4], "500");
}

#[tokio::test]
async fn a_graded_route_is_priced_by_the_same_lengths() {
    let folder = Scratch::new();
    folder.write("prices.yaml", &(prices() + PRICES));
    let mut lines = String::new();
    for prompt in prompts() {
        let outcomes = json!({ "verbose": { "score": 1 }, "terse": { "score": 1 } });
        let line = json!({ "prompt": prompt, "outcomes": outcomes });
        let _ = writeln!(lines, "{line}");
    }
    let data = folder.write("outcomes.jsonl", &lines).display().to_string();
    let costs = async |factor: &str| {
        let lines = format!("    capability: 1.5\n    output_factor: {factor}");
        let text = policy("http://127.0.0.1:9", &lines, "    capability: 1.5");
        let config = folder.write("steelyard.yaml", &text).display().to_string();
        let graded = run(
            &[
                "router", "eval", "--data", &data, "--config", &config, "--route", "auto",
            ],
            &[],
        )
        .await;
        assert_eq!(graded.code, Some(0), "{}", graded.stderr);
        let cost = |model: &str| {
            let mut lines = graded.stdout.lines();
            let line = lines.find(|line| line.trim_start().starts_with(model));
            let words: Vec<&str> = line.expect("a candidate").split_whitespace().collect();
            words[5].parse::<f64>().expect("a cost")
        };
        (cost("verbose"), cost("terse"))
    };
    let (once, four, eight) = (costs("1").await, costs("4").await, costs("8").await);
    assert!((once.1 - eight.1).abs() < 1e-9, "{once:?} {eight:?}");
    assert!((2.0 * once.0 - once.1).abs() < 1e-3, "half the price");
    // From 1 to 4 come three more of what is expected, from 4 to 8 four.
    let (three, more) = (four.0 - once.0, eight.0 - four.0);
    assert!(three > 0.01, "{once:?} {four:?}");
    assert!((more / three - 4.0 / 3.0).abs() < 0.01, "{three} {more}");
}
