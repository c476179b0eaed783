//! Requests: recorded ones in this dialect read and passed on, to OpenAI and to others, and those of
//! other dialects written for OpenAI.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use steelyard_provider_adapter::messages::parse_messages_request;
use steelyard_provider_adapter::openai::parse_chat_request;
use steelyard_provider_adapter::responses::parse_responses_request;
use steelyard_provider_adapter::{ChatRequest, adapter, placed};
use steelyard_types::{Dialect, Feature, FeatureSet, ModelFacts, Target, WireFormat, WireProfile};

use super::{openapi, schema, support};

fn target(wire: WireFormat) -> Target {
    Target {
        upstream: Arc::from("its-model"),
        wire,
        profile: WireProfile::OPENAI,
        features: FeatureSet::EMPTY.with(Feature::Reasoning),
        facts: ModelFacts::default(),
        max_output_tokens: 0,
    }
}

fn written(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<(Value, Vec<&'static str>), String> {
    let adapter = adapter(target.wire);
    let carried = adapter.carries(request, target);
    let encoded = adapter.encode(request, target);
    match carried {
        Err(refusal) => {
            assert_eq!(encoded, Err(refusal.clone()));
            Err(placed(request, refusal).to_string())
        }
        Ok(losses) => {
            let encoded = encoded.map_err(|refusal| placed(request, refusal).to_string())?;
            assert_eq!(encoded.lossy, losses);
            let body = serde_json::from_slice(&encoded.body).unwrap();
            Ok((body, losses.fields().to_vec()))
        }
    }
}

/// Whether a recorded request names what OpenAI stored.
fn needs_storage(request: &Value) -> bool {
    let items = request["input"].as_array().into_iter().flatten();
    let mut kinds = items.map(|item| item["type"].as_str().unwrap_or_default());
    request["previous_response_id"].is_string() || kinds.any(|kind| kind == "item_reference")
}

#[test]
fn recorded_requests_are_read_and_passed_on() {
    let own = target(WireFormat::OpenAiResponses);
    let foreign = [
        WireFormat::OpenAiChat,
        WireFormat::AnthropicMessages,
        WireFormat::GeminiGenerateContent,
        WireFormat::DashScopeGeneration,
    ];
    let (mut passed, mut stored, mut converted, mut refused) = (0, 0, 0, 0);
    for recording in support::recordings("openai") {
        let (file, request) = (&recording.file, &recording.request);
        let Some(fields) = request
            .as_object()
            .filter(|_| recording.endpoint == "responses")
        else {
            continue;
        };
        let mut body = fields.clone();
        // Templates may name the model themselves; this gateway needs one to route by.
        body.entry("model").or_insert_with(|| json!("gpt-5"));
        let text = Value::Object(body.clone()).to_string();
        let parsed = match parse_responses_request(text.as_bytes()) {
            Ok(parsed) => parsed,
            Err(error) => {
                assert!(needs_storage(request), "{file}: {error}");
                assert!(
                    error.message.contains("nothing is stored"),
                    "{file}: {error}"
                );
                stored += 1;
                continue;
            }
        };
        assert!(!needs_storage(request), "{file}");
        let (sent, lossy) = written(&parsed, &own).unwrap();
        body.insert("model".to_owned(), json!("its-model"));
        assert_eq!((sent, lossy), (Value::Object(body), vec![]), "{file}");
        passed += 1;
        for wire in foreign {
            match written(&parsed, &target(wire)) {
                Ok((sent, _)) => {
                    schema::check(wire, &sent);
                    converted += 1;
                }
                Err(refusal) => {
                    let known = [
                        "tools[",
                        "input",
                        "prompt",
                        "tool_choice",
                        "moderation",
                        "text.",
                        "prompt_cache",
                        "reasoning",
                    ];
                    assert!(
                        known.iter().any(|name| refusal.starts_with(name)),
                        "{file}: {refusal}"
                    );
                    assert!(!refusal.contains("messages["), "{file}: {refusal}");
                    refused += 1;
                }
            }
        }
    }
    println!(
        "openai responses: {passed} requests passed on, {stored} refused because they name what is \
         stored; {converted} conversions to other formats, {refused} refusals"
    );
    assert!(
        passed == 0 || passed >= 50 && converted >= 100,
        "{passed} {converted}"
    );
}

/// Panics unless OpenAI's description knows every member and allows the value.
fn conforms(file: &str, body: &Value) {
    openapi::check("CreateResponse", body).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!(
        openapi::unknown("CreateResponse", body),
        Vec::<String>::new(),
        "{file}"
    );
}

#[test]
fn recorded_requests_of_other_dialects_are_written_for_openai() {
    let own = target(WireFormat::OpenAiResponses);
    for (provider, endpoint) in [
        ("openai", "chat"),
        ("mistral", "chat"),
        ("deepseek", "chat"),
        ("anthropic", "messages"),
    ] {
        let (mut carried, mut refused) = (0, 0);
        for recording in support::recordings(provider) {
            if recording.endpoint != endpoint || !recording.request.is_object() {
                continue;
            }
            let body = recording.request.to_string();
            let parsed = if endpoint == "chat" {
                parse_chat_request(body.as_bytes())
            } else {
                parse_messages_request(body.as_bytes())
            };
            // Some were recorded because they are wrong.
            let Ok(parsed) = parsed else { continue };
            match written(&parsed, &own) {
                Ok((sent, _)) => {
                    conforms(&recording.file, &sent);
                    assert_eq!(sent["store"], false);
                    carried += 1;
                }
                Err(_) => refused += 1,
            }
        }
        println!("{provider}: {carried} requests written as responses, {refused} refused");
        assert!(carried + refused == 0 || carried > refused, "{provider}");
    }
}

#[test]
fn a_conversation_is_written_as_items() {
    let request = json!({"model": "auto", "max_tokens": 900, "stream": true, "system": "be brief",
        "thinking": {"type": "enabled", "budget_tokens": 5000}, "temperature": 0.5,
        "metadata": {"user_id": "u1"},
        "tools": [{"name": "f", "description": "does", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png",
                    "data": "iVBO"}},
                {"type": "document", "title": "a.pdf", "source": {"type": "base64",
                    "media_type": "application/pdf", "data": "JVBE"}}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "not-marked"},
                {"type": "text", "text": "calling"},
                {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "is_error": true,
                    "content": "broken"},
                {"type": "text", "text": "again"}]}]});
    let text = request.to_string();
    let parsed = parse_messages_request(text.as_bytes()).unwrap();
    let (body, lossy) = written(&parsed, &target(WireFormat::OpenAiResponses)).unwrap();
    conforms("written here", &body);
    assert_eq!(
        lossy,
        ["output_config.format", "thinking", "messages.thinking"]
    );
    let expected = json!({"model": "its-model", "instructions": "be brief", "input": [
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "data:image/png;base64,iVBO",
                    "detail": "auto"},
                {"type": "input_file", "filename": "a.pdf",
                    "file_data": "data:application/pdf;base64,JVBE"}]},
            {"type": "message", "role": "assistant", "content": "calling"},
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{\"a\": 1}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "Error: broken"},
            {"type": "message", "role": "user", "content": "again"}],
        "max_output_tokens": 900, "temperature": 0.5,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "text": {"format": {"type": "json_schema", "name": "answer",
            "schema": {"type": "object"}, "strict": false}},
        "tools": [{"type": "function", "name": "f", "description": "does",
            "parameters": {"type": "object"}, "strict": false}],
        "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": false,
        "include": ["reasoning.encrypted_content"], "user": "u1", "store": false, "stream": true});
    let compact = |text: &str| text.replace(": ", ":");
    assert_eq!(compact(&body.to_string()), compact(&expected.to_string()));
}

