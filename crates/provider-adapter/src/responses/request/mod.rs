//! Requests in this dialect: bytes in, [`ChatRequest`] out.

use std::borrow::Cow;

use serde::de::Error as _;
use serde_json::value::RawValue;
use steelyard_types::{
    ChatRequest, Dialect, Effort, Field, JsonSchema, Message, OutputFormat, Part, Role,
};

use crate::openai::request::trail::{Step, Trail, says_nothing};
use crate::openai::request::{
    RawFields, RequestError, list, located, number, object, string, top_level, typed,
};
use crate::shared;

mod items;
mod part;
mod tool;

#[cfg(test)]
mod tests;

pub(super) use items::Places;

type Read<T> = Result<T, serde_json::Error>;

/// The code of errors about fields that are known and not served.
const UNSUPPORTED: &str = "unsupported_parameter";

/// Reads the body of `POST /v1/responses`.
///
/// # Errors
/// Bodies that are not JSON, not an object, nested too deeply, or hold a field that is not what the
/// dialect says, and requests for what was stored before. Fields that the dialect does not know are
/// never an error.
pub fn parse_responses_request(body: &[u8]) -> Result<ChatRequest<'_>, RequestError> {
    let fields = top_level(body)?;
    refuse_stored(&fields)?;
    let trail = Trail::default();
    let mut request = ChatRequest {
        dialect: Dialect::OpenAiResponses,
        // Usage is part of every stream of this dialect.
        include_usage: true,
        ..ChatRequest::default()
    };
    // Instructions come first, wherever in the body they stand.
    let instructions = fields.iter().filter(|(name, _)| name == "instructions");
    let rest = fields.iter().filter(|(name, _)| name != "instructions");
    for (name, value) in instructions.chain(rest) {
        field(name, value, &trail, &mut request).map_err(|error| located(&trail, &error))?;
    }
    if trail.has_citations() {
        request.untranslated.push("input.annotations".into());
    }
    for hint in trail.hints() {
        request.untranslated.push(hint.into());
    }
    complete(&mut request, &fields)?;
    let raw = fields.into_iter();
    request.fields = raw.map(|(name, value)| Field { name, value }).collect();
    Ok(request)
}

/// Which neutral message came from which item of `input`.
pub(super) fn places(input: &RawValue) -> Option<Places> {
    let mut request = ChatRequest::default();
    items::input(input, &Trail::default(), &mut request).ok()
}

/// Refuses what only makes sense where answers are stored.
fn refuse_stored(fields: &RawFields<'_>) -> Result<(), RequestError> {
    for (name, value) in fields {
        let what = match (name.as_ref(), value.get()) {
            (_, "null" | "false") => continue,
            ("previous_response_id" | "conversation", _) => {
                "is not supported: nothing is stored here; send the whole history in `input`"
            }
            ("background", _) => {
                "is not supported: nothing is stored here, so that an answer could not be fetched \
                 later"
            }
            _ => continue,
        };
        let mut error = RequestError::field(name.as_ref(), what);
        error.code = Some(UNSUPPORTED);
        return Err(error);
    }
    Ok(())
}

/// What can only be judged with all fields seen.
fn complete<'a>(request: &mut ChatRequest<'a>, fields: &RawFields<'a>) -> Result<(), RequestError> {
    if request.model.is_empty() {
        return Err(RequestError::field("model", "is required"));
    }
    let given = |name: &str| {
        let found = fields.iter().find(|(field, _)| field == name);
        found.filter(|(_, value)| value.get() != "null")
    };
    match given("input") {
        // A template stored at OpenAI can be all that is asked.
        None if given("prompt").is_some() => {}
        None => return Err(RequestError::field("input", "is required")),
        Some((_, input)) if says_nothing(input) => {
            return Err(RequestError::field("input", "must hold at least one item"));
        }
        Some(_) => {}
    }
    let choice = fields.iter().find(|(name, _)| name == "tool_choice");
    shared::allow(request, choice.map(|(_, value)| *value));
    // Without being asked to include them, none are told, and how many there would be is a hint.
    if request.logprobs.is_none() && request.top_logprobs.take().is_some_and(|top| top > 0) {
        request.untranslated.push("top_logprobs".into());
    }
    Ok(())
}

