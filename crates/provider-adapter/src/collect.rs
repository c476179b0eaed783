//! A whole answer out of the events of a stream.

use steelyard_types::{AnswerToolCall, ChatAnswer, StreamEvent};

/// Collects events. Formats whose whole answer is one piece of a stream are read this way.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) answer: ChatAnswer,
}

impl Collected {
    pub(crate) fn push(&mut self, event: StreamEvent<'_>) {
        let answer = &mut self.answer;
        let append = |words: &mut Option<String>, more: &str| {
            words.get_or_insert_default().push_str(more);
        };
        match event {
            StreamEvent::Start { id, model } => {
                answer.id = id.into_owned();
                answer.model = model.into_owned();
            }
            StreamEvent::Text(text) => append(&mut answer.text, &text),
            StreamEvent::Reasoning(text) => append(&mut answer.reasoning, &text),
            StreamEvent::Refusal(text) => append(&mut answer.refusal, &text),
            StreamEvent::ToolCallStart { id, name, .. } => answer.tool_calls.push(AnswerToolCall {
                id: id.into_owned(),
                name: name.into_owned(),
                arguments: String::new(),
            }),
            StreamEvent::ToolCallArguments { index, fragment } => {
                let call = usize::try_from(index)
                    .ok()
                    .and_then(|index| answer.tool_calls.get_mut(index));
                if let Some(call) = call {
                    call.arguments.push_str(&fragment);
                }
            }
            StreamEvent::Finish(reason) => answer.finish = Some(reason),
            StreamEvent::Usage(usage) => answer.usage = Some(usage),
            StreamEvent::Error(_) | StreamEvent::Done => {}
        }
    }
}
