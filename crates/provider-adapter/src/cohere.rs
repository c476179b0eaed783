//! Cohere's chat API, version 2 (`POST /v2/chat`): one file, as `docs/adding-a-provider.md` tells it.
//!
//! No recordings of it were at hand. Facts are those of Cohere's own SDK (PyPI `cohere` 7.3.1) and
//! reference, which also names the limits of numbers. Choices: a number beyond its limit is sent as
//! the limit, and declared; tokens are counted as they are billed (`usage.billed_units`), which leaves out
//! what Cohere adds to the prompt itself; the plan that a model tells before its calls is reasoning;
//! thoughts, which Cohere does not sign, get a signature that says which of the two they are, so that
//! they return to the model that had them, and to no other; citations have no place in the neutral form and stay behind.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use smallvec::{SmallVec, smallvec};
use steelyard_types::{
    ChatAnswer, ChatRequest, Effort, ErrorKind, Feature, FinishReason, Message, NumberText,
    OutputFormat, Part, ProviderError, ReasoningControl, Role, Source, StreamEvent, Target,
    ToolChoice, ToolKind, Usage, WireFormat,
};

use crate::carry::{self, Names, Words};
use crate::collect::Collected;
use crate::gemini::call_id;
use crate::json::{Lenient, Object, Text};
use crate::masked::provider_error;
use crate::origin;
use crate::sources::{Extra, Sign};
use crate::sse::Frame;
use crate::turns::{self, told};
use crate::unreadable::unreadable;
use crate::{Adapter, EncodedRequest, FrameDecoder, Losses, Refusal, ResponseHead, classify};

/// Most calls in one answer. Keeps a broken stream from growing.
const MAX_CALLS: u32 = 256;

/// Most texts that may end an answer.
const MAX_STOPS: usize = 5;

/// The signature of thoughts, and the type of the blocks that hold them.
const THINKING: &str = "thinking";

/// The signature of plans, and the field that holds one.
const PLAN: &str = "tool_plan";

/// What Cohere has words for. Log probabilities are told for pieces, not tokens; there is no second
/// answer, no user and no tier.
const WORDS: Words = Words {
    provider: "Cohere",
    // After a public report: its reference has no rule for names.
    names: Some(Names::USUAL),
    top_k: true,
    seed: true,
    presence_penalty: true,
    frequency_penalty: true,
    strict_tools: true,
    image_detail: true,
    json: true,
    reasoning: true,
    part: |part, role| matches!(part, Part::Image(_)) && role == Role::User,
    ..Words::NONE
};

/// The adapter of Cohere's chat API.
#[derive(Debug, Clone, Copy, Default)]
pub struct CohereChat;

impl Adapter for CohereChat {
    fn wire(&self) -> WireFormat {
        WireFormat::CohereChat
    }

