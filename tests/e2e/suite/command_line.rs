//! The commands of the binary.

use std::collections::HashSet;

use serde_json::{Value, json};
use steelyard_e2e::{
    Gateway, Kind, PolicyFile, Process, Scratch, Sim, prices, run, soon, steelyard, user,
};

/// A folder with a policy.
fn folder(text: &str) -> (Scratch, String) {
    let folder = Scratch::new();
    folder.write("prices.yaml", &prices());
    let config = folder.write("steelyard.yaml", text);
    (folder, config.display().to_string())
}

fn valid() -> String {
    PolicyFile::of_all_kinds("http://127.0.0.1:9").text()
}

#[tokio::test]
async fn a_valid_policy_passes() {
    let (_folder, config) = folder(&valid());
    for arguments in [
        vec!["policy", "check", &config],
        vec!["policy", "check", "--config", &config],
    ] {
        let checked = run(&arguments, &[]).await;
        assert_eq!(checked.code, Some(0), "{}", checked.stderr);
        assert!(checked.stdout.contains("valid"), "{}", checked.stdout);
        assert!(
            checked.stdout.contains("9 providers, 27 models"),
            "{}",
            checked.stdout
        );
    }
}

#[tokio::test]
async fn the_shipped_policy_passes() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let config = root.join("config/steelyard.yaml").display().to_string();
    let checked = run(&["policy", "check", "--deny-warnings", &config], &[]).await;
    assert_eq!(
        checked.code,
        Some(0),
        "{}{}",
        checked.stdout,
        checked.stderr
    );
}

/// A policy with seven different mistakes, each on the line that says so.
const MISTAKEN: &str = r#"prices: prices.yaml
providers:
  openai: { kind: openai, key: { env: OPENAI_API_KEY } }
  literal: { kind: openai, key: sk-abcdefghijklmnopqrstuvwxyz }           # secret
models:
  good: { provider: openai, capability: 0.5, context_window: 1000, max_output_tokens: 100, price: test/penny }
  typed: { provider: openai, capability: high, context_window: 1000, max_output_tokens: 100, price: test/penny }  # type
  unpriced: { provider: openai, capability: 0.5, context_window: 1000, max_output_tokens: 100 } # price
  good: { provider: openai, capability: 0.5, context_window: 1000, max_output_tokens: 100, price: test/penny } # duplicate
routes:
  auto: { candidates: [good, godo] }         # unknown model
  other: { candidates: [good], thresold: 0.5 }    # unknown key
  third: { candidates: [good], fallback: { on: [rate_limitd] } }    # unknown word
"#;

#[tokio::test]
async fn every_mistake_is_found_in_one_run() {
    let (_folder, config) = folder(MISTAKEN);
    let checked = run(&["policy", "check", &config], &[]).await;
    assert_eq!(
        checked.code,
        Some(78),
        "{}{}",
        checked.stdout,
        checked.stderr
    );
    let expected = [
        (4, "key"),
        (7, "capability"),
        (8, "price"),
        (9, "good"),
        (11, "godo"),
        (12, "thresold"),
        (13, "rate_limitd"),
    ];
    let prefix = format!("error: {config}:");
    let mut found = HashSet::new();
    for line in checked.stderr.lines() {
        let Some(rest) = line.strip_prefix(&prefix) else {
            continue;
        };
        let mut parts = rest.splitn(3, ':');
        let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok());
        let (row, column) = (number().expect("a line"), number().expect("a column"));
        let source = MISTAKEN.lines().nth(row - 1).expect("a line of the file");
        assert!((1..=source.chars().count()).contains(&column), "{line}");
        found.insert(row);
    }
    for (row, word) in expected {
        assert!(
            found.contains(&row),
            "{word} in line {row}:\n{}",
            checked.stderr
        );
    }
    assert_eq!(found.len(), expected.len(), "{}", checked.stderr);
    for suggestion in [
        "did you mean `good`",
        "did you mean `threshold`",
        "did you mean `rate_limited`",
    ] {
        assert!(
            checked.stderr.contains(suggestion),
            "{suggestion}:\n{}",
            checked.stderr
        );
    }
    assert!(!checked.stderr.contains("sk-abcdef"), "{}", checked.stderr);

    let served = run(
        &["serve", "--config", &config, "--listen", "127.0.0.1:0"],
        &[],
    )
    .await;
    assert_eq!(served.code, Some(78), "{}", served.stderr);
    assert_eq!(served.stderr.matches(&prefix).count(), expected.len());
}

