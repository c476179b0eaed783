//! How much to reason, in the words of each server of this format.

use steelyard_types::{
    ChatRequest, Effort, Feature, MaxTokensField, Message, Part, ReasoningControl, ReasoningField,
    Target, UnknownFields, WireProfile,
};

use super::request::{REASONING_FIELDS, says_nothing};
use crate::json::Object;
use crate::{Losses, carry};

/// What a server is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Wish {
    effort: Option<Effort>,
    /// Whether there is to be reasoning.
    on: Option<bool>,
    budget: Option<u64>,
    /// Whether it says less, or something else, than the client did.
    inexact: bool,
}

impl Wish {
    /// The wish in the server's words. Of a model that does not reason nothing is wished: OpenAI
    /// answers 400 to the word.
    fn new(control: ReasoningControl, target: &Target) -> Self {
        let ReasoningControl {
            effort,
            budget_tokens: budget,
        } = control;
        let off = effort == Some(Effort::None) || effort.is_none() && budget == Some(0);
        if !target.features.contains(Feature::Reasoning) {
            return Self {
                inexact: !off,
                ..Self::default()
            };
        }
        match target.profile.reasoning {
            ReasoningField::Effort if off => {
                let (effort, exact) = least(target);
                Self {
                    effort,
                    inexact: !exact,
                    ..Self::default()
                }
            }
            ReasoningField::Effort => Self {
                effort: effort.or(budget.map(Effort::of_budget)),
                inexact: budget.is_some(),
                ..Self::default()
            },
            ReasoningField::EnableThinking => {
                let of_effort = effort.and_then(budget_of);
                Self {
                    on: Some(!off),
                    budget: budget.or(of_effort).filter(|_| !off),
                    inexact: effort.is_some_and(|effort| effort != Effort::Max) && !off,
                    ..Self::default()
                }
            }
            ReasoningField::Thinking => Self {
                on: Some(!off),
                inexact: !off && (effort.is_some() || budget.is_some()),
                ..Self::default()
            },
            ReasoningField::None => Self {
                inexact: true,
                ..Self::default()
            },
        }
    }

    /// The wish beside the rest of the request. Qwen refuses to be made to call a tool while it thinks
    /// ("does not support being set to required or object in thinking mode"): the call is what the
    /// client relies on.
    pub(super) fn of(
        control: ReasoningControl,
        request: &ChatRequest<'_>,
        target: &Target,
    ) -> Self {
        let wish = Self::new(control, target);
        let qwen = target.profile.reasoning == ReasoningField::EnableThinking;
        if qwen && wish.on == Some(true) && carry::forces_a_call(request) {
            return Self {
                on: Some(false),
                budget: None,
                inexact: true,
                ..wish
            };
        }
        wish
    }

    pub(super) fn write(self, profile: &WireProfile, body: &mut Object) {
        if let Some(effort) = self.effort {
            body.text("reasoning_effort", effort.as_str());
        }
        match (self.on, profile.reasoning) {
            (Some(on), ReasoningField::Thinking) => {
                let word = if on { "enabled" } else { "disabled" };
                body.raw("thinking", &format!("{{\"type\":\"{word}\"}}"));
            }
            (Some(on), _) => body.raw("enable_thinking", if on { "true" } else { "false" }),
            (None, _) => {}
        }
        if let Some(budget) = self.budget {
            body.raw("thinking_budget", &budget.to_string());
        }
    }

    pub(super) fn declare(self, request: &ChatRequest<'_>, lossy: &mut Losses) {
        lossy.add_if(carry::reasoning_field(request), self.inexact);
    }
}

/// The least effort that a model takes, and whether it is none at all. OpenAI's models before GPT-5.1
/// have no word for none and answer 400 to it: GPT-5 has `minimal`, the o series `low`, and those
/// that always think hard (`-pro`) none of them
/// (<https://platform.openai.com/docs/api-reference/chat/create#chat-create-reasoning_effort>).
pub(crate) fn least(target: &Target) -> (Option<Effort>, bool) {
    if takes_extensions(&target.profile) || target.profile.unknown_fields == UnknownFields::Refuse {
        return (Some(Effort::None), true);
    }
    let model = target.upstream.rsplit('/').next().unwrap_or_default();
    let is_o = ["o1", "o3", "o4"]
        .iter()
        .any(|name| model.starts_with(name));
    let is_gpt_5 = model == "gpt-5" || model.starts_with("gpt-5-");
    if model.contains("-pro") {
        (None, false)
    } else if is_o || model.contains("-codex") {
        (Some(Effort::Low), false)
    } else if is_gpt_5 {
        (Some(Effort::Minimal), false)
    } else {
        (Some(Effort::None), true)
    }
}

