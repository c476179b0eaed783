//! Answers in each provider's form: unary, streamed, with functions, with usage.

use serde_json::{Value, json};

use crate::rig::{ALL, Got, Kind, Rig};

/// Text, calls, finish word and total tokens, read the way the provider's clients do.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    text: String,
    reasoning: String,
    calls: Vec<(String, Value)>,
    finish: String,
    output: u64,
    prompt: u64,
    cached: u64,
}

fn unary(kind: Kind, body: &Value) -> Seen {
    let mut seen = Seen::default();
    match kind {
        Kind::Anthropic => {
            for block in body["content"].as_array().unwrap() {
                match block["type"].as_str().unwrap() {
                    "text" => seen.text += block["text"].as_str().unwrap(),
                    "thinking" => seen.reasoning += block["thinking"].as_str().unwrap(),
                    _ => seen.calls.push((
                        block["name"].as_str().unwrap().to_owned(),
                        block["input"].clone(),
                    )),
                }
            }
            seen.finish = body["stop_reason"].as_str().unwrap_or_default().to_owned();
            anthropic_usage(&mut seen, &body["usage"]);
        }
        Kind::Gemini => gemini_chunk(&mut seen, body),
        Kind::DashScope => dashscope_event(&mut seen, body),
        Kind::Cohere => {
            let message = &body["message"];
            cohere_message(&mut seen, message);
            let calls = message["tool_calls"].as_array();
            for call in calls.into_iter().flatten() {
                let function = &call["function"];
                let name = function["name"].as_str().unwrap().to_owned();
                seen.calls.push((name, function["arguments"].clone()));
            }
            cohere_end(&mut seen, body);
        }
        _ => {
            let choice = &body["choices"][0];
            let message = &choice["message"];
            if let Some(parts) = message["content"].as_array() {
                for part in parts {
                    seen.text += part["text"].as_str().unwrap_or_default();
                    seen.reasoning += part["thinking"][0]["text"].as_str().unwrap_or_default();
                }
            }
            seen.text += message["content"].as_str().unwrap_or_default();
            for name in ["reasoning_content", "reasoning"] {
                seen.reasoning += message[name].as_str().unwrap_or_default();
            }
            for call in message["tool_calls"].as_array().unwrap_or(&Vec::new()) {
                let arguments = call["function"]["arguments"].as_str().unwrap();
                let name = call["function"]["name"].as_str().unwrap().to_owned();
                seen.calls
                    .push((name, serde_json::from_str(arguments).unwrap()));
            }
            seen.finish = choice["finish_reason"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            chat_usage(&mut seen, &body["usage"]);
        }
    }
    seen
}

/// What is said in a message, or in a piece of one.
fn cohere_message(seen: &mut Seen, message: &Value) {
    let content = &message["content"];
    let blocks = content
        .as_array()
        .map_or(vec![content], |all| all.iter().collect());
    for block in blocks {
        seen.text += block["text"].as_str().unwrap_or_default();
        seen.reasoning += block["thinking"].as_str().unwrap_or_default();
    }
}

fn cohere_end(seen: &mut Seen, end: &Value) {
    seen.finish = end["finish_reason"].as_str().unwrap_or_default().to_owned();
    let usage = &end["usage"];
    seen.prompt = usage["billed_units"]["input_tokens"].as_u64().unwrap();
    seen.output = usage["billed_units"]["output_tokens"].as_u64().unwrap();
    seen.cached = usage["cached_tokens"].as_u64().unwrap();
    assert!(usage["tokens"]["input_tokens"].as_u64().unwrap() > seen.prompt);
}

/// Blocks are opened, filled and closed one after another, calls too.
fn cohere_stream(seen: &mut Seen, got: &Got) {
    assert_eq!(got.data().last().unwrap(), "[DONE]");
    let (mut open, mut began, mut ended) = (None, 0, false);
    for event in got.events() {
        let kind = event["type"].as_str().unwrap();
        assert!(got.text.contains(&format!("event: {kind}\n")));
        let message = &event["delta"]["message"];
        cohere_message(seen, message);
        let call = &message["tool_calls"];
        match kind {
            "message-start" => assert!(!event["id"].as_str().unwrap().is_empty()),
            "tool-plan-delta" => assert!(message["tool_plan"].is_string()),
            "content-start" | "tool-call-start" => {
                assert_eq!(open.replace(event["index"].clone()), None);
                if let Some(name) = call["function"]["name"].as_str() {
                    assert!(call["id"].as_str().unwrap().starts_with(name));
                    seen.calls.push((name.to_owned(), json!("")));
                }
                began += 1;
            }
            "content-delta" | "tool-call-delta" => {
                assert_eq!(open.as_ref(), Some(&event["index"]));
                if let Some(fragment) = call["function"]["arguments"].as_str() {
                    let arguments = &mut seen.calls.last_mut().unwrap().1;
                    *arguments = json!(arguments.as_str().unwrap().to_owned() + fragment);
                }
            }
            "content-end" | "tool-call-end" => {
                assert_eq!(open.take(), Some(event["index"].clone()));
            }
            "message-end" => {
                cohere_end(seen, &event["delta"]);
                ended = true;
            }
            other => panic!("no such event: {other}"),
        }
    }
    assert!(began > 0 && open.is_none() && ended);
}

fn anthropic_usage(seen: &mut Seen, usage: &Value) {
    seen.output = usage["output_tokens"].as_u64().unwrap();
    seen.cached = usage["cache_read_input_tokens"].as_u64().unwrap();
    let written = usage["cache_creation_input_tokens"].as_u64().unwrap();
    seen.prompt = usage["input_tokens"].as_u64().unwrap() + seen.cached + written;
}

fn chat_usage(seen: &mut Seen, usage: &Value) {
    seen.prompt = usage["prompt_tokens"].as_u64().unwrap();
    seen.output = usage["completion_tokens"].as_u64().unwrap();
    assert_eq!(
        usage["total_tokens"].as_u64().unwrap(),
        seen.prompt + seen.output
    );
    seen.cached = usage["prompt_tokens_details"]["cached_tokens"]
        .as_u64()
        .unwrap_or(0);
}

fn gemini_chunk(seen: &mut Seen, body: &Value) {
    let candidate = &body["candidates"][0];
    for part in candidate["content"]["parts"]
        .as_array()
        .unwrap_or(&Vec::new())
    {
        if let Some(call) = part.get("functionCall") {
            assert!(call.get("id").is_none());
            seen.calls.push((
                call["name"].as_str().unwrap().to_owned(),
                call["args"].clone(),
            ));
        } else if part["thought"] == true {
            seen.reasoning += part["text"].as_str().unwrap();
        } else {
            seen.text += part["text"].as_str().unwrap();
        }
    }
    if let Some(finish) = candidate["finishReason"].as_str() {
        finish.clone_into(&mut seen.finish);
    }
    let usage = &body["usageMetadata"];
    let count = |name: &str| usage[name].as_u64().unwrap_or(0);
    seen.prompt = count("promptTokenCount");
    seen.output = count("candidatesTokenCount") + count("thoughtsTokenCount");
    seen.cached = count("cachedContentTokenCount");
    assert_eq!(count("totalTokenCount"), seen.prompt + seen.output);
}

fn dashscope_event(seen: &mut Seen, body: &Value) {
    let choice = &body["output"]["choices"][0];
    let message = &choice["message"];
    seen.text += message["content"].as_str().unwrap();
    seen.reasoning += message["reasoning_content"].as_str().unwrap_or_default();
    for call in message["tool_calls"].as_array().unwrap_or(&Vec::new()) {
        collect_call(seen, call);
    }
    choice["finish_reason"]
        .as_str()
        .unwrap_or_default()
        .clone_into(&mut seen.finish);
    let usage = &body["usage"];
    seen.prompt = usage["input_tokens"].as_u64().unwrap();
    seen.output = usage["output_tokens"].as_u64().unwrap();
    seen.cached = usage["prompt_tokens_details"]["cached_tokens"]
        .as_u64()
        .unwrap();
    assert_eq!(
        usage["total_tokens"].as_u64().unwrap(),
        seen.prompt + seen.output
    );
}

/// Adds a fragment of a call; arguments are kept as text until the end.
fn collect_call(seen: &mut Seen, call: &Value) {
    let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
    if seen.calls.len() == index {
        assert!(!call["id"].as_str().unwrap().is_empty());
        seen.calls.push((
            call["function"]["name"].as_str().unwrap().to_owned(),
            json!(""),
        ));
    }
    let known = seen.calls[index].1.as_str().unwrap().to_owned();
    seen.calls[index].1 = json!(known + call["function"]["arguments"].as_str().unwrap());
}

fn parse_calls(seen: &mut Seen) {
    for (_, arguments) in &mut seen.calls {
        if let Some(text) = arguments.as_str() {
            *arguments = serde_json::from_str(text).unwrap();
        }
    }
}

fn streamed(kind: Kind, got: &Got) -> Seen {
    let mut seen = Seen::default();
    match kind {
        Kind::Anthropic => anthropic_stream(&mut seen, got),
        Kind::Gemini => {
            assert!(got.text.ends_with("\r\n\r\n") && !got.text.contains("[DONE]"));
            got.events()
                .iter()
                .for_each(|event| gemini_chunk(&mut seen, event));
        }
        Kind::DashScope => {
            assert!(
                got.text
                    .starts_with("id:1\nevent:result\n:HTTP_STATUS/200\ndata:{")
            );
            let events = got.events();
            let (last, earlier) = events.split_last().unwrap();
            for event in earlier {
                dashscope_event(&mut seen, event);
                assert_eq!(seen.finish, "null");
            }
            dashscope_event(&mut seen, last);
        }
        Kind::Cohere => cohere_stream(&mut seen, got),
        _ => chat_stream(kind, &mut seen, got),
    }
    parse_calls(&mut seen);
    seen
}

fn anthropic_stream(seen: &mut Seen, got: &Got) {
    let names: Vec<&str> = got
        .text
        .lines()
        .filter_map(|l| l.strip_prefix("event: "))
        .collect();
    let events = got.events();
    let types: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(names, types);
    assert_eq!(
        (types[0], *types.last().unwrap()),
        ("message_start", "message_stop")
    );
    assert!(types.contains(&"ping"));
    let mut open = None;
    for event in &events {
        let index = event["index"].as_u64();
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!(open, None);
                open = index;
                let block = &event["content_block"];
                if block["type"] == "tool_use" {
                    assert_eq!(block["input"], json!({}));
                    let name = block["name"].as_str().unwrap().to_owned();
                    seen.calls.push((name, json!("")));
                }
            }
            "content_block_delta" => {
                assert_eq!(open, index);
                let delta = &event["delta"];
                seen.text += delta["text"].as_str().unwrap_or_default();
                seen.reasoning += delta["thinking"].as_str().unwrap_or_default();
                if let (Some(part), Some(call)) =
                    (delta["partial_json"].as_str(), seen.calls.last_mut())
                {
                    call.1 = json!(call.1.as_str().unwrap().to_owned() + part);
                }
            }
            "content_block_stop" => assert_eq!(open.take(), index),
            "message_delta" => {
                seen.finish = event["delta"]["stop_reason"].as_str().unwrap().to_owned();
                anthropic_usage(seen, &event["usage"]);
            }
            _ => {}
        }
    }
}

