//! Answers and requests of OpenAI and of servers that copy it, against recordings and the project's
//! own fixtures.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and says what it looked at"
)]

mod foreign_support;

use std::sync::Arc;

use bytes::Bytes;
use foreign_support as support;
use serde_json::{Value, json};
use steelyard_provider_adapter::openai::{OpenAiChat, parse_chat_request};
use steelyard_provider_adapter::{Adapter, Progress, ReplyContext, StreamReply, UnaryReply};
use steelyard_types::{FeatureSet, Target, WireFormat, WireProfile};
use support::{Recording, Tally};

const PROVIDERS: [&str; 5] = [
    "openai",
    "openai_compatible",
    "mistral",
    "deepseek",
    "dashscope",
];

/// How many recordings there are in this format.
const RECORDED: usize = 198;

/// The recordings of this format, with their provider.
fn recordings() -> Vec<(&'static str, Recording)> {
    let all = PROVIDERS.into_iter().flat_map(|provider| {
        support::recordings(provider)
            .into_iter()
            .map(move |recording| (provider, recording))
    });
    let all: Vec<_> = all
        .filter(|(_, recording)| is_in_scope(recording))
        .collect();
    if all.is_empty() {
        println!("skipped: {RECORDED} recorded exchanges, whose folder is not there");
    } else {
        assert!(
            all.len() >= RECORDED,
            "only {} recordings are left",
            all.len()
        );
    }
    all
}

/// Chat answers, and quoted errors but the one of DashScope's native API.
fn is_in_scope(recording: &Recording) -> bool {
    match recording.endpoint.as_str() {
        "chat" | "compat_chat" => true,
        "error" => !recording.file.contains("native"),
        _ => false,
    }
}

/// The pieces as clients get them: content that is a list is text with the thoughts beside it.
fn plain(mut pieces: Vec<Value>) -> Vec<Value> {
    for choice in pieces
        .iter_mut()
        .filter_map(|piece| piece["choices"].as_array_mut())
        .flatten()
    {
        let place = if choice["delta"].is_object() {
            "delta"
        } else {
            "message"
        };
        let said = &mut choice[place];
        if said["content"].is_array() {
            let text = words(&said["content"], "text");
            let thinking = words(&said["content"], "thinking");
            let has = |kind: &str| {
                let mut parts = said["content"].as_array().into_iter().flatten();
                parts.any(|part| part["type"] == kind)
            };
            let (has_text, has_thinking) = (has("text"), has("thinking"));
            said["content"] = if has_text { json!(text) } else { Value::Null };
            if has_thinking {
                said["reasoning_content"] = json!(thinking);
            }
        }
    }
    pieces
}

/// All text of a content: a string, or the parts of that type.
fn words(content: &Value, kind: &str) -> String {
    match content {
        Value::String(text) if kind == "text" => text.clone(),
        Value::Array(parts) => {
            let parts = parts.iter().filter(|part| part["type"] == kind);
            let texts = parts.flat_map(|part| match &part[kind] {
                Value::Array(inner) => inner
                    .iter()
                    .filter_map(|text| text["text"].as_str())
                    .collect(),
                text => text.as_str().into_iter().collect::<Vec<_>>(),
            });
            texts.collect()
        }
        _ => String::new(),
    }
}

/// What a client must see of the pieces of a recorded answer (one, if it did not stream), read off
/// the recording by itself.
fn expected(pieces: &[Value], said_in: &str) -> Value {
    let choices = || pieces.iter().filter_map(|piece| piece["choices"].get(0));
    let said = || choices().map(|choice| &choice[said_in]);
    let mut text = String::new();
    let mut reasoning = String::new();
    for said in said() {
        text += &words(&said["content"], "text");
        let plain = said["reasoning_content"]
            .as_str()
            .or(said["reasoning"].as_str());
        // One recorded answer tells its thoughts in the list alone.
        let details = said["reasoning_details"].as_array().into_iter().flatten();
        let details = details.filter_map(|one| one["text"].as_str().or(one["summary"].as_str()));
        let listed: String = details.collect();
        reasoning += plain.unwrap_or(&listed);
        reasoning += &words(&said["content"], "thinking");
    }
    let reason = choices().find_map(|choice| choice["finish_reason"].as_str());
    let mut places = pieces
        .iter()
        .flat_map(|piece| [&piece["x_groq"]["usage"], &piece["usage"]]);
    let usage = places.rfind(|usage| usage.is_object());
    let with_choices = pieces
        .iter()
        .find(|piece| piece["choices"].get(0).is_some())
        .unwrap();
    let mut seen = json!({
        "id": with_choices["id"],
        "model": with_choices["model"],
        "text": text,
        "reasoning": reasoning,
        "calls": calls(said()),
        "finish": reason.map(|reason| if reason == "function_call" { "tool_calls" } else { reason }),
        "usage": usage.map(usage_classes),
    });
    let refusals = said().filter_map(|said| said["refusal"].as_str());
    let refusal: String = refusals.collect();
    if !refusal.is_empty() {
        seen["refusal"] = json!(refusal);
    }
    let all = pieces[0]["choices"].as_array().map(Vec::as_slice);
    if let ("message", Some([_, further @ ..])) = (said_in, all)
        && !further.is_empty()
    {
        let words = |choice: &Value| words(&choice["message"]["content"], "text");
        seen["further"] = further.iter().map(words).collect();
    }
    seen
}

