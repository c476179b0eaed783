//! Streams of OpenAI's chat format as no server sends them: any delta behind any other.

use proptest::prelude::*;
use serde_json::{Value, json};

/// A chunk of OpenAI's chat format with one delta.
pub(crate) fn chunk(delta: &Value, finish: Option<&str>) -> String {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
    format!(
        "data: {}\n\n",
        json!({"id": "c", "model": "m", "choices": [choice]})
    )
}

/// Any delta, of whatever it follows.
pub(crate) fn arbitrary_delta() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec!["a", "é\n\"", "{", "}", "\\", "🌊"]);
    let fragment = prop::sample::select(vec!["", "{", "}", "{}", "\"x\":1", "[", "]", " ", "\""]);
    prop_oneof![
        words.clone().prop_map(|text| json!({"content": text})),
        words
            .clone()
            .prop_map(|text| json!({"reasoning_content": text})),
        words.prop_map(|text| json!({"refusal": text})),
        (0_u64..3).prop_map(|index| json!({"tool_calls": [{"index": index,
            "id": format!("id{index}"), "type": "function",
            "function": {"name": format!("f{index}"), "arguments": ""}}]})),
        (0_u64..3, fragment).prop_map(|(index, text)| json!({"tool_calls": [{"index": index,
            "function": {"arguments": text}}]})),
    ]
}
