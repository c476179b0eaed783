//! Alibaba DashScope, native: text and multimodal generation, keys bound to regions.

use serde_json::Value;

use crate::answer::{Answer, Finish, Usage};
use crate::ask::{Ask, Choice};
use crate::check::{At, Checked, Expected, Problem, Violation, tokens_of};
use crate::delivery::{Frame, Part, Payload, Reply};
use crate::draw::Draw;
use crate::fault::StatusFault;
use crate::json::{Node, object};
use crate::tokens;

use super::chat::{self, Dialect};
use super::{Call, Provider, key_is_good};

pub(crate) struct DashScope;

pub(crate) const FILTERED: &str = "Input data may contain inappropriate content.";
pub(crate) const INTERNAL: &str =
    "An internal error has occured, please try again later or contact service support.";
pub(crate) const STREAM_ONLY: &str = "This model only support stream mode, please enable the \
    stream parameter to access the model. ";

const TEXT_PATH: &str = "/api/v1/services/aigc/text-generation/generation";
const MULTIMODAL_PATH: &str = "/api/v1/services/aigc/multimodal-generation/generation";

const DIALECT: Dialect = Dialect {
    roles: &["system", "user", "assistant", "tool"],
    parts: &[],
    fields: None,
    message_fields: None,
    most_temperature: 2.0,
    length_names: &["max_completion_tokens", "max_tokens"],
    choices: &["auto", "none"],
    most_stops: 64,
    strict_order: true,
};

const MODELS: &[&str] = &[
    "qwen-max",
    "qwen-plus",
    "qwen-turbo",
    "qwen-flash",
    "qwen-long",
    "qwen-coder",
    "qwen-plus-character",
    "qwen-mt-plus",
    "qwen-mt-turbo",
    "qwen-doc-turbo",
    "qwq-plus",
    "qwen-vl-plus",
    "qwen-vl-max",
    "qwen-vl-ocr",
    "qwen-audio-turbo",
    "qwen3-max",
    "qwen3-coder-plus",
    "qwen3-coder-flash",
    "qwen3-vl-plus",
    "qwen3-vl-flash",
    "qwen3-8b",
    "qwen3-32b",
    "qwen3-235b-a22b",
    "qwen3-vl-235b-a22b-instruct",
    "qwen3-vl-235b-a22b-thinking",
    "qwen3-next-80b-a3b-instruct",
    "qwen3-next-80b-a3b-thinking",
    "qwen3.5-plus",
    "qwen3.5-flash",
    "qwen3.6-plus",
    "qwen3.6-flash",
    "qwen3.7-plus",
    "qwen3.7-max",
    "qwen3.8-max",
    "qwen3.8-flash",
    "qwen3.8-omni-flash",
    "qwen3-omni-30b-a3b-captioner",
    "deepseek-v4-pro",
    "deepseek-v4-flash",
    "deepseek-v3",
    "deepseek-r1",
];

/// Whether DashScope has a model, aliases like `-latest` and `-preview` included.
pub(crate) fn knows(call: &Call<'_>, model: &str) -> bool {
    let base = ["-latest", "-preview"]
        .iter()
        .find_map(|end| model.strip_suffix(end));
    call.knows(base.unwrap_or(model), MODELS) || call.knows(model, MODELS)
}

/// The region of a prefix: empty for the one that takes any key.
pub(crate) fn region(prefix: &str) -> Option<&str> {
    match prefix.strip_prefix("dashscope")? {
        "" => Some(""),
        "-cn" => Some("cn"),
        "-intl" => Some("intl"),
        "-us" => Some("us"),
        _ => None,
    }
}

/// What a key is worth at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Good,
    Absent,
    Wrong,
}

/// A key is good for its own region only.
pub(crate) fn check_key(call: &Call<'_>) -> Key {
    let Some(key) = call.bearer() else {
        return Key::Absent;
    };
    let bound = match region(call.prefix) {
        Some("") | None => true,
        Some(region) => key.starts_with(&format!("sk-sim-{region}-")),
    };
    if bound && key_is_good(key, &["sk-"]) {
        Key::Good
    } else {
        Key::Wrong
    }
}

