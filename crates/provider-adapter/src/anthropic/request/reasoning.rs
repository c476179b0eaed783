//! How much the model is to think, in the words of its generation.

use serde::Serialize;
use steelyard_types::{
    ChatRequest, Effort, Feature, ReasoningControl, ReasoningPart, ReasoningStyle, Role, Target,
};

use super::block;
use crate::openai::budget_of;
use crate::{Losses, carry};

/// Bounds of the limit that is sent where the client names none. The lower one keeps answers from
/// being cut short for no reason of the client's. The upper one keeps a whole answer within ten
/// minutes at the 128,000 tokens an hour that Anthropic's own SDKs reckon with before they insist
/// on streaming.
const DEFAULT_MAX_TOKENS: (u64, u64) = (4_096, 21_000);

/// The smallest budget that Anthropic accepts.
const LEAST_BUDGET: u64 = 1_024;

/// What a request asks for: thinking, an effort, and the limit of the answer, which both share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::anthropic) struct Reasoning {
    pub(in crate::anthropic) thinking: Option<Thinking>,
    pub(in crate::anthropic) effort: Option<&'static str>,
    pub(super) max_tokens: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::anthropic) enum Thinking {
    Adaptive,
    Enabled { budget_tokens: u64 },
    Disabled,
}

impl Reasoning {
    /// Whether the model thinks because it is asked to.
    pub(super) fn is_on(&self) -> bool {
        !matches!(self.thinking, None | Some(Thinking::Disabled))
    }
}

/// Decides it. `forced` says whether a call of a tool is forced: Anthropic refuses that while its
/// models think, as it refuses to go on from given words, and both are worth more than thoughts.
/// `counts` says which thoughts in the history return: with a budget Anthropic refuses results of
/// calls without any: "Expected `thinking` or `redacted_thinking`, but found `tool_use`".
pub(in crate::anthropic) fn plan(
    request: &ChatRequest<'_>,
    target: &Target,
    forced: bool,
    counts: &dyn Fn(&ReasoningPart<'_>) -> bool,
    lossy: &mut Losses,
) -> Reasoning {
    let (least, most) = DEFAULT_MAX_TOKENS;
    let given = request.max_output_tokens;
    let mut plan = Reasoning {
        thinking: None,
        effort: None,
        max_tokens: given.unwrap_or_else(|| target.max_output_tokens.clamp(least, most)),
    };
    let Some(control) = request.reasoning else {
        return plan;
    };
    let name = carry::reasoning_field(request);
    let thinks = target.features.contains(Feature::Reasoning);
    if control.effort == Some(Effort::None) {
        // A model that cannot think need not be told to leave it.
        plan.thinking = thinks.then_some(Thinking::Disabled);
        return plan;
    }
    if !thinks {
        lossy.add(name);
        return plan;
    }
    let hindered = forced || request.has_prefill();
    match target.facts.reasoning {
        ReasoningStyle::Effort => {
            let (effort, exact) = effort(control);
            plan.effort = effort;
            plan.thinking = (!hindered).then_some(Thinking::Adaptive);
            lossy.add_if(name, hindered || !exact);
        }
        ReasoningStyle::Budget => {
            let (budget, max_tokens) = budget(control, given, plan.max_tokens, target);
            if hindered || max_tokens <= budget || ends_without_thoughts(request, counts) {
                lossy.add(name);
                return plan;
            }
            plan.max_tokens = max_tokens;
            plan.thinking = Some(Thinking::Enabled {
                budget_tokens: budget,
            });
            let asked = control.budget_tokens.unwrap_or(budget);
            lossy.add_if(name, control.effort.is_some() || asked != budget);
        }
    }
    plan
}

/// The word for an effort, and whether it says just what was asked for. A budget has no word: it is
/// told by the effort that usually needs about as much.
fn effort(control: ReasoningControl) -> (Option<&'static str>, bool) {
    match (control.effort, control.budget_tokens) {
        (Some(Effort::None | Effort::Minimal), _) => (Some("low"), false),
        (Some(effort), budget) => (Some(effort.as_str()), budget.is_none()),
        (None, Some(budget)) => {
            let word = match budget {
                ..=4_096 => "low",
                4_097..=16_384 => "medium",
                _ => "high",
            };
            (Some(word), false)
        }
        (None, None) => (None, true),
    }
}

/// The budget, and the limit that holds it and the answer. A client's own limit is never raised: it
/// is what an answer may cost at most. A quarter of it is left to the words behind the thoughts.
fn budget(
    control: ReasoningControl,
    given: Option<u64>,
    default: u64,
    target: &Target,
) -> (u64, u64) {
    let of_effort = |effort| match effort {
        Effort::XHigh => 32_768,
        // There is no word for as much as there can be.
        Effort::Max => 65_536,
        effort => budget_of(effort).unwrap_or(LEAST_BUDGET),
    };
    let effort = control.effort.unwrap_or(Effort::Medium);
    let wanted = control.budget_tokens.unwrap_or_else(|| of_effort(effort));
    let limit = given.unwrap_or_else(|| {
        let words = DEFAULT_MAX_TOKENS.0.max(wanted.div_ceil(3));
        let with_answer = wanted.saturating_add(words).max(default);
        match target.max_output_tokens {
            0 => with_answer,
            most => with_answer.min(most),
        }
    });
    let most = limit - limit / 4;
    (wanted.min(most).max(LEAST_BUDGET), limit)
}

/// Whether the conversation ends with results of calls in front of which there are no thoughts that
/// count.
pub(in crate::anthropic) fn ends_without_thoughts(
    request: &ChatRequest<'_>,
    counts: impl Fn(&ReasoningPart<'_>) -> bool,
) -> bool {
    let mut messages = request.messages.iter().rev().peekable();
    let mut results = false;
    while let Some(message) = messages.next_if(|message| message.role != Role::Assistant) {
        results |= message.role == Role::Tool;
    }
    let mut turn = messages.take_while(|message| !matches!(message.role, Role::User | Role::Tool));
    results && !turn.any(|message| block::thoughts(message).any(&counts))
}