    fn carries(&self, request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal> {
        let mut lossy = carry::check(request, target, &WORDS)?;
        // Thinking is on or off, with a budget: how hard it is meant to be is not told, and a model
        // that does not think is told nothing.
        if let Some(control) = request.reasoning {
            let reasons = target.features.contains(Feature::Reasoning);
            let field = match control.effort {
                Some(_) => carry::named(request, "reasoning_effort", "output_config.effort"),
                None => carry::reasoning_field(request),
            };
            let is_told = reasons && control.effort.is_none() || is_off(control);
            lossy.add_if(field, !is_told);
        }
        // What the answer is has no field of its own. Its name is a label, with which nothing is lost.
        let described = match &request.format {
            OutputFormat::JsonSchema(wanted) => wanted.description.is_some(),
            _ => false,
        };
        lossy.add_if(
            carry::named(request, "response_format", "output_config.format"),
            described,
        );
        check_limits(request)?;
        for number in numbers(request, target) {
            lossy.add_if(number.field, number.sent().1);
        }
        let loses = |message: &Message<'_>| loses_thoughts(message, target);
        lossy.add_if(
            carry::thoughts_field(request),
            request.messages.iter().any(loses),
        );
        turns::declare_silent(request, str::is_empty, &mut lossy);
        Ok(lossy)
    }

    fn encode(
        &self,
        request: &ChatRequest<'_>,
        target: &Target,
    ) -> Result<EncodedRequest, Refusal> {
        let lossy = self.carries(request, target)?;
        let mut body = Object::with_capacity(1_024);
        body.text("model", &target.upstream);
        let said = |message: &&Message<'_>| !turns::is_silent(message, str::is_empty);
        let messages = request.messages.iter().filter(said);
        let written = messages.map(|one| message(one, target));
        body.raw("messages", &list(written));
        if let Some(limit) = request.max_output_tokens {
            body.raw("max_tokens", &limit.to_string());
        }
        let sampling = carry::sampling(request, target, &mut Losses::none());
        if let Some(number) = sampling.temperature {
            body.raw("temperature", number.0);
        }
        for number in numbers(request, target) {
            if let (Some(sent), _) = number.sent() {
                body.raw(number.name, sent.0);
            }
        }
        if let Some(stops) = &request.stop {
            let stops = stops.iter().map(|stop| quoted(stop));
            body.raw("stop_sequences", &list(stops));
        }
        tools(request, &mut body);
        if let Some(format) = response_format(&request.format) {
            body.raw("response_format", &format);
        }
        if let Some(thinking) = thinking(request, target) {
            body.raw("thinking", &thinking);
        }
        body.raw("stream", if request.stream { "true" } else { "false" });
        Ok(EncodedRequest {
            path: "/v2/chat".to_owned(),
            headers: SmallVec::new(),
            body: Bytes::from(body.close()),
            lossy,
        })
    }

    fn headers(&self, key: Option<&str>) -> SmallVec<[(&'static str, String); 3]> {
        key.map(|key| smallvec![("authorization", format!("Bearer {key}"))])
            .unwrap_or_default()
    }

    fn decode(&self, _head: &ResponseHead<'_>, body: &[u8]) -> Result<ChatAnswer, ProviderError> {
        let answer: Answer<'_> = serde_json::from_slice(body).map_err(|error| invalid(&error))?;
        let mut collected = Collected::default();
        let mut reader = Reader::default();
        let mut emit = |event: StreamEvent<'_>| collected.push(event);
        reader.start(answer.id, &mut emit);
        reader.said(answer.message, &mut emit)?;
        reader.end(answer.finish_reason, answer.usage.0, &mut emit)?;
        Ok(collected.answer)
    }

    fn decode_error(&self, head: &ResponseHead<'_>, body: &[u8]) -> ProviderError {
        #[derive(Deserialize)]
        struct Body<'a> {
            #[serde(borrow)]
            message: Text<'a>,
        }
        let error = match serde_json::from_slice::<Body<'_>>(body) {
            Ok(Body { message }) => {
                let kind = if is_too_long(message.as_str()) {
                    ErrorKind::ContextLength
                } else {
                    classify::kind_of_words(head.status, message.as_str())
                };
                provider_error(kind, message.as_str())
            }
            Err(_) => unreadable(head.status, body),
        };
        classify::with_head(error, head)
    }

    fn stream_decoder(&self) -> Box<dyn FrameDecoder> {
        Box::<Decoder>::default()
    }

    fn signs_of_extras(&self) -> &'static [Sign] {
        const SIGNS: &[Sign] = &[
            Sign::word(Extra::Citations, "\"citation-start\""),
            Sign::key(Extra::Citations, "\"citations\""),
            Sign::key(Extra::Documents, "\"document\""),
        ];
        SIGNS
    }
}

/// Whether the prompt is too long. What Cohere says of a limit on the answer begins alike.
fn is_too_long(message: &str) -> bool {
    let counted = message.starts_with("too many tokens") && !message.contains("max tokens must");
    counted || classify::says_context_length(message)
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    crate::json::push_text(&mut out, text);
    out
}

/// What this very model thought, and whether it was a plan or not.
fn own<'m>(part: &'m Part<'_>, target: &Target) -> Option<(&'m str, &'m str)> {
    origin::own_thought(part, target).filter(|(kind, _)| matches!(*kind, THINKING | PLAN))
}

