//! What every format that is not the client's own must ask of a request before it can carry it.

use bytes::Bytes;
use serde::Serialize;
use steelyard_types::{
    ChatRequest, Dialect, Effort, Feature, FeatureSet, OutputFormat, Part, Role, Target,
};

use crate::openai::request::{REASONING_FIELDS, says_nothing};
use crate::{Losses, Refusal, schema, shared};

pub(crate) mod custom;
pub(crate) mod names;
mod sampling;
mod tools;
mod unfit;

pub(crate) use names::Names;
pub(crate) use sampling::{
    DASHSCOPES_TEMPERATURE, SAMPLING, Sampling, cooled, is_one, number, sampling, value,
};
use tools::check_tools;
pub(crate) use tools::{
    asks_for_a_call, check_chosen, check_forced_choice, choice_field, forces_a_call, tools_word,
};
pub use unfit::limit_field;
pub(crate) use unfit::{cache_word, check_addresses};

/// What a format has words for, beyond text, tools and limits, which all have.
///
/// What it has no word for is refused where the answer would not be what was asked for (a picture
/// that is not seen, a second answer that is not there), and lost, declared, where it only would
/// have been a little different (a seed, a penalty).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    /// The provider's name in the reasons of refusals.
    pub(crate) provider: &'static str,
    pub(crate) top_k: bool,
    pub(crate) seed: bool,
    pub(crate) presence_penalty: bool,
    pub(crate) frequency_penalty: bool,
    /// Several answers to one request.
    pub(crate) n: bool,
    pub(crate) logprobs: bool,
    pub(crate) end_user: bool,
    pub(crate) metadata: bool,
    pub(crate) service_tier: bool,
    /// What OpenAI's two APIs share.
    pub(crate) shared: bool,
    /// Functions whose arguments must follow their schema strictly.
    pub(crate) strict_tools: bool,
    pub(crate) parallel_tool_calls: bool,
    /// Tools that take free text.
    pub(crate) custom_tools: bool,
    pub(crate) cache_marks: bool,
    /// What may be a tool's name; `None` where nothing is known of it.
    pub(crate) names: Option<Names>,
    /// Pictures and documents at addresses that begin with `http://`. Not asked where a format looks
    /// at addresses itself.
    pub(crate) plain_http: bool,
    /// Addresses in Google's storage (`gs://`).
    pub(crate) buckets: bool,
    /// How closely a picture is to be looked at.
    pub(crate) image_detail: bool,
    /// Going on from words put into the model's mouth.
    pub(crate) prefill: bool,
    /// Any JSON object, and JSON by a schema.
    pub(crate) json: bool,
    /// How much to reason.
    pub(crate) reasoning: bool,
    /// Whether this part of a message of that role can be carried. Not asked for text, refusals and
    /// thoughts.
    pub(crate) part: fn(&Part<'_>, Role) -> bool,
}

impl Words {
    /// A format that has words for nothing.
    pub(crate) const NONE: Self = Self {
        provider: "",
        top_k: false,
        seed: false,
        presence_penalty: false,
        frequency_penalty: false,
        n: false,
        logprobs: false,
        end_user: false,
        metadata: false,
        service_tier: false,
        shared: false,
        strict_tools: false,
        parallel_tool_calls: false,
        custom_tools: false,
        cache_marks: false,
        names: None,
        plain_http: true,
        buckets: false,
        image_detail: false,
        prefill: false,
        json: false,
        reasoning: false,
        part: |_, _| false,
    };
}

/// Fields that the neutral form has no word for and that change nothing in what is asked: hints,
/// bookkeeping, and nudges of the sampling. Everything else that it has no word for is refused.
const HINTS: [&str; 19] = [
    "logit_bias",
    "store",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "safety_identifier",
    "verbosity",
    "prediction",
    "stream_options.include_obfuscation",
    "service_tier",
    "metadata",
    "output_config.task_budget",
    "messages.name",
    "messages.annotations",
    "messages.citations",
    "messages.function_call",
    "messages.tool_calls",
    "thinking.display",
    "tools.eager_input_streaming",
];

/// The name of a field that changes nothing in what is asked, if it is one.
pub(crate) fn hint(field: &str) -> Option<&'static str> {
    let mut hints = HINTS.into_iter().chain(crate::responses::HINTS);
    hints.find(|hint| *hint == field)
}

pub(crate) fn refuse(field: impl Into<String>, reason: impl Into<String>) -> Refusal {
    Refusal {
        field: field.into(),
        reason: reason.into(),
    }
}

/// Refuses what would change what is asked, and says what else is lost on the way to a provider
/// that has these words.
pub(crate) fn check(
    request: &ChatRequest<'_>,
    target: &Target,
    words: &Words,
) -> Result<Losses, Refusal> {
    check_is_chat(request, target)?;
    let mut lossy = Losses::none();
    for field in &request.untranslated {
        match hint(field) {
            Some(_) if words.shared && shared::is_shared(request, field) => {}
            Some(hint) => lossy.add(hint),
            None if is_effort(field) => return Err(no_effort(field.as_ref())),
            None => return Err(unfit::unknown(request, field.as_ref(), words.provider)),
        }
    }
    check_fields(request, words, &mut lossy)?;
    check_logprobs(request, target)?;
    check_schema(request)?;
    custom::check(request, words)?;
    names::check(request, target, words.names, words.shared)?;
    if !words.plain_http {
        check_addresses(request, words.provider)?;
    }
    check_messages(request, words, &mut lossy)?;
    check_tools(request, target, words, &mut lossy)?;
    check_prefill(request, target, words.prefill)?;
    check_limit(request, target)?;
    sampling(request, target, &mut lossy);
    Ok(lossy)
}

