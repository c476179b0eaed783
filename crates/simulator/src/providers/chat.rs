//! What the servers that speak OpenAI's chat dialect have in common: reading messages and
//! tools, and the rules of their order. Each server's own rules and words are in its file.

use serde_json::Value;

use crate::ask::{Ask, Choice, Offer};
use crate::check::{At, Checked, Problem, tokens_of};
use crate::pictures::{self, Flaw};
use crate::tokens;

/// How one server differs from the others when it reads a request.
pub(crate) struct Dialect {
    pub(crate) roles: &'static [&'static str],
    /// Types of the parts of a message's content.
    pub(crate) parts: &'static [&'static str],
    /// The same in messages that are not the user's, where it differs.
    pub(crate) parts_elsewhere: Option<&'static [&'static str]>,
    /// All members that a body may have; none for servers that ignore what they do not know.
    pub(crate) fields: Option<&'static [&'static str]>,
    /// All members that a message may have, likewise.
    pub(crate) message_fields: Option<&'static [&'static str]>,
    pub(crate) most_temperature: f64,
    /// Names of the parameter for the length of the answer, the first that is there counts.
    pub(crate) length_names: &'static [&'static str],
    /// Values of `tool_choice` besides an object.
    pub(crate) choices: &'static [&'static str],
    pub(crate) most_stops: usize,
    /// Whether there are tools that take free text.
    pub(crate) custom_tools: bool,
    /// Whether names of functions are held to OpenAI's rule. Servers that run anybody's models put them
    /// into the prompt as they are.
    pub(crate) names_are_checked: bool,
    /// All types of tools and calls; none for servers that pass over what they do not know.
    pub(crate) tool_types: Option<&'static [&'static str]>,
    /// Whether functions and calls of them may have no further members.
    pub(crate) strict_functions: bool,
    /// Whether calls must be answered at once and completely.
    pub(crate) strict_order: bool,
}

/// Reads a whole body after the dialect.
pub(crate) fn read(body: &At<'_>, dialect: &Dialect) -> Checked<Ask> {
    body.object()?;
    if let Some(fields) = dialect.fields {
        body.only(fields)?;
    }
    let mut ask = Ask {
        model: body.need("model")?.text()?.to_owned(),
        ..Ask::default()
    };
    read_messages(body, dialect, &mut ask)?;
    read_tools(body, dialect, &mut ask)?;
    read_parameters(body, dialect, &mut ask)?;
    Ok(ask)
}

/// Reads `messages`: what is in them and in which order they stand.
pub(crate) fn read_messages(body: &At<'_>, dialect: &Dialect, ask: &mut Ask) -> Checked<()> {
    let messages = body.need("messages")?.full_items()?;
    for message in &messages {
        read_message(message, dialect)?;
    }
    if dialect.strict_order {
        check_order(&messages)?;
    }
    read_history(&messages, ask);
    read_pictures(&messages, ask);
    Ok(())
}

fn read_message(message: &At<'_>, dialect: &Dialect) -> Checked<()> {
    let role = message.need("role")?.one_of(dialect.roles)?;
    if let Some(fields) = dialect.message_fields {
        message.only(fields)?;
    }
    let calls = message.get("tool_calls");
    let content = message.get("content");
    if role == "assistant" {
        if let Some(calls) = &calls {
            let mut calls = calls.items()?.into_iter();
            calls.try_for_each(|call| read_call(&call, dialect))?;
        }
        let says_nothing = calls.is_none() && message.get("refusal").is_none();
        if content.is_none() && says_nothing && message.get("function_call").is_none() {
            message.need("content")?;
        }
    } else {
        message.need("content")?;
    }
    if role == "tool" {
        message.need("tool_call_id")?.text()?;
    }
    match &content {
        // Mistral's own messages have empty lists beside calls.
        Some(content) if content.value.as_array().is_some_and(Vec::is_empty) && calls.is_some() => {
            Ok(())
        }
        Some(content) if role == "user" => read_content(content, dialect.parts),
        Some(content) => read_content(content, dialect.parts_elsewhere.unwrap_or(dialect.parts)),
        None => Ok(()),
    }
}

fn read_content(content: &At<'_>, parts: &[&'static str]) -> Checked<()> {
    if content.value.is_string() {
        return Ok(());
    }
    if !content.value.is_array() {
        let got = crate::check::kind(content.value);
        let expected = crate::check::Expected::TextOrList;
        return Err(content.violates(Problem::WrongType { expected, got }));
    }
    for part in content.full_items()? {
        match part.need("type")?.one_of(parts)? {
            "text" => part.need("text")?.text().map(|_| ())?,
            "image_url" => read_picture(&part).map(|_| ())?,
            _ => {}
        }
    }
    Ok(())
}

