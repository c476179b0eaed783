//! Virtual keys, their limits, and what must never be in a log.

use serde_json::json;
use steelyard_e2e::{
    Client, Gateway, Kind, Process, Scratch, Sim, Stage, prices, run, signal, user,
};

/// A key as `steelyard keys create` makes it.
pub(crate) struct VirtualKey {
    pub(crate) text: String,
    pub(crate) sha256: String,
    /// What the command says belongs into the policy.
    pub(crate) policy_lines: String,
}

impl VirtualKey {
    pub(crate) async fn create(name: &str, more: &[&str]) -> Self {
        let arguments = [&["keys", "create", name], more].concat();
        let made = run(&arguments, &[]).await;
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        let word = |start: &str| {
            let mut words = made.stdout.split_whitespace();
            let word = words.find(|word| word.starts_with(start));
            word.map(str::to_owned)
        };
        let text = word("sk-steelyard-").expect("a key");
        let mut words = made.stdout.split_whitespace();
        let sha256 = words.find(|word| word.len() == 64).expect("a hash");
        let lines = made.stdout.lines();
        let for_policy = lines
            .skip_while(|line| !line.contains("keys:"))
            .skip(1)
            .filter(|line| !line.trim().is_empty());
        Self {
            text,
            sha256: sha256.to_owned(),
            policy_lines: for_policy.collect::<Vec<_>>().join("\n") + "\n",
        }
    }
}

#[tokio::test]
async fn a_created_key_works_when_pasted() {
    let options = ["--route", "auto", "--requests-per-minute", "600"];
    let key = VirtualKey::create("billing-service", &options).await;
    let mut stage = Stage::with(|policy, _| policy.key_lines(&key.policy_lines)).await;
    let client = stage.gateway.client.with_key(&key.text);
    let answer = client.chat(&user("auto", "[[say:paid]]")).await;
    assert_eq!(answer.content(), "paid", "{}", answer.text);
    assert_eq!(answer.header("x-ratelimit-limit-requests"), "600");
    let record = stage.gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record["key"], "billing-service");
    let other = client.chat(&user("openai-ladder", "hello")).await;
    other.error(403, "forbidden");
    stage.gateway.sound();
}

#[tokio::test]
async fn without_a_good_key_there_is_no_answer() {
    let key = VirtualKey::create("team", &[]).await;
    let stage = Stage::with(|policy, _| policy.key("team", &key.sha256, "")).await;
    let client = &stage.gateway.client;
    let body = user("auto", "[[say:hello]]");
    let almost = &key.text[..key.text.len() - 1];
    let wrong = [
        client.clone(),
        client.with_key("x"),
        client.with_key(almost),
        client.with_key(&key.sha256),
        client.with_key(Kind::of("openai").key),
    ];
    for client in &wrong {
        for answer in [client.chat(&body).await, client.get("/v1/models").await] {
            let message = answer.error(401, "unauthenticated");
            assert!(!message.contains(almost), "{message}");
            assert_eq!(answer.body["error"]["code"], "invalid_api_key");
            assert_eq!(answer.body["error"]["type"], "authentication_error");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    // Another scheme is no key.
    let request = client.request("POST", "/v1/chat/completions");
    let request = request.header("authorization", format!("Basic {}", key.text));
    let answer = client.answer(request.body(body.to_string())).await;
    answer.error(401, "unauthenticated");
    assert_eq!(stage.sim.count().await, 0, "nobody was asked");

    let good = client.with_key(&key.text).chat(&body).await;
    assert_eq!(good.content(), "hello", "{}", good.text);
    let metrics = stage.gateway.metrics().await;
    let refused = [("outcome", "unauthenticated"), ("route", "none")];
    assert_eq!(metrics.sum("steelyard_requests_total", &refused), 11);
    // No data key opens the admin plane, which knows no keys, nor does the data plane show it.
    let answer = client.with_key(&key.text).get("/metrics").await;
    answer.error(404, "not_found");
}

#[tokio::test]
async fn a_limit_is_announced_and_kept() {
    let key = VirtualKey::create("slow", &[]).await;
    let other = VirtualKey::create("other", &[]).await;
    let stage = Stage::with(|policy, _| {
        policy
            .key("slow", &key.sha256, "requests_per_minute: 3")
            .key("other", &other.sha256, "requests_per_minute: 3")
    })
    .await;
    let client = stage.gateway.client.with_key(&key.text);
    let body = user("auto", "[[say:hello]]");
    for remaining in ["2", "1", "0"] {
        let answer = client.chat(&body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("x-ratelimit-limit-requests"), "3");
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), remaining);
        assert!(answer.header("x-ratelimit-reset-requests").ends_with("ms"));
    }
    let refused = client.chat(&body).await;
    refused.error(429, "client_rate_limited");
    assert_eq!(refused.body["error"]["code"], "rate_limit_exceeded");
    assert_eq!(refused.header("x-ratelimit-remaining-requests"), "0");
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(stage.sim.count().await, 3);
    // The bucket is the key's own.
    let others = stage.gateway.client.with_key(&other.text);
    assert_eq!(others.chat(&body).await.status, 200);
    let metrics = stage.gateway.metrics().await;
    let limited = metrics.sum("steelyard_rate_limited_total", &[("key", "slow")]);
    assert_eq!(limited, 1);
}