#[tokio::test]
async fn files_that_cannot_be_read() {
    let folder = Scratch::new();
    let config = folder.path("nowhere.yaml").display().to_string();
    let checked = run(&["policy", "check", &config], &[]).await;
    assert_eq!(checked.code, Some(78));
    assert!(checked.stderr.contains("cannot read"), "{}", checked.stderr);
    std::fs::write(&config, [0xff, 0xfe, 0]).expect("writable");
    let checked = run(&["policy", "check", &config], &[]).await;
    assert_eq!(checked.code, Some(78));
    assert!(checked.stderr.contains("UTF-8"), "{}", checked.stderr);
}

#[tokio::test]
async fn the_environment_is_a_layer() {
    let (_folder, config) = folder(&valid());
    let arguments = ["serve", "--config", &config, "--log-format", "json"];
    let environment = [
        ("STEELYARD__SERVER__LISTEN", "127.0.0.1:0"),
        ("STEELYARD__SERVER__ADMIN_LISTEN", "127.0.0.1:0"),
    ];
    let gateway = Gateway::of(Process::steelyard(&arguments, &environment)).await;
    assert!(!gateway.base.ends_with(":8080"), "{}", gateway.base);
    assert_eq!(gateway.admin.get("/healthz").await.status, 200);
    // No provider has a key, which readiness and the client are told.
    assert_eq!(gateway.admin.get("/readyz").await.status, 503);
    let answer = gateway.client.chat(&user("auto", "hello")).await;
    answer.error(503, "unavailable");

    for (name, value) in [
        ("STEELYARD__SERVER__LISTN", "127.0.0.1:0"),
        ("STEELYARD__SERVR__LISTEN", "127.0.0.1:0"),
        ("STEELYARD__SERVER__MAX_IN_FLIGHT", "many"),
        ("STEELYARD__SERVER__LISTEN", "nowhere"),
    ] {
        let refused = run(&arguments, &[(name, value)]).await;
        assert_eq!(refused.code, Some(78), "{name}: {}", refused.stderr);
        assert!(!refused.stderr.is_empty());
    }
}

#[tokio::test]
async fn a_port_in_use_is_explained() {
    let (_folder, config) = folder(&valid());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = listener.local_addr().expect("its address").to_string();
    let arguments = ["serve", "--config", &config, "--listen", &taken];
    let refused = run(&arguments, &[]).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    for words in [taken.as_str(), "--listen"] {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
}

#[tokio::test]
async fn a_decision_is_explained() {
    let sim = Sim::start().await;
    let (folder, config) = folder(&PolicyFile::of_all_kinds(&sim.base).text());
    let keys = Kind::ALL.map(|kind| (kind.variable(), kind.key));
    let keys = keys.each_ref().map(|(name, key)| (name.as_str(), *key));
    let prompt = "Prove that the square root of 2 is irrational.";
    let arguments = ["policy", "explain", "--config", &config, "--prompt", prompt];
    let explained = run(&arguments, &keys).await;
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
    for words in [
        "complexity 0.",
        "openai-cheap",
        "anthropic-cheap",
        "adequate",
    ] {
        assert!(explained.stdout.contains(words), "{}", explained.stdout);
    }
    // The same numbers as the gateway's.
    let gateway = Gateway::start(&folder).await;
    let answer = gateway.client.chat(&user("auto", prompt)).await;
    let complexity = format!("complexity {}", answer.header("x-steelyard-complexity"));
    assert!(
        explained.stdout.contains(&complexity),
        "{complexity}: {}",
        explained.stdout
    );

    let request = folder.write("request.json", &user("gemini-ladder", prompt).to_string());
    let request = request.display().to_string();
    let arguments = ["policy", "explain", "-c", &config, "--request", &request];
    let explained = run(&arguments, &keys).await;
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
    assert!(
        explained.stdout.contains("gemini-dear"),
        "{}",
        explained.stdout
    );
    let mut piped = tokio::process::Command::new(steelyard());
    piped
        .args(["policy", "explain", "-c", &config, "--request", "-"])
        .stdin(std::fs::File::open(&request).expect("it was written"))
        .kill_on_drop(true);
    let piped = soon("an explanation", piped.output()).await;
    let piped = piped.expect("the binary starts");
    assert_eq!(piped.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&piped.stdout), explained.stdout);
    let nothing = ["policy", "explain", "-c", &config, "--request", "-"];
    let refused = run(&nothing, &keys).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    let told = "standard input is no valid request: ";
    assert!(refused.stderr.contains(told), "{}", refused.stderr);
    let arguments = [
        "policy", "explain", "-c", &config, "--prompt", "x", "--model", "nope",
    ];
    assert_ne!(run(&arguments, &keys).await.code, Some(0));
    assert_eq!(sim.count().await, 1, "explaining asks nobody");
}

