//! How much to think, in requests of clients that speak this format themselves.
//!
//! Anthropic's newer models refuse a budget (`thinking.type` `enabled`) and its older ones refuse
//! `adaptive`: where a policy says which kind a model is, the one is told as the other.

use serde_json::value::RawValue;
use steelyard_types::{
    ChatRequest, Effort, Feature, ReasoningPart, ReasoningStyle, Target, ToolChoice,
};

use super::request::{Reasoning, Thinking, plan_reasoning};
use crate::Losses;
use crate::carry;
use crate::json::Object;
use crate::openai::request::{Fields, says_nothing, string};

/// What becomes of the client's words about thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// They leave as they came.
    Kept,
    /// They leave as they came but for the effort, for which the model has no word.
    WithoutEffort,
    /// They are told in the model's way.
    Told(Reasoning),
    /// They stay behind: the model does not think.
    Dropped,
}

/// Decides it. `counts` says which thoughts in the history return.
pub(super) fn fate(
    request: &ChatRequest<'_>,
    target: &Target,
    counts: &dyn Fn(&ReasoningPart<'_>) -> bool,
    lossy: &mut Losses,
) -> Fate {
    let Some(control) = request.reasoning.filter(|_| carry::is_described(target)) else {
        return Fate::Kept;
    };
    let kind = kind(request);
    let is_on = matches!(kind, Some("enabled" | "adaptive"));
    if !target.features.contains(Feature::Reasoning) {
        if !is_on && matches!(control.effort, None | Some(Effort::None)) {
            return Fate::Kept;
        }
        lossy.add("thinking");
        return Fate::Dropped;
    }
    let other = match target.facts.reasoning {
        ReasoningStyle::Effort => "enabled",
        ReasoningStyle::Budget => "adaptive",
    };
    if kind != Some(other) {
        // "This model does not support the effort parameter."
        if target.facts.reasoning == ReasoningStyle::Budget && has_effort(request) {
            lossy.add("output_config.effort");
            return Fate::WithoutEffort;
        }
        return Fate::Kept;
    }
    let forces = matches!(
        request.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Function(_) | ToolChoice::Custom(_))
    );
    let forced = forces && !request.tools.is_empty();
    Fate::Told(plan_reasoning(request, target, forced, counts, lossy))
}

/// Whether the client names an effort.
fn has_effort(request: &ChatRequest<'_>) -> bool {
    let mut fields = request.fields.iter();
    let config = fields.find(|field| field.name == "output_config");
    config.is_some_and(|config| {
        let read = serde_json::from_str(config.value.get());
        read.is_ok_and(|Fields(fields)| {
            let mut fields = fields.iter();
            fields.any(|(name, value)| name == "effort" && !says_nothing(value))
        })
    })
}

/// The client's `thinking.type`, as far as it is one that matters.
fn kind(request: &ChatRequest<'_>) -> Option<&'static str> {
    let field = request
        .fields
        .iter()
        .find(|field| field.name == "thinking")?;
    let Fields(fields) = serde_json::from_str(field.value.get()).ok()?;
    let (_, value) = fields.into_iter().find(|(name, _)| name == "type")?;
    let word = string(value).ok().flatten()?;
    ["enabled", "adaptive"]
        .into_iter()
        .find(|kind| *kind == word)
}

/// The client's `thinking`, told in the model's way; what else stands in it stays. `None` where
/// nothing is to be said.
pub(super) fn retold(raw: &RawValue, reasoning: Reasoning) -> Option<String> {
    let thinking = reasoning.thinking?;
    let mut out = Object::with_capacity(64);
    let (kind, budget) = match thinking {
        Thinking::Adaptive => ("adaptive", None),
        Thinking::Enabled { budget_tokens } => ("enabled", Some(budget_tokens)),
        Thinking::Disabled => ("disabled", None),
    };
    out.text("type", kind);
    if let Some(budget) = budget {
        out.raw("budget_tokens", &budget.to_string());
    }
    copy(raw, &["type", "budget_tokens"], &mut out);
    Some(out.close())
}

/// The client's `output_config` with this effort, or without any. `None` where it is empty then.
pub(super) fn with_effort(raw: Option<&RawValue>, effort: Option<&str>) -> Option<String> {
    let mut out = Object::with_capacity(64);
    if let Some(effort) = effort {
        out.text("effort", effort);
    }
    if let Some(raw) = raw {
        copy(raw, &["effort"], &mut out);
    }
    let text = out.close();
    (text != "{}").then_some(text)
}

fn copy(raw: &RawValue, but: &[&str], out: &mut Object) {
    // It was read before: a request whose fields cannot be read never comes here.
    let Ok(Fields(fields)) = serde_json::from_str(raw.get()) else {
        return;
    };
    for (name, value) in fields {
        if !but.contains(&name.as_ref()) {
            out.raw(&name, value.get());
        }
    }
}
