use smallvec::SmallVec;
use steelyard_types::{ChatRequest, Message, Part as Said, Role, Target, ToolChoice};

use super::call_id;
use super::signed::{self, Placed, Signed};
use crate::carry::{self, Names, Words, named, refuse};
use crate::origin::{self, Origin};
use crate::turns::{self, CallResult, Manners, Piece, Speaker, Turn};
use crate::{EncodedRequest, Losses, Refusal, arguments};

mod config;
mod media;
mod wire;

use wire::{
    Body, Content, Function, FunctionCall, FunctionCallingConfig, FunctionResponse,
    GenerationConfig, Part, Response, ToolConfig, Tools,
};

const MANNERS: Manners = Manners {
    provider: "Gemini",
    blank: str::is_empty,
    user_first: false,
};

/// What Google documents for a call of the current turn whose signature nobody knows, such as one
/// that another model made.
const UNKNOWN_SIGNATURE: &str = "skip_thought_signature_validator";

/// What Gemini has words for.
const WORDS: Words = Words {
    provider: MANNERS.provider,
    names: Some(Names::GEMINI),
    top_k: true,
    seed: true,
    presence_penalty: true,
    frequency_penalty: true,
    n: true,
    logprobs: true,
    service_tier: true,
    json: true,
    buckets: true,
    reasoning: true,
    part: |part, role| match part {
        Said::Image(_) | Said::Document(_) => matches!(role, Role::User | Role::Tool),
        Said::Other { kind, .. } => kind == "input_audio" && role == Role::User,
        _ => false,
    },
    ..Words::NONE
};

pub(super) fn check(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    plan(request, target).map(|plan| plan.lossy)
}

/// What has to be decided before anything is written.
struct Plan<'r> {
    lossy: Losses,
    config: GenerationConfig<'r>,
    /// What is to be said beside the client's instructions.
    words: Option<String>,
    service_tier: Option<&'static str>,
    /// The signatures that return on parts of text.
    signed: Placed<'r>,
}

fn plan<'r>(request: &'r ChatRequest<'_>, target: &Target) -> Result<Plan<'r>, Refusal> {
    let mut lossy = carry::check(request, target, &WORDS)?;
    check_media(request, &mut lossy)?;
    let (config, words) = config::config(request, target, &mut lossy)?;
    let service_tier = service_tier(request, &mut lossy);
    let field = carry::thoughts_field(request);
    let signed = Placed::find(&request.messages, target);
    let mut messages = request.messages.iter().enumerate();
    let loses = messages.any(|(index, message)| loses_thoughts(index, message, &signed, target));
    lossy.add_if(field, loses);
    turns::declare_silent(request, MANNERS.blank, &mut lossy);
    Ok(Plan {
        lossy,
        config,
        words,
        service_tier,
        signed,
    })
}

/// Whether thoughts of the message stay behind. Those that led to a call return in the signature
/// that the call's id holds, unless another model wrote it, and signatures of text on their parts;
/// what Gemini told of its thoughts in words is only a summary of them.
fn loses_thoughts(
    index: usize,
    message: &Message<'_>,
    placed: &Placed<'_>,
    target: &Target,
) -> bool {
    let first = message.tool_calls.first();
    let signature = first.and_then(|call| call_id::unpack(&call.id).signature);
    let returned = signature.is_some_and(|signature| own(signature, target).is_some());
    if signature.is_some() && !returned {
        return true;
    }
    // Of an answer that says nothing else, nothing is left.
    let silent = turns::is_silent(message, MANNERS.blank) && !placed.returns(index);
    let is_lost = |part: &Said<'_>| match part {
        Said::Reasoning(thought) if !silent && signed::own(thought, target).is_some() => false,
        Said::Reasoning(thought) if returned => turns::has_proof(thought),
        part => turns::is_thought(part),
    };
    message.content.iter().any(is_lost) || placed.is_unfit(index)
}

