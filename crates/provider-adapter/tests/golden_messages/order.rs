//! The order that Anthropic's events must come in: one `message_start` first, blocks numbered 0, 1,
//! 2 and open one at a time, no delta in a block of another type, one `message_delta` when all are
//! closed, `message_stop` last. `ping` may stand anywhere.

use serde_json::Value;

/// The deltas that a block of a type may have; `None` for types that are not known here.
fn deltas(block: &str) -> Option<&'static [&'static str]> {
    Some(match block {
        "text" => &["text_delta", "citations_delta"],
        "thinking" => &["thinking_delta", "signature_delta"],
        "tool_use" | "server_tool_use" => &["input_json_delta"],
        "redacted_thinking" => &[],
        _ => return None,
    })
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
    let mut open: Option<String> = None;
    let (mut next, mut started, mut closing, mut stopped) = (0_u64, false, false, false);
    for event in events {
        let kind = event["type"].as_str().unwrap_or_default();
        if kind == "ping" {
            continue;
        }
        let place = || format!("at {event}");
        if stopped || (kind == "message_start") == started {
            return Err(format!("out of order {}", place()));
        }
        match kind {
            "message_start" => {
                started = true;
                let message = &event["message"];
                if message["content"] != Value::Array(Vec::new()) {
                    return Err(format!("begins with content {}", place()));
                }
                if !message["stop_reason"].is_null() || !message["usage"].is_object() {
                    return Err(format!("a wrong beginning {}", place()));
                }
            }
            "content_block_start" => {
                if closing || open.is_some() || event["index"] != next {
                    return Err(format!("a block out of order {}", place()));
                }
                next += 1;
                let kind = event["content_block"]["type"].as_str();
                open = Some(kind.ok_or_else(place)?.to_owned());
            }
            "content_block_delta" => {
                let block = open.as_deref().ok_or_else(place)?;
                let delta = event["delta"]["type"].as_str().unwrap_or_default();
                let fits = deltas(block).is_none_or(|deltas| deltas.contains(&delta));
                if !fits || event["index"] != next - 1 {
                    return Err(format!("a delta of another block {}", place()));
                }
            }
            "content_block_stop" => {
                if open.take().is_none() || event["index"] != next - 1 {
                    return Err(format!("closes what is not open {}", place()));
                }
            }
            "message_delta" => {
                if closing || open.is_some() || !event["delta"]["stop_reason"].is_string() {
                    return Err(format!("a wrong end {}", place()));
                }
                closing = true;
            }
            "message_stop" if closing => stopped = true,
            _ => return Err(format!("not expected {}", place())),
        }
    }
    if stopped {
        Ok(())
    } else {
        Err("no message_stop".to_owned())
    }
}

#[test]
fn disorder_is_found() {
    use serde_json::json;
    let start = json!({"type": "message_start", "message": {"content": [], "stop_reason": null,
        "usage": {}}});
    let open = |index, kind| json!({"type": "content_block_start", "index": index, "content_block": {"type": kind}});
    let delta = |index, kind| json!({"type": "content_block_delta", "index": index, "delta": {"type": kind}});
    let close = |index| json!({"type": "content_block_stop", "index": index});
    let end = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}});
    let stop = json!({"type": "message_stop"});
    let good = vec![
        start.clone(),
        open(0, "thinking"),
        delta(0, "thinking_delta"),
        close(0),
        open(1, "text"),
        delta(1, "text_delta"),
        close(1),
        end.clone(),
        stop.clone(),
    ];
    assert_eq!(check(&good), Ok(()));
    for left_out in 0..good.len() {
        let mut events = good.clone();
        events.remove(left_out);
        // A block may be empty.
        let wrong = !matches!(left_out, 2 | 5);
        assert_eq!(check(&events).is_err(), wrong, "without {left_out}");
    }
    for twice in 0..good.len() {
        let mut events = good.clone();
        events.insert(twice, good[twice].clone());
        assert_eq!(check(&events).is_err(), !matches!(twice, 2 | 5), "{twice}");
    }
    let other = [
        start,
        open(0, "text"),
        delta(0, "thinking_delta"),
        close(0),
        end,
        stop,
    ];
    assert!(check(&other).is_err());
}