fn calls<'v>(said: impl Iterator<Item = &'v Value>) -> Vec<Value> {
    let mut calls: Vec<(Value, String, String)> = Vec::new();
    for said in said {
        for call in said["tool_calls"].as_array().into_iter().flatten() {
            let (number, function) = (&call["index"], &call["function"]);
            let arguments = function["arguments"].as_str().unwrap_or_default();
            match function["name"].as_str().filter(|name| !name.is_empty()) {
                Some(name) => calls.push((number.clone(), name.to_owned(), arguments.to_owned())),
                None => {
                    let open = calls.iter_mut().rfind(|call| call.0 == *number).unwrap();
                    open.2 += arguments;
                }
            }
        }
        if let Some(name) = said["function_call"]["name"].as_str() {
            let arguments = said["function_call"]["arguments"].as_str().unwrap();
            calls.push((Value::Null, name.to_owned(), arguments.to_owned()));
        }
    }
    let parsed = calls.into_iter().map(|(_, name, arguments)| {
        json!({"name": name, "arguments": serde_json::from_str::<Value>(&arguments).unwrap()})
    });
    parsed.collect()
}

fn usage_classes(usage: &Value) -> Value {
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let (prompt, completion) = (
        count(&usage["prompt_tokens"]),
        count(&usage["completion_tokens"]),
    );
    let cached = [
        &usage["prompt_tokens_details"]["cached_tokens"],
        &usage["prompt_cache_hit_tokens"],
        &usage["num_cached_tokens"],
        &usage["cached_tokens"],
    ];
    let cached = cached.into_iter().map(count).max().unwrap();
    let written = count(&usage["prompt_tokens_details"]["cache_write_tokens"]);
    let reasoning = count(&usage["completion_tokens_details"]["reasoning_tokens"]);
    json!({
        "input_fresh": prompt - cached - written,
        "input_cached": cached,
        "cache_write": written,
        "cache_write_1h": 0,
        "output": completion - reasoning,
        "reasoning": reasoning,
    })
}

/// The kind that a recorded error must be given, by what people would say of it.
fn expected_kind(recording: &Recording) -> &'static str {
    let body = &recording.body;
    let says = |words: &str| body.contains(words);
    match recording.status {
        _ if says("maximum context length") || says("max context length") => "context_length",
        _ if says("content_filter") || says("data_inspection_failed") => "content_filter",
        429 if says("\"insufficient_quota\"") => "upstream_quota",
        429 => "rate_limited",
        404 if says("model_not_found") => "upstream_model_not_found",
        400 => "bad_request",
        other => panic!("{}: no expectation for {other}", recording.file),
    }
}

fn pieces(recording: &Recording) -> Vec<Value> {
    let data = recording
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("data:"));
    let data = data.map(str::trim).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// An error object inside a stream, if there is one.
fn error_inside(pieces: &[Value]) -> Option<&str> {
    pieces
        .iter()
        .find_map(|piece| piece["error"]["message"].as_str())
}

