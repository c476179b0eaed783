//! Sampling parameters.

use serde_json::value::RawValue;
use steelyard_types::{ChatRequest, NumberText, Target};

use super::refuse;
use crate::{Losses, Refusal, json};

/// The sampling parameters that are to be written: those that the client set, unless the model
/// refuses them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sampling<'a> {
    pub(crate) temperature: Option<NumberText<'a>>,
    pub(crate) top_p: Option<NumberText<'a>>,
    pub(crate) top_k: Option<NumberText<'a>>,
    pub(crate) presence_penalty: Option<NumberText<'a>>,
    pub(crate) frequency_penalty: Option<NumberText<'a>>,
}

/// What a model that refuses sampling parameters is not sent, whatever it says.
pub(crate) const SAMPLING: [&str; 8] = [
    "temperature",
    "top_p",
    "top_k",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
];

/// The sampling parameters to write. A model that refuses them is not told, and what was not its
/// default of 1 is lost.
pub(crate) fn sampling<'a>(
    request: &ChatRequest<'a>,
    target: &Target,
    lossy: &mut Losses,
) -> Sampling<'a> {
    if !target.facts.refuses_sampling {
        return Sampling {
            temperature: request.temperature,
            top_p: request.top_p,
            top_k: request.top_k,
            presence_penalty: request.presence_penalty,
            frequency_penalty: request.frequency_penalty,
        };
    }
    let says_something = |value: Option<NumberText<'_>>| value.is_some_and(|it| !is_one(it));
    lossy.add_if("temperature", says_something(request.temperature));
    lossy.add_if("top_p", says_something(request.top_p));
    lossy.add_if("top_k", request.top_k.is_some());
    lossy.add_if("presence_penalty", request.presence_penalty.is_some());
    lossy.add_if("frequency_penalty", request.frequency_penalty.is_some());
    for hint in ["logit_bias", "top_logprobs"] {
        let mut untranslated = request.untranslated.iter();
        lossy.add_if(hint, untranslated.any(|field| field == hint));
    }
    Sampling {
        temperature: None,
        top_p: None,
        top_k: None,
        presence_penalty: None,
        frequency_penalty: None,
    }
}

/// The temperature that is sent to a provider that takes `most` and answers 400 to more: what goes
/// beyond it is lost.
pub(crate) fn cooled<'a>(
    temperature: Option<NumberText<'a>>,
    most: &'static str,
    lossy: &mut Losses,
) -> Option<NumberText<'a>> {
    let most = NumberText(most);
    let is_hotter = temperature.is_some_and(|given| value(given) > value(most));
    lossy.add_if("temperature", is_hotter);
    if is_hotter { Some(most) } else { temperature }
}

/// The most below 2, where DashScope's range ends.
pub(crate) const DASHSCOPES_TEMPERATURE: &str = "1.99";

/// The number as a float, to compare it with a limit. What is sent is always the text.
pub(crate) fn value(number: NumberText<'_>) -> f64 {
    number.0.parse().unwrap_or(f64::NAN)
}

pub(crate) fn is_one(number: NumberText<'_>) -> bool {
    (value(number) - 1.0).abs() < f64::EPSILON
}

/// The sampling parameter as JSON.
pub(crate) fn number<'a>(
    field: &str,
    value: Option<NumberText<'a>>,
) -> Result<Option<&'a RawValue>, Refusal> {
    value
        .map(|number| json::number(number.0).ok_or_else(|| refuse(field, "is not a number")))
        .transpose()
}