/// Headers that every answer carries.
pub(crate) fn identity(id: &str, draw: &mut Draw) -> Vec<(&'static str, String)> {
    let took = 100 + draw.below(900);
    vec![
        ("x-request-id", id.to_owned()),
        ("x-dashscope-call-gateway", "true".to_owned()),
        ("req-cost-time", took.to_string()),
        (
            "resp-start-time",
            (draw.created() * 1_000 + took).to_string(),
        ),
        ("x-envoy-upstream-service-time", (took - 5).to_string()),
    ]
}

/// Models that take images or sound and live at the multimodal address only.
fn is_multimodal(model: &str) -> bool {
    let plus = ["qwen3.5-plus", "qwen3.6-plus", "qwen3.7-plus"];
    ["-vl", "-omni", "-audio", "-ocr"]
        .iter()
        .any(|word| model.contains(word))
        || plus.iter().any(|name| model.starts_with(name))
}

/// Models of the 3.5 series and later, of which the addresses are not all known: both serve.
fn is_either(model: &str) -> bool {
    ["qwen3.5-flash", "qwen3.6-flash", "qwen3.8"]
        .iter()
        .any(|name| model.starts_with(name))
        && !is_multimodal(model)
}

/// Whether the model thinks in this request; `parameters` holds `enable_thinking`.
pub(crate) fn thinking(model: &str, parameters: &Value) -> bool {
    let always = model.contains("thinking") || model.starts_with("qwq") || model == "deepseek-r1";
    always || parameters["enable_thinking"] == true
}

/// Models that answer only as a stream while they think.
pub(crate) fn streams_only(model: &str, thinks: bool) -> bool {
    let open = ["qwen3-8b", "qwen3-32b", "qwen3-235b-a22b", "qwen3-next"];
    model.starts_with("qwq") || (thinks && open.iter().any(|name| model.starts_with(name)))
}

/// Thinking models show their thoughts.
pub(crate) fn with_visible_reasoning(answer: &Answer, ask: &Ask) -> Answer {
    let mut answer = answer.clone();
    if ask.reasons && answer.reasoning.is_empty() && !answer.text().is_empty() {
        answer.reasoning = "用户需要直接的回答，我简要说明即可。".to_owned();
    }
    answer
}

fn is_streamed(call: &Call<'_>) -> bool {
    call.header("x-dashscope-sse")
        .is_some_and(|value| value.eq_ignore_ascii_case("enable"))
}

/// Old models answer with a bare text unless they are told otherwise.
fn answers_with_message(call: &Call<'_>, model: &str) -> bool {
    let old = [
        "qwen-max",
        "qwen-plus",
        "qwen-turbo",
        "qwen-flash",
        "qwen-long",
        "qwen-coder",
    ];
    match call
        .field("parameters")
        .and_then(|all| all["result_format"].as_str())
    {
        _ if call.path == MULTIMODAL_PATH => true,
        Some(format) => format == "message",
        None => !old.iter().any(|name| model.starts_with(name)),
    }
}

/// An error, as a body or as the only event of a stream that has begun with status 200.
fn refuse(call: &Call<'_>, status: u16, code: &str, message: &str, draw: &mut Draw) -> Reply {
    let id = draw.uuid();
    let body = object! { "code" => code, "message" => message, "request_id" => &id }.to_text();
    let identity = identity(&id, draw);
    if is_streamed(call) && status == 400 {
        let event = format!("id:1\nevent:error\n:HTTP_STATUS/{status}\ndata:{body}\n\n");
        let payload = Payload::Stream(vec![Frame::new(Part::Content, event)]);
        return Reply {
            status: 200,
            headers: identity,
            payload,
        }
        .header("content-type", "text/event-stream;charset=UTF-8");
    }
    Reply::json(status, body).headers(identity)
}

