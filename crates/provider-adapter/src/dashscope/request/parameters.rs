//! `parameters`: sampling, the form of the answer, and how much to think.

use steelyard_types::{
    ChatRequest, Dialect, Effort, Feature, JsonSchema, OutputFormat, StructuredOutput, Target,
    ToolChoice,
};

use super::wire::{ResponseFormat, WireSchema};
use crate::carry::{self, Sampling, named, refuse};
use crate::openai::budget_of;
use crate::schema::{self, Subset};
use crate::{Losses, Refusal, turns};

/// Most answers to one request.
const MAX_ANSWERS: u64 = 4;

/// Most likely tokens told at a position.
const MAX_LOGPROBS: u64 = 5;

/// Said where a JSON object is asked for and nobody says "json": DashScope answers 400 then.
const IN_JSON: &str = "Answer in JSON.";

/// Refuses what DashScope would answer 400 to.
pub(super) fn check_limits(
    request: &ChatRequest<'_>,
    sampling: &Sampling<'_>,
) -> Result<(), Refusal> {
    if let Some(number) = sampling.top_p.filter(|number| carry::value(*number) <= 0.0) {
        let reason = format!("is {}, and DashScope takes more than 0", number.0);
        return Err(refuse("top_p", reason));
    }
    if request.tool_choice == Some(ToolChoice::Required) {
        let reason = "is required, which cannot be asked of DashScope";
        return Err(refuse("tool_choice", reason));
    }
    if let Some(top) = request.top_logprobs.filter(|top| *top > MAX_LOGPROBS) {
        let reason = format!("is {top}, and DashScope tells at most {MAX_LOGPROBS}");
        return Err(refuse("top_logprobs", reason));
    }
    match request.n {
        None | Some(1) => Ok(()),
        Some(n) if n == 0 || n > MAX_ANSWERS => {
            let reason = format!("is {n}, and DashScope gives 1 to {MAX_ANSWERS} answers");
            Err(refuse("n", reason))
        }
        Some(_) if !request.tools.is_empty() => {
            let reason = "is more than 1 beside tools, which DashScope does not take";
            Err(refuse("n", reason))
        }
        Some(_) => Ok(()),
    }
}

/// DashScope's seed is from 0 to 2³¹ - 1; another one is lost.
pub(super) fn seed(request: &ChatRequest<'_>, lossy: &mut Losses) -> Option<i32> {
    let seed = request.seed.and_then(|seed| seed.0.parse().ok());
    let seed = seed.filter(|seed| *seed >= 0);
    lossy.add_if("seed", request.seed.is_some() && seed.is_none());
    seed
}

/// Whether the answer is to go on from the assistant's words at the end, which only one dialect
/// promises.
pub(super) fn goes_on(request: &ChatRequest<'_>) -> bool {
    let last = request.messages.last();
    request.has_prefill()
        && request.dialect == Dialect::AnthropicMessages
        && !last.is_some_and(|last| turns::is_silent(last, str::is_empty))
}

/// What the model is told about thinking: nothing, or whether it is to and with how many tokens.
pub(super) type Thinking = (Option<bool>, Option<u64>);

/// How much to think. A model that does not reason is told nothing.
///
/// # Errors
/// Thinking before words that are there already: DashScope goes on from them only without.
pub(super) fn thinking(
    request: &ChatRequest<'_>,
    target: &Target,
    lossy: &mut Losses,
) -> Result<Thinking, Refusal> {
    let field = carry::reasoning_field(request);
    let reasons = target.features.contains(Feature::Reasoning);
    let control = match request.reasoning {
        None if goes_on(request) && reasons => return Ok((Some(false), None)),
        None => return Ok((None, None)),
        Some(control) => control,
    };
    let off = control.effort == Some(Effort::None)
        || control.effort.is_none() && control.budget_tokens == Some(0);
    if !reasons {
        lossy.add_if(field, !off);
        return Ok((None, None));
    }
    if off {
        return Ok((Some(false), None));
    }
    // DashScope refuses to make a model call a tool while it thinks, and the client relies on the call.
    if carry::forces_a_call(request) {
        lossy.add(field);
        return Ok((Some(false), None));
    }
    if goes_on(request) {
        let reason =
            "stands beside an answer's beginning, from where DashScope goes on only without";
        return Err(refuse(field, reason));
    }
    // A number of the client's counts more than its effort, which by itself is told as a number; no
    // number at all says the most.
    let is_told = |effort| effort == Effort::Max && control.budget_tokens.is_none();
    lossy.add_if(field, control.effort.is_some_and(|effort| !is_told(effort)));
    let of_effort = || control.effort.and_then(budget_of);
    let budget = control.budget_tokens.filter(|tokens| *tokens > 0);
    Ok((Some(true), budget.or_else(of_effort)))
}

/// The form of the answer, and what is to be said about it in words.
pub(super) fn form<'r>(
    request: &'r ChatRequest<'_>,
    target: &Target,
    lossy: &mut Losses,
) -> Result<(Option<ResponseFormat<'r>>, Option<String>), Refusal> {
    let format = match &request.format {
        OutputFormat::Text => return Ok((None, None)),
        OutputFormat::JsonObject => None,
        OutputFormat::JsonSchema(format) => format.schema.map(|schema| (format, schema)),
    };
    let object = ResponseFormat {
        kind: "json_object",
        json_schema: None,
    };
    let Some((format, schema)) = format else {
        let words = (!says_json(request)).then(|| IN_JSON.to_owned());
        return Ok((Some(object), words));
    };
    let told = |lossy: &mut Losses| {
        lossy.add(named(request, "response_format", "output_config.format"));
        Ok((Some(object), Some(schema::instruction(format, schema))))
    };
    if target.facts.structured_output != StructuredOutput::Schema {
        return told(lossy);
    }
    let field = named(
        request,
        "response_format.json_schema.schema",
        "output_config.format.schema",
    );
    let rewritten = match schema::rewrite(schema, Subset::ALL) {
        Ok(rewritten) => rewritten,
        Err(schema::Fault::Recursion(_)) => return told(lossy),
        Err(fault) => return Err(fault.refusal(field)),
    };
    let strict = ResponseFormat {
        kind: "json_schema",
        json_schema: Some(wire_schema(format, rewritten.json)),
    };
    Ok((Some(strict), None))
}

fn wire_schema<'r>(
    format: &'r JsonSchema<'_>,
    schema: Box<serde_json::value::RawValue>,
) -> WireSchema<'r> {
    WireSchema {
        name: format.name.as_deref().unwrap_or("answer"),
        description: format.description.as_deref(),
        schema,
        strict: format.strict,
    }
}

/// Whether the conversation has the word in it, in whatever case.
fn says_json(request: &ChatRequest<'_>) -> bool {
    let has_word = |text: &str| {
        let mut windows = text.as_bytes().windows(4);
        windows.any(|window| window.eq_ignore_ascii_case(b"json"))
    };
    let mut messages = request.messages.iter();
    messages.any(|message| message.texts().any(has_word))
}
