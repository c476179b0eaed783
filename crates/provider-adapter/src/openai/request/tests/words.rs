//! What each word of the dialect becomes in the neutral form.

use super::*;

#[test]
fn every_field_has_its_word() {
    let body = with(
        r#""seed":0,"presence_penalty":-0.50,"frequency_penalty":2,"top_k":7,"n":2,"logprobs":true,
           "top_logprobs":3,"user":"u","metadata":{"a":"b"},"service_tier":"flex","temperature":0,
           "max_tokens":0,"stop":[],"tools":[],"cache_control":{"type":"ephemeral","ttl":"1h"},
           "response_format":{"type":"json_schema","json_schema":{"name":"x","description":"d",
           "strict":true,"schema":{"type": "object"}}}"#,
    );
    let request = parse_chat_request(body.as_bytes()).unwrap();
    let number = |text| Some(NumberText(text));
    assert_eq!(request.seed, number("0"));
    assert_eq!(request.presence_penalty, number("-0.50"));
    assert_eq!(request.frequency_penalty, number("2"));
    assert_eq!(
        (request.top_k, request.temperature),
        (number("7"), number("0"))
    );
    assert_eq!(
        (request.n, request.logprobs, request.top_logprobs),
        (Some(2), Some(true), Some(3))
    );
    assert_eq!(request.end_user.as_deref(), Some("u"));
    assert_eq!(request.metadata.unwrap().get(), r#"{"a":"b"}"#);
    assert_eq!(request.service_tier.as_deref(), Some("flex"));
    assert_eq!(request.max_output_tokens, Some(0));
    assert!(request.cache.unwrap().one_hour);
    let OutputFormat::JsonSchema(schema) = &request.format else {
        panic!("is a schema");
    };
    assert_eq!(
        (schema.name.as_deref(), schema.strict),
        (Some("x"), Some(true))
    );
    assert_eq!(schema.description.as_deref(), Some("d"));
    assert_eq!(schema.schema.unwrap().get(), r#"{"type": "object"}"#);
    assert!(request.untranslated.is_empty());
    let body = with(r#""response_format":{"type":"json_object"}"#);
    let request = parse_chat_request(body.as_bytes()).unwrap();
    assert!(matches!(request.format, OutputFormat::JsonObject));
}

#[test]
fn reasoning_is_understood_in_every_dialect_of_the_format() {
    let read = |fields: &str| {
        let body = with(fields);
        let request = parse_chat_request(body.as_bytes()).unwrap();
        assert!(request.untranslated.is_empty(), "{fields}");
        let control = request.reasoning?;
        Some((control.effort, control.budget_tokens))
    };
    let effort = Effort::parse;
    for (fields, expected) in [
        (
            r#""reasoning_effort":"xhigh""#,
            Some((effort("xhigh"), None)),
        ),
        (r#""reasoning_effort":null"#, None),
        (
            r#""reasoning":{"effort":"low","exclude":false}"#,
            Some((effort("low"), None)),
        ),
        (r#""reasoning":{"max_tokens":9}"#, Some((None, Some(9)))),
        (r#""reasoning":{"enabled":true}"#, Some((None, None))),
        (
            r#""reasoning":{"enabled":false}"#,
            Some((effort("none"), None)),
        ),
        (
            r#""enable_thinking":true,"thinking_budget":0"#,
            Some((None, Some(0))),
        ),
        (
            r#""thinking_budget":9,"enable_thinking":false"#,
            Some((effort("none"), None)),
        ),
        (
            r#""thinking":{"type":"enabled","budget_tokens":9}"#,
            Some((None, Some(9))),
        ),
        (
            r#""thinking":{"type":"disabled"}"#,
            Some((effort("none"), None)),
        ),
    ] {
        assert_eq!(read(fields), expected, "{fields}");
    }
}

#[test]
fn parts_have_their_forms() {
    let body = saying(
        r#"[{"role":"user","cache_control":{"type":"ephemeral","ttl":"1h"},"content":[
            {"type":"text","text":"x","cache_control":{"type":"ephemeral"}},
            {"type":"image_url","image_url":{"url":"https://e.com/a.png","detail":"low"}},
            {"type":"image_url","image_url":"data:image\/png;charset=x;base64,aGk="},
            {"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,aGk="}},
            {"type":"file","file":{"file_id":"file-1"}},
            {"type":"input_audio","input_audio":{"data":"","format":"wav"}}]},
           {"role":"assistant","content":[{"type":"refusal","refusal":"no"}]}]"#,
    );
    let request = parse_chat_request(body.as_bytes()).unwrap();
    let [user, assistant] = request.messages.as_slice() else {
        panic!("two messages");
    };
    let parts = &user.content;
    let base64 = |media_type: &'static str| Source::Base64 {
        media_type: media_type.into(),
        data: "aGk=".into(),
    };
    assert!(
        matches!(&parts[1], Part::Image(Image { source: Source::Url(url), detail: Some(detail) })
        if url == "https://e.com/a.png" && detail == "low")
    );
    assert!(matches!(&parts[2], Part::Image(image) if image.source == base64("image/png")));
    assert!(
        matches!(&parts[3], Part::Document(Document { source, name: Some(name) })
        if *source == base64("application/pdf") && name == "a.pdf")
    );
    assert!(matches!(&parts[4], Part::Other { kind, .. } if kind == "file"));
    assert!(matches!(&parts[5], Part::Other { kind, .. } if kind == "input_audio"));
    let marks: Vec<_> = user
        .cache
        .iter()
        .map(|cached| (cached.position, cached.mark.one_hour))
        .collect();
    assert_eq!(marks, [(0, false), (5, true)]);
    assert!(matches!(&assistant.content[0], Part::Refusal(text) if text == "no"));
    assert_eq!(untranslated(&body), [""; 0]);
}

#[test]
fn thoughts_come_back_with_their_proofs() {
    let read = |message: &str| {
        let body = saying(&format!("[{message}]"));
        let request = parse_chat_request(body.as_bytes()).unwrap();
        assert_eq!(request.messages[0].untranslated, None, "{message}");
        let parts = request.messages[0].content.iter().map(|part| match part {
            Part::Reasoning(thought) => format!(
                "{}/{}/{}",
                thought.text,
                thought.signature.as_deref().unwrap_or("-"),
                thought.redacted.as_deref().unwrap_or("-")
            ),
            Part::Text(text) | Part::Refusal(text) => text.clone().into_owned(),
            other => panic!("{other:?}"),
        });
        parts.collect::<Vec<_>>()
    };
    for (fields, expected) in [
        (r#""reasoning_content":"hm""#, vec!["hm/-/-", "x"]),
        (
            r#""reasoning":"hm","reasoning_content":"hm""#,
            vec!["hm/-/-", "x"],
        ),
        (r#""refusal":"no""#, vec!["x", "no"]),
        (
            r#""reasoning_content":"hmso","reasoning_details":[
                {"type":"reasoning.text","text":"hm","signature":"s","index":0},
                {"type":"reasoning.encrypted","data":"d","index":1},
                {"type":"reasoning.text","text":"so","index":2}]"#,
            vec!["hm/s/-", "/-/d", "so/-/-", "x"],
        ),
        // Deltas that were joined by appending.
        (
            r#""reasoning_details":[{"type":"reasoning.text","text":"h","index":0},
                {"type":"reasoning.text","text":"m","index":0},
                {"type":"reasoning.text","signature":"s","index":0}]"#,
            vec!["hm/s/-", "x"],
        ),
        (
            r#""reasoning_content":"hm","reasoning_details":[{"type":"reasoning.encrypted","data":"d"}]"#,
            vec!["hm/-/-", "/-/d", "x"],
        ),
        (
            r#""thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"s"},
                {"type":"redacted_thinking","data":"d"}]"#,
            vec!["hm/s/-", "/-/d", "x"],
        ),
    ] {
        let message = format!(r#"{{"role":"assistant","content":"x",{fields}}}"#);
        assert_eq!(read(&message), expected);
    }
}

#[test]
fn functions_are_tools_without_ids() {
    let body = r#"{"model":"auto","functions":[{"name":"f","parameters":{"type":"object"}}],
        "function_call":{"name":"f"},"messages":[
        {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
        {"role":"function","name":"f","content":"1"},
        {"role":"assistant","content":null,"function_call":{"name":"f","arguments":""}},
        {"role":"function","name":"f","content":"2"}]}"#;
    let request = parse_chat_request(body.as_bytes()).unwrap();
    assert_eq!(untranslated(body), [""; 0]);
    assert_eq!(request.tools[0].name, "f");
    assert_eq!(request.tool_choice, Some(ToolChoice::Function("f".into())));
    let id = |index: usize| request.messages[index].tool_calls[0].id.clone();
    assert_ne!(id(0), id(2));
    assert_eq!(request.messages[1].tool_call_id, Some(id(0)));
    assert_eq!(request.messages[3].tool_call_id, Some(id(2)));
}

#[test]
fn calls_in_both_forms_are_calls_of_one_turn() {
    let calls = |results: &str| {
        let body = format!(
            r#"{{"model":"auto","functions":[{{"name":"f"}}],"messages":[
            {{"role":"assistant","content":null,"function_call":{{"name":"f","arguments":"1"}},
                "tool_calls":[{{"id":"b","function":{{"name":"g","arguments":"2"}}}}]}},
            {results}{{"role":"user","content":"x"}}]}}"#
        );
        let request = parse_chat_request(body.as_bytes()).unwrap();
        let mut messages = request.messages.iter();
        let calls = messages.next().unwrap().tool_calls.iter();
        let calls: Vec<_> = calls
            .map(|call| (call.id.to_string(), call.name.to_string()))
            .collect();
        let ids = messages.filter_map(|one| one.tool_call_id.as_deref());
        let ids: Vec<_> = ids.map(str::to_owned).collect();
        assert_eq!(request.parallel_tool_calls, Some(false));
        (calls, ids, untranslated(&body))
    };
    let f = r#"{"role":"function","name":"f","content":"1"},"#;
    let g = r#"{"role":"function","name":"g","content":"2"},"#;
    let b = r#"{"role":"tool","tool_call_id":"b","content":"2"},"#;
    let (both, ids, lost) = calls(&format!("{f}{b}"));
    assert_eq!(
        both.iter().map(|(id, _)| id).collect::<Vec<_>>(),
        ids.iter().collect::<Vec<_>>()
    );
    assert_eq!(ids[1], "b", "ids that name their results are kept");
    assert!(lost.is_empty());
    let (both, ids, lost) = calls(&format!("{g}{f}"));
    assert_eq!(
        both.iter().map(|(id, _)| id).collect::<Vec<_>>(),
        ids.iter().rev().collect::<Vec<_>>()
    );
    assert!(lost.is_empty());
    let (first, ids, lost) = calls(f);
    assert_eq!(
        (first.len(), &first[0].0, first[0].1.as_str()),
        (1, &ids[0], "f")
    );
    assert_eq!(lost, ["messages.tool_calls"]);
    let (second, ids, lost) = calls(b);
    assert_eq!(
        (second.len(), &second[0].0, second[0].1.as_str()),
        (1, &ids[0], "g")
    );
    assert_eq!(lost, ["messages.function_call"]);
    let (both, ids, lost) = calls("");
    assert_eq!((both.len(), ids.len(), lost.len()), (2, 0, 0));
    // A third result has no call.
    let (.., lost) = calls(&format!("{f}{g}{f}"));
    assert_eq!(lost, ["messages[3].role"]);
}

#[test]
fn what_sound_holds_besides_its_bytes_and_their_format_is_named() {
    let with = |inner: &str, beside: &str| {
        saying(&format!(
            r#"[{{"role":"user","content":[{{"type":"input_audio","input_audio":
                {{"data":"","format":"wav"{inner}}}{beside}}}]}}]"#
        ))
    };
    let at = "messages[0].content[0]";
    for (body, field) in [
        (with(r#","foo":1"#, ""), "input_audio.foo"),
        (with("", r#","foo":1"#), "foo"),
        (with("", r#","text":"x""#), "text"),
        (
            with("", r#","cache_control":{"type":"odd"}"#),
            "cache_control",
        ),
    ] {
        assert_eq!(untranslated(&body), [format!("{at}.{field}")]);
    }
    let silent = with(
        r#","foo":null"#,
        r#","bar":null,"cache_control":{"type":"ephemeral"}"#,
    );
    assert_eq!(untranslated(&silent), [""; 0]);
}
