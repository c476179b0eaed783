//! What must hold of any bytes whatever. The fuzz targets in `tests/fuzz` call these, and so do the
//! tests beside this file, with recordings that were damaged.
//!
//! The first bytes choose: a wire format, a dialect, a size, a count. The rest is what comes over the
//! wire.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;
use steelyard_provider_adapter::embeddings::Wanted;
use steelyard_provider_adapter::messages::{count_body, parse_count_request};
use steelyard_provider_adapter::sse::SseDecoder;
use steelyard_provider_adapter::{
    Assembler, Progress, ReplyContext, ResponseHead, StreamReply, UnaryReply, adapter, anthropic,
    client_dialect, embeddings,
};
use steelyard_types::{
    ChatRequest, Delivery, Dialect, FeatureSet, ModelFacts, ReasoningStyle, StructuredOutput,
    Target, UnixMillis, WireFormat, WireProfile,
};

/// Dialects in which chats are answered.
pub(crate) fn dialects() -> Vec<Dialect> {
    let all = Dialect::ALL.into_iter();
    all.filter(|dialect| *dialect != Dialect::OpenAiEmbeddings)
        .collect()
}

fn chosen<T: Copy>(from: &[T], byte: u8) -> T {
    from[usize::from(byte) % from.len()]
}

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

fn head(status: u16) -> ResponseHead<'static> {
    ResponseHead {
        status,
        headers: &[("retry-after", "7")],
        at: UnixMillis(1_790_000_000_000),
    }
}

/// Frames do not depend on how the network cuts the bytes.
pub(crate) fn sse(data: &[u8]) {
    let Some((size, body)) = data.split_first() else {
        return;
    };
    let frames = |size: usize| {
        let mut decoder = SseDecoder::new(1 << 20);
        let mut frames = Vec::new();
        for piece in body.chunks(size) {
            let mut rest = Bytes::copy_from_slice(piece);
            loop {
                match decoder.next(&mut rest) {
                    Ok(Some(frame)) => {
                        let seen = [frame.event, frame.data, frame.comment];
                        frames.push(Ok(seen.map(str::to_owned)));
                    }
                    Ok(None) => break,
                    Err(error) => {
                        frames.push(Err(error));
                        return frames;
                    }
                }
            }
        }
        match decoder.end() {
            Ok(Some(frame)) => frames.push(Ok(
                [frame.event, frame.data, frame.comment].map(str::to_owned)
            )),
            Ok(None) => {}
            Err(error) => frames.push(Err(error)),
        }
        frames
    };
    let whole = frames(body.len().max(1));
    assert_eq!(frames(usize::from(*size).max(1)), whole);
    assert_eq!(frames(1), whole);
}

/// A whole answer is read, and written in every dialect as JSON, or it is an error of that provider.
pub(crate) fn answer(data: &[u8]) {
    let [wire, body @ ..] = data else {
        return;
    };
    let wire = chosen(WireFormat::ALL, *wire);
    if wire == WireFormat::AnthropicMessages {
        count(body);
    }
    let read = adapter(wire).decode(&head(200), body);
    for dialect in dialects() {
        let body = Bytes::copy_from_slice(body);
        let reply = UnaryReply::read(wire, &head(200), body.clone(), &context(dialect));
        match reply {
            Err(error) => assert!(
                !error.message.is_empty(),
                "an error of {wire:?} says something"
            ),
            // The same dialect goes through as it is.
            Ok(reply) if reply.body == body => {}
            Ok(reply) => {
                let written = serde_json::from_slice::<Value>(&reply.body);
                assert!(written.is_ok_and(|value| value.is_object()), "{dialect:?}");
            }
        }
    }
    if let Ok(answer) = read {
        let mut out = Vec::new();
        for dialect in dialects() {
            let reply = StreamReply::of_answer(answer.clone(), wire, context(dialect), &mut out);
            let over = [Progress::Complete, Progress::Failed];
            assert!(over.contains(&reply.progress()), "{:?}", reply.progress());
        }
    }
}

/// A count of tokens is the provider's, and a client reads the same.
fn count(body: &[u8]) {
    match anthropic::decode_count(body) {
        Ok(tokens) => {
            let told: Value = serde_json::from_slice(&count_body(tokens)).unwrap();
            assert_eq!(told, serde_json::json!({ "input_tokens": tokens }));
            assert_eq!(anthropic::decode_count(&count_body(tokens)), Ok(tokens));
        }
        Err(error) => assert!(!error.message.is_empty()),
    }
}

