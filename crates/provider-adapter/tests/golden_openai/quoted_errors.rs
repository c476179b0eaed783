//! The errors that people quote most.

use serde_json::Value;
use steelyard_provider_adapter::Adapter;
use steelyard_provider_adapter::openai::OpenAiChat;

use crate::{recordings, support};

/// What becomes of the errors that people quote most: whose they are, how long to wait, and what the
/// client is told.
#[test]
fn recorded_errors_keep_what_clients_act_upon() {
    use steelyard_provider_adapter::openai::error_body;
    use steelyard_provider_adapter::{ClientError, openai::status};

    let cases = [
        ("quoted__429_tpm", 429, Some(18_642), "rate_limit_exceeded"),
        (
            "quoted__429_request_too_large",
            429,
            None,
            "rate_limit_exceeded",
        ),
        (
            "quoted__429_insufficient_quota",
            429,
            None,
            "insufficient_quota",
        ),
        (
            "quoted__400_azure_content_filter",
            400,
            None,
            "content_filter",
        ),
        (
            "quoted__400_compat_data_inspection",
            400,
            None,
            "content_filter",
        ),
        (
            "chat__404__test_model_name_suggestion_groq",
            404,
            None,
            "model_not_found",
        ),
        (
            "chat__400__chat_real_error_scenarios_deepseek",
            400,
            None,
            "context_length_exceeded",
        ),
        (
            "chat__400__chat_real_error_scenarios_ollama",
            400,
            None,
            "context_length_exceeded",
        ),
        (
            "chat__400__chat_real_error_scenarios_openrouter",
            400,
            None,
            "context_length_exceeded",
        ),
        (
            "chat__400__test_tool_use_failed_error__0",
            400,
            None,
            "tool_use_failed",
        ),
    ];
    let recordings = recordings();
    for (file, client_status, retry_after_ms, code) in cases {
        let Some((_, recording)) = recordings
            .iter()
            .find(|(_, one)| one.file.starts_with(file))
        else {
            assert!(recordings.is_empty(), "{file} is missing");
            continue;
        };
        let head = support::head(recording.status, &recording.headers);
        let error = OpenAiChat.decode_error(&head, recording.body.as_bytes());
        assert_eq!(error.retry_after_ms, retry_after_ms, "{file}");
        assert_eq!(status(error.kind), client_status, "{file}");
        // As the gateway does: a caller's own mistake keeps the provider's code.
        let own = error.code.as_deref();
        let told = ClientError {
            kind: error.kind,
            message: &error.message,
            param: None,
            code: own.filter(|_| error.kind == steelyard_types::ErrorKind::BadRequest),
            request_id: "req-1",
        };
        let body: Value = serde_json::from_slice(&error_body(&told)).unwrap();
        assert_eq!(body["error"]["code"], code, "{file}");
    }
}