#[test]
fn recorded_answers_are_understood() {
    let recordings = recordings();
    for provider in PROVIDERS {
        let mut tally = Tally::default();
        let own = |(owner, _): &&(&str, Recording)| *owner == provider;
        for (_, recording) in recordings.iter().filter(own) {
            let file = &recording.file;
            if recording.status != 200 {
                let head = support::head(recording.status, &recording.headers);
                let error = OpenAiChat.decode_error(&head, recording.body.as_bytes());
                let body: Value = serde_json::from_str(&recording.body).unwrap();
                let found = json!([error.kind.as_str(), error.message]);
                tally.check(
                    file,
                    &found,
                    &json!([expected_kind(recording), body["error"]["message"]]),
                );
                continue;
            }
            if !recording.is_stream() {
                let body: Value = serde_json::from_str(&recording.body).unwrap();
                if body["choices"][0]["message"]["tool_calls"][0]["type"] == "custom" {
                    custom_call_is_kept(recording, &body);
                    tally.skip("input of custom tools is no JSON: compared as text");
                    continue;
                }
                let found =
                    support::unary_outcome(&OpenAiChat, 200, &recording.headers, &recording.body);
                tally.check(file, &found, &expected(&[body], "message"));
                continue;
            }
            let pieces = pieces(recording);
            let found = support::stream_outcome(&OpenAiChat, &recording.body);
            match error_inside(&pieces) {
                Some(message) => {
                    tally.check(
                        file,
                        &json!([found["error"], found["message"]]),
                        &json!(["stream_error", message]),
                    );
                }
                None => tally.check(file, &found, &expected(&pieces, "delta")),
            }
        }
        tally.print(provider);
    }
}

/// What becomes of the errors that people quote most: whose they are, how long to wait, and what the
/// client is told.
#[test]
fn recorded_errors_keep_what_clients_act_upon() {
    use steelyard_provider_adapter::openai::error_body;
    use steelyard_provider_adapter::{ClientError, openai::status};

    let cases = [
        ("quoted__429_tpm", 429, Some(18_642), "rate_limit_exceeded"),
        (
            "quoted__429_request_too_large",
            429,
            None,
            "rate_limit_exceeded",
        ),
        (
            "quoted__429_insufficient_quota",
            429,
            None,
            "insufficient_quota",
        ),
        (
            "quoted__400_azure_content_filter",
            400,
            None,
            "content_filter",
        ),
        (
            "quoted__400_compat_data_inspection",
            400,
            None,
            "content_filter",
        ),
        (
            "chat__404__test_model_name_suggestion_groq",
            404,
            None,
            "model_not_found",
        ),
        (
            "chat__400__chat_real_error_scenarios_deepseek",
            400,
            None,
            "context_length_exceeded",
        ),
        (
            "chat__400__chat_real_error_scenarios_ollama",
            400,
            None,
            "context_length_exceeded",
        ),
        (
            "chat__400__chat_real_error_scenarios_openrouter",
            400,
            None,
            "context_length_exceeded",
        ),
        (
            "chat__400__test_tool_use_failed_error__0",
            400,
            None,
            "tool_use_failed",
        ),
    ];
    let recordings = recordings();
    for (file, client_status, retry_after_ms, code) in cases {
        let Some((_, recording)) = recordings
            .iter()
            .find(|(_, one)| one.file.starts_with(file))
        else {
            assert!(recordings.is_empty(), "{file} is missing");
            continue;
        };
        let head = support::head(recording.status, &recording.headers);
        let error = OpenAiChat.decode_error(&head, recording.body.as_bytes());
        assert_eq!(error.retry_after_ms, retry_after_ms, "{file}");
        assert_eq!(status(error.kind), client_status, "{file}");
        // As the gateway does: a caller's own mistake keeps the provider's code.
        let own = error.code.as_deref();
        let told = ClientError {
            kind: error.kind,
            message: &error.message,
            param: None,
            code: own.filter(|_| error.kind == steelyard_types::ErrorKind::BadRequest),
            request_id: "req-1",
        };
        let body: Value = serde_json::from_slice(&error_body(&told)).unwrap();
        assert_eq!(body["error"]["code"], code, "{file}");
    }
}

fn custom_call_is_kept(recording: &Recording, body: &Value) {
    let head = support::head(200, &recording.headers);
    let answer = OpenAiChat.decode(&head, recording.body.as_bytes()).unwrap();
    let custom = &body["choices"][0]["message"]["tool_calls"][0]["custom"];
    assert_eq!(json!(answer.tool_calls[0].name), custom["name"]);
    assert_eq!(json!(answer.tool_calls[0].arguments), custom["input"]);
}

fn context(include_usage: bool) -> ReplyContext {
    ReplyContext {
        dialect: steelyard_types::Dialect::OpenAiChat,
        id: "chatcmpl-own".to_owned(),
        created: 1_790_000_000,
        upstream_model: Arc::from("own-model"),
        include_usage,
        function_call: false,
        echo: None,
    }
}

