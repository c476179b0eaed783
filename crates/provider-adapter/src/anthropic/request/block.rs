//! Content blocks, and what of a conversation becomes one.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use steelyard_types::{
    CacheMark, ChatRequest, Message, Part, ReasoningPart, Role, Source, Target, ToolCall,
};

use super::{MANNERS, is_false};
use crate::carry::refuse;
use crate::gemini::call_id;
use crate::origin::{self, Origin};
use crate::turns::{Call, CallResult, Conversation, Piece, Speaker, Turn};
use crate::{Refusal, arguments, base64, json};

/// Kinds of pictures that Anthropic takes, by its reference.
const PICTURES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
/// The one kind of document whose bytes it takes. Text it takes as text.
const PDF: &str = "application/pdf";
/// The one kind of text, for all that others tell apart.
const PLAIN: &str = "text/plain";

#[derive(Serialize)]
pub(super) struct WireMessage<'r> {
    role: &'static str,
    content: Content<'r>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Content<'r> {
    Text(Cow<'r, str>),
    Blocks(Vec<Block<'r>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'r> {
    Text {
        text: Cow<'r, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<WireMark>,
    },
    Image {
        source: WireSource<'r>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<WireMark>,
    },
    Document {
        source: WireSource<'r>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'r str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<WireMark>,
    },
    Thinking {
        thinking: &'r str,
        signature: &'r str,
    },
    RedactedThinking {
        data: &'r str,
    },
    ToolUse {
        id: Cow<'r, str>,
        name: &'r str,
        input: Cow<'r, RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<WireMark>,
    },
    ToolResult {
        tool_use_id: Cow<'r, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<Content<'r>>,
        #[serde(skip_serializing_if = "is_false")]
        is_error: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<WireMark>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum WireSource<'r> {
    Base64 {
        media_type: &'r str,
        data: &'r str,
    },
    Url {
        url: &'r str,
    },
    Text {
        media_type: &'static str,
        data: String,
    },
}

/// `{"type":"ephemeral"}`, which lasts five minutes where it does not say otherwise.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "type", rename = "ephemeral")]
pub(super) struct WireMark {
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

impl From<CacheMark> for WireMark {
    fn from(mark: CacheMark) -> Self {
        Self {
            ttl: mark.one_hour.then_some("1h"),
        }
    }
}

impl<'r> Block<'r> {
    pub(super) fn text(text: impl Into<Cow<'r, str>>) -> Self {
        Self::Text {
            text: text.into(),
            cache_control: None,
        }
    }
}

/// Whether this part of a message of that role has a block.
pub(super) fn has_block(part: &Part<'_>, role: Role) -> bool {
    let role_fits = matches!(role, Role::User | Role::Tool);
    match part {
        Part::Image(image) => role_fits && takes(&image.source, &PICTURES),
        Part::Document(document) => {
            let source = &document.source;
            role_fits && (takes(source, &[PDF]) || words(source).is_some())
        }
        Part::Text(_) | Part::Refusal(_) | Part::Reasoning(_) => true,
        Part::Other { .. } => false,
    }
}

fn takes(source: &Source<'_>, kinds: &[&str]) -> bool {
    match source {
        Source::Url(_) => true,
        Source::Base64 { media_type, .. } => kinds.contains(&media_type.as_ref()),
    }
}

/// The words of a text that came as bytes; `None` where it is none, or cannot be read.
fn words(source: &Source<'_>) -> Option<String> {
    match source {
        Source::Base64 { media_type, data } if media_type.starts_with("text/") => {
            base64::text(data)
        }
        _ => None,
    }
}

/// The proof of thoughts that this very model had, without the gateway's mark.
pub(super) fn own<'p>(thoughts: &'p ReasoningPart<'_>, target: &Target) -> Option<&'p str> {
    let proof = thoughts.redacted.as_ref().or(thoughts.signature.as_ref())?;
    match origin::open(proof, target) {
        Origin::Own(proof) => Some(proof),
        // A client of another dialect has no business with Anthropic's signatures: this one is of
        // whatever model it talked to before.
        Origin::Foreign | Origin::Unmarked(_) => None,
    }
}

/// Whether a history holds thoughts that this model is not told: another's, or some that nothing
/// was said after.
pub(super) fn loses_thoughts(request: &ChatRequest<'_>, target: &Target) -> bool {
    let had = |part: &&ReasoningPart<'_>| {
        !part.text.is_empty() || part.signature.is_some() || part.redacted.is_some()
    };
    request.messages.iter().any(|message| {
        let mut thoughts = thoughts(message).filter(had).peekable();
        thoughts.peek().is_some()
            && (!says_something(message) || thoughts.any(|part| own(part, target).is_none()))
    })
}

/// The thoughts in a message.
pub(super) fn thoughts<'m, 'a>(
    message: &'m Message<'a>,
) -> impl Iterator<Item = &'m ReasoningPart<'a>> {
    message.content.iter().filter_map(|part| match part {
        Part::Reasoning(thoughts) => Some(thoughts),
        _ => None,
    })
}

fn says_something(message: &Message<'_>) -> bool {
    !message.tool_calls.is_empty() || message.texts().any(|text| !(MANNERS.blank)(text))
}

/// Instructions, in order, wherever in the conversation they stood.
pub(super) fn system<'r>(conversation: &Conversation<'r, '_>, target: &Target) -> Vec<Block<'r>> {
    let pieces = conversation.system.iter();
    pieces.filter_map(|piece| block(piece, target)).collect()
}

/// One turn as a message; `None` where nothing is left to say. `last` says whether it is the
/// conversation's end.
pub(super) fn message<'r>(
    turn: &Turn<'r, '_>,
    target: &Target,
    last: bool,
) -> Result<Option<WireMessage<'r>>, Refusal> {
    let mut blocks = Vec::with_capacity(turn.results.len() + turn.pieces.len() + turn.calls.len());
    // Results stand before anything else: Anthropic refuses the other order.
    let results = turn.results.iter();
    blocks.extend(results.map(|result| tool_result(result, target)));
    let pieces = turn.pieces.iter();
    blocks.extend(pieces.filter_map(|piece| block(piece, target)));
    for call in &turn.calls {
        blocks.push(tool_use(call));
    }
    // Anthropic refuses thoughts that nothing is said after: an answer that was cut short.
    while let Some(Block::Thinking { .. } | Block::RedactedThinking { .. }) = blocks.last() {
        blocks.pop();
    }
    if last
        && turn.speaker == Speaker::Model
        && let Some(Block::Text { text, .. }) = blocks.last_mut()
    {
        // Anthropic refuses words to go on from that end in white space.
        *text = match std::mem::take(text) {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim_end()),
            Cow::Owned(text) => Cow::Owned(text.trim_end().to_owned()),
        };
    }
    let role = match turn.speaker {
        Speaker::User => "user",
        Speaker::Model => "assistant",
    };
    Ok((!blocks.is_empty()).then(|| WireMessage {
        role,
        content: content(blocks),
    }))
}

/// A single text without a mark is written as a string.
pub(super) fn content(mut blocks: Vec<Block<'_>>) -> Content<'_> {
    if let [
        Block::Text {
            text,
            cache_control: None,
        },
    ] = blocks.as_mut_slice()
    {
        return Content::Text(std::mem::take(text));
    }
    Content::Blocks(blocks)
}

/// The block of a part, where it has one: blank text and another model's thoughts do not.
fn block<'r>(piece: &Piece<'r, '_>, target: &Target) -> Option<Block<'r>> {
    block_of(piece.part, piece.cache, target)
}

fn block_of<'r>(
    part: &'r Part<'_>,
    cache: Option<CacheMark>,
    target: &Target,
) -> Option<Block<'r>> {
    let cache_control = cache.map(WireMark::from);
    Some(match part {
        Part::Text(text) | Part::Refusal(text) => {
            let text = Some(text).filter(|text| !(MANNERS.blank)(text))?;
            Block::Text {
                text: Cow::Borrowed(text.as_ref()),
                cache_control,
            }
        }
        Part::Image(image) => Block::Image {
            source: source(&image.source),
            cache_control,
        },
        Part::Document(document) => Block::Document {
            source: source(&document.source),
            title: document.name.as_deref(),
            cache_control,
        },
        Part::Reasoning(thoughts) => return thinking(thoughts, target),
        // Refused beforehand.
        Part::Other { .. } => return None,
    })
}