/// Whether thoughts of the message stay behind: another model's, a plan without calls, and those of
/// an answer that says nothing else.
fn loses_thoughts(message: &Message<'_>, target: &Target) -> bool {
    let returns = |part: &Part<'_>| match own(part, target) {
        Some((PLAN, _)) => !message.tool_calls.is_empty(),
        thought => thought.is_some() && !turns::is_silent(message, str::is_empty),
    };
    let mut parts = message.content.iter();
    parts.any(|part| turns::is_thought(part) && !returns(part))
}

fn message(message: &Message<'_>, target: &Target) -> String {
    let mut out = Object::with_capacity(256);
    let role = match message.role {
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    out.text("role", role);
    if let Some(id) = &message.tool_call_id {
        out.text("tool_call_id", call_id::unpack(id).id);
    }
    let thoughts = message.content.iter().filter_map(|part| own(part, target));
    let (plans, thoughts): (Vec<_>, Vec<_>) = thoughts.partition(|(kind, _)| *kind == PLAN);
    if !plans.is_empty() && !message.tool_calls.is_empty() {
        let plans: String = plans.into_iter().map(|(_, plan)| plan).collect();
        out.text(PLAN, &plans);
    }
    let is_picture = |part: &Part<'_>| matches!(part, Part::Image(_));
    if !thoughts.is_empty() || message.content.iter().any(is_picture) {
        let thoughts = thoughts.into_iter().map(|(_, thought)| thinks(thought));
        let parts = message.content.iter().filter_map(part);
        out.raw("content", &list(thoughts.chain(parts)));
    } else if message.texts().next().is_some() || message.tool_calls.is_empty() {
        out.text("content", &told(message));
    }
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(|call| {
            let empty = call.arguments.trim().is_empty();
            let mut function = Object::with_capacity(call.arguments.len() + 64);
            function.text("name", &call.name);
            function.text("arguments", if empty { "{}" } else { &call.arguments });
            let mut out = Object::with_capacity(call.arguments.len() + 128);
            out.text("id", call_id::unpack(&call.id).id);
            out.text("type", "function");
            out.raw("function", &function.close());
            out.close()
        });
        out.raw("tool_calls", &list(calls));
    }
    out.close()
}

fn thinks(thought: &str) -> String {
    let mut out = Object::with_capacity(thought.len() + 48);
    out.text("type", THINKING);
    out.text(THINKING, thought);
    out.close()
}

fn part(part: &Part<'_>) -> Option<String> {
    let mut out = Object::with_capacity(128);
    match part {
        Part::Text(text) | Part::Refusal(text) => {
            out.text("type", "text");
            out.text("text", text);
        }
        Part::Image(image) => {
            let mut url = Object::with_capacity(128);
            match &image.source {
                Source::Url(address) => url.text("url", address),
                Source::Base64 { media_type, data } => {
                    url.text("url", &format!("data:{media_type};base64,{data}"));
                }
            }
            if let Some(detail) = &image.detail {
                url.text("detail", detail);
            }
            out.text("type", "image_url");
            out.raw("image_url", &url.close());
        }
        // `carries` has refused or declared these, or they are written apart.
        Part::Document(_) | Part::Reasoning(_) | Part::Other { .. } => return None,
    }
    Some(out.close())
}

/// Refuses what Cohere would refuse, and the choice of a function that is not there: nothing would be
/// left to choose from.
fn check_limits(request: &ChatRequest<'_>) -> Result<(), Refusal> {
    let stops = request.stop.as_ref().map_or(0, |stops| stops.len());
    if stops > MAX_STOPS {
        let field = carry::named(request, "stop", "stop_sequences");
        let reason = format!("holds {stops} texts, and Cohere takes at most {MAX_STOPS}");
        return Err(carry::refuse(field, reason));
    }
    if !request.tools.is_empty() && !matches!(request.format, OutputFormat::Text) {
        let field = carry::named(request, "response_format", "output_config.format");
        let reason = "is not carried to Cohere beside tools: it takes either";
        return Err(carry::refuse(field, reason));
    }
    match &request.tool_choice {
        Some(ToolChoice::Function(wanted) | ToolChoice::Custom(wanted))
            if !request.tools.iter().any(|tool| tool.name == *wanted) =>
        {
            Err(carry::refuse("tool_choice", "names none of the tools"))
        }
        _ => Ok(()),
    }
}

