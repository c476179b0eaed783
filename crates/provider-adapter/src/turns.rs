//! A conversation as turns: instructions apart, the person and the model in alternation, and every
//! call answered in the turn behind it. Anthropic and Gemini want it so.

use std::borrow::Cow;

use smallvec::SmallVec;
use steelyard_types::{CacheMark, ChatRequest, Message, Part, ReasoningPart, Role, ToolCall};

use crate::carry::{self, refuse};
use crate::openai::request::FUNCTION_CALL_ID;
use crate::{Losses, Refusal};

/// A conversation in turns.
#[derive(Debug)]
pub(crate) struct Conversation<'r, 'a> {
    /// Instructions, in order, wherever in the conversation they stood. None is blank.
    pub(crate) system: Vec<Piece<'r, 'a>>,
    /// Turns; neighbours have different speakers, none is empty, the first is the person's.
    pub(crate) turns: Vec<Turn<'r, 'a>>,
}

/// What one side says before the other speaks: results, pieces and calls, which is the order that
/// they stood in, because a result behind other words and words behind a call are refused.
#[derive(Debug)]
pub(crate) struct Turn<'r, 'a> {
    /// Who speaks.
    pub(crate) speaker: Speaker,
    /// Results of the calls in the turn before: all of them, in the order of the calls.
    pub(crate) results: Vec<CallResult<'r, 'a>>,
    /// Parts of messages in the order that they stood in, no text of them blank.
    pub(crate) pieces: SmallVec<[Piece<'r, 'a>; 2]>,
    /// Calls that the model makes.
    pub(crate) calls: Vec<Call<'r, 'a>>,
}

impl<'r, 'a> Turn<'r, 'a> {
    /// The pieces of each message of the turn, with its place among the request's; a message that
    /// only calls has none.
    pub(crate) fn pieces_by_message(&self) -> Vec<(usize, &[Piece<'r, 'a>])> {
        let same = |one: &Piece<'_, '_>, other: &Piece<'_, '_>| one.message == other.message;
        let pieces = self.pieces.chunk_by(same);
        let mut all: Vec<_> = pieces
            .filter_map(|pieces| Some((pieces.first()?.message, pieces)))
            .collect();
        if let Some(call) = self.calls.first()
            && all
                .last()
                .is_none_or(|(message, _)| *message != call.message)
        {
            all.push((call.message, &[]));
        }
        all
    }
}

/// A part of a message, and where it stood in the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'r, 'a> {
    pub(crate) part: &'r Part<'a>,
    /// What the client wants cached up to here.
    pub(crate) cache: Option<CacheMark>,
    message: usize,
    position: usize,
}

impl<'r> Piece<'r, '_> {
    /// The words, if it is text. A refusal is what its model said.
    pub(crate) fn text(&self) -> Option<&'r str> {
        match self.part {
            Part::Text(text) | Part::Refusal(text) => Some(text),
            _ => None,
        }
    }

    /// The part's path in the client's dialect.
    pub(crate) fn path(&self) -> String {
        format!("messages[{}].content[{}]", self.message, self.position)
    }
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// The person, or the program that asks; results of tools are said by this side too.
    User,
    /// The model.
    Model,
}

/// A call, and where it stood in the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'r, 'a> {
    pub(crate) call: &'r ToolCall<'a>,
    /// What the client wants cached up to here.
    pub(crate) cache: Option<CacheMark>,
    message: usize,
    position: usize,
}

impl Call<'_, '_> {
    /// The call's path in the client's dialect.
    pub(crate) fn path(&self) -> String {
        if self.call.id.starts_with(FUNCTION_CALL_ID) {
            return format!("messages[{}].function_call", self.message);
        }
        format!("messages[{}].tool_calls[{}]", self.message, self.position)
    }
}

/// What a tool said.
#[derive(Debug)]
pub(crate) struct CallResult<'r, 'a> {
    /// The call that it answers.
    pub(crate) call: &'r ToolCall<'a>,
    /// Its words; pieces of one message are joined with a line break.
    pub(crate) text: Cow<'r, str>,
    /// The same and everything else that it said, in order.
    pub(crate) pieces: SmallVec<[Piece<'r, 'a>; 1]>,
    /// What the client wants cached up to the end of the result.
    pub(crate) cache: Option<CacheMark>,
    /// Whether the tool failed.
    pub(crate) failed: bool,
}

/// Most calls in one turn. Ids are matched by comparing all with all, so there has to be a bound.
const MAX_CALLS: usize = 256;

/// What a provider accepts as a conversation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    /// The provider's name in the reasons.
    pub(crate) provider: &'static str,
    /// Whether the provider refuses this text because there is nothing in it.
    pub(crate) blank: fn(&str) -> bool,
    /// Whether the first turn must be the user's.
    pub(crate) user_first: bool,
}

