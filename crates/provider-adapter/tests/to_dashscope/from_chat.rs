//! Requests as OpenAI's clients write them, with everything that they can say.

use serde_json::json;
use steelyard_types::Feature;

use super::{support, target};

#[test]
fn everything_that_a_client_of_openai_can_say() {
    let request = json!({
        "model": "auto",
        "n": 2,
        "seed": 7,
        "logprobs": true,
        "top_logprobs": 2,
        "presence_penalty": 0.5,
        "frequency_penalty": 0.25,
        "reasoning_effort": "low",
        "service_tier": "flex",
        "user": "u",
        "response_format": {"type": "json_object"},
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "When?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.webp"}},
                {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
            ]},
        ],
    });
    let target = target(&[Feature::Vision, Feature::Audio, Feature::Reasoning]);
    let (body, lossy) = support::of_chat(&target, &request, |_| {}).unwrap();
    let expected = json!({
        "model": "qwen3.7-plus",
        "input": {"messages": [
            {"role": "system", "content": [{"text": "Be brief."}, {"text": "Answer in JSON."}]},
            {"role": "user", "content": [
                {"text": "When?"},
                {"image": "data:image/png;base64,iVBORw0KGgo="},
                {"image": "https://example.com/a.webp"},
                {"audio": "data:audio/mp3;base64,SUQz"},
            ]},
        ]},
        "parameters": {
            "result_format": "message", "n": 2, "seed": 7, "logprobs": true, "top_logprobs": 2,
            "presence_penalty": 0.5, "enable_thinking": true, "thinking_budget": 2_048,
            "response_format": {"type": "json_object"},
        },
    });
    assert_eq!(body, expected);
    let mut lossy = lossy;
    lossy.sort_unstable();
    assert_eq!(
        lossy,
        [
            "frequency_penalty",
            "reasoning_effort",
            "service_tier",
            "user"
        ]
    );
}
