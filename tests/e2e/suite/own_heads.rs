//! From outcomes to another decision: what `router calibrate` prints is pasted into a policy.

use std::fmt::Write as _;

use serde_json::json;
use steelyard_e2e::{Gateway, Kind, Scratch, Sim, prices, run, user};

/// Easy, and what the small model of this test fails on.
const EASY: &str = "Translate to French: the invoice of customer Miller is attached.";
/// Hard, and what it does well.
const HARD: &str = "Prove that the sum of two continuous functions is continuous.";

/// Prompts with the small model's score: every easy one failed, every hard one right.
fn outcomes() -> Vec<(String, u8)> {
    let things = [
        "invoice", "letter", "contract", "menu", "notice", "poster", "recipe", "ticket", "label",
        "manual", "receipt", "summary", "memo", "report", "order", "offer", "permit", "form",
        "card", "list",
    ];
    let objects = [
        "prime numbers",
        "compact sets",
        "linear maps",
        "finite groups",
        "planar graphs",
        "convex functions",
        "closed intervals",
        "integer matrices",
        "binary trees",
        "open covers",
        "cyclic groups",
        "metric spaces",
        "power series",
        "rational points",
        "vector spaces",
        "polynomial rings",
        "Cauchy sequences",
        "perfect squares",
        "bipartite graphs",
        "symmetric matrices",
    ];
    let mut outcomes = Vec::new();
    for thing in things {
        for language in ["French", "German"] {
            let prompt =
                format!("Translate to {language}: the {thing} of the customer is attached.");
            outcomes.push((prompt, 0));
        }
    }
    for object in objects {
        for claim in [
            "are closed under composition",
            "satisfy the stated bound for every n",
        ] {
            outcomes.push((format!("Prove that all {object} of this kind {claim}."), 1));
        }
    }
    outcomes
}

