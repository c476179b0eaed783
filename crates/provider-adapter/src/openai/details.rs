//! Proofs of thoughts on their way to a client: OpenRouter's `reasoning_details`.
//!
//! They stand beside the plain `reasoning_content` and only where there is a proof, because clients
//! need them for nothing but sending them back. Every entry has its `index`: in a delta, the
//! official SDK takes entries of lists together by it, and raises where it is missing.

use steelyard_types::{StreamEvent, Thought};

use super::unsigned;
use crate::json::Object;

/// Longest block of thoughts whose text is kept until its proof comes, in bytes: far more than the
/// longest answers hold. The proof of a longer one is not sent, so that it counts as unsigned.
const MAX_BLOCK: usize = 8 * 1_024 * 1_024;

/// The entries of one streamed answer.
#[derive(Debug, Default)]
pub(super) struct Details {
    /// The text of the block that is open.
    open: String,
    /// Blocks that were written.
    blocks: usize,
}

impl Details {
    /// The entries of a whole answer; `None` where nothing is proved.
    pub(super) fn of(thoughts: &[Thought]) -> Option<String> {
        let is_proved = |thought: &Thought| {
            let signature = thought.signature.as_deref();
            signature.is_some_and(|it| !unsigned::says_nothing(it)) || thought.redacted.is_some()
        };
        if !thoughts.iter().any(is_proved) {
            return None;
        }
        let mut list = String::from("[");
        for (index, thought) in thoughts.iter().enumerate() {
            if index > 0 {
                list.push(',');
            }
            match &thought.redacted {
                Some(data) => list.push_str(&encrypted(data, index)),
                None => list.push_str(&text(&thought.text, thought.signature.as_deref(), index)),
            }
        }
        list.push(']');
        Some(list)
    }

    /// The delta that this event adds; empty where it adds none.
    pub(super) fn event(&mut self, event: &StreamEvent<'_>) -> String {
        let mut entries = Vec::new();
        match event {
            StreamEvent::Reasoning(words) => self.tell(words),
            StreamEvent::ReasoningSignature(signature) if unsigned::says_nothing(signature) => {}
            StreamEvent::ReasoningSignature(signature) => {
                entries.extend(self.close(Some(signature)));
            }
            StreamEvent::RedactedReasoning(data) => {
                if !self.open.is_empty() {
                    entries.extend(self.close(None));
                }
                if let Some(index) = self.next() {
                    entries.push(encrypted(data, index));
                }
            }
            // The rest of the thoughts, so that the entries hold all of them.
            StreamEvent::Finish(_) if self.blocks > 0 && !self.open.is_empty() => {
                entries.extend(self.close(None));
            }
            _ => {}
        }
        if entries.is_empty() {
            return String::new();
        }
        format!("{{\"reasoning_details\":[{}]}}", entries.join(","))
    }

    /// Adds words to the block that is open.
    pub(super) fn tell(&mut self, words: &str) {
        if self.blocks < usize::MAX && self.open.len().saturating_add(words.len()) <= MAX_BLOCK {
            self.open.push_str(words);
        } else {
            // What is cut is proved by nothing.
            self.open = String::new();
            self.blocks = usize::MAX;
        }
    }

    /// Whether there are thoughts whose block is open.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// The list with the block that this signature closes.
    pub(super) fn signed(&mut self, signature: &str) -> Option<String> {
        let entry = self.close(Some(signature))?;
        Some(format!("[{entry}]"))
    }

    fn close(&mut self, signature: Option<&str>) -> Option<String> {
        let open = std::mem::take(&mut self.open);
        let index = self.next()?;
        Some(text(&open, signature, index))
    }

    /// The number of the next block; none once there was one too long.
    fn next(&mut self) -> Option<usize> {
        let index = self.blocks;
        self.blocks = index.checked_add(1)?;
        Some(index)
    }
}

fn text(text: &str, signature: Option<&str>, index: usize) -> String {
    let mut entry = Object::with_capacity(text.len() + 128);
    entry.text("type", "reasoning.text");
    entry.text("text", text);
    if let Some(signature) = signature {
        entry.text("signature", signature);
    }
    entry.raw("index", &index.to_string());
    entry.close()
}

fn encrypted(data: &str, index: usize) -> String {
    let mut entry = Object::with_capacity(data.len() + 64);
    entry.text("type", "reasoning.encrypted");
    entry.text("data", data);
    entry.raw("index", &index.to_string());
    entry.close()
}
