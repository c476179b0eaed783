use proptest::prelude::*;
use steelyard_types::UnixMillis;

use super::*;

fn error(status: u16, body: &str) -> ProviderError {
    let headers = [("retry-after", "7")];
    let head = ResponseHead {
        status,
        headers: &headers,
        at: UnixMillis(0),
    };
    decode_error(&head, body.as_bytes())
}

#[test]
fn every_shape_gives_its_message() {
    for (body, message) in [
        (
            r#"{"error":{"message":"no","type":"t","param":null,"code":null}}"#,
            "no",
        ),
        (r#"{"error":"no"}"#, "no"),
        (
            r#"[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]"#,
            "no",
        ),
        (
            r#"{"object":"error","message":"no","type":"invalid_request","code":"3051"}"#,
            "no",
        ),
        (
            r#"{"object":"error","message":{"detail":[{"loc":["body","seed"],"msg":"Extra"}]}}"#,
            "body.seed: Extra",
        ),
        (r#"{"detail":"no"}"#, "no"),
        (
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","seed"],"msg":"Extra"},{"msg":"Two"}]}"#,
            "body.seed: Extra; Two",
        ),
        (
            r#"{"code":"InvalidParameter","message":"no","request_id":"r"}"#,
            "no",
        ),
        (r#""no""#, "no"),
        (
            "<html><h1>502 Bad Gateway</h1></html>",
            "the provider answered with status 400 and no readable error",
        ),
        (
            "",
            "the provider answered with status 400 and no readable error",
        ),
        (
            "{\"error\":",
            "the provider answered with status 400 and no readable error",
        ),
    ] {
        let error = error(400, body);
        assert_eq!(error.message, message, "{body}");
        assert_eq!(error.kind, ErrorKind::BadRequest, "{body}");
        assert_eq!(
            (error.status, error.retry_after_ms),
            (Some(400), Some(7_000))
        );
    }
}

#[test]
fn codes_know_better_than_the_status() {
    let coded = |status, code: &str| {
        error(
            status,
            &format!(r#"{{"error":{{"message":"m","type":"x","code":"{code}"}}}}"#),
        )
        .kind
    };
    for (status, code, kind) in [
        (400, "context_length_exceeded", ErrorKind::ContextLength),
        (400, "content_filter", ErrorKind::ContentFilter),
        (400, "data_inspection_failed", ErrorKind::ContentFilter),
        (400, "Arrearage", ErrorKind::UpstreamQuota),
        (429, "insufficient_quota", ErrorKind::UpstreamQuota),
        (429, "rate_limit_exceeded", ErrorKind::RateLimited),
        (400, "Throttling.RateQuota", ErrorKind::RateLimited),
        (401, "invalid_api_key", ErrorKind::UpstreamAuth),
        (400, "invalid_api_key", ErrorKind::UpstreamAuth),
        (404, "model_not_found", ErrorKind::UpstreamModelNotFound),
        (400, "invalid_value", ErrorKind::BadRequest),
    ] {
        assert_eq!(coded(status, code), kind, "{status} {code}");
    }
    let by_type = error(
        429,
        r#"{"error":{"message":"m","type":"insufficient_quota","code":null}}"#,
    );
    assert_eq!(by_type.kind, ErrorKind::UpstreamQuota);
    assert_eq!(by_type.code.as_deref(), Some("insufficient_quota"));
    let typed = error(
        400,
        r#"{"error":{"message":"m","type":"foo_error","code":null}}"#,
    );
    assert_eq!((typed.kind, typed.code), (ErrorKind::BadRequest, None));
}

#[test]
fn the_status_decides_where_the_body_does_not() {
    for (status, kind) in [
        (400, ErrorKind::BadRequest),
        (401, ErrorKind::UpstreamAuth),
        (402, ErrorKind::UpstreamQuota),
        (403, ErrorKind::UpstreamAuth),
        (404, ErrorKind::UpstreamServer),
        (405, ErrorKind::UpstreamServer),
        (408, ErrorKind::UpstreamTimeout),
        (413, ErrorKind::PayloadTooLarge),
        (422, ErrorKind::Unprocessable),
        (429, ErrorKind::RateLimited),
        (500, ErrorKind::UpstreamServer),
        (502, ErrorKind::UpstreamServer),
        (503, ErrorKind::Overloaded),
        (504, ErrorKind::UpstreamTimeout),
        (529, ErrorKind::Overloaded),
        (302, ErrorKind::InvalidAnswer),
    ] {
        assert_eq!(error(status, "<html>").kind, kind, "{status}");
    }
    let about_a_file = error(404, r#"{"error":{"message":"No such file: f-1"}}"#);
    assert_eq!(about_a_file.kind, ErrorKind::BadRequest);
    let about_the_path = error(404, r#"{"detail":"Not Found"}"#);
    assert!(about_the_path.is_wrong_path(), "{about_the_path}");
    let about_the_model = error(
        404,
        r#"{"error":"model \"x\" not found, try pulling it first"}"#,
    );
    assert_eq!(about_the_model.kind, ErrorKind::UpstreamModelNotFound);
    let words = error(
        400,
        r#"{"error":{"message":"This model's maximum context length is 8 tokens."}}"#,
    );
    assert_eq!(words.kind, ErrorKind::ContextLength);
}

#[test]
fn errors_inside_an_answer_are_classified() {
    let inside = |json: &str| {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        error_inside(raw.get(), ErrorKind::StreamError)
    };
    assert_eq!(
        inside(r#"{"code":502,"message":"gone"}"#).kind,
        ErrorKind::UpstreamServer
    );
    assert_eq!(
        inside(r#"{"code":429,"message":"slow"}"#).kind,
        ErrorKind::RateLimited
    );
    assert_eq!(inside(r#""broken""#).kind, ErrorKind::StreamError);
    assert_eq!(
        inside(r#"{"message":"m","type":"insufficient_quota"}"#).kind,
        ErrorKind::UpstreamQuota
    );
}

#[test]
fn what_is_kept_is_bounded() {
    let long = "x".repeat(10_000);
    let body = format!(r#"{{"error":{{"message":"{long}","code":"{long}","param":"{long}"}}}}"#);
    let error = error(400, &body);
    assert_eq!(error.message.len(), ProviderError::MAX_MESSAGE_CHARS);
    assert_eq!(error.code.map(|code| code.len()), Some(200));
    assert_eq!(error.param.map(|param| param.len()), Some(200));
}

proptest! {
    #[test]
    fn any_body_gives_an_error(status in 300_u16..600, body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let headers = [("retry-after", "7")];
        let head = ResponseHead { status, headers: &headers, at: UnixMillis(0) };
        prop_assert!(!decode_error(&head, &body).message.is_empty());
    }

    #[test]
    fn any_nesting_gives_an_error(body in r#"(\{"error":|\{"message":|\{"detail":|\[|"x"|\{|\}|\]|,){0,12}"#) {
        prop_assert!(!error(400, &body).message.is_empty());
    }
}

#[test]
fn a_chunk_that_is_an_error_as_a_whole_ends_the_stream() {
    use crate::FrameDecoder as _;
    let data =
        r#"{"object":"error","message":"engine is dead","type":"InternalServerError","code":503}"#;
    let raw = bytes::Bytes::from(format!("data: {data}\n\n"));
    let frame = crate::sse::Frame {
        event: "",
        data,
        comment: "",
        raw: &raw,
    };
    let mut kinds = Vec::new();
    crate::openai::ChunkDecoder::default().frame(&frame, &mut |event| match event {
        steelyard_types::StreamEvent::Error(error) => kinds.push((error.kind, error.message)),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        kinds,
        [(ErrorKind::Overloaded, "engine is dead".to_owned())]
    );
}

#[test]
fn a_status_is_finer_than_a_word_for_any_failure() {
    let anthropic = crate::adapter(steelyard_types::WireFormat::AnthropicMessages);
    let no_headers: &[(&str, &str)] = &[];
    for (status, kind) in [
        (500, ErrorKind::UpstreamServer),
        (503, ErrorKind::Overloaded),
        (200, ErrorKind::UpstreamServer),
    ] {
        let head = ResponseHead {
            status,
            headers: &no_headers,
            at: UnixMillis(0),
        };
        let body = br#"{"type":"error","error":{"type":"api_error","message":"oops"}}"#;
        assert_eq!(anthropic.decode_error(&head, body).kind, kind, "{status}");
    }
}

#[test]
fn a_model_that_the_server_does_not_know_is_not_the_callers_fault() {
    for body in [
        r#"{"object":"error","message":"Invalid model: m","type":"invalid_model","param":null,"code":"1500"}"#,
        r#"{"object":"error","message":"Invalid model: m","code":"1500"}"#,
        r#"{"error":{"message":"Model Not Exist","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}"#,
    ] {
        assert_eq!(
            error(400, body).kind,
            ErrorKind::UpstreamModelNotFound,
            "{body}"
        );
    }
    let other = r#"{"object":"error","message":"Invalid model parameters","code":"1500"}"#;
    assert_eq!(error(400, other).kind, ErrorKind::BadRequest);
}
