use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::openai::{ChunkWriter, usage_json};

mod calls;

fn reply(wire: WireFormat, include_usage: bool) -> StreamReply {
    let context = ReplyContext {
        dialect: Dialect::OpenAiChat,
        id: "chatcmpl-own".to_owned(),
        created: 17,
        upstream_model: Arc::from("up"),
        include_usage,
        function_call: false,
        echo: None,
    };
    StreamReply::new(wire, context)
}

/// Feeds a stream in these pieces and closes it: what the client gets, what each push said, and
/// the reply.
fn run(chunks: &[&[u8]], include_usage: bool) -> (String, Vec<Progress>, StreamReply) {
    let mut reply = reply(WireFormat::OpenAiChat, include_usage);
    let mut out = Vec::new();
    let mut said: Vec<Progress> = chunks
        .iter()
        .map(|chunk| reply.push(&Bytes::copy_from_slice(chunk), &mut out))
        .collect();
    said.push(reply.end(&mut out));
    reply.close(None, &mut out);
    (String::from_utf8(out.concat()).unwrap(), said, reply)
}

const ROLE: &str = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n";
const TEXT: &str = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hé\"},\"finish_reason\":null}]}\n\n";
const STOP: &str =
    "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"id\":\"c1\",\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"cost\":0.5}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn pieces<'a>(parts: &[&'a str]) -> Vec<&'a [u8]> {
    parts.iter().map(|part| part.as_bytes()).collect()
}

#[test]
fn replies_move_between_threads() {
    fn moves<T: Send + 'static>(_: &T) {}
    moves(&reply(WireFormat::OpenAiChat, true));
    moves(&reply(WireFormat::AnthropicMessages, true));
}

#[test]
fn frames_are_slices_of_the_input() {
    let chunk = Bytes::from([ROLE, TEXT].concat());
    let mut out = Vec::new();
    let progress = reply(WireFormat::OpenAiChat, false).push(&chunk, &mut out);
    assert_eq!(progress, Progress::Content);
    assert_eq!(out[0].as_ptr(), chunk.as_ptr());
    assert_eq!(out[1].as_ptr(), chunk[ROLE.len()..].as_ptr());
}

#[test]
fn progress_tells_the_commit_point_from_what_comes_before() {
    let (text, said, reply) = run(
        &pieces(&[": wait\n\n", ROLE, TEXT, ": wait\n\n", STOP, USAGE, DONE]),
        false,
    );
    use Progress::{Complete, Content, Waiting};
    assert_eq!(
        said,
        [
            Waiting, Waiting, Content, Content, Content, Content, Complete, Complete
        ]
    );
    assert_eq!(text, [ROLE, TEXT, ": wait\n\n", STOP, DONE].concat());
    let usage = Usage {
        input_fresh: 3,
        output: 2,
        ..Usage::default()
    };
    assert_eq!(
        (reply.usage(), reply.finish()),
        (Some(usage), Some(FinishReason::Stop))
    );
    assert!(!reply.is_empty());
}

#[test]
fn usage_is_held_back_and_extended() {
    let mut reply = reply(WireFormat::OpenAiChat, true);
    let mut out = Vec::new();
    for part in [ROLE, TEXT, STOP, USAGE, DONE] {
        reply.push(&Bytes::from(part), &mut out);
    }
    assert_eq!(out.concat(), [ROLE, TEXT, STOP].concat().as_bytes());
    out.clear();
    reply.close(Some("{\"cost\":1}"), &mut out);
    let expected = "data: {\"id\":\"c1\",\"model\":\"m\",\"object\":\"chat.completion.chunk\",\"choices\":[],\
        \"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"cost\":0.5},\"steelyard\":{\"cost\":1}}\n\n\
        data: [DONE]\n\n";
    assert_eq!(String::from_utf8(out.concat()).unwrap(), expected);
}

