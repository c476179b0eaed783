//! Before the first byte of an answer every failure leads to the next model, and to exactly one
//! answer.

use std::net::SocketAddr;

use serde_json::{Value, json};
use steelyard_e2e::{Kind, PolicyFile, Stage, user};
use tokio::net::{TcpSocket, TcpStream};

/// A fault as the simulator's marker, with the error kinds that it may be recorded as, unary and
/// streamed.
struct Case {
    fault: &'static str,
    unary: &'static [&'static str],
    stream: &'static [&'static str],
}

const fn case(fault: &'static str, kinds: &'static [&'static str]) -> Case {
    Case {
        fault,
        unary: kinds,
        stream: kinds,
    }
}

/// An error inside a 200 is what the provider says it is; each provider's is another.
const IN_A_200: &[&str] = &[
    "stream_error",
    "overloaded",
    "upstream_server",
    "rate_limited",
    "invalid_answer",
];

const CASES: &[Case] = &[
    case("408", &["upstream_timeout"]),
    case("429", &["rate_limited"]),
    case("429,retry_after=1", &["rate_limited"]),
    case("500", &["upstream_server"]),
    case("502,html", &["upstream_server"]),
    case("503", &["overloaded"]),
    // Google's own word for it is DEADLINE_EXCEEDED.
    case("504", &["upstream_timeout"]),
    case("529", &["overloaded"]),
    case("error_event=0", IN_A_200),
    case("empty", &["empty_answer"]),
    case("close", &["connect"]),
    case("cut=0", &["broken_stream"]),
    case("cut=20", &["broken_stream"]),
    case("malformed=0", &["invalid_answer"]),
];

/// What an answer looks like, unary or streamed.
struct Seen {
    content: String,
    model: String,
    attempts: String,
    id: String,
}

async fn ask(stage: &Stage, route: &str, text: &str, stream: bool) -> Seen {
    let body = user(route, text);
    if stream {
        let answer = stage.gateway.client.stream(&body).await;
        assert_eq!(answer.status, 200, "{text}: {:?}", answer.frames);
        assert!(answer.is_done(), "{text}: {:?}", answer.frames);
        assert_eq!(answer.finish_reasons(), ["stop"], "{text}");
        return Seen {
            content: answer.content(),
            model: answer.header("x-steelyard-model").to_owned(),
            attempts: answer.header("x-steelyard-attempts").to_owned(),
            id: answer.header("x-request-id").to_owned(),
        };
    }
    let answer = stage.gateway.client.chat(&body).await;
    assert_eq!(answer.status, 200, "{text}: {}", answer.text);
    assert_eq!(answer.body["choices"].as_array().map(Vec::len), Some(1));
    Seen {
        content: answer.content().to_owned(),
        model: answer.header("x-steelyard-model").to_owned(),
        attempts: answer.header("x-steelyard-attempts").to_owned(),
        id: answer.header("x-request-id").to_owned(),
    }
}

/// Asks once and asserts that the first model failed for one of these reasons, that the second
/// answered, and that header, log and metrics agree.
async fn falls_back(
    stage: &Stage,
    route: &str,
    failing: &str,
    text: &str,
    kinds: &[&str],
    stream: bool,
) {
    let before = stage.gateway.metrics().await;
    let seen = ask(stage, route, text, stream).await;
    let context = format!("{route} {text} stream={stream}");
    assert_eq!(seen.content, "second try", "{context}");
    assert_eq!(seen.attempts, "2", "{context}");
    assert!(seen.model.ends_with("-dear"), "{context}: {}", seen.model);
    let record = stage.gateway.record(&seen.id).await;
    let failed = record["failed"].as_array().expect("a failed attempt");
    assert_eq!(failed.len(), 1, "{context}: {record}");
    assert_eq!(failed[0]["model"], failing, "{context}: {record}");
    let kind = failed[0]["kind"].as_str().expect("a kind");
    assert!(kinds.contains(&kind), "{context}: {kind}");
    assert_eq!(record["outcome"], "ok", "{context}: {record}");
    assert_eq!(record["attempts"], 2, "{context}: {record}");
    let after = stage.gateway.metrics().await;
    let grown =
        |name: &str, labels: &[(&str, &str)]| after.sum(name, labels) - before.sum(name, labels);
    let fallback = [("route", route), ("model", failing), ("kind", kind)];
    assert_eq!(
        grown("steelyard_fallbacks_total", &fallback),
        1,
        "{context}"
    );
    assert_eq!(grown("steelyard_fallbacks_total", &[]), 1, "{context}");
    let attempt = [("model", failing), ("outcome", kind)];
    assert_eq!(grown("steelyard_attempts_total", &attempt), 1, "{context}");
    let answered = [("model", seen.model.as_str()), ("outcome", "ok")];
    assert_eq!(grown("steelyard_attempts_total", &answered), 1, "{context}");
    assert_eq!(grown("steelyard_requests_total", &[]), 1, "{context}");
    let ok = [("route", route), ("outcome", "ok")];
    assert_eq!(grown("steelyard_requests_total", &ok), 1, "{context}");
}

async fn every_fault(name: &str) {
    let kind = Kind::of(name);
    let mut stage = Stage::with(|policy, simulator| with_impatient(policy, &kind, simulator)).await;
    let (route, cheap) = (format!("{name}-ladder"), format!("{name}-cheap"));
    for case in CASES {
        let text = format!("[[say:second try]] [[fault:{}:{}]]", kind.cheap, case.fault);
        falls_back(&stage, &route, &cheap, &text, case.unary, false).await;
        falls_back(&stage, &route, &cheap, &text, case.stream, true).await;
    }
    let impatient = format!("{name}-impatient");
    for fault in ["never", "delay_first_token=600000"] {
        let text = format!("[[say:second try]] [[fault:{}:{fault}]]", kind.cheap);
        let whole = &["total_timeout"];
        falls_back(
            &stage,
            &impatient,
            &impatient_model(name),
            &text,
            whole,
            false,
        )
        .await;
        let first = &["first_token_timeout"];
        falls_back(
            &stage,
            &impatient,
            &impatient_model(name),
            &text,
            first,
            true,
        )
        .await;
    }
    stage.sim.idle().await;
    stage.gateway.sound();
}

fn impatient_model(name: &str) -> String {
    format!("{name}-soon")
}

/// A model whose provider is waited for 300 ms only, and a route that begins with it.
fn with_impatient(policy: PolicyFile, kind: &Kind, simulator: &str) -> PolicyFile {
    let name = kind.name;
    let provider = format!("{name}-impatient-provider");
    let timeouts = "timeouts: { first_token_ms: 300, total_ms: 300 }";
    let model = impatient_model(name);
    policy
        .provider(&provider, kind, simulator, timeouts)
        .model(&model, &provider, kind.cheap, "test/penny")
        .route(
            &format!("{name}-impatient"),
            &format!("{model}, {name}-dear"),
            "threshold: 0",
        )
}

macro_rules! for_each_kind {
    ($($test:ident: $kind:literal),* $(,)?) => {
        $(#[tokio::test]
        async fn $test() {
            every_fault($kind).await;
        })*

        #[test]
        fn no_kind_is_left_out() {
            let all = Kind::ALL.map(|kind| kind.name);
            assert_eq!([$($kind),*].as_slice(), all.as_slice());
        }
    };
}

for_each_kind! {
    faults_of_openai: "openai",
    faults_of_anthropic: "anthropic",
    faults_of_gemini: "gemini",
    faults_of_dashscope: "dashscope",
    faults_of_dashscope_compatible: "dashscope-compatible",
    faults_of_mistral: "mistral",
    faults_of_deepseek: "deepseek",
    faults_of_cohere: "cohere",
    faults_of_a_compatible_server: "compatible",
}

/// A provider that is the address's, with a model and a route that falls back from it.
fn with_dead(policy: PolicyFile, name: &str, address: SocketAddr) -> PolicyFile {
    let kind = Kind::of("openai");
    let base = format!("http://{address}");
    let (provider, model) = (format!("{name}-provider"), format!("{name}-model"));
    policy
        .provider(&provider, &kind, &base, "timeouts: { connect_ms: 300 }")
        .model(&model, &provider, kind.cheap, "test/penny")
        .route(name, &format!("{model}, openai-dear"), "threshold: 0")
}

#[tokio::test]
async fn a_refused_connection_falls_back() {
    // A port that was free a moment ago and that nobody listens on.
    let listener = TcpSocket::new_v4().expect("a socket");
    listener.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let address = listener.local_addr().expect("its address");
    let stage = Stage::with(|policy, _| with_dead(policy, "refused", address)).await;
    for stream in [false, true] {
        let text = "[[say:second try]]";
        falls_back(
            &stage,
            "refused",
            "refused-model",
            text,
            &["connect"],
            stream,
        )
        .await;
    }
}

#[tokio::test]
async fn a_connection_that_never_stands_falls_back() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let listener = socket.listen(1).expect("a listener");
    let address = listener.local_addr().expect("its address");
    // Nobody accepts: once the queue of two is full, further connections get no answer at all.
    let held: Vec<_> = (0..8)
        .map(|_| tokio::spawn(TcpStream::connect(address)))
        .collect();
    let stage = Stage::with(|policy, _| with_dead(policy, "stuck", address)).await;
    for stream in [false, true] {
        let text = "[[say:second try]]";
        falls_back(&stage, "stuck", "stuck-model", text, &["connect"], stream).await;
    }
    held.iter().for_each(tokio::task::JoinHandle::abort);
    drop(listener);
}