/// A policy with lines put into the small model.
fn policy(simulator: &str, of_small: &str) -> String {
    let kind = Kind::of("openai");
    format!(
        "\
prices: prices.yaml
providers:
  openai: {{ kind: openai, base_url: \"{simulator}{}\", key: {{ env: {} }} }}
models:
  small:
    provider: openai
    upstream: {}
    context_window: 100000
    max_output_tokens: 16000
    price: test/penny
{of_small}
  large:
    provider: openai
    upstream: {}
    capability: 2
    context_window: 100000
    max_output_tokens: 16000
    price: test/pound
routes:
  auto: {{ candidates: [small, large], threshold: 0.6 }}
",
        kind.base_path,
        kind.variable(),
        kind.cheap,
        kind.dear
    )
}

/// The lines that `router calibrate` prints for a model, without its name.
pub(crate) fn lines_of(printed: &str, model: &str) -> String {
    let name = format!("  {model}:");
    let own = printed.lines().skip_while(|line| *line != name).skip(1);
    let own = own.take_while(|line| line.starts_with("    "));
    own.collect::<Vec<_>>().join("\n")
}

/// What `policy explain` says of a prompt.
async fn explained(config: &str, prompt: &str) -> String {
    let explained = run(
        &["policy", "explain", "-c", config, "--prompt", prompt],
        &[],
    )
    .await;
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
    explained.stdout
}

#[tokio::test]
async fn outcomes_change_the_decision() {
    let sim = Sim::start().await;
    let folder = Scratch::new();
    folder.write("prices.yaml", &prices());
    let declared = policy(&sim.base, "    capability: 1.2");
    let config = folder
        .write("steelyard.yaml", &declared)
        .display()
        .to_string();
    let before = explained(&config, EASY).await;
    assert!(before.contains("small is tried first"), "{before}");

    let mut lines = String::new();
    for (prompt, score) in outcomes() {
        let line = json!({ "prompt": prompt, "model": "small", "score": score });
        let _ = writeln!(lines, "{line}");
    }
    let file = folder.write("outcomes.jsonl", &lines).display().to_string();
    let calibrate = [
        "router",
        "calibrate",
        "--outcomes",
        &file,
        "--config",
        &config,
    ];
    let calibrated = run(&calibrate, &[]).await;
    assert_eq!(calibrated.code, Some(0), "{}", calibrated.stderr);
    assert!(
        calibrated.stdout.contains("Own heads are printed"),
        "{}",
        calibrated.stdout
    );
    assert!(
        calibrated.stdout.contains("From so few prompts"),
        "{}",
        calibrated.stdout
    );
    let pasted = lines_of(&calibrated.stdout, "small");
    assert!(pasted.contains("capability_basis: calibrated"), "{pasted}");
    let with_head = policy(&sim.base, &pasted);
    folder.write("steelyard.yaml", &with_head);
    let checked = run(&["policy", "check", "--deny-warnings", &config], &[]).await;
    assert_eq!(
        checked.code,
        Some(0),
        "{}{}",
        checked.stdout,
        checked.stderr
    );

    let easy = explained(&config, EASY).await;
    assert!(easy.contains("large is tried first"), "{easy}");
    assert!(easy.contains("own head"), "{easy}");
    let hard = explained(&config, HARD).await;
    assert!(hard.contains("small is tried first"), "{hard}");
    // The gateway decides the same.
    let gateway = Gateway::start(&folder).await;
    for (prompt, model) in [(EASY, "large"), (HARD, "small")] {
        let answer = gateway.client.chat(&user("auto", prompt)).await;
        assert_eq!(answer.header("x-steelyard-model"), model, "{prompt}");
    }

    // A head of other weights is refused where it stands, and can be fitted again all the same.
    let stale = with_head.replace("      weights: ", "      weights: old-");
    assert_ne!(stale, with_head);
    folder.write("steelyard.yaml", &stale);
    let refused = run(&["policy", "check", &config], &[]).await;
    assert_eq!(refused.code, Some(78), "{}", refused.stdout);
    for words in ["weights: old-", "steelyard router calibrate"] {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    let again = run(&calibrate, &[]).await;
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(
        lines_of(&again.stdout, "small").lines().last(),
        pasted.lines().last()
    );
}

#[tokio::test]
async fn a_route_is_graded_against_outcomes() {
    let folder = Scratch::new();
    folder.write("prices.yaml", &prices());
    let text = policy("http://127.0.0.1:9", "    capability: 1.2");
    let text = text.replace(
        "threshold: 0.6",
        "threshold: { max_complexity: { small: 0.4 } }",
    );
    let config = folder.write("steelyard.yaml", &text).display().to_string();
    let mut lines = String::new();
    // The other way round: the small model does what is easy.
    for (prompt, score) in outcomes() {
        let outcomes = json!({ "tiny": { "score": 1 - score }, "large": { "score": 1 } });
        let _ = writeln!(
            lines,
            "{}",
            json!({ "prompt": prompt, "outcomes": outcomes })
        );
    }
    let file = folder.write("outcomes.jsonl", &lines).display().to_string();
    let picture = folder.path("route.svg").display().to_string();
    let grade = [
        "router", "eval", "--data", &file, "--config", &config, "--route", "auto", "--plot",
        &picture,
    ];
    let unmapped = run(&grade, &[]).await;
    assert_eq!(unmapped.code, Some(1));
    assert!(
        unmapped.stderr.contains("--map small=MODEL"),
        "{}",
        unmapped.stderr
    );

    let graded = run(&[&grade[..], &["--map", "small=tiny"]].concat(), &[]).await;
    assert_eq!(graded.code, Some(0), "{}", graded.stderr);
    for words in [
        "route auto: 80 prompts",
        "above random mixing at the same cost",
        "length alone, same shares",
        "the oracle at the same cost: score 1.000",
    ] {
        assert!(graded.stdout.contains(words), "{words}: {}", graded.stdout);
    }
    let share = |model: &str| {
        let line = graded
            .stdout
            .lines()
            .find(|line| line.trim_start().starts_with(model));
        let words: Vec<&str> = line.expect("a candidate").split_whitespace().collect();
        words[2].parse::<f64>().expect("a share")
    };
    // Half of the prompts are easy, and nearly all of those are on the right side.
    assert!((40.0..=60.0).contains(&share("small")), "{}", graded.stdout);
    let drawn = std::fs::read_to_string(&picture).expect("a picture");
    assert!(drawn.contains("random mixing") && drawn.contains("the route"));
}
