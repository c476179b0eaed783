//! Answers in this dialect, written from the neutral form.

use bytes::{Bytes, BytesMut};
use steelyard_types::{ChatAnswer, FinishReason, StreamEvent};

use crate::ReplyContext;
use crate::collect::MAX_CHOICES;
use crate::json::{Object, push_text};
use crate::openai::usage_json;

/// Writes a whole answer.
pub(crate) fn answer_body(answer: &ChatAnswer, context: &ReplyContext) -> Bytes {
    let mut choices = String::from("[");
    for (index, one) in std::iter::once(answer).chain(&answer.further).enumerate() {
        if index > 0 {
            choices.push(',');
        }
        // A refusal is what the model said.
        let texts = [one.text.as_deref(), one.refusal.as_deref()];
        let text: String = texts.into_iter().flatten().collect();
        push_choice(&mut choices, index, &text, one.finish);
    }
    choices.push(']');
    let mut body = Object::with_capacity(choices.len() + 256);
    envelope(&mut body, &answer.model, context);
    body.raw("choices", &choices);
    if let Some(usage) = &answer.usage {
        body.raw("usage", &usage_json(usage));
    }
    Bytes::from(body.close())
}

/// The fields that every object of this dialect begins with.
fn envelope(body: &mut Object, model: &str, context: &ReplyContext) {
    body.text("id", &context.id);
    body.text("object", "text_completion");
    body.raw("created", &context.created.to_string());
    let named = Some(model).filter(|model| !model.is_empty());
    body.text("model", named.unwrap_or(&context.upstream_model));
}

fn push_choice(out: &mut String, index: usize, text: &str, finish: Option<FinishReason>) {
    out.push_str("{\"text\":");
    push_text(out, text);
    out.push_str(",\"index\":");
    out.push_str(&index.to_string());
    out.push_str(",\"logprobs\":null,\"finish_reason\":");
    match finish {
        // There are no tools in this dialect that could be called.
        Some(FinishReason::ToolCalls) => out.push_str("\"stop\""),
        Some(reason) => push_text(out, reason.as_openai()),
        None => out.push_str("null"),
    }
    out.push('}');
}

/// Writes the events of a stream as chunks.
#[derive(Debug)]
pub(crate) struct TextWriter {
    context: ReplyContext,
    /// The beginning of every chunk, once the model's name is known.
    head: String,
    buffer: BytesMut,
    scratch: String,
    /// Which of the answers have ended.
    finished: Vec<bool>,
}

impl TextWriter {
    pub(crate) fn new(context: ReplyContext) -> Self {
        Self {
            context,
            head: String::new(),
            buffer: BytesMut::new(),
            scratch: String::new(),
            finished: Vec::new(),
        }
    }

    /// Writes one event. Usage, errors and the end are the stream's, not a chunk's.
    pub(crate) fn event(&mut self, event: &StreamEvent<'_>) {
        match event {
            StreamEvent::Start { model, .. } => self.name_model(model),
            StreamEvent::Further { choice, event } => {
                let choice = usize::try_from(*choice).unwrap_or(usize::MAX);
                if choice < MAX_CHOICES {
                    self.piece(choice, event);
                }
            }
            event => self.piece(0, event),
        }
    }

    /// Writes a piece of the answer at that place.
    fn piece(&mut self, choice: usize, event: &StreamEvent<'_>) {
        match event {
            StreamEvent::Text(text) | StreamEvent::Refusal(text) => self.chunk(choice, text, None),
            StreamEvent::Finish(reason) => {
                if self.finished.len() <= choice {
                    self.finished.resize(choice + 1, false);
                }
                // One finish reason to an answer, whatever a decoder says.
                if !std::mem::replace(&mut self.finished[choice], true) {
                    self.chunk(choice, "", Some(*reason));
                }
            }
            _ => {}
        }
    }

    /// What was written since the last call.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        (!self.buffer.is_empty()).then(|| self.buffer.split().freeze())
    }

    /// Id, object, created and model of this stream's chunks, as the beginning of an object.
    pub(crate) fn head(&mut self) -> &str {
        self.name_model("");
        &self.head
    }

    fn name_model(&mut self, model: &str) {
        if self.head.is_empty() {
            let mut head = Object::with_capacity(160);
            envelope(&mut head, model, &self.context);
            self.head = head.close();
            self.head.pop();
        }
    }

    fn chunk(&mut self, index: usize, text: &str, finish: Option<FinishReason>) {
        self.name_model("");
        let choice = &mut self.scratch;
        choice.clear();
        push_choice(choice, index, text, finish);
        let usage = if self.context.include_usage {
            ",\"usage\":null"
        } else {
            ""
        };
        for piece in [
            "data: ",
            &self.head,
            ",\"choices\":[",
            choice,
            "]",
            usage,
            "}\n\n",
        ] {
            self.buffer.extend_from_slice(piece.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(include_usage: bool) -> ReplyContext {
        ReplyContext {
            dialect: steelyard_types::Dialect::OpenAiCompletions,
            id: "cmpl-1".to_owned(),
            created: 7,
            upstream_model: "m".into(),
            include_usage,
            function_call: false,
            echo: None,
        }
    }

    #[test]
    fn a_whole_answer_has_the_recorded_shape() {
        let answer = ChatAnswer {
            text: Some("said \"so\"".to_owned()),
            finish: Some(FinishReason::Length),
            ..ChatAnswer::default()
        };
        assert_eq!(
            answer_body(&answer, &context(false)),
            "{\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":7,\"model\":\"m\",\
             \"choices\":[{\"text\":\"said \\\"so\\\"\",\"index\":0,\"logprobs\":null,\
             \"finish_reason\":\"length\"}]}"
        );
    }

    #[test]
    fn chunks_hold_text_and_one_finish_reason() {
        let mut writer = TextWriter::new(context(true));
        for event in [
            StreamEvent::Start {
                id: "x".into(),
                model: "n".into(),
            },
            StreamEvent::Reasoning("hm".into()),
            StreamEvent::Text("a".into()),
            StreamEvent::Finish(FinishReason::Stop),
            StreamEvent::Finish(FinishReason::Length),
        ] {
            writer.event(&event);
        }
        let head = "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":7,\
                    \"model\":\"n\",\"choices\":";
        let rest = ",\"index\":0,\"logprobs\":null,\"finish_reason\":";
        let expected = format!(
            "{head}[{{\"text\":\"a\"{rest}null}}],\"usage\":null}}\n\n\
             {head}[{{\"text\":\"\"{rest}\"stop\"}}],\"usage\":null}}\n\n"
        );
        assert_eq!(writer.take().expect("chunks"), expected);
    }
}
