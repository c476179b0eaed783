//! Answers and requests of OpenAI and of servers that copy it, against recordings and the project's
//! own fixtures.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and says what it looked at"
)]

mod expected;
#[path = "../foreign_support/mod.rs"]
mod foreign_support;
mod passed_on;
mod quoted_errors;

use expected::{expected, expected_kind};
use foreign_support as support;
use serde_json::{Value, json};
use steelyard_provider_adapter::Adapter;
use steelyard_provider_adapter::openai::OpenAiChat;
use support::{Recording, Tally};

const PROVIDERS: [&str; 5] = [
    "openai",
    "openai_compatible",
    "mistral",
    "deepseek",
    "dashscope",
];

/// How many recordings there are in this format.
const RECORDED: usize = 198;

/// The recordings of this format, with their provider.
pub(crate) fn recordings() -> Vec<(&'static str, Recording)> {
    let all = PROVIDERS.into_iter().flat_map(|provider| {
        support::recordings(provider)
            .into_iter()
            .map(move |recording| (provider, recording))
    });
    let all: Vec<_> = all
        .filter(|(_, recording)| is_in_scope(recording))
        .collect();
    if all.is_empty() {
        println!("skipped: {RECORDED} recorded exchanges, whose folder is not there");
    } else {
        assert!(
            all.len() >= RECORDED,
            "only {} recordings are left",
            all.len()
        );
    }
    all
}

/// Chat answers, and quoted errors but the one of DashScope's native API.
pub(crate) fn is_in_scope(recording: &Recording) -> bool {
    match recording.endpoint.as_str() {
        "chat" | "compat_chat" => true,
        "error" => !recording.file.contains("native"),
        _ => false,
    }
}

pub(crate) fn pieces(recording: &Recording) -> Vec<Value> {
    let data = recording
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("data:"));
    let data = data.map(str::trim).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// An error object inside a stream, if there is one.
pub(crate) fn error_inside(pieces: &[Value]) -> Option<&str> {
    pieces
        .iter()
        .find_map(|piece| piece["error"]["message"].as_str())
}

#[test]
fn recorded_answers_are_understood() {
    let recordings = recordings();
    for provider in PROVIDERS {
        let mut tally = Tally::default();
        let own = |(owner, _): &&(&str, Recording)| *owner == provider;
        for (_, recording) in recordings.iter().filter(own) {
            let file = &recording.file;
            if recording.status != 200 {
                let head = support::head(recording.status, &recording.headers);
                let error = OpenAiChat.decode_error(&head, recording.body.as_bytes());
                let body: Value = serde_json::from_str(&recording.body).unwrap();
                let found = json!([error.kind.as_str(), error.message]);
                tally.check(
                    file,
                    &found,
                    &json!([expected_kind(recording), body["error"]["message"]]),
                );
                continue;
            }
            if !recording.is_stream() {
                let body: Value = serde_json::from_str(&recording.body).unwrap();
                if body["choices"][0]["message"]["tool_calls"][0]["type"] == "custom" {
                    custom_call_is_kept(recording, &body);
                    tally.skip("input of custom tools is no JSON: compared as text");
                    continue;
                }
                let found =
                    support::unary_outcome(&OpenAiChat, 200, &recording.headers, &recording.body);
                tally.check(file, &found, &expected(&[body], "message"));
                continue;
            }
            let pieces = pieces(recording);
            let found = support::stream_outcome(&OpenAiChat, &recording.body);
            match error_inside(&pieces) {
                Some(message) => {
                    tally.check(
                        file,
                        &json!([found["error"], found["message"]]),
                        &json!(["stream_error", message]),
                    );
                }
                None => tally.check(file, &found, &expected(&pieces, "delta")),
            }
        }
        tally.print(provider);
    }
}

fn custom_call_is_kept(recording: &Recording, body: &Value) {
    let head = support::head(200, &recording.headers);
    let answer = OpenAiChat.decode(&head, recording.body.as_bytes()).unwrap();
    let custom = &body["choices"][0]["message"]["tool_calls"][0]["custom"];
    assert_eq!(json!(answer.tool_calls[0].name), custom["name"]);
    assert_eq!(json!(answer.tool_calls[0].arguments), custom["input"]);
}

/// Every fixture of the project's own: `<name>.json` or `<name>.sse` beside
/// `<name>.expected.json`, which holds `status`, `headers` and the outcome.
#[test]
fn own_fixtures_are_understood() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/openai");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy().into_owned();
        let Some(base) = name.strip_suffix(".expected.json") else {
            continue;
        };
        let mut expected: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let fields = expected.as_object_mut().unwrap();
        let status = fields.remove("status").and_then(|status| status.as_u64());
        let status = u16::try_from(status.unwrap_or(200)).unwrap();
        let headers = fields.remove("headers").unwrap_or_default();
        let headers = headers.as_object().into_iter().flatten();
        let headers =
            headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
        let headers = support::Headers(headers.collect());
        let found = match std::fs::read_to_string(format!("{base}.sse")) {
            Ok(body) => {
                support::check_splits(&OpenAiChat, &body);
                support::stream_outcome(&OpenAiChat, &body)
            }
            Err(_) => {
                let body = std::fs::read_to_string(format!("{base}.json")).unwrap();
                support::unary_outcome(&OpenAiChat, status, &headers, &body)
            }
        };
        assert_eq!(found, expected, "{base}");
        count += 1;
    }
    println!("{count} fixtures of the project's own checked");
    assert!(count >= 31, "fixtures are missing");
}
