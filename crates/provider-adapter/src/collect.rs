//! A whole answer out of the events of a stream.

use steelyard_types::{AnswerToolCall, ChatAnswer, StreamEvent, Thought};

/// Most answers to one request that are read: OpenAI takes an `n` of up to 128, its copies more.
pub(crate) const MAX_CHOICES: usize = 1_024;

/// What happened in the answer at that place among those to one request.
pub(crate) fn of_choice(choice: usize, event: StreamEvent<'_>) -> StreamEvent<'_> {
    match u32::try_from(choice) {
        Ok(choice) if choice > 0 => StreamEvent::Further {
            choice,
            event: Box::new(event),
        },
        _ => event,
    }
}

/// Collects events. Formats whose whole answer is one piece of a stream are read this way.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) answer: ChatAnswer,
}

impl Collected {
    pub(crate) fn push(&mut self, event: StreamEvent<'_>) {
        push(&mut self.answer, event);
    }
}

fn push(answer: &mut ChatAnswer, event: StreamEvent<'_>) {
    let append = |words: &mut Option<String>, more: &str| {
        words.get_or_insert_default().push_str(more);
    };
    match event {
        StreamEvent::Start { id, model } => {
            answer.id = id.into_owned();
            answer.model = model.into_owned();
        }
        StreamEvent::Text(text) => append(&mut answer.text, &text),
        StreamEvent::Reasoning(text) => answer.push_reasoning(&text),
        StreamEvent::ReasoningSignature(signature) => answer.sign_reasoning(&signature),
        StreamEvent::RedactedReasoning(data) => answer.reasoning.push(Thought {
            redacted: Some(data.into_owned()),
            ..Thought::default()
        }),
        StreamEvent::Logprobs(list) => append_list(&mut answer.logprobs, &list),
        StreamEvent::Refusal(text) => append(&mut answer.refusal, &text),
        StreamEvent::ToolCallStart { id, kind, name, .. } => {
            answer.tool_calls.push(AnswerToolCall {
                id: id.into_owned(),
                kind,
                name: name.into_owned(),
                arguments: String::new(),
            });
        }
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
        StreamEvent::Further { choice, event } => {
            let place = usize::try_from(choice).unwrap_or(usize::MAX);
            if (1..MAX_CHOICES).contains(&place) {
                let length = answer.further.len().max(place);
                answer.further.resize_with(length, ChatAnswer::default);
                push(&mut answer.further[place - 1], *event);
            }
        }
        StreamEvent::Error(_) | StreamEvent::Done => {}
    }
}

/// Adds the entries of a JSON list to those of another.
fn append_list(list: &mut Option<String>, more: &str) {
    let entries = more
        .trim()
        .strip_prefix('[')
        .and_then(|more| more.strip_suffix(']'))
        .unwrap_or_default();
    match list {
        Some(list) if list.len() > 2 => {
            list.pop();
            list.push(',');
            list.push_str(entries);
            list.push(']');
        }
        _ => *list = Some(format!("[{entries}]")),
    }
}
