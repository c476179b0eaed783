//! Gemini's signatures on parts of its text, and its summaries of what it thought, from an answer
//! through a client of each dialect back to their own model, and not to another.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use steelyard_provider_adapter::messages::parse_messages_request;
use steelyard_provider_adapter::openai::parse_chat_request;
use steelyard_provider_adapter::responses::parse_responses_request;
use steelyard_provider_adapter::{
    Progress, ReplyContext, ResponseHead, StreamReply, UnaryReply, adapter,
};
use steelyard_types::{Dialect, FeatureSet, ModelFacts, Target, WireFormat, WireProfile};

const WIRE: WireFormat = WireFormat::GeminiGenerateContent;
const MODEL: &str = "gemini-3-flash";
const SIGNATURE: &str = "EqQB/+8=";
const OF_CALL: &str = "CiQBVKhc";
const DOORS: [Dialect; 3] = [
    Dialect::OpenAiChat,
    Dialect::AnthropicMessages,
    Dialect::OpenAiResponses,
];

fn target(wire: WireFormat, upstream: &str, profile: WireProfile) -> Target {
    Target {
        upstream: Arc::from(upstream),
        wire,
        profile,
        features: FeatureSet::EMPTY,
        facts: ModelFacts::default(),
        max_output_tokens: 64_000,
    }
}

fn gemini(upstream: &str) -> Target {
    target(WIRE, upstream, WireProfile::OPENAI)
}

fn thought() -> Value {
    json!({"text": "Hm, hm.", "thought": true})
}

fn text(text: &str) -> Value {
    json!({"text": text})
}

fn signed(text: &str) -> Value {
    json!({"text": text, "thoughtSignature": SIGNATURE})
}

fn call(signature: Option<&str>) -> Value {
    let mut part = json!({"functionCall": {"id": "x8i0", "name": "f", "args": {}}});
    if let Some(signature) = signature {
        part["thoughtSignature"] = json!(signature);
    }
    part
}

fn chunk(parts: &[Value], finish: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    json!({"candidates": [candidate], "modelVersion": MODEL, "responseId": "r"})
}

fn context(dialect: Dialect) -> ReplyContext {
    ReplyContext {
        dialect,
        id: "own".to_owned(),
        created: 17,
        upstream_model: Arc::from(MODEL),
        include_usage: false,
        function_call: false,
        echo: None,
    }
}

/// What a client of that dialect keeps of a whole answer with these parts, as items of its history.
fn kept(dialect: Dialect, parts: &[Value]) -> Vec<Value> {
    let head = ResponseHead {
        status: 200,
        headers: &[],
        at: steelyard_types::UnixMillis(0),
    };
    let body = Bytes::from(chunk(parts, Some("STOP")).to_string());
    let reply = UnaryReply::read(WIRE, &head, body, &context(dialect)).unwrap();
    let reply: Value = serde_json::from_slice(&reply.body).unwrap();
    match dialect {
        Dialect::AnthropicMessages => {
            vec![json!({"role": "assistant", "content": reply["content"]})]
        }
        Dialect::OpenAiResponses => reply["output"].as_array().unwrap().clone(),
        _ => vec![reply["choices"][0]["message"].clone()],
    }
}

/// The same of an answer that was streamed part by part.
fn kept_of_stream(dialect: Dialect, parts: &[Value]) -> Vec<Value> {
    let mut reply = StreamReply::new(WIRE, context(dialect));
    let mut out = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let finish = (index + 1 == parts.len()).then_some("STOP");
        let frame = format!(
            "data: {}\r\n\r\n",
            chunk(std::slice::from_ref(part), finish)
        );
        reply.push(&Bytes::from(frame), &mut out);
    }
    assert_eq!(reply.end(&mut out), Progress::Complete);
    reply.close(None, &mut out);
    let text = String::from_utf8(out.concat()).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = data
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    match dialect {
        Dialect::AnthropicMessages => vec![of_events(&events)],
        Dialect::OpenAiResponses => {
            let last = &events.last().unwrap()["response"]["output"];
            last.as_array().unwrap().clone()
        }
        _ => vec![of_chunks(&events)],
    }
}

