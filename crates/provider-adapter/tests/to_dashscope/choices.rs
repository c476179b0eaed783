//! What comes back: several answers, log probabilities, totals, errors.

use serde_json::{Value, json};
use steelyard_provider_adapter::{ChatAnswer, ResponseHead, adapter};
use steelyard_types::{ErrorKind, FinishReason, ProviderError, UnixMillis, WireFormat};

const WIRE: WireFormat = WireFormat::DashScopeGeneration;

fn head(status: u16) -> ResponseHead<'static> {
    const NONE: [(&str, &str); 0] = [];
    ResponseHead {
        status,
        headers: &NONE,
        at: UnixMillis(0),
    }
}

fn decode(body: &Value) -> Result<ChatAnswer, ProviderError> {
    adapter(WIRE).decode(&head(200), body.to_string().as_bytes())
}

#[test]
fn further_choices_are_further_answers() {
    let entry = json!({"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []});
    let call = json!({"index": 0, "id": "", "type": "function",
        "function": {"name": "f", "arguments": "{}"}});
    let body = json!({"request_id": "r", "output": {"choices": [
        {"index": 0, "finish_reason": "stop", "logprobs": {"content": [entry]},
            "message": {"role": "assistant", "content": "a", "tool_calls": [call]}},
        {"index": 1, "finish_reason": "length", "logprobs": {"content": []},
            "message": {"role": "assistant", "content": [{"text": "b"}], "tool_calls": [call]}},
    ]}, "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}});
    let answer = decode(&body).unwrap();
    assert_eq!(answer.text.as_deref(), Some("a"));
    assert_eq!(
        serde_json::from_str::<Value>(answer.logprobs.as_deref().unwrap()).unwrap(),
        json!([entry])
    );
    assert!(!answer.usage.unwrap().disagrees);
    let [further] = answer.further.as_slice() else {
        panic!("one further answer: {answer:?}");
    };
    assert_eq!(further.text.as_deref(), Some("b"));
    assert_eq!(further.finish, Some(FinishReason::Length));
    assert_eq!(further.logprobs, None);
    assert_ne!(further.tool_calls[0].id, answer.tool_calls[0].id);
}

#[test]
fn a_total_that_is_another_is_marked() {
    let body = json!({"output": {"text": "a", "finish_reason": "stop"},
        "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 6}});
    assert!(decode(&body).unwrap().usage.unwrap().disagrees);
}

#[test]
fn codes_become_kinds() {
    for (status, code, kind) in [
        (400, "DataInspectionFailed", ErrorKind::ContentFilter),
        (429, "Throttling", ErrorKind::RateLimited),
        (429, "Throttling.RateQuota", ErrorKind::RateLimited),
        (429, "Throttling.AllocationQuota", ErrorKind::RateLimited),
        (400, "Arrearage", ErrorKind::UpstreamQuota),
        (401, "InvalidApiKey", ErrorKind::UpstreamAuth),
        (400, "InvalidParameter", ErrorKind::BadRequest),
        (404, "ModelNotFound", ErrorKind::UpstreamModelNotFound),
    ] {
        let body = json!({"code": code, "message": "no", "request_id": "r"}).to_string();
        let error = adapter(WIRE).decode_error(&head(status), body.as_bytes());
        assert_eq!((error.kind, error.status), (kind, Some(status)), "{code}");
    }
}
