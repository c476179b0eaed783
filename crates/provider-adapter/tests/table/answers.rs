//! Every recorded answer in every dialect: as it came, put together from a stream, streamed from a
//! whole.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use steelyard_provider_adapter::{
    Assembler, Progress, ReplyContext, StreamReply, UnaryReply, adapter, client_dialect,
};
use steelyard_types::{Dialect, ProviderError, WireFormat};

use crate::{
    PROVIDERS, Table, chat_dialects, documented, golden, seen, support, wire, without_positions,
};

fn context(dialect: Dialect) -> ReplyContext {
    ReplyContext {
        dialect,
        id: client_dialect(dialect).answer_id("0123"),
        created: 1_790_000_000,
        upstream_model: Arc::from("model"),
        include_usage: true,
        function_call: false,
        echo: None,
    }
}

/// The kind, and what of the provider's own words a client may be told.
fn failed(error: &ProviderError) -> String {
    let mut line = format!("error {}", error.kind.as_str());
    let mut told = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = write!(line, ", {name} {value}");
        }
    };
    told("status", error.status.map(|status| status.to_string()));
    told("code", error.code.clone());
    told("param", error.param.as_deref().map(without_positions));
    told(
        "wait",
        error.retry_after_ms.map(|wait| format!("{wait} ms")),
    );
    line
}

fn written(dialect: Dialect, reply: Result<UnaryReply, ProviderError>) -> String {
    match reply {
        Err(error) => failed(&error),
        Ok(reply) => {
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            seen::whole(dialect, &body)
        }
    }
}

fn streamed(dialect: Dialect, reply: &StreamReply, out: Vec<Bytes>) -> String {
    match reply.error() {
        Some(error) => failed(error),
        None => {
            assert_eq!(reply.progress(), Progress::Complete);
            seen::stream(dialect, std::str::from_utf8(&out.concat()).unwrap())
        }
    }
}

/// The forms in which a client may get this answer, and what is seen in each.
fn forms(
    wire: WireFormat,
    dialect: Dialect,
    recording: &support::Recording,
) -> Vec<(&'static str, String)> {
    let body = Bytes::copy_from_slice(recording.body.as_bytes());
    let head = support::head(recording.status, &recording.headers);
    if recording.status >= 300 {
        let error = adapter(wire).decode_error(&head, &body);
        return vec![("error", failed(&error))];
    }
    let mut out = Vec::new();
    if recording.is_stream() {
        let mut reply = StreamReply::new(wire, context(dialect));
        reply.push(&body, &mut out);
        reply.end(&mut out);
        reply.close(None, &mut out);
        let mut assembler = Assembler::new(wire);
        assembler.push(&body);
        assembler.end();
        let assembled = match assembler.error() {
            Some(error) => failed(error),
            None => written(dialect, Ok(assembler.finish(&context(dialect)))),
        };
        return vec![
            ("stream", streamed(dialect, &reply, out)),
            ("whole from stream", assembled),
        ];
    }
    let reply = UnaryReply::read(wire, &head, body.clone(), &context(dialect));
    let as_stream = match adapter(wire).decode(&head, &body) {
        Err(error) => failed(&error),
        Ok(answer) => {
            let mut reply = StreamReply::of_answer(answer, wire, context(dialect), &mut out);
            reply.close(None, &mut out);
            streamed(dialect, &reply, out)
        }
    };
    vec![
        ("whole", written(dialect, reply)),
        ("stream from whole", as_stream),
    ]
}

#[test]
fn every_recording_in_every_dialect() {
    let (mut recorded, mut streams, mut rows) = (0, 0, 0);
    for provider in PROVIDERS {
        let mut table = Table::default();
        let recordings = support::recordings(provider);
        if recordings.is_empty() {
            return;
        }
        for recording in &recordings {
            let Some(wire) = wire(provider, recording) else {
                continue;
            };
            recorded += 1;
            streams += usize::from(recording.is_stream());
            for dialect in chat_dialects() {
                for (form, line) in forms(wire, dialect, recording) {
                    let section = format!("{} to {}, {form}", wire.as_str(), dialect.as_str());
                    table.add(section, line);
                    rows += 1;
                }
            }
        }
        golden(&format!("answers_{provider}"), &table);
    }
    println!("{recorded} recordings, {streams} of them streams, in {rows} forms");
    let dialects = chat_dialects().len();
    documented(&format!(
        "{recorded} recorded answers, {streams} of them streams, are written in {dialects} dialects"
    ));
}

/// The words, calls and counts of an answer that is delivered in the other way than it came.
fn turned_round(wire: WireFormat, recording: &support::Recording, finished: bool) -> Option<Value> {
    let context = context(Dialect::OpenAiChat);
    let body = Bytes::copy_from_slice(recording.body.as_bytes());
    if recording.is_stream() {
        let mut assembler = Assembler::new(wire);
        assembler.push(&body);
        assembler.end();
        let reply = assembler.finish(&context);
        let body = serde_json::from_slice(&reply.body).unwrap();
        return Some(support::rendered::answer(&body));
    }
    // A stream that does not say how it ended has broken off.
    if !finished {
        return None;
    }
    let head = support::head(recording.status, &recording.headers);
    let mut out = Vec::new();
    let answer = adapter(wire).decode(&head, &body).unwrap();
    let mut reply = StreamReply::of_answer(answer, wire, context, &mut out);
    reply.close(None, &mut out);
    let text = String::from_utf8(out.concat()).unwrap();
    Some(support::rendered::frames(&text))
}

#[test]
fn the_other_way_of_delivery_keeps_words_calls_and_counts() {
    let mut checked = 0;
    for provider in PROVIDERS {
        for recording in support::recordings(provider) {
            let Some(wire) = wire(provider, &recording).filter(|_| recording.status < 300) else {
                continue;
            };
            let adapter = adapter(wire);
            let decoded = if recording.is_stream() {
                support::stream_outcome(adapter, &recording.body)
            } else {
                let (headers, body) = (&recording.headers, &recording.body);
                support::unary_outcome(adapter, recording.status, headers, body)
            };
            if decoded.get("error").is_some() {
                continue;
            }
            let finished = decoded["finish"].is_string();
            let Some(seen) = turned_round(wire, &recording, finished) else {
                continue;
            };
            let expected = support::rendered::seen_by_client(&decoded);
            assert_eq!(seen, expected, "{}", recording.file);
            checked += 1;
        }
    }
    println!("{checked} recordings delivered in the other way");
}