#[test]
fn only_what_openai_takes_is_asked_of_it() {
    let mut plain = target(WireFormat::OpenAiResponses);
    plain.features = FeatureSet::EMPTY;
    let request = json!({"model": "auto", "max_tokens": 900,
        "thinking": {"type": "enabled", "budget_tokens": 5000},
        "tools": [{"name": "f", "strict": true, "input_schema": {"type": "object",
            "properties": {"a": {"type": "string"}}, "additionalProperties": false}}],
        "messages": [{"role": "user", "content": "hi"}]});
    let text = request.to_string();
    let parsed = parse_messages_request(text.as_bytes()).unwrap();
    let (body, lossy) = written(&parsed, &plain).unwrap();
    assert_eq!(lossy, ["tools.strict", "thinking"]);
    assert_eq!(body.get("reasoning"), None);
    assert_eq!(body["tools"][0]["strict"], false);
}

#[test]
fn what_this_api_has_no_word_for_is_refused_by_name() {
    let target = target(WireFormat::OpenAiResponses);
    let asked = |fields: Value| {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let text = body.to_string();
        let parsed = parse_chat_request(text.as_bytes()).unwrap();
        written(&parsed, &target).map(|(_, lossy)| lossy)
    };
    for (fields, refusal) in [
        (
            json!({"stop": ["x"]}),
            "stop is not carried to OpenAI's Responses API",
        ),
        (
            json!({"modalities": ["audio"]}),
            "modalities is not carried to OpenAI's Responses API",
        ),
    ] {
        assert_eq!(asked(fields), Err(refusal.to_owned()));
    }
    assert_eq!(asked(json!({"stop": []})), Ok(vec![]));
    assert_eq!(asked(json!({"max_tokens": 3})), Ok(vec!["max_tokens"]));
    let newer = json!({"max_completion_tokens": 15});
    assert_eq!(asked(newer), Ok(vec!["max_completion_tokens"]));
    assert_eq!(asked(json!({"max_tokens": 16})), Ok(vec![]));
}

