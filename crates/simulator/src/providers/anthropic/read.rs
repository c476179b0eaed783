//! What Anthropic accepts, and in which words it refuses the rest.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::ask::Ask;
use crate::check::{At, Checked, Expected, Problem, Violation, tokens_of};
use crate::tokens;

use super::picture::read_picture;
use super::settings::{read_thinking, read_tools};

/// Members of the request, beta ones included.
const FIELDS: &[&str] = &[
    "model",
    "messages",
    "max_tokens",
    "system",
    "metadata",
    "stop_sequences",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "tools",
    "tool_choice",
    "thinking",
    "service_tier",
    "container",
    "context_management",
    "mcp_servers",
    "output_config",
    "output_format",
    "cache_control",
    "inference_geo",
    "speed",
    "user_profile_id",
    "fallbacks",
    "diagnostics",
    "workspace_id",
];

/// Members of a request that only has its tokens counted.
const COUNT_FIELDS: &[&str] = &[
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
    "context_management",
    "mcp_servers",
    "speed",
    "user_profile_id",
    "workspace_id",
];

const USER_BLOCKS: &[&str] = &[
    "text",
    "image",
    "document",
    "search_result",
    "tool_result",
    "container_upload",
    "web_search_tool_result",
    "mid_conv_system",
    "browser_state",
];

const ASSISTANT_BLOCKS: &[&str] = &[
    "text",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "mcp_tool_use",
    "mcp_tool_result",
    "advisor_tool_result",
    "compaction",
    "fallback",
];

/// A refusal in Anthropic's words.
fn describe(violation: &Violation) -> String {
    let place = violation.path.dotted();
    let said = match &violation.problem {
        Problem::Missing => "Field required".to_owned(),
        Problem::WrongType { expected, .. } => {
            let kind = match expected {
                Expected::Text => "string",
                Expected::Integer => "integer",
                Expected::Number => "number",
                Expected::Boolean => "boolean",
                Expected::List | Expected::TextOrList => "list",
                Expected::Object => "dictionary",
            };
            format!("Input should be a valid {kind}")
        }
        Problem::NotOneOf { allowed, .. } => {
            format!("Input should be '{}'", allowed.join("', '"))
        }
        Problem::BelowMinimum { minimum, .. } => {
            format!("Input should be greater than or equal to {minimum}")
        }
        Problem::AboveMaximum { maximum, .. } => {
            format!("Input should be less than or equal to {maximum}")
        }
        Problem::Unknown => "Extra inputs are not permitted".to_owned(),
        Problem::EmptyText => "String should have at least 1 character".to_owned(),
        Problem::EmptyList => "List should have at least 1 item".to_owned(),
        Problem::Rule { message, .. } => return message.clone(),
        _ => "Invalid input".to_owned(),
    };
    format!("{place}: {said}")
}

/// Reads the body, or says what is wrong with it. `counting` tells a request that only has its
/// tokens counted.
pub(super) fn read(value: &Value, counting: bool) -> Result<Ask, String> {
    read_body(&At::root(value), counting).map_err(|violation| describe(&violation))
}

