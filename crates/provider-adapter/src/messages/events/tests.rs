use std::sync::Arc;

use serde_json::{Value, json};
use steelyard_types::{Dialect, FinishReason};

use super::*;

fn writer() -> EventWriter {
    EventWriter::new(ReplyContext {
        dialect: Dialect::AnthropicMessages,
        id: "msg_own".to_owned(),
        created: 17,
        upstream_model: Arc::from("up"),
        include_usage: true,
        function_call: false,
        echo: None,
    })
}

fn text(text: &str) -> StreamEvent<'_> {
    StreamEvent::Text(text.into())
}

fn start(index: u32, name: &str) -> StreamEvent<'_> {
    StreamEvent::ToolCallStart {
        index,
        id: format!("id{index}").into(),
        kind: steelyard_types::ToolKind::Function,
        name: name.into(),
    }
}

fn piece(index: u32, fragment: &str) -> StreamEvent<'_> {
    StreamEvent::ToolCallArguments {
        index,
        fragment: fragment.into(),
    }
}

/// The data of what is written for these events, closed.
fn written(events: &[StreamEvent<'_>]) -> Vec<Value> {
    let mut writer = writer();
    for event in events {
        writer.event(event).unwrap();
    }
    writer.close(None, Some("{\"cost_usd\":\"0.1\"}"));
    let bytes = writer.take().unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    text.split_terminator("\n\n")
        .map(|frame| {
            let (event, data) = frame.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(event.strip_prefix("event: "), data["type"].as_str());
            data
        })
        .collect()
}

/// The blocks in short: their kind and what their deltas say, in order.
fn blocks(events: &[Value]) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    for event in events {
        if event["type"] == "content_block_start" {
            let block = &event["content_block"];
            let kind = block["name"].as_str().or(block["type"].as_str());
            blocks.push((kind.unwrap().to_owned(), String::new()));
        }
        if event["type"] == "content_block_delta" {
            let delta = &event["delta"];
            let said = ["text", "thinking", "partial_json", "signature"]
                .iter()
                .find_map(|field| delta[field].as_str());
            blocks.last_mut().unwrap().1.push_str(said.unwrap());
        }
    }
    blocks
}

fn owned(blocks: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(kind, said): &(&str, &str)| ((*kind).to_owned(), (*said).to_owned());
    blocks.iter().map(own).collect()
}

#[test]
fn an_answer_is_written_in_order() {
    let events = written(&[
        StreamEvent::Start {
            id: "x".into(),
            model: "m".into(),
        },
        StreamEvent::Usage(Usage {
            input_fresh: 5,
            input_cached: 7,
            ..Usage::default()
        }),
        StreamEvent::Reasoning("hm".into()),
        text("hel"),
        text("lo"),
        StreamEvent::Finish(FinishReason::Stop),
        StreamEvent::Usage(Usage {
            input_fresh: 5,
            input_cached: 7,
            output: 3,
            reasoning: 2,
            ..Usage::default()
        }),
        StreamEvent::Done,
    ]);
    let kinds: Vec<_> = events.iter().map(|event| event["type"].clone()).collect();
    let expected = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(kinds, expected);
    let message = &events[0]["message"];
    assert_eq!(message["id"], "msg_own");
    assert_eq!(message["model"], "m");
    assert_eq!(message["usage"]["input_tokens"], 5);
    assert_eq!(message["usage"]["cache_read_input_tokens"], 7);
    let end = &events[8];
    assert_eq!(
        end["delta"],
        json!({"stop_reason": "end_turn", "stop_sequence": null})
    );
    assert_eq!(end["usage"]["output_tokens"], 5);
    assert_eq!(end["usage"]["output_tokens_details"]["thinking_tokens"], 2);
    assert_eq!(end["steelyard"]["cost_usd"], "0.1");
}

#[test]
fn a_change_from_text_to_a_call_loses_nothing() {
    let events = written(&[
        text("I look."),
        start(0, "look"),
        piece(0, "{\"a\":\"}{\\\"\""),
        piece(0, "}"),
        text("Done."),
        StreamEvent::Finish(FinishReason::Stop),
    ]);
    let expected = [
        ("text", "I look."),
        ("look", "{\"a\":\"}{\\\"\"}"),
        ("text", "Done."),
    ];
    assert_eq!(blocks(&events), owned(&expected));
    let end = &events[events.len() - 2];
    assert_eq!(end["delta"]["stop_reason"], "tool_use");
}

#[test]
fn calls_side_by_side_come_one_after_another() {
    let events = written(&[
        start(0, "a"),
        start(1, "b"),
        piece(1, "{\"y\":"),
        piece(0, "{\"x\":1"),
        text("words"),
        piece(1, "2}"),
        piece(0, "}"),
        start(2, "c"),
        StreamEvent::Finish(FinishReason::ToolCalls),
    ]);
    let expected = [
        ("a", "{\"x\":1}"),
        ("b", "{\"y\":2}"),
        ("text", "words"),
        ("c", ""),
    ];
    assert_eq!(blocks(&events), owned(&expected));
}