/// What is seen of a picture. Mistral takes its address without an object around it too.
fn read_picture(part: &At<'_>) -> Checked<String> {
    let picture = part.need("image_url")?;
    let url = if picture.value.is_string() {
        picture
    } else {
        if let Some(detail) = picture.get("detail") {
            detail.one_of(&["auto", "low", "high", "original"])?;
        }
        picture.need("url")?
    };
    pictures::at(url.text()?).map_err(|flaw| {
        let (message, code) = match flaw {
            Flaw::NoAddress => (
                "Invalid image URL: it must be a URL or a data URL.",
                "invalid_image_url",
            ),
            Flaw::NotBase64 => (
                "Invalid image data: it must be base64-encoded.",
                "invalid_base64",
            ),
            Flaw::Format(_) => (
                "You uploaded an unsupported image. Please make sure your image has of one the \
                 following formats: ['png', 'jpeg', 'gif', 'webp'].",
                "invalid_image_format",
            ),
        };
        url.violates(Problem::Rule {
            message: message.to_owned(),
            code: Some(code),
        })
    })
}

fn read_call(call: &At<'_>, dialect: &Dialect) -> Checked<()> {
    let types = dialect.tool_types.unwrap_or(&["function", "custom"]);
    if let Some(kind) = call.get("type")
        && kind.one_of(types)? == "custom"
    {
        return call.need("custom")?.need("name")?.text().map(|_| ());
    }
    let function = call.need("function")?;
    if dialect.strict_functions {
        function.only(&["name", "arguments"])?;
    }
    function.need("name")?.full_text()?;
    if let Some(arguments) = function.get("arguments") {
        arguments.text()?;
    }
    Ok(())
}

/// Calls must be answered by the messages right after them, all of them.
fn check_order(messages: &[At<'_>]) -> Checked<()> {
    let mut open: Vec<&str> = Vec::new();
    let mut asking: Option<&At<'_>> = None;
    for message in messages {
        if message.value["role"] == "tool" {
            let id = message.value["tool_call_id"].as_str().unwrap_or_default();
            let Some(at) = open.iter().position(|each| *each == id) else {
                let role = message.need("role")?;
                return Err(role.breaks(
                    "Invalid parameter: messages with role 'tool' must be a response to a \
                     preceeding message with 'tool_calls'.",
                ));
            };
            open.swap_remove(at);
            continue;
        }
        unanswered(asking, &open)?;
        open.clear();
        asking = None;
        if let Some(calls) = message.value["tool_calls"].as_array() {
            open.extend(calls.iter().filter_map(|call| call["id"].as_str()));
            asking = Some(message);
        }
    }
    unanswered(asking, &open)
}

fn unanswered(asking: Option<&At<'_>>, open: &[&str]) -> Checked<()> {
    let Some(message) = asking.filter(|_| !open.is_empty()) else {
        return Ok(());
    };
    Err(message.breaks(format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to \
         each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
        open.join(", ")
    )))
}

