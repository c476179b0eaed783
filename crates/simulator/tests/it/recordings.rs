//! Against recorded traffic: what the real providers accepted is accepted, and what they
//! always answer with is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;
use steelyard_simulator::SimulatorConfig;

use crate::rig::{Got, Kind, Rig};

/// A recorded exchange that concerns one of the simulated endpoints.
struct Recording {
    file: String,
    kind: Kind,
    status: u64,
    stream: bool,
    media: bool,
    calls: bool,
    model: String,
    path: String,
    body: Option<Value>,
    response: String,
}

/// All recordings in scope, or none where the folder is absent.
#[expect(clippy::print_stdout, reason = "says what was skipped")]
fn recordings() -> Vec<Recording> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var("STEELYARD_SHARED").unwrap_or_else(|_| beside.to_owned());
    let folder = PathBuf::from(shared).join("fixtures/providers");
    let Ok(index) = std::fs::read_to_string(folder.join("INDEX.json")) else {
        println!("recordings skipped: no index in {}", folder.display());
        return Vec::new();
    };
    let index: Vec<Value> = serde_json::from_str(&index).unwrap();
    index
        .iter()
        .filter_map(|entry| recording(&folder, entry))
        .collect()
}

fn recording(folder: &std::path::Path, entry: &Value) -> Option<Recording> {
    let file = entry["file"].as_str()?.to_owned();
    let kind = match (file.split('/').next()?, entry["endpoint"].as_str()?) {
        ("openai", "chat") => Kind::OpenAi,
        ("anthropic", "messages") => Kind::Anthropic,
        ("gemini", "gen" | "gen_stream") => Kind::Gemini,
        ("dashscope", "native") => Kind::DashScope,
        ("dashscope", "compat_chat") => Kind::DashScopeCompatible,
        ("mistral", "chat") => Kind::Mistral,
        ("deepseek", "chat") => Kind::DeepSeek,
        ("openai_compatible", "chat") => Kind::Compatible,
        _ => return None,
    };
    let text = std::fs::read_to_string(folder.join(&file)).unwrap();
    let exchange: Value = serde_json::from_str(&text).unwrap();
    let request = &exchange["request"];
    let body = Some(request["body"].clone()).filter(Value::is_object);
    let path = request["path"].as_str().unwrap_or_default().to_owned();
    if kind == Kind::DashScope && !path.is_empty() && !path.ends_with("generation/generation") {
        return None;
    }
    let of_path = path
        .rsplit_once("models/")
        .and_then(|(_, rest)| rest.rsplit_once(':'));
    let of_body = body.as_ref().and_then(|body| body["model"].as_str());
    let model = of_body
        .or(of_path.map(|(model, _)| model))
        .unwrap_or_default()
        .to_owned();
    let tags = entry["tags"].as_array()?;
    Some(Recording {
        kind,
        status: entry["status"].as_u64()?,
        stream: entry["stream"].as_bool()?,
        calls: tags.iter().any(|tag| tag == "tool1" || tag == "toolN"),
        media: tags.iter().any(|tag| tag == "media_req"),
        model,
        path,
        body,
        response: exchange["response"]["body"].as_str()?.to_owned(),
        file,
    })
}

async fn replay(rig: &Rig, recording: &Recording) -> Option<Got> {
    let body = recording.body.as_ref()?;
    let kind = recording.kind;
    let mut path = kind.path(&recording.model, recording.stream);
    if kind == Kind::DashScope {
        // Two recordings lack their path: the address follows from the form of the content.
        let listed = body["input"]["messages"][0]["content"].is_array();
        let multimodal =
            recording.path.contains("multimodal") || (recording.path.is_empty() && listed);
        if multimodal {
            path = path.replace("text-generation", "multimodal-generation");
        }
    }
    let mut request = rig.request(kind, &path, body.to_string());
    if kind == Kind::DashScope && recording.stream {
        request = request.header("x-dashscope-sse", "enable");
    }
    Some(Rig::receive(request).await)
}

/// A simulator that also has the models of other servers in the recordings.
async fn rig(all: &[Recording]) -> Rig {
    let good = all
        .iter()
        .filter(|each| each.status == 200 && each.kind == Kind::Compatible);
    let extra_models = good.map(|each| each.model.clone()).collect();
    Rig::with(SimulatorConfig {
        extra_models,
        foreign_proofs: true,
        ..SimulatorConfig::default()
    })
    .await
}

/// Accepted when it was recorded, in 2024: its result answers another call than the one before
/// it, which Anthropic's documentation excludes and the simulator refuses on purpose.
const NOW_REFUSED: &str = "tools_call_with_tool_result_stream_help";