/// Refuses a schema of the answer that refers to nowhere.
pub(crate) fn check_schema(request: &ChatRequest<'_>) -> Result<(), Refusal> {
    let OutputFormat::JsonSchema(wanted) = &request.format else {
        return Ok(());
    };
    let field = named(
        request,
        "response_format.json_schema.schema",
        "output_config.format.schema",
    );
    wanted.schema.map_or(Ok(()), |schema| {
        schema::check_references(schema).map_err(|fault| fault.refusal(field))
    })
}

/// Whether the field is the client's word for an effort, which is untranslated only where it is
/// none of the words that there are.
fn is_effort(field: &str) -> bool {
    matches!(
        field,
        "reasoning_effort" | "reasoning.effort" | "output_config.effort"
    )
}

fn no_effort(field: &str) -> Refusal {
    let words = Effort::ALL.map(Effort::as_str).join(", ");
    refuse(field, format!("is not one of {words}"))
}

/// Refuses what is not a chat at all.
pub(crate) fn check_is_chat(request: &ChatRequest<'_>, target: &Target) -> Result<(), Refusal> {
    if request.embedding.is_none() {
        return Ok(());
    }
    let reason = format!(
        "asks for embeddings, which {} does not make",
        target.upstream
    );
    Err(refuse("input", reason))
}

fn not_carried(field: impl Into<String>, words: &Words) -> Refusal {
    refuse(field, format!("is not carried to {}", words.provider))
}

/// The field's name in the client's dialect.
pub(crate) fn named(
    request: &ChatRequest<'_>,
    openai: &'static str,
    anthropic: &'static str,
) -> &'static str {
    match request.dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompletions | Dialect::OpenAiEmbeddings => openai,
        Dialect::AnthropicMessages => anthropic,
        Dialect::OpenAiResponses => crate::responses::named(openai),
    }
}