/// The text of a message's content, parts joined.
pub(crate) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// The last user text, the function results after it, and the size of it all.
pub(crate) fn read_history(messages: &[At<'_>], ask: &mut Ask) {
    for message in messages {
        ask.prompt_tokens += 4 + tokens::count_json(&message.value["content"]);
        ask.prompt_tokens += tokens::count_json(&message.value["tool_calls"]);
        match message.value["role"].as_str() {
            Some("user") => {
                ask.last_user = text_of(&message.value["content"]);
                ask.results.clear();
            }
            Some("tool" | "function") => ask.results.push(text_of(&message.value["content"])),
            _ => {}
        }
    }
}

/// What is seen of the pictures, which were read before.
fn read_pictures(messages: &[At<'_>], ask: &mut Ask) {
    for message in messages {
        let content = message.get("content");
        let parts = content.and_then(|content| content.items().ok());
        let pictures = parts.into_iter().flatten();
        let pictures = pictures.filter(|part| part.value["type"] == "image_url");
        ask.pictures
            .extend(pictures.filter_map(|part| read_picture(&part).ok()));
    }
}

/// Reads `tools` and what belongs to them.
pub(crate) fn read_tools(body: &At<'_>, dialect: &Dialect, ask: &mut Ask) -> Checked<()> {
    for tool in body
        .get("tools")
        .map_or(Ok(Vec::new()), |tools| tools.items())?
    {
        let kind = tool
            .get("type")
            .map_or(Ok("function"), |kind| kind.text())?;
        if let (Some(kind), Some(types)) = (tool.get("type"), dialect.tool_types) {
            kind.one_of(types)?;
        }
        if kind == "custom" && dialect.custom_tools {
            let name = tool.need("custom")?.need("name")?.full_text()?.to_owned();
            ask.prompt_tokens += tokens::count_json(tool.value);
            ask.offers.push(Offer {
                name,
                parameters: Value::Null,
                custom: true,
            });
        }
        if kind != "function" {
            continue;
        }
        let function = tool.need("function")?;
        if dialect.strict_functions {
            function.only(&["name", "description", "parameters", "strict"])?;
        }
        let name = function.need("name")?;
        let text = name.full_text()?;
        let legal = |each: char| each.is_ascii_alphanumeric() || each == '_' || each == '-';
        if dialect.names_are_checked && (text.len() > 64 || !text.chars().all(legal)) {
            return Err(name.breaks(format!(
                "Invalid '{}': string does not match pattern. Expected a string that matches the \
                 pattern '^[a-zA-Z0-9_-]{{1,64}}$'.",
                name.path.bracketed()
            )));
        }
        let parameters = function.get("parameters");
        if let Some(parameters) = &parameters {
            parameters.object()?;
        }
        ask.prompt_tokens += tokens::count_json(tool.value);
        let parameters = parameters.map_or(Value::Null, |parameters| parameters.value.clone());
        ask.offers.push(Offer {
            name: text.to_owned(),
            parameters,
            custom: false,
        });
    }
    if let Some(choice) = body.get("tool_choice") {
        ask.choice = read_choice(&choice, dialect, &ask.offers)?;
    }
    if let Some(parallel) = body.get("parallel_tool_calls") {
        ask.one_call_only = !parallel.boolean()?;
    }
    Ok(())
}

fn read_choice(choice: &At<'_>, dialect: &Dialect, offers: &[Offer]) -> Checked<Choice> {
    if choice.value.is_string() {
        return Ok(match choice.one_of(dialect.choices)? {
            "none" | "NONE" => Choice::None,
            "required" | "any" | "REQUIRED" => Choice::Required,
            _ => Choice::Auto,
        });
    }
    choice.object()?;
    let custom = choice.get("custom").filter(|_| dialect.custom_tools);
    let is_custom = custom.is_some();
    let Some(tool) = custom.or(choice.get("function")) else {
        return Ok(Choice::Auto);
    };
    let name = tool.need("name")?.text()?;
    if !offers
        .iter()
        .any(|offer| offer.name == name && offer.custom == is_custom)
    {
        return Err(choice.breaks(format!(
            "Tool choice '{name}' not found in 'tools' parameter."
        )));
    }
    Ok(Choice::Named(name.to_owned()))
}

fn read_parameters(body: &At<'_>, dialect: &Dialect, ask: &mut Ask) -> Checked<()> {
    if let Some(stream) = body.get("stream") {
        ask.stream = stream.boolean()?;
    }
    if let Some(options) = body.get("stream_options") {
        options.object()?;
        if let Some(wanted) = options.get("include_usage") {
            wanted.boolean()?;
        }
    }
    if let Some(temperature) = body.get("temperature") {
        temperature.number_in(0.0, dialect.most_temperature)?;
    }
    if let Some(share) = body.get("top_p") {
        share.number_in(0.0, 1.0)?;
    }
    for name in ["presence_penalty", "frequency_penalty"] {
        if let Some(penalty) = body.get(name) {
            penalty.number_in(-2.0, 2.0)?;
        }
    }
    if let Some(length) = body.get_any(dialect.length_names) {
        ask.max_tokens = Some(tokens_of(length.integer(1)?));
    }
    ask.answers = 1;
    if let Some(number) = body.get("n") {
        ask.answers = tokens_of(number.integer_in(1, 128)?);
    }
    if let Some(stop) = body.get("stop") {
        ask.stops = read_stops(&stop, dialect.most_stops)?;
    }
    if let Some(format) = body.get("response_format") {
        ask.json = read_format(&format)?;
    }
    Ok(())
}

/// A stop text or a list of them.
pub(crate) fn read_stops(stop: &At<'_>, most: usize) -> Checked<Vec<String>> {
    if let Some(text) = stop.value.as_str() {
        return Ok(vec![text.to_owned()]);
    }
    let items = stop.items()?;
    if items.len() > most {
        return Err(stop.violates(Problem::TooManyItems {
            most,
            got: items.len(),
        }));
    }
    items
        .iter()
        .map(|item| item.text().map(str::to_owned))
        .collect()
}

/// The schema that the answer must have; null for any JSON.
pub(crate) fn read_format(format: &At<'_>) -> Checked<Option<Value>> {
    match format
        .need("type")?
        .one_of(&["text", "json_object", "json_schema"])?
    {
        "json_object" => Ok(Some(Value::Null)),
        "json_schema" => {
            let wrapper = format.need("json_schema")?;
            wrapper.need("name")?.full_text()?;
            let schema = wrapper.get("schema");
            Ok(Some(
                schema.map_or(Value::Null, |schema| schema.value.clone()),
            ))
        }
        _ => Ok(None),
    }
}
