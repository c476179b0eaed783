//! Parts of messages, marks, and the fields beside them.

use steelyard_types::{
    CacheMark, CachedPart, Document, Image, NumberText, Source, Tool, ToolChoice,
};

use super::*;

const HOUR: CacheMark = CacheMark { one_hour: true };
const SHORT: CacheMark = CacheMark { one_hour: false };

fn base64(media_type: &'static str) -> Source<'static> {
    Source::Base64 {
        media_type: media_type.into(),
        data: "aGk=".into(),
    }
}

fn url() -> Source<'static> {
    Source::Url("https://example.com/a".into())
}

fn image(source: Source<'static>) -> Part<'static> {
    Part::Image(Image {
        source,
        detail: None,
    })
}

fn document(source: Source<'static>) -> Part<'static> {
    Part::Document(Document {
        source,
        name: Some("t.pdf".into()),
    })
}

fn mark(position: usize, mark: CacheMark) -> CachedPart {
    CachedPart { position, mark }
}

#[test]
fn parts_keep_their_order_and_marks() {
    let mut asks = message(
        Role::User,
        [
            text("first"),
            image(base64("image/png")),
            text(" "),
            document(base64("application/pdf")),
            text("last"),
        ],
    );
    asks.cache = smallvec![mark(1, HOUR), mark(4, SHORT)];
    let shows = message(Role::User, [image(url()), document(url())]);
    let (body, lossy) = sent(&request(vec![asks, shows]), &target());
    assert_eq!(lossy, [""; 0]);
    let bytes = json!({"type": "base64", "media_type": "image/png", "data": "aGk="});
    let pdf = json!({"type": "base64", "media_type": "application/pdf", "data": "aGk="});
    let link = json!({"type": "url", "url": "https://example.com/a"});
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": [
            {"type": "text", "text": "first"},
            {"type": "image", "source": bytes, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {"type": "document", "source": pdf, "title": "t.pdf"},
            {"type": "text", "text": "last", "cache_control": {"type": "ephemeral"}},
            {"type": "image", "source": link},
            {"type": "document", "source": link, "title": "t.pdf"},
        ]}])
    );
}