/// The usual length of an effort; none for those that know no bound but the model's. A CHOICE, after
/// the table of Google's OpenAI-compatible endpoint (<https://ai.google.dev/gemini-api/docs/openai>),
/// and the same for every provider: what a client gets for a word does not depend on the route.
pub(crate) fn budget_of(effort: Effort) -> Option<u64> {
    match effort {
        Effort::None | Effort::XHigh | Effort::Max => None,
        Effort::Minimal => Some(1_024),
        Effort::Low => Some(2_048),
        Effort::Medium => Some(8_192),
        Effort::High => Some(24_576),
    }
}

/// The wish of a client of this dialect, if its own words are none that the server knows. `None`
/// where they go through as received.
pub(super) fn translated(request: &ChatRequest<'_>, target: &Target) -> Option<Wish> {
    let control = request.reasoning?;
    let profile = &target.profile;
    let silent = carry::is_described(target) && !target.features.contains(Feature::Reasoning);
    let known: &[&str] = match profile.reasoning {
        // OpenRouter and others have words of their own beside this one.
        ReasoningField::Effort if takes_extensions(profile) => return None,
        // Servers without such extensions answer 400 to the word where the model does not reason.
        ReasoningField::Effort if silent => &[],
        ReasoningField::Effort => &["reasoning_effort"],
        ReasoningField::EnableThinking => &["enable_thinking", "thinking_budget"],
        ReasoningField::Thinking => &["thinking"],
        ReasoningField::None => &[],
    };
    let unknown = request.fields.iter().any(|field| {
        let name = field.name.as_ref();
        is_word(name) && !known.contains(&name) && !says_nothing(field.value)
    });
    unknown.then(|| Wish::of(control, request, target))
}

pub(super) fn is_word(name: &str) -> bool {
    REASONING_FIELDS.contains(&name)
}

/// Whether the server may be sent what OpenAI's reference does not know. OpenAI itself, the one
/// that has `max_completion_tokens`, answers 400 to it.
pub(crate) fn takes_extensions(profile: &WireProfile) -> bool {
    profile.unknown_fields == UnknownFields::Forward
        && profile.max_tokens_field == MaxTokensField::MaxTokens
}

/// Whether the server refuses calls in a history that come without thoughts: DeepSeek while it
/// thinks, with "Missing `reasoning_content` field in the assistant message"
/// (<https://api-docs.deepseek.com/guides/thinking_mode>). Empty ones will do, with `null` beside
/// them as well, and so they do for its models that do not think: all three are recorded.
pub(super) fn wants_thoughts(message: &Message<'_>, profile: &WireProfile) -> bool {
    profile.reasoning == ReasoningField::Thinking && !message.tool_calls.is_empty()
}

