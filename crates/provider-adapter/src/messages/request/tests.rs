use serde_json::json;
use steelyard_types::{
    CacheMark, CachedPart, ErrorKind, Image, Part, ReasoningPart, Source, ToolChoice,
};

use super::*;

fn with(more: &serde_json::Value) -> String {
    let mut body = json!({
        "model": "auto",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "hello"}],
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.to_string()
}

fn refused(body: &str) -> RequestError {
    let error = parse_messages_request(body.as_bytes()).expect_err(body);
    assert_eq!(error.kind, ErrorKind::BadRequest);
    error
}

fn untranslated(more: &serde_json::Value) -> Vec<String> {
    let body = with(more);
    let request = parse_messages_request(body.as_bytes()).unwrap();
    let fields = request.untranslated.iter().map(ToString::to_string);
    let messages = request.messages.iter();
    let in_messages = messages.filter_map(|message| message.untranslated.clone());
    fields.chain(in_messages).collect()
}

#[test]
fn the_usual_request_is_read() {
    let body = with(&json!({
        "system": "Be brief.", "stream": true, "temperature": 0.70, "top_k": 5,
        "stop_sequences": ["END"], "metadata": {"user_id": "u-1"}, "service_tier": "auto",
    }));
    let request = parse_messages_request(body.as_bytes()).unwrap();
    assert_eq!(request.dialect, Dialect::AnthropicMessages);
    assert_eq!(request.model, "auto");
    assert_eq!(request.max_output_tokens, Some(100));
    assert!(request.stream && request.include_usage);
    assert_eq!(request.temperature.map(|number| number.0), Some("0.7"));
    assert_eq!(request.top_k.map(|number| number.0), Some("5"));
    assert_eq!(request.stop.as_deref(), Some(&["END".into()][..]));
    assert_eq!(request.end_user.as_deref(), Some("u-1"));
    assert!(request.untranslated.is_empty());
    let said: Vec<_> = request
        .messages
        .iter()
        .map(|message| (message.role, message.texts().collect::<String>()))
        .collect();
    let expected = [
        (Role::System, "Be brief.".to_owned()),
        (Role::User, "hello".to_owned()),
    ];
    assert_eq!(said, expected);
    assert_eq!(request.fields.len(), 10);
}

#[test]
fn threads_are_refused_whoever_would_serve_them() {
    for thread in [
        json!({"type": "create"}),
        json!({"type": "continue", "previous_message_id": "msg_1"}),
        json!({}),
    ] {
        let body = with(&json!({"thread": thread}));
        for parse in [parse_messages_request, parse_count_request] {
            let error = parse(body.as_bytes()).expect_err(&body);
            assert_eq!(error.kind, ErrorKind::Unsupported);
            assert_eq!(error.param.as_deref(), Some("thread"));
            assert!(error.message.contains("send the whole history"), "{error}");
        }
    }
    assert_eq!(untranslated(&json!({"thread": null})), [""; 0]);
}

#[test]
fn results_of_tools_become_messages_before_the_rest() {
    let body = with(&json!({"messages": [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "t1", "name": "look", "input": {"city": "Oslo"},
             "caller": {"type": "direct"}},
            {"type": "tool_use", "id": "t2", "name": "look", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": "rain"},
            {"type": "tool_result", "tool_use_id": "t2", "is_error": true,
             "content": [{"type": "text", "text": "no such city"}]},
            {"type": "text", "text": "And now?", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ]},
    ]}));
    let request = parse_messages_request(body.as_bytes()).unwrap();
    let roles: Vec<_> = request.messages.iter().map(|one| one.role).collect();
    use Role::{Assistant, Tool, User};
    assert_eq!(roles, [User, Assistant, Tool, Tool, User]);
    let [_, said, first, second, rest] = request.messages.as_slice() else {
        panic!("five messages");
    };
    let thoughts = ReasoningPart {
        text: "hm".into(),
        signature: Some("sig".into()),
        redacted: None,
    };
    assert!(matches!(&said.content[0], Part::Reasoning(part) if *part == thoughts));
    assert_eq!(said.tool_calls[0].arguments, r#"{"city":"Oslo"}"#);
    assert_eq!(said.tool_calls[1].id, "t2");
    assert_eq!(first.tool_call_id.as_deref(), Some("t1"));
    assert_eq!(first.texts().collect::<String>(), "rain");
    assert!(!first.is_error && second.is_error);
    let mark = CachedPart {
        position: 0,
        mark: CacheMark { one_hour: true },
    };
    assert_eq!(rest.cache.as_slice(), [mark]);
    assert!(
        request
            .messages
            .iter()
            .all(|one| one.untranslated.is_none())
    );
}

