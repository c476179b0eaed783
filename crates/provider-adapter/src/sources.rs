//! What answers have that is no text, thought or call: citations, pictures, sound, code that was run.
//! They have no place in the neutral form; where a model gives them unasked, as some do, an answer
//! that is converted says that it lost them.

use steelyard_types::{Dialect, WireFormat};

use crate::Losses;

/// Something of an answer that has no place in the neutral form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// Where words are from.
    Citations,
    /// Pictures that the model made.
    Images,
    /// Sound that the model made.
    Audio,
    /// Code that the model had run, and what came of it.
    Code,
    /// Documents and other files among the words.
    Documents,
}

impl Extra {
    const ALL: [Self; 5] = [
        Self::Citations,
        Self::Images,
        Self::Audio,
        Self::Code,
        Self::Documents,
    ];

    /// The client's word for it, as its dialect has one.
    fn word(self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::Citations, Dialect::AnthropicMessages) => "citations",
            (Self::Citations, _) => "annotations",
            (Self::Images, _) => "images",
            (Self::Audio, _) => "audio",
            (Self::Code, _) => "code_execution",
            (Self::Documents, _) => "documents",
        }
    }
}

/// By what in a provider's answer something of that kind is known.
///
/// Within JSON, a word between bare quotes is a key or a whole value: the quotes of words that a model
/// writes are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign {
    extra: Extra,
    quoted: &'static str,
    stands: Stands,
}

/// How the word of a [`Sign`] stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// As the key of something.
    Key,
    /// As a key or a value.
    Alone,
    /// As the key of an object with a MIME type, which says what it is.
    Media,
}

impl Sign {
    /// A key, in its quotes, that counts where it holds something. A value may be the same word, as
    /// the whole of a short text is.
    #[must_use]
    pub const fn key(extra: Extra, quoted: &'static str) -> Self {
        Self {
            extra,
            quoted,
            stands: Stands::Key,
        }
    }

    /// A key or value, in its quotes, that no model writes as the whole of a text.
    #[must_use]
    pub const fn word(extra: Extra, quoted: &'static str) -> Self {
        Self {
            extra,
            quoted,
            stands: Stands::Alone,
        }
    }

    /// A key, in its quotes, of an object whose MIME type is of that kind; what is no picture and no
    /// sound is a document.
    #[must_use]
    pub const fn media(extra: Extra, quoted: &'static str) -> Self {
        Self {
            extra,
            quoted,
            stands: Stands::Media,
        }
    }

    fn is_in(self, json: &str) -> bool {
        let mut places = memchr::memmem::find_iter(json.as_bytes(), self.quoted);
        places.any(|at| {
            let rest = json.get(at + self.quoted.len()..).unwrap_or_default();
            match rest.trim_start().strip_prefix(':') {
                Some(value) => {
                    let other = self.stands == Stands::Media && kind_of(value) != self.extra;
                    holds_something(value) && !other
                }
                None => self.stands == Stands::Alone,
            }
        })
    }
}

/// What an object with a MIME type is. No member of it has members.
fn kind_of(value: &str) -> Extra {
    let object = value.split_once('}').map_or(value, |(object, _)| object);
    if object.contains("\"image/") {
        Extra::Images
    } else if object.contains("\"audio/") {
        Extra::Audio
    } else {
        Extra::Documents
    }
}

/// Whether a value, with whatever stands behind it, is more than `null` and nothing in brackets.
fn holds_something(value: &str) -> bool {
    let value = value.trim_start();
    let mut rest = value.chars();
    let inner = match rest.next() {
        Some('[') => rest.as_str().trim_start().strip_prefix(']'),
        Some('{') => rest.as_str().trim_start().strip_prefix('}'),
        Some('"') => rest.as_str().strip_prefix('"'),
        _ => value.strip_prefix("null"),
    };
    inner.is_none()
}

/// What of an answer stays behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LeftBehind([bool; Extra::ALL.len()]);