#[expect(
    clippy::ptr_arg,
    reason = "a name that borrows from the body is to stay borrowed"
)]
fn field<'a>(
    name: &Cow<'a, str>,
    value: &'a RawValue,
    trail: &Trail,
    request: &mut ChatRequest<'a>,
) -> Read<()> {
    if value.get() == "null" && name != "model" {
        return Ok(());
    }
    let at = Step::Field;
    match name.as_ref() {
        "model" => {
            let model = trail.within(at("model"), || string(value))?;
            request.model = model.unwrap_or_default();
        }
        "input" => {
            trail.within(at("input"), || items::input(value, trail, request))?;
        }
        "instructions" => {
            let text = trail.within(at("instructions"), || string(value))?;
            let mut message = Message::new(Role::System);
            message.content.extend(text.map(Part::Text));
            request.messages.push(message);
        }
        "stream" => request.stream = trail.within(at("stream"), || typed(value))?,
        "max_output_tokens" => {
            let limit = trail.within(at("max_output_tokens"), || typed(value))?;
            request.max_output_tokens = Some(limit);
        }
        "temperature" => {
            request.temperature = Some(trail.within(at("temperature"), || number(value))?);
        }
        "top_p" => request.top_p = Some(trail.within(at("top_p"), || number(value))?),
        "top_logprobs" => {
            request.top_logprobs = Some(trail.within(at("top_logprobs"), || typed(value))?);
        }
        "tools" => trail.within(at("tools"), || tool::tools(value, trail, request))?,
        "tool_choice" => {
            trail.within(at("tool_choice"), || tool::choice(value, trail, request))?;
        }
        "parallel_tool_calls" => {
            let parallel = trail.within(at("parallel_tool_calls"), || typed(value))?;
            request.parallel_tool_calls = Some(parallel);
        }
        "text" => trail.within(at("text"), || text(value, trail, request))?,
        "reasoning" => trail.within(at("reasoning"), || reasoning(value, trail, request))?,
        "include" => trail.within(at("include"), || include(value, request))?,
        "user" => {
            let user = trail.within(at("user"), || string(value))?;
            request.end_user = user.or(request.end_user.take());
        }
        // The newer word for it; one of the two is enough.
        "safety_identifier" => {
            let id = trail.within(at("safety_identifier"), || string(value))?;
            request.end_user = request.end_user.take().or(id);
        }
        "metadata" if !says_nothing(value) => request.metadata = Some(value),
        "service_tier" => {
            let tier = trail.within(at("service_tier"), || string(value))?;
            request.service_tier = tier.filter(|tier| !matches!(tier.as_ref(), "auto" | "default"));
        }
        "stream_options" => {
            trail.within(at("stream_options"), || options(value, trail, request))?;
        }
        _ if says_nothing(value) || is_default(name, value.get()) => {}
        _ => request.untranslated.push(name.clone()),
    }
    Ok(())
}

/// Whether a field without a word in the neutral form says what its absence says too, after OpenAI's
/// reference.
fn is_default(name: &str, value: &str) -> bool {
    matches!(
        (name, value),
        ("store" | "background", "false") | ("truncation", "\"disabled\"")
    )
}

/// `text`: what the answer must be, and how long it may get.
fn text<'a>(value: &'a RawValue, trail: &Trail, request: &mut ChatRequest<'a>) -> Read<()> {
    for (name, value) in object(value)? {
        match name.as_ref() {
            _ if says_nothing(value) => {}
            "format" => match trail.within(Step::Field("format"), || format(value, trail))? {
                Some(format) => request.format = format,
                None => request.untranslated.push(trail.path_to(&name).into()),
            },
            "verbosity" if value.get() == "\"medium\"" => {}
            _ => request.untranslated.push(trail.path_to(&name).into()),
        }
    }
    Ok(())
}

