//! Calls in their deprecated form, and calls of custom tools.

use super::*;
use crate::{ResponseHead, UnaryReply};

fn context(dialect: Dialect, function_call: bool) -> ReplyContext {
    ReplyContext {
        dialect,
        id: "own".to_owned(),
        created: 17,
        upstream_model: Arc::from("up"),
        include_usage: true,
        function_call,
        echo: None,
    }
}

fn streamed(wire: WireFormat, context: ReplyContext, body: &str, size: usize) -> String {
    let mut reply = StreamReply::new(wire, context);
    let mut out = Vec::new();
    for piece in body.as_bytes().chunks(size.max(1)) {
        reply.push(&Bytes::copy_from_slice(piece), &mut out);
    }
    assert_eq!(reply.end(&mut out), Progress::Complete, "{body}");
    reply.close(None, &mut out);
    String::from_utf8(out.concat()).unwrap()
}

fn whole(wire: WireFormat, context: &ReplyContext, body: &Value) -> Value {
    let headers: &[(&str, &str)] = &[];
    let head = ResponseHead {
        status: 200,
        headers: &headers,
        at: steelyard_types::UnixMillis(0),
    };
    let reply = UnaryReply::read(wire, &head, Bytes::from(body.to_string()), context).unwrap();
    serde_json::from_slice(&reply.body).unwrap()
}

/// The data of the events, as JSON.
fn events(text: &str) -> Vec<Value> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let lines = lines.filter(|data| *data != "[DONE]");
    lines
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// A server's stream of these deltas, which ends with calls.
fn chunks(deltas: &[Value]) -> String {
    let frame = |choices: Value| {
        let chunk = json!({"id": "c1", "model": "m", "own": 1, "choices": choices});
        format!("data: {chunk}\n\n")
    };
    let mut all: Vec<String> = deltas
        .iter()
        .map(|delta| frame(json!([{"index": 0, "delta": delta, "finish_reason": null}])))
        .collect();
    all.push(frame(
        json!([{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]),
    ));
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 2});
    all.push(format!(
        "data: {}\n\ndata: [DONE]\n\n",
        json!({"id": "c1", "model": "m", "choices": [], "usage": usage})
    ));
    all.concat()
}

/// Two calls as servers tell them: in pieces, whole, and whole with the same number.
fn tellings() -> Vec<Vec<Value>> {
    let start = |index: u32, id: &str, name: &str, arguments: &str| {
        json!({"tool_calls": [{"index": index, "id": id, "type": "function",
            "function": {"name": name, "arguments": arguments}}]})
    };
    let more = |index: u32, arguments: &str| json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]});
    let opening = json!({"role": "assistant", "content": ""});
    vec![
        vec![
            opening.clone(),
            start(0, "a", "f", ""),
            more(0, "{\"x\""),
            more(0, ":1}"),
            start(1, "b", "g", ""),
            more(1, "{"),
            more(1, "}"),
        ],
        vec![
            opening,
            start(0, "a", "f", "{\"x\":1}"),
            start(0, "b", "g", "{}"),
        ],
        vec![
            json!({"role": "assistant", "content": "", "function_call": null, "tool_calls": [
            {"index": 0, "id": "a", "type": "function",
                "function": {"name": "f", "arguments": "{\"x\":1}"}},
            {"index": 1, "id": "b", "type": "function",
                "function": {"name": "g", "arguments": "{}"}}]}),
        ],
    ]
}

/// What a client of the deprecated form makes of a stream: its call, others, and the reason.
fn joined(text: &str) -> Value {
    let (mut name, mut arguments) = (String::new(), String::new());
    let mut others: Vec<(String, String)> = Vec::new();
    let mut finish = Value::Null;
    for chunk in events(text) {
        for choice in chunk["choices"].as_array().unwrap() {
            let delta = &choice["delta"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            name.push_str(&text(&delta["function_call"]["name"]));
            arguments.push_str(&text(&delta["function_call"]["arguments"]));
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
                if others.len() == index {
                    others.push((text(&call["id"]), String::new()));
                }
                others[index]
                    .1
                    .push_str(&text(&call["function"]["arguments"]));
            }
            if !choice["finish_reason"].is_null() {
                finish = choice["finish_reason"].clone();
            }
        }
    }
    json!([name, arguments, others, finish])
}

