//! Pictures, documents and sound, and where they stand.

use serde_json::{Value, json};

use super::{support, target};

fn asked(content: Value) -> Value {
    json!({"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": content}]})
}

fn image(data: &str) -> Value {
    json!({"type": "image", "source":
        {"type": "base64", "media_type": "image/png", "data": data}})
}

fn at(kind: &str, url: &str) -> Value {
    json!({"type": kind, "source": {"type": "url", "url": url}})
}

#[test]
fn media_of_the_user_keep_their_places() {
    let pdf = json!({"type": "document", "title": "Tides", "source":
        {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}});
    let content = json!([
        {"type": "text", "text": "one"},
        image("iVBORw0KGgo="),
        at("image", "https://example.com/b.JPG?size=2"),
        {"type": "text", "text": "two"},
        at("image", "https://example.com/picture"),
        pdf,
        at("document", "https://example.com/c.pdf"),
    ]);
    let (body, lossy) = support::of_messages(&target("gemini-2.5-flash"), &asked(content)).unwrap();
    assert_eq!(
        body["contents"][0]["parts"],
        json!([
            {"text": "one"},
            {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.com/b.JPG?size=2"}},
            {"text": "two"},
            {"fileData": {"fileUri": "https://example.com/picture"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}},
            {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/c.pdf"}},
        ])
    );
    assert_eq!(lossy, ["document.title"]);
}

#[test]
fn what_gemini_does_not_take_is_refused_by_name() {
    let gif = json!({"type": "image", "source":
        {"type": "base64", "media_type": "image/gif", "data": "R0lGODlh"}});
    for part in [gif, at("image", "http://example.com/a.png")] {
        let content = json!([{"type": "text", "text": "look"}, part]);
        let refusal = support::of_messages(&target("gemini-3-flash"), &asked(content)).unwrap_err();
        assert_eq!(refusal.field, "messages[0].content[1]");
        assert!(refusal.reason.contains("Gemini does not"), "{refusal}");
    }
}

#[test]
fn addresses_off_the_web_are_refused_by_name_but_for_googles_storage() {
    for (kind, url) in [("image", "ftp://a/b"), ("document", "file:///etc/passwd")] {
        let refusal =
            support::of_messages(&target("gemini-3-flash"), &asked(json!([at(kind, url)])))
                .unwrap_err();
        assert_eq!(refusal.field, "messages[0].content[0]");
        assert!(
            refusal.reason.contains("whose url is not http(s)"),
            "{refusal}"
        );
    }
    let bucket = asked(json!([at("image", "gs://b/a.png")]));
    let (body, _) = support::of_messages(&target("gemini-3-flash"), &bucket).unwrap();
    assert_eq!(
        body["contents"][0]["parts"][0]["fileData"]["fileUri"],
        "gs://b/a.png"
    );
}

/// Two calls in one turn whose results hold pictures.
fn with_results() -> Value {
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "look", "input": {}});
    let result = |id: &str, content: Value, failed: bool| json!({"type": "tool_result", "tool_use_id": id, "content": content, "is_error": failed});
    let tiff = at("image", "https://example.com/d.png");
    json!({"model": "auto", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [call("a"), call("b")]},
        {"role": "user", "content": [
            result("b", json!([{"type": "text", "text": "no"}, tiff]), true),
            result("a", json!([{"type": "text", "text": "{\"found\": 1}"}, image("QUJD")]), false),
            {"type": "text", "text": "And?"},
        ]},
    ]})
}

#[test]
fn results_hold_their_pictures_where_the_model_takes_them() {
    let (body, _) = support::of_messages(&target("gemini-3-flash"), &with_results()).unwrap();
    let from = json!({"text": "From the result of look:"});
    let png = json!({"inlineData": {"mimeType": "image/png", "data": "QUJD"}});
    let file =
        json!({"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/d.png"}});
    assert_eq!(
        body["contents"][2]["parts"],
        json!([
            {"functionResponse": {"id": "a", "name": "look", "response": {"found": 1},
                "parts": [png]}},
            {"functionResponse": {"id": "b", "name": "look", "response": {"error": "no"}}},
            from,
            file,
            {"text": "And?"},
        ])
    );
    let (body, _) = support::of_messages(&target("gemini-2.5-flash"), &with_results()).unwrap();
    assert_eq!(
        body["contents"][2]["parts"],
        json!([
            {"functionResponse": {"id": "a", "name": "look", "response": {"found": 1}}},
            {"functionResponse": {"id": "b", "name": "look", "response": {"error": "no"}}},
            from,
            png,
            from,
            file,
            {"text": "And?"},
        ])
    );
}

