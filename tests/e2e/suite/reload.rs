//! Reloading: whole or not at all, and without a failed request.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use steelyard_e2e::{Gateway, PolicyFile, Scratch, Sim, Stage, prices, signal, user};

const WORKERS: usize = 8;
/// Reloads while the load runs.
const RELOADS: usize = 10;
/// A bound on what one worker sends.
const MOST_REQUESTS: usize = 20_000;

/// Waits until so many different policies have come into force by reloading.
async fn reloaded(stage: &Stage, versions: usize) -> HashSet<String> {
    let find = |lines: &[String]| {
        let seen: HashSet<String> = lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["message"] == "policy reloaded")
            .filter_map(|line| line["policy"].as_str().map(str::to_owned))
            .collect();
        (seen.len() >= versions).then_some(seen)
    };
    let what = format!("{versions} reloaded policies");
    stage.gateway.process.stderr.wait_for(&what, find).await
}

async fn status(stage: &Stage) -> Value {
    let answer = stage.gateway.admin.get("/admin/v1/status").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_under_load_fails_no_request() {
    let mut stage = Stage::start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let (client, stop) = (stage.gateway.client.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let (mut sent, mut policies) = (0, HashSet::new());
                while !stop.load(Ordering::Relaxed) && sent < MOST_REQUESTS {
                    let text = format!("worker{worker}-request{sent}");
                    let body = user("openai-ladder", &format!("[[say:{text}]]"));
                    let policy = if sent % 2 == 0 {
                        let answer = client.chat(&body).await;
                        assert_eq!(answer.status, 200, "{}", answer.text);
                        assert_eq!(answer.content(), text);
                        answer.header("x-steelyard-policy").to_owned()
                    } else {
                        let streamed = client.stream(&body).await;
                        streamed.whole(&text);
                        streamed.header("x-steelyard-policy").to_owned()
                    };
                    policies.insert(policy);
                    sent += 1;
                }
                (sent, policies)
            })
        })
        .collect();
    for number in 1..=RELOADS {
        let policy = stage.policy.clone().route(
            "changed",
            "openai-cheap",
            &format!("threshold: 0.{number}"),
        );
        stage.folder.write("steelyard.yaml", &policy.text());
        signal(stage.gateway.process.id(), "HUP").await;
        reloaded(&stage, number).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut policies = HashSet::new();
    let mut sent = 0;
    for worker in workers {
        let (requests, seen) = worker.await.expect("no request failed");
        assert!(requests > 0);
        sent += requests;
        policies.extend(seen);
    }
    assert!(
        policies.len() > 2,
        "requests met several policies: {policies:?}"
    );
    let metrics = stage.gateway.metrics().await;
    let ok = metrics.sum("steelyard_requests_total", &[("outcome", "ok")]);
    assert_eq!(ok, u64::try_from(sent).expect("a count"));
    assert_eq!(ok, metrics.sum("steelyard_requests_total", &[]));
    stage.gateway.sound();
}

#[tokio::test]
async fn a_bad_reload_keeps_the_old_policy() {
    let mut stage = Stage::start().await;
    let answer = stage
        .gateway
        .client
        .chat(&user("auto", "[[say:old]]"))
        .await;
    let old = answer.header("x-steelyard-policy").to_owned();
    let good = stage.policy.text();
    let bad = [
        // Not YAML, a typing error, an unknown model, and nothing at all.
        "routes: [".to_owned(),
        good.replace(
            "candidates: [openai-cheap, anthropic-cheap]",
            "candidate: [openai-cheap]",
        ),
        good.replace("anthropic-cheap]", "anthropic-chep]"),
        String::new(),
    ];
    for (number, text) in bad.iter().enumerate() {
        assert_ne!(*text, good, "case {number} changes nothing");
        let refusals = |lines: &[String]| {
            let refused = lines
                .iter()
                .filter(|line| line.contains("policy not reloaded"));
            refused.count()
        };
        let before = refusals(&stage.gateway.process.stderr.all());
        stage.folder.write("steelyard.yaml", text);
        signal(stage.gateway.process.id(), "HUP").await;
        stage
            .gateway
            .process
            .stderr
            .wait_for("a refused reload", |lines| {
                (refusals(lines) > before).then_some(())
            })
            .await;
        let answer = stage
            .gateway
            .client
            .chat(&user("auto", "[[say:still]]"))
            .await;
        assert_eq!(answer.content(), "still", "{}", answer.text);
        assert_eq!(answer.header("x-steelyard-policy"), old);
        let status = status(&stage).await;
        assert_eq!(status["policy"]["version"], old.as_str());
        assert_eq!(status["last_reload"]["successful"], false);
        let error = status["last_reload"]["error"].as_str().expect("an error");
        assert!(has_position(error), "case {number}: {error}");
        let metrics = stage.gateway.metrics().await;
        let flag = metrics.sum("steelyard_config_last_reload_successful", &[]);
        assert_eq!(flag, 0, "case {number}");
        assert!(metrics.sum("steelyard_config_reloads_total", &[("result", "error")]) > 0);
    }
    // A good one recovers.
    let changed = stage
        .policy
        .clone()
        .route("new", "openai-cheap", "threshold: 0");
    stage.folder.write("steelyard.yaml", &changed.text());
    signal(stage.gateway.process.id(), "HUP").await;
    let new = reloaded(&stage, 1).await;
    let answer = stage.gateway.client.chat(&user("new", "[[say:new]]")).await;
    assert_eq!(answer.content(), "new", "{}", answer.text);
    assert!(new.contains(answer.header("x-steelyard-policy")));
    let metrics = stage.gateway.metrics().await;
    assert_eq!(
        metrics.sum("steelyard_config_last_reload_successful", &[]),
        1
    );
    assert_eq!(status(&stage).await["last_reload"]["successful"], true);
    stage.gateway.sound();
}

