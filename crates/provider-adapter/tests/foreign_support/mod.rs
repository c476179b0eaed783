//! What the golden tests of the formats that are not the client's own share: recordings and
//! fixtures in, outcomes out.

#![allow(dead_code, reason = "every test binary uses a part")]
#![allow(clippy::print_stdout, reason = "tests say what they skipped")]

pub(crate) mod chunks;
pub(crate) mod rendered;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Value, json};
use steelyard_provider_adapter::sse::SseDecoder;
use steelyard_provider_adapter::{Adapter, ChatAnswer, HeaderLookup, ResponseHead, StreamEvent};
use steelyard_types::{ProviderError, UnixMillis, Usage};

/// One recorded exchange.
pub(crate) struct Recording {
    pub(crate) file: String,
    pub(crate) endpoint: String,
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: String,
    pub(crate) request: Value,
}

impl Recording {
    pub(crate) fn is_stream(&self) -> bool {
        let kind = self.headers.get("content-type").unwrap_or("");
        kind.starts_with("text/event-stream")
            || self.body.starts_with("event:")
            || self.body.starts_with("data:")
            || self.body.starts_with("id:")
    }

    /// The data of every event, read line by line: recordings hold one value a line.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.body
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .map(|data| serde_json::from_str(data).unwrap())
            .collect()
    }
}

pub(crate) struct Headers(pub(crate) BTreeMap<String, String>);

impl HeaderLookup for Headers {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// Where the shared reference material lies, if it is there.
pub(crate) fn shared() -> PathBuf {
    std::env::var_os("STEELYARD_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    )
}

/// The recordings of a provider; none where the folder is absent.
pub(crate) fn recordings(provider: &str) -> Vec<Recording> {
    let folder = shared().join("fixtures/providers").join(provider);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: no recordings of {provider} beside this checkout");
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| read_recording(file)).collect()
}

/// The recordings of a provider, of which there are at least so many where there are any.
pub(crate) fn known_recordings(provider: &str, count: usize) -> Vec<Recording> {
    let recordings = recordings(provider);
    if recordings.is_empty() {
        println!("{provider}: {count} recordings skipped");
    } else {
        assert!(
            recordings.len() >= count,
            "recordings of {provider} are missing"
        );
    }
    recordings
}

fn read_recording(file: &Path) -> Recording {
    let value: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let response = &value["response"];
    Recording {
        file: file.file_name().unwrap().to_string_lossy().into_owned(),
        endpoint: value["endpoint"].as_str().unwrap().to_owned(),
        status: u16::try_from(response["status"].as_u64().unwrap()).unwrap(),
        headers: read_headers(&response["headers"]),
        body: response["body"].as_str().unwrap().to_owned(),
        request: value["request"]["body"].clone(),
    }
}

fn read_headers(value: &Value) -> Headers {
    let headers = value.as_object().into_iter().flatten();
    Headers(
        headers
            .map(|(name, value)| {
                let value = value.as_str().unwrap_or_default().to_owned();
                (name.to_ascii_lowercase(), value)
            })
            .collect(),
    )
}

pub(crate) fn head<'a>(status: u16, headers: &'a Headers) -> ResponseHead<'a> {
    ResponseHead {
        status,
        headers,
        at: UnixMillis(1_790_000_000_000),
    }
}

/// What came of a unary answer.
pub(crate) fn unary_outcome(
    adapter: &dyn Adapter,
    status: u16,
    headers: &Headers,
    body: &str,
) -> Value {
    let head = head(status, headers);
    if status >= 300 {
        return failure(&adapter.decode_error(&head, body.as_bytes()));
    }
    match adapter.decode(&head, body.as_bytes()) {
        Ok(answer) => outcome(&answer),
        Err(error) => failure(&error),
    }
}

