//! Embeddings against recordings of what the providers answered.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use steelyard_provider_adapter::embeddings::{self, Wanted};
use steelyard_provider_adapter::{ReplyContext, ResponseHead, UnaryReply};
use steelyard_types::{
    Dialect, ErrorKind, FeatureSet, ModelFacts, ProviderError, Target, UnixMillis, WireFormat,
    WireProfile,
};

/// A recorded call for embeddings.
struct Recording {
    file: String,
    wire: WireFormat,
    request: Value,
    status: u16,
    body: Bytes,
}

fn shared() -> PathBuf {
    std::env::var_os("STEELYARD_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    )
}

/// All recordings of embeddings, or none where the folder is absent.
fn recordings() -> Vec<Recording> {
    let mut found = Vec::new();
    for provider in ["openai", "mistral", "openai_compatible", "dashscope"] {
        let folder = shared().join("fixtures/providers").join(provider);
        let Ok(entries) = std::fs::read_dir(&folder) else {
            println!("skipped: no recordings of {provider} beside this checkout");
            continue;
        };
        let files = entries.map(|entry| entry.unwrap().path());
        let is_embedding = |file: &PathBuf| file.to_string_lossy().contains("embedding");
        for file in files.filter(is_embedding) {
            let text = std::fs::read_to_string(&file).unwrap();
            let recorded: Value = serde_json::from_str(&text).unwrap();
            let path = recorded["request"]["path"].as_str().unwrap_or_default();
            if !path.ends_with("embeddings") && !path.ends_with("text-embedding") {
                continue;
            }
            found.push(Recording {
                file: file.display().to_string(),
                wire: if provider == "dashscope" {
                    WireFormat::DashScopeGeneration
                } else {
                    WireFormat::OpenAiChat
                },
                request: recorded["request"]["body"].clone(),
                status: u16::try_from(recorded["response"]["status"].as_u64().unwrap()).unwrap(),
                body: Bytes::from(recorded["response"]["body"].as_str().unwrap().to_owned()),
            });
        }
    }
    found
}

fn read(recording: &Recording, base64: bool) -> Result<UnaryReply, ProviderError> {
    let head = ResponseHead {
        status: recording.status,
        headers: &[("content-type", "application/json")],
        at: UnixMillis(0),
    };
    if recording.status != 200 {
        let adapter = embeddings::adapter(recording.wire);
        return Err(adapter.decode_error(&head, &recording.body));
    }
    let context = ReplyContext {
        dialect: Dialect::OpenAiEmbeddings,
        id: "embd-1".to_owned(),
        created: 7,
        upstream_model: Arc::from("m"),
        include_usage: false,
        function_call: false,
        echo: None,
    };
    let wanted = Wanted { count: 1, base64 };
    embeddings::read(
        recording.wire,
        &head,
        recording.body.clone(),
        &context,
        wanted,
    )
}

#[test]
fn every_recorded_answer_is_read() {
    let recordings = recordings();
    for recording in &recordings {
        let file = &recording.file;
        match read(recording, false) {
            Ok(reply) => {
                let usage = reply.usage.unwrap();
                let counted: Value = serde_json::from_slice(&recording.body).unwrap();
                let total = counted["usage"]["total_tokens"].as_u64();
                assert_eq!(Some(usage.total_tokens()), total, "{file}");
                assert!(!usage.disagrees, "{file}");
                if recording.wire == WireFormat::OpenAiChat {
                    assert_eq!(reply.body, recording.body, "{file}");
                }
            }
            Err(error) => {
                assert_eq!(recording.status, 404, "{file}: {error}");
                assert_eq!(error.kind, ErrorKind::UpstreamModelNotFound, "{file}");
            }
        }
    }
    println!("{} recorded answers", recordings.len());
}

#[test]
fn dashscopes_vectors_keep_every_digit() {
    let native = |one: &Recording| one.wire == WireFormat::DashScopeGeneration;
    for recording in recordings().into_iter().filter(native) {
        let own: Value = serde_json::from_slice(&recording.body).unwrap();
        let vector = &own["output"]["embeddings"][0]["embedding"];
        let reply = read(&recording, false).unwrap();
        let written: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(&written["data"][0]["embedding"], vector);
        let packed = read(&recording, true).unwrap();
        let packed: Value = serde_json::from_slice(&packed.body).unwrap();
        let length = packed["data"][0]["embedding"].as_str().unwrap().len();
        let numbers = vector.as_array().unwrap().len();
        assert_eq!(length, (numbers * 4).div_ceil(3) * 4);

        let asked = json!({ "model": "m", "input": recording.request["input"]["texts"] });
        let asked = asked.to_string();
        let request = embeddings::parse_embedding_request(asked.as_bytes()).unwrap();
        let target = Target {
            upstream: Arc::from(recording.request["model"].as_str().unwrap()),
            wire: recording.wire,
            profile: WireProfile::OPENAI,
            features: FeatureSet::EMPTY,
            facts: ModelFacts::default(),
            max_output_tokens: 1,
        };
        let encoded = embeddings::adapter(recording.wire)
            .encode(&request, &target)
            .unwrap();
        let sent: Value = serde_json::from_slice(&encoded.body).unwrap();
        let mut expected = recording.request.clone();
        // What the client of that recording said of its text has no word in OpenAI's dialect.
        expected.as_object_mut().unwrap().remove("parameters");
        assert_eq!(sent, expected);
    }
}
