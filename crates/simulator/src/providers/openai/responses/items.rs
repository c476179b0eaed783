//! The items of a request's `input`.

use crate::ask::Ask;
use crate::check::{At, Checked, Problem};
use crate::pictures::{self, Flaw};
use crate::{seal, tokens};

use super::super::chat::text_of;
use super::super::sees;

/// Longest id of an item or a call.
const MAX_ID: usize = 64;

/// The items so far: which calls are open, and whether thoughts wait for what they led to.
#[derive(Default)]
pub(super) struct Items<'a> {
    /// Whether they are of custom tools, and their ids.
    calls: Vec<(bool, &'a str)>,
    answered: Vec<&'a str>,
    /// Whether nothing is stored, so that thoughts need their proof.
    stateless: bool,
}

impl<'a> Items<'a> {
    pub(super) fn new(stateless: bool) -> Self {
        Self {
            stateless,
            ..Self::default()
        }
    }

    pub(super) fn read(mut self, items: &[At<'a>], ask: &mut Ask) -> Checked<()> {
        for (index, item) in items.iter().enumerate() {
            item.object()?;
            ask.prompt_tokens += 4 + tokens::count_json(item.value);
            check_id(item)?;
            let kind = item.get("type").map_or(Ok("message"), |kind| {
                kind.one_of(&[
                    "message",
                    "function_call",
                    "function_call_output",
                    "custom_tool_call",
                    "custom_tool_call_output",
                    "reasoning",
                    "item_reference",
                ])
            })?;
            match kind {
                "function_call" | "custom_tool_call" => {
                    let id = call_id(item)?;
                    not_parsed(item, "parsed_arguments")?;
                    item.need("name")?.full_text()?;
                    let is_custom = kind == "custom_tool_call";
                    item.need(if is_custom { "input" } else { "arguments" })?
                        .text()?;
                    self.calls.push((is_custom, id));
                }
                "function_call_output" | "custom_tool_call_output" => {
                    self.output(kind == "custom_tool_call_output", item, ask)?;
                }
                "reasoning" => self.reasoning(item, items.get(index + 1), &ask.model)?,
                "item_reference" => return Err(not_found(item)),
                _ => message(item, ask)?,
            }
        }
        let mut ids = self.calls.iter().map(|(_, id)| id);
        let open = ids.find(|id| !self.answered.contains(id));
        match (open, items.last()) {
            (Some(id), Some(last)) => {
                Err(last.breaks(format!("No tool output found for function call {id}.")))
            }
            _ => Ok(()),
        }
    }

    fn output(&mut self, is_custom: bool, item: &At<'a>, ask: &mut Ask) -> Checked<()> {
        let id = call_id(item)?;
        if !self.calls.contains(&(is_custom, id)) {
            return Err(item.breaks(format!(
                "No tool call found for function call output with call_id {id}."
            )));
        }
        self.answered.push(id);
        let output = item.need("output")?;
        if !output.value.is_string() {
            parts(&output, &["input_text", "input_image", "input_file"], ask)?;
        }
        ask.results.push(text_of(output.value));
        Ok(())
    }

    /// Thoughts come back with what they led to, and with the proof that was given to this model.
    fn reasoning(&self, item: &At<'_>, next: Option<&At<'_>>, model: &str) -> Checked<()> {
        item.need("summary")?.items()?;
        let id = item.get("id").map_or(Ok(""), |id| id.text())?;
        let proof = item.get("encrypted_content");
        // What was stored is known by its id: all that look as if they had been given here.
        if proof.is_none() && (self.stateless || !is_given(id)) {
            return Err(not_found(item));
        }
        if let Some(proof) = proof
            && !seal::is_sealed(&[model], proof.text()?)
        {
            let message = format!(
                "The encrypted content for item {id} could not be verified. Reason: Encrypted content \
             could not be decrypted or parsed."
            );
            let code = Some("invalid_encrypted_content");
            return Err(proof.violates(Problem::Rule { message, code }));
        }
        let follows = next.is_some_and(|next| {
            let kind = next.value["type"].as_str().unwrap_or("message");
            !kind.ends_with("_output") && next.value["role"] != "user"
        });
        if follows {
            return Ok(());
        }
        // OpenAI names the whole input here, not the item.
        Err(item.breaks(format!(
            "Item '{id}' of type 'reasoning' was provided without its required following item."
        )))
    }
}

/// Whether an id is of the form that ids of thoughts have.
fn is_given(id: &str) -> bool {
    id.strip_prefix("rs_")
        .is_some_and(|rest| rest.len() == 48 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Ids must begin as OpenAI's do.
fn check_id(item: &At<'_>) -> Checked<()> {
    let Some(id) = item.get("id") else {
        return Ok(());
    };
    let text = id.text()?;
    let beginning = match item.value["type"].as_str() {
        None | Some("message") => "msg",
        Some("function_call") => "fc",
        Some("custom_tool_call") => "ctc",
        Some("reasoning") => "rs",
        _ => return Ok(()),
    };
    if text.len() > MAX_ID {
        return Err(too_long(&id, text));
    }
    if text.starts_with(beginning) {
        return Ok(());
    }
    let place = id.path.bracketed();
    Err(id.violates(Problem::Rule {
        message: format!(
            "Invalid '{place}': '{text}'. Expected an ID that begins with '{beginning}'."
        ),
        code: Some("invalid_value"),
    }))
}

fn too_long(at: &At<'_>, text: &str) -> crate::check::Violation {
    let message = format!(
        "Invalid '{}': string too long. Expected a string with maximum length {MAX_ID}, but got a \
         string with length {} instead.",
        at.path.bracketed(),
        text.len()
    );
    let code = Some("string_above_max_length");
    at.violates(Problem::Rule { message, code })
}

/// Refuses what OpenAI's SDKs add to answers that they parse, and take away again of their own types
/// alone (<https://github.com/openai/openai-python>, `__api_exclude__`).
fn not_parsed(at: &At<'_>, member: &str) -> Checked<()> {
    match at.get(member) {
        Some(parsed) => Err(parsed.violates(Problem::Unknown)),
        None => Ok(()),
    }
}

fn call_id<'a>(item: &At<'a>) -> Checked<&'a str> {
    let id = item.need("call_id")?;
    let text = id.full_text()?;
    if text.len() > MAX_ID {
        return Err(too_long(&id, text));
    }
    Ok(item.value["call_id"].as_str().unwrap_or_default())
}

fn message(item: &At<'_>, ask: &mut Ask) -> Checked<()> {
    let role = item
        .need("role")?
        .one_of(&["assistant", "system", "developer", "user"])?;
    let content = item.need("content")?;
    if !content.value.is_string() {
        let kinds: &[&str] = match role {
            "assistant" => &["output_text", "refusal"],
            _ => &["input_text", "input_image", "input_file"],
        };
        parts(&content, kinds, ask)?;
    }
    if role == "user" {
        ask.last_user = text_of(content.value);
        ask.results.clear();
    }
    Ok(())
}

fn parts(content: &At<'_>, kinds: &[&'static str], ask: &mut Ask) -> Checked<()> {
    for part in content.full_items()? {
        match part.need("type")?.one_of(kinds)? {
            "input_text" => drop(part.need("text")?.text()?),
            "output_text" => {
                not_parsed(&part, "parsed")?;
                part.need("text")?.text()?;
            }
            "refusal" => drop(part.need("refusal")?.text()?),
            "input_image" => ask.pictures.push(picture(&part, &ask.model)?),
            _ => file(&part)?,
        }
    }
    Ok(())
}