fn check_media(request: &ChatRequest<'_>, lossy: &mut Losses) -> Result<(), Refusal> {
    for (index, message) in request.messages.iter().enumerate() {
        for (position, part) in message.content.iter().enumerate() {
            let field = || format!("messages[{index}].content[{position}]");
            media::media(part).map_err(|reason| refuse(field(), reason))?;
            if let Said::Document(document) = part {
                let field = named(request, "file.filename", "document.title");
                lossy.add_if(field, document.name.is_some());
            }
        }
    }
    Ok(())
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<EncodedRequest, Refusal> {
    let plan = plan(request, target)?;
    let conversation = turns::arrange(request, MANNERS, &|_| false)?;
    // Words of the user's beside results of tools do not end what Gemini calls the current turn.
    let current = conversation
        .turns
        .iter()
        .rposition(|turn| turn.speaker == Speaker::User && turn.results.is_empty())
        .unwrap_or(0);
    let is_3 = is_gemini_3(&target.upstream);
    let contents = conversation
        .turns
        .iter()
        .enumerate()
        .map(|(index, turn)| {
            let sign = is_3 && index > current;
            content(turn, &plan.signed, target, is_3, sign)
        })
        .collect::<Result<_, _>>()?;
    let instructions = conversation.system.iter().filter_map(Piece::text);
    let mut instructions: Vec<Part<'_>> = instructions.map(Part::text).collect();
    instructions.extend(plan.words.map(Part::text));
    let body = Body {
        contents,
        system_instruction: (!instructions.is_empty()).then_some(Content {
            role: None,
            parts: instructions,
        }),
        tools: tools(request),
        tool_config: tool_config(request),
        generation_config: plan.config.non_empty(),
        service_tier: plan.service_tier,
    };
    Ok(EncodedRequest {
        path: path(&target.upstream, request.stream),
        headers: SmallVec::new(),
        body: carry::write(&body)?,
        lossy: plan.lossy,
    })
}

/// The class of service in Gemini's words; one that it does not have is lost.
fn service_tier(request: &ChatRequest<'_>, lossy: &mut Losses) -> Option<&'static str> {
    match request.service_tier.as_deref()? {
        "default" | "standard_only" | "standard" => Some("standard"),
        "flex" => Some("flex"),
        "priority" => Some("priority"),
        "auto" => None,
        _ => {
            lossy.add("service_tier");
            None
        }
    }
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

/// Whether the model is Gemini 3 or later. Those refuse a call of the current turn without a
/// signature, and take pictures within a function's response.
fn is_gemini_3(model: &str) -> bool {
    let version = bare(model).strip_prefix("gemini-").unwrap_or("");
    let digits = version
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(version.len());
    version[..digits]
        .parse::<u32>()
        .is_ok_and(|generation| generation >= 3)
}

/// A turn: responses first, all in this one turn, then what they could not hold, then what was
/// said, then calls.
fn content<'r>(
    turn: &Turn<'r, '_>,
    placed: &Placed<'r>,
    target: &Target,
    is_3: bool,
    sign: bool,
) -> Result<Content<'r>, Refusal> {
    let role = match turn.speaker {
        Speaker::User => "user",
        Speaker::Model => "model",
    };
    let mut parts = Vec::with_capacity(turn.results.len() + turn.pieces.len() + turn.calls.len());
    let mut beside = Vec::new();
    for result in &turn.results {
        parts.push(response(result, is_3, &mut beside)?);
    }
    parts.append(&mut beside);
    for (message, pieces) in turn.pieces_by_message() {
        words(pieces, placed.of(message), &mut parts)?;
    }
    for (position, call) in turn.calls.iter().enumerate() {
        let unpacked = call_id::unpack(&call.call.id);
        // Of parallel calls Gemini signs the first; its siblings stay unsigned.
        let unknown = (sign && position == 0).then_some(UNKNOWN_SIGNATURE);
        parts.push(Part {
            function_call: Some(FunctionCall {
                id: unpacked.id,
                name: &call.call.name,
                args: arguments::as_object(&call.call.arguments),
            }),
            thought_signature: unpacked
                .signature
                .and_then(|signature| own(signature, target))
                .or(unknown),
            ..Part::default()
        });
    }
    Ok(Content {
        role: Some(role),
        parts,
    })
}

/// What one message says, its text in the parts that were signed and those between them.
fn words<'r>(
    pieces: &[Piece<'r, '_>],
    signed: &[Signed<'r>],
    parts: &mut Vec<Part<'r>>,
) -> Result<(), Refusal> {
    let mut signed = signed.iter().peekable();
    // Where in the message's text a piece begins.
    let mut begin = 0;
    for piece in pieces {
        let Some(text) = piece.text() else {
            parts.extend(media_of(piece)?.map(Part::media));
            continue;
        };
        let end = begin + text.len();
        let mut told = 0;
        while let Some(Signed {
            place, signature, ..
        }) = signed.next_if(|one| one.place.end <= end)
        {
            // A part that clients have cut in two is signed where it ends.
            let from = place.start.saturating_sub(begin).max(told);
            let to = place.end.saturating_sub(begin).max(from);
            let before = text.get(told..from).unwrap_or_default();
            parts.extend((!before.is_empty()).then(|| Part::text(before)));
            parts.push(Part {
                thought_signature: Some(signature),
                ..Part::text(text.get(from..to).unwrap_or_default())
            });
            told = to;
        }
        let rest = text.get(told..).unwrap_or_default();
        parts.extend((!rest.is_empty()).then(|| Part::text(rest)));
        begin = end;
    }
    // Behind no text at all: an empty part before calls.
    parts.extend(signed.map(|one| Part {
        thought_signature: Some(one.signature),
        ..Part::text("")
    }));
    Ok(())
}

/// The signature, unless another model wrote it.
fn own<'s>(signature: &'s str, target: &Target) -> Option<&'s str> {
    match origin::open(signature, target) {
        Origin::Own(own) | Origin::Unmarked(own) => Some(own),
        Origin::Foreign => None,
    }
}

fn media_of<'r>(piece: &Piece<'r, '_>) -> Result<Option<wire::Media<'r>>, Refusal> {
    media::media(piece.part).map_err(|reason| refuse(piece.path(), reason))
}

/// A function's response. Pictures and documents stand in it where the model takes them there, else
/// `beside` it, behind words that say whose they are.
fn response<'r>(
    result: &CallResult<'r, '_>,
    is_3: bool,
    beside: &mut Vec<Part<'r>>,
) -> Result<Part<'r>, Refusal> {
    let mut within = Vec::new();
    let first = beside.len();
    for piece in &result.pieces {
        if let Some(media) = media_of(piece)? {
            if is_3 && media::fits_response(&media) {
                within.push(media);
            } else {
                if beside.len() == first {
                    let words = format!("From the result of {}:", result.call.name);
                    beside.push(Part::text(words));
                }
                beside.push(Part::media(media));
            }
        }
    }
    Ok(Part {
        function_response: Some(FunctionResponse {
            id: call_id::unpack(&result.call.id).id,
            name: &result.call.name,
            response: Response {
                text: result.text.clone(),
                failed: result.failed,
            },
            parts: within,
        }),
        ..Part::default()
    })
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
        ToolChoice::Function(name) | ToolChoice::Custom(name) => ("ANY", Some([name.as_ref()])),
    };
    Some(ToolConfig {
        function_calling_config: FunctionCallingConfig {
            mode,
            allowed_function_names: name,
        },
    })
}