#[test]
fn pictures_and_documents_have_a_source() {
    let body = with(&json!({"messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "document", "title": "t", "citations": {"enabled": false},
         "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
    ]}]}));
    let request = parse_messages_request(body.as_bytes()).unwrap();
    let content = &request.messages[0].content;
    let png = Image {
        source: Source::Base64 {
            media_type: "image/png".into(),
            data: "aGk=".into(),
        },
        detail: None,
    };
    assert!(matches!(&content[0], Part::Image(image) if *image == png));
    assert!(
        matches!(&content[1], Part::Image(Image { source: Source::Url(url), .. })
        if url == "https://example.com/a.png")
    );
    assert!(matches!(&content[2], Part::Document(one) if one.name.as_deref() == Some("t")));
    assert!(matches!(&content[3], Part::Text(text) if text == "hi"));
    assert!(matches!(&content[4], Part::Other { kind, .. } if kind == "image"));
    assert_eq!(request.messages[0].untranslated, None);
}

#[test]
fn what_else_is_said_of_a_source_is_named() {
    let source = json!({"type": "base64", "media_type": "image/png", "data": "aGk=",
        "crop": null, "zoom": 2});
    for kind in ["image", "document"] {
        let body = with(&json!({"messages": [{"role": "user", "content":
            [{"type": kind, "source": source}]}]}));
        let request = parse_messages_request(body.as_bytes()).unwrap();
        let path = request.messages[0].untranslated.as_deref();
        assert_eq!(path, Some("messages[0].content[0].source.zoom"), "{kind}");
    }
}

#[test]
fn addresses_that_lead_off_the_web_have_no_neutral_form() {
    for (url, is_web) in [
        ("https://example.com/a.png", true),
        ("HTTP://example.com/a.png", true),
        ("file:///etc/passwd", false),
        ("gs://bucket/a.png", true),
        ("ftp://example.com/a.png", false),
        ("https:/a", false),
        ("", false),
    ] {
        let picture = json!({"type": "image", "source": {"type": "url", "url": url}});
        let body = with(&json!({"messages": [{"role": "user", "content": [picture]}]}));
        let request = parse_messages_request(body.as_bytes()).expect("a request");
        let part = &request.messages[0].content[0];
        assert_eq!(matches!(part, Part::Image(_)), is_web, "{url}");
        assert_eq!(matches!(part, Part::Other { .. }), !is_web, "{url}");
    }
}

#[test]
fn documents_of_text_are_text() {
    let text = json!({"type": "text", "media_type": "text/plain", "data": "one"});
    let blocks = json!({"type": "content", "content": [{"type": "text", "text": "one"},
        {"type": "text", "text": "two"}]});
    let picture = json!({"type": "content", "content": [{"type": "image", "source":
        {"type": "url", "url": "https://example.com/a.png"}}]});
    let file = json!({"type": "file", "file_id": "file_1"});
    for (source, title, expected) in [
        (&text, None, Some("one")),
        (&text, Some("A paper"), Some("A paper\n\none")),
        (&blocks, None, Some("one\ntwo")),
        (
            &json!({"type": "content", "content": "one"}),
            None,
            Some("one"),
        ),
        (&picture, None, None),
        (&file, None, None),
    ] {
        let document = json!({"type": "document", "source": source, "title": title});
        let body = with(&json!({"messages": [{"role": "user", "content": [document]}]}));
        let request = parse_messages_request(body.as_bytes()).expect("a request");
        match (&request.messages[0].content[0], expected) {
            (Part::Text(found), Some(expected)) => assert_eq!(found, expected),
            (Part::Other { kind, .. }, None) => assert_eq!(kind, "document"),
            (found, _) => panic!("{source}: {found:?}"),
        }
    }
}

