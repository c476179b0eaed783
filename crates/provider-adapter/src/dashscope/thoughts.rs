//! What a model thought, on its way back to it.
//!
//! DashScope signs no thoughts. So those of its answers get a signature here that says what they
//! are, and the mark that it gets on its way out says whose. They go back beside the calls of a turn
//! that goes on with results, as the provider's guide to calls while thinking asks
//! (<https://docs.qwencloud.com/developer-guides/text-generation/thinking>); what was thought before
//! the last question, or before an answer, its models are not shown, so that nothing is lost of it.

use std::borrow::Cow;

use steelyard_types::{ChatRequest, Message, Part, Role, Target};

use crate::Losses;
use crate::carry;
use crate::origin;
use crate::turns::{self, is_thought};

/// The signature of thoughts, and the field that holds them.
pub(super) const KIND: &str = "reasoning_content";

/// Declares thoughts of other models, which stay behind.
pub(super) fn declare(request: &ChatRequest<'_>, target: &Target, lossy: &mut Losses) {
    let lost = |message: &Message<'_>| {
        // Of an answer that says nothing else, nothing is left.
        let silent = turns::is_silent(message, str::is_empty);
        let mut parts = message.content.iter().filter(|part| is_thought(part));
        parts.any(|part| silent || own(part, target).is_none())
    };
    let mut messages = request.messages.iter();
    lossy.add_if(carry::thoughts_field(request), messages.any(lost));
}

/// Where the turn begins that the model is in: behind the last question.
pub(super) fn turn(request: &ChatRequest<'_>) -> usize {
    let messages = &request.messages;
    let question = messages.iter().rposition(|one| one.role == Role::User);
    question.map_or(0, |at| at + 1)
}

/// The model's own thoughts before the calls of a message, as one text.
pub(super) fn returned<'r>(message: &'r Message<'_>, target: &Target) -> Option<Cow<'r, str>> {
    if message.tool_calls.is_empty() {
        return None;
    }
    let mut own = message.content.iter().filter_map(|part| own(part, target));
    let first = Cow::Borrowed(own.next()?);
    Some(own.fold(first, |mut all, more| {
        all.to_mut().push_str(more);
        all
    }))
}

