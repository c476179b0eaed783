//! Models that make embeddings, and how models hand over their answers.

use steelyard_types::{Delivery, FeatureSet};

use super::*;

const PROVIDERS: &str = "\
providers:
  one: { kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1' }
  two: { kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1' }
  claude: { kind: anthropic, base_url: 'http://127.0.0.1:9' }
";

const CHAT: &str = "  chat: { provider: one, capability: 1, context_window: 10, \
                    max_output_tokens: 9, price: free }\n";

fn load_models(models: &str, candidates: &str) -> Result<Policy, Diagnostics> {
    let routes = format!("routes:\n  auto: {{ candidates: [{candidates}] }}\n");
    let policy = format!("{PROVIDERS}models:\n{CHAT}{models}{routes}");
    load_texts(&policy, PRICES)
}

fn vectors(name: &str, provider: &str, more: &str) -> String {
    format!(
        "  {name}: {{ provider: {provider}, context_window: 10, features: [embeddings], price: free, \
         {more} }}\n"
    )
}

fn messages(found: &[Diagnostic]) -> Vec<&str> {
    found.iter().map(|item| item.message.as_str()).collect()
}

#[test]
fn a_model_of_vectors_needs_neither_capability_nor_limit() {
    let policy = load_models(&vectors("vec", "one", ""), "vec").expect("a policy");
    let model = &policy.models[1];
    assert_eq!(
        model.target.features,
        FeatureSet::EMPTY.with(Feature::Embeddings)
    );
    assert_eq!(policy.warnings, []);
}

#[test]
fn a_model_of_vectors_does_nothing_else() {
    let both = vectors("vec", "one", "").replace("[embeddings]", "[embeddings, streaming]");
    let found = load_models(&both, "vec").expect_err("a mistake").items;
    assert_eq!(
        messages(&found),
        ["the model `vec` has the feature `embeddings` and also `streaming`"]
    );
    let found = load_models(&vectors("vec", "claude", ""), "vec");
    let found = found.expect_err("a mistake").items;
    assert_eq!(
        messages(&found),
        ["embeddings of provider `claude` are not carried"]
    );
}

#[test]
fn one_route_makes_vectors_or_answers_chats() {
    let found = load_models(&vectors("vec", "one", ""), "chat, vec");
    let found = found.expect_err("a mistake").items;
    assert_eq!(
        messages(&found),
        ["`chat` and `vec` cannot be candidates of one route"]
    );
}

#[test]
fn vectors_of_different_models_are_pointed_out() {
    let of = |upstream: &str| {
        let models = vectors("vec", "one", "upstream: bge-m3")
            + &vectors("other", "two", &format!("upstream: {upstream}"));
        load_models(&models, "vec, other")
            .expect("a policy")
            .warnings
    };
    assert_eq!(of("BAAI/bge-m3"), [], "a vendor's name before it");
    assert_eq!(
        messages(&of("bge-m2")),
        ["vectors of `other` cannot be compared with those of `vec`"]
    );
}

#[test]
fn who_delivers_in_one_way_serves_streams_too() {
    for (delivery, expected) in [
        ("both", Delivery::Both),
        ("stream_only", Delivery::StreamOnly),
        ("whole_only", Delivery::WholeOnly),
    ] {
        let model = format!(
            "  odd: {{ provider: one, capability: 1, context_window: 10, max_output_tokens: 9, \
             price: free, features: [tools], delivery: {delivery} }}\n"
        );
        let policy = load_models(&model, "odd").expect("a policy");
        let target = &policy.models[1].target;
        assert_eq!(target.facts.delivery, expected);
        let streams = target.features.contains(Feature::Streaming);
        assert_eq!(streams, expected != Delivery::Both, "{delivery}");
    }
}
