//! `generationConfig`: sampling, the form of the answer, and how much to think.

use steelyard_types::{
    ChatRequest, Effort, Feature, JsonSchema, OutputFormat, ReasoningStyle, StructuredOutput,
    Target,
};

use super::wire::{GenerationConfig, ThinkingConfig};
use super::{bare, is_gemini_3};
use crate::carry::{self, named, refuse};
use crate::openai::budget_of;
use crate::schema::{self, Subset};
use crate::{Losses, Refusal};

/// Most stop sequences (`GenerationConfig.stopSequences`).
const MAX_STOPS: usize = 5;

/// Most answers to one request (`GenerationConfig.candidateCount`).
const MAX_CANDIDATES: u64 = 8;

/// Most likely tokens told at a position (`GenerationConfig.logprobs`).
const MAX_LOGPROBS: u64 = 20;

/// What `responseJsonSchema` is documented to know, and `pattern`, which has been recorded to be
/// taken.
const SCHEMA: Subset = Subset {
    keywords: Some(&[
        "type",
        "format",
        "title",
        "description",
        "enum",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "pattern",
        "anyOf",
        "oneOf",
        "properties",
        "additionalProperties",
        "required",
        "propertyOrdering",
    ]),
};

/// The whole configuration, and what has to be said in words beside it.
pub(super) fn config<'r>(
    request: &'r ChatRequest<'_>,
    target: &Target,
    lossy: &mut Losses,
) -> Result<(GenerationConfig<'r>, Option<String>), Refusal> {
    check_limits(request)?;
    let sampling = carry::sampling(request, target, lossy);
    let mut config = GenerationConfig {
        max_output_tokens: request.max_output_tokens,
        temperature: carry::number("temperature", sampling.temperature)?,
        top_p: carry::number("top_p", sampling.top_p)?,
        top_k: carry::number("top_k", sampling.top_k)?,
        seed: seed(request, lossy),
        presence_penalty: carry::number("presence_penalty", sampling.presence_penalty)?,
        frequency_penalty: carry::number("frequency_penalty", sampling.frequency_penalty)?,
        stop_sequences: request.stop.as_deref(),
        candidate_count: request.n.filter(|n| *n != 1),
        response_logprobs: (request.logprobs == Some(true)).then_some(true),
        logprobs: request
            .top_logprobs
            .filter(|top| *top > 0 && request.logprobs == Some(true)),
        thinking_config: thinking(request, target, lossy),
        ..GenerationConfig::default()
    };
    let words = form(request, target, &mut config, lossy)?;
    Ok((config, words))
}

fn check_limits(request: &ChatRequest<'_>) -> Result<(), Refusal> {
    if request
        .stop
        .as_ref()
        .is_some_and(|stop| stop.len() > MAX_STOPS)
    {
        let reason = format!("has more than the {MAX_STOPS} sequences that Gemini takes");
        return Err(refuse(named(request, "stop", "stop_sequences"), reason));
    }
    if let Some(n) = request.n
        && (n == 0 || n > MAX_CANDIDATES)
    {
        let reason = format!("is {n}, and Gemini gives 1 to {MAX_CANDIDATES} answers");
        return Err(refuse("n", reason));
    }
    match request.top_logprobs {
        Some(top) if top > MAX_LOGPROBS => Err(refuse(
            "top_logprobs",
            format!("is {top}, and Gemini tells at most {MAX_LOGPROBS}"),
        )),
        _ => Ok(()),
    }
}

/// Gemini's seed has 32 bits; another one is lost.
fn seed(request: &ChatRequest<'_>, lossy: &mut Losses) -> Option<i32> {
    let seed = request.seed.and_then(|seed| seed.0.parse().ok());
    lossy.add_if("seed", request.seed.is_some() && seed.is_none());
    seed
}

/// The form of the answer. What it returns is to be said in words.
fn form(
    request: &ChatRequest<'_>,
    target: &Target,
    config: &mut GenerationConfig<'_>,
    lossy: &mut Losses,
) -> Result<Option<String>, Refusal> {
    let field = named(request, "response_format", "output_config.format");
    let format = match &request.format {
        OutputFormat::Text => return Ok(None),
        OutputFormat::JsonObject => None,
        OutputFormat::JsonSchema(format) => Some(format),
    };
    // Gemini 2.5 answers 400 to both together, Gemini 3 has been recorded to take them.
    if !request.tools.is_empty() && !is_gemini_3(&target.upstream) {
        let reason = "stands beside tools, which Gemini takes together only from 3 on";
        return Err(refuse(field, reason));
    }
    config.response_mime_type = Some("application/json");
    let Some((format, schema)) = format.and_then(|format| Some((format, format.schema?))) else {
        return Ok(None);
    };
    if target.facts.structured_output != StructuredOutput::Schema {
        lossy.add(field);
        return Ok(Some(schema::instruction(format, schema)));
    }
    let rewritten = match schema::rewrite(schema, SCHEMA) {
        Ok(rewritten) => rewritten,
        Err(schema::Fault::Recursion(_)) => {
            lossy.add(field);
            return Ok(Some(schema::instruction(format, schema)));
        }
        Err(fault) => {
            let field = named(request, SCHEMA_FIELD, "output_config.format.schema");
            return Err(fault.refusal(field));
        }
    };
    lossy.add_if(field, rewritten.loosened);
    config.response_json_schema = Some(rewritten.json);
    Ok(purpose(format))
}

const SCHEMA_FIELD: &str = "response_format.json_schema.schema";

