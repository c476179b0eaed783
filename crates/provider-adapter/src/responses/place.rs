//! Where a refused field stands in the request as the client wrote it.
//!
//! Adapters name fields by the neutral messages. In this dialect those are items of `input`, several
//! of which can be one message.

use steelyard_types::{ChatRequest, Dialect, Role};

use super::request::places;
use crate::Refusal;

/// The refusal with the field as the client calls it: this dialect's clients, and those of the
/// deprecated `functions`. Unchanged for others.
#[must_use]
pub fn placed(request: &ChatRequest<'_>, refusal: Refusal) -> Refusal {
    if request.has_functions() {
        let field = among_functions(request, &refusal.field).unwrap_or(refusal.field);
        return Refusal { field, ..refusal };
    }
    if request.dialect != Dialect::OpenAiResponses {
        return refusal;
    }
    // What the client wrote under this very name is not another field.
    if request.fields.iter().any(|one| one.name == refusal.field) {
        return refusal;
    }
    let field = in_input(request, &refusal.field)
        .unwrap_or_else(|| super::named_or_same(&refusal.field).to_owned());
    Refusal { field, ..refusal }
}

/// A path into `tools` as one into `functions`, which are tools without their wrapping.
fn among_functions(request: &ChatRequest<'_>, field: &str) -> Option<String> {
    if field == "tool_choice" {
        return Some(crate::carry::choice_field(request).to_owned());
    }
    let rest = field.strip_prefix("tools")?;
    let Some((index, rest)) = numbered(rest) else {
        return rest.is_empty().then(|| "functions".to_owned());
    };
    let rest = rest.strip_prefix(".function").unwrap_or(rest);
    Some(format!("functions[{index}]{rest}"))
}

/// `messages[3].content[0]` as a path into `input`.
fn in_input(request: &ChatRequest<'_>, field: &str) -> Option<String> {
    let (index, rest) = numbered(field.strip_prefix("messages")?)?;
    let given = |name: &str| {
        let found = request.fields.iter().find(|field| field.name == name);
        found.map(|field| field.value)
    };
    let has_instructions = given("instructions").is_some_and(|raw| raw.get() != "null");
    let Some(index) = index.checked_sub(usize::from(has_instructions)) else {
        return Some("instructions".to_owned());
    };
    let input = given("input")?;
    if !input.get().starts_with('[') {
        return Some("input".to_owned());
    }
    let places = places(input)?;
    if let Some((call, rest)) = rest.strip_prefix(".tool_calls").and_then(numbered) {
        let item = places.call(index, call)?;
        let rest = match rest {
            ".id" => ".call_id",
            ".function.name" => ".name",
            ".type" => ".type",
            rest if rest.starts_with(".function.arguments") => ".arguments",
            _ => "",
        };
        return Some(format!("input[{item}]{rest}"));
    }
    let item = places.message(index)?;
    let offset = usize::from(has_instructions);
    let message = request.messages.get(index + offset)?;
    let rest = match (rest.strip_prefix(".content"), message.role) {
        (Some(part), Role::Tool) => format!(".output{part}"),
        // The parts of an answer are those of several items.
        (Some(_), Role::Assistant) => String::new(),
        _ if rest == ".tool_call_id" => ".call_id".to_owned(),
        _ => rest.to_owned(),
    };
    Some(format!("input[{item}]{rest}"))
}

/// The number in `[3].content[0]`, and what stands behind it.
fn numbered(path: &str) -> Option<(usize, &str)> {
    let (number, rest) = path.strip_prefix('[')?.split_once(']')?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carry::refuse;
    use crate::responses::parse_responses_request;

    #[test]
    fn fields_are_named_as_the_client_wrote_them() {
        let body = r#"{"model": "m", "instructions": "be brief", "input": [
            {"role": "user", "content": "hi"},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "b", "name": "f", "arguments": "x"},
            {"type": "function_call_output", "call_id": "a", "output": [
                {"type": "input_image", "image_url": "https://x.y/z.png"}]},
            {"type": "function_call_output", "call_id": "b", "output": "done"},
            {"type": "custom_tool_call", "call_id": "c", "name": "t", "input": "x"}]}"#;
        let request = parse_responses_request(body.as_bytes()).unwrap();
        let roles: Vec<_> = request.messages.iter().map(|one| one.role).collect();
        assert_eq!(
            roles,
            [
                Role::System,
                Role::User,
                Role::Assistant,
                Role::Tool,
                Role::Tool,
                Role::Assistant
            ]
        );
        for (neutral, own) in [
            ("messages[0].content", "instructions"),
            ("messages[1].content[0]", "input[0].content[0]"),
            ("messages[2].content[0]", "input[1]"),
            (
                "messages[2].tool_calls[1].function.arguments",
                "input[3].arguments",
            ),
            ("messages[2].tool_calls[0].id", "input[2].call_id"),
            ("messages[2].tool_calls[1]", "input[3]"),
            ("messages[5].tool_calls[0].type", "input[6].type"),
            ("messages[3].content[0]", "input[4].output[0]"),
            ("messages[4].tool_call_id", "input[5].call_id"),
            ("messages", "input"),
            ("response_format", "text.format"),
            ("messages[9].content[0]", "input"),
            ("input[2].namespace", "input[2].namespace"),
            ("tools[0].type", "tools[0].type"),
        ] {
            assert_eq!(placed(&request, refuse(neutral, "is x")).field, own);
        }
        let foreign = br#"{"model": "m", "input": "hi", "max_tokens": 5}"#;
        let foreign = parse_responses_request(foreign).unwrap();
        let refusal = refuse("max_tokens", "is not carried");
        assert_eq!(placed(&foreign, refusal).field, "max_tokens");
        let chat = ChatRequest::default();
        assert_eq!(
            placed(&chat, refuse("messages[0]", "is x")).field,
            "messages[0]"
        );
    }

    #[test]
    fn functions_are_named_as_the_client_wrote_them() {
        let with = |more: &str| {
            format!(
                r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}],
                "functions":[{{"name":"f"}}]{more}}}"#
            )
        };
        let body = with(r#","function_call":{"name":"f"}"#);
        let request = crate::openai::parse_chat_request(body.as_bytes()).unwrap();
        for (neutral, own) in [
            ("tools", "functions"),
            ("tools[1].function.name", "functions[1].name"),
            ("tools[0].function", "functions[0]"),
            ("tool_choice", "function_call"),
            ("toolset", "toolset"),
            ("messages[0].content", "messages[0].content"),
        ] {
            assert_eq!(placed(&request, refuse(neutral, "is x")).field, own);
        }
        let body = with(r#","tool_choice":"auto""#);
        let request = crate::openai::parse_chat_request(body.as_bytes()).unwrap();
        let refusal = refuse("tool_choice", "is x");
        assert_eq!(placed(&request, refusal).field, "tool_choice");
    }
}
