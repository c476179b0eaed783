//! What comes back: several answers, log probabilities, totals, and what nobody has a place for.

use serde_json::{Value, json};
use steelyard_provider_adapter::{ChatAnswer, ResponseHead, adapter};
use steelyard_types::{FinishReason, ProviderError, UnixMillis, WireFormat};

fn decode(body: &Value) -> Result<ChatAnswer, ProviderError> {
    let none: [(&str, &str); 0] = [];
    let head = ResponseHead {
        status: 200,
        headers: &none,
        at: UnixMillis(0),
    };
    adapter(WireFormat::GeminiGenerateContent).decode(&head, body.to_string().as_bytes())
}

#[test]
fn further_candidates_are_further_answers() {
    let call = json!({"functionCall": {"name": "f", "args": {"a": 1}}});
    let body = json!({
        "responseId": "r",
        "modelVersion": "m",
        "candidates": [
            {"index": 0, "content": {"parts": [call]}, "finishReason": "STOP"},
            {"index": 2, "content": {"parts": [{"text": "two"}]}, "finishReason": "MAX_TOKENS"},
            {"index": 1, "content": {"parts": [{"text": "t", "thought": true}, call]},
                "finishReason": "STOP",
                "logprobsResult": {"chosenCandidates": [{"token": "x", "logProbability": -1}]}},
        ],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 9, "totalTokenCount": 12},
    });
    let answer = decode(&body).unwrap();
    assert_eq!(answer.finish, Some(FinishReason::ToolCalls));
    let [first, second] = answer.further.as_slice() else {
        panic!("two further answers: {answer:?}");
    };
    assert_eq!(first.finish, Some(FinishReason::ToolCalls));
    assert_eq!(first.reasoning_text().as_deref(), Some("t"));
    assert_ne!(first.tool_calls[0].id, answer.tool_calls[0].id);
    assert_eq!(
        serde_json::from_str::<Value>(first.logprobs.as_deref().unwrap()).unwrap(),
        json!([{"token": "x", "logprob": -1, "bytes": [120], "top_logprobs": []}])
    );
    assert_eq!(second.text.as_deref(), Some("two"));
    assert_eq!(second.finish, Some(FinishReason::Length));
    assert_eq!(second.usage, None);
    assert!(!answer.usage.unwrap().disagrees);
}

#[test]
fn a_total_that_is_another_is_marked() {
    let body = json!({"candidates": [{"content": {"parts": [{"text": "a"}]}}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 9, "totalTokenCount": 13}});
    assert!(decode(&body).unwrap().usage.unwrap().disagrees);
}

#[test]
fn an_answer_of_nothing_but_pictures_is_an_error() {
    let picture = json!({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}});
    let of = |parts: Value| {
        decode(&json!({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}))
    };
    let answer = of(json!([{"text": "Here:"}, picture])).unwrap();
    assert_eq!(answer.text.as_deref(), Some("Here:"));
    let thought = json!({"text": "Hm.", "thought": true});
    for parts in [json!([picture]), json!([thought, picture])] {
        let error = of(parts).unwrap_err();
        assert!(error.message.contains("picture"), "{}", error.message);
    }
}

#[test]
fn arguments_in_pieces_have_a_bound() {
    let piece = |text: &str| {
        let call = json!({"name": "f", "partialArgs": [{"jsonPath": "$.a", "stringValue": text}],
            "willContinue": true});
        json!({"content": {"parts": [{"functionCall": call}]}})
    };
    let of = |length: usize| {
        let text = "x".repeat(1_024 * 1_024);
        let candidates = vec![piece(&text); length];
        let mut stream = adapter(WireFormat::GeminiGenerateContent).stream_decoder();
        let mut error = None;
        for candidate in candidates {
            let data = json!({"candidates": [candidate]}).to_string();
            let frame = steelyard_provider_adapter::sse::Frame {
                raw: &Default::default(),
                event: "",
                data: &data,
                comment: "",
            };
            stream.frame(&frame, &mut |event| {
                if let steelyard_types::StreamEvent::Error(found) = event {
                    error = Some(found.message);
                }
            });
        }
        error
    };
    assert_eq!(of(7), None);
    assert!(of(9).is_some_and(|words| words.contains("pieces")));
}