fn picture(part: &At<'_>, model: &str) -> Checked<String> {
    if let Some(detail) = part.get("detail") {
        detail.one_of(&["low", "high", "auto", "original"])?;
    }
    let url = part.need("image_url")?;
    if !sees(model) {
        return Err(url.breaks(format!("Invalid input: {model} does not take images.")));
    }
    pictures::at(url.text()?).map_err(|flaw| {
        let (message, code) = match flaw {
            Flaw::NoAddress => (
                format!(
                    "Invalid '{}'. Expected a valid URL, but got a value with an invalid format.",
                    url.path.bracketed()
                ),
                "invalid_value",
            ),
            Flaw::NotBase64 => (
                format!(
                    "Invalid '{}'. Expected a base64-encoded data URL with an image MIME type.",
                    url.path.bracketed()
                ),
                "invalid_value",
            ),
            Flaw::Format(_) => (
                "The image data you provided does not represent a valid image. Please check your \
                 input and try again with one of the supported image formats: ['image/jpeg', \
                 'image/png', 'image/gif', 'image/webp']."
                    .to_owned(),
                "invalid_image_format",
            ),
        };
        let code = Some(code);
        url.violates(Problem::Rule { message, code })
    })
}

fn file(part: &At<'_>) -> Checked<()> {
    if let Some(data) = part.get("file_data") {
        let text = data.text()?;
        let sound = text.starts_with("data:") && text.contains(";base64,");
        if !sound {
            let place = data.path.bracketed();
            let message = format!(
                "Invalid file data: '{place}'. Expected a base64-encoded data URL with a valid \
                 file MIME type (e.g. 'data:text/plain;base64,SGVsbG8sIFdvcmxkIQ==')."
            );
            let code = Some("invalid_value");
            return Err(data.violates(Problem::Rule { message, code }));
        }
        part.need("filename")?.full_text()?;
        return Ok(());
    }
    if let Some(id) = part.get("file_id") {
        return id.text().map(|_| ());
    }
    part.need("file_url")?.full_text().map(|_| ())
}

fn not_found(item: &At<'_>) -> crate::check::Violation {
    let id = item.value["id"].as_str().unwrap_or_default();
    item.breaks(format!(
        "Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try \
         again with `store` set to true, or remove this item from your input."
    ))
}
