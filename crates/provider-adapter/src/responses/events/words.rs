//! Words and thoughts, of which one piece is open at a time.

use steelyard_types::ProviderError;

use super::ItemWriter;
use crate::json::Object;
use crate::responses::write::{
    Kind, message_item, reasoning_item, refusal_part, status, summary_part, text_part,
};

/// The words or thoughts that are open.
#[derive(Debug)]
pub(super) enum Open {
    Reasoning {
        at: usize,
        text: String,
    },
    Message {
        at: usize,
        /// The parts that are done, as JSON with commas between them.
        done: String,
        /// How many these are.
        parts: usize,
        part: Part,
    },
}

/// The part of a message that is open.
#[derive(Debug)]
pub(super) struct Part {
    refusal: bool,
    text: String,
    /// How likely its tokens were: entries of a JSON list, with commas between them.
    logprobs: String,
}

impl ItemWriter {
    pub(super) fn think(&mut self, text: &str) -> Result<(), ProviderError> {
        if !matches!(self.open, Some(Open::Reasoning { .. })) {
            self.settle();
            self.open_reasoning()?;
        }
        let Some(Open::Reasoning { at, text: all }) = &mut self.open else {
            return Ok(());
        };
        let (at, first) = (*at, all.is_empty());
        all.push_str(text);
        if first {
            self.summary(at, "response.reasoning_summary_part.added", |event| {
                event.raw("part", &summary_part(""));
            });
        }
        self.summary(at, "response.reasoning_summary_text.delta", |event| {
            event.text("delta", text);
        });
        Ok(())
    }

    fn open_reasoning(&mut self) -> Result<(), ProviderError> {
        let at = self.place()?;
        let item = reasoning_item(&self.ids.item(Kind::Reasoning, at), "", None);
        self.added(at, &item);
        self.open = Some(Open::Reasoning {
            at,
            text: String::new(),
        });
        Ok(())
    }

    /// Ends the thoughts that are open with the proof of whose they are.
    pub(super) fn sign(&mut self, proof: &str) -> Result<(), ProviderError> {
        if !matches!(self.open, Some(Open::Reasoning { .. })) {
            self.settle();
            self.open_reasoning()?;
        }
        self.close_reasoning(Some(proof));
        Ok(())
    }

    fn close_reasoning(&mut self, proof: Option<&str>) {
        let Some(Open::Reasoning { at, text }) = self.open.take() else {
            return;
        };
        if !text.is_empty() {
            self.summary(at, "response.reasoning_summary_text.done", |event| {
                event.text("text", &text);
            });
            self.summary(at, "response.reasoning_summary_part.done", |event| {
                event.raw("part", &summary_part(&text));
            });
        }
        let id = self.ids.item(Kind::Reasoning, at);
        self.done(at, reasoning_item(&id, &text, proof));
    }

    fn summary(&mut self, at: usize, kind: &str, fill: impl FnOnce(&mut Object)) {
        let id = self.ids.item(Kind::Reasoning, at);
        self.frame(kind, |event| {
            event.text("item_id", &id);
            event.raw("output_index", &at.to_string());
            event.raw("summary_index", "0");
            fill(event);
        });
    }

    /// Makes sure that a part of a message is open: of text, or of a refusal.
    pub(super) fn part(&mut self, refusal: bool) -> Result<(), ProviderError> {
        match &self.open {
            Some(Open::Message { part, .. }) if part.refusal == refusal => return Ok(()),
            Some(Open::Message { .. }) => self.close_part(),
            _ => {
                self.settle();
                let at = self.place()?;
                let id = self.ids.item(Kind::Message, at);
                self.added(at, &message_item(&id, "in_progress", ""));
                self.open = Some(Open::Message {
                    at,
                    done: String::new(),
                    parts: 0,
                    part: Part::new(refusal),
                });
            }
        }
        if let Some(Open::Message { part, .. }) = &mut self.open {
            *part = Part::new(refusal);
        }
        let empty = Part::new(refusal).json();
        self.of_part("response.content_part.added", |event| {
            event.raw("part", &empty);
        });
        Ok(())
    }

    /// An event of the part that is open.
    fn of_part(&mut self, kind: &str, fill: impl FnOnce(&mut Object)) {
        let Some(Open::Message { at, parts, .. }) = &self.open else {
            return;
        };
        let (at, index) = (*at, *parts);
        let id = self.ids.item(Kind::Message, at);
        self.frame(kind, |event| {
            event.text("item_id", &id);
            event.raw("output_index", &at.to_string());
            event.raw("content_index", &index.to_string());
            fill(event);
        });
    }

    /// Writes the words that wait for their probabilities.
    pub(super) fn flush(&mut self) {
        if !self.pending.is_empty() {
            let text = std::mem::take(&mut self.pending);
            self.say(&text, "");
        }
    }

    /// Tells how likely the words were that came last.
    pub(super) fn likely(&mut self, list: &str) -> Result<(), ProviderError> {
        let entries = list.trim().strip_prefix('[');
        let entries = entries.and_then(|it| it.strip_suffix(']'));
        self.part(false)?;
        let text = std::mem::take(&mut self.pending);
        self.say(&text, entries.unwrap_or_default().trim());
        Ok(())
    }

    /// Writes a piece of the part that is open.
    pub(super) fn say(&mut self, text: &str, likely: &str) {
        let Some(Open::Message { part, .. }) = &mut self.open else {
            return;
        };
        part.text.push_str(text);
        if !part.logprobs.is_empty() && !likely.is_empty() {
            part.logprobs.push(',');
        }
        part.logprobs.push_str(likely);
        if part.refusal {
            self.of_part("response.refusal.delta", |event| event.text("delta", text));
        } else {
            self.of_part("response.output_text.delta", |event| {
                event.text("delta", text);
                event.raw("logprobs", &format!("[{likely}]"));
            });
        }
    }

    fn close_part(&mut self) {
        let Some(Open::Message { part, .. }) = &mut self.open else {
            return;
        };
        let part = std::mem::replace(part, Part::new(false));
        if part.refusal {
            self.of_part("response.refusal.done", |event| {
                event.text("refusal", &part.text);
            });
        } else {
            self.of_part("response.output_text.done", |event| {
                event.text("text", &part.text);
                event.raw("logprobs", &format!("[{}]", part.logprobs));
            });
        }
        let json = part.json();
        self.of_part("response.content_part.done", |event| {
            event.raw("part", &json);
        });
        if let Some(Open::Message { done, parts, .. }) = &mut self.open {
            if *parts > 0 {
                done.push(',');
            }
            done.push_str(&json);
            *parts += 1;
        }
    }

    pub(super) fn close_open(&mut self, whole: bool) {
        self.flush();
        match &self.open {
            None => {}
            Some(Open::Reasoning { .. }) => self.close_reasoning(None),
            Some(Open::Message { .. }) => {
                self.close_part();
                if let Some(Open::Message { at, done, .. }) = self.open.take() {
                    let id = self.ids.item(Kind::Message, at);
                    self.done(at, message_item(&id, status(whole), &done));
                }
            }
        }
    }
}

impl Part {
    fn new(refusal: bool) -> Self {
        Self {
            refusal,
            text: String::new(),
            logprobs: String::new(),
        }
    }

    fn json(&self) -> String {
        if self.refusal {
            refusal_part(&self.text)
        } else {
            text_part(&self.text, &format!("[{}]", self.logprobs))
        }
    }
}