fn chat_stream(kind: Kind, seen: &mut Seen, got: &Got) {
    assert_eq!(got.data().last().unwrap(), "[DONE]");
    let events = got.events();
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    let id = events[0]["id"].as_str().unwrap();
    for event in &events {
        assert_eq!(
            (event["id"].as_str().unwrap(), &event["object"]),
            (id, &json!("chat.completion.chunk"))
        );
        if !event["usage"].is_null() {
            chat_usage(seen, &event["usage"]);
        }
        let Some(choice) = event["choices"].get(0) else {
            continue;
        };
        let delta = &choice["delta"];
        if let Some(parts) = delta["content"].as_array() {
            seen.reasoning += parts[0]["thinking"][0]["text"].as_str().unwrap();
        }
        seen.text += delta["content"].as_str().unwrap_or_default();
        for name in ["reasoning_content", "reasoning"] {
            seen.reasoning += delta[name].as_str().unwrap_or_default();
        }
        for call in delta["tool_calls"].as_array().unwrap_or(&Vec::new()) {
            collect_call(seen, call);
        }
        if let Some(finish) = choice["finish_reason"].as_str() {
            assert_eq!(seen.finish, "");
            finish.clone_into(&mut seen.finish);
        }
    }
    let apart = matches!(
        kind,
        Kind::OpenAi | Kind::DashScopeCompatible | Kind::Compatible
    );
    let last_choices = events.last().unwrap()["choices"].as_array().unwrap();
    assert_eq!(last_choices.is_empty(), apart);
}