/// A number that Cohere takes within limits alone.
struct Number<'a> {
    /// Cohere's name of it.
    name: &'static str,
    /// The client's.
    field: &'static str,
    given: Option<NumberText<'a>>,
    least: &'static str,
    most: &'static str,
}

impl<'a> Number<'a> {
    /// What is sent, the limit where the client goes beyond it, and whether that is another number.
    fn sent(&self) -> (Option<NumberText<'a>>, bool) {
        let beyond = |limit: &'static str, is_beyond: fn(f64, f64) -> bool| {
            let limit = NumberText(limit);
            let given = self.given?;
            is_beyond(carry::value(given), carry::value(limit)).then_some(limit)
        };
        let limit = beyond(self.least, |given, least| given < least)
            .or_else(|| beyond(self.most, |given, most| given > most));
        (limit.or(self.given), limit.is_some())
    }
}

fn numbers<'a>(request: &ChatRequest<'a>, target: &Target) -> [Number<'a>; 5] {
    // `carry::check` has declared what a model that refuses sampling is not told.
    let sampling = carry::sampling(request, target, &mut Losses::none());
    [
        ("p", "top_p", sampling.top_p, "0.01", "0.99"),
        ("k", "top_k", sampling.top_k, "0", "500"),
        ("seed", "seed", request.seed, "0", "18446744073709551615"),
        (
            "presence_penalty",
            "presence_penalty",
            sampling.presence_penalty,
            "0",
            "1",
        ),
        (
            "frequency_penalty",
            "frequency_penalty",
            sampling.frequency_penalty,
            "0",
            "1",
        ),
    ]
    .map(|(name, field, given, least, most)| Number {
        name,
        field,
        given,
        least,
        most,
    })
}

fn tools(request: &ChatRequest<'_>, body: &mut Object) {
    // There is no word for one function out of several: the others are left out instead.
    let chosen = |name: &str| match &request.tool_choice {
        Some(ToolChoice::Function(wanted) | ToolChoice::Custom(wanted)) => name == wanted,
        _ => true,
    };
    let offered = request.tools.iter().filter(|tool| chosen(&tool.name));
    let written: Vec<String> = offered
        .map(|tool| {
            let mut function = Object::with_capacity(256);
            function.text("name", &tool.name);
            if let Some(description) = &tool.description {
                function.text("description", description);
            }
            let none = r#"{"type":"object","properties":{}}"#;
            function.raw("parameters", tool.parameters.map_or(none, |it| it.get()));
            let mut out = Object::with_capacity(320);
            out.text("type", "function");
            out.raw("function", &function.close());
            out.close()
        })
        .collect();
    if written.is_empty() {
        return;
    }
    body.raw("tools", &list(written.into_iter()));
    match request.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Function(_) | ToolChoice::Custom(_)) => {
            body.text("tool_choice", "REQUIRED");
        }
        Some(ToolChoice::None) => body.text("tool_choice", "NONE"),
        Some(ToolChoice::Auto) | None => {}
    }
    if request.tools.iter().any(|tool| tool.strict == Some(true)) {
        body.raw("strict_tools", "true");
    }
}

fn response_format(format: &OutputFormat<'_>) -> Option<String> {
    let mut out = Object::with_capacity(256);
    out.text("type", "json_object");
    match format {
        OutputFormat::Text => return None,
        OutputFormat::JsonObject => {}
        OutputFormat::JsonSchema(wanted) => {
            if let Some(schema) = wanted.schema {
                out.raw("json_schema", &crate::schema::rooted(schema));
            }
        }
    }
    Some(out.close())
}

/// Whether there is to be no thinking.
fn is_off(control: ReasoningControl) -> bool {
    match control.effort {
        Some(effort) => effort == Effort::None,
        None => control.budget_tokens == Some(0),
    }
}