#[test]
fn usage_in_the_finish_chunk_is_split_off() {
    let finish = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":3},\"p\":1}\n\n";
    let (asked, _, _) = run(&pieces(&[ROLE, finish, DONE]), true);
    let split = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}],\"usage\":null,\"p\":1}\n\n\
        data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n";
    assert_eq!(asked, [ROLE, split, DONE].concat());
    let (unasked, _, reply) = run(&pieces(&[ROLE, finish, DONE]), false);
    let dropped = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}],\"p\":1}\n\n";
    assert_eq!(unasked, [ROLE, dropped, DONE].concat());
    assert_eq!(reply.usage().map(|usage| usage.input_fresh), Some(3));
}

#[test]
fn streams_that_end_early_are_broken() {
    for parts in [
        vec![ROLE, TEXT],
        vec![ROLE, TEXT, "data: {\"id\":\"c1\",\"choi"],
        vec![ROLE, TEXT, DONE],
        vec![],
    ] {
        let (text, said, reply) = run(&pieces(&parts), true);
        assert_eq!(said.last(), Some(&Progress::Failed), "{parts:?}");
        assert_eq!(
            reply.error().unwrap().kind,
            ErrorKind::BrokenStream,
            "{parts:?}"
        );
        assert!(!text.contains("[DONE]"), "{parts:?}");
    }
}

#[test]
fn every_choice_counts() {
    let chunk = |index: u32, delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"c1\",\"choices\":[{{\"index\":{index},\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let thought = chunk(1, "{\"reasoning_content\":\"hm\"}", "null");
    let second = chunk(1, "{\"refusal\":\"no\"}", "null");
    let first_ends = chunk(0, "{}", "\"stop\"");
    let second_ends = chunk(1, "{}", "\"length\"");
    let parts = [ROLE, &thought, &second, &first_ends, &second_ends];
    let (text, said, reply) = run(&pieces(&parts), false);
    use Progress::{Complete, Content, Waiting};
    assert_eq!(
        said,
        [Waiting, Content, Content, Content, Content, Complete]
    );
    assert_eq!(text, [&parts.concat(), DONE].concat());
    assert_eq!(reply.finish(), Some(FinishReason::Stop));
    assert!(!reply.is_empty());
    // Reasoning alone is not an answer, whichever choice it is in.
    let (_, _, reply) = run(&pieces(&[&thought, &first_ends, &second_ends]), false);
    assert!(reply.is_empty());
    // A stream that is cut before its last choice ended is not complete, unless it says so.
    let cut = [ROLE, &second, &first_ends];
    let (_, said, _) = run(&pieces(&cut), false);
    assert_eq!(said.last(), Some(&Progress::Failed));
    let (_, said, _) = run(&pieces(&[ROLE, &second, &first_ends, DONE]), false);
    assert_eq!(said.last(), Some(&Complete));
}

/// What a client of OpenAI's is sent of a provider's events: every choice's index, text and finish
/// reason, and the usage that was counted.
fn converted(
    wire: WireFormat,
    events: &[Value],
) -> (Vec<(u64, String, String)>, Progress, StreamReply) {
    let mut reply = reply(wire, true);
    let mut out = Vec::new();
    for event in events {
        reply.push(&Bytes::from(format!("data: {event}\n\n")), &mut out);
    }
    let progress = reply.end(&mut out);
    reply.close(None, &mut out);
    let text = String::from_utf8(out.concat()).unwrap();
    let words = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let chunks = text.lines().filter_map(|line| line.strip_prefix("data: {"));
    let choices = chunks.flat_map(|chunk| {
        let chunk: Value = serde_json::from_str(&format!("{{{chunk}")).unwrap();
        chunk["choices"].as_array().cloned().unwrap_or_default()
    });
    let seen = choices.map(|choice| {
        let index = choice["index"].as_u64().unwrap();
        (
            index,
            words(&choice["delta"]["content"]),
            words(&choice["finish_reason"]),
        )
    });
    (seen.collect(), progress, reply)
}

