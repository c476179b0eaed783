//! Which kinds of parts a dialect has.
//!
//! Requests with others are served where their provider knows them, and their text is its to read. A
//! line of prompts has no provider: what nobody reads would be scored as if it were not there.

use serde_json::Value;
use steelyard_types::Dialect;

/// Chat completions, with what servers of its format add.
const CHAT: [&str; 9] = [
    "text",
    "image_url",
    "input_audio",
    "file",
    "refusal",
    "video",
    "video_url",
    "document_url",
    "thinking",
];

const ANTHROPIC: [&str; 13] = [
    "text",
    "image",
    "document",
    "search_result",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
    "tool_reference",
    "server_tool_use",
    "mcp_tool_use",
    "container_upload",
    "compaction",
];

const RESPONSES: [&str; 6] = [
    "input_text",
    "output_text",
    "refusal",
    "input_image",
    "input_file",
    "input_audio",
];

/// Items of the Responses API whose names do not end as those of its many tools do.
const ITEMS: [&str; 7] = [
    "message",
    "reasoning",
    "item_reference",
    "compaction",
    "mcp_list_tools",
    "mcp_approval_request",
    "mcp_approval_response",
];

/// Names the first part of a request whose kind its dialect does not have. Parts without a kind are the
/// parser's to refuse.
pub(super) fn odd(dialect: Dialect, body: &Value) -> Option<String> {
    match dialect {
        Dialect::OpenAiChat => of_each(&body["messages"], "messages", |message, path| {
            contents(message, path, |kind| CHAT.contains(&kind))
        }),
        Dialect::AnthropicMessages => {
            let is_known = |kind: &str| ANTHROPIC.contains(&kind) || kind.ends_with("_tool_result");
            let block = |block: &Value, path: &str| {
                let inside = || match block["type"].as_str() {
                    // What built-in tools gave has kinds of its own.
                    Some("tool_result") => contents(block, path, is_known),
                    _ => None,
                };
                unknown(block, path, is_known).or_else(inside)
            };
            let message = |message: &Value, path: &str| {
                of_each(&message["content"], &format!("{path}.content"), block)
            };
            of_each(&body["system"], "system", block)
                .or_else(|| of_each(&body["messages"], "messages", message))
        }
        Dialect::OpenAiResponses => of_each(&body["input"], "input", |item, path| {
            let is_part = |kind: &str| RESPONSES.contains(&kind);
            let is_item = |kind: &str| {
                ITEMS.contains(&kind) || kind.ends_with("_call") || kind.ends_with("_output")
            };
            let part = |part: &Value, path: &str| unknown(part, path, is_part);
            let is_message = matches!(item["type"].as_str(), None | Some("message"));
            let said = if is_message { "content" } else { "output" };
            unknown(item, path, is_item)
                .or_else(|| of_each(&item[said], &format!("{path}.{said}"), part))
        }),
        Dialect::OpenAiCompletions | Dialect::OpenAiEmbeddings => None,
    }
}

/// What is odd in the first of a list that has something odd. No list has nothing.
fn of_each(
    list: &Value,
    path: &str,
    odd: impl Fn(&Value, &str) -> Option<String>,
) -> Option<String> {
    let mut list = list.as_array()?.iter().enumerate();
    list.find_map(|(index, one)| odd(one, &format!("{path}[{index}]")))
}

/// Of the parts that something contains.
fn contents(holder: &Value, path: &str, is_known: impl Fn(&str) -> bool) -> Option<String> {
    let part = |part: &Value, path: &str| unknown(part, path, &is_known);
    of_each(&holder["content"], &format!("{path}.content"), part)
}

fn unknown(part: &Value, path: &str, is_known: impl Fn(&str) -> bool) -> Option<String> {
    let kind = part["type"].as_str()?;
    (!is_known(kind))
        .then(|| format!("{path} is of a kind that this dialect does not have: {kind:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_a_dialect_is_known_and_others_are_named() {
        let said =
            |kind: &str| serde_json::json!([{ "role": "user", "content": [{ "type": kind }] }]);
        for (dialect, field, known, strange) in [
            (
                Dialect::OpenAiChat,
                "messages",
                CHAT.as_slice(),
                ["input_text", "tool_result"],
            ),
            (
                Dialect::AnthropicMessages,
                "messages",
                &ANTHROPIC,
                ["input_text", "image_url"],
            ),
            (
                Dialect::OpenAiResponses,
                "input",
                &RESPONSES,
                ["text", "image_url"],
            ),
        ] {
            for kind in known {
                let body = serde_json::json!({ field: said(kind) });
                assert_eq!(odd(dialect, &body), None, "{body}");
            }
            for kind in strange {
                let named = odd(dialect, &serde_json::json!({ field: said(kind) }));
                let named = named.expect("it is odd");
                assert!(
                    named.starts_with(&format!("{field}[0].content[0] ")) && named.contains(kind),
                    "{named}"
                );
            }
        }
    }

    #[test]
    fn parts_inside_of_results_and_instructions_are_looked_at() {
        let anthropic = |body: Value| odd(Dialect::AnthropicMessages, &body);
        let result = |kind: &str| {
            let result =
                serde_json::json!({ "type": "tool_result", "content": [{ "type": kind }] });
            anthropic(serde_json::json!({ "messages": [{ "content": [result] }] }))
        };
        assert_eq!(result("text"), None);
        let named = result("input_text").expect("it is odd");
        assert!(
            named.starts_with("messages[0].content[0].content[0] "),
            "{named}"
        );
        let system = anthropic(serde_json::json!({ "system": [{ "type": "output_text" }] }));
        assert!(system.expect("it is odd").starts_with("system[0] "));
        let searched = serde_json::json!([{ "type": "web_search_tool_result", "content": [{ "type": "web_search_result" }] }]);
        let searched = serde_json::json!({ "messages": [{ "content": searched }] });
        assert_eq!(anthropic(searched), None);
    }

    #[test]
    fn items_of_input_are_looked_at() {
        let responses = |item: Value| {
            let body = serde_json::json!({ "input": ["no object", item] });
            odd(Dialect::OpenAiResponses, &body)
        };
        for kind in [
            "message",
            "function_call",
            "computer_call_output",
            "mcp_list_tools",
        ] {
            assert_eq!(responses(serde_json::json!({ "type": kind })), None);
        }
        let bare = responses(serde_json::json!({ "type": "input_text", "text": "Hi" }));
        assert!(bare.expect("it is odd").starts_with("input[1] "));
        let output =
            serde_json::json!({ "type": "function_call_output", "output": [{ "type": "text" }] });
        assert!(
            responses(output)
                .expect("it is odd")
                .starts_with("input[1].output[0] ")
        );
        let text = serde_json::json!({ "type": "function_call_output", "output": "done" });
        assert_eq!(responses(text), None);
    }
}