/// Arranges the request's messages in turns.
///
/// An assistant message without words or calls says nothing and leaves no trace; so do a blank
/// piece of text beside other words and thoughts that are not to be `kept`, such as those of
/// another model.
///
/// # Errors
/// A user message without content, a call without a result right behind it, a result without its
/// call, and what the provider's manners forbid.
pub(crate) fn arrange<'r, 'a>(
    request: &'r ChatRequest<'a>,
    manners: Manners,
    kept: &dyn Fn(&ReasoningPart<'_>) -> bool,
) -> Result<Conversation<'r, 'a>, Refusal> {
    let mut conversation = Conversation {
        system: Vec::new(),
        turns: Vec::new(),
    };
    for (index, message) in request.messages.iter().enumerate() {
        let pieces = pieces(index, message).filter(|piece| match piece.part {
            Part::Reasoning(thought) => kept(thought),
            _ => !piece.text().is_some_and(manners.blank),
        });
        match message.role {
            Role::System | Role::Developer => conversation.system.extend(pieces),
            Role::User => conversation.say(index, pieces.collect(), manners)?,
            Role::Assistant => conversation.answer(index, message, pieces.collect(), manners)?,
            Role::Tool => conversation.report(index, message)?,
        }
    }
    conversation.settle()?;
    match conversation.turns.last() {
        None => Err(refuse(
            "messages",
            format!(
                "hold nothing but instructions; {} needs a user message",
                manners.provider
            ),
        )),
        Some(turn) => match turn.calls.first() {
            Some(call) => Err(unanswered(call)),
            None => Ok(conversation),
        },
    }
}

/// The parts of a message, with their places.
fn pieces<'r, 'a>(
    index: usize,
    message: &'r Message<'a>,
) -> impl Iterator<Item = Piece<'r, 'a>> + use<'r, 'a> {
    let parts = message.content.iter().enumerate();
    parts.map(move |(position, part)| Piece {
        part,
        cache: mark(message, position),
        message: index,
        position,
    })
}

/// The mark at that position of a message, its calls counted behind its parts.
fn mark(message: &Message<'_>, position: usize) -> Option<CacheMark> {
    let marked = message.cache.iter().find(|one| one.position == position);
    marked.map(|one| one.mark)
}

/// Whether the message is an answer without a word or a call: one that was filtered, or cut short
/// while its model thought. Providers refuse it in a history.
pub(crate) fn is_silent(message: &Message<'_>, blank: fn(&str) -> bool) -> bool {
    let says_nothing = |part: &Part<'_>| match part {
        Part::Text(text) | Part::Refusal(text) => blank(text),
        Part::Reasoning(_) => true,
        Part::Image(_) | Part::Document(_) | Part::Other { .. } => false,
    };
    message.role == Role::Assistant
        && message.tool_calls.is_empty()
        && message.content.iter().all(says_nothing)
}

/// Declares answers without a word or a call that stay behind; of one with thoughts they are
/// declared. At the end of a conversation one is no answer but nothing to go on from, and not missed.
pub(crate) fn declare_silent(
    request: &ChatRequest<'_>,
    blank: fn(&str) -> bool,
    lossy: &mut Losses,
) {
    let mut messages = request.messages.iter();
    messages.next_back();
    let is_lost = |message: &Message<'_>| {
        is_silent(message, blank) && !message.content.iter().any(is_thought)
    };
    let field = carry::named(request, "messages.content", "messages.content");
    lossy.add_if(field, messages.any(is_lost));
}

/// Whether the part is a thought in which there is anything.
pub(crate) fn is_thought(part: &Part<'_>) -> bool {
    match part {
        Part::Reasoning(thought) => !thought.text.is_empty() || has_proof(thought),
        _ => false,
    }
}

/// Whether a thought is signed, or readable for its provider alone.
pub(crate) fn has_proof(thought: &ReasoningPart<'_>) -> bool {
    let given = |it: &Option<Cow<'_, str>>| it.as_ref().is_some_and(|it| !it.is_empty());
    given(&thought.signature) || given(&thought.redacted)
}

/// A message's words as one text, pieces joined with a line break.
pub(crate) fn joined<'r>(message: &'r Message<'_>) -> Cow<'r, str> {
    let mut pieces = message.texts();
    let first = pieces.next().unwrap_or("");
    match pieces.next() {
        None => Cow::Borrowed(first),
        Some(second) => {
            let mut all = String::with_capacity(first.len() + second.len() + 1);
            all.push_str(first);
            for piece in std::iter::once(second).chain(pieces) {
                all.push('\n');
                all.push_str(piece);
            }
            Cow::Owned(all)
        }
    }
}

/// The words of a message for a format that has no other word for a tool that failed.
pub(crate) fn told<'r>(message: &'r Message<'_>) -> Cow<'r, str> {
    let words = joined(message);
    if message.is_error {
        Cow::Owned(format!("Error: {words}"))
    } else {
        words
    }
}

