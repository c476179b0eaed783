//! The order that Anthropic's events must come in: one `message_start` first; blocks numbered 0, 1,
//! 2, open one at a time, opened empty before their deltas and closed once; no delta in a block of
//! another type, no thoughts behind their signature; one `message_delta` with the reason when all
//! are closed; one terminal event, `message_stop` or `error`. `ping` may stand anywhere.

use serde_json::{Value, json};

/// The deltas that a block of a type may have. Blocks of other types, such as results of tools at
/// Anthropic's side, come whole.
fn deltas(block: &str) -> &'static [&'static str] {
    match block {
        "text" => &["text_delta", "citations_delta"],
        "thinking" => &["thinking_delta", "signature_delta"],
        "tool_use" | "server_tool_use" | "mcp_tool_use" => &["input_json_delta"],
        "compaction" => &["compaction_delta"],
        _ => &[],
    }
}

/// The data of every event, once their names are checked.
pub(crate) fn parse(stream: &str) -> Result<Vec<Value>, String> {
    let mut events = Vec::new();
    for frame in stream.split_terminator("\n\n") {
        let frame = frame.trim_start_matches('\n');
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

/// Whether these are the events of one complete message.
pub(crate) fn check(events: &[Value]) -> Result<(), String> {
    match follow(events)?.ended {
        Some("message_stop") => Ok(()),
        _ => Err("no message_stop".to_owned()),
    }
}

/// Whether these are the beginning of a message that was cut short: an `error` may follow, and
/// nothing says that it is complete.
pub(crate) fn check_beginning(events: &[Value]) -> Result<(), String> {
    match follow(events)?.ended {
        None | Some("error") => Ok(()),
        Some(ended) => Err(format!("ended with {ended}")),
    }
}

/// How far the events have come.
#[derive(Default)]
struct Order {
    started: bool,
    /// Type of the block that is open.
    open: Option<String>,
    /// Whether its thoughts are signed.
    signed: bool,
    /// Index of the next block.
    next: u64,
    closing: bool,
    /// The terminal event.
    ended: Option<&'static str>,
}

fn follow(events: &[Value]) -> Result<Order, String> {
    let mut order = Order::default();
    for event in events {
        order
            .event(event)
            .map_err(|what| format!("{what} at {event}"))?;
    }
    Ok(order)
}

impl Order {
    fn event(&mut self, event: &Value) -> Result<(), &'static str> {
        let kind = event["type"].as_str().unwrap_or_default();
        if kind == "ping" {
            return Ok(());
        }
        if self.ended.is_some() {
            return Err("behind the end");
        }
        if kind == "error" {
            self.ended = Some("error");
            return Ok(());
        }
        if (kind == "message_start") == self.started {
            return Err("out of order");
        }
        match kind {
            "message_start" => self.start(&event["message"]),
            "content_block_start" => self.open_block(event),
            "content_block_delta" => self.delta(event),
            "content_block_stop" if self.open.is_none() => Err("closes what is not open"),
            "content_block_stop" => {
                self.open = None;
                self.is_current(event)
            }
            "message_delta" => {
                if self.closing || self.open.is_some() {
                    return Err("a second end, or one within a block");
                }
                self.closing = true;
                let whole = event["delta"]["stop_reason"].is_string() && event["usage"].is_object();
                whole.then_some(()).ok_or("an end without reason or usage")
            }
            "message_stop" if self.closing => {
                self.ended = Some("message_stop");
                Ok(())
            }
            _ => Err("not expected"),
        }
    }

    fn start(&mut self, message: &Value) -> Result<(), &'static str> {
        self.started = true;
        let empty = message["content"] == json!([]) && message["stop_reason"].is_null();
        let whole = message["usage"].is_object() && message["role"] == "assistant";
        (empty && whole).then_some(()).ok_or("a wrong beginning")
    }

    fn open_block(&mut self, event: &Value) -> Result<(), &'static str> {
        let block = &event["content_block"];
        if self.closing || self.open.is_some() || event["index"] != self.next {
            return Err("a block out of order");
        }
        self.next += 1;
        self.signed = false;
        let kind = block["type"].as_str().ok_or("a block without type")?;
        self.open = Some(kind.to_owned());
        // What is empty at first is filled by deltas; everything else comes whole.
        let empty = match kind {
            "text" => block["text"] == "",
            // One recorded stream opens without the signature that comes later.
            "thinking" => {
                block["thinking"] == "" && block["signature"].as_str().is_none_or(str::is_empty)
            }
            "tool_use" | "server_tool_use" => block["input"].is_object(),
            "redacted_thinking" => block["data"].as_str().is_some_and(|data| !data.is_empty()),
            _ => true,
        };
        empty.then_some(()).ok_or("a block that begins otherwise")
    }

    fn delta(&mut self, event: &Value) -> Result<(), &'static str> {
        let block = self.open.as_deref().ok_or("a delta outside of blocks")?;
        let delta = event["delta"]["type"].as_str().unwrap_or_default();
        if !deltas(block).contains(&delta) {
            return Err("a delta of another block");
        }
        if self.signed {
            return Err("thoughts behind their signature");
        }
        self.signed = delta == "signature_delta";
        self.is_current(event)
    }

    fn is_current(&self, event: &Value) -> Result<(), &'static str> {
        let current = event["index"] == self.next.saturating_sub(1);
        current.then_some(()).ok_or("of another index")
    }
}