fn finish_word(kind: Kind, word: &str) -> &str {
    match (kind, word) {
        (Kind::Anthropic, "stop") => "end_turn",
        (Kind::Anthropic, "tool_calls") => "tool_use",
        (Kind::Anthropic, "length") => "max_tokens",
        (Kind::Gemini, "length") => "MAX_TOKENS",
        (Kind::Gemini, _) => "STOP",
        (Kind::Cohere, "stop") => "COMPLETE",
        (Kind::Cohere, "tool_calls") => "TOOL_CALL",
        (Kind::Cohere, "length") => "MAX_TOKENS",
        (_, word) => word,
    }
}

/// Asks unary and streamed, and checks that both say the same.
async fn both(rig: &Rig, kind: Kind, text: &str, tool: bool) -> Seen {
    let one = rig.ask(kind, text, false, tool).await;
    assert_eq!(one.status, 200, "{kind:?} {}", one.text);
    let many = rig.ask(kind, text, true, tool).await;
    assert_eq!(many.status, 200, "{kind:?} {}", many.text);
    assert!(many.header("content-type").starts_with("text/event-stream"));
    let (mut one, mut many) = (unary(kind, &one.json()), streamed(kind, &many));
    parse_calls(&mut one);
    assert_eq!(
        (&one.finish, &one.calls),
        (&many.finish, &many.calls),
        "{kind:?}"
    );
    many.text = many.text.trim_end().to_owned();
    one.text = one.text.trim_end().to_owned();
    assert!(one.prompt > 0 && one.prompt == many.prompt, "{kind:?}");
    one
}