impl<'r, 'a> Conversation<'r, 'a> {
    /// The turn of that speaker at the end of the conversation, a new one if the other spoke last.
    fn turn(&mut self, speaker: Speaker) -> Result<&mut Turn<'r, 'a>, Refusal> {
        let same = self
            .turns
            .last()
            .is_some_and(|turn| turn.speaker == speaker);
        if !same {
            self.settle()?;
            self.turns.push(Turn {
                speaker,
                results: Vec::new(),
                pieces: SmallVec::new(),
                calls: Vec::new(),
            });
        }
        self.turns
            .last_mut()
            .ok_or_else(|| refuse("messages", "are empty"))
    }

    fn say(
        &mut self,
        index: usize,
        pieces: SmallVec<[Piece<'r, 'a>; 2]>,
        manners: Manners,
    ) -> Result<(), Refusal> {
        if pieces.is_empty() {
            return Err(refuse(
                format!("messages[{index}].content"),
                format!("is empty, which {} does not accept", manners.provider),
            ));
        }
        self.turn(Speaker::User)?.pieces.extend(pieces);
        Ok(())
    }

    fn answer(
        &mut self,
        index: usize,
        message: &'r Message<'a>,
        pieces: SmallVec<[Piece<'r, 'a>; 2]>,
        manners: Manners,
    ) -> Result<(), Refusal> {
        if pieces.is_empty() && message.tool_calls.is_empty() {
            return Ok(());
        }
        if manners.user_first && self.turns.is_empty() {
            return Err(refuse(
                format!("messages[{index}].role"),
                format!(
                    "is assistant, but {} wants the user first",
                    manners.provider
                ),
            ));
        }
        if message.tool_calls.len() > MAX_CALLS {
            return Err(refuse(
                format!("messages[{index}].tool_calls"),
                format!("are more than {MAX_CALLS}"),
            ));
        }
        let turn = self.turn(Speaker::Model)?;
        if let Some(call) = turn.calls.first() {
            // Words or calls behind calls of the same turn: the results are missing between them.
            return Err(unanswered(call));
        }
        turn.pieces.extend(pieces);
        for (position, call) in message.tool_calls.iter().enumerate() {
            let call = Call {
                call,
                cache: mark(message, message.content.len() + position),
                message: index,
                position,
            };
            if turn.calls.iter().any(|other| other.call.id == call.call.id) {
                return Err(refuse(
                    format!("{}.id", call.path()),
                    "is the id of another call beside it",
                ));
            }
            turn.calls.push(call);
        }
        Ok(())
    }

    fn report(&mut self, index: usize, message: &'r Message<'a>) -> Result<(), Refusal> {
        let field = || format!("messages[{index}].tool_call_id");
        let Some(id) = message.tool_call_id.as_deref() else {
            return Err(refuse(field(), "is missing"));
        };
        let turn = self.turn(Speaker::User)?;
        let in_time = turn.pieces.is_empty();
        let answered = turn.results.iter().any(|result| result.call.id == id);
        let call = self
            .asking()
            .and_then(|calls| calls.iter().find(|call| call.call.id == id))
            .map(|call| call.call);
        match call {
            Some(call) if in_time && !answered => {
                let result = CallResult {
                    call,
                    text: joined(message),
                    pieces: pieces(index, message).collect(),
                    cache: message.cache.last().map(|last| last.mark),
                    failed: message.is_error,
                };
                self.turn(Speaker::User)?.results.push(result);
                Ok(())
            }
            Some(_) if answered => Err(refuse(field(), "answers a call a second time")),
            Some(_) => Err(refuse(field(), "answers a call after the user spoke")),
            None => Err(refuse(
                field(),
                "answers no call of the assistant message before it",
            )),
        }
    }

    /// The calls that the last turn has to answer.
    fn asking(&self) -> Option<&[Call<'r, 'a>]> {
        let before = self.turns.len().checked_sub(2)?;
        self.turns.get(before).map(|turn| turn.calls.as_slice())
    }

    /// Checks that the last turn answers every call of the one before it, or makes none itself if
    /// nothing follows, and puts the results in the order of the calls.
    fn settle(&mut self) -> Result<(), Refusal> {
        let Some(last) = self.turns.len().checked_sub(1) else {
            return Ok(());
        };
        let (before, behind) = self.turns.split_at_mut(last);
        let Some(turn) = behind.first_mut() else {
            return Ok(());
        };
        let Some(asking) = before.last().filter(|turn| !turn.calls.is_empty()) else {
            return Ok(());
        };
        let place = |result: &CallResult<'_, '_>| {
            asking
                .calls
                .iter()
                .position(|call| call.call.id == result.call.id)
        };
        turn.results.sort_by_key(place);
        for call in &asking.calls {
            if !turn
                .results
                .iter()
                .any(|result| result.call.id == call.call.id)
            {
                return Err(unanswered(call));
            }
        }
        Ok(())
    }
}

fn unanswered(call: &Call<'_, '_>) -> Refusal {
    refuse(call.path(), "has no result right behind it")
}

#[cfg(test)]
mod tests;