#[tokio::test]
async fn the_callers_errors_are_returned() {
    let stage = Stage::start().await;
    let cases = [
        ("400", 400, "bad_request"),
        // Not every simulated provider's 404 says that it is about the model.
        ("404,message=no-such-model", 404, "upstream_model_not_found"),
        ("413", 413, "payload_too_large"),
        ("422", 422, "unprocessable"),
    ];
    for kind in &Kind::ALL {
        for (fault, status, outcome) in cases {
            for stream in [false, true] {
                let route = format!("{}-ladder", kind.name);
                let mut body = user(&route, &format!("[[fault:*:{fault}]]"));
                body["stream"] = json!(stream);
                let before = stage.sim.count().await;
                let answer = stage.gateway.client.chat(&body).await;
                answer.error(status, outcome);
                assert_eq!(answer.header("x-steelyard-attempts"), "1", "{}", kind.name);
                assert_eq!(stage.sim.count().await - before, 1, "{} {fault}", kind.name);
                let record = stage.gateway.record(answer.header("x-request-id")).await;
                assert_eq!(record["outcome"], outcome, "{record}");
            }
        }
    }
    let metrics = stage.gateway.metrics().await;
    assert_eq!(metrics.sum("steelyard_fallbacks_total", &[]), 0);
}

#[tokio::test]
async fn when_all_fail_the_last_error_is_told() {
    let stage = Stage::start().await;
    let kind = Kind::of("openai");
    let faults = |cheap: &str, dear: &str| {
        format!(
            "[[fault:{}:{cheap}]] [[fault:{}:{dear}]]",
            kind.cheap, kind.dear
        )
    };
    let cases = [
        (faults("429", "503"), 503, "overloaded"),
        (faults("503", "429,retry_after=9"), 429, "rate_limited"),
        (faults("500", "500"), 502, "upstream_server"),
        (faults("500", "close"), 502, "connect"),
        (faults("500", "408"), 504, "upstream_timeout"),
        (faults("500", "400"), 400, "bad_request"),
    ];
    for (text, status, outcome) in cases {
        for stream in [false, true] {
            let mut body = user("openai-ladder", &text);
            body["stream"] = json!(stream);
            let answer = stage.gateway.client.chat(&body).await;
            let message = answer.error(status, outcome).to_owned();
            assert_eq!(answer.header("x-steelyard-attempts"), "2", "{text}");
            if status >= 500 {
                assert!(message.contains("openai-cheap"), "{message}");
            }
            if outcome == "rate_limited" {
                assert_eq!(answer.header("retry-after"), "9");
            }
            let record = stage.gateway.record(answer.header("x-request-id")).await;
            let failed: Vec<&Value> = record["failed"].as_array().into_iter().flatten().collect();
            assert_eq!(failed.len(), 2, "{record}");
        }
    }
}