#[test]
fn a_limit_below_the_least_is_the_least() {
    let target = target(WireFormat::OpenAiResponses);
    for (asked, told) in [(1, 16), (16, 16), (17, 17)] {
        let text = json!({"model": "m", "max_tokens": asked,
            "messages": [{"role": "user", "content": "hi"}]})
        .to_string();
        let parsed = parse_chat_request(text.as_bytes()).unwrap();
        let (body, _) = written(&parsed, &target).unwrap();
        assert_eq!(body["max_output_tokens"], told);
    }
}

#[test]
fn files_at_openai_are_known_to_both_its_apis() {
    let chat = json!({"type": "file", "file": {"file_id": "file-1"}});
    let own = json!({"type": "input_file", "file_id": "file-1"});
    let text = json!({"model": "m", "messages": [{"role": "user", "content": [chat]}]}).to_string();
    let parsed = parse_chat_request(text.as_bytes()).unwrap();
    let (body, lossy) = written(&parsed, &target(WireFormat::OpenAiResponses)).unwrap();
    assert_eq!(body["input"][0]["content"], json!([own]));
    assert!(lossy.is_empty());
    let text = json!({"model": "m", "input": [{"role": "user", "content": [own]}]}).to_string();
    let parsed = parse_responses_request(text.as_bytes()).unwrap();
    let (body, lossy) = written(&parsed, &target(WireFormat::OpenAiChat)).unwrap();
    assert_eq!(body["messages"][0]["content"], json!([chat]));
    assert!(lossy.is_empty());
    let mut compatible = target(WireFormat::OpenAiChat);
    compatible.profile = WireProfile::COMPATIBLE;
    let mut mistral = compatible.clone();
    mistral.profile = WireProfile::MISTRAL;
    for other in [compatible, mistral, target(WireFormat::AnthropicMessages)] {
        assert!(written(&parsed, &other).is_err());
    }
}