/// An answer with vectors is written in OpenAI's form, a vector for each input and in the encoding
/// that was asked for, or it is an error of that provider.
pub(crate) fn embeddings(data: &[u8]) {
    let [wire, count, encoding, body @ ..] = data else {
        return;
    };
    let wire = chosen(WireFormat::ALL, *wire);
    let wanted = Wanted {
        count: usize::from(*count),
        base64: encoding % 2 == 1,
    };
    let context = context(Dialect::OpenAiEmbeddings);
    let body = Bytes::copy_from_slice(body);
    let reply = embeddings::read(wire, &head(200), body.clone(), &context, wanted);
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => {
            assert!(
                !error.message.is_empty(),
                "an error of {wire:?} says something"
            );
            return;
        }
    };
    let read = embeddings::adapter(wire).decode(&head(200), &body);
    assert_eq!(read.map(|answer| answer.usage), Ok(reply.usage));
    if wire == WireFormat::OpenAiChat {
        assert_eq!(reply.body, body, "the same dialect goes through as it is");
        return;
    }
    let told: Value = serde_json::from_slice(&reply.body).unwrap();
    let vectors = told["data"].as_array().unwrap();
    assert_eq!(vectors.len(), wanted.count);
    for (index, vector) in vectors.iter().enumerate() {
        assert_eq!(vector["index"], index);
        let vector = &vector["embedding"];
        let is_whole = match vector.as_str() {
            // Four bytes a number, of which base64 makes four letters of three.
            Some(text) => wanted.base64 && text.len() % 4 == 0,
            None => {
                let numbers = vector.as_array().unwrap();
                !wanted.base64 && numbers.iter().all(Value::is_number)
            }
        };
        assert!(is_whole, "{vector}");
    }
    let counted = told["usage"]["prompt_tokens"].as_u64();
    assert_eq!(counted, reply.usage.map(|usage| usage.prompt_tokens()));
    assert!(
        told["model"]
            .as_str()
            .is_some_and(|model| !model.is_empty())
    );
}

/// What an error status means can be told of any body, and shown in every dialect.
pub(crate) fn error(data: &[u8]) {
    let [wire, status, body @ ..] = data else {
        return;
    };
    let statuses = [
        400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529,
    ];
    let status = chosen(&statuses, *status);
    let wire = chosen(WireFormat::ALL, *wire);
    let error = adapter(wire).decode_error(&head(status), body);
    assert!(
        !error.message.is_empty(),
        "an error of {wire:?} says something"
    );
    let chars = error.message.chars().count();
    assert!(chars <= steelyard_types::ProviderError::MAX_MESSAGE_CHARS);
    for dialect in Dialect::ALL {
        let dialect = client_dialect(dialect);
        let told = steelyard_provider_adapter::ClientError {
            kind: error.kind,
            message: &error.message,
            param: None,
            code: error.code.as_deref(),
            request_id: "0123",
        };
        let body: Value = serde_json::from_slice(&dialect.error_body(&told)).unwrap();
        assert!(body["error"].is_object(), "{body}");
        assert!((400..=599).contains(&dialect.status(error.kind)));
    }
}

/// What a client gets of a stream that comes in pieces of this size.
fn streamed(
    wire: WireFormat,
    dialect: Dialect,
    body: &[u8],
    size: usize,
) -> (Vec<u8>, StreamReply) {
    let mut reply = StreamReply::new(wire, context(dialect));
    let mut out = Vec::new();
    for piece in body.chunks(size) {
        reply.push(&Bytes::copy_from_slice(piece), &mut out);
    }
    let progress = reply.end(&mut out);
    let before = out.len();
    reply.close(Some("{\"cost_usd\":\"0.1\"}"), &mut out);
    let ended = out.len() > before;
    assert_eq!(
        ended,
        progress == Progress::Complete,
        "only what is whole is ended"
    );
    (out.concat(), reply)
}

/// A stream gives the same bytes wherever it is cut, is over at its end, and whole only if it can
/// be put together too.
pub(crate) fn stream(data: &[u8]) {
    let [wire, dialect, size, body @ ..] = data else {
        return;
    };
    let (wire, dialect) = (
        chosen(WireFormat::ALL, *wire),
        chosen(&dialects(), *dialect),
    );
    let (whole, reply) = streamed(wire, dialect, body, body.len().max(1));
    let (pieces, again) = streamed(wire, dialect, body, usize::from(*size).max(1));
    assert_eq!(reply.progress(), again.progress());
    assert_eq!(reply.usage(), again.usage());
    if reply.progress() != Progress::Complete {
        // Errors cut what was not sent yet, which depends on the pieces.
        assert_eq!(reply.progress(), Progress::Failed);
        let kinds = [&reply, &again].map(|reply| reply.error().map(|error| error.kind));
        assert_eq!(kinds[0], kinds[1]);
        return;
    }
    assert_eq!(pieces, whole);
    check_written(wire, dialect, &whole);
    let mut assembler = Assembler::new(wire);
    assembler.push(&Bytes::copy_from_slice(body));
    assert_eq!(assembler.end(), Progress::Complete);
    assert_eq!(assembler.usage(), reply.usage());
    let assembled = assembler.finish(&context(dialect));
    assert!(serde_json::from_slice::<Value>(&assembled.body).is_ok());
}

