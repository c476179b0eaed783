//! Google Gemini: `generateContent` and `streamGenerateContent`.

mod read;
mod settings;

use crate::answer::{Answer, Finish, Usage};
use crate::ask::Ask;
use crate::delivery::{Frame, Part, Payload, Reply};
use crate::draw::Draw;
use crate::fault::StatusFault;
use crate::json::{Node, object};
use crate::likely::{self, Likely};
use crate::{seal, tokens};

use super::{Call, Provider, key_is_good};

pub(crate) struct Gemini;

const MODELS: &[&str] = &[
    "gemini-1.5-flash",
    "gemini-1.5-pro",
    "gemini-2.0-flash",
    "gemini-2.0-flash-exp",
    "gemini-2.0-flash-lite",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.5-pro",
    "gemini-3-flash-preview",
    "gemini-3-pro-preview",
    "gemini-3.1-flash-lite",
    "gemini-3.1-pro-preview",
    "gemini-3.5-flash",
    "gemini-3.5-flash-lite",
    "gemini-3.6-flash",
    "gemini-3.7-flash",
    "gemini-3.8-flash",
    "gemini-4-argon",
];

/// Whose the proofs of thoughts are: any of Google's models takes those of another.
const SEAL: &str = "gemini";

/// Generations that think unless they are told not to.
fn thinks(model: &str) -> bool {
    !["gemini-1", "gemini-2.0", "gemini-2.5-flash-lite"]
        .iter()
        .any(|old| model.starts_with(old))
}

/// Generations that want their thought signatures back.
fn wants_signatures(model: &str) -> bool {
    thinks(model) && !model.starts_with("gemini-2")
}

/// The status word that goes with an HTTP status.
fn status_word(status: u16) -> &'static str {
    match status {
        400 | 413 | 422 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        402 | 403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        503 | 529 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}

fn error_node(status: u16, word: &str, message: &str, details: Vec<Node>) -> Node {
    let error = object! { "code" => status, "message" => message, "status" => word };
    let details = (!details.is_empty()).then_some(details);
    object! { "error" => error.with_some("details", details) }
}

/// An error; where a JSON array was asked for, it is wrapped in one.
fn refuse(call: &Call<'_>, status: u16, message: &str, details: Vec<Node>) -> Reply {
    refuse_as(call, status, status_word(status), message, details)
}

fn refuse_as(call: &Call<'_>, status: u16, word: &str, message: &str, details: Vec<Node>) -> Reply {
    let error = error_node(status, word, message, details);
    let body = match Form::of(call) {
        Some((_, Form::Array)) => Node::from(vec![error]),
        _ => error,
    };
    reply(status, body.to_pretty() + "\n")
}

fn reply(status: u16, body: String) -> Reply {
    Reply {
        status,
        headers: Vec::new(),
        payload: Payload::Unary(body),
    }
    .header("content-type", "application/json; charset=UTF-8")
}

fn server_timing(draw: &mut Draw) -> String {
    format!("gfet4t7; dur={}", 300 + draw.below(2_000))
}

/// How the answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Unary,
    Events,
    /// `streamGenerateContent` without `alt=sse`: a JSON array that grows.
    Array,
}

impl Form {
    /// Model and form of a path such as `/v1beta/models/gemini-2.5-pro:generateContent`.
    fn of<'a>(call: &Call<'a>) -> Option<(&'a str, Self)> {
        let path = call
            .path
            .strip_prefix("/v1beta/")
            .or(call.path.strip_prefix("/v1/"))?;
        let (model, method) = path.strip_prefix("models/")?.rsplit_once(':')?;
        match method {
            "generateContent" => Some((model, Self::Unary)),
            "streamGenerateContent" if call.query_value("alt") == Some("sse") => {
                Some((model, Self::Events))
            }
            "streamGenerateContent" => Some((model, Self::Array)),
            _ => None,
        }
    }
}