/// The mark of thoughts of a model, as clients get it.
fn sealed(wire: WireFormat, proof: &str) -> String {
    use steelyard_provider_adapter::{ReplyContext, UnaryReply};
    let context = ReplyContext {
        dialect: Dialect::AnthropicMessages,
        id: "msg".to_owned(),
        created: 0,
        upstream_model: Arc::from("its-model"),
        include_usage: true,
        function_call: false,
        echo: None,
    };
    let (id, encrypted) = proof.split_once(':').unwrap();
    let body = json!({"id": "resp", "model": "m", "status": "completed", "output": [
        {"type": "reasoning", "id": id, "encrypted_content": encrypted, "summary": []},
        {"type": "message", "content": [{"type": "output_text", "text": "hi"}]}]});
    let headers = support::Headers(std::collections::BTreeMap::new());
    let head = support::head(200, &headers);
    let reply = UnaryReply::read(wire, &head, body.to_string().into(), &context).unwrap();
    let message: Value = serde_json::from_slice(&reply.body).unwrap();
    message["content"][0]["signature"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn thoughts_return_to_their_model_and_to_no_other() {
    let wire = WireFormat::OpenAiResponses;
    let mut answered = target(wire);
    answered.upstream = Arc::from("its-model");
    let signature = sealed(wire, "rs_1:gAAA");
    let request = json!({"model": "m", "max_tokens": 100, "messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": signature},
            {"type": "text", "text": "b"}]},
        {"role": "user", "content": "c"}]});
    let text = request.to_string();
    let parsed = parse_messages_request(text.as_bytes()).unwrap();
    let (body, lossy) = written(&parsed, &answered).unwrap();
    let thoughts = json!({"type": "reasoning", "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAA"});
    assert_eq!((&body["input"][1], lossy), (&thoughts, vec![]));
    answered.upstream = Arc::from("another");
    let (body, lossy) = written(&parsed, &answered).unwrap();
    assert_eq!(body["input"].as_array().unwrap().len(), 3);
    assert_eq!(lossy, ["messages.thinking"]);
}

#[test]
fn a_model_that_does_not_reason_is_not_asked_to() {
    let mut plain = target(WireFormat::OpenAiResponses);
    plain.features = FeatureSet::EMPTY.with(Feature::Tools);
    let logprobs = json!(["message.output_text.logprobs"]);
    for (reasoning, losses) in [
        (json!({"effort": "low"}), vec!["reasoning"]),
        (json!({"effort": "none"}), vec![]),
        (json!({"summary": "auto"}), vec!["reasoning"]),
        (Value::Null, vec![]),
    ] {
        let request = json!({"model": "m", "input": "a", "reasoning": reasoning,
            "include": ["reasoning.encrypted_content", "message.output_text.logprobs"]});
        let text = request.to_string();
        let parsed = parse_responses_request(text.as_bytes()).unwrap();
        let (body, lossy) = written(&parsed, &plain).unwrap();
        assert_eq!(
            body,
            json!({"model": "its-model", "input": "a", "include": logprobs})
        );
        assert_eq!(lossy, losses);
        let reasoner = target(WireFormat::OpenAiResponses);
        let (body, lossy) = written(&parsed, &reasoner).unwrap();
        assert_eq!(body["reasoning"], reasoning);
        assert!(lossy.is_empty());
    }
    let text = json!({"model": "m", "input": "a", "include": ["reasoning.encrypted_content"]});
    let text = text.to_string();
    let parsed = parse_responses_request(text.as_bytes()).unwrap();
    let (body, _) = written(&parsed, &plain).unwrap();
    assert_eq!(body, json!({"model": "its-model", "input": "a"}));
}

#[test]
fn how_thoughts_are_to_be_told_is_lost_where_they_are_not() {
    let openai = target(WireFormat::OpenAiChat);
    let mut compatible = target(WireFormat::OpenAiChat);
    compatible.profile = WireProfile::COMPATIBLE;
    for (how, to_openai, to_others) in [
        ("auto", vec!["reasoning.summary"], vec![]),
        (
            "detailed",
            vec!["reasoning.summary"],
            vec!["reasoning.summary"],
        ),
    ] {
        let request = json!({"model": "m", "input": "a", "reasoning": {"summary": how}});
        let text = request.to_string();
        let parsed = parse_responses_request(text.as_bytes()).unwrap();
        assert_eq!(written(&parsed, &openai).unwrap().1, to_openai);
        assert_eq!(written(&parsed, &compatible).unwrap().1, to_others);
    }
}