/// Whether a message tells thoughts.
pub(super) fn has_thoughts(message: &Message<'_>) -> bool {
    let is_thought = |part: &Part<'_>| matches!(part, Part::Reasoning(_));
    message.content.iter().any(is_thought)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use steelyard_types::{ModelFacts, WireFormat};

    use super::*;

    fn target(profile: WireProfile, features: &[Feature]) -> Target {
        Target {
            upstream: Arc::from("m"),
            wire: WireFormat::OpenAiChat,
            profile,
            features: features.iter().copied().collect(),
            facts: ModelFacts::default(),
            max_output_tokens: 0,
        }
    }

    fn wish(effort: Option<Effort>, budget_tokens: Option<u64>, profile: WireProfile) -> String {
        let control = ReasoningControl {
            effort,
            budget_tokens,
        };
        let target = target(profile, &[Feature::Reasoning]);
        let wish = Wish::new(control, &target);
        let mut body = Object::with_capacity(64);
        wish.write(&profile, &mut body);
        let inexact = if wish.inexact { " inexact" } else { "" };
        format!("{}{inexact}", body.close())
    }

    #[test]
    fn none_is_the_least_that_a_model_takes() {
        for (model, word, exact) in [
            ("gpt-5.1", Some(Effort::None), true),
            ("openai/gpt-5.2-2025-12-11", Some(Effort::None), true),
            ("gpt-5", Some(Effort::Minimal), false),
            ("gpt-5-mini-2025-08-07", Some(Effort::Minimal), false),
            ("gpt-5-codex", Some(Effort::Low), false),
            ("o3", Some(Effort::Low), false),
            ("o4-mini", Some(Effort::Low), false),
            ("gpt-5-pro", None, false),
        ] {
            let mut openai = target(WireProfile::OPENAI, &[Feature::Reasoning]);
            openai.upstream = Arc::from(model);
            assert_eq!(least(&openai), (word, exact), "{model}");
            let mut other = target(WireProfile::COMPATIBLE, &[Feature::Reasoning]);
            other.upstream = Arc::from(model);
            assert_eq!(least(&other), (Some(Effort::None), true), "{model}");
        }
    }

    #[test]
    fn every_server_is_told_in_its_words() {
        let none = WireProfile {
            reasoning: ReasoningField::None,
            ..WireProfile::COMPATIBLE
        };
        let low = Some(Effort::Low);
        let off = Some(Effort::None);
        for (effort, budget, profile, expected) in [
            (
                low,
                None,
                WireProfile::OPENAI,
                r#"{"reasoning_effort":"low"}"#,
            ),
            (
                off,
                None,
                WireProfile::OPENAI,
                r#"{"reasoning_effort":"none"}"#,
            ),
            (
                None,
                Some(5_000),
                WireProfile::OPENAI,
                r#"{"reasoning_effort":"medium"} inexact"#,
            ),
            (None, None, WireProfile::OPENAI, "{}"),
            (
                low,
                None,
                WireProfile::DASHSCOPE,
                r#"{"enable_thinking":true,"thinking_budget":2048} inexact"#,
            ),
            (
                None,
                Some(5_000),
                WireProfile::DASHSCOPE,
                r#"{"enable_thinking":true,"thinking_budget":5000}"#,
            ),
            (
                off,
                Some(5),
                WireProfile::DASHSCOPE,
                r#"{"enable_thinking":false}"#,
            ),
            (
                None,
                None,
                WireProfile::DASHSCOPE,
                r#"{"enable_thinking":true}"#,
            ),
            (
                Some(Effort::Max),
                None,
                WireProfile::DASHSCOPE,
                r#"{"enable_thinking":true}"#,
            ),
            (
                low,
                None,
                WireProfile::DEEPSEEK,
                r#"{"thinking":{"type":"enabled"}} inexact"#,
            ),
            (
                off,
                None,
                WireProfile::DEEPSEEK,
                r#"{"thinking":{"type":"disabled"}}"#,
            ),
            (
                None,
                None,
                WireProfile::DEEPSEEK,
                r#"{"thinking":{"type":"enabled"}}"#,
            ),
            (low, None, none, "{} inexact"),
            (
                None,
                Some(0),
                WireProfile::DASHSCOPE,
                r#"{"enable_thinking":false}"#,
            ),
            (
                None,
                Some(0),
                WireProfile::DEEPSEEK,
                r#"{"thinking":{"type":"disabled"}}"#,
            ),
        ] {
            assert_eq!(wish(effort, budget, profile), expected);
        }
    }

    #[test]
    fn a_model_that_does_not_reason_is_told_nothing() {
        for profile in [
            WireProfile::OPENAI,
            WireProfile::DASHSCOPE,
            WireProfile::DEEPSEEK,
        ] {
            for (effort, inexact) in [(Effort::High, true), (Effort::None, false)] {
                let control = ReasoningControl {
                    effort: Some(effort),
                    budget_tokens: None,
                };
                let expected = Wish {
                    inexact,
                    ..Wish::default()
                };
                assert_eq!(Wish::new(control, &target(profile, &[])), expected);
            }
        }
    }

    #[test]
    fn a_longer_budget_is_never_a_lesser_effort() {
        let budgets = [0, 1, 1_023, 1_024, 4_096, 9_000, 16_384, 1 << 40];
        let efforts: Vec<Effort> = budgets.into_iter().map(Effort::of_budget).collect();
        assert!(efforts.is_sorted());
        let budgets: Vec<u64> = Effort::ALL.into_iter().filter_map(budget_of).collect();
        assert!(budgets.is_sorted());
    }
}