fn usage_node(usage: &Usage, output: u64, thoughts: u64) -> Node {
    let details = |count: u64| vec![object! { "modality" => "TEXT", "tokenCount" => count }];
    let cached = (usage.cached > 0).then_some(usage.cached);
    let thoughts_seen = (thoughts > 0).then_some(thoughts);
    object! { "promptTokenCount" => usage.prompt }
        .with_some("candidatesTokenCount", (output > 0).then_some(output))
        .with("totalTokenCount", usage.prompt + output + thoughts)
        .with_some("cachedContentTokenCount", cached)
        .with("promptTokensDetails", details(usage.prompt))
        .with_some("cacheTokensDetails", cached.map(details))
        .with_some("thoughtsTokenCount", thoughts_seen)
        .with("serviceTier", "standard")
}

fn finish_word(finish: Finish) -> &'static str {
    match finish {
        Finish::Length => "MAX_TOKENS",
        Finish::Filter => "SAFETY",
        _ => "STOP",
    }
}

/// The parts of an answer, each as it would come in a chunk of its own.
fn parts(ask: &Ask, answer: &Answer, draw: &mut Draw) -> Vec<Node> {
    let mut parts: Vec<Node> = Vec::new();
    for piece in tokens::pieces(&answer.reasoning) {
        parts.push(object! { "text" => piece, "thought" => true });
    }
    parts.extend(
        answer
            .pieces
            .iter()
            .map(|piece| object! { "text" => piece }),
    );
    for (index, call) in answer.calls.iter().enumerate() {
        let function = object! { "name" => &call.name, "args" => call.arguments.clone() };
        let part = object! { "functionCall" => function };
        // Of parallel calls only the first is signed.
        let signed = index == 0 && thinks(&ask.model);
        parts.push(part.with_some("thoughtSignature", signed.then(|| signature(draw))));
    }
    parts
}

fn signature(draw: &mut Draw) -> String {
    seal::sealed(&[SEAL], 108, draw) + "="
}

/// Joins neighbouring texts of the same kind, as unary answers do.
fn joined(ask: &Ask, answer: &Answer, draw: &mut Draw) -> Vec<Node> {
    let whole = Answer {
        pieces: Some(answer.text())
            .filter(|text| !text.is_empty())
            .into_iter()
            .collect(),
        reasoning: String::new(),
        ..answer.clone()
    };
    let mut parts = parts(ask, &whole, draw);
    if !answer.reasoning.is_empty() {
        parts.insert(
            0,
            object! { "text" => &answer.reasoning, "thought" => true },
        );
    }
    parts
}

/// How likely the tokens of a text were, where that is asked for.
fn likely(ask: &Ask, text: &str) -> Option<Node> {
    let top = ask.logprobs.filter(|_| !text.is_empty())?;
    let entry = |likely: Likely| {
        object! { "token" => likely.token, "logProbability" => likely.logprob }
    };
    let (mut chosen, mut tops) = (Vec::new(), Vec::new());
    for (one, others) in likely::of(text, top) {
        chosen.push(entry(one));
        let others: Vec<Node> = others.into_iter().map(entry).collect();
        tops.push(object! { "candidates" => others });
    }
    let tops = (top > 0).then_some(tops);
    Some(object! { "chosenCandidates" => chosen }.with_some("topCandidates", tops))
}

/// A response with these candidates.
fn response(candidates: Vec<Node>, usage: Node, model: &str, id: &str) -> Node {
    object! { "candidates" => candidates, "usageMetadata" => usage,
    "modelVersion" => model, "responseId" => id }
}

/// The candidate at that place: these parts, of which `text` is what is not thought.
fn candidate(
    ask: &Ask,
    parts: Option<Vec<Node>>,
    text: &str,
    answer: &Answer,
    last: bool,
    index: u64,
) -> Node {
    let content = parts.map(|parts| object! { "parts" => parts, "role" => "model" });
    let finish = answer.finish.filter(|_| last);
    let called = finish == Some(Finish::Calls);
    let filtered = finish == Some(Finish::Filter);
    let rating = object! { "category" => "HARM_CATEGORY_DANGEROUS_CONTENT",
    "probability" => "HIGH", "blocked" => true };
    object! {}
        .with_some("content", content)
        .with_some("finishReason", finish.map(finish_word))
        .with("index", index)
        .with_some("safetyRatings", filtered.then(|| vec![rating]))
        .with_some("logprobsResult", likely(ask, text))
        .with_some(
            "finishMessage",
            called.then_some("Model generated function call(s)."),
        )
}