#[tokio::test]
async fn attempts_have_a_bound_and_triggers_are_the_routes_own() {
    let stage = Stage::with(|policy, _| {
        let three = "openai-cheap, openai-dear, anthropic-dear";
        policy
            .route(
                "twice",
                three,
                "threshold: 0, fallback: { max_attempts: 2 }",
            )
            .route(
                "picky",
                three,
                "threshold: 0, fallback: { on: [rate_limited] }",
            )
    })
    .await;
    let client = &stage.gateway.client;
    let twice = client.chat(&user("twice", "[[fault:*:500]]")).await;
    twice.error(502, "upstream_server");
    assert_eq!(twice.header("x-steelyard-attempts"), "2");
    let picky = client.chat(&user("picky", "[[fault:*:500]]")).await;
    picky.error(502, "upstream_server");
    assert_eq!(picky.header("x-steelyard-attempts"), "1");
    let picky = client.chat(&user("picky", "[[fault:openai:429]]")).await;
    assert_eq!(picky.header("x-steelyard-model"), "anthropic-dear");
    assert_eq!(picky.header("x-steelyard-attempts"), "3");
    // A model that the client names is the only one that it gets.
    let pinned = client.chat(&user("openai-cheap", "[[fault:*:500]]")).await;
    pinned.error(502, "upstream_server");
    assert_eq!(pinned.header("x-steelyard-attempts"), "1");
}

