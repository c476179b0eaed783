//! Thoughts that their server does not sign, on their way back to the model that had them.
//!
//! What stands in for a signature is a word that says how the server told them. The mark that it
//! gets on its way to the client ([`crate::origin`]) says whose they are.
//!
//! Mistral takes the parts of its answers back, as is recorded, and asks for them: its models get
//! worse without (<https://docs.mistral.ai/studio-api/conversations/reasoning>, and the example
//! `reasoning_multi_turn` of its SDKs). DashScope's compatible mode takes `reasoning_content` in
//! every assistant message; its guide asks for it beside calls, and shows its models what was thought
//! before the last question where `preserve_thinking` is set
//! (<https://docs.qwencloud.com/developer-guides/text-generation/thinking>). That rests on the guide:
//! it is not recorded. DeepSeek wants such words back beside calls and nowhere else, and other
//! servers may refuse the field.

use std::borrow::Cow;

use steelyard_types::{Message, Part, ReasoningField, ReasoningPart, Target};

use super::reasoning::wants_thoughts;
use super::shape::Said;
use crate::json::Object;
use crate::origin;

/// They were told in parts of the content: Mistral's.
pub(super) const IN_PARTS: &str = "parts";

/// They were told in a field of the message.
pub(super) const IN_FIELD: &str = "field";

/// What is to stand in for the signature of thoughts of a server that gives none.
pub(super) fn word(said: &Said<'_>) -> &'static str {
    let is_told = |text: &Cow<'_, str>| !text.is_empty();
    if said.content.thinking.as_ref().is_some_and(is_told) {
        IN_PARTS
    } else {
        IN_FIELD
    }
}

/// The words of a thought if it is this very model's, and was told in this way.
fn own<'m>(part: &'m Part<'_>, target: &Target, way: &str) -> Option<&'m str> {
    let (word, text) = origin::own_thought(part, target)?;
    (word == way).then_some(text)
}

/// The thought as a part of the content, if this server told it as one.
pub(super) fn part(part: &Part<'_>, target: &Target) -> Option<String> {
    let text = own(part, target, IN_PARTS)?;
    let mut piece = Object::with_capacity(text.len() + 32);
    piece.text("type", "text");
    piece.text("text", text);
    let mut out = Object::with_capacity(text.len() + 96);
    out.text("type", "thinking");
    out.raw("thinking", &format!("[{}]", piece.close()));
    Some(out.close())
}

/// Whether some thought of a message goes back as a part of the content.
pub(super) fn has_parts(message: &Message<'_>, target: &Target) -> bool {
    let is_own = |part: &Part<'_>| own(part, target, IN_PARTS).is_some();
    message.content.iter().any(is_own)
}

/// A content as JSON with the thoughts of its message in front.
pub(super) fn in_front(message: &Message<'_>, target: &Target, content: Option<&str>) -> String {
    let thoughts = message.content.iter();
    let mut parts: Vec<Cow<'_, str>> = thoughts
        .filter_map(|one| part(one, target).map(Cow::Owned))
        .collect();
    let content = content.unwrap_or("null").trim();
    let list = content
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'));
    match (content, list) {
        ("null" | "\"\"", _) => {}
        (_, Some(list)) if list.trim().is_empty() => {}
        (_, Some(list)) => parts.push(Cow::Borrowed(list)),
        (text, None) => {
            let mut part = Object::with_capacity(text.len() + 32);
            part.text("type", "text");
            part.raw("text", text);
            parts.push(Cow::Owned(part.close()));
        }
    }
    format!("[{}]", parts.join(","))
}

/// What is to stand in the field for thoughts, of a message of a client of another dialect.
pub(super) fn field<'m>(message: &'m Message<'_>, target: &Target) -> Option<Cow<'m, str>> {
    if wants_thoughts(message, &target.profile) {
        // DeepSeek insists on the field, and takes an empty one.
        return Some(plain(message, target).unwrap_or_default());
    }
    if !takes_field(target) {
        return None;
    }
    let thoughts = message.content.iter();
    joined(thoughts.filter_map(|part| own(part, target, IN_FIELD)))
}

/// Whether the server takes thoughts back in the field wherever they stood.
fn takes_field(target: &Target) -> bool {
    target.profile.reasoning == ReasoningField::EnableThinking
}

/// Whether a thought of a client of another dialect goes back.
pub(super) fn returns(part: &Part<'_>, target: &Target) -> bool {
    own(part, target, IN_PARTS).is_some()
        || takes_field(target) && own(part, target, IN_FIELD).is_some()
}

/// Whether the thought is this very model's, and nothing that its server wants back: DeepSeek asks
/// for those beside calls alone.
pub(super) fn is_spent(part: &Part<'_>, message: &Message<'_>, target: &Target) -> bool {
    target.profile.reasoning == ReasoningField::Thinking
        && message.tool_calls.is_empty()
        && own(part, target, IN_FIELD).is_some()
}

/// The thoughts of a message as one text. `None` where another model's, or a proof, are with them:
/// words that one model signed are of no use to another. Those of nobody known are as good as own.
pub(super) fn plain<'m>(message: &'m Message<'_>, target: &Target) -> Option<Cow<'m, str>> {
    let mut texts = Vec::new();
    for part in &message.content {
        match part {
            Part::Reasoning(ReasoningPart {
                text,
                signature: None,
                redacted: None,
            }) => texts.push(text.as_ref()),
            Part::Reasoning(_) => texts.push(own(part, target, IN_FIELD)?),
            _ => {}
        }
    }
    Some(joined(texts.into_iter()).unwrap_or_default())
}

fn joined<'m>(mut texts: impl Iterator<Item = &'m str>) -> Option<Cow<'m, str>> {
    let first = Cow::Borrowed(texts.next()?);
    Some(texts.fold(first, |mut all, more| {
        all.to_mut().push_str(more);
        all
    }))
}