#[tokio::test]
async fn an_open_door_is_refused() {
    let sim = Sim::start().await;
    let policy = steelyard_e2e::PolicyFile::of_all_kinds(&sim.base);
    let folder = Scratch::new();
    folder.write("prices.yaml", &prices());
    let config = folder.write("steelyard.yaml", &policy.text());
    let config = config.display().to_string();
    let serve = |listen: &'static str| {
        [
            "serve",
            "--config",
            &config,
            "--listen",
            listen,
            "--admin-listen",
            "127.0.0.1:0",
            "--log-format",
            "json",
        ]
        .map(str::to_owned)
    };
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let arguments = serve(listen);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let refused = run(&arguments, &[]).await;
        assert_eq!(refused.code, Some(78), "{}", refused.stderr);
        for words in ["no keys", "steelyard keys create", "127.0.0.1"] {
            assert!(refused.stderr.contains(words), "{}", refused.stderr);
        }
    }
    // With a key it may.
    let key = VirtualKey::create("team", &[]).await;
    folder.write(
        "steelyard.yaml",
        &policy.clone().key("team", &key.sha256, "").text(),
    );
    let arguments = serve("0.0.0.0:0");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let gateway = Gateway::of(Process::steelyard(&arguments, &[])).await;
    let (_, port) = gateway.base.rsplit_once(':').expect("a port");
    let client = Client::new(&format!("http://127.0.0.1:{port}"));
    client.get("/v1/models").await.error(401, "unauthenticated");
    // Nor does a reload open the door.
    folder.write("steelyard.yaml", &policy.text());
    signal(gateway.process.id(), "HUP").await;
    let refused = |line: &str| line.contains("policy not reloaded").then_some(());
    let stderr = &gateway.process.stderr;
    stderr.find("a refused reload", refused).await;
    client.get("/v1/models").await.error(401, "unauthenticated");
}

#[tokio::test]
async fn logs_hold_no_secrets() {
    const PROMPT: &str = "the merger with Initech closes on Friday";
    let key = VirtualKey::create("team", &[]).await;
    let stage = Stage::with(|policy, _| {
        policy
            .key("team", &key.sha256, "")
            .setting("log_level: debug")
    })
    .await;
    let client = stage.gateway.client.with_key(&key.text);
    let mut ids = Vec::new();
    for kind in &Kind::ALL {
        for fault in ["", "[[fault:*:401]]", "[[fault:*:400]]", "[[fault:*:500]]"] {
            let text = format!("{PROMPT} {fault}");
            let body = user(&format!("{}-ladder", kind.name), &text);
            let answer = client.chat(&body).await;
            ids.push(answer.header("x-request-id").to_owned());
            let streamed = client.stream(&body).await;
            ids.push(streamed.header("x-request-id").to_owned());
        }
    }
    let mut tool = user("auto", PROMPT);
    tool["messages"][0]["content"] = json!([{ "type": "text", "text": PROMPT }]);
    let answer = client.chat(&tool).await;
    ids.push(answer.header("x-request-id").to_owned());
    let answer = client.post(format!("{{ {PROMPT}")).await;
    ids.push(answer.header("x-request-id").to_owned());
    let unknown = client.with_key("sk-leaked-by-a-client").chat(&tool).await;
    ids.push(unknown.header("x-request-id").to_owned());
    for id in &ids {
        stage.gateway.record(id).await;
    }
    let output = stage.gateway.output();
    let mut secrets = vec![
        key.text.as_str(),
        "sk-leaked-by-a-client",
        "Initech",
        "Friday",
    ];
    secrets.extend(Kind::ALL.map(|kind| kind.key));
    for secret in secrets {
        let line = output.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret:?} is in the log");
    }
    let status = stage.gateway.admin.get("/admin/v1/status").await;
    let metrics = stage.gateway.admin.get("/metrics").await;
    for text in [status.text, metrics.text] {
        assert!(!text.contains("sk-"), "{text}");
    }
}
