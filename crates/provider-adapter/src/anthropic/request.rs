use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use steelyard_types::{ChatRequest, NumberText, Target, Tool, ToolCall, ToolChoice};

use crate::carry::{self, Sampling, Words, refuse};
use crate::gemini::call_id;
use crate::json;
use crate::turns::{self, Call, Conversation, Manners, Piece, Speaker, Turn};
use crate::{EncodedRequest, Losses, Refusal};

const MANNERS: Manners = Manners {
    provider: "Anthropic",
    blank: |text| text.trim().is_empty(),
    user_first: true,
};

/// Bounds of the limit that is sent where the client names none. The lower one keeps answers from
/// being cut short for no reason of the client's. The upper one keeps a whole answer within ten
/// minutes at the 128,000 tokens an hour that Anthropic's own SDKs reckon with before they insist
/// on streaming.
const DEFAULT_MAX_TOKENS: (u64, u64) = (4_096, 21_000);

/// What `tool_use.id` may be made of: `^[a-zA-Z0-9_-]+$`.
pub(super) fn is_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !id.is_empty() && id.bytes().all(allowed)
}

#[derive(Serialize)]
struct Body<'r> {
    model: &'r str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<System<'r>>,
    messages: Vec<WireMessage<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_sequences: Option<&'r [Cow<'r, str>]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WireChoice<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'r>>,
    #[serde(skip_serializing_if = "is_false")]
    stream: bool,
}