#[test]
fn results_hold_pictures_documents_and_marks() {
    let picture = json!({"type": "image", "source": {"type": "url", "url": "https://example.com"},
        "cache_control": {"type": "ephemeral"}});
    let paper = json!({"type": "document", "source": {"type": "base64",
        "media_type": "application/pdf", "data": "aGk="}});
    let body = with(&json!({"messages": [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "t1", "name": "look", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1",
            "content": [{"type": "text", "text": "a"}, picture, paper],
            "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
    ]}));
    let request = parse_messages_request(body.as_bytes()).unwrap();
    let [_, _, result, rules] = request.messages.as_slice() else {
        panic!("four messages");
    };
    assert!(matches!(
        result.content.as_slice(),
        [Part::Text(_), Part::Image(_), Part::Document(_)]
    ));
    let mark = |position, one_hour| CachedPart {
        position,
        mark: CacheMark { one_hour },
    };
    assert_eq!(result.cache.as_slice(), [mark(1, false), mark(2, true)]);
    assert_eq!(rules.role, Role::System);
    assert!(
        request
            .messages
            .iter()
            .all(|one| one.untranslated.is_none())
    );
}

#[test]
fn tools_and_their_choice_are_read() {
    let body = with(&json!({
        "tools": [
            {"name": "look", "description": "d", "input_schema": {"type": "object"},
             "cache_control": {"type": "ephemeral"}, "strict": true},
            {"type": "custom", "name": "wait", "input_schema": {}, "defer_loading": false},
        ],
        "tool_choice": {"type": "tool", "name": "look", "disable_parallel_tool_use": true},
    }));
    let request = parse_messages_request(body.as_bytes()).unwrap();
    assert_eq!(request.tools.len(), 2);
    assert_eq!(request.tools[0].strict, Some(true));
    assert_eq!(request.tools[0].cache, Some(CacheMark { one_hour: false }));
    assert_eq!(
        request.tool_choice,
        Some(ToolChoice::Function("look".into()))
    );
    assert_eq!(request.parallel_tool_calls, Some(false));
    assert!(request.untranslated.is_empty());
    for (word, choice) in [
        ("auto", ToolChoice::Auto),
        ("any", ToolChoice::Required),
        ("none", ToolChoice::None),
    ] {
        let body = with(&json!({"tool_choice": {"type": word}}));
        let request = parse_messages_request(body.as_bytes()).unwrap();
        assert_eq!(request.tool_choice, Some(choice));
        assert_eq!(request.parallel_tool_calls, Some(true));
    }
}

