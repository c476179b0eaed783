//! What depends on the model: pictures, schemas, ways of reasoning, thoughts in a history.

use serde_json::{Value, json};

use crate::rig::{Got, Kind, Rig};

/// Eight bytes that say they are a picture.
const PICTURE: &str = "iVBORw0KGgo=";

/// The smallest good request to a model with these members laid over it.
fn body(kind: Kind, model: &str, text: &str, more: Value) -> Value {
    let mut body = kind.body(text, false, false);
    if kind != Kind::Gemini {
        body["model"] = json!(model);
    }
    for (name, value) in more.as_object().unwrap() {
        match (name.as_str(), value.as_object()) {
            ("parameters", Some(members)) => {
                for (name, value) in members {
                    body["parameters"][name] = value.clone();
                }
            }
            _ => body[name] = value.clone(),
        }
    }
    body
}

async fn ask(rig: &Rig, kind: Kind, model: &str, body: &Value) -> Got {
    let mut path = kind.path(model, false);
    if kind == Kind::DashScope && model.contains("-vl") {
        path = path.replace("text-generation", "multimodal-generation");
    }
    Rig::receive(rig.request(kind, &path, body.to_string())).await
}

/// Asks every model twice: what it takes, and what it refuses in words that hold these.
async fn check(kind: Kind, cases: &[(&str, Value, Option<&str>)]) {
    let rig = Rig::start().await;
    for (model, more, refusal) in cases {
        let got = ask(&rig, kind, model, &body(kind, model, "json", more.clone())).await;
        match refusal {
            None => assert_eq!(got.status, 200, "{model} with {more}: {}", got.text),
            Some(words) => {
                assert!(got.status >= 400, "{model} takes {more}: {}", got.text);
                assert!(
                    got.text.contains(words),
                    "{model} with {more}: {}",
                    got.text
                );
            }
        }
    }
}

/// A user's message with a picture, in the form of each provider.
fn with_picture(kind: Kind, kind_of_data: &str, data: &str) -> Value {
    let url = format!("data:{kind_of_data};base64,{data}");
    let look = "[[look]]";
    match kind {
        Kind::Anthropic => json!({"messages": [{"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": kind_of_data,
                "data": data}},
            {"type": "text", "text": look}]}]}),
        Kind::Gemini => json!({"contents": [{"role": "user", "parts": [
            {"inlineData": {"mimeType": kind_of_data, "data": data}}, {"text": look}]}]}),
        Kind::DashScope => json!({"input": {"messages": [{"role": "user", "content": [
            {"image": url}, {"text": look}]}]}}),
        _ => json!({"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": look}]}]}),
    }
}

/// For each provider a model with eyes, and one without where it has such.
const EYES: [(Kind, &str, Option<&str>); 9] = [
    (Kind::OpenAi, "gpt-4o", Some("gpt-3.5-turbo")),
    (Kind::Anthropic, "claude-haiku-4-5", None),
    (Kind::Gemini, "gemini-2.5-flash", None),
    (Kind::DashScope, "qwen3-vl-plus", Some("qwen-plus")),
    (
        Kind::DashScopeCompatible,
        "qwen3-vl-plus",
        Some("qwen-plus"),
    ),
    (Kind::Mistral, "mistral-medium-latest", None),
    (Kind::Compatible, "gemma3:27b", None),
    (Kind::DeepSeek, "", Some("deepseek-chat")),
    (
        Kind::Cohere,
        "command-a-vision-07-2025",
        Some("command-a-03-2025"),
    ),
];

#[tokio::test]
async fn pictures_are_seen_by_models_with_eyes() {
    let rig = Rig::start().await;
    for (kind, seeing, blind) in EYES {
        let good = with_picture(kind, "image/png", PICTURE);
        if !seeing.is_empty() {
            let got = ask(&rig, kind, seeing, &body(kind, seeing, "", good.clone())).await;
            let seen = "I see image/png of 8 bytes.";
            assert!(got.text.contains(seen), "{kind:?}: {}", got.text);
            for (of, data) in [("image/png", "no*base64"), ("image/bmp", PICTURE)] {
                let bad = body(kind, seeing, "", with_picture(kind, of, data));
                let got = ask(&rig, kind, seeing, &bad).await;
                assert!(got.status >= 400, "{kind:?} sees {of}: {}", got.text);
            }
        }
        if let Some(blind) = blind {
            let got = ask(&rig, kind, blind, &body(kind, blind, "", good)).await;
            assert!(got.status >= 400, "{blind} sees: {}", got.text);
        }
    }
}