impl LeftBehind {
    /// Looks at a piece of a provider's answer.
    pub(crate) fn look(&mut self, wire: WireFormat, json: &str) {
        let signs = crate::adapter(wire).signs_of_extras();
        for (extra, seen) in Extra::ALL.into_iter().zip(&mut self.0) {
            let mut own = signs.iter().filter(|sign| sign.extra == extra);
            *seen = *seen || own.any(|sign| sign.is_in(json));
        }
    }

    /// Looks at a piece that was written anew: what is in it before and not behind stays behind.
    pub(crate) fn look_rewritten(&mut self, wire: WireFormat, before: &str, behind: &str) {
        let (mut given, mut kept) = (Self::default(), Self::default());
        given.look(wire, before);
        kept.look(wire, behind);
        for ((seen, given), kept) in self.0.iter_mut().zip(given.0).zip(kept.0) {
            *seen = *seen || given && !kept;
        }
    }

    /// By the client's words.
    pub(crate) fn losses(self, dialect: Dialect) -> Losses {
        let mut losses = Losses::none();
        for (extra, seen) in Extra::ALL.into_iter().zip(self.0) {
            losses.add_if(extra.word(dialect), seen);
        }
        losses
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

    fn lost(body: &str, dialect: Dialect) -> Vec<&'static str> {
        lost_of(WireFormat::OpenAiChat, body, dialect)
    }