/// What a client gets of a stream that comes in these pieces, and how it ended.
fn forwarded(chunks: &[&[u8]], include_usage: bool) -> (String, Progress, StreamReply) {
    let mut reply = StreamReply::new(WireFormat::OpenAiChat, context(include_usage));
    let mut out = Vec::new();
    for chunk in chunks {
        reply.push(&Bytes::copy_from_slice(chunk), &mut out);
    }
    let progress = reply.end(&mut out);
    reply.close(Some("{\"cost_usd\":\"0.000000001\"}"), &mut out);
    (String::from_utf8(out.concat()).unwrap(), progress, reply)
}

#[test]
fn recorded_streams_go_through_unharmed() {
    let (mut count, mut failed, mut slices) = (0, 0, 0);
    for (_, recording) in recordings() {
        if recording.status != 200 || !recording.is_stream() {
            continue;
        }
        let file = &recording.file;
        let sent = plain(pieces(&recording));
        for include_usage in [false, true] {
            let (text, progress, reply) = forwarded(&[recording.body.as_bytes()], include_usage);
            let got: Vec<Value> = text
                .lines()
                .filter_map(|line| line.strip_prefix("data:").map(str::trim))
                .filter(|data| *data != "[DONE]")
                .map(|data| serde_json::from_str(data).unwrap())
                .collect();
            if let Some(message) = error_inside(&sent) {
                assert_eq!(progress, Progress::Failed, "{file}");
                assert_eq!(reply.error().unwrap().message, message, "{file}");
                assert!(!text.contains("[DONE]"), "{file}");
                failed += 1;
                continue;
            }
            assert_eq!(progress, Progress::Complete, "{file}");
            assert!(text.ends_with("data: [DONE]\n\n"), "{file}");
            assert!(!reply.is_empty(), "{file}");
            // Nothing but usage is moved, and nothing else is touched.
            let without_usage = |pieces: &[Value]| -> Vec<Value> {
                let with_choices = pieces.iter().filter(|piece| {
                    piece["choices"].get(0).is_some() || !piece["usage"].is_object()
                });
                let stripped = with_choices
                    .filter(|piece| piece.get("steelyard").is_none())
                    .cloned();
                stripped
                    .map(|mut piece| {
                        piece.as_object_mut().unwrap().remove("usage");
                        piece
                    })
                    .collect()
            };
            assert_eq!(without_usage(&got), without_usage(&sent), "{file}");
            let used: Vec<&Value> = got
                .iter()
                .filter(|piece| piece["usage"].is_object())
                .collect();
            let given = sent
                .iter()
                .map(|piece| &piece["usage"])
                .rfind(|usage| usage.is_object());
            if include_usage {
                let last = got.last().unwrap();
                assert_eq!(last["steelyard"]["cost_usd"], "0.000000001", "{file}");
                assert_eq!(last["choices"], json!([]), "{file}");
                assert_eq!(last["id"], sent[0]["id"], "{file}");
                let in_extension = sent
                    .iter()
                    .any(|piece| piece["x_groq"]["usage"].is_object());
                assert_eq!(
                    used.len(),
                    usize::from(given.is_some() || in_extension),
                    "{file}"
                );
                if given.is_some() {
                    assert_eq!(used.first().map(|piece| &piece["usage"]), given, "{file}");
                }
            } else {
                assert!(used.is_empty(), "{file}");
            }
            let single: Vec<&[u8]> = recording.body.as_bytes().chunks(7).collect();
            assert_eq!(
                forwarded(&single, include_usage).0,
                text,
                "{file}: cut differently"
            );
            slices += 1;
        }
        count += 1;
    }
    println!(
        "{count} streams passed through twice ({slices} runs), {failed} runs ended in an error"
    );
}

#[test]
fn recorded_unary_answers_go_through_verbatim() {
    let mut count = 0;
    for (_, recording) in recordings() {
        if recording.status != 200 || recording.is_stream() {
            continue;
        }
        let body = Bytes::from(recording.body.clone().into_bytes());
        let head = support::head(200, &recording.headers);
        let reply =
            UnaryReply::read(WireFormat::OpenAiChat, &head, body.clone(), &context(false)).unwrap();
        let answer = OpenAiChat.decode(&head, &body).unwrap();
        let sent: Value = serde_json::from_slice(&body).unwrap();
        if plain(vec![sent.clone()]) == [sent.clone()] {
            assert_eq!(reply.body, body, "{}", recording.file);
        } else {
            let got: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!([got], *plain(vec![sent]), "{}", recording.file);
        }
        assert_eq!(reply.usage, answer.usage, "{}", recording.file);
        assert_eq!(reply.finish, answer.finish, "{}", recording.file);
        assert_eq!(reply.empty, answer.is_empty(), "{}", recording.file);
        count += 1;
    }
    println!("{count} answers passed through verbatim");
}

