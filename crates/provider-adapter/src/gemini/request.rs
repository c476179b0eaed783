use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use smallvec::SmallVec;
use steelyard_types::{ChatRequest, Target, ToolChoice};

use super::call_id;
use crate::carry::{self, Words, refuse};
use crate::json;
use crate::turns::{self, CallResult, Manners, Piece, Speaker, Turn};
use crate::{EncodedRequest, Losses, Refusal};

const MANNERS: Manners = Manners {
    provider: "Gemini",
    blank: str::is_empty,
    user_first: false,
};

/// Most stop sequences (`GenerationConfig.stopSequences`).
const MAX_STOPS: usize = 5;

/// What Google documents for a call of the current turn whose signature nobody knows, such as one
/// that another model made.
const UNKNOWN_SIGNATURE: &str = "skip_thought_signature_validator";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'r> {
    contents: Vec<Content<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<[Tools<'r>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'r>>,
    #[serde(skip_serializing_if = "GenerationConfig::is_empty")]
    generation_config: GenerationConfig<'r>,
}

#[derive(Serialize)]
struct Content<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<Part<'r>>,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Part<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<FunctionCall<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_response: Option<FunctionResponse<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<&'r str>,
}

#[derive(Serialize)]
struct FunctionCall<'r> {
    id: &'r str,
    name: &'r str,
    args: &'r RawValue,
}

#[derive(Serialize)]
struct FunctionResponse<'r> {
    id: &'r str,
    name: &'r str,
    response: Response<'r>,
}

/// A tool's words as the object that Gemini wants: themselves if they are one, else wrapped. Those
/// of a tool that failed are always wrapped, under the name that Gemini reads errors from.
struct Response<'r> {
    text: Cow<'r, str>,
    failed: bool,
}

