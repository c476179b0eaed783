//! Requests to servers of the same dialect: the client's fields as received, with only what must
//! change replaced.

use bytes::Bytes;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use steelyard_types::{
    ChatRequest, MaxTokensField, Message, NumberText, ReasoningField, Role, Target, UnknownFields,
    WireProfile,
};

use super::format;
use super::reasoning::{self, has_thoughts};
use super::request::{Fields, LEFT_OUT, RawFields, says_nothing};
use crate::carry::custom::{self, Withheld};
use crate::carry::{self, Names, Sampling, refuse};
use crate::json::Object;
use crate::{EncodedRequest, Losses, Refusal};

mod functions;
mod ids;
mod messages;
pub(super) mod strict;

pub(super) use ids::mapped_id;

/// The endpoint behind the base URL, which ends in the API's version where there is one
/// (`https://api.openai.com/v1`).
pub(super) const PATH: &str = "/chat/completions";

pub(super) fn carries(request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
    let profile = &target.profile;
    let mut lossy = Losses::none();
    carry::check_forced_choice(request, target)?;
    carry::check_prefill(request, target, true)?;
    check_choices(request, target)?;
    check_last(request, profile, &target.upstream)?;
    let sends_withheld = !is_strict(profile);
    carry::names::check(request, target, Names::of(profile), sends_withheld)?;
    functions::check(request, target)?;
    let withheld = if sends_withheld {
        Withheld::Sent
    } else {
        Withheld::LeftOut
    };
    custom::check_profile(request, target, withheld)?;
    for field in LEFT_OUT {
        lossy.add_if(field, request.untranslated.iter().any(|one| one == field));
    }
    carry::check_logprobs(request, target)?;
    let sampling = carry::sampling(request, target, &mut lossy);
    temperature(sampling, profile, &mut lossy);
    if let Some(wish) = reasoning::translated(request, target) {
        wish.declare(request, &mut lossy);
        // What else stood in those fields (OpenRouter's `exclude`) goes with them.
        for path in &request.untranslated {
            let top = path.split('.').next().unwrap_or_default();
            let mut words = super::request::REASONING_FIELDS.into_iter();
            if let Some(word) = words.find(|word| *word == top) {
                lossy.add(word);
            }
        }
    }
    if format::told(request, target).is_some() {
        carry::check_schema(request)?;
    }
    format::declare(request, target, &mut lossy);
    if is_strict(profile) {
        strict::check(request, target, &mut lossy)?;
    }
    messages::declare(request, target, &mut lossy);
    declare_left_out(request, profile, &mut lossy);
    Ok(lossy)
}

/// The temperature as the server takes it: Mistral up to 1.5, DashScope below 2, others as OpenAI.
pub(super) fn temperature<'a>(
    sampling: Sampling<'a>,
    profile: &WireProfile,
    lossy: &mut Losses,
) -> Option<NumberText<'a>> {
    let most = match profile.reasoning {
        _ if is_strict(profile) => "1.5",
        ReasoningField::EnableThinking => carry::DASHSCOPES_TEMPERATURE,
        _ => return sampling.temperature,
    };
    carry::cooled(sampling.temperature, most, lossy)
}

/// Refuses a conversation that ends with the assistant's words where Mistral would: it wants to be
/// told by `prefix` that it is to go on from there. Instructions may stand anywhere but at the end of
/// a conversation, to which it answers "Expected last role User or Tool".
pub(super) fn check_last(
    request: &ChatRequest<'_>,
    profile: &WireProfile,
    upstream: &str,
) -> Result<(), Refusal> {
    let Some(last) = request.messages.last() else {
        return Ok(());
    };
    check_instructions(request, profile, upstream)?;
    let is_prefix = last.untranslated.as_ref();
    let is_prefix = is_prefix.is_some_and(|path| path.ends_with(".prefix"));
    if !is_strict(profile) || !request.has_prefill() || is_prefix || last.is_empty_turn() {
        return Ok(());
    }
    Err(refuse(
        format!("messages[{}].role", request.messages.len() - 1),
        format!("is assistant at the end without prefix, from where {upstream} does not go on"),
    ))
}