/// What came of a streamed answer.
pub(crate) fn stream_outcome(adapter: &dyn Adapter, body: &str) -> Value {
    let events = events(adapter, &[body.as_bytes()]);
    check_order(&events);
    let mut answer = ChatAnswer::default();
    for event in events {
        if let StreamEvent::Error(error) = event {
            return failure(&error);
        }
        collect(&mut answer, event);
    }
    outcome(&answer)
}

fn collect(answer: &mut ChatAnswer, event: StreamEvent<'_>) {
    match event {
        StreamEvent::Further { choice, event } => {
            let further = &mut answer.further;
            further.resize_with(further.len().max(choice as usize), ChatAnswer::default);
            collect(&mut further[choice as usize - 1], *event);
        }
        StreamEvent::Start { id, model } => {
            answer.id = id.into_owned();
            answer.model = model.into_owned();
        }
        StreamEvent::Text(text) => answer.text.get_or_insert_default().push_str(&text),
        StreamEvent::Reasoning(text) => {
            answer.push_reasoning(&text);
        }
        StreamEvent::ReasoningSignature(text) => answer.sign_reasoning(&text),
        StreamEvent::RedactedReasoning(data) => {
            answer.reasoning.push(steelyard_types::Thought {
                redacted: Some(data.into_owned()),
                ..Default::default()
            });
        }
        StreamEvent::Logprobs(list) => answer.logprobs = Some(list.into_owned()),
        StreamEvent::Refusal(text) => answer.refusal.get_or_insert_default().push_str(&text),
        StreamEvent::ToolCallStart { id, kind, name, .. } => {
            answer.tool_calls.push(steelyard_types::AnswerToolCall {
                id: id.into_owned(),
                kind,
                name: name.into_owned(),
                arguments: String::new(),
            });
        }
        StreamEvent::ToolCallArguments { index, fragment } => {
            answer.tool_calls[index as usize]
                .arguments
                .push_str(&fragment);
        }
        StreamEvent::Finish(reason) => answer.finish = Some(reason),
        StreamEvent::Usage(usage) => answer.usage = Some(usage),
        StreamEvent::Error(_) | StreamEvent::Done => {}
    }
}

/// The last usage that a recorded answer of status 200 tells, if it tells any.
pub(crate) fn usage(adapter: &dyn Adapter, recording: &Recording) -> Option<Usage> {
    let body = recording.body.as_bytes();
    if recording.is_stream() {
        let events = events(adapter, &[body]);
        return events.into_iter().rev().find_map(|event| match event {
            StreamEvent::Usage(usage) => Some(usage),
            _ => None,
        });
    }
    let head = head(recording.status, &recording.headers);
    let answer = adapter.decode(&head, body).ok();
    answer.and_then(|answer| answer.usage)
}

/// The events of a stream that comes in these pieces.
pub(crate) fn events(adapter: &dyn Adapter, pieces: &[&[u8]]) -> Vec<StreamEvent<'static>> {
    let mut sse = SseDecoder::default();
    let mut decoder = adapter.stream_decoder();
    let mut events = Vec::new();
    let mut emit = |event: StreamEvent<'_>| events.push(own(event));
    for piece in pieces {
        let mut rest = Bytes::copy_from_slice(piece);
        while let Ok(Some(frame)) = sse.next(&mut rest) {
            decoder.frame(&frame, &mut emit);
        }
    }
    if let Ok(Some(frame)) = sse.end() {
        decoder.frame(&frame, &mut emit);
    }
    decoder.end(&mut emit);
    decoder.end(&mut emit);
    events
}

