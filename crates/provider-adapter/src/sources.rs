//! Citations of an answer. They have no place in the neutral form; where a model searched unasked, as
//! some do, an answer that is converted says that it lost them.

use steelyard_types::{Dialect, WireFormat};

/// Whether a piece of a provider's answer cites anything. Within JSON, a word between bare quotes is a
/// key or a whole value: the quotes of words that a model writes are escaped.
pub(crate) fn are_cited(wire: WireFormat, json: &str) -> bool {
    let signs = crate::adapter(wire).signs_of_citations();
    signs.iter().any(|sign| json.contains(sign))
}

/// The client's word for them.
pub(crate) fn word(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::AnthropicMessages => "citations",
        _ => "annotations",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use steelyard_types::UnixMillis;

    use super::*;
    use crate::{Assembler, ReplyContext, ResponseHead, StreamReply, UnaryReply};

    fn context(dialect: Dialect) -> ReplyContext {
        ReplyContext {
            dialect,
            id: "own".to_owned(),
            created: 17,
            upstream_model: Arc::from("up"),
            include_usage: false,
            function_call: false,
            echo: None,
        }
    }

    const CITED: &str = r#"{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,
        "finish_reason":"stop","message":{"role":"assistant","content":"x","annotations":[{"type":
        "url_citation","url_citation":{"url":"https://a.example","title":"a"}}]}}]}"#;

    fn lost(body: &str, dialect: Dialect) -> Option<&'static str> {
        let head = ResponseHead {
            status: 200,
            headers: &[("x", "y")].as_slice(),
            at: UnixMillis(0),
        };
        let body = Bytes::from(body.to_owned());
        let reply = UnaryReply::read(WireFormat::OpenAiChat, &head, body, &context(dialect));
        reply.unwrap().lost
    }

    #[test]
    fn an_answer_that_is_converted_says_that_it_lost_its_citations() {
        assert_eq!(lost(CITED, Dialect::OpenAiChat), None, "they go through");
        assert_eq!(lost(CITED, Dialect::OpenAiResponses), Some("annotations"));
        assert_eq!(lost(CITED, Dialect::AnthropicMessages), Some("citations"));
        let spoken = CITED.replace("url_citation", "other").replace(
            "\"content\":\"x\"",
            r#""content":"say \"url_citation\" now""#,
        );
        assert_eq!(lost(&spoken, Dialect::AnthropicMessages), None);
    }

    #[test]
    fn a_stream_that_is_written_from_a_whole_answer_says_so() {
        let wire = WireFormat::OpenAiChat;
        let reply = |body: &str| {
            StreamReply::of_answer(
                crate::ChatAnswer::default(),
                wire,
                context(Dialect::OpenAiChat),
                &mut Vec::new(),
            )
            .read_from(wire, body.as_bytes())
        };
        assert_eq!(reply(CITED).lost(), Some("annotations"));
        assert_eq!(reply("{}").lost(), None);
    }

    #[test]
    fn a_stream_says_so_too_and_so_does_what_is_put_together_from_it() {
        let frame = |cited: &str| {
            let text = format!(
                "data: {{\"candidates\":[{{\"content\":{{\"role\":\"model\",\"parts\":[{{\"text\":\"x\"}}]}},\
                 \"finishReason\":\"STOP\"{cited}}}]}}\n\n"
            );
            Bytes::from(text)
        };
        let cited = ",\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{\"uri\":\"u\"}}]}";
        for (frame, expected) in [(frame(""), None), (frame(cited), Some("annotations"))] {
            let wire = WireFormat::GeminiGenerateContent;
            let mut reply = StreamReply::new(wire, context(Dialect::OpenAiChat));
            let mut out = Vec::new();
            reply.push(&frame, &mut out);
            reply.end(&mut out);
            assert_eq!(reply.error(), None);
            assert_eq!(reply.lost(), expected);
            let mut assembler = Assembler::new(wire);
            assembler.push(&frame);
            assembler.end();
            let whole = assembler.finish(&context(Dialect::OpenAiChat));
            assert_eq!(whole.lost, expected);
        }
    }
}
