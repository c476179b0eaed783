//! Answers in OpenAI's chat dialect, with the differences between servers as data.

use crate::answer::{Answer, Finish, FunctionCall, Usage};
use crate::delivery::{Frame, Part};
use crate::json::{Node, object};

/// Where a server puts visible reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reasoning {
    /// Nowhere: only its tokens are counted.
    Hidden,
    /// In a member of the message, such as `reasoning_content`.
    Member(&'static str),
    /// As a thinking part of the content (Mistral).
    Part,
}

/// Where a stream carries the usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UsagePlace {
    Nowhere,
    /// In a chunk of its own at the end, with `choices: []`.
    Apart,
    /// In the chunk with the finish reason.
    WithFinish,
}

/// How one server writes one answer.
pub(crate) struct Style {
    pub(crate) id: String,
    pub(crate) created: u64,
    pub(crate) model: String,
    /// Members beside `model`, such as `system_fingerprint`.
    pub(crate) extra: Vec<(&'static str, Node)>,
    /// Members of a unary message beside its content.
    pub(crate) message_extra: Vec<(&'static str, Node)>,
    /// Members of a stream's first delta beside role and content.
    pub(crate) opening_extra: Vec<(&'static str, Node)>,
    /// Members of every choice beside index, message and finish reason.
    pub(crate) choice_extra: Vec<(&'static str, Node)>,
    pub(crate) call_ids: Vec<String>,
    pub(crate) reasoning: Reasoning,
    pub(crate) usage: Node,
    pub(crate) usage_place: UsagePlace,
    /// Chunks before the usage carry `usage: null`.
    pub(crate) null_usage: bool,
    /// Chunks after the first carry Mistral's member `p`, letters that hide how long they are.
    pub(crate) padding: bool,
    /// The delta of the chunk with the finish reason.
    pub(crate) last_delta: Node,
    /// The content of a message that only calls functions.
    pub(crate) silent_content: Node,
    /// Into how many deltas the arguments of a call are cut; zero sends the call whole.
    pub(crate) fragments: usize,
    /// A call that the caller has forced ends with `stop`.
    pub(crate) forced: bool,
    pub(crate) answers: u64,
}

impl Style {
    fn finish(&self, answer: &Answer) -> Node {
        Node::from(answer.finish.map(|finish| match finish {
            Finish::Calls if self.forced => "stop",
            Finish::Stop | Finish::StopText => "stop",
            Finish::Length => "length",
            Finish::Calls => "tool_calls",
            Finish::Filter => "content_filter",
        }))
    }

    fn head(&self, object: &str) -> Node {
        object! { "id" => &self.id, "object" => object, "created" => self.created,
        "model" => &self.model }
    }

    /// The unary answer.
    pub(crate) fn unary(&self, answer: &Answer) -> Node {
        let choices: Vec<Node> = (0..self.answers.max(1))
            .map(|index| {
                let choice = object! { "index" => index, "message" => self.message(answer) };
                add(choice, &self.choice_extra).with("finish_reason", self.finish(answer))
            })
            .collect();
        let body = self.head("chat.completion").with("choices", choices);
        add(body.with("usage", self.usage.clone()), &self.extra)
    }

    fn message(&self, answer: &Answer) -> Node {
        let text = answer.text();
        let content = match self.reasoning {
            Reasoning::Part if !answer.reasoning.is_empty() => {
                Node::from(vec![thinking(&answer.reasoning), text_part(&text)])
            }
            _ if text.is_empty() && !answer.calls.is_empty() => self.silent_content.clone(),
            _ => Node::from(text),
        };
        let mut message = object! { "role" => "assistant", "content" => content };
        if let Reasoning::Member(name) = self.reasoning
            && !answer.reasoning.is_empty()
        {
            message = message.with(name, &answer.reasoning);
        }
        if !answer.calls.is_empty() {
            let calls: Vec<Node> = (0..answer.calls.len())
                .map(|at| self.call(answer, at))
                .collect();
            message = message.with("tool_calls", calls);
        }
        add(message, &self.message_extra)
    }

    /// A whole call, as in unary answers.
    fn call(&self, answer: &Answer, index: usize) -> Node {
        let call = &answer.calls[index];
        let text = call
            .input()
            .map_or_else(|| call.arguments.to_string(), str::to_owned);
        let (kind, member) = kind_of(call);
        object! { "index" => index, "id" => self.id_of(index), "type" => kind,
        kind => object! { "name" => &call.name, member => text } }
    }

    fn id_of(&self, index: usize) -> String {
        self.call_ids.get(index).cloned().unwrap_or_default()
    }

    /// The streamed answer, `[DONE]` included.
    pub(crate) fn stream(&self, answer: &Answer) -> Vec<Frame> {
        let mut frames = Vec::new();
        for index in 0..self.answers.max(1) {
            self.stream_choice(index, answer, &mut frames);
        }
        if self.usage_place == UsagePlace::Apart {
            let last = add(self.head("chat.completion.chunk"), &self.extra);
            let last = last
                .with("choices", Vec::new())
                .with("usage", self.usage.clone());
            frames.push(event(Part::Closing, &last));
        }
        frames.push(Frame::new(Part::Closing, "data: [DONE]\n\n".to_owned()));
        frames
    }

    fn stream_choice(&self, index: u64, answer: &Answer, frames: &mut Vec<Frame>) {
        let mut push = |part, delta| {
            frames.push(event(
                part,
                &self.chunk(index, delta, Node::NULL, self.earlier_usage()),
            ));
        };
        let opening = object! { "role" => "assistant", "content" => "" };
        push(Part::Opening, add(opening, &self.opening_extra));
        for piece in crate::tokens::pieces(&answer.reasoning) {
            match self.reasoning {
                Reasoning::Hidden => {}
                Reasoning::Member(name) => push(Part::Content, object! { name => piece }),
                Reasoning::Part => {
                    push(
                        Part::Content,
                        object! { "content" => vec![thinking(&piece)] },
                    );
                }
            }
        }
        for piece in &answer.pieces {
            push(Part::Content, object! { "content" => piece });
        }
        for delta in (0..answer.calls.len()).flat_map(|at| self.call_deltas(answer, at)) {
            push(Part::Content, object! { "tool_calls" => vec![delta] });
        }
        let with_finish = self.usage_place == UsagePlace::WithFinish;
        let usage = if with_finish {
            Some(self.usage.clone())
        } else {
            self.earlier_usage()
        };
        let last = self.chunk(index, self.last_delta.clone(), self.finish(answer), usage);
        frames.push(event(Part::Closing, &last));
    }

    fn call_deltas(&self, answer: &Answer, index: usize) -> Vec<Node> {
        if self.fragments == 0 {
            return vec![self.call(answer, index)];
        }
        let call = &answer.calls[index];
        let (kind, member) = kind_of(call);
        let first = object! { "index" => index, "id" => self.id_of(index), "type" => kind,
        kind => object! { "name" => &call.name, member => "" } };
        let text = call
            .input()
            .map_or_else(|| call.arguments.to_string(), str::to_owned);
        let fragments = crate::tokens::fragments(&text, self.fragments);
        let rest = fragments.into_iter().map(|fragment| {
            object! { "index" => index, kind => object! { member => fragment } }
        });
        std::iter::once(first).chain(rest).collect()
    }

    fn earlier_usage(&self) -> Option<Node> {
        self.null_usage.then_some(Node::NULL)
    }

    fn chunk(&self, index: u64, delta: Node, finish: Node, usage: Option<Node>) -> Node {
        let padding = self.padding.then(|| padding(&delta)).flatten();
        let choice = add(
            object! { "index" => index, "delta" => delta },
            &self.choice_extra,
        );
        let choices = vec![choice.with("finish_reason", finish)];
        let chunk = add(self.head("chat.completion.chunk"), &self.extra);
        chunk
            .with("choices", choices)
            .with_some("usage", usage)
            .with_some("p", padding)
    }
}

/// The type of a call, which is its member too, and the member of that for what it is called with.
fn kind_of(call: &FunctionCall) -> (&'static str, &'static str) {
    match call.input() {
        Some(_) => ("custom", "input"),
        None => ("function", "arguments"),
    }
}

/// Letters for a delta, none for the first one of a stream.
fn padding(delta: &Node) -> Option<&'static str> {
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
    let text = delta.to_text();
    let length = 4 + text.len() % (LETTERS.len() - 4);
    (!text.contains("\"role\"")).then_some(&LETTERS[..length])
}

fn add(node: Node, members: &[(&'static str, Node)]) -> Node {
    members
        .iter()
        .fold(node, |node, (name, value)| node.with(name, value.clone()))
}

fn text_part(text: &str) -> Node {
    object! { "type" => "text", "text" => text }
}

fn thinking(text: &str) -> Node {
    object! { "type" => "thinking", "thinking" => vec![text_part(text)] }
}

/// One `data:` event.
pub(crate) fn event(part: Part, chunk: &Node) -> Frame {
    Frame::new(part, format!("data: {}\n\n", chunk.to_text()))
}

/// The three totals that every server gives.
pub(crate) fn plain_usage(usage: &Usage) -> Node {
    object! { "prompt_tokens" => usage.prompt, "completion_tokens" => usage.output,
    "total_tokens" => usage.prompt + usage.output }
}