#[test]
fn an_answer_that_says_nothing_keeps_its_place() {
    let own = target(WireFormat::OpenAiResponses);
    let nothing = json!({"type": "message", "role": "assistant", "content": ""});
    for answer in [
        json!({"role": "assistant", "content": null, "refusal": null}),
        json!({"role": "assistant", "content": null, "reasoning_content": "hm"}),
    ] {
        let request = json!({"model": "m", "messages": [
            {"role": "user", "content": "a"}, answer, {"role": "user", "content": "b"}]});
        let text = request.to_string();
        let parsed = parse_chat_request(text.as_bytes()).unwrap();
        let (body, lossy) = written(&parsed, &own).unwrap();
        assert_eq!(body["input"][1], nothing);
        assert_eq!(body["input"].as_array().unwrap().len(), 3);
        assert!(!lossy.contains(&"messages.content"));
    }
    // Thoughts of an answer that was cut off need something behind them.
    let thoughts =
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "g"});
    let user = json!({"role": "user", "content": "b"});
    let said = json!({"type": "message", "role": "assistant", "content": "c"});
    let search = json!({"type": "web_search_call", "id": "ws_1", "status": "completed"});
    for (input, expected) in [
        (
            json!([user, thoughts, user]),
            json!([user, thoughts, nothing, user]),
        ),
        (
            json!([user, thoughts, thoughts]),
            json!([user, thoughts, thoughts, nothing]),
        ),
        (
            json!([user, thoughts, said, user]),
            json!([user, thoughts, said, user]),
        ),
        (
            json!([user, thoughts, search, user]),
            json!([user, thoughts, search, user]),
        ),
    ] {
        let text = json!({"model": "m", "input": input}).to_string();
        let parsed = parse_responses_request(text.as_bytes()).unwrap();
        let (body, lossy) = written(&parsed, &own).unwrap();
        assert_eq!(body["input"], expected);
        assert!(lossy.is_empty());
    }
}

#[test]
fn only_what_openai_would_refuse_is_taken_out_of_a_history() {
    let own = target(WireFormat::OpenAiResponses);
    let reasoning = |id: &str, proof: Value| json!({"type": "reasoning", "id": id, "summary": [], "encrypted_content": proof});
    let long = format!("call_{}", "x".repeat(80));
    let request = json!({"model": "m", "unknown": {"kept": [1, 2]}, "input": [
        {"role": "user", "content": "a", "unknown": 1},
        reasoning("rs_1", json!("gAAA")),
        reasoning("rs_2", Value::Null),
        reasoning("rs_sy0000", Value::Null),
        reasoning("rs_3", json!("steelyard.0123456789abcdef.sig")),
        reasoning("rs_4", json!("redacted:steelyard.0123456789abcdef.data")),
        {"type": "function_call", "call_id": long, "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": long, "output": "1"}]});
    let text = request.to_string();
    let parsed = parse_responses_request(text.as_bytes()).unwrap();
    let (body, lossy) = written(&parsed, &own).unwrap();
    assert_eq!(lossy, ["input.reasoning"]);
    assert_eq!(body["unknown"], request["unknown"]);
    let items = body["input"].as_array().unwrap();
    assert_eq!(items[..3], request["input"].as_array().unwrap()[..3]);
    assert_eq!(items.len(), 5);
    let id = items[3]["call_id"].as_str().unwrap();
    assert!(id.len() <= 64 && items[4]["call_id"] == id, "{id}");
}

#[test]
fn a_model_without_sampling_parameters_is_not_sent_any() {
    let mut own = target(WireFormat::OpenAiResponses);
    own.facts.refuses_sampling = true;
    let text = json!({"model": "m", "input": "a", "temperature": 0.2, "top_p": 1}).to_string();
    let parsed = parse_responses_request(text.as_bytes()).unwrap();
    let (body, lossy) = written(&parsed, &own).unwrap();
    assert_eq!(body, json!({"model": "its-model", "input": "a"}));
    assert_eq!(lossy, ["temperature"]);
    let told = json!({"model": "m", "input": "a", "top_logprobs": 2}).to_string();
    let parsed = parse_responses_request(told.as_bytes()).unwrap();
    let (body, lossy) = written(&parsed, &own).unwrap();
    assert_eq!(body, json!({"model": "its-model", "input": "a"}));
    assert_eq!(lossy, ["top_logprobs"]);
    let included = json!({"model": "m", "input": "a", "top_logprobs": 2,
        "include": ["message.output_text.logprobs"]})
    .to_string();
    let parsed = parse_responses_request(included.as_bytes()).unwrap();
    let refusal = written(&parsed, &own).unwrap_err();
    assert!(refusal.starts_with("top_logprobs"), "{refusal}");
}