/// Whether a text names a place as `steelyard.yaml:LINE:COLUMN`.
fn has_position(text: &str) -> bool {
    text.match_indices("steelyard.yaml:").any(|(at, found)| {
        let mut parts = text[at + found.len()..].split(':');
        let mut number = || parts.next().is_some_and(|part| part.parse::<u32>().is_ok());
        number() && number()
    })
}

#[tokio::test]
async fn a_changed_price_is_picked_up_from_its_file() {
    let stage = Stage::start().await;
    let body = user("openai-cheap", "[[say:the same words]]");
    let before = stage.gateway.client.chat(&body).await;
    let dearer = prices().replace(
        "- { input: 1, cache_read: 0.5, output: 2 }",
        "- { input: 10, cache_read: 5, output: 20 }",
    );
    assert_ne!(dearer, prices());
    // Without a signal: the file is watched.
    stage.folder.write("prices.yaml", &dearer);
    reloaded(&stage, 1).await;
    let after = stage.gateway.client.chat(&body).await;
    let nanos = |text: &str| {
        let digits = text.replace('.', "");
        digits.parse::<u64>().expect("a cost")
    };
    let (before, after) = (
        nanos(before.header("x-steelyard-cost-usd")),
        nanos(after.header("x-steelyard-cost-usd")),
    );
    assert!(before > 0);
    assert_eq!(after, before * 10);
}

#[tokio::test]
async fn a_file_that_is_written_in_place_is_picked_up() {
    let stage = Stage::start().await;
    let changed = stage
        .policy
        .clone()
        .route("new", "openai-cheap", "threshold: 0");
    let file = stage.folder.path("steelyard.yaml");
    std::fs::write(&file, changed.text()).expect("writable");
    reloaded(&stage, 1).await;
    let answer = stage.gateway.client.chat(&user("new", "[[say:new]]")).await;
    assert_eq!(answer.content(), "new", "{}", answer.text);
    // Taken away and put back, as some deployments do it.
    std::fs::remove_file(&file).expect("it is there");
    let again = changed.route("newer", "openai-cheap", "threshold: 0");
    std::fs::write(&file, again.text()).expect("writable");
    reloaded(&stage, 2).await;
    let answer = stage
        .gateway
        .client
        .chat(&user("newer", "[[say:newer]]"))
        .await;
    assert_eq!(answer.content(), "newer", "{}", answer.text);
}

#[tokio::test]
async fn links_that_are_swapped_as_kubernetes_does_are_picked_up() {
    use std::os::unix::fs::symlink;
    let sim = Sim::start().await;
    let policy = PolicyFile::of_all_kinds(&sim.base);
    let folder = Scratch::new();
    // A mounted ConfigMap: the file is a link into `..data`, itself a link to a dated folder.
    let publish = |name: &str, policy: &PolicyFile| {
        let dated = folder.path(name);
        std::fs::create_dir(&dated).expect("a folder");
        std::fs::write(dated.join("steelyard.yaml"), policy.text()).expect("writable");
        std::fs::write(dated.join("prices.yaml"), prices()).expect("writable");
        let beside = folder.path("..data_tmp");
        symlink(name, &beside).expect("a link");
        std::fs::rename(&beside, folder.path("..data")).expect("a swap");
    };
    publish("..2026_01_01", &policy);
    for name in ["steelyard.yaml", "prices.yaml"] {
        symlink(format!("..data/{name}"), folder.path(name)).expect("a link");
    }
    let stage = Stage {
        gateway: Gateway::start(&folder).await,
        sim,
        policy: policy.clone(),
        folder: Scratch::new(),
    };
    publish(
        "..2026_01_02",
        &policy.route("new", "openai-cheap", "threshold: 0"),
    );
    reloaded(&stage, 1).await;
    let answer = stage.gateway.client.chat(&user("new", "[[say:new]]")).await;
    assert_eq!(answer.content(), "new", "{}", answer.text);
}
