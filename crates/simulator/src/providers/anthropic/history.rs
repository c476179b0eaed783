//! Thoughts in a history: whose they are, and where they must stand.

use serde_json::Value;

use crate::ask::Ask;
use crate::seal::is_sealed;

/// Refuses thoughts that this model did not have, and, while it thinks by a budget, a turn with
/// calls that does not begin with them. `foreign` takes proofs that were not given here.
pub(super) fn check(value: &Value, ask: &Ask, foreign: bool) -> Result<(), String> {
    let messages = value["messages"].as_array().map(Vec::as_slice);
    let messages = messages.unwrap_or_default();
    for (index, message) in messages.iter().enumerate() {
        let blocks = message["content"].as_array().into_iter().flatten();
        for (position, block) in blocks.enumerate() {
            let said = |name: &str| block[name].as_str().unwrap_or_default();
            let (kind, own) = match said("type") {
                "thinking" => {
                    let owner = [ask.model.as_str(), said("thinking")];
                    ("thinking", is_sealed(&owner, said("signature")))
                }
                "redacted_thinking" => {
                    ("redacted_thinking", is_sealed(&[&ask.model], said("data")))
                }
                _ => continue,
            };
            if !own && !foreign {
                let proof = if kind == "thinking" {
                    "signature"
                } else {
                    "data"
                };
                return Err(format!(
                    "messages.{index}.content.{position}: Invalid `{proof}` in `{kind}` block"
                ));
            }
        }
    }
    if value["thinking"]["type"] == "enabled" {
        check_beginning(messages)?;
    }
    Ok(())
}

/// The assistant's turn that the last results answer begins with its thoughts.
fn check_beginning(messages: &[Value]) -> Result<(), String> {
    let is_result = |block: &Value| block["type"] == "tool_result";
    let has_results = |message: &Value| {
        let mut blocks = message["content"].as_array().into_iter().flatten();
        message["role"] == "user" && blocks.any(is_result)
    };
    let Some((last, earlier)) = messages.split_last() else {
        return Ok(());
    };
    if !has_results(last) {
        return Ok(());
    }
    // The turn began after the last words of the user that are no results.
    let begun = earlier
        .iter()
        .rposition(|message| message["role"] == "user" && !has_results(message))
        .map_or(0, |at| at + 1);
    let first = earlier
        .get(begun)
        .map(|message| &message["content"][0]["type"]);
    match first.and_then(Value::as_str) {
        None | Some("thinking" | "redacted_thinking") => Ok(()),
        Some(kind) => Err(format!(
            "messages.{begun}.content.0.type: Expected `thinking` or `redacted_thinking`, but found \
             `{kind}`. When `thinking` is enabled, a final `assistant` message must start with a \
             thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). \
             We recommend you include thinking blocks from previous turns. To avoid this \
             requirement, disable `thinking`."
        )),
    }
}