fn arbitrary_part() -> impl Strategy<Value = Value> {
    prop_oneof![
        "\\PC{1,12}".prop_map(|text| json!({"type": "input_text", "text": text})),
        Just(
            json!({"type": "input_image", "image_url": "data:image/png;base64,iVBO",
            "detail": "low"})
        ),
        Just(json!({"type": "input_image", "image_url": "https://x.y/z.png", "detail": "auto"})),
        Just(json!({"type": "input_file", "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,JVBE"})),
        Just(json!({"type": "input_file", "file_url": "https://x.y/z.pdf"})),
    ]
}

fn arbitrary_turn() -> impl Strategy<Value = Vec<Value>> {
    let parts = || prop::collection::vec(arbitrary_part(), 1..4);
    let user = prop_oneof![
        "\\PC{1,12}".prop_map(Value::from),
        parts().prop_map(Value::from),
    ];
    let user = user.prop_map(|said| vec![json!({"role": "user", "content": said})]);
    let answer = ("\\PC{1,12}", any::<bool>()).prop_map(|(text, refused)| {
        let mut parts = vec![json!({"type": "output_text", "text": text})];
        if refused {
            parts.push(json!({"type": "refusal", "refusal": "no"}));
        }
        vec![json!({"type": "message", "id": "msg_1", "role": "assistant", "content": parts})]
    });
    let output = prop_oneof![
        "\\PC{0,12}".prop_map(Value::from),
        parts().prop_map(Value::from),
    ];
    let call = ("[a-z]{1,8}", any::<bool>(), "\\PC{0,12}", output);
    let calls = prop::collection::vec(call, 1..3).prop_map(|calls| {
        let id = |at: usize| format!("call_{at}");
        let mut items: Vec<Value> = (0..)
            .zip(&calls)
            .map(|(at, (name, is_custom, input, _))| {
                if *is_custom {
                    return json!({"type": "custom_tool_call", "call_id": id(at), "name": name,
                        "input": input});
                }
                json!({"type": "function_call", "call_id": id(at), "name": name,
                    "arguments": "{\"a\":1}"})
            })
            .collect();
        items.extend((0..).zip(&calls).map(|(at, (_, is_custom, _, output))| {
            let kind = if *is_custom {
                "custom_tool_call_output"
            } else {
                "function_call_output"
            };
            json!({"type": kind, "call_id": id(at), "output": output})
        }));
        items
    });
    prop_oneof![user, answer, calls]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A conversation that is taken apart and written anew is the same conversation.
    #[test]
    fn conversations_survive_the_neutral_form(
        turns in prop::collection::vec(arbitrary_turn(), 1..8),
        instructions in prop::option::of("\\PC{1,12}"),
    ) {
        let mut body = json!({"model": "its-model", "input": turns.concat()});
        if let Some(instructions) = instructions {
            body["instructions"] = json!(instructions);
        }
        let text = body.to_string();
        let mut parsed = parse_responses_request(text.as_bytes()).unwrap();
        let before = format!("{:?}", parsed.messages);
        // As if it had come in another dialect: otherwise the bytes go through.
        parsed.dialect = Dialect::OpenAiChat;
        parsed.fields.clear();
        let (sent, lossy) = written(&parsed, &target(WireFormat::OpenAiResponses)).unwrap();
        conforms("arbitrary", &sent);
        prop_assert_eq!(lossy, Vec::<&str>::new());
        let outputs = |body: &Value| -> Vec<Value> {
            let items = body["input"].as_array().unwrap().iter();
            let kinds = items.map(|item| item["type"].clone());
            kinds.filter(|kind| kind.as_str().is_some_and(|kind| kind.ends_with("_output"))).collect()
        };
        prop_assert_eq!(outputs(&sent), outputs(&body));
        let sent = sent.to_string();
        let again = parse_responses_request(sent.as_bytes()).unwrap();
        let after = format!("{:?}", again.messages);
        let plain = |text: String| text.replace("Some(\"auto\")", "None");
        prop_assert_eq!(plain(after), plain(before));
    }
}
