//! Requests as OpenAI's clients write them, with everything that they can say.

use serde_json::json;

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
        "response_format": {"type": "json_schema", "json_schema": {"name": "tide", "strict": true,
            "schema": {"$defs": {"H": {"type": "integer"}}, "type": "object",
                "properties": {"hour": {"$ref": "#/$defs/H"}}, "required": ["hour"],
                "additionalProperties": false}}},
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "When?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.webp",
                    "detail": "low"}},
                {"type": "file", "file": {"filename": "t.pdf",
                    "file_data": "data:application/pdf;base64,JVBERi0="}},
                {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
            ]},
        ],
    });
    let (body, lossy) = support::of_chat(&target("gemini-3-flash"), &request, |_| {}).unwrap();
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [
            {"text": "When?"},
            {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
            {"fileData": {"mimeType": "image/webp", "fileUri": "https://example.com/a.webp"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}},
            {"inlineData": {"mimeType": "audio/mp3", "data": "SUQz"}},
        ]}],
        "generationConfig": {
            "candidateCount": 2, "seed": 7, "responseLogprobs": true, "logprobs": 2,
            "presencePenalty": 0.5, "frequencyPenalty": 0.25,
            "thinkingConfig": {"includeThoughts": true, "thinkingLevel": "LOW"},
            "responseMimeType": "application/json",
            "responseJsonSchema": {"type": "object", "properties": {"hour": {"type": "integer"}},
                "required": ["hour"], "additionalProperties": false},
        },
        "serviceTier": "flex",
    });
    assert_eq!(body, expected);
    let mut lossy = lossy;
    lossy.sort_unstable();
    assert_eq!(lossy, ["file.filename", "image_url.detail", "user"]);
}
