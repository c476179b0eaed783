use smallvec::{SmallVec, smallvec};
use steelyard_types::{ChatRequest, Feature, Part, Role, Target, Tool, ToolChoice};

use crate::carry::{self, Names, Sampling, Words, refuse};
use crate::{EncodedRequest, Losses, Refusal, turns};

use super::thoughts;

mod messages;
mod parameters;
mod wire;

use messages::Manner;
use parameters::Thinking;
use wire::{
    Body, ChosenFunction, Function, Input, Parameters, ResponseFormat, WireChoice, WireTool,
};

const PROVIDER: &str = "DashScope";

/// Where models of text alone answer; content is a string.
const TEXT_PATH: &str = "/api/v1/services/aigc/text-generation/generation";

/// Where models that also take images or sound answer, even if they are sent text alone; content is
/// a list of pieces. Each refuses the other's path with "url error".
const MULTIMODAL_PATH: &str = "/api/v1/services/aigc/multimodal-generation/generation";

/// What DashScope has words for. There is `repetition_penalty`, but it counts otherwise than
/// OpenAI's `frequency_penalty`, which is lost.
const WORDS: Words = Words {
    provider: PROVIDER,
    names: Some(Names::USUAL),
    top_k: true,
    seed: true,
    presence_penalty: true,
    n: true,
    logprobs: true,
    parallel_tool_calls: true,
    prefill: true,
    json: true,
    reasoning: true,
    ..Words::NONE
};

fn words(target: &Target) -> Words {
    let sees = target.features.contains(Feature::Vision);
    let hears = target.features.contains(Feature::Audio);
    Words {
        part: match (sees, hears) {
            (false, false) => |_, _| false,
            (true, false) => is_image,
            (false, true) => is_sound,
            (true, true) => |part, role| is_image(part, role) || is_sound(part, role),
        },
        ..WORDS
    }
}

fn is_image(part: &Part<'_>, role: Role) -> bool {
    matches!(part, Part::Image(_)) && matches!(role, Role::User | Role::Tool)
}

fn is_sound(part: &Part<'_>, role: Role) -> bool {
    match part {
        Part::Other { kind, raw } => {
            kind == "input_audio" && role == Role::User && messages::sound(raw.get()).is_some()
        }
        _ => false,
    }
}

pub(super) fn check(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    plan(request, target).map(|plan| plan.lossy)
}

/// What has to be decided before anything is written.
struct Plan<'r> {
    lossy: Losses,
    sampling: Sampling<'r>,
    seed: Option<i32>,
    thinking: Thinking,
    response_format: Option<ResponseFormat<'r>>,
    /// What is to be said of the answer's form.
    instruction: Option<String>,
}

fn plan<'r>(request: &'r ChatRequest<'_>, target: &Target) -> Result<Plan<'r>, Refusal> {
    let mut lossy = carry::check(request, target, &words(target))?;
    let mut sampling = carry::sampling(request, target, &mut lossy);
    let most = carry::DASHSCOPES_TEMPERATURE;
    sampling.temperature = carry::cooled(sampling.temperature, most, &mut lossy);
    parameters::check_limits(request, &sampling)?;
    let seed = parameters::seed(request, &mut lossy);
    let thinking = parameters::thinking(request, target, &mut lossy)?;
    let (response_format, instruction) = parameters::form(request, target, &mut lossy)?;
    thoughts::declare(request, target, &mut lossy);
    turns::declare_silent(request, str::is_empty, &mut lossy);
    Ok(Plan {
        lossy,
        sampling,
        seed,
        thinking,
        response_format,
        instruction,
    })
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<EncodedRequest, Refusal> {
    let mut plan = plan(request, target)?;
    let lossy = std::mem::take(&mut plan.lossy);
    let multimodal = is_multimodal(target);
    let manner = Manner {
        pieces: multimodal,
        instruction: plan.instruction.take(),
        goes_on: parameters::goes_on(request),
    };
    let body = Body {
        model: &target.upstream,
        input: Input {
            messages: messages::messages(request, target, manner),
        },
        parameters: parameters(request, plan)?,
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

fn parameters<'r>(request: &'r ChatRequest<'_>, plan: Plan<'r>) -> Result<Parameters<'r>, Refusal> {
    let sampling = plan.sampling;
    let (enable_thinking, thinking_budget) = plan.thinking;
    let has_tools = !request.tools.is_empty();
    let logprobs = request.logprobs == Some(true);
    let choice = request.tool_choice.as_ref().filter(|_| has_tools);
    Ok(Parameters {
        // Tools need it, and it is the form that has a finish reason a choice.
        result_format: "message",
        // Models that think refuse to stream without it.
        incremental_output: request.stream.then_some(true),
        max_tokens: request.max_output_tokens,
        temperature: carry::number("temperature", sampling.temperature)?,
        top_p: carry::number("top_p", sampling.top_p)?,
        top_k: carry::number("top_k", sampling.top_k)?,
        seed: plan.seed,
        presence_penalty: carry::number("presence_penalty", sampling.presence_penalty)?,
        n: request.n.filter(|n| *n != 1),
        logprobs: logprobs.then_some(true),
        top_logprobs: request.top_logprobs.filter(|_| logprobs),
        stop: request.stop.as_deref(),
        response_format: plan.response_format,
        enable_thinking,
        thinking_budget,
        tools: request.tools.iter().map(tool).collect(),
        tool_choice: choice.map(tool_choice).transpose()?,
        // The client's dialect allows several calls unless it is told otherwise, DashScope does
        // not: what the client left unsaid has to be said.
        parallel_tool_calls: has_tools.then(|| request.parallel_tool_calls.unwrap_or(true)),
    })
}

fn is_multimodal(target: &Target) -> bool {
    target.features.contains(Feature::Vision) || target.features.contains(Feature::Audio)
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

fn tool_choice<'r>(choice: &'r ToolChoice<'_>) -> Result<WireChoice<'r>, Refusal> {
    Ok(match choice {
        ToolChoice::None => WireChoice::Word("none"),
        ToolChoice::Function(name) | ToolChoice::Custom(name) => WireChoice::Function {
            kind: "function",
            function: ChosenFunction { name },
        },
        ToolChoice::Auto => WireChoice::Word("auto"),
        ToolChoice::Required => {
            let reason = "is required, which cannot be asked of DashScope";
            return Err(refuse("tool_choice", reason));
        }
    })
}