#[test]
fn reasoning_and_format_are_read() {
    let read = |more: serde_json::Value| {
        let body = with(&more);
        let request = parse_messages_request(body.as_bytes()).unwrap();
        let schema = match &request.format {
            OutputFormat::JsonSchema(schema) => schema.schema.map(|raw| raw.get().to_owned()),
            _ => None,
        };
        (request.reasoning, schema)
    };
    let control = |effort, budget_tokens| {
        Some(ReasoningControl {
            effort,
            budget_tokens,
        })
    };
    let cases = [
        (
            json!({"thinking": {"type": "disabled"}}),
            control(Some(Effort::None), None),
        ),
        (
            json!({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}),
            control(Some(Effort::Low), None),
        ),
        (
            json!({"thinking": {"type": "adaptive"}}),
            control(None, None),
        ),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 2048}}),
            control(None, Some(2_048)),
        ),
        (
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
            control(Some(Effort::Low), None),
        ),
        (
            json!({"output_config": {"effort": "max"}, "thinking": null}),
            control(Some(Effort::Max), None),
        ),
    ];
    for (more, expected) in cases {
        assert_eq!(read(more.clone()).0, expected, "{more}");
    }
    let format = json!({"type": "json_schema", "schema": {"type": "object"}});
    let beta = json!({"output_format": format});
    for schema in [json!({"output_config": {"format": format}}), beta] {
        assert_eq!(read(schema).1.as_deref(), Some(r#"{"type":"object"}"#));
    }
}

#[test]
fn what_has_no_word_is_listed() {
    let cases = [
        (json!({"container": "c"}), "container"),
        (json!({"mcp_servers": [{"type": "url"}]}), "mcp_servers"),
        (
            json!({"context_management": {"edits": [{"type": "x"}]}}),
            "context_management",
        ),
        (json!({"output_format": {"type": "new"}}), "output_format"),
        (
            json!({"thinking": {"type": "adaptive", "display": "omitted"}}),
            "thinking.display",
        ),
        (json!({"metadata": {"team": "x"}}), "metadata.team"),
        (json!({"thinking": {"type": "new"}}), "thinking.type"),
        (
            json!({"output_config": {"effort": "new"}}),
            "output_config.effort",
        ),
        (
            json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
            "tools[0].type",
        ),
        (
            json!({"tools": [{"name": "a", "input_schema": {}, "defer_loading": true}]}),
            "tools[0].defer_loading",
        ),
        (
            json!({"messages": [{"role": "user", "content": [
                {"type": "text", "text": "a", "citations": [{"type": "x"}]}]}]}),
            "messages[0].content[0].citations",
        ),
        (
            json!({"messages": [{"role": "assistant", "content": [
                {"type": "text", "text": "a", "citations": [{"type": "x"}]},
                {"type": "text", "text": "b", "citations": null}]}]}),
            "messages.citations",
        ),
        (json!({"cache_control": {"type": "new"}}), "cache_control"),
    ];
    for (more, path) in cases {
        assert_eq!(untranslated(&more), [path], "{more}");
    }
    let nothing = json!({"thinking": {"type": "adaptive", "display": "summarized"},
        "container": null, "mcp_servers": [], "context_management": {},
        "service_tier": "standard_only", "cache_control": {"type": "ephemeral"}});
    assert!(untranslated(&nothing).is_empty());
}

#[test]
fn mistakes_are_named_by_their_place() {
    let cases = [
        (json!({"model": 7}), "model"),
        (json!({"model": ""}), "model"),
        (json!({"max_tokens": "many"}), "max_tokens"),
        (json!({"max_tokens": null}), "max_tokens"),
        (json!({"messages": []}), "messages"),
        (json!({"messages": "hello"}), "messages"),
        (json!({"messages": [7]}), "messages[0]"),
        (
            json!({"messages": [{"role": "wizard", "content": "x"}]}),
            "messages[0].role",
        ),
        (
            json!({"messages": [{"role": "user"}]}),
            "messages[0].content",
        ),
        (
            json!({"messages": [{"role": "user", "content": 7}]}),
            "messages[0].content",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"text": "x"}]}]}),
            "messages[0].content[0].type",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "text"}]}]}),
            "messages[0].content[0].text",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}),
            "messages[0].content[0].tool_use_id",
        ),
        (
            json!({"messages": [{"role": "assistant", "content":
                [{"type": "tool_use", "id": "a", "name": "b", "input": "{}"}]}]}),
            "messages[0].content[0].input",
        ),
        (json!({"tools": [{"name": "a"}]}), "tools[0].input_schema"),
        (json!({"tool_choice": {"type": "tool"}}), "tool_choice.name"),
        (json!({"tool_choice": {"type": "wish"}}), "tool_choice.type"),
        (json!({"temperature": "hot"}), "temperature"),
        (json!({"stop_sequences": "END"}), "stop_sequences"),
        (json!({"thinking": {}}), "thinking.type"),
    ];
    for (more, path) in cases {
        let error = refused(&with(&more));
        assert_eq!(error.param.as_deref(), Some(path), "{more}: {error}");
        assert!(error.message.starts_with(path), "{error}");
    }
    let error = refused(r#"{"model":"a","messages":[{"role":"user","content":"x"}]}"#);
    assert_eq!(error.param.as_deref(), Some("max_tokens"));
}

