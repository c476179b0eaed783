//! Limits that are known beforehand: a provider that would answer 400 is not asked.

use std::sync::Arc;

use serde_json::{Value, json};
use steelyard_provider_adapter::messages::parse_messages_request;
use steelyard_provider_adapter::openai::parse_chat_request;
use steelyard_provider_adapter::responses::parse_responses_request;
use steelyard_provider_adapter::{ChatRequest, Refusal, adapter, placed};
use steelyard_types::{Feature, FeatureSet, Target, WireFormat, WireProfile};

fn target(wire: WireFormat, profile: WireProfile) -> Target {
    Target {
        upstream: Arc::from("model"),
        wire,
        profile,
        features: FeatureSet::EMPTY.with(Feature::Vision),
        facts: steelyard_types::ModelFacts::default(),
        max_output_tokens: 0,
    }
}

fn refused(request: &ChatRequest<'_>, target: &Target) -> Option<Refusal> {
    let carried = adapter(target.wire).carries(request, target);
    let encoded = adapter(target.wire).encode(request, target);
    assert_eq!(carried.as_ref().err(), encoded.as_ref().err());
    carried.err().map(|refusal| placed(request, refusal))
}

/// Where each door's client wrote the thing, for targets that refuse it; the targets by name.
fn fields(door: &str, body: &Value, targets: &[(&'static str, Target)]) -> Vec<(String, String)> {
    let text = body.to_string();
    let request = match door {
        "chat" => parse_chat_request(text.as_bytes()),
        "messages" => parse_messages_request(text.as_bytes()),
        _ => parse_responses_request(text.as_bytes()),
    };
    let request = request.unwrap();
    let one = |(name, target): &(&'static str, Target)| {
        let refusal = refused(&request, target)?;
        Some(((*name).to_owned(), refusal.field))
    };
    targets.iter().filter_map(one).collect()
}

fn everybody() -> Vec<(&'static str, Target)> {
    use WireFormat::{
        AnthropicMessages, CohereChat, DashScopeGeneration, GeminiGenerateContent, OpenAiChat,
        OpenAiResponses,
    };
    let openai = WireProfile::OPENAI;
    vec![
        ("openai", target(OpenAiChat, openai)),
        ("responses", target(OpenAiResponses, openai)),
        ("mistral", target(OpenAiChat, WireProfile::MISTRAL)),
        ("deepseek", target(OpenAiChat, WireProfile::DEEPSEEK)),
        ("qwen", target(OpenAiChat, WireProfile::DASHSCOPE)),
        ("local", target(OpenAiChat, WireProfile::COMPATIBLE)),
        ("dashscope", target(DashScopeGeneration, openai)),
        ("anthropic", target(AnthropicMessages, openai)),
        ("gemini", target(GeminiGenerateContent, openai)),
        ("cohere", target(CohereChat, openai)),
    ]
}

const SHORT: [&str; 7] = [
    "openai",
    "mistral",
    "deepseek",
    "qwen",
    "dashscope",
    "gemini",
    "cohere",
];

#[test]
fn names_of_tools_are_refused_where_their_client_wrote_them() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    for (name, refuse) in [
        ("n".repeat(64), &[][..]),
        ("n".repeat(75), &SHORT[..]),
        ("n".repeat(128), &SHORT[..]),
        ("mcp__calendar-v2__list_events".to_owned(), &[]),
    ] {
        let function = json!({"name": name, "parameters": schema});
        let user = json!([{"role": "user", "content": "x"}]);
        for (door, body, field) in [
            (
                "chat",
                json!({"model": "m", "messages": user, "tools": [
                    {"type": "function", "function": {"name": "a", "parameters": schema}},
                    {"type": "function", "function": function}]}),
                "tools[1].function.name",
            ),
            (
                "messages",
                json!({"model": "m", "max_tokens": 9, "messages": user, "tools": [
                    {"name": name, "input_schema": schema}]}),
                "tools[0].name",
            ),
            (
                "responses",
                json!({"model": "m", "input": user, "tools": [
                    {"type": "function", "name": name, "parameters": schema, "strict": false}]}),
                "tools[0].name",
            ),
        ] {
            let found = fields(door, &body, &everybody());
            let expected: Vec<_> = refuse
                .iter()
                .map(|name| ((*name).to_owned(), field.to_owned()))
                .collect();
            assert_eq!(found, expected, "{door} {}", name.len());
        }
    }
}

#[test]
fn deprecated_functions_are_named_as_such() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}],
        "functions": [{"name": "n".repeat(65), "parameters": {"type": "object"}}]});
    for (_, field) in fields("chat", &body, &everybody()) {
        assert_eq!(field, "functions[0].name");
    }
    assert!(!fields("chat", &body, &everybody()).is_empty());
}

#[test]
fn pictures_that_are_not_at_https_are_refused_where_they_are_not_read() {
    for (url, refuse) in [
        ("http://a.example/a.png", &["anthropic", "gemini"][..]),
        ("HTTP://a.example/a.png", &["anthropic", "gemini"]),
        ("https://a.example/a.png", &[]),
    ] {
        let picture = json!([{"type": "text", "text": "x"},
            {"type": "image_url", "image_url": {"url": url}}]);
        let chat = json!({"model": "m", "messages": [{"role": "user", "content": picture}]});
        let picture = json!([{"type": "text", "text": "x"},
            {"type": "image", "source": {"type": "url", "url": url}}]);
        let messages = json!({"model": "m", "max_tokens": 9,
            "messages": [{"role": "user", "content": picture}]});
        for (door, body) in [("chat", chat), ("messages", messages)] {
            let found = fields(door, &body, &everybody());
            let found: Vec<_> = found.iter().filter(|(name, _)| name != "cohere").collect();
            let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, refuse, "{door} {url}");
            assert!(found.iter().all(|(_, it)| it == "messages[0].content[1]"));
        }
    }
}

#[test]
fn mistral_is_not_asked_to_answer_instructions() {
    let mistral = [(
        "mistral",
        target(WireFormat::OpenAiChat, WireProfile::MISTRAL),
    )];
    let user = json!({"role": "user", "content": "x"});
    let silent = json!({"role": "assistant", "content": ""});
    for role in ["system", "developer"] {
        let told = json!({"role": role, "content": "y"});
        for (turns, at) in [
            (json!([user, told]), Some(1)),
            (json!([user, told, silent]), Some(1)),
            (json!([told, user]), None),
            (json!([user, told, user]), None),
            (json!([told]), None),
        ] {
            let expected = |list: &str| -> Vec<(String, String)> {
                let path = |at| ("mistral".to_owned(), format!("{list}[{at}].role"));
                at.map(path).into_iter().collect()
            };
            let chat = json!({"model": "m", "messages": turns});
            let found = fields("chat", &chat, &mistral);
            assert_eq!(found, expected("messages"), "{turns}");
            let responses = json!({"model": "m", "input": turns});
            let found = fields("responses", &responses, &mistral);
            assert_eq!(found, expected("input"), "{turns}");
        }
        let others = everybody();
        let others = &others[3..6];
        let chat = json!({"model": "m", "messages": [user, told]});
        assert_eq!(fields("chat", &chat, others), [], "others answer it");
    }
}