/// The client's field that says how much to reason: servers of OpenAI's chats have given it several.
pub(crate) fn reasoning_field(request: &ChatRequest<'_>) -> &'static str {
    let given = |name: &&str| {
        let mut fields = request.fields.iter();
        fields.any(|field| field.name == *name && !says_nothing(field.value))
    };
    let own = REASONING_FIELDS.into_iter().find(given);
    match own.filter(|_| request.dialect == Dialect::OpenAiChat) {
        Some(own) => own,
        None => named(request, "reasoning_effort", "thinking"),
    }
}

/// The client's name for thoughts in its history.
pub(crate) fn thoughts_field(request: &ChatRequest<'_>) -> &'static str {
    named(request, "messages.reasoning", "messages.thinking")
}

/// The client's name for a turn of the assistant that says nothing, where it is left out.
pub(crate) fn empty_turn_field(request: &ChatRequest<'_>) -> &'static str {
    named(request, "messages.content", "messages.content")
}

fn check_fields(
    request: &ChatRequest<'_>,
    words: &Words,
    lossy: &mut Losses,
) -> Result<(), Refusal> {
    if request.n.is_some_and(|n| n != 1) && !words.n {
        return Err(not_carried("n", words));
    }
    if request.logprobs == Some(true) && !words.logprobs {
        return Err(not_carried(logprobs_field(request), words));
    }
    if !matches!(request.format, OutputFormat::Text) && !words.json {
        let field = named(request, "response_format", "output_config.format");
        return Err(not_carried(field, words));
    }
    lossy.add_if("top_k", request.top_k.is_some() && !words.top_k);
    lossy.add_if("seed", request.seed.is_some() && !words.seed);
    lossy.add_if(
        "presence_penalty",
        request.presence_penalty.is_some() && !words.presence_penalty,
    );
    lossy.add_if(
        "frequency_penalty",
        request.frequency_penalty.is_some() && !words.frequency_penalty,
    );
    if request.end_user.is_some() && !words.shared {
        declare_end_user(request, words, lossy);
    }
    lossy.add_if("metadata", request.metadata.is_some() && !words.metadata);
    lossy.add_if(
        "service_tier",
        request.service_tier.is_some() && !words.service_tier,
    );
    lossy.add_if(
        reasoning_field(request),
        request.reasoning.is_some() && !words.reasoning,
    );
    Ok(())
}

/// Whose request it is has two names in OpenAI's dialects. Elsewhere there is a word for one at most.
fn declare_end_user(request: &ChatRequest<'_>, words: &Words, lossy: &mut Losses) {
    let (newer, older) = shared::names_of_end_user(request);
    lossy.add_if(
        "safety_identifier",
        newer.is_some() && (older || !words.end_user),
    );
    lossy.add_if(
        named(request, "user", "metadata.user_id"),
        older && !words.end_user,
    );
}

fn check_messages(
    request: &ChatRequest<'_>,
    words: &Words,
    lossy: &mut Losses,
) -> Result<(), Refusal> {
    let marked = request.cache.is_some()
        || request.tools.iter().any(|tool| tool.cache.is_some())
        || request.messages.iter().any(|one| !one.cache.is_empty());
    if marked && !words.cache_marks {
        lossy.add(cache_word(request));
    }
    for (index, message) in request.messages.iter().enumerate() {
        if let Some(field) = &message.untranslated {
            return Err(not_carried(field.as_str(), words));
        }
        for (position, part) in message.content.iter().enumerate() {
            let kind = match part {
                Part::Text(_) | Part::Refusal(_) | Part::Reasoning(_) => continue,
                part if !words.buckets && unfit::is_in_bucket(part) => {
                    unfit::described(part, request.dialect)
                }
                Part::Image(image) if (words.part)(part, message.role) => {
                    let detail = image.detail.as_deref().unwrap_or("auto");
                    let field = named(request, "image_url.detail", "image.detail");
                    lossy.add_if(field, detail != "auto" && !words.image_detail);
                    continue;
                }
                _ if (words.part)(part, message.role) => continue,
                part => unfit::described(part, request.dialect),
            };
            return Err(refuse(
                format!("messages[{index}].content[{position}]"),
                format!("of type {kind} is not carried to {}", words.provider),
            ));
        }
    }
    Ok(())
}

/// Refuses log probabilities where the model does: the client relies on getting them. Models that
/// take no sampling parameters tell none (OpenAI: "logprobs are not supported with reasoning
/// models").
pub(crate) fn check_logprobs(request: &ChatRequest<'_>, target: &Target) -> Result<(), Refusal> {
    if request.logprobs == Some(true) && target.facts.refuses_sampling {
        let reason = format!("are not told by {}", target.upstream);
        return Err(refuse(logprobs_field(request), reason));
    }
    Ok(())
}

/// The client's field that asks for log probabilities.
fn logprobs_field(request: &ChatRequest<'_>) -> &'static str {
    match request.dialect {
        Dialect::OpenAiResponses if request.top_logprobs.is_some() => "top_logprobs",
        Dialect::OpenAiResponses => "include",
        _ => "logprobs",
    }
}

/// Refuses a conversation that ends with the assistant's words where the model does, and where it
/// would begin anew although the client's dialect promises that it goes on.
pub(crate) fn check_prefill(
    request: &ChatRequest<'_>,
    target: &Target,
    goes_on: bool,
) -> Result<(), Refusal> {
    if !request.has_prefill() {
        return Ok(());
    }
    let promised = request.dialect == Dialect::AnthropicMessages;
    if target.facts.refuses_prefill || promised && !goes_on {
        let last = request.messages.len().saturating_sub(1);
        return Err(refuse(
            format!("messages[{last}].role"),
            format!(
                "is assistant at the end, from where {} does not go on",
                target.upstream
            ),
        ));
    }
    Ok(())
}

/// Refuses a limit that the provider would answer with 400, so that a larger model can be tried.
pub(crate) fn check_limit(request: &ChatRequest<'_>, target: &Target) -> Result<(), Refusal> {
    let most = target.max_output_tokens;
    match request.max_output_tokens {
        Some(asked) if most > 0 && asked > most => Err(refuse(
            limit_field(request),
            format!(
                "is {asked}, but {} writes at most {most} tokens",
                target.upstream
            ),
        )),
        _ => Ok(()),
    }
}

/// Whether the policy says what the model can do. Of one of which it says nothing, nothing is known
/// that could speak against the client's words.
pub(crate) fn is_described(target: &Target) -> bool {
    let unsaid = FeatureSet::EMPTY.with(Feature::Streaming);
    target.features.difference(unsaid) != FeatureSet::EMPTY
}

/// The body's bytes.
pub(crate) fn write(body: &impl Serialize) -> Result<Bytes, Refusal> {
    // Most requests are about a kilobyte; larger ones double from here.
    let mut bytes = Vec::with_capacity(1_024);
    serde_json::to_writer(&mut bytes, body)
        .map_err(|error| refuse("messages", format!("cannot be written: {error}")))?;
    Ok(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_request_it_is_is_lost_under_the_clients_own_names() {
        for (fields, lost) in [
            (r#""user":"u""#, vec!["user"]),
            (r#""safety_identifier":"s""#, vec!["safety_identifier"]),
            (
                r#""safety_identifier":"s","user":"u""#,
                vec!["safety_identifier", "user"],
            ),
        ] {
            let body = format!(r#"{{"model":"a","input":"Hi",{fields}}}"#);
            let request = crate::responses::parse_responses_request(body.as_bytes());
            let request = request.expect("a request");
            let mut lossy = Losses::none();
            check_fields(&request, &Words::NONE, &mut lossy).expect("it can be carried");
            assert_eq!(lossy.fields(), lost, "{body}");
        }
    }
}