#[test]
fn who_asked_with_functions_finds_the_call_there_whatever_the_server_speaks() {
    let context = context(Dialect::OpenAiChat, true);
    let expected = json!(["f", "{\"x\":1}", [["b", "{}"]], "function_call"]);
    for deltas in tellings() {
        let body = chunks(&deltas);
        for size in [7, body.len()] {
            let told = streamed(WireFormat::OpenAiChat, context.clone(), &body, size);
            assert_eq!(joined(&told), expected, "{told}");
            // Everything else of it stays as it is.
            let told = events(&told);
            assert_eq!(told[0]["own"], 1);
            assert_eq!(told.last().unwrap()["usage"]["prompt_tokens"], 3);
        }
    }
    // What converted streams say.
    let anthropic = [
        json!({"type": "message_start", "message": {"id": "m", "model": "c", "usage": {}}}),
        json!({"type": "content_block_start", "index": 0,
            "content_block": {"type": "tool_use", "id": "a", "name": "f", "input": {}}}),
        json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": "{\"x\":1}"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1,
            "content_block": {"type": "tool_use", "id": "b", "name": "g", "input": {}}}),
        json!({"type": "content_block_delta", "index": 1,
            "delta": {"type": "input_json_delta", "partial_json": "{}"}}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}}),
        json!({"type": "message_stop"}),
    ]
    .map(|event| {
        format!(
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().unwrap()
        )
    })
    .concat();
    let told = streamed(WireFormat::AnthropicMessages, context, &anthropic, 50);
    assert_eq!(joined(&told), expected);
}

#[test]
fn whole_answers_tell_it_there_too() {
    let call = |id: &str, name: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}});
    let body = json!({"id": "c1", "own": [1], "choices": [{"index": 0, "finish_reason": "tool_calls",
        "message": {"role": "assistant", "content": null, "reasoning": "hm",
            "tool_calls": [call("a", "f"), call("b", "g")]}}]});
    let mut expected = body.clone();
    let choice = &mut expected["choices"][0];
    choice["finish_reason"] = json!("function_call");
    choice["message"]["function_call"] = json!({"name": "f", "arguments": "{}"});
    choice["message"]["tool_calls"] = json!([call("b", "g")]);
    let functions = context(Dialect::OpenAiChat, true);
    assert_eq!(whole(WireFormat::OpenAiChat, &functions, &body), expected);
    let tools = context(Dialect::OpenAiChat, false);
    assert_eq!(whole(WireFormat::OpenAiChat, &tools, &body), body);
}