#[tokio::test]
async fn several_answers_and_turns_that_go_on_are_explained_as_they_are_decided() {
    let sim = Sim::start().await;
    let (folder, config) = folder(&PolicyFile::of_all_kinds(&sim.base).text());
    let keys = Kind::ALL.map(|kind| (kind.variable(), kind.key));
    let keys = keys.each_ref().map(|(name, key)| (name.as_str(), *key));
    let explained = async |request: &Value| {
        let file = folder.write("request.json", &request.to_string());
        let file = file.display().to_string();
        let arguments = ["policy", "explain", "-c", &config, "--request", &file];
        let explained = run(&arguments, &keys).await;
        assert_eq!(explained.code, Some(0), "{}", explained.stderr);
        explained.stdout
    };
    let hard = "Prove that the square root of 2 is irrational.";
    let of = |last: &str, n: u64| {
        json!({ "model": "auto", "n": n, "messages": [
            { "role": "user", "content": hard },
            { "role": "assistant", "content": "Suppose" },
            { "role": "user", "content": last },
        ] })
    };
    let word_of = |printed: &str, line: &str, column: usize| -> String {
        let mut lines = printed.lines();
        let line = lines.find(|other| other.starts_with(line)).expect(line);
        let word = line.split_whitespace().nth(column).expect(line);
        word.trim_end_matches(',').to_owned()
    };
    // The prompt is paid once, every answer by itself.
    let mut costs = Vec::new();
    for n in 1..=3 {
        let printed = explained(&of(hard, n)).await;
        let told = format!(" in each of {n} answers");
        assert_eq!(printed.contains(&told), n > 1, "{printed}");
        let cost: f64 = word_of(&printed, "openai-cheap ", 4)
            .parse()
            .expect("a cost");
        costs.push(cost);
    }
    let (second, third) = (costs[1] - costs[0], costs[2] - costs[1]);
    assert!(second > 0.0 && second < costs[0], "{costs:?}");
    assert!((second - third).abs() < 1e-8, "{costs:?}");

    let gateway = Gateway::start(&folder).await;
    let mut complexities = Vec::new();
    for last in [hard, "Continue, please.", "Thanks!"] {
        let request = of(last, 1);
        let answer = gateway.client.chat(&request).await;
        let told = word_of(&explained(&request).await, "complexity ", 1);
        assert_eq!(answer.header("x-steelyard-complexity"), told, "{last}");
        complexities.push(told.parse::<f64>().expect("a number"));
    }
    assert!(
        (complexities[0] - complexities[1]).abs() < 0.05,
        "{complexities:?}"
    );
    assert!(complexities[2] < complexities[1] - 0.2, "{complexities:?}");
}

#[tokio::test]
async fn every_command_explains_itself() {
    for command in [
        &[][..],
        &["serve"],
        &["demo"],
        &["sim"],
        &["policy"],
        &["policy", "check"],
        &["policy", "explain"],
        &["router"],
        &["router", "train"],
        &["router", "score"],
        &["router", "eval"],
        &["router", "calibrate"],
        &["keys"],
        &["keys", "create"],
    ] {
        let help = run(&[command, &["--help"]].concat(), &[]).await;
        assert_eq!(help.code, Some(0), "{command:?}");
        assert!(help.stdout.contains("Usage: steelyard"), "{}", help.stdout);
        let wide = help.stdout.lines().find(|line| line.chars().count() > 100);
        assert_eq!(wide, None, "{command:?}");
    }
    assert_eq!(run(&["--version"], &[]).await.code, Some(0));
    assert_eq!(run(&["nonsense"], &[]).await.code, Some(2));
    for wrong in [
        &["keys", "create", "two words"][..],
        &["keys", "create", "x", "--requests-per-minute", "0"],
    ] {
        assert_eq!(run(wrong, &[]).await.code, Some(1), "{wrong:?}");
    }
}

#[tokio::test]
async fn the_simulator_takes_faults_from_a_file() {
    let folder = Scratch::new();
    let rules = r#"[{"provider":"openai","fault":{"kind":"status","status":503}}]"#;
    let file = folder.write("faults.json", rules).display().to_string();
    let arguments = ["sim", "--listen", "127.0.0.1:0", "--faults", &file];
    let process = Process::steelyard(&arguments, &[]);
    let address = |line: &str| Some(line.split_once("http://")?.1.to_owned());
    let base = process.stdout.find("the address", address).await;
    let client = steelyard_e2e::Client::new(&format!("http://{base}"));
    let rules: Value = client.get("/_sim/faults").await.body;
    assert_eq!(rules[0]["fault"]["status"], 503, "{rules}");
    let file = folder.write("bad.json", "[{}]").display().to_string();
    let refused = run(&["sim", "--listen", "127.0.0.1:0", "--faults", &file], &[]).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
}
