use proptest::prelude::*;
use steelyard_types::{ErrorKind, Part, Source, ToolChoice};

use super::*;

/// The message of the error that this body gives.
fn refused(body: &str) -> String {
    let error = parse_responses_request(body.as_bytes()).expect_err(body);
    assert_eq!(error.kind, ErrorKind::BadRequest);
    if let Some(param) = &error.param {
        assert!(error.message.starts_with(param.as_str()), "{error:?}");
    }
    error.message
}

/// A body with these fields beside a model and a text.
fn with(fields: &str) -> String {
    format!(r#"{{"model":"auto","input":"hi",{fields}}}"#)
}

/// A body with these items.
fn saying(items: &str) -> String {
    format!(r#"{{"model":"auto","input":{items}}}"#)
}

fn untranslated(body: &str) -> Vec<String> {
    let request = parse_responses_request(body.as_bytes()).expect(body);
    let names = request.untranslated.into_iter().map(Cow::into_owned);
    let messages = request.messages.into_iter();
    names
        .chain(messages.filter_map(|message| message.untranslated))
        .collect()
}

#[test]
fn what_is_stored_is_refused_clearly() {
    let history = "is not supported: nothing is stored here; send the whole history in `input`";
    for (fields, expected) in [
        (
            r#""previous_response_id":"resp_1""#,
            format!("previous_response_id: {history}"),
        ),
        (
            r#""conversation":{"id":"conv_1"}"#,
            format!("conversation: {history}"),
        ),
        (
            r#""background":true"#,
            "background: is not supported: nothing is stored here, so that an answer could not be \
             fetched later"
                .to_owned(),
        ),
    ] {
        assert_eq!(refused(&with(fields)), expected);
        let error = parse_responses_request(with(fields).as_bytes()).unwrap_err();
        assert_eq!(error.code, Some("unsupported_parameter"));
    }
    let silent = with(r#""previous_response_id":null,"conversation":null,"background":false"#);
    assert_eq!(untranslated(&silent), Vec::<String>::new());
    for item in [
        r#"{"type":"item_reference","id":"msg_1"}"#,
        r#"{"id":"rs_1"}"#,
    ] {
        assert_eq!(
            refused(&saying(&format!("[{item}]"))),
            "input[0]: names an item that was stored: nothing is stored here; send the item itself"
        );
    }
}

#[test]
fn wrong_fields_are_named() {
    for (body, expected) in [
        (r#"{"input":"hi"}"#.to_owned(), "model: is required"),
        (r#"{"model":"a"}"#.to_owned(), "input: is required"),
        (saying("[]"), "input: must hold at least one item"),
        (saying("null"), "input: is required"),
        (saying("7"), "input: must be a string or a list of items"),
        (saying("[7]"), "input[0]: must be an item object"),
        (
            with(r#""stream":"yes""#),
            "stream: expected a boolean, found a string",
        ),
        (
            with(r#""temperature":"hot""#),
            "temperature: expected a number",
        ),
        (
            with(r#""max_output_tokens":-1"#),
            "max_output_tokens: expected a whole number, neither negative nor with a decimal point nor in quotes, \
             found the number -1",
        ),
        (
            with(r#""instructions":[]"#),
            "instructions: expected a string, found a list",
        ),
        (with(r#""tools":{}"#), "tools: must be a list of tools"),
        (
            with(r#""tools":[{"name":"f"}]"#),
            "tools[0].type: is required",
        ),
        (
            with(r#""tools":[{"type":"function"}]"#),
            "tools[0].name: is required",
        ),
        (
            with(r#""tools":[{"type":"function","name":"f","parameters":"{}"}]"#),
            "tools[0].parameters: must be a JSON Schema object",
        ),
        (
            with(r#""tool_choice":"maybe""#),
            "tool_choice: expected auto, none, required or an object that names a tool",
        ),
        (
            with(r#""tool_choice":{"type":"function"}"#),
            "tool_choice.name: is required",
        ),
        (
            with(r#""text":{"format":{"name":"x"}}"#),
            "text.format.type: is required",
        ),
        (
            with(r#""text":{"format":{"type":"json_schema","name":"x"}}"#),
            "text.format.schema: is required",
        ),
        (
            with(r#""text":{"format":{"type":"json_schema","schema":{}}}"#),
            "text.format.name: is required",
        ),
        (
            with(r#""reasoning":"high""#),
            "reasoning: expected an object, found a string",
        ),
        (
            with(r#""include":["x",7]"#),
            "include: expected a string, found a number",
        ),
    ] {
        assert_eq!(refused(&body), expected);
    }
}

#[test]
fn wrong_items_are_named() {
    for (item, expected) in [
        (r#"{"content":"x"}"#, "role: is required"),
        (
            r#"{"role":"tool","content":"x"}"#,
            "role: must be one of user, assistant, system, developer",
        ),
        (r#"{"role":"user"}"#, "content: is required"),
        (
            r#"{"role":"user","content":7}"#,
            "content: must be a string or a list of parts",
        ),
        (
            r#"{"role":"user","content":["x"]}"#,
            "content[0]: must be an object with a type",
        ),
        (
            r#"{"role":"user","content":[{"text":"x"}]}"#,
            "content[0].type: is required",
        ),
        (
            r#"{"role":"user","content":[{"type":"input_text"}]}"#,
            "content[0].text: is required",
        ),
        (
            r#"{"role":"user","content":[{"type":"input_image"}]}"#,
            "content[0].image_url: is required",
        ),
        (
            r#"{"role":"user","content":[{"type":"input_image","image_url":{"url":"x"}}]}"#,
            "content[0].image_url: expected a string, found an object",
        ),
        (
            r#"{"role":"user","content":[{"type":"input_image","image_url":"iVBO"}]}"#,
            "content[0].image_url: must be an http(s) address or a data URL in base64",
        ),
        (
            r#"{"role":"user","content":[{"type":"input_file","file_data":"data:,x"}]}"#,
            "content[0].file_data: must be an http(s) address or a data URL in base64",
        ),
        (
            r#"{"type":"function_call","name":"f","arguments":""}"#,
            "call_id: is required",
        ),
        (
            r#"{"type":"function_call","call_id":"a","arguments":""}"#,
            "name: is required",
        ),
        (
            r#"{"type":"function_call","call_id":"a","name":"f"}"#,
            "arguments: is required",
        ),
        (
            r#"{"type":"function_call_output","call_id":"a"}"#,
            "output: is required",
        ),
        (
            r#"{"type":"function_call_output","output":"x"}"#,
            "call_id: is required",
        ),
        (
            r#"{"type":"reasoning","summary":"x"}"#,
            "summary: must be a list of parts",
        ),
    ] {
        let items = format!(r#"[{{"role":"user","content":"a"}},{item}]"#);
        assert_eq!(refused(&saying(&items)), format!("input[1].{expected}"));
    }
}

#[test]
fn counts_are_bounded() {
    let many = |one: &str, count: usize| format!("[{}]", vec![one; count].join(","));
    let items = many(r#"{"role":"user","content":"x"}"#, 20_001);
    assert_eq!(
        refused(&saying(&items)),
        "input: holds more than 20000 entries"
    );
    let tools = with(&format!(r#""tools":{}"#, many("{}", 1_025)));
    assert_eq!(refused(&tools), "tools: holds more than 1024 entries");
    let call = r#"{"type":"function_call","call_id":"a","name":"f","arguments":""}"#;
    assert_eq!(
        refused(&saying(&many(call, 1_025))),
        "input[1024]: is one call more than 1024 in one answer"
    );
}

#[test]
fn what_says_nothing_is_not_in_the_way() {
    let silent = with(
        r#""store":false,"truncation":"disabled","service_tier":"auto","metadata":{ },
           "text":{"format":{"type":"text"},"verbosity":"medium"},"tools":[],"tool_choice":null,
           "reasoning":{"effort":null,"summary":"auto","context":"auto"},"user":null,"top_p":null,
           "include":["reasoning.encrypted_content"],"max_tool_calls":null,"prompt":null,
           "stream_options":{"include_obfuscation":false},"top_logprobs":0"#,
    );
    let request = parse_responses_request(silent.as_bytes()).unwrap();
    assert_eq!(untranslated(&silent), Vec::<String>::new());
    assert!(request.reasoning.is_none() && request.service_tier.is_none());
    assert!(request.top_logprobs.is_none() && request.metadata.is_none());
    // OpenAI tells none either where `include` does not ask for them.
    let unasked = with(r#""top_logprobs":3"#);
    assert_eq!(untranslated(&unasked), ["top_logprobs"]);
    assert!(crate::carry::hint("top_logprobs").is_some());
    let echoed = saying(
        r#"[{"type":"message","id":"msg_1","status":"completed","role":"assistant","phase":null,
             "content":[{"type":"output_text","text":"x","annotations":[],
             "logprobs":[]}]},
            {"type":"function_call","id":"fc_1","status":"completed","call_id":"a","name":"f",
             "arguments":"{}","caller":{"type": "direct"},"namespace":null},
            {"type":"function_call_output","call_id":"a","output":"1","status":"completed"}]"#,
    );
    assert_eq!(untranslated(&echoed), Vec::<String>::new());
}

#[test]
fn what_has_meaning_is_never_overlooked() {
    let cited = saying(
        r#"[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"x",
             "annotations":[{"type":"url_citation"}]}]}]"#,
    );
    assert_eq!(untranslated(&cited), ["input.annotations"]);
    let nudged = saying(
        r#"[{"role":"assistant","phase":"commentary","content":"x"},
            {"role":"assistant","phase":"final_answer","content":"y"},
            {"role":"user","content":[{"type":"input_file","detail":"low","filename":"a.pdf",
             "file_data":"data:application/pdf;base64,aGk="},
            {"type":"input_file","detail":"auto","file_url":"https://a.example/b.pdf"}]}]"#,
    );
    assert_eq!(untranslated(&nudged), ["input.phase", "input_file.detail"]);
    let hints = ["input.annotations", "input.phase", "input_file.detail"];
    assert!(
        hints
            .into_iter()
            .all(|hint| crate::carry::hint(hint).is_some())
    );
    for (fields, name) in [
        (r#""store":true"#, "store"),
        (r#""truncation":"auto""#, "truncation"),
        (r#""prompt":{"id":"pmpt_1"}"#, "prompt"),
        (r#""prompt_cache_key":"k""#, "prompt_cache_key"),
        (r#""max_tool_calls":3"#, "max_tool_calls"),
        (r#""something_new":0"#, "something_new"),
        (r#""text":{"verbosity":"low"}"#, "text.verbosity"),
        (r#""text":{"format":{"type":"grammar"}}"#, "text.format"),
        (r#""reasoning":{"effort":"enormous"}"#, "reasoning.effort"),
        (r#""reasoning":{"mode":"pro"}"#, "reasoning.mode"),
        (r#""include":["something.new"]"#, "include"),
        (
            r#""stream_options":{"include_obfuscation":true}"#,
            "stream_options.include_obfuscation",
        ),
        (
            r#""tools":[{"type":"web_search","filters":{"a":1}}]"#,
            "tools[0].type",
        ),
        (
            r#""tools":[{"type":"function","name":"f","defer_loading":true}]"#,
            "tools[0].defer_loading",
        ),
        (r#""tool_choice":{"type":"web_search"}"#, "tool_choice"),
        (
            r#""tool_choice":{"type":"allowed_tools","mode":"auto","tools":[]}"#,
            "tool_choice",
        ),
    ] {
        assert_eq!(untranslated(&with(fields)), [name]);
    }
    for (item, path) in [
        (r#"{"type":"web_search_call","id":"ws_1"}"#, "input[0].type"),
        (
            r#"{"role":"user","content":"x","name":"Ada"}"#,
            "input[0].name",
        ),
        (
            r#"{"role":"user","content":[{"type":"input_text","text":"x","lang":"en"}]}"#,
            "input[0].content[0].lang",
        ),
        (
            r#"{"type":"function_call","call_id":"a","name":"f","arguments":"","namespace":"n"}"#,
            "input[0].namespace",
        ),
    ] {
        assert_eq!(untranslated(&saying(&format!("[{item}]"))), [path]);
    }
    let file = saying(r#"[{"role":"user","content":[{"type":"input_file","file_id":"file_1"}]}]"#);
    let request = parse_responses_request(file.as_bytes()).unwrap();
    assert!(
        matches!(&request.messages[0].content[0], Part::Other { kind, .. } if kind == "input_file")
    );
}

#[test]
fn parameters_find_their_words() {
    let body = with(
        r#""instructions":"be brief","max_output_tokens":9,"temperature":0.70,"top_p":1,
           "include":["message.output_text.logprobs"],"top_logprobs":2,"user":"u",
           "safety_identifier":"s","metadata":{"a":"b"},"service_tier":"flex","stream":true,
           "reasoning":{"effort":"high","summary":"detailed"},"parallel_tool_calls":false,
           "tools":[{"type":"function","name":"f","description":"d","strict":true,
                     "parameters":{"type":"object"}}],
           "tool_choice":{"type":"function","name":"f"},
           "text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"a":1}}}"#,
    );
    let request = parse_responses_request(body.as_bytes()).unwrap();
    assert_eq!(request.messages[0].role, Role::System);
    assert_eq!(request.max_output_tokens, Some(9));
    assert_eq!(request.temperature.map(|it| it.0), Some("0.70"));
    assert_eq!(
        (request.logprobs, request.top_logprobs),
        (Some(true), Some(2))
    );
    assert_eq!(request.end_user.as_deref(), Some("u"));
    assert_eq!(request.metadata.map(RawValue::get), Some(r#"{"a":"b"}"#));
    assert_eq!(request.service_tier.as_deref(), Some("flex"));
    assert_eq!(
        request.reasoning.and_then(|it| it.effort),
        Some(Effort::High)
    );
    assert_eq!(request.parallel_tool_calls, Some(false));
    assert!(request.stream && request.include_usage);
    let tool = &request.tools[0];
    assert_eq!((tool.name.as_ref(), tool.strict), ("f", Some(true)));
    assert_eq!(request.tool_choice, Some(ToolChoice::Function("f".into())));
    assert!(matches!(&request.format, OutputFormat::JsonSchema(schema)
        if schema.name.as_deref() == Some("n") && schema.strict == Some(true)));
    assert_eq!(untranslated(&body), ["reasoning.summary"]);
}

#[test]
fn the_items_of_one_answer_are_one_message() {
    let body = saying(
        r#"[{"role":"developer","content":"d"},{"role":"user","content":[
              {"type":"input_text","text":"t"},
              {"type":"input_image","image_url":"data:image/png;x=1;base64,iVBO","detail":"low"},
              {"type":"input_file","file_url":"https://x.y/z.pdf","filename":"z"}]},
            {"type":"reasoning","id":"rs_1","encrypted_content":"gAAA","summary":[
              {"type":"summary_text","text":"one"},{"type":"summary_text","text":"two"}]},
            {"type":"reasoning","id":"rs_2","encrypted_content":"redacted:data","summary":[]},
            {"role":"assistant","content":"calling"},
            {"type":"function_call","call_id":"a","name":"f","arguments":"{}"},
            {"type":"function_call","call_id":"b","name":"g","arguments":"{}"},
            {"type":"function_call_output","call_id":"a","output":"1"},
            {"type":"function_call_output","call_id":"b","output":[
              {"type":"input_text","text":"2"}]},
            {"role":"assistant","content":"x"},{"role":"assistant","content":"y"}]"#,
    );
    let request = parse_responses_request(body.as_bytes()).unwrap();
    let shape: Vec<_> = request
        .messages
        .iter()
        .map(|one| (one.role, one.content.len(), one.tool_calls.len()))
        .collect();
    assert_eq!(
        shape,
        [
            (Role::Developer, 1, 0),
            (Role::User, 3, 0),
            (Role::Assistant, 3, 2),
            (Role::Tool, 1, 0),
            (Role::Tool, 1, 0),
            (Role::Assistant, 1, 0),
            (Role::Assistant, 1, 0),
        ]
    );
    let Part::Image(image) = &request.messages[1].content[1] else {
        panic!("{:?}", request.messages[1]);
    };
    assert_eq!(image.detail.as_deref(), Some("low"));
    assert!(matches!(&image.source, Source::Base64 { media_type, data }
        if media_type == "image/png" && data == "iVBO"));
    let thoughts: Vec<_> = request.messages[2]
        .content
        .iter()
        .filter_map(|part| match part {
            Part::Reasoning(part) => Some(part.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(thoughts[0].text, "one\n\ntwo");
    assert_eq!(thoughts[0].signature.as_deref(), Some("gAAA"));
    assert_eq!(thoughts[1].redacted.as_deref(), Some("data"));
    assert_eq!(request.messages[4].tool_call_id.as_deref(), Some("b"));
}

#[test]
fn what_an_sdk_has_parsed_says_nothing_new() {
    let history = |parsed: &str, arguments: &str, more: &str| {
        saying(&format!(
            r#"[{{"role":"user","content":"x"}},
            {{"type":"message","role":"assistant","content":[
                {{{parsed}"type":"output_text","text":"{{}}"}}]}},
            {{"type":"function_call","call_id":"c","name":"f","arguments":"{{}}"{arguments}}},
            {{"type":"function_call_output","call_id":"c","output":"r"{more}}}]"#
        ))
    };
    let parsed = history(r#""parsed":{"x":1},"#, r#","parsed_arguments":{"x":1}"#, "");
    let plain = history("", "", "");
    let messages = |body: &str| {
        parse_responses_request(body.as_bytes())
            .unwrap()
            .messages
            .len()
    };
    assert_eq!(untranslated(&parsed), [""; 0]);
    assert_eq!(messages(&parsed), messages(&plain));
    // Elsewhere nobody knows these words.
    for (body, path) in [
        (history("", r#","parsed":1"#, ""), "input[2].parsed"),
        (
            history("", "", r#","parsed_arguments":1"#),
            "input[3].parsed_arguments",
        ),
        (
            saying(r#"[{"role":"user","content":[{"type":"input_text","text":"x","parsed":1}]}]"#),
            "input[0].content[0].parsed",
        ),
        (
            saying(
                r#"[{"type":"custom_tool_call","call_id":"c","name":"f","input":"i",
                "parsed_arguments":1},
                {"type":"custom_tool_call_output","call_id":"c","output":"r"}]"#,
            ),
            "input[0].parsed_arguments",
        ),
    ] {
        assert_eq!(untranslated(&body), [path]);
    }
}

/// JSON of any shape, with the names that the parser knows.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let names = "model|input|role|content|type|text|tools|name|arguments|call_id|output|summary|id|\
                 image_url|format|schema|reasoning|effort|include|encrypted_content|x";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "user|assistant|message|function_call|function_call_output|reasoning|input_text|\\PC{0,8}"
            .prop_map(Value::from),
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
        let _ = parse_responses_request(&bytes);
    }

    #[test]
    fn arbitrary_json_is_read_or_refused_with_a_reason(json in any_json(), item in any_json()) {
        let _ = parse_responses_request(json.to_string().as_bytes());
        let body = serde_json::json!({"model": "a", "input": [item], "tools": [json], "text": json});
        if let Err(error) = parse_responses_request(body.to_string().as_bytes()) {
            prop_assert!(error.param.is_some(), "{error:?}");
            prop_assert!(!error.message.contains(" at line "), "{error:?}");
        }
    }
}
