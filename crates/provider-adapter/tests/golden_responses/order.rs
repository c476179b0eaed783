//! The order that the events of a response must come in: `response.created`, `response.in_progress`,
//! items that open in their places, hold parts that are open one at a time and end as they were told,
//! and the whole response last. Every event is numbered.

use std::collections::BTreeMap;

use serde_json::{Value, json};

type Checked<T> = Result<T, String>;

/// The data of every event, once their names and numbers are checked.
pub(crate) fn parse(stream: &str) -> Checked<Vec<Value>> {
    let events = parse_unnumbered(stream)?;
    for (number, event) in events.iter().enumerate() {
        if event["sequence_number"] != number {
            return Err(format!("number {number} is {event}"));
        }
    }
    Ok(events)
}

/// The data of every event, once their names are checked. Events had no numbers at first.
pub(crate) fn parse_unnumbered(stream: &str) -> Checked<Vec<Value>> {
    let mut events: Vec<Value> = Vec::new();
    for frame in stream.split_terminator("\n\n") {
        let (event, data) = frame.split_once('\n').ok_or("a frame without data")?;
        let name = event
            .strip_prefix("event: ")
            .ok_or("a frame without name")?;
        let data = data.strip_prefix("data: ").ok_or("a frame without data")?;
        let data: Value = serde_json::from_str(data).map_err(|error| error.to_string())?;
        if data["type"] != name {
            return Err(format!("{name} holds {data}"));
        }
        events.push(data);
    }
    Ok(events)
}

/// An item that has begun.
struct Item {
    id: Value,
    kind: String,
    /// The parts of a message or a summary so far, and the text of the one that is open.
    parts: Vec<Value>,
    open: Option<(String, String)>,
    arguments: String,
    arguments_done: bool,
    done: Option<Value>,
}

/// Checks the events of one response.
#[derive(Default)]
struct Checker {
    items: BTreeMap<u64, Item>,
}

/// Whether these are the events of one complete response.
pub(crate) fn check(events: &[Value]) -> Checked<()> {
    let [created, running, rest @ .., end] = events else {
        return Err("too few events".to_owned());
    };
    for (event, name) in [(created, "created"), (running, "in_progress")] {
        let response = &event["response"];
        let fresh = response["status"] == "in_progress" && response["output"] == json!([]);
        if event["type"] != format!("response.{name}") || !fresh {
            return Err(format!("begins with {event}"));
        }
    }
    let mut checker = Checker::default();
    for event in rest {
        checker
            .event(event)
            .map_err(|reason| format!("{reason} at {event}"))?;
    }
    checker.end(end)
}

impl Checker {
    fn event(&mut self, event: &Value) -> Checked<()> {
        let kind = event["type"].as_str().unwrap_or_default();
        let kind = kind.strip_prefix("response.").ok_or("a strange event")?;
        let at = event["output_index"].as_u64().ok_or("no place")?;
        if kind == "output_item.added" {
            return self.added(at, &event["item"]);
        }
        let item = self.items.get_mut(&at).ok_or("an item that never began")?;
        if item.done.is_some() {
            return Err("an item that is done goes on".to_owned());
        }
        if kind == "output_item.done" {
            return item.end(&event["item"]);
        }
        if event["item_id"] != item.id {
            return Err("another item's id".to_owned());
        }
        item.event(kind, event)
    }