fn read_body(body: &At<'_>, counting: bool) -> Checked<Ask> {
    body.only(if counting { COUNT_FIELDS } else { FIELDS })?;
    let model = body.need("model")?.full_text()?.to_owned();
    let mut ask = Ask {
        model,
        answers: 1,
        ..Ask::default()
    };
    if !counting {
        ask.max_tokens = Some(tokens_of(body.need("max_tokens")?.integer(1)?));
    }
    let messages = body.need("messages")?;
    let items = messages.items()?;
    if items.is_empty() {
        return Err(messages.breaks("messages: at least one message is required"));
    }
    read_messages(&items, &mut ask)?;
    read_system(body, &mut ask)?;
    read_tools(body, &mut ask)?;
    if let Some(stream) = body.get("stream") {
        ask.stream = stream.boolean()?;
    }
    if let Some(temperature) = body.get("temperature") {
        temperature.number_in(0.0, 1.0)?;
    }
    if let Some(share) = body.get("top_p") {
        share.number_in(0.0, 1.0)?;
    }
    if let Some(number) = body.get("top_k") {
        number.integer(0)?;
    }
    for stop in body
        .get("stop_sequences")
        .map_or(Ok(Vec::new()), |stops| stops.items())?
    {
        let text = stop.text()?;
        if text.trim().is_empty() {
            return Err(stop.breaks(format!(
                "{}: each stop sequence must contain non-whitespace",
                "stop_sequences"
            )));
        }
        ask.stops.push(text.to_owned());
    }
    read_thinking(body, &mut ask)?;
    if let Some(format) = body
        .get("output_config")
        .and_then(|config| config.get("format"))
    {
        format.need("type")?.one_of(&["json_schema"])?;
        let schema = format.need("schema")?;
        schema.object()?;
        super::format::check(&schema)?;
        ask.json = Some(schema.value.clone());
    }
    // There is no JSON mode, but the model does as it is told.
    if ask.json.is_none() && body.value["system"].to_string().contains("JSON object") {
        ask.json = Some(Value::Null);
    }
    if body.value.to_string().contains("\"cache_control\":{") {
        let last = tokens::count(&ask.last_user);
        ask.cache_write_tokens = ask.prompt_tokens.saturating_sub(last);
        // Marks of an hour stand before those of five minutes, which add little to what is kept.
        if body.value.to_string().contains("\"ttl\":\"1h\"") {
            ask.cache_write_1h_tokens = ask.cache_write_tokens;
        }
    }
    Ok(ask)
}

fn read_system(body: &At<'_>, ask: &mut Ask) -> Checked<()> {
    let Some(system) = body.get("system") else {
        return Ok(());
    };
    ask.prompt_tokens += tokens::count_json(system.value);
    if system.value.is_string() {
        return Ok(());
    }
    for block in system.items()? {
        block.need("type")?.one_of(&["text"])?;
        check_text(&block)?;
    }
    Ok(())
}

fn check_text(block: &At<'_>) -> Checked<()> {
    match block.need("text")?.text()? {
        "" => Err(block.breaks("messages: text content blocks must be non-empty")),
        _ => Ok(()),
    }
}