/// A refusal in DashScope's words.
fn describe(violation: &Violation) -> String {
    let name = violation.path.last_key();
    match &violation.problem {
        Problem::Missing if name == "model" => "Model can not be None.".to_owned(),
        Problem::Missing => format!(
            "Required parameter({name}) missing or invalid, please check \
            the request parameters."
        ),
        Problem::WrongType { expected, .. } => {
            let kind = match expected {
                Expected::Text | Expected::TextOrList => "str",
                Expected::Integer => "Integer",
                Expected::Number => "Float",
                Expected::Boolean => "Boolean",
                Expected::List => "List",
                Expected::Object => "Dict",
            };
            format!("'{name}' must be {kind}")
        }
        Problem::NotOneOf { got, allowed } if name == "role" => {
            format!("{got} is not one of {allowed:?} - 'messages.role'")
        }
        Problem::NotOneOf { allowed, .. } => format!("'{name}' must be in {allowed:?}"),
        Problem::BelowMinimum { minimum, .. } => {
            format!("Range of {name} should start at {minimum}")
        }
        Problem::AboveMaximum { maximum, .. } => format!("Range of {name} should end at {maximum}"),
        Problem::Unknown => format!("Unknown parameter: {name}"),
        Problem::EmptyList | Problem::EmptyText => EMPTY.to_owned(),
        Problem::Rule { message, .. } => message.clone(),
        _ => format!("Invalid {name}"),
    }
}

const EMPTY: &str = "Role must be user or assistant and Content length must be greater than 0";

fn read(call: &Call<'_>, body: &At<'_>) -> Checked<Ask> {
    body.only(&["model", "input", "parameters", "resources"])?;
    let mut ask = Ask {
        model: body.need("model")?.full_text()?.to_owned(),
        ..Ask::default()
    };
    ask.stream = is_streamed(call);
    ask.answers = 1;
    let input = body.need("input")?;
    input.object()?;
    match (input.get("messages"), input.get("prompt")) {
        (Some(messages), _) => read_messages(call, &messages, &mut ask)?,
        (None, Some(prompt)) => {
            ask.last_user = prompt.full_text()?.to_owned();
            ask.prompt_tokens = 4 + tokens::count(&ask.last_user);
        }
        (None, None) => {
            return Err(input.breaks(
                "Either \"prompt\" or \"messages\" must exist and \
            cannot both be none",
            ));
        }
    }
    if let Some(parameters) = body.get("parameters") {
        read_parameters(call, &parameters, &mut ask)?;
    }
    Ok(ask)
}

fn read_messages(call: &Call<'_>, messages: &At<'_>, ask: &mut Ask) -> Checked<()> {
    let messages = messages.full_items()?;
    for message in &messages {
        let role = message.need("role")?.one_of(DIALECT.roles)?;
        let content = message.get("content");
        let calls = message.get("tool_calls");
        match &content {
            Some(content) if call.path == TEXT_PATH && content.value.is_string() => {
                if content.value == "" && calls.is_none() && role != "tool" {
                    return Err(content.breaks(EMPTY));
                }
            }
            Some(content) if content.value.is_string() && role == "tool" => {}
            Some(content) => {
                let items = content.items()?;
                if items.is_empty() && calls.is_none() {
                    return Err(content.breaks(EMPTY));
                }
                for item in items {
                    item.object()?;
                }
            }
            None if role == "assistant" && calls.is_some() => {}
            None => {
                message.need("content")?;
            }
        }
        if role == "tool" {
            message.need("tool_call_id")?.text()?;
        }
        for call in calls.map_or(Ok(Vec::new()), |calls| calls.items())? {
            let function = call.need("function")?;
            function.need("name")?.full_text()?;
            if let Some(arguments) = function.get("arguments") {
                arguments.text()?;
            }
        }
    }
    chat::read_history(&messages, ask);
    Ok(())
}