#[test]
fn counting_needs_no_limit() {
    let body = br#"{"model":"a","messages":[{"role":"user","content":"x"}]}"#;
    assert_eq!(parse_count_request(body).unwrap().max_output_tokens, None);
}

#[test]
fn bodies_that_are_no_requests_are_refused() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(65), "]".repeat(65));
    for body in ["", "{", "[]", "null", "\u{feff}{}", &deep] {
        refused(body);
    }
    assert!(parse_messages_request(b"{\"model\":\"\xff\"}").is_err());
}

fn arbitrary_json() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
    use proptest::prelude::*;
    let names = [
        "type",
        "role",
        "content",
        "text",
        "source",
        "id",
        "name",
        "input",
        "tool_use_id",
        "thinking",
        "signature",
        "data",
        "cache_control",
        "is_error",
        "media_type",
        "x",
    ];
    let words = [
        "text",
        "image",
        "document",
        "tool_use",
        "tool_result",
        "thinking",
        "user",
        "assistant",
        "system",
        "base64",
        "url",
        "ephemeral",
        "",
        "é",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        prop::sample::select(words.to_vec()).prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        let name = prop::sample::select(names.to_vec()).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((name, inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest::proptest! {
    /// Whatever stands in a field, it is read or refused with a reason, and what is read can be
    /// asked of every adapter.
    #[test]
    fn arbitrary_fields_are_read_or_refused(
        field in proptest::sample::select(vec!["messages", "system", "tools", "tool_choice",
            "thinking", "output_config", "metadata", "cache_control", "stop_sequences"]),
        value in arbitrary_json(),
        wrapped in proptest::bool::ANY,
    ) {
        let value = match (field, wrapped) {
            ("messages", true) => json!([{"role": "user", "content": [value]}]),
            ("tools" | "system", true) => json!([value]),
            _ => value,
        };
        let body = with(&json!({field: value}));
        match parse_messages_request(body.as_bytes()) {
            Err(error) => proptest::prop_assert!(!error.message.is_empty()),
            Ok(request) => for message in &request.messages {
                let ends = message.content.len() + message.tool_calls.len();
                for mark in &message.cache {
                    proptest::prop_assert!(mark.position < ends.max(1));
                }
            },
        }
    }
}

#[test]
fn what_blocks_of_a_document_hold_besides_their_words_is_named() {
    let with = |block: serde_json::Value| {
        json!({"messages": [{"role": "user", "content": [{"type": "document", "source":
            {"type": "content", "content": [{"type": "text", "text": "one"}, block]}}]}]})
    };
    let at = "messages[0].content[0].source.content[1]";
    for (block, field) in [
        (json!({"type": "text", "text": "two", "foo": 1}), "foo"),
        (
            json!({"type": "text", "text": "two", "citations": [{"type": "x"}]}),
            "citations",
        ),
        (
            json!({"type": "text", "text": "two", "cache_control": {"type": "odd"}}),
            "cache_control",
        ),
    ] {
        assert_eq!(untranslated(&with(block)), [format!("{at}.{field}")]);
    }
    let marked = with(json!({"type": "text", "text": "two", "citations": null,
        "cache_control": {"type": "ephemeral"}}));
    assert_eq!(untranslated(&marked), [""; 0]);
    let mut body = marked;
    body["model"] = json!("auto");
    body["max_tokens"] = json!(7);
    let body = body.to_string();
    let request = parse_messages_request(body.as_bytes()).unwrap();
    let message = &request.messages[0];
    assert!(matches!(&message.content[0], Part::Text(text) if text == "one\ntwo"));
    assert_eq!(message.cache.len(), 1);
    assert_eq!(message.cache[0].position, 0);
}