#[test]
fn names_of_functions_that_gemini_does_not_take_are_refused() {
    for (name, takes) in [("a.b:c-1", true), ("_", true), ("1a", false), ("-a", false)] {
        let mut body = support::hi();
        body["tools"] = json!([{"type": "function", "function": {"name": name}}]);
        match support::of_chat(&target("gemini-3-flash"), &body, |_| {}) {
            Ok(_) => assert!(takes, "{name}"),
            Err(refusal) => {
                assert!(!takes, "{name}");
                assert_eq!(refusal.field, "tools[0].function.name");
            }
        }
    }
}

#[test]
fn sound_is_sent_in_the_words_of_its_format() {
    let sound = |format: &str| {
        json!({"model": "auto", "messages": [{"role": "user", "content": [
            {"type": "text", "text": "What is it?"},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": format}},
        ]}]})
    };
    let target = target("gemini-3-flash");
    let (body, _) = support::of_chat(&target, &sound("wav"), |_| {}).unwrap();
    assert_eq!(
        body["contents"][0]["parts"][1],
        json!({"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}})
    );
    let refusal = support::of_chat(&target, &sound("midi"), |_| {}).unwrap_err();
    assert_eq!(refusal.field, "messages[0].content[1]");
}

#[test]
fn signatures_return_with_their_calls() {
    let body = json!({"model": "auto", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "a~ts~c2ln", "name": "look", "input": {}},
            {"type": "tool_use", "id": "b", "name": "look", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a~ts~c2ln", "content": "1"},
            {"type": "tool_result", "tool_use_id": "b", "content": "2"},
        ]},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": "3"},
        ]},
    ]});
    let signatures = |model: &str| {
        let (body, _) = support::of_messages(&target(model), &body).unwrap();
        let parts = |turn: usize| body["contents"][turn]["parts"].as_array().unwrap().clone();
        let all = parts(1).into_iter().chain(parts(3));
        all.map(|part| part["thoughtSignature"].clone())
            .collect::<Vec<_>>()
    };
    let placeholder = json!("skip_thought_signature_validator");
    let own = json!("c2ln");
    assert_eq!(
        signatures("gemini-3-flash"),
        [own.clone(), Value::Null, placeholder]
    );
    assert_eq!(
        signatures("gemini-2.5-flash"),
        [own, Value::Null, Value::Null]
    );
}

#[test]
fn words_beside_results_do_not_end_the_current_turn() {
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "look", "input": {}});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "1"});
    let text = json!({"type": "text", "text": "Go on."});
    let body = json!({"model": "auto", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [call("past")]},
        {"role": "user", "content": [result("past")]},
        {"role": "assistant", "content": "Seen."},
        {"role": "user", "content": "Again."},
        {"role": "assistant", "content": [call("a"), call("b")]},
        {"role": "user", "content": [result("a"), result("b"), text]},
        {"role": "assistant", "content": [call("c")]},
        {"role": "user", "content": [result("c"), text]},
    ]});
    let (body, _) = support::of_messages(&target("gemini-3-flash"), &body).unwrap();
    let signature = |turn: usize, part: usize| {
        let part = &body["contents"][turn]["parts"][part];
        assert!(part["functionCall"].is_object(), "{part}");
        part.get("thoughtSignature").is_some()
    };
    let signed = [(1, 0), (5, 0), (5, 1), (7, 0)].map(|(turn, part)| signature(turn, part));
    assert_eq!(signed, [false, true, false, true]);
}

#[test]
fn thoughts_return_only_in_the_signature_of_their_call() {
    let lost = |thinking: &Value, id: &str| {
        let body = json!({"model": "auto", "max_tokens": 9, "messages": [
            {"role": "user", "content": "Look."},
            {"role": "assistant", "content": [
                thinking, {"type": "tool_use", "id": id, "name": "look", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": id, "content": "1"}]},
        ]});
        support::of_messages(&target("gemini-3-flash"), &body)
            .unwrap()
            .1
    };
    let summary = json!({"type": "thinking", "thinking": "hm", "signature": ""});
    let signed = json!({"type": "thinking", "thinking": "hm", "signature": "c2ln"});
    assert!(lost(&summary, "a~ts~c2ln").is_empty());
    assert_eq!(lost(&summary, "a"), ["messages.thinking"]);
    assert_eq!(lost(&signed, "a~ts~c2ln"), ["messages.thinking"]);
    // One that carries the mark of another model.
    let foreign = "a~ts~steelyard.0123456789abcdef.c2ln";
    assert_eq!(lost(&summary, foreign), ["messages.thinking"]);
    let text = json!({"type": "text", "text": "Well."});
    assert_eq!(lost(&text, foreign), ["messages.thinking"]);
    assert!(lost(&text, "a").is_empty());
    let chat = json!({"model": "auto", "messages": [{"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Ho", "reasoning_content": "hm"},
        {"role": "user", "content": "And?"}]});
    let (_, lossy) = support::of_chat(&target("gemini-3-flash"), &chat, |_| {}).unwrap();
    assert_eq!(lossy, ["messages.reasoning"]);
}