#[tokio::test]
async fn a_key_of_another_region_falls_back_and_is_reported() {
    // DashScope's keys work in their own region only; the simulator holds to that.
    let stage = Stage::with(|policy, simulator| {
        let abroad = Kind {
            region: Some("cn"),
            base_path: "/dashscope-cn",
            ..Kind::of("dashscope")
        };
        policy
            .provider("abroad-provider", &abroad, simulator, "")
            .model(
                "abroad-model",
                "abroad-provider",
                abroad.cheap,
                "test/penny",
            )
            .route("abroad", "abroad-model, openai-dear", "threshold: 0")
            .route(
                "home",
                "abroad-model, openai-dear, dashscope-dear",
                "threshold: 0, require: { regions: [intl] }",
            )
    })
    .await;
    for stream in [false, true] {
        let (text, kinds) = ("[[say:second try]]", &["upstream_auth"]);
        falls_back(&stage, "abroad", "abroad-model", text, kinds, stream).await;
    }
    let refused = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        let is_it = line["level"] == "ERROR" && line["model"] == "abroad-model";
        is_it.then_some(())
    };
    let stderr = &stage.gateway.process.stderr;
    stderr.find("the operator to be told", refused).await;
    // A route that demands a region leaves it to no other.
    let seen = ask(&stage, "home", "[[say:at home]]", false).await;
    assert_eq!(
        (seen.model.as_str(), seen.content.as_str()),
        ("dashscope-dear", "at home")
    );
    assert_eq!(seen.attempts, "1");
}

#[tokio::test]
async fn a_wrong_path_is_the_operators_mistake_and_falls_back() {
    let bases = [
        ("openai", "/openai/v2"),
        ("anthropic", "/anthropic/v2"),
        ("gemini", "/gemini/v2"),
        ("mistral", "/mistral/v2"),
        ("deepseek", "/deepseek/v2"),
        ("cohere", "/cohere/v3"),
        ("compatible", "/compatible/v2"),
    ];
    let stage = Stage::with(|mut policy, simulator| {
        for (name, base_path) in bases {
            let kind = Kind {
                base_path,
                ..Kind::of(name)
            };
            let (provider, model) = (format!("astray-{name}"), format!("astray-{name}-model"));
            policy = policy
                .provider(&provider, &kind, simulator, "")
                .model(&model, &provider, kind.cheap, "test/penny")
                .route(&provider, &format!("{model}, openai-dear"), "threshold: 0");
        }
        policy
    })
    .await;
    let client = &stage.gateway.client;
    for (name, _) in bases {
        let (route, model) = (format!("astray-{name}"), format!("astray-{name}-model"));
        for stream in [false, true] {
            let text = "[[say:second try]]";
            falls_back(&stage, &route, &model, text, &["upstream_server"], stream).await;
            let mut body = user(&model, text);
            body["stream"] = json!(stream);
            let answer = client.chat(&body).await;
            answer.error(502, "upstream_server");
        }
    }
    let output = stage.gateway.output();
    for (name, _) in bases {
        let told = output.lines().any(|line| {
            line.contains(&format!("astray-{name}-model")) && line.contains("check its base_url")
        });
        assert!(told, "{name}: {output}");
    }
}
