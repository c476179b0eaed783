use proptest::prelude::*;
use steelyard_types::{Document, Effort, Image, OutputFormat, Part, Role, Source, ToolChoice};

use super::*;

mod words;

/// The message of the error that this body gives.
fn refused(body: &str) -> String {
    let error = parse_chat_request(body.as_bytes()).expect_err(body);
    assert_eq!(error.kind, ErrorKind::BadRequest);
    if let Some(param) = &error.param {
        assert!(error.message.starts_with(param.as_str()), "{error:?}");
    }
    error.message
}

/// A body with these fields beside a model and one message.
fn with(fields: &str) -> String {
    format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"hi"}}],{fields}}}"#)
}

/// A body with these messages.
fn saying(messages: &str) -> String {
    format!(r#"{{"model":"auto","messages":{messages}}}"#)
}

fn untranslated(body: &str) -> Vec<String> {
    let request = parse_chat_request(body.as_bytes()).expect(body);
    let names = request
        .untranslated
        .iter()
        .map(|name| name.clone().into_owned());
    names
        .chain(
            request
                .messages
                .into_iter()
                .filter_map(|message| message.untranslated),
        )
        .collect()
}

#[test]
fn a_whole_request_is_understood() {
    let body = r#"{
        "model": "auto", "stream": true, "stream_options": {"include_usage": true},
        "temperature": 0.70, "top_p": 1e-1, "max_completion_tokens": 0, "stop": "END",
        "parallel_tool_calls": false,
        "tools": [{"type": "function", "function": {"name": "look", "description": "Looks.",
            "parameters": {"type": "object"}, "strict": true}}],
        "tool_choice": {"type": "function", "function": {"name": "look"}},
        "messages": [
            {"role": "developer", "content": "Be \"brief\"."},
            {"role": "user", "content": [{"type": "text", "text": "Who is"},
                {"type": "image_url", "image_url": {"url": "data:,"}}]},
            {"role": "assistant", "content": null, "refusal": null, "tool_calls": [
                {"id": "call_1", "type": "function", "index": 0,
                 "function": {"name": "look", "arguments": "{\"x\":1}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "there"}]}"#;
    let request = parse_chat_request(body.as_bytes()).unwrap();
    assert_eq!(request.model, "auto");
    assert!(request.stream && request.include_usage);
    assert_eq!(request.temperature, Some(NumberText("0.70")));
    assert_eq!(request.top_p, Some(NumberText("1e-1")));
    assert_eq!(request.max_output_tokens, Some(0));
    assert_eq!(request.stop.unwrap().as_slice(), ["END"]);
    assert_eq!(request.parallel_tool_calls, Some(false));
    assert_eq!(
        request.tools[0].parameters.unwrap().get(),
        r#"{"type": "object"}"#
    );
    assert_eq!(request.tools[0].strict, Some(true));
    assert_eq!(
        request.tool_choice,
        Some(ToolChoice::Function("look".into()))
    );
    assert_eq!(request.untranslated, Vec::<&str>::new());
    assert_eq!(request.fields.len(), 11);
    let [developer, user, assistant, tool] = request.messages.as_slice() else {
        panic!("four messages");
    };
    assert_eq!(developer.role, Role::Developer);
    assert_eq!(developer.texts().collect::<Vec<_>>(), ["Be \"brief\"."]);
    assert!(matches!(
        &user.content[0],
        Part::Text(Cow::Borrowed("Who is"))
    ));
    assert!(matches!(&user.content[1], Part::Other { kind, raw }
        if kind == "image_url" && raw.get().contains("data:,")));
    assert!(assistant.content.is_empty());
    assert_eq!(assistant.tool_calls[0].arguments, r#"{"x":1}"#);
    assert_eq!(tool.tool_call_id.as_deref(), Some("call_1"));
    assert!(
        request
            .messages
            .iter()
            .all(|message| message.untranslated.is_none())
    );
}

#[test]
fn text_without_escapes_is_borrowed() {
    let body = saying(r#"[{"role":"user","content":"plain"}]"#);
    let request = parse_chat_request(body.as_bytes()).unwrap();
    assert!(matches!(
        &request.messages[0].content[0],
        Part::Text(Cow::Borrowed("plain"))
    ));
}

#[test]
fn bodies_that_are_not_json_objects() {
    assert_eq!(refused(""), "the body is empty");
    assert_eq!(refused(" \n"), "the body is empty");
    let error = parse_chat_request(b"{\"model\":\"\xff\"}").unwrap_err();
    assert_eq!(error.message, "the body is not UTF-8 (at byte 10)");
    assert_eq!(error.code, Some("invalid_json"));
    for (body, words) in [
        ("{", "EOF while parsing an object at line 1 column 1"),
        (
            "{\"model\": \"a\"} x",
            "trailing characters at line 1 column 16",
        ),
        ("{\"model\": \"a\u{0}\"}", "control character"),
        ("\u{0}", "expected value at line 1 column 1"),
        ("{\"model\": tru}", "expected ident"),
    ] {
        let message = refused(body);
        assert!(
            message.starts_with("the body is not valid JSON: "),
            "{message}"
        );
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(
        refused("[]"),
        "the body must be a JSON object: expected an object, found a list"
    );
    assert_eq!(
        refused("7"),
        "the body must be a JSON object: expected an object, found a number"
    );
    assert_eq!(
        refused(r#"{"model":"a","model":"b"}"#),
        "the field `model` is there twice"
    );
}

#[test]
fn nesting_is_bounded_wherever_it_is() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    // The body itself is one level.
    assert!(parse_chat_request(with(&format!(r#""x":{}"#, nested(63))).as_bytes()).is_ok());
    let message = "the body is nested more than 64 levels deep";
    assert_eq!(refused(&with(&format!(r#""x":{}"#, nested(64)))), message);
    assert_eq!(refused(&"[".repeat(100_000)), message);
    assert_eq!(refused(&r#"{"a":"#.repeat(100_000)), message);
    // Brackets in strings do not nest.
    let text = format!(r#"[{{"role":"user","content":"\"{}\\"}}]"#, "[".repeat(200));
    assert!(parse_chat_request(saying(&text).as_bytes()).is_ok());
}

#[test]
fn wrong_fields_are_named() {
    let message = r#"[{"role":"user","content":"hi"}]"#;
    for (body, expected) in [
        (format!(r#"{{"messages":{message}}}"#), "model: is required"),
        (
            format!(r#"{{"model":"","messages":{message}}}"#),
            "model: is required",
        ),
        (
            format!(r#"{{"model":7,"messages":{message}}}"#),
            "model: expected a string, found a number",
        ),
        (r#"{"model":"a"}"#.to_owned(), "messages: is required"),
        (saying("[]"), "messages: must hold at least one message"),
        (
            saying("null"),
            "messages: expected a list of messages, found null",
        ),
        (
            saying("\"hi\""),
            "messages: expected a list of messages, found a string",
        ),
        (
            with(r#""stream":"yes""#),
            "stream: expected a boolean, found a string",
        ),
        (
            with(r#""temperature":"hot""#),
            "temperature: expected a number",
        ),
        (with(r#""top_p":[1]"#), "top_p: expected a number"),
        (
            with(r#""max_tokens":-1"#),
            "max_tokens: expected a whole number, neither negative nor with a decimal point nor in quotes, \
             found the number -1",
        ),
        (
            with(r#""max_tokens":1.5"#),
            "max_tokens: expected a whole number, neither negative nor with a decimal point nor in quotes, \
             found the number 1.5",
        ),
        (
            with(r#""max_tokens":"20.0""#),
            "max_tokens: expected a whole number, neither negative nor with a decimal point nor in quotes, \
             found a string",
        ),
        (
            with(r#""max_tokens":1,"max_completion_tokens":1"#),
            "max_tokens: cannot be combined with max_completion_tokens",
        ),
        (
            with(r#""stop":5"#),
            "stop: expected a string or a list of strings",
        ),
        (
            with(r#""stop":[null]"#),
            "stop: expected a string, found null",
        ),
        (
            with(r#""stream":true,"stream_options":7"#),
            "stream_options: expected an object, found a number",
        ),
        (
            with(r#""stream":true,"stream_options":{"include_usage":1}"#),
            "stream_options.include_usage: expected a boolean, found a number",
        ),
        (
            with(r#""stream_options":{"include_usage":true}"#),
            "stream_options: is allowed only where stream is true",
        ),
        (
            with(r#""parallel_tool_calls":0"#),
            "parallel_tool_calls: expected a boolean, found a number",
        ),
        (with(r#""tools":{}"#), "tools: must be a list of tools"),
        (with(r#""tools":[{}]"#), "tools[0].type: is required"),
        (
            with(r#""tools":[{"type":"function"}]"#),
            "tools[0].function: is required",
        ),
        (
            with(r#""tools":[{"type":"function","function":{}}]"#),
            "tools[0].function.name: is required",
        ),
        (
            with(r#""tools":[{"type":"function","function":{"name":"f","parameters":"{}"}}]"#),
            "tools[0].function.parameters: must be a JSON Schema object",
        ),
        (
            with(r#""tools":[{"type":"function","function":{"name":"f","strict":"no"}}]"#),
            "tools[0].function.strict: expected a boolean, found a string",
        ),
        (
            with(r#""tool_choice":"maybe""#),
            "tool_choice: expected auto, none, required or an object that names a function",
        ),
        (
            with(r#""tools":[{"type":"custom","custom":{}}]"#),
            "tools[0].custom.name: is required",
        ),
        (
            with(r#""tools":[{"type":"custom","custom":{"name":"x","format":{}}}]"#),
            "tools[0].custom.format.type: is required",
        ),
        (
            with(
                r#""tools":[{"type":"custom","custom":{"name":"x","format":{"type":"grammar","grammar":{"syntax":"lark"}}}}]"#,
            ),
            "tools[0].custom.format.grammar.definition: is required",
        ),
        (
            with(r#""tool_choice":{"type":"custom","custom":{}}"#),
            "tool_choice.custom.name: is required",
        ),
        (
            with(r#""tool_choice":{"type":"function"}"#),
            "tool_choice.function: is required",
        ),
        (
            with(r#""tool_choice":{"type":"function","function":{}}"#),
            "tool_choice.function.name: is required",
        ),
    ] {
        assert_eq!(refused(&body), expected);
    }
}

#[test]
fn wrong_messages_are_named() {
    for (messages, expected) in [
        (
            "[7]",
            "messages[0]: expected a message object, found a number",
        ),
        (r#"[{"content":"x"}]"#, "messages[0].role: is required"),
        (
            r#"[{"role":"robot","content":"x"}]"#,
            "messages[0].role: must be one of system, developer, user, assistant, tool",
        ),
        (
            r#"[{"role":"user","role":"system","content":"x"}]"#,
            "messages[0].role: is there twice",
        ),
        (r#"[{"role":"user"}]"#, "messages[0].content: is required"),
        (
            r#"[{"role":"user","content":null}]"#,
            "messages[0].content: is required",
        ),
        (
            r#"[{"role":"user","content":"a"},{"role":"user","content":5}]"#,
            "messages[1].content: expected a string or a list of parts, found a number",
        ),
        (
            r#"[{"role":"user","content":{}}]"#,
            "messages[0].content: expected a string or a list of parts, found an object",
        ),
        (
            r#"[{"role":"user","content":"\ud800"}]"#,
            "messages[0].content: unexpected end of hex escape",
        ),
        (
            r#"[{"role":"user","content":["x"]}]"#,
            "messages[0].content[0]: must be an object with a type",
        ),
        (
            r#"[{"role":"user","content":[{"text":"x"}]}]"#,
            "messages[0].content[0].type: is required",
        ),
        (
            r#"[{"role":"user","content":[{"type":"text"}]}]"#,
            "messages[0].content[0].text: is required",
        ),
        (
            r#"[{"role":"user","content":[{"type":"text","text":1}]}]"#,
            "messages[0].content[0].text: expected a string, found a number",
        ),
        (
            r#"[{"role":"tool","content":"x"}]"#,
            "messages[0].tool_call_id: is required in a tool message",
        ),
        (
            r#"[{"role":"user","content":"x","tool_call_id":"1"}]"#,
            "messages[0].tool_call_id: belongs to tool messages only",
        ),
        (
            r#"[{"role":"user","content":"x","tool_calls":[{"id":"1","function":{"name":"f"}}]}]"#,
            "messages[0].tool_calls: belong to assistant messages only",
        ),
        (
            r#"[{"role":"assistant","tool_calls":"x"}]"#,
            "messages[0].tool_calls: expected a list of tool calls, found a string",
        ),
        (
            r#"[{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}]"#,
            "messages[0].tool_calls[0].id: is required",
        ),
        (
            r#"[{"role":"assistant","tool_calls":[{"id":"1"}]}]"#,
            "messages[0].tool_calls[0].function: is required",
        ),
        (
            r#"[{"role":"assistant","tool_calls":[{"id":"1","type":"custom","custom":{"name":"x","input":{}}}]}]"#,
            "messages[0].tool_calls[0].custom.input: expected a string, found an object",
        ),
        (
            r#"[{"role":"assistant","tool_calls":[{"id":"1","function":{}}]}]"#,
            "messages[0].tool_calls[0].function.name: is required",
        ),
        (
            r#"[{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":{}}}]}]"#,
            "messages[0].tool_calls[0].function.arguments: expected a string, found an object",
        ),
    ] {
        assert_eq!(refused(&saying(messages)), expected);
    }
}

#[test]
fn counts_are_bounded() {
    let stops = vec!["\"x\""; MAX_STOP + 1].join(",");
    assert_eq!(
        refused(&with(&format!(r#""stop":[{stops}]"#))),
        "stop: holds more than 64 entries"
    );
    let tools = vec!["{}"; 1_025].join(",");
    assert_eq!(
        refused(&with(&format!(r#""tools":[{tools}]"#))),
        "tools: holds more than 1024 entries"
    );
    let messages = vec![r#"{"role":"user","content":"x"}"#; 20_001].join(",");
    assert_eq!(
        refused(&saying(&format!("[{messages}]"))),
        "messages: holds more than 20000 entries"
    );
    let fields: Vec<String> = (0..256).map(|number| format!("\"f{number}\":1")).collect();
    assert_eq!(
        refused(&with(&fields.join(","))),
        "more than 256 fields in one object"
    );
}

#[test]
fn what_says_nothing_is_not_in_the_way() {
    let silent = with(
        r#""n":1,"store":false,"logprobs":false,"top_logprobs":0,"presence_penalty":0,
           "frequency_penalty":0.0,"response_format":{ "type": "text" },"service_tier":"auto",
           "modalities":["text"],"logit_bias":{},"metadata":{ },"functions":[ ],"user":null,
           "seed":null,"stream":false,"stream_options":null,"tools":[],"tool_choice":null,
           "stop":null,"max_tokens":null,"max_completion_tokens":3"#,
    );
    assert_eq!(untranslated(&silent), Vec::<String>::new());
    let request = parse_chat_request(silent.as_bytes()).unwrap();
    assert_eq!((request.max_output_tokens, request.stop), (Some(3), None));
    let echoed = saying(
        r#"[{"role":"assistant","content":"x","refusal":null,"annotations":[],"audio":null,
             "function_call":null,"tool_calls":null}]"#,
    );
    assert_eq!(untranslated(&echoed), Vec::<String>::new());
    // An empty list is not an absent one.
    let body = with(r#""stop":[]"#);
    let stop = parse_chat_request(body.as_bytes()).unwrap().stop;
    assert_eq!(stop.map(|stop| stop.len()), Some(0));
}

#[test]
fn what_has_meaning_is_never_overlooked() {
    for (fields, name) in [
        (r#""store":true"#, "store"),
        (r#""web_search_options":{}"#, "web_search_options"),
        (
            r#""response_format":{"type":"grammar","grammar":"x"}"#,
            "response_format",
        ),
        (r#""response_format":{"type":"regex"}"#, "response_format"),
        (
            r#""response_format":{"type":"json_schema","json_schema":{"name":"x","odd":1}}"#,
            "response_format.json_schema.odd",
        ),
        (r#""reasoning_effort":"auto""#, "reasoning_effort"),
        (r#""reasoning":{"exclude":true}"#, "reasoning.exclude"),
        (r#""thinking":{"type":"odd"}"#, "thinking.type"),
        (r#""top_logprobs":2"#, "top_logprobs"),
        (
            r#""functions":[{"name":"f"}],"tools":[{"type":"function","function":{"name":"f"}}]"#,
            "functions",
        ),
        (r#""cache_control":{"type":"odd"}"#, "cache_control"),
        (r#""something_new":0"#, "something_new"),
        (
            r#""tool_choice":{"type":"other","other":{"name":"x"}}"#,
            "tool_choice",
        ),
        (
            r#""tool_choice":{"type":"custom","custom":{"name":"x"},"more":1}"#,
            "tool_choice",
        ),
        (
            r#""tools":[{"type":"other","other":{"name":"x"}}]"#,
            "tools[0].type",
        ),
        (r#""tools":[{"type":"custom","name":"x"}]"#, "tools[0].type"),
        (
            r#""tools":[{"type":"custom","custom":{"name":"x","odd":1}}]"#,
            "tools[0].custom.odd",
        ),
        (
            r#""tools":[{"type":"custom","custom":{"name":"x","format":{"type":"odd","a":1}}}]"#,
            "tools[0].custom.format.type",
        ),
        (
            r#""tools":[{"type":"custom","custom":{"name":"x","format":{"type":"text","a":1}}}]"#,
            "tools[0].custom.format.a",
        ),
        (
            r#""tools":[{"type":"function","function":{"name":"f"},"custom":{"name":"x"}}]"#,
            "tools[0].custom",
        ),
        (
            r#""tools":[{"type":"function","function":{"name":"f","when":1}}]"#,
            "tools[0].function.when",
        ),
        (
            r#""stream":true,"stream_options":{"include_obfuscation":true}"#,
            "stream_options.include_obfuscation",
        ),
    ] {
        assert_eq!(untranslated(&with(fields)), [name]);
    }
    for (messages, path) in [
        (
            r#"[{"role":"user","content":"x","name":"Ada"}]"#,
            "messages.name",
        ),
        (
            r#"[{"role":"assistant","content":null,"audio":{"id":"a"}}]"#,
            "messages[0].audio",
        ),
        (
            r#"[{"role":"assistant","content":"x","reasoning_details":[{"type":"reasoning.new"}]}]"#,
            "messages[0].reasoning_details",
        ),
        (
            r#"[{"role":"user","content":"x","reasoning_content":"y"}]"#,
            "messages[0].reasoning_content",
        ),
        (
            r#"[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://e.com/a","odd":1}}]}]"#,
            "messages[0].content[0].image_url.odd",
        ),
        (
            r#"[{"role":"user","content":[{"type":"thinking","thinking":[{"type":"text","text":"x"}]}]}]"#,
            "messages[0].content",
        ),
        (
            r#"[{"role":"function","name":"f","content":"x"}]"#,
            "messages[0].role",
        ),
        (
            r#"[{"role":"assistant","tool_calls":[{"id":"1","type":"other","other":{}}]}]"#,
            "messages[0].tool_calls[0].type",
        ),
        (
            r#"[{"role":"assistant","tool_calls":[{"id":"1","type":"custom"}]}]"#,
            "messages[0].tool_calls[0].type",
        ),
        (
            r#"[{"role":"assistant","tool_calls":[{"id":"1","type":"custom","custom":{"name":"x","input":"","odd":1}}]}]"#,
            "messages[0].tool_calls[0].custom.odd",
        ),
        (
            r#"[{"role":"user","content":[{"type":"text","text":"x","cache_control":{"type":"odd"}}]}]"#,
            "messages[0].content[0].cache_control",
        ),
    ] {
        assert_eq!(untranslated(&saying(messages)), [path]);
    }
}

/// JSON of any shape, with the names that the parser knows.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let names = "model|messages|role|content|type|text|tools|function|name|arguments|tool_calls|id|\
                 stop|stream|stream_options|include_usage|max_tokens|tool_choice|parameters|x|image_url|\
                 url|file|file_data|reasoning_details|reasoning_content|cache_control|signature|index|\
                 function_call|refusal|thinking|data";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "user|assistant|tool|function|text|auto|image_url|file|data:image/png;base64,aGk=|\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(names, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_chat_request(&bytes);
    }

    #[test]
    fn arbitrary_json_is_read_or_refused_with_a_reason(json in any_json(), message in any_json()) {
        let _ = parse_chat_request(json.to_string().as_bytes());
        let body = serde_json::json!({"model": "a", "messages": [message], "tools": [json]});
        if let Err(error) = parse_chat_request(body.to_string().as_bytes()) {
            prop_assert!(error.param.is_some(), "{error:?}");
            prop_assert!(!error.message.contains(" at line "), "{error:?}");
        }
    }

    #[test]
    fn fields_survive_as_received(value in any_json()) {
        let text = value.to_string();
        let body = with(&format!("\"extra\":{text}"));
        let request = parse_chat_request(body.as_bytes()).unwrap();
        let extra = request.fields.iter().find(|field| field.name == "extra").unwrap();
        prop_assert_eq!(extra.value.get(), text);
    }
}