#[test]
fn results_hold_more_than_text_and_may_have_failed() {
    let mut messages = called(None);
    messages[1].tool_calls.push(call("c2", "look"));
    messages[1].cache = smallvec![mark(2, SHORT)];
    messages[2].content = smallvec![text("rain"), image(base64("image/png")), text("wind")];
    messages[2].cache = smallvec![mark(0, HOUR), mark(2, SHORT)];
    messages.push(result("c2", [text("no such place")]));
    messages[3].is_error = true;
    messages.push(user("And now?"));
    let (body, _) = sent(&request(messages), &target());
    let answers = &body["messages"][2]["content"];
    let bytes = json!({"type": "base64", "media_type": "image/png", "data": "aGk="});
    assert_eq!(
        *answers,
        json!([
            {"type": "tool_result", "tool_use_id": "c1", "content": [
                {"type": "text", "text": "rain",
                    "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                {"type": "image", "source": bytes},
                {"type": "text", "text": "wind"},
            ], "cache_control": {"type": "ephemeral"}},
            {"type": "tool_result", "tool_use_id": "c2", "content": "no such place",
                "is_error": true},
            {"type": "text", "text": "And now?"},
        ])
    );
    let calls = &body["messages"][1]["content"];
    assert_eq!(calls[1].get("cache_control"), None);
    assert_eq!(calls[2]["cache_control"], json!({"type": "ephemeral"}));
}

#[test]
fn tools_instructions_and_the_prompt_are_marked() {
    let mut rules = message(Role::System, [text("Be brief."), text("Be kind.")]);
    rules.cache = smallvec![mark(1, HOUR)];
    let mut asked = request(vec![rules, user("Hi")]);
    asked.tools = vec![Tool {
        name: "now".into(),
        cache: Some(SHORT),
        ..Tool::default()
    }];
    asked.cache = Some(SHORT);
    let (body, lossy) = sent(&asked, &target());
    assert_eq!(lossy, [""; 0]);
    let short = json!({"type": "ephemeral"});
    assert_eq!(body["cache_control"], short);
    assert_eq!(body["tools"][0]["cache_control"], short);
    assert_eq!(
        body["system"],
        json!([{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind.",
            "cache_control": {"type": "ephemeral", "ttl": "1h"}}])
    );
}

#[test]
fn a_file_of_text_is_a_document_of_text() {
    for kind in ["text/plain", "text/markdown"] {
        let asks = message(Role::User, [document(base64(kind)), text("Well?")]);
        let (body, lossy) = sent(&request(vec![asks]), &target());
        assert_eq!(lossy, [""; 0]);
        let words = json!({"type": "text", "media_type": "text/plain", "data": "hi"});
        assert_eq!(
            body["messages"][0]["content"][0],
            json!({"type": "document", "source": words, "title": "t.pdf"})
        );
    }
}

#[test]
fn what_anthropic_cannot_see_is_refused_by_name() {
    for part in [
        image(base64("image/bmp")),
        document(base64("application/zip")),
        Part::Other {
            kind: "input_audio".into(),
            raw: serde_json::value::RawValue::NULL,
        },
    ] {
        let asked = request(vec![message(Role::User, [text("see"), part])]);
        assert_eq!(refused(&asked, &target()), "messages[0].content[1]");
    }
    let mut messages = vec![user("Draw"), message(Role::Assistant, [image(url())])];
    messages.push(user("Thanks"));
    assert_eq!(
        refused(&request(messages), &target()),
        "messages[1].content[0]"
    );
}

#[test]
fn how_closely_to_look_is_lost() {
    let close = Part::Image(Image {
        source: url(),
        detail: Some("high".into()),
    });
    let (_, lossy) = sent(&request(vec![message(Role::User, [close])]), &target());
    assert_eq!(lossy, ["image_url.detail"]);
}

#[test]
fn tiers_have_other_names() {
    for (tier, word, lost) in [
        ("auto", json!("auto"), false),
        ("default", json!("standard_only"), false),
        ("flex", json!(null), true),
        ("priority", json!(null), true),
    ] {
        let mut asked = request(vec![user("Hi")]);
        asked.service_tier = Some(tier.into());
        asked.end_user = Some("u".into());
        let (body, lossy) = sent(&asked, &target());
        assert_eq!(body["service_tier"], word, "{tier}");
        assert_eq!(lossy == ["service_tier"], lost, "{tier}");
        assert_eq!(body["metadata"], json!({"user_id": "u"}));
    }
}

#[test]
fn words_to_go_on_from_end_in_no_white_space() {
    let asked = request(vec![
        user("Hi"),
        message(Role::Assistant, [text("Well, \n")]),
    ]);
    let (body, lossy) = sent(&asked, &target());
    assert_eq!(body["messages"][1]["content"], "Well,");
    assert_eq!(lossy, [""; 0]);
    let mut newer = target();
    newer.facts.refuses_prefill = true;
    assert_eq!(refused(&asked, &newer), "messages[1].role");
    // In the middle it is what was said.
    let asked = request(vec![
        user("Hi"),
        message(Role::Assistant, [text("Well, \n")]),
        user("So?"),
    ]);
    let (body, _) = sent(&asked, &newer);
    assert_eq!(body["messages"][1]["content"], "Well, \n");
}

#[test]
fn a_history_of_calls_defines_its_tools() {
    let mut asked = request(called(None));
    let (body, _) = sent(&asked, &target());
    let empty = json!({"type": "object", "properties": {}});
    assert_eq!(
        body["tools"],
        json!([{"name": "look", "input_schema": empty}])
    );
    assert_eq!(body["tool_choice"], json!({"type": "none"}));
    asked.tools = vec![Tool {
        name: "look".into(),
        ..Tool::default()
    }];
    let (body, _) = sent(&asked, &target());
    assert_eq!(body.get("tool_choice"), None);
}

#[test]
fn one_call_at_a_time_may_be_wished_for() {
    let mut asked = request(vec![user("Hi")]);
    asked.tools = vec![Tool {
        name: "now".into(),
        ..Tool::default()
    }];
    asked.parallel_tool_calls = Some(false);
    for (choice, written) in [
        (
            None,
            json!({"type": "auto", "disable_parallel_tool_use": true}),
        ),
        (
            Some(ToolChoice::Required),
            json!({"type": "any", "disable_parallel_tool_use": true}),
        ),
        (
            Some(ToolChoice::Function("now".into())),
            json!({"type": "tool", "name": "now", "disable_parallel_tool_use": true}),
        ),
        (Some(ToolChoice::None), json!({"type": "none"})),
    ] {
        asked.tool_choice = choice;
        assert_eq!(sent(&asked, &target()).0["tool_choice"], written);
    }
}

#[test]
fn sampling_is_written_as_received() {
    let mut asked = request(vec![user("Hi")]);
    asked.temperature = Some(NumberText("0.70"));
    asked.top_k = Some(NumberText("5"));
    let encoded = adapter(WIRE).encode(&asked, &target()).unwrap();
    let body = std::str::from_utf8(&encoded.body).unwrap();
    assert!(body.contains("\"temperature\":0.70,\"top_k\":5"), "{body}");
}
