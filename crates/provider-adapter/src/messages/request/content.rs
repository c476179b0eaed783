//! Messages and their blocks.

use std::borrow::Cow;

use serde::de::Error as _;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use steelyard_types::{
    CacheMark, CachedPart, Document, Image, Message, Part, ReasoningPart, Role, Source, ToolCall,
    ToolKind,
};

use super::source::{plain_text, source};
use super::{Read, cache_mark, too_many};
use crate::arguments;
use crate::openai::request::trail::{Step, Trail, says_nothing};
use crate::openai::request::{RawFields, list, object, string, typed};

/// Most blocks of one message.
pub(super) const MAX_BLOCKS: usize = 20_000;
/// Most calls of tools in one message.
const MAX_CALLS: usize = 1_024;

/// Reads one message; appends what it is in the neutral form.
pub(super) fn message<'a>(
    raw: &'a RawValue,
    trail: &Trail,
    messages: &mut Vec<Message<'a>>,
) -> Read<()> {
    let (mut role, mut content, mut untranslated) = (None, None, None);
    for (name, value) in object(raw)? {
        match name.as_ref() {
            "role" => role = trail.within(Step::Field("role"), || string(value))?,
            "content" => content = Some(value),
            _ if says_nothing(value) => {}
            _ => untranslated = untranslated.or_else(|| Some(trail.path_to(&name))),
        }
    }
    let role = match role.as_deref() {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        // The newest models take instructions here too.
        Some("system") => Role::System,
        None => return trail.wrong("role", "is required"),
        Some(_) => return trail.wrong("role", "must be one of user, assistant"),
    };
    let Some(content) = content else {
        return trail.wrong("content", "is required");
    };
    let mut said = Said::new(role);
    trail.within(Step::Field("content"), || said.content(content, trail))?;
    said.finish(untranslated, messages);
    Ok(())
}

/// Reads text, or a list of text blocks, into a message: instructions are nothing else.
pub(super) fn texts<'a>(value: &'a RawValue, trail: &Trail, message: &mut Message<'a>) -> Read<()> {
    let mut said = Said::new(message.role);
    // An empty text says nothing.
    if value.get() != "\"\"" {
        said.content(value, trail)?;
    }
    *message = said.message;
    Ok(())
}

/// What one message says, as far as it has been read.
struct Said<'a> {
    message: Message<'a>,
    /// Results of tools, each a message of its own.
    results: Vec<Message<'a>>,
    /// Calls that a cache mark stands behind.
    marked_calls: SmallVec<[(usize, CacheMark); 1]>,
}

impl<'a> Said<'a> {
    fn new(role: Role) -> Self {
        Self {
            message: Message::new(role),
            results: Vec::new(),
            marked_calls: SmallVec::new(),
        }
    }

    fn content(&mut self, value: &'a RawValue, trail: &Trail) -> Read<()> {
        if value.get().starts_with('"') {
            let text = string(value)?.unwrap_or_default();
            self.message.content.push(Part::Text(text));
            return Ok(());
        }
        let blocks = list(value, "a string or a list of blocks")?;
        if blocks.len() > MAX_BLOCKS {
            return Err(too_many(MAX_BLOCKS));
        }
        for (index, raw) in blocks.into_iter().enumerate() {
            trail.within(Step::Index(index), || self.block(raw, trail))?;
        }
        Ok(())
    }

    fn block(&mut self, raw: &'a RawValue, trail: &Trail) -> Read<()> {
        if !raw.get().starts_with('{') {
            return Err(serde_json::Error::custom("must be an object with a type"));
        }
        let fields = object(raw)?;
        let kind = trail.within(Step::Field("type"), || {
            find(&fields, "type").map_or(Ok(None), string)
        })?;
        let Some(kind) = kind else {
            return trail.wrong("type", "is required");
        };
        match (kind.as_ref(), self.message.role) {
            ("text", _) => self.text(fields, trail),
            ("image", _) => self.image(raw, fields, trail),
            ("document", _) => self.document(raw, fields, trail),
            ("tool_use", Role::Assistant) => self.call(fields, trail),
            ("tool_result", Role::User) => self.result(fields, trail),
            ("thinking" | "redacted_thinking", Role::Assistant) => self.thinking(fields, trail),
            ("tool_use" | "thinking" | "redacted_thinking", _) => {
                trail.wrong("type", "belongs to assistant messages only")
            }
            ("tool_result", _) => trail.wrong("type", "belongs to user messages only"),
            _ => {
                self.message.content.push(Part::Other { kind, raw });
                Ok(())
            }
        }
    }