/// Whether a signature with its mark says no more than that the words stood in this dialect's own
/// field, which a client of the dialect has before it.
pub(super) fn says_nothing(signature: &str) -> bool {
    origin::bare(signature) == IN_FIELD
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use steelyard_types::{FeatureSet, ModelFacts, WireFormat, WireProfile};

    use super::*;
    use crate::openai::parse_chat_request;
    use crate::openai::stream::ChunkDecoder;
    use crate::sse::SseDecoder;

    const WIRE: WireFormat = WireFormat::OpenAiChat;

    fn target(profile: WireProfile) -> Target {
        Target {
            upstream: Arc::from("m"),
            wire: WIRE,
            profile,
            features: FeatureSet::EMPTY,
            facts: ModelFacts::default(),
            max_output_tokens: 0,
        }
    }

    /// What the thoughts are signed with, streamed piece by piece.
    fn streamed(deltas: &[serde_json::Value]) -> Vec<String> {
        let mut decoder = ChunkDecoder::default();
        let mut signatures = Vec::new();
        let ends = [json!({"delta": {}, "finish_reason": "stop"})];
        let choices = deltas.iter().map(|delta| json!({"delta": delta}));
        for choice in choices.chain(ends) {
            let event = format!("data: {}\n\n", json!({"choices": [choice]}));
            let mut rest = bytes::Bytes::from(event);
            let mut sse = SseDecoder::default();
            let frame = sse.next(&mut rest).expect("readable").expect("a frame");
            decoder.read(&frame, &mut |event| match event {
                steelyard_types::StreamEvent::Reasoning(_) => signatures.push(String::new()),
                steelyard_types::StreamEvent::ReasoningSignature(word) => {
                    signatures.push(word.into_owned());
                }
                steelyard_types::StreamEvent::Text(_) => signatures.push("text".to_owned()),
                _ => {}
            });
        }
        signatures
    }

    #[test]
    fn thoughts_are_signed_with_how_they_were_told() {
        let part = json!({"content": [{"type": "thinking",
            "thinking": [{"type": "text", "text": "hm"}]}]});
        let text = json!({"content": "so"});
        for name in ["reasoning_content", "reasoning"] {
            let thought = json!({name: "hm", "content": ""});
            let told = streamed(&[thought.clone(), thought.clone(), text.clone(), thought]);
            assert_eq!(told, ["", "", IN_FIELD, "text", "", IN_FIELD]);
        }
        let told = streamed(&[part.clone(), part, text.clone()]);
        assert_eq!(told, ["", "", IN_PARTS, "text"]);
        // A server that tells them one by one proves what it proves.
        let listed = |more: serde_json::Value| {
            let mut entry = json!({"type": "reasoning.text", "text": "hm", "index": 0});
            entry["signature"] = more;
            json!({"reasoning": "hm", "reasoning_details": [entry]})
        };
        let nothing = serde_json::Value::Null;
        assert_eq!(streamed(&[listed(nothing), text.clone()]), ["", "text"]);
        let proof = r#"{"signature":"EqQB","type":"reasoning.text"}"#;
        assert_eq!(
            streamed(&[listed(json!("EqQB")), text]),
            ["", proof, "text"]
        );
    }

    #[test]
    fn a_content_gets_its_thoughts_in_front() {
        let signature = origin::seal(WIRE, "m", IN_PARTS);
        let body = json!({"model": "a", "messages": [{"role": "assistant", "content": "x",
            "reasoning_details": [
                {"type": "reasoning.text", "text": "hm", "signature": signature},
                {"type": "reasoning.text", "text": "other", "signature": "EqQB"}]}]});
        let body = body.to_string();
        let request = parse_chat_request(body.as_bytes()).expect("a request");
        let target = target(WireProfile::MISTRAL);
        let thought = r#"{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}"#;
        let text = r#"{"type":"text","text":"x"}"#;
        let alone = format!("[{thought}]");
        let both = format!("[{thought},{text}]");
        for (content, expected) in [
            (None, &alone),
            (Some("null"), &alone),
            (Some("\"\""), &alone),
            (Some("[ ]"), &alone),
            (Some("\"x\""), &both),
            (Some(r#"[{"type":"text","text":"x"}]"#), &both),
        ] {
            let written = in_front(&request.messages[0], &target, content);
            assert_eq!(&written, expected, "{content:?}");
        }
    }

    #[test]
    fn the_field_holds_what_its_server_takes() {
        let own = || origin::seal(WIRE, "m", IN_FIELD);
        let other = origin::seal(WIRE, "n", IN_FIELD);
        let details = |signatures: &[Option<String>], calls: bool| {
            let entries: Vec<_> = signatures
                .iter()
                .map(|one| json!({"type": "reasoning.text", "text": "hm", "signature": one}))
                .collect();
            let mut message =
                json!({"role": "assistant", "content": "x", "reasoning_details": entries});
            if calls {
                message["tool_calls"] = json!([{"id": "c", "type": "function",
                    "function": {"name": "f", "arguments": "{}"}}]);
            }
            json!({"model": "a", "messages": [message]}).to_string()
        };
        let field_of = |body: &str, profile: WireProfile| {
            let request = parse_chat_request(body.as_bytes()).expect("a request");
            let told = field(&request.messages[0], &target(profile));
            told.map(Cow::into_owned)
        };
        let some = |text: &str| Some(text.to_owned());
        for (signatures, calls, qwen, deepseek) in [
            (vec![Some(own())], false, some("hm"), None),
            (
                vec![Some(own()), Some(own())],
                true,
                some("hmhm"),
                some("hmhm"),
            ),
            (
                vec![Some(own()), Some(other.clone())],
                true,
                some("hm"),
                some(""),
            ),
            (vec![Some(other)], true, None, some("")),
            (vec![None], true, None, some("hm")),
            (vec![Some(IN_FIELD.to_owned())], true, None, some("")),
        ] {
            let body = details(&signatures, calls);
            assert_eq!(field_of(&body, WireProfile::DASHSCOPE), qwen, "{body}");
            assert_eq!(field_of(&body, WireProfile::DEEPSEEK), deepseek, "{body}");
            for profile in [WireProfile::COMPATIBLE, WireProfile::OPENAI] {
                assert_eq!(field_of(&body, profile), None, "{body}");
            }
        }
    }
}
