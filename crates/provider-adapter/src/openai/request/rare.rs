//! Top-level fields that few requests have.

use std::borrow::Cow;

use serde::de::Error as _;
use serde_json::value::RawValue;
use steelyard_types::{ChatRequest, Effort, JsonSchema, OutputFormat};

use super::part::cache_mark;
use super::tool::{function_choice, functions, object, string};
use super::trail::{Step, Trail, says_nothing};
use super::{number, typed};

/// The words in which clients say how much to reason: OpenAI's, OpenRouter's, Qwen's two, and
/// DeepSeek's, which was Anthropic's.
pub(crate) const REASONING_FIELDS: [&str; 5] = [
    "reasoning_effort",
    "reasoning",
    "enable_thinking",
    "thinking_budget",
    "thinking",
];

/// What is judged when all fields have been seen.
#[derive(Default)]
pub(super) struct Rare<'a> {
    /// Whether some word says that there is to be no reasoning.
    no_reasoning: bool,
    functions: Option<&'a RawValue>,
    function_call: Option<&'a RawValue>,
}

impl<'a> Rare<'a> {
    /// Reads a field that says something and is not among the usual ones.
    #[expect(
        clippy::ptr_arg,
        reason = "a name that borrows from the body is to stay borrowed"
    )]
    pub(super) fn field(
        &mut self,
        name: &Cow<'a, str>,
        value: &'a RawValue,
        trail: &Trail,
        request: &mut ChatRequest<'a>,
    ) -> Result<(), serde_json::Error> {
        let at = Step::Field;
        match name.as_ref() {
            "top_k" => request.top_k = Some(trail.within(at("top_k"), || number(value))?),
            "seed" => request.seed = Some(trail.within(at("seed"), || number(value))?),
            "presence_penalty" => {
                let read = || number(value);
                request.presence_penalty = Some(trail.within(at("presence_penalty"), read)?);
            }
            "frequency_penalty" => {
                let read = || number(value);
                request.frequency_penalty = Some(trail.within(at("frequency_penalty"), read)?);
            }
            "n" => request.n = Some(trail.within(at("n"), || typed(value))?),
            "logprobs" => request.logprobs = Some(trail.within(at("logprobs"), || typed(value))?),
            "top_logprobs" => {
                request.top_logprobs = Some(trail.within(at("top_logprobs"), || typed(value))?);
            }
            "response_format" => {
                let read = || response_format(value, trail, request);
                trail.within(at("response_format"), read)?;
            }
            "user" => {
                let user = trail.within(at("user"), || string(value))?;
                let user = user.filter(|user| !user.is_empty());
                request.end_user = user.or(request.end_user.take());
            }
            // The newer word for it, which is heard where the older one is not said.
            "safety_identifier" => {
                let id = trail.within(at("safety_identifier"), || string(value))?;
                let id = id.filter(|id| !id.is_empty());
                request.end_user = request.end_user.take().or(id);
            }
            "metadata" if value.get().starts_with('{') => request.metadata = Some(value),
            "metadata" => return trail.wrong("metadata", "must be an object"),
            "service_tier" => {
                request.service_tier = trail.within(at("service_tier"), || string(value))?;
            }
            "cache_control" => {
                request.cache = trail.within(at("cache_control"), || cache_mark(value))?;
                if request.cache.is_none() {
                    request.untranslated.push(name.clone());
                }
            }
            "functions" => self.functions = Some(value),
            "function_call" => self.function_call = Some(value),
            _ if REASONING_FIELDS.contains(&name.as_ref()) => {
                self.reasoning(name, value, trail, request)?;
            }
            _ => request.untranslated.push(name.clone()),
        }
        Ok(())
    }

    fn reasoning(
        &mut self,
        name: &str,
        value: &'a RawValue,
        trail: &Trail,
        request: &mut ChatRequest<'a>,
    ) -> Result<(), serde_json::Error> {
        let at = Step::Field;
        match name {
            "reasoning_effort" => {
                let word = trail.within(at("reasoning_effort"), || string(value))?;
                effort(word, "reasoning_effort".into(), request);
            }
            "enable_thinking" => {
                let on = trail.within(at("enable_thinking"), || typed(value))?;
                self.switch(on, request);
            }
            "thinking_budget" => {
                let budget = trail.within(at("thinking_budget"), || typed(value))?;
                request.reasoning.get_or_insert_default().budget_tokens = Some(budget);
            }
            "reasoning" => {
                trail.within(at("reasoning"), || self.object(value, trail, request))?;
            }
            _ => trail.within(at("thinking"), || self.object(value, trail, request))?,
        }
        Ok(())
    }

    fn switch(&mut self, on: bool, request: &mut ChatRequest<'a>) {
        request.reasoning.get_or_insert_default();
        self.no_reasoning |= !on;
    }

    /// OpenRouter's `reasoning` and DeepSeek's `thinking`.
    fn object(
        &mut self,
        value: &'a RawValue,
        trail: &Trail,
        request: &mut ChatRequest<'a>,
    ) -> Result<(), serde_json::Error> {
        let at = Step::Field;
        for (name, value) in object(value)? {
            match (name.as_ref(), value.get()) {
                _ if says_nothing(value) => {}
                ("effort", _) => {
                    let word = trail.within(at("effort"), || string(value))?;
                    effort(word, trail.path_to("effort").into(), request);
                }
                ("max_tokens", _) => {
                    let budget = trail.within(at("max_tokens"), || typed(value))?;
                    request.reasoning.get_or_insert_default().budget_tokens = Some(budget);
                }
                ("budget_tokens", _) => {
                    let budget = trail.within(at("budget_tokens"), || typed(value))?;
                    request.reasoning.get_or_insert_default().budget_tokens = Some(budget);
                }
                ("enabled", "true") | ("type", "\"enabled\"" | "\"adaptive\"") => {
                    self.switch(true, request);
                }
                ("enabled", "false") | ("type", "\"disabled\"") => self.switch(false, request),
                // What is so anyway.
                ("exclude", "false") => {}
                _ => request.untranslated.push(trail.path_to(&name).into()),
            }
        }
        Ok(())
    }

    /// Puts together what several fields say.
    pub(super) fn finish(
        self,
        trail: &Trail,
        request: &mut ChatRequest<'a>,
    ) -> Result<(), serde_json::Error> {
        if let Some(control) = request.reasoning.as_mut().filter(|_| self.no_reasoning) {
            control.effort = Some(Effort::None);
            control.budget_tokens = None;
        }
        if request.top_logprobs.is_some() && request.logprobs != Some(true) {
            // Nobody documents what it means alone; OpenAI answers 400.
            request.untranslated.push("top_logprobs".into());
        }
        match self.functions {
            Some(_) if !request.tools.is_empty() => request.untranslated.push("functions".into()),
            Some(value) => {
                let read = || functions(value, trail, &mut request.untranslated);
                request.tools = trail.within(Step::Field("functions"), read)?;
                // Its users look for one call in the answer.
                request.parallel_tool_calls = request.parallel_tool_calls.or(Some(false));
            }
            None => {}
        }
        match self.function_call {
            Some(_) if request.tool_choice.is_some() => {
                request.untranslated.push("function_call".into());
            }
            Some(value) => {
                let read = || function_choice(value, trail);
                let choice = trail.within(Step::Field("function_call"), read)?;
                request.tool_choice = Some(choice);
            }
            None => {}
        }
        Ok(())
    }
}

