use std::fs;
use std::path::PathBuf;

use super::*;

const POLICY: &str = "\
prices: prices.yaml
providers:
  acme: { kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1' }
models:
  small: { provider: acme, capability: 0.4, context_window: 100000, max_output_tokens: 1000, price: small }
  large: { provider: acme, outcomes_of: gpt-4-1106-preview, context_window: 100000, max_output_tokens: 1000, price: large }
routes:
  all-small: { candidates: [small, large], threshold: 0 }
  banded: { candidates: [small, large], threshold: { max_complexity: { small: 0.4 } } }
";

const PRICES: &str = "\
prices:
  small: { rates: [{ input: 1, output: 2 }] }
  large: { rates: [{ input: 10, output: 20 }] }
";

/// A folder with the policy, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("steelyard-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        fs::write(path.join("steelyard.yaml"), POLICY).expect("a policy");
        fs::write(path.join("prices.yaml"), PRICES).expect("prices");
        Self(path)
    }

    fn config(&self) -> PathBuf {
        self.0.join("steelyard.yaml")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn recorded() -> Vec<Example> {
    let outcome = |model: &str, score, output_tokens| Outcome {
        model: model.to_owned(),
        score,
        output_tokens,
    };
    let prompts = [
        ("Hello!", 1.0),
        ("What is the capital of France?", 1.0),
        (
            "Prove that the sum of two continuous functions is continuous.",
            0.0,
        ),
        (
            "Design a consensus protocol and prove that it is linearizable under partitions.",
            0.0,
        ),
    ];
    let mut examples: Vec<Example> = prompts
        .into_iter()
        .map(|(text, small)| Example {
            source: "test".to_owned(),
            task: "test".to_owned(),
            text: text.to_owned(),
            outcomes: vec![
                outcome("tiny", small, Some(100.0)),
                outcome("gpt-4-1106-preview", 1.0, Some(100.0)),
            ],
        })
        .collect();
    examples.push(Example {
        outcomes: vec![outcome("tiny", 1.0, None)],
        ..examples[0].clone()
    });
    examples
}

fn names() -> Vec<(String, String)> {
    vec![("small".to_owned(), "tiny".to_owned())]
}

/// What is decided for every prompt.
fn chosen(route: &str) -> Vec<RouteRow> {
    let folder = Folder::new(route);
    let scorer = Scorer::shipped();
    let policy = load_policy_for(&folder.config(), Some(scorer))
        .expect("valid")
        .policy;
    let offline = Offline::new(policy.clone(), &AssumedKeys, scorer).expect("in force");
    let Some(Selection::Route(id)) = policy.resolve(route) else {
        panic!("no route {route}")
    };
    let recorded = recorded();
    let candidates = candidates(&policy, &policy.route(id).candidates, &names(), &recorded);
    let candidates = candidates.expect("all are in the data");
    assert_eq!(
        candidates[1].recorded, "gpt-4-1106-preview",
        "by outcomes_of"
    );
    let bodies: Vec<Option<String>> = recorded
        .iter()
        .map(|example| body(example, route, &candidates))
        .collect();
    assert_eq!(bodies.iter().flatten().count(), 4, "one lacks an outcome");
    let prompts: Vec<Prompt<'_>> = recorded
        .iter()
        .zip(bodies.iter().flatten())
        .map(|(example, body)| Prompt {
            example,
            request: openai::parse_chat_request(body.as_bytes()).expect("a request"),
        })
        .collect();
    let decided = decided(&offline, id.index(), &candidates, &prompts).expect("decided");
    assert_eq!(decided.forecasts.len(), 8);
    let sweep = sweep(offline, id.index(), &candidates, &prompts).expect("swept");
    assert_eq!(
        sweep.is_some(),
        route == "all-small",
        "a band has no one number"
    );
    decided.rows
}

#[test]
fn the_gateways_own_decision_is_graded_at_the_policys_prices() {
    let rows = chosen("all-small");
    assert!(rows.iter().all(|row| row.chosen == Some(0)), "{rows:?}");
    for row in &rows {
        // The same tokens at ten times the price, of which at least the 100 of the answer.
        let [small, large] = row.calls[..] else {
            panic!("two candidates")
        };
        assert!((large.cost / small.cost - 10.0).abs() < 1e-6, "{row:?}");
        assert!(small.cost > 200.0 / 1e6, "{row:?}");
    }
    let banded: Vec<Option<usize>> = chosen("banded").iter().map(|row| row.chosen).collect();
    assert_eq!(banded, [Some(0), Some(0), Some(1), Some(1)]);
}

#[test]
fn a_whole_report_is_drawn() {
    let folder = Folder::new("report");
    let config = folder.config();
    let names = names();
    let asked = |route, names| Asked {
        config: &config,
        route,
        names,
        samples: 20,
    };
    // Twelve prompts with all outcomes, beside three without.
    let all: Vec<Example> = (0..3)
        .flat_map(|round| {
            recorded().into_iter().map(move |one| Example {
                text: format!("{}{}", one.text, "!".repeat(round)),
                ..one
            })
        })
        .collect();
    let diagram = run(&asked("all-small", &names), &all, Scorer::shipped()).expect("graded");
    let names_of: Vec<&str> = diagram
        .curves
        .iter()
        .map(|curve| curve.name.as_str())
        .collect();
    assert_eq!(
        names_of,
        [
            "oracle",
            "random mixing",
            "threshold 0 to 1",
            "the route",
            "length alone"
        ]
    );
    for (route, names, why) in [
        (
            "none",
            names.as_slice(),
            "has no route \"none\"; it has all-small, banded",
        ),
        ("banded", &[], "no outcomes of \"small\""),
        (
            "banded",
            &[("smal".to_owned(), "tiny".to_owned())],
            "no model of the policy",
        ),
        (
            "banded",
            &names,
            "prompts with outcomes of every candidate of banded: 4 of 5, 10 are needed",
        ),
    ] {
        let error = run(&asked(route, names), &recorded(), Scorer::shipped());
        let error = error
            .err()
            .map(|error| format!("{error:#}"))
            .unwrap_or_default();
        assert!(error.contains(why), "{error}");
    }
}