    fn added(&mut self, at: u64, item: &Value) -> Checked<()> {
        let kind = item["type"].as_str().ok_or("an item without a type")?;
        if at != self.items.len() as u64 {
            return Err("an item out of place".to_owned());
        }
        let empty = match kind {
            "message" => item["content"] == json!([]) && item["status"] == "in_progress",
            "function_call" => item["arguments"] == "" && item["status"] == "in_progress",
            "custom_tool_call" => item["input"] == "",
            "reasoning" => item["summary"] == json!([]),
            _ => true,
        };
        if !empty {
            return Err("an item that begins with something in it".to_owned());
        }
        let one_is_open = |item: &Item| {
            let is_call = matches!(item.kind.as_str(), "function_call" | "custom_tool_call");
            item.done.is_none() && !is_call
        };
        if self.items.values().any(one_is_open) {
            return Err("two items are open".to_owned());
        }
        let item = Item {
            id: item["id"].clone(),
            kind: kind.to_owned(),
            parts: Vec::new(),
            open: None,
            arguments: String::new(),
            arguments_done: false,
            done: None,
        };
        self.items.insert(at, item);
        Ok(())
    }

    fn end(&self, end: &Value) -> Checked<()> {
        let kind = end["type"].as_str().unwrap_or_default();
        let status = end["response"]["status"].as_str().unwrap_or_default();
        if !matches!(status, "completed" | "incomplete") || kind != format!("response.{status}") {
            return Err(format!("ends with {kind}: {status}"));
        }
        let done: Vec<_> = self.items.values().map(|item| &item.done).collect();
        if done.iter().any(|item| item.is_none()) {
            return Err("an item is never done".to_owned());
        }
        // OpenAI encrypts thoughts anew each time it tells them.
        let plain = |item: &Value| {
            let mut item = item.clone();
            if item["encrypted_content"].is_string() {
                item["encrypted_content"] = Value::Null;
            }
            item
        };
        let done: Vec<Value> = done.into_iter().flatten().map(plain).collect();
        let output = end["response"]["output"].as_array().ok_or("no output")?;
        let output: Vec<Value> = output.iter().map(plain).collect();
        if done == output {
            Ok(())
        } else {
            Err(format!("the response is not what was told: {output:?}"))
        }
    }
}