#[tokio::test]
async fn text_unary_and_streamed() {
    let rig = Rig::start().await;
    for kind in ALL {
        let seen = both(
            &rig,
            kind,
            "[[say:The answer is 42, 答案。]] [[cached:3]]",
            false,
        )
        .await;
        assert_eq!(seen.text, "The answer is 42, 答案。", "{kind:?}");
        assert_eq!(seen.finish, finish_word(kind, "stop"));
        assert!(seen.output > 0);
        let cached = if kind == Kind::Compatible { 0 } else { 3 };
        assert_eq!(seen.cached, cached, "{kind:?}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn functions_unary_and_streamed() {
    let rig = Rig::start().await;
    let text =
        "[[tool:get_weather {\"city\": \"Oslo\"}]] [[tool:get_weather {\"city\": \"杭州\"}]]";
    for kind in ALL {
        let seen = both(&rig, kind, text, true).await;
        let call = |city: &str| ("get_weather".to_owned(), json!({"city": city}));
        assert_eq!(seen.calls, [call("Oslo"), call("杭州")], "{kind:?}");
        assert_eq!(seen.finish, finish_word(kind, "tool_calls"));
        let seen = both(&rig, kind, "What is the weather in Bergen?", true).await;
        assert_eq!(seen.calls.len(), 1, "{kind:?}");
        let none = both(&rig, kind, "What is the weather in Bergen?", false).await;
        assert!(none.calls.is_empty() && !none.text.is_empty());
    }
    rig.stop().await;
}

#[tokio::test]
async fn reasoning_length_and_number_of_events() {
    let rig = Rig::start().await;
    for kind in ALL {
        let seen = both(&rig, kind, "[[think]] why?", false).await;
        // OpenAI counts its reasoning and shows none of it.
        assert_eq!(seen.reasoning.is_empty(), kind == Kind::OpenAi, "{kind:?}");
        let seen = both(&rig, kind, "[[length]] more", false).await;
        assert_eq!(seen.finish, finish_word(kind, "length"), "{kind:?}");
        let got = rig.ask(kind, "[[events:40]]", true, false).await;
        assert!(
            got.text.contains("word40") && got.events().len() >= 40,
            "{kind:?}"
        );
    }
    rig.stop().await;
}

#[tokio::test]
async fn filtered_answers() {
    let rig = Rig::start().await;
    for kind in ALL {
        let got = rig.ask(kind, "[[filter]]", false, false).await;
        let body = got.json();
        match kind {
            Kind::Anthropic => assert_eq!(body["stop_reason"], "refusal"),
            Kind::Gemini => {
                assert_eq!(body["candidates"][0]["finishReason"], "SAFETY");
                assert!(body["candidates"][0].get("content").is_none());
            }
            Kind::DashScope => {
                assert_eq!(
                    (got.status, &body["code"]),
                    (400, &json!("DataInspectionFailed"))
                );
            }
            Kind::DashScopeCompatible => {
                assert_eq!(body["error"]["code"], "data_inspection_failed");
            }
            // It has no such end, and declines in words.
            Kind::Cohere => assert_eq!(body["finish_reason"], "COMPLETE"),
            _ => assert_eq!(body["choices"][0]["finish_reason"], "content_filter"),
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn results_of_functions_are_used() {
    let rig = Rig::start().await;
    let question = "What is the weather in Oslo?";
    for kind in ALL {
        let mut body = kind.body(question, false, true);
        let call = |id: &str| {
            json!({"role": "assistant", "content": "", "tool_calls": [{"id": id,
            "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]})
        };
        let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "18 C"});
        let push = |messages: &mut Value, items: Vec<Value>| {
            messages.as_array_mut().unwrap().extend(items);
        };
        match kind {
            Kind::Anthropic => push(
                &mut body["messages"],
                vec![
                    json!({"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1",
                    "name": "get_weather", "input": {"city": "Oslo"}}]}),
                    json!({"role": "user", "content": [{"type": "tool_result",
                    "tool_use_id": "toolu_1", "content": "18 C"}]}),
                ],
            ),
            Kind::Gemini => push(
                &mut body["contents"],
                vec![
                    json!({"role": "model", "parts": [{"functionCall": {"name": "get_weather",
                    "args": {}}}]}),
                    json!({"role": "user", "parts": [{"functionResponse": {"name": "get_weather",
                    "response": {"output": "18 C"}}}]}),
                ],
            ),
            Kind::DashScope => push(&mut body["input"]["messages"], vec![call("c"), result("c")]),
            _ => push(
                &mut body["messages"],
                vec![call("abcdefghi"), result("abcdefghi")],
            ),
        }
        let got = rig.send(kind, &body, false).await;
        assert_eq!(got.status, 200, "{kind:?} {}", got.text);
        let seen = unary(kind, &got.json());
        assert!(
            seen.calls.is_empty() && seen.text.contains("18 C"),
            "{kind:?} {}",
            got.text
        );
    }
    rig.stop().await;
}

#[tokio::test]
async fn the_same_request_and_seed_give_the_same_bytes() {
    let (one, two) = (Rig::start().await, Rig::start().await);
    let other = steelyard_simulator::SimulatorConfig {
        seed: 9,
        ..Default::default()
    };
    let other = Rig::with(other).await;
    for kind in ALL {
        for stream in [false, true] {
            let text = "Write about the weather in 杭州";
            let first = one.ask(kind, text, stream, true).await;
            let second = two.ask(kind, text, stream, true).await;
            assert_eq!(first.text, second.text, "{kind:?}");
            let names = [
                "x-request-id",
                "request-id",
                "x-ratelimit-remaining-requests",
            ];
            for name in names {
                assert_eq!(first.header(name), second.header(name));
            }
            assert_ne!(
                first.text,
                other.ask(kind, text, stream, true).await.text,
                "{kind:?}"
            );
        }
    }
}

#[tokio::test]
async fn whole_texts_when_output_is_not_incremental() {
    let rig = Rig::start().await;
    let mut body = Kind::DashScope.body("[[say:one two three four five six]]", true, false);
    body["parameters"]["incremental_output"] = json!(false);
    let events = rig.send(Kind::DashScope, &body, true).await.events();
    let text = |event: &Value| {
        event["output"]["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let texts: Vec<String> = events.iter().map(text).collect();
    assert!(texts.len() > 2 && texts.windows(2).all(|pair| pair[1].starts_with(&pair[0])));
    assert_eq!(texts.last().unwrap(), "one two three four five six");
    body["parameters"]["result_format"] = json!("text");
    let events = rig.send(Kind::DashScope, &body, true).await.events();
    assert_eq!(
        events.last().unwrap()["output"]["text"],
        "one two three four five six"
    );
}

#[tokio::test]
async fn headers_of_limits_and_ids() {
    let rig = Rig::start().await;
    let got = rig.ask(Kind::OpenAi, "hi", false, false).await;
    for name in ["x-request-id", "openai-version", "x-ratelimit-limit-tokens"] {
        assert_ne!(got.header(name), "", "{name}");
    }
    let got = rig.ask(Kind::Anthropic, "hi", true, false).await;
    for name in ["request-id", "anthropic-ratelimit-tokens-reset"] {
        assert_ne!(got.header(name), "", "{name}");
    }
    let got = rig.ask(Kind::DashScope, "hi", false, false).await;
    assert_eq!(got.header("x-request-id"), got.json()["request_id"]);
}

#[tokio::test]
async fn gemini_without_sse_streams_an_array() {
    let rig = Rig::start().await;
    let path = "/gemini/v1beta/models/gemini-2.5-flash:streamGenerateContent";
    let body = Kind::Gemini.body("[[events:3]]", true, false);
    let got = Rig::receive(rig.request(Kind::Gemini, path, body.to_string())).await;
    assert_eq!(got.json().as_array().unwrap().len(), 4);
}