fn append(whole: &mut Value, field: &str, more: &Value) {
    if let Some(more) = more.as_str() {
        let text = whole[field].as_str().unwrap_or_default();
        whole[field] = json!(format!("{text}{more}"));
    }
}

fn of_events(events: &[Value]) -> Value {
    let mut blocks: Vec<Value> = Vec::new();
    let mut input = String::new();
    for event in events {
        let delta = &event["delta"];
        match event["type"].as_str().unwrap() {
            "content_block_start" => blocks.push(event["content_block"].clone()),
            "content_block_delta" => {
                let block = blocks.last_mut().unwrap();
                for field in ["text", "thinking", "signature"] {
                    append(block, field, &delta[field]);
                }
                input.push_str(delta["partial_json"].as_str().unwrap_or_default());
            }
            _ => {}
        }
    }
    assert!(["", "{}"].contains(&input.as_str()), "{input}");
    json!({"role": "assistant", "content": blocks})
}

fn of_chunks(chunks: &[Value]) -> Value {
    let mut message = json!({"role": "assistant", "content": null});
    for delta in chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]) {
        for field in ["content", "reasoning_content"] {
            append(&mut message, field, &delta[field]);
        }
        for field in ["reasoning_details", "tool_calls"] {
            for entry in delta[field].as_array().into_iter().flatten() {
                let at = usize::try_from(entry["index"].as_u64().unwrap()).unwrap();
                match message[field].get_mut(at) {
                    Some(begun) => {
                        let more = &entry["function"]["arguments"];
                        append(&mut begun["function"], "arguments", more);
                    }
                    None if at == 0 => message[field] = json!([entry]),
                    None => message[field].as_array_mut().unwrap().push(entry.clone()),
                }
            }
        }
    }
    message
}

/// The history that goes on from this answer with a question, or the result of its call.
fn history(dialect: Dialect, answer: &[Value]) -> String {
    let question = json!({"role": "user", "content": "Well?"});
    let mut items = vec![question.clone()];
    items.extend(answer.iter().cloned());
    let text = json!(answer).to_string();
    let calls = text.contains("x8i0");
    let id = calls.then(|| {
        let from = text.find("x8i0").unwrap();
        let to = text[from..].find('"').unwrap();
        &text[from..from + to]
    });
    items.push(match (id, dialect) {
        (None, _) => question,
        (Some(id), Dialect::AnthropicMessages) => json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": id, "content": "ten"}]}),
        (Some(id), Dialect::OpenAiResponses) => {
            json!({"type": "function_call_output", "call_id": id, "output": "ten"})
        }
        (Some(id), _) => json!({"role": "tool", "tool_call_id": id, "content": "ten"}),
    });
    let body = match dialect {
        Dialect::AnthropicMessages => json!({"model": "auto", "max_tokens": 9, "messages": items}),
        Dialect::OpenAiResponses => json!({"model": "auto", "store": false, "input": items}),
        _ => json!({"model": "auto", "messages": items}),
    };
    body.to_string()
}

/// The request as that model is sent it, and what is lost.
fn sent(dialect: Dialect, body: &str, target: &Target) -> (Value, Vec<&'static str>) {
    let request = match dialect {
        Dialect::AnthropicMessages => parse_messages_request(body.as_bytes()),
        Dialect::OpenAiResponses => parse_responses_request(body.as_bytes()),
        _ => parse_chat_request(body.as_bytes()),
    };
    let request = request.unwrap();
    let encoded = adapter(target.wire).encode(&request, target).unwrap();
    let carries = adapter(target.wire).carries(&request, target);
    assert_eq!(carries.as_ref(), Ok(&encoded.lossy), "known beforehand");
    let sent = serde_json::from_slice(&encoded.body).unwrap();
    (sent, encoded.lossy.fields().to_vec())
}

/// The word for lost thoughts in that dialect.
fn lost_word(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::AnthropicMessages => "messages.thinking",
        Dialect::OpenAiResponses => "input.reasoning",
        _ => "messages.reasoning",
    }
}