fn read_parameters(call: &Call<'_>, parameters: &At<'_>, ask: &mut Ask) -> Checked<()> {
    parameters.object()?;
    if let Some(format) = parameters.get("result_format") {
        format.one_of(&["message", "text"])?;
    }
    for name in [
        "incremental_output",
        "enable_thinking",
        "enable_search",
        "logprobs",
    ] {
        if let Some(flag) = parameters.get(name) {
            flag.boolean()?;
        }
    }
    if let Some(temperature) = parameters.get("temperature") {
        let number = temperature.number_in(f64::MIN, f64::MAX)?;
        if !(0.0..2.0).contains(&number) {
            return Err(temperature.breaks("Temperature should be in [0.0, 2.0)"));
        }
    }
    if let Some(share) = parameters.get("top_p") {
        let number = share.number_in(f64::MIN, f64::MAX)?;
        if number <= 0.0 || number > 1.0 {
            return Err(share.breaks("Range of top_p should be (0.0, 1.0]"));
        }
    }
    if let Some(penalty) = parameters.get("presence_penalty") {
        penalty.number_in(-2.0, 2.0)?;
    }
    if let Some(number) = parameters.get("n")
        && !(1..=4).contains(&number.integer(i64::MIN)?)
    {
        return Err(number.breaks("Range of n should be [1, 4]"));
    }
    for name in ["max_tokens", "max_completion_tokens"] {
        if let Some(length) = parameters.get(name) {
            let number = length.integer(i64::MIN)?;
            if number < 1 {
                return Err(length.breaks(format!("Range of {name} should be [1, 65536]")));
            }
            ask.max_tokens = Some(tokens_of(number));
        }
    }
    if let Some(stop) = parameters.get("stop")
        && (stop.value.is_string() || stop.items()?.iter().all(|item| item.value.is_string()))
    {
        ask.stops = chat::read_stops(&stop, DIALECT.most_stops)?;
    }
    if let Some(format) = parameters.get("response_format") {
        ask.json = chat::read_format(&format)?;
    }
    chat::read_tools(parameters, &DIALECT, ask)?;
    // Without the parameter the model calls one function at a time.
    ask.one_call_only = parameters.value["parallel_tool_calls"] != true;
    if !ask.offers.is_empty() && !answers_with_message(call, &ask.model) {
        return Err(parameters.breaks("When tools are given, result_format must be \"message\"."));
    }
    ask.reasons = thinking(&ask.model, parameters.value);
    if streams_only(&ask.model, ask.reasons) && !ask.stream {
        return Err(parameters.breaks(STREAM_ONLY));
    }
    if ask.reasons && ask.stream && parameters.value["incremental_output"] != true {
        return Err(parameters.breaks("This model only support incremental_output set to True."));
    }
    Ok(())
}

fn finish_word(answer: &Answer, ask: &Ask) -> Option<&'static str> {
    answer.finish.map(|finish| match finish {
        Finish::Calls if matches!(ask.choice, Choice::Named(_)) => "stop",
        Finish::Calls => "tool_calls",
        Finish::Length => "length",
        _ => "stop",
    })
}

fn usage_node(usage: &Usage, output: u64) -> Node {
    let reasoning = usage.reasoning.min(output);
    let details = (usage.reasoning > 0).then(|| object! { "reasoning_tokens" => reasoning });
    object! { "total_tokens" => usage.prompt + output, "output_tokens" => output,
    "input_tokens" => usage.prompt }
    .with_some("output_tokens_details", details)
    .with(
        "prompt_tokens_details",
        object! { "cached_tokens" => usage.cached },
    )
}

/// How the output of one call is written: a message or a text, parts or a string.
struct Form {
    as_message: bool,
    as_parts: bool,
    shows_reasoning: bool,
}

impl Form {
    /// `output` with what is given; the finish reason is the string "null" while unfinished.
    fn output(&self, text: &str, reasoning: &str, calls: Vec<Node>, finish: Option<&str>) -> Node {
        if !self.as_message {
            return object! { "text" => text, "finish_reason" => finish };
        }
        let content = match (self.as_parts, text.is_empty()) {
            (true, true) => Node::from(Vec::new()),
            (true, false) => Node::from(vec![object! { "text" => text }]),
            (false, _) => Node::from(text),
        };
        let mut message = object! { "role" => "assistant", "content" => content };
        if self.shows_reasoning {
            message = message.with("reasoning_content", reasoning);
        }
        if !calls.is_empty() {
            message = message.with("tool_calls", calls);
        }
        let choice = object! { "message" => message, "finish_reason" => finish };
        object! { "choices" => vec![choice] }
    }
}

