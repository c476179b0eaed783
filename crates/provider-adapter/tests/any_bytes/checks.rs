//! What must hold of any bytes whatever. The fuzz targets in `tests/fuzz` call these, and so do the
//! tests beside this file, with recordings that were damaged.
//!
//! The first bytes choose: a wire format, a dialect, a size. The rest is what comes over the wire.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use steelyard_provider_adapter::messages::parse_count_request;
use steelyard_provider_adapter::sse::SseDecoder;
use steelyard_provider_adapter::{
    Assembler, Progress, ReplyContext, ResponseHead, StreamReply, UnaryReply, adapter, anthropic,
    client_dialect, embeddings,
};
use steelyard_types::{
    ChatRequest, Delivery, Dialect, FeatureSet, ModelFacts, ReasoningStyle, StructuredOutput,
    Target, UnixMillis, WireFormat, WireProfile,
};

/// The wire formats, in the order in which the first byte chooses. `cargo xtask fuzz` writes its
/// corpus in this order.
pub(crate) const WIRES: [WireFormat; 6] = [
    WireFormat::OpenAiChat,
    WireFormat::AnthropicMessages,
    WireFormat::GeminiGenerateContent,
    WireFormat::DashScopeGeneration,
    WireFormat::CohereChat,
    WireFormat::OpenAiResponses,
];

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
    let wire = chosen(&WIRES, *wire);
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

/// What an error status means can be told of any body, and shown in every dialect.
pub(crate) fn error(data: &[u8]) {
    let [wire, status, body @ ..] = data else {
        return;
    };
    let statuses = [
        400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529,
    ];
    let status = chosen(&statuses, *status);
    let wire = chosen(&WIRES, *wire);
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
    let (wire, dialect) = (chosen(&WIRES, *wire), chosen(&dialects(), *dialect));
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
        Ok(request) => WIRES.into_iter().for_each(|wire| encoded(&request, wire)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if dialect.dialect() == Dialect::AnthropicMessages
        && let Ok(request) = parse_count_request(body)
    {
        for target in targets(WireFormat::AnthropicMessages) {
            if let Ok(encoded) = anthropic::encode_count(&request, &target) {
                assert!(serde_json::from_slice::<Value>(&encoded.body).is_ok());
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
                let body = serde_json::from_slice::<Value>(&written.body);
                assert!(body.is_ok_and(|body| body.is_object()), "for {wire:?}");
            }
        }
    }
}