/// What keeps an answer: whole or streamed.
type Keep = fn(Dialect, &[Value]) -> Vec<Value>;
const WAYS: [Keep; 2] = [kept, kept_of_stream];

fn ways() -> impl Iterator<Item = (Dialect, Keep)> {
    DOORS
        .into_iter()
        .flat_map(|door| WAYS.map(|way| (door, way)))
}

#[test]
fn signatures_return_on_the_part_that_they_stood_on() {
    let cases = [
        (vec![signed("Yes.")], vec![signed("Yes.")]),
        (
            vec![thought(), text("Yé"), text("s."), signed("")],
            vec![text("Yés."), signed("")],
        ),
        (
            vec![text("One. "), signed("Two. "), text("Three.")],
            vec![text("One. "), signed("Two. "), text("Three.")],
        ),
        (
            vec![thought(), signed("Let me see."), call(None)],
            vec![
                signed("Let me see."),
                call(Some("skip_thought_signature_validator")),
            ],
        ),
        (
            vec![signed("Let me see."), call(Some(OF_CALL))],
            vec![signed("Let me see."), call(Some(OF_CALL))],
        ),
        (
            vec![thought(), signed(""), call(Some(OF_CALL))],
            vec![signed(""), call(Some(OF_CALL))],
        ),
    ];
    for (dialect, keep) in ways() {
        for (parts, expected) in &cases {
            let answer = keep(dialect, parts);
            let body = history(dialect, &answer);
            let (sent, lossy) = sent(dialect, &body, &gemini(MODEL));
            assert_eq!(sent["contents"][1]["parts"], json!(expected), "{body}");
            assert_eq!(lossy, [""; 0], "{body}");
        }
    }
}

#[test]
fn signatures_stay_behind_when_the_model_changes() {
    let others = [
        gemini("gemini-3-pro"),
        target(WireFormat::OpenAiChat, "ds", WireProfile::DEEPSEEK),
        target(WireFormat::OpenAiChat, "qwen", WireProfile::DASHSCOPE),
        target(WireFormat::OpenAiChat, "local", WireProfile::COMPATIBLE),
        target(WireFormat::OpenAiChat, "mistral", WireProfile::MISTRAL),
        target(WireFormat::AnthropicMessages, "claude", WireProfile::OPENAI),
        target(WireFormat::OpenAiResponses, "gpt", WireProfile::OPENAI),
        target(WireFormat::DashScopeGeneration, "qwen", WireProfile::OPENAI),
        target(WireFormat::CohereChat, "command", WireProfile::OPENAI),
    ];
    for (dialect, keep) in ways() {
        for parts in [
            vec![signed("Yes.")],
            vec![thought(), text("Yes.")],
            vec![thought(), text("Yes."), call(None)],
            vec![thought(), signed("Yes."), call(Some(OF_CALL))],
        ] {
            let body = history(dialect, &keep(dialect, &parts));
            for target in &others {
                let (sent, lossy) = sent(dialect, &body, target);
                let sent = sent.to_string();
                for gone in [SIGNATURE, OF_CALL, "Hm, hm.", "steelyard."] {
                    assert!(!sent.contains(gone), "{gone} to {target:?}: {sent}");
                }
                assert!(sent.contains("Yes."), "{sent}");
                assert!(lossy.contains(&lost_word(dialect)), "{lossy:?}: {body}");
            }
        }
    }
}

#[test]
fn words_stand_before_the_signature_on_them() {
    for keep in WAYS {
        let answer = keep(Dialect::AnthropicMessages, &[signed("Yes.")]);
        let blocks = &answer[0]["content"];
        assert_eq!(blocks[0], json!({"type": "text", "text": "Yes."}));
        assert_eq!(blocks[1]["type"], "redacted_thinking");
        let items = keep(Dialect::OpenAiResponses, &[signed("Yes."), call(None)]);
        let kinds: Vec<_> = items.iter().map(|item| &item["type"]).collect();
        assert_eq!(kinds, ["message", "reasoning", "function_call"]);
        let message = keep(Dialect::OpenAiChat, &[signed("Yes.")]).remove(0);
        assert_eq!(
            message["reasoning_details"][0]["type"],
            "reasoning.encrypted"
        );
        assert!(message["reasoning_content"].is_null());
    }
}

