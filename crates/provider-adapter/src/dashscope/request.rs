use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use smallvec::{SmallVec, smallvec};
use steelyard_types::{ChatRequest, Feature, Message, Role, Target, Tool, ToolCall, ToolChoice};

use crate::carry::{self, Words, refuse};
use crate::gemini::call_id;
use crate::turns::told;
use crate::{EncodedRequest, Losses, Refusal};

const PROVIDER: &str = "DashScope";

/// Where models of text alone answer; content is a string.
const TEXT_PATH: &str = "/api/v1/services/aigc/text-generation/generation";

/// Where models that also take images or sound answer, even if they are sent text alone; content is
/// a list of pieces. Each refuses the other's path with "url error".
const MULTIMODAL_PATH: &str = "/api/v1/services/aigc/multimodal-generation/generation";

#[derive(Serialize)]
struct Body<'r> {
    model: &'r str,
    input: Input<'r>,
    parameters: Parameters<'r>,
}

#[derive(Serialize)]
struct Input<'r> {
    messages: Vec<WireMessage<'r>>,
}

#[derive(Serialize)]
struct WireMessage<'r> {
    role: &'static str,
    content: Content<'r>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'r str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'r> {
    Text(Cow<'r, str>),
    Pieces(Vec<Piece<'r>>),
}

#[derive(Serialize)]
struct Piece<'r> {
    text: &'r str,
}

#[derive(Serialize)]
struct WireCall<'r> {
    index: usize,
    id: &'r str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: CalledFunction<'r>,
}

#[derive(Serialize)]
struct CalledFunction<'r> {
    name: &'r str,
    arguments: &'r str,
}

#[derive(Serialize)]
struct Parameters<'r> {
    result_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    incremental_output: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<&'r [Cow<'r, str>]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WireChoice<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
}

#[derive(Serialize)]
struct WireTool<'r> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'r>,
}

#[derive(Serialize)]
struct Function<'r> {
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'r RawValue>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WireChoice<'r> {
    Word(&'static str),
    Function {
        #[serde(rename = "type")]
        kind: &'static str,
        function: ChosenFunction<'r>,
    },
}

#[derive(Serialize)]
struct ChosenFunction<'r> {
    name: &'r str,
}

/// What DashScope has words for.
const WORDS: Words = Words {
    provider: PROVIDER,
    parallel_tool_calls: true,
    ..Words::NONE
};

pub(super) fn check(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    let mut lossy = carry::check(request, target, &WORDS)?;
    let sampling = carry::sampling(request, target, &mut lossy);
    if let Some(number) = sampling.temperature
        && carry::value(number) >= 2.0
    {
        return Err(refuse(
            "temperature",
            format!("is {}, and DashScope takes less than 2", number.0),
        ));
    }
    if let Some(number) = sampling.top_p
        && carry::value(number) <= 0.0
    {
        return Err(refuse(
            "top_p",
            format!("is {}, and DashScope takes more than 0", number.0),
        ));
    }
    if request.tool_choice == Some(ToolChoice::Required) {
        return Err(refuse(
            "tool_choice",
            "is required, which cannot be asked of DashScope",
        ));
    }
    Ok(lossy)
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<EncodedRequest, Refusal> {
    let mut lossy = check(request, target)?;
    let sampling = carry::sampling(request, target, &mut lossy);
    let has_tools = !request.tools.is_empty();
    let multimodal = is_multimodal(target);
    let messages = request.messages.iter();
    let body = Body {
        model: &target.upstream,
        input: Input {
            messages: messages
                .map(|message| wire_message(message, multimodal))
                .collect(),
        },
        parameters: Parameters {
            // Tools need it, and it is the form that has a finish reason a choice.
            result_format: "message",
            incremental_output: request.stream.then_some(true),
            max_tokens: request.max_output_tokens,
            temperature: carry::number("temperature", sampling.temperature)?,
            top_p: carry::number("top_p", sampling.top_p)?,
            stop: request.stop.as_deref(),
            tools: request.tools.iter().map(tool).collect(),
            tool_choice: request
                .tool_choice
                .as_ref()
                .filter(|_| has_tools)
                .map(tool_choice),
            // The client's dialect allows several calls unless it is told otherwise, DashScope does
            // not: what the client left unsaid has to be said.
            parallel_tool_calls: has_tools.then(|| request.parallel_tool_calls.unwrap_or(true)),
        },
    };
    Ok(EncodedRequest {
        path: if multimodal {
            MULTIMODAL_PATH
        } else {
            TEXT_PATH
        }
        .to_owned(),
        headers: if request.stream {
            smallvec![("x-dashscope-sse", "enable")]
        } else {
            SmallVec::new()
        },
        body: carry::write(&body)?,
        lossy,
    })
}

fn is_multimodal(target: &Target) -> bool {
    target.features.contains(Feature::Vision) || target.features.contains(Feature::Audio)
}

fn wire_message<'r>(message: &'r Message<'_>, multimodal: bool) -> WireMessage<'r> {
    let content = if multimodal {
        // Before the words of a tool that failed, so that the model knows.
        let failed = message.is_error.then_some("Error:");
        let texts = failed.into_iter().chain(message.texts());
        Content::Pieces(texts.map(|text| Piece { text }).collect())
    } else {
        Content::Text(told(message))
    };
    WireMessage {
        role: match message.role {
            Role::System | Role::Developer => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        },
        content,
        tool_calls: message.tool_calls.iter().enumerate().map(call).collect(),
        tool_call_id: message
            .tool_call_id
            .as_deref()
            .map(|id| call_id::unpack(id).id),
    }
}

fn call<'r>((index, call): (usize, &'r ToolCall<'_>)) -> WireCall<'r> {
    WireCall {
        index,
        id: call_id::unpack(&call.id).id,
        kind: "function",
        function: CalledFunction {
            name: &call.name,
            arguments: &call.arguments,
        },
    }
}

fn tool<'r>(tool: &'r Tool<'_>) -> WireTool<'r> {
    WireTool {
        kind: "function",
        function: Function {
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters: tool.parameters,
        },
    }
}

fn tool_choice<'r>(choice: &'r ToolChoice<'_>) -> WireChoice<'r> {
    match choice {
        ToolChoice::None => WireChoice::Word("none"),
        ToolChoice::Function(name) => WireChoice::Function {
            kind: "function",
            function: ChosenFunction { name },
        },
        // `Required` was refused above.
        ToolChoice::Auto | ToolChoice::Required => WireChoice::Word("auto"),
    }
}