fn chunks(ask: &Ask, answer: &Answer, id: &str, draw: &mut Draw) -> Vec<(Part, Node)> {
    let usage = &answer.usage;
    let output = usage.output - usage.reasoning;
    let parts = parts(ask, answer, draw);
    let mut chunks = Vec::new();
    let count = parts.len() as u64;
    // Thoughts come before the texts and calls after them.
    let thoughts = tokens::pieces(&answer.reasoning).len();
    for (index, part) in parts.into_iter().enumerate() {
        let so_far = output * (index as u64 + 1) / count.max(1);
        let text = index
            .checked_sub(thoughts)
            .and_then(|at| answer.pieces.get(at));
        let text = text.map_or("", String::as_str);
        for place in 0..ask.answers.max(1) {
            let usage = usage_node(usage, so_far, usage.reasoning);
            let one = candidate(ask, Some(vec![part.clone()]), text, answer, false, place);
            let node = response(vec![one], usage, &ask.model, id);
            chunks.push((Part::Content, node));
        }
    }
    let usage = usage_node(usage, output, usage.reasoning);
    let last = if answer.finish == Some(Finish::Filter) {
        None
    } else {
        let end = object! { "text" => "" };
        let signed = wants_signatures(&ask.model) && answer.calls.is_empty();
        Some(vec![end.with_some(
            "thoughtSignature",
            signed.then(|| signature(draw)),
        )])
    };
    let all =
        (0..ask.answers.max(1)).map(|place| candidate(ask, last.clone(), "", answer, true, place));
    let node = response(all.collect(), usage, &ask.model, id);
    chunks.push((Part::Closing, node));
    chunks
}