/// In a stream such an answer is several messages to clients of Responses, its signatures behind the
/// last.
#[test]
fn signatures_return_on_words_between_thoughts() {
    let other = |text: &str| json!({"text": text, "thoughtSignature": "EqQC"});
    let cases = [
        (
            vec![thought(), signed("Zoné"), thought(), other("Ztwo")],
            vec![signed("Zoné"), other("Ztwo")],
        ),
        (
            vec![thought(), text("Zone"), thought(), text("Ztwo"), signed("")],
            vec![text("Zone"), text("Ztwo"), signed("")],
        ),
        (
            vec![text("Zone"), signed(""), thought(), text("Ztwo")],
            vec![text("Zone"), signed(""), text("Ztwo")],
        ),
        (
            vec![
                signed("Zone"),
                thought(),
                other("Ztwo"),
                call(Some(OF_CALL)),
            ],
            vec![signed("Zone"), other("Ztwo"), call(Some(OF_CALL))],
        ),
        (
            vec![signed("Zone"), thought(), call(Some(OF_CALL))],
            vec![signed("Zone"), call(Some(OF_CALL))],
        ),
        (
            vec![thought(), signed("Zone"), thought()],
            vec![signed("Zone")],
        ),
    ];
    let joined = |parts: &Value| -> String {
        let texts = parts.as_array().unwrap().iter();
        texts.filter_map(|part| part["text"].as_str()).collect()
    };
    let proofs = |parts: &Value| -> Vec<(String, Value)> {
        let parts = parts.as_array().unwrap();
        let signed = (0..parts.len()).filter(|at| parts[*at]["thoughtSignature"].is_string());
        signed
            .map(|at| (joined(&json!(parts[..=at])), parts[at].clone()))
            .collect()
    };
    for (dialect, keep) in ways() {
        for (parts, expected) in &cases {
            // An answer before it without a question between is another one.
            for before in [false, true] {
                let mut answer = keep(dialect, parts);
                if before {
                    answer.insert(0, json!({"role": "assistant", "content": "First. "}));
                }
                let body = history(dialect, &answer);
                let (sent, lossy) = sent(dialect, &body, &gemini(MODEL));
                let mut parts = sent["contents"][1]["parts"].clone();
                if before {
                    assert_eq!(parts.as_array_mut().unwrap().remove(0), text("First. "));
                }
                assert_eq!(joined(&parts), joined(&json!(expected)), "{body}");
                // Unsigned neighbours may be one part or two.
                let signed = proofs(&json!(expected));
                assert_eq!(proofs(&parts), signed, "{parts}: {body}");
                assert_eq!(lossy, [""; 0], "{body}");
            }
        }
    }
}

#[test]
fn a_text_that_was_changed_is_no_longer_signed() {
    for (dialect, keep) in ways() {
        let body = history(dialect, &keep(dialect, &[signed("Yes, yes.")]));
        // Shorter, longer, and of the same length.
        for changed in ["No.", "Yes, yes, yes.", "Yes, yet."] {
            let body = body.replace("Yes, yes.", changed);
            let (sent, lossy) = sent(dialect, &body, &gemini(MODEL));
            assert_eq!(sent["contents"][1]["parts"], json!([text(changed)]));
            assert_eq!(lossy, [lost_word(dialect)], "{body}");
        }
    }
}

#[test]
fn an_answer_that_is_nothing_but_thoughts_is_missed() {
    for (dialect, keep) in ways() {
        for parts in [vec![thought(), signed("")], vec![signed("")]] {
            let body = history(dialect, &keep(dialect, &parts));
            assert!(body.contains(SIGNATURE), "{body}");
            let (sent, lossy) = sent(dialect, &body, &gemini(MODEL));
            assert_eq!(sent["contents"].as_array().unwrap().len(), 1, "{sent}");
            assert_eq!(lossy, [lost_word(dialect)], "{body}");
        }
    }
}
