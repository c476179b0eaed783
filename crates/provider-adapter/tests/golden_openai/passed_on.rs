//! What the same dialect in and out leaves as it was: streams, whole answers and requests.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use steelyard_provider_adapter::openai::{OpenAiChat, parse_chat_request};
use steelyard_provider_adapter::{Adapter, Progress, ReplyContext, StreamReply, UnaryReply};
use steelyard_types::{FeatureSet, Target, WireFormat, WireProfile};

use crate::expected::{plain, words};
use crate::{error_inside, pieces, recordings, support};

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
    let (mut count, mut thoughts) = (0, 0);
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
            let mut got: Value = serde_json::from_slice(&reply.body).unwrap();
            thoughts += usize::from(thoughts_return(&mut got, &sent));
            assert_eq!([got], *plain(vec![sent]), "{}", recording.file);
        }
        assert_eq!(reply.usage, answer.usage, "{}", recording.file);
        assert_eq!(reply.finish, answer.finish, "{}", recording.file);
        assert_eq!(reply.empty, answer.is_empty(), "{}", recording.file);
        count += 1;
    }
    println!("{count} answers passed through verbatim, thoughts of {thoughts} returned");
}

/// Takes what is there for the way back out of an answer whose content was a list, having gone on
/// from it: the model is sent the very words.
fn thoughts_return(got: &mut Value, recorded: &Value) -> bool {
    let message = got["choices"][0]["message"].clone();
    let answer = got["choices"][0]["message"].as_object_mut().unwrap();
    if answer.remove("reasoning_details").is_none() {
        return false;
    }
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": "a"}, message,
        {"role": "user", "content": "b"}]})
    .to_string();
    let request = parse_chat_request(body.as_bytes()).unwrap();
    let mut mistral = target(WireProfile::MISTRAL);
    mistral.upstream = context(false).upstream_model;
    let encoded = OpenAiChat.encode(&request, &mistral).unwrap();
    assert!(encoded.lossy.is_empty());
    let sent: Value = serde_json::from_slice(&encoded.body).unwrap();
    let (sent, recorded) = (&sent["messages"][1], &recorded["choices"][0]["message"]);
    for kind in ["thinking", "text"] {
        let wanted = words(&recorded["content"], kind);
        assert_eq!(words(&sent["content"], kind), wanted);
    }
    assert!(sent.get("reasoning_content").is_none());
    true
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
