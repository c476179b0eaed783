//! The items of `input`.

use serde::de::Error as _;
use serde_json::value::RawValue;
use steelyard_types::{ChatRequest, Message, Part, ReasoningPart, Role, ToolCall, ToolKind};

use super::part::{content, thoughts};
use super::{Read, required, too_many};
use crate::gemini::signed;
use crate::openai::request::trail::{Step, Trail, says_nothing};
use crate::openai::request::{PARSED_ARGUMENTS, RawFields, list, object, string};
use crate::responses::REDACTED;

/// Most items of one request.
const MAX_ITEMS: usize = 20_000;
/// Most calls in one message.
const MAX_CALLS: usize = 1_024;

/// Where in `input` the neutral messages came from.
#[derive(Debug, Default)]
pub(in crate::responses) struct Places {
    /// For each message: the item that it began with, and the items of its calls.
    messages: Vec<(usize, Vec<usize>)>,
}

impl Places {
    /// The item that this message began with.
    pub(in crate::responses) fn message(&self, index: usize) -> Option<usize> {
        self.messages.get(index).map(|(item, _)| *item)
    }

    /// The item of this call of this message.
    pub(in crate::responses) fn call(&self, index: usize, call: usize) -> Option<usize> {
        self.messages.get(index)?.1.get(call).copied()
    }
}

/// Reads `input`, text or a list of items, and appends the messages that it is.
pub(super) fn input<'a>(
    value: &'a RawValue,
    trail: &Trail,
    request: &mut ChatRequest<'a>,
) -> Read<Places> {
    let mut reader = Reader {
        trail,
        messages: &mut request.messages,
        places: Places::default(),
        open: false,
        item: 0,
    };
    if value.get().starts_with('"') {
        let mut message = Message::new(Role::User);
        message.content.extend(string(value)?.map(Part::Text));
        reader.push(message);
        return Ok(reader.places);
    }
    let raws = list(value, "a string or a list of items")?;
    if raws.len() > MAX_ITEMS {
        return Err(too_many(MAX_ITEMS));
    }
    for (index, raw) in raws.into_iter().enumerate() {
        reader.item = index;
        trail.within(Step::Index(index), || reader.item(raw))?;
    }
    Ok(reader.places)
}

struct Reader<'t, 'r, 'a> {
    trail: &'t Trail,
    messages: &'r mut Vec<Message<'a>>,
    places: Places,
    /// Whether the last message is the assistant's and further items belong to it.
    open: bool,
    /// The item that is being read.
    item: usize,
}

impl<'a> Reader<'_, '_, 'a> {
    fn push(&mut self, message: Message<'a>) {
        self.open = message.role == Role::Assistant;
        self.messages.push(message);
        self.places.messages.push((self.item, Vec::new()));
    }