impl Serialize for Response<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(object) = json::object(&self.text).filter(|_| !self.failed) {
            return object.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        let name = if self.failed { "error" } else { "output" };
        map.serialize_entry(name, &self.text)?;
        map.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tools<'r> {
    function_declarations: Vec<Function<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Function<'r> {
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
    /// Takes ordinary JSON Schema; `parameters` takes only a part of OpenAPI's.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'r RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'r> {
    function_calling_config: FunctionCallingConfig<'r>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FunctionCallingConfig<'r> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<[&'r str; 1]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_sequences: Option<&'r [Cow<'r, str>]>,
}

impl GenerationConfig<'_> {
    fn is_empty(&self) -> bool {
        self.max_output_tokens.is_none()
            && self.temperature.is_none()
            && self.top_p.is_none()
            && self.stop_sequences.is_none()
    }
}

/// What Gemini has words for.
const WORDS: Words = Words {
    provider: MANNERS.provider,
    ..Words::NONE
};

pub(super) fn check(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    let lossy = carry::check(request, target, &WORDS)?;
    if request
        .stop
        .as_ref()
        .is_some_and(|stop| stop.len() > MAX_STOPS)
    {
        return Err(refuse(
            "stop",
            format!("has more than the {MAX_STOPS} sequences that Gemini takes"),
        ));
    }
    Ok(lossy)
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<EncodedRequest, Refusal> {
    let mut lossy = check(request, target)?;
    let conversation = turns::arrange(request, MANNERS, &|_| false)?;
    let sampling = carry::sampling(request, target, &mut lossy);
    let current = conversation
        .turns
        .iter()
        .rposition(|turn| turn.speaker == Speaker::User && !turn.pieces.is_empty())
        .unwrap_or(0);
    let wants_signatures = is_gemini_3(&target.upstream);
    let contents = conversation
        .turns
        .iter()
        .enumerate()
        .map(|(index, turn)| content(turn, wants_signatures && index > current))
        .collect::<Result<_, _>>()?;
    let system = conversation.system.iter().filter_map(Piece::text).map(said);
    let body = Body {
        contents,
        system_instruction: (!conversation.system.is_empty()).then(|| Content {
            role: None,
            parts: system.collect(),
        }),
        tools: tools(request),
        tool_config: tool_config(request),
        generation_config: GenerationConfig {
            max_output_tokens: request.max_output_tokens,
            temperature: carry::number("temperature", sampling.temperature)?,
            top_p: carry::number("top_p", sampling.top_p)?,
            stop_sequences: request.stop.as_deref(),
        },
    };
    Ok(EncodedRequest {
        path: path(&target.upstream, request.stream),
        headers: SmallVec::new(),
        body: carry::write(&body)?,
        lossy,
    })
}

/// The model stands in the path alone, bare and percent-encoded.
fn path(model: &str, stream: bool) -> String {
    let mut path = String::from("/v1beta/models/");
    for byte in bare(model).bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path.push_str(if stream {
        ":streamGenerateContent?alt=sse"
    } else {
        ":generateContent"
    });
    path
}

fn bare(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

/// Whether the model refuses a call of the current turn without a signature: Gemini 3 and later.
fn is_gemini_3(model: &str) -> bool {
    let version = bare(model).strip_prefix("gemini-").unwrap_or("");
    let digits = version
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(version.len());
    version[..digits]
        .parse::<u32>()
        .is_ok_and(|generation| generation >= 3)
}

fn said(text: &str) -> Part<'_> {
    Part {
        text: Some(text),
        ..Part::default()
    }
}

fn content<'r>(turn: &Turn<'r, '_>, sign: bool) -> Result<Content<'r>, Refusal> {
    let role = match turn.speaker {
        Speaker::User => "user",
        Speaker::Model => "model",
    };
    let mut parts = Vec::with_capacity(turn.results.len() + turn.pieces.len() + turn.calls.len());
    parts.extend(turn.results.iter().map(response));
    parts.extend(turn.pieces.iter().filter_map(Piece::text).map(said));
    for (position, call) in turn.calls.iter().enumerate() {
        let unpacked = call_id::unpack(&call.call.id);
        // Of parallel calls Gemini signs the first; its siblings stay unsigned.
        let unknown = (sign && position == 0).then_some(UNKNOWN_SIGNATURE);
        parts.push(Part {
            function_call: Some(FunctionCall {
                id: unpacked.id,
                name: &call.call.name,
                args: carry::arguments(call, MANNERS.provider)?,
            }),
            thought_signature: unpacked.signature.or(unknown),
            ..Part::default()
        });
    }
    Ok(Content {
        role: Some(role),
        parts,
    })
}

fn response<'r>(result: &CallResult<'r, '_>) -> Part<'r> {
    Part {
        function_response: Some(FunctionResponse {
            id: call_id::unpack(&result.call.id).id,
            name: &result.call.name,
            response: Response {
                text: result.text.clone(),
                failed: result.failed,
            },
        }),
        ..Part::default()
    }
}

/// All functions in one entry: several entries are refused.
fn tools<'r>(request: &'r ChatRequest<'_>) -> Option<[Tools<'r>; 1]> {
    let functions = request.tools.iter().map(|tool| Function {
        name: &tool.name,
        description: tool.description.as_deref(),
        parameters_json_schema: tool.parameters,
    });
    (!request.tools.is_empty()).then(|| {
        [Tools {
            function_declarations: functions.collect(),
        }]
    })
}

fn tool_config<'r>(request: &'r ChatRequest<'_>) -> Option<ToolConfig<'r>> {
    if request.tools.is_empty() {
        return None;
    }
    let (mode, name) = match request.tool_choice.as_ref()? {
        ToolChoice::Auto => ("AUTO", None),
        ToolChoice::None => ("NONE", None),
        ToolChoice::Required => ("ANY", None),
        ToolChoice::Function(name) => ("ANY", Some([name.as_ref()])),
    };
    Some(ToolConfig {
        function_calling_config: FunctionCallingConfig {
            mode,
            allowed_function_names: name,
        },
    })
}