fn check_instructions(
    request: &ChatRequest<'_>,
    profile: &WireProfile,
    upstream: &str,
) -> Result<(), Refusal> {
    let kept = |(_, one): &(usize, &Message<'_>)| !leaves_out(one, profile);
    let mut sent = request.messages.iter().enumerate().filter(kept).rev();
    match (sent.next(), sent.next()) {
        (Some((index, last)), Some(_))
            if is_strict(profile) && matches!(last.role, Role::System | Role::Developer) =>
        {
            let role = match last.role {
                Role::Developer => "developer",
                _ => "system",
            };
            let reason = format!("is {role} at the end, to which {upstream} does not answer");
            Err(refuse(format!("messages[{index}].role"), reason))
        }
        _ => Ok(()),
    }
}

/// Refuses several answers where the server gives one and says nothing.
pub(super) fn check_choices(request: &ChatRequest<'_>, target: &Target) -> Result<(), Refusal> {
    match request.n {
        Some(n) if n > 1 && !target.profile.several_choices => {
            let reason = format!("is {n}, and {} gives one answer", target.upstream);
            Err(refuse("n", reason))
        }
        _ => Ok(()),
    }
}

/// Whether the server refuses this turn because nothing is said in it: Mistral, with "Assistant
/// message must have either content or tool_calls, but not none". Others take an empty text.
pub(super) fn leaves_out(message: &Message<'_>, profile: &WireProfile) -> bool {
    is_strict(profile) && message.is_empty_turn()
}

/// Declares turns that are left out, with what was thought in them.
pub(super) fn declare_left_out(
    request: &ChatRequest<'_>,
    profile: &WireProfile,
    lossy: &mut Losses,
) {
    let messages = request.messages.iter();
    for message in messages.filter(|one| leaves_out(one, profile)) {
        lossy.add(carry::empty_turn_field(request));
        lossy.add_if(carry::thoughts_field(request), has_thoughts(message));
    }
}

fn is_strict(profile: &WireProfile) -> bool {
    profile.unknown_fields == UnknownFields::Refuse
}

pub(super) fn encode(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<EncodedRequest, Refusal> {
    let mut lossy = carries(request, target)?;
    let cooled = carry::sampling(request, target, &mut lossy);
    let cooled = temperature(cooled, &target.profile, &mut lossy);
    let profile = &target.profile;
    let strict = is_strict(profile);
    let wish = reasoning::translated(request, target);
    let instruction = format::instruction(request, target);
    let size: usize = request
        .fields
        .iter()
        .map(|field| field.value.get().len() + 24)
        .sum();
    let mut body = Object::with_capacity(size + 64);
    let mut stream_options = None;
    for field in &request.fields {
        let value = field.value.get();
        match field.name.as_ref() {
            "model" => body.text("model", &target.upstream),
            "messages" => {
                let instruction = instruction.as_deref();
                match messages::rewritten(request, field.value, target, instruction)? {
                    Some(messages) => body.raw("messages", &messages),
                    None => body.raw("messages", value),
                }
            }
            "stream_options" => stream_options = Some(field.value),
            "max_tokens" | "max_completion_tokens" if value == "null" => {}
            "max_tokens" | "max_completion_tokens" => body.raw(limit_name(profile), value),
            "temperature" if cooled != request.temperature => {
                if let Some(number) = carry::number("temperature", cooled)? {
                    body.raw("temperature", number.get());
                }
            }
            name if target.facts.refuses_sampling && carry::SAMPLING.contains(&name) => {}
            "response_format" if instruction.is_some() => body.raw(&field.name, format::ANY_OBJECT),
            name if wish.is_some() && reasoning::is_word(name) => {}
            name if functions::replaces(request, profile, name, field.value) => {}
            // What the strict do not know, and `carries` has not refused.
            name if strict => strict::write(request, name, field.value, &mut body)?,
            name => body.raw(name, value),
        }
    }
    functions::write(request, profile, &mut body)?;
    if let Some(wish) = wish {
        wish.write(profile, &mut body);
    }
    if request.stream && profile.stream_usage_option {
        body.raw("stream_options", &usage_option(stream_options, strict)?);
    }
    Ok(EncodedRequest {
        path: PATH.to_owned(),
        headers: SmallVec::new(),
        body: Bytes::from(body.close()),
        lossy,
    })
}

pub(super) fn limit_name(profile: &WireProfile) -> &'static str {
    match profile.max_tokens_field {
        MaxTokensField::MaxTokens => "max_tokens",
        MaxTokensField::MaxCompletionTokens => "max_completion_tokens",
    }
}

/// The client's stream options, with usage switched on: the gateway meters every stream.
fn usage_option(given: Option<&RawValue>, strict: bool) -> Result<String, Refusal> {
    let mut options = Object::with_capacity(32);
    options.raw("include_usage", "true");
    if let Some(given) = given.filter(|given| !strict && !says_nothing(given)) {
        for (name, value) in fields(given, "stream_options")? {
            if name != "include_usage" {
                options.raw(&name, value.get());
            }
        }
    }
    Ok(options.close())
}

fn elements<'a>(list: &'a RawValue, path: &str) -> Result<Vec<&'a RawValue>, Refusal> {
    serde_json::from_str(list.get()).map_err(|_| refuse(path, "cannot be read"))
}

fn fields<'a>(raw: &'a RawValue, path: &str) -> Result<RawFields<'a>, Refusal> {
    match serde_json::from_str(raw.get()) {
        Ok(Fields(fields)) => Ok(fields),
        Err(error) => Err(refuse(path, format!("cannot be rewritten: {error}"))),
    }
}

/// A list of what `write` makes of each element.
fn mapped<'a>(
    raws: impl IntoIterator<Item = &'a RawValue>,
    mut write: impl FnMut(usize, &'a RawValue) -> Result<String, Refusal>,
) -> Result<String, Refusal> {
    let mut out = String::from("[");
    for (index, raw) in raws.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&write(index, raw)?);
    }
    out.push(']');
    Ok(out)
}

/// The object without that field.
fn without(raw: &RawValue, field: &str, path: &str) -> Result<String, Refusal> {
    let mut out = Object::with_capacity(raw.get().len());
    for (name, value) in fields(raw, path)? {
        if name != field {
            out.raw(&name, value.get());
        }
    }
    Ok(out.close())
}

#[cfg(test)]
mod tests;