#[derive(Serialize)]
struct Metadata<'r> {
    user_id: &'r str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum System<'r> {
    One(&'r str),
    Several(Vec<Block<'r>>),
}

#[derive(Serialize)]
struct WireMessage<'r> {
    role: &'static str,
    content: Content<'r>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'r> {
    Text(&'r str),
    Blocks(Vec<Block<'r>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'r> {
    Text {
        text: &'r str,
    },
    ToolUse {
        id: Cow<'r, str>,
        name: &'r str,
        input: &'r RawValue,
    },
    ToolResult {
        tool_use_id: Cow<'r, str>,
        #[serde(skip_serializing_if = "str::is_empty")]
        content: Cow<'r, str>,
        #[serde(skip_serializing_if = "is_false")]
        is_error: bool,
    },
}

#[derive(Serialize)]
struct WireTool<'r> {
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
    input_schema: Cow<'r, RawValue>,
    #[serde(skip_serializing_if = "is_false")]
    strict: bool,
}

#[derive(Serialize)]
struct WireChoice<'r> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
    #[serde(skip_serializing_if = "is_false")]
    disable_parallel_tool_use: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What Anthropic has words for.
const WORDS: Words = Words {
    provider: MANNERS.provider,
    top_k: true,
    end_user: true,
    strict_tools: true,
    parallel_tool_calls: true,
    prefill: true,
    ..Words::NONE
};

/// The sampling parameters to write. Other dialects go to 2 and Anthropic's to 1, and current
/// models take only one of the two: what is above 1 is sent as 1, and `top_p` stays behind beside
/// `temperature`, both declared. A 1 beside another value says what is so anyway and is left out.
fn sampling<'a>(request: &ChatRequest<'a>, target: &Target, lossy: &mut Losses) -> Sampling<'a> {
    let mut sampling = carry::sampling(request, target, lossy);
    if let Some(number) = sampling.temperature
        && carry::value(number) > 1.0
    {
        lossy.add("temperature");
        sampling.temperature = Some(NumberText("1"));
    }
    if let (Some(temperature), Some(top_p)) = (sampling.temperature, sampling.top_p) {
        if carry::is_one(temperature) && !carry::is_one(top_p) {
            sampling.temperature = None;
        } else {
            lossy.add_if("top_p", !carry::is_one(top_p));
            sampling.top_p = None;
        }
    }
    sampling
}

pub(super) fn check(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    let mut lossy = carry::check(request, target, &WORDS)?;
    sampling(request, target, &mut lossy);
    let stops = request.stop.iter().flatten();
    for (index, stop) in stops.enumerate() {
        if stop.trim().is_empty() {
            return Err(refuse(
                format!("stop[{index}]"),
                "is only white space, which Anthropic does not accept",
            ));
        }
    }
    Ok(lossy)
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<EncodedRequest, Refusal> {
    let mut lossy = check(request, target)?;
    let conversation = turns::arrange(request, MANNERS, &|_| false)?;
    let sampling = sampling(request, target, &mut lossy);
    let (least, most) = DEFAULT_MAX_TOKENS;
    let body = Body {
        model: &target.upstream,
        max_tokens: request
            .max_output_tokens
            .unwrap_or_else(|| target.max_output_tokens.clamp(least, most)),
        system: system(&conversation),
        messages: conversation
            .turns
            .iter()
            .map(message)
            .collect::<Result<_, _>>()?,
        temperature: carry::number("temperature", sampling.temperature)?,
        top_p: carry::number("top_p", sampling.top_p)?,
        top_k: carry::number("top_k", sampling.top_k)?,
        metadata: request
            .end_user
            .as_deref()
            .map(|user_id| Metadata { user_id }),
        stop_sequences: request.stop.as_deref(),
        tools: tools(request)?,
        tool_choice: tool_choice(request),
        stream: request.stream,
    };
    Ok(EncodedRequest {
        path: "/v1/messages".to_owned(),
        headers: SmallVec::new(),
        body: carry::write(&body)?,
        lossy,
    })
}

fn system<'r>(conversation: &Conversation<'r, '_>) -> Option<System<'r>> {
    let texts: SmallVec<[&'r str; 2]> =
        conversation.system.iter().filter_map(Piece::text).collect();
    match texts.as_slice() {
        [] => None,
        [one] => Some(System::One(one)),
        several => Some(System::Several(
            several.iter().map(|text| Block::Text { text }).collect(),
        )),
    }
}

fn message<'r>(turn: &Turn<'r, '_>) -> Result<WireMessage<'r>, Refusal> {
    let role = match turn.speaker {
        Speaker::User => "user",
        Speaker::Model => "assistant",
    };
    let texts: SmallVec<[&'r str; 2]> = turn.pieces.iter().filter_map(Piece::text).collect();
    if let ([text], [], []) = (
        texts.as_slice(),
        turn.results.as_slice(),
        turn.calls.as_slice(),
    ) {
        return Ok(WireMessage {
            role,
            content: Content::Text(text),
        });
    }
    let mut blocks = Vec::with_capacity(turn.results.len() + texts.len() + turn.calls.len());
    // Results stand before any text: Anthropic refuses the other order.
    for result in &turn.results {
        blocks.push(Block::ToolResult {
            tool_use_id: id(result.call),
            content: result.text.clone(),
            is_error: result.failed,
        });
    }
    blocks.extend(texts.iter().map(|text| Block::Text { text }));
    for call in &turn.calls {
        blocks.push(tool_use(call)?);
    }
    Ok(WireMessage {
        role,
        content: Content::Blocks(blocks),
    })
}

fn tool_use<'r>(call: &Call<'r, '_>) -> Result<Block<'r>, Refusal> {
    Ok(Block::ToolUse {
        id: id(call.call),
        name: &call.call.name,
        input: carry::arguments(call, MANNERS.provider)?,
    })
}

/// The call's id without what Gemini put into it, or a stand-in of Anthropic's alphabet for ids of
/// other providers.
fn id<'r>(call: &'r ToolCall<'_>) -> Cow<'r, str> {
    mapped_id(&call.id)
}

pub(super) fn mapped_id(id: &str) -> Cow<'_, str> {
    let id = call_id::unpack(id).id;
    if is_id(id) {
        Cow::Borrowed(id)
    } else {
        Cow::Owned(format!("call_{:016x}", json::fnv1a(&[id.as_bytes()])))
    }
}

fn tools<'r>(request: &'r ChatRequest<'_>) -> Result<Vec<WireTool<'r>>, Refusal> {
    let tool = |(index, tool): (usize, &'r Tool<'_>)| {
        Ok(WireTool {
            name: &tool.name,
            description: tool.description.as_deref(),
            input_schema: input_schema(index, tool)?,
            strict: tool.strict == Some(true),
        })
    };
    request.tools.iter().enumerate().map(tool).collect()
}

/// The schema as received. Anthropic wants `"type": "object"` in it, which says nothing about
/// arguments that are always an object: it is put in front where it is missing.
fn input_schema<'r>(index: usize, tool: &'r Tool<'_>) -> Result<Cow<'r, RawValue>, Refusal> {
    #[derive(serde::Deserialize)]
    struct Peek<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<&'a RawValue>,
    }
    let field = || format!("tools[{index}].function.parameters");
    let Some(schema) = tool.parameters else {
        return completed(EMPTY_SCHEMA.to_owned(), field);
    };
    let Some(members) = schema.get().strip_prefix('{') else {
        return Err(refuse(field(), "is not a JSON Schema object"));
    };
    let peek: Peek<'_> = serde_json::from_str(schema.get())
        .map_err(|error| refuse(field(), format!("cannot be read: {error}")))?;
    match peek.kind.map(RawValue::get) {
        Some("\"object\"") => Ok(Cow::Borrowed(schema)),
        None if members.trim_ascii_start() == "}" => completed(EMPTY_SCHEMA.to_owned(), field),
        None => completed(format!("{{\"type\":\"object\",{members}"), field),
        Some(_) => Err(refuse(
            field(),
            "has another type than object, which Anthropic does not accept",
        )),
    }
}

const EMPTY_SCHEMA: &str = r#"{"type":"object","properties":{}}"#;

fn completed<'r>(schema: String, field: impl Fn() -> String) -> Result<Cow<'r, RawValue>, Refusal> {
    RawValue::from_string(schema)
        .map(Cow::Owned)
        .map_err(|error| refuse(field(), error.to_string()))
}

fn tool_choice<'r>(request: &'r ChatRequest<'_>) -> Option<WireChoice<'r>> {
    if request.tools.is_empty() {
        return None;
    }
    let single = request.parallel_tool_calls == Some(false);
    let (kind, name) = match &request.tool_choice {
        None if single => ("auto", None),
        None => return None,
        Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Required) => ("any", None),
        Some(ToolChoice::Function(name)) => ("tool", Some(name.as_ref())),
    };
    Some(WireChoice {
        kind,
        name,
        // Not known on `none`, where there are no calls anyway.
        disable_parallel_tool_use: single && kind != "none",
    })
}
