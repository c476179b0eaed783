//! OpenAI's Responses API, with the official SDK: as the door that clients come through, before
//! every kind of provider, and as what a provider speaks, behind every door.

use steelyard_e2e::{Kind, Sdk, Stage, refused};

/// The model of a provider that speaks this API itself.
const OWN: &str = "responses-full";

/// What a provider shows of its model's reasoning.
fn shown(kind: &str) -> &'static str {
    match kind {
        "openai" => "tokens",
        "mistral" | "cohere" | "compatible" => "thoughts",
        _ => "thoughts,tokens",
    }
}

/// A stage with a provider that speaks the Responses API, beside all others.
async fn stage() -> Stage {
    Stage::with(|policy, simulator| {
        let kind = Kind {
            kind: "openai_responses",
            ..Kind::of("openai")
        };
        let more = "features: [streaming, tools, parallel_tools, reasoning, prompt_cache, \
                    json_schema, vision], refuses_sampling: true";
        policy
            .provider("responses", &kind, simulator, "")
            .model_with(OWN, "responses", kind.full, "test/penny", more)
    })
    .await
}

async fn run(script: &str, model: &str, refused: &str, shown: &str) {
    let mut stage = stage().await;
    let arguments = [stage.gateway.base.as_str(), model, refused, shown];
    let ran = Sdk::Python.run(script, &arguments).await;
    ran.unwrap_or_else(|failure| panic!("{failure}"));
    stage.gateway.sound();
}

macro_rules! before_each_kind {
    ($($test:ident: $kind:literal),* $(,)?) => {
        $(#[tokio::test]
        async fn $test() {
            let model = concat!($kind, "-full");
            run("responses.py", model, &refused("responses", $kind), shown($kind)).await;
        })*

        #[test]
        fn no_kind_is_left_out() {
            let tested = [$($kind),*];
            let all = Kind::ALL.map(|kind| kind.name);
            assert_eq!(tested.as_slice(), all.as_slice());
        }
    };
}

before_each_kind! {
    before_openai: "openai",
    before_anthropic: "anthropic",
    before_gemini: "gemini",
    before_dashscope: "dashscope",
    before_dashscope_compatible: "dashscope-compatible",
    before_mistral: "mistral",
    before_deepseek: "deepseek",
    before_cohere: "cohere",
    before_a_compatible_server: "compatible",
}

#[tokio::test]
async fn before_a_provider_that_speaks_it_too() {
    run("responses.py", OWN, "-", "thoughts,tokens").await;
}

#[tokio::test]
async fn behind_chat_completions() {
    // That API gives one answer to a request.
    run("openai_full.py", OWN, "several", "tokens").await;
}

#[tokio::test]
async fn behind_messages() {
    run("messages_full.py", OWN, "-", "thoughts,tokens").await;
}