fn own<'r>(part: &'r Part<'_>, target: &Target) -> Option<&'r str> {
    let (word, text) = origin::own_thought(part, target)?;
    (word == KIND).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use steelyard_types::{Dialect, FeatureSet, ModelFacts, StreamEvent, WireFormat, WireProfile};

    use super::*;
    use crate::dashscope::DashScopeGeneration;
    use crate::messages::parse_messages_request;
    use crate::sse::SseDecoder;
    use crate::{Adapter, ResponseHead};

    const WIRE: WireFormat = WireFormat::DashScopeGeneration;

    fn target(upstream: &str) -> Target {
        Target {
            upstream: upstream.into(),
            wire: WIRE,
            profile: WireProfile::DASHSCOPE,
            features: FeatureSet::EMPTY,
            facts: ModelFacts::default(),
            max_output_tokens: 0,
        }
    }

    /// What the model is sent of a turn in which it thought and called, before what comes behind the
    /// result, and what is lost.
    fn sent(behind: &[Value], signature: &str) -> (Value, Vec<&'static str>) {
        let mut messages = vec![
            json!({"role": "user", "content": "one"}),
            json!({"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": signature},
                {"type": "tool_use", "id": "c", "name": "f", "input": {}}]}),
            json!({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c", "content": "r"}]}),
        ];
        messages.extend_from_slice(behind);
        let body = json!({"model": "m", "max_tokens": 9, "messages": messages,
            "tools": [{"name": "f", "input_schema": {"type": "object"}}]});
        let body = body.to_string();
        let request = parse_messages_request(body.as_bytes()).expect("a request");
        assert_eq!(request.dialect, Dialect::AnthropicMessages);
        let target = target("qwen-a");
        let encoded = DashScopeGeneration.encode(&request, &target);
        let encoded = encoded.expect("it can be carried");
        let carried = DashScopeGeneration.carries(&request, &target);
        assert_eq!(carried.as_ref(), Ok(&encoded.lossy));
        let body: Value = serde_json::from_slice(&encoded.body).expect("JSON");
        let thought = body["input"]["messages"][1]["reasoning_content"].clone();
        (thought, encoded.lossy.fields().to_vec())
    }

    #[test]
    fn thoughts_return_to_their_model_while_its_turn_lasts() {
        let own = origin::seal(WIRE, "qwen-a", KIND);
        assert_eq!(sent(&[], &own), (json!("hm"), vec![]));
        let lost = (Value::Null, vec!["messages.thinking"]);
        let question = json!({"role": "user", "content": "two"});
        assert_eq!(sent(&[question], &own), (Value::Null, vec![]));
        let other = origin::seal(WIRE, "qwen-b", KIND);
        let word = origin::seal(WIRE, "qwen-a", "another");
        for signature in [other.as_str(), &word, KIND, ""] {
            assert_eq!(sent(&[], signature), lost, "{signature}");
        }
    }

    #[test]
    fn a_model_is_not_shown_its_thoughts_without_calls_and_misses_none() {
        let lost = |text: &str, signature: &str| {
            let body = json!({"model": "m", "max_tokens": 9, "messages": [
                {"role": "user", "content": "one"},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": signature},
                    {"type": "text", "text": text}]},
                {"role": "user", "content": "two"}]});
            let body = body.to_string();
            let request = parse_messages_request(body.as_bytes()).expect("a request");
            let encoded = DashScopeGeneration.encode(&request, &target("qwen-a"));
            let encoded = encoded.expect("it can be carried");
            assert!(!String::from_utf8_lossy(&encoded.body).contains("hm"));
            encoded.lossy.fields().to_vec()
        };
        let own = origin::seal(WIRE, "qwen-a", KIND);
        assert_eq!(lost("so", &own), [""; 0]);
        // An answer that was cut short while the model thought is gone with its thoughts.
        assert_eq!(lost("", &own), ["messages.thinking"]);
        let other = origin::seal(WIRE, "qwen-b", KIND);
        for signature in [other.as_str(), KIND, ""] {
            assert_eq!(lost("so", signature), ["messages.thinking"], "{signature}");
        }
    }

    #[test]
    fn a_whole_answers_thoughts_are_signed() {
        let body = json!({"request_id": "r", "output": {"choices": [{"finish_reason": "stop",
            "message": {"role": "assistant", "reasoning_content": "hm", "content": "so"}}]}});
        let head = ResponseHead {
            status: 200,
            headers: &[("content-type", "application/json")],
            at: steelyard_types::UnixMillis(0),
        };
        let answer = DashScopeGeneration.decode(&head, body.to_string().as_bytes());
        let thoughts = answer.expect("an answer").reasoning;
        assert_eq!(thoughts.len(), 1);
        assert_eq!(thoughts[0].text, "hm");
        assert_eq!(thoughts[0].signature.as_deref(), Some(KIND));
    }

    #[test]
    fn a_streams_thoughts_are_signed_once_where_they_end() {
        let chunk = |message: Value, finish: &str| {
            let body = json!({"request_id": "r", "output": {"choices": [
                {"finish_reason": finish, "message": message}]}});
            format!("data: {body}\n\n")
        };
        let call = json!([{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]);
        let more = json!({"reasoning_content": "m", "content": ""});
        for (last, follows) in [
            (json!({"content": "so"}), "text"),
            (json!({"content": "", "tool_calls": call}), "call"),
            (json!({"content": ""}), "finish"),
        ] {
            let stream = chunk(json!({"reasoning_content": "h", "content": ""}), "null")
                + &chunk(more.clone(), "null")
                + &chunk(last, "stop");
            let mut seen = Vec::new();
            let mut decoder = DashScopeGeneration.stream_decoder();
            let mut sse = SseDecoder::default();
            let mut rest = stream.into_bytes().into();
            while let Ok(Some(frame)) = sse.next(&mut rest) {
                decoder.frame(&frame, &mut |event| {
                    seen.push(match event {
                        StreamEvent::Reasoning(_) => "thought",
                        StreamEvent::ReasoningSignature(word) if word == KIND => "signature",
                        StreamEvent::Text(_) => "text",
                        StreamEvent::ToolCallStart { .. } => "call",
                        StreamEvent::Finish(_) => "finish",
                        _ => "other",
                    });
                });
            }
            let expected = ["other", "thought", "thought", "signature", follows];
            assert_eq!(seen.get(..5), Some(&expected[..]), "{seen:?}");
            assert_eq!(seen.iter().filter(|one| **one == "signature").count(), 1);
        }
    }
}