fn read_messages(messages: &[At<'_>], ask: &mut Ask) -> Checked<()> {
    let mut open: BTreeSet<String> = BTreeSet::new();
    let mut previous = "";
    for (index, message) in messages.iter().enumerate() {
        message.only(&["role", "content", "cache_control"])?;
        let role = message.need("role")?;
        let name = role.one_of(&["user", "assistant", "system"])?;
        if index == 0 && name == "assistant" {
            let text = "messages: first message must use the \"user\" role";
            return Err(message.breaks(text));
        }
        let content = message.need("content")?;
        ask.prompt_tokens += 4 + tokens::count_json(content.value);
        let last = index + 1 == messages.len();
        if matches!(content.value, Value::String(text) if text.is_empty())
            || matches!(content.value, Value::Array(blocks) if blocks.is_empty())
        {
            if name == "assistant" && last {
                continue;
            }
            return Err(message.breaks(format!(
                "messages.{index}: all messages must have non-empty content except for the \
                 optional final assistant message"
            )));
        }
        let same = previous == name;
        open = check_blocks(index, name, same, &content, open, ask)?;
        previous = name;
    }
    match (open.is_empty(), messages.last()) {
        (false, Some(last)) => Err(unanswered(last, messages.len() - 1, &open)),
        _ => Ok(()),
    }
}

fn unanswered(message: &At<'_>, index: usize, open: &BTreeSet<String>) -> Violation {
    let ids: Vec<&str> = open.iter().map(String::as_str).collect();
    message.breaks(format!(
        "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately \
         after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the \
         next message.",
        ids.join(", ")
    ))
}

/// Checks the content of one message; gives the calls that the next one must answer.
fn check_blocks(
    index: usize,
    role: &str,
    same_role: bool,
    content: &At<'_>,
    mut open: BTreeSet<String>,
    ask: &mut Ask,
) -> Checked<BTreeSet<String>> {
    let earlier = index.saturating_sub(1);
    if let Some(text) = content.value.as_str() {
        if !open.is_empty() {
            return Err(unanswered(content, earlier, &open));
        }
        if role == "user" {
            text.clone_into(&mut ask.last_user);
            ask.results.clear();
        }
        return Ok(open);
    }
    let blocks = content.items()?;
    if role == "assistant" {
        if !open.is_empty() && !same_role {
            return Err(unanswered(content, earlier, &open));
        }
        for block in &blocks {
            check_assistant_block(block, &mut open)?;
        }
        return Ok(open);
    }
    let mut text_seen = false;
    for block in &blocks {
        let kind = block.need("type")?.one_of(USER_BLOCKS)?;
        match kind {
            "tool_result" => {
                let id = block.need("tool_use_id")?.text()?;
                if !open.remove(id) || text_seen {
                    return Err(stray_result(block, id, text_seen, earlier, &open));
                }
                check_result(block, ask)?;
                ask.results.push(result_text(&block.value["content"]));
            }
            "text" => {
                text_seen = true;
                check_text(block)?;
            }
            "image" => ask.pictures.push(read_picture(block)?),
            _ => {}
        }
    }
    if !open.is_empty() {
        return Err(unanswered(content, earlier, &open));
    }
    let texts: Vec<&str> = blocks
        .iter()
        .filter_map(|block| block.value["text"].as_str())
        .collect();
    if role == "user" && !texts.is_empty() {
        ask.last_user = texts.join("\n");
        if blocks
            .iter()
            .all(|block| block.value["type"] != "tool_result")
        {
            ask.results.clear();
        }
    }
    Ok(open)
}

/// A result that answers no call of the message before, or that comes after text.
fn stray_result(
    block: &At<'_>,
    id: &str,
    text_seen: bool,
    earlier: usize,
    open: &BTreeSet<String>,
) -> Violation {
    if text_seen {
        let mut open = open.clone();
        open.insert(id.to_owned());
        return unanswered(block, earlier, &open);
    }
    block.breaks(format!(
        "{}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` \
         block must have a corresponding `tool_use` block in the previous message.",
        block.path.dotted()
    ))
}

fn check_result(block: &At<'_>, ask: &mut Ask) -> Checked<()> {
    let Some(content) = block
        .get("content")
        .filter(|content| !content.value.is_string())
    else {
        return Ok(());
    };
    for part in content.items()? {
        let kinds = [
            "text",
            "image",
            "document",
            "search_result",
            "tool_reference",
        ];
        match part.need("type")?.one_of(&kinds)? {
            "text" => check_text(&part)?,
            "image" => ask.pictures.push(read_picture(&part)?),
            _ => {}
        }
    }
    Ok(())
}

fn result_text(content: &Value) -> String {
    crate::providers::chat::text_of(content)
}

fn check_assistant_block(block: &At<'_>, open: &mut BTreeSet<String>) -> Checked<()> {
    match block.need("type")?.one_of(ASSISTANT_BLOCKS)? {
        "text" => check_text(block),
        "thinking" => {
            block.need("thinking")?.text()?;
            block.need("signature")?.text().map(|_| ())
        }
        "tool_use" => {
            let id = block.need("id")?;
            let text = id.full_text()?;
            let legal = |each: char| each.is_ascii_alphanumeric() || each == '_' || each == '-';
            if !text.chars().all(legal) {
                return Err(id.breaks(format!(
                    "{}: String should match pattern '^[a-zA-Z0-9_-]+$'",
                    id.path.dotted()
                )));
            }
            block.need("name")?.full_text()?;
            block.need("input")?.object()?;
            if !open.insert(text.to_owned()) {
                return Err(block.breaks("messages: `tool_use` ids must be unique"));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