fn source<'r>(source: &'r Source<'_>) -> WireSource<'r> {
    if let Some(data) = words(source) {
        let media_type = PLAIN;
        return WireSource::Text { media_type, data };
    }
    match source {
        Source::Url(url) => WireSource::Url { url },
        Source::Base64 { media_type, data } => WireSource::Base64 { media_type, data },
    }
}

fn thinking<'r>(thoughts: &'r ReasoningPart<'_>, target: &Target) -> Option<Block<'r>> {
    let proof = own(thoughts, target)?;
    Some(match thoughts.redacted {
        Some(_) => Block::RedactedThinking { data: proof },
        None => Block::Thinking {
            thinking: &thoughts.text,
            signature: proof,
        },
    })
}

fn tool_use<'r>(call: &Call<'r, '_>) -> Block<'r> {
    Block::ToolUse {
        id: id(call.call),
        name: &call.call.name,
        input: arguments::as_object(&call.call.arguments),
        cache_control: call.cache.map(WireMark::from),
    }
}

fn tool_result<'r>(result: &CallResult<'r, '_>, target: &Target) -> Block<'r> {
    // A mark behind the last piece is the whole result's.
    let (inner, end) = match result.pieces.split_last() {
        Some((last, inner)) => (inner, Some(*last)),
        None => (&[][..], None),
    };
    let whole = end.map_or(result.cache, |last| last.cache);
    let inner = inner.iter().map(|piece| (piece.part, piece.cache));
    let pieces = inner.chain(end.map(|last| (last.part, None)));
    let blocks: Vec<_> = pieces
        .filter_map(|(part, cache)| block_of(part, cache, target))
        .collect();
    let content = match blocks.is_empty() {
        // White space is what a tool may have printed.
        true => Content::Text(result.text.clone()),
        false => content(blocks),
    };
    let is_empty = matches!(&content, Content::Text(text) if text.is_empty());
    Block::ToolResult {
        tool_use_id: id(result.call),
        content: (!is_empty).then_some(content),
        is_error: result.failed,
        cache_control: whole.map(WireMark::from),
    }
}

/// What `tool_use.id` may be made of: `^[a-zA-Z0-9_-]+$`.
pub(in crate::anthropic) fn is_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !id.is_empty() && id.bytes().all(allowed)
}

/// The call's id without what Gemini put into it, or a stand-in of Anthropic's alphabet for ids of
/// other providers.
fn id<'r>(call: &'r ToolCall<'_>) -> Cow<'r, str> {
    mapped_id(&call.id)
}

pub(in crate::anthropic) fn mapped_id(id: &str) -> Cow<'_, str> {
    let id = call_id::unpack(id).id;
    if is_id(id) {
        Cow::Borrowed(id)
    } else {
        Cow::Owned(format!("call_{:016x}", json::fnv1a(&[id.as_bytes()])))
    }
}

/// Stop sequences that Anthropic takes: none of white space only.
pub(super) fn check_stops(request: &ChatRequest<'_>) -> Result<(), Refusal> {
    for (index, stop) in request.stop.iter().flatten().enumerate() {
        if stop.trim().is_empty() {
            return Err(refuse(
                format!("stop[{index}]"),
                "is only white space, which Anthropic does not accept",
            ));
        }
    }
    Ok(())
}