/// `text.format`; `None` where it has no word in the neutral form.
fn format<'a>(value: &'a RawValue, trail: &Trail) -> Read<Option<OutputFormat<'a>>> {
    let at = Step::Field;
    let (mut kind, mut more) = (None, false);
    let mut schema = JsonSchema {
        name: None,
        description: None,
        schema: None,
        strict: None,
    };
    for (name, value) in object(value)? {
        match name.as_ref() {
            "type" => kind = trail.within(at("type"), || string(value))?,
            "name" => schema.name = trail.within(at("name"), || string(value))?,
            "description" => {
                schema.description = trail.within(at("description"), || string(value))?;
            }
            "schema" if value.get() == "null" => {}
            "schema" if value.get().starts_with('{') => schema.schema = Some(value),
            "schema" => return trail.wrong("schema", "must be a JSON Schema object"),
            "strict" => schema.strict = trail.within(at("strict"), || typed(value))?,
            _ => more |= !says_nothing(value),
        }
    }
    match kind.as_deref() {
        None => trail.wrong("type", "is required"),
        Some("json_schema") if schema.schema.is_none() => trail.wrong("schema", "is required"),
        Some("json_schema") if schema.name.is_none() => trail.wrong("name", "is required"),
        _ if more => Ok(None),
        Some("text") => Ok(Some(OutputFormat::Text)),
        Some("json_object") => Ok(Some(OutputFormat::JsonObject)),
        Some("json_schema") => Ok(Some(OutputFormat::JsonSchema(schema))),
        Some(_) => Ok(None),
    }
}

/// `reasoning`: how hard the model thinks. What it thought is shown anyway where it is told; how
/// much of it the client asks for has no word elsewhere.
fn reasoning<'a>(value: &'a RawValue, trail: &Trail, request: &mut ChatRequest<'a>) -> Read<()> {
    for (name, value) in object(value)? {
        match name.as_ref() {
            _ if says_nothing(value) => {}
            "effort" => {
                let word = trail.within(Step::Field("effort"), || string(value))?;
                match word.as_deref().and_then(Effort::parse) {
                    Some(effort) => request.reasoning.get_or_insert_default().effort = Some(effort),
                    None => request.untranslated.push(trail.path_to(&name).into()),
                }
            }
            "summary" | "generate_summary" => {
                let at = |name: &str| match name {
                    "summary" => Step::Field("summary"),
                    _ => Step::Field("generate_summary"),
                };
                let how = trail.within(at(&name), || string(value))?;
                // Thoughts are shown as their provider tells them.
                if how.is_some_and(|how| how != "auto") {
                    request.untranslated.push("reasoning.summary".into());
                }
            }
            "context" if value.get() == "\"auto\"" => {}
            _ => request.untranslated.push(trail.path_to(&name).into()),
        }
    }
    Ok(())
}

/// `include`: what the answer is to hold besides. Everything but log probabilities is there anyway,
/// or belongs to a built-in tool, which is refused by itself.
fn include<'a>(value: &'a RawValue, request: &mut ChatRequest<'a>) -> Read<()> {
    const OF_TOOLS_AND_INPUT: [&str; 7] = [
        "reasoning.encrypted_content",
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "message.input_image.image_url",
        "computer_call_output.output.image_url",
        "code_interpreter_call.outputs",
    ];
    for raw in list(value, "a list of strings")? {
        match string(raw)?.as_deref() {
            Some("message.output_text.logprobs") => request.logprobs = Some(true),
            Some(word) if OF_TOOLS_AND_INPUT.contains(&word) => {}
            Some(_) => request.untranslated.push("include".into()),
            None => return Err(serde_json::Error::custom("must hold strings")),
        }
    }
    Ok(())
}

fn options<'a>(value: &'a RawValue, trail: &Trail, request: &mut ChatRequest<'a>) -> Read<()> {
    for (name, value) in object(value)? {
        if !says_nothing(value) && value.get() != "false" {
            request.untranslated.push(trail.path_to(&name).into());
        }
    }
    Ok(())
}

fn too_many(most: usize) -> serde_json::Error {
    serde_json::Error::custom(format_args!("holds more than {most} entries"))
}

/// A field that must be there and not be empty.
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