impl Item {
    fn event(&mut self, kind: &str, event: &Value) -> Checked<()> {
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        match (self.kind.as_str(), kind) {
            ("message", "content_part.added") | ("reasoning", "reasoning_summary_part.added") => {
                if self.open.is_some() {
                    return Err("two parts are open".to_owned());
                }
                let part = event["part"]["type"].as_str().unwrap_or_default();
                self.open = Some((part.to_owned(), String::new()));
                self.at_part(event)
            }
            ("message", "output_text.delta") => self.delta("output_text", event),
            ("message", "refusal.delta") => self.delta("refusal", event),
            ("reasoning", "reasoning_summary_text.delta") => self.delta("summary_text", event),
            ("message", "output_text.done") => self.told("output_text", text("text"), event),
            ("message", "refusal.done") => self.told("refusal", text("refusal"), event),
            ("reasoning", "reasoning_summary_text.done") => {
                self.told("summary_text", text("text"), event)
            }
            ("message", "content_part.done") | ("reasoning", "reasoning_summary_part.done") => {
                self.at_part(event)?;
                let (kind, said) = self.open.take().ok_or("no part is open")?;
                let part = &event["part"];
                let name = if kind == "refusal" { "refusal" } else { "text" };
                if part["type"] != kind || part[name] != said {
                    return Err("a part that ends otherwise than it was told".to_owned());
                }
                self.parts.push(part.clone());
                Ok(())
            }
            ("message", "output_text.annotation.added") => Ok(()),
            ("function_call", "function_call_arguments.delta") if !self.arguments_done => {
                self.arguments.push_str(text("delta"));
                Ok(())
            }
            ("function_call", "function_call_arguments.done") if !self.arguments_done => {
                self.arguments_done = true;
                self.same("arguments", &self.arguments, text("arguments"))
            }
            ("custom_tool_call", "custom_tool_call_input.delta") if !self.arguments_done => {
                self.arguments.push_str(text("delta"));
                Ok(())
            }
            ("custom_tool_call", "custom_tool_call_input.done") if !self.arguments_done => {
                self.arguments_done = true;
                self.same("input", &self.arguments, text("input"))
            }
            ("message" | "reasoning" | "function_call" | "custom_tool_call", _) => {
                Err("not of this item".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Checks that the event speaks of the part that is open, which is the next one.
    fn at_part(&self, event: &Value) -> Checked<()> {
        let index = event.get("content_index").or(event.get("summary_index"));
        match index {
            Some(index) if *index == self.parts.len() => Ok(()),
            _ => Err("a part out of place".to_owned()),
        }
    }

    fn delta(&mut self, of: &str, event: &Value) -> Checked<()> {
        self.at_part(event)?;
        let (kind, said) = self.open.as_mut().ok_or("no part is open")?;
        if kind != of {
            return Err("a delta of another part".to_owned());
        }
        said.push_str(event["delta"].as_str().unwrap_or_default());
        Ok(())
    }

    fn told(&self, of: &str, text: &str, event: &Value) -> Checked<()> {
        self.at_part(event)?;
        let (kind, said) = self.open.as_ref().ok_or("no part is open")?;
        if kind != of {
            return Err("the end of another part".to_owned());
        }
        self.same("text", said, text)
    }

    fn same(&self, what: &str, told: &str, end: &str) -> Checked<()> {
        if told == end {
            Ok(())
        } else {
            Err(format!("{what} were {told:?}"))
        }
    }

    fn end(&mut self, item: &Value) -> Checked<()> {
        let whole = match self.kind.as_str() {
            "message" => self.open.is_none() && item["content"] == json!(self.parts),
            "reasoning" => self.open.is_none() && item["summary"] == json!(self.parts),
            "function_call" => self.arguments_done && item["arguments"] == *self.arguments,
            // A recording, built anew, has no event for its end.
            "custom_tool_call" => item["input"] == *self.arguments,
            _ => true,
        };
        if !whole || item["id"] != self.id || item["type"] != *self.kind {
            return Err("an item that ends otherwise than it was told".to_owned());
        }
        self.done = Some(item.clone());
        Ok(())
    }
}

/// A good stream of a message with one part.
fn good() -> Vec<Value> {
    let part = |text: &str| json!({"type": "output_text", "text": text});
    let item = |status: &str, content: Value| json!({"id": "m", "type": "message", "status": status, "content": content});
    let done = item("completed", json!([part("hi")]));
    let of = |kind: &str| {
        json!({"type": format!("response.{kind}"), "output_index": 0, "item_id": "m",
            "content_index": 0})
    };
    let with = |kind: &str, name: &str, value: Value| {
        let mut event = of(kind);
        event[name] = value;
        event
    };
    let response = |status: &str, output: Value| json!({"status": status, "output": output});
    vec![
        json!({"type": "response.created", "response": response("in_progress", json!([]))}),
        json!({"type": "response.in_progress", "response": response("in_progress", json!([]))}),
        with("output_item.added", "item", item("in_progress", json!([]))),
        with("content_part.added", "part", part("")),
        with("output_text.delta", "delta", json!("hi")),
        with("output_text.done", "text", json!("hi")),
        with("content_part.done", "part", part("hi")),
        with("output_item.done", "item", done.clone()),
        json!({"type": "response.completed", "response": response("completed", json!([done]))}),
    ]
}

#[test]
fn disorder_is_found() {
    let good = good();
    assert_eq!(check(&good), Ok(()));
    for left_out in 0..good.len() {
        let mut events = good.clone();
        events.remove(left_out);
        // The end of a text is told twice: leaving out the first is only found by reading on.
        assert_eq!(check(&events).is_err(), left_out != 5, "without {left_out}");
    }
    for twice in 0..good.len() {
        let mut events = good.clone();
        events.insert(twice, good[twice].clone());
        assert_eq!(check(&events).is_err(), twice != 5, "{twice} twice");
    }
    for swapped in 1..good.len() {
        let mut events = good.clone();
        events.swap(swapped - 1, swapped);
        let result = check(&events);
        assert!(result.is_err(), "{swapped} before its time");
    }
}