impl Provider for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn read(&self, call: &Call<'_>, _: &mut Draw) -> Result<Ask, Reply> {
        let Some((model, form)) = Form::of(call).filter(|_| call.method == http::Method::POST)
        else {
            return Err(refuse(
                call,
                404,
                "Requested entity was not found.",
                Vec::new(),
            ));
        };
        let Some(key) = call.header("x-goog-api-key").or(call.query_value("key")) else {
            let message = "Method doesn't allow unregistered callers (callers without established \
                identity). Please use API Key or other form of API consumer identity to call this \
                API.";
            return Err(refuse(call, 403, message, Vec::new()));
        };
        if !key_is_good(key, &["AIza", "AQ."]) {
            let info = object! { "@type" => "type.googleapis.com/google.rpc.ErrorInfo",
            "reason" => "API_KEY_INVALID", "domain" => "googleapis.com",
            "metadata" => object! { "service" => "generativelanguage.googleapis.com" } };
            let text = "API key not valid. Please pass a valid API key.";
            let localized = object! {
            "@type" => "type.googleapis.com/google.rpc.LocalizedMessage",
            "locale" => "en-US", "message" => text };
            return Err(refuse(call, 400, text, vec![info, localized]));
        }
        let value = call.body.map_err(|problem| {
            let message = format!("Invalid JSON payload received. {problem}");
            refuse(call, 400, &message, Vec::new())
        })?;
        if !call.knows(model, MODELS) {
            let message = format!(
                "models/{model} is not found for API version v1beta, or is not supported for \
                 generateContent. Call ListModels to see the list of available models and their \
                 supported methods."
            );
            return Err(refuse(call, 404, &message, Vec::new()));
        }
        let mut ask = read::read(value, wants_signatures(model))
            .and_then(|ask| {
                read::check_proofs(value, call.foreign_proofs)?;
                settings::check_thinking(value, model).map_err(|text| (text, Vec::new()))?;
                Ok(ask)
            })
            .map_err(|(text, details)| refuse(call, 400, &text, details))?;
        model.clone_into(&mut ask.model);
        ask.stream = form != Form::Unary;
        ask.reasons = thinks(model) && ask.reasons;
        Ok(ask)
    }

    fn render(&self, call: &Call<'_>, ask: &Ask, answer: &Answer, draw: &mut Draw) -> Reply {
        let id = draw.alnum(23);
        let usage = &answer.usage;
        let form = Form::of(call).map_or(Form::Unary, |(_, form)| form);
        let answer_reply = match form {
            Form::Unary => {
                let parts = joined(ask, answer, draw);
                let parts = (answer.finish != Some(Finish::Filter)).then_some(parts);
                let usage = usage_node(usage, usage.output - usage.reasoning, usage.reasoning);
                let text = answer.text();
                let all = 0..ask.answers.max(1);
                let all =
                    all.map(|place| candidate(ask, parts.clone(), &text, answer, true, place));
                let body = response(all.collect(), usage, &ask.model, &id);
                reply(200, body.to_pretty() + "\n")
            }
            Form::Events => {
                let frames = chunks(ask, answer, &id, draw)
                    .into_iter()
                    .map(|(part, chunk)| {
                        Frame::new(part, format!("data: {}\r\n\r\n", chunk.to_text()))
                    });
                let payload = Payload::Stream(frames.collect());
                Reply {
                    status: 200,
                    headers: Vec::new(),
                    payload,
                }
                .header("content-type", "text/event-stream")
            }
            Form::Array => {
                let chunks = chunks(ask, answer, &id, draw).into_iter().enumerate();
                let frames = chunks.map(|(index, (part, chunk))| {
                    let before = if index == 0 { "[" } else { ",\r\n" };
                    let after = if part == Part::Closing { "\n]\n" } else { "\n" };
                    Frame::new(part, format!("{before}{}{after}", chunk.to_pretty()))
                });
                let payload = Payload::Stream(frames.collect());
                Reply {
                    status: 200,
                    headers: Vec::new(),
                    payload,
                }
                .header("content-type", "application/json; charset=UTF-8")
            }
        };
        answer_reply.header("server-timing", server_timing(draw))
    }

    fn failure(&self, call: &Call<'_>, ask: &Ask, fault: &StatusFault, draw: &mut Draw) -> Reply {
        let word = fault.code.as_deref().unwrap_or(status_word(fault.status));
        let message = match fault.status {
            401 => "Request had invalid authentication credentials.".to_owned(),
            402 | 403 => "The caller does not have permission".to_owned(),
            429 => format!(
                "You exceeded your current quota, please check your plan and billing details. For \
                 more information on this error, head to: \
                 https://ai.google.dev/gemini-api/docs/rate-limits.\nPlease retry in {}s.",
                fault.retry_after_seconds.unwrap_or(26)
            ),
            503 | 529 => "The model is overloaded. Please try again later.".to_owned(),
            408 | 504 => "Deadline expired before operation could complete.".to_owned(),
            status if status >= 500 => INTERNAL.to_owned(),
            _ => "Request contains an invalid argument.".to_owned(),
        };
        let message = fault.message.as_deref().unwrap_or(&message);
        let mut details = Vec::new();
        if fault.status == 429 {
            details.push(quota(&ask.model));
        }
        if let Some(seconds) = fault.retry_after_seconds {
            details.push(
                object! { "@type" => "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay" => format!("{seconds}s") },
            );
        }
        refuse_as(call, fault.status, word, message, details)
            .header("server-timing", server_timing(draw))
    }

    fn interruption(&self, _: &Call<'_>, _: &mut Draw) -> (String, String) {
        let body = error_node(
            503,
            "UNAVAILABLE",
            "The model is overloaded. Please try again later.",
            Vec::new(),
        );
        (
            format!("data: {}\r\n\r\n", body.to_text()),
            body.to_pretty(),
        )
    }
}

const INTERNAL: &str = "An internal error has occurred. Please retry or report in \
    https://developers.generativeai.google/guide/troubleshooting";

fn quota(model: &str) -> Node {
    let violation = object! {
        "quotaMetric" => "generativelanguage.googleapis.com/generate_content_paid_tier_requests",
        "quotaId" => "GenerateRequestsPerMinutePerProjectPerModel",
        "quotaDimensions" => object! { "location" => "global", "model" => model },
        "quotaValue" => "1000",
    };
    object! { "@type" => "type.googleapis.com/google.rpc.QuotaFailure",
    "violations" => vec![violation] }
}