    /// A field that no kind of block reads by itself.
    fn other(&mut self, name: &str, value: &RawValue, trail: &Trail) -> Read<Option<CacheMark>> {
        if says_nothing(value) {
            return Ok(None);
        }
        if name == "cache_control" {
            let mark = trail.within(Step::Field("cache_control"), || cache_mark(value))?;
            if mark.is_some() {
                return Ok(mark);
            }
        }
        self.message
            .untranslated
            .get_or_insert_with(|| trail.path_to(name));
        Ok(None)
    }

    fn push(&mut self, part: Part<'a>, mark: Option<CacheMark>) {
        let position = self.message.content.len();
        self.message.content.push(part);
        let mark = mark.map(|mark| CachedPart { position, mark });
        self.message.cache.extend(mark);
    }

    fn text(&mut self, fields: RawFields<'a>, trail: &Trail) -> Read<()> {
        let (mut text, mut mark) = (None, None);
        for (name, value) in fields {
            match name.as_ref() {
                "type" => {}
                "text" => text = trail.within(Step::Field("text"), || string(value))?,
                "citations" if self.message.role == Role::Assistant => {
                    if !says_nothing(value) {
                        trail.cite();
                    }
                }
                _ => mark = self.other(&name, value, trail)?.or(mark),
            }
        }
        let Some(text) = text else {
            return trail.wrong("text", "is required");
        };
        self.push(Part::Text(text), mark);
        Ok(())
    }

    fn source(&mut self, value: &'a RawValue, trail: &Trail) -> Read<Option<Source<'a>>> {
        let untranslated = &mut self.message.untranslated;
        trail.within(Step::Field("source"), || source(value, trail, untranslated))
    }

    fn image(&mut self, raw: &'a RawValue, fields: RawFields<'a>, trail: &Trail) -> Read<()> {
        let (mut given, mut mark) = (None, None);
        for (name, value) in fields {
            match name.as_ref() {
                "type" => {}
                "source" => given = Some(self.source(value, trail)?),
                _ => mark = self.other(&name, value, trail)?.or(mark),
            }
        }
        let part = match given {
            None => return trail.wrong("source", "is required"),
            Some(Some(source)) => Part::Image(Image {
                source,
                detail: None,
            }),
            // A file that lies at Anthropic.
            Some(None) => Part::Other {
                kind: "image".into(),
                raw,
            },
        };
        self.push(part, mark);
        Ok(())
    }

    fn document(&mut self, raw: &'a RawValue, fields: RawFields<'a>, trail: &Trail) -> Read<()> {
        let (mut given, mut title, mut mark) = (None, None, None);
        for (name, value) in fields {
            match name.as_ref() {
                "type" => {}
                "source" => given = Some(self.source(value, trail)?),
                "title" => title = trail.within(Step::Field("title"), || string(value))?,
                "citations" if compact(value) == "{\"enabled\":false}" => {}
                _ => mark = self.other(&name, value, trail)?.or(mark),
            }
        }
        let part = match given {
            None => return trail.wrong("source", "is required"),
            Some(Some(source)) => Part::Document(Document {
                source,
                name: title,
            }),
            Some(None) => match self.words(find(&object(raw)?, "source"), trail, &mut mark)? {
                // Other formats have no documents of text, and text says the same.
                Some(text) => Part::Text(match title.filter(|title| !title.is_empty()) {
                    Some(title) => Cow::Owned(format!("{title}\n\n{text}")),
                    None => text,
                }),
                // Pictures among its blocks, or a file that lies at Anthropic.
                None => Part::Other {
                    kind: "document".into(),
                    raw,
                },
            },
        };
        self.push(part, mark);
        Ok(())
    }

    /// The words of a document of text, with a mark for a cache on one of its blocks if it has none.
    fn words(
        &mut self,
        source: Option<&'a RawValue>,
        trail: &Trail,
        mark: &mut Option<CacheMark>,
    ) -> Read<Option<Cow<'a, str>>> {
        let Some(source) = source else {
            return Ok(None);
        };
        let mut other = |name: &str, value: &RawValue| {
            let inner = self.other(name, value, trail)?;
            *mark = mark.take().or(inner);
            Ok(())
        };
        trail.within(Step::Field("source"), || {
            plain_text(source, trail, &mut other)
        })
    }

