//! The official SDKs of OpenAI and Anthropic against every kind of provider.

use steelyard_e2e::{Stage, run_python};

use crate::keys::VirtualKey;

/// What a provider counts besides prompt and answer. Plain compatible servers count nothing more;
/// Mistral does not tell reasoning from the answer.
fn classes(kind: &str) -> &'static [&'static str] {
    match kind {
        "compatible" => &[],
        "mistral" => &["cached"],
        _ => &["cached", "reasoning"],
    }
}

/// Runs the scripts of both SDKs.
async fn conversations(kind: &str) {
    let mut stage = Stage::start().await;
    let route = format!("{kind}-ladder");
    let arguments = [&[stage.gateway.base.as_str(), &route], classes(kind)].concat();
    run_python("conversations.py", &arguments).await;
    run_python("messages.py", &arguments).await;
    stage.gateway.sound();
}

macro_rules! for_each_kind {
    ($($test:ident: $kind:literal),* $(,)?) => {
        $(#[tokio::test]
        async fn $test() {
            conversations($kind).await;
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
    conversations_with_openai: "openai",
    conversations_with_anthropic: "anthropic",
    conversations_with_gemini: "gemini",
    conversations_with_dashscope: "dashscope",
    conversations_with_dashscope_compatible: "dashscope-compatible",
    conversations_with_mistral: "mistral",
    conversations_with_deepseek: "deepseek",
    conversations_with_a_compatible_server: "compatible",
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
    run_python(script, &arguments).await;
    stage.gateway.sound();
}