/// A converted stream is one of its dialect.
fn check_written(wire: WireFormat, dialect: Dialect, out: &[u8]) {
    let text = std::str::from_utf8(out).unwrap();
    match (dialect, wire) {
        (Dialect::AnthropicMessages, WireFormat::AnthropicMessages)
        | (Dialect::OpenAiResponses, WireFormat::OpenAiResponses)
        | (Dialect::OpenAiChat, WireFormat::OpenAiChat) => {}
        (Dialect::AnthropicMessages, _) => {
            let events = super::order::parse(text).unwrap();
            super::order::check(&events).unwrap();
        }
        (Dialect::OpenAiChat | Dialect::OpenAiCompletions, _) => {
            let mut data = text.lines().filter_map(|line| line.strip_prefix("data: "));
            let done = data.next_back();
            assert_eq!(done, Some("[DONE]"));
            assert!(data.all(|data| serde_json::from_str::<Value>(data).is_ok()));
        }
        (Dialect::OpenAiResponses, _) => {
            let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
            let events: Vec<Value> = data
                .map(|data| serde_json::from_str(data).unwrap())
                .collect();
            for (number, event) in events.iter().enumerate() {
                assert_eq!(event["sequence_number"], number, "{event}");
            }
            let last = events.last().map(|event| &event["type"]);
            let ends = ["response.completed", "response.incomplete"];
            assert!(
                last.is_some_and(|last| ends.iter().any(|end| last == end)),
                "{last:?}"
            );
        }
        (Dialect::OpenAiEmbeddings, _) => {}
    }
}

/// Models that take and refuse different things.
fn targets(wire: WireFormat) -> [Target; 3] {
    let profiles = [
        WireProfile::OPENAI,
        WireProfile::MISTRAL,
        WireProfile::DASHSCOPE,
    ];
    let facts = [
        ModelFacts::default(),
        ModelFacts {
            refuses_sampling: true,
            refuses_prefill: true,
            refuses_forced_tool_choice: true,
            reasoning: ReasoningStyle::Budget,
            structured_output: StructuredOutput::Tool,
            ..ModelFacts::default()
        },
        ModelFacts {
            delivery: Delivery::StreamOnly,
            structured_output: StructuredOutput::Object,
            ..ModelFacts::default()
        },
    ];
    [0, 1, 2].map(|index| Target {
        upstream: Arc::from(["model", "claude-haiku-4-5", "gemini-3-flash"][index]),
        wire,
        profile: profiles[index],
        features: FeatureSet::EMPTY,
        facts: facts[index],
        max_output_tokens: [0, 8_192, 64_000][index],
    })
}

/// A request is refused with words, or read and written for every provider as was said beforehand.
pub(crate) fn request(data: &[u8]) {
    let [dialect, body @ ..] = data else {
        return;
    };
    let dialect = client_dialect(chosen(&Dialect::ALL, *dialect));
    match dialect.parse(body) {
        Ok(request) => WireFormat::ALL
            .iter()
            .for_each(|wire| encoded(&request, *wire)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if dialect.dialect() == Dialect::AnthropicMessages
        && let Ok(request) = parse_count_request(body)
    {
        for target in targets(WireFormat::AnthropicMessages) {
            if let Ok(encoded) = anthropic::encode_count(&request, &target) {
                assert!(is_object(&encoded.body));
            }
        }
    }
}

/// Writes a request for models of a provider of that format.
fn encoded(request: &ChatRequest<'_>, wire: WireFormat) {
    let adapter = if request.embedding.is_some() {
        embeddings::adapter(wire)
    } else {
        adapter(wire)
    };
    for target in targets(wire) {
        let carries = adapter.carries(request, &target);
        match (&carries, adapter.encode(request, &target)) {
            (Err(early), Err(late)) => assert_eq!(early, &late),
            (Err(refusal), Ok(_)) => panic!("{refusal}, and yet it is written"),
            // What only shows while writing, such as arguments that are no JSON.
            (Ok(_), Err(refusal)) => assert!(!refusal.reason.is_empty()),
            (Ok(lossy), Ok(written)) => {
                assert_eq!(lossy, &written.lossy);
                assert!(written.path.starts_with('/'));
                assert!(is_object(&written.body), "for {wire:?}");
            }
        }
    }
}

/// Whether it is an object of JSON. Its numbers are the client's own and may be beyond any float, of
/// which JSON knows nothing.
fn is_object(body: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(body).is_ok_and(|body| body.get().starts_with('{'))
}