#[test]
fn candidates_of_one_stream_keep_their_places() {
    let part = |index: u64, text: &str, finish: Option<&str>| {
        json!({"index": index,
        "content": {"parts": [{"text": text}]}, "finishReason": finish})
    };
    let event = |candidates: Vec<Value>| {
        json!({"responseId": "r", "modelVersion": "m",
        "candidates": candidates, "usageMetadata": {"promptTokenCount": 1,
            "candidatesTokenCount": 4, "totalTokenCount": 5}})
    };
    let events = [
        event(vec![part(1, "b", None)]),
        event(vec![part(0, "a", None), part(1, "c", Some("MAX_TOKENS"))]),
        event(vec![part(0, "d", Some("STOP"))]),
    ];
    let (seen, progress, reply) = converted(WireFormat::GeminiGenerateContent, &events);
    let said = |index: u64| -> String {
        let of = seen.iter().filter(|(at, _, _)| *at == index);
        of.map(|(_, text, _)| text.as_str()).collect()
    };
    assert_eq!((said(0), said(1)), ("ad".to_owned(), "bc".to_owned()));
    let ends: Vec<_> = seen
        .iter()
        .filter(|(_, _, finish)| !finish.is_empty())
        .collect();
    let end = |index: u64, finish: &str| (index, String::new(), finish.to_owned());
    assert_eq!(ends, [&end(0, "stop"), &end(1, "length")]);
    assert_eq!(progress, Progress::Complete);
    assert_eq!(reply.finish(), Some(FinishReason::Stop));
    // Without the second one's end the answer is not whole.
    let cut = [event(vec![part(1, "b", None), part(0, "a", Some("STOP"))])];
    let (_, progress, _) = converted(WireFormat::GeminiGenerateContent, &cut);
    assert_eq!(progress, Progress::Failed);
    let many = [event(vec![part(16, "b", None)])];
    let (_, progress, _) = converted(WireFormat::GeminiGenerateContent, &many);
    assert_eq!(progress, Progress::Failed);
}

#[test]
fn answers_of_one_stream_are_counted_together() {
    let event = |index: u64, text: &str, finish: &str, output: u64| {
        json!({"request_id": "r",
        "output": {"choices": [{"index": index, "finish_reason": finish,
            "message": {"role": "assistant", "content": text}}]},
        "usage": {"input_tokens": 10, "output_tokens": output, "total_tokens": 10 + output}})
    };
    let events = [
        event(0, "a", "null", 1),
        event(1, "b", "null", 1),
        event(1, "c", "stop", 2),
        event(0, "", "stop", 3),
    ];
    let (seen, progress, reply) = converted(WireFormat::DashScopeGeneration, &events);
    let said = |index: u64| -> String {
        let of = seen.iter().filter(|(at, _, _)| *at == index);
        of.map(|(_, text, _)| text.as_str()).collect()
    };
    assert_eq!((said(0), said(1)), ("a".to_owned(), "bc".to_owned()));
    assert_eq!(progress, Progress::Complete);
    let usage = reply.usage().unwrap();
    assert_eq!((usage.prompt_tokens(), usage.completion_tokens()), (10, 5));
    let (_, progress, _) = converted(WireFormat::DashScopeGeneration, &events[..3]);
    assert_eq!(progress, Progress::Failed);
}

#[test]
fn streams_that_forget_their_last_line_are_complete() {
    for last in ["", "data: [DONE]", "data: [DONE]\n"] {
        let (text, said, _) = run(&pieces(&[ROLE, TEXT, STOP, last]), false);
        assert_eq!(said.last(), Some(&Progress::Complete), "{last:?}");
        assert_eq!(text, [ROLE, TEXT, STOP, DONE].concat(), "{last:?}");
    }
    let cut = STOP.trim_end();
    let (text, said, _) = run(&pieces(&[ROLE, TEXT, cut]), false);
    assert_eq!(said.last(), Some(&Progress::Complete));
    assert_eq!(text, [ROLE, TEXT, STOP, DONE].concat());
}