fn was_refused(got: &Got) -> bool {
    got.status != 200 || got.text.contains("event:error")
}

#[tokio::test]
async fn accepted_requests_are_accepted() {
    let all = recordings();
    let rig = rig(&all).await;
    let mut accepted: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    let mut refused = Vec::new();
    let error = |each: &Recording| each.response.contains("event:error");
    for each in all.iter().filter(|each| each.status == 200 && !error(each)) {
        let Some(got) = replay(&rig, each).await else {
            continue;
        };
        let entry = accepted.entry(each.kind.name()).or_default();
        entry.1 += 1;
        if was_refused(&got) {
            let start: String = got.text.chars().take(300).collect();
            refused.push(format!("{} media={} {start}", each.file, each.media));
        } else {
            entry.0 += 1;
        }
    }
    for (name, (good, total)) in &accepted {
        println!("{name}: {good} of {total} accepted");
    }
    refused.retain(|line| !line.contains(NOW_REFUSED));
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[tokio::test]
async fn structurally_wrong_requests_are_refused() {
    let all = recordings();
    let rig = rig(&all).await;
    let (mut refused, mut total) = (0, 0);
    for each in &all {
        // Sizes, keys and the words of a model are no matter of structure.
        let other = ["MASSIVE_TEXT", "tool_use_failed"];
        let structural = each.body.as_ref().is_some_and(|body| {
            let text = body.to_string() + &each.response;
            other.iter().all(|word| !text.contains(word))
        });
        let failed = each.status == 400 || each.status == 404 || each.status == 422;
        if !(failed || each.response.contains("event:error")) || !structural {
            continue;
        }
        // A matter of the audio in it, which is out of scope here.
        if each.file.contains("url_audio") {
            continue;
        }
        let Some(got) = replay(&rig, each).await else {
            continue;
        };
        total += 1;
        assert!(was_refused(&got), "{} is accepted", each.file);
        refused += 1;
        if each.status == 404 {
            assert_eq!(got.status, 404, "{}", each.file);
        }
    }
    println!("{refused} of {total} refused");
}

/// All paths to members of a value, list items as one.
fn paths(value: &Value, prefix: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, inner) in members {
                // What a function takes is the caller's matter.
                let path = format!("{prefix}.{key}");
                if key != "args" && key != "input" {
                    paths(inner, &path, found);
                }
                found.insert(path);
            }
        }
        Value::Array(items) => {
            for item in items {
                paths(item, &format!("{prefix}[]"), found);
            }
        }
        _ => {}
    }
}

/// The JSON values of a body: one, or one an event.
fn values(text: &str) -> Vec<Value> {
    if let Ok(value) = serde_json::from_str::<Value>(text.trim()) {
        return vec![value];
    }
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|line| serde_json::from_str(line.trim()).ok())
        .collect()
}

/// Members that every recorded answer of a provider has, by form.
#[tokio::test]
async fn answers_have_every_member_that_recorded_ones_always_have() {
    let all = recordings();
    let rig = rig(&all).await;
    let mut always: BTreeMap<(&str, bool, bool), BTreeSet<String>> = BTreeMap::new();
    let mut ours: BTreeMap<(&str, bool, bool), BTreeSet<String>> = BTreeMap::new();
    for each in &all {
        // "openai_compatible" is many servers with a form each.
        let other = each.kind == Kind::Compatible || each.response.contains("event:error");
        // Images are counted in members of their own, custom tools are out of scope.
        let beyond = ["\"custom\"", "image_tokens"];
        let beyond = beyond.iter().any(|word| each.response.contains(word));
        if each.status != 200 || other || beyond {
            continue;
        }
        let key = (each.kind.name(), each.stream, each.calls);
        let mut seen = BTreeSet::new();
        values(&each.response)
            .iter()
            .for_each(|value| paths(value, "", &mut seen));
        always
            .entry(key)
            .and_modify(|known| known.retain(|path| seen.contains(path)))
            .or_insert(seen);
    }
    for kind in crate::rig::ALL {
        for (stream, calls) in [(false, false), (false, true), (true, false), (true, true)] {
            let text = if calls {
                "[[tool:get_weather]] [[think]]"
            } else {
                "hello"
            };
            let got = rig.ask(kind, text, stream, calls).await;
            let mut seen = BTreeSet::new();
            values(&got.text)
                .iter()
                .for_each(|value| paths(value, "", &mut seen));
            ours.insert((kind.name(), stream, calls), seen);
        }
    }
    for (key, expected) in &always {
        let missing: Vec<&String> = expected.difference(&ours[key]).collect();
        println!("{key:?}: {} members always there", expected.len());
        assert!(missing.is_empty(), "{key:?} lacks {missing:?}");
    }
}
