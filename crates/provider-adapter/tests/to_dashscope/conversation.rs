//! Messages and what they hold.

use serde_json::{Value, json};
use steelyard_types::Feature;

use super::{support, target};

fn asked(messages: Value) -> Value {
    json!({"model": "auto", "max_tokens": 9, "messages": messages})
}

#[test]
fn pictures_and_sound_are_pieces() {
    let target = target(&[Feature::Vision, Feature::Audio]);
    let body = asked(json!([{"role": "user", "content": [
        {"type": "text", "text": "one"},
        {"type": "image", "source":
            {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    ]}]));
    let (body, lossy) = support::of_messages(&target, &body).unwrap();
    assert_eq!(
        body["input"]["messages"][0]["content"],
        json!([{"text": "one"}, {"image": "data:image/png;base64,iVBORw0KGgo="},
            {"image": "https://example.com/a.png"}])
    );
    assert!(lossy.is_empty());
    let sound = json!({"model": "auto", "messages": [{"role": "user", "content": [
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}]}]});
    let (body, _) = support::of_chat(&target, &sound, |_| {}).unwrap();
    assert_eq!(
        body["input"]["messages"][0]["content"],
        json!([{"audio": "data:audio/wav;base64,UklGRg=="}])
    );
}

#[test]
fn what_a_model_does_not_take_is_refused_by_name() {
    let image = json!({"type": "image", "source": {"type": "url", "url": "https://a.b/c.png"}});
    let pdf = json!({"type": "document", "source": {"type": "url", "url": "https://a.b/c.pdf"}});
    for (part, features) in [
        (&image, [].as_slice()),
        (&image, &[Feature::Audio]),
        (&pdf, &[Feature::Vision, Feature::Audio]),
    ] {
        let body = asked(json!([{"role": "user", "content": [part]}]));
        let refusal = support::of_messages(&target(features), &body).unwrap_err();
        assert_eq!(refusal.field, "messages[0].content[0]");
    }
}

#[test]
fn answers_without_a_word_stay_behind() {
    for features in [&[][..], &[Feature::Vision]] {
        let target = target(features);
        let body = asked(json!([
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "t", "signature": ""}]},
            {"role": "user", "content": "two"},
            {"role": "assistant", "content": ""},
            {"role": "user", "content": "three"},
            {"role": "assistant", "content": []},
        ]));
        let (body, lossy) = support::of_messages(&target, &body).unwrap();
        let messages = body["input"]["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 3, "{messages:?}");
        assert!(messages.iter().all(|one| one["role"] == "user"));
        assert_eq!(messages[2].get("partial"), None);
        assert_eq!(lossy, ["messages.thinking", "messages.content"]);
    }
}

fn with_results(last: &[Value]) -> Value {
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "look", "input": {}});
    let picture = |url: &str| json!({"type": "image", "source": {"type": "url", "url": url}});
    let mut content = vec![
        json!({"type": "tool_result", "tool_use_id": "a", "content": [picture("https://a/1.png")]}),
        json!({"type": "tool_result", "tool_use_id": "b", "is_error": true, "content": [
            {"type": "text", "text": "half"}, picture("https://a/2.png")]}),
    ];
    content.extend_from_slice(last);
    asked(json!([
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [call("a"), call("b")]},
        {"role": "user", "content": content},
    ]))
}

#[test]
fn pictures_of_results_follow_in_the_users_words() {
    let target = target(&[Feature::Vision]);
    let from = json!({"text": "From the result of the tool:"});
    let moved = [
        from.clone(),
        json!({"image": "https://a/1.png"}),
        from,
        json!({"image": "https://a/2.png"}),
    ];
    for (last, words) in [
        (vec![], vec![]),
        (
            vec![json!({"type": "text", "text": "And?"})],
            vec![json!({"text": "And?"})],
        ),
    ] {
        let (body, _) = support::of_messages(&target, &with_results(&last)).unwrap();
        let messages = body["input"]["messages"].as_array().unwrap();
        assert_eq!(
            messages[2..4],
            [
                json!({"role": "tool", "tool_call_id": "a",
                    "content": [{"text": "See the picture below."}]}),
                json!({"role": "tool", "tool_call_id": "b",
                    "content": [{"text": "Error:"}, {"text": "half"}]}),
            ]
        );
        let expected: Vec<Value> = moved.iter().cloned().chain(words).collect();
        assert_eq!(messages[4], json!({"role": "user", "content": expected}));
        assert_eq!(messages.len(), 5);
    }
}

#[test]
fn an_answer_goes_on_from_its_beginning_without_thinking() {
    let body = asked(json!([{"role": "user", "content": "Count."},
        {"role": "assistant", "content": "One, "}]));
    let sent = |features: &[Feature]| support::of_messages(&target(features), &body).unwrap().0;
    let last = json!({"role": "assistant", "content": "One, ", "partial": true});
    assert_eq!(sent(&[])["input"]["messages"][1], last);
    assert_eq!(sent(&[])["parameters"].get("enable_thinking"), None);
    assert_eq!(
        sent(&[Feature::Reasoning])["parameters"]["enable_thinking"],
        false
    );
    let mut thinks = body.clone();
    thinks["output_config"] = json!({"effort": "low"});
    let refusal = support::of_messages(&target(&[Feature::Reasoning]), &thinks).unwrap_err();
    assert_eq!(refusal.field, "thinking");
    let mut refuses = target(&[]);
    refuses.facts.refuses_prefill = true;
    let refusal = support::of_messages(&refuses, &body).unwrap_err();
    assert_eq!(refusal.field, "messages[1].role");
    // OpenAI's dialect promises a new message, not that this one goes on.
    let chat = json!({"model": "auto", "messages": body["messages"]});
    let (sent, _) = support::of_chat(&target(&[]), &chat, |_| {}).unwrap();
    assert_eq!(sent["input"]["messages"][1].get("partial"), None);
}

#[test]
fn a_message_without_content_is_an_empty_text() {
    let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let body = json!({"model": "auto", "messages": [
        {"role": "system", "content": ""},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": []},
    ]});
    let contents = |features: &[Feature]| {
        let (body, _) = support::of_chat(&target(features), &body, |_| {}).unwrap();
        let messages = body["input"]["messages"].as_array().unwrap().clone();
        let contents = messages.iter().map(|message| message["content"].clone());
        contents.collect::<Vec<_>>()
    };
    let empty = json!([{"text": ""}]);
    assert_eq!(
        contents(&[Feature::Vision]),
        [json!([{"text": "Hi"}]), empty.clone(), empty]
    );
    assert_eq!(contents(&[]), [json!("Hi"), json!(""), json!("")]);
}

#[test]
fn thoughts_that_stay_behind_are_declared() {
    let chat = json!({"model": "auto", "messages": [{"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Ho", "reasoning_content": "hm"},
        {"role": "user", "content": "And?"}]});
    let (_, lossy) = support::of_chat(&target(&[]), &chat, |_| {}).unwrap();
    assert_eq!(lossy, ["messages.reasoning"]);
}