fn thinking(request: &ChatRequest<'_>, target: &Target) -> Option<String> {
    let reasons = target.features.contains(Feature::Reasoning);
    let control = request.reasoning.filter(|_| reasons)?;
    let mut out = Object::with_capacity(64);
    if is_off(control) {
        out.text("type", "disabled");
    } else {
        out.text("type", "enabled");
        if let Some(budget) = control.budget_tokens {
            out.raw("token_budget", &budget.to_string());
        }
    }
    Some(out.close())
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    message: Said<'a>,
    #[serde(default)]
    usage: Lenient<WireUsage>,
}

/// What a message says: whole, or a piece of it.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, default)]
    content: OneOrMany<Block<'a>>,
    #[serde(borrow)]
    tool_plan: Option<Text<'a>>,
    #[serde(borrow, default)]
    tool_calls: OneOrMany<Call<'a>>,
}

/// A list in a whole message, the thing itself in a piece of one.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
    Nothing(()),
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self::Nothing(())
    }
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::Many(many) => many,
            Self::One(one) => vec![one],
            Self::Nothing(()) => Vec::new(),
        }
    }
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct WireUsage {
    billed_units: Option<Units>,
    tokens: Option<Units>,
    cached_tokens: Option<f64>,
}

/// The SDK declares them as floats.
#[derive(Deserialize)]
struct Units {
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
}

impl WireUsage {
    fn classes(&self) -> Option<Usage> {
        let units = self.billed_units.as_ref().or(self.tokens.as_ref())?;
        let input = whole(units.input_tokens);
        let cached = whole(self.cached_tokens).min(input);
        Some(Usage {
            input_fresh: input - cached,
            input_cached: cached,
            output: whole(units.output_tokens),
            ..Usage::default()
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and counts are whole numbers"
)]
fn whole(count: Option<f64>) -> u64 {
    count.unwrap_or(0.0) as u64
}

/// Where the events of an answer go.
type Emit<'e> = dyn FnMut(StreamEvent<'_>) + 'e;

/// Counts the calls of an answer, and knows whether it has begun and ended.
#[derive(Debug, Default)]
struct Reader {
    begun: bool,
    /// The signature of the thoughts that are being told.
    thinks: Option<&'static str>,
    calls: u32,
    finished: bool,
}

impl Reader {
    /// Only what comes first begins an answer.
    fn start(&mut self, id: Option<Text<'_>>, emit: &mut Emit<'_>) {
        if !std::mem::replace(&mut self.begun, true) {
            emit(StreamEvent::Start {
                id: id.unwrap_or_default().0,
                model: Cow::Borrowed(""),
            });
        }
    }

    fn said(&mut self, said: Said<'_>, emit: &mut Emit<'_>) -> Result<(), ProviderError> {
        self.begun = true;
        if let Some(Text(plan)) = said.tool_plan.filter(is_said) {
            self.thought(PLAN, plan, emit);
        }
        for block in said.content.into_vec() {
            if let Some(Text(thought)) = block.thinking.filter(is_said) {
                self.thought(THINKING, thought, emit);
            }
            if let Some(Text(text)) = block.text.filter(is_said) {
                self.sign(emit);
                emit(StreamEvent::Text(text));
            }
        }
        for call in said.tool_calls.into_vec() {
            self.call(call, emit)?;
        }
        Ok(())
    }

    fn thought(&mut self, kind: &'static str, words: Cow<'_, str>, emit: &mut Emit<'_>) {
        if self.thinks != Some(kind) {
            self.sign(emit);
        }
        self.thinks = Some(kind);
        emit(StreamEvent::Reasoning(words));
    }

    /// Ends the thoughts that were being told.
    fn sign(&mut self, emit: &mut Emit<'_>) {
        if let Some(kind) = self.thinks.take() {
            emit(StreamEvent::ReasoningSignature(Cow::Borrowed(kind)));
        }
    }