    /// The assistant's message that an item belongs to: the one at the end, or a new one.
    ///
    /// What an answer said is several items: thoughts, words, calls. Formats that have one message
    /// for it need them together, calls most of all, whose results come behind them. Words behind
    /// words are another message.
    fn answer(&mut self, belongs: bool) -> Option<&mut Message<'a>> {
        let says_all = |message: &Message<'_>| {
            let said = |part: &Part<'_>| !matches!(part, Part::Reasoning(_));
            !belongs && message.tool_calls.is_empty() && message.content.iter().any(said)
        };
        if !self.open || self.messages.last().is_none_or(says_all) {
            self.push(Message::new(Role::Assistant));
        }
        self.messages.last_mut()
    }

    fn item(&mut self, raw: &'a RawValue) -> Read<()> {
        if !raw.get().starts_with('{') {
            return Err(serde_json::Error::custom("must be an item object"));
        }
        let fields = object(raw)?;
        let find = |name: &str| fields.iter().find(|(field, _)| field == name);
        let kind = find("type").map_or(Ok(None), |(_, kind)| string(kind));
        let kind = self.trail.within(Step::Field("type"), || kind)?;
        let is_bare_id = find("role").is_none() && find("id").is_some();
        match kind.as_deref() {
            None if is_bare_id => Err(reference()),
            None | Some("message") => self.message(fields),
            Some("function_call") => self.call(fields, ToolKind::Function),
            Some("custom_tool_call") => self.call(fields, ToolKind::Custom),
            Some("function_call_output" | "custom_tool_call_output") => self.output(fields),
            Some("reasoning") => self.reasoning(fields),
            Some("item_reference") => Err(reference()),
            Some(kind) => {
                // Calls and results of built-in tools: what they are is their provider's to know.
                let by_model = kind.ends_with("_call");
                let role = if by_model {
                    Role::Assistant
                } else {
                    Role::User
                };
                let mut message = Message::new(role);
                message.untranslated = Some(self.trail.path_to("type"));
                self.push(message);
                self.open = false;
                Ok(())
            }
        }
    }

    fn message(&mut self, fields: RawFields<'a>) -> Read<()> {
        let trail = self.trail;
        let (mut role, mut said, mut untranslated) = (None, None, None);
        for (name, value) in fields {
            match name.as_ref() {
                "type" | "id" | "status" => {}
                // It tells words on the way from the answer, to the models that do so.
                "phase" if !says_nothing(value) => trail.hint("input.phase"),
                "role" => role = trail.within(Step::Field("role"), || string(value))?,
                "content" => said = Some(value),
                _ if says_nothing(value) => {}
                _ => untranslated = untranslated.or_else(|| Some(trail.path_to(&name))),
            }
        }
        let role = match role.as_deref() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("system") => Role::System,
            Some("developer") => Role::Developer,
            None => return trail.wrong("role", "is required"),
            Some(_) => {
                let what = "must be one of user, assistant, system, developer";
                return trail.wrong("role", what);
            }
        };
        let Some(said) = said else {
            return trail.wrong("content", "is required");
        };
        let read = |message: &mut Message<'a>| {
            trail.within(Step::Field("content"), || content(said, trail, message))
        };
        if role == Role::Assistant
            && let Some(message) = self.answer(false)
        {
            read(message)?;
            note(message, untranslated);
            return Ok(());
        }
        let mut message = Message::new(role);
        read(&mut message)?;
        note(&mut message, untranslated);
        self.push(message);
        Ok(())
    }

    fn call(&mut self, fields: RawFields<'a>, kind: ToolKind) -> Read<()> {
        let trail = self.trail;
        let at = Step::Field;
        let member = match kind {
            ToolKind::Function => "arguments",
            ToolKind::Custom => "input",
        };
        let (mut id, mut name, mut arguments, mut untranslated) = (None, None, None, None);
        for (key, value) in fields {
            match key.as_ref() {
                "type" | "id" | "status" => {}
                "call_id" => id = trail.within(at("call_id"), || string(value))?,
                "name" => name = trail.within(at("name"), || string(value))?,
                key if key == member => {
                    arguments = trail.within(at(member), || string(value))?;
                }
                // Who called: the words for what is so anyway say nothing.
                "caller" if is_direct(value) => {}
                // The arguments once more, as an SDK has parsed them.
                PARSED_ARGUMENTS if kind == ToolKind::Function => {}
                _ if says_nothing(value) => {}
                _ => untranslated = untranslated.or_else(|| Some(trail.path_to(&key))),
            }
        }
        let Some(arguments) = arguments else {
            return trail.wrong(member, "is required");
        };
        let call = ToolCall {
            id: required(id, "call_id", trail)?,
            kind,
            name: required(name, "name", trail)?,
            arguments,
        };
        let item = self.item;
        if let Some(message) = self.answer(true) {
            if message.tool_calls.len() == MAX_CALLS {
                return Err(serde_json::Error::custom(format_args!(
                    "is one call more than {MAX_CALLS} in one answer"
                )));
            }
            message.tool_calls.push(call);
            note(message, untranslated);
        }
        if let Some((_, calls)) = self.places.messages.last_mut() {
            calls.push(item);
        }
        Ok(())
    }

    fn output(&mut self, fields: RawFields<'a>) -> Read<()> {
        let trail = self.trail;
        let (mut id, mut output, mut untranslated) = (None, None, None);
        for (name, value) in fields {
            match name.as_ref() {
                "type" | "id" | "status" | "name" => {}
                "call_id" => id = trail.within(Step::Field("call_id"), || string(value))?,
                "output" => output = Some(value),
                "caller" if is_direct(value) => {}
                _ if says_nothing(value) => {}
                _ => untranslated = untranslated.or_else(|| Some(trail.path_to(&name))),
            }
        }
        let Some(output) = output else {
            return trail.wrong("output", "is required");
        };
        let mut message = Message::new(Role::Tool);
        message.tool_call_id = Some(required(id, "call_id", trail)?);
        trail.within(Step::Field("output"), || {
            content(output, trail, &mut message)
        })?;
        note(&mut message, untranslated);
        self.push(message);
        Ok(())
    }

    fn reasoning(&mut self, fields: RawFields<'a>) -> Read<()> {
        let trail = self.trail;
        let at = Step::Field;
        let (mut summary, mut full, mut proof, mut untranslated) = (None, None, None, None);
        for (name, value) in fields {
            match name.as_ref() {
                "type" | "id" | "status" => {}
                _ if says_nothing(value) => {}
                "summary" => summary = trail.within(at("summary"), || thoughts(value, trail))?,
                "content" => full = trail.within(at("content"), || thoughts(value, trail))?,
                "encrypted_content" => {
                    proof = trail.within(at("encrypted_content"), || string(value))?;
                }
                _ => untranslated = untranslated.or_else(|| Some(trail.path_to(&name))),
            }
        }
        let proof = proof.filter(|proof| !proof.is_empty());
        let mut part = ReasoningPart {
            text: summary.or(full).unwrap_or_default(),
            ..ReasoningPart::default()
        };
        match proof.as_deref().and_then(|it| it.strip_prefix(REDACTED)) {
            Some(data) => part.redacted = Some(data.to_owned().into()),
            None => part.signature = proof,
        }
        // What is said of words stands behind them where they were streamed.
        let of_words = part.redacted.as_deref().is_some_and(signed::is_of_text);
        if let Some(message) = self.answer(of_words) {
            message.content.push(Part::Reasoning(part));
            note(message, untranslated);
        }
        Ok(())
    }
}

/// Notes the first field of a message without a word in the neutral form.
fn note(message: &mut Message<'_>, untranslated: Option<String>) {
    message.untranslated = message.untranslated.take().or(untranslated);
}

fn is_direct(value: &RawValue) -> bool {
    let compact: String = value.get().split_ascii_whitespace().take(8).collect();
    compact == "{\"type\":\"direct\"}"
}

fn reference() -> serde_json::Error {
    serde_json::Error::custom(
        "names an item that was stored: nothing is stored here; send the item itself",
    )
}