    fn lost_of(wire: WireFormat, body: &str, dialect: Dialect) -> Vec<&'static str> {
        let head = ResponseHead {
            status: 200,
            headers: &[("x", "y")].as_slice(),
            at: UnixMillis(0),
        };
        let body = Bytes::from(body.to_owned());
        let reply = UnaryReply::read(wire, &head, body, &context(dialect));
        reply.unwrap().lost.fields().to_vec()
    }

    #[test]
    fn an_answer_that_is_converted_says_that_it_lost_its_citations() {
        assert_eq!(lost(CITED, Dialect::OpenAiChat), [""; 0], "they go through");
        assert_eq!(lost(CITED, Dialect::OpenAiResponses), ["annotations"]);
        assert_eq!(lost(CITED, Dialect::AnthropicMessages), ["citations"]);
        let spoken = CITED.replace("url_citation", "other").replace(
            "\"content\":\"x\"",
            r#""content":"say \"url_citation\" now""#,
        );
        assert_eq!(lost(&spoken, Dialect::AnthropicMessages), [""; 0]);
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
        assert_eq!(reply(CITED).lost().fields(), ["annotations"]);
        assert_eq!(reply("{}").lost(), Losses::none());
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
        let copied = ",\"citationMetadata\":{\"citationSources\":[{\"uri\":\"u\"}]}";
        let none = ",\"citationMetadata\":{},\"groundingMetadata\":{\"groundingChunks\":[ ]}";
        for (frame, expected) in [
            (frame(""), &[][..]),
            (frame(none), &[]),
            (frame(cited), &["annotations"]),
            (frame(copied), &["annotations"]),
        ] {
            let wire = WireFormat::GeminiGenerateContent;
            let mut reply = StreamReply::new(wire, context(Dialect::OpenAiChat));
            let mut out = Vec::new();
            reply.push(&frame, &mut out);
            reply.end(&mut out);
            assert_eq!(reply.error(), None);
            assert_eq!(reply.lost().fields(), expected);
            let mut assembler = Assembler::new(wire);
            assembler.push(&frame);
            assembler.end();
            let whole = assembler.finish(&context(Dialect::OpenAiChat));
            assert_eq!(whole.lost.fields(), expected);
        }
    }

    const OPENAI: &str = r#"{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,
        "finish_reason":"stop","message":{"role":"assistant",MORE}}]}"#;
    const GEMINI: &str = r#"{"candidates":[{"finishReason":"STOP","content":{"role":"model",
        "parts":[{"text":"x"},MORE]}}]}"#;
    const DASHSCOPE: &str = r#"{"request_id":"r","output":{"choices":[{"finish_reason":"stop",
        "message":{"role":"assistant","content":[{"text":"x"},MORE]}}]}}"#;
    const COHERE: &str = r#"{"id":"c","finish_reason":"COMPLETE","message":{"role":"assistant",
        "content":[{"type":"text","text":"x"},MORE]}}"#;

    #[test]
    fn what_a_model_gives_unasked_is_declared() {
        use WireFormat::{CohereChat, DashScopeGeneration, GeminiGenerateContent, OpenAiChat};
        for (wire, whole, more, expected) in [
            (
                OpenAiChat,
                OPENAI,
                r#""content":"x","images":[{"type":"image_url","image_url":{"url":"data:"}}]"#,
                "images",
            ),
            (
                OpenAiChat,
                OPENAI,
                r#""content":"x","audio":{"id":"a","data":"","transcript":"x"}"#,
                "audio",
            ),
            (
                OpenAiChat,
                OPENAI,
                r#""content":[{"type":"text","text":"x"},{"type":"reference","reference_ids":[1]}]"#,
                "citations",
            ),
            (
                OpenAiChat,
                OPENAI,
                r#""content":[{"type":"text","text":"x"},{"type":"tool_file","file_id":"f"}]"#,
                "documents",
            ),
            (
                GeminiGenerateContent,
                GEMINI,
                r#"{"executableCode":{"language":"PYTHON","code":"1"}}"#,
                "code_execution",
            ),
            (
                GeminiGenerateContent,
                GEMINI,
                r#"{"codeExecutionResult":{"outcome":"OUTCOME_OK"}}"#,
                "code_execution",
            ),
            (
                GeminiGenerateContent,
                GEMINI,
                r#"{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}}"#,
                "images",
            ),
            (
                GeminiGenerateContent,
                GEMINI,
                r#"{"inlineData":{"data":"UklGRg==","mimeType": "audio/wav"}}"#,
                "audio",
            ),
            (
                GeminiGenerateContent,
                GEMINI,
                r#"{"fileData":{"mimeType":"application/pdf","fileUri":"https://a.b/image/c"}}"#,
                "documents",
            ),
            (
                DashScopeGeneration,
                DASHSCOPE,
                r#"{"image":"https://a.b"}"#,
                "images",
            ),
            (
                DashScopeGeneration,
                DASHSCOPE,
                r#"{"audio":{"data":"x"}}"#,
                "audio",
            ),
            (
                CohereChat,
                COHERE,
                r#"{"type":"document","document":{"id":"d"}}"#,
                "documents",
            ),
            (
                CohereChat,
                COHERE,
                r#"{"type":"text","text":"y"}],"citations":[{"text":"y","sources":[]}"#,
                "citations",
            ),
        ] {
            let body = whole.replace("MORE", more);
            let dialect = Dialect::AnthropicMessages;
            assert_eq!(lost_of(wire, &body, dialect), [expected], "{body}");
        }
    }

    #[test]
    fn references_among_text_that_becomes_a_string_are_lost_at_the_same_door_too() {
        let list = r#"[{"type":"text","text":"x"},{"type":"reference","reference_ids":[1]}]"#;
        let body = OPENAI.replace("MORE", &format!("\"content\":{list}"));
        assert_eq!(lost(&body, Dialect::OpenAiChat), ["annotations"]);
        let picture = body
            .replace("reference_ids", "image_url")
            .replace("reference", "image_url");
        assert_eq!(
            lost(&picture, Dialect::OpenAiChat),
            [""; 0],
            "it goes through"
        );
        for (list, expected) in [(list, &["annotations"][..]), ("\"x\"", &[])] {
            let mut reply = StreamReply::new(WireFormat::OpenAiChat, context(Dialect::OpenAiChat));
            let frame = format!(
                "data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{list}}},\
                 \"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n"
            );
            reply.push(&Bytes::from(frame), &mut Vec::new());
            assert_eq!(reply.error(), None);
            assert_eq!(reply.lost().fields(), expected);
        }
    }

    #[test]
    fn empty_fields_and_short_texts_are_no_loss() {
        for more in [
            r#""content":"images","images":[ ],"audio":null,"annotations":[]"#,
            r#""content":"audio","images" : null,"audio":{ }"#,
        ] {
            let body = OPENAI.replace("MORE", more);
            assert_eq!(lost(&body, Dialect::OpenAiResponses), [""; 0], "{body}");
        }
    }
}