fn start() -> Value {
    json!({"type": "message_start", "message": {"role": "assistant", "content": [],
        "stop_reason": null, "usage": {}}})
}

fn open(index: u64, mut block: Value, kind: &str) -> Value {
    block["type"] = kind.into();
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn thinking(index: u64) -> Value {
    open(index, json!({"thinking": "", "signature": ""}), "thinking")
}

fn delta(index: u64, kind: &str) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": {"type": kind}})
}

fn close(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn ending() -> [Value; 2] {
    let end = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}});
    [end, json!({"type": "message_stop"})]
}

fn good() -> Vec<Value> {
    let mut events = vec![
        start(),
        thinking(0),
        delta(0, "thinking_delta"),
        delta(0, "signature_delta"),
        close(0),
        open(1, json!({"text": ""}), "text"),
        delta(1, "text_delta"),
        close(1),
    ];
    events.extend(ending());
    events
}

#[test]
fn disorder_is_found() {
    let good = good();
    assert_eq!(check(&good), Ok(()));
    // A block may be empty, and its words may come in pieces.
    let optional = [2, 3, 6];
    for left_out in 0..good.len() {
        let mut events = good.clone();
        events.remove(left_out);
        let wrong = !optional.contains(&left_out);
        assert_eq!(check(&events).is_err(), wrong, "without {left_out}");
    }
    for twice in 0..good.len() {
        let mut events = good.clone();
        events.insert(twice, good[twice].clone());
        let wrong = !matches!(twice, 2 | 6);
        assert_eq!(check(&events).is_err(), wrong, "{twice}");
    }
    for one in 0..good.len() - 1 {
        let mut events = good.clone();
        events.swap(one, one + 1);
        assert!(check(&events).is_err(), "{one} and the next");
    }
}

#[test]
fn deltas_belong_to_their_block() {
    let whole = [
        ("text", json!({"text": ""}), "text_delta"),
        (
            "thinking",
            json!({"thinking": "", "signature": ""}),
            "thinking_delta",
        ),
        (
            "thinking",
            json!({"thinking": "", "signature": ""}),
            "signature_delta",
        ),
        ("tool_use", json!({"input": {}}), "input_json_delta"),
        ("redacted_thinking", json!({"data": "x"}), ""),
        ("web_search_tool_result", json!({"content": []}), ""),
    ];
    let kinds = [
        "text_delta",
        "thinking_delta",
        "signature_delta",
        "input_json_delta",
    ];
    for (block, fields, _) in &whole {
        for kind in kinds {
            let mut events = vec![
                start(),
                open(0, fields.clone(), block),
                delta(0, kind),
                close(0),
            ];
            events.extend(ending());
            let fits = whole
                .iter()
                .any(|(other, _, fit)| other == block && *fit == kind);
            assert_eq!(check(&events).is_ok(), fits, "{kind} in {block}");
        }
    }
    let mut full = vec![
        start(),
        open(0, json!({"text": "already"}), "text"),
        close(0),
    ];
    full.extend(ending());
    assert!(check(&full).is_err());
}

#[test]
fn there_is_one_terminal_event() {
    let error = json!({"type": "error", "error": {}});
    let ping = json!({"type": "ping"});
    let mut cut = good();
    cut.truncate(4);
    cut.insert(2, ping.clone());
    assert_eq!(check_beginning(&cut), Ok(()));
    assert!(check(&cut).is_err());
    cut.push(error.clone());
    assert_eq!(check_beginning(&cut), Ok(()));
    cut.push(ping);
    assert_eq!(check_beginning(&cut), Ok(()));
    cut.push(error.clone());
    assert!(check_beginning(&cut).is_err());
    let mut both = good();
    assert!(check_beginning(&both).is_err());
    both.push(error);
    assert!(check(&both).is_err());
}