fn call_node(index: usize, id: &str, name: Option<&str>, arguments: &str) -> Node {
    let function = match name {
        Some(name) => object! { "name" => name, "arguments" => arguments },
        None => object! { "arguments" => arguments },
    };
    object! { "index" => index, "id" => id, "type" => "function", "function" => function }
}

/// One step of a stream: what is new in it.
struct Delta {
    text: String,
    reasoning: String,
    call: Option<Node>,
    last: bool,
}

fn deltas(answer: &Answer, ids: &[String]) -> Vec<Delta> {
    let plain = |text: String, reasoning: String| Delta {
        text,
        reasoning,
        call: None,
        last: false,
    };
    let mut deltas: Vec<Delta> = Vec::new();
    deltas.extend(
        tokens::pieces(&answer.reasoning)
            .into_iter()
            .map(|r| plain(String::new(), r)),
    );
    deltas.extend(
        answer
            .pieces
            .iter()
            .map(|text| plain(text.clone(), String::new())),
    );
    for (index, call) in answer.calls.iter().enumerate() {
        let fragments = tokens::fragments(&call.arguments.to_string(), 3);
        for (part, fragment) in fragments.iter().enumerate() {
            let first = part == 0;
            let id = if first { ids[index].as_str() } else { "" };
            let node = call_node(index, id, first.then_some(call.name.as_str()), fragment);
            deltas.push(Delta {
                call: Some(node),
                ..plain(String::new(), String::new())
            });
        }
    }
    deltas.push(Delta {
        last: true,
        ..plain(String::new(), String::new())
    });
    deltas
}

fn stream(
    answer: &Answer,
    ask: &Ask,
    form: &Form,
    incremental: bool,
    id: &str,
    ids: &[String],
) -> Vec<Frame> {
    let (mut text, mut reasoning, mut output) = (String::new(), String::new(), 0u64);
    let whole: Vec<Node> = answer
        .calls
        .iter()
        .enumerate()
        .map(|(at, call)| call_node(at, &ids[at], Some(&call.name), &call.arguments.to_string()))
        .collect();
    let mut frames = Vec::new();
    for (number, delta) in deltas(answer, ids).into_iter().enumerate() {
        output = (output + tokens::count(&delta.text) + tokens::count(&delta.reasoning))
            .min(answer.usage.output);
        if delta.last {
            output = answer.usage.output;
        }
        let finish = if delta.last {
            finish_word(answer, ask)
        } else {
            Some("null")
        };
        let node = if incremental {
            form.output(
                &delta.text,
                &delta.reasoning,
                delta.call.into_iter().collect(),
                finish,
            )
        } else {
            text.push_str(&delta.text);
            reasoning.push_str(&delta.reasoning);
            let called = delta.call.is_some() || (delta.last && !whole.is_empty());
            form.output(
                &text,
                &reasoning,
                if called { whole.clone() } else { Vec::new() },
                finish,
            )
        };
        let body = object! { "output" => node, "usage" => usage_node(&answer.usage, output),
        "request_id" => id };
        let part = if delta.last {
            Part::Closing
        } else {
            Part::Content
        };
        let number = number + 1;
        let event = format!(
            "id:{number}\nevent:result\n:HTTP_STATUS/200\ndata:{}\n\n",
            body.to_text()
        );
        frames.push(Frame::new(part, event));
    }
    frames
}

