use super::*;

const AT: UnixMillis = UnixMillis(784_111_777_000);

fn wait(status: u16, headers: &[(&str, &str)]) -> Option<u64> {
    retry_after_ms(&ResponseHead {
        status,
        headers: &headers,
        at: AT,
    })
}

#[test]
fn http_dates_are_read() {
    let read = |text| parse_http_date(text).map(|at| at.0);
    assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
    assert_eq!(read("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
    assert_eq!(read("Tue, 29 Feb 2000 23:59:60 GMT"), Some(951_868_800_000));
    assert_eq!(
        read("Thu, 31 Dec 2026 12:00:00 GMT"),
        Some(1_798_718_400_000)
    );
    for wrong in [
        "",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 6x Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov",
    ] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
}

#[test]
fn go_durations_are_read() {
    for (text, millis) in [
        ("6m0s", Some(360_000)),
        ("120ms", Some(120)),
        ("1h2m3.5s", Some(3_723_500)),
        ("0s", Some(0)),
        ("7.66s", Some(7_660)),
        ("1.5ms", Some(2)),
        ("12µs", Some(1)),
        ("", None),
        ("6", None),
        ("s", None),
        ("1d", None),
        ("99999999999999999999s", None),
    ] {
        assert_eq!(parse_go_duration(text), millis, "{text}");
    }
}

#[test]
fn retry_hints_are_found_in_order_and_capped() {
    assert_eq!(
        wait(429, &[("retry-after", "2"), ("retry-after-ms", "1500")]),
        Some(1_500)
    );
    assert_eq!(wait(503, &[("retry-after", "2")]), Some(2_000));
    assert_eq!(wait(503, &[("Retry-After", "0.25")]), Some(250));
    assert_eq!(
        wait(503, &[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")]),
        Some(10_000)
    );
    assert_eq!(
        wait(503, &[("retry-after", "Sun, 06 Nov 1994 08:40:00 GMT")]),
        Some(0)
    );
    assert_eq!(
        wait(503, &[("retry-after", "999999999")]),
        Some(MAX_RETRY_AFTER_MS)
    );
    assert_eq!(wait(503, &[("retry-after", "soon")]), None);
    assert_eq!(wait(503, &[]), None);
}

#[test]
fn the_exhausted_bucket_says_how_long() {
    let both = [
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "120ms"),
        ("x-ratelimit-remaining-tokens", "10"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ];
    assert_eq!(wait(429, &both), Some(120));
    assert_eq!(wait(429, &both[1..]), Some(360_000));
    assert_eq!(wait(500, &both), None, "buckets say nothing about failures");
}

#[test]
fn who_gave_up_waiting_is_a_timeout_in_every_format() {
    for status in [408, 504] {
        assert_eq!(kind_of_status(status), ErrorKind::UpstreamTimeout);
    }
    assert_eq!(server_failure(Some(504)), ErrorKind::UpstreamTimeout);
    assert_eq!(server_failure(Some(502)), ErrorKind::UpstreamServer);
}

#[test]
fn a_404_is_about_the_model_a_thing_of_the_callers_or_the_path() {
    for (message, kind) in [
        ("model: claude-x", ErrorKind::UpstreamModelNotFound),
        (
            "The API deployment for this resource does not exist.",
            ErrorKind::UpstreamModelNotFound,
        ),
        (
            "No endpoints found for acme/x.",
            ErrorKind::UpstreamModelNotFound,
        ),
        ("No such File object: file-abc", ErrorKind::BadRequest),
        ("File not found: file_011", ErrorKind::BadRequest),
        (
            "Invalid URL (POST /v1/models/chat)",
            ErrorKind::UpstreamServer,
        ),
        (
            "Unknown request URL: POST /chat.",
            ErrorKind::UpstreamServer,
        ),
        (
            "no Route matched with those values",
            ErrorKind::UpstreamServer,
        ),
        ("Not Found", ErrorKind::UpstreamServer),
        ("404 page not found", ErrorKind::UpstreamServer),
        ("Resource not found", ErrorKind::UpstreamServer),
        ("", ErrorKind::UpstreamServer),
    ] {
        assert_eq!(kind_of_words(404, message), kind, "{message}");
    }
    assert_eq!(
        kind_of_words(405, "model: x"),
        ErrorKind::UpstreamServer,
        "a method is never the model's"
    );
    assert_eq!(kind_of_words(400, "model: x"), ErrorKind::BadRequest);
}

#[test]
fn a_wrong_path_says_what_to_check() {
    let head = ResponseHead {
        status: 404,
        headers: &[("x", "y")].as_slice(),
        at: AT,
    };
    let long = ProviderError::new(ErrorKind::UpstreamServer, "x".repeat(3_000));
    let chars = with_head(long, &head).message.chars().count();
    assert_eq!(chars, ProviderError::MAX_MESSAGE_CHARS);
    let error = ProviderError::new(kind_of_words(404, "Not Found"), "Not Found");
    let error = with_head(error, &head);
    assert!(error.is_wrong_path());
    assert!(error.message.contains("check its base_url"), "{error}");
    assert!(error.message.ends_with("(it says: Not Found)"), "{error}");
    let model = ProviderError::new(kind_of_words(404, "model: x"), "model: x");
    assert_eq!(with_head(model, &head).message, "model: x");
}

#[test]
fn context_length_is_recognised_by_its_words() {
    assert!(says_context_length(
        "This model's maximum context length is 65536 tokens."
    ));
    assert!(says_context_length(
        "Prompt is too long: 200001 tokens > 200000 maximum"
    ));
    assert!(says_context_length(
        "The input token count (9) exceeds the maximum (8)"
    ));
    assert!(!says_context_length("temperature is too high"));
}