#[tokio::test]
async fn openai_takes_pictures_from_users_only() {
    let picture = json!([{"type": "image_url",
        "image_url": {"url": format!("data:image/png;base64,{PICTURE}")}}]);
    let call = json!({"id": "c", "type": "function",
        "function": {"name": "look", "arguments": "{}"}});
    let history = |content: Value| {
        json!({"messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": content}]})
    };
    check(
        Kind::OpenAi,
        &[
            ("gpt-4o", history(json!("nothing")), None),
            (
                "gpt-4o",
                history(picture),
                Some("Invalid value: 'image_url'"),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn schemas_that_a_provider_cannot_hold_to_are_refused() {
    let open = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let closed = json!({"type": "object", "properties": {"a": {"type": "integer"}},
        "required": ["a"], "additionalProperties": false});
    let mut limited = closed.clone();
    limited["properties"]["a"]["minimum"] = json!(1);
    let mut optional = closed.clone();
    optional["required"] = json!([]);
    let openai = |schema: &Value, strict: bool| {
        json!({"response_format": {"type": "json_schema",
            "json_schema": {"name": "a", "schema": schema, "strict": strict}}})
    };
    check(
        Kind::OpenAi,
        &[
            ("gpt-4o", openai(&open, false), None),
            (
                "gpt-4o",
                openai(&open, true),
                Some("'additionalProperties'"),
            ),
            ("gpt-4o", openai(&closed, true), None),
            ("gpt-4o", openai(&optional, true), Some("Missing 'a'")),
            (
                "gpt-4",
                openai(&closed, true),
                Some("not supported with this model"),
            ),
        ],
    )
    .await;
    let anthropic = |schema: &Value| json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}});
    check(
        Kind::Anthropic,
        &[
            ("claude-haiku-4-5", anthropic(&closed), None),
            (
                "claude-haiku-4-5",
                anthropic(&open),
                Some("'additionalProperties'"),
            ),
            (
                "claude-haiku-4-5",
                anthropic(&limited),
                Some("'minimum' is not supported"),
            ),
            (
                "claude-sonnet-4-0",
                anthropic(&closed),
                Some("does not support"),
            ),
        ],
    )
    .await;
    check(
        Kind::DeepSeek,
        &[
            (
                "deepseek-chat",
                openai(&closed, false),
                Some("unavailable now"),
            ),
            (
                "deepseek-chat",
                json!({"response_format": {"type": "json_object"}}),
                None,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn json_objects_must_be_asked_for_in_words() {
    let rig = Rig::start().await;
    let format = json!({"type": "json_object"});
    for (kind, more) in [
        (Kind::OpenAi, json!({"response_format": format})),
        (
            Kind::DashScope,
            json!({"parameters": {"response_format": format}}),
        ),
        (
            Kind::DashScopeCompatible,
            json!({"response_format": format}),
        ),
        (Kind::DeepSeek, json!({"response_format": format})),
    ] {
        for (text, status) in [("As JSON, please.", 200), ("An object, please.", 400)] {
            let body = body(kind, kind.model(), text, more.clone());
            let got = ask(&rig, kind, kind.model(), &body).await;
            assert_eq!(got.status, status, "{kind:?} {text}: {}", got.text);
        }
    }
}

#[tokio::test]
async fn models_reason_in_their_own_way_only() {
    let budget = json!({"max_tokens": 3000, "thinking": {"type": "enabled",
        "budget_tokens": 1024}});
    let adaptive = json!({"thinking": {"type": "adaptive"}});
    let effort = json!({"output_config": {"effort": "low"}});
    check(
        Kind::Anthropic,
        &[
            ("claude-sonnet-4-5", budget.clone(), None),
            ("claude-3-haiku", budget.clone(), Some("not supported")),
            (
                "claude-opus-5",
                budget,
                Some("not supported for this model"),
            ),
            ("claude-opus-5", adaptive.clone(), None),
            (
                "claude-sonnet-4-5",
                adaptive,
                Some("adaptive thinking is not supported"),
            ),
            ("claude-opus-4-5", effort.clone(), None),
            (
                "claude-haiku-4-5",
                effort,
                Some("does not support the effort"),
            ),
        ],
    )
    .await;
    let thinking = |config: Value| json!({"generationConfig": {"thinkingConfig": config}});
    let level = thinking(json!({"thinkingLevel": "low"}));
    let off = thinking(json!({"thinkingBudget": 0}));
    check(
        Kind::Gemini,
        &[
            ("gemini-3.5-flash", level.clone(), None),
            (
                "gemini-2.5-flash",
                level.clone(),
                Some("Thinking level is not supported"),
            ),
            ("gemini-2.0-flash", level, Some("Thinking is not supported")),
            ("gemini-2.5-flash", off.clone(), None),
            ("gemini-2.5-pro", off, Some("Budget 0 is invalid")),
            (
                "gemini-2.5-flash",
                thinking(json!({"thinkingBudget": 40_000})),
                Some("is invalid"),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn forced_calls_and_thinking_exclude_each_other() {
    let tools = Kind::OpenAi.body("x", false, true)["tools"].clone();
    let choice = json!({"type": "function", "function": {"name": "get_weather"}});
    let compatible =
        |thinks: bool| json!({"tools": tools, "tool_choice": choice, "enable_thinking": thinks});
    let refusal = Some("in thinking mode");
    check(
        Kind::DashScopeCompatible,
        &[
            ("qwen-plus", compatible(false), None),
            ("qwen-plus", compatible(true), refusal),
        ],
    )
    .await;
    let native = |thinks: bool| json!({"parameters": compatible(thinks)});
    check(
        Kind::DashScope,
        &[
            ("qwen-plus", native(false), None),
            ("qwen-plus", native(true), refusal),
        ],
    )
    .await;
}

#[tokio::test]
async fn models_that_only_stream_refuse_whole_answers() {
    for kind in [Kind::DashScope, Kind::DashScopeCompatible] {
        let refusal = Some("only support stream mode");
        let model = "qwen3-next-80b-a3b-thinking";
        check(
            kind,
            &[
                ("qwq-plus", json!({}), refusal),
                (model, json!({}), refusal),
            ],
        )
        .await;
        let rig = Rig::start().await;
        let mut body = kind.body("hi", true, false);
        body["model"] = json!(model);
        let got = rig.send(kind, &body, true).await;
        assert!(
            got.status == 200 && !got.text.contains("only support"),
            "{}",
            got.text
        );
    }
}

#[tokio::test]
async fn anthropics_thoughts_return_to_their_model_only() {
    let rig = Rig::start().await;
    let kind = Kind::Anthropic;
    let thinking = json!({"type": "enabled", "budget_tokens": 1024});
    for marker in ["[[think]]", "[[redact]]"] {
        let text = format!("{marker} [[tool:get_weather {{\"city\": \"Oslo\"}}]]");
        let mut body = kind.body(&text, false, true);
        body["max_tokens"] = json!(3000);
        body["thinking"] = thinking.clone();
        let first = rig.send(kind, &body, false).await.json();
        let content = first["content"].clone();
        assert!(
            content[0]["type"].as_str().unwrap().ends_with("thinking"),
            "{content}"
        );
        let result = json!([{"type": "tool_result", "tool_use_id": content[1]["id"],
            "content": "17"}]);
        let next = |content: &Value, model: &str| {
            let mut body = body.clone();
            body["model"] = json!(model);
            body["messages"] = json!([{"role": "user", "content": text},
                {"role": "assistant", "content": content},
                {"role": "user", "content": result}]);
            body
        };
        let without = json!([content[1]]);
        let mut altered = content.clone();
        match altered[0].get("thinking") {
            Some(_) => altered[0]["thinking"] = json!("other words"),
            None => altered[0]["data"] = json!("AAAA"),
        }
        let model = kind.model();
        for (content, model, refusal) in [
            (&content, model, None),
            (&content, "claude-opus-4-5", Some("Invalid `")),
            (&altered, model, Some("Invalid `")),
            (&without, model, Some("must start with a thinking block")),
        ] {
            let got = rig.send(kind, &next(content, model), false).await;
            match refusal {
                None => assert_eq!(got.status, 200, "{}", got.text),
                Some(words) => assert!(got.text.contains(words), "{}", got.text),
            }
        }
    }
}

#[tokio::test]
async fn geminis_proofs_come_back_unchanged() {
    let rig = Rig::start().await;
    let kind = Kind::Gemini;
    let body = kind.body("[[tool:get_weather]]", false, true);
    let path = kind.path("gemini-3.5-flash", false);
    let first = Rig::receive(rig.request(kind, &path, body.to_string()))
        .await
        .json();
    let call = first["candidates"][0]["content"]["parts"][0].clone();
    let proof = call["thoughtSignature"].as_str().unwrap().to_owned();
    for (proof, refusal) in [
        (proof.clone(), None),
        (format!("x{proof}"), Some("Corrupted thought signature")),
        (String::new(), Some("missing a thought_signature")),
    ] {
        let mut call = call.clone();
        call["thoughtSignature"] = json!(proof);
        let response = json!({"functionResponse": {"name": "get_weather",
            "response": {"output": 17}}});
        let mut next = body.clone();
        next["contents"] = json!([{"role": "user", "parts": [{"text": "x"}]},
            {"role": "model", "parts": [call]}, {"role": "user", "parts": [response]}]);
        let got = Rig::receive(rig.request(kind, &path, next.to_string())).await;
        match refusal {
            None => assert_eq!(got.status, 200, "{}", got.text),
            Some(words) => assert!(got.text.contains(words), "{}", got.text),
        }
    }
}