#[test]
fn nothing_follows_an_error() {
    for (frame, kind) in [
        (
            "data: {\"error\":{\"message\":\"no\",\"code\":502}}\n\n",
            ErrorKind::UpstreamServer,
        ),
        ("data: {\"error\":\"no\"}\n\n", ErrorKind::StreamError),
        (
            "event: error\ndata: {\"error\":{\"message\":\"no\",\"status_code\":400}}\n\n",
            ErrorKind::StreamError,
        ),
        (
            "event: error\ndata: out of order\n\n",
            ErrorKind::StreamError,
        ),
        ("data: {oops\n\n", ErrorKind::InvalidAnswer),
        ("data: \"text\"\n\n", ErrorKind::InvalidAnswer),
        (
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}\n\n",
            ErrorKind::StreamError,
        ),
    ] {
        let (text, said, reply) = run(&pieces(&[TEXT, frame, TEXT, STOP, DONE]), true);
        assert_eq!(said[1..], [Progress::Failed; 5], "{frame}");
        assert_eq!(reply.error().unwrap().kind, kind, "{frame}");
        assert_eq!(text, TEXT, "{frame}");
    }
    let (_, _, reply) = run(&[b"data: \xff\n\n"], true);
    assert_eq!(reply.error().unwrap().kind, ErrorKind::InvalidAnswer);
}

#[test]
fn an_answer_of_nothing_is_empty_unless_its_reason_explains_it() {
    let thought = "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"hm\"}}]}\n\n";
    let no_calls = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[]}}]}\n\n";
    let (_, said, reply) = run(&pieces(&[ROLE, no_calls, STOP, DONE]), false);
    assert_eq!(said[2], Progress::Waiting);
    assert!(reply.is_empty());
    assert!(
        run(&pieces(&[ROLE, thought, STOP, DONE]), false)
            .2
            .is_empty()
    );
    let full = STOP.replace("stop", "length");
    assert!(!run(&pieces(&[ROLE, &full, DONE]), false).2.is_empty());
    let call = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"1\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n";
    assert!(!run(&pieces(&[call, STOP, DONE]), false).2.is_empty());
}