#[test]
fn a_call_that_goes_on_after_its_end_is_no_answer() {
    let mut writer = writer();
    for event in [
        start(0, "a"),
        piece(0, "{}"),
        start(1, "b"),
        piece(0, " \n"),
    ] {
        writer.event(&event).unwrap();
    }
    let error = writer.event(&piece(0, "more")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidAnswer);
}

#[test]
fn what_waits_is_bounded() {
    let mut writer = writer();
    writer.event(&start(0, "a")).unwrap();
    writer.event(&piece(0, "{")).unwrap();
    let long = "x".repeat(1 << 20);
    let failed = (0..32).find_map(|_| writer.event(&text(&long)).err());
    assert_eq!(
        failed.map(|error| error.kind),
        Some(ErrorKind::InvalidAnswer)
    );
}

#[test]
fn reasons_to_stop_are_translated() {
    let reason = |events: &[StreamEvent<'_>]| {
        let events = written(events);
        events[events.len() - 2]["delta"]["stop_reason"].clone()
    };
    use FinishReason::{ContentFilter, Length, Stop, ToolCalls};
    for (finish, word) in [
        (Stop, "end_turn"),
        (Length, "max_tokens"),
        (ToolCalls, "tool_use"),
        (ContentFilter, "refusal"),
    ] {
        assert_eq!(reason(&[text("a"), StreamEvent::Finish(finish)]), word);
    }
    let no = [
        StreamEvent::Refusal("I will not.".into()),
        StreamEvent::Finish(Stop),
    ];
    assert_eq!(reason(&no), "refusal");
    let cut = [start(0, "a"), piece(0, "{\"x"), StreamEvent::Finish(Length)];
    assert_eq!(reason(&cut), "max_tokens");
}

#[test]
fn an_answer_without_blocks_is_an_answer() {
    let events = written(&[StreamEvent::Finish(FinishReason::ContentFilter)]);
    assert_eq!(events.len(), 3);
    assert_eq!(events[0]["message"]["model"], "up");
}

fn signature(signature: &str) -> StreamEvent<'_> {
    StreamEvent::ReasoningSignature(signature.into())
}

fn reasoning(words: &str) -> StreamEvent<'_> {
    StreamEvent::Reasoning(words.into())
}

/// Types of the deltas and blocks, in order.
fn kinds(events: &[Value]) -> Vec<String> {
    let kind = |event: &Value| {
        let part = [&event["delta"]["type"], &event["content_block"]["type"]];
        part.iter()
            .find_map(|kind| kind.as_str())
            .map(str::to_owned)
    };
    events.iter().filter_map(kind).collect()
}

#[test]
fn thoughts_end_with_their_signature() {
    let events = written(&[
        reasoning("one"),
        reasoning(" more"),
        signature("s1"),
        reasoning("two"),
        signature("s2"),
        text("Hi"),
        StreamEvent::Finish(FinishReason::Stop),
    ]);
    let expected = owned(&[
        ("thinking", "one mores1"),
        ("thinking", "twos2"),
        ("text", "Hi"),
    ]);
    assert_eq!(blocks(&events), expected);
    let expected = [
        "thinking",
        "thinking_delta",
        "thinking_delta",
        "signature_delta",
        "thinking",
        "thinking_delta",
        "signature_delta",
        "text",
        "text_delta",
    ];
    assert_eq!(kinds(&events), expected);
}

#[test]
fn a_signature_without_words_has_an_empty_block() {
    let events = written(&[
        signature("s1"),
        signature("s2"),
        text("Hi"),
        StreamEvent::Finish(FinishReason::Stop),
    ]);
    let expected = owned(&[("thinking", "s1"), ("thinking", "s2"), ("text", "Hi")]);
    assert_eq!(blocks(&events), expected);
}

#[test]
fn unreadable_thoughts_are_whole_blocks() {
    let data = |data: &'static str| StreamEvent::RedactedReasoning(data.into());
    let events = written(&[
        data("d1"),
        data("d2"),
        reasoning("one"),
        data("d3"),
        text("Hi"),
        StreamEvent::Finish(FinishReason::Stop),
    ]);
    let found: Vec<_> = events
        .iter()
        .filter_map(|event| event["content_block"]["data"].as_str())
        .collect();
    assert_eq!(found, ["d1", "d2", "d3"]);
    let expected = [
        "redacted_thinking",
        "redacted_thinking",
        "thinking",
        "thinking_delta",
        "redacted_thinking",
        "text",
        "text_delta",
    ];
    assert_eq!(kinds(&events), expected);
}

#[test]
fn thoughts_wait_behind_a_call_with_their_signature() {
    let events = written(&[
        start(0, "look"),
        piece(0, "{\"a\":"),
        reasoning("hm"),
        signature("s"),
        StreamEvent::RedactedReasoning("d".into()),
        reasoning("more"),
        piece(0, "1}"),
        StreamEvent::Finish(FinishReason::ToolCalls),
    ]);
    let expected = owned(&[
        ("look", "{\"a\":1}"),
        ("thinking", "hms"),
        ("redacted_thinking", ""),
        ("thinking", "more"),
    ]);
    assert_eq!(blocks(&events), expected);
}