fn target(profile: WireProfile) -> Target {
    Target {
        upstream: Arc::from("upstream-model"),
        wire: WireFormat::OpenAiChat,
        profile,
        features: FeatureSet::EMPTY,
        facts: steelyard_types::ModelFacts::default(),
        max_output_tokens: 4_096,
    }
}

#[test]
fn recorded_requests_leave_as_they_came() {
    let (mut count, mut refused, mut absent) = (0, Vec::new(), 0);
    for (provider, recording) in recordings() {
        if !recording.request.is_object() {
            absent += 1;
            continue;
        }
        let mut sent = recording.request.clone();
        let bytes = serde_json::to_vec(&sent).unwrap();
        let request = match parse_chat_request(&bytes) {
            Ok(request) => request,
            Err(error) => panic!("{}: {error}", recording.file),
        };
        let profile = match provider {
            "openai" => WireProfile::OPENAI,
            "mistral" => WireProfile::MISTRAL,
            "deepseek" => WireProfile::DEEPSEEK,
            "dashscope" => WireProfile::DASHSCOPE,
            _ => WireProfile::COMPATIBLE,
        };
        let encoded = match OpenAiChat.encode(&request, &target(profile)) {
            Ok(encoded) => encoded,
            Err(refusal) => {
                refused.push(format!("{}: {refusal}", recording.file));
                continue;
            }
        };
        assert_eq!(encoded.path, "/chat/completions");
        let mut left: Value = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(left["model"], "upstream-model");
        let asks = left["stream_options"]["include_usage"] == true;
        assert_eq!(
            asks,
            request.stream && profile.stream_usage_option,
            "{}",
            recording.file
        );
        // Empty lists of calls say nothing, and OpenAI refuses them.
        for message in sent["messages"].as_array_mut().unwrap() {
            let message = message.as_object_mut().unwrap();
            message.retain(|name, value| name != "tool_calls" || *value != json!([]));
            if provider == "deepseek" && message.contains_key("tool_calls") {
                message
                    .entry("reasoning_content")
                    .or_insert_with(|| json!(""));
            }
        }
        assert_eq!(encoded.lossy.fields(), [""; 0], "{}", recording.file);
        let limits = ["max_tokens", "max_completion_tokens"];
        let limit = |body: &mut Value| {
            let fields = body.as_object_mut().unwrap();
            limits
                .map(|name| fields.remove(name))
                .into_iter()
                .flatten()
                .next()
        };
        assert_eq!(limit(&mut left), limit(&mut sent), "{}", recording.file);
        for body in [&mut sent, &mut left] {
            let fields = body.as_object_mut().unwrap();
            fields.remove("model");
            fields.remove("stream_options");
        }
        assert_eq!(left, sent, "{}", recording.file);
        count += 1;
    }
    println!("{count} requests left as they came, {absent} recordings have none");
    for refusal in refused {
        println!("refused: {refusal}");
    }
}

/// Every fixture of the project's own: `<name>.json` or `<name>.sse` beside
/// `<name>.expected.json`, which holds `status`, `headers` and the outcome.
#[test]
fn own_fixtures_are_understood() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/openai");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy().into_owned();
        let Some(base) = name.strip_suffix(".expected.json") else {
            continue;
        };
        let mut expected: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let fields = expected.as_object_mut().unwrap();
        let status = fields.remove("status").and_then(|status| status.as_u64());
        let status = u16::try_from(status.unwrap_or(200)).unwrap();
        let headers = fields.remove("headers").unwrap_or_default();
        let headers = headers.as_object().into_iter().flatten();
        let headers =
            headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
        let headers = support::Headers(headers.collect());
        let found = match std::fs::read_to_string(format!("{base}.sse")) {
            Ok(body) => {
                support::check_splits(&OpenAiChat, &body);
                support::stream_outcome(&OpenAiChat, &body)
            }
            Err(_) => {
                let body = std::fs::read_to_string(format!("{base}.json")).unwrap();
                support::unary_outcome(&OpenAiChat, status, &headers, &body)
            }
        };
        assert_eq!(found, expected, "{base}");
        count += 1;
    }
    println!("{count} fixtures of the project's own checked");
    assert!(count >= 31, "fixtures are missing");
}