impl Provider for DashScope {
    fn name(&self) -> &'static str {
        "dashscope"
    }

    fn read(&self, call: &Call<'_>, draw: &mut Draw) -> Result<Ask, Reply> {
        match check_key(call) {
            Key::Good => {}
            Key::Absent => {
                return Err(refuse(
                    call,
                    401,
                    "InvalidApiKey",
                    "No API-key provided.",
                    draw,
                ));
            }
            Key::Wrong => {
                return Err(refuse(
                    call,
                    401,
                    "InvalidApiKey",
                    "Invalid API-key provided.",
                    draw,
                ));
            }
        }
        let invalid = "InvalidParameter";
        let known_path = [TEXT_PATH, MULTIMODAL_PATH].contains(&call.path);
        if call.method != http::Method::POST || !known_path {
            let message = "url error, please check url！";
            return Err(refuse(call, 400, invalid, message, draw));
        }
        let Ok(value) = call.body else {
            let message = "Required body invalid, please check the request body format.";
            return Err(refuse(call, 400, invalid, message, draw));
        };
        let ask = read(call, &At::root(value))
            .map_err(|violation| refuse(call, 400, invalid, &describe(&violation), draw))?;
        if !knows(call, &ask.model) {
            return Err(refuse(call, 404, "ModelNotFound", "Model not exist.", draw));
        }
        let multimodal = call.path == MULTIMODAL_PATH;
        let extra = call.extra_models.contains(&ask.model);
        if multimodal != is_multimodal(&ask.model) && !is_either(&ask.model) && !extra {
            let message = "url error, please check url！";
            return Err(refuse(call, 400, invalid, message, draw));
        }
        Ok(ask)
    }

    fn render(&self, call: &Call<'_>, ask: &Ask, answer: &Answer, draw: &mut Draw) -> Reply {
        if answer.finish == Some(Finish::Filter) {
            return refuse(call, 400, "DataInspectionFailed", FILTERED, draw);
        }
        let answer = &with_visible_reasoning(answer, ask);
        let form = Form {
            as_message: answers_with_message(call, &ask.model),
            as_parts: call.path == MULTIMODAL_PATH,
            shows_reasoning: !answer.reasoning.is_empty(),
        };
        let id = draw.uuid();
        let ids: Vec<String> = answer
            .calls
            .iter()
            .map(|_| format!("call_{}", draw.hex(22)))
            .collect();
        if ask.stream {
            let incremental = call
                .field("parameters")
                .is_some_and(|all| all["incremental_output"] == true);
            let payload = Payload::Stream(stream(answer, ask, &form, incremental, &id, &ids));
            return Reply {
                status: 200,
                headers: identity(&id, draw),
                payload,
            }
            .header("content-type", "text/event-stream;charset=UTF-8");
        }
        let calls = answer.calls.iter().enumerate().map(|(index, function)| {
            call_node(
                index,
                &ids[index],
                Some(&function.name),
                &function.arguments.to_string(),
            )
        });
        let output = form.output(
            &answer.text(),
            &answer.reasoning,
            calls.collect(),
            finish_word(answer, ask),
        );
        let usage = usage_node(&answer.usage, answer.usage.output);
        let body = object! { "output" => output, "usage" => usage, "request_id" => &id };
        Reply::json(200, body.to_text()).headers(identity(&id, draw))
    }

    fn failure(&self, _: &Call<'_>, _: &Ask, fault: &StatusFault, draw: &mut Draw) -> Reply {
        let (code, message) = match fault.status {
            401 => ("InvalidApiKey", "Invalid API-key provided."),
            403 => ("AccessDenied", "Access denied."),
            404 => ("ModelNotFound", "Model not exist."),
            408 => (
                "RequestTimeOut",
                "Request timed out, please try again later.",
            ),
            429 => (
                "Throttling.RateQuota",
                "Requests rate limit exceeded, please try again later.",
            ),
            503 => (
                "ModelServingError",
                "Too many requests. Your requests are being throttled due to system capacity \
                 limits. Please try again later.",
            ),
            status if status >= 500 => ("InternalError", INTERNAL),
            _ => ("InvalidParameter", "Invalid request."),
        };
        let id = draw.uuid();
        let body = object! { "code" => fault.code.as_deref().unwrap_or(code),
        "message" => fault.message.as_deref().unwrap_or(message), "request_id" => &id };
        let reply = Reply::json(fault.status, body.to_text()).headers(identity(&id, draw));
        match fault.retry_after_seconds {
            Some(seconds) => reply.header("retry-after", seconds.to_string()),
            None => reply,
        }
    }

    fn interruption(&self, _: &Call<'_>, draw: &mut Draw) -> (String, String) {
        let body = object! { "code" => "InternalError", "message" => INTERNAL,
        "request_id" => draw.uuid() };
        let body = body.to_text();
        (
            format!("id:1\nevent:error\n:HTTP_STATUS/500\ndata:{body}\n\n"),
            body,
        )
    }
}
