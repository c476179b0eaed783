//! Requests of clients that speak another dialect.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use steelyard_types::{ChatRequest, NumberText, ReasoningPart, Target};

use crate::carry::{self, Names, Sampling, Words};
use crate::turns::{self, Conversation, Manners};
use crate::{EncodedRequest, Losses, Refusal};
use block::{Block, Content, WireMark, WireMessage};
use output::Output;
use tool::{WireChoice, WireTool};

mod block;
mod output;
mod reasoning;
mod tool;

pub(super) use block::{is_id, mapped_id};
pub(super) use output::ANSWER_TOOL;
pub(super) use reasoning::{Reasoning, Thinking, ends_without_thoughts, plan as plan_reasoning};

pub(super) const MANNERS: Manners = Manners {
    provider: "Anthropic",
    blank: |text| text.trim().is_empty(),
    user_first: true,
};

#[derive(Serialize)]
struct Body<'r> {
    model: &'r str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<Content<'r>>,
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
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<WireMark>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
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
struct OutputConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<output::WireFormat>,
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
    names: Some(Names::LONG),
    plain_http: false,
    top_k: true,
    end_user: true,
    service_tier: true,
    strict_tools: true,
    parallel_tool_calls: true,
    cache_marks: true,
    prefill: true,
    json: true,
    reasoning: true,
    part: block::has_block,
    ..Words::NONE
};

/// What is written beside the conversation, as far as it has to be decided.
struct Plan<'r> {
    output: Output<'r>,
    reasoning: Reasoning,
    sampling: Sampling<'r>,
    service_tier: Option<&'static str>,
}

fn plan<'r>(
    request: &'r ChatRequest<'_>,
    target: &Target,
    lossy: &mut Losses,
) -> Result<Plan<'r>, Refusal> {
    let output = output::plan(request, target, lossy)?;
    let forced = tool::is_forced(request, &output);
    let is_own = |thoughts: &ReasoningPart<'_>| block::own(thoughts, target).is_some();
    let reasoning = reasoning::plan(request, target, forced, &is_own, lossy);
    tool::check(request, target, lossy);
    lossy.add_if(
        carry::thoughts_field(request),
        block::loses_thoughts(request, target),
    );
    turns::declare_silent(request, MANNERS.blank, lossy);
    Ok(Plan {
        sampling: sampling(request, target, reasoning.is_on(), lossy),
        service_tier: service_tier(request, lossy),
        output,
        reasoning,
    })
}

/// The sampling parameters to write. Other dialects go to 2 and Anthropic's to 1, and current
/// models take only one of the two: what is above 1 is sent as 1, and `top_p` stays behind beside
/// `temperature`, both declared. A 1 beside another value says what is so anyway and is left out.
/// While the model thinks, only a `top_p` of at least 0.95 is accepted.
fn sampling<'r>(
    request: &'r ChatRequest<'_>,
    target: &Target,
    thinks: bool,
    lossy: &mut Losses,
) -> Sampling<'r> {
    let mut sampling = carry::sampling(request, target, lossy);
    let says_something = |value: NumberText<'_>| !carry::is_one(value);
    if thinks {
        lossy.add_if(
            "temperature",
            sampling.temperature.is_some_and(says_something),
        );
        lossy.add_if("top_k", sampling.top_k.is_some());
        let refused = |value: &NumberText<'_>| !(0.95..=1.0).contains(&carry::value(*value));
        lossy.add_if("top_p", sampling.top_p.as_ref().is_some_and(refused));
        return Sampling {
            temperature: None,
            top_p: sampling.top_p.filter(|value| !refused(value)),
            top_k: None,
            ..sampling
        };
    }
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

/// Anthropic's word for the class of service: what others sell beside the usual one, it does not.
fn service_tier(request: &ChatRequest<'_>, lossy: &mut Losses) -> Option<&'static str> {
    match request.service_tier.as_deref()? {
        "auto" => Some("auto"),
        "default" | "standard_only" => Some("standard_only"),
        _ => {
            lossy.add("service_tier");
            None
        }
    }
}

pub(super) fn check(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    check_words(request, target).and_then(|mut lossy| {
        plan(request, target, &mut lossy)?;
        Ok(lossy)
    })
}

fn check_words(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    let lossy = carry::check(request, target, &WORDS)?;
    block::check_stops(request)?;
    Ok(lossy)
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<EncodedRequest, Refusal> {
    let mut lossy = check_words(request, target)?;
    let plan = plan(request, target, &mut lossy)?;
    let is_own = |thoughts: &ReasoningPart<'_>| block::own(thoughts, target).is_some();
    let conversation = turns::arrange(request, MANNERS, &is_own)?;
    let last = conversation.turns.len().saturating_sub(1);
    let turns = conversation.turns.iter().enumerate();
    let tools = tool::tools(request, target, &plan.output)?;
    let tool_choice = tool::choice(request, &plan.output);
    let body = Body {
        model: &target.upstream,
        max_tokens: plan.reasoning.max_tokens,
        system: system(&conversation, target, &plan.output),
        messages: turns
            .filter_map(|(index, turn)| block::message(turn, target, index == last).transpose())
            .collect::<Result<_, _>>()?,
        temperature: carry::number("temperature", plan.sampling.temperature)?,
        top_p: carry::number("top_p", plan.sampling.top_p)?,
        top_k: carry::number("top_k", plan.sampling.top_k)?,
        stop_sequences: request.stop.as_deref(),
        tools,
        tool_choice,
        thinking: plan.reasoning.thinking,
        cache_control: request.cache.map(WireMark::from),
        service_tier: plan.service_tier,
        metadata: request
            .end_user
            .as_deref()
            .map(|user_id| Metadata { user_id }),
        stream: request.stream,
        output_config: output_config(plan.reasoning.effort, plan.output),
    };
    Ok(EncodedRequest {
        path: "/v1/messages".to_owned(),
        headers: SmallVec::new(),
        body: carry::write(&body)?,
        lossy,
    })
}

fn output_config(effort: Option<&'static str>, output: Output<'_>) -> Option<OutputConfig> {
    let format = output.into_format();
    (effort.is_some() || format.is_some()).then_some(OutputConfig { effort, format })
}

/// The instructions; what an answer must be stands behind the client's own.
fn system<'r>(
    conversation: &Conversation<'r, '_>,
    target: &Target,
    output: &Output<'_>,
) -> Option<Content<'r>> {
    let mut blocks = block::system(conversation, target);
    if let Output::Told(words) = output {
        blocks.push(Block::text(words.clone()));
    }
    (!blocks.is_empty()).then(|| block::content(blocks))
}
