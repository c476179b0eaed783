//! The official SDKs of OpenAI and Anthropic, and what is built on them, against every kind of
//! provider.

use steelyard_e2e::{Sdk, Stage, refused};

use crate::keys::VirtualKey;

/// What a provider counts besides prompt and answer. Plain compatible servers count nothing more;
/// Mistral and Cohere do not tell reasoning from the answer.
fn classes(kind: &str) -> &'static [&'static str] {
    match kind {
        "compatible" => &[],
        "mistral" | "cohere" => &["cached"],
        _ => &["cached", "reasoning"],
    }
}

/// What a provider shows of its model's reasoning. OpenAI keeps the thoughts to itself.
fn shown(kind: &str) -> &'static str {
    match kind {
        "openai" => "tokens",
        "mistral" | "cohere" | "compatible" => "thoughts",
        _ => "thoughts,tokens",
    }
}

/// Runs scripts with the full model of a kind, each with the door that it comes through. All of
/// them are run, so that all that is wrong shows at once.
async fn scripts(kind: &str, scripts: &[(Sdk, &str, &str)]) {
    let mut stage = Stage::start().await;
    let model = format!("{kind}-full");
    let mut failures = Vec::new();
    for (sdk, script, door) in scripts {
        let refused = refused(door, kind);
        let arguments = [&stage.gateway.base, model.as_str(), &refused, shown(kind)];
        failures.extend(sdk.run(script, &arguments).await.err());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    stage.gateway.sound();
}

/// Runs the scripts of both official SDKs for Python.
async fn python(kind: &str) {
    let mut stage = Stage::start().await;
    let route = format!("{kind}-ladder");
    let arguments = [&[stage.gateway.base.as_str(), &route], classes(kind)].concat();
    for script in ["conversations.py", "messages.py"] {
        let ran = Sdk::Python.run(script, &arguments).await;
        ran.unwrap_or_else(|failure| panic!("{failure}"));
    }
    stage.gateway.sound();
    let full = [
        (Sdk::Python, "openai_full.py", "chat"),
        (Sdk::Python, "messages_full.py", "messages"),
    ];
    scripts(kind, &full).await;
}

/// Runs the scripts of what is built on them.
async fn frameworks(kind: &str) {
    let all = [
        (Sdk::PythonFrameworks, "langchain_chat.py", "chat"),
        (Sdk::PythonFrameworks, "instructor_models.py", "chat"),
        (Sdk::PythonFrameworks, "litellm_client.py", "all"),
    ];
    scripts(kind, &all).await;
}

/// Runs the scripts of the SDKs for Node.
async fn node(kind: &str) {
    let all = [
        (Sdk::Node, "openai.mjs", "chat"),
        (Sdk::Node, "responses.mjs", "responses"),
        (Sdk::Node, "anthropic.mjs", "messages"),
        (Sdk::Node, "vercel.mjs", "all"),
    ];
    scripts(kind, &all).await;
}

macro_rules! for_each_kind {
    ($($test:ident: $kind:literal),* $(,)?) => {
        $(mod $test {
            #[tokio::test]
            async fn with_python() {
                super::python($kind).await;
            }

            #[tokio::test]
            async fn with_frameworks_for_python() {
                super::frameworks($kind).await;
            }

            #[tokio::test]
            async fn with_node() {
                super::node($kind).await;
            }
        })*

        #[test]
        fn no_kind_is_left_out() {
            let tested = [$($kind),*];
            let all = steelyard_e2e::Kind::ALL.map(|kind| kind.name);
            assert_eq!(tested.as_slice(), all.as_slice());
        }
    };
}

for_each_kind! {
    openai: "openai",
    anthropic: "anthropic",
    gemini: "gemini",
    dashscope: "dashscope",
    dashscope_compatible: "dashscope-compatible",
    mistral: "mistral",
    deepseek: "deepseek",
    cohere: "cohere",
    compatible_server: "compatible",
}

#[tokio::test]
async fn errors_are_the_right_exceptions() {
    errors("errors.py").await;
}

#[tokio::test]
async fn errors_are_the_right_exceptions_of_anthropics_sdk() {
    errors("messages_errors.py").await;
}

async fn errors(script: &str) {
    let full = VirtualKey::create("full", &[]).await;
    let narrow = VirtualKey::create("narrow", &["--route", "auto"]).await;
    let limited = VirtualKey::create("limited", &["--requests-per-minute", "1"]).await;
    let mut stage = Stage::with(|policy, _| {
        policy
            .key("full", &full.sha256, "")
            .key("narrow", &narrow.sha256, "routes: [auto], models: false")
            .key("limited", &limited.sha256, "requests_per_minute: 1")
            .setting("max_body_bytes: 200000")
    })
    .await;
    let arguments = [
        stage.gateway.base.as_str(),
        &full.text,
        &narrow.text,
        &limited.text,
    ];
    let ran = Sdk::Python.run(script, &arguments).await;
    ran.unwrap_or_else(|failure| panic!("{failure}"));
    stage.gateway.sound();
}