fn own(event: StreamEvent<'_>) -> StreamEvent<'static> {
    let own = |text: std::borrow::Cow<'_, str>| text.into_owned().into();
    match event {
        StreamEvent::Start { id, model } => StreamEvent::Start {
            id: own(id),
            model: own(model),
        },
        StreamEvent::Text(text) => StreamEvent::Text(own(text)),
        StreamEvent::Reasoning(text) => StreamEvent::Reasoning(own(text)),
        StreamEvent::ReasoningSignature(text) => StreamEvent::ReasoningSignature(own(text)),
        StreamEvent::RedactedReasoning(text) => StreamEvent::RedactedReasoning(own(text)),
        StreamEvent::Logprobs(text) => StreamEvent::Logprobs(own(text)),
        StreamEvent::Refusal(text) => StreamEvent::Refusal(own(text)),
        StreamEvent::ToolCallStart {
            index,
            id,
            kind,
            name,
        } => StreamEvent::ToolCallStart {
            index,
            id: own(id),
            kind,
            name: own(name),
        },
        StreamEvent::ToolCallArguments { index, fragment } => StreamEvent::ToolCallArguments {
            index,
            fragment: own(fragment),
        },
        StreamEvent::Further { choice, event } => StreamEvent::Further {
            choice,
            event: Box::new(self::own(*event)),
        },
        StreamEvent::Finish(reason) => StreamEvent::Finish(reason),
        StreamEvent::Usage(usage) => StreamEvent::Usage(usage),
        StreamEvent::Error(error) => StreamEvent::Error(error),
        StreamEvent::Done => StreamEvent::Done,
    }
}

/// What every stream of events promises, whatever came in.
pub(crate) fn check_order(events: &[StreamEvent<'_>]) {
    let mut calls = 0;
    let mut finishes = 0;
    for (position, event) in events.iter().enumerate() {
        match event {
            StreamEvent::Start { .. } => assert_eq!(position, 0, "starts in the middle"),
            StreamEvent::Text(text)
            | StreamEvent::Reasoning(text)
            | StreamEvent::ReasoningSignature(text)
            | StreamEvent::RedactedReasoning(text)
            | StreamEvent::Logprobs(text) => assert!(!text.is_empty()),
            StreamEvent::ToolCallStart {
                index, id, name, ..
            } => {
                assert_eq!(*index, calls);
                assert!(!id.is_empty() && !name.is_empty());
                calls += 1;
            }
            StreamEvent::ToolCallArguments { index, .. } => assert!(*index < calls),
            StreamEvent::Finish(_) => finishes += 1,
            StreamEvent::Error(_) | StreamEvent::Done => {
                assert_eq!(position + 1, events.len(), "goes on after the end");
            }
            StreamEvent::Further { choice, event } => {
                assert!(*choice > 0);
                assert!(!matches!(
                    **event,
                    StreamEvent::Start { .. }
                        | StreamEvent::Usage(_)
                        | StreamEvent::Error(_)
                        | StreamEvent::Done
                        | StreamEvent::Further { .. }
                ));
            }
            StreamEvent::Refusal(_) | StreamEvent::Usage(_) => {}
        }
    }
    assert!(finishes <= 1);
    let last = events.last().unwrap();
    assert!(matches!(last, StreamEvent::Error(_) | StreamEvent::Done));
}

/// An answer as one value, so that a difference shows as a whole.
pub(crate) fn outcome(answer: &ChatAnswer) -> Value {
    let ids: std::collections::BTreeSet<_> =
        answer.tool_calls.iter().map(|call| &call.id).collect();
    assert_eq!(ids.len(), answer.tool_calls.len(), "ids are unique");
    let calls: Vec<_> = answer
        .tool_calls
        .iter()
        .map(|call| {
            // Models have been recorded that write no JSON.
            let text = &call.arguments;
            let arguments: Value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
            json!({"name": call.name, "arguments": arguments})
        })
        .collect();
    let mut outcome = json!({
        "id": answer.id,
        "model": answer.model,
        "text": answer.text.as_deref().unwrap_or_default(),
        "reasoning": answer.reasoning_text().unwrap_or_default(),
        "calls": calls,
        "finish": answer.finish.map(|reason| reason.as_openai()),
        "usage": answer.usage.map(|usage| classes(&usage)),
    });
    if let Some(refusal) = &answer.refusal {
        outcome["refusal"] = json!(refusal);
    }
    if !answer.further.is_empty() {
        let texts = answer.further.iter().map(|one| one.text.as_deref());
        outcome["further"] = texts.map(Option::unwrap_or_default).collect();
    }
    outcome
}

pub(crate) fn failure(error: &ProviderError) -> Value {
    json!({
        "error": error.kind.as_str(),
        "message": error.message,
        "code": error.code,
        "retry_after_ms": error.retry_after_ms,
    })
}

fn classes(usage: &Usage) -> Value {
    json!({
        "input_fresh": usage.input_fresh,
        "input_cached": usage.input_cached,
        "cache_write": usage.cache_write,
        "cache_write_1h": usage.cache_write_1h,
        "output": usage.output,
        "reasoning": usage.reasoning,
    })
}

/// Counts what became of the recordings, and prints it.
#[derive(Default)]
pub(crate) struct Tally {
    checked: usize,
    skipped: BTreeMap<&'static str, usize>,
}

impl Tally {
    pub(crate) fn check(&mut self, file: &str, found: &Value, expected: &Value) {
        assert_eq!(found, expected, "{file}");
        self.checked += 1;
    }

    pub(crate) fn skip(&mut self, reason: &'static str) {
        *self.skipped.entry(reason).or_default() += 1;
    }

    pub(crate) fn print(&self, provider: &str) {
        println!("{provider}: {} recordings checked", self.checked);
        for (reason, count) in &self.skipped {
            println!("{provider}: {count} skipped: {reason}");
        }
    }
}

/// Runs every fixture of the project's own: `<name>.json` or `<name>.sse` beside
/// `<name>.expected.json`, which holds `status`, `headers` and the outcome.
pub(crate) fn check_fixtures(adapter: &dyn Adapter, provider: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures")
        .join(provider);
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy().into_owned();
        let Some(base) = name.strip_suffix(".expected.json") else {
            continue;
        };
        let mut expected: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let object = expected.as_object_mut().unwrap();
        let status = object.remove("status").map_or(200, |status| {
            u16::try_from(status.as_u64().unwrap()).unwrap()
        });
        let headers = read_headers(&object.remove("headers").unwrap_or_default());
        let found = match std::fs::read_to_string(format!("{base}.sse")) {
            Ok(body) => {
                check_splits(adapter, &body);
                check_rendered_stream(adapter, base, &body, &expected);
                stream_outcome(adapter, &body)
            }
            Err(_) => {
                let body = std::fs::read_to_string(format!("{base}.json")).unwrap();
                if status == 200 {
                    check_rendered_answer(adapter, base, &headers, &body, &expected);
                }
                unary_outcome(adapter, status, &headers, &body)
            }
        };
        assert_eq!(found, expected, "{base}");
        count += 1;
    }
    count
}

/// The client sees what was decoded, in the shape of its dialect.
pub(crate) fn check_rendered_answer(
    adapter: &dyn Adapter,
    name: &str,
    headers: &Headers,
    body: &str,
    decoded: &Value,
) {
    let seen = rendered::unary(adapter.wire(), headers, body);
    assert_eq!(seen, rendered::seen_by_client(decoded), "{name}");
}

/// The same of a stream, in pieces of several sizes.
pub(crate) fn check_rendered_stream(
    adapter: &dyn Adapter,
    name: &str,
    body: &str,
    decoded: &Value,
) {
    for size in [1, 97, usize::MAX] {
        let seen = rendered::stream(adapter.wire(), body, size.min(body.len()));
        assert_eq!(seen, rendered::seen_by_client(decoded), "{name} by {size}");
    }
}

/// Every way of cutting gives the same events: byte by byte, and in two at every place of a short
/// stream.
pub(crate) fn check_splits(adapter: &dyn Adapter, body: &str) {
    let whole = events(adapter, &[body.as_bytes()]);
    let single: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
    assert_eq!(events(adapter, &single), whole);
    let step = (body.len() / 200).max(1);
    for place in (0..body.len()).step_by(step) {
        let (left, right) = body.as_bytes().split_at(place);
        assert_eq!(events(adapter, &[left, right]), whole, "cut at {place}");
    }
}