#[test]
fn openais_own_calls_in_that_form_go_through_as_they_are() {
    let frame = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\": \"c1\", \"choices\": [{{\"index\": 0, \"delta\":{delta}, \"finish_reason\": {finish}}}]}}\n\n"
        )
    };
    let body = [
        frame(
            r#"{"role":"assistant","content":null,"function_call":{"name":"f","arguments":""}}"#,
            "null",
        ),
        frame(r#"{"function_call":{"arguments": "{"}}"#, "null"),
        frame(r#"{"function_call":{"arguments": "}"}}"#, "null"),
        frame("{}", "\"function_call\""),
        DONE.to_owned(),
    ]
    .concat();
    let context = ReplyContext {
        include_usage: false,
        ..context(Dialect::OpenAiChat, true)
    };
    let told = streamed(WireFormat::OpenAiChat, context, &body, body.len());
    assert_eq!(told, body);
}

#[test]
fn calls_of_custom_tools_are_told_in_the_other_of_openais_apis() {
    let start = |index: u32, id: &str, name: &str| {
        json!({"tool_calls": [{"index": index, "id": id, "type": "custom",
            "custom": {"name": name, "input": ""}}]})
    };
    let more = |index: u32, input: &str| json!({"tool_calls": [{"index": index, "custom": {"input": input}}]});
    let function = json!({"tool_calls": [{"index": 2, "id": "c", "type": "function",
        "function": {"name": "f", "arguments": "{}"}}]});
    let chat = chunks(&[
        start(0, "a", "t"),
        more(0, "{ \"not\": "),
        more(0, "JSON"),
        start(1, "b", "u"),
        function,
    ]);
    let in_responses = streamed(
        WireFormat::OpenAiChat,
        context(Dialect::OpenAiResponses, false),
        &chat,
        40,
    );
    let items: Vec<Value> = {
        let end = events(&in_responses).pop().unwrap();
        assert_eq!(end["response"]["status"], "completed");
        end["response"]["output"].as_array().unwrap().clone()
    };
    let call = |id: &str, name: &str, input: &str| {
        json!([id, "custom_tool_call", "completed", name, input])
    };
    let seen = |item: &Value| {
        let text = item.get("input").or(item.get("arguments"));
        json!([
            item["call_id"],
            item["type"],
            item["status"],
            item["name"],
            text
        ])
    };
    let seen: Vec<Value> = items.iter().map(seen).collect();
    assert_eq!(
        seen,
        [
            call("a", "t", "{ \"not\": JSON"),
            call("b", "u", ""),
            json!(["c", "function_call", "completed", "f", "{}"])
        ]
    );
    let inputs: Vec<Value> = events(&in_responses)
        .into_iter()
        .filter(|event| event["type"] == "response.custom_tool_call_input.delta")
        .map(|event| json!([event["output_index"], event["item_id"], event["delta"]]))
        .collect();
    let id = &items[0]["id"];
    assert!(id.as_str().unwrap().starts_with("ctc_"), "{id}");
    assert_eq!(
        inputs,
        [json!([0, id, "{ \"not\": "]), json!([0, id, "JSON"])]
    );
    // And back again.
    let back = streamed(
        WireFormat::OpenAiResponses,
        context(Dialect::OpenAiChat, false),
        &in_responses,
        33,
    );
    let deltas: Vec<Value> = events(&back)
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"].get("tool_calls").cloned())
        .map(|calls| calls[0].clone())
        .collect();
    let of = |index: u32| {
        let mut input = String::new();
        let mut whole = Value::Null;
        for delta in deltas.iter().filter(|delta| delta["index"] == index) {
            if delta.get("id").is_some() {
                whole = delta.clone();
            }
            input.push_str(delta["custom"]["input"].as_str().unwrap_or_default());
        }
        json!([whole["id"], whole["type"], whole["custom"]["name"], input])
    };
    assert_eq!(of(0), json!(["a", "custom", "t", "{ \"not\": JSON"]));
    assert_eq!(of(1), json!(["b", "custom", "u", ""]));
    assert_eq!(of(2), json!(["c", "function", null, ""]));
    let end = events(&back);
    let finish = |chunk: &Value| chunk["choices"][0]["finish_reason"] == "tool_calls";
    assert!(end.iter().any(finish));
}

#[test]
fn whole_calls_of_custom_tools_are_told_in_the_other_of_openais_apis() {
    let called = json!({"id": "a", "type": "custom", "custom": {"name": "t", "input": "4 + 4"}});
    let chat = json!({"id": "c1", "model": "m", "choices": [{"index": 0, "finish_reason": "tool_calls",
        "message": {"role": "assistant", "content": null, "tool_calls": [called]}}]});
    let told = whole(
        WireFormat::OpenAiChat,
        &context(Dialect::OpenAiResponses, false),
        &chat,
    );
    let item = &told["output"][0];
    assert_eq!(
        (
            &item["type"],
            &item["call_id"],
            &item["name"],
            &item["input"]
        ),
        (
            &json!("custom_tool_call"),
            &json!("a"),
            &json!("t"),
            &json!("4 + 4")
        )
    );
    let back = whole(
        WireFormat::OpenAiResponses,
        &context(Dialect::OpenAiChat, false),
        &told,
    );
    let choice = &back["choices"][0];
    assert_eq!(choice["message"]["tool_calls"], json!([called]));
    assert_eq!(choice["finish_reason"], "tool_calls");
}

/// How a server tells calls: the pieces of each one's arguments, whether a call begins with an empty
/// one, whether calls are numbered, and whether pieces share chunks.
type Telling = (Vec<Vec<String>>, bool, bool, bool);

fn any_telling() -> impl Strategy<Value = Telling> {
    let pieces = proptest::collection::vec("[a-z\"\\\\{}é]{1,4}", 1..4);
    let calls = proptest::collection::vec(pieces, 1..4);
    (calls, any::<bool>(), any::<bool>(), any::<bool>())
}

proptest! {
    #[test]
    fn calls_are_told_in_the_deprecated_form_however_a_server_tells_them(
        (calls, empty, numbered, together) in any_telling(),
        size in 1_usize..200,
    ) {
        let mut pieces = Vec::new();
        for (at, fragments) in calls.iter().enumerate() {
            let index = if numbered { at } else { 0 };
            let mut fragments = fragments.iter();
            let first = if empty { "" } else { fragments.next().unwrap() };
            pieces.push(json!({"index": index, "id": format!("id{at}"), "type": "function",
                "function": {"name": format!("f{at}"), "arguments": first}}));
            pieces.extend(fragments.map(|fragment| {
                json!({"index": index, "function": {"arguments": fragment}})
            }));
        }
        let deltas: Vec<Value> = if together {
            vec![json!({"role": "assistant", "tool_calls": pieces})]
        } else {
            pieces.iter().map(|piece| json!({"tool_calls": [piece]})).collect()
        };
        let context = context(Dialect::OpenAiChat, true);
        let told = streamed(WireFormat::OpenAiChat, context, &chunks(&deltas), size);
        let others: Vec<Value> = (1..calls.len())
            .map(|at| json!([format!("id{at}"), calls[at].concat()]))
            .collect();
        let expected = json!(["f0", calls[0].concat(), others, "function_call"]);
        prop_assert_eq!(joined(&told), expected);
    }
}