/// What the schema is for, which has no field of its own. Nothing is lost with its name, a label.
fn purpose(format: &JsonSchema<'_>) -> Option<String> {
    let purpose = format.description.as_deref()?;
    Some(format!("What the answer is: {purpose}"))
}

/// Fewest and most tokens of thought that a Gemini 2.5 takes
/// (<https://ai.google.dev/gemini-api/docs/thinking>). All but Pro take 0 as well, for none.
fn bounds(model: &str) -> (u64, u64) {
    if is_pro(model) {
        (128, 32_768)
    } else if bare(model).contains("-lite") {
        (512, 24_576)
    } else {
        (1, 24_576)
    }
}

/// How much to think. Effort and tokens are told in the model's way; a model that does not reason
/// is told nothing.
///
/// Gemini 3 has four levels, of which Pro lacks the least, and cannot be kept from thinking: no
/// effort is the least that it has, all above high is high, and a number of tokens is the level that
/// Google's table gives for it. Gemini 2.5 takes tokens: the same table in the other direction.
fn thinking(
    request: &ChatRequest<'_>,
    target: &Target,
    lossy: &mut Losses,
) -> Option<ThinkingConfig> {
    let control = request.reasoning?;
    let field = carry::reasoning_field(request);
    if !target.features.contains(Feature::Reasoning) {
        lossy.add_if(field, control.effort != Some(Effort::None));
        return None;
    }
    let mut config = ThinkingConfig::default();
    let inexact = match target.facts.reasoning {
        ReasoningStyle::Effort => {
            let level = control.effort.map(|effort| level(effort, &target.upstream));
            let of_budget = || control.budget_tokens.map(level_of_budget);
            config.thinking_level = level.map(|(name, _)| name).or_else(of_budget);
            control.budget_tokens.is_some() || level.is_some_and(|(_, exact)| !exact)
        }
        ReasoningStyle::Budget => {
            let (budget, exact) = budget(control.budget_tokens, control.effort, &target.upstream);
            config.thinking_budget = Some(budget);
            !exact || control.effort.is_some() && control.budget_tokens.is_some()
        }
    };
    // Gemini answers 400 where thoughts are to be shown and there are to be none.
    let is_off = control.effort == Some(Effort::None) || config.thinking_budget == Some(0);
    config.include_thoughts = (!is_off).then_some(true);
    lossy.add_if(field, inexact);
    Some(config)
}

/// The level, and whether it says the same.
fn level(effort: Effort, model: &str) -> (&'static str, bool) {
    match effort {
        Effort::None | Effort::Minimal if is_pro(model) => ("LOW", false),
        Effort::None => ("MINIMAL", false),
        Effort::Minimal => ("MINIMAL", true),
        Effort::Low => ("LOW", true),
        Effort::Medium => ("MEDIUM", true),
        Effort::High => ("HIGH", true),
        Effort::XHigh | Effort::Max => ("HIGH", false),
    }
}

/// Whether it is one of the larger models, which always think.
fn is_pro(model: &str) -> bool {
    bare(model).contains("-pro")
}

fn level_of_budget(tokens: u64) -> &'static str {
    match tokens {
        0..=1_024 => "LOW",
        1_025..=8_192 => "MEDIUM",
        _ => "HIGH",
    }
}

/// The number of tokens, and whether it says the same. A number of the client's counts more than
/// its effort, of which only none and the most are said by a number just as well.
fn budget(tokens: Option<u64>, effort: Option<Effort>, model: &str) -> (i64, bool) {
    let (least, most) = bounds(model);
    if let Some(tokens) = tokens {
        let told = match tokens {
            0 if !is_pro(model) => 0,
            tokens => tokens.clamp(least, most),
        };
        return (told.try_into().unwrap_or(-1), told == tokens);
    }
    match effort {
        None => (-1, true),
        // 2.5 Pro cannot be kept from thinking; this is its least.
        Some(Effort::None) if is_pro(model) => (128, false),
        Some(Effort::None) => (0, true),
        Some(effort) => {
            let tokens = budget_of(effort).unwrap_or(most).clamp(least, most);
            (tokens.try_into().unwrap_or(-1), effort == Effort::Max)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effort_becomes_tokens_that_the_model_takes() {
        let flash = "gemini-2.5-flash";
        let pro = "models/gemini-2.5-pro";
        assert_eq!(budget(None, None, flash), (-1, true));
        assert_eq!(budget(None, Some(Effort::None), flash), (0, true));
        assert_eq!(budget(None, Some(Effort::None), pro), (128, false));
        assert_eq!(budget(None, Some(Effort::Low), flash), (2_048, false));
        assert_eq!(budget(None, Some(Effort::XHigh), flash), (24_576, false));
        assert_eq!(budget(None, Some(Effort::Max), flash), (24_576, true));
        assert_eq!(budget(None, Some(Effort::Max), pro), (32_768, true));
        assert_eq!(
            budget(Some(30_000), Some(Effort::Low), flash),
            (24_576, false)
        );
        assert_eq!(budget(Some(30_000), None, pro), (30_000, true));
        assert_eq!(budget(Some(0), None, flash), (0, true));
        assert_eq!(budget(Some(0), None, pro), (128, false));
        assert_eq!(budget(Some(100), None, flash), (100, true));
        assert_eq!(
            budget(Some(100), None, "gemini-2.5-flash-lite"),
            (512, false)
        );
    }

    #[test]
    fn more_effort_never_means_less_thought() {
        for model in ["gemini-2.5-flash", "gemini-2.5-pro"] {
            let tokens = Effort::ALL.map(|effort| budget(None, Some(effort), model).0);
            assert!(tokens.is_sorted(), "{tokens:?}");
        }
    }
}