    fn thinking(&mut self, fields: RawFields<'a>, trail: &Trail) -> Read<()> {
        let mut part = ReasoningPart::default();
        for (name, value) in fields {
            let at = Step::Field;
            match name.as_ref() {
                "type" => {}
                "thinking" => {
                    let text = trail.within(at("thinking"), || string(value))?;
                    part.text = text.unwrap_or_default();
                }
                // Other providers' thoughts reach clients with an empty one.
                "signature" => {
                    let signature = trail.within(at("signature"), || string(value))?;
                    part.signature = signature.filter(|signature| !signature.is_empty());
                }
                "data" => part.redacted = trail.within(at("data"), || string(value))?,
                _ => drop(self.other(&name, value, trail)?),
            }
        }
        self.push(Part::Reasoning(part), None);
        Ok(())
    }

    fn call(&mut self, fields: RawFields<'a>, trail: &Trail) -> Read<()> {
        if self.message.tool_calls.len() == MAX_CALLS {
            return Err(serde_json::Error::custom(format_args!(
                "is one tool_use more than {MAX_CALLS}"
            )));
        }
        let (mut id, mut name, mut input, mut mark) = (None, None, None, None);
        for (key, value) in fields {
            let at = Step::Field;
            match key.as_ref() {
                "type" => {}
                "id" => id = trail.within(at("id"), || string(value))?,
                "name" => name = trail.within(at("name"), || string(value))?,
                "input" => input = Some(value),
                // Who called: the words for what is so anyway say nothing.
                "caller" if compact(value) == "{\"type\":\"direct\"}" => {}
                _ => mark = self.other(&key, value, trail)?.or(mark),
            }
        }
        let arguments = match input {
            None => return trail.wrong("input", "is required"),
            Some(input) if !input.get().starts_with('{') => {
                return trail.wrong("input", "must be an object");
            }
            Some(input) => arguments::as_written(input),
        };
        let position = self.message.tool_calls.len();
        self.marked_calls.extend(mark.map(|mark| (position, mark)));
        self.message.tool_calls.push(ToolCall {
            id: required(id, "id", trail)?,
            kind: ToolKind::Function,
            name: required(name, "name", trail)?,
            arguments,
        });
        Ok(())
    }

    fn result(&mut self, fields: RawFields<'a>, trail: &Trail) -> Read<()> {
        let mut inner = Said::new(Role::Tool);
        let (mut id, mut mark) = (None, None);
        for (name, value) in fields {
            let at = Step::Field;
            match name.as_ref() {
                "type" => {}
                "tool_use_id" => id = trail.within(at("tool_use_id"), || string(value))?,
                "content" if value.get() == "null" => {}
                "content" => trail.within(at("content"), || inner.content(value, trail))?,
                "is_error" => {
                    let read = || typed::<Option<bool>>(value);
                    let failed = trail.within(at("is_error"), read)?;
                    inner.message.is_error = failed.unwrap_or(false);
                }
                _ => mark = inner.other(&name, value, trail)?.or(mark),
            }
        }
        inner.message.tool_call_id = Some(required(id, "tool_use_id", trail)?);
        inner.marks();
        let mut result = inner.message;
        // The mark of the whole result stands behind its last part.
        result.cache.extend(mark.map(|mark| CachedPart {
            position: result.content.len().saturating_sub(1),
            mark,
        }));
        self.results.push(result);
        Ok(())
    }

    /// Numbers the marks behind calls, once the number of parts is known.
    fn marks(&mut self) {
        let parts = self.message.content.len();
        let marks = self.marked_calls.drain(..);
        self.message
            .cache
            .extend(marks.map(|(call, mark)| CachedPart {
                position: parts + call,
                mark,
            }));
    }

    fn finish(mut self, untranslated: Option<String>, messages: &mut Vec<Message<'a>>) {
        self.marks();
        let only_results = !self.results.is_empty() && self.message.content.is_empty();
        let of_message = self.message.untranslated.take().or(untranslated);
        if only_results {
            if let Some(first) = self.results.first_mut() {
                first.untranslated = first.untranslated.take().or(of_message);
            }
            messages.append(&mut self.results);
            return;
        }
        self.message.untranslated = of_message;
        messages.append(&mut self.results);
        messages.push(self.message);
    }
}

pub(super) fn find<'a>(fields: &RawFields<'a>, name: &str) -> Option<&'a RawValue> {
    let found = fields.iter().find(|(field, _)| field == name);
    found.map(|(_, value)| *value)
}

fn required<'a>(
    text: Option<Cow<'a, str>>,
    name: &'static str,
    trail: &Trail,
) -> Read<Cow<'a, str>> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) => Ok(text),
        None => trail.wrong(name, "is required"),
    }
}

/// A short value without white space, to compare it with.
fn compact(value: &RawValue) -> String {
    value.get().split_ascii_whitespace().take(8).collect()
}