/// The events of an answer of another format, written for the client.
#[test]
fn other_formats_are_written_anew() {
    let mut writer = ChunkWriter::new(ReplyContext {
        dialect: Dialect::OpenAiChat,
        id: "chatcmpl-own".to_owned(),
        created: 17,
        upstream_model: Arc::from("up"),
        include_usage: true,
        function_call: false,
        echo: None,
    });
    for event in [
        StreamEvent::Start {
            id: "msg_1".into(),
            model: "claude".into(),
        },
        StreamEvent::Reasoning("hm".into()),
        StreamEvent::Text("a\n\"b\"".into()),
        StreamEvent::ToolCallStart {
            index: 0,
            id: "t1".into(),
            kind: steelyard_types::ToolKind::Function,
            name: "f".into(),
        },
        StreamEvent::ToolCallArguments {
            index: 0,
            fragment: "{\"x\":".into(),
        },
        StreamEvent::ToolCallArguments {
            index: 0,
            fragment: "1}".into(),
        },
        StreamEvent::Finish(FinishReason::ToolCalls),
        StreamEvent::Finish(FinishReason::Stop),
        StreamEvent::Usage(Usage::default()),
        StreamEvent::Done,
    ] {
        writer.event(&event);
    }
    let text = String::from_utf8(writer.take().unwrap().to_vec()).unwrap();
    let chunks: Vec<Value> = text
        .split_terminator("\n\n")
        .map(|frame| serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap())
        .collect();
    for chunk in &chunks {
        assert_eq!(chunk["id"], "chatcmpl-own");
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(
            (&chunk["created"], &chunk["model"]),
            (&json!(17), &json!("claude"))
        );
        assert_eq!(chunk["usage"], Value::Null);
        assert!(chunk.as_object().unwrap().contains_key("usage"));
    }
    let deltas: Vec<Value> = chunks
        .iter()
        .map(|chunk| {
            json!([
                chunk["choices"][0]["delta"],
                chunk["choices"][0]["finish_reason"]
            ])
        })
        .collect();
    assert_eq!(
        deltas,
        [
            json!([{"role": "assistant", "content": ""}, null]),
            json!([{"reasoning_content": "hm"}, null]),
            json!([{"content": "a\n\"b\""}, null]),
            json!([{"tool_calls": [{"index": 0, "id": "t1", "type": "function",
                "function": {"name": "f", "arguments": ""}}]}, null]),
            json!([{"tool_calls": [{"index": 0, "function": {"arguments": "{\"x\":"}}]}, null]),
            json!([{"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}, null]),
            json!([{}, "tool_calls"]),
        ]
    );
}

#[test]
fn usage_without_the_providers_words_is_written_from_the_classes() {
    let usage = Usage {
        input_fresh: 1,
        input_cached: 2,
        cache_write: 4,
        cache_write_1h: 8,
        output: 16,
        reasoning: 32,
        disagrees: false,
    };
    let json: Value = serde_json::from_str(&usage_json(&usage)).unwrap();
    assert_eq!(
        json,
        json!({"prompt_tokens": 15, "completion_tokens": 48, "total_tokens": 63,
            "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 12},
            "completion_tokens_details": {"reasoning_tokens": 32}})
    );
}

fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let frame = prop_oneof![
        Just(ROLE.to_owned()),
        Just(TEXT.to_owned()),
        Just(TEXT.replace('\n', "\r\n")),
        Just(STOP.to_owned()),
        Just(USAGE.to_owned()),
        Just(DONE.to_owned()),
        Just(": comment\n\n".to_owned()),
        Just("event: x\ndata: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"z\"}}]}\n\n".to_owned()),
        Just("data: {\"choices\":[{\"delta\":{\"content\":\"z\"},\ndata: \"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1}}\r\n\r\n".to_owned()),
        Just("data: {\"error\":\"no\"}\n\n".to_owned()),
        "[ -~\n\r]{0,20}".prop_map(String::from),
    ];
    proptest::collection::vec(frame, 0..8).prop_map(|frames| frames.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_output(
        stream in any_stream(),
        cuts in proptest::collection::vec(any::<usize>(), 0..10),
        include_usage in any::<bool>(),
    ) {
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
        places.extend([0, stream.len()]);
        places.sort_unstable();
        let chunks: Vec<&[u8]> = places.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        let (whole, whole_said, whole_reply) = run(&[&stream], include_usage);
        let (cut, cut_said, cut_reply) = run(&chunks, include_usage);
        prop_assert_eq!(cut, whole);
        prop_assert_eq!(cut_said.last(), whole_said.last());
        prop_assert_eq!(cut_reply.usage(), whole_reply.usage());
        prop_assert_eq!(cut_reply.finish(), whole_reply.finish());
        prop_assert_eq!(cut_reply.error(), whole_reply.error());
    }

    #[test]
    fn arbitrary_bytes_never_panic_in_any_format(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for wire in [
            WireFormat::OpenAiChat,
            WireFormat::AnthropicMessages,
            WireFormat::GeminiGenerateContent,
            WireFormat::DashScopeGeneration,
        ] {
            let mut reply = reply(wire, true);
            let mut out = Vec::new();
            reply.push(&Bytes::from(bytes.clone()), &mut out);
            let end = reply.end(&mut out);
            prop_assert!(matches!(end, Progress::Complete | Progress::Failed));
        }
    }

    #[test]
    fn arbitrary_chunks_never_panic(chunks in proptest::collection::vec(any_chunk(), 0..5)) {
        let stream: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
        let (text, said, _) = run(&[stream.as_bytes()], true);
        prop_assert!(matches!(said.last(), Some(Progress::Complete | Progress::Failed)));
        prop_assert_eq!(said.last() == Some(&Progress::Complete), text.ends_with(DONE));
        for chunk in chunks {
            let head = crate::ResponseHead {
                status: 200,
                headers: &[("x", "y")],
                at: steelyard_types::UnixMillis(0),
            };
            let _ = adapter(WireFormat::OpenAiChat).decode(&head, chunk.to_string().as_bytes());
        }
    }
}

/// JSON with the names that answers have, in any place.
fn any_chunk() -> impl Strategy<Value = Value> {
    let names = "id|model|choices|index|delta|message|content|reasoning|tool_calls|function|name|\
                 arguments|finish_reason|usage|prompt_tokens|error|code|type|text|thinking";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "stop|length|error|text|thinking|x".prop_map(Value::from),
    ];
    let inner = leaf.prop_recursive(5, 48, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(names, inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    (inner.clone(), inner).prop_map(|(choice, usage)| {
        json!({"id": "c", "choices": [{"index": 0, "delta": choice, "finish_reason": "stop"}],
            "usage": usage})
    })
}