    /// A call, or a piece of the last one: only the first piece has a name.
    fn call(&mut self, call: Call<'_>, emit: &mut Emit<'_>) -> Result<(), ProviderError> {
        self.sign(emit);
        let function = call.function;
        let (name, arguments) = function.map_or((None, None), |it| (it.name, it.arguments));
        if let Some(Text(name)) = name {
            if name.is_empty() {
                let message = "the answer has a call without a name";
                return Err(ProviderError::new(ErrorKind::InvalidAnswer, message));
            }
            if self.calls == MAX_CALLS {
                let message = format!("the answer has more than {MAX_CALLS} calls");
                return Err(ProviderError::new(ErrorKind::InvalidAnswer, message));
            }
            let id = call.id.map(|id| id.0).filter(|id| !id.is_empty());
            emit(StreamEvent::ToolCallStart {
                index: self.calls,
                id: id.unwrap_or_else(|| Cow::Owned(format!("call_{}", self.calls))),
                kind: ToolKind::Function,
                name,
            });
            self.calls += 1;
        }
        let fragment = arguments.unwrap_or_default().0;
        if let (Some(index), false) = (self.calls.checked_sub(1), fragment.is_empty()) {
            emit(StreamEvent::ToolCallArguments { index, fragment });
        }
        Ok(())
    }

    fn end(
        &mut self,
        reason: Option<Text<'_>>,
        usage: Option<WireUsage>,
        emit: &mut Emit<'_>,
    ) -> Result<(), ProviderError> {
        self.begun = true;
        let reason = reason.unwrap_or_default();
        let finish = match reason.as_str() {
            "ERROR" => return Err(failed(ErrorKind::UpstreamServer)),
            "TIMEOUT" => return Err(failed(ErrorKind::UpstreamTimeout)),
            "MAX_TOKENS" => FinishReason::Length,
            "TOOL_CALL" => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        };
        self.sign(emit);
        self.finished = true;
        emit(StreamEvent::Finish(finish));
        if let Some(usage) = usage.and_then(|usage| usage.classes()) {
            emit(StreamEvent::Usage(usage));
        }
        Ok(())
    }
}

fn is_said(text: &Text<'_>) -> bool {
    !text.as_str().is_empty()
}

fn failed(kind: ErrorKind) -> ProviderError {
    ProviderError::new(kind, "the provider ended the answer with a failure")
}

fn invalid(error: &serde_json::Error) -> ProviderError {
    let message = format!("the answer is not what Cohere's format allows: {error}");
    ProviderError::new(ErrorKind::InvalidAnswer, message)
}

/// One event of a stream.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    message: Option<Said<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    #[serde(default)]
    usage: Lenient<WireUsage>,
    #[serde(borrow)]
    error: Option<Text<'a>>,
}

/// Reads the events of one answer.
#[derive(Debug, Default)]
struct Decoder {
    reader: Reader,
    closed: bool,
}

impl FrameDecoder for Decoder {
    fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        if self.closed || frame.data.is_empty() {
            return;
        }
        if let Err(error) = self.read(frame.data, emit) {
            self.closed = true;
            emit(StreamEvent::Error(error));
        }
    }

    fn end(&mut self, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        emit(if self.reader.finished {
            StreamEvent::Done
        } else {
            let message = "the stream ended before the answer did";
            StreamEvent::Error(ProviderError::new(ErrorKind::BrokenStream, message))
        });
    }
}

impl Decoder {
    fn read(&mut self, data: &str, emit: &mut Emit<'_>) -> Result<(), ProviderError> {
        let event: Event<'_> = serde_json::from_str(data).map_err(|error| invalid(&error))?;
        match (event.kind.as_str(), event.delta) {
            ("message-start", _) => self.reader.start(event.id, emit),
            ("message-end", Some(delta)) => {
                if let Some(message) = delta.error {
                    return Err(provider_error(ErrorKind::StreamError, message.as_str()));
                }
                self.reader.end(delta.finish_reason, delta.usage.0, emit)?;
                self.end(emit);
            }
            // Citations have no place; whatever is new may hold nothing of the answer.
            ("citation-start" | "citation-end" | "debug", _) | (_, None) => {}
            (_, Some(delta)) => {
                if let Some(said) = delta.message {
                    self.reader.said(said, emit)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
