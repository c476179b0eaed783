//! An answer is not lost for the usage beside it.

use std::sync::Arc;

use bytes::Bytes;
use steelyard_provider_adapter::{Progress, ReplyContext, ResponseHead, StreamReply, UnaryReply};
use steelyard_types::{UnixMillis, WireFormat};

const WRONG: [&str; 6] = ["\"many\"", "7", "[]", "[{\"a\":1}]", "true", "{\"odd\":{}}"];

/// Each format's answer, whole and as a stream, with `USAGE` where its counts stand.
const ANSWERS: [(WireFormat, &str, &str); 4] = [
    (
        WireFormat::OpenAiChat,
        r#"{"choices":[{"message":{"content":"hi"},"finish_reason":"stop","usage":USAGE}],"usage":USAGE,"x_groq":USAGE}"#,
        "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}],\"usage\":USAGE}\n\ndata: [DONE]\n\n",
    ),
    (
        WireFormat::AnthropicMessages,
        r#"{"content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":USAGE}"#,
        "data: {\"type\":\"message_start\",\"message\":{\"usage\":USAGE}}\n\n\
         data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"hi\"}}\n\n\
         data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":USAGE}\n\n\
         data: {\"type\":\"message_stop\"}\n\n",
    ),
    (
        WireFormat::GeminiGenerateContent,
        r#"{"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}],"usageMetadata":USAGE}"#,
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":USAGE}\n\n",
    ),
    (
        WireFormat::DashScopeGeneration,
        r#"{"output":{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]},"usage":USAGE}"#,
        "data: {\"output\":{\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]},\"usage\":USAGE}\n\n",
    ),
];

fn context() -> ReplyContext {
    ReplyContext {
        dialect: steelyard_types::Dialect::OpenAiChat,
        id: "chatcmpl-own".to_owned(),
        created: 1,
        upstream_model: Arc::from("up"),
        include_usage: true,
        function_call: false,
        echo: None,
    }
}

#[test]
fn it_counts_as_no_usage() {
    let no_headers: &[(&str, &str)] = &[];
    let head = ResponseHead {
        status: 200,
        headers: &no_headers,
        at: UnixMillis(0),
    };
    for (wire, whole, stream) in ANSWERS {
        for wrong in WRONG {
            let body = Bytes::from(whole.replace("USAGE", wrong));
            let reply = UnaryReply::read(wire, &head, body, &context()).unwrap();
            assert!(!reply.empty, "{wire:?} {wrong}");
            let counted = reply.usage.map_or(0, |usage| usage.total_tokens());
            assert_eq!(counted, 0, "{wire:?} {wrong}");

            let body = Bytes::from(stream.replace("USAGE", wrong));
            let mut out = Vec::new();
            let mut reply = StreamReply::new(wire, context());
            reply.push(&body, &mut out);
            let progress = reply.end(&mut out);
            assert_eq!(progress, Progress::Complete, "{wire:?} {wrong}");
            let counted = reply.usage().map_or(0, |usage| usage.total_tokens());
            assert_eq!(counted, 0, "{wire:?} {wrong}");
            assert!(String::from_utf8(out.concat()).unwrap().contains("hi"));
        }
    }
}
