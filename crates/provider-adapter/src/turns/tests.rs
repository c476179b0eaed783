use crate::messages::parse_messages_request;

use super::*;

const MANNERS: Manners = Manners {
    provider: "Nobody",
    blank: str::is_empty,
    user_first: false,
};

fn kinds(pieces: &[Piece<'_, '_>]) -> Vec<String> {
    let kind = |piece: &Piece<'_, '_>| match piece.part {
        Part::Text(text) | Part::Refusal(text) => text.to_string(),
        Part::Image(_) => "image".to_owned(),
        Part::Document(_) => "document".to_owned(),
        Part::Reasoning(thought) => format!("thought {}", thought.text),
        Part::Other { kind, .. } => kind.to_string(),
    };
    pieces.iter().map(kind).collect()
}

const BODY: &str = r#"{
    "model": "a", "max_tokens": 9,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "Look:"},
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
            {"type": "text", "text": "and say."}
        ]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "t1", "name": "zoom", "input": {},
                "cache_control": {"type": "ephemeral", "ttl": "1h"}}
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": [
                {"type": "text", "text": "here"},
                {"type": "image", "source":
                    {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
            ]},
            {"type": "text", "text": "Well?"}
        ]}
    ]
}"#;

#[test]
fn parts_keep_their_order_and_their_marks() {
    let request = parse_messages_request(BODY.as_bytes()).unwrap();
    let conversation = arrange(&request, MANNERS, &|_| true).unwrap();
    assert_eq!(kinds(&conversation.system), ["Be brief."]);
    assert_eq!(
        conversation.system[0].cache,
        Some(CacheMark { one_hour: false })
    );
    let [user, model, results] = conversation.turns.as_slice() else {
        panic!("three turns");
    };
    assert_eq!(kinds(&user.pieces), ["Look:", "image", "and say."]);
    assert_eq!(user.pieces[1].path(), "messages[1].content[1]");
    assert_eq!(kinds(&model.pieces), ["thought hm", "Let me see."]);
    assert_eq!(model.calls[0].cache, Some(CacheMark { one_hour: true }));
    assert_eq!(kinds(&results.results[0].pieces), ["here", "image"]);
    assert_eq!(results.results[0].text, "here");
    assert_eq!(kinds(&results.pieces), ["Well?"]);
}

#[test]
fn thoughts_that_are_not_kept_leave_no_trace() {
    let request = parse_messages_request(BODY.as_bytes()).unwrap();
    let conversation = arrange(&request, MANNERS, &|_| false).unwrap();
    assert_eq!(kinds(&conversation.turns[1].pieces), ["Let me see."]);
}

#[test]
fn a_picture_alone_is_something_that_the_user_says() {
    let body = br#"{"model": "a", "max_tokens": 9, "messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}]}]}"#;
    let request = parse_messages_request(body).unwrap();
    let conversation = arrange(&request, MANNERS, &|_| false).unwrap();
    assert_eq!(kinds(&conversation.turns[0].pieces), ["image"]);
}