/// The effort of that word. Another word is its provider's to understand.
fn effort<'a>(word: Option<Cow<'a, str>>, path: Cow<'a, str>, request: &mut ChatRequest<'a>) {
    match word.as_deref().map(Effort::parse) {
        Some(Some(effort)) => request.reasoning.get_or_insert_default().effort = Some(effort),
        Some(None) => request.untranslated.push(path),
        None => {}
    }
}

fn response_format<'a>(
    value: &'a RawValue,
    trail: &Trail,
    request: &mut ChatRequest<'a>,
) -> Result<(), serde_json::Error> {
    let before = request.untranslated.len();
    let (mut kind, mut schema) = (None, None);
    for (name, value) in object(value)? {
        match name.as_ref() {
            "type" => kind = trail.within(Step::Field("type"), || string(value))?,
            "json_schema" => schema = Some(value),
            _ if says_nothing(value) => {}
            _ => request.untranslated.push(trail.path_to(&name).into()),
        }
    }
    match kind.as_deref() {
        None => return trail.wrong("type", "is required"),
        Some("text") => {}
        Some("json_object") => request.format = OutputFormat::JsonObject,
        Some("json_schema") => {
            let Some(schema) = schema else {
                return trail.wrong("json_schema", "is required");
            };
            let read = || json_schema(schema, trail, request);
            let schema = trail.within(Step::Field("json_schema"), read)?;
            request.format = OutputFormat::JsonSchema(schema);
        }
        // A grammar, a regular expression: words of single servers.
        Some(_) => {
            request.untranslated.truncate(before);
            request.untranslated.push("response_format".into());
        }
    }
    Ok(())
}

fn json_schema<'a>(
    value: &'a RawValue,
    trail: &Trail,
    request: &mut ChatRequest<'a>,
) -> Result<JsonSchema<'a>, serde_json::Error> {
    let mut wanted = JsonSchema {
        name: None,
        description: None,
        schema: None,
        strict: None,
    };
    let at = Step::Field;
    for (name, value) in object(value)? {
        match name.as_ref() {
            "name" => wanted.name = trail.within(at("name"), || string(value))?,
            "description" => {
                wanted.description = trail.within(at("description"), || string(value))?;
            }
            "strict" => wanted.strict = trail.within(at("strict"), || typed(value))?,
            "schema" if value.get() == "null" => {}
            "schema" if value.get().starts_with('{') => wanted.schema = Some(value),
            "schema" => {
                let what = "must be a JSON Schema object";
                return trail.within(at("schema"), || Err(serde_json::Error::custom(what)));
            }
            _ if says_nothing(value) => {}
            _ => request.untranslated.push(trail.path_to(&name).into()),
        }
    }
    Ok(wanted)
}

/// Whether a field has the value that its absence means, after OpenAI's reference.
pub(in crate::openai) fn is_default(name: &str, value: &RawValue) -> bool {
    const LONGEST: usize = 64;
    if value.get().len() > LONGEST {
        return false;
    }
    let compact: String = value.get().split_ascii_whitespace().collect();
    matches!(
        (name, compact.as_str()),
        ("n", "1")
            | ("store" | "logprobs", "false")
            | ("top_logprobs", "0")
            | ("presence_penalty" | "frequency_penalty", "0" | "0.0")
            | ("service_tier", "\"auto\"")
            | ("modalities", "[\"text\"]")
            | ("response_format", "{\"type\":\"text\"}")
    )
}
